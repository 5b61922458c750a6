//! The tools that are measured.

use serde::Deserialize;

use super::super::cargo;
use super::super::sets::named;
use crate::shell::Failure;

/// A tool of some ecosystem.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Set {
    #[serde(skip)]
    pub(super) name: &'static str,
    /// As Wharf has it: `pypi:ruff`.
    pub(super) package: String,
    pub(super) command: String,
    /// What the command is given, so that it is over at once.
    pub(super) arguments: Vec<String>,
}

/// Where a tool comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ecosystem {
    Python,
    Node,
    Rust,
}

const SETS: [(&str, &str); 4] = [
    ("ruff", include_str!("../../../data/tools/ruff.toml")),
    ("black", include_str!("../../../data/tools/black.toml")),
    ("cowsay", include_str!("../../../data/tools/cowsay.toml")),
    ("eslint", include_str!("../../../data/tools/eslint.toml")),
];

/// The tools of these names; all where none is named.
pub(super) fn load(names: &[String]) -> Result<Vec<Set>, Failure> {
    let mut sets = Vec::new();
    for (name, text) in SETS {
        let set: Set = toml::from_str(text)?;
        sets.push(Set { name, ..set });
    }
    let built = cargo::tool();
    sets.push(Set {
        name: "crate",
        package: format!("cargo:{}@{}", built.name, built.version),
        command: built.command,
        arguments: vec!["--version".to_owned()],
    });
    named("set", &sets, names, |set| set.name)
}

impl Set {
    /// Where it comes from.
    pub(super) fn ecosystem(&self) -> Ecosystem {
        match self.package.split(':').next() {
            Some("npm") => Ecosystem::Node,
            Some("cargo") => Ecosystem::Rust,
            _ => Ecosystem::Python,
        }
    }

    /// Its package's own name, as the peers want it.
    pub(super) fn own_name(&self) -> &str {
        let name = self
            .package
            .split_once(':')
            .map_or(self.package.as_str(), |(_, name)| name);
        name.split('@').next().unwrap_or(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_packages_are_those_that_peers_take() {
        let sets = load(&[]).expect("the sets' files are TOML");
        let found: Vec<_> = sets.iter().map(|set| (set.ecosystem(), set.own_name())).collect();
        let crates = cargo::tool().name;
        assert_eq!(
            found,
            [
                (Ecosystem::Python, "ruff"),
                (Ecosystem::Python, "black"),
                (Ecosystem::Node, "cowsay"),
                (Ecosystem::Node, "eslint"),
                (Ecosystem::Rust, crates.as_str()),
            ]
        );
        assert!(load(&["other".to_owned()]).is_err());
    }
}
