//! npm's part of the lock as `package-lock.json`, version 3. Sources: docs.npmjs.com, "package-lock.json"; what `npm ci` accepts.
//! Invariant: folders are those that npm's own layout has, so that `npm ci` installs the versions of the lock and no others.
//!
//! What comes inside an archive (`bundled`) is not told: npm finds it there when it unpacks the archive.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use wharf_core::Source;
use wharf_ecosystem::npm::registries::default_tarball;
use wharf_ecosystem::npm::{Edge, EdgeKind, Graph, Package};
use wharf_tree::hoist::{Members, Placed, hoist};

use crate::lock::npm::{NpmLock, NpmRoot, sri};

/// The text of a `package-lock.json`.
pub fn package_lock(lock: &NpmLock) -> String {
    let folders = Folders::of(&lock.graph);
    let marks = folders.marks();
    let mut packages: Vec<(String, Json)> = Vec::with_capacity(folders.at.len() + 1);
    for (index, importer) in lock.graph.importers.iter().enumerate() {
        let path = importer_folder(&importer.path);
        packages.push((path.to_owned(), importer_entry(lock, index)));
    }
    for (path, what) in &folders.at {
        let entry = match what {
            What::Importer(_) => continue,
            What::Package(index) => package_entry(path, &lock.graph.packages[*index], marks.of(path)),
            What::LinkTo(target) => link_entry(target, marks.of(path)),
        };
        packages.push((path.clone(), entry));
    }
    packages.sort_by(|(a, _), (b, _)| a.cmp(b));
    let root = lock.graph.importers.iter().find(|importer| importer.path == ".");
    let mut document = Entry::default();
    document.text("name", root.and_then(|root| root.name.as_deref()));
    document.text("version", root.and_then(|root| root.version.as_deref()));
    document.put("lockfileVersion", Json::Raw("3"));
    document.put("requires", Json::Raw("true"));
    document.put("packages", Json::Object(packages));
    let mut text = String::new();
    Json::Object(document.0).print(&mut text, 0);
    text.push('\n');
    text
}

/// The folder of an importer as the file names it: nothing for the root.
fn importer_folder(path: &str) -> &str {
    if path == "." { "" } else { path }
}

/// What lies in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Importer(usize),
    Package(usize),
    /// A link to a folder.
    LinkTo(String),
}

/// Every folder of npm's layout.
struct Folders<'g> {
    graph: &'g Graph,
    at: BTreeMap<String, What>,
}

impl<'g> Folders<'g> {
    fn of(graph: &'g Graph) -> Self {
        let mut at = BTreeMap::new();
        for (index, importer) in graph.importers.iter().enumerate() {
            at.insert(importer_folder(&importer.path).to_owned(), What::Importer(index));
        }
        let mut folders = Self { graph, at };
        folders.place();
        folders
    }

    fn place(&mut self) {
        let selected = vec![true; self.graph.packages.len()];
        let mut moved: Vec<(String, String)> = Vec::new();
        for placement in hoist(self.graph, &selected, Members::Linked) {
            let what = match placement.what {
                Placed::Package(index) => match &self.graph.packages[index].source {
                    // npm links local folders and looks for their needs from where they really lie.
                    Source::Directory { path, .. } => {
                        self.at.insert(path.clone(), What::Package(index));
                        moved.push((format!("{}/", placement.path), format!("{path}/")));
                        What::LinkTo(path.clone())
                    }
                    _ => What::Package(index),
                },
                Placed::Importer(index) => {
                    What::LinkTo(importer_folder(&self.graph.importers[index].path).to_owned())
                }
                Placed::Folder(path) | Placed::Again(path) => What::LinkTo(path),
            };
            self.at.insert(placement.path, what);
        }
        for (from, to) in moved {
            let below: Vec<String> = self
                .at
                .keys()
                .filter(|path| path.starts_with(&from))
                .cloned()
                .collect();
            for path in below {
                if let Some(what) = self.at.remove(&path) {
                    self.at.insert(format!("{to}{}", &path[from.len()..]), what);
                }
            }
        }
    }

