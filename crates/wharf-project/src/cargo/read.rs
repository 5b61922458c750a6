//! Puts a workspace together: its members, the packages that they lead to outside, its patches.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use wharf_ecosystem::cargo::manifest::{Manifest, Resolver, Workspace};
use wharf_ecosystem::cargo::{DependencyKind, SourceId};

use super::config::CargoConfig;
use super::folders::relative;
use super::load::{Loader, Written};
use super::members::{self, no_package, path_of};
use super::sources::{self, Place};
use super::{CargoMember, CargoPatch, CargoProject, MANIFEST};
use crate::error::ProjectError;
use crate::requirement::normalize;
use crate::stated::Stated;

/// Reads the workspace in `root`; `None` where there is no `Cargo.toml`.
pub(crate) fn read(
    root: &Path,
    config: &CargoConfig,
    stated: &mut Stated,
) -> Result<Option<CargoProject>, ProjectError> {
    let mut loader = Loader::new(root, config.home.as_deref(), stated);
    let Some(written) = loader.written(root)? else {
        return Ok(None);
    };
    refuse_replace(&written)?;
    let workspace = written.manifest.workspace.clone();
    let folders = match &workspace {
        Some(workspace) => members::find(&mut loader, root, &written, workspace)?,
        None => vec![root.to_owned()],
    };
    let mut read = Read { loader, root, config };
    let members = read.packages(&folders)?;
    let default_members = read.default_members(&written, workspace.as_ref(), &members)?;
    let patches = read.patches(&written)?;
    let path_packages = read.outside(&members, &patches)?;
    warn_of_ignored(&mut read.loader, &folders, root)?;
    let lock = root.join("Cargo.lock");
    Ok(Some(CargoProject {
        root: root.to_owned(),
        manifest_path: root.join(MANIFEST),
        resolver: resolver(&written, members.iter().find(|member| member.path == "."))?,
        rust_version: members
            .iter()
            .filter_map(|member| member.manifest.rust_version)
            .min(),
        lock: lock.is_file().then_some(lock),
        config: config.clone(),
        inheritable: inheritable(workspace.as_ref()),
        default_members,
        members,
        path_packages,
        patches,
    }))
}

fn inheritable(workspace: Option<&Workspace>) -> Vec<String> {
    let stated = workspace.and_then(|workspace| workspace.dependencies.as_ref());
    stated
        .into_iter()
        .flatten()
        .map(|requirement| requirement.name.clone())
        .collect()
}

/// `[replace]` would have to change the lock in a way of its own; Cargo itself advises against it.
fn refuse_replace(written: &Written) -> Result<(), ProjectError> {
    match written.manifest.replaces.first() {
        None => Ok(()),
        Some((spec, span)) => {
            let message = format!("`{spec}` is replaced by [replace], which is outdated and not handled");
            let error = written.error(span.clone(), message);
            Err(error.hint("write [patch.crates-io] instead").into())
        }
    }
}

/// The workspace's word, else the root package's, else that of its edition.
fn resolver(written: &Written, root: Option<&CargoMember>) -> Result<Resolver, ProjectError> {
    let Manifest {
        package, workspace, ..
    } = &written.manifest;
    let of_workspace = workspace.as_ref().and_then(|workspace| workspace.resolver);
    let of_package = package.as_ref().and_then(|package| package.resolver);
    match (of_workspace, of_package) {
        (Some(_), Some(_)) => {
            let error = written.error(0..0, "both [workspace] and [package] state a `resolver`");
            Err(error.hint("keep the one of [workspace]").into())
        }
        (Some(resolver), None) | (None, Some(resolver)) => Ok(resolver),
        (None, None) => Ok(root.map_or(Resolver::V1, |root| root.manifest.edition.default_resolver())),
    }
}

/// What members say that only the root may say.
fn warn_of_ignored(loader: &mut Loader<'_>, folders: &[PathBuf], root: &Path) -> Result<(), ProjectError> {
    for folder in folders.iter().filter(|folder| *folder != root) {
        let Some(written) = loader.written(folder)? else {
            continue;
        };
        let patch = written
            .manifest
            .patches
            .first()
            .map(|patch| ("[patch]", &patch.span));
        let replace = written
            .manifest
            .replaces
            .first()
            .map(|(_, span)| ("[replace]", span));
        for (table, span) in patch.into_iter().chain(replace) {
            let origin = written.source.origin(span.start);
            let message = format!("{table} counts in the workspace's root alone ({origin})");
            loader.stated.warn("cargo/ignored", message, origin);
        }
    }
    Ok(())
}

struct Read<'a> {
    loader: Loader<'a>,
    root: &'a Path,
    config: &'a CargoConfig,
}

