//! Archives and folders into the stage, hashed and written in one pass.
//!
//! A small gzip is inflated at once by libdeflate into memory that each thread uses again, its headers are all checked, and
//! then each file is created, written and closed, or linked to one that is the same: no rename a file, for making files is most of what
//! an install costs. What is large, or odd in a way that libdeflate does not take (several members, no end marker, a wrong size at the
//! end), goes through the streaming decoder. Both give the same tree, or the same refusal, but for one thing: what follows the tar's end
//! marker in further members of the gzip is not looked at in memory. Nothing of it would be unpacked, and the digest covers it.
//!
//! Large is what does not stay in the processor's cache: 22 MiB took libdeflate 62 ms of CPU in memory that was touched before and
//! 110 to 270 ms in new memory (loaded virtual machine); the streaming decoder's window is small.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use rayon::prelude::*;
use rustc_hash::FxHashSet;
use wharf_core::SafePath;

use super::commands::{Commands, mend_first_line};
use super::draft::{Draft, PackageFolder, Unpacked};
use super::place::{is_alias, place_of};
use super::shape::{Lies, Shape};
use super::write::{Contents, LARGEST_COMMAND, Writer, with_commands, write_file, write_stream};
use crate::archive::gunzip::Gunzip;
use crate::archive::names::Names;
use crate::archive::tgz::{End, Feed, Form, Memory, Stream, Walk, padded};
use crate::archive::{ArchiveError, Compression, Limits, Refusal, Trouble, nameless, sniff, with_head};
use crate::error::StoreError;
use crate::store::Store;
use crate::tree::{Entry, Tree};

/// Unpacked bytes that are held in memory at once, by each thread.
const LARGEST_IN_MEMORY: usize = 4 << 20;
/// The least buffer that a thread keeps for its archives; it doubles as they ask for more.
const LEAST_BUFFER: usize = 256 << 10;
/// From so many files on, an archive is written by several threads: the last of an install should not be one's alone.
const SHARED_FROM: usize = 256;
/// What a package is called meanwhile whose name is none.
const NAMELESS: &str = "-";
/// Bytes of a folder's file that are copied at once.
const COPIED: usize = 32 << 10;

thread_local! {
    static SCRATCH: RefCell<Option<Scratch>> = const { RefCell::new(None) };
}

struct Scratch {
    inflater: libdeflater::Decompressor,
    buffer: Vec<u8>,
}

impl Store {
    /// Unpacks an npm archive (gzip, or a plain tar) from memory. The caller has checked its digest.
    ///
    /// # Errors
    /// Where the archive is refused, or the stage cannot take it; nothing of it then stays.
    pub fn unpack_tgz_bytes(
        &self,
        packed: &[u8],
        shape: Shape<'_>,
        limits: &Limits,
    ) -> Result<Unpacked, ArchiveError> {
        self.unpack_bytes_as(Form::Npm, &in_the_stage(shape), packed, limits)
    }

    /// The same while it arrives: memory stays small however large the archive is.
    ///
    /// # Errors
    /// As [`Store::unpack_tgz_bytes`].
    pub fn unpack_tgz(
        &self,
        archive: impl Read,
        shape: Shape<'_>,
        limits: &Limits,
    ) -> Result<Unpacked, ArchiveError> {
        self.unpack_stream_as(Form::Npm, &in_the_stage(shape), archive, limits)
    }

    /// Unpacks an archive from memory, as whose it is, into a folder of the stage.
    pub(crate) fn unpack_bytes_as(
        &self,
        form: Form<'_>,
        lies: &Lies,
        packed: &[u8],
        limits: &Limits,
    ) -> Result<Unpacked, ArchiveError> {
        let unpack = || match inflated_size(packed, limits) {
            Some(size) => self.unpack_inflated(form, lies, packed, size, limits),
            None => self.unpack_stream(form, lies, packed, limits),
        };
        unpack().map_err(|trouble| trouble.of(nameless()))
    }

    /// The same while it arrives.
    pub(crate) fn unpack_stream_as(
        &self,
        form: Form<'_>,
        lies: &Lies,
        archive: impl Read,
        limits: &Limits,
    ) -> Result<Unpacked, ArchiveError> {
        self.unpack_stream(form, lies, archive, limits)
            .map_err(|trouble| trouble.of(nameless()))
    }

