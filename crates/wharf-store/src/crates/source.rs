//! Directory sources: a folder of links to crates' homes, which cargo takes in the place of a registry.
//!
//! Invariant: the folder is made beside its place and exchanged with what stands there, so that cargo finds the old one or
//! the new one, never a half. Source: The Cargo Book, "Source Replacement", directory sources: every entry is a folder with
//! a `Cargo.toml` and a `.cargo-checksum.json`; entries that begin with a dot are not looked at.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::id::CrateId;
use crate::durable;
use crate::error::StoreError;
use crate::store::Store;

/// What a directory source has to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectorySource {
    /// The links by their names: each to a crate's folder in the store.
    links: BTreeMap<OsString, PathBuf>,
}

impl DirectorySource {
    /// The source of these crates.
    ///
    /// # Errors
    /// Where two of them have the same name and version: cargo takes one folder for each.
    pub fn new<'c>(store: &Store, crates: impl IntoIterator<Item = &'c CrateId>) -> Result<Self, StoreError> {
        let mut links = BTreeMap::new();
        for id in crates {
            let (name, target) = (id.label_folder(), store.crate_folder(id));
            if let Some(other) = links.insert(name.clone().into(), target.clone())
                && other != target
            {
                return Err(StoreError::Misplaced {
                    path: name.into(),
                    reason: "two crates of that name and version come from different sources",
                });
            }
        }
        Ok(Self { links })
    }

    /// How many crates it has.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Whether the folder is exactly this.
    pub fn is_at(&self, folder: &Path) -> bool {
        let Ok(entries) = fs::read_dir(folder) else {
            return false;
        };
        let mut found = 0;
        for entry in entries {
            let Ok(entry) = entry else { return false };
            let same = self
                .links
                .get(&entry.file_name())
                .is_some_and(|target| fs::read_link(entry.path()).is_ok_and(|link| link == *target));
            if !same {
                return false;
            }
            found += 1;
        }
        found == self.links.len()
    }

    /// Makes the folder at a place where nothing is: for callers that exchange it in a transaction of their own.
    ///
    /// # Errors
    /// Where something is there, or the file system refuses.
    pub fn make(&self, folder: &Path) -> Result<(), StoreError> {
        fs::create_dir_all(durable::folder_of(folder)).map_err(StoreError::io("make", folder))?;
        fs::create_dir(folder).map_err(StoreError::io("make", folder))?;
        for (name, target) in &self.links {
            let at = folder.join(name);
            symlink(target, &at).map_err(StoreError::io("link", at))?;
        }
        Ok(())
    }

    /// Puts it in place, whatever stands there; says whether anything had to be done. What stood there is removed, and
    /// nothing that its links lead to.
    ///
    /// # Errors
    /// Where the file system refuses; what stood there then still does.
    pub fn place(&self, folder: &Path) -> Result<bool, StoreError> {
        if self.is_at(folder) {
            return Ok(false);
        }
        let new = beside(folder);
        let made = self.make(&new).and_then(|()| put(&new, folder));
        if made.is_err() {
            // What is left of an attempt is in the way of nothing.
            let _ = durable::remove_tree(&new);
        }
        made.map(|()| true)
    }
}

/// Exchanges the new folder with the old one, and removes the latter.
fn put(new: &Path, folder: &Path) -> Result<(), StoreError> {
    if durable::rename_noreplace(new, folder)? {
        return Ok(());
    }
    durable::exchange(new, folder)?;
    match fs::symlink_metadata(new) {
        Ok(old) if old.is_dir() => durable::remove_tree(new),
        Ok(_) => fs::remove_file(new).map_err(StoreError::io("remove", new)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StoreError::io("remove", new)(error)),
    }
}

/// A name beside a folder that nobody else takes.
fn beside(folder: &Path) -> PathBuf {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    folder.with_file_name(format!(".{name}.{}.new", std::process::id()))
}
