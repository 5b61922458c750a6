//! Which files of a folder belong to the package that stands in it: what `npm pack` would put into an archive.
//! Source: the npm documentation, `package.json`, "files"; gitignore(5) for the patterns.
//!
//! Invariant: `package.json` is always taken, version control and installed dependencies never, but for those that the
//! package bundles.

use std::path::Path;

use serde_json::Value;

use crate::error::IndexError;

/// Taken whatever `files` says: the first part of the name, in lower case, in the package's own folder.
const ALWAYS: [&str; 5] = ["package.json", "readme", "license", "licence", "copying"];
/// Never taken, wherever they are.
const NEVER: [&str; 12] = [
    ".git",
    ".hg",
    ".svn",
    "CVS",
    ".DS_Store",
    ".npmrc",
    ".lock-wscript",
    "config.gypi",
    "npm-debug.log",
    "*.orig",
    ".*.swp",
    "._*",
];
/// Never taken in the package's own folder.
const NEVER_AT_TOP: [&str; 7] = [
    "package-lock.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
    "bun.lockb",
    "wharf.lock",
    ".venv",
];

/// The rule.
#[derive(Debug, Default)]
pub(super) struct PackList {
    /// `files`: what is taken; none takes everything.
    files: Option<Vec<Pattern>>,
    /// `.npmignore`, else `.gitignore`: what is not.
    ignored: Vec<Pattern>,
    /// What `main`, `bin` and the like name.
    named: Vec<String>,
    /// Names of dependencies that come with the package.
    bundled: Vec<String>,
}

impl PackList {
    /// Reads the rule of a folder.
    pub(super) fn of(folder: &Path) -> Result<Self, IndexError> {
        let path = folder.join("package.json");
        let text = std::fs::read(&path).map_err(IndexError::disk("read", &path))?;
        // What cannot be read is told where the manifest is parsed; here it has no rules.
        let manifest: Value = serde_json::from_slice(&text).unwrap_or_default();
        let ignore = [".npmignore", ".gitignore"]
            .iter()
            .find_map(|name| std::fs::read_to_string(folder.join(name)).ok());
        Ok(Self::new(&manifest, ignore.as_deref()))
    }

    fn new(manifest: &Value, ignore: Option<&str>) -> Self {
        let texts = |value: &Value| -> Vec<String> {
            let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
            items
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        let files = manifest["files"].is_array().then(|| {
            let files = texts(&manifest["files"]);
            files.iter().filter_map(|line| Pattern::anchored(line)).collect()
        });
        let ignored = match &files {
            Some(_) => Vec::new(),
            None => ignore
                .unwrap_or_default()
                .lines()
                .filter_map(Pattern::parse)
                .collect(),
        };
        let mut named: Vec<String> = Vec::new();
        named.extend(manifest["main"].as_str().map(str::to_owned));
        match &manifest["bin"] {
            Value::String(path) => named.push(path.clone()),
            Value::Object(commands) => {
                named.extend(commands.values().filter_map(Value::as_str).map(str::to_owned));
            }
            _ => {}
        }
        let all = || manifest["dependencies"].as_object().into_iter().flatten();
        let bundled = ["bundleDependencies", "bundledDependencies"].map(|key| match &manifest[key] {
            Value::Bool(true) => all().map(|(name, _)| name.clone()).collect(),
            other => texts(other),
        });
        Self {
            files,
            ignored,
            named: named
                .iter()
                .map(|path| path.trim_start_matches("./").trim_start_matches('/').to_owned())
                .collect(),
            bundled: bundled.concat(),
        }
    }

    /// Whether a file is taken, or a folder looked into. The path is relative, with `/` separators.
    pub(super) fn takes(&self, path: &str, is_folder: bool) -> bool {
        let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
        if path == "node_modules" || path.starts_with("node_modules/") {
            return self.is_bundled(path);
        }
        let at_top = !path.contains('/');
        if NEVER.iter().any(|never| matches(never, name))
            || name == "node_modules"
            || at_top && NEVER_AT_TOP.contains(&name)
        {
            return false;
        }
        if at_top && !is_folder && is_always(name) || self.leads_to_named(path, is_folder) {
            return true;
        }
        match &self.files {
            Some(files) => {
                last_word(files, path, is_folder).unwrap_or(false) || is_folder && leads_to(files, path)
            }
            None => !last_word(&self.ignored, path, is_folder).unwrap_or(false),
        }
    }

    fn is_bundled(&self, path: &str) -> bool {
        let Some(below) = path.strip_prefix("node_modules/") else {
            return !self.bundled.is_empty();
        };
        self.bundled.iter().any(|name| {
            let inside = below.strip_prefix(name.as_str());
            inside.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                || name.strip_prefix(below).is_some_and(|rest| rest.starts_with('/'))
        })
    }

    fn leads_to_named(&self, path: &str, is_folder: bool) -> bool {
        self.named.iter().any(|named| {
            named == path || is_folder && named.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
        })
    }
}

fn is_always(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    ALWAYS.iter().any(|always| {
        lower == *always
            || *always != "package.json"
                && lower
                    .strip_prefix(always)
                    .is_some_and(|rest| rest.starts_with('.'))
    })
}

/// One line of an ignore file, or one entry of `files`.
#[derive(Debug)]
struct Pattern {
    parts: Vec<String>,
    negated: bool,
    folders_only: bool,
}

impl Pattern {
    /// A line as gitignore(5) has it; `None` for empty lines and comments.
    fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        let (negated, line) = match line.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let folders_only = line.ends_with('/');
        let bare = line.trim_end_matches('/');
        let anchored = bare.contains('/');
        let bare = bare.trim_start_matches("./").trim_start_matches('/');
        let mut parts: Vec<String> = bare.split('/').map(str::to_owned).collect();
        if !anchored {
            parts.insert(0, "**".to_owned());
        }
        Some(Self {
            parts,
            negated,
            folders_only,
        })
    }

