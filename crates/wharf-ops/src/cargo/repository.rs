//! Packages of git repositories, for the resolver.

use std::sync::Arc;

use wharf_ecosystem::cargo::SourceId;
use wharf_index::IndexError;
use wharf_index::cargo::CratesIndex;
use wharf_project::CargoConfig;
use wharf_project::cargo::repository_packages;
use wharf_sys::run_blocking;

use super::known::Packages;

/// The packages that a repository holds, at what is asked of it. Each says at which commit that is.
///
/// # Errors
/// It cannot be reached, or has no such branch, tag or commit.
pub(crate) async fn packages(
    index: &CratesIndex,
    config: &CargoConfig,
    source: &SourceId,
) -> Result<Packages, IndexError> {
    let repository = index.repository(source).await?;
    let source = source.at_commit(Some(&repository.commit));
    let config = config.clone();
    let read = move || {
        let found = repository_packages(&repository.root, &source, &config);
        found.map_err(|error| repository.failed(error.to_string()))
    };
    let found = run_blocking(read).await?;
    Ok(Arc::new(
        found.into_iter().map(|member| Arc::new(member.summary)).collect(),
    ))
}
