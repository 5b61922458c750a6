//! Variables that tell programs where their data lies, where that is not `/usr`.
//! Invariant: a variable is given only if what it names is there.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A line: the variable, then paths of the root with colons between; a part `*` stands for any one name.
const TABLE: &str = include_str!("../../data/patched.txt");

/// The variables for programs of a tree.
pub(super) fn of(tree: &Path) -> Vec<(String, OsString)> {
    let mut variables = Vec::new();
    for line in TABLE.lines() {
        let Some((name, paths)) = parse(line) else {
            continue;
        };
        let found = paths.split(':').flat_map(|path| there(tree, path));
        if let Ok(value) = std::env::join_paths(found)
            && !value.is_empty()
        {
            variables.push((name.to_owned(), value));
        }
    }
    variables
}

fn parse(line: &str) -> Option<(&str, &str)> {
    let line = line.split('#').next()?.trim();
    let (name, paths) = line.split_once(char::is_whitespace)?;
    Some((name, paths.trim()))
}

/// What of a path with `*` in it is there, in the order of names.
fn there(tree: &Path, path: &str) -> Vec<PathBuf> {
    let mut found = vec![tree.to_owned()];
    for part in path.split('/') {
        found = match part {
            "*" => found.iter().flat_map(|folder| inside(folder)).collect(),
            part => found.iter().map(|folder| folder.join(part)).collect(),
        };
        found.retain(|path| path.exists());
    }
    found
}

fn inside(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_one() {
        let lines = TABLE
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        for line in lines {
            let (name, paths) = parse(line).expect(line);
            assert!(
                name.chars()
                    .all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_'),
                "{line}"
            );
            assert!(!paths.starts_with('/') && !paths.contains(' '), "{line}");
        }
    }

    #[test]
    fn only_what_is_there_is_named() {
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(tree.path().join("usr/lib/git-core")).unwrap();
        for version in ["5.36", "5.38"] {
            std::fs::create_dir_all(tree.path().join("usr/share/perl").join(version)).unwrap();
        }
        let variables = of(tree.path());
        let names: Vec<&str> = variables.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["GIT_EXEC_PATH", "PERL5LIB", "XDG_DATA_DIRS"]);
        let at = |name: &str| tree.path().join(name).display().to_string();
        let perl = format!("{}:{}", at("usr/share/perl/5.36"), at("usr/share/perl/5.38"));
        assert_eq!(variables[1].1, OsString::from(perl));
    }
}
