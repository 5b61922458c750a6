//! The permits of one kind of work.
//!
//! Invariant: there are as many permits as the limit says, less what is held back, and never fewer than one. Where that becomes fewer
//! than are held, the difference is owed: a permit that is owed is given to nobody, whichever way it becomes free.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What one kind of work looks like at an instant; for events and dashboards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gauge {
    /// Permits held now.
    pub in_use: usize,
    /// Callers waiting for one.
    pub waiting: usize,
    /// Permits that may be held.
    pub limit: usize,
}

/// The permits of one kind.
#[derive(Debug)]
pub(super) struct Pool {
    semaphore: Arc<Semaphore>,
    in_use: AtomicUsize,
    waiting: AtomicUsize,
    state: Mutex<PoolState>,
}

#[derive(Debug)]
struct PoolState {
    limit: usize,
    /// By how much those who [hold back](super::Governor::hold_back) lower the limit.
    held_back: usize,
    /// Permits that a lowered limit still has to take back from their holders.
    debt: usize,
}

impl PoolState {
    /// How many permits there are, those included that are owed.
    fn permits(&self) -> usize {
        self.limit.saturating_sub(self.held_back).max(1)
    }

    /// Takes a permit back if one is owed.
    fn settle(&mut self, permit: OwnedSemaphorePermit) -> Option<OwnedSemaphorePermit> {
        match self.debt.checked_sub(1) {
            None => Some(permit),
            Some(less) => {
                self.debt = less;
                permit.forget();
                None
            }
        }
    }
}

impl Pool {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            semaphore: Arc::new(Semaphore::new(limit)),
            in_use: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            state: Mutex::new(PoolState {
                limit,
                held_back: 0,
                debt: 0,
            }),
        }
    }

    /// Waits for a permit, after those who came before.
    pub(super) async fn permit(self: &Arc<Self>) -> Permit {
        let _waiting = Count::up(&self.waiting);
        loop {
            let inner = Arc::clone(&self.semaphore)
                .acquire_owned()
                .await
                .expect("the governor never closes its semaphores");
            if let Some(permit) = Permit::new(inner, self) {
                return permit;
            }
        }
    }

    /// A permit, if one is free now.
    pub(super) fn try_permit(self: &Arc<Self>) -> Option<Permit> {
        loop {
            let inner = Arc::clone(&self.semaphore).try_acquire_owned().ok()?;
            if let Some(permit) = Permit::new(inner, self) {
                return Some(permit);
            }
        }
    }

    /// Moves the limit, which is one or more.
    pub(super) fn resize(&self, limit: usize) {
        self.change(|state| state.limit = limit);
    }

    /// Lowers the limit by so many for as long as what is returned lives.
    pub(super) fn hold_back(self: &Arc<Self>, permits: usize) -> HeldBack {
        self.change(|state| state.held_back += permits);
        HeldBack {
            pool: Arc::clone(self),
            permits,
        }
    }

    pub(super) fn limit(&self) -> usize {
        self.state().limit
    }

    pub(super) fn gauge(&self) -> Gauge {
        Gauge {
            in_use: self.in_use.load(Ordering::Relaxed),
            waiting: self.waiting.load(Ordering::Relaxed),
            limit: self.limit(),
        }
    }

    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes as many permits more or fewer as `change` asks for.
    fn change(&self, change: impl FnOnce(&mut PoolState)) {
        let mut state = self.state();
        let before = state.permits();
        change(&mut state);
        let after = state.permits();
        if after > before {
            let grown = after - before;
            let forgiven = grown.min(state.debt);
            state.debt -= forgiven;
            self.semaphore.add_permits(grown - forgiven);
        } else {
            let shrunk = before - after;
            let taken = self.semaphore.forget_permits(shrunk);
            state.debt += shrunk - taken;
        }
    }
}

/// The right to do one piece of work; given back when dropped.
#[derive(Debug)]
#[must_use = "a permit is given back as soon as it is dropped"]
pub struct Permit {
    inner: Option<OwnedSemaphorePermit>,
    pool: Arc<Pool>,
}

impl Permit {
    /// None where it is owed: who waited and was given one that then nobody came for makes it free without looking at what is owed.
    fn new(inner: OwnedSemaphorePermit, pool: &Arc<Pool>) -> Option<Self> {
        let inner = pool.state().settle(inner)?;
        pool.in_use.fetch_add(1, Ordering::Relaxed);
        Some(Self {
            inner: Some(inner),
            pool: Arc::clone(pool),
        })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.pool.in_use.fetch_sub(1, Ordering::Relaxed);
        let Some(inner) = self.inner.take() else { return };
        let mut state = self.pool.state();
        // Both under the lock, or it could go to somebody else when it is owed already.
        drop(state.settle(inner));
    }
}

/// Permits that nobody gets while this lives.
#[derive(Debug)]
#[must_use = "permits are held back no longer than this lives"]
pub struct HeldBack {
    pool: Arc<Pool>,
    pub(super) permits: usize,
}

impl Drop for HeldBack {
    fn drop(&mut self) {
        self.pool.change(|state| state.held_back -= self.permits);
    }
}

/// Counts one up for as long as it lives, also when its future is dropped half-way.
struct Count<'a>(&'a AtomicUsize);

impl<'a> Count<'a> {
    fn up(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Count<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
