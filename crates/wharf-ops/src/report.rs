//! What the use cases answer. Each report is the `result` of a command's JSON document, so a field is a promise:
//! `docs/json.md` lists them.

use std::path::PathBuf;

use serde::Serialize;

pub use crate::cargo::prebuilt::Origin;

/// One package that appeared, vanished or moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The package, as `pypi:name`.
    pub package: String,
    /// The version before; `None` where it appeared.
    pub from: Option<String>,
    /// The version after; `None` where it vanished.
    pub to: Option<String>,
}

/// What `wharf init` did.
#[derive(Clone, Debug, Serialize)]
pub struct InitReport {
    /// The file that is the manifest now.
    pub manifest: PathBuf,
    /// Whether that file was written; otherwise the project's own file was adopted as it stands.
    pub created: bool,
    /// The files that were found and are read.
    pub adopted: Vec<PathBuf>,
    /// Locks of other tools whose versions will be preferred on the first lock.
    pub preferences: Vec<PathBuf>,
}

/// What `wharf lock` did.
#[derive(Clone, Debug, Serialize)]
pub struct LockReport {
    /// The lockfile.
    pub path: PathBuf,
    /// The `Cargo.lock` of a workspace of crates.
    pub cargo_lock: Option<PathBuf>,
    /// How many packages it holds.
    pub packages: usize,
    /// The targets it covers.
    pub targets: Vec<String>,
    /// The packages that were asked for by other names.
    pub meant: Vec<Meant>,
    /// What moved.
    pub changes: Vec<Change>,
    /// Whether the file was written.
    pub written: bool,
    /// Whether a solve was needed.
    pub solved: bool,
    /// How long it took.
    pub seconds: f64,
}

/// A package that was asked for by a name which the project, or a package, has for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Meant {
    /// The name, as `npm:name`.
    pub asked: String,
    /// The package, as `npm:name`.
    pub package: String,
}

/// The interpreter of an environment.
#[derive(Clone, Debug, Serialize)]
pub struct PythonReport {
    /// Its path.
    pub path: PathBuf,
    /// Its version.
    pub version: String,
    /// Why it was chosen.
    pub reason: String,
}

/// The Node of an environment.
#[derive(Clone, Debug, Serialize)]
pub struct NodeReport {
    /// Its path.
    pub path: PathBuf,
    /// Its version.
    pub version: String,
    /// Why it was chosen.
    pub reason: String,
}

/// A tool of an environment that comes from a crate.
#[derive(Clone, Debug, Serialize)]
pub struct ToolReport {
    /// The package, as `cargo:name`.
    pub package: String,
    /// Its version.
    pub version: String,
    /// Where its commands come from.
    pub origin: Origin,
    /// Whether its commands are others than before.
    pub changed: bool,
}

/// What `wharf sync` did.
#[derive(Clone, Debug, Serialize)]
pub struct SyncReport {
    /// The environment.
    pub environment: PathBuf,
    /// The generation it is at.
    pub generation: u64,
    /// Whether there was nothing to do.
    pub up_to_date: bool,
    /// Whether that is so because another process was faster.
    pub overtaken: bool,
    /// Whether only the plan was made.
    pub dry_run: bool,
    /// How many packages the environment holds.
    pub packages: usize,
    /// What changed.
    pub changes: Vec<Change>,
    /// The lock that came first, where one was needed.
    pub lock: Option<LockReport>,
    /// The interpreter; `None` where there was nothing to do.
    pub python: Option<PythonReport>,
    /// The Node; `None` where there was nothing to do, or no npm packages are in it.
    pub node: Option<NodeReport>,
    /// The tools that come from crates; none where there was nothing to do.
    pub tools: Vec<ToolReport>,
    /// Bytes that came over the network.
    pub downloaded: u64,
    /// How many archives were fetched or built because the store did not have them.
    pub fetched: usize,
    /// How long it took.
    pub seconds: f64,
}

/// What `wharf add` and `wharf remove` did.
#[derive(Clone, Debug, Serialize)]
pub struct EditReport {
    /// The manifest that was edited.
    pub manifest: PathBuf,
    /// The requirements as they stand there now, or the names that were removed.
    pub requirements: Vec<String>,
    /// The lock.
    pub lock: LockReport,
    /// The sync, unless it was not wanted.
    pub sync: Option<SyncReport>,
}

