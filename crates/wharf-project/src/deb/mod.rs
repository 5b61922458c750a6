//! The Debian part of a project: the packages that it wants, the suite and the repositories that they come from.
//!
//! | module | job |
//! |---|---|
//! | `read` | `[deb]` and `[dev.deb]` of a manifest |
//! | [`repository`] | [`DebRepository`]: one suite of one repository, and the keys that sign it |
//! | `usual` | the repositories of Debian and Ubuntu, and their keys |
//! | [`host`] | what the host runs, and which repositories it has |
//!
//! Invariants: every relation was read before it is here; what a machine says never stands beside what the project says
//! without [`Declared`] telling which is which.

pub mod host;
pub(crate) mod read;
pub mod repository;
#[cfg(test)]
mod tests;
pub(crate) mod usual;

use std::fmt;

use serde::{Serialize, Serializer};
use wharf_core::{Origin, PackageName};
use wharf_deb::architecture::Architecture;
use wharf_deb::preferences::Pin;
use wharf_deb::relation::Relation;

use crate::approval::ScriptApproval;
use crate::error::ProjectError;
use crate::index::Declared;
use crate::requirement::Group;

pub use host::DebHost;
pub use repository::{DebDistribution, DebKey, DebKeys, DebRepository};

/// The Debian part of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DebProject {
    /// The suite: the manifest's, else what the host runs; `None` where neither says one.
    pub suite: Option<DebSuite>,
    /// What the project asks for, in the manifest's order.
    pub packages: Vec<DebRequirement>,
    /// Whether what packages recommend comes along, which it does unless the manifest says otherwise.
    pub recommends: bool,
    /// Architectures besides a system's own that packages may have, such as `i386`.
    pub foreign: Vec<Architecture>,
    /// The components of the usual repositories; `None` for those that are usual.
    pub components: Option<Vec<String>>,
    /// Packages that stay at a version.
    pub holds: Vec<DebHold>,
    /// Packages that are never chosen.
    pub excludes: Vec<PackageName>,
    /// Packages whose maintainer scripts may run.
    pub scripts: Vec<ScriptApproval>,
    /// What debconf answers to these, as `debconf-set-selections` reads it.
    pub answers: Vec<String>,
    /// What the manifest says about which versions are preferred.
    pub pins: Vec<DebPin>,
    /// Which repositories are asked besides the project's own.
    pub sources: DebSources,
    /// The instant whose state of the usual repositories is used (`20260115T000000Z`); `None` for today's.
    pub snapshot: Option<String>,
    /// The repositories that the project itself names; [`DebProject::repositories`] has all that count.
    pub own: Vec<DebRepository>,
    /// What the host runs and has.
    pub host: DebHost,
    /// Where the table is written.
    pub origin: Origin,
}

/// A suite of a distribution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DebSuite {
    /// Its name: `bookworm`, `noble`.
    pub name: String,
    /// Who says so. A lock keeps its suite where only the machine says one.
    pub declared: Declared,
    /// Where it is written.
    pub origin: Origin,
}

/// A requirement on a Debian package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DebRequirement {
    /// The relation: `libpq-dev (>= 15)`, `foo:i386`, `a | b`.
    #[serde(serialize_with = "as_text")]
    pub relation: Relation,
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

impl DebProject {
    /// The pins of the manifest, for whoever solves.
    pub fn preferences(&self) -> Vec<Pin> {
        let stanzas: Vec<String> = self.pins.iter().map(DebPin::stanza).collect();
        let read = wharf_deb::preferences::parse(stanzas.join("\n").as_bytes());
        // The reader of the manifest has refused what is malformed.
        read.into_iter().filter_map(Result::ok).collect()
    }

    /// The repositories that packages of a suite come from, on machines of an architecture: the project's own, then those of the
    /// host or the usual ones.
    ///
    /// # Errors
    /// Where there is none for the suite.
    pub fn repositories(
        &self,
        suite: &str,
        architecture: &Architecture,
    ) -> Result<Vec<DebRepository>, ProjectError> {
        let others = match self.sources {
            DebSources::None => Vec::new(),
            DebSources::Host => self.host.sources.clone(),
            DebSources::Default => self.usual(suite, architecture),
            // A snapshot is of the usual ones.
            DebSources::Auto if self.snapshot.is_some() => self.usual(suite, architecture),
            DebSources::Auto => match self.host.covering(suite, architecture) {
                sources if sources.is_empty() => self.usual(suite, architecture),
                sources => sources.into_iter().map(|source| self.narrowed(source)).collect(),
            },
        };
        let all = self.own.iter().cloned().chain(others);
        let fitting: Vec<DebRepository> = all.filter(|repository| repository.has(architecture)).collect();
        if fitting.is_empty() {
            return Err(ProjectError::Setting {
                name: format!("`suite` of [deb] ({})", self.origin),
                value: suite.to_owned(),
                reason: format!("no repository is known that has it for {architecture}"),
            });
        }
        Ok(fitting)
    }

    fn usual(&self, suite: &str, architecture: &Architecture) -> Vec<DebRepository> {
        usual::repositories(
            suite,
            architecture,
            self.components.as_deref(),
            self.snapshot.as_deref(),
        )
    }

    /// A repository of the host with the components that the project names.
    fn narrowed(&self, mut repository: DebRepository) -> DebRepository {
        if let Some(components) = &self.components {
            repository.components.clone_from(components);
        }
        repository
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
    /// The pin as apt_preferences(5) writes it.
    pub fn stanza(&self) -> String {
        let Self {
            packages,
            pin,
            priority,
            origin: _,
        } = self;
        format!(
            "Package: {}\nPin: {pin}\nPin-Priority: {priority}\n",
            packages.join(" ")
        )
    }

    /// `nginx libnginx-mod-*: release n=bookworm-backports 500`
    pub(crate) fn words(&self) -> String {
        format!("{}: {} {}", self.packages.join(" "), self.pin, self.priority)
    }
}

impl fmt::Display for DebRequirement {
    /// `deb:libpq-dev (>= 15)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "deb:{}", self.relation)
    }
}

fn as_text<S: Serializer>(relation: &Relation, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(relation)
}
