//! The part of the lock that holds tools built from crates: what was asked for, and each tool's own whole graph.
//!
//! | module | job |
//! |---|---|
//! | `parse` | tables → [`ToolsLock`] |
//! | `print` | [`ToolsLock`] → text |
//! | `stale` | does it still answer what the project asks? |
//!
//! The crates of a workspace are not here: they are in its `Cargo.lock`, which Cargo itself reads.
//! Invariants: `parse(print(lock))` is the normalised lock; every dependency leads to exactly one crate of its tool; a crate of a
//! registry has a checksum, one of a repository a commit.

mod parse;
mod print;
mod stale;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt;

use wharf_core::Digest;
use wharf_ecosystem::cargo::{CargoLock, CrateName, LockedCrate, LockedId, Req, SourceId, Version};

use crate::cargo::tools::{CargoTool, ToolSource};

pub(super) use parse::read;
pub(super) use print::print;

/// The tools of a project, locked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolsLock {
    /// Each tool, sorted by name.
    pub tools: Vec<LockedTool>,
}

/// One tool with everything that it is built from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedTool {
    /// What was asked for.
    pub request: ToolRequest,
    /// The crate itself, with its source and its dependencies.
    pub root: LockedCrate,
    /// Where the graph comes from.
    pub graph: GraphOrigin,
    /// All other crates of its graph, sorted by name, version and source.
    pub crates: Vec<LockedCrate>,
}

/// Where the graph of a tool comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GraphOrigin {
    /// From the lockfile that the crate brings.
    Packaged,
    /// Wharf resolved it.
    #[default]
    Resolved,
}

crate::index::words!(GraphOrigin { Packaged = "packaged", Resolved = "resolved" });

/// What was asked for of a tool, in a form that compares as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolRequest {
    /// The crate.
    pub name: CrateName,
    /// The versions that are right.
    pub req: Req,
    /// Where it must come from, as the manifest says: `registry:NAME`, `git+https://…`; `None` where it says nothing.
    pub from: Option<String>,
    /// Features that are switched on, sorted.
    pub features: Vec<String>,
    /// Whether its default features are switched on.
    pub default_features: bool,
    /// Whether all its features are.
    pub all_features: bool,
    /// The commands that are wanted, sorted; empty for all.
    pub bins: Vec<String>,
    /// Whether the lockfile that the crate brings is obeyed.
    pub locked: bool,
}

impl ToolsLock {
    /// The tool of this name.
    pub fn tool(&self, name: &CrateName) -> Option<&LockedTool> {
        self.tools.iter().find(|tool| tool.request.name == *name)
    }

    /// Sorts everything whose order means nothing.
    pub(super) fn normalize(&mut self) {
        for tool in &mut self.tools {
            tool.request.normalize();
            for each in tool.crates.iter_mut().chain([&mut tool.root]) {
                each.dependencies.sort();
                each.dependencies.dedup();
            }
            tool.crates.sort_by_key(LockedCrate::id);
        }
        self.tools.sort_by(|a, b| a.request.name.cmp(&b.request.name));
    }
}

impl LockedTool {
    /// Its version.
    pub fn version(&self) -> &Version {
        &self.root.version
    }

    /// Where it comes from.
    ///
    /// # Panics
    /// Never for a lock that was read or that a solve made: both give every tool a source.
    pub fn source(&self) -> &SourceId {
        self.root.source.as_ref().expect("a locked tool has a source")
    }

    /// What its archive hashes to; `None` for a repository.
    pub fn checksum(&self) -> Option<&Digest> {
        self.root.checksum.as_ref()
    }

    /// The tool and every crate that it is built from.
    pub fn all(&self) -> impl Iterator<Item = &LockedCrate> {
        std::iter::once(&self.root).chain(&self.crates)
    }

    /// The crate of an id.
    pub fn find(&self, id: &LockedId) -> Option<&LockedCrate> {
        self.all().find(|each| each.id() == *id)
    }

    /// The `Cargo.lock` to build it with in its own unpacked folder, where Cargo knows it as a folder and not by its source.
    pub fn cargo_lock(&self) -> CargoLock {
        let mut root = self.root.clone();
        root.source = None;
        root.checksum = None;
        let own = self.root.id();
        let mut packages: Vec<LockedCrate> = self.crates.clone();
        packages.push(root.clone());
        for package in &mut packages {
            for dependency in package
                .dependencies
                .iter_mut()
                .filter(|dependency| **dependency == own)
            {
                dependency.source = None;
            }
        }
        CargoLock {
            packages,
            ..CargoLock::default()
        }
    }
}

impl ToolRequest {
    /// What a project asks for.
    pub fn of(tool: &CargoTool) -> Self {
        let mut request = Self {
            name: tool.name.clone(),
            req: tool.req.clone(),
            from: match &tool.source {
                ToolSource::Default => None,
                ToolSource::Registry(name) => Some(format!("registry:{name}")),
                ToolSource::Git(source) => Some(source.to_string()),
            },
            features: tool.features.clone(),
            default_features: tool.default_features,
            all_features: tool.all_features,
            bins: tool.bins.clone(),
            locked: tool.locked,
        };
        request.normalize();
        request
    }

    fn normalize(&mut self) {
        for words in [&mut self.features, &mut self.bins] {
            words.sort();
            words.dedup();
        }
    }
}

impl fmt::Display for ToolRequest {
    /// `cargo:ripgrep@^14 (features pcre2)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cargo:{}", self.name)?;
        if let Req::Range(range) = &self.req {
            write!(f, "@{range}")?;
        }
        let list = |what: &str, words: &[String]| {
            (!words.is_empty()).then(|| format!("{what} {}", words.join(", ")))
        };
        let said = |what: &str, is_said: bool| is_said.then(|| what.to_owned());
        let notes: Vec<String> = [
            self.from.as_ref().map(|from| format!("from {from}")),
            list("features", &self.features),
            said("without default features", !self.default_features),
            said("all features", self.all_features),
            list("commands", &self.bins),
            said("not as its author locked it", !self.locked),
        ]
        .into_iter()
        .flatten()
        .collect();
        if notes.is_empty() {
            return Ok(());
        }
        write!(f, " ({})", notes.join("; "))
    }
}
