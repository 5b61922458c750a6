//! A system root that is being made: where a package's own scripts run, as its root.
//!
//! The program sees the root's folder as `/`, writable, with processes and harmless devices, an empty `/run` and `/tmp`, and
//! nothing of the host. It is root there: an ordinary user's one number, so that giving files to other users seems to work and
//! changes nothing. No network. Source: user_namespaces(7), pivot_root(2).
//! Invariant: nothing outside the root's folder can be changed.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Strength;

/// A system root that is being made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Construction {
    root: PathBuf,
    /// What can be written; all of the root where nothing is said.
    instead: Option<Vec<Instead>>,
}

/// A folder of the root with another one in its place, which can be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instead {
    /// The folder, from the root. Nothing on the way to it is a link; what lies below `run` need not be there.
    pub at: PathBuf,
    /// What stands in its place.
    pub with: PathBuf,
    /// Folders right in it, by name, that are the root's own after all, read-only. The other has a folder for each.
    pub showing: Vec<PathBuf>,
}

impl Construction {
    /// The root in a folder, which is writable.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            instead: None,
        }
    }

    /// Makes the root read-only, but for these.
    #[must_use]
    pub fn writing_only(mut self, instead: Vec<Instead>) -> Self {
        self.instead = Some(instead);
        self
    }

    /// Prepares a command so that what it starts is inside. Its program is one of the root's and starts in `/`; its variables are the
    /// caller's business.
    ///
    /// # Errors
    /// The strength is none with namespaces, or the folder is missing. Starting the command fails where the kernel refuses;
    /// [`super::told`] says what in words.
    pub fn confine(&self, command: &mut Command, strength: Strength) -> io::Result<()> {
        match strength {
            Strength::Isolated { processes } => enter(self, command, processes),
            Strength::None | Strength::Offline | Strength::Filtered => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "scripts of packages run in namespaces of their own, which this machine does not give",
            )),
        }
    }
}

#[cfg(target_os = "linux")]
fn enter(construction: &Construction, command: &mut Command, processes: bool) -> io::Result<()> {
    super::linux::construct(construction, command, processes)
}

#[cfg(not(target_os = "linux"))]
fn enter(_: &Construction, _: &mut Command, _: bool) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The root's file system, as mounts.
#[cfg(target_os = "linux")]
pub(super) fn plan(construction: &Construction, processes: bool) -> io::Result<super::plan::Plan> {
    use super::plan::{DEVICE_LINKS, DEVICES, Op, Plan, Through, c_string};
    let root = construction.root.canonicalize()?;
    let at = |name: &str| c_string(&root.join(name));
    let mut plan = Plan::default();
    let through = match construction.instead {
        None => Through::Anything,
        Some(_) => Through::ReadOnly,
    };
    let whole = plan.tree(&root, through)?;
    plan.ops.push(Op::Attach(whole, c_string(&root)?));
    for name in ["proc", "dev", "run", "tmp"] {
        plan.ops.push(Op::Folder(at(name)?));
    }
    for name in ["dev", "run", "tmp"] {
        plan.ops.push(Op::Empty(at(name)?));
    }
    for name in DEVICES {
        let inner = at(&format!("dev/{name}"))?;
        let device = plan.tree(&Path::new("/dev").join(name), Through::Device)?;
        plan.ops.push(Op::File(inner.clone()));
        plan.ops.push(Op::Attach(device, inner));
    }
    for (name, to) in DEVICE_LINKS {
        let to = c_string(Path::new(to))?;
        plan.ops.push(Op::Link {
            at: at(&format!("dev/{name}"))?,
            to,
        });
    }
    plan.ops.push(Op::Folder(at("dev/shm")?));
    for instead in construction.instead.iter().flatten() {
        plan.instead(&root, instead)?;
    }
    let processes = match processes {
        true => Op::Proc(at("proc")?),
        // A container keeps it to itself: its own is all that there is.
        false => Op::Attach(plan.tree(Path::new("/proc"), Through::ReadOnly)?, at("proc")?),
    };
    plan.ops.push(processes);
    plan.ops.push(Op::Root(c_string(&root)?));
    Ok(plan)
}

#[cfg(target_os = "linux")]
impl super::plan::Plan {
    fn instead(&mut self, root: &Path, instead: &Instead) -> io::Result<()> {
        use super::plan::{Op, Through, c_string};
        let at = root.join(&instead.at);
        let with = self.tree(&instead.with, Through::Writable)?;
        self.ops.push(Op::Folder(c_string(&at)?));
        self.ops.push(Op::Attach(with, c_string(&at)?));
        for name in &instead.showing {
            let shown = at.join(name);
            let own = self.tree(&shown, Through::ReadOnly)?;
            self.ops.push(Op::Attach(own, c_string(&shown)?));
        }
        Ok(())
    }
}
