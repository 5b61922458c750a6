//! What the resolver is asked, and what it may ask back. Invariant: the answer depends on these values alone; what the [`Universe`]
//! does not know yet ends the run with [`Needs`], so the order in which the network answers decides nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use wharf_core::Timestamp;
use wharf_ecosystem::cargo::{
    CargoLock, CrateName, CrateVersions, Dependency, FeatureValue, LockedId, RustVersion, SourceId, Summary,
};

/// Everything that decides the outcome, apart from what registries, repositories and folders say.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The members of the workspace, or a tool. Their order decides ties, as in cargo.
    pub roots: Vec<Root>,
    /// What the workspace puts in the place of what a source has. A later one never replaces an earlier one.
    pub patches: Vec<Patch>,
    /// The lock so far.
    pub previous: Option<Previous>,
    /// What compilers have to say.
    pub rust_versions: RustVersions,
    /// Which versions are too young.
    pub cooldown: Cooldown,
}

/// A package that is there in any case.
#[derive(Clone, Debug)]
pub struct Root {
    /// What its manifest says.
    pub summary: Arc<Summary>,
    /// Which of its features are on.
    pub features: RootFeatures,
    /// Whether it is developed here.
    pub dev: DevDependencies,
}

/// Which features of a root are on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootFeatures {
    /// Every one: what a lockfile is for.
    All,
    /// Some.
    Some {
        /// These.
        features: Vec<FeatureValue>,
        /// And `default`, if there is one.
        default: bool,
    },
}

/// Whether the dev-dependencies of a root count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DevDependencies {
    /// They do: a member of a workspace.
    Include,
    /// They do not: a tool.
    Leave,
}

/// An entry of `[patch]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// The source in which it replaces a package.
    pub of: SourceId,
    /// What replaces it: has to be answered by exactly one package.
    pub dependency: Dependency,
}

/// The lock so far. What it has stays, as far as what is asked for allows it.
#[derive(Clone, Debug)]
pub struct Previous {
    /// The lock.
    pub lock: Arc<CargoLock>,
    /// Packages that may change, and with them what they need.
    pub freed: BTreeSet<LockedId>,
}

/// What compilers have to say about the choice of versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RustVersions {
    /// Nothing (`incompatible-rust-versions = "allow"`).
    #[default]
    Ignore,
    /// Versions that more of these compilers can build come first (`"fallback"`): the `rust-version` of every member that has one, or
    /// the installed compiler.
    Prefer(Vec<RustVersion>),
    /// Versions that this compiler cannot build are not taken.
    Require(RustVersion),
}

/// Which versions are too young to be taken. What the lock has stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cooldown {
    /// Nothing published later is taken.
    pub cutoff: Option<Timestamp>,
    /// Crates for which that does not hold.
    pub exempt: BTreeSet<CrateName>,
}

/// What the universe answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup<T> {
    /// This.
    Known(T),
    /// Not asked for yet: the resolver lists it in [`Needs`].
    Unknown,
    /// It cannot be had, and why in words. (A registry that answers that it has no such crate is [`Lookup::Known`]: no versions.)
    Failed(String),
}

/// What registries, repositories and folders say, as far as it is in memory.
pub trait Universe {
    /// All versions of a crate of a registry.
    fn versions(&self, registry: &SourceId, name: &CrateName) -> Lookup<Arc<CrateVersions>>;

    /// The packages of a repository or folder.
    fn packages(&self, source: &SourceId) -> Lookup<Arc<Vec<Arc<Summary>>>>;
}

/// What has to be fetched before the resolver can go on. Each list is sorted and without duplicates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Crates of registries.
    pub crates: BTreeSet<(SourceId, CrateName)>,
    /// Repositories and folders.
    pub sources: BTreeSet<SourceId>,
}

impl Needs {
    /// Whether nothing is needed.
    pub fn is_empty(&self) -> bool {
        self.crates.is_empty() && self.sources.is_empty()
    }
}

impl Problem {
    /// A problem without patches, lock and policy.
    pub fn new(roots: Vec<Root>) -> Self {
        Self {
            roots,
            patches: Vec::new(),
            previous: None,
            rust_versions: RustVersions::default(),
            cooldown: Cooldown::default(),
        }
    }
}

impl Root {
    /// A member of a workspace: all features, with dev-dependencies.
    pub fn member(summary: Arc<Summary>) -> Self {
        Self {
            summary,
            features: RootFeatures::All,
            dev: DevDependencies::Include,
        }
    }

    /// A tool: some features, without dev-dependencies.
    pub fn tool(summary: Arc<Summary>, features: Vec<FeatureValue>, default: bool) -> Self {
        Self {
            summary,
            features: RootFeatures::Some { features, default },
            dev: DevDependencies::Leave,
        }
    }
}

impl Previous {
    /// A lock of which everything stays.
    pub fn kept(lock: Arc<CargoLock>) -> Self {
        Self {
            lock,
            freed: BTreeSet::new(),
        }
    }

    /// A lock of which the packages of these names may change.
    pub fn freeing<'a>(lock: Arc<CargoLock>, names: impl IntoIterator<Item = &'a str>) -> Self {
        let names: BTreeSet<&str> = names.into_iter().collect();
        let freed = lock
            .packages
            .iter()
            .filter(|package| names.contains(package.name.as_str()))
            .map(|package| package.id())
            .collect();
        Self { lock, freed }
    }
}

impl Cooldown {
    /// Whether a version published then may be taken.
    pub fn allows(&self, name: &CrateName, published: Option<Timestamp>) -> bool {
        match (self.cutoff, published) {
            (Some(cutoff), Some(published)) => published <= cutoff || self.exempt.contains(name),
            _ => true,
        }
    }
}
