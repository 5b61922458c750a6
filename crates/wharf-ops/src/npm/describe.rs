//! What `tree`, `why` and `list` say of the npm part of a lock.

use std::collections::BTreeSet;

use wharf_core::{PackageName, PackageUrl};
use wharf_ecosystem::npm::{Edge, EdgeKind, Graph, Importer, To};
use wharf_project::NpmProject;
use wharf_project::lock::npm::{GraphView, Node};

use super::aliases::alias;
use crate::describe::{Direction, TreeRequest};
use crate::error::{Ignored, OpsError};
use crate::report::{ListEntry, TreeNode, WhyPath, WhyStep};
use crate::request::Selecting;
use crate::ways::shortest;

/// Why a package is in no lock of the project: it is not wanted where it is optional, or nobody asks for it. A name that looks like it
/// goes before a pattern that matches, unless the project itself asks for the package: a pattern matches slips as well.
pub(crate) fn not_locked(npm: &NpmProject, name: PackageName, near: Option<PackageName>) -> OpsError {
    let ignored = npm.ignored_optional();
    let mut own = npm.importers.iter().flat_map(|importer| &importer.requirements);
    let is_own = own.any(|asked| asked.is_ignored(&ignored) && asked.alias == name.as_str());
    match ignored.matches(name.as_str()) {
        true => OpsError::Ignored {
            why: match near {
                _ if is_own => Ignored::Own,
                Some(_) => Ignored::Slip,
                None => Ignored::Perhaps,
            },
            near: near.filter(|_| !is_own),
            name,
        },
        false => OpsError::NotLocked { name, near },
    }
}

/// The selected part of a graph, for looking at it.
pub(crate) struct View<'g> {
    graph: &'g Graph,
    selected: Vec<bool>,
    no_dev: bool,
    /// Who needs each package.
    uses: GraphView<'g>,
}

/// What a tree hangs below: an importer or a package.
type Children<'g> = Vec<&'g Edge>;

impl<'g> View<'g> {
    /// A view of what is selected.
    pub(crate) fn new(graph: &'g Graph, selected: Vec<bool>, selecting: &Selecting) -> Self {
        Self {
            graph,
            selected,
            no_dev: selecting.no_dev,
            uses: GraphView::new(graph),
        }
    }

    fn wanted(&self, edge: &Edge) -> bool {
        let importer_wants = !(self.no_dev && edge.kind == EdgeKind::Dev);
        let there = match edge.to {
            Some(To::Package(index)) => self.selected[index],
            Some(To::Importer(_) | To::Link(_)) => true,
            None => false,
        };
        importer_wants && there
    }

