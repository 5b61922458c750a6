//! Package indexes: from a name to its releases, from a release to its metadata, from a file to a tree in the store.
//!
//! | module | job |
//! |---|---|
//! | [`settings`] | [`Locations`]: where to look, and how several places are combined |
//! | [`index`] | [`PypiIndex`]: the one door |
//! | [`releases`] | [`Releases`]: a project's files as a view on a binary blob, judged lazily |
//! | `pages` | project pages: cache, index, parse once |
//! | `find_links` | folders and pages of archives |
//! | [`metadata`] | [`Requirements`]: what a version requires, parsed lazily; the cheapest way to a wheel's metadata |
//! | [`remote_zip`] | one file out of parts of a zip archive |
//! | `arrive` | archives, verified while they arrive, into the store |
//! | `pieces` | files that are read while they arrive |
//! | `blocks` | documents, compressed so that a few bytes of them can be had |
//! | `keep` | writes to the cache, away from whoever waits |
//! | `hosts` | what is remembered of hosts: unannounced metadata, ranges |
//! | [`dist`] | [`Dist`]: one distribution |
//! | `fetch` | archives, verified, into the store |
//! | `source_tree` | source archives, directories and checkouts: metadata, wheels |
//! | [`direct`] | [`Direct`]: URLs, git and paths in requirements |
//! | `git` | repositories through the `git` command |
//! | [`build`] | PEP 517 and 660: hooks, isolated environments through [`Builder`], logs and hints |
//! | [`info`] | what people ask about a package |
//! | [`npm`] | [`NpmIndex`]: the same for npm registries |
//! | [`cargo`] | [`CratesIndex`]: the same for registries of crates |
//! | [`deb`] | [`Repositories`]: the same for repositories of Debian packages |
//! | [`error`] | [`IndexError`] |
//!
//! Invariants: a warm look-up is one file read and no parsing beyond what is asked for. Everything is asked for once per
//! run, however many tasks want it. One bad file on a page costs that file; an index that fails is never passed over
//! for the next one. Nothing prints.

mod arrive;
mod blocks;
mod cache;
mod codec;
mod fetch;
mod find_links;
mod git;
mod hosts;
mod keep;
mod names;
mod once;
mod pages;
mod pieces;
mod source_tree;

pub mod build;
pub mod cargo;
pub mod deb;
pub mod direct;
pub mod dist;
pub mod error;
pub mod index;
pub mod info;
pub mod metadata;
pub mod npm;
pub mod releases;
pub mod remote_zip;
pub mod settings;

pub use build::{BuildEnvironment, BuildError, Builder, EnvironmentRequest, NoBuilds};
pub use cargo::{CargoError, CratesIndex};
pub use deb::{DebError, Repositories};
pub use direct::Direct;
pub use dist::Dist;
pub use error::{Cause, IndexError};
pub use index::{PypiIndex, Refresh};
pub use info::{Info, Suits, VersionInfo};
pub use metadata::Requirements;
pub use npm::{NpmError, NpmIndex};
pub use releases::{FileRef, Fit, Pick, Place, ReleaseRef, Releases, Unfit};
pub use settings::{IndexLocation, Locations, Strategy};
pub use source_tree::watched;
