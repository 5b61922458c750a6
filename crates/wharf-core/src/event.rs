//! What happens while a command works, for progress bars, JSON lines and tests alike.
//! Invariant: libraries emit events and never print.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// The stages of a command, in the order in which they usually run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Finding versions.
    Resolve,
    /// Bringing archives into the store.
    Fetch,
    /// Building source distributions.
    Build,
    /// Placing files into the new generation.
    Stage,
    /// Compiling bytecode.
    Compile,
    /// Moving the environment to the new generation.
    Commit,
    /// Checking the store.
    Verify,
}

impl Phase {
    /// A verb for people.
    pub const fn verb(self) -> &'static str {
        match self {
            Phase::Resolve => "Resolving",
            Phase::Fetch => "Fetching",
            Phase::Build => "Building",
            Phase::Stage => "Installing",
            Phase::Compile => "Compiling",
            Phase::Commit => "Committing",
            Phase::Verify => "Verifying",
        }
    }
}

/// Tells one download or build of a process from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct TaskId(u64);

impl TaskId {
    /// A number that no other task of this process has.
    #[expect(
        clippy::new_without_default,
        reason = "a default that differs each time would surprise"
    )]
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A phase began; `total` counts its items where that is known.
    PhaseStarted {
        /// Which.
        phase: Phase,
        /// How many items it has.
        total: Option<u64>,
    },
    /// A phase advanced to `done` items of `total`.
    PhaseProgress {
        /// Which.
        phase: Phase,
        /// Items finished so far.
        done: u64,
        /// Items in all, as far as known by now.
        total: Option<u64>,
        /// What is being worked on.
        detail: Option<String>,
    },
    /// A phase ended.
    PhaseFinished {
        /// Which.
        phase: Phase,
        /// Items that it handled.
        done: u64,
    },
    /// A transfer began.
    DownloadStarted {
        /// Its number.
        id: TaskId,
        /// What is transferred, for people.
        label: String,
        /// Its size in bytes, where known.
        bytes: Option<u64>,
    },
    /// The size of a transfer that began without one became known.
    DownloadSized {
        /// Its number.
        id: TaskId,
        /// Its size in bytes.
        bytes: u64,
    },
    /// More bytes of a transfer arrived.
    DownloadProgress {
        /// Its number.
        id: TaskId,
        /// Bytes since the last such event.
        bytes: u64,
    },
    /// A transfer ended, well or not.
    DownloadFinished {
        /// Its number.
        id: TaskId,
    },
    /// A package's own build code began to run.
    BuildStarted {
        /// Its number.
        id: TaskId,
        /// The package.
        package: String,
    },
    /// A build ended, well or not.
    BuildFinished {
        /// Its number.
        id: TaskId,
    },
    /// The command waits for another process.
    Waiting {
        /// What for, in words.
        what: String,
    },
    /// Something the user should know although the command goes on.
    Warning {
        /// A stable code such as `cache/stale`.
        code: String,
        /// In words.
        message: String,
    },
    /// Something for `-v`.
    Detail {
        /// In words.
        message: String,
    },
}

impl Event {
    /// A warning.
    pub fn warning(code: impl Into<String>, message: impl Into<String>) -> Self {
        Event::Warning {
            code: code.into(),
            message: message.into(),
        }
    }

    /// Something for `-v`.
    pub fn detail(message: impl Into<String>) -> Self {
        Event::Detail {
            message: message.into(),
        }
    }
}

/// Takes events; called from many threads.
pub trait Sink: Send + Sync {
    /// Takes one event. Must not block for long.
    fn emit(&self, event: Event);
}

/// A shared sink.
pub type Sinks = Arc<dyn Sink>;

/// Drops every event.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullSink;

impl Sink for NullSink {
    fn emit(&self, _event: Event) {}
}

impl NullSink {
    /// A shared sink that drops every event.
    pub fn shared() -> Sinks {
        Arc::new(NullSink)
    }
}
