//! Where the resolver gets its facts: one seam, so that it runs on a real index and on a world in memory alike.
//! Invariant: answers do not change during one resolution.
use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use wharf_core::{PackageName, Source};
use wharf_ecosystem::pypi::simple::File;
use wharf_ecosystem::pypi::{CoreMetadata, ExtraName, Requirement, Version, VersionSpecifiers};
use wharf_project::RequirementSource;

pub use wharf_index::Dist;

use super::offer::{Judge, Offer, Unfit};

/// What can be chosen, and what it needs.
pub trait PackageSource: Send + Sync + 'static {
    /// The releases of a package, on the index of this name or on those configured.
    fn releases<'a>(
        &'a self,
        name: &'a PackageName,
        index: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Arc<dyn Page>, SourceError>>;

    /// The releases, if they can be had at once, without waiting for anything.
    fn ready_releases(&self, name: &PackageName, index: Option<&str>) -> Option<Arc<dyn Page>> {
        let _ = (name, index);
        None
    }

    /// What an archive or a source tree needs.
    fn needs<'a>(&'a self, dist: &'a Dist) -> BoxFuture<'a, Result<Arc<dyn Needs>, SourceError>>;

    /// What it needs, if that can be had at once.
    fn ready_needs(&self, dist: &Dist) -> Option<Arc<dyn Needs>> {
        let _ = dist;
        None
    }

    /// Pins down a direct reference: reads the name and version of what lies at a URL, path or commit.
    fn direct<'a>(
        &'a self,
        name: &'a PackageName,
        reference: &'a Reference,
    ) -> BoxFuture<'a, Result<Direct, SourceError>>;
}

/// The releases of one package, newest first.
pub trait Page: Send + Sync {
    /// Where a file of it is from; a page may gather several places.
    fn source(&self, file: &File) -> Source;
    /// How many there are.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The version of the release at a position.
    fn version(&self, position: usize) -> Version;
    /// The files of the release at a position.
    fn files(&self, position: usize) -> Vec<Arc<File>>;
    /// The files of the release at a position that a target should read and install, or why there are none.
    ///
    /// # Errors
    /// The most telling reason for which none will do.
    fn offer(&self, position: usize, judge: &Judge<'_>) -> Result<Offer, Unfit> {
        judge.choose(self.files(position))
    }
}

/// What a distribution says about itself, as far as it matters for choosing.
pub trait Needs: Send + Sync {
    /// The Python versions it says it works with.
    fn requires_python(&self) -> Option<VersionSpecifiers>;
    /// Every requirement, with its markers.
    fn requirements(&self) -> Vec<Requirement>;
    /// Requirements that may apply without an extra. A superset will do: markers are evaluated again.
    fn base(&self) -> Vec<Requirement> {
        self.requirements()
    }
    /// Requirements that may apply with an extra. A superset will do.
    fn for_extra(&self, extra: &ExtraName) -> Vec<Requirement> {
        let _ = extra;
        self.requirements()
    }
    /// Whether an extra of this name is declared.
    fn provides(&self, extra: &ExtraName) -> bool;
}

/// A direct reference as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reference {
    /// A URL (`https:`, `git+https:`, `file:`), as written after the `@`.
    Url(String),
    /// A place that the manifest names: path, URL or repository.
    Place {
        /// The place.
        source: RequirementSource,
        /// Whether a source tree is to be imported in place.
        editable: bool,
    },
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url),
            Self::Place { source, .. } => match source {
                RequirementSource::Path { path, .. } => f.write_str(path),
                RequirementSource::Index { .. }
                | RequirementSource::Url { .. }
                | RequirementSource::Git { .. } => {
                    write!(f, "{source}")
                }
            },
        }
    }
}

/// A direct reference that was looked at.
#[derive(Clone)]
pub struct Direct {
    /// What lies there, its source pinned (a full commit id).
    pub dist: Dist,
    /// What it needs.
    pub needs: Arc<dyn Needs>,
}

/// Why a fact could not be had.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SourceError {
    /// No such package, where it was looked for.
    #[error("there is no package `{name}`: {searched}")]
    Missing {
        /// The package.
        name: PackageName,
        /// What each place that was asked said, in words.
        searched: String,
    },
    /// There is something, but it cannot be used (broken metadata, a failed build). Costs that one version.
    #[error("{0}")]
    Unusable(String),
    /// The world is in the way: network, disk, offline. Ends the resolution.
    #[error(transparent)]
    Failed(Arc<dyn wharf_core::Explain + Send + Sync>),
}

impl Needs for CoreMetadata {
    fn requires_python(&self) -> Option<VersionSpecifiers> {
        self.requires_python.clone()
    }

    fn requirements(&self) -> Vec<Requirement> {
        self.requires_dist.clone()
    }

    fn provides(&self, extra: &ExtraName) -> bool {
        self.provides_extra.contains(extra)
    }
}
