//! Writes that a crash cannot halve.
//! Invariant: whoever opens a path sees the old content or the new, never a part. Sources: rename(2), fsync(2), syncfs(2).

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::error::StoreError;

/// Whether the disk itself must have the bytes before a call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Safe against a killed process; a later `sync` makes it safe against a power cut.
    Process,
    /// Safe against a power cut.
    Power,
}

/// How files are called until they have their place, and how many characters follow that.
const DRAFT: &str = ".wharf-";
const DRAFT_RANDOM: usize = 6;

/// Replaces `path` with `bytes`, durably.
///
/// # Errors
/// Where its folder cannot be written; the old content then stands.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    replace(path, bytes, Durability::Power)
}

/// Replaces `path` with `bytes`.
///
/// # Errors
/// As [`write_atomic`].
pub fn replace(path: &Path, bytes: &[u8], durability: Durability) -> Result<(), StoreError> {
    let folder = folder_of(path);
    let mut file = tempfile::Builder::new()
        .prefix(DRAFT)
        .rand_bytes(DRAFT_RANDOM)
        .permissions_if_unix()
        .tempfile_in(folder)
        .map_err(StoreError::io("write in", folder))?;
    file.write_all(bytes).map_err(StoreError::io("write", path))?;
    if durability == Durability::Power {
        file.as_file().sync_data().map_err(StoreError::io("sync", path))?;
    }
    file.persist(path)
        .map_err(|error| StoreError::io("write", path)(error.error))?;
    match durability {
        Durability::Power => fsync_dir(folder),
        Durability::Process => Ok(()),
    }
}

/// Removes what a killed [`replace`] left in a folder in which nobody else is replacing anything now; whether it found something. Best
/// effort: it harms nobody.
pub fn sweep_drafts(folder: &Path) -> bool {
    let is_draft = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        let random = name.as_encoded_bytes().strip_prefix(DRAFT.as_bytes());
        random.is_some_and(|random| {
            random.len() == DRAFT_RANDOM && random.iter().all(u8::is_ascii_alphanumeric)
        }) && entry.file_type().is_ok_and(|kind| kind.is_file())
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let swept = entries
        .filter(is_draft)
        .map(|entry| fs::remove_file(entry.path()));
    swept.filter(Result::is_ok).count() > 0
}

/// Flushes a folder's entries to disk.
///
/// # Errors
/// Where the disk fails.
pub fn fsync_dir(folder: &Path) -> Result<(), StoreError> {
    File::open(folder)
        .and_then(|file| file.sync_all())
        .map_err(StoreError::io("sync", folder))
}

/// Flushes everything on the file system that holds `path`: one call instead of one per file.
///
/// # Errors
/// Where the disk fails.
pub fn sync_filesystem(path: &Path) -> Result<(), StoreError> {
    let file = File::open(path).map_err(StoreError::io("open", path))?;
    syncfs(&file).map_err(StoreError::io("sync", path))
}

/// Flushes everything on the file system of an open file. Fails where a write since it was opened did.
pub(crate) fn syncfs(file: &File) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    return rustix::fs::syncfs(file).map_err(io::Error::from);
    #[cfg(not(target_os = "linux"))]
    file.sync_all()
}

/// Tells one start of the machine from another; empty where the system does not say. What was written since the same start
/// is there whoever died; what an earlier start did not flush may be lost.
#[must_use]
pub fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

/// Swaps two paths of one file system. Where the kernel cannot do it in one step, `first` is away for an instant
/// (under the name `<first>.swap`), which [`undo_swap`] repairs after a crash.
///
/// # Errors
/// Where either is missing or their folders cannot be written.
pub fn exchange(first: &Path, second: &Path) -> Result<(), StoreError> {
    match renameat_with(CWD, first, CWD, second, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => swap_in_three_steps(first, second),
        Err(errno) => Err(StoreError::os("exchange", first)(errno)),
    }
}

/// Puts back what a crash inside [`exchange`]'s slow path left under its interim name. Does nothing otherwise.
///
/// # Errors
/// Where the rename fails.
pub fn undo_swap(first: &Path) -> Result<(), StoreError> {
    let interim = interim_name(first);
    if interim.symlink_metadata().is_ok() && first.symlink_metadata().is_err() {
        fs::rename(&interim, first).map_err(StoreError::io("restore", first))?;
    }
    Ok(())
}

