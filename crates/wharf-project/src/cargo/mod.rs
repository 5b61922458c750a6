//! The crates of a project: the workspace that a `Cargo.toml` describes, Cargo's configuration, and the tools of `[cargo]`.
//!
//! | module | job |
//! |---|---|
//! | `read` | a workspace on disk → [`CargoProject`] |
//! | `members` | which packages belong to a workspace, in Cargo's order |
//! | `load` | manifests, each read once, with what they inherit |
//! | `root` | which workspace a folder belongs to |
//! | `sources` | where each requirement and patch leads |
//! | `repository` | the packages of a git repository |
//! | `alone` | a manifest with all that it inherits written out |
//! | `folders` | patterns of folders, and paths between them |
//! | `targets` | the commands that a package builds |
//! | [`config`] | Cargo's configuration |
//! | [`tools`] | `[cargo]` of `wharf.toml` |
//!
//! Invariant: the members and their order, what they inherit and where their dependencies lead are what Cargo itself makes of the
//! same files. Source: the Cargo book, "Workspaces", "Overriding Dependencies", "Configuration".

mod alone;
pub mod config;
mod folders;
mod load;
mod members;
mod read;
mod repository;
pub(crate) mod root;
mod sources;
mod targets;
#[cfg(test)]
mod tests;
pub mod tools;

use std::io;
use std::path::{Path, PathBuf};

use wharf_core::Origin;
use wharf_ecosystem::cargo::manifest::Resolver;
use wharf_ecosystem::cargo::{CrateManifest, Dependency, InvalidManifest, RustVersion, SourceId, Summary};

use crate::error::Invalid;
use crate::text::SourceText;
use config::{CargoConfig, IncompatibleRustVersions};

pub(crate) use read::read;
pub use repository::{repository_manifests, repository_packages, repository_patches};

/// The file that describes a package or a workspace.
pub const MANIFEST: &str = "Cargo.toml";

/// A workspace of crates, or a package of its own.
#[derive(Clone, Debug)]
pub struct CargoProject {
    /// The folder of the root's manifest, absolute.
    pub root: PathBuf,
    /// That manifest, absolute.
    pub manifest_path: PathBuf,
    /// The packages of the workspace, in Cargo's order.
    pub members: Vec<CargoMember>,
    /// The members that Cargo's commands are about where none is named, by [`CargoMember::path`].
    pub default_members: Vec<String>,
    /// The names of `[workspace.dependencies]`: a member may inherit them.
    pub inheritable: Vec<String>,
    /// Packages of other folders that members, patches or each other lead to.
    pub path_packages: Vec<CargoMember>,
    /// What takes the place of other sources' packages: `[patch]` of the root and of Cargo's configuration.
    pub patches: Vec<CargoPatch>,
    /// The resolver.
    pub resolver: Resolver,
    /// The oldest compiler that a member supports.
    pub rust_version: Option<RustVersion>,
    /// What Cargo's configuration says.
    pub config: CargoConfig,
    /// `Cargo.lock`, where it is there.
    pub lock: Option<PathBuf>,
}

/// A package in a folder.
#[derive(Clone, Debug)]
pub struct CargoMember {
    /// Its folder relative to the workspace's root with `/` separators: `.` for the root, `../x` outside.
    pub path: String,
    /// Its folder, absolute.
    pub folder: PathBuf,
    /// Its manifest, absolute.
    pub manifest_path: PathBuf,
    /// The root of its workspace, absolute; its own folder where it belongs to none.
    pub workspace: PathBuf,
    /// What the manifest says, with what it inherits.
    pub manifest: CrateManifest,
    /// What resolution has to know. Its source is [`SourceId::Path`] with [`CargoMember::path`], or the repository that holds it.
    pub summary: Summary,
    /// The commands that it builds.
    pub bins: Vec<String>,
    /// The manifest's text, for messages.
    pub text: SourceText,
}

/// Something that takes the place of packages of a source.
#[derive(Clone, Debug)]
pub struct CargoPatch {
    /// The source that is patched. A git repository stands for itself at every branch, tag and commit.
    pub of: SourceId,
    /// What takes the place of its packages.
    pub dependency: Dependency,
    /// Where it is written.
    pub origin: Origin,
}

/// A git repository that something needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitUse<'a> {
    /// The repository and what of it.
    pub source: &'a SourceId,
    /// The package that is asked for.
    pub package: &'a str,
    /// Who needs it: a package of the workspace, or `[patch]`.
    pub needed_by: String,
}

impl CargoProject {
    /// Where the lockfile is, or is going to be.
    pub fn lock_path(&self) -> PathBuf {
        self.root.join("Cargo.lock")
    }

    /// The member or package of a folder (relative to the root, as [`CargoMember::path`]).
    pub fn package_at(&self, path: &str) -> Option<&CargoMember> {
        self.packages().find(|package| package.path == path)
    }

    /// The member that a folder (absolute) belongs to: the deepest that holds it.
    pub fn member_at(&self, folder: &Path) -> Option<&CargoMember> {
        let holding = self
            .members
            .iter()
            .filter(|member| folder.starts_with(&member.folder));
        holding.max_by_key(|member| member.folder.components().count())
    }

    /// The members, then the packages of other folders.
    pub fn packages(&self) -> impl Iterator<Item = &CargoMember> {
        self.members.iter().chain(&self.path_packages)
    }

    /// Whether versions that the compiler does not support come last.
    pub fn prefers_supported(&self) -> bool {
        match self.config.incompatible_rust_versions {
            Some(IncompatibleRustVersions::Fallback) => true,
            Some(IncompatibleRustVersions::Allow) => false,
            None => self.resolver == Resolver::V3,
        }
    }

    /// Every git repository that packages of the workspace or patches ask for, in their order.
    pub fn git_uses(&self) -> Vec<GitUse<'_>> {
        let of_packages = self.packages().flat_map(|package| {
            let needs = package.summary.dependencies.iter();
            needs.map(move |dependency| (dependency, package.summary.label()))
        });
        let of_patches = self
            .patches
            .iter()
            .map(|patch| (&patch.dependency, "[patch]".to_owned()));
        of_packages
            .chain(of_patches)
            .filter(|(dependency, _)| matches!(dependency.source, SourceId::Git(_)))
            .map(|(dependency, needed_by)| GitUse {
                source: &dependency.source,
                package: dependency.package.as_str(),
                needed_by,
            })
            .collect()
    }
}

/// An error of a manifest with the place in its text.
pub(crate) fn invalid(source: &SourceText, error: InvalidManifest) -> Invalid {
    let invalid = Invalid::new(source, error.span, "cargo/manifest", error.message);
    match error.hint {
        Some(hint) => invalid.hint(hint),
        None => invalid,
    }
}

/// Whether a file is simply not there.
pub(crate) fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
