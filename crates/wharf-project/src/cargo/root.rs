//! Which workspace a folder belongs to. Source: the Cargo book, "Workspaces": a package names its root, or the nearest manifest above
//! it with a `[workspace]` that does not exclude it is the root.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use wharf_ecosystem::cargo::Manifest;
use wharf_ecosystem::cargo::manifest::Workspace;

use super::folders::relative;
use super::load::{Loader, Written};
use super::{MANIFEST, config};
use crate::error::{Invalid, ProjectError};
use crate::project::{Options, Project};
use crate::requirement::normalize;
use crate::stated::Stated;
use crate::text::SourceText;

/// Whoever reads manifests.
pub(super) trait Lookup {
    fn manifest(&mut self, folder: &Path) -> Result<Option<Rc<Written>>, ProjectError>;
}

/// The root of the workspace that a folder belongs to, where it is another folder. Of a manifest that cannot be read, whoever reads
/// the project tells.
pub(crate) fn above(folder: &Path, options: &Options) -> Result<Option<PathBuf>, ProjectError> {
    let mut stated = Stated::default();
    let home = config::home(folder, options);
    let mut loader = Loader::new(folder, home.as_deref(), &mut stated);
    let Some(root) = loader.root_of(folder)?.filter(|root| root != folder) else {
        return Ok(None);
    };
    let at_root = loader.written(&root)?;
    if at_root.is_some_and(|written| written.manifest.workspace.is_some()) {
        return Ok(Some(root));
    }
    // Only a package that names its root can mean a folder without a workspace.
    let message = format!(
        "`{}` has no Cargo.toml with a [workspace]",
        relative(folder, &root)
    );
    let own = loader.written(folder)?.and_then(|own| {
        let pointer = own.manifest.package.as_ref()?.workspace.as_ref()?;
        Some(Invalid::new(
            &own.source,
            pointer.span.clone(),
            "cargo/workspace",
            message.clone(),
        ))
    });
    let error = own.unwrap_or_else(|| {
        Invalid::new(
            &SourceText::new(Path::new(MANIFEST), ""),
            0..0,
            "cargo/workspace",
            message,
        )
    });
    Err(error.hint("correct `workspace`, or take it out").into())
}

/// The files above a package of its own that would make it a member if they came to be.
pub(crate) fn places_above(folder: &Path) -> Vec<PathBuf> {
    let above = folder.ancestors().skip(1);
    above.map(|ancestor| ancestor.join(MANIFEST)).collect()
}

/// A folder that a workspace above holds has to be one of its members.
///
/// # Errors
/// Where it is none, as Cargo has it.
pub(crate) fn check_member(project: &Project, folder: &Path) -> Result<(), ProjectError> {
    let Some(workspace) = &project.cargo else {
        return Ok(());
    };
    if workspace.members.iter().any(|member| member.folder == folder) {
        return Ok(());
    }
    let shown = relative(&workspace.root, folder);
    let path = folder.join(MANIFEST);
    let text = std::fs::read_to_string(&path).map_err(ProjectError::reading(&path))?;
    let source = SourceText::new(path.strip_prefix(&workspace.root).unwrap_or(&path), &text);
    let place = Manifest::parse(&text).ok().and_then(|manifest| manifest.package);
    let message = format!(
        "this package lies in the workspace `{}`, and is none of its members",
        workspace.root.display()
    );
    let span = place.map_or(0..0, |package| package.span);
    let error = Invalid::new(&source, span, "cargo/workspace", message);
    let hint = format!(
        "add \"{shown}\" to `members` or to `exclude` of that [workspace], or an empty [workspace] here"
    );
    Err(error.hint(hint).into())
}

/// The root of the workspace that a folder's manifest belongs to; `None` for a package of its own.
pub(super) fn find(
    lookup: &mut impl Lookup,
    folder: &Path,
    home: Option<&Path>,
) -> Result<Option<PathBuf>, ProjectError> {
    let Some(own) = lookup.manifest(folder)? else {
        return Ok(None);
    };
    if let Some(root) = points_to(folder, &own.manifest, folder) {
        return Ok(Some(root));
    }
    let mut below = folder;
    for ancestor in folder.ancestors().skip(1) {
        // What Cargo unpacks to check a package is none of the workspace, and neither is its own home.
        if ancestor.ends_with("target/package") || home == Some(below) {
            return Ok(None);
        }
        below = ancestor;
        if !ancestor.join(MANIFEST).is_file() {
            continue;
        }
        if let Some(written) = lookup.manifest(ancestor)?
            && let Some(root) = points_to(ancestor, &written.manifest, folder)
        {
            return Ok(Some(root));
        }
    }
    Ok(None)
}

/// The root that a manifest in `folder` means for the package in `asked`.
fn points_to(folder: &Path, manifest: &Manifest, asked: &Path) -> Option<PathBuf> {
    if let Some(workspace) = &manifest.workspace {
        return (!is_excluded(folder, workspace, asked)).then(|| folder.to_owned());
    }
    let pointer = manifest.package.as_ref()?.workspace.as_ref()?;
    Some(normalize(&folder.join(&pointer.text)))
}

/// Whether the workspace in `root` leaves a folder out. Patterns count for nothing here, as in Cargo.
pub(super) fn is_excluded(root: &Path, workspace: &Workspace, folder: &Path) -> bool {
    let below = |text: &str| folder.starts_with(normalize(&root.join(text)));
    let excluded = workspace.exclude.iter().any(|pattern| below(&pattern.text));
    let named = workspace
        .members
        .iter()
        .flatten()
        .any(|pattern| below(&pattern.text));
    excluded && !named
}
