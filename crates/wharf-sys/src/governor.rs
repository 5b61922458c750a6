//! One governor hands out permits for network, CPU, disk and build work to every stage.
//!
//! Invariant: the permits held for a kind of work never exceed the highest limit that was in force while they
//! were taken, and after a limit is lowered no new permit is given until enough have come back. Limits can move
//! while work is running, so that heat and pressure can steer them.

use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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
        let pool = self.pool(work);
        let _waiting = Count::up(&pool.waiting);
        loop {
            let inner = Arc::clone(&pool.semaphore)
                .acquire_owned()
                .await
                .expect("the governor never closes its semaphores");
            if let Some(permit) = Permit::new(inner, pool) {
                return permit;
            }
        }
    }

    /// Waits for a permit on a thread that may block (never on an async worker).
    pub fn permit_blocking(&self, work: Work) -> Permit {
        if let Some(permit) = self.try_permit(work) {
            return permit;
        }
        wait(self.permit(work))
    }

    /// A permit, if one is free now.
    #[must_use]
    pub fn try_permit(&self, work: Work) -> Option<Permit> {
        let pool = self.pool(work);
        loop {
            let inner = Arc::clone(&pool.semaphore).try_acquire_owned().ok()?;
            if let Some(permit) = Permit::new(inner, pool) {
                return Some(permit);
            }
        }
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
        let pool = Arc::clone(self.pool(work));
        pool.hold_back(|held_back| held_back + permits);
        HeldBack { pool, permits }
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let limit = |work| self.pool(work).state().limit;
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
        let pool = self.pool(work);
        Gauge {
            in_use: pool.in_use.load(Ordering::Relaxed),
            waiting: pool.waiting.load(Ordering::Relaxed),
            limit: pool.state().limit,
        }
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
    permits: usize,
}

impl Drop for HeldBack {
    fn drop(&mut self) {
        self.pool.hold_back(|held_back| held_back - self.permits);
    }
}

/// The permits of one kind.
#[derive(Debug)]
struct Pool {
    semaphore: Arc<Semaphore>,
    in_use: AtomicUsize,
    waiting: AtomicUsize,
    state: Mutex<PoolState>,
}

