//! Where a package's files come from, as the lockfile records it.

use serde::{Deserialize, Serialize};

use crate::WebUrl;

/// The origin of a package's files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Source {
    /// A package index.
    Registry {
        /// The index, without credentials.
        index: WebUrl,
    },
    /// A folder or page of archives.
    FindLinks {
        /// A URL or a path, as configured.
        location: String,
    },
    /// One archive at a URL.
    Url {
        /// The archive.
        url: WebUrl,
        /// The folder inside it that holds the project.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subdirectory: Option<String>,
    },
    /// A commit of a git repository.
    Git {
        /// The repository.
        url: WebUrl,
        /// The branch, tag or revision that was asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// The full commit id.
        commit: String,
        /// The folder inside it that holds the project.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subdirectory: Option<String>,
    },
    /// A local archive.
    File {
        /// Relative to the project's root with `/` separators; absolute where it lies elsewhere.
        path: String,
    },
    /// A local source tree.
    Directory {
        /// Relative to the project's root with `/` separators; absolute where it lies elsewhere.
        path: String,
        /// Whether imports read the source tree itself.
        #[serde(default)]
        editable: bool,
    },
}

impl Source {
    /// Whether versions of it are found through an index, so that another version could be chosen.
    pub fn is_indexed(&self) -> bool {
        match self {
            Source::Registry { .. } | Source::FindLinks { .. } => true,
            Source::Url { .. } | Source::Git { .. } | Source::File { .. } | Source::Directory { .. } => false,
        }
    }
}
