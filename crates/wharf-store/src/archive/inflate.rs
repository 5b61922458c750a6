//! DEFLATE as a stream, nearly as fast as decoders that have all of it in memory.
//!
//! Compressed bytes are pulled from a [`BufRead`]; what they unpack to lies in a window that stays in the processor's cache, and is
//! handed out from there. So pausing in the middle of something is never needed for want of input, and the only state between two
//! chunks is which kind of block is under way. Source: RFC 1951.
//!
//! Invariants: a stream is unpacked whole or refused, whatever its bytes say; what follows it is not lost, [`Inflate::bits`] gives it.
//! After an error there is nothing more to be asked.

mod fast;
mod table;

use std::io::{self, BufRead};

use fast::Ended;
use table::{CODE_LENGTH_BITS, DISTANCE_BITS, DISTANCE_ENTRIES, Entry, LITLEN_BITS, LITLEN_ENTRIES, Table};

/// How far back a match may lie.
const HISTORY: usize = 32 << 10;
/// Bytes that are unpacked before they are handed out.
const CHUNK: usize = 128 << 10;
/// Where in the window a chunk is full.
const FULL: usize = HISTORY + CHUNK;
/// The longest match, and what copying in steps writes behind one, or literals before it.
const MARGIN: usize = 258 + 16 + 3;
const WINDOW: usize = FULL + MARGIN;
/// Literals and lengths, and distances, as many as a block can name.
const LITLEN_CODES: usize = 286;
const DISTANCE_CODES: usize = 30;
/// In which order the lengths of the code for code lengths are told.
const TOLD: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A block's first bits.
    Header,
    /// So many bytes as they are.
    Stored(usize),
    /// Symbols of the present codes.
    Coded,
    /// Nothing: the last block has ended.
    Done,
}

/// Bits that were read and not used. Only the lowest `count` of the buffer are set.
#[derive(Clone, Copy, Debug, Default)]
struct Bits {
    buffer: u64,
    count: u32,
}

impl Bits {
    /// The lowest `count`, at most 32.
    fn low(self, count: u32) -> usize {
        usize::try_from(self.buffer & ((1 << count) - 1)).expect("32 bits fit")
    }

    fn skip(&mut self, count: u32) {
        self.buffer >>= count;
        self.count -= count;
    }
}

/// A raw DEFLATE stream being unpacked.
pub(super) struct Inflate<R> {
    input: R,
    bits: Bits,
    state: State,
    is_last: bool,
    window: Box<[u8; WINDOW]>,
    /// Where the next byte goes in the window.
    at: usize,
    /// Up to where the window was handed out.
    given: usize,
    litlen: Box<Table<LITLEN_ENTRIES>>,
    distance: Box<Table<DISTANCE_ENTRIES>>,
    /// Whether the tables are those of the fixed codes: a stream can have millions of empty blocks with these.
    is_fixed: bool,
}

pub(super) fn broken(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// What the input has next. A call that was interrupted is made again: after an error nothing could be taken up.
fn ahead(input: &mut impl BufRead) -> io::Result<&[u8]> {
    loop {
        match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok([]) => return Ok(&[]),
            Ok(_) => return input.fill_buf(),
        }
    }
}

impl<R> Inflate<R> {
    /// Begins with another input, in the memory that this one had.
    pub(super) fn over<I: BufRead>(self, input: I) -> Inflate<I> {
        Inflate {
            input,
            bits: Bits::default(),
            state: State::Header,
            is_last: false,
            window: self.window,
            at: 0,
            given: 0,
            litlen: self.litlen,
            distance: self.distance,
            is_fixed: self.is_fixed,
        }
    }
}

impl<R: BufRead> Inflate<R> {
    pub(super) fn new(input: R) -> Self {
        let window = vec![0; WINDOW].into_boxed_slice();
        Self {
            input,
            bits: Bits::default(),
            state: State::Header,
            is_last: false,
            window: window.try_into().expect("it was made as long"),
            at: 0,
            given: 0,
            litlen: Box::default(),
            distance: Box::default(),
            is_fixed: false,
        }
    }

