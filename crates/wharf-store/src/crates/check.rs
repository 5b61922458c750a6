//! Whether crates' homes are what was written. Invariant: nothing is deleted here.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::place::CHECKSUM_FILE;
use crate::error::StoreError;
use crate::home::check::{Judged, folders, judge_files, judge_strays};
use crate::home::record;
use crate::home::shape::FilesOf;
use crate::store::Store;
use crate::verify::Depth;

/// The home of every crate, sorted.
pub(crate) fn homes(store: &Store) -> Result<Vec<PathBuf>, StoreError> {
    let mut homes = folders(&store.crates_folder())?;
    homes.sort();
    Ok(homes)
}

/// Files and bytes of every home.
pub(crate) fn size(store: &Store) -> Result<(u64, u64), StoreError> {
    let sizes: Vec<(u64, u64)> = homes(store)?.par_iter().map(|home| size_of(home)).collect();
    Ok(sizes.into_iter().fold((0, 0), |(files, bytes), (more, larger)| {
        (files + more, bytes + larger)
    }))
}

fn size_of(home: &Path) -> (u64, u64) {
    let files = crate::verify::files(home).unwrap_or_default();
    let data: Vec<fs::Metadata> = files
        .iter()
        .filter_map(|path| path.symlink_metadata().ok())
        .collect();
    (data.len() as u64, data.iter().map(MetadataExt::size).sum())
}

/// Judges these homes.
pub(crate) fn judge(homes: Vec<PathBuf>, depth: Depth) -> Vec<Judged> {
    let judge = |path: PathBuf| Judged {
        wrong: judge_one(&path, depth).err(),
        path,
    };
    homes.into_par_iter().map(judge).collect()
}

fn judge_one(home: &Path, depth: Depth) -> Result<(), String> {
    let bytes = fs::read(home.join(record::NAME)).map_err(|error| format!("its record: {error}"))?;
    let record = record::parse(&bytes)?;
    let folders = folders(home).map_err(|error| error.to_string())?;
    let [package] = folders.as_slice() else {
        return Err(format!("it has {} folders instead of one", folders.len()));
    };
    // A repository has one in the folder of each of its packages.
    let mut paths = record.tree.entries.iter().map(|entry| &entry.path);
    if !paths.any(|path| path.file_name() == CHECKSUM_FILE) {
        return Err(format!("its record names no {CHECKSUM_FILE}"));
    }
    let files = FilesOf::tree(package.clone());
    judge_files(&files, &record, depth, 0o022)?;
    match depth {
        Depth::Full => judge_strays(&files, &record, &[]),
        Depth::Quick => Ok(()),
    }
}
