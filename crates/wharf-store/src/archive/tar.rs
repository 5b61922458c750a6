//! Reads tar archives, compressed or not.
//!
//! Invariant: the stream is read to its end, so that the compression's own checksum counts, and never further than
//! the limits allow. Sources: POSIX.1-2001 pax, GNU tar's long names (both through the `tar` crate).

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use rustc_hash::FxHashSet;
use tar::EntryType;
use wharf_core::SafePath;

use super::gunzip::Gunzip;
use super::names::Names;
use super::{ArchiveError, Compression, Limits, Refusal, Trouble, links, nameless, sniff, with_head};

/// Takes what a tar holds, in the tar's order.
pub(crate) trait Sink {
    fn file(
        &mut self,
        path: &SafePath,
        executable: bool,
        size: u64,
        body: &mut dyn Read,
    ) -> Result<(), Trouble>;
    fn folder(&mut self, path: &SafePath) -> Result<(), Trouble>;
    /// `target` came before, as a file.
    fn hard_link(&mut self, path: &SafePath, target: &SafePath) -> Result<(), Trouble>;
    /// All links, known to stay inside.
    fn links(&mut self, links: BTreeMap<SafePath, String>) -> Result<(), Trouble>;
}

/// Memory an xz or Zstandard stream may ask for: the largest that their command-line tools use by default.
pub(crate) const DECODER_MEMORY: u64 = 128 << 20;

/// Bytes between two files' contents, long names and pax records included: these are held in memory.
pub(crate) const MAX_HEADERS: u64 = 1 << 20;

/// The paths and sizes of a tar in memory, after unpacking and checking all of it.
///
/// # Errors
/// Where the archive is refused.
pub fn inspect(
    bytes: &[u8],
    compression: Compression,
    limits: &Limits,
) -> Result<Vec<(SafePath, u64)>, ArchiveError> {
    let mut listing = Listing::default();
    read(bytes, bytes.len() as u64, compression, limits, &mut listing)
        .map(|()| listing.0)
        .map_err(|trouble| trouble.of(nameless()))
}

/// Reads all of a tar into `sink`. `packed` is the archive's size in bytes.
pub(crate) fn read(
    archive: impl Read,
    packed: u64,
    compression: Compression,
    limits: &Limits,
    sink: &mut dyn Sink,
) -> Result<(), Trouble> {
    let (head, archive) = with_head(BufReader::with_capacity(128 * 1024, archive))?;
    check_label(&head, compression)?;
    let progress = Rc::new(Progress::default());
    let decoded = Metered {
        inner: decoder(archive, compression)?,
        packed: Rc::new(Cell::new(packed)),
        limits,
        progress: Rc::clone(&progress),
    };
    let mut tar = tar::Archive::new(decoded);
    tar.set_ignore_zeros(false);
    let explain = |entry: &str, error| {
        progress
            .refusal
            .take()
            .map_or_else(|| Trouble::decoding(entry, error), Trouble::from)
    };

    let (mut names, mut files, mut found) = (Names::default(), FxHashSet::default(), BTreeMap::new());
    let mut content_end = 0;
    let mut entries = tar.entries().map_err(|error| explain("", error))?;
    loop {
        progress.headers.set(Some(MAX_HEADERS));
        let Some(entry) = entries.next() else { break };
        let mut entry = entry.map_err(|error| explain("", error))?;
        let kind = entry.header().entry_type();
        if kind == EntryType::XGlobalHeader {
            continue;
        }
        content_end = (entry.raw_file_position() + entry.size()).next_multiple_of(512);
        let raw = entry.path_bytes().into_owned();
        let lossy = String::from_utf8_lossy(&raw).into_owned();
        let refuse = Trouble::entry(&lossy);
        let text = String::from_utf8(raw).map_err(|_| refuse(Refusal::NotText))?;
        if kind == EntryType::Directory
            && text.split('/').all(|part| part.is_empty() || part == ".")
            && !text.starts_with('/')
        {
            continue; // the root itself
        }
        let path = SafePath::new(&text).map_err(|error| refuse(error.into()))?;
        match kind {
            EntryType::Directory => {
                names.folder(&path, limits).map_err(&refuse)?;
                sink.folder(&path)?;
            }
            EntryType::Regular | EntryType::Continuous => {
                names.file(&path, limits).map_err(&refuse)?;
                let size = entry.size();
                if size > limits.max_file_bytes {
                    return Err(refuse(Refusal::TooLarge {
                        limit: limits.max_file_bytes,
                    }));
                }
                let executable = entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
                progress.headers.set(None);
                let mut body = Exact {
                    inner: &mut entry,
                    missing: size,
                };
                sink.file(&path, executable, size, &mut body).map_err(|trouble| {
                    match progress.refusal.take() {
                        Some(refusal) => refusal.into(),
                        None => trouble,
                    }
                })?;
                files.insert(path);
            }
            EntryType::Link => {
                names.file(&path, limits).map_err(&refuse)?;
                let target = link_target(&entry, &refuse)?;
                let target = SafePath::new(&target).map_err(|error| refuse(error.into()))?;
                if !files.contains(&target) {
                    return Err(refuse(Refusal::DanglingHardLink(target.to_string())));
                }
                sink.hard_link(&path, &target)?;
                files.insert(path);
            }
            EntryType::Symlink => {
                names.file(&path, limits).map_err(&refuse)?;
                found.insert(path, link_target(&entry, &refuse)?);
            }
            EntryType::Char | EntryType::Block => return Err(refuse(Refusal::Special("a device"))),
            EntryType::GNUSparse => return Err(refuse(Refusal::Special("a sparse file"))),
            EntryType::Fifo => return Err(refuse(Refusal::Special("a pipe"))),
            _ => return Err(refuse(Refusal::Special("of an unknown type"))),
        }
    }
    progress.headers.set(None);
    links::check(&found)?;
    drain(tar.into_inner(), &explain)?;
    // Compression has its own end; without it the marker is what tells a whole archive from a cut one.
    if compression == Compression::None && progress.read.get() <= content_end {
        return Err(Refusal::Truncated.into());
    }
    sink.links(found)
}

