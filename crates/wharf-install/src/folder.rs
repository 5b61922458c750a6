//! A folder of links and files as it is wanted, be it a `node_modules`, the crates that cargo reads or the commands of tools:
//! its items, what identifies them, and which directories of it are watched.
//!
//! Invariant: two wishes for a root have the same digest exactly if they would make the same folder, so a root whose digest
//! is on record and that nobody touched is left alone.

use std::collections::{BTreeMap, BTreeSet};

use wharf_store::Placed;

use crate::generation::{Marker, Place};
use crate::ground::RootName;
use crate::layout::{Content, Item};
use crate::{NodeWanted, Wanted};

/// Folders inside `node_modules` whose names begin with a dot and that are ours, not a tool's cache.
pub(crate) const OURS: [&str; 3] = [".bin", ".wharf", Marker::NAME];

/// One folder that is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Folder<'a> {
    pub(crate) name: RootName,
    items: &'a [Item],
    /// The Node that comes with the environment, as a command.
    runtime: Option<Item>,
}

/// Every folder of a wish but `.venv`, sorted by name; those without items are not wanted.
pub(crate) fn all(wanted: &Wanted) -> Vec<Folder<'_>> {
    let mut found: Vec<Folder<'_>> = wanted.node.iter().flat_map(of_node).collect();
    found.extend(
        wanted
            .crates
            .as_ref()
            .map(|crates| Folder::new(RootName::crates(), &crates.items)),
    );
    found.extend(
        wanted
            .commands
            .as_ref()
            .map(|commands| Folder::new(RootName::commands(), &commands.items)),
    );
    found.extend(
        wanted
            .system
            .as_ref()
            .map(|system| Folder::new(RootName::system(), &system.items)),
    );
    found.retain(|folder| folder.items().next().is_some());
    found.sort_by(|left, right| left.name.cmp(&right.name));
    found
}

/// Every `node_modules` of a wish, sorted by name; those without items are not wanted. A Node that comes with the environment is
/// a command of each, so that it is found before a package's command of that name in any member.
fn of_node(wanted: &NodeWanted) -> Vec<Folder<'_>> {
    let top = RootName::node(".");
    let runtime = wanted
        .runtime
        .as_ref()
        .map(|node| Item::link(".bin/node", &node.path.to_string_lossy()));
    let mut folders: BTreeMap<RootName, Folder<'_>> = BTreeMap::new();
    for root in &wanted.roots {
        let name = RootName::node(&root.folder);
        // Nothing but a command would make no folder of a member; the project's own comes first on PATH anyway.
        let runtime = runtime.clone().filter(|_| !root.items.is_empty() || name == top);
        let folder = Folder {
            name: name.clone(),
            items: &root.items,
            runtime,
        };
        folders.insert(name, folder);
    }
    if runtime.is_some() {
        folders.entry(top.clone()).or_insert(Folder {
            name: top,
            items: &[],
            runtime,
        });
    }
    folders.retain(|_, folder| folder.items().next().is_some());
    folders.into_values().collect()
}

impl<'a> Folder<'a> {
    fn new(name: RootName, items: &'a [Item]) -> Self {
        Self {
            name,
            items,
            runtime: None,
        }
    }
}

impl Folder<'_> {
    fn items(&self) -> impl Iterator<Item = &Item> {
        // A package that brings a command `node` must not stand in the way of the real one.
        let hidden = self.runtime.as_ref().map(|item| item.path.as_str());
        let own = self
            .items
            .iter()
            .filter(move |item| Some(item.path.as_str()) != hidden);
        own.chain(&self.runtime)
    }

    /// What identifies the folder's content.
    pub(crate) fn digest(&self) -> String {
        let mut items: Vec<&Item> = self.items().collect();
        items.sort_unstable_by(|left, right| left.path.cmp(&right.path));
        let mut hasher = blake3::Hasher::new();
        for item in items {
            part(&mut hasher, item.path.as_bytes());
            describe(&mut hasher, &item.content);
        }
        hasher.finalize().to_hex()[..32].to_owned()
    }

    /// The directories that are watched: the folder itself, its scopes, its commands and what is found by hoisting.
    pub(crate) fn places(&self) -> Vec<Place> {
        let mut places: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        places.entry(String::new()).or_default().insert(Marker::NAME);
        for item in self.items() {
            note(&mut places, &item.path);
        }
        places
            .into_iter()
            .map(|(path, names)| Place {
                path,
                names: names.into_iter().map(str::to_owned).collect(),
            })
            .collect()
    }

    /// One of the folder's links.
    pub(crate) fn link(&self) -> Option<String> {
        let mut items = self.items();
        let link = items.find(|item| matches!(item.content, Content::Link(_)))?;
        Some(link.path.clone())
    }

    /// Everything that is put into the folder, with its marker.
    pub(crate) fn placed(&self, marker: Vec<u8>) -> Vec<Placed> {
        let marker = Placed {
            path: Marker::NAME.into(),
            content: wharf_store::Content::Bytes {
                bytes: marker,
                executable: false,
            },
        };
        std::iter::once(marker)
            .chain(self.items().map(Item::placed))
            .collect()
    }
}

