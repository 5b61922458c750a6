//! What the last solve of a project read out of documents: the next one reads one file instead of a block of each document.
//!
//! An entry is the object of one version. It is known by the stamp of its document's table and its row there, so it is right
//! for whoever asks for just that. Entries stand in the order in which the solve asked for them, which is also the order in
//! which the next one will ask for their packages. The file, all numbers little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | magic with the version of this layout |
//! | 8 | checksum of everything behind it |
//! | … | entries: stamp (two 4-byte halves), row, name and object (each a 4-byte length and UTF-8) |
//!
//! Invariant: reading never panics, whatever the bytes are; a file that is not whole is as good as none.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use rustc_hash::FxHashMap;
use wharf_core::PackageName;

use crate::codec::{Cursor, checksum, offset, put_text, u64_at};

const MAGIC: &[u8; 8] = b"WHARFNR1";
/// Bytes before the entries.
const FIXED: usize = 16;

/// An object: the stamp of its document's table, and its row there.
type Key = (u64, u32);

/// The objects of the last solve and of this one.
pub(super) struct Recall {
    path: PathBuf,
    before: OnceLock<Before>,
    now: Mutex<Now>,
}

/// What the file holds.
#[derive(Default)]
struct Before {
    bytes: Vec<u8>,
    /// Where in it each object is.
    objects: FxHashMap<Key, Range<usize>>,
    /// Where in it the names of their packages are, in order.
    names: Vec<Range<usize>>,
}

/// What was asked for.
#[derive(Default)]
struct Now {
    entries: Vec<u8>,
    /// Whether the file lacks any of it.
    is_news: bool,
}

impl Recall {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            before: OnceLock::new(),
            now: Mutex::default(),
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// The object of one version: from the file, else read by `read`.
    pub(super) fn object<E>(
        &self,
        name: &PackageName,
        key: Key,
        read: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Vec<u8>, E> {
        let before = self.before();
        let (object, is_news) = match before.objects.get(&key) {
            Some(range) => (before.bytes[range.clone()].to_vec(), false),
            None => (read()?, true),
        };
        if let Ok(text) = std::str::from_utf8(&object) {
            let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
            now.is_news |= is_news;
            now.entries.extend_from_slice(&key.0.to_le_bytes());
            now.entries.extend_from_slice(&key.1.to_le_bytes());
            put_text(&mut now.entries, name.as_str());
            put_text(&mut now.entries, text);
        }
        Ok(object)
    }

    /// The packages of the last solve, in its order.
    pub(super) fn names(&self) -> impl DoubleEndedIterator<Item = &str> {
        let before = self.before();
        let names = before.names.iter();
        names.filter_map(|range| std::str::from_utf8(&before.bytes[range.clone()]).ok())
    }

    /// The file as this solve leaves it; `None` where that is as it was.
    pub(super) fn news(&self) -> Option<Vec<u8>> {
        let now = std::mem::take(&mut *self.now.lock().unwrap_or_else(PoisonError::into_inner));
        now.is_news.then(|| {
            let mut out = Vec::with_capacity(FIXED + now.entries.len());
            out.extend_from_slice(MAGIC);
            out.extend_from_slice(&checksum(&now.entries).to_le_bytes());
            out.extend_from_slice(&now.entries);
            out
        })
    }

    fn before(&self) -> &Before {
        self.before.get_or_init(|| {
            crate::cache::read(&self.path)
                .and_then(Before::decode)
                .unwrap_or_default()
        })
    }
}

impl Before {
    fn decode(bytes: Vec<u8>) -> Option<Self> {
        let entries = bytes.get(FIXED..)?;
        if bytes.get(..8)? != MAGIC || checksum(entries) != u64_at(&bytes, 8)? {
            return None;
        }
        let mut found = Self::default();
        let mut cursor = Cursor::new(entries);
        let place = |text: &str| {
            let start = text.as_ptr() as usize - bytes.as_ptr() as usize;
            start..start + text.len()
        };
        while !cursor.rest().is_empty() {
            let (low, high) = (u64::from(cursor.number()?), u64::from(cursor.number()?));
            let row = cursor.number()?;
            found.names.push(place(cursor.text()?));
            found
                .objects
                .insert((high << 32 | low, row), place(cursor.text()?));
        }
        found.bytes = bytes;
        Some(found)
    }
}

/// The key of a row.
pub(super) fn key(stamp: u64, row: usize) -> Key {
    (stamp, offset(row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wharf_core::Ecosystem;

    fn name(text: &str) -> PackageName {
        PackageName::new(Ecosystem::Npm, text).unwrap()
    }

    fn found(recall: &Recall, package: &str, key: Key, otherwise: &str) -> String {
        let read = || Ok::<_, ()>(otherwise.as_bytes().to_vec());
        String::from_utf8(recall.object(&name(package), key, read).unwrap()).unwrap()
    }

    #[test]
    fn what_was_asked_for_is_recalled_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.bin");
        let first = Recall::new(path.clone());
        assert_eq!(found(&first, "a", (u64::MAX - 1, 0), "{1}"), "{1}");
        assert_eq!(found(&first, "@s/b", (7, 3), "{2}"), "{2}");
        std::fs::write(&path, first.news().unwrap()).unwrap();
        let second = Recall::new(path.clone());
        assert_eq!(second.names().collect::<Vec<_>>(), ["a", "@s/b"]);
        assert_eq!(found(&second, "@s/b", (7, 3), "other"), "{2}");
        assert_eq!(found(&second, "a", (u64::MAX - 1, 0), "other"), "{1}");
        assert!(second.news().is_none(), "it is as it was");
        let third = Recall::new(path.clone());
        for (key, otherwise) in [((7, 2), "row"), ((8, 3), "document")] {
            assert_eq!(found(&third, "@s/b", key, otherwise), otherwise);
        }
        std::fs::write(&path, third.news().unwrap()).unwrap();
        // What was not asked for again is gone.
        assert_eq!(found(&Recall::new(path), "a", (u64::MAX - 1, 0), "gone"), "gone");
    }

    #[test]
    fn every_damage_is_a_miss() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.bin");
        let recall = Recall::new(path.clone());
        found(&recall, "a", (1, 0), "{1}");
        let whole = recall.news().unwrap();
        let misses = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            found(&Recall::new(path.clone()), "a", (1, 0), "missed") == "missed"
        };
        assert!(!misses(&whole));
        for at in 0..whole.len() {
            assert!(misses(&whole[..at]), "cut at {at}");
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            assert!(misses(&damaged), "flipped at {at}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(mut bytes in prop::collection::vec(any::<u8>(), FIXED..200)) {
            bytes[..8].copy_from_slice(MAGIC);
            let sum = checksum(&bytes[FIXED..]);
            bytes[8..16].copy_from_slice(&sum.to_le_bytes());
            let _ = Before::decode(bytes);
        }
    }
}