    /// Takes a plain folder: the files that `filter` takes, by their paths below it. A folder that it does not take is not
    /// entered. Links are passed over, as in archives.
    ///
    /// # Errors
    /// Where a name is unsafe, something is neither file, folder nor link, or the stage cannot take it.
    pub fn unpack_folder(
        &self,
        folder: &Path,
        shape: Shape<'_>,
        limits: &Limits,
        filter: &dyn Fn(&str) -> bool,
    ) -> Result<Unpacked, ArchiveError> {
        self.take_folder(folder, &in_the_stage(shape), limits, filter)
            .map_err(|trouble| trouble.of(folder))
    }

    fn unpack_inflated(
        &self,
        form: Form<'_>,
        lies: &Lies,
        packed: &[u8],
        size: usize,
        limits: &Limits,
    ) -> Result<Unpacked, Trouble> {
        // Taken, not borrowed: rayon may run another archive on this thread while it waits for its parts of this one.
        let mut scratch = SCRATCH.take().unwrap_or_else(|| Scratch {
            inflater: libdeflater::Decompressor::new(),
            buffer: Vec::new(),
        });
        if scratch.buffer.len() < size {
            // Given back first: two of a large size at once, one copied into the other, are what a growing buffer costs.
            scratch.buffer = Vec::new();
            scratch.buffer = vec![0; size.next_power_of_two().max(LEAST_BUFFER)];
        }
        let inflated = scratch
            .inflater
            .gzip_decompress(packed, &mut scratch.buffer[..size]);
        let outcome = match inflated.ok().filter(|count| *count == size) {
            Some(_) => {
                self.unpack_tar_bytes(form, lies, &scratch.buffer[..size], packed.len() as u64, limits)
            }
            None => Ok(None),
        };
        SCRATCH.set(Some(scratch));
        match outcome? {
            Some(unpacked) => Ok(unpacked),
            None => self.unpack_stream(form, lies, packed, limits),
        }
    }

    /// `None` where only the streaming reader can tell what this is.
    fn unpack_tar_bytes(
        &self,
        form: Form<'_>,
        lies: &Lies,
        tar: &[u8],
        packed: u64,
        limits: &Limits,
    ) -> Result<Option<Unpacked>, Trouble> {
        let (mut walk, mut memory) = (Walk::new(limits, form, packed), Memory::new(tar));
        let mut files = Vec::new();
        loop {
            match walk.next(&mut memory) {
                Ok(Ok(member)) => match memory.body(member.size) {
                    Ok(body) => {
                        let same = |file: &Ready<'_>| file.path == member.path;
                        let before = member.again.then(|| files.iter().position(same)).flatten();
                        let ready = Ready {
                            path: member.path,
                            executable: member.executable,
                            bytes: body.into(),
                        };
                        match before {
                            Some(at) => files[at] = ready,
                            None => files.push(ready),
                        }
                    }
                    Err(_) => return Ok(None), // the rest may be in another member of the gzip
                },
                Ok(Err(End::Marked)) => break,
                Ok(Err(End::Unmarked)) => return Ok(None),
                Err(Trouble::Refused {
                    reason: Refusal::Truncated,
                    ..
                }) => return Ok(None),
                Err(trouble) => return Err(trouble),
            }
        }
        if matches!(form, Form::Npm) {
            make_commands(&mut files);
        }
        let (draft, package) = Draft::new(self, lies)?;
        let entries = write_all(&package, &Contents::of(form, &package), &files)?;
        Ok(Some(Unpacked::new(draft, lies, Tree::new(entries))))
    }

    fn unpack_stream(
        &self,
        form: Form<'_>,
        lies: &Lies,
        archive: impl Read,
        limits: &Limits,
    ) -> Result<Unpacked, Trouble> {
        let (decoded, counted) = decoded(archive)?;
        let (draft, package) = Draft::new(self, lies)?;
        let (mut walk, mut stream) = (Walk::new(limits, form, 0), Stream(decoded));
        let entries = write_stream(&package, Contents::of(form, &package), |writer| {
            loop {
                // The ratio is judged with what has arrived so far, and a buffer more is harmless.
                walk.packed(counted.0.get());
                let Ok(member) = walk.next(&mut stream)? else {
                    break;
                };
                if member.again {
                    writer.forget(&member.path)?;
                }
                writer.take(&member.path, member.executable, member.size, &mut stream.0)?;
                skip_padding(&mut stream.0, padded(member.size)? - member.size)?;
            }
            drain(&mut stream.0, limits, &counted)
        })?;
        let tree = match form {
            Form::Npm => with_commands(&package, entries)?,
            Form::Crate(_) => Tree::new(entries),
        };
        Ok(Unpacked::new(draft, lies, tree))
    }

