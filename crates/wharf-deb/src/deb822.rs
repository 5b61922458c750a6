//! Stanzas of fields, borrowed from the bytes they stand in. Invariant: nothing is copied; a malformed stanza costs that
//! stanza only. Source: deb822(5), Debian Policy 5.1.
//!
//! Bytes need not be UTF-8: who asks for text of a field that is not gets the replacement character or an error.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr;
use wharf_core::{Explain, Fault};

/// A field: `Name: value`, the value over as many lines as begin with a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name as it is written; compare it without case.
    pub name: &'a str,
    /// The value as it is written, without spaces around it; line breaks, indentation and comments are in it.
    pub value: &'a [u8],
    /// The line of the name, from 1.
    pub line: usize,
}

/// Fields that belong together, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stanza<'a> {
    /// Never empty; no two names are the same.
    pub fields: Vec<Field<'a>>,
}

/// A stanza that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct InvalidStanza {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub reason: String,
}

impl Explain for InvalidStanza {
    fn code(&self) -> &'static str {
        "deb/stanza"
    }

    fn fault(&self) -> Fault {
        Fault::World
    }
}

/// The stanzas of a file, in order.
pub fn stanzas(bytes: &[u8]) -> Stanzas<'_> {
    Stanzas {
        lines: Lines {
            bytes,
            at: 0,
            number: 0,
        },
    }
}

/// The only stanza of a file.
///
/// # Errors
/// Where there is none, or a second one, or it is malformed.
pub fn single(bytes: &[u8]) -> Result<Stanza<'_>, InvalidStanza> {
    let mut all = stanzas(bytes);
    let one = all.next().ok_or_else(|| InvalidStanza {
        line: 1,
        reason: "there are no fields".to_owned(),
    })??;
    match all.next() {
        None => Ok(one),
        Some(Err(error)) => Err(error),
        Some(Ok(second)) => Err(InvalidStanza {
            line: second.line(),
            reason: "a second stanza starts where only one belongs".to_owned(),
        }),
    }
}

/// See [`stanzas`].
#[derive(Clone, Debug)]
pub struct Stanzas<'a> {
    lines: Lines<'a>,
}

/// Lines with their places, counted.
#[derive(Clone, Debug)]
pub(crate) struct Lines<'a> {
    pub(crate) bytes: &'a [u8],
    /// Where the next line starts.
    pub(crate) at: usize,
    /// Which line was given last, from 1.
    pub(crate) number: usize,
}

impl<'a> Lines<'a> {
    /// The next line without its end (`\n` or `\r\n`), and where it starts.
    pub(crate) fn next(&mut self) -> Option<(usize, &'a [u8])> {
        let start = self.at;
        let rest = &self.bytes[start..];
        if rest.is_empty() {
            return None;
        }
        self.number += 1;
        let length = memchr(b'\n', rest).unwrap_or(rest.len());
        self.at = (start + length + 1).min(self.bytes.len());
        let line = &rest[..length];
        Some((start, line.strip_suffix(b"\r").unwrap_or(line)))
    }
}

impl<'a> Iterator for Stanzas<'a> {
    type Item = Result<Stanza<'a>, InvalidStanza>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut builder = Builder::default();
        let mut wrong: Option<InvalidStanza> = None;
        let mut anything = false;
        while let Some((start, line)) = self.lines.next() {
            if is_blank(line) {
                if anything {
                    break;
                }
                continue;
            }
            if line.starts_with(b"#") {
                continue;
            }
            anything = true;
            if wrong.is_none() {
                let line_number = self.lines.number;
                wrong = builder.take(line, start).err().map(|reason| InvalidStanza {
                    line: line_number,
                    reason,
                });
                builder.number(line_number);
            }
        }
        match wrong {
            Some(error) => Some(Err(error)),
            None => anything.then(|| Ok(builder.finish(self.lines.bytes))),
        }
    }
}

/// Lines of nothing but spaces separate stanzas, although Policy forbids them.
pub(crate) fn is_blank(line: &[u8]) -> bool {
    line.first()
        .is_none_or(|first| *first <= b' ' && line.trim_ascii().is_empty())
}

/// Fields whose values may still grow by a line.
#[derive(Default)]
struct Builder<'a> {
    fields: Vec<(&'a str, Range<usize>, usize)>,
}

