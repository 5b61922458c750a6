//! Cargo's resolution as a pure function: which versions of which crates a workspace or a tool takes, with which features.
//!
//! | module | job |
//! |---|---|
//! | [`problem`] | [`Problem`]: what is asked; [`Universe`]: what may be asked back |
//! | [`mod@resolve`] | [`resolve()`]: from a problem to an [`Outcome`] |
//! | [`outcome`] | [`Outcome`]: the packages, their features and the edges between them |
//! | [`mod@lock`] | [`lock::lock_of`]: an outcome as a `Cargo.lock` |
//! | [`prefetch`] | [`Prefetch`]: which crates a resolution will most likely ask for |
//! | [`error`] | [`ResolveError`]: why there is no outcome |
//!
//! The search takes the decisions in cargo's order, so that it finds what `cargo generate-lockfile` finds; how it leaves dead ends is
//! its own: it learns from each what cannot hold together, and goes back to the last decision that had a part in it.
//!
//! Invariant: no I/O and nothing asynchronous; equal inputs give equal outputs, byte for byte.

pub mod error;
pub mod lock;
pub mod outcome;
pub mod prefetch;
pub mod problem;
pub mod resolve;
#[cfg(test)]
mod tests;

pub use error::{Chain, Reason, ResolveError, Stop, Unsatisfied};
pub use lock::{ChecksumChanged, lock_of};
pub use outcome::{Edge, Outcome, Resolved};
pub use prefetch::Prefetch;
pub use problem::{
    Cooldown, DevDependencies, Lookup, Needs, Patch, Previous, Problem, Root, RootFeatures, RustVersions,
    Universe,
};
pub use resolve::resolve;
