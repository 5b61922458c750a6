//! [`NpmLock`] → text. Invariants: one requirement or edge a line; an edge says no more of what answers it than tells it apart
//! from the other entries of that name; equal locks give the same bytes. Takes a normalised lock.

use std::collections::BTreeMap;
use std::fmt::Write;

use rustc_hash::FxHashMap;
use wharf_core::{Digest, Source, WebUrl};
use wharf_ecosystem::npm::{Edge, EdgeKind, Graph, Importer, Package, PackageIndex, To};

use super::edges::Entries;
use super::normal::same_facts;
use super::{LockedNode, NpmInputs, NpmLock, NpmRoot};
use crate::lock::print::{source_table, write_quoted};

/// Appends npm's part to the text of a lock.
pub(in crate::lock) fn print(text: &mut String, lock: &NpmLock) {
    let registry = usual_registry(&lock.graph);
    text.push_str("\n[npm]\n");
    if let Some(registry) = registry {
        fact(text, "registry", &registry.to_string());
    }
    let mut requirements = Requirements::of(&lock.inputs.requirements);
    let entries = Entries::of(&lock.graph);
    // The importers first, since what they do not show is left for the inputs.
    let mut importers = String::new();
    for importer in &lock.graph.importers {
        print_importer(&mut importers, importer, &entries, &mut requirements);
    }
    inputs(text, &lock.inputs, &requirements.rest());
    if let Some(node) = &lock.node {
        print_node(text, node);
    }
    text.push_str(&importers);
    let packages = &lock.graph.packages;
    for (index, package) in packages.iter().enumerate() {
        if index > 0 && same_facts(&packages[index - 1], package) {
            text.push_str("\n[[npm.package.instance]]\n");
        } else {
            text.push_str("\n[[npm.package]]\n");
            facts(text, package, registry);
        }
        if !package.peers.is_empty() {
            text.push_str("peers = ");
            peers(text, &package.peers);
            text.push('\n');
        }
        edges(text, &package.dependencies, &entries, |_, _| {});
    }
}

/// The registry that most packages come from, said once.
fn usual_registry(graph: &Graph) -> Option<&WebUrl> {
    let mut counts: BTreeMap<&WebUrl, usize> = BTreeMap::new();
    for package in &graph.packages {
        if let Source::Registry { index } = &package.source {
            *counts.entry(index).or_default() += 1;
        }
    }
    // The last of the greatest; reversed, so that equal counts choose the first by text.
    counts
        .into_iter()
        .rev()
        .max_by_key(|(_, count)| *count)
        .map(|(index, _)| index)
}

/// The requirements that no edge has shown yet.
struct Requirements<'l> {
    by_importer: FxHashMap<(&'l str, &'l str, EdgeKind), Vec<&'l NpmRoot>>,
}

impl<'l> Requirements<'l> {
    fn of(all: &'l [NpmRoot]) -> Self {
        let mut by_importer: FxHashMap<_, Vec<&NpmRoot>> = FxHashMap::default();
        for root in all {
            let key = (root.importer.as_str(), root.alias.as_str(), root.kind);
            by_importer.entry(key).or_default().push(root);
        }
        Self { by_importer }
    }

    /// What the manifest asks for where this edge stands.
    fn take(&mut self, importer: &'l str, edge: &'l Edge) -> Option<&'l NpmRoot> {
        let roots = self
            .by_importer
            .get_mut(&(importer, edge.alias.as_str(), edge.kind))?;
        (!roots.is_empty()).then(|| roots.remove(0))
    }

    fn rest(self) -> Vec<&'l NpmRoot> {
        let mut rest: Vec<&NpmRoot> = self.by_importer.into_values().flatten().collect();
        rest.sort();
        rest
    }
}

