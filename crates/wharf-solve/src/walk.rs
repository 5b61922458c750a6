//! A conflict-driven search that decides in reading order. Source of the method: Natalie Weizenbaum, "PubGrub: Next-Generation
//! Version Solving" (2018): unit propagation over incompatibilities, and resolution of conflicts into new ones.
//!
//! What differs from the paper: a term is a set of candidates plus the possibility of absence, so that "and", "or" and "not"
//! are plain set operations; every incompatibility carries the roots that it rests on ("blame"), so that a contradiction names
//! them without a derivation tree; and two incompatibilities for the same dependency of different versions are merged.
//!
//! Order of decisions: direct references, exact pins, nodes that keep causing conflicts, then first discovered first. A node
//! that was rejected five times is moved up and its rejecter taken back, which is what makes pairs like boto3 and botocore
//! meet quickly.
//!
//! Invariant: the total of a node only shrinks along its history; taking entries back restores the earlier total.
use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::{
    Bits, Dependencies, Effort, NodeId, Provider, Pull, Requirement, Root, RootRule, SetId, Solution,
};

/// Conflicts between two nodes before they change places.
const CONFLICTS_BEFORE_SWAP: u32 = 5;

pub(crate) enum Outcome {
    Solved(Solution),
    Unsatisfiable(Vec<usize>),
    /// Too many conflicts, or a kind of requirement that this engine does not decide.
    GaveUp(Effort),
}

/// A statement about one node: "absent" (if `absent`) or one of these candidates.
#[derive(Clone, Debug, PartialEq)]
struct Term {
    absent: bool,
    some: Rc<Bits>,
}

impl Term {
    fn not(&self) -> Self {
        Self {
            absent: !self.absent,
            some: Rc::new(self.some.inverted()),
        }
    }

    fn and(&self, other: &Self) -> Self {
        Self {
            absent: self.absent && other.absent,
            some: Rc::new(self.some.and(&other.some)),
        }
    }

    fn or(&self, other: &Self) -> Self {
        Self {
            absent: self.absent || other.absent,
            some: Rc::new(self.some.or(&other.some)),
        }
    }

    fn implies(&self, other: &Self) -> bool {
        (!self.absent || other.absent) && self.some.is_subset(&other.some)
    }

    fn excludes(&self, other: &Self) -> bool {
        !(self.absent && other.absent) && self.some.is_disjoint(&other.some)
    }
}

/// Terms that cannot all hold, and the roots that this rests on (sorted positions).
struct Incompatibility {
    terms: Vec<(NodeId, Term)>,
    blame: Rc<[u32]>,
}

#[derive(Clone, Copy, PartialEq)]
enum Cause {
    Decision,
    Derived(usize),
}

struct Entry {
    at: usize,
    level: u32,
    cause: Cause,
    /// What this entry says, and what holds with all entries before it.
    own: Term,
    total: Term,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Range,
    ConflictLate,
    ConflictEarly,
    Exact,
    Direct,
}

struct Node {
    /// What could hold before anything was decided: absent, or any candidate that is not known to be unusable.
    start: Term,
    history: Vec<Entry>,
    mentions: Vec<usize>,
    decided: Option<u32>,
    favoured: Option<u32>,
    mirrors: Option<NodeId>,
    class: Class,
    /// Position in the order of discovery; nodes that mirror share the place of what they mirror, after it.
    place: (u32, u32),
    tries: u32,
    tried: Vec<bool>,
    affected: u32,
    culprit: u32,
}

impl Node {
    fn total(&self) -> &Term {
        self.history.last().map_or(&self.start, |entry| &entry.total)
    }
}

pub(crate) struct Walk<'p, P: Provider> {
    provider: &'p P,
    roots: &'p [Root],
    /// By node number; `None` until the node is first mentioned.
    nodes: Vec<Option<Node>>,
    order: Vec<NodeId>,
    incompatibilities: Vec<Incompatibility>,
    /// Merged dependency incompatibilities: (parent, set) → position.
    merged: FxHashMap<(NodeId, SetId), usize>,
    added: FxHashMap<(NodeId, u32), ()>,
    constraints: FxHashMap<NodeId, Vec<(SetId, Pull, u32)>>,
    trail: Vec<NodeId>,
    level: u32,
    /// The node that was decided last, or is being decided.
    next: Option<NodeId>,
    move_up: Vec<NodeId>,
    move_down: Vec<NodeId>,
    effort: Effort,
    conflict_limit: u64,
    undecidable: bool,
    /// Roots that contradict the world on their own (nothing in a required set exists).
    contradiction: Option<Rc<[u32]>>,
}

