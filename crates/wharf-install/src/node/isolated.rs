//! The isolated layout: `node_modules/<name>` leads to a home in the store, or to the project's own copy of one.
//!
//! ```text
//! node_modules/<alias>                                     one link for each need of the importer
//! node_modules/.bin/<command>                              their commands
//! node_modules/.wharf/node_modules/.store/                 of the project's root only:
//!   node_modules/<alias>                                   every name there is: a package that is not shared, or a link
//!   node_modules/<alias>/node_modules/<alias>              what that one needs in another version
//!   <number>/node_modules/<alias>                          what a member asks for, and the project itself does not
//! ```
//!
//! So what a project's own packages see is what they name and, further up, every name there is, as in a tree that npm made; the
//! project sees what it names. A package that is not shared lies there once. The name `.store` makes `npm ls` take what lies
//! there for installed packages.

use std::collections::BTreeMap;

use wharf_ecosystem::npm::glob::NamePatterns;
use wharf_ecosystem::npm::graph::{PackageIndex, To};
use wharf_store::{HomeId, Store, is_alias};
use wharf_tree::hoist::{Apart, LaidApart, Placed, apart};

use super::bins::{Bins, Owner, named};
use super::placing::Placing;
use super::relative::{folder_of, relative};
use super::{BinConflict, Placement, Request, keys};
use crate::NodeRoot;
use crate::layout::{Content, Item};

/// Where packages lie, below the project's `node_modules`.
const APART: &str = ".wharf/node_modules/.store";

/// The `node_modules` of every importer that has anything in it. `sources` has the files of what is not shared.
pub(super) fn roots(
    request: &Request<'_>,
    placing: &Placing,
    homes: &[Option<HomeId>],
    sources: &[Option<HomeId>],
    store: &Store,
) -> (Vec<NodeRoot>, Vec<BinConflict>) {
    let is = |wanted: fn(Placement) -> bool| placing.placements.iter().map(|one| wanted(*one)).collect();
    let selected: Vec<bool> = is(|one| one != Placement::Absent);
    let elsewhere: Vec<bool> = is(|one| one == Placement::Global);
    let same = keys::same(request, placing);
    let asked = Apart {
        graph: request.graph,
        selected: &selected,
        importers: request.importers,
        omit: request.omit,
        elsewhere: &elsewhere,
        same: &same,
        is_name: is_alias,
    };
    let isolated = Isolated {
        request,
        placing,
        homes,
        sources,
        store,
        laid: apart(asked),
    };
    isolated.roots()
}

/// An isolated layout on its way.
struct Isolated<'a> {
    request: &'a Request<'a>,
    placing: &'a Placing,
    homes: &'a [Option<HomeId>],
    sources: &'a [Option<HomeId>],
    store: &'a Store,
    laid: LaidApart<'a>,
}

impl<'a> Isolated<'a> {
    fn roots(&self) -> (Vec<NodeRoot>, Vec<BinConflict>) {
        let (mut roots, mut conflicts) = (Vec::new(), Vec::new());
        let importers = 0..self.request.graph.importers.len();
        for importer in importers.filter(|importer| self.request.lays_out(*importer)) {
            let (items, found) = self.importer(importer);
            conflicts.extend(found);
            roots.push(NodeRoot {
                folder: self.request.graph.importers[importer].path.clone(),
                items,
            });
        }
        let apart = self.apart();
        match roots.iter_mut().find(|root| root.folder == ".") {
            Some(root) => root.items.extend(apart),
            // What several members use lies in the project's own `node_modules`, even where that is not asked for itself.
            None => roots.insert(
                0,
                NodeRoot {
                    folder: ".".to_owned(),
                    items: apart,
                },
            ),
        }
        roots.retain(|root| !root.items.is_empty());
        (roots, conflicts)
    }