/// Renames unless `to` exists; says whether it did.
///
/// # Errors
/// Where the folders cannot be written.
pub fn rename_noreplace(from: &Path, to: &Path) -> Result<bool, StoreError> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        // Folders cannot be hard-linked, so file systems without the flag get a check and a plain rename:
        // callers hold the lock of what they rename.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            if to.symlink_metadata().is_ok() {
                return Ok(false);
            }
            fs::rename(from, to)
                .map(|()| true)
                .map_err(StoreError::io("rename to", to))
        }
        Err(errno) => Err(StoreError::os("rename to", to)(errno)),
    }
}

/// Removes a folder and all below it, also where folders in it are not writable. Nothing there is fine.
///
/// # Errors
/// Where something cannot be removed.
pub fn remove_tree(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            fs::remove_file(path).map_err(StoreError::io("remove", path))
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            make_writable(path);
            fs::remove_dir_all(path).map_err(StoreError::io("remove", path))
        }
        Err(error) => Err(StoreError::io("remove", path)(error)),
    }
}

fn swap_in_three_steps(first: &Path, second: &Path) -> Result<(), StoreError> {
    let interim = interim_name(first);
    fs::rename(first, &interim).map_err(StoreError::io("move away", first))?;
    if let Err(error) = fs::rename(second, first) {
        undo_swap(first)?;
        return Err(StoreError::io("exchange", first)(error));
    }
    fs::rename(&interim, second).map_err(StoreError::io("exchange", second))
}

fn interim_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".swap");
    PathBuf::from(name)
}

/// Best effort: the removal that follows reports what could not be changed.
fn make_writable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let Ok(metadata) = path.symlink_metadata() else {
        return;
    };
    if !metadata.is_dir() {
        return;
    }
    let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        make_writable(&entry.path());
    }
}

pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

trait WithPermissions {
    fn permissions_if_unix(&mut self) -> &mut Self;
}

impl WithPermissions for tempfile::Builder<'_, '_> {
    /// Ordinary files, as `open` would make them; the crate's default keeps others out.
    fn permissions_if_unix(&mut self) -> &mut Self {
        use std::os::unix::fs::PermissionsExt;
        self.permissions(fs::Permissions::from_mode(0o666))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_a_killed_replacement_left_is_swept_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            ".wharf-aB3xY9",
            ".wharf-draft-1",
            ".wharf-a.b-c",
            ".wharf",
            "kept",
        ] {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        fs::create_dir(dir.path().join(".wharf-folder")).unwrap();
        assert!(sweep_drafts(dir.path()));
        assert!(!sweep_drafts(dir.path()));
        assert!(!sweep_drafts(&dir.path().join("missing")));
        assert!(!dir.path().join(".wharf-aB3xY9").exists());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 5);
    }

    #[test]
    fn a_replaced_file_has_all_of_the_new_and_leaves_no_crumbs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        write_atomic(&path, b"one").unwrap();
        replace(&path, b"two", Durability::Process).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(write_atomic(&dir.path().join("no/such"), b"x").is_err());
    }

    #[test]
    fn folders_swap_both_ways() {
        for swap in [exchange, swap_in_three_steps] {
            let dir = tempfile::tempdir().unwrap();
            let (first, second) = (dir.path().join("a"), dir.path().join("b"));
            fs::create_dir_all(first.join("old")).unwrap();
            fs::create_dir_all(second.join("new")).unwrap();
            swap(&first, &second).unwrap();
            assert!(first.join("new").exists() && second.join("old").exists());
            assert!(swap(&first, &dir.path().join("missing")).is_err());
            assert!(first.join("new").exists(), "a failed swap changes nothing");
        }
    }

    #[test]
    fn a_crash_inside_the_slow_swap_is_undone() {
        let dir = tempfile::tempdir().unwrap();
        let first = dir.path().join("a");
        fs::create_dir(interim_name(&first)).unwrap();
        undo_swap(&first).unwrap();
        undo_swap(&first).unwrap();
        assert!(first.exists() && !interim_name(&first).exists());
    }

    #[test]
    fn no_replace_means_no_replace() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::write(&from, "1").unwrap();
        assert!(rename_noreplace(&from, &to).unwrap());
        fs::write(&from, "2").unwrap();
        assert!(!rename_noreplace(&from, &to).unwrap());
        assert_eq!(fs::read(&to).unwrap(), b"1");
    }

    #[test]
    fn read_only_folders_and_missing_ones_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().join("top");
        fs::create_dir_all(top.join("inner")).unwrap();
        fs::write(top.join("inner/file"), "").unwrap();
        fs::set_permissions(top.join("inner"), fs::Permissions::from_mode(0o555)).unwrap();
        remove_tree(&top).unwrap();
        remove_tree(&top).unwrap();
        assert!(!top.exists());
    }
}
