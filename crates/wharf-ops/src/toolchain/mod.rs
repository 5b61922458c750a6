//! `wharf toolchain`: the Pythons, Nodes, Rust and C compilers that there are, and those that can be had.
//!
//! | toolchain | found | can be had |
//! |---|---|---|
//! | `node` | PATH, version managers, kept ones | from the npm registry's platform packages |
//! | `python` | PATH, pyenv, the system | no: no registry carries CPython |
//! | `rust` | PATH, rustup | no: no registry carries the compiler |
//! | `gcc`, `clang` | PATH, kept ones | from Debian's packages |
//!
//! Invariant: what cannot be had is said, with what to do instead. One that is kept is a link in the folder of toolchains to
//! verified content of the store, and is found by `sync`, `run` and `tool` as one of a version manager is.

mod c;
mod rust;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde::Serialize;
use wharf_core::{Explain, Fault};
use wharf_ecosystem::npm::semver::Range;
use wharf_install::nodejs::{NodeSearch, NodeSurroundings, NodeVerdict};
use wharf_install::python::{Request, Search, Surroundings, Verdict};
use wharf_install::toolchains;

use crate::error::OpsError;
use crate::npm::node::Carried;
use crate::session::Session;

/// What there are toolchains of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// CPython and its relatives.
    Python,
    /// Node.
    Node,
    /// rustc.
    Rust,
    /// The C and C++ compilers of GNU.
    Gcc,
    /// Those of LLVM.
    Clang,
}

/// A toolchain as people ask for it: `node@22`, `python@3.12`, `rust`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Of what.
    pub kind: Kind,
    /// Which version, in the words of its own world.
    pub version: Option<String>,
}

/// A toolchain that is on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Of what.
    pub toolchain: Kind,
    /// Its version.
    pub version: String,
    /// Its executable.
    pub path: PathBuf,
    /// Where it was found, in words.
    pub found_in: String,
    /// Whether Wharf keeps it.
    pub managed: bool,
    /// Whether it is the one that a project gets which does not care.
    pub default: bool,
}

/// What registries carry of a toolchain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Available {
    /// Of what.
    pub toolchain: Kind,
    /// Whether `wharf toolchain add` can have it.
    pub can_be_added: bool,
    /// The newest of each line, newest first; empty where they were not asked for.
    pub versions: Vec<String>,
    /// Where it comes from, or what to do instead.
    pub note: String,
}

/// What `wharf toolchain list` found.
#[derive(Clone, Debug, Serialize)]
pub struct ToolchainList {
    /// Where those lie that Wharf keeps.
    pub directory: PathBuf,
    /// What is on this machine.
    pub found: Vec<Found>,
    /// What can be had.
    pub available: Vec<Available>,
}

/// What `wharf toolchain add` did.
#[derive(Clone, Debug, Serialize)]
pub struct ToolchainAdded {
    /// Of what.
    pub toolchain: Kind,
    /// Its version.
    pub version: String,
    /// Its executable.
    pub path: PathBuf,
    /// Whether it was there already.
    pub was_there: bool,
    /// Bytes that came over the network.
    pub downloaded: u64,
}

/// What `wharf toolchain remove` did.
#[derive(Clone, Debug, Serialize)]
pub struct ToolchainRemoved {
    /// The versions that are gone.
    pub removed: Vec<String>,
}

/// Whether registries are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// What they have is listed.
    Registries,
    /// Only this machine is looked at.
    Nobody,
}

/// Why a toolchain cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ToolchainError {
    /// A word that is none.
    #[error("`{0}` is no toolchain: there are `python`, `node`, `rust`, `gcc` and `clang`")]
    Unknown(String),
    /// Its version is none.
    #[error("`{text}` names no version of {kind}: {reason}")]
    Version {
        /// As it was typed.
        text: String,
        /// Of what.
        kind: Kind,
        /// What is wrong with it.
        reason: String,
    },
    /// No registry has it.
    #[error("{kind}{} cannot be added: no registry carries it, and none that fits is on this machine", wanted.as_ref().map_or_else(String::new, |wanted| format!(" {wanted}")))]
    NotCarried {
        /// Of what.
        kind: Kind,
        /// Which.
        wanted: Option<String>,
        /// What is there instead.
        found: Vec<String>,
    },
    /// It is none of those that Wharf keeps.
    #[error("Wharf keeps no {0}")]
    NotKept(String),
    /// Nothing says which folder is the user's.
    #[error("HOME does not say where toolchains are kept")]
    NoHome,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kind::Python => "Python",
            Kind::Node => "Node",
            Kind::Rust => "Rust",
            Kind::Gcc => "GCC",
            Kind::Clang => "Clang",
        })
    }
}

