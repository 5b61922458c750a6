//! What the cache keeps of a suite: its `Release` file as it was verified, by which keys, and how to ask for it again.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | magic with the version of this layout |
//! | 8, 8 | when it was fetched or confirmed, and until when it is fresh, in seconds since 1970 |
//! | 8 | checksum of everything after it |
//! | … | texts, each with its length before it: suite, keys, which file it was, ETag, Last-Modified |
//! | … | the `Release` file |
//!
//! Invariant: as the other files of the cache: a damaged one is as good as none. The times stand outside of the
//! checksum, so that a confirmed file is renewed by writing 16 bytes in place.

use std::path::Path;

use wharf_net::Validators;

use crate::codec::{Cursor, checksum, i64_at, put_text, u64_at};
use crate::keep::Freshness;

const MAGIC: &[u8; 8] = b"WHARFDS1";
/// What the checksum covers begins here.
const COVERED: usize = 32;

/// A suite as it was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) freshness: Freshness,
    /// What stands for the keys that it was verified with.
    pub(super) trust: String,
    /// `InRelease` or `Release`.
    pub(super) file: String,
    pub(super) validators: Validators,
    /// The `Release` file.
    pub(super) text: Vec<u8>,
}

impl State {
    pub(super) fn encode(&self, key: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.text.len() + 512);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&self.freshness.bytes());
        out.extend_from_slice(&[0; 8]);
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        for text in [
            key,
            &self.trust,
            &self.file,
            &text(&self.validators.etag),
            &text(&self.validators.last_modified),
        ] {
            put_text(&mut out, text);
        }
        out.extend_from_slice(&self.text);
        let sum = checksum(&out[COVERED..]);
        out[24..32].copy_from_slice(&sum.to_le_bytes());
        out
    }

    /// Reads the file; `None` where it is not there, not whole, or of another suite.
    pub(super) fn read(path: &Path, key: &str) -> Option<Self> {
        Self::decode(&std::fs::read(path).ok()?, key)
    }

    fn decode(bytes: &[u8], key: &str) -> Option<Self> {
        if bytes.get(..8)? != MAGIC || checksum(bytes.get(COVERED..)?) != u64_at(bytes, 24)? {
            return None;
        }
        let mut cursor = Cursor::new(&bytes[COVERED..]);
        if cursor.text()? != key {
            return None;
        }
        let optional = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Some(Self {
            freshness: Freshness {
                fetched: i64_at(bytes, 8)?,
                until: i64_at(bytes, 16)?,
            },
            trust: cursor.text()?.to_owned(),
            file: cursor.text()?.to_owned(),
            validators: Validators {
                etag: optional(cursor.text()?),
                last_modified: optional(cursor.text()?),
            },
            text: cursor.rest().to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_comes_back_and_every_flipped_bit_is_noticed() {
        let state = State {
            freshness: Freshness { fetched: 1, until: 2 },
            trust: "anyone".to_owned(),
            file: "InRelease".to_owned(),
            validators: Validators {
                etag: Some("\"x\"".to_owned()),
                last_modified: None,
            },
            text: b"Origin: \xff\n".to_vec(),
        };
        let bytes = state.encode("a b");
        assert_eq!(State::decode(&bytes, "a b"), Some(state));
        assert_eq!(State::decode(&bytes, "a c"), None);
        for at in (0..bytes.len()).filter(|at| !(8..24).contains(at)) {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert_eq!(State::decode(&other, "a b"), None, "{at}");
            assert_eq!(State::decode(&bytes[..at], "a b"), None, "{at}");
        }
    }
}
