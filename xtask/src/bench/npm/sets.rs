//! The npm projects that are measured.

use serde_json::Value;

use super::super::sets::named;
use crate::shell::Failure;

/// A named project: its `package.json`.
#[derive(Debug, Clone)]
pub(crate) struct Set {
    pub(crate) name: &'static str,
    manifest: &'static str,
}

const SETS: [Set; 4] = [
    Set {
        name: "small",
        manifest: include_str!("../../../data/npm/small.json"),
    },
    Set {
        name: "medium",
        manifest: include_str!("../../../data/npm/medium.json"),
    },
    Set {
        name: "large",
        manifest: include_str!("../../../data/npm/large.json"),
    },
    // Without the tools for whose sake the packages are put into the project.
    Set {
        name: "server",
        manifest: include_str!("../../../data/npm/server.json"),
    },
];

/// What others need as their peer stays in every project: a tool may refuse it without.
const PEERS: [&str; 8] = [
    "@nestjs/common",
    "@nestjs/core",
    "react",
    "react-dom",
    "reflect-metadata",
    "rxjs",
    "typescript",
    "vite",
];

/// The sets of these names; all where none is named.
pub(crate) fn load(names: &[String]) -> Result<Vec<Set>, Failure> {
    named("set", &SETS, names, |set| set.name)
}

impl Set {
    /// The project's `package.json`.
    pub(crate) fn manifest(&self) -> String {
        self.manifest.to_owned()
    }

    /// Another project's: the same dependencies without every fourth, so that most packages are shared and many stand among
    /// other neighbours.
    pub(crate) fn second_manifest(&self) -> String {
        let mut manifest: Value = serde_json::from_str(self.manifest).expect("the sets' files are JSON");
        manifest["name"] = "second".into();
        let mut number = 0;
        for table in ["dependencies", "devDependencies"] {
            if let Some(table) = manifest[table].as_object_mut() {
                table.retain(|name, _| {
                    let peer = PEERS.contains(&name.as_str());
                    number += usize::from(!peer);
                    peer || number % 4 != 0
                });
            }
        }
        format!("{manifest:#}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_project_shares_most_of_the_first_and_not_all() {
        for set in &SETS {
            let first: Value = serde_json::from_str(&set.manifest()).expect("JSON");
            let second: Value = serde_json::from_str(&set.second_manifest()).expect("JSON");
            let count = |manifest: &Value| {
                ["dependencies", "devDependencies"]
                    .iter()
                    .filter_map(|table| manifest[table].as_object())
                    .map(serde_json::Map::len)
                    .sum::<usize>()
            };
            let (first, second) = (count(&first), count(&second));
            assert!(
                second < first && second * 10 >= first * 7,
                "{}: {first}, {second}",
                set.name
            );
        }
    }
}
