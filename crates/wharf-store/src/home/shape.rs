//! How the files of a package lie: as node wants them, or flat.
//!
//! A project that has the files of a package for itself takes them as links or copies, and never looks at the home behind them. There the
//! cheapest home will do: a *flat* one has no folders, its files are named by what they hold, and those that are alike are one.
//! Its record says which of them belongs at which path, as that of every home does.
//!
//! Invariant: a flat name says what the file holds and whether it can be run, so that whoever finds the name taken need not write.

use std::path::{Path, PathBuf};

use crate::id::ObjectId;
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
    /// In the folder itself, by their [`FlatName`]s.
    Flat,
}

impl Lies {
    /// The folder that they lie in, or begin in.
    pub(crate) fn below(&self, folder: &Path) -> PathBuf {
        match self {
            Self::At(inner) => folder.join(inner),
            Self::Flat => folder.to_owned(),
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
    pub(crate) fn file(&self, entry: &Entry) -> PathBuf {
        match FlatName::of_entry(entry) {
            Some(name) if self.is_flat => self.folder.join(name.as_str()),
            _ => entry.path.below(&self.folder),
        }
    }
}

/// What a file is called in a flat home: half of its digest, and `x` behind it where it can be run.
pub(crate) struct FlatName {
    text: [u8; FlatName::DIGITS + 1],
    length: usize,
}

impl FlatName {
    /// Of 64: two files of one package that differ will not agree in so many, and no other package's lie there.
    const DIGITS: usize = 32;

    pub(crate) fn of(object: &[u8; 32], executable: bool) -> Self {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut text = [b'x'; Self::DIGITS + 1];
        for (two, byte) in text.chunks_exact_mut(2).zip(object) {
            two.copy_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        let length = Self::DIGITS + usize::from(executable);
        Self { text, length }
    }

    pub(crate) fn of_object(object: &ObjectId, executable: bool) -> Self {
        Self::of(object.as_bytes(), executable)
    }

    /// `None` for a link.
    pub(crate) fn of_entry(entry: &Entry) -> Option<Self> {
        match &entry.kind {
            Kind::File {
                object, executable, ..
            } => Some(Self::of_object(object, *executable)),
            Kind::Link(_) => None,
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text[..self.length]).expect("hexadecimal digits are ASCII")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_name_is_half_of_the_digest_and_whether_it_can_be_run() {
        let object = ObjectId::of(b"text");
        let digits = &object.to_string()[..32];
        assert_eq!(FlatName::of_object(&object, false).as_str(), digits);
        assert_eq!(FlatName::of_object(&object, true).as_str(), format!("{digits}x"));
    }
}
