//! Systems into the stage, and from there to their place.
//!
//! Invariant: a system appears whole. A process that loses the race to another finds a system of the same id, and throws its own
//! away. Programs that finish a system (caches that only they can make) write to private copies: an object of the store never
//! changes through one of its links.

use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use super::fill;
use super::id::{MANIFEST, NOTES, ROOT, SystemId};
use super::path::RootPath;
use super::tree::{SystemEntry, SystemKind, SystemTree};
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
        fill::fill(self, &draft.tree, &root, mode)?;
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

    /// Replaces the links to objects below these folders by copies that their owner may write, and makes the folders where they are
    /// missing. An empty list stands for everything.
    ///
    /// # Errors
    /// Where the file system refuses.
    pub fn unshare(&self, folders: &[RootPath]) -> Result<(), StoreError> {
        let root = self.root();
        for folder in folders {
            let folder = folder.below(&root);
            fs::create_dir_all(&folder).map_err(StoreError::io("make", &folder))?;
        }
        for entry in self
            .tree
            .entries
            .iter()
            .filter(|entry| within(entry.path.as_bytes(), folders))
        {
            if matches!(entry.kind, SystemKind::File { .. }) {
                let mode = if entry.kind.is_executable() { 0o755 } else { 0o644 };
                private_copy(&entry.path.below(&root), mode)?;
            }
        }
        Ok(())
    }

    /// After something wrote below these folders: takes what lies there now into the store and into the manifest. Gives the paths
    /// that are new, changed or gone, sorted.
    ///
    /// # Errors
    /// Where the store cannot take it.
    pub fn absorb(&mut self, store: &Store, folders: &[RootPath]) -> Result<Vec<RootPath>, StoreError> {
        let root = self.root();
        let entries = std::mem::take(&mut self.tree.entries);
        let (inside, mut kept): (Vec<_>, Vec<_>) = entries
            .into_iter()
            .partition(|entry| within(entry.path.as_bytes(), folders));
        let mut before: FxHashMap<RootPath, SystemEntry> = inside
            .into_iter()
            .map(|entry| (entry.path.clone(), entry))
            .collect();
        let mut changed = Vec::new();
        let mut found = Vec::new();
        match folders {
            [] => walk(store, &root, &mut Vec::new(), &mut found)?,
            folders => {
                for folder in folders {
                    let mut prefix = folder.as_bytes().to_vec();
                    walk(store, &folder.below(&root), &mut prefix, &mut found)?;
                }
            }
        }
        for mut entry in found {
            let old = before.remove(&entry.path);
            if let Some(old) = &old {
                inherit(&mut entry, old);
            }
            if old.as_ref() != Some(&entry) {
                changed.push(entry.path.clone());
            }
            kept.push(entry);
        }
        // What is only noted was never on disk.
        for (path, entry) in before {
            match entry.kind {
                SystemKind::Noted { .. } => kept.push(entry),
                _ => changed.push(path),
            }
        }
        self.tree = SystemTree::new(kept);
        changed.sort();
        Ok(changed)
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

fn within(path: &[u8], folders: &[RootPath]) -> bool {
    folders.is_empty()
        || folders.iter().any(|folder| {
            path.strip_prefix(folder.as_bytes())
                .is_some_and(|rest| rest.first() == Some(&b'/'))
        })
}

/// Owner, and the bits of the mode that no file here has, stay as the package had them.
fn inherit(entry: &mut SystemEntry, old: &SystemEntry) {
    entry.owner.clone_from(&old.owner);
    let same_kind = entry.kind.is_executable() == old.kind.is_executable();
    match (&mut entry.kind, &old.kind) {
        (
            SystemKind::File { mode, capability, .. },
            SystemKind::File {
                mode: before,
                capability: had,
                ..
            },
        ) if same_kind => {
            *mode = *before;
            capability.clone_from(had);
        }
        (SystemKind::Folder { mode }, SystemKind::Folder { mode: before }) => *mode = *before,
        _ => {}
    }
}

fn private_copy(path: &Path, mode: u32) -> Result<(), StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".wharf-copy");
    let interim = PathBuf::from(name);
    fs::copy(path, &interim).map_err(StoreError::io("copy", path))?;
    fs::set_permissions(&interim, fs::Permissions::from_mode(mode))
        .map_err(StoreError::io("set the mode of", &interim))?;
    fs::rename(&interim, path).map_err(StoreError::io("copy", path))
}

/// Everything below a folder as entries; files become links to objects.
fn walk(
    store: &Store,
    folder: &Path,
    prefix: &mut Vec<u8>,
    found: &mut Vec<SystemEntry>,
) -> Result<(), StoreError> {
    let entries = fs::read_dir(folder).map_err(StoreError::io("list", folder))?;
    for entry in entries {
        let entry = entry.map_err(StoreError::io("list", folder))?;
        let at = entry.path();
        let length = prefix.len();
        if length > 0 {
            prefix.push(b'/');
        }
        prefix.extend_from_slice(entry.file_name().as_bytes());
        let path = RootPath::new(prefix).map_err(|_| StoreError::Misplaced {
            path: at.clone(),
            reason: "its path is too long",
        })?;
        let metadata = at.symlink_metadata().map_err(StoreError::io("look at", &at))?;
        if metadata.is_dir() {
            let mode = (metadata.mode() & 0o7777) as u16;
            found.push(SystemEntry::new(path, SystemKind::Folder { mode }));
            walk(store, &at, prefix, found)?;
        } else if metadata.is_symlink() {
            let target = fs::read_link(&at).map_err(StoreError::io("read", &at))?;
            let target = target.as_os_str().as_bytes().into();
            found.push(SystemEntry::new(path, SystemKind::Link(target)));
        } else if metadata.is_file() {
            found.push(SystemEntry::new(path, take_file(store, &at, &metadata)?));
        } else {
            // A socket or pipe that a program left: nobody will answer it.
            fs::remove_file(&at).map_err(StoreError::io("remove", &at))?;
        }
        prefix.truncate(length);
    }
    Ok(())
}

fn take_file(store: &Store, path: &Path, metadata: &fs::Metadata) -> Result<SystemKind, StoreError> {
    let bytes = fs::read(path).map_err(StoreError::io("read", path))?;
    let executable = metadata.mode() & 0o111 != 0;
    let object = store.write_object(&bytes, executable)?;
    let shared = fs::metadata(store.object_path(&object, executable))
        .is_ok_and(|stored| (stored.dev(), stored.ino()) == (metadata.dev(), metadata.ino()));
    if !shared {
        fs::remove_file(path).map_err(StoreError::io("remove", path))?;
        store.link(&object, executable, path, LinkMode::Auto)?;
    }
    Ok(SystemKind::File {
        object,
        size: bytes.len() as u64,
        mode: if executable { 0o755 } else { 0o644 },
        capability: None,
    })
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
