//! Files that a use case itself writes. Invariant: whole or not at all, and an error names the file, not Wharf's own
//! temporary one beside it.

use std::path::Path;

use wharf_store::StoreError;
use wharf_store::durable::write_atomic;

use crate::error::OpsError;

/// Writes a file of the project in one step.
///
/// # Errors
/// Where the folder cannot be written or the disk is full; the file is then what it was.
pub(crate) fn file(path: &Path, text: &str) -> Result<(), OpsError> {
    write_atomic(path, text.as_bytes()).map_err(|error| match error {
        StoreError::Io { source, .. } => OpsError::io("write", path)(source),
        other => other.into(),
    })
}
