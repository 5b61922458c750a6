//! Node itself: what one is, how it is asked about itself, how one is found.
//!
//! Invariant: a [`NodeBinary`] only holds what Node said of itself, or what its own executable is; nothing is guessed from the names
//! of folders.

mod discover;
mod probe;

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use wharf_core::{Explain, Fault};
use wharf_ecosystem::npm::Version;

pub use discover::{NodeFound, NodeSearch, NodeSurroundings};
pub use probe::{probe, probe_cached, remembers};

/// One Node, as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeBinary {
    /// The executable that was asked.
    pub path: PathBuf,
    /// The executable that it says it is; another one where a version manager's stand-in was asked.
    pub executable: PathBuf,
    /// Its version.
    #[serde(with = "version_text")]
    pub version: Version,
    /// `process.platform`: `linux`, `darwin`.
    pub platform: String,
    /// `process.arch`: `x64`, `arm64`.
    pub arch: String,
}

/// One Node that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeConsidered {
    /// The executable.
    pub path: PathBuf,
    /// Where it was found, in words: `PATH`, `nvm`.
    pub found_in: String,
    /// Its version, where it is known.
    pub version: Option<String>,
    /// Why it was taken or not.
    pub verdict: NodeVerdict,
}

/// Taken or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeVerdict {
    /// This one is used.
    Chosen,
    /// It fits, but an earlier one was taken.
    Fits,
    /// It cannot be used.
    Refused(NodeRefusal),
}

/// Why a Node is not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeRefusal {
    /// There is no such file.
    Missing,
    /// The file cannot be executed.
    NotExecutable,
    /// It fails or answers nonsense; the text says how.
    Broken(String),
    /// Its version is outside what the project asks for.
    Version {
        /// What it has.
        found: String,
        /// What is asked for, and by whom.
        wanted: String,
    },
}

/// Why no Node could be used.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The one that was asked for does not answer or does not fit.
    #[error("cannot use the Node at {}: {reason}", path.display())]
    Unusable {
        /// The executable.
        path: PathBuf,
        /// Why.
        reason: NodeRefusal,
    },
    /// Nothing that was looked at fits.
    #[error("no Node{wanted} was found; looked at {}", looked_at(considered))]
    NotFound {
        /// What was wanted, in words, with a space before them.
        wanted: String,
        /// All that was looked at, with the reasons.
        considered: Vec<NodeConsidered>,
    },
}

impl fmt::Display for NodeVerdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chosen => formatter.write_str("used"),
            Self::Fits => formatter.write_str("fits, but comes later"),
            Self::Refused(refusal) => refusal.fmt(formatter),
        }
    }
}

impl fmt::Display for NodeRefusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => formatter.write_str("there is no such file"),
            Self::NotExecutable => formatter.write_str("it is not an executable file"),
            Self::Broken(how) => write!(formatter, "it does not work: {how}"),
            Self::Version { found, wanted } => write!(formatter, "it is {found}, but {wanted}"),
        }
    }
}

/// Those that an error lists.
const SHOWN: usize = 12;

fn looked_at(considered: &[NodeConsidered]) -> String {
    match considered {
        [] => {
            "PATH, the folders of version managers and the system's directories, and none is there".to_owned()
        }
        [one] => format!("{}: {}", one.path.display(), one.verdict),
        many => {
            let shown = many.iter().take(SHOWN);
            let lines = shown.map(|one| format!("\n  {}: {}", one.path.display(), one.verdict));
            format!("{} of them:{}", many.len(), lines.collect::<String>())
        }
    }
}

impl Explain for NodeError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unusable { .. } => "node/unusable",
            Self::NotFound { .. } => "node/not-found",
        }
    }

    fn fault(&self) -> Fault {
        Fault::World
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Unusable { .. } => vec!["name another Node, or put a fitting one first on PATH".to_owned()],
            Self::NotFound { .. } => vec!["install a fitting Node.js and put it on PATH".to_owned()],
        }
    }
}

/// Writes a version as `22.1.0`.
mod version_text {
    use serde::{Deserialize, Deserializer, Serializer};
    use wharf_ecosystem::npm::Version;

    pub(super) fn serialize<S: Serializer>(version: &Version, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(version.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Version, D::Error> {
        Version::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
