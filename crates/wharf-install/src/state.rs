//! Where the records of an environment lie, and the lock that serialises whoever changes it.
//!
//! ```text
//! <state>/.gitignore     keeps the state out of version control
//! <state>/lock           flock: exclusive while the environment changes
//! <state>/journal/       one file a transaction that is under way, or room for one that is to come
//! <state>/gen/<n>.json   what generation n holds
//! <state>/current        the number of the generation that stands
//! <state>/stage/<tx>/<i> what is being made; becomes the i-th root that the transaction lists
//! <state>/trash/         what is to be deleted
//! <state>/fresh          what must be unchanged for a sync to have nothing to do
//! ```
//! Invariant: only the holder of the lock changes anything but `fresh`. Anybody may make room in the journal, which says nothing, and the
//! folders for that, and give it back.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use wharf_core::{Event, Sinks};

use crate::error::InstallError;

/// So long nobody is told of a wait: what comes behind a command holds the lock for a moment.
const TOLD_AFTER: Duration = Duration::from_millis(200);

/// The paths of an environment's records.
#[derive(Clone, Debug)]
pub(crate) struct State {
    directory: PathBuf,
}

/// Held while an environment changes; released when dropped, also by a crash.
#[derive(Debug)]
pub(crate) struct Held {
    _file: File,
}

impl State {
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.directory.join("journal")
    }

    pub(crate) fn generations(&self) -> PathBuf {
        self.directory.join("gen")
    }

    pub(crate) fn generation(&self, number: u64) -> PathBuf {
        self.generations().join(format!("{number}.json"))
    }

    pub(crate) fn current(&self) -> PathBuf {
        self.directory.join("current")
    }

    /// The number of the generation that stands, as far as the records say.
    pub(crate) fn current_number(&self) -> Option<u64> {
        fs::read_to_string(self.current()).ok()?.trim().parse().ok()
    }

    pub(crate) fn stage(&self) -> PathBuf {
        self.directory.join("stage")
    }

    pub(crate) fn trash(&self) -> PathBuf {
        self.directory.join("trash")
    }

    pub(crate) fn fresh(&self) -> PathBuf {
        self.directory.join("fresh")
    }

    /// Makes the directories that are not there yet.
    pub(crate) fn create(&self) -> Result<(), InstallError> {
        for directory in [self.journal(), self.generations(), self.stage(), self.trash()] {
            fs::create_dir_all(&directory).map_err(InstallError::io("create", &directory))?;
        }
        let ignore = self.directory.join(".gitignore");
        if !ignore.exists() {
            fs::write(&ignore, "*\n").map_err(InstallError::io("write", &ignore))?;
        }
        Ok(())
    }

    /// Takes the lock, waiting for another process if need be; `sinks` hear of a wait that people notice.
    pub(crate) fn lock(&self, sinks: &Sinks, cancel: &AtomicBool) -> Result<Held, InstallError> {
        let (mut pause, started) = (Duration::from_millis(2), Instant::now());
        let mut told = false;
        loop {
            if let Some(held) = self.try_lock()? {
                return Ok(held);
            }
            if cancel.load(Ordering::Relaxed) {
                return Err(InstallError::Interrupted);
            }
            if !told && started.elapsed() >= TOLD_AFTER {
                let what = format!(
                    "another wharf that changes the environment of {}",
                    self.directory.display()
                );
                sinks.emit(Event::Waiting { what });
                told = true;
            }
            // Polling, because a blocking flock would not hear of Ctrl-C.
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// Takes the lock if nobody holds it.
    pub(crate) fn try_lock(&self) -> Result<Option<Held>, InstallError> {
        let path = self.directory.join("lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(InstallError::io("open", &path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Held { _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(InstallError::io("lock", &path)(error.into())),
        }
    }
}
