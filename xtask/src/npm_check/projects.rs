//! The projects that are checked: what public projects of many kinds ask for, each a JSON file with its `package.json` and,
//! where it is a workspace, those of its members by folder.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::shell::{self, Failure, about};

/// One project.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Project {
    #[serde(skip)]
    pub(super) name: String,
    /// Its `package.json`.
    pub(super) root: Value,
    /// Those of its members, by folder.
    #[serde(default)]
    pub(super) members: BTreeMap<String, Value>,
    /// What is otherwise than with npm, in the checker's words, and why that is right.
    #[serde(default)]
    pub(super) expected: BTreeMap<String, String>,
}

/// Every project whose name contains a text.
pub(super) fn load(only: &str) -> Result<Vec<Project>, Failure> {
    let projects = shell::texts("npm-check", "json", only)?
        .into_iter()
        .map(|(name, text)| {
            let project: Project = serde_json::from_str(&text).map_err(about(&name))?;
            Ok(Project { name, ..project })
        });
    projects.collect()
}

impl Project {
    /// Writes it into a folder.
    pub(super) fn write(&self, root: &Path) -> Result<(), Failure> {
        let files = [(String::new(), &self.root)].into_iter();
        let members = self.members.iter().map(|(folder, value)| (folder.clone(), value));
        for (folder, manifest) in files.chain(members) {
            let folder = root.join(folder);
            std::fs::create_dir_all(&folder).map_err(about(folder.display()))?;
            std::fs::write(folder.join("package.json"), format!("{manifest:#}\n"))?;
        }
        Ok(())
    }

    /// pnpm knows the members from a file of its own.
    pub(super) fn write_pnpm_workspace(&self, root: &Path) -> Result<(), Failure> {
        if self.members.is_empty() {
            return Ok(());
        }
        let path = root.join("pnpm-workspace.yaml");
        let mut text = std::fs::read_to_string(&path).map_err(about(path.display()))?;
        // As with npm, a member that is asked for by its version is meant.
        text.push_str("linkWorkspacePackages: true\npackages:\n");
        for folder in self.members.keys() {
            text.push_str(&format!("  - {folder:?}\n"));
        }
        std::fs::write(&path, text).map_err(about(path.display()))
    }
}
