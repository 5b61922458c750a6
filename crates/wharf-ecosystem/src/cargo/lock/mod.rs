//! `Cargo.lock`: read in all its versions, printed as cargo prints it.
//!
//! In memory every edge names its package in full; the text says of a dependency only as much as tells it from others. Invariant: a
//! file that cargo wrote prints byte for byte as it was read.
//! Source: the cargo book, "Cargo.toml vs Cargo.lock", and the lockfiles that cargo writes.

mod parse;
mod print;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use semver::Version;
use wharf_core::Digest;

use super::source::Encoding;
use super::{CrateName, RustVersion, SourceId};

/// What a `Cargo.lock` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CargoLock {
    /// The version of the form.
    pub version: LockVersion,
    /// The packages. Printing puts them in order.
    pub packages: Vec<LockedCrate>,
    /// Patches that nothing uses. Printing keeps their order.
    pub patch_unused: Vec<LockedCrate>,
    /// What other tools keep in `[metadata]`.
    pub metadata: BTreeMap<String, String>,
    /// Comments at the top, besides the two that cargo writes.
    pub comments: Vec<String>,
}

/// A version of the form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LockVersion {
    /// Checksums at the end, dependencies in full, no version in the file.
    V1,
    /// Checksums with the packages, short dependencies, no version in the file.
    V2,
    /// As version 2, with `version = 3`.
    V3,
    /// As version 3, with safe git references.
    #[default]
    V4,
}

/// One package of a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedCrate {
    /// The package.
    pub name: CrateName,
    /// Its version.
    pub version: Version,
    /// Where it comes from; `None` for a folder.
    pub source: Option<SourceId>,
    /// The SHA-256 of its archive.
    pub checksum: Option<Digest>,
    /// What it needs, of all kinds and for all targets.
    pub dependencies: Vec<LockedId>,
    /// What stands in for it (`[replace]`).
    pub replace: Option<LockedId>,
}

/// What tells a package from every other of a lock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LockedId {
    /// The package.
    pub name: CrateName,
    /// Its version.
    pub version: Version,
    /// Where it comes from; `None` for a folder.
    pub source: Option<SourceId>,
}

/// A text that is no `Cargo.lock`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLock {
    /// It is not TOML, or not of the form: a merge that was not finished, for example.
    #[error("{0}")]
    Toml(String),
    /// It is of a form that is not known.
    #[error("it has version {0}, and the newest that is understood is 4")]
    Newer(u32),
    /// A package cannot be read.
    #[error("package {package}: {reason}")]
    Package {
        /// The package, as written.
        package: String,
        /// Why.
        reason: String,
    },
    /// A package is there twice.
    #[error("package {0} is there twice")]
    Twice(String),
}

impl CargoLock {
    /// Reads a lock. Dependencies on packages that are not there, or of which several fit, are passed over, as cargo does it.
    ///
    /// # Errors
    /// Where the text is no lock.
    pub fn parse(text: &str) -> Result<Self, InvalidLock> {
        parse::parse(text)
    }

    /// The text, as cargo writes it for these packages.
    pub fn print(&self) -> String {
        print::print(self)
    }

    /// The package of an id.
    pub fn find(&self, id: &LockedId) -> Option<&LockedCrate> {
        self.packages.iter().find(|package| {
            package.name == id.name && package.version == id.version && package.source == id.source
        })
    }
}

impl LockVersion {
    /// The version that cargo writes for a new lock, or one that changes, of a workspace whose lowest `rust-version` is this.
    pub fn for_rust_version(lowest: Option<RustVersion>) -> Self {
        let since = |minor| RustVersion {
            major: 1,
            minor: Some(minor),
            patch: None,
        };
        match lowest {
            Some(lowest) if lowest < since(41) => LockVersion::V1,
            Some(lowest) if lowest < since(53) => LockVersion::V2,
            Some(lowest) if lowest < since(83) => LockVersion::V3,
            _ => LockVersion::V4,
        }
    }

    fn encoding(self) -> Encoding {
        match self {
            LockVersion::V1 | LockVersion::V2 | LockVersion::V3 => Encoding::Plain,
            LockVersion::V4 => Encoding::Percent,
        }
    }
}

impl LockedCrate {
    /// A package without dependencies.
    pub fn new(name: CrateName, version: Version, source: Option<SourceId>) -> Self {
        Self {
            name,
            version,
            source,
            checksum: None,
            dependencies: Vec::new(),
            replace: None,
        }
    }

    /// What tells it from others.
    pub fn id(&self) -> LockedId {
        LockedId {
            name: self.name.clone(),
            version: self.version.clone(),
            source: self.source.clone(),
        }
    }

    /// `serde@1.0.228`, for messages.
    pub fn label(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// The order of packages in a lock.
    fn order(&self, other: &Self) -> Ordering {
        (&self.name, &self.version, &self.source).cmp(&(&other.name, &other.version, &other.source))
    }
}

impl fmt::Display for LockedId {
    /// `name version (source)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)?;
        match &self.source {
            Some(source) => write!(f, " ({source})"),
            None => Ok(()),
        }
    }
}
