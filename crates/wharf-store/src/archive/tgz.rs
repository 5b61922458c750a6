//! Reads the tars that npm and cargo pack, from memory or from a stream, without copying what is in memory.
//!
//! As npm does, the first part of every path is dropped, whatever it is, and links are passed over; in a crate, that part
//! has to be its name and version, and links are refused ([`Form`]). Everything that [`super::tar`] refuses is refused. Sources: POSIX.1-2001 ustar and pax, GNU tar's long names and base-256 numbers.
//! Invariant: what comes out are regular files, each path once, within the limits.

use std::io::Read;

use wharf_core::SafePath;

use super::names::Names;
use super::{Limits, Refusal, Trouble};

const BLOCK: usize = 512;
type Block = [u8; BLOCK];

/// Bytes of headers between two files' contents: the same bound that streams of other tars have.
const MAX_HEADERS: u64 = 1 << 20;

/// Whose archive it is: what is taken out of it, and what is refused.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form<'a> {
    /// npm's: any top folder, or several; links are passed over.
    Npm,
    /// A crate: everything is below one folder of this name, and there are no links. What cargo itself puts into
    /// unpacked crates is passed over.
    Crate(&'a str),
}

/// Where blocks come from.
pub(crate) trait Feed {
    /// The next block; `false` at an end between blocks.
    fn block(&mut self, into: &mut Block) -> Result<bool, Trouble>;
    /// Bytes of a long name or of a pax record.
    fn text(&mut self, size: usize) -> Result<Vec<u8>, Trouble>;
    /// Passes over bytes.
    fn skip(&mut self, size: u64) -> Result<(), Trouble>;
}

/// A file of an archive, before its contents.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) path: SafePath,
    pub(crate) executable: bool,
    pub(crate) size: u64,
    /// Whether the path came before: then this one counts.
    pub(crate) again: bool,
}

/// How the archive ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With the block of zeros that marks it.
    Marked,
    /// The bytes were over.
    Unmarked,
}

/// The walk over an archive's headers.
pub(crate) struct Walk<'a> {
    limits: &'a Limits,
    form: Form<'a>,
    names: Names,
    headers: u64,
    total: u64,
    packed: u64,
}

/// What headers say about the entry after them.
#[derive(Default)]
struct Told {
    path: Option<Vec<u8>>,
    size: Option<u64>,
}

enum Kind {
    File,
    Folder,
    Link,
    Pax,
    GlobalPax,
    LongName,
    LongLink,
}

impl<'a> Walk<'a> {
    /// `packed` is the archive's size in bytes, for the ratio.
    pub(crate) fn new(limits: &'a Limits, form: Form<'a>, packed: u64) -> Self {
        Self {
            limits,
            form,
            names: Names::default(),
            headers: 0,
            total: 0,
            packed,
        }
    }

    /// The next file. The caller takes its contents, and the padding after them, from the feed.
    pub(crate) fn next(&mut self, feed: &mut impl Feed) -> Result<Result<Member, End>, Trouble> {
        let mut told = Told::default();
        let mut block = [0; BLOCK];
        loop {
            if !feed.block(&mut block)? {
                return Ok(Err(End::Unmarked));
            }
            if block.iter().all(|byte| *byte == 0) {
                return Ok(Err(End::Marked));
            }
            self.count_header(BLOCK as u64)?;
            check_sum(&block)?;
            let mut size = number(&block[124..136])?;
            match kind(&block, told.path.is_some())? {
                Kind::Pax => {
                    let text = self.text(feed, size)?;
                    told.read(&text)?;
                }
                Kind::LongName => {
                    let mut text = self.text(feed, size)?;
                    text.truncate(text.iter().position(|byte| *byte == 0).unwrap_or(text.len()));
                    told.path = Some(text);
                }
                Kind::GlobalPax | Kind::LongLink => {
                    self.text(feed, size)?;
                }
                Kind::Folder => {
                    let path = told.path.take().unwrap_or_else(|| path_of(&block));
                    // Some tools write the size of the folder's own inode; a folder has no contents.
                    told = Told::default();
                    if let Some(path) = self.stripped(path)? {
                        self.names
                            .folder(&path, self.limits)
                            .map_err(Trouble::entry(path.as_str()))?;
                    }
                }
                Kind::Link if matches!(self.form, Form::Crate(_)) => {
                    let path = told.path.unwrap_or_else(|| path_of(&block));
                    return Err(Trouble::entry(&String::from_utf8_lossy(&path))(Refusal::Link));
                }
                Kind::Link => {
                    size = told.size.unwrap_or(size);
                    told = Told::default();
                    self.count(size)?;
                    feed.skip(padded(size)?)?;
                }
                Kind::File => {
                    let path = told.path.take().unwrap_or_else(|| path_of(&block));
                    size = told.size.unwrap_or(size);
                    told = Told::default();
                    self.count(size)?;
                    match self.stripped(path)?.filter(|path| !self.passes_over(path)) {
                        Some(path) => return self.file(path, &block, size).map(Ok),
                        None => feed.skip(padded(size)?)?,
                    }
                }
            }
        }
    }

