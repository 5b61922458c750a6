//! The contents of one zip entry, checked against its local header, its declared size and its checksum.
//! Invariant: a caller that got all of an entry without an error got exactly the bytes that were packed.

use std::io::{self, BufRead, Read};

use super::{Cursor, DESCRIPTOR, ENCRYPTED, LOCAL, Method, Source, UTF8, ZipEntry};
use crate::archive::inflate::Inflate;
use crate::archive::{Refusal, Trouble};

/// Up to this size an entry is unpacked in memory at one go by libdeflate, which needs all of input and output at
/// hand. Larger ones stream: what is written has to come from the processor's cache, for from memory the copy into the
/// kernel costs what unpacking does (146 wheels, 930 MB: 0.4 to 0.7 of 4.2 s of CPU, and half of the memory).
pub(crate) const WHOLE: u64 = 1 << 20;

/// Room that is used again for entry after entry, so that its pages stay mapped.
#[derive(Default)]
pub(crate) struct Scratch {
    packed: Vec<u8>,
    unpacked: Vec<u8>,
    inflater: Option<libdeflater::Decompressor>,
    /// For what is not unpacked at one go.
    streaming: Option<Inflate<io::Empty>>,
}

impl Scratch {
    /// All of an entry no larger than [`WHOLE`].
    pub(crate) fn whole<S: Source + ?Sized>(
        &mut self,
        source: &S,
        entry: &ZipEntry,
    ) -> Result<&[u8], Trouble> {
        let refuse = Trouble::entry(entry.path.as_str());
        debug_assert!(is_whole(entry), "the caller chooses by size");
        let packed = self.packed(source, entry)?;
        let range = packed.start..packed.start + packed.length;
        let size = entry.size as usize;
        let bytes: &[u8] = match entry.method {
            Method::Stored => &self.packed[range],
            Method::Deflate => {
                let Self {
                    packed,
                    unpacked,
                    inflater,
                    ..
                } = self;
                reserve(unpacked, size);
                let inflater = inflater.get_or_insert_with(libdeflater::Decompressor::new);
                let count = inflater
                    .deflate_decompress(&packed[range], &mut unpacked[..size])
                    .map_err(|error| refuse(deflate_refusal(error)))?;
                if count != size {
                    return Err(refuse(Refusal::Size));
                }
                &unpacked[..size]
            }
            Method::Bzip2 => exactly(&mut self.unpacked, bzip2(&self.packed[range]), entry)?,
            Method::Zstd => exactly(&mut self.unpacked, zstd(&self.packed[range])?, entry)?,
        };
        if libdeflater::crc32(bytes) != entry.checksum {
            return Err(refuse(Refusal::Checksum));
        }
        Ok(bytes)
    }

    /// Hands all of an entry of any size to `take`, piece by piece.
    pub(crate) fn read_to<S: Source + ?Sized>(
        &mut self,
        source: &S,
        entry: &ZipEntry,
        take: &mut dyn FnMut(&[u8]) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        if is_whole(entry) {
            return take(self.whole(source, entry)?);
        }
        self.streamed(source, entry, take)
    }

    fn streamed<S: Source + ?Sized>(
        &mut self,
        source: &S,
        entry: &ZipEntry,
        take: &mut dyn FnMut(&[u8]) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        let start = entry.offset + self.header(source, entry)?;
        let section = Section {
            source,
            at: start,
            end: start + entry.packed,
        };
        let packed = io::BufReader::with_capacity(128 * 1024, section);
        let mut tally = Tally {
            entry,
            checksum: libdeflater::Crc::new(),
            size: 0,
            take,
        };
        match entry.method {
            Method::Deflate => {
                let streaming = self.streaming.take().unwrap_or_else(|| Inflate::new(io::empty()));
                let mut inflate = streaming.over(packed);
                let outcome = inflate_all(&mut inflate, &mut tally);
                self.streaming = Some(inflate.over(io::empty()));
                outcome?;
            }
            Method::Stored => read_all(packed, &mut self.unpacked, &mut tally)?,
            Method::Bzip2 => read_all(bzip2(packed), &mut self.unpacked, &mut tally)?,
            Method::Zstd => read_all(zstd(packed)?, &mut self.unpacked, &mut tally)?,
        }
        tally.finish()
    }

