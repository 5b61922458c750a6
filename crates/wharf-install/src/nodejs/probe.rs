//! Asks a Node about itself, once, and remembers the answer for as long as the executable stays the same.
//!
//! Invariant: a remembered answer is only used while path, inode, size and modification time are unchanged. Stand-ins of
//! version managers are never remembered: what they run depends on more than their own file.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wharf_ecosystem::npm::Version;

use super::{NodeBinary, NodeRefusal};

/// The program that a Node is asked to run.
const SCRIPT: &str = "process.stdout.write('\\nwharf-facts:' + JSON.stringify({version: process.versions.node, \
     modules: process.versions.modules, platform: process.platform, arch: process.arch, executable: process.execPath}) + '\\n')";
/// What its one line of output starts with; anything else is a start-up hook talking.
const MARKER: &str = "wharf-facts:";
/// A Node that says nothing for this long is taken for broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the script prints.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Facts {
    version: String,
    modules: String,
    platform: String,
    arch: String,
    executable: PathBuf,
}

/// An answer on disk, with what it depends on.
#[derive(Serialize, Deserialize)]
struct Remembered {
    stamp: Stamp,
    facts: Facts,
}

/// What must be unchanged for an answer to hold.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    path: PathBuf,
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let data = fs::metadata(path).ok()?;
        Some(Self {
            path: path.to_owned(),
            device: data.dev(),
            inode: data.ino(),
            size: data.size(),
            modified: (data.mtime(), data.mtime_nsec()),
        })
    }
}

/// Asks the Node at `path`, or takes a remembered answer from `cache`.
///
/// # Errors
/// The reason why it cannot be used: not there, not runnable, no sensible answer.
pub fn probe_cached(path: &Path, cache: Option<&Path>) -> Result<NodeBinary, NodeRefusal> {
    let Some(cache) = cache else { return probe(path) };
    let stamp = Stamp::of(path).ok_or(NodeRefusal::Missing)?;
    let mut key = blake3::Hasher::new();
    key.update(SCRIPT.as_bytes())
        .update(path.as_os_str().as_encoded_bytes());
    let name = format!("{}.json", &key.finalize().to_hex()[..32]);
    let file = cache.join("node").join(name);
    let known = fs::read(&file).ok();
    let known: Option<Remembered> = known.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    if let Some(known) = known.filter(|known| known.stamp == stamp) {
        return binary(path, known.facts);
    }
    let facts = ask(path)?;
    // A stand-in answers for another executable.
    let itself = fs::canonicalize(path).is_ok_and(|real| real == facts.executable);
    let remembered = Remembered { stamp, facts };
    if itself && let Err(error) = remember(&file, &remembered) {
        tracing::debug!(path = %file.display(), %error, "cannot remember what this Node said");
    }
    binary(path, remembered.facts)
}

/// Asks the Node at `path`, without any cache.
///
/// # Errors
/// As [`probe_cached`].
pub fn probe(path: &Path) -> Result<NodeBinary, NodeRefusal> {
    binary(path, ask(path)?)
}

fn remember(file: &Path, remembered: &Remembered) -> std::io::Result<()> {
    let parent = file.parent().expect("a file in the cache has a directory");
    fs::create_dir_all(parent)?;
    let temporary = tempfile::NamedTempFile::new_in(parent)?;
    serde_json::to_writer(&temporary, remembered)?;
    // No fsync: an answer lost to a power cut is asked for again, and half of one does not parse.
    temporary.persist(file)?;
    Ok(())
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

fn ask(path: &Path) -> Result<Facts, NodeRefusal> {
    match fs::metadata(path) {
        Err(_) => return Err(NodeRefusal::Missing),
        Ok(data) if !data.is_file() || data.mode() & 0o111 == 0 => return Err(NodeRefusal::NotExecutable),
        Ok(_) => {}
    }
    let broken = |error: std::io::Error| NodeRefusal::Broken(error.to_string());
    let child = Command::new(path)
        .args(["-e", SCRIPT])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // They bend what runs: preloaded modules, debuggers that wait.
        .env_remove("NODE_OPTIONS")
        .env_remove("NODE_PATH")
        .spawn()
        .map_err(broken)?;
    let number = child.id();
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || send.send(child.wait_with_output()));
    let Ok(output) = receive.recv_timeout(PATIENCE) else {
        stop(number);
        let seconds = PATIENCE.as_secs();
        return Err(NodeRefusal::Broken(format!(
            "it gave no answer within {seconds} s"
        )));
    };
    let output = output.map_err(broken)?;
    let said = String::from_utf8_lossy(&output.stdout);
    match said.lines().find_map(|line| line.strip_prefix(MARKER)) {
        Some(json) => {
            serde_json::from_str(json).map_err(|error| NodeRefusal::Broken(format!("odd answer: {error}")))
        }
        None => {
            let errors = String::from_utf8_lossy(&output.stderr);
            let line = errors.lines().rfind(|line| !line.trim().is_empty());
            Err(NodeRefusal::Broken(match line {
                Some(line) => format!("it says `{}`", line.trim().chars().take(200).collect::<String>()),
                None if output.status.success() => "it printed nothing".to_owned(),
                None => "it failed without a word".to_owned(),
            }))
        }
    }
}

/// Ends a process that does not answer. Failing to means that it just ended.
fn stop(number: u32) {
    let process = i32::try_from(number)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    if let Some(process) = process {
        let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
    }
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
    fn what_is_no_node_says_why() {
        let directory = tempfile::tempdir().unwrap();
        let check = |body: &str, expected: &str| {
            let refusal = probe(&script(directory.path(), body)).unwrap_err();
            assert!(refusal.to_string().contains(expected), "{body}: {refusal}");
        };
        check("echo 'no version is set' >&2; exit 1", "no version is set");
        check("exit 0", "printed nothing");
        check("exit 3", "without a word");
        check("echo 'wharf-facts:{'", "odd answer");
        assert_eq!(
            probe(&directory.path().join("nowhere")).unwrap_err(),
            NodeRefusal::Missing
        );
        let plain = directory.path().join("plain");
        fs::write(&plain, "x").unwrap();
        assert_eq!(probe(&plain).unwrap_err(), NodeRefusal::NotExecutable);
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
