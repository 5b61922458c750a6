//! Whether system roots are what was written. Invariant: nothing is deleted here.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::id::{MANIFEST, NOTES, ROOT};
use super::tree::{SystemEntry, SystemKind, SystemTree};
use crate::error::StoreError;
use crate::home::check::{Judged, folders};
use crate::store::Store;
use crate::verify::{Depth, files, is_touched};

/// The folder of every system, sorted.
pub(crate) fn systems(store: &Store) -> Result<Vec<PathBuf>, StoreError> {
    let mut systems = folders(&store.systems_folder())?;
    systems.sort();
    Ok(systems)
}

/// Files and bytes that systems have for themselves: their records, and what is no link to an object.
pub(crate) fn size(store: &Store) -> Result<(u64, u64), StoreError> {
    let own = |system: &PathBuf| -> (u64, u64) {
        let found = files(system).unwrap_or_default();
        let data = found.iter().filter_map(|path| path.symlink_metadata().ok());
        let own = data.filter(|data| data.is_file() && data.nlink() == 1);
        own.fold((0, 0), |(count, bytes), data| (count + 1, bytes + data.len()))
    };
    let sizes: Vec<(u64, u64)> = systems(store)?.par_iter().map(own).collect();
    Ok(sizes
        .into_iter()
        .fold((0, 0), |sum, more| (sum.0 + more.0, sum.1 + more.1)))
}

/// Judges these systems.
pub(crate) fn judge(systems: Vec<PathBuf>, depth: Depth) -> Vec<Judged> {
    systems
        .into_par_iter()
        .map(|path| Judged {
            wrong: judge_one(&path, depth).err(),
            path,
        })
        .collect()
}

fn judge_one(system: &Path, depth: Depth) -> Result<(), String> {
    let bytes = fs::read(system.join(MANIFEST)).map_err(|error| format!("its manifest: {error}"))?;
    let tree = SystemTree::parse(&bytes).map_err(|error| error.to_string())?;
    if !system.join(NOTES).is_file() {
        return Err("its notes are missing".to_owned());
    }
    let root = system.join(ROOT);
    tree.entries
        .par_iter()
        .map(|entry| {
            judge_entry(&entry.path.below(&root), entry, depth)
                .map_err(|wrong| format!("{}: {wrong}", entry.path))
        })
        // The first by path, whichever thread was first.
        .collect::<Vec<_>>()
        .into_iter()
        .collect::<Result<(), _>>()?;
    match depth {
        Depth::Full => judge_strays(&root, &tree),
        Depth::Quick => Ok(()),
    }
}

fn judge_entry(path: &Path, entry: &SystemEntry, depth: Depth) -> Result<(), String> {
    let (object, size) = match &entry.kind {
        SystemKind::Noted { .. } => return Ok(()),
        SystemKind::Folder { .. } => {
            let metadata = path.symlink_metadata().map_err(|error| error.to_string())?;
            return metadata
                .is_dir()
                .then_some(())
                .ok_or_else(|| "it is no folder".to_owned());
        }
        SystemKind::Link(target) => {
            let found = fs::read_link(path).map_err(|error| error.to_string())?;
            return match found.as_os_str().as_bytes() == &**target {
                true => Ok(()),
                false => Err("it leads elsewhere".to_owned()),
            };
        }
        SystemKind::File { object, size, .. } => (object, *size),
    };
    let metadata = path.symlink_metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is no file".to_owned());
    }
    if metadata.len() != size {
        return Err(format!("it has {} bytes instead of {size}", metadata.len()));
    }
    let executable = entry.kind.is_executable();
    if metadata.mode() & 0o222 != 0 {
        return Err(format!("it can be written (mode {:o})", metadata.mode() & 0o7777));
    }
    if executable != (metadata.mode() & 0o111 != 0) {
        return Err(format!("its mode is {:o}", metadata.mode() & 0o7777));
    }
    if depth == Depth::Quick && !is_touched(&metadata) {
        return Ok(());
    }
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file).map_err(|error| error.to_string())?;
    if hasher.finalize().as_bytes() != object.as_bytes() {
        return Err("its content has changed".to_owned());
    }
    Ok(())
}

/// Files that somebody put there.
fn judge_strays(root: &Path, tree: &SystemTree) -> Result<(), String> {
    for path in files(root).map_err(|error| error.to_string())? {
        let inside = path.strip_prefix(root).unwrap_or(&path);
        if tree.get(inside.as_os_str().as_bytes()).is_none() {
            return Err(format!("{}: it is of no package", inside.display()));
        }
    }
    Ok(())
}