    fn file(&mut self, path: SafePath, block: &Block, size: u64) -> Result<Member, Trouble> {
        let limit = self.limits.max_file_bytes;
        // Published archives have both: a path twice (the last one counts, as npm has it), and names that differ only in case. A
        // file system on which that loses a file says so when the second is created.
        let (named, again) = match self.names.file(&path, self.limits) {
            Err(Refusal::Duplicate) => (Ok(()), true),
            Err(Refusal::CaseCollision(_)) => (Ok(()), false),
            other => (other, false),
        };
        let allowed = match size > limit {
            true => named.and(Err(Refusal::TooLarge { limit })),
            false => named,
        };
        allowed.map_err(Trouble::entry(path.as_str()))?;
        self.headers = 0;
        // A mode that is no number is no reason to refuse: nobody is executable by it.
        let executable = number(&block[100..108]).is_ok_and(|mode| mode & 0o111 != 0);
        Ok(Member {
            path,
            executable,
            size,
            again,
        })
    }

    /// The path without its first part; `None` where nothing is left.
    fn stripped(&self, raw: Vec<u8>) -> Result<Option<SafePath>, Trouble> {
        let text = String::from_utf8(raw)
            .map_err(|error| Trouble::entry(&String::from_utf8_lossy(error.as_bytes()))(Refusal::NotText))?;
        if text.split('/').all(|part| part.is_empty() || part == ".") && !text.starts_with('/') {
            return Ok(None); // the root itself
        }
        let refuse = Trouble::entry(&text);
        let path = SafePath::new(&text).map_err(|error| refuse(error.into()))?;
        let (top, rest) = match path.as_str().split_once('/') {
            Some((top, rest)) => (top, Some(rest)),
            None => (path.as_str(), None),
        };
        if let Form::Crate(wanted) = self.form
            && top != wanted
        {
            return Err(refuse(Refusal::Outside(wanted.to_owned())));
        }
        rest.map(|rest| SafePath::new(rest).map_err(|error| refuse(error.into())))
            .transpose()
    }

    /// Whether cargo writes this file itself, next to what it unpacks.
    fn passes_over(&self, path: &SafePath) -> bool {
        matches!(self.form, Form::Crate(_))
            && (path.file_name() == ".cargo-ok" || path.as_str() == ".cargo-checksum.json")
    }

    fn text(&mut self, feed: &mut impl Feed, size: u64) -> Result<Vec<u8>, Trouble> {
        self.count_header(padded(size)?)?;
        let text = feed.text(size as usize)?;
        feed.skip(padded(size)? - size)?;
        Ok(text)
    }

    fn count_header(&mut self, size: u64) -> Result<(), Trouble> {
        self.headers += size;
        if self.headers > MAX_HEADERS {
            return Err(Refusal::Malformed("its headers are too long").into());
        }
        Ok(())
    }

