//! Files that a thread of their own reads while they arrive.
//!
//! Invariants: a reader that sees the end has seen the whole file; a transfer that fails is an error to it, never an end. No more
//! is read than was promised, however long a server goes on. When nobody waits any more for what is made of a file, its reader sees
//! an error before the next piece and is in nobody's way.

use std::fs::File;
use std::io::{self, Read};

use bytes::Bytes;
use tokio::sync::mpsc;
use wharf_net::{NetError, Stream};
use wharf_store::Hasher;

use crate::arrive::Turn;

/// Pieces that may wait for being read.
const PIECES: usize = 16;

/// What came of reading a file.
pub(crate) struct Came<T> {
    /// What the reader made of it.
    pub(crate) made: T,
    /// What was given, with all its bytes.
    pub(crate) hashers: Vec<Hasher>,
    /// How many they are.
    pub(crate) length: u64,
    /// Whether its parts may belong to different files.
    pub(crate) is_patched: bool,
}

/// The bytes of a file, in order, as they are hashed. Those beyond what was promised are an error; so that it is not the right file
/// whose end is cut off, the first of them count for digest and length.
pub(crate) struct Bytewise {
    source: Source,
    hashers: Vec<Hasher>,
    length: u64,
    promised: u64,
}

enum Source {
    Pieces(Pieces),
    File(File),
}

/// A file in pieces.
struct Pieces {
    receive: mpsc::Receiver<Option<Bytes>>,
    current: Bytes,
    /// All of it came. Decoders ask again after the end.
    ended: bool,
    turn: Option<Turn>,
}

/// Lets `work` read a file while it arrives, on a thread of its own. What it leaves is read for the digest. It has as many bytes as are
/// promised: where there are more, the length says so and nothing further is read. Where there is a turn, each piece waits for it.
pub(crate) async fn read_through<T: Send + 'static>(
    mut stream: Stream<'_>,
    turn: Option<Turn>,
    hashers: Vec<Hasher>,
    promised: u64,
    work: impl FnOnce(&mut Bytewise) -> T + Send + 'static,
) -> Result<Came<T>, NetError> {
    // Dropped with this future, be it at its end or before.
    let _wish = turn.as_ref().map(Turn::wish);
    let (send, receive) = mpsc::channel(PIECES);
    let source = Source::Pieces(Pieces {
        receive,
        current: Bytes::new(),
        ended: false,
        turn,
    });
    let working = wharf_sys::run_blocking(move || read(source, hashers, promised, work));
    let feeding = async {
        let fed = feed(&mut stream, send).await;
        (fed, stream.is_patched())
    };
    let (came, (fed, is_patched)) = futures::future::join(working, feeding).await;
    fed?;
    Ok(Came { is_patched, ..came })
}

/// The same for a file of this machine.
pub(crate) async fn read_file<T: Send + 'static>(
    file: File,
    hashers: Vec<Hasher>,
    promised: u64,
    work: impl FnOnce(&mut Bytewise) -> T + Send + 'static,
) -> Came<T> {
    wharf_sys::run_blocking(move || read(Source::File(file), hashers, promised, work)).await
}

fn read<T>(
    source: Source,
    hashers: Vec<Hasher>,
    promised: u64,
    work: impl FnOnce(&mut Bytewise) -> T,
) -> Came<T> {
    let mut bytes = Bytewise {
        source,
        hashers,
        length: 0,
        promised,
    };
    let made = work(&mut bytes);
    // What follows the last byte that anybody wants belongs to the digest too. Where the transfer failed, that is told.
    let _ = io::copy(&mut bytes, &mut io::sink());
    Came {
        made,
        hashers: bytes.hashers,
        length: bytes.length,
        is_patched: false,
    }
}

/// Hands the pieces of a file over as they come. The channel comes back, since its end would say that nobody waits for the rest.
async fn feed(
    stream: &mut Stream<'_>,
    send: mpsc::Sender<Option<Bytes>>,
) -> Result<mpsc::Sender<Option<Bytes>>, NetError> {
    while let Some(piece) = stream.next().await? {
        if send.send(Some(piece)).await.is_err() {
            // Who reads has given up; why is told there.
            return Ok(send);
        }
    }
    let _ = send.send(None).await;
    Ok(send)
}

impl Read for Bytewise {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let too_many = || io::Error::other("there are more bytes than were promised");
        if self.length > self.promised {
            return Err(too_many());
        }
        let count = match &mut self.source {
            Source::Pieces(pieces) => pieces.read(into)?,
            Source::File(file) => file.read(into)?,
        };
        for hasher in &mut self.hashers {
            hasher.update(&into[..count]);
        }
        self.length += count as u64;
        match self.length > self.promised {
            true => Err(too_many()),
            false => Ok(count),
        }
    }
}

