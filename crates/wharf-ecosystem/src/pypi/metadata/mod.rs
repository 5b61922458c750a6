//! Core metadata: what a version of a project says of itself.
//! Sources: "Core metadata specifications" of the PyPA (PEP 241, 314, 345, 566, 643, 685), PEP 621.
//!
//! Invariant: what cannot be read of one field is said in [`CoreMetadata::problems`]. Without a valid name and version
//! there is no metadata.

mod headers;
mod pyproject;

use std::fmt;
use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::ExtraName;
use wharf_core::{Explain, Fault, InvalidName, PackageName};

use super::requirement::{Requirement, parse_requirement_lenient};
use super::text::{excerpt, lossy};
use super::version::{InvalidVersion, parse_specifiers_lenient, parse_version};
pub(crate) use headers::Headers;

/// What a version of a project says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreMetadata {
    /// The version of the metadata format, such as `2.3`.
    pub metadata_version: String,
    /// The project.
    pub name: PackageName,
    /// The version.
    pub version: Version,
    /// What it requires, with `extra == "…"` in the markers of what only an extra asks for.
    pub requires_dist: Vec<Requirement>,
    /// The Pythons that it is for.
    pub requires_python: Option<VersionSpecifiers>,
    /// Its extras.
    pub provides_extra: Vec<ExtraName>,
    /// The fields that a build may still change, as written.
    pub dynamic: Vec<String>,
    /// One line on what it is.
    pub summary: Option<String>,
    /// Its home page.
    pub home_page: Option<String>,
    /// Its licence: an SPDX expression where there is one, else the free text.
    pub license: Option<String>,
    /// Who wrote it.
    pub author: Option<String>,
    /// Labelled links, in their order.
    pub project_urls: Vec<(String, String)>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// A field of which a value could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The field.
    pub field: ProblemField,
    /// Its value, cut after 200 characters.
    pub value: String,
    /// What is wrong with it.
    pub reason: String,
}

/// The fields that can have problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProblemField {
    /// A requirement. The version cannot be chosen: not all that it needs is known.
    RequiresDist,
    /// The Pythons that it is for. The version cannot be chosen: nobody knows whether it would run.
    RequiresPython,
    /// An extra's name. Only that extra is lost.
    ProvidesExtra,
}

impl ProblemField {
    /// The field's name in the metadata.
    pub const fn as_str(self) -> &'static str {
        match self {
            ProblemField::RequiresDist => "Requires-Dist",
            ProblemField::RequiresPython => "Requires-Python",
            ProblemField::ProvidesExtra => "Provides-Extra",
        }
    }

    /// Whether a version with such a problem must not be chosen.
    pub const fn is_fatal(self) -> bool {
        match self {
            ProblemField::RequiresDist | ProblemField::RequiresPython => true,
            ProblemField::ProvidesExtra => false,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.field.as_str(), self.value, self.reason)
    }
}

