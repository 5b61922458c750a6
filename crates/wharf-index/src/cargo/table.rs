//! The file that an index file is kept in: a row for each version, then the lines, newest first, in compressed blocks.
//!
//! A resolve looks at few of a crate's versions, and those are the newest: one block is unpacked, and of its lines those
//! are parsed that are asked for. All numbers little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | magic with the version of this layout |
//! | 8, 8 | when the file was fetched or confirmed, and until when it is fresh, in seconds since 1970 |
//! | 8 | checksum of everything after it |
//! | 4, 4, 4, 4 | rows, blocks, bytes of the texts, flags |
//! | 28 each | rows, lowest version first: start and length of the line, length of the version, compiler, flags, time |
//! | 4 each | where each block ends |
//! | … | texts, each with its length before it: crate, ETag, Last-Modified, compilers, what was skipped |
//! | … | the versions, one after the other |
//! | … | the blocks |
//!
//! Invariant: reading never panics, whatever the bytes are; a file that is not whole is as good as none. The times stand
//! outside the checksum, so that a confirmed file is renewed by writing 16 bytes in place.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use rustc_hash::FxHashMap;
use wharf_core::Timestamp;
use wharf_ecosystem::cargo::{CrateName, CrateVersions, LineSource, SourceId, VersionRow};
use wharf_net::Validators;

use crate::blocks::{self, BLOCK, Span};
use crate::codec::{Cursor, checksum, i64_at, offset, put_text, u32_at, u64_at};
use crate::keep::Freshness;

const MAGIC: &[u8; 8] = b"WHARFCR1";
/// Bytes before the rows.
const FIXED: usize = 48;
/// What the checksum covers begins here.
const COVERED: usize = 32;
const ROW: usize = 28;
/// Stands for a time that is not known.
const UNKNOWN: i64 = i64::MIN;

const FLAG_MUST_REVALIDATE: u32 = 1;
const ROW_YANKED: u32 = 1;

/// An index file, and what is known about the answer that it was.
#[derive(Clone)]
pub(super) struct Table {
    pub(super) freshness: Freshness,
    pub(super) validators: Validators,
    /// Whether it may not be used once stale, not even where its server is out of order.
    pub(super) must_revalidate: bool,
    pub(super) versions: Arc<CrateVersions>,
}

/// The lines of an index file in blocks.
struct Packed {
    blocks: Bytes,
    ends: Box<[u32]>,
    /// The first block, unpacked: the newest versions.
    first: OnceLock<Option<Vec<u8>>>,
}

impl LineSource for Packed {
    fn bytes(&self, span: Range<u32>) -> Cow<'_, [u8]> {
        let wanted = span.start as usize..span.end as usize;
        if wanted.end <= BLOCK {
            let first = self.first.get_or_init(|| self.first());
            let line = first.as_deref().and_then(|first| first.get(wanted));
            return line.unwrap_or_default().into();
        }
        self.unpack(Span::new(&span)).unwrap_or_default().into()
    }
}

impl Packed {
    fn first(&self) -> Option<Vec<u8>> {
        let place = blocks::place(&self.ends, Span { start: 0, length: 1 })?;
        blocks::unpack_first(self.blocks.get(place)?)
    }

    fn unpack(&self, span: Span) -> Option<Vec<u8>> {
        let place = blocks::place(&self.ends, span)?;
        blocks::unpack(&self.ends, self.blocks.get(place)?, span)
    }
}

