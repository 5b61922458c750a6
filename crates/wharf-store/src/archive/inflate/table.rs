//! Tables that say which symbol the next bits are.
//!
//! The first level has an entry for each value of the next few bits; what is longer leads to a part of the second level, which lies
//! behind the first. An entry has all that is needed to go on, so that a symbol costs one look, rarely two.

use std::io;

use super::{Bits, broken};

/// Bits of the first levels.
pub(super) const LITLEN_BITS: u32 = 11;
pub(super) const DISTANCE_BITS: u32 = 9;
pub(super) const CODE_LENGTH_BITS: u32 = 7;
/// Entries of both levels, more than any code of so many symbols needs.
pub(super) const LITLEN_ENTRIES: usize = 4096;
pub(super) const DISTANCE_ENTRIES: usize = 1024;
/// The most bits that a code has.
const LONGEST: usize = 15;

/// For each length or distance its base and the number of bits that are added to it. Source: RFC 1951, 3.2.5.
const LENGTHS: [(u32, u32); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];
const DISTANCES: u32 = 30;

/// What some bits are: from the lowest bit, 8 bits for how many it takes with those that are added to the value, 5 for how many without,
/// three flags, 15 for the value and one that says that it is a literal. An entry of the first level that leads to the second has its
/// place for the value, and how many bits choose there for how many it takes itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry(u32);

impl Entry {
    const LITERAL: u32 = 1 << 31;
    /// Neither a literal nor a length or distance.
    const SPECIAL: u32 = 1 << 15;
    const SECOND: u32 = 1 << 14;
    const END: u32 = 1 << 13;
    /// Nothing that the code has.
    const NONE: Self = Self(Self::SPECIAL);

    const fn new(value: u32, extra: u32) -> Self {
        Self(value << 16 | extra)
    }

    /// The same, with so many bits that stand for it.
    const fn with_code(self, bits: u32) -> Self {
        Self(self.0 + (bits << 8 | bits))
    }

    fn literal_or_length(symbol: usize) -> Self {
        match symbol {
            0..=255 => Self(Self::LITERAL | (symbol as u32) << 16),
            256 => Self(Self::SPECIAL | Self::END),
            _ => match LENGTHS.get(symbol - 257) {
                Some((base, extra)) => Self::new(*base, *extra),
                None => Self::NONE,
            },
        }
    }

    fn distance(symbol: usize) -> Self {
        match symbol as u32 {
            symbol @ 0..4 => Self::new(symbol + 1, 0),
            symbol @ 4..DISTANCES => {
                let extra = symbol / 2 - 1;
                Self::new(((2 + symbol % 2) << extra) + 1, extra)
            }
            _ => Self::NONE,
        }
    }

    /// How many bits it takes, those counted that are added to the value. What else the number says is above its lowest byte, so
    /// that the loop which has no time need not mask it.
    #[inline]
    pub(super) fn raw_bits(self) -> u32 {
        self.0
    }

    /// How many bits stand for it, in the same way.
    #[inline]
    pub(super) fn raw_code_bits(self) -> u32 {
        self.0 >> 8
    }

    /// The value of what is neither a literal nor special.
    #[inline]
    pub(super) fn raw_value(self) -> usize {
        (self.0 >> 16) as usize
    }

    /// The same number alone.
    #[inline]
    pub(super) fn all_bits(self) -> u32 {
        self.0 & 0xff
    }

    /// How many bits stand for it. For an entry that leads to the second level, how many choose there.
    #[inline]
    pub(super) fn bits(self) -> u32 {
        self.0 >> 8 & 0x1f
    }

    /// How many bits are added to the value.
    #[inline]
    pub(super) fn extra(self) -> u32 {
        self.all_bits() - self.bits()
    }

    #[inline]
    pub(super) fn value(self) -> usize {
        (self.0 >> 16 & 0x7fff) as usize
    }

    #[inline]
    pub(super) fn is_literal(self) -> bool {
        self.0 & Self::LITERAL != 0
    }

    #[inline]
    pub(super) fn literal(self) -> Option<u8> {
        self.is_literal().then_some((self.0 >> 16) as u8)
    }