    /// An entry of `files`: the same, but always seen from the package's own folder.
    fn anchored(line: &str) -> Option<Self> {
        let line = line.trim();
        let (mark, rest) = match line.strip_prefix('!') {
            Some(rest) => ("!", rest),
            None => ("", line),
        };
        let rest = rest
            .trim_start_matches("./")
            .trim_start_matches('/')
            .trim_end_matches('/');
        match rest {
            "" | "." => Self::parse(&format!("{mark}/**")),
            rest => Self::parse(&format!("{mark}/{rest}")),
        }
    }

    /// Whether it means this path or a folder around it.
    fn means(&self, path: &str, is_folder: bool) -> bool {
        let whole: Vec<&str> = path.split('/').collect();
        (1..=whole.len()).any(|length| {
            let is_folder = is_folder || length < whole.len();
            (is_folder || !self.folders_only) && matches_parts(&self.parts, &whole[..length])
        })
    }
}

/// What the last pattern that means a path says.
fn last_word(patterns: &[Pattern], path: &str, is_folder: bool) -> Option<bool> {
    let last = patterns
        .iter()
        .rev()
        .find(|pattern| pattern.means(path, is_folder))?;
    Some(!last.negated)
}

/// Whether something below a folder may be meant.
fn leads_to(patterns: &[Pattern], folder: &str) -> bool {
    let whole: Vec<&str> = folder.split('/').collect();
    patterns.iter().filter(|pattern| !pattern.negated).any(|pattern| {
        let deep = pattern.parts.iter().position(|part| part == "**");
        match deep {
            Some(at) if at <= whole.len() => matches_parts(&pattern.parts[..at], &whole[..at]),
            _ => pattern.parts.len() > whole.len() && matches_parts(&pattern.parts[..whole.len()], &whole),
        }
    })
}

fn matches_parts(pattern: &[String], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((part, rest)), _) if part == "**" => {
            // At the end it means everything below, but not the folder itself.
            if rest.is_empty() {
                return !path.is_empty();
            }
            (0..=path.len()).any(|skip| matches_parts(rest, &path[skip..]))
        }
        (Some((part, rest)), Some((name, path))) => matches(part, name) && matches_parts(rest, path),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

/// Whether a name fits a pattern of `*`, `?`, `[…]`, `{a,b}`.
fn matches(pattern: &str, name: &str) -> bool {
    if let Some((before, rest)) = pattern.split_once('{')
        && let Some((choices, after)) = rest.split_once('}')
    {
        return choices
            .split(',')
            .any(|choice| matches(&format!("{before}{choice}{after}"), name));
    }
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut in_name) = (0, 0);
    // Where to go on after the last star, should what follows not fit.
    let mut star: Option<(usize, usize)> = None;
    while in_name < name.len() {
        match one(&pattern, at, name[in_name]) {
            _ if pattern.get(at) == Some(&'*') => {
                star = Some((at + 1, in_name));
                at += 1;
            }
            Some(next) => {
                at = next;
                in_name += 1;
            }
            None => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    at = after;
                    in_name = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|&rest| rest == '*')
}