/// One locked package.
#[derive(Clone, Debug, Serialize)]
pub struct ListEntry {
    /// The package, as `pypi:name`.
    pub package: String,
    /// Its version.
    pub version: String,
    /// Its package URL.
    pub purl: String,
    /// Where it comes from, in words.
    pub source: String,
    /// Whether the manifest names it.
    pub direct: bool,
}

/// What `wharf list` found.
#[derive(Clone, Debug, Serialize)]
pub struct ListReport {
    /// The target they are locked for.
    pub target: String,
    /// The packages, by name.
    pub packages: Vec<ListEntry>,
    /// The interpreters that were weighed, where asked.
    pub pythons: Vec<PythonCandidate>,
}

/// One interpreter that was weighed.
#[derive(Clone, Debug, Serialize)]
pub struct PythonCandidate {
    /// Its path.
    pub path: PathBuf,
    /// What was found there, and why it was taken or not.
    pub verdict: String,
    /// Whether it is the one.
    pub chosen: bool,
}

/// A node of `wharf tree`.
#[derive(Clone, Debug, Serialize)]
pub struct TreeNode {
    /// The package, as `pypi:name`.
    pub package: String,
    /// The name under which an npm package is asked for here, where that is not its own.
    pub alias: Option<String>,
    /// In an inverted tree, the names under which it asks for the npm package above it, where one is not that package's own.
    pub calls_it: Vec<String>,
    /// Its version.
    pub version: String,
    /// The extras that are asked of it.
    pub extras: Vec<String>,
    /// Whether its children stand elsewhere in the tree.
    pub repeated: bool,
    /// What it needs; in an inverted tree, what needs it.
    pub children: Vec<TreeNode>,
}

impl TreeNode {
    /// The package for people, as it is asked for here: `npm:name`, `npm:alias@npm:name`.
    pub fn label(&self) -> String {
        labelled(self.alias.as_deref(), &self.package)
    }
}

impl WhyStep {
    /// The package for people, as [`TreeNode::label`] has it.
    pub fn label(&self) -> String {
        labelled(self.alias.as_deref(), &self.package)
    }
}

/// As `wharf add` takes it.
fn labelled(alias: Option<&str>, package: &str) -> String {
    match alias {
        Some(alias) => format!("npm:{alias}@{package}"),
        None => package.to_owned(),
    }
}

/// What `wharf tree` found.
#[derive(Clone, Debug, Serialize)]
pub struct TreeReport {
    /// The target whose edges are shown.
    pub target: String,
    /// The manifest's own requirements, or the package that was named.
    pub roots: Vec<TreeNode>,
}

/// One step of `wharf why`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WhyStep {
    /// The package, as `pypi:name`.
    pub package: String,
    /// The name under which an npm package is asked for here, where that is not its own.
    pub alias: Option<String>,
    /// Its version.
    pub version: String,
}

/// One way from the manifest to the package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WhyPath {
    /// The requirement as the manifest has it.
    pub requirement: String,
    /// Where it stands.
    pub origin: String,
    /// The group or extra it belongs to, empty for the main requirements.
    pub group: String,
    /// The packages on the way, the manifest's own first, the asked one last.
    pub steps: Vec<WhyStep>,
}

/// What `wharf why` found.
#[derive(Clone, Debug, Serialize)]
pub struct WhyReport {
    /// The package, as `pypi:name`.
    pub package: String,
    /// Its locked versions.
    pub versions: Vec<String>,
    /// The ways to it, shortest first, one for each requirement of the manifest.
    pub paths: Vec<WhyPath>,
}

/// One package that has newer versions.
#[derive(Clone, Debug, Serialize)]
pub struct OutdatedEntry {
    /// The package, as `pypi:name`.
    pub package: String,
    /// The names under which the project asks for an npm package, where those are not its own.
    pub aliases: Vec<String>,
    /// The locked version.
    pub locked: String,
    /// The newest version that the index has for this target.
    pub latest: String,
    /// Whether the manifest names it.
    pub direct: bool,
}

impl OutdatedEntry {
    /// The package for people, with the name under which the project asks for it: `npm:name`, `npm:alias@npm:name`.
    pub fn label(&self) -> String {
        let alias = (!self.aliases.is_empty()).then(|| self.aliases.join(", npm:"));
        labelled(alias.as_deref(), &self.package)
    }
}

/// What `wharf outdated` found.
#[derive(Clone, Debug, Serialize)]
pub struct OutdatedReport {
    /// How many packages were looked up.
    pub checked: usize,
    /// Those with newer versions, by name.
    pub outdated: Vec<OutdatedEntry>,
}

