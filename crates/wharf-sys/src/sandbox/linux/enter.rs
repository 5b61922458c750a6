//! What a child of Wharf does between fork and exec.
//!
//! ```text
//! Wharf ── outer (its child; the new namespaces) ── init (process 1 of the new processes) ── the program
//! ```
//! The outer process and init stay as forks of Wharf's, without any of its open files: they wait. Where there are no
//! processes of its own, there is no init; without namespaces neither does anything but watch.
//! Invariant: everything here is a system call on prepared memory.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{PidfdFlags, getpid, pidfd_open};
use rustix::thread::UnshareFlags;

use super::super::plan::Resolved;
use super::super::{Network, Step};
use super::ids::Ids;
use super::landlock::Ruleset;
use super::mounts::Mounts;
use super::seccomp::Filter;
use super::watch::{self, Orphans, Watch};
use super::{Stopped, ids};
use crate::view::Entering;

/// What a program sees of files.
pub(super) enum Sees {
    /// The system, or a system root in its place, with limits.
    System(Option<Entering>, Mounts),
    /// A root under construction, as its root; with several users or as if there were.
    Construction(Mounts, Option<Filter>),
}

/// Everything that a child needs to enter namespaces.
pub(super) struct Inside {
    sees: Sees,
    folder: CString,
    network: Network,
    processes: bool,
    ids: Ids,
    /// Wharf itself: the sandbox ends with it, whichever thread started it.
    wharf: OwnedFd,
}

impl Inside {
    pub(super) fn new(sees: Sees, folder: CString, network: Network, processes: bool) -> io::Result<Self> {
        Ok(Self {
            ids: match &sees {
                Sees::System(..) => Ids::of_this_process(),
                Sees::Construction(..) => Ids::as_root(),
            },
            sees,
            folder,
            network,
            processes,
            wharf: pidfd_open(getpid(), PidfdFlags::empty())?,
        })
    }

    pub(super) fn enter(&mut self) -> Result<(), Stopped> {
        let processes = |error| (Step::Processes, error);
        let signals = watch::take_signals().map_err(processes)?;
        self.separate()?;
        if self.network == Network::None {
            loopback_up().map_err(|error| (Step::Loopback, error))?;
        }
        if self.processes {
            let (read, write) = pipe_with(PipeFlags::CLOEXEC).map_err(processes)?;
            let outer = pidfd_open(getpid(), PidfdFlags::empty()).map_err(processes)?;
            if let Some(init) = watch::fork().map_err(processes)? {
                Watch {
                    child: init,
                    signals: signals.as_raw_fd(),
                    deaths: [self.wharf.as_raw_fd(), -1],
                    told: read.as_raw_fd(),
                    tell: -1,
                    orphans: Orphans::EndWithIt,
                }
                .run();
            }
            self.see()?;
            if let Some(program) = watch::fork().map_err(processes)? {
                Watch {
                    child: program,
                    signals: signals.as_raw_fd(),
                    deaths: [self.wharf.as_raw_fd(), outer.as_raw_fd()],
                    told: -1,
                    tell: write.as_raw_fd(),
                    orphans: Orphans::EndWithIt,
                }
                .run();
            }
        } else {
            self.see()?;
            watched(&self.wharf, &signals)?;
        }
        watch::give_signals_back();
        Ok(())
    }

    /// Takes leave of the system's namespaces.
    fn separate(&mut self) -> Result<(), Stopped> {
        let mut flags =
            UnshareFlags::NEWUSER | UnshareFlags::NEWNS | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
        if self.processes {
            flags |= UnshareFlags::NEWPID;
        }
        if self.network == Network::None {
            flags |= UnshareFlags::NEWNET;
        }
        self.ids.unshare(flags)
    }

    /// Sees what the program will see, and may no more than that.
    fn see(&mut self) -> Result<(), Stopped> {
        match &mut self.sees {
            Sees::System(view, mounts) => {
                if let Some(view) = view {
                    view.lay()?;
                }
                mounts.carry_out(self.processes)?;
            }
            Sees::Construction(mounts, _) => mounts.lay().map_err(|error| (Step::View, error))?,
        }
        // The folder that the child stands in is the one below what was mounted.
        rustix::process::chdir(self.folder.as_c_str()).map_err(|error| (Step::Folder, error))?;
        let privileges = |error| (Step::Privileges, error);
        match &self.sees {
            Sees::System(..) => ids::give_up_privileges().map_err(privileges),
            Sees::Construction(_, filter) => {
                ids::keep(ids::BUILDING).map_err(privileges)?;
                match filter {
                    Some(filter) => filter.load().map_err(|error| (Step::Seccomp, error)),
                    None => Ok(()),
                }
            }
        }
    }
}

/// Leaves a process behind that ends the program with Wharf.
fn watched(wharf: &OwnedFd, signals: &OwnedFd) -> Result<(), Stopped> {
    if let Some(program) = watch::fork().map_err(|error| (Step::Processes, error))? {
        Watch {
            child: program,
            signals: signals.as_raw_fd(),
            deaths: [wharf.as_raw_fd(), -1],
            told: -1,
            tell: -1,
            orphans: Orphans::EndGroup,
        }
        .run();
    }
    Ok(())
}

/// Everything that a child needs to limit itself without namespaces.
pub(super) struct Filters {
    ruleset: Option<Ruleset>,
    filter: Option<Filter>,
    wharf: OwnedFd,
}

impl Filters {
    /// Limits on files only where there is something `resolved`.
    pub(super) fn new(resolved: Option<&Resolved>, network: Network) -> io::Result<Self> {
        Ok(Self {
            ruleset: resolved.map(Ruleset::of).transpose()?,
            filter: match network {
                Network::None => Some(Filter::without_sockets()?),
                Network::Host => None,
            },
            wharf: pidfd_open(getpid(), PidfdFlags::empty())?,
        })
    }

    pub(super) fn enter(&mut self) -> Result<(), Stopped> {
        let signals = watch::take_signals().map_err(|error| (Step::Processes, error))?;
        watched(&self.wharf, &signals)?;
        watch::give_signals_back();
        rustix::thread::set_no_new_privs(true).map_err(|error| (Step::Privileges, error))?;
        if let Some(ruleset) = &self.ruleset {
            ruleset.restrict().map_err(|error| (Step::Landlock, error))?;
        }
        if let Some(filter) = &self.filter {
            filter.load().map_err(|error| (Step::Seccomp, error))?;
        }
        Ok(())
    }
}

/// Starts the loopback interface of a new network namespace. Source: netdevice(7).
fn loopback_up() -> Result<(), Errno> {
    // SAFETY: the structure is one of plain numbers and bytes, for which zeros are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = from.cast_signed() as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: the calls take numbers and a pointer to the structure that they are documented to take, which outlives them;
    // what is opened belongs to nobody else.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        watch::checked(socket.into())?;
        let socket = OwnedFd::from_raw_fd(socket);
        let done = libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request);
        watch::checked(done.into()).map(|_| ())
    }
}
