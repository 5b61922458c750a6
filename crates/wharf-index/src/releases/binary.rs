//! The blob of a project's releases: fixed records, four tables of distinct texts, and a heap.
//!
//! ```text
//! magic 8 | fetched i64 | fresh_until i64 | checksum u64 of all that follows
//! page digest 32 | counts: releases, files, tags, requires, prefixes, yanked, skipped, status, heap  (u32 each)
//! releases: version at, version length, first file, files            (u32 each)
//! files:    64 bytes, see `FileRow`
//! tables:   at, length of each distinct text                          (u32 each)
//! heap
//! ```
//! Invariant: opening checks the checksum and the bounds of the sections; reading a row of a blob that was written by a
//! buggy Wharf gives empty texts, never a panic. The stamp stands outside the checksum, so that a revalidation rewrites
//! sixteen bytes in place.

use std::cmp::Reverse;
use std::ops::Range;

use rustc_hash::FxHashMap;
use wharf_core::{Algorithm, Digest};
use wharf_ecosystem::pypi::simple::{File, MetadataFile, ProjectStatus, Skipped};
use wharf_ecosystem::pypi::{DistName, Version};

use crate::codec::{Heap, Table, checksum, i64_at, offset, u32_at, u64_at};

const MAGIC: &[u8; 8] = b"WHARFr\x01\n";
const CHECKED: usize = 32;
const COUNTS: usize = CHECKED + 32;
const HEADER: usize = COUNTS + 9 * 4;
const RELEASE: usize = 16;
const FILE: usize = 64;
const PAIR: usize = 8;
const NONE: u32 = u32::MAX;

/// When a page was fetched, until when it may be used unasked, and what it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Seconds since the epoch.
    pub(crate) fetched: i64,
    /// Seconds since the epoch.
    pub(crate) fresh_until: i64,
    /// A digest of the page's bytes and base: an equal page need not be parsed again.
    pub(crate) page: [u8; 32],
}

/// A position and length in the heap.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Text {
    at: u32,
    length: u32,
}

/// One file's record.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FileRow {
    pub(crate) name: Text,
    prefix: u32,
    rest: Text,
    digests: Text,
    pub(crate) requires: Option<u32>,
    pub(crate) yanked: Option<u32>,
    pub(crate) tags: Option<u32>,
    pub(crate) place: u8,
    url_ends_in_name: bool,
    metadata: u8,
    pub(crate) size: Option<u64>,
    pub(crate) uploaded: Option<i64>,
}

const METADATA_UNKNOWN: u8 = 0;
const METADATA_ABSENT: u8 = 1;
const METADATA_PRESENT: u8 = 2;
/// Present, and its digest is the last one in the file's list.
const METADATA_DIGEST: u8 = 3;

/// An opened blob.
#[derive(Debug)]
pub(crate) struct Blob {
    bytes: Box<[u8]>,
    sections: Sections,
}

#[derive(Clone, Debug)]
struct Sections {
    releases: Range<usize>,
    files: Range<usize>,
    tags: Range<usize>,
    requires: Range<usize>,
    prefixes: Range<usize>,
    yanked: Range<usize>,
    skipped: Range<usize>,
    status: Range<usize>,
    heap: Range<usize>,
}

impl Sections {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut at = HEADER;
        let mut next = |number: usize, width: usize| {
            let count = u32_at(bytes, COUNTS + number * 4)? as usize;
            let end = at.checked_add(count.checked_mul(width)?)?;
            (end <= bytes.len()).then(|| {
                let start = at;
                at = end;
                start..end
            })
        };
        let sections = Self {
            releases: next(0, RELEASE)?,
            files: next(1, FILE)?,
            tags: next(2, PAIR)?,
            requires: next(3, PAIR)?,
            prefixes: next(4, PAIR)?,
            yanked: next(5, PAIR)?,
            skipped: next(6, 2 * PAIR)?,
            status: next(7, PAIR)?,
            heap: next(8, 1)?,
        };
        (sections.heap.end == bytes.len()).then_some(sections)
    }
}

impl Blob {
    /// Opens a blob; `None` where it is none, torn, damaged, or of another format version.
    pub(crate) fn open(bytes: impl Into<Box<[u8]>>) -> Option<Self> {
        let bytes = bytes.into();
        if bytes.get(..8)? != MAGIC || u64_at(&bytes, 24)? != checksum(bytes.get(CHECKED..)?) {
            return None;
        }
        let sections = Sections::read(&bytes)?;
        Some(Self { bytes, sections })
    }