    fn edges(&self, edges: &'g [Edge]) -> Children<'g> {
        edges.iter().filter(|edge| self.wanted(edge)).collect()
    }

    /// The positions of a package's selected entries.
    pub(crate) fn named(&self, name: &PackageName) -> Vec<usize> {
        let all = self.graph.packages.iter().enumerate();
        all.filter(|(index, package)| self.selected[*index] && package.name == *name)
            .map(|(index, _)| index)
            .collect()
    }

    /// The tree from the importers, or from packages of some names.
    pub(crate) fn tree(&self, request: &TreeRequest, from: &[PackageName]) -> Vec<TreeNode> {
        let mut seen = BTreeSet::new();
        if !from.is_empty() {
            let nodes = from.iter().flat_map(|name| self.named(name));
            return match request.direction {
                Direction::Dependencies => nodes
                    .map(|index| self.package(index, None, request.depth, &mut seen))
                    .collect(),
                Direction::Dependents => nodes
                    .map(|index| self.inverted(index, Vec::new(), request.depth, &mut seen))
                    .collect(),
            };
        }
        let several = self.graph.importers.len() > 1;
        let mut roots = Vec::new();
        for importer in &self.graph.importers {
            let deeper = if several {
                less(request.depth)
            } else {
                request.depth
            };
            let children = self.children(&importer.dependencies, deeper, &mut seen);
            if several {
                roots.push(member(importer, children));
            } else {
                roots.extend(children);
            }
        }
        roots
    }

    fn children(&self, edges: &'g [Edge], depth: Option<usize>, seen: &mut BTreeSet<usize>) -> Vec<TreeNode> {
        let children = self.edges(edges).into_iter();
        children
            .map(|edge| match &edge.to {
                Some(To::Package(index)) => self.package(*index, Some(edge), depth, seen),
                Some(To::Importer(index)) => member(&self.graph.importers[*index], Vec::new()),
                Some(To::Link(path)) => node(&edge.alias, &format!("link:{path}")),
                None => node(&edge.alias, "missing"),
            })
            .collect()
    }

    fn package(
        &self,
        index: usize,
        asked: Option<&Edge>,
        depth: Option<usize>,
        seen: &mut BTreeSet<usize>,
    ) -> TreeNode {
        let package = &self.graph.packages[index];
        let first = seen.insert(index);
        let children = if first && depth != Some(0) {
            self.children(&package.dependencies, less(depth), seen)
        } else {
            Vec::new()
        };
        TreeNode {
            alias: asked.and_then(|edge| alias(edge, package)),
            repeated: !first && !package.dependencies.is_empty(),
            children,
            ..node(package.name.as_str(), &package.version)
        }
    }

    /// A package with those that need it. `calls_it` is what this one calls the package above it.
    fn inverted(
        &self,
        index: usize,
        calls_it: Vec<String>,
        depth: Option<usize>,
        seen: &mut BTreeSet<usize>,
    ) -> TreeNode {
        let package = &self.graph.packages[index];
        let first = seen.insert(index);
        let callers = self.callers(index);
        let is_needed = callers.iter().any(|(by, _)| matches!(by, Node::Package(_)));
        let mut children = Vec::new();
        if first && depth != Some(0) {
            let (mut packages, mut importers) = (Vec::new(), Vec::new());
            for (by, calls_it) in callers {
                match by {
                    Node::Package(at) => packages.push(self.inverted(at, calls_it, less(depth), seen)),
                    Node::Importer(at) => importers.push(TreeNode {
                        calls_it,
                        ..member(&self.graph.importers[at], Vec::new())
                    }),
                }
            }
            children = packages;
            children.extend(importers);
        }
        TreeNode {
            calls_it,
            repeated: !first && is_needed,
            children,
            ..node(package.name.as_str(), &package.version)
        }
    }

    /// Who needs a package, each once with the names that it has for it; none where that is only the package's own.
    fn callers(&self, index: usize) -> Vec<(Node, Vec<String>)> {
        let own = self.graph.packages[index].name.as_str();
        let mut callers: Vec<(Node, Vec<String>)> = Vec::new();
        for one in self.uses.uses(Node::Package(index)) {
            let counts = match one.by {
                Node::Package(by) => self.selected[by],
                Node::Importer(_) => self.wanted(one.edge),
            };
            match callers.last_mut().filter(|(by, _)| *by == one.by) {
                _ if !counts => {}
                // A need and a peer may have one name.
                Some((_, names)) if names.contains(&one.edge.alias) => {}
                Some((_, names)) => names.push(one.edge.alias.clone()),
                None => callers.push((one.by, vec![one.edge.alias.clone()])),
            }
        }
        for (_, names) in &mut callers {
            if names.iter().all(|name| name == own) {
                names.clear();
            }
        }
        callers
    }

    /// The selected packages; those that importers name are marked.
    pub(crate) fn list(&self) -> Vec<ListEntry> {
        let named: BTreeSet<usize> = self
            .graph
            .importers
            .iter()
            .flat_map(|importer| &importer.dependencies)
            .filter(|edge| !edge.range.is_empty() || edge.kind != EdgeKind::Peer)
            .filter_map(|edge| match edge.to {
                Some(To::Package(index)) => Some(index),
                _ => None,
            })
            .collect();
        let mut entries: Vec<ListEntry> = Vec::new();
        for (index, package) in self.graph.packages.iter().enumerate() {
            if !self.selected[index] {
                continue;
            }
            let entry = ListEntry {
                package: crate::names::short(&package.name),
                version: package.version.clone(),
                purl: PackageUrl::of(&package.name, Some(&package.version)).to_string(),
                source: crate::describe::source_words(&package.source),
                direct: named.contains(&index),
            };
            match entries
                .iter_mut()
                .rev()
                .find(|known| known.purl == entry.purl && known.source == entry.source)
            {
                Some(known) => known.direct |= entry.direct,
                None => entries.push(entry),
            }
        }
        entries
    }

    /// A member of the workspace, and who asks for it.
    pub(crate) fn why_member(&self, project: &NpmProject, name: &str) -> Option<(WhyStep, Vec<WhyPath>)> {
        let mut members = self.graph.importers.iter();
        let wanted = members.position(|one| one.name.as_deref() == Some(name))?;
        let member = WhyStep {
            package: format!("npm:{name}"),
            alias: None,
            version: format!("workspace:{}", self.graph.importers[wanted].path),
        };
        let mut paths = Vec::new();
        for importer in &self.graph.importers {
            let asks = |edge: &&Edge| matches!(edge.to, Some(To::Importer(to)) if to == wanted);
            for edge in importer.dependencies.iter().filter(asks) {
                paths.push(way(project, importer, edge, vec![member.clone()]));
            }
        }
        Some((member, paths))
    }

    /// The shortest way to a package from each requirement that leads there.
    pub(crate) fn why(&self, project: &NpmProject, name: &PackageName) -> Vec<WhyPath> {
        let mut paths = Vec::new();
        for importer in &self.graph.importers {
            for edge in importer.dependencies.iter() {
                let Some(To::Package(start)) = edge.to else {
                    continue;
                };
                let Some(steps) = self.shortest(edge, start, name) else {
                    continue;
                };
                paths.push(way(project, importer, edge, steps));
            }
        }
        paths
    }

    fn shortest(&self, asked: &Edge, start: usize, wanted: &PackageName) -> Option<Vec<WhyStep>> {
        let packages = &self.graph.packages;
        let needs = |at: usize| {
            packages[at].dependencies.iter().filter_map(|edge| match edge.to {
                Some(To::Package(next)) => Some(next),
                _ => None,
            })
        };
        let way = shortest(packages.len(), start, |at| packages[at].name == *wanted, needs)?;
        let edges = way.windows(2).map(|step| {
            let mut edges = packages[step[0]].dependencies.iter();
            edges.find(|edge| matches!(edge.to, Some(To::Package(to)) if to == step[1]))
        });
        let edges = std::iter::once(Some(asked)).chain(edges);
        let steps = way.iter().zip(edges).map(|(at, edge)| WhyStep {
            package: crate::names::short(&packages[*at].name),
            alias: edge.and_then(|edge| alias(edge, &packages[*at])),
            version: packages[*at].version.clone(),
        });
        Some(steps.collect())
    }
}

/// A way that begins with a requirement of an importer.
fn way(project: &NpmProject, importer: &Importer, edge: &Edge, steps: Vec<WhyStep>) -> WhyPath {
    let stated = project.importers.iter().find(|one| one.path == importer.path);
    let mut asked = stated.into_iter().flat_map(|one| &one.requirements);
    let requirement = asked.find(|asked| asked.alias == edge.alias);
    WhyPath {
        requirement: match requirement {
            Some(asked) => format!("{}@{}", asked.alias, asked.text),
            None => format!("{} (added for the peers of others)", edge.alias),
        },
        origin: requirement.map_or_else(|| importer.path.clone(), |asked| asked.origin.to_string()),
        group: match edge.kind {
            EdgeKind::Prod => String::new(),
            kind => kind.as_str().to_owned(),
        },
        steps,
    }
}

fn less(depth: Option<usize>) -> Option<usize> {
    depth.map(|depth| depth.saturating_sub(1))
}

fn node(name: &str, version: &str) -> TreeNode {
    TreeNode {
        package: format!("npm:{name}"),
        alias: None,
        calls_it: Vec::new(),
        version: version.to_owned(),
        extras: Vec::new(),
        repeated: false,
        children: Vec::new(),
    }
}

/// A member of the workspace as a node.
fn member(importer: &Importer, children: Vec<TreeNode>) -> TreeNode {
    let name = importer.name.as_deref().unwrap_or(&importer.path);
    TreeNode {
        children,
        ..node(name, &format!("workspace:{}", importer.path))
    }
}
