//! Users and groups of a user namespace: those inside are the same as outside.
//!
//! An ordinary user is alone in it. Root has all users that it has outside, which a helper in the old namespace has to give:
//! files of others are its to read there too, as builds by root expect. Source: user_namespaces(7), capabilities(7).
//! Invariant: what the program may do is never more than what its user may do outside, and nothing that could undo a mount.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{WaitOptions, getegid, geteuid, waitpid};
use rustix::thread::{CapabilitySet, CapabilitySets, UnshareFlags};

use super::super::Step;
use super::{Stopped, watch};

/// What root keeps: what it needs to unpack and to write beside others' files.
const KEPT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID);

/// Which users a namespace gets.
pub(crate) struct Ids {
    /// This process's own user and group.
    alone: [Vec<u8>; 2],
    /// All users and groups of this process's own namespace, where it may give them.
    all: Option<[Vec<u8>; 2]>,
}

impl Ids {
    pub(crate) fn of_this_process() -> Self {
        let alone = |id: u32| format!("{id} {id} 1\n").into_bytes();
        let (user, group) = (geteuid(), getegid());
        let read = |path| Some(same(&std::fs::read_to_string(path).ok()?));
        let all = user
            .is_root()
            .then(|| Some([read("/proc/self/uid_map")?, read("/proc/self/gid_map")?]));
        Self {
            alone: [alone(user.as_raw()), alone(group.as_raw())],
            all: all.flatten(),
        }
    }

    /// As [`Ids::of_this_process`], but an ordinary user is root inside, and may do no more than before outside.
    pub(crate) fn as_root() -> Self {
        let [user, group] =
            [geteuid().as_raw(), getegid().as_raw()].map(|id| format!("0 {id} 1\n").into_bytes());
        Self {
            alone: [user, group],
            ..Self::of_this_process()
        }
    }

    /// Whether there is more than one user inside.
    pub(crate) fn several(&self) -> bool {
        self.all.is_some()
    }

    /// Makes the namespaces and gives them their users.
    pub(crate) fn unshare(&self, flags: UnshareFlags) -> Result<(), Stopped> {
        let users = |error| (Step::Users, error);
        let helped = match &self.all {
            Some(all) => {
                let (read, write) = pipe_with(PipeFlags::CLOEXEC).map_err(users)?;
                let own = open(rustix::fs::CWD, c"/proc/self", OFlags::PATH).map_err(users)?;
                let helper = watch::fork().map_err(users)?;
                let Some(helper) = helper else {
                    drop(write);
                    help(read.as_fd(), own.as_fd(), all);
                };
                unshare(flags).inspect_err(|_| {
                    // It reads the end of the pipe when this process ends.
                })?;
                let _ = rustix::io::write(&write, b"!");
                let ended = waitpid(Some(helper), WaitOptions::empty()).map_err(users)?;
                ended.is_some_and(|(_, status)| status.exit_status() == Some(0))
            }
            None => {
                unshare(flags)?;
                false
            }
        };
        if !helped {
            // Without it a process could give up a group that keeps it from a file.
            put(rustix::fs::CWD, c"/proc/self/setgroups", b"deny").map_err(users)?;
            put(rustix::fs::CWD, c"/proc/self/uid_map", &self.alone[0]).map_err(users)?;
            put(rustix::fs::CWD, c"/proc/self/gid_map", &self.alone[1]).map_err(users)?;
        }
        Ok(())
    }
}

/// The helper: waits until its parent has the new namespace, gives it all users, ends.
fn help(go: BorrowedFd<'_>, parent: BorrowedFd<'_>, [users, groups]: &[Vec<u8>; 2]) -> ! {
    let mut word = [0];
    let gone = rustix::io::read(go, &mut word) != Ok(1);
    let failed = gone || put(parent, c"uid_map", users).is_err() || put(parent, c"gid_map", groups).is_err();
    // SAFETY: the call takes a number and does not return.
    unsafe { libc::_exit(i32::from(failed)) }
}

fn unshare(flags: UnshareFlags) -> Result<(), Stopped> {
    // SAFETY: the flags leave the table of open files shared as it is.
    unsafe { rustix::thread::unshare_unsafe(flags) }.map_err(|error| (Step::Namespaces, error))
}

fn open(folder: BorrowedFd<'_>, path: &CStr, flags: OFlags) -> Result<rustix::fd::OwnedFd, Errno> {
    rustix::fs::openat(folder, path, flags | OFlags::CLOEXEC, Mode::empty())
}

fn put(folder: BorrowedFd<'_>, path: &CStr, text: &[u8]) -> Result<(), Errno> {
    let file = open(folder, path, OFlags::WRONLY)?;
    // The kernel takes a map in one piece or not at all.
    rustix::io::write(&file, text).map(|_| ())
}

/// A map under which every user inside is the same outside.
fn same(map: &str) -> Vec<u8> {
    let mut text = String::new();
    for line in map.lines() {
        let mut numbers = line.split_ascii_whitespace();
        if let (Some(inside), Some(_), Some(count)) = (numbers.next(), numbers.next(), numbers.next()) {
            text.push_str(&format!("{inside} {inside} {count}\n"));
        }
    }
    text.into_bytes()
}

/// What root of a system under construction keeps more: becoming the users that it makes.
pub(super) const BUILDING: CapabilitySet = KEPT
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SYS_CHROOT)
    .union(CapabilitySet::KILL);

/// Keeps no privilege, also over exec, but root's over files.
pub(super) fn give_up_privileges() -> Result<(), Errno> {
    keep(if geteuid().is_root() {
        KEPT
    } else {
        CapabilitySet::empty()
    })
}

/// Keeps some privileges and no other, also over exec.
pub(super) fn keep(kept: CapabilitySet) -> Result<(), Errno> {
    rustix::thread::set_no_new_privs(true)?;
    for number in 0..64 {
        if kept.bits() & 1 << number == 0 {
            // SAFETY: the call takes numbers only.
            let done = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number as libc::c_ulong, 0, 0, 0) };
            if done < 0 {
                // The first number beyond the last capability.
                break;
            }
        }
    }
    let sets = CapabilitySets {
        effective: kept,
        permitted: kept,
        inheritable: CapabilitySet::empty(),
    };
    rustix::thread::set_capabilities(None, sets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_name_every_user_once_more() {
        assert_eq!(same("         0          0 4294967295\n"), b"0 0 4294967295\n");
        assert_eq!(
            same("0 1000 1\n 1 100000 65536\n"),
            b"0 0 1\n1 1 65536\n",
            "the users of a rootless container"
        );
        assert_eq!(same(""), b"");
    }
}
