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
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount, mount_change,
    move_mount, open_tree, unmount,
};

use super::super::Step;
use super::super::plan::{Op, Plan, Through, Tree};
use super::{Stopped, watch};

/// A plan and the trees that it takes hold of.
pub(crate) struct Mounts {
    plan: Plan,
    trees: Vec<Option<RawFd>>,
}

impl Mounts {
    pub(crate) fn new(plan: Plan) -> Self {
        let trees = plan.trees.iter().map(|_| None).collect();
        Self { plan, trees }
    }

    /// Makes the file system what it is to be. `processes` says whether this is the first of new processes.
    pub(super) fn carry_out(&mut self, processes: bool) -> Result<(), Stopped> {
        let mounts = |error| (Step::Mounts, error);
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change(c"/", private).map_err(mounts)?;
        self.take().map_err(mounts)?;
        limit(CWD, c"/", Through::ReadOnly, Reach::Below).map_err(|error| (Step::ReadOnly, error))?;
        if processes {
            proc(c"/proc").map_err(|error| (Step::Proc, error))?;
        }
        self.apply().map_err(mounts)
    }

    /// Puts what the plan says over a file system that stays as it is otherwise. What is mounted outside later is seen.
    pub(crate) fn lay(&mut self) -> Result<(), Errno> {
        let follows = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
        mount_change(c"/", follows)?;
        self.take()?;
        self.apply()
    }

    fn take(&mut self) -> Result<(), Errno> {
        for (tree, kept) in self.plan.trees.iter().zip(&mut self.trees) {
            *kept = match take(&tree.from, tree.through) {
                Ok(taken) => Some(taken),
                // It was there a moment ago; what is gone is not seen.
                Err(Errno::NOENT) if tree.through != Through::Writable => None,
                Err(error) => return Err(error),
            };
        }
        Ok(())
    }

    fn apply(&self) -> Result<(), Errno> {
        for op in &self.plan.ops {
            match apply(op, &self.trees) {
                // In a view it may be missing; then there is nothing to hide, and nowhere to show it.
                Err(Errno::NOENT) if op.may_miss(&self.plan.trees) => {}
                other => other?,
            }
        }
        Ok(())
    }
}

impl Op {
    fn may_miss(&self, trees: &[Tree]) -> bool {
        match self {
            Op::Empty(_) => true,
            Op::Attach(tree, _) => trees[*tree].through == Through::ReadOnly,
            Op::Folder(_) | Op::File(_) | Op::Link { .. } | Op::Seal(_) | Op::Proc(_) | Op::Root(_) => false,
        }
    }
}

fn take(from: &CStr, through: Through) -> Result<RawFd, Errno> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE
        | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
    let tree = open_tree(CWD, from, flags)?;
    if through != Through::Anything {
        limit(rustix::fd::AsFd::as_fd(&tree), c"", through, Reach::Below)?;
    }
    Ok(tree.into_raw_fd())
}

/// How far a limit reaches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// One mount.
    Alone,
    /// And all below it.
    Below,
}

/// Sets what can be done through a mount. What is set already stays, locked or not.
fn limit(folder: BorrowedFd<'_>, path: &CStr, through: Through, reach: Reach) -> Result<(), Errno> {
    let set = libc::MOUNT_ATTR_NOSUID
        | match through {
            Through::ReadOnly => libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NODEV,
            Through::Writable => libc::MOUNT_ATTR_NODEV,
            Through::Device => libc::MOUNT_ATTR_NOEXEC,
            Through::Anything => 0,
        };
    let attributes = libc::mount_attr {
        attr_set: set,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    let below = match reach {
        Reach::Alone => 0,
        Reach::Below => libc::AT_RECURSIVE as u32,
    };
    let flags = AtFlags::EMPTY_PATH.bits() | below;
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
        Op::Proc(at) => proc(at),
        Op::Seal(at) => limit(CWD, at, Through::ReadOnly, Reach::Alone),
        Op::Root(at) => {
            rustix::process::chdir(at.as_c_str())?;
            // The old root comes to lie over the new one, from where it is taken away. Source: pivot_root(2).
            rustix::process::pivot_root(c".", c".")?;
            unmount(c".", UnmountFlags::DETACH)?;
            rustix::process::chdir(c"/")
        }
    }
}

/// Mounts `/proc`. Read-only: root's user number is the system's own, to which settings in /proc/sys would listen.
fn proc(at: &CStr) -> Result<(), Errno> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::RDONLY;
    mount(c"proc", at, c"proc", flags, None)
}

/// What is there already is as good as made.
fn there(made: Result<(), Errno>) -> Result<(), Errno> {
    match made {
        Err(Errno::EXIST) => Ok(()),
        other => other,
    }
}