/// No further progress: the roots at fault, or the provider's wish to stop.
enum Halt<S> {
    Contradiction(Rc<[u32]>),
    Stopped(S),
}

impl<S> From<S> for Halt<S> {
    fn from(stop: S) -> Self {
        Self::Stopped(stop)
    }
}

impl<'p, P: Provider> Walk<'p, P> {
    pub(crate) fn new(provider: &'p P, roots: &'p [Root], conflict_limit: u64) -> Self {
        Self {
            provider,
            roots,
            nodes: Vec::new(),
            order: Vec::new(),
            incompatibilities: Vec::new(),
            merged: FxHashMap::default(),
            added: FxHashMap::default(),
            constraints: FxHashMap::default(),
            trail: Vec::new(),
            level: 0,
            next: None,
            move_up: Vec::new(),
            move_down: Vec::new(),
            effort: Effort::default(),
            conflict_limit,
            undecidable: false,
            contradiction: None,
        }
    }

    pub(crate) fn run(mut self) -> Result<Outcome, P::Stop> {
        match self.search() {
            Ok(true) => Ok(Outcome::Solved(self.solution())),
            Ok(false) => Ok(Outcome::GaveUp(self.effort)),
            Err(Halt::Stopped(stop)) => Err(stop),
            Err(Halt::Contradiction(blame)) => Ok(Outcome::Unsatisfiable(
                blame.iter().map(|&root| root as usize).collect(),
            )),
        }
    }

    /// Whether a solution was found; `false` means given up.
    fn search(&mut self) -> Result<bool, Halt<P::Stop>> {
        self.add_roots()?;
        if self.undecidable {
            return Ok(false);
        }
        let all: Vec<NodeId> = self.order.clone();
        self.propagate(all)?;
        loop {
            self.provider.check()?;
            self.reprioritise();
            let Some(node) = self.most_urgent() else {
                return Ok(true);
            };
            self.decide(node)?;
            if self.undecidable || self.effort.conflicts > self.conflict_limit {
                return Ok(false);
            }
        }
    }

    fn solution(&self) -> Solution {
        let picks = self
            .order
            .iter()
            .filter_map(|&id| self.node(id).decided.map(|candidate| (id, candidate)))
            .collect();
        Solution {
            picks,
            effort: self.effort,
        }
    }

    fn node(&self, id: NodeId) -> &Node {
        self.nodes[id.0 as usize]
            .as_ref()
            .expect("a node is loaded before it is mentioned")
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        self.nodes[id.0 as usize]
            .as_mut()
            .expect("a node is loaded before it is mentioned")
    }

    fn add_roots(&mut self) -> Result<(), Halt<P::Stop>> {
        let roots = self.roots;
        for (position, root) in roots.iter().enumerate() {
            if let RootRule::Constrains { set, pull } = root.rule {
                self.constraints
                    .entry(self.provider.node_of(set))
                    .or_default()
                    .push((set, pull, position as u32));
            }
        }
        for (position, root) in roots.iter().enumerate() {
            match &root.rule {
                RootRule::Requires(Requirement::One { set, pull }) => {
                    let id = self.discover(*set, *pull)?;
                    let term = self.term(*set).not();
                    self.add(vec![(id, term)], Rc::from([position as u32]));
                    self.tie_to_mirrored(id, *set, *pull)?;
                }
                RootRule::Requires(Requirement::AnyOf(_)) => self.undecidable = true,
                RootRule::Constrains { .. } => {}
            }
        }
        Ok(())
    }

