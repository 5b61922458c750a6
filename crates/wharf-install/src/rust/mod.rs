//! cargo and rustc: how they are found, and how the commands of a crate are built with them.
//!
//! | module | job |
//! |---|---|
//! | [`discover`] | [`Toolchain`]: the compiler and cargo of this machine, as they describe themselves |
//! | [`ground`] | the folder in which a build runs: crates, lock, configuration, nothing of the user's |
//! | [`mod@build`] | the build itself: started, watched, stopped, its commands taken |
//! | [`manifest`] | the manifests that a build reads in place of those that were published |
//!
//! Invariants: a build reads the store and the compiler, and writes into its own folder. It never uses the network, and where there
//! are sandboxes it cannot. What it
//! makes depends on the request and the compiler, which is what [`Request::key`] and [`Toolchain::verbose`] name.

pub mod build;
pub mod discover;
mod ground;
mod manifest;
mod scrub;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use wharf_core::{Explain, Fault};
use wharf_store::{ArchiveError, StoreError};

pub use build::{Built, build};
pub use discover::{Machine, Surroundings, Toolchain};
pub use ground::{Crate, CrateContent, Repository, Request};

/// Why a tool could not be built.
#[derive(Debug, thiserror::Error)]
pub enum RustError {
    /// There is no compiler.
    #[error("{package} has to be built, and no Rust compiler was found: {looked}")]
    NoCompiler {
        /// What is to be built.
        package: String,
        /// Where it was looked for, and what was wrong there.
        looked: String,
    },
    /// The compiler is older than a crate asks for.
    #[error("{package} needs Rust {wanted}, and the compiler at {} is {found}{}", rustc.display(), because(culprit.as_deref()))]
    TooOld {
        /// What is to be built.
        package: String,
        /// The compiler that it needs.
        wanted: String,
        /// The compiler's version.
        found: String,
        /// The compiler.
        rustc: PathBuf,
        /// The crate of its graph that asks for it, where that is another.
        culprit: Option<String>,
    },
    /// Its published manifest cannot be read.
    #[error("the Cargo.toml of {package} cannot be read: {reason}")]
    Manifest {
        /// The crate.
        package: String,
        /// What is wrong.
        reason: String,
    },
    /// The compiler or a build script failed.
    #[error("{package} could not be built: cargo {how}\n{tail}")]
    Failed {
        /// What is to be built.
        package: String,
        /// How cargo ended.
        how: String,
        /// The last lines of its output.
        tail: String,
        /// What the output says of the limits of its sandbox, as hints.
        limits: Box<[String]>,
        /// All of its output.
        log: PathBuf,
    },
    /// It was built and has nothing to run.
    #[error("{package} has no commands{}", with_features(features))]
    NoCommands {
        /// The crate.
        package: String,
        /// The features that it was built with.
        features: Vec<String>,
    },
    /// A file of the build.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was attempted, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The store cannot take what was built.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was built cannot be put into the store.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The user stopped it.
    #[error("interrupted")]
    Interrupted,
}

fn because(culprit: Option<&str>) -> String {
    culprit.map_or_else(String::new, |culprit| format!(" (because of {culprit})"))
}

fn with_features(features: &[String]) -> String {
    match features {
        [] => String::new(),
        _ => format!(" with the features {}", features.join(", ")),
    }
}

impl RustError {
    /// A file that could not be read or written.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| RustError::Io { action, path, source }
    }
}

impl Explain for RustError {
    fn code(&self) -> &'static str {
        match self {
            RustError::NoCompiler { .. } => "rust/not-found",
            RustError::TooOld { .. } => "rust/too-old",
            RustError::Manifest { .. } => "cargo/bad-manifest",
            RustError::Failed { .. } => "cargo/build-failed",
            RustError::NoCommands { .. } => "cargo/no-commands",
            RustError::Io { .. } => "system/io",
            RustError::Store(error) => error.code(),
            RustError::Archive(error) => error.code(),
            RustError::Interrupted => "interrupted",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            RustError::TooOld { .. } => Fault::Unsatisfiable,
            RustError::NoCommands { .. } => Fault::User,
            RustError::NoCompiler { .. }
            | RustError::Manifest { .. }
            | RustError::Failed { .. }
            | RustError::Io { .. } => Fault::World,
            RustError::Store(error) => error.fault(),
            RustError::Archive(error) => error.fault(),
            RustError::Interrupted => Fault::Interrupted,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            RustError::NoCompiler { .. } => vec![
                "install Rust with rustup or with the system's packages, or point RUSTC and CARGO at it"
                    .to_owned(),
            ],
            RustError::TooOld { package, .. } => vec![
                "`rustup update` brings a newer compiler".to_owned(),
                format!(
                    "or ask for an older version of {}",
                    package.split(' ').next().unwrap_or(package)
                ),
            ],
            RustError::Failed {
                tail, limits, log, ..
            } => {
                let mut hints = limits.to_vec();
                hints.extend(missing_program(tail));
                hints.push(format!("all of cargo's output is in {}", log.display()));
                hints
            }
            RustError::NoCommands { package, .. } => vec![format!(
                "it is a library, or its commands need features: name them, as in `{} = {{ version = \"*\", features = [\"cli\"] }}`",
                package.split(' ').next().unwrap_or(package)
            )],
            RustError::Store(error) => error.hints(),
            RustError::Archive(error) => error.hints(),
            RustError::Manifest { .. } | RustError::Io { .. } | RustError::Interrupted => Vec::new(),
        }
    }
}

/// What to do about programs and libraries of the system that builds commonly lack.
fn missing_program(tail: &str) -> Vec<String> {
    let known = [
        (
            "linker `cc` not found",
            "install a C compiler and linker, such as gcc or clang",
        ),
        (
            "pkg-config",
            "install pkg-config and the development files of the library that it names",
        ),
        ("is `cmake` not installed", "install cmake"),
        (
            "Could not find `protoc`",
            "install protoc, the compiler of protocol buffers",
        ),
        ("Unable to find libclang", "install libclang"),
    ];
    let found = known.iter().filter(|(sign, _)| tail.contains(sign));
    found.map(|(_, hint)| (*hint).to_owned()).take(1).collect()
}
