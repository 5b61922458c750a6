//! Prebuilt commands that a crate declares: `[package.metadata.binstall]` of its `Cargo.toml`.
//!
//! | module | job |
//! |---|---|
//! | `read` | the manifest's text → [`Declared`] |
//! | [`template`] | `{ repo }/releases/{ name }` |
//! | [`mod@format`] | how archives are packed |
//! | [`triple`] | the machines that commands are for |
//! | [`places`] | [`Declared`] and a machine → the URLs where an archive and its signature may lie, and the commands in it |
//! | [`signature`] | minisign signatures |
//! | [`executable`] | whether a file is a command for a machine, without running it |
//! | [`repository`] | whether two packages name the same repository |
//!
//! Source: cargo-binstall, SUPPORT.md and SIGNING.md. Invariant: what is not said in a form that is known is an error in words,
//! never a guess: whoever asked builds from source then.

pub mod executable;
pub mod format;
pub mod places;
mod read;
pub mod repository;
pub mod signature;
pub mod template;
#[cfg(test)]
mod tests;
pub mod triple;

use cargo_platform::Platform;

pub use executable::Executable;
pub use format::PackageFormat;
pub use places::{Candidate, CodeHost, Facts};
pub use signature::{BadSignature, PublicKey, Signature};
pub use template::{InvalidTemplate, Template};
pub use triple::Triple;

/// What a crate declares of its prebuilt commands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// `package.repository`.
    pub repository: Option<String>,
    /// The table; `None` where the manifest has none.
    pub table: Option<Table>,
}

/// `[package.metadata.binstall]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// What counts for every machine.
    pub base: Settings,
    /// `overrides`, in the order in which they are written.
    pub overrides: Vec<(Platform, Settings)>,
}

/// The keys of the table, or of one of its overrides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `pkg-url`: a template.
    pub url: Option<String>,
    /// `pkg-fmt`.
    pub format: Option<PackageFormat>,
    /// `bin-dir`: a template of a command's path in the archive.
    pub bin_dir: Option<String>,
    /// `disabled-strategies`.
    pub disabled: Vec<String>,
    /// `signing`.
    pub signing: Option<Signing>,
}

/// `signing`: how to check that an archive is the author's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signing {
    /// The algorithm, as written.
    pub algorithm: String,
    /// The public key, as written.
    pub public_key: String,
    /// The template of the signature's URL; `{ url }.sig` where it is missing.
    pub file: Option<String>,
}

/// The one algorithm that is known.
pub const MINISIGN: &str = "minisign";
/// The strategy that this module is about.
pub const CRATE_META_DATA: &str = "crate-meta-data";

/// A table that cannot be used, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidTable(pub String);

impl Table {
    /// What counts for a machine: each key from the override that names it, else from the first `cfg(…)` that describes it, else
    /// from the table itself. Strategies that any of them disables are disabled.
    #[must_use]
    pub fn of_machine(&self, triple: &Triple) -> Settings {
        let named = self
            .overrides
            .iter()
            .filter(|(platform, _)| triple.is_named_by(platform));
        let described = self
            .overrides
            .iter()
            .filter(|(platform, _)| triple.is_described_by(platform));
        let overrides = named.chain(described).map(|(_, settings)| settings);
        let layers: Vec<&Settings> = overrides.chain([&self.base]).collect();
        let first =
            |key: fn(&Settings) -> &Option<String>| layers.iter().find_map(|layer| key(layer).clone());
        Settings {
            url: first(|layer| &layer.url),
            format: layers.iter().find_map(|layer| layer.format),
            bin_dir: first(|layer| &layer.bin_dir),
            disabled: layers.iter().flat_map(|layer| layer.disabled.clone()).collect(),
            signing: layers.iter().find_map(|layer| layer.signing.clone()),
        }
    }
}
