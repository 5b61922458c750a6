//! npm on this machine only: a registry, packages built step by step, scenarios, and a reader of `node_modules`.
//!
//! | module | job |
//! |---|---|
//! | [`package`] | [`NpmPackage`]: one version of a package, built into a real archive |
//! | [`packument`] | the registry's documents, full and abbreviated |
//! | [`registry`] | [`NpmRegistry`]: serves them on a loopback port, with faults and credentials on request |
//! | [`modules`] | [`Modules`]: what is installed, found as node finds it |
//! | [`scenario`] | [`NpmScenario`]: a plain-text case for resolver and layout |

mod modules;
mod package;
mod packument;
mod registry;
mod runtime;
mod scenario;

pub use modules::{Link, Module, Modules, NeedKind};
pub use package::NpmPackage;
pub use packument::{ABBREVIATED, abbreviated, latest};
pub use registry::{NpmOptions, NpmRegistry};
pub use runtime::{node_package, node_runtime};
pub use scenario::{NpmExpectation, NpmRelease, NpmScenario};
