//! Carries out a plan of the file system in a new mount namespace.
//!
//! Everything that will be seen through something else is taken hold of first (`open_tree`), then the whole is made read-only,
//! then folders are covered, and what was taken hold of is put in place. Source: mount_setattr(2), open_tree(2), move_mount(2).
//! Invariant: no memory is taken; the numbers of open files go where room was made for them.

use std::ffi::CStr;
use std::os::fd::{BorrowedFd, RawFd};

use rustix::fd::IntoRawFd;
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount, mount_change, move_mount,
    open_tree,
};

use super::super::Step;
use super::super::plan::{Op, Plan, Through};
use super::{Stopped, watch};

/// A plan and the trees that it takes hold of.
pub(super) struct Mounts {
    plan: Plan,
    trees: Vec<Option<RawFd>>,
}

impl Mounts {
    pub(super) fn new(plan: Plan) -> Self {
        let trees = plan.trees.iter().map(|_| None).collect();
        Self { plan, trees }
    }

    /// Makes the file system what it is to be. `processes` says whether this is the first of new processes.
    pub(super) fn carry_out(&mut self, processes: bool) -> Result<(), Stopped> {
        let mounts = |error| (Step::Mounts, error);
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change(c"/", private).map_err(mounts)?;
        for (tree, kept) in self.plan.trees.iter().zip(&mut self.trees) {
            *kept = match take(&tree.from, tree.through) {
                Ok(taken) => Some(taken),
                // It was there a moment ago; what is gone is not seen.
                Err(Errno::NOENT) if tree.through != Through::Writable => None,
                Err(error) => return Err((Step::Mounts, error)),
            };
        }
        limit(CWD, c"/", Through::ReadOnly).map_err(|error| (Step::ReadOnly, error))?;
        if processes {
            // Read-only: root's user number is the system's own, to which settings in /proc/sys would listen.
            let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::RDONLY;
            mount(c"proc", c"/proc", c"proc", flags, None).map_err(|error| (Step::Proc, error))?;
        }
        for op in &self.plan.ops {
            apply(op, &self.trees).map_err(mounts)?;
        }
        Ok(())
    }
}

fn take(from: &CStr, through: Through) -> Result<RawFd, Errno> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE
        | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
    let tree = open_tree(CWD, from, flags)?;
    limit(rustix::fd::AsFd::as_fd(&tree), c"", through)?;
    Ok(tree.into_raw_fd())
}

/// Sets what can be done through a mount and all below it. What is set already stays, locked or not.
fn limit(folder: BorrowedFd<'_>, path: &CStr, through: Through) -> Result<(), Errno> {
    let set = libc::MOUNT_ATTR_NOSUID
        | match through {
            Through::ReadOnly => libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NODEV,
            Through::Writable => libc::MOUNT_ATTR_NODEV,
            Through::Device => libc::MOUNT_ATTR_NOEXEC,
        };
    let attributes = libc::mount_attr {
        attr_set: set,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    let flags = AtFlags::EMPTY_PATH.bits() | libc::AT_RECURSIVE as u32;
    // SAFETY: the call reads a path that ends in NUL and a structure of the size that it is told, both of which outlive it.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            std::os::fd::AsRawFd::as_raw_fd(&folder),
            path.as_ptr(),
            flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    watch::checked(done).map(|_| ())
}

fn apply(op: &Op, trees: &[Option<RawFd>]) -> Result<(), Errno> {
    match op {
        Op::Folder(at) => there(rustix::fs::mkdirat(
            CWD,
            at.as_c_str(),
            Mode::from_raw_mode(0o755),
        )),
        Op::File(at) => {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
            there(rustix::fs::openat(CWD, at.as_c_str(), flags, Mode::from_raw_mode(0o644)).map(drop))
        }
        Op::Link { at, to } => there(rustix::fs::symlinkat(to.as_c_str(), CWD, at.as_c_str())),
        Op::Empty(at) => {
            let flags = MountFlags::NOSUID | MountFlags::NODEV;
            mount(c"tmpfs", at.as_c_str(), c"tmpfs", flags, c"mode=0755")
        }
        Op::Attach(tree, at) => {
            let Some(tree) = trees[*tree] else { return Ok(()) };
            // SAFETY: it was opened in `take` and nothing closes it.
            let tree = unsafe { BorrowedFd::borrow_raw(tree) };
            move_mount(
                tree,
                c"",
                CWD,
                at.as_c_str(),
                MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
            )
        }
    }
}

/// What is there already is as good as made.
fn there(made: Result<(), Errno>) -> Result<(), Errno> {
    match made {
        Err(Errno::EXIST) => Ok(()),
        other => other,
    }
}
