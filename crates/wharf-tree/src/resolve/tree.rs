//! The first phase: every need of every package is answered, peers left aside. Breadth first from the importers, aliases in
//! order; a version that is there already is taken where it fits.
//!
//! Invariant: the tree can grow at any time ([`Tree::ensure`], [`Tree::grow`]); nothing is ever removed from `nodes`, but only
//! what [`Tree::sweep`] reached counts as alive and is offered to later needs.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use wharf_core::{Digest, PackageName, Source};
use wharf_ecosystem::npm::semver::Range;
use wharf_ecosystem::npm::{EdgeKind, From, NodeFit, PackageManifest, Spec, Version, Versions};

use super::names::{NameId, Names};
use crate::error::TreeError;
use crate::problem::{Lookup, Needs, Problem, Universe};

/// Position of a node in [`Tree::nodes`].
pub(crate) type NodeId = usize;
/// Position of a package in [`Tree::packages`].
pub(crate) type PackageId = usize;

/// Who has needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Scope {
    Importer(usize),
    Node(NodeId),
}

/// One version of one package from one source.
#[derive(Clone)]
pub(crate) struct Pack {
    pub(crate) name: PackageName,
    pub(crate) name_id: NameId,
    /// Absent where a package outside registries has none that can be read.
    pub(crate) version: Option<Version>,
    pub(crate) version_text: Rc<str>,
    pub(crate) source: Source,
    pub(crate) tarball: Option<String>,
    pub(crate) integrity: Vec<Digest>,
    pub(crate) manifest: Arc<PackageManifest>,
    pub(crate) from_registry: bool,
    /// Whether the registry says nothing against it and it fits the project's Node.
    pub(crate) sound: bool,
}

/// A package below certain others, as far as overrides ask for that.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) package: PackageId,
    context: ContextId,
    pub(crate) edges: Vec<TreeEdge>,
    pub(crate) peers: Vec<PeerNeed>,
    /// Names that come inside the archive.
    pub(crate) bundled: Vec<NameId>,
}

type ContextId = usize;

/// A need and its answer.
#[derive(Clone)]
pub(crate) struct TreeEdge {
    pub(crate) alias: NameId,
    /// As it goes into the graph.
    pub(crate) text: Rc<str>,
    pub(crate) kind: EdgeKind,
    pub(crate) want: Want,
    pub(crate) to: Target,
    /// Whether its version was chosen with regard to the peers of others: dedupe leaves it.
    pub(crate) pinned: bool,
    /// Whether it was added for the peers of others.
    pub(crate) added: bool,
    /// Position among the importer's requirements.
    pub(crate) requirement: Option<usize>,
}

/// What is asked for.
#[derive(Clone)]
pub(crate) enum Want {
    /// A registry's versions of a package.
    Registry {
        name: NameId,
        spec: Rc<Spec>,
        range: Option<Rc<Range>>,
    },
    /// Anything else, or what could not be read.
    Other(Result<Rc<Spec>, String>),
}

/// What answers a need.
#[derive(Clone)]
pub(crate) enum Target {
    /// Not answered yet.
    Open,
    Node(NodeId),
    Importer(usize),
    Link(Rc<str>),
    /// It cannot be answered.
    Refused(Rc<TreeError>),
    /// An optional need that cannot be answered, left out.
    Left(Rc<str>),
}

/// A peer that a package wants.
#[derive(Clone)]
pub(crate) struct PeerNeed {
    pub(crate) name: NameId,
    pub(crate) text: Rc<str>,
    /// `None` for what is no range: anything answers it.
    pub(crate) range: Option<Rc<Range>>,
    pub(crate) spec: Option<Rc<Spec>>,
    pub(crate) optional: bool,
}

/// An importer and its needs.
#[derive(Clone)]
pub(crate) struct ImporterScope {
    /// Position among the problem's importers.
    pub(crate) root: usize,
    pub(crate) version: Option<Version>,
    pub(crate) edges: Vec<TreeEdge>,
}

/// A specifier that was read, for each text once.
type ReadSpec = Result<(Rc<Spec>, Option<Rc<Range>>), String>;

