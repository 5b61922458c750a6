//! The file that a packument is kept in: a compact table of its versions, then what anybody reads of their objects.
//!
//! A warm pick reads the table, and then the few hundred bytes of the version that it chose; the document is never
//! parsed again. The objects stand in compressed blocks (`blocks`), and are called the document here. The file, all numbers little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | magic with the version of this layout |
//! | 8, 8 | when the document was fetched or confirmed, and until when it is fresh, in seconds since 1970 |
//! | 8 | checksum of everything up to the document, but for the three rows above |
//! | 8 | bytes of all blocks |
//! | 8 | when the packument says that it was last modified, in microseconds since 1970 |
//! | 4, 4, 4, 4 | bytes of the table, rows, where the texts begin in the table, flags |
//! | 4, 4 | blocks, checksum of what is in them |
//! | 24 each | rows, lowest version first: start and length of its object, place and length of its text, engines, flags |
//! | 8 each | when each row was published, where the document says so |
//! | 4 each | where each block ends |
//! | … | texts, each a 4-byte length and UTF-8: name, ETag, Last-Modified, engines, tags, what was skipped |
//! | … | the versions' texts, one after the other |
//! | … | the blocks |
//!
//! Invariant: reading never panics, whatever the bytes are; a file that is not whole is as good as none. The times in
//! front stand outside the checksum, so that a confirmed document is renewed by writing 16 bytes in place.

use std::cell::RefCell;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use wharf_core::{PackageName, Timestamp};
use wharf_ecosystem::npm::{PackedRow, Rows, Versions};
use wharf_net::Validators;

use crate::blocks::{self, Span};
use crate::codec::{Cursor, checksum, i64_at, offset, put_text, u32_at, u64_at};
use crate::keep::Freshness;

const MAGIC: &[u8; 8] = b"WHARFNP4";
/// Bytes before the table.
const FIXED: usize = 72;
const ROW: usize = 24;
/// Read in one go: most tables are smaller.
const FIRST_READ: usize = 16 << 10;
/// Stands for a time that is not known.
const UNKNOWN: i64 = i64::MIN;

const FLAG_TIMES: u32 = 1;
const FLAG_MUST_REVALIDATE: u32 = 2;
const ROW_DEPRECATED: u32 = 1;

thread_local! {
    /// What was read of a file: thousands of tables go through one place.
    static FRONT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What is kept of a packument besides the document itself.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) freshness: Freshness,
    pub(super) validators: Validators,
    /// Whether it may not be used once stale, not even where its server is out of order.
    pub(super) must_revalidate: bool,
    /// When it was last modified, as it says itself.
    pub(super) modified: Option<Timestamp>,
    /// Whether it says when each version was published.
    pub(super) has_times: bool,
    pub(super) versions: Arc<Versions>,
    /// As many as there are rows of `versions`, in their order.
    pub(super) spans: Box<[Span]>,
    /// Where each block of the document ends.
    pub(super) ends: Box<[u32]>,
    /// The sum of the document's blocks.
    pub(super) content: u32,
    /// The checksum of the file that it was read from or written to: tells one document from the next.
    pub(super) stamp: u64,
    /// Where the blocks begin in that file.
    pub(super) body_at: u64,
}

impl Table {
    /// The bytes before the blocks; sets `stamp` and `body_at`.
    pub(super) fn encode(&mut self) -> Vec<u8> {
        let versions = &self.versions;
        let count = versions.len();
        let mut out = Vec::with_capacity(FIXED + count * 48 + 512);
        out.resize(FIXED, 0);
        let mut texts = Vec::new();
        let mut engines = Vec::<Arc<str>>::new();
        let mut known = FxHashMap::<Arc<str>, u32>::default();
        for (row, span) in versions.rows().zip(&self.spans) {
            let engine = row.engines_node.map_or(0, |engine| {
                *known.entry(engine).or_insert_with_key(|engine| {
                    engines.push(Arc::clone(engine));
                    offset(engines.len())
                })
            });
            let text = row.version.as_str();
            let flags = if row.deprecated { ROW_DEPRECATED } else { 0 };
            for number in [
                span.start,
                span.length,
                offset(texts.len()),
                offset(text.len()),
                engine,
                flags,
            ] {
                out.extend_from_slice(&number.to_le_bytes());
            }
            texts.extend_from_slice(text.as_bytes());
        }
        if self.has_times {
            for row in versions.rows() {
                let published = row.published.map_or(UNKNOWN, Timestamp::as_microsecond);
                out.extend_from_slice(&published.to_le_bytes());
            }
        }
        for end in &self.ends {
            out.extend_from_slice(&end.to_le_bytes());
        }
        put_text(&mut out, versions.name.as_str());
        put_text(&mut out, self.validators.etag.as_deref().unwrap_or_default());
        put_text(
            &mut out,
            self.validators.last_modified.as_deref().unwrap_or_default(),
        );
        put_texts(&mut out, engines.iter().map(|text| &**text), engines.len());
        let tags = versions.tags().iter();
        put_texts(
            &mut out,
            tags.flat_map(|(tag, version)| [tag.as_str(), version]),
            versions.tags().len() * 2,
        );
        put_texts(
            &mut out,
            versions.skipped.iter().map(String::as_str),
            versions.skipped.len(),
        );
        let texts_at = out.len() - FIXED;
        out.extend_from_slice(&texts);
        self.seal(&mut out, count, texts_at);
        out
    }

