//! PyPI's rules in the solver's numbers: a node for a package and one for each package with an extra, a set for each
//! requirement, a reason for each way in which a version falls. Invariant: numbers are given out on the solver's thread only,
//! in the order of its questions, so they are the same in every run.
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

use rustc_hash::{FxHashMap, FxHashSet};
use wharf_core::{Event, PackageName, Phase, Sinks};
use wharf_ecosystem::pypi::{ExtraName, Version, satisfies};
use wharf_solve::{
    Bits, Candidates, Dependencies, NodeId, Provider, ReasonId, Requirement, Root, RootRule, SetId,
};

use super::fetch::{Builds, Fetcher, Gate, Listing, Stop};
use super::offer::{Offer, Unfit, admits};
use super::scope::{Scope, Spec, Wanted};
use super::source::{Dist, Needs};

/// A package, or a package with one of its extras.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    pub(crate) name: PackageName,
    pub(crate) extra: Option<ExtraName>,
}

impl std::fmt::Display for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.extra {
            Some(extra) => write!(f, "{}[{extra}]", self.name),
            None => write!(f, "{}", self.name),
        }
    }
}

/// A root rule and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RootKind {
    /// A position among the problem's roots.
    Root(usize),
    /// A position among the problem's constraints.
    Constraint(usize),
}

/// One target's problem as the solver sees it.
pub(crate) struct Encoding {
    pub(crate) scope: Arc<Scope>,
    fetcher: Arc<Fetcher>,
    gate: Gate,
    sinks: Sinks,
    inner: RefCell<Inner>,
}

struct Inner {
    nodes: Vec<Node>,
    node_ids: FxHashMap<Node, NodeId>,
    sets: Vec<(NodeId, Spec)>,
    set_ids: FxHashMap<(NodeId, Spec), SetId>,
    matching: FxHashMap<SetId, Arc<Bits>>,
    reasons: Vec<Unfit>,
    reason_ids: FxHashMap<Unfit, ReasonId>,
    listings: FxHashMap<PackageName, Arc<Listing>>,
    offers: FxHashMap<(PackageName, u32), Result<Arc<Offer>, ReasonId>>,
    needs: FxHashMap<(PackageName, u32), Result<Arc<dyn Needs>, ReasonId>>,
    /// How often the needs of a package's versions were asked for, where nothing else runs ahead.
    asked: FxHashMap<PackageName, u32>,
    unknown_extras: FxHashSet<(PackageName, ExtraName, Version)>,
    doing: String,
    reported: Instant,
    decided: u64,
}

impl Encoding {
    pub(crate) fn new(scope: Arc<Scope>, fetcher: Arc<Fetcher>, gate: Gate, sinks: Sinks) -> Self {
        Self {
            scope,
            fetcher,
            gate,
            sinks,
            inner: RefCell::new(Inner {
                nodes: Vec::new(),
                node_ids: FxHashMap::default(),
                sets: Vec::new(),
                set_ids: FxHashMap::default(),
                matching: FxHashMap::default(),
                reasons: Vec::new(),
                reason_ids: FxHashMap::default(),
                listings: FxHashMap::default(),
                offers: FxHashMap::default(),
                needs: FxHashMap::default(),
                asked: FxHashMap::default(),
                unknown_extras: FxHashSet::default(),
                doing: String::from("starting"),
                reported: Instant::now(),
                decided: 0,
            }),
        }
    }

    /// The root rules that apply on this target, in the order in which they were written, and where each is from.
    pub(crate) fn roots(&self) -> (Vec<Root>, Vec<RootKind>) {
        let mut roots = Vec::new();
        let mut kinds = Vec::new();
        let wanted = self.scope.roots();
        for (_, wanted) in &wanted {
            self.fetcher.want(&self.scope, &wanted.name, &wanted.spec);
        }
        for (position, wanted) in wanted {
            for requirement in self.requirements(&wanted) {
                roots.push(Root {
                    rule: RootRule::Requires(requirement),
                });
                kinds.push(RootKind::Root(position));
            }
        }
        for (position, wanted) in self.scope.constraints() {
            let node = self.node(&wanted.name, None);
            roots.push(Root {
                rule: RootRule::Constrains {
                    set: self.set(node, wanted.spec.clone()),
                    pull: wanted.spec.pull(),
                },
            });
            kinds.push(RootKind::Constraint(position));
        }
        (roots, kinds)
    }

    pub(crate) fn node_of_id(&self, id: NodeId) -> Node {
        self.inner.borrow().nodes[id.0 as usize].clone()
    }

    pub(crate) fn spec_of(&self, set: SetId) -> (Node, Spec) {
        let inner = self.inner.borrow();
        let (node, spec) = &inner.sets[set.0 as usize];
        (inner.nodes[node.0 as usize].clone(), spec.clone())
    }

