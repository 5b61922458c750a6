//! Cargo: crates, their dependencies and features, index lines, and the lockfile.
//!
//! | module | job |
//! |---|---|
//! | [`binstall`] | prebuilt commands that a crate declares, and how they are checked |
//! | [`dependency`] | [`Dependency`]: one need of a crate, and [`Req`]: which versions answer it |
//! | [`features`] | [`FeatureValue`], and the features of a crate with the implicit ones |
//! | [`index`] | the lines of a registry's index |
//! | [`lock`] | [`CargoLock`]: `Cargo.lock`, read in all its versions and printed as cargo prints it |
//! | [`manifest`] | [`Manifest`]: `Cargo.toml`, as it is written and with what it inherits |
//! | [`registry`] | [`RegistryConfig`]: what a registry says of itself |
//! | [`rules`] | cargo's rules behind the seam that all ecosystems share |
//! | [`rust_version`] | [`RustVersion`]: the compiler that a crate asks for |
//! | [`source`] | [`SourceId`]: where a crate comes from, as lockfiles name it |
//! | [`summary`] | [`Summary`]: what resolution has to know of one version of a crate |
//! | [`versions`] | [`CrateVersions`]: all versions of one crate, read as they are needed |
//!
//! Source: the cargo book, "Specifying Dependencies", "Features" and "Registry Index".

pub mod binstall;
pub mod dependency;
mod explain;
pub mod features;
pub mod index;
pub mod lock;
pub mod manifest;
pub mod registry;
pub mod rules;
pub mod rust_version;
pub mod source;
pub mod summary;
pub mod versions;

pub use cargo_platform::{Cfg, Platform};
pub use semver::{Version, VersionReq};
use wharf_core::{Ecosystem, InvalidName, PackageName};

pub use dependency::{Dependency, DependencyKind, Req};
pub use features::{FeatureMap, FeatureValue, InvalidFeatures};
pub use index::InvalidLine;
pub use lock::{CargoLock, LockVersion, LockedCrate, LockedId};
pub use manifest::{CrateManifest, InvalidManifest, Manifest};
pub use registry::{InvalidConfig, RegistryConfig};
pub use rust_version::RustVersion;
pub use source::{GitReference, GitSource, SourceId};
pub use summary::Summary;
pub use versions::{CrateVersions, LineSource, VersionRow};

/// A crate's name: a [`PackageName`] of [`Ecosystem::Cargo`].
pub type CrateName = PackageName;

/// Reads a crate's name.
///
/// # Errors
/// Where cargo allows no such name.
pub fn crate_name(text: &str) -> Result<CrateName, InvalidName> {
    PackageName::new(Ecosystem::Cargo, text)
}
