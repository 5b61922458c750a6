//! Keys of homes: equal where a package and everything that it reaches is equal, in whatever project and order.
//!
//! Dependencies come in cycles, so a key cannot be a plain hash over the keys below. Strongly connected components are
//! taken bottom up; inside one, colours are refined: first a package's own content and what it reaches outside, then, round
//! by round, the colours of its neighbours, until a round tells no two packages apart that the one before did not. One
//! round more is hashed together with the set of all colours of the component. Two components with the same set have the
//! same classes and the same arcs between them, so that a key says all that node could see from the package.

use rustc_hash::{FxHashMap, FxHashSet};
use wharf_ecosystem::npm::graph::{PackageIndex, To};
use wharf_store::{GraphKey, HomeId};

use super::placing::Placing;
use super::{Placement, Request};

type Colour = [u8; 32];

/// For each package the home that the store must have, as [`super::Planning::homes`].
pub(super) fn homes(request: &Request<'_>, placing: &Placing) -> Vec<Option<HomeId>> {
    let is_shared = |package: PackageIndex| placing.placements[package] == Placement::Global;
    let packages = 0..placing.placements.len();
    let colours = packages.clone().any(is_shared).then(|| colours(request));
    let home = |package: PackageIndex| {
        let content = request.content(package).filter(|_| request.has(package))?;
        let graph = match (request.needs(package).next(), &colours) {
            // The same for all, wherever they have it.
            (None, _) => GraphKey::PRISTINE,
            (Some(_), Some(colours)) if is_shared(package) => {
                GraphKey::of_hash(&blake3::Hash::from_bytes(colours[package]))
            }
            (Some(_), _) => GraphKey::FLAT,
        };
        Some(HomeId {
            label: request.graph.packages[package].label(),
            content,
            graph,
        })
    };
    packages.map(home).collect()
}

/// For each package the first one that is just the same: that has the same files and sees the same packages. Most are on their
/// own; entries of the graph that differ in what is not installed are not.
pub(super) fn same(request: &Request<'_>, placing: &Placing) -> Vec<PackageIndex> {
    let packages = &request.graph.packages;
    let mut same: Vec<PackageIndex> = (0..packages.len()).collect();
    let lies_here = |package: &PackageIndex| {
        matches!(
            placing.placements[*package],
            Placement::Project | Placement::ProjectWritable
        )
    };
    let mut seen = FxHashSet::default();
    let label = |package: PackageIndex| (&packages[package].name, &packages[package].version);
    if (0..packages.len())
        .filter(lies_here)
        .all(|package| seen.insert(label(package)))
    {
        return same;
    }
    let colours = colours(request);
    let mut first: FxHashMap<Colour, PackageIndex> = FxHashMap::default();
    for package in (0..packages.len()).filter(lies_here) {
        same[package] = *first.entry(colours[package]).or_insert(package);
    }
    same
}

/// What tells each installed package from all others, as if all were shared.
fn colours(request: &Request<'_>) -> Vec<Colour> {
    let arcs: Vec<Vec<(&str, PackageIndex)>> = (0..request.graph.packages.len())
        .map(|package| packages_of(request, package))
        .collect();
    let mut colours: Vec<Colour> = (0..arcs.len())
        .map(|package| own_colour(request, package))
        .collect();
    for component in components(&arcs) {
        let cycle = component.len() > 1 || arcs[component[0]].iter().any(|(_, to)| *to == component[0]);
        if cycle {
            refine(&component, &arcs, &mut colours);
        } else {
            let package = component[0];
            colours[package] = next_colour(&colours[package], &arcs[package], &colours);
        }
    }
    colours
}

fn packages_of<'a>(request: &Request<'a>, package: PackageIndex) -> Vec<(&'a str, PackageIndex)> {
    if !request.has(package) {
        return Vec::new();
    }
    let needs = request.needs(package).filter_map(|(alias, to)| match to {
        To::Package(index) => Some((alias, *index)),
        To::Importer(_) | To::Link(_) => None,
    });
    needs.collect()
}

