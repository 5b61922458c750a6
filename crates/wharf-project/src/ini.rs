//! The INI dialect of `pip.conf` and `setup.cfg`. Source: Python's `configparser`: `key = value` or `key: value`,
//! indented lines continue a value, `#` and `;` begin comment lines. Invariant: lenient; a line that fits nothing is
//! dropped, because a foreign configuration must never stop a command.

/// One key of one section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) section: String,
    /// In lower case with `-` for `_`.
    pub(crate) key: String,
    /// Lines of a continued value, joined by newlines.
    pub(crate) value: String,
    /// The line of the key, counted from 1.
    pub(crate) line: u32,
}

impl Entry {
    pub(crate) fn is(&self, section: &str, key: &str) -> bool {
        self.section == section && self.key == key
    }
}

/// Reads every entry in order.
pub(crate) fn parse(text: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut section = String::new();
    let mut open = false;
    for (number, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with([' ', '\t']) && open {
            if let Some(entry) = entries.last_mut() {
                if !entry.value.is_empty() {
                    entry.value.push('\n');
                }
                entry.value.push_str(trimmed);
            }
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            section = name.trim().to_owned();
            open = false;
        } else if let Some(at) = trimmed.find(['=', ':']) {
            let key = trimmed[..at].trim().to_ascii_lowercase().replace('_', "-");
            let value = trimmed[at + 1..].trim().to_owned();
            let line = u32::try_from(number + 1).unwrap_or(u32::MAX);
            entries.push(Entry {
                section: section.clone(),
                key,
                value,
                line,
            });
            open = true;
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_continue_and_comments_vanish() {
        let text = "[global]\nindex_url = https://example.org/simple # not a comment\n; x\nfind-links =\n  a\n  # y\n  b\nbroken\n[install]\nno-index: true\n";
        let read: Vec<_> = parse(text)
            .into_iter()
            .map(|e| (e.section, e.key, e.value, e.line))
            .collect();
        let entry = |section: &str, key: &str, value: &str, line| {
            (section.to_owned(), key.to_owned(), value.to_owned(), line)
        };
        assert_eq!(
            read,
            [
                entry(
                    "global",
                    "index-url",
                    "https://example.org/simple # not a comment",
                    2
                ),
                entry("global", "find-links", "a\nb", 4),
                entry("install", "no-index", "true", 10),
            ]
        );
    }
}
