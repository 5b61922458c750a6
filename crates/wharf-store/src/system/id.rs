//! The names of system roots. Invariant: an id says what a root was made of, so two roots of one id are interchangeable.

use std::path::PathBuf;

use crate::id::TreeId;
use crate::store::Store;

/// Which system root: a digest of the trees of its packages and of how they were put together.
pub type SystemId = TreeId;

/// The folder of a system's merged root, in the system's own.
pub(crate) const ROOT: &str = "root";
/// The manifest of that folder.
pub(crate) const MANIFEST: &str = "tree";
/// What whoever composed it wrote down about it.
pub(crate) const NOTES: &str = "notes";

/// Where the notes of the system lie whose merged root this is; `None` where it can be none.
pub fn notes_beside(root: &std::path::Path) -> Option<PathBuf> {
    Some(root.parent()?.join(NOTES))
}

impl Store {
    /// The folder of all systems.
    pub(crate) fn systems_folder(&self) -> PathBuf {
        self.root().join("store/systems")
    }

    /// Where a system lies, or would.
    pub(crate) fn system_home(&self, id: &SystemId) -> PathBuf {
        self.systems_folder().join(id.to_string())
    }

    /// The merged root of a system: what a view shows as `/usr`, `/etc` and so on.
    pub fn system_root(&self, id: &SystemId) -> PathBuf {
        let mut path = self.system_home(id);
        path.push(ROOT);
        path
    }

    /// Whether the store has this system. One that is there is complete.
    pub fn has_system(&self, id: &SystemId) -> bool {
        self.system_home(id).symlink_metadata().is_ok()
    }

    /// What was written down when the system was made; `None` where it is not there.
    ///
    /// # Errors
    /// Where it is there and cannot be read.
    pub fn system_notes(&self, id: &SystemId) -> std::io::Result<Option<Vec<u8>>> {
        match std::fs::read(self.system_home(id).join(NOTES)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}
