//! Bridges async code to threads that may be busy or may block.
//!
//! Invariant: an async worker never computes for long; a panic in the work surfaces in the task that awaits it.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use tokio::sync::oneshot;

/// Runs CPU work (hashing, unpacking, parsing) on rayon's pool and awaits the result.
///
/// Dropping the returned future does not stop work that has begun; its result is thrown away.
///
/// # Panics
/// Passes on a panic of `work`.
pub async fn run_compute<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = oneshot::channel();
    rayon::spawn(move || {
        // Caught, because a panic that escapes on a rayon thread would abort the process.
        let outcome = catch_unwind(AssertUnwindSafe(work));
        // A receiver that is gone was cancelled: nobody wants the result.
        let _ = send.send(outcome);
    });
    match receive.await.expect("rayon runs every job that was spawned") {
        Ok(value) => value,
        Err(panic) => resume_unwind(panic),
    }
}

/// Runs work that waits on the disk or on other processes on tokio's blocking pool and awaits the result.
///
/// # Panics
/// Passes on a panic of `work`, and panics outside a tokio runtime.
pub async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // Only a runtime that is shutting down cancels blocking work; its tasks are being dropped too.
            Err(_) => std::future::pending().await,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn results_come_back() {
        assert_eq!(run_compute(|| 6 * 7).await, 42);
        assert_eq!(run_blocking(|| "done").await, "done");
    }

    #[tokio::test]
    async fn a_panic_reaches_the_caller() {
        let compute = tokio::spawn(run_compute(|| -> () { panic!("boom") })).await;
        assert!(compute.unwrap_err().is_panic());
        let blocking = tokio::spawn(run_blocking(|| -> () { panic!("boom") })).await;
        assert!(blocking.unwrap_err().is_panic());
    }
}