impl Read<'_> {
    fn packages(&mut self, folders: &[PathBuf]) -> Result<Vec<CargoMember>, ProjectError> {
        let mut members = Vec::with_capacity(folders.len());
        for folder in folders {
            if let Some(package) = self.loader.package(folder)? {
                members.push(sources::member(self.root, folder, &package, self.config)?);
            }
        }
        Ok(members)
    }

    fn default_members(
        &mut self,
        written: &Rc<Written>,
        workspace: Option<&Workspace>,
        members: &[CargoMember],
    ) -> Result<Vec<String>, ProjectError> {
        let all = || members.iter().map(|member| member.path.clone());
        let stated = workspace.and_then(|workspace| Some((workspace, workspace.default_members.as_ref()?)));
        let Some((workspace, patterns)) = stated else {
            let is_virtual = written.manifest.package.is_none();
            return Ok(all().filter(|path| is_virtual || path == ".").collect());
        };
        let mut found = Vec::new();
        for pattern in patterns {
            for folder in members::expand(&mut self.loader, self.root, pattern) {
                let path = relative(self.root, &folder);
                let is_left_out = super::root::is_excluded(self.root, workspace, &folder);
                if members.iter().any(|member| member.path == path) {
                    found.push(path);
                } else if !is_left_out {
                    let message = format!("`{path}` is a default member and no member");
                    let error = written.error(pattern.span.clone(), message);
                    return Err(error.hint(format!("add \"{path}\" to `members`")).into());
                }
            }
        }
        Ok(found)
    }

    /// The root's patches below those of the configuration, whose word on a name stands.
    fn patches(&mut self, written: &Written) -> Result<Vec<CargoPatch>, ProjectError> {
        let mut patches = Vec::new();
        for configured in &self.config.patches {
            let place = self.place(&configured.folder);
            let weaker = sources::patches(&configured.patches, &place, self.config, &configured.source)?;
            add_weaker(&mut patches, weaker);
        }
        let own = sources::patches(
            &written.manifest.patches,
            &self.place(self.root),
            self.config,
            &written.source,
        )?;
        add_weaker(&mut patches, own);
        Ok(patches)
    }

    fn place<'p>(&'p self, folder: &'p Path) -> Place<'p> {
        Place {
            root: self.root,
            folder,
            workspace: self.root,
        }
    }

    /// The packages of other folders that members, patches or each other lead to. Development dependencies count for members alone.
    fn outside(
        &mut self,
        members: &[CargoMember],
        patches: &[CargoPatch],
    ) -> Result<Vec<CargoMember>, ProjectError> {
        let mut found: Vec<CargoMember> = Vec::new();
        for patch in patches {
            let SourceId::Path(path) = &patch.dependency.source else {
                continue;
            };
            let folder = normalize(&self.root.join(&**path));
            if !self.follow(&folder, members, &mut found)? {
                return Err(no_patch(patch, path));
            }
        }
        for member in members {
            let workspace = self.workspace_of(&member.folder)?;
            for requirement in &member.manifest.requirements {
                let Some(folder) = path_of(requirement, &member.folder, &workspace) else {
                    continue;
                };
                if !self.follow(&folder, members, &mut found)? {
                    let shown = relative(self.root, &folder);
                    return Err(no_package(&member.text, requirement.span.clone(), &shown).into());
                }
                self.check_name(member, requirement, &folder)?;
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    fn workspace_of(&mut self, folder: &Path) -> Result<PathBuf, ProjectError> {
        let package = self.loader.package(folder)?;
        Ok(package.map_or_else(|| folder.to_owned(), |package| package.workspace.clone()))
    }

    /// Takes in the package of a folder and those that it leads to; false where there is none.
    fn follow(
        &mut self,
        folder: &Path,
        members: &[CargoMember],
        found: &mut Vec<CargoMember>,
    ) -> Result<bool, ProjectError> {
        let mut open = vec![folder.to_owned()];
        while let Some(next) = open.pop() {
            if members.iter().chain(&*found).any(|known| known.folder == next) {
                continue;
            }
            let Some(package) = self.loader.package(&next)? else {
                // What a package further off leads to may never be needed.
                if next == folder {
                    return Ok(false);
                }
                continue;
            };
            let needed = package
                .manifest
                .requirements
                .iter()
                .filter(|requirement| requirement.kind != DependencyKind::Dev);
            open.extend(needed.filter_map(|requirement| path_of(requirement, &next, &package.workspace)));
            found.push(sources::member(self.root, &next, &package, self.config)?);
        }
        Ok(true)
    }

    /// A folder holds the package that is asked for.
    fn check_name(
        &mut self,
        member: &CargoMember,
        requirement: &wharf_ecosystem::cargo::manifest::Requirement,
        folder: &Path,
    ) -> Result<(), ProjectError> {
        let Some(package) = self.loader.package(folder)? else {
            return Ok(());
        };
        let actual = &package.manifest.name;
        if actual.as_str() == requirement.package_name() {
            return Ok(());
        }
        let shown = relative(self.root, folder);
        let message = format!(
            "`{shown}` holds the package `{actual}`, not `{}`",
            requirement.package_name()
        );
        let error = crate::error::Invalid::new(&member.text, requirement.span.clone(), "cargo/path", message);
        Err(error
            .hint(format!("add `package = \"{actual}\"`, or correct the path"))
            .into())
    }
}

/// Adds patches of which no stronger place says anything.
fn add_weaker(patches: &mut Vec<CargoPatch>, weaker: Vec<CargoPatch>) {
    let stronger = patches.len();
    for patch in weaker {
        let is_known = patches[..stronger]
            .iter()
            .any(|known| known.of == patch.of && known.dependency.alias == patch.dependency.alias);
        if !is_known {
            patches.push(patch);
        }
    }
}

fn no_patch(patch: &CargoPatch, path: &str) -> ProjectError {
    ProjectError::Setting {
        name: format!("the patch of `{}` ({})", patch.dependency.alias, patch.origin),
        value: path.to_owned(),
        reason: "there is no Cargo.toml with a package".to_owned(),
    }
}