fn inputs(text: &mut String, inputs: &NpmInputs, requirements: &[&NpmRoot]) {
    let NpmInputs {
        requirements: _,
        overrides,
        extensions,
        ignored_optional,
        peer_rules,
        registries,
        node,
        local,
        install_peers,
        strict_peers,
        cooldown,
        exclude_newer,
    } = inputs;
    let start = text.len();
    text.push_str("\n[npm.inputs]\n");
    let head = text.len();
    if let Some(node) = node {
        fact(text, "node", node);
    }
    if cooldown.seconds() > 0 {
        fact(text, "cooldown", &cooldown.to_string());
    }
    if let Some(instant) = exclude_newer {
        fact(text, "exclude-newer", &instant.to_string());
    }
    words(text, "registries", registries);
    if !install_peers {
        text.push_str("install-peers = false\n");
    }
    if *strict_peers {
        text.push_str("strict-peers = true\n");
    }
    for (key, list) in [
        ("local", local),
        ("overrides", overrides),
        ("extensions", extensions),
        ("ignored-optional", ignored_optional),
        ("peer-rules", peer_rules),
    ] {
        block(text, key, list, |text, word| write_quoted(text, word));
    }
    block(text, "requirements", requirements, |text, root| {
        let mut table = Inline::open(text);
        if root.importer != "." {
            table.text("importer", &root.importer);
        }
        table.text("name", &root.alias);
        if !root.spec.is_empty() {
            table.text("range", &root.spec);
        }
        table.kind(root.kind);
        table.close();
    });
    // Nothing but defaults: no table.
    if text.len() == head {
        text.truncate(start);
    }
}

fn print_node(text: &mut String, node: &LockedNode) {
    text.push_str("\n[npm.node]\n");
    fact(text, "version", &node.version);
    block(text, "files", &node.files, |text, file| {
        let mut table = Inline::open(text);
        table.text("name", file.package.as_str());
        table.text("url", &file.url);
        if !file.integrity.is_empty() {
            table.text("integrity", &integrity(&file.integrity));
        }
        table.close();
    });
}

fn print_importer<'l>(
    text: &mut String,
    importer: &'l Importer,
    entries: &Entries<'_>,
    requirements: &mut Requirements<'l>,
) {
    let Importer {
        path,
        name,
        version,
        bin,
        dependencies,
    } = importer;
    text.push_str("\n[[npm.importer]]\n");
    fact(text, "path", path);
    for (key, value) in [("name", name), ("version", version)] {
        if let Some(value) = value {
            fact(text, key, value);
        }
    }
    commands(text, bin);
    let mut asked = dependencies.iter().map(|edge| requirements.take(path, edge));
    edges(text, dependencies, entries, |table, edge| {
        match asked.next().expect("there is one for each edge") {
            Some(root) if root.spec != edge.range || root.spec.is_empty() => table.text("asked", &root.spec),
            None if !edge.range.is_empty() => table.raw("added", "true"),
            Some(_) | None => {}
        }
    });
}

