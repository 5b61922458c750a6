//! Debian packages into the store: from a stream, in one pass, verified while it arrives.
//!
//! A `.deb` is an `ar` archive of `debian-binary` (the version of the format), `control.tar` (what the package says of itself, its
//! scripts) and `data.tar` (its files). Both tars become [`SystemTree`]s, and both are remembered by the
//! digest of the archive. Members whose names begin with `_` are passed over, and whatever comes after `data.tar`; any other
//! unknown member makes dpkg refuse the package, and us.
//!
//! Invariant: nothing has a name in the store before the digest of the whole archive was right.
//! Sources: deb(5), deb-control(5).

mod ar;
mod contents;

use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use wharf_core::{Digest, Ecosystem};

use self::ar::Ar;
use self::contents::{Packing, unpack};
use crate::archive::{ArchiveError, Limits, Refusal, Trouble, nameless};
use crate::error::StoreError;
use crate::hash::Hasher;
use crate::id::TreeId;
use crate::import::Batch;
use crate::store::Store;
use crate::system::SystemTree;

/// The first member of every package.
const VERSION: &str = "debian-binary";

/// An unpacked Debian package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DebPackage {
    /// Its files: a [`SystemTree`].
    pub data: TreeId,
    /// What it says of itself: `control`, `md5sums`, `conffiles`, scripts; a [`SystemTree`] of plain files.
    pub control: TreeId,
}

impl Store {
    /// Unpacks a Debian package while it arrives, and remembers it by its digest.
    ///
    /// # Errors
    /// Where it is refused, has another digest, or the store cannot take it; nothing of it is then in the store.
    pub fn import_deb(
        &self,
        archive: impl Read,
        expected: &Digest,
        limits: &Limits,
    ) -> Result<DebPackage, ArchiveError> {
        self.unpack_hashed(archive, None, expected, limits)
            .map_err(|trouble| trouble.of(nameless()))
    }

    /// The same for an archive that is all there: nothing of one with another digest is unpacked.
    ///
    /// # Errors
    /// As [`Self::import_deb`].
    pub fn import_whole_deb(
        &self,
        archive: &[u8],
        expected: &Digest,
        limits: &Limits,
    ) -> Result<DebPackage, ArchiveError> {
        let known = Hasher::digest(expected.algorithm(), archive);
        let unpacked = check_digest(known, expected)
            .and_then(|()| self.unpack_hashed(archive, Some(known), expected, limits));
        unpacked.map_err(|trouble| trouble.of(nameless()))
    }

    /// The package that an archive with this digest became; `None` where the store has it not, or not any more.
    pub fn lookup_deb(&self, digest: &Digest) -> Option<DebPackage> {
        let trees = self.lookup_trees(Ecosystem::Deb, digest)?;
        let [data, control] = *trees.as_slice() else {
            return None;
        };
        Some(DebPackage { data, control })
    }

    /// `known` is the archive's digest, where somebody has it.
    fn unpack_hashed(
        &self,
        archive: impl Read,
        known: Option<Digest>,
        expected: &Digest,
        limits: &Limits,
    ) -> Result<DebPackage, Trouble> {
        let arrived = Rc::new(Cell::new(0));
        let source = Hashed {
            inner: archive,
            hasher: known.is_none().then(|| Hasher::new(expected.algorithm())),
            arrived: Rc::clone(&arrived),
        };
        let mut ar = Ar::new(BufReader::with_capacity(128 * 1024, source))?;
        let mut batch = Batch::new(self.workbench()?);
        check_version(&mut ar)?;
        let (member, control) = unpack_member(&mut ar, "control.tar", &arrived, limits, &mut batch)?;
        if control.get(b"control").is_none() {
            return Err(Trouble::entry(&member)(Refusal::Malformed(
                "it has no file `control`",
            )));
        }
        let (_, data) = unpack_member(&mut ar, "data.tar", &arrived, limits, &mut batch)?;
        while ar.next()?.is_some() {}
        // Also what comes after the last member is hashed.
        let mut rest = ar.into_inner();
        io::copy(&mut rest, &mut io::sink()).map_err(|error| Trouble::decoding("", error))?;
        if let Some(hasher) = rest.into_inner().hasher {
            check_digest(hasher.finish(), expected)?;
        }
        Ok(self.keep(batch, expected, &data, &control)?)
    }

    fn keep(
        &self,
        batch: Batch<'_>,
        digest: &Digest,
        data: &SystemTree,
        control: &SystemTree,
    ) -> Result<DebPackage, StoreError> {
        self.publish_objects(batch)?;
        let package = DebPackage {
            data: self.write_system_tree(data)?,
            control: self.write_system_tree(control)?,
        };
        self.record_trees(Ecosystem::Deb, digest, &[package.data, package.control])?;
        Ok(package)
    }
}

fn check_digest(actual: Digest, expected: &Digest) -> Result<(), Trouble> {
    match actual == *expected {
        true => Ok(()),
        false => Err(Refusal::Digest {
            expected: Box::new(*expected),
            actual: Box::new(actual),
        }
        .into()),
    }
}

/// The format's version, `2.` and anything.
fn check_version<R: Read>(ar: &mut Ar<R>) -> Result<(), Trouble> {
    let first = ar
        .next()?
        .map_or_else(|| "the end".to_owned(), |member| format!("`{}`", member.name));
    if first != format!("`{VERSION}`") {
        return Err(Refusal::Member {
            found: first,
            wanted: "`debian-binary`",
        }
        .into());
    }
    let mut text = Vec::new();
    ar.take(128)
        .read_to_end(&mut text)
        .map_err(|error| Trouble::decoding(VERSION, error))?;
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let minor = line.strip_prefix("2.");
    match minor.is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit())) {
        true => Ok(()),
        false => Err(Refusal::FormatVersion(line.chars().take(20).collect()).into()),
    }
}

/// Unpacks the next member that counts, which has to be this one; gives its name as well.
fn unpack_member<R: Read>(
    ar: &mut Ar<R>,
    wanted: &'static str,
    arrived: &Rc<Cell<u64>>,
    limits: &Limits,
    batch: &mut Batch<'_>,
) -> Result<(String, SystemTree), Trouble> {
    let mut member = ar.next()?;
    while member.as_ref().is_some_and(|member| member.name.starts_with('_')) {
        member = ar.next()?;
    }
    let name = member.map(|member| member.name);
    let refuse = |name: Option<String>| Refusal::Member {
        found: name.map_or_else(|| "the end".to_owned(), |name| format!("`{name}`")),
        wanted,
    };
    let packing = name
        .as_deref()
        .and_then(|name| name.strip_prefix(wanted))
        .and_then(Packing::of);
    let (Some(name), Some(packing)) = (&name, packing) else {
        return Err(refuse(name).into());
    };
    let body = BufReader::with_capacity(64 * 1024, ar);
    let tree = unpack(body, packing, arrived, limits, batch)?;
    Ok((name.clone(), tree))
}

/// Hashes and counts what passes.
struct Hashed<R> {
    inner: R,
    /// `None` where the digest is known.
    hasher: Option<Hasher>,
    arrived: Rc<Cell<u64>>,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..count]);
        }
        self.arrived.set(self.arrived.get() + count as u64);
        Ok(count)
    }
}
