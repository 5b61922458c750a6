//! Which packages of a graph are installed: by kind of need, by importer, and by machine.
//! Invariant: what is selected is closed: every required need of a selected package is selected or an importer.

use std::collections::BTreeSet;

use wharf_ecosystem::npm::platform::Machines;
use wharf_ecosystem::npm::{Edge, EdgeKind, Graph, NodeFit, Package, PackageIndex, To};

use crate::error::TreeError;
use crate::issue::Chain;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// What importers need to run.
    pub prod: bool,
    /// What importers need to be developed.
    pub dev: bool,
    /// What is optional, for importers and for packages.
    pub optional: bool,
    /// Paths of the importers; `None` for all.
    pub importers: Option<BTreeSet<String>>,
}

impl Default for Selection {
    /// Everything.
    fn default() -> Self {
        Self {
            prod: true,
            dev: true,
            optional: true,
            importers: None,
        }
    }
}

/// What is installed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// For each package of the graph whether it is installed.
    pub packages: Vec<bool>,
    /// For each importer whether it was asked for, or is linked by one that was.
    pub importers: Vec<bool>,
    /// Optional packages that were left out, and why in words; sorted.
    pub skipped: Vec<(PackageIndex, String)>,
}

/// Selects from `graph` what `selection` asks for on `machines`. An optional package for other machines, or for other versions of
/// `node`, is left out together with what only it needs; so is one that requires such a package.
///
/// # Errors
/// [`TreeError::Platform`] where something that is required is for other machines.
pub fn select(
    graph: &Graph,
    selection: &Selection,
    machines: &Machines,
    node: Option<&NodeFit>,
) -> Result<Selected, TreeError> {
    let unfit = unfit(graph, machines, node);
    let mut walk = Walk {
        graph,
        selection,
        unfit: &unfit,
        machines,
        selected: Selected {
            packages: vec![false; graph.packages.len()],
            importers: vec![false; graph.importers.len()],
            skipped: Vec::new(),
        },
        queue: Vec::new(),
        came_from: vec![None; graph.packages.len()],
    };
    for (index, importer) in graph.importers.iter().enumerate() {
        if selection
            .importers
            .as_ref()
            .is_none_or(|paths| paths.contains(&importer.path))
        {
            walk.importer(index).map_err(|refused| walk.refusal(refused))?;
        }
    }
    while let Some(package) = walk.queue.pop() {
        walk.package(package).map_err(|refused| walk.refusal(refused))?;
    }
    let mut selected = walk.selected;
    selected.skipped.sort_unstable();
    selected.skipped.dedup();
    let packages = &selected.packages;
    selected.skipped.retain(|(package, _)| !packages[*package]);
    Ok(selected)
}

/// For each package whether nothing but optional needs leads to it.
pub fn only_optional(graph: &Graph) -> Vec<bool> {
    let mut optional = vec![true; graph.packages.len()];
    let mut open: Vec<PackageIndex> = Vec::new();
    let mut need = |edges: &[Edge], open: &mut Vec<PackageIndex>| {
        for edge in edges {
            if let Some(To::Package(index)) = edge.to
                && !matches!(edge.kind, EdgeKind::Optional | EdgeKind::OptionalPeer)
                && std::mem::replace(&mut optional[index], false)
            {
                open.push(index);
            }
        }
    };
    for importer in &graph.importers {
        need(&importer.dependencies, &mut open);
    }
    while let Some(index) = open.pop() {
        need(&graph.packages[index].dependencies, &mut open);
    }
    optional
}

/// What a package asks for that the machine or its Node is not, in words.
fn asked_words(package: &Package, machines: &Machines) -> String {
    let platform = machines.why_not(&package.os, &package.cpu, &package.libc);
    platform.unwrap_or_else(|| match &package.engines_node {
        Some(engines) => format!("Node {engines}"),
        None => "other machines".to_owned(),
    })
}

/// For each package the one that does not fit the machine: itself, or one that it requires. What only optional needs lead to
/// has to fit the Node as well.
fn unfit(graph: &Graph, machines: &Machines, node: Option<&NodeFit>) -> Vec<Option<PackageIndex>> {
    let mut unfit: Vec<Option<PackageIndex>> = vec![None; graph.packages.len()];
    let mut dependents: Vec<Vec<PackageIndex>> = vec![Vec::new(); graph.packages.len()];
    let mut queue = Vec::new();
    let optional = only_optional(graph);
    let runs = |package: &Package| match (node, &package.engines_node) {
        (Some(node), Some(engines)) => node.runs(engines),
        _ => true,
    };
    for (index, package) in graph.packages.iter().enumerate() {
        let fits = machines.fit(&package.os, &package.cpu, &package.libc);
        if !fits || (optional[index] && !runs(package)) {
            unfit[index] = Some(index);
            queue.push(index);
        }
        for edge in &package.dependencies {
            if let (EdgeKind::Prod | EdgeKind::Peer, Some(To::Package(to))) = (edge.kind, &edge.to) {
                dependents[*to].push(index);
            }
        }
    }
    while let Some(index) = queue.pop() {
        for &dependent in &dependents[index] {
            if unfit[dependent].is_none() {
                unfit[dependent] = unfit[index];
                queue.push(dependent);
            }
        }
    }
    unfit
}

