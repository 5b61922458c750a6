//! From requirements to a resolution: PyPI's rules encoded for the solver, facts fetched ahead of it, several targets, and
//! explanations when nothing fits.
//!
//! | module | job |
//! |---|---|
//! | [`problem`] | what is to be resolved |
//! | [`source`] | where facts come from: the one seam to the index |
//! | `scope` | a problem seen from one target |
//! | `offer` | which file of a version to use, or why none |
//! | `encode` | packages and requirements as the solver's numbers |
//! | `fetch` | facts, fetched ahead |
//! | `releases` | the index's lazy pages as the resolver's pages |
//! | [`resolution`] | what was chosen |
//! | [`explain`] | why nothing could be chosen, and what would help |
//!
//! Invariant: the same problem and the same index give the same resolution, whatever order the index answers in.

mod encode;
mod error;
pub mod explain;
mod fetch;
mod offer;
pub mod problem;
mod releases;
pub mod resolution;
mod scope;
pub mod source;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use tokio::runtime::Handle;
use wharf_core::{Event, PackageName, Phase, Sinks};
use wharf_ecosystem::pypi::{ExtraName, Version, package_name};
use wharf_solve::{Effort, Failure, Solution};

pub use error::ResolveError;
pub use explain::{AtFault, Explanation, Line, Suggestion};
pub use offer::{FileView, Judge, Offer, Unfit};
pub use problem::{Asked, Cutoff, Demanded, Preferences, Problem, TargetEnvironment, Upgrade};
pub use resolution::{Edge, Resolution, ResolvedFile, ResolvedPackage, ResolvedTarget};
pub use source::{Direct, Dist, Needs, PackageSource, Page, Reference, SourceError};

pub(crate) use releases::IndexPage;

use encode::Encoding;
use fetch::{Builds, Fetcher, Gate, Stop, look_at_references};
use resolution::{Chosen, TargetChoice};
use scope::{Scope, references};

/// Direct references with what they lead to.
type Directs = Vec<(PackageName, Reference, Direct)>;

/// Chooses a version of everything that the problem needs, on every target.
///
/// Must be called inside a tokio runtime; the search itself runs on a thread of its own.
///
/// # Errors
/// [`ResolveError::Unsatisfiable`] with an explanation, or what kept the search from ending.
pub async fn resolve(
    problem: Arc<Problem>,
    source: Arc<dyn PackageSource>,
    sinks: Sinks,
    cancel: Arc<AtomicBool>,
) -> Result<Resolution, ResolveError> {
    let gate = Gate {
        cancel,
        deadline: Instant::now() + problem.time_limit,
    };
    sinks.emit(Event::PhaseStarted {
        phase: Phase::Resolve,
        total: None,
    });
    let directs = look_at_directs(&problem, &source).await?;
    let fetcher = Fetcher::new(source, Handle::current());
    let search = Search {
        problem,
        directs: Arc::new(directs),
        fetcher,
        gate,
        builds: Builds::Run,
        sinks: Arc::clone(&sinks),
    };
    let resolution = tokio::task::spawn_blocking(move || search.run())
        .await
        .map_err(ResolveError::broken_off)??;
    sinks.emit(Event::PhaseFinished {
        phase: Phase::Resolve,
        done: resolution.packages.len() as u64,
    });
    Ok(resolution)
}

async fn look_at_directs(
    problem: &Problem,
    source: &Arc<dyn PackageSource>,
) -> Result<Directs, ResolveError> {
    let asked = problem
        .roots
        .iter()
        .chain(&problem.constraints)
        .chain(&problem.overrides);
    let first = references(asked.map(|asked| (&asked.requirement, asked.place.as_ref())));
    let anywhere = |needs: &dyn Needs| {
        let requirements = needs.requirements();
        references(
            requirements
                .iter()
                .filter(|requirement| {
                    let marker = requirement.marker.clone().simplify_extras_with(|_| true);
                    problem
                        .targets
                        .iter()
                        .any(|target| marker.evaluate(&target.markers, &[]))
                })
                .map(|requirement| (requirement, None)),
        )
    };
    look_at_references(source, first, anywhere)
        .await
        .map_err(|(name, error)| ResolveError::Direct {
            origin: origin_of(problem, &name),
            name,
            error,
        })
}

/// Where the project itself asks for a package; a package that it asks for may ask for it instead.
fn origin_of(problem: &Problem, name: &PackageName) -> String {
    let asked = problem.roots.iter().chain(&problem.overrides);
    let mut asking = asked.filter(|asked| package_name(&asked.requirement) == *name);
    asking
        .next()
        .map_or_else(|| "a dependency".to_owned(), |asked| asked.origin.to_string())
}

/// Everything that a search on the solver's thread needs.
#[derive(Clone)]
struct Search {
    problem: Arc<Problem>,
    directs: Arc<Directs>,
    fetcher: Arc<Fetcher>,
    gate: Gate,
    builds: Builds,
    sinks: Sinks,
}

