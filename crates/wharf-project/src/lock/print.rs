//! Prints a lock. Invariants: sorted, one requirement, edge or file a line, and the same bytes for equal locks.

use std::fmt::Write;

use wharf_core::{PackageName, Source, Target, WebUrl};

use super::{Lock, LockInputs, LockedEdge, LockedFile, LockedPackage, LockedRoot};
use crate::index::{IndexStrategy, Prereleases, ResolutionMode};
use crate::requirement::Group;

const HEAD: &str =
    "# Written by Wharf. Change the manifest and run `wharf lock` rather than editing this file.\n";

impl Lock {
    /// The text of `wharf.lock`.
    pub fn print(&self) -> String {
        let mut sorted = self.clone();
        sorted.normalize();
        let mut text = String::with_capacity(600 * sorted.packages.len() + 1024);
        text.push_str(HEAD);
        line(&mut text, "version", &sorted.version.to_string());
        if let Some(requires) = &sorted.requires_python {
            line(&mut text, "requires-python", &quoted(requires));
        }
        // A lock without a Python part has no word about Python.
        let alone = sorted.npm.is_none() && sorted.cargo.is_none() && sorted.deb.is_none();
        if alone || sorted.inputs != LockInputs::default() {
            text.push_str("\n[inputs]\n");
            inputs(&mut text, &sorted.inputs);
        }
        for target in &sorted.targets {
            text.push_str("\n[[target]]\n");
            line(&mut text, "target", &quoted(&target.target.to_string()));
            line(&mut text, "python", &quoted(&target.python));
        }
        for entry in &sorted.packages {
            package(&mut text, entry);
        }
        if let Some(tools) = &sorted.cargo {
            super::cargo::print(&mut text, tools);
        }
        if let Some(deb) = &sorted.deb {
            super::deb::print(&mut text, deb);
        }
        if let Some(npm) = &sorted.npm {
            super::npm::print(&mut text, npm);
        }
        text
    }
}

fn inputs(text: &mut String, inputs: &LockInputs) {
    let LockInputs {
        roots,
        constraints,
        overrides,
        targets,
        cooldown,
        exclude_newer,
        indexes,
        find_links,
        local,
        no_index,
        index_strategy,
        prereleases,
        resolution,
        no_binary,
        only_binary,
    } = inputs;
    if cooldown.seconds() > 0 {
        line(text, "cooldown", &quoted(&cooldown.to_string()));
    }
    if let Some(instant) = exclude_newer {
        line(text, "exclude-newer", &quoted(&instant.to_string()));
    }
    if !targets.is_empty() {
        line(text, "targets", &target_list(targets));
    }
    for (key, words) in [
        ("indexes", indexes),
        ("find-links", find_links),
        ("local", local),
        ("no-binary", no_binary),
        ("only-binary", only_binary),
    ] {
        if !words.is_empty() {
            line(text, key, &word_list(words));
        }
    }
    if *no_index {
        line(text, "no-index", "true");
    }
    if *index_strategy != IndexStrategy::FirstMatch {
        line(text, "index-strategy", &quoted(index_strategy.as_str()));
    }
    if *prereleases != Prereleases::IfNecessary {
        line(text, "prereleases", &quoted(prereleases.as_str()));
    }
    if *resolution != ResolutionMode::Highest {
        line(text, "resolution", &quoted(resolution.as_str()));
    }
    block(text, "requirements", roots, root);
    block(text, "constraints", constraints, root);
    block(text, "overrides", overrides, root);
}

fn package(text: &mut String, package: &LockedPackage) {
    let LockedPackage {
        name,
        version,
        source,
        files,
        dependencies,
        targets,
        requires_python,
    } = package;
    text.push_str("\n[[package]]\n");
    line(text, "name", &quoted(&format!("{}:{name}", name.ecosystem())));
    line(text, "version", &quoted(version));
    line(text, "source", &source_table(source));
    if let Some(requires) = requires_python {
        line(text, "requires-python", &quoted(requires));
    }
    if !targets.is_empty() {
        line(text, "targets", &target_list(targets));
    }
    block(text, "dependencies", dependencies, |edge| edge_table(edge, name));
    block(text, "files", files, file);
}

fn root(root: &LockedRoot) -> String {
    let LockedRoot {
        name,
        group,
        extras,
        specifiers,
        source,
        editable,
        marker,
        hashes,
    } = root;
    let mut table = Inline::new();
    table.text("name", &format!("{}:{name}", name.ecosystem()));
    if !extras.is_empty() {
        table.raw("extras", &word_list(extras));
    }
    if !specifiers.is_empty() {
        table.text("version", specifiers);
    }
    table.optional("source", source.as_deref());
    if *editable {
        table.raw("editable", "true");
    }
    table.optional("marker", marker.as_deref());
    if *group != Group::Main {
        table.text("group", &group.to_string());
    }
    if !hashes.is_empty() {
        let hashes: Vec<String> = hashes.iter().map(ToString::to_string).collect();
        table.raw("hashes", &word_list(&hashes));
    }
    table.finish()
}

