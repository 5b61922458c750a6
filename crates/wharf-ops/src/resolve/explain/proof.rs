//! The shortest way from a requirement at fault to what makes it fall. The solver's contradiction is a graph in which every
//! version stands for itself; a person wants the versions with the same fate together, and one reason for each.
//! Invariant: only facts of the contradiction are used; a version is merged with others only when it falls in the same way.
use std::collections::{BTreeMap, BTreeSet};

use wharf_core::PackageName;
use wharf_solve::{Conflict, Dependencies, Fate, NodeId, Provider, Requirement, Root, RootRule, SetId};

use super::super::encode::{Encoding, Node, RootKind};
use super::super::offer::Unfit;
use super::super::scope::Spec;

/// A version that falls to what other packages need says less than one that falls to the project's own words: it costs more.
const CLASH_COST: u32 = 3;
/// Chains longer than this are cut.
const DEEPEST: usize = 16;

/// A requirement, or several on the same package, and what becomes of the versions that they admit.
pub(super) struct Branch {
    pub(super) node: Node,
    pub(super) sets: Vec<SetId>,
    pub(super) groups: Vec<Group>,
}

impl Branch {
    /// Whether nothing falls to what other packages need, so that nothing else has to be told.
    pub(super) fn is_whole(&self) -> bool {
        self.groups.iter().all(|group| match &group.fall {
            Fall::Clash => false,
            Fall::Needs(needed) => needed.is_whole(),
            Fall::Unusable(_) | Fall::Excluded(_) => true,
        })
    }

    /// How much there is to tell.
    pub(super) fn size(&self) -> usize {
        let size = |group: &Group| match &group.fall {
            Fall::Needs(needed) => needed.size(),
            Fall::Clash | Fall::Unusable(_) | Fall::Excluded(_) => 0,
        };
        1 + self.groups.iter().map(size).sum::<usize>()
    }
}

/// Versions that fall in the same way.
pub(super) struct Group {
    pub(super) candidates: Vec<u32>,
    pub(super) fall: Fall,
}

/// How versions fall.
pub(super) enum Fall {
    /// They cannot be used, for reasons of one kind.
    Unusable(Vec<Unfit>),
    /// A rule of the project excludes them.
    Excluded(RootKind),
    /// What other packages need excludes them.
    Clash,
    /// They need what cannot be had.
    Needs(Box<Branch>),
}

/// How one version falls, before a way through what it needs is chosen.
#[derive(Clone)]
enum Step {
    Unusable(Unfit),
    Excluded(RootKind),
    Clash,
    Needs(Vec<SetId>),
}

/// What the search learned on its way, as far as it leads from these roots, without asking anybody: often that is a proof.
pub(super) fn learned(encoding: &Encoding, roots: &[Root]) -> Conflict {
    let sets = roots
        .iter()
        .enumerate()
        .filter_map(|(index, root)| match root.rule {
            RootRule::Requires(Requirement::One { set, .. }) | RootRule::Constrains { set, .. } => {
                Some((index, set))
            }
            RootRule::Requires(Requirement::AnyOf(_)) => None,
        });
    let mut conflict = Conflict {
        roots: sets.collect(),
        sets: BTreeMap::new(),
        fates: BTreeMap::new(),
    };
    let limits = conflict.roots.clone();
    let is_excluded = |(node, position): (NodeId, u32)| {
        let name = encoding.node_of_id(node).name;
        limits.iter().any(|&(_, set)| {
            encoding.spec_of(set).0.name == name && !encoding.matching(set).contains(position)
        })
    };
    let mut open: Vec<SetId> = roots
        .iter()
        .filter_map(|root| match root.rule {
            RootRule::Requires(Requirement::One { set, .. }) => Some(set),
            RootRule::Requires(Requirement::AnyOf(_)) | RootRule::Constrains { .. } => None,
        })
        .collect();
    while let (Some(set), Ok(())) = (open.pop(), encoding.check()) {
        if conflict.sets.contains_key(&set) {
            continue;
        }
        let Some(members) = encoding.known_members(set) else {
            continue;
        };
        for &candidate in &members {
            if conflict.fates.contains_key(&candidate) {
                continue;
            }
            let fate = if is_excluded(candidate) {
                Fate::Clashes
            } else {
                match encoding.known(candidate.0, candidate.1) {
                    None => continue,
                    Some(Dependencies::Unusable(reason)) => Fate::Unusable(reason),
                    Some(Dependencies::Known { requires, .. }) => {
                        let needs: Vec<SetId> = requires
                            .iter()
                            .filter_map(|requirement| match requirement {
                                Requirement::One { set, .. } => Some(*set),
                                Requirement::AnyOf(_) => None,
                            })
                            .collect();
                        open.extend(&needs);
                        Fate::Needs(needs)
                    }
                }
            };
            conflict.fates.insert(candidate, fate);
        }
        conflict.sets.insert(set, members);
    }
    conflict
}

