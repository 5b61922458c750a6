//! The store: what was unpacked, addressed by its content, shared by all projects of a user.
//!
//! | module | holds |
//! |---|---|
//! | [`store`] | [`Store`]: opening, locks, packages by their upstream digest, `sync` |
//! | [`id`] | [`ObjectId`] (one file's bytes), [`TreeId`] (one unpacked package) |
//! | [`tree`] | [`Tree`]: the canonical, sorted manifest of an unpacked package |
//! | [`archive`] | reading zip and tar from outside: [`Limits`], [`ArchiveError`] |
//! | [`import`] | archives into the store, verified while they are written |
//! | `files` | the small files of unpacked packages, a folder for each |
//! | [`extract`] | archives into a plain folder, with the same checks |
//! | [`crates`] | crates, unpacked once in folders that cargo can use as they stand |
//! | [`deb`] | Debian packages into the store |
//! | [`system`] | system roots: Debian packages merged into one folder |
//! | [`home`] | npm packages, unpacked once in folders that node can use as they stand |
//! | [`link`] | many files out of the store into a folder: reflink, hardlink or copy |
//! | [`ahead`] | the same for single packages, before their folder is at hand |
//! | [`verify`] | what the store holds, and whether it is still what was written |
//! | [`journal`] | begin, prepared, commit: what a crash interrupted |
//! | [`durable`] | writes that survive a crash: atomic replace, exchange, `syncfs` |
//! | [`lock`] | advisory locks between processes |
//! | [`hash`] | digests of streams and files |
//!
//! Invariants: nothing enters the store unverified; an object never changes after it has its name;
//! a refused or killed import leaves things only in `stage/`. No network, and no knowledge of package formats but one:
//! which files an npm package's `package.json` makes commands.

pub mod ahead;
pub mod archive;
pub mod crates;
pub mod deb;
pub mod durable;
pub mod error;
pub mod extract;
pub(crate) mod files;
mod flush;
pub mod hash;
pub mod home;
pub mod id;
pub mod import;
pub mod journal;
pub mod link;
pub mod lock;
mod object;
pub mod store;
pub mod system;
pub mod tree;
pub mod verify;
mod ways;

pub use ahead::Ahead;
pub use archive::{ArchiveError, Compression, Limits, Refusal};
pub use crates::{CrateId, RepositoryId, RepositoryPackages};
pub use deb::DebPackage;
pub use error::StoreError;
pub use hash::{Hasher, hash_file};
pub use home::{ContentKey, GraphKey, HomeContent, HomeId, HomeLink, Shape, Unpacked, is_alias};
pub use id::{InvalidId, ObjectId, TreeId};
pub use link::{Content, LinkMode, LinkReport, LinkedBy, Placed};
pub use lock::Lock;
pub use store::{Stage, Store};
pub use system::{
    Changes, Extent, Owner, RootPath, SystemDraft, SystemEntry, SystemId, SystemKind, SystemTree, Work,
};
pub use tree::{Entry, InvalidTree, Kind, Tree};
pub use verify::{Damage, Depth, Repair, StoreSize, VerifyReport};
