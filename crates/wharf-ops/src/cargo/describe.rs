//! What `tree`, `why` and `list` say of crates: those of a workspace's `Cargo.lock`, and those that tools are built from.
//!
//! Invariant: a tool's graph is its own; no edge leads from one graph into another.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use wharf_core::{PackageName, PackageUrl};
use wharf_ecosystem::cargo::{CargoLock, CrateName, DependencyKind, LockedCrate, LockedId};
use wharf_project::{CargoProject, CargoTools, Lock, LockedTool, Project};

use super::workspace;
use crate::describe::{Direction, TreeRequest};
use crate::error::OpsError;
use crate::names;
use crate::report::{ListEntry, TreeNode, WhyPath, WhyStep};
use crate::request::Selecting;
use crate::ways::shortest;

/// The crates of a project: graphs that know nothing of each other.
pub(crate) struct View<'l> {
    graphs: Vec<Graph<'l>>,
}

/// One graph.
struct Graph<'l> {
    packages: Vec<&'l LockedCrate>,
    /// What each needs: positions.
    needs: Vec<Vec<usize>>,
    /// Who needs each.
    dependents: Vec<Vec<usize>>,
    roots: Roots<'l>,
}

/// What a graph hangs below.
enum Roots<'l> {
    /// The members of a workspace.
    Members(&'l CargoProject),
    /// A tool, and the requirement that asks for it.
    Tool(&'l LockedTool, Option<&'l CargoTools>),
}

/// The crates of a project, read.
pub(crate) struct Crates {
    workspace: Option<CargoLock>,
}

impl Crates {
    /// Reads the `Cargo.lock` of a project that has a workspace of crates.
    ///
    /// # Errors
    /// It cannot be read, or is not there.
    pub(crate) fn read(project: &Project) -> Result<Self, OpsError> {
        Ok(Self {
            workspace: workspace::standing(project)?,
        })
    }

    /// Every name that is locked.
    pub(crate) fn names<'a>(&'a self, lock: &'a Lock) -> impl Iterator<Item = &'a PackageName> {
        let workspace = self.workspace.iter().flat_map(|lock| &lock.packages);
        let tools = lock.cargo.iter().flat_map(|cargo| &cargo.tools);
        workspace
            .chain(tools.flat_map(LockedTool::all))
            .map(|package| &package.name)
    }

    /// For looking at it; `None` where the project has no crates.
    pub(crate) fn view<'l>(
        &'l self,
        project: &'l Project,
        lock: &'l Lock,
        selecting: &Selecting,
    ) -> Option<View<'l>> {
        let mut graphs = Vec::new();
        if let (Some(cargo), Some(locked)) = (&project.cargo, &self.workspace) {
            graphs.push(Graph::of_workspace(cargo, locked, selecting));
        }
        let tools = lock.cargo.iter().flat_map(|cargo| &cargo.tools);
        graphs.extend(tools.map(|tool| {
            Graph::new(
                tool.all().collect(),
                Roots::Tool(tool, project.cargo_tools.as_ref()),
            )
        }));
        (!graphs.is_empty()).then_some(View { graphs })
    }
}

