//! The manifest of what a system package or a whole system root holds: format 2 of trees.
//!
//! Format 1 ([`crate::tree`]) knows text paths and one bit of mode. Here paths and link targets are bytes, folders stand for
//! themselves, and files and folders have a mode and an owner: the line `wharf-tree 2`, then the entries sorted by path, each
//! one byte of kind (`d` folder, `f` file, `l` link, `n` something that is noted and never made: a device or a pipe), what
//! belongs to the kind, and the path with its length before it. Numbers are LEB128, shortest form. An owner is `0` for
//! root:root, else `1`, both numbers and both names.
//!
//! Invariant: canonical, as format 1 is. A manifest of one format never parses as the other, so ids never clash.

use super::path::RootPath;
use crate::id::{ObjectId, TreeId};
use crate::tree::{InvalidTree, Reader, put_bytes, put_number};

pub(crate) const HEADER: &[u8] = b"wharf-tree 2\n";

/// An unpacked system package, or a system root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SystemTree {
    /// What it holds, sorted by path, each path once. A folder that no entry names has mode 0755 and belongs to root.
    pub entries: Vec<SystemEntry>,
}

/// One thing in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemEntry {
    /// Where it lies, below the root.
    pub path: RootPath,
    /// What it is.
    pub kind: SystemKind,
    /// To whom it belongs in the archive; `None` for root:root. Here everything belongs to whoever has the store.
    pub owner: Option<Box<Owner>>,
}

/// What lies at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SystemKind {
    /// A folder.
    Folder {
        /// The twelve bits of the mode in the archive.
        mode: u16,
    },
    /// A file whose bytes are an object.
    File {
        /// The bytes.
        object: ObjectId,
        /// How many they are.
        size: u64,
        /// The twelve bits of the mode in the archive. In the store only whether it may be run counts.
        mode: u16,
        /// The capabilities (`security.capability`) that the archive gives it; here it gets none.
        capability: Option<Box<[u8]>>,
    },
    /// A symbolic link, whose target is relative to its own folder or, where it is absolute, to the system root.
    Link(Box<[u8]>),
    /// A device or pipe: recorded, never made.
    Noted {
        /// The tar's letter for it: `3` character device, `4` block device, `6` pipe.
        letter: u8,
        /// The twelve bits of its mode.
        mode: u16,
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
}

/// To whom something belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user's number.
    pub uid: u64,
    /// The group's number.
    pub gid: u64,
    /// The user's name; may be empty.
    pub user: String,
    /// The group's name; may be empty.
    pub group: String,
}

impl Owner {
    /// The owner, unless it is root:root.
    pub fn unless_root(self) -> Option<Box<Self>> {
        let name = |text: &str| text.is_empty() || text == "root";
        let root = self.uid == 0 && self.gid == 0 && name(&self.user) && name(&self.group);
        (!root).then(|| Box::new(self))
    }
}

impl SystemKind {
    /// A file that may be run or not, as this crate's objects know it.
    pub fn is_executable(&self) -> bool {
        matches!(self, SystemKind::File { mode, .. } if mode & 0o111 != 0)
    }
}

impl SystemEntry {
    /// An entry that belongs to root.
    pub fn new(path: RootPath, kind: SystemKind) -> Self {
        Self {
            path,
            kind,
            owner: None,
        }
    }

    /// The bytes of a file; nothing for anything else.
    pub fn size(&self) -> u64 {
        match &self.kind {
            SystemKind::File { size, .. } => *size,
            SystemKind::Folder { .. } | SystemKind::Link(_) | SystemKind::Noted { .. } => 0,
        }
    }
}

impl SystemTree {
    /// A tree of these entries, which it sorts. The paths must differ.
    pub fn new(mut entries: Vec<SystemEntry>) -> Self {
        entries.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        debug_assert!(
            entries.windows(2).all(|pair| pair[0].path != pair[1].path),
            "each path once"
        );
        Self { entries }
    }

