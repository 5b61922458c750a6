//! From the last state of a search to an outcome.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use wharf_ecosystem::cargo::DependencyKind;

use super::search::Search;
use super::world::PackageIndex;
use crate::error::ResolveError;
use crate::lock::lock_source;
use crate::outcome::{Edge, Outcome, Resolved};

/// The outcome of a search that met every need.
///
/// # Errors
/// Where packages need each other in a circle, or a lockfile could not tell two of them apart.
pub(super) fn outcome(search: &mut Search<'_, '_>) -> Result<Outcome, ResolveError> {
    let mut taken: Vec<PackageIndex> = search.state.taken().into_iter().collect();
    let mut packages: Vec<Resolved> = Vec::with_capacity(taken.len());
    taken.sort_by(|a, b| search.place(*a).cmp(&search.place(*b)));
    let positions: FxHashMap<PackageIndex, usize> = taken
        .iter()
        .enumerate()
        .map(|(at, package)| (*package, at))
        .collect();
    let mut features: FxHashMap<PackageIndex, Vec<Arc<str>>> = FxHashMap::default();
    for (package, feature) in search.state.features() {
        let name = Arc::clone(&search.world.feature_names[feature as usize]);
        features.entry(package).or_default().push(name);
    }
    for package in &taken {
        let loaded = search.world.load(*package);
        let summary = loaded
            .summary
            .as_ref()
            .expect("only versions that can be used are taken");
        let mut features = features.remove(package).unwrap_or_default();
        features.sort_unstable();
        packages.push(Resolved {
            summary: Arc::clone(summary),
            root: search.is_root(*package),
            features,
            edges: Vec::new(),
        });
    }
    for asked in &search.state.asked {
        packages[positions[&asked.by]].edges.push(Edge {
            dependency: asked.dependency,
            to: positions[&asked.package],
        });
    }
    for package in &mut packages {
        package.edges.sort_unstable();
        package.edges.dedup();
    }
    told_apart(&packages)?;
    no_circle(&packages)?;
    Ok(Outcome {
        unused_patches: unused(search, &positions),
        packages,
        effort: search.effort,
    })
}

fn unused(
    search: &mut Search<'_, '_>,
    positions: &FxHashMap<PackageIndex, usize>,
) -> Vec<Arc<wharf_ecosystem::cargo::Summary>> {
    let patches: Vec<PackageIndex> = search.world.patches.iter().map(|(_, package)| *package).collect();
    let unused = patches
        .into_iter()
        .filter(|package| !positions.contains_key(package));
    unused
        .filter_map(|package| search.world.load(package).summary.clone())
        .collect()
}

/// A lockfile does not say where folders are, so that two of one name and version would be one.
fn told_apart(packages: &[Resolved]) -> Result<(), ResolveError> {
    let mut seen = BTreeMap::new();
    for package in packages {
        let summary = &package.summary;
        let key = (&summary.name, &summary.version, lock_source(&summary.source));
        if let Some(other) = seen.insert(key, summary) {
            return Err(ResolveError::Collision {
                package: summary.label(),
                sources: [other.source.clone(), summary.source.clone()],
            });
        }
    }
    Ok(())
}

/// No package may need itself, be it through others; to test itself it may.
fn no_circle(packages: &[Resolved]) -> Result<(), ResolveError> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        Not,
        OnTheWay,
        Done,
    }
    let needs = |at: usize| {
        packages[at]
            .needs()
            .filter(|(need, _)| need.kind != DependencyKind::Dev)
            .map(|(_, to)| to)
    };
    let mut seen = vec![Seen::Not; packages.len()];
    for start in 0..packages.len() {
        if seen[start] != Seen::Not {
            continue;
        }
        seen[start] = Seen::OnTheWay;
        let mut way = vec![(start, needs(start))];
        while let Some((at, rest)) = way.last_mut() {
            let at = *at;
            match rest.next() {
                None => {
                    seen[at] = Seen::Done;
                    way.pop();
                }
                Some(to) if seen[to] == Seen::OnTheWay => {
                    let way = way.iter().map(|(at, _)| *at);
                    let circle = way.skip_while(|at| *at != to).chain([to]);
                    return Err(ResolveError::Circle(
                        circle.map(|at| packages[at].summary.label()).collect(),
                    ));
                }
                Some(to) if seen[to] == Seen::Not => {
                    seen[to] = Seen::OnTheWay;
                    way.push((to, needs(to)));
                }
                Some(_) => {}
            }
        }
    }
    Ok(())
}
