//! Writes to the cache, away from whoever waits for a package: one thread, one file after the other.
//!
//! Invariant: files appear whole (written beside and renamed, or their magic last). What cannot be written costs speed later, not the
//! command. What was handed in before a flush, or before the keeper is dropped, is written when that returns.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use tempfile::NamedTempFile;
use tokio::sync::oneshot;
use wharf_core::{Event, Sinks, Timestamp};
use wharf_net::freshness::Lifetime;

/// Until when a document may be used without asking, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Freshness {
    pub(crate) fetched: i64,
    pub(crate) until: i64,
}

impl Freshness {
    pub(crate) fn bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.fetched.to_le_bytes());
        bytes[8..].copy_from_slice(&self.until.to_le_bytes());
        bytes
    }

    /// That of an answer that came just now.
    pub(crate) fn of(lifetime: Lifetime) -> Self {
        let now = Timestamp::now().as_second();
        let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        Self {
            fetched: now.saturating_sub(seconds(lifetime.age)),
            until: now.saturating_add(seconds(lifetime.fresh_for)),
        }
    }

    /// How old the document is at `now`.
    pub(crate) fn age(self, now: i64) -> Duration {
        Duration::from_secs(u64::try_from(now.saturating_sub(self.fetched)).unwrap_or(0))
    }

    /// Whether it is fresh at `now`. A clock that was set back must not make it fresh for years.
    pub(crate) fn holds(self, now: i64) -> bool {
        (self.fetched..self.until).contains(&now)
    }
}

/// Where the two times stand in every file that is renewed: after the magic.
const TIMES_AT: u64 = 8;

/// Done once a file is written.
type Then = Box<dyn FnOnce() + Send>;

/// Something to do.
enum Job {
    /// Write a file, then something else.
    File {
        path: PathBuf,
        parts: Vec<Bytes>,
        write: fn(&Path, &[Bytes]) -> std::io::Result<()>,
        then: Then,
    },
    /// Note that a document was confirmed.
    Renew { path: PathBuf, freshness: Freshness },
    /// Say that everything before is done.
    Flush(oneshot::Sender<()>),
}

/// The thread, started by the first job.
pub(crate) struct Keeper {
    sinks: Sinks,
    running: Mutex<Option<(Sender<Job>, JoinHandle<()>)>>,
}

impl Keeper {
    pub(crate) fn new(sinks: Sinks) -> Self {
        Self {
            sinks,
            running: Mutex::default(),
        }
    }

    pub(crate) fn file(&self, path: PathBuf, bytes: Bytes) {
        self.hand_in(Job::File {
            path,
            parts: vec![bytes],
            write,
            then: Box::new(|| {}),
        });
    }

    /// A file of several parts that begins with a magic, without which nobody reads it; what is to be done once it is there.
    pub(crate) fn marked_file_then(
        &self,
        path: PathBuf,
        parts: Vec<Bytes>,
        then: impl FnOnce() + Send + 'static,
    ) {
        self.hand_in(Job::File {
            path,
            parts,
            write: write_marked,
            then: Box::new(then),
        });
    }

    pub(crate) fn renew(&self, path: PathBuf, freshness: Freshness) {
        self.hand_in(Job::Renew { path, freshness });
    }

    /// Waits until everything that was handed in is written.
    pub(crate) async fn flush(&self) {
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
                .name("index-cache".to_owned())
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
            Job::File {
                path,
                parts,
                write,
                then,
            } => write(&path, &parts).inspect(|()| then()),
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

/// Bytes of a magic.
const MAGIC: usize = 8;

/// Writes a file that begins with a magic. Where none is yet it is written in its place, without a name to be given up: its
/// magic comes last, so that nobody takes it for whole before, and what a killed command leaves is as good as none.
fn write_marked(path: &Path, parts: &[Bytes]) -> std::io::Result<()> {
    match File::create_new(path) {
        Ok(file) => {
            let written = fill(file, parts);
            if written.is_err() {
                // A torn file is as good as none, and would be written beside the next time.
                let _ = std::fs::remove_file(path);
            }
            written
        }
        Err(_) => write(path, parts),
    }
}

fn fill(mut file: impl Write + Seek, parts: &[Bytes]) -> std::io::Result<()> {
    let Some((first, rest)) = parts.split_first().filter(|(first, _)| first.len() >= MAGIC) else {
        return Err(std::io::ErrorKind::InvalidInput.into());
    };
    let (magic, front) = first.split_at(MAGIC);
    file.seek(SeekFrom::Start(MAGIC as u64))?;
    file.write_all(front)?;
    for part in rest {
        file.write_all(part)?;
    }
    file.seek(SeekFrom::Start(0))?;
    file.write_all(magic)
}

/// Writes a file beside its place and renames it there. Not synced: what a power cut leaves has the wrong length, or fails
/// its checksum.
pub(crate) fn write<P: AsRef<[u8]>>(path: &Path, parts: &[P]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = match NamedTempFile::new_in(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            std::fs::create_dir_all(folder)?;
            NamedTempFile::new_in(folder)?
        }
        other => other?,
    };
    for part in parts {
        file.write_all(part.as_ref())?;
    }
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(front: &'static str) -> [Bytes; 2] {
        [
            Bytes::from_static(front.as_bytes()),
            Bytes::from_static(b"blocks"),
        ]
    }

    #[test]
    fn a_marked_file_is_written_whole_where_none_is_and_where_one_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/file");
        for front in ["MAGIC001front", "MAGIC001", "MAGIC001another front"] {
            write_marked(&path, &parts(front)).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{front}blocks"));
        }
        let beside: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(beside.len(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_file_without_a_magic_is_not_written_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert!(write_marked(&path, &parts("short")).is_err());
        assert!(!path.exists());
    }

    /// A disk with room for so many bytes.
    struct Small<'b> {
        file: std::io::Cursor<&'b mut Vec<u8>>,
        room: usize,
    }

    impl Write for Small<'_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let length = bytes.len().min(self.room);
            self.room -= length;
            self.file.write(&bytes[..length])
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Small<'_> {
        fn seek(&mut self, place: SeekFrom) -> std::io::Result<u64> {
            self.file.seek(place)
        }
    }

    #[test]
    fn what_is_torn_has_no_magic() {
        let whole = b"MAGIC001frontblocks";
        for room in 0..=whole.len() {
            let mut bytes = Vec::new();
            let file = Small {
                file: std::io::Cursor::new(&mut bytes),
                room,
            };
            let done = fill(file, &parts("MAGIC001front")).is_ok();
            assert_eq!(done, room == whole.len(), "{room}");
            assert_eq!(done, bytes.starts_with(b"MAGIC001"), "{room}");
            assert_eq!(done, bytes == whole, "{room}");
        }
    }
}
