//! Folders of the user's own that npm packages come from: what in them is watched, and members' commands that must be runnable.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use wharf_project::NpmProject;

/// Folders that are no part of a package.
const PASSED_OVER: [&str; 3] = ["node_modules", ".git", ".wharf"];

/// Every file and folder below a folder that is copied as a package; `None` where there are more than `most`.
pub(crate) fn watched(folder: &Path, most: usize) -> Option<Vec<PathBuf>> {
    let mut found = vec![folder.to_owned()];
    let mut next = 0;
    while let Some(path) = found.get(next).cloned() {
        next += 1;
        let entries = fs::read_dir(&path).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            if !PASSED_OVER.iter().any(|passed| name == *passed) {
                found.push(entry.path());
            }
        }
        if found.len() > most {
            return None;
        }
    }
    Some(found)
}

/// Lets the commands of the workspace's members be run, as npm does when it links them.
pub(crate) fn make_commands_runnable(npm: &NpmProject) {
    for importer in &npm.importers {
        for (_, file) in &importer.bin {
            // One that is not there may be built later; one that is not ours to change is not run by us either.
            if let Err(error) = make_runnable(&importer.folder.join(file)) {
                tracing::debug!(file, %error, "a member's command is left as it is");
            }
        }
    }
}

fn make_runnable(file: &Path) -> std::io::Result<()> {
    let data = fs::symlink_metadata(file)?;
    let mode = data.permissions().mode();
    if data.is_file() && mode & 0o111 != 0o111 {
        fs::set_permissions(file, fs::Permissions::from_mode(mode | 0o111))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_watched_of_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["dist/a.js", "node_modules/x/index.js", "package.json"] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let mut found = watched(folder.path(), 10).unwrap();
        found.sort();
        let expected = ["", "dist", "dist/a.js", "package.json"].map(|path| folder.path().join(path));
        assert_eq!(found, expected);
        assert!(watched(folder.path(), 3).is_none());
    }
}
