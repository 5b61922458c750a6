//! How a resolution fails.
use std::time::Duration;

use wharf_core::{Explain, Fault, PackageName};

use super::explain::Explanation;
use super::source::SourceError;

/// Why there is no resolution.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The requirements cannot be satisfied together.
    #[error("{0}")]
    Unsatisfiable(Box<Explanation>),
    /// A fact could not be had.
    #[error("a package could not be looked up")]
    Source(#[source] SourceError),
    /// What a requirement names by URL, path or repository could not be had.
    #[error("{name} ({origin}) could not be looked up")]
    Direct {
        /// The package.
        name: PackageName,
        /// Where it is asked for.
        origin: String,
        /// Why not.
        #[source]
        error: SourceError,
    },
    /// The time limit passed.
    #[error("no resolution within {} s; Wharf was {doing}", limit.as_secs())]
    OutOfTime {
        /// The limit.
        limit: Duration,
        /// What was going on, as a participle: `waiting for the versions of foo`.
        doing: String,
    },
    /// The search itself broke.
    #[error("the search for a resolution broke off: {0}")]
    Panicked(String),
    /// Interrupted.
    #[error("interrupted while resolving")]
    Cancelled,
}

impl ResolveError {
    /// The explanation as data, where there is one: what is at fault and from where, the story, the suggestions.
    pub fn details(&self) -> Option<serde_json::Value> {
        match self {
            Self::Unsatisfiable(explanation) => serde_json::to_value(explanation).ok(),
            Self::Source(_)
            | Self::Direct { .. }
            | Self::OutOfTime { .. }
            | Self::Panicked(_)
            | Self::Cancelled => None,
        }
    }

    /// A panic of the thread that searched, or its end with the runtime.
    pub(crate) fn broken_off(error: tokio::task::JoinError) -> Self {
        match error.try_into_panic() {
            Ok(panic) => {
                let words = panic
                    .downcast_ref::<&str>()
                    .map(|words| (*words).to_owned())
                    .or_else(|| panic.downcast_ref::<String>().cloned());
                Self::Panicked(words.unwrap_or_else(|| String::from("no reason given")))
            }
            Err(_) => Self::Cancelled,
        }
    }
}

impl Explain for SourceError {
    fn code(&self) -> &'static str {
        match self {
            Self::Failed(error) => error.code(),
            Self::Missing { .. } => "resolve/missing",
            Self::Unusable(_) => "resolve/unusable",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Failed(error) => error.fault(),
            Self::Missing { .. } | Self::Unusable(_) => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Failed(error) => error.hints(),
            Self::Missing { .. } | Self::Unusable(_) => Vec::new(),
        }
    }
}

impl Explain for ResolveError {
    fn code(&self) -> &'static str {
        match self {
            Self::Source(error) | Self::Direct { error, .. } => error.code(),
            Self::Unsatisfiable(_) => "resolve/unsatisfiable",
            Self::OutOfTime { .. } => "resolve/out-of-time",
            Self::Panicked(_) => "resolve/bug",
            Self::Cancelled => "resolve/interrupted",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Source(error) | Self::Direct { error, .. } => error.fault(),
            Self::Unsatisfiable(_) => Fault::Unsatisfiable,
            Self::OutOfTime { .. } => Fault::World,
            Self::Panicked(_) => Fault::Bug,
            Self::Cancelled => Fault::Interrupted,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Source(error) | Self::Direct { error, .. } => error.hints(),
            Self::Unsatisfiable(explanation) => explanation.hints(),
            Self::Panicked(_) | Self::Cancelled => Vec::new(),
            Self::OutOfTime { .. } => vec![String::from(
                "exact or lower bounds on the packages that were tried most make the search shorter",
            )],
        }
    }
}