    /// When the page was fetched and how long it may be used.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp {
            fetched: i64_at(&self.bytes, 8).unwrap_or_default(),
            fresh_until: i64_at(&self.bytes, 16).unwrap_or_default(),
            page: self.bytes[CHECKED..COUNTS]
                .try_into()
                .expect("the range has 32 bytes"),
        }
    }

    /// The sixteen bytes at offset 8 that hold the times of a stamp.
    pub(crate) fn stamp_bytes(stamp: Stamp) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&stamp.fetched.to_le_bytes());
        bytes[8..].copy_from_slice(&stamp.fresh_until.to_le_bytes());
        bytes
    }

    /// Where those sixteen bytes lie.
    pub(crate) const STAMP_AT: u64 = 8;

    /// The same blob with other times.
    pub(crate) fn restamped(mut self, stamp: Stamp) -> Self {
        self.bytes[8..24].copy_from_slice(&Self::stamp_bytes(stamp));
        self
    }

    /// The bytes, for writing.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bytes it has.
    pub(crate) fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// How many releases it holds.
    pub(crate) fn releases(&self) -> usize {
        self.sections.releases.len() / RELEASE
    }

    /// How many distinct `requires-python` texts it holds.
    pub(crate) fn requires(&self) -> usize {
        self.sections.requires.len() / PAIR
    }

    /// How many distinct tag sets it holds.
    pub(crate) fn tag_sets(&self) -> usize {
        self.sections.tags.len() / PAIR
    }

    /// The version of a release.
    pub(crate) fn version_text(&self, position: usize) -> &str {
        let at = self.sections.releases.start + position * RELEASE;
        self.text(self.text_at(at))
    }

    /// The numbers of a release's files.
    pub(crate) fn files_of(&self, position: usize) -> Range<usize> {
        let at = self.sections.releases.start + position * RELEASE;
        let first = u32_at(&self.bytes, at + 8).unwrap_or_default() as usize;
        let count = u32_at(&self.bytes, at + 12).unwrap_or_default() as usize;
        let limit = self.sections.files.len() / FILE;
        first.min(limit)..first.saturating_add(count).min(limit)
    }

    /// A file's record.
    pub(crate) fn file(&self, number: usize) -> FileRow {
        let start = self.sections.files.start + number * FILE;
        let word = |index: usize| u32_at(&self.bytes, start + index * 4).unwrap_or_default();
        let number = |index: usize| Some(word(index)).filter(|value| *value != NONE);
        let [place, flags, metadata, _] = word(10).to_le_bytes();
        FileRow {
            name: Text {
                at: word(0),
                length: word(1),
            },
            prefix: word(2),
            rest: Text {
                at: word(3),
                length: word(4),
            },
            digests: Text {
                at: word(5),
                length: word(6),
            },
            requires: number(7),
            yanked: number(8),
            tags: number(9),
            place,
            url_ends_in_name: flags & 1 != 0,
            metadata,
            size: u64_at(&self.bytes, start + 48).filter(|size| *size != u64::MAX),
            uploaded: i64_at(&self.bytes, start + 56).filter(|time| *time != i64::MIN),
        }
    }

    /// A text of the heap; empty where the position is not inside.
    pub(crate) fn text(&self, text: Text) -> &str {
        std::str::from_utf8(self.raw(text)).unwrap_or_default()
    }

    fn raw(&self, text: Text) -> &[u8] {
        let heap = &self.bytes[self.sections.heap.clone()];
        let start = text.at as usize;
        heap.get(start..start.saturating_add(text.length as usize))
            .unwrap_or_default()
    }

    fn text_at(&self, at: usize) -> Text {
        let word = |at| u32_at(&self.bytes, at).unwrap_or_default();
        Text {
            at: word(at),
            length: word(at + 4),
        }
    }

    fn row(&self, section: &Range<usize>, number: u32) -> &str {
        let at = section.start + number as usize * PAIR;
        if at >= section.end {
            ""
        } else {
            self.text(self.text_at(at))
        }
    }

    /// A tag set.
    pub(crate) fn tag_text(&self, number: u32) -> &str {
        self.row(&self.sections.tags, number)
    }

    /// A `requires-python`.
    pub(crate) fn requires_text(&self, number: u32) -> &str {
        self.row(&self.sections.requires, number)
    }

    /// A reason for withdrawing.
    pub(crate) fn yank_text(&self, number: u32) -> &str {
        self.row(&self.sections.yanked, number)
    }

    /// A file's URL, without credentials.
    pub(crate) fn url(&self, row: FileRow) -> String {
        let mut url = self.row(&self.sections.prefixes, row.prefix).to_owned();
        url.push_str(self.text(row.rest));
        if row.url_ends_in_name {
            url.push_str(self.text(row.name));
        }
        url
    }

    /// A file's digests.
    pub(crate) fn digests(&self, row: FileRow) -> Vec<Digest> {
        let mut all = self.all_digests(row);
        if row.metadata == METADATA_DIGEST {
            all.pop();
        }
        all
    }

    /// What the index says of a file's metadata.
    pub(crate) fn metadata(&self, row: FileRow) -> MetadataFile {
        match row.metadata {
            METADATA_ABSENT => MetadataFile::Absent,
            METADATA_PRESENT => MetadataFile::Present(None),
            METADATA_DIGEST => MetadataFile::Present(self.all_digests(row).pop()),
            _ => MetadataFile::Unknown,
        }
    }

    fn all_digests(&self, row: FileRow) -> Vec<Digest> {
        let mut rest = self.raw(row.digests);
        let mut digests = Vec::new();
        while let Some((code, tail)) = rest.split_first() {
            let Some(algorithm) = algorithm_of(*code) else {
                break;
            };
            let Some((raw, tail)) = tail.split_at_checked(algorithm.length()) else {
                break;
            };
            digests.extend(Digest::from_bytes(algorithm, raw));
            rest = tail;
        }
        digests
    }

    /// What stands on the page and cannot be used.
    pub(crate) fn skipped(&self) -> Vec<Skipped> {
        let rows = self.sections.skipped.clone().step_by(2 * PAIR);
        rows.map(|at| Skipped {
            filename: self.text(self.text_at(at)).to_owned(),
            reason: self.text(self.text_at(at + PAIR)).to_owned(),
        })
        .collect()
    }

    /// What the index says of the project.
    pub(crate) fn status(&self) -> Option<ProjectStatus> {
        let mut rows = self.sections.status.clone().step_by(PAIR);
        let status = self.text(self.text_at(rows.next()?)).to_owned();
        let reason = rows.next().map(|at| self.text(self.text_at(at)).to_owned());
        Some(ProjectStatus { status, reason })
    }
}

