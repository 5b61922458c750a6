//! [`DebLock`] → text: one root a line, one fact of a package a line. Takes a normalised lock.

use rustc_hash::FxHashMap;

use super::{
    DebCause, DebEdgeKind, DebId, DebInputs, DebLock, DebRoot, LockedDeb, LockedDebRoot, LockedSystem,
};
use crate::deb::DebSources;
use crate::lock::print::{Inline, block, line, quoted, word_list};
use crate::requirement::Group;

/// Appends the Debian part to the text of a lock.
pub(in crate::lock) fn print(text: &mut String, lock: &DebLock) {
    text.push_str("\n[deb]\n");
    line(text, "suite", &quoted(&lock.suite));
    if lock.inputs != DebInputs::default() {
        text.push_str("\n[deb.inputs]\n");
        inputs(text, &lock.inputs);
    }
    for repository in &lock.repositories {
        text.push_str("\n[[deb.repository]]\n");
        line(text, "name", &quoted(&repository.name));
        line(text, "uri", &quoted(&repository.uri.to_string()));
        line(text, "suite", &quoted(&repository.suite));
    }
    for each in &lock.systems {
        system(text, each);
    }
}

fn inputs(text: &mut String, inputs: &DebInputs) {
    let DebInputs {
        suite,
        packages,
        external,
        recommends,
        architectures,
        foreign,
        components,
        holds,
        excludes,
        pins,
        sources,
        snapshot,
        repositories,
    } = inputs;
    for (key, value) in [("suite", suite), ("snapshot", snapshot)] {
        if let Some(value) = value {
            line(text, key, &quoted(value));
        }
    }
    if *sources != DebSources::default() {
        line(text, "sources", &quoted(sources.as_str()));
    }
    if !*recommends {
        line(text, "recommends", "false");
    }
    // No components at all are something else than those that are usual.
    if let Some(components) = components {
        line(text, "components", &word_list(components));
    }
    for (key, words) in [
        ("architectures", architectures),
        ("foreign", foreign),
        ("holds", holds),
        ("excludes", excludes),
    ] {
        if !words.is_empty() {
            line(text, key, &word_list(words));
        }
    }
    for (key, lines) in [
        ("pins", pins),
        ("repositories", repositories),
        ("external", external),
    ] {
        block(text, key, lines, |line| quoted(line));
    }
    block(text, "packages", packages, root);
}

fn root(root: &DebRoot) -> String {
    let DebRoot { asked, group } = root;
    let mut table = Inline::new();
    table.text("asked", asked);
    if *group != Group::Main {
        table.text("group", &group.to_string());
    }
    table.finish()
}

fn system(text: &mut String, system: &LockedSystem) {
    let LockedSystem {
        architecture,
        roots,
        packages,
    } = system;
    let names = Names::of(packages);
    text.push_str("\n[[deb.system]]\n");
    line(text, "architecture", &quoted(architecture));
    block(text, "roots", roots, |root| answered(root, &names));
    for each in packages {
        package(text, each, architecture, &names);
    }
}

fn answered(root: &LockedDebRoot, names: &Names<'_>) -> String {
    let LockedDebRoot {
        asked,
        cause,
        group,
        package,
    } = root;
    let mut table = Inline::new();
    table.text("asked", asked);
    match cause {
        DebCause::Manifest => {}
        DebCause::Essential => table.raw("essential", "true"),
        DebCause::Part(part) => table.text("part", part),
        DebCause::External {
            package,
            role,
            dependency,
        } => {
            let package = package
                .as_ref()
                .map(|name| format!("{}:{name}", name.ecosystem()));
            table.optional("for", package.as_deref());
            table.text("role", role.as_str());
            table.text("needs", dependency);
        }
    }
    if *group != Group::Main {
        table.text("group", &group.to_string());
    }
    table.text("package", &names.text(package));
    table.finish()
}

fn package(text: &mut String, package: &LockedDeb, architecture: &str, names: &Names<'_>) {
    let LockedDeb {
        id,
        version,
        repository,
        filename,
        size,
        sha256,
        dependencies,
    } = package;
    text.push_str("\n[[deb.system.package]]\n");
    line(text, "name", &quoted(id.name.as_str()));
    if id.architecture != architecture {
        line(text, "architecture", &quoted(&id.architecture));
    }
    line(text, "version", &quoted(version));
    line(text, "repository", &quoted(repository));
    line(text, "filename", &quoted(filename));
    line(text, "size", &size.to_string());
    line(text, "sha256", &quoted(&sha256.hex()));
    for kind in DebEdgeKind::ALL {
        let edges = dependencies.iter().filter(|edge| edge.kind == kind);
        let words: Vec<String> = edges.map(|edge| names.text(&edge.package)).collect();
        if !words.is_empty() {
            line(text, kind.as_str(), &word_list(&words));
        }
    }
}

/// How many packages a system has of a name.
struct Names<'l>(FxHashMap<&'l str, usize>);

impl<'l> Names<'l> {
    fn of(packages: &'l [LockedDeb]) -> Self {
        let mut names = FxHashMap::default();
        for package in packages {
            *names.entry(package.id.name.as_str()).or_default() += 1;
        }
        Self(names)
    }

    /// As much of an id as tells it from the others.
    fn text(&self, id: &DebId) -> String {
        match self.0.get(id.name.as_str()) {
            None | Some(0 | 1) => id.name.to_string(),
            Some(_) => id.to_string(),
        }
    }
}
