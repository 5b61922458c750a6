//! What resolution has to know of one version of a crate.

use std::sync::Arc;

use semver::Version;
use wharf_core::{Digest, Timestamp};

use super::{CrateName, Dependency, FeatureMap, RustVersion, SourceId};

/// What resolution has to know of one version of a crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The crate.
    pub name: CrateName,
    /// The version.
    pub version: Version,
    /// Where it comes from.
    pub source: SourceId,
    /// What it needs, in the order of the manifest or of the index line.
    pub dependencies: Vec<Dependency>,
    /// Its features, with the implicit ones of optional dependencies.
    pub features: FeatureMap,
    /// The SHA-256 of its archive; `None` for git and paths.
    pub checksum: Option<Digest>,
    /// The native library that it links: one crate of a graph may name it.
    pub links: Option<Arc<str>>,
    /// The compiler that it asks for.
    pub rust_version: Option<RustVersion>,
    /// Whether the registry advises against it.
    pub yanked: bool,
    /// When it was published, where the registry says so.
    pub published: Option<Timestamp>,
}

impl Summary {
    /// A summary without dependencies and features.
    pub fn new(name: CrateName, version: Version, source: SourceId) -> Self {
        Self {
            name,
            version,
            source,
            dependencies: Vec::new(),
            features: FeatureMap::new(),
            checksum: None,
            links: None,
            rust_version: None,
            yanked: false,
            published: None,
        }
    }

    /// `serde@1.0.228`, for messages.
    pub fn label(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}
