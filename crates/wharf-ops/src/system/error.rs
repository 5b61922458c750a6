//! Why a machine cannot be looked at, or a plan cannot be made.

use std::path::PathBuf;

use wharf_core::{Explain, Fault};
use wharf_deb::explain::Unsatisfiable;
use wharf_deb::solve::InvalidAsked;

/// Why a use case of the machine's own packages failed.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// It is no Debian, nor anything like it.
    #[error("{} has no package database of dpkg", root.display())]
    NotDebian {
        /// The root of the machine.
        root: PathBuf,
        /// What it says it is.
        name: Option<String>,
    },
    /// apt never asked its repositories.
    #[error("{} has no lists of what repositories have", folder.display())]
    NoLists {
        /// Where they should be.
        folder: PathBuf,
    },
    /// A file of dpkg or apt that cannot be read.
    #[error("{} cannot be used: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// What is asked for is malformed.
    #[error(transparent)]
    Asked(#[from] InvalidAsked),
    /// What is asked for cannot be had.
    #[error(transparent)]
    Unsatisfiable(Box<Unsatisfiable>),
    /// A name that nothing has.
    #[error("no package of the machine or its repositories is called {name}")]
    Unknown {
        /// The name.
        name: String,
    },
}

impl Explain for SystemError {
    fn code(&self) -> &'static str {
        match self {
            SystemError::NotDebian { .. } => "system/not-debian",
            SystemError::NoLists { .. } => "system/no-lists",
            SystemError::Malformed { .. } => "system/malformed",
            SystemError::Asked(_) => "system/asked",
            SystemError::Unsatisfiable(error) => error.code(),
            SystemError::Unknown { .. } => "system/unknown",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            SystemError::NotDebian { .. } | SystemError::NoLists { .. } | SystemError::Malformed { .. } => {
                Fault::World
            }
            SystemError::Asked(_) | SystemError::Unknown { .. } => Fault::User,
            SystemError::Unsatisfiable(error) => error.fault(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            SystemError::NotDebian { name, .. } => {
                let what = name.as_ref().map(|name| {
                    format!("it says that it is {name}: `wharf system` reads Debian, Ubuntu and what is made of them")
                });
                let project =
                    "packages of Debian in a project need no Debian around them: `wharf add deb:NAME`";
                what.into_iter().chain([project.to_owned()]).collect()
            }
            SystemError::NoLists { .. } => {
                vec!["let apt ask its repositories: `sudo apt-get update`".to_owned()]
            }
            SystemError::Malformed { .. } => Vec::new(),
            SystemError::Asked(_) => vec![
                "write for example `nginx`, `nginx=1.22.1-9`, `nginx/bookworm-backports`, `libpq-dev (>= 15)`"
                    .to_owned(),
            ],
            SystemError::Unsatisfiable(error) => error.hints(),
            SystemError::Unknown { name } => {
                vec![format!("`wharf system search {name}` looks into descriptions")]
            }
        }
    }
}
