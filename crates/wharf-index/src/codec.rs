//! Little-endian records and a heap of texts: the bones of the binary cache files.
//!
//! Invariant: reading never panics and never allocates more than the input holds, whatever the bytes are. A reader
//! that runs past the end answers `None`, and the caller treats the file as absent.

use std::hash::Hasher;

use rustc_hash::{FxHashMap, FxHasher};

/// A 64-bit checksum against torn and bit-flipped cache files. Not stable between releases of Wharf, and not meant to
/// be: a mismatch only makes the cache start afresh.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(bytes);
    hasher.write_usize(bytes.len());
    hasher.finish()
}

/// Reads a `u32` at `at`.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let raw = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(raw.try_into().ok()?))
}

/// Reads a `u64` at `at`.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let raw = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(raw.try_into().ok()?))
}

/// Reads an `i64` at `at`.
pub(crate) fn i64_at(bytes: &[u8], at: usize) -> Option<i64> {
    u64_at(bytes, at).map(u64::cast_signed)
}

/// Texts one after the other, equal ones kept once.
#[derive(Default)]
pub(crate) struct Heap {
    bytes: Vec<u8>,
    known: FxHashMap<Box<[u8]>, u32>,
}

impl Heap {
    /// Adds bytes without looking for equal ones; answers where they start.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> u32 {
        let at = offset(self.bytes.len());
        self.bytes.extend_from_slice(bytes);
        at
    }

    /// Adds bytes, or finds them where they stand already.
    pub(crate) fn intern(&mut self, bytes: &[u8]) -> u32 {
        if let Some(at) = self.known.get(bytes) {
            return *at;
        }
        let at = self.push(bytes);
        self.known.insert(bytes.into(), at);
        at
    }

    /// Everything, for writing.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// A table of distinct texts, numbered from 0.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<(u32, u32)>,
    known: FxHashMap<String, u32>,
}

impl Table {
    /// The number of `text`, which enters the table where it is new.
    pub(crate) fn number(&mut self, text: &str, heap: &mut Heap) -> u32 {
        if let Some(number) = self.known.get(text) {
            return *number;
        }
        let number = offset(self.rows.len());
        self.rows.push((heap.intern(text.as_bytes()), offset(text.len())));
        self.known.insert(text.to_owned(), number);
        number
    }

    /// How many texts it holds.
    pub(crate) fn len(&self) -> u32 {
        offset(self.rows.len())
    }

    /// Writes its rows.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for (at, length) in &self.rows {
            out.extend_from_slice(&at.to_le_bytes());
            out.extend_from_slice(&length.to_le_bytes());
        }
    }
}

/// A length or position as the files write it. Saturates: what does not fit 4 GiB is never written (see the limits on
/// page sizes), and a saturated position fails its bounds check on reading.
pub(crate) fn offset(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Writes one text with its length in front.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&offset(text.len()).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Walks over texts written by [`put_text`].
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Starts at the front of `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next text.
    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let length = self.number()? as usize;
        let end = self.at.checked_add(length)?;
        let raw = self.bytes.get(self.at..end)?;
        self.at = end;
        std::str::from_utf8(raw).ok()
    }

    /// Everything that was not taken yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The next `u32`.
    pub(crate) fn number(&mut self) -> Option<u32> {
        let value = u32_at(self.bytes, self.at)?;
        self.at += 4;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_texts_stand_once() {
        let mut heap = Heap::default();
        let mut table = Table::default();
        let numbers = ["a", "b", "a"].map(|text| table.number(text, &mut heap));
        assert_eq!(numbers, [0, 1, 0]);
        assert_eq!(table.len(), 2);
        assert_eq!(heap.into_bytes(), b"ab");
    }

    #[test]
    fn one_flipped_bit_changes_the_checksum() {
        let mut bytes = vec![7u8; 4096];
        let before = checksum(&bytes);
        for at in [0, 1, 2047, 4095] {
            bytes[at] ^= 1;
            assert_ne!(checksum(&bytes), before, "{at}");
            bytes[at] ^= 1;
        }
    }

    proptest! {
        #[test]
        fn texts_come_back(texts in prop::collection::vec(".{0,40}", 0..20)) {
            let mut out = Vec::new();
            for text in &texts {
                put_text(&mut out, text);
            }
            let mut cursor = Cursor::new(&out);
            for text in &texts {
                prop_assert_eq!(cursor.text(), Some(text.as_str()));
            }
            prop_assert_eq!(cursor.text(), None);
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut cursor = Cursor::new(&bytes);
            for _ in 0..20 {
                let _ = cursor.text();
                let _ = cursor.number();
            }
        }
    }
}
