//! Which names of peers each package leaves to those above it, as bits; and who below a provider asks for what it provides.

use rustc_hash::FxHashMap;

use super::names::NameId;
use super::tree::{NodeId, Scope, Target, Tree};

/// A set of names of peers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PeerSet(Vec<u64>);

/// Position of a name among the names of peers.
pub(super) type PeerId = usize;

impl PeerSet {
    fn new(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)])
    }

    fn insert(&mut self, peer: PeerId) {
        self.0[peer / 64] |= 1 << (peer % 64);
    }

    /// Whether the name is in it.
    pub(super) fn has(&self, peer: PeerId) -> bool {
        self.0[peer / 64] & (1 << (peer % 64)) != 0
    }

    /// Adds what is in `from` and not in `without`; says whether that changed anything.
    fn add_without(&mut self, from: &PeerSet, without: &PeerSet) -> bool {
        let mut changed = 0;
        for (at, word) in self.0.iter_mut().enumerate() {
            let added = from.0[at] & !without.0[at] & !*word;
            *word |= added;
            changed |= added;
        }
        changed != 0
    }

    /// The names in it, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = PeerId> + '_ {
        self.0.iter().enumerate().flat_map(|(at, &word)| {
            (0..64)
                .filter(move |bit| word & (1 << bit) != 0)
                .map(move |bit| at * 64 + bit)
        })
    }

    /// Whether it is empty.
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }
}

/// What the peers of a tree look like from above.
pub(super) struct Reach {
    /// The names of peers, in the order of their texts.
    pub(super) names: Vec<NameId>,
    ids: FxHashMap<NameId, PeerId>,
    /// For each node what it leaves to those above: its own peers and those of what it needs, less what it provides.
    pub(super) open: Vec<PeerSet>,
    /// The same for required peers alone.
    pub(super) required: Vec<PeerSet>,
    /// For each node the names that it provides to what it needs: its needs, what is bundled, itself.
    pub(super) provides: Vec<PeerSet>,
}

/// One package that asks for a peer, met below a provider.
#[derive(Clone, Copy)]
pub(super) struct Asker {
    pub(super) node: NodeId,
    /// Position among the node's peers.
    pub(super) peer: usize,
    /// Whether the provider needs it itself.
    pub(super) near: bool,
}

impl Reach {
    /// Looks at a tree that is whole.
    pub(super) fn new(tree: &Tree<'_>) -> Self {
        let mut names: Vec<NameId> = Vec::new();
        for node in tree.nodes.iter() {
            names.extend(node.peers.iter().map(|peer| peer.name));
        }
        names.sort_unstable();
        names.dedup();
        names.sort_by(|a, b| tree.names.text(*a).cmp(tree.names.text(*b)));
        let ids: FxHashMap<NameId, PeerId> = names
            .iter()
            .enumerate()
            .map(|(peer, &name)| (name, peer))
            .collect();
        let empty = PeerSet::new(names.len());
        let mut reach = Self {
            open: vec![empty.clone(); tree.nodes.len()],
            required: vec![empty.clone(); tree.nodes.len()],
            provides: vec![empty; tree.nodes.len()],
            names,
            ids,
        };
        reach.fill(tree);
        reach
    }

    /// The position of a name, if it is one of a peer.
    pub(super) fn peer(&self, name: NameId) -> Option<PeerId> {
        self.ids.get(&name).copied()
    }

    fn fill(&mut self, tree: &Tree<'_>) {
        let mut dependents: Vec<Vec<NodeId>> = vec![Vec::new(); tree.nodes.len()];
        for (index, node) in tree.nodes.iter().enumerate() {
            let own = tree.packages[node.package].name_id;
            let present = node
                .edges
                .iter()
                .filter(|edge| edge.to.is_present())
                .map(|edge| edge.alias);
            for name in present.chain(node.bundled.iter().copied()).chain([own]) {
                if let Some(&peer) = self.ids.get(&name) {
                    self.provides[index].insert(peer);
                }
            }
            for edge in &node.edges {
                if let Target::Node(to) = edge.to {
                    dependents[to].push(index);
                }
            }
            for peer in &node.peers {
                let id = self.ids[&peer.name];
                // A package that names itself as its peer has it.
                if peer.name != own {
                    self.open[index].insert(id);
                    if !peer.optional {
                        self.required[index].insert(id);
                    }
                }
            }
        }
        for (&node, nested) in &tree.nested {
            for &nest in nested {
                dependents[nest].push(node);
            }
        }
        let mut queue: Vec<NodeId> = (0..tree.nodes.len())
            .filter(|&node| !self.open[node].is_empty())
            .collect();
        while let Some(node) = queue.pop() {
            let (open, required) = (self.open[node].clone(), self.required[node].clone());
            for &dependent in &dependents[node] {
                let more = self.open[dependent].add_without(&open, &self.provides[dependent]);
                let more_required =
                    self.required[dependent].add_without(&required, &self.provides[dependent]);
                if more || more_required {
                    queue.push(dependent);
                }
            }
        }
    }

    /// Whether a node was there when this look was taken.
    pub(super) fn knows(&self, node: NodeId) -> bool {
        node < self.open.len()
    }

    /// Whether a node leaves a name to those above it. Nodes that came after this look at the tree count with the next one.
    fn leaves_open(&self, node: NodeId, peer: PeerId) -> bool {
        self.open.get(node).is_some_and(|open| open.has(peer))
    }

    /// Whoever below `scope` asks for a peer that nobody between provides.
    pub(super) fn askers(&self, tree: &Tree<'_>, scope: Scope, peer: PeerId) -> Vec<Asker> {
        let name = self.names[peer];
        let mut seen = rustc_hash::FxHashSet::default();
        let mut found = Vec::new();
        let mut queue = std::collections::VecDeque::new();
        let children = |scope: Scope| {
            let nested = match scope {
                Scope::Node(node) => tree.nested.get(&node).map_or(&[][..], Vec::as_slice),
                Scope::Importer(_) => &[],
            };
            let needs = tree.edges(scope).iter().filter_map(|edge| match edge.to {
                Target::Node(node) => Some(node),
                _ => None,
            });
            needs.chain(nested.iter().copied())
        };
        queue.extend(
            children(scope)
                .filter(|&node| self.leaves_open(node, peer))
                .map(|node| (node, true)),
        );
        while let Some((node, near)) = queue.pop_front() {
            if !seen.insert(node) {
                continue;
            }
            let position = tree.nodes[node].peers.iter().position(|other| other.name == name);
            if let Some(position) = position {
                found.push(Asker {
                    node,
                    peer: position,
                    near,
                });
            }
            if !self.provides[node].has(peer) {
                let below = children(Scope::Node(node)).filter(|&node| self.leaves_open(node, peer));
                queue.extend(below.map(|node| (node, false)));
            }
        }
        found
    }
}

impl Target {
    /// Whether there is something under the name.
    pub(super) fn is_present(&self) -> bool {
        match self {
            Target::Node(_) | Target::Importer(_) | Target::Link(_) => true,
            Target::Open | Target::Refused(_) | Target::Left(_) => false,
        }
    }
}
