//! The files of a system root while it is put together: in memory, with symbolic links followed inside the root alone.
//!
//! Invariant: nothing here looks at the host's file system but to read objects of the store. A path that leads out with `..` stays
//! at the root, as in a chroot.

use std::collections::BTreeMap;

use wharf_store::{ObjectId, Owner, RootPath, Store, StoreError, SystemEntry, SystemKind, SystemTree};

/// As the kernel: more links than this is a loop.
const MAX_HOPS: usize = 40;
/// As the kernel: the bytes of a link's target.
const MAX_TARGET: usize = 4095;

/// Everything below a root.
#[derive(Debug, Default)]
pub(crate) struct Files {
    nodes: BTreeMap<Vec<u8>, Node>,
}

/// One thing below a root.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) kind: NodeKind,
    pub(crate) owner: Option<Box<Owner>>,
    /// Which package brought it, by its place in the list; `None` for what was made here.
    pub(crate) package: Option<u32>,
}

/// What it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NodeKind {
    Folder {
        mode: u16,
    },
    Object {
        object: ObjectId,
        size: u64,
        mode: u16,
        capability: Option<Box<[u8]>>,
    },
    Bytes {
        bytes: Vec<u8>,
        mode: u16,
    },
    Link(Box<[u8]>),
    Noted {
        letter: u8,
        mode: u16,
        major: u32,
        minor: u32,
    },
}

impl NodeKind {
    pub(crate) fn of(kind: SystemKind) -> Self {
        match kind {
            SystemKind::Folder { mode } => Self::Folder { mode },
            SystemKind::File {
                object,
                size,
                mode,
                capability,
            } => Self::Object {
                object,
                size,
                mode,
                capability,
            },
            SystemKind::Link(target) => Self::Link(target),
            SystemKind::Noted {
                letter,
                mode,
                major,
                minor,
            } => Self::Noted {
                letter,
                mode,
                major,
                minor,
            },
        }
    }

    pub(crate) fn is_folder(&self) -> bool {
        matches!(self, Self::Folder { .. })
    }

    pub(crate) fn is_file(&self) -> bool {
        matches!(self, Self::Object { .. } | Self::Bytes { .. })
    }

    fn mode(&self) -> u16 {
        match self {
            Self::Folder { mode }
            | Self::Object { mode, .. }
            | Self::Bytes { mode, .. }
            | Self::Noted { mode, .. } => *mode,
            Self::Link(_) => 0o777,
        }
    }
}

/// Whether the last part of a path is followed where it is a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    Follow,
    Keep,
}

impl Files {
    /// The node at a path below the root that is known to have no links above it.
    pub(crate) fn exact(&self, path: &[u8]) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// Where a path leads: below the root, without links on the way. The last part need not be there; what is above it must not be
    /// anything but a folder. `None` for loops.
    pub(crate) fn resolve(&self, path: &[u8], last: Last) -> Option<Vec<u8>> {
        let mut place: Vec<u8> = Vec::with_capacity(path.len());
        let mut pending: Vec<&[u8]> = path.split(|byte| *byte == b'/').rev().collect();
        let mut hops = 0;
        while let Some(part) = pending.pop() {
            match part {
                b"" | b"." => continue,
                b".." => {
                    let end = place.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                    place.truncate(end);
                    continue;
                }
                part => {
                    if !place.is_empty() {
                        place.push(b'/');
                    }
                    place.extend_from_slice(part);
                }
            }
            let is_last = pending.iter().all(|part| matches!(*part, b"" | b"."));
            if is_last && last == Last::Keep {
                break;
            }
            if let Some(NodeKind::Link(target)) = self.nodes.get(&place).map(|node| &node.kind) {
                hops += 1;
                if hops > MAX_HOPS {
                    return None;
                }
                match target.first() {
                    Some(b'/') => place.clear(),
                    _ => {
                        let end = place.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                        place.truncate(end);
                    }
                }
                pending.extend(target.split(|byte| *byte == b'/').rev());
            }
        }
        Some(place)
    }

    /// What a path leads to.
    pub(crate) fn look(&self, path: &[u8]) -> Option<&Node> {
        self.nodes.get(&self.resolve(path, Last::Follow)?)
    }

    /// What lies at a path, itself a link or not.
    pub(crate) fn look_at(&self, path: &[u8]) -> Option<&Node> {
        self.nodes.get(&self.resolve(path, Last::Keep)?)
    }

    pub(crate) fn is_folder(&self, path: &[u8]) -> bool {
        match self.resolve(path, Last::Follow) {
            Some(place) => {
                place.is_empty() || self.nodes.get(&place).is_some_and(|node| node.kind.is_folder())
            }
            None => false,
        }
    }

