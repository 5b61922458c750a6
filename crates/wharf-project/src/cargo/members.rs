//! Which packages belong to a workspace, in Cargo's order: those of `members` as they are listed, each followed by the path
//! dependencies inside the workspace; the root last.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use wharf_ecosystem::cargo::manifest::{PathBase, Pattern, Requirement, RequirementSource, Workspace};

use super::folders::{self, relative};
use super::load::{Loader, Package, Written};
use super::root::is_excluded;
use crate::error::{Invalid, ProjectError};
use crate::requirement::normalize;

/// The folder that a requirement leads to, where it is a path.
pub(super) fn path_of(requirement: &Requirement, folder: &Path, workspace: &Path) -> Option<PathBuf> {
    match &requirement.source {
        RequirementSource::Path { path, base } => {
            let from = match base {
                PathBase::Manifest => folder,
                PathBase::Workspace => workspace,
            };
            Some(normalize(&from.join(path)))
        }
        RequirementSource::Default
        | RequirementSource::Registry(_)
        | RequirementSource::Index(_)
        | RequirementSource::Git { .. } => None,
    }
}

/// The folders of the members of the workspace in `root`.
pub(super) fn find(
    loader: &mut Loader<'_>,
    root: &Path,
    written: &Rc<Written>,
    workspace: &Workspace,
) -> Result<Vec<PathBuf>, ProjectError> {
    let mut search = Search {
        loader,
        root,
        workspace,
        found: Vec::new(),
    };
    for pattern in workspace.members.iter().flatten() {
        for folder in expand(search.loader, root, pattern) {
            let named = || Named { written, pattern };
            search.add(&folder, &Why::Pattern(&named()))?;
        }
    }
    search.add(root, &Why::Root)?;
    let found = search.found;
    check(loader, root, written, &found)?;
    Ok(found)
}

/// The folders that a pattern names; where it names none, the folder that it would be.
pub(super) fn expand(loader: &mut Loader<'_>, root: &Path, pattern: &Pattern) -> Vec<PathBuf> {
    let found = folders::find(root, &pattern.text);
    found
        .listed
        .into_iter()
        .for_each(|folder| loader.stated.note_input(folder));
    if found.folders.is_empty() {
        return vec![normalize(&root.join(&pattern.text))];
    }
    found.folders
}

/// A pattern in the root's manifest.
struct Named<'a> {
    written: &'a Written,
    pattern: &'a Pattern,
}

/// Why a folder is looked into.
enum Why<'a> {
    Root,
    Pattern(&'a Named<'a>),
    Path {
        package: &'a Package,
        span: Range<usize>,
    },
}

struct Search<'l, 's, 'a> {
    loader: &'l mut Loader<'s>,
    root: &'a Path,
    workspace: &'a Workspace,
    found: Vec<PathBuf>,
}

impl Search<'_, '_, '_> {
    fn add(&mut self, folder: &Path, why: &Why<'_>) -> Result<(), ProjectError> {
        if self.found.iter().any(|found| found == folder) {
            return Ok(());
        }
        let is_outside = matches!(why, Why::Path { .. }) && !folder.starts_with(self.root);
        if is_outside && self.loader.root_of(folder)?.as_deref() != Some(self.root) {
            return Ok(());
        }
        if is_excluded(self.root, self.workspace, folder) {
            return Ok(());
        }
        if self.loader.written(folder)?.is_none() {
            return Err(self.missing(folder, why).into());
        }
        let Some(package) = self.loader.package(folder)? else {
            return match why {
                // A root without a package is no member.
                Why::Root => Ok(()),
                Why::Pattern(_) | Why::Path { .. } => Err(self.missing(folder, why).into()),
            };
        };
        self.found.push(folder.to_owned());
        for requirement in &package.manifest.requirements {
            if let Some(path) = path_of(requirement, folder, &package.workspace) {
                let why = Why::Path {
                    package: &package,
                    span: requirement.span.clone(),
                };
                self.add(&path, &why)?;
            }
        }
        Ok(())
    }

    fn missing(&self, folder: &Path, why: &Why<'_>) -> Invalid {
        let shown = relative(self.root, folder);
        match why {
            Why::Pattern(named) => {
                let message =
                    format!("the workspace names `{shown}`, which has no Cargo.toml with a package");
                let hint = if folders::is_pattern(&named.pattern.text) {
                    format!("remove that folder, or add \"{shown}\" to `exclude` of [workspace]")
                } else {
                    "a member is a folder with a package".to_owned()
                };
                named
                    .written
                    .error(named.pattern.span.clone(), message)
                    .hint(hint)
            }
            Why::Path { package, span } => no_package(&package.source, span.clone(), &shown),
            Why::Root => Invalid::new(
                &crate::text::SourceText::new(Path::new(super::MANIFEST), ""),
                0..0,
                "cargo/workspace",
                "there is no Cargo.toml here",
            ),
        }
    }
}

/// A path dependency that leads to no package.
pub(super) fn no_package(source: &crate::text::SourceText, span: Range<usize>, shown: &str) -> Invalid {
    let message = format!("this dependency leads to `{shown}`, which has no Cargo.toml with a package");
    Invalid::new(source, span, "cargo/path", message).hint("correct its `path`")
}

/// No two members have one name, and each belongs to this workspace.
fn check(
    loader: &mut Loader<'_>,
    root: &Path,
    written: &Written,
    found: &[PathBuf],
) -> Result<(), ProjectError> {
    let mut named: std::collections::BTreeMap<String, &Path> = std::collections::BTreeMap::new();
    for folder in found {
        let Some(package) = loader.package(folder)? else {
            continue;
        };
        let name = package.manifest.name.to_string();
        if let Some(first) = named.insert(name, folder) {
            let message = format!(
                "the members `{}` and `{}` have one name",
                relative(root, first),
                relative(root, folder)
            );
            let error = Invalid::new(
                &package.source,
                package.manifest.span.clone(),
                "cargo/workspace",
                message,
            );
            return Err(error.hint("rename one of them").into());
        }
        let actual = loader.root_of(folder)?;
        if actual.as_deref() == Some(root) {
            continue;
        }
        let message = match actual {
            Some(actual) => format!(
                "`{}` is a member here and belongs to the workspace `{}`",
                relative(root, folder),
                relative(root, &actual)
            ),
            None => format!(
                "`{}` is a member here and does not lie below this folder",
                relative(root, folder)
            ),
        };
        let hint = "add `workspace = \"…\"` with the way to this folder to its [package], or take it out of `members`";
        return Err(written.error(0..0, message).hint(hint).into());
    }
    Ok(())
}
