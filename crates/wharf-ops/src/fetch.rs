//! From locked packages to unpacked trees in the store. What the store has costs one look-up; the rest is fetched or
//! built, as much at once as the governor allows.

use std::path::Path;
use std::sync::Arc;

use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::json;
use wharf_core::{Digest, Ecosystem, Event, Phase, Source, WebUrl};
use wharf_ecosystem::pypi::Version;
use wharf_index::Dist;
use wharf_install::Package;
use wharf_project::{InstallItem, LockedFile, LockedPackage, Project};
use wharf_store::TreeId;

use crate::error::OpsError;
use crate::runtime::Runtime;
use crate::session::Session;

/// Packages ready to be installed.
pub(crate) struct Fetched {
    pub(crate) packages: Vec<Package>,
    /// How many the store did not have.
    pub(crate) missing: usize,
}

/// Brings every item into the store.
///
/// # Errors
/// The first that cannot be fetched, verified or built; the others are dropped.
pub(crate) async fn all(
    session: &Session,
    project: &Project,
    runtime: &Runtime,
    items: &[InstallItem<'_>],
) -> Result<Fetched, OpsError> {
    let store = session.store()?;
    let mut trees: Vec<Option<TreeId>> = items
        .iter()
        .map(|item| {
            let digest = wheel_digest(item)?;
            store.lookup_package(Ecosystem::Pypi, &digest)
        })
        .collect();
    let missing: Vec<usize> = (0..items.len()).filter(|index| trees[*index].is_none()).collect();
    if !missing.is_empty() {
        let total = missing.len() as u64;
        session.emit(Event::PhaseStarted {
            phase: Phase::Fetch,
            total: Some(total),
        });
        let index = Arc::new(session.index(project, runtime)?);
        let mut running = FuturesUnordered::new();
        for position in missing.iter().copied() {
            let dist = dist(project, items[position].package, items[position].file)?;
            let index = Arc::clone(&index);
            running.push(async move { (position, index.fetch(&dist).await) });
        }
        let mut done = 0;
        while let Some((position, tree)) = session
            .cancel()
            .or(running.next())
            .await
            .ok_or(OpsError::Interrupted)?
        {
            trees[position] = Some(tree?);
            done += 1;
            let detail = Some(items[position].package.name.to_string());
            session.emit(Event::PhaseProgress {
                phase: Phase::Fetch,
                done,
                total: Some(total),
                detail,
            });
        }
        session.emit(Event::PhaseFinished {
            phase: Phase::Fetch,
            done,
        });
    }
    let packages = items.iter().zip(trees).map(|(item, tree)| {
        let package = item.package;
        Package {
            name: package.name.clone(),
            version: package.version.clone(),
            tree: tree.expect("every missing tree was fetched above"),
            direct_url: direct_url(&project.root, package, item.file),
            requested: item.requested,
        }
    });
    Ok(Fetched {
        packages: packages.collect(),
        missing: missing.len(),
    })
}

/// The digest under which the store knows a wheel's tree; `None` for what must be built.
fn wheel_digest(item: &InstallItem<'_>) -> Option<Digest> {
    let file = item.file?;
    file.filename.ends_with(".whl").then_some(file.digest)?
}

/// What the index is asked to fetch for a locked package.
pub(crate) fn dist(
    project: &Project,
    package: &LockedPackage,
    file: Option<&LockedFile>,
) -> Result<Dist, OpsError> {
    let malformed = |reason: String| OpsError::MalformedLock {
        name: package.name.clone(),
        version: package.version.clone(),
        reason,
    };
    let version: Version = package
        .version
        .parse()
        .map_err(|error| malformed(format!("{error}")))?;
    let (name, source) = (package.name.clone(), package.source.clone());
    let Some(file) = file else {
        return Ok(Dist::tree(name, version, source));
    };
    let url = match (&file.url, &package.source) {
        (Some(path), _) if !path.contains("://") => {
            file_url(&wharf_project::requirement::normalize(&project.root.join(path))).map_err(malformed)?
        }
        (Some(url), _) => WebUrl::parse(url).map_err(|error| malformed(error.to_string()))?,
        (None, Source::Url { url, .. }) => url.clone(),
        (None, Source::File { path }) => file_url(&project.root.join(path)).map_err(malformed)?,
        (None, _) => return Err(malformed(format!("{} has no URL", file.filename))),
    };
    Dist::locked(name, version, source, &file.filename, url, file.digest, file.size)
        .map_err(|error| malformed(error.to_string()))
}

fn file_url(path: &Path) -> Result<WebUrl, String> {
    url::Url::from_file_path(path)
        .map(WebUrl::from)
        .map_err(|()| format!("{} is not an absolute path", path.display()))
}

/// `direct_url.json` for what did not come from an index. Source: PEP 610, "Direct URL Data Structure".
fn direct_url(root: &Path, package: &LockedPackage, file: Option<&LockedFile>) -> Option<serde_json::Value> {
    let mut value = match &package.source {
        Source::Registry { .. } | Source::FindLinks { .. } => return None,
        Source::Url { url, .. } => json!({ "url": url, "archive_info": archive_info(file) }),
        Source::File { path } => {
            json!({ "url": file_url(&root.join(path)).ok()?, "archive_info": archive_info(file) })
        }
        Source::Directory { path, editable } => {
            let folder = wharf_project::requirement::normalize(&root.join(path));
            json!({ "url": file_url(&folder).ok()?, "dir_info": if *editable { json!({ "editable": true }) } else { json!({}) } })
        }
        Source::Git {
            url,
            reference,
            commit,
            ..
        } => {
            let mut info = json!({ "vcs": "git", "commit_id": commit });
            if let Some(reference) = reference {
                info["requested_revision"] = json!(reference);
            }
            json!({ "url": url, "vcs_info": info })
        }
    };
    if let Source::Url {
        subdirectory: Some(folder),
        ..
    }
    | Source::Git {
        subdirectory: Some(folder),
        ..
    } = &package.source
    {
        value["subdirectory"] = json!(folder);
    }
    Some(value)
}

fn archive_info(file: Option<&LockedFile>) -> serde_json::Value {
    match file.and_then(|file| file.digest) {
        Some(digest) => json!({ "hashes": { digest.algorithm().as_str(): digest.hex() } }),
        None => json!({}),
    }
}