    /// Begins with another stream behind the one that has ended.
    pub(super) fn again(&mut self) {
        (self.state, self.at, self.given) = (State::Header, 0, 0);
    }

    /// Unpacked bytes that are not [used](Inflate::used) yet; empty at the end of the stream.
    pub(super) fn chunk(&mut self) -> io::Result<&[u8]> {
        if self.given == self.at {
            self.decode()?;
        }
        Ok(&self.window[self.given..self.at])
    }

    pub(super) fn used(&mut self, count: usize) {
        self.given = self.at.min(self.given + count);
    }

    /// The next bits of the input, at most 32: what follows a stream.
    pub(super) fn bits(&mut self, count: u32) -> io::Result<usize> {
        while self.bits.count < count {
            if !self.read_byte()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let bits = self.bits.low(count);
        self.bits.skip(count);
        Ok(bits)
    }

    /// Goes on with a whole byte.
    pub(super) fn align(&mut self) {
        self.bits.skip(self.bits.count % 8);
    }

    /// The next whole byte, which stays the next one; `None` at the end of the input.
    pub(super) fn peek(&mut self) -> io::Result<Option<usize>> {
        if self.bits.count == 0 && !self.read_byte()? {
            return Ok(None);
        }
        Ok(Some(self.bits.low(8)))
    }

    /// Whether something was unpacked that is not used yet.
    pub(super) fn has_chunk(&self) -> bool {
        self.given < self.at
    }

    /// Passes over everything that follows.
    pub(super) fn drain(&mut self) -> io::Result<()> {
        self.bits = Bits::default();
        io::copy(&mut self.input, &mut io::sink()).map(drop)
    }

    fn read_byte(&mut self) -> io::Result<bool> {
        let Some(byte) = ahead(&mut self.input)?.first().copied() else {
            return Ok(false);
        };
        self.input.consume(1);
        self.bits.buffer |= u64::from(byte) << self.bits.count;
        self.bits.count += 8;
        Ok(true)
    }

    /// Fills the window, as far as there is something to fill it with.
    fn decode(&mut self) -> io::Result<()> {
        if self.at > HISTORY {
            self.window.copy_within(self.at - HISTORY..self.at, 0);
            (self.at, self.given) = (HISTORY, HISTORY);
        }
        while self.at < FULL {
            match self.state {
                State::Header => self.header()?,
                State::Stored(0) => self.end_block(),
                State::Stored(left) => self.stored(left)?,
                State::Coded => self.coded()?,
                State::Done => break,
            }
        }
        Ok(())
    }

    fn end_block(&mut self) {
        self.state = if self.is_last { State::Done } else { State::Header };
    }

    fn header(&mut self) -> io::Result<()> {
        self.is_last = self.bits(1)? == 1;
        match self.bits(2)? {
            0 => {
                self.align();
                let length = self.bits(16)?;
                if self.bits(16)? != !length & 0xffff {
                    return Err(broken("the length of a stored block is damaged"));
                }
                self.state = State::Stored(length);
            }
            1 if self.is_fixed => self.state = State::Coded,
            1 => {
                let mut litlen = [8; 288];
                litlen[144..256].fill(9);
                litlen[256..280].fill(7);
                self.codes(&litlen, &[5; 32])?;
                self.is_fixed = true;
            }
            2 => self.told_codes()?,
            _ => return Err(broken("there is no such kind of block")),
        }
        Ok(())
    }

    /// Reads the codes of a block that tells them itself.
    fn told_codes(&mut self) -> io::Result<()> {
        let (litlen, distance, told) = (self.bits(5)? + 257, self.bits(5)? + 1, self.bits(4)? + 4);
        if litlen > LITLEN_CODES || distance > DISTANCE_CODES {
            return Err(broken("a block has more codes than there are"));
        }
        let mut lengths = [0; TOLD.len()];
        for symbol in &TOLD[..told] {
            lengths[*symbol] = u8::try_from(self.bits(3)?).expect("three bits fit");
        }
        let mut table = Table::<{ 1 << CODE_LENGTH_BITS }>::default();
        table.code_lengths(&lengths)?;
        let mut lengths = [0; LITLEN_CODES + DISTANCE_CODES];
        let lengths = &mut lengths[..litlen + distance];
        let mut done = 0;
        while done < lengths.len() {
            let (length, times) = match self
                .symbol(|this| table.find(this.bits, CODE_LENGTH_BITS))?
                .value()
            {
                16 if done == 0 => return Err(broken("nothing is repeated")),
                16 => (lengths[done - 1], 3 + self.bits(2)?),
                17 => (0, 3 + self.bits(3)?),
                18 => (0, 11 + self.bits(7)?),
                length => (u8::try_from(length).expect("it is at most 15"), 1),
            };
            let repeated = lengths.get_mut(done..done + times);
            repeated
                .ok_or_else(|| broken("a block has more codes than it says"))?
                .fill(length);
            done += times;
        }
        let (litlen, distance) = lengths.split_at(litlen);
        if litlen[256] == 0 {
            return Err(broken("a block has no end"));
        }
        self.codes(litlen, distance)
    }

    fn codes(&mut self, litlen: &[u8], distance: &[u8]) -> io::Result<()> {
        self.is_fixed = false;
        self.litlen.literals_and_lengths(litlen)?;
        self.distance.distances(distance)?;
        self.state = State::Coded;
        Ok(())
    }

    fn stored(&mut self, left: usize) -> io::Result<()> {
        // What was read ahead comes first.
        let count = if self.bits.count > 0 {
            self.window[self.at] = u8::try_from(self.bits(8)?).expect("eight bits fit");
            1
        } else {
            let input = ahead(&mut self.input)?;
            let count = left.min(input.len()).min(FULL - self.at);
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.window[self.at..self.at + count].copy_from_slice(&input[..count]);
            self.input.consume(count);
            count
        };
        self.at += count;
        self.state = State::Stored(left - count);
        Ok(())
    }

    /// Symbols until the block ends or the window is full: most by the fast loop, those at the end of what is there one by one.
    fn coded(&mut self) -> io::Result<()> {
        while self.at < FULL {
            let input = ahead(&mut self.input)?;
            let (used, ended) = fast::decode(
                input,
                &mut self.bits,
                &mut self.window,
                &mut self.at,
                (&self.litlen, &self.distance),
            )?;
            self.input.consume(used);
            let ended = match ended {
                Ended::Block => true,
                Ended::Full => return Ok(()),
                Ended::Input => self.one()?,
            };
            if ended {
                self.end_block();
                return Ok(());
            }
        }
        Ok(())
    }

    /// One literal or match; whether it was the end of the block instead.
    fn one(&mut self) -> io::Result<bool> {
        let entry = self.symbol(|this| this.litlen.find(this.bits, LITLEN_BITS))?;
        if entry.is_end() {
            return Ok(true);
        }
        if let Some(literal) = entry.literal() {
            self.window[self.at] = literal;
            self.at += 1;
            return Ok(false);
        }
        let length = entry.value() + self.bits(entry.extra())?;
        let entry = self.symbol(|this| this.distance.find(this.bits, DISTANCE_BITS))?;
        let distance = entry.value() + self.bits(entry.extra())?;
        let from = self.at.checked_sub(distance).ok_or_else(fast::too_far)?;
        for step in 0..length {
            self.window[self.at + step] = self.window[from + step];
        }
        self.at += length;
        Ok(false)
    }

    /// The next symbol, by the table that `find` looks in.
    fn symbol(&mut self, find: impl Fn(&Self) -> io::Result<Option<Entry>>) -> io::Result<Entry> {
        loop {
            if let Some(entry) = find(self)? {
                self.bits.skip(entry.bits());
                return Ok(entry);
            }
            if !self.read_byte()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

#[cfg(test)]
mod tests;
