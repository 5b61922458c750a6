//! Logical lines of a requirements file: continuations joined, comments dropped, variables expanded.
//! Source: pip's documentation of the requirements file format. Invariant: every byte of a logical line knows which
//! byte of the file it came from.

use std::collections::BTreeMap;
use std::ops::Range;

/// One logical line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Logical {
    pub(crate) text: String,
    /// Pieces: where each begins in `text`, where in the file, and whether it is there byte for byte.
    pieces: Vec<(usize, usize, Copy)>,
    /// The whole physical lines, with their ends.
    pub(crate) physical: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Copy {
    Exact,
    Expanded,
}

impl Logical {
    /// The bytes of the file that a range of the text came from.
    pub(crate) fn locate(&self, span: Range<usize>) -> Range<usize> {
        let start = self.place(span.start);
        let last = self.place(span.end.saturating_sub(1).max(span.start));
        start..(last + usize::from(span.end > span.start)).max(start)
    }

    fn place(&self, offset: usize) -> usize {
        let after = self.pieces.partition_point(|(begin, ..)| *begin <= offset);
        match after.checked_sub(1).map(|number| self.pieces[number]) {
            Some((begin, source, Copy::Exact)) => source + (offset - begin),
            Some((_, source, Copy::Expanded)) => source,
            None => 0,
        }
    }

    fn push(&mut self, text: &str, source: usize, copy: Copy) {
        if !text.is_empty() {
            self.pieces.push((self.text.len(), source, copy));
            self.text.push_str(text);
        }
    }
}

/// The logical lines of a file that are not empty.
pub(crate) fn logical_lines(text: &str, variables: &BTreeMap<String, String>) -> Vec<Logical> {
    let mut lines = Vec::new();
    let mut joined: Vec<(usize, &str)> = Vec::new();
    let (mut offset, mut begun) = (0, 0);
    for physical in text.split_inclusive('\n') {
        let content = physical.trim_end_matches(['\n', '\r']);
        let begin = if offset == 0 && content.starts_with('\u{feff}') {
            '\u{feff}'.len_utf8()
        } else {
            0
        };
        let (start, content) = (offset + begin, &content[begin..]);
        offset += physical.len();
        // A comment ends a continuation even where it ends in a backslash itself.
        let is_comment = content.trim_start().starts_with('#');
        match content.strip_suffix('\\').filter(|_| !is_comment) {
            Some(body) => joined.push((start, body)),
            None => {
                joined.push((start, content));
                finish(&mut joined, variables, &mut lines, begun..offset);
                begun = offset;
            }
        }
    }
    finish(&mut joined, variables, &mut lines, begun..offset);
    lines
}

fn finish(
    joined: &mut Vec<(usize, &str)>,
    variables: &BTreeMap<String, String>,
    lines: &mut Vec<Logical>,
    physical: Range<usize>,
) {
    let mut line = Logical::default();
    for (start, piece) in joined.drain(..) {
        line.push(piece, start, Copy::Exact);
    }
    let mut line = expand(&trim(line), variables);
    line.physical = physical;
    if !line.text.is_empty() {
        lines.push(line);
    }
}

/// Drops the comment and the blanks around.
fn trim(line: Logical) -> Logical {
    let end = comment_start(&line.text).unwrap_or(line.text.len());
    let kept = line.text[..end].trim_end();
    let begin = kept.len() - kept.trim_start().len();
    slice(&line, begin..kept.len())
}

fn slice(line: &Logical, range: Range<usize>) -> Logical {
    let mut out = Logical::default();
    copy_range(line, range, &mut out);
    out
}

fn copy_range(line: &Logical, range: Range<usize>, out: &mut Logical) {
    for (number, (begin, source, copy)) in line.pieces.iter().enumerate() {
        let end = line.pieces.get(number + 1).map_or(line.text.len(), |next| next.0);
        let (from, to) = (range.start.max(*begin), range.end.min(end));
        if from < to {
            let shift = if *copy == Copy::Exact { from - begin } else { 0 };
            out.push(&line.text[from..to], source + shift, *copy);
        }
    }
}

/// A `#` begins a comment at the start of a line and after a blank; elsewhere it is a URL's fragment.
fn comment_start(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    (0..bytes.len()).find(|&at| bytes[at] == b'#' && (at == 0 || bytes[at - 1].is_ascii_whitespace()))
}

/// Replaces `${NAME}` (upper case, digits, `_`) by the variable; an unset one stays as it is, as with pip.
fn expand(line: &Logical, variables: &BTreeMap<String, String>) -> Logical {
    let mut out = Logical::default();
    let mut done = 0;
    while let Some(found) = line.text[done..].find("${") {
        let start = done + found;
        let Some(length) = line.text[start..].find('}') else {
            break;
        };
        let end = start + length + 1;
        let name = &line.text[start + 2..end - 1];
        let valid = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        copy_range(line, done..start, &mut out);
        match variables.get(name).filter(|_| valid) {
            Some(value) => out.push(value, line.locate(start..start).start, Copy::Expanded),
            None => copy_range(line, start..end, &mut out),
        }
        done = end;
    }
    copy_range(line, done..line.text.len(), &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        let variables = BTreeMap::from([
            ("TOKEN".to_owned(), "s3".to_owned()),
            ("lower".to_owned(), "x".to_owned()),
        ]);
        logical_lines(text, &variables)
            .into_iter()
            .map(|line| line.text)
            .collect()
    }

    #[test]
    fn lines_are_joined_stripped_and_expanded() {
        for (text, expected) in [
            ("", vec![]),
            ("a\n\n# c\n  b  \r\n", vec!["a", "b"]),
            ("a \\\n  --hash=x # why\nb", vec!["a   --hash=x", "b"]),
            ("# c \\\nb", vec!["b"]),
            ("a#b #c", vec!["a#b"]),
            ("\u{feff}a", vec!["a"]),
            (
                "u/${TOKEN}/${lower}/${UNSET}/$TOKEN",
                vec!["u/s3/${lower}/${UNSET}/$TOKEN"],
            ),
            ("a \\", vec!["a"]),
            ("${TOKEN", vec!["${TOKEN"]),
        ] {
            assert_eq!(texts(text), expected, "{text:?}");
        }
    }

    #[test]
    fn places_survive_joining_and_expansion() {
        let variables = BTreeMap::from([("V".to_owned(), "long value".to_owned())]);
        let text = "# x\na \\\n${V} tail";
        let line = &logical_lines(text, &variables)[0];
        assert_eq!(line.text, "a long value tail");
        let at = line.text.find("tail").unwrap();
        assert_eq!(&text[line.locate(at..at + 4)], "tail");
        assert_eq!(line.locate(0..1), 4..5);
    }
}
