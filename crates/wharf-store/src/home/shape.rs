//! How the files of a package lie: as node wants them, or flat.
//!
//! A project that has the files of a package for itself takes them as links or copies, and never looks at the home behind them. There the
//! cheapest home will do: a *flat* one has no folders, its files are named by what they hold, and those that are alike are one.
//! Its record says which of them belongs at which path, as that of every home does.
//!
//! Invariant: a flat name says what the file holds and whether it can be run, so that whoever finds the name taken need not write.

use std::path::{Path, PathBuf};

use crate::object::{ObjectName, flat_name};
use crate::tree::{Entry, Kind};

/// How the files of a package are to lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape<'a> {
    /// In folders, as the home of the package of this name has them, as far as the caller knows: another name costs a rename.
    Tree(&'a str),
    /// As a flat home has them.
    Flat,
}

/// How they lie below a folder of the stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lies {
    /// In folders, from this path on, which is relative and does not lead up.
    At(String),
    /// In the folder itself, by the names that what they hold gives them ([`flat_name`]).
    Flat,
}

impl Lies {
    /// Where they lie, in this folder.
    pub(crate) fn below(&self, folder: &Path) -> FilesOf {
        match self {
            Self::At(inner) => FilesOf::tree(folder.join(inner)),
            Self::Flat => FilesOf::flat(folder.to_owned()),
        }
    }
}

/// Where the files of a package lie.
#[derive(Clone, Debug)]
pub(crate) struct FilesOf {
    /// Where they lie, or the folders begin that they lie in.
    pub(crate) folder: PathBuf,
    /// Whether they lie flat.
    pub(crate) is_flat: bool,
}

impl FilesOf {
    /// In folders, from this one on.
    pub(crate) fn tree(folder: PathBuf) -> Self {
        let is_flat = false;
        Self { folder, is_flat }
    }

    /// In this folder, by the names that what they hold gives them.
    pub(crate) fn flat(folder: PathBuf) -> Self {
        let is_flat = true;
        Self { folder, is_flat }
    }

    /// Where one of them lies.
    pub(crate) fn file(&self, entry: &Entry) -> PathBuf {
        match self.name_where_flat(entry) {
            Some(name) => self.folder.join(&*name),
            None => entry.path.below(&self.folder),
        }
    }

    /// What one of them is called, where they lie flat; otherwise it has its path.
    pub(crate) fn name_where_flat(&self, entry: &Entry) -> Option<ObjectName> {
        match &entry.kind {
            Kind::File {
                object, executable, ..
            } if self.is_flat => Some(flat_name(object, *executable)),
            Kind::File { .. } | Kind::Link(_) => None,
        }
    }
}