    /// Where node finds a name that a module in a folder asks for.
    fn find(&self, from: &str, alias: &str) -> Option<&str> {
        let mut base = from;
        loop {
            if base != "node_modules" && !base.ends_with("/node_modules") {
                let candidate = if base.is_empty() {
                    format!("node_modules/{alias}")
                } else {
                    format!("{base}/node_modules/{alias}")
                };
                if let Some((path, _)) = self.at.get_key_value(&candidate) {
                    return Some(path);
                }
            }
            if base.is_empty() {
                return None;
            }
            base = base.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
    }

    /// Which needs lead to each folder: npm leaves folders out by these when told to omit some.
    fn marks(&self) -> Marks {
        let reached = |wanted: &dyn Fn(EdgeKind) -> bool| self.reached(wanted);
        Marks {
            without_dev: reached(&|kind| kind != EdgeKind::Dev),
            without_optional: reached(&|kind| kind != EdgeKind::Optional),
            without_either: reached(&|kind| !matches!(kind, EdgeKind::Dev | EdgeKind::Optional)),
            without_peers: reached(&|kind| !matches!(kind, EdgeKind::Peer | EdgeKind::OptionalPeer)),
        }
    }

    /// The folders that the importers reach along edges of some kinds.
    fn reached(&self, wanted: &dyn Fn(EdgeKind) -> bool) -> Reached {
        let mut reached: Reached = FxHashMap::default();
        let mut waiting: Vec<&str> = Vec::new();
        for (path, what) in &self.at {
            let is_member_link = matches!(what, What::LinkTo(target) if matches!(self.at.get(target), Some(What::Importer(_))));
            if is_member_link || matches!(what, What::Importer(_)) {
                waiting.push(path);
            }
        }
        while let Some(path) = waiting.pop() {
            if reached.insert(path.to_owned(), ()).is_some() {
                continue;
            }
            let edges: &[Edge] = match &self.at[path] {
                What::Importer(index) => &self.graph.importers[*index].dependencies,
                What::Package(index) => &self.graph.packages[*index].dependencies,
                What::LinkTo(target) => {
                    waiting.extend(self.at.get_key_value(target).map(|(path, _)| path.as_str()));
                    continue;
                }
            };
            for edge in edges
                .iter()
                .filter(|edge| edge.to.is_some() && is_wanted(edge, wanted))
            {
                waiting.extend(self.find(path, &edge.alias));
            }
        }
        reached
    }
}

/// A peer that was added for others is none of the importer's own; whoever needs it leads there.
fn is_wanted(edge: &Edge, wanted: &dyn Fn(EdgeKind) -> bool) -> bool {
    wanted(edge.kind) && !(edge.kind == EdgeKind::Peer && edge.range.is_empty())
}

type Reached = FxHashMap<String, ()>;

/// Which folders are reached without some kinds of needs.
struct Marks {
    without_dev: Reached,
    without_optional: Reached,
    without_either: Reached,
    without_peers: Reached,
}

impl Marks {
    /// npm's words for a folder, in its order.
    fn of(&self, path: &str) -> Vec<&'static str> {
        let dev = !self.without_dev.contains_key(path);
        let optional = !self.without_optional.contains_key(path);
        let either = !dev && !optional && !self.without_either.contains_key(path);
        let peer = !self.without_peers.contains_key(path);
        [
            (dev, "dev"),
            (either, "devOptional"),
            (optional, "optional"),
            (peer, "peer"),
        ]
        .into_iter()
        .filter_map(|(is, word)| is.then_some(word))
        .collect()
    }
}