impl Search {
    fn run(self) -> Result<Resolution, ResolveError> {
        let mut choices = Vec::new();
        let mut picks: Vec<(PackageName, Version)> = Vec::new();
        for position in 0..self.problem.targets.len() {
            let encoding = self.encoding(position, &picks);
            let (roots, kinds) = encoding.roots();
            match wharf_solve::solve(&encoding, &roots) {
                Ok(solution) => {
                    let choice = self.choice(&encoding, &solution);
                    // Versions of one target are favoured on the next: one lockfile should not hold two without need.
                    for chosen in &choice.chosen {
                        let pick = (chosen.dist.name.clone(), chosen.dist.version.clone());
                        if !picks.contains(&pick) {
                            picks.push(pick);
                        }
                    }
                    choices.push(choice);
                }
                Err(Failure::Stopped(stop)) => return Err(self.stopped(stop)),
                Err(Failure::Unsatisfiable(at_fault)) => {
                    let at_fault = explain::Fault {
                        position,
                        kinds: &kinds,
                        at_fault: &at_fault,
                    };
                    let explanation = explain::explain(&self, &picks, &encoding, &at_fault);
                    return Err(ResolveError::Unsatisfiable(Box::new(explanation)));
                }
            }
        }
        Ok(Resolution::merge(choices))
    }

    fn encoding(&self, position: usize, picks: &[(PackageName, Version)]) -> Encoding {
        let scope = Scope::new(
            position,
            Arc::clone(&self.problem),
            self.builds,
            self.problem.targets[position].clone(),
            picks,
            &self.directs,
        );
        Encoding::new(
            Arc::new(scope),
            Arc::clone(&self.fetcher),
            self.gate.clone(),
            Arc::clone(&self.sinks),
        )
    }

    fn choice(&self, encoding: &Encoding, solution: &Solution) -> TargetChoice {
        let mut chosen: Vec<(PackageName, u32, Vec<ExtraName>)> = Vec::new();
        for &(id, candidate) in &solution.picks {
            let node = encoding.node_of_id(id);
            match chosen.iter_mut().find(|(name, _, _)| *name == node.name) {
                Some((_, _, extras)) => extras.extend(node.extra),
                None => chosen.push((node.name, candidate, node.extra.into_iter().collect())),
            }
        }
        for (name, extra, version) in encoding.unknown_extras() {
            let picked = chosen.iter().any(|(chosen, candidate, _)| {
                *chosen == name && encoding.version(&name, *candidate) == version
            });
            if picked {
                self.sinks.emit(Event::warning(
                    "resolve/unknown-extra",
                    format!("{name} {version} has no extra named `{extra}`"),
                ));
            }
        }
        self.warn_of_undated(encoding, &chosen);
        let Effort {
            decisions, conflicts, ..
        } = solution.effort;
        self.sinks.emit(Event::detail(format!(
            "solved {}: {} packages, {decisions} decisions, {conflicts} conflicts",
            encoding.scope.target.target,
            chosen.len()
        )));
        TargetChoice {
            environment: encoding.scope.target.clone(),
            effort: solution.effort,
            chosen: chosen
                .into_iter()
                .map(|(name, candidate, extras)| {
                    let (dist, needs) = encoding.chosen(&name, candidate);
                    Chosen { dist, needs, extras }
                })
                .collect(),
        }
    }

    /// A cutoff cannot hold back what has no date: says so once.
    fn warn_of_undated(&self, encoding: &Encoding, chosen: &[(PackageName, u32, Vec<ExtraName>)]) {
        let Some(cutoff) = &self.problem.cutoff else {
            return;
        };
        let undated: Vec<String> = chosen
            .iter()
            .map(|(name, candidate, _)| encoding.chosen(name, *candidate).0)
            .filter(|dist| {
                matches!(dist.source, wharf_core::Source::Registry { .. })
                    && dist.file.as_ref().is_some_and(|file| file.upload_time.is_none())
            })
            .map(|dist| dist.name.to_string())
            .collect();
        let Some(first) = undated.first() else { return };
        let whose = match undated.len() {
            1 => format!("{first} has"),
            2 => format!("{first} and 1 more package have"),
            count => format!("{first} and {} more packages have", count - 1),
        };
        self.sinks.emit(Event::warning(
            "resolve/undated",
            format!(
                "{whose} no upload time on the index: {} does not hold them back",
                cutoff.rule
            ),
        ));
    }

    fn stopped(&self, stop: Stop) -> ResolveError {
        match stop {
            Stop::Cancelled => ResolveError::Cancelled,
            Stop::WouldBuild => unreachable!("a resolution may build"),
            Stop::Failed(error) => ResolveError::Source(error),
            Stop::OutOfTime { doing } => ResolveError::OutOfTime {
                limit: self.problem.time_limit,
                doing,
            },
        }
    }
}
