//! Cargo on this machine only: a sparse registry, and crates built step by step.
//!
//! | module | job |
//! |---|---|
//! | [`release`] | [`Crate`]: one version of a crate, built into a real archive and an index line |
//! | [`registry`] | [`CargoRegistry`]: serves them on a loopback port, with faults, tokens and latency on request |

mod registry;
mod release;

pub use registry::{CargoOptions, CargoRegistry};
pub use release::{Crate, CrateDep};
