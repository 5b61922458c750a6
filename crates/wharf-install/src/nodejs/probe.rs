//! What a Node says of itself.
//!
//! Invariant: stand-ins of version managers are never remembered: what they run depends on more than their own file.
//!
//! A Node that runs a script starts its engine, which takes 110 ms of CPU where `--version` takes 10 (Node 20, loaded machine): so
//! a file that can be nothing but Node is asked for its version alone, and the rest is read off the file.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};
use wharf_ecosystem::npm::Version;

use super::{NodeBinary, NodeRefusal};
use crate::probe::{Program, Question, Silence};

const QUESTION: Question = Question {
    kind: "node",
    options: &["-e"],
    script: "process.stdout.write('\\nwharf-facts:' + JSON.stringify({version: process.versions.node, \
         platform: process.platform, arch: process.arch, executable: process.execPath}) + '\\n')",
    // They preload modules, or wait for debuggers.
    without: &["NODE_OPTIONS", "NODE_PATH"],
};

/// An executable of this size holds an engine. What merely starts a Node is a script, or a few megabytes.
const LEAST: u64 = 24 << 20;

/// What the script prints.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Facts {
    version: String,
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
    let facts = QUESTION.ask_cached_unless(Program::of(path), cache, itself, || of_itself(path))?;
    binary(path, facts)
}

/// Whether `cache` may have an answer that is remembered.
pub fn remembers(cache: &Path) -> bool {
    cache.join(QUESTION.kind).is_dir()
}

/// Asks the Node at `path`, without any cache.
///
/// # Errors
/// As [`probe_cached`].
pub fn probe(path: &Path) -> Result<NodeBinary, NodeRefusal> {
    match of_itself(path) {
        Some(facts) => binary(path, facts),
        None => binary(path, QUESTION.ask(Program::of(path))?),
    }
}

/// What is known of a Node without starting its engine; `None` where the file may be a stand-in, or is made for another machine.
fn of_itself(path: &Path) -> Option<Facts> {
    let executable = fs::canonicalize(path).ok()?;
    let is_named = executable.file_name()? == "node" || executable.file_name()? == "nodejs";
    let mut file = File::open(&executable).ok()?;
    if !cfg!(target_os = "linux") || !is_named || file.metadata().ok()?.len() < LEAST {
        return None;
    }
    let mut head = [0; 20];
    file.read_exact(&mut head).ok()?;
    let arch = arch_of(&head)?;
    let mut command = Command::new(path);
    command
        .arg("--version")
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    for name in QUESTION.without {
        command.env_remove(name);
    }
    let output = command.output().ok().filter(|output| output.status.success())?;
    let version = std::str::from_utf8(&output.stdout)
        .ok()?
        .trim()
        .strip_prefix('v')?;
    Version::parse(version).ok()?;
    Some(Facts {
        version: version.to_owned(),
        platform: "linux".to_owned(),
        arch: arch.to_owned(),
        executable,
    })
}

/// Node's word for the processor that an executable is made for, by the first bytes of an ELF file, where that is this one.
fn arch_of(head: &[u8; 20]) -> Option<&'static str> {
    let (machine, word) = match std::env::consts::ARCH {
        "x86_64" => (62, "x64"),
        "aarch64" => (183, "arm64"),
        _ => return None,
    };
    (head.starts_with(b"\x7fELF") && head[18..] == u16::to_le_bytes(machine)).then_some(word)
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
    fn only_a_program_for_this_machine_can_be_node_itself() {
        let own = File::open("/proc/self/exe");
        let mut head = [0; 20];
        own.and_then(|mut file| file.read_exact(&mut head)).unwrap();
        assert!(matches!(arch_of(&head), Some("x64" | "arm64")));
        let other = [&head[..18], &[8, 0]].concat();
        assert_eq!(arch_of(&other.try_into().unwrap()), None);
        assert_eq!(arch_of(b"#!/bin/sh exec node "), None);
        let directory = tempfile::tempdir().unwrap();
        // A stand-in is asked by a script, whatever it says to `--version`.
        assert!(of_itself(&script(directory.path(), "echo v22.1.0")).is_none());
    }

    #[test]
    fn a_node_of_this_machine_says_the_same_either_way() {
        let node = Path::new("/usr/bin/node");
        let (Some(quick), Ok(whole)) = (of_itself(node), QUESTION.ask::<Facts>(Program::of(node))) else {
            return;
        };
        assert_eq!(format!("{quick:?}"), format!("{whole:?}"));
    }

    #[test]
    fn answers_are_remembered_unless_a_stand_in_gave_them() {
        let directory = tempfile::tempdir().unwrap();
        let cache = directory.path().join("cache");
        let count = directory.path().join("count");
        let answer = |executable: &Path| {
            format!(
                "echo x >> {}; echo 'wharf-facts:{{\"version\":\"22.1.0\",\"platform\":\"linux\",\"arch\":\"x64\",\"executable\":\"{}\"}}'",
                count.display(),
                executable.display()
            )
        };
        let asked = || fs::read_to_string(&count).unwrap().lines().count();
        let real = fs::canonicalize(directory.path()).unwrap();
        let node = script(&real, &answer(&real.join("node")));
        assert!(!remembers(&cache));
        for _ in 0..2 {
            let found = probe_cached(&node, Some(&cache)).unwrap();
            assert!(remembers(&cache));
            assert_eq!((found.version.as_str(), found.arch.as_str()), ("22.1.0", "x64"));
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