    fn count(&mut self, size: u64) -> Result<(), Trouble> {
        self.total = self.total.saturating_add(size);
        Ok(self.limits.check_total(self.total, self.packed)?)
    }

    /// More of the archive has arrived than was known before.
    pub(crate) fn packed(&mut self, packed: u64) {
        self.packed = packed;
    }
}

impl Told {
    /// Takes pax records: `<length> <key>=<value>\n`, the length counting itself.
    fn read(&mut self, mut text: &[u8]) -> Result<(), Trouble> {
        let malformed = || Trouble::from(Refusal::Malformed("its extended header is damaged"));
        while !text.is_empty() {
            let space = text.iter().position(|byte| *byte == b' ').ok_or_else(malformed)?;
            let length: usize = decimal(&text[..space]).ok_or_else(malformed)?;
            let record = text.get(space + 1..length).ok_or_else(malformed)?;
            let record = record.strip_suffix(b"\n").ok_or_else(malformed)?;
            let equals = record
                .iter()
                .position(|byte| *byte == b'=')
                .ok_or_else(malformed)?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            match key {
                b"path" => self.path = Some(value.to_vec()),
                b"size" => self.size = Some(decimal(value).ok_or_else(malformed)? as u64),
                _ if key.starts_with(b"GNU.sparse") => {
                    return Err(Refusal::Special("a sparse file").into());
                }
                _ => {}
            }
            text = &text[length..];
        }
        Ok(())
    }
}

/// A size with the padding to a whole block.
pub(crate) fn padded(size: u64) -> Result<u64, Trouble> {
    size.checked_next_multiple_of(BLOCK as u64)
        .ok_or_else(|| Refusal::Malformed("one of its sizes is impossible").into())
}

fn decimal(digits: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(digits).ok()?;
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

fn check_sum(block: &Block) -> Result<(), Trouble> {
    // The field itself counts as eight blanks.
    let fields = || block[..148].iter().chain(&block[156..]);
    let blanks = 8 * u64::from(b' ');
    let told = number(&block[148..156])?;
    if told == blanks + fields().map(|byte| u64::from(*byte)).sum::<u64>() {
        return Ok(());
    }
    // Old tools summed signed bytes.
    let signed = fields().map(|byte| i64::from(*byte as i8)).sum::<i64>();
    if blanks.checked_add_signed(signed) == Some(told) {
        return Ok(());
    }
    Err(Refusal::Malformed("a header's checksum does not match").into())
}

/// An octal number between blanks, or base-256 where the first bit is set.
fn number(field: &[u8]) -> Result<u64, Trouble> {
    let malformed = || Trouble::from(Refusal::Malformed("a number in a header is damaged"));
    if field[0] & 0x80 != 0 {
        let (high, low) = field.split_at(field.len() - 8);
        let clean =
            high.iter().skip(1).all(|byte| *byte == 0) && high.first().is_none_or(|byte| *byte == 0x80);
        if !clean {
            return Err(malformed());
        }
        let low: [u8; 8] = low.try_into().expect("the last 8 bytes");
        let mut number = u64::from_be_bytes(low);
        if high.is_empty() {
            number &= u64::MAX >> 1;
        }
        return Ok(number);
    }
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    let digits = field[..end].trim_ascii();
    digits.iter().try_fold(0u64, |number, digit| match digit {
        b'0'..=b'7' => Ok(number << 3 | u64::from(digit - b'0')),
        _ => Err(malformed()),
    })
}

/// What an entry is. Where a long name came before it, the name in the header is that cut off, at a `/` as it may be.
fn kind(block: &Block, named: bool) -> Result<Kind, Trouble> {
    let special = |what| {
        Err(Trouble::entry(&String::from_utf8_lossy(&path_of(block)))(
            Refusal::Special(what),
        ))
    };
    match block[156] {
        0 | b'0' | b'7' if !named && names_a_folder(block) => Ok(Kind::Folder), // as the oldest tars have it
        0 | b'0' | b'7' => Ok(Kind::File),
        b'1' | b'2' => Ok(Kind::Link),
        b'5' => Ok(Kind::Folder),
        b'x' => Ok(Kind::Pax),
        b'g' => Ok(Kind::GlobalPax),
        b'L' => Ok(Kind::LongName),
        b'K' => Ok(Kind::LongLink),
        b'3' | b'4' => special("a device"),
        b'6' => special("a pipe"),
        b'S' => special("a sparse file"),
        _ => special("of an unknown type"),
    }
}

/// What a header says before the `/` and after it; nothing before it where it says all in one.
fn prefix_and_name(block: &Block) -> (&[u8], &[u8]) {
    let until_nul = |field: &[u8]| field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    let (name, prefix) = (&block[..100], &block[345..500]);
    let name = &name[..until_nul(name)];
    // GNU's own format has other things where ustar has the prefix.
    match &block[257..263] == b"ustar\0" {
        true => (&prefix[..until_nul(prefix)], name),
        false => (&[], name),
    }
}

fn path_of(block: &Block) -> Vec<u8> {
    match prefix_and_name(block) {
        ([], name) => name.to_vec(),
        (prefix, name) => [prefix, b"/", name].concat(),
    }
}

/// Whether the path ends with a `/`.
fn names_a_folder(block: &Block) -> bool {
    let (prefix, name) = prefix_and_name(block);
    name.last().map_or(!prefix.is_empty(), |last| *last == b'/')
}

/// A tar in memory.
pub(crate) struct Memory<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Memory<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// A file's contents, without a copy; the padding after them is passed over, as far as it is there.
    pub(crate) fn body(&mut self, size: u64) -> Result<&'a [u8], Trouble> {
        let end = usize::try_from(size)
            .ok()
            .and_then(|size| self.at.checked_add(size));
        let body = end
            .and_then(|end| self.bytes.get(self.at..end))
            .ok_or(Refusal::Truncated)?;
        self.at = (self.at + body.len())
            .next_multiple_of(BLOCK)
            .min(self.bytes.len());
        Ok(body)
    }
}

