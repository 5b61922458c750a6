//! Packages linked out of the store before their project takes them.
//!
//! While an install downloads, cores are idle now and then. So the files of a home are linked into a folder of the stage as soon as
//! the home stands, and [`Store::materialise_with`] gives that folder its place with one rename, where it would else link every file.
//!
//! Invariant: what was linked ahead is what linking at the end would make, provided that the place gives nothing of its own to what is
//! made in it (a shared group, access lists), which is the caller's to know. A folder that cannot be moved to its place, or that
//! nobody asks for, is deleted, and nothing else differs.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashMap;

use crate::error::StoreError;
use crate::home::HomeId;
use crate::home::draft::Draft;
use crate::link::{LinkMode, LinkReport};
use crate::store::Store;
use crate::ways::Ways;

/// Files of homes, linked already, and the way in which files come out of the store.
#[derive(Debug)]
pub struct Ahead {
    pub(crate) ways: Ways,
    linked: Mutex<FxHashMap<HomeId, Linked>>,
}

/// The files of one home, in the stage.
#[derive(Debug)]
pub(crate) struct Linked {
    folder: Draft,
    pub(crate) report: LinkReport,
}

impl Ahead {
    /// None yet; they come in this way, and so do those that are linked at the end.
    pub fn new(mode: LinkMode) -> Self {
        Self {
            ways: Ways::of(mode),
            linked: Mutex::default(),
        }
    }

    /// Links the files of a home, which stands.
    ///
    /// # Errors
    /// Where the home is damaged or the file system refuses.
    pub fn link(&self, store: &Store, home: &HomeId) -> Result<(), StoreError> {
        let folder = Draft::bare(store)?;
        let report = store.link_home(home, folder.path(), &self.ways)?;
        let linked = Linked { folder, report };
        self.linked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(home.clone(), linked);
        Ok(())
    }

    /// The files of a home, if they were linked and nobody had them yet.
    pub(crate) fn take(&self, home: &HomeId) -> Option<Linked> {
        self.linked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(home)
    }
}

impl Linked {
    /// Moves the files to a folder `name` in `to`, which is not there or empty. Says whether that was possible.
    pub(crate) fn move_to(self, to: BorrowedFd<'_>, name: &str) -> bool {
        let moved = rustix::fs::renameat(rustix::fs::CWD, self.folder.path(), to.as_fd(), name).is_ok();
        if moved {
            self.folder.keep();
        }
        moved
    }
}
