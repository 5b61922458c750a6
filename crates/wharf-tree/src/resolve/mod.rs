//! Resolution: [`resolve`]. Two phases: a tree of needs and answers with as few versions as the ranges allow (`tree`, `dedupe`);
//! then peers to a fixed point (`peers`, `instances`), and equal instances merged (`output`).
//!
//! Invariants: a pure function of the problem and of what the universe says; the same for any order of importers,
//! requirements and answers.

mod answer;
mod dedupe;
mod instances;
mod names;
mod output;
mod peers;
mod reach;
mod settle;
mod sources;
mod tree;

use rustc_hash::FxHashMap;
use wharf_ecosystem::npm::Graph;

use self::instances::{Instances, LIMIT, Nests};
use self::output::Output;
use self::reach::Reach;
use self::settle::Settled;
use self::tree::{NodeId, Tree};
use crate::error::{Stop, TreeError};
use crate::issue::Issue;
use crate::problem::{Dedupe, MissingPeers, PeerConflicts, Problem, Universe};

/// Rounds in which peers may change what is chosen; each one costs a look at the whole tree.
const ROUNDS: usize = 24;

/// What a problem resolves to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The resolved packages, in the graph's normal order.
    pub graph: Graph,
    /// What there is to say about it, sorted.
    pub issues: Vec<Issue>,
}

/// Resolves the needs of all importers.
///
/// # Errors
/// [`Stop::Needs`] where the universe does not know enough yet; [`Stop::Failed`] where there is no graph.
pub fn resolve(problem: &Problem, universe: &dyn Universe) -> Result<Outcome, Stop> {
    let mut tree = Tree::new(problem, universe);
    tree.plant();
    settled(&mut tree, &[])?;
    fewest(&mut tree, &[])?;
    let mut nests = Nests::default();
    for round in 0..ROUNDS {
        let extra = nodes(&nests);
        tree.nested = nested(&nests);
        let reach = peers_chosen(&mut tree, &extra, round)?;
        let known = nests.len();
        let instances =
            Instances::new(&mut tree, &reach, &mut nests).map_err(|node| too_many(&tree, node))?;
        tree.grow();
        let extra = nodes(&nests);
        settled(&mut tree, &extra)?;
        if nests.len() == known || round + 1 == ROUNDS {
            return finish(&tree, &reach, &instances);
        }
    }
    unreachable!("the last round finishes")
}

/// Lets peers change what is chosen, until they do not any more; answers with what the tree looks like then.
fn peers_chosen(tree: &mut Tree<'_>, extra: &[NodeId], first: usize) -> Result<Reach, Stop> {
    for _ in first..ROUNDS {
        let mut reach = match tree.problem.missing_peers {
            MissingPeers::Install => {
                tree.forget_added();
                tree.add_missing()
            }
            MissingPeers::Report => Reach::new(tree),
        };
        if settled(tree, extra)? == Settled::Changed {
            reach = Reach::new(tree);
        }
        // What was added for peers may do with versions that others take, and then meet other peers.
        if tree.has_more() && fewest(tree, extra)? {
            continue;
        }
        if !tree.mend(&reach) {
            return Ok(reach);
        }
        tree.grow();
        settled(tree, extra)?;
        fewest(tree, extra)?;
    }
    Ok(Reach::new(tree))
}

/// Has needs do with fewer versions, if that is asked for. Says whether any could.
fn fewest(tree: &mut Tree<'_>, extra: &[NodeId]) -> Result<bool, Stop> {
    if tree.problem.dedupe != Dedupe::Fewest {
        return Ok(false);
    }
    let moved = tree.dedupe(extra);
    settled(tree, extra)?;
    Ok(moved)
}

/// Stops for what is needed; leaves out what is optional and fails; forgets what is not reached.
fn settled(tree: &mut Tree<'_>, extra: &[NodeId]) -> Result<Settled, Stop> {
    let needs = tree.needs();
    if !needs.is_empty() {
        return Err(Stop::Needs(needs));
    }
    tree.sweep(extra);
    let settled = tree.settle().map_err(|error| Stop::Failed(Box::new(error)))?;
    if settled == Settled::Changed {
        tree.sweep(extra);
    }
    Ok(settled)
}

/// What was added below each node.
fn nested(nests: &Nests) -> FxHashMap<NodeId, Vec<NodeId>> {
    let mut nested: FxHashMap<NodeId, Vec<NodeId>> = FxHashMap::default();
    for ((node, ..), nest) in nests {
        nested.entry(*node).or_default().extend(nest);
    }
    for nests in nested.values_mut() {
        nests.sort_unstable();
        nests.dedup();
    }
    nested
}

fn nodes(nests: &Nests) -> Vec<NodeId> {
    let mut nodes: Vec<NodeId> = nests.values().copied().flatten().collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

fn too_many(tree: &Tree<'_>, node: NodeId) -> Stop {
    Stop::Failed(Box::new(TreeError::TooManyCombinations {
        package: tree.label(node),
        limit: LIMIT,
    }))
}

fn finish(tree: &Tree<'_>, reach: &Reach, instances: &Instances) -> Result<Outcome, Stop> {
    let output = Output::new(tree, reach, instances);
    let issues = output.issues();
    if tree.problem.peer_conflicts == PeerConflicts::Fail {
        let broken: Vec<Issue> = issues
            .iter()
            .filter(|issue| issue.breaks_strict_peers())
            .cloned()
            .collect();
        if !broken.is_empty() {
            return Err(Stop::Failed(Box::new(TreeError::Peers(broken))));
        }
    }
    Ok(Outcome {
        graph: output.graph(),
        issues,
    })
}
