//! Archives from outside: what is refused, by name, before anything of it counts.
//!
//! Invariant: an accepted archive has only files, folders and links that stay inside, every name once (also where
//! case does not count), every byte checked against the archive's own checksums, and no more of them than allowed.

pub(crate) mod gunzip;
mod inflate;
pub mod links;
pub mod names;
pub mod tar;
pub(crate) mod tgz;
pub mod zip;

use std::io::{self, BufRead, Cursor, Read};
use std::path::{Path, PathBuf};

use wharf_core::{Digest, Explain, Fault, UnsafePath};

use crate::error::{StoreError, is_full};

/// How much an archive may hold. The defaults let the largest published packages through.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Entries of any kind.
    pub max_entries: u64,
    /// Bytes of one unpacked file.
    pub max_file_bytes: u64,
    /// Bytes of all unpacked files.
    pub max_total_bytes: u64,
    /// Unpacked bytes for each packed one, over the whole archive.
    pub max_ratio: u64,
    /// Up to this many unpacked bytes the ratio does not matter: small archives of zeros are harmless.
    pub ratio_matters_from: u64,
    /// Bytes of one path.
    pub max_path: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_entries: 500_000,
            max_file_bytes: 16 << 30,
            max_total_bytes: 64 << 30,
            max_ratio: 200,
            ratio_matters_from: 256 << 20,
            max_path: 1024,
        }
    }
}

impl Limits {
    /// Refuses a total that the packed size does not justify.
    pub(crate) fn check_total(&self, unpacked: u64, packed: u64) -> Result<(), Refusal> {
        if unpacked > self.max_total_bytes {
            return Err(Refusal::TooMuch {
                limit: self.max_total_bytes,
            });
        }
        if unpacked > self.ratio_matters_from && unpacked / packed.max(1) > self.max_ratio {
            return Err(Refusal::Ratio {
                limit: self.max_ratio,
            });
        }
        Ok(())
    }
}

/// How a tar is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
    /// Zstandard.
    Zstd,
}

