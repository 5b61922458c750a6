//! `wharf.lock`: the outcome of a solve, with what it was solved from.
//!
//! | module | job |
//! |---|---|
//! | `parse` | text → [`Lock`], with line and column for everything malformed |
//! | `print` | [`Lock`] → text, sorted, one fact a line, so that diffs are readable |
//! | `stale` | does the lock still answer what the project asks? |
//! | `reader`, `fields` | the text of the large parts → keys and values that know where they stand |
//! | `select` | which packages and files a machine installs |
//! | [`npm`] | npm's part of the lock |
//! | [`cargo`] | tools that are built from crates |
//! | [`deb`] | Debian packages |
//!
//! Invariant: `parse(print(lock))` is the normalised lock, and `print` of equal locks is the same bytes.

pub mod cargo;
pub mod deb;
mod fields;
mod local;
pub mod npm;
mod parse;
mod print;
mod reader;
mod select;
mod stale;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use wharf_core::{Digest, Explain, Fault, PackageName, Source, Span, Target, Timestamp};

use crate::index::{IndexStrategy, Prereleases, ResolutionMode};
use crate::requirement::Group;

pub use cargo::{GraphOrigin, LockedTool, ToolRequest, ToolsLock};
pub use deb::{DebInputs, DebLock};
pub use npm::{NpmInputs, NpmLock};
pub(crate) use print::quoted;
pub use select::{DevGroups, InstallItem, Selection};
pub use stale::Stale;

/// The version of the format that this program reads and writes.
pub const FORMAT: u32 = 1;

/// A lockfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// The version of the format.
    pub version: u32,
    /// The Python versions that the project supports, as text in normal form.
    pub requires_python: Option<String>,
    /// What was solved.
    pub inputs: LockInputs,
    /// The kinds of machine that it was solved for.
    pub targets: Vec<LockedTarget>,
    /// The outcome, sorted by name and version.
    pub packages: Vec<LockedPackage>,
    /// Tools that are built from crates; `None` where the project has none.
    pub cargo: Option<ToolsLock>,
    /// The Debian part; `None` where the project has none. It is large, and a session keeps it too.
    pub deb: Option<Arc<DebLock>>,
    /// npm's part; `None` where the project has nothing of npm.
    pub npm: Option<NpmLock>,
}

impl Default for Lock {
    /// A lock of nothing at all.
    fn default() -> Self {
        Self {
            version: FORMAT,
            requires_python: None,
            inputs: LockInputs::default(),
            targets: Vec::new(),
            packages: Vec::new(),
            cargo: None,
            deb: None,
            npm: None,
        }
    }
}

/// What a lock was solved from. Compared as a whole to tell whether it is stale.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockInputs {
    /// The project's requirements.
    pub roots: Vec<LockedRoot>,
    /// Bounds on packages that something else asks for.
    pub constraints: Vec<LockedRoot>,
    /// Requirements that replace every other one of their name.
    pub overrides: Vec<LockedRoot>,
    /// The targets as the manifest names them; empty means the machine that locks.
    pub targets: Vec<Target>,
    /// Versions younger than this at the time of locking were left out.
    pub cooldown: Span,
    /// Versions uploaded after this were left out.
    pub exclude_newer: Option<Timestamp>,
    /// The indexes that the project itself names.
    pub indexes: Vec<String>,
    /// The find-links that the project itself names.
    pub find_links: Vec<String>,
    /// The local source trees that the project names, each with a fingerprint of what it says about itself.
    pub local: Vec<String>,
    /// Whether the project forbids indexes.
    pub no_index: bool,
    /// Which index wins.
    pub index_strategy: IndexStrategy,
    /// When prereleases are chosen.
    pub prereleases: Prereleases,
    /// Which versions are chosen.
    pub resolution: ResolutionMode,
    /// Packages that must be built from source, `:all:` for all, `!name` for exceptions.
    pub no_binary: Vec<String>,
    /// Packages that must not be built from source, in the same form.
    pub only_binary: Vec<String>,
}

/// A requirement of the project, in a form that compares as text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockedRoot {
    /// The package.
    pub name: PackageName,
    /// Which part of the project needs it.
    pub group: Group,
    /// The requested extras, sorted.
    pub extras: Vec<String>,
    /// The version specifiers as text; empty for any.
    pub specifiers: String,
    /// Where it must come from, as [`crate::RequirementSource`] prints.
    pub source: Option<String>,
    /// Whether a source tree is imported in place.
    pub editable: bool,
    /// When it applies.
    pub marker: Option<String>,
    /// Digests that the project demands.
    pub hashes: Vec<Digest>,
}

/// A kind of machine and the interpreter that stood for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockedTarget {
    /// The platform and the Python minor version.
    pub target: Target,
    /// The full Python version that markers were evaluated with.
    pub python: String,
}

/// One version of one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedPackage {
    /// Its name.
    pub name: PackageName,
    /// Its exact version in the ecosystem's own form.
    pub version: String,
    /// Where its files come from.
    pub source: Source,
    /// The files that the targets use.
    pub files: Vec<LockedFile>,
    /// What it needs.
    pub dependencies: Vec<LockedEdge>,
    /// The targets that have this version; empty means all of them.
    pub targets: Vec<Target>,
    /// The Python versions that it supports.
    pub requires_python: Option<String>,
}

/// One file of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedFile {
    /// Its name.
    pub filename: String,
    /// Where it lies; absent where the source says so already.
    pub url: Option<String>,
    /// What its bytes hash to.
    pub digest: Option<Digest>,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// When it was uploaded.
    pub upload_time: Option<Timestamp>,
    /// The targets that use it; empty means all that have the package.
    pub targets: Vec<Target>,
}