    fn take_folder(
        &self,
        folder: &Path,
        lies: &Lies,
        limits: &Limits,
        filter: &dyn Fn(&str) -> bool,
    ) -> Result<Unpacked, Trouble> {
        let (draft, package) = Draft::new(self, lies)?;
        let mut names = Names::default();
        let mut take = |writer: &mut Writer<'_, '_>, path: SafePath, file: File| {
            let refuse = Trouble::entry(path.as_str());
            let metadata = file.metadata()?;
            names.file(&path, limits).map_err(&refuse)?;
            if metadata.len() > limits.max_file_bytes {
                let limit = limits.max_file_bytes;
                return Err(refuse(Refusal::TooLarge { limit }));
            }
            let executable = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0;
            let mut file = BufReader::with_capacity(COPIED, file);
            writer.take(&path, executable, metadata.len(), &mut file)
        };
        let contents = Contents::of(Form::Npm, &package);
        let entries = write_stream(&package, contents, |writer| {
            visit(folder, &mut String::new(), filter, &mut |path, file| {
                take(writer, path, file)
            })
        })?;
        Ok(Unpacked::new(draft, lies, with_commands(&package, entries)?))
    }
}

/// How a package lies in the stage: there where its home will have it, so that it need not be renamed then, unless no home could have
/// it there.
fn in_the_stage(shape: Shape<'_>) -> Lies {
    match shape {
        Shape::Tree(name) => Lies::At(place_of(if is_alias(name) { name } else { NAMELESS })),
        Shape::Flat => Lies::Flat,
    }
}

/// Reads an npm archive (gzip, or a plain tar) to its end, as [`Store::unpack_tgz`] would, and keeps nothing of it but the contents of the
/// file that would lie at `wanted`, its first `most` bytes; `None` where there would be none.
///
/// # Errors
/// Where the archive is refused for what its headers or its compression are. What only writing finds out is not among that.
pub fn read_file_of_tgz(
    archive: impl Read,
    wanted: &str,
    most: u64,
    limits: &Limits,
) -> Result<Option<Vec<u8>>, ArchiveError> {
    read_file(archive, wanted, most, limits).map_err(|trouble| trouble.of(nameless()))
}

fn read_file(
    archive: impl Read,
    wanted: &str,
    most: u64,
    limits: &Limits,
) -> Result<Option<Vec<u8>>, Trouble> {
    let (decoded, counted) = decoded(archive)?;
    let (mut walk, mut stream) = (Walk::new(limits, Form::Npm, 0), Stream(decoded));
    let mut found = None;
    loop {
        walk.packed(counted.0.get());
        let Ok(member) = walk.next(&mut stream)? else {
            drain(&mut stream.0, limits, &counted)?;
            return Ok(found);
        };
        let is_wanted = member.path.as_str() == wanted;
        let kept = if is_wanted { member.size.min(most) } else { 0 };
        let contents = stream.text(usize::try_from(kept).unwrap_or(usize::MAX))?;
        stream.skip(member.size - kept)?;
        skip_padding(&mut stream.0, padded(member.size)? - member.size)?;
        if is_wanted {
            found = Some(contents);
        }
    }
}

/// The tar of an archive, and a count of what was read of the archive for it.
fn decoded<'a>(archive: impl Read + 'a) -> Result<(Box<dyn BufRead + 'a>, Rc<Counts>), Trouble> {
    let counted = Rc::new(Counts::default());
    let (head, packed) = with_head(BufReader::with_capacity(
        128 * 1024,
        Counted {
            inner: archive,
            count: Rc::clone(&counted),
        },
    ))?;
    let decoded: Box<dyn BufRead + 'a> = match sniff(&head) {
        Some("gzip") => Box::new(Gunzip::new(packed)),
        Some(actual) if actual == Compression::None.as_str() => Box::new(packed),
        _ if head.is_empty() => return Err(Refusal::Truncated.into()),
        actual => {
            let expected = Compression::Gzip.as_str();
            let actual = actual.unwrap_or("something else");
            return Err(Refusal::Mislabelled { expected, actual }.into());
        }
    };
    Ok((decoded, counted))
}

/// What a gzip says that it unpacks to, if that fits in memory and within the limits. The last four bytes may lie: then
/// inflating fails, and the streaming decoder finds out.
fn inflated_size(packed: &[u8], limits: &Limits) -> Option<usize> {
    if !packed.starts_with(b"\x1f\x8b") {
        return None;
    }
    let size = u32::from_le_bytes(*packed.last_chunk()?);
    limits.check_total(size.into(), packed.len() as u64).ok()?;
    let size = usize::try_from(size).ok()?;
    (size > 0 && size <= LARGEST_IN_MEMORY).then_some(size)
}

