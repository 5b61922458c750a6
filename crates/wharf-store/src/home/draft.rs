//! A package in the stage, on its way to a home.
//!
//! Invariant: a draft holds no open file, so that a thousand of them may wait for the graph; dropping one deletes it.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use wharf_core::SafePath;

use crate::durable;
use crate::error::StoreError;
use crate::id::TreeId;
use crate::object::{make_folder, open_folder};
use crate::store::Store;
use crate::tree::Tree;

/// An unpacked package in the stage. Dropping it deletes it.
#[derive(Debug)]
pub struct Unpacked {
    folder: Draft,
    inner: String,
    tree: Tree,
}

impl Unpacked {
    /// What was unpacked into `inner`, a path below the folder.
    pub(super) fn new(folder: Draft, inner: &str, tree: Tree) -> Self {
        let inner = inner.to_owned();
        Self { folder, inner, tree }
    }

    /// The digest of all its files, computed anew with each call.
    pub fn tree(&self) -> TreeId {
        self.tree.id()
    }

    /// How many files it has.
    pub fn files(&self) -> u64 {
        self.tree.entries.len() as u64
    }

    /// Their bytes.
    pub fn bytes(&self) -> u64 {
        self.tree.size()
    }

    /// The folder of the package.
    pub fn package(&self) -> PathBuf {
        self.folder.path().join(&self.inner)
    }

    /// Has the package lie at another path below the folder, whose folders are made. Mostly it lies there from the beginning.
    pub(crate) fn lie_at(&mut self, inner: &str) -> Result<(), StoreError> {
        if self.inner != inner {
            let to = self.folder.path().join(inner);
            let above = durable::folder_of(&to);
            std::fs::create_dir_all(above).map_err(StoreError::io("make", above))?;
            let from = self.package();
            std::fs::rename(&from, &to).map_err(StoreError::io("rename to", &to))?;
            // The folder of a scope, say, in which nothing else lies.
            let _ = std::fs::remove_dir(durable::folder_of(&from));
            inner.clone_into(&mut self.inner);
        }
        Ok(())
    }

    /// Its `package.json`.
    ///
    /// # Errors
    /// Where it has none.
    pub fn package_json(&self) -> io::Result<Vec<u8>> {
        std::fs::read(self.package().join("package.json"))
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What its record will hold.
    pub(crate) fn content(&self) -> &Tree {
        &self.tree
    }

    /// The folder has its place: there is nothing left to delete.
    pub(crate) fn placed(self) {
        self.folder.keep();
    }
}

/// A folder in the stage that gets its place later. Dropping it deletes it.
#[derive(Debug)]
pub(crate) struct Draft(Option<PathBuf>);

impl Draft {
    /// An empty folder.
    pub(crate) fn bare(store: &Store) -> Result<Self, StoreError> {
        let path = store.draft_folder()?;
        make(&path)?;
        Ok(Self(Some(path)))
    }

    /// A folder with an empty package in it, at `inner` below it: a relative path with nothing in it that leads up. The package is open.
    pub(super) fn new(store: &Store, inner: &str) -> Result<(Self, PackageFolder), StoreError> {
        let draft = Self::bare(store)?;
        let ends = inner.match_indices('/').map(|(end, _)| end);
        for end in ends.chain([inner.len()]) {
            make(&draft.path().join(&inner[..end]))?;
        }
        let path = draft.path().join(inner);
        let fd = open_folder(&path)?;
        Ok((draft, PackageFolder { fd, path }))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0
            .as_deref()
            .expect("only `keep` takes the path, and the draft with it")
    }

    /// The folder has its place: there is nothing left to delete.
    pub(crate) fn keep(mut self) {
        self.0 = None;
    }
}

fn make(path: &Path) -> Result<(), StoreError> {
    std::fs::create_dir(path).map_err(StoreError::io("make", path))
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            // Best effort: what stays is in the stage, which the next command clears.
            let _ = durable::remove_tree(&path);
        }
    }
}

/// A folder that is being filled, by paths relative to it.
#[derive(Debug)]
pub(super) struct PackageFolder {
    fd: OwnedFd,
    path: PathBuf,
}

impl PackageFolder {
    /// Makes one folder; the ones above it are there.
    pub(super) fn make(&self, path: &str) -> Result<(), StoreError> {
        make_folder(&self.fd, path).map_err(self.error("make", path))
    }

    /// Makes a folder and those above it, each once: `made` are those that were made before.
    pub(super) fn make_all(&self, path: &str, made: &mut FxHashSet<Box<str>>) -> Result<(), StoreError> {
        if made.contains(path) {
            return Ok(());
        }
        if let Some((above, _)) = path.rsplit_once('/') {
            self.make_all(above, made)?;
        }
        self.make(path)?;
        made.insert(path.into());
        Ok(())
    }

    /// Creates a file, in a folder that is there. It can be written through the handle alone. By its path from here: to open
    /// the folders in between for a few files each would cost more than to walk through them.
    pub(super) fn create(&self, path: &str, executable: bool) -> Result<File, StoreError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(if executable { 0o555 } else { 0o444 });
        rustix::fs::openat(&self.fd, path, flags, mode)
            .map(File::from)
            .map_err(self.error("write", path))
    }

    /// Gives a file that is there another path as well, in a folder that is there.
    pub(super) fn link(&self, from: &str, to: &str) -> Result<(), Errno> {
        rustix::fs::linkat(&self.fd, from, &self.fd, to, AtFlags::empty())
    }

    pub(super) fn error(&self, action: &'static str, path: &str) -> impl FnOnce(Errno) -> StoreError {
        // Put together where it is needed: there are tens of thousands of files.
        move |errno| StoreError::os(action, self.path(path))(errno)
    }

    /// That a file of it could not be written.
    pub(super) fn unwritten(&self, path: &SafePath, error: io::Error) -> StoreError {
        StoreError::io("write", self.path(path.as_str()))(error)
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.path.join(path)
    }
}
