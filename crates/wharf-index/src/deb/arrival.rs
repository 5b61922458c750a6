//! Files on their way to whoever reads them: over the network or from this machine.
//!
//! Invariants: a reader that sees the end has seen the whole file; a transfer that fails is an error to it, never an end. No
//! more is read than was promised, however long a server goes on.

use std::fs::File;
use std::io::{self, Read};

use bytes::Bytes;
use tokio::sync::mpsc;
use wharf_core::{Algorithm, Digest};
use wharf_net::{Client, NetError, Stream};
use wharf_store::Hasher;

use super::repository::Place;

/// Pieces that may wait for being read.
const PIECES: usize = 64;

/// Why a file did not come.
#[derive(Debug)]
pub(super) enum Absent {
    /// It is not there.
    Nowhere,
    /// The network failed.
    Net(NetError),
    /// The disk failed.
    Disk(io::Error),
}

impl From<NetError> for Absent {
    fn from(error: NetError) -> Self {
        match error {
            NetError::NotFound { .. } => Absent::Nowhere,
            error => Absent::Net(error),
        }
    }
}

impl From<io::Error> for Absent {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Absent::Nowhere,
            _ => Absent::Disk(error),
        }
    }
}

/// What came of reading a file.
pub(super) struct Came<T> {
    /// What the reader made of it.
    pub(super) made: T,
    /// What all its bytes hash to.
    pub(super) digest: Option<Digest>,
    /// How many they are.
    pub(super) length: u64,
    /// Whether its parts may belong to different files.
    pub(super) is_patched: bool,
}

/// The bytes of a file, in order, hashed where that is asked for. Those beyond what was promised are an error; so that it is not the
/// right file whose end is cut off, the first of them count for digest and length.
pub(super) struct Bytewise {
    source: Source,
    hasher: Option<Hasher>,
    length: u64,
    promised: u64,
}

enum Source {
    Pieces {
        receive: mpsc::Receiver<Option<Bytes>>,
        current: Bytes,
        /// All of it came. Decoders ask again after the end.
        ended: bool,
    },
    File(File),
}

impl Read for Bytewise {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let too_many = || io::Error::other("there are more bytes than were promised");
        if self.length > self.promised {
            return Err(too_many());
        }
        let count = self.source.read(into)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&into[..count]);
        }
        self.length += count as u64;
        match self.length > self.promised {
            true => Err(too_many()),
            false => Ok(count),
        }
    }
}

impl Read for Source {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (receive, current, ended) = match self {
            Source::File(file) => return file.read(into),
            Source::Pieces {
                receive,
                current,
                ended,
            } => (receive, current, ended),
        };
        if current.is_empty() && !*ended {
            match receive.blocking_recv() {
                Some(Some(piece)) => *current = piece,
                Some(None) => *ended = true,
                None => return Err(io::Error::other("the transfer failed")),
            }
        }
        let count = into.len().min(current.len());
        into[..count].copy_from_slice(&current.split_to(count));
        Ok(count)
    }
}

/// Lets `work` read a file while it arrives, on a thread of its own. What it leaves is read for the digest. It has as many bytes as are
/// promised: where there are more, the length says so and nothing further is read.
pub(super) async fn read_through<T: Send + 'static>(
    client: &Client,
    place: &Place,
    label: &str,
    (promised, hash): (u64, Option<Algorithm>),
    work: impl FnOnce(&mut Bytewise) -> T + Send + 'static,
) -> Result<Came<T>, Absent> {
    match place {
        Place::File(path) => {
            let file = File::open(path)?;
            let came = wharf_sys::run_blocking(move || read(Source::File(file), promised, hash, work)).await;
            Ok(came)
        }
        Place::Web(url) => {
            let mut stream = client.stream(url, label).await?;
            let (send, receive) = mpsc::channel(PIECES);
            let source = Source::Pieces {
                receive,
                current: Bytes::new(),
                ended: false,
            };
            let working = wharf_sys::run_blocking(move || read(source, promised, hash, work));
            let feeding = async {
                let fed = feed(&mut stream, send).await;
                (fed, stream.is_patched())
            };
            let (came, (fed, is_patched)) = futures::future::join(working, feeding).await;
            fed?;
            Ok(Came { is_patched, ..came })
        }
    }
}

fn read<T>(
    source: Source,
    promised: u64,
    hash: Option<Algorithm>,
    work: impl FnOnce(&mut Bytewise) -> T,
) -> Came<T> {
    let mut bytes = Bytewise {
        source,
        hasher: hash.map(Hasher::new),
        length: 0,
        promised,
    };
    let made = work(&mut bytes);
    // What follows the last byte that anybody wants belongs to the digest too. Where the transfer failed, that is told.
    let _ = io::copy(&mut bytes, &mut io::sink());
    Came {
        made,
        digest: bytes.hasher.map(Hasher::finish),
        length: bytes.length,
        is_patched: false,
    }
}

/// Hands the pieces of a file over as they come.
async fn feed(stream: &mut Stream<'_>, send: mpsc::Sender<Option<Bytes>>) -> Result<(), NetError> {
    while let Some(piece) = stream.next().await? {
        if send.send(Some(piece)).await.is_err() {
            // Who reads has given up; why is told there.
            return Ok(());
        }
    }
    // Tells the end from a sender that is gone because the transfer failed.
    let _ = send.send(None).await;
    Ok(())
}

/// All bytes of a file on this machine; of one with more than `limit` bytes so many that it has too many.
pub(super) async fn whole(path: std::path::PathBuf, limit: u64) -> Result<Vec<u8>, Absent> {
    let read = move || {
        let mut bytes = Vec::new();
        File::open(path)?
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)?;
        io::Result::Ok(bytes)
    };
    Ok(wharf_sys::run_blocking(read).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn came(promised: u64, content: &[u8], wanted: usize) -> Came<io::Result<usize>> {
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, content).unwrap();
        io::Seek::rewind(&mut file).unwrap();
        let work = move |bytes: &mut Bytewise| bytes.read(&mut vec![0; wanted]);
        read(Source::File(file), promised, Some(Algorithm::Sha256), work)
    }

    #[test]
    fn what_is_promised_is_read_and_nothing_beyond() {
        let digest = |bytes: &[u8]| Some(Hasher::digest(Algorithm::Sha256, bytes));
        let right = came(4, b"abcd", 2);
        assert_eq!((right.length, right.digest), (4, digest(b"abcd")));
        // Whoever reads as many as are promised has read the right file, and still it is not the right one.
        let long = came(4, b"abcdefgh", 4);
        assert_eq!(long.made.unwrap(), 4);
        assert!(long.length > 4 && long.digest != digest(b"abcd"));
        let endless = came(4, &[0; 1 << 20], 1 << 20);
        assert!(endless.made.is_err() && endless.length <= 1 << 20);
    }

    #[tokio::test]
    async fn a_file_without_end_is_read_to_its_limit() {
        let bytes = whole("/dev/zero".into(), 1000).await;
        if cfg!(unix) {
            assert_eq!(bytes.unwrap().len(), 1001);
        }
    }
}