#[derive(Clone)]
pub(crate) struct Tree<'a> {
    pub(crate) problem: &'a Problem,
    pub(super) universe: &'a dyn Universe,
    pub(super) node: Option<NodeFit>,
    pub(crate) names: Names,
    pub(crate) packages: Vec<Pack>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) importers: Vec<ImporterScope>,
    /// For each name its versions that are there, highest first.
    pub(crate) chosen: Vec<Vec<PackageId>>,
    pub(crate) alive: Vec<bool>,
    /// Peers that were added below nodes, as what these meet does not suit those they need.
    pub(crate) nested: FxHashMap<NodeId, Vec<NodeId>>,
    pub(crate) used_overrides: BTreeSet<usize>,
    /// How many nodes there were when needs were last moved to fewer versions.
    pub(super) deduped: usize,
    pub(super) by_version: FxHashMap<(NameId, Version), PackageId>,
    pub(super) by_source: FxHashMap<(NameId, Rc<str>, Source), PackageId>,
    by_key: FxHashMap<(PackageId, ContextId), NodeId>,
    members: FxHashMap<NameId, usize>,
    contexts: Vec<Vec<(String, String)>>,
    context_ids: FxHashMap<Vec<(String, String)>, ContextId>,
    specs: FxHashMap<Rc<str>, ReadSpec>,
    pub(crate) known: FxHashMap<NameId, Lookup<Arc<Versions>>>,
    pub(super) preferences: FxHashMap<NameId, Vec<Version>>,
    pub(super) picks: FxHashMap<(NameId, Rc<str>), Option<Version>>,
    queue: VecDeque<Scope>,
    pub(super) needed_versions: BTreeSet<PackageName>,
    pub(super) needed_directs: Vec<(Spec, From)>,
}

impl<'a> Tree<'a> {
    /// The importers and what they need, nothing answered.
    pub(crate) fn new(problem: &'a Problem, universe: &'a dyn Universe) -> Self {
        let mut tree = Self {
            problem,
            universe,
            node: problem.node.clone().map(NodeFit::new),
            names: Names::default(),
            packages: Vec::new(),
            nodes: Vec::new(),
            importers: Vec::new(),
            chosen: Vec::new(),
            alive: Vec::new(),
            nested: FxHashMap::default(),
            used_overrides: BTreeSet::new(),
            deduped: 0,
            by_version: FxHashMap::default(),
            by_source: FxHashMap::default(),
            by_key: FxHashMap::default(),
            members: FxHashMap::default(),
            contexts: vec![Vec::new()],
            context_ids: FxHashMap::default(),
            specs: FxHashMap::default(),
            known: FxHashMap::default(),
            preferences: FxHashMap::default(),
            picks: FxHashMap::default(),
            queue: VecDeque::new(),
            needed_versions: BTreeSet::new(),
            needed_directs: Vec::new(),
        };
        tree.context_ids.insert(Vec::new(), 0);
        for (name, versions) in &problem.preferences {
            let id = tree.names.id(name.as_str());
            let mut versions = versions.clone();
            versions.sort_unstable_by(|a, b| b.cmp(a));
            tree.preferences.insert(id, versions);
        }
        let mut order: Vec<usize> = (0..problem.importers.len()).collect();
        order.sort_by(|a, b| problem.importers[*a].path.cmp(&problem.importers[*b].path));
        for (index, &root) in order.iter().enumerate() {
            let importer = &problem.importers[root];
            if let Some(name) = &importer.name {
                let id = tree.names.id(name);
                tree.members.entry(id).or_insert(index);
            }
        }
        for root in order {
            let scope = tree.importer_scope(root);
            tree.importers.push(scope);
        }
        tree
    }

    fn importer_scope(&mut self, root: usize) -> ImporterScope {
        let importer = &self.problem.importers[root];
        let mut edges: Vec<TreeEdge> = Vec::with_capacity(importer.requirements.len());
        for (position, requirement) in importer.requirements.iter().enumerate() {
            if requirement.kind == EdgeKind::OptionalPeer {
                continue;
            }
            let spec = Rc::new(requirement.spec.clone());
            let alias = self.names.id(&requirement.alias);
            let (spec, text) = match self.overridden(&[], &requirement.alias, &spec) {
                Overridden::Keep => (spec, Rc::from(requirement.text.as_str())),
                Overridden::Replaced(spec, text) => (spec, text),
                Overridden::Removed => continue,
            };
            let want = self.want(alias, Ok((Rc::clone(&spec), spec.range().map(Rc::new))));
            edges.push(TreeEdge {
                alias,
                text,
                kind: requirement.kind,
                want,
                to: Target::Open,
                pinned: false,
                added: false,
                requirement: Some(position),
            });
        }
        edges.sort_by_key(|edge| {
            (
                Rc::clone(self.names.text(edge.alias)),
                weight(edge.kind),
                edge.requirement,
            )
        });
        edges.dedup_by_key(|edge| edge.alias);
        let version = importer
            .version
            .as_deref()
            .and_then(|text| Version::parse_loose(text).ok());
        ImporterScope { root, version, edges }
    }

