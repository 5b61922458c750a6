//! Archives on their way into the store: verified and unpacked as they come.
//!
//! Small ones are gathered in memory, hashed and unpacked in one go; large ones, and all while memory is taken, are
//! hashed and unpacked while they arrive. Invariant: nothing of an archive stays whose digest is not the promised one,
//! and that is what the error says, even where the archive is broken as well.
//!
//! What is gathered stays in the pieces that came. Where they are unpacked they are joined in memory that each thread uses
//! again, or read one after the other: memory that is new to a process costs a page fault for every 4 KiB, and on a virtual
//! machine that is more than inflating them.

mod largest;
mod turn;

use std::cell::RefCell;
use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wharf_core::{Algorithm, Digest, WebUrl};
use wharf_net::{Client, NetError, Stream};
use wharf_store::{ArchiveError, Hasher, Store, Unpacked};
use wharf_sys::Governor;

pub(crate) use self::turn::Turn;
use crate::error::IndexError;
use crate::pieces::{Bytewise, Came, read_through};

/// Archives up to this size are gathered in memory. Larger ones are a handful among a thousand.
const IN_MEMORY: u64 = 8 << 20;
/// Archives up to this size are joined before they are unpacked. Of larger ones the pieces are read in turn: decoding them at
/// once would take as much memory again as they have bytes in the end.
const JOINED_UP_TO: u64 = 1 << 20;
/// Bytes of archives that may wait in memory for being unpacked, in units of [`UNIT`].
const WAITING: usize = 32 << 10;
/// What is counted of them.
const UNIT: u64 = 1 << 10;
/// Room that is kept, in units, for an archive that was asked for and whose size is not known yet; most are smaller. As many as
/// there are transfers at once have it.
const BEFORE_SIZED: u32 = 512;

thread_local! {
    /// Where the pieces of an archive are joined.
    static JOINED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The archives that wait in memory for being unpacked: a fast network must not fill it.
pub(crate) fn waiting_room() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(WAITING))
}