fn link_target<R: Read>(
    entry: &tar::Entry<'_, R>,
    refuse: &impl Fn(Refusal) -> Trouble,
) -> Result<String, Trouble> {
    let raw = entry
        .link_name_bytes()
        .ok_or_else(|| refuse(Refusal::Malformed("it is a link without a target")))?;
    String::from_utf8(raw.into_owned()).map_err(|_| refuse(Refusal::NotText))
}

/// Padding after the end marker is usual; more of it than a tape block is not, but harmless while the limits hold.
pub(crate) fn drain(
    mut rest: impl Read,
    explain: &impl Fn(&str, io::Error) -> Trouble,
) -> Result<(), Trouble> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match rest.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(explain("", error)),
        }
    }
}

pub(crate) fn check_label(head: &[u8], compression: Compression) -> Result<(), Trouble> {
    if head.is_empty() {
        return Err(Refusal::Truncated.into());
    }
    let expected = compression.as_str();
    match sniff(head) {
        Some(actual) if actual == expected => Ok(()),
        Some(actual) => Err(Refusal::Mislabelled { expected, actual }.into()),
        None if compression == Compression::None => Ok(()), // old tars have no magic
        None => Err(Refusal::Mislabelled {
            expected,
            actual: "something else",
        }
        .into()),
    }
}

pub(crate) fn decoder<'a>(
    archive: impl BufRead + 'a,
    compression: Compression,
) -> Result<Box<dyn Read + 'a>, Trouble> {
    Ok(match compression {
        Compression::None => Box::new(archive),
        Compression::Gzip => Box::new(Gunzip::new(archive)),
        Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(archive)),
        Compression::Xz => {
            let stream =
                liblzma::stream::Stream::new_stream_decoder(DECODER_MEMORY, liblzma::stream::CONCATENATED)
                    .map_err(io::Error::from)?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(archive, stream))
        }
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(archive)?;
            decoder.window_log_max(DECODER_MEMORY.ilog2())?;
            Box::new(decoder)
        }
    })
}

#[derive(Default)]
pub(crate) struct Progress {
    pub(crate) read: Cell<u64>,
    /// How many bytes the headers before the next file may still have; `None` inside contents.
    pub(crate) headers: Cell<Option<u64>>,
    /// Set when the limits stopped the stream, because an `io::Error` cannot say so.
    pub(crate) refusal: Cell<Option<Refusal>>,
}

/// Counts unpacked bytes and stops at the limits. Headers count too: a tar of a million empty names is a bomb as well.
pub(crate) struct Metered<'a> {
    pub(crate) inner: Box<dyn Read + 'a>,
    /// The archive's size in bytes, or what has come of it so far.
    pub(crate) packed: Rc<Cell<u64>>,
    pub(crate) limits: &'a Limits,
    pub(crate) progress: Rc<Progress>,
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let read = self.progress.read.get() + count as u64;
        self.progress.read.set(read);
        let headers = match self
            .progress
            .headers
            .get()
            .map(|left| left.checked_sub(count as u64))
        {
            Some(None) => Err(Refusal::Malformed("its headers are too long")),
            Some(left) => {
                self.progress.headers.set(left);
                Ok(())
            }
            None => Ok(()),
        };
        match headers.and_then(|()| self.limits.check_total(read, self.packed.get())) {
            Ok(()) => Ok(count),
            Err(refusal) => {
                self.progress.refusal.set(Some(refusal));
                Err(io::Error::other("the limits were reached"))
            }
        }
    }
}

/// Turns an early end into an error: a short file must never pass for a whole one.
pub(crate) struct Exact<'a, R> {
    pub(crate) inner: &'a mut R,
    pub(crate) missing: u64,
}

impl<R: Read> Read for Exact<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if count == 0 && !buffer.is_empty() && self.missing > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.missing = self.missing.saturating_sub(count as u64);
        Ok(count)
    }
}

#[derive(Default)]
struct Listing(Vec<(SafePath, u64)>);

impl Sink for Listing {
    fn file(&mut self, path: &SafePath, _: bool, _: u64, body: &mut dyn Read) -> Result<(), Trouble> {
        let size =
            io::copy(body, &mut io::sink()).map_err(|error| Trouble::decoding(path.as_str(), error))?;
        self.0.push((path.clone(), size));
        Ok(())
    }

    fn folder(&mut self, path: &SafePath) -> Result<(), Trouble> {
        self.0.push((path.clone(), 0));
        Ok(())
    }

    fn hard_link(&mut self, path: &SafePath, _: &SafePath) -> Result<(), Trouble> {
        self.folder(path)
    }

    fn links(&mut self, links: BTreeMap<SafePath, String>) -> Result<(), Trouble> {
        self.0.extend(links.into_keys().map(|path| (path, 0)));
        Ok(())
    }
}
