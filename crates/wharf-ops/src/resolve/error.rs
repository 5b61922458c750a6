//! How a resolution fails.
use std::time::Duration;

use wharf_core::{Explain, Fault};

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
    /// The time limit passed.
    #[error("no resolution within {} s; Wharf was {doing}", limit.as_secs())]
    OutOfTime {
        /// The limit.
        limit: Duration,
        /// What was going on, as a participle: `waiting for the versions of foo`.
        doing: String,
    },
    /// Interrupted.
    #[error("interrupted while resolving")]
    Cancelled,
}

impl Explain for ResolveError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unsatisfiable(_) => "resolve/unsatisfiable",
            Self::Source(SourceError::Failed(error)) => error.code(),
            Self::Source(SourceError::Missing { .. }) => "resolve/missing",
            Self::Source(SourceError::Unusable(_)) => "resolve/unusable",
            Self::OutOfTime { .. } => "resolve/out-of-time",
            Self::Cancelled => "resolve/interrupted",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Unsatisfiable(_) => Fault::Unsatisfiable,
            Self::Source(SourceError::Failed(error)) => error.fault(),
            Self::Source(SourceError::Missing { .. } | SourceError::Unusable(_)) => Fault::User,
            Self::OutOfTime { .. } => Fault::World,
            Self::Cancelled => Fault::Interrupted,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Unsatisfiable(explanation) => explanation.hints(),
            Self::Source(SourceError::Failed(error)) => error.hints(),
            Self::Source(SourceError::Missing { .. } | SourceError::Unusable(_)) | Self::Cancelled => {
                Vec::new()
            }
            Self::OutOfTime { .. } => vec![String::from(
                "exact or lower bounds on the packages that were tried most make the search shorter",
            )],
        }
    }
}