    /// `foo[extra]` in a set means `foo` in the same set: said at once, so that `foo` is never decided outside of it.
    fn tie_to_mirrored(&mut self, id: NodeId, set: SetId, pull: Pull) -> Result<(), Halt<P::Stop>> {
        let Some(base) = self.node(id).mirrors else {
            return Ok(());
        };
        self.load(base, pull)?;
        if self.merged.contains_key(&(base, set)) {
            return Ok(());
        }
        let inside = self.term(set);
        // The law needs no root to blame: it holds by the meaning of the two nodes.
        self.merged.insert((base, set), self.incompatibilities.len());
        self.add(vec![(id, inside.clone()), (base, inside.not())], Rc::from([]));
        Ok(())
    }

    /// Loads the node of a set and notes how urgent it is.
    fn discover(&mut self, set: SetId, pull: Pull) -> Result<NodeId, Halt<P::Stop>> {
        let id = self.provider.node_of(set);
        self.load(id, pull)?;
        Ok(id)
    }

    fn load(&mut self, id: NodeId, pull: Pull) -> Result<(), Halt<P::Stop>> {
        let class = match pull {
            Pull::Range => Class::Range,
            Pull::Exact => Class::Exact,
            Pull::Direct => Class::Direct,
        };
        if self.nodes.len() <= id.0 as usize {
            self.nodes.resize_with(id.0 as usize + 1, || None);
        }
        if let Some(node) = &mut self.nodes[id.0 as usize] {
            node.class = node.class.max(class);
            return Ok(());
        }
        let candidates = self.provider.candidates(id)?;
        let place = match candidates.mirrors {
            None => (self.order.len() as u32, 0),
            Some(base) => {
                self.load(base, pull)?;
                (self.node(base).place.0, self.order.len() as u32)
            }
        };
        self.nodes[id.0 as usize] = Some(Node {
            start: Term {
                absent: true,
                some: Rc::new(Bits::full(candidates.count)),
            },
            history: Vec::new(),
            mentions: Vec::new(),
            decided: None,
            favoured: candidates.favoured,
            mirrors: candidates.mirrors,
            class,
            place,
            tries: 0,
            tried: vec![false; candidates.count as usize],
            affected: 0,
            culprit: 0,
        });
        self.order.push(id);
        for (set, pull, root) in self.constraints.remove(&id).unwrap_or_default() {
            self.load(id, pull)?;
            let allowed = self.term(set);
            let forbidden = Term {
                absent: false,
                some: Rc::new(allowed.some.inverted()),
            };
            self.add(vec![(id, forbidden)], Rc::from([root]));
        }
        Ok(())
    }

    /// "Chosen, and from this set."
    fn term(&self, set: SetId) -> Term {
        Term {
            absent: false,
            some: Rc::new(Arc::unwrap_or_clone(self.provider.matching(set))),
        }
    }

    /// Adds an incompatibility without terms that always hold, and returns its position.
    fn add(&mut self, mut terms: Vec<(NodeId, Term)>, blame: Rc<[u32]>) -> usize {
        terms.retain(|(id, term)| !self.node(*id).start.implies(term));
        if terms.is_empty() && self.contradiction.is_none() {
            self.contradiction = Some(Rc::clone(&blame));
        }
        let position = self.incompatibilities.len();
        for (id, _) in &terms {
            self.node_mut(*id).mentions.push(position);
        }
        self.incompatibilities.push(Incompatibility { terms, blame });
        position
    }

    fn most_urgent(&self) -> Option<NodeId> {
        self.order
            .iter()
            .copied()
            .filter(|&id| {
                let node = self.node(id);
                node.decided.is_none() && !node.total().absent
            })
            .max_by_key(|&id| {
                let node = self.node(id);
                let class = match node.mirrors {
                    // An extra is never decided before what it extends.
                    Some(base) => self.node(base).class,
                    None => node.class,
                };
                (class, std::cmp::Reverse(node.place))
            })
    }

