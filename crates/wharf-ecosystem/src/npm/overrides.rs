//! Overrides: what a project says about the dependencies of its dependencies. Three notations, one meaning here: a rule replaces or
//! removes a dependency, perhaps only below certain packages, perhaps only where a certain range is asked for.
//!
//! | notation | example | below |
//! |---|---|---|
//! | npm `overrides` | `{"a": {"b@^1": "2"}}` | `b` anywhere below `a`, where a range that meets `^1` is asked for |
//! | pnpm `overrides` | `a@1>b` | `b` of `a` itself, where `a` is of version 1 |
//! | yarn `resolutions` | `a/b`, `a/**/b` | `b` of `a` itself; `b` anywhere below `a` |
//!
//! Sources: docs.npmjs.com, "package.json", overrides; pnpm.io, "pnpm.overrides"; classic.yarnpkg.com and yarnpkg.com, "resolutions".
//! Of several rules that match, the one with the longest path counts, then one with a range before one without, then the first.

use std::collections::BTreeSet;
use std::fmt;

use super::json::Json;
use super::manifest::{PackageManifest, is_name};
use super::semver::{Range, Version};
use super::spec::Spec;

/// The rules of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// How the project writes it, parents before `>`.
    pub key: String,
    /// The packages below which it holds, outermost first.
    parents: Vec<Parent>,
    target: Selector,
    /// What it does.
    pub action: Applied,
}

/// A package below which a rule holds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Parent {
    package: Selector,
    reach: Reach,
}

/// How far below a parent the next package is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Child,
    Descendant,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Selector {
    name: String,
    range: Option<Range>,
}

/// What becomes of a dependency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It stays.
    Keep,
    /// Something else is taken: the specifier, and its text as written.
    Replace(Spec, String),
    /// It is left out.
    Remove,
}

