//! Cargo on this machine only: a sparse registry, and crates built step by step.
//!
//! | module | job |
//! |---|---|
//! | [`dep`] | [`CrateDep`]: what a crate needs |
//! | [`release`] | [`Crate`]: one version of a crate, built into a real archive and an index line |
//! | [`registry`] | [`CargoRegistry`]: serves them on a loopback port, with faults, tokens and latency on request |

mod dep;
mod registry;
mod release;

pub use dep::CrateDep;
pub use registry::{CargoOptions, CargoRegistry};
pub use release::Crate;
