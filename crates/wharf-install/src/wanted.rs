//! What an environment shall be: its Python part, its Node part, its crates, its tools, its system root, any of them.
//!
//! Invariant: what is wanted names everything that a commit needs and nothing of what stands there now, so that the same
//! wish gives the same environment whatever stood there before.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wharf_core::PackageName;
use wharf_store::journal::Flushed;
use wharf_store::{Ahead, LinkMode, TreeId, durable};

use crate::layout::Item;
use crate::python::Interpreter;
use crate::venv::SystemSite;

/// What an environment shall be. A part that is `None` is not wanted: what Wharf made of it before goes.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its `.venv`.
    pub python: Option<PythonWanted>,
    /// Its `node_modules`, one a workspace member.
    pub node: Option<NodeWanted>,
    /// The crates that cargo reads.
    pub crates: Option<CratesWanted>,
    /// The commands of its tools.
    pub commands: Option<CommandsWanted>,
    /// The system root that commands run in.
    pub system: Option<SystemWanted>,
    /// Files of the project that change in the same commit.
    pub files: Vec<FileChange>,
    /// What this realises, for the record: usually the digest of the lockfile.
    pub label: String,
    /// How files come out of the store.
    pub link: LinkMode,
    /// What happens to an environment there that Wharf did not make.
    pub foreign: Foreign,
    /// Whether the commit survives a power cut, or only a killed process.
    pub durability: Durability,
}

/// What a Python environment shall be.
#[derive(Clone, Debug)]
pub struct PythonWanted {
    /// The interpreter behind it.
    pub python: Interpreter,
    /// Its packages; each name once.
    pub packages: Vec<Package>,
    /// What shells show while it is active; usually the project's name.
    pub prompt: String,
    /// Whether bytecode is compiled now rather than at the first import.
    pub compile: Compile,
    /// Whether the interpreter's own packages are visible.
    pub system_site: SystemSite,
}

/// What the `node_modules` of a project shall be.
#[derive(Clone, Debug, Default)]
pub struct NodeWanted {
    /// The folders; one without items gets no `node_modules`.
    pub roots: Vec<NodeRoot>,
    /// What they hold, for plans and records.
    pub packages: Vec<InstalledNode>,
    /// A Node that comes with the environment, where the machine has none that fits.
    pub runtime: Option<NodeRuntime>,
    /// Packages of these folders that were linked while others were fetched. The way in which they came is that of all files of the
    /// commit: the [`Wanted::link`] that [`crate::Environment::ahead`] was given.
    pub ahead: Option<Arc<Ahead>>,
}

/// The `node_modules` of one folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeRoot {
    /// The folder that it lies in, relative to the project with `/` separators; `.` for the project itself.
    pub folder: String,
    /// What it holds; paths are relative to `node_modules`.
    pub items: Vec<Item>,
}

/// The crates that cargo reads in place of a registry: one entry a crate, which links to its home in the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CratesWanted {
    /// What lies there.
    pub items: Vec<Item>,
    /// What it holds, for plans and records.
    pub packages: Vec<InstalledCrate>,
}

/// The commands of tools.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandsWanted {
    /// The executables.
    pub items: Vec<Item>,
    /// What brings them, for plans and records.
    pub tools: Vec<InstalledTool>,
}

/// The system root that an environment's commands run in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SystemWanted {
    /// What lies there: the link to the root in the store.
    pub(crate) items: Vec<Item>,
    /// The root in the store.
    pub(crate) root: PathBuf,
    /// What it is made of, for plans and records.
    pub(crate) packages: Vec<InstalledDeb>,
}

/// The name of the link to a system root.
pub(crate) const SYSTEM_LINK: &str = "root";

impl SystemWanted {
    /// The root at `root` in the store, made of these packages.
    #[must_use]
    pub fn new(root: &Path, mut packages: Vec<InstalledDeb>) -> Self {
        packages.sort();
        Self {
            items: vec![Item::link(SYSTEM_LINK, &root.to_string_lossy())],
            root: root.to_owned(),
            packages,
        }
    }