/// An override that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the override `{key}` cannot be used: {reason}")]
pub struct InvalidOverride {
    /// The rule as written.
    pub key: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Overrides {
    /// Adds npm's `overrides` to the rules. `root` is the project's manifest, whose dependencies `$name` refers to.
    ///
    /// # Errors
    /// Where a key or a specifier cannot be read, or `$name` is no dependency of the project.
    pub fn add_npm(&mut self, value: &Json, root: &PackageManifest) -> Result<(), InvalidOverride> {
        match value {
            Json::Null => Ok(()),
            Json::Object(entries) => self.add_nested(entries, &[], root),
            other => Err(InvalidOverride {
                key: "overrides".to_owned(),
                reason: format!("it is {}, not an object", other.kind()),
            }),
        }
    }

    /// Adds one of pnpm's `overrides`: `name`, `name@range`, `parent>name`, `parent@range>name`; `-` removes.
    ///
    /// # Errors
    /// As for [`Overrides::add_npm`].
    pub fn add_pnpm(
        &mut self,
        key: &str,
        value: &str,
        root: &PackageManifest,
    ) -> Result<(), InvalidOverride> {
        let parts: Vec<_> = split_parents(key);
        self.add_path(key, &parts, value, root)
    }

    /// Adds one of yarn's `resolutions`: `name`, `parent/name`, `parent/**/name`, `**/name`, and `name@range` in each place.
    ///
    /// # Errors
    /// As for [`Overrides::add_npm`].
    pub fn add_yarn(
        &mut self,
        key: &str,
        value: &str,
        root: &PackageManifest,
    ) -> Result<(), InvalidOverride> {
        let mut steps: Vec<(String, Reach)> = Vec::new();
        for part in scoped_parts(key) {
            match (part.as_str(), steps.last_mut()) {
                ("**", Some((_, reach))) => *reach = Reach::Descendant,
                ("**", None) => {}
                _ => steps.push((part, Reach::Child)),
            }
        }
        self.add_path(key, &steps, value, root)
    }

    /// Every rule of another set, after these.
    pub fn extend(&mut self, other: Overrides) {
        self.rules.extend(other.rules);
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules in their order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether any rule could concern dependencies of this name.
    pub fn concerns(&self, name: &str) -> bool {
        self.rules.iter().any(|rule| rule.target.name == name)
    }

    /// Whether any rule holds only below packages of this name.
    pub fn is_parent(&self, name: &str) -> bool {
        let names = |parent: &Parent| parent.package.name == name;
        self.rules.iter().any(|rule| rule.parents.iter().any(names))
    }

    /// What becomes of the dependency `name` asked for as `spec`. `path` is the chain of packages from the project down to the one that
    /// has the dependency, which comes last; it is empty for the project's own dependencies.
    pub fn apply(&self, path: &[(&str, &str)], name: &str, spec: &Spec) -> Applied {
        self.matching(path, name, spec)
            .map_or(Applied::Keep, |position| self.rules[position].action.clone())
    }

    /// The position of the rule that decides about a dependency, to be told from those that never do.
    pub fn matching(&self, path: &[(&str, &str)], name: &str, spec: &Spec) -> Option<usize> {
        let matches = |rule: &Rule| rule.target.name == name && rule.asked_for(spec) && rule.lies_below(path);
        let matching = self.rules.iter().enumerate().filter(|(_, rule)| matches(rule));
        let (position, _) = matching.min_by_key(|(position, rule)| {
            let depth = std::cmp::Reverse(rule.parents.len());
            (depth, rule.target.range.is_none(), *position)
        })?;
        Some(position)
    }

    /// How the rules are written that decided about nothing.
    pub fn unused(&self, used: &BTreeSet<usize>) -> Vec<&str> {
        let unused = self
            .rules
            .iter()
            .enumerate()
            .filter(|(position, _)| !used.contains(position));
        unused.map(|(_, rule)| rule.key.as_str()).collect()
    }

    fn add_nested(
        &mut self,
        entries: &[(String, Json)],
        parents: &[(String, Reach)],
        root: &PackageManifest,
    ) -> Result<(), InvalidOverride> {
        for (key, value) in entries {
            if key == "." {
                continue;
            }
            let mut path = parents.to_vec();
            path.push((key.clone(), Reach::Descendant));
            let shown = path
                .iter()
                .map(|(part, _)| part.as_str())
                .collect::<Vec<_>>()
                .join(" > ");
            match value {
                Json::Text(text) => self.add_path(&shown, &path, text, root)?,
                Json::Object(nested) => {
                    if let Some(own) = value.get(".").and_then(Json::text) {
                        self.add_path(&shown, &path, own, root)?;
                    }
                    self.add_nested(nested, &path, root)?;
                }
                other => {
                    return Err(InvalidOverride {
                        key: shown,
                        reason: format!("it is {}, neither a specifier nor an object", other.kind()),
                    });
                }
            }
        }
        Ok(())
    }

    /// Adds the rule for the last of `steps` below the others.
    fn add_path(
        &mut self,
        key: &str,
        steps: &[(String, Reach)],
        value: &str,
        root: &PackageManifest,
    ) -> Result<(), InvalidOverride> {
        let invalid = |reason: String| InvalidOverride {
            key: key.to_owned(),
            reason,
        };
        let (target, parents) = steps
            .split_last()
            .ok_or_else(|| invalid("it names no package".to_owned()))?;
        let target = Selector::parse(&target.0).map_err(invalid)?;
        let mut path = Vec::with_capacity(parents.len());
        for (parent, reach) in parents {
            path.push(Parent {
                package: Selector::parse(parent).map_err(invalid)?,
                reach: *reach,
            });
        }
        self.rules.push(Rule {
            key: key.to_owned(),
            parents: path,
            target,
            action: action(value, root).map_err(invalid)?,
        });
        Ok(())
    }
}

impl Rule {
    /// Whether the target's range, if there is one, meets what is asked for.
    fn asked_for(&self, spec: &Spec) -> bool {
        match &self.target.range {
            None => true,
            Some(range) => spec
                .range()
                .is_some_and(|asked| range.is_any() || range.intersects(&asked)),
        }
    }

    /// Whether the parents stand in the chain in their order, each as near to the next as the rule says.
    fn lies_below(&self, path: &[(&str, &str)]) -> bool {
        // The last parent first: it has to be the end of the chain, or anywhere in it.
        let mut ends = vec![path.len()];
        for parent in self.parents.iter().rev() {
            let reaches = |end: &usize| match parent.reach {
                Reach::Child => end.saturating_sub(1)..*end,
                Reach::Descendant => 0..*end,
            };
            let mut found: Vec<usize> = ends
                .iter()
                .flat_map(reaches)
                .filter(|at| parent.package.is(path[*at]))
                .collect();
            found.sort_unstable();
            found.dedup();
            ends = found;
        }
        !ends.is_empty()
    }
}

impl Selector {
    /// `name` or `name@range`; yarn writes `name@npm:range` as well.
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let cut = text
            .char_indices()
            .skip(1)
            .find(|(_, c)| *c == '@')
            .map(|(at, _)| at);
        let (name, range) = cut.map_or((text, ""), |at| (&text[..at], &text[at + 1..]));
        if !is_name(name) {
            return Err(format!("`{name}` names no package"));
        }
        let range = range.strip_prefix("npm:").unwrap_or(range).trim();
        let range = match range {
            "" | "*" => None,
            text => Some(Range::parse(text).map_err(|error| error.to_string())?),
        };
        Ok(Self {
            name: name.to_owned(),
            range,
        })
    }

    fn is(&self, (name, version): (&str, &str)) -> bool {
        let within = |range: &Range| {
            Version::parse_loose(version).is_ok_and(|version| range.satisfies_including_prerelease(&version))
        };
        self.name == name && self.range.as_ref().is_none_or(within)
    }
}

/// What a rule's value says.
fn action(value: &str, root: &PackageManifest) -> Result<Applied, String> {
    if value.trim() == "-" {
        return Ok(Applied::Remove);
    }
    let text = match value.strip_prefix('$') {
        Some(name) => own_dependency(name, root)
            .ok_or_else(|| format!("`{value}` refers to {name}, which is no dependency of the project"))?,
        None => value,
    };
    let spec = Spec::parse(text).map_err(|error| error.to_string())?;
    Ok(Applied::Replace(spec, text.to_owned()))
}

/// How the project itself asks for a package.
fn own_dependency<'m>(name: &str, root: &'m PackageManifest) -> Option<&'m str> {
    let lists = [
        &root.dev_dependencies,
        &root.optional_dependencies,
        &root.dependencies,
        &root.peer_dependencies,
    ];
    let found = lists.into_iter().flatten().find(|(own, _)| own == name);
    found.map(|(_, text)| text.as_str())
}

