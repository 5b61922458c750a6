//! What was signed and by what, in a text that carries its signature. Source: RFC 9580, section 7.
//!
//! Stricter than the source where leniency lets text in that was not signed: nothing but blank lines may stand before
//! and behind, a line that starts with a dash has to be escaped, and a carriage return belongs to the end of a line.

use super::SignatureError;
use super::armor::Kind;

const BEGIN: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";

/// A text with its signature, taken apart.
#[derive(Debug)]
pub(super) struct Cleartext<'a> {
    /// What was signed, each line with `\n`: what readers get.
    pub(super) text: Vec<u8>,
    /// What was signed, with `\r\n` between lines: what the digest is taken over.
    pub(super) canonical: Vec<u8>,
    /// The block of signatures and what follows.
    pub(super) armor: &'a [u8],
    /// On which line that block starts, from 1.
    pub(super) line: usize,
}

/// Takes a signed text apart.
pub(super) fn split(bytes: &[u8]) -> Result<Cleartext<'_>, SignatureError> {
    let malformed = |line: usize, reason: &str| SignatureError::Malformed(format!("line {line}: {reason}"));
    let mut lines = Lines {
        rest: bytes,
        number: 0,
    };
    match lines.next() {
        Some(line) if line.trim_ascii_end() == BEGIN => {}
        // Where armor starts further down, somebody put text before it.
        Some(_) if memchr::memmem::find(bytes, BEGIN).is_some() => {
            return Err(SignatureError::TextOutside { line: 1 });
        }
        Some(_) | None => return Err(SignatureError::NotSigned),
    }
    loop {
        let line = lines.next().ok_or_else(|| malformed(1, "its armor is cut off"))?;
        match line.trim_ascii_end() {
            b"" => break,
            header if header.starts_with(b"Hash:") => {}
            _ => return Err(malformed(lines.number, "it has a header that no signed text has")),
        }
    }
    let (mut text, mut canonical) = (Vec::with_capacity(bytes.len()), Vec::with_capacity(bytes.len()));
    let armor = loop {
        let rest = lines.rest;
        let line = lines.next().ok_or(SignatureError::NotSigned)?;
        if line.trim_ascii_end() == Kind::Signature.begin() {
            break rest;
        }
        let content = match line.strip_prefix(b"- ") {
            Some(content) => content,
            None if line.starts_with(b"-") => {
                return Err(malformed(
                    lines.number,
                    "a dash at the start of a line is not escaped",
                ));
            }
            None => line,
        };
        let end = content
            .iter()
            .rposition(|byte| !matches!(byte, b' ' | b'\t' | b'\r'))
            .map_or(0, |last| last + 1);
        let content = &content[..end];
        // For the digest it would be a line's end, for readers of the text it would not.
        if memchr::memchr(b'\r', content).is_some() {
            return Err(malformed(lines.number, "a carriage return stands within a line"));
        }
        if !text.is_empty() {
            canonical.extend_from_slice(b"\r\n");
        }
        canonical.extend_from_slice(content);
        text.extend_from_slice(content);
        text.push(b'\n');
    };
    Ok(Cleartext {
        text,
        canonical,
        armor,
        line: lines.number,
    })
}

/// Lines without `\n`, counted.
struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        self.number += 1;
        let end = memchr::memchr(b'\n', self.rest);
        let line = &self.rest[..end.unwrap_or(self.rest.len())];
        self.rest = end.map_or(&[], |end| &self.rest[end + 1..]);
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(text: &str) -> String {
        format!(
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{text}-----BEGIN PGP SIGNATURE-----\n\nAA\n-----END PGP SIGNATURE-----\n"
        )
    }

    #[test]
    fn texts_are_taken_apart() {
        for (text, read, canonical) in [
            ("a\nb\n", "a\nb\n", "a\r\nb"),
            ("a\r\nb\r\n", "a\nb\n", "a\r\nb"),
            ("a \t\n\n  b\n", "a\n\n  b\n", "a\r\n\r\n  b"),
            ("- -a\n- - b\n- c\n", "-a\n- b\nc\n", "-a\r\n- b\r\nc"),
            (
                "- -----BEGIN PGP SIGNATURE-----\n",
                "-----BEGIN PGP SIGNATURE-----\n",
                "-----BEGIN PGP SIGNATURE-----",
            ),
            ("\n", "\n", ""),
            ("\n\n", "\n\n", "\r\n"),
            ("", "", ""),
        ] {
            let whole = signed(text);
            let split = split(whole.as_bytes()).unwrap();
            assert_eq!(String::from_utf8_lossy(&split.text), read, "{text:?}");
            assert_eq!(String::from_utf8_lossy(&split.canonical), canonical, "{text:?}");
            assert!(split.armor.starts_with(b"-----BEGIN PGP SIGNATURE-----"));
        }
    }

    #[test]
    fn what_is_not_signed_is_refused() {
        for (text, expected) in [
            ("".to_owned(), "it is not signed"),
            ("Suite: x\n".to_owned(), "it is not signed"),
            (
                format!("Suite: x\n{}", signed("a\n")),
                "line 1: text stands outside of what is signed",
            ),
            (
                format!("\n{}", signed("a\n")),
                "line 1: text stands outside of what is signed",
            ),
            (
                signed("a\n").replace("Hash:", "Suite:"),
                "its signature cannot be read: line 2: it has a header that no signed text has",
            ),
            (
                signed("-a\n"),
                "its signature cannot be read: line 4: a dash at the start of a line is not escaped",
            ),
            (
                signed("a\rb\n"),
                "its signature cannot be read: line 4: a carriage return stands within a line",
            ),
            (
                signed("a\n").replace("-----BEGIN PGP SIGNATURE-----", ""),
                "its signature cannot be read: line 8: a dash at the start of a line is not escaped",
            ),
            (
                "-----BEGIN PGP SIGNED MESSAGE-----\n\na\n".to_owned(),
                "it is not signed",
            ),
        ] {
            assert_eq!(
                split(text.as_bytes()).unwrap_err().to_string(),
                expected,
                "{text}"
            );
        }
    }
}
