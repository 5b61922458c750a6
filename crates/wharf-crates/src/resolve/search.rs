//! The search: needs are met one after the other in cargo's order, each with the best candidate that goes with what is taken already.
//!
//! A need without a candidate is a dead end. Its reason is a set of facts, of which one at least has to fall: that it is needed, and the
//! versions that stand in the way of its candidates. The search goes back to the last decision that had a part in it, takes the next
//! candidate there, and remembers the set: wherever it would hold again, the way is left at once. As this skips only what cannot
//! succeed, the first outcome is the one that trying everything in order would find.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use semver::Version;
use wharf_ecosystem::cargo::{CrateName, SourceId, Summary};

use super::features::{self, Missing};
use super::state::{Asked, Fact, Level, Mark, State};
use super::world::{DevNeeds, Need, PackageIndex, QueryIndex, Request, World};
use crate::outcome::Effort;
use crate::problem::DevDependencies;

/// How many decisions a search may take. Real ones take a few thousand.
const LIMIT: usize = 20_000_000;

/// A need that is being met.
struct Decision {
    asker: PackageIndex,
    need: Need,
    /// The candidate to try next.
    next: usize,
    /// The state before any candidate was tried.
    mark: Mark,
    /// Facts that stood in the way of the candidates so far.
    reason: Vec<Fact>,
    /// Why each candidate so far was not taken.
    blocks: Vec<Block>,
}

/// Why a candidate is not taken.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) candidate: PackageIndex,
    pub(super) why: Why,
}

/// Why a candidate is not taken.
#[derive(Clone, Debug)]
pub(super) enum Why {
    /// Its line in the index cannot be used.
    Unusable,
    /// A compatible version is taken; in a patched crate, through this need.
    Held {
        package: PackageIndex,
        through: Option<QueryIndex>,
    },
    /// Another package names its native library.
    Links { links: Arc<str>, package: PackageIndex },
    /// It lacks a feature.
    Missing(Arc<str>),
    /// It leads to this dead end.
    DeadEnd(usize),
}

impl Why {
    /// The version that stands in the way.
    pub(super) fn holder(&self) -> Option<PackageIndex> {
        match self {
            Why::Held { package, .. } | Why::Links { package, .. } => Some(*package),
            Why::Unusable | Why::Missing(_) | Why::DeadEnd(_) => None,
        }
    }
}

/// A need that has no candidate.
#[derive(Clone, Debug)]
pub(super) struct DeadEnd {
    pub(super) asker: PackageIndex,
    pub(super) need: Need,
    /// How the asker is reached: the edge to it first.
    pub(super) chain: Vec<Asked>,
    pub(super) blocks: Vec<Block>,
    /// How the versions that stand in the way are reached.
    pub(super) holders: Vec<(PackageIndex, Vec<Asked>)>,
    facts: Vec<Fact>,
}

/// How a search ends without an outcome.
pub(super) enum Stuck {
    /// Nothing helps against this dead end.
    DeadEnd(usize),
    /// A root lacks a feature that is asked for.
    RootFeature { root: PackageIndex, feature: Arc<str> },
    /// Two roots name the same native library.
    RootLinks {
        links: Arc<str>,
        roots: [PackageIndex; 2],
    },
    /// It took too long.
    TooHard,
}

/// A search.
pub(super) struct Search<'w, 'a> {
    pub(super) world: &'w mut World<'a>,
    pub(super) state: State,
    decisions: Vec<Decision>,
    pub(super) dead_ends: Vec<DeadEnd>,
    /// In which dead ends a fact has a part.
    remembered: FxHashMap<Fact, Vec<usize>>,
    roots: FxHashSet<PackageIndex>,
    pub(super) effort: Effort,
}

impl<'w, 'a> Search<'w, 'a> {
    pub(super) fn new(world: &'w mut World<'a>) -> Self {
        Self {
            world,
            state: State::default(),
            decisions: Vec::new(),
            dead_ends: Vec::new(),
            remembered: FxHashMap::default(),
            roots: FxHashSet::default(),
            effort: Effort::default(),
        }
    }

    pub(super) fn run(&mut self) -> Result<(), Stuck> {
        self.roots()?;
        while let Some((asker, need)) = self.state.next() {
            self.effort.decisions += 1;
            if self.effort.decisions > LIMIT {
                return Err(Stuck::TooHard);
            }
            self.state.level += 1;
            self.decisions.push(Decision {
                asker,
                need,
                next: 0,
                mark: self.state.mark(),
                reason: Vec::new(),
                blocks: Vec::new(),
            });
            while !self.try_candidates() {
                self.go_back()?;
            }
        }
        Ok(())
    }