/// One need of a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockedEdge {
    /// The package that is needed.
    pub name: PackageName,
    /// Its version, only where the lock has several of the name.
    pub version: Option<String>,
    /// The extras of it that are requested.
    pub extras: Vec<String>,
    /// The edge holds only if this extra of the *needing* package is requested.
    pub when_extra: Option<String>,
    /// The edge holds only where this is true.
    pub marker: Option<String>,
}

impl Lock {
    /// Sorts everything whose order means nothing, so that equal locks print the same bytes.
    pub fn normalize(&mut self) {
        let inputs = &mut self.inputs;
        for roots in [&mut inputs.roots, &mut inputs.constraints, &mut inputs.overrides] {
            for root in roots.iter_mut() {
                root.extras.sort();
                root.extras.dedup();
                root.hashes.sort();
                root.hashes.dedup();
            }
            roots.sort_by(|a, b| (&a.group, &a.name, a).cmp(&(&b.group, &b.name, b)));
            roots.dedup();
        }
        for package in &mut self.packages {
            for edge in &mut package.dependencies {
                edge.extras.sort();
                edge.extras.dedup();
            }
            package
                .dependencies
                .sort_by(|a, b| (&a.when_extra, a).cmp(&(&b.when_extra, b)));
            package.dependencies.dedup();
            package.files.sort_by(|a, b| {
                a.filename
                    .cmp(&b.filename)
                    .then_with(|| a.targets.cmp(&b.targets))
            });
            for file in &mut package.files {
                file.targets.sort();
            }
            package.targets.sort();
        }
        self.packages.sort_by(|a, b| {
            (&a.name, &a.version, &a.source, &a.targets).cmp(&(&b.name, &b.version, &b.source, &b.targets))
        });
        if let Some(tools) = &mut self.cargo {
            tools.normalize();
        }
        if let Some(deb) = &mut self.deb {
            Arc::make_mut(deb).normalize();
        }
        if let Some(npm) = &mut self.npm {
            npm.normalize();
        }
    }
}

/// Why a lock cannot be used on a machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// It was not solved for this kind of machine.
    #[error("the lock has no target for {host}; it covers {}", list_targets(available))]
    NoTarget {
        /// The machine.
        host: Box<Target>,
        /// What the lock covers.
        available: Vec<Target>,
    },
    /// An edge points nowhere: the file was edited or merged by hand.
    #[error("{needed_by} needs {name}, which the lock does not contain for {target}")]
    MissingPackage {
        /// The package or the project that has the edge.
        needed_by: String,
        /// What is missing.
        name: PackageName,
        /// The target that was walked.
        target: Box<Target>,
    },
    /// An edge names no version although the lock has several.
    #[error("{needed_by} needs {name}, of which the lock has several versions for {target}")]
    AmbiguousPackage {
        /// The package or the project that has the edge.
        needed_by: String,
        /// What is needed.
        name: PackageName,
        /// The target that was walked.
        target: Box<Target>,
    },
    /// A marker in the lock is malformed.
    #[error("`{marker}` in the lock is not a marker: {reason}")]
    BadMarker {
        /// The marker.
        marker: String,
        /// Why.
        reason: String,
    },
    /// A package that is selected has no file for this target.
    #[error("the lock has no file of {name} {version} for {target}")]
    NoFile {
        /// The package.
        name: PackageName,
        /// Its version.
        version: String,
        /// The target that was walked.
        target: Box<Target>,
    },
    /// A group or an extra was asked for that the project does not have.
    #[error("the project has no {what} `{name}`")]
    UnknownGroup {
        /// `group` or `extra`.
        what: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
}

fn list_targets(targets: &[Target]) -> String {
    if targets.is_empty() {
        return "none".to_owned();
    }
    targets
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// What to add for a machine: a target of the lock with the machine's Python, else the machine's platform.
fn missing_target(host: &Target, available: &[Target]) -> Target {
    let same_platform = available
        .iter()
        .find(|known| known.without_python().includes(host));
    match (same_platform, host.python) {
        (Some(known), Some(python)) => known.with_python(python),
        (Some(_), None) | (None, _) => host.without_python(),
    }
}

impl Explain for LockError {
    fn code(&self) -> &'static str {
        match self {
            LockError::NoTarget { .. } => "lock/no-target",
            LockError::MissingPackage { .. } => "lock/missing-package",
            LockError::AmbiguousPackage { .. } => "lock/ambiguous-package",
            LockError::BadMarker { .. } => "lock/bad-marker",
            LockError::NoFile { .. } => "lock/no-file",
            LockError::UnknownGroup { .. } => "project/unknown-group",
        }
    }

    fn fault(&self) -> Fault {
        Fault::User
    }

    fn hints(&self) -> Vec<String> {
        match self {
            LockError::NoTarget { host, available } => vec![format!(
                "add \"{}\" to `targets` in wharf.toml and run `wharf lock`",
                missing_target(host, available)
            )],
            LockError::UnknownGroup { name, known, .. } => {
                match crate::suggest::nearest(name, known.iter().map(String::as_str)) {
                    Some(word) => vec![format!("did you mean `{word}`?")],
                    None if known.is_empty() => Vec::new(),
                    None => vec![format!("it has {}", known.join(", "))],
                }
            }
            LockError::MissingPackage { .. }
            | LockError::AmbiguousPackage { .. }
            | LockError::BadMarker { .. }
            | LockError::NoFile { .. } => vec!["run `wharf lock` to write the lockfile anew".to_owned()],
        }
    }
}
