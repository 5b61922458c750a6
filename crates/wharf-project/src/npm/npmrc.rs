//! The format of `.npmrc`: `key = value`, `key[] = value`, comments, quotes, `${VARIABLE}`.
//! Sources: docs.npmjs.com "npmrc"; the `ini` format as npm reads it; pnpm's `${NAME:-default}`. Invariant: any text is read; a
//! line that fits nothing is passed over, because a foreign configuration must never stop a command.

use std::collections::BTreeMap;

/// One key of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// As written, without `[]`.
    pub(crate) key: String,
    /// The values: several where the key stands with `[]`, else the last.
    pub(crate) values: Vec<String>,
    /// The line of the last value, counted from 1.
    pub(crate) line: u32,
    /// Variables that a value names and that are not set; the value then holds them as written.
    pub(crate) unset: Vec<String>,
}

/// Reads a file. Keys of sections (`[name]`) belong to other tools.
pub(crate) fn parse(text: &str, variables: &BTreeMap<String, String>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for (number, line) in text.trim_start_matches('\u{feff}').split('\n').enumerate() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with([';', '#']) {
            continue;
        }
        if trimmed.starts_with('[') && trimmed.ends_with(']') {
            break;
        }
        let (key, value) = match trimmed.split_once('=') {
            Some((key, value)) => (plain(key), plain(value)),
            None => (plain(trimmed), "true".to_owned()),
        };
        let (key, is_list) = match key.strip_suffix("[]") {
            Some(bare) if !bare.is_empty() => (bare.to_owned(), true),
            _ => (key, false),
        };
        let mut unset = Vec::new();
        let key = expand(&key, variables, &mut unset);
        let value = expand(&value, variables, &mut unset);
        let line = u32::try_from(number + 1).unwrap_or(u32::MAX);
        match entries.iter_mut().find(|entry| entry.key == key) {
            Some(entry) => {
                if !is_list {
                    entry.values.clear();
                    entry.unset.clear();
                }
                entry.values.push(value);
                entry.unset.extend(unset);
                entry.line = line;
            }
            None => entries.push(Entry {
                key,
                values: vec![value],
                line,
                unset,
            }),
        }
    }
    entries
}

/// A key or a value without its quotes, or up to a comment.
fn plain(text: &str) -> String {
    let text = text.trim();
    let quoted = |quote: char| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
    if quoted('"') {
        return serde_json::from_str(text).unwrap_or_else(|_| text.to_owned());
    }
    if quoted('\'') {
        return text[1..text.len() - 1].to_owned();
    }
    let mut read = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            ';' | '#' => break,
            '\\' => match characters.next() {
                Some(escaped @ ('\\' | ';' | '#')) => read.push(escaped),
                Some(other) => read.extend(['\\', other]),
                None => read.push('\\'),
            },
            c => read.push(c),
        }
    }
    read.trim().to_owned()
}

/// Puts variables in: `${NAME}`, `${NAME?}` (nothing where it is not set), `${NAME:-default}`. A backslash before keeps it.
pub(crate) fn expand(text: &str, variables: &BTreeMap<String, String>, unset: &mut Vec<String>) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let Some(length) = rest[at..].find('}') else { break };
        let (before, whole) = (&rest[..at], &rest[at..=at + length]);
        rest = &rest[at + length + 1..];
        let bare = before.trim_end_matches('\\');
        let slashes = before.len() - bare.len();
        expanded.push_str(bare);
        expanded.push_str(&"\\".repeat(slashes / 2));
        if slashes % 2 == 1 {
            expanded.push_str(whole);
            continue;
        }
        let inner = &whole[2..whole.len() - 1];
        let (name, default) = match (inner.split_once(":-"), inner.strip_suffix('?')) {
            (Some((name, default)), _) => (name, Some(default)),
            (None, Some(name)) => (name, Some("")),
            (None, None) => (inner, None),
        };
        let set = variables
            .get(name)
            .filter(|value| default.is_none_or(|_| !value.is_empty()));
        match (set, default) {
            (Some(value), _) => expanded.push_str(value),
            (None, Some(default)) => expanded.push_str(default),
            (None, None) => {
                unset.push(name.to_owned());
                expanded.push_str(whole);
            }
        }
    }
    expanded + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn variables() -> BTreeMap<String, String> {
        let pairs = [("TOKEN", "t0k"), ("HOST", "npm.example.org"), ("EMPTY", "")];
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    fn shown(text: &str) -> Vec<String> {
        let show = |entry: Entry| format!("{}={} :{}", entry.key, entry.values.join("|"), entry.line);
        parse(text, &variables()).into_iter().map(show).collect()
    }

    #[test]
    fn lines_are_read_as_npm_reads_them() {
        for (text, expected) in [
            (
                "registry=https://npm.example.org/",
                "registry=https://npm.example.org/ :1",
            ),
            ("\r\n; no\n# no\n  a = b  \r\n", "a=b :4"),
            ("a = b ; c\n", "a=b :1"),
            ("a = b\\;c \\# d", "a=b;c # d :1"),
            ("a = \"b ; c\"", "a=b ; c :1"),
            ("a = 'b # c'", "a=b # c :1"),
            ("fund", "fund=true :1"),
            ("a[] = 1\na[] = 2\n", "a=1|2 :2"),
            ("a = 1\na = 2\n", "a=2 :2"),
            (
                "//${HOST}/:_authToken=${TOKEN}",
                "//npm.example.org/:_authToken=t0k :1",
            ),
            ("a=1\n[section]\nb=2", "a=1 :1"),
            ("a = x==", "a=x== :1"),
        ] {
            assert_eq!(shown(text).join("\n"), expected, "{text:?}");
        }
    }

    #[test]
    fn variables_are_put_in() {
        for (text, expected, missing) in [
            ("${TOKEN}", "t0k", ""),
            ("a-${TOKEN}-${HOST}", "a-t0k-npm.example.org", ""),
            ("${NOT}", "${NOT}", "NOT"),
            ("${NOT?}x", "x", ""),
            ("${NOT:-other}", "other", ""),
            ("${EMPTY:-other}${EMPTY}", "other", ""),
            ("\\${TOKEN}", "${TOKEN}", ""),
            ("\\\\${TOKEN}", "\\t0k", ""),
            ("${TOKEN", "${TOKEN", ""),
        ] {
            let mut unset = Vec::new();
            assert_eq!(expand(text, &variables(), &mut unset), expected, "{text}");
            assert_eq!(unset.join(","), missing, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "[a-z=\\[\\]{}$\\\\;#\"' :/_\n?é-]{0,80}") {
            let _ = parse(&text, &variables());
        }
    }
}
