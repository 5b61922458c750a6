//! What is told of tools. As all reports, each is the `result` of a JSON document: `docs/json.md` lists the fields.

use std::path::{Path, PathBuf};

use serde::Serialize;
use wharf_core::{Explain, PackageName};

use crate::error::OpsError;
use crate::names;
use crate::report::{Change, Origin};

/// A command in the user's folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exposed {
    /// What is typed.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Whose command of that name was left in place of this one: `pypi:other`, or a path; `None` where this one is in place.
    pub taken_by: Option<String>,
    /// Whose command of that name was replaced.
    pub replaced: Option<String>,
    /// A command of that name that comes earlier on PATH.
    pub hidden_by: Option<PathBuf>,
    /// A command of that name that comes later on PATH.
    pub hides: Option<PathBuf>,
}

impl Exposed {
    /// One that is in place.
    pub(crate) fn at(name: &str, bin: &Path) -> Self {
        Self {
            name: name.to_owned(),
            path: bin.join(name),
            taken_by: None,
            replaced: None,
            hidden_by: None,
            hides: None,
        }
    }
}

/// A tool that was installed or upgraded.
#[derive(Clone, Debug, Serialize)]
pub struct InstalledTool {
    /// The package, as `pypi:name`.
    pub package: String,
    /// Its version.
    pub version: Option<String>,
    /// The version before; `None` where it is new.
    pub previous: Option<String>,
    /// What is asked for, as its manifest says it.
    pub requested: String,
    /// The packages that were put beside it.
    pub with: Vec<String>,
    /// Its project.
    pub directory: PathBuf,
    /// Where its commands are.
    pub bin_directory: PathBuf,
    /// Its commands.
    pub commands: Vec<Exposed>,
    /// The Python of its environment, if it has one.
    pub python: Option<String>,
    /// The Node of its environment, where that is its own.
    pub node: Option<String>,
    /// Where the commands of a crate come from.
    pub origin: Option<Origin>,
    /// The generation that its environment is at.
    pub generation: u64,
    /// Whether there was nothing to do.
    pub up_to_date: bool,
    /// What changed in its environment.
    pub changes: Vec<Change>,
}

/// A tool that could not be installed, upgraded or looked up.
#[derive(Clone, Debug, Serialize)]
pub struct FailedTool {
    /// The package, as `pypi:name`.
    pub package: String,
    /// The code of what failed.
    pub code: &'static str,
    /// What failed.
    pub message: String,
    /// What to do.
    pub hints: Vec<String>,
}

impl FailedTool {
    pub(crate) fn of(package: &PackageName, error: &OpsError) -> Self {
        Self {
            package: names::short(package),
            code: error.code(),
            message: error.to_string(),
            hints: error.hints(),
        }
    }
}

/// What `wharf tool install` and `wharf tool upgrade` did.
#[derive(Debug, Serialize)]
pub struct ToolsChanged {
    /// Each tool that is what was wanted.
    pub tools: Vec<InstalledTool>,
    /// Each that is not, and is what it was.
    pub failed: Vec<FailedTool>,
    /// Where commands are.
    pub bin_directory: PathBuf,
    /// Whether PATH has that folder.
    pub bin_on_path: bool,
    /// The user's shell, for whoever tells how it gets there.
    #[serde(skip)]
    pub shell: Option<String>,
    /// The errors behind `failed`, in the same order.
    #[serde(skip)]
    pub errors: Vec<OpsError>,
}

/// A package of a tool that has a newer version.
#[derive(Clone, Debug, Serialize)]
pub struct OutdatedTool {
    /// The tool, as `pypi:name`.
    pub tool: String,
    /// The package: the tool's own, or one that was put beside it.
    pub package: String,
    /// What is asked for of the tool, as its manifest says it.
    pub requested: String,
    /// The locked version.
    pub locked: String,
    /// The newest version that the index has for this machine.
    pub latest: String,
}

/// What `wharf tool outdated` found.
#[derive(Debug, Serialize)]
pub struct ToolsOutdated {
    /// How many packages were looked up.
    pub checked: usize,
    /// Those with newer versions, by tool.
    pub outdated: Vec<OutdatedTool>,
    /// Each tool that could not be looked up.
    pub failed: Vec<FailedTool>,
    /// The errors behind `failed`, in the same order.
    #[serde(skip)]
    pub errors: Vec<OpsError>,
}

/// An installed tool.
#[derive(Clone, Debug, Serialize)]
pub struct ListedTool {
    /// The package, as `pypi:name`.
    pub package: String,
    /// Its version; `None` where its environment is gone.
    pub version: Option<String>,
    /// What is asked for, as its manifest says it.
    pub requested: Option<String>,
    /// The packages that were put beside it.
    pub with: Vec<String>,
    /// Its project.
    pub directory: PathBuf,
    /// Its commands that are in the folder of commands.
    pub commands: Vec<String>,
    /// The Python of its environment, if it has one.
    pub python: Option<String>,
    /// The Node of its environment, where that is its own.
    pub node: Option<String>,
    /// Where the commands of a crate come from.
    pub origin: Option<Origin>,
    /// The generation that its environment is at.
    pub generation: u64,
    /// What is wrong with it.
    pub trouble: Option<String>,
    /// The command that may put it right.
    pub hint: Option<String>,
}

/// What `wharf tool list` found.
#[derive(Clone, Debug, Serialize)]
pub struct ToolList {
    /// Where tools lie.
    pub directory: PathBuf,
    /// Where their commands are.
    pub bin_directory: PathBuf,
    /// The tools, by ecosystem and name.
    pub tools: Vec<ListedTool>,
}

/// A tool that is gone.
#[derive(Clone, Debug, Serialize)]
pub struct RemovedTool {
    /// The package, as `pypi:name`.
    pub package: String,
    /// The commands that went with it.
    pub commands: Vec<String>,
}

/// What `wharf tool remove` did.
#[derive(Clone, Debug, Serialize)]
pub struct ToolsRemoved {
    /// The tools.
    pub removed: Vec<RemovedTool>,
}
