//! Patterns of folders as workspaces write them, and paths from one folder to another.

use std::path::{Component, Path, PathBuf};

use crate::npm::members::matches_part;
use crate::requirement::normalize;

/// Folders below this depth are not looked at.
const DEPTH: usize = 16;
/// No pattern looks into more folders: `/**` would go through the whole machine.
const MOST: usize = 10_000;

/// The folders that a pattern names, sorted, and those that were listed to find them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) folders: Vec<PathBuf>,
    pub(super) listed: Vec<PathBuf>,
}

/// Whether a pattern may name more than one folder.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// The folders below `root` that a pattern names.
pub(super) fn find(root: &Path, pattern: &str) -> Found {
    let parts: Vec<&str> = pattern
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    let mut found = Found::default();
    let start = if pattern.starts_with('/') {
        Path::new("/")
    } else {
        root
    };
    walk(start.to_owned(), &parts, DEPTH, &mut found);
    found
}

fn walk(folder: PathBuf, parts: &[&str], depth: usize, found: &mut Found) {
    let Some((first, rest)) = parts.split_first() else {
        let folder = normalize(&folder);
        if folder.is_dir() && !found.folders.contains(&folder) {
            found.folders.push(folder);
        }
        return;
    };
    if depth == 0 || found.listed.len() >= MOST {
        return;
    }
    if !is_pattern(first) {
        return walk(folder.join(first), rest, depth, found);
    }
    if *first == "**" {
        walk(folder.clone(), rest, depth, found);
    }
    found.listed.push(normalize(&folder));
    for name in subfolders(&folder) {
        if *first == "**" {
            walk(folder.join(name), parts, depth - 1, found);
        } else if matches_part(name.as_bytes(), first.as_bytes()) {
            walk(folder.join(name), rest, depth - 1, found);
        }
    }
}

fn subfolders(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// The way from one folder to another, both absolute, with `/` separators; `.` where they are the same.
pub(super) fn relative(from: &Path, to: &Path) -> String {
    let (from, to): (Vec<_>, Vec<_>) = (from.components().collect(), to.components().collect());
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = from[shared..].iter().map(|_| "..".to_owned());
    let down = to[shared..].iter().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
    });
    let steps: Vec<String> = up.chain(down).collect();
    if steps.is_empty() {
        ".".to_owned()
    } else {
        steps.join("/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_folders() {
        let root = tempfile::tempdir().unwrap();
        for folder in [
            "crates/a",
            "crates/b/x",
            "crates/.hidden",
            "tools/one",
            "tools/two",
        ] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        std::fs::write(root.path().join("crates/file"), "").unwrap();
        let below = root.path().join("tools");
        let check = |root: &Path, pattern: &str, expected: &[&str], listed: &[&str]| {
            let base = std::path::absolute(root).unwrap();
            let found = find(&base, pattern);
            let shown =
                |paths: &[PathBuf]| paths.iter().map(|path| relative(&base, path)).collect::<Vec<_>>();
            assert_eq!(shown(&found.folders), expected, "{pattern}");
            assert_eq!(shown(&found.listed), listed, "{pattern}");
        };
        check(
            root.path(),
            "crates/*",
            &["crates/.hidden", "crates/a", "crates/b"],
            &["crates"],
        );
        check(
            root.path(),
            "./crates/[ab]/",
            &["crates/a", "crates/b"],
            &["crates"],
        );
        check(root.path(), "*/t?o", &["tools/two"], &[".", "crates", "tools"]);
        check(
            root.path(),
            "crates/b/**",
            &["crates/b", "crates/b/x"],
            &["crates/b", "crates/b/x"],
        );
        check(root.path(), "tools/one", &["tools/one"], &[]);
        check(root.path(), "nothing/*", &[], &["nothing"]);
        check(&below, "../crates/a", &["../crates/a"], &[]);
        check(&below, ".", &["."], &[]);
    }
}
