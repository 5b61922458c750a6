//! Debian packages of a lock that have newer versions. Invariant: releases that are only taken from by name (backports) do not make
//! anything outdated.

use std::collections::BTreeSet;

use wharf_deb::architecture::Architecture;
use wharf_deb::universe::Universe;
use wharf_deb::version::compare;
use wharf_index::Refresh;

use wharf_project::{DebCause, Lock, LockedDeb, Project};

use super::repositories;
use crate::describe::LookUp;
use crate::error::OpsError;
use crate::names;
use crate::report::{OutdatedEntry, OutdatedReport};
use crate::session::Session;

/// Looks up the packages of this machine. The repositories are asked anew.
///
/// # Errors
/// A repository cannot be reached, or must not be trusted.
pub(crate) async fn outdated(
    session: &Session,
    project: &Project,
    lock: &Lock,
    look_up: LookUp,
) -> Result<OutdatedReport, OpsError> {
    let mut report = OutdatedReport {
        checked: 0,
        outdated: Vec::new(),
    };
    let (Some(deb), Some(locked)) = (&project.deb, &lock.deb) else {
        return Ok(report);
    };
    let architecture = super::architecture()?;
    let Some(system) = locked.system(architecture.as_str()) else {
        return Ok(report);
    };
    let refresh = Refresh::Everything;
    let offered = repositories::offered(session, project, deb, &locked.suite, &architecture, refresh).await?;
    let roots = system
        .roots
        .iter()
        .filter(|root| root.cause == DebCause::Manifest);
    let direct: BTreeSet<_> = roots.map(|root| &root.package).collect();
    let wanted = system
        .packages
        .iter()
        .filter(|package| look_up.takes(direct.contains(&package.id)));
    for package in wanted {
        report.checked += 1;
        let latest = latest(&offered.universe, package, &architecture);
        if let Some(latest) = latest.filter(|latest| compare(latest, &package.version).is_gt()) {
            report.outdated.push(OutdatedEntry {
                package: names::short(&package.id.name),
                aliases: Vec::new(),
                locked: package.version.clone(),
                latest: latest.to_owned(),
                direct: direct.contains(&package.id),
            });
        }
    }
    report.outdated.sort_by(|a, b| a.package.cmp(&b.package));
    Ok(report)
}

/// The highest version of a package that is taken without being asked for by name.
fn latest<'u>(universe: &'u Universe, package: &LockedDeb, native: &Architecture) -> Option<&'u str> {
    let own = package.id.architecture.as_str();
    let fits = |found: &str| {
        found == own || found == Architecture::ALL || own == Architecture::ALL && found == native.as_str()
    };
    let layers = universe
        .layers()
        .iter()
        .filter(|layer| !layer.provenance.not_automatic);
    let versions = layers.flat_map(|layer| {
        let index = &layer.index;
        let records = index
            .find(package.id.name.as_str())
            .into_iter()
            .flat_map(|name| index.versions(name));
        records
            .map(|id| index.record(id))
            .filter(|record| fits(record.architecture()))
    });
    versions
        .map(|record| record.version())
        .max_by(|a, b| compare(a, b))
}