    /// Takes the roots.
    fn roots(&mut self) -> Result<(), Stuck> {
        let problem = self.world.problem;
        // All of them first: they may need each other.
        let packages: Vec<PackageIndex> = problem
            .roots
            .iter()
            .map(|root| self.world.root(&root.summary))
            .collect();
        for (root, package) in problem.roots.iter().zip(packages) {
            let on = features::of_root(&root.summary, &root.features).map_err(|Missing(feature)| {
                Stuck::RootFeature {
                    root: package,
                    feature,
                }
            })?;
            let dev = match root.dev {
                DevDependencies::Include => DevNeeds::Include,
                DevDependencies::Leave => DevNeeds::Leave,
            };
            let expansion = self.world.expansion(package, &root.summary, &on, dev);
            if let Some(links) = &root.summary.links {
                if let Some(other) = self.state.linker(links) {
                    let (links, roots) = (Arc::clone(links), [other, package]);
                    return Err(Stuck::RootLinks { links, roots });
                }
                self.state.link(links, package);
            }
            let slot = self.world.packages[package].slot;
            self.state.take(slot, package, None);
            for feature in &expansion.features {
                self.state.turn_on(package, *feature);
            }
            self.state.open(package, &expansion.needs);
            self.roots.insert(package);
        }
        self.state.news.clear();
        Ok(())
    }

    /// Tries the candidates of the last decision that are left; whether one is taken.
    fn try_candidates(&mut self) -> bool {
        let at = self.decisions.len() - 1;
        let need = self.decisions[at].need;
        let list = &self.world.lists[need.list];
        let candidates = list.candidates.clone().unwrap_or_default();
        while let Some(candidate) = candidates.get(self.decisions[at].next).copied() {
            self.decisions[at].next += 1;
            match self.try_candidate(candidate, need, self.decisions[at].asker) {
                Ok(()) => return true,
                Err(why) => {
                    let decision = &mut self.decisions[at];
                    match &why {
                        Why::Unusable | Why::Missing(_) => {}
                        Why::Held { package, through } => {
                            decision.reason.push(Fact::taken(*package));
                            decision.reason.extend(through.map(Fact::needed));
                        }
                        Why::Links { package, .. } => decision.reason.push(Fact::taken(*package)),
                        Why::DeadEnd(dead_end) => {
                            let facts = self.dead_ends[*dead_end].facts.iter().copied();
                            decision
                                .reason
                                .extend(facts.filter(|fact| !self.state.news.contains(fact)));
                        }
                    }
                    decision.blocks.push(Block { candidate, why });
                    self.state.undo(decision.mark);
                    self.state.news.clear();
                }
            }
        }
        false
    }

    fn try_candidate(&mut self, candidate: PackageIndex, need: Need, asker: PackageIndex) -> Result<(), Why> {
        let (_, request) = self.world.queries[need.query];
        let slot = self.world.packages[candidate].slot;
        let holder = self.state.holder(slot);
        if let Some(holder) = holder.filter(|holder| holder.package != candidate) {
            return Err(Why::Held {
                package: holder.package,
                through: holder.through,
            });
        }
        let asked = Asked {
            by: asker,
            dependency: need.dependency,
            package: candidate,
        };
        if holder.is_some() && self.state.meets(candidate, request) {
            self.state.ask(asked);
            return Ok(());
        }
        let loaded = self.world.load(candidate);
        let Some(summary) = &loaded.summary else {
            return Err(Why::Unusable);
        };
        if holder.is_none() {
            self.take(candidate, need, summary.links.as_ref())?;
        }
        self.state.ask(asked);
        if holder.is_some() && self.all_on(candidate, request) {
            self.state.meet(candidate, request);
            return Ok(());
        }
        let expansion = self
            .world
            .expand(candidate, request)
            .map_err(|Missing(feature)| Why::Missing(feature))?;
        for feature in &expansion.features {
            self.state.turn_on(candidate, *feature);
        }
        self.state.meet(candidate, request);
        self.state.open(candidate, &expansion.needs);
        match self.known_dead_end() {
            None => {
                self.state.news.clear();
                Ok(())
            }
            Some(dead_end) => Err(Why::DeadEnd(dead_end)),
        }
    }

    /// Puts a version into its slot, and into that of the crate that a patch replaces.
    fn take(&mut self, candidate: PackageIndex, need: Need, links: Option<&Arc<str>>) -> Result<(), Why> {
        if let Some(links) = links {
            if let Some(other) = self.state.linker(links) {
                return Err(Why::Links {
                    links: Arc::clone(links),
                    package: other,
                });
            }
            self.state.link(links, candidate);
        }
        let slot = self.world.packages[candidate].slot;
        self.state.take(slot, candidate, None);
        let as_asked = self.world.slot_as(candidate, self.world.lists[need.list].of);
        if as_asked != slot {
            if let Some(holder) = self.state.holder(as_asked) {
                return Err(Why::Held {
                    package: holder.package,
                    through: holder.through,
                });
            }
            self.state.take(as_asked, candidate, Some(need.query));
        }
        Ok(())
    }

