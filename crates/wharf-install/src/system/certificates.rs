//! Trusted certificates: the bundle `/etc/ssl/certs/ca-certificates.crt`, a link for each certificate, and the links by the hash of
//! its subject by which OpenSSL finds it.
//!
//! Invariant: a certificate that cannot be read is in the bundle and has no link by hash. Sources: update-ca-certificates(8),
//! `X509_NAME_hash` of OpenSSL 1.0.0 and later, X.690 for the encoding.

use std::collections::BTreeMap;

use wharf_core::Algorithm;
use wharf_store::{Hasher, Store, StoreError};

use super::files::{Files, Node};

const SOURCE: &str = "usr/share/ca-certificates";
const TARGET: &str = "etc/ssl/certs";
const LIST: &str = "etc/ca-certificates.conf";
const LIST_HEAD: &str = "# The certificates of this root, one a line, below /usr/share/ca-certificates; a line with `!` leaves one out.\n";

/// Makes the bundle and the links, if the root has certificates.
pub(crate) fn configure(store: &Store, files: &mut Files) -> Result<(), StoreError> {
    let mut names: Vec<String> = Vec::new();
    let mut take = |files: &Files, folder: &str| {
        let place = format!("{SOURCE}{folder}");
        for (path, node) in files.below(place.as_bytes()) {
            let inside = String::from_utf8_lossy(&path[SOURCE.len() + 1..]).into_owned();
            if node.kind.is_file() && inside.ends_with(".crt") {
                names.push(inside);
            }
        }
    };
    take(files, "");
    if names.is_empty() {
        return Ok(());
    }
    names.sort();
    let (mut bundle, mut hashes) = (Vec::new(), BTreeMap::<u32, Vec<String>>::new());
    for name in &names {
        let source = format!("{SOURCE}/{name}");
        let text = files.read(store, source.as_bytes())?.unwrap_or_default();
        let file = name.rsplit('/').next().unwrap_or(name);
        let file = file.strip_suffix(".crt").unwrap_or(file);
        let link = format!("{}.pem", file.replace([' ', '(', ')'], "_").replace(',', "_"));
        files.link(
            format!("{TARGET}/{link}").as_bytes(),
            format!("/{source}").as_bytes(),
        );
        if let Some(hash) = subject_hash(&text) {
            hashes.entry(hash).or_default().push(link);
        }
        bundle.extend_from_slice(&text);
        if !text.ends_with(b"\n") {
            bundle.push(b'\n');
        }
    }
    for (hash, links) in hashes {
        for (number, link) in links.iter().enumerate() {
            files.link(
                format!("{TARGET}/{hash:08x}.{number}").as_bytes(),
                link.as_bytes(),
            );
        }
    }
    files.put(
        format!("{TARGET}/ca-certificates.crt").as_bytes(),
        Node::text(bundle),
    );
    files.put(
        LIST.as_bytes(),
        Node::text(format!("{LIST_HEAD}{}\n", names.join("\n"))),
    );
    Ok(())
}

/// The hash of a certificate's subject in PEM form; `None` for what is none.
fn subject_hash(pem: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(pem).ok()?;
    let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let der = base64(body)?;
    let (certificate, _) = element(&der, 0x30)?;
    let (mut fields, _) = element(certificate, 0x30)?;
    if fields.first() == Some(&0xa0) {
        fields = after(fields)?; // version
    }
    // Serial number, algorithm, issuer and validity stand before the subject.
    for _ in 0..4 {
        fields = after(fields)?;
    }
    let (subject, _) = element(fields, 0x30)?;
    let digest = Hasher::digest(Algorithm::Sha1, &canonical(subject)?);
    let (first, _) = digest.bytes().split_first_chunk()?;
    Some(u32::from_le_bytes(*first))
}

