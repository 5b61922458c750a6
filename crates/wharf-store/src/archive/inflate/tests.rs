//! The decoder against another one, without any checksum that would hide a difference.

use std::io::{Cursor, Read, Write};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use proptest::prelude::*;

use super::*;

/// Unpacks what comes in pieces of so many bytes; gives what followed as well.
fn inflate(packed: &[u8], at_once: usize) -> io::Result<Vec<u8>> {
    let pieces = io::BufReader::with_capacity(at_once, Cursor::new(packed));
    let mut inflate = Inflate::new(pieces);
    let mut out = Vec::new();
    loop {
        let chunk = inflate.chunk()?;
        if chunk.is_empty() {
            return Ok(out);
        }
        let count = chunk.len();
        out.extend_from_slice(chunk);
        inflate.used(count);
    }
}

fn other(packed: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    flate2::bufread::DeflateDecoder::new(packed).read_to_end(&mut out)?;
    Ok(out)
}

fn same(packed: &[u8], at_once: usize) {
    match (inflate(packed, at_once), other(packed)) {
        (Ok(ours), Ok(theirs)) => assert!(ours == theirs, "{} and {} bytes", ours.len(), theirs.len()),
        (ours, theirs) => assert_eq!(
            ours.is_ok(),
            theirs.is_ok(),
            "{:?}, {:?}",
            ours.map(|bytes| bytes.len()),
            theirs.map(|bytes| bytes.len())
        ),
    }
}

/// Bits as a stream has them: numbers with their lowest bit first, codes with their highest.
#[derive(Default)]
struct Stream {
    bytes: Vec<u8>,
    count: usize,
}

impl Stream {
    fn bit(&mut self, bit: bool) {
        if self.count.is_multiple_of(8) {
            self.bytes.push(0);
        }
        *self.bytes.last_mut().unwrap() |= u8::from(bit) << (self.count % 8);
        self.count += 1;
    }

    fn number(mut self, value: usize, count: usize) -> Self {
        (0..count).for_each(|bit| self.bit(value >> bit & 1 == 1));
        self
    }

    fn code(mut self, value: usize, count: usize) -> Self {
        (0..count).rev().for_each(|bit| self.bit(value >> bit & 1 == 1));
        self
    }

    /// The beginning of a last block that tells these code lengths, each with five bits or, of length 0, with one.
    fn told(litlen: &[usize], distance: &[usize]) -> Self {
        let stream = Self::default().number(0b101, 3);
        let stream = stream.number(litlen.len() - 257, 5).number(distance.len() - 1, 5);
        // 0 has one bit; the lengths 1 to 15 have five.
        let mut stream = stream.number(TOLD.len() - 4, 4);
        for symbol in TOLD {
            let length = match symbol {
                0 => 1,
                1..=15 => 5,
                16 => 5,
                _ => 0,
            };
            stream = stream.number(length, 3);
        }
        for length in litlen.iter().chain(distance) {
            stream = match length {
                0 => stream.code(0, 1),
                length => stream.code(0b10000 + length - 1, 5),
            };
        }
        stream
    }
}

/// 286 lengths, those of the symbols that are named.
fn lengths(count: usize, named: &[(usize, usize)]) -> Vec<usize> {
    let mut lengths = vec![0; count];
    named
        .iter()
        .for_each(|(symbol, length)| lengths[*symbol] = *length);
    lengths
}

