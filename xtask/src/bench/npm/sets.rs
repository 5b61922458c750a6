//! The npm projects that are measured.

use serde_json::Value;

use crate::shell::Failure;

/// A named project: its `package.json`.
#[derive(Debug, Clone)]
pub(crate) struct Set {
    pub(crate) name: &'static str,
    manifest: &'static str,
}

const SETS: [Set; 3] = [
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
];

/// The set of this name.
pub(crate) fn load(name: &str) -> Result<Set, Failure> {
    SETS.iter().find(|set| set.name == name).cloned().ok_or_else(|| {
        let names: Vec<_> = SETS.iter().map(|set| set.name).collect();
        Failure(format!("no set `{name}`: there are {}", names.join(", ")))
    })
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
                    // What others need as their peer stays: a tool may refuse the project without it.
                    let peer = matches!(name.as_str(), "react" | "react-dom" | "typescript" | "vite");
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