    pub(crate) fn reason(&self, reason: ReasonId) -> Unfit {
        self.inner.borrow().reasons[reason.0 as usize].clone()
    }

    pub(crate) fn listing_of(&self, name: &PackageName) -> Option<Arc<Listing>> {
        self.inner.borrow().listings.get(name).cloned()
    }

    /// Every package of which there are versions and that took part.
    pub(crate) fn known_packages(&self) -> Vec<PackageName> {
        let inner = self.inner.borrow();
        let known = inner
            .listings
            .iter()
            .filter(|(_, listing)| listing.missing.is_none());
        known.map(|(name, _)| name.clone()).collect()
    }

    /// The version of a candidate.
    pub(crate) fn version(&self, name: &PackageName, candidate: u32) -> Version {
        if let Some((_, direct)) = self.scope.directs(name).get(candidate as usize) {
            return direct.dist.version.clone();
        }
        self.inner.borrow().listings[name].versions[candidate as usize].clone()
    }

    /// What a candidate that was chosen is: the distribution to install, and what it needs.
    pub(crate) fn chosen(&self, name: &PackageName, candidate: u32) -> (Dist, Arc<dyn Needs>) {
        if let Some((_, direct)) = self.scope.directs(name).get(candidate as usize) {
            return (direct.dist.clone(), Arc::clone(&direct.needs));
        }
        let inner = self.inner.borrow();
        let listing = &inner.listings[name];
        let key = (name.clone(), candidate);
        let (Some(Ok(offer)), Some(Ok(needs))) = (inner.offers.get(&key), inner.needs.get(&key)) else {
            unreachable!("a candidate is only chosen after its dependencies were asked for")
        };
        let version = &listing.versions[candidate as usize];
        let dist = self.scope.dist(name, version, listing, offer.installed().clone());
        (dist, Arc::clone(needs))
    }

    /// Extras that were asked for and do not exist, as `name`, `extra`, `version`; only those of chosen candidates matter.
    pub(crate) fn unknown_extras(&self) -> Vec<(PackageName, ExtraName, Version)> {
        let mut all: Vec<_> = self.inner.borrow().unknown_extras.iter().cloned().collect();
        all.sort();
        all
    }

    /// What becomes of a candidate as far as that is known without asking anybody: `None` where it is not.
    pub(crate) fn known(&self, id: NodeId, candidate: u32) -> Option<Dependencies> {
        let name = self.node_of_id(id).name;
        if self.scope.directs(&name).is_empty() {
            let listing = self.listing_of(&name)?;
            match self.offer(&name, candidate) {
                Err(reason) => return Some(Dependencies::Unusable(reason)),
                Ok(offer) => {
                    let version = &listing.versions[candidate as usize];
                    let dist = self.scope.dist(&name, version, &listing, offer.read.clone());
                    if !self.fetcher.has_needs(&dist) {
                        return None;
                    }
                }
            }
        }
        self.dependencies(id, candidate).ok()
    }

    /// Which candidates are in a set, if the versions of its package are known without asking anybody.
    pub(crate) fn known_members(&self, set: SetId) -> Option<Vec<(NodeId, u32)>> {
        let (node, _) = self.spec_of(set);
        if !self.scope.is_direct(&node.name) && !self.fetcher.has_listing(&node.name) {
            return None;
        }
        let id = self.node_of(set);
        self.candidates(id).ok()?;
        Some(
            self.matching(set)
                .iter()
                .map(|candidate| (id, candidate))
                .collect(),
        )
    }

    fn node(&self, name: &PackageName, extra: Option<&ExtraName>) -> NodeId {
        let inner = &mut *self.inner.borrow_mut();
        let node = Node {
            name: name.clone(),
            extra: extra.cloned(),
        };
        if let Some(&id) = inner.node_ids.get(&node) {
            return id;
        }
        let id = NodeId(inner.nodes.len() as u32);
        inner.nodes.push(node.clone());
        inner.node_ids.insert(node, id);
        id
    }

    fn set(&self, node: NodeId, spec: Spec) -> SetId {
        let inner = &mut *self.inner.borrow_mut();
        if let Some(&id) = inner.set_ids.get(&(node, spec.clone())) {
            return id;
        }
        let id = SetId(inner.sets.len() as u32);
        inner.sets.push((node, spec.clone()));
        inner.set_ids.insert((node, spec), id);
        id
    }

    fn intern_reason(&self, reason: Unfit) -> ReasonId {
        let inner = &mut *self.inner.borrow_mut();
        if let Some(&id) = inner.reason_ids.get(&reason) {
            return id;
        }
        let id = ReasonId(inner.reasons.len() as u32);
        inner.reasons.push(reason.clone());
        inner.reason_ids.insert(reason, id);
        id
    }

