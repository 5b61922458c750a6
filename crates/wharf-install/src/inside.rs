//! Programs of a system root that Wharf itself runs: interpreters that are asked about themselves, compilers of bytecode, install scripts.
//!
//! Invariant: what they change of `/etc` and `/var` is gone with the value: the project's own stays as its programs left it. Folders of a
//! process that was killed go with the next one's.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::Command;

use rustix::fs::FlockOperation;
use wharf_sys::view::View;

/// The beginning of the names of folders for what programs change.
const PREFIX: &str = "wharf-view-";

/// A view of a system root that leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Inside {
    view: View,
    _state: Option<State>,
}

/// What programs changed. The lock says that somebody lives in it.
#[derive(Debug)]
struct State {
    folder: tempfile::TempDir,
    _lock: File,
}

impl Inside {
    /// For programs that write what they like.
    pub(crate) fn of(root: &Path) -> io::Result<Self> {
        let state = State::new(&std::env::temp_dir())?;
        Ok(Self {
            view: View::new(root, state.folder.path()),
            _state: Some(state),
        })
    }

    /// For programs that only look: they cannot change anything of the system.
    pub(crate) fn looking(root: &Path) -> Self {
        Self {
            view: View::untouched(root),
            _state: None,
        }
    }

    /// Makes a command start inside, in no folder of its own: what is not seen inside is of no use to a program that reads none.
    pub(crate) fn enter(&self, command: &mut Command) -> io::Result<()> {
        command.current_dir("/");
        self.enter_here(command)
    }

    /// Makes a command start inside, in its folder.
    pub(crate) fn enter_here(&self, command: &mut Command) -> io::Result<()> {
        self.view.enter(command).map_err(io::Error::other)
    }
}

impl State {
    /// A new one in a folder, out of which what killed processes left is taken.
    fn new(folder: &Path) -> io::Result<Self> {
        remove_left_behind(folder);
        let folder = tempfile::TempDir::with_prefix_in(PREFIX, folder)?;
        let lock = File::open(folder.path())?;
        rustix::fs::flock(&lock, FlockOperation::LockExclusive)?;
        Ok(Self { folder, _lock: lock })
    }
}

/// Removes folders that nobody holds. One that is this moment made and not held yet is empty, and stays.
fn remove_left_behind(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_ours = name.to_string_lossy().starts_with(PREFIX);
        if !is_ours || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        // What cannot be opened or removed is somebody else's.
        let Ok(lock) = File::open(entry.path()) else {
            continue;
        };
        let is_empty = fs::read_dir(entry.path()).is_ok_and(|mut entries| entries.next().is_none());
        if !is_empty && rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_killed_processes_go_and_others_stay() {
        let temporary = tempfile::tempdir().unwrap();
        let at = |name: &str| temporary.path().join(name);
        for name in ["wharf-view-left/etc", "wharf-views/etc", "other/etc"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        let first = State::new(temporary.path()).unwrap();
        fs::create_dir(first.folder.path().join("etc")).unwrap();
        let second = State::new(temporary.path()).unwrap();
        assert!(!at("wharf-view-left").exists());
        assert!(at("other").exists() && at("wharf-views").exists());
        assert!(first.folder.path().join("etc").exists(), "somebody lives there");
        drop((first, second));
        assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 2);
    }
}
