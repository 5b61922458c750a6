//! Git repositories that crates come from. Invariant: what is read of one is what one full commit has.

use std::path::PathBuf;

use tempfile::TempDir;
use wharf_core::WebUrl;
use wharf_ecosystem::cargo::{GitReference, SourceId};

use super::CratesIndex;
use crate::error::IndexError;

/// A working tree of a repository, there for as long as this is kept.
#[derive(Debug)]
pub struct CrateRepository {
    /// Its folder.
    pub root: PathBuf,
    /// The full commit.
    pub commit: String,
    shown: String,
    _scratch: TempDir,
}

impl CrateRepository {
    /// An error about what it holds.
    #[must_use]
    pub fn failed(&self, reason: String) -> IndexError {
        IndexError::Git {
            what: self.shown.clone(),
            reason,
            hints: Vec::new(),
        }
    }
}

impl CratesIndex {
    /// A repository at the commit that a source names, or at what its branch or tag is now.
    ///
    /// # Errors
    /// Where it cannot be reached or has no such thing, and for a source that is no repository.
    pub async fn repository(&self, source: &SourceId) -> Result<CrateRepository, IndexError> {
        let SourceId::Git(git) = source else {
            return Err(IndexError::Location {
                location: source.to_string(),
                reason: "it is no git repository".to_owned(),
            });
        };
        let reference = match (&git.commit, &git.reference) {
            (Some(commit), _) => Some(&**commit),
            (None, GitReference::Tag(name) | GitReference::Branch(name) | GitReference::Rev(name)) => {
                Some(name.as_str())
            }
            (None, GitReference::DefaultBranch) => None,
        };
        let url = WebUrl::from(git.url.clone());
        let repositories = &self.shared.repositories;
        let commit = repositories.commit(&url, reference).await?;
        let checkout = repositories.checkout(&url, &commit, None).await?;
        Ok(CrateRepository {
            root: checkout.root,
            commit,
            shown: checkout.shown,
            _scratch: checkout.scratch,
        })
    }
}
