//! The tars inside a `.deb`: entries into a [`SystemTree`], file contents into the stage.
//!
//! Unlike in archives of programming languages, names are bytes and may differ in case alone, links may be absolute (they are
//! about the root that the package will be part of), and devices are noted. What stays forbidden: names that climb out, a name
//! twice, anything below something that is no folder, a hard link to what did not come before. Sparse files, whose holes come from
//! nowhere, are refused: dpkg takes none.
//! Invariant: what is kept in memory of entries is counted, whoever names it: a path implies folders, which nothing need follow.
//! Sources: deb(5), tar(5) with GNU's long names and pax records.

use std::cell::Cell;
use std::io::{BufRead, Read};
use std::rc::Rc;

use rustc_hash::FxHashMap;
use tar::EntryType;

use crate::archive::tar::{
    DECODER_MEMORY, Exact, MAX_HEADERS, Metered, Progress, check_label, decoder, drain,
};
use crate::archive::{Compression, Limits, Refusal, Trouble, with_head};
use crate::import::Batch;
use crate::system::{Owner, RootPath, SystemEntry, SystemKind, SystemTree};

/// Folders in folders.
const MAX_DEPTH: usize = 256;
/// Bytes of all names, targets of links, owners and capabilities. The largest packages have a tenth of it.
const MAX_NAMES: u64 = 128 << 20;

/// How a member is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Known(Compression),
    /// What xz replaced; dpkg still reads it.
    Lzma,
}

impl Packing {
    /// From the end of a member's name: `.xz`, or nothing.
    pub(crate) fn of(extension: &str) -> Option<Self> {
        Some(match extension {
            "" => Self::Known(Compression::None),
            ".gz" => Self::Known(Compression::Gzip),
            ".xz" => Self::Known(Compression::Xz),
            ".zst" => Self::Known(Compression::Zstd),
            ".bz2" => Self::Known(Compression::Bzip2),
            ".lzma" => Self::Lzma,
            _ => return None,
        })
    }

    fn decode<'a>(self, member: impl BufRead + 'a) -> Result<Box<dyn Read + 'a>, Trouble> {
        match self {
            Self::Known(compression) => {
                let (head, member) = with_head(member)?;
                check_label(&head, compression)?;
                decoder(member, compression)
            }
            Self::Lzma => {
                let stream = liblzma::stream::Stream::new_lzma_decoder(DECODER_MEMORY)
                    .map_err(std::io::Error::from)?;
                Ok(Box::new(liblzma::bufread::XzDecoder::new_stream(member, stream)))
            }
        }
    }
}

/// Unpacks one tar. `arrived` counts the bytes of the whole archive, which the ratio is about.
pub(crate) fn unpack(
    member: impl BufRead,
    packing: Packing,
    arrived: &Rc<Cell<u64>>,
    limits: &Limits,
    batch: &mut Batch<'_>,
) -> Result<SystemTree, Trouble> {
    let progress = Rc::new(Progress::default());
    let decoded = Metered {
        inner: packing.decode(member)?,
        packed: Rc::clone(arrived),
        limits,
        progress: Rc::clone(&progress),
    };
    let mut tar = tar::Archive::new(decoded);
    let explain = |entry: &str, error| {
        progress
            .refusal
            .take()
            .map_or_else(|| Trouble::decoding(entry, error), Trouble::from)
    };
    let mut contents = Contents::default();
    let mut end = 0;
    let mut entries = tar.entries().map_err(|error| explain("", error))?;
    loop {
        progress.headers.set(Some(MAX_HEADERS));
        let Some(entry) = entries.next() else { break };
        let mut entry = entry.map_err(|error| explain("", error))?;
        if entry.header().entry_type() == EntryType::XGlobalHeader {
            continue;
        }
        let stored = entry.header().entry_size().unwrap_or(0);
        end = entry
            .raw_file_position()
            .saturating_add(stored)
            .next_multiple_of(512);
        let taken = contents.take(&mut entry, &progress, limits, batch);
        taken.map_err(|trouble| match progress.refusal.take() {
            Some(refusal) => refusal.into(),
            None => trouble,
        })?;
    }
    progress.headers.set(None);
    drain(tar.into_inner(), &explain)?;
    // Compression has its own end; without it the marker is what tells a whole archive from a cut one.
    if packing == Packing::Known(Compression::None) && progress.read.get() <= end {
        return Err(Refusal::Truncated.into());
    }
    Ok(contents.finish())
}