    #[inline]
    pub(super) fn is_special(self) -> bool {
        self.0 & Self::SPECIAL != 0
    }

    #[inline]
    pub(super) fn is_second(self) -> bool {
        self.0 & (Self::SPECIAL | Self::SECOND) == Self::SPECIAL | Self::SECOND
    }

    #[inline]
    pub(super) fn is_end(self) -> bool {
        self.0 & (Self::SPECIAL | Self::END) == Self::SPECIAL | Self::END
    }
}

/// A code's table of `N` entries, a power of two.
#[derive(Debug)]
pub(super) struct Table<const N: usize>([Entry; N]);

impl<const N: usize> Default for Table<N> {
    fn default() -> Self {
        Self([Entry::NONE; N])
    }
}

impl<const N: usize> Table<N> {
    /// The entry for the next bits in the first level.
    #[inline]
    pub(super) fn first(&self, bits: u64, first: u32) -> Entry {
        self.0[bits as usize & ((1 << first) - 1) & (N - 1)]
    }

    /// The one that an entry of the first level leads to.
    #[inline]
    pub(super) fn second(&self, entry: Entry, bits: u64, first: u32) -> Entry {
        let within = (bits >> first) as usize & ((1 << entry.bits()) - 1);
        self.0[(entry.value() + within) & (N - 1)]
    }

    /// The symbol that the next bits are; `None` where more of them are needed to tell.
    pub(super) fn find(&self, bits: Bits, first: u32) -> io::Result<Option<Entry>> {
        let mut entry = self.first(bits.buffer, first);
        if entry.is_second() {
            entry = self.second(entry, bits.buffer, first);
        }
        // An entry without bits may be another one's when more of them are known.
        if entry.bits() > bits.count || entry.bits() == 0 && (bits.count as usize) < LONGEST {
            return Ok(None);
        }
        if entry.is_special() && !entry.is_end() {
            return Err(unknown());
        }
        Ok(Some(entry))
    }

    pub(super) fn literals_and_lengths(&mut self, lengths: &[u8]) -> io::Result<()> {
        self.build(lengths, LITLEN_BITS, Entry::literal_or_length)
    }

    pub(super) fn distances(&mut self, lengths: &[u8]) -> io::Result<()> {
        self.build(lengths, DISTANCE_BITS, Entry::distance)
    }

    pub(super) fn code_lengths(&mut self, lengths: &[u8]) -> io::Result<()> {
        if lengths.iter().filter(|length| **length > 0).count() < 2 {
            return Err(broken("a code is incomplete"));
        }
        self.build(lengths, CODE_LENGTH_BITS, |symbol| Entry::new(symbol as u32, 0))
    }

    /// Makes the table of the code in which the symbol `n` has `lengths[n]` bits.
    fn build(&mut self, lengths: &[u8], first: u32, entry: impl Fn(usize) -> Entry) -> io::Result<()> {
        let next = first_codes(lengths)?;
        self.0[..1 << first].fill(Entry::NONE);
        self.share(lengths, first, next);
        let (mut next, mut free) = (next, 1 << first);
        for (symbol, length) in lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
            let code = take_code(&mut next, *length);
            let length = u32::from(*length);
            let entry = entry(symbol).with_code(length);
            let (start, step, end) = if length <= first {
                (code as usize, 1 << length, 1 << first)
            } else {
                let above = code as usize & ((1 << first) - 1);
                let size = 1 << self.0[above].bits();
                if self.0[above].value() == 0 {
                    let part = self.0.get_mut(free..free + size);
                    part.ok_or_else(|| broken("a code is too large"))?
                        .fill(Entry::NONE);
                    self.0[above].0 |= (free as u32) << 16;
                    free += size;
                }
                let start = self.0[above].value();
                (
                    start + (code >> first) as usize,
                    1 << (length - first),
                    start + size,
                )
            };
            self.0[start..end]
                .iter_mut()
                .step_by(step)
                .for_each(|place| *place = entry);
        }
        Ok(())
    }

    /// Notes at each beginning that longer codes share by how many bits these differ at the most.
    fn share(&mut self, lengths: &[u8], first: u32, mut next: [u32; LONGEST + 1]) {
        for length in lengths.iter().filter(|length| u32::from(**length) > first) {
            let code = take_code(&mut next, *length);
            let within = u32::from(*length) - first;
            let place = &mut self.0[code as usize & ((1 << first) - 1)];
            if within > place.bits() {
                *place = Entry(Entry::SPECIAL | Entry::SECOND | within << 8);
            }
        }
    }
}