    /// Reads local header and packed bytes, in one call where the header has no more extra bytes than usual.
    fn packed<S: Source + ?Sized>(&mut self, source: &S, entry: &ZipEntry) -> Result<Packed, Trouble> {
        let length = entry.packed as usize;
        let guess = (30 + entry.raw_name.len() + 64 + length).min((entry.end - entry.offset) as usize);
        reserve(&mut self.packed, guess);
        source
            .read_at(&mut self.packed[..guess], entry.offset)
            .map_err(cut(entry))?;
        let start = check_header(&self.packed[..guess], entry)?;
        if start + length > guess {
            let missing = start + length;
            if missing as u64 > entry.end - entry.offset {
                return Err(overlap(entry));
            }
            reserve(&mut self.packed, missing);
            source
                .read_at(&mut self.packed[..missing], entry.offset)
                .map_err(cut(entry))?;
        }
        Ok(Packed { start, length })
    }

    /// The length of the local header.
    fn header<S: Source + ?Sized>(&mut self, source: &S, entry: &ZipEntry) -> Result<u64, Trouble> {
        let length = 30 + entry.raw_name.len();
        reserve(&mut self.packed, length);
        source
            .read_at(&mut self.packed[..length], entry.offset)
            .map_err(cut(entry))?;
        let start = check_header(&self.packed[..length], entry)? as u64;
        if start + entry.packed > entry.end - entry.offset {
            return Err(overlap(entry));
        }
        Ok(start)
    }
}

/// What came of an entry, on its way to whoever takes it.
struct Tally<'a> {
    entry: &'a ZipEntry,
    checksum: libdeflater::Crc,
    size: u64,
    take: &'a mut dyn FnMut(&[u8]) -> Result<(), Trouble>,
}

impl Tally<'_> {
    fn add(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        self.size += bytes.len() as u64;
        if self.size > self.entry.size {
            return Err(self.refused(Refusal::Size));
        }
        self.checksum.update(bytes);
        (self.take)(bytes)
    }

    fn finish(self) -> Result<(), Trouble> {
        if self.size != self.entry.size {
            return Err(self.refused(Refusal::Size));
        }
        if self.checksum.sum() != self.entry.checksum {
            return Err(self.refused(Refusal::Checksum));
        }
        Ok(())
    }

    fn refused(&self, reason: Refusal) -> Trouble {
        Trouble::entry(self.entry.path.as_str())(reason)
    }

    fn damaged(&self, error: io::Error) -> Trouble {
        Trouble::decoding(self.entry.path.as_str(), error)
    }
}

/// Unpacks without a copy.
fn inflate_all(inflate: &mut Inflate<impl BufRead>, tally: &mut Tally<'_>) -> Result<(), Trouble> {
    loop {
        let chunk = inflate.chunk().map_err(|error| tally.damaged(error))?;
        if chunk.is_empty() {
            return Ok(());
        }
        tally.add(chunk)?;
        let count = chunk.len();
        inflate.used(count);
    }
}

