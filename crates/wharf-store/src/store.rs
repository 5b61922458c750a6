//! The store as a whole: its layout, its locks, its stage, and what it knows by upstream digest.
//!
//! ```text
//! format                       version of this layout
//! lock                         flock: shared by commands, exclusive by collection and repair
//! store/obj/ab/<blake3>[.x]    0444 / 0555
//! store/files/<tree>/<half>[.x]   the same for the small files of an unpacked package, see [`crate::files`]
//! store/tree/ab/<blake3>       manifests of unpacked packages
//! store/pkg/<ecosystem>/ab/<algorithm>-<digest>   upstream digest → tree
//! store/npm/node_modules/.store/<name>@<version>/<content>.<graph>/   homes of npm packages, see [`crate::home`]
//! store/cargo/<name>-<version>.<content>/   homes of crates, see [`crate::crates`]
//! store/systems/<id>/          system roots, see [`crate::system`]
//! stage/<process>/             what a running command has not verified, or not given its place yet; locked while it runs
//! quarantine/                  what verification took out
//! ```
//!
//! Invariant: a killed process leaves whole objects and stage folders, nothing else; the next one to open the store
//! clears the stage. After a power cut, objects that were never synced are checked before they are used again.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use wharf_core::{Digest, Ecosystem};

use crate::durable::{self, Durability};
use crate::error::StoreError;
use crate::flush::Flusher;
use crate::id::{ObjectId, TreeId};
use crate::lock::{Access, Lock};
use crate::object::{Begun, Workbench, object_name, open_folder};
use crate::system::SystemTree;
use crate::tree::Tree;

const FORMAT: &str = "wharf-store 1";
/// In a stage folder: this process named objects that no sync has covered. Holds the machine's boot.
const UNSYNCED: &str = "unsynced";

/// An open store. Cheap to share behind an `Arc`, safe from many threads and processes at once.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    /// The folder `store`.
    pub(crate) folder: OwnedFd,
    /// Made when first needed: a command that only reads writes nothing.
    process: OnceLock<ProcessStage>,
    making: Mutex<()>,
    unsynced: AtomicBool,
    /// Whether writes are flushed while others are still made.
    early: AtomicBool,
}

/// How many drafts have a folder of their own: in one of thousands a file system takes half as long again to make one.
const DRAFTS_TOGETHER: u64 = 64;

/// This process's folder of the stage.
#[derive(Debug)]
struct ProcessStage {
    folder: PathBuf,
    /// Made when first needed: homes do without.
    workbench: OnceLock<Workbench>,
    flusher: Flusher,
    /// How many drafts were named: homes, and what is linked ahead.
    drafts: Mutex<u64>,
    _lock: Lock,
}

/// Which notes of unsynced names are settled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Notes {
    /// Those from before the machine started: what they are about is checked before anybody uses it.
    AfterPowerCut,
    /// All: the others are about what the kernel has and the disk perhaps not yet.
    All,
}

/// A folder for unfinished work. Dropping it removes it.
#[derive(Debug)]
pub struct Stage {
    folder: tempfile::TempDir,
}

impl Stage {
    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Keeps the folder; its new owner removes it.
    pub fn keep(self) -> PathBuf {
        self.folder.keep()
    }
}

impl Store {
    /// Opens the store, making it if it is not there, and clears what killed processes left.
    ///
    /// # Errors
    /// Where the folder cannot be made or read, or has another version's layout.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let root = std::path::absolute(root).map_err(StoreError::io("find", root))?;
        let format = root.join("format");
        match fs::read_to_string(&format) {
            Ok(found) if found.trim_end() == FORMAT => {}
            Ok(found) if found.bytes().all(|byte| byte == 0) => create(&root)?,
            Ok(found) => {
                let found = found.trim_end().chars().take(40).collect();
                return Err(StoreError::Format {
                    root,
                    found,
                    known: FORMAT,
                });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(&root)?,
            Err(error) => return Err(StoreError::io("read", format)(error)),
        }
        let folder = open_folder(&root.join("store"))?;
        let store = Self {
            root,
            folder,
            process: OnceLock::new(),
            making: Mutex::new(()),
            unsynced: AtomicBool::new(false),
            early: AtomicBool::new(false),
        };
        store.clear_stage(Notes::AfterPowerCut)?;
        Ok(store)
    }

