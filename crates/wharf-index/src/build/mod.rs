//! Building from source: PEP 517 wheels, PEP 660 editable wheels, and metadata without a build where the backend can.
//!
//! A build runs the package's own code. It runs in an environment of its own, which holds what the package says it needs
//! to be built and nothing else, with a scrubbed set of variables and a home directory that is thrown away, and in a sandbox
//! ([`wharf_sys::sandbox`]) as strong as the one who makes the environment says.
//!
//! | module | job |
//! |---|---|
//! | `environment` | which variables a build sees |
//! | `hook` | one call of one hook: a Python process, its log, its answer |
//! | `diagnosis` | what a failed build's log says about what is missing |
//! | `session` | a whole build: environment, further requirements, hook, result |

mod diagnosis;
mod environment;
mod hook;
pub(crate) mod session;

use std::any::Any;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use wharf_core::{Explain, Fault};
use wharf_ecosystem::pypi::Requirement;
use wharf_sys::sandbox::{Network, Strength};
use wharf_sys::view::View;

use crate::error::Cause;
use crate::index::PypiIndex;

pub use diagnosis::diagnose;

/// Makes environments for builds. Implemented above this crate, where resolving and installing are at hand.
pub trait Builder: Send + Sync {
    /// What tells builds for one interpreter and platform from builds for another: part of the cache's key.
    fn identity(&self) -> String;

    /// Makes an environment that holds `request.requires` and what they require.
    fn environment<'a>(
        &'a self,
        request: EnvironmentRequest,
    ) -> BoxFuture<'a, Result<BuildEnvironment, Cause>>;
}

/// An environment that a build needs.
#[derive(Clone, Debug)]
pub struct EnvironmentRequest {
    /// What has to be importable.
    pub requires: Vec<Requirement>,
    /// The index to resolve with. It knows what is being built, and refuses cycles.
    pub index: PypiIndex,
    /// What is built, for people.
    pub label: String,
    /// The folder of the project that is built.
    pub tree: PathBuf,
}

/// An environment that a build runs in.
pub struct BuildEnvironment {
    /// Its interpreter.
    pub python: PathBuf,
    /// Folders to put in front of `PATH`: its scripts.
    pub path_dirs: Vec<PathBuf>,
    /// What the environment's packages and its interpreter need to read, wherever that lies.
    pub readable: Vec<PathBuf>,
    /// The system root in whose place of the system it runs, and where builds keep what they change of `/etc` and `/var`.
    pub view: Option<View>,
    /// How strong a sandbox its builds run in.
    pub strength: Strength,
    /// What its builds reach over the network.
    pub network: Network,
    /// Whatever keeps the environment in place; dropped when the build is over.
    pub guard: Option<Box<dyn Any + Send + Sync>>,
}

impl fmt::Debug for BuildEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuildEnvironment")
            .field("python", &self.python)
            .finish_non_exhaustive()
    }
}

/// A build that failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BuildError {
    /// A hook of the backend failed.
    #[error("building {what} failed: `{hook}` of `{backend}` {reason}{}", tail_words(.tail, .log))]
    Hook {
        /// What was built.
        what: String,
        /// The hook.
        hook: &'static str,
        /// The backend.
        backend: String,
        /// How it failed.
        reason: String,
        /// The last lines of its output.
        tail: String,
        /// The whole output.
        log: Option<PathBuf>,
        /// What the output says about what is missing.
        hints: Vec<String>,
    },
    /// The environment could not be made.
    #[error("the build environment of {what} could not be made: {error}")]
    Environment {
        /// What was to be built.
        what: String,
        /// Why not.
        error: Cause,
    },
    /// A package needs itself to be built.
    #[error("{what} cannot be built: its build needs itself ({})", .chain.join(" → "))]
    Cycle {
        /// What was to be built.
        what: String,
        /// The chain of builds, outermost first.
        chain: Vec<String>,
    },
    /// A source tree without anything that says how to build it.
    #[error("{what} cannot be built: {reason}")]
    NotBuildable {
        /// What was to be built.
        what: String,
        /// Why not.
        reason: String,
    },
    /// A backend that answers something that no backend may.
    #[error("building {what} failed: the backend `{backend}` {reason}")]
    Backend {
        /// What was built.
        what: String,
        /// The backend.
        backend: String,
        /// What it did, as a predicate.
        reason: String,
    },
}

fn tail_words(tail: &str, log: &Option<PathBuf>) -> String {
    let mut words = String::new();
    if !tail.is_empty() {
        words.push_str("\n\nThe end of its output:\n");
        for line in tail.lines() {
            words.push_str("  | ");
            words.push_str(line);
            words.push('\n');
        }
    }
    if let Some(log) = log {
        words.push_str(&format!("\nThe whole output is in {}", log.display()));
    }
    words
}

impl Explain for BuildError {
    fn code(&self) -> &'static str {
        match self {
            BuildError::Hook { .. } => "build/failed",
            BuildError::Environment { .. } => "build/environment",
            BuildError::Cycle { .. } => "build/cycle",
            BuildError::NotBuildable { .. } => "build/not-buildable",
            BuildError::Backend { .. } => "build/backend",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            BuildError::Environment { error, .. } => error.fault(),
            BuildError::Hook { .. }
            | BuildError::Cycle { .. }
            | BuildError::NotBuildable { .. }
            | BuildError::Backend { .. } => Fault::World,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            BuildError::Hook { hints, .. } if !hints.is_empty() => hints.clone(),
            BuildError::Hook { .. } | BuildError::Backend { .. } => {
                vec!["choose a version that has a wheel for this platform, or report the failure to its authors".to_owned()]
            }
            BuildError::Environment { error, .. } => error.hints(),
            BuildError::Cycle { .. } => {
                vec!["choose a version of one of them that has a wheel for this platform".to_owned()]
            }
            BuildError::NotBuildable { .. } => {
                vec![
                    "check that the path is that of a Python project (`pyproject.toml` or `setup.py`)"
                        .to_owned(),
                ]
            }
        }
    }
}

/// A builder for places where nothing may be built; the reason stands in the error.
#[derive(Clone, Debug)]
pub struct NoBuilds(pub String);

impl Builder for NoBuilds {
    fn identity(&self) -> String {
        "none".to_owned()
    }

    fn environment<'a>(
        &'a self,
        request: EnvironmentRequest,
    ) -> BoxFuture<'a, Result<BuildEnvironment, Cause>> {
        let error = crate::error::IndexError::NoBuilder {
            what: request.label,
            reason: self.0.clone(),
        };
        let error: Cause = Arc::new(error);
        Box::pin(async move { Err(error) })
    }
}
