//! Reads zip archives by their central directory, as every installer does, and holds the local headers against it.
//!
//! Invariant: strict. The end record ends the file and follows the directory directly, no two entries share bytes,
//! and an entry unpacks to exactly the bytes it declares, or the archive is refused. Two readers that see different
//! files in one archive are how things get smuggled in, so what is ambiguous is an error here.
//! Source: APPNOTE.TXT 6.3.10 (sections 4.3 to 4.5), Info-ZIP's use of the upper half of the external attributes.
//!
//! Reading goes through positioned reads, not a memory map: an archive that someone cuts meanwhile gives an error,
//! not a signal. It costs one copy of the compressed bytes, which does not show beside inflating them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use wharf_core::SafePath;

use super::names::Names;
use super::{ArchiveError, Limits, Refusal, Trouble, links, nameless, sniff};

pub(crate) mod body;

/// Bytes that can be read at any place, by many threads at once.
pub(crate) trait Source: Sync {
    fn size(&self) -> io::Result<u64>;
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl Source for File {
    fn size(&self) -> io::Result<u64> {
        self.metadata().map(|metadata| metadata.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.read_exact_at(buffer, offset)
    }
}

impl Source for [u8] {
    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let mut rest = self.get(start..).ok_or(io::ErrorKind::UnexpectedEof)?;
        rest.read_exact(buffer)
    }
}

/// An entry of the central directory that passed every check that needs no unpacking.
#[derive(Debug)]
pub(crate) struct ZipEntry {
    pub(crate) path: SafePath,
    pub(crate) kind: ZipKind,
    pub(crate) size: u64,
    method: Method,
    /// The name as written, to compare with the local header.
    raw_name: Box<[u8]>,
    flags: u16,
    checksum: u32,
    packed: u64,
    /// Where its local header begins.
    offset: u64,
    /// Where the next entry or the directory begins.
    end: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ZipKind {
    File { executable: bool },
    Folder,
    Link,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Stored,
    Deflate,
    Bzip2,
    Zstd,
}

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;
const END_SIZE: u64 = 22;
const LOCATOR_SIZE: u64 = 20;
const END_64_SIZE: u64 = 56;
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
const DESCRIPTOR: u16 = 1 << 3;
const UTF8: u16 = 1 << 11;

/// The paths and sizes of a zip in memory, after unpacking and checking all of it.
///
/// # Errors
/// Where the archive is refused.
pub fn inspect(bytes: &[u8], limits: &Limits) -> Result<Vec<(SafePath, u64)>, ArchiveError> {
    let check = || -> Result<_, Trouble> {
        let entries = read(bytes, limits)?;
        let mut scratch = body::Scratch::default();
        for entry in &entries {
            scratch.read_to(bytes, entry, &mut |_| Ok(()))?;
        }
        check_links(bytes, &entries)?;
        Ok(entries
            .into_iter()
            .map(|entry| (entry.path, entry.size))
            .collect())
    };
    check().map_err(|trouble| trouble.of(nameless()))
}

/// Reads the directory.
pub(crate) fn read<S: Source + ?Sized>(source: &S, limits: &Limits) -> Result<Vec<ZipEntry>, Trouble> {
    let end = find_end(source)?;
    if end.count > limits.max_entries {
        return Err(Refusal::TooMany {
            limit: limits.max_entries,
        }
        .into());
    }
    let length = usize::try_from(end.length).map_err(|_| Refusal::Malformed("its directory is too long"))?;
    let mut directory = vec![0; length];
    source.read_at(&mut directory, end.start)?;
    let mut cursor = Cursor {
        bytes: &directory,
        at: 0,
    };
    let (mut entries, mut names, mut total) = (Vec::new(), Names::default(), 0u64);
    for _ in 0..end.count {
        let entry = read_entry(&mut cursor)?;
        match entry.kind {
            _ if entry.size > limits.max_file_bytes => Err(Refusal::TooLarge {
                limit: limits.max_file_bytes,
            }),
            ZipKind::File { .. } | ZipKind::Link => names.file(&entry.path, limits),
            ZipKind::Folder => names.folder(&entry.path, limits),
        }
        .map_err(Trouble::entry(entry.path.as_str()))?;
        total = total.saturating_add(entry.size);
        entries.push(entry);
    }
    if cursor.at != directory.len() {
        return Err(Refusal::Malformed("its directory has more entries than it declares").into());
    }
    limits.check_total(total, end.start)?;
    fence(&mut entries, end.start)?;
    Ok(entries)
}

/// Follows the links of an archive. Their targets are their contents.
pub(crate) fn check_links<S: Source + ?Sized>(
    source: &S,
    entries: &[ZipEntry],
) -> Result<BTreeMap<SafePath, String>, Trouble> {
    let mut found = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.kind == ZipKind::Link) {
        let mut target = Vec::new();
        body::Scratch::default().read_to(source, entry, &mut |bytes| {
            target.extend_from_slice(bytes);
            Ok(())
        })?;
        let target =
            String::from_utf8(target).map_err(|_| Trouble::entry(entry.path.as_str())(Refusal::NotText))?;
        found.insert(entry.path.clone(), target);
    }
    links::check(&found)?;
    Ok(found)
}

struct End {
    count: u64,
    start: u64,
    length: u64,
}

fn find_end<S: Source + ?Sized>(source: &S) -> Result<End, Trouble> {
    let size = source.size()?;
    let mut head = [0; 512];
    let head_length = size.min(512) as usize;
    source.read_at(&mut head[..head_length], 0)?;
    let actual = sniff(&head[..head_length]);
    if let Some(actual) = actual.filter(|actual| *actual != "a zip") {
        return Err(Refusal::Mislabelled {
            expected: "a zip",
            actual,
        }
        .into());
    }
    let no_end = || match actual {
        Some(_) => Refusal::Truncated,
        None => Refusal::Malformed("it is not a zip"),
    };
    // The comment, up to 65,535 bytes, comes last.
    let tail_length = size.min(END_SIZE + 0xffff) as usize;
    let mut tail = vec![0; tail_length];
    source.read_at(&mut tail, size - tail_length as u64)?;
    let at = (0..=tail_length.saturating_sub(END_SIZE as usize))
        .rev()
        .find(|at| ends_here(&tail[*at..]))
        .ok_or_else(no_end)?;
    let mut cursor = Cursor {
        bytes: &tail,
        at: at + 4,
    };
    let disks = (cursor.u16()?, cursor.u16()?);
    let counts = (cursor.u16()?, cursor.u16()?);
    let (length, start) = (cursor.u32()?, cursor.u32()?);
    if disks != (0, 0) || counts.0 != counts.1 {
        return Err(Refusal::Malformed("it is one part of several").into());
    }
    let end_at = size - tail_length as u64 + at as u64;
    let plain = End {
        count: counts.0.into(),
        start: start.into(),
        length: length.into(),
    };
    let (end, follows) = match end_at.checked_sub(LOCATOR_SIZE) {
        Some(locator) => read_end_64(source, locator, &plain)?.unwrap_or((plain, end_at)),
        None => (plain, end_at),
    };
    if end.start.checked_add(end.length) != Some(follows) {
        return Err(Refusal::Malformed("its directory does not end where it should").into());
    }
    Ok(end)
}

fn ends_here(bytes: &[u8]) -> bool {
    bytes.len() >= END_SIZE as usize
        && bytes[..4] == END.to_le_bytes()
        && usize::from(u16::from_le_bytes([bytes[20], bytes[21]])) == bytes.len() - END_SIZE as usize
}

/// The zip64 end record, and where it begins, if its locator is there.
fn read_end_64<S: Source + ?Sized>(
    source: &S,
    locator: u64,
    plain: &End,
) -> Result<Option<(End, u64)>, Trouble> {
    let mut bytes = [0; LOCATOR_SIZE as usize];
    source.read_at(&mut bytes, locator)?;
    let mut cursor = Cursor { bytes: &bytes, at: 0 };
    if cursor.u32()? != LOCATOR_64 {
        return Ok(None);
    }
    let (disk, at, disks) = (cursor.u32()?, cursor.u64()?, cursor.u32()?);
    if disk != 0 || disks > 1 || at.checked_add(END_64_SIZE) != Some(locator) {
        return Err(Refusal::Malformed("its zip64 record is not where it should be").into());
    }
    let mut bytes = [0; END_64_SIZE as usize];
    source.read_at(&mut bytes, at)?;
    let mut cursor = Cursor { bytes: &bytes, at: 0 };
    let (magic, length) = (cursor.u32()?, cursor.u64()?);
    cursor.take(4)?; // versions
    let disks = (cursor.u32()?, cursor.u32()?);
    let counts = (cursor.u64()?, cursor.u64()?);
    let end = End {
        count: counts.0,
        length: cursor.u64()?,
        start: cursor.u64()?,
    };
    let agree = |small: u64, large: u64, saturated: u64| small == saturated || small == large;
    if magic != END_64
        || length != END_64_SIZE - 12
        || disks != (0, 0)
        || counts.0 != counts.1
        || !agree(plain.count, end.count, 0xffff)
        || !agree(plain.length, end.length, 0xffff_ffff)
        || !agree(plain.start, end.start, 0xffff_ffff)
    {
        return Err(Refusal::Malformed("its zip64 record contradicts its end record").into());
    }
    Ok(Some((end, at)))
}

fn read_entry(cursor: &mut Cursor<'_>) -> Result<ZipEntry, Trouble> {
    if cursor.u32()? != CENTRAL {
        return Err(Refusal::Malformed("its directory is damaged").into());
    }
    let made_by = cursor.u16()? >> 8;
    cursor.take(2)?; // version needed
    let (flags, method) = (cursor.u16()?, cursor.u16()?);
    cursor.take(4)?; // time and date
    let checksum = cursor.u32()?;
    let (packed, size) = (cursor.u32()?, cursor.u32()?);
    let (name_length, extra_length, comment_length) = (cursor.u16()?, cursor.u16()?, cursor.u16()?);
    let disk = cursor.u16()?;
    cursor.take(2)?; // internal attributes
    let (attributes, offset) = (cursor.u32()?, cursor.u32()?);
    let raw_name = cursor.take(name_length.into())?;
    let extra = cursor.take(extra_length.into())?;
    cursor.take(comment_length.into())?;

    let lossy = String::from_utf8_lossy(raw_name);
    let refuse = Trouble::entry(&lossy);
    // Without the UTF-8 flag the names are CP437 by the letter; ASCII is the same in both, and tools that forget
    // the flag write UTF-8. What is neither is refused: nobody knows how its author meant it.
    let name = std::str::from_utf8(raw_name).map_err(|_| refuse(Refusal::NotText))?;
    let path = SafePath::new(name).map_err(|error| refuse(error.into()))?;
    let (size, packed, offset) = widen(extra, size, packed, offset, name).map_err(&refuse)?;
    if flags & ENCRYPTED != 0 {
        return Err(refuse(Refusal::Encrypted));
    }
    if disk != 0 && disk != 0xffff {
        return Err(refuse(Refusal::Malformed("it lies on another disk")));
    }
    let kind = kind(made_by, attributes, name).map_err(&refuse)?;
    if kind == ZipKind::Folder && size != 0 {
        return Err(refuse(Refusal::Malformed("it is a folder with contents")));
    }
    let method = match method {
        0 => Method::Stored,
        8 => Method::Deflate,
        12 => Method::Bzip2,
        93 => Method::Zstd,
        other => return Err(refuse(Refusal::Method(other))),
    };
    if method == Method::Stored && packed != size {
        return Err(refuse(Refusal::Size));
    }
    Ok(ZipEntry {
        path,
        kind,
        size,
        method,
        raw_name: raw_name.into(),
        flags,
        checksum,
        packed,
        offset,
        end: 0,
    })
}

/// Takes sizes and offset from the zip64 field where the plain ones are saturated, in that order.
fn widen(extra: &[u8], size: u32, packed: u32, offset: u32, name: &str) -> Result<(u64, u64, u64), Refusal> {
    let mut wide: Option<&[u8]> = None;
    let mut rest = extra;
    // Some tools pad the field with a few zero bytes; anything shorter than a header is padding.
    while rest.len() >= 4 {
        let tag = u16::from_le_bytes([rest[0], rest[1]]);
        let length = usize::from(u16::from_le_bytes([rest[2], rest[3]]));
        let field = rest
            .get(4..4 + length)
            .ok_or(Refusal::Malformed("its extra field is damaged"))?;
        match tag {
            1 if wide.is_some() => return Err(Refusal::Malformed("it has two zip64 fields")),
            1 => wide = Some(field),
            // Info-ZIP's Unicode path: another name for readers that look at it.
            0x7075 if field.get(5..) != Some(name.as_bytes()) => {
                return Err(Refusal::Malformed("it has two different names"));
            }
            _ => {}
        }
        rest = &rest[4 + length..];
    }
    let mut field = wide.unwrap_or_default();
    let mut next = |value: u32| -> Result<u64, Refusal> {
        if value != u32::MAX || wide.is_none() {
            return Ok(u64::from(value));
        }
        let (number, rest) = field
            .split_first_chunk()
            .ok_or(Refusal::Malformed("its zip64 field is too short"))?;
        field = rest;
        Ok(u64::from_le_bytes(*number))
    };
    Ok((next(size)?, next(packed)?, next(offset)?))
}

fn kind(made_by: u16, attributes: u32, name: &str) -> Result<ZipKind, Refusal> {
    let mode = attributes >> 16;
    // Only Unix (3) and macOS (19) put a mode there; elsewhere the bits are something else.
    let is_unix = made_by == 3 || made_by == 19;
    let named_folder = name.ends_with('/');
    let kind = match mode & 0o170_000 {
        _ if !is_unix => None,
        0o040_000 => Some(ZipKind::Folder),
        0o120_000 => Some(ZipKind::Link),
        0o010_000 => return Err(Refusal::Special("a pipe")),
        0o020_000 | 0o060_000 => return Err(Refusal::Special("a device")),
        0o140_000 => return Err(Refusal::Special("a socket")),
        // Regular, absent, or bits that mean nothing: a file by its name.
        _ => None,
    };
    match (kind, named_folder) {
        (None | Some(ZipKind::Folder), true) => Ok(ZipKind::Folder),
        (Some(ZipKind::Link), true) => Err(Refusal::Malformed("it is a link with the name of a folder")),
        (Some(ZipKind::Folder), false) => Err(Refusal::Malformed("it is a folder with the name of a file")),
        (Some(ZipKind::Link), false) => Ok(ZipKind::Link),
        (None | Some(ZipKind::File { .. }), _) => Ok(ZipKind::File {
            executable: is_unix && mode & 0o111 != 0,
        }),
    }
}

/// Gives each entry the room up to the next, so that none can reach into another.
fn fence(entries: &mut [ZipEntry], directory: u64) -> Result<(), Trouble> {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_unstable_by_key(|index| std::cmp::Reverse(entries[*index].offset));
    let mut end = directory;
    for index in order {
        let entry = &mut entries[index];
        entry.end = end;
        let least = 30 + entry.raw_name.len() as u64;
        let room = end
            .checked_sub(entry.offset)
            .and_then(|room| room.checked_sub(least));
        if room.is_none_or(|room| room < entry.packed) {
            return Err(Trouble::entry(entry.path.as_str())(Refusal::Malformed(
                "it overlaps another entry",
            )));
        }
        end = entry.offset;
    }
    Ok(())
}

/// Takes little-endian numbers.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Refusal> {
        let taken = self
            .bytes
            .get(self.at..self.at + count)
            .ok_or(Refusal::Malformed("its directory is damaged"))?;
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Refusal> {
        Ok(self
            .take(N)?
            .try_into()
            .expect("as many bytes as asked for were taken"))
    }

    fn u16(&mut self) -> Result<u16, Refusal> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, Refusal> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, Refusal> {
        self.array().map(u64::from_le_bytes)
    }
}
