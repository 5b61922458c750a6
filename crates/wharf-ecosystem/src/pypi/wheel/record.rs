//! `RECORD`: what an installed project consists of. Invariant: what is printed parses to the same rows.
//! Sources: PEP 376, 427, 627; the CSV dialect is that of Python's `csv` module.

use std::borrow::Cow;
use std::fmt;

use wharf_core::{Algorithm, Digest, Explain, Fault};

use crate::pypi::text::excerpt;

/// The rows of a `RECORD` in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// One row for each file.
    pub rows: Vec<Row>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its path relative to the folder that holds the `.dist-info`, `/` between parts; it may climb out (`../../bin/x`)
    /// in an installed record. Not checked: pass it through [`wharf_core::SafePath`] before using it as a path.
    pub path: String,
    /// Its digest; none for `RECORD` itself, for signatures and for compiled files.
    pub digest: Option<Digest>,
    /// Its size in bytes.
    pub size: Option<u64>,
}

/// A `RECORD` that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("RECORD is malformed in line {line}: {reason}")]
pub struct RecordError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

impl Explain for RecordError {
    fn code(&self) -> &'static str {
        "pypi/record"
    }

    fn fault(&self) -> Fault {
        Fault::World
    }
}

impl Record {
    /// Reads a `RECORD`. Columns after the third are ignored, as are empty lines. A digest of an algorithm that Wharf does
    /// not know counts as none.
    ///
    /// # Errors
    /// Where it is no UTF-8, a quote is not closed, a path is empty, or a digest or a size is malformed.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let text = std::str::from_utf8(bytes).map_err(|error| RecordError {
            line: 1 + memchr::memchr_iter(b'\n', &bytes[..error.valid_up_to()]).count(),
            reason: "it is not UTF-8".to_owned(),
        })?;
        let mut rows = Vec::with_capacity(memchr::memchr_iter(b'\n', bytes).count() + 1);
        let mut reader = Csv { rest: text, line: 1 };
        loop {
            let line = reader.line;
            let at = |reason: String| RecordError { line, reason };
            match reader.row().map_err(|reason| at(reason.to_owned()))? {
                None => return Ok(Self { rows }),
                Some([path, digest, size]) => {
                    if path.is_empty() && digest.is_empty() && size.is_empty() {
                        continue;
                    }
                    rows.push(Row::read(path.into_owned(), &digest, &size).map_err(at)?);
                }
            }
        }
    }
}

impl Row {
    fn read(path: String, digest: &str, size: &str) -> Result<Self, String> {
        if path.is_empty() {
            return Err("it has no path".to_owned());
        }
        let size = match size {
            "" => None,
            size => Some(
                size.parse()
                    .map_err(|_| format!("`{}` is no size", excerpt(size)))?,
            ),
        };
        let digest = match digest {
            "" => None,
            digest => parse_digest(digest).map_err(|()| format!("`{}` is no digest", excerpt(digest)))?,
        };
        Ok(Self { path, digest, size })
    }
}

/// Reads `sha256=<URL-safe base64 without padding>`.
fn parse_digest(text: &str) -> Result<Option<Digest>, ()> {
    let (algorithm, encoded) = text.split_once('=').ok_or(())?;
    let known = [
        Algorithm::Sha256,
        Algorithm::Sha384,
        Algorithm::Sha512,
        Algorithm::Sha1,
        Algorithm::Md5,
    ];
    let Some(algorithm) = known.into_iter().find(|known| known.as_str() == algorithm) else {
        return Ok(None);
    };
    let raw = decode_base64(encoded.trim_end_matches('=')).ok_or(())?;
    Digest::from_bytes(algorithm, &raw).map(Some).ok_or(())
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rows.iter().try_for_each(|row| writeln!(f, "{row}"))
    }
}

impl fmt::Display for Row {
    /// The row without a line end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.contains(['"', ',', '\n', '\r']) {
            write!(f, "\"{}\",", self.path.replace('"', "\"\""))?;
        } else {
            write!(f, "{},", self.path)?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "{}={}", digest.algorithm(), encode_base64(digest.bytes()))?;
        }
        f.write_str(",")?;
        match self.size {
            Some(size) => write!(f, "{size}"),
            None => Ok(()),
        }
    }
}

