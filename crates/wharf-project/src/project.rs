//! Everything that the files of a project say, gathered from a folder.
//! Invariant: deterministic in the files and in the environment that is passed in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pep440_rs::VersionSpecifiers;
use serde::Serialize;
use wharf_core::{Origin, PackageName, Span, Target, Timestamp};

use crate::cargo::CargoProject;
use crate::cargo::tools::CargoTools;
use crate::deb::DebProject;
use crate::external::ExternalProject;
use crate::index::{Formats, IndexSettings, NetworkSettings, Prereleases, ResolutionMode};
use crate::npm::NpmProject;
use crate::prebuilt::PrebuiltPolicy;
use crate::requirement::{Base, RootRequirement, project_path};

/// Which kind of file states the project's requirements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ManifestKind {
    /// `wharf.toml`.
    Wharf,
    /// `pyproject.toml`.
    Pyproject,
    /// `requirements*.txt`.
    Requirements,
    /// `package.json`.
    PackageJson,
    /// `Cargo.toml`.
    Cargo,
}

/// The `[policy]` table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// Versions younger than this are left out.
    pub cooldown: Span,
    /// Versions uploaded after this are left out.
    pub exclude_newer: Option<Timestamp>,
    /// Packages whose install scripts may run, as written; those of npm are read into [`crate::NpmProject::scripts`],
    /// those of Debian into [`crate::deb::DebProject::scripts`].
    pub scripts: Vec<String>,
    /// Whether commands of crates may come prebuilt.
    pub prebuilt: PrebuiltPolicy,
    /// Whether builds of packages run in a sandbox.
    pub sandbox: SandboxPolicy,
    /// Packages whose builds may use the network.
    pub build_network: Vec<PackageName>,
}

/// Whether builds of packages run in a sandbox without network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SandboxPolicy {
    /// Where this machine has sandboxes; elsewhere without, and a warning says so.
    #[default]
    Auto,
    /// In a sandbox or not at all.
    Required,
    /// Never.
    Off,
}

crate::index::words!(SandboxPolicy { Auto = "auto", Required = "required", Off = "off" });

/// The project as a package of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SelfPackage {
    /// Its name.
    pub name: PackageName,
    /// Its version where it is static.
    pub version: Option<String>,
    /// The extras that it offers.
    pub extras: Vec<String>,
}

/// Something odd that does not stop the command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// A stable code such as `config/missing-find-links`.
    pub code: &'static str,
    /// In words, with the place where there is one.
    pub message: String,
    /// Where.
    pub origin: Option<Origin>,
}

/// How a project is looked for and read.
#[derive(Clone, Debug)]
pub struct Options {
    /// Requirements files to read instead of what the folder has.
    pub files: Vec<PathBuf>,
    /// The environment's variables.
    pub environment: BTreeMap<String, String>,
    /// Where the system's configuration files (`etc/…`) are looked for: `/`, or a test's own folder.
    pub system_root: PathBuf,
    /// The environment that pip's site-wide file belongs to.
    pub site: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            environment: BTreeMap::new(),
            system_root: PathBuf::from("/"),
            site: None,
        }
    }
}

/// A project as its files state it.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its folder, absolute.
    pub root: PathBuf,
    /// Which kind of file states its requirements.
    pub manifest: ManifestKind,
    /// That file, absolute; edits go there.
    pub manifest_path: PathBuf,
    /// Its name.
    pub name: Option<String>,
    /// The Python versions it supports.
    pub requires_python: Option<VersionSpecifiers>,
    /// Where that is written.
    pub requires_python_origin: Option<Origin>,
    /// What it needs, of every group.
    pub roots: Vec<RootRequirement>,
    /// Bounds on packages that something else asks for.
    pub constraints: Vec<RootRequirement>,
    /// Requirements that replace every other one of their name.
    pub overrides: Vec<RootRequirement>,
    /// The targets it declares; empty means this machine.
    pub targets: Vec<Target>,
    /// Its policy.
    pub policy: Policy,
    /// The project as a package to be installed in place; it is among the roots as well.
    pub self_package: Option<SelfPackage>,
    /// Where packages are looked for.
    pub indexes: IndexSettings,
    /// Whether the project itself (not the machine) forbids indexes.
    pub no_index_declared: bool,
    /// What it has of npm.
    pub npm: Option<NpmProject>,
    /// The workspace of crates in its folder.
    pub cargo: Option<CargoProject>,
    /// The tools of `[cargo]`, where it has that table.
    pub cargo_tools: Option<CargoTools>,
    /// What it has of Debian packages.
    pub deb: Option<DebProject>,
    /// What its files say about the system.
    pub external: ExternalProject,
    /// How the network is reached.
    pub network: NetworkSettings,
    /// Which kinds of archive may be used.
    pub formats: Formats,
    /// When prereleases are chosen.
    pub prereleases: Prereleases,
    /// Which versions are chosen.
    pub resolution: ResolutionMode,
    /// Whether every file must match a hash that the project states.
    pub require_hashes: bool,
    /// Every file that was read or whose absence mattered, absolute, for the nothing-to-do check.
    pub inputs: Vec<PathBuf>,
    /// What is odd.
    pub warnings: Vec<Warning>,
}

impl Project {
    /// Calls who asks for what the manifest asks for by these words: one that Wharf wrote itself is nothing to send people to.
    pub fn asked_by(&mut self, words: &str) {
        let python = self.roots.iter_mut().map(|root| &mut root.origin);
        let npm = self.npm.iter_mut().flat_map(|npm| &mut npm.importers);
        let npm = npm.flat_map(|importer| &mut importer.requirements);
        let tools = self.cargo_tools.iter_mut().flat_map(|cargo| &mut cargo.tools);
        let deb = self.deb.iter_mut().flat_map(|deb| &mut deb.packages);
        let origins = python
            .chain(npm.map(|asked| &mut asked.origin))
            .chain(tools.map(|tool| &mut tool.origin))
            .chain(deb.map(|asked| &mut asked.origin));
        origins.for_each(|origin| *origin = Origin::label(words));
    }

    /// A path as messages and lockfiles show it: relative to the project's root where it lies inside.
    pub fn shown_path(&self, path: &Path) -> String {
        project_path(
            &path.to_string_lossy(),
            Base {
                root: &self.root,
                folder: &self.root,
            },
        )
    }

    /// Whether the project has a Python part. One that has no other part is taken for a Python project, even if it asks for nothing.
    pub fn uses_python(&self) -> bool {
        let states = !self.roots.is_empty()
            || !self.constraints.is_empty()
            || self.requires_python.is_some()
            || self.self_package.is_some();
        let kind = matches!(
            self.manifest,
            ManifestKind::Pyproject | ManifestKind::Requirements
        );
        let others = self.npm.is_some() || self.cargo.is_some() || self.cargo_tools.is_some();
        let alone = !others && self.deb.is_none();
        alone || states || kind
    }

    /// Whether the project has an npm part that asks for something.
    pub fn uses_npm(&self) -> bool {
        self.npm.as_ref().is_some_and(NpmProject::asks_for_something)
    }

    /// The path of `wharf.lock`. The crates of a workspace are in its `Cargo.lock`.
    pub fn lock_path(&self) -> PathBuf {
        self.root.join("wharf.lock")
    }
}
