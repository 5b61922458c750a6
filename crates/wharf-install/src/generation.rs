//! One realised environment on record: what stands in it and why.
//!
//! Invariant: a generation's file is complete and on disk before PREPARED, and `current` names it only after all of its
//! roots stand, so whatever number `current` names can be read. A root that a commit left alone keeps the marker of the
//! generation that made it; the record says which that is.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wharf_core::PackageName;
use wharf_store::TreeId;

use crate::error::InstallError;
use crate::ground::{Ground, RootKind, RootName};
use crate::python::Interpreter;
use crate::venv::SystemSite;
use crate::{Compile, InstalledCrate, InstalledDeb, InstalledNode, InstalledTool, NodeRuntime};

/// The version of the record's shape. Records of format 1 knew one `.venv` and nothing else; what they describe is made anew.
const FORMAT: u32 = 2;

/// What an environment holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Version of this shape.
    pub format: u32,
    /// Its number; each commit takes the next.
    pub number: u64,
    /// The transaction that made it.
    pub transaction: String,
    /// The project that it belongs to.
    pub project: PathBuf,
    /// What it realises, in the caller's words: usually the digest of a lockfile.
    pub label: String,
    /// The folders that it consists of, sorted by name.
    pub roots: Vec<RootRecord>,
    /// Its Python part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<PythonPart>,
    /// Its Node part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodePart>,
    /// The crates that cargo reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crates: Option<CratesPart>,
    /// Its tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands: Option<CommandsPart>,
    /// Its system root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemPart>,
}

/// One folder of a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootRecord {
    /// Which.
    pub name: RootName,
    /// The generation that made it.
    pub generation: u64,
    /// The transaction that made it, as its marker says.
    pub transaction: String,
    /// What it holds, as a digest of the items that it was made from; empty where packages are compared instead.
    pub digest: String,
    /// Directories of it that are watched for what others put in or take out.
    pub places: Vec<Place>,
    /// One of its links, if it has any: a copy that followed links has a folder there, from which packages do not find their
    /// needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// A directory and the names that belong into it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Relative to the root; empty for the root itself.
    pub path: String,
    /// Sorted.
    pub names: Vec<String>,
}

/// The Python part of a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PythonPart {
    /// Where it was made to stand: scripts inside name this path.
    pub root: PathBuf,
    /// The interpreter behind it.
    pub interpreter: Interpreter,
    /// What shells show.
    pub prompt: String,
    /// Whether the interpreter's own packages are visible.
    pub system_site: SystemSite,
    /// Whether bytecode was compiled.
    pub compile: Compile,
    /// Its packages, sorted by name.
    pub packages: Vec<InstalledPackage>,
    /// Where packages lie, relative to the root.
    pub site_packages: String,
    /// Where commands lie, relative to the root.
    pub scripts: String,
}

/// The Node part of a generation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodePart {
    /// Its packages, sorted.
    pub packages: Vec<InstalledNode>,
    /// The Node that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<NodeRuntime>,
    /// The store that its links lead into.
    pub store: PathBuf,
}

/// The crates of a generation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CratesPart {
    /// Which, sorted.
    pub packages: Vec<InstalledCrate>,
    /// The store that its links lead into.
    pub store: PathBuf,
}

/// The tools of a generation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandsPart {
    /// Which, sorted.
    pub tools: Vec<InstalledTool>,
}

/// The system root of a generation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemPart {
    /// Where it lies in the store.
    pub root: PathBuf,
    /// What it is made of, sorted.
    pub packages: Vec<InstalledDeb>,
    /// The store that it lies in.
    pub store: PathBuf,
}

/// One Python package of a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledPackage {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: String,
    /// Its files in the store.
    pub tree: TreeId,
    /// Whether the user asked for it, rather than another package.
    pub requested: bool,
    /// Its `direct_url.json`, if it came from elsewhere than an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct_url: Option<serde_json::Value>,
}

/// The file inside a root that says which generation made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// Version of this shape.
    pub format: u32,
    /// The generation.
    pub generation: u64,
    /// The transaction that made it.
    pub transaction: String,
}

