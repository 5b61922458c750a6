//! What stands in the place of a registry's version: a repository, an archive or a folder that a specifier names.

use std::sync::Arc;

use wharf_core::{Digest, Source};

use super::manifest::PackageManifest;

/// Who names a place: relative paths start there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum From {
    /// The importer at this path, relative to the project's root; `.` is the root itself.
    Importer(String),
    /// A package that comes from here.
    Package(Source),
}

/// A package that no registry lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Direct {
    /// What it says about itself.
    pub manifest: Arc<PackageManifest>,
    /// Where it comes from, precisely (the commit, not the branch).
    pub source: Source,
    /// What its archive hashes to, strongest first; empty for git and folders.
    pub integrity: Vec<Digest>,
    /// The archive's URL without credentials, where the source does not say it.
    pub tarball: Option<String>,
}