    fn requirements(&self, wanted: &Wanted) -> Vec<Requirement> {
        let one = |extra: Option<&ExtraName>| {
            let node = self.node(&wanted.name, extra);
            // Whatever is asked of a package that also has a direct reference is decided with it.
            let pull = if self.scope.is_direct(&wanted.name) {
                wharf_solve::Pull::Direct
            } else {
                wanted.spec.pull()
            };
            Requirement::One {
                set: self.set(node, wanted.spec.clone()),
                pull,
            }
        };
        if wanted.extras.is_empty() {
            vec![one(None)]
        } else {
            wanted.extras.iter().map(|extra| one(Some(extra))).collect()
        }
    }

    fn listing(&self, name: &PackageName) -> Result<Arc<Listing>, Stop> {
        if let Some(listing) = self.inner.borrow().listings.get(name) {
            return Ok(Arc::clone(listing));
        }
        let listing = self.fetcher.listing(&self.scope, name, &self.gate)?;
        self.inner
            .borrow_mut()
            .listings
            .insert(name.clone(), Arc::clone(&listing));
        Ok(listing)
    }

    fn offer(&self, name: &PackageName, candidate: u32) -> Result<Arc<Offer>, ReasonId> {
        let key = (name.clone(), candidate);
        if let Some(known) = self.inner.borrow().offers.get(&key) {
            return known.clone();
        }
        let listing = Arc::clone(&self.inner.borrow().listings[name]);
        let offer = self
            .scope
            .offer(name, &listing, candidate)
            .map(Arc::new)
            .map_err(|reason| self.intern_reason(reason));
        self.inner.borrow_mut().offers.insert(key, offer.clone());
        offer
    }

    fn needs(&self, name: &PackageName, candidate: u32) -> Result<Result<Arc<dyn Needs>, ReasonId>, Stop> {
        let key = (name.clone(), candidate);
        if let Some(known) = self.inner.borrow().needs.get(&key) {
            return Ok(known.clone());
        }
        let needs = match self.scope.directs(name).get(candidate as usize) {
            Some((_, direct)) => self.fit_for_python(&direct.needs),
            None => match self.offer(name, candidate) {
                Err(reason) => Err(reason),
                Ok(offer) => {
                    let listing = self.listing(name)?;
                    let version = &listing.versions[candidate as usize];
                    let dist = self.scope.dist(name, version, &listing, offer.read.clone());
                    match self.fetcher.needs(&self.scope, &dist, &self.gate)? {
                        Ok(needs) => self.fit_for_python(&needs),
                        Err(why) => Err(self.intern_reason(Unfit::Broken { why })),
                    }
                }
            },
        };
        self.inner.borrow_mut().needs.insert(key, needs.clone());
        Ok(needs)
    }

    /// Pages of old indexes do not repeat what the metadata says about Python.
    fn fit_for_python(&self, needs: &Arc<dyn Needs>) -> Result<Arc<dyn Needs>, ReasonId> {
        match needs.requires_python() {
            Some(requires) if !admits(&requires, &self.scope.target.python) => {
                Err(self.intern_reason(Unfit::Python {
                    requires: requires.to_string(),
                }))
            }
            _ => Ok(Arc::clone(needs)),
        }
    }

    /// The engine that explains does not say what it will ask next; but it asks for one version after the other.
    fn run_ahead(&self, name: &PackageName, candidate: u32) {
        if self.scope.builds != Builds::Skip || self.scope.is_direct(name) {
            return;
        }
        let tries = {
            let inner = &mut *self.inner.borrow_mut();
            let tries = inner.asked.entry(name.clone()).or_default();
            *tries += 1;
            *tries
        };
        if let Some(listing) = self.listing_of(name) {
            self.fetcher.want_versions(
                &self.scope,
                name,
                &listing,
                (tries, candidate),
                std::iter::empty(),
            );
        }
    }

    fn report(&self, name: &PackageName, version: &Version) {
        let inner = &mut *self.inner.borrow_mut();
        inner.decided += 1;
        inner.doing = format!("trying {name} {version}");
        if inner.reported.elapsed().as_millis() >= 100 {
            inner.reported = Instant::now();
            self.sinks.emit(Event::PhaseProgress {
                phase: Phase::Resolve,
                done: inner.decided,
                total: None,
                detail: Some(format!("{name} {version}")),
            });
        }
    }
}

impl Provider for Encoding {
    type Stop = Stop;

    fn candidates(&self, id: NodeId) -> Result<Arc<Candidates>, Stop> {
        let node = self.node_of_id(id);
        let mirrors = node.extra.is_some().then(|| self.node(&node.name, None));
        let directs = self.scope.directs(&node.name);
        if !directs.is_empty() {
            return Ok(Arc::new(Candidates {
                count: directs.len() as u32,
                favoured: None,
                mirrors,
            }));
        }
        let listing = self.listing(&node.name)?;
        Ok(Arc::new(Candidates {
            count: listing.versions.len() as u32,
            favoured: self.scope.favoured(&node.name, &listing.versions),
            mirrors,
        }))
    }

