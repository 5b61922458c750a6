//! Named points in the commit sequence at which a test can kill the process.
//!
//! Invariant: outside tests and the `fault` feature a point compiles to nothing. With them, the process aborts at the point
//! that the variable `WHARF_FAULT` names, as if the power went: `staged`, or `exchanged@2` for the second time it is passed.

/// Every point, in the order in which a commit passes them. `exchanged` is passed once for each folder.
#[cfg(any(test, feature = "fault"))]
pub const POINTS: [&str; 15] = [
    "locked",
    "begun",
    "staging",
    "staged",
    "compiled",
    "recorded",
    "synced",
    "prepared",
    "exchanged",
    "written",
    "switched",
    "carried",
    "named",
    "committed",
    "trashed",
];

/// The point that only a recovery passes, in addition to those of the switch.
#[cfg(any(test, feature = "fault"))]
pub const RESUMED: &str = "resumed";

/// Passes a point.
#[cfg(any(test, feature = "fault"))]
pub(crate) fn point(name: &'static str) {
    use std::sync::atomic::{AtomicUsize, Ordering};

    static PASSED: AtomicUsize = AtomicUsize::new(0);
    debug_assert!(
        POINTS.contains(&name) || name == RESUMED,
        "{name} is a known point"
    );
    let Ok(wanted) = std::env::var("WHARF_FAULT") else {
        return;
    };
    let (wanted, time) = match wanted.split_once('@') {
        Some((wanted, time)) => (wanted, time.parse().unwrap_or(1)),
        None => (wanted.as_str(), 1),
    };
    if wanted == name && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == time {
        std::process::abort();
    }
}

/// Passes a point.
#[cfg(not(any(test, feature = "fault")))]
pub(crate) fn point(_name: &'static str) {}
