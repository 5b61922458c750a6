//! npm's part of the lock: the graph of packages, and what it was resolved from.
//!
//! | module | job |
//! |---|---|
//! | `parse`, `fields`, `edges` | keys and values → [`NpmLock`] |
//! | `print` | [`NpmLock`] → text |
//! | `normal` | one order for equal graphs |
//! | `inputs` | what a project asks |
//! | `stale` | does it still answer what the project asks? |
//! | `view` | who needs what: for `list`, `tree` and `why` |
//!
//! Invariants: `parse(print(lock))` is the normalised lock; an edge names no more of what answers it than tells it apart, so
//! that a package which moves changes its own lines only; facts that entries with other peers share stand once.

#[cfg(test)]
pub(crate) mod arbitrary;
mod edges;
mod fields;
mod inputs;
mod normal;
mod parse;
mod print;
mod stale;
#[cfg(test)]
mod stale_tests;
#[cfg(test)]
pub(crate) mod tests;
mod view;

use std::fmt;

use wharf_core::{Digest, PackageName, Span, Timestamp};
use wharf_ecosystem::npm::{EdgeKind, Graph};

pub(super) use parse::parse;
pub(super) use print::print;
pub use view::{GraphView, Node, Use};

/// What a project has of npm, locked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NpmLock {
    /// What was resolved.
    pub inputs: NpmInputs,
    /// The outcome.
    pub graph: Graph,
    /// The Node that `engines` were judged by.
    pub node: Option<LockedNode>,
}

/// What npm's part of a lock was resolved from. Compared as a whole to tell whether it is stale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NpmInputs {
    /// What the importers ask for, sorted.
    pub requirements: Vec<NpmRoot>,
    /// Overrides, one rule a text, in their order.
    pub overrides: Vec<String>,
    /// What the project adds to the metadata of packages, one rule a text.
    pub extensions: Vec<String>,
    /// Patterns of optional requirements that are as if nobody had them, in their order.
    pub ignored_optional: Vec<String>,
    /// What the project says about peers of others, one rule a text.
    pub peer_rules: Vec<String>,
    /// The registries that the project itself names, not the machine's: `https://…`, `@scope=https://…`.
    pub registries: Vec<String>,
    /// The Node versions that the project asks for.
    pub node: Option<String>,
    /// Local folders and archives that the project names, each with a fingerprint of what it needs.
    pub local: Vec<String>,
    /// Whether peers that nobody provides are installed.
    pub install_peers: bool,
    /// Whether a conflict of peers is an error.
    pub strict_peers: bool,
    /// npm's own word on how young a version may be, besides the project's policy.
    pub cooldown: Span,
    /// npm's own word on when a version must have been published, besides the project's policy.
    pub exclude_newer: Option<Timestamp>,
}

impl Default for NpmInputs {
    fn default() -> Self {
        Self {
            requirements: Vec::new(),
            overrides: Vec::new(),
            extensions: Vec::new(),
            ignored_optional: Vec::new(),
            peer_rules: Vec::new(),
            registries: Vec::new(),
            node: None,
            local: Vec::new(),
            install_peers: true,
            strict_peers: false,
            cooldown: Span::ZERO,
            exclude_newer: None,
        }
    }
}

/// A requirement of an importer, in a form that compares as text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NpmRoot {
    /// The importer's path, `.` for the root.
    pub importer: String,
    /// The name under which it is imported.
    pub alias: String,
    /// How much it is needed.
    pub kind: EdgeKind,
    /// What is asked for, with the text of the catalog where it names one.
    pub spec: String,
}

impl fmt::Display for NpmRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "npm:{}", self.alias)?;
        if !self.spec.is_empty() {
            write!(f, "@{}", self.spec)?;
        }
        let kind = (self.kind != EdgeKind::Prod).then(|| self.kind.as_str().to_owned());
        let place = (self.importer != ".").then(|| format!("in {}", self.importer));
        let notes: Vec<String> = kind.into_iter().chain(place).collect();
        if notes.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", notes.join(", "))
        }
    }
}

/// The Node that a lock was resolved for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedNode {
    /// Its version.
    pub version: String,
    /// The registry's packages that hold it, one for each platform, sorted by name, where the environment brings it; none
    /// where the machine's own is used.
    pub files: Vec<LockedNodeFile>,
}

/// The archive that holds Node for one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedNodeFile {
    /// The platform package.
    pub package: PackageName,
    /// Where the archive is, without credentials.
    pub url: String,
    /// What it hashes to, strongest first.
    pub integrity: Vec<Digest>,
}

/// A digest as Subresource Integrity writes it: `sha512-…` with base64.
pub fn sri(digest: &Digest) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = format!("{}-", digest.algorithm());
    for chunk in digest.bytes().chunks(3) {
        let mut three = [0; 3];
        three[..chunk.len()].copy_from_slice(chunk);
        let window = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for place in 0..4 {
            let letter = LETTERS[(window >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    text
}