impl<'a> Builder<'a> {
    fn take(&mut self, line: &'a [u8], start: usize) -> Result<(), String> {
        let end = start + line.len();
        if matches!(line[0], b' ' | b'\t') {
            let (_, value, _) = self
                .fields
                .last_mut()
                .ok_or("a continuation line has no field to continue")?;
            value.end = end;
            return Ok(());
        }
        let (name, value) = split(line)?;
        if self
            .fields
            .iter()
            .any(|(known, ..)| known.eq_ignore_ascii_case(name))
        {
            return Err(format!("the field `{name}` stands a second time"));
        }
        self.fields.push((name, end - value.len()..end, 0));
        Ok(())
    }

    /// Notes on which line the field starts that was read last.
    fn number(&mut self, line: usize) {
        if let Some((.., number)) = self.fields.last_mut().filter(|(.., number)| *number == 0) {
            *number = line;
        }
    }

    fn finish(self, bytes: &'a [u8]) -> Stanza<'a> {
        let fields = self.fields.into_iter().map(|(name, value, line)| Field {
            name,
            value: content(&bytes[value]),
            line,
        });
        Stanza {
            fields: fields.collect(),
        }
    }
}

/// A value without what stands around it: spaces, line ends, and comments before its first line.
fn content(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii_end();
    let mut rest = value.trim_ascii_start();
    loop {
        let start = value.len() - rest.len();
        // On the line of the name it is no comment.
        if !rest.starts_with(b"#") || start == 0 || value[start - 1] != b'\n' {
            return rest;
        }
        rest = memchr(b'\n', rest).map_or(&[][..], |end| rest[end..].trim_ascii_start());
    }
}

/// Splits `Name: value`; spaces before the value stay.
pub(crate) fn split(line: &[u8]) -> Result<(&str, &[u8]), &'static str> {
    let colon = memchr(b':', line).ok_or("a line has no colon after the name of its field")?;
    let name = line[..colon].trim_ascii_end();
    if name.is_empty() || name[0] == b'-' || !name.iter().all(u8::is_ascii_graphic) {
        return Err("the name of a field has characters that it may not have");
    }
    let name = std::str::from_utf8(name).map_err(|_| "the name of a field is not ASCII")?;
    Ok((name, &line[colon + 1..]))
}

impl<'a> Stanza<'a> {
    /// The line of its first field.
    pub fn line(&self) -> usize {
        self.fields.first().map_or(0, |field| field.line)
    }

    /// The field of that name, whatever its case.
    pub fn get(&self, name: &str) -> Option<Field<'a>> {
        self.fields
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case(name))
            .copied()
    }

    /// The text of the field of that name; `None` where it is absent or empty.
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name)
            .map(|field| field.text())
            .filter(|text| !text.is_empty())
    }
}

