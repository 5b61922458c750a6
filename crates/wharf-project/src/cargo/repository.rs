//! The packages of a git repository, and their manifests as each reads without the others.
//! Invariant: nothing outside of the repository's folder is read, wherever a manifest points.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use wharf_ecosystem::cargo::SourceId;

use super::config::CargoConfig;
use super::folders::relative;
use super::load::{Loader, Package};
use super::{CargoMember, CargoPatch, MANIFEST, alone, sources};
use crate::error::ProjectError;
use crate::requirement::normalize;
use crate::stated::Stated;

/// The packages of a checked-out repository: every folder of it that holds one, with the repository as their source. A manifest
/// that cannot be read costs its own package, and those that have one name with another are told apart by whoever looks.
///
/// # Errors
/// Where the folder cannot be read.
pub fn repository_packages(
    folder: &Path,
    source: &SourceId,
    config: &CargoConfig,
) -> Result<Vec<CargoMember>, ProjectError> {
    let mut found = Vec::new();
    each(folder, |root, folder, package| {
        found.extend(of_repository(root, folder, package, source, config));
    })?;
    Ok(found)
}

/// The folders of a checked-out repository that hold a package, relative to it and empty for its own; each with the manifest
/// that says the same without the root of its workspace, where it inherits anything.
///
/// # Errors
/// Where the folder cannot be read.
pub fn repository_manifests(folder: &Path) -> Result<BTreeMap<String, Option<String>>, ProjectError> {
    let mut found = BTreeMap::new();
    each(folder, |root, folder, package| {
        let path = folder.strip_prefix(root).unwrap_or(folder);
        let text = std::fs::read_to_string(package.workspace.join(MANIFEST)).unwrap_or_default();
        let manifest = alone::manifest(package.source.text(), folder, &text, &package.workspace);
        found.insert(path.to_string_lossy().into_owned(), manifest);
    })?;
    Ok(found)
}

/// `[patch]` of a workspace in a checked-out repository: cargo obeys it where a command of that workspace is built. Paths lead to
/// the same repository.
///
/// # Errors
/// Where the manifest cannot be read, or a patch leads nowhere.
pub fn repository_patches(
    workspace: &Path,
    source: &SourceId,
    config: &CargoConfig,
) -> Result<Vec<CargoPatch>, ProjectError> {
    let mut stated = Stated::default();
    let mut loader = Loader::new(workspace, Some(workspace), &mut stated);
    let Some(written) = loader.written(workspace)? else {
        return Ok(Vec::new());
    };
    let place = sources::Place {
        root: workspace,
        folder: workspace,
        workspace,
    };
    let mut patches = sources::patches(&written.manifest.patches, &place, config, &written.source)?;
    for patch in &mut patches {
        if patch.dependency.source.is_path() {
            patch.dependency.source = source.clone();
        }
    }
    Ok(patches)
}

/// Shows every package with its folder.
fn each(folder: &Path, mut see: impl FnMut(&Path, &Path, &Rc<Package>)) -> Result<(), ProjectError> {
    let root = normalize(&std::path::absolute(folder).map_err(ProjectError::reading(folder))?);
    let mut stated = Stated::default();
    // As with cargo's home, nothing inside belongs to a workspace above.
    let mut loader = Loader::new(&root, Some(&root), &mut stated);
    for folder in folders_with_manifests(&root) {
        let workspace = loader.root_of(&folder);
        let inside = workspace.is_ok_and(|found| found.is_none_or(|found| found.starts_with(&root)));
        if inside && let Ok(Some(package)) = loader.package(&folder) {
            see(&root, &folder, &package);
        }
    }
    Ok(())
}

/// Paths inside a repository lead to the same repository.
fn of_repository(
    root: &Path,
    folder: &Path,
    package: &Rc<Package>,
    source: &SourceId,
    config: &CargoConfig,
) -> Option<CargoMember> {
    let mut member = sources::member(root, folder, package, config).ok()?;
    member.summary.source = source.clone();
    for dependency in &mut member.summary.dependencies {
        if dependency.source.is_path() {
            dependency.source = source.clone();
        }
    }
    Some(member)
}

fn folders_with_manifests(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        if folder.join(MANIFEST).is_file() {
            found.push(folder.clone());
        }
        let entries = std::fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .filter_map(Result::ok);
        for entry in entries {
            let name = entry.file_name();
            let is_hidden = name.to_string_lossy().starts_with('.');
            // What was built, and what git manages itself, is no source; links may lead round in a circle.
            if !is_hidden && name != "target" && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(entry.path());
            }
        }
    }
    found.sort_by_key(|folder| relative(root, folder));
    found
}
