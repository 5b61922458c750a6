//! Heads, lengths and forbidden texts of the tracked files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{self, Failure};

/// The longest that a source file may be. Split it along its parts before that.
const LINES: usize = 900;

/// The only files that may name a public registry.
const DEFAULTS: [&str; 2] = ["crates/wharf-project/data/defaults.toml", "Cargo.lock"];

/// Every tracked file (and every new one that is not ignored) with its content.
pub(super) fn tracked() -> Result<BTreeMap<PathBuf, Vec<u8>>, Failure> {
    let mut git = Command::new("git");
    git.current_dir(shell::root())
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]);
    let listing = shell::output(&mut git)?;
    let mut files = BTreeMap::new();
    for name in listing.split('\0').filter(|name| !name.is_empty()) {
        let path = PathBuf::from(name);
        // A file that is tracked and deleted is not there to be read.
        if shell::root().join(&path).is_file() {
            let content = super::read(&path)?;
            files.insert(path, content);
        }
    }
    Ok(files)
}

/// Checks every file.
pub(super) fn check(sources: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<String> {
    let mut findings = Vec::new();
    for (path, content) in sources {
        if let Ok(text) = std::str::from_utf8(content) {
            findings.extend(forbidden(path, text));
            if path.extension().is_some_and(|extension| extension == "rs") {
                findings.extend(source(path, text));
            }
        }
    }
    findings
}

fn source(path: &Path, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    if !text.starts_with("//!") {
        findings.push(format!(
            "{}:1: open with `//!`: what the file is for, its invariant, its sources",
            path.display()
        ));
    }
    let lines = text.lines().count();
    if lines > LINES {
        findings.push(format!(
            "{}: {lines} lines; split it (at most {LINES})",
            path.display()
        ));
    }
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.starts_with("#[allow(") || line.starts_with("#![allow(") {
            findings.push(format!(
                "{}:{}: `#[expect(…, reason = …)]`, never `allow`",
                path.display(),
                number + 1
            ));
        }
        if pure(path)
            && ["std::fs", "std::net", "async fn"]
                .iter()
                .any(|word| line.contains(word) && !line.starts_with("//"))
        {
            findings.push(format!(
                "{}:{}: this crate does no I/O and is not async",
                path.display(),
                number + 1
            ));
        }
    }
    findings
}

fn pure(path: &Path) -> bool {
    ["crates/wharf-core/src", "crates/wharf-ecosystem/src"]
        .iter()
        .any(|root| path.starts_with(root))
}

/// Public hosts belong into the one file of defaults, and paths of somebody's machine nowhere.
fn forbidden(path: &Path, text: &str) -> Vec<String> {
    if DEFAULTS.iter().any(|defaults| path == Path::new(defaults)) {
        return Vec::new();
    }
    let hosts = [
        ["pypi", "org"],
        ["pythonhosted", "org"],
        ["registry.npmjs", "org"],
        ["index.crates", "io"],
        ["static.crates", "io"],
    ];
    let mut words: Vec<(String, &str)> = hosts
        .iter()
        .map(|parts| (parts.join("."), "a public host outside the file of defaults"))
        .collect();
    words.extend(["root", "work/main"].map(|folder| (format!("/{folder}/"), "a path of somebody's machine")));
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for (word, why) in &words {
            if contains_word(line, word) {
                findings.push(format!("{}:{}: {why}: `{word}`", path.display(), number + 1));
            }
        }
    }
    findings
}

/// Whether the line has the word at a boundary: a path inside a test's archive (`x/root/y`) is nobody's machine.
fn contains_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        !word.starts_with('/')
            || before.is_none_or(|before| matches!(before, ' ' | '"' | '\'' | '`' | '=' | '('))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_lengths_and_allows_are_found() {
        let long = format!("//! Long.\n{}", "x\n".repeat(LINES + 1));
        assert_eq!(source(Path::new("a.rs"), &long).len(), 1);
        assert_eq!(source(Path::new("a.rs"), "fn main() {}\n").len(), 1);
        assert_eq!(
            source(Path::new("a.rs"), "//! x\n#[allow(dead_code)]\nfn f() {}\n").len(),
            1
        );
        assert_eq!(
            source(Path::new("crates/wharf-core/src/a.rs"), "//! x\nuse std::fs;\n").len(),
            1
        );
        assert!(source(Path::new("crates/wharf-store/src/a.rs"), "//! x\nuse std::fs;\n").is_empty());
    }

    #[test]
    fn hosts_stand_in_one_file_only() {
        let line = format!("url = \"https://{}/simple\"", ["pypi", "org"].join("."));
        assert_eq!(forbidden(Path::new("docs/a.md"), &line).len(), 1);
        assert!(forbidden(Path::new(DEFAULTS[0]), &line).is_empty());
        assert!(forbidden(Path::new("docs/a.md"), "url = \"https://example.org/simple\"").is_empty());
        assert!(forbidden(Path::new("a.rs"), "\"gen/42/root/bin\"").is_empty());
    }
}
