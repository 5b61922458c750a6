//! The second phase's instances: a package among the peers that it meets. An instance is a node of the tree together with, for
//! each name that it leaves to those above, who provides it.
//!
//! Providers are told apart by what they are, never by where they stand: a provider is an instance itself, or, where peers
//! lean on each other in a circle, a member of a group that is known by its members and by what these meet outside. So two
//! scopes that provide the same give the same instances, and peers in circles end.

use std::rc::Rc;

use rustc_hash::FxHashMap;
use wharf_ecosystem::npm::Version;

use super::names::NameId;
use super::reach::{PeerId, Reach};
use super::tree::{NodeId, PackageId, Scope, Target, Tree};
use crate::scc::components;

/// Position of an instance in [`Instances::all`].
pub(super) type InstanceId = usize;
type GroupId = usize;

/// More instances than this are a combinatorial accident, not a project.
pub(super) const LIMIT: usize = 400_000;

/// Who provides a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Provider {
    /// Nobody.
    Nobody,
    Instance(InstanceId),
    Importer(usize),
    /// A linked folder: node of a link by the number of its path.
    Link(usize),
    /// It comes inside the archive of a package above.
    Bundled,
    /// Another member of the same circle, by the name that it provides.
    Member(GroupId, PeerId),
}

type Met = Vec<(PeerId, Provider)>;

/// A package among its peers.
pub(super) struct Instance {
    pub(super) node: NodeId,
    /// Who provides what the node leaves open, sorted by name. No [`Provider::Member`] once it is expanded.
    pub(super) met: Met,
    /// For each of the node's edges what answers it.
    pub(super) bound: Vec<Bound>,
    /// Peers that were added below it, as what it meets does not suit those it needs.
    pub(super) nested: Vec<(PeerId, InstanceId)>,
}

/// What answers a need.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Bound {
    Nothing,
    Instance(InstanceId),
    Importer(usize),
    Link(Rc<str>),
}

/// A peer to be added below a node: the name, and the package above that does not suit.
pub(super) type NestKey = (NodeId, NameId, Option<PackageId>);

/// What was added below nodes; `None` where nothing suits.
pub(super) type Nests = FxHashMap<NestKey, Option<NodeId>>;

/// All instances of a tree.
pub(super) struct Instances {
    pub(super) all: Vec<Instance>,
    /// For each importer what answers its needs.
    pub(super) importers: Vec<Vec<Bound>>,
    links: Vec<Rc<str>>,
    ids: FxHashMap<(NodeId, Met), InstanceId>,
    groups: Vec<FxHashMap<PeerId, InstanceId>>,
    group_ids: FxHashMap<(Vec<(PeerId, NodeId)>, Met), GroupId>,
}

/// What stands beside each other in one scope.
struct Siblings<'s> {
    /// The scope itself, if it is a package: what answers its own name.
    own: Option<(Option<PeerId>, InstanceId)>,
    met: &'s [(PeerId, Provider)],
    /// Names bundled with it.
    bundled: Vec<PeerId>,
    /// Its needs that packages answer: the name among those of peers, and the node.
    children: Vec<(Option<PeerId>, NodeId)>,
    /// Its needs that something else answers.
    others: Vec<(PeerId, Provider)>,
}

impl Instances {
    /// Follows the tree from its importers. Adds to `nests` what has to be added below nodes; then the tree has grown, and the
    /// instances are to be made anew.
    ///
    /// # Errors
    /// A package of which there are more than [`LIMIT`] allows.
    pub(super) fn new(tree: &mut Tree<'_>, reach: &Reach, nests: &mut Nests) -> Result<Self, NodeId> {
        let mut instances = Self {
            all: Vec::new(),
            importers: vec![Vec::new(); tree.importers.len()],
            links: Vec::new(),
            ids: FxHashMap::default(),
            groups: Vec::new(),
            group_ids: FxHashMap::default(),
        };
        let mut order: Vec<usize> = (0..tree.importers.len()).collect();
        // The root first: the others look there for what they lack.
        order.sort_by_key(|&index| tree.above(index).is_some());
        let mut root_scope: Met = Vec::new();
        for index in order {
            let above = if tree.above(index).is_some() {
                root_scope.clone()
            } else {
                Vec::new()
            };
            let (bound, _) = instances.bind(tree, reach, nests, Scope::Importer(index), None, &above);
            if tree.above(index).is_none() {
                root_scope = instances.provided_by(tree, reach, index, &bound);
            }
            instances.importers[index] = bound;
        }
        let mut next = 0;
        while next < instances.all.len() {
            if instances.all.len() > LIMIT {
                return Err(instances.all[next].node);
            }
            instances.expand(tree, reach, nests, next);
            next += 1;
        }
        Ok(instances)
    }

