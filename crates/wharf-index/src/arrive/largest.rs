//! Unpacking, the largest archive first: one that came last would keep one core busy at the end while the others idle.
//!
//! Whoever brings work waits for a permit and then runs the largest that waits, which may be another's. Invariant: it goes on until
//! its own was taken by somebody, so nothing waits for one who gave up; and of one who gave up nothing is left that nobody has begun with.

use std::cmp;
use std::collections::BinaryHeap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use wharf_sys::{Governor, Work, run_compute};

/// What waits. One for the process, as the threads that run it are.
static WAITING: Mutex<BinaryHeap<Job>> = Mutex::new(BinaryHeap::new());

struct Job {
    size: u64,
    taken: Arc<AtomicBool>,
    work: Box<dyn FnOnce() + Send>,
}

impl PartialEq for Job {
    fn eq(&self, other: &Self) -> bool {
        self.size == other.size
    }
}

impl Eq for Job {}

impl PartialOrd for Job {
    fn partial_cmp(&self, other: &Self) -> Option<cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Job {
    fn cmp(&self, other: &Self) -> cmp::Ordering {
        self.size.cmp(&other.size)
    }
}

/// Runs CPU work on rayon's pool under a permit for the disk, and awaits its result. Of what waits, that of the largest `size`
/// goes first.
///
/// # Panics
/// Passes on a panic of `work`.
pub(crate) async fn run<T: Send + 'static>(
    governor: &Governor,
    size: u64,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (send, receive) = oneshot::channel();
    let taken = Arc::new(AtomicBool::new(false));
    let _asked = Asked(Arc::clone(&taken));
    waiting().push(Job {
        size,
        taken: Arc::clone(&taken),
        work: Box::new(move || {
            // Caught, because it may run in another's place. A receiver that is gone wants no result.
            let _ = send.send(catch_unwind(AssertUnwindSafe(work)));
        }),
    });
    let permit = governor.permit(Work::Disk).await;
    run_compute(move || {
        let _permit = permit;
        while let Some(job) = take() {
            (job.work)();
            if taken.load(Ordering::Acquire) {
                break;
            }
        }
    })
    .await;
    match receive.await.expect("who took it runs it") {
        Ok(value) => value,
        Err(panic) => resume_unwind(panic),
    }
}

/// Takes the work back, and what it holds, when who waits for it is gone before anybody took it.
struct Asked(Arc<AtomicBool>);

impl Drop for Asked {
    fn drop(&mut self) {
        if !self.0.swap(true, Ordering::AcqRel) {
            waiting().retain(|job| !Arc::ptr_eq(&job.taken, &self.0));
        }
    }
}

fn take() -> Option<Job> {
    let job = waiting().pop()?;
    job.taken.store(true, Ordering::Release);
    Some(job)
}

fn waiting() -> MutexGuard<'static, BinaryHeap<Job>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt;

    use super::*;

    /// Work of the tests is larger than that of others, since all share one heap.
    const FAR: u64 = 1 << 40;

    #[tokio::test]
    async fn the_largest_goes_first_and_everybody_gets_their_own() {
        let governor = Governor::new(wharf_sys::Limits {
            disk: 1,
            ..wharf_sys::Limits::for_machine()
        });
        let order = Arc::new(Mutex::new(Vec::new()));
        let held = governor.permit(Work::Disk).await;
        let work = |size: u64| {
            let order = Arc::clone(&order);
            run(&governor, FAR + size, move || {
                order.lock().unwrap().push(size);
                size
            })
        };
        let free = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(held);
        };
        let (a, b, c, ()) = futures::join!(work(1), work(3), work(2), free);
        assert_eq!([a, b, c], [1, 3, 2]);
        assert_eq!(*order.lock().unwrap(), [3, 2, 1]);
    }

    #[tokio::test]
    async fn one_who_gives_up_stops_nobody() {
        let governor = Governor::for_machine();
        let held: Vec<_> = std::iter::from_fn(|| governor.permit(Work::Disk).now_or_never()).collect();
        let memory = Arc::new(());
        let own = Arc::clone(&memory);
        let mut gone = Box::pin(run(&governor, FAR * 2, move || drop(own)));
        assert!(futures::poll!(&mut gone).is_pending());
        drop(gone);
        assert_eq!(Arc::strong_count(&memory), 1, "what it held is free at once");
        drop(held);
        assert_eq!(run(&governor, 1, || "done").await, "done");
    }

    #[tokio::test]
    async fn a_panic_reaches_whose_work_it_is() {
        let governor = Arc::new(Governor::for_machine());
        let own = Arc::clone(&governor);
        let failed = tokio::spawn(async move { run(&own, FAR, || -> () { panic!("boom") }).await }).await;
        assert!(failed.unwrap_err().is_panic());
        assert_eq!(run(&governor, 1, || 1).await, 1);
    }
}
