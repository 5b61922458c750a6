//! Adds and removes requirements in manifests as people wrote them.
//! Invariant: what is not asked for stays byte for byte: comments, order, spacing, other tables.

pub mod cargo;
pub mod deb;
pub mod npm;
mod object;
mod package_json;
mod pyproject;
mod requirements;
mod wharf;

#[cfg(test)]
mod npm_tests;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use wharf_core::PackageName;

use crate::error::ProjectError;
use crate::project::{ManifestKind, Project};
use crate::requirement::{Base, Group, Parsed, parse_requirement};
use crate::requirements::unnamed;

/// A requirement to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addition {
    /// In PEP 508's own form: `uvicorn[standard]>=0.30`, `name @ URL`.
    pub text: String,
    /// Where it goes.
    pub group: Group,
    /// Whether a source tree is to be imported in place.
    pub editable: bool,
    /// The index that it must come from.
    pub index: Option<String>,
}

/// A requirement that was taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// The package.
    pub name: PackageName,
    /// Where it was.
    pub group: Group,
}

/// A manifest's text that is to be changed.
#[derive(Clone, Copy, Debug)]
pub struct Manifest<'a> {
    /// Which form it has.
    pub kind: ManifestKind,
    /// Where it lies, for messages and for relative paths; absolute.
    pub path: &'a Path,
    /// What it says now.
    pub text: &'a str,
    /// The group of a requirements file; the other forms know their groups.
    pub group: &'a Group,
}

/// The file that holds a group's requirements. In a project of requirements files each group has its own.
pub fn file_for(project: &Project, group: &Group) -> PathBuf {
    match (project.manifest, group) {
        (
            ManifestKind::Wharf | ManifestKind::Pyproject | ManifestKind::PackageJson | ManifestKind::Cargo,
            _,
        ) => project.manifest_path.clone(),
        (ManifestKind::Requirements, Group::Main) => project.manifest_path.clone(),
        (ManifestKind::Requirements, Group::Dev) => {
            let other = project.root.join("dev-requirements.txt");
            if other.is_file() {
                other
            } else {
                project.root.join("requirements-dev.txt")
            }
        }
        (ManifestKind::Requirements, Group::Named(name) | Group::Extra(name)) => {
            project.root.join(format!("requirements-{name}.txt"))
        }
    }
}

/// The text with the requirements added. One of a name that is there already is replaced in its place.
///
/// # Errors
/// Where a requirement or the manifest is malformed, or the form cannot express it.
pub fn add(manifest: Manifest<'_>, additions: &[Addition]) -> Result<String, ProjectError> {
    let mut text = manifest.text.to_owned();
    for addition in additions {
        let folder = manifest.path.parent().unwrap_or(Path::new("/"));
        let base = Base { root: folder, folder };
        let parsed = if unnamed::is_unnamed(&addition.text) {
            unnamed::parse(&addition.text, base)
        } else {
            parse_requirement(&addition.text, base)
        }
        .map_err(|problem| ProjectError::Requirement {
            text: crate::text::hide_credentials(&addition.text),
            reason: problem.reason,
            hints: problem.hints,
        })?;
        let now = Manifest {
            text: &text,
            ..manifest
        };
        text = match manifest.kind {
            ManifestKind::Wharf => wharf::add(now, addition, &parsed)?,
            ManifestKind::Pyproject => pyproject::add(now, addition, &parsed)?,
            ManifestKind::Requirements => requirements::add(now, addition, &parsed)?,
            ManifestKind::PackageJson | ManifestKind::Cargo => return Err(manifest.no_python()),
        };
    }
    Ok(text)
}

/// The text without the named packages, in one group or in all of them, and what was taken out.
///
/// # Errors
/// Where the manifest is malformed.
pub fn remove(
    manifest: Manifest<'_>,
    names: &[PackageName],
    group: Option<&Group>,
) -> Result<(String, Vec<Removed>), ProjectError> {
    match manifest.kind {
        ManifestKind::Wharf => wharf::remove(manifest, names, group),
        ManifestKind::Pyproject => pyproject::remove(manifest, names, group),
        ManifestKind::Requirements => Ok(requirements::remove(manifest, names)),
        ManifestKind::PackageJson | ManifestKind::Cargo => Err(manifest.no_python()),
    }
}

impl Manifest<'_> {
    fn no_python(&self) -> ProjectError {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        self.cannot(
            format!("a {name} has no place for Python packages"),
            "run `wharf init --wharf-toml` first: both files make one project",
        )
    }

    fn cannot(&self, reason: impl Into<String>, hint: &str) -> ProjectError {
        let hints = if hint.is_empty() {
            Vec::new()
        } else {
            vec![hint.to_owned()]
        };
        ProjectError::Edit {
            path: self.path.to_owned(),
            reason: reason.into(),
            hints,
        }
    }

    fn document(&self) -> Result<toml_edit::DocumentMut, ProjectError> {
        document(self.path, self.text)
    }
}

/// The text of a manifest, to be edited.
fn document(path: &Path, text: &str) -> Result<toml_edit::DocumentMut, ProjectError> {
    text.parse().map_err(|error: toml_edit::TomlError| {
        let name = path.file_name().map_or(path, Path::new);
        let source = crate::text::SourceText::new(name, text);
        let message = format!("this is not valid TOML: {}", error.message());
        crate::error::Invalid::new(&source, error.span().unwrap_or(0..0), "toml/syntax", message).into()
    })
}

/// The table at a path, where it is there.
fn existing<'d>(
    document: &'d mut toml_edit::DocumentMut,
    path: &[impl AsRef<str>],
) -> Option<&'d mut dyn toml_edit::TableLike> {
    let mut table: &mut dyn toml_edit::TableLike = document.as_table_mut();
    for part in path {
        table = table.get_mut(part.as_ref())?.as_table_like_mut()?;
    }
    Some(table)
}

/// The requirement as a PEP 508 text, with a direct reference as it was given.
fn pep508_text(parsed: &Parsed) -> String {
    let requirement = &parsed.requirement;
    let mut text = requirement.name.to_string();
    if !requirement.extras.is_empty() {
        let extras: Vec<&str> = requirement.extras.iter().map(AsRef::as_ref).collect();
        text.push_str(&format!("[{}]", extras.join(",")));
    }
    match &requirement.version_or_url {
        Some(pep508_rs::VersionOrUrl::Url(url)) => {
            text.push_str(&format!(" @ {}", url.given().unwrap_or(url.as_str())));
        }
        Some(pep508_rs::VersionOrUrl::VersionSpecifier(_)) | None => text.push_str(&specifiers_text(parsed)),
    }
    match requirement.marker.try_to_string() {
        Some(marker) => format!("{text} ; {marker}"),
        None => text,
    }
}

fn specifiers_text(parsed: &Parsed) -> String {
    match &parsed.requirement.version_or_url {
        Some(pep508_rs::VersionOrUrl::VersionSpecifier(specifiers)) => specifiers
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(","),
        Some(pep508_rs::VersionOrUrl::Url(_)) | None => String::new(),
    }
}