/// The first thing that is read of a record: whether the rest can be understood.
#[derive(Deserialize)]
struct Shape {
    format: u32,
}

impl Generation {
    pub(crate) const FORMAT: u32 = FORMAT;

    /// Reads the record in `file`; `None` if it is of another format, so that what it describes is made anew.
    ///
    /// # Errors
    /// It cannot be read or is damaged.
    pub fn read(file: &Path) -> Result<Option<Self>, InstallError> {
        let bytes = fs::read(file).map_err(InstallError::io("read", file))?;
        let damaged = |error: serde_json::Error| InstallError::Damaged {
            path: file.to_owned(),
            reason: error.to_string(),
        };
        let shape: Shape = serde_json::from_slice(&bytes).map_err(damaged)?;
        if shape.format != FORMAT {
            return Ok(None);
        }
        serde_json::from_slice(&bytes).map(Some).map_err(damaged)
    }

    /// Where the Python behind the environment lies on the machine: in the system root that stands now if it is of one.
    pub(crate) fn python_on_disk(&self, part: &PythonPart) -> PathBuf {
        let path = &part.interpreter.base_executable;
        match (&part.interpreter.root, &self.system) {
            (Some(_), Some(system)) => system.root.join(path.strip_prefix("/").unwrap_or(path)),
            _ => path.clone(),
        }
    }

    /// The record of a root.
    #[must_use]
    pub fn root(&self, name: &RootName) -> Option<&RootRecord> {
        self.roots.iter().find(|root| root.name == *name)
    }

    /// The store that the links of roots of this kind lead into.
    pub(crate) fn linked_store(&self, kind: RootKind) -> Option<&Path> {
        match kind {
            RootKind::Node => self.node.as_ref().map(|part| part.store.as_path()),
            RootKind::Crates => self.crates.as_ref().map(|part| part.store.as_path()),
            RootKind::System => self.system.as_ref().map(|part| part.store.as_path()),
            RootKind::Python | RootKind::Commands => None,
        }
    }

    /// What of the generation still stands: without the roots that somebody removed or replaced, and without a part
    /// of which nothing is left. `None` if nothing of it stands.
    pub(crate) fn standing(mut self, ground: &Ground) -> Option<Self> {
        let recorded = self.roots.len();
        self.roots.retain(|root| root.stands(ground));
        let has = |kind| self.roots.iter().any(|root| root.name.kind == kind);
        let kinds = [
            RootKind::Python,
            RootKind::Node,
            RootKind::Crates,
            RootKind::Commands,
            RootKind::System,
        ];
        let [python, node, crates, commands, system] = kinds.map(has);
        self.python = self.python.filter(|_| python);
        self.node = self.node.filter(|_| node);
        self.crates = self.crates.filter(|_| crates);
        self.commands = self.commands.filter(|_| commands);
        self.system = self.system.filter(|_| system);
        (recorded == 0 || !self.roots.is_empty()).then_some(self)
    }
}

impl RootRecord {
    /// Whether the folder is still the one that was made.
    pub(crate) fn stands(&self, ground: &Ground) -> bool {
        Marker::read(&ground.path(&self.name)).is_some_and(|marker| marker.transaction == self.transaction)
    }
}

impl Marker {
    /// The name of the marker inside a root.
    pub const NAME: &'static str = ".wharf.json";

    /// The marker of a generation.
    pub(crate) fn of(generation: u64, transaction: &str) -> Self {
        Self {
            format: FORMAT,
            generation,
            transaction: transaction.to_owned(),
        }
    }

    /// Reads the marker of the folder at `root`; `None` if there is none, or none that makes sense. Markers of older formats
    /// count: they say that the folder is Wharf's.
    #[must_use]
    pub fn read(root: &Path) -> Option<Self> {
        let bytes = fs::read(root.join(Self::NAME)).ok()?;
        serde_json::from_slice(&bytes)
            .ok()
            .filter(|marker: &Self| marker.format <= FORMAT)
    }

    /// Its text.
    pub(crate) fn text(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec(self).expect("a marker is plain data");
        text.push(b'\n');
        text
    }
}