    /// The path of a linked folder.
    pub(super) fn link(&self, link: usize) -> &Rc<str> {
        &self.links[link]
    }

    /// What an importer provides to those below it: what it names itself.
    fn provided_by(&mut self, tree: &Tree<'_>, reach: &Reach, importer: usize, bound: &[Bound]) -> Met {
        let mut provided = Vec::new();
        for (edge, bound) in tree.importers[importer].edges.iter().zip(bound) {
            let Some(peer) = reach.peer(edge.alias).filter(|_| !edge.added) else {
                continue;
            };
            match bound {
                Bound::Nothing => {}
                Bound::Instance(instance) => provided.push((peer, Provider::Instance(*instance))),
                Bound::Importer(other) => provided.push((peer, Provider::Importer(*other))),
                Bound::Link(path) => {
                    let link = self.link_id(path);
                    provided.push((peer, Provider::Link(link)));
                }
            }
        }
        provided.sort_unstable();
        provided
    }

    fn link_id(&mut self, path: &Rc<str>) -> usize {
        match self.links.iter().position(|other| other == path) {
            Some(link) => link,
            None => {
                self.links.push(Rc::clone(path));
                self.links.len() - 1
            }
        }
    }

    fn expand(&mut self, tree: &mut Tree<'_>, reach: &Reach, nests: &mut Nests, id: InstanceId) {
        let node = self.all[id].node;
        let mut met = std::mem::take(&mut self.all[id].met);
        for (_, provider) in &mut met {
            if let Provider::Member(group, peer) = *provider {
                *provider = Provider::Instance(self.groups[group][&peer]);
            }
        }
        let (bound, nested) = self.bind(tree, reach, nests, Scope::Node(node), Some(id), &met);
        let instance = &mut self.all[id];
        instance.met = met;
        instance.bound = bound;
        instance.nested = nested;
    }

    /// Binds the needs of a scope, among `met`.
    fn bind(
        &mut self,
        tree: &mut Tree<'_>,
        reach: &Reach,
        nests: &mut Nests,
        scope: Scope,
        own: Option<InstanceId>,
        met: &[(PeerId, Provider)],
    ) -> (Vec<Bound>, Vec<(PeerId, InstanceId)>) {
        let mut siblings = self.siblings(tree, reach, scope, own, met);
        let first_nested = siblings.children.len();
        if let Scope::Node(node) = scope {
            siblings
                .children
                .extend(self.nests_below(tree, reach, nests, node, &siblings));
        }
        let made = self.instances_of(reach, &siblings);
        let nested = siblings.children[first_nested..]
            .iter()
            .zip(&made[first_nested..]);
        let nested = nested
            .map(|((peer, _), instance)| (peer.expect("a nested peer has a name"), *instance))
            .collect();
        let mut made = made.into_iter();
        let bound = tree.edges(scope).iter().map(|edge| match &edge.to {
            Target::Node(_) => Bound::Instance(made.next().expect("each need has an instance")),
            Target::Importer(importer) => Bound::Importer(*importer),
            Target::Link(path) => Bound::Link(Rc::clone(path)),
            Target::Open | Target::Refused(_) | Target::Left(_) => Bound::Nothing,
        });
        (bound.collect(), nested)
    }

