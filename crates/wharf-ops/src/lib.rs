//! The use cases, one module each, emitting events.
//!
//! | module | use case |
//! |---|---|
//! | [`init`], [`edit`] | a new manifest; requirements added and removed |
//! | [`lock`] | from the manifest to `wharf.lock` |
//! | [`sync`], [`run`] | from `wharf.lock` to the environment; a command inside it |
//! | [`describe`], [`export`] | looking at the lock and at the index; the lock in other formats |
//! | [`tool`] | commands for one user, each in an environment of its own |
//! | [`system`] | what the machine itself has of Debian's packages; nothing is changed |
//! | [`toolchain`] | the Pythons, Nodes and Rust compilers that there are |
//! | [`approve`] | which npm packages may run install scripts |
//! | [`store`], [`python`] | the store; the interpreters |
//! | [`resolve`] | what an ecosystem's requirements mean to the solver |
//! | [`session`] | what all of them work with |
//! | [`request`], [`report`] | what they are asked and what they answer |
//!
//! Invariant: nothing here prints or exits.

pub mod approve;
pub mod cancel;
mod deb;
pub mod describe;
pub mod edit;
pub mod error;
pub mod export;
pub mod init;
pub mod lacking;
pub mod lock;
pub mod names;
pub mod python;
pub mod report;
pub mod request;
pub mod resolve;
pub mod run;
pub mod session;
pub mod settle;
pub mod store;
pub mod sync;
pub mod system;
pub mod tool;
pub mod toolchain;

mod build;
mod cargo;
mod fetch;
mod index_source;
mod npm;
mod runtime;
mod sandbox;
mod select;
mod to_lock;
mod ways;
mod write;

pub use error::OpsError;
