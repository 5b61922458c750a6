//! Git repositories that crates come from: in the store at one commit, with the packages that they hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use wharf_crates::Patch;
use wharf_ecosystem::cargo::{LockedCrate, SourceId};
use wharf_index::IndexError;
use wharf_index::cargo::{CrateRepository, CratesIndex};
use wharf_project::cargo::{repository_manifests, repository_packages, repository_patches};
use wharf_project::{CargoConfig, CargoMember, CargoProject, CrateEndpoint};
use wharf_sys::run_blocking;

use super::error::CargoError;
use super::known::Packages;
use crate::error::OpsError;
use crate::session::Session;

/// A repository in the store.
pub(crate) struct Laid {
    /// It.
    pub(crate) repository: CrateRepository,
    /// Its packages, with their folders in the store.
    pub(crate) members: Vec<CargoMember>,
    /// Whether the store had it.
    pub(crate) known: bool,
}

impl Laid {
    /// The package of a name and version. Of several, the first by its folder.
    pub(crate) fn member(&self, package: &LockedCrate) -> Option<&CargoMember> {
        let same = |member: &&CargoMember| {
            let summary = &member.summary;
            summary.name == package.name && summary.version == package.version
        };
        self.members.iter().find(same)
    }
}

/// The packages that a repository holds, at what is asked of it. Each says at which commit that is.
///
/// # Errors
/// It cannot be reached, has no such branch, tag or commit, or cannot be used.
pub(crate) async fn packages(
    index: &CratesIndex,
    config: &CargoConfig,
    source: &SourceId,
) -> Result<Packages, IndexError> {
    let laid = laid(index, config, source).await?;
    let summaries = laid.members.into_iter().map(|member| Arc::new(member.summary));
    Ok(Arc::new(summaries.collect()))
}

/// A repository at what is asked of it, in the store.
///
/// # Errors
/// As [`packages`].
pub(crate) async fn laid(
    index: &CratesIndex,
    config: &CargoConfig,
    source: &SourceId,
) -> Result<Laid, IndexError> {
    let place = place(config, source)?;
    let manifests = |tree: &std::path::Path| repository_manifests(tree).map_err(|error| error.to_string());
    // Boxed: what waits for this is deep enough without it.
    let (repository, known) = Box::pin(index.repository(&place, manifests)).await?;
    let (source, config) = (source.at_commit(Some(&repository.commit)), config.clone());
    let read = move || match repository_packages(&repository.root, &source, &config) {
        Ok(members) => Ok(Laid {
            repository,
            members,
            known,
        }),
        Err(error) => Err(repository.failed(error.to_string())),
    };
    run_blocking(read).await
}

/// What takes the place of other packages where a tool of this package's workspace is built.
///
/// # Errors
/// The manifest of the workspace says it in a way that nothing can follow.
pub(crate) fn patches(member: &CargoMember, config: &CargoConfig) -> Result<Vec<Patch>, OpsError> {
    let stated = repository_patches(&member.workspace, &member.summary.source, config)?;
    let patches = stated.into_iter().map(|patch| Patch {
        of: patch.of,
        dependency: patch.dependency,
    });
    Ok(patches.collect())
}

/// Where a repository is really fetched from: another may stand in for it.
fn place(config: &CargoConfig, source: &SourceId) -> Result<SourceId, IndexError> {
    let refused = |reason: String| IndexError::Location {
        location: source.at_commit(None).to_string(),
        reason,
    };
    match config.endpoint(&source.at_commit(None)) {
        Ok(CrateEndpoint::Git(place)) => Ok(place.at_commit(source.commit())),
        Ok(CrateEndpoint::Directory(folder) | CrateEndpoint::LocalRegistry(folder)) => Err(refused(format!(
            "cargo's configuration replaces it by {}, and Wharf reads repositories alone in its place",
            folder.display()
        ))),
        Ok(CrateEndpoint::Sparse { .. } | CrateEndpoint::GitIndex { .. } | CrateEndpoint::Path) => Err(
            refused("cargo's configuration replaces it by something that is no repository".to_owned()),
        ),
        Err(error) => Err(refused(error.to_string())),
    }
}

/// The locked crates that come from repositories, which are brought into the store.
pub(crate) struct Members {
    members: BTreeMap<String, CargoMember>,
    /// How many repositories the store lacked.
    pub(crate) missing: usize,
}

impl Members {
    /// Those of `packages`, for whoever `wants` them.
    ///
    /// # Errors
    /// A repository cannot be had or used, or lacks a crate that is locked to it.
    pub(crate) async fn bring<'p>(
        session: &Session,
        index: &CratesIndex,
        config: &CargoConfig,
        packages: impl Iterator<Item = &'p LockedCrate>,
        wants: impl Fn(&LockedCrate) -> String,
    ) -> Result<Self, OpsError> {
        let mut by_source: BTreeMap<String, (&SourceId, Vec<&LockedCrate>)> = BTreeMap::new();
        for package in packages {
            if let Some(source @ SourceId::Git(_)) = &package.source {
                let entry = by_source.entry(source.to_string());
                entry.or_insert((source, Vec::new())).1.push(package);
            }
        }
        let mut found = Self {
            members: BTreeMap::new(),
            missing: 0,
        };
        let each = by_source.values().map(|(source, _)| laid(index, config, source));
        let all = session.cancel().or(futures::future::join_all(each)).await;
        for (laid, (source, packages)) in all
            .ok_or(OpsError::Interrupted)?
            .into_iter()
            .zip(by_source.values())
        {
            let laid = laid.map_err(|cause| unavailable(packages[0], source, &wants, cause))?;
            found.missing += usize::from(!laid.known);
            for package in packages {
                let member = laid.member(package).ok_or_else(|| CargoError::NotInRepository {
                    package: package.label(),
                    source_id: source.to_string(),
                    wanted_by: wants(package),
                })?;
                found.members.insert(key(package), member.clone());
            }
        }
        Ok(found)
    }

    /// What a crate's repository says of it, and where its files lie; `None` for one of no repository.
    pub(crate) fn of(&self, package: &LockedCrate) -> Option<&CargoMember> {
        self.members.get(&key(package))
    }
}

fn key(package: &LockedCrate) -> String {
    let source = package.source.as_ref().map(ToString::to_string);
    format!("{} {}", package.label(), source.unwrap_or_default())
}

fn unavailable(
    package: &LockedCrate,
    source: &SourceId,
    wants: &impl Fn(&LockedCrate) -> String,
    cause: IndexError,
) -> OpsError {
    let (label, wants) = (package.label(), wants(package));
    let what = format!("{label}, which {wants} needs from {source}, cannot be had: {cause}");
    OpsError::Unavailable { what, cause }
}

/// Who needs a crate of a workspace's lock: a package of the workspace, a patch, or a crate.
pub(crate) fn wanted_by(cargo: &CargoProject, locked: &[LockedCrate], package: &LockedCrate) -> String {
    let direct = cargo
        .git_uses()
        .into_iter()
        .find(|need| need.package == package.name.as_str() && package.source.as_ref() == Some(need.source));
    let needs = |other: &&LockedCrate| {
        let mut names = other.dependencies.iter();
        names.any(|need| need.name == package.name)
    };
    match (direct, locked.iter().find(needs)) {
        (Some(need), _) => need.needed_by,
        (None, Some(other)) => other.label(),
        (None, None) => "Cargo.lock".to_owned(),
    }
}