fn code_of(algorithm: Algorithm) -> u8 {
    match algorithm {
        Algorithm::Md5 => 0,
        Algorithm::Sha1 => 1,
        Algorithm::Sha224 => 2,
        Algorithm::Sha256 => 3,
        Algorithm::Sha384 => 4,
        Algorithm::Sha512 => 5,
        Algorithm::Blake2b => 6,
        Algorithm::Blake3 => 7,
    }
}

fn algorithm_of(code: u8) -> Option<Algorithm> {
    let all = [
        Algorithm::Md5,
        Algorithm::Sha1,
        Algorithm::Sha224,
        Algorithm::Sha256,
        Algorithm::Sha384,
        Algorithm::Sha512,
        Algorithm::Blake2b,
        Algorithm::Blake3,
    ];
    all.get(usize::from(code)).copied()
}

/// Writes a blob. Each file carries the number of its place.
pub(crate) fn encode(
    files: &[(File, u8)],
    skipped: &[Skipped],
    status: Option<&ProjectStatus>,
    stamp: Stamp,
) -> Vec<u8> {
    let order = sorted(files);
    let mut writer = Writer::default();
    for (version, range) in &order.releases {
        writer.release(version, range.clone());
    }
    for number in &order.files {
        let (file, place) = &files[*number];
        writer.file(file, *place);
    }
    writer.finish(skipped, status, stamp)
}

/// Files in the order in which they are written, and the releases' ranges in it.
struct Order {
    files: Vec<usize>,
    releases: Vec<(Version, Range<usize>)>,
}

fn sorted(files: &[(File, u8)]) -> Order {
    let mut groups: FxHashMap<&Version, Vec<usize>> = FxHashMap::default();
    for (number, (file, _)) in files.iter().enumerate() {
        groups.entry(file.dist.version()).or_default().push(number);
    }
    let mut versions: Vec<&Version> = groups.keys().copied().collect();
    versions.sort_unstable_by_key(|version| Reverse(*version));
    let mut order = Order {
        files: Vec::with_capacity(files.len()),
        releases: Vec::with_capacity(versions.len()),
    };
    for version in versions {
        let mut group = groups.remove(version).unwrap_or_default();
        // Stable: wheels keep the order of the page; source distributions stand behind, the preferred format last.
        group.sort_by_key(|number| match &files[*number].0.dist {
            DistName::Wheel(_) => None,
            DistName::Sdist(sdist) => Some(sdist.format),
        });
        let start = order.files.len();
        order.files.extend(group);
        order.releases.push((version.clone(), start..order.files.len()));
    }
    order
}

#[derive(Default)]
struct Writer {
    releases: Vec<u8>,
    files: Vec<u8>,
    tags: Table,
    requires: Table,
    prefixes: Table,
    yanked: Table,
    heap: Heap,
}

fn put(out: &mut Vec<u8>, words: &[u32]) {
    for word in words {
        out.extend_from_slice(&word.to_le_bytes());
    }
}

