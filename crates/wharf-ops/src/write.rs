//! Files that a use case itself writes. Invariant: whole or not at all, and an error names the file, not Wharf's own
//! temporary one beside it.

use std::io;
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
        // The file beside it is Wharf's own business: only what went wrong is passed on.
        StoreError::Io { source, .. } => OpsError::io("write", path)(bare(source)),
        other => other.into(),
    })
}

/// An error of the system without the name of the temporary file that a library puts into its text.
fn bare(error: io::Error) -> io::Error {
    match (error.raw_os_error(), error.kind()) {
        (None, kind) if kind != io::ErrorKind::Other => kind.into(),
        _ => error,
    }
}