    /// The bytes of all its files.
    pub fn size(&self) -> u64 {
        self.entries.iter().map(SystemEntry::size).sum()
    }

    /// The entry at this path.
    pub fn get(&self, path: &[u8]) -> Option<&SystemEntry> {
        let found = self
            .entries
            .binary_search_by(|entry| entry.path.as_bytes().cmp(path))
            .ok()?;
        Some(&self.entries[found])
    }

    /// Its manifest.
    pub fn print(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER.len() + self.entries.len() * 100);
        out.extend_from_slice(HEADER);
        for entry in &self.entries {
            print_kind(&entry.kind, &mut out);
            match &entry.owner {
                None => out.push(0),
                Some(owner) => {
                    out.push(1);
                    put_number(&mut out, owner.uid);
                    put_number(&mut out, owner.gid);
                    put_bytes(&mut out, owner.user.as_bytes());
                    put_bytes(&mut out, owner.group.as_bytes());
                }
            }
            put_bytes(&mut out, entry.path.as_bytes());
        }
        out
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// Where the bytes are not exactly what [`SystemTree::print`] writes.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidTree> {
        let mut reader = Reader::new(bytes);
        if reader.take(HEADER.len())? != HEADER {
            return Err(InvalidTree {
                offset: 0,
                reason: "another header",
            });
        }
        let mut entries: Vec<SystemEntry> = Vec::with_capacity(bytes.len() / 64);
        while !reader.is_done() {
            let start = reader.offset();
            let entry = read_entry(&mut reader)?;
            if entries.last().is_some_and(|last| last.path >= entry.path) {
                return Err(InvalidTree {
                    offset: start,
                    reason: "paths out of order",
                });
            }
            entries.push(entry);
        }
        Ok(Self { entries })
    }

    /// Its id.
    pub fn id(&self) -> TreeId {
        TreeId::of(&self.print())
    }
}

fn print_kind(kind: &SystemKind, out: &mut Vec<u8>) {
    match kind {
        SystemKind::Folder { mode } => {
            out.push(b'd');
            put_number(out, (*mode).into());
        }
        SystemKind::File {
            object,
            size,
            mode,
            capability,
        } => {
            out.push(b'f');
            out.extend_from_slice(object.as_bytes());
            put_number(out, *size);
            put_number(out, (*mode).into());
            put_bytes(out, capability.as_deref().unwrap_or_default());
        }
        SystemKind::Link(target) => {
            out.push(b'l');
            put_bytes(out, target);
        }
        SystemKind::Noted {
            letter,
            mode,
            major,
            minor,
        } => {
            out.extend([b'n', *letter]);
            put_number(out, (*mode).into());
            put_number(out, (*major).into());
            put_number(out, (*minor).into());
        }
    }
}

fn read_entry(reader: &mut Reader<'_>) -> Result<SystemEntry, InvalidTree> {
    let kind = match reader.take(1)?[0] {
        b'd' => SystemKind::Folder { mode: mode(reader)? },
        b'f' => SystemKind::File {
            object: ObjectId::from_bytes(reader.take(32)?.try_into().expect("32 bytes were taken")),
            size: reader.number()?,
            mode: mode(reader)?,
            capability: Some(reader.bytes()?)
                .filter(|bytes| !bytes.is_empty())
                .map(Into::into),
        },
        b'l' => SystemKind::Link(reader.bytes()?.into()),
        b'n' => SystemKind::Noted {
            letter: reader.take(1)?[0],
            mode: mode(reader)?,
            major: short(reader)?,
            minor: short(reader)?,
        },
        _ => return Err(reader.refuse("an unknown kind")),
    };
    let owner = match reader.take(1)?[0] {
        0 => None,
        1 => {
            let owner = Owner {
                uid: reader.number()?,
                gid: reader.number()?,
                user: reader.text()?.to_owned(),
                group: reader.text()?.to_owned(),
            };
            let owner = owner.unless_root();
            Some(owner.ok_or_else(|| reader.refuse("an owner in another form"))?)
        }
        _ => return Err(reader.refuse("an unknown owner")),
    };
    let bytes = reader.bytes()?;
    let path = RootPath::new(bytes).map_err(|_| reader.refuse("an unsafe path"))?;
    if path.as_bytes() != bytes {
        return Err(reader.refuse("a path in another form"));
    }
    Ok(SystemEntry { path, kind, owner })
}

