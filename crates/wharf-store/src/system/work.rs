//! Private copies of parts of a system in the stage, for programs that finish it, and what these programs changed.
//!
//! A program writes to a copy, never to the system: the system's files are links of the store's objects. What was changed is told
//! by the time of the last change that the kernel keeps and no program can set: what is as old as the copy is the copy.
//! Invariant: only what a program changed is read again. What it made for its owner's eyes lies in this system alone, not among
//! the objects.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::fill::{self, For};
use super::path::{RootPath, split};
use super::place::SystemDraft;
use super::tree::{SystemEntry, SystemKind, SystemTree};
use crate::durable;
use crate::error::StoreError;
use crate::id::ObjectId;
use crate::link::LinkMode;
use crate::store::{Stage, Store};

/// Which part of a system a program changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Everything,
    /// All that is below a folder.
    Below(RootPath),
    /// The files and links that lie right in a folder, and nothing below its folders.
    Inside(RootPath),
}

/// Copies of parts of a system. Dropping it removes them.
#[derive(Debug)]
pub struct Work {
    places: Vec<(Extent, PathBuf)>,
    /// The time after the last copy was made, by the clock of the file system.
    since: (i64, i64),
    /// Dropped last.
    _stage: Stage,
}

impl Work {
    /// Each part, and the folder of its copy, in the order in which they were asked for.
    pub fn places(&self) -> &[(Extent, PathBuf)] {
        &self.places
    }
}

/// What a program changed, not yet taken over into a system.
#[derive(Debug)]
pub struct Changes {
    /// What is new or other than it was.
    pub put: Vec<Change>,
    /// What is gone.
    pub gone: Vec<RootPath>,
    /// The files of its owner's eyes lie there until they are taken over.
    _work: Work,
}

/// One thing that is new or other than it was.
#[derive(Debug)]
pub struct Change {
    /// What, and where.
    pub entry: SystemEntry,
    /// The file itself, where nobody but its owner may read it.
    own: Option<PathBuf>,
}

impl SystemDraft {
    /// Copies parts of the system, for a program that changes them.
    ///
    /// # Errors
    /// The way to a part leads over something that is no folder; the file system refuses.
    pub fn work(&self, store: &Store, extents: &[Extent]) -> Result<Work, StoreError> {
        let stage = store.stage()?;
        let mut places = Vec::with_capacity(extents.len());
        for (number, extent) in extents.iter().enumerate() {
            let folder = stage.path().join(number.to_string());
            fs::create_dir(&folder).map_err(StoreError::io("make", &folder))?;
            fill::fill(store, &self.part(extent)?, &folder, LinkMode::Copy, For::Changing)?;
            places.push((extent.clone(), folder));
        }
        Ok(Work {
            since: next_tick(&stage.path().join("time"))?,
            places,
            _stage: stage,
        })
    }

    /// What a part holds, with paths from its folder.
    fn part(&self, extent: &Extent) -> Result<SystemTree, StoreError> {
        let entries = &self.tree().entries;
        let (folder, deep) = match extent {
            Extent::Everything => return Ok(self.tree().clone()),
            Extent::Below(folder) => (folder, true),
            Extent::Inside(folder) => (folder, false),
        };
        let mut above = Some(folder.as_bytes());
        while let Some(path) = above {
            let entry = self.tree().get(path);
            if entry.is_some_and(|entry| !matches!(entry.kind, SystemKind::Folder { .. })) {
                return Err(StoreError::Misplaced {
                    path: folder.as_path().to_owned(),
                    reason: "the way to it leads over something that is no folder",
                });
            }
            above = split(path).0;
        }
        let prefix = [folder.as_bytes(), b"/"].concat();
        let from = entries.partition_point(|entry| entry.path.as_bytes() < prefix.as_slice());
        let inside = entries[from..]
            .iter()
            .map_while(|entry| Some((entry, entry.path.as_bytes().strip_prefix(prefix.as_slice())?)))
            .filter(|(_, rest)| deep || !rest.contains(&b'/'));
        let inside = inside.map(|(entry, rest)| SystemEntry {
            path: RootPath::new(rest).expect("a part of a path is one"),
            kind: entry.kind.clone(),
            owner: None,
        });
        Ok(SystemTree::new(inside.collect()))
    }

