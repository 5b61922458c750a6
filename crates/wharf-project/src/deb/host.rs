//! What the host runs, and which repositories it has. Sources: os-release(5), sources.list(5). Invariant: only files below the given
//! root are read, and none of them has to exist.

use std::path::{Path, PathBuf};

use wharf_core::{Arch, Origin, WebUrl};
use wharf_deb::architecture::Architecture;
use wharf_deb::sources::{InvalidSource, Kind, SignedBy, Source, parse_deb822, parse_list};

use super::repository::{DebKeys, DebRepository};
use super::{DebSuite, usual};
use crate::index::Declared;
use crate::stated::Stated;

/// What the host runs and has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DebHost {
    /// Its suite, where it is Debian, Ubuntu, or made from one of them.
    pub suite: Option<DebSuite>,
    /// Its architecture, where Debian has a name for it.
    pub architecture: Option<Architecture>,
    /// The repositories of its apt, those of source packages left out.
    pub sources: Vec<DebRepository>,
}

impl DebHost {
    /// Reads what stands below `root`, which is `/` or a test's own folder.
    pub(crate) fn read(root: &Path, stated: &mut Stated) -> Self {
        Self {
            suite: suite(root, stated),
            architecture: own_architecture(),
            sources: sources(root, stated),
        }
    }

    /// The repositories of the host that make up a suite, for an architecture; none where it lacks the suite itself. Its mirrors may
    /// lack other architectures than its own.
    pub(crate) fn covering(&self, suite: &str, architecture: &Architecture) -> Vec<DebRepository> {
        let family = usual::family(suite);
        let is_own = self.architecture.as_ref() == Some(architecture);
        let fits = |source: &&DebRepository| {
            let named = source.architectures.contains(architecture);
            family.contains(&source.suite) && (named || source.architectures.is_empty() && is_own)
        };
        let fitting: Vec<DebRepository> = self.sources.iter().filter(fits).cloned().collect();
        match fitting.iter().any(|source| source.suite == suite) {
            true => fitting,
            false => Vec::new(),
        }
    }
}

/// The architecture that this program was built for.
fn own_architecture() -> Option<Architecture> {
    let arch = match std::env::consts::ARCH {
        "x86_64" => Arch::X86_64,
        "aarch64" => Arch::Aarch64,
        "x86" => Arch::X86,
        "arm" => Arch::Armv7l,
        "powerpc64" if cfg!(target_endian = "little") => Arch::Ppc64le,
        "s390x" => Arch::S390x,
        "riscv64" => Arch::Riscv64,
        _ => return None,
    };
    Some(Architecture::of_machine(arch))
}

fn suite(root: &Path, stated: &mut Stated) -> Option<DebSuite> {
    for place in ["etc/os-release", "usr/lib/os-release"] {
        let path = root.join(place);
        stated.note_input(path.clone());
        if let Ok(text) = std::fs::read_to_string(&path) {
            return suite_of(&text).map(|name| DebSuite {
                name,
                declared: Declared::Machine,
                origin: Origin::file(&path, 1, 1),
            });
        }
    }
    None
}

/// The suite that an `os-release` file tells of.
fn suite_of(text: &str) -> Option<String> {
    let value = |key: &str| {
        let line = text
            .lines()
            .find_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='));
        let plain = line?.trim().trim_matches(['"', '\'']);
        (!plain.is_empty()).then(|| plain.to_owned())
    };
    let own = value("ID").unwrap_or_default();
    let name = match own.as_str() {
        "debian" | "ubuntu" => value("VERSION_CODENAME")?,
        // What is made from one of them has its name beside its own.
        _ => value("UBUNTU_CODENAME").or_else(|| value("DEBIAN_CODENAME"))?,
    };
    usual::distribution_of(&name).map(|_| name)
}

/// The repositories of the host's apt. A line that cannot be read costs itself and a warning.
fn sources(root: &Path, stated: &mut Stated) -> Vec<DebRepository> {
    let trusted = trusted_keys(root);
    let mut repositories = Vec::new();
    for path in lists(root) {
        let Ok(bytes) = std::fs::read(&path) else {
            continue;
        };
        stated.note_input(path.clone());
        let read = match path.extension() {
            Some(ending) if ending == "sources" => parse_deb822(&bytes),
            _ => parse_list(&bytes),
        };
        for source in read {
            match source {
                Ok(source) => repositories.extend(repository(&source, root, &path, &trusted)),
                Err(invalid) => warn(stated, &path, &invalid),
            }
        }
    }
    repositories
}

