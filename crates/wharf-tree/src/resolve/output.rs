//! The outcome: equal instances merged by the coarsest partition in which equal packages need equal things (Moore, 1956), the
//! graph in its normal order, and what there is to say about it.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use rustc_hash::FxHashMap;
use wharf_ecosystem::npm::{Edge, EdgeKind, Graph, Importer, Package, To};

use super::instances::{Bound, InstanceId, Instances, Provider};
use super::reach::Reach;
use super::tree::{NodeId, Target, Tree};
use crate::issue::{Chain, Issue};

/// A class of equal instances.
type Class = usize;

/// Everything that the graph is made from.
pub(super) struct Output<'t, 'a> {
    tree: &'t Tree<'a>,
    reach: &'t Reach,
    instances: &'t Instances,
    /// Who reached an instance first: another one, or an importer.
    from: Vec<Option<Origin>>,
    /// Instances in the order in which they were reached.
    order: Vec<InstanceId>,
    class: Vec<Class>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Importer(usize),
    Instance(InstanceId),
}

impl<'t, 'a> Output<'t, 'a> {
    pub(super) fn new(tree: &'t Tree<'a>, reach: &'t Reach, instances: &'t Instances) -> Self {
        let count = instances.all.len();
        let mut output = Self {
            tree,
            reach,
            instances,
            from: vec![None; count],
            order: Vec::new(),
            class: vec![0; count],
        };
        output.follow();
        output.refine();
        output
    }

    /// Breadth first, so that chains are as short as can be.
    fn follow(&mut self) {
        let mut queue: VecDeque<(InstanceId, Origin)> = VecDeque::new();
        for (index, bound) in self.instances.importers.iter().enumerate() {
            queue.extend(
                bound
                    .iter()
                    .filter_map(Bound::instance)
                    .map(|to| (to, Origin::Importer(index))),
            );
        }
        while let Some((instance, origin)) = queue.pop_front() {
            if self.from[instance].is_some() {
                continue;
            }
            self.from[instance] = Some(origin);
            self.order.push(instance);
            let targets = self.targets(instance);
            queue.extend(targets.into_iter().map(|to| (to, Origin::Instance(instance))));
        }
    }

    /// Every instance that another one needs or meets.
    fn targets(&self, id: InstanceId) -> Vec<InstanceId> {
        let instance = &self.instances.all[id];
        let needs = instance.bound.iter().filter_map(Bound::instance);
        let nested = instance.nested.iter().map(|(_, to)| *to);
        let peers = self.tree.nodes[instance.node].peers.iter().filter_map(|peer| {
            match self.provider(id, peer.name) {
                Provider::Instance(to) => Some(to),
                _ => None,
            }
        });
        needs.chain(nested).chain(peers).collect()
    }

    /// Who provides a peer to an instance.
    fn provider(&self, id: InstanceId, name: super::names::NameId) -> Provider {
        let instance = &self.instances.all[id];
        if name == self.tree.pack(instance.node).name_id {
            return Provider::Instance(id);
        }
        let peer = self.reach.peer(name);
        let found = peer.and_then(|peer| instance.met.binary_search_by_key(&peer, |(other, _)| *other).ok());
        found.map_or(Provider::Nobody, |at| instance.met[at].1)
    }

    /// Splits classes until equal instances have equal targets.
    fn refine(&mut self) {
        // What overrides made of the texts is no difference, what they removed is: the signature sees that.
        let mut first: FxHashMap<usize, Class> = FxHashMap::default();
        for &id in &self.order {
            let next = first.len();
            let package = self.tree.nodes[self.instances.all[id].node].package;
            self.class[id] = *first.entry(package).or_insert(next);
        }
        let mut classes = first.len();
        while classes < self.order.len() {
            let mut split: FxHashMap<(Class, Vec<(usize, Bound)>), Class> = FxHashMap::default();
            let mut refined = self.class.clone();
            for &id in &self.order {
                let next = split.len();
                refined[id] = *split.entry((self.class[id], self.signature(id))).or_insert(next);
            }
            let count = split.len();
            self.class = refined;
            if count == classes {
                break;
            }
            classes = count;
        }
    }

    /// What an instance needs and meets, targets by their class.
    fn signature(&self, id: InstanceId) -> Vec<(usize, Bound)> {
        let instance = &self.instances.all[id];
        let node = &self.tree.nodes[instance.node];
        let by_class = |bound: &Bound| match bound {
            Bound::Instance(to) => Bound::Instance(self.class[*to]),
            other => other.clone(),
        };
        let mut signature: Vec<(usize, Bound)> = node
            .edges
            .iter()
            .zip(&instance.bound)
            .map(|(edge, bound)| (edge.alias, by_class(bound)))
            .collect();
        for peer in &node.peers {
            signature.push((peer.name, by_class(&self.bound(self.provider(id, peer.name)))));
        }
        for (peer, to) in &instance.nested {
            signature.push((self.reach.names[*peer], Bound::Instance(self.class[*to])));
        }
        signature
    }

