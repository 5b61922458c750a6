//! A graph as nested `node_modules` folders, as npm lays it out: each package as far up as it can go without hiding what others
//! see, and nowhere where it would see other peers than the graph says.
//!
//! Invariant: for every edge between selected packages, node's lookup from the place of the one finds the other: upwards through
//! `node_modules` folders, links followed to where they point. Source: nodejs.org, "Loading from node_modules folders".

use std::collections::{BTreeMap, VecDeque};

use rustc_hash::{FxHashMap, FxHashSet};
use wharf_ecosystem::npm::{Edge, EdgeKind, Graph, PackageIndex, To};

/// Whether members of the workspace are linked into the root's `node_modules` although nobody there asks for them, as npm does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Members {
    /// Every member that has a name.
    #[default]
    Linked,
    /// Those that are asked for.
    AsNeeded,
}

/// Something in a `node_modules` folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Placement {
    /// Relative to the project's root: `node_modules/a/node_modules/b`, `packages/x/node_modules/c`.
    pub path: String,
    /// What is there.
    pub what: Placed,
}

/// What is at a place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Placed {
    /// The files of a package.
    Package(PackageIndex),
    /// A link to an importer's folder.
    Importer(usize),
    /// A link to a folder, relative to the project's root or absolute.
    Folder(String),
    /// A link to another place, above this one: packages that need each other in a circle of conflicting versions would nest
    /// without end otherwise.
    Above(String),
}

/// Lays out the selected packages of a graph. Sorted by path.
pub fn hoist(graph: &Graph, selected: &[bool], members: Members) -> Vec<Placement> {
    let mut layout = Layout::new(graph, selected);
    for folder in 0..layout.folders.len() {
        layout.fill(folder);
        if members == Members::Linked && layout.folders[folder].content == Content::Importer(layout.root()) {
            layout.link_members(folder);
        }
    }
    while let Some(folder) = layout.queue.pop_front() {
        layout.fill(folder);
    }
    let mut placements = layout.placements();
    placements.sort_unstable();
    placements
}

type FolderId = usize;

/// A folder that has, or may have, a `node_modules` of its own.
struct Folder {
    /// Whose `node_modules` it is in, or the folder of the importer above it.
    parent: Option<FolderId>,
    path: String,
    content: Content,
    /// What its `node_modules` holds.
    children: FxHashMap<String, FolderId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    /// An importer's own folder.
    Importer(usize),
    Package(PackageIndex),
    LinkToImporter(usize),
    LinkToFolder(String),
    LinkAbove(FolderId),
    /// A package that comes inside the archive of the one above.
    Bundled,
}

/// What a package needs to find above itself: its peers and those of what it needs, by name.
type Above = BTreeMap<String, To>;

struct Layout<'g> {
    graph: &'g Graph,
    selected: &'g [bool],
    above: Vec<Above>,
    folders: Vec<Folder>,
    queue: VecDeque<FolderId>,
    /// Names that are looked for through a folder and found above it: nothing may be placed there under them.
    passed: FxHashSet<(FolderId, String)>,
}

impl<'g> Layout<'g> {
    fn new(graph: &'g Graph, selected: &'g [bool]) -> Self {
        let mut layout = Self {
            graph,
            selected,
            above: needs_above(graph, selected),
            folders: Vec::new(),
            queue: VecDeque::new(),
            passed: FxHashSet::default(),
        };
        let mut order: Vec<usize> = (0..graph.importers.len()).collect();
        order.sort_by_key(|&index| {
            (
                depth(&graph.importers[index].path),
                graph.importers[index].path.clone(),
            )
        });
        for index in order {
            layout.add_importer(index);
        }
        layout
    }

    /// The importer at the project's root.
    fn root(&self) -> usize {
        self.graph
            .importers
            .iter()
            .position(|importer| importer.path == ".")
            .unwrap_or(usize::MAX)
    }

    fn add_importer(&mut self, index: usize) {
        let path = &self.graph.importers[index].path;
        let inside = |folder: &Folder| {
            let outer = folder.path.as_str();
            (outer.is_empty() && !path.starts_with("..") && !path.starts_with('/'))
                || path.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
        };
        let parent = (0..self.folders.len())
            .rev()
            .find(|&folder| inside(&self.folders[folder]));
        self.folders.push(Folder {
            parent,
            path: if path == "." { String::new() } else { path.clone() },
            content: Content::Importer(index),
            children: FxHashMap::default(),
        });
    }

