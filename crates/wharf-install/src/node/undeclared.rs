//! Packages that load others without naming them: `data/npm-undeclared.txt`.
//!
//! In a flat tree they find whatever lies at its top. Here they get a need more, so that they may lie in the shared store and find it all the same.

use std::borrow::Cow;
use std::sync::LazyLock;

use rustc_hash::FxHashMap;
use wharf_ecosystem::npm::Version;
use wharf_ecosystem::npm::graph::{Edge, EdgeKind, Graph, PackageIndex, To};

const UNDECLARED: &str = include_str!("../../data/npm-undeclared.txt");

/// A graph in which packages have links to what they load.
#[derive(Debug)]
pub struct Completed<'g> {
    /// The graph, with needs that no manifest states.
    pub graph: Cow<'g, Graph>,
    /// Each need that was added: the package, and the name that it loads.
    pub added: Vec<(PackageIndex, &'static str)>,
}

impl<'g> Completed<'g> {
    /// Adds a need wherever a package is installed that is known to load another one which it does not name, if that one is installed as
    /// well: what an importer has by that name, else the highest version.
    pub fn new(graph: &'g Graph, selected: &[bool]) -> Self {
        static KNOWN: LazyLock<FxHashMap<&str, &str>> =
            LazyLock::new(|| super::tools::entries(UNDECLARED).collect());
        let has = |package: &PackageIndex| selected.get(*package).copied().unwrap_or_default();
        let mut added = Vec::new();
        let mut completed = Cow::Borrowed(graph);
        for package in (0..graph.packages.len()).filter(has) {
            let one = &graph.packages[package];
            let Some(names) = KNOWN.get(one.name.as_str()) else {
                continue;
            };
            for name in names.split_whitespace() {
                let is_named = one.dependencies.iter().any(|edge| edge.alias == name);
                if let (false, Some(found)) = (is_named, at_the_top(graph, name, &has)) {
                    completed.to_mut().packages[package]
                        .dependencies
                        .push(need(name, found));
                    added.push((package, name));
                }
            }
        }
        for (package, _) in &added {
            let needs = &mut completed.to_mut().packages[*package].dependencies;
            needs.sort_by(|one, other| one.alias.cmp(&other.alias));
        }
        Self {
            graph: completed,
            added,
        }
    }
}

fn need(alias: &str, package: PackageIndex) -> Edge {
    Edge {
        alias: alias.to_owned(),
        range: "*".to_owned(),
        kind: EdgeKind::OptionalPeer,
        to: Some(To::Package(package)),
    }
}

/// What a flat tree has by a name at its top.
fn at_the_top(graph: &Graph, name: &str, has: &impl Fn(&PackageIndex) -> bool) -> Option<PackageIndex> {
    let mut asked = graph.importers.iter().flat_map(|importer| &importer.dependencies);
    let asked = asked.find_map(|edge| match edge.to {
        Some(To::Package(package)) if edge.alias == name => Some(package),
        _ => None,
    });
    let version = |package: &PackageIndex| Version::parse(&graph.packages[*package].version).ok();
    let named = (0..graph.packages.len()).filter(|package| graph.packages[*package].name.as_str() == name);
    asked
        .filter(has)
        // Of several entries of one version the first.
        .or_else(|| named.filter(has).rev().max_by_key(version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::package;
    use wharf_ecosystem::npm::graph::Importer;

    #[test]
    fn every_package_stands_there_once_with_names() {
        let entries: Vec<_> = super::super::tools::entries(UNDECLARED).collect();
        assert!(entries.is_sorted_by(|(one, _), (other, _)| one < other));
        for (name, loaded) in entries {
            for name in std::iter::once(name).chain(loaded.split(' ')) {
                assert!(wharf_store::is_alias(name), "{name}");
            }
        }
    }

    #[test]
    fn a_package_gets_what_a_flat_tree_would_have_for_it() {
        let mut graph = Graph {
            importers: vec![Importer::default()],
            packages: vec![
                package("swiper", "12.0.0", &[]),
                package("react", "18.0.0", &[]),
                package("react", "19.10.0", &[]),
                package("react", "19.9.0", &[]),
                package("vue", "3.0.0", &[]),
            ],
        };
        let mut selected = vec![true; 5];
        selected[4] = false;
        let needs = |completed: &Completed<'_>| {
            let needs = completed.graph.packages[0].dependencies.iter();
            let needs = needs.map(|edge| (edge.alias.clone(), edge.to.clone()));
            needs.collect::<Vec<_>>()
        };
        let react = |package| vec![("react".to_owned(), Some(To::Package(package)))];
        let completed = Completed::new(&graph, &selected);
        assert_eq!(
            needs(&completed),
            react(2),
            "the highest, and nothing that is not installed"
        );
        assert_eq!(completed.added, [(0, "react")]);
        graph.importers[0].dependencies = vec![need("react", 1)];
        assert_eq!(
            needs(&Completed::new(&graph, &selected)),
            react(1),
            "the project's own"
        );
        // A version that names it has what it asks for, and without either nothing is added.
        graph.packages[0].dependencies = vec![need("react", 3)];
        let completed = Completed::new(&graph, &selected);
        assert!(matches!(completed.graph, Cow::Borrowed(_)) && completed.added.is_empty());
        assert_eq!(needs(&completed), react(3));
        selected[0] = false;
        graph.packages[0].dependencies.clear();
        assert_eq!(needs(&Completed::new(&graph, &selected)), []);
    }
}
