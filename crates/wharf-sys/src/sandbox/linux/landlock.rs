//! Limits on files without namespaces: what may be read and what may be written, by Landlock.
//!
//! Landlock knows only what is allowed. That something is hidden is said by allowing everything beside it, and beside each
//! folder above it. Source: landlock(7), the kernel's landlock.rst. Invariant: a rule is never wider than the description;
//! what appears beside a hidden folder later is not seen.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::super::plan::Resolved;
use super::super::{Access, Step};
use super::watch;

/// Rights, by their bits in linux/landlock.h.
const EXECUTE: u64 = 1;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const TRUNCATE: u64 = 1 << 14;
const IOCTL_DEV: u64 = 1 << 15;
/// The first 14 are of the first two versions.
const FIRST: u64 = (1 << 14) - 1;
const READ: u64 = EXECUTE | READ_FILE | READ_DIR;
/// What can be said of a file rather than a folder.
const OF_FILES: u64 = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV;
/// No signals and no abstract sockets to what is outside.
const SCOPES: u64 = 3;
/// Devices that are written to.
const DEVICES: [&str; 5] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
];

/// What is handled, as the kernel takes it.
#[repr(C)]
struct Handled {
    files: u64,
    network: u64,
    scopes: u64,
}

/// A rule, as the kernel takes it.
#[repr(C, packed)]
struct Rule {
    allowed: u64,
    folder: i32,
}

/// The rules, in the kernel.
pub(super) struct Ruleset(OwnedFd);

impl Ruleset {
    /// # Errors
    /// The kernel has no Landlock, or one that forbids all moves between folders.
    pub(super) fn of(resolved: &Resolved) -> io::Result<Self> {
        let failed = |error| Step::Landlock.failed(error);
        let version = version().map_err(failed)?;
        if version < 2 {
            return Err(failed(Errno::NOSYS));
        }
        let mut files = FIRST;
        for (since, right) in [(3, TRUNCATE), (5, IOCTL_DEV)] {
            if version >= since {
                files |= right;
            }
        }
        let handled = Handled {
            files,
            network: 0,
            scopes: if version >= 6 { SCOPES } else { 0 },
        };
        let ruleset = Self(create(&handled, version).map_err(failed)?);
        for (path, rights) in rules(resolved, files)? {
            ruleset.add(&path, rights)?;
        }
        Ok(ruleset)
    }

    fn add(&self, path: &Path, rights: u64) -> io::Result<()> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let Ok(folder) = rustix::fs::open(path, flags, Mode::empty()) else {
            // Gone, or nothing that this user may reach.
            return Ok(());
        };
        let is_folder = path.is_dir();
        let rule = Rule {
            allowed: if is_folder { rights } else { rights & OF_FILES },
            folder: folder.as_raw_fd(),
        };
        const PATH_BENEATH: libc::c_int = 1;
        // SAFETY: the kernel reads the structure, which outlives the call.
        let done = unsafe {
            libc::syscall(
                libc::SYS_landlock_add_rule,
                self.0.as_raw_fd(),
                PATH_BENEATH,
                &raw const rule,
                0,
            )
        };
        match watch::checked(done) {
            Ok(_) => Ok(()),
            Err(error) => Err(Step::Landlock.failed(error)),
        }
    }

    /// From here on the rules hold for this process and all that it starts.
    pub(super) fn restrict(&self) -> Result<(), Errno> {
        // SAFETY: the call takes numbers only.
        let done = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, self.0.as_raw_fd(), 0) };
        watch::checked(done).map(|_| ())
    }
}

fn version() -> Result<libc::c_long, Errno> {
    const VERSION: libc::c_int = 1;
    let nothing = std::ptr::null::<Handled>();
    // SAFETY: asked for its version, the kernel reads nothing.
    watch::checked(unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, nothing, 0usize, VERSION) })
}

fn create(handled: &Handled, version: libc::c_long) -> Result<OwnedFd, Errno> {
    // Older versions know fewer fields.
    let size = match version {
        ..4 => size_of::<u64>(),
        4..6 => 2 * size_of::<u64>(),
        _ => size_of::<Handled>(),
    };
    // SAFETY: the kernel reads `size` bytes of a structure that has as many, and what it opens belongs to nobody else.
    unsafe {
        let number = libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::from_ref(handled),
            size,
            0,
        );
        let number = watch::checked(number)?;
        Ok(OwnedFd::from_raw_fd(number as i32))
    }
}

/// What may be done where.
fn rules(resolved: &Resolved, all: u64) -> io::Result<BTreeMap<PathBuf, u64>> {
    let mut rules = BTreeMap::new();
    let mut hidden: Vec<&Path> = vec![Path::new("/dev")];
    for (path, access) in &resolved.places {
        match access {
            Access::Hidden => hidden.push(path),
            Access::ReadOnly => _ = rules.insert(path.clone(), READ),
            Access::Writable => _ = rules.insert(path.clone(), all),
        }
    }
    // Of what can be read, what is hidden in it has to be left out too.
    let shown: Vec<PathBuf> = rules.keys().cloned().collect();
    for path in shown {
        if let Some(rights) = rules.get(&path).copied().filter(|rights| *rights == READ)
            && hidden.iter().any(|hidden| hidden.starts_with(&path))
        {
            rules.remove(&path);
            beside(&path, &hidden, rights, &mut rules)?;
        }
    }
    beside(Path::new("/"), &hidden, READ, &mut rules)?;
    for device in DEVICES {
        rules.insert(device.into(), (READ | WRITE_FILE | TRUNCATE | IOCTL_DEV) & all);
    }
    for folder in [Some(Path::new("/dev/shm")), resolved.temporary.as_deref()] {
        rules.extend(folder.map(|folder| (folder.to_owned(), all)));
    }
    rules.insert("/dev/fd".into(), READ);
    Ok(rules)
}

/// Allows a folder, or where something in it is hidden, what lies beside that.
fn beside(
    folder: &Path,
    hidden: &[&Path],
    rights: u64,
    rules: &mut BTreeMap<PathBuf, u64>,
) -> io::Result<()> {
    if hidden.contains(&folder) {
        return Ok(());
    }
    if !hidden.iter().any(|hidden| hidden.starts_with(folder)) {
        rules.entry(folder.to_owned()).or_insert(rights);
        return Ok(());
    }
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry?;
        // A link leads to what has a rule of its own.
        if !entry.file_type()?.is_symlink() {
            beside(&entry.path(), hidden, rights, rules)?;
        }
    }
    Ok(())
}
