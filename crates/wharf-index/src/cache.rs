//! The index's own folder in the cache: parsed pages, parsed metadata, source archives, git databases, build logs.
//!
//! Invariant: everything here can be deleted at any time and is then made again. Files appear whole (written beside
//! and renamed), a damaged one is the same as none, and a cache that cannot be written costs speed, not the command.

use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use wharf_core::{PackageName, WebUrl};

use crate::codec::checksum;
use crate::error::IndexError;
use crate::keep;

/// The number changes with the format of any file below it, so that old and new versions of Wharf share a cache.
const FOLDER: &str = "pypi-v1";

/// The same for npm.
const NPM_FOLDER: &str = "npm-v1";

/// The same for crates.
const CARGO_FOLDER: &str = "cargo-v1";

/// The same for Debian packages.
const DEB_FOLDER: &str = "deb-v2";

/// What older versions of Wharf had in the place of these. They may be in use beside this one.
const OLDER: [&str; 1] = ["deb-v1"];

/// What no version read or wrote for so long is of none that is still in use.
const FORGOTTEN: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The folder.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    root: PathBuf,
}

impl Cache {
    pub(crate) fn new(cache_root: &Path) -> Self {
        Self {
            root: cache_root.join(FOLDER),
        }
    }

    /// The folder for npm. Bare clones are shared with everything else.
    pub(crate) fn npm(cache_root: &Path) -> PathBuf {
        cache_root.join(NPM_FOLDER)
    }

    /// The folder for crates.
    pub(crate) fn cargo(cache_root: &Path) -> PathBuf {
        cache_root.join(CARGO_FOLDER)
    }

    /// The folder for Debian packages.
    pub(crate) fn deb(cache_root: &Path) -> PathBuf {
        cache_root.join(DEB_FOLDER)
    }

    /// The parsed page of a project on an index.
    pub(crate) fn page(&self, index: &WebUrl, name: &PackageName) -> PathBuf {
        let index = short_hash(&index.without_credentials().to_string());
        self.root.join("releases").join(index).join(format!("{name}.bin"))
    }

    /// The metadata of what `key` names.
    pub(crate) fn metadata(&self, key: &str) -> PathBuf {
        let name = file_key(key);
        self.root
            .join("metadata")
            .join(&name[..2])
            .join(format!("{}.bin", &name[2..]))
    }

    /// The source archive of a digest.
    pub(crate) fn sdist(&self, key: &str) -> PathBuf {
        self.root.join("sdists").join(file_key(key))
    }

    /// Where it is written which tree the build of `key` gave.
    pub(crate) fn build(&self, key: &str) -> PathBuf {
        let name = file_key(key);
        self.root.join("builds").join(&name[..2]).join(&name[2..])
    }

    /// What is remembered of a host.
    pub(crate) fn host(&self, origin: &str) -> PathBuf {
        self.root.join("hosts").join(short_hash(origin))
    }

    /// The bare clone of a repository.
    pub(crate) fn git(&self, url: &WebUrl) -> PathBuf {
        self.root
            .join("git")
            .join(short_hash(&url.without_credentials().to_string()))
    }

    /// Where logs of failed builds are kept.
    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// A fresh scratch folder, removed when dropped.
    pub(crate) fn scratch(&self, label: &str) -> Result<TempDir, IndexError> {
        let folder = self.root.join("scratch");
        std::fs::create_dir_all(&folder).map_err(IndexError::disk("create", &folder))?;
        let prefix: String = label
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(20)
            .collect();
        tempfile::Builder::new()
            .prefix(&format!("{prefix}-"))
            .tempdir_in(&folder)
            .map_err(IndexError::disk("create", &folder))
    }
}

/// Removes what older versions of Wharf kept in formats of their own, where nobody used it for a month.
pub(crate) fn forget_older(cache_root: &Path) {
    for folder in OLDER {
        let folder = cache_root.join(folder);
        // What cannot be removed costs room, not the command.
        if folder.is_dir() && wharf_net::cache::prune(&folder, FORGOTTEN).is_ok() {
            remove_empty(&folder);
        }
    }
}

/// Removes a folder and those in it that hold no file.
fn remove_empty(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_empty(&entry.path());
        }
    }
    let _ = std::fs::remove_dir(folder);
}

/// Sixteen hexadecimal digits that stand for a text of the user's own configuration.
pub(crate) fn short_hash(text: &str) -> String {
    format!("{:016x}", checksum(text.as_bytes()))
}

/// A file name for a key: the digest itself where the key is one, else a hash of it.
fn file_key(key: &str) -> String {
    match key.strip_prefix("sha256:") {
        Some(hex) if hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => hex.to_owned(),
        _ => blake3::hash(key.as_bytes()).to_hex().to_string(),
    }
}

/// Reads a file; one that is not there or not readable is none.
pub(crate) fn read(path: &Path) -> Option<Vec<u8>> {
    std::fs::read(path).ok()
}

/// Writes a file, as [`keep::write`] does.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), IndexError> {
    keep::write(path, &[bytes]).map_err(IndexError::disk("write", path))
}

/// Overwrites a few bytes of a file.
pub(crate) fn patch(path: &Path, at: u64, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).open(path)?;
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_cannot_leave_the_folder() {
        let cache = Cache::new(Path::new("/c"));
        let digest = format!("sha256:{}", "a".repeat(64));
        assert_eq!(
            cache.metadata(&digest),
            PathBuf::from(format!("/c/{FOLDER}/metadata/aa/{}.bin", "a".repeat(62)))
        );
        for key in [
            "url https://example.org/../../x",
            "sha256:../../../../etc/passwd",
            "",
        ] {
            let path = cache.metadata(key);
            assert!(!path.to_string_lossy().contains(".."), "{path:?}");
            assert_eq!(path.components().count(), 6);
        }
    }

    #[test]
    fn written_files_are_whole_and_can_be_patched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/c");
        write(&path, b"0123456789").unwrap();
        patch(&path, 4, b"xy").unwrap();
        assert_eq!(read(&path).unwrap(), b"0123xy6789");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert!(read(&folder.path().join("none")).is_none());
    }
}
