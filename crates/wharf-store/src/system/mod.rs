//! System roots: many Debian packages merged into one folder that a program can have as its `/usr`, `/etc`, `/var`.
//!
//! A system is `store/systems/<id>/`: `root/` with the merged files, hard links of the store's objects where the file system can; `tree`,
//! the manifest of all that is there ([`SystemTree`]); and `notes`, what whoever put it together wrote down.
//! What goes in is decided elsewhere (`wharf_install::system`); here it is placed, counted and verified.
//!
//! | module | holds |
//! |---|---|
//! | [`path`] | [`RootPath`]: paths of bytes |
//! | [`tree`] | [`SystemTree`]: format 2 of manifests |
//! | [`id`] | [`SystemId`]: the name of a system |
//! | [`place`] | systems into the stage, and from there to their place |
//! | [`work`] | private copies for programs that finish a system, and what they changed |
//! | `fill` | many files out of the store into a folder, names being bytes |
//! | `check` | whether systems are what was written |
//!
//! Invariant: a system is made in the stage and renamed into place; one that is there is complete and never changes.

pub(crate) mod check;
mod fill;
pub mod id;
pub mod path;
pub mod place;
pub mod tree;
pub mod work;

pub use id::{SystemId, notes_beside};
pub use path::{RootPath, split};
pub use place::SystemDraft;
pub use tree::{Owner, SystemEntry, SystemKind, SystemTree};
pub use work::{Change, Changes, Extent, Work};