/// What was found so far.
#[derive(Default)]
struct Contents {
    entries: Vec<SystemEntry>,
    /// Where each path is in `entries`; `None` for a folder that only its contents imply.
    known: FxHashMap<RootPath, Option<usize>>,
    tally: Tally,
}

/// What is kept of entries, and of the folders that they imply.
#[derive(Default)]
struct Tally {
    count: u64,
    /// Bytes, of [`MAX_NAMES`].
    names: u64,
}

impl Tally {
    /// Counts one more, of so many bytes.
    fn add(&mut self, bytes: usize, limits: &Limits) -> Result<(), Refusal> {
        self.count += 1;
        if self.count > limits.max_entries {
            return Err(Refusal::TooMany {
                limit: limits.max_entries,
            });
        }
        self.names = self.names.saturating_add(bytes as u64);
        match self.names > MAX_NAMES {
            true => Err(Refusal::Names { limit: MAX_NAMES }),
            false => Ok(()),
        }
    }
}

impl Contents {
    fn take<R: Read>(
        &mut self,
        entry: &mut tar::Entry<'_, R>,
        progress: &Progress,
        limits: &Limits,
        batch: &mut Batch<'_>,
    ) -> Result<(), Trouble> {
        let raw = entry.path_bytes().into_owned();
        let lossy = String::from_utf8_lossy(&raw).into_owned();
        let refuse = Trouble::entry(&lossy);
        let kind = kind_of(entry, &raw);
        let is_root = raw
            .split(|byte| *byte == b'/')
            .all(|part| matches!(part, b"" | b"."));
        if kind == EntryType::Directory && is_root && !raw.starts_with(b"/") {
            return Ok(());
        }
        let path = RootPath::new(&raw).map_err(|error| refuse(error.into()))?;
        if kind == EntryType::GNUSparse {
            return Err(refuse(Refusal::Special("a sparse file")));
        }
        self.judge(&path, limits).map_err(&refuse)?;
        let mode = (entry.header().mode().unwrap_or(0) & 0o7777) as u16;
        let extras = Extras::of(entry).map_err(&refuse)?;
        let made = match kind {
            EntryType::Directory => SystemKind::Folder { mode },
            EntryType::Regular | EntryType::Continuous => {
                let size = entry.size();
                if size > limits.max_file_bytes {
                    return Err(refuse(Refusal::TooLarge {
                        limit: limits.max_file_bytes,
                    }));
                }
                progress.headers.set(None);
                let mut body = Exact {
                    inner: entry,
                    missing: size,
                };
                let (object, size, _) = batch.stream(mode & 0o111 != 0, size, &lossy, &mut body)?;
                SystemKind::File {
                    object,
                    size,
                    mode,
                    capability: extras.capability,
                }
            }
            EntryType::Symlink => SystemKind::Link(target(entry).map_err(&refuse)?),
            EntryType::Link => {
                let to = target(entry).map_err(&refuse)?;
                self.same_as(&to).map_err(&refuse)?
            }
            EntryType::Char | EntryType::Block | EntryType::Fifo => SystemKind::Noted {
                letter: kind.as_byte(),
                mode,
                major: entry.header().device_major().ok().flatten().unwrap_or(0),
                minor: entry.header().device_minor().ok().flatten().unwrap_or(0),
            },
            _ => return Err(refuse(Refusal::Special("of an unknown type"))),
        };
        let entry = SystemEntry {
            path,
            kind: made,
            owner: extras.owner,
        };
        self.put(entry, limits).map_err(refuse)
    }

    /// Judges a path before anything is read for it.
    fn judge(&self, path: &RootPath, limits: &Limits) -> Result<(), Refusal> {
        if path.as_bytes().iter().filter(|byte| **byte == b'/').count() > MAX_DEPTH {
            return Err(Refusal::TooDeep { limit: MAX_DEPTH });
        }
        if self.tally.count >= limits.max_entries {
            return Err(Refusal::TooMany {
                limit: limits.max_entries,
            });
        }
        if path.as_bytes().len() > limits.max_path {
            return Err(Refusal::PathTooLong {
                limit: limits.max_path,
            });
        }
        Ok(())
    }

    /// The contents of the file that a hard link names.
    fn same_as(&self, target: &[u8]) -> Result<SystemKind, Refusal> {
        let dangling = || Refusal::DanglingHardLink(String::from_utf8_lossy(target).into_owned());
        let path = RootPath::new(target)?;
        let at = self.known.get(&path).copied().flatten().ok_or_else(dangling)?;
        match &self.entries[at].kind {
            // tar keeps hard links to symbolic ones as well.
            kind @ (SystemKind::File { .. } | SystemKind::Link(_)) => Ok(kind.clone()),
            SystemKind::Folder { .. } | SystemKind::Noted { .. } => Err(dangling()),
        }
    }

