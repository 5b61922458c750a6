//! `Packages` files as one compact file that is used as it lies.
//!
//! An index is made once of a `Packages` file and mapped into memory ever after: names are interned, versions of a name
//! sorted, relations parsed, providers listed. One index holds what one `Packages` file says: a component of a suite for
//! one architecture, with its records for `all`; so it is made anew only when that file changed.
//!
//! | module | job |
//! |---|---|
//! | `layout` | where everything lies |
//! | [`facts`] | words that are kept as numbers |
//! | [`record`] | [`Record`]: what is known of one package |
//! | [`relations`] | [`Groups`]: what a package says about others |
//! | [`build`](mod@build) | [`Builder`]: from `Packages` to an index, a piece at a time |
//! | [`descriptions`] | lists of long descriptions, as an index of texts |
//! | [`search`](mod@search) | words in names and descriptions |
//!
//! Invariants: opening looks at the header alone, so that it costs microseconds. Nothing here panics or reads out of
//! bounds, whatever the bytes are: a number that leads nowhere is an empty text or no record. [`Index::verify`] tells
//! whether the whole file is as it was written.

mod layout;
#[cfg(test)]
mod tests;

pub mod build;
pub mod descriptions;
pub mod facts;
pub mod record;
pub mod relations;
pub mod search;

use std::ops::Range;

use bytes::Bytes;

pub use build::{Builder, Built, TooLarge, build};
pub use descriptions::Descriptions;
pub use facts::{Kind, Priority};
pub use record::Record;
pub use relations::{Alternative, Group, Groups};
pub use search::{Hit, Place};

pub use crate::packages::{MalformedStanza, MultiArch};
pub use crate::version::Operator;

use layout::{COVERED, HEADER, MAGIC, NONE, Section, checksum, hash, u32_at, u64_at};

/// A name within one index: of a package, or one that a relation mentions.
///
/// Numbers are given in the order in which the `Packages` file mentions names first; within a stanza the package itself
/// comes before its relations, and those in the order of [`Kind`]. That is apt's order, which it breaks ties by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameId(pub u32);

/// A record within one index. Those of one name follow each other, highest version first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(pub u32);

/// Why bytes are no index that can be used. The remedy is always the same: to make it anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damaged {
    /// Something else, or of another version of the format.
    #[error("this is no index of this version")]
    Foreign,
    /// Shorter or longer than it was.
    #[error("the index is not whole")]
    Length,
    /// Other bytes than were written.
    #[error("the index was changed after it was written")]
    Checksum,
}

/// What one `Packages` file says. Cheap to clone: the bytes are shared.
#[derive(Clone)]
pub struct Index {
    bytes: Bytes,
    sections: [Range<usize>; Section::COUNT],
    records: u32,
    names: u32,
    slots: u32,
}

impl Index {
    /// Bytes before the sections, which alone are looked at when an index is opened.
    pub const HEADER: usize = HEADER;

