//! A contradiction as data. Invariant: it only holds numbers of the provider, and it is a tree, so that it prints as one.
use serde::Serialize;

use crate::{NodeId, ReasonId, SetId};

/// How the given roots contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// The root requirements that take part, each with what becomes of its candidates. The positions are those of the roots
    /// that were given to [`crate::explain`].
    pub roots: Vec<(usize, Branch)>,
}

/// A requirement and what becomes of the candidates for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Branch {
    /// The set that was required.
    pub set: SetId,
    /// Its candidates, those with the same fate together. Empty when nothing is in the set.
    pub groups: Vec<Group>,
}

/// Candidates of one node that fall for the same reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The node.
    pub node: NodeId,
    /// Positions, best first.
    pub candidates: Vec<u32>,
    /// What happens to them.
    pub fate: Fate,
}

/// What becomes of candidates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Fate {
    /// They cannot be used at all.
    Unusable(ReasonId),
    /// They need other things, at least one of which cannot be had.
    Needs(Vec<Branch>),
    /// They are fine in themselves, but other requirements on the same node only admit others.
    Clashes,
    /// A rule forbids them: this set of their node is all that is admitted.
    Forbidden(SetId),
    /// Already told above: the same candidates appear earlier in the tree.
    Told,
}
