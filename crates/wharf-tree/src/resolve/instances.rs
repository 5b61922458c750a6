//! The second phase's instances: a package among the peers that it meets. An instance is a node of the tree together with, for
//! each name that it leaves to those above, who provides it.
//!
//! Providers are told apart by what they are, never by where they stand: a provider is an instance itself, or, where peers
//! lean on each other in a circle, a member of a group that is known by its members and by what these meet outside. So two
//! scopes that provide the same give the same instances, and peers in circles end.

use std::collections::BTreeMap;
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
    /// Another member of the same circle, by its position there.
    Member(GroupId, usize),
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
    groups: Vec<Vec<InstanceId>>,
    group_ids: FxHashMap<Vec<(NodeId, Met)>, GroupId>,
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
    /// Children that see another one under a name than their siblings do: both by their positions.
    private: FxHashMap<(usize, PeerId), usize>,
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
            if let Provider::Member(group, member) = *provider {
                *provider = Provider::Instance(self.groups[group][member]);
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
        let own_children = siblings.children.len();
        let mut shared = 0;
        if let Scope::Node(node) = scope {
            let nested = self.nests_below(tree, reach, nests, node, &siblings);
            shared = nested.len();
            siblings.children.extend(nested);
            add_private(tree, reach, nests, node, &mut siblings);
        }
        let made = self.instances_of(reach, &siblings);
        let nested = siblings
            .children
            .iter()
            .zip(&made)
            .skip(own_children)
            .take(shared);
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
            private: FxHashMap::default(),
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
            let above = match siblings.above(peer) {
                Provider::Instance(instance) => Some(tree.nodes[self.all[instance].node].package),
                _ => None,
            };
            let children = siblings.children.iter().map(|(_, child)| *child).collect();
            let nest = nest_for(tree, nests, (node, reach.names[peer], above), children, required);
            added.extend(
                nest.filter(|&nest| reach.knows(nest))
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
        let sees = |at: usize, peer: PeerId| {
            siblings
                .private
                .get(&(at, peer))
                .or_else(|| position.get(&peer))
                .copied()
        };
        let open = |at: usize| reach.open[siblings.children[at].1].iter();
        let count = siblings.children.len();
        let arcs: Vec<Vec<usize>> = (0..count)
            .map(|at| open(at).filter_map(|peer| sees(at, peer)).collect())
            .collect();
        let mut made: Vec<Option<InstanceId>> = vec![None; count];
        for circle in components(&arcs) {
            let circular = circle.len() > 1 || arcs[circle[0]].contains(&circle[0]);
            // Members in an order that does not depend on the scope.
            let mut members = circle;
            members.sort_unstable_by_key(|&at| (siblings.children[at], at));
            let provider = |group: GroupId, at: usize, peer: PeerId| match sees(at, peer) {
                Some(seen) => match members.iter().position(|&member| member == seen) {
                    Some(member) => Provider::Member(group, member),
                    None => Provider::Instance(made[seen].expect("components come in the order of need")),
                },
                None => siblings.provider(peer),
            };
            let met = |group: GroupId, at: usize| -> Met {
                open(at).map(|peer| (peer, provider(group, at, peer))).collect()
            };
            let next = self.groups.len();
            let group = circular.then(|| {
                let key = members
                    .iter()
                    .map(|&at| (siblings.children[at].1, met(GroupId::MAX, at)))
                    .collect();
                *self.group_ids.entry(key).or_insert(next)
            });
            let mets: Vec<Met> = members
                .iter()
                .map(|&at| met(group.unwrap_or(GroupId::MAX), at))
                .collect();
            let ids: Vec<InstanceId> = members
                .iter()
                .zip(mets)
                .map(|(&at, met)| self.intern(siblings.children[at].1, met))
                .collect();
            for (&at, &id) in members.iter().zip(&ids) {
                made[at] = Some(id);
            }
            if group == Some(next) {
                self.groups.push(ids);
            }
        }
        made.into_iter()
            .map(|instance| instance.expect("every child is in a component"))
            .collect()
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

    /// The child that has a name, or the package itself.
    fn beside(&self, node: NodeId, peer: PeerId) -> Option<NodeId> {
        let child = self.children.iter().find(|(other, _)| *other == Some(peer));
        child
            .map(|(_, child)| *child)
            .or_else(|| self.own.filter(|(name, _)| *name == Some(peer)).map(|_| node))
    }

    /// Who provides a name that no child has.
    fn provider(&self, peer: PeerId) -> Provider {
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

/// Gives children of a package, whose peers its own needs do not suit, others that they alone see, as npm does by placing
/// them elsewhere.
fn add_private(
    tree: &mut Tree<'_>,
    reach: &Reach,
    nests: &mut Nests,
    node: NodeId,
    siblings: &mut Siblings<'_>,
) {
    let mut added: Vec<(PeerId, usize)> = Vec::new();
    let mut from = 0;
    // What is added may have peers of its own that the same siblings do not suit.
    while from < siblings.children.len() {
        let upto = siblings.children.len();
        let mut unsuited: BTreeMap<(PeerId, NodeId), Vec<usize>> = BTreeMap::new();
        for at in from..upto {
            let child = siblings.children[at].1;
            for need in tree.nodes[child].peers.iter().filter(|need| !need.optional) {
                let Some(peer) = reach.peer(need.name) else {
                    continue;
                };
                let Some(beside) = siblings.beside(node, peer) else {
                    continue;
                };
                let suits = |other: NodeId| {
                    let version = tree.pack(other).version.as_ref();
                    version.is_none_or(|version| tree.suits(child, need, version))
                };
                if suits(beside) {
                    continue;
                }
                let fitting = added
                    .iter()
                    .find(|(name, to)| *name == peer && suits(siblings.children[*to].1));
                match fitting {
                    Some(&(_, to)) => {
                        siblings.private.insert((at, peer), to);
                    }
                    None => unsuited.entry((peer, beside)).or_default().push(at),
                }
            }
        }
        for ((peer, beside), askers) in unsuited {
            let beside = Some(tree.nodes[beside].package);
            let children = askers.iter().map(|&at| siblings.children[at].1).collect();
            let nest = nest_for(tree, nests, (node, reach.names[peer], beside), children, true);
            let Some(nest) = nest.filter(|&nest| reach.knows(nest)) else {
                continue;
            };
            let to = match added.iter().find(|(_, to)| siblings.children[*to].1 == nest) {
                Some(&(_, to)) => to,
                None => siblings.children.len(),
            };
            if to == siblings.children.len() {
                siblings.children.push((None, nest));
                added.push((peer, to));
            }
            for at in askers {
                siblings.private.insert((at, peer), to);
            }
        }
        from = upto;
    }
}

/// What was added below a node for a name; where that is not known yet, what is added now, for the next look at the tree.
fn nest_for(
    tree: &mut Tree<'_>,
    nests: &mut Nests,
    key: NestKey,
    children: Vec<NodeId>,
    required: bool,
) -> Option<NodeId> {
    if let Some(nest) = nests.get(&key) {
        return *nest;
    }
    let nest = tree.nest(key.0, key.1, children, required, key.2);
    nests.insert(key, nest);
    nest
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
        let package = match self.there(name, |version| perfect(self, version)) {
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
