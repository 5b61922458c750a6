//! Asks an interpreter about itself, once, and remembers the answer for as long as the executable stays the same.
//!
//! Invariant: a remembered answer is only used while path, inode, size, modification time and kernel are unchanged, so a
//! warm start runs no Python. Scripts that stand in for interpreters (shims) are never remembered: what they
//! run depends on more than their own file.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use wharf_core::PythonMinor;

use super::{Interpreter, Libc, Markers, Refusal, Scheme};

/// The program that interpreters are asked to run.
const SCRIPT: &str = include_str!("facts.py");
/// What its one line of output starts with; anything else is a start-up hook talking.
const MARKER: &str = "wharf-facts:";
/// An interpreter that says nothing for this long is taken for broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the script prints.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Facts {
    implementation: String,
    base_executable: PathBuf,
    prefix: PathBuf,
    base_prefix: PathBuf,
    scheme: Scheme,
    markers: Markers,
    platform: String,
    libc: Option<Libc>,
    pointer_bits: u8,
    gil_disabled: bool,
    debug: bool,
    extension_suffix: Option<String>,
    cache_tag: Option<String>,
    magic: String,
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
    kernel: String,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let data = fs::metadata(path).ok()?;
        let uname = rustix::system::uname();
        Some(Self {
            path: path.to_owned(),
            device: data.dev(),
            inode: data.ino(),
            size: data.size(),
            modified: (data.mtime(), data.mtime_nsec()),
            kernel: format!(
                "{} {}",
                uname.release().to_string_lossy(),
                uname.version().to_string_lossy()
            ),
        })
    }
}

/// Asks the interpreter at `path`, or takes a remembered answer from `cache`.
///
/// # Errors
/// The reason why it cannot be used: not there, not runnable, not Python 3, no sensible answer.
pub fn probe_cached(path: &Path, cache: Option<&Path>) -> Result<Interpreter, Refusal> {
    let Some(cache) = cache.filter(|_| !is_script(path)) else {
        return probe(path);
    };
    let stamp = Stamp::of(path).ok_or(Refusal::Missing)?;
    let mut key = blake3::Hasher::new();
    key.update(SCRIPT.as_bytes())
        .update(path.as_os_str().as_encoded_bytes());
    let file = cache
        .join("python")
        .join(format!("{}.json", &key.finalize().to_hex()[..32]));
    if let Some(known) = recall(&file).filter(|known| known.stamp == stamp) {
        return interpreter(path, known.facts);
    }
    let facts = ask(path)?;
    let remembered = Remembered { stamp, facts };
    if let Err(error) = remember(&file, &remembered) {
        tracing::debug!(path = %file.display(), %error, "cannot remember what this Python said");
    }
    interpreter(path, remembered.facts)
}

/// Asks the interpreter at `path`, without any cache.
///
/// # Errors
/// As [`probe_cached`].
pub fn probe(path: &Path) -> Result<Interpreter, Refusal> {
    interpreter(path, ask(path)?)
}

fn recall(file: &Path) -> Option<Remembered> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
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

/// Whether the file starts with `#!`: a shim or wrapper, not an executable of its own.
pub(super) fn is_script(path: &Path) -> bool {
    let mut start = [0; 2];
    fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut start))
        .is_ok()
        && &start == b"#!"
}

fn ask(path: &Path) -> Result<Facts, Refusal> {
    match fs::metadata(path) {
        Err(_) => return Err(Refusal::Missing),
        Ok(data) if !data.is_file() || data.mode() & 0o111 == 0 => return Err(Refusal::NotExecutable),
        Ok(_) => {}
    }
    let output = run(path, &["-I".as_ref(), "-c".as_ref(), SCRIPT.as_ref()])?;
    let line = output.stdout.lines().find_map(|line| line.strip_prefix(MARKER));
    match line {
        Some(json) => {
            serde_json::from_str(json).map_err(|error| Refusal::Broken(format!("odd answer: {error}")))
        }
        // Python 2 does not know -I.
        None if output.stderr.contains("Unknown option: -I") => Err(Refusal::NotPython3),
        None => Err(Refusal::Broken(last_line(&output))),
    }
}

/// What a finished program left.
struct Output {
    success: bool,
    stdout: String,
    stderr: String,
}