/// What a package is by itself, with the folders of the project that it links to.
fn own_colour(request: &Request<'_>, package: PackageIndex) -> Colour {
    let mut hasher = blake3::Hasher::new();
    let mut take = |part: &[u8]| {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    };
    take(b"wharf-home 1");
    take(request.graph.packages[package].label().as_bytes());
    if let Some(content) = request.content(package) {
        take(content.as_bytes());
    }
    for (alias, to) in request.needs(package) {
        match to {
            To::Package(_) => {}
            To::Importer(index) => {
                take(alias.as_bytes());
                take(request.graph.importers[*index].path.as_bytes());
            }
            To::Link(path) => {
                take(alias.as_bytes());
                take(path.as_bytes());
            }
        }
    }
    *hasher.finalize().as_bytes()
}

fn next_colour(own: &Colour, arcs: &[(&str, PackageIndex)], colours: &[Colour]) -> Colour {
    if arcs.is_empty() {
        return *own;
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(own);
    for (alias, to) in arcs {
        hasher.update(&(alias.len() as u64).to_le_bytes());
        hasher.update(alias.as_bytes());
        hasher.update(&colours[*to]);
    }
    *hasher.finalize().as_bytes()
}

fn refine(component: &[PackageIndex], arcs: &[Vec<(&str, PackageIndex)>], colours: &mut [Colour]) {
    let mut classes = 0;
    loop {
        let next: Vec<Colour> = component
            .iter()
            .map(|package| next_colour(&colours[*package], &arcs[*package], colours))
            .collect();
        for (package, colour) in component.iter().zip(&next) {
            colours[*package] = *colour;
        }
        let distinct = next.into_iter().collect::<FxHashSet<_>>().len();
        if distinct == classes {
            break;
        }
        classes = distinct;
    }
    let mut all: Vec<Colour> = component.iter().map(|package| colours[*package]).collect();
    all.sort_unstable();
    all.dedup();
    for package in component {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&colours[*package]);
        for colour in &all {
            hasher.update(colour);
        }
        colours[*package] = *hasher.finalize().as_bytes();
    }
}

const UNSEEN: usize = usize::MAX;

/// Strongly connected components, each after all that it reaches. Source: Tarjan 1972, without recursion, since graphs
/// come from outside and may be deep.
fn components(arcs: &[Vec<(&str, PackageIndex)>]) -> Vec<Vec<PackageIndex>> {
    let (mut order, mut low) = (vec![UNSEEN; arcs.len()], vec![0; arcs.len()]);
    let (mut open, mut stack, mut found) = (vec![false; arcs.len()], Vec::new(), Vec::new());
    let mut count = 0;
    for start in 0..arcs.len() {
        if order[start] != UNSEEN {
            continue;
        }
        let mut path = vec![(start, 0)];
        while let Some((vertex, arc)) = path.pop() {
            if arc == 0 {
                (order[vertex], low[vertex]) = (count, count);
                count += 1;
                stack.push(vertex);
                open[vertex] = true;
            }
            match arcs[vertex].get(arc).map(|(_, to)| *to) {
                Some(to) => {
                    path.push((vertex, arc + 1));
                    if order[to] == UNSEEN {
                        path.push((to, 0));
                    } else if open[to] {
                        low[vertex] = low[vertex].min(order[to]);
                    }
                }
                None => {
                    if let Some((above, _)) = path.last() {
                        low[*above] = low[*above].min(low[vertex]);
                    }
                    if low[vertex] == order[vertex] {
                        let at = stack
                            .iter()
                            .rposition(|on| *on == vertex)
                            .expect("it was pushed when it was entered");
                        let component = stack.split_off(at);
                        component.iter().for_each(|member| open[*member] = false);
                        found.push(component);
                    }
                }
            }
        }
    }
    found
}