impl Explain for ToolchainError {
    fn code(&self) -> &'static str {
        match self {
            ToolchainError::Unknown(_) => "toolchain/unknown",
            ToolchainError::Version { .. } => "toolchain/version",
            ToolchainError::NotCarried { .. } => "toolchain/not-carried",
            ToolchainError::NotKept(_) => "toolchain/not-kept",
            ToolchainError::NoHome => "tool/no-home",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            ToolchainError::NotCarried { .. } => Fault::Unsatisfiable,
            _ => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            ToolchainError::Unknown(_) | ToolchainError::Version { .. } => {
                vec!["write for example `node@22`, `python@3.12`, `rust`, `gcc` or `gcc@13`".to_owned()]
            }
            ToolchainError::NotCarried { kind, wanted, found } => {
                let mut hints = vec![instead(*kind, wanted.as_deref())];
                if !found.is_empty() {
                    hints.push(format!("on this machine are: {}", found.join(", ")));
                }
                hints
            }
            ToolchainError::NotKept(_) => vec!["`wharf toolchain list` shows what is kept".to_owned()],
            ToolchainError::NoHome => vec!["set HOME, or WHARF_TOOLCHAIN_DIR".to_owned()],
        }
    }
}

/// What to do where Wharf cannot have it. What comes of it is found by itself.
fn instead(kind: Kind, wanted: Option<&str>) -> String {
    match kind {
        Kind::Python => {
            let version = wanted.unwrap_or("3");
            format!(
                "install it with the system's packages (`apt install python{version}`), `pyenv install {version}` or an installer of python.org: Wharf finds it on PATH, in pyenv and in the system's folders"
            )
        }
        Kind::Rust => {
            let version = wanted.unwrap_or("stable");
            format!(
                "install it with rustup (`rustup toolchain install {version}`) or the system's packages (`apt install cargo`): Wharf finds it"
            )
        }
        Kind::Node => {
            "put a Node that fits on PATH: Wharf finds it there and in the folders of version managers"
                .to_owned()
        }
        Kind::Gcc | Kind::Clang => {
            "install it with the system's packages: Wharf and everything that it builds find it on PATH"
                .to_owned()
        }
    }
}

impl std::str::FromStr for Wanted {
    type Err = ToolchainError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (word, version) = match text.split_once('@') {
            Some((word, version)) => (word, Some(version.trim().to_owned())),
            None => (text, None),
        };
        let kind = match word.trim() {
            "python" => Kind::Python,
            "node" | "nodejs" => Kind::Node,
            "rust" => Kind::Rust,
            "gcc" => Kind::Gcc,
            "clang" => Kind::Clang,
            _ => return Err(ToolchainError::Unknown(text.to_owned())),
        };
        let wanted = Self {
            kind,
            version: version.filter(|version| !version.is_empty() && version != "latest"),
        };
        wanted.check().map(|()| wanted)
    }
}

impl Wanted {
    fn check(&self) -> Result<(), ToolchainError> {
        let Some(text) = &self.version else {
            return Ok(());
        };
        let reason = match self.kind {
            Kind::Node => Range::parse(text).err().map(|error| error.to_string()),
            Kind::Python => match text.parse::<Request>() {
                Ok(Request::Version { .. } | Request::Range(_)) => None,
                Ok(_) => Some("it is neither a version nor a range".to_owned()),
                Err(error) => Some(error.reason),
            },
            Kind::Rust => rust::trouble(text),
            Kind::Gcc | Kind::Clang => c::trouble(text),
        };
        match reason {
            None => Ok(()),
            Some(reason) => Err(ToolchainError::Version {
                text: text.clone(),
                kind: self.kind,
                reason,
            }),
        }
    }

    /// As it is typed.
    fn text(&self) -> String {
        let version = self.version.as_ref();
        format!(
            "{}{}",
            self.kind,
            version.map_or_else(String::new, |version| format!(" {version}"))
        )
    }

    /// Whether a toolchain is what is asked for.
    fn accepts(&self, found: &Found) -> bool {
        let Some(text) = &self.version else {
            return found.toolchain == self.kind;
        };
        found.toolchain == self.kind
            && match self.kind {
                Kind::Node => Range::parse(text).is_ok_and(|range| {
                    let version = wharf_ecosystem::npm::Version::parse(&found.version);
                    version.is_ok_and(|version| range.satisfies(&version))
                }),
                Kind::Rust => rust::is_of(&found.version, text),
                Kind::Gcc | Kind::Clang => c::is_of(&found.version, text),
                // Pythons were searched for by the request itself.
                Kind::Python => true,
            }
    }
}