    /// Fills in the fixed part.
    fn seal(&mut self, out: &mut [u8], count: usize, texts_at: usize) {
        let table = out.len() - FIXED;
        let flags = [
            (self.has_times, FLAG_TIMES),
            (self.must_revalidate, FLAG_MUST_REVALIDATE),
        ];
        let flags = flags
            .iter()
            .filter(|(set, _)| *set)
            .fold(0, |all, (_, flag)| all | flag);
        let modified = self.modified.map_or(UNKNOWN, Timestamp::as_microsecond);
        let body = u64::from(self.ends.last().copied().unwrap_or(0));
        out[..8].copy_from_slice(MAGIC);
        out[8..24].copy_from_slice(&self.freshness.bytes());
        out[32..40].copy_from_slice(&body.to_le_bytes());
        out[40..48].copy_from_slice(&modified.to_le_bytes());
        out[48..52].copy_from_slice(&offset(table).to_le_bytes());
        out[52..56].copy_from_slice(&offset(count).to_le_bytes());
        out[56..60].copy_from_slice(&offset(texts_at).to_le_bytes());
        out[60..64].copy_from_slice(&flags.to_le_bytes());
        out[64..68].copy_from_slice(&offset(self.ends.len()).to_le_bytes());
        out[68..72].copy_from_slice(&self.content.to_le_bytes());
        self.stamp = checksum(&out[32..]);
        self.body_at = out.len() as u64;
        out[24..32].copy_from_slice(&self.stamp.to_le_bytes());
    }

    /// Reads the table of a file; `None` where it is not there, not whole, or of another package.
    pub(super) fn read(path: &Path, name: &PackageName) -> Option<Self> {
        FRONT.with_borrow_mut(|front| {
            let mut file = File::open(path).ok()?;
            if front.len() < FIRST_READ {
                front.resize(FIRST_READ, 0);
            }
            let length = read_up_to(&mut file, &mut front[..FIRST_READ])?;
            let head = &front[..length];
            let whole = FIXED.checked_add(u32_at(head, 48)? as usize)?;
            let body = u64_at(head, 32)?;
            if file.metadata().ok()?.len() != body.checked_add(whole as u64)? {
                return None;
            }
            if let Some(missing) = whole.checked_sub(length) {
                front.truncate(length);
                (&mut file).take(missing as u64).read_to_end(front).ok()?;
            }
            Self::decode(front.get(..whole)?, name)
        })
    }