impl Feed for Memory<'_> {
    fn block(&mut self, into: &mut Block) -> Result<bool, Trouble> {
        let rest = &self.bytes[self.at..];
        if rest.is_empty() {
            return Ok(false);
        }
        *into = *rest.first_chunk().ok_or(Refusal::Truncated)?;
        self.at += BLOCK;
        Ok(true)
    }

    fn text(&mut self, size: usize) -> Result<Vec<u8>, Trouble> {
        let text = self.bytes[self.at..].get(..size).ok_or(Refusal::Truncated)?;
        self.at += size;
        Ok(text.to_vec())
    }

    fn skip(&mut self, size: u64) -> Result<(), Trouble> {
        let end = usize::try_from(size)
            .ok()
            .and_then(|size| self.at.checked_add(size));
        self.at = end
            .filter(|end| *end <= self.bytes.len())
            .ok_or(Refusal::Truncated)?;
        Ok(())
    }
}

/// A tar that is still coming.
pub(crate) struct Stream<R>(pub(crate) R);

impl<R: Read> Feed for Stream<R> {
    fn block(&mut self, into: &mut Block) -> Result<bool, Trouble> {
        let mut filled = 0;
        while filled < BLOCK {
            match self.0.read(&mut into[filled..]) {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => return Err(Refusal::Truncated.into()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Trouble::decoding("", error)),
            }
        }
        Ok(true)
    }

    fn text(&mut self, size: usize) -> Result<Vec<u8>, Trouble> {
        let mut text = vec![0; size];
        self.0
            .read_exact(&mut text)
            .map_err(|error| Trouble::decoding("", error))?;
        Ok(text)
    }

    fn skip(&mut self, size: u64) -> Result<(), Trouble> {
        let skipped = std::io::copy(&mut (&mut self.0).take(size), &mut std::io::sink())
            .map_err(|error| Trouble::decoding("", error))?;
        if skipped < size {
            return Err(Refusal::Truncated.into());
        }
        Ok(())
    }
}