    /// Whether everything that a request names is on in a version that is taken.
    fn all_on(&mut self, package: PackageIndex, request: usize) -> bool {
        let request: std::rc::Rc<Request> = std::rc::Rc::clone(&self.world.requests[request]);
        let default: Arc<str> = "default".into();
        let loaded = self.world.load(package);
        let has_default = loaded
            .summary
            .as_ref()
            .is_some_and(|summary| summary.features.contains_key(&default));
        let wanted = request
            .features
            .iter()
            .chain((request.default && has_default).then_some(&default));
        wanted.into_iter().all(|name| {
            let feature = self.world.feature(name);
            self.state.is_on(package, feature)
        })
    }

    /// A dead end whose facts all hold now that there is news.
    fn known_dead_end(&self) -> Option<usize> {
        if self.remembered.is_empty() {
            return None;
        }
        let news = self
            .state
            .news
            .iter()
            .filter_map(|fact| self.remembered.get(fact));
        news.flatten().copied().find(|dead_end| {
            let mut facts = self.dead_ends[*dead_end].facts.iter();
            facts.all(|fact| self.state.since(self.world, *fact).is_some())
        })
    }

    /// Notes the dead end that the last decision is, and goes back to the last one that had a part in it.
    fn go_back(&mut self) -> Result<(), Stuck> {
        let noted = self.note_dead_end();
        let facts = self.dead_ends[noted].facts.clone();
        let levels: Vec<Level> = facts
            .iter()
            .map(|fact| {
                self.state
                    .since(self.world, *fact)
                    .expect("the facts of a dead end hold there")
            })
            .collect();
        let back_to = levels.iter().copied().max().unwrap_or(0);
        if back_to == 0 {
            return Err(Stuck::DeadEnd(noted));
        }
        self.decisions.truncate(back_to as usize);
        let decision = self
            .decisions
            .last_mut()
            .expect("the level of a fact is that of a decision");
        self.state.undo(decision.mark);
        self.state.news.clear();
        self.state.level = back_to;
        let older = facts.iter().zip(&levels).filter(|(_, level)| **level < back_to);
        decision.reason.extend(older.map(|(fact, _)| *fact));
        let need = decision.need;
        let tried = decision.next - 1;
        let candidates = self.world.lists[need.list].candidates.as_ref();
        let candidate = candidates.map_or(usize::MAX, |candidates| candidates[tried]);
        let why = Why::DeadEnd(noted);
        decision.blocks.push(Block { candidate, why });
        Ok(())
    }

    fn note_dead_end(&mut self) -> usize {
        self.effort.dead_ends += 1;
        let decision = self.decisions.last_mut().expect("a dead end is a decision");
        let mut facts = std::mem::take(&mut decision.reason);
        let blocks = std::mem::take(&mut decision.blocks);
        let (asker, need) = (decision.asker, decision.need);
        facts.push(Fact::needed(need.query));
        facts.sort_unstable();
        facts.dedup();
        let noted = self.dead_ends.len();
        for fact in &facts {
            self.remembered.entry(*fact).or_default().push(noted);
        }
        let mut holders: Vec<PackageIndex> = blocks.iter().filter_map(|block| block.why.holder()).collect();
        holders.sort_unstable();
        holders.dedup();
        self.dead_ends.push(DeadEnd {
            asker,
            need,
            chain: self.chain(asker),
            holders: holders
                .into_iter()
                .map(|holder| (holder, self.chain(holder)))
                .collect(),
            blocks,
            facts,
        });
        noted
    }

    /// How a package is reached: the edge to it first, up to a root.
    pub(super) fn chain(&self, package: PackageIndex) -> Vec<Asked> {
        let mut chain: Vec<Asked> = Vec::new();
        let mut package = package;
        // The first to ask for a package was there before it: its edge is older, and so the way up ends.
        let mut before = self.state.asked.len();
        while !self.roots.contains(&package) {
            let older = &self.state.asked[..before];
            let Some(at) = older.iter().position(|asked| asked.package == package) else {
                break;
            };
            let asked = self.state.asked[at];
            chain.push(asked);
            package = asked.by;
            before = at;
        }
        chain
    }
}

impl Search<'_, '_> {
    /// Whether a package is a root.
    pub(super) fn is_root(&self, package: PackageIndex) -> bool {
        self.roots.contains(&package)
    }

    /// What packages are ordered by.
    pub(super) fn place(&self, package: PackageIndex) -> (&CrateName, &Version, &SourceId) {
        let of = &self.world.crates[self.world.packages[package].of];
        (&of.name, self.world.version(package), &of.source)
    }

    /// A version's summary, if it was looked at.
    pub(super) fn summary(&self, package: PackageIndex) -> Option<Arc<Summary>> {
        self.world.summary(package)
    }
}