/// Unpacks through a buffer.
fn read_all(mut reader: impl Read, buffer: &mut Vec<u8>, tally: &mut Tally<'_>) -> Result<(), Trouble> {
    reserve(buffer, 256 * 1024);
    loop {
        match reader.read(buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => tally.add(&buffer[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(tally.damaged(error)),
        }
    }
}

/// Whether [`Scratch::whole`] takes this entry.
pub(crate) fn is_whole(entry: &ZipEntry) -> bool {
    entry.size <= WHOLE && entry.packed <= WHOLE
}

struct Packed {
    start: usize,
    length: usize,
}

/// Grows to at least `size`, and never shrinks: only what is new is zeroed.
fn reserve(buffer: &mut Vec<u8>, size: usize) {
    if buffer.len() < size {
        buffer.resize(size.next_power_of_two(), 0);
    }
}

fn cut(entry: &ZipEntry) -> impl Fn(io::Error) -> Trouble {
    |error| Trouble::decoding(entry.path.as_str(), error)
}

fn overlap(entry: &ZipEntry) -> Trouble {
    Trouble::entry(entry.path.as_str())(Refusal::Malformed("it overlaps another entry"))
}

fn deflate_refusal(error: libdeflater::DecompressionError) -> Refusal {
    match error {
        libdeflater::DecompressionError::BadData => Refusal::Damaged("not a deflate stream".to_owned()),
        libdeflater::DecompressionError::InsufficientSpace => Refusal::Size,
    }
}

/// Holds the local header against the directory; gives the header's length.
fn check_header(bytes: &[u8], entry: &ZipEntry) -> Result<usize, Trouble> {
    let refuse = Trouble::entry(entry.path.as_str());
    let differs = || Refusal::Malformed("its local header contradicts the directory");
    let judge = || -> Result<usize, Refusal> {
        let mut cursor = Cursor { bytes, at: 0 };
        let magic = cursor.u32()?;
        cursor.take(2)?; // version needed
        let (flags, method) = (cursor.u16()?, cursor.u16()?);
        cursor.take(4)?; // time and date
        let checksum = cursor.u32()?;
        let (packed, size) = (cursor.u32()?, cursor.u32()?);
        let (name_length, extra_length) = (cursor.u16()?, cursor.u16()?);
        let name = cursor.take(name_length.into())?;
        let same_method = match entry.method {
            Method::Stored => method == 0,
            Method::Deflate => method == 8,
            Method::Bzip2 => method == 12,
            Method::Zstd => method == 93,
        };
        if magic != LOCAL
            || !same_method
            || *name != *entry.raw_name
            || (flags ^ entry.flags) & (ENCRYPTED | UTF8) != 0
        {
            return Err(differs());
        }
        // Saturated sizes are in a zip64 field; with a descriptor they come after the data, and zeros stand here.
        let fits = |small: u32, large: u64| {
            u64::from(small) == large || small == u32::MAX || (flags & DESCRIPTOR != 0 && small == 0)
        };
        let same_checksum = checksum == entry.checksum || (flags & DESCRIPTOR != 0 && checksum == 0);
        if !fits(packed, entry.packed) || !fits(size, entry.size) || !same_checksum {
            return Err(differs());
        }
        Ok(30 + usize::from(name_length) + usize::from(extra_length))
    };
    judge().map_err(refuse)
}

/// Unpacks into a buffer all of an entry, and makes sure that there is no more of it.
fn exactly<'b>(
    buffer: &'b mut Vec<u8>,
    mut reader: impl Read,
    entry: &ZipEntry,
) -> Result<&'b [u8], Trouble> {
    let damaged = |error| Trouble::decoding(entry.path.as_str(), error);
    let size = entry.size as usize;
    reserve(buffer, size);
    reader.read_exact(&mut buffer[..size]).map_err(damaged)?;
    match reader.read(&mut [0]).map_err(damaged)? {
        0 => Ok(&buffer[..size]),
        _ => Err(Trouble::entry(entry.path.as_str())(Refusal::Size)),
    }
}

fn bzip2<R: BufRead>(packed: R) -> bzip2::bufread::BzDecoder<R> {
    bzip2::bufread::BzDecoder::new(packed)
}

fn zstd<'a, R: BufRead>(packed: R) -> io::Result<zstd::stream::read::Decoder<'a, R>> {
    zstd::stream::read::Decoder::with_buffer(packed)
}

/// A range of a source as a stream.
struct Section<'a, S: Source + ?Sized> {
    source: &'a S,
    at: u64,
    end: u64,
}

