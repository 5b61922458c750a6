//! A document in compressed blocks, so that a few hundred bytes of it can be had for the price of one small block.
//!
//! The versions of a package say nearly the same, so that even the quickest level leaves a quarter: writing that costs
//! less than writing the document as it is, compression included, and the caches of a thousand packages stay small.
//! Invariant: a block that was damaged is told by its checksum; unpacking never gives other bytes than were packed.

use std::cell::RefCell;
use std::io;
use std::ops::Range;

use bytes::Bytes;
use zstd::bulk::{Compressor, Decompressor};

/// Where something stands in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) length: u32,
}

impl Span {
    pub(crate) fn new(range: &Range<u32>) -> Self {
        Self {
            start: range.start,
            length: range.end.saturating_sub(range.start),
        }
    }

    pub(crate) fn range(self) -> Range<usize> {
        let start = self.start as usize;
        start..start.saturating_add(self.length as usize)
    }
}

/// Bytes of the document in each block but the last.
pub(crate) const BLOCK: usize = 32 << 10;
/// The level of zstd: 1.3 GB/s here, at a quarter of the size.
const LEVEL: i32 = -3;

thread_local! {
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static UNPACKING: RefCell<Option<(Decompressor<'static>, Vec<u8>)>> = const { RefCell::new(None) };
}

/// A document in blocks.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    /// One block after the other.
    pub(crate) bytes: Bytes,
    /// Where each of them ends.
    pub(crate) ends: Box<[u32]>,
}

impl Packed {
    /// Tells one document from another: of the checksums with which the blocks end.
    pub(crate) fn sum(&self) -> u32 {
        let checksums = self.ends.iter().filter_map(|end| {
            let last = self.bytes.get((*end as usize).checked_sub(4)?..*end as usize)?;
            Some(u32::from_le_bytes(last.try_into().ok()?))
        });
        checksums.fold(0, |sum: u32, checksum| sum.rotate_left(5).wrapping_add(checksum))
    }
}

/// How many blocks a document of so many bytes has.
pub(crate) fn count(length: usize) -> usize {
    length.div_ceil(BLOCK)
}

/// Compresses a document.
pub(crate) fn pack(document: &[u8]) -> io::Result<Packed> {
    COMPRESSOR.with_borrow_mut(|kept| {
        let compressor = match kept {
            Some(compressor) => compressor,
            None => {
                let mut compressor = Compressor::new(LEVEL)?;
                compressor.include_checksum(true)?;
                kept.insert(compressor)
            }
        };
        let mut bytes = Vec::with_capacity(document.len() / 4 + 1024);
        let mut ends = Vec::with_capacity(count(document.len()));
        let mut buffer = vec![0; zstd::zstd_safe::compress_bound(BLOCK.min(document.len()))];
        for block in document.chunks(BLOCK) {
            let length = compressor.compress_to_buffer(block, &mut buffer)?;
            bytes.extend_from_slice(&buffer[..length]);
            ends.push(u32::try_from(bytes.len()).map_err(io::Error::other)?);
        }
        Ok(Packed {
            bytes: bytes.into(),
            ends: ends.into(),
        })
    })
}

/// Where the blocks lie that a span touches, in the packed bytes.
pub(crate) fn place(ends: &[u32], span: Span) -> Option<Range<usize>> {
    let blocks = touched(span)?;
    let start = match blocks.start.checked_sub(1) {
        Some(before) => *ends.get(before)? as usize,
        None => 0,
    };
    let end = *ends.get(blocks.end - 1)? as usize;
    (start <= end).then_some(start..end)
}

/// The bytes of a span, out of the packed bytes at its [`place`].
pub(crate) fn unpack(ends: &[u32], packed: &[u8], span: Span) -> Option<Vec<u8>> {
    let (blocks, place, range) = (touched(span)?, place(ends, span)?, span.range());
    let mut found = Vec::with_capacity(range.len());
    let mut start = place.start;
    for number in blocks {
        let end = *ends.get(number)? as usize;
        let block = packed.get(start.checked_sub(place.start)?..end.checked_sub(place.start)?)?;
        let before = number * BLOCK;
        let wanted = range.start.saturating_sub(before)..(range.end - before).min(BLOCK);
        with_plain(block, |plain| {
            found.extend_from_slice(plain.get(wanted)?);
            Some(())
        })?;
        start = end;
    }
    Some(found)
}

/// The first block, out of its packed bytes.
pub(crate) fn unpack_first(packed: &[u8]) -> Option<Vec<u8>> {
    with_plain(packed, |plain| Some(plain.to_vec()))
}

fn touched(span: Span) -> Option<Range<usize>> {
    let range = span.range();
    (!range.is_empty()).then(|| range.start / BLOCK..(range.end - 1) / BLOCK + 1)
}

/// Shows what a block holds. Each thread has one decompressor, and one place for what comes out of it.
fn with_plain<T>(block: &[u8], show: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
    UNPACKING.with_borrow_mut(|kept| {
        let (decompressor, plain) = match kept {
            Some(kept) => kept,
            None => kept.insert((Decompressor::new().ok()?, vec![0; BLOCK])),
        };
        let length = decompressor
            .decompress_to_buffer(block, plain.as_mut_slice())
            .ok()?;
        show(&plain[..length])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn document(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at / 7 % 251) as u8).collect()
    }

    fn span(range: Range<usize>) -> Span {
        Span::new(&(range.start as u32..range.end as u32))
    }

    #[track_caller]
    fn check(length: usize, range: Range<usize>) {
        let document = document(length);
        let packed = pack(&document).unwrap();
        assert_eq!(packed.ends.len(), count(length));
        let place = place(&packed.ends, span(range.clone())).unwrap();
        let found = unpack(&packed.ends, &packed.bytes[place], span(range.clone())).unwrap();
        assert!(found == document[range.clone()], "{range:?} of {length}");
    }

    #[test]
    fn spans_within_and_across_blocks() {
        check(10, 0..10);
        check(10, 3..4);
        check(BLOCK, 0..BLOCK);
        check(BLOCK + 1, BLOCK..BLOCK + 1);
        check(3 * BLOCK, BLOCK - 1..2 * BLOCK + 1);
        check(3 * BLOCK + 5, 0..3 * BLOCK + 5);
    }

    #[test]
    fn what_is_not_there_is_not_given() {
        let packed = pack(&document(BLOCK + 100)).unwrap();
        for range in [0..0, BLOCK..BLOCK + 101, 2 * BLOCK..2 * BLOCK + 1] {
            let found = place(&packed.ends, span(range.clone()))
                .and_then(|place| unpack(&packed.ends, packed.bytes.get(place)?, span(range.clone())));
            assert_eq!(found, None, "{range:?}");
        }
        assert!(pack(b"").unwrap().ends.is_empty());
    }

    #[test]
    fn a_damaged_block_is_told() {
        let packed = pack(&document(1000)).unwrap();
        for at in 0..packed.bytes.len() {
            let mut damaged = packed.bytes.to_vec();
            damaged[at] ^= 1;
            let found = unpack(&packed.ends, &damaged, span(0..1000));
            assert!(
                found.is_none_or(|found| found == document(1000)),
                "flipped at {at}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_ends_and_bytes_are_survived(
            ends in prop::collection::vec(0u32..200, 0..4), packed in prop::collection::vec(any::<u8>(), 0..200),
            start in 0u32..100_000, length in 0u32..100_000,
        ) {
            let _ = unpack(&ends, &packed, span(start as usize..(start + length) as usize));
        }
    }
}
