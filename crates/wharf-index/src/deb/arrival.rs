//! Files on their way to whoever reads them: over the network or from this machine.
//!
//! Invariant: a reader that sees the end has seen the whole file; a transfer that fails is an error to it, never an end.

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

/// The bytes of a file, in order, hashed where that is asked for.
pub(super) struct Bytewise {
    source: Source,
    hasher: Option<Hasher>,
    length: u64,
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
        let count = self.source.read(into)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&into[..count]);
        }
        self.length += count as u64;
        Ok(count)
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

/// Lets `work` read a file while it arrives, on a thread of its own. What it leaves is read for the digest.
pub(super) async fn read_through<T: Send + 'static>(
    client: &Client,
    place: &Place,
    label: &str,
    hash: Option<Algorithm>,
    work: impl FnOnce(&mut Bytewise) -> T + Send + 'static,
) -> Result<Came<T>, Absent> {
    match place {
        Place::File(path) => {
            let file = File::open(path)?;
            let came = wharf_sys::run_blocking(move || read(Source::File(file), hash, work)).await;
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
            let working = wharf_sys::run_blocking(move || read(source, hash, work));
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

fn read<T>(source: Source, hash: Option<Algorithm>, work: impl FnOnce(&mut Bytewise) -> T) -> Came<T> {
    let mut bytes = Bytewise {
        source,
        hasher: hash.map(Hasher::new),
        length: 0,
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

/// All bytes of a file on this machine.
pub(super) async fn whole(path: std::path::PathBuf) -> Result<Vec<u8>, Absent> {
    Ok(wharf_sys::run_blocking(move || std::fs::read(path)).await?)
}