fn mode(reader: &mut Reader<'_>) -> Result<u16, InvalidTree> {
    let number = reader.number()?;
    u16::try_from(number)
        .ok()
        .filter(|mode| *mode <= 0o7777)
        .ok_or_else(|| reader.refuse("an impossible mode"))
}

fn short(reader: &mut Reader<'_>) -> Result<u32, InvalidTree> {
    let number = reader.number()?;
    u32::try_from(number).map_err(|_| reader.refuse("an impossible device number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kinds() -> impl Strategy<Value = SystemKind> {
        let capability = proptest::option::of(proptest::collection::vec(any::<u8>(), 1..24));
        prop_oneof![
            (0u16..0o10000).prop_map(|mode| SystemKind::Folder { mode }),
            (any::<[u8; 32]>(), any::<u64>(), 0u16..0o10000, capability).prop_map(
                |(id, size, mode, capability)| SystemKind::File {
                    object: ObjectId::from_bytes(id),
                    size,
                    mode,
                    capability: capability.map(Into::into),
                }
            ),
            proptest::collection::vec(any::<u8>(), 0..20).prop_map(|target| SystemKind::Link(target.into())),
            (any::<u8>(), 0u16..0o10000, any::<u32>(), any::<u32>()).prop_map(
                |(letter, mode, major, minor)| SystemKind::Noted {
                    letter,
                    mode,
                    major,
                    minor
                }
            ),
        ]
    }

    fn owners() -> impl Strategy<Value = Option<Box<Owner>>> {
        (any::<u64>(), 0u64..3, "[a-z]{0,4}", "(root|www|)").prop_map(|(uid, gid, user, group)| {
            Owner {
                uid: uid % 4,
                gid,
                user,
                group,
            }
            .unless_root()
        })
    }

    fn trees() -> impl Strategy<Value = SystemTree> {
        let path = proptest::collection::vec(proptest::collection::vec(1u8..=255, 1..6), 1..4)
            .prop_map(|parts| parts.join(&b'/'));
        proptest::collection::btree_map(path, (kinds(), owners()), 0..20).prop_map(|map| {
            let mut entries: Vec<_> = map
                .into_iter()
                .filter_map(|(path, (kind, owner))| {
                    Some(SystemEntry {
                        path: RootPath::new(&path).ok()?,
                        kind,
                        owner,
                    })
                })
                .collect();
            entries.sort_by(|one, other| one.path.cmp(&other.path));
            entries.dedup_by(|one, other| one.path == other.path);
            SystemTree::new(entries)
        })
    }

    proptest! {
        #[test]
        fn print_then_parse_is_the_same_tree(tree in trees()) {
            prop_assert_eq!(SystemTree::parse(&tree.print()), Ok(tree));
        }

        #[test]
        fn whatever_parses_prints_the_same_bytes(tree in trees(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = tree.print();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(parsed) = SystemTree::parse(&bytes) {
                prop_assert_eq!(parsed.print(), bytes);
            }
        }
    }

    #[test]
    fn the_formats_do_not_read_each_other() {
        let old = crate::Tree::default().print();
        let new = SystemTree::default().print();
        assert_eq!(SystemTree::parse(&old).unwrap_err().reason, "another header");
        assert_eq!(crate::Tree::parse(&new).unwrap_err().reason, "another header");
    }
}
