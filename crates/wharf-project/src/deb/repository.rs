//! One suite of one repository, and the keys that sign it.

use std::path::PathBuf;

use serde::{Serialize, Serializer};
use wharf_core::{Origin, WebUrl};
use wharf_deb::architecture::Architecture;

use super::usual;
use crate::error::ProjectError;
use crate::index::Declared;

/// One suite of one repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DebRepository {
    /// Where it lies: `dists/SUITE` and `pool` are below it.
    pub uri: WebUrl,
    /// The suite; a path that ends in `/` for a repository without `dists`.
    pub suite: String,
    /// The components that are used; none where the suite is a path.
    pub components: Vec<String>,
    /// The architectures that are looked for there; empty for all that are wanted.
    #[serde(serialize_with = "as_texts")]
    pub architectures: Vec<Architecture>,
    /// The keys that its `Release` file must be signed by.
    pub keys: DebKeys,
    /// Whether it is used without any signature.
    pub trusted: bool,
    /// The priority of its packages; `None` for the usual one.
    pub priority: Option<i32>,
    /// Whether a `Release` file that has run out is refused.
    pub check_valid_until: bool,
    /// Who names it.
    pub declared: Declared,
    /// Where it is written.
    pub origin: Origin,
}

/// The keys that a repository must be signed by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DebKeys {
    /// Files of keys, binary or armoured, absolute.
    pub files: Vec<PathBuf>,
    /// Keys as armoured text.
    pub blocks: Vec<String>,
    /// Of those only the keys with these fingerprints, in capitals without blanks, `!` behind one that means that key and no subkey;
    /// empty for all.
    pub fingerprints: Vec<String>,
    /// The distribution whose keys, which come with Wharf, count as well.
    pub shipped: Option<DebDistribution>,
}

/// A distribution whose keys and repositories Wharf knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DebDistribution {
    /// Debian.
    Debian,
    /// Ubuntu.
    Ubuntu,
}

crate::index::words!(DebDistribution { Debian = "debian", Ubuntu = "ubuntu" });

/// One file or block of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DebKey {
    /// Where it is from, for messages.
    pub place: String,
    /// The OpenPGP data, binary or armoured.
    pub bytes: Vec<u8>,
}

impl DebRepository {
    /// Whether packages of an architecture are looked for there.
    pub fn has(&self, architecture: &Architecture) -> bool {
        self.architectures.is_empty() || self.architectures.contains(architecture)
    }
}

impl DebKeys {
    /// Reads the keys. Which of them count is for whoever verifies: see [`DebKeys::fingerprints`].
    ///
    /// # Errors
    /// Where a file of keys cannot be read.
    pub fn read(&self) -> Result<Vec<DebKey>, ProjectError> {
        let mut keys = Vec::new();
        for file in &self.files {
            keys.push(DebKey {
                place: file.display().to_string(),
                bytes: std::fs::read(file).map_err(ProjectError::reading(file))?,
            });
        }
        keys.extend(self.blocks.iter().map(|block| DebKey {
            place: "the block that stands with the repository".to_owned(),
            bytes: block.clone().into_bytes(),
        }));
        keys.extend(self.shipped.map(|distribution| DebKey {
            place: format!("Wharf's own keys of {}", distribution.as_str()),
            bytes: usual::keys(distribution).as_bytes().to_vec(),
        }));
        Ok(keys)
    }
}

fn as_texts<S: Serializer>(architectures: &[Architecture], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(architectures.iter().map(Architecture::as_str))
}
