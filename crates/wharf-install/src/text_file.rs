//! Small files of the project that belong to other tools and change with a commit, such as `.cargo/config.toml`.
//!
//! Invariant: a file is changed only while it holds what the change was made for, and then as a whole; doing so twice is
//! doing so once. A folder that is made for a file goes with it when nothing else lies there.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use wharf_store::durable;

use crate::error::InstallError;
use crate::{Durability, FileChange};

/// Carries out a change, unless it is done or somebody changed the file since.
///
/// # Errors
/// The file cannot be read or written.
pub(crate) fn change(
    project: &Path,
    change: &FileChange,
    durability: Durability,
) -> Result<(), InstallError> {
    let path = project.join(&change.path);
    let folder = path.parent().unwrap_or(project);
    let now = read(&path)?;
    if now == change.after || now != change.before {
        tracing::debug!(path = %path.display(), "left alone");
        if now.is_none() && folder != project && durable::sweep_drafts(folder) {
            let _ = fs::remove_dir(folder); // a killed one had made it for the file
        }
        return Ok(());
    }
    match &change.after {
        Some(text) => {
            fs::create_dir_all(folder).map_err(InstallError::io("create", folder))?;
            // A link stays one: what it leads to is replaced.
            let real = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
            Ok(durable::replace(&real, text.as_bytes(), durability.of_files())?)
        }
        None => {
            fs::remove_file(&path).map_err(InstallError::io("remove", &path))?;
            if folder != project {
                // Commits are made under a lock: what lies there half written, a killed one left. It stays where anything else is in it.
                durable::sweep_drafts(folder);
                let _ = fs::remove_dir(folder);
            }
            Ok(())
        }
    }
}

/// What a file holds; `None` where there is none.
fn read(path: &Path) -> Result<Option<String>, InstallError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(InstallError::io("read", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_done_once_and_only_to_what_it_was_made_for() {
        let project = tempfile::tempdir().unwrap();
        let path = project.path().join(".tool/config.toml");
        let wish = |before: Option<&str>, after: Option<&str>| FileChange {
            path: ".tool/config.toml".to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        };
        let carry_out = |wish: &FileChange| change(project.path(), wish, Durability::Process).unwrap();
        let first = wish(None, Some("one"));
        carry_out(&first);
        carry_out(&first);
        assert_eq!(read(&path).unwrap().as_deref(), Some("one"));
        carry_out(&wish(Some("other"), Some("two")));
        assert_eq!(read(&path).unwrap().as_deref(), Some("one"));
        carry_out(&wish(Some("one"), Some("two")));
        carry_out(&wish(Some("one"), Some("two")).inverted());
        assert_eq!(read(&path).unwrap().as_deref(), Some("one"));
        carry_out(&first.inverted());
        assert!(
            !path.parent().unwrap().exists(),
            "the folder was made for the file"
        );
        carry_out(&first);
        fs::write(path.parent().unwrap().join(".wharf-k1lleD"), "half").unwrap();
        carry_out(&first.inverted());
        assert!(!path.parent().unwrap().exists(), "a killed command is no reason");
        fs::create_dir(path.parent().unwrap()).unwrap();
        carry_out(&first.inverted());
        assert!(path.parent().unwrap().exists(), "it may be somebody's");
        fs::write(path.parent().unwrap().join(".wharf-k1lleD"), "half").unwrap();
        carry_out(&first.inverted());
        assert!(!path.parent().unwrap().exists());
        fs::create_dir(path.parent().unwrap()).unwrap();
        fs::write(path.parent().unwrap().join("other"), "x").unwrap();
        carry_out(&first);
        carry_out(&first.inverted());
        assert!(path.parent().unwrap().join("other").exists());
    }

    #[test]
    fn a_link_stays_a_link() {
        let project = tempfile::tempdir().unwrap();
        let (real, link) = (project.path().join("real"), project.path().join("link"));
        fs::write(&real, "one").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let wish = FileChange {
            path: "link".to_owned(),
            before: Some("one".to_owned()),
            after: Some("two".to_owned()),
        };
        change(project.path(), &wish, Durability::Power).unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "two");
    }
}