    /// Reads the bytes before the blocks.
    pub(super) fn decode(bytes: &[u8], name: &PackageName) -> Option<Self> {
        let stamp = u64_at(bytes, 24)?;
        if bytes.get(..8)? != MAGIC || checksum(bytes.get(32..)?) != stamp {
            return None;
        }
        let (count, flags) = (u32_at(bytes, 52)? as usize, u32_at(bytes, 60)?);
        let has_times = flags & FLAG_TIMES != 0;
        let table = &bytes[FIXED..];
        let rows = table.get(..count.checked_mul(ROW)?)?;
        let times_end = rows.len() + if has_times { count.checked_mul(8)? } else { 0 };
        let times = table.get(rows.len()..times_end)?;
        let ends_end = times_end.checked_add((u32_at(bytes, 64)? as usize).checked_mul(4)?)?;
        let ends = table.get(times_end..ends_end)?.chunks_exact(4);
        let ends: Option<Box<[u32]>> = ends.map(|end| u32_at(end, 0)).collect();
        let texts = std::str::from_utf8(table.get(u32_at(bytes, 56)? as usize..)?).ok()?;
        let mut cursor = Cursor::new(table.get(ends_end..)?);
        if cursor.text()? != name.as_str() {
            return None;
        }
        let optional = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let validators = Validators {
            etag: optional(cursor.text()?),
            last_modified: optional(cursor.text()?),
        };
        let engines: Vec<Arc<str>> = take_texts(&mut cursor)?.into_iter().map(Arc::from).collect();
        let tags = take_texts(&mut cursor)?;
        let tags = tags
            .chunks_exact(2)
            .map(|pair| (pair[0].to_owned(), pair[1].to_owned()))
            .collect();
        let skipped = take_texts(&mut cursor)?.into_iter().map(str::to_owned).collect();
        let mut spans = Vec::with_capacity(count);
        let mut versions = Rows::new(texts, engines, count, has_times);
        for (number, row) in rows.chunks_exact(ROW).enumerate() {
            let field = |at| u32_at(row, at);
            spans.push(Span {
                start: field(0)?,
                length: field(4)?,
            });
            let text_at = field(8)? as usize;
            let published = if has_times {
                time(i64_at(times, number * 8)?)
            } else {
                None
            };
            versions.push(&PackedRow {
                text: text_at..text_at.checked_add(field(12)? as usize)?,
                deprecated: field(20)? & ROW_DEPRECATED != 0,
                engines: (field(16)? as usize).checked_sub(1),
                published,
            })?;
        }
        Some(Self {
            freshness: Freshness {
                fetched: i64_at(bytes, 8)?,
                until: i64_at(bytes, 16)?,
            },
            validators,
            must_revalidate: flags & FLAG_MUST_REVALIDATE != 0,
            modified: time(i64_at(bytes, 40)?),
            has_times,
            versions: Arc::new(Versions::new(name.clone(), tags, versions, skipped)),
            spans: spans.into(),
            ends: ends?,
            content: u32_at(bytes, 68)?,
            stamp,
            body_at: bytes.len() as u64,
        })
    }
}

impl Table {
    /// Reads the object of one version out of the table's file, if that is still the same file.
    pub(super) fn read_span(&self, path: &Path, span: Span) -> Option<Vec<u8>> {
        let place = blocks::place(&self.ends, span)?;
        let file = File::open(path).ok()?;
        let mut stamp = [0; 8];
        read_exact_at(&file, &mut stamp, 24)?;
        if u64::from_le_bytes(stamp) != self.stamp {
            return None;
        }
        let mut packed = vec![0; place.len()];
        read_exact_at(&file, &mut packed, self.body_at + place.start as u64)?;
        blocks::unpack(&self.ends, &packed, span)
    }
}

/// Fills as much as the file has: in one call, where all of it comes with that.
fn read_up_to(file: &mut File, into: &mut [u8]) -> Option<usize> {
    let mut length = 0;
    loop {
        match file.read(&mut into[length..]).ok()? {
            0 => return Some(length),
            more => length += more,
        }
        if length == into.len() {
            return Some(length);
        }
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, into: &mut [u8], at: u64) -> Option<()> {
    use std::os::unix::fs::FileExt;
    file.read_exact_at(into, at).ok()
}

#[cfg(not(unix))]
fn read_exact_at(mut file: &File, into: &mut [u8], at: u64) -> Option<()> {
    use std::io::{Seek, SeekFrom};
    file.seek(SeekFrom::Start(at)).ok()?;
    file.read_exact(into).ok()
}

fn time(microseconds: i64) -> Option<Timestamp> {
    if microseconds == UNKNOWN {
        return None;
    }
    Timestamp::from_microsecond(microseconds).ok()
}

fn put_texts<'t>(out: &mut Vec<u8>, texts: impl Iterator<Item = &'t str>, count: usize) {
    out.extend_from_slice(&offset(count).to_le_bytes());
    for text in texts {
        put_text(out, text);
    }
}

