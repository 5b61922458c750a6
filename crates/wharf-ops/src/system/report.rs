//! What `wharf system` tells.

use std::path::PathBuf;

use serde::Serialize;

/// What is installed.
#[derive(Clone, Debug, Serialize)]
pub struct SystemList {
    /// The root of the machine.
    pub root: PathBuf,
    /// The machine's own architecture, then foreign ones.
    pub architectures: Vec<String>,
    /// The packages, by name.
    pub packages: Vec<InstalledPackage>,
}

/// One installed package.
#[derive(Clone, Debug, Serialize)]
pub struct InstalledPackage {
    /// `deb:name`, with its architecture where that is a foreign one.
    pub package: String,
    /// Its version.
    pub version: String,
    /// Its architecture.
    pub architecture: String,
    /// Whether it came along with others, and nobody asked for it.
    pub automatic: bool,
    /// Whether it is to stay as it is.
    pub held: bool,
    /// What it takes, in bytes.
    pub installed_size: u64,
    /// What it is for.
    pub summary: String,
}

/// What words were found in.
#[derive(Clone, Debug, Serialize)]
pub struct SystemSearch {
    /// The packages, best first.
    pub packages: Vec<FoundPackage>,
}

/// One package that was found.
#[derive(Clone, Debug, Serialize)]
pub struct FoundPackage {
    /// `deb:name`.
    pub package: String,
    /// Its highest version.
    pub version: String,
    /// Where it comes from: `bookworm/main`.
    pub from: String,
    /// The version that is installed.
    pub installed: Option<String>,
    /// What it is for.
    pub summary: String,
}

/// What is known of one package.
#[derive(Clone, Debug, Serialize)]
pub struct SystemShow {
    /// `deb:name`.
    pub package: String,
    /// The version that is installed.
    pub installed: Option<String>,
    /// Whether it came along with others.
    pub automatic: bool,
    /// Whether it is to stay as it is.
    pub held: bool,
    /// What it is for, and more of it.
    pub summary: String,
    /// The rest of its description.
    pub description: String,
    /// Its section.
    pub section: String,
    /// What it is built from.
    pub source: String,
    /// Every version, highest first.
    pub versions: Vec<ShownVersion>,
    /// What the highest version says of others: the field and its text.
    pub relations: Vec<ShownRelation>,
    /// Packages that provide this name.
    pub provided_by: Vec<String>,
}

/// What `wharf info` tells of a Debian package.
#[derive(Clone, Debug, Serialize)]
pub struct DebInfo {
    /// The package URL of the version that is told of.
    pub purl: String,
    /// The version that was asked for, else the highest; `None` of a name that is only provided.
    pub version: Option<String>,
    /// The version that the project's lock has.
    pub locked: Option<String>,
    /// What is known of the package.
    #[serde(flatten)]
    pub known: SystemShow,
}

/// One version of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownVersion {
    /// The version.
    pub version: String,
    /// Its architecture.
    pub architecture: String,
    /// Where it is: `bookworm/main`, `installed`.
    pub from: Vec<String>,
    /// The size of its archive, in bytes; 0 where only the machine has it.
    pub size: u64,
    /// What it takes once it is installed, in bytes.
    pub installed_size: u64,
}

/// What a package says of others.
#[derive(Clone, Debug, Serialize)]
pub struct ShownRelation {
    /// `Depends`, `Recommends`, …
    pub field: &'static str,
    /// What it says.
    pub text: String,
}

/// What a change of the machine would do.
#[derive(Clone, Debug, Serialize)]
pub struct SystemPlan {
    /// The root of the machine.
    pub root: PathBuf,
    /// Packages that would be installed.
    pub install: Vec<PlannedPackage>,
    /// Packages that would get a higher version.
    pub upgrade: Vec<PlannedPackage>,
    /// Packages that would get a lower version.
    pub downgrade: Vec<PlannedPackage>,
    /// Packages that would be removed.
    pub remove: Vec<PlannedPackage>,
    /// Those of them that every system needs: without one the machine may not start any more.
    pub essential: Vec<String>,
    /// Packages that nobody asked for and that nothing would need any more.
    pub unneeded: Vec<String>,
    /// What is recommended and would not be installed: who recommends it, and what.
    pub declined: Vec<String>,
    /// What new packages suggest: who suggests it, and what.
    pub suggested: Vec<String>,
    /// Bytes to fetch.
    pub download: u64,
    /// Bytes that the machine would have more, or fewer.
    pub installed_change: i64,
    /// The command of apt's that would do it: nothing here changes the machine. None where the machine might not survive it.
    pub command: Option<String>,
}

/// One package of a plan.
#[derive(Clone, Debug, Serialize)]
pub struct PlannedPackage {
    /// `deb:name`, with its architecture where that is a foreign one.
    pub package: String,
    /// The version that is installed.
    pub from: Option<String>,
    /// The version that would be.
    pub to: Option<String>,
    /// Where that comes from: `bookworm/main`.
    pub repository: Option<String>,
    /// The size of its archive, in bytes.
    pub size: u64,
    /// Why.
    pub reason: String,
}
