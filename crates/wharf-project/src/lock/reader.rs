//! Reads the TOML of the parts with thousands of packages, npm's and Debian's: tables of basic strings, whole numbers, flags, arrays
//! and inline tables, as `print` writes them, in one pass without a document tree: a lock of 1,500 packages has some 700 KB, and
//! every command reads it.
//! Invariants: what it accepts is TOML and means the same there; every refusal has its place; nesting is bounded.
//! Source: toml.io, TOML 1.0.

use std::borrow::Cow;
use std::ops::Range;

use crate::error::Invalid;
use crate::text::SourceText;

/// The lock nests arrays, inline tables and arrays once more.
const DEPTH: usize = 8;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item<'t> {
    pub(super) value: Value<'t>,
    pub(super) span: Range<usize>,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'t> {
    Text(Cow<'t, str>),
    Whole(u64),
    Flag(bool),
    List(Vec<Item<'t>>),
    Table(Vec<Entry<'t>>),
}

impl Value<'_> {
    /// What it is called in messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "a string",
            Value::Whole(_) => "a number",
            Value::Flag(_) => "a boolean",
            Value::List(_) => "an array",
            Value::Table(_) => "a table",
        }
    }
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry<'t> {
    pub(super) key: Cow<'t, str>,
    pub(super) at: usize,
    pub(super) item: Item<'t>,
}

/// A table with its header.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Section<'t> {
    /// `npm`, `npm.package` and so on.
    pub(super) name: &'t str,
    /// Whether the header is one of an array of tables (`[[…]]`).
    pub(super) repeated: bool,
    /// The header.
    pub(super) span: Range<usize>,
    pub(super) entries: Vec<Entry<'t>>,
}

type Read<T> = Result<T, Invalid>;

/// Where the part of a lock begins whose headers begin with `word`. No line before it can look so, since the parts before hold
/// no string of several lines.
pub(super) fn start_of(text: &str, word: &str) -> Option<usize> {
    let header = format!("[{word}");
    let mut from = 0;
    while let Some(found) = text[from..].find(&header) {
        let at = from + found;
        let start = if text[..at].ends_with('[') { at - 1 } else { at };
        if start == 0 || text.as_bytes()[start - 1] == b'\n' {
            return Some(start);
        }
        from = at + 1;
    }
    None
}