    fn decide(&mut self, id: NodeId) -> Result<(), Halt<P::Stop>> {
        self.next = Some(id);
        let Some(candidate) = self.choose(id) else {
            // The total is empty: some incompatibility is satisfied, and propagation finds it.
            return self.propagate(vec![id]);
        };
        self.effort.decisions += 1;
        let node = self.node_mut(id);
        if !std::mem::replace(&mut node.tried[candidate as usize], true) {
            node.tries += 1;
        }
        let (tries, open) = (node.tries, Rc::clone(&node.total().some));
        self.provider.ahead(id, candidate, tries, &open);
        if !self.added.contains_key(&(id, candidate)) {
            match self.provider.dependencies(id, candidate)? {
                Dependencies::Unusable(_) => {
                    self.forbid_for_good(id, candidate);
                    return self.propagate(vec![id]);
                }
                Dependencies::Known { requires, constrains } => {
                    self.added.insert((id, candidate), ());
                    if let Some(violated) = self.add_dependencies(id, candidate, requires, constrains)? {
                        self.record_conflict(id, violated);
                        return self.propagate(vec![id]);
                    }
                }
            }
        }
        self.level += 1;
        let mut own = Bits::empty(self.node(id).start.some.len());
        own.insert(candidate);
        let own = Term {
            absent: false,
            some: Rc::new(own),
        };
        self.push(id, own, Cause::Decision);
        self.node_mut(id).decided = Some(candidate);
        self.propagate(vec![id])
    }

    fn choose(&self, id: NodeId) -> Option<u32> {
        let node = self.node(id);
        let open = &node.total().some;
        let same = node.mirrors.and_then(|base| self.node(base).decided);
        [same, node.favoured]
            .into_iter()
            .flatten()
            .find(|&candidate| open.contains(candidate))
            .or_else(|| open.first())
    }

    /// A fact about the world, not about the requirements: the candidate leaves every set for good.
    fn forbid_for_good(&mut self, id: NodeId, candidate: u32) {
        let node = self.node_mut(id);
        let without = |term: &mut Term| {
            let mut bits = (*term.some).clone();
            bits.remove(candidate);
            term.some = Rc::new(bits);
        };
        without(&mut node.start);
        for entry in &mut node.history {
            without(&mut entry.total);
            without(&mut entry.own);
        }
    }

    /// Adds what a candidate needs. Returns an incompatibility that would be violated by deciding on it now.
    fn add_dependencies(
        &mut self,
        id: NodeId,
        candidate: u32,
        requires: Vec<Requirement>,
        constrains: Vec<SetId>,
    ) -> Result<Option<usize>, Halt<P::Stop>> {
        let mut parent = Bits::empty(self.node(id).start.some.len());
        parent.insert(candidate);
        let parent = Term {
            absent: false,
            some: Rc::new(parent),
        };
        let mut violated = None;
        for requirement in requires {
            let Requirement::One { set, pull } = requirement else {
                self.undecidable = true;
                continue;
            };
            let dependency = self.discover(set, pull)?;
            if dependency == id {
                // A package may require itself: that holds, or the candidate contradicts itself.
                if !self.term(set).some.contains(candidate) {
                    violated = Some(self.add(vec![(id, parent.clone())], Rc::from([])));
                }
                continue;
            }
            let position = match self.merged.get(&(id, set)) {
                Some(&position) => {
                    self.widen(position, id, &parent);
                    position
                }
                None => {
                    let outside = self.term(set).not();
                    let position = self.add(vec![(id, parent.clone()), (dependency, outside)], Rc::from([]));
                    self.merged.insert((id, set), position);
                    position
                }
            };
            self.tie_to_mirrored(dependency, set, pull)?;
            if violated.is_none() && self.violated_by(position, id) {
                violated = Some(position);
            }
        }
        for set in constrains {
            let limited = self.discover(set, Pull::Range)?;
            let outside = Term {
                absent: false,
                some: Rc::new(self.term(set).some.inverted()),
            };
            let position = self.add(vec![(id, parent.clone()), (limited, outside)], Rc::from([]));
            if violated.is_none() && self.violated_by(position, id) {
                violated = Some(position);
            }
        }
        Ok(violated)
    }

    /// Another version with the same dependency: the incompatibility covers both from now on. Sound, because a clause about
    /// more candidates still follows from the same facts.
    fn widen(&mut self, position: usize, id: NodeId, parent: &Term) {
        for (node, term) in &mut self.incompatibilities[position].terms {
            if *node == id {
                *term = term.or(parent);
            }
        }
    }