#[derive(Clone, Copy)]
enum Asker {
    Importer(usize),
    Package(PackageIndex),
}

/// A required package that is unfit, and who asks for it.
struct Refused {
    package: PackageIndex,
    asker: Asker,
}

struct Walk<'a> {
    graph: &'a Graph,
    selection: &'a Selection,
    unfit: &'a [Option<PackageIndex>],
    machines: &'a Machines,
    selected: Selected,
    queue: Vec<PackageIndex>,
    came_from: Vec<Option<Asker>>,
}

impl Walk<'_> {
    fn importer(&mut self, index: usize) -> Result<(), Refused> {
        let mut importers = vec![index];
        while let Some(index) = importers.pop() {
            if std::mem::replace(&mut self.selected.importers[index], true) {
                continue;
            }
            for edge in &self.graph.importers[index].dependencies {
                let wanted = match edge.kind {
                    EdgeKind::Prod | EdgeKind::Peer => self.selection.prod,
                    EdgeKind::Dev => self.selection.dev,
                    EdgeKind::Optional => self.selection.optional && self.selection.prod,
                    EdgeKind::OptionalPeer => false,
                };
                match &edge.to {
                    Some(To::Package(package)) if wanted => {
                        self.take(*package, edge.kind, Asker::Importer(index))?;
                    }
                    Some(To::Importer(other)) if wanted => importers.push(*other),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn package(&mut self, index: PackageIndex) -> Result<(), Refused> {
        for edge in &self.graph.packages[index].dependencies {
            let wanted = match edge.kind {
                EdgeKind::Prod | EdgeKind::Dev | EdgeKind::Peer => true,
                EdgeKind::Optional => self.selection.optional,
                // Whoever provides it needs it himself; the package alone does not.
                EdgeKind::OptionalPeer => false,
            };
            match &edge.to {
                Some(To::Package(package)) if wanted => {
                    self.take(*package, edge.kind, Asker::Package(index))?;
                }
                Some(To::Importer(importer)) if wanted => self.importer(*importer)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn take(&mut self, package: PackageIndex, kind: EdgeKind, asker: Asker) -> Result<(), Refused> {
        if self.selected.packages[package] {
            return Ok(());
        }
        if let Some(culprit) = self.unfit[package] {
            if kind == EdgeKind::Optional {
                self.selected
                    .skipped
                    .push((package, self.why_skipped(package, culprit)));
                return Ok(());
            }
            return Err(Refused { package, asker });
        }
        self.selected.packages[package] = true;
        self.came_from[package] = Some(asker);
        self.queue.push(package);
        Ok(())
    }

    fn why_skipped(&self, package: PackageIndex, culprit: PackageIndex) -> String {
        let words = asked_words(&self.graph.packages[culprit], self.machines);
        if package == culprit {
            format!("it asks for {words}")
        } else {
            format!(
                "it requires {}, which asks for {words}",
                self.graph.packages[culprit].label()
            )
        }
    }

    fn refusal(&self, refused: Refused) -> TreeError {
        let culprit = self.unfit[refused.package].expect("only unfit packages are refused");
        let mut steps = Vec::new();
        if culprit != refused.package {
            steps.push(self.graph.packages[refused.package].label());
        }
        let mut asker = Some(refused.asker);
        let mut importer = ".".to_owned();
        while let Some(at) = asker {
            match at {
                Asker::Importer(index) => {
                    importer.clone_from(&self.graph.importers[index].path);
                    asker = None;
                }
                Asker::Package(index) => {
                    steps.push(self.graph.packages[index].label());
                    asker = self.came_from[index];
                }
            }
        }
        steps.reverse();
        TreeError::Platform {
            package: self.graph.packages[culprit].label(),
            wanted: asked_words(&self.graph.packages[culprit], self.machines),
            target: self.machines.to_string(),
            chain: Box::new(Chain { importer, steps }),
            can_be_changed: true,
        }
    }
}
