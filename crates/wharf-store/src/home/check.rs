//! Whether homes are what was written.
//!
//! Invariant: a home whose link leads nowhere is damaged too, so that taking one out takes out all that reach it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rustc_hash::FxHashSet;

use super::id::GraphKey;
use super::record::{self, Record};
use super::shape::FilesOf;
use crate::error::StoreError;
use crate::store::Store;
use crate::tree::{Entry, Kind};
use crate::verify::{Depth, is_touched};

/// A home on disk, judged.
pub(crate) struct Judged {
    /// Its folder.
    pub(crate) path: PathBuf,
    /// What is wrong with it, in words.
    pub(crate) wrong: Option<String>,
}

/// The folder of every home, sorted.
pub(crate) fn homes(store: &Store) -> Result<Vec<PathBuf>, StoreError> {
    let mut homes = Vec::new();
    for label in folders(&store.homes_folder())? {
        homes.extend(folders(&label)?);
    }
    homes.sort();
    Ok(homes)
}

/// Files and bytes of every home, each file once however many names it has in one home or several.
pub(crate) fn size(store: &Store) -> Result<(u64, u64), StoreError> {
    let homes = homes(store)?;
    let parts: Vec<Vec<(u64, u64)>> = homes.par_iter().map(|home| inodes(home)).collect();
    let mut seen = FxHashSet::default();
    let (mut files, mut bytes) = (0, 0);
    for (inode, size) in parts.into_iter().flatten() {
        if seen.insert(inode) {
            files += 1;
            bytes += size;
        }
    }
    Ok((files, bytes))
}

fn inodes(home: &Path) -> Vec<(u64, u64)> {
    let folder = match is_flat(home) {
        true => home.to_owned(),
        false => home.join("node_modules"),
    };
    let mut files = crate::verify::files(&folder).unwrap_or_default();
    if folder == home {
        files.retain(|file| file.file_name().is_some_and(|name| name != record::NAME));
    }
    let data = files.iter().filter_map(|path| path.symlink_metadata().ok());
    data.filter(fs::Metadata::is_file)
        .map(|data| (data.ino(), data.len()))
        .collect()
}

/// Judges these homes, and all those that reach a damaged one.
pub(crate) fn judge(store: &Store, homes: Vec<PathBuf>, depth: Depth) -> Vec<Judged> {
    let mut judged: Vec<(Judged, Vec<String>)> = homes
        .into_par_iter()
        .map(|path| match judge_one(&path, depth) {
            Ok(links) => (Judged { path, wrong: None }, links),
            Err(wrong) => (
                Judged {
                    path,
                    wrong: Some(wrong),
                },
                Vec::new(),
            ),
        })
        .collect();
    let key = |path: &Path| {
        path.strip_prefix(store.homes_folder())
            .map(Path::to_path_buf)
            .unwrap_or_default()
    };
    let mut bad: FxHashSet<PathBuf> = FxHashSet::default();
    loop {
        let new = judged
            .iter()
            .filter(|(one, _)| one.wrong.is_some())
            .map(|(one, _)| key(&one.path));
        let before = bad.len();
        bad.extend(new);
        if bad.len() == before {
            return judged.into_iter().map(|(one, _)| one).collect();
        }
        for (one, links) in judged.iter_mut().filter(|(one, _)| one.wrong.is_none()) {
            let broken = links.iter().find(|target| bad.contains(home_of(target)));
            one.wrong =
                broken.map(|target| format!("it needs {}, which is damaged", home_of(target).display()));
        }
    }
}

/// The home that a recorded link leads to: its first two folders.
fn home_of(target: &str) -> &Path {
    let end = target
        .match_indices('/')
        .nth(1)
        .map_or(target.len(), |(at, _)| at);
    Path::new(&target[..end])
}

