//! Versions that another npm tool locked: the first lock keeps them where it can.
//! Sources: the formats' own texts and the tools' documentation, named in each reader. Invariant: a foreign lockfile never stops a
//! command; what cannot be read costs a warning with its place.
//!
//! The readers are our own: of a lockfile only names and versions count here, and the crates that read whole ones (among them
//! `aube-lockfile` with its 179 dependencies) promise no stable interface.

mod bun;
mod package_lock;
mod pnpm;
#[cfg(test)]
mod tests;
mod yarn;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use wharf_core::{Ecosystem, PackageName};
use wharf_ecosystem::npm::Version;

use crate::error::Invalid;
use crate::project::{Project, Warning};
use crate::text::SourceText;

/// Preferred versions of npm packages.
#[derive(Clone, Debug, Default)]
pub struct NpmPreferences {
    /// By package, most preferred first: what the project itself uses, then the highest.
    pub versions: BTreeMap<PackageName, Vec<Version>>,
    /// The files that they come from, relative to the project.
    pub files: Vec<PathBuf>,
    /// What could not be read.
    pub warnings: Vec<Warning>,
}

/// One locked version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    /// The package's own name, not an alias.
    pub(crate) name: String,
    /// Its version as written.
    pub(crate) version: String,
    /// Whether the project itself uses it, as far as the file tells.
    pub(crate) direct: bool,
}

/// The forms of lockfiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerLock {
    /// `package-lock.json` and `npm-shrinkwrap.json`, versions 1 to 3.
    PackageLock,
    /// `pnpm-lock.yaml`, versions 5 to 9.
    Pnpm,
    /// `bun.lock`.
    Bun,
    /// `yarn.lock` of version 1 and of later ones.
    Yarn,
}

/// In the order in which they are looked for: each file, its form, and the tool that writes it.
const FILES: [(&str, PeerLock, &str); 5] = [
    ("npm-shrinkwrap.json", PeerLock::PackageLock, "npm"),
    ("package-lock.json", PeerLock::PackageLock, "npm"),
    ("pnpm-lock.yaml", PeerLock::Pnpm, "pnpm"),
    ("bun.lock", PeerLock::Bun, "bun"),
    ("yarn.lock", PeerLock::Yarn, "yarn"),
];

/// Reads the lockfile of another tool beside a project's manifest.
pub fn npm_preferences(project: &Project) -> NpmPreferences {
    let npm = project.npm.as_ref();
    read(&project.root, npm.and_then(|npm| npm.package_manager.as_deref()))
}

/// Reads the lockfile of another tool in a folder: that of the tool which `package_manager` names (`pnpm@9.1.0`), else the
/// first that there is. Files that cannot be read are passed over with a warning.
pub fn read(root: &Path, package_manager: Option<&str>) -> NpmPreferences {
    let mut found = NpmPreferences::default();
    let named = package_manager.map(|text| text.split('@').next().unwrap_or_default());
    let (first, rest): (Vec<_>, Vec<_>) = FILES.into_iter().partition(|(_, _, tool)| Some(*tool) == named);
    for (file, form, _) in first.into_iter().chain(rest) {
        let Ok(bytes) = std::fs::read(root.join(file)) else {
            continue;
        };
        let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned());
        match text.and_then(|text| parse(form, Path::new(file), &text).map_err(|error| in_words(&error))) {
            Ok(versions) => {
                found.versions = versions;
                found.files.push(file.into());
                return found;
            }
            Err(reason) => found.warnings.push(unreadable(file, &reason)),
        }
    }
    if root.join("bun.lockb").is_file() {
        let reason = "it is binary; `bun install --save-text-lockfile --frozen-lockfile --lockfile-only` writes it as bun.lock";
        found.warnings.push(unreadable("bun.lockb", reason));
    }
    found
}

/// The versions that the text of a lockfile holds, most preferred first. Entries that no registry serves are passed over.
///
/// # Errors
/// Where the text is malformed, with the place.
pub fn parse(
    form: PeerLock,
    path: &Path,
    text: &str,
) -> Result<BTreeMap<PackageName, Vec<Version>>, Box<Invalid>> {
    let source = SourceText::new(path, text.trim_start_matches('\u{feff}'));
    let pins = match form {
        PeerLock::PackageLock => package_lock::read(&source),
        PeerLock::Pnpm => pnpm::read(&source),
        PeerLock::Bun => bun::read(&source),
        PeerLock::Yarn => yarn::read(&source),
    };
    Ok(preferred(pins.map_err(Box::new)?))
}

/// What the project itself uses first, then the highest.
fn preferred(pins: Vec<Pin>) -> BTreeMap<PackageName, Vec<Version>> {
    let mut found: BTreeMap<PackageName, Vec<(bool, Version)>> = BTreeMap::new();
    for pin in pins {
        let name = PackageName::new(Ecosystem::Npm, &pin.name);
        if let (Ok(name), Ok(version)) = (name, Version::parse(&pin.version)) {
            found.entry(name).or_default().push((pin.direct, version));
        }
    }
    let order = |mut versions: Vec<(bool, Version)>| {
        versions.sort_by(|a, b| b.cmp(a));
        let mut ordered: Vec<Version> = Vec::with_capacity(versions.len());
        for (_, version) in versions {
            if !ordered.contains(&version) {
                ordered.push(version);
            }
        }
        ordered
    };
    found
        .into_iter()
        .map(|(name, versions)| (name, order(versions)))
        .collect()
}

/// The name and what follows in `name@rest`, where a name may begin with `@`.
fn split_name(text: &str) -> Option<(&str, &str)> {
    let cut = text.get(1..)?.find('@')? + 1;
    Some((&text[..cut], &text[cut + 1..]))
}

fn malformed(source: &SourceText, at: usize, message: impl Into<String>) -> Invalid {
    Invalid::new(source, at..at, "preferences/unreadable", message)
}

fn in_words(error: &Invalid) -> String {
    format!(
        "line {}, column {}: {}",
        error.place.line, error.place.column, error.message
    )
}

fn unreadable(file: &str, reason: &str) -> Warning {
    Warning {
        code: "preferences/unreadable",
        message: format!("`{file}` is not read as preferences: {reason}"),
        origin: None,
    }
}
