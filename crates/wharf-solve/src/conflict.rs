//! A contradiction as data. Invariant: it only holds numbers of the provider, and every candidate of every set that takes part
//! has its fate, so that whoever tells it can choose the shortest way through.
use std::collections::BTreeMap;

use serde::Serialize;

use crate::{NodeId, ReasonId, SetId};

/// How the given roots contradict each other: a graph, from roots over sets and candidates to what makes them fall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// The root rules that take part, with their sets. The positions are those of the roots that were given to
    /// [`crate::explain`].
    pub roots: Vec<(usize, SetId)>,
    /// The candidates of every required set that takes part, best first. Nothing is in a set without candidates.
    pub sets: BTreeMap<SetId, Vec<(NodeId, u32)>>,
    /// What becomes of each of those candidates. They may need each other in circles.
    pub fates: BTreeMap<(NodeId, u32), Fate>,
}

/// What becomes of a candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Fate {
    /// It cannot be used at all.
    Unusable(ReasonId),
    /// It needs these sets, at least one of which cannot be had.
    Needs(Vec<SetId>),
    /// It is fine in itself, but other requirements on the same node only admit others.
    Clashes,
    /// A rule forbids it: this set of its node is all that is admitted.
    Forbidden(SetId),
}
