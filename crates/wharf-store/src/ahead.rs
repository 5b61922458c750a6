//! Packages linked out of the store before their project takes them.
//!
//! While an install downloads, cores are idle now and then. So the files of a home are linked into a folder of the stage as soon as
//! the home stands, and [`Store::materialise_with`] gives that folder its place with one rename, where it would else link every file.
//!
//! Invariant: what was linked ahead is what linking at the end would make, provided that the place gives nothing of its own to what is
//! made in it (a shared group, access lists, a label), which is the caller's to know. A folder that cannot be moved to its place, or
//! that nobody asks for, is deleted, and nothing else differs. That something could not be linked ahead is no failure: whoever needs it
//! in the end links it, and tells what is wrong.

use std::error::Error;
use std::os::fd::BorrowedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;
use rustix::fs::CWD;
use rustix::io::Errno;

use crate::error::StoreError;
use crate::home::draft::Draft;
use crate::home::record::RawRecord;
use crate::home::{HomeContent, HomeId, HomeLink};
use crate::link::{LinkMode, LinkReport};
use crate::store::Store;
use crate::ways::Ways;

/// Files of homes, linked already, and the way in which files come out of the store.
#[derive(Debug)]
pub struct Ahead {
    pub(crate) ways: Ways,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// What nobody had yet.
    Linked(FxHashMap<HomeId, Linked>),
    /// The file system refused what it would refuse the next one as well. Why, in words.
    GivenUp(String),
}

/// The files of one home, in the stage.
#[derive(Debug)]
struct Linked {
    folder: Draft,
    report: LinkReport,
}

impl Ahead {
    /// None yet; they come in this way, and so do those that are linked at the end.
    pub fn new(mode: LinkMode) -> Self {
        Self {
            ways: Ways::of(mode),
            state: Mutex::new(State::Linked(FxHashMap::default())),
        }
    }

    /// Makes a home, unless it is there already, and links its files as [`Ahead::link`] does.
    ///
    /// # Errors
    /// As [`Store::place_home`].
    pub fn place(
        &self,
        store: &Store,
        home: &HomeId,
        content: HomeContent,
        links: &[HomeLink],
    ) -> Result<(), StoreError> {
        match store.make_home(home, content, links)? {
            Some(record) => self.take_up(home, || Linked::new(store, home, &record, &self.ways)),
            None => self.link(store, home),
        }
        Ok(())
    }

    /// Links the files of a home, which stands. Where that fails, nothing is linked ahead any more, and what was is deleted: what it
    /// takes may be what is wanting, on a full disk, and perhaps nobody needs it.
    pub fn link(&self, store: &Store, home: &HomeId) {
        self.take_up(home, || {
            Linked::new(store, home, &store.raw_home_record(home)?, &self.ways)
        });
    }

    fn take_up(&self, home: &HomeId, link: impl FnOnce() -> Result<Linked, StoreError>) {
        if matches!(*self.state(), State::GivenUp(_)) {
            return;
        }
        match link() {
            Ok(linked) => {
                if let State::Linked(all) = &mut *self.state() {
                    all.insert(home.clone(), linked);
                }
            }
            Err(error) => self.give_up(&error),
        }
    }

    /// Why packages are linked at the end, where linking them ahead was tried.
    pub fn why_not(&self) -> Option<String> {
        match &*self.state() {
            State::Linked(_) => None,
            State::GivenUp(reason) => Some(reason.clone()),
        }
    }

    /// Moves the files of a home to a folder `name` in `to`, which is not there or empty. `None` where they were not linked, or
    /// somebody had them, or they cannot be moved there.
    pub(crate) fn move_to(&self, home: &HomeId, to: BorrowedFd<'_>, name: &str) -> Option<LinkReport> {
        let linked = match &mut *self.state() {
            State::Linked(all) => all.remove(home),
            State::GivenUp(_) => None,
        }?;
        match rustix::fs::renameat(CWD, linked.folder.path(), to, name) {
            Ok(()) => {
                linked.folder.keep();
                Some(linked.report)
            }
            Err(errno) => {
                if errno == Errno::XDEV {
                    // So it is with all others.
                    self.give_up(&StoreError::os("move", linked.folder.path())(errno));
                }
                None
            }
        }
    }

    /// The first to find a reason is who tells it.
    fn give_up(&self, error: &StoreError) {
        let mut state = self.state();
        if let State::Linked(_) = *state {
            let cause = error.source().map(|cause| format!(": {cause}"));
            let reason = format!("{error}{}", cause.unwrap_or_default());
            let before = std::mem::replace(&mut *state, State::GivenUp(reason));
            drop(state);
            // Not under the lock: it takes its time.
            drop(before);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Linked {
    fn new(store: &Store, home: &HomeId, record: &RawRecord, ways: &Ways) -> Result<Self, StoreError> {
        let folder = Draft::bare(store)?;
        let report = store.link_home(home, record, folder.path(), ways)?;
        Ok(Self { folder, report })
    }
}