impl View<'_> {
    /// The trees from the members and tools, or from one crate.
    pub(crate) fn tree(&self, request: &TreeRequest, from: Option<&PackageName>) -> Vec<TreeNode> {
        let mut trees = Vec::new();
        for graph in &self.graphs {
            let mut seen = BTreeSet::new();
            let starts = match from {
                Some(name) => graph.named(name),
                None => graph.starts(),
            };
            for at in starts {
                trees.push(graph.tree(at, request.depth, request.direction, &mut seen));
            }
        }
        trees
    }

    /// Every crate that comes from elsewhere; what the manifests name is marked.
    pub(crate) fn list(&self) -> Vec<ListEntry> {
        let mut entries: BTreeMap<(String, String), ListEntry> = BTreeMap::new();
        for graph in &self.graphs {
            let direct = graph.direct();
            for (at, package) in graph.packages.iter().enumerate() {
                let Some(source) = &package.source else { continue };
                let version = package.version.to_string();
                let purl = PackageUrl::of(&package.name, Some(&version)).to_string();
                let entry = entries
                    .entry((purl.clone(), source.to_string()))
                    .or_insert_with(|| ListEntry {
                        package: names::short(&package.name),
                        version,
                        purl,
                        source: source.to_string(),
                        direct: false,
                    });
                entry.direct |= direct.contains(&at);
            }
        }
        let mut entries: Vec<ListEntry> = entries.into_values().collect();
        entries.sort_by(|a, b| a.package.cmp(&b.package));
        entries
    }

    /// The versions of a crate, lowest first.
    pub(crate) fn versions(&self, name: &PackageName) -> Vec<String> {
        let packages = self.graphs.iter().flat_map(|graph| &graph.packages);
        let versions: BTreeSet<_> = packages
            .filter(|package| package.name == *name)
            .map(|package| &package.version)
            .collect();
        versions.into_iter().map(ToString::to_string).collect()
    }

    /// The shortest way to a crate from each requirement that leads there.
    pub(crate) fn why(&self, name: &PackageName) -> Vec<WhyPath> {
        self.graphs.iter().flat_map(|graph| graph.why(name)).collect()
    }

    /// The crates of registries with what is locked of each, and whether a manifest names it.
    pub(crate) fn indexed(&self) -> Vec<(&LockedCrate, bool)> {
        let mut found: BTreeMap<LockedId, (&LockedCrate, bool)> = BTreeMap::new();
        for graph in &self.graphs {
            let direct = graph.direct();
            // What a tool is built from moves with the tool alone.
            let own = |at: &usize| match graph.roots {
                Roots::Members(_) => true,
                Roots::Tool(..) => direct.contains(at),
            };
            for at in (0..graph.packages.len()).filter(own) {
                let package = graph.packages[at];
                if package
                    .source
                    .as_ref()
                    .is_some_and(wharf_ecosystem::cargo::SourceId::is_registry)
                {
                    found.entry(package.id()).or_insert((package, false)).1 |= direct.contains(&at);
                }
            }
        }
        found.into_values().collect()
    }
}

impl<'l> Graph<'l> {
    fn new(packages: Vec<&'l LockedCrate>, roots: Roots<'l>) -> Self {
        let places: BTreeMap<LockedId, usize> = packages
            .iter()
            .enumerate()
            .map(|(at, package)| (package.id(), at))
            .collect();
        let needs = packages.iter().map(|package| {
            let edges = package.dependencies.iter();
            edges
                .filter_map(|edge| places.get(edge).copied())
                .collect::<Vec<_>>()
        });
        let needs: Vec<Vec<usize>> = needs.collect();
        let mut dependents = vec![Vec::new(); packages.len()];
        for (at, needed) in needs.iter().enumerate() {
            for to in needed {
                dependents[*to].push(at);
            }
        }
        Self {
            packages,
            needs,
            dependents,
            roots,
        }
    }

    /// Without what only members' tests need, where that is asked.
    fn of_workspace(cargo: &'l CargoProject, lock: &'l CargoLock, selecting: &Selecting) -> Self {
        let mut graph = Self::new(lock.packages.iter().collect(), Roots::Members(cargo));
        if !selecting.no_dev {
            return graph;
        }
        for member in &cargo.members {
            let Some(at) = graph.member(&member.summary.name) else {
                continue;
            };
            let packages = &graph.packages;
            let stays = |to: &usize| {
                let package = packages[*to];
                member.summary.dependencies.iter().any(|dependency| {
                    dependency.kind != DependencyKind::Dev
                        && dependency.package == package.name
                        && dependency.accepts(&package.version)
                })
            };
            graph.needs[at].retain(stays);
        }
        let mut kept = BTreeSet::new();
        let mut queue: VecDeque<usize> = graph.starts().into();
        while let Some(at) = queue.pop_front() {
            if kept.insert(at) {
                queue.extend(&graph.needs[at]);
            }
        }
        let packages = kept.iter().map(|at| graph.packages[*at]).collect();
        let dropped = graph.needs;
        let old: Vec<usize> = kept.into_iter().collect();
        let place = |at: &usize| old.binary_search(at).ok();
        let mut smaller = Self::new(packages, Roots::Members(cargo));
        smaller.needs = old
            .iter()
            .map(|at| dropped[*at].iter().filter_map(place).collect())
            .collect();
        smaller.dependents = vec![Vec::new(); smaller.packages.len()];
        for (at, needed) in smaller.needs.iter().enumerate() {
            for to in needed {
                smaller.dependents[*to].push(at);
            }
        }
        smaller
    }

