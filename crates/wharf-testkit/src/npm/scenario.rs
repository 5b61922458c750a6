//! Cases for npm that read like a table: what the registry holds, what the project asks for, what must be installed.
//!
//! ```toml
//! what = "two ranges of one package that no version satisfies are answered by two versions"
//!
//! [index]
//! "a 1.0.0" = ["c@^1"]
//! "b 1.0.0" = { deps = ["c@^2"], peers = ["d@*"] }
//! "c 1.0.0" = []
//! "c 2.0.0" = []
//! "d 1.0.0" = []
//!
//! [project.dependencies]
//! a = "^1"
//! b = "^1"
//!
//! [expect]
//! packages = ["a 1.0.0", "b 1.0.0", "c 1.0.0", "c 2.0.0", "d 1.0.0"]
//! edges = ["a 1.0.0 > c 1.0.0", "b 1.0.0 > c 2.0.0"]
//! ```
//! `[project]` is a `package.json` in TOML. Invariant: a key that nothing reads is an error, so a misspelt expectation
//! cannot pass; `[project]` and `[members]` are the product's to check.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::modules::Modules;
use super::package::NpmPackage;
use super::registry::NpmRegistry;
use crate::fixture::Fixture;
use crate::scenario::ScenarioError;

/// One case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NpmScenario {
    /// The rule under test, as a sentence.
    pub what: String,
    /// The versions of the registry, by `"name version"`.
    #[serde(default)]
    pub index: BTreeMap<String, NpmRelease>,
    /// Tags by name of package: `a = { next = "2.0.0" }`.
    #[serde(default)]
    pub tags: BTreeMap<String, BTreeMap<String, String>>,
    /// The root's `package.json`.
    pub project: Value,
    /// The `package.json` of every member of the workspace, by folder.
    #[serde(default)]
    pub members: BTreeMap<String, Value>,
    /// Other files of the project (`.npmrc`, `pnpm-workspace.yaml`, `package-lock.json`), by path.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// The root's `package.json` when it was locked before: what that chose is in `wharf.lock` when the case begins.
    pub before: Option<Value>,
    /// Node's version.
    #[serde(default = "default_node")]
    pub node: String,
    /// Arguments after `wharf lock` (`--exclude-newer 2024-06-01`).
    #[serde(default)]
    pub lock: Vec<String>,
    /// Arguments after `wharf sync`.
    #[serde(default)]
    pub sync: Vec<String>,
    /// What must come out.
    pub expect: NpmExpectation,
}

/// A version: the list of its dependencies as `name@spec`, or a table.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum NpmRelease {
    /// Only dependencies.
    Deps(Vec<String>),
    /// Anything else too.
    Table(Box<NpmReleaseTable>),
}

/// A version in full; lists are of `name@spec`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct NpmReleaseTable {
    /// `dependencies`.
    pub deps: Vec<String>,
    /// `devDependencies`.
    pub dev: Vec<String>,
    /// `optionalDependencies`.
    pub optional: Vec<String>,
    /// `peerDependencies`.
    pub peers: Vec<String>,
    /// `peerDependencies` that are optional.
    pub optional_peers: Vec<String>,
    /// Dependencies that come inside the archive.
    pub bundled: Vec<String>,
    /// Commands; each is a file of its own.
    pub bin: Vec<String>,
    /// Operating systems.
    pub os: Vec<String>,
    /// Processors.
    pub cpu: Vec<String>,
    /// C libraries.
    pub libc: Vec<String>,
    /// The range of Node versions.
    pub node: Option<String>,
    /// `scripts`.
    pub scripts: BTreeMap<String, String>,
    /// The registry's word against it.
    pub deprecated: Option<String>,
    /// When it was published, in RFC 3339.
    pub published: Option<String>,
    /// Fields of the registry's document that are as given, however odd.
    pub told: BTreeMap<String, Value>,
    /// The registry's document does not say where the archive is.
    pub without_dist: bool,
}

/// What must come out: packages, or a failure that mentions every one of some words.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NpmExpectation {
    /// Everything that the project reaches, as `"name version"`.
    pub packages: Vec<String>,
    /// Needs and what answers them, as [`Modules::edges`] writes them; others may be there too.
    pub edges: Vec<String>,
    /// Needs that nothing answers, as [`Modules::unanswered`] writes them.
    pub unanswered: Vec<String>,
    /// Files and links that the project must have.
    pub has: Vec<String>,
    /// Files and links that the project must not have.
    pub lacks: Vec<String>,
    /// Texts that standard error contains, of a failure or of warnings.
    pub says: Vec<String>,
    /// The lock must fail.
    pub fails: bool,
}

fn default_node() -> String {
    "22.12.0".to_owned()
}