/// Runs a program with a time limit, without input and without the variables that bend Python.
fn run(path: &Path, arguments: &[&OsStr]) -> Result<Output, Refusal> {
    let broken = |error: std::io::Error| Refusal::Broken(error.to_string());
    let mut command = Command::new(path);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for name in [
        "PYTHONHOME",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "__PYVENV_LAUNCHER__",
        "PYTHONSAFEPATH",
    ] {
        command.env_remove(name);
    }
    let mut child = command.spawn().map_err(broken)?;
    let stdout = child.stdout.take().map(reader);
    let stderr = child.stderr.take().map(reader);
    let started = Instant::now();
    let mut pause = Duration::from_micros(500);
    let status = loop {
        match child.try_wait().map_err(broken)? {
            Some(status) => break status,
            None if started.elapsed() > PATIENCE => {
                // A failure to kill means that it just ended.
                let _ = child.kill();
                let _ = child.wait();
                return Err(Refusal::Broken(format!(
                    "it gave no answer within {} s",
                    PATIENCE.as_secs()
                )));
            }
            None => std::thread::sleep(pause),
        }
        pause = (pause * 2).min(Duration::from_millis(5));
    };
    let text = |reader: Option<std::thread::JoinHandle<String>>| {
        reader.and_then(|it| it.join().ok()).unwrap_or_default()
    };
    Ok(Output {
        success: status.success(),
        stdout: text(stdout),
        stderr: text(stderr),
    })
}

fn reader(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // Half an answer is judged by whoever reads it.
        let _ = pipe.by_ref().take(1 << 20).read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn last_line(output: &Output) -> String {
    let said = output
        .stderr
        .lines()
        .chain(output.stdout.lines())
        .rfind(|line| !line.trim().is_empty());
    match said {
        Some(line) => format!("it says `{}`", line.trim().chars().take(200).collect::<String>()),
        None if output.success => "it printed nothing".to_owned(),
        None => "it failed without a word".to_owned(),
    }
}

fn interpreter(path: &Path, facts: Facts) -> Result<Interpreter, Refusal> {
    let minor = minor(&facts.markers.python_version)
        .ok_or_else(|| Refusal::Broken(format!("odd version `{}`", facts.markers.python_version)))?;
    if minor.major < 3 {
        return Err(Refusal::NotPython3);
    }
    for directory in [
        &facts.scheme.purelib,
        &facts.scheme.platlib,
        &facts.scheme.scripts,
    ] {
        if directory.starts_with('/') || directory.split('/').any(|part| part == "..") {
            return Err(Refusal::Broken(format!(
                "its environments would reach outside themselves: `{directory}`"
            )));
        }
    }
    Ok(Interpreter {
        path: path.to_owned(),
        base_executable: facts.base_executable,
        implementation: facts.implementation,
        version: facts.markers.python_full_version.clone(),
        minor,
        prefix: facts.prefix,
        base_prefix: facts.base_prefix,
        scheme: facts.scheme,
        markers: facts.markers,
        platform: facts.platform,
        libc: facts.libc,
        pointer_bits: facts.pointer_bits,
        gil_disabled: facts.gil_disabled,
        debug: facts.debug,
        extension_suffix: facts.extension_suffix,
        cache_tag: facts.cache_tag,
        magic: facts.magic,
    })
}

fn minor(text: &str) -> Option<PythonMinor> {
    let (major, minor) = text.split_once('.')?;
    Some(PythonMinor {
        major: major.parse().ok()?,
        minor: minor.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn script(directory: &Path, body: &str) -> PathBuf {
        let path = directory.join("python3");
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn what_is_no_python_says_why() {
        let directory = tempfile::tempdir().unwrap();
        let check = |body: &str, expected: &str| {
            let refusal = probe(&script(directory.path(), body)).unwrap_err();
            assert!(refusal.to_string().contains(expected), "{body}: {refusal}");
        };
        check(
            "echo 'pyenv: version `9.9` is not installed' >&2; exit 1",
            "version `9.9` is not installed",
        );
        check("exit 0", "printed nothing");
        check("exit 3", "without a word");
        check("echo 'Unknown option: -I' >&2; exit 2", "Python 2");
        check("echo 'wharf-facts:{'", "odd answer");
        let missing = probe(&directory.path().join("nowhere")).unwrap_err();
        assert_eq!(missing, Refusal::Missing);
        let plain = directory.path().join("plain");
        fs::write(&plain, "x").unwrap();
        assert_eq!(probe(&plain).unwrap_err(), Refusal::NotExecutable);
    }
}