    fn link_members(&mut self, root: FolderId) {
        for (index, importer) in self.graph.importers.iter().enumerate() {
            let Some(name) = importer.name.as_ref().filter(|_| importer.path != ".") else {
                continue;
            };
            if !self.folders[root].children.contains_key(name) {
                self.add(root, name, Content::LinkToImporter(index));
            }
        }
    }

    /// Places what the content of a folder needs.
    fn fill(&mut self, folder: FolderId) {
        let graph = self.graph;
        let edges: &[Edge] = match self.folders[folder].content {
            Content::Importer(index) => &graph.importers[index].dependencies,
            Content::Package(index) => {
                for name in &graph.packages[index].bundled {
                    self.add(folder, name, Content::Bundled);
                }
                &graph.packages[index].dependencies
            }
            _ => return,
        };
        for position in self.providers_first(edges) {
            let edge = &edges[position];
            if let Some(to) = edge.to.as_ref().filter(|to| self.is_selected(to)) {
                self.place(folder, &edge.alias, to);
            }
        }
    }

    fn is_selected(&self, to: &To) -> bool {
        match to {
            To::Package(package) => self.selected.get(*package).copied().unwrap_or(false),
            To::Importer(_) | To::Link(_) => true,
        }
    }

    /// The edges in an order in which those that others look for above themselves come before these; else by alias.
    fn providers_first(&self, edges: &[Edge]) -> Vec<usize> {
        let by_alias: FxHashMap<&str, usize> = edges
            .iter()
            .enumerate()
            .map(|(position, edge)| (edge.alias.as_str(), position))
            .collect();
        let arcs: Vec<Vec<usize>> = edges
            .iter()
            .map(|edge| match &edge.to {
                Some(To::Package(package)) => self.above[*package]
                    .keys()
                    .filter_map(|name| by_alias.get(name.as_str()).copied())
                    .collect(),
                Some(To::Importer(_) | To::Link(_)) | None => Vec::new(),
            })
            .collect();
        let mut order: Vec<usize> = (0..edges.len()).collect();
        // Peers of the package itself are above it, or have to be put where all it needs can see them.
        order.sort_by_key(|&position| {
            !matches!(edges[position].kind, EdgeKind::Peer | EdgeKind::OptionalPeer)
        });
        let mut done = Vec::with_capacity(edges.len());
        let mut taken = vec![false; edges.len()];
        for start in order {
            let mut stack = vec![(start, false)];
            while let Some((position, leave)) = stack.pop() {
                if leave {
                    done.push(position);
                } else if !std::mem::replace(&mut taken[position], true) {
                    stack.push((position, true));
                    stack.extend(arcs[position].iter().rev().map(|&next| (next, false)));
                }
            }
        }
        done
    }

    /// What node finds under a name, looking from inside `from` upwards, and in whose `node_modules`.
    fn lookup(&self, from: FolderId, name: &str) -> Option<(FolderId, FolderId)> {
        let mut at = Some(from);
        while let Some(folder) = at {
            if let Some(&found) = self.folders[folder].children.get(name) {
                return Some((folder, found));
            }
            at = self.folders[folder].parent;
        }
        None
    }

    fn is(&self, folder: FolderId, to: &To) -> bool {
        match (&self.folders[folder].content, to) {
            (Content::Package(here), To::Package(there)) => here == there,
            (Content::LinkToImporter(here), To::Importer(there)) => here == there,
            (Content::LinkToFolder(here), To::Link(there)) => here == there,
            (Content::LinkAbove(above), to) => self.is(*above, to),
            _ => false,
        }
    }

    fn place(&mut self, from: FolderId, alias: &str, to: &To) {
        if let Some((holder, found)) = self.lookup(from, alias)
            && self.is(found, to)
        {
            self.pass(from, holder, alias);
            return;
        }
        let place = self.highest_place(from, alias, to);
        self.pass(from, place, alias);
        let content = match to {
            To::Importer(importer) => Content::LinkToImporter(*importer),
            To::Link(path) => Content::LinkToFolder(path.clone()),
            To::Package(package) => match self.ancestor(place, *package) {
                Some(above) => Content::LinkAbove(above),
                None => Content::Package(*package),
            },
        };
        let folder = self.add(place, alias, content);
        self.queue.push_back(folder);
    }

    /// The place of a package above a folder, or the folder itself.
    fn ancestor(&self, from: FolderId, package: PackageIndex) -> Option<FolderId> {
        let mut at = Some(from);
        while let Some(folder) = at {
            if self.folders[folder].content == Content::Package(package) {
                return Some(folder);
            }
            at = self.folders[folder].parent;
        }
        None
    }