    fn importer(&self, importer: usize) -> (Vec<Item>, Vec<BinConflict>) {
        let graph = self.request.graph;
        let about = &graph.importers[importer];
        let modules = match &*about.path {
            "." => "node_modules".to_owned(),
            path => format!("{path}/node_modules"),
        };
        let mut links: BTreeMap<&str, To> = BTreeMap::new();
        let mut bins = Bins::new(&about.path, "");
        let mut add = |alias: &'a str, to: &To, bins: &mut Bins<'a>| {
            if links.contains_key(alias) {
                return;
            }
            links.insert(alias, to.clone());
            let base = format!("../{alias}");
            match to {
                To::Package(index) => {
                    let package = Some(*index);
                    let bin = named(
                        &graph.packages[*index].bin,
                        self.sources[*index].as_ref(),
                        self.store,
                    );
                    bins.add(Owner { alias, package }, &base, &bin);
                }
                To::Importer(index) => {
                    bins.add_member(alias, &base, &graph.importers[*index], self.request.root);
                }
                To::Link(_) => {}
            }
        };
        for (alias, to) in self.request.importer_needs(importer) {
            add(alias, to, &mut bins);
        }
        if about.path == "." {
            for (index, member) in graph.importers.iter().enumerate() {
                // As npm does: members can be found by their names from the project's root.
                if let Some(name) = member
                    .name
                    .as_deref()
                    .filter(|name| is_alias(name) && index != importer)
                {
                    add(name, &To::Importer(index), &mut bins);
                }
            }
            let patterns = NamePatterns::new(self.request.public_hoist);
            for (alias, package) in &self.laid.names {
                if patterns.matches(alias) {
                    add(alias, &To::Package(*package), &mut bins);
                }
            }
        }
        let base = relative(&format!("{modules}/.bin"), &about.path, self.request.root);
        let alias = about.name.as_deref().unwrap_or("the project");
        bins.add_member(alias, &base, about, self.request.root);
        let links = links.iter().map(|(alias, to)| Item {
            path: (*alias).to_owned(),
            content: self.link(&format!("{modules}/{alias}"), to),
        });
        let items = links.chain(bins.items()).collect();
        (items, bins.conflicts)
    }

    /// What lies apart from the importers.
    fn apart(&self) -> Vec<Item> {
        let item = |placement: &wharf_tree::hoist::Placement| {
            let path = format!("{APART}/{}", placement.path);
            let at = format!("node_modules/{path}");
            let content = match &placement.what {
                Placed::Package(index) => self.package(&at, *index)?,
                Placed::Importer(index) => self.link(&at, &To::Importer(*index)),
                Placed::Folder(folder) => self.link(&at, &To::Link(folder.clone())),
                Placed::Again(place) => self.link_to_place(&at, place),
            };
            Some(Item { path, content })
        };
        self.laid.placements.iter().filter_map(item).collect()
    }

    /// A package's files, or a link to its home; its path is relative to the project.
    fn package(&self, at: &str, package: PackageIndex) -> Option<Content> {
        match self.placing.placements[package] {
            Placement::Absent => None,
            Placement::Global => Some(self.link(at, &To::Package(package))),
            placement @ (Placement::Project | Placement::ProjectWritable) => Some(Content::Home {
                home: self.sources[package].clone()?,
                copy: placement == Placement::ProjectWritable,
            }),
        }
    }

    /// A link that lies at a path relative to the project.
    fn link(&self, at: &str, to: &To) -> Content {
        let importers = &self.request.graph.importers;
        let place = match to {
            To::Package(index) => match &self.laid.places[*index] {
                Some(place) => return self.link_to_place(at, place),
                None => {
                    let home = self.homes[*index].as_ref();
                    let home = home.map(|home| self.store.home_package(home));
                    return Content::Link(home.unwrap_or_default().to_string_lossy().into_owned());
                }
            },
            To::Importer(index) => &importers[*index].path,
            To::Link(place) => place,
        };
        Content::Link(relative(folder_of(at), place, self.request.root))
    }

    fn link_to_place(&self, at: &str, place: &str) -> Content {
        let place = format!("node_modules/{APART}/{place}");
        Content::Link(relative(folder_of(at), &place, self.request.root))
    }
}
