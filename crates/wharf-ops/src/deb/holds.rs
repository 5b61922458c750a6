//! What a project holds, looked up in its repositories. Invariant: a version at which something is held is there, or the solve is refused by
//! the name of the package.

use std::cmp::Ordering;

use wharf_core::Event;
use wharf_deb::universe::Universe;
use wharf_deb::version::compare;
use wharf_project::lock::deb::LockedSystem;
use wharf_project::{DebHold, DebProject};

use super::error::DebError;
use crate::session::Session;

/// How many versions are listed.
const LISTED: usize = 3;

/// The version at which a package is held; nothing where it is held from its first lock on, and that is still to come.
pub(super) fn version<'v>(hold: &'v DebHold, before: Option<&'v LockedSystem>) -> Option<&'v str> {
    hold.version.as_deref().or_else(|| {
        let mut packages = before?.packages.iter();
        let locked = packages.find(|package| package.id.name == hold.name)?;
        Some(locked.version.as_str())
    })
}

/// Refuses what is held at a version that no repository has.
///
/// # Errors
/// There is such a package.
pub(super) fn check(
    deb: &DebProject,
    universe: &Universe,
    before: Option<&LockedSystem>,
) -> Result<(), DebError> {
    for hold in &deb.holds {
        let there = versions(universe, hold.name.as_str());
        let Some(wanted) = version(hold, before).filter(|_| !there.is_empty()) else {
            continue;
        };
        if !there
            .iter()
            .any(|known| compare(known, wanted) == Ordering::Equal)
        {
            let there: Vec<&str> = there.into_iter().take(LISTED).collect();
            return Err(DebError::Held {
                name: hold.name.to_string(),
                version: wanted.to_owned(),
                there: there.join(", "),
                is_stated: hold.version.is_some(),
                origin: hold.origin.to_string(),
            });
        }
    }
    Ok(())
}

/// Warns of names that no repository has.
pub(super) fn tell(session: &Session, deb: &DebProject, universe: &Universe) {
    for hold in &deb.holds {
        if versions(universe, hold.name.as_str()).is_empty() {
            session.emit(Event::warning(
                "deb/hold",
                format!(
                    "`hold` names {}, which no repository of the project has ({})",
                    hold.name, hold.origin
                ),
            ));
        }
    }
}

/// The versions of a package, highest first.
fn versions<'u>(universe: &'u Universe, name: &str) -> Vec<&'u str> {
    let mut versions = Vec::new();
    for layer in universe.layers() {
        let known = layer.index.find(name);
        let records = known.into_iter().flat_map(|id| layer.index.versions(id));
        versions.extend(records.map(|record| layer.index.record(record).version()));
    }
    versions.sort_by(|one, other| compare(other, one));
    versions.dedup();
    versions
}
