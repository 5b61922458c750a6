//! The loop in which nearly all of a stream is unpacked: where enough input and room is there that neither has to be looked after
//! at each step.
//!
//! What it waits for is one look into a table after the other. So each looks with the bits that are there, before more are taken
//! in: after what a turn can use until then, enough are left for the first level.

use std::io;

use super::table::{DISTANCE_BITS, DISTANCE_ENTRIES, Entry, LITLEN_BITS, LITLEN_ENTRIES, Table, unknown};
use super::{Bits, FULL, WINDOW, broken};

/// Input that one turn of the loop may use.
const INPUT: usize = 24;
/// Bytes that matches are copied by.
const STEP: usize = 16;

/// Why the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The block did.
    Block,
    /// There is no room.
    Full,
    /// There is too little input.
    Input,
}

pub(super) fn too_far() -> io::Error {
    broken("a match begins before everything")
}

/// Where the loop is.
struct Place<'a> {
    input: &'a [u8],
    used: usize,
    /// Of the count only the lowest six bits are meant.
    bits: Bits,
}

impl Place<'_> {
    /// Makes sure of 56 bits. Those of the buffer that are not counted are the same that come there again.
    #[inline]
    fn refill(&mut self) {
        let bytes = self.input[self.used..self.used + 8].try_into();
        self.bits.buffer |= u64::from_le_bytes(bytes.expect("eight were taken")) << (self.bits.count & 63);
        self.used += (!self.bits.count >> 3 & 7) as usize;
        self.bits.count |= 56;
    }

    /// Passes over an entry's bits.
    #[inline]
    fn skip(&mut self, entry: Entry) {
        self.bits.buffer >>= entry.raw_bits() & 63;
        self.bits.count = self.bits.count.wrapping_sub(entry.raw_bits());
    }

    /// A length or distance: an entry's value with what is added to it. Both are passed over at once, for what follows waits for that
    /// and not for the value.
    #[inline]
    fn value(&mut self, entry: Entry) -> usize {
        let bits = self.bits.buffer & !(u64::MAX << (entry.raw_bits() & 63));
        self.skip(entry);
        entry.raw_value() + (bits >> (entry.raw_code_bits() & 63)) as usize
    }
}

/// Unpacks into the window from `at` on. Gives how much of the input it used, and why it ended.
pub(super) fn decode(
    input: &[u8],
    bits: &mut Bits,
    window: &mut [u8; WINDOW],
    at: &mut usize,
    tables: (&Table<LITLEN_ENTRIES>, &Table<DISTANCE_ENTRIES>),
) -> io::Result<(usize, Ended)> {
    let Some(last) = input.len().checked_sub(INPUT + 8) else {
        return Ok((0, Ended::Input));
    };
    let (litlen, distance) = tables;
    let mut place = Place {
        input,
        used: 0,
        bits: *bits,
    };
    let mut to = *at;
    place.refill();
    let mut entry = litlen.first(place.bits.buffer, LITLEN_BITS);
    let ended = loop {
        if to >= FULL {
            break Ended::Full;
        }
        if place.used > last {
            break Ended::Input;
        }
        // Three literals of the first level take 33 of 56 bits, two and a length 42, two and a literal of the second level 37.
        if entry.is_literal() {
            put(&mut place, window, &mut to, entry);
            entry = litlen.first(place.bits.buffer, LITLEN_BITS);
            if entry.is_literal() {
                put(&mut place, window, &mut to, entry);
                entry = litlen.first(place.bits.buffer, LITLEN_BITS);
                if entry.is_literal() {
                    put(&mut place, window, &mut to, entry);
                    entry = litlen.first(place.bits.buffer, LITLEN_BITS);
                    place.refill();
                    continue;
                }
            }
        }
        if entry.is_special() {
            if entry.is_second() {
                entry = litlen.second(entry, place.bits.buffer, LITLEN_BITS);
            }
            if entry.is_literal() {
                put(&mut place, window, &mut to, entry);
                entry = litlen.first(place.bits.buffer, LITLEN_BITS);
                place.refill();
                continue;
            }
            if entry.is_end() {
                place.skip(entry);
                break Ended::Block;
            }
            if entry.is_special() {
                return Err(unknown());
            }
        }
        let length = place.value(entry);
        let mut far = distance.first(place.bits.buffer, DISTANCE_BITS);
        place.refill();
        if far.is_special() {
            if far.is_second() {
                far = distance.second(far, place.bits.buffer, DISTANCE_BITS);
            }
            if far.is_special() {
                return Err(unknown());
            }
        }
        let distance = place.value(far);
        // Known before the match is copied, so that looking it up does not wait for that. A distance takes 28 bits.
        entry = litlen.first(place.bits.buffer, LITLEN_BITS);
        place.refill();
        let from = to.checked_sub(distance).ok_or_else(too_far)?;
        copy(window, from, to, length);
        to += length;
    };
    place.bits.count &= 63;
    place.bits.buffer &= (1 << place.bits.count) - 1;
    (*bits, *at) = (place.bits, to);
    Ok((place.used, ended))
}

#[inline]
fn put(place: &mut Place<'_>, window: &mut [u8; WINDOW], to: &mut usize, entry: Entry) {
    place.skip(entry);
    window[*to] = entry.value() as u8;
    *to += 1;
}

/// Copies a match, and perhaps something behind it that is written over later.
#[inline]
fn copy(window: &mut [u8; WINDOW], from: usize, to: usize, length: usize) {
    let (mut from, mut to, end) = (from, to, to + length);
    match to - from {
        STEP.. => {
            window.copy_within(from..from + STEP, to);
            window.copy_within(from + STEP..from + 2 * STEP, to + STEP);
            (from, to) = (from + 2 * STEP, to + 2 * STEP);
            while to < end {
                window.copy_within(from..from + STEP, to);
                (from, to) = (from + STEP, to + STEP);
            }
        }
        1 => {
            let byte = window[from];
            window[to..end].fill(byte);
        }
        distance => {
            // What a step reads was written by the one before.
            let step = distance.min(8);
            while to < end {
                window.copy_within(from..from + 8, to);
                (from, to) = (from + step, to + step);
            }
        }
    }
}