impl<'a> Field<'a> {
    /// The value without comments, as text; bytes that are not UTF-8 become the replacement character.
    pub fn text(&self) -> Cow<'a, str> {
        if memchr::memmem::find(self.value, b"\n#").is_none() {
            return String::from_utf8_lossy(self.value);
        }
        let kept: Vec<&[u8]> = self.kept_lines().collect();
        Cow::Owned(String::from_utf8_lossy(&kept.join(&b'\n')).into_owned())
    }

    /// The lines but comments, of which the first is none.
    fn kept_lines(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let lines = self.value.split(|byte| *byte == b'\n').enumerate();
        lines
            .filter(|(at, line)| *at == 0 || !line.starts_with(b"#"))
            .map(|(_, line)| line)
    }

    /// The lines of the value, without comments, indentation and empty ones.
    pub fn lines(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.kept_lines()
            .map(<[u8]>::trim_ascii)
            .filter(|line| !line.is_empty())
    }

    /// The words of the value, over all of its lines; those that are not UTF-8 are left out.
    pub fn words(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.lines()
            .flat_map(|line| line.split(u8::is_ascii_whitespace))
            .filter(|word| !word.is_empty())
            .filter_map(|word| std::str::from_utf8(word).ok())
    }

    /// The lines of a text that keeps its form, such as a description or a block of keys: each line without the space that
    /// indents it, a lone dot as an empty line.
    pub fn paragraphs(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        self.kept_lines().map(|line| {
            let line = line.trim_ascii_end();
            let line = line
                .strip_prefix(b" ")
                .or_else(|| line.strip_prefix(b"\t"))
                .unwrap_or(line);
            String::from_utf8_lossy(if line == b"." { b"" } else { line })
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `Name=value` for each field, stanzas separated by `;`, errors in words.
    fn read(text: &str) -> String {
        let stanzas = stanzas(text.as_bytes()).map(|stanza| match stanza {
            Ok(stanza) => stanza
                .fields
                .iter()
                .map(|field| {
                    format!(
                        "{}@{}={}",
                        field.name,
                        field.line,
                        field.text().replace('\n', "/")
                    )
                })
                .collect::<Vec<_>>()
                .join(" "),
            Err(error) => error.to_string(),
        });
        stanzas.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn stanzas_have_fields() {
        for (text, expected) in [
            ("", ""),
            ("\n\n", ""),
            ("# only a comment\n", ""),
            ("A: 1\nB:2\n", "A@1=1 B@2=2"),
            ("A: 1\n\n\nB: 2", "A@1=1; B@4=2"),
            ("A: 1\r\n b\r\n\r\nB : 2\r\n", "A@1=1\r/ b; B@4=2"),
            ("A: 1\n  \t\nB: 2\n", "A@1=1; B@3=2"),
            ("A:\n one\n two\nB: x\n", "A@1=one/ two B@4=x"),
            ("A: 1\n# in between\n 2\n", "A@1=1/ 2"),
            ("# before\nA: 1\n# after\n\nB: 2\n", "A@2=1; B@5=2"),
            ("A: b: c\n", "A@1=b: c"),
            ("A:\n", "A@1="),
            ("A:# 1\n", "A@1=# 1"),
            ("A:\n# none\n# none\n one\n", "A@1=one"),
            ("A:\n# none\n", "A@1="),
            ("A: \n #1\n#2\n 3\n", "A@1=#1/ 3"),
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_malformed_stanza_costs_itself() {
        for (text, expected) in [
            (
                "A: 1\nno colon\nB: 2\n\nC: 3\n",
                "line 2: a line has no colon after the name of its field; C@5=3",
            ),
            (
                " x\nA: 1\n",
                "line 1: a continuation line has no field to continue",
            ),
            ("A: 1\na: 2\n", "line 2: the field `a` stands a second time"),
            (
                ": 1\n\nA: 1\n",
                "line 1: the name of a field has characters that it may not have; A@3=1",
            ),
            (
                "-----BEGIN x: y\n",
                "line 1: the name of a field has characters that it may not have",
            ),
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn one_stanza_and_no_other() {
        assert_eq!(single(b"\nA: 1\n").unwrap().text("a").as_deref(), Some("1"));
        for (text, expected) in [
            ("", "line 1: there are no fields"),
            (
                "A: 1\n\nB: 2\n",
                "line 3: a second stanza starts where only one belongs",
            ),
            ("A\n", "line 1: a line has no colon after the name of its field"),
        ] {
            assert_eq!(single(text.as_bytes()).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn bytes_that_are_no_text() {
        let stanza = single(b"A: caf\xe9 x\nB:\n \xff\n y z\n").unwrap();
        assert_eq!(stanza.text("A").as_deref(), Some("caf\u{fffd} x"));
        assert_eq!(stanza.get("B").unwrap().words().collect::<Vec<_>>(), ["y", "z"]);
        assert_eq!(stanza.get("B").unwrap().lines().next(), Some(&b"\xff"[..]));
        assert!(single(b"\xe9: x\n").is_err());
    }

    #[test]
    fn a_text_keeps_its_form() {
        let stanza = single(b"D: first\n one\n .\n# not this\n   three\n").unwrap();
        let lines: Vec<_> = stanza.get("D").unwrap().paragraphs().collect();
        assert_eq!(lines, ["first", "one", "", "  three"]);
    }

    proptest! {
        #[test]
        fn what_is_given_stands_in_the_bytes(text in "([A-C#][a-c:]{0,2}:? ?[a-c#.]{0,3}\r?\n|[ \t]{0,2}[a-c.#]{0,3}\n){0,12}") {
            for stanza in stanzas(text.as_bytes()).flatten() {
                prop_assert!(!stanza.fields.is_empty());
                for field in &stanza.fields {
                    let line = text.split('\n').nth(field.line - 1).unwrap_or_default();
                    prop_assert!(line.starts_with(field.name), "{:?} {:?}", text, field);
                }
            }
        }
    }
}