/// The bytes of the file for these versions; `None` where they do not compress, which no memory is short enough for.
pub(super) fn encode(
    versions: &CrateVersions,
    freshness: Freshness,
    validators: &Validators,
    must_revalidate: bool,
) -> Option<Vec<u8>> {
    let rows = versions.rows();
    let (document, spans) = newest_first(versions);
    let packed = blocks::pack(&document).ok()?;
    let mut compilers = Compilers::default();
    let mut texts = Vec::new();
    let mut out = vec![0; FIXED];
    for (row, span) in rows.iter().zip(spans) {
        let version = row.version.to_string();
        let compiler = row
            .rust_version
            .as_ref()
            .map_or(0, |it| compilers.number(it.to_string()));
        let flags = if row.yanked { ROW_YANKED } else { 0 };
        for number in [span.start, span.length, offset(version.len()), compiler, flags] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let published = row.published.map_or(UNKNOWN, Timestamp::as_microsecond);
        out.extend_from_slice(&published.to_le_bytes());
        texts.push(version);
    }
    for end in &packed.ends {
        out.extend_from_slice(&end.to_le_bytes());
    }
    let texts_at = out.len();
    put_text(&mut out, versions.name().as_str());
    put_text(&mut out, validators.etag.as_deref().unwrap_or_default());
    put_text(&mut out, validators.last_modified.as_deref().unwrap_or_default());
    put_texts(&mut out, &compilers.texts);
    put_texts(&mut out, versions.skipped());
    out.extend(texts.iter().flat_map(|text| text.as_bytes()));
    let texts_length = offset(out.len() - texts_at);
    out.extend_from_slice(&packed.bytes);
    let flags = if must_revalidate { FLAG_MUST_REVALIDATE } else { 0 };
    out[..8].copy_from_slice(MAGIC);
    out[8..24].copy_from_slice(&freshness.bytes());
    for (at, number) in [
        (32, offset(rows.len())),
        (36, offset(packed.ends.len())),
        (40, texts_length),
        (44, flags),
    ] {
        out[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }
    let sum = checksum(&out[COVERED..]);
    out[24..32].copy_from_slice(&sum.to_le_bytes());
    Some(out)
}

/// The lines without what separates them, newest version first, and the span of each row.
fn newest_first(versions: &CrateVersions) -> (Vec<u8>, Vec<Span>) {
    let rows = versions.rows();
    let mut document = Vec::new();
    let mut spans = Vec::with_capacity(rows.len());
    for at in (0..rows.len()).rev() {
        let line = versions.line(at);
        spans.push(Span {
            start: offset(document.len()),
            length: offset(line.len()),
        });
        document.extend_from_slice(&line);
    }
    spans.reverse();
    (document, spans)
}

/// Compilers by their numbers, from 1.
#[derive(Default)]
struct Compilers {
    texts: Vec<String>,
    known: FxHashMap<String, u32>,
}

impl Compilers {
    fn number(&mut self, text: String) -> u32 {
        if let Some(number) = self.known.get(&text) {
            return *number;
        }
        self.texts.push(text.clone());
        let number = offset(self.texts.len());
        self.known.insert(text, number);
        number
    }
}

fn put_texts(out: &mut Vec<u8>, texts: &[String]) {
    out.extend_from_slice(&offset(texts.len()).to_le_bytes());
    for text in texts {
        put_text(out, text);
    }
}

fn take_texts<'a>(cursor: &mut Cursor<'a>) -> Option<Vec<&'a str>> {
    let count = cursor.number()?;
    (0..count).map(|_| cursor.text()).collect()
}

/// Reads the file; `None` where it is not there, not whole, or of another crate.
pub(super) fn read(path: &Path, source: &SourceId, name: &CrateName) -> Option<Table> {
    decode(std::fs::read(path).ok()?.into(), source, name)
}

fn decode(bytes: Bytes, source: &SourceId, name: &CrateName) -> Option<Table> {
    if bytes.get(..8)? != MAGIC || checksum(bytes.get(COVERED..)?) != u64_at(&bytes, 24)? {
        return None;
    }
    let number = |at| u32_at(&bytes, at).map(|number| number as usize);
    let (count, ends_count, texts_length) = (number(32)?, number(36)?, number(40)?);
    let rows_end = FIXED.checked_add(count.checked_mul(ROW)?)?;
    let ends_end = rows_end.checked_add(ends_count.checked_mul(4)?)?;
    let texts_end = ends_end.checked_add(texts_length)?;
    let (rows, ends, texts) = (
        bytes.get(FIXED..rows_end)?,
        bytes.get(rows_end..ends_end)?,
        bytes.get(ends_end..texts_end)?,
    );
    let mut cursor = Cursor::new(texts);
    if cursor.text()? != name.as_str() {
        return None;
    }
    let optional = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let validators = Validators {
        etag: optional(cursor.text()?),
        last_modified: optional(cursor.text()?),
    };
    let compilers = take_texts(&mut cursor)?;
    let skipped = take_texts(&mut cursor)?.into_iter().map(str::to_owned).collect();
    let rows = take_rows(rows, &compilers, std::str::from_utf8(cursor.rest()).ok()?)?;
    let ends: Option<Box<[u32]>> = ends.chunks_exact(4).map(|end| u32_at(end, 0)).collect();
    let lines = Packed {
        blocks: bytes.slice(texts_end..),
        ends: ends?,
        first: OnceLock::new(),
    };
    let versions = CrateVersions::from_rows(name.clone(), source.clone(), rows, Arc::new(lines), skipped);
    Some(Table {
        freshness: Freshness {
            fetched: i64_at(&bytes, 8)?,
            until: i64_at(&bytes, 16)?,
        },
        validators,
        must_revalidate: u32_at(&bytes, 44)? & FLAG_MUST_REVALIDATE != 0,
        versions: Arc::new(versions),
    })
}

