//! Locks between processes: shared for those that use, exclusive for those that take away.
//! Invariant: a lock ends with its holder, however that ends; it never has to be cleaned up. Source: flock(2).

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::error::StoreError;

/// A held lock; dropping it lets go.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

/// How much a lock keeps others out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Others may share.
    Shared,
    /// Nobody else.
    Exclusive,
}

impl Lock {
    /// Takes the lock at `path` (made if absent), calling `waiting` once if another process holds it.
    ///
    /// # Errors
    /// Where the file cannot be opened or its file system knows no locks.
    pub fn acquire(path: &Path, access: Access, waiting: impl FnOnce(&Path)) -> Result<Self, StoreError> {
        if let Some(lock) = Self::attempt(path, access)? {
            return Ok(lock);
        }
        waiting(path);
        let file = open(path)?;
        loop {
            match flock(&file, access.blocking()) {
                Ok(()) => {
                    return Ok(Self {
                        file,
                        path: path.to_path_buf(),
                    });
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(StoreError::os("lock", path)(errno)),
            }
        }
    }

    /// Takes the lock if nobody stands in the way; `None` otherwise.
    ///
    /// # Errors
    /// As [`Lock::acquire`].
    pub fn attempt(path: &Path, access: Access) -> Result<Option<Self>, StoreError> {
        let file = open(path)?;
        match flock(&file, access.immediate()) {
            Ok(()) => Ok(Some(Self {
                file,
                path: path.to_path_buf(),
            })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(StoreError::os("lock", path)(errno)),
        }
    }

    /// The lock's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file that carries the lock.
    pub fn file(&self) -> &File {
        &self.file
    }
}

impl Access {
    fn blocking(self) -> FlockOperation {
        match self {
            Access::Shared => FlockOperation::LockShared,
            Access::Exclusive => FlockOperation::LockExclusive,
        }
    }

    fn immediate(self) -> FlockOperation {
        match self {
            Access::Shared => FlockOperation::NonBlockingLockShared,
            Access::Exclusive => FlockOperation::NonBlockingLockExclusive,
        }
    }
}

fn open(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(StoreError::io("open the lock", path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn shared_locks_share_and_exclusive_ones_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = Lock::acquire(&path, Access::Shared, |_| panic!("nobody holds it")).unwrap();
        let second = Lock::attempt(&path, Access::Shared).unwrap();
        assert!(second.is_some());
        assert!(Lock::attempt(&path, Access::Exclusive).unwrap().is_none());
        drop((first, second));
        assert!(Lock::attempt(&path, Access::Exclusive).unwrap().is_some());
    }

    #[test]
    fn who_waits_says_so_and_gets_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = Lock::acquire(&path, Access::Exclusive, |_| {}).unwrap();
        let (said, heard) = mpsc::channel();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                Lock::acquire(&path, Access::Exclusive, move |_| said.send(()).unwrap()).unwrap();
            });
            heard.recv().unwrap();
            assert!(!waiter.is_finished());
            drop(held);
        });
    }
}
