//! Real archives in memory: wheels (zip, with a right `RECORD`) and source distributions (gzipped tar).
//!
//! Invariant: the same input gives the same bytes, so digests in tests are stable.
//! Source: the binary distribution format (PEP 427) and the source distribution format (PEP 625) of packaging.python.org.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use zip::write::SimpleFileOptions;

/// Packs `files` (path → content) into a wheel and appends `<dist_info>/RECORD` with a digest for each of them.
///
/// # Panics
/// When an archive cannot be written to memory, which is a bug in the testkit.
#[must_use]
pub fn wheel_archive(files: &BTreeMap<String, Vec<u8>>, dist_info: &str) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let mut record = String::new();
    for (path, content) in files {
        let mode = if path.contains(".data/scripts/") {
            0o755
        } else {
            0o644
        };
        let options = SimpleFileOptions::default().unix_permissions(mode);
        archive
            .start_file(path.as_str(), options)
            .expect("a path in memory can be added");
        archive.write_all(content).expect("memory takes every byte");
        record.push_str(&format!(
            "{path},sha256={},{}\n",
            wheel_record_digest(content),
            content.len()
        ));
    }
    let path = format!("{dist_info}/RECORD");
    record.push_str(&format!("{path},,\n"));
    archive
        .start_file(path, SimpleFileOptions::default())
        .expect("a path in memory can be added");
    archive
        .write_all(record.as_bytes())
        .expect("memory takes every byte");
    archive
        .finish()
        .expect("an archive in memory can be finished")
        .into_inner()
}

/// Packs `files` under the top folder `top` into a gzipped tar.
///
/// # Panics
/// When an archive cannot be written to memory, which is a bug in the testkit.
#[must_use]
pub fn sdist_archive(files: &BTreeMap<String, Vec<u8>>, top: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        archive
            .append_data(&mut header, format!("{top}/{path}"), content.as_slice())
            .expect("memory takes every byte");
    }
    let gzip = archive
        .into_inner()
        .expect("an archive in memory can be finished");
    gzip.finish().expect("a stream in memory can be finished")
}

/// A page as servers compress it.
pub(crate) fn gzip(content: &[u8]) -> Bytes {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(content).expect("memory takes every byte");
    gzip.finish().expect("a stream in memory can be finished").into()
}

/// The SHA-256 of `content` in lower-case hexadecimal, as indexes print it.
#[must_use]
pub fn hex_digest(content: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, content);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The SHA-256 of `content` in URL-safe base 64 without padding, as `RECORD` prints it.
#[must_use]
pub fn wheel_record_digest(content: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digest = ring::digest::digest(&ring::digest::SHA256, content);
    let mut text = String::with_capacity(43);
    for chunk in digest.as_ref().chunks(3) {
        let mut group = [0u8; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for position in 0..=chunk.len() {
            let index = (bits >> (18 - 6 * position)) & 63;
            text.push(char::from(ALPHABET[index as usize]));
        }
    }
    text
}

/// A project name as indexes spell it in paths (PEP 503): lower case, runs of `-`, `_` and `.` as one `-`.
#[must_use]
pub fn normalize(name: &str) -> String {
    let mut normalized = String::with_capacity(name.len());
    for character in name.chars() {
        if matches!(character, '-' | '_' | '.') {
            if !normalized.ends_with('-') {
                normalized.push('-');
            }
        } else {
            normalized.extend(character.to_lowercase());
        }
    }
    normalized
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_published_test_vector() {
        // FIPS 180-2, appendix B.1: the message "abc".
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex_digest(b"abc"), expected);
        assert_eq!(
            wheel_record_digest(b"abc"),
            "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"
        );
    }

    #[test]
    fn names_are_normalised_as_the_index_spells_them() {
        for (name, expected) in [
            ("Friendly-Bard", "friendly-bard"),
            ("a.-_b", "a-b"),
            ("X__y", "x-y"),
        ] {
            assert_eq!(normalize(name), expected);
        }
    }

    #[test]
    fn the_same_input_gives_the_same_bytes() {
        let files = BTreeMap::from([("a/__init__.py".to_owned(), b"x = 1\n".to_vec())]);
        assert_eq!(
            wheel_archive(&files, "a-1.dist-info"),
            wheel_archive(&files, "a-1.dist-info")
        );
        assert_eq!(sdist_archive(&files, "a-1"), sdist_archive(&files, "a-1"));
    }
}