impl NpmScenario {
    /// Parses one scenario; `label` names it in errors.
    ///
    /// # Errors
    /// When the text is no scenario, or expects nothing, or both packages and a failure.
    pub fn parse(text: &str, label: &str) -> Result<Self, ScenarioError> {
        let scenario: Self =
            toml::from_str(text).map_err(|error| ScenarioError::new(format!("{label}: {error}")))?;
        let expect = &scenario.expect;
        let installs = !expect.packages.is_empty() || !expect.edges.is_empty() || !expect.has.is_empty();
        let wrong = match (expect.fails, installs) {
            (true, true) => Some("a failure installs nothing"),
            (true, false) if expect.says.is_empty() => Some("say what the failure tells"),
            (false, false) => Some("expect packages, edges, files or a failure"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            return Err(ScenarioError::new(format!("{label}: {wrong}")));
        }
        for key in scenario.index.keys() {
            if key.split_whitespace().count() != 2 {
                let wrong = format!("{label}: `{key}` is not a name and a version");
                return Err(ScenarioError::new(wrong));
            }
        }
        Ok(scenario)
    }

    /// Reads every `*.toml` in a directory, in order of name.
    ///
    /// # Errors
    /// When the directory or one of its files cannot be read, or there is none.
    pub fn load_all(directory: &Path) -> Result<Vec<(String, Self)>, ScenarioError> {
        let texts = crate::scenario::texts(directory)?;
        texts
            .into_iter()
            .map(|(label, text)| Ok((label.clone(), Self::parse(&text, &label)?)))
            .collect()
    }

    /// The versions as packages that can be published or built.
    #[must_use]
    pub fn packages(&self) -> Vec<NpmPackage> {
        self.index
            .iter()
            .map(|(key, release)| release.package(key))
            .collect()
    }

    /// Publishes the whole index.
    pub fn publish(&self, registry: &NpmRegistry) {
        for package in self.packages() {
            package.publish(registry);
        }
        for (name, tags) in &self.tags {
            for (tag, version) in tags {
                registry.tag(name, tag, version);
            }
        }
    }

    /// Writes the project into a fixture.
    pub fn write(&self, fixture: &Fixture) {
        fixture.write("package.json", &format!("{:#}\n", self.project));
        for (folder, manifest) in &self.members {
            fixture.write(&format!("{folder}/package.json"), &format!("{manifest:#}\n"));
        }
        for (path, text) in &self.files {
            fixture.write(path, text);
        }
    }

    /// Locks and installs with the real binary, and compares what node finds with what was expected.
    ///
    /// # Errors
    /// With a description of the difference.
    pub fn judge(&self, binary: impl AsRef<Path>) -> Result<(), String> {
        let registry = NpmRegistry::start();
        self.publish(&registry);
        let mut fixture = Fixture::with_npm_registry(binary, &registry);
        fixture.fake_node(&self.node);
        self.write(&fixture);
        if let Some(before) = &self.before {
            fixture.write("package.json", &format!("{before:#}\n"));
            let finished = fixture.run(&["lock"]);
            if !finished.status.success() {
                return Err(format!("the lock before: {finished}"));
            }
            fixture.write("package.json", &format!("{:#}\n", self.project));
        }
        let mut said = String::new();
        for (command, arguments) in [("lock", &self.lock), ("sync", &self.sync)] {
            let arguments: Vec<&str> = [command]
                .into_iter()
                .chain(arguments.iter().map(String::as_str))
                .collect();
            let finished = fixture.run(&arguments);
            said.push_str(&finished.stderr);
            match (finished.status.success(), self.expect.fails) {
                (false, true) => break,
                (true, true) if command == "sync" => return Err(format!("succeeds: {finished}")),
                (false, false) => return Err(finished.to_string()),
                (true, _) => {}
            }
        }
        self.compare(&fixture, &said)
    }

    fn compare(&self, fixture: &Fixture, said: &str) -> Result<(), String> {
        let expect = &self.expect;
        let silent: Vec<_> = expect.says.iter().filter(|text| !said.contains(*text)).collect();
        if !silent.is_empty() {
            return Err(format!("no word of {silent:?} in\n{said}"));
        }
        if expect.fails {
            return Ok(());
        }
        let members: Vec<&str> = self.members.keys().map(String::as_str).collect();
        let modules = Modules::read(&fixture.project(), &members)?;
        if !expect.packages.is_empty() {
            same("packages", &expect.packages, &modules.packages())?;
        }
        same("unanswered needs", &expect.unanswered, &modules.unanswered())?;
        let edges = modules.edges();
        let missing: Vec<_> = expect
            .edges
            .iter()
            .filter(|edge| !edges.contains(*edge))
            .collect();
        if !missing.is_empty() {
            return Err(format!("missing edges {missing:?}\nfound {edges:#?}"));
        }
        for path in &expect.has {
            if !fixture.has(path) {
                return Err(format!("{path} is missing"));
            }
        }
        match expect.lacks.iter().find(|path| fixture.has(path)) {
            Some(path) => Err(format!("{path} is there")),
            None => Ok(()),
        }
    }
}

fn same(what: &str, expected: &[String], found: &BTreeSet<String>) -> Result<(), String> {
    let expected: BTreeSet<String> = expected.iter().cloned().collect();
    if &expected == found {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected:?}\nfound {found:?}"))
    }
}

