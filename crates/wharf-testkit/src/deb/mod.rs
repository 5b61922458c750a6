//! Debian on this machine only: signed repositories, packages built step by step, and the files of a host.
//!
//! | module | job |
//! |---|---|
//! | [`archive`] | the bytes of a `.deb` |
//! | [`package`] | [`DebPackage`]: one version of a package, right or wrong |
//! | [`openpgp`] | [`DebKey`]: who signs |
//! | [`suite`] | [`DebSuite`]: how a suite presents itself |
//! | [`host`] | [`DebMachine`]: the files of a machine that runs Debian |
//! | [`repository`] | [`DebRepository`]: serves suites on a loopback port |

mod archive;
mod host;
mod openpgp;
mod package;
mod repository;
mod suite;

pub use archive::DebCompression;
pub use host::{DebListForm, DebMachine};
pub use openpgp::{DebHash, DebKey, clear_signed, detached_signature};
pub use package::{DebPackage, host_architecture};
pub use repository::DebRepository;
pub use suite::{DebSignatures, DebSuite};
