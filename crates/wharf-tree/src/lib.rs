//! npm's resolution as a pure function: a tree of dependencies with as few versions as possible, then peers to a fixed point.
//!
//! | module | job |
//! |---|---|
//! | [`problem`] | [`Problem`]: what is asked; [`Universe`]: what may be asked back |
//! | [`mod@resolve`] | [`resolve()`]: from a problem to a [`Outcome`] |
//! | [`issue`] | [`Issue`]: what an outcome leaves to say |
//! | [`error`] | [`TreeError`]: why there is none |
//! | [`mod@hoist`] | [`hoist()`]: a graph as nested `node_modules`, as npm lays it out; [`apart()`]: in a folder of its own |
//! | [`mod@select`] | [`select()`]: which packages a machine installs |
//!
//! Invariant: no I/O and nothing asynchronous; equal inputs give equal outputs, byte for byte.

pub mod error;
pub mod hoist;
pub mod issue;
pub mod problem;
pub mod resolve;
mod scc;
pub mod select;
#[cfg(test)]
mod tests;

pub use error::{Stop, TreeError};
pub use hoist::{Apart, LaidApart, Members, Placed, Placement, apart, hoist};
pub use issue::{Chain, Issue};
pub use problem::{Dedupe, Lookup, MissingPeers, Needs, PeerConflicts, Problem, Requirement, Root, Universe};
pub use resolve::{Outcome, resolve};
pub use select::{Selected, Selection, select};
