//! Systems into the stage, and from there to their place.
//!
//! Invariant: a system appears whole. A process that loses the race to another finds a system of the same id, and throws its own
//! away. Programs that finish a system write to private copies ([`super::work`]): an object of the store never changes through one
//! of its links.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;

use super::fill::{self, For};
use super::id::{MANIFEST, NOTES, ROOT, SystemId};
use super::path::RootPath;
use super::tree::{SystemEntry, SystemTree};
use crate::durable;
use crate::error::StoreError;
use crate::link::LinkMode;
use crate::store::Store;

/// A system in the stage. Dropping it removes it.
#[derive(Debug)]
pub struct SystemDraft {
    folder: PathBuf,
    tree: SystemTree,
    placed: bool,
}

impl Store {
    /// Makes all of a tree in the stage.
    ///
    /// # Errors
    /// Where an object is missing, something would be both a file and a folder, or the file system refuses.
    pub fn draft_system(&self, tree: SystemTree, mode: LinkMode) -> Result<SystemDraft, StoreError> {
        let draft = SystemDraft {
            folder: self.draft_folder()?,
            tree,
            placed: false,
        };
        let root = draft.root();
        fs::create_dir_all(&root).map_err(StoreError::io("make", &root))?;
        fill::fill(self, &draft.tree, &root, mode, For::Using)?;
        Ok(draft)
    }

    /// Gives a system its name, unless one of that name is there already. `notes` is kept with it.
    ///
    /// # Errors
    /// Where the file system refuses.
    pub fn place_system(
        &self,
        id: &SystemId,
        mut draft: SystemDraft,
        notes: &[u8],
    ) -> Result<(), StoreError> {
        write_new(&draft.folder.join(MANIFEST), &draft.tree.print())?;
        write_new(&draft.folder.join(NOTES), notes)?;
        self.about_to_publish()?;
        let systems = self.systems_folder();
        if !systems.is_dir() {
            fs::create_dir_all(&systems).map_err(StoreError::io("make", &systems))?;
        }
        draft.placed = durable::rename_noreplace(&draft.folder, &self.system_home(id))?;
        Ok(())
    }

    /// The manifest of a system that is there.
    ///
    /// # Errors
    /// Where it is missing or damaged.
    pub fn system_manifest(&self, id: &SystemId) -> Result<SystemTree, StoreError> {
        let path = self.system_home(id).join(MANIFEST);
        let bytes = fs::read(&path).map_err(StoreError::io("read", &path))?;
        SystemTree::parse(&bytes).map_err(|source| StoreError::DamagedTree { id: *id, source })
    }

    /// Takes a system away, for one to be made anew in its place.
    ///
    /// # Errors
    /// Where the file system refuses.
    pub fn remove_system(&self, id: &SystemId) -> Result<(), StoreError> {
        let away = self.draft_folder()?;
        match fs::rename(self.system_home(id), &away) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(StoreError::io("remove", self.system_home(id))(error)),
            Ok(()) => durable::remove_tree(&away),
        }
    }
}

impl SystemDraft {
    /// Its merged root.
    pub fn root(&self) -> PathBuf {
        self.folder.join(ROOT)
    }

    /// What it holds.
    pub fn tree(&self) -> &SystemTree {
        &self.tree
    }

    /// Entries in place of others: those of `gone` go, and each of `put` takes its place.
    pub(super) fn replace(&mut self, gone: &[RootPath], put: Vec<SystemEntry>) {
        let mut entries = std::mem::take(&mut self.tree.entries);
        {
            let away: FxHashSet<&RootPath> = gone.iter().chain(put.iter().map(|entry| &entry.path)).collect();
            entries.retain(|entry| !away.contains(&entry.path));
        }
        entries.extend(put);
        self.tree = SystemTree::new(entries);
    }
}

impl Drop for SystemDraft {
    fn drop(&mut self) {
        if !self.placed {
            // The stage is cleared by the next command anyway.
            let _ = durable::remove_tree(&self.folder);
        }
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o444)
        .open(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(StoreError::io("write", path))
}