/// pnpm's `a@1>b`: a `>` after a letter or digit separates; others belong to ranges (`a@>=1`).
fn split_parents(key: &str) -> Vec<(String, Reach)> {
    let bytes = key.as_bytes();
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, _) in key.match_indices('>') {
        let before = at.checked_sub(1).map(|before| bytes[before]);
        let separates = before.is_some_and(|byte| !matches!(byte, b'@' | b' ' | b'|' | b'<'))
            && bytes.get(at + 1).is_some_and(|byte| !matches!(byte, b'=' | b' '));
        if separates {
            parts.push((key[start..at].to_owned(), Reach::Child));
            start = at + 1;
        }
    }
    parts.push((key[start..].to_owned(), Reach::Child));
    parts
}

/// The parts of yarn's path, with scopes left whole.
fn scoped_parts(key: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut scope: Option<&str> = None;
    for part in key.split('/') {
        match scope.take() {
            Some(scope) => parts.push(format!("{scope}/{part}")),
            None if part.starts_with('@') => scope = Some(part),
            None => parts.push(part.to_owned()),
        }
    }
    parts.extend(scope.map(str::to_owned));
    parts
}

impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Applied::Keep => f.write_str("kept"),
            Applied::Replace(_, text) => f.write_str(text),
            Applied::Remove => f.write_str("-"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> PackageManifest {
        PackageManifest {
            dependencies: vec![("react".to_owned(), "^18".to_owned())],
            ..PackageManifest::default()
        }
    }

    fn npm(json: &str) -> Overrides {
        one(|overrides| overrides.add_npm(&Json::parse(json.as_bytes()).unwrap(), &root()))
    }

    fn one(add: impl Fn(&mut Overrides) -> Result<(), InvalidOverride>) -> Overrides {
        let mut overrides = Overrides::default();
        add(&mut overrides).unwrap();
        overrides
    }

    /// `path` is written `a@1 b@2`, the dependency `name@spec`.
    #[track_caller]
    fn check(overrides: &Overrides, path: &str, dependency: &str, expected: &str) {
        let chain: Vec<(&str, &str)> = path
            .split_whitespace()
            .map(|one| one.rsplit_once('@').unwrap())
            .collect();
        let (name, spec) = dependency.rsplit_once('@').unwrap();
        let applied = overrides.apply(&chain, name, &Spec::parse(spec).unwrap());
        assert_eq!(applied.to_string(), expected, "{path} > {dependency}");
    }

    #[test]
    fn npm_overrides() {
        let overrides = npm(
            r#"{"foo": "1.0.0", "bar": {".": "2.0.0", "foo": "3.0.0", "qux": {"foo": "5.0.0"}},
                "baz@^2": "2.2.2", "react": "$react", "gone": "npm:other@1"}"#,
        );
        check(&overrides, "", "foo@^9", "1.0.0");
        check(&overrides, "a@1.0.0 b@1.0.0", "foo@^9", "1.0.0");
        check(&overrides, "bar@2.0.0", "foo@^9", "3.0.0");
        check(&overrides, "bar@2.0.0 x@1.0.0", "foo@^9", "3.0.0");
        check(
            &overrides,
            "bar@2.0.0 x@1.0.0 qux@1.0.0 y@1.0.0",
            "foo@^9",
            "5.0.0",
        );
        check(&overrides, "qux@1.0.0 bar@1.0.0", "foo@^9", "3.0.0");
        check(&overrides, "x@1.0.0", "bar@^1", "2.0.0");
        check(&overrides, "", "baz@^2.1", "2.2.2");
        check(&overrides, "", "baz@^3", "kept");
        check(&overrides, "", "baz@next", "kept");
        check(&overrides, "x@1.0.0", "react@^17", "^18");
        check(&overrides, "", "gone@*", "npm:other@1");
        check(&overrides, "", "other@*", "kept");
    }

    #[test]
    fn pnpm_overrides() {
        for (key, value, path, dependency, expected) in [
            ("foo", "1.0.0", "x@1.0.0", "foo@^2", "1.0.0"),
            ("foo@^2.1", "2.9.0", "", "foo@2", "2.9.0"),
            ("foo@^2.1", "2.9.0", "", "foo@^1", "kept"),
            ("a@1>foo", "2", "a@1.2.3", "foo@^1", "2"),
            ("a@1>foo", "2", "a@2.0.0", "foo@^1", "kept"),
            ("a>foo", "2", "a@1.0.0 b@1.0.0", "foo@^1", "kept"),
            ("a@>=1>foo@<2", "2", "a@3.0.0", "foo@^1", "2"),
            ("a@>=1 <3>foo", "2", "a@3.0.0", "foo@^1", "kept"),
            ("@s/a>@s/b", "-", "@s/a@1.0.0", "@s/b@1", "-"),
        ] {
            let overrides = one(|overrides| overrides.add_pnpm(key, value, &root()));
            check(&overrides, path, dependency, expected);
        }
    }

    #[test]
    fn yarn_resolutions() {
        for (key, path, dependency, expected) in [
            ("foo", "x@1.0.0 y@1.0.0", "foo@^1", "2.0.0"),
            ("**/foo", "x@1.0.0 y@1.0.0", "foo@^1", "2.0.0"),
            ("a/foo", "a@1.0.0", "foo@^1", "2.0.0"),
            ("a/foo", "a@1.0.0 b@1.0.0", "foo@^1", "kept"),
            ("a/**/foo", "a@1.0.0 b@1.0.0", "foo@^1", "2.0.0"),
            ("@s/a/@s/foo", "@s/a@1.0.0", "@s/foo@^1", "2.0.0"),
            ("foo@npm:^1.0.0", "x@1.0.0", "foo@^1", "2.0.0"),
            ("foo@npm:^3.0.0", "x@1.0.0", "foo@^1", "kept"),
        ] {
            let overrides = one(|overrides| overrides.add_yarn(key, "2.0.0", &root()));
            check(&overrides, path, dependency, expected);
        }
    }

    #[test]
    fn what_decides_nothing_is_told() {
        let overrides = npm(r#"{"a": "1", "b": {"c": "2"}, "d": "3"}"#);
        let spec = Spec::Range("^1".to_owned());
        let used: BTreeSet<_> = ["a", "c"]
            .iter()
            .filter_map(|name| overrides.matching(&[], name, &spec))
            .collect();
        assert_eq!(overrides.unused(&used), ["b > c", "d"]);
        assert!(overrides.concerns("c") && !overrides.concerns("b"));
    }

    #[test]
    fn errors_name_the_rule() {
        for (json, error) in [
            (
                r#"{"a": "$b"}"#,
                "the override `a` cannot be used: `$b` refers to b, which is no dependency of the project",
            ),
            (
                r#"{"a": {"b": 1}}"#,
                "the override `a > b` cannot be used: it is a number, neither a specifier nor an object",
            ),
            (
                r#"{"../x": "1"}"#,
                "the override `../x` cannot be used: `../x` names no package",
            ),
            (
                "[]",
                "the override `overrides` cannot be used: it is a list, not an object",
            ),
        ] {
            let value = Json::parse(json.as_bytes()).unwrap();
            assert_eq!(
                Overrides::default()
                    .add_npm(&value, &root())
                    .unwrap_err()
                    .to_string(),
                error
            );
        }
    }
}
