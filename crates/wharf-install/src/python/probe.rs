//! What a Python says of itself.
//!
//! Invariant: scripts that stand in for interpreters (shims) are never remembered: what they run depends on more than their
//! own file.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wharf_core::PythonMinor;

use super::{Interpreter, Libc, Markers, Refusal, Scheme};
use crate::probe::{Program, Question, Silence};

const QUESTION: Question = Question {
    kind: "python",
    options: &["-I", "-c"],
    script: include_str!("facts.py"),
    without: &[
        "PYTHONHOME",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "__PYVENV_LAUNCHER__",
        "PYTHONSAFEPATH",
    ],
};

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

/// Asks the interpreter at `path`, or takes a remembered answer from `cache`.
///
/// # Errors
/// The reason why it cannot be used: not there, not runnable, not Python 3, no sensible answer.
pub fn probe_cached(path: &Path, cache: Option<&Path>) -> Result<Interpreter, Refusal> {
    let Some(cache) = cache.filter(|_| !is_script(path)) else {
        return probe(path);
    };
    interpreter(
        path,
        QUESTION.ask_cached(Program::of(path), cache, |_: &Facts| true)?,
    )
}

/// Asks the interpreter at `path`, without any cache.
///
/// # Errors
/// As [`probe_cached`].
pub fn probe(path: &Path) -> Result<Interpreter, Refusal> {
    interpreter(path, QUESTION.ask(Program::of(path))?)
}

/// Asks the interpreter at `path` inside a system root, or takes a remembered answer from `cache`.
///
/// # Errors
/// As [`probe_cached`]; also where this machine gives no view of the root.
pub fn probe_inside(root: &Path, path: &Path, cache: Option<&Path>) -> Result<Interpreter, Refusal> {
    let program = Program::inside(root, path);
    let facts = match cache {
        Some(cache) => QUESTION.ask_cached(program, cache, |_: &Facts| true)?,
        None => QUESTION.ask(program)?,
    };
    Ok(Interpreter {
        root: Some(root.to_owned()),
        ..interpreter(path, facts)?
    })
}

impl From<Silence> for Refusal {
    fn from(silence: Silence) -> Self {
        match silence {
            Silence::Missing => Self::Missing,
            Silence::NotExecutable => Self::NotExecutable,
            // Python 2 does not know -I.
            Silence::Said { errors, .. } if errors.contains("Unknown option: -I") => Self::NotPython3,
            Silence::Broken(words) | Silence::Said { words, .. } => Self::Broken(words),
        }
    }
}

/// Whether the file starts with `#!`: a shim or wrapper, not an executable of its own.
pub(super) fn is_script(path: &Path) -> bool {
    let mut start = [0; 2];
    fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut start))
        .is_ok()
        && &start == b"#!"
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
        root: None,
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
    fn python_2_is_told_by_what_it_does_not_know() {
        let directory = tempfile::tempdir().unwrap();
        let old = script(
            directory.path(),
            "echo 'Unknown option: -I' >&2; echo usage >&2; exit 2",
        );
        assert_eq!(probe(&old).unwrap_err(), Refusal::NotPython3);
        let broken = script(directory.path(), "echo 'no such version' >&2; exit 2");
        assert_eq!(
            probe(&broken).unwrap_err(),
            Refusal::Broken("it says `no such version`".to_owned())
        );
        assert_eq!(
            probe(&directory.path().join("nowhere")).unwrap_err(),
            Refusal::Missing
        );
    }
}
