//! Why a system root could not be put together. Whatever it is, nothing of it is in the store under a name.

use wharf_core::{Explain, Fault};
use wharf_deb::control::InvalidControl;
use wharf_store::StoreError;

/// Why there is no root.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A package's control file cannot be read.
    #[error(transparent)]
    Control(#[from] InvalidControl),
    /// A package has no control file.
    #[error("a package in the store has no control file")]
    NoControl,
    /// One package is given twice.
    #[error("{package} is given twice")]
    Twice {
        /// Which.
        package: String,
    },
    /// Two packages have something at one path, and none may replace the other's.
    #[error("{one} and {other} both have {path}, and neither replaces the other")]
    Conflict {
        /// The path, from `/`.
        path: String,
        /// One package.
        one: String,
        /// The other.
        other: String,
    },
    /// An approved script failed.
    #[error("the approved {script} of {package} {version} failed: {problem}")]
    Script {
        /// Whose.
        package: String,
        /// Its version.
        version: String,
        /// `preinst` or `postinst`.
        script: &'static str,
        /// Its exit code, and what it said.
        problem: String,
    },
    /// A program that finishes the root was killed, or could not be started.
    #[error("the system root could not be finished: {program} (for {purpose}) {problem}")]
    Unfinished {
        /// The program, from the root.
        program: String,
        /// What it is for.
        purpose: String,
        /// How it ended, and what it said.
        problem: String,
    },
    /// Somebody asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// Answers for approved scripts could not be given.
    #[error("debconf does not take the answers of [deb]: {problem}")]
    Answers {
        /// Why.
        problem: String,
    },
}

impl Explain for SystemError {
    fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => error.code(),
            Self::Control(error) => error.code(),
            Self::NoControl => "system/control",
            Self::Twice { .. } => "system/twice",
            Self::Conflict { .. } => "system/conflict",
            Self::Script { .. } => "system/script",
            Self::Unfinished { .. } => "system/unfinished",
            Self::Interrupted => "interrupted",
            Self::Answers { .. } => "system/answers",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Store(error) => error.fault(),
            Self::Control(error) => error.fault(),
            Self::NoControl
            | Self::Twice { .. }
            | Self::Conflict { .. }
            | Self::Script { .. }
            | Self::Unfinished { .. } => Fault::World,
            Self::Interrupted => Fault::Interrupted,
            Self::Answers { .. } => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Store(error) => error.hints(),
            Self::Control(error) => error.hints(),
            Self::Conflict { one, other, .. } => vec![format!(
                "leave out {one} or {other}, or choose another version of one of them"
            )],
            Self::Script { package, .. } => vec![format!(
                "without the approval of {package} in `[policy] scripts`, what its scripts do as data is done all the same"
            )],
            Self::Answers { .. } => vec![
                "each line of `answers` is read by debconf-set-selections: `PACKAGE QUESTION TYPE VALUE`; the package that asks depends on debconf"
                    .to_owned(),
            ],
            Self::Unfinished { .. } => vec![
                "nothing of this root was kept; run the command again, with more memory or room on the disk where it lacked some"
                    .to_owned(),
            ],
            Self::NoControl | Self::Twice { .. } | Self::Interrupted => Vec::new(),
        }
    }
}
