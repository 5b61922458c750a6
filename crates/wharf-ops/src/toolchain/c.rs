//! C compilers: those on PATH, and those that Debian packages bring for one user.
//!
//! A kept one is a project that Wharf writes, as a tool is: its `[deb]` names the compiler and what it needs to build programs. Beside it
//! lies a copy of its programs that names their own loader and libraries, so that it runs on any machine and in the sandbox of
//! builds, without a view:
//!
//! ```text
//! <toolchains>/gcc/<version that was asked for, or default>/
//!     wharf.toml, wharf.lock, .wharf     the project
//!     programs/                          its programs, patched
//!     bin/                               `cc`, `gcc`, `ld` and what else there is: what comes last on the PATH of builds
//! ```
//! Invariant: `bin` is there only when all of it is, so that nothing finds one half of a compiler.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use wharf_install::{Environment, InstalledDeb, patched, toolchains};
use wharf_store::durable;

use super::{Found, Kind, ToolchainAdded, ToolchainError, Wanted, directory};
use crate::error::OpsError;
use crate::npm::scripts::quoted;
use crate::session::Session;
use crate::sync::{self, SyncRequest};
use crate::tool::{folders_in, name_suite};
use crate::write;

/// What a compiler is called that nobody asked for by its version.
const DEFAULT: &str = "default";
const PROGRAMS: &str = "programs";
const BIN: &str = "bin";

/// What is wrong with a version of a compiler as it was asked for.
pub(super) fn trouble(text: &str) -> Option<String> {
    let is_version = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (!is_version).then(|| "it is not the number of a release line, such as 13".to_owned())
}

/// Whether a version belongs to the line that was asked for.
pub(super) fn is_of(version: &str, asked: &str) -> bool {
    version.split('.').next() == Some(asked)
}

/// Every compiler of a kind: on PATH, then kept ones.
pub(super) fn found(session: &Session, kind: Kind) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let path = session.settings().environment.get("PATH");
    let folders = path.into_iter().flat_map(std::env::split_paths);
    let on_path = folders
        .map(|folder| folder.join(program(kind)))
        .find(|file| file.is_file());
    if let Some((path, version)) = on_path.and_then(|path| Some((path.clone(), ask(&path)?))) {
        found.push(Found {
            toolchain: kind,
            version,
            path,
            found_in: "PATH".to_owned(),
            managed: false,
            default: true,
        });
    }
    for (folder, version) in kept(session, kind) {
        found.push(Found {
            toolchain: kind,
            version,
            path: folder.join(BIN).join(program(kind)),
            found_in: "toolchains".to_owned(),
            managed: true,
            default: found.is_empty(),
        });
    }
    found
}

/// Takes a compiler from Debian's packages.
pub(super) async fn add(session: &Session, wanted: &Wanted) -> Result<ToolchainAdded, OpsError> {
    let line = wanted.version.as_deref();
    let place = toolchains::place(&directory(session)?, word(wanted.kind), line.unwrap_or(DEFAULT));
    let is_first = !place.is_dir();
    let made = make(session, wanted.kind, line, &place).await;
    if made.is_err() && is_first {
        // Nothing that could be used: what was begun goes.
        let _ = durable::remove_tree(&place);
    }
    let (version, was_there) = made?;
    Ok(ToolchainAdded {
        toolchain: wanted.kind,
        version,
        path: place.join(BIN).join(program(wanted.kind)),
        was_there,
        downloaded: session.downloaded(),
    })
}

/// The compiler's version, and whether it stood there before.
async fn make(
    session: &Session,
    kind: Kind,
    line: Option<&str>,
    place: &Path,
) -> Result<(String, bool), OpsError> {
    fs::create_dir_all(place).map_err(OpsError::io("make", place))?;
    let manifest = place.join("wharf.toml");
    if !manifest.exists() {
        write::file(&manifest, &manifest_text(kind, line))?;
        name_suite(session, place)?;
    }
    let own = session.at(place);
    let synced = sync::sync(&own, &SyncRequest::default()).await;
    own.flush().await;
    let synced = synced?;
    let was_there = synced.up_to_date && place.join(BIN).is_dir();
    let environment = Environment::locate(place);
    let standing = environment.system().zip(version_of(&environment, kind, line)?);
    let (root, version) = standing.ok_or_else(|| ToolchainError::NotKept(kind.to_string()))?;
    if !was_there {
        let (from, place, line) = (root.clone(), place.to_owned(), line.map(str::to_owned));
        wharf_sys::run_blocking(move || expose(kind, line.as_deref(), &from, &place)).await?;
    }
    Ok((version, was_there))
}

