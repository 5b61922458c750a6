//! Room for a journal, made and flushed before anybody knows what it will say.
//!
//! A file system that is asked to flush a new file flushes with it what else it has in hand, such as every name of an environment
//! that was just made. A first step that overwrites bytes which are on disk waits for these alone.
//!
//! Invariant: room is nothing but zeros, and its maker holds it locked until it says something. What nobody holds is nobody's.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::path_of;
use crate::error::StoreError;

/// Bytes made room for. Steps that need more make the file longer.
const ROOM: usize = 8 * 1024;

/// Room for the journal of one transaction. Dropping it gives it back.
#[derive(Debug)]
pub struct Reserved {
    dir: PathBuf,
    tx: String,
    /// `None` once somebody took it.
    room: Option<Room>,
}

/// The file, and the thread that brings it to the disk.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) file: File,
    pub(super) flushed: Flush,
}

/// A flush under way.
pub(super) type Flush = JoinHandle<io::Result<()>>;

impl Reserved {
    /// Makes room for the journal of the transaction `tx` in a folder that is there, and flushes it while others work.
    ///
    /// # Errors
    /// Where the file cannot be made or filled, or is there.
    pub fn new(dir: &Path, tx: &str) -> Result<Self, StoreError> {
        let path = path_of(dir, tx);
        let file = File::create_new(&path).map_err(StoreError::io("make", &path))?;
        let fill = || {
            flock(&file, FlockOperation::NonBlockingLockExclusive)?;
            file.write_all_at(&[0; ROOM], 0)?;
            let (behind, folder) = (file.try_clone()?, File::open(dir)?);
            let flush = move || behind.sync_data().and_then(|()| folder.sync_all());
            let thread = std::thread::Builder::new().name("wharf-journal".to_owned());
            thread.spawn(flush)
        };
        match fill() {
            Ok(flushed) => Ok(Self {
                dir: dir.to_owned(),
                tx: tx.to_owned(),
                room: Some(Room { file, flushed }),
            }),
            Err(error) => {
                let _ = fs::remove_file(&path);
                Err(StoreError::io("write", &path)(error))
            }
        }
    }

    /// The transaction.
    pub fn tx(&self) -> &str {
        &self.tx
    }

    /// The folder.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file; `None` where it is no longer what lies there.
    pub(super) fn take(mut self) -> Option<Room> {
        let room = self.room.take_if(|room| {
            let there = fs::symlink_metadata(path_of(&self.dir, &self.tx))
                .and_then(|data| Ok((data, room.file.metadata()?)));
            there.is_ok_and(|(there, own)| (there.dev(), there.ino()) == (own.dev(), own.ino()))
        });
        // What lies there instead is not ours to give back.
        self.room = None;
        room
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if self.room.is_some() {
            // Whoever begins the next transaction removes what stays.
            let _ = fs::remove_file(path_of(&self.dir, &self.tx));
        }
    }
}

/// The file of a journal that is to be recovered.
pub(super) struct Found {
    pub(super) file: File,
    /// Whether it could be locked: then nobody holds it as room, or will.
    is_free: bool,
}

impl Found {
    /// Opens it; `None` where somebody made room and has not begun. On some file systems (SMB) nobody else can read that, so it is asked
    /// for first; on others (NFS) only what can be written can be locked.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => File::open(path)?,
            other => other?,
        };
        let locked = flock(&file, FlockOperation::NonBlockingLockExclusive);
        let is_free = locked.is_ok();
        Ok((locked != Err(Errno::WOULDBLOCK)).then_some(Self { file, is_free }))
    }

    /// Removes what is nothing but room, if nobody holds it. It says nothing, so it harms nobody where it stays.
    pub(super) fn clear(self, path: &Path) {
        if self.is_free {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Flushed, Journal, State, has_begun, recover};
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
        let inode = reserved.room.as_ref().unwrap().file.metadata().unwrap().ino();
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
    fn room_that_is_no_longer_there_is_made_anew() {
        type Change = fn(&Path);
        let changes: [Change; 3] = [
            |dir| fs::remove_dir_all(dir).unwrap(),
            // A file is there as before, but not where the next command looks.
            |dir| fs::rename(dir, dir.with_extension("moved")).unwrap(),
            |dir| fs::rename(dir.join("1.jsonl"), dir.join(".nfs0001")).unwrap(),
        ];
        for change in changes {
            let temporary = tempfile::tempdir().unwrap();
            let dir = temporary.path().join("journal");
            fs::create_dir(&dir).unwrap();
            let reserved = Reserved::new(&dir, "1").unwrap();
            change(&dir);
            let mut journal = Journal::begin_in(reserved, json!(1), Flushed::First).unwrap();
            journal.prepared().unwrap();
            assert_eq!(recover(&dir).unwrap()[0].state, State::Prepared);
        }
    }

    #[test]
    fn room_cannot_be_made_where_nothing_can() {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path();
        assert!(Reserved::new(&dir.join("missing"), "1").is_err());
        // Another's journal stays as it is.
        fs::write(dir.join("1.jsonl"), "theirs").unwrap();
        assert!(Reserved::new(dir, "1").is_err());
        assert_eq!(fs::read(dir.join("1.jsonl")).unwrap(), b"theirs");
    }

    #[test]
    fn what_is_not_there_any_more_is_nothing_to_recover() {
        let temporary = tempfile::tempdir().unwrap();
        let gone = temporary.path().join("1.jsonl");
        let found = super::super::recover_one(temporary.path(), gone).unwrap();
        assert!(found.is_none());
    }

    #[test]
    fn what_has_begun_shows_at_a_glance() {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path();
        assert!(!has_begun(&dir.join("missing")));
        assert!(!has_begun(dir));
        fs::write(dir.join("note"), "x").unwrap();
        fs::write(dir.join("1.jsonl"), "").unwrap();
        let reserved = Reserved::new(dir, "2").unwrap();
        assert!(!has_begun(dir));
        let journal = Journal::begin_in(reserved, json!(1), Flushed::None).unwrap();
        assert!(has_begun(dir));
        journal.abort().unwrap();
        assert!(!has_begun(dir));
    }
}
