//! The files of a home's package, linked into one folder.
//!
//! Homes with many files get their folders at once and their files at the end, the largest part first: who meets one late would
//! else work alone while the others have nothing left. Files of one folder that follow each other are one thread's
//! work, for two threads that link into one folder would wait for each other.

use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};

use rayon::prelude::*;
use rustc_hash::FxHashSet;
use rustix::fs::Mode;
use rustix::io::Errno;

use super::plan::Folder;
use super::{Linker, mode, open_inside};
use crate::error::StoreError;
use crate::home::HomeId;
use crate::object::open_folder;
use crate::tree::{Entry, Kind, Tree};
use crate::ways::Origin;

/// From so many files on, a home is more than one thread should take on its way.
const PART: usize = 128;

/// Files of a home with many.
pub(super) struct Part<'a> {
    /// Where it lies.
    folder: usize,
    home: &'a HomeId,
    copy: bool,
    tree: Arc<Tree>,
    /// Which of its entries.
    entries: Range<usize>,
}

impl<'a> Linker<'a> {
    /// Makes the folders of a home with these files, and the files if they are not many: a home is one thread's work, for there are
    /// many of them.
    pub(super) fn fill_with(
        &self,
        tree: Tree,
        home: &'a HomeId,
        copy: bool,
        fd: BorrowedFd<'_>,
        index: usize,
    ) -> Result<(), StoreError> {
        let folder = &self.folders.0[index];
        let (mut last, mut made) = ("", FxHashSet::default());
        for entry in &tree.entries {
            let above = entry.path.parent().unwrap_or_default();
            if above != last && !above.is_empty() {
                self.make_all(fd, above, &mut made, folder)?;
            }
            last = above;
        }
        let part = Part {
            folder: index,
            home,
            copy,
            entries: 0..tree.entries.len(),
            tree: Arc::new(tree),
        };
        if part.entries.len() <= PART {
            return self.fill_part(&part, fd);
        }
        let parts = parts(&part.tree.entries).into_iter().map(|entries| Part {
            entries,
            tree: Arc::clone(&part.tree),
            ..part
        });
        let mut large = self.large.lock().unwrap_or_else(PoisonError::into_inner);
        large.extend(parts);
        Ok(())
    }

    /// Places what was left for the end. `root` is the open folder of the plan.
    pub(super) fn fill_large(&self, root: BorrowedFd<'_>) -> Result<(), StoreError> {
        let mut parts = std::mem::take(&mut *self.large.lock().unwrap_or_else(PoisonError::into_inner));
        parts.sort_by_key(|part| std::cmp::Reverse(part.entries.len()));
        let next = AtomicUsize::new(0);
        let work = |_| {
            while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
                let folder = &self.folders.0[part.folder];
                // Opened anew, for a thousand of them may be more than a process may hold. What leads there was made as folders,
                // and what this plan makes never takes a folder's place.
                let path = if folder.path.is_empty() { "." } else { folder.path };
                let fd = open_inside(root, path).map_err(|errno| self.error(folder, "", errno))?;
                self.fill_part(part, fd.as_fd())?;
            }
            Ok(())
        };
        (0..rayon::current_num_threads().min(parts.len()))
            .into_par_iter()
            .with_max_len(1)
            .try_for_each(work)
    }

    fn fill_part(&self, part: &Part<'_>, fd: BorrowedFd<'_>) -> Result<(), StoreError> {
        let folder = &self.folders.0[part.folder];
        let from = open_folder(&self.store.home_package(part.home))?;
        let (mut bytes, mut by) = (0, [0u64; 3]);
        for entry in &part.tree.entries[part.entries.clone()] {
            let way = self.place_home_file(entry, part.copy, from.as_fd(), fd, folder, part.home)?;
            by[usize::from(way)] += 1;
            bytes += entry.size();
        }
        self.counts.add(bytes, by);
        Ok(())
    }

    fn place_home_file(
        &self,
        entry: &Entry,
        copy: bool,
        from: BorrowedFd<'_>,
        fd: BorrowedFd<'_>,
        folder: &Folder<'_>,
        home: &HomeId,
    ) -> Result<u8, StoreError> {
        let path = entry.path.as_str();
        let from = Origin {
            folder: from,
            name: path,
            mode: mode(matches!(entry.kind, Kind::File { executable: true, .. })),
        };
        if copy {
            let copied = self.ways.private_copy(&from, fd, path);
            return copied.map_err(|errno| self.error(folder, path, errno));
        }
        self.ways.place(&from, fd, path).map_err(|errno| match errno {
            Errno::NOENT => StoreError::Damaged {
                path: self.store.home_package(home).join(path),
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
fn parts(entries: &[Entry]) -> Vec<Range<usize>> {
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
    parts.push(start..entries.len());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_core::SafePath;

    #[test]
    fn the_files_of_one_folder_are_one_threads_work() {
        let lengths = |folders: &[(&str, usize)]| -> Vec<usize> {
            let names = folders
                .iter()
                .flat_map(|(folder, count)| (0..*count).map(move |file| format!("{folder}{file}")));
            let entries: Vec<Entry> = names
                .map(|name| Entry {
                    path: SafePath::new(&name).unwrap(),
                    kind: Kind::Link(String::new()),
                })
                .collect();
            parts(&entries).iter().map(ExactSizeIterator::len).collect()
        };
        assert_eq!(lengths(&[]), [0]);
        assert_eq!(lengths(&[("", 100), ("a/", 28)]), [128]);
        assert_eq!(
            lengths(&[("a/", 100), ("b/", 100), ("c/", 300), ("d/", 10)]),
            [200, 300, 10]
        );
    }
}
