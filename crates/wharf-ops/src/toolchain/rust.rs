//! The Rust compilers of this machine: PATH, and the folder of rustup.
//!
//! Invariant: what rustup puts on PATH is a stand-in; the compiler that it starts is listed, once.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::session::Session;
use crate::tool::folders_in;
use crate::toolchain::{Found, Kind};

/// What is wrong with a version of Rust as it was asked for.
pub(super) fn trouble(text: &str) -> Option<String> {
    let numbers: Vec<_> = text.split('.').map(str::parse::<u32>).collect();
    let is_version = (1..=3).contains(&numbers.len()) && numbers.iter().all(Result::is_ok);
    (!is_version).then(|| "it is not one to three numbers with points between them".to_owned())
}

/// Whether a version begins with the numbers that were asked for.
pub(super) fn is_of(version: &str, asked: &str) -> bool {
    let mut have = version.split(['.', '-']);
    asked.split('.').all(|number| have.next() == Some(number))
}

/// Every compiler; the first is the one that builds.
pub(super) fn found(session: &Session) -> Vec<Found> {
    let variables = &session.settings().environment;
    let folder = |name: &str| {
        variables
            .get(name)
            .filter(|text| !text.is_empty())
            .map(PathBuf::from)
    };
    let home = folder("HOME");
    let rustup = folder("RUSTUP_HOME").or_else(|| home.as_ref().map(|home| home.join(".rustup")));
    let path = variables.get("PATH").map(std::env::split_paths);
    let on_path = path
        .into_iter()
        .flatten()
        .map(|folder| ("PATH", folder.join("rustc")));
    let own = home.iter().map(|home| ("PATH", home.join(".cargo/bin/rustc")));
    let kept = rustup.iter().flat_map(|rustup| {
        let mut toolchains = folders_in(&rustup.join("toolchains"));
        toolchains.sort();
        toolchains
            .into_iter()
            .rev()
            .map(|folder| ("rustup", folder.join("bin/rustc")))
    });
    let mut seen = BTreeSet::new();
    let mut found: Vec<Found> = Vec::new();
    for (place, file) in on_path.chain(own).chain(kept).filter(|(_, file)| file.is_file()) {
        let Some((path, version)) = ask(&file) else {
            continue;
        };
        if seen.insert(fs::canonicalize(&path).unwrap_or_else(|_| path.clone())) {
            found.push(Found {
                toolchain: Kind::Rust,
                version,
                path,
                found_in: place.to_owned(),
                managed: false,
                default: found.is_empty(),
            });
        }
    }
    found
}

/// The compiler behind a file, and its version.
fn ask(file: &Path) -> Option<(PathBuf, String)> {
    let output = |argument: &[&str]| {
        // From the root, so that no project's file chooses another compiler than the user's own.
        let asked = Command::new(file)
            .args(argument)
            .current_dir("/")
            .stdin(Stdio::null())
            .output();
        let answered = asked.ok().filter(|output| output.status.success())?;
        String::from_utf8(answered.stdout).ok()
    };
    let sysroot = PathBuf::from(output(&["--print", "sysroot"])?.trim());
    let version = output(&["-V"])?;
    let real = sysroot.join("bin/rustc");
    let path = if real.is_file() { real } else { file.to_owned() };
    Some((path, version.split_whitespace().nth(1)?.to_owned()))
}
