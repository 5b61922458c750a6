//! The index as the resolver sees it.
//! Invariant: a version that cannot be read or built costs that version; a registry or disk that fails ends the search.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use wharf_core::{Digest, Explain, PackageName};
use wharf_ecosystem::pypi::{ExtraName, Requirement, VersionSpecifiers};
use wharf_index::{IndexError, PypiIndex, Requirements};
use wharf_project::{PathKind, RequirementSource};

use crate::resolve::{Direct, Dist, IndexPage, Needs, PackageSource, Page, Reference, SourceError};

/// A package index that the resolver can ask.
pub(crate) struct IndexSource {
    index: PypiIndex,
    /// Digests that direct references must have.
    hashes: BTreeMap<PackageName, Vec<Digest>>,
}

impl IndexSource {
    /// Asks `index`.
    pub(crate) fn new(index: PypiIndex) -> Self {
        Self {
            index,
            hashes: BTreeMap::new(),
        }
    }

    /// The same, demanding that what direct references of these packages lead to has one of these digests.
    pub(crate) fn with_hashes(mut self, hashes: BTreeMap<PackageName, Vec<Digest>>) -> Self {
        self.hashes = hashes;
        self
    }
}

impl PackageSource for IndexSource {
    fn releases<'a>(
        &'a self,
        name: &'a PackageName,
        index: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Arc<dyn Page>, SourceError>> {
        Box::pin(async move {
            let releases = self
                .index
                .releases_from(name, index)
                .await
                .map_err(|error| fault(name, error))?;
            Ok(Arc::new(IndexPage::new(releases)) as Arc<dyn Page>)
        })
    }

    fn ready_releases(&self, name: &PackageName, index: Option<&str>) -> Option<Arc<dyn Page>> {
        let releases = self.index.cached_releases(name, index)?;
        Some(Arc::new(IndexPage::new(releases)))
    }

    fn needs<'a>(&'a self, dist: &'a Dist) -> BoxFuture<'a, Result<Arc<dyn Needs>, SourceError>> {
        Box::pin(async move {
            let requirements = self
                .index
                .requirements(dist)
                .await
                .map_err(|error| fault(&dist.name, error))?;
            usable(requirements)
        })
    }

    fn ready_needs(&self, dist: &Dist) -> Option<Arc<dyn Needs>> {
        let requirements = self.index.cached_requirements(dist)?;
        usable(requirements).ok()
    }

    fn direct<'a>(
        &'a self,
        name: &'a PackageName,
        reference: &'a Reference,
    ) -> BoxFuture<'a, Result<Direct, SourceError>> {
        Box::pin(async move {
            let failed = |error: IndexError| SourceError::Failed(Arc::new(error));
            let demanded = self.hashes.get(name).map(Vec::as_slice).unwrap_or_default();
            let direct = direct_reference(reference, demanded).map_err(failed)?;
            let (dist, requirements) = self.index.direct(Some(name), &direct).await.map_err(failed)?;
            Ok(Direct {
                dist,
                needs: Arc::new(PackageNeeds(requirements)),
            })
        })
    }
}

fn direct_reference(reference: &Reference, demanded: &[Digest]) -> Result<wharf_index::Direct, IndexError> {
    Ok(match reference {
        Reference::Url(text) => wharf_index::Direct::parse(text, false)?,
        Reference::Place { source, editable } => match source {
            RequirementSource::Index { name } => {
                let reason = "an index is no place of one package".to_owned();
                return Err(IndexError::Location {
                    location: name.clone(),
                    reason,
                });
            }
            RequirementSource::Url { url, subdirectory } => wharf_index::Direct::Url {
                url: url.clone(),
                subdirectory: subdirectory.clone(),
                digests: demanded.to_vec(),
            },
            RequirementSource::Git {
                url,
                reference,
                subdirectory,
            } => wharf_index::Direct::Git {
                url: url.clone(),
                reference: reference.clone(),
                subdirectory: subdirectory.clone(),
            },
            RequirementSource::Path { path, kind } => wharf_index::Direct::Path {
                path: path.clone(),
                editable: *editable && *kind == PathKind::Directory,
                digests: demanded.to_vec(),
            },
        },
    })
}

/// Sorts an error of the index by what it costs: nothing, one version, or the whole search.
fn fault(name: &PackageName, error: IndexError) -> SourceError {
    match &error {
        IndexError::UnknownPackage { tried, .. } => SourceError::Missing {
            name: name.clone(),
            searched: tried.join("; "),
        },
        IndexError::Metadata { .. }
        | IndexError::Mismatch { .. }
        | IndexError::NoBuilder { .. }
        | IndexError::Build(_)
        | IndexError::Unpack { .. } => SourceError::Unusable(first_line(&error)),
        IndexError::UnknownIndex { .. }
        | IndexError::Net { .. }
        | IndexError::Page { .. }
        | IndexError::Location { .. }
        | IndexError::WrongDigest { .. }
        | IndexError::Git { .. }
        | IndexError::Npm(_)
        | IndexError::Cargo(_)
        | IndexError::Deb(_)
        | IndexError::Disk { .. } => SourceError::Failed(Arc::new(error) as Arc<dyn Explain + Send + Sync>),
    }
}

fn first_line(error: &IndexError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

fn usable(requirements: Arc<Requirements>) -> Result<Arc<dyn Needs>, SourceError> {
    match requirements.problem() {
        Some(problem) => Err(SourceError::Unusable(problem.to_owned())),
        None => Ok(Arc::new(PackageNeeds(requirements))),
    }
}

/// What one distribution says about itself.
struct PackageNeeds(Arc<Requirements>);

impl Needs for PackageNeeds {
    fn requires_python(&self) -> Option<VersionSpecifiers> {
        self.0.requires_python().cloned()
    }

    fn requirements(&self) -> Vec<Requirement> {
        let mut all = self.0.base().to_vec();
        for extra in self.0.extras() {
            for requirement in self.0.for_extra(extra) {
                if !all.contains(&requirement) {
                    all.push(requirement);
                }
            }
        }
        all
    }

    fn base(&self) -> Vec<Requirement> {
        self.0.base().to_vec()
    }

    fn for_extra(&self, extra: &ExtraName) -> Vec<Requirement> {
        self.0.for_extra(extra)
    }

    fn provides(&self, extra: &ExtraName) -> bool {
        self.0.extras().contains(extra)
    }
}