/// What `wharf info` found.
#[derive(Clone, Debug, Serialize)]
pub struct InfoReport {
    /// The package, as `pypi:name`.
    pub package: String,
    /// Its package URL with version.
    pub purl: String,
    /// The version that is described: the newest that fits this machine, or the one asked for.
    pub version: String,
    /// The locked version of this project.
    pub locked: Option<String>,
    /// One line about it.
    pub summary: Option<String>,
    /// Its licence, as it names it.
    pub license: Option<String>,
    /// What Python it needs.
    pub requires_python: Option<String>,
    /// What Node it needs.
    pub engines_node: Option<String>,
    /// What Rust it needs.
    pub rust_version: Option<String>,
    /// What it needs.
    pub requires: Vec<String>,
    /// Its extras.
    pub extras: Vec<String>,
    /// Its links: label and URL.
    pub urls: Vec<(String, String)>,
    /// When its files were uploaded, where the index says so.
    pub uploaded: Option<String>,
    /// The index that has it.
    pub index: String,
    /// Every version, newest first.
    pub versions: Vec<VersionEntry>,
}

/// One version of a package.
#[derive(Clone, Debug, Serialize)]
pub struct VersionEntry {
    /// The version.
    pub version: String,
    /// Why it was withdrawn, where it was.
    pub yanked: Option<String>,
    /// Whether it has a file that this machine could use.
    pub usable: bool,
}

/// What `wharf export` gives.
#[derive(Clone, Debug, Serialize)]
pub struct ExportReport {
    /// The whole text.
    pub text: String,
    /// Where it was written, unless to standard output.
    pub written: Option<PathBuf>,
}

/// A locked package of npm that has install scripts, or one of Debian whose maintainer scripts were approved or may be missed.
#[derive(Clone, Debug, Serialize)]
pub struct ScriptEntry {
    /// The package, as `npm:name`.
    pub package: String,
    /// The locked version.
    pub version: String,
    /// Whether its scripts may run.
    pub approved: bool,
    /// What scripts of a Debian package would do that was not done without them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<String>,
}

/// What `wharf approve` did.
#[derive(Clone, Debug, Serialize)]
pub struct ApproveReport {
    /// The manifest that holds the approvals.
    pub manifest: PathBuf,
    /// The packages that were asked for by other names.
    pub meant: Vec<Meant>,
    /// The entries that were written, each with version and hash.
    pub approved: Vec<String>,
    /// Every locked npm package with install scripts, and those Debian packages whose scripts were approved or may be missed.
    pub packages: Vec<ScriptEntry>,
    /// The sync that followed, where something was approved.
    pub sync: Option<SyncReport>,
}

/// What `wharf python` found.
#[derive(Clone, Debug, Serialize)]
pub struct PythonListReport {
    /// What the project asks for.
    pub requirement: Option<String>,
    /// The interpreters, in the order in which they were weighed.
    pub candidates: Vec<PythonCandidate>,
}

/// What `wharf store size` found. All sizes are bytes.
#[derive(Clone, Debug, Serialize)]
pub struct StoreSizeReport {
    /// Where the store lies.
    pub path: PathBuf,
    /// Files of Python and Debian packages: objects, and the small files of trees.
    pub objects: u64,
    /// Bytes of these.
    pub object_bytes: u64,
    /// Unpacked packages.
    pub trees: u64,
    /// Homes of npm packages.
    pub homes: u64,
    /// Their files, each once however many names it has in one home or several.
    pub home_files: u64,
    /// Bytes of these.
    pub home_bytes: u64,
    /// Crates that are laid out for cargo.
    pub crates: u64,
    /// Their files.
    pub crate_files: u64,
    /// Bytes of these.
    pub crate_bytes: u64,
    /// Unpacked Debian packages, which are objects.
    pub debs: u64,
    /// System roots that are put together of them.
    pub systems: u64,
    /// Bytes that these have beside the objects that they share.
    pub system_bytes: u64,
    /// Where registries' answers are cached.
    pub cache_path: PathBuf,
    /// Bytes of the cache.
    pub cache_bytes: u64,
}

/// What `wharf store verify` found.
#[derive(Clone, Debug, Serialize)]
pub struct StoreVerifyReport {
    /// How many objects were checked.
    pub checked: u64,
    /// What is damaged, one line each.
    pub damaged: Vec<String>,
    /// Whether the damaged ones were moved aside.
    pub repaired: bool,
}