fn warn(stated: &mut Stated, path: &Path, invalid: &InvalidSource) {
    let message = format!("apt's list `{}` cannot be read whole: {invalid}", path.display());
    let line = u32::try_from(invalid.line).unwrap_or(u32::MAX);
    stated.warn("deb/host-sources", message, Origin::file(path, line, 1));
}

/// The files that apt reads, in its order.
fn lists(root: &Path) -> Vec<PathBuf> {
    let mut more = entries(&root.join("etc/apt/sources.list.d"), &["list", "sources"]);
    more.insert(0, root.join("etc/apt/sources.list"));
    more
}

/// The keys that apt trusts where a repository names none.
fn trusted_keys(root: &Path) -> Vec<PathBuf> {
    let mut keys = entries(&root.join("etc/apt/trusted.gpg.d"), &["gpg", "asc"]);
    let one = root.join("etc/apt/trusted.gpg");
    if one.is_file() {
        keys.insert(0, one);
    }
    keys
}

/// The files of a folder with one of these endings, sorted by name.
fn entries(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let read = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    let fits = |path: &PathBuf| {
        let ending = path.extension().and_then(|ending| ending.to_str());
        ending.is_some_and(|ending| endings.contains(&ending))
    };
    let mut paths: Vec<PathBuf> = read.map(|entry| entry.path()).filter(fits).collect();
    paths.sort();
    paths
}

/// What one line or stanza comes to; none for sources, for what is switched off, and for what is not on a network or a disk (`cdrom:`).
fn repository(source: &Source, root: &Path, path: &Path, trusted: &[PathBuf]) -> Option<DebRepository> {
    if source.kind != Kind::Binary || !source.enabled {
        return None;
    }
    let uri = WebUrl::parse(&source.uri).ok()?;
    if !matches!(uri.as_url().scheme(), "http" | "https" | "file") {
        return None;
    }
    let own = own_architecture();
    let native = own.as_ref().map_or("", Architecture::as_str);
    let says = &source.architectures;
    let words = match says.only.is_empty() && says.added.is_empty() && says.removed.is_empty() {
        true => Vec::new(),
        false => says.of(&[native]),
    };
    let line = u32::try_from(source.line).unwrap_or(u32::MAX);
    Some(DebRepository {
        uri,
        suite: source.suite.as_str().replace("$(ARCH)", native),
        components: source.components.clone(),
        architectures: words
            .iter()
            .filter_map(|word| Architecture::parse(word).ok())
            .collect(),
        keys: keys(&source.signed_by, root, trusted),
        trusted: source.trusted == Some(true),
        priority: None,
        check_valid_until: source.check_valid_until.unwrap_or(true),
        declared: Declared::Machine,
        origin: Origin::file(path, line, 1),
    })
}

fn keys(signed_by: &SignedBy, root: &Path, trusted: &[PathBuf]) -> DebKeys {
    let below = |file: &String| root.join(file.trim_start_matches('/'));
    match signed_by {
        SignedBy::Any => DebKeys {
            files: trusted.to_vec(),
            ..DebKeys::default()
        },
        SignedBy::Embedded(block) => DebKeys {
            blocks: vec![block.clone()],
            ..DebKeys::default()
        },
        SignedBy::Named { files, fingerprints } => DebKeys {
            files: match files.is_empty() {
                true => trusted.to_vec(),
                false => files.iter().map(below).collect(),
            },
            fingerprints: fingerprints
                .iter()
                .map(|print| print.to_ascii_uppercase())
                .collect(),
            ..DebKeys::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suite_is_what_the_host_is_made_from() {
        for (text, expected) in [
            ("ID=debian\nVERSION_CODENAME=bookworm\n", Some("bookworm")),
            (
                "NAME=\"Ubuntu\"\nID=ubuntu\nVERSION_CODENAME=noble\nUBUNTU_CODENAME=noble",
                Some("noble"),
            ),
            (
                "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nVERSION_CODENAME=wilma\nUBUNTU_CODENAME='noble'",
                Some("noble"),
            ),
            (
                "ID=lmde\nVERSION_CODENAME=faye\nDEBIAN_CODENAME=bookworm",
                Some("bookworm"),
            ),
            ("ID=fedora\nVERSION_CODENAME=\"\"", None),
            ("ID=debian\nVERSION_CODENAME=hamm", None),
            ("", None),
        ] {
            assert_eq!(suite_of(text).as_deref(), expected, "{text}");
        }
    }
}
