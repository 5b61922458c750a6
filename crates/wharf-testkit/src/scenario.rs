//! Cases for the solver that read like a table: what the index holds, what the project asks for, what must come out.
//!
//! ```toml
//! what = "a newer release that needs another Python is passed over"
//!
//! [index]
//! "a 1.0.0" = ["b>=1"]
//! "a 2.0.0" = { requires = [], python = ">=3.14" }
//! "b 1.0.0" = []
//!
//! [project]
//! requires = ["a"]
//!
//! [expect]
//! packages = ["a 1.0.0", "b 1.0.0"]
//! ```
//! Invariant: a key that nothing reads is an error, so a misspelt expectation cannot pass.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::package::Package;
use crate::registry::Registry;

/// One case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The rule under test, as a sentence.
    pub what: String,
    /// The releases of the index, by `"name version"`.
    pub index: BTreeMap<String, Release>,
    /// What is asked for.
    pub project: ScenarioProject,
    /// What must come out.
    pub expect: Expectation,
}

/// A release: the list of its requirements, or a table.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Release {
    /// Only requirements.
    Requires(Vec<String>),
    /// Anything else too.
    Table(Box<ReleaseTable>),
}

/// A release in full.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ReleaseTable {
    /// `Requires-Dist`.
    pub requires: Vec<String>,
    /// `Requires-Python`.
    pub python: Option<String>,
    /// The reason for which it was withdrawn.
    pub yanked: Option<String>,
    /// Upload time in RFC 3339.
    pub uploaded: Option<String>,
    /// Requirements by extra.
    pub extras: BTreeMap<String, Vec<String>>,
    /// Tags of its wheels; without any, one `py3-none-any`, unless there is an `sdist`.
    pub wheels: Vec<String>,
    /// It has a source distribution.
    pub sdist: bool,
}

/// What the project asks for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ScenarioProject {
    /// Requirements (PEP 508).
    pub requires: Vec<String>,
    /// Constraints.
    #[serde(default)]
    pub constraints: Vec<String>,
    /// Overrides.
    #[serde(default)]
    pub overrides: Vec<String>,
    /// The range of Python versions.
    pub python: Option<String>,
    /// Targets, as the manifest writes them.
    #[serde(default)]
    pub targets: Vec<String>,
    /// Nothing uploaded after this exists, in RFC 3339.
    pub exclude_newer: Option<String>,
    /// Versions locked before, as `"name version"`.
    #[serde(default)]
    pub locked: Vec<String>,
}

/// What must come out: packages, or a failure that mentions every one of some words.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expectation {
    /// The whole resolution, as `"name version"`, in order of name.
    pub packages: Vec<String>,
    /// Texts that the explanation of the failure contains; not empty means that the solve must fail.
    pub fails: Vec<String>,
}

/// Why a scenario file cannot be used.
#[derive(Debug)]
pub struct ScenarioError(String);

impl ScenarioError {
    pub(crate) fn new(what: String) -> Self {
        Self(what)
    }
}

impl std::fmt::Display for ScenarioError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for ScenarioError {}

impl Scenario {
    /// Parses one scenario; `label` names it in errors.
    ///
    /// # Errors
    /// When the text is no scenario, or expects both packages and a failure, or neither.
    pub fn parse(text: &str, label: &str) -> Result<Self, ScenarioError> {
        let scenario: Self =
            toml::from_str(text).map_err(|error| ScenarioError(format!("{label}: {error}")))?;
        if scenario.expect.packages.is_empty() == scenario.expect.fails.is_empty() {
            return Err(ScenarioError(format!(
                "{label}: expect either packages or a failure"
            )));
        }
        for key in scenario.index.keys() {
            if key.split_whitespace().count() != 2 {
                return Err(ScenarioError(format!(
                    "{label}: `{key}` is not a name and a version"
                )));
            }
        }
        Ok(scenario)
    }

    /// Reads every `*.toml` in a directory, in order of name.
    ///
    /// # Errors
    /// When the directory or one of its files cannot be read, or there is none.
    pub fn load_all(directory: &Path) -> Result<Vec<(String, Self)>, ScenarioError> {
        texts(directory)?
            .into_iter()
            .map(|(label, text)| Ok((label.clone(), Self::parse(&text, &label)?)))
            .collect()
    }

    /// The releases as packages that can be published or built.
    #[must_use]
    pub fn packages(&self) -> Vec<Package> {
        self.index
            .iter()
            .map(|(key, release)| release.package(key))
            .collect()
    }

    /// Publishes the whole index.
    pub fn publish(&self, registry: &Registry) {
        for package in self.packages() {
            package.publish(registry);
        }
    }

