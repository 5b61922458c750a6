//! What an environment will hold, as a list of files, before anything is written.
//!
//! Invariant: no two items of a finished [`Layout`] have the same path, none lies below another that is no directory, and
//! where two packages want one path the same one wins on every machine: the later in the order of names.

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;
use wharf_store::{HomeId, ObjectId, Placed, TreeId};

use crate::error::InstallError;

/// One file, link or empty directory of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Where, relative to the root, `/`-separated.
    pub path: String,
    /// What.
    pub content: Content,
}

/// What an item is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A directory that must exist even if nothing is put into it.
    Directory,
    /// A file out of the store.
    Object {
        /// The tree that it is of; `None` where it is by itself.
        tree: Option<TreeId>,
        /// Its content.
        id: ObjectId,
        /// Its length in bytes.
        size: u64,
        /// Whether it can be run.
        executable: bool,
    },
    /// A file written for this environment.
    Bytes {
        /// Its content.
        bytes: Vec<u8>,
        /// Whether it can be run.
        executable: bool,
    },
    /// A symbolic link with this target.
    Link(String),
    /// A folder that gets all files of a package's home in the store.
    Home {
        /// Which.
        home: HomeId,
        /// Whether the files are copies that may be written, rather than the store's own.
        copy: bool,
    },
}

impl Content {
    /// Whether it does not matter which of the two is placed.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Object { id, executable, .. },
                Self::Object {
                    id: other,
                    executable: runs,
                    ..
                },
            ) => (id, executable) == (other, runs),
            _ => self == other,
        }
    }
}

impl Item {
    /// The item in the store's words.
    pub(crate) fn placed(&self) -> Placed {
        use wharf_store::Content as Stored;
        let content = match &self.content {
            Content::Directory => Stored::Directory,
            Content::Object {
                tree,
                id,
                size,
                executable,
            } => Stored::Object {
                tree: *tree,
                object: *id,
                size: *size,
                executable: *executable,
            },
            Content::Bytes { bytes, executable } => Stored::Bytes {
                bytes: bytes.clone(),
                executable: *executable,
            },
            Content::Link(target) => Stored::Link(target.clone()),
            Content::Home { home, copy } => Stored::Home {
                home: home.clone(),
                copy: *copy,
            },
        };
        Placed {
            path: self.path.clone().into(),
            content,
        }
    }

    pub(crate) fn text(path: &str, text: String) -> Self {
        Self {
            path: path.to_owned(),
            content: Content::Bytes {
                bytes: text.into_bytes(),
                executable: false,
            },
        }
    }

    pub(crate) fn link(path: &str, target: &str) -> Self {
        Self {
            path: path.to_owned(),
            content: Content::Link(target.to_owned()),
        }
    }
}

/// One path that two owners want.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Collision {
    /// The path, relative to the root.
    pub path: String,
    /// Whose file stands there.
    pub kept: String,
    /// Whose file is hidden by it.
    pub hidden: String,
}

/// All of an environment.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    items: Vec<Item>,
    /// For each item, an index into `owners`.
    owned_by: Vec<u32>,
    owners: Vec<String>,
    by_path: FxHashMap<String, usize>,
    collisions: Vec<Collision>,
    /// Paths that belong to the skeleton, which no package may replace.
    skeleton: usize,
}

impl Layout {
    /// A layout that holds the skeleton only.
    #[must_use]
    pub fn new(skeleton: Vec<Item>) -> Self {
        let mut layout = Self::default();
        layout.add("the environment itself", skeleton);
        layout.skeleton = layout.items.len();
        layout
    }

    /// Adds the files of one owner. Those that replace another owner's different file are noted.
    pub fn add(&mut self, owner: &str, items: Vec<Item>) {
        let number = u32::try_from(self.owners.len()).expect("an environment has fewer than 2^32 packages");
        self.owners.push(owner.to_owned());
        self.items.reserve(items.len());
        self.by_path.reserve(items.len());
        for item in items {
            match self.by_path.get(&item.path).copied() {
                None => {
                    self.by_path.insert(item.path.clone(), self.items.len());
                    self.items.push(item);
                    self.owned_by.push(number);
                }
                Some(_) if matches!(item.content, Content::Directory) => {}
                Some(at) if self.items[at].content.is_same(&item.content) => {}
                Some(at) if at < self.skeleton => self.collide(at, number, &item.path, Wins::Old),
                Some(at) => {
                    self.collide(at, number, &item.path, Wins::New);
                    self.items[at] = item;
                    self.owned_by[at] = number;
                }
            }
        }
    }

