//! The Debian part of the lock: one set of packages for each architecture, and what it was solved from.
//!
//! | module | job |
//! |---|---|
//! | `parse` | the text of the part → [`DebLock`] |
//! | `print` | [`DebLock`] → text |
//! | `stale` | what a project asks, and whether the lock still answers it |
//! | `reach` | which packages a root brings along, and why a package is there |
//!
//! Invariants: `parse(print(lock))` is the normalised lock; every edge and every root leads to exactly one package of its
//! system; every package has a checksum and comes from a repository of the lock.

mod parse;
mod print;
mod reach;
mod stale;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt;

use wharf_core::{Digest, PackageName, WebUrl};

use crate::deb::DebSources;
use crate::external::ExternalRole;
use crate::requirement::Group;

pub(super) use parse::parse;
pub(super) use print::print;
pub use reach::DebChain;

/// What a project has of Debian packages, locked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DebLock {
    /// The suite that was solved for.
    pub suite: String,
    /// What was solved.
    pub inputs: DebInputs,
    /// The repositories that packages come from, sorted by name.
    pub repositories: Vec<LockedRepository>,
    /// The outcome, one for each architecture.
    pub systems: Vec<LockedSystem>,
}

/// What the Debian part of a lock was solved from, as the project states it. Compared as a whole to tell whether it is stale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DebInputs {
    /// The suite that the manifest names.
    pub suite: Option<String>,
    /// What the project asks for.
    pub packages: Vec<DebRoot>,
    /// What the project says that packages of other ecosystems and itself need of the system, one need a text.
    pub external: Vec<String>,
    /// Whether what packages recommend comes along.
    pub recommends: bool,
    /// The architectures that the targets ask for; empty for the machine's.
    pub architectures: Vec<String>,
    /// Architectures besides a system's own that packages may have.
    pub foreign: Vec<String>,
    /// The components of the usual repositories, where the manifest names them.
    pub components: Option<Vec<String>>,
    /// Packages that stay at a version: `nginx`, `nginx (= 1.22.1-9)`.
    pub holds: Vec<String>,
    /// Packages that are never chosen.
    pub excludes: Vec<String>,
    /// Pins, one a text, in their order.
    pub pins: Vec<String>,
    /// Which repositories are asked besides the project's own.
    pub sources: DebSources,
    /// The instant whose state of the usual repositories is used.
    pub snapshot: Option<String>,
    /// The repositories that the project itself names, one a text, in their order.
    pub repositories: Vec<String>,
}

impl Default for DebInputs {
    fn default() -> Self {
        Self {
            suite: None,
            packages: Vec::new(),
            external: Vec::new(),
            recommends: true,
            architectures: Vec::new(),
            foreign: Vec::new(),
            components: None,
            holds: Vec::new(),
            excludes: Vec::new(),
            pins: Vec::new(),
            sources: DebSources::default(),
            snapshot: None,
            repositories: Vec::new(),
        }
    }
}

/// A requirement of the project, in a form that compares as text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DebRoot {
    /// The relation, in normal form.
    pub asked: String,
    /// Which part of the project needs it.
    pub group: Group,
}

/// A repository that packages come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockedRepository {
    /// What its packages call it: the suite's name, with a number where several have one.
    pub name: String,
    /// Where it lies; a package's `filename` is below it.
    pub uri: WebUrl,
    /// The suite.
    pub suite: String,
}

/// The packages of one architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedSystem {
    /// The architecture, such as `amd64`.
    pub architecture: String,
    /// Why there is anything, sorted.
    pub roots: Vec<LockedDebRoot>,
    /// The packages, sorted by name and architecture.
    pub packages: Vec<LockedDeb>,
}

/// Something that is asked for, and what answers it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockedDebRoot {
    /// The relation, in normal form.
    pub asked: String,
    /// Who asks.
    pub cause: DebCause,
    /// Which part of the project it belongs to.
    pub group: Group,
    /// The package that answers it.
    pub package: DebId,
}