impl Compression {
    /// The usual word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "an uncompressed tar",
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Zstd => "Zstandard",
        }
    }
}

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It ends too early.
    #[error("it is truncated")]
    Truncated,
    /// It is another kind of file than its name says.
    #[error("it is {actual}, not {expected}")]
    Mislabelled {
        /// What its name says.
        expected: &'static str,
        /// What its first bytes say.
        actual: &'static str,
    },
    /// Its structure contradicts itself.
    #[error("{0}")]
    Malformed(&'static str),
    /// Bytes that the decoder does not accept.
    #[error("its compressed data is damaged: {0}")]
    Damaged(String),
    /// The unpacked bytes are not the ones that were packed.
    #[error("its checksum does not match")]
    Checksum,
    /// More or fewer bytes than declared.
    #[error("it does not unpack to the size it declares")]
    Size,
    /// Needs a password.
    #[error("it is encrypted")]
    Encrypted,
    /// A compression method that packages do not use.
    #[error("it uses compression method {0}, which is not supported")]
    Method(u16),
    /// A path that could leave the folder.
    #[error(transparent)]
    Path(#[from] UnsafePath),
    /// A name that is not text.
    #[error("its name is not UTF-8")]
    NotText,
    /// The same path twice.
    #[error("it appears twice")]
    Duplicate,
    /// Two paths that are one where case does not count.
    #[error("it differs from `{0}` only in case")]
    CaseCollision(String),
    /// A path below something that is no folder.
    #[error("`{0}` is both a file and a folder")]
    FileAndFolder(String),
    /// A link out of the archive.
    #[error("it links to `{target}`, outside the archive")]
    EscapingLink {
        /// The target as written.
        target: String,
    },
    /// Links that lead to each other.
    #[error("it links to `{target}`, which never ends")]
    EndlessLink {
        /// The target as written.
        target: String,
    },
    /// A hard link to something that did not come before it.
    #[error("it is a hard link to `{0}`, which the archive does not have before it")]
    DanglingHardLink(String),
    /// A link in an archive that has none.
    #[error("it is a link, which no crate has")]
    Link,
    /// A file beside the one folder that all should be in.
    #[error("it lies outside of `{0}/`, where a crate has all its files")]
    Outside(String),
    /// A device, a pipe, a socket.
    #[error("it is {0}, not a file, folder or link")]
    Special(&'static str),
    /// Another file than the one that was asked for.
    #[error("its digest is {actual}, not {expected}")]
    Digest {
        /// The one that was asked for.
        expected: Box<Digest>,
        /// The one it has.
        actual: Box<Digest>,
    },
    /// Something else stands where a part of the archive should.
    #[error("it has {found} where its {wanted} should be")]
    Member {
        /// What is there.
        found: String,
        /// What should be.
        wanted: &'static str,
    },
    /// A version of the format that is not known.
    #[error("its format has version {0}, and only 2 is known")]
    FormatVersion(String),
    /// Too many entries.
    #[error("it has more than {limit} entries")]
    TooMany {
        /// The limit.
        limit: u64,
    },
    /// One file too large.
    #[error("it unpacks to more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// All files together too large.
    #[error("the archive unpacks to more than {limit} bytes in all")]
    TooMuch {
        /// The limit.
        limit: u64,
    },
    /// Unpacks to far more than it is.
    #[error("the archive unpacks to more than {limit} times its size")]
    Ratio {
        /// The limit.
        limit: u64,
    },
    /// What is said of all entries together longer than allowed.
    #[error("its names, targets and owners have more than {limit} bytes in all")]
    Names {
        /// The limit.
        limit: u64,
    },
    /// Folders in folders.
    #[error("its path has more than {limit} folders")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// A path longer than allowed.
    #[error("its path has more than {limit} bytes")]
    PathTooLong {
        /// The limit.
        limit: usize,
    },
}

/// Why an archive did not get in.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The archive is at fault.
    #[error("the archive{} is refused{}: {reason}", named(archive), at(entry.as_ref()))]
    Refused {
        /// Which archive.
        archive: PathBuf,
        /// Which entry of it, where it is one.
        entry: Option<String>,
        /// Why.
        reason: Refusal,
    },
    /// The archive cannot be read.
    #[error("cannot read the archive{}", named(archive))]
    Unreadable {
        /// Which archive.
        archive: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The store or the target folder cannot take it.
    #[error("cannot unpack the archive{}", named(archive))]
    Store {
        /// Which archive.
        archive: PathBuf,
        /// Why.
        #[source]
        source: StoreError,
    },
}

/// An archive that is no file has no name: whoever had it in hand knows what it is.
pub(crate) fn nameless() -> &'static Path {
    Path::new("")
}

fn named(archive: &Path) -> String {
    match archive == nameless() {
        true => String::new(),
        false => format!(" {}", archive.display()),
    }
}

fn at(entry: Option<&String>) -> String {
    entry.map_or_else(String::new, |entry| format!(" for its entry {entry:?}"))
}

impl Explain for ArchiveError {
    fn code(&self) -> &'static str {
        match self {
            ArchiveError::Refused { reason, .. } => match reason {
                Refusal::Truncated
                | Refusal::Mislabelled { .. }
                | Refusal::Malformed(_)
                | Refusal::Damaged(_)
                | Refusal::Checksum
                | Refusal::Digest { .. }
                | Refusal::Member { .. }
                | Refusal::Size => "archive/damaged",
                Refusal::Encrypted | Refusal::Method(_) | Refusal::FormatVersion(_) => "archive/unsupported",
                Refusal::TooMany { .. }
                | Refusal::TooLarge { .. }
                | Refusal::TooMuch { .. }
                | Refusal::Ratio { .. }
                | Refusal::Names { .. }
                | Refusal::TooDeep { .. }
                | Refusal::PathTooLong { .. } => "archive/too-large",
                Refusal::Path(_)
                | Refusal::NotText
                | Refusal::Duplicate
                | Refusal::CaseCollision(_)
                | Refusal::FileAndFolder(_)
                | Refusal::EscapingLink { .. }
                | Refusal::EndlessLink { .. }
                | Refusal::DanglingHardLink(_)
                | Refusal::Link
                | Refusal::Outside(_)
                | Refusal::Special(_) => "archive/unsafe",
            },
            ArchiveError::Unreadable { .. } => "archive/unreadable",
            ArchiveError::Store { source, .. } => source.code(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            ArchiveError::Refused { .. } => Fault::Denied,
            ArchiveError::Unreadable { .. } => Fault::World,
            ArchiveError::Store { source, .. } => source.fault(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            ArchiveError::Refused { .. } => {
                vec![
                    "nothing of it was kept; choose another version of the package, and tell its authors"
                        .to_owned(),
                ]
            }
            ArchiveError::Unreadable { .. } => Vec::new(),
            ArchiveError::Store { source, .. } => source.hints(),
        }
    }
}

/// An error inside a reader, before the archive's own name is known.
#[derive(Debug)]
pub(crate) enum Trouble {
    Refused { entry: Option<String>, reason: Refusal },
    Unreadable(io::Error),
    Store(StoreError),
}

impl Trouble {
    pub(crate) fn entry(name: &str) -> impl Fn(Refusal) -> Self {
        move |reason| Trouble::Refused {
            entry: Some(name.chars().take(300).collect()),
            reason,
        }
    }

    /// Errors of decoders: data at fault unless the operating system says otherwise.
    pub(crate) fn decoding(entry: &str, error: io::Error) -> Self {
        let reason = match error.kind() {
            _ if error.raw_os_error().is_some() || is_full(&error) => return Trouble::Unreadable(error),
            io::ErrorKind::UnexpectedEof => Refusal::Truncated,
            _ => Refusal::Damaged(error.to_string()),
        };
        if entry.is_empty() {
            reason.into()
        } else {
            Self::entry(entry)(reason)
        }
    }

    pub(crate) fn of(self, archive: &Path) -> ArchiveError {
        let archive = archive.to_path_buf();
        match self {
            Trouble::Refused { entry, reason } => ArchiveError::Refused {
                archive,
                entry,
                reason,
            },
            Trouble::Unreadable(source) => ArchiveError::Unreadable { archive, source },
            Trouble::Store(source) => ArchiveError::Store { archive, source },
        }
    }
}

impl From<Refusal> for Trouble {
    fn from(reason: Refusal) -> Self {
        Trouble::Refused { entry: None, reason }
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Trouble::Store(error)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Trouble::Unreadable(error)
    }
}

/// A file's first bytes, as many as [`sniff`] needs, and all of it. What arrives may begin with a piece of a single byte.
pub(crate) fn with_head(mut file: impl BufRead) -> Result<(Vec<u8>, impl BufRead), Trouble> {
    let mut head = Vec::with_capacity(512);
    let read = (&mut file).take(512).read_to_end(&mut head);
    read.map_err(|error| Trouble::decoding("", error))?;
    Ok((head.clone(), Cursor::new(head).chain(file)))
}

/// What the first bytes of a file say it is.
pub(crate) fn sniff(head: &[u8]) -> Option<&'static str> {
    [
        (&b"PK\x03\x04"[..], "a zip"),
        (b"PK\x05\x06", "a zip"),
        (b"\x1f\x8b", "gzip"),
        (b"BZh", "bzip2"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x28\xb5\x2f\xfd", "Zstandard"),
        (b"<!", "a web page"),
        (b"<html", "a web page"),
    ]
    .into_iter()
    .find_map(|(magic, name)| head.starts_with(magic).then_some(name))
    .or_else(|| (head.get(257..262) == Some(b"ustar")).then_some(Compression::None.as_str()))
}
