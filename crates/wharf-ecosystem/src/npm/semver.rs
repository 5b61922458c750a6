//! Versions and ranges as node has them. Source: semver.org 2.0.0 and node-semver's documented grammar.

use std::sync::Arc;

/// A version. Ordered by precedence, then by build metadata, so that the order is total.
#[derive(Clone, Debug)]
pub struct Version {
    text: Arc<str>,
}

impl Version {
    /// The version in normal form (`1.2.3-beta.1+build`).
    pub fn as_str(&self) -> &str {
        &self.text
    }
}
