//! Folders of `/run` that a service expects when it starts, such as `/run/postgresql`.
//!
//! A system makes them when it starts, by what packages say in `tmpfiles.d`; here they are made in the project's own `/run`, once
//! with each start of the machine and each system root. Source: tmpfiles.d(5), of which lines that make folders count.
//! Invariant: nothing is made outside the folder that stands for `/run`.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use super::ViewError;
use super::state::has_folders;

/// Says that they were made.
const MADE: &str = ".made";

/// Makes the folders, unless that was done.
pub(super) fn of_the_system(root: &Path, run: &Path) -> Result<(), ViewError> {
    if run.join(MADE).exists() {
        return Ok(());
    }
    let mut wanted = shipped(root);
    for file in fs::read_dir(root.join("usr/lib/tmpfiles.d"))
        .into_iter()
        .flatten()
        .flatten()
    {
        if let Ok(text) = fs::read_to_string(file.path()) {
            wanted.extend(text.lines().filter_map(folder));
        }
    }
    for (inner, mode) in wanted {
        make(run, &inner, mode).map_err(ViewError::state(&run.join(inner)))?;
    }
    fs::write(run.join(MADE), "").map_err(ViewError::state(run))
}

/// Has them made anew: the system root is another.
pub(super) fn forget(run: &Path) {
    // Where it is missing there is nothing to forget.
    _ = fs::remove_file(run.join(MADE));
}

fn make(run: &Path, inner: &Path, mode: u32) -> io::Result<()> {
    let folder = run.join(inner);
    if folder.symlink_metadata().is_ok() || !has_folders(run, inner)? {
        return Ok(());
    }
    fs::set_permissions(folder, Permissions::from_mode(mode | 0o700))
}

/// Folders that packages themselves bring.
fn shipped(root: &Path) -> Vec<(PathBuf, u32)> {
    let mut found = Vec::new();
    for place in ["run", "var/run"] {
        // A link is one to `/run`.
        let place = root.join(place);
        if !place.symlink_metadata().is_ok_and(|data| data.is_dir()) {
            continue;
        }
        for entry in fs::read_dir(place).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                found.push((entry.file_name().into(), 0o755));
            }
        }
    }
    found
}

/// The folder below `/run` that a line makes, and its mode.
fn folder(line: &str) -> Option<(PathBuf, u32)> {
    let mut words = line.split_ascii_whitespace();
    if !matches!(words.next()?.trim_end_matches(['!', '-', '+', '=']), "d" | "D") {
        return None;
    }
    let path = Path::new(words.next()?);
    let inner = path
        .strip_prefix("/run")
        .or_else(|_| path.strip_prefix("/var/run"))
        .ok()?;
    let plain = inner
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    // Specifiers stand for things of a running system.
    let usual = plain && inner.components().count() > 0 && !inner.to_string_lossy().contains('%');
    let mode = words
        .next()
        .and_then(|mode| u32::from_str_radix(mode.trim_start_matches(['~', ':']), 8).ok());
    usual.then(|| (inner.to_owned(), mode.unwrap_or(0o755) & 0o7777))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_make_folders_below_run_count() {
        let check = |line: &str, expected: Option<(&str, u32)>| {
            let found = folder(line);
            assert_eq!(found, expected.map(|(path, mode)| (path.into(), mode)), "{line}");
        };
        check(
            "d /run/postgresql 2775 postgres postgres - -",
            Some(("postgresql", 0o2775)),
        );
        check("D! /var/run/screen/x - root utmp", Some(("screen/x", 0o755)));
        check("d /var/lib/x 0755", None);
        check("d /run/../etc/x 0755", None);
        check("d /run 0755", None);
        check("d /run/user/%U 0755", None);
        check("f /run/file 0644", None);
        check("# d /run/x", None);
        check("", None);
    }

    #[test]
    fn folders_are_made_once_and_anew_for_another_root() {
        let (root, run) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let rules = root.path().join("usr/lib/tmpfiles.d");
        fs::create_dir_all(&rules).unwrap();
        fs::create_dir_all(root.path().join("var/run/brought")).unwrap();
        fs::write(rules.join("a.conf"), "d /run/one 1777\n").unwrap();
        let made = |name: &str| {
            run.path()
                .join(name)
                .metadata()
                .map(|data| data.permissions().mode() & 0o7777)
        };
        of_the_system(root.path(), run.path()).unwrap();
        assert_eq!(made("one").unwrap(), 0o1777);
        assert!(made("brought").is_ok());
        fs::write(rules.join("b.conf"), "d /run/two\n").unwrap();
        of_the_system(root.path(), run.path()).unwrap();
        assert!(made("two").is_err());
        forget(run.path());
        of_the_system(root.path(), run.path()).unwrap();
        assert!(made("two").is_ok());
    }
}
