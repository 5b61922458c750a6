//! What the resolver is asked, and what it may ask back. Invariant: the answer depends on these values alone; what the
//! [`Universe`] does not know yet ends the run with [`Needs`], so the order in which the network answers decides nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use wharf_core::{Origin, PackageName, Timestamp};
use wharf_ecosystem::npm::extensions::PackageExtensions;
use wharf_ecosystem::npm::overrides::Overrides;
use wharf_ecosystem::npm::peers::PeerRules;
use wharf_ecosystem::npm::registries::Registries;
use wharf_ecosystem::npm::{Direct, EdgeKind, From, PackageManifest, Spec, Version, Versions};

/// Everything that decides the outcome, apart from what registries say.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The project (path `.`) and the members of its workspace.
    pub importers: Vec<Root>,
    /// What the project says to take instead of what packages ask for.
    pub overrides: Overrides,
    /// What the project adds to the manifests of packages.
    pub extensions: PackageExtensions,
    /// Which peers the project does not want to hear about.
    pub peer_rules: PeerRules,
    /// Where packages come from; fixes the [`wharf_core::Source`] of each.
    pub registries: Registries,
    /// Versions to keep where they fit: those of the old lock or of another tool's.
    pub preferences: BTreeMap<PackageName, Vec<Version>>,
    /// The Node that the project runs on, where known.
    pub node: Option<Version>,
    /// Nothing published later is taken.
    pub cutoff: Option<Timestamp>,
    /// What happens to required peers that nobody provides.
    pub missing_peers: MissingPeers,
    /// What happens to peers that contradict each other.
    pub peer_conflicts: PeerConflicts,
    /// Whether needs are moved to versions that others take, so that there are fewer.
    pub dedupe: Dedupe,
}

/// What happens to required peers that nobody provides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingPeers {
    /// They are added to the importer.
    #[default]
    Install,
    /// They are reported.
    Report,
}

/// What happens to peers that contradict each other, or are missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PeerConflicts {
    /// They are reported; the nearest provider serves.
    #[default]
    Report,
    /// Resolution fails.
    Fail,
}

/// Whether needs are moved to versions that others take, so that there are fewer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dedupe {
    /// As few versions of each package as its ranges allow.
    #[default]
    Fewest,
    /// Only versions that were already chosen when a need came up are shared.
    AsMet,
}

/// A folder of the project that has dependencies of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Relative to the project's root with `/` separators; `.` for the root.
    pub path: String,
    /// The name in its `package.json`.
    pub name: Option<String>,
    /// The version in its `package.json`.
    pub version: Option<String>,
    /// Its commands: name and path inside the folder.
    pub bin: Vec<(String, String)>,
    /// What it needs. Where an alias stands several times, the first of optional, prod, dev and peer counts.
    pub requirements: Vec<Requirement>,
}

/// One need of an importer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The name under which it is imported.
    pub alias: String,
    /// What is asked for; catalogs are resolved already.
    pub spec: Spec,
    /// The specifier as written, or as the catalog has it: what [`wharf_ecosystem::npm::Edge::range`] says.
    pub text: String,
    /// How much it is needed.
    pub kind: EdgeKind,
    /// Where it is written.
    pub origin: Origin,
}

/// What the universe answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup<T> {
    /// This.
    Known(T),
    /// Not asked for yet: the resolver lists it in [`Needs`].
    Unknown,
    /// It cannot be had, and why in words.
    Failed(String),
}

/// What registries, repositories and archives say, as far as it is in memory.
pub trait Universe {
    /// All versions of a package.
    fn versions(&self, name: &PackageName) -> Lookup<Arc<Versions>>;

    /// What one version of a package whose versions are known says about itself.
    ///
    /// # Errors
    /// It cannot be had, and why in words.
    fn manifest(&self, name: &PackageName, version: &Version) -> Result<Arc<PackageManifest>, String>;

    /// A package that no registry lists: git, archives and folders.
    fn direct(&self, spec: &Spec, from: &From) -> Lookup<Arc<Direct>>;
}

/// What has to be fetched before the resolver can go on. Each list is sorted and without duplicates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Packages whose versions are needed.
    pub versions: Vec<PackageName>,
    /// Packages outside registries that are needed.
    pub directs: Vec<(Spec, From)>,
}

impl Needs {
    /// Whether nothing is needed.
    pub fn is_empty(&self) -> bool {
        self.versions.is_empty() && self.directs.is_empty()
    }
}

impl Problem {
    /// A problem without rules or preferences: what a plain `package.json` asks for.
    pub fn new(importers: Vec<Root>, registries: Registries) -> Self {
        Self {
            importers,
            overrides: Overrides::default(),
            extensions: PackageExtensions::default(),
            peer_rules: PeerRules::default(),
            registries,
            preferences: BTreeMap::new(),
            node: None,
            cutoff: None,
            missing_peers: MissingPeers::default(),
            peer_conflicts: PeerConflicts::default(),
            dedupe: Dedupe::default(),
        }
    }
}