/// Reads sections of a part of the text.
pub(super) struct Cursor<'t> {
    source: &'t SourceText,
    bytes: &'t [u8],
    at: usize,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(source: &'t SourceText, part: Range<usize>) -> Self {
        Self {
            source,
            bytes: &source.text().as_bytes()[..part.end],
            at: part.start,
        }
    }

    /// The next section; `None` at the end.
    pub(super) fn section(&mut self) -> Read<Option<Section<'t>>> {
        self.skip_lines();
        if self.at >= self.bytes.len() {
            return Ok(None);
        }
        let start = self.at;
        self.expect(b'[', "a table's header")?;
        let repeated = self.take(b'[');
        let name = self.header_name()?;
        self.expect(b']', "`]`")?;
        if repeated {
            self.expect(b']', "`]]`")?;
        }
        let span = start..self.at;
        self.end_of_line()?;
        let mut entries = Vec::with_capacity(8);
        loop {
            self.skip_lines();
            if matches!(self.peek(), None | Some(b'[')) {
                break;
            }
            entries.push(self.entry(0)?);
            self.end_of_line()?;
        }
        self.no_doubles(&entries)?;
        Ok(Some(Section {
            name,
            repeated,
            span,
            entries,
        }))
    }

    fn header_name(&mut self) -> Read<&'t str> {
        let start = self.at;
        while self.peek().is_some_and(|byte| is_bare(byte) || byte == b'.') {
            self.at += 1;
        }
        if start == self.at {
            return Err(self.unexpected("a table's name"));
        }
        Ok(&self.source.text()[start..self.at])
    }

    fn entry(&mut self, depth: usize) -> Read<Entry<'t>> {
        let at = self.at;
        let key = match self.peek() {
            Some(b'"') => self.text()?,
            Some(byte) if is_bare(byte) => {
                while self.peek().is_some_and(is_bare) {
                    self.at += 1;
                }
                Cow::Borrowed(&self.source.text()[at..self.at])
            }
            _ => return Err(self.unexpected("a key")),
        };
        self.skip_blanks();
        self.expect(b'=', "`=`")?;
        self.skip_blanks();
        let item = self.item(depth)?;
        Ok(Entry { key, at, item })
    }

    fn item(&mut self, depth: usize) -> Read<Item<'t>> {
        let start = self.at;
        if depth > DEPTH {
            return Err(self.error(start..start + 1, "this is nested too deeply"));
        }
        let value = match self.peek() {
            Some(b'"') => Value::Text(self.text()?),
            Some(b'[') => Value::List(self.list(depth)?),
            Some(b'{') => Value::Table(self.table(depth)?),
            Some(b'0'..=b'9') => Value::Whole(self.whole()?),
            Some(b't') if self.word(b"true") => Value::Flag(true),
            Some(b'f') if self.word(b"false") => Value::Flag(false),
            _ => return Err(self.unexpected("a value")),
        };
        Ok(Item {
            value,
            span: start..self.at,
        })
    }

    fn list(&mut self, depth: usize) -> Read<Vec<Item<'t>>> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.skip_lines();
            if self.take(b']') {
                return Ok(items);
            }
            items.push(self.item(depth + 1)?);
            self.skip_lines();
            if !self.take(b',') && self.peek() != Some(b']') {
                return Err(self.unexpected("`,` or `]`"));
            }
        }
    }

    /// An inline table: one line, no comma at its end.
    fn table(&mut self, depth: usize) -> Read<Vec<Entry<'t>>> {
        self.at += 1;
        let mut entries = Vec::with_capacity(4);
        self.skip_blanks();
        if self.take(b'}') {
            return Ok(entries);
        }
        loop {
            self.skip_blanks();
            entries.push(self.entry(depth + 1)?);
            self.skip_blanks();
            if self.take(b'}') {
                self.no_doubles(&entries)?;
                return Ok(entries);
            }
            self.expect(b',', "`,` or `}`")?;
        }
    }

    fn whole(&mut self) -> Read<u64> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        let digits = &self.source.text()[start..self.at];
        let leading_zero = digits.len() > 1 && digits.starts_with('0');
        match digits.parse() {
            Ok(number) if !leading_zero => Ok(number),
            _ => Err(self.error(start..self.at, format!("`{digits}` is not a whole number"))),
        }
    }

    /// A basic string.
    fn text(&mut self) -> Read<Cow<'t, str>> {
        let open = self.at;
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => {
                    let text = &self.source.text()[start..self.at];
                    self.at += 1;
                    return Ok(Cow::Borrowed(text));
                }
                Some(b'\\') => return self.escaped(start).map(Cow::Owned),
                Some(byte) if is_text(byte) => self.at += 1,
                _ => return Err(self.unclosed(open)),
            }
        }
    }

    /// The rest of a string that has escapes.
    fn escaped(&mut self, start: usize) -> Read<String> {
        let mut text = self.source.text()[start..self.at].to_owned();
        let mut from = self.at;
        loop {
            match self.peek() {
                Some(b'"') => {
                    text.push_str(&self.source.text()[from..self.at]);
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    text.push_str(&self.source.text()[from..self.at]);
                    text.push(self.escape()?);
                    from = self.at;
                }
                Some(byte) if is_text(byte) => self.at += 1,
                _ => return Err(self.unclosed(start - 1)),
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        let start = self.at;
        let letter = self.bytes.get(start + 1).copied();
        self.at = (start + 2).min(self.bytes.len());
        let plain = match letter {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'b') => '\u{8}',
            Some(b't') => '\t',
            Some(b'n') => '\n',
            Some(b'f') => '\u{c}',
            Some(b'r') => '\r',
            Some(b'u') => return self.code_point(start, 4),
            Some(b'U') => return self.code_point(start, 8),
            _ => return Err(self.error(start..start + 2, "this is no escape of TOML")),
        };
        Ok(plain)
    }

    fn code_point(&mut self, start: usize, digits: usize) -> Read<char> {
        let text = self.source.text().get(self.at..self.at + digits);
        let hex = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let character = hex.and_then(|hex| char::from_u32(u32::from_str_radix(hex, 16).ok()?));
        self.at = (self.at + digits).min(self.bytes.len());
        character.ok_or_else(|| self.error(start..start + 2, "this escape names no character"))
    }

    fn unclosed(&self, open: usize) -> Invalid {
        self.error(
            open..self.at,
            "this string has no closing `\"` on its line, or a character that must be escaped",
        )
    }

    /// A key that stands twice would hide the first.
    fn no_doubles(&self, entries: &[Entry<'t>]) -> Read<()> {
        let double = if entries.len() <= 16 {
            let mut numbered = entries.iter().enumerate();
            numbered.find(|(number, entry)| entries[..*number].iter().any(|before| before.key == entry.key))
        } else {
            let mut seen = rustc_hash::FxHashSet::default();
            entries
                .iter()
                .enumerate()
                .find(|(_, entry)| !seen.insert(&entry.key))
        };
        match double {
            Some((_, entry)) => {
                let span = entry.at..entry.at + entry.key.len();
                Err(self.error(span, format!("the key `{}` stands here twice", entry.key)))
            }
            None => Ok(()),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn word(&mut self, word: &[u8]) -> bool {
        let rest = &self.bytes[self.at..];
        let there = rest.starts_with(word) && !rest.get(word.len()).copied().is_some_and(is_bare);
        self.at += if there { word.len() } else { 0 };
        there
    }

    fn expect(&mut self, byte: u8, what: &str) -> Read<()> {
        if self.take(byte) {
            Ok(())
        } else {
            Err(self.unexpected(what))
        }
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// Skips blanks, line ends and comments.
    fn skip_lines(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n') => self.at += 1,
                Some(b'\r') if self.bytes.get(self.at + 1) == Some(&b'\n') => self.at += 2,
                Some(b'#') => self.skip_comment(),
                _ => return,
            }
        }
    }

    fn skip_comment(&mut self) {
        while self.peek().is_some_and(is_text) || self.peek() == Some(b'\\') {
            self.at += 1;
        }
    }

    fn end_of_line(&mut self) -> Read<()> {
        self.skip_blanks();
        if self.peek() == Some(b'#') {
            self.skip_comment();
        }
        match self.peek() {
            None | Some(b'\n') => Ok(()),
            Some(b'\r') if self.bytes.get(self.at + 1) == Some(&b'\n') => Ok(()),
            _ => Err(self.unexpected("the end of the line")),
        }
    }

    fn unexpected(&self, wanted: &str) -> Invalid {
        let found = self.source.text()[self.floor()..self.bytes.len()].chars().next();
        let found = found.map_or("the end of the file".to_owned(), |c| {
            format!("`{}`", c.escape_debug())
        });
        self.error(
            self.at..self.at + 1,
            format!("this is not valid TOML: {wanted} is expected, not {found}"),
        )
    }

    /// The character that holds the current byte.
    fn floor(&self) -> usize {
        let mut at = self.at.min(self.bytes.len());
        while !self.source.text().is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    fn error(&self, span: Range<usize>, message: impl Into<String>) -> Invalid {
        Invalid::new(self.source, span, "lock/malformed", message)
    }
}

fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// A byte that may stand in a basic string as it is, but for quotes and backslashes.
fn is_text(byte: u8) -> bool {
    (byte >= b' ' && byte != 0x7f && byte != b'\\') || byte == b'\t'
}
