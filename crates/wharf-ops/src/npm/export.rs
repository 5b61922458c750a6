//! The npm part of the lock as `package-lock.json`.

use wharf_project::{Lock, Project};

use crate::error::OpsError;

/// `package-lock.json`, version 3.
///
/// # Errors
/// Where the lock has no npm packages.
pub(crate) fn package_lock(project: &Project, lock: &Lock) -> Result<String, OpsError> {
    match (&project.npm, &lock.npm) {
        (Some(_), Some(locked)) => Ok(wharf_project::export::package_lock(locked)),
        _ => Err(OpsError::NothingOfNpm {
            path: project.lock_path(),
        }),
    }
}
