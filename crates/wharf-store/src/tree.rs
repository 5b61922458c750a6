//! The manifest of an unpacked package: which objects lie where.
//!
//! Format 1 (system packages have [format 2](crate::system::tree)): the line `wharf-tree 1`, then the entries sorted by path, each one byte of kind
//! (`f` file, `x` executable file, `l` link); files have 32 bytes of object id and their size, links their target
//! with its length before it; then the path with its length before it. Numbers are LEB128, shortest form.
//!
//! Invariant: canonical. One tree has one manifest, so the manifest's digest names the tree; parse and print are
//! inverse to each other, and whatever is not canonical does not parse.

use wharf_core::{SafePath, SafePathRef};

use crate::id::{ObjectId, TreeId};

const HEADER: &[u8] = b"wharf-tree 1\n";

/// An unpacked package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// What it holds, sorted by path, each path once. Folders are implied.
    pub entries: Vec<Entry>,
}

/// One thing in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it lies, below the tree's root.
    pub path: SafePath,
    /// What it is.
    pub kind: Kind,
}

/// What lies at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file whose bytes are an object.
    File {
        /// The bytes.
        object: ObjectId,
        /// How many they are.
        size: u64,
        /// Whether it may be run.
        executable: bool,
    },
    /// A symbolic link with this target, relative to the link's own folder.
    Link(String),
}

/// An [`Entry`] as it lies in a manifest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EntryRef<'a> {
    /// Where it begins in what is read.
    pub(crate) start: usize,
    /// Where it ends.
    pub(crate) end: usize,
    pub(crate) path: SafePathRef<'a>,
    pub(crate) kind: KindRef<'a>,
}

/// A [`Kind`] as it lies in a manifest.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KindRef<'a> {
    File {
        object: &'a [u8; 32],
        size: u64,
        executable: bool,
    },
    Link(&'a str),
}

/// Bytes that are no tree manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a tree manifest: {reason} at byte {offset}")]
pub struct InvalidTree {
    /// Where reading stopped.
    pub offset: usize,
    /// Why.
    pub reason: &'static str,
}

impl Tree {
    /// A tree of these entries, which it sorts. The paths must differ.
    pub fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        debug_assert!(
            entries.windows(2).all(|pair| pair[0].path != pair[1].path),
            "each path once"
        );
        Self { entries }
    }

    /// The bytes of all its files.
    pub fn size(&self) -> u64 {
        self.entries.iter().map(Entry::size).sum()
    }

    /// The entry at this path.
    pub fn get(&self, path: &str) -> Option<&Entry> {
        let found = self
            .entries
            .binary_search_by(|entry| entry.path.as_str().cmp(path))
            .ok()?;
        Some(&self.entries[found])
    }

    /// Its manifest.
    pub fn print(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER.len() + self.entries.len() * 96);
        self.print_to(&mut out);
        out
    }

    /// Puts its manifest behind what is there.
    pub(crate) fn print_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(HEADER);
        for entry in &self.entries {
            match &entry.kind {
                Kind::File {
                    object,
                    size,
                    executable,
                } => {
                    out.push(if *executable { b'x' } else { b'f' });
                    out.extend_from_slice(object.as_bytes());
                    put_number(out, *size);
                }
                Kind::Link(target) => {
                    out.push(b'l');
                    put_text(out, target);
                }
            }
            put_text(out, entry.path.as_str());
        }
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// Where the bytes are not exactly what [`Tree::print`] writes.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidTree> {
        let mut entries = Vec::with_capacity(bytes.len() / 64);
        for entry in Entries::of_manifest(bytes)? {
            entries.push(entry?.to_entry());
        }
        Ok(Self { entries })
    }

    /// Its id.
    pub fn id(&self) -> TreeId {
        TreeId::of(&self.print())
    }
}

impl Entry {
    /// The bytes of a file; nothing for a link.
    pub fn size(&self) -> u64 {
        match &self.kind {
            Kind::File { size, .. } => *size,
            Kind::Link(_) => 0,
        }
    }
}

impl EntryRef<'_> {
    /// The bytes of a file; nothing for a link.
    pub(crate) fn size(&self) -> u64 {
        match self.kind {
            KindRef::File { size, .. } => size,
            KindRef::Link(_) => 0,
        }
    }

    pub(crate) fn to_entry(self) -> Entry {
        let kind = match self.kind {
            KindRef::File {
                object,
                size,
                executable,
            } => Kind::File {
                object: ObjectId::from_bytes(*object),
                size,
                executable,
            },
            KindRef::Link(target) => Kind::Link(target.to_owned()),
        };
        Entry {
            path: self.path.to_safe_path(),
            kind,
        }
    }
}

/// The entries of a manifest one after the other, borrowed from it. What comes after an error means nothing.
pub(crate) struct Entries<'a> {
    reader: Reader<'a>,
    last: Option<SafePathRef<'a>>,
}

impl<'a> Entries<'a> {
    /// Those of a whole manifest.
    pub(crate) fn of_manifest(bytes: &'a [u8]) -> Result<Self, InvalidTree> {
        let mut reader = Reader::new(bytes);
        if reader.take(HEADER.len())? != HEADER {
            return Err(InvalidTree {
                offset: 0,
                reason: "another header",
            });
        }
        Ok(Self { reader, last: None })
    }