/// The first code of each length. Refused is what gives more codes than there are, or fewer, unless there is but one of one bit or
/// none. Source: RFC 1951, 3.2.2; what zlib takes.
fn first_codes(lengths: &[u8]) -> io::Result<[u32; LONGEST + 1]> {
    let mut counts = [0u32; LONGEST + 1];
    for length in lengths.iter().filter(|length| **length > 0) {
        counts[usize::from(*length)] += 1;
    }
    let mut next = [0; LONGEST + 1];
    let (mut code, mut left) = (0, 1i64);
    for length in 1..=LONGEST {
        code = (code + counts[length - 1]) << 1;
        next[length] = code;
        left = left * 2 - i64::from(counts[length]);
        if left < 0 {
            return Err(broken("a code has more symbols than bits for them"));
        }
    }
    if left > 0 && counts[2..].iter().any(|count| *count > 0) {
        return Err(broken("a code is incomplete"));
    }
    Ok(next)
}

/// The next code of a length, its first bit lowest, as bits come.
fn take_code(next: &mut [u32; LONGEST + 1], length: u8) -> u32 {
    let code = &mut next[usize::from(length)];
    let taken = *code;
    *code += 1;
    taken.reverse_bits() >> (32 - u32::from(length))
}

pub(super) fn unknown() -> io::Error {
    broken("a symbol is none of its code's")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_standard() {
        let told = |symbol| {
            let entry = Entry::distance(symbol);
            (entry.value(), entry.extra())
        };
        let some = [0, 3, 4, 5, 6, 7, 16, 28, 29].map(told);
        let expected = [
            (1, 0),
            (4, 0),
            (5, 1),
            (7, 1),
            (9, 2),
            (13, 2),
            (257, 7),
            (16385, 13),
            (24577, 13),
        ];
        assert_eq!(some, expected);
        assert_eq!(Entry::distance(30), Entry::NONE);
        assert_eq!(Entry::literal_or_length(286), Entry::NONE);
    }

    #[test]
    fn codes_that_are_no_codes() {
        let check = |lengths: &[u8], expected: bool| {
            let outcome = Table::<DISTANCE_ENTRIES>::default().distances(lengths);
            assert_eq!(outcome.is_ok(), expected, "{lengths:?}");
        };
        check(&[0; 30], true);
        check(&[0, 1], true);
        check(&[2], false);
        check(&[1, 1], true);
        check(&[1, 1, 1], false);
        check(&[1, 2], false);
        check(&[1, 2, 2], true);
        check(&[15], false);
    }

    #[test]
    fn every_code_is_found() {
        // One symbol of each length, and two of the longest: both levels have all there is.
        let lengths: Vec<u8> = (1..=15).chain([15]).collect();
        let mut table = Table::<DISTANCE_ENTRIES>::default();
        table.distances(&lengths).unwrap();
        let mut next = first_codes(&lengths).unwrap();
        for (symbol, length) in lengths.iter().enumerate() {
            let code = take_code(&mut next, *length);
            let bits = |count| Bits {
                buffer: code.into(),
                count,
            };
            let length = u32::from(*length);
            let found = table.find(bits(length), DISTANCE_BITS).unwrap().unwrap();
            let expected = Entry::distance(symbol);
            assert_eq!(
                (found.value(), found.extra(), found.bits()),
                (expected.value(), expected.extra(), length)
            );
            let fewer = table.find(bits(length - 1), DISTANCE_BITS).unwrap();
            assert_eq!(fewer, None, "{length} bits are needed");
        }
    }
}
