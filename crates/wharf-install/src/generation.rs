//! One realised environment on record: what stands in it and why.
//!
//! Invariant: a generation's file is complete and on disk before the environment it describes becomes current, so whatever
//! number the marker inside an environment names can be read.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wharf_core::PackageName;
use wharf_store::TreeId;

use crate::Compile;
use crate::error::InstallError;
use crate::python::Interpreter;
use crate::venv::SystemSite;

/// The version of the record's shape.
const FORMAT: u32 = 1;

/// What an environment holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Version of this shape.
    pub format: u32,
    /// Its number; each commit takes the next.
    pub number: u64,
    /// The transaction that made it.
    pub transaction: String,
    /// Where it stands.
    pub root: PathBuf,
    /// What it realises, in the caller's words: usually the digest of a lockfile.
    pub label: String,
    /// The interpreter behind it.
    pub python: Interpreter,
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
    /// The names that belong into `site_packages`, sorted.
    pub site_names: Vec<String>,
    /// The names that belong into `scripts`, sorted.
    pub script_names: Vec<String>,
}

/// One package of a generation.
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

/// The file inside an environment that says which generation it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// Version of this shape.
    pub format: u32,
    /// The generation.
    pub generation: u64,
    /// The transaction that made it.
    pub transaction: String,
}

impl Generation {
    pub(crate) const FORMAT: u32 = FORMAT;

    /// Reads the record in `file`.
    ///
    /// # Errors
    /// It cannot be read or is damaged.
    pub fn read(file: &Path) -> Result<Self, InstallError> {
        let bytes = fs::read(file).map_err(InstallError::io("read", file))?;
        let damaged = |reason: String| InstallError::Damaged {
            path: file.to_owned(),
            reason,
        };
        let found: Self = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if found.format != FORMAT {
            return Err(damaged(format!(
                "it has format {}, this wharf knows {FORMAT}",
                found.format
            )));
        }
        Ok(found)
    }
}

impl Marker {
    /// The name of the marker inside an environment.
    pub const NAME: &'static str = ".wharf.json";

    /// The marker of a generation.
    pub(crate) fn of(generation: u64, transaction: &str) -> Self {
        Self {
            format: FORMAT,
            generation,
            transaction: transaction.to_owned(),
        }
    }

    /// Reads the marker of the environment at `root`; `None` if there is none, or none that makes sense.
    #[must_use]
    pub fn read(root: &Path) -> Option<Self> {
        let bytes = fs::read(root.join(Self::NAME)).ok()?;
        serde_json::from_slice(&bytes)
            .ok()
            .filter(|marker: &Self| marker.format == FORMAT)
    }

    /// Its text.
    pub(crate) fn text(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec(self).expect("a marker is plain data");
        text.push(b'\n');
        text
    }
}
