//! A package in the stage, on its way to a home.
//!
//! Invariant: a draft holds no open file, so that a thousand of them may wait for the graph; dropping one deletes it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;
use rustix::fs::AtFlags;
use rustix::io::Errno;
use wharf_core::SafePath;

use super::shape::{FilesOf, Lies};
use crate::durable;
use crate::error::StoreError;
use crate::id::{ObjectId, TreeId};
use crate::object::{ObjectName, flat_name, make_file, make_folder, open_folder};
use crate::store::Store;
use crate::tree::{Entry, Tree};

/// An unpacked package in the stage. Dropping it deletes it.
#[derive(Debug)]
pub struct Unpacked {
    folder: Draft,
    lies: Lies,
    tree: Tree,
}

impl Unpacked {
    /// What was unpacked into the folder, and lies there so.
    pub(super) fn new(folder: Draft, lies: &Lies, tree: Tree) -> Self {
        let lies = lies.clone();
        Self { folder, lies, tree }
    }

    /// The digest of all its files, computed anew with each call.
    pub fn tree(&self) -> TreeId {
        self.tree.id()
    }

    /// Where its files lie, below the package's folder; sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.tree.entries.iter().map(|entry| entry.path.as_str())
    }

    /// How many files it has.
    pub fn files(&self) -> u64 {
        self.tree.entries.len() as u64
    }

    /// Their bytes.
    pub fn bytes(&self) -> u64 {
        self.tree.size()
    }

    /// The folder of the package, or of all its files where they lie flat.
    pub fn package(&self) -> PathBuf {
        self.files_of().folder
    }

    /// Where a file of it lies, by its path in the package.
    pub fn file(&self, path: &str) -> Option<PathBuf> {
        Some(self.files_of().file(self.tree.get(path)?))
    }

    pub(crate) fn files_of(&self) -> FilesOf {
        self.lies.below(self.folder.path())
    }

    /// Has the package lie otherwise in its folder, in folders that are made. Mostly it lies so from the beginning. Whether it is flat
    /// does not change so: then it is to be linked into a folder of its own.
    pub(crate) fn lie(&mut self, lies: &Lies) -> Result<(), StoreError> {
        if self.lies != *lies {
            let (from, to) = (self.package(), lies.below(self.folder.path()).folder);
            let above = durable::folder_of(&to);
            std::fs::create_dir_all(above).map_err(StoreError::io("make", above))?;
            std::fs::rename(&from, &to).map_err(StoreError::io("rename to", &to))?;
            // The folder of a scope, say, in which nothing else lies.
            let _ = std::fs::remove_dir(durable::folder_of(&from));
            self.lies = lies.clone();
        }
        Ok(())
    }

    /// Its `package.json`.
    ///
    /// # Errors
    /// Where it has none.
    pub fn package_json(&self) -> io::Result<Vec<u8>> {
        std::fs::read(self.file("package.json").ok_or(io::ErrorKind::NotFound)?)
    }

    pub(crate) fn is_flat(&self) -> bool {
        self.lies == Lies::Flat
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

    /// A folder with an empty package in it, which will lie so. The package is open.
    pub(super) fn new(store: &Store, lies: &Lies) -> Result<(Self, PackageFolder), StoreError> {
        let draft = Self::bare(store)?;
        if let Lies::At(inner) = lies {
            let ends = inner.match_indices('/').map(|(end, _)| end);
            for end in ends.chain([inner.len()]) {
                make(&draft.path().join(&inner[..end]))?;
            }
        }
        let files = lies.below(draft.path());
        let fd = open_folder(&files.folder)?;
        Ok((draft, PackageFolder { fd, files }))
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
    files: FilesOf,
}

impl PackageFolder {
    /// Whether its files lie flat.
    pub(super) fn is_flat(&self) -> bool {
        self.files.is_flat
    }

    /// Where a file of it lies.
    pub(super) fn file(&self, entry: &Entry) -> PathBuf {
        self.files.file(entry)
    }

    /// See [`FilesOf::name_where_flat`].
    pub(super) fn name_where_flat(&self, entry: &Entry) -> Option<ObjectName> {
        self.files.name_where_flat(entry)
    }

    /// Makes one folder, if it has folders; the ones above it are there.
    pub(super) fn make(&self, path: &str) -> Result<(), StoreError> {
        if self.is_flat() {
            return Ok(());
        }
        make_folder(&self.fd, path).map_err(self.error("make", path))
    }

    /// Makes a folder and those above it, each once: `made` are those that were made before.
    pub(super) fn make_all(&self, path: &str, made: &mut FxHashSet<Box<str>>) -> Result<(), StoreError> {
        if made.contains(path) || self.is_flat() {
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
        self.open_new(path, executable).map_err(self.error("write", path))
    }

    /// Creates the file that belongs at a path and holds this; `None` where the package is flat and has it, or another thread writes it.
    pub(super) fn begin(
        &self,
        path: &SafePath,
        object: &ObjectId,
        executable: bool,
    ) -> Result<Option<File>, StoreError> {
        if !self.is_flat() {
            return self.create(path.as_str(), executable).map(Some);
        }
        let name = flat_name(object, executable);
        match self.open_new(&name, executable) {
            Err(Errno::EXIST) => Ok(None),
            other => other.map(Some).map_err(self.error("write", &name)),
        }
    }

    fn open_new(&self, path: &str, executable: bool) -> Result<File, Errno> {
        make_file(&self.fd, path, executable)
    }

    /// Gives a file of a flat package, written under another name, the one that it has by what it holds.
    pub(super) fn name_flat(
        &self,
        from: &str,
        object: &ObjectId,
        executable: bool,
    ) -> Result<(), StoreError> {
        let name = flat_name(object, executable);
        rustix::fs::renameat(&self.fd, from, &self.fd, &*name).map_err(self.error("rename", from))
    }

    /// Removes what lies in a flat package and is no file of the tree.
    pub(super) fn sweep_flat(&self, tree: &Tree) -> Result<(), StoreError> {
        let files: FxHashSet<PathBuf> = tree.entries.iter().map(|entry| self.file(entry)).collect();
        let folder = &self.files.folder;
        for entry in std::fs::read_dir(folder).map_err(StoreError::io("list", folder))? {
            let path = entry.map_err(StoreError::io("list", folder))?.path();
            if !files.contains(&path) {
                std::fs::remove_file(&path).map_err(StoreError::io("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Gives a file that is there another path as well, in a folder that is there.
    pub(super) fn link(&self, from: &str, to: &str) -> Result<(), Errno> {
        self.link_from(self.fd.as_fd(), from, to)
    }

    /// The same with a file that lies in another folder.
    pub(super) fn link_from(&self, folder: BorrowedFd<'_>, from: &str, to: &str) -> Result<(), Errno> {
        rustix::fs::linkat(folder, from, &self.fd, to, AtFlags::empty())
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
        self.files.folder.join(path)
    }
}