    fn dependencies(&self, id: NodeId, candidate: u32) -> Result<Dependencies, Stop> {
        let node = self.node_of_id(id);
        self.report(&node.name, &self.version(&node.name, candidate));
        self.run_ahead(&node.name, candidate);
        let needs = match self.needs(&node.name, candidate)? {
            Ok(needs) => needs,
            Err(reason) => return Ok(Dependencies::Unusable(reason)),
        };
        let mut requires = Vec::new();
        if let Some(extra) = &node.extra {
            let base = self.node(&node.name, None);
            requires.push(Requirement::One {
                set: self.set(base, Spec::Only(candidate)),
                pull: wharf_solve::Pull::Range,
            });
            if !needs.provides(extra) {
                let version = self.version(&node.name, candidate);
                self.inner
                    .borrow_mut()
                    .unknown_extras
                    .insert((node.name.clone(), extra.clone(), version));
            }
        }
        let wanted = self.scope.wanted_by(&*needs, node.extra.as_ref());
        for wanted in &wanted {
            if let Spec::Direct(reference) = &wanted.spec
                && !self
                    .scope
                    .directs(&wanted.name)
                    .iter()
                    .any(|(known, _)| known == reference)
            {
                return Ok(Dependencies::Unusable(self.intern_reason(
                    Unfit::ForeignReference {
                        requirement: format!("{} @ {reference}", wanted.name),
                    },
                )));
            }
            self.fetcher.want(&self.scope, &wanted.name, &wanted.spec);
        }
        for wanted in wanted {
            // A package that requires itself without extras says nothing new.
            requires.extend(self.requirements(&wanted));
        }
        Ok(Dependencies::Known {
            requires,
            constrains: Vec::new(),
        })
    }

    fn node_of(&self, set: SetId) -> NodeId {
        self.inner.borrow().sets[set.0 as usize].0
    }

    fn matching(&self, set: SetId) -> Arc<Bits> {
        if let Some(bits) = self.inner.borrow().matching.get(&set) {
            return Arc::clone(bits);
        }
        let (node, spec) = self.spec_of(set);
        let directs = self.scope.directs(&node.name);
        let bits = if directs.is_empty() {
            let listing = Arc::clone(&self.inner.borrow().listings[&node.name]);
            let count = listing.versions.len() as u32;
            match &spec {
                Spec::Any => Bits::full(count),
                Spec::Only(candidate) => Bits::from_fn(count, |index| index == *candidate),
                Spec::Direct(_) => Bits::empty(count),
                Spec::Versions(specifiers) => Bits::from_fn(count, |index| {
                    satisfies(specifiers, &listing.versions[index as usize])
                }),
            }
        } else {
            Bits::from_fn(directs.len() as u32, |index| {
                let (reference, direct) = &directs[index as usize];
                match &spec {
                    Spec::Any => true,
                    Spec::Only(candidate) => index == *candidate,
                    Spec::Direct(wanted) => wanted == reference,
                    Spec::Versions(specifiers) => satisfies(specifiers, &direct.dist.version),
                }
            })
        };
        let bits = Arc::new(bits);
        self.inner.borrow_mut().matching.insert(set, Arc::clone(&bits));
        bits
    }

    fn unusable(&self, id: NodeId) -> Vec<(u32, ReasonId)> {
        let name = self.node_of_id(id).name;
        if self.scope.is_direct(&name) {
            return Vec::new();
        }
        let Some(listing) = self.listing_of(&name) else {
            return Vec::new();
        };
        (0..listing.versions.len() as u32)
            .filter_map(|candidate| match self.offer(&name, candidate) {
                Err(reason) => Some((candidate, reason)),
                Ok(_) => match self.inner.borrow().needs.get(&(name.clone(), candidate)) {
                    Some(Err(reason)) => Some((candidate, *reason)),
                    Some(Ok(_)) | None => None,
                },
            })
            .collect()
    }

    fn ahead(&self, id: NodeId, candidate: u32, tries: u32, open: &Bits) {
        let node = self.node_of_id(id);
        if node.extra.is_some() {
            return;
        }
        if let Some(listing) = self.listing_of(&node.name) {
            let at = (tries, candidate);
            self.fetcher
                .want_versions(&self.scope, &node.name, &listing, at, open.iter());
        }
    }

    fn check(&self) -> Result<(), Stop> {
        self.gate.check("").map_err(|stop| match stop {
            Stop::OutOfTime { .. } => Stop::OutOfTime {
                doing: self.inner.borrow().doing.clone(),
            },
            other => other,
        })
    }
}