    /// What it is made of.
    #[must_use]
    pub fn packages(&self) -> &[InstalledDeb] {
        &self.packages
    }
}

/// A package of a system root.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InstalledDeb {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: String,
    /// Its architecture; that of the machine or `all`, or a foreign one.
    pub architecture: String,
}

/// A file of the project that a commit changes, such as a tool's own configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// Where, relative to the project with `/` separators.
    pub path: String,
    /// What it holds now; `None` where there is none. One that holds something else by then is left alone.
    pub before: Option<String>,
    /// What it shall hold; `None` where it goes.
    pub after: Option<String>,
}

/// A crate of an environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InstalledCrate {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: String,
}

/// A tool of an environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InstalledTool {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: String,
    /// What it was built from, besides the compiler: features, graph, profile.
    pub key: String,
    /// Its commands, sorted.
    pub commands: Vec<String>,
    /// Its files in the store.
    pub tree: TreeId,
}

/// An npm package of an environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InstalledNode {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: String,
    /// What tells it from the same version among other peers.
    pub key: String,
}

/// A Node that lies in the store and belongs to an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRuntime {
    /// Its version.
    pub version: String,
    /// Its executable.
    pub path: PathBuf,
}

/// A package that a Python environment shall hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: PackageName,
    /// Its version, as its metadata writes it.
    pub version: String,
    /// Its unpacked wheel in the store.
    pub tree: TreeId,
    /// The content of its `direct_url.json`, if it came from elsewhere than an index.
    pub direct_url: Option<serde_json::Value>,
    /// Whether the user asked for it, rather than another package.
    pub requested: bool,
}

/// Whether bytecode is compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compile {
    /// At the first import, by Python.
    #[default]
    No,
    /// Before the commit.
    Yes,
}

/// What happens to an environment that Wharf did not make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Foreign {
    /// It is left alone, and the commit refused.
    #[default]
    Refuse,
    /// It is replaced and deleted.
    Replace,
}

/// What a commit survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// A power cut: everything is on disk before the environment is switched.
    #[default]
    Power,
    /// A killed process, and a power cut once [`crate::Environment::settle`] was called, by whoever comes behind. Until then a
    /// power cut brings the environment before it back.
    Behind,
    /// A killed process only. For environments that can be thrown away.
    Process,
}

impl Durability {
    /// What the steps of the switch survive while it happens.
    pub(crate) fn of_the_switch(self) -> durable::Durability {
        match self {
            Self::Power => durable::Durability::Power,
            Self::Behind | Self::Process => durable::Durability::Process,
        }
    }

    /// Which steps of the journal are flushed.
    pub(crate) fn of_the_journal(self) -> Flushed {
        match self {
            Self::Power => Flushed::Each,
            Self::Behind => Flushed::First,
            Self::Process => Flushed::None,
        }
    }

    /// What files of the project survive that belong to other tools: they cannot be made anew.
    pub(crate) fn of_files(self) -> durable::Durability {
        match self {
            Self::Power | Self::Behind => durable::Durability::Power,
            Self::Process => durable::Durability::Process,
        }
    }
}

impl FileChange {
    /// What takes the change back.
    pub(crate) fn inverted(&self) -> Self {
        Self {
            path: self.path.clone(),
            before: self.after.clone(),
            after: self.before.clone(),
        }
    }
}

impl Wanted {
    /// An environment of nothing yet, linked in the best way, that replaces nothing of others and
    /// survives a power cut. Fill in the fields.
    #[must_use]
    pub fn new(label: &str) -> Self {
        Self {
            python: None,
            node: None,
            crates: None,
            commands: None,
            system: None,
            files: Vec::new(),
            label: label.to_owned(),
            link: LinkMode::Auto,
            foreign: Foreign::Refuse,
            durability: Durability::Power,
        }
    }

    /// The same with this Python part.
    #[must_use]
    pub fn with_python(mut self, python: PythonWanted) -> Self {
        self.python = Some(python);
        self
    }

    /// The same with this Node part.
    #[must_use]
    pub fn with_node(mut self, node: NodeWanted) -> Self {
        self.node = Some(node);
        self
    }
}
