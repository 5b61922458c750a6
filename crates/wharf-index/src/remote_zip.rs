//! Reads one file out of a zip archive of which only parts are at hand: how a wheel's metadata is had without the wheel.
//!
//! Invariant: nothing here trusts a length, and nothing larger than [`LARGEST`] is asked for or inflated.
//! Source: PKWARE APPNOTE 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.14–16 (its end).

use std::io::Read;
use std::ops::Range;

use bytes::Bytes;
use flate2::read::DeflateDecoder;
use wharf_core::PackageName;
use wharf_ecosystem::pypi::{self, Version};

use crate::codec::{u32_at, u64_at};

/// How much of the end of an archive is asked for first: enough for the directory and the metadata of most wheels.
pub const TAIL: u64 = 16 * 1024;

/// The largest directory or metadata that is read, in bytes.
pub const LARGEST: u64 = 32 << 20;

/// Why a file could not be read out of an archive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZipError {
    /// The bytes are no zip archive, or a damaged one.
    #[error("it is no zip archive, or a damaged one ({0})")]
    Malformed(&'static str),
    /// A part that is too large to be what it should be.
    #[error("its {0} is larger than 32 MiB")]
    TooLarge(&'static str),
    /// A compression that wheels do not use.
    #[error("its metadata is compressed by method {0}, which is not supported")]
    Compression(u16),
    /// No such file inside.
    #[error("it holds no `.dist-info/METADATA` of its own")]
    NoMetadata,
    /// Several that could be it.
    #[error("it holds several `.dist-info/METADATA`")]
    SeveralMetadata,
}

/// What to read next, or the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// These bytes of the archive are needed.
    Need(Range<u64>),
    /// The content of the file.
    Done(Vec<u8>),
}

/// Where a file lies in the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    header: u64,
    compressed: u64,
    size: u64,
    method: u16,
    crc: u32,
}

/// A wheel of which some parts are at hand.
#[derive(Debug)]
pub struct PartialWheel {
    total: u64,
    parts: Vec<(u64, Bytes)>,
    entry: Option<Entry>,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let raw = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(raw.try_into().ok()?))
}

impl PartialWheel {
    /// A wheel of `total` bytes of which nothing is at hand yet.
    pub fn new(total: u64) -> Self {
        Self {
            total,
            parts: Vec::new(),
            entry: None,
        }
    }

    /// Adds the bytes that start at `at`.
    pub fn add(&mut self, at: u64, bytes: Bytes) {
        self.parts.push((at, bytes));
    }

    /// The first part to ask for.
    pub fn tail(&self) -> Range<u64> {
        self.total.saturating_sub(TAIL)..self.total
    }

    fn part(&self, range: Range<u64>) -> Option<&[u8]> {
        self.parts.iter().find_map(|(at, bytes)| {
            let start = usize::try_from(range.start.checked_sub(*at)?).ok()?;
            let end = usize::try_from(range.end.checked_sub(*at)?).ok()?;
            bytes.get(start..end)
        })
    }

    /// Goes as far as the parts at hand allow.
    ///
    /// # Errors
    /// Where the archive is damaged, or holds no metadata of this project.
    pub fn metadata(&mut self, name: &PackageName, version: &Version) -> Result<Step, ZipError> {
        let entry = match &self.entry {
            Some(entry) => entry.clone(),
            None => {
                let tail = self.tail();
                let Some(bytes) = self.part(tail.clone()) else {
                    return Ok(Step::Need(tail));
                };
                let range = match find_directory(bytes, tail.start)? {
                    End::Directory(range) => range,
                    End::Zip64At(at) => {
                        let end = at.checked_add(56).filter(|end| *end <= self.total);
                        let range = at..end.ok_or(ZipError::Malformed("its zip64 end lies outside"))?;
                        let Some(bytes) = self.part(range.clone()) else {
                            return Ok(Step::Need(range));
                        };
                        zip64_directory(bytes)?
                    }
                };
                if range.end > self.total || range.end < range.start {
                    return Err(ZipError::Malformed("its directory lies outside"));
                }
                if range.end - range.start > LARGEST {
                    return Err(ZipError::TooLarge("directory"));
                }
                let Some(bytes) = self.part(range.clone()) else {
                    return Ok(Step::Need(range));
                };
                let entry = find_metadata(bytes, name, version)?;
                self.entry = Some(entry.clone());
                entry
            }
        };
        self.read_entry(&entry)
    }

