//! What the store holds, and whether it is still what was written.
//!
//! Invariant: nothing is deleted here. What is damaged moves to `quarantine/`, and what depends on it goes with it,
//! so that the next command fetches it again.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::crates;
use crate::error::StoreError;
use crate::files as small;
use crate::home::check;
use crate::id::{ObjectId, TreeId};
use crate::store::Store;
use crate::system::{self, SystemEntry, SystemKind, SystemTree};
use crate::tree::{Entry, Kind, Tree};

/// How closely to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Every manifest; of objects the size, the mode and whether they were touched after they were written.
    Quick,
    /// Every byte.
    Full,
}

/// What to do with what is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Only say so.
    Report,
    /// Move it to `quarantine/`. The caller holds the exclusive lock.
    Quarantine,
}

/// What is in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreSize {
    /// How many files of Python and Debian packages: objects, and the small files of trees.
    pub objects: u64,
    /// Their bytes.
    pub object_bytes: u64,
    /// How many unpacked packages.
    pub trees: u64,
    /// How many homes of npm packages.
    pub homes: u64,
    /// Their files, each once however many names it has in one home or several.
    pub home_files: u64,
    /// The bytes of these.
    pub home_bytes: u64,
    /// How many crates.
    pub crates: u64,
    /// Their files.
    pub crate_files: u64,
    /// The bytes of these.
    pub crate_bytes: u64,
    /// How many system roots.
    pub systems: u64,
    /// Their files that no object is shared with, and their records.
    pub system_files: u64,
    /// The bytes of these.
    pub system_bytes: u64,
    /// How many archives are known by their digest.
    pub packages: u64,
    /// How many of these are Debian packages.
    pub debs: u64,
    /// Bytes of unfinished work.
    pub stage_bytes: u64,
    /// Bytes of what verification took out.
    pub quarantine_bytes: u64,
}

/// What verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// How many objects, trees and records were looked at.
    pub checked: u64,
    /// What is wrong, sorted.
    pub damage: Vec<Damage>,
}

/// Something wrong in the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Damage {
    /// The file, relative to the store's folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason)
    }
}

impl Store {
    /// Counts what the store holds.
    ///
    /// # Errors
    /// Where a folder cannot be read.
    pub fn size(&self) -> Result<StoreSize, StoreError> {
        let mut objects = files(&self.root().join("store/obj"))?;
        objects.extend(files(&small::folder(self))?);
        let bytes = |paths: &[PathBuf]| {
            paths
                .iter()
                .filter_map(|path| path.symlink_metadata().ok())
                .map(|data| data.len())
                .sum()
        };
        let (home_files, home_bytes) = check::size(self)?;
        let (crate_files, crate_bytes) = crates::check::size(self)?;
        let (system_files, system_bytes) = system::check::size(self)?;
        Ok(StoreSize {
            systems: system::check::systems(self)?.len() as u64,
            system_files,
            system_bytes,
            crates: crates::check::homes(self)?.len() as u64,
            crate_files,
            crate_bytes,
            homes: check::homes(self)?.len() as u64,
            home_files,
            home_bytes,
            objects: objects.len() as u64,
            object_bytes: bytes(&objects),
            trees: files(&self.root().join("store/tree"))?.len() as u64,
            packages: files(&self.root().join("store/pkg"))?.len() as u64,
            debs: files(&self.root().join("store/pkg/deb"))?.len() as u64,
            stage_bytes: bytes(&files(&self.root().join("stage"))?),
            quarantine_bytes: bytes(&files(&self.root().join("quarantine"))?),
        })
    }

