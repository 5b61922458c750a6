//! Who needs what: the graph with its edges turned round, for `list`, `tree` and `why`.
//! Invariant: every answer is in the graph's own order, so that equal locks show the same.

use std::collections::VecDeque;
use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;
use wharf_ecosystem::npm::{Edge, Graph, PackageIndex, To};

/// A point of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// The project or a member of its workspace: position in [`Graph::importers`].
    Importer(usize),
    /// A package.
    Package(PackageIndex),
}

/// A need, seen from what answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use<'g> {
    /// Who needs it.
    pub by: Node,
    /// The need.
    pub edge: &'g Edge,
}

/// A graph that also knows who needs each of its entries.
#[derive(Clone, Debug)]
pub struct GraphView<'g> {
    graph: &'g Graph,
    of_packages: Vec<Vec<Use<'g>>>,
    of_importers: Vec<Vec<Use<'g>>>,
    by_name: FxHashMap<&'g str, Vec<PackageIndex>>,
}

impl<'g> GraphView<'g> {
    /// Turns the edges of a graph round.
    pub fn new(graph: &'g Graph) -> Self {
        let mut view = Self {
            graph,
            of_packages: vec![Vec::new(); graph.packages.len()],
            of_importers: vec![Vec::new(); graph.importers.len()],
            by_name: FxHashMap::default(),
        };
        for node in view.nodes() {
            for edge in view.edges(node) {
                match edge.to {
                    Some(To::Package(index)) => view.of_packages[index].push(Use { by: node, edge }),
                    Some(To::Importer(index)) => view.of_importers[index].push(Use { by: node, edge }),
                    Some(To::Link(_)) | None => {}
                }
            }
        }
        for (index, package) in graph.packages.iter().enumerate() {
            view.by_name.entry(package.name.as_str()).or_default().push(index);
        }
        view
    }

    /// Every point: importers, then packages.
    fn nodes(&self) -> impl Iterator<Item = Node> + use<'g> {
        let importers = (0..self.graph.importers.len()).map(Node::Importer);
        importers.chain((0..self.graph.packages.len()).map(Node::Package))
    }

    /// What a point needs.
    fn edges(&self, node: Node) -> &'g [Edge] {
        match node {
            Node::Importer(index) => &self.graph.importers[index].dependencies,
            Node::Package(index) => &self.graph.packages[index].dependencies,
        }
    }

    /// Who needs a point.
    pub fn uses(&self, node: Node) -> &[Use<'g>] {
        match node {
            Node::Importer(index) => &self.of_importers[index],
            Node::Package(index) => &self.of_packages[index],
        }
    }

    /// How a point is called: `react 19.0.0`, with its peers where the lock has several entries of that version; an importer
    /// by its name and path.
    pub fn label(&self, node: Node) -> String {
        match node {
            Node::Importer(index) => {
                let importer = &self.graph.importers[index];
                match (&importer.name, importer.path.as_str()) {
                    (Some(name), ".") => name.clone(),
                    (Some(name), path) => format!("{name} ({path})"),
                    (None, ".") => "the project".to_owned(),
                    (None, path) => path.to_owned(),
                }
            }
            Node::Package(index) => {
                let package = &self.graph.packages[index];
                let same = |other: &&PackageIndex| self.graph.packages[**other].version == package.version;
                let named = &self.by_name[package.name.as_str()];
                let several = named.iter().filter(same).count() > 1;
                let mut label = format!("{} {}", package.name, package.version);
                if several && !package.peers.is_empty() {
                    let peers: Vec<String> = package
                        .peers
                        .iter()
                        .map(|(name, version)| format!("{name} {version}"))
                        .collect();
                    label.push_str(&format!(" (with {})", peers.join(", ")));
                }
                label
            }
        }
    }

    /// The shortest chain of needs from an importer to a point, first need first; `None` where nothing leads there, empty for
    /// an importer.
    pub fn shortest_chain(&self, to: Node) -> Option<Vec<Use<'g>>> {
        let mut next: FxHashMap<Node, Option<(Use<'g>, Node)>> = FxHashMap::from_iter([(to, None)]);
        let mut waiting = VecDeque::from([to]);
        while let Some(node) = waiting.pop_front() {
            if matches!(node, Node::Importer(_)) {
                return Some(chain(&next, node));
            }
            for one in self.uses(node) {
                if let Entry::Vacant(slot) = next.entry(one.by) {
                    slot.insert(Some((*one, node)));
                    waiting.push_back(one.by);
                }
            }
        }
        None
    }
}

fn chain<'g>(next: &FxHashMap<Node, Option<(Use<'g>, Node)>>, from: Node) -> Vec<Use<'g>> {
    let mut chain = Vec::new();
    let mut node = from;
    while let Some(Some((one, after))) = next.get(&node) {
        chain.push(*one);
        node = *after;
    }
    chain
}