/// A contradiction with the price of every way through it.
pub(super) struct Proof<'a> {
    encoding: &'a Encoding,
    conflict: &'a Conflict,
    limits: Vec<(PackageName, SetId, RootKind)>,
    steps: BTreeMap<(NodeId, u32), Step>,
    costs: BTreeMap<(NodeId, u32), u32>,
}

impl<'a> Proof<'a> {
    /// Weighs every way. `roots` are the rules at fault, `kinds` where each is from.
    pub(super) fn new(
        encoding: &'a Encoding,
        conflict: &'a Conflict,
        roots: &[Root],
        kinds: &[RootKind],
    ) -> Self {
        let limits = roots
            .iter()
            .zip(kinds)
            .filter_map(|(root, &kind)| match root.rule {
                RootRule::Requires(Requirement::One { set, .. }) | RootRule::Constrains { set, .. } => {
                    Some((encoding.spec_of(set).0.name, set, kind))
                }
                RootRule::Requires(Requirement::AnyOf(_)) => None,
            })
            .collect();
        let mut proof = Self {
            encoding,
            conflict,
            limits,
            steps: BTreeMap::new(),
            costs: BTreeMap::new(),
        };
        proof.steps = conflict
            .fates
            .keys()
            .map(|&candidate| (candidate, proof.step(candidate)))
            .collect();
        proof.weigh();
        proof
    }

    /// Whether it is shown that a set cannot be had.
    pub(super) fn is_shown(&self, set: SetId) -> bool {
        self.cost(set).is_some()
    }

    /// What becomes of a root's requirement.
    pub(super) fn root(&self, set: SetId) -> Branch {
        self.branch(&[set], &mut Vec::new())
    }

    /// Who, apart from the packages in `path`, needs something of `name` that leaves all of `candidates` out, or as many as
    /// possible: the package, its versions, and the sets.
    pub(super) fn author_against(
        &self,
        name: &PackageName,
        candidates: &[u32],
        path: &[PackageName],
    ) -> Option<(PackageName, Vec<u32>, Vec<SetId>)> {
        let mut authors: BTreeMap<PackageName, (BTreeSet<u32>, BTreeSet<SetId>)> = BTreeMap::new();
        for (&(node, position), fate) in &self.conflict.fates {
            let Fate::Needs(sets) = fate else { continue };
            let author = self.encoding.node_of_id(node).name;
            if path.contains(&author) {
                continue;
            }
            for &set in sets {
                let (needed, spec) = self.encoding.spec_of(set);
                if needed.name != *name || matches!(spec, Spec::Only(_)) {
                    continue;
                }
                let admitted = self.encoding.matching(set);
                if candidates.iter().any(|&candidate| !admitted.contains(candidate)) {
                    let (versions, sets) = authors.entry(author.clone()).or_default();
                    versions.insert(position);
                    sets.insert(set);
                }
            }
        }
        let left_out = |sets: &BTreeSet<SetId>| {
            let out = |candidate: &&u32| {
                sets.iter()
                    .all(|&set| !self.encoding.matching(set).contains(**candidate))
            };
            candidates.iter().filter(out).count()
        };
        authors
            .into_iter()
            .max_by_key(|(author, (_, sets))| (left_out(sets), std::cmp::Reverse(author.clone())))
            .map(|(author, (versions, sets))| {
                (author, versions.into_iter().collect(), sets.into_iter().collect())
            })
    }

    fn step(&self, candidate: (NodeId, u32)) -> Step {
        let name = self.encoding.node_of_id(candidate.0).name;
        let excluded = self.limits.iter().find(|(limited, set, _)| {
            *limited == name && !self.encoding.matching(*set).contains(candidate.1)
        });
        if let Some((_, _, kind)) = excluded {
            return Step::Excluded(*kind);
        }
        match self.conflict.fates.get(&candidate) {
            Some(Fate::Unusable(reason)) => Step::Unusable(self.encoding.reason(*reason)),
            Some(Fate::Needs(sets)) => self.ways(sets),
            Some(Fate::Clashes | Fate::Forbidden(_)) | None => Step::Clash,
        }
    }

    /// What is needed, with `foo` instead of `foo[extra]`'s own need of it.
    fn ways(&self, sets: &[SetId]) -> Step {
        let mut ways = Vec::new();
        for &set in sets {
            if !matches!(self.encoding.spec_of(set).1, Spec::Only(_)) {
                ways.push(set);
                continue;
            }
            let base = self
                .conflict
                .sets
                .get(&set)
                .and_then(|candidates| candidates.first());
            match base.map(|&base| self.step(base)) {
                Some(Step::Needs(more)) => ways.extend(more),
                Some(Step::Clash) | None => {}
                Some(known) => return known,
            }
        }
        if ways.is_empty() {
            Step::Clash
        } else {
            Step::Needs(ways)
        }
    }

    /// Prices the ways from the ends backwards, until nothing gets cheaper.
    fn weigh(&mut self) {
        loop {
            let mut cheaper = Vec::new();
            for (&candidate, step) in &self.steps {
                let cost = match step {
                    Step::Unusable(_) | Step::Excluded(_) => Some(1),
                    Step::Clash => Some(CLASH_COST),
                    Step::Needs(sets) => sets
                        .iter()
                        .filter_map(|&set| self.cost(set))
                        .min()
                        .map(|cost| cost + 1),
                };
                if let Some(cost) = cost
                    && self.costs.get(&candidate).is_none_or(|&known| cost < known)
                {
                    cheaper.push((candidate, cost));
                }
            }
            if cheaper.is_empty() {
                return;
            }
            self.costs.extend(cheaper);
        }
    }