/// What is true of a version whatever peers it meets.
fn facts(text: &mut String, package: &Package, registry: Option<&WebUrl>) {
    let Package {
        name,
        version,
        peers: _,
        source,
        tarball,
        integrity: digests,
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
    fact(text, "name", name.as_str());
    fact(text, "version", version);
    let is_usual = matches!(source, Source::Registry { index } if Some(index) == registry);
    if !is_usual {
        writeln!(text, "source = {}", source_table(source)).expect("a String takes every write");
    }
    if let Some(tarball) = tarball {
        fact(text, "tarball", tarball);
    }
    if !digests.is_empty() {
        fact(text, "integrity", &integrity(digests));
    }
    words(text, "os", os);
    words(text, "cpu", cpu);
    words(text, "libc", libc);
    if let Some(node) = engines_node {
        fact(text, "node", node);
    }
    commands(text, bin);
    if *has_scripts {
        text.push_str("scripts = true\n");
    }
    words(text, "bundled", bundled);
    if let Some(deprecated) = deprecated {
        fact(text, "deprecated", deprecated);
    }
}

fn edges(
    text: &mut String,
    edges: &[Edge],
    entries: &Entries<'_>,
    mut more: impl FnMut(&mut Inline<'_>, &Edge),
) {
    block(text, "dependencies", edges, |text, edge| {
        let mut table = Inline::open(text);
        table.text("name", &edge.alias);
        if !edge.range.is_empty() {
            table.text("range", &edge.range);
        }
        table.kind(edge.kind);
        match &edge.to {
            Some(To::Package(index)) => entries.print(&mut table, &edge.alias, *index),
            Some(To::Importer(index)) => table.text("importer", &entries.graph.importers[*index].path),
            Some(To::Link(path)) => table.text("link", path),
            None => table.raw("missing", "true"),
        }
        more(&mut table, edge);
        table.close();
    });
}

impl Entries<'_> {
    /// Says which entry is meant: nothing where the name has one only, then its version, its peers, its number.
    fn print(&self, table: &mut Inline<'_>, alias: &str, index: PackageIndex) {
        let package = &self.graph.packages[index];
        if alias != package.name.as_str() {
            table.text("package", package.name.as_str());
        }
        let get = |index: &PackageIndex| &self.graph.packages[*index];
        let mut fitting = self.by_name[package.name.as_str()].clone();
        if fitting.iter().any(|other| get(other).version != package.version) {
            table.text("version", &package.version);
            fitting.retain(|other| get(other).version == package.version);
        }
        if fitting.iter().any(|other| get(other).peers != package.peers) {
            table.peers(&package.peers);
            fitting.retain(|other| get(other).peers == package.peers);
        }
        if fitting.len() > 1 {
            let before = fitting.iter().take_while(|other| **other != index).count();
            table.raw("entry", &(before + 1).to_string());
        }
    }
}

fn commands(text: &mut String, bin: &[(String, String)]) {
    if bin.is_empty() {
        return;
    }
    text.push_str("bin = ");
    let mut table = Inline::open(text);
    for (name, path) in bin {
        table.text(name, path);
    }
    table.close();
    text.push('\n');
}

fn peers(text: &mut String, peers: &[(String, String)]) {
    text.push('[');
    for (number, (name, version)) in peers.iter().enumerate() {
        if number > 0 {
            text.push_str(", ");
        }
        write_quoted(text, &format!("{name}@{version}"));
    }
    text.push(']');
}

fn fact(text: &mut String, key: &str, value: &str) {
    text.push_str(key);
    text.push_str(" = ");
    write_quoted(text, value);
    text.push('\n');
}

/// An array on one line; nothing at all where it is empty.
fn words(text: &mut String, key: &str, words: &[String]) {
    if words.is_empty() {
        return;
    }
    text.push_str(key);
    text.push_str(" = [");
    for (number, word) in words.iter().enumerate() {
        if number > 0 {
            text.push_str(", ");
        }
        write_quoted(text, word);
    }
    text.push_str("]\n");
}

/// An array with one item a line; nothing at all where it is empty.
fn block<T>(text: &mut String, key: &str, items: &[T], mut print: impl FnMut(&mut String, &T)) {
    if items.is_empty() {
        return;
    }
    text.push_str(key);
    text.push_str(" = [\n");
    for item in items {
        text.push_str("    ");
        print(text, item);
        text.push_str(",\n");
    }
    text.push_str("]\n");
}

/// Digests as Subresource Integrity writes them, with blanks between.
fn integrity(digests: &[Digest]) -> String {
    let texts: Vec<String> = digests.iter().map(crate::lock::npm::sri).collect();
    texts.join(" ")
}

/// An inline table being written.
struct Inline<'t> {
    text: &'t mut String,
    empty: bool,
}

impl<'t> Inline<'t> {
    fn open(text: &'t mut String) -> Self {
        text.push_str("{ ");
        Self { text, empty: true }
    }

    fn key(&mut self, key: &str) {
        if !std::mem::take(&mut self.empty) {
            self.text.push_str(", ");
        }
        let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !key.is_empty() && key.bytes().all(is_bare) {
            self.text.push_str(key);
        } else {
            write_quoted(self.text, key);
        }
        self.text.push_str(" = ");
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        write_quoted(self.text, value);
    }

    fn raw(&mut self, key: &str, value: &str) {
        self.key(key);
        self.text.push_str(value);
    }

    fn kind(&mut self, kind: EdgeKind) {
        if kind != EdgeKind::Prod {
            self.text("kind", kind.as_str());
        }
    }

    fn peers(&mut self, list: &[(String, String)]) {
        self.key("peers");
        peers(self.text, list);
    }

    fn close(self) {
        self.text.push_str(" }");
    }
}
