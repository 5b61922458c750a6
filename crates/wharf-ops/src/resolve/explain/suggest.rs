//! What would help. Invariant: nothing is suggested that was not solved with the change in place, apart from the spelling of
//! names that do not exist; and nothing is built for it.
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use wharf_core::{PackageName, PythonMinor};
use wharf_ecosystem::pypi::{Implementation, Tags, Version, VersionOrUrl, marker_environment, package_name};
use wharf_solve::Solution;

use super::super::encode::{Encoding, RootKind};
use super::super::fetch::{Builds, Fetcher, Gate};
use super::super::offer::{Side, Unfit};
use wharf_project::{PackageSet, Prereleases};

use super::super::problem::{Problem, TargetEnvironment};
use super::super::{Search, TargetChoice};
use super::story::Story;
use super::{Suggestion, TIME, asked, written};

/// How many suggestions are worth reading.
const ENOUGH: usize = 4;
/// Python minor versions that are tried, besides the target's own.
const MINORS: std::ops::RangeInclusive<u8> = 7..=14;

/// For names that no place knows: known names that are spelt alike, else where to look.
pub(super) fn spelling(problem: &Problem, encoding: &Encoding, unknown: &[PackageName]) -> Vec<Suggestion> {
    let asked = problem
        .roots
        .iter()
        .chain(&problem.constraints)
        .chain(&problem.overrides)
        .map(|asked| package_name(&asked.requirement));
    let known: BTreeSet<PackageName> = asked
        .chain(problem.preferences.keys().cloned())
        .chain(encoding.known_packages())
        .filter(|name| !unknown.contains(name))
        .collect();
    unknown
        .iter()
        .map(|name| Suggestion {
            text: match nearest(name, &known) {
                Some(near) => format!("did you mean `{near}` instead of `{name}`?"),
                None => format!("check how `{name}` is spelt, and whether its index is configured"),
            },
            kind: "spelling",
        })
        .collect()
}

/// The known name from which this one may be a slip of the hand: whole words too many are none.
fn nearest<'a>(name: &PackageName, known: &'a BTreeSet<PackageName>) -> Option<&'a PackageName> {
    let limit = (name.as_str().chars().count() / 4).clamp(1, 3);
    known
        .iter()
        .map(|other| (strsim::osa_distance(name.as_str(), other.as_str()), other))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, other)| other)
}

/// Tries changes that fit the reasons, all at the same time, and lists those that work, most promising first.
pub(super) fn suggest(
    search: &Search,
    position: usize,
    picks: &[(PackageName, Version)],
    at_fault: &[RootKind],
    story: &Story,
) -> Vec<Suggestion> {
    let trial = Trial {
        search,
        position,
        picks,
        gate: Gate {
            cancel: Arc::clone(&search.gate.cancel),
            deadline: search.gate.deadline.min(Instant::now() + TIME),
        },
    };
    let trial = &trial;
    let reasons = &story.reasons;
    // What limits the others is most likely what was overlooked.
    let mut at_fault = at_fault.to_vec();
    at_fault.sort_by_key(|kind| !story.limits.contains(kind));
    let is_python = |reason: &Unfit| {
        matches!(
            reason,
            Unfit::Python { .. } | Unfit::Platform { .. } | Unfit::WheelPythons { .. }
        )
    };
    let runtime = tokio::runtime::Handle::current();
    let runtime = &runtime;
    std::thread::scope(|scope| {
        let mut tries = Vec::new();
        tries.push(scope.spawn(move || {
            let _inside = runtime.enter();
            trial.with_other_rules(reasons)
        }));
        if reasons.iter().any(is_python) {
            tries.push(scope.spawn(move || {
                let _inside = runtime.enter();
                trial.with_other_python(reasons).into_iter().collect()
            }));
        }
        for kind in at_fault.into_iter().take(ENOUGH) {
            tries.push(scope.spawn(move || {
                let _inside = runtime.enter();
                trial.without(kind).into_iter().collect()
            }));
        }
        // A try that breaks is one suggestion less.
        let found = tries.into_iter().filter_map(|one| one.join().ok());
        found.flatten().take(ENOUGH).collect()
    })
}