/// Reads rows of comma-separated values. A quoted value may hold commas, line breaks and doubled quotes.
struct Csv<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Csv<'a> {
    /// The first three values of the next row; `None` at the end.
    fn row(&mut self) -> Result<Option<[Cow<'a, str>; 3]>, &'static str> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let mut values = [Cow::Borrowed(""), Cow::Borrowed(""), Cow::Borrowed("")];
        let mut column = 0;
        loop {
            let value = self.value()?;
            if let Some(slot) = values.get_mut(column) {
                *slot = value;
            }
            column += 1;
            if !self.eat(",") {
                break;
            }
        }
        if !(self.eat("\r\n") || self.eat("\n") || self.eat("\r") || self.rest.is_empty()) {
            return Err("something stands behind a closing quote");
        }
        self.line += 1;
        Ok(Some(values))
    }

    fn value(&mut self) -> Result<Cow<'a, str>, &'static str> {
        if !self.eat("\"") {
            let end = memchr::memchr3(b',', b'\n', b'\r', self.rest.as_bytes()).unwrap_or(self.rest.len());
            let (value, rest) = self.rest.split_at(end);
            self.rest = rest;
            return Ok(Cow::Borrowed(value));
        }
        let mut value = String::new();
        loop {
            let end = memchr::memchr(b'"', self.rest.as_bytes()).ok_or("a quote is not closed")?;
            value.push_str(&self.rest[..end]);
            self.rest = &self.rest[end + 1..];
            if !self.eat("\"") {
                self.line += memchr::memchr_iter(b'\n', value.as_bytes()).count();
                return Ok(Cow::Owned(value));
            }
            value.push('"');
        }
    }

    fn eat(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn encode_base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let window = chunk
            .iter()
            .fold(0u32, |window, byte| window << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for sextet in 0..=chunk.len() {
            let index = (window >> (18 - 6 * sextet)) & 63;
            text.push(char::from(ALPHABET[usize::try_from(index).expect("below 64")]));
        }
    }
    text
}

/// The value of each digit, [`NO_DIGIT`] for every other byte. A table, because the digits of a digest are random: a branch for
/// each would be mispredicted most of the time, and a large wheel has tens of thousands of rows.
const VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        values[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    values
};

const NO_DIGIT: u8 = 0xff;

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let mut seen = 0;
    for group in text.as_bytes().chunks(4) {
        let mut window = 0u32;
        for digit in group {
            let value = VALUES[usize::from(*digit)];
            seen |= value;
            window = window << 6 | u32::from(value & 63);
        }
        window <<= 6 * (4 - group.len());
        // Two digits hold one byte, three hold two, four hold three; a single one holds none and cannot be.
        let whole = group.len().checked_sub(1).filter(|whole| *whole > 0)?;
        bytes.extend_from_slice(&window.to_be_bytes()[1..=whole]);
    }
    (seen & 0x80 == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EMPTY: &str = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

    fn row(path: &str, digest: Option<Digest>, size: Option<u64>) -> Row {
        Row {
            path: path.to_owned(),
            digest,
            size,
        }
    }

    fn empty() -> Option<Digest> {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        Some(Digest::from_hex(Algorithm::Sha256, hex).unwrap())
    }

    #[test]
    fn records() {
        let text = format!(
            "a/__init__.py,{EMPTY},0\r\n\"a,b/\"\"c\"\".py\",{EMPTY}=,12,extra\n\n../../bin/x,,\na-1.dist-info/RECORD,,\nnew,sha3_256=abc,7"
        );
        let record = Record::parse(text.as_bytes()).unwrap();
        assert_eq!(
            record.rows,
            [
                row("a/__init__.py", empty(), Some(0)),
                row("a,b/\"c\".py", empty(), Some(12)),
                row("../../bin/x", None, None),
                row("a-1.dist-info/RECORD", None, None),
                row("new", None, Some(7)),
            ]
        );
        assert_eq!(
            record.rows[1].to_string(),
            format!("\"a,b/\"\"c\"\".py\",{EMPTY},12")
        );
    }

    #[test]
    fn broken_records_name_the_line() {
        for (text, expected) in [
            ("a,,\nb,sha256,1", "in line 2: `sha256` is no digest"),
            ("a,sha256=abc,1", "in line 1: `sha256=abc` is no digest"),
            ("a,sha256=++++,1", "in line 1: `sha256=++++` is no digest"),
            ("a,,x", "in line 1: `x` is no size"),
            ("a,,-1", "in line 1: `-1` is no size"),
            ("\"a\nb\",,\n,,5", "in line 3: it has no path"),
            ("\"a", "in line 1: a quote is not closed"),
            ("\"a\"b,,", "in line 1: something stands behind a closing quote"),
        ] {
            let error = Record::parse(text.as_bytes()).unwrap_err().to_string();
            assert_eq!(error, format!("RECORD is malformed {expected}"), "{text}");
        }
        assert_eq!(Record::parse(b"a,,\n\xff,,").unwrap_err().line, 2);
    }

    proptest! {
        #[test]
        fn printed_records_parse_to_themselves(
            rows in prop::collection::vec(
                ("[a-z,\"\n\r/é ]{1,12}", prop::option::of(any::<[u8; 32]>()), any::<Option<u64>>()),
                0..6,
            )
        ) {
            let rows = rows.into_iter().map(|(path, digest, size)| {
                let digest = digest.and_then(|bytes| Digest::from_bytes(Algorithm::Sha256, &bytes));
                Row { path, digest, size }
            });
            let record = Record { rows: rows.collect() };
            prop_assert_eq!(Record::parse(record.to_string().as_bytes()).unwrap(), record);
        }

        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(prop::sample::select(b"a,\"\n\r=0\xff".to_vec()), 0..24)) {
            let _ = Record::parse(&bytes);
        }
    }
}
