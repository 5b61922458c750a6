//! What people ask about a package: its versions, tags, description, licence and who maintains it.
//!
//! Everything comes from the full document, which is asked for here whatever the index itself works with.

use serde_json::Value;
use wharf_core::{PackageName, Timestamp};
use wharf_ecosystem::npm::Version;

use super::NpmIndex;
use super::packument::{Cached, Form};
use crate::error::IndexError;

/// A package in brief.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Tags and the versions that they point to.
    pub tags: Vec<(String, String)>,
    /// Every version, highest first.
    pub versions: Vec<AboutVersion>,
    /// What was left out of them and why.
    pub skipped: Vec<String>,
    /// When the package changed last.
    pub modified: Option<Timestamp>,
    /// What the version that was asked for, or the latest, says of itself.
    pub shown: Option<Shown>,
}

/// One version in brief.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AboutVersion {
    /// Which.
    pub version: Version,
    /// When it was published.
    pub published: Option<Timestamp>,
    /// Whether the registry says a word against it.
    pub deprecated: bool,
    /// The Node versions that it says it runs on.
    pub engines_node: Option<String>,
}

/// What one version says of itself for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Which.
    pub version: String,
    /// In a line.
    pub description: Option<String>,
    /// As SPDX has it, or as written.
    pub licence: Option<String>,
    /// Its page.
    pub homepage: Option<String>,
    /// Where its source is.
    pub repository: Option<String>,
    /// Where its faults are reported.
    pub bugs: Option<String>,
    /// Who wrote it.
    pub author: Option<String>,
    /// Who may publish it: names, without addresses.
    pub maintainers: Vec<String>,
    /// Words to find it by.
    pub keywords: Vec<String>,
    /// What it needs to run.
    pub dependencies: Vec<(String, String)>,
    /// What it needs from whoever uses it.
    pub peer_dependencies: Vec<(String, String)>,
    /// The registry's word against it.
    pub deprecated: Option<String>,
    /// Bytes when unpacked.
    pub unpacked_size: Option<u64>,
}

impl NpmIndex {
    /// All that is known of a package, with what `version` (else the latest) says of itself.
    ///
    /// # Errors
    /// Where the package is unknown or its document cannot be had.
    pub async fn about(&self, name: &PackageName, version: Option<&Version>) -> Result<About, IndexError> {
        let packument = self.load_as(name, Form::Full, Cached::Used).await?;
        let versions = packument.versions();
        let brief = versions.rows().rev().map(|row| AboutVersion {
            version: row.version,
            published: row.published,
            deprecated: row.deprecated,
            engines_node: row.engines_node.as_deref().map(str::to_owned),
        });
        let latest = || versions.latest().or_else(|| versions.rows().next_back());
        let wanted = version.cloned().or_else(|| latest().map(|row| row.version));
        let shown = match wanted {
            Some(wanted) => Some(shown(&packument.object_of(&wanted)?, &wanted)),
            None => None,
        };
        Ok(About {
            tags: versions.tags().to_vec(),
            versions: brief.collect(),
            skipped: versions.skipped.clone(),
            modified: packument.modified(),
            shown,
        })
    }
}

/// Reads the fields that people want out of a version's object; whatever is odd is left out.
fn shown(object: &[u8], version: &Version) -> Shown {
    let value: Value = serde_json::from_slice(object).unwrap_or_default();
    let text = |key: &str| person_or_text(&value[key]);
    let list = |key: &str, read: fn(&Value) -> Option<String>| -> Vec<String> {
        let items = value[key].as_array().map(Vec::as_slice).unwrap_or_default();
        items.iter().filter_map(read).collect()
    };
    let pairs = |key: &str| -> Vec<(String, String)> {
        let items = value[key].as_object().into_iter().flatten();
        items
            .filter_map(|(name, range)| Some((name.clone(), range.as_str()?.to_owned())))
            .collect()
    };
    Shown {
        version: version.to_string(),
        description: text("description"),
        licence: licence(&value),
        homepage: text("homepage"),
        repository: located(&value["repository"]).map(|url| readable(&url)),
        bugs: located(&value["bugs"]),
        author: text("author"),
        maintainers: list("maintainers", person_or_text),
        keywords: list("keywords", |word| word.as_str().map(str::to_owned)),
        dependencies: pairs("dependencies"),
        peer_dependencies: pairs("peerDependencies"),
        deprecated: text("deprecated"),
        unpacked_size: value["dist"]["unpackedSize"].as_u64(),
    }
}

/// A text, or a person's name: addresses are nobody's business here.
fn person_or_text(value: &Value) -> Option<String> {
    let text = value.as_str().or_else(|| value["name"].as_str())?;
    let bare = text.split('<').next().unwrap_or(text).trim();
    (!bare.is_empty()).then(|| bare.to_owned())
}

/// `license` as a text, or as the object and the list that old packages have.
fn licence(value: &Value) -> Option<String> {
    let kind = |value: &Value| {
        value
            .as_str()
            .or_else(|| value["type"].as_str())
            .map(str::to_owned)
    };
    let several = value["licenses"].as_array().map(|several| {
        let kinds: Vec<String> = several.iter().filter_map(kind).collect();
        kinds.join(" OR ")
    });
    kind(&value["license"])
        .or(several)
        .filter(|text| !text.is_empty())
}

fn located(value: &Value) -> Option<String> {
    let text = value.as_str().or_else(|| value["url"].as_str())?;
    Some(text.to_owned())
}

/// A repository's URL as a browser takes it.
fn readable(url: &str) -> String {
    let url = url.strip_prefix("git+").unwrap_or(url);
    let url = url.strip_suffix(".git").unwrap_or(url);
    for scheme in ["git://", "ssh://git@"] {
        if let Some(rest) = url.strip_prefix(scheme) {
            return format!("https://{rest}");
        }
    }
    url.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_every_shape() {
        let check = |object: &str| shown(object.as_bytes(), &Version::parse("1.0.0").unwrap());
        let plain = check(
            r#"{"description": "d", "license": "MIT", "homepage": "https://example.org/", "author": "A B <a@example.org> (https://example.org)",
                "repository": {"type": "git", "url": "git+https://example.org/a/b.git"}, "bugs": {"url": "https://example.org/bugs"},
                "maintainers": [{"name": "a", "email": "a@example.org"}, "b <b@example.org>"], "keywords": ["x", 3],
                "dependencies": {"a": "^1", "b": 2}, "dist": {"unpackedSize": 12}}"#,
        );
        assert_eq!(plain.repository.as_deref(), Some("https://example.org/a/b"));
        assert_eq!(plain.maintainers, ["a", "b"]);
        assert_eq!(plain.author.as_deref(), Some("A B"));
        assert_eq!(plain.dependencies, [("a".to_owned(), "^1".to_owned())]);
        assert_eq!(
            (plain.keywords, plain.unpacked_size),
            (vec!["x".to_owned()], Some(12))
        );
        let old = check(
            r#"{"licenses": [{"type": "MIT"}, {"type": "GPL-2.0"}], "repository": "git://example.org/a.git", "author": []}"#,
        );
        assert_eq!(old.licence.as_deref(), Some("MIT OR GPL-2.0"));
        assert_eq!(old.repository.as_deref(), Some("https://example.org/a"));
        assert_eq!(
            check("[]"),
            Shown {
                version: "1.0.0".to_owned(),
                ..Shown::default()
            }
        );
    }
}