    /// What was changed of the copies since they were made. New contents are in the store afterwards.
    ///
    /// # Errors
    /// Where the store cannot take them.
    pub fn changes(&self, store: &Store, work: Work) -> Result<Changes, StoreError> {
        let (mut put, mut gone) = (Vec::new(), Vec::new());
        for (extent, folder) in &work.places {
            let (mut prefix, reach) = match extent {
                Extent::Everything => (Vec::new(), Reach::Below),
                Extent::Below(at) => (at.as_bytes().to_vec(), Reach::Below),
                Extent::Inside(at) => (at.as_bytes().to_vec(), Reach::Inside),
            };
            let mut before: FxHashMap<&[u8], &SystemEntry> = FxHashMap::default();
            let entries = self.tree().entries.iter();
            before.extend(
                entries
                    .filter(|entry| reaches(extent, entry))
                    .map(|entry| (entry.path.as_bytes(), entry)),
            );
            let mut found = Vec::new();
            walk(folder, &mut prefix, reach, &mut found)?;
            let mut fresh = Vec::new();
            for one in found {
                let old = before.remove(one.path.as_bytes());
                if !one.is_as_it_was(old, work.since) {
                    fresh.push((one, old));
                }
            }
            let taken: Result<Vec<Option<Change>>, StoreError> = fresh
                .into_par_iter()
                .map(|(one, old)| one.take(store, old))
                .collect();
            put.extend(taken?.into_iter().flatten());
            // What is only noted was never on disk.
            let missing = before.into_values();
            gone.extend(
                missing
                    .filter(|entry| !matches!(entry.kind, SystemKind::Noted { .. }))
                    .map(|entry| entry.path.clone()),
            );
        }
        gone.sort();
        Ok(Changes {
            put,
            gone,
            _work: work,
        })
    }

    /// Takes changes over. Gives how many paths are new, other or gone.
    ///
    /// # Errors
    /// Where the file system refuses.
    pub fn apply(&mut self, store: &Store, changes: Changes) -> Result<u64, StoreError> {
        let Changes { mut put, gone, _work } = changes;
        let count = (put.len() + gone.len()) as u64;
        if count == 0 {
            return Ok(0);
        }
        let root = self.root();
        put.sort_by(|one, other| one.entry.path.cmp(&other.entry.path));
        self.judge(&put)?;
        for path in gone.iter().rev() {
            durable::remove_tree(&path.below(&root))?;
        }
        for change in &put {
            self.put(store, &root, change)?;
        }
        self.replace(&gone, put.into_iter().map(|change| change.entry).collect());
        Ok(count)
    }

    /// Refuses what would come to lie below something that is no folder: a link could lead out of the system.
    fn judge(&self, put: &[Change]) -> Result<(), StoreError> {
        let fresh: FxHashMap<&[u8], bool> = put
            .iter()
            .map(|change| {
                let is_folder = matches!(change.entry.kind, SystemKind::Folder { .. });
                (change.entry.path.as_bytes(), is_folder)
            })
            .collect();
        let mut known: FxHashMap<&[u8], bool> = FxHashMap::default();
        for change in put {
            let mut above = change.entry.path.parent();
            while let Some(folder) = above {
                let is_folder = *known.entry(folder).or_insert_with(|| {
                    let old = || self.tree().get(folder).map(|entry| &entry.kind);
                    let now = fresh.get(folder).copied();
                    now.unwrap_or_else(|| matches!(old(), None | Some(SystemKind::Folder { .. })))
                });
                if !is_folder {
                    return Err(StoreError::Misplaced {
                        path: change.entry.path.as_path().to_owned(),
                        reason: "what is above it is no folder",
                    });
                }
                above = split(folder).0;
            }
        }
        Ok(())
    }

    fn put(&self, store: &Store, root: &Path, change: &Change) -> Result<(), StoreError> {
        let entry = &change.entry;
        let at = entry.path.below(root);
        let old = self.tree().get(entry.path.as_bytes()).map(|entry| &entry.kind);
        match (&entry.kind, old) {
            (SystemKind::Folder { .. }, Some(SystemKind::Folder { .. })) => return Ok(()),
            (_, Some(_)) => durable::remove_tree(&at)?,
            (_, None) => {}
        }
        if let Some(above) = at.parent() {
            fs::create_dir_all(above).map_err(StoreError::io("make", above))?;
        }
        match (&entry.kind, &change.own) {
            (SystemKind::Folder { .. }, _) => fs::create_dir(&at).map_err(StoreError::io("make", &at)),
            (SystemKind::Link(target), _) => {
                let target = std::ffi::OsStr::from_bytes(target);
                std::os::unix::fs::symlink(target, &at).map_err(StoreError::io("place", &at))
            }
            (SystemKind::File { mode, .. }, Some(own)) => {
                let mode = if mode & 0o111 == 0 { 0o400 } else { 0o500 };
                fs::set_permissions(own, fs::Permissions::from_mode(mode))
                    .and_then(|()| fs::rename(own, &at))
                    .map_err(StoreError::io("place", &at))
            }
            (SystemKind::File { object, .. }, None) => {
                store.link(object, entry.kind.is_executable(), &at, LinkMode::Auto)
            }
            (SystemKind::Noted { .. }, _) => Ok(()),
        }
    }
}

