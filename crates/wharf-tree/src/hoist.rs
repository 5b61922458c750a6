//! A graph as nested `node_modules` folders, as npm lays it out: each package as far up as it can go without hiding what others
//! see, and nowhere where it would see other peers than the graph says. [`hoist()`] lays them where the importers are, as npm does;
//! [`apart()`] in a folder of their own, each package once.
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
    /// A link to the place where the same package has its files. As npm lays packages out, that is above this one: packages
    /// that need each other in a circle of conflicting versions would nest without end otherwise.
    Again(String),
}

/// What is laid out [`apart()`] from the importers.
#[derive(Clone, Copy, Debug)]
pub struct Apart<'g> {
    /// All packages.
    pub graph: &'g Graph,
    /// For each package whether it is installed.
    pub selected: &'g [bool],
    /// For each importer whether its needs count.
    pub importers: &'g [bool],
    /// Kinds of an importer's needs that do not.
    pub omit: &'g [EdgeKind],
    /// For each package whether its files and its needs lie elsewhere: it is linked, and nothing is laid out for it.
    pub elsewhere: &'g [bool],
    /// For each package the first one that is just the same in this selection; mostly itself.
    pub same: &'g [PackageIndex],
    /// Whether a name can be a folder of `node_modules`; what is asked for by another is left out.
    pub is_name: fn(&str) -> bool,
}

/// A layout apart from the importers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaidApart<'g> {
    /// Sorted by path. `node_modules/a` is seen by all, `2/node_modules/a` is one that a member asks for, or what that one needs
    /// otherwise than all others.
    pub placements: Vec<Placement>,
    /// For each package the place of its files; `None` where they lie elsewhere or nobody needs it.
    pub places: Vec<Option<String>>,
    /// Every name that something is known by, and what all see under it.
    pub names: BTreeMap<&'g str, PackageIndex>,
}

/// Lays out the selected packages of a graph. Sorted by path.
pub fn hoist(graph: &Graph, selected: &[bool], members: Members) -> Vec<Placement> {
    let mut layout = Layout::new(graph, selected);
    layout.add_importers();
    for folder in 0..layout.folders.len() {
        layout.fill(folder);
        if members == Members::Linked && layout.folders[folder].content == Content::Importer(layout.root()) {
            layout.link_members(folder);
        }
    }
    layout.fill_queue();
    layout.placements()
}

/// Lays out the selected packages below a folder that no importer lies in: in its `node_modules`, nested where versions differ;
/// what a member of the workspace asks for, and the project does not, in a `node_modules` by itself. Each package has its files once; whoever does not find
/// it above gets a link. Every name that something is known by is found from everywhere.
pub fn apart<'g>(request: Apart<'g>) -> LaidApart<'g> {
    let mut layout = Layout::new(request.graph, request.selected);
    layout.apart = Some(request);
    layout.above = needs_above(request.graph, request.selected, request.elsewhere);
    let shared = layout.push(None, String::new(), Content::Shared);
    let counts = |index: &usize| request.importers.get(*index).copied().unwrap_or(true);
    let importers = (0..request.graph.importers.len()).filter(counts);
    let (root, members): (Vec<usize>, Vec<usize>) = importers.partition(|index| *index == layout.root());
    for index in root {
        let own = layout.push(Some(shared), "0".to_owned(), Content::Importer(index));
        layout.fill_with(own, &request.graph.importers[index].dependencies);
    }
    for index in members {
        layout.stand_alone(shared, index);
    }
    layout.fill_queue();
    layout.add_names(shared);
    let place = |package: PackageIndex| {
        let folder = layout.first.get(&layout.same(package))?;
        Some(layout.folders[*folder].path.clone())
    };
    let names = layout.folders[shared].children.iter();
    LaidApart {
        placements: layout.placements(),
        places: (0..request.graph.packages.len()).map(place).collect(),
        names: names
            .filter_map(|(name, folder)| Some((*name, layout.package_at(*folder)?)))
            .collect(),
    }
}

type FolderId = usize;