/// The programs of a root as they run anywhere, and the commands that builds look for.
fn expose(kind: Kind, line: Option<&str>, root: &Path, place: &Path) -> Result<(), OpsError> {
    let (programs, bin) = (place.join(PROGRAMS), place.join(BIN));
    for old in [&bin, &programs] {
        if old.exists() {
            durable::remove_tree(old)?;
        }
    }
    patched::make(root, &programs)?;
    let draft = place.join(format!(".{BIN}"));
    if draft.exists() {
        durable::remove_tree(&draft)?;
    }
    fs::create_dir_all(&draft).map_err(OpsError::io("make", &draft))?;
    let standing = programs.join("usr/bin");
    for (name, target) in commands(kind, line) {
        let Some(program) = resolved(root, &target).map(|name| standing.join(name)) else {
            continue;
        };
        let (script, at) = (script(&program, mode(&target), root, &standing), draft.join(name));
        fs::write(&at, script)
            .and_then(|()| fs::set_permissions(&at, fs::Permissions::from_mode(0o755)))
            .map_err(OpsError::io("write", &at))?;
    }
    for name in TOOLS {
        if let Some(target) = resolved(root, name) {
            let at = draft.join(name);
            symlink(standing.join(target), &at).map_err(OpsError::io("write", at))?;
        }
    }
    fs::rename(&draft, &bin).map_err(OpsError::io("write", bin))
}

/// What builds use beside the compiler.
const TOOLS: [&str; 12] = [
    "ar", "as", "ld", "nm", "objcopy", "objdump", "ranlib", "readelf", "size", "strings", "strip", "make",
];

/// The commands of a compiler, and the program of Debian's behind each.
fn commands(kind: Kind, line: Option<&str>) -> Vec<(&'static str, String)> {
    let (c, cpp) = match kind {
        Kind::Clang => ("clang", "clang++"),
        Kind::Gcc | Kind::Python | Kind::Node | Kind::Rust => ("gcc", "g++"),
    };
    let suffix = line.map_or_else(String::new, |line| format!("-{line}"));
    [("cc", c), (c, c), ("c++", cpp), (cpp, cpp)]
        .into_iter()
        .map(|(name, program)| (name, format!("{program}{suffix}")))
        .collect()
}

/// The name in the root's programs that a program's links end at: `gcc` is `gcc-12`, and that one of the machine's own triplet. Links
/// out of the folder (Debian's alternatives) are followed within the root.
fn resolved(root: &Path, name: &str) -> Option<String> {
    let mut path = Path::new("/usr/bin").join(name);
    // As many as the kernel follows.
    for _ in 0..40 {
        let inner = root.join(path.strip_prefix("/").ok()?);
        match fs::read_link(&inner) {
            Ok(target) => path = normal(&path.parent()?.join(target)),
            Err(_) if inner.is_file() => return path.file_name()?.to_str().map(str::to_owned),
            Err(_) => return None,
        }
    }
    None
}

/// A path with its `..` worked out; `/bin` is `/usr/bin`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::from("/");
    for part in path.components() {
        match part {
            std::path::Component::Normal(part) => normal.push(part),
            std::path::Component::ParentDir => drop(normal.pop()),
            _ => {}
        }
    }
    match normal.strip_prefix("/bin") {
        Ok(rest) => Path::new("/usr/bin").join(rest),
        Err(_) => normal,
    }
}

/// Clang is one program for all languages, which goes by its name; behind its links that name is lost.
fn mode(program: &str) -> &'static str {
    match program.starts_with("clang++") {
        true => " --driver-mode=g++",
        false => "",
    }
}

/// A compiler that takes headers and libraries from its root, and its assembler and linker from beside itself.
fn script(program: &Path, mode: &str, root: &Path, beside: &Path) -> String {
    let word = |path: &Path| quoted(path.as_os_str()).to_string_lossy().into_owned();
    format!(
        "#!/bin/sh\nPATH={}:\"$PATH\" exec {}{mode} --sysroot={} -B{} \"$@\"\n",
        word(beside),
        word(program),
        word(root),
        word(beside)
    )
}

fn manifest_text(kind: Kind, line: Option<&str>) -> String {
    let suffix = line.map_or_else(String::new, |line| format!("-{line}"));
    let packages = match kind {
        Kind::Clang => vec![format!("clang{suffix}"), "g++".to_owned()],
        Kind::Gcc | Kind::Python | Kind::Node | Kind::Rust => {
            vec![format!("gcc{suffix}"), format!("g++{suffix}")]
        }
    };
    let more = ["binutils", "libc6-dev", "make"].map(str::to_owned);
    let packages: Vec<String> = packages
        .into_iter()
        .chain(more)
        .map(|name| format!("{name:?}"))
        .collect();
    format!(
        "# Written by `wharf toolchain`.\n[project]\nname = \"{}\"\n\n[deb]\nrecommends = false\npackages = [{}]\n",
        word(kind),
        packages.join(", ")
    )
}

/// Lets go of one that is kept.
pub(super) fn remove(session: &Session, kind: Kind, found: &Found) -> Result<String, OpsError> {
    let place = found
        .path
        .ancestors()
        .nth(2)
        .expect("a compiler lies in the `bin` of its folder");
    durable::remove_tree(place)?;
    // Only an empty one goes.
    let _ = fs::remove_dir(directory(session)?.join(word(kind)));
    Ok(format!("{}@{}", word(kind), found.version))
}