    /// Whether all terms but the one about `deciding` hold already.
    fn violated_by(&self, position: usize, deciding: NodeId) -> bool {
        self.incompatibilities[position]
            .terms
            .iter()
            .all(|(id, term)| *id == deciding || self.node(*id).total().implies(term))
    }

    fn push(&mut self, id: NodeId, own: Term, cause: Cause) {
        let at = self.trail.len();
        let level = self.level;
        self.trail.push(id);
        let node = self.node_mut(id);
        let total = node.total().and(&own);
        let own = own.and(&node.start);
        node.history.push(Entry {
            at,
            level,
            cause,
            own,
            total,
        });
    }

    fn back_to(&mut self, level: u32) {
        while let Some(&id) = self.trail.last() {
            let node = self.node_mut(id);
            let entry = node
                .history
                .last()
                .expect("every entry of the trail is in a history");
            if entry.level <= level {
                break;
            }
            if entry.cause == Cause::Decision {
                node.decided = None;
            }
            node.history.pop();
            self.trail.pop();
        }
        self.level = level;
    }

    fn propagate(&mut self, mut changed: Vec<NodeId>) -> Result<(), Halt<P::Stop>> {
        if let Some(blame) = self.contradiction.take() {
            return Err(Halt::Contradiction(blame));
        }
        while let Some(id) = changed.pop() {
            let mut index = self.node(id).mentions.len();
            while index > 0 {
                index -= 1;
                let position = self.node(id).mentions[index];
                match self.relation(position) {
                    Relation::Nothing => {}
                    Relation::Almost(term) => {
                        let derived = self.derive(position, term);
                        if !changed.contains(&derived) {
                            changed.push(derived);
                        }
                    }
                    Relation::Violated => {
                        self.effort.conflicts += 1;
                        self.provider.check()?;
                        let (learned, affected) = self.learn(position)?;
                        self.record_conflict(affected, learned);
                        let term = self.incompatibilities[learned]
                            .terms
                            .iter()
                            .position(|(node, _)| *node == affected)
                            .expect("a learned incompatibility speaks of the node that it affects");
                        let derived = self.derive(learned, term);
                        changed.clear();
                        changed.push(derived);
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    fn relation(&self, position: usize) -> Relation {
        let mut open = None;
        for (index, (id, term)) in self.incompatibilities[position].terms.iter().enumerate() {
            let total = self.node(*id).total();
            if total.implies(term) {
                continue;
            }
            if total.excludes(term) || open.is_some() {
                return Relation::Nothing;
            }
            open = Some(index);
        }
        open.map_or(Relation::Violated, Relation::Almost)
    }

    fn derive(&mut self, position: usize, term: usize) -> NodeId {
        let (id, term) = &self.incompatibilities[position].terms[term];
        let (id, own) = (*id, term.not());
        self.push(id, own, Cause::Derived(position));
        id
    }

    /// Resolves a violated incompatibility back to its causes until it says something new about one node, takes back what it
    /// forbids, and returns it with that node.
    fn learn(&mut self, violated: usize) -> Result<(usize, NodeId), Halt<P::Stop>> {
        let mut terms = self.incompatibilities[violated].terms.clone();
        let mut blame = Rc::clone(&self.incompatibilities[violated].blame);
        let mut position = Some(violated);
        loop {
            // What always holds says nothing (candidates may have become unusable since the term was written).
            terms.retain(|(id, term)| !self.node(*id).start.implies(term));
            if terms.is_empty() {
                return Err(Halt::Contradiction(blame));
            }
            let (which, entry, previous_level) = self.satisfier(&terms);
            let id = terms[which].0;
            let (cause, level) = {
                let entry = &self.node(id).history[entry];
                (entry.cause, entry.level)
            };
            match cause {
                // At level 0 nothing can be taken back: everything there is resolved down to the roots.
                Cause::Derived(cause) if previous_level >= level => {
                    let cause = &self.incompatibilities[cause];
                    blame = union(&blame, &cause.blame);
                    let mut at_node = terms.swap_remove(which).1;
                    for (other, term) in &cause.terms {
                        if *other == id {
                            at_node = at_node.or(term);
                        } else if let Some((_, known)) = terms.iter_mut().find(|(node, _)| node == other) {
                            *known = known.and(term);
                        } else {
                            terms.push((*other, term.clone()));
                        }
                    }
                    terms.push((id, at_node));
                    position = None;
                }
                Cause::Decision | Cause::Derived(_) => {
                    self.back_to(previous_level);
                    let position = match position {
                        Some(position) => position,
                        None => self.add(terms, blame),
                    };
                    return Ok((position, id));
                }
            }
        }
    }

    /// The term that was satisfied last, the entry that did it, and the level at which all the rest already held.
    fn satisfier(&self, terms: &[(NodeId, Term)]) -> (usize, usize, u32) {
        let mut latest: Option<(usize, usize, usize)> = None;
        let mut levels: Vec<(usize, u32)> = Vec::with_capacity(terms.len());
        for (index, (id, term)) in terms.iter().enumerate() {
            let history = &self.node(*id).history;
            let entry = history
                .iter()
                .position(|entry| entry.total.implies(term))
                .expect("all terms of a violated incompatibility are satisfied");
            let at = history[entry].at;
            levels.push((index, history[entry].level));
            if latest.is_none_or(|(_, _, latest)| at > latest) {
                latest = Some((index, entry, at));
            }
        }
        let (which, entry, _) = latest.expect("an incompatibility that is resolved has terms");
        let others = levels
            .iter()
            .filter(|(index, _)| *index != which)
            .map(|(_, level)| *level)
            .max()
            .unwrap_or(0);
        // Did the entry satisfy the term on its own, or together with earlier ones about the same node?
        let (id, term) = &terms[which];
        let history = &self.node(*id).history;
        let own = &history[entry].own;
        let before = if own.implies(term) {
            0
        } else {
            history[..entry]
                .iter()
                .find(|earlier| earlier.total.and(own).implies(term))
                .map_or(0, |earlier| earlier.level)
        };
        (which, entry, others.max(before))
    }

    /// Counts who gets in whose way.
    fn record_conflict(&mut self, affected: NodeId, position: usize) {
        let base = |walk: &Self, id: NodeId| walk.node(id).mirrors.unwrap_or(id);
        let affected_base = base(self, affected);
        let others: Vec<NodeId> = self.incompatibilities[position]
            .terms
            .iter()
            .map(|(id, _)| *id)
            .filter(|&id| base(self, id) != affected_base)
            .collect();
        for &other in &others {
            let node = self.node_mut(other);
            node.culprit += 1;
            if node.culprit == CONFLICTS_BEFORE_SWAP {
                self.move_down.push(other);
            }
        }
        if let (false, Some(next)) = (others.is_empty(), self.next) {
            let node = self.node_mut(next);
            node.affected += 1;
            if node.affected == CONFLICTS_BEFORE_SWAP {
                self.move_up.push(next);
            }
        }
    }

    fn reprioritise(&mut self) {
        for id in std::mem::take(&mut self.move_up) {
            let id = self.node(id).mirrors.unwrap_or(id);
            self.node_mut(id).class = Class::ConflictEarly;
        }
        for id in std::mem::take(&mut self.move_down) {
            let id = self.node(id).mirrors.unwrap_or(id);
            let node = self.node_mut(id);
            if matches!(node.class, Class::ConflictEarly | Class::ConflictLate) {
                continue;
            }
            node.class = Class::ConflictLate;
            // Take the decision back, so that the others are decided first this time.
            let level = node
                .history
                .iter()
                .find(|entry| entry.cause == Cause::Decision)
                .map(|entry| entry.level);
            if let Some(level) = level {
                self.back_to(level.saturating_sub(1));
            }
        }
    }
}

enum Relation {
    Nothing,
    Almost(usize),
    Violated,
}

fn union(a: &Rc<[u32]>, b: &Rc<[u32]>) -> Rc<[u32]> {
    if b.iter().all(|root| a.contains(root)) {
        return Rc::clone(a);
    }
    let mut all: Vec<u32> = a.iter().chain(b.iter()).copied().collect();
    all.sort_unstable();
    all.dedup();
    all.into()
}
