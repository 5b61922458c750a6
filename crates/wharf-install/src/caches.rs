//! Caches that tools keep inside `node_modules`, carried from the folder that is replaced into the one that replaces it.
//!
//! Invariant: only folders whose names begin with a dot are carried, never what Wharf or another package manager put there;
//! carrying may be killed and started again. A cache that cannot be carried is lost, which costs time and nothing else.

use std::fs;
use std::path::Path;

use crate::folder::OURS;

/// Folders in which package managers keep packages: theirs, and of no use to the new environment.
const MANAGERS: [&str; 7] = [".pnpm", ".aube", ".bun", ".deno", ".store", ".npm", ".yarn"];

/// Whether an entry of `node_modules` is a cache of some tool's.
pub(crate) fn is_cache(name: &str) -> bool {
    name.starts_with('.') && !OURS.contains(&name) && !MANAGERS.contains(&name)
}

/// Moves the caches of the folder at `old` into the one at `new`, unless something of that name is there.
pub(crate) fn carry(old: &Path, new: &Path) {
    for entry in fs::read_dir(old).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if !folder || !name.to_str().is_some_and(is_cache) {
            continue;
        }
        let to = new.join(&name);
        if to.symlink_metadata().is_ok() {
            continue;
        }
        if let Err(error) = fs::rename(entry.path(), &to) {
            tracing::debug!(path = %to.display(), %error, "a tool's cache is not carried over");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_move_and_nothing_else() {
        let temporary = tempfile::tempdir().unwrap();
        let (old, new) = (temporary.path().join("old"), temporary.path().join("new"));
        for name in [
            ".cache/babel",
            ".vite/deps",
            ".prisma/client",
            ".pnpm/x",
            ".bin/y",
            ".wharf/z",
            "react/lib",
        ] {
            fs::create_dir_all(old.join(name)).unwrap();
        }
        fs::write(old.join(".package-lock.json"), "{}").unwrap();
        fs::create_dir_all(new.join(".vite/mine")).unwrap();
        for _ in 0..2 {
            carry(&old, &new);
            let mut names: Vec<_> = fs::read_dir(&new)
                .unwrap()
                .flatten()
                .map(|entry| entry.file_name().into_string().unwrap())
                .collect();
            names.sort();
            assert_eq!(names, [".cache", ".prisma", ".vite"]);
        }
        assert!(new.join(".cache/babel").exists() && new.join(".vite/mine").exists());
        assert!(
            old.join(".vite/deps").exists(),
            "what the new one has is not replaced"
        );
    }
}
