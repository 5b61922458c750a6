//! What can go wrong with repositories of Debian packages. Invariant: every error names the repository or the package, the
//! reason, and what to do next.

use std::path::PathBuf;
use std::sync::Arc;

use wharf_core::{Explain, Fault, WebUrl};
use wharf_deb::release::ReleaseError;
use wharf_deb::signature::{InvalidKeyring, SignatureError};

use crate::error::IndexError;

/// A repository or package that cannot be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DebError {
    /// An address that leads nowhere.
    #[error("the repository {uri} cannot be used: {reason}")]
    Location {
        /// The address.
        uri: Box<WebUrl>,
        /// What is wrong with it.
        reason: String,
    },
    /// The repository has no such suite.
    #[error("the repository {uri} has no suite `{suite}`: {place} does not exist")]
    NoSuite {
        /// The repository.
        uri: Box<WebUrl>,
        /// What was asked for.
        suite: String,
        /// Where it was looked for.
        place: String,
    },
    /// The suite has no such component.
    #[error("the suite {repository} has no component `{component}`; it has {}", list(.has))]
    NoComponent {
        /// Address and suite.
        repository: String,
        /// What was asked for.
        component: String,
        /// What there is.
        has: Vec<String>,
    },
    /// The suite has nothing for any of the architectures.
    #[error("the suite {repository} has no packages for {}; it has {}", list(.wanted), list(.has))]
    NoArchitecture {
        /// Address and suite.
        repository: String,
        /// What was asked for.
        wanted: Vec<String>,
        /// What there is.
        has: Vec<String>,
    },
    /// Nobody signed it.
    #[error("the repository {repository} is not signed: it has neither InRelease nor Release.gpg")]
    Unsigned {
        /// Address and suite.
        repository: String,
    },
    /// No keys are known that it could be signed by.
    #[error("the repository {repository} is signed, but no keys are known that it may be signed by")]
    NoKeys {
        /// Address and suite.
        repository: String,
    },
    /// Keys that cannot be read.
    #[error("the repository {repository} cannot be verified: {place}: {error}")]
    Keys {
        /// Address and suite.
        repository: String,
        /// Where the keys are from.
        place: String,
        /// What is wrong with them.
        error: Arc<InvalidKeyring>,
    },
    /// The signature does not hold.
    #[error("the repository {repository} is refused: {error}")]
    Signature {
        /// Address and suite.
        repository: String,
        /// Why.
        error: Arc<SignatureError>,
    },
    /// Its `Release` file cannot be used.
    #[error("the repository {repository} is refused: {error}")]
    Release {
        /// Address and suite.
        repository: String,
        /// Why.
        error: Arc<ReleaseError>,
    },
    /// Its `Release` file is that of another suite.
    #[error("the repository {repository} is refused: its Release file calls itself {names}")]
    OtherSuite {
        /// Address and suite.
        repository: String,
        /// What it is called.
        names: String,
    },
    /// Its `Release` file is called otherwise than when it was first seen.
    #[error(
        "the repository {repository} is refused: its Release file calls itself {is}, and was {was} before"
    )]
    Renamed {
        /// Address and suite.
        repository: String,
        /// What it was called.
        was: String,
        /// What it is called now.
        is: String,
        /// Where the cache has what it was called.
        kept: PathBuf,
    },
    /// A list of packages with other bytes than its `Release` file promises.
    #[error("{place} of the repository {repository} has the wrong hash: expected {expected}, got {actual}")]
    Mismatch {
        /// Address and suite.
        repository: String,
        /// Which file.
        place: String,
        /// What was promised.
        expected: String,
        /// What came.
        actual: String,
    },
    /// A list of packages that is promised and not there.
    #[error("the repository {repository} lists {path} and does not have it")]
    Missing {
        /// Address and suite.
        repository: String,
        /// Which file.
        path: String,
    },
    /// A list of packages that cannot be read.
    #[error("{path} of the repository {repository} cannot be read: {reason}")]
    Packages {
        /// Address and suite.
        repository: String,
        /// Which file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The network is off, and the cache has not what is needed.
    #[error("{what} of the repository {repository} is not in the cache, and the network is off")]
    Offline {
        /// Address and suite.
        repository: String,
        /// What is missing.
        what: String,
    },
    /// No repository has the archive any more.
    #[error("{package} is gone: {} {} not have it any more", .places.join(" and "), if .places.len() == 1 { "does" } else { "do" })]
    Gone {
        /// `nginx 1.22.1-9 (amd64)`.
        package: String,
        /// Where it was looked for.
        places: Vec<String>,
    },
    /// An archive with other bytes than the index or the lock promises.
    #[error("{package} from {place} has the wrong checksum: expected {expected}, got {actual}")]
    Checksum {
        /// `nginx 1.22.1-9 (amd64)`.
        package: String,
        /// Where it came from.
        place: String,
        /// What was promised.
        expected: String,
        /// What the bytes have.
        actual: String,
    },
}

