//! Versions that another tool pinned: the first lock keeps them where it can.
//! Sources: the lockfiles' own texts; PEP 751 for `pylock.toml`. Invariant: a foreign lockfile never stops a command;
//! what cannot be read costs a warning.

pub mod npm;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pep440_rs::{Operator, Version};
use pep508_rs::VersionOrUrl;
use wharf_core::PackageName;
use wharf_ecosystem::pypi::parse_version;

use crate::project::{Project, Warning};

/// Preferred versions of packages, most preferred first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// By package. Lockfiles with forks prefer several versions of one.
    pub versions: BTreeMap<PackageName, Vec<Version>>,
    /// The files that they come from, relative to the project.
    pub files: Vec<PathBuf>,
    /// What could not be read.
    pub warnings: Vec<Warning>,
}

impl Preferences {
    fn add(&mut self, name: &str, version: &str) {
        if let (Ok(name), Ok(version)) = (PackageName::pypi(name), parse_version(version)) {
            let versions = self.versions.entry(name).or_default();
            if !versions.contains(&version) {
                versions.push(version);
            }
        }
    }
}

/// Reads the foreign lockfiles beside a project's manifest: the first of `uv.lock`, `pylock.toml` and `poetry.lock`,
/// then the pins of requirements files.
pub fn preferences(project: &Project) -> Preferences {
    let mut found = Preferences::default();
    for file in ["uv.lock", "pylock.toml", "poetry.lock"] {
        let Ok(text) = std::fs::read_to_string(project.root.join(file)) else {
            continue;
        };
        match parse_peer_lock(&text) {
            Ok(pins) => {
                pins.iter().for_each(|(name, version)| found.add(name, version));
                found.files.push(file.into());
                break;
            }
            Err(reason) => found.warnings.push(Warning {
                code: "preferences/unreadable",
                message: format!("`{file}` is not read as preferences: {reason}"),
                origin: None,
            }),
        }
    }
    requirement_pins(&project.root, &mut found);
    found
}

/// Name and version of each package in the text of a `uv.lock`, a `poetry.lock` or a `pylock.toml`.
///
/// # Errors
/// Where it is not TOML, in words.
pub fn parse_peer_lock(text: &str) -> Result<Vec<(String, String)>, String> {
    let document: toml::Table = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    let packages = ["package", "packages"]
        .into_iter()
        .filter_map(|key| document.get(key)?.as_array())
        .flatten();
    let pin = |package: &toml::Value| {
        let text = |key: &str| Some(package.get(key)?.as_str()?.to_owned());
        Some((text("name")?, text("version")?))
    };
    Ok(packages.filter_map(pin).collect())
}

fn requirement_pins(root: &Path, found: &mut Preferences) {
    for file in [
        "requirements.txt",
        "requirements.lock",
        "requirements-dev.txt",
        "dev-requirements.txt",
    ] {
        let Ok(text) = std::fs::read_to_string(root.join(file)) else {
            continue;
        };
        let before = found.versions.len();
        for (name, version) in parse_pins(&text) {
            found.versions.entry(name).or_insert_with(|| vec![version]);
        }
        if found.versions.len() > before {
            found.files.push(file.into());
        }
    }
}

/// The exact pins (`name==1.2`) in the text of a requirements file; everything else is passed over.
pub fn parse_pins(text: &str) -> Vec<(PackageName, Version)> {
    let lines = crate::requirements::lines::logical_lines(text, &BTreeMap::new());
    let pin = |line: &str| {
        let (text, _) = crate::requirements::options::split_requirement(line);
        let base = crate::requirement::Base {
            root: Path::new("/"),
            folder: Path::new("/"),
        };
        let parsed = crate::requirement::parse_requirement(text, base).ok()?;
        let Some(VersionOrUrl::VersionSpecifier(specifiers)) = parsed.requirement.version_or_url else {
            return None;
        };
        let mut exact = specifiers
            .iter()
            .filter(|specifier| matches!(specifier.operator(), Operator::Equal | Operator::ExactEqual));
        let version = exact.next()?.version().clone();
        Some((PackageName::pypi(parsed.requirement.name.as_ref()).ok()?, version))
    };
    lines
        .iter()
        .filter(|line| !line.text.starts_with('-'))
        .filter_map(|line| pin(&line.text))
        .collect()
}
