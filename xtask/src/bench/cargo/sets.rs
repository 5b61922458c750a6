//! The Rust projects that are measured, and the command that is built.

use serde::Deserialize;

use super::super::sets::named;
use crate::shell::Failure;

/// A named project.
#[derive(Debug, Clone)]
pub(super) struct Set {
    pub(super) name: &'static str,
    dependencies: &'static str,
}

const SETS: [Set; 3] = [
    Set {
        name: "small",
        dependencies: include_str!("../../../data/cargo/small.toml"),
    },
    Set {
        name: "medium",
        dependencies: include_str!("../../../data/cargo/medium.toml"),
    },
    Set {
        name: "large",
        dependencies: include_str!("../../../data/cargo/large.toml"),
    },
];

/// The name of the set that is a command.
pub(super) const TOOL: &str = "tool";

/// The projects of these names, and whether the command is among them; all where none is named.
pub(super) fn load(names: &[String]) -> Result<(Vec<Set>, bool), Failure> {
    let projects: Vec<String> = names.iter().filter(|name| *name != TOOL).cloned().collect();
    let tool = names.is_empty() || projects.len() < names.len();
    match projects.is_empty() && tool && !names.is_empty() {
        true => Ok((Vec::new(), true)),
        false => Ok((named("set", &SETS, &projects, |set| set.name)?, tool)),
    }
}

impl Set {
    /// The project's `Cargo.toml`. It is a workspace by itself: the folder lies in that of another one.
    pub(super) fn manifest(&self) -> String {
        format!(
            "[package]\nname = \"bench\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n{}",
            self.dependencies
        )
    }
}

/// The `Cargo.toml` of the project of this name.
pub(in crate::bench) fn project(name: &str) -> Result<String, Failure> {
    let sets = named("set", &SETS, &[name.to_owned()], |set| set.name)?;
    Ok(sets.iter().map(Set::manifest).collect())
}

/// A command that is built.
#[derive(Debug, Deserialize)]
pub(in crate::bench) struct Tool {
    #[serde(rename = "crate")]
    pub(in crate::bench) name: String,
    pub(in crate::bench) version: String,
    pub(in crate::bench) command: String,
}

/// The command that is measured.
pub(in crate::bench) fn tool() -> Tool {
    toml::from_str(include_str!("../../../data/cargo/tool.toml")).expect("the sets' files are TOML")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_a_set_beside_the_projects() {
        let load = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            load(&names).map(|(sets, tool)| (sets.len(), tool))
        };
        assert_eq!(load(&[]).ok(), Some((3, true)));
        assert_eq!(load(&["tool"]).ok(), Some((0, true)));
        assert_eq!(load(&["small"]).ok(), Some((1, false)));
        assert_eq!(load(&["tool", "large"]).ok(), Some((1, true)));
        assert!(load(&["other"]).is_err());
    }

    #[test]
    fn every_file_of_the_sets_is_a_manifest() {
        for set in &SETS {
            let manifest: toml::Table = toml::from_str(&set.manifest()).expect(set.name);
            assert!(
                manifest["dependencies"]
                    .as_table()
                    .is_some_and(|table| !table.is_empty())
            );
        }
        assert!(!tool().name.is_empty());
    }
}
