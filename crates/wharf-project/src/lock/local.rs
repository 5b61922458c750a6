//! What local source trees say about themselves, as a fingerprint: when one of them comes to need something else, the lock
//! is stale. Invariant: only what decides about requirements counts, so an edit of some tool's settings does not.

use std::path::Path;

use toml::{Table, Value};

use crate::project::Project;
use crate::requirement::{PathKind, RequirementSource};

/// `path fingerprint` of every local source tree among the project's requirements but the project's own folder, whose
/// requirements are the manifest's.
pub(super) fn fingerprints(project: &Project) -> Vec<String> {
    let mut all: Vec<String> = project
        .roots
        .iter()
        .chain(&project.overrides)
        .filter_map(|root| match &root.source {
            Some(RequirementSource::Path {
                path,
                kind: PathKind::Directory,
            }) if path != "." => Some(path),
            _ => None,
        })
        .map(|path| format!("{path} {}", fingerprint(&project.root.join(path))))
        .collect();
    all.sort();
    all.dedup();
    all
}

/// A digest of what a source tree states; of its build scripts where it states nothing.
fn fingerprint(folder: &Path) -> String {
    let mut hasher = blake3::Hasher::new();
    let pyproject = std::fs::read_to_string(folder.join("pyproject.toml")).ok();
    let stated: Option<Table> = pyproject.and_then(|text| text.parse().ok());
    let project = stated
        .as_ref()
        .and_then(|table| table.get("project"))
        .and_then(Value::as_table);
    for key in [
        "name",
        "version",
        "requires-python",
        "dependencies",
        "optional-dependencies",
        "dynamic",
    ] {
        // Tables print sorted by key, so the order in the file does not count.
        let value = project
            .and_then(|table| table.get(key))
            .map(ToString::to_string)
            .unwrap_or_default();
        hasher.update(format!("{key}={value}\n").as_bytes());
    }
    if project.is_none_or(|table| table.contains_key("dynamic")) {
        for script in ["setup.cfg", "setup.py"] {
            hasher.update(&std::fs::read(folder.join(script)).unwrap_or_default());
        }
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_decides_about_requirements_counts() {
        let folder = tempfile::tempdir().unwrap();
        let of = |text: &str| {
            std::fs::write(folder.path().join("pyproject.toml"), text).unwrap();
            fingerprint(folder.path())
        };
        let before = of("[project]\nname = 'a'\nversion = '1'\ndependencies = ['b']\n");
        assert_eq!(
            before,
            of("[project]\nversion = '1'\nname = \"a\"\ndependencies = [ 'b' ]\n\n[tool.x]\ny = 1\n")
        );
        assert_ne!(
            before,
            of("[project]\nname = 'a'\nversion = '1'\ndependencies = ['b', 'c']\n")
        );
        assert_ne!(
            before,
            of("[project]\nname = 'a'\nversion = '1'\ndependencies = ['b']\nrequires-python = '>=3.12'\n")
        );
    }

    #[test]
    fn build_scripts_count_where_nothing_is_stated() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("setup.py"), "setup(install_requires=['b'])").unwrap();
        let before = fingerprint(folder.path());
        std::fs::write(folder.path().join("setup.py"), "setup(install_requires=['c'])").unwrap();
        assert_ne!(before, fingerprint(folder.path()));
    }
}
