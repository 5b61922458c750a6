//! One order for equal graphs. Invariant: only positions change, and every edge still leads to the same entry.

use std::cmp::Ordering;

use wharf_ecosystem::npm::{Edge, Graph, Importer, Package, To, Version};

use super::{NpmInputs, NpmLock};

impl NpmLock {
    /// Sorts everything whose order means nothing, so that equal locks print the same bytes.
    pub fn normalize(&mut self) {
        self.inputs.sort();
        if let Some(node) = &mut self.node {
            node.files
                .sort_by(|a, b| (&a.package, &a.url).cmp(&(&b.package, &b.url)));
        }
        let graph = std::mem::take(&mut self.graph);
        self.graph = sorted(graph);
    }
}

impl NpmInputs {
    /// Sorts what has no order of its own.
    pub(super) fn sort(&mut self) {
        self.requirements.sort();
        self.requirements.dedup();
        for list in [&mut self.registries, &mut self.local] {
            list.sort();
            list.dedup();
        }
    }
}

/// The graph in its order: importers by path, packages by name, version, facts and peers, edges by alias.
fn sorted(graph: Graph) -> Graph {
    let Graph { importers, packages } = graph;
    let (mut importers, importer_at) = reorder(importers, |a, b| a.path.cmp(&b.path));
    let versions: Vec<Option<Version>> = packages
        .iter()
        .map(|package| Version::parse(&package.version).ok())
        .collect();
    let keyed: Vec<(Option<Version>, Package)> = versions.into_iter().zip(packages).collect();
    let (keyed, package_at) = reorder(keyed, by_package);
    let mut packages: Vec<Package> = keyed.into_iter().map(|(_, package)| package).collect();
    let importer_edges = importers
        .iter_mut()
        .map(|importer: &mut Importer| &mut importer.dependencies);
    let package_edges = packages.iter_mut().map(|package| &mut package.dependencies);
    for edges in importer_edges.chain(package_edges) {
        edges
            .iter_mut()
            .for_each(|edge| lead(edge, &package_at, &importer_at));
        edges.sort_by(|a, b| (&a.alias, a.kind, &a.range, &a.to).cmp(&(&b.alias, b.kind, &b.range, &b.to)));
        edges.dedup();
    }
    importers
        .iter_mut()
        .for_each(|importer| sort_bin(&mut importer.bin));
    packages.iter_mut().for_each(|package| sort_bin(&mut package.bin));
    Graph { importers, packages }
}

fn by_package(a: &(Option<Version>, Package), b: &(Option<Version>, Package)) -> Ordering {
    let ((a_version, a), (b_version, b)) = (a, b);
    a.name
        .cmp(&b.name)
        .then_with(|| a_version.cmp(b_version))
        .then_with(|| a.version.cmp(&b.version))
        .then_with(|| a.source.cmp(&b.source))
        .then_with(|| facts(a).cmp(&facts(b)))
        .then_with(|| a.peers.cmp(&b.peers))
}

/// What is true of the version whatever peers it meets, besides name, version and source.
type Facts<'p> = (
    (&'p Option<String>, &'p [wharf_core::Digest]),
    (&'p [String], &'p [String], &'p [String]),
    (&'p Option<String>, &'p [(String, String)], bool),
    (&'p [String], &'p Option<String>),
);

fn facts(package: &Package) -> Facts<'_> {
    let Package {
        name: _,
        version: _,
        peers: _,
        source: _,
        tarball,
        integrity,
        dependencies: _,
        os,
        cpu,
        libc,
        engines_node,
        bin,
        has_scripts,
        bundled,
        deprecated,
    } = package;
    (
        (tarball, integrity),
        (os, cpu, libc),
        (engines_node, bin, *has_scripts),
        (bundled, deprecated),
    )
}

/// Whether two entries differ in nothing but the peers that they meet, so that their facts stand once.
pub(super) fn same_facts(a: &Package, b: &Package) -> bool {
    a.name == b.name && a.version == b.version && a.source == b.source && facts(a) == facts(b)
}

/// The items in order, and for each old position its new one.
fn reorder<T>(items: Vec<T>, order: impl Fn(&T, &T) -> Ordering) -> (Vec<T>, Vec<usize>) {
    let mut numbered: Vec<(usize, T)> = items.into_iter().enumerate().collect();
    numbered.sort_by(|(_, a), (_, b)| order(a, b));
    let mut moved = vec![0; numbered.len()];
    for (new, (old, _)) in numbered.iter().enumerate() {
        moved[*old] = new;
    }
    (numbered.into_iter().map(|(_, item)| item).collect(), moved)
}

fn lead(edge: &mut Edge, package_at: &[usize], importer_at: &[usize]) {
    match &mut edge.to {
        Some(To::Package(index)) => *index = package_at[*index],
        Some(To::Importer(index)) => *index = importer_at[*index],
        Some(To::Link(_)) | None => {}
    }
}

/// By name; of two commands with one name the first counts, as where a name stands twice in an object.
fn sort_bin(bin: &mut Vec<(String, String)>) {
    bin.sort_by(|(a, _), (b, _)| a.cmp(b));
    bin.dedup_by(|(later, _), (earlier, _)| later == earlier);
}
