//! What can go wrong on the way from a registry, on request and a stated number of times.

use std::time::Duration;

/// One way to answer badly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// This status with a short text.
    Status(u16),
    /// This status with `Retry-After`, in the form given (seconds, or a date).
    RetryAfter(u16, String),
    /// The right answer, after this delay.
    Slow(Duration),
    /// The head and the first bytes of the right answer; then the connection breaks.
    Truncate(usize),
    /// Status 200 and bytes that are no page, no metadata and no archive.
    Garbage,
    /// The right length, one byte changed.
    Corrupt,
    /// A redirect to this URL.
    Redirect(String),
    /// Another server's `Content-Type` on the right answer.
    ContentType(String),
}

/// How often a fault happens before the right answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// The next so many requests of that path.
    Count(u32),
    /// Every request.
    Always,
}

/// The faults that wait for the requests of one path.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) path: String,
    pub(crate) fault: Fault,
    pub(crate) times: Times,
}

/// Takes the fault that the next request of `path` meets, and counts it.
pub(crate) fn take(pending: &mut Vec<Pending>, path: &str) -> Option<Fault> {
    let index = pending.iter().position(|entry| entry.path == path)?;
    let fault = pending[index].fault.clone();
    match &mut pending[index].times {
        Times::Always => {}
        Times::Count(left) if *left > 1 => *left -= 1,
        Times::Count(_) => {
            pending.remove(index);
        }
    }
    Some(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counted_fault_ends_and_an_endless_one_does_not() {
        let mut pending = vec![
            Pending {
                path: "/a".to_owned(),
                fault: Fault::Status(500),
                times: Times::Count(2),
            },
            Pending {
                path: "/b".to_owned(),
                fault: Fault::Garbage,
                times: Times::Always,
            },
        ];
        let met: Vec<_> = (0..3).map(|_| take(&mut pending, "/a").is_some()).collect();
        assert_eq!(met, [true, true, false]);
        assert!((0..5).all(|_| take(&mut pending, "/b").is_some()));
        assert_eq!(take(&mut pending, "/c"), None);
    }
}
