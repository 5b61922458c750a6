//! npm's use cases: from importers to a resolved graph, from the graph to homes in the store and to `node_modules`.
//!
//! | module | job |
//! |---|---|
//! | [`closure`] | fetches what registries say of every package that a solve may look at, all at once |
//! | [`lock`] | the npm part of `wharf.lock`: solve until the resolver has all that it asks for |
//! | [`early`] | archives that are fetched while versions are still being chosen |
//! | [`sync`] | homes in the store and the layout of `node_modules` |
//! | [`engines`] | packages that were not made for the project's Node |
//! | [`approvals`] | whose install scripts may run |
//! | [`node`] | which Node a project runs with, and where it comes from |
//! | [`scripts`] | scripts of `package.json` by name |
//! | [`words`] | what `.npmrc` says to them |
//! | [`describe`], [`edit`] | looking at the graph; requirements added and removed |
//! | [`aliases`] | names under which somebody has a package that is called otherwise |
//!
//! Invariant: the outcome of a solve depends on what registries say, never on the order in which they said it.

pub(crate) mod aliases;
pub(crate) mod approvals;
pub(crate) mod closure;
pub(crate) mod debian;
pub(crate) mod describe;
pub(crate) mod early;
pub(crate) mod edit;
pub(crate) mod engines;
pub(crate) mod export;
pub(crate) mod folders;
pub(crate) mod index;
pub(crate) mod lock;
pub(crate) mod node;
pub(crate) mod scripts;
pub(crate) mod sync;
pub(crate) mod words;

use std::collections::BTreeSet;

use wharf_ecosystem::npm::Graph;
use wharf_tree::TreeError;

use crate::session::Session;

pub(crate) use early::Early;

/// An error of the graph, said of whoever asks in place of a project.
fn asked_by(session: &Session, error: Box<TreeError>) -> Box<TreeError> {
    match session.asker() {
        Some(asker) => Box::new(error.asked_by(asker)),
        None => error,
    }
}

/// How many packages a graph has when those that differ in their peers alone count once.
pub(crate) fn distinct(graph: &Graph) -> usize {
    let labels: BTreeSet<_> = graph
        .packages
        .iter()
        .map(|package| (&package.name, &package.version, &package.source))
        .collect();
    labels.len()
}
