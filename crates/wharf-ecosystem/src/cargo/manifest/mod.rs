//! `Cargo.toml`: what it says about a package and a workspace, as far as locking, vendoring and building go by it.
//! Source: the Cargo book, "The Manifest Format", "Workspaces", "Specifying Dependencies", "Features".
//!
//! | module | job |
//! |---|---|
//! | `read` | text → [`Manifest`]: what is written |
//! | `requirement` | one entry of a table of dependencies |
//! | `inherit` | [`Manifest`] and [`Workspace`] → [`CrateManifest`]: what is meant |
//! | `summary` | [`CrateManifest`] → what resolution has to know |
//!
//! Invariant: what changes the graph is obeyed or refused with its place; keys that say nothing about it are passed over, as
//! Cargo itself is going to read them.

mod inherit;
mod read;
mod reader;
mod requirement;
mod summary;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use semver::Version;
use wharf_core::{Explain, Fault};

use super::{CrateName, DependencyKind, GitReference, Platform, Req, RustVersion};

/// A `Cargo.toml` as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// `[package]`; a workspace's root may have none.
    pub package: Option<Package>,
    /// `[workspace]`.
    pub workspace: Option<Workspace>,
    /// Every table of dependencies, in the order in which Cargo goes through them: normal, development and build ones, then those
    /// of each target; by name within a table.
    pub dependencies: Vec<StatedDependency>,
    /// `[features]` as written.
    pub features: BTreeMap<String, Vec<String>>,
    /// The place of each feature's name.
    pub feature_spans: BTreeMap<String, Range<usize>>,
    /// `[patch.SOURCE]`.
    pub patches: Vec<Patch>,
    /// The keys of `[replace]`, which Cargo holds for outdated and Wharf refuses.
    pub replaces: Vec<(String, Range<usize>)>,
    /// `[[bin]]`.
    pub bins: Vec<Bin>,
}

/// `[package]` as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: CrateName,
    /// Where the name is written.
    pub span: Range<usize>,
    /// Its version. One that has none is never published.
    pub version: Option<Inheritable<Version>>,
    /// Its edition.
    pub edition: Option<Inheritable<Edition>>,
    /// The oldest compiler that it supports.
    pub rust_version: Option<Inheritable<RustVersion>>,
    /// The native library that it links.
    pub links: Option<String>,
    /// The folder of the workspace's root, where the package names it.
    pub workspace: Option<Pattern>,
    /// The resolver that it asks for.
    pub resolver: Option<Resolver>,
    /// The command that runs where none is named.
    pub default_run: Option<String>,
    /// Whether files in `src/bin` are commands without being listed.
    pub autobins: bool,
}

/// A field that the workspace's root may state for its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inheritable<T> {
    /// Stated here.
    Stated(T),
    /// `field.workspace = true`, and where.
    Inherited(Range<usize>),
}

/// A text with its place: a path, or a pattern of paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// As written.
    pub text: String,
    /// Where.
    pub span: Range<usize>,
}

/// `[workspace]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workspace {
    /// Patterns of the members' folders; `None` where there is no list, not even an empty one.
    pub members: Option<Vec<Pattern>>,
    /// Folders that are left out. No patterns.
    pub exclude: Vec<Pattern>,
    /// The members that commands are about where none is named.
    pub default_members: Option<Vec<Pattern>>,
    /// The resolver that it asks for.
    pub resolver: Option<Resolver>,
    /// `[workspace.package] version`.
    pub version: Option<Version>,
    /// `[workspace.package] edition`.
    pub edition: Option<Edition>,
    /// `[workspace.package] rust-version`.
    pub rust_version: Option<RustVersion>,
    /// `[workspace.dependencies]`; `None` where there is no such table.
    pub dependencies: Option<Vec<Requirement>>,
}

/// A dependency of a package as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatedDependency {
    /// Stated here.
    Own(Requirement),
    /// `name.workspace = true`.
    Inherited(InheritedDependency),
}

/// A dependency that the workspace's root states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InheritedDependency {
    /// The name in code and in `[workspace.dependencies]`.
    pub name: String,
    /// What it is for.
    pub kind: DependencyKind,
    /// The targets that it is for.
    pub target: Option<Platform>,
    /// Whether a feature switches it on.
    pub optional: bool,
    /// What is said about its default features.
    pub default_features: Option<bool>,
    /// Features besides those of the workspace.
    pub features: Vec<String>,
    /// Where its name is written.
    pub span: Range<usize>,
}

/// One dependency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The name in code.
    pub name: String,
    /// The package, where it has another name.
    pub package: Option<CrateName>,
    /// What it is for.
    pub kind: DependencyKind,
    /// The targets that it is for; `None` for all.
    pub target: Option<Platform>,
    /// The versions that are right.
    pub req: Req,
    /// Where it comes from.
    pub source: RequirementSource,
    /// Whether a feature switches it on.
    pub optional: bool,
    /// What is said about its default features.
    pub default_features: Option<bool>,
    /// Features that are switched on.
    pub features: Vec<String>,
    /// Where its name is written.
    pub span: Range<usize>,
}

