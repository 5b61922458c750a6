//! The isolated layout: `node_modules/<name>` leads to a home in the store, or to the project's own copy of one.
//!
//! ```text
//! node_modules/<alias>                                   one link for each need of the importer
//! node_modules/.bin/<command>                            their commands
//! node_modules/.wharf/node_modules/<alias>               one link for each name there is, of the project's root only
//! node_modules/.wharf/node_modules/.store/<label>-<key>/node_modules/<name>  packages that are not shared; beside each,
//!                                                         links to its needs
//! ```
//!
//! The name `.store` makes `npm ls` take what lies there for installed packages.

use std::collections::{BTreeMap, VecDeque};

use rustc_hash::FxHashSet;
use wharf_ecosystem::npm::glob::NamePatterns;
use wharf_ecosystem::npm::graph::{PackageIndex, To};
use wharf_store::{GraphKey, HomeId, Store, is_alias};

use super::bins::Bins;
use super::placing::Placing;
use super::relative::{folder_of, relative};
use super::{BinConflict, Placement, Request, keys};
use crate::NodeRoot;
use crate::layout::{Content, Item};

/// An isolated layout on its way.
pub(super) struct Isolated<'a> {
    request: &'a Request<'a>,
    placements: &'a [Placement],
    homes: &'a [Option<HomeId>],
    sources: &'a [Option<HomeId>],
    store: &'a Store,
    /// For packages in the project their folder, relative to the project.
    folders: Vec<Option<String>>,
}

impl<'a> Isolated<'a> {
    pub(super) fn new(
        request: &'a Request<'a>,
        placing: &'a Placing,
        homes: &'a [Option<HomeId>],
        sources: &'a [Option<HomeId>],
        store: &'a Store,
    ) -> Self {
        let in_project = |(id, placement): (Option<HomeId>, &Placement)| match placement {
            Placement::Project | Placement::ProjectWritable => id.map(|id| own_folder(&id)),
            Placement::Absent | Placement::Global => None,
        };
        let folders = if placing.placements.iter().any(|one| *one != Placement::Global) {
            let keyed = keys::keyed(request).into_iter();
            keyed.zip(&placing.placements).map(in_project).collect()
        } else {
            vec![None; placing.placements.len()]
        };
        Self {
            request,
            placements: &placing.placements,
            homes,
            sources,
            store,
            folders,
        }
    }

    /// The `node_modules` of every importer that has anything in it.
    pub(super) fn roots(&self) -> (Vec<NodeRoot>, Vec<BinConflict>) {
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
        self.add_shared(&mut roots);
        roots.retain(|root| !root.items.is_empty());
        (roots, conflicts)
    }

    /// What several importers use lies in the project's own `node_modules`, even where that is not asked for itself.
    fn add_shared(&self, roots: &mut Vec<NodeRoot>) {
        let mut items = self.packages();
        if self.request.hidden_hoist {
            let names = self.reached();
            items.extend(names.iter().map(|(alias, package)| {
                self.link("node_modules/.wharf/node_modules", alias, &To::Package(*package))
            }));
        }
        if items.is_empty() {
            return;
        }
        let strip = |mut item: Item| {
            item.path = item.path.split_off("node_modules/".len());
            item
        };
        let items = items.into_iter().map(strip);
        match roots.iter_mut().find(|root| root.folder == ".") {
            Some(root) => root.items.extend(items),
            None => roots.insert(
                0,
                NodeRoot {
                    folder: ".".to_owned(),
                    items: items.collect(),
                },
            ),
        }
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
            match to {
                To::Package(index) => {
                    bins.add(alias, &format!("../{alias}"), &graph.packages[*index].bin);
                }
                To::Importer(index) => bins.add(alias, &format!("../{alias}"), &graph.importers[*index].bin),
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
            if !patterns.is_empty() {
                for (alias, package) in self.reached() {
                    if patterns.matches(alias) {
                        add(alias, &To::Package(package), &mut bins);
                    }
                }
            }
        }
        let base = relative(&format!("{modules}/.bin"), &about.path, self.request.root);
        bins.add(about.name.as_deref().unwrap_or("the project"), &base, &about.bin);
        let mut items: Vec<Item> = links
            .iter()
            .map(|(alias, to)| self.link(&modules, alias, to))
            .map(|mut item| {
                item.path = item.path.split_off(modules.len() + 1);
                item
            })
            .collect();
        items.extend(bins.items());
        (items, bins.conflicts)
    }

    /// A link in a folder of the project; its path is relative to the project.
    fn link(&self, folder: &str, alias: &str, to: &To) -> Item {
        let path = format!("{folder}/{alias}");
        let from = folder_of(&path);
        let target = match to {
            To::Package(index) => match &self.folders[*index] {
                Some(place) => relative(from, place, self.request.root),
                None => self.homes[*index].as_ref().map_or_else(String::new, |home| {
                    self.store.home_package(home).to_string_lossy().into_owned()
                }),
            },
            To::Importer(index) => relative(
                from,
                &self.request.graph.importers[*index].path,
                self.request.root,
            ),
            To::Link(place) => relative(from, place, self.request.root),
        };
        Item {
            path,
            content: Content::Link(target),
        }
    }

    /// The packages that lie in the project, each with links to its needs beside it.
    fn packages(&self) -> Vec<Item> {
        let (mut items, mut done) = (Vec::new(), FxHashSet::default());
        for (package, folder) in self.folders.iter().enumerate() {
            let (Some(place), Some(home)) = (folder, &self.sources[package]) else {
                continue;
            };
            if !done.insert(place) {
                continue; // another entry of the graph that sees just the same
            }
            items.push(Item {
                path: place.clone(),
                content: Content::Home {
                    home: home.clone(),
                    copy: self.placements[package] == Placement::ProjectWritable,
                },
            });
            let name = self.request.graph.packages[package].name.as_str();
            let beside = &place[..place.len() - name.len() - 1];
            for (alias, to) in self.request.needs(package) {
                // A package that imports another one of its own name finds that inside itself.
                let inside = format!("{place}/node_modules");
                let folder = if alias == name { &inside } else { beside };
                items.push(self.link(folder, alias, to));
            }
        }
        items
    }

    /// Every name that something is known by, and the package nearest to the importers that is known by it.
    fn reached(&self) -> BTreeMap<&'a str, PackageIndex> {
        let mut names = BTreeMap::new();
        let mut seen = vec![false; self.placements.len()];
        let mut queue = VecDeque::new();
        let importers = 0..self.request.graph.importers.len();
        for importer in importers.filter(|importer| self.request.lays_out(*importer)) {
            queue.extend(self.request.importer_needs(importer));
        }
        while let Some((alias, to)) = queue.pop_front() {
            if let To::Package(index) = to {
                names.entry(alias).or_insert(*index);
                if !std::mem::replace(&mut seen[*index], true) {
                    queue.extend(self.request.needs(*index));
                }
            }
        }
        names
    }
}

/// The folder of a package's own in the project.
fn own_folder(id: &HomeId) -> String {
    let key = match id.graph {
        GraphKey::PRISTINE => id.content.to_string(),
        graph => graph.to_string(),
    };
    format!(
        "node_modules/.wharf/node_modules/.store/{}-{key}/node_modules/{}",
        id.label_folder(),
        id.name()
    )
}