    pub(crate) fn is_file(&self, path: &[u8]) -> bool {
        self.look(path).is_some_and(|node| node.kind.is_file())
    }

    pub(crate) fn is_executable(&self, path: &[u8]) -> bool {
        let runs = |node: &Node| node.kind.is_file() && node.kind.mode() & 0o111 != 0;
        self.look(path).is_some_and(runs)
    }

    /// How many bytes a file has; 0 where there is none.
    pub(crate) fn size(&self, path: &[u8]) -> u64 {
        match self.look(path).map(|node| &node.kind) {
            Some(NodeKind::Object { size, .. }) => *size,
            Some(NodeKind::Bytes { bytes, .. }) => bytes.len() as u64,
            _ => 0,
        }
    }

    /// A file's contents; `None` where there is none.
    pub(crate) fn read(&self, store: &Store, path: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.look(path).map(|node| &node.kind) {
            Some(kind) => contents(store, kind),
            None => Ok(None),
        }
    }

    /// The same as text, what is not UTF-8 replaced.
    pub(crate) fn read_text(&self, store: &Store, path: &str) -> Result<Option<String>, StoreError> {
        let bytes = self.read(store, path.as_bytes())?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The names in a folder, sorted.
    pub(crate) fn list(&self, folder: &[u8]) -> Vec<&[u8]> {
        let Some(place) = self.resolve(folder, Last::Follow) else {
            return Vec::new();
        };
        let (mut names, length) = (Vec::new(), prefix_length(&place));
        let (mut from, to) = range_below(&place);
        while let Some((path, _)) = self.nodes.range(from..to.clone()).next() {
            let rest = &path[length..];
            match rest.iter().position(|byte| *byte == b'/') {
                None => {
                    names.push(rest);
                    from = [path, &[0][..]].concat();
                }
                // What lies deeper is passed over: a folder may hold all of a root.
                Some(end) => from = [&path[..length + end], b"0"].concat(),
            }
        }
        names
    }

    /// Everything below a folder, sorted, with whole paths. The folder is named without links.
    pub(crate) fn below<'a>(
        &'a self,
        folder: &[u8],
    ) -> impl Iterator<Item = (&'a Vec<u8>, &'a Node)> + use<'a> {
        let (from, to) = range_below(folder);
        self.nodes.range(from..to)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Vec<u8>, &Node)> {
        self.nodes.iter()
    }

    /// Puts a node at a path without links, with the folders above it.
    pub(crate) fn put_exact(&mut self, path: Vec<u8>, node: Node) {
        for at in (0..path.len()).rev().filter(|at| path[*at] == b'/') {
            if self.nodes.contains_key(&path[..at]) {
                break;
            }
            self.nodes.insert(path[..at].to_vec(), Node::folder(0o755));
        }
        self.nodes.insert(path, node);
    }

    /// Puts something at a path, through the links above it. Whether that could be: not below a file, and nothing that is a folder
    /// becomes something else.
    pub(crate) fn put(&mut self, path: &[u8], node: Node) -> bool {
        let Some(place) = self.resolve(path, Last::Keep).filter(|place| !place.is_empty()) else {
            return false;
        };
        for at in (0..place.len()).filter(|at| place[*at] == b'/') {
            if self
                .nodes
                .get(&place[..at])
                .is_some_and(|node| !node.kind.is_folder())
            {
                return false;
            }
        }
        if RootPath::new(&place).is_err() {
            return false;
        }
        match self.nodes.get(&place) {
            Some(old) if old.kind.is_folder() => {
                if node.kind.is_folder() {
                    self.nodes.insert(place, node);
                    return true;
                }
                false
            }
            _ => {
                self.put_exact(place, node);
                true
            }
        }
    }

    /// Writes a file through the links at and above its path; an old one keeps its mode.
    pub(crate) fn write(&mut self, path: &[u8], bytes: Vec<u8>) -> bool {
        let Some(place) = self.resolve(path, Last::Follow) else {
            return false;
        };
        let mode = self.nodes.get(&place).map_or(0o644, |node| node.kind.mode());
        self.put(&place, Node::made(NodeKind::Bytes { bytes, mode }))
    }

    /// Makes a link. Whether that could be: the target is one that the kernel takes.
    pub(crate) fn link(&mut self, path: &[u8], target: &[u8]) -> bool {
        let possible = !target.is_empty() && target.len() <= MAX_TARGET && !target.contains(&0);
        possible && self.put(path, Node::made(NodeKind::Link(target.into())))
    }

    pub(crate) fn make_folder(&mut self, path: &[u8], mode: u16) -> bool {
        self.is_folder(path) || {
            let Some(place) = self.resolve(path, Last::Follow) else {
                return false;
            };
            self.put(&place, Node::folder(mode))
        }
    }

    /// Takes away a file, a link, or a folder with all that is in it.
    pub(crate) fn remove(&mut self, path: &[u8]) -> Option<Node> {
        let place = self.resolve(path, Last::Keep)?;
        let inside: Vec<Vec<u8>> = self.below(&place).map(|(path, _)| path.clone()).collect();
        for path in inside {
            self.nodes.remove(&path);
        }
        self.nodes.remove(&place)
    }

    /// Moves what lies at a path to another, with all that is in it. Whether that could be: not into itself, and not in place of a
    /// folder.
    pub(crate) fn rename(&mut self, from: &[u8], to: &[u8]) -> bool {
        let places = self.resolve(from, Last::Keep).zip(self.resolve(to, Last::Keep));
        let Some((old, new)) = places.filter(|(old, new)| !old.is_empty() && !new.is_empty()) else {
            return false;
        };
        if old == new {
            return self.nodes.contains_key(&old);
        }
        let into_itself = new
            .strip_prefix(old.as_slice())
            .is_some_and(|rest| rest[0] == b'/');
        if into_itself || self.nodes.get(&new).is_some_and(|node| node.kind.is_folder()) {
            return false;
        }
        let inside: Vec<Vec<u8>> = self.below(&old).map(|(path, _)| path.clone()).collect();
        let moved = |path: &[u8]| [&new, &path[old.len()..]].concat();
        if inside.iter().any(|path| RootPath::new(&moved(path)).is_err()) {
            return false;
        }
        let Some(node) = self.nodes.get(&old).cloned() else {
            return false;
        };
        if !self.put(&new, node) {
            return false;
        }
        self.nodes.remove(&old);
        for path in inside {
            if let Some(node) = self.nodes.remove(&path) {
                self.nodes.insert(moved(&path), node);
            }
        }
        true
    }

    /// Changes what lies at a path, through links.
    pub(crate) fn change(&mut self, path: &[u8], change: impl FnOnce(&mut Node)) -> bool {
        let node = self
            .resolve(path, Last::Follow)
            .and_then(|place| self.nodes.get_mut(&place));
        node.map(change).is_some()
    }

    /// What it all is as a tree of the store, into which what was made here is written.
    pub(crate) fn into_tree(self, store: &Store) -> Result<SystemTree, StoreError> {
        let mut entries = Vec::with_capacity(self.nodes.len());
        for (path, node) in self.nodes {
            let kind = match node.kind {
                NodeKind::Folder { mode } => SystemKind::Folder { mode },
                NodeKind::Object {
                    object,
                    size,
                    mode,
                    capability,
                } => SystemKind::File {
                    object,
                    size,
                    mode,
                    capability,
                },
                NodeKind::Bytes { bytes, mode } => SystemKind::File {
                    object: store.write_object(&bytes, mode & 0o111 != 0)?,
                    size: bytes.len() as u64,
                    mode,
                    capability: None,
                },
                NodeKind::Link(target) => SystemKind::Link(target),
                NodeKind::Noted {
                    letter,
                    mode,
                    major,
                    minor,
                } => SystemKind::Noted {
                    letter,
                    mode,
                    major,
                    minor,
                },
            };
            let path = RootPath::new(&path).map_err(|error| StoreError::Misplaced {
                path: String::from_utf8_lossy(&path).into_owned().into(),
                reason: error.reason,
            })?;
            entries.push(SystemEntry {
                path,
                kind,
                owner: node.owner,
            });
        }
        Ok(SystemTree::new(entries))
    }
}