fn importer_entry(lock: &NpmLock, index: usize) -> Json {
    let importer = &lock.graph.importers[index];
    let mut entry = Entry::default();
    entry.text("name", importer.name.as_deref());
    entry.text("version", importer.version.as_deref());
    if importer.path == "." {
        let members: Vec<String> = lock
            .graph
            .importers
            .iter()
            .filter(|other| other.path != ".")
            .map(|other| other.path.clone())
            .collect();
        entry.list("workspaces", &members);
    }
    let roots: Vec<&NpmRoot> = lock
        .inputs
        .requirements
        .iter()
        .filter(|root| root.importer == importer.path)
        .collect();
    let needs = roots
        .iter()
        .map(|root| (root.alias.as_str(), root.spec.as_str(), root.kind));
    entry.needs(needs.collect(), Place::Importer);
    entry.bin(&importer.bin);
    entry.finish()
}

fn package_entry(path: &str, package: &Package, marks: Vec<&'static str>) -> Json {
    let mut entry = Entry::default();
    // Under an alias the folder does not tell the package.
    let last = path.rsplit_once('/').map_or(path, |(_, last)| last);
    let folder = path
        .rsplit_once("node_modules/")
        .map_or(last, |(_, folder)| folder);
    if folder != package.name.as_str() {
        entry.text("name", Some(package.name.as_str()));
    }
    entry.text("version", Some(&package.version));
    entry.text("resolved", resolved(package).as_deref());
    if !package.integrity.is_empty() {
        let texts: Vec<String> = package.integrity.iter().map(sri).collect();
        entry.text("integrity", Some(&texts.join(" ")));
    }
    entry.marks(marks);
    if package.has_scripts {
        entry.put("hasInstallScript", Json::Raw("true"));
    }
    entry.text("deprecated", package.deprecated.as_deref());
    entry.list("os", &package.os);
    entry.list("cpu", &package.cpu);
    entry.list("libc", &package.libc);
    if let Some(node) = &package.engines_node {
        entry.put(
            "engines",
            Json::Object(vec![("node".to_owned(), Json::text(node))]),
        );
    }
    entry.bin(&package.bin);
    // An optional need that nothing answers would make `npm ci` look for it and find the file incomplete.
    let is_told = |edge: &&Edge| {
        let is_unanswered = edge.kind == EdgeKind::Optional && edge.to.is_none();
        !is_unanswered && !package.bundled.contains(&edge.alias)
    };
    let needs = package
        .dependencies
        .iter()
        .filter(is_told)
        .map(|edge| (edge.alias.as_str(), edge.range.as_str(), edge.kind));
    entry.needs(needs.collect(), Place::Package);
    entry.finish()
}

fn link_entry(target: &str, marks: Vec<&'static str>) -> Json {
    let mut entry = Entry::default();
    entry.text("resolved", Some(target));
    entry.put("link", Json::Raw("true"));
    entry.marks(marks);
    entry.finish()
}

/// Where npm gets the archive from.
fn resolved(package: &Package) -> Option<String> {
    if let Some(tarball) = &package.tarball {
        return Some(tarball.clone());
    }
    match &package.source {
        Source::Registry { index } => {
            let url = default_tarball(index, &package.name, &package.version).ok()?;
            Some(url.to_string())
        }
        Source::Url { url, .. } => Some(url.to_string()),
        Source::Git { url, commit, .. } => {
            let mut url = url.as_url().clone();
            // Fails only for URLs that cannot have a host, and those carry no credentials.
            let _ = url.set_password(None);
            Some(format!("git+{url}#{commit}"))
        }
        Source::File { path } => Some(format!("file:{path}")),
        Source::Directory { .. } | Source::FindLinks { .. } => None,
    }
}

/// Whose needs are written: an importer's development is its own, a package has none.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Importer,
    Package,
}

/// A JSON object being put together.
#[derive(Default)]
struct Entry(Vec<(String, Json)>);

impl Entry {
    fn put(&mut self, key: &str, value: Json) {
        self.0.push((key.to_owned(), value));
    }

