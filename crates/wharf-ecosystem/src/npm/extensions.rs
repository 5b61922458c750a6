//! Package extensions: what a project adds to the manifests of packages that forgot something, and which optional requirements it takes
//! away. Sources: pnpm.io, "packageExtensions", "ignoredOptionalDependencies"; yarnpkg.com, "packageExtensions". Nothing else that a
//! package says itself is changed.

use std::sync::Arc;

use super::glob::NamePatterns;
use super::json::Json;
use super::manifest::{PackageManifest, is_name};
use super::semver::{Range, Version};

/// The extensions of a project, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageExtensions {
    entries: Vec<Extension>,
    ignored_optional: NamePatterns,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Extension {
    name: String,
    range: Option<Range>,
    adds: PackageManifest,
}

/// An extension that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the package extension `{key}` cannot be used: {reason}")]
pub struct InvalidExtension {
    /// The key as written.
    pub key: String,
    /// What is wrong with it.
    pub reason: String,
}

impl PackageExtensions {
    /// Reads `{"name@range": {"dependencies": …, "peerDependencies": …, …}}`.
    ///
    /// # Errors
    /// Where a key names no package or its range is none, or a value is no object.
    pub fn parse(value: &Json) -> Result<Self, InvalidExtension> {
        let mut extensions = Self::default();
        for (key, value) in value.object().unwrap_or_default() {
            extensions.add(key, value)?;
        }
        Ok(extensions)
    }

    /// Adds one extension.
    ///
    /// # Errors
    /// As for [`PackageExtensions::parse`].
    pub fn add(&mut self, key: &str, value: &Json) -> Result<(), InvalidExtension> {
        let invalid = |reason: String| InvalidExtension {
            key: key.to_owned(),
            reason,
        };
        let cut = key
            .char_indices()
            .skip(1)
            .find(|(_, c)| *c == '@')
            .map(|(at, _)| at);
        let (name, range) = cut.map_or((key, ""), |at| (&key[..at], &key[at + 1..]));
        if !is_name(name) {
            return Err(invalid(format!("`{name}` names no package")));
        }
        let range = match range.trim() {
            "" | "*" => None,
            text => Some(Range::parse(text).map_err(|error| invalid(error.to_string()))?),
        };
        if value.object().is_none() {
            return Err(invalid(format!("it is {}, not an object", value.kind())));
        }
        self.entries.push(Extension {
            name: name.to_owned(),
            range,
            adds: PackageManifest::from_json(value.clone()),
        });
        Ok(())
    }

