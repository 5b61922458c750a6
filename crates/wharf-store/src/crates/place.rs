//! Crates' archives into the stage, and from there into homes.
//!
//! Invariant: a home appears whole. A process that loses the race to another finds the same content, and throws its own
//! away. Files carry the time that cargo packs every file with: build scripts that watch their own sources do not run
//! again because a store was filled anew.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, Timespec, Timestamps};
use wharf_core::{Algorithm, Digest, SafePath};

use super::id::CrateId;
use crate::archive::tgz::Form;
use crate::archive::{ArchiveError, Limits, Refusal};
use crate::durable;
use crate::error::StoreError;
use crate::home::Unpacked;
use crate::home::id::label_folder;
use crate::home::record::{NAME, RawRecord};
use crate::home::shape::Lies;
use crate::id::ObjectId;
use crate::object::open_folder;
use crate::store::Store;
use crate::tree::{Entry, Kind, Tree};

/// What makes a folder an entry of a directory source.
pub(crate) const CHECKSUM_FILE: &str = ".cargo-checksum.json";
/// 2006-07-24T01:21:28Z, the modification time of every file that cargo packs.
const PACKED: i64 = 1_153_704_088;

impl Store {
    /// Unpacks a crate's archive from memory; `label` is its name and version, which its top folder has to be called. The
    /// caller has checked its digest.
    ///
    /// # Errors
    /// Where the archive is refused, or the stage cannot take it; nothing of it then stays.
    pub fn unpack_crate_bytes(
        &self,
        packed: &[u8],
        label: &str,
        limits: &Limits,
    ) -> Result<Unpacked, ArchiveError> {
        with_manifest(
            self.unpack_bytes_as(Form::Crate(label), &lies(label), packed, limits)?,
            label,
        )
    }

    /// The same while it arrives: memory stays small however large the archive is.
    ///
    /// # Errors
    /// As [`Store::unpack_crate_bytes`].
    pub fn unpack_crate(
        &self,
        archive: impl Read,
        label: &str,
        limits: &Limits,
    ) -> Result<Unpacked, ArchiveError> {
        with_manifest(
            self.unpack_stream_as(Form::Crate(label), &lies(label), archive, limits)?,
            label,
        )
    }

    /// Makes a crate's home, unless it is there already. `archive` is the SHA-256 that its `Cargo.lock` entry has, or
    /// `None` for a crate without one (from a repository).
    ///
    /// # Errors
    /// Where the digest is no SHA-256, or the file system refuses.
    pub fn place_crate(
        &self,
        id: &CrateId,
        mut unpacked: Unpacked,
        archive: Option<&Digest>,
    ) -> Result<(), StoreError> {
        if self.has_crate(id) {
            return Ok(());
        }
        unpacked.lie(&Lies::At(id.label_folder()))?;
        let folder = unpacked.folder();
        let sealed = seal(&unpacked.package(), &unpacked, archive)?;
        write_new(&folder.join(NAME), RawRecord::print(&[], &sealed).as_bytes())?;
        self.about_to_publish()?;
        let homes = self.crates_folder();
        if !homes.is_dir() {
            fs::create_dir_all(&homes).map_err(StoreError::io("make", &homes))?;
        }
        if durable::rename_noreplace(folder, &self.crate_home(id))? {
            unpacked.placed();
        }
        Ok(())
    }
}

/// Where a crate of this label lies in the stage: there where its home will have it.
fn lies(label: &str) -> Lies {
    Lies::At(label_folder(label))
}

/// Refuses what is no crate.
fn with_manifest(unpacked: Unpacked, label: &str) -> Result<Unpacked, ArchiveError> {
    if unpacked.package().join("Cargo.toml").is_file() {
        return Ok(unpacked);
    }
    Err(ArchiveError::Refused {
        archive: format!("{label}.crate").into(),
        entry: None,
        reason: Refusal::Malformed("it has no Cargo.toml"),
    })
}

/// Adds the checksum file, sets modes and times, and gives the tree of everything.
fn seal(folder: &Path, unpacked: &Unpacked, archive: Option<&Digest>) -> Result<Tree, StoreError> {
    let text = checksum_text(folder, archive)?;
    write_new(&folder.join(CHECKSUM_FILE), &text)?;
    let mut entries = unpacked.content().entries.clone();
    let base = open_folder(folder)?;
    let times = Timestamps {
        last_access: packed_time(),
        last_modification: packed_time(),
    };
    for entry in &entries {
        let path = entry.path.as_str();
        let Kind::File { executable, .. } = entry.kind else {
            continue;
        };
        let mode = Mode::from_raw_mode(if executable { 0o755 } else { 0o644 });
        rustix::fs::chmodat(&base, path, mode, AtFlags::empty())
            .map_err(StoreError::os("set the mode of", folder.join(path)))?;
        rustix::fs::utimensat(&base, path, &times, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(StoreError::os("set the time of", folder.join(path)))?;
    }
    entries.push(Entry {
        path: SafePath::new(CHECKSUM_FILE).expect("a plain name is safe"),
        kind: Kind::File {
            object: ObjectId::of(&text),
            size: text.len() as u64,
            executable: false,
        },
    });
    Ok(Tree::new(entries))
}

/// The modification time of every file.
pub(super) fn packed_time() -> Timespec {
    Timespec {
        tv_sec: PACKED,
        tv_nsec: 0,
    }
}

/// `.cargo-checksum.json`. Source: cargo's directory sources, as `cargo vendor` fills them.
pub(super) fn checksum_text(folder: &Path, archive: Option<&Digest>) -> Result<Vec<u8>, StoreError> {
    let text = match archive {
        None => r#"{"files":{},"package":null}"#.to_owned(),
        Some(digest) if digest.algorithm() == Algorithm::Sha256 => {
            format!(r#"{{"files":{{}},"package":"{}"}}"#, digest.hex())
        }
        Some(_) => {
            return Err(StoreError::Misplaced {
                path: folder.to_path_buf(),
                reason: "crates are known by their SHA-256",
            });
        }
    };
    Ok(text.into_bytes())
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let write = || -> io::Result<()> {
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(path)?
            .write_all(bytes)
    };
    write().map_err(StoreError::io("write", path))
}
