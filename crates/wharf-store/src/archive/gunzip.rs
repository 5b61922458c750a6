//! gzip as a stream: members one after the other, each with its checksum and size. Source: RFC 1952.
//!
//! What follows the members and is none is passed over, as gzip, dpkg and node do it: some published archives are padded with zeros to
//! a tape's block. Invariant: the end is only reported when every member was what its trailer says; after an error there are only errors.

use std::io::{self, BufRead, Read};

use super::inflate::{Inflate, broken};

/// Bits of a header's flags: a checksum of the header, more fields, a name, a comment.
const HEADER_CHECKSUM: usize = 1 << 1;
const EXTRA: usize = 1 << 2;
const NAME: usize = 1 << 3;
const COMMENT: usize = 1 << 4;
const RESERVED: usize = 0xe0;

/// A gzip being unpacked.
pub(crate) struct Gunzip<R> {
    inflate: Inflate<R>,
    place: Place,
    checksum: crc32fast::Hasher,
    /// Bytes of the member so far, as its trailer counts them.
    size: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Header,
    Body,
    End,
    Broken,
}

impl<R: BufRead> Gunzip<R> {
    pub(crate) fn new(packed: R) -> Self {
        Self {
            inflate: Inflate::new(packed),
            place: Place::Header,
            checksum: crc32fast::Hasher::new(),
            size: 0,
        }
    }

    /// Goes on until there is something to read, or nothing is left.
    fn advance(&mut self) -> io::Result<()> {
        loop {
            match self.place {
                Place::Header => {
                    self.header()?;
                    self.inflate.again();
                    self.place = Place::Body;
                }
                Place::Body if self.inflate.has_chunk() => return Ok(()),
                Place::Body => {
                    let chunk = self.inflate.chunk()?;
                    self.checksum.update(chunk);
                    self.size = self.size.wrapping_add(chunk.len() as u32);
                    if chunk.is_empty() {
                        self.trailer()?;
                    }
                }
                Place::End => return Ok(()),
                Place::Broken => return Err(broken("it was broken before")),
            }
        }
    }

    fn header(&mut self) -> io::Result<()> {
        let inflate = &mut self.inflate;
        let is_known = (inflate.bits(8)?, inflate.bits(8)?, inflate.bits(8)?) == (0x1f, 0x8b, 8);
        let flags = inflate.bits(8)?;
        if !is_known || flags & RESERVED != 0 {
            return Err(broken("a gzip's header is damaged"));
        }
        inflate.bits(32)?; // the time
        inflate.bits(16)?; // how well, and where it was packed
        if flags & EXTRA != 0 {
            for _ in 0..inflate.bits(16)? {
                inflate.bits(8)?;
            }
        }
        for text in [NAME, COMMENT] {
            while flags & text != 0 && inflate.bits(8)? != 0 {}
        }
        if flags & HEADER_CHECKSUM != 0 {
            inflate.bits(16)?;
        }
        Ok(())
    }

    fn trailer(&mut self) -> io::Result<()> {
        self.inflate.align();
        let told = (self.inflate.bits(32)?, self.inflate.bits(32)?);
        let checksum = std::mem::take(&mut self.checksum).finalize();
        let size = std::mem::take(&mut self.size);
        if told != (checksum as usize, size as usize) {
            return Err(broken("a gzip's checksum is another than that of what it has"));
        }
        self.place = Place::Header;
        if self.inflate.peek()? != Some(0x1f) {
            self.inflate.drain()?;
            self.place = Place::End;
        }
        Ok(())
    }
}

