//! A dead end in words. Of several candidates that lead to dead ends of their own, the way goes on with the first: the one that the
//! search wanted most.

use std::collections::BTreeMap;
use std::sync::Arc;

use wharf_ecosystem::cargo::CrateVersions;

use super::search::{Block, DeadEnd, Search, Stuck, Why};
use super::state::Asked;
use super::world::{Failure, Known, List, PackageIndex};
use crate::error::{Chain, Reason, ResolveError, Unsatisfied};
use crate::problem::RustVersions;

/// A crate that cannot be had.
pub(super) fn unavailable(search: &Search<'_, '_>, failure: &Failure) -> ResolveError {
    let of = &search.world.crates[failure.of];
    let lists = &search.world.lists;
    let mut dead_ends = search.dead_ends.iter();
    // The search has left the way by now, but where it ended there, it was noted.
    let noted = dead_ends.find(|dead_end| lists[dead_end.need.list].of == failure.of);
    let asker = match noted {
        Some(dead_end) => Some(chain(search, &dead_end.chain, dead_end.asker)),
        None => failure
            .asker
            .map(|asker| chain(search, &search.chain(asker), asker)),
    };
    ResolveError::Unavailable {
        package: of.name.to_string(),
        looked_in: of.source.clone(),
        asker,
        reason: failure.reason.clone(),
    }
}

/// How a search ended.
pub(super) fn stuck(search: &Search<'_, '_>, stuck: &Stuck) -> ResolveError {
    match stuck {
        Stuck::DeadEnd(dead_end) => {
            let leaf = leaf(search, *dead_end);
            ResolveError::Unsatisfied(Box::new(unsatisfied(search, &search.dead_ends[leaf])))
        }
        Stuck::RootFeature { root, feature } => {
            let summary = search.world.problem.roots.iter().map(|root| &root.summary);
            let label = search.world.label(*root);
            let known = summary.filter(|summary| summary.label() == label);
            ResolveError::NoFeature {
                feature: feature.to_string(),
                known: known
                    .flat_map(|summary| summary.features.keys().map(ToString::to_string))
                    .collect(),
                root: label,
            }
        }
        Stuck::RootLinks { links, roots } => ResolveError::RootLinks {
            links: links.to_string(),
            roots: roots.map(|root| search.world.label(root)),
        },
        Stuck::TooHard => ResolveError::TooHard(search.effort.decisions),
    }
}

/// The dead end that a dead end comes from: the first candidate's, and so on down. Older ones only, so that the way ends.
fn leaf(search: &Search<'_, '_>, dead_end: usize) -> usize {
    let mut at = dead_end;
    loop {
        let blocks = &search.dead_ends[at].blocks;
        let deeper = blocks.iter().find_map(|block| match block.why {
            Why::DeadEnd(deeper) if deeper < at => Some(deeper),
            _ => None,
        });
        match deeper {
            Some(deeper) => at = deeper,
            None => return at,
        }
    }
}

fn unsatisfied(search: &Search<'_, '_>, dead_end: &DeadEnd) -> Unsatisfied {
    let world = &search.world;
    let list = &world.lists[dead_end.need.list];
    let (_, request) = world.queries[dead_end.need.query];
    Unsatisfied {
        package: world.crates[list.of].name.to_string(),
        range: list.req.to_string(),
        features: world.requests[request]
            .features
            .iter()
            .map(ToString::to_string)
            .collect(),
        source: world.crates[list.of].source.clone(),
        asker: chain(search, &dead_end.chain, dead_end.asker),
        reasons: match dead_end.blocks.as_slice() {
            [] => vec![no_candidate(search, list)],
            blocks => reasons(search, dead_end, blocks),
        },
    }
}

/// Who asks for `last`: the edges come from it up to the root.
fn chain(search: &Search<'_, '_>, edges: &[Asked], last: PackageIndex) -> Chain {
    let up = edges.iter().map(|asked| asked.by).rev().chain([last]);
    Chain(up.map(|package| search.world.label(package)).collect())
}

/// Why a range has no candidate at all.
fn no_candidate(search: &Search<'_, '_>, list: &List) -> Reason {
    let world = &search.world;
    match &world.crates[list.of].known {
        Known::Rows(versions) => match &list.locked {
            Some(locked) if versions.find(locked).is_none() => Reason::LockedAway {
                version: locked.to_string(),
            },
            _ => no_row(search, list, versions),
        },
        Known::Packages(packages) if packages.is_empty() => Reason::Absent,
        Known::Packages(packages) => Reason::OutOfRange {
            there_are: packages
                .iter()
                .rev()
                .map(|summary| summary.version.to_string())
                .collect(),
        },
        Known::Unknown | Known::Failed(_) => Reason::Absent,
    }
}