    fn collide(&mut self, at: usize, number: u32, path: &str, wins: Wins) {
        let (old, new) = (self.owned_by[at], number);
        let (kept, hidden) = match wins {
            Wins::Old => (old, new),
            Wins::New => (new, old),
        };
        if kept != hidden {
            self.collisions.push(Collision {
                path: path.to_owned(),
                kept: self.owners[kept as usize].clone(),
                hidden: self.owners[hidden as usize].clone(),
            });
        }
    }

    /// Refuses a layout in which a file stands where another package needs a directory.
    ///
    /// # Errors
    /// [`InstallError::Clash`] with both owners.
    pub fn check(&self) -> Result<(), InstallError> {
        let mut known: FxHashSet<&str> = FxHashSet::default();
        for (index, item) in self.items.iter().enumerate() {
            let mut rest = item.path.as_str();
            while let Some((parent, _)) = rest.rsplit_once('/') {
                if !known.insert(parent) {
                    break;
                }
                if let Some(&at) = self.by_path.get(parent)
                    && self.items[at].content != Content::Directory
                {
                    return Err(InstallError::Clash {
                        path: parent.to_owned(),
                        first: self.owner(at).to_owned(),
                        second: self.owner(index).to_owned(),
                    });
                }
                rest = parent;
            }
        }
        Ok(())
    }

    fn owner(&self, index: usize) -> &str {
        &self.owners[self.owned_by[index] as usize]
    }

    /// All items, in no particular order.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The items with the position of their owner: 0 for the skeleton, then packages in the order of [`Layout::add`].
    pub fn owned(&self) -> impl Iterator<Item = (&Item, usize)> {
        self.items
            .iter()
            .zip(self.owned_by.iter().map(|&owner| owner as usize))
    }

    /// The paths that several packages wanted.
    #[must_use]
    pub fn collisions(&self) -> &[Collision] {
        &self.collisions
    }

    /// The names directly inside `directory`, sorted: what a listing of the finished environment shows.
    #[must_use]
    pub fn names_in(&self, directory: &str) -> Vec<String> {
        let mut names: FxHashSet<&str> = FxHashSet::default();
        for item in &self.items {
            let Some(rest) = item.path.strip_prefix(directory) else {
                continue;
            };
            let Some(rest) = rest.strip_prefix('/') else {
                continue;
            };
            names.insert(rest.split_once('/').map_or(rest, |(first, _)| first));
        }
        let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        names.sort_unstable();
        names
    }
}

enum Wins {
    Old,
    New,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> Item {
        Item::text(path, text.to_owned())
    }

    #[test]
    fn the_later_package_wins_and_the_skeleton_always() {
        let mut layout = Layout::new(vec![file("bin/python", "real")]);
        layout.add("a 1", vec![file("lib/x.py", "a"), file("lib/same.py", "s")]);
        layout.add(
            "b 1",
            vec![
                file("lib/x.py", "b"),
                file("lib/same.py", "s"),
                file("bin/python", "fake"),
            ],
        );
        let text = |path: &str| match &layout.items[layout.by_path[path]].content {
            Content::Bytes { bytes, .. } => String::from_utf8_lossy(bytes).into_owned(),
            other => format!("{other:?}"),
        };
        assert_eq!(
            (text("lib/x.py"), text("bin/python")),
            ("b".to_owned(), "real".to_owned())
        );
        let seen: Vec<_> = layout
            .collisions()
            .iter()
            .map(|one| (&*one.path, &*one.kept, &*one.hidden))
            .collect();
        assert_eq!(
            seen,
            [
                ("lib/x.py", "b 1", "a 1"),
                ("bin/python", "the environment itself", "b 1")
            ]
        );
        assert_eq!(layout.names_in("lib"), ["same.py", "x.py"]);
    }

    #[test]
    fn packages_that_have_the_same_file_do_not_collide() {
        let of = |tree: &[u8], text: &[u8], executable| Item {
            path: "lib/x".to_owned(),
            content: Content::Object {
                tree: Some(TreeId::of(tree)),
                id: ObjectId::of(text),
                size: 1,
                executable,
            },
        };
        for (text, executable, collisions) in [(b"s", false, 0), (b"o", false, 1), (b"s", true, 1)] {
            let mut layout = Layout::new(Vec::new());
            layout.add("a 1", vec![of(b"a", b"s", false)]);
            layout.add("b 1", vec![of(b"b", text, executable)]);
            assert_eq!(layout.collisions().len(), collisions, "{text:?} {executable}");
        }
    }

    #[test]
    fn a_file_where_a_directory_must_be_is_refused_with_both_names() {
        let mut layout = Layout::new(Vec::new());
        layout.add("a 1", vec![file("lib/x", "a")]);
        layout.add("b 1", vec![file("lib/x/y/z.py", "b")]);
        let error = layout.check().unwrap_err();
        assert!(
            matches!(error, InstallError::Clash { path, first, second } if path == "lib/x" && first == "a 1" && second == "b 1")
        );
    }
}