    fn bound(&self, provider: Provider) -> Bound {
        match provider {
            Provider::Instance(instance) => Bound::Instance(instance),
            Provider::Importer(importer) => Bound::Importer(importer),
            Provider::Link(link) => Bound::Link(Rc::clone(self.instances.link(link))),
            Provider::Nobody | Provider::Bundled | Provider::Member(..) => Bound::Nothing,
        }
    }

    /// The graph in its normal order.
    pub(super) fn graph(&self) -> Graph {
        let mut first: Vec<Option<InstanceId>> = vec![None; self.instances.all.len()];
        let mut kept: Vec<(Vec<(String, String)>, InstanceId)> = Vec::new();
        for &id in &self.order {
            if first[self.class[id]].is_none() {
                first[self.class[id]] = Some(id);
                kept.push((self.peers_met(id), id));
            }
        }
        kept.sort_by(|(a_peers, a), (b_peers, b)| {
            let (left, right) = (self.pack(*a), self.pack(*b));
            (&left.name, &left.version, &left.version_text, &left.source)
                .cmp(&(&right.name, &right.version, &right.version_text, &right.source))
                .then_with(|| a_peers.cmp(b_peers))
                .then_with(|| self.place(*a).cmp(&self.place(*b)))
        });
        let mut position = vec![usize::MAX; self.instances.all.len()];
        for (index, (_, id)) in kept.iter().enumerate() {
            position[self.class[*id]] = index;
        }
        let mut packages: Vec<Package> = kept
            .into_iter()
            .map(|(peers, id)| self.package(id, peers, &position))
            .collect();
        tell_apart(&mut packages);
        let importers = (0..self.tree.importers.len())
            .map(|index| self.importer(index, &position))
            .collect();
        Graph { importers, packages }
    }

    fn place(&self, id: InstanceId) -> usize {
        self.order
            .iter()
            .position(|other| *other == id)
            .unwrap_or(usize::MAX)
    }

    fn pack(&self, id: InstanceId) -> &super::tree::Pack {
        self.tree.pack(self.instances.all[id].node)
    }

    /// Names and versions of what an instance meets.
    fn peers_met(&self, id: InstanceId) -> Vec<(String, String)> {
        let instance = &self.instances.all[id];
        let mut peers: Vec<(String, String)> = Vec::new();
        for (peer, provider) in &instance.met {
            let version = match provider {
                Provider::Instance(to) => self.pack(*to).version_text.to_string(),
                Provider::Importer(importer) => {
                    let version = self.tree.importers[*importer].version.as_ref();
                    version.map_or_else(|| "0.0.0".to_owned(), ToString::to_string)
                }
                Provider::Link(_) => "0.0.0".to_owned(),
                Provider::Nobody | Provider::Bundled | Provider::Member(..) => continue,
            };
            peers.push((self.tree.names.text(self.reach.names[*peer]).to_string(), version));
        }
        peers.sort_unstable();
        peers
    }

    fn to(&self, bound: &Bound, position: &[usize]) -> Option<To> {
        match bound {
            Bound::Nothing => None,
            Bound::Instance(to) => Some(To::Package(position[self.class[*to]])),
            Bound::Importer(importer) => Some(To::Importer(*importer)),
            Bound::Link(path) => Some(To::Link(path.to_string())),
        }
    }

    fn importer(&self, index: usize, position: &[usize]) -> Importer {
        let scope = &self.tree.importers[index];
        let root = &self.tree.problem.importers[scope.root];
        let edges = scope.edges.iter().zip(&self.instances.importers[index]);
        let dependencies = edges.map(|(edge, bound)| Edge {
            alias: self.tree.names.text(edge.alias).to_string(),
            range: edge.text.to_string(),
            kind: edge.kind,
            to: self.to(bound, position),
        });
        Importer {
            path: root.path.clone(),
            name: root.name.clone(),
            version: root.version.clone(),
            bin: root.bin.clone(),
            dependencies: dependencies.collect(),
        }
    }

    fn package(&self, id: InstanceId, peers: Vec<(String, String)>, position: &[usize]) -> Package {
        let pack = self.pack(id);
        let manifest = &pack.manifest;
        Package {
            name: pack.name.clone(),
            version: pack.version_text.to_string(),
            peers,
            source: pack.source.clone(),
            tarball: pack.tarball.clone(),
            integrity: pack.integrity.clone(),
            dependencies: self.dependencies(id, position),
            os: manifest.os.clone(),
            cpu: manifest.cpu.clone(),
            libc: manifest.libc.clone(),
            engines_node: manifest.engines_node().map(str::to_owned),
            bin: manifest.bin.clone(),
            has_scripts: manifest.has_install_script,
            bundled: manifest.bundled.clone(),
            deprecated: manifest.deprecated.clone(),
        }
    }

