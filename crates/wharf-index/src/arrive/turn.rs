//! Whose turn it is among the archives that are unpacked while they arrive.
//!
//! Such an archive is large, and one thread's work to its end: were it one of many from the beginning, it would be alone at the end, and
//! the other cores idle. So the largest of those that have something to unpack go on, as many as there are cores; the others wait, and
//! what lies in memory and can wait has fewer threads. Who waits for the network stands in nobody's way.
//! Invariant: as long as one has something to unpack, one goes on, and each does now and then.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use wharf_sys::{Governor, HeldBack, Work};

/// The permits for the disk that stand for one busy core.
const PERMITS: usize = 2;
/// Who has waited so long goes on: a transfer that nobody reads is one day a broken one.
const PATIENCE: Duration = Duration::from_secs(2);

/// Those that have something to unpack. One for the process, as its cores are.
static QUEUE: Queue = Queue {
    ready: Mutex::new(BTreeSet::new()),
    changed: Condvar::new(),
};

/// The largest first, then who came first.
type Rank = (Reverse<u64>, u64);

struct Queue {
    ready: Mutex<BTreeSet<Rank>>,
    changed: Condvar,
}

impl Queue {
    fn ready(&self) -> MutexGuard<'_, BTreeSet<Rank>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, rank: Rank) {
        self.ready().remove(&rank);
        self.changed.notify_all();
    }
}

/// An archive's place among those that arrive.
pub(super) struct Turn {
    rank: Rank,
    governor: Governor,
    /// While it is its turn.
    held_back: Option<HeldBack>,
    at_once: usize,
}

impl Turn {
    /// For an archive of so many bytes, or of nobody knows how many.
    pub(super) fn new(governor: &Governor, size: Option<u64>) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            rank: (
                Reverse(size.unwrap_or(u64::MAX)),
                NUMBER.fetch_add(1, Ordering::Relaxed),
            ),
            governor: governor.clone(),
            held_back: None,
            at_once: cores,
        }
    }

    /// Says that there is something to unpack, and waits for the turn. Called again it makes way for larger ones.
    pub(super) fn take(&mut self) {
        let mut ready = QUEUE.ready();
        ready.insert(self.rank);
        let is_turn = |ready: &BTreeSet<Rank>| ready.iter().take(self.at_once).any(|rank| *rank == self.rank);
        if !is_turn(&ready) {
            self.held_back = None;
            let waited = QUEUE
                .changed
                .wait_timeout_while(ready, PATIENCE, |ready| !is_turn(ready));
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        } else {
            drop(ready);
        }
        if self.held_back.is_none() {
            self.held_back = Some(self.governor.hold_back(Work::Disk, PERMITS));
        }
    }

    /// Leaves the queue: there is nothing to unpack until more has come.
    pub(super) fn leave(&mut self) {
        if self.held_back.take().is_some() {
            QUEUE.leave(self.rank);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn turn(governor: &Governor, size: u64) -> Turn {
        // Larger than those of other tests, since all share one queue.
        let mut turn = Turn::new(governor, Some((1 << 40) + size));
        turn.at_once = 1;
        turn
    }

    #[test]
    fn the_largest_goes_first_and_the_others_when_it_waits() {
        let governor = Governor::for_machine();
        let (mut small, mut large) = (turn(&governor, 1), turn(&governor, 2));
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
        let (mut small, mut large) = (turn(&governor, 3), turn(&governor, 4));
        large.take();
        small.take();
        small.take();
        assert!(small.held_back.is_some());
    }

    #[test]
    fn permits_come_back() {
        let governor = Governor::for_machine();
        let limit = governor.limits().of(Work::Disk);
        let take = || std::iter::from_fn(|| governor.try_permit(Work::Disk));
        let free = || take().collect::<Vec<_>>().len();
        let mut turn = turn(&governor, 9);
        turn.take();
        assert!(free() < limit);
        turn.leave();
        assert_eq!(free(), limit);
        turn.take();
        drop(turn);
        assert_eq!(free(), limit);
    }
}
