//! What was placed, counted by many threads.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::ways::{COPY, HARDLINK, REFLINK};

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
}

/// Counts what is placed, from many threads.
#[derive(Default)]
pub(super) struct Counts {
    bytes: AtomicU64,
    by: [AtomicU64; 3],
}

impl Counts {
    /// Adds so many bytes, and files by way.
    pub(super) fn add(&self, bytes: u64, by: [u64; 3]) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        for (total, count) in self.by.iter().zip(by) {
            total.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Adds what was placed before.
    pub(super) fn include(&self, report: LinkReport) {
        let LinkedBy {
            reflink,
            hardlink,
            copy,
        } = report.by;
        self.add(report.bytes, [reflink, hardlink, copy]);
    }

    pub(super) fn report(&self) -> LinkReport {
        let [reflink, hardlink, copy] =
            [REFLINK, HARDLINK, COPY].map(|way| self.by[usize::from(way)].load(Ordering::Relaxed));
        LinkReport {
            files: reflink + hardlink + copy,
            bytes: self.bytes.load(Ordering::Relaxed),
            by: LinkedBy {
                reflink,
                hardlink,
                copy,
            },
        }
    }
}