fn take_rows(rows: &[u8], compilers: &[&str], texts: &str) -> Option<Vec<VersionRow>> {
    let mut at = 0usize;
    let mut parsed = Vec::with_capacity(rows.len() / ROW);
    for row in rows.chunks_exact(ROW) {
        let field = |at| u32_at(row, at);
        let end = at.checked_add(field(8)? as usize)?;
        let version = texts.get(at..end)?;
        at = end;
        let rust_version = match (field(12)? as usize).checked_sub(1) {
            Some(number) => Some(compilers.get(number)?.parse().ok()?),
            None => None,
        };
        let start = field(0)?;
        parsed.push(VersionRow {
            version: version.parse().ok()?,
            yanked: field(16)? & ROW_YANKED != 0,
            rust_version,
            published: match i64_at(row, 20)? {
                UNKNOWN => None,
                time => Some(Timestamp::from_microsecond(time).ok()?),
            },
            span: start..start.checked_add(field(4)?)?,
        });
    }
    Some(parsed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wharf_ecosystem::cargo::crate_name;

    use super::*;

    const FRESHNESS: Freshness = Freshness {
        fetched: 10,
        until: 20,
    };

    fn name() -> CrateName {
        crate_name("a").unwrap()
    }

    fn line(version: &str, more: &str) -> String {
        format!(
            r#"{{"name":"a","vers":"{version}","deps":[],"cksum":"{}","features":{{}},"yanked":false{more}}}"#,
            "ab".repeat(32)
        )
    }

    fn versions(lines: &[String]) -> CrateVersions {
        let document = lines.join("\n").into_bytes();
        CrateVersions::scan(name(), SourceId::crates_io(), Arc::new(document))
    }

    fn encoded(versions: &CrateVersions) -> Vec<u8> {
        let validators = Validators {
            etag: Some("\"x\"".to_owned()),
            last_modified: None,
        };
        encode(versions, FRESHNESS, &validators, true).unwrap()
    }

    fn decoded(bytes: &[u8]) -> Option<Table> {
        decode(Bytes::copy_from_slice(bytes), &SourceId::crates_io(), &name())
    }

    #[test]
    fn everything_comes_back() {
        let mut lines: Vec<String> = (0..900)
            .map(|number| line(&format!("0.{number}.0"), ""))
            .collect();
        lines.push(line(
            "1.0.0-rc.1+meta",
            r#","rust_version":"1.70","pubtime":"2024-02-03T04:05:06Z""#,
        ));
        lines.push("{".to_owned());
        let before = versions(&lines);
        let bytes = encoded(&before);
        let after = decoded(&bytes).unwrap();
        assert_eq!(after.freshness, FRESHNESS);
        assert_eq!(after.validators.etag.as_deref(), Some("\"x\""));
        assert!(after.must_revalidate);
        let after = after.versions;
        assert_eq!(after.skipped(), before.skipped());
        assert_eq!(after.rows().len(), 901);
        for at in 0..901 {
            assert_eq!(after.line(at), before.line(at), "{at}");
            let bare = |row: &VersionRow| VersionRow {
                span: 0..0,
                ..row.clone()
            };
            assert_eq!(bare(&after.rows()[at]), bare(&before.rows()[at]));
        }
        assert!(after.summary(900).is_ok());
        assert_eq!(after.rows()[900].span.start, 0, "the newest comes first");
        assert!(bytes.len() < lines.concat().len() / 3, "{} bytes", bytes.len());
    }

    #[test]
    fn no_versions_are_a_table_too() {
        let bytes = encoded(&versions(&[]));
        let after = decoded(&bytes).unwrap();
        assert!(after.versions.rows().is_empty());
        assert!(after.versions.line(0).is_empty());
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let bytes = encoded(&versions(&[line("1.0.0", "")]));
        // The times stand outside the checksum.
        for at in (0..bytes.len()).filter(|at| !(8..24).contains(at)) {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert!(decoded(&other).is_none(), "{at}");
            assert!(decoded(&bytes[..at]).is_none(), "{at}");
        }
        let other = crate_name("b").unwrap();
        assert!(decode(bytes.into(), &SourceId::crates_io(), &other).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(mut bytes in prop::collection::vec(any::<u8>(), 0..300), count in 0u32..9, ends in 0u32..3) {
            // With the checksum right, so that what follows it is reached.
            if bytes.len() >= FIXED {
                bytes[..8].copy_from_slice(MAGIC);
                bytes[32..36].copy_from_slice(&count.to_le_bytes());
                bytes[36..40].copy_from_slice(&ends.to_le_bytes());
                bytes[40..42].fill(0);
                let sum = checksum(&bytes[COVERED..]);
                bytes[24..32].copy_from_slice(&sum.to_le_bytes());
            }
            if let Some(table) = decoded(&bytes) {
                for at in 0..table.versions.rows().len() {
                    let _ = table.versions.line(at);
                }
            }
        }
    }
}