impl<S: Source + ?Sized> Read for Section<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer
            .len()
            .min(usize::try_from(self.end - self.at).unwrap_or(usize::MAX));
        self.source.read_at(&mut buffer[..count], self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::CompressionMethod::{Deflated, Stored};

    use super::*;
    use crate::archive::Limits;

    /// Two entries, both packed so: one that refers to its beginning from afar, and one that refers to what came just before.
    fn archive(method: zip::CompressionMethod) -> (Vec<u8>, [Vec<u8>; 2]) {
        let noise = |count: u32| (0..count).map(|at| (at.wrapping_mul(2_654_435_761) >> 21) as u8);
        let contents = [noise(300_000).chain(noise(30_000)).collect(), vec![b'x'; 200_000]];
        let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        for (number, content) in contents.iter().enumerate() {
            writer.start_file(number.to_string(), options).unwrap();
            writer.write_all(content).unwrap();
        }
        (writer.finish().unwrap().into_inner(), contents)
    }

    /// One entry as those are unpacked that do not fit in memory.
    fn streamed(scratch: &mut Scratch, bytes: &[u8], entry: &ZipEntry) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        let taken = scratch.streamed(bytes, entry, &mut |piece| {
            out.extend_from_slice(piece);
            Ok(())
        });
        taken
            .map(|()| out)
            .map_err(|trouble| trouble.of("z".as_ref()).to_string())
    }

    #[test]
    fn entries_share_the_memory_that_they_are_unpacked_in_and_nothing_else() {
        for method in [Stored, Deflated] {
            let (mut bytes, contents) = archive(method);
            let entries = super::super::read(&bytes[..], &Limits::default()).unwrap();
            let mut scratch = Scratch::default();
            for (entry, content) in entries.iter().zip(&contents).chain(entries.iter().zip(&contents)) {
                assert!(streamed(&mut scratch, &bytes, entry).unwrap() == *content);
            }
            // A damaged one, and then one that is not.
            let middle = usize::try_from(entries[0].offset + entries[0].packed / 2).unwrap();
            bytes[middle..middle + 40].fill(0xff);
            streamed(&mut scratch, &bytes, &entries[0]).unwrap_err();
            assert!(streamed(&mut scratch, &bytes, &entries[1]).unwrap() == contents[1]);
        }
    }

    /// An archive with one entry in a form that the crate behind these tests does not write: of `content`, and packed so.
    fn packed_as(method: Method, content: &[u8], packed: &[u8]) -> (Vec<u8>, ZipEntry) {
        let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default().compression_method(Stored);
        writer.start_file("x", options).unwrap();
        writer.write_all(packed).unwrap();
        let mut bytes = writer.finish().unwrap().into_inner();
        let mut entry = super::super::read(&bytes[..], &Limits::default())
            .unwrap()
            .remove(0);
        (entry.method, entry.size) = (method, content.len() as u64);
        entry.checksum = libdeflater::crc32(content);
        let number = match method {
            Method::Stored => 0,
            Method::Deflate => 8,
            Method::Bzip2 => 12,
            Method::Zstd => 93,
        };
        let header = &mut bytes[usize::try_from(entry.offset).unwrap()..][..30];
        header[8] = number;
        header[14..18].copy_from_slice(&entry.checksum.to_le_bytes());
        header[22..26].copy_from_slice(&u32::try_from(entry.size).unwrap().to_le_bytes());
        (bytes, entry)
    }

    #[test]
    fn every_method_is_unpacked_by_its_own_decoder_at_one_go_and_as_a_stream() {
        let content: Vec<u8> = (0..700_000u32).map(|at| (at / 7 % 251) as u8).collect();
        let deflated = {
            let mut out = vec![0; 2 * content.len()];
            let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::fastest());
            let length = compressor.deflate_compress(&content, &mut out).unwrap();
            out.truncate(length);
            out
        };
        let bzipped = {
            let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            writer.write_all(&content).unwrap();
            writer.finish().unwrap()
        };
        let zstandard = zstd::encode_all(&content[..], 1).unwrap();
        for (method, packed) in [
            (Method::Stored, &content),
            (Method::Deflate, &deflated),
            (Method::Bzip2, &bzipped),
            (Method::Zstd, &zstandard),
        ] {
            let (bytes, entry) = packed_as(method, &content, packed);
            let mut scratch = Scratch::default();
            for _ in 0..2 {
                let whole = scratch
                    .whole(&bytes[..], &entry)
                    .map_err(|trouble| trouble.of("z".as_ref()).to_string());
                assert!(whole.unwrap() == content, "{method:?}");
                assert!(
                    streamed(&mut scratch, &bytes, &entry).unwrap() == content,
                    "{method:?}"
                );
            }
            if method == Method::Stored {
                continue; // as many bytes as it has
            }
            let longer = [&content[..], b"x"].concat();
            for declared in [&content[..content.len() - 1], &longer] {
                let (bytes, entry) = packed_as(method, declared, packed);
                let whole = scratch.whole(&bytes[..], &entry).map(drop);
                let whole = whole.unwrap_err().of("z".as_ref()).to_string();
                let streamed = streamed(&mut scratch, &bytes, &entry).unwrap_err();
                let is_shorter = declared.len() < content.len();
                for refused in [whole, streamed] {
                    assert!(
                        !is_shorter || refused.contains("size it declares"),
                        "{method:?}: {refused}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_not_as_declared_is_refused() {
        let (bytes, _) = archive(Deflated);
        let check = |change: fn(&mut ZipEntry), reason: &str| {
            let mut entry = super::super::read(&bytes[..], &Limits::default())
                .unwrap()
                .remove(0);
            change(&mut entry);
            // The local header would contradict it first.
            let start = usize::try_from(entry.offset).unwrap();
            let mut bytes = bytes.clone();
            let numbers = [u64::from(entry.checksum), entry.packed, entry.size];
            for (number, field) in numbers
                .into_iter()
                .zip(bytes[start + 14..start + 26].chunks_mut(4))
            {
                field.copy_from_slice(&u32::try_from(number).unwrap().to_le_bytes());
            }
            let mut scratch = Scratch::default();
            for refused in [
                streamed(&mut scratch, &bytes, &entry).unwrap_err(),
                streamed(&mut scratch, &bytes, &entry).unwrap_err(),
            ] {
                assert!(refused.contains(reason), "{refused}");
            }
        };
        check(|entry| entry.size -= 1, "size it declares");
        check(|entry| entry.size += 1, "size it declares");
        check(|entry| entry.checksum ^= 1, "checksum");
        check(|entry| entry.packed /= 2, "truncated");
    }
}