impl Node {
    pub(crate) fn made(kind: NodeKind) -> Self {
        Self {
            kind,
            owner: None,
            package: None,
        }
    }

    pub(crate) fn folder(mode: u16) -> Self {
        Self::made(NodeKind::Folder { mode })
    }

    pub(crate) fn text(text: impl Into<Vec<u8>>) -> Self {
        Self::made(NodeKind::Bytes {
            bytes: text.into(),
            mode: 0o644,
        })
    }
}

/// The bytes of a file; `None` for what is no file.
pub(crate) fn contents(store: &Store, kind: &NodeKind) -> Result<Option<Vec<u8>>, StoreError> {
    match kind {
        NodeKind::Bytes { bytes, .. } => Ok(Some(bytes.clone())),
        NodeKind::Object { object, mode, .. } => {
            let path = store.object_path(object, mode & 0o111 != 0);
            std::fs::read(&path)
                .map(Some)
                .map_err(StoreError::io("read", path))
        }
        NodeKind::Folder { .. } | NodeKind::Link(_) | NodeKind::Noted { .. } => Ok(None),
    }
}

/// From where to where the paths below a folder are.
fn range_below(folder: &[u8]) -> (Vec<u8>, Vec<u8>) {
    match folder {
        [] => (Vec::new(), vec![255]),
        folder => ([folder, b"/"].concat(), [folder, b"0"].concat()),
    }
}

