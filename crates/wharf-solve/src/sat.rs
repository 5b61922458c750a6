//! The SAT engine: resolvo behind our own seam. Invariant: resolvo's types do not leave this file.
use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use petgraph::Direction;
use petgraph::graph::NodeIndex;
use petgraph::visit::EdgeRef;
use resolvo::conflict::{ConflictCause, ConflictEdge, ConflictGraph, ConflictNode};
use resolvo::{
    Condition, ConditionId, ConditionalRequirement, DenseId, DependencyProvider, Interner, KnownDependencies,
    SolverCache, StringId, UnsolvableOrCancelled, VersionSetId, VersionSetUnionId,
};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    Bits, Candidates, Conflict, Dependencies, Effort, Failure, Fate, NodeId, Provider, ReasonId, Requirement,
    Root, RootRule, SetId, Solution,
};

enum NodeTag {}
enum CandidateTag {}
type Name = DenseId<NodeTag>;
type Candidate = DenseId<CandidateTag>;

/// Presents a [`Provider`] to resolvo.
struct Bridge<'p, P: Provider> {
    provider: &'p P,
    inner: RefCell<Inner<P::Stop>>,
    /// Whether to ask for every unusable candidate up front (for explanations) or only when one is decided on.
    eager: bool,
}

struct Inner<S> {
    /// All candidates ever handed out, by resolvo's number.
    candidates: Vec<(NodeId, u32)>,
    /// Where a node's candidates start in `candidates`.
    starts: FxHashMap<NodeId, (u32, Arc<Candidates>)>,
    unions: Vec<Vec<SetId>>,
    stop: Option<S>,
}

impl<'p, P: Provider> Bridge<'p, P> {
    fn new(provider: &'p P, eager: bool) -> Self {
        Self {
            provider,
            inner: RefCell::new(Inner {
                candidates: Vec::new(),
                starts: FxHashMap::default(),
                unions: Vec::new(),
                stop: None,
            }),
            eager,
        }
    }

    fn pick(&self, candidate: Candidate) -> (NodeId, u32) {
        self.inner.borrow().candidates[candidate.into_raw() as usize]
    }

    fn requirement(&self, requirement: &Requirement) -> resolvo::Requirement {
        match requirement {
            Requirement::One { set, .. } => resolvo::Requirement::Single(VersionSetId(set.0)),
            Requirement::AnyOf(sets) => {
                let unions = &mut self.inner.borrow_mut().unions;
                unions.push(sets.clone());
                resolvo::Requirement::Union(VersionSetUnionId(unions.len() as u32 - 1))
            }
        }
    }

    fn required_set(&self, requirement: resolvo::Requirement) -> SetId {
        match requirement {
            resolvo::Requirement::Single(set) => SetId(set.0),
            resolvo::Requirement::Union(union) => self.inner.borrow().unions[union.0 as usize]
                .first()
                .copied()
                .expect("a union has at least one set"),
        }
    }

    fn load(&self, node: NodeId) -> Option<(u32, Arc<Candidates>)> {
        if let Some(known) = self.inner.borrow().starts.get(&node) {
            return Some(known.clone());
        }
        match self.provider.candidates(node) {
            Ok(candidates) => {
                let inner = &mut *self.inner.borrow_mut();
                let start = inner.candidates.len() as u32;
                inner
                    .candidates
                    .extend((0..candidates.count).map(|candidate| (node, candidate)));
                inner.starts.insert(node, (start, Arc::clone(&candidates)));
                Some((start, candidates))
            }
            Err(stop) => {
                self.inner.borrow_mut().stop = Some(stop);
                None
            }
        }
    }

    fn problem(&self, roots: &[Root]) -> resolvo::Problem<Candidate> {
        let mut requirements = Vec::new();
        let mut constraints = Vec::new();
        for root in roots {
            match &root.rule {
                RootRule::Requires(requirement) => requirements.push(ConditionalRequirement {
                    condition: None,
                    requirement: self.requirement(requirement),
                }),
                RootRule::Constrains { set, .. } => constraints.push(VersionSetId(set.0)),
            }
        }
        resolvo::Problem::new()
            .requirements(requirements)
            .constraints(constraints)
    }
}

