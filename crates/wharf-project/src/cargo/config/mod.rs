//! Cargo's configuration as far as finding crates goes by it: registries, logins, source replacement, the network.
//!
//! | module | job |
//! |---|---|
//! | `file` | one `config.toml` |
//! | `read` | every place with Cargo's precedence |
//! | `endpoint` | where the crates of a source are really read from |
//! | [`replacement`] | the source replacement that Wharf writes for Cargo itself |
//!
//! One order of precedence, highest first: `CARGO_*` variables, `credentials.toml`, `.cargo/config.toml` in the project's folder and
//! in each one above it, the one of `CARGO_HOME`, the public default (`data/defaults.toml`).
//! Source: the Cargo book, "Configuration", "Source Replacement", "Registries". Invariant: what Wharf itself wrote there for Cargo
//! is never taken for the user's word. Secrets are never printed.

mod endpoint;
mod file;
mod read;
pub mod replacement;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use wharf_core::Origin;
use wharf_ecosystem::cargo::SourceId;
use wharf_ecosystem::cargo::manifest::Patch;

use crate::error::ProjectError;
use crate::index::NetworkSettings;
use crate::npm::Secret;
use crate::project::Options;
use crate::stated::Stated;
use crate::text::SourceText;

pub use endpoint::CrateEndpoint;
pub(crate) use read::home;

/// The name that configuration has for crates.io.
pub const CRATES_IO: &str = "crates-io";

/// What Cargo's configuration says.
#[derive(Clone, Debug, Default)]
pub struct CargoConfig {
    /// `CARGO_HOME`, where it is known.
    pub home: Option<PathBuf>,
    /// The registries that have a name, sorted by it; crates.io is among them.
    pub registries: Vec<CargoRegistry>,
    /// The registry that tools come from where they name none; `crates-io` unless the configuration says otherwise.
    pub default_registry: String,
    /// `[source]`, by name, without what Wharf wrote itself.
    pub sources: BTreeMap<String, ConfiguredSource>,
    /// `[patch]` of the configuration.
    pub patches: Vec<ConfiguredPatches>,
    /// Whether versions that the compiler does not support come last; `None` leaves it to the workspace's resolver.
    pub incompatible_rust_versions: Option<IncompatibleRustVersions>,
    /// Whether repositories are cloned by the command `git`. Wharf always does that; it is kept for those who ask.
    pub git_fetch_with_cli: bool,
    /// How registries are reached: the project's settings with what Cargo's configuration says above them.
    pub network: NetworkSettings,
}

/// A registry with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CargoRegistry {
    /// Its name.
    pub name: String,
    /// Its index, as lockfiles name it.
    pub source: SourceId,
    /// What it is told, as it is sent: without a word before it.
    pub token: Option<Secret>,
    /// A credential provider besides those that look into files.
    pub credential_provider: Option<Vec<String>>,
    /// Where it is written.
    pub origin: Origin,
}

/// An entry of `[source]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfiguredSource {
    /// What it is.
    pub place: SourcePlace,
    /// The source or registry that takes its place, and where that is written.
    pub replace_with: Option<(String, Origin)>,
    /// Where it is written.
    pub origin: Origin,
}

/// What a source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourcePlace {
    /// A registry or a repository.
    Remote(SourceId),
    /// A folder of archives with an index.
    LocalRegistry(PathBuf),
    /// A folder of unpacked crates.
    Directory(PathBuf),
}

/// `[patch]` tables of one file of configuration.
#[derive(Clone, Debug)]
pub struct ConfiguredPatches {
    /// What relative paths begin with.
    pub folder: PathBuf,
    /// The file, for messages.
    pub source: SourceText,
    /// The tables.
    pub patches: Vec<Patch>,
}

/// What is done with versions that the compiler does not support.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IncompatibleRustVersions {
    /// They are taken like others.
    Allow,
    /// They are taken where there is nothing else.
    Fallback,
}

crate::index::words!(IncompatibleRustVersions { Allow = "allow", Fallback = "fallback" });

impl CargoConfig {
    /// What the configuration for a folder says, for looking at crates outside any project.
    ///
    /// # Errors
    /// Where a file of it cannot be used.
    pub fn machine(folder: &Path, options: &Options) -> Result<Self, ProjectError> {
        let folder = std::path::absolute(folder).map_err(ProjectError::reading(folder))?;
        read::read(
            &folder,
            options,
            &NetworkSettings::default(),
            &mut Stated::default(),
        )
    }

    /// Reads everything for a project.
    pub(crate) fn read(
        root: &Path,
        options: &Options,
        network: &NetworkSettings,
        stated: &mut Stated,
    ) -> Result<Self, ProjectError> {
        read::read(root, options, network, stated)
    }

    /// The registry of a name. Variables know names in capitals alone, so that `corp-crates` is `CORP_CRATES` there.
    pub fn registry(&self, name: &str) -> Option<&CargoRegistry> {
        let exact = self.registries.iter().find(|registry| registry.name == name);
        exact.or_else(|| {
            let key = read::variable_name(name);
            self.registries
                .iter()
                .find(|registry| read::variable_name(&registry.name) == key)
        })
    }

    /// The registry with this index, where it has a name.
    pub fn registry_of(&self, source: &SourceId) -> Option<&CargoRegistry> {
        self.registries.iter().find(|registry| registry.source == *source)
    }

    /// The source that tools come from where they name none.
    pub fn default_source(&self) -> SourceId {
        let named = self.registry(&self.default_registry);
        named.map_or_else(SourceId::crates_io, |registry| registry.source.clone())
    }
}