impl Writer {
    fn release(&mut self, version: &Version, range: Range<usize>) {
        let text = version.to_string();
        let at = self.heap.push(text.as_bytes());
        put(
            &mut self.releases,
            &[at, offset(text.len()), offset(range.start), offset(range.len())],
        );
    }

    fn file(&mut self, file: &File, place: u8) {
        let name = self.heap.push(file.filename.as_bytes());
        let url = file.url.without_credentials();
        let url = url.expose();
        let (stem, ends_in_name) = match url.strip_suffix(&file.filename) {
            Some(stem) => (stem, true),
            None => (url, false),
        };
        let (prefix, rest) = stem.split_at(prefix_length(stem));
        let prefix = self.prefixes.number(prefix, &mut self.heap);
        let rest_at = self.heap.push(rest.as_bytes());
        let (digests, metadata) = digest_bytes(file);
        let digests_at = self.heap.push(&digests);
        let requires = file
            .requires_python
            .as_ref()
            .map(|specifiers| specifiers.to_string());
        let words = [
            name,
            offset(file.filename.len()),
            prefix,
            rest_at,
            offset(rest.len()),
            digests_at,
            offset(digests.len()),
            requires.map_or(NONE, |text| self.requires.number(&text, &mut self.heap)),
            file.yanked
                .as_ref()
                .map_or(NONE, |reason| self.yanked.number(reason, &mut self.heap)),
            file.dist
                .as_wheel()
                .map_or(NONE, |wheel| self.tags.number(wheel.tag_text(), &mut self.heap)),
            u32::from_le_bytes([place, u8::from(ends_in_name), metadata, 0]),
            0,
        ];
        put(&mut self.files, &words);
        self.files
            .extend_from_slice(&file.size.unwrap_or(u64::MAX).to_le_bytes());
        let uploaded = file.upload_time.map_or(i64::MIN, |time| time.as_microsecond());
        self.files.extend_from_slice(&uploaded.to_le_bytes());
    }

    fn finish(mut self, skipped: &[Skipped], status: Option<&ProjectStatus>, stamp: Stamp) -> Vec<u8> {
        let mut notes = Vec::new();
        for skipped in skipped {
            for text in [&skipped.filename, &skipped.reason] {
                put(
                    &mut notes,
                    &[self.heap.intern(text.as_bytes()), offset(text.len())],
                );
            }
        }
        let mut states = Vec::new();
        if let Some(status) = status {
            for text in [Some(&status.status), status.reason.as_ref()]
                .into_iter()
                .flatten()
            {
                put(
                    &mut states,
                    &[self.heap.intern(text.as_bytes()), offset(text.len())],
                );
            }
        }
        let heap = self.heap.into_bytes();
        let mut out = Vec::with_capacity(HEADER + self.releases.len() + self.files.len() + heap.len() + 4096);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&Blob::stamp_bytes(stamp));
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&stamp.page);
        let counts = [
            offset(self.releases.len() / RELEASE),
            offset(self.files.len() / FILE),
            self.tags.len(),
            self.requires.len(),
            self.prefixes.len(),
            self.yanked.len(),
            offset(skipped.len()),
            offset(states.len() / PAIR),
            offset(heap.len()),
        ];
        put(&mut out, &counts);
        out.extend_from_slice(&self.releases);
        out.extend_from_slice(&self.files);
        for table in [&self.tags, &self.requires, &self.prefixes, &self.yanked] {
            table.write(&mut out);
        }
        out.extend_from_slice(&notes);
        out.extend_from_slice(&states);
        out.extend_from_slice(&heap);
        let sum = checksum(&out[CHECKED..]);
        out[24..32].copy_from_slice(&sum.to_le_bytes());
        out
    }
}

/// How much of a URL repeats from file to file: scheme, host, and the first folder.
fn prefix_length(url: &str) -> usize {
    let host = url.find("://").map_or(0, |at| at + 3);
    let mut slashes = url[host..].match_indices('/').map(|(at, _)| host + at + 1);
    let first = slashes.next().unwrap_or(host);
    slashes.next().unwrap_or(first)
}

fn digest_bytes(file: &File) -> (Vec<u8>, u8) {
    let mut bytes = Vec::with_capacity(66);
    let mut push = |digest: &Digest| {
        bytes.push(code_of(digest.algorithm()));
        bytes.extend_from_slice(digest.bytes());
    };
    file.digests.iter().for_each(&mut push);
    let metadata = match &file.metadata {
        MetadataFile::Unknown => METADATA_UNKNOWN,
        MetadataFile::Absent => METADATA_ABSENT,
        MetadataFile::Present(None) => METADATA_PRESENT,
        MetadataFile::Present(Some(digest)) => {
            push(digest);
            METADATA_DIGEST
        }
    };
    (bytes, metadata)
}
