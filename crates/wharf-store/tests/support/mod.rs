//! What tests of homes and of crates ask of a store.

use std::fs;

use wharf_store::Store;

/// An empty store.
pub(crate) fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("store")).unwrap();
    (dir, store)
}

/// Homes that are begun in the stage.
pub(crate) fn drafts(store: &Store) -> usize {
    let mut count = 0;
    for process in fs::read_dir(store.root().join("stage")).unwrap().flatten() {
        let inside = fs::read_dir(process.path()).into_iter().flatten().flatten();
        count += inside
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("home"))
            .count();
    }
    count
}