/// Where a dependency comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequirementSource {
    /// The default registry.
    Default,
    /// The registry of this name in Cargo's configuration.
    Registry(String),
    /// The registry with this index.
    Index(String),
    /// A folder.
    Path {
        /// As written.
        path: String,
        /// What it is relative to.
        base: PathBase,
    },
    /// A git repository.
    Git {
        /// As written.
        url: String,
        /// What of it.
        reference: GitReference,
    },
}

/// What the path of a dependency is relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathBase {
    /// The folder of the manifest that states it.
    Manifest,
    /// The folder of the workspace's root, whose dependency was inherited.
    Workspace,
}

/// `[patch.SOURCE]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// `crates-io`, the name of a registry, or a URL.
    pub source: String,
    /// Where that is written.
    pub span: Range<usize>,
    /// What takes the place of that source's packages.
    pub requirements: Vec<Requirement>,
}

/// `[[bin]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bin {
    /// The command.
    pub name: String,
    /// Its source file, where it is stated.
    pub path: Option<String>,
    /// Features without which it is not built.
    pub required_features: Vec<String>,
}

/// A package with everything that it inherits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrateManifest {
    /// Its name.
    pub name: CrateName,
    /// Where the name is written.
    pub span: Range<usize>,
    /// Its version, `0.0.0` where it has none.
    pub version: Version,
    /// Its edition.
    pub edition: Edition,
    /// The oldest compiler that it supports.
    pub rust_version: Option<RustVersion>,
    /// The native library that it links.
    pub links: Option<String>,
    /// The resolver that it asks for.
    pub resolver: Option<Resolver>,
    /// The command that runs where none is named.
    pub default_run: Option<String>,
    /// Whether files in `src/bin` are commands without being listed.
    pub autobins: bool,
    /// What it needs, in the order of [`Manifest::dependencies`].
    pub requirements: Vec<Requirement>,
    /// `[features]` as written.
    pub features: BTreeMap<String, Vec<String>>,
    /// The place of each feature's name.
    pub feature_spans: BTreeMap<String, Range<usize>>,
    /// `[[bin]]`.
    pub bins: Vec<Bin>,
    /// What is odd, each with its place.
    pub warnings: Vec<(String, Range<usize>)>,
}

impl Requirement {
    /// The name of the package.
    pub fn package_name(&self) -> &str {
        self.package.as_ref().map_or(&self.name, CrateName::as_str)
    }

    /// Whether the default features are switched on.
    pub fn uses_default_features(&self) -> bool {
        self.default_features.unwrap_or(true)
    }
}

impl StatedDependency {
    /// The name in code.
    pub fn name(&self) -> &str {
        match self {
            StatedDependency::Own(requirement) => &requirement.name,
            StatedDependency::Inherited(inherited) => &inherited.name,
        }
    }
}

/// An edition of the language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Edition {
    /// The one of packages that name none.
    #[default]
    E2015,
    /// With Rust 1.31.
    E2018,
    /// With Rust 1.56.
    E2021,
    /// With Rust 1.85.
    E2024,
}

impl Edition {
    /// Every edition, oldest first.
    pub const ALL: [Edition; 4] = [Edition::E2015, Edition::E2018, Edition::E2021, Edition::E2024];

    /// The edition as manifests write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Edition::E2015 => "2015",
            Edition::E2018 => "2018",
            Edition::E2021 => "2021",
            Edition::E2024 => "2024",
        }
    }

    /// The resolver of packages that name none.
    pub const fn default_resolver(self) -> Resolver {
        match self {
            Edition::E2015 | Edition::E2018 => Resolver::V1,
            Edition::E2021 => Resolver::V2,
            Edition::E2024 => Resolver::V3,
        }
    }
}

impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A version of Cargo's resolver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resolver {
    /// Features unify everywhere.
    #[default]
    V1,
    /// Features do not unify across build, development and target-specific dependencies.
    V2,
    /// Like the second, and versions that the compiler supports come first.
    V3,
}

impl Resolver {
    /// The resolver as manifests write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Resolver::V1 => "1",
            Resolver::V2 => "2",
            Resolver::V3 => "3",
        }
    }

    /// The resolver of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Resolver::V1, Resolver::V2, Resolver::V3]
            .into_iter()
            .find(|resolver| resolver.as_str() == word)
    }
}

/// A `Cargo.toml` that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidManifest {
    /// Where, in bytes of the text.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// A next step.
    pub hint: Option<String>,
}

impl InvalidManifest {
    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Explain for InvalidManifest {
    fn code(&self) -> &'static str {
        "cargo/manifest"
    }

    fn fault(&self) -> Fault {
        Fault::User
    }

    fn hints(&self) -> Vec<String> {
        self.hint.iter().cloned().collect()
    }
}