/// A file of an archive in memory.
struct Ready<'a> {
    path: SafePath,
    executable: bool,
    bytes: Cow<'a, [u8]>,
}

fn make_commands(files: &mut [Ready<'_>]) {
    let Some(manifest) = files.iter().find(|file| file.path.as_str() == "package.json") else {
        return;
    };
    let commands = Commands::of(&manifest.bytes);
    if commands.is_empty() {
        return;
    }
    for file in files.iter_mut().filter(|file| commands.contains(&file.path)) {
        file.executable = true;
        if let Cow::Borrowed(bytes) = file.bytes
            && bytes.len() as u64 <= LARGEST_COMMAND
        {
            file.bytes = mend_first_line(bytes);
        }
    }
}

fn write_all(
    package: &PackageFolder,
    contents: &Contents,
    files: &[Ready<'_>],
) -> Result<Vec<Entry>, StoreError> {
    let mut folders: FxHashSet<&str> = FxHashSet::default();
    for file in files.iter().filter(|_| !package.is_flat()) {
        let mut above = file.path.parent();
        while let Some(folder) = above.filter(|folder| folders.insert(folder)) {
            above = folder.rsplit_once('/').map(|(above, _)| above);
        }
    }
    let mut folders: Vec<&str> = folders.into_iter().collect();
    folders.sort_unstable(); // parents come before what is below them
    folders.iter().try_for_each(|folder| package.make(folder))?;
    let write = |part: &[Ready<'_>]| {
        let entries = part.iter().map(|file| {
            let path = file.path.clone();
            write_file(package, contents, path, file.executable, &file.bytes)
        });
        entries.collect::<Result<Vec<Entry>, StoreError>>()
    };
    if files.len() < SHARED_FROM {
        return write(files);
    }
    let parts: Vec<Vec<Entry>> = files
        .par_chunks(SHARED_FROM / 4)
        .map(write)
        .collect::<Result<_, _>>()?;
    Ok(parts.into_iter().flatten().collect())
}

#[derive(Default)]
struct Counts(std::cell::Cell<u64>);

struct Counted<R> {
    inner: R,
    count: Rc<Counts>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count.0.set(self.count.0.get() + count as u64);
        Ok(count)
    }
}

/// Reads to the end, so that the compression's own checksum counts.
fn drain(rest: &mut dyn Read, limits: &Limits, packed: &Counts) -> Result<(), Trouble> {
    let (mut buffer, mut total) = (vec![0; 64 * 1024], 0u64);
    loop {
        match rest.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                total += count as u64;
                limits.check_total(total, packed.0.get())?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Trouble::decoding("", error)),
        }
    }
}

fn skip_padding(body: &mut dyn Read, size: u64) -> Result<(), Trouble> {
    io::copy(&mut body.take(size), &mut io::sink()).map_err(|error| Trouble::decoding("", error))?;
    Ok(()) // a missing padding at the very end harms nothing
}

/// Visits the files below `folder` in the order of their names. `prefix` is the path so far, with a trailing `/` unless empty.
fn visit(
    folder: &Path,
    prefix: &mut String,
    filter: &dyn Fn(&str) -> bool,
    take: &mut dyn FnMut(SafePath, File) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let unreadable = |error| Trouble::Store(StoreError::io("read", folder)(error));
    let entries = std::fs::read_dir(folder).map_err(unreadable)?;
    let mut entries = entries.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let name = name
            .to_str()
            .ok_or_else(|| Trouble::entry(&name.to_string_lossy())(Refusal::NotText))?;
        let length = prefix.len();
        prefix.push_str(name);
        let kind = entry.file_type()?;
        if filter(prefix) && !kind.is_symlink() {
            if kind.is_dir() {
                prefix.push('/');
                visit(&entry.path(), prefix, filter, take)?;
            } else if kind.is_file() {
                let refuse = Trouble::entry(prefix);
                let path = SafePath::new(prefix).map_err(|error| refuse(error.into()))?;
                take(path, File::open(entry.path())?)?;
            } else {
                return Err(Trouble::entry(prefix)(Refusal::Special(
                    "a device, pipe or socket",
                )));
            }
        }
        prefix.truncate(length);
    }
    Ok(())
}
