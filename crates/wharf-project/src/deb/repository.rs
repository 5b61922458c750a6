//! One suite of one repository, and the keys that sign it.

use std::path::PathBuf;

use serde::Serialize;
use wharf_core::{Origin, WebUrl};

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
    pub architectures: Vec<String>,
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
    /// Of those only the keys with these fingerprints; empty for all.
    pub fingerprints: Vec<String>,
    /// Whether the keys of Debian and Ubuntu that come with Wharf count as well.
    pub shipped: bool,
}
