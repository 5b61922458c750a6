//! The index against loopback registries, with faults, and against local archives and repositories.

mod support;

mod builds;
mod direct;
mod fetching;
mod lookup;
mod metadata;
