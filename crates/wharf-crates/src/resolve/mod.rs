//! From a problem to an outcome.
//!
//! | module | job |
//! |---|---|
//! | `world` | crates, versions, ranges and requests as numbers, each looked up once |
//! | `features` | what a set of features turns on |
//! | `locks` | what the lock so far holds |
//! | `state` | where the search stands, and steps back |
//! | `search` | the search |
//! | `explain` | a dead end in words |
//! | `finish` | from the last state to an outcome |

mod explain;
mod features;
mod finish;
mod locks;
mod search;
mod state;
mod world;

use wharf_ecosystem::cargo::SourceId;

use crate::error::{ResolveError, Stop};
use crate::outcome::Outcome;
use crate::problem::{Problem, Universe};
use locks::{Grip, Locks};
use search::Search;
use world::{Known, World};

pub(crate) use features::{On, by_request, of_root};
pub(crate) use world::Request;

/// Resolves a problem.
///
/// # Errors
/// [`Stop::Needs`] where the universe has to know more, [`Stop::Failed`] where there is no outcome.
pub fn resolve(problem: &Problem, universe: &dyn Universe) -> Result<Outcome, Stop> {
    let locks = Locks::new(problem, universe, Grip::Narrow);
    match attempt(problem, universe, &locks) {
        Err(Stop::Failed(_)) if locks.narrows() => {
            let looser = Locks::new(problem, universe, Grip::Prefer);
            attempt(problem, universe, &looser)
        }
        end => end,
    }
}

fn attempt(problem: &Problem, universe: &dyn Universe, locks: &Locks) -> Result<Outcome, Stop> {
    let mut world = World::new(problem, universe, locks);
    patches(&mut world)?;
    let mut search = Search::new(&mut world);
    let end = search.run();
    if !search.world.needs.is_empty() {
        return Err(Stop::Needs(std::mem::take(&mut search.world.needs)));
    }
    if let Some(failure) = &search.world.failure {
        return Err(Stop::failed(explain::unavailable(&search, failure)));
    }
    match end {
        Ok(()) => finish::outcome(&mut search).map_err(Stop::failed),
        Err(stuck) => Err(Stop::failed(explain::stuck(&search, &stuck))),
    }
}

/// Finds the packages of the patches. Each has to be exactly one.
fn patches(world: &mut World<'_>) -> Result<(), Stop> {
    let problem = world.problem;
    let mut found: Vec<(SourceId, usize)> = Vec::with_capacity(problem.patches.len());
    for patch in &problem.patches {
        let wanted = &patch.dependency;
        let list = world.list(&wanted.source, &wanted.package, &wanted.req, None);
        let of = world.lists[list].of;
        if let Known::Failed(reason) = &world.crates[of].known {
            return Err(Stop::failed(ResolveError::Unavailable {
                package: wanted.package.to_string(),
                looked_in: wanted.source.clone(),
                asker: None,
                reason: reason.clone(),
            }));
        }
        let Some(candidates) = world.lists[list].candidates.clone() else {
            continue;
        };
        let bad = |reason: String| ResolveError::Patch {
            package: wanted.package.to_string(),
            of: patch.of.clone(),
            reason,
        };
        let kept = world.locks.versions(&wanted.source, &wanted.package);
        let locked = candidates
            .iter()
            .find(|package| kept.contains(&world.version(**package)));
        let package = match (&*candidates, locked) {
            ([package], _) | (_, Some(package)) => *package,
            ([], None) => {
                let reason = format!("{} has no version `{}`", wanted.source, wanted.req);
                return Err(Stop::failed(bad(reason)));
            }
            (several, None) => {
                let versions: Vec<_> = several
                    .iter()
                    .map(|package| world.version(*package).to_string())
                    .collect();
                let reason = format!("it has to mean one version, and means {}", versions.join(", "));
                return Err(Stop::failed(bad(reason)));
            }
        };
        if wanted.source == patch.of {
            return Err(Stop::failed(bad(
                "it points to the source that it patches".to_owned()
            )));
        }
        let twice = found.iter().any(|(of, other)| {
            *of == patch.of
                && world.crates[world.packages[*other].of].name == wanted.package
                && world.version(*other) == world.version(package)
        });
        if twice {
            let reason = format!("several patches have the version {}", world.version(package));
            return Err(Stop::failed(bad(reason)));
        }
        found.push((patch.of.clone(), package));
    }
    world.patches = found;
    Ok(())
}