    /// From the first write on, a thread flushes what is written, so that [`Store::sync`] finds little left. For whoever waits
    /// for that; it slows the writes themselves.
    pub fn flush_early(&self) {
        self.early.store(true, Ordering::Release);
    }

    /// Flushes what processes that ended since named and did not flush.
    ///
    /// # Errors
    /// Where the disk failed to take a write, or the stage cannot be cleared.
    pub fn settle(&self) -> Result<(), StoreError> {
        self.clear_stage(Notes::All)
    }

    /// The store's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder in which everything is made that gets its place later.
    pub fn stage_folder(&self) -> PathBuf {
        self.root.join("stage")
    }

    /// Keeps collection and repair away while it is held. `waiting` is called once if another process is in the way.
    ///
    /// # Errors
    /// Where the lock file cannot be opened.
    pub fn shared_lock(&self, waiting: impl FnOnce(&Path)) -> Result<Lock, StoreError> {
        Lock::acquire(&self.root.join("lock"), Access::Shared, waiting)
    }

    /// Keeps everyone else away while it is held.
    ///
    /// # Errors
    /// As [`Store::shared_lock`].
    pub fn exclusive_lock(&self, waiting: impl FnOnce(&Path)) -> Result<Lock, StoreError> {
        Lock::acquire(&self.root.join("lock"), Access::Exclusive, waiting)
    }

