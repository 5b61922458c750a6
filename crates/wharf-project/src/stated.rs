//! What files state before it is put together into a project: later files add to it, and the first word on a setting
//! stands.

use std::collections::BTreeSet;
use std::path::PathBuf;

use pep440_rs::VersionSpecifiers;
use wharf_core::{Origin, Target};

use crate::cargo::tools::CargoTables;
use crate::deb::read::DebTables;
use crate::external::ExternalProject;
use crate::index::{FindLinks, Formats, IndexSpec, IndexStrategy, Prereleases, ResolutionMode};
use crate::manifest::npm::NpmTables;
use crate::project::{Policy, SelfPackage, Warning};
use crate::requirement::RootRequirement;

/// Everything that was read so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stated {
    pub(crate) name: Option<String>,
    pub(crate) requires_python: Option<(VersionSpecifiers, Origin)>,
    pub(crate) roots: Vec<RootRequirement>,
    pub(crate) constraints: Vec<RootRequirement>,
    pub(crate) overrides: Vec<RootRequirement>,
    pub(crate) targets: Vec<Target>,
    pub(crate) policy: Policy,
    pub(crate) self_package: Option<SelfPackage>,
    pub(crate) indexes: Vec<IndexSpec>,
    pub(crate) find_links: Vec<FindLinks>,
    pub(crate) no_index: bool,
    pub(crate) strategy: Option<IndexStrategy>,
    pub(crate) formats: Formats,
    pub(crate) prereleases: Option<Prereleases>,
    pub(crate) resolution: Option<ResolutionMode>,
    pub(crate) require_hashes: bool,
    pub(crate) trusted_hosts: Vec<String>,
    pub(crate) npm: NpmTables,
    pub(crate) cargo: CargoTables,
    pub(crate) deb: DebTables,
    pub(crate) external: ExternalProject,
    pub(crate) inputs: Vec<PathBuf>,
    pub(crate) warnings: Vec<Warning>,
}

impl Stated {
    pub(crate) fn warn(&mut self, code: &'static str, message: String, origin: Origin) {
        self.warnings.push(Warning {
            code,
            message,
            origin: Some(origin),
        });
    }

    /// Notes a file that was read or looked for, once.
    pub(crate) fn note_input(&mut self, path: PathBuf) {
        if !self.inputs.contains(&path) {
            self.inputs.push(path);
        }
    }

    /// The names of the indexes that requirements may ask for.
    pub(crate) fn index_names(&self) -> BTreeSet<&str> {
        self.indexes
            .iter()
            .filter_map(|index| index.name.as_deref())
            .collect()
    }
}