    fn dependencies(&self, id: InstanceId, position: &[usize]) -> Vec<Edge> {
        let instance = &self.instances.all[id];
        let node = &self.tree.nodes[instance.node];
        let mut edges: Vec<Edge> = Vec::with_capacity(node.edges.len() + node.peers.len());
        for (edge, bound) in node.edges.iter().zip(&instance.bound) {
            edges.push(Edge {
                alias: self.tree.names.text(edge.alias).to_string(),
                range: edge.text.to_string(),
                kind: edge.kind,
                to: self.to(bound, position),
            });
        }
        for peer in &node.peers {
            edges.push(Edge {
                alias: self.tree.names.text(peer.name).to_string(),
                range: peer.text.to_string(),
                kind: if peer.optional {
                    EdgeKind::OptionalPeer
                } else {
                    EdgeKind::Peer
                },
                to: self.to(&self.bound(self.provider(id, peer.name)), position),
            });
        }
        for (peer, to) in &instance.nested {
            let name = self.reach.names[*peer];
            // Its own wish for the same name stands already, and is met by what is above.
            if !node.peers.iter().any(|own| own.name == name) {
                edges.push(Edge {
                    alias: self.tree.names.text(name).to_string(),
                    range: String::new(),
                    kind: EdgeKind::Peer,
                    to: self.to(&Bound::Instance(*to), position),
                });
            }
        }
        edges.sort_by(|a, b| a.alias.cmp(&b.alias));
        edges
    }

    /// What there is to say, sorted.
    pub(super) fn issues(&self) -> Vec<Issue> {
        let mut issues = Vec::new();
        let mut told: BTreeSet<(NodeId, usize, Option<NodeId>)> = BTreeSet::new();
        let mut told_nodes: BTreeSet<usize> = BTreeSet::new();
        for &id in &self.order {
            self.peer_issues(id, &mut told, &mut issues);
            if told_nodes.insert(self.tree.nodes[self.instances.all[id].node].package) {
                self.package_issues(id, &mut issues);
            }
            self.left_issues(
                &self.tree.nodes[self.instances.all[id].node].edges,
                || self.chain(id),
                &mut issues,
            );
        }
        for index in 0..self.tree.importers.len() {
            self.left_issues(
                &self.tree.importers[index].edges,
                || self.importer_chain(index),
                &mut issues,
            );
        }
        for rule in self.tree.problem.overrides.unused(&self.tree.used_overrides) {
            issues.push(Issue::UnusedOverride {
                rule: rule.to_owned(),
            });
        }
        issues.sort();
        issues.dedup();
        issues
    }

    fn left_issues(
        &self,
        edges: &[super::tree::TreeEdge],
        chain: impl Fn() -> Chain,
        issues: &mut Vec<Issue>,
    ) {
        for edge in edges {
            if let Target::Left(reason) = &edge.to {
                let package = format!("{}@{}", self.tree.names.text(edge.alias), edge.text);
                issues.push(Issue::OptionalFailed {
                    package,
                    asker: chain(),
                    reason: reason.to_string(),
                });
            }
        }
    }

    fn package_issues(&self, id: InstanceId, issues: &mut Vec<Issue>) {
        let pack = self.pack(id);
        if let Some(message) = &pack.manifest.deprecated {
            issues.push(Issue::Deprecated {
                package: format!("{}@{}", pack.name, pack.version_text),
                message: message.clone(),
                chain: self.chain(id),
            });
        }
    }

    fn peer_issues(
        &self,
        id: InstanceId,
        told: &mut BTreeSet<(NodeId, usize, Option<NodeId>)>,
        issues: &mut Vec<Issue>,
    ) {
        let instance = &self.instances.all[id];
        for (position, need) in self.tree.nodes[instance.node].peers.iter().enumerate() {
            let provider = self.provider(id, need.name);
            let found = self.instances.version(self.tree, provider);
            let unsuited = found.is_some_and(|version| !self.tree.suits(instance.node, need, version));
            let peer = self.tree.names.text(need.name).to_string();
            let missing = provider == Provider::Nobody
                && !need.optional
                && !self.tree.problem.peer_rules.ignores_missing(&peer);
            if !unsuited && !missing {
                continue;
            }
            let providing = match provider {
                Provider::Instance(other) => Some(self.instances.all[other].node),
                _ => None,
            };
            if !told.insert((instance.node, position, providing)) {
                continue;
            }
            let (wanted, asker) = (need.text.to_string(), self.chain(id));
            issues.push(match found {
                Some(version) => {
                    let (provider, provided_for) = self.providing(provider, need.name);
                    Issue::PeerConflict {
                        peer,
                        found: version.to_string(),
                        provider,
                        provided_for,
                        wanted,
                        asker,
                    }
                }
                None => Issue::PeerMissing {
                    reason: self.why_missing(need.name),
                    peer,
                    wanted,
                    asker,
                },
            });
        }
        for (peer, to) in &instance.nested {
            self.nested_issue(id, *peer, *to, issues);
        }
    }

