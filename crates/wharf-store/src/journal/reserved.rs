//! Room for a journal, made and flushed before anybody knows what it will say.
//!
//! A file system that is asked to flush a new file flushes with it what else it has in hand, such as every name of an environment
//! that was just made. A first step that overwrites bytes which are on disk waits for these alone.
//!
//! Invariant: room is nothing but zeros, and its maker holds it locked. What nobody holds is nobody's.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use rustix::fs::{FlockOperation, flock};

use super::path_of;
use crate::error::StoreError;

/// Bytes made room for. Steps that need more make the file longer.
const ROOM: usize = 8 * 1024;

/// Room for the journal of one transaction. Dropping it gives it back.
#[derive(Debug)]
pub struct Reserved {
    dir: PathBuf,
    tx: String,
    file: File,
    /// On its way to the disk; `None` once somebody took it.
    flushed: Option<JoinHandle<io::Result<()>>>,
}

impl Reserved {
    /// Makes room for the journal of the transaction `tx` in a folder that is there, and flushes it while others work.
    ///
    /// # Errors
    /// Where the file cannot be made, or is there.
    pub fn new(dir: &Path, tx: &str) -> Result<Self, StoreError> {
        let path = path_of(dir, tx);
        let made = || {
            let file = File::create_new(&path)?;
            // Where files cannot be locked, somebody may take this one for nobody's: then it is made anew when it is needed.
            let _ = flock(&file, FlockOperation::NonBlockingLockExclusive);
            let (behind, folder) = (file.try_clone()?, File::open(dir)?);
            let flush = move || {
                behind.write_all_at(&[0; ROOM], 0)?;
                behind.sync_data()?;
                folder.sync_all()
            };
            let thread = std::thread::Builder::new().name("wharf-journal".to_owned());
            Ok((file, thread.spawn(flush)?))
        };
        let (file, flushed) = made().map_err(StoreError::io("make", &path))?;
        Ok(Self {
            dir: dir.to_owned(),
            tx: tx.to_owned(),
            file,
            flushed: Some(flushed),
        })
    }

    /// The transaction.
    pub fn tx(&self) -> &str {
        &self.tx
    }

    /// The folder.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file, once it is on disk; `None` where that failed or somebody removed it.
    pub(super) fn take(mut self) -> Option<File> {
        let flushed = self.flushed.take()?.join();
        let stands = || self.file.metadata().is_ok_and(|data| data.nlink() > 0);
        if matches!(flushed, Ok(Ok(()))) && stands() {
            return self.file.try_clone().ok();
        }
        self.remove();
        None
    }

    /// Whoever recovers removes what stays.
    fn remove(&self) {
        let _ = fs::remove_file(path_of(&self.dir, &self.tx));
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if self.flushed.is_some() {
            self.remove();
        }
    }
}

/// Removes room that nobody holds.
pub(super) fn clear(path: &Path) -> Result<(), StoreError> {
    let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let file = match File::open(path) {
        Err(error) if gone(&error) => return Ok(()),
        other => other.map_err(StoreError::io("open", path))?,
    };
    if flock(&file, FlockOperation::NonBlockingLockExclusive) == Err(rustix::io::Errno::WOULDBLOCK) {
        return Ok(());
    }
    match fs::remove_file(path) {
        Err(error) if !gone(&error) => Err(StoreError::io("remove", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Flushed, Journal, State, recover};
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_journal_in_room_is_as_any_other() {
        for flushed in [Flushed::Each, Flushed::First, Flushed::None] {
            // Some fit the room, some do not.
            for length in [1, ROOM / 2, ROOM, 3 * ROOM] {
                let temporary = tempfile::tempdir().unwrap();
                let dir = temporary.path();
                let data = json!({ "about": "x".repeat(length) });
                let reserved = Reserved::new(dir, "7-1-a").unwrap();
                let mut journal = Journal::begin_in(reserved, data.clone(), flushed).unwrap();
                let found = |state| {
                    let found = recover(dir).unwrap().remove(0);
                    assert_eq!((found.state, &found.data), (state, &data), "{flushed:?} {length}");
                    assert_eq!((found.tx.as_str(), &found.quarantined), ("7-1-a", &None));
                };
                found(State::Begun);
                journal.prepared().unwrap();
                found(State::Prepared);
                journal.switched().unwrap();
                found(State::Committed);
                recover(dir).unwrap().remove(0).close().unwrap();
                assert!(names(dir).is_empty());
            }
        }
    }

    #[test]
    fn the_first_step_overwrites_what_is_on_disk() {
        let temporary = tempfile::tempdir().unwrap();
        let reserved = Reserved::new(temporary.path(), "1").unwrap();
        let inode = reserved.file.metadata().unwrap().ino();
        let journal = Journal::begin_in(reserved, json!(1), Flushed::First).unwrap();
        let data = fs::metadata(journal.path()).unwrap();
        assert_eq!((data.ino(), data.len()), (inode, ROOM as u64));
    }

    #[test]
    fn room_says_nothing_to_who_recovers_and_stays_as_long_as_somebody_holds_it() {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path();
        let reserved = Reserved::new(dir, "1").unwrap();
        assert!(Reserved::new(dir, "1").is_err(), "a name is used once");
        assert!(recover(dir).unwrap().is_empty());
        assert_eq!(names(dir), ["1.jsonl"]);
        drop(reserved);
        assert!(names(dir).is_empty(), "it is given back");
        // Left by processes that died: before the zeros were written, and after.
        for length in [0, ROOM] {
            fs::write(dir.join("2.jsonl"), vec![0; length]).unwrap();
            assert!(recover(dir).unwrap().is_empty());
            assert!(names(dir).is_empty());
        }
    }

    #[test]
    fn room_that_somebody_removed_is_made_anew() {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path().join("journal");
        fs::create_dir(&dir).unwrap();
        let reserved = Reserved::new(&dir, "1").unwrap();
        fs::remove_dir_all(&dir).unwrap();
        let mut journal = Journal::begin_in(reserved, json!(1), Flushed::First).unwrap();
        journal.prepared().unwrap();
        assert_eq!(recover(&dir).unwrap()[0].state, State::Prepared);
    }
}
