//! `wharf approve`: which packages of npm and Debian may run scripts when they are installed.
//! Invariant: what is written names the locked version and the hash of its archive; another version needs another approval.

use std::path::PathBuf;

use wharf_core::PackageName;
use wharf_ecosystem::npm::Package;
use wharf_project::edit::npm::{self, NpmManifest};
use wharf_project::{Lock, NpmProject, Project, ScriptApproval};

use crate::deb;
use crate::edit;
use crate::error::OpsError;
use crate::lock;
use crate::names;
use crate::npm::describe::not_locked;
use crate::npm::{aliases, approvals};
use crate::report::{ApproveReport, Meant};
use crate::request::{Installing, Solving};
use crate::session::Session;
use crate::write;

/// What an approval is asked.
#[derive(Clone, Debug, Default)]
pub struct ApproveRequest {
    /// The packages, as `npm:sharp` or `deb:locales`; none lists what there is.
    pub packages: Vec<String>,
    /// Whether the environment follows.
    pub sync: bool,
    /// How the environment is made.
    pub installing: Installing,
}

/// Writes approvals into the manifest, then syncs.
///
/// # Errors
/// Where there is no lock, or a package is not in it, has no scripts, or nothing that tells its files from others.
pub async fn approve(session: &Session, request: &ApproveRequest) -> Result<ApproveReport, OpsError> {
    let project = session.project(&Vec::new())?;
    let lock = lock::standing(&project)?;
    let wants_npm = |text: &String| !text.starts_with("deb:");
    let has_npm = project.npm.is_some() && lock.npm.is_some();
    if !has_npm && (lock.deb.is_none() || request.packages.iter().any(wants_npm)) {
        return Err(OpsError::NothingOfNpm {
            path: project.lock_path(),
        });
    }
    let (mut fresh, mut meant) = (Vec::new(), Vec::new());
    for text in &request.packages {
        match (text.strip_prefix("deb:"), &project.npm) {
            (Some(_), _) => {
                let name = names::package(text)?;
                let locked = lock.deb.as_ref().ok_or_else(|| OpsError::NotLocked {
                    name: name.clone(),
                    near: None,
                })?;
                fresh.extend(deb::approvals::fresh(session, &project, locked, name).await?);
            }
            (None, Some(npm)) => {
                let asked = names::package(&format!("npm:{}", text.strip_prefix("npm:").unwrap_or(text)))?;
                let name = package_of(session, &asked, npm, &lock)?;
                fresh.extend(approvals_of(session, &name, npm, &lock)?);
                meant.extend((name != asked).then(|| Meant::new(&asked, &name)));
            }
            (None, None) => {}
        }
    }
    let manifest = written(&project, &fresh)?;
    let approved: Vec<String> = fresh.iter().map(ToString::to_string).collect();
    let wanted = request.sync && !approved.is_empty();
    let sync = edit::follow(session, wanted, &Solving::default(), request.installing).await?;
    let project = session.project(&Vec::new())?;
    let mut packages = Vec::new();
    if let (Some(npm), Some(locked)) = (&project.npm, &lock.npm) {
        packages.extend(approvals::entries(session.store()?, npm, &locked.graph));
    }
    if let Some(locked) = &lock.deb {
        packages.extend(deb::approvals::entries(&project, locked));
    }
    Ok(ApproveReport {
        manifest,
        meant,
        approved,
        packages,
        sync,
    })
}

/// Writes approvals, if there are any, into the manifest that has room for them, and gives its path.
fn written(project: &Project, fresh: &[ScriptApproval]) -> Result<PathBuf, OpsError> {
    let (manifest, kind) = npm::approvals_file(project);
    if fresh.is_empty() {
        return Ok(manifest);
    }
    let text = std::fs::read_to_string(&manifest).map_err(OpsError::io("read", &manifest))?;
    let before = NpmManifest {
        kind,
        path: &manifest,
        text: &text,
    };
    let text = npm::approve(before, fresh)?;
    write::file(&manifest, &text)?;
    Ok(manifest)
}

/// The locked package that is meant by a name: its own, or the one that the project has for it.
fn package_of(
    session: &Session,
    asked: &PackageName,
    npm: &NpmProject,
    lock: &Lock,
) -> Result<PackageName, OpsError> {
    let Some(graph) = lock.npm.as_ref().map(|npm| &npm.graph) else {
        return Err(not_locked(npm, asked.clone(), None));
    };
    let known = || graph.packages.iter().map(|package| &package.name);
    if known().any(|name| name == asked) {
        return Ok(asked.clone());
    }
    match aliases::meant(graph, asked).as_slice() {
        [] => {
            let near = names::nearest(asked, known());
            Err(not_locked(npm, asked.clone(), near))
        }
        [name] => Ok((*name).clone()),
        several => Err(OpsError::SeveralMeant {
            asked: asked.clone(),
            packages: several.iter().map(|name| (*name).clone()).collect(),
            approving: session.approving().to_owned(),
        }),
    }
}

/// One approval for every locked version of a package that has scripts.
fn approvals_of(
    session: &Session,
    name: &PackageName,
    npm: &NpmProject,
    lock: &Lock,
) -> Result<Vec<ScriptApproval>, OpsError> {
    let packages = lock.npm.iter().flat_map(|npm| &npm.graph.packages);
    let named: Vec<&Package> = packages.filter(|package| package.name == *name).collect();
    let store = session.store()?;
    // Of one that is not there yet nobody knows; an approval too many does nothing.
    let runs = |package: &Package| approvals::runs(store, package) != Some(false);
    if !named.iter().any(|package| runs(package)) {
        return Err(OpsError::NoScripts {
            name: name.clone(),
            approving: session.approving().to_owned(),
        });
    }
    let open = named
        .into_iter()
        .filter(|package| runs(package) && !approvals::approved(npm, package));
    let mut fresh = open.map(pinned).collect::<Result<Vec<_>, _>>()?;
    fresh.dedup();
    Ok(fresh)
}

fn pinned(package: &Package) -> Result<ScriptApproval, OpsError> {
    let digest = package.integrity.first().ok_or_else(|| OpsError::Unpinnable {
        name: package.name.clone(),
        version: package.version.clone(),
    })?;
    Ok(ScriptApproval {
        name: package.name.clone(),
        version: Some(package.version.clone()),
        digest: Some(*digest),
    })
}
