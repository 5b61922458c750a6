//! The hoisted layout: npm's tree of real folders, flat where versions agree and nested where they do not.

use std::collections::BTreeMap;

use wharf_store::{HomeId, Store};
use wharf_tree::hoist::{Members, Placed, hoist};

use super::bins::{Bins, Owner, named};
use super::placing::Placing;
use super::relative::{folder_of, relative};
use super::{BinConflict, Placement, Request};
use crate::NodeRoot;
use crate::layout::{Content, Item};

/// What lies in each `node_modules` of an importer, by its path below the outermost.
type Inside<'a> = BTreeMap<&'a str, Vec<(&'a str, &'a Placed)>>;

const MODULES: &str = "node_modules/";

/// The `node_modules` of every importer that has anything in it.
pub(super) fn roots(
    request: &Request<'_>,
    placing: &Placing,
    sources: &[Option<HomeId>],
    store: &Store,
) -> (Vec<NodeRoot>, Vec<BinConflict>) {
    let placements = hoist(request.graph, request.selected, Members::Linked);
    // By importer, and in it by `node_modules` folder: what lies there.
    let mut folders: BTreeMap<&str, Inside<'_>> = BTreeMap::new();
    for placement in &placements {
        let Some((folder, path)) = split(&placement.path) else {
            continue;
        };
        let (modules, alias) = modules_of(path);
        let inside = folders.entry(folder).or_default();
        inside.entry(modules).or_default().push((alias, &placement.what));
    }
    let (mut roots, mut conflicts) = (Vec::new(), Vec::new());
    for (folder, inside) in folders {
        let mut items = Vec::new();
        for (modules, placed) in inside {
            let mut bins = Bins::new(folder, modules);
            for (alias, what) in placed {
                let content = content(
                    request,
                    placing,
                    sources,
                    folder,
                    &format!("{modules}{alias}"),
                    what,
                );
                let Some(content) = content else { continue };
                items.push(Item {
                    path: format!("{modules}{alias}"),
                    content,
                });
                let base = format!("../{alias}");
                match what {
                    Placed::Package(index) => {
                        let package = Some(*index);
                        let bin = &request.graph.packages[*index].bin;
                        let bin = named(bin, sources[*index].as_ref(), store);
                        bins.add(Owner { alias, package }, &base, &bin);
                    }
                    Placed::Importer(index) => {
                        bins.add_member(alias, &base, &request.graph.importers[*index], request.root);
                    }
                    Placed::Folder(_) | Placed::Again(_) => {}
                }
            }
            items.extend(bins.items());
            conflicts.extend(bins.conflicts);
        }
        roots.push(NodeRoot {
            folder: folder.to_owned(),
            items,
        });
    }
    let wanted = |root: &NodeRoot| {
        let at = request
            .graph
            .importers
            .iter()
            .position(|importer| importer.path == root.folder);
        at.is_none_or(|at| root.folder == "." || request.lays_out(at))
    };
    roots.retain(|root| !root.items.is_empty() && wanted(root));
    (roots, conflicts)
}

fn content(
    request: &Request<'_>,
    placing: &Placing,
    sources: &[Option<HomeId>],
    folder: &str,
    path: &str,
    what: &Placed,
) -> Option<Content> {
    let importer = if folder == "." {
        String::new()
    } else {
        format!("{folder}/")
    };
    let at = format!("{importer}{MODULES}{path}");
    let link = |to: &str| Content::Link(relative(folder_of(&at), to, request.root));
    match what {
        Placed::Package(index) => Some(Content::Home {
            home: sources[*index].clone()?,
            copy: placing.placements[*index] == Placement::ProjectWritable,
        }),
        Placed::Importer(index) => Some(link(&request.graph.importers[*index].path)),
        Placed::Folder(to) | Placed::Again(to) => Some(link(to)),
    }
}

/// The importer that a path lies in, and the path below its `node_modules`.
fn split(path: &str) -> Option<(&str, &str)> {
    if let Some(rest) = path.strip_prefix(MODULES) {
        return Some((".", rest));
    }
    let at = path.find("/node_modules/")?;
    Some((&path[..at], &path[at + 1 + MODULES.len()..]))
}

/// A path below a `node_modules`, split after the innermost one.
fn modules_of(path: &str) -> (&str, &str) {
    match path.rfind("/node_modules/") {
        Some(at) => path.split_at(at + 1 + MODULES.len()),
        None => ("", path),
    }
}
