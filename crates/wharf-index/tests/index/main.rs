//! The index against loopback registries, with faults, and against local archives and repositories.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod builds;
mod cargo;
mod deb;
mod direct;
mod fetching;
mod lookup;
mod metadata;
mod npm;
mod support;
