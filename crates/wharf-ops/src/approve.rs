//! `wharf approve`: which npm packages may run scripts when they are installed.
//! Invariant: what is written names the locked version and the hash of its archive; another version needs another approval.

use wharf_ecosystem::npm::Package;
use wharf_project::edit::npm::{self, NpmManifest};
use wharf_project::{Lock, NpmProject, ScriptApproval};

use crate::edit;
use crate::error::OpsError;
use crate::lock;
use crate::names;
use crate::npm::approvals;
use crate::report::ApproveReport;
use crate::request::{Installing, Solving};
use crate::session::Session;
use crate::write;

/// What an approval is asked.
#[derive(Clone, Debug, Default)]
pub struct ApproveRequest {
    /// The packages, as `npm:sharp`; none lists what there is.
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
    let (Some(npm), Some(locked)) = (&project.npm, &lock.npm) else {
        return Err(OpsError::NothingOfNpm {
            path: project.lock_path(),
        });
    };
    let mut fresh = Vec::new();
    for text in &request.packages {
        fresh.extend(approvals_of(text, npm, &lock)?);
    }
    let (manifest, kind) = npm::approvals_file(&project);
    if !fresh.is_empty() {
        let text = std::fs::read_to_string(&manifest).map_err(OpsError::io("read", &manifest))?;
        let before = NpmManifest {
            kind,
            path: &manifest,
            text: &text,
        };
        let text = npm::approve(before, &fresh)?;
        write::file(&manifest, &text)?;
    }
    let wanted = request.sync && !fresh.is_empty();
    let sync = edit::follow(session, wanted, &Solving::default(), request.installing).await?;
    let project = session.project(&Vec::new())?;
    let npm = project.npm.as_ref().unwrap_or(npm);
    Ok(ApproveReport {
        manifest,
        approved: fresh.iter().map(ToString::to_string).collect(),
        packages: approvals::entries(npm, &locked.graph),
        sync,
    })
}

/// One approval for every locked version of a package that has scripts.
fn approvals_of(text: &str, npm: &NpmProject, lock: &Lock) -> Result<Vec<ScriptApproval>, OpsError> {
    let name = match text.strip_prefix("npm:") {
        Some(bare) => names::package(&format!("npm:{bare}"))?,
        None => names::package(&format!("npm:{text}"))?,
    };
    let packages = lock.npm.iter().flat_map(|npm| &npm.graph.packages);
    let named: Vec<&Package> = packages.filter(|package| package.name == name).collect();
    if named.is_empty() {
        let known = lock.npm.iter().flat_map(|npm| &npm.graph.packages);
        return Err(OpsError::NotLocked {
            near: names::nearest(&name, known.map(|package| &package.name)),
            name,
        });
    }
    if named.iter().all(|package| !package.has_scripts) {
        return Err(OpsError::NoScripts { name });
    }
    let open = named
        .into_iter()
        .filter(|package| package.has_scripts && !approvals::approved(npm, package));
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
        integrity: Some(wharf_project::lock::npm::sri(digest)),
    })
}
