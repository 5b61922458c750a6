//! The layouts of `node_modules`: from the graph to what lies where, before anything is written.
//!
//! | module | job |
//! |---|---|
//! | `keys` | which homes the store must have; keys that are equal across projects |
//! | `placing` | which packages cannot be shared, and why |
//! | `homes_in_store` | [`Stock`]: what is missing in the store, and putting it there |
//! | `isolated` | links to homes, and to packages of the project's own; hidden and public hoisting |
//! | `hoisted` | npm's tree of real folders |
//! | `bins`, `starter` | commands in `.bin` |
//! | `served` | packages with files that browsers ask a development server for |
//! | `tools` | tools that do not follow links out of the project, or look for what they do not name |
//! | `undeclared` | packages that load others without naming them |
//!
//! Invariant: planning is pure but for looking into the store for homes, remembering which have files that are [served](Planning::served), and looking at the first lines of members' commands; equal requests give equal plans. Links inside the
//! project are relative, so that a project can be moved; those into the store are absolute.

mod bins;
mod hoisted;
mod homes_in_store;
mod isolated;
mod keys;
mod placing;
mod relative;
mod served;
mod starter;
#[cfg(test)]
mod tests;
mod tools;
mod undeclared;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use wharf_ecosystem::npm::graph::{EdgeKind, Graph, PackageIndex, To};
use wharf_store::{ContentKey, HomeId, Store, is_alias};

use crate::NodeRoot;

pub use homes_in_store::{Missing, Stock};
pub use served::Seen;
pub use tools::{keeps_all_in_the_project, public_hoist, why_hoisted};
pub use undeclared::Completed;

/// Where a project has every name that something is known by, for tools that look for what they do not name.
pub const HIDDEN: &str = "node_modules/.wharf/node_modules/.store/node_modules";

/// How packages lie in `node_modules`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// Each package sees what it names, and nothing else.
    #[default]
    Isolated,
    /// As npm lays them out: one flat tree, nested where versions differ.
    Hoisted,
}

/// Where the packages of an isolated layout lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VirtualStore {
    /// In the store, unless the project has a tool that is known not to work with that.
    #[default]
    Auto,
    /// In the store, shared by all projects.
    Global,
    /// In the project's own `node_modules/.wharf`, as hard links.
    Project,
}

/// What is laid out.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// All packages of the project.
    pub graph: &'a Graph,
    /// For each package whether it is installed.
    pub selected: &'a [bool],
    /// For each importer whether it gets a `node_modules`.
    pub importers: &'a [bool],
    /// Kinds of an importer's needs that are left out ([`EdgeKind::Dev`] without development packages).
    pub omit: &'a [EdgeKind],
    /// For each package the key of its content; `None` where it is not installed.
    pub contents: &'a [Option<ContentKey>],
    /// How they lie.
    pub layout: Layout,
    /// Where they lie.
    pub virtual_store: VirtualStore,
    /// Patterns of names that are linked in the project's own `node_modules` as well.
    pub public_hoist: &'a [String],
    /// Patterns of names of packages that get private files, because tools write into them.
    pub writable: &'a [String],
    /// What importers bundle, each as the importer and its alias: that gets private files with all that goes into an archive with it.
    pub bundled: &'a [(usize, String)],
    /// Packages whose approved scripts were run, and the content that came of it; these get private files as well.
    pub built: &'a BTreeMap<PackageIndex, ContentKey>,
    /// Packages that lie in the project for their files ([`Planning::served`]).
    pub served: &'a BTreeSet<PackageIndex>,
    /// The project's folder.
    pub root: &'a Path,
}

/// Where a package's files lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Nowhere: it is not installed.
    Absent,
    /// In the store; projects link to it.
    Global,
    /// In the project, as hard links.
    Project,
    /// In the project, as copies that may be written.
    ProjectWritable,
}

/// A layout, planned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodePlan {
    /// For each package of the graph where its files lie.
    pub placements: Vec<Placement>,
    /// The `node_modules` of each importer that has anything in it.
    pub roots: Vec<NodeRoot>,
    /// Why the packages lie in the project although the store could be shared, in words.
    pub why_project: Option<String>,
    /// Commands that several packages bring.
    pub bin_conflicts: Vec<BinConflict>,
}

