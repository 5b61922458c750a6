//! Runs programs over a system root instead of the system that is installed: a *view* of the file system.
//!
//! A [`View`] names a system root (a folder with a Debian system's `/usr`, `/etc`, `/var`) and the folder where the project
//! keeps what its programs change of it. [`View::enter`] prepares a [`Command`] so that what it starts sees them;
//! [`View::replace_process`] makes this process such a program. [`support()`] says whether this machine lets this user.
//!
//! What a program sees:
//!
//! | place | is |
//! |---|---|
//! | `/usr`, and `/bin`, `/sbin`, `/lib…` | the system root's, read-only |
//! | `/etc`, `/var` | the project's own, which follow the system root's where the project changed nothing |
//! | `/etc/{resolv.conf,hosts,hostname,machine-id,localtime,timezone}` | the host's |
//! | `/run` | the project's own, new with each start of the machine, with the host's sockets for programs in it |
//! | `/usr/local`, `/var/tmp`, and everything else | the host's |
//!
//! | module | job |
//! |---|---|
//! | `layout` | the view as a list of mounts |
//! | `state` | the project's `/etc` and `/var`, which follow a system root |
//! | `host` | what of `/etc` and `/run` is the host's |
//! | `folders` | folders of `/run` that a service expects when it starts |
//! | `users` | the caller in `passwd` and `group` |
//! | `variables` | variables that say something else inside |
//! | `enter` | the kernel's side: namespaces |
//! | `replace` | becoming a program inside |
//! | `support` | whether it can be had |
//!
//! Invariants: nothing outside the state folder is changed, and no mount is seen outside. The caller stays who it is: no
//! user and no privilege is gained, for an ordinary user none is root. Between fork and exec nothing is allocated or locked.

#[cfg(target_os = "linux")]
mod enter;
mod error;
#[cfg(target_os = "linux")]
mod folders;
#[cfg(target_os = "linux")]
mod host;
#[cfg(target_os = "linux")]
mod layout;
#[cfg(target_os = "linux")]
mod replace;
#[cfg(target_os = "linux")]
mod state;
mod support;
#[cfg(test)]
mod tests;
#[cfg(target_os = "linux")]
mod users;
mod variables;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

pub use error::ViewError;
pub use support::{Support, support};
pub use variables::{Change, changes};

#[cfg(target_os = "linux")]
pub(crate) use enter::{Entering, working_directory};
#[cfg(target_os = "linux")]
pub(crate) use layout::covered;
#[cfg(target_os = "linux")]
pub use replace::resumed;

/// Where programs of a system lie, in the order in which they are looked for.
pub const PROGRAMS: [&str; 2] = ["/usr/bin", "/usr/sbin"];

/// A system root, seen in the place of the system.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct View {
    root: PathBuf,
    state: PathBuf,
    shown: Vec<PathBuf>,
    changing: Changing,
}

/// Whether programs in a view change anything of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Changing {
    /// `/etc`, `/var` and `/run` are the project's.
    Own,
    /// They are the system root's, read-only.
    Nothing,
}

/// What this process was executed for, when it was executed anew to enter a view.
#[derive(Debug)]
pub struct Resumed {
    /// The view.
    pub view: View,
    /// The program in it. Its variables are those of this process.
    pub command: Command,
}

/// What became of the project's `/etc` and `/var` when they followed a system root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// Files that are new, other or gone.
    pub changed: usize,
    /// Files that the system root has otherwise than before and that the project changed: they stay as the project has them.
    /// Paths as they are inside.
    pub kept: Vec<PathBuf>,
}