fn take_texts<'b>(cursor: &mut Cursor<'b>) -> Option<Vec<&'b str>> {
    let count = cursor.number()?;
    let mut texts = Vec::new();
    for _ in 0..count {
        // Ends at the first that is not there, so that a wrong count allocates nothing.
        texts.push(cursor.text()?);
    }
    Some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wharf_core::Ecosystem;
    use wharf_ecosystem::npm::{Version, VersionRow};

    const DOCUMENT: &[u8] = br#"{"versions":{"1.0.0":{"a":1},"2.0.0-rc.1":{"b":2}}}"#;

    fn name(text: &str) -> PackageName {
        PackageName::new(Ecosystem::Npm, text).unwrap()
    }

    fn row(text: &str, engines: Option<&str>, published: Option<i64>) -> VersionRow {
        VersionRow {
            version: Version::parse(text).unwrap(),
            deprecated: published.is_some(),
            engines_node: engines.map(Arc::from),
            published: published.and_then(|at| Timestamp::from_microsecond(at).ok()),
        }
    }

    fn table(rows: Vec<VersionRow>) -> Table {
        let spans = rows.iter().enumerate();
        let spans = spans.map(|(number, _)| Span {
            start: offset(number),
            length: 7,
        });
        Table {
            freshness: Freshness {
                fetched: 10,
                until: 20,
            },
            validators: Validators {
                etag: Some("\"x\"".to_owned()),
                last_modified: None,
            },
            must_revalidate: true,
            modified: Timestamp::from_microsecond(5).ok(),
            has_times: rows.iter().any(|row| row.published.is_some()),
            spans: spans.collect(),
            ends: blocks::pack(DOCUMENT).unwrap().ends,
            content: 9,
            versions: Arc::new(Versions::new(
                name("@s/a"),
                vec![("latest".to_owned(), "1.0.0".to_owned())],
                rows.iter().collect(),
                vec!["3.0.0: odd".to_owned()],
            )),
            stamp: 0,
            body_at: 0,
        }
    }

    #[track_caller]
    fn check(mut table: Table) {
        let bytes = table.encode();
        let found = Table::decode(&bytes, &name("@s/a")).unwrap();
        assert_eq!(found.versions, table.versions);
        assert_eq!((&found.spans, &found.ends), (&table.spans, &table.ends));
        assert_eq!(
            (found.freshness, &found.validators),
            (table.freshness, &table.validators)
        );
        assert_eq!((found.modified, found.must_revalidate), (table.modified, true));
        assert_eq!((found.stamp, found.body_at), (table.stamp, bytes.len() as u64));
        assert_eq!(found.content, 9);
        table.content = 8;
        table.encode();
        assert_ne!(found.stamp, table.stamp, "another document");
        assert!(Table::decode(&bytes, &name("a")).is_none(), "of another package");
    }

    #[test]
    fn what_is_written_is_read() {
        check(table(Vec::new()));
        check(table(vec![
            row("1.0.0", None, None),
            row("2.0.0-rc.1", Some(">=4"), None),
            row("2.0.0", Some(">=4"), None),
        ]));
        check(table(vec![
            row("1.0.0", None, Some(3)),
            row("1.0.1", Some("*"), None),
        ]));
    }

    #[test]
    fn every_damage_before_the_document_is_a_miss() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        let mut table = table(vec![row("1.0.0", None, None)]);
        let head = table.encode();
        let whole = [head.as_slice(), &blocks::pack(DOCUMENT).unwrap().bytes].concat();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(Table::read(&path, &name("@s/a")).is_none(), "cut at {length}");
        }
        // Bytes 8 to 24 are the times: a flipped bit there changes freshness only.
        for at in (0..8).chain(24..head.len()) {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            std::fs::write(&path, &damaged).unwrap();
            assert!(Table::read(&path, &name("@s/a")).is_none(), "flipped at {at}");
        }
    }

    #[test]
    fn spans_are_read_from_the_file_that_they_belong_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        // More versions than the first read holds.
        let rows = (0..2000)
            .map(|number| row(&format!("1.0.{number}"), None, None))
            .collect();
        let mut table = table(rows);
        let head = table.encode();
        assert!(head.len() > FIRST_READ);
        let packed = blocks::pack(DOCUMENT).unwrap().bytes;
        std::fs::write(&path, [head.as_slice(), &packed].concat()).unwrap();
        let mut found = Table::read(&path, &name("@s/a")).unwrap();
        assert_eq!(found.versions.len(), 2000);
        let span = Span { start: 21, length: 7 };
        assert_eq!(found.read_span(&path, span).as_deref(), Some(&DOCUMENT[21..28]));
        let beyond = Span {
            start: 0,
            length: 1000,
        };
        assert_eq!(found.read_span(&path, beyond), None);
        found.stamp ^= 1;
        assert_eq!(found.read_span(&path, span), None);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_nothing_fresh() {
        let freshness = Freshness {
            fetched: 10,
            until: 20,
        };
        let holds = [9, 10, 19, 20].map(|now| freshness.holds(now));
        assert_eq!(holds, [false, true, true, false]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(mut bytes in prop::collection::vec(any::<u8>(), 0..300), count in 0u32..9, times in any::<bool>()) {
            // With the checksum right, so that what follows it is reached.
            if bytes.len() >= FIXED {
                bytes[..8].copy_from_slice(MAGIC);
                bytes[52..56].copy_from_slice(&count.to_le_bytes());
                bytes[60..64].copy_from_slice(&u32::from(times).to_le_bytes());
                let stamp = checksum(&bytes[32..]);
                bytes[24..32].copy_from_slice(&stamp.to_le_bytes());
            }
            if let Some(table) = Table::decode(&bytes, &name("a")) {
                // Whatever the rows are, in whatever order.
                for row in table.versions.rows() {
                    let _ = table.versions.find(&row.version);
                }
            }
        }
    }
}