/// A command that two packages bring to one `.bin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BinConflict {
    /// The importer.
    pub folder: String,
    /// The command.
    pub command: String,
    /// Whose command it is.
    pub kept: String,
    /// Whose is hidden.
    pub hidden: String,
}

/// A layout on its way: what lies where is decided, once.
pub struct Planning<'a> {
    request: Request<'a>,
    placing: placing::Placing,
    homes: Vec<Option<HomeId>>,
}

impl<'a> Planning<'a> {
    /// Decides where the files of each package lie.
    pub fn new(request: Request<'a>) -> Self {
        let placing = placing::Placing::of(&request);
        let homes = keys::homes(&request, &placing);
        Self {
            request,
            placing,
            homes,
        }
    }

    /// For each package the home that the store must have: the shared one, or for packages whose files lie in the project a
    /// flat one as the source of links; for one that needs no others, the same in both cases. `None` where it is not installed.
    pub fn homes(&self) -> &[Option<HomeId>] {
        &self.homes
    }

    /// Whether a package's files lie in the project, as they come out of the store.
    pub fn lies_in_the_project(&self, package: PackageIndex) -> bool {
        self.placing.placements[package] == Placement::Project
    }

    /// Plans the layout, with the files of these homes: [`Stock::sources`].
    pub fn plan(self, sources: &[Option<HomeId>], store: &Store) -> NodePlan {
        let (request, placing) = (&self.request, &self.placing);
        let (roots, bin_conflicts) = match request.layout {
            Layout::Isolated => isolated::roots(request, placing, &self.homes, sources, store),
            Layout::Hoisted => hoisted::roots(request, placing, sources, store),
        };
        NodePlan {
            placements: self.placing.placements,
            roots,
            why_project: self.placing.why,
            bin_conflicts,
        }
    }
}

impl<'a> Request<'a> {
    /// Whether a package is installed.
    fn has(&self, package: PackageIndex) -> bool {
        let on = |list: &[bool]| list.get(package).copied().unwrap_or_default();
        on(self.selected) && self.content(package).is_some()
    }

    /// The key of a package's content, as its scripts left it.
    fn content(&self, package: PackageIndex) -> Option<ContentKey> {
        let own = self.contents.get(package).copied().flatten();
        own.map(|own| self.built.get(&package).copied().unwrap_or(own))
    }

    /// What a package needs and gets, each alias once, by alias.
    fn needs(&self, package: PackageIndex) -> impl Iterator<Item = (&'a str, &'a To)> + use<'a> {
        let request = *self;
        let package = &self.graph.packages[package];
        let mut last = None;
        package.dependencies.iter().filter_map(move |edge| {
            let to = request.met(&edge.alias, edge.to.as_ref())?;
            // A package that asks for itself finds itself.
            let itself = edge.alias == package.name.as_str()
                && matches!(to, To::Package(index) if std::ptr::eq(&raw const request.graph.packages[*index], package));
            (!itself && last.replace(&*edge.alias) != Some(&edge.alias)).then_some((&*edge.alias, to))
        })
    }

    /// What an importer needs and gets, each alias once, by alias.
    fn importer_needs(&self, importer: usize) -> impl Iterator<Item = (&'a str, &'a To)> + use<'a> {
        let request = *self;
        let mut last = None;
        let edges = self.graph.importers[importer].dependencies.iter();
        edges.filter_map(move |edge| {
            if request.omit.contains(&edge.kind) {
                return None;
            }
            let to = request.met(&edge.alias, edge.to.as_ref())?;
            (last.replace(&*edge.alias) != Some(&edge.alias)).then_some((&*edge.alias, to))
        })
    }

    fn met(&self, alias: &str, to: Option<&'a To>) -> Option<&'a To> {
        let to = to.filter(|_| is_alias(alias))?;
        match to {
            To::Package(index) if !self.has(*index) => None,
            To::Package(_) | To::Importer(_) | To::Link(_) => Some(to),
        }
    }

    /// Whether an importer gets a `node_modules`.
    fn lays_out(&self, importer: usize) -> bool {
        self.importers.get(importer).copied().unwrap_or(true)
    }
}
