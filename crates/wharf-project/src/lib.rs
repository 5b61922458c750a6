//! Reads and writes a project's files: manifests, lockfile, configuration, native formats in and out.
//!
//! | module | job |
//! |---|---|
//! | [`project`] | [`Project`]: everything that the files of a project say, found from a folder |
//! | [`requirement`] | [`RootRequirement`]: one requirement with its group, its source and its place |
//! | [`index`] | [`IndexSettings`]: where packages are looked for |
//! | [`lock`] | [`Lock`]: `wharf.lock` |
//! | [`error`], [`text`] | errors that show line, column and excerpt |
//!
//! Invariant: no network, no printing, and the environment is read only through what the caller passes in.

pub mod error;
pub mod index;
pub mod lock;
pub mod project;
pub mod requirement;
pub mod text;

mod suggest;
mod table;

pub use error::{Invalid, ProjectError};
pub use index::{
    Declared, FindLinks, FindLinksLocation, Formats, IndexSettings, IndexSpec, IndexStrategy, NetworkSettings,
    PackageSet, Prereleases, ResolutionMode,
};
pub use lock::{
    InstallItem, Lock, LockError, LockInputs, LockedEdge, LockedFile, LockedPackage, LockedRoot, LockedTarget,
    Selection, Stale,
};
pub use project::{ManifestKind, Options, Policy, Project, SelfPackage, Warning};
pub use requirement::{Group, PathKind, RequirementSource, RootRequirement};
pub use text::{Excerpt, SourceText};
