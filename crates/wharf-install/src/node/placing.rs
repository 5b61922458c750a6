//! Which packages cannot lie in the shared store, and why.
//!
//! Invariant: what lies in the store never leads into a project; so whatever reaches a private package is private itself.
//! What an importer bundles has files of one name each: `npm pack` writes a file with several once, and its other names as links, which
//! `npm install` leaves out.

use rustc_hash::FxHashSet;
use wharf_core::PackageName;
use wharf_ecosystem::npm::glob::NamePatterns;
use wharf_ecosystem::npm::graph::{PackageIndex, To};

use super::{Layout, Placement, Request, VirtualStore, tools};

/// Where each package's files lie.
pub(super) struct Placing {
    pub(super) placements: Vec<Placement>,
    /// Why all of them lie in the project, where that was not asked for.
    pub(super) why: Option<String>,
}

impl Placing {
    pub(super) fn of(request: &Request<'_>) -> Self {
        let why = match (request.layout, request.virtual_store) {
            (Layout::Isolated, VirtualStore::Auto) => tools::why_project(request),
            _ => None,
        };
        let shared = request.layout == Layout::Isolated
            && why.is_none()
            && request.virtual_store != VirtualStore::Project;
        let writable = NamePatterns::new(request.writable);
        let bundled = bundled(request);
        let private = |package: PackageIndex| {
            let one = &request.graph.packages[package];
            request.built.contains_key(&package)
                || writable.matches(one.name.as_str())
                || bundled.contains(&(&one.name, &*one.version))
        };
        let count = request.graph.packages.len();
        let mut placements: Vec<Placement> = (0..count)
            .map(|package| match () {
                () if !request.has(package) => Placement::Absent,
                () if private(package) => Placement::ProjectWritable,
                () if shared && !request.served.contains(&package) => Placement::Global,
                () => Placement::Project,
            })
            .collect();
        if shared {
            spread(request, &mut placements);
        }
        Self { placements, why }
    }
}

/// Names and versions of what importers bundle, and of what npm puts into an archive with it. Not the packages themselves: where the
/// graph has one twice, it may lie in the project once.
fn bundled<'a>(request: &Request<'a>) -> FxHashSet<(&'a PackageName, &'a str)> {
    let graph = request.graph;
    let stated = request.bundled.iter().flat_map(|(importer, alias)| {
        let edges = graph.importers[*importer].dependencies.iter();
        edges.filter(move |edge| edge.alias == *alias)
    });
    let mut pending: Vec<&To> = stated.filter_map(|edge| edge.to.as_ref()).collect();
    let mut met = FxHashSet::default();
    while let Some(to) = pending.pop() {
        let edges = match to {
            _ if !met.insert(to) => continue,
            To::Package(index) => &graph.packages[*index].dependencies,
            To::Importer(index) => &graph.importers[*index].dependencies,
            To::Link(_) => continue,
        };
        let along = edges.iter().filter(|edge| edge.kind.goes_along());
        pending.extend(along.filter_map(|edge| edge.to.as_ref()));
    }
    let packages = met.into_iter().filter_map(|to| match to {
        To::Package(index) => Some(&graph.packages[*index]),
        To::Importer(_) | To::Link(_) => None,
    });
    packages.map(|one| (&one.name, &*one.version)).collect()
}

/// Takes out of the store whatever reaches into the project.
fn spread(request: &Request<'_>, placements: &mut [Placement]) {
    let mut users: Vec<Vec<PackageIndex>> = vec![Vec::new(); placements.len()];
    let mut pending: Vec<PackageIndex> = Vec::new();
    for (package, placement) in placements.iter_mut().enumerate() {
        if *placement == Placement::Absent {
            continue;
        }
        for (_, to) in request.needs(package) {
            match to {
                To::Package(index) => users[*index].push(package),
                To::Importer(_) | To::Link(_) if *placement == Placement::Global => {
                    *placement = Placement::Project;
                }
                To::Importer(_) | To::Link(_) => {}
            }
        }
        if *placement != Placement::Global {
            pending.push(package);
        }
    }
    while let Some(package) = pending.pop() {
        for user in &users[package] {
            if placements[*user] == Placement::Global {
                placements[*user] = Placement::Project;
                pending.push(*user);
            }
        }
    }
}