    /// The highest folder whose `node_modules` can take a name, so that it is found from `from`.
    fn highest_place(&self, from: FolderId, alias: &str, to: &To) -> FolderId {
        let mut best = None;
        let mut at = Some(from);
        while let Some(folder) = at {
            if self.folders[folder].children.contains_key(alias) {
                break;
            }
            let free = !self.passed.contains(&(folder, alias.to_owned()));
            if free && self.sees_peers(folder, alias, to) {
                best = Some(folder);
            }
            at = self.folders[folder].parent;
        }
        best.unwrap_or(from)
    }

    /// Whether a package in `folder`'s `node_modules` finds above itself what the graph says, as far as that is there already.
    fn sees_peers(&self, folder: FolderId, alias: &str, to: &To) -> bool {
        let To::Package(package) = to else { return true };
        self.above[*package].iter().all(|(name, wanted)| {
            name == alias
                || self
                    .lookup(folder, name)
                    .is_none_or(|(_, found)| self.is(found, wanted))
        })
    }

    /// Remembers that `alias` is looked for from `from` and found in `holder`.
    fn pass(&mut self, from: FolderId, holder: FolderId, alias: &str) {
        let mut at = from;
        while at != holder {
            self.passed.insert((at, alias.to_owned()));
            match self.folders[at].parent {
                Some(parent) => at = parent,
                None => return,
            }
        }
    }

    fn add(&mut self, parent: FolderId, alias: &str, content: Content) -> FolderId {
        let above = &self.folders[parent].path;
        let path = match above.is_empty() {
            true => format!("node_modules/{alias}"),
            false => format!("{above}/node_modules/{alias}"),
        };
        let id = self.folders.len();
        self.folders.push(Folder {
            parent: Some(parent),
            path,
            content,
            children: FxHashMap::default(),
        });
        self.folders[parent].children.insert(alias.to_owned(), id);
        id
    }

    fn placements(&self) -> Vec<Placement> {
        let placed = |folder: &Folder| {
            let what = match &folder.content {
                Content::Importer(_) | Content::Bundled => return None,
                Content::Package(package) => Placed::Package(*package),
                Content::LinkToImporter(importer) => Placed::Importer(*importer),
                Content::LinkToFolder(path) => Placed::Folder(path.clone()),
                Content::LinkAbove(above) => Placed::Above(self.folders[*above].path.clone()),
            };
            Some(Placement {
                path: folder.path.clone(),
                what,
            })
        };
        self.folders.iter().filter_map(placed).collect()
    }
}

fn depth(path: &str) -> usize {
    match path {
        "." => 0,
        path => path.split('/').count(),
    }
}

/// For each package what it needs to find above itself.
fn needs_above(graph: &Graph, selected: &[bool]) -> Vec<Above> {
    let mut above: Vec<Above> = vec![Above::new(); graph.packages.len()];
    let mut dependents: Vec<Vec<PackageIndex>> = vec![Vec::new(); graph.packages.len()];
    let mut queue: Vec<PackageIndex> = Vec::new();
    let is_selected = |to: &To| match to {
        To::Package(package) => selected.get(*package).copied().unwrap_or(false),
        To::Importer(_) | To::Link(_) => true,
    };
    for (index, package) in graph.packages.iter().enumerate() {
        for edge in &package.dependencies {
            let Some(to) = edge.to.as_ref().filter(|to| is_selected(to)) else {
                continue;
            };
            if is_met(edge) {
                above[index].insert(edge.alias.clone(), to.clone());
            } else if let To::Package(to) = to {
                dependents[*to].push(index);
            }
        }
        if !above[index].is_empty() {
            queue.push(index);
        }
    }
    while let Some(index) = queue.pop() {
        let needs: Vec<(String, To)> = above[index]
            .iter()
            .map(|(name, to)| (name.clone(), to.clone()))
            .collect();
        for &dependent in &dependents[index] {
            let package = &graph.packages[dependent];
            let mut more = false;
            for (name, to) in &needs {
                let own = package
                    .dependencies
                    .iter()
                    .any(|edge| !is_met(edge) && edge.alias == *name);
                if !own && *to != To::Package(dependent) && !above[dependent].contains_key(name) {
                    above[dependent].insert(name.clone(), to.clone());
                    more = true;
                }
            }
            if more {
                queue.push(dependent);
            }
        }
    }
    above
}

/// Whether an edge is a peer that the package itself asks for: found above it. One that was added below it for others is not.
fn is_met(edge: &Edge) -> bool {
    matches!(edge.kind, EdgeKind::Peer | EdgeKind::OptionalPeer) && !edge.range.is_empty()
}