impl<P: Provider> Interner for Bridge<'_, P> {
    type NameId = Name;
    type SolvableId = Candidate;

    fn display_solvable(&self, solvable: Candidate) -> impl Display + '_ {
        let (node, candidate) = self.pick(solvable);
        format!("{}#{candidate}", node.0)
    }

    fn display_name(&self, name: Name) -> impl Display + '_ {
        name.into_raw()
    }

    fn display_version_set(&self, version_set: VersionSetId) -> impl Display + '_ {
        version_set.0
    }

    fn display_string(&self, string_id: StringId) -> impl Display + '_ {
        string_id.0
    }

    fn version_set_name(&self, version_set: VersionSetId) -> Name {
        Name::from_raw(self.provider.node_of(SetId(version_set.0)).0)
    }

    fn solvable_name(&self, solvable: Candidate) -> Name {
        Name::from_raw(self.pick(solvable).0.0)
    }

    fn version_sets_in_union(&self, union: VersionSetUnionId) -> impl Iterator<Item = VersionSetId> {
        let sets = self.inner.borrow().unions[union.0 as usize].clone();
        sets.into_iter().map(|set| VersionSetId(set.0))
    }

    fn resolve_condition(&self, _condition: ConditionId) -> Condition {
        unreachable!("no conditional requirement is ever made")
    }
}

impl<P: Provider> DependencyProvider for Bridge<'_, P> {
    async fn filter_candidates(
        &self,
        candidates: &[Candidate],
        version_set: VersionSetId,
        inverse: bool,
    ) -> Vec<Candidate> {
        let matching: Arc<Bits> = self.provider.matching(SetId(version_set.0));
        candidates
            .iter()
            .copied()
            .filter(|&candidate| matching.contains(self.pick(candidate).1) != inverse)
            .collect()
    }

    async fn get_candidates(&self, name: Name) -> Option<resolvo::Candidates<Candidate>> {
        let node = NodeId(name.into_raw());
        let (start, candidates) = self.load(node)?;
        let excluded = if self.eager {
            self.provider.unusable(node)
        } else {
            Vec::new()
        };
        Some(resolvo::Candidates {
            candidates: (start..start + candidates.count)
                .map(Candidate::from_raw)
                .collect(),
            favored: candidates
                .favoured
                .map(|candidate| Candidate::from_raw(start + candidate)),
            excluded: excluded
                .into_iter()
                .map(|(candidate, reason)| (Candidate::from_raw(start + candidate), StringId(reason.0)))
                .collect(),
            ..resolvo::Candidates::default()
        })
    }

    async fn sort_candidates(&self, _solver: &SolverCache<Self>, solvables: &mut [Candidate]) {
        // Numbers of one node are handed out best first.
        solvables.sort_unstable();
    }

    async fn get_dependencies(&self, solvable: Candidate) -> resolvo::Dependencies {
        let (node, candidate) = self.pick(solvable);
        match self.provider.dependencies(node, candidate) {
            Ok(Dependencies::Known { requires, constrains }) => {
                resolvo::Dependencies::Known(KnownDependencies {
                    requirements: requires
                        .iter()
                        .map(|requirement| ConditionalRequirement {
                            condition: None,
                            requirement: self.requirement(requirement),
                        })
                        .collect(),
                    constrains: constrains.iter().map(|set| VersionSetId(set.0)).collect(),
                })
            }
            Ok(Dependencies::Unusable(reason)) => resolvo::Dependencies::Unknown(StringId(reason.0)),
            Err(stop) => {
                self.inner.borrow_mut().stop = Some(stop);
                resolvo::Dependencies::Known(KnownDependencies::default())
            }
        }
    }

    fn should_cancel_with_value(&self) -> Option<Box<dyn Any>> {
        if self.inner.borrow().stop.is_none()
            && let Err(stop) = self.provider.check()
        {
            self.inner.borrow_mut().stop = Some(stop);
        }
        self.inner
            .borrow()
            .stop
            .is_some()
            .then(|| Box::new(()) as Box<dyn Any>)
    }
}

pub(crate) fn solve<P: Provider>(
    provider: &P,
    roots: &[Root],
    effort: Effort,
) -> Result<Solution, Failure<P::Stop>> {
    let mut solver = resolvo::Solver::new(Bridge::new(provider, false));
    let problem = solver.provider().problem(roots);
    let outcome = solver.solve(problem);
    if let Some(stop) = solver.provider().inner.borrow_mut().stop.take() {
        return Err(Failure::Stopped(stop));
    }
    match outcome {
        Ok(picks) => Ok(Solution {
            picks: picks
                .into_iter()
                .map(|candidate| solver.provider().pick(candidate))
                .collect(),
            effort: Effort { sat: true, ..effort },
        }),
        Err(UnsolvableOrCancelled::Unsolvable(conflict)) => {
            let at_fault = match graph_of(&solver, &conflict) {
                Some(graph) => roots_in(&graph, solver.provider(), roots),
                None => (0..roots.len()).collect(),
            };
            Err(Failure::Unsatisfiable(at_fault))
        }
        Err(UnsolvableOrCancelled::Cancelled(_)) => {
            unreachable!("resolvo is only cancelled after the reason was kept")
        }
    }
}