fn reaches(extent: &Extent, entry: &SystemEntry) -> bool {
    let below = |folder: &RootPath| {
        let rest = entry.path.as_bytes().strip_prefix(folder.as_bytes());
        rest.and_then(|rest| rest.strip_prefix(b"/"))
    };
    match extent {
        Extent::Everything => true,
        Extent::Below(folder) => below(folder).is_some(),
        Extent::Inside(folder) => below(folder).is_some_and(|rest| !rest.contains(&b'/')),
    }
}

/// How far a copy reaches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Below,
    Inside,
}

/// Something in a copy.
struct Found {
    path: RootPath,
    at: PathBuf,
    metadata: fs::Metadata,
}

impl Found {
    fn is_as_it_was(&self, old: Option<&SystemEntry>, since: (i64, i64)) -> bool {
        let Some(old) = old else { return false };
        match &old.kind {
            SystemKind::Folder { .. } => self.metadata.is_dir(),
            SystemKind::File { .. } => self.metadata.is_file() && time(&self.metadata) < since,
            SystemKind::Link(_) => self.metadata.is_symlink() && time(&self.metadata) < since,
            SystemKind::Noted { .. } => false,
        }
    }

    /// As an entry; `None` where it is what it was, and for a socket or pipe that a program left: nobody will answer it.
    fn take(self, store: &Store, old: Option<&SystemEntry>) -> Result<Option<Change>, StoreError> {
        let mode = (self.metadata.mode() & 0o777) as u16;
        let mut own = None;
        let kind = if self.metadata.is_dir() {
            SystemKind::Folder { mode }
        } else if self.metadata.is_symlink() {
            let target = fs::read_link(&self.at).map_err(StoreError::io("read", &self.at))?;
            SystemKind::Link(target.as_os_str().as_bytes().into())
        } else if self.metadata.is_file() {
            let bytes = fs::read(&self.at).map_err(StoreError::io("read", &self.at))?;
            let is_open = mode & 0o004 != 0;
            let object = match is_open {
                true => store.write_object(&bytes, mode & 0o111 != 0)?,
                false => ObjectId::of(&bytes),
            };
            own = (!is_open).then(|| self.at.clone());
            SystemKind::File {
                object,
                size: bytes.len() as u64,
                mode,
                capability: None,
            }
        } else {
            return Ok(None);
        };
        let mut entry = SystemEntry::new(self.path, kind);
        if let Some(old) = old {
            inherit(&mut entry, old);
            if entry == *old && own.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(Change { entry, own }))
    }
}

/// Owner, and the bits of the mode that no file here has, stay as the package had them.
fn inherit(entry: &mut SystemEntry, old: &SystemEntry) {
    entry.owner.clone_from(&old.owner);
    match (&mut entry.kind, &old.kind) {
        (
            SystemKind::File { mode, capability, .. },
            SystemKind::File {
                mode: before,
                capability: had,
                ..
            },
        ) if (*mode & 0o111 != 0) == (before & 0o111 != 0) && *mode & 0o004 != 0 => {
            *mode = *before;
            capability.clone_from(had);
        }
        (SystemKind::Folder { mode }, SystemKind::Folder { mode: before }) => *mode = *before,
        _ => {}
    }
}

/// Everything in a folder. Links are not followed.
fn walk(folder: &Path, prefix: &mut Vec<u8>, reach: Reach, found: &mut Vec<Found>) -> Result<(), StoreError> {
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
        let metadata = entry.metadata().map_err(StoreError::io("look at", &at))?;
        let is_folder = metadata.is_dir();
        found.push(Found {
            path,
            at: at.clone(),
            metadata,
        });
        if is_folder && reach == Reach::Below {
            walk(&at, prefix, reach, found)?;
        }
        prefix.truncate(length);
    }
    Ok(())
}

fn time(metadata: &fs::Metadata) -> (i64, i64) {
    (metadata.ctime(), metadata.ctime_nsec())
}

/// Waits until the file system's clock has gone on, and gives its time: whatever is changed from now on is not older.
fn next_tick(file: &Path) -> Result<(i64, i64), StoreError> {
    let now = || {
        fs::write(file, [0])?;
        // A write to what was just written need not count as another change.
        fs::set_permissions(file, fs::Permissions::from_mode(0o600))?;
        file.metadata().map(|metadata| time(&metadata))
    };
    let failed = |error| StoreError::io("write", file)(error);
    let first = now().map_err(failed)?;
    loop {
        let later = now().map_err(failed)?;
        if later > first {
            return Ok(later);
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}
