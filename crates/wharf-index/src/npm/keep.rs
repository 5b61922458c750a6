//! Writes to the cache, away from whoever waits for a package: one thread, one file after the other.
//!
//! Invariant: files appear whole (written beside and renamed). What cannot be written costs speed later, not the
//! command. What was handed in before a flush, or before the keeper is dropped, is written when that returns.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use bytes::Bytes;
use tempfile::NamedTempFile;
use tokio::sync::oneshot;
use wharf_core::{Event, Sinks};

use super::packument::Packument;
use super::table::{Freshness, TIMES_AT};

/// Something to do.
enum Job {
    /// Write a packument's table and blocks, and let go of the blocks in memory.
    Packument {
        packument: Arc<Packument>,
        head: Vec<u8>,
        blocks: Bytes,
    },
    /// Write a file.
    File { path: PathBuf, bytes: Bytes },
    /// Note that a document was confirmed.
    Renew { path: PathBuf, freshness: Freshness },
    /// Say that everything before is done.
    Flush(oneshot::Sender<()>),
}

/// The thread, started by the first job.
pub(super) struct Keeper {
    sinks: Sinks,
    running: Mutex<Option<(Sender<Job>, JoinHandle<()>)>>,
}

impl Keeper {
    pub(super) fn new(sinks: Sinks) -> Self {
        Self {
            sinks,
            running: Mutex::default(),
        }
    }

    pub(super) fn packument(&self, packument: Arc<Packument>, head: Vec<u8>, blocks: Bytes) {
        self.hand_in(Job::Packument {
            packument,
            head,
            blocks,
        });
    }

    pub(super) fn file(&self, path: PathBuf, bytes: Bytes) {
        self.hand_in(Job::File { path, bytes });
    }

    pub(super) fn renew(&self, path: PathBuf, freshness: Freshness) {
        self.hand_in(Job::Renew { path, freshness });
    }

    /// Waits until everything that was handed in is written.
    pub(super) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        let idle = self
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_none();
        if !idle {
            self.hand_in(Job::Flush(done));
            // An error means that the thread is gone, and with it everything that could be waited for.
            let _ = wait.await;
        }
    }

    fn hand_in(&self, job: Job) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_none() {
            let (send, receive) = channel();
            let sinks = Arc::clone(&self.sinks);
            let thread = std::thread::Builder::new()
                .name("npm-cache".to_owned())
                .spawn(move || work(&receive, &sinks));
            match thread {
                Ok(thread) => *running = Some((send, thread)),
                // Without a thread nothing is kept, which is only slower.
                Err(error) => return tracing::debug!(%error, "no thread for writing to the cache"),
            }
        }
        if let Some((send, _)) = running.as_ref() {
            // Fails only where the thread panicked.
            let _ = send.send(job);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let running = self.running.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some((send, thread)) = running.take() {
            drop(send);
            let _ = thread.join();
        }
    }
}

fn work(jobs: &Receiver<Job>, sinks: &Sinks) {
    let mut told = false;
    for job in jobs {
        let done = match job {
            Job::Packument {
                packument,
                head,
                blocks,
            } => write(packument.path(), &[&head, &blocks]).inspect(|()| packument.let_go()),
            Job::File { path, bytes } => write(&path, &[&bytes]),
            Job::Renew { path, freshness } => crate::cache::patch(&path, TIMES_AT, &freshness.bytes()),
            Job::Flush(done) => {
                let _ = done.send(());
                Ok(())
            }
        };
        if let Err(error) = done
            && !std::mem::replace(&mut told, true)
        {
            sinks.emit(Event::warning(
                "cache/unwritable",
                format!("package documents cannot be kept in the cache ({error}); the next run will fetch them again"),
            ));
        }
    }
}

/// Writes a file beside its place and renames it there. Not synced: what a power cut leaves has the wrong length.
pub(super) fn write(path: &Path, parts: &[&[u8]]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = match NamedTempFile::new_in(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            std::fs::create_dir_all(folder)?;
            NamedTempFile::new_in(folder)?
        }
        other => other?,
    };
    for part in parts {
        file.write_all(part)?;
    }
    file.persist(path)?;
    Ok(())
}
