//! What can go wrong between a name and its files. Invariant: every error names the package, URL or file, and can be
//! cloned, so that everyone who waited for one shared answer gets it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wharf_core::{Explain, Fault, PackageName, WebUrl};
use wharf_ecosystem::pypi::simple::PageError;
use wharf_net::NetError;

use crate::build::BuildError;
use crate::cargo::CargoError;
use crate::deb::DebError;
use crate::npm::NpmError;

/// An error of another crate that explains itself.
pub type Cause = Arc<dyn Explain + Send + Sync>;

/// A failed look-up, fetch or build.
#[derive(Clone, Debug, thiserror::Error)]
pub enum IndexError {
    /// No index and no find-links location has the package.
    #[error("no package `{name}` was found ({})", .tried.join("; "))]
    UnknownPackage {
        /// The package.
        name: PackageName,
        /// Each place that was asked, and what it said.
        tried: Vec<String>,
    },
    /// A package names an index that is not configured.
    #[error("`{name}` is to come from the index `{index}`, which is not configured")]
    UnknownIndex {
        /// The package.
        name: PackageName,
        /// The index's name.
        index: String,
    },
    /// The network failed.
    #[error("{context}: {error}")]
    Net {
        /// What was being done.
        context: String,
        /// How it failed.
        error: NetError,
    },
    /// An index answered something that is no page.
    #[error("{url} is no package page: {error}")]
    Page {
        /// What was asked for; boxed, as every result of this crate has room for its error.
        url: Box<WebUrl>,
        /// What is wrong with the answer.
        error: PageError,
    },
    /// A location that is no URL or cannot be used.
    #[error("`{location}` cannot be used as a place for packages: {reason}")]
    Location {
        /// As configured.
        location: String,
        /// Why.
        reason: String,
    },
    /// An archive that the store refuses, or a store that fails.
    #[error("{what} could not be unpacked: {error}")]
    Unpack {
        /// The distribution.
        what: String,
        /// Why.
        error: Cause,
    },
    /// Metadata that is missing or unreadable.
    #[error("the metadata of {what} is unusable: {reason}")]
    Metadata {
        /// The distribution.
        what: String,
        /// Why.
        reason: String,
    },
    /// An archive or tree that says it is something else.
    #[error("{what} says that it is `{found}`, but `{expected}` was expected")]
    Mismatch {
        /// The archive.
        what: String,
        /// Name or version that was expected.
        expected: String,
        /// Name or version that was found.
        found: String,
    },
    /// A file with another digest than the one promised.
    #[error("{what} has the wrong hash: expected {expected}, got {actual}")]
    WrongDigest {
        /// The file.
        what: String,
        /// What was promised.
        expected: String,
        /// What the bytes have.
        actual: String,
    },
    /// Something has to be built, and nothing can build here.
    #[error("{what} must be built from source, which is not possible here: {reason}")]
    NoBuilder {
        /// The distribution.
        what: String,
        /// Why not.
        reason: String,
    },
    /// A build that failed.
    #[error("{0}")]
    Build(Arc<BuildError>),
    /// git failed or is missing.
    #[error("{what} could not be fetched with git: {reason}")]
    Git {
        /// The repository.
        what: String,
        /// What git said.
        reason: String,
        /// Next steps.
        hints: Vec<String>,
    },
    /// An npm package that cannot be had.
    #[error("{0}")]
    Npm(Arc<NpmError>),
    /// A crate that cannot be had.
    #[error("{0}")]
    Cargo(Arc<CargoError>),
    /// A repository of Debian packages, or a package of it, that cannot be had.
    #[error("{0}")]
    Deb(Arc<DebError>),
    /// The disk failed.
    #[error("could not {action} `{}`: {error}", .path.display())]
    Disk {
        /// `read`, `write`, `create`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// How it failed.
        error: Arc<std::io::Error>,
    },
}

impl IndexError {
    /// Wraps a disk error.
    pub(crate) fn disk(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| IndexError::Disk {
            action,
            path,
            error: Arc::new(error),
        }
    }