    fn put(&mut self, entry: SystemEntry, limits: &Limits) -> Result<(), Refusal> {
        self.tally.add(described(&entry), limits)?;
        let is_folder = |at: &Option<usize>| {
            at.is_none_or(|at| matches!(self.entries[at].kind, SystemKind::Folder { .. }))
        };
        let folder = matches!(entry.kind, SystemKind::Folder { .. });
        match self.known.get(&entry.path) {
            Some(known) if folder && is_folder(known) => {
                if let Some(at) = *known {
                    self.entries[at] = entry;
                    return Ok(());
                }
            }
            Some(known) if folder || is_folder(known) => {
                return Err(Refusal::FileAndFolder(entry.path.to_lossy()));
            }
            Some(_) => return Err(Refusal::Duplicate),
            None => {}
        }
        let whole = entry.path.as_bytes();
        for at in (0..whole.len()).rev().filter(|at| whole[*at] == b'/') {
            let folder = RootPath::new(&whole[..at]).expect("what is above a safe path is safe");
            match self.known.get(&folder) {
                Some(known) if is_folder(known) => break, // so is all above it
                Some(_) => return Err(Refusal::FileAndFolder(folder.to_lossy())),
                None => {
                    self.tally.add(folder.as_bytes().len(), limits)?;
                    self.known.insert(folder, None);
                }
            }
        }
        self.known.insert(entry.path.clone(), Some(self.entries.len()));
        self.entries.push(entry);
        Ok(())
    }

    fn finish(self) -> SystemTree {
        SystemTree::new(self.entries)
    }
}

/// How many bytes say what an entry is, beside its contents.
fn described(entry: &SystemEntry) -> usize {
    let own = match &entry.kind {
        SystemKind::Link(target) => target.len(),
        SystemKind::File { capability, .. } => capability.as_ref().map_or(0, |bytes| bytes.len()),
        SystemKind::Folder { .. } | SystemKind::Noted { .. } => 0,
    };
    let owner = entry.owner.as_ref();
    let owner = owner.map_or(0, |owner| owner.user.len() + owner.group.len());
    // Once in the list and once to be found again.
    2 * entry.path.as_bytes().len() + own + owner
}

/// What an entry is; the oldest tars say of a folder only by the end of its name that it is one.
fn kind_of<R: Read>(entry: &tar::Entry<'_, R>, raw: &[u8]) -> EntryType {
    match entry.header().entry_type() {
        EntryType::Regular if raw.ends_with(b"/") => EntryType::Directory,
        other => other,
    }
}

fn target<R: Read>(entry: &tar::Entry<'_, R>) -> Result<Box<[u8]>, Refusal> {
    let raw = entry
        .link_name_bytes()
        .filter(|raw| !raw.is_empty() && raw.len() < 4096 && !raw.contains(&0))
        .ok_or(Refusal::Malformed("it is a link without a usable target"))?;
    Ok(raw.into_owned().into())
}

/// What an entry's header and pax records say beside its name, size and contents.
struct Extras {
    owner: Option<Box<Owner>>,
    capability: Option<Box<[u8]>>,
}

impl Extras {
    fn of<R: Read>(entry: &mut tar::Entry<'_, R>) -> Result<Self, Refusal> {
        let header = entry.header();
        let name = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        let mut owner = Owner {
            uid: header.uid().unwrap_or(0),
            gid: header.gid().unwrap_or(0),
            user: name(header.username_bytes()),
            group: name(header.groupname_bytes()),
        };
        let mut capability = None;
        let damaged = |_| Refusal::Malformed("its extended header is damaged");
        for record in entry.pax_extensions().map_err(damaged)?.into_iter().flatten() {
            let record = record.map_err(damaged)?;
            let value = record.value_bytes();
            let text = || String::from_utf8_lossy(value).into_owned();
            match record.key_bytes() {
                b"uname" => owner.user = text(),
                b"gname" => owner.group = text(),
                b"uid" => owner.uid = text().parse().unwrap_or(owner.uid),
                b"gid" => owner.gid = text().parse().unwrap_or(owner.gid),
                b"SCHILY.xattr.security.capability" => capability = Some(value.into()),
                key if key.starts_with(b"GNU.sparse") => {
                    return Err(Refusal::Special("a sparse file in a form that is not known"));
                }
                _ => {}
            }
        }
        Ok(Self {
            owner: owner.unless_root(),
            capability,
        })
    }
}
