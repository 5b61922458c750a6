//! The bytes of a `.deb`: an `ar` of tars. Invariant: entries have exactly the names that were given, hostile ones too, and
//! the same input gives the same bytes. Source: deb(5); the formats of `ar` and of GNU tar.

use std::io::Write;

/// The moment that everything carries: 2024-01-01, in seconds since 1970.
pub(super) const PACKED: u64 = 1_704_067_200;

/// How a member of a package or a file of an index is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DebCompression {
    /// Not at all.
    None,
    /// `.gz`
    Gzip,
    /// `.xz`
    Xz,
    /// `.zst`
    Zstd,
}

impl DebCompression {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::None, Self::Gzip, Self::Xz, Self::Zstd];

    /// What file names end in: nothing, `.gz`, `.xz`, `.zst`.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Xz => ".xz",
            Self::Zstd => ".zst",
        }
    }

    /// Compresses.
    ///
    /// # Panics
    /// When memory cannot be written, which is a bug in the testkit.
    #[must_use]
    pub fn apply(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::None => bytes.to_vec(),
            Self::Gzip => crate::archive::gzip(bytes).to_vec(),
            Self::Xz => {
                let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
                encoder.write_all(bytes).expect("memory takes every byte");
                encoder.finish().expect("a stream in memory can be finished")
            }
            Self::Zstd => zstd::encode_all(bytes, 1).expect("a stream in memory can be finished"),
        }
    }
}

/// What a path of a package is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    File(Vec<u8>),
    Folder,
    Symlink(Vec<u8>),
    HardLink(Vec<u8>),
    CharacterDevice,
    Pipe,
}

/// One entry of a tar.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// As the archive has it.
    pub(super) name: Vec<u8>,
    pub(super) kind: Kind,
    pub(super) mode: u32,
    pub(super) owner: (u64, u64),
}

/// A tar of entries in their order.
pub(super) fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for entry in entries {
        append(&mut archive, entry);
    }
    archive
        .into_inner()
        .expect("an archive in memory can be finished")
}

fn append(archive: &mut tar::Builder<Vec<u8>>, entry: &Entry) {
    let (kind, content, target) = match &entry.kind {
        Kind::File(content) => (tar::EntryType::Regular, &content[..], None),
        Kind::Folder => (tar::EntryType::Directory, &b""[..], None),
        Kind::Symlink(target) => (tar::EntryType::Symlink, &b""[..], Some(target)),
        Kind::HardLink(target) => (tar::EntryType::Link, &b""[..], Some(target)),
        Kind::CharacterDevice => (tar::EntryType::Char, &b""[..], None),
        Kind::Pipe => (tar::EntryType::Fifo, &b""[..], None),
    };
    long(
        archive,
        tar::EntryType::GNULongLink,
        target.map_or(&b""[..], |target| target),
    );
    long(archive, tar::EntryType::GNULongName, &entry.name);
    let mut header = header(&entry.name, kind, content.len() as u64, entry.mode);
    let gnu = header.as_gnu_mut().expect("it was made as GNU's");
    if let Some(target) = target {
        fill(&mut gnu.linkname, target);
    }
    fill(&mut gnu.uname, if entry.owner.0 == 0 { b"root" } else { b"" });
    fill(&mut gnu.gname, if entry.owner.1 == 0 { b"root" } else { b"" });
    header.set_uid(entry.owner.0);
    header.set_gid(entry.owner.1);
    if entry.kind == Kind::CharacterDevice {
        header.set_device_major(1).expect("GNU's headers have devices");
        header.set_device_minor(3).expect("GNU's headers have devices");
    }
    put(archive, header, content);
}

/// GNU's extension for what does not fit into a header.
fn long(archive: &mut tar::Builder<Vec<u8>>, kind: tar::EntryType, text: &[u8]) {
    if text.len() <= 100 {
        return;
    }
    let content = [text, b"\0"].concat();
    let header = header(b"././@LongLink", kind, content.len() as u64, 0o644);
    put(archive, header, &content);
}

fn header(name: &[u8], kind: tar::EntryType, size: u64, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    // Not by the header's own way, which would clean the name up.
    fill(&mut header.as_gnu_mut().expect("it was made as GNU's").name, name);
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header.set_mtime(PACKED);
    header
}

fn fill(field: &mut [u8], text: &[u8]) {
    let length = text.len().min(field.len());
    field[..length].copy_from_slice(&text[..length]);
}

fn put(archive: &mut tar::Builder<Vec<u8>>, mut header: tar::Header, content: &[u8]) {
    header.set_cksum();
    archive.append(&header, content).expect("memory takes every byte");
}

/// An `ar` of members in their order.
pub(super) fn ar(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = b"!<arch>\n".to_vec();
    for (name, content) in members {
        let header = format!(
            "{name:<16}{PACKED:<12}{:<6}{:<6}{:<8}{:<10}`\n",
            0,
            0,
            "100644",
            content.len()
        );
        archive.extend(header.as_bytes());
        archive.extend(content);
        if content.len() % 2 == 1 {
            archive.push(b'\n');
        }
    }
    archive
}