    /// Opens an index: `bytes` are the whole file, mapped ([`Bytes::from_owner`]) or read.
    ///
    /// # Errors
    /// Where the header is not whole, or says that the file is not.
    pub fn open(bytes: impl Into<Bytes>) -> Result<Self, Damaged> {
        let bytes = bytes.into();
        let header = bytes.get(..HEADER).ok_or(Damaged::Foreign)?;
        if &header[..8] != MAGIC {
            return Err(Damaged::Foreign);
        }
        if checksum(&header[COVERED..]) != u64_at(header, 8) {
            return Err(Damaged::Checksum);
        }
        if u64_at(header, 16) != bytes.len() as u64 {
            return Err(Damaged::Length);
        }
        let sections = std::array::from_fn(|number| {
            let start = u32_at(header, 64 + number * 8) as usize;
            start..start.saturating_add(u32_at(header, 68 + number * 8) as usize)
        });
        if sections.iter().any(|section| section.end > bytes.len()) {
            return Err(Damaged::Length);
        }
        let count = |section: Section, row: usize| {
            u32::try_from(sections[section as usize].len() / row).unwrap_or(NONE)
        };
        let slots = count(Section::Slots, 4);
        Ok(Self {
            records: count(Section::Records, layout::record::ROW).saturating_sub(1),
            names: count(Section::Names, layout::NAME).saturating_sub(1),
            slots: if slots.is_power_of_two() { slots } else { 0 },
            sections,
            bytes,
        })
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// Where it is not as it was written.
    pub fn verify(&self) -> Result<(), Damaged> {
        let body = self.bytes.get(HEADER..).unwrap_or_default();
        match checksum(body) == u64_at(&self.bytes, 24) {
            true => Ok(()),
            false => Err(Damaged::Checksum),
        }
    }

    /// The 32 bytes that its maker named what it was made of by.
    pub fn made_of(&self) -> [u8; 32] {
        let name = self.bytes.get(32..64).and_then(|name| name.try_into().ok());
        name.unwrap_or_default()
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.records as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// How many names there are; their numbers are below this.
    pub fn name_count(&self) -> usize {
        self.names as usize
    }

    /// All names, those of packages and those that only relations mention.
    pub fn names(&self) -> impl ExactSizeIterator<Item = NameId> + use<> {
        (0..self.names).map(NameId)
    }

    /// All records.
    pub fn records(&self) -> impl ExactSizeIterator<Item = RecordId> + use<> {
        (0..self.records).map(RecordId)
    }

    /// The number of a name, if anything here has or mentions it.
    pub fn find(&self, name: &str) -> Option<NameId> {
        let mask = self.slots.checked_sub(1)?;
        let slots = self.section(Section::Slots);
        let mut slot = hash(name.as_bytes()) as u32 & mask;
        // A table that is full, which a damaged one can be, has no gap to end at.
        for _ in 0..self.slots {
            let id = NameId(u32_at(slots, slot as usize * 4).checked_sub(1)?);
            if self.name(id) == name {
                return Some(id);
            }
            slot = slot.wrapping_add(1) & mask;
        }
        None
    }

    /// The text of a name.
    pub fn name(&self, id: NameId) -> &str {
        let text = self.starts(Section::Names, layout::NAME, 0, id.0);
        self.text(Section::NameText, text)
    }

    /// The records of packages of this name, highest version first.
    pub fn versions(&self, id: NameId) -> RecordIds {
        let range = self.starts(Section::Names, layout::NAME, 4, id.0);
        let end = (range.end as u32).min(self.records);
        RecordIds(range.start as u32..end)
    }

    /// The records of packages that provide this name, in the order of the records. A package that provides its own name is among them.
    pub fn providers(&self, id: NameId) -> Providers<'_> {
        let range = self.starts(Section::Names, layout::NAME, 8, id.0);
        let end = range.end.min(self.section(Section::Providers).len() / 8);
        Providers {
            index: self,
            rows: range.start..end,
        }
    }

    /// One record.
    pub fn record(&self, id: RecordId) -> Record<'_> {
        Record::new(self, id)
    }

    /// The records with `Essential: yes`, `Protected: yes` or `Important: yes`.
    pub fn essentials(&self) -> impl Iterator<Item = RecordId> {
        let rows = self.section(Section::Essential).chunks_exact(4);
        rows.map(|row| RecordId(u32_at(row, 0)))
            .filter(|id| id.0 < self.records)
    }

    fn section(&self, section: Section) -> &[u8] {
        let range = self.sections[section as usize].clone();
        self.bytes.get(range).unwrap_or_default()
    }

    /// What a row of starts, and the next, say: nothing where there are no such rows, or they are not in order.
    fn starts(&self, section: Section, row: usize, field: usize, number: u32) -> Range<usize> {
        let rows = self.section(section);
        let at = (number as usize).saturating_mul(row).saturating_add(field);
        let next = at.saturating_add(row);
        if next.saturating_add(4) > rows.len() {
            return 0..0;
        }
        let range = u32_at(rows, at) as usize..u32_at(rows, next) as usize;
        if range.start <= range.end { range } else { 0..0 }
    }

    fn text(&self, section: Section, range: Range<usize>) -> &str {
        let bytes = self.section(section).get(range).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    fn version(&self, number: u32) -> &str {
        let range = self.starts(Section::Versions, 4, 0, number);
        self.text(Section::VersionText, range)
    }

    fn term(&self, number: u32) -> &str {
        let range = self.starts(Section::Terms, 4, 0, number);
        self.text(Section::TermText, range)
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index")
            .field("records", &self.records)
            .field("names", &self.names)
            .field("bytes", &self.bytes.len())
            .finish()
    }
}

/// Records that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordIds(Range<u32>);

impl Iterator for RecordIds {
    type Item = RecordId;

    fn next(&mut self) -> Option<RecordId> {
        self.0.next().map(RecordId)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for RecordIds {
    fn next_back(&mut self) -> Option<RecordId> {
        self.0.next_back().map(RecordId)
    }
}

impl ExactSizeIterator for RecordIds {}

/// A package that answers to a name that is not its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provider<'i> {
    /// The package.
    pub record: RecordId,
    /// The version that it provides the name in, if it says so.
    pub version: Option<&'i str>,
}

/// The providers of a name, in the order of the records.
#[derive(Clone, Debug)]
pub struct Providers<'i> {
    index: &'i Index,
    rows: Range<usize>,
}

impl<'i> Iterator for Providers<'i> {
    type Item = Provider<'i>;

    fn next(&mut self) -> Option<Provider<'i>> {
        let row = self.rows.next()? * 8;
        let rows = self.index.section(Section::Providers);
        let version = u32_at(rows, row + 4);
        Some(Provider {
            record: RecordId(u32_at(rows, row)),
            version: (version != NONE).then(|| self.index.version(version)),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rows.size_hint()
    }
}

impl ExactSizeIterator for Providers<'_> {}
