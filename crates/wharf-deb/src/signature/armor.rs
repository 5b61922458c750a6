//! Bytes from blocks of ASCII (`-----BEGIN PGP …-----`). Source: RFC 9580, section 6.
//!
//! A file may hold several blocks, one after the other, with blank lines between them and nothing else.

use super::SignatureError;

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Signatures.
    Signature,
    /// Public keys.
    Key,
}

impl Kind {
    pub(super) const fn begin(self) -> &'static [u8] {
        match self {
            Kind::Signature => b"-----BEGIN PGP SIGNATURE-----",
            Kind::Key => b"-----BEGIN PGP PUBLIC KEY BLOCK-----",
        }
    }

    pub(super) const fn end(self) -> &'static [u8] {
        match self {
            Kind::Signature => b"-----END PGP SIGNATURE-----",
            Kind::Key => b"-----END PGP PUBLIC KEY BLOCK-----",
        }
    }
}

/// Whether bytes are packets as they are: the first bit of a packet is always set, that of ASCII never.
pub(super) fn is_binary(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|byte| byte & 0x80 != 0)
}

/// The bytes of the only block, whose first line is this one of its file.
pub(super) fn decode(bytes: &[u8], line: usize, kind: Kind) -> Result<Vec<u8>, SignatureError> {
    let mut blocks = blocks(bytes, line, kind)?;
    match (blocks.pop(), blocks.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => Err(malformed("there is more than one block of signatures")),
        (None, _) => Err(SignatureError::NotSigned),
    }
}

/// The bytes of each block.
pub(super) fn decode_all(bytes: &[u8], kind: Kind) -> Result<Vec<Vec<u8>>, SignatureError> {
    blocks(bytes, 1, kind)
}

fn malformed(reason: &str) -> SignatureError {
    SignatureError::Malformed(reason.to_owned())
}

fn blocks(bytes: &[u8], first: usize, kind: Kind) -> Result<Vec<Vec<u8>>, SignatureError> {
    let mut lines = bytes
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .enumerate();
    let mut blocks = Vec::new();
    while let Some((at, line)) = lines.next() {
        match line {
            b"" => {}
            line if line == kind.begin() => blocks.push(block(&mut lines, kind)?),
            _ => return Err(SignatureError::TextOutside { line: first + at }),
        }
    }
    Ok(blocks)
}

/// One block, from behind its first line to its last.
fn block<'a>(
    lines: &mut impl Iterator<Item = (usize, &'a [u8])>,
    kind: Kind,
) -> Result<Vec<u8>, SignatureError> {
    let mut lines = lines.map(|(_, line)| line);
    let mut next = || lines.next().ok_or_else(|| malformed("its armor is cut off"));
    let mut digits = Vec::new();
    // Headers such as `Comment: …` go up to a blank line; without any, that line is sometimes left out.
    let mut line = next()?;
    while memchr::memmem::find(line, b": ").is_some() || line.ends_with(b":") {
        line = next()?;
    }
    let mut checksum = None;
    while line != kind.end() {
        match line.strip_prefix(b"=") {
            Some(sum) if checksum.is_none() && sum.len() == 4 => checksum = Some(sum),
            _ if checksum.is_some() && !line.is_empty() => {
                return Err(malformed("something follows the checksum of its armor"));
            }
            _ => digits.extend_from_slice(line),
        }
        line = next()?;
    }
    let bytes = base64(&digits).ok_or_else(|| malformed("its armor has characters that no armor has"))?;
    match checksum.map(base64) {
        Some(Some(sum)) if sum == crc24(&bytes) => Ok(bytes),
        None => Ok(bytes),
        Some(_) => Err(malformed("the checksum of its armor is wrong")),
    }
}

fn base64(digits: &[u8]) -> Option<Vec<u8>> {
    let end = digits
        .iter()
        .rposition(|digit| *digit != b'=')
        .map_or(0, |last| last + 1);
    let (digits, padding) = digits.split_at(end);
    if padding.len() > 2 || digits.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 3);
    for group in digits.chunks(4) {
        let mut sum = 0_u32;
        for digit in group {
            sum = sum << 6 | u32::from(value(*digit)?);
        }
        let sum = sum << (6 * (4 - group.len()));
        bytes.extend_from_slice(&sum.to_be_bytes()[1..group.len()]);
    }
    Some(bytes)
}

fn value(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

/// The checksum of RFC 9580, section 6.1: it finds what was copied wrongly, nothing more.
fn crc24(bytes: &[u8]) -> [u8; 3] {
    let mut sum = 0x00b7_04ce_u32;
    for byte in bytes {
        sum ^= u32::from(*byte) << 16;
        for _ in 0..8 {
            sum <<= 1;
            if sum & 0x0100_0000 != 0 {
                sum ^= 0x0186_4cfb;
            }
        }
    }
    let [_, rest @ ..] = sum.to_be_bytes();
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn armor(inside: &str) -> String {
        format!("-----BEGIN PGP SIGNATURE-----\n{inside}\n-----END PGP SIGNATURE-----\n")
    }

    #[test]
    fn blocks_are_decoded() {
        for (inside, expected) in [
            ("\nYQ==", "a"),
            ("\nYWI=", "ab"),
            ("\nYWJj", "abc"),
            ("\nYW\nJj\n", "abc"),
            ("Comment: x\nVersion: 1\n\nYWJj\n=uhx7", "abc"),
            ("YWJj", "abc"),
            ("\n", ""),
        ] {
            let decoded = decode(armor(inside).as_bytes(), 1, Kind::Signature);
            assert_eq!(decoded, Ok(expected.as_bytes().to_vec()), "{inside}");
            let crlf = armor(inside).replace('\n', "\r\n  ");
            assert_eq!(
                decode_all(crlf.as_bytes(), Kind::Signature).unwrap(),
                [expected.as_bytes()]
            );
        }
        let two = armor("\nYQ==") + "\n" + &armor("\nYg==");
        assert_eq!(decode_all(two.as_bytes(), Kind::Signature).unwrap(), [b"a", b"b"]);
    }

    #[test]
    fn what_is_no_block_is_refused() {
        for (text, expected) in [
            (
                armor("\nY"),
                "its signature cannot be read: its armor has characters that no armor has",
            ),
            (
                armor("\nYW*j"),
                "its signature cannot be read: its armor has characters that no armor has",
            ),
            (
                armor("\nYWJj\n=AAAA"),
                "its signature cannot be read: the checksum of its armor is wrong",
            ),
            (
                armor("\nYWJj\n=uhx7\nYQ=="),
                "its signature cannot be read: something follows the checksum of its armor",
            ),
            (
                armor("\nYQ==").replace("-----END", "-----"),
                "its signature cannot be read: its armor is cut off",
            ),
            (
                armor("\nYQ==") + "x",
                "line 12: text stands outside of what is signed",
            ),
            (
                armor("\nYQ==") + &armor("\nYQ=="),
                "its signature cannot be read: there is more than one block of signatures",
            ),
            ("\n".to_owned(), "it is not signed"),
        ] {
            let error = decode(text.as_bytes(), 8, Kind::Signature).unwrap_err();
            assert_eq!(error.to_string(), expected, "{text}");
        }
    }
}