/// A folder that has, or may have, a `node_modules` of its own.
struct Folder<'g> {
    /// Whose `node_modules` it is in, or the folder of the importer above it.
    parent: Option<FolderId>,
    path: String,
    content: Content,
    /// What its `node_modules` holds.
    children: FxHashMap<&'g str, FolderId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    /// The folder whose `node_modules` all see, where packages lie apart.
    Shared,
    /// An importer's own folder, or what stands for it where packages lie apart.
    Importer(usize),
    Package(PackageIndex),
    LinkToImporter(usize),
    LinkToFolder(String),
    LinkTo(FolderId),
    /// A package that comes inside the archive of the one above.
    Bundled,
}

/// What a package needs to find above itself: its peers and those of what it needs, by name.
type Above = BTreeMap<String, To>;

struct Layout<'g> {
    graph: &'g Graph,
    selected: &'g [bool],
    /// What is asked where packages lie apart.
    apart: Option<Apart<'g>>,
    above: Vec<Above>,
    folders: Vec<Folder<'g>>,
    queue: VecDeque<FolderId>,
    /// Names that are looked for through a folder and found above it: nothing may be placed there under them.
    passed: FxHashSet<(FolderId, &'g str)>,
    /// Where packages lie apart, the folder of each.
    first: FxHashMap<PackageIndex, FolderId>,
    /// How many of them stand by themselves.
    stands: usize,
}

impl<'g> Layout<'g> {
    fn new(graph: &'g Graph, selected: &'g [bool]) -> Self {
        Self {
            graph,
            selected,
            apart: None,
            above: Vec::new(),
            folders: Vec::new(),
            queue: VecDeque::new(),
            passed: FxHashSet::default(),
            first: FxHashMap::default(),
            stands: 0,
        }
    }

    /// The folders of all importers, outer ones first.
    fn add_importers(&mut self) {
        self.above = needs_above(self.graph, self.selected, &[]);
        let mut order: Vec<usize> = (0..self.graph.importers.len()).collect();
        order.sort_by_key(|&index| {
            let path = &self.graph.importers[index].path;
            (depth(path), path)
        });
        for index in order {
            self.add_importer(index);
        }
    }