#[derive(Debug)]
struct PoolState {
    limit: usize,
    /// By how much those who [hold back](Governor::hold_back) lower the limit.
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
    fn new(limit: usize) -> Self {
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

    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn resize(&self, limit: usize) {
        self.change(|state| state.limit = limit);
    }

    fn hold_back(&self, held_back: impl FnOnce(usize) -> usize) {
        self.change(|state| state.held_back = held_back(state.held_back));
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

/// Parks this thread until the future is ready. A permit needs no runtime, so neither does this.
fn wait<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::Pin;
    use std::time::Duration;

    fn limits(network: usize) -> Limits {
        Limits {
            network,
            cpu: 1,
            disk: 1,
            build: 1,
        }
    }

    #[test]
    fn never_more_than_the_limit() {
        let governor = Governor::new(limits(2));
        let first = governor.try_permit(Work::Network);
        let second = governor.try_permit(Work::Network);
        assert!(first.is_some() && second.is_some());
        assert!(governor.try_permit(Work::Network).is_none());
        drop(first);
        assert!(governor.try_permit(Work::Network).is_some());
    }

    #[test]
    fn kinds_do_not_share() {
        let governor = Governor::new(limits(1));
        let _network = governor.try_permit(Work::Network).unwrap();
        assert!(governor.try_permit(Work::Cpu).is_some());
    }

    #[test]
    fn zero_counts_as_one() {
        let governor = Governor::new(limits(0));
        assert!(governor.try_permit(Work::Network).is_some());
    }

    #[test]
    fn lowering_takes_effect_as_permits_come_back() {
        let governor = Governor::new(limits(3));
        let held: Vec<_> = (0..3)
            .filter_map(|_| governor.try_permit(Work::Network))
            .collect();
        governor.set_limit(Work::Network, 1);
        assert_eq!(
            governor.gauge(Work::Network),
            Gauge {
                in_use: 3,
                waiting: 0,
                limit: 1
            }
        );
        let mut held = held.into_iter();
        drop(held.next());
        assert!(
            governor.try_permit(Work::Network).is_none(),
            "two are still held under a limit of one"
        );
        drop(held);
        let again = governor.try_permit(Work::Network);
        assert!(again.is_some() && governor.try_permit(Work::Network).is_none());
    }

    #[test]
    fn raising_again_forgives_what_was_owed() {
        let governor = Governor::new(limits(4));
        let held: Vec<_> = (0..4)
            .filter_map(|_| governor.try_permit(Work::Network))
            .collect();
        governor.set_limit(Work::Network, 1);
        governor.set_limit(Work::Network, 5);
        let fifth = governor.try_permit(Work::Network);
        assert!(fifth.is_some() && governor.try_permit(Work::Network).is_none());
        drop(held);
        drop(fifth);
        let all: Vec<_> = (0..9).map_while(|_| governor.try_permit(Work::Network)).collect();
        assert_eq!(all.len(), 5);
    }

    #[test]
    fn what_is_held_back_comes_back() {
        let governor = Governor::new(limits(3));
        let take = || std::iter::from_fn(|| governor.try_permit(Work::Network));
        let available = || take().collect::<Vec<_>>().len();
        let one = governor.hold_back(Work::Network, 1);
        assert_eq!(available(), 2);
        let many = governor.hold_back(Work::Network, 7);
        assert_eq!(available(), 1, "one is always left");
        governor.set_limit(Work::Network, 20);
        assert_eq!(available(), 12);
        drop(many);
        assert_eq!(available(), 19);
        drop(one);
        assert_eq!((available(), governor.limits().network), (20, 20));
    }

    #[test]
    fn who_has_a_permit_keeps_it_while_others_are_held_back() {
        let governor = Governor::new(limits(2));
        let taken = [(); 2].map(|()| governor.try_permit(Work::Network).unwrap());
        let held = governor.hold_back(Work::Network, 1);
        let [first, second] = taken;
        drop(first);
        assert!(governor.try_permit(Work::Network).is_none(), "it was owed");
        drop(held);
        assert!(governor.try_permit(Work::Network).is_some());
        drop(second);
    }

    /// How many permits there are for whoever asks now.
    fn free(governor: &Governor) -> usize {
        let permits: Vec<_> = std::iter::from_fn(|| governor.try_permit(Work::Network)).collect();
        permits.len()
    }

    /// Numbers below `end` that look random, the same in every run.
    fn numbers(seed: u64) -> impl FnMut(usize) -> usize {
        let mut state = seed * 2 + 1;
        move |end| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 33) as usize % end
        }
    }

    /// Asks once, as a task does that then waits.
    fn poll(waiter: &mut Pin<Box<impl Future>>) -> bool {
        waiter
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    }

    #[test]
    fn what_a_waiter_never_came_for_is_owed_as_well() {
        let governor = Governor::new(limits(2));
        let taken = [(); 2].map(|()| governor.try_permit(Work::Network).unwrap());
        let mut waiter = Box::pin(governor.permit(Work::Network));
        assert!(!poll(&mut waiter));
        let [first, second] = taken;
        // It goes to the waiter.
        drop(first);
        let held = governor.hold_back(Work::Network, 1);
        drop(waiter);
        assert_eq!(free(&governor), 0, "there is one permit, and it is in use");
        drop(second);
        assert_eq!(free(&governor), 1);
        drop(held);
        assert_eq!(free(&governor), 2);
    }