/// Bytes to unpack.
pub(crate) enum Packed<'b> {
    /// All of them.
    Whole(&'b [u8]),
    /// As they come.
    Arriving(&'b mut dyn Read),
}

/// Unpacks an archive.
pub(crate) type Unpack = Arc<dyn Fn(&Store, Packed<'_>) -> Result<Unpacked, ArchiveError> + Send + Sync>;

/// An archive that is wanted.
pub(crate) struct Parcel {
    /// What messages call it.
    pub(crate) label: String,
    /// What it must hash to: the digests of the strongest algorithm count.
    pub(crate) expected: Vec<Digest>,
    /// How it is unpacked.
    pub(crate) unpack: Unpack,
}

/// What an arrival needs of its index.
#[derive(Clone, Copy)]
pub(crate) struct Arrivals<'i> {
    pub(crate) client: &'i Client,
    pub(crate) store: &'i Arc<Store>,
    pub(crate) governor: &'i Governor,
    pub(crate) waiting: &'i Arc<Semaphore>,
}

/// One failed attempt.
struct Failed {
    error: IndexError,
    /// Whether another attempt may end otherwise.
    again: bool,
}

impl From<IndexError> for Failed {
    fn from(error: IndexError) -> Self {
        Self { error, again: false }
    }
}

impl Arrivals<'_> {
    /// Fetches, verifies and unpacks; gives the strong digest of what came. `refused` makes an error of what the network says.
    pub(crate) async fn fetch(
        self,
        parcel: &Parcel,
        url: &WebUrl,
        refused: impl Fn(NetError) -> IndexError,
    ) -> Result<(Unpacked, Digest), IndexError> {
        match self.attempt(parcel, url, &refused).await {
            // Halves of different files, or a cut that nothing announced: once from the start before it is an error.
            Err(Failed { again: true, .. }) => self.attempt(parcel, url, &refused).await,
            other => other,
        }
        .map_err(|failed| failed.error)
    }

    async fn attempt(
        self,
        parcel: &Parcel,
        url: &WebUrl,
        refused: &impl Fn(NetError) -> IndexError,
    ) -> Result<(Unpacked, Digest), Failed> {
        let refuse = |error| Failed::from(refused(error));
        // Before anything is asked for: where the network is faster than what unpacks, nothing more has to come yet.
        let kept = Arc::clone(self.waiting).acquire_many_owned(BEFORE_SIZED).await;
        let kept = kept.expect("the room is never closed");
        let stream = self.client.stream(url, &parcel.label).await.map_err(refuse)?;
        // Where the length is not known, memory must not be.
        let length = stream.length();
        match room(self.waiting, length.unwrap_or(u64::MAX), kept) {
            Ok(room) => {
                let length = length.unwrap_or_default();
                let (pieces, patched) = gather(stream).await.map_err(refuse)?;
                let place = url.to_string();
                let unpacked = self
                    .unpack_whole(parcel, &place, pieces, length, Some(room))
                    .await;
                unpacked.map_err(|error| Failed {
                    again: patched && matches!(error, IndexError::WrongDigest { .. }),
                    error,
                })
            }
            // What was kept stays taken, so that there are not more of these than of the others.
            Err(_kept) => self.while_arriving(parcel, url, stream, refused).await,
        }
    }

    /// Verifies and unpacks what is in memory. `place` says where it came from.
    pub(crate) async fn unpack(
        self,
        parcel: &Parcel,
        place: &str,
        bytes: Bytes,
    ) -> Result<(Unpacked, Digest), IndexError> {
        let length = bytes.len() as u64;
        self.unpack_whole(parcel, place, vec![bytes], length, None).await
    }

    async fn unpack_whole(
        self,
        parcel: &Parcel,
        place: &str,
        pieces: Vec<Bytes>,
        length: u64,
        room: Option<OwnedSemaphorePermit>,
    ) -> Result<(Unpacked, Digest), IndexError> {
        let (label, expected) = (parcel.label.clone(), parcel.expected.clone());
        let (store, place, unpack) = (
            Arc::clone(self.store),
            place.to_owned(),
            Arc::clone(&parcel.unpack),
        );
        largest::run(self.governor, length, move || {
            // Held until the archive is unpacked, and no longer.
            let _room = room;
            let mut check = Check::new(&expected);
            let (unpacked, digest) = if length > JOINED_UP_TO {
                pieces.iter().for_each(|piece| check.update(piece));
                let digest = check.finish(&label, &place, &expected)?;
                (unpack(&store, Packed::Arriving(&mut Held::new(pieces))), digest)
            } else {
                with_joined(pieces, length, |bytes| {
                    check.update(bytes);
                    let digest = check.finish(&label, &place, &expected)?;
                    Ok::<_, IndexError>((unpack(&store, Packed::Whole(bytes)), digest))
                })?
            };
            Ok((unpacked.map_err(IndexError::unpack(label))?, digest))
        })
        .await
    }

    /// Verifies and unpacks while the bytes arrive.
    async fn while_arriving(
        self,
        parcel: &Parcel,
        url: &WebUrl,
        stream: Stream<'_>,
        refused: &impl Fn(NetError) -> IndexError,
    ) -> Result<(Unpacked, Digest), Failed> {
        // Without a permit for the disk: this goes at the network's pace, and who waits while a transfer is open stops
        // the others (see `room`). They have turns of their own, and who waits for the network has none.
        let turn = Turn::new(self.governor, stream.length());
        let hashers = Check::new(&parcel.expected).hashers;
        let (store, unpack) = (Arc::clone(self.store), Arc::clone(&parcel.unpack));
        let work = move |bytes: &mut Bytewise| unpack(&store, Packed::Arriving(bytes));
        let came = read_through(stream, Some(turn), hashers, u64::MAX, work).await;
        let Came {
            made: unpacked,
            hashers,
            is_patched: patched,
            ..
        } = came.map_err(refused)?;
        let check = Check { hashers };
        let digest = check
            .finish(&parcel.label, &url.to_string(), &parcel.expected)
            .map_err(|error| Failed {
                error,
                again: patched,
            })?;
        let unpacked = unpacked
            .map_err(IndexError::unpack(parcel.label.clone()))
            .map_err(|error| Failed {
                error,
                // Without a strong digest nothing tells a cut archive from a broken one.
                again: !parcel
                    .expected
                    .iter()
                    .any(|digest| digest.algorithm().is_strong()),
            })?;
        Ok((unpacked, digest))
    }
}