/// Feeds one field, with its length, so that two fields never read as another two.
fn part(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
}

fn describe(hasher: &mut blake3::Hasher, content: &Content) {
    match content {
        Content::Directory => part(hasher, b"directory"),
        Content::Object { id, executable, .. } => {
            part(hasher, if *executable { b"program" } else { b"file" });
            part(hasher, id.to_string().as_bytes());
        }
        Content::Bytes { bytes, executable } => {
            part(hasher, if *executable { b"own program" } else { b"own file" });
            part(hasher, bytes);
        }
        Content::Link(target) => {
            part(hasher, b"link");
            part(hasher, target.as_bytes());
        }
        Content::Home { home, copy } => {
            part(hasher, if *copy { b"copied home" } else { b"home" });
            // Homes of one content have the same files, whatever they reach.
            part(hasher, home.label.as_bytes());
            part(hasher, home.content.as_bytes());
        }
    }
}

/// Enters a path's names into the places that are watched: scopes, commands, and the folders where packages lie apart from
/// those who ask for them.
fn note<'a>(places: &mut BTreeMap<String, BTreeSet<&'a str>>, path: &'a str) {
    let apart = path.strip_prefix(".wharf/node_modules/.store/");
    let deep = match apart.map(|path| path.starts_with("node_modules/")) {
        Some(true) => 5,
        Some(false) => 6,
        None => 2,
    };
    let mut end = 0;
    for (depth, name) in path.split('/').take(deep).enumerate() {
        insert(places, path[..end].trim_end_matches('/'), name);
        let goes_on = depth > 0 || name.starts_with('@') || name == ".bin" || name == ".wharf";
        if !goes_on {
            return;
        }
        end += name.len() + 1;
    }
}

fn insert<'a>(places: &mut BTreeMap<String, BTreeSet<&'a str>>, place: &str, name: &'a str) {
    match places.get_mut(place) {
        Some(names) => drop(names.insert(name)),
        None => drop(places.insert(place.to_owned(), BTreeSet::from([name]))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeRoot;

    fn wanted(items: &[(&str, &str)]) -> NodeWanted {
        let items = items
            .iter()
            .map(|(path, target)| Item::link(path, target))
            .collect();
        NodeWanted {
            roots: vec![NodeRoot {
                folder: ".".to_owned(),
                items,
            }],
            ..NodeWanted::default()
        }
    }

    #[test]
    fn the_digest_knows_every_item_and_no_order() {
        let digest = |items: &[(&str, &str)]| of_node(&wanted(items))[0].digest();
        let both = digest(&[("a", "x"), ("b", "y")]);
        assert_eq!(both, digest(&[("b", "y"), ("a", "x")]));
        for other in [
            &[("a", "x")][..],
            &[("a", "x"), ("b", "z")],
            &[("a", "xb"), ("", "y")],
        ] {
            assert_ne!(both, digest(other), "{other:?}");
        }
    }

    #[test]
    fn watched_places_are_shallow() {
        let wish = wanted(&[
            ("react", "x"),
            ("@s/one", "x"),
            ("@s/two", "x"),
            (".bin/vite", "x"),
            (".wharf/node_modules/.store/node_modules/deep", "x"),
            (".wharf/node_modules/.store/node_modules/@t/deep", "x"),
            (".wharf/node_modules/.store/node_modules/deep/node_modules/a", "x"),
            (".wharf/node_modules/.store/2/node_modules/a/index.js", "x"),
            ("hoisted/node_modules/inner/index.js", "x"),
        ]);
        let places = of_node(&wish)[0].places();
        let lines: Vec<String> = places
            .iter()
            .map(|place| format!("{}: {}", place.path, place.names.join(" ")))
            .collect();
        assert_eq!(
            lines,
            [
                ": .bin .wharf .wharf.json @s hoisted react",
                ".bin: vite",
                ".wharf: node_modules",
                ".wharf/node_modules: .store",
                ".wharf/node_modules/.store: 2 node_modules",
                ".wharf/node_modules/.store/2: node_modules",
                ".wharf/node_modules/.store/2/node_modules: a",
                ".wharf/node_modules/.store/node_modules: @t deep",
                "@s: one two",
            ]
        );
    }

    #[test]
    fn a_node_of_the_environment_is_a_command_even_without_packages() {
        let mut wish = NodeWanted::default();
        assert!(of_node(&wish).is_empty());
        wish.runtime = Some(crate::NodeRuntime {
            version: "22.1.0".to_owned(),
            path: "/store/node".into(),
        });
        let found = of_node(&wish);
        assert_eq!(
            (found.len(), found[0].name.path.as_str(), found[0].items().count()),
            (1, "node_modules", 1)
        );
    }
}
