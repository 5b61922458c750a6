//! Debian and Ubuntu packages as pure functions: bytes in, values out.
//!
//! | module | job |
//! |---|---|
//! | [`version`] | versions and their order |
//! | [`architecture`] | architectures and their wildcards |
//! | [`deb822`] | stanzas of fields, borrowed |
//! | [`relation`] | what a package says about others |
//! | [`control`] | the control file of one package |
//! | [`packages`] | `Packages` files, a stanza at a time |
//! | [`release`] | `Release` files |
//! | [`signature`] | OpenPGP signatures of `Release` files, and the keys they are judged by |
//! | [`sources`] | apt's lists of repositories, both formats |
//! | [`preferences`] | apt's pins |
//! | [`settings`] | apt's settings |
//! | [`status`] | what dpkg says is installed |
//! | [`index`] | many `Packages` files as one compact file that is used as it lies |
//! | [`universe`] | the packages that a solve may choose from: several indexes, pins, holds |
//! | [`solve`] | from what is asked for to a set of packages |
//! | [`explain`] | why there is none, in words |
//! | [`check`] | whether a set is right, by a way of its own |
//!
//! Invariant: no I/O and nothing asynchronous; equal inputs give equal outputs, byte for byte.

pub mod architecture;
pub mod check;
pub mod control;
pub mod deb822;
pub mod explain;
pub mod index;
pub mod packages;
pub mod preferences;
pub mod relation;
pub mod release;
pub mod settings;
pub mod signature;
pub mod solve;
pub mod sources;
pub mod status;
pub mod universe;
pub mod version;