    /// The project as a `wharf.toml`.
    #[must_use]
    pub fn manifest(&self) -> String {
        let mut text = "[project]\nname = \"scenario\"\n".to_owned();
        if !self.project.targets.is_empty() {
            text.push_str(&format!("targets = {:?}\n", self.project.targets));
        }
        if let Some(specifiers) = &self.project.python {
            text.push_str(&format!("\n[python]\nversion = {specifiers:?}\n"));
        }
        for (table, requirements) in [
            ("pypi", &self.project.requires),
            ("constraints.pypi", &self.project.constraints),
            ("overrides.pypi", &self.project.overrides),
        ] {
            text.push_str(&format!("\n[{table}]\n"));
            for requirement in requirements {
                text.push_str(&manifest_line(requirement));
            }
        }
        text
    }
}

/// Every `*.toml` of a directory by its name without the ending, in order of name; none is an error.
pub(crate) fn texts(directory: &Path) -> Result<Vec<(String, String)>, ScenarioError> {
    let failed = |error: std::io::Error| ScenarioError(format!("{}: {error}", directory.display()));
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let label = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            let text = std::fs::read_to_string(&path).map_err(failed)?;
            texts.push((label.unwrap_or_default(), text));
        }
    }
    texts.sort();
    match texts.is_empty() {
        true => Err(ScenarioError(format!("{}: no scenarios", directory.display()))),
        false => Ok(texts),
    }
}

impl Release {
    fn package(&self, key: &str) -> Package {
        let (name, version) = key
            .split_once(' ')
            .expect("parsing checked that a key is a name and a version");
        let mut package = Package::new(name.trim(), version.trim());
        let table = match self {
            Self::Requires(requires) => &ReleaseTable {
                requires: requires.clone(),
                ..ReleaseTable::default()
            },
            Self::Table(table) => table.as_ref(),
        };
        for requirement in &table.requires {
            package = package.dep(requirement);
        }
        for (extra, requirements) in &table.extras {
            let requirements: Vec<_> = requirements.iter().map(String::as_str).collect();
            package = package.extra(extra, &requirements);
        }
        for tags in &table.wheels {
            package = package.wheel_for(tags);
        }
        if let Some(specifiers) = &table.python {
            package = package.requires_python(specifiers);
        }
        if let Some(reason) = &table.yanked {
            package = package.yanked(reason);
        }
        if let Some(time) = &table.uploaded {
            package = package.uploaded(time);
        }
        if table.sdist { package.sdist() } else { package }
    }
}

/// A requirement as a line of a manifest's table: `a[x]>=1 ; marker` as `a = { version = ">=1", extras = ["x"], … }`.
fn manifest_line(requirement: &str) -> String {
    let (base, marker) = match requirement.split_once(';') {
        Some((base, marker)) => (base.trim(), Some(marker.trim())),
        None => (requirement.trim(), None),
    };
    let end = base
        .find(|next: char| !(next.is_alphanumeric() || "-_.".contains(next)))
        .unwrap_or(base.len());
    let (name, rest) = base.split_at(end);
    let (extras, specifiers) = match rest
        .trim()
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((extras, specifiers)) => (extras.split(',').map(str::trim).collect(), specifiers.trim()),
        None => (Vec::new(), rest.trim()),
    };
    let version = if specifiers.is_empty() { "*" } else { specifiers };
    let mut line = format!("{name:?} = {{ version = {version:?}");
    if !extras.is_empty() {
        line.push_str(&format!(", extras = {extras:?}"));
    }
    if let Some(marker) = marker {
        line.push_str(&format!(", marker = {marker:?}"));
    }
    line.push_str(" }\n");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
what = "sentence"
[index]
"a 1.0.0" = ["b>=1"]
"b 1.0.0" = { python = ">=3.8", extras = { x = ["c"] } }
[project]
requires = ["a[x, y]>=1 ; python_version > '3.8'"]
[expect]
packages = ["a 1.0.0", "b 1.0.0"]
"#;

    #[test]
    fn a_scenario_becomes_a_manifest_and_packages() {
        let scenario = Scenario::parse(TEXT, "case").expect("the text is a scenario");
        let line =
            "\"a\" = { version = \">=1\", extras = [\"x\", \"y\"], marker = \"python_version > '3.8'\" }\n";
        assert!(scenario.manifest().contains(line), "{}", scenario.manifest());
        assert_eq!(scenario.packages().len(), 2);
    }

    #[test]
    fn a_misspelt_key_and_a_missing_expectation_are_refused() {
        let misspelt = TEXT.replace("requires = [\"a", "require = [\"a");
        assert!(Scenario::parse(&misspelt, "case").is_err());
        let silent = TEXT.replace("packages = [\"a 1.0.0\", \"b 1.0.0\"]", "");
        assert!(Scenario::parse(&silent, "case").is_err());
    }
}
