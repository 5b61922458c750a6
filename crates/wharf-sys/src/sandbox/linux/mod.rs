//! The kernel's side of sandboxes, on Linux.
//!
//! | module | job |
//! |---|---|
//! | `enter` | what a child does between fork and exec, by strength |
//! | `ids` | users and groups of a user namespace: the same as outside |
//! | `mounts` | carries out the plan of the file system |
//! | `watch` | the processes between Wharf and the program: they pass on signals and the end, and end with either |
//! | `landlock` | limits on files without namespaces |
//! | `seccomp` | no sockets, without namespaces |
//!
//! Sources: the manual pages of the calls, Linux's Documentation/userspace-api on Landlock and seccomp.
#![expect(
    unsafe_code,
    reason = "system calls that no safe wrapper offers; each block says why it is sound"
)]

mod enter;
pub(crate) mod ids;
mod landlock;
pub(crate) mod mounts;
mod seccomp;
mod watch;

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::io::Errno;

use super::plan::{Plan, Resolved, c_string};
use super::{Sandbox, Step, Strength};
use crate::view::{Entering, working_directory};
use enter::{Filters, Inside, Sees};
use mounts::Mounts;

/// What went wrong between fork and exec.
pub(crate) type Stopped = (Step, Errno);

/// See [`Sandbox::confine`].
pub(super) fn confine(sandbox: &Sandbox, command: &mut Command, strength: Strength) -> io::Result<()> {
    let folder = working_directory(command);
    let view = sandbox.view_with_places()?;
    let resolved = match strength {
        Strength::Filtered => Resolved::of(&sandbox.seeing_its_view())?,
        _ => Resolved::of(sandbox)?,
    };
    if let (Some(view), false) = (&view, matches!(strength, Strength::Isolated { .. })) {
        // Where there are views but no sandboxes with mounts, it comes before what limits the program.
        view.enter(command).map_err(io::Error::other)?;
    }
    let enter: Box<dyn FnMut() -> Result<(), Stopped> + Send + Sync> = match strength {
        Strength::None => return Ok(()),
        Strength::Isolated { processes } => {
            let plan = Plan::of(&resolved)?;
            let view = view.as_ref().map(|view| Entering::new(view, &folder));
            let sees = Sees::System(view.transpose().map_err(io::Error::other)?, Mounts::new(plan));
            let mut inside = Inside::new(sees, c_string(&folder)?, sandbox.network, processes)?;
            Box::new(move || inside.enter())
        }
        Strength::Filtered => {
            let mut filters = Filters::new(Some(&resolved), sandbox.network)?;
            Box::new(move || filters.enter())
        }
        Strength::Offline => {
            let mut filters = Filters::new(None, sandbox.network)?;
            Box::new(move || filters.enter())
        }
    };
    before_exec(command, enter);
    Ok(())
}

/// See [`super::Construction::confine`].
pub(super) fn construct(
    construction: &super::Construction,
    command: &mut Command,
    processes: bool,
) -> io::Result<()> {
    let mounts = Mounts::new(super::construction::plan(construction, processes)?);
    let alone = !ids::Ids::as_root().several();
    let filter = alone.then(seccomp::Filter::giving_files).transpose()?;
    let sees = Sees::Construction(mounts, filter);
    let mut inside = Inside::new(sees, c"/".into(), super::Network::None, processes)?;
    before_exec(command, move || inside.enter());
    Ok(())
}

fn before_exec(
    command: &mut Command,
    mut enter: impl FnMut() -> Result<(), Stopped> + Send + Sync + 'static,
) {
    let enter = move || enter().map_err(|(step, error)| step.failed(error));
    // SAFETY: what runs between fork and exec allocates nothing and takes no lock: it makes system calls on what was
    // prepared before, and does so in the child, whose memory is its own. The error is a number.
    unsafe { command.pre_exec(enter) };
}

/// Enters a sandbox and leaves it again.
pub(super) fn attempt(strength: Strength) -> io::Result<()> {
    // A folder to hide and one to show, as every real one has.
    let sandbox = Sandbox::new().hidden("/tmp");
    // It is never run.
    let mut command = Command::new("/");
    command.current_dir(Path::new("/"));
    sandbox.confine(&mut command, strength)?;
    // SAFETY: it makes one system call, and ends the child in which it runs.
    unsafe { command.pre_exec(|| libc::_exit(0)) };
    let null = || Stdio::null();
    let status = command.stdin(null()).stdout(null()).stderr(null()).status()?;
    match status.success() {
        true => Ok(()),
        false => Err(Step::Processes.failed(Errno::CHILD)),
    }
}