    fn siblings<'s>(
        &mut self,
        tree: &Tree<'_>,
        reach: &Reach,
        scope: Scope,
        own: Option<InstanceId>,
        met: &'s [(PeerId, Provider)],
    ) -> Siblings<'s> {
        let mut siblings = Siblings {
            own: None,
            met,
            bundled: Vec::new(),
            children: Vec::new(),
            others: Vec::new(),
        };
        if let (Scope::Node(node), Some(id)) = (scope, own) {
            siblings.own = Some((reach.peer(tree.pack(node).name_id), id));
            siblings.bundled = tree.nodes[node]
                .bundled
                .iter()
                .filter_map(|&name| reach.peer(name))
                .collect();
        }
        for edge in tree.edges(scope) {
            let peer = reach.peer(edge.alias);
            match (&edge.to, peer) {
                (Target::Node(node), peer) => siblings.children.push((peer, *node)),
                (Target::Importer(importer), Some(peer)) => {
                    siblings.others.push((peer, Provider::Importer(*importer)));
                }
                (Target::Link(path), Some(peer)) => {
                    let link = self.link_id(path);
                    siblings.others.push((peer, Provider::Link(link)));
                }
                _ => {}
            }
        }
        siblings
    }

    /// Peers that those whom a node needs itself want, and that what the node meets does not suit.
    fn nests_below(
        &self,
        tree: &mut Tree<'_>,
        reach: &Reach,
        nests: &mut Nests,
        node: NodeId,
        siblings: &Siblings<'_>,
    ) -> Vec<(Option<PeerId>, NodeId)> {
        let mut unsuited: Vec<(PeerId, bool)> = Vec::new();
        for &(_, child) in &siblings.children {
            for need in &tree.nodes[child].peers {
                let Some(peer) = reach.peer(need.name).filter(|&peer| !siblings.provides(peer)) else {
                    continue;
                };
                let Some(version) = self.version(tree, siblings.above(peer)) else {
                    continue;
                };
                if !tree.suits(child, need, version) {
                    match unsuited.iter_mut().find(|(other, _)| *other == peer) {
                        Some((_, required)) => *required |= !need.optional,
                        None => unsuited.push((peer, !need.optional)),
                    }
                }
            }
        }
        unsuited.sort_unstable();
        let mut added = Vec::new();
        for (peer, required) in unsuited {
            let name = reach.names[peer];
            let above = match siblings.above(peer) {
                Provider::Instance(instance) => Some(tree.nodes[self.all[instance].node].package),
                _ => None,
            };
            let known = nests.get(&(node, name, above)).copied();
            let nest = known.unwrap_or_else(|| {
                let children = siblings.children.iter().map(|(_, child)| *child).collect();
                let nest = tree.nest(node, name, children, required, above);
                nests.insert((node, name, above), nest);
                None
            });
            added.extend(
                nest.filter(|&nest| nest < reach.open.len())
                    .map(|nest| (Some(peer), nest)),
            );
        }
        added
    }

    /// The version of what a provider gives, where it has one.
    pub(super) fn version<'t>(&self, tree: &'t Tree<'_>, provider: Provider) -> Option<&'t Version> {
        match provider {
            Provider::Instance(instance) => tree.pack(self.all[instance].node).version.as_ref(),
            Provider::Importer(importer) => tree.importers[importer].version.as_ref(),
            Provider::Nobody | Provider::Link(_) | Provider::Bundled | Provider::Member(..) => None,
        }
    }

    /// The instances of a scope's children, in their order.
    fn instances_of(&mut self, reach: &Reach, siblings: &Siblings<'_>) -> Vec<InstanceId> {
        let mut position: FxHashMap<PeerId, usize> = FxHashMap::default();
        // What was added below a scope comes last and counts for its children.
        for (at, (peer, _)) in siblings.children.iter().enumerate() {
            if let Some(peer) = peer {
                position.insert(*peer, at);
            }
        }
        let arcs: Vec<Vec<usize>> = siblings
            .children
            .iter()
            .map(|(_, node)| {
                reach.open[*node]
                    .iter()
                    .filter_map(|peer| position.get(&peer).copied())
                    .collect()
            })
            .collect();
        let mut made: Vec<Option<InstanceId>> = vec![None; siblings.children.len()];
        for circle in components(&arcs) {
            let alone = circle.len() == 1 && !arcs[circle[0]].contains(&circle[0]);
            if alone {
                let node = siblings.children[circle[0]].1;
                let met = reach.open[node]
                    .iter()
                    .map(|peer| (peer, siblings.provider(peer, &position, &made)));
                let met = met.collect();
                made[circle[0]] = Some(self.intern(node, met));
            } else {
                self.make_group(reach, siblings, &circle, &position, &mut made);
            }
        }
        made.into_iter()
            .map(|instance| instance.expect("every child is in a component"))
            .collect()
    }

    fn make_group(
        &mut self,
        reach: &Reach,
        siblings: &Siblings<'_>,
        circle: &[usize],
        position: &FxHashMap<PeerId, usize>,
        made: &mut [Option<InstanceId>],
    ) {
        // Only who provides a name can be leant on: each member of a circle has one.
        let mut members: Vec<(PeerId, NodeId, usize)> = Vec::with_capacity(circle.len());
        for &at in circle {
            let (peer, node) = siblings.children[at];
            members.push((peer.expect("a member of a circle provides a name"), node, at));
        }
        members.sort_unstable();
        let inside = |peer: PeerId| position.get(&peer).is_some_and(|at| circle.contains(at));
        let mut outside: Met = Vec::new();
        for (_, node, _) in &members {
            for peer in reach.open[*node].iter().filter(|&peer| !inside(peer)) {
                outside.push((peer, siblings.provider(peer, position, made)));
            }
        }
        outside.sort_unstable();
        outside.dedup();
        let key = (
            members.iter().map(|(peer, node, _)| (*peer, *node)).collect(),
            outside,
        );
        let next = self.groups.len();
        let group = *self.group_ids.entry(key).or_insert(next);
        if group == next {
            self.groups.push(FxHashMap::default());
        }
        for (name, node, at) in members {
            let met = reach.open[node].iter().map(|peer| match inside(peer) {
                true => (peer, Provider::Member(group, peer)),
                false => (peer, siblings.provider(peer, position, made)),
            });
            let met = met.collect();
            let instance = self.intern(node, met);
            self.groups[group].insert(name, instance);
            made[at] = Some(instance);
        }
    }

    fn intern(&mut self, node: NodeId, met: Met) -> InstanceId {
        let key = (node, met);
        if let Some(&id) = self.ids.get(&key) {
            return id;
        }
        let id = self.all.len();
        self.all.push(Instance {
            node,
            met: key.1.clone(),
            bound: Vec::new(),
            nested: Vec::new(),
        });
        self.ids.insert(key, id);
        id
    }
}

