//! Prebuilts that are refused. Invariant: every error names the crate and the place, and says how it is built instead.

use wharf_core::{Explain, Fault, WebUrl};
use wharf_ecosystem::cargo::binstall::BadSignature;
use wharf_index::IndexError;

/// Why a tool cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PrebuiltError {
    /// The signature of an archive does not check.
    #[error("the prebuilt commands of {package} are refused: the signature of {url}: {reason}")]
    Signature {
        /// The crate.
        package: String,
        /// The archive.
        url: Box<WebUrl>,
        /// Why.
        reason: BadSignature,
    },
    /// An archive has what no archive may have.
    #[error("the prebuilt commands of {package} are refused: {url}{}: {reason}", at(entry.as_deref()))]
    Archive {
        /// The crate.
        package: String,
        /// The archive.
        url: Box<WebUrl>,
        /// The entry, where it is one.
        entry: Option<String>,
        /// Why.
        reason: String,
        /// The code of the reason.
        code: &'static str,
    },
    /// The package of another registry is not what its index promises.
    #[error("the prebuilt commands of {package} are refused: {error}")]
    Package {
        /// The crate.
        package: String,
        /// What is wrong.
        error: Box<IndexError>,
    },
    /// A command's name is no name of a file.
    #[error("the command `{name}` cannot be put into the store: {reason}")]
    Name {
        /// The name.
        name: String,
        /// Why not.
        reason: String,
    },
}

fn at(entry: Option<&str>) -> String {
    entry.map_or_else(String::new, |entry| format!(", for its entry {entry:?}"))
}

impl Explain for PrebuiltError {
    fn code(&self) -> &'static str {
        match self {
            PrebuiltError::Signature { .. } => "prebuilt/bad-signature",
            PrebuiltError::Archive { code, .. } => code,
            PrebuiltError::Package { error, .. } => error.code(),
            PrebuiltError::Name { .. } => "archive/unsafe",
        }
    }

    fn fault(&self) -> Fault {
        Fault::Denied
    }

    fn hints(&self) -> Vec<String> {
        vec![
            "nothing of it was kept; tell the crate's authors".to_owned(),
            "`--prebuilt never` builds it from its source".to_owned(),
        ]
    }
}
