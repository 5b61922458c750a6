//! Archives into a plain folder, for builds, with every check that an import makes.
//!
//! Invariant: nothing is written outside the folder. Links are made last, when every other path is written, so that
//! no write can go through one.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;
use wharf_core::SafePath;

use crate::archive::zip::{self, ZipKind};
use crate::archive::{ArchiveError, Compression, Limits, Refusal, Trouble, tar};
use crate::error::StoreError;
use crate::import::{pump, unpack_files};

/// Unpacks a zip below `folder`, which must be empty or absent. Files are writable by their owner.
///
/// # Errors
/// Where the archive is refused or the folder cannot be written; it may then hold a part.
pub fn extract_zip(archive: &Path, folder: &Path, limits: &Limits) -> Result<(), ArchiveError> {
    let extract = || -> Result<(), Trouble> {
        let file = File::open(archive)?;
        let entries = zip::read(&file, limits)?;
        let links = zip::check_links(&file, &entries)?;
        let mut target = Folder::new(folder)?;
        for entry in &entries {
            match entry.kind {
                ZipKind::Folder => target.make(entry.path.as_str())?,
                ZipKind::File { .. } | ZipKind::Link => {
                    target.make(entry.path.parent().unwrap_or_default())?;
                }
            }
        }
        let target = &target;
        let (_, outcome) = unpack_files(&entries, |scratch, entry, executable| {
            let mut out = target.create(&entry.path, executable)?;
            let write = StoreErrorAt(entry.path.below(folder));
            scratch.read_to(&file, entry, &mut |bytes| {
                out.write_all(bytes).map_err(|error| write.trouble(error))
            })
        });
        outcome?;
        target.link(&links)
    };
    extract().map_err(|trouble| trouble.of(archive))
}

/// Unpacks a tar below `folder`, which must be empty or absent. Files are writable by their owner.
///
/// # Errors
/// As [`extract_zip`].
pub fn extract_tar(
    archive: &Path,
    compression: Compression,
    folder: &Path,
    limits: &Limits,
) -> Result<(), ArchiveError> {
    let extract = || -> Result<(), Trouble> {
        let file = File::open(archive)?;
        let packed = file.metadata()?.len();
        tar::read(file, packed, compression, limits, &mut Folder::new(folder)?)
    };
    extract().map_err(|trouble| trouble.of(archive))
}

struct StoreErrorAt(PathBuf);

impl StoreErrorAt {
    fn trouble(&self, error: std::io::Error) -> Trouble {
        Trouble::Store(StoreError::io("write", &self.0)(error))
    }
}

struct Folder {
    root: PathBuf,
    made: FxHashSet<Box<str>>,
}

impl Folder {
    fn new(root: &Path) -> Result<Self, Trouble> {
        fs::create_dir_all(root).map_err(StoreError::io("make", root))?;
        let mut entries = fs::read_dir(root).map_err(StoreError::io("list", root))?;
        if entries.next().is_some() {
            let reason = "the folder to unpack into is not empty";
            return Err(StoreError::Misplaced {
                path: root.to_path_buf(),
                reason,
            }
            .into());
        }
        Ok(Self {
            root: root.to_path_buf(),
            made: FxHashSet::default(),
        })
    }

    fn make(&mut self, folder: &str) -> Result<(), Trouble> {
        if folder.is_empty() || self.made.contains(folder) {
            return Ok(());
        }
        let path = self.root.join(folder);
        fs::create_dir_all(&path).map_err(StoreError::io("make", &path))?;
        self.made.insert(folder.into());
        Ok(())
    }

    fn create(&self, path: &SafePath, executable: bool) -> Result<File, Trouble> {
        let place = path.below(&self.root);
        let mode = if executable { 0o777 } else { 0o666 };
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&place)
        {
            Ok(file) => Ok(file),
            // The names were checked: only a file system that holds two of them for one can say this.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(Trouble::entry(path.as_str())(Refusal::Duplicate))
            }
            Err(error) => Err(StoreErrorAt(place).trouble(error)),
        }
    }

    fn link(&self, links: &BTreeMap<SafePath, String>) -> Result<(), Trouble> {
        links.iter().try_for_each(|(path, target)| {
            let place = path.below(&self.root);
            std::os::unix::fs::symlink(target, &place).map_err(|error| StoreErrorAt(place).trouble(error))
        })
    }
}

impl tar::Sink for Folder {
    fn file(
        &mut self,
        path: &SafePath,
        executable: bool,
        _: u64,
        body: &mut dyn Read,
    ) -> Result<(), Trouble> {
        self.make(path.parent().unwrap_or_default())?;
        let mut out = self.create(path, executable)?;
        let write = StoreErrorAt(path.below(&self.root));
        pump(body, path.as_str(), |bytes| {
            out.write_all(bytes).map_err(|error| write.trouble(error))
        })
    }

    fn folder(&mut self, path: &SafePath) -> Result<(), Trouble> {
        self.make(path.as_str())
    }

    fn hard_link(&mut self, path: &SafePath, target: &SafePath) -> Result<(), Trouble> {
        self.make(path.parent().unwrap_or_default())?;
        let place = path.below(&self.root);
        fs::hard_link(target.below(&self.root), &place).map_err(|error| StoreErrorAt(place).trouble(error))
    }

    fn links(&mut self, links: BTreeMap<SafePath, String>) -> Result<(), Trouble> {
        for path in links.keys() {
            self.make(path.parent().unwrap_or_default())?;
        }
        self.link(&links)
    }
}
