//! Maintainer scripts: whose may run while a root is made, which were not run and may be missed, and approvals of them.
//!
//! Invariant: no script of a package runs that `[policy] scripts` does not name; what `wharf approve` writes speaks for one version with
//! one hash.

use std::collections::{BTreeMap, BTreeSet};

use wharf_core::{Event, PackageName};
use wharf_install::Environment;
use wharf_install::system::{self, Options, Report, SystemError};
use wharf_project::lock::deb::{DebLock, LockedDeb};
use wharf_project::{DebProject, Project, ScriptApproval};
use wharf_store::{DebPackage, Store};

use super::root;
use crate::error::OpsError;
use crate::names;
use crate::report::ScriptEntry;
use crate::session::Session;

/// Whether the scripts of a package may run.
fn is_approved(deb: &DebProject, package: &LockedDeb) -> bool {
    let covers =
        |approval: &ScriptApproval| approval.covers(&package.id.name, &package.version, &[package.sha256]);
    deb.scripts.iter().any(covers)
}

/// How a root of these packages, each with what the store has of it, is made.
pub(crate) fn options(
    store: &Store,
    project: &Project,
    packages: &[&LockedDeb],
    unpacked: &[DebPackage],
) -> Result<Options, SystemError> {
    let Some(deb) = &project.deb else {
        return Ok(Options::default());
    };
    let approved: Vec<DebPackage> = packages
        .iter()
        .zip(unpacked)
        .filter(|(package, _)| is_approved(deb, package))
        .map(|(_, unpacked)| unpacked.clone())
        .collect();
    Ok(Options {
        approved: system::with_scripts(store, &approved)?,
        answers: deb.answers.clone(),
        ..Options::default()
    })
}

/// Says once whose scripts were not run though they may be missed, and how to allow them.
pub(crate) fn report_skipped(session: &Session, report: &Report) {
    let skipped: BTreeSet<&str> = report
        .scripts
        .iter()
        .filter(|script| script.matters && !script.ran)
        .map(|script| bare(&script.package))
        .collect();
    if skipped.is_empty() {
        return;
    }
    session.emit(Event::warning(
        "deb/scripts-skipped",
        format!(
            "maintainer scripts were not run: {} (most packages work without; `{} deb:NAME` runs one while the system root is made)",
            names::first(&skipped),
            session.approving()
        ),
    ));
}

/// The name of a package without its architecture.
fn bare(label: &str) -> &str {
    label.split(':').next().unwrap_or(label)
}

/// Every locked package whose scripts were approved, or were not run though they may be missed, as far as the standing root tells.
pub(crate) fn entries(project: &Project, lock: &DebLock) -> Vec<ScriptEntry> {
    let Some(deb) = &project.deb else {
        return Vec::new();
    };
    let report = Environment::locate(&project.root)
        .system()
        .and_then(|root| system::report_of(&root))
        .unwrap_or_default();
    let mut skipped: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for script in report.scripts.iter().filter(|script| script.matters) {
        skipped
            .entry(bare(&script.package))
            .or_default()
            .extend(script.skipped.iter().cloned());
    }
    let mut entries = Vec::new();
    for package in lock.systems.iter().flat_map(|system| &system.packages) {
        let name = &package.id.name;
        let is_named = deb.scripts.iter().any(|approval| approval.name == *name);
        let missed = skipped.get(name.as_str());
        if is_named || missed.is_some() {
            let approved = is_approved(deb, package);
            entries.push(ScriptEntry {
                package: names::short(name),
                version: package.version.clone(),
                approved,
                skipped: missed.filter(|_| !approved).cloned().unwrap_or_default(),
            });
        }
    }
    entries.dedup_by(|a, b| a.package == b.package && a.version == b.version);
    entries
}

/// One approval for every locked archive of a package that has scripts; none where all are approved.
///
/// # Errors
/// The package is not locked, has no scripts, or cannot be had.
pub(crate) async fn fresh(
    session: &Session,
    project: &Project,
    lock: &DebLock,
    name: PackageName,
) -> Result<Vec<ScriptApproval>, OpsError> {
    let all = || lock.systems.iter().flat_map(|system| &system.packages);
    let named: Vec<&LockedDeb> = all().filter(|package| package.id.name == name).collect();
    if named.is_empty() {
        return Err(OpsError::NotLocked {
            near: names::nearest(&name, all().map(|package| &package.id.name)),
            name,
        });
    }
    let deb = project.deb.as_ref();
    if named
        .iter()
        .all(|package| deb.is_some_and(|deb| is_approved(deb, package)))
    {
        return Ok(Vec::new());
    }
    let unpacked = root::unpacked(session, project, lock, &named).await?.packages;
    let mut has_scripts = false;
    for package in unpacked {
        // One at a time: several architectures of a package are no set.
        has_scripts |= !system::with_scripts(session.store()?, &[package])?.is_empty();
    }
    if !has_scripts {
        return Err(OpsError::NoScripts {
            name,
            approving: session.approving().to_owned(),
        });
    }
    let mut approvals: Vec<ScriptApproval> = named
        .into_iter()
        .map(|package| ScriptApproval {
            name: package.id.name.clone(),
            version: Some(package.version.clone()),
            digest: Some(package.sha256),
        })
        .collect();
    approvals.dedup();
    Ok(approvals)
}