/// Room in memory for an archive, if it is small and there is some. `kept` is what was kept for it, and comes back otherwise.
///
/// Never waits: transfers over one HTTP/2 connection share its window, so that one that is not read stops all the
/// others, and with them those that would make room.
fn room(
    waiting: &Arc<Semaphore>,
    length: u64,
    mut kept: OwnedSemaphorePermit,
) -> Result<OwnedSemaphorePermit, OwnedSemaphorePermit> {
    let Some(units) = u32::try_from(length / UNIT + 1)
        .ok()
        .filter(|_| length <= IN_MEMORY)
    else {
        return Err(kept);
    };
    match units.checked_sub(BEFORE_SIZED) {
        None => Ok(kept.split(units as usize).expect("it has more than that")),
        Some(more) => match Arc::clone(waiting).try_acquire_many_owned(more) {
            Ok(further) => {
                kept.merge(further);
                Ok(kept)
            }
            Err(_) => Err(kept),
        },
    }
}

/// Computes the digest that an archive is compared by.
pub(crate) struct Check {
    hashers: Vec<Hasher>,
}

impl Check {
    /// The strongest algorithm among those that are promised, and SHA-512 where that is weak or none.
    pub(crate) fn new(expected: &[Digest]) -> Self {
        let strongest = expected.iter().map(Digest::algorithm).max();
        let further = match strongest {
            Some(algorithm) if algorithm.is_strong() => None,
            _ => Some(Algorithm::Sha512),
        };
        Self {
            hashers: [strongest, further]
                .into_iter()
                .flatten()
                .map(Hasher::new)
                .collect(),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        for hasher in &mut self.hashers {
            hasher.update(bytes);
        }
    }

    /// Compares, and gives the strong digest.
    pub(crate) fn finish(self, label: &str, place: &str, expected: &[Digest]) -> Result<Digest, IndexError> {
        let digests: Vec<Digest> = self.hashers.into_iter().map(Hasher::finish).collect();
        let first = *digests.first().expect("there is always one hasher");
        if !expected.is_empty() && !expected.contains(&first) {
            let same = expected.iter().filter(|it| it.algorithm() == first.algorithm());
            let words: Vec<String> = same.map(Digest::to_string).collect();
            return Err(IndexError::WrongDigest {
                what: format!("{label} ({place})"),
                expected: words.join(" or "),
                actual: first.to_string(),
            });
        }
        Ok(*digests.last().unwrap_or(&first))
    }
}

/// Gathers a file; also says whether its parts may belong to different files.
async fn gather(mut stream: Stream<'_>) -> Result<(Vec<Bytes>, bool), NetError> {
    let mut pieces = Vec::new();
    while let Some(piece) = stream.next().await? {
        pieces.push(piece);
    }
    Ok((pieces, stream.is_patched()))
}

/// Does something with the whole of what came in pieces.
fn with_joined<T>(pieces: Vec<Bytes>, length: u64, work: impl FnOnce(&[u8]) -> T) -> T {
    if let [whole] = &*pieces {
        return work(whole);
    }
    // Taken, not borrowed: rayon may run another archive on this thread while it waits for its parts of this one.
    let mut joined = JOINED.take();
    joined.clear();
    joined.reserve(usize::try_from(length).unwrap_or_default());
    for piece in pieces {
        // Each is given back as soon as it is copied.
        joined.extend_from_slice(&piece);
    }
    let result = work(&joined);
    JOINED.set(joined);
    result
}

/// Pieces that are in memory, read in turn; each is given back when it was read.
struct Held {
    current: Bytes,
    rest: std::vec::IntoIter<Bytes>,
}

impl Held {
    fn new(pieces: Vec<Bytes>) -> Self {
        Self {
            current: Bytes::new(),
            rest: pieces.into_iter(),
        }
    }
}

impl Read for Held {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.rest.next() {
                Some(piece) => self.current = piece,
                None => return Ok(0),
            }
        }
        let count = into.len().min(self.current.len());
        into[..count].copy_from_slice(&self.current.split_to(count));
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
