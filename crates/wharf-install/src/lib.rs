//! Environments: from packages in the store to a `.venv` that works, and from one to the next without a moment in between.
//!
//! | module | holds |
//! |---|---|
//! | [`python`] | [`Interpreter`], how one is found and asked |
//! | [`venv`] | the skeleton of an environment: `pyvenv.cfg`, links, activation scripts |
//! | [`wheel`] | a wheel's files, placed: schemes, commands, RECORD |
//! | [`layout`] | all files of an environment as a list, with collisions |
//! | [`plan`] | [`Plan`]: what a commit would change |
//! | [`environment`] | [`Environment`]: open, current, plan, apply, recover |
//! | [`generation`] | [`Generation`]: what an environment holds, on record |
//! | [`fresh`] | the fast path when nothing changed |
//! | [`bytecode`] | bytecode, carried over or compiled by a pool of processes |
//!
//! Invariants: at every instant the environment is the old one or the new one, whole; an environment that Wharf did not
//! make is never touched unless asked; nothing here prints or uses the network.

pub mod bytecode;
mod commit;
pub mod environment;
pub mod error;
pub mod fault;
pub mod fresh;
pub mod generation;
pub mod layout;
pub mod plan;
pub mod python;
mod state;
#[cfg(test)]
mod tests;
mod trash;
pub mod venv;
pub mod wheel;

use serde::{Deserialize, Serialize};
use wharf_core::PackageName;
use wharf_store::{LinkMode, TreeId};

pub use environment::{Applied, Environment, Recovered};
pub use error::InstallError;
pub use fresh::{Fingerprint, Freshness};
pub use generation::{Generation, InstalledPackage};
pub use plan::{Change, Plan};
pub use python::{Considered, Interpreter, PythonError, Request, Search};
pub use venv::SystemSite;

/// What an environment shall be.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The interpreter behind it.
    pub python: Interpreter,
    /// Its packages; each name once.
    pub packages: Vec<Package>,
    /// What shells show while it is active; usually the project's name.
    pub prompt: String,
    /// Whether bytecode is compiled now rather than at the first import.
    pub compile: Compile,
    /// How files come out of the store.
    pub link: LinkMode,
    /// Whether the interpreter's own packages are visible.
    pub system_site: SystemSite,
    /// What this realises, for the record: usually the digest of the lockfile.
    pub label: String,
    /// What happens to an environment there that Wharf did not make.
    pub foreign: Foreign,
    /// Whether the commit survives a power cut, or only a killed process.
    pub durability: Durability,
}

/// A package that an environment shall hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: PackageName,
    /// Its version, as its metadata writes it.
    pub version: String,
    /// Its unpacked wheel in the store.
    pub tree: TreeId,
    /// The content of its `direct_url.json`, if it came from elsewhere than an index.
    pub direct_url: Option<serde_json::Value>,
    /// Whether the user asked for it, rather than another package.
    pub requested: bool,
}

/// Whether bytecode is compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compile {
    /// At the first import, by Python.
    #[default]
    No,
    /// Before the commit.
    Yes,
}

/// What happens to an environment that Wharf did not make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Foreign {
    /// It is left alone, and the commit refused.
    #[default]
    Refuse,
    /// It is replaced and deleted.
    Replace,
}

/// What a commit survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// A power cut: everything is on disk before the environment is switched.
    #[default]
    Power,
    /// A killed process only. For environments that can be thrown away.
    Process,
}