    /// Looks for damage, and takes it out if asked to.
    ///
    /// # Errors
    /// Where a folder cannot be read or something damaged cannot be moved.
    pub fn verify(&self, depth: Depth, repair: Repair) -> Result<VerifyReport, StoreError> {
        let trees = read_trees(&files(&self.root().join("store/tree"))?);
        let mut sizes = FxHashMap::default();
        for tree in trees.iter().filter_map(|(_, tree)| tree.as_ref().ok()) {
            sizes.extend(tree.objects.iter().copied());
        }
        let paths = files(&self.root().join("store/obj"))?;
        let judged: Vec<(PathBuf, Option<String>)> = paths
            .into_par_iter()
            .map(|path| {
                let wrong = judge_object(&path, depth, &sizes).err();
                (path, wrong)
            })
            .collect();
        let sound: FxHashSet<(ObjectId, bool)> = judged
            .iter()
            .filter(|(_, wrong)| wrong.is_none())
            .filter_map(|(path, _)| parse_object(path))
            .collect();

        let small = small::judge(small::folders(self)?, depth);

        let mut report = VerifyReport {
            checked: (judged.len() + trees.len() + small.len()) as u64,
            damage: Vec::new(),
        };
        let mut bad: Vec<(PathBuf, String)> = judged
            .into_iter()
            .filter_map(|(path, wrong)| Some((path, wrong?)))
            .collect();
        let mut sound_trees = FxHashSet::default();
        // Those of trees that lack something go with them: they would else keep what is made anew from its place.
        let mut lacking = FxHashSet::default();
        let small: FxHashMap<PathBuf, small::Judged> =
            small.into_iter().map(|one| (one.path.clone(), one)).collect();
        for (path, tree) in trees {
            let judged = tree.and_then(|tree| {
                let folder = small::files_path(self, &tree.id);
                let judged = complete(&tree, &sound, small.get(&folder));
                judged.map(|()| tree.id).inspect_err(|_| {
                    lacking.insert(folder);
                })
            });
            match judged {
                Ok(id) => {
                    sound_trees.insert(id);
                }
                Err(reason) => bad.push((path, reason)),
            }
        }
        for one in small.into_values() {
            let lacking = lacking.contains(&one.path);
            let lacking = || lacking.then(|| "its tree lacks a file".to_owned());
            bad.extend(one.wrong.or_else(lacking).map(|reason| (one.path, reason)));
        }
        for path in files(&self.root().join("store/pkg"))? {
            report.checked += 1;
            if let Err(reason) = judge_record(&path, &sound_trees) {
                bad.push((path, reason));
            }
        }
        let crates = crates::check::judge(crates::check::homes(self)?, depth);
        let systems = system::check::judge(system::check::systems(self)?, depth);
        for home in check::judge(self, check::homes(self)?, depth)
            .into_iter()
            .chain(crates)
            .chain(systems)
        {
            report.checked += 1;
            bad.extend(home.wrong.map(|reason| (home.path, reason)));
        }
        for (path, reason) in bad {
            if repair == Repair::Quarantine {
                quarantine(self, &path)?;
            }
            let path = path
                .strip_prefix(self.root())
                .map(Path::to_path_buf)
                .unwrap_or(path);
            report.damage.push(Damage { path, reason });
        }
        report.damage.sort();
        Ok(report)
    }
}

/// After a power cut: takes out what was named since then and did not reach the disk whole.
pub(crate) fn quarantine_damaged_since(store: &Store, since: SystemTime) -> Result<u64, StoreError> {
    let mut count = 0;
    let objects = store.root().join("store/obj");
    let trees = store.root().join("store/tree");
    for_each_recent(store, since, |path| {
        let wrong = if path.starts_with(&objects) {
            judge_object(path, Depth::Full, &FxHashMap::default()).err()
        } else if path.starts_with(&trees) {
            read_tree(path).err()
        } else {
            judge_text(path).err().map(str::to_owned)
        };
        if wrong.is_some() {
            count += 1;
            quarantine(store, path)?;
        }
        Ok(())
    })?;
    for folder in small::judge(recent(small::folders(store)?, since)?, Depth::Full) {
        if folder.wrong.is_some() {
            count += 1;
            quarantine(store, &folder.path)?;
        }
    }
    let homes = recent(check::homes(store)?, since)?;
    let crates = crates::check::judge(recent(crates::check::homes(store)?, since)?, Depth::Full);
    let systems = system::check::judge(recent(system::check::systems(store)?, since)?, Depth::Full);
    for home in check::judge(store, homes, Depth::Full)
        .into_iter()
        .chain(crates)
        .chain(systems)
    {
        if home.wrong.is_some() {
            count += 1;
            quarantine(store, &home.path)?;
        }
    }
    if count > 0 {
        // Trees and records that name what is gone go too.
        store.verify(Depth::Quick, Repair::Quarantine)?;
    }
    Ok(count)
}

