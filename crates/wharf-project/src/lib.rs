//! Reads and writes a project's files: manifests, lockfile, configuration, native formats in and out.
//!
//! | module | job |
//! |---|---|
//! | [`project`] | [`Project`]: everything that the files of a project say, found from a folder |
//! | [`requirement`] | [`RootRequirement`]: one requirement with its group, its source and its place |
//! | [`npm`] | [`NpmProject`]: the npm part of a project |
//! | [`cargo`] | [`CargoProject`]: the crates of a project; Cargo's configuration; tools of `[cargo]` |
//! | [`deb`] | [`DebProject`]: the Debian part of a project |
//! | [`mod@external`] | what packages need of the system, and the Debian packages that answer it |
//! | [`approval`] | [`ScriptApproval`]: whose scripts may run |
//! | [`index`] | [`IndexSettings`]: where packages are looked for |
//! | [`prebuilt`] | prebuilt commands of crates: the policy, and what the product knows of them |
//! | [`mod@preferences`] | versions that another tool pinned |
//! | [`lock`] | [`Lock`]: `wharf.lock` |
//! | [`edit`], [`init`] | changes to manifests that keep comments and form; new manifests |
//! | [`export`] | the lock as `requirements.txt`, `pylock.toml` and `package-lock.json` |
//! | [`error`], [`text`] | errors that show line, column and excerpt |
//!
//! Invariant: no network, no printing, and the environment is read only through what the caller passes in.

pub mod approval;
pub mod cargo;
pub mod deb;
pub mod edit;
pub mod error;
pub mod export;
pub mod external;
pub mod index;
pub mod init;
pub mod lock;
pub mod npm;
pub mod prebuilt;
pub mod preferences;
pub mod project;
pub mod requirement;
pub mod text;

mod config;
mod discover;
#[cfg(test)]
mod discover_tests;
mod ini;
mod json;
mod local_sources;
mod manifest;
mod pyproject;
mod requirements;
mod stated;
mod suggest;
mod table;
mod yaml;

pub use approval::ScriptApproval;
pub use cargo::config::{CargoConfig, CargoRegistry, CrateEndpoint};
pub use cargo::tools::{CargoTool, CargoTools, ToolSource};
pub use cargo::{CargoMember, CargoPatch, CargoProject, GitUse};
pub use deb::{
    DebDistribution, DebHold, DebHost, DebKey, DebKeys, DebPin, DebProject, DebRepository, DebRequirement,
    DebSources, DebSuite,
};
pub use error::{Invalid, ProjectError};
pub use external::{ExternalDependency, ExternalNeed, ExternalProject, ExternalRole};
pub use index::{
    Declared, FindLinks, FindLinksLocation, Formats, IndexSettings, IndexSpec, IndexStrategy,
    NetworkSettings, PackageSet, Prereleases, ResolutionMode,
};
pub use lock::deb::{
    DebCause, DebEdge, DebEdgeKind, DebId, DebInputs, DebLock, DebRoot, LockedDeb, LockedDebRoot,
    LockedRepository, LockedSystem,
};
pub use lock::npm::{LockedNode, LockedNodeFile, NpmInputs, NpmLock, NpmRoot};
pub use lock::{
    DevGroups, GraphOrigin, InstallItem, Lock, LockError, LockInputs, LockedEdge, LockedFile, LockedPackage,
    LockedRoot, LockedTarget, LockedTool, Selection, Stale, ToolRequest, ToolsLock,
};
pub use manifest::settings::parse_instant;
pub use npm::config::{
    ScriptConfig, installing_variables as npm_installing_variables, script_config as npm_script_config,
};
pub use npm::{
    CredentialKind, NodeRequest, NpmImporter, NpmLayout, NpmOptions, NpmProject, NpmRegistry, NpmRequirement,
    NpmVirtualStore, RegistryCredential, Secret, StatedRule,
};
pub use prebuilt::PrebuiltPolicy;
pub use preferences::npm::{NpmPreferences, npm_preferences};
pub use preferences::{Preferences, preferences};
pub use project::{ManifestKind, Options, Policy, Project, SandboxPolicy, SelfPackage, Warning};
pub use requirement::{Group, PathKind, RequirementSource, RootRequirement};
pub use text::{Excerpt, SourceText};