impl Pieces {
    /// What comes next, waiting for it and for the turn if need be.
    fn receive(&mut self) -> Option<Option<Bytes>> {
        // The transfer failed, or nobody waits for it: what did come leads to nothing.
        if self.receive.is_closed() {
            return None;
        }
        let piece = self.receive.try_recv().ok().or_else(|| {
            self.turn.as_mut().map(Turn::leave);
            self.receive.blocking_recv()
        });
        // The end, and a transfer that failed, leave nothing to wait for.
        if let (Some(Some(_)), Some(turn)) = (&piece, &mut self.turn) {
            turn.take();
        }
        piece
    }
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // A piece without bytes is no end.
        while self.current.is_empty() && !self.ended {
            match self.receive() {
                Some(Some(piece)) => self.current = piece,
                Some(None) => self.ended = true,
                None => return Err(io::Error::other("the transfer failed")),
            }
        }
        let count = into.len().min(self.current.len());
        into[..count].copy_from_slice(&self.current.split_to(count));
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use wharf_core::Algorithm;
    use wharf_sys::{Governor, Work};

    use super::*;

    /// So many pieces, and the end that they come from.
    fn pieces(sent: Vec<Option<Bytes>>) -> (Pieces, mpsc::Sender<Option<Bytes>>) {
        let (send, receive) = mpsc::channel(PIECES);
        for piece in sent {
            send.blocking_send(piece).unwrap();
        }
        let pieces = Pieces {
            receive,
            current: Bytes::new(),
            ended: false,
            turn: None,
        };
        (pieces, send)
    }

    #[test]
    fn the_end_stays_the_end() {
        let (mut pieces, _send) = pieces(vec![Some("ab".into()), Some("c".into()), None]);
        let mut text = String::new();
        pieces.read_to_string(&mut text).unwrap();
        assert_eq!(text, "abc");
        // Decoders look once more whether another member follows.
        for _ in 0..3 {
            assert_eq!(pieces.read(&mut [0; 4]).unwrap(), 0);
        }
    }

    #[test]
    fn a_piece_without_bytes_is_no_end() {
        let (mut pieces, _send) = pieces(vec![Some("a".into()), Some(Bytes::new()), Some("b".into()), None]);
        let mut text = String::new();
        pieces.read_to_string(&mut text).unwrap();
        assert_eq!(text, "ab");
    }

    #[test]
    fn a_transfer_that_failed_is_no_end() {
        let (mut content, send) = pieces(vec![Some("ab".into()), Some("c".into())]);
        assert_eq!(content.read(&mut [0; 2]).unwrap(), 2);
        drop(send);
        let error = content.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "the transfer failed");
    }

    #[test]
    fn the_end_waits_for_no_turn() {
        let governor = Governor::for_machine();
        let all = governor.limits().of(Work::Disk);
        let free = || {
            let taken: Vec<_> = std::iter::from_fn(|| governor.try_permit(Work::Disk)).collect();
            taken.len()
        };
        let with_turn = |sent| {
            let (mut pieces, send) = pieces(sent);
            pieces.turn = Some(Turn::new(&governor, None));
            (pieces, send)
        };
        let (mut content, _send) = with_turn(vec![Some("ab".into()), None]);
        assert_eq!(content.read(&mut [0; 4]).unwrap(), 2);
        assert!(free() < all, "while there is something to unpack");
        drop(content);
        let (mut end, _send) = with_turn(vec![None]);
        assert_eq!(end.read(&mut [0; 4]).unwrap(), 0);
        assert_eq!(free(), all);
        let (mut failed, send) = with_turn(vec![]);
        drop(send);
        failed.read(&mut [0; 4]).unwrap_err();
        assert_eq!(free(), all);
    }

    fn came(promised: u64, content: &[u8], wanted: usize) -> Came<io::Result<usize>> {
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, content).unwrap();
        io::Seek::rewind(&mut file).unwrap();
        let work = move |bytes: &mut Bytewise| bytes.read(&mut vec![0; wanted]);
        let hashers = vec![Hasher::new(Algorithm::Sha256)];
        read(Source::File(file), hashers, promised, work)
    }

    #[test]
    fn what_is_promised_is_read_and_nothing_beyond() {
        let is_of = |came: Came<_>, bytes: &[u8]| {
            let mut digests = came.hashers.into_iter().map(Hasher::finish);
            digests.next() == Some(Hasher::digest(Algorithm::Sha256, bytes))
        };
        let right = came(4, b"abcd", 2);
        assert!(right.length == 4 && is_of(right, b"abcd"));
        // Whoever reads as many as are promised has read the right file, and still it is not the right one.
        let long = came(4, b"abcdefgh", 4);
        assert!(long.length > 4 && matches!(long.made, Ok(4)) && !is_of(long, b"abcd"));
        let endless = came(4, &[0; 1 << 20], 1 << 20);
        assert!(endless.made.is_err() && endless.length <= 1 << 20);
    }
}