    fn read_entry(&self, entry: &Entry) -> Result<Step, ZipError> {
        if entry.compressed > LARGEST || entry.size > LARGEST {
            return Err(ZipError::TooLarge("metadata"));
        }
        // The local header repeats the name and may have other extra fields; a kilobyte covers both in practice.
        let margin = 30 + 1024 + entry.compressed;
        let end = entry
            .header
            .checked_add(margin)
            .ok_or(ZipError::Malformed("an entry lies outside"))?;
        if entry.header.saturating_add(30) > self.total {
            return Err(ZipError::Malformed("an entry lies outside"));
        }
        let range = entry.header..end.min(self.total);
        let Some(bytes) = self.part(range.clone()) else {
            return Ok(Step::Need(range));
        };
        if u32_at(bytes, 0) != Some(0x0403_4b50) {
            return Err(ZipError::Malformed("an entry has no local header"));
        }
        let names = u16_at(bytes, 26)
            .zip(u16_at(bytes, 28))
            .ok_or(ZipError::Malformed("a local header is cut"))?;
        let start = 30 + u64::from(names.0) + u64::from(names.1);
        let data = entry.header + start..entry.header + start + entry.compressed;
        if data.end > self.total {
            return Err(ZipError::Malformed("an entry lies outside"));
        }
        match self.part(data.clone()) {
            Some(data) => inflate(data, entry).map(Step::Done),
            None => Ok(Step::Need(data)),
        }
    }
}

enum End {
    Directory(Range<u64>),
    Zip64At(u64),
}

/// Finds the end record in the last bytes of the archive, which begin at `base`.
fn find_directory(tail: &[u8], base: u64) -> Result<End, ZipError> {
    let malformed = ZipError::Malformed("it has no end record");
    let at = (0..=tail.len().saturating_sub(22))
        .rev()
        .find(|at| {
            let comment = u16_at(tail, at + 20).map(usize::from);
            u32_at(tail, *at) == Some(0x0605_4b50)
                && comment.is_some_and(|length| at + 22 + length == tail.len())
        })
        .ok_or(malformed)?;
    let cut = ZipError::Malformed("its end record is cut");
    let size = u32_at(tail, at + 12).ok_or(cut.clone())?;
    let start = u32_at(tail, at + 16).ok_or(cut)?;
    let entries = u16_at(tail, at + 10);
    if size == u32::MAX || start == u32::MAX || entries == Some(u16::MAX) {
        // The locator stands right before the end record.
        let locator = at
            .checked_sub(20)
            .filter(|at| u32_at(tail, *at) == Some(0x0706_4b50));
        if let Some(locator) = locator {
            let record = u64_at(tail, locator + 8).ok_or(ZipError::Malformed("its zip64 locator is cut"))?;
            return Ok(End::Zip64At(record));
        }
    }
    let start = u64::from(start);
    let end = start + u64::from(size);
    if end > base + at as u64 {
        return Err(ZipError::Malformed("its directory overlaps its end"));
    }
    Ok(End::Directory(start..end))
}

fn zip64_directory(record: &[u8]) -> Result<Range<u64>, ZipError> {
    let cut = || ZipError::Malformed("its zip64 end is cut");
    if u32_at(record, 0) != Some(0x0606_4b50) {
        return Err(ZipError::Malformed("it has no zip64 end"));
    }
    let size = u64_at(record, 40).ok_or_else(cut)?;
    let start = u64_at(record, 48).ok_or_else(cut)?;
    Ok(start..start.checked_add(size).ok_or_else(cut)?)
}

/// Finds the entry of the wheel's own metadata in the directory.
fn find_metadata(directory: &[u8], name: &PackageName, version: &Version) -> Result<Entry, ZipError> {
    let cut = || ZipError::Malformed("its directory is cut");
    let mut found = None;
    let mut at = 0;
    while at < directory.len() {
        if u32_at(directory, at) != Some(0x0201_4b50) {
            return Err(ZipError::Malformed("its directory has another record"));
        }
        let length = |offset| u16_at(directory, at + offset).map(usize::from).ok_or_else(cut);
        let (name_length, extra_length, comment_length) = (length(28)?, length(30)?, length(32)?);
        let name_end = at + 46 + name_length;
        let raw_name = directory.get(at + 46..name_end).ok_or_else(cut)?;
        let extra = directory.get(name_end..name_end + extra_length).ok_or_else(cut)?;
        if is_own_metadata(raw_name, name, version) {
            if found.is_some() {
                return Err(ZipError::SeveralMetadata);
            }
            found = Some(read_entry(&directory[at..], extra).ok_or_else(cut)?);
        }
        at = name_end + extra_length + comment_length;
    }
    found.ok_or(ZipError::NoMetadata)
}

fn read_entry(record: &[u8], extra: &[u8]) -> Option<Entry> {
    let mut entry = Entry {
        method: u16_at(record, 10)?,
        crc: u32_at(record, 16)?,
        compressed: u32_at(record, 20)?.into(),
        size: u32_at(record, 24)?.into(),
        header: u32_at(record, 42)?.into(),
    };
    let mut rest = extra;
    while rest.len() >= 4 {
        let (kind, length) = (u16_at(rest, 0)?, usize::from(u16_at(rest, 2)?));
        let field = rest.get(4..4 + length)?;
        if kind == 1 {
            // Zip64: only the values that overflow are there, in this order.
            let mut at = 0;
            for value in [&mut entry.size, &mut entry.compressed, &mut entry.header] {
                if *value == u64::from(u32::MAX) {
                    *value = u64_at(field, at)?;
                    at += 8;
                }
            }
        }
        rest = &rest[4 + length..];
    }
    Some(entry)
}