    /// Those of a part of a manifest, from the beginning of one to the end of one.
    pub(crate) fn of_part(bytes: &'a [u8]) -> Self {
        Self {
            reader: Reader::new(bytes),
            last: None,
        }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<EntryRef<'a>, InvalidTree>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_done() {
            return None;
        }
        let read = self.reader.entry().and_then(|entry| {
            if self.last.is_some_and(|last| last >= entry.path) {
                return Err(InvalidTree {
                    offset: entry.start,
                    reason: "paths out of order",
                });
            }
            Ok(entry)
        });
        self.last = read.as_ref().ok().map(|entry| entry.path);
        Some(read)
    }
}

pub(crate) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_bytes(out, text.as_bytes());
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads a manifest, of either format.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.offset >= self.bytes.len()
    }

    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    fn entry(&mut self) -> Result<EntryRef<'a>, InvalidTree> {
        let start = self.offset;
        let kind = match self.take(1)?[0] {
            letter @ (b'f' | b'x') => KindRef::File {
                object: self.take(32)?.try_into().expect("32 bytes were taken"),
                size: self.number()?,
                executable: letter == b'x',
            },
            b'l' => KindRef::Link(self.text()?),
            _ => return Err(self.refuse("an unknown kind")),
        };
        let path = SafePathRef::new(self.text()?)
            .map_err(|_| self.refuse("a path that is unsafe or not in its shortest form"))?;
        Ok(EntryRef {
            start,
            end: self.offset,
            path,
            kind,
        })
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], InvalidTree> {
        let rest = &self.bytes[self.offset..];
        let taken = rest.get(..count).ok_or_else(|| self.refuse("an early end"))?;
        self.offset += count;
        Ok(taken)
    }

    pub(crate) fn number(&mut self) -> Result<u64, InvalidTree> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits || (byte == 0 && shift > 0) {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.refuse("a number in another form"))
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, InvalidTree> {
        std::str::from_utf8(self.bytes()?).map_err(|_| self.refuse("a text that is not UTF-8"))
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], InvalidTree> {
        let length = usize::try_from(self.number()?).map_err(|_| self.refuse("an early end"))?;
        self.take(length)
    }

    pub(crate) fn refuse(&self, reason: &'static str) -> InvalidTree {
        InvalidTree {
            offset: self.offset,
            reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kinds() -> impl Strategy<Value = Kind> {
        prop_oneof![
            (any::<[u8; 32]>(), any::<u64>(), any::<bool>()).prop_map(|(id, size, executable)| Kind::File {
                object: ObjectId::from_bytes(id),
                size,
                executable
            }),
            "[a-z./\n ]{0,20}".prop_map(Kind::Link),
        ]
    }

    fn trees() -> impl Strategy<Value = Tree> {
        proptest::collection::btree_map("[a-zA-Zü \n.]{1,9}(/[a-z0-9_]{1,8}){0,3}", kinds(), 0..20).prop_map(
            |map| {
                let entry = |(path, kind): (String, Kind)| {
                    Some(Entry {
                        path: SafePath::new(&path).ok()?,
                        kind,
                    })
                };
                let mut entries: Vec<_> = map.into_iter().filter_map(entry).collect();
                entries.sort_by(|one, other| one.path.cmp(&other.path));
                entries.dedup_by(|one, other| one.path == other.path);
                Tree::new(entries)
            },
        )
    }

    proptest! {
        #[test]
        fn print_then_parse_is_the_same_tree(tree in trees()) {
            prop_assert_eq!(Tree::parse(&tree.print()), Ok(tree));
        }

        #[test]
        fn whatever_parses_prints_the_same_bytes(tree in trees(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = tree.print();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(parsed) = Tree::parse(&bytes) {
                prop_assert_eq!(parsed.print(), bytes);
            }
        }

        #[test]
        fn a_cut_manifest_is_refused_or_a_shorter_tree(tree in trees(), at in any::<prop::sample::Index>()) {
            let bytes = tree.print();
            let cut = &bytes[..at.index(bytes.len())];
            if let Ok(parsed) = Tree::parse(cut) {
                prop_assert!(parsed.entries.len() < tree.entries.len());
            }
        }
    }

    #[test]
    fn other_forms_of_the_same_tree_are_refused() {
        let link = |path: &str| [b"l\x01t".as_slice(), &[path.len() as u8], path.as_bytes()].concat();
        let manifest = |parts: &[Vec<u8>]| [HEADER.to_vec(), parts.concat()].concat();
        assert!(Tree::parse(&manifest(&[link("a"), link("b")])).is_ok());
        for (bad, reason) in [
            (manifest(&[link("b"), link("a")]), "paths out of order"),
            (manifest(&[link("a"), link("a")]), "paths out of order"),
            (
                manifest(&[link("../a")]),
                "a path that is unsafe or not in its shortest form",
            ),
            (
                manifest(&[link("./a")]),
                "a path that is unsafe or not in its shortest form",
            ),
            (
                manifest(&[b"l\x81\x00t\x01a".to_vec()]),
                "a number in another form",
            ),
            (manifest(&[b"q".to_vec()]), "an unknown kind"),
            (b"wharf-tree 2\n".to_vec(), "another header"),
            (
                manifest(&[b"l\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01".to_vec()]),
                "an early end",
            ),
        ] {
            assert_eq!(Tree::parse(&bad).unwrap_err().reason, reason);
        }
    }
}