    /// Answers everything that is open. What the universe does not know stays open and is listed in [`Tree::needs`].
    pub(crate) fn grow(&mut self) {
        while let Some(scope) = self.queue.pop_front() {
            for position in 0..self.edges(scope).len() {
                if matches!(self.edges(scope)[position].to, Target::Open) {
                    let to = self.answer(scope, position);
                    self.edges_mut(scope)[position].to = to;
                }
            }
        }
    }

    /// Answers the importers' needs: peers of their own last, so that they take what the others brought.
    pub(crate) fn plant(&mut self) {
        for peers in [false, true] {
            for index in 0..self.importers.len() {
                for position in 0..self.importers[index].edges.len() {
                    let edge = &self.importers[index].edges[position];
                    if matches!(edge.to, Target::Open) && (edge.kind == EdgeKind::Peer) == peers {
                        let to = self.answer(Scope::Importer(index), position);
                        self.importers[index].edges[position].to = to;
                    }
                }
            }
        }
        self.grow();
    }

    /// What has to be fetched before the tree is whole.
    pub(crate) fn needs(&self) -> Needs {
        let mut directs = self.needed_directs.clone();
        directs.sort_by_key(|(spec, from)| (spec.to_string(), from.clone()));
        directs.dedup();
        Needs {
            versions: self.needed_versions.iter().cloned().collect(),
            directs,
        }
    }

    /// Needs what another tree needs.
    pub(super) fn need(&mut self, other: &Self) {
        self.needed_versions.extend(other.needed_versions.iter().cloned());
        self.needed_directs.extend(other.needed_directs.iter().cloned());
    }

    /// The needs of a scope.
    pub(crate) fn edges(&self, scope: Scope) -> &[TreeEdge] {
        match scope {
            Scope::Importer(index) => &self.importers[index].edges,
            Scope::Node(node) => &self.nodes[node].edges,
        }
    }

    /// The needs of a scope, to change them.
    pub(crate) fn edges_mut(&mut self, scope: Scope) -> &mut Vec<TreeEdge> {
        match scope {
            Scope::Importer(index) => &mut self.importers[index].edges,
            Scope::Node(node) => &mut self.nodes[node].edges,
        }
    }

    /// The package of a node.
    pub(crate) fn pack(&self, node: NodeId) -> &Pack {
        &self.packages[self.nodes[node].package]
    }

    /// `name@version` of a node.
    pub(crate) fn label(&self, node: NodeId) -> String {
        let pack = self.pack(node);
        format!("{}@{}", pack.name, pack.version_text)
    }

    /// Every scope that is alive: importers, then nodes as they were met.
    pub(crate) fn scopes(&self) -> Vec<Scope> {
        let nodes = (0..self.nodes.len())
            .filter(|&node| self.alive[node])
            .map(Scope::Node);
        (0..self.importers.len())
            .map(Scope::Importer)
            .chain(nodes)
            .collect()
    }

    /// Finds out what is alive, from the importers and from `extra`; only that is offered to later needs.
    pub(crate) fn sweep(&mut self, extra: &[NodeId]) {
        self.alive = vec![false; self.nodes.len()];
        let mut queue: Vec<NodeId> = extra.to_vec();
        let targets = |edges: &[TreeEdge], queue: &mut Vec<NodeId>| {
            for edge in edges {
                if let Target::Node(node) = edge.to {
                    queue.push(node);
                }
            }
        };
        for importer in &self.importers {
            targets(&importer.edges, &mut queue);
        }
        while let Some(node) = queue.pop() {
            if !std::mem::replace(&mut self.alive[node], true) {
                targets(&self.nodes[node].edges, &mut queue);
            }
        }
        self.chosen = vec![Vec::new(); self.names.len()];
        for node in 0..self.nodes.len() {
            if self.alive[node] {
                self.offer(self.nodes[node].package);
            }
        }
    }

