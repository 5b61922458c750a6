//! The names of crates' homes. Invariant: an id, whatever text it was made of, names one folder below that of all homes.

use std::fmt;
use std::path::PathBuf;

use wharf_core::Digest;

use crate::home::ContentKey;
use crate::home::id::label_folder;
use crate::store::Store;

/// Which crate a home holds. Prints as the folder's name: `<name>-<version>.<content>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CrateId {
    /// The crate's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Which bytes.
    pub content: ContentKey,
}

impl CrateId {
    /// The home of an archive with this digest.
    pub fn new(name: &str, version: &str, archive: &Digest) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            content: ContentKey::of_digest(archive),
        }
    }

    /// `<name>-<version>`: the top folder of the archive, of the home, and the entry's name in a directory source.
    pub fn label(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }

    /// The label as one part of a path.
    pub(crate) fn label_folder(&self) -> String {
        label_folder(&self.label())
    }
}

impl fmt::Display for CrateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.label_folder(), self.content)
    }
}

impl Store {
    /// The folder of all crates' homes.
    pub(crate) fn crates_folder(&self) -> PathBuf {
        self.root().join("store/cargo")
    }

    /// Where a crate's home lies, or would.
    pub fn crate_home(&self, id: &CrateId) -> PathBuf {
        self.crates_folder().join(id.to_string())
    }

    /// Where its files lie: what a directory source links to.
    pub fn crate_folder(&self, id: &CrateId) -> PathBuf {
        let mut path = self.crate_home(id);
        path.push(id.label_folder());
        path
    }

    /// Whether the store has this crate. One that is there is complete.
    pub fn has_crate(&self, id: &CrateId) -> bool {
        self.crate_home(id).symlink_metadata().is_ok()
    }

    /// A file of a crate in the store, such as `Cargo.toml`; `None` where it has none of that name, or is not there.
    ///
    /// # Errors
    /// Where it is there and cannot be read.
    pub fn crate_file(&self, id: &CrateId, path: &str) -> std::io::Result<Option<Vec<u8>>> {
        match std::fs::read(self.crate_folder(id).join(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_core::Algorithm;

    fn digest(byte: &str) -> Digest {
        Digest::from_hex(Algorithm::Sha256, &byte.repeat(32)).expect("64 digits")
    }

    #[test]
    fn names_tell_archives_apart_and_stay_in_their_folder() {
        let id = CrateId::new("serde", "1.0.228+meta", &digest("ab"));
        assert!(id.to_string().starts_with("serde-1.0.228+meta."), "{id}");
        assert_ne!(id, CrateId::new("serde", "1.0.228+meta", &digest("ac")));
        for (name, version) in [("..", "../.."), ("/etc", "1"), (".", "."), ("a/b", "1\0")] {
            let id = CrateId::new(name, version, &digest("00"));
            let text = id.to_string();
            assert!(
                !text.contains('/') && !text.starts_with('.') && !text.contains('\0'),
                "{text}"
            );
            assert!(!id.label_folder().contains('/') && !id.label_folder().starts_with('.'));
        }
    }
}