/// Whether a path is `{name}-{version}.dist-info/METADATA` for this project, however either is spelled.
pub(crate) fn is_own_metadata(path: &[u8], name: &PackageName, version: &Version) -> bool {
    let Some(folder) = path.strip_suffix(b"/METADATA") else {
        return false;
    };
    is_own_dist_info(folder, name, version)
}

/// Whether a folder is `{name}-{version}.dist-info` for this project, however either is spelled.
pub(crate) fn is_own_dist_info(folder: &[u8], name: &PackageName, version: &Version) -> bool {
    let Some(stem) = folder
        .strip_suffix(b".dist-info")
        .and_then(|stem| std::str::from_utf8(stem).ok())
    else {
        return false;
    };
    let Some((its_name, its_version)) = stem.rsplit_once('-') else {
        return false;
    };
    PackageName::pypi(its_name).is_ok_and(|its_name| its_name == *name)
        && pypi::parse_version(its_version).is_ok_and(|its_version| its_version == *version)
}

fn inflate(data: &[u8], entry: &Entry) -> Result<Vec<u8>, ZipError> {
    let mut content = Vec::new();
    match entry.method {
        0 => content.extend_from_slice(data),
        8 => {
            // One byte more than announced, so that a lie shows.
            let mut limited = DeflateDecoder::new(data).take(entry.size + 1);
            limited
                .read_to_end(&mut content)
                .map_err(|_| ZipError::Malformed("its metadata does not decompress"))?;
        }
        other => return Err(ZipError::Compression(other)),
    }
    if content.len() as u64 != entry.size {
        return Err(ZipError::Malformed(
            "its metadata has another size than announced",
        ));
    }
    let mut crc = flate2::Crc::new();
    crc.update(&content);
    if crc.sum() != entry.crc {
        return Err(ZipError::Malformed(
            "its metadata has another checksum than announced",
        ));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wharf_testkit::Package;

    use super::*;

    fn wheel() -> Vec<u8> {
        let package = Package::new("Some.Thing", "1.0").dep("b>=1");
        package.build().remove(0).1.to_vec()
    }

    fn read(bytes: &[u8], name: &str, version: &str) -> Result<(Vec<u8>, usize), ZipError> {
        let (name, version) = (
            PackageName::pypi(name).unwrap(),
            pypi::parse_version(version).unwrap(),
        );
        let mut wheel = PartialWheel::new(bytes.len() as u64);
        for requests in 0..8 {
            match wheel.metadata(&name, &version)? {
                Step::Done(content) => return Ok((content, requests)),
                Step::Need(range) => {
                    assert!(
                        range.end <= bytes.len() as u64 && range.start <= range.end,
                        "{range:?}"
                    );
                    let part = Bytes::copy_from_slice(&bytes[range.start as usize..range.end as usize]);
                    wheel.add(range.start, part);
                }
            }
        }
        panic!("it asks for ever");
    }

    #[test]
    fn a_small_wheel_takes_one_request() {
        let (metadata, requests) = read(&wheel(), "some-thing", "1.0.0").unwrap();
        assert!(
            String::from_utf8(metadata)
                .unwrap()
                .contains("Requires-Dist: b>=1")
        );
        assert_eq!(requests, 1);
    }

    #[test]
    fn a_large_one_takes_two() {
        let noise: String = (0..60_000u64)
            .map(|at| format!("{:x}", at.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
            .collect();
        let package = Package::new("big", "2")
            .file("big/noise.txt", &noise)
            .file("zzz/noise.txt", &noise);
        let bytes = package.build().remove(0).1;
        let (metadata, requests) = read(&bytes, "big", "2").unwrap();
        assert!(String::from_utf8(metadata).unwrap().contains("Name: big"));
        assert!(requests <= 3, "{requests}");
    }

    #[test]
    fn another_projects_metadata_is_not_taken() {
        assert_eq!(read(&wheel(), "other", "1.0").unwrap_err(), ZipError::NoMetadata);
        assert_eq!(
            read(&wheel(), "some-thing", "1.1").unwrap_err(),
            ZipError::NoMetadata
        );
    }

    #[test]
    fn what_is_no_archive_is_said_to_be_none() {
        for bytes in [&b""[..], b"PK", b"<html>no wheel here</html>", &wheel()[..200]] {
            assert!(matches!(
                read(bytes, "some-thing", "1.0"),
                Err(ZipError::Malformed(_))
            ));
        }
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..2000, value: u8, cut in 0usize..2000) {
            let mut bytes = wheel();
            let at = at % bytes.len();
            bytes[at] = value;
            let _ = read(&bytes, "some-thing", "1.0");
            bytes.truncate(bytes.len() - cut % bytes.len());
            let _ = read(&bytes, "some-thing", "1.0");
        }

        #[test]
        fn any_tail_is_survived(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
            bytes.extend_from_slice(&[40, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            let _ = read(&bytes, "a", "1");
        }
    }
}
