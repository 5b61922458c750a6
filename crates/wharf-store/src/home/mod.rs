//! Homes: npm packages unpacked once, in a folder that node can use as it stands.
//!
//! A home is `store/npm/node_modules/.store/<label>/<content>.<graph>/`, with the package in `node_modules/<name>` and, beside
//! it, one relative link for each dependency, to that dependency's home. So whoever links to the package from a project gets all that it
//! needs, without a file being made. The file `home` beside `node_modules` records the links, and every file with its
//! BLAKE3. A *pristine* home has no links: it is a leaf of the graph. A *flat* home is the source of hard links for other layouts, and
//! nothing else: `home`, and beside it the files, named by what they hold ([`shape`]).
//!
//! | module | holds |
//! |---|---|
//! | [`id`] | [`HomeId`], [`ContentKey`], [`GraphKey`] |
//! | [`record`] | what a home says of itself |
//! | [`shape`] | how files lie in a home: in folders, or flat |
//! | [`draft`] | [`Unpacked`]: a package in the stage |
//! | [`unpack`] | archives and folders into the stage |
//! | [`place`] | from the stage, or from another home, to its place |
//! | `write` | files into the stage, by several threads |
//! | `commands` | which files `package.json` makes commands |
//! | `check` | whether homes are what was written |
//!
//! Invariant: a home is made in the stage and renamed into place; one that is there is complete. Its files are 0444 or
//! 0555, since every project of the user shares them, and never change. Files of a package that are alike may be one, so that nobody
//! changes a file of a draft who has not looked how many names it has.

pub(crate) mod check;
mod commands;
pub mod draft;
pub mod id;
pub mod place;
pub mod record;
pub mod shape;
pub mod unpack;
mod write;

pub use draft::Unpacked;
pub use id::{ContentKey, GraphKey, HomeId};
pub use place::{HomeContent, HomeLink, is_alias};
pub use shape::Shape;
