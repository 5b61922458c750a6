//! What tests of homes and of crates ask of a store.

use std::fs;
use std::path::PathBuf;

use wharf_store::Store;

/// An empty store.
pub(crate) fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("store")).unwrap();
    (dir, store)
}

/// Homes that are begun in the stage.
pub(crate) fn drafts(store: &Store) -> usize {
    let below = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten();
    let inside = below(store.root().join("stage")).flat_map(|process| below(process.path()));
    let is_of_drafts = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with("drafts");
    inside
        .filter(is_of_drafts)
        .flat_map(|drafts| below(drafts.path()))
        .count()
}