impl View {
    /// A view of the system root in a folder. What programs change of it lies in another, which is made.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>, state: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            state: state.into(),
            shown: Vec::new(),
            changing: Changing::Own,
        }
    }

    /// A view in which nothing of the system can be changed: for programs that only look. It needs no folder of its own and has neither
    /// the host's accounts nor its sockets.
    #[must_use]
    pub fn untouched(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Self {
            state: root.clone(),
            root,
            shown: Vec::new(),
            changing: Changing::Nothing,
        }
    }

    /// A folder of the host that is seen at its place, wherever that is: the project's. Only folders below `/usr`, `/etc`,
    /// `/var` and `/run` need it; everything else is seen anyway.
    #[must_use]
    pub fn showing(mut self, folder: impl Into<PathBuf>) -> Self {
        self.shown.push(folder.into());
        self
    }

    /// The user's home where it lies below `/var`, such as `/var/lib/jenkins`. That of a service whose home is a folder of the system, such as
    /// `/var/www`, is not the user's.
    #[cfg(unix)]
    #[must_use]
    pub fn showing_home(self) -> Self {
        use std::os::unix::fs::MetadataExt;
        let home = std::env::home_dir().and_then(|home| home.canonicalize().ok());
        let is_own = |home: &PathBuf| {
            let user = rustix::process::geteuid().as_raw();
            home.metadata().is_ok_and(|data| data.uid() == user)
        };
        let is_below = |home: &PathBuf| home.starts_with("/var") && home.components().count() > 3;
        match home.filter(is_below).filter(is_own) {
            Some(home) => self.showing(home),
            None => self,
        }
    }

    /// The system root's folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of what programs change.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Where a program lies, as a path inside, if the system root has one of this name.
    #[must_use]
    pub fn program(&self, name: &OsStr) -> Option<PathBuf> {
        if Path::new(name).components().count() != 1 {
            return None;
        }
        let mut places = PROGRAMS.iter().map(|folder| Path::new(folder).join(name));
        // A link may lead over /etc/alternatives, which is right inside alone.
        places.find(|place| {
            let inner = place.strip_prefix("/").unwrap_or(place);
            self.root
                .join(inner)
                .symlink_metadata()
                .is_ok_and(|data| !data.is_dir())
        })
    }
}

#[cfg(target_os = "linux")]
impl View {
    /// Prepares a command so that what it starts is inside. Its working directory is set before; its variables are the
    /// caller's business ([`changes`]).
    ///
    /// # Errors
    /// The state cannot be made, or the working directory is not seen inside. Starting the command fails where the kernel
    /// refuses; [`crate::sandbox::told`] says what in words.
    pub fn enter(&self, command: &mut Command) -> Result<(), ViewError> {
        enter::prepare(self, command)
    }

    /// Makes the project's `/etc` and `/var` what the system root says, where the project changed nothing. [`View::enter`]
    /// does so too, when the system root is another than the last time.
    ///
    /// # Errors
    /// The system root cannot be read or the state not be written.
    pub fn follow(&self) -> Result<Followed, ViewError> {
        state::follow(self)
    }

    /// Whether this process is inside already.
    #[must_use]
    pub fn is_entered(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        let same = |seen: &str, own: PathBuf| {
            let number = |path: &Path| path.metadata().map(|data| (data.dev(), data.ino())).ok();
            number(Path::new(seen)).is_some_and(|found| Some(found) == number(&own))
        };
        same("/usr/bin", self.root.join("usr/bin")) && same("/etc", self.state.join("etc"))
    }
}

/// Views are of Linux.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn resumed() -> Option<Resumed> {
    None
}

#[cfg(not(target_os = "linux"))]
impl View {
    /// Views are of Linux.
    ///
    /// # Errors
    /// Always.
    pub fn replace_process(&self, _: &mut Command) -> Result<std::convert::Infallible, ViewError> {
        Err(ViewError::System)
    }

    /// Views are of Linux.
    ///
    /// # Errors
    /// Always.
    pub fn enter(&self, _: &mut Command) -> Result<(), ViewError> {
        Err(ViewError::System)
    }

    /// Views are of Linux.
    ///
    /// # Errors
    /// Always.
    pub fn follow(&self) -> Result<Followed, ViewError> {
        Err(ViewError::System)
    }

    /// Views are of Linux.
    #[must_use]
    pub fn is_entered(&self) -> bool {
        false
    }
}