/// Where the pattern goes on if its next part fits one character.
fn one(pattern: &[char], at: usize, letter: char) -> Option<usize> {
    match *pattern.get(at)? {
        '?' => Some(at + 1),
        '\\' => (pattern.get(at + 1) == Some(&letter)).then_some(at + 2),
        '[' => {
            let length = pattern[at + 1..].iter().skip(1).position(|&end| end == ']')? + 1;
            let class = &pattern[at + 1..at + 1 + length];
            let (negated, class) = match class.split_first() {
                Some(('!' | '^', rest)) => (true, rest),
                _ => (false, class),
            };
            let mut inside = false;
            let mut rest = class;
            while let Some((&first, tail)) = rest.split_first() {
                match tail {
                    ['-', last, tail @ ..] => {
                        inside |= (first..=*last).contains(&letter);
                        rest = tail;
                    }
                    _ => {
                        inside |= first == letter;
                        rest = tail;
                    }
                }
            }
            (inside != negated).then_some(at + length + 2)
        }
        other => (other == letter).then_some(at + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(manifest: &str, ignore: Option<&str>, taken: &[&str], left: &[&str]) {
        let list = PackList::new(&serde_json::from_str(manifest).unwrap(), ignore);
        // A file is taken only if every folder above it is looked into.
        let takes = |path: &str| {
            let cuts = path.match_indices('/').map(|(at, _)| &path[..at]);
            cuts.clone().all(|folder| list.takes(folder, true)) && list.takes(path, false)
        };
        for path in taken {
            assert!(takes(path), "{path} is taken");
        }
        for path in left {
            assert!(!takes(path), "{path} is left");
        }
    }

    #[test]
    fn without_files_all_but_what_is_ignored() {
        check(
            "{}",
            Some("# comment\n*.log\n/build\nsrc/**/test/\n!keep.log\n"),
            &[
                "package.json",
                "index.js",
                "src/a.js",
                "keep.log",
                "src/build/x",
                "src/test",
            ],
            &[
                "a.log",
                "lib/b.log",
                "build/x.js",
                "src/a/test/x.js",
                ".git/config",
                "node_modules/a/index.js",
                "lib/node_modules/a/index.js",
                "package-lock.json",
                ".npmrc",
                "lib/.DS_Store",
            ],
        );
        check(
            "{}",
            None,
            &["lib/package-lock.json", ".eslintrc"],
            &["x.orig", "._x"],
        );
    }

    #[test]
    fn with_files_only_those() {
        check(
            r#"{"files": ["dist", "lib/*.js", "!dist/**/*.map", "types/**/*.d.ts", "*.{md,txt}", "/bin/"],
                "main": "./main/index.js", "bin": {"x": "cli/x.js"}}"#,
            Some("dist"),
            &[
                "package.json",
                "README.md",
                "LICENSE",
                "Licence.txt",
                "dist/a.js",
                "dist/deep/er/b.js",
                "lib/a.js",
                "types/a.d.ts",
                "types/deep/b.d.ts",
                "notes.txt",
                "main/index.js",
                "cli/x.js",
                "bin/tool",
            ],
            &[
                "src/a.ts",
                "dist/a.map",
                "dist/deep/a.js.map",
                "lib/deep/a.js",
                "types/a.ts",
                "deep/notes.txt",
                "main/other.js",
                "licensed.js",
                "cli/y.js",
            ],
        );
        check(r#"{"files": ["."]}"#, None, &["a/b.js"], &[".git/x"]);
        check(r#"{"files": []}"#, None, &["package.json"], &["index.js"]);
        check(r#"{"files": "dist"}"#, None, &["index.js"], &[]);
    }

    #[test]
    fn bundled_dependencies_come_along() {
        check(
            r#"{"files": ["lib"], "bundleDependencies": ["a", "@s/b"]}"#,
            None,
            &[
                "node_modules/a/index.js",
                "node_modules/@s/b/x/y.js",
                "node_modules/a/node_modules/c/d.js",
            ],
            &[
                "node_modules/ab/index.js",
                "node_modules/@s/c/x.js",
                "node_modules/.bin/a",
            ],
        );
    }

    #[test]
    fn names_and_patterns() {
        for (pattern, name, expected) in [
            ("*.js", "a.js", true),
            ("*.js", "a.jsx", false),
            ("a*b*c", "aXbXbc", true),
            ("?", "ab", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]", "[]", false),
            ("{a,b}.ts", "b.ts", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn any_pattern_is_survived(pattern in "[a*?\\[\\]{},!\\\\/-]{0,12}", path in "[a/b.]{1,10}") {
            if let Some(pattern) = Pattern::parse(&pattern) {
                let _ = pattern.means(&path, false);
            }
            let _ = matches(&pattern, &path);
        }
    }
}