    #[test]
    fn permits_are_given_as_long_as_there_are_some_and_no_longer() {
        for seed in 0..40 {
            let governor = Governor::new(limits(4));
            let mut next = numbers(seed);
            let (mut limit, mut permits, mut held, mut waiters) =
                (4usize, Vec::new(), Vec::<HeldBack>::new(), Vec::new());
            for step in 0..500 {
                match next(7) {
                    0 | 1 => {
                        let lowered = held.iter().map(|held| held.permits).sum();
                        let may = permits.len() < limit.saturating_sub(lowered).max(1);
                        let permit = governor.try_permit(Work::Network);
                        // Those who wait have been given some, perhaps, and not come for them yet.
                        let given = permit.is_some() || (may && !waiters.is_empty());
                        assert_eq!(given, may, "seed {seed}, step {step}");
                        permits.extend(permit);
                    }
                    2 if !permits.is_empty() => drop(permits.swap_remove(next(permits.len()))),
                    3 => held.push(governor.hold_back(Work::Network, next(4))),
                    4 if !held.is_empty() => drop(held.swap_remove(next(held.len()))),
                    5 => {
                        limit = 1 + next(6);
                        governor.set_limit(Work::Network, limit);
                    }
                    6 if waiters.len() < 3 => {
                        let mut waiter = Box::pin(governor.permit(Work::Network));
                        if !poll(&mut waiter) {
                            waiters.push(waiter);
                        }
                    }
                    6 => waiters.clear(),
                    _ => {}
                }
            }
            drop((permits, held, waiters));
            assert_eq!(free(&governor), limit, "seed {seed}");
        }
    }

    #[test]
    fn threads_that_hold_back_lose_no_permits_and_never_have_too_many() {
        const LIMIT: usize = 4;
        let governor = Governor::new(limits(LIMIT));
        let in_use = AtomicUsize::new(0);
        let work = |seed| {
            let mut next = numbers(seed);
            let mut held = Vec::new();
            for _ in 0..2_000 {
                match next(6) {
                    0 => held.push(governor.hold_back(Work::Network, next(LIMIT))),
                    1 => held.clear(),
                    2 => {
                        // Gives up, perhaps after it was given one.
                        let mut waiter = Box::pin(governor.permit(Work::Network));
                        poll(&mut waiter);
                        thread::yield_now();
                    }
                    _ => {
                        let permit = governor.permit_blocking(Work::Network);
                        assert!(in_use.fetch_add(1, Ordering::SeqCst) < LIMIT);
                        thread::yield_now();
                        in_use.fetch_sub(1, Ordering::SeqCst);
                        drop(permit);
                    }
                }
                if held.len() > 3 {
                    held.clear();
                }
            }
        };
        thread::scope(|scope| {
            for seed in 0..8 {
                scope.spawn(move || work(seed));
            }
        });
        let gauge = governor.gauge(Work::Network);
        assert_eq!((gauge.in_use, gauge.waiting, free(&governor)), (0, 0, LIMIT));
    }

    #[test]
    fn a_blocked_thread_wakes_when_a_permit_returns() {
        let governor = Governor::new(limits(1));
        let held = governor.permit_blocking(Work::Network);
        let waiter = {
            let governor = governor.clone();
            thread::spawn(move || drop(governor.permit_blocking(Work::Network)))
        };
        while governor.gauge(Work::Network).waiting == 0 {
            thread::sleep(Duration::from_millis(1));
        }
        drop(held);
        waiter.join().unwrap();
        assert_eq!(
            governor.gauge(Work::Network),
            Gauge {
                in_use: 0,
                waiting: 0,
                limit: 1
            }
        );
    }

    #[tokio::test]
    async fn a_cancelled_waiter_is_not_counted() {
        let governor = Governor::new(limits(1));
        let _held = governor.permit(Work::Network).await;
        let waited = tokio::time::timeout(Duration::from_millis(5), governor.permit(Work::Network)).await;
        assert!(waited.is_err());
        assert_eq!(governor.gauge(Work::Network).waiting, 0);
    }
}