fn list(words: &[String]) -> String {
    match words {
        [] => "none".to_owned(),
        words => words.join(", "),
    }
}

impl From<DebError> for IndexError {
    fn from(error: DebError) -> Self {
        IndexError::Deb(Arc::new(error))
    }
}

impl Explain for DebError {
    fn code(&self) -> &'static str {
        match self {
            DebError::Location { .. } => "deb/location",
            DebError::NoSuite { .. } => "deb/no-suite",
            DebError::NoComponent { .. } => "deb/no-component",
            DebError::NoArchitecture { .. } => "deb/no-architecture",
            DebError::Unsigned { .. } => "deb/unsigned",
            DebError::NoKeys { .. } => "deb/no-keys",
            DebError::Keys { error, .. } => error.code(),
            DebError::Signature { error, .. } => error.code(),
            DebError::Release { error, .. } => error.code(),
            DebError::OtherSuite { .. } => "deb/other-suite",
            DebError::Renamed { .. } => "deb/renamed-suite",
            DebError::Mismatch { .. } => "deb/wrong-hash",
            DebError::Missing { .. } => "deb/missing-index",
            DebError::Packages { .. } => "deb/packages",
            DebError::Offline { .. } => "deb/offline",
            DebError::Gone { .. } => "deb/gone",
            DebError::Checksum { .. } => "deb/wrong-checksum",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            DebError::Location { .. }
            | DebError::NoSuite { .. }
            | DebError::NoComponent { .. }
            | DebError::NoArchitecture { .. }
            | DebError::NoKeys { .. } => Fault::User,
            DebError::Keys { error, .. } => error.fault(),
            DebError::Signature { error, .. } => error.fault(),
            DebError::Release { error, .. } => error.fault(),
            DebError::Unsigned { .. }
            | DebError::OtherSuite { .. }
            | DebError::Renamed { .. }
            | DebError::Mismatch { .. }
            | DebError::Checksum { .. } => Fault::Denied,
            DebError::Missing { .. }
            | DebError::Packages { .. }
            | DebError::Offline { .. }
            | DebError::Gone { .. } => Fault::World,
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            DebError::Location { .. } => {
                "write an `http:`, `https:` or `file:` address as sources.list(5) has it"
            }
            DebError::NoSuite { .. } => {
                "check the name of the suite: a release that is no longer supported moves to an archive of old releases"
            }
            DebError::NoComponent { .. } => "name one of these components, or leave it out",
            DebError::NoArchitecture { .. } => "name another repository for this architecture",
            DebError::Unsigned { .. } => {
                "use a repository that is signed; `trusted = true` on the repository takes what it says without any proof"
            }
            DebError::NoKeys { .. } => "name its keys with `signed-by` on the repository",
            DebError::Keys { error, .. } => return error.hints(),
            DebError::Signature { error, .. } => return error.hints(),
            DebError::Release { error, .. } => return error.hints(),
            DebError::OtherSuite { .. } => {
                "ask for the suite by its own name or its codename; where that is what you did, this mirror answers with another suite: use another one"
            }
            DebError::Renamed { kept, .. } => {
                return vec![format!(
                    "another mirror may have the right one; where whoever publishes the repository says that it was renamed, remove {}, in which the names are kept, and run the command again",
                    kept.display()
                )];
            }
            DebError::Mismatch { .. } => {
                "a mirror in the middle of an update gives such answers for some minutes: try again, or use another mirror; nothing was changed"
            }
            DebError::Missing { .. } => {
                "a mirror in the middle of an update does that for some minutes: try again, or use another mirror"
            }
            DebError::Packages { .. } => {
                "tell whoever publishes the repository; another mirror may have a whole one"
            }
            DebError::Offline { .. } => "run the command once without `--offline`",
            DebError::Gone { .. } => {
                "the repository has a newer version by now: run `wharf lock --upgrade`; a `snapshot` in [deb] keeps old versions at hand"
            }
            DebError::Checksum { .. } => {
                "a published package never changes: do not use it; nothing of it was kept. A proxy may have damaged it: try again, or use another mirror"
            }
        };
        vec![hint.to_owned()]
    }
}
