//! Why a view cannot be entered.
//! Invariant: each names the folder that it is about.

use std::io;
use std::path::{Path, PathBuf};

use wharf_core::{Explain, Fault};

use crate::sandbox::Lack;

/// Why a view cannot be entered.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The system root is not what a system root is.
    #[error("the system root {} cannot be read", path.display())]
    Root {
        /// What of it.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// What programs change cannot be kept.
    #[error("the project's own /etc and /var cannot be kept in {}", path.display())]
    State {
        /// What of it.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The working directory is one of the host's system.
    #[error("{} is not seen by programs of the project's system packages", folder.display())]
    Folder {
        /// The working directory.
        folder: PathBuf,
    },
    /// A folder that shall be seen is where the system root has to be.
    #[error("{} cannot be seen at its place: the project's system packages are there", folder.display())]
    Covers {
        /// The folder.
        folder: PathBuf,
    },
    /// The machine does not let this user.
    #[error(
        "programs of the project's system packages need a view of the file system of their own, which this machine does not give: {lack}"
    )]
    Lacks {
        /// What is in the way.
        lack: Lack,
    },
    /// The program could not be started.
    #[error("the program cannot be started")]
    Start(#[source] io::Error),
    /// There are no views on this system.
    #[error("system packages run on Linux only")]
    System,
}

/// What is said where a view is asked for inside a build.
const IN_A_BUILD: &str = "in the sandbox of a build no tool of Debian packages can start: name what the build needs in `[external]`, with `[deb]` in the project";

impl ViewError {
    /// The error of starting a command that a view was prepared for.
    #[must_use]
    pub fn of_start(error: io::Error) -> Self {
        match Lack::of(&error) {
            Some(lack) => Self::Lacks { lack },
            None => Self::Start(error),
        }
    }

    #[cfg(target_os = "linux")]
    pub(super) fn root(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Root { path, source }
    }

    #[cfg(target_os = "linux")]
    pub(super) fn state(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::State { path, source }
    }
}

impl Explain for ViewError {
    fn code(&self) -> &'static str {
        match self {
            ViewError::Root { .. } => "view/root",
            ViewError::State { .. } => "view/state",
            ViewError::Folder { .. } | ViewError::Covers { .. } => "view/folder",
            ViewError::Lacks { .. } => "view/missing",
            ViewError::Start(_) => "view/start",
            ViewError::System => "view/system",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            ViewError::Folder { .. } | ViewError::Covers { .. } | ViewError::Start(_) => Fault::User,
            ViewError::Root { .. }
            | ViewError::State { .. }
            | ViewError::Lacks { .. }
            | ViewError::System => Fault::World,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            ViewError::Root { .. } => vec!["`wharf sync` makes it again".to_owned()],
            ViewError::State { source, .. } if source.kind() == io::ErrorKind::ReadOnlyFilesystem => {
                vec![format!("nothing can be written there; {IN_A_BUILD}")]
            }
            ViewError::State { path, .. } => vec![format!(
                "you have to be able to write there: `ls -ld '{}'` says who is",
                path.display()
            )],
            ViewError::Folder { .. } => vec![
                "start it from a folder of the project, or of your home".to_owned(),
                "`[deb]` brings its own /usr, /etc and /var; of the host's, only the project's folder is seen".to_owned(),
            ],
            ViewError::Covers { .. } => vec!["move the project to a folder of its own".to_owned()],
            // The system's own settings are never read-only, but for those in a sandbox.
            ViewError::Lacks { lack } if lack.error.kind() == io::ErrorKind::ReadOnlyFilesystem => {
                vec![IN_A_BUILD.to_owned()]
            }
            ViewError::Lacks { lack } => lack.hint().into_iter().collect(),
            ViewError::Start(_) | ViewError::System => Vec::new(),
        }
    }
}