impl<R: BufRead> BufRead for Gunzip<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if let Err(error) = self.advance() {
            self.place = Place::Broken;
            return Err(error);
        }
        match self.place {
            Place::End => Ok(&[]),
            _ => self.inflate.chunk(),
        }
    }

    fn consume(&mut self, count: usize) {
        self.inflate.used(count);
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let chunk = self.fill_buf()?;
        let count = chunk.len().min(into.len());
        into[..count].copy_from_slice(&chunk[..count]);
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    /// A source that gives so many bytes at a time.
    struct Slowly<'a>(&'a [u8], usize);

    impl Read for Slowly<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = self.fill_buf()?.read(into)?;
            self.consume(count);
            Ok(count)
        }
    }

    impl BufRead for Slowly<'_> {
        fn fill_buf(&mut self) -> io::Result<&[u8]> {
            Ok(&self.0[..self.0.len().min(self.1)])
        }

        fn consume(&mut self, count: usize) {
            self.0 = &self.0[count..];
        }
    }

    /// A source of which every second call is interrupted.
    struct Interrupted<'a>(&'a [u8], bool);

    impl Read for Interrupted<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            match self.1 {
                true => Err(io::ErrorKind::Interrupted.into()),
                false => self.0.read(into),
            }
        }
    }

    fn gunzip(packed: &[u8], at_once: usize) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Gunzip::new(Slowly(packed, at_once)).read_to_end(&mut out)?;
        Ok(out)
    }

    fn gzip(bytes: &[u8], level: u32) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Text in which matches lie near and far, and bytes that nothing packs.
    fn content(size: usize, seed: u64) -> Vec<u8> {
        let mut state = seed | 1;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let mut out: Vec<u8> = Vec::with_capacity(size + 300);
        while out.len() < size {
            match next() % 4 {
                0 => out.extend(next().to_le_bytes()),
                1 => out.extend(b"function (module, exports) { return "),
                2 => out.extend(vec![b'x'; (next() % 300) as usize]),
                _ if out.is_empty() => {}
                _ => {
                    let back = 1 + (next() as usize % out.len().min(40_000));
                    let from = out.len() - back;
                    for step in 0..(3 + next() as usize % 290) {
                        out.push(out[from + step]);
                    }
                }
            }
        }
        out.truncate(size);
        out
    }

    #[test]
    fn what_was_packed_comes_out() {
        for size in [0, 1, 1000, 70_000, 1 << 20] {
            for level in [0, 1, 6, 9] {
                let bytes = content(size, size as u64 + 7);
                let packed = gzip(&bytes, level);
                for at_once in [7, 40, 4096, usize::MAX] {
                    assert_eq!(
                        gunzip(&packed, at_once).unwrap(),
                        bytes,
                        "{size} {level} {at_once}"
                    );
                }
            }
        }
    }

    #[test]
    fn members_and_what_follows_them() {
        let both = [gzip(b"one", 6), gzip(b"two", 0)].concat();
        let check = |packed: &[u8], expected: Option<&[u8]>| {
            for at_once in [1, usize::MAX] {
                assert_eq!(gunzip(packed, at_once).ok().as_deref(), expected);
            }
        };
        check(&both, Some(b"onetwo"));
        check(&[&both[..], &[0; 512]].concat(), Some(b"onetwo"));
        check(&[&both[..], b"\x1f\x8b\x08"].concat(), None);
        check(&[&both[..], b"\x1f and so on, at length"].concat(), None);
        let mut named = both.clone();
        named[3] = (HEADER_CHECKSUM | EXTRA | NAME | COMMENT) as u8;
        let rest = named.split_off(10);
        named.extend(b"\x02\0??name\0a comment\0??");
        named.extend(rest);
        check(&named, Some(b"onetwo"));
    }

    #[test]
    fn damage_is_told() {
        let packed = gzip(&content(5000, 3), 6);
        let error = |packed: &[u8]| gunzip(packed, usize::MAX).unwrap_err();
        for length in 0..packed.len() {
            assert_eq!(
                error(&packed[..length]).kind(),
                io::ErrorKind::UnexpectedEof,
                "{length}"
            );
        }
        for trailer in 1..=8 {
            let mut packed = packed.clone();
            let at = packed.len() - trailer;
            packed[at] ^= 1;
            assert!(error(&packed).to_string().contains("checksum"));
        }
        // The first symbol of a block with fixed codes is a match of three bytes, one byte back; read one by one, and by the fast loop.
        for after in [4, 400] {
            let mut packed = gzip(b"", 6)[..10].to_vec();
            packed.extend([0b011, 0b10]);
            packed.extend(vec![0; after]);
            let error = error(&packed);
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
            assert!(error.to_string().contains("before everything"), "{error}");
        }
    }

    #[test]
    fn a_call_that_was_interrupted_is_made_again() {
        for level in [0, 6] {
            let bytes = content(50_000, 11);
            let packed = [gzip(&bytes, level), gzip(b"more", level), vec![0; 500]].concat();
            for at_once in [1, 100] {
                let source = io::BufReader::with_capacity(at_once, Interrupted(&packed, false));
                let mut out = Vec::new();
                Gunzip::new(source).read_to_end(&mut out).unwrap();
                assert!(out == [&bytes[..], b"more"].concat());
            }
        }
    }

    #[test]
    fn an_error_stays() {
        let mut packed = gzip(&content(300_000, 5), 6);
        let middle = packed.len() / 2;
        packed[middle..middle + 50].fill(0xff);
        let mut gunzip = Gunzip::new(&packed[..]);
        let mut buffer = vec![0; 1 << 20];
        let mut read = || loop {
            match gunzip.read(&mut buffer) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        };
        assert!(!read());
        assert!(!read());
    }

    proptest! {
        #[test]
        fn anything_is_unpacked_or_refused_as_another_decoder_has_it(
            size in 0usize..40_000, seed: u64, level in 0u32..=9, flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 0..3), at_once in 1usize..5000,
        ) {
            let mut packed = gzip(&content(size, seed), level);
            for (index, bit) in flips {
                let at = index.index(packed.len());
                packed[at] ^= 1 << bit;
            }
            let ours = gunzip(&packed, at_once);
            let mut theirs = Vec::new();
            let outcome = flate2::bufread::GzDecoder::new(&packed[..]).read_to_end(&mut theirs);
            prop_assert_eq!(ours.is_ok(), outcome.is_ok(), "{:?} {:?}", ours.err(), outcome);
            if let Ok(ours) = ours {
                prop_assert_eq!(ours, theirs);
            }
        }
    }
}
