//! What can go wrong with the store on this machine.
//! Invariant: every error names the path at fault.

use std::io;
use std::path::{Path, PathBuf};

use wharf_core::{Explain, Fault};

use crate::home::HomeId;
use crate::id::{ObjectId, TreeId};
use crate::tree::InvalidTree;

/// A failure of the store, not of what was brought to it (that is [`ArchiveError`](crate::ArchiveError)).
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The folder belongs to another version of Wharf.
    #[error("the store {} has format `{found}`, and this Wharf knows `{known}`", root.display())]
    Format {
        /// The store's folder.
        root: PathBuf,
        /// What its `format` file says.
        found: String,
        /// What this version writes.
        known: &'static str,
    },
    /// A tree that something names is not there.
    #[error("the store has no tree {0}")]
    MissingTree(TreeId),
    /// An object that a tree names is not there.
    #[error("the store has no object {0}")]
    MissingObject(ObjectId),
    /// A home that something names is not there.
    #[error("the store has no home {0}")]
    MissingHome(Box<HomeId>),
    /// A tree's file is damaged.
    #[error("the tree {id} in the store is damaged")]
    DamagedTree {
        /// Which.
        id: TreeId,
        /// How.
        #[source]
        source: InvalidTree,
    },
    /// A stored file is not what its name says.
    #[error("{} in the store is damaged: {reason}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// How.
        reason: String,
    },
    /// A plan places something outside its folder, or two things in one place.
    #[error("cannot place {}: {reason}", path.display())]
    Misplaced {
        /// The place.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },
}

impl StoreError {
    /// Wraps an I/O error with what was tried on which path. The path is copied where there is an error, and only there: this is said
    /// of every file.
    pub fn io<P: AsRef<Path>>(action: &'static str, path: P) -> impl FnOnce(io::Error) -> Self {
        move |source| StoreError::Io {
            action,
            path: path.as_ref().to_path_buf(),
            source,
        }
    }

    /// The same for calls that go through `rustix`.
    pub(crate) fn os<P: AsRef<Path>>(
        action: &'static str,
        path: P,
    ) -> impl FnOnce(rustix::io::Errno) -> Self {
        move |errno| Self::io(action, path)(errno.into())
    }

    /// Whether the disk, a quota or a file-size limit is exhausted.
    pub fn is_full(&self) -> bool {
        matches!(self, StoreError::Io { source, .. } if is_full(source))
    }
}

/// Whether the disk, a quota or a file-size limit is exhausted.
pub(crate) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

impl Explain for StoreError {
    fn code(&self) -> &'static str {
        match self {
            StoreError::Io { .. } if self.is_full() => "store/full",
            StoreError::Io { .. } => "store/io",
            StoreError::Format { .. } => "store/format",
            StoreError::MissingTree(_) | StoreError::MissingObject(_) | StoreError::MissingHome(_) => {
                "store/missing"
            }
            StoreError::DamagedTree { .. } | StoreError::Damaged { .. } => "store/damaged",
            StoreError::Misplaced { .. } => "store/misplaced",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            StoreError::Misplaced { .. } => Fault::Denied,
            StoreError::Io { .. }
            | StoreError::Format { .. }
            | StoreError::MissingTree(_)
            | StoreError::MissingObject(_)
            | StoreError::MissingHome(_)
            | StoreError::DamagedTree { .. }
            | StoreError::Damaged { .. } => Fault::World,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            StoreError::Io { path, .. } if self.is_full() => {
                vec![format!(
                    "free some space on the disk that holds {}, then run the command again: nothing was changed",
                    path.display()
                )]
            }
            StoreError::Io { path, source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                vec![format!(
                    "make {} writable, or choose another store",
                    path.display()
                )]
            }
            StoreError::Io { .. } | StoreError::Misplaced { .. } => Vec::new(),
            StoreError::Format { root, .. } => {
                vec![format!(
                    "move {} away, or use the version of Wharf that made it",
                    root.display()
                )]
            }
            StoreError::MissingTree(_)
            | StoreError::MissingObject(_)
            | StoreError::MissingHome(_)
            | StoreError::DamagedTree { .. }
            | StoreError::Damaged { .. } => {
                vec!["run `wharf store verify --repair`, then the command again: what is missing is fetched anew".to_owned()]
            }
        }
    }
}
