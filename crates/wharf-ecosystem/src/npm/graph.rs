//! Resolved npm packages of a project, as a graph: made by the resolver, kept by the lockfile, realised by the installer.
//!
//! A package that has peers may stand in the graph several times, once for each set of peers that it meets; these differ in
//! [`Package::peers`]. Invariant of a normalised graph: importers are sorted by path, packages by name, version order and
//! peers, edges by alias, and every index is in range.

use wharf_core::{Digest, PackageName, Source};

/// A package's position in [`Graph::packages`].
pub type PackageIndex = usize;

/// Everything of npm that a project has, resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// The project (path `.`) and the members of its workspace.
    pub importers: Vec<Importer>,
    /// Every package, once for each set of peers that it meets.
    pub packages: Vec<Package>,
}

/// A folder of the project that has dependencies of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Importer {
    /// Relative to the project's root with `/` separators; `.` for the root.
    pub path: String,
    /// The name in its `package.json`.
    pub name: Option<String>,
    /// The version in its `package.json`.
    pub version: Option<String>,
    /// Its commands, as the `bin` of its `package.json` says: name and path inside the folder.
    pub bin: Vec<(String, String)>,
    /// What it needs. An edge of kind [`EdgeKind::Peer`] that the importer does not name itself but that was added for the peers
    /// of others has an empty `range`.
    pub dependencies: Vec<Edge>,
}

/// One version of one package among one set of peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its own name, whatever aliases call it.
    pub name: PackageName,
    /// Its version.
    pub version: String,
    /// The peers that this entry of the graph meets: name and version, sorted; empty where it has none (itself or below it).
    /// Where two entries would print the same, the resolver adds a distinguishing `#2`, `#3` to the last version.
    pub peers: Vec<(String, String)>,
    /// Where its files come from.
    pub source: Source,
    /// The archive's URL without credentials, where it is not the registry's usual one for the name and version.
    pub tarball: Option<String>,
    /// What the archive hashes to, strongest first; empty for git and folders.
    pub integrity: Vec<Digest>,
    /// What it needs, including the peers that it meets (kind [`EdgeKind::Peer`]).
    pub dependencies: Vec<Edge>,
    /// Operating systems that it is for (`linux`, `!win32`); empty for any.
    pub os: Vec<String>,
    /// Processors that it is for.
    pub cpu: Vec<String>,
    /// C libraries that it is for.
    pub libc: Vec<String>,
    /// The Node versions that it says it runs on.
    pub engines_node: Option<String>,
    /// Its commands: name and path inside the package. One without a name is a folder: each file in it is a command.
    pub bin: Vec<(String, String)>,
    /// Whether it has `preinstall`, `install` or `postinstall` scripts, or a `binding.gyp` that implies one.
    pub has_scripts: bool,
    /// Names of dependencies that come inside the archive.
    pub bundled: Vec<String>,
    /// The registry's word against it.
    pub deprecated: Option<String>,
}

/// A need of an importer or of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The name under which it is imported: its folder in `node_modules`.
    pub alias: String,
    /// The specifier as it is asked for, after overrides and catalogs.
    pub range: String,
    /// How much it is needed.
    pub kind: EdgeKind,
    /// What answers it; `None` for an optional need that nothing answers.
    pub to: Option<To>,
}

/// How much something is needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EdgeKind {
    /// To run.
    #[default]
    Prod,
    /// To develop the importer.
    Dev,
    /// If it can be had on the machine.
    Optional,
    /// From whoever uses the package.
    Peer,
    /// From whoever uses the package, if they have it (`peerDependenciesMeta`).
    OptionalPeer,
}

impl EdgeKind {
    /// Whether it is met where the package is installed for its own sake, and goes into its archive if it is bundled.
    pub fn goes_along(self) -> bool {
        matches!(self, Self::Prod | Self::Optional)
    }
}

/// What answers a need.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum To {
    /// A package of the graph.
    Package(PackageIndex),
    /// Another importer, linked: position in [`Graph::importers`].
    Importer(usize),
    /// A folder that is linked as it stands (`link:`), relative to the project's root, or absolute.
    Link(String),
}

impl Package {
    /// `react@19.0.0`, for messages and folders.
    pub fn label(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// The key that tells it from every other entry: `name@version`, then its peers in brackets.
    pub fn key(&self) -> String {
        let mut key = self.label();
        for (name, version) in &self.peers {
            key.push_str(&format!("({name}@{version})"));
        }
        key
    }
}

impl EdgeKind {
    /// Its name in the lockfile.
    pub fn as_str(self) -> &'static str {
        match self {
            EdgeKind::Prod => "prod",
            EdgeKind::Dev => "dev",
            EdgeKind::Optional => "optional",
            EdgeKind::Peer => "peer",
            EdgeKind::OptionalPeer => "optional-peer",
        }
    }
}
