//! The folders that an environment consists of, and where they stand.
//!
//! Invariant: a root is named by its kind and its path relative to the project, never by an absolute path, so that a project
//! that was moved still knows its own.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What kind of folder a root is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RootKind {
    /// A `.venv`.
    Python,
    /// A `node_modules`.
    Node,
    /// The crates that cargo reads: a directory source.
    Crates,
    /// The commands of tools.
    Commands,
    /// The system root that commands run in: a link to one in the store.
    System,
}

/// Names one root of an environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RootName {
    /// What it is.
    pub kind: RootKind,
    /// Where, relative to the project with `/` separators: `.venv`, `packages/a/node_modules`; crates, commands and the system root lie among
    /// the environment's records, and theirs is relative to those.
    pub path: String,
}

/// Where an environment stands.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    project: PathBuf,
    python: PathBuf,
    state: PathBuf,
}

impl RootName {
    /// The `node_modules` of a folder of the project.
    pub(crate) fn node(folder: &str) -> Self {
        let parts: Vec<&str> = folder
            .split('/')
            .filter(|part| !matches!(*part, "" | "."))
            .chain(["node_modules"])
            .collect();
        Self {
            kind: RootKind::Node,
            path: parts.join("/"),
        }
    }

    /// The crates of the project.
    pub(crate) fn crates() -> Self {
        Self {
            kind: RootKind::Crates,
            path: "cargo".to_owned(),
        }
    }

    /// The system root of the project.
    pub(crate) fn system() -> Self {
        Self {
            kind: RootKind::System,
            path: "system".to_owned(),
        }
    }

    /// The commands of the project's tools.
    pub(crate) fn commands() -> Self {
        Self {
            kind: RootKind::Commands,
            path: "bin".to_owned(),
        }
    }
}

impl Ground {
    /// A project whose Python environment stands at `python`, and whose records lie in `state`.
    pub(crate) fn new(project: &Path, python: &Path, state: &Path) -> Self {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Self {
            project: absolute(project),
            python: absolute(python),
            state: absolute(state),
        }
    }

    pub(crate) fn project(&self) -> &Path {
        &self.project
    }

    /// Where the records lie.
    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    /// Where the Python environment stands.
    pub(crate) fn python(&self) -> &Path {
        &self.python
    }

    /// The name of the Python environment.
    pub(crate) fn python_name(&self) -> RootName {
        let name = self.python.file_name().unwrap_or_default();
        RootName {
            kind: RootKind::Python,
            path: name.to_string_lossy().into_owned(),
        }
    }

    /// Where a root stands. A member beside the project (`../shared`) is joined without looking at the disk.
    pub(crate) fn path(&self, name: &RootName) -> PathBuf {
        match name.kind {
            RootKind::Python => self.python.clone(),
            RootKind::Node => joined(&self.project, &name.path),
            RootKind::Crates | RootKind::Commands | RootKind::System => joined(&self.state, &name.path),
        }
    }
}

fn joined(base: &Path, relative: &str) -> PathBuf {
    let mut path = base.to_owned();
    for part in Path::new(relative).components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            Component::Normal(name) => path.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_become_roots() {
        let ground = Ground::new(
            Path::new("/p/q"),
            Path::new("/p/q/.venv"),
            Path::new("/p/q/.wharf"),
        );
        let check = |folder: &str, name: &str, path: &str| {
            let root = RootName::node(folder);
            assert_eq!(
                (root.path.as_str(), ground.path(&root)),
                (name, PathBuf::from(path))
            );
        };
        check(".", "node_modules", "/p/q/node_modules");
        check(
            "packages/a",
            "packages/a/node_modules",
            "/p/q/packages/a/node_modules",
        );
        check("./b/", "b/node_modules", "/p/q/b/node_modules");
        check("../c", "../c/node_modules", "/p/c/node_modules");
        assert_eq!(ground.path(&ground.python_name()), Path::new("/p/q/.venv"));
        assert_eq!(ground.path(&RootName::crates()), Path::new("/p/q/.wharf/cargo"));
        assert_eq!(ground.path(&RootName::commands()), Path::new("/p/q/.wharf/bin"));
    }
}
