//! Names under which the project, or a package, has an npm package: `"lib": "npm:lodash@4"`.

use wharf_core::{Ecosystem, PackageName};
use wharf_ecosystem::npm::{Edge, Graph, Package, Spec, To};
use wharf_project::NpmProject;

use crate::names;
use crate::report::Meant;

/// The name under which a package is asked for, where that is not its own.
pub(crate) fn alias(edge: &Edge, package: &Package) -> Option<String> {
    (edge.alias != package.name.as_str()).then(|| edge.alias.clone())
}

/// The packages that the project, then those that other packages have under a name that is not their own.
pub(crate) fn called<'g>(graph: &'g Graph, alias: &str) -> Vec<&'g PackageName> {
    let mut names = of_edges(graph, own(graph), alias);
    for name in of_edges(graph, others(graph), alias) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The packages that somebody means by a name which none is locked under: what the project calls so, or else what other packages do.
pub(crate) fn meant<'g>(graph: &'g Graph, name: &PackageName) -> Vec<&'g PackageName> {
    if name.ecosystem() != Ecosystem::Npm {
        return Vec::new();
    }
    let names = of_edges(graph, own(graph), name.as_str());
    match names.is_empty() {
        true => of_edges(graph, others(graph), name.as_str()),
        false => names,
    }
}

/// The packages that somebody means by a name which none is locked under, where the manifests may say something else than the lock.
pub(crate) fn called_now(project: &NpmProject, graph: &Graph, name: &PackageName) -> Vec<PackageName> {
    let names = stated(project, graph, name);
    match names.is_empty() {
        true => meant(graph, name).into_iter().cloned().collect(),
        false => names,
    }
}

/// The packages that the manifests of a project call so as they stand, whatever was locked: those that are locked under the name where a
/// manifest alone cannot tell, as of a repository.
fn stated(project: &NpmProject, graph: &Graph, name: &PackageName) -> Vec<PackageName> {
    let mut names = Vec::new();
    if name.ecosystem() != Ecosystem::Npm {
        return names;
    }
    for importer in &project.importers {
        let called = importer
            .requirements
            .iter()
            .filter(|one| one.alias == name.as_str());
        for requirement in called {
            match &requirement.spec {
                Spec::Alias { name, .. } => names.extend(PackageName::new(Ecosystem::Npm, name).ok()),
                Spec::Range(_) | Spec::Tag(_) => names.push(name.clone()),
                _ => {
                    let locked = graph.importers.iter().filter(|one| one.path == importer.path);
                    let edges = locked.flat_map(|one| &one.dependencies);
                    names.extend(of_edges(graph, edges, name.as_str()).into_iter().cloned());
                }
            }
        }
    }
    names.sort();
    names.dedup();
    names
}

fn own(graph: &Graph) -> impl Iterator<Item = &Edge> {
    graph.importers.iter().flat_map(|one| &one.dependencies)
}

fn others(graph: &Graph) -> impl Iterator<Item = &Edge> {
    graph.packages.iter().flat_map(|one| &one.dependencies)
}

fn of_edges<'g>(
    graph: &'g Graph,
    edges: impl Iterator<Item = &'g Edge>,
    alias: &str,
) -> Vec<&'g PackageName> {
    let mut names = Vec::new();
    for edge in edges.filter(|edge| edge.alias == alias) {
        if let Some(To::Package(index)) = edge.to {
            let name = &graph.packages[index].name;
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

impl Meant {
    /// A package, by the name that was typed.
    pub(crate) fn new(asked: &PackageName, package: &PackageName) -> Self {
        Self {
            asked: names::short(asked),
            package: names::short(package),
        }
    }
}
