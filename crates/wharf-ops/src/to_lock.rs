//! From a resolution to the lockfile. Invariant: a file of an index is locked with a digest, whether the index gives one or not.

use std::collections::BTreeMap;
use std::sync::Arc;

use wharf_core::{Digest, Source};
use wharf_ecosystem::pypi::simple::File;
use wharf_index::{Dist, PypiIndex};
use wharf_project::{Lock, LockInputs, LockedEdge, LockedFile, LockedPackage, LockedTarget, Project};

use crate::error::OpsError;
use crate::resolve::{Resolution, ResolvedPackage};

/// Digests by file name, of files that the index gives none for.
pub(crate) type Digests = BTreeMap<String, Digest>;

/// The digests of files that the index gives none for. Such files are fetched now: from the next sync on they are verified.
pub(crate) async fn missing_digests(index: &PypiIndex, resolution: &Resolution) -> Result<Digests, OpsError> {
    let files = resolution
        .packages
        .iter()
        .flat_map(|package| package.files.iter().map(move |file| (package, file)));
    let fetches =
        files
            .filter(|(_, file)| strongest(&file.file).is_none())
            .map(async |(package, resolved)| {
                let dist = Dist {
                    name: package.name.clone(),
                    version: package.version.clone(),
                    source: package.source.clone(),
                    file: Some(Arc::clone(&resolved.file)),
                };
                let digest = index.digest_by_fetching(&dist).await?;
                Ok::<_, OpsError>(digest.map(|digest| (resolved.file.filename.clone(), digest)))
            });
    Ok(futures::future::try_join_all(fetches)
        .await?
        .into_iter()
        .flatten()
        .collect())
}

/// A resolution as the lockfile holds it.
pub(crate) fn locked(resolution: &Resolution, project: &Project, digests: &Digests) -> Lock {
    let targets: Vec<LockedTarget> = resolution
        .targets
        .iter()
        .map(|target| LockedTarget {
            target: target.target,
            python: target.python.to_string(),
        })
        .collect();
    let mut lock = Lock {
        version: wharf_project::lock::FORMAT,
        requires_python: project.requires_python.as_ref().map(ToString::to_string),
        inputs: LockInputs::of(project),
        packages: resolution
            .packages
            .iter()
            .map(|package| locked_package(project, package, &targets, digests))
            .collect(),
        targets,
        cargo: None,
        deb: None,
        npm: None,
    };
    lock.normalize();
    lock
}

fn locked_package(
    project: &Project,
    package: &ResolvedPackage,
    targets: &[LockedTarget],
    digests: &Digests,
) -> LockedPackage {
    let of_targets = |positions: &[usize], all: usize| {
        if positions.len() == all {
            Vec::new()
        } else {
            positions.iter().map(|at| targets[*at].target).collect()
        }
    };
    LockedPackage {
        name: package.name.clone(),
        version: package.version.to_string(),
        source: package.source.clone(),
        files: package
            .files
            .iter()
            .map(|resolved| LockedFile {
                targets: of_targets(&resolved.targets, package.targets.len()),
                digest: strongest(&resolved.file).or_else(|| digests.get(&resolved.file.filename).copied()),
                ..locked_file(project, &package.source, &resolved.file)
            })
            .collect(),
        dependencies: package
            .dependencies
            .iter()
            .map(|edge| LockedEdge {
                name: edge.name.clone(),
                version: None,
                extras: edge.extras.iter().map(ToString::to_string).collect(),
                when_extra: edge.when_extra.as_ref().map(ToString::to_string),
                marker: edge.marker.clone(),
            })
            .collect(),
        targets: of_targets(&package.targets, targets.len()),
        requires_python: package.requires_python.as_ref().map(ToString::to_string),
    }
}

fn strongest(file: &File) -> Option<Digest> {
    let strong = file
        .digests
        .iter()
        .filter(|digest| digest.algorithm().is_strong());
    strong.max().copied()
}

fn locked_file(project: &Project, source: &Source, file: &File) -> LockedFile {
    let url = match (source, file.url.as_url().to_file_path()) {
        // The source says where it lies, relative to the project.
        (Source::File { .. }, _) => None,
        // A file of the project is at another place on the next machine.
        (_, Ok(path)) => Some(project.shown_path(&path)),
        (_, Err(())) => Some(file.url.without_credentials().without_fragment().to_string()),
    };
    LockedFile {
        filename: file.filename.clone(),
        url,
        digest: None,
        size: file.size,
        upload_time: file.upload_time,
        targets: Vec::new(),
    }
}
