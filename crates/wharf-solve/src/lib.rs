//! The one solver and its explanations. Knows no ecosystem: nodes, candidates and sets are numbers that a [`Provider`] gives
//! meaning to. Invariant: no I/O here, and the same answers from the provider give the same solution, whatever order and
//! speed they arrive in.
//!
//! Two engines stand behind one door, [`solve`]:
//!
//! - `walk`: a conflict-driven search that decides nodes in the order in which a person would read the
//!   requirements (direct references, exact pins, then first come, first served). Its picks are the ones people expect, and
//!   it only ever asks for the dependencies of candidates that it decides on. Method: PubGrub (Weizenbaum, 2018), with
//!   finite sets of candidates instead of version ranges.
//! - `sat`: resolvo's CDCL solver, for problems with alternatives (`a | b`), as the judge when the walk gives
//!   up, and as the prover whose conflict graph becomes the explanation.
//!
//! A third has a door of its own, since it is asked in other words: [`agenda`], for worlds of alternatives, exclusions and
//! wishes without versions to choose from.
pub mod agenda;
mod bits;
mod conflict;
mod provider;
mod sat;
mod walk;

#[cfg(test)]
mod tests;

pub use bits::Bits;
pub use conflict::{Conflict, Fate};
pub use provider::{
    Candidates, Dependencies, NodeId, Provider, Pull, ReasonId, Requirement, Root, RootRule, SetId,
};

use walk::{Outcome, Walk};

/// What the search cost, for logs and benches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Effort {
    /// Candidates that were decided on, including those taken back later.
    pub decisions: u64,
    /// Conflicts that were learned from.
    pub conflicts: u64,
    /// Whether the SAT engine had the last word.
    pub sat: bool,
}

/// A complete, consistent choice: one candidate for every node that is needed, in the order of their discovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Solution {
    /// The picks. A node that is not listed is not needed.
    pub picks: Vec<(NodeId, u32)>,
    /// What it took.
    pub effort: Effort,
}

/// Why there is no solution.
#[derive(Debug)]
pub enum Failure<S> {
    /// The requirements contradict each other. Holds the positions, among the given roots, of a set of root rules that cannot
    /// stand together (not necessarily the smallest: see [`minimise`]).
    Unsatisfiable(Vec<usize>),
    /// The provider asked to stop, or failed.
    Stopped(S),
}

/// How many conflicts the walk may meet before the SAT engine takes over.
const WALK_CONFLICTS: u64 = 20_000;

/// Solves for all of `roots`.
///
/// # Errors
/// [`Failure::Unsatisfiable`] with the roots at fault, or whatever the provider stopped with.
pub fn solve<P: Provider>(provider: &P, roots: &[Root]) -> Result<Solution, Failure<P::Stop>> {
    match Walk::new(provider, roots, WALK_CONFLICTS)
        .run()
        .map_err(Failure::Stopped)?
    {
        Outcome::Solved(solution) => Ok(solution),
        Outcome::Unsatisfiable(roots) => Err(Failure::Unsatisfiable(roots)),
        Outcome::GaveUp(effort) => sat::solve(provider, roots, effort),
    }
}

/// Shrinks a contradiction to one in which every root rule is needed: without any single one of them the rest can be solved.
/// `at_fault` are positions among `roots`, as [`solve`] reported them. Where the provider stops a try, its root is kept: the set
/// is larger then, and still contradictory.
pub fn minimise<P: Provider>(provider: &P, roots: &[Root], at_fault: &[usize]) -> Vec<usize> {
    let mut core = at_fault.to_vec();
    // From the back: what a person wrote first is most likely what they care about.
    let mut position = core.len();
    while position > 0 && core.len() > 1 {
        position -= 1;
        let removed = core.remove(position);
        let subset: Vec<Root> = core.iter().map(|&index| roots[index].clone()).collect();
        match solve(provider, &subset) {
            Err(Failure::Unsatisfiable(smaller)) => {
                core = smaller.iter().map(|&index| core[index]).collect();
                position = position.min(core.len());
            }
            // A try that was stopped proves nothing: the root stays.
            Ok(_) | Err(Failure::Stopped(_)) => core.insert(position, removed),
        }
    }
    core
}

/// Proves the contradiction between `roots` again and says how it comes about. `None` when there is no contradiction after
/// all, or the provider stopped.
pub fn explain<P: Provider>(provider: &P, roots: &[Root]) -> Option<Conflict> {
    sat::explain(provider, roots)
}
