//! Where everything lies in the file of an index. All numbers are little-endian, and most are of 32 bits.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | magic with the version of this layout |
//! | 8 | checksum of the rest of the header |
//! | 8 | length of the file |
//! | 8 | checksum of everything after the header |
//! | 32 | what it was made of, as its maker names it |
//! | 4 + 4 each | the sections: start and length |
//! | … | the sections, in the order of [`Section`] |
//!
//! Texts are not ended by anything: a table of starts has one row more than there are texts.

/// What a file begins with.
pub(super) const MAGIC: &[u8; 8] = b"WHARFDX1";
/// Bytes of the header.
pub(super) const HEADER: usize = 64 + Section::COUNT * 8;
/// What the checksum of the header covers begins here.
pub(super) const COVERED: usize = 16;
/// Stands for a number that is not there.
pub(super) const NONE: u32 = u32::MAX;

/// A part of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Section {
    /// A row for each name ([`NAME`] bytes): start of its text, of its records, of its providers; and one row more.
    Names = 0,
    /// The texts of names.
    NameText = 1,
    /// Numbers of names plus one, by the hash of their text; a power of two of them, zero where there is none.
    Slots = 2,
    /// The start of each version's text, and one more.
    Versions = 3,
    /// The texts of versions.
    VersionText = 4,
    /// The start of each term's text, and one more. Terms are words that many records have: architectures, sections, source packages.
    Terms = 5,
    /// The texts of terms.
    TermText = 6,
    /// A row for each record ([`record`]), by name and then highest version first; and one row more.
    Records = 7,
    /// Pairs: a record, and the version that it provides or [`NONE`].
    Providers = 8,
    /// What packages say of others ([`words`]).
    Relations = 9,
    /// Numbers of the records that are essential or protected.
    Essential = 10,
    /// File names, in the order of the records.
    Filenames = 11,
    /// Summaries, in the order of the records.
    Summaries = 12,
    /// Long descriptions, in the order of the records.
    Descriptions = 13,
}

impl Section {
    /// How many there are.
    pub(super) const COUNT: usize = 14;
}

/// Bytes of a name's row.
pub(super) const NAME: usize = 12;

/// Where the fields of a record's row are.
pub(super) mod record {
    pub(crate) const NAME: usize = 0;
    pub(crate) const VERSION: usize = 4;
    /// Start of its relations, in words.
    pub(crate) const RELATIONS: usize = 8;
    /// Two bytes: a bit for each kind of relations that it has.
    pub(crate) const KINDS: usize = 12;
    /// One byte, see the flags below.
    pub(crate) const FLAGS: usize = 14;
    /// One byte: percentage of machines that get it, or [`NOT_PHASED`].
    pub(crate) const PHASED: usize = 15;
    pub(crate) const ARCHITECTURE: usize = 16;
    pub(crate) const SECTION: usize = 20;
    /// Eight bytes.
    pub(crate) const SIZE: usize = 24;
    /// KiB.
    pub(crate) const INSTALLED: usize = 32;
    pub(crate) const SOURCE: usize = 36;
    pub(crate) const SOURCE_VERSION: usize = 40;
    pub(crate) const FILENAME: usize = 44;
    pub(crate) const SUMMARY: usize = 48;
    pub(crate) const DESCRIPTION: usize = 52;
    /// One byte, then three that are zero.
    pub(crate) const PRIORITY: usize = 56;
    /// 32 bytes.
    pub(crate) const SHA256: usize = 60;
    /// Bytes of the row.
    pub(crate) const ROW: usize = 92;

    /// The lowest two bits: Multi-Arch.
    pub(crate) const MULTI_ARCH: u8 = 3;
    pub(crate) const ESSENTIAL: u8 = 4;
    pub(crate) const PROTECTED: u8 = 8;
    pub(crate) const HAS_SHA256: u8 = 16;
    pub(crate) const NOT_PHASED: u8 = 255;
}

/// The words that relations are made of.
///
/// For each kind that a record has, in order: how many words follow for it, then its alternatives. An alternative is the
/// number of a name with flags, then a word for its version and one for its qualifier where the flags say so.
pub(super) mod words {
    /// Another alternative of the same group follows.
    pub(crate) const OR: u32 = 1 << 31;
    /// A word with the operator and the number of a version follows.
    pub(crate) const VERSION: u32 = 1 << 30;
    /// A word with the number of a term follows: what stands after the colon.
    pub(crate) const QUALIFIER: u32 = 1 << 29;
    /// The number of a name.
    pub(crate) const NAME: u32 = (1 << 29) - 1;
    /// The operator stands above this many bits.
    pub(crate) const OPERATOR_SHIFT: u32 = 29;
    /// The number of a version.
    pub(crate) const VERSION_NUMBER: u32 = (1 << OPERATOR_SHIFT) - 1;
}

/// The number of four bytes there; zero where there are none.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    at.checked_add(4)
        .and_then(|end| bytes.get(at..end)?.try_into().ok())
        .map_or(0, u32::from_le_bytes)
}

/// The number of eight bytes there; zero where there are none.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    at.checked_add(8)
        .and_then(|end| bytes.get(at..end)?.try_into().ok())
        .map_or(0, u64::from_le_bytes)
}

/// A sum over bytes that a damaged file does not have; eight at a time, since indexes are large.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut lanes = [FACTOR, FACTOR << 1, FACTOR << 2, FACTOR << 3];
    let mut blocks = bytes.chunks_exact(32);
    for block in &mut blocks {
        for (lane, part) in lanes.iter_mut().zip(block.chunks_exact(8)) {
            *lane = (*lane ^ u64_at(part, 0)).wrapping_mul(FACTOR).rotate_left(29);
        }
    }
    let mut sum = bytes.len() as u64;
    for lane in lanes {
        sum = (sum ^ lane).wrapping_mul(FACTOR).rotate_left(31);
    }
    for byte in blocks.remainder() {
        sum = (sum ^ u64::from(*byte)).wrapping_mul(FACTOR).rotate_left(11);
    }
    sum ^ (sum >> 32)
}

/// The hash that names are found by.
pub(super) fn hash(text: &[u8]) -> u64 {
    const FACTOR: u64 = 0x517c_c1b7_2722_0a95;
    let mut sum = text.len() as u64;
    let mut parts = text.chunks_exact(8);
    for part in &mut parts {
        sum = (sum.rotate_left(5) ^ u64_at(part, 0)).wrapping_mul(FACTOR);
    }
    let mut last = [0; 8];
    let rest = parts.remainder();
    last[..rest.len()].copy_from_slice(rest);
    sum = (sum.rotate_left(5) ^ u64::from_le_bytes(last)).wrapping_mul(FACTOR);
    sum ^ (sum >> 29)
}
