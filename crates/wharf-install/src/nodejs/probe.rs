//! What a Node says of itself.
//!
//! Invariant: stand-ins of version managers are never remembered: what they run depends on more than their own file.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wharf_ecosystem::npm::Version;

use super::{NodeBinary, NodeRefusal};
use crate::probe::{Program, Question, Silence};

const QUESTION: Question = Question {
    kind: "node",
    options: &["-e"],
    script: "process.stdout.write('\\nwharf-facts:' + JSON.stringify({version: process.versions.node, \
         modules: process.versions.modules, platform: process.platform, arch: process.arch, executable: process.execPath}) + '\\n')",
    // They preload modules, or wait for debuggers.
    without: &["NODE_OPTIONS", "NODE_PATH"],
};

/// What the script prints.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Facts {
    version: String,
    modules: String,
    platform: String,
    arch: String,
    executable: PathBuf,
}

/// Asks the Node at `path`, or takes a remembered answer from `cache`.
///
/// # Errors
/// The reason why it cannot be used: not there, not runnable, no sensible answer.
pub fn probe_cached(path: &Path, cache: Option<&Path>) -> Result<NodeBinary, NodeRefusal> {
    let Some(cache) = cache else { return probe(path) };
    // A stand-in answers for another executable.
    let itself = |facts: &Facts| fs::canonicalize(path).is_ok_and(|real| real == facts.executable);
    binary(path, QUESTION.ask_cached(Program::of(path), cache, itself)?)
}

/// Asks the Node at `path`, without any cache.
///
/// # Errors
/// As [`probe_cached`].
pub fn probe(path: &Path) -> Result<NodeBinary, NodeRefusal> {
    binary(path, QUESTION.ask(Program::of(path))?)
}

impl From<Silence> for NodeRefusal {
    fn from(silence: Silence) -> Self {
        match silence {
            Silence::Missing => Self::Missing,
            Silence::NotExecutable => Self::NotExecutable,
            Silence::Broken(words) | Silence::Said { words, .. } => Self::Broken(words),
        }
    }
}

fn binary(path: &Path, facts: Facts) -> Result<NodeBinary, NodeRefusal> {
    let version = Version::parse(&facts.version)
        .map_err(|_| NodeRefusal::Broken(format!("odd version `{}`", facts.version)))?;
    Ok(NodeBinary {
        path: path.to_owned(),
        executable: facts.executable,
        version,
        modules: facts.modules,
        platform: facts.platform,
        arch: facts.arch,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn script(directory: &Path, body: &str) -> PathBuf {
        let path = directory.join("node");
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn answers_are_remembered_unless_a_stand_in_gave_them() {
        let directory = tempfile::tempdir().unwrap();
        let cache = directory.path().join("cache");
        let count = directory.path().join("count");
        let answer = |executable: &Path| {
            format!(
                "echo x >> {}; echo 'wharf-facts:{{\"version\":\"22.1.0\",\"modules\":\"127\",\"platform\":\"linux\",\"arch\":\"x64\",\"executable\":\"{}\"}}'",
                count.display(),
                executable.display()
            )
        };
        let asked = || fs::read_to_string(&count).unwrap().lines().count();
        let real = fs::canonicalize(directory.path()).unwrap();
        let node = script(&real, &answer(&real.join("node")));
        for _ in 0..2 {
            let found = probe_cached(&node, Some(&cache)).unwrap();
            assert_eq!(
                (found.version.as_str(), found.modules.as_str()),
                ("22.1.0", "127")
            );
        }
        assert_eq!(asked(), 1);
        let node = script(&real, &answer(&real.join("elsewhere/node")));
        for _ in 0..2 {
            probe_cached(&node, Some(&cache)).unwrap();
        }
        assert_eq!(
            asked(),
            3,
            "a changed file is asked again, and a stand-in every time"
        );
    }
}
