//! From workspace patterns (`packages/*`, `!packages/old`, `apps/**`) to the folders that have a `package.json`.
//! Sources: npm's "workspaces", pnpm's "pnpm-workspace.yaml". Invariant: `node_modules` and hidden folders are never entered;
//! the outcome is sorted and depends on the folders alone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Folders below this depth are not looked at.
const DEPTH: usize = 16;
/// More alternatives of one pattern are not written out.
const ALTERNATIVES: usize = 256;

/// The folders that patterns name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Members {
    /// Relative to the root with `/` separators, sorted; the root itself is not among them.
    pub(crate) folders: Vec<String>,
    /// Folders that were listed: a new member may turn up in them. Absolute.
    pub(crate) listed: Vec<PathBuf>,
    /// Patterns without wildcards that name no folder with a `package.json`.
    pub(crate) missing: Vec<String>,
}

/// The folders below `root` that the patterns name. Later patterns win; one with `!` takes out.
pub(crate) fn find(root: &Path, patterns: &[String]) -> Members {
    let mut found: BTreeSet<String> = BTreeSet::new();
    let mut members = Members::default();
    for pattern in patterns {
        let (negated, pattern) = match pattern.trim().strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, pattern.trim()),
        };
        for alternative in alternatives(pattern) {
            let parts = parts(&alternative);
            if negated {
                found.retain(|folder| !matches(folder, &parts));
            } else {
                let before = found.len();
                walk(root, &mut Vec::new(), &parts, &mut found, &mut members.listed);
                let literal = !parts.iter().any(|part| is_wild(part));
                if literal && found.len() == before && !found.contains(&parts.join("/")) && !parts.is_empty()
                {
                    members.missing.push(parts.join("/"));
                }
            }
        }
    }
    members.folders = found.into_iter().collect();
    members.listed.sort();
    members.listed.dedup();
    members
}

/// Whether the patterns name a folder (relative, with `/` separators), whatever lies there.
pub(crate) fn names(patterns: &[String], folder: &str) -> bool {
    let mut named = false;
    for pattern in patterns {
        let (negated, pattern) = match pattern.trim().strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, pattern.trim()),
        };
        if alternatives(pattern)
            .iter()
            .any(|one| matches(folder, &parts(one)))
        {
            named = !negated;
        }
    }
    named && !folder.split('/').any(|part| part == "node_modules")
}

/// Whether a pattern names one folder, or one outside.
pub(crate) fn is_literal(pattern: &str) -> bool {
    !is_wild(pattern) || pattern.trim_start_matches('!').starts_with("..")
}

/// The steps of a pattern; `./`, doubled slashes and a trailing one say nothing.
fn parts(pattern: &str) -> Vec<&str> {
    let pattern = pattern.strip_suffix("/package.json").unwrap_or(pattern);
    pattern
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect()
}

fn is_wild(part: &str) -> bool {
    part.contains(['*', '?', '['])
}

/// Writes out `{a,b}`.
fn alternatives(pattern: &str) -> Vec<String> {
    let mut done = Vec::new();
    let mut open = vec![pattern.to_owned()];
    while let Some(text) = open.pop() {
        match group(&text) {
            Some((start, end, choices)) if open.len() + done.len() < ALTERNATIVES => {
                for choice in choices.iter().rev() {
                    open.push(format!("{}{choice}{}", &text[..start], &text[end..]));
                }
            }
            _ => done.push(text),
        }
    }
    done
}

/// The first innermost group of braces: from where to where, and what is in it.
fn group(text: &str) -> Option<(usize, usize, Vec<&str>)> {
    let end = text.find('}')?;
    let start = text[..end].rfind('{')?;
    let choices: Vec<&str> = text[start + 1..end].split(',').collect();
    (choices.len() > 1).then_some((start, end + 1, choices))
}

fn walk(
    root: &Path,
    at: &mut Vec<String>,
    parts: &[&str],
    found: &mut BTreeSet<String>,
    listed: &mut Vec<PathBuf>,
) {
    let folder = at.iter().fold(root.to_owned(), |folder, part| folder.join(part));
    let Some((first, rest)) = parts.split_first() else {
        if !at.is_empty() && folder.join("package.json").is_file() {
            found.insert(at.join("/"));
        }
        return;
    };
    if at.len() >= DEPTH {
        return;
    }
    if *first == ".." || !is_wild(first) {
        // A workspace reaches no further than its own root.
        if *first != ".." && folder.join(first).is_dir() {
            at.push((*first).to_owned());
            walk(root, at, rest, found, listed);
            at.pop();
        }
        return;
    }
    if *first == "**" {
        walk(root, at, rest, found, listed);
    }
    listed.push(folder.clone());
    for name in subfolders(&folder) {
        if *first == "**" || matches_part(name.as_bytes(), first.as_bytes()) {
            let next = if *first == "**" { parts } else { rest };
            at.push(name);
            walk(root, at, next, found, listed);
            at.pop();
        }
    }
}

