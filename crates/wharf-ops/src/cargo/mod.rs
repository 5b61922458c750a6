//! Cargo's use cases: the `Cargo.lock` of a workspace, the crates that plain cargo then finds, and tools that are built from
//! crates.
//!
//! | module | job |
//! |---|---|
//! | [`known`] | what registries, repositories and folders said, for the resolver |
//! | [`solve`] | fetch and resolve in turn until the resolver has all that it asks for |
//! | [`workspace`] | `Cargo.lock`: what the members ask for, solved, compared, written |
//! | [`tools`] | the tools of `wharf.lock` |
//! | [`sync`] | crates in the store, the directory source, cargo's configuration |
//! | [`build`] | tools, built or taken from the store |
//! | [`prebuilt`] | tools that need not be built |
//! | [`repository`] | packages of git repositories |
//! | [`describe`], [`registry`] | looking at locks, and at registries |
//! | [`edit`] | requirements added and removed |
//! | [`error`] | what can go wrong |
//!
//! Invariant: a lock depends on what registries say, never on the order in which they said it.

pub(crate) mod build;
pub(crate) mod describe;
pub(crate) mod edit;
pub(crate) mod error;
pub(crate) mod known;
pub(crate) mod prebuilt;
pub(crate) mod registry;
pub(crate) mod repository;
pub(crate) mod solve;
pub(crate) mod sync;
pub(crate) mod tools;
pub(crate) mod workspace;