/// A name in canonical form: each text as lower-case UTF-8 with single blanks; without the outer sequence's header.
fn canonical(mut name: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    while !name.is_empty() {
        let (mut set, rest) = element(name, 0x31)?;
        let mut members = Vec::new();
        while !set.is_empty() {
            let (attribute, more) = element(set, 0x30)?;
            let value = after(attribute)?;
            let kind = &attribute[..attribute.len() - value.len()];
            let mut inner = kind.to_vec();
            match text_of(value)? {
                Some(text) => put(&mut inner, 0x0c, text.as_bytes()),
                None => inner.extend_from_slice(value),
            }
            let mut member = Vec::new();
            put(&mut member, 0x30, &inner);
            members.push(member);
            set = more;
        }
        members.sort();
        put(&mut out, 0x31, &members.concat());
        name = rest;
    }
    Some(out)
}

/// The text of a value in canonical form; `None` inside for a value that is no text and stays as it is.
fn text_of(value: &[u8]) -> Option<Option<String>> {
    let tag = *value.first()?;
    let (bytes, _) = element(value, tag)?;
    let text = match tag {
        0x0c | 0x13 | 0x16 | 0x1a => String::from_utf8(bytes.to_vec()).ok()?,
        0x14 => bytes.iter().map(|byte| char::from(*byte)).collect(),
        0x1e => {
            let units: Vec<u16> = bytes
                .chunks_exact(2)
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
                .collect();
            String::from_utf16(&units).ok()?
        }
        _ => return Some(None),
    };
    let blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c');
    let words: Vec<&str> = text.split(blank).filter(|word| !word.is_empty()).collect();
    Some(Some(words.join(" ").to_ascii_lowercase()))
}

/// The contents of the first element, which has this tag, and what comes after it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (header, length) = header(bytes)?;
    if *bytes.first()? != tag {
        return None;
    }
    let end = header.checked_add(length)?;
    Some((bytes.get(header..end)?, bytes.get(end..)?))
}

/// What comes after the first element.
fn after(bytes: &[u8]) -> Option<&[u8]> {
    let (header, length) = header(bytes)?;
    bytes.get(header.checked_add(length)?..)
}

/// The sizes of an element's header and contents.
fn header(bytes: &[u8]) -> Option<(usize, usize)> {
    let first = *bytes.get(1)?;
    if first < 0x80 {
        return Some((2, first.into()));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 4 {
        return None;
    }
    let digits = bytes.get(2..2 + count)?;
    let length = digits
        .iter()
        .fold(0usize, |length, byte| length << 8 | usize::from(*byte));
    Some((2 + count, length))
}

fn put(out: &mut Vec<u8>, tag: u8, contents: &[u8]) {
    out.push(tag);
    let length = contents.len();
    if length < 0x80 {
        out.push(length as u8);
    } else {
        let bytes = length.to_be_bytes();
        let skip = bytes.iter().take_while(|byte| **byte == 0).count();
        out.push(0x80 | (bytes.len() - skip) as u8);
        out.extend_from_slice(&bytes[skip..]);
    }
    out.extend_from_slice(contents);
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0u32, 0);
    for byte in text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=')
    {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_canonical() {
        // C=XX, O="Example  CA " as PrintableString and UTF8String.
        let mut name = Vec::new();
        let attribute = |kind: u8, tag: u8, text: &str| {
            let (mut inner, mut member, mut set) = (vec![6, 3, 0x55, 4, kind], Vec::new(), Vec::new());
            put(&mut inner, tag, text.as_bytes());
            put(&mut member, 0x30, &inner);
            put(&mut set, 0x31, &member);
            set
        };
        name.extend(attribute(6, 0x13, "XX"));
        name.extend(attribute(10, 0x0c, " Example  CA "));
        let expected = [attribute(6, 0x0c, "xx"), attribute(10, 0x0c, "example ca")].concat();
        assert_eq!(canonical(&name), Some(expected));
        assert_eq!(canonical(&name[..5]), None);
    }

    #[test]
    fn base64_is_read() {
        assert_eq!(base64("aGVs\nbG8="), Some(b"hello".to_vec()));
        assert_eq!(base64("a!"), None);
        assert_eq!(subject_hash(b"no certificate"), None);
    }
}