#[test]
fn streams_that_few_tools_write() {
    let litlen = |named| lengths(286, named);
    let check = |stream: Stream, expected: Option<&[u8]>| {
        // Alone it is read one symbol at a time, with enough behind it by the fast loop.
        for after in [0, 100] {
            let mut packed = stream.bytes.clone();
            packed.extend(vec![0; after]);
            for at_once in [1, 4096] {
                let found = inflate(&packed, at_once).ok();
                assert_eq!(found.as_deref(), expected, "{after} behind it, {at_once} at once");
                same(&packed, at_once);
            }
        }
    };
    // Fixed codes name symbols that mean nothing.
    check(Stream::default().number(0b011, 3).code(0b1100_0110, 8), None);
    check(Stream::default().number(0b011, 3).code(0b1100_0111, 8), None);
    let literal = || Stream::default().number(0b011, 3).code(0x30 + 0x61, 8);
    check(literal().code(0, 7), Some(b"a"));
    check(literal().code(1, 7).code(0, 5).code(0, 7), Some(b"aaaa"));
    check(literal().code(1, 7).code(1, 5).code(0, 7), None);
    for nothing in [30, 31] {
        check(literal().code(1, 7).code(nothing, 5).code(0, 7), None);
    }
    // The end alone, with no other symbol.
    check(Stream::told(&litlen(&[(256, 1)]), &[0]).code(0, 1), Some(b""));
    check(Stream::told(&litlen(&[(256, 1)]), &[0]).code(1, 1), None);
    // One distance of one bit, none at all, and what is no code.
    let one = litlen(&[(97, 2), (256, 2), (257, 1)]);
    let begun = |distance: &[usize]| Stream::told(&one, distance).code(0b10, 2).code(0, 1);
    check(begun(&[1]).code(0, 1).code(0b11, 2), Some(b"aaaa"));
    check(begun(&[1]).code(1, 1).code(0b11, 2), None);
    check(begun(&[0]).code(0, 1).code(0b11, 2), None);
    check(Stream::told(&one, &[0]).code(0b10, 2).code(0b11, 2), Some(b"a"));
    check(begun(&[2]).code(0, 2).code(0b11, 2), None);
    check(begun(&[1, 1, 1]).code(0, 1).code(0b11, 2), None);
    check(Stream::told(&litlen(&[(97, 1)]), &[1]), None);
    // Symbols of every length, and the longest match by the longest codes.
    let mut all: Vec<(usize, usize)> = (0..13).map(|symbol| (symbol, symbol + 1)).collect();
    all.extend([(97, 14), (256, 15), (284, 15)]);
    let far: Vec<usize> = (1..=15).chain([15]).collect();
    let stream = Stream::told(&litlen(&all), &far).code(0b11_1111_1111_1110, 14);
    let stream = stream.code(0x7fff, 15).number(30, 5).code(0, 1).code(0x7ffe, 15);
    check(stream, Some(&[b'a'; 258]));
}

#[test]
fn matches_at_every_edge_of_the_window() {
    // Literals up to the edge of a chunk or of what is remembered, then matches of every kind.
    for edge in [HISTORY, CHUNK, FULL, FULL + CHUNK] {
        for short in 0..4 {
            let bytes = |at: usize| u8::try_from(at * 7 % 251).unwrap();
            let mut stream = Stream::default();
            let mut plain: Vec<u8> = Vec::new();
            let start = edge - short;
            while plain.len() < start {
                let count = (start - plain.len()).min(0xffff);
                // Aligned: three bits, then the rest of a byte.
                stream = stream.number(0, 3);
                while !stream.count.is_multiple_of(8) {
                    stream.bit(false);
                }
                stream = stream.number(count, 16).number(!count & 0xffff, 16);
                for _ in 0..count {
                    let byte = bytes(plain.len());
                    stream = stream.number(byte.into(), 8);
                    plain.push(byte);
                }
            }
            stream = stream.number(0b011, 3);
            for distance in (1..=17).chain([32 * 1024]) {
                // A match of 258: symbol 285, and its distance with all the bits that are added.
                let (symbol, extra) = match distance {
                    1..=4 => (distance - 1, 0),
                    _ => {
                        let bits = (distance - 1usize).ilog2() as usize - 1;
                        (2 * bits + 2 + ((distance - 1) >> bits & 1), bits)
                    }
                };
                let added = (distance - 1) & ((1 << extra) - 1);
                stream = stream.code(0b1100_0101, 8).code(symbol, 5).number(added, extra);
                for _ in 0..258 {
                    plain.push(plain[plain.len() - distance]);
                }
            }
            let packed = stream.code(0, 7).bytes;
            for at_once in [1, 33, 1 << 20] {
                assert!(
                    inflate(&packed, at_once).unwrap() == plain,
                    "{edge} {short} {at_once}"
                );
            }
            same(&packed, 100);
        }
    }
}

