//! `wharf store`: what the store holds, and whether it is still what was written.

use std::path::Path;

use wharf_core::Event;
pub use wharf_store::{Depth, Repair};

use crate::error::OpsError;
use crate::report::{StoreSizeReport, StoreVerifyReport};
use crate::session::Session;

/// Counts what the store and the cache hold.
///
/// # Errors
/// Where a folder cannot be read.
pub fn size(session: &Session) -> Result<StoreSizeReport, OpsError> {
    let settings = session.settings();
    let size = session.store()?.size()?;
    Ok(StoreSizeReport {
        path: settings.store.clone(),
        objects: size.objects,
        object_bytes: size.object_bytes,
        trees: size.trees,
        homes: size.homes,
        home_files: size.home_files,
        home_bytes: size.home_bytes,
        crates: size.crates,
        crate_files: size.crate_files,
        crate_bytes: size.crate_bytes,
        debs: size.debs,
        systems: size.systems,
        system_bytes: size.system_bytes,
        cache_path: settings.cache.clone(),
        cache_bytes: folder_size(&settings.cache).map_err(OpsError::io("read", &settings.cache))?,
    })
}

/// Checks the store.
///
/// # Errors
/// Where a folder cannot be read, or a damaged object cannot be moved aside.
pub fn verify(session: &Session, depth: Depth, repair: Repair) -> Result<StoreVerifyReport, OpsError> {
    let store = session.store()?;
    // Repair takes objects away, which nobody may do while an environment is being linked to them.
    let _held = match repair {
        Repair::Report => None,
        Repair::Quarantine => Some(store.exclusive_lock(|lock| {
            session.emit(Event::Waiting {
                what: format!("another wharf that holds {}", lock.display()),
            });
        })?),
    };
    let report = store.verify(depth, repair)?;
    Ok(StoreVerifyReport {
        checked: report.checked,
        repaired: repair == Repair::Quarantine && !report.damage.is_empty(),
        damaged: report.damage.iter().map(ToString::to_string).collect(),
    })
}

/// Bytes of all files below a folder; 0 where there is none.
fn folder_size(folder: &Path) -> std::io::Result<u64> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut sum = 0;
    for entry in entries {
        let entry = entry?;
        let data = entry.metadata()?;
        sum += if data.is_dir() {
            folder_size(&entry.path())?
        } else {
            data.len()
        };
    }
    Ok(sum)
}