    fn nested_issue(&self, id: InstanceId, peer: usize, to: InstanceId, issues: &mut Vec<Issue>) {
        let name = self.reach.names[peer];
        let Some(found) = self.instances.version(self.tree, self.provider(id, name)) else {
            return;
        };
        let children = self.instances.all[id].bound.iter().filter_map(Bound::instance);
        let wanted = children.filter_map(|child| {
            let node = &self.tree.nodes[self.instances.all[child].node];
            node.peers
                .iter()
                .find(|need| need.name == name)
                .map(|need| need.text.to_string())
        });
        let mut wanted: Vec<String> = wanted.collect();
        wanted.sort_unstable();
        wanted.dedup();
        issues.push(Issue::PeerNested {
            peer: self.tree.names.text(name).to_string(),
            found: found.to_string(),
            added: self.pack(to).version_text.to_string(),
            below: self.chain(id),
            wanted: wanted.join(" and "),
        });
    }

    fn why_missing(&self, name: super::names::NameId) -> String {
        use crate::problem::{Lookup, MissingPeers};
        match (self.tree.problem.missing_peers, self.tree.known.get(&name)) {
            (MissingPeers::Report, _) => "the project does not want missing peers added".to_owned(),
            (MissingPeers::Install, Some(Lookup::Failed(reason))) => reason.clone(),
            (MissingPeers::Install, _) => "no version suits those who want it".to_owned(),
        }
    }

    /// Who provides what is met, and what that one asks for.
    fn providing(&self, provider: Provider, name: super::names::NameId) -> (Chain, Option<String>) {
        let Provider::Instance(id) = provider else {
            return (
                Chain {
                    importer: ".".to_owned(),
                    steps: Vec::new(),
                },
                None,
            );
        };
        let text = |edges: &[super::tree::TreeEdge]| {
            let edge = edges.iter().find(|edge| edge.alias == name);
            edge.map(|edge| edge.text.to_string())
                .filter(|text| !text.is_empty())
        };
        match self.from[id] {
            Some(Origin::Importer(index)) => (
                self.importer_chain(index),
                text(&self.tree.importers[index].edges),
            ),
            Some(Origin::Instance(parent)) => (
                self.chain(parent),
                text(&self.tree.nodes[self.instances.all[parent].node].edges),
            ),
            None => (self.importer_chain(0), None),
        }
    }

    fn importer_chain(&self, index: usize) -> Chain {
        let root = self.tree.importers[index].root;
        Chain {
            importer: self.tree.problem.importers[root].path.clone(),
            steps: Vec::new(),
        }
    }

    /// How an instance is reached; its own label comes last.
    fn chain(&self, id: InstanceId) -> Chain {
        let mut steps = vec![self.tree.label(self.instances.all[id].node)];
        let mut at = self.from[id];
        loop {
            match at {
                Some(Origin::Instance(parent)) => {
                    steps.push(self.tree.label(self.instances.all[parent].node));
                    at = self.from[parent];
                }
                Some(Origin::Importer(index)) => {
                    let mut chain = self.importer_chain(index);
                    steps.reverse();
                    chain.steps = steps;
                    return chain;
                }
                None => {
                    return Chain {
                        importer: ".".to_owned(),
                        steps,
                    };
                }
            }
        }
    }
}

impl Bound {
    fn instance(&self) -> Option<InstanceId> {
        match self {
            Bound::Instance(instance) => Some(*instance),
            Bound::Nothing | Bound::Importer(_) | Bound::Link(_) => None,
        }
    }
}

/// Adds `#2`, `#3` to the last version where two entries would print the same.
fn tell_apart(packages: &mut [Package]) {
    let mut seen: FxHashMap<String, usize> = FxHashMap::default();
    for package in packages {
        let count = seen.entry(package.key()).or_insert(0);
        *count += 1;
        if *count > 1 {
            match package.peers.last_mut() {
                Some((_, version)) => version.push_str(&format!("#{count}")),
                None => package
                    .peers
                    .push((package.name.to_string(), format!("{}#{count}", package.version))),
            }
        }
    }
}
