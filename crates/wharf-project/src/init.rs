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
        None => Init::Write(manifest_text(&project_name(folder), Start::Python(python))),
    }
}

/// What a new `wharf.toml` says of Python.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start<'a> {
    /// The project has Python from this minor version on, that of the interpreter at hand.
    Python(Option<&'a str>),
    /// Nothing: a `[python]` table alone would bring Python into a project of other ecosystems.
    Others,
}

impl<'a> Start<'a> {
    /// What is right beside the files that a folder has.
    pub fn beside(folder: &Path, python: Option<&'a str>) -> Self {
        match manifest_of(folder) {
            Some((ManifestKind::PackageJson | ManifestKind::Cargo, _))
                if !folder.join("pyproject.toml").is_file() =>
            {
                Self::Others
            }
            _ => Self::Python(python),
        }
    }
}

/// The text of a new `wharf.toml`.
pub fn manifest_text(name: &str, start: Start<'_>) -> String {
    let others = "# Packages from npm: `wharf add npm:NAME` makes the tables [npm] and [dev.npm], or writes into a package.json.\n\
                  # Commands from crates: `wharf add cargo:NAME` makes the table [cargo].\n\
                  # Debian packages: `wharf add deb:NAME` makes the table [deb].\n";
    let name = quoted(name);
    match start {
        Start::Python(python) => {
            let version = quoted(&format!(">={}", python.unwrap_or("3.9")));
            format!(
                "[project]\nname = {name}\n\n[python]\nversion = {version}\n\n\
                 # Packages from PyPI: `wharf add pypi:NAME` writes here, or edit by hand (PEP 440 versions).\n\
                 {others}[pypi]\n\n[dev.pypi]\n"
            )
        }
        Start::Others => format!(
            "[project]\nname = {name}\n\n\
             # Packages from PyPI: `wharf add pypi:NAME` makes the tables [pypi] and [dev.pypi].\n{others}"
        ),
    }
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