/// Every toolchain of this machine, and what registries carry.
///
/// # Errors
/// Where a file of settings is malformed. A registry that does not answer only says so in the list.
pub async fn list(session: &Session, asking: Asking) -> Result<ToolchainList, OpsError> {
    let directory = directory(session)?;
    let mut found = pythons(session, None);
    found.extend(nodes(session, &directory));
    found.extend(rust::found(session));
    for kind in [Kind::Gcc, Kind::Clang] {
        found.extend(c::found(session, kind));
    }
    let (versions, node) = match asking {
        Asking::Nobody => (Vec::new(), Ok("the npm registry's packages of Node".to_owned())),
        Asking::Registries => match Carried::ask(session).await {
            Ok(carried) => (carried.majors(), Ok(format!("npm:{}", carried.package()))),
            Err(error) => (Vec::new(), Err(error.to_string())),
        },
    };
    let not = |kind| Available {
        toolchain: kind,
        can_be_added: false,
        versions: Vec::new(),
        note: format!("no registry carries it; {}", instead(kind, None)),
    };
    let debian = |kind| Available {
        toolchain: kind,
        can_be_added: cfg!(target_os = "linux"),
        versions: Vec::new(),
        note: "packages of Debian, or of the Ubuntu that the machine runs".to_owned(),
    };
    let node = Available {
        toolchain: Kind::Node,
        can_be_added: node.is_ok(),
        versions,
        note: node.unwrap_or_else(|reason| reason),
    };
    Ok(ToolchainList {
        directory,
        found,
        available: vec![
            not(Kind::Python),
            node,
            not(Kind::Rust),
            debian(Kind::Gcc),
            debian(Kind::Clang),
        ],
    })
}

/// Takes a toolchain into the store where a registry carries it. Where none does, one that is on the machine will do.
///
/// # Errors
/// Where it cannot be had, with what to do instead.
pub async fn add(session: &Session, wanted: &Wanted) -> Result<ToolchainAdded, OpsError> {
    match wanted.kind {
        Kind::Node => add_node(session, wanted).await,
        Kind::Python => on_machine(wanted, pythons(session, wanted.version.as_deref()), || {
            pythons(session, None)
        }),
        Kind::Rust => on_machine(wanted, rust::found(session), || rust::found(session)),
        Kind::Gcc | Kind::Clang => c::add(session, wanted).await,
    }
}

async fn add_node(session: &Session, wanted: &Wanted) -> Result<ToolchainAdded, OpsError> {
    let directory = directory(session)?;
    let range = wanted.version.as_deref().map(Range::parse).transpose();
    let range = range.expect("the version was checked when it was read");
    let carried = Carried::ask(session).await?;
    let (version, folder) = carried.take(session, &wanted.text(), range.as_ref()).await?;
    let place = toolchains::place(&directory, "node", version.as_str());
    let was_there = fs::read_link(&place).is_ok_and(|target| target == folder);
    if !was_there {
        link(&folder, &place)?;
    }
    Ok(ToolchainAdded {
        toolchain: Kind::Node,
        version: version.as_str().to_owned(),
        path: place.join("bin/node"),
        was_there,
        downloaded: session.downloaded(),
    })
}

/// Makes `place` a link to `folder`, in one step.
fn link(folder: &Path, place: &Path) -> Result<(), OpsError> {
    let parent = place.parent().expect("a place lies in a folder");
    fs::create_dir_all(parent).map_err(OpsError::io("make", parent))?;
    let draft = parent.join(format!(".draft-{}", std::process::id()));
    let _ = fs::remove_file(&draft);
    symlink(folder, &draft)
        .and_then(|()| fs::rename(&draft, place))
        .map_err(OpsError::io("write", place))
}

fn on_machine(
    wanted: &Wanted,
    found: Vec<Found>,
    all: impl FnOnce() -> Vec<Found>,
) -> Result<ToolchainAdded, OpsError> {
    match found.into_iter().find(|found| wanted.accepts(found)) {
        Some(found) => Ok(ToolchainAdded {
            toolchain: wanted.kind,
            version: found.version,
            path: found.path,
            was_there: true,
            downloaded: 0,
        }),
        None => Err(ToolchainError::NotCarried {
            kind: wanted.kind,
            wanted: wanted.version.clone(),
            found: all().into_iter().map(|found| found.version).collect(),
        }
        .into()),
    }
}