/// A sound home's links.
fn judge_one(home: &Path, depth: Depth) -> Result<Vec<String>, String> {
    let bytes = fs::read(home.join(record::NAME)).map_err(|error| format!("its record: {error}"))?;
    let record = record::parse(&bytes)?;
    let (name, modules) = (name_of(home), home.join("node_modules"));
    let files = match is_flat(home) {
        true => FilesOf::flat(home.to_owned()),
        false => FilesOf::tree(modules.join(&name)),
    };
    judge_files(&files, &record, depth, 0o222)?;
    let own_link = files.folder.join("node_modules").join(&name);
    for (alias, target) in &record.links {
        let at = match *alias == name {
            true => own_link.clone(),
            false => modules.join(alias),
        };
        judge_link(&at, target)?;
    }
    if depth == Depth::Full {
        judge_strays(&files, &record, &[own_link, home.join(record::NAME)])?;
    }
    Ok(record.links.into_iter().map(|(_, target)| target).collect())
}

/// Whether this is the folder of a flat home.
fn is_flat(home: &Path) -> bool {
    let graph = GraphKey::FLAT.to_string();
    home.extension().is_some_and(|extension| *extension == *graph)
}

fn judge_link(at: &Path, target: &str) -> Result<(), String> {
    let name = at.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let link = fs::read_link(at).map_err(|error| format!("its link {name}: {error}"))?;
    if !link.ends_with(target) {
        return Err(format!("its link {name} leads elsewhere"));
    }
    if fs::metadata(at).is_err() {
        return Err(format!("it needs {target}, which is missing"));
    }
    Ok(())
}

/// Compares files with their record. `forbidden` are bits that no file's mode has.
pub(crate) fn judge_files(
    files: &FilesOf,
    record: &Record,
    depth: Depth,
    forbidden: u32,
) -> Result<(), String> {
    record.tree.entries.iter().try_for_each(|entry| {
        judge_file(&files.file(entry), entry, depth, forbidden)
            .map_err(|wrong| format!("{}: {wrong}", entry.path))
    })
}

fn judge_file(path: &Path, entry: &Entry, depth: Depth, forbidden: u32) -> Result<(), String> {
    let Kind::File {
        object,
        size,
        executable,
    } = &entry.kind
    else {
        return Ok(());
    };
    let metadata = path.symlink_metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is no file".to_owned());
    }
    if metadata.len() != *size {
        return Err(format!("it has {} bytes instead of {size}", metadata.len()));
    }
    if metadata.mode() & forbidden != 0 {
        return Err(format!("it can be written (mode {:o})", metadata.mode() & 0o7777));
    }
    if *executable && metadata.mode() & 0o111 == 0 {
        return Err("it cannot be run".to_owned());
    }
    if depth == Depth::Quick && !is_touched(&metadata) {
        return Ok(());
    }
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file).map_err(|error| error.to_string())?;
    if hasher.finalize().as_bytes() != object.as_bytes() {
        return Err("its content has changed".to_owned());
    }
    Ok(())
}

/// Files that somebody put there, who is not the record, nor one of `others`: node would load them.
pub(crate) fn judge_strays(files: &FilesOf, record: &Record, others: &[PathBuf]) -> Result<(), String> {
    let known: FxHashSet<PathBuf> = record
        .tree
        .entries
        .iter()
        .map(|entry| files.file(entry))
        .collect();
    for path in crate::verify::files(&files.folder).map_err(|error| error.to_string())? {
        if !known.contains(&path) && !others.contains(&path) {
            let inside = path.strip_prefix(&files.folder).unwrap_or(&path);
            return Err(format!("{}: it is not of the package", inside.display()));
        }
    }
    Ok(())
}

/// The package's name, from the folder in `node_modules` that is no link.
fn name_of(home: &Path) -> String {
    let modules = home.join("node_modules");
    for folder in folders(&modules).unwrap_or_default() {
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !name.starts_with('@') {
            return name;
        }
        if let Some(inner) = folders(&folder).unwrap_or_default().first() {
            let inner = inner
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            return format!("{name}/{inner}");
        }
    }
    String::new()
}

/// Folders in a folder, links not counted. One that is not there has none.
pub(crate) fn folders(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(StoreError::io("list", folder))?,
    };
    let folders = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    Ok(folders.map(|entry| entry.path()).collect())
}
