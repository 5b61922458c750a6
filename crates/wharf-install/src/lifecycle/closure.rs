//! What a package reaches, in which order packages are built, and under which key a result is kept.
//!
//! Invariant: the key knows everything that the scripts can see of packages: the content and the dependencies of all that the
//! package reaches, its scripts, Node and the machine. Equal keys in two projects mean the same build.

use std::collections::BTreeSet;

use wharf_ecosystem::npm::graph::{Graph, PackageIndex, To};
use wharf_store::{ContentKey, HomeId};

use super::Approved;
use super::script::Script;

/// Everything that the package reaches and that is installed, itself included.
pub(super) fn reached(graph: &Graph, homes: &[Option<HomeId>], from: PackageIndex) -> BTreeSet<PackageIndex> {
    let mut found = BTreeSet::from([from]);
    let mut open = vec![from];
    while let Some(package) = open.pop() {
        for (_, to) in needs(graph, homes, package) {
            if found.insert(to) {
                open.push(to);
            }
        }
    }
    found
}

/// The installed packages that a package needs, by alias.
pub(super) fn needs<'g>(
    graph: &'g Graph,
    homes: &'g [Option<HomeId>],
    package: PackageIndex,
) -> impl Iterator<Item = (&'g str, PackageIndex)> {
    let edges = graph.packages[package].dependencies.iter();
    edges.filter_map(|edge| match &edge.to {
        Some(To::Package(to)) if homes[*to].is_some() => Some((edge.alias.as_str(), *to)),
        Some(To::Package(_) | To::Importer(_) | To::Link(_)) | None => None,
    })
}

/// The packages in groups: each only needs what is in groups before it, or, in a cycle, what follows.
pub(super) fn levels(
    graph: &Graph,
    homes: &[Option<HomeId>],
    packages: &BTreeSet<PackageIndex>,
) -> Vec<Vec<PackageIndex>> {
    let wanted = packages
        .iter()
        .copied()
        .filter(|package| homes[*package].is_some());
    let reached = |package| {
        let mut reached = reached(graph, homes, package);
        reached.retain(|other| packages.contains(other));
        (package, reached)
    };
    let mut open: Vec<(PackageIndex, BTreeSet<PackageIndex>)> = wanted.map(reached).collect();
    let mut levels = Vec::new();
    while !open.is_empty() {
        let waits = |(package, reached): &(PackageIndex, BTreeSet<PackageIndex>)| {
            open.iter()
                .any(|(other, back)| other != package && reached.contains(other) && !back.contains(package))
        };
        let ready: Vec<PackageIndex> = open.iter().filter(|one| !waits(one)).map(|one| one.0).collect();
        // Those of one cycle are built one after the other, so that the later see what the earlier became.
        let mut level: Vec<PackageIndex> = Vec::new();
        for package in ready {
            let own = &open.iter().find(|one| one.0 == package).expect("it is open").1;
            if !level.iter().any(|other| own.contains(other)) {
                level.push(package);
            }
        }
        open.retain(|one| !level.contains(&one.0));
        levels.push(level);
    }
    levels
}

/// Under which key the result of a package's scripts is kept.
pub(super) fn key(
    approved: &Approved<'_>,
    homes: &[Option<HomeId>],
    package: PackageIndex,
    reached: &BTreeSet<PackageIndex>,
    scripts: &[Script],
) -> ContentKey {
    let graph = approved.graph;
    let mut lines = Vec::new();
    for &member in reached {
        let name = graph.packages[member].key();
        let content = homes[member].as_ref().map(|home| home.content.to_string());
        lines.push(format!("package {name} {}", content.unwrap_or_default()));
        for (alias, to) in needs(graph, homes, member) {
            lines.push(format!("need {name} {alias} {}", graph.packages[to].key()));
        }
    }
    lines.sort();
    lines.dedup();
    let node = approved.node;
    let mut hasher = blake3::Hasher::new();
    let mut line = |text: &str| {
        hasher.update(text.as_bytes()).update(b"\n");
    };
    line("wharf-scripts 1");
    line(&graph.packages[package].key());
    line(&format!("{} {} {}", node.version, node.platform, node.arch));
    line(approved.target);
    for (name, value) in approved.config {
        line(&format!("config {name} {value}"));
    }
    for script in scripts {
        line(&format!("{} {:?}", script.event, script.command));
    }
    lines.iter().for_each(|text| line(text));
    ContentKey::of_hash(&hasher.finalize())
}
