//! The text of a file that people write, and places in it.
//! Invariant: an excerpt never shows the user name or password of a URL.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use wharf_core::Origin;

/// A file's text together with the name under which messages show it.
#[derive(Clone, Debug)]
pub struct SourceText {
    path: Arc<Path>,
    text: Arc<str>,
    line_starts: Arc<[usize]>,
}

impl SourceText {
    /// A text and the path to show for it.
    pub fn new(path: &Path, text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        Self {
            path: path.into(),
            text: text.into(),
            line_starts,
        }
    }

    /// The path that messages show.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line and column, both counted from 1, of a byte offset. The column counts characters.
    pub fn position(&self, offset: usize) -> (u32, u32) {
        let offset = self.floor(offset);
        let line = self.line_starts.partition_point(|start| *start <= offset) - 1;
        let column = self.text[self.line_starts[line]..offset].chars().count();
        (count(line + 1), count(column + 1))
    }

    /// The place of a byte offset, as requirements carry it.
    pub fn origin(&self, offset: usize) -> Origin {
        let (line, column) = self.position(offset);
        Origin {
            file: Some(Arc::clone(&self.path)),
            line: Some(line),
            column: Some(column),
            label: "".into(),
        }
    }

    /// The line that holds the start of `span`, for a message.
    pub fn excerpt(&self, span: Range<usize>) -> Excerpt {
        let start = self.floor(span.start);
        let (line, column) = self.position(start);
        let begin = self.line_starts[line as usize - 1];
        let rest = &self.text[begin..];
        let line_text = rest.split('\n').next().unwrap_or_default().trim_end_matches('\r');
        let end = self
            .floor(span.end.max(start))
            .min(begin + line_text.len())
            .max(start);
        let length = self
            .text
            .get(start..end)
            .map_or(0, |marked| marked.chars().count());
        Excerpt {
            file: Arc::clone(&self.path),
            line,
            column,
            text: hide_credentials(line_text),
            length: length.max(1),
        }
    }

    /// The nearest character boundary at or before `offset`.
    fn floor(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A line of a file with a part of it marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The file, as messages show it.
    pub file: Arc<Path>,
    /// The line, counted from 1.
    pub line: u32,
    /// The column in characters, counted from 1.
    pub column: u32,
    /// The whole line.
    pub text: String,
    /// How many characters are marked, at least one.
    pub length: usize,
}

impl Excerpt {
    /// The same place, as requirements carry it.
    pub fn origin(&self) -> Origin {
        Origin::file(&self.file, self.line, self.column)
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Longer lines are cut around the mark: a minified file must not fill the screen.
        const WIDTH: usize = 120;
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        let column = self.column as usize - 1;
        let skip = if self.text.chars().count() > WIDTH {
            column.saturating_sub(40)
        } else {
            0
        };
        let shown: String = self
            .text
            .chars()
            .skip(skip)
            .take(WIDTH)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let indent = " ".repeat(column - skip);
        let marks = "^".repeat(self.length.min(WIDTH.saturating_sub(column - skip)).max(1));
        writeln!(
            f,
            "{gutter}--> {}:{}:{}",
            self.file.display(),
            self.line,
            self.column
        )?;
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{number} | {shown}")?;
        write!(f, "{gutter} | {indent}{marks}")
    }
}

/// Replaces `user:password` before an `@` in every URL by as many asterisks, so that columns stay right.
pub(crate) fn hide_credentials(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        shown.push_str(before);
        let end = after
            .find(['/', '?', '#', ' ', '"', '\'', '\t'])
            .unwrap_or(after.len());
        match after[..end].rfind('@') {
            Some(cut) => {
                shown.extend(std::iter::repeat_n('*', after[..cut].chars().count()));
                rest = &after[cut..];
            }
            None => rest = after,
        }
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let source = SourceText::new(Path::new("f"), "añb\nc\r\n\nd");
        for (offset, expected) in [
            (0, (1, 1)),
            (2, (1, 2)),
            (3, (1, 3)),
            (5, (2, 1)),
            (8, (3, 1)),
            (9, (4, 1)),
            (99, (4, 2)),
        ] {
            assert_eq!(source.position(offset), expected, "offset {offset}");
        }
    }

    #[test]
    fn excerpts_mark_and_hide() {
        let source = SourceText::new(Path::new("r.txt"), "a\n-i https://me:pw@example.org/ x\n");
        let shown = source.excerpt(5..13).to_string();
        assert_eq!(
            shown,
            " --> r.txt:2:4\n  |\n2 | -i https://*****@example.org/ x\n  |    ^^^^^^^^"
        );
    }

    #[test]
    fn long_lines_are_cut_around_the_mark() {
        let text = format!("{}!{}", "x".repeat(500), "y".repeat(500));
        let shown = SourceText::new(Path::new("f"), &text)
            .excerpt(500..501)
            .to_string();
        assert!(
            shown.lines().all(|line| line.len() < 130) && shown.contains("x!y"),
            "{shown}"
        );
    }
}
