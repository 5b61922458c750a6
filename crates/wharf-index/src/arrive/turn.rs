//! Whose turn it is among the archives that are unpacked while they arrive.
//!
//! Such an archive is large, and one thread's work to its end: were it one of many from the beginning, it would be alone at the end, and
//! the other cores idle. So the largest of those that have something to unpack go on, as many as there are cores; the others wait, and
//! what lies in memory and can wait has fewer threads. Who waits for the network stands in nobody's way.
//! Invariant: as long as one has something to unpack, one goes on, and each does now and then. What nobody wants any more waits for
//! nothing and stands in nobody's way.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use wharf_sys::{Governor, HeldBack, Work};

/// The permits for the disk that stand for one busy core.
const PERMITS: usize = 2;
/// Who has waited so long goes on: a transfer that nobody reads is one day a broken one.
const PATIENCE: Duration = Duration::from_secs(2);

/// One for the process, as its cores are.
static QUEUE: Queue = Queue::new();

/// The largest first, then who came first.
type Rank = (Reverse<u64>, u64);

/// Those that have something to unpack.
struct Queue {
    ready: Mutex<BTreeSet<Rank>>,
    changed: Condvar,
}

impl Queue {
    const fn new() -> Self {
        Self {
            ready: Mutex::new(BTreeSet::new()),
            changed: Condvar::new(),
        }
    }

    fn ready(&self) -> MutexGuard<'_, BTreeSet<Rank>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, rank: Rank) {
        self.ready().remove(&rank);
        self.changed.notify_all();
    }
}

/// An archive's place among those that arrive.
pub(crate) struct Turn {
    queue: &'static Queue,
    rank: Rank,
    unwanted: Arc<AtomicBool>,
    governor: Governor,
    /// While it is its turn.
    held_back: Option<HeldBack>,
    at_once: usize,
}

impl Turn {
    /// For an archive of so many bytes, or of nobody knows how many.
    pub(crate) fn new(governor: &Governor, size: Option<u64>) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            queue: &QUEUE,
            rank: (
                Reverse(size.unwrap_or(u64::MAX)),
                NUMBER.fetch_add(1, Ordering::Relaxed),
            ),
            unwanted: Arc::default(),
            governor: governor.clone(),
            held_back: None,
            at_once: cores,
        }
    }

    /// To be kept by who waits for what is unpacked: when it is dropped, the queue is left, and there are no turns any more.
    pub(crate) fn wish(&self) -> Wish {
        Wish {
            queue: self.queue,
            rank: self.rank,
            unwanted: Arc::clone(&self.unwanted),
        }
    }

    /// Says that there is something to unpack, and waits for the turn. Called again it makes way for larger ones.
    pub(crate) fn take(&mut self) {
        let mut ready = self.queue.ready();
        if !self.is_unwanted() {
            ready.insert(self.rank);
        }
        if self.waits(&ready) {
            self.held_back = None;
            let waited = self
                .queue
                .changed
                .wait_timeout_while(ready, PATIENCE, |ready| self.waits(ready));
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        } else {
            drop(ready);
        }
        if self.held_back.is_none() && !self.is_unwanted() {
            self.held_back = Some(self.governor.hold_back(Work::Disk, PERMITS));
        }
    }

    fn waits(&self, ready: &BTreeSet<Rank>) -> bool {
        !self.is_unwanted() && !ready.iter().take(self.at_once).any(|rank| *rank == self.rank)
    }

    fn is_unwanted(&self) -> bool {
        self.unwanted.load(Ordering::Acquire)
    }

    /// Leaves the queue: there is nothing to unpack until more has come.
    pub(crate) fn leave(&mut self) {
        if self.held_back.take().is_some() {
            self.queue.leave(self.rank);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.leave();
    }
}

/// That an archive is wanted.
pub(crate) struct Wish {
    queue: &'static Queue,
    rank: Rank,
    unwanted: Arc<AtomicBool>,
}

impl Drop for Wish {
    fn drop(&mut self) {
        let mut ready = self.queue.ready();
        // Under the lock, or its turn could be taken again after this.
        self.unwanted.store(true, Ordering::Release);
        ready.remove(&self.rank);
        drop(ready);
        self.queue.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Instant;

    use super::*;

    /// Turns of a queue of their own, of which one goes on at once.
    fn turns<const N: usize>(governor: &Governor, sizes: [u64; N]) -> [Turn; N] {
        let queue: &Queue = Box::leak(Box::new(Queue::new()));
        sizes.map(|size| {
            let mut turn = Turn::new(governor, Some(size));
            (turn.queue, turn.at_once) = (queue, 1);
            turn
        })
    }

    #[test]
    fn the_largest_goes_first_and_the_others_when_it_waits() {
        let governor = Governor::for_machine();
        let [mut small, mut large] = turns(&governor, [1, 2]);
        small.take();
        large.take();
        let (send, receive) = mpsc::channel();
        let waiting = thread::spawn(move || {
            small.take();
            send.send("small").unwrap();
            small
        });
        let soon = Duration::from_millis(30);
        assert!(receive.recv_timeout(soon).is_err(), "a larger one goes on");
        large.leave();
        assert_eq!(receive.recv(), Ok("small"));
        // It comes back, and goes before the small one at once.
        large.take();
        drop(waiting.join().unwrap());
        drop(large);
    }

    #[test]
    fn nobody_waits_for_ever() {
        let governor = Governor::for_machine();
        let [mut small, mut large] = turns(&governor, [1, 2]);
        large.take();
        small.take();
        small.take();
        assert!(small.held_back.is_some());
    }

    #[test]
    fn what_nobody_wants_stands_in_nobodys_way() {
        let governor = Governor::for_machine();
        let [mut small, mut large, mut largest] = turns(&governor, [1, 2, 3]);
        let (wish, other) = (largest.wish(), large.wish());
        largest.take();
        let (send, receive) = mpsc::channel();
        let waiting = thread::spawn(move || {
            let begun = Instant::now();
            large.take();
            send.send(begun.elapsed() < PATIENCE).unwrap();
            large
        });
        while small.queue.ready().len() < 2 {
            thread::yield_now();
        }
        // It waits for its turn no longer, and has none.
        drop(other);
        assert_eq!(receive.recv(), Ok(true));
        let large = waiting.join().unwrap();
        assert!(large.held_back.is_none());
        // The one whose turn it is is busy, and the next goes on.
        drop(wish);
        let begun = Instant::now();
        small.take();
        assert!(begun.elapsed() < PATIENCE && small.held_back.is_some());
        // There is no way back.
        largest.leave();
        largest.take();
        assert!(largest.held_back.is_none());
        small.take();
        assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    }

    #[test]
    fn permits_come_back() {
        let governor = Governor::for_machine();
        let limit = governor.limits().of(Work::Disk);
        let take = || std::iter::from_fn(|| governor.try_permit(Work::Disk));
        let free = || take().collect::<Vec<_>>().len();
        let [mut turn] = turns(&governor, [1]);
        turn.take();
        assert!(free() < limit);
        turn.leave();
        assert_eq!(free(), limit);
        turn.take();
        drop(turn);
        assert_eq!(free(), limit);
    }
}
