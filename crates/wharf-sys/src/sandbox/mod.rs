//! Runs a program where it sees little and reaches nothing: no network, a file system that it can read but not change.
//!
//! A [`Sandbox`] describes what the program gets; [`Sandbox::confine`] prepares a [`Command`] so that what it starts is
//! inside. How strong that is depends on the kernel and on who asks ([`Strength`]); [`support()`] tries it once.
//!
//! | module | job |
//! |---|---|
//! | `build` | what a build gets: nothing of the user's home but the programs that it may need |
//! | `construction` | a system root that is being made, for the scripts that make it |
//! | `plan` | the description as a list of mounts, in order; paths resolved, links found |
//! | `strength` | how strong a sandbox is here, and what is missing for a stronger one |
//! | `linux` | the kernel's side: namespaces and mounts, or Landlock and seccomp |
//!
//! What holds of [`Strength::Isolated`]: `/` is read-only with everything that is mounted in it; devices are the harmless
//! ones; hidden folders are empty, and what is written there is gone afterwards; `/tmp` is the program's own; no network but a
//! loopback interface of its own; no other process is seen, and none outlives the program, or Wharf. Exit codes and
//! signals pass through.
//!
//! Invariants: between fork and exec nothing is allocated, locked or freed, since Wharf has threads. A command that was
//! confined never runs its program unconfined: where a step fails, starting it fails.

mod build;
mod construction;
#[cfg(target_os = "linux")]
pub(crate) mod linux;
#[cfg(target_os = "linux")]
pub(crate) mod plan;
mod strength;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::process::Command;

use crate::view::View;

pub use build::limits_met;
pub use construction::{Construction, Instead};
pub use strength::{Lack, Step, Strength, Support, support};

/// What a program can do with a place of the file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Nothing: a folder is empty, a file cannot be opened.
    Hidden,
    /// Read and run what is there.
    ReadOnly,
    /// Change it too.
    Writable,
}

/// What a program reaches over the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// Nothing but itself.
    #[default]
    None,
    /// What this process reaches.
    Host,
}

/// A place and what can be done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    at: PathBuf,
    access: Access,
}

/// What a program gets to see and to change. Everything else can be read and not changed.
///
/// Of two places the deeper one counts, and of two words on the same place the more generous.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sandbox {
    places: Vec<Place>,
    /// What can be read where nothing above says otherwise but that it is hidden.
    seen: Vec<PathBuf>,
    temporary: Option<PathBuf>,
    network: Network,
    view: Option<View>,
}

impl Sandbox {
    /// Everything can be read, nothing can be changed, and there is no network.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A folder or file that can be changed. It has to be there when the command is confined.
    #[must_use]
    pub fn writable(self, at: impl Into<PathBuf>) -> Self {
        self.with(at, Access::Writable)
    }

    /// A folder or file that can be read though it lies in a hidden one, or only be read though it lies in a writable one.
    #[must_use]
    pub fn readable(self, at: impl Into<PathBuf>) -> Self {
        self.with(at, Access::ReadOnly)
    }

    /// A folder that seems empty, or a file that cannot be opened.
    #[must_use]
    pub fn hidden(self, at: impl Into<PathBuf>) -> Self {
        self.with(at, Access::Hidden)
    }

    /// The folder that stands at `/tmp` and `/var/tmp`, on the disk so that large files cost no memory. Without one the
    /// system's are read-only.
    #[must_use]
    pub fn temporary(mut self, folder: impl Into<PathBuf>) -> Self {
        self.temporary = Some(folder.into());
        self
    }

    /// Another reach over the network. Who reaches the host's finds its name servers too.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        match network {
            Network::None => self,
            // Often a link into a folder that is hidden.
            Network::Host => self.readable("/etc/resolv.conf"),
        }
    }

    /// The program sees a system root in the place of the system, read-only as everything; its `/etc` and `/var` too. What is
    /// writable is so where it is outside. Without namespaces starting the command fails.
    #[must_use]
    pub fn view(mut self, view: View) -> Self {
        self.view = Some(view);
        self
    }

    /// As it is for limits without mounts, which look at where a file lies, not where it is seen: a view's may lie in a home.
    #[cfg(target_os = "linux")]
    fn seeing_its_view(&self) -> Self {
        let Some(view) = &self.view else {
            return self.clone();
        };
        let usr = view.root().join("usr");
        // What was put somewhere is looked at by itself: each of these may have been.
        let parts = std::fs::read_dir(&usr).into_iter().flatten().flatten();
        let parts = parts.map(|entry| entry.path());
        let own = ["etc", "var"].map(|name| view.state().join(name));
        parts
            .chain(own)
            .chain([usr.clone()])
            .fold(self.clone(), Self::readable)
    }

    /// The view, with the places that have to be seen where they are.
    #[cfg(target_os = "linux")]
    fn view_with_places(&self) -> io::Result<Option<View>> {
        let Some(view) = &self.view else { return Ok(None) };
        let places = self.places.iter().filter(|place| match place.access {
            Access::Writable => true,
            // Programs and libraries of the system are the system root's.
            Access::ReadOnly => place.at.starts_with("/var"),
            Access::Hidden => false,
        });
        let seen = self.seen.iter().filter(|path| path.starts_with("/var"));
        let mut view = view.clone();
        for path in places.map(|place| &place.at).chain(&self.temporary).chain(seen) {
            let Ok((real, _)) = plan::trace(path) else {
                continue;
            };
            let hosts = ["/usr/local", "/var/tmp", "/run/user"]
                .iter()
                .any(|host| real.starts_with(host));
            if crate::view::covered(&real) && !hosts {
                view = view.showing(real);
            }
        }
        Ok(Some(view))
    }

    fn with(mut self, at: impl Into<PathBuf>, access: Access) -> Self {
        self.places.push(Place {
            at: at.into(),
            access,
        });
        self
    }

    /// Prepares a command so that what it starts is inside. Its working directory and variables are set before; the
    /// variables that name temporary folders are this function's.
    ///
    /// # Errors
    /// A writable place is missing, a path holds a NUL, or the kernel refuses what can be asked beforehand. Starting the
    /// command fails where the rest is refused; [`told`] says what in words.
    pub fn confine(&self, command: &mut Command, strength: Strength) -> io::Result<()> {
        match strength {
            Strength::None => {}
            Strength::Isolated { .. } if self.temporary.is_some() => {
                for name in TEMPORARY {
                    command.env_remove(name);
                }
            }
            Strength::Isolated { .. } => {}
            Strength::Filtered | Strength::Offline => {
                if let Some(folder) = &self.temporary {
                    for name in TEMPORARY {
                        command.env(name, folder);
                    }
                }
            }
        }
        self.enter(command, strength)
    }

    #[cfg(target_os = "linux")]
    fn enter(&self, command: &mut Command, strength: Strength) -> io::Result<()> {
        linux::confine(self, command, strength)
    }

    #[cfg(not(target_os = "linux"))]
    fn enter(&self, _: &mut Command, strength: Strength) -> io::Result<()> {
        match strength {
            Strength::None => Ok(()),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// The variables that name temporary folders.
const TEMPORARY: [&str; 3] = ["TMPDIR", "TEMP", "TMP"];

/// The error of starting a confined command, in words where a step of the sandbox failed.
#[must_use]
pub fn told(error: io::Error) -> io::Error {
    match Lack::of(&error) {
        Some(lack) => io::Error::new(lack.error.kind(), lack.to_string()),
        None => error,
    }
}
