//! The small files of unpacked packages: a folder for each tree.
//!
//! To have a name among all objects costs a file a look whether it is there and a rename, which the kernel does one after the other; making
//! files is most of what an install costs. So the files of a tree up to 1 MiB are written at once under the names that what they hold
//! gives them, in a folder of the stage, and one rename publishes them all. Larger ones are objects, which versions of a package share.
//!
//! Whoever looks for a file of a tree looks here, and then among the objects.
//!
//! Invariant: a folder of `store/files` appears whole, and before its tree.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::durable;
use crate::error::StoreError;
use crate::home::draft::Draft;
use crate::id::{ObjectId, TreeId};
use crate::object::{Staged, flat_name, make_file, object_name, open_folder, tree_file_name};
use crate::store::Store;
use crate::verify::{Depth, judge_file};

/// Where the folders lie, below `store`.
const FOLDER: &str = "files";

impl Store {
    /// Opens a file of a tree.
    ///
    /// # Errors
    /// Where the store has it not, or not any more, or it cannot be opened.
    pub fn open_file(&self, tree: &TreeId, object: &ObjectId, executable: bool) -> Result<File, StoreError> {
        let open = |name: &str| {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            rustix::fs::openat(&self.folder, name, flags, Mode::empty()).map(File::from)
        };
        first_of(Some(tree), object, executable, open).map_err(|errno| match errno {
            Errno::NOENT => StoreError::MissingObject(*object),
            errno => StoreError::os("open", self.file_path(tree, object, executable))(errno),
        })
    }

    /// Where a file of a tree lies, for messages.
    pub fn file_path(&self, tree: &TreeId, object: &ObjectId, executable: bool) -> PathBuf {
        let small = files_path(self, tree).join(&*flat_name(object, executable));
        match small.symlink_metadata() {
            Ok(_) => small,
            Err(_) => self.object_path(object, executable),
        }
    }

    /// All of a file of a tree.
    ///
    /// # Errors
    /// As [`Store::open_file`], and where it cannot be read.
    pub fn read_file(
        &self,
        tree: &TreeId,
        object: &ObjectId,
        executable: bool,
    ) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        self.open_file(tree, object, executable)?
            .read_to_end(&mut bytes)
            .map_err(|error| StoreError::io("read", self.file_path(tree, object, executable))(error))?;
        Ok(bytes)
    }
}

/// Where the folders lie.
pub(crate) fn folder(store: &Store) -> PathBuf {
    store.root().join("store").join(FOLDER)
}

/// Where the small files of a tree lie.
pub(crate) fn files_path(store: &Store, tree: &TreeId) -> PathBuf {
    folder(store).join(&tree.to_string()[..32])
}

/// Tries with the names, below `store`, that a file can have: as one of a tree, and as an object.
pub(crate) fn first_of<T>(
    tree: Option<&TreeId>,
    object: &ObjectId,
    executable: bool,
    mut attempt: impl FnMut(&str) -> Result<T, Errno>,
) -> Result<T, Errno> {
    if let Some(tree) = tree {
        match attempt(&tree_file_name(tree, object, executable)) {
            Err(Errno::NOENT) => {}
            other => return other,
        }
    }
    attempt(&object_name(object, executable))
}

/// The small files of a tree that an import makes. Dropping it unpublished removes them.
pub(crate) struct Files {
    draft: Draft,
    folder: OwnedFd,
}

impl Files {
    pub(crate) fn new(store: &Store) -> Result<Self, StoreError> {
        let draft = Draft::bare(store)?;
        let folder = open_folder(draft.path())?;
        Ok(Self { draft, folder })
    }

    /// Writes a file, unless another one is the same.
    pub(crate) fn write(&self, bytes: &[u8], executable: bool) -> Result<Staged, StoreError> {
        let object = ObjectId::of(bytes);
        let name = flat_name(&object, executable);
        let path = || self.draft.path().join(&*name);
        match make_file(&self.folder, &name, executable) {
            // It is whole, or another thread writes it, and if that fails nothing is published.
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(StoreError::os("write", path())(errno)),
            Ok(mut file) => file
                .write_all(bytes)
                .map_err(|error| StoreError::io("write", path())(error))?,
        }
        Ok(Staged::elsewhere(object, bytes.len() as u64, executable))
    }

    /// Gives them their place. Where that is taken, the same files lie there.
    pub(crate) fn publish(self, store: &Store, tree: &TreeId) -> Result<(), StoreError> {
        store.about_to_publish()?;
        let to = files_path(store, tree);
        let rename = || durable::rename_noreplace(self.draft.path(), &to);
        let placed = match rename() {
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let above = durable::folder_of(&to);
                fs::create_dir_all(above).map_err(StoreError::io("make", above))?;
                rename()
            }
            other => other,
        };
        if placed? {
            self.draft.keep();
        }
        Ok(())
    }
}

/// The small files of a tree, judged.
pub(crate) struct Judged {
    /// Their folder.
    pub(crate) path: PathBuf,
    /// What is wrong with it, in words. Then none of them counts: they go together.
    pub(crate) wrong: Option<String>,
    /// Their names and sizes.
    files: FxHashMap<String, u64>,
}

impl Judged {
    /// Whether a file is among them, and stays.
    pub(crate) fn has(&self, object: &ObjectId, executable: bool, size: u64) -> bool {
        self.wrong.is_none() && self.files.get(&*flat_name(object, executable)) == Some(&size)
    }
}

/// The folders of all trees, sorted.
pub(crate) fn folders(store: &Store) -> Result<Vec<PathBuf>, StoreError> {
    let mut folders = crate::home::check::folders(&folder(store))?;
    folders.sort();
    Ok(folders)
}

/// Judges these.
pub(crate) fn judge(folders: Vec<PathBuf>, depth: Depth) -> Vec<Judged> {
    folders
        .into_par_iter()
        .map(|path| judge_one(path, depth))
        .collect()
}

fn judge_one(path: PathBuf, depth: Depth) -> Judged {
    let (mut wrong, mut files) = (None, FxHashMap::default());
    let found = crate::verify::files(&path).unwrap_or_else(|error| {
        wrong = Some(error.to_string());
        Vec::new()
    });
    for file in found {
        let name = file
            .strip_prefix(&path)
            .unwrap_or(&file)
            .to_string_lossy()
            .into_owned();
        match judge_file(&file, depth, None) {
            Ok(size) => {
                files.insert(name, size);
            }
            Err(reason) => wrong = wrong.or_else(|| Some(format!("{name}: {reason}"))),
        }
    }
    Judged { path, wrong, files }
}
