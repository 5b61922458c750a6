//! What can go wrong while an environment is planned, staged or committed.

use std::io;
use std::path::{Path, PathBuf};

use wharf_core::{Explain, Fault, PackageName};
use wharf_store::StoreError;

/// Why an environment could not be installed. Whatever it is, the environment that stood there before still stands.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// A file or directory of the project or its state cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was attempted, as a verb.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A directory that Wharf did not make stands where the environment belongs.
    #[error("{} was not made by wharf: {found}", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// What it is, in words.
        found: String,
        /// Whether it is a folder that could be replaced, had that been asked for.
        replaceable: bool,
    },
    /// A folder of the environment cannot be exchanged in one step.
    #[error("{} is a mount point or lies on another file system than {}", path.display(), state.display())]
    Apart {
        /// The folder.
        path: PathBuf,
        /// Where new folders are made.
        state: PathBuf,
    },
    /// The path cannot be named inside scripts.
    #[error("the path {} {reason}, so no script can name it", path.display())]
    UnwritablePath {
        /// The path.
        path: PathBuf,
        /// What is wrong, as a predicate.
        reason: &'static str,
    },
    /// A package's archive is not a wheel that can be installed.
    #[error("the wheel of {name} {version} cannot be installed: {reason}")]
    BadWheel {
        /// The package.
        name: PackageName,
        /// Its version.
        version: String,
        /// What is wrong with it.
        reason: String,
    },
    /// One package has a file where another needs a directory.
    #[error(
        "{first} and {second} cannot stand together: `{path}` is a file of one and a directory of the other"
    )]
    Clash {
        /// The path, relative to the environment.
        path: String,
        /// One package.
        first: String,
        /// The other.
        second: String,
    },
    /// The records of the environment are damaged.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Bytecode could not be compiled because the interpreter failed.
    #[error("the Python at {} failed while compiling bytecode: {reason}", python.display())]
    Compile {
        /// The interpreter.
        python: PathBuf,
        /// What happened.
        reason: String,
    },
    /// The user stopped it.
    #[error("stopped; the environment is as it was")]
    Interrupted,
}

impl InstallError {
    /// Wraps a failed file operation.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

impl Explain for InstallError {
    fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "install/io",
            Self::Store(error) => error.code(),
            Self::Foreign { .. } => "install/foreign-environment",
            Self::Apart { .. } => "install/file-system",
            Self::UnwritablePath { .. } => "install/path",
            Self::BadWheel { .. } => "install/bad-wheel",
            Self::Clash { .. } => "install/clash",
            Self::Damaged { .. } => "install/damaged",
            Self::Compile { .. } => "install/compile",
            Self::Interrupted => "install/interrupted",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Store(error) => error.fault(),
            Self::Foreign { .. } | Self::Apart { .. } | Self::UnwritablePath { .. } => Fault::User,
            Self::Io { .. } | Self::Compile { .. } | Self::Damaged { .. } => Fault::World,
            Self::BadWheel { .. } | Self::Clash { .. } => Fault::Denied,
            Self::Interrupted => Fault::Interrupted,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Io { path, source, .. } => io_hint(path, source).into_iter().collect(),
            Self::Store(error) => error.hints(),
            Self::Foreign {
                path, replaceable, ..
            } => vec![match replaceable {
                true => format!(
                    "move {0} away or remove it, or let `wharf sync --replace` delete it and make its own",
                    path.display()
                ),
                false => format!("move {} away or remove it", path.display()),
            }],
            Self::Apart { path, .. } => vec![format!(
                "unmount {0}, or mount the whole project there instead of {0}",
                path.display()
            )],
            Self::UnwritablePath { .. } => {
                vec!["move the project to a path of plain Unicode text".to_owned()]
            }
            Self::BadWheel { name, .. } => vec![
                format!("take another version of {name}"),
                "tell the project's maintainers: the wheel breaks the format's rules".to_owned(),
            ],
            Self::Clash { first, second, .. } => vec![format!("require only one of {first} and {second}")],
            Self::Damaged { path, .. } => {
                vec![format!("remove {} and run `wharf sync` again", path.display())]
            }
            Self::Compile { .. } => vec!["run again without bytecode compilation".to_owned()],
            Self::Interrupted => Vec::new(),
        }
    }
}

fn io_hint(path: &Path, error: &io::Error) -> Option<String> {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(format!(
            "make room on the disk that holds {}; nothing was lost",
            path.display()
        )),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Some(format!("check who may write {}", path.display()))
        }
        _ => None,
    }
}
