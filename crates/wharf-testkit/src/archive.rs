//! Real archives in memory: wheels (zip, with a right `RECORD`) and gzipped tars.
//!
//! Invariant: the same input gives the same bytes, so digests in tests are stable.
//! Source: the binary distribution format (PEP 427) and the source distribution format (PEP 625) of packaging.python.org.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use zip::write::SimpleFileOptions;

use crate::server::base64;

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
    let mut archive = Tarball::new(0);
    for (path, content) in files {
        archive.file(&format!("{top}/{path}"), content, 0o644);
    }
    archive.finish()
}

/// One file of an archive.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) content: Vec<u8>,
    pub(crate) mode: u32,
}

/// A gzipped tar under construction. Invariant: entries have exactly the paths that were given, hostile ones too.
pub(crate) struct Tarball {
    archive: tar::Builder<GzEncoder<Vec<u8>>>,
    /// The moment that every entry carries, in seconds since 1970.
    packed: u64,
}

impl Tarball {
    pub(crate) fn new(packed: u64) -> Self {
        let gzip = GzEncoder::new(Vec::new(), Compression::default());
        Self {
            archive: tar::Builder::new(gzip),
            packed,
        }
    }

    /// A file. Long paths get GNU's extension.
    pub(crate) fn file(&mut self, path: &str, content: &[u8], mode: u32) {
        if path.len() > 100 {
            let mut long = self.header("././@LongLink", path.len() as u64 + 1, 0o644);
            long.set_entry_type(tar::EntryType::GNULongName);
            self.append(long, &[path.as_bytes(), b"\0"].concat());
        }
        let header = self.header(path, content.len() as u64, mode);
        self.append(header, content);
    }

    /// A symbolic link.
    pub(crate) fn symlink(&mut self, path: &str, target: &str) {
        let mut header = self.header(path, 0, 0o777);
        header.set_entry_type(tar::EntryType::Symlink);
        header
            .set_link_name(target)
            .expect("a test's link target fits the header");
        self.append(header, b"");
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        let gzip = self
            .archive
            .into_inner()
            .expect("an archive in memory can be finished");
        gzip.finish().expect("a stream in memory can be finished")
    }

    fn header(&self, path: &str, size: u64, mode: u32) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        // Not by the header's own way, which would clean the path up.
        let name = &mut header.as_gnu_mut().expect("it was made as GNU's").name;
        let length = path.len().min(name.len());
        name[..length].copy_from_slice(&path.as_bytes()[..length]);
        header.set_size(size);
        header.set_mode(mode);
        header.set_mtime(self.packed);
        header
    }

    fn append(&mut self, mut header: tar::Header, content: &[u8]) {
        header.set_cksum();
        self.archive
            .append(&header, content)
            .expect("memory takes every byte");
    }
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
fn wheel_record_digest(content: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, content);
    let text = base64(digest.as_ref()).replace('+', "-").replace('/', "_");
    text.trim_end_matches('=').to_owned()
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
