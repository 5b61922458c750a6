//! What is placed where: a plan, and the tree of its folders.
//!
//! Invariant: every path is a plain relative one; each folder is there once, and has the files of one home at most.

use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use crate::error::StoreError;
use crate::home::HomeId;
use crate::id::{ObjectId, TreeId};

/// One thing of a plan.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Where, relative to the folder, without `.` and `..`.
    pub path: PathBuf,
    /// What.
    pub content: Content,
}

/// What to place.
#[derive(Clone, Debug)]
pub enum Content {
    /// A folder that may stay empty. Folders of other things are made without being named.
    Directory,
    /// A file of the store.
    Object {
        /// The tree that it is of; `None` where it is by itself.
        tree: Option<TreeId>,
        /// Its bytes.
        object: ObjectId,
        /// How many they are.
        size: u64,
        /// Whether it may be run.
        executable: bool,
    },
    /// A file made for this place.
    Bytes {
        /// Its bytes.
        bytes: Vec<u8>,
        /// Whether it may be run.
        executable: bool,
    },
    /// A symbolic link with this target.
    Link(String),
    /// A folder with all the files of a home's package. Other things may be placed below it, where it has none itself.
    Home {
        /// Whose files.
        home: HomeId,
        /// Whether they are private copies that may be written, whatever the mode of the plan.
        copy: bool,
    },
}

/// How files come out of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkMode {
    /// Reflink where the file system can, else hardlink, else copy.
    #[default]
    Auto,
    /// Copies that share blocks until one is written; real copies where the file system cannot.
    Reflink,
    /// The store's own files, which are read-only; copies where the file system cannot.
    Hardlink,
    /// Copies.
    Copy,
}

/// The folders of a plan; the first is the root.
pub(super) struct Folders<'a>(pub(super) Vec<Folder<'a>>);

#[derive(Default)]
pub(super) struct Folder<'a> {
    pub(super) name: &'a str,
    pub(super) path: &'a str,
    pub(super) children: Vec<usize>,
    /// Names and places in the plan.
    pub(super) files: Vec<(&'a str, u32)>,
    /// The home whose files it has, and whether as copies.
    pub(super) home: Option<(&'a HomeId, bool)>,
}

impl<'a> Folders<'a> {
    pub(super) fn of(plan: &'a [Placed]) -> Result<Self, StoreError> {
        let mut folders = Self(vec![Folder::default()]);
        let mut known = FxHashMap::default();
        let mut last = ("", 0);
        for (index, placed) in plan.iter().enumerate() {
            let path = checked(&placed.path)?;
            if matches!(placed.content, Content::Directory) {
                folders.find(path, &mut known);
                continue;
            }
            if let Content::Home { home, copy } = &placed.content {
                let at = folders.find(path, &mut known);
                if folders.0[at].home.replace((home, *copy)).is_some() {
                    return Err(StoreError::Misplaced {
                        path: placed.path.clone(),
                        reason: "two packages would lie there",
                    });
                }
                continue;
            }
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            // Plans come sorted or nearly so: most files lie in the folder of the one before.
            if last.0 != folder {
                last = (folder, folders.find(folder, &mut known));
            }
            let index =
                u32::try_from(index).expect("a plan of four thousand million files does not fit in memory");
            folders.0[last.1].files.push((name, index));
        }
        Ok(folders)
    }

    fn find(&mut self, path: &'a str, known: &mut FxHashMap<&'a str, usize>) -> usize {
        if path.is_empty() {
            return 0;
        }
        if let Some(found) = known.get(path) {
            return *found;
        }
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let above = self.find(above, known);
        let index = self.0.len();
        self.0.push(Folder {
            name,
            path,
            ..Folder::default()
        });
        self.0[above].children.push(index);
        known.insert(path, index);
        index
    }
}

fn checked(path: &Path) -> Result<&str, StoreError> {
    let refuse = |reason| StoreError::Misplaced {
        path: path.to_path_buf(),
        reason,
    };
    let text = path.to_str().ok_or_else(|| refuse("its path is not UTF-8"))?;
    if text.split('/').any(|part| matches!(part, "" | "." | "..")) || text.contains('\0') {
        return Err(refuse("its path is not a plain relative one"));
    }
    Ok(text)
}
