//! What composing a root did, and what it left out: written down with the root, for plans, `why` and people.

use serde::{Deserialize, Serialize};

/// What composing did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The packages, sorted by name and architecture.
    pub packages: Vec<PackageLine>,
    /// Every maintainer script that is not plainly of no consequence.
    pub scripts: Vec<ScriptReport>,
    /// Programs that finish the root, and what became of each.
    pub actions: Vec<ActionReport>,
    /// Names that were given to one of several providers.
    pub alternatives: Vec<AlternativeReport>,
    /// Users and groups that were made beyond those of base-passwd.
    pub accounts: Vec<String>,
    /// Folders below `/run` and `/tmp` that services want when they start.
    pub runtime: Vec<RuntimeFolder>,
    /// Shared libraries in the loader's cache.
    pub libraries: u64,
    /// What else is worth knowing.
    pub notes: Vec<Note>,
}

/// A package of a root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageLine {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its architecture.
    pub architecture: String,
}

/// Which script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScriptKind {
    /// Before the package's files are there.
    Preinst,
    /// After they are.
    Postinst,
}

impl ScriptKind {
    /// The file's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Preinst => "preinst",
            Self::Postinst => "postinst",
        }
    }
}

/// What would have to happen for a script to have its whole effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScriptClass {
    /// All it does on a fresh root was done as data.
    Covered,
    /// All but what the root's finishing programs do.
    Triggers,
    /// Something is left that only running it would do.
    NeedsRunning,
}

/// A maintainer script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptReport {
    /// Whose.
    pub package: String,
    /// Which.
    pub kind: ScriptKind,
    /// BLAKE3 of its text.
    pub digest: String,
    /// How much of it was done.
    pub class: ScriptClass,
    /// What was not done, as the script has it.
    pub skipped: Vec<String>,
    /// Whether that calls a program of a package that is not part of every system: it is likely to be missed.
    pub matters: bool,
    /// Whether it was approved and ran.
    pub ran: bool,
}

/// A program that finished the root, or would have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionReport {
    /// What it is for.
    pub name: String,
    /// The command.
    pub argv: Vec<String>,
    /// How many paths it made or changed; `None` where it did not run.
    pub changed: Option<u64>,
    /// Why it did not run, or what it said when it failed.
    pub problem: Option<String>,
}

/// A name that several packages can provide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlternativeReport {
    /// The name.
    pub name: String,
    /// Which provider has it.
    pub chosen: String,
    /// How many there are.
    pub among: usize,
}

/// A folder that a service wants when it starts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RuntimeFolder {
    /// The path, from `/`.
    pub path: String,
    /// Its mode.
    pub mode: u16,
}

/// Something worth knowing about a root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Note {
    /// A file that would run as its owner or group, and does not here.
    SetId {
        /// The path.
        path: String,
        /// Whose.
        package: String,
        /// Its mode in the archive.
        mode: u16,
    },
    /// A file that would have capabilities, and has none here.
    Capability {
        /// The path.
        path: String,
        /// Whose.
        package: String,
    },
    /// A device or pipe that was not made.
    Device {
        /// The path.
        path: String,
        /// Whose.
        package: String,
    },
    /// A file that another package moved away.
    Diverted {
        /// The path.
        path: String,
        /// Whose file it was.
        package: String,
        /// Who moved it.
        by: String,
        /// Where it is.
        to: String,
    },
    /// Equal files of two packages.
    Same {
        /// The path.
        path: String,
        /// Both packages.
        packages: [String; 2],
    },
    /// A mode or owner that a package wants overridden; modes and owners are those of whoever has the store.
    Override {
        /// The path.
        path: String,
        /// `owner group mode`.
        wanted: String,
    },
}