/// Lets go of kept toolchains. The store keeps what it has.
///
/// # Errors
/// Where none that is kept is meant.
pub fn remove(session: &Session, wanted: &Wanted) -> Result<ToolchainRemoved, OpsError> {
    let directory = directory(session)?;
    let all = match wanted.kind {
        Kind::Gcc | Kind::Clang => c::found(session, wanted.kind),
        Kind::Node | Kind::Python | Kind::Rust => nodes(session, &directory),
    };
    let kept = all.into_iter().filter(|found| found.managed);
    let meant: Vec<Found> = kept.filter(|found| wanted.accepts(found)).collect();
    if meant.is_empty() {
        return Err(ToolchainError::NotKept(wanted.text()).into());
    }
    let mut removed = Vec::new();
    for found in meant {
        if matches!(wanted.kind, Kind::Gcc | Kind::Clang) {
            removed.push(c::remove(session, wanted.kind, &found)?);
            continue;
        }
        let place = toolchains::place(&directory, "node", &found.version);
        fs::remove_file(&place).map_err(OpsError::io("remove", &place))?;
        removed.push(format!("node@{}", found.version));
    }
    // Only empty ones go.
    let _ = fs::remove_dir(directory.join("node"));
    let _ = fs::remove_dir(&directory);
    Ok(ToolchainRemoved { removed })
}

fn directory(session: &Session) -> Result<PathBuf, OpsError> {
    let variables = &session.settings().environment;
    let found = toolchains::directory(|name| variables.get(name).map(Into::into));
    Ok(found.ok_or(ToolchainError::NoHome)?)
}

/// The Pythons that a request accepts, or all.
fn pythons(session: &Session, request: Option<&str>) -> Vec<Found> {
    let request = request.and_then(|text| text.parse().ok());
    let considered = Search::new(Surroundings::from_env())
        .request(request)
        .cache(Some(&session.settings().cache))
        .survey();
    let usable = considered
        .into_iter()
        .filter(|one| matches!(one.verdict, Verdict::Chosen | Verdict::Fits));
    usable
        .map(|one| Found {
            toolchain: Kind::Python,
            version: one.version.unwrap_or_default(),
            path: one.path,
            found_in: one.found_in,
            managed: false,
            default: one.verdict == Verdict::Chosen,
        })
        .collect()
}

fn nodes(session: &Session, directory: &Path) -> Vec<Found> {
    let considered = NodeSearch::new(NodeSurroundings::from_env())
        .cache(Some(&session.settings().cache))
        .survey();
    let usable = considered
        .into_iter()
        .filter(|one| matches!(one.verdict, NodeVerdict::Chosen | NodeVerdict::Fits));
    usable
        .map(|one| Found {
            toolchain: Kind::Node,
            version: one.version.unwrap_or_default(),
            managed: one.path.starts_with(directory),
            path: one.path,
            found_in: one.found_in,
            default: one.verdict == NodeVerdict::Chosen,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toolchains_as_people_ask_for_them() {
        for (text, kind, version) in [
            ("node", Kind::Node, None),
            ("node@22", Kind::Node, Some("22")),
            ("node@latest", Kind::Node, None),
            ("nodejs@>=20 <23", Kind::Node, Some(">=20 <23")),
            ("python@3.12", Kind::Python, Some("3.12")),
            ("python@>=3.11", Kind::Python, Some(">=3.11")),
            ("rust", Kind::Rust, None),
            ("rust@1.85", Kind::Rust, Some("1.85")),
            ("gcc", Kind::Gcc, None),
            ("gcc@13", Kind::Gcc, Some("13")),
            ("clang@16", Kind::Clang, Some("16")),
        ] {
            let wanted: Wanted = text.parse().unwrap();
            assert_eq!(
                (wanted.kind, wanted.version.as_deref()),
                (kind, version),
                "{text}"
            );
        }
        for (text, code) in [
            ("deno", "toolchain/unknown"),
            ("", "toolchain/unknown"),
            ("node@twenty-two", "toolchain/version"),
            ("python@/usr/bin/python3", "toolchain/version"),
            ("python@3.x.y", "toolchain/version"),
            ("rust@new", "toolchain/version"),
            ("gcc@13.2", "toolchain/version"),
        ] {
            assert_eq!(text.parse::<Wanted>().unwrap_err().code(), code, "{text}");
        }
    }

    #[test]
    fn what_is_found_is_what_was_asked_for() {
        let found = |toolchain, version: &str| Found {
            toolchain,
            version: version.to_owned(),
            path: "/p".into(),
            found_in: String::new(),
            managed: false,
            default: false,
        };
        for (wanted, kind, version, accepted) in [
            ("node@22", Kind::Node, "22.3.0", true),
            ("node@22", Kind::Node, "20.3.0", false),
            ("node", Kind::Rust, "1.80.0", false),
            ("rust", Kind::Rust, "1.80.0", true),
            ("rust@1.80", Kind::Rust, "1.80.1", true),
            ("rust@1.8", Kind::Rust, "1.80.1", false),
        ] {
            let wanted: Wanted = wanted.parse().unwrap();
            assert_eq!(
                wanted.accepts(&found(kind, version)),
                accepted,
                "{wanted:?} {version}"
            );
        }
    }
}
