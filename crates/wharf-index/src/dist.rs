//! One distribution: a version of a package from one place, as one file or as one source tree.

use std::sync::Arc;

use wharf_core::{Digest, PackageName, Source, WebUrl};
use wharf_ecosystem::pypi::simple::{File, MetadataFile};
use wharf_ecosystem::pypi::{DistName, FilenameError, Version};

use crate::releases::identity;

/// What can be fetched and has metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dist {
    /// The package.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// Where it comes from.
    pub source: Source,
    /// The archive; `None` for git and for local source trees.
    pub file: Option<Arc<File>>,
}

impl Dist {
    /// A distribution as a lockfile names it.
    ///
    /// # Errors
    /// Where `filename` names no archive of the package.
    pub fn locked(
        name: PackageName,
        version: Version,
        source: Source,
        filename: &str,
        url: WebUrl,
        digest: Option<Digest>,
        size: Option<u64>,
    ) -> Result<Self, FilenameError> {
        let dist = DistName::parse(filename, &name)?;
        let file = File {
            filename: filename.to_owned(),
            url,
            digests: digest.into_iter().collect(),
            size,
            requires_python: None,
            yanked: None,
            upload_time: None,
            metadata: MetadataFile::Unknown,
            dist,
        };
        Ok(Self {
            name,
            version,
            source,
            file: Some(Arc::new(file)),
        })
    }

    /// A source tree: git, or a local directory.
    pub fn tree(name: PackageName, version: Version, source: Source) -> Self {
        Self {
            name,
            version,
            source,
            file: None,
        }
    }

    /// Whether it must be built before it can be installed.
    pub fn needs_build(&self) -> bool {
        self.file
            .as_ref()
            .is_none_or(|file| file.dist.as_wheel().is_none())
    }

    /// The digest that it is known by, where it has a strong one.
    pub fn digest(&self) -> Option<Digest> {
        identity(&self.file.as_ref()?.digests)
    }

    /// What tells it from every other distribution: a digest where there is one, else its place.
    pub(crate) fn key(&self) -> String {
        if let Some(digest) = self.digest() {
            return match &self.source {
                Source::Url {
                    subdirectory: Some(folder),
                    ..
                } => format!("{digest} {folder}"),
                _ => digest.to_string(),
            };
        }
        match (&self.file, &self.source) {
            (Some(file), _) => format!("url {}", file.url),
            (
                None,
                Source::Git {
                    url,
                    commit,
                    subdirectory,
                    ..
                },
            ) => {
                format!(
                    "git {url} {commit} {}",
                    subdirectory.as_deref().unwrap_or_default()
                )
            }
            (None, Source::Directory { path, editable }) => format!("directory {path} {editable}"),
            (None, other) => format!("{other:?} {}", self.version),
        }
    }

    /// What people call it.
    pub fn label(&self) -> String {
        format!("{} {}", self.name, self.version)
    }
}
