//! A commit that does not wait for the disk, and what becomes of it.
//!
//! Such a commit switches the folders when they are made, and leaves its journal and what it replaced where they are. Somebody
//! flushes both file systems afterwards and closes it ([`settle`]): a process that goes on behind the command, or the next
//! commit. If the machine stops before that, the disk may have the new folders by name and not by content; the next start of
//! the machine finds the journal of an earlier one, and the old folders take their places again ([`roll_back`]).
//!
//! Invariants: the journal is on disk before the first folder is switched, what is replaced stays until the journal is gone
//! from the disk, and no commit begins over one that is not settled. So the folders that [`roll_back`] puts back are flushed.
//! A process that dies is not the machine that stops: the kernel has every byte, and [`crate::redo`] goes forward as ever.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wharf_store::durable;

use crate::error::InstallError;
use crate::generation::Marker;
use crate::redo::{Action, Redo, Site, Step, staged};
use crate::{Durability, caches, fault, fresh, text_file};

/// What a commit that does not wait says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Behind {
    /// The start of the machine in which it happened.
    pub(crate) boot: String,
    /// The store that the new folders lead into.
    pub(crate) store: PathBuf,
    /// The generation that stood before.
    pub(crate) before: Option<u64>,
}

impl Behind {
    /// Whether the machine has not stopped since.
    pub(crate) fn is_of_now(&self) -> bool {
        !self.boot.is_empty() && self.boot == durable::boot()
    }
}

/// Flushes what a commit made: the project's file system and the store's.
///
/// # Errors
/// The disk failed to take a write. The commit stays unsettled.
pub(crate) fn settle(site: Site<'_>, behind: &Behind) -> Result<(), InstallError> {
    flush(site.state.directory(), &behind.store)
}

/// Flushes the file systems of both, once if they are one.
///
/// # Errors
/// The disk failed to take a write.
fn flush(place: &Path, store: &Path) -> Result<(), InstallError> {
    durable::sync_filesystem(place)?;
    if store.is_dir() && !on_one_file_system(place, store) {
        durable::sync_filesystem(store)?;
    }
    Ok(())
}

/// Whether one flush covers both.
pub(crate) fn on_one_file_system(place: &Path, store: &Path) -> bool {
    let device = |path: &Path| fs::metadata(path).ok().map(|data| data.dev());
    device(place) == device(store)
}

/// Puts everything back that a commit replaced before the machine stopped. May be killed and started again.
///
/// # Errors
/// A folder cannot be moved.
pub(crate) fn roll_back(
    redo: &Redo,
    site: Site<'_>,
    transaction: &str,
    behind: &Behind,
) -> Result<(), InstallError> {
    fresh::forget(site.state);
    for change in redo.files.iter().rev() {
        text_file::change(site.ground.project(), &change.inverted(), Durability::Power)?;
    }
    fault::point("written");
    for (index, step) in redo.steps.iter().enumerate().rev() {
        put_back(site, transaction, index, step)?;
        fault::point("exchanged");
    }
    fault::point("switched");
    match behind.before {
        Some(number) => durable::write_atomic(&site.state.current(), format!("{number}\n").as_bytes())?,
        None => match fs::remove_file(site.state.current()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(InstallError::io("remove", &site.state.current())(error));
            }
            _ => {}
        },
    }
    flush(site.state.directory(), &behind.store)
}

/// Takes one step back, if it was made.
fn put_back(site: Site<'_>, transaction: &str, index: usize, step: &Step) -> Result<(), InstallError> {
    let root = site.ground.path(&step.root);
    let staged = staged(site.state, transaction, index);
    durable::undo_swap(&root)?;
    match step.action {
        Action::Remove if staged.is_dir() => {
            durable::rename_noreplace(&staged, &root)?;
        }
        Action::Make if is_of(&root, transaction) => {
            if staged.is_dir() {
                durable::exchange(&root, &staged)?;
                caches::carry(&staged, &root);
            } else {
                let folder = site.state.stage().join(transaction);
                fs::create_dir_all(&folder).map_err(InstallError::io("create", &folder))?;
                durable::rename_noreplace(&root, &staged)?;
            }
        }
        Action::Remove | Action::Make => {}
    }
    Ok(())
}

/// Whether the transaction made the folder. Its marker's name reached the disk with the folder's own, its content perhaps not.
fn is_of(root: &Path, transaction: &str) -> bool {
    match Marker::read(root) {
        Some(marker) => marker.transaction == transaction,
        None => root.join(Marker::NAME).is_file(),
    }
}
