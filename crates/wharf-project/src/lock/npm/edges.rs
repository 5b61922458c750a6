//! The dependencies of npm's part: what an edge says, and which entry it leads to. Invariant: exactly one entry fits.

use std::ops::Range;

use rustc_hash::FxHashMap;
use wharf_ecosystem::npm::{Edge, EdgeKind, Graph, PackageIndex, To};

use crate::lock::fields::{Fields, Parsed};
use crate::lock::reader::{Entry, Item};

const KEYS: &[&str] = &[
    "name", "range", "kind", "package", "version", "peers", "entry", "importer", "link", "missing", "asked",
    "added",
];

/// An edge as it is written: what answers it is looked up when every entry is known.
pub(super) struct RawEdge<'t> {
    pub(super) edge: Edge,
    name: Option<&'t str>,
    version: Option<String>,
    peers: Option<Vec<(String, String)>>,
    entry: Option<u64>,
    answer: Answer,
    span: Range<usize>,
    /// An importer's edge: what the manifest asks for, where that is something else.
    asked: Option<String>,
    /// An importer's edge: the manifest does not ask for it.
    added: bool,
}

/// What an edge says of its answer, besides a package of the graph.
enum Answer {
    Package,
    Importer(String),
    Link(String),
    Nothing,
}

/// Whose edges are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// Its edges say what its manifest asks for as well.
    Importer,
    /// A package of the graph.
    Package,
}

impl<'t> RawEdge<'t> {
    pub(super) fn read(fields: &Fields<'t>, item: &Item<'t>, owner: Owner) -> Parsed<Self> {
        let mut raw = Self {
            edge: Edge {
                alias: String::new(),
                range: String::new(),
                kind: EdgeKind::Prod,
                to: None,
            },
            name: None,
            version: None,
            peers: None,
            entry: None,
            answer: Answer::Package,
            span: item.span.clone(),
            asked: None,
            added: false,
        };
        let mut named = false;
        for entry in fields.table(item, "a dependency")? {
            named |= entry.key == "name";
            raw.note(fields, entry, owner)?;
        }
        if named {
            Ok(raw)
        } else {
            Err(fields.missing("name", item.span.clone()))
        }
    }

    fn note(&mut self, fields: &Fields<'t>, entry: &Entry<'t>, owner: Owner) -> Parsed<()> {
        let of_importer = owner == Owner::Importer;
        match entry.key.as_ref() {
            "name" => self.edge.alias = fields.text(entry)?,
            "range" => self.edge.range = fields.text(entry)?,
            "kind" => self.edge.kind = fields.kind(entry)?,
            "package" => self.name = Some(fields.plain_text(entry)?),
            "version" => self.version = Some(fields.text(entry)?),
            "peers" => self.peers = Some(fields.peers(entry)?),
            "entry" => self.entry = Some(fields.whole(entry)?),
            "importer" => self.answer = Answer::Importer(fields.text(entry)?),
            "link" => self.answer = Answer::Link(fields.text(entry)?),
            "missing" if fields.flag(entry)? => self.answer = Answer::Nothing,
            "missing" => {}
            "asked" if of_importer => self.asked = Some(fields.text(entry)?),
            "added" if of_importer => self.added = fields.flag(entry)?,
            _ => return Err(fields.unknown(entry, "a dependency", KEYS)),
        }
        Ok(())
    }

    /// What the importer's manifest asks for where this edge stands.
    pub(super) fn asked(&mut self) -> Option<String> {
        let implied = !self.added && !self.edge.range.is_empty();
        self.asked
            .take()
            .or_else(|| implied.then(|| self.edge.range.clone()))
    }
}

/// The entries of a graph by name.
pub(super) struct Entries<'g> {
    pub(super) graph: &'g Graph,
    pub(super) by_name: FxHashMap<&'g str, Vec<PackageIndex>>,
}

impl<'g> Entries<'g> {
    pub(super) fn of(graph: &'g Graph) -> Self {
        let mut by_name: FxHashMap<&str, Vec<PackageIndex>> = FxHashMap::default();
        for (index, package) in graph.packages.iter().enumerate() {
            by_name.entry(package.name.as_str()).or_default().push(index);
        }
        Self { graph, by_name }
    }

    pub(super) fn lead(&self, fields: &Fields<'_>, raw: RawEdge<'_>) -> Parsed<Edge> {
        let to = match &raw.answer {
            Answer::Package => Some(To::Package(self.package(fields, &raw)?)),
            Answer::Importer(path) => {
                let index = self.graph.importers.iter().position(|known| known.path == *path);
                let message = || format!("the lock has no importer `{path}`");
                Some(To::Importer(
                    index.ok_or_else(|| fields.error(raw.span.clone(), message()))?,
                ))
            }
            Answer::Link(path) => Some(To::Link(path.clone())),
            Answer::Nothing => None,
        };
        Ok(Edge { to, ..raw.edge })
    }

    fn package(&self, fields: &Fields<'_>, raw: &RawEdge<'_>) -> Parsed<usize> {
        let name = raw.name.unwrap_or(&raw.edge.alias);
        let named = self.by_name.get(name).map_or(&[][..], Vec::as_slice);
        let fits = |index: &&usize| {
            let package = &self.graph.packages[**index];
            raw.version
                .as_ref()
                .is_none_or(|version| *version == package.version)
                && raw.peers.as_ref().is_none_or(|peers| *peers == package.peers)
        };
        let mut fitting = named.iter().filter(fits);
        let chosen = match raw.entry {
            Some(number) => {
                let before = usize::try_from(number)
                    .ok()
                    .and_then(|number| number.checked_sub(1));
                before.and_then(|before| fitting.nth(before))
            }
            None => match (fitting.next(), fitting.next()) {
                (Some(only), None) => Some(only),
                (None, _) => None,
                (Some(_), Some(_)) => {
                    let message = format!("the lock has several entries of {name} that this could mean");
                    return Err(fields.error(raw.span.clone(), message));
                }
            },
        };
        chosen.copied().ok_or_else(|| {
            let version = raw
                .version
                .as_ref()
                .map(|version| format!(" {version}"))
                .unwrap_or_default();
            let message = format!("the lock has no entry of {name}{version} that this could mean");
            fields.error(raw.span.clone(), message)
        })
    }
}