/// The folders of kept compilers, with their versions; newest first.
fn kept(session: &Session, kind: Kind) -> Vec<(PathBuf, String)> {
    let Ok(directory) = directory(session) else {
        return Vec::new();
    };
    let whole = folders_in(&directory.join(word(kind))).into_iter();
    let whole = whole.filter(|folder| folder.join(BIN).is_dir());
    let mut kept: Vec<(PathBuf, String)> = whole
        .filter_map(|folder| {
            let line = folder
                .file_name()?
                .to_str()
                .filter(|name| *name != DEFAULT)
                .map(str::to_owned);
            let version = version_of(&Environment::locate(&folder), kind, line.as_deref()).ok()??;
            Some((folder, version))
        })
        .collect();
    let number = |version: &str| {
        version
            .split('.')
            .next()
            .and_then(|text| text.parse::<u32>().ok())
    };
    kept.sort_by_key(|(_, version)| std::cmp::Reverse(number(version)));
    kept
}

/// The upstream version of the compiler in an environment: that of the package of its line, which the plain name only points to.
fn version_of(environment: &Environment, kind: Kind, line: Option<&str>) -> Result<Option<String>, OpsError> {
    let generation = environment.current()?;
    let packages = generation.and_then(|generation| generation.system);
    let packages = packages.map_or_else(Vec::new, |part| part.packages);
    let prefix = format!("{}-", word(kind));
    let is_line = |name: &str| {
        let number = name.strip_prefix(&prefix);
        number.is_some_and(|number| line.map_or_else(|| trouble(number).is_none(), |line| line == number))
    };
    let package = packages
        .iter()
        .find(|package: &&InstalledDeb| is_line(package.name.as_str()));
    let plain = || {
        packages
            .iter()
            .find(|package| package.name.as_str() == word(kind))
    };
    Ok(package.or_else(plain).map(|package| upstream(&package.version)))
}

/// `12.2.0` of `4:12.2.0-14+deb12u1`.
fn upstream(version: &str) -> String {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    let upstream = version.rsplit_once('-').map_or(version, |(upstream, _)| upstream);
    upstream.split(['+', '~']).next().unwrap_or(upstream).to_owned()
}

fn program(kind: Kind) -> &'static str {
    word(kind)
}

/// A kind as it is typed.
fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Gcc => "gcc",
        Kind::Clang => "clang",
        Kind::Python => "python",
        Kind::Node => "node",
        Kind::Rust => "rust",
    }
}

/// The version that a compiler says it has.
fn ask(file: &Path) -> Option<String> {
    let asked = Command::new(file)
        .arg("-dumpfullversion")
        .arg("-dumpversion")
        .current_dir("/")
        .stdin(Stdio::null())
        .output();
    let answered = asked.ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(answered.stdout).ok()?;
    Some(text.lines().next()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_the_compiler() {
        for (version, expected) in [
            ("4:12.2.0-3", "12.2.0"),
            ("12.2.0-14+deb12u1", "12.2.0"),
            ("1:14.0.6-12", "14.0.6"),
            ("15.1.0~rc1-2", "15.1.0"),
            ("7", "7"),
        ] {
            assert_eq!(upstream(version), expected);
        }
        assert!(is_of("12.2.0", "12") && !is_of("12.2.0", "1"));
        assert!(trouble("13").is_none() && trouble("13.1").is_some() && trouble("").is_some());
    }

    #[test]
    fn a_manifest_asks_for_what_builds_need() {
        let text = manifest_text(Kind::Gcc, Some("13"));
        assert!(
            text.contains("packages = [\"gcc-13\", \"g++-13\", \"binutils\", \"libc6-dev\", \"make\"]"),
            "{text}"
        );
        assert!(manifest_text(Kind::Clang, None).contains("\"clang\", \"g++\""));
        assert_eq!(
            (mode("clang++-16"), mode("clang-16"), mode("g++")),
            (" --driver-mode=g++", "", "")
        );
        assert_eq!(commands(Kind::Gcc, Some("13"))[0], ("cc", "gcc-13".to_owned()));
    }

    #[test]
    fn links_of_a_root_are_followed_within_it() {
        let root = tempfile::tempdir().unwrap();
        let bin = root.path().join("usr/bin");
        fs::create_dir_all(&bin).unwrap();
        fs::create_dir_all(root.path().join("etc/alternatives")).unwrap();
        fs::write(bin.join("x86-gcc-12"), "").unwrap();
        symlink("gcc-12", bin.join("gcc")).unwrap();
        symlink("x86-gcc-12", bin.join("gcc-12")).unwrap();
        symlink("/etc/alternatives/cc", bin.join("cc")).unwrap();
        symlink("/bin/gcc", root.path().join("etc/alternatives/cc")).unwrap();
        symlink("loop", bin.join("loop")).unwrap();
        assert_eq!(resolved(root.path(), "gcc").as_deref(), Some("x86-gcc-12"));
        assert_eq!(resolved(root.path(), "cc").as_deref(), Some("x86-gcc-12"));
        assert_eq!(resolved(root.path(), "loop"), None);
        assert_eq!(resolved(root.path(), "ld"), None);
    }
}