impl Siblings<'_> {
    /// Whether the scope has the name itself.
    fn provides(&self, peer: PeerId) -> bool {
        self.children.iter().any(|(other, _)| *other == Some(peer))
            || self.others.iter().any(|(other, _)| *other == peer)
            || self.bundled.contains(&peer)
            || self.own.is_some_and(|(name, _)| name == Some(peer))
    }

    /// Who above the scope provides a name.
    fn above(&self, peer: PeerId) -> Provider {
        self.met
            .binary_search_by_key(&peer, |(other, _)| *other)
            .map_or(Provider::Nobody, |at| self.met[at].1)
    }

    fn provider(
        &self,
        peer: PeerId,
        position: &FxHashMap<PeerId, usize>,
        made: &[Option<InstanceId>],
    ) -> Provider {
        if let Some(&at) = position.get(&peer) {
            return Provider::Instance(made[at].expect("components come in the order of need"));
        }
        if let Some((_, other)) = self.others.iter().find(|(other, _)| *other == peer) {
            return *other;
        }
        if self.bundled.contains(&peer) {
            return Provider::Bundled;
        }
        match self.own {
            Some((Some(name), instance)) if name == peer => Provider::Instance(instance),
            _ => self.above(peer),
        }
    }
}

impl Tree<'_> {
    /// A version of a peer to be added below `node`, for those whom it needs itself: one that suits more of them than the one above.
    fn nest(
        &mut self,
        node: NodeId,
        name: NameId,
        children: Vec<NodeId>,
        required: bool,
        above: Option<PackageId>,
    ) -> Option<NodeId> {
        let mut wishes = Vec::new();
        for child in children {
            let needs = self.nodes[child].peers.iter().filter(|need| need.name == name);
            wishes.extend(needs.map(|need| self.wish(child, need, true)));
        }
        let perfect = |tree: &Self, version: &Version| wishes.iter().all(|wish| wish.met_by(tree, version));
        let package = match self.present(name, |version| perfect(self, version)) {
            Some(package) => package,
            // What is optional is worth no package of its own.
            None if !required => return None,
            None => self.choose(name, &wishes, |_| true)?,
        };
        let score = |package: PackageId| {
            self.packages[package]
                .version
                .as_ref()
                .map(|version| self.score(&wishes, version))
        };
        let better = above.and_then(score) < score(package);
        better.then(|| self.ensure(package, Scope::Node(node)))
    }
}
