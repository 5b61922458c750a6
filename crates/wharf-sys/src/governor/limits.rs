//! The kinds of work, and how much of each may run at once.
//!
//! Invariant: one of each kind may always run: work that may never start would hang its caller.

use std::num::NonZeroUsize;
use std::thread;

use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

/// A kind of work that a permit is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Work {
    /// One HTTP exchange, from connecting to the last byte of the body.
    Network,
    /// Hashing, unpacking, parsing: one busy core.
    Cpu,
    /// Bulk writes and links.
    Disk,
    /// Building one package from source, which itself may start many processes.
    Build,
}

impl Work {
    /// Every kind, in a fixed order.
    pub const ALL: [Self; 4] = [Self::Network, Self::Cpu, Self::Disk, Self::Build];

    /// The lower-case name, as JSON spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Cpu => "cpu",
            Self::Disk => "disk",
            Self::Build => "build",
        }
    }
}

/// How much of each kind may run at once. Zero counts as one: work that may never start would hang its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// HTTP exchanges at once.
    pub network: usize,
    /// Cores in use at once.
    pub cpu: usize,
    /// Bulk disk jobs at once.
    pub disk: usize,
    /// Source builds at once.
    pub build: usize,
}

impl Limits {
    /// HTTP exchanges at once where nothing else is said.
    pub const DEFAULT_NETWORK: usize = 50;

    /// Limits that suit this machine: fifty exchanges, one job per core, twice that for the disk (whose jobs
    /// mostly wait), and as many builds as cores.
    #[must_use]
    pub fn for_machine() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            network: Self::DEFAULT_NETWORK,
            cpu: cores,
            disk: cores * 2,
            build: cores,
        }
    }

    /// The limit of one kind.
    #[must_use]
    pub fn of(&self, work: Work) -> usize {
        match work {
            Work::Network => self.network,
            Work::Cpu => self.cpu,
            Work::Disk => self.disk,
            Work::Build => self.build,
        }
        .clamp(1, Semaphore::MAX_PERMITS)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::for_machine()
    }
}
