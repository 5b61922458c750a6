//! Crates, unpacked once in folders that cargo can use as they stand.
//!
//! A crate's home is `store/cargo/<name>-<version>.<content>/`: in it the folder `<name>-<version>` with the crate's files
//! and a `.cargo-checksum.json`, which makes it an entry of a directory source; and the file `home`, which records every file
//! with its BLAKE3 (the format of [`crate::home::record`], without links). A project's directory source is a folder of
//! symbolic links to such entries.
//!
//! | module | holds |
//! |---|---|
//! | [`id`] | [`CrateId`]: the name of a home |
//! | [`place`] | archives into the stage, and from there into homes |
//! | [`repository`] | [`RepositoryId`]: the tree of a git repository's commit as a home |
//! | `check` | whether homes are what was written |
//!
//! Invariants: a home is made in the stage and renamed into place; one that is there is complete, and its archive had the
//! digest that its name and its `.cargo-checksum.json` say. `files` in the latter is empty: cargo would hash every file
//! in every build, and `wharf store verify` does that when it is asked to. Wharf never changes a file; their modes are 0644
//! and 0755, as cargo unpacks them, since build scripts copy files, modes included, and copy over them the next time: with
//! 0444 a user's second build of libz-sys, libsqlite3-sys and zstd-sys fails.

pub(crate) mod check;
pub mod id;
pub mod place;
pub mod repository;

pub use id::CrateId;
pub use repository::{RepositoryId, RepositoryPackages};