/// The folders in a folder that patterns may enter, sorted.
fn subfolders(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    let mut names: Vec<String> = entries
        .filter(|entry| match entry.file_type() {
            // A link to a folder may lead round in a circle; as a member it has its own place elsewhere.
            Ok(kind) => kind.is_dir(),
            Err(_) => false,
        })
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.') && name != "node_modules" && name != "bower_components")
        .collect();
    names.sort();
    names
}

fn matches(folder: &str, parts: &[&str]) -> bool {
    let steps: Vec<&str> = folder.split('/').collect();
    matches_steps(&steps, parts)
}

fn matches_steps(steps: &[&str], parts: &[&str]) -> bool {
    match (steps.split_first(), parts.split_first()) {
        (None, None) => true,
        (_, Some((&"**", rest))) => {
            matches_steps(steps, rest)
                || steps
                    .split_first()
                    .is_some_and(|(_, after)| matches_steps(after, parts))
        }
        (Some((step, after)), Some((part, rest))) => {
            matches_part(step.as_bytes(), part.as_bytes()) && matches_steps(after, rest)
        }
        (None, Some(_)) | (Some(_), None) => false,
    }
}

/// Whether a name fits one step of a pattern: `*`, `?` and `[abc]`, `[a-z]`, `[!a]`.
pub(crate) fn matches_part(name: &[u8], part: &[u8]) -> bool {
    match part.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => (0..=name.len()).any(|cut| matches_part(&name[cut..], rest)),
        Some((b'?', rest)) => name
            .split_first()
            .is_some_and(|(_, after)| matches_part(after, rest)),
        Some((b'[', rest)) => match (name.split_first(), class(rest)) {
            (Some((byte, after)), Some((set, rest))) => in_class(*byte, set) && matches_part(after, rest),
            (_, None) => name.first() == Some(&b'[') && matches_part(&name[1..], rest),
            (None, _) => false,
        },
        Some((byte, rest)) => name.first() == Some(byte) && matches_part(&name[1..], rest),
    }
}

fn class(part: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = part.iter().skip(1).position(|byte| *byte == b']')? + 1;
    Some((&part[..end], &part[end + 1..]))
}

fn in_class(byte: u8, set: &[u8]) -> bool {
    let (negated, set) = match set.split_first() {
        Some((b'!' | b'^', rest)) => (true, rest),
        _ => (false, set),
    };
    let ranges = set
        .windows(3)
        .any(|window| window[1] == b'-' && (window[0]..=window[2]).contains(&byte));
    negated != (ranges || set.contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(folders: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for folder in folders {
            let folder = root.path().join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("package.json"), "{}").unwrap();
        }
        root
    }

    #[test]
    fn patterns_name_folders() {
        let root = tree(&[
            ".",
            "web",
            "packages/a",
            "packages/b",
            "packages/b/test/x",
            "packages/a/node_modules/no",
            "packages/.hidden",
            "apps/one/ui",
            "apps/two/ui",
            "libs-x",
        ]);
        std::fs::create_dir_all(root.path().join("packages/empty")).unwrap();
        let check = |patterns: &[&str], expected: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
            let found = find(root.path(), &patterns);
            assert_eq!(found.folders, expected, "{patterns:?}");
            for folder in &found.folders {
                assert!(names(&patterns, folder), "{patterns:?} {folder}");
            }
        };
        check(&["packages/*"], &["packages/a", "packages/b"]);
        check(&["./packages/*/"], &["packages/a", "packages/b"]);
        check(
            &["packages/**"],
            &["packages/a", "packages/b", "packages/b/test/x"],
        );
        check(&["packages/**", "!**/test/**"], &["packages/a", "packages/b"]);
        check(&["packages/*", "!packages/a", "web"], &["packages/b", "web"]);
        check(&["!packages/a", "packages/*"], &["packages/a", "packages/b"]);
        check(&["apps/*/ui"], &["apps/one/ui", "apps/two/ui"]);
        check(&["{web,libs-*}"], &["libs-x", "web"]);
        check(
            &["packages/[!a]", "app?/one/u[a-z]"],
            &["apps/one/ui", "packages/b"],
        );
        check(&["."], &[]);
        check(&["../packages/*", "nowhere"], &[]);
        check(
            &["**"],
            &[
                "apps/one/ui",
                "apps/two/ui",
                "libs-x",
                "packages/a",
                "packages/b",
                "packages/b/test/x",
                "web",
            ],
        );
    }

    #[test]
    fn what_was_listed_and_what_is_missing_are_told() {
        let root = tree(&["packages/a", "web"]);
        let patterns = ["packages/*", "web", "api"].map(str::to_owned);
        let found = find(root.path(), &patterns);
        assert_eq!(found.listed, [root.path().join("packages")]);
        assert_eq!(found.missing, ["api"]);
    }
}
