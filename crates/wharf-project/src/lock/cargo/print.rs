//! [`ToolsLock`] → text: one crate a line; crates.io is the source of those that name none. Takes a normalised lock.

use std::collections::BTreeMap;
use std::fmt::Write;

use wharf_ecosystem::cargo::{LockedCrate, LockedId, Req, SourceId};

use super::{LockedTool, ToolRequest, ToolsLock};
use crate::lock::print::{line, quoted, word_list};

/// Appends the tools to the text of a lock.
pub(in crate::lock) fn print(text: &mut String, lock: &ToolsLock) {
    for tool in &lock.tools {
        text.push_str("\n[[cargo.tool]]\n");
        request(text, &tool.request);
        root(text, tool);
    }
}

fn request(text: &mut String, request: &ToolRequest) {
    let ToolRequest {
        name,
        req,
        from,
        features,
        default_features,
        all_features,
        bins,
        locked,
    } = request;
    line(text, "name", &quoted(name.as_str()));
    if let Req::Range(range) = req {
        line(text, "requirement", &quoted(&range.to_string()));
    }
    if let Some(from) = from {
        line(text, "from", &quoted(from));
    }
    for (key, words) in [("features", features), ("bins", bins)] {
        if !words.is_empty() {
            line(text, key, &word_list(words));
        }
    }
    for (key, value, usual) in [
        ("default-features", default_features, true),
        ("all-features", all_features, false),
        ("locked", locked, true),
    ] {
        if *value != usual {
            line(text, key, &value.to_string());
        }
    }
}

fn root(text: &mut String, tool: &LockedTool) {
    let names = Names::of(tool);
    line(text, "version", &quoted(&tool.root.version.to_string()));
    if let Some(source) = named(tool.root.source.as_ref()) {
        line(text, "source", &quoted(&source));
    }
    if let Some(checksum) = &tool.root.checksum {
        line(text, "checksum", &quoted(&checksum.hex()));
    }
    line(text, "graph", &quoted(tool.graph.as_str()));
    if !tool.root.dependencies.is_empty() {
        line(text, "dependencies", &names.list(&tool.root.dependencies));
    }
    if tool.crates.is_empty() {
        return;
    }
    text.push_str("crates = [\n");
    for each in &tool.crates {
        text.push_str("    ");
        entry(text, each, &names);
        text.push_str(",\n");
    }
    text.push_str("]\n");
}

fn entry(text: &mut String, each: &LockedCrate, names: &Names<'_>) {
    let mut fact = |separator: &str, key: &str, value: &str| {
        write!(text, "{separator}{key} = {value}").expect("a string takes every text");
    };
    fact("{ ", "name", &quoted(each.name.as_str()));
    fact(", ", "version", &quoted(&each.version.to_string()));
    if let Some(source) = named(each.source.as_ref()) {
        fact(", ", "source", &quoted(&source));
    }
    if let Some(checksum) = &each.checksum {
        fact(", ", "checksum", &quoted(&checksum.hex()));
    }
    if !each.dependencies.is_empty() {
        fact(", ", "dependencies", &names.list(&each.dependencies));
    }
    text.push_str(" }");
}

/// The text of a source that is not crates.io.
fn named(source: Option<&SourceId>) -> Option<String> {
    source
        .filter(|source| !source.is_crates_io())
        .map(ToString::to_string)
}

/// How many versions a graph has of a name, and how many sources of a version.
struct Names<'a>(BTreeMap<&'a str, Vec<LockedId>>);

impl<'a> Names<'a> {
    fn of(tool: &'a LockedTool) -> Self {
        let mut names: BTreeMap<&str, Vec<LockedId>> = BTreeMap::new();
        for each in tool.all() {
            names.entry(each.name.as_str()).or_default().push(each.id());
        }
        Self(names)
    }

    fn list(&self, dependencies: &[LockedId]) -> String {
        let texts: Vec<String> = dependencies.iter().map(|id| self.text(id)).collect();
        word_list(&texts)
    }

    /// As much of an id as tells it from the others.
    fn text(&self, id: &LockedId) -> String {
        let known = self.0.get(id.name.as_str()).map_or(&[][..], Vec::as_slice);
        let of_version = known.iter().filter(|other| other.version == id.version).count();
        match (known.len(), of_version) {
            (0 | 1, _) => id.name.to_string(),
            (_, 0 | 1) => format!("{} {}", id.name, id.version),
            (_, _) => id.to_string(),
        }
    }
}