    /// Every extension of another set, after these; what this set takes away stands.
    pub fn extend(&mut self, other: PackageExtensions) {
        self.entries.extend(other.entries);
        if self.ignored_optional.is_empty() {
            self.ignored_optional = other.ignored_optional;
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.ignored_optional.is_empty()
    }

    /// Takes optional requirements away that any of the patterns matches, whoever has them.
    #[must_use]
    pub fn without_optional(mut self, ignored: NamePatterns) -> Self {
        self.ignored_optional = ignored;
        self
    }

    /// Whether an optional requirement is taken away.
    pub fn ignores_optional(&self, alias: &str) -> bool {
        self.ignored_optional.matches(alias)
    }

    /// Whether any is about packages of this name.
    pub fn concerns(&self, name: &str) -> bool {
        self.entries.iter().any(|extension| extension.name == name)
    }

    /// The manifest of one version of a package with what the extensions add to it and without what they take away: itself where none
    /// is about the package.
    pub fn extended(
        &self,
        name: &str,
        version: &str,
        manifest: &Arc<PackageManifest>,
    ) -> Arc<PackageManifest> {
        let mut optional = manifest.optional_dependencies.iter();
        if !self.concerns(name) && !optional.any(|(alias, _)| self.ignores_optional(alias)) {
            return Arc::clone(manifest);
        }
        let mut manifest = (**manifest).clone();
        manifest.name.get_or_insert_with(|| name.to_owned());
        manifest.version.get_or_insert_with(|| version.to_owned());
        self.apply(&mut manifest);
        let optional = &mut manifest.optional_dependencies;
        optional.retain(|(alias, _)| !self.ignores_optional(alias));
        Arc::new(manifest)
    }

    /// Adds what the extensions of its name and version say to a manifest. Whether anything was added.
    pub fn apply(&self, manifest: &mut PackageManifest) -> bool {
        let Some(name) = manifest.name.clone().filter(|name| self.concerns(name)) else {
            return false;
        };
        let version = manifest
            .version
            .as_deref()
            .and_then(|text| Version::parse_loose(text).ok());
        let mut added = false;
        for extension in self.entries.iter().filter(|extension| extension.name == name) {
            let fits = extension.range.as_ref().is_none_or(|range| {
                version
                    .as_ref()
                    .is_some_and(|version| range.satisfies_including_prerelease(version))
            });
            if fits {
                added |= extension.extend(manifest);
            }
        }
        added
    }
}

impl Extension {
    fn extend(&self, manifest: &mut PackageManifest) -> bool {
        let mut added = false;
        for (name, text) in &self.adds.dependencies {
            let optional = manifest.optional_dependencies.iter().any(|(own, _)| own == name);
            added |= !optional && add(&mut manifest.dependencies, name, text);
        }
        for (name, text) in &self.adds.optional_dependencies {
            if add(&mut manifest.optional_dependencies, name, text) {
                manifest.dependencies.retain(|(own, _)| own != name);
                added = true;
            }
        }
        for (name, text) in &self.adds.peer_dependencies {
            added |= add(&mut manifest.peer_dependencies, name, text);
        }
        for name in &self.adds.optional_peers {
            if !manifest.optional_peers.contains(name) {
                manifest.optional_peers.push(name.clone());
                added = true;
            }
        }
        added
    }
}

fn add(entries: &mut Vec<(String, String)>, name: &str, text: &str) -> bool {
    if entries.iter().any(|(own, _)| own == name) {
        return false;
    }
    entries.push((name.to_owned(), text.to_owned()));
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extended(extensions: &str, manifest: &str) -> (bool, PackageManifest) {
        let json = Json::parse(extensions.as_bytes()).unwrap();
        let extensions = PackageExtensions::parse(&json).unwrap();
        let mut manifest = PackageManifest::parse(manifest.as_bytes()).unwrap();
        (extensions.apply(&mut manifest), manifest)
    }

    #[test]
    fn what_is_missing_is_added_and_nothing_is_changed() {
        let (added, manifest) = extended(
            r#"{"a@1": {"dependencies": {"b": "^9", "c": "1"}, "peerDependencies": {"react": "*"},
                "peerDependenciesMeta": {"react": {"optional": true}}, "optionalDependencies": {"d": "1"}}}"#,
            r#"{"name": "a", "version": "1.5.0", "dependencies": {"b": "^1", "d": "2"}}"#,
        );
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert!(added);
        assert_eq!(manifest.dependencies, [pair("b", "^1"), pair("c", "1")]);
        assert_eq!(manifest.optional_dependencies, [pair("d", "1")]);
        assert_eq!(manifest.peer_dependencies, [pair("react", "*")]);
        assert_eq!(manifest.optional_peers, ["react"]);
    }

    #[test]
    fn optional_requirements_are_taken_away_and_no_others() {
        let json = br#"{"name": "a", "version": "1.0.0", "dependencies": {"fsevents": "1"}, "optionalDependencies": {"@x/a": "1", "@x/b": "1", "c": "1"},
            "peerDependencies": {"@x/peer": "1"}}"#;
        let manifest = Arc::new(PackageManifest::parse(json).unwrap());
        for (patterns, left) in [
            (&[][..], &["@x/a", "@x/b", "c"][..]),
            (&["fsevents", "@x/peer", "A", "x"], &["@x/a", "@x/b", "c"]),
            (&["c"], &["@x/a", "@x/b"]),
            (&["@x/*"], &["c"]),
            (&["@x/*", "!@x/b"], &["@x/b", "c"]),
            (&["!c"], &["c"]),
        ] {
            let ignored = NamePatterns::new(patterns.iter().copied());
            let extensions = PackageExtensions::default().without_optional(ignored);
            let extended = extensions.extended("a", "1.0.0", &manifest);
            let optional = extended
                .optional_dependencies
                .iter()
                .map(|(alias, _)| alias.as_str());
            assert_eq!(optional.collect::<Vec<_>>(), left, "{patterns:?}");
            assert_eq!(extended.dependencies, manifest.dependencies);
            assert_eq!(extended.peer_dependencies, manifest.peer_dependencies);
            assert_eq!(Arc::ptr_eq(&extended, &manifest), left.len() == 3, "{patterns:?}");
        }
    }

    #[test]
    fn what_is_added_can_be_taken_away() {
        let json = Json::parse(br#"{"a": {"optionalDependencies": {"b": "1"}}}"#).unwrap();
        let extensions = PackageExtensions::parse(&json).unwrap();
        let extensions = extensions.without_optional(NamePatterns::new(["b"]));
        let extended = extensions.extended("a", "1.0.0", &Arc::default());
        assert!(extended.optional_dependencies.is_empty());
    }

    #[test]
    fn only_the_named_versions() {
        for (key, version, expected) in [
            ("a", "2.0.0", true),
            ("a@*", "2.0.0-rc.1", true),
            ("a@^1", "2.0.0", false),
            ("b", "2.0.0", false),
            ("a@>=2.0.0-0", "2.0.0-rc.1", true),
        ] {
            let (added, _) = extended(
                &format!(r#"{{"{key}": {{"dependencies": {{"x": "1"}}}}}}"#),
                &format!(r#"{{"name": "a", "version": "{version}"}}"#),
            );
            assert_eq!(added, expected, "{key} {version}");
        }
    }

    #[test]
    fn errors_name_the_key() {
        for (json, error) in [
            (
                r#"{"": {}}"#,
                "the package extension `` cannot be used: `` names no package",
            ),
            (
                r#"{"a@zz": {}}"#,
                "the package extension `a@zz` cannot be used: `zz` is not a range of versions",
            ),
            (
                r#"{"a": []}"#,
                "the package extension `a` cannot be used: it is a list, not an object",
            ),
        ] {
            let json = Json::parse(json.as_bytes()).unwrap();
            assert_eq!(PackageExtensions::parse(&json).unwrap_err().to_string(), error);
        }
    }
}
