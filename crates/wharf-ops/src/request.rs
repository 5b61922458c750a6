//! What the use cases are asked, in the words of the faces that ask.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wharf_core::{Span, Timestamp};

pub use crate::resolve::Upgrade;
pub use wharf_project::{PrebuiltPolicy, Prereleases, ResolutionMode};

/// Files that were uploaded later are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newest {
    /// Later than an instant.
    Before(Timestamp),
    /// Less than a span ago.
    OlderThan(Span),
}

/// A text that is neither a date nor a span.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a date (2026-01-31, 2026-01-31T12:00:00Z) nor a span of time (7d)")]
pub struct InvalidNewest(pub String);

impl std::str::FromStr for Newest {
    type Err = InvalidNewest;

    /// A bare date means the end of that day, UTC.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(span) = text.parse() {
            return Ok(Newest::OlderThan(span));
        }
        let instant = if text.len() == 10 {
            format!("{text}T23:59:59.999999999Z")
        } else {
            text.to_owned()
        };
        instant
            .parse()
            .map(Newest::Before)
            .map_err(|_| InvalidNewest(text.to_owned()))
    }
}

/// How a solve is steered; what is `None` is as the manifest says.
#[derive(Clone, Debug)]
pub struct Solving {
    /// In place of the manifest's cooldown.
    pub newest: Option<Newest>,
    /// Which versions are preferred.
    pub resolution: Option<ResolutionMode>,
    /// Whether prereleases may be chosen.
    pub prereleases: Option<Prereleases>,
    /// How long the search may take.
    pub time_limit: Duration,
    /// More packages whose wheels are not used; `:all:` for every package.
    pub no_binary: Vec<String>,
    /// More packages that are not built from source; `:all:` for every package.
    pub only_binary: Vec<String>,
}

impl Default for Solving {
    fn default() -> Self {
        Self {
            newest: None,
            resolution: None,
            prereleases: None,
            time_limit: Duration::from_secs(300),
            no_binary: Vec::new(),
            only_binary: Vec::new(),
        }
    }
}

/// Which part of the lock is installed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selecting {
    /// Leave out the development requirements.
    pub no_dev: bool,
    /// Groups to add.
    pub groups: Vec<String>,
    /// Extras of the project to add.
    pub extras: Vec<String>,
    /// Add every extra.
    pub all_extras: bool,
    /// Add every group.
    pub all_groups: bool,
    /// Leave out the project itself.
    pub no_project: bool,
    /// Leave out npm's optional dependencies.
    #[serde(default)]
    pub no_optional: bool,
}

/// How files come from the store into the environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// Reflink where the file system can, else hard link, else copy.
    #[default]
    Auto,
    /// Copy-on-write clones.
    Reflink,
    /// Hard links to the read-only store.
    Hardlink,
    /// Plain copies.
    Copy,
}

/// How the environment is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installing {
    /// Compile bytecode.
    pub compile: bool,
    /// How files come into it.
    pub link: Link,
    /// Whether an environment that Wharf did not make may be replaced.
    pub replace_foreign: bool,
    /// Whether commands of crates may come prebuilt, in place of what the manifest says.
    #[serde(default)]
    pub prebuilt: Option<PrebuiltPolicy>,
}

/// What a stale lockfile means to a sync.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Freshness {
    /// It is solved again.
    #[default]
    Update,
    /// It is an error.
    Locked,
    /// It is used as it is.
    Frozen,
}

/// Whether a command changes anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effect {
    /// It does.
    #[default]
    Apply,
    /// It only says what it would do.
    DryRun,
}

/// Which requirements files stand for the manifest; empty for discovery.
pub type Files = Vec<PathBuf>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_spans() {
        assert_eq!("7d".parse(), Ok(Newest::OlderThan(Span::from_seconds(604_800))));
        assert_eq!(
            "2026-01-31".parse(),
            Ok(Newest::Before("2026-01-31T23:59:59.999999999Z".parse().unwrap()))
        );
        assert_eq!(
            "2026-01-31T12:00:00Z".parse(),
            Ok(Newest::Before("2026-01-31T12:00:00Z".parse().unwrap()))
        );
        assert!("yesterday".parse::<Newest>().is_err());
    }
}