    /// How many packages are alive.
    pub(crate) fn count(&self) -> usize {
        let packages: BTreeSet<PackageId> = (0..self.nodes.len())
            .filter(|&node| self.alive[node])
            .map(|node| self.nodes[node].package)
            .collect();
        packages.len()
    }

    fn offer(&mut self, package: PackageId) {
        if self.chosen.len() < self.names.len() {
            self.chosen.resize(self.names.len(), Vec::new());
        }
        let pack = &self.packages[package];
        if !pack.from_registry {
            return;
        }
        let versions = &mut self.chosen[pack.name_id];
        let version = &pack.version;
        if let Err(at) = versions.binary_search_by(|other| version.cmp(&self.packages[*other].version)) {
            versions.insert(at, package);
        }
    }

    /// The node of a package below `parent`; a new one waits for [`Tree::grow`].
    pub(crate) fn ensure(&mut self, package: PackageId, parent: Scope) -> NodeId {
        let context = self.context_below(parent);
        if let Some(&node) = self.by_key.get(&(package, context)) {
            if !self.alive[node] {
                self.offer(package);
            }
            return node;
        }
        let id = self.nodes.len();
        self.by_key.insert((package, context), id);
        let node = self.node(package, context);
        self.nodes.push(node);
        self.alive.push(true);
        self.offer(package);
        self.queue.push_back(Scope::Node(id));
        id
    }

    fn node(&mut self, package: PackageId, context: ContextId) -> Node {
        let manifest = Arc::clone(&self.packages[package].manifest);
        let path = self.path(package, context);
        let bundled: Vec<NameId> = manifest.bundled.iter().map(|name| self.names.id(name)).collect();
        let mut edges =
            Vec::with_capacity(manifest.dependencies.len() + manifest.optional_dependencies.len());
        for (list, kind) in [
            (&manifest.optional_dependencies, EdgeKind::Optional),
            (&manifest.dependencies, EdgeKind::Prod),
        ] {
            for (alias, text) in list {
                let alias = self.names.id(alias);
                if !bundled.contains(&alias) {
                    edges.extend(self.node_edge(&path, alias, text, kind));
                }
            }
        }
        edges.sort_by_key(|edge| (Rc::clone(self.names.text(edge.alias)), weight(edge.kind)));
        edges.dedup_by_key(|edge| edge.alias);
        let peers = self.peer_needs(&manifest, &path, &edges, &bundled);
        Node {
            package,
            context,
            edges,
            peers,
            bundled,
        }
    }

    fn node_edge(
        &mut self,
        path: &[(String, String)],
        alias: NameId,
        text: &str,
        kind: EdgeKind,
    ) -> Option<TreeEdge> {
        let mut text: Rc<str> = text.into();
        let mut read = self.read(&text);
        if let Ok((spec, _)) = &read {
            let name = Rc::clone(self.names.text(alias));
            match self.overridden(path, &name, spec) {
                Overridden::Keep => {}
                Overridden::Removed => return None,
                Overridden::Replaced(spec, written) => {
                    let range = spec.range().map(Rc::new);
                    read = Ok((spec, range));
                    text = written;
                }
            }
        }
        let want = self.want(alias, read);
        Some(TreeEdge {
            alias,
            text,
            kind,
            want,
            to: Target::Open,
            pinned: false,
            added: false,
            requirement: None,
        })
    }

    fn peer_needs(
        &mut self,
        manifest: &PackageManifest,
        path: &[(String, String)],
        edges: &[TreeEdge],
        bundled: &[NameId],
    ) -> Vec<PeerNeed> {
        let mut wanted: Vec<(&str, &str)> = manifest
            .peer_dependencies
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        for name in &manifest.optional_peers {
            if !wanted.iter().any(|(other, _)| other == name) {
                wanted.push((name, "*"));
            }
        }
        let mut peers = Vec::with_capacity(wanted.len());
        for (name, text) in wanted {
            let id = self.names.id(name);
            if edges.iter().any(|edge| edge.alias == id) || bundled.contains(&id) {
                continue;
            }
            let optional = manifest.optional_peers.iter().any(|other| other == name);
            // An empty range in the graph means that nobody asks: write the same as it means.
            let text = if text.trim().is_empty() { "*" } else { text };
            let Some(edge) = self.node_edge(path, id, text, EdgeKind::Peer) else {
                continue;
            };
            let (range, spec) = match edge.want {
                Want::Registry { spec, range, .. } => (range, Some(spec)),
                Want::Other(spec) => (None, spec.ok()),
            };
            peers.push(PeerNeed {
                name: id,
                text: edge.text,
                range,
                spec,
                optional,
            });
        }
        peers.sort_by_key(|peer| Rc::clone(self.names.text(peer.name)));
        peers.dedup_by_key(|peer| peer.name);
        peers
    }

