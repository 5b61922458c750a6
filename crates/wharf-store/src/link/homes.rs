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
use rustix::fs::Mode;
use rustix::io::Errno;

use super::plan::Folder;
use super::{LinkedBy, Linker, mode, open_inside};
use crate::error::StoreError;
use crate::home::HomeId;
use crate::home::record::RawRecord;
use crate::object::open_folder;
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

/// Files of a home with many.
pub(super) struct Part<'a> {
    at: At<'a>,
    files: usize,
    /// Where they lie in its record: read again when their turn comes, for together they would be megabytes.
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
        let entries = record.entries().map_err(self.store.damaged_record(at.home))?;
        let folder = &self.folders.0[at.folder];
        let (mut last, mut made) = ("", FxHashSet::default());
        for entry in &entries {
            let above = entry.path.parent().unwrap_or_default();
            if above != last && !above.is_empty() {
                self.make_all(fd, above, &mut made, folder)?;
            }
            last = above;
        }
        if entries.len() <= PART {
            return self.fill_files(&entries, at, fd);
        }
        let parts = parts(&entries).into_iter().map(|part| Part {
            at,
            files: part.len(),
            record: record.range(&entries[part.start], entries.get(part.end)),
        });
        let mut large = self.large.lock().unwrap_or_else(PoisonError::into_inner);
        large.extend(parts);
        Ok(())
    }

    /// Places what was left for the end. `root` is the open folder of the plan.
    pub(super) fn fill_large(&self, root: BorrowedFd<'_>) -> Result<(), StoreError> {
        let mut parts = std::mem::take(&mut *self.large.lock().unwrap_or_else(PoisonError::into_inner));
        parts.sort_by_key(|part| std::cmp::Reverse(part.files));
        let next = AtomicUsize::new(0);
        let work = |_| {
            while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
                self.fill_part(part, root)?;
            }
            Ok(())
        };
        (0..rayon::current_num_threads().min(parts.len()))
            .into_par_iter()
            .with_max_len(1)
            .try_for_each(work)
    }

    fn fill_part(&self, part: &Part<'_>, root: BorrowedFd<'_>) -> Result<(), StoreError> {
        let at = part.at;
        let record = self.store.part_of_record(at.home, part.record.clone())?;
        let entries: Result<Vec<_>, _> = Entries::of_part(&record).collect();
        let entries = entries.map_err(self.store.damaged_record(at.home))?;
        let folder = &self.folders.0[at.folder];
        // Opened anew, for a thousand of them may be more than a process may hold. What leads there was made as folders,
        // and what this plan makes never takes a folder's place.
        let path = if folder.path.is_empty() { "." } else { folder.path };
        let fd = open_inside(root, path).map_err(|errno| self.error(folder, "", errno))?;
        self.fill_files(&entries, at, fd.as_fd())
    }

    fn fill_files(&self, entries: &[EntryRef<'_>], at: At<'_>, fd: BorrowedFd<'_>) -> Result<(), StoreError> {
        let from = open_folder(&self.store.home_package(at.home))?;
        let (mut bytes, mut by) = (0, LinkedBy::default());
        for entry in entries {
            let way = self.place_home_file(entry, at, from.as_fd(), fd)?;
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
        let executable = matches!(entry.kind, KindRef::File { executable: true, .. });
        let from = Origin {
            folder: from,
            name: path,
            mode: mode(executable),
        };
        if at.copy {
            let copied = self.ways.private_copy(&from, fd, path);
            return copied.map_err(|errno| self.error(folder, path, errno));
        }
        self.ways.place(&from, fd, path).map_err(|errno| match errno {
            Errno::NOENT => StoreError::Damaged {
                path: self.store.home_package(at.home).join(path),
                reason: "it is missing".to_owned(),
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
        match rustix::fs::mkdirat(fd, path, Mode::from_raw_mode(0o777)) {
            // What is planned below the package may be made at the same time.
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(self.error(folder, path, errno)),
        }
    }
}

/// Many files, in parts for one thread each: two threads that link into one folder would wait for each other.
fn parts(entries: &[EntryRef<'_>]) -> Vec<Range<usize>> {
    let (mut parts, mut start) = (Vec::new(), 0);
    while entries.len() - start > PART {
        let folder = entries[start + PART - 1].path.parent();
        let same = entries[start + PART..]
            .iter()
            .take_while(|entry| entry.path.parent() == folder);
        let end = start + PART + same.count();
        parts.push(start..end);
        start = end;
    }
    if start < entries.len() {
        parts.push(start..entries.len());
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_core::SafePathRef;

    #[test]
    fn the_files_of_one_folder_are_one_threads_work() {
        let lengths = |folders: &[(&str, usize)]| -> Vec<usize> {
            let names = folders
                .iter()
                .flat_map(|(folder, count)| (0..*count).map(move |file| format!("{folder}{file}")));
            let names: Vec<String> = names.collect();
            let entries = names.iter().map(|name| EntryRef {
                offset: 0,
                path: SafePathRef::new(name).unwrap(),
                kind: KindRef::Link(""),
            });
            let entries: Vec<EntryRef<'_>> = entries.collect();
            parts(&entries).iter().map(ExactSizeIterator::len).collect()
        };
        assert!(lengths(&[]).is_empty());
        assert_eq!(lengths(&[("a/", 300)]), [300], "nothing is left behind it");
        assert_eq!(lengths(&[("", 100), ("a/", 28)]), [128]);
        assert_eq!(
            lengths(&[("a/", 100), ("b/", 100), ("c/", 300), ("d/", 10)]),
            [200, 300, 10]
        );
    }
}
