//! One file of the store put somewhere else: as a reflink, else as a hardlink, else as a copy.
//!
//! Invariant: what lies there already is never overwritten. Which way works is found out with the first file, for all that follow.

use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use rustix::path::Arg;

use crate::error::StoreError;
use crate::link::LinkMode;

/// How a file is put somewhere else, the cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Way {
    /// Its blocks are shared.
    Reflink,
    /// It is the same file.
    Hardlink,
    /// Its bytes are written once more.
    Copy,
}

/// A file of the store.
pub(crate) struct Origin<'a> {
    /// The open folder that its name begins in.
    pub(crate) folder: BorrowedFd<'a>,
    pub(crate) name: &'a str,
    /// The mode of a file of its own that is made of it.
    pub(crate) mode: u32,
}

/// How files are put there.
#[derive(Debug)]
pub(crate) struct Ways {
    /// The [`Way`] that works here, as far as is known; only ever rises.
    way: AtomicU8,
    /// What follows where reflinks do not work.
    otherwise: Way,
}

impl Ways {
    pub(crate) fn of(mode: LinkMode) -> Self {
        let first = match mode {
            LinkMode::Auto | LinkMode::Reflink => Way::Reflink,
            LinkMode::Hardlink => Way::Hardlink,
            LinkMode::Copy => Way::Copy,
        };
        Self {
            way: AtomicU8::new(first as u8),
            otherwise: match mode {
                LinkMode::Reflink => Way::Copy,
                LinkMode::Auto | LinkMode::Hardlink | LinkMode::Copy => Way::Hardlink,
            },
        }
    }

    fn way(&self) -> Way {
        match self.way.load(Ordering::Relaxed) {
            way if way == Way::Reflink as u8 => Way::Reflink,
            way if way == Way::Hardlink as u8 => Way::Hardlink,
            _ => Way::Copy,
        }
    }

    /// Places one file; says how.
    pub(crate) fn place(
        &self,
        from: &Origin<'_>,
        fd: BorrowedFd<'_>,
        name: impl Arg + Copy,
    ) -> Result<Way, Errno> {
        match self.place_unless_full(from, fd, name) {
            // This one file has as many links as it can have (the empty file, most likely).
            Err(Errno::MLINK) => copy(from, fd, name).map(|()| Way::Copy),
            other => other,
        }
    }

    /// The same, but for a file that has as many links as it can have and would be one more: that is [`Errno::MLINK`].
    pub(crate) fn place_unless_full(
        &self,
        from: &Origin<'_>,
        fd: BorrowedFd<'_>,
        name: impl Arg + Copy,
    ) -> Result<Way, Errno> {
        loop {
            let way = self.way();
            let placed = match way {
                Way::Reflink => reflink(from, fd, name),
                Way::Hardlink => rustix::fs::linkat(from.folder, from.name, fd, name, AtFlags::empty()),
                Way::Copy => copy(from, fd, name),
            };
            let next = match (way, placed) {
                (way, Ok(())) => return Ok(way),
                (
                    Way::Reflink,
                    Err(
                        Errno::OPNOTSUPP
                        | Errno::NOTTY
                        | Errno::INVAL
                        | Errno::XDEV
                        | Errno::NOSYS
                        | Errno::PERM,
                    ),
                ) => self.otherwise,
                (Way::Hardlink, Err(Errno::XDEV | Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS)) => {
                    Way::Copy
                }
                (_, Err(errno)) => return Err(errno),
            };
            self.way.fetch_max(next as u8, Ordering::Relaxed);
        }
    }

    /// Copies a file, sharing its blocks where that is known to work.
    pub(crate) fn private_copy(
        &self,
        from: &Origin<'_>,
        fd: BorrowedFd<'_>,
        name: impl Arg + Copy,
    ) -> Result<Way, Errno> {
        if self.way() == Way::Reflink && reflink(from, fd, name).is_ok() {
            return Ok(Way::Reflink);
        }
        copy(from, fd, name).map(|()| Way::Copy)
    }
}

/// Makes a new file, to be written.
pub(crate) fn create(fd: BorrowedFd<'_>, name: impl Arg, mode: u32) -> Result<File, Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    rustix::fs::openat(fd, name, flags, Mode::from_raw_mode(mode)).map(File::from)
}

/// Why something could not be put at a path.
pub(crate) fn failed(path: PathBuf, errno: Errno) -> StoreError {
    match errno {
        Errno::EXIST | Errno::NOTDIR | Errno::LOOP => StoreError::Misplaced {
            path,
            reason: "something else is in its place",
        },
        errno => StoreError::os("place", path)(errno),
    }
}

impl Origin<'_> {
    fn open(&self) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        rustix::fs::openat(self.folder, self.name, flags, Mode::empty())
    }
}

#[cfg(target_os = "linux")]
fn reflink(from: &Origin<'_>, fd: BorrowedFd<'_>, name: impl Arg + Copy) -> Result<(), Errno> {
    let source = from.open()?;
    let target = create(fd, name, from.mode)?;
    rustix::fs::ioctl_ficlone(&target, &source).inspect_err(|_| {
        let _ = rustix::fs::unlinkat(fd, name, AtFlags::empty());
    })
}

#[cfg(not(target_os = "linux"))]
fn reflink(_: &Origin<'_>, _: BorrowedFd<'_>, _: impl Arg + Copy) -> Result<(), Errno> {
    Err(Errno::OPNOTSUPP)
}

fn copy(from: &Origin<'_>, fd: BorrowedFd<'_>, name: impl Arg) -> Result<(), Errno> {
    let mut source = File::from(from.open()?);
    let mut target = create(fd, name, from.mode)?;
    // Copies inside the kernel where that is possible.
    io::copy(&mut source, &mut target)
        .map(drop)
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;
    use crate::object::open_folder;

    #[test]
    fn what_is_made_of_a_file_follows_the_mode() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("from"), "text").unwrap();
        let folder = open_folder(place.path()).unwrap();
        let from = Origin {
            folder: folder.as_fd(),
            name: "from",
            mode: 0o500,
        };
        for (mode, expected) in [
            (LinkMode::Auto, &[Way::Reflink, Way::Hardlink][..]),
            (LinkMode::Reflink, &[Way::Reflink, Way::Copy]),
            (LinkMode::Hardlink, &[Way::Hardlink]),
            (LinkMode::Copy, &[Way::Copy]),
        ] {
            let (ways, name) = (Ways::of(mode), format!("{mode:?}"));
            let way = ways.place(&from, folder.as_fd(), name.as_str()).unwrap();
            assert!(expected.contains(&way), "{mode:?}: {way:?}");
            let made = place.path().join(&name);
            assert_eq!(std::fs::read_to_string(&made).unwrap(), "text");
            let data = made.metadata().unwrap();
            let is_link = data.ino() == place.path().join("from").metadata().unwrap().ino();
            assert_eq!(is_link, way == Way::Hardlink);
            assert!(is_link || data.permissions().mode() & 0o777 == 0o500);
            // A second one in its place is an error, and the first stays.
            let again = ways.place(&from, folder.as_fd(), name.as_str());
            assert_eq!(again, Err(Errno::EXIST));
            assert!(made.is_file());
        }
    }
}
