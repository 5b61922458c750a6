//! Environments: from packages in the store to a `.venv` and `node_modules` that work, and from one state of them to the
//! next without a moment in between.
//!
//! | module | holds |
//! |---|---|
//! | [`wanted`] | [`Wanted`]: what an environment shall be |
//! | [`environment`] | [`Environment`]: open, current, plan, apply, recover |
//! | [`plan`] | [`Plan`]: what a commit would change |
//! | [`generation`] | [`Generation`]: what an environment holds, on record |
//! | [`fresh`] | the fast path when nothing changed |
//! | [`running`] | [`RunEnvironment`]: the variables around a command |
//! | [`python`] | [`Interpreter`], how one is found and asked |
//! | [`venv`] | the skeleton of a Python environment: `pyvenv.cfg`, links, activation scripts |
//! | [`wheel`] | a wheel's files, placed: schemes, commands, RECORD |
//! | [`layout`] | the files of a folder as a list, with collisions |
//! | [`bytecode`] | bytecode, carried over or compiled by a pool of processes |
//! | [`node`] | the layouts of `node_modules` |
//! | [`nodejs`] | Node itself: how one is found and asked |
//! | [`toolchains`] | toolchains that Wharf was told to keep |
//! | [`lifecycle`] | install scripts of npm packages that were approved |
//! | [`system`] | system roots: Debian packages put together |
//! | [`patched`] | programs of a system root where no view is to be had |
//! | [`rust`] | cargo and rustc: how they are found, and how a tool is built with them |
//! | [`waiting`] | processes waited for, or ended with all that they started |
//!
//! Invariants: an environment is the old one or the new one; each of its folders is so at every instant, and all of them
//! together once the next command has looked at it. What Wharf did not make is never touched unless asked. Nothing here
//! prints or uses the network.

mod alike;
pub mod bytecode;
mod caches;
mod commit;
mod drift;
pub mod environment;
pub mod error;
pub mod fault;
mod folder;
mod foreign;
pub mod fresh;
pub mod generation;
pub mod ground;
mod inside;
pub mod layout;
pub mod lifecycle;
pub mod node;
pub mod nodejs;
pub mod patched;
pub mod plan;
mod probe;
pub mod python;
mod python_root;
mod redo;
pub mod running;
pub mod rust;
mod settle;
mod state;
pub mod system;
#[cfg(test)]
mod tests;
mod text_file;
pub mod toolchains;
mod trash;
pub mod venv;
pub mod waiting;
pub mod wanted;
pub mod wheel;

pub use environment::{Applied, Environment, Recovered};
pub use error::InstallError;
pub use fresh::{Fingerprint, Freshness};
pub use generation::{
    CommandsPart, CratesPart, Generation, InstalledPackage, NodePart, PythonPart, SystemPart,
};
pub use ground::{RootKind, RootName};
pub use plan::{Change, Plan, RootPlan};
pub use python::{Considered, Interpreter, PythonError, Request, Search};
pub use running::RunEnvironment;
pub use venv::SystemSite;
pub use wanted::{
    CommandsWanted, Compile, CratesWanted, Durability, FileChange, Foreign, InstalledCrate, InstalledDeb,
    InstalledNode, InstalledTool, NodeRoot, NodeRuntime, NodeWanted, Package, PythonWanted, SystemWanted,
    Wanted,
};