/// Bytes that are no metadata of any version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// A field that must be there is not.
    #[error("the metadata has no `{0}`")]
    Missing(&'static str),
    /// The name is none.
    #[error("the metadata's `Name` is invalid")]
    Name(#[from] InvalidName),
    /// The version is none.
    #[error("the metadata's `Version` is invalid")]
    Version(#[from] InvalidVersion),
    /// A later major version of the format.
    #[error("the metadata has format version {0}, which this Wharf cannot read")]
    Format(String),
}

impl Explain for MetadataError {
    fn code(&self) -> &'static str {
        "pypi/metadata"
    }

    fn fault(&self) -> Fault {
        Fault::World
    }

    fn hints(&self) -> Vec<String> {
        match self {
            MetadataError::Format(_) => vec!["update Wharf".to_owned()],
            MetadataError::Missing(_) | MetadataError::Name(_) | MetadataError::Version(_) => Vec::new(),
        }
    }
}

impl CoreMetadata {
    /// Reads a wheel's `METADATA` or a source distribution's `PKG-INFO`.
    ///
    /// # Errors
    /// Where name or version is missing or invalid, or the format's major version is unknown.
    pub fn parse(bytes: &[u8]) -> Result<Self, MetadataError> {
        let text = lossy(bytes);
        let headers = Headers::parse(&text);
        let metadata_version = headers.first("Metadata-Version").unwrap_or("1.0").to_owned();
        match metadata_version.split('.').next() {
            Some("1" | "2") => {}
            _ => return Err(MetadataError::Format(excerpt(&metadata_version))),
        }
        let name = PackageName::pypi(headers.first("Name").ok_or(MetadataError::Missing("Name"))?)?;
        let version = parse_version(
            headers
                .first("Version")
                .ok_or(MetadataError::Missing("Version"))?,
        )?;
        let text = |field: &str| {
            headers
                .first(field)
                .filter(|value| *value != "UNKNOWN")
                .map(str::to_owned)
        };
        let mut metadata = Self {
            summary: text("Summary"),
            home_page: text("Home-page"),
            license: text("License-Expression").or_else(|| text("License")),
            author: text("Author").or_else(|| text("Author-email")),
            dynamic: headers.all("Dynamic").map(str::to_owned).collect(),
            project_urls: headers.all("Project-URL").map(labelled).collect(),
            ..Self::bare(metadata_version, name, version)
        };
        headers
            .all("Requires-Dist")
            .for_each(|value| metadata.add_requirement(value));
        headers
            .all("Provides-Extra")
            .for_each(|value| metadata.add_extra(value));
        if let Some(value) = headers.first("Requires-Python") {
            metadata.set_requires_python(value);
        }
        Ok(metadata)
    }

    /// Reads a source distribution's `PKG-INFO` where it already tells what a build would: format 2.2 or later with no
    /// requirement left dynamic (PEP 643). `None` where only a build can tell.
    pub fn from_pkg_info(bytes: &[u8]) -> Option<Self> {
        let metadata = Self::parse(bytes).ok()?;
        let minor: u32 = match metadata.metadata_version.split_once('.')? {
            ("1", _) => return None,
            (_, minor) => minor.parse().ok()?,
        };
        let settled = |field: &str| {
            !metadata
                .dynamic
                .iter()
                .any(|dynamic| dynamic.eq_ignore_ascii_case(field))
        };
        let all_settled = ["Requires-Dist", "Requires-Python", "Provides-Extra"]
            .into_iter()
            .all(settled);
        (minor >= 2 && all_settled && metadata.fatal_problem().is_none()).then_some(metadata)
    }

    /// Reads the static metadata of a `pyproject.toml` (PEP 621). `None` where anything that the solver needs is missing,
    /// dynamic or malformed, so that only a build can tell.
    pub fn from_pyproject(text: &str) -> Option<Self> {
        pyproject::static_metadata(text)
    }

    /// The first problem because of which this version must not be chosen.
    pub fn fatal_problem(&self) -> Option<&Problem> {
        self.problems.iter().find(|problem| problem.field.is_fatal())
    }

    fn bare(metadata_version: String, name: PackageName, version: Version) -> Self {
        Self {
            metadata_version,
            name,
            version,
            requires_dist: Vec::new(),
            requires_python: None,
            provides_extra: Vec::new(),
            dynamic: Vec::new(),
            summary: None,
            home_page: None,
            license: None,
            author: None,
            project_urls: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn add_requirement(&mut self, value: &str) {
        match parse_requirement_lenient(value) {
            Ok(requirement) => self.requires_dist.push(requirement),
            Err(error) => self.add_problem(ProblemField::RequiresDist, value, error.reason),
        }
    }

    fn add_extra(&mut self, value: &str) {
        match ExtraName::from_str(value) {
            Ok(extra) if value.is_empty() || self.provides_extra.contains(&extra) => {}
            Ok(extra) => self.provides_extra.push(extra),
            Err(_) => self.add_problem(
                ProblemField::ProvidesExtra,
                value,
                "it is no valid name".to_owned(),
            ),
        }
    }

    fn set_requires_python(&mut self, value: &str) {
        match parse_specifiers_lenient(value) {
            Ok(specifiers) => self.requires_python = (!specifiers.is_empty()).then_some(specifiers),
            Err(error) => self.add_problem(ProblemField::RequiresPython, value, error.reason),
        }
    }

    fn add_problem(&mut self, field: ProblemField, value: &str, reason: String) {
        self.problems.push(Problem {
            field,
            value: excerpt(value),
            reason,
        });
    }
}

/// `Label, https://…`
fn labelled(value: &str) -> (String, String) {
    match value.split_once(',') {
        Some((label, url)) => (label.trim().to_owned(), url.trim().to_owned()),
        None => (String::new(), value.trim().to_owned()),
    }
}

#[cfg(test)]
mod tests;