    fn member(&self, name: &CrateName) -> Option<usize> {
        self.packages
            .iter()
            .position(|package| package.name == *name && package.source.is_none())
    }

    /// The members, or the tool.
    fn starts(&self) -> Vec<usize> {
        match &self.roots {
            Roots::Members(cargo) => {
                let members = cargo.members.iter();
                members
                    .filter_map(|member| self.member(&member.summary.name))
                    .collect()
            }
            Roots::Tool(tool, _) => {
                let root = tool.root.id();
                self.packages
                    .iter()
                    .position(|package| package.id() == root)
                    .into_iter()
                    .collect()
            }
        }
    }

    fn named(&self, name: &PackageName) -> Vec<usize> {
        (0..self.packages.len())
            .filter(|at| self.packages[*at].name == *name)
            .collect()
    }

    /// What manifests name: the tool itself, or what members need.
    fn direct(&self) -> BTreeSet<usize> {
        match self.roots {
            Roots::Members(_) => self
                .starts()
                .into_iter()
                .flat_map(|at| self.needs[at].clone())
                .collect(),
            Roots::Tool(..) => self.starts().into_iter().collect(),
        }
    }

    fn tree(
        &self,
        at: usize,
        depth: Option<usize>,
        direction: Direction,
        seen: &mut BTreeSet<usize>,
    ) -> TreeNode {
        let package = self.packages[at];
        let next = match direction {
            Direction::Dependencies => &self.needs[at],
            Direction::Dependents => &self.dependents[at],
        };
        let first = seen.insert(at);
        let children = match first && depth != Some(0) {
            true => {
                let deeper = depth.map(|depth| depth.saturating_sub(1));
                next.iter()
                    .map(|to| self.tree(*to, deeper, direction, seen))
                    .collect()
            }
            false => Vec::new(),
        };
        TreeNode {
            package: names::short(&package.name),
            alias: None,
            calls_it: Vec::new(),
            version: package.version.to_string(),
            extras: Vec::new(),
            repeated: !first && !next.is_empty(),
            children,
        }
    }

    fn why(&self, name: &PackageName) -> Vec<WhyPath> {
        match &self.roots {
            Roots::Tool(tool, asked) => {
                let start = self.starts().into_iter().next();
                let steps = start.and_then(|start| self.shortest(start, name));
                let asked =
                    asked.and_then(|asked| asked.tools.iter().find(|one| one.name == tool.request.name));
                let path = steps.map(|steps| WhyPath {
                    requirement: tool.request.to_string(),
                    origin: asked.map_or_else(String::new, |asked| asked.origin.to_string()),
                    group: String::new(),
                    steps,
                });
                path.into_iter().collect()
            }
            Roots::Members(cargo) => self.why_members(cargo, name),
        }
    }

    fn why_members(&self, cargo: &CargoProject, name: &PackageName) -> Vec<WhyPath> {
        let mut paths = Vec::new();
        for member in &cargo.members {
            let Some(at) = self.member(&member.summary.name) else {
                continue;
            };
            for to in &self.needs[at] {
                let package = self.packages[*to];
                let Some(steps) = self.shortest(*to, name) else {
                    continue;
                };
                let asked = member.summary.dependencies.iter().find(|dependency| {
                    dependency.package == package.name && dependency.accepts(&package.version)
                });
                let Some(asked) = asked else { continue };
                paths.push(WhyPath {
                    requirement: format!("{} {}", asked.package, asked.req),
                    origin: member.text.path().display().to_string(),
                    group: match asked.kind {
                        DependencyKind::Normal => String::new(),
                        kind => kind.as_str().to_owned(),
                    },
                    steps,
                });
            }
        }
        paths
    }

    fn shortest(&self, start: usize, wanted: &PackageName) -> Option<Vec<WhyStep>> {
        let packages = &self.packages;
        let needs = |at: usize| self.needs[at].iter().copied();
        let way = shortest(packages.len(), start, |at| packages[at].name == *wanted, needs)?;
        let steps = way.into_iter().map(|at| WhyStep {
            package: names::short(&packages[at].name),
            alias: None,
            version: packages[at].version.to_string(),
        });
        Some(steps.collect())
    }
}