    /// A new folder on the store's file system, removed when dropped, or by the next process if this one is killed.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn stage(&self) -> Result<Stage, StoreError> {
        let folder = &self.process()?.folder;
        tempfile::Builder::new()
            .prefix("work-")
            .tempdir_in(folder)
            .map(|folder| Stage { folder })
            .map_err(StoreError::io("make a folder in", folder))
    }

    /// Puts one file's bytes into the store.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write_object(&self, bytes: &[u8], executable: bool) -> Result<ObjectId, StoreError> {
        let workbench = self.workbench()?;
        let staged = workbench.write(bytes, executable, &Begun::default())?;
        self.about_to_publish()?;
        workbench
            .publish(&staged)
            .inspect_err(|_| workbench.discard(&staged))?;
        Ok(staged.object)
    }

    /// Where an object lies.
    pub fn object_path(&self, object: &ObjectId, executable: bool) -> PathBuf {
        self.root.join("store").join(&*object_name(object, executable))
    }

    /// Puts a tree into the store. Its files should be there already.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write_tree(&self, tree: &Tree) -> Result<TreeId, StoreError> {
        self.write_manifest(&tree.print())
    }

    /// Puts the manifest of a system package's tree into the store. Its objects should be there already.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write_system_tree(&self, tree: &SystemTree) -> Result<TreeId, StoreError> {
        self.write_manifest(&tree.print())
    }

    pub(crate) fn write_manifest(&self, bytes: &[u8]) -> Result<TreeId, StoreError> {
        let id = TreeId::of(bytes);
        let path = self.tree_path(&id);
        if fs::metadata(&path).is_ok_and(|metadata| metadata.len() == bytes.len() as u64) {
            return Ok(id);
        }
        self.about_to_publish()?;
        self.put(&path, bytes)?;
        Ok(id)
    }

    /// Reads a tree, checking it against its id.
    ///
    /// # Errors
    /// Where it is missing or damaged.
    pub fn tree(&self, id: &TreeId) -> Result<Tree, StoreError> {
        Tree::parse(&self.manifest(id)?).map_err(|source| StoreError::DamagedTree { id: *id, source })
    }

    /// Reads the tree of a system package, checking it against its id.
    ///
    /// # Errors
    /// Where it is missing or damaged.
    pub fn system_tree(&self, id: &TreeId) -> Result<SystemTree, StoreError> {
        SystemTree::parse(&self.manifest(id)?).map_err(|source| StoreError::DamagedTree { id: *id, source })
    }

    fn manifest(&self, id: &TreeId) -> Result<Vec<u8>, StoreError> {
        let path = self.tree_path(id);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StoreError::MissingTree(*id));
            }
            Err(error) => return Err(StoreError::io("read", path)(error)),
        };
        if TreeId::of(&bytes) != *id {
            return Err(StoreError::Damaged {
                path,
                reason: "its content has another digest".to_owned(),
            });
        }
        Ok(bytes)
    }

    /// Where a tree's manifest lies.
    pub fn tree_path(&self, id: &TreeId) -> PathBuf {
        let digits = id.to_string();
        self.root.join("store/tree").join(&digits[..2]).join(digits)
    }

    /// The tree that an archive with this digest became; `None` where the store has it not, or not any more.
    pub fn lookup_package(&self, ecosystem: Ecosystem, upstream: &Digest) -> Option<TreeId> {
        let text = fs::read_to_string(self.package_path(ecosystem, upstream)).ok()?;
        let id = text.trim_end().parse().ok()?;
        self.tree_path(&id).exists().then_some(id)
    }

    /// Remembers what tree an archive with this digest became.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn record_package(
        &self,
        ecosystem: Ecosystem,
        upstream: &Digest,
        tree: &TreeId,
    ) -> Result<(), StoreError> {
        self.put(
            &self.package_path(ecosystem, upstream),
            format!("{tree}\n").as_bytes(),
        )
    }

    /// Brings what the store holds to disk, with everything else on its file system. Call it before a commit names what was written.
    ///
    /// # Errors
    /// Where the disk failed to take a write, now or since the last call.
    pub fn sync(&self) -> Result<(), StoreError> {
        let Some(process) = self.process.get() else {
            return durable::sync_filesystem(&self.root);
        };
        process
            .flusher
            .finish()
            .map_err(StoreError::io("sync", &self.root))?;
        if self.unsynced.swap(false, Ordering::AcqRel) {
            remove_if_there(&process.folder.join(UNSYNCED))?;
        }
        Ok(())
    }

    pub(crate) fn workbench(&self) -> Result<&Workbench, StoreError> {
        let process = self.process()?;
        self.once(&process.workbench, || {
            Workbench::new(&process.folder, &self.root.join("store"))
        })
    }

    /// A name in the stage for a [`Draft`](crate::home::draft::Draft), in a folder that is there; nothing else is made.
    pub(crate) fn draft_folder(&self) -> Result<PathBuf, StoreError> {
        let process = self.process()?;
        let mut drafts = process.drafts.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = process
            .folder
            .join(format!("drafts{}", *drafts / DRAFTS_TOGETHER));
        if drafts.is_multiple_of(DRAFTS_TOGETHER) {
            fs::create_dir(&folder).map_err(StoreError::io("make", &folder))?;
        }
        let path = folder.join(format!("home{drafts}"));
        *drafts += 1;
        Ok(path)
    }

    /// Must be called before a new name appears in the store: leaves word for after a power cut.
    pub(crate) fn about_to_publish(&self) -> Result<(), StoreError> {
        let process = self.process()?;
        process.flusher.note();
        if self.unsynced.load(Ordering::Acquire) {
            return Ok(());
        }
        let path = process.folder.join(UNSYNCED);
        fs::write(&path, durable::boot()).map_err(StoreError::io("write", path))?;
        self.unsynced.store(true, Ordering::Release);
        Ok(())
    }

    /// Writes a small file of the store under its final name, whole or not at all.
    fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        match durable::replace(path, bytes, Durability::Process) {
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let folder = durable::folder_of(path);
                fs::create_dir_all(folder).map_err(StoreError::io("make", folder))?;
                durable::replace(path, bytes, Durability::Process)
            }
            other => other,
        }
    }

    /// Every tree that an archive with this digest became, in the order in which they were remembered; `None` unless the store has
    /// them all.
    pub(crate) fn lookup_trees(&self, ecosystem: Ecosystem, upstream: &Digest) -> Option<Vec<TreeId>> {
        let text = fs::read_to_string(self.package_path(ecosystem, upstream)).ok()?;
        let ids = text
            .lines()
            .map(str::parse)
            .collect::<Result<Vec<TreeId>, _>>()
            .ok()?;
        ids.iter().all(|id| self.tree_path(id).exists()).then_some(ids)
    }

    /// Remembers what trees an archive with this digest became.
    pub(crate) fn record_trees(
        &self,
        ecosystem: Ecosystem,
        upstream: &Digest,
        trees: &[TreeId],
    ) -> Result<(), StoreError> {
        let text: String = trees.iter().map(|tree| format!("{tree}\n")).collect();
        self.put(&self.package_path(ecosystem, upstream), text.as_bytes())
    }

    fn package_path(&self, ecosystem: Ecosystem, upstream: &Digest) -> PathBuf {
        let hex = upstream.hex();
        let name = format!(
            "{}/{}/{}-{hex}",
            ecosystem.as_str(),
            &hex[..2],
            upstream.algorithm()
        );
        self.root.join("store/pkg").join(name)
    }

    fn process(&self) -> Result<&ProcessStage, StoreError> {
        self.once(&self.process, || self.make_process_stage())
    }

    /// What a cell holds, made where it is empty. `make` runs under the lock, so that it must not come here itself.
    fn once<'c, T>(
        &self,
        cell: &'c OnceLock<T>,
        make: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<&'c T, StoreError> {
        if let Some(there) = cell.get() {
            return Ok(there);
        }
        let _one_at_a_time = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = cell.get() {
            return Ok(there);
        }
        let made = make()?;
        Ok(cell.get_or_init(|| made))
    }

    fn make_process_stage(&self) -> Result<ProcessStage, StoreError> {
        let stage = self.stage_folder();
        // A folder must be locked before anyone who clears the stage can see it unlocked.
        let _clearing = Lock::acquire(&stage.join(".lock"), Access::Exclusive, |_| {})?;
        let folder = tempfile::Builder::new()
            .prefix(&format!("{}-", std::process::id()))
            .tempdir_in(&stage)
            .map_err(StoreError::io("make a folder in", &stage))?
            .keep();
        let lock = Lock::acquire(&folder.join("lock"), Access::Exclusive, |_| {})?;
        Ok(ProcessStage {
            flusher: Flusher::new(&folder, self.early.load(Ordering::Acquire))?,
            folder,
            workbench: OnceLock::new(),
            drafts: Mutex::new(0),
            _lock: lock,
        })
    }

    /// Removes the stage folders of processes that are gone; those with a note that is not settled keep it.
    fn clear_stage(&self, notes: Notes) -> Result<(), StoreError> {
        let stage = self.stage_folder();
        let left: Vec<PathBuf> = fs::read_dir(&stage)
            .map_err(StoreError::io("list", &stage))?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.file_name().is_some_and(|name| name != ".lock"))
            .collect();
        if left.is_empty() {
            return Ok(());
        }
        // Someone else clears, or makes a folder: the next command will look again.
        let Some(_clearing) = Lock::attempt(&stage.join(".lock"), Access::Exclusive)? else {
            return Ok(());
        };
        for folder in left {
            if !folder.is_dir() {
                remove_if_there(&folder)?;
            } else if let Ok(Some(_gone)) = Lock::attempt(&folder.join("lock"), Access::Exclusive) {
                match self.settle_unsynced(&folder, notes)? {
                    true => durable::remove_tree(&folder)?,
                    false => remove_all_but_note(&folder)?,
                }
            }
        }
        Ok(())
    }

    /// Makes sure of the objects that a process named and did not sync; whether that is done.
    fn settle_unsynced(&self, folder: &Path, notes: Notes) -> Result<bool, StoreError> {
        let note = folder.join(UNSYNCED);
        let Ok(metadata) = fs::metadata(&note) else {
            return Ok(true);
        };
        if fs::read_to_string(&note).is_ok_and(|text| !text.is_empty() && text == durable::boot()) {
            // Only the process ended: the kernel still has every byte.
            return match notes {
                Notes::All => durable::sync_filesystem(&self.root).map(|()| true),
                Notes::AfterPowerCut => Ok(false),
            };
        }
        let since = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        crate::verify::quarantine_damaged_since(self, since).map(|_| true)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // With unsynced names about, the note has to stay for the next process to settle.
        if let Some(process) = self.process.take()
            && !self.unsynced.load(Ordering::Acquire)
        {
            let _ = durable::remove_tree(&process.folder);
        }
    }
}

/// Makes the layout. `format` comes last: a store without it, or with nothing in it, is not one yet, and making it again is harmless.
fn create(root: &Path) -> Result<(), StoreError> {
    for folder in ["store/obj", "store/tree", "store/pkg", "stage", "quarantine"] {
        let path = root.join(folder);
        fs::create_dir_all(&path).map_err(StoreError::io("make", &path))?;
    }
    // Not brought to disk: a power cut may take it, or its text, and then it is made again.
    let text = format!("{FORMAT}\n");
    durable::replace(&root.join("format"), text.as_bytes(), Durability::Process)
}

fn remove_all_but_note(folder: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(folder)
        .map_err(StoreError::io("list", folder))?
        .flatten()
    {
        let name = entry.file_name();
        if name != UNSYNCED && name != "lock" {
            durable::remove_tree(&entry.path())?;
        }
    }
    Ok(())
}

fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("remove", path)(error)),
        _ => Ok(()),
    }
}
