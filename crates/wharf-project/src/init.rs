//! What `wharf init` writes.

use std::path::Path;

use wharf_core::PackageName;

use crate::discover::manifest_of;
use crate::lock::quoted;
use crate::project::ManifestKind;

/// What `wharf init` does in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Init {
    /// The folder has a manifest, which is used as it stands.
    Adopt(ManifestKind),
    /// A new `wharf.toml` with this text.
    Write(String),
}

/// What to do in a folder. `python` is the minor version of the interpreter at hand, such as `3.12`.
pub fn init(folder: &Path, python: Option<&str>) -> Init {
    match manifest_of(folder) {
        Some((kind, _)) => Init::Adopt(kind),
        None => Init::Write(manifest_text(&project_name(folder), python)),
    }
}

/// The text of a new `wharf.toml`.
pub fn manifest_text(name: &str, python: Option<&str>) -> String {
    let version = match python {
        Some(minor) => format!(">={minor}"),
        None => ">=3.9".to_owned(),
    };
    format!(
        "[project]\nname = {}\n\n[python]\nversion = {}\n\n# Packages from PyPI: `wharf add pypi:NAME` writes here, or edit by hand (PEP 440 versions).\n# Packages from npm: `wharf add npm:NAME` makes the tables [npm] and [dev.npm], or writes into a package.json.\n# Commands from crates: `wharf add cargo:NAME` makes the table [cargo].\n# Debian packages: `wharf add deb:NAME` makes the table [deb].\n[pypi]\n\n[dev.pypi]\n",
        quoted(name),
        quoted(&version)
    )
}

/// The folder's name as a package name.
fn project_name(folder: &Path) -> String {
    let name = folder
        .file_name()
        .map(|name| name.to_string_lossy())
        .unwrap_or_default();
    let tidy: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    match PackageName::pypi(tidy.trim_matches('-')) {
        Ok(name) => name.as_str().to_owned(),
        Err(_) => "project".to_owned(),
    }
}
