//! Git repositories that crates come from, as homes in the store.
//!
//! Invariants: what is read of one is what one full commit has; a commit that the store has is fetched and checked out never
//! again, so that everything works without network from then on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wharf_core::WebUrl;
use wharf_ecosystem::cargo::{GitReference, GitSource, SourceId};
use wharf_store::{ArchiveError, Refusal, RepositoryId, RepositoryPackages};

use super::{CargoError, CratesIndex};
use crate::error::IndexError;
use crate::git::is_commit;

/// The tree of a repository at a commit, in the store.
#[derive(Clone, Debug)]
pub struct CrateRepository {
    /// Its folder.
    pub root: PathBuf,
    /// The full commit.
    pub commit: String,
    /// The repository's URL without a password.
    shown: String,
}

impl CrateRepository {
    /// An error about what it holds.
    #[must_use]
    pub fn failed(&self, reason: String) -> IndexError {
        IndexError::Cargo(Arc::new(CargoError::Repository {
            url: self.shown.clone(),
            commit: self.commit.clone(),
            reason,
        }))
    }
}

impl CratesIndex {
    /// A repository at the commit that a source names, or at what its branch or tag is now; and whether the store had it.
    /// `packages` tells of a working tree what the home has to know.
    ///
    /// # Errors
    /// Where it cannot be reached, has no such thing or leads out of itself, and for a source that is no repository.
    pub async fn repository(
        &self,
        source: &SourceId,
        packages: impl FnOnce(&Path) -> Result<RepositoryPackages, String> + Send + 'static,
    ) -> Result<(CrateRepository, bool), IndexError> {
        let SourceId::Git(git) = source else {
            return Err(IndexError::Location {
                location: source.to_string(),
                reason: "it is no git repository".to_owned(),
            });
        };
        let url = WebUrl::from(git.url.clone());
        let commit = match full_commit(git) {
            Some(commit) => commit.to_owned(),
            None => {
                self.shared
                    .repositories
                    .commit(&url, reference(git).as_deref())
                    .await?
            }
        };
        let id = RepositoryId::new(name(git), &commit);
        let repository = CrateRepository {
            root: self.shared.store.repository_folder(&id),
            commit,
            shown: url.without_credentials().to_string(),
        };
        if self.shared.store.has_repository(&id) {
            return Ok((repository, true));
        }
        let key = id.to_string();
        let placed = self
            .shared
            .placed
            .get_or(&key, || self.place(&url, &repository, id, packages));
        placed.await?;
        Ok((repository, false))
    }

    async fn place(
        &self,
        url: &WebUrl,
        repository: &CrateRepository,
        id: RepositoryId,
        packages: impl FnOnce(&Path) -> Result<RepositoryPackages, String> + Send + 'static,
    ) -> Result<(), IndexError> {
        let checkout = self
            .shared
            .repositories
            .checkout(url, &repository.commit, None)
            .await?;
        let (store, repository) = (Arc::clone(&self.shared.store), repository.clone());
        let place = move || {
            let packages = packages(&checkout.root).map_err(|reason| repository.failed(reason))?;
            let placed = store.place_repository(&id, &checkout.root, &packages);
            placed.map_err(|error| refused(&repository, error))
        };
        wharf_sys::run_compute(place).await
    }
}

/// The commit, where the source says it in full.
fn full_commit(git: &GitSource) -> Option<&str> {
    let stated = match &git.reference {
        GitReference::Rev(rev) => Some(rev.as_str()),
        GitReference::Tag(_) | GitReference::Branch(_) | GitReference::DefaultBranch => None,
    };
    git.commit
        .as_deref()
        .or(stated)
        .filter(|commit| is_commit(commit))
}

/// What git is asked for: a branch is none of the tags of that name.
fn reference(git: &GitSource) -> Option<String> {
    match &git.reference {
        GitReference::Tag(name) => Some(format!("refs/tags/{name}")),
        GitReference::Branch(name) => Some(format!("refs/heads/{name}")),
        GitReference::Rev(name) => Some(name.clone()),
        GitReference::DefaultBranch => None,
    }
}

/// What a repository is called: the end of its URL.
fn name(git: &GitSource) -> &str {
    let path = git.url.path().trim_end_matches('/');
    let last = path.rsplit('/').next().unwrap_or_default();
    last.strip_suffix(".git").unwrap_or(last)
}

fn refused(repository: &CrateRepository, error: ArchiveError) -> IndexError {
    match error {
        ArchiveError::Refused { entry, reason, .. } => {
            let entry = entry.unwrap_or_default();
            repository.failed(match reason {
                Refusal::EscapingLink { target } => {
                    format!("`{entry}` in it is a link to `{target}`, outside of the repository")
                }
                reason => format!("`{entry}` in it is refused: {reason}"),
            })
        }
        error => IndexError::unpack(repository.shown.clone())(error),
    }
}
