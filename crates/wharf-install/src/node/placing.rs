//! Which packages cannot lie in the shared store, and why.
//!
//! Invariant: what lies in the store never leads into a project; so whatever reaches a private package is private itself.

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
        let private = |package: PackageIndex| {
            request.built.contains_key(&package)
                || writable.matches(request.graph.packages[package].name.as_str())
        };
        let count = request.graph.packages.len();
        let mut placements: Vec<Placement> = (0..count)
            .map(|package| match () {
                () if !request.has(package) => Placement::Absent,
                () if private(package) => Placement::ProjectWritable,
                () if shared => Placement::Global,
                () => Placement::Project,
            })
            .collect();
        if shared {
            spread(request, &mut placements);
        }
        Self { placements, why }
    }
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
