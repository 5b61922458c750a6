//! One governor hands out permits for network, CPU, disk and build work to every stage.
//!
//! Invariant: the permits held for a kind of work never exceed the highest limit that was in force while they
//! were taken, and after a limit is lowered no new permit is given until enough have come back. Limits can move
//! while work is running, so that heat and pressure can steer them.

mod limits;
mod park;
mod pool;

use std::sync::Arc;

use tokio::sync::Semaphore;

use self::pool::Pool;

pub use self::limits::{Limits, Work};
pub use self::pool::{Gauge, HeldBack, Permit};

/// Hands out permits. Cheap to clone; clones share the same limits.
#[derive(Debug, Clone)]
pub struct Governor {
    pools: Arc<[Arc<Pool>; 4]>,
}

impl Governor {
    /// A governor with the limits given.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            pools: Arc::new(Work::ALL.map(|work| Arc::new(Pool::new(limits.of(work))))),
        }
    }

    /// A governor with [`Limits::for_machine`].
    #[must_use]
    pub fn for_machine() -> Self {
        Self::new(Limits::for_machine())
    }

    /// Waits for a permit. Callers are served in the order in which they came.
    pub async fn permit(&self, work: Work) -> Permit {
        self.pool(work).permit().await
    }

    /// Waits for a permit on a thread that may block (never on an async worker).
    pub fn permit_blocking(&self, work: Work) -> Permit {
        if let Some(permit) = self.try_permit(work) {
            return permit;
        }
        park::wait(self.permit(work))
    }

    /// A permit, if one is free now.
    #[must_use]
    pub fn try_permit(&self, work: Work) -> Option<Permit> {
        self.pool(work).try_permit()
    }

    /// Moves every limit. Work under way is never interrupted: a lower limit holds as permits come back.
    pub fn set_limits(&self, limits: Limits) {
        for work in Work::ALL {
            self.set_limit(work, limits.of(work));
        }
    }

    /// Moves the limit of one kind; zero counts as one.
    pub fn set_limit(&self, work: Work, limit: usize) {
        self.pool(work).resize(limit.clamp(1, Semaphore::MAX_PERMITS));
    }

    /// Lowers the limit of one kind by `permits` for as long as what is returned lives, though never below one: for work that goes
    /// before all of that kind and waits for nobody. Never waits itself: the permits are taken as they come back.
    pub fn hold_back(&self, work: Work, permits: usize) -> HeldBack {
        self.pool(work).hold_back(permits)
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let limit = |work| self.pool(work).limit();
        Limits {
            network: limit(Work::Network),
            cpu: limit(Work::Cpu),
            disk: limit(Work::Disk),
            build: limit(Work::Build),
        }
    }

    /// What one kind of work looks like now.
    #[must_use]
    pub fn gauge(&self, work: Work) -> Gauge {
        self.pool(work).gauge()
    }

    fn pool(&self, work: Work) -> &Arc<Pool> {
        let [network, cpu, disk, build] = &*self.pools;
        match work {
            Work::Network => network,
            Work::Cpu => cpu,
            Work::Disk => disk,
            Work::Build => build,
        }
    }
}

#[cfg(test)]
mod tests;
