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

use std::sync::Arc;

use wharf_ecosystem::cargo::SourceId;

use crate::error::{ResolveError, Stop};
use crate::lock::lock_of;
use crate::outcome::{Outcome, Resolved};
use crate::problem::{Previous, Problem, Universe};
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
    let outcome = first(problem, universe)?;
    settle(problem, universe, outcome)
}

/// What the search finds first.
pub(crate) fn first(problem: &Problem, universe: &dyn Universe) -> Result<Outcome, Stop> {
    let locks = Locks::new(problem, universe, Grip::Narrow);
    match attempt(problem, universe, &locks) {
        Err(Stop::Failed(_)) if locks.narrows() => {
            let looser = Locks::new(problem, universe, Grip::Prefer);
            attempt(problem, universe, &looser)
        }
        end => end,
    }
}

/// Goes on until the outcome, read as a lock, leads to itself: only then does `cargo build --locked` take it.
///
/// Where two versions that a package needs answer one of its ranges, cargo's lock does not say which of them does, and with a lock cargo
/// takes the lower one although without it took the higher. Edges only get fewer by that, so that it ends soon.
fn settle(problem: &Problem, universe: &dyn Universe, mut outcome: Outcome) -> Result<Outcome, Stop> {
    const ROUNDS: usize = 16;
    for _ in 0..ROUNDS {
        if !outcome
            .packages
            .iter()
            .any(|package| needs_two_of_one_name(package, &outcome))
        {
            break;
        }
        let lock =
            lock_of(&outcome, None, None).expect("without a previous lock no checksum differs from it");
        let mut again = problem.clone();
        again.previous = Some(Previous::kept(Arc::new(lock)));
        let locks = Locks::new(&again, universe, Grip::Narrow);
        let next = attempt(&again, universe, &locks)?;
        if next.packages == outcome.packages {
            break;
        }
        outcome = next;
    }
    Ok(outcome)
}

fn needs_two_of_one_name(package: &Resolved, outcome: &Outcome) -> bool {
    let mut names: Vec<_> = package
        .edges
        .iter()
        .map(|edge| (&outcome.packages[edge.to].summary.name, edge.to))
        .collect();
    names.sort_unstable();
    names.dedup();
    names.windows(2).any(|pair| pair[0].0 == pair[1].0)
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
        if wanted.source.same_place(&patch.of) {
            return Err(Stop::failed(bad(
                "it points to the source that it patches".to_owned()
            )));
        }
        let twice = found.iter().any(|(of, other)| {
            of.same_place(&patch.of)
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
