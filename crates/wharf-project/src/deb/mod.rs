//! The Debian part of a project: the packages that it wants, the suite and the repositories that they come from.
//!
//! | module | job |
//! |---|---|
//! | `read` | `[deb]` and `[dev.deb]` of a manifest |
//! | [`repository`] | [`DebRepository`]: one suite of one repository, and the keys that sign it |
//!
//! Invariants: every relation was read before it is here; what a machine says never stands beside what the project says
//! without [`Declared`] telling which is which.

pub mod repository;

use std::fmt;

use serde::Serialize;
use wharf_core::{Arch, Origin, PackageName};

use crate::requirement::Group;

pub use repository::{DebKeys, DebRepository};

/// The Debian part of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DebProject {
    /// The suite: the manifest's, else what the host runs; `None` where neither says one.
    pub suite: Option<DebSuite>,
    /// What the project asks for, in the manifest's order.
    pub packages: Vec<DebRequirement>,
    /// Whether what packages recommend comes along.
    pub recommends: bool,
    /// Architectures besides a system's own that packages may have, such as `i386`.
    pub foreign: Vec<String>,
    /// The components of the usual repositories; `None` for those that are usual.
    pub components: Option<Vec<String>>,
    /// Packages that stay at a version.
    pub holds: Vec<DebHold>,
    /// Packages that are never chosen.
    pub excludes: Vec<PackageName>,
    /// What the manifest says about which versions are preferred.
    pub pins: Vec<DebPin>,
    /// Which repositories are asked besides the project's own.
    pub sources: DebSources,
    /// The instant whose state of the usual repositories is used (`20260115T000000Z`); `None` for today's.
    pub snapshot: Option<String>,
    /// The repositories that the project itself names.
    pub repositories: Vec<DebRepository>,
    /// Where the table is written.
    pub origin: Origin,
}

/// A suite of a distribution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DebSuite {
    /// Its name: `bookworm`, `noble`.
    pub name: String,
    /// Who says so. A lock keeps its suite where only the machine says one.
    pub declared: crate::Declared,
    /// Where it is written.
    pub origin: Origin,
}

/// A requirement on a Debian package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DebRequirement {
    /// The relation in Debian's own text, in normal form: `libpq-dev (>= 15)`, `foo:i386`, `a | b`.
    pub text: String,
    /// Which part of the project needs it.
    pub group: Group,
    /// Where it is written.
    pub origin: Origin,
}

/// A package that stays at a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DebHold {
    /// The package.
    pub name: PackageName,
    /// The version; `None` for the one that is locked.
    pub version: Option<String>,
    /// Where it is written.
    pub origin: Origin,
}

/// Which versions are preferred, as apt_preferences(5) has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DebPin {
    /// The packages, or patterns of them.
    pub packages: Vec<String>,
    /// What is pinned: `release n=bookworm-backports`, `version 1.22*`, `origin deb.example.org`.
    pub pin: String,
    /// How much it is preferred.
    pub priority: i32,
    /// Where it is written.
    pub origin: Origin,
}

/// Which repositories are asked besides the project's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DebSources {
    /// Those that the host has for the suite, and the usual ones where it has none.
    #[default]
    Auto,
    /// All that the host has.
    Host,
    /// The usual ones, whatever the host has.
    Default,
    /// None.
    None,
}

crate::index::words!(DebSources {
    Auto = "auto",
    Host = "host",
    Default = "default",
    None = "none"
});

/// What Debian calls an architecture.
pub const fn architecture_of(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "amd64",
        Arch::Aarch64 => "arm64",
        Arch::X86 => "i386",
        Arch::Armv7l => "armhf",
        Arch::Ppc64le => "ppc64el",
        Arch::S390x => "s390x",
        Arch::Riscv64 => "riscv64",
    }
}

impl DebHold {
    /// `nginx`, `nginx (= 1.22.1-9)`
    pub(crate) fn words(&self) -> String {
        match &self.version {
            Some(version) => format!("{} (= {version})", self.name),
            None => self.name.to_string(),
        }
    }
}

impl DebPin {
    /// `nginx libnginx-mod-*: release n=bookworm-backports 500`
    pub(crate) fn words(&self) -> String {
        format!("{}: {} {}", self.packages.join(" "), self.pin, self.priority)
    }
}

impl fmt::Display for DebRequirement {
    /// `deb:libpq-dev (>= 15)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "deb:{}", self.text)
    }
}