fn prefix_length(folder: &[u8]) -> usize {
    match folder.len() {
        0 => 0,
        length => length + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(entries: &[(&str, &str)]) -> Files {
        let mut files = Files::default();
        for (path, what) in entries {
            let done = match *what {
                "/" => files.make_folder(path.as_bytes(), 0o755),
                "f" => files.write(path.as_bytes(), b"x".to_vec()),
                target => files.link(path.as_bytes(), target.as_bytes()),
            };
            assert!(done, "{path}");
        }
        files
    }

    #[test]
    fn links_stay_inside_the_root() {
        let files = files(&[
            ("usr/lib/x.so.1", "f"),
            ("lib", "usr/lib"),
            ("etc/alternatives/x", "/usr/lib/x.so.1"),
            ("usr/lib/x.so", "/etc/alternatives/x"),
            ("up", "../../../../usr/lib"),
            ("loop", "loop"),
        ]);
        for (path, place) in [
            ("/lib/x.so", Some("usr/lib/x.so.1")),
            ("up/x.so.1", Some("usr/lib/x.so.1")),
            ("usr/../../lib/y", Some("usr/lib/y")),
            ("/", Some("")),
            ("loop/a", None),
        ] {
            let found = files.resolve(path.as_bytes(), Last::Follow);
            assert_eq!(found, place.map(|place| place.as_bytes().to_vec()), "{path}");
        }
        assert_eq!(files.list(b"/lib"), [&b"x.so"[..], b"x.so.1"]);
    }

    #[test]
    fn a_folder_is_listed_without_what_is_deeper() {
        let files = files(&[
            ("a/b/c", "f"),
            ("a/b-c", "f"),
            ("a/b0", "f"),
            ("a/d/e/f", "f"),
            ("z", "f"),
        ]);
        let names = |folder: &[u8]| -> Vec<String> {
            let names = files.list(folder);
            names
                .iter()
                .map(|name| String::from_utf8_lossy(name).into_owned())
                .collect()
        };
        assert_eq!(names(b"a"), ["b", "b-c", "b0", "d"]);
        assert_eq!(names(b"/"), ["a", "z"]);
        assert_eq!(names(b"z"), [""; 0]);
    }

    #[test]
    fn what_is_moved_takes_along_what_is_in_it() {
        let mut files = files(&[("a/b", "f"), ("a/c/d", "f"), ("e", "/"), ("f", "f"), ("g", "e")]);
        for (from, to) in [
            ("a", "a/x"),
            ("a", "e"),
            ("a", "f/x"),
            ("a", "/"),
            ("nothing", "h"),
            ("/", "h"),
        ] {
            assert!(!files.rename(from.as_bytes(), to.as_bytes()), "{from} {to}");
        }
        assert!(files.rename(b"a/b", b"/g/b"), "through a link");
        assert!(files.rename(b"a", b"h/i"));
        let paths: Vec<String> = files
            .iter()
            .map(|(path, _)| String::from_utf8_lossy(path).into_owned())
            .collect();
        assert_eq!(paths, ["e", "e/b", "f", "g", "h", "h/i", "h/i/c", "h/i/c/d"]);
    }

    #[test]
    fn a_link_has_a_target_that_can_be() {
        let mut files = Files::default();
        for target in [&b""[..], b"a\0b", &[b'a'; 4096]] {
            assert!(!files.link(b"x", target));
        }
        assert!(files.link(b"x", &[b'a'; 4095]));
    }

    #[test]
    fn writes_go_through_links_and_never_through_files() {
        let mut files = files(&[("usr/bin", "/"), ("bin", "usr/bin"), ("a", "f")]);
        assert!(files.write(b"/bin/sh", b"#".to_vec()));
        assert!(files.exact(b"usr/bin/sh").is_some());
        assert!(!files.write(b"a/b", Vec::new()), "below a file");
        assert!(!files.link(b"usr/bin", b"x"), "instead of a folder");
        assert!(files.remove(b"/bin/sh").is_some());
        assert!(!files.is_file(b"usr/bin/sh"));
    }
}