struct Trial<'a> {
    search: &'a Search,
    position: usize,
    picks: &'a [(PackageName, Version)],
    gate: Gate,
}

impl Trial<'_> {
    fn with_other_rules(&self, reasons: &BTreeSet<Unfit>) -> Vec<Suggestion> {
        let mut found = Vec::new();
        let problem = &self.search.problem;
        if reasons.contains(&Unfit::Prerelease) {
            let mut changed = (**problem).clone();
            changed.prereleases = Prereleases::IfNecessary;
            if let Some(choice) = self.solve(changed) {
                let pre: Vec<String> = choice
                    .chosen
                    .iter()
                    .filter(|chosen| chosen.dist.version.any_prerelease())
                    .map(|chosen| format!("{} {}", chosen.dist.name, chosen.dist.version))
                    .take(3)
                    .collect();
                found.push(Suggestion {
                    text: format!("allow prereleases: then {} would do", pre.join(", ")),
                    kind: "prereleases",
                });
            }
        }
        let too_new = reasons
            .iter()
            .any(|reason| matches!(reason, Unfit::TooNew { .. }));
        if let (true, Some(cutoff)) = (too_new, &problem.cutoff) {
            let mut changed = (**problem).clone();
            changed.cutoff = None;
            if let Some(choice) = self.solve(changed) {
                let newer: Vec<String> = choice
                    .chosen
                    .iter()
                    .filter(|chosen| {
                        let uploaded = chosen.dist.file.as_ref().and_then(|file| file.upload_time);
                        uploaded.is_some_and(|uploaded| uploaded > cutoff.at)
                    })
                    .map(|chosen| format!("{} {}", chosen.dist.name, chosen.dist.version))
                    .take(3)
                    .collect();
                found.push(Suggestion {
                    text: format!(
                        "without {} it would be {}: {}",
                        cutoff.rule,
                        newer.join(", "),
                        cutoff.remedy
                    ),
                    kind: "cutoff",
                });
            }
        }
        for (index, asked) in problem.overrides.iter().enumerate() {
            let mut changed = (**problem).clone();
            changed.overrides.remove(index);
            if self.solve(changed).is_some() {
                found.push(Suggestion {
                    text: format!(
                        "without the override `{}` ({}) it can be solved",
                        written(asked),
                        asked.origin
                    ),
                    kind: "override",
                });
            }
        }
        if reasons.contains(&Unfit::OnlySource) {
            let mut changed = (**problem).clone();
            changed.only_binary = PackageSet::None;
            let text = match self.solve(changed) {
                Some(_) => "allow building from source: then it can be solved",
                None => "building from source may help (not tried: nothing is built for a suggestion)",
            };
            found.push(Suggestion {
                text: text.to_owned(),
                kind: "source",
            });
        }
        found
    }

    /// Leaves a requirement's versions open, or a constraint out.
    fn without(&self, kind: RootKind) -> Option<Suggestion> {
        let problem = &self.search.problem;
        let asked = asked(problem, kind);
        let name = package_name(&asked.requirement);
        let mut changed = (**problem).clone();
        match kind {
            RootKind::Constraint(position) => {
                changed.constraints.remove(position);
            }
            RootKind::Root(position) => {
                let root = &mut changed.roots[position];
                let open = root.place.is_none()
                    && match &root.requirement.version_or_url {
                        None => true,
                        Some(VersionOrUrl::VersionSpecifier(specifiers)) => specifiers.is_empty(),
                        Some(VersionOrUrl::Url(_)) => false,
                    };
                if open {
                    // Nothing to relax: leaving it out is always possible, and rarely what anybody wants.
                    return None;
                }
                root.place = None;
                root.requirement.version_or_url = None;
            }
        }
        let choice = self.solve(changed)?;
        let version = choice
            .chosen
            .iter()
            .find(|chosen| chosen.dist.name == name)
            .map(|chosen| chosen.dist.version.to_string());
        let (text, kind) = match (kind, version) {
            (RootKind::Root(_), Some(version)) => (
                format!(
                    "change `{}` ({}) to admit {version}",
                    written(asked),
                    asked.origin
                ),
                "relax",
            ),
            (RootKind::Constraint(_), Some(version)) => (
                format!(
                    "without the constraint `{}` ({}) it would be {name} {version}",
                    written(asked),
                    asked.origin
                ),
                "constraint",
            ),
            (_, None) => (
                format!("leave `{}` ({}) out", written(asked), asked.origin),
                "relax",
            ),
        };
        Some(Suggestion { text, kind })
    }

    fn with_other_python(&self, reasons: &BTreeSet<Unfit>) -> Option<Suggestion> {
        let target = self.search.problem.targets[self.position].clone();
        let current = target.target.python?;
        let newer = MINORS.filter(|&minor| minor > current.minor);
        let older = MINORS.rev().filter(|&minor| minor < current.minor);
        // Nearest first, and newer ones first, unless the wheels say that all are older.
        let is_older = |reason: &Unfit| {
            matches!(
                reason,
                Unfit::WheelPythons {
                    side: Side::Older,
                    ..
                }
            )
        };
        let order: Vec<u8> = if reasons.iter().any(is_older) {
            older.chain(newer).collect()
        } else {
            newer.chain(older).collect()
        };
        order
            .into_iter()
            .map(|minor| PythonMinor {
                major: current.major,
                minor,
            })
            .map(|python| (python, patch_wanted(python, reasons)))
            .find(|&(python, patch)| {
                let mut changed = (*self.search.problem).clone();
                changed.targets[self.position] = with_python(&target, python, patch);
                self.solve(changed).is_some()
            })
            .map(|(python, patch)| Suggestion {
                text: match patch {
                    0 => format!("use Python {python}: there it can be solved"),
                    patch => format!("use Python {python}.{patch} or later: there it can be solved"),
                },
                kind: "python",
            })
    }

    fn solve(&self, problem: Problem) -> Option<TargetChoice> {
        self.gate.check("").ok()?;
        let search = Search {
            problem: Arc::new(problem),
            fetcher: Fetcher::new(
                Arc::clone(self.search.fetcher.source()),
                tokio::runtime::Handle::current(),
            ),
            gate: self.gate.clone(),
            builds: Builds::Skip,
            sinks: wharf_core::NullSink::shared(),
            directs: Arc::clone(&self.search.directs),
        };
        let encoding: Encoding = search.encoding(self.position, self.picks);
        let (roots, _) = encoding.roots();
        let solution: Solution = wharf_solve::solve(&encoding, &roots).ok()?;
        Some(search.choice(&encoding, &solution))
    }
}

/// The patch release of a minor version that the reasons ask for: `>=3.13.2` wants 2 of 3.13.
fn patch_wanted(python: PythonMinor, reasons: &BTreeSet<Unfit>) -> u64 {
    reasons
        .iter()
        .filter_map(Unfit::least_python)
        .filter_map(|least| match least.release() {
            [major, minor, patch, ..]
                if (*major, *minor) == (u64::from(python.major), u64::from(python.minor)) =>
            {
                Some(*patch)
            }
            _ => None,
        })
        .max()
        .unwrap_or(0)
}

fn with_python(target: &TargetEnvironment, python: PythonMinor, patch: u64) -> TargetEnvironment {
    let platform = target.target.with_python(python);
    TargetEnvironment {
        target: platform,
        markers: marker_environment(&platform, &format!("{python}.{patch}"), Implementation::CPython),
        tags: Tags::for_target(&platform, Implementation::CPython),
        python: Version::new([u64::from(python.major), u64::from(python.minor), patch]),
    }
}