/// Visits every file of the store that changed since then. Renames and links count as changes, so this is never too few.
pub(crate) fn for_each_recent(
    store: &Store,
    since: SystemTime,
    mut visit: impl FnMut(&Path) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    for folder in ["obj", "tree", "pkg"] {
        for path in files(&store.root().join("store").join(folder))? {
            if is_recent(&path, since)? {
                visit(&path)?;
            }
        }
    }
    Ok(())
}

/// Those of these folders that came to their place since then: a rename changes the folder itself.
fn recent(folders: Vec<PathBuf>, since: SystemTime) -> Result<Vec<PathBuf>, StoreError> {
    let mut recent = Vec::new();
    for folder in folders {
        if is_recent(&folder, since)? {
            recent.push(folder);
        }
    }
    Ok(recent)
}

fn is_recent(path: &Path, since: SystemTime) -> Result<bool, StoreError> {
    // Clocks of file systems are coarse.
    let since = since
        .checked_sub(Duration::from_secs(2))
        .unwrap_or(SystemTime::UNIX_EPOCH);
    let since = since
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |age| age.as_secs()) as i64;
    let metadata = path.symlink_metadata().map_err(StoreError::io("look at", path))?;
    Ok(metadata.ctime().max(metadata.mtime()) >= since)
}

/// What a manifest, of either format, says about objects.
struct Manifest {
    id: TreeId,
    objects: Vec<((ObjectId, bool), u64)>,
}

fn read_trees(paths: &[PathBuf]) -> Vec<(PathBuf, Result<Manifest, String>)> {
    paths
        .par_iter()
        .map(|path| (path.clone(), read_tree(path)))
        .collect()
}

fn read_tree(path: &Path) -> Result<Manifest, String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let name = path.file_name().unwrap_or_default();
    let id = TreeId::of(&bytes);
    if id.to_string().as_str() != name {
        return Err("its content has another digest than its name".to_owned());
    }
    let objects = if bytes.starts_with(system::tree::HEADER) {
        let tree = SystemTree::parse(&bytes).map_err(|error| error.to_string())?;
        tree.entries.iter().filter_map(system_object).collect()
    } else {
        let tree = Tree::parse(&bytes).map_err(|error| error.to_string())?;
        tree.entries.iter().filter_map(object).collect()
    };
    Ok(Manifest { id, objects })
}

fn object(entry: &Entry) -> Option<((ObjectId, bool), u64)> {
    match &entry.kind {
        Kind::File {
            object,
            size,
            executable,
        } => Some(((*object, *executable), *size)),
        Kind::Link(_) => None,
    }
}

fn system_object(entry: &SystemEntry) -> Option<((ObjectId, bool), u64)> {
    match &entry.kind {
        SystemKind::File { object, size, .. } => Some(((*object, entry.kind.is_executable()), *size)),
        SystemKind::Folder { .. } | SystemKind::Link(_) | SystemKind::Noted { .. } => None,
    }
}

/// `small` are the small files of the tree.
fn complete(
    tree: &Manifest,
    sound: &FxHashSet<(ObjectId, bool)>,
    small: Option<&small::Judged>,
) -> Result<(), String> {
    let lacks = |(key, size): &&((ObjectId, bool), u64)| {
        !small.is_some_and(|small| small.has(&key.0, key.1, *size)) && !sound.contains(key)
    };
    match tree.objects.iter().find(lacks) {
        Some(((object, _), _)) => Err(format!("its object {object} is missing or damaged")),
        None => Ok(()),
    }
}

