//! The seam between the solver and what it solves for. Invariant: everything here is a number; words belong to the provider.
use std::sync::Arc;

use crate::Bits;

/// A thing of which at most one candidate can be chosen: a package, a package with an extra, a name on one architecture.
/// Numbers are dense: the provider gives out 0, 1, 2, …
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct NodeId(pub u32);

/// A set of candidates of one node, such as `requests >=2,<3`. Dense, interned by the provider: equal sets have equal numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct SetId(pub u32);

/// Why a candidate cannot be chosen at all. Dense, interned by the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct ReasonId(pub u32);

/// How strongly a requirement asks for its node to be decided early. Deciding the least free nodes first is what finds the
/// versions that people expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub enum Pull {
    /// A range, or no limit at all.
    Range,
    /// Exactly one version.
    Exact,
    /// A direct reference: a URL, a path, a commit.
    Direct,
}

/// What a candidate (or the root) needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    /// One candidate of this set.
    One {
        /// The set.
        set: SetId,
        /// How early its node should be decided.
        pull: Pull,
    },
    /// One candidate of any of these sets, best first. The sets may belong to different nodes.
    AnyOf(Vec<SetId>),
}

/// What is asked for at the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootRule {
    /// This must be part of every solution.
    Requires(Requirement),
    /// If the node of this set is part of the solution, then with a candidate of this set.
    Constrains {
        /// What is allowed.
        set: SetId,
        /// `Exact` when only one version is.
        pull: Pull,
    },
}

/// One rule of the person who asks. Positions of roots are what a contradiction is reported in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// The rule.
    pub rule: RootRule,
}

/// The candidates of a node, best first: candidate 0 is tried before candidate 1.
#[derive(Debug, Clone, Default)]
pub struct Candidates {
    /// How many there are.
    pub count: u32,
    /// A candidate to try before all others (a locked version, another target's pick).
    pub favoured: Option<u32>,
    /// Another node with the same candidates at the same positions that always has to agree with this one (`foo` for
    /// `foo[extra]`). The candidates' dependencies must say so as well; this only saves the search detours.
    pub mirrors: Option<NodeId>,
}

/// What a candidate brings with it.
#[derive(Debug, Clone)]
pub enum Dependencies {
    /// It needs, and it limits.
    Known {
        /// What has to be there as well.
        requires: Vec<Requirement>,
        /// What must not be there: if the node of the set is chosen, then with a candidate of the set.
        constrains: Vec<SetId>,
    },
    /// It cannot be used, whatever else is chosen.
    Unusable(ReasonId),
}

/// Gives meaning to the solver's numbers. Called from one thread; may block while it waits for an answer from elsewhere.
/// Answers must not change during a solve.
pub trait Provider {
    /// Why the provider wants to stop: out of time, cancelled, a failed fetch.
    type Stop;

    /// The candidates of a node.
    ///
    /// # Errors
    /// When the search has to stop.
    fn candidates(&self, node: NodeId) -> Result<Arc<Candidates>, Self::Stop>;

    /// What a candidate needs.
    ///
    /// # Errors
    /// When the search has to stop.
    fn dependencies(&self, node: NodeId, candidate: u32) -> Result<Dependencies, Self::Stop>;

    /// The node that a set belongs to.
    fn node_of(&self, set: SetId) -> NodeId;

    /// Which candidates are in a set. Only asked after [`Provider::candidates`] of its node.
    fn matching(&self, set: SetId) -> Arc<Bits>;

    /// Candidates of a node that are known to be unusable without asking for their dependencies, with the reason. Only asked
    /// for explanations, where every reason counts.
    fn unusable(&self, node: NodeId) -> Vec<(u32, ReasonId)>;

    /// The search is about to ask for the dependencies of `candidate`, its `tries`-th try of this node, and would go on with
    /// the other candidates in `open`: a hint to fetch ahead.
    fn ahead(&self, node: NodeId, candidate: u32, tries: u32, open: &Bits) {
        let _ = (node, candidate, tries, open);
    }

    /// Asked often: whether to stop now.
    ///
    /// # Errors
    /// When the search has to stop.
    fn check(&self) -> Result<(), Self::Stop>;
}