#[test]
fn the_longest_codes_follow_each_other() {
    // Each length of code once, and the longest twice: a code of n bits is n-1 ones and a zero.
    let mut litlen: Vec<(usize, usize)> = (0..13).map(|symbol| (symbol, symbol + 1)).collect();
    litlen.extend([(97, 14), (256, 15), (284, 15)]);
    let mut distance: Vec<(usize, usize)> = (0..14).map(|symbol| (symbol, symbol + 1)).collect();
    distance.extend([(28, 15), (29, 15)]);
    let mut stream = Stream::told(&lengths(286, &litlen), &lengths(30, &distance));
    let mut plain: Vec<u8> = Vec::new();
    let literal = |stream: Stream, plain: &mut Vec<u8>, symbol: u8| {
        plain.push(symbol);
        let bits = litlen
            .iter()
            .find(|(known, _)| *known == usize::from(symbol))
            .unwrap()
            .1;
        stream.code((1 << bits) - 2, bits)
    };
    for at in 0..33_000u32 {
        stream = literal(stream, &mut plain, (at * at % 13) as u8);
    }
    // Up to three literals of the first level, the longest of them, and what needs the most bits behind them.
    for at in 0..4000usize {
        for _ in 0..at % 4 {
            stream = literal(stream, &mut plain, 10);
        }
        if at % 3 == 0 {
            stream = literal(stream, &mut plain, if at % 2 == 0 { 97 } else { 12 });
            continue;
        }
        let (longer, further) = (at * 7 % 31, at * 4099 % 8192);
        let symbol = 28 + at % 2;
        stream = stream.code(0x7fff, 15).number(longer, 5);
        stream = stream.code(0x7ffe + at % 2, 15).number(further, 13);
        let distance = if symbol == 28 { 16385 } else { 24577 } + further;
        for _ in 0..227 + longer {
            plain.push(plain[plain.len() - distance]);
        }
    }
    let packed = stream.code(0x7ffe, 15).bytes;
    for at_once in [1, 45, 1 << 20] {
        assert!(inflate(&packed, at_once).unwrap() == plain, "{at_once}");
    }
    same(&packed, 100);
}

#[test]
fn empty_blocks_cost_next_to_nothing() {
    let mut stream = Stream::default();
    for _ in 0..400_000 {
        stream = stream.number(0b010, 3).code(0, 7);
    }
    let packed = stream.number(0b011, 3).code(0, 7).bytes;
    assert_eq!(inflate(&packed, 4096).unwrap(), b"");
}

proptest! {
    #[test]
    fn raw_streams_are_what_another_decoder_makes_of_them(
        pieces in prop::collection::vec((0u8..4, any::<u8>(), 1usize..3000), 0..40),
        level in 0u32..=9,
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 0..3),
        near_start: bool,
        cut in prop::option::of(any::<prop::sample::Index>()),
        at_once in 1usize..200_000,
    ) {
        let mut plain: Vec<u8> = Vec::new();
        for (kind, byte, count) in pieces {
            match kind {
                0 => plain.extend(vec![byte; count]),
                1 => plain.extend((0..count).map(|at| ((at * usize::from(byte)) >> 3) as u8)),
                _ => {
                    let back = (usize::from(byte) * 97 + 1).min(plain.len());
                    let from = plain.len() - back;
                    for step in 0..count.min(back * 50) {
                        plain.push(plain[from + step]);
                    }
                }
            }
        }
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(&plain).unwrap();
        let mut packed = encoder.finish().unwrap();
        prop_assert_eq!(inflate(&packed, at_once).unwrap(), plain);
        for (index, bit) in flips {
            // The codes of a block are told at its beginning.
            let reach = if near_start { packed.len().min(80) } else { packed.len() };
            packed[index.index(reach)] ^= 1 << bit;
        }
        if let Some(cut) = cut {
            packed.truncate(cut.index(packed.len() + 1));
        }
        same(&packed, at_once);
    }

    #[test]
    fn noise_is_what_another_decoder_makes_of_it(packed in prop::collection::vec(any::<u8>(), 0..300), at_once in 1usize..400) {
        same(&packed, at_once);
    }
}