    /// The price of showing that a set cannot be had; `None` as long as no way is known.
    fn cost(&self, set: SetId) -> Option<u32> {
        let candidates = self.conflict.sets.get(&set)?;
        candidates.iter().try_fold(1, |worst, candidate| {
            self.costs.get(candidate).map(|&cost| worst.max(cost))
        })
    }

    /// `path`: the packages on the way here.
    fn branch(&self, sets: &[SetId], path: &mut Vec<PackageName>) -> Branch {
        // With an extra or without: its versions are the same.
        let mut node = self.encoding.spec_of(sets[0]).0;
        if sets.iter().any(|&set| self.encoding.spec_of(set).0 != node) {
            node.extra = None;
        }
        path.push(node.name.clone());
        let candidates: BTreeSet<(NodeId, u32)> = sets
            .iter()
            .filter_map(|set| self.conflict.sets.get(set))
            .flatten()
            .copied()
            .collect();
        let mut groups: Vec<Group> = Vec::new();
        let mut open: Vec<(u32, Vec<SetId>)> = Vec::new();
        let mut seen = BTreeSet::new();
        for candidate in candidates {
            if !seen.insert(candidate.1) {
                continue;
            }
            match self.steps.get(&candidate) {
                Some(Step::Needs(ways)) => {
                    let ways: Vec<SetId> = ways
                        .iter()
                        .copied()
                        .filter(|&set| self.cost(set).is_some() && !path.contains(&self.package(set)))
                        .collect();
                    if ways.is_empty() || path.len() > DEEPEST {
                        add(&mut groups, candidate.1, Fall::Clash);
                    } else {
                        open.push((candidate.1, ways));
                    }
                }
                Some(Step::Unusable(reason)) => {
                    add(&mut groups, candidate.1, Fall::Unusable(vec![reason.clone()]));
                }
                Some(Step::Excluded(kind)) => add(&mut groups, candidate.1, Fall::Excluded(*kind)),
                Some(Step::Clash) | None => add(&mut groups, candidate.1, Fall::Clash),
            }
        }
        while let Some(name) = self.widest(&open) {
            let mut taken = Vec::new();
            let mut through: BTreeSet<SetId> = BTreeSet::new();
            open.retain(|(position, ways)| match self.cheapest(ways, &name) {
                Some((_, set)) => {
                    taken.push(*position);
                    through.insert(set);
                    false
                }
                None => true,
            });
            let through: Vec<SetId> = through.into_iter().collect();
            groups.push(Group {
                candidates: taken,
                fall: Fall::Needs(Box::new(self.branch(&through, path))),
            });
        }
        groups.sort_by_key(|group| group.candidates.first().copied());
        path.pop();
        Branch {
            node,
            sets: sets.to_vec(),
            groups,
        }
    }

    fn package(&self, set: SetId) -> PackageName {
        self.encoding.spec_of(set).0.name
    }

    /// The package whose lack makes most of these versions fall; of several, the one that is cheapest to show.
    fn widest(&self, open: &[(u32, Vec<SetId>)]) -> Option<PackageName> {
        let names: BTreeSet<PackageName> = open
            .iter()
            .flat_map(|(_, ways)| ways)
            .map(|&set| self.package(set))
            .collect();
        names.into_iter().max_by_key(|name| {
            let costs: Vec<u32> = open
                .iter()
                .filter_map(|(_, ways)| self.cheapest(ways, name))
                .map(|(cost, _)| cost)
                .collect();
            (
                costs.len(),
                std::cmp::Reverse(costs.into_iter().max()),
                std::cmp::Reverse(name.clone()),
            )
        })
    }

    fn cheapest(&self, ways: &[SetId], name: &PackageName) -> Option<(u32, SetId)> {
        ways.iter()
            .filter(|&&set| self.package(set) == *name)
            .filter_map(|&set| self.cost(set).map(|cost| (cost, set)))
            .min()
    }
}

/// Adds a version to those that fall in the same way.
fn add(groups: &mut Vec<Group>, candidate: u32, fall: Fall) {
    for group in groups.iter_mut() {
        let same = match (&mut group.fall, &fall) {
            (Fall::Unusable(known), Fall::Unusable(new)) => {
                let alike = std::mem::discriminant(&known[0]) == std::mem::discriminant(&new[0]);
                if alike && !known.contains(&new[0]) {
                    known.push(new[0].clone());
                }
                alike
            }
            (Fall::Excluded(known), Fall::Excluded(new)) => known == new,
            (Fall::Clash, Fall::Clash) => true,
            _ => false,
        };
        if same {
            group.candidates.push(candidate);
            return;
        }
    }
    groups.push(Group {
        candidates: vec![candidate],
        fall,
    });
}
