//! What a registry says of all versions of one package, as far as choosing one needs it.

use std::sync::Arc;

use wharf_core::{PackageName, Timestamp};

use super::semver::Version;

/// All versions of one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The package.
    pub name: PackageName,
    /// Tags and the versions that they point to, as the registry writes them.
    pub tags: Vec<(String, String)>,
    /// The versions, lowest first. Versions that are malformed beyond use are not here, but in `skipped`.
    pub rows: Vec<VersionRow>,
    /// What was left out and why, in words.
    pub skipped: Vec<String>,
}

/// One version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRow {
    /// The version.
    pub version: Version,
    /// Whether the registry says a word against it.
    pub deprecated: bool,
    /// The Node versions that it says it runs on.
    pub engines_node: Option<Arc<str>>,
    /// When it was published, where the registry says so.
    pub published: Option<Timestamp>,
}

impl Versions {
    /// The row of a version, if it is there.
    pub fn find(&self, version: &Version) -> Option<&VersionRow> {
        let at = self.rows.binary_search_by(|row| row.version.cmp(version)).ok()?;
        self.rows.get(at)
    }

    /// The version that a tag points to, if it is there.
    pub fn tagged(&self, tag: &str) -> Option<&VersionRow> {
        let (_, text) = self.tags.iter().find(|(name, _)| name == tag)?;
        self.find(&Version::parse_loose(text).ok()?)
    }
}