    fn push(&mut self, parent: Option<FolderId>, path: String, content: Content) -> FolderId {
        self.folders.push(Folder {
            parent,
            path,
            content,
            children: FxHashMap::default(),
        });
        self.folders.len() - 1
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
        let inside = |folder: &Folder<'_>| {
            let outer = folder.path.as_str();
            (outer.is_empty() && !path.starts_with("..") && !path.starts_with('/'))
                || path.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
        };
        let parent = (0..self.folders.len())
            .rev()
            .find(|&folder| inside(&self.folders[folder]));
        let path = if path == "." { String::new() } else { path.clone() };
        self.push(parent, path, Content::Importer(index));
    }

    fn link_members(&mut self, root: FolderId) {
        let graph = self.graph;
        for (index, importer) in graph.importers.iter().enumerate() {
            let Some(name) = importer.name.as_deref().filter(|_| importer.path != ".") else {
                continue;
            };
            if !self.folders[root].children.contains_key(name) {
                self.add(root, name, Content::LinkToImporter(index));
            }
        }
    }

    fn fill_queue(&mut self) {
        while let Some(folder) = self.queue.pop_front() {
            self.fill(folder);
        }
    }

    /// Places what the content of a folder needs.
    fn fill(&mut self, folder: FolderId) {
        let graph = self.graph;
        match self.folders[folder].content {
            Content::Importer(index) => self.fill_with(folder, &graph.importers[index].dependencies),
            Content::Package(index) => {
                for name in &graph.packages[index].bundled {
                    self.add(folder, name, Content::Bundled);
                }
                self.fill_with(folder, &graph.packages[index].dependencies);
            }
            _ => {}
        }
    }

    fn fill_with(&mut self, folder: FolderId, edges: &'g [Edge]) {
        let is_importer = matches!(self.folders[folder].content, Content::Importer(_));
        for position in self.providers_first(edges) {
            let edge = &edges[position];
            let to = self.answer(edge, is_importer);
            // Folders of the project that an importer asks for are linked in its own `node_modules` and nowhere else.
            let is_out = |to: &&To| is_importer && self.apart.is_some() && !matches!(to, To::Package(_));
            if let Some(to) = to.filter(|to| !is_out(to)) {
                self.place(folder, &edge.alias, to);
            }
        }
    }

    /// What answers a need, unless that is left out.
    fn answer(&self, edge: &'g Edge, of_importer: bool) -> Option<&'g To> {
        let is_out = |apart: Apart<'_>| {
            (of_importer && apart.omit.contains(&edge.kind)) || !(apart.is_name)(&edge.alias)
        };
        let to = edge.to.as_ref()?;
        (self.is_selected(to) && !self.apart.is_some_and(is_out)).then_some(to)
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
            (Content::Package(here), To::Package(there)) => self.same(*here) == self.same(*there),
            (Content::LinkToImporter(here), To::Importer(there)) => here == there,
            (Content::LinkToFolder(here), To::Link(there)) => here == there,
            (Content::LinkTo(place), to) => self.is(*place, to),
            _ => false,
        }
    }

    /// The package that stands for all that are just the same.
    fn same(&self, package: PackageIndex) -> PackageIndex {
        let first = self.apart.and_then(|apart| apart.same.get(package));
        first.copied().unwrap_or(package)
    }

    fn lies_elsewhere(&self, package: PackageIndex) -> bool {
        let elsewhere = self.apart.and_then(|apart| apart.elsewhere.get(package));
        elsewhere.copied().unwrap_or_default()
    }

    fn place(&mut self, from: FolderId, alias: &'g str, to: &To) {
        if self.folders[from].children.contains_key(alias) {
            return; // it comes inside the archive
        }
        if let Some((holder, found)) = self.lookup(from, alias)
            && self.is(found, to)
        {
            self.pass(from, holder, alias);
            return;
        }
        let place = self.highest_place(from, alias, to);
        self.pass(from, place, alias);
        let content = self.content(place, to);
        let lies_here = matches!(content, Content::Package(package) if !self.lies_elsewhere(package));
        let folder = self.add(place, alias, content);
        if let To::Package(package) = to
            && lies_here
        {
            if self.apart.is_some() {
                self.first.insert(self.same(*package), folder);
            }
            self.queue.push_back(folder);
        }
    }

    /// What comes to lie in a folder.
    fn content(&self, place: FolderId, to: &To) -> Content {
        match to {
            To::Importer(importer) => Content::LinkToImporter(*importer),
            To::Link(path) => Content::LinkToFolder(path.clone()),
            To::Package(package) => match self.files_of(place, *package) {
                Some(there) => Content::LinkTo(there),
                None => Content::Package(*package),
            },
        }
    }

    /// Where a package has its files, if another place of it is to be a link to there.
    fn files_of(&self, place: FolderId, package: PackageIndex) -> Option<FolderId> {
        match self.apart {
            Some(_) => self.first.get(&self.same(package)).copied(),
            None => self.ancestor(place, package),
        }
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
    fn highest_place(&self, from: FolderId, alias: &'g str, to: &To) -> FolderId {
        // What is linked where packages lie apart looks for its peers from where its files are.
        let is_link = self.apart.is_some()
            && matches!(to, To::Package(package)
                if self.lies_elsewhere(*package) || self.first.contains_key(&self.same(*package)));
        let mut best = None;
        let mut at = Some(from);
        while let Some(folder) = at {
            if self.folders[folder].children.contains_key(alias) {
                break;
            }
            let free = !self.passed.contains(&(folder, alias));
            if free && (is_link || self.sees_peers(folder, alias, to)) {
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
    fn pass(&mut self, from: FolderId, holder: FolderId, alias: &'g str) {
        let mut at = from;
        while at != holder {
            self.passed.insert((at, alias));
            match self.folders[at].parent {
                Some(parent) => at = parent,
                None => return,
            }
        }
    }

    fn add(&mut self, parent: FolderId, alias: &'g str, content: Content) -> FolderId {
        let above = &self.folders[parent].path;
        let path = match above.is_empty() {
            true => format!("node_modules/{alias}"),
            false => format!("{above}/node_modules/{alias}"),
        };
        let id = self.push(Some(parent), path, content);
        self.folders[parent].children.insert(alias, id);
        id
    }

    /// Places what a member asks for, each package in a folder of its own, to which everybody links who needs it. `npm ls` and its
    /// like take a folder that a member's link leads to for nobody else's, if it lies where others find it.
    fn stand_alone(&mut self, shared: FolderId, importer: usize) {
        let edges = &self.graph.importers[importer].dependencies;
        for position in self.providers_first(edges) {
            let edge = &edges[position];
            let Some(To::Package(package)) = self.answer(edge, true) else {
                continue;
            };
            let (package, same) = (*package, self.same(*package));
            if self.lies_elsewhere(package) || self.first.contains_key(&same) {
                continue;
            }
            self.stands += 1;
            let own = self.push(Some(shared), self.stands.to_string(), Content::Importer(importer));
            let folder = self.add(own, &edge.alias, Content::Package(package));
            self.first.insert(same, folder);
            self.queue.push_back(folder);
        }
    }

    /// Links every name that something is known by where all see it, nearest to the importers first.
    fn add_names(&mut self, shared: FolderId) {
        let graph = self.graph;
        let mut seen = FxHashSet::default();
        let mut pending: VecDeque<(&'g [Edge], bool)> = VecDeque::new();
        for (index, importer) in graph.importers.iter().enumerate() {
            let counts = |apart: Apart<'_>| apart.importers.get(index).copied().unwrap_or(true);
            if self.apart.is_none_or(counts) {
                pending.push_back((&importer.dependencies, true));
            }
        }
        while let Some((edges, of_importer)) = pending.pop_front() {
            for edge in edges {
                let Some(to @ To::Package(package)) = self.answer(edge, of_importer) else {
                    continue;
                };
                if !self.folders[shared].children.contains_key(&*edge.alias) {
                    let content = self.content(shared, to);
                    self.add(shared, &edge.alias, content);
                }
                if seen.insert(*package) {
                    pending.push_back((&graph.packages[*package].dependencies, false));
                }
            }
        }
    }

    /// The package that a place has, or leads to.
    fn package_at(&self, folder: FolderId) -> Option<PackageIndex> {
        match self.folders[folder].content {
            Content::Package(package) => Some(package),
            Content::LinkTo(place) => self.package_at(place),
            _ => None,
        }
    }

    /// All places, sorted.
    fn placements(&self) -> Vec<Placement> {
        let placed = |folder: &Folder<'_>| {
            let what = match &folder.content {
                Content::Shared | Content::Importer(_) | Content::Bundled => return None,
                Content::Package(package) => Placed::Package(*package),
                Content::LinkToImporter(importer) => Placed::Importer(*importer),
                Content::LinkToFolder(path) => Placed::Folder(path.clone()),
                Content::LinkTo(place) => Placed::Again(self.folders[*place].path.clone()),
            };
            (!folder.parent.is_some_and(|parent| self.is_for_nobody(parent))).then(|| Placement {
                path: folder.path.clone(),
                what,
            })
        };
        let mut placements: Vec<Placement> = self.folders.iter().filter_map(placed).collect();
        placements.sort_unstable();
        placements
    }

    /// Whether nothing that looks for anything lies in what stands for an importer: its own `node_modules` has links enough.
    fn is_for_nobody(&self, folder: FolderId) -> bool {
        let folder = &self.folders[folder];
        let lies = |child: &FolderId| matches!(self.folders[*child].content, Content::Package(package) if !self.lies_elsewhere(package));
        let is_stand_in = self.apart.is_some() && matches!(folder.content, Content::Importer(_));
        is_stand_in && !folder.children.values().any(lies)
    }
}

fn depth(path: &str) -> usize {
    match path {
        "." => 0,
        path => path.split('/').count(),
    }
}

/// For each package what it needs to find above itself; nothing for those that look for it elsewhere.
fn needs_above(graph: &Graph, selected: &[bool], elsewhere: &[bool]) -> Vec<Above> {
    let mut above: Vec<Above> = vec![Above::new(); graph.packages.len()];
    let mut dependents: Vec<Vec<PackageIndex>> = vec![Vec::new(); graph.packages.len()];
    let mut queue: Vec<PackageIndex> = Vec::new();
    let is_selected = |to: &To| match to {
        To::Package(package) => selected.get(*package).copied().unwrap_or(false),
        To::Importer(_) | To::Link(_) => true,
    };
    let here = |index: &usize| !elsewhere.get(*index).copied().unwrap_or_default();
    for index in (0..graph.packages.len()).filter(here) {
        for edge in &graph.packages[index].dependencies {
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
