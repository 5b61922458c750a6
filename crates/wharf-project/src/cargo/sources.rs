//! Where each requirement and each patch leads: [`SourceId`]s from names, URLs and paths.

use std::path::Path;

use wharf_ecosystem::cargo::manifest::{Patch, Requirement, RequirementSource};
use wharf_ecosystem::cargo::{GitReference, InvalidManifest, SourceId, Summary};

use super::config::{CRATES_IO, CargoConfig};
use super::folders::relative;
use super::load::Package;
use super::members::path_of;
use super::{CargoMember, CargoPatch, MANIFEST, invalid, targets};
use crate::error::{Invalid, ProjectError};
use crate::text::SourceText;

/// The code of what leads nowhere.
const CODE: &str = "cargo/source";

/// Where paths begin.
pub(super) struct Place<'a> {
    /// The workspace's root: paths are told from there.
    pub(super) root: &'a Path,
    /// The folder of the manifest.
    pub(super) folder: &'a Path,
    /// The root whose dependencies are inherited.
    pub(super) workspace: &'a Path,
}

/// Where a requirement leads.
pub(super) fn source_of(
    requirement: &Requirement,
    place: &Place<'_>,
    config: &CargoConfig,
    text: &SourceText,
) -> Result<SourceId, ProjectError> {
    let wrong = |message: String| Invalid::new(text, requirement.span.clone(), CODE, message);
    Ok(match &requirement.source {
        RequirementSource::Default => SourceId::crates_io(),
        RequirementSource::Registry(name) if name == CRATES_IO => SourceId::crates_io(),
        RequirementSource::Registry(name) => match config.registry(name) {
            Some(registry) => registry.source.clone(),
            None => {
                let error = wrong(format!("there is no registry `{name}`"));
                let hint = format!("add [registries.{name}] with its `index` to .cargo/config.toml");
                return Err(error.hint(hint).into());
            }
        },
        RequirementSource::Index(url) => SourceId::registry(url).map_err(|error| wrong(error.to_string()))?,
        RequirementSource::Git { url, reference } => {
            SourceId::git(url, reference.clone()).map_err(|error| wrong(error.to_string()))?
        }
        RequirementSource::Path { .. } => {
            let folder = path_of(requirement, place.folder, place.workspace);
            let folder = folder.expect("the source is a path");
            SourceId::path(&relative(place.root, &folder))
        }
    })
}

/// A package of the project's folders as a member.
pub(super) fn member(
    root: &Path,
    folder: &Path,
    package: &Package,
    config: &CargoConfig,
) -> Result<CargoMember, ProjectError> {
    let path = relative(root, folder);
    let place = Place {
        root,
        folder,
        workspace: &package.workspace,
    };
    let summary = summary(package, SourceId::path(&path), |requirement| {
        source_of(requirement, &place, config, &package.source)
    })?;
    Ok(CargoMember {
        path,
        folder: folder.to_owned(),
        manifest_path: folder.join(MANIFEST),
        workspace: package.workspace.clone(),
        bins: targets::bins(folder, &package.manifest),
        manifest: package.manifest.clone(),
        summary,
        text: package.source.clone(),
    })
}

fn summary(
    package: &Package,
    source: SourceId,
    mut source_of: impl FnMut(&Requirement) -> Result<SourceId, ProjectError>,
) -> Result<Summary, ProjectError> {
    enum Failed {
        Manifest(InvalidManifest),
        Source(ProjectError),
    }
    impl From<InvalidManifest> for Failed {
        fn from(error: InvalidManifest) -> Self {
            Failed::Manifest(error)
        }
    }
    let summary = package.manifest.summary(source, |requirement| {
        source_of(requirement).map_err(Failed::Source)
    });
    summary.map_err(|failed| match failed {
        Failed::Manifest(error) => invalid(&package.source, error).into(),
        Failed::Source(error) => error,
    })
}

/// The patches of a manifest or of a file of configuration.
pub(super) fn patches(
    stated: &[Patch],
    place: &Place<'_>,
    config: &CargoConfig,
    text: &SourceText,
) -> Result<Vec<CargoPatch>, ProjectError> {
    let mut found = Vec::new();
    for patch in stated {
        let of = patched(patch, config, text)?;
        for requirement in &patch.requirements {
            let source = source_of(requirement, place, config, text)?;
            if source == of && !matches!(source, SourceId::Path(_)) {
                let message = format!("`{}` would be replaced by itself", requirement.name);
                let error = Invalid::new(text, requirement.span.clone(), CODE, message);
                return Err(error
                    .hint("a patch leads to another source: a path, a repository, a registry")
                    .into());
            }
            found.push(CargoPatch {
                of: of.clone(),
                dependency: requirement
                    .dependency(source)
                    .map_err(|error| invalid(text, error))?,
                origin: text.origin(requirement.span.start),
            });
        }
    }
    Ok(found)
}

/// The source that a `[patch.…]` is about.
fn patched(patch: &Patch, config: &CargoConfig, text: &SourceText) -> Result<SourceId, ProjectError> {
    if patch.source == CRATES_IO {
        return Ok(SourceId::crates_io());
    }
    if let Some(registry) = config.registry(&patch.source) {
        return Ok(registry.source.clone());
    }
    let wrong = || {
        let message = format!("`{}` is neither the name of a registry nor a URL", patch.source);
        let error = Invalid::new(text, patch.span.clone(), CODE, message);
        error.hint("write [patch.crates-io], the name of a registry, or a URL in quotes")
    };
    let as_registry = SourceId::registry(&patch.source).map_err(|_| wrong())?;
    let is_registry = as_registry.is_crates_io()
        || matches!(as_registry, SourceId::Sparse(_))
        || config.registry_of(&as_registry).is_some();
    if is_registry {
        return Ok(as_registry);
    }
    Ok(SourceId::git(&patch.source, GitReference::DefaultBranch).map_err(|_| wrong())?)
}
