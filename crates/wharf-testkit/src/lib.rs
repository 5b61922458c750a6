//! Everything that Wharf's tests need of the outside world, on this machine only.
//!
//! * [`Package`] describes a release and builds real wheels and source distributions of it;
//! * [`Registry`] serves releases on a loopback port, in either index format, with faults on request;
//! * [`Fixture`] is a project directory in which the real binary runs with nothing of the user's around it;
//! * [`Crash`] kills the binary at random points and judges what is left;
//! * [`Scenario`] is a plain-text case for the solver, readable as a table;
//! * [`Crate`] and [`CargoRegistry`] are crates and a sparse registry of them;
//! * [`DebPackage`], [`DebRepository`] and [`DebKey`] are Debian packages, signed repositories of them, and who signs;
//! * [`SigningKey`] signs files as minisign does;
//! * [`NpmPackage`], [`NpmRegistry`] and [`NpmScenario`] are the same for npm, and [`Modules`] reads what is installed as
//!   node finds it.
//!
//! Invariant: nothing here shares code with what it tests (no crate of Wharf is a dependency), so a mistake in a
//! parser cannot cancel itself out. Nothing here opens a connection to anything but the loopback interface.

mod archive;
mod cargo;
mod crash;
mod deb;
mod fault;
mod fixture;
mod minisign;
mod npm;
mod package;
mod page;
mod registry;
mod scenario;
mod server;

pub use archive::{hex_digest, normalize, sdist_archive, wheel_archive};
pub use cargo::{CargoOptions, CargoRegistry, Crate, CrateDep};
pub use crash::{Crash, Sides, Tally};
pub use deb::{
    DebCompression, DebHash, DebKey, DebListForm, DebMachine, DebPackage, DebRepository, DebSignatures,
    DebSuite, clear_signed, detached_signature, host_architecture as deb_architecture,
};
pub use fault::{Fault, Times};
pub use fixture::{Digest, Finished, Fixture, files_below, host_node, host_python};
pub use minisign::SigningKey;
pub use npm::{
    ABBREVIATED as NPM_ABBREVIATED, Link, Module, Modules, NeedKind, NpmExpectation, NpmOptions, NpmPackage,
    NpmRegistry, NpmRelease, NpmScenario, abbreviated as npm_abbreviated, latest as npm_latest, node_package,
    node_runtime,
};
pub use package::Package;
pub use registry::{Format, Options, Registry};
pub use scenario::{Expectation, Release, Scenario, ScenarioError, ScenarioProject};
pub use server::{Access, Logged, Server, parse_range};
