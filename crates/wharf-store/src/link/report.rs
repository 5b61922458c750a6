//! What was placed, counted by many threads.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::ways::Way;

/// What was placed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkReport {
    /// Files of the store.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How they came.
    pub by: LinkedBy,
}

/// How many files came in each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkedBy {
    /// Sharing blocks.
    pub reflink: u64,
    /// Sharing the file.
    pub hardlink: u64,
    /// As copies.
    pub copy: u64,
}

impl LinkedBy {
    /// The way of most files, for people.
    pub fn as_str(&self) -> &'static str {
        let most = self.reflink.max(self.hardlink).max(self.copy);
        match most {
            0 => "nothing",
            _ if most == self.reflink => "reflink",
            _ if most == self.hardlink => "hardlink",
            _ => "copy",
        }
    }

    /// Counts one more.
    pub(super) fn count(&mut self, way: Way) {
        *match way {
            Way::Reflink => &mut self.reflink,
            Way::Hardlink => &mut self.hardlink,
            Way::Copy => &mut self.copy,
        } += 1;
    }
}

/// Counts what is placed, from many threads.
#[derive(Default)]
pub(super) struct Counts {
    bytes: AtomicU64,
    reflink: AtomicU64,
    hardlink: AtomicU64,
    copy: AtomicU64,
}

impl Counts {
    /// Adds so many bytes, and files by way.
    pub(super) fn add(&self, bytes: u64, by: LinkedBy) {
        let LinkedBy {
            reflink,
            hardlink,
            copy,
        } = by;
        for (total, count) in [
            (&self.bytes, bytes),
            (&self.reflink, reflink),
            (&self.hardlink, hardlink),
            (&self.copy, copy),
        ] {
            total.fetch_add(count, Ordering::Relaxed);
        }
    }

    pub(super) fn report(&self) -> LinkReport {
        let by = LinkedBy {
            reflink: self.reflink.load(Ordering::Relaxed),
            hardlink: self.hardlink.load(Ordering::Relaxed),
            copy: self.copy.load(Ordering::Relaxed),
        };
        LinkReport {
            files: by.reflink + by.hardlink + by.copy,
            bytes: self.bytes.load(Ordering::Relaxed),
            by,
        }
    }
}
