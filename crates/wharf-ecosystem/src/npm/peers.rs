//! What a project says about peers that do not fit. Source: pnpm.io, "peerDependencyRules".

use super::glob::NamePatterns;
use super::json::Json;
use super::semver::{Range, Version};

/// Exceptions from the rules of peers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerRules {
    /// Peers whose absence is not reported.
    pub ignore_missing: NamePatterns,
    /// Peers of which any version will do.
    pub allow_any: NamePatterns,
    /// Versions that will do besides those that are asked for.
    pub allowed_versions: Vec<AllowedVersions>,
}

/// Versions of a peer that will do, for every package or for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedVersions {
    /// The package whose peer it is, with its versions; `None` for every package.
    pub parent: Option<(String, Option<Range>)>,
    /// The peer.
    pub peer: String,
    /// What will do.
    pub range: Range,
}

/// A rule that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the peer rule `{key}` cannot be used: {reason}")]
pub struct InvalidPeerRule {
    /// The key as written.
    pub key: String,
    /// What is wrong with it.
    pub reason: String,
}

impl PeerRules {
    /// Reads `{"ignoreMissing": […], "allowAny": […], "allowedVersions": {…}}`.
    ///
    /// # Errors
    /// Where a key or range of `allowedVersions` cannot be read.
    pub fn parse(value: &Json) -> Result<Self, InvalidPeerRule> {
        let patterns = |key| {
            let items = value.get(key).and_then(Json::list).unwrap_or_default();
            NamePatterns::new(items.iter().filter_map(Json::text))
        };
        let mut rules = Self {
            ignore_missing: patterns("ignoreMissing"),
            allow_any: patterns("allowAny"),
            allowed_versions: Vec::new(),
        };
        let allowed = value
            .get("allowedVersions")
            .and_then(Json::object)
            .unwrap_or_default();
        for (key, range) in allowed {
            let text = range.text().ok_or_else(|| InvalidPeerRule {
                key: key.clone(),
                reason: format!("it is {}, not a range", range.kind()),
            })?;
            rules.allow(key, text)?;
        }
        Ok(rules)
    }

    /// Adds one of `allowedVersions`: `peer`, `parent>peer` or `parent@range>peer`, and a range.
    ///
    /// # Errors
    /// Where one of the ranges cannot be read.
    pub fn allow(&mut self, key: &str, range: &str) -> Result<(), InvalidPeerRule> {
        let parse = |text: &str| {
            Range::parse(text).map_err(|error| InvalidPeerRule {
                key: key.to_owned(),
                reason: error.to_string(),
            })
        };
        let (parent, peer) = match key.rsplit_once('>') {
            Some((parent, peer)) => (Some(parent), peer),
            None => (None, key),
        };
        let parent = match parent {
            None => None,
            Some(text) => {
                let cut = text
                    .char_indices()
                    .skip(1)
                    .find(|(_, c)| *c == '@')
                    .map(|(at, _)| at);
                let (name, versions) = cut.map_or((text, None), |at| (&text[..at], Some(&text[at + 1..])));
                Some((name.trim().to_owned(), versions.map(parse).transpose()?))
            }
        };
        self.allowed_versions.push(AllowedVersions {
            parent,
            peer: peer.trim().to_owned(),
            range: parse(range)?,
        });
        Ok(())
    }

    /// Whether a missing peer is not to be reported.
    pub fn ignores_missing(&self, peer: &str) -> bool {
        self.ignore_missing.matches(peer)
    }

    /// Whether any version of a peer will do.
    pub fn allows_any(&self, peer: &str) -> bool {
        self.allow_any.matches(peer)
    }

    /// The versions of a peer that will do besides those that `asker` asks for.
    pub fn allowed(&self, asker: &str, asker_version: &str, peer: &str) -> Option<&Range> {
        let is_asker = |(name, range): &(String, Option<Range>)| {
            let within = |range: &Range| {
                Version::parse_loose(asker_version)
                    .is_ok_and(|version| range.satisfies_including_prerelease(&version))
            };
            name == asker && range.as_ref().is_none_or(within)
        };
        let of_peer = self
            .allowed_versions
            .iter()
            .filter(|allowed| allowed.peer == peer);
        // What is said of one package counts before what is said of all.
        let matching = of_peer.filter(|allowed| allowed.parent.as_ref().is_none_or(is_asker));
        matching
            .max_by_key(|allowed| allowed.parent.is_some())
            .map(|allowed| &allowed.range)
    }

    /// Whether a version will do as a peer of `asker`, though it is not what that asks for.
    pub fn allows(&self, (asker, asker_version): (&str, &str), peer: &str, version: &Version) -> bool {
        let allowed = self.allowed(asker, asker_version, peer);
        self.allows_any(peer) || allowed.is_some_and(|range| range.satisfies_including_prerelease(version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_will_do() {
        let json = r#"{"ignoreMissing": ["@babel/*"], "allowAny": ["eslint"],
            "allowedVersions": {"react": "17", "card@1>vue": "2 || 3", "@s/a>@s/b": "1"}}"#;
        let rules = PeerRules::parse(&Json::parse(json.as_bytes()).unwrap()).unwrap();
        assert!(rules.ignores_missing("@babel/core") && !rules.ignores_missing("react"));
        for (parent, peer, version, expected) in [
            (("x", "1.0.0"), "eslint", "99.0.0", true),
            (("x", "1.0.0"), "react", "17.0.2", true),
            (("x", "1.0.0"), "react", "18.0.0", false),
            (("card", "1.2.0"), "vue", "3.1.0", true),
            (("card", "2.0.0"), "vue", "3.1.0", false),
            (("other", "1.2.0"), "vue", "3.1.0", false),
            (("@s/a", "1.2.0"), "@s/b", "1.0.0", true),
        ] {
            let version = Version::parse(version).unwrap();
            assert_eq!(
                rules.allows(parent, peer, &version),
                expected,
                "{parent:?} {peer} {version}"
            );
        }
    }

    #[test]
    fn errors_name_the_key() {
        for (json, error) in [
            (
                r#"{"a": "zz"}"#,
                "the peer rule `a` cannot be used: `zz` is not a range of versions",
            ),
            (
                r#"{"p@zz>a": "1"}"#,
                "the peer rule `p@zz>a` cannot be used: `zz` is not a range of versions",
            ),
            (
                r#"{"a": 1}"#,
                "the peer rule `a` cannot be used: it is a number, not a range",
            ),
        ] {
            let json = Json::parse(format!("{{\"allowedVersions\": {json}}}").as_bytes()).unwrap();
            assert_eq!(PeerRules::parse(&json).unwrap_err().to_string(), error);
        }
    }
}
