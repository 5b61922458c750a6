//! The names of homes. Invariant: an id, whatever text it was made of, names one folder below that of all homes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use wharf_core::Digest;

use crate::id::TreeId;

macro_rules! key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 8]);

        impl $name {
            /// A key from its raw bytes.
            pub const fn from_bytes(bytes: [u8; 8]) -> Self {
                Self(bytes)
            }

            /// The raw bytes.
            pub const fn as_bytes(&self) -> &[u8; 8] {
                &self.0
            }

            /// The first bytes of a BLAKE3 digest.
            pub fn of_hash(hash: &blake3::Hash) -> Self {
                let (first, _) = hash.as_bytes().split_first_chunk().expect("BLAKE3 gives 32 bytes");
                Self(*first)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

key! {
    /// Which bytes a home holds: a digest of the strongest digest that came from upstream.
    ContentKey
}
key! {
    /// What a home's package reaches: a digest of everything below it, or [`GraphKey::PRISTINE`].
    GraphKey
}

impl ContentKey {
    /// The key of an archive with this digest.
    pub fn of_digest(digest: &Digest) -> Self {
        Self::of_hash(&blake3::hash(digest.to_string().as_bytes()))
    }

    /// The key of what has no archive: a commit of a repository, a folder.
    pub fn of_tree(tree: &TreeId) -> Self {
        Self::of_hash(&blake3::hash(tree.as_bytes()))
    }
}

impl GraphKey {
    /// The home holds the content alone.
    pub const PRISTINE: GraphKey = GraphKey([0; 8]);
    /// The same, and flat: see [`crate::home`].
    pub const FLAT: GraphKey = GraphKey([0, 0, 0, 0, 0, 0, 0, 1]);
}

impl fmt::Display for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

/// `0` where it is pristine, `flat` where it is flat, else 16 digits.
impl fmt::Display for GraphKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::PRISTINE => f.write_str("0"),
            Self::FLAT => f.write_str("flat"),
            Self(bytes) => {
                let number = u64::from_be_bytes(bytes);
                write!(f, "{number:016x}")
            }
        }
    }
}

/// A home's name. Prints as `<label>/<content>.<graph>`; that is its path below the folder of all homes, unless the label is too long
/// for a folder's name or has what such names cannot have.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HomeId {
    /// `name@version`, the name with its scope.
    pub label: String,
    /// Which bytes.
    pub content: ContentKey,
    /// With which dependencies.
    pub graph: GraphKey,
}

/// A text that names no home.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no home")]
pub struct InvalidHomeId(pub String);

impl HomeId {
    /// The package's name: the label without its version.
    pub fn name(&self) -> &str {
        match self.label.rfind('@') {
            Some(at) if at > 0 => &self.label[..at],
            _ => &self.label,
        }
    }

    /// Whether it links to other homes.
    pub fn has_links(&self) -> bool {
        ![GraphKey::PRISTINE, GraphKey::FLAT].contains(&self.graph)
    }

    /// Whether it is a source of links alone, whose files lie in one folder.
    pub fn is_flat(&self) -> bool {
        self.graph == GraphKey::FLAT
    }

    /// The label as one part of a path: the folder of all homes of this label.
    pub fn label_folder(&self) -> String {
        label_folder(&self.label)
    }

    /// The folder below that.
    pub(crate) fn key_folder(&self) -> String {
        format!("{}.{}", self.content, self.graph)
    }
}

/// One path component for a label: `/` becomes `+`, and so does what some file system cannot hold.
pub(crate) fn label_folder(label: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "@._-+~".contains(c);
    let text: String = label.chars().map(|c| if fits(c) { c } else { '+' }).collect();
    let text = match text.strip_prefix('.') {
        Some(rest) => format!("+{rest}"),
        None => text,
    };
    if text.len() <= 120 && !text.is_empty() {
        return text;
    }
    let hash = blake3::hash(label.as_bytes()).to_hex();
    format!("{}~{}", &text[..text.len().min(100)], &hash[..16])
}

impl fmt::Display for HomeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = self.label.replace('/', "+");
        write!(f, "{label}/{}.{}", self.content, self.graph)
    }
}

impl fmt::Debug for HomeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for HomeId {
    type Err = InvalidHomeId;

    /// Reads what `Display` prints. In a label with a scope the first `+` is its `/`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (label, keys) = text.rsplit_once('/')?;
            let (content, graph) = keys.split_once('.')?;
            let label = if label.starts_with('@') {
                label.replacen('+', "/", 1)
            } else {
                label.to_owned()
            };
            let graph = match graph {
                "0" => GraphKey::PRISTINE,
                "flat" => GraphKey::FLAT,
                digits => GraphKey(number(digits)?),
            };
            Some(Self {
                label,
                content: ContentKey(number(content)?),
                graph,
            })
        };
        parse().ok_or_else(|| InvalidHomeId(text.chars().take(200).collect()))
    }
}

fn number(digits: &str) -> Option<[u8; 8]> {
    let plain = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digits.len() != 16 || !digits.bytes().all(plain) {
        return None;
    }
    u64::from_str_radix(digits, 16).ok().map(u64::to_be_bytes)
}

impl Serialize for HomeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HomeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(label: &str, graph: u8) -> HomeId {
        HomeId {
            label: label.to_owned(),
            content: ContentKey([1; 8]),
            graph: GraphKey([graph; 8]),
        }
    }

    #[test]
    fn ids_print_as_their_folder_and_parse_again() {
        for (label, graph, name, printed) in [
            ("react@19.0.0", 0, "react", "react@19.0.0/0101010101010101.0"),
            (
                "@babel/core@7.1.0",
                255,
                "@babel/core",
                "@babel+core@7.1.0/0101010101010101.ffffffffffffffff",
            ),
            ("x@1.0.0+build", 0, "x", "x@1.0.0+build/0101010101010101.0"),
        ] {
            let id = id(label, graph);
            assert_eq!((id.name(), &*id.to_string()), (name, printed));
            assert_eq!(printed.parse(), Ok(id.clone()));
            assert_eq!(format!("{}/{}", id.label_folder(), id.key_folder()), printed);
        }
        for bad in [
            "",
            "x",
            "x@1/0101010101010101",
            "x@1/01.0",
            "x@1/0101010101010101.1",
        ] {
            assert!(bad.parse::<HomeId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn no_label_leaves_its_folder() {
        let long = "a".repeat(400);
        for label in [
            "../../etc@1",
            "..",
            ".",
            "",
            "a\0b@1",
            "a/../../b@1",
            &long,
            "ä@1",
        ] {
            let folder = label_folder(label);
            assert!(!folder.is_empty() && folder.len() <= 120, "{folder}");
            assert!(!folder.contains('/') && !folder.starts_with('.') && !folder.contains('\0'));
        }
        assert_ne!(label_folder(&long), label_folder(&"a".repeat(401)));
    }
}
