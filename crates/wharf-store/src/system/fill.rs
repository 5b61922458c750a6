//! Many files out of the store into one folder, as [`crate::link`] does it, but for names of bytes and for modes of folders.
//!
//! Each folder is made and opened once; rayon takes the folders. 35,000 files on ext4 with two cores: 0.2 s.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::path::split;
use super::tree::{SystemEntry, SystemKind, SystemTree};
use crate::error::StoreError;
use crate::link::LinkMode;
use crate::object::{object_name, open_folder};
use crate::store::Store;
use crate::ways::{Origin, Ways, failed};

/// What becomes of files afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    /// They are read and run, and cannot be written.
    Using,
    /// A program writes them: only with copies.
    Changing,
}

/// Makes all of `tree` below `root`, which is there and empty.
pub(crate) fn fill(
    store: &Store,
    tree: &SystemTree,
    root: &Path,
    mode: LinkMode,
    what_for: For,
) -> Result<(), StoreError> {
    let folders = Folders::of(tree)?;
    let filler = Filler {
        store,
        folders: &folders,
        root,
        ways: Ways::of(mode),
        what_for,
    };
    filler.fill(0, open_folder(root)?)
}

/// The folders of a tree; the first is the root.
struct Folders<'a>(Vec<Folder<'a>>);

#[derive(Default)]
struct Folder<'a> {
    path: &'a [u8],
    sticky: bool,
    children: Vec<usize>,
    entries: Vec<&'a SystemEntry>,
}

impl<'a> Folders<'a> {
    fn of(tree: &'a SystemTree) -> Result<Self, StoreError> {
        let mut folders = Self(vec![Folder::default()]);
        let mut known = FxHashMap::default();
        for entry in &tree.entries {
            let path = entry.path.as_bytes();
            match entry.kind {
                SystemKind::Folder { mode } => {
                    let at = folders.find(path, &mut known);
                    folders.0[at].sticky = mode & 0o1002 == 0o1002;
                }
                SystemKind::Noted { .. } => {}
                SystemKind::File { .. } | SystemKind::Link(_) => {
                    let at = folders.find(split(path).0.unwrap_or_default(), &mut known);
                    folders.0[at].entries.push(entry);
                }
            }
        }
        // A file that is also a folder would be caught by the kernel; saying it here names the path.
        for entry in folders.0.iter().flat_map(|folder| &folder.entries) {
            if known.contains_key(entry.path.as_bytes()) {
                return Err(StoreError::Misplaced {
                    path: entry.path.as_path().to_path_buf(),
                    reason: "it is both a file and a folder",
                });
            }
        }
        Ok(folders)
    }

    fn find(&mut self, path: &'a [u8], known: &mut FxHashMap<&'a [u8], usize>) -> usize {
        if path.is_empty() {
            return 0;
        }
        if let Some(found) = known.get(path) {
            return *found;
        }
        let above = self.find(split(path).0.unwrap_or_default(), known);
        let index = self.0.len();
        self.0.push(Folder {
            path,
            ..Folder::default()
        });
        self.0[above].children.push(index);
        known.insert(path, index);
        index
    }
}

struct Filler<'a> {
    store: &'a Store,
    folders: &'a Folders<'a>,
    root: &'a Path,
    ways: Ways,
    what_for: For,
}

impl Filler<'_> {
    fn fill(&self, index: usize, fd: OwnedFd) -> Result<(), StoreError> {
        let folder = &self.folders.0[index];
        for entry in &folder.entries {
            let name = OsStr::from_bytes(entry.path.file_name());
            match &entry.kind {
                SystemKind::File { object, .. } => {
                    let executable = entry.kind.is_executable();
                    let from = Origin {
                        folder: self.store.folder.as_fd(),
                        name: &object_name(object, executable),
                        mode: self.mode(executable),
                    };
                    self.ways
                        .place(&from, fd.as_fd(), name)
                        .map_err(|errno| match errno {
                            Errno::NOENT => StoreError::MissingObject(*object),
                            errno => self.error(entry.path.as_bytes(), errno),
                        })?;
                }
                SystemKind::Link(target) => rustix::fs::symlinkat(OsStr::from_bytes(target), &fd, name)
                    .map_err(|errno| self.error(entry.path.as_bytes(), errno))?,
                SystemKind::Folder { .. } | SystemKind::Noted { .. } => {}
            }
        }
        folder.children.par_iter().try_for_each(|child| {
            let below = &self.folders.0[*child];
            let name = OsStr::from_bytes(split(below.path).1);
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let made = rustix::fs::mkdirat(&fd, name, Mode::from_raw_mode(0o755))
                .and_then(|()| rustix::fs::openat(&fd, name, flags, Mode::empty()));
            let made = made.map_err(|errno| self.error(below.path, errno))?;
            if below.sticky {
                rustix::fs::chmodat(&fd, name, Mode::from_raw_mode(0o1777), AtFlags::empty())
                    .map_err(|errno| self.error(below.path, errno))?;
            }
            self.fill(*child, made)
        })
    }

    fn mode(&self, executable: bool) -> u32 {
        match (self.what_for, executable) {
            (For::Using, true) => 0o555,
            (For::Using, false) => 0o444,
            (For::Changing, true) => 0o755,
            (For::Changing, false) => 0o644,
        }
    }

    fn error(&self, path: &[u8], errno: Errno) -> StoreError {
        failed(self.root.join(OsStr::from_bytes(path)), errno)
    }
}