fn judge_record(path: &Path, trees: &FxHashSet<TreeId>) -> Result<(), String> {
    let named = judge_text(path)?;
    match named.iter().find(|tree| !trees.contains(tree)) {
        None => Ok(()),
        Some(tree) => Err(format!("its tree {tree} is missing or damaged")),
    }
}

/// The trees that a record names: one, or a Debian package's two.
fn judge_text(path: &Path) -> Result<Vec<TreeId>, &'static str> {
    let text = fs::read_to_string(path).map_err(|_| "it cannot be read")?;
    let trees: Result<Vec<TreeId>, _> = text.lines().map(str::parse).collect();
    trees
        .ok()
        .filter(|trees| !trees.is_empty())
        .ok_or("it names no tree")
}

fn parse_object(path: &Path) -> Option<(ObjectId, bool)> {
    let (digits, executable) = digits(path)?;
    Some((digits.parse().ok()?, executable))
}

/// The digits in a file's name, and whether it can be run.
fn digits(path: &Path) -> Option<(&str, bool)> {
    let name = path.file_name()?.to_str()?;
    Some(match name.strip_suffix(".x") {
        Some(digits) => (digits, true),
        None => (name, false),
    })
}

fn judge_object(path: &Path, depth: Depth, sizes: &FxHashMap<(ObjectId, bool), u64>) -> Result<(), String> {
    let key = parse_object(path).ok_or("its name is no digest")?;
    judge_file(path, depth, sizes.get(&key).copied()).map(drop)
}

/// Judges a file that is named by its digest, or by the first half of it; gives its size.
pub(crate) fn judge_file(path: &Path, depth: Depth, size: Option<u64>) -> Result<u64, String> {
    let is_digest = |digits: &str| {
        matches!(digits.len(), 32 | 64) && digits.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
    };
    let (digits, executable) = digits(path)
        .filter(|(digits, _)| is_digest(digits))
        .ok_or("its name is no digest")?;
    let metadata = path.symlink_metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is no file".to_owned());
    }
    if let Some(size) = size.filter(|size| *size != metadata.len()) {
        return Err(format!("it has {} bytes instead of {size}", metadata.len()));
    }
    let wanted = if executable { 0o555 } else { 0o444 };
    if metadata.mode() & 0o222 != 0 || metadata.mode() & 0o111 != wanted & 0o111 {
        return Err(format!(
            "its mode is {:o} instead of {wanted:o}",
            metadata.mode() & 0o7777
        ));
    }
    if depth == Depth::Quick && !is_touched(&metadata) {
        return Ok(metadata.len());
    }
    let mut hasher = blake3::Hasher::new();
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    hasher.update_reader(file).map_err(|error| error.to_string())?;
    if !hasher.finalize().to_hex().starts_with(digits) {
        return Err("its content has another digest than its name".to_owned());
    }
    Ok(metadata.len())
}

/// Whether somebody wrote to a file after it was made.
pub(crate) fn is_touched(metadata: &fs::Metadata) -> bool {
    /// A file may take this long to be written; who touches it later is somebody else.
    const WRITING: Duration = Duration::from_secs(600);
    match (metadata.created(), metadata.modified()) {
        (Ok(born), Ok(modified)) => modified.duration_since(born).is_ok_and(|later| later > WRITING),
        _ => false,
    }
}

fn quarantine(store: &Store, path: &Path) -> Result<(), StoreError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let to = (0..)
        .map(|number| store.root().join("quarantine").join(format!("{name}.{number}")))
        .find(|to| to.symlink_metadata().is_err())
        .expect("some number is free");
    fs::rename(path, &to).map_err(StoreError::io("quarantine", path))
}

/// Every file below a folder, sorted. A folder that is not there has none.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut found = Vec::new();
    let mut pending = vec![folder.to_path_buf()];
    while let Some(folder) = pending.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            other => other.map_err(StoreError::io("list", &folder))?,
        };
        for entry in entries {
            let entry = entry.map_err(StoreError::io("list", &folder))?;
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => pending.push(entry.path()),
                _ => found.push(entry.path()),
            }
        }
    }
    found.sort();
    Ok(found)
}