fn no_row(search: &Search<'_, '_>, list: &List, versions: &Arc<CrateVersions>) -> Reason {
    let problem = search.world.problem;
    let rows = || versions.rows().iter().rev();
    if rows().next().is_none() {
        return match versions.skipped() {
            [] => Reason::Absent,
            _ => Reason::OutOfRange {
                there_are: Vec::new(),
            },
        };
    }
    let in_range = || rows().filter(|row| list.req.matches(&row.version));
    let mut open = in_range().filter(|row| !row.yanked).peekable();
    if in_range().next().is_none() {
        let open = rows().filter(|row| !row.yanked);
        return Reason::OutOfRange {
            there_are: open.map(|row| row.version.to_string()).collect(),
        };
    }
    if open.peek().is_none() {
        return Reason::Yanked {
            versions: in_range().map(|row| row.version.to_string()).collect(),
        };
    }
    let (old, young): (Vec<_>, Vec<_>) =
        open.partition(|row| problem.cooldown.allows(versions.name(), row.published));
    if let (true, Some(cutoff)) = (old.is_empty(), problem.cooldown.cutoff) {
        return Reason::TooYoung {
            versions: young.iter().map(|row| row.version.to_string()).collect(),
            cutoff,
        };
    }
    let asked = old.iter().filter_map(|row| Some((row.rust_version?, row)));
    match (&problem.rust_versions, asked.min_by_key(|(asked, _)| *asked)) {
        (RustVersions::Require(compiler), Some((asked, row))) => Reason::RustVersion {
            compiler: *compiler,
            lowest: (asked, row.version.to_string()),
            would_fit: rows()
                .filter(|row| !row.yanked && row.version.pre.is_empty())
                .find(|row| row.rust_version.is_none_or(|asked| asked.fits(*compiler)))
                .map(|row| row.version.to_string()),
        },
        _ => Reason::OutOfRange {
            there_are: rows().map(|row| row.version.to_string()).collect(),
        },
    }
}

/// What stood in the way of the candidates: one reason for each kind and cause, in the order of the candidates.
fn reasons(search: &Search<'_, '_>, dead_end: &DeadEnd, blocks: &[Block]) -> Vec<Reason> {
    let mut order: Vec<Cause> = Vec::new();
    let mut versions: BTreeMap<Cause, Vec<String>> = BTreeMap::new();
    for block in blocks {
        let cause = Cause::of(&block.why);
        if !order.contains(&cause) {
            order.push(cause.clone());
        }
        let version = search.world.version(block.candidate).to_string();
        versions.entry(cause).or_default().push(version);
    }
    order
        .into_iter()
        .map(|cause| {
            let versions = versions.remove(&cause).unwrap_or_default();
            reason(search, dead_end, cause, versions)
        })
        .collect()
}

/// What blocks have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    Unusable,
    Held(PackageIndex),
    Links(Arc<str>, PackageIndex),
    Missing(Arc<str>),
    Deeper,
}

impl Cause {
    fn of(why: &Why) -> Self {
        match why {
            Why::Unusable => Cause::Unusable,
            Why::Held { package, .. } => Cause::Held(*package),
            Why::Links { links, package } => Cause::Links(Arc::clone(links), *package),
            Why::Missing(feature) => Cause::Missing(Arc::clone(feature)),
            Why::DeadEnd(_) => Cause::Deeper,
        }
    }
}

fn reason(search: &Search<'_, '_>, dead_end: &DeadEnd, cause: Cause, versions: Vec<String>) -> Reason {
    match cause {
        Cause::Unusable => Reason::Unusable { versions },
        Cause::Deeper => Reason::Deeper { versions },
        Cause::Held(package) => {
            let (asker, range) = holder(search, dead_end, package);
            Reason::Held {
                versions,
                taken: search.world.label(package),
                asker,
                range,
            }
        }
        Cause::Links(links, package) => {
            let (asker, range) = holder(search, dead_end, package);
            Reason::Links {
                versions,
                links: links.to_string(),
                taken: search.world.label(package),
                asker,
                range,
            }
        }
        Cause::Missing(feature) => Reason::NoFeature {
            instead: instead(search, dead_end, &feature),
            versions,
            feature: feature.to_string(),
        },
    }
}

/// Who asks for a version that stands in the way, and in which range.
fn holder(search: &Search<'_, '_>, dead_end: &DeadEnd, package: PackageIndex) -> (Chain, String) {
    let edges = dead_end.holders.iter().find(|(holder, _)| *holder == package);
    match edges.and_then(|(_, edges)| edges.split_first()) {
        Some((asked, above)) => {
            let summary = search.summary(asked.by);
            let need = summary
                .as_ref()
                .and_then(|summary| summary.dependencies.get(asked.dependency));
            let range = need.map_or_else(String::new, |need| format!("{} {}", need.package, need.req));
            (chain(search, above, asked.by), range)
        }
        // A root, which nobody asks for.
        None => (
            Chain(vec!["the workspace".to_owned()]),
            search.world.label(package),
        ),
    }
}

/// What has the name of a feature that is missing.
fn instead(search: &Search<'_, '_>, dead_end: &DeadEnd, feature: &str) -> Option<String> {
    let candidate = dead_end
        .blocks
        .iter()
        .find(|block| matches!(block.why, Why::Missing(_)))?
        .candidate;
    let summary = search.summary(candidate)?;
    let mut named = summary
        .dependencies
        .iter()
        .filter(|need| &*need.alias == feature)
        .peekable();
    named.peek()?;
    Some(match named.any(|need| need.optional) {
        true => format!("an optional dependency of that name, which `dep:{feature}` hides"),
        false => "a dependency of that name that is not optional".to_owned(),
    })
}
