//! What is to be resolved. Invariant: plain data, complete: the same problem and the same index give the same resolution.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use wharf_core::{Digest, Origin, PackageName, Target, Timestamp};
use wharf_ecosystem::pypi::{MarkerEnvironment, Requirement, Tags, Version};
use wharf_project::{PackageSet, Prereleases, ResolutionMode};

use wharf_project::{RequirementSource, RootRequirement};

use super::source::Reference;

/// Everything that a resolution depends on, apart from the index.
#[derive(Debug, Clone)]
pub struct Problem {
    /// What is asked for, in the order in which it is written.
    pub roots: Vec<Asked>,
    /// Limits on versions that only bind packages that are needed anyway.
    pub constraints: Vec<Asked>,
    /// Requirements that replace every other requirement on the same package.
    pub overrides: Vec<Asked>,
    /// What to resolve for. Solved in this order, each favouring the picks of those before.
    pub targets: Vec<TargetEnvironment>,
    /// Versions to keep where possible, such as those of the lockfile.
    pub preferences: Preferences,
    /// Which preferences to forget.
    pub upgrade: Upgrade,
    /// Files that were uploaded later do not exist.
    pub cutoff: Option<Cutoff>,
    /// How prereleases take part.
    pub prereleases: Prereleases,
    /// Which end of the allowed versions to prefer.
    pub resolution: ResolutionMode,
    /// Packages that must be built from source.
    pub no_binary: PackageSet,
    /// Packages that must not be built from source.
    pub only_binary: PackageSet,
    /// Packages of which only files with these hashes count.
    pub hashes: BTreeMap<PackageName, Demanded>,
    /// Give up after this long.
    pub time_limit: Duration,
}

/// Hashes of which a file must have one.
#[derive(Debug, Clone)]
pub struct Demanded {
    /// The hashes.
    pub digests: Vec<Digest>,
    /// Where they are written.
    pub origin: Origin,
}

/// One requirement of the person who asks.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Name, extras, versions or URL, markers.
    pub requirement: Requirement,
    /// A place that the manifest names for it, instead of an index.
    pub place: Option<Reference>,
    /// The only index to take it from, by name.
    pub index: Option<String>,
    /// Where it was written.
    pub origin: Origin,
}

impl Asked {
    /// A plain requirement on an index.
    pub fn new(requirement: Requirement, origin: Origin) -> Self {
        Self {
            requirement,
            place: None,
            index: None,
            origin,
        }
    }
}

impl From<&RootRequirement> for Asked {
    fn from(root: &RootRequirement) -> Self {
        let (place, index) = match &root.source {
            None => (None, None),
            Some(RequirementSource::Index { name }) => (None, Some(name.clone())),
            Some(source) => (
                Some(Reference::Place {
                    source: source.clone(),
                    editable: root.editable,
                }),
                None,
            ),
        };
        Self {
            requirement: root.requirement.clone(),
            place,
            index,
            origin: root.origin.clone(),
        }
    }
}

/// A target with all that markers and wheel tags need to know of it.
#[derive(Debug, Clone)]
pub struct TargetEnvironment {
    /// The platform and Python minor version.
    pub target: Target,
    /// Marker values.
    pub markers: MarkerEnvironment,
    /// Wheels that can be installed, by preference.
    pub tags: Tags,
    /// The full Python version.
    pub python: Version,
}

/// Versions to keep where possible, best first.
pub type Preferences = BTreeMap<PackageName, Vec<Version>>;

/// Which preferences to forget.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Upgrade {
    /// None: keep what is locked.
    #[default]
    None,
    /// All: the best versions of today.
    All,
    /// Those of these packages.
    Packages(BTreeSet<PackageName>),
}

impl Upgrade {
    /// Whether packages of an ecosystem are to be upgraded at all.
    pub fn concerns(&self, ecosystem: wharf_core::Ecosystem) -> bool {
        match self {
            Upgrade::None => false,
            Upgrade::All => true,
            Upgrade::Packages(names) => names.iter().any(|name| name.ecosystem() == ecosystem),
        }
    }

    /// Whether the preferences of a package are to be forgotten.
    pub fn includes(&self, name: &PackageName) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Packages(names) => names.contains(name),
        }
    }
}

/// A point in time after which nothing counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cutoff {
    /// The time.
    pub at: Timestamp,
    /// Whose rule it is, for messages: ``the cooldown of 7d (wharf.toml:20)``, ``--exclude-newer 2026-01-01``.
    pub rule: String,
    /// What to change or type to get around it.
    pub remedy: String,
}