fn edge_table(edge: &LockedEdge, parent: &PackageName) -> String {
    let LockedEdge {
        name,
        version,
        extras,
        when_extra,
        marker,
    } = edge;
    let mut table = Inline::new();
    // Within one ecosystem the bare name reads better; across ecosystems the prefix says which.
    if name.ecosystem() == parent.ecosystem() {
        table.text("name", name.as_str());
    } else {
        table.text("name", &format!("{}:{name}", name.ecosystem()));
    }
    table.optional("version", version.as_deref());
    if !extras.is_empty() {
        table.raw("extras", &word_list(extras));
    }
    table.optional("when-extra", when_extra.as_deref());
    table.optional("marker", marker.as_deref());
    table.finish()
}

fn file(file: &LockedFile) -> String {
    let LockedFile {
        filename,
        url,
        digest,
        size,
        upload_time,
        targets,
    } = file;
    let mut table = Inline::new();
    table.text("name", filename);
    table.optional("url", url.as_deref());
    table.optional("hash", digest.as_ref().map(ToString::to_string).as_deref());
    if let Some(size) = size {
        table.raw("size", &size.to_string());
    }
    table.optional(
        "uploaded",
        upload_time.as_ref().map(ToString::to_string).as_deref(),
    );
    if !targets.is_empty() {
        table.raw("targets", &target_list(targets));
    }
    table.finish()
}

pub(super) fn source_table(source: &Source) -> String {
    let mut table = Inline::new();
    match source {
        Source::Registry { index } => table.text("registry", &index.to_string()),
        Source::FindLinks { location } => table.text("find-links", location),
        Source::Url { url, subdirectory } => {
            table.text("url", &url.to_string());
            table.optional("subdirectory", subdirectory.as_deref());
        }
        Source::Git {
            url,
            reference,
            commit,
            subdirectory,
        } => {
            table.text("git", &repository(url));
            table.optional("reference", reference.as_deref());
            table.text("commit", commit);
            table.optional("subdirectory", subdirectory.as_deref());
        }
        Source::File { path } => table.text("file", path),
        Source::Directory { path, editable } => {
            table.text("directory", path);
            if *editable {
                table.raw("editable", "true");
            }
        }
    }
    table.finish()
}

/// A repository's URL without its password. The user of an `ssh` URL is no secret, and nothing is fetched without it.
fn repository(url: &WebUrl) -> String {
    let plain = url.as_url();
    if plain.scheme() != "ssh" {
        return url.to_string();
    }
    let mut shown = plain.clone();
    // Fails only for URLs that cannot have a host, and those carry no credentials.
    let _ = shown.set_password(None);
    shown.to_string()
}

pub(super) fn line(text: &mut String, key: &str, value: &str) {
    writeln!(text, "{key} = {value}").expect("a String takes every write");
}

/// An array with one inline table a line; nothing at all where it is empty.
pub(super) fn block<T>(text: &mut String, key: &str, items: &[T], print: impl Fn(&T) -> String) {
    if items.is_empty() {
        return;
    }
    writeln!(text, "{key} = [").expect("a String takes every write");
    for item in items {
        writeln!(text, "    {},", print(item)).expect("a String takes every write");
    }
    text.push_str("]\n");
}

pub(super) fn word_list(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("[{}]", quoted.join(", "))
}

fn target_list(targets: &[Target]) -> String {
    word_list(&targets.iter().map(ToString::to_string).collect::<Vec<_>>())
}

/// An inline table being written.
pub(super) struct Inline(String);

impl Inline {
    pub(super) fn new() -> Self {
        Self(String::from("{ "))
    }

    pub(super) fn raw(&mut self, key: &str, value: &str) {
        if self.0.len() > 2 {
            self.0.push_str(", ");
        }
        write!(self.0, "{key} = {value}").expect("a String takes every write");
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.raw(key, &quoted(value));
    }

    pub(super) fn optional(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    pub(super) fn finish(mut self) -> String {
        self.0.push_str(" }");
        self.0
    }
}

/// A TOML basic string. Source: TOML 1.0, "String".
pub(crate) fn quoted(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    write_quoted(&mut text, value);
    text
}

/// Appends a TOML basic string.
pub(super) fn write_quoted(text: &mut String, value: &str) {
    text.push('"');
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\' && byte < 0x7f;
    if value.bytes().all(is_plain) {
        text.push_str(value);
    } else {
        value.chars().for_each(|c| write_escaped(text, c));
    }
    text.push('"');
}

fn write_escaped(text: &mut String, c: char) {
    match c {
        '"' => text.push_str("\\\""),
        '\\' => text.push_str("\\\\"),
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        c if c.is_control() => {
            write!(text, "\\u{:04X}", u32::from(c)).expect("a String takes every write");
        }
        c => text.push(c),
    }
}