pub(crate) fn explain<P: Provider>(provider: &P, roots: &[Root]) -> Option<Conflict> {
    let mut solver = resolvo::Solver::new(Bridge::new(provider, true));
    let problem = solver.provider().problem(roots);
    match solver.solve(problem) {
        Err(UnsolvableOrCancelled::Unsolvable(conflict))
            if solver.provider().inner.borrow().stop.is_none() =>
        {
            let graph = graph_of(&solver, &conflict)?;
            Some(tell(&graph, solver.provider(), roots))
        }
        _ => None,
    }
}

/// The graph of a contradiction. Building it asserts properties of resolvo's own records; a contradiction that breaks one of
/// them is still a contradiction, only without a story.
fn graph_of<P: Provider>(
    solver: &resolvo::Solver<Bridge<'_, P>>,
    conflict: &resolvo::conflict::Conflict,
) -> Option<ConflictGraph<Candidate>> {
    catch_unwind(AssertUnwindSafe(|| conflict.graph(solver))).ok()
}

/// The roots whose edges are part of the conflict.
fn roots_in<P: Provider>(
    graph: &ConflictGraph<Candidate>,
    bridge: &Bridge<'_, P>,
    roots: &[Root],
) -> Vec<usize> {
    let mut sets = FxHashSet::default();
    for edge in graph.graph.edges(graph.root_node) {
        match *edge.weight() {
            ConflictEdge::Requires(requirement) => {
                sets.insert(bridge.required_set(requirement));
            }
            ConflictEdge::Conflict(ConflictCause::Constrains(set)) => {
                sets.insert(SetId(set.0));
            }
            ConflictEdge::Conflict(_) => {}
        }
    }
    (0..roots.len())
        .filter(|&index| match &roots[index].rule {
            RootRule::Requires(Requirement::One { set, .. }) | RootRule::Constrains { set, .. } => {
                sets.contains(set)
            }
            RootRule::Requires(Requirement::AnyOf(any)) => any.iter().any(|set| sets.contains(set)),
        })
        .collect()
}

/// Resolvo's conflict graph as a [`Conflict`].
fn tell<P: Provider>(graph: &ConflictGraph<Candidate>, bridge: &Bridge<'_, P>, roots: &[Root]) -> Conflict {
    let mut sets: BTreeMap<SetId, Vec<(NodeId, u32)>> = BTreeMap::new();
    let mut fates = BTreeMap::new();
    for edge in graph.graph.edge_references() {
        let ConflictEdge::Requires(requirement) = *edge.weight() else {
            continue;
        };
        let members = sets.entry(bridge.required_set(requirement)).or_default();
        if let ConflictNode::Solvable(candidate) = graph.graph[edge.target()] {
            members.push(bridge.pick(candidate));
            fates
                .entry(bridge.pick(candidate))
                .or_insert_with(|| fate(graph, bridge, edge.target()));
        }
    }
    for members in sets.values_mut() {
        members.sort_unstable();
        members.dedup();
    }
    let at_fault = roots_in(graph, bridge, roots);
    Conflict {
        roots: at_fault
            .into_iter()
            .map(|index| match &roots[index].rule {
                RootRule::Requires(Requirement::One { set, .. }) | RootRule::Constrains { set, .. } => {
                    (index, *set)
                }
                RootRule::Requires(Requirement::AnyOf(sets)) => {
                    (index, *sets.first().expect("a union has at least one set"))
                }
            })
            .collect(),
        sets,
        fates,
    }
}

fn fate<P: Provider>(graph: &ConflictGraph<Candidate>, bridge: &Bridge<'_, P>, index: NodeIndex) -> Fate {
    let mut needs = Vec::new();
    for edge in graph.graph.edges(index) {
        match (*edge.weight(), &graph.graph[edge.target()]) {
            (ConflictEdge::Conflict(ConflictCause::Excluded), ConflictNode::Excluded(reason)) => {
                return Fate::Unusable(ReasonId(reason.0));
            }
            (ConflictEdge::Requires(requirement), _) => needs.push(bridge.required_set(requirement)),
            (ConflictEdge::Conflict(_), _) => {}
        }
    }
    let forbidden = graph
        .graph
        .edges_directed(index, Direction::Incoming)
        .find_map(|edge| match *edge.weight() {
            ConflictEdge::Conflict(ConflictCause::Constrains(set)) => Some(SetId(set.0)),
            _ => None,
        });
    if let Some(set) = forbidden {
        return Fate::Forbidden(set);
    }
    if needs.is_empty() {
        return Fate::Clashes;
    }
    needs.sort_unstable();
    needs.dedup();
    Fate::Needs(needs)
}