impl NpmRelease {
    fn package(&self, key: &str) -> NpmPackage {
        let (name, version) = key
            .split_once(' ')
            .expect("parsing checked that a key is a name and a version");
        let package = NpmPackage::new(name.trim(), version.trim());
        match self {
            Self::Deps(deps) => deps.iter().fold(package, |package, need| {
                let (name, spec) = split(need);
                package.dep(name, spec)
            }),
            Self::Table(table) => table.apply(package),
        }
    }
}

impl NpmReleaseTable {
    fn apply(&self, mut package: NpmPackage) -> NpmPackage {
        type Step = fn(NpmPackage, &str, &str) -> NpmPackage;
        type Word = fn(NpmPackage, &str) -> NpmPackage;
        let steps: [(&[String], Step); 6] = [
            (&self.deps, NpmPackage::dep),
            (&self.dev, NpmPackage::dev_dep),
            (&self.optional, NpmPackage::optional_dep),
            (&self.peers, NpmPackage::peer),
            (&self.optional_peers, NpmPackage::peer_optional),
            (&self.bundled, NpmPackage::bundled),
        ];
        for (needs, step) in steps {
            for need in needs {
                let (name, spec) = split(need);
                package = step(package, name, spec);
            }
        }
        let lists: [(&[String], Word); 3] = [
            (&self.os, NpmPackage::os),
            (&self.cpu, NpmPackage::cpu),
            (&self.libc, NpmPackage::libc),
        ];
        for (words, step) in lists {
            package = words.iter().fold(package, |package, word| step(package, word));
        }
        for command in &self.bin {
            package = package.bin(command, &format!("{command}.js"));
        }
        for (event, line) in &self.scripts {
            package = package.script(event, line);
        }
        for (key, value) in &self.told {
            package = package.told(key, value.clone());
        }
        if let Some(range) = &self.node {
            package = package.engines("node", range);
        }
        if let Some(reason) = &self.deprecated {
            package = package.deprecated(reason);
        }
        if let Some(time) = &self.published {
            package = package.published(time);
        }
        if self.without_dist {
            package = package.without_dist();
        }
        package
    }
}

/// `@scope/name@spec` as name and spec; without a spec any version.
fn split(need: &str) -> (&str, &str) {
    match need.get(1..).and_then(|rest| rest.find('@')) {
        Some(position) => (&need[..=position], &need[position + 2..]),
        None => (need, "*"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
what = "sentence"
[index]
"a 1.0.0" = ["b@^1", "@s/c@npm:d@1"]
"b 1.0.0" = { peers = ["e"], node = ">=20", told = { dependencies = [] } }
[project.dependencies]
a = "^1"
[expect]
packages = ["a 1.0.0", "b 1.0.0"]
"#;

    #[test]
    fn a_scenario_becomes_packages_and_a_project() {
        let scenario = NpmScenario::parse(TEXT, "case").expect("the text is a scenario");
        assert_eq!(scenario.packages().len(), 2);
        assert_eq!(scenario.project["dependencies"]["a"], "^1");
    }

    #[test]
    fn a_misspelt_key_and_a_missing_expectation_are_refused() {
        for (from, to) in [
            ("peers =", "peer ="),
            ("packages = [\"a 1.0.0\", \"b 1.0.0\"]", ""),
            ("packages = [\"a 1.0.0\", \"b 1.0.0\"]", "fails = true"),
            ("\"a 1.0.0\" =", "a ="),
        ] {
            assert!(
                NpmScenario::parse(&TEXT.replace(from, to), "case").is_err(),
                "{to}"
            );
        }
    }

    #[test]
    fn a_need_splits_behind_the_scope() {
        for (need, expected) in [
            ("b@^1", ("b", "^1")),
            ("@s/c@npm:d@1", ("@s/c", "npm:d@1")),
            ("@s/c", ("@s/c", "*")),
            ("b", ("b", "*")),
        ] {
            assert_eq!(split(need), expected);
        }
    }
}
