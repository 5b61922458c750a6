//! Entering a view: new namespaces for users and mounts, and the mounts in them.
//!
//! Root of the machine needs no new users, only mounts of its own: programs that change their user can then. Everybody else
//! has a user namespace in which they are who they are outside. Source: user_namespaces(7), mount_namespaces(7).
//! Invariant: between fork and exec everything is a system call on prepared memory.
#![expect(
    unsafe_code,
    reason = "system calls that no safe wrapper offers; each block says why it is sound"
)]

use std::ffi::CString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::io::Errno;
use rustix::process::geteuid;
use rustix::thread::UnshareFlags;

use super::{View, ViewError, layout, state};
use crate::sandbox::Step;
use crate::sandbox::linux::Stopped;
use crate::sandbox::linux::ids::Ids;
use crate::sandbox::linux::mounts::Mounts;
use crate::sandbox::plan::{Plan, c_string};

/// Everything that a process needs to enter a view.
pub(crate) struct Entering {
    mounts: Mounts,
    ids: Ids,
    folder: CString,
}

impl Entering {
    /// What entering a view from a working directory needs.
    pub(crate) fn new(view: &View, folder: &Path) -> Result<Self, ViewError> {
        let own = state::prepare(view)?;
        let plan = layout::plan(view, &own, folder)?;
        Self::over(plan, folder).map_err(ViewError::state(view.state()))
    }

    fn over(plan: Plan, folder: &Path) -> io::Result<Self> {
        Ok(Self {
            mounts: Mounts::new(plan),
            ids: Ids::of_this_process(),
            folder: c_string(folder)?,
        })
    }

    /// Makes the namespaces, mounts, and stands in the working directory.
    fn enter(&mut self) -> Result<(), Stopped> {
        self.separate()?;
        self.lay()?;
        rustix::process::chdir(self.folder.as_c_str()).map_err(|error| (Step::Folder, error))
    }

    fn separate(&self) -> Result<(), Stopped> {
        // SAFETY: the flag leaves the table of open files shared as it is.
        if geteuid().is_root() && unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS) }.is_ok() {
            return Ok(());
        }
        self.ids.unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS)
    }

    /// The mounts, in namespaces that were made.
    pub(crate) fn lay(&mut self) -> Result<(), Stopped> {
        self.mounts.lay().map_err(|error| (Step::View, error))
    }
}

/// See [`View::enter`].
pub(super) fn prepare(view: &View, command: &mut Command) -> Result<(), ViewError> {
    if view.is_entered() {
        return Ok(());
    }
    let entering = Entering::new(view, &working_directory(command))?;
    arrange(entering, command);
    Ok(())
}

fn arrange(mut entering: Entering, command: &mut Command) {
    let enter = move || entering.enter().map_err(|(step, error)| step.failed(error));
    // SAFETY: what runs between fork and exec allocates nothing and takes no lock: it makes system calls on what was
    // prepared above. The error is a number.
    unsafe { command.pre_exec(enter) };
}

/// Where a command starts.
pub(crate) fn working_directory(command: &Command) -> PathBuf {
    let here = || std::env::current_dir().unwrap_or_else(|_| "/".into());
    command
        .get_current_dir()
        .map_or_else(here, |folder| here().join(folder))
}

/// Enters a view of nothing much and leaves it again.
pub(super) fn attempt() -> io::Result<()> {
    let mut plan = Plan::default();
    let usr = plan.tree(Path::new("/usr"), crate::sandbox::plan::Through::ReadOnly)?;
    plan.ops
        .push(crate::sandbox::plan::Op::Attach(usr, c"/usr".into()));
    // It is never run.
    let mut command = Command::new("/");
    command.current_dir("/");
    arrange(Entering::over(plan, Path::new("/"))?, &mut command);
    // SAFETY: it makes one system call, and ends the child in which it runs.
    unsafe { command.pre_exec(|| libc::_exit(0)) };
    let null = || Stdio::null();
    let status = command.stdin(null()).stdout(null()).stderr(null()).status()?;
    match status.success() {
        true => Ok(()),
        false => Err(Step::View.failed(Errno::CHILD)),
    }
}