    fn text(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.put(key, Json::text(value));
        }
    }

    fn list(&mut self, key: &str, values: &[String]) {
        if !values.is_empty() {
            self.put(key, Json::List(values.to_vec()));
        }
    }

    fn marks(&mut self, marks: Vec<&'static str>) {
        for mark in marks {
            self.put(mark, Json::Raw("true"));
        }
    }

    fn bin(&mut self, bin: &[(String, String)]) {
        if !bin.is_empty() {
            let commands = bin.iter().map(|(name, path)| (name.clone(), Json::text(path)));
            self.put("bin", Json::Object(commands.collect()));
        }
    }

    fn needs(&mut self, needs: Vec<(&str, &str, EdgeKind)>, place: Place) {
        let of = |wanted: &[EdgeKind]| {
            let some = needs.iter().filter(|(_, _, kind)| wanted.contains(kind));
            let mut some: Vec<(String, Json)> = some
                .map(|(alias, range, _)| {
                    (
                        (*alias).to_owned(),
                        Json::text(if range.is_empty() { "*" } else { range }),
                    )
                })
                .collect();
            some.sort_by(|(a, _), (b, _)| a.cmp(b));
            some.dedup_by(|(a, _), (b, _)| a == b);
            Json::Object(some)
        };
        let plain: &[EdgeKind] = match place {
            Place::Importer => &[EdgeKind::Prod],
            Place::Package => &[EdgeKind::Prod, EdgeKind::Dev],
        };
        self.put("dependencies", of(plain));
        if place == Place::Importer {
            self.put("devDependencies", of(&[EdgeKind::Dev]));
        }
        self.put("optionalDependencies", of(&[EdgeKind::Optional]));
        self.put("peerDependencies", of(&[EdgeKind::Peer, EdgeKind::OptionalPeer]));
        let optional_peers = needs
            .iter()
            .filter(|(_, _, kind)| *kind == EdgeKind::OptionalPeer);
        let is_optional = || Json::Object(vec![("optional".to_owned(), Json::Raw("true"))]);
        let mut meta: Vec<(String, Json)> = optional_peers
            .map(|(alias, _, _)| ((*alias).to_owned(), is_optional()))
            .collect();
        meta.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.put("peerDependenciesMeta", Json::Object(meta));
        self.0
            .retain(|(_, value)| !matches!(value, Json::Object(entries) if entries.is_empty()));
    }

    /// In npm's order: what identifies the package, then plain values, then tables, each by key.
    fn finish(mut self) -> Json {
        const FIRST: [&str; 4] = ["name", "version", "resolved", "integrity"];
        self.0.sort_by_key(|(key, value)| {
            let first = FIRST.iter().position(|first| first == key).unwrap_or(FIRST.len());
            (first, matches!(value, Json::Object(_)), key.clone())
        });
        Json::Object(self.0)
    }
}

/// As much of JSON as the file needs.
enum Json {
    Raw(&'static str),
    Text(String),
    List(Vec<String>),
    Object(Vec<(String, Json)>),
}

impl Json {
    fn text(text: &str) -> Self {
        Json::Text(text.to_owned())
    }

    fn print(&self, text: &mut String, depth: usize) {
        match self {
            Json::Raw(raw) => text.push_str(raw),
            Json::Text(value) => text.push_str(&quoted(value)),
            Json::List(values) => {
                let values = values.iter().map(|value| quoted(value));
                lines(text, depth, ['[', ']'], values, |text, value| {
                    text.push_str(&value);
                });
            }
            Json::Object(entries) => lines(text, depth, ['{', '}'], entries.iter(), |text, (key, value)| {
                text.push_str(&quoted(key));
                text.push_str(": ");
                value.print(text, depth + 1);
            }),
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn lines<T>(
    text: &mut String,
    depth: usize,
    brackets: [char; 2],
    items: impl ExactSizeIterator<Item = T>,
    mut print: impl FnMut(&mut String, T),
) {
    text.push(brackets[0]);
    let count = items.len();
    for (number, item) in items.enumerate() {
        text.push('\n');
        text.push_str(&"  ".repeat(depth + 1));
        print(text, item);
        if number + 1 < count {
            text.push(',');
        }
    }
    if count > 0 {
        text.push('\n');
        text.push_str(&"  ".repeat(depth));
    }
    text.push(brackets[1]);
}
