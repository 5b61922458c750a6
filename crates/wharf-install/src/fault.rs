//! Named points in the commit sequence at which a test can kill the process.
//!
//! Invariant: outside tests and the `fault` feature a point compiles to nothing. With them, the process aborts at the point
//! that the variable `WHARF_FAULT` names, as if the power went.

/// Every point, in the order in which a commit passes them.
#[cfg(any(test, feature = "fault"))]
pub const POINTS: [&str; 11] = [
    "locked",
    "begun",
    "staging",
    "staged",
    "compiled",
    "recorded",
    "synced",
    "prepared",
    "exchanged",
    "committed",
    "trashed",
];

/// Passes a point.
#[cfg(any(test, feature = "fault"))]
pub(crate) fn point(name: &'static str) {
    debug_assert!(POINTS.contains(&name), "{name} is a known point");
    if std::env::var_os("WHARF_FAULT").is_some_and(|wanted| wanted == name) {
        std::process::abort();
    }
}

/// Passes a point.
#[cfg(not(any(test, feature = "fault")))]
pub(crate) fn point(_name: &'static str) {}