    /// Wraps a network error.
    pub(crate) fn net(context: impl Into<String>) -> impl FnOnce(NetError) -> Self {
        let context = context.into();
        move |error| IndexError::Net { context, error }
    }

    /// Wraps an error of the store.
    pub(crate) fn unpack<E: Explain + Send + Sync + 'static>(
        what: impl Into<String>,
    ) -> impl FnOnce(E) -> Self {
        let what = what.into();
        move |error| IndexError::Unpack {
            what,
            error: Arc::new(error),
        }
    }
}

impl From<BuildError> for IndexError {
    fn from(error: BuildError) -> Self {
        IndexError::Build(Arc::new(error))
    }
}

impl Explain for IndexError {
    fn code(&self) -> &'static str {
        match self {
            IndexError::UnknownPackage { .. } => "index/unknown-package",
            IndexError::UnknownIndex { .. } => "index/unknown-index",
            IndexError::Net { error, .. } => error.code(),
            IndexError::Page { .. } => "index/page",
            IndexError::Location { .. } => "index/location",
            IndexError::Unpack { error, .. } => error.code(),
            IndexError::Metadata { .. } => "index/metadata",
            IndexError::Mismatch { .. } => "index/mismatch",
            IndexError::WrongDigest { .. } => "index/wrong-hash",
            IndexError::NoBuilder { .. } => "build/not-possible",
            IndexError::Build(error) => error.code(),
            IndexError::Git { .. } => "index/git",
            IndexError::Npm(error) => error.code(),
            IndexError::Cargo(error) => error.code(),
            IndexError::Deb(error) => error.code(),
            IndexError::Disk { .. } => "index/disk",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            IndexError::UnknownPackage { .. }
            | IndexError::UnknownIndex { .. }
            | IndexError::Location { .. }
            | IndexError::NoBuilder { .. } => Fault::User,
            IndexError::Net { error, .. } => error.fault(),
            IndexError::Unpack { error, .. } => error.fault(),
            IndexError::Build(error) => error.fault(),
            IndexError::Npm(error) => error.fault(),
            IndexError::Cargo(error) => error.fault(),
            IndexError::Deb(error) => error.fault(),
            IndexError::Mismatch { .. } | IndexError::WrongDigest { .. } => Fault::Denied,
            IndexError::Page { .. }
            | IndexError::Metadata { .. }
            | IndexError::Git { .. }
            | IndexError::Disk { .. } => Fault::World,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            IndexError::UnknownPackage { name, .. } => vec![format!(
                "check the spelling of `{name}`; a package of a private index needs that index in the configuration"
            )],
            IndexError::UnknownIndex { index, .. } => {
                vec![format!("add an index called `{index}` to the configuration, or remove the reference to it")]
            }
            IndexError::Net { error, .. } => error.hints(),
            IndexError::Page { error, .. } => error.hints(),
            IndexError::Location { .. } => vec!["write an absolute URL or the path of a directory".to_owned()],
            IndexError::Unpack { error, .. } => error.hints(),
            IndexError::Metadata { .. } => {
                vec!["choose another version of the package, or report it to its authors".to_owned()]
            }
            IndexError::Mismatch { .. } => {
                vec!["do not install it; choose another version, or report it to the index".to_owned()]
            }
            IndexError::WrongDigest { .. } => vec![
                "the file changed since it was locked: if that is intended, run `wharf lock --upgrade-package NAME`"
                    .to_owned(),
            ],
            IndexError::NoBuilder { .. } => vec!["choose a version that has a wheel for this platform".to_owned()],
            IndexError::Build(error) => error.hints(),
            IndexError::Git { hints, .. } => hints.clone(),
            IndexError::Npm(error) => error.hints(),
            IndexError::Cargo(error) => error.hints(),
            IndexError::Deb(error) => error.hints(),
            IndexError::Disk { error, .. } => vec![match error.kind() {
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                    "the disk is full: free some space and run the command again".to_owned()
                }
                _ => "check that the file exists and may be read, and that its directory may be written".to_owned(),
            }],
        }
    }
}