/// Who asks for a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DebCause {
    /// The manifest.
    Manifest,
    /// The system itself: without it no package can be set up.
    Essential,
    /// A part of the project of another ecosystem, in words such as `python` or `node`.
    Part(String),
    /// Something that is built or runs, as an `[external]` table says.
    External {
        /// The package; `None` for the project itself.
        package: Option<PackageName>,
        /// What it needs it for.
        role: ExternalRole,
        /// What the table says it needs: `dep:generic/libpq`.
        dependency: String,
    },
}

/// Which package of a system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DebId {
    /// Its name.
    pub name: PackageName,
    /// Its architecture, `all` among them.
    pub architecture: String,
}

/// One version of one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedDeb {
    /// Its name and architecture.
    pub id: DebId,
    /// Its version.
    pub version: String,
    /// The repository that it comes from, by its name in the lock.
    pub repository: String,
    /// Where it lies below the repository's URI.
    pub filename: String,
    /// Its size in bytes.
    pub size: u64,
    /// What its bytes hash to.
    pub sha256: Digest,
    /// What answers its relations.
    pub dependencies: Vec<DebEdge>,
}

/// One need of a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DebEdge {
    /// How much it is needed.
    pub kind: DebEdgeKind,
    /// What answers it.
    pub package: DebId,
}

/// How much a package is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DebEdgeKind {
    /// Before it is unpacked.
    PreDepends,
    /// To run.
    Depends,
    /// Usually.
    Recommends,
}

crate::index::words!(DebEdgeKind { PreDepends = "pre-depends", Depends = "depends", Recommends = "recommends" });

impl DebEdgeKind {
    /// All of them, the strongest first.
    pub(super) const ALL: [DebEdgeKind; 3] = [
        DebEdgeKind::PreDepends,
        DebEdgeKind::Depends,
        DebEdgeKind::Recommends,
    ];
}

impl DebLock {
    /// The packages for an architecture.
    pub fn system(&self, architecture: &str) -> Option<&LockedSystem> {
        self.systems
            .iter()
            .find(|system| system.architecture == architecture)
    }

    /// Sorts everything whose order means nothing.
    pub(super) fn normalize(&mut self) {
        self.inputs.normalize();
        self.repositories.sort();
        self.repositories.dedup();
        for system in &mut self.systems {
            system.roots.sort();
            system.roots.dedup();
            for package in &mut system.packages {
                package.dependencies.sort();
                package.dependencies.dedup();
            }
            system.packages.sort_by(|a, b| a.id.cmp(&b.id));
        }
        self.systems.sort_by(|a, b| a.architecture.cmp(&b.architecture));
    }

    /// The repository of a name.
    pub fn repository(&self, name: &str) -> Option<&LockedRepository> {
        self.repositories
            .iter()
            .find(|repository| repository.name == name)
    }
}

impl LockedRepository {
    /// Names for repositories: the suite, and a number where an earlier one has that name.
    pub fn named(places: impl IntoIterator<Item = (WebUrl, String)>) -> Vec<Self> {
        let mut named: Vec<Self> = Vec::new();
        for (uri, suite) in places {
            let plain = suite.trim_end_matches('/');
            let count = named.iter().filter(|other| other.suite == suite).count();
            let name = match count {
                0 => plain.to_owned(),
                count => format!("{plain} {}", count + 1),
            };
            named.push(Self { name, uri, suite });
        }
        named
    }
}

impl LockedSystem {
    /// The package of an id.
    pub fn find(&self, id: &DebId) -> Option<&LockedDeb> {
        self.packages.iter().find(|package| package.id == *id)
    }
}

impl fmt::Display for DebId {
    /// `libc6:amd64`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.architecture)
    }
}

impl fmt::Display for DebRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "deb:{}", self.asked)?;
        if self.group == Group::Main {
            Ok(())
        } else {
            write!(f, " ({})", self.group)
        }
    }
}
