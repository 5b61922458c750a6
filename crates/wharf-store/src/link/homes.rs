//! The files of a home's package, linked into one folder.
//!
//! Homes with many files get their folders at once and their files at the end, the largest part first: who meets one late would
//! else work alone while the others have nothing left. Files of one folder that follow each other are one thread's
//! work, for two threads that link into one folder would wait for each other.

use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use rustc_hash::FxHashSet;
use rustix::io::Errno;

use super::plan::Folder;
use super::{LinkedBy, Linker, mode, open_inside};
use crate::error::StoreError;
use crate::home::HomeId;
use crate::home::record::RawRecord;
use crate::id::ObjectId;
use crate::object::{flat_name, make_folder, open_folder};
use crate::tree::{Entries, EntryRef, KindRef};
use crate::ways::{Origin, Way};

/// From so many files on, a home is more than one thread should take on its way.
const PART: usize = 128;

/// A home's place in the plan.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) folder: usize,
    pub(super) home: &'a HomeId,
    /// Whether the project gets files of its own.
    pub(super) copy: bool,
}

/// Neighbours among the files of a home.
pub(super) struct Part {
    files: usize,
    /// Where they lie in its record.
    record: Range<usize>,
}

impl<'a> Linker<'a> {
    /// Makes the folders of a home, and the files if they are not many: a home is one thread's work, for there are many of them.
    pub(super) fn fill_with(
        &self,
        record: &RawRecord,
        at: At<'a>,
        fd: BorrowedFd<'_>,
    ) -> Result<(), StoreError> {
        let folder = &self.folders.0[at.folder];
        let (mut last, mut made) = ("", FxHashSet::default());
        let mut parts = Vec::new();
        for entry in record.entries().map_err(self.store.damaged_record(at.home))? {
            let entry = entry.map_err(self.store.damaged_record(at.home))?;
            let above = entry.path.parent().unwrap_or_default();
            if above != last && !above.is_empty() {
                self.make_all(fd, above, &mut made, folder)?;
            }
            add(&mut parts, record.range(&entry), above == last);
            last = above;
        }
        if let [part] = &parts[..]
            && part.files <= PART
        {
            return self.fill_files(&record.as_bytes()[part.record.clone()], at, fd);
        }
        let mut large = self.large.lock().unwrap_or_else(PoisonError::into_inner);
        large.extend(parts.into_iter().map(|part| (at, part)));
        Ok(())
    }

    /// Places what was left for the end. `root` is the open folder of the plan.
    pub(super) fn fill_large(&self, root: BorrowedFd<'_>) -> Result<(), StoreError> {
        let mut parts = std::mem::take(&mut *self.large.lock().unwrap_or_else(PoisonError::into_inner));
        parts.sort_by_key(|(_, part)| std::cmp::Reverse(part.files));
        let next = AtomicUsize::new(0);
        let work = |_| {
            while let Some((at, part)) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
                let folder = &self.folders.0[at.folder];
                // Opened anew, for a thousand of them may be more than a process may hold. What leads there was made as folders,
                // and what this plan makes never takes a folder's place.
                let path = if folder.path.is_empty() { "." } else { folder.path };
                let fd = open_inside(root, path).map_err(|errno| self.error(folder, "", errno))?;
                // Read anew, for together the records may be megabytes.
                let record = self.store.part_of_record(at.home, part.record.clone())?;
                self.fill_files(&record, *at, fd.as_fd())?;
            }
            Ok(())
        };
        (0..rayon::current_num_threads().min(parts.len()))
            .into_par_iter()
            .with_max_len(1)
            .try_for_each(work)
    }

    /// Places the files that a part of a record has.
    fn fill_files(&self, record: &[u8], at: At<'_>, fd: BorrowedFd<'_>) -> Result<(), StoreError> {
        let from = open_folder(&self.store.files_of_home(at.home).folder)?;
        let (mut bytes, mut by) = (0, LinkedBy::default());
        for entry in Entries::of_part(record) {
            let entry = entry.map_err(self.store.damaged_record(at.home))?;
            let way = self.place_home_file(&entry, at, from.as_fd(), fd)?;
            by.count(way);
            bytes += entry.size();
        }
        self.counts.add(bytes, by);
        Ok(())
    }

    fn place_home_file(
        &self,
        entry: &EntryRef<'_>,
        at: At<'_>,
        from: BorrowedFd<'_>,
        fd: BorrowedFd<'_>,
    ) -> Result<Way, StoreError> {
        let (folder, path) = (&self.folders.0[at.folder], entry.path.as_str());
        let (flat, executable) = match entry.kind {
            KindRef::File {
                object, executable, ..
            } => {
                let flat = || flat_name(&ObjectId::from_bytes(*object), executable);
                (at.home.is_flat().then(flat), executable)
            }
            KindRef::Link(_) => (None, false),
        };
        let from = Origin {
            folder: from,
            name: flat.as_deref().unwrap_or(path),
            mode: mode(executable),
        };
        if at.copy {
            let copied = self.ways.private_copy(&from, fd, path);
            return copied.map_err(|errno| self.error(folder, path, errno));
        }
        let stored = || self.store.files_of_home(at.home).folder.join(from.name);
        let placed = match self.ways.place_unless_full(&from, fd, path) {
            Err(Errno::MLINK) => {
                // Where that is refused, it is copied as often as it is wanted.
                let _ = self.store.renew(&stored());
                self.ways.place(&from, fd, path)
            }
            other => other,
        };
        placed.map_err(|errno| match errno {
            Errno::NOENT => StoreError::Damaged {
                path: stored(),
                reason: format!("it is missing, the package's {path}"),
            },
            errno => self.error(folder, path, errno),
        })
    }

    /// Makes the folders of a path, each once.
    fn make_all<'p>(
        &self,
        fd: BorrowedFd<'_>,
        path: &'p str,
        made: &mut FxHashSet<&'p str>,
        folder: &Folder<'_>,
    ) -> Result<(), StoreError> {
        if !made.insert(path) {
            return Ok(());
        }
        if let Some((above, _)) = path.rsplit_once('/') {
            self.make_all(fd, above, made, folder)?;
        }
        // What is planned below the package may be made at the same time.
        make_folder(fd, path).map_err(|errno| self.error(folder, path, errno))
    }
}

/// Adds the next file of a home to its parts, each for one thread: two threads that link into one folder would wait for each other.
fn add(parts: &mut Vec<Part>, record: Range<usize>, is_in_same_folder: bool) {
    match parts.last_mut() {
        Some(part) if part.files < PART || is_in_same_folder => {
            part.files += 1;
            part.record.end = record.end;
        }
        _ => parts.push(Part { files: 1, record }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_one_folder_are_one_threads_work() {
        let lengths = |folders: &[usize]| -> Vec<usize> {
            let (mut parts, mut offset) = (Vec::new(), 0);
            for count in folders {
                for file in 0..*count {
                    add(&mut parts, offset..offset + 5, file > 0);
                    offset += 5;
                }
            }
            let mut end = 0;
            for part in &parts {
                assert_eq!(part.record, end..end + 5 * part.files);
                end = part.record.end;
            }
            assert_eq!(end, offset, "the parts are the whole");
            parts.iter().map(|part| part.files).collect()
        };
        assert!(lengths(&[]).is_empty());
        assert_eq!(lengths(&[300]), [300]);
        assert_eq!(lengths(&[100, 28]), [128]);
        assert_eq!(lengths(&[100, 100, 300, 10]), [200, 300, 10]);
    }
}