    /// The packages above that overrides speak of, then the package itself.
    fn path(&self, package: PackageId, context: ContextId) -> Vec<(String, String)> {
        if self.problem.overrides.is_empty() {
            return Vec::new();
        }
        let pack = &self.packages[package];
        let mut path = self.contexts[context].clone();
        path.push((pack.name.to_string(), pack.version_text.to_string()));
        path
    }

    fn context_below(&mut self, parent: Scope) -> ContextId {
        let Scope::Node(node) = parent else { return 0 };
        let (package, context) = (self.nodes[node].package, self.nodes[node].context);
        if self.problem.overrides.is_empty() {
            return 0;
        }
        let pack = &self.packages[package];
        let own = (pack.name.to_string(), pack.version_text.to_string());
        // A package that comes again below itself adds nothing: contexts stay finite.
        if !self.problem.overrides.is_parent(&own.0) || self.contexts[context].contains(&own) {
            return context;
        }
        let mut path = self.contexts[context].clone();
        path.push(own);
        if let Some(&id) = self.context_ids.get(&path) {
            return id;
        }
        self.contexts.push(path.clone());
        self.context_ids.insert(path, self.contexts.len() - 1);
        self.contexts.len() - 1
    }

    fn overridden(&mut self, path: &[(String, String)], name: &str, spec: &Spec) -> Overridden {
        use wharf_ecosystem::npm::overrides::Applied;
        let overrides = &self.problem.overrides;
        if overrides.is_empty() || !overrides.concerns(name) {
            return Overridden::Keep;
        }
        let path: Vec<(&str, &str)> = path
            .iter()
            .map(|(name, version)| (name.as_str(), version.as_str()))
            .collect();
        let Some(rule) = overrides.matching(&path, name, spec) else {
            return Overridden::Keep;
        };
        self.used_overrides.insert(rule);
        match &overrides.rules()[rule].action {
            Applied::Keep => Overridden::Keep,
            Applied::Replace(spec, text) => Overridden::Replaced(Rc::new(spec.clone()), text.as_str().into()),
            Applied::Remove => Overridden::Removed,
        }
    }

    fn read(&mut self, text: &Rc<str>) -> ReadSpec {
        if let Some(read) = self.specs.get(text) {
            return read.clone();
        }
        let read = match Spec::parse(text) {
            Ok(spec) => {
                let range = spec.range().map(Rc::new);
                Ok((Rc::new(spec), range))
            }
            Err(error) => Err(error.to_string()),
        };
        self.specs.insert(Rc::clone(text), read.clone());
        read
    }

    fn want(&mut self, alias: NameId, read: ReadSpec) -> Want {
        match read {
            Ok((spec, range)) if spec.is_registry() => {
                let name = match &*spec {
                    Spec::Alias { name, .. } => self.names.id(name),
                    _ => alias,
                };
                Want::Registry { name, spec, range }
            }
            Ok((spec, _)) => Want::Other(Ok(spec)),
            Err(reason) => Want::Other(Err(reason)),
        }
    }

    /// The member of the workspace that a name and a range mean.
    pub(crate) fn member(&self, name: NameId, range: Option<&Range>) -> Option<usize> {
        let &index = self.members.get(&name)?;
        let version = self.importers[index].version.as_ref();
        range
            .is_some_and(|range| range.takes_member(version))
            .then_some(index)
    }

    /// The members by name.
    pub(super) fn member_named(&self, name: NameId) -> Option<usize> {
        self.members.get(&name).copied()
    }
}

enum Overridden {
    Keep,
    Replaced(Rc<Spec>, Rc<str>),
    Removed,
}

/// Which of several needs under one alias counts.
fn weight(kind: EdgeKind) -> u8 {
    match kind {
        EdgeKind::Optional => 0,
        EdgeKind::Prod => 1,
        EdgeKind::Dev => 2,
        EdgeKind::Peer => 3,
        EdgeKind::OptionalPeer => 4,
    }
}
