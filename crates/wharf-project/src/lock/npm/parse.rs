//! Keys and values → [`NpmLock`]. Unknown keys are refused, and an edge must lead to exactly one entry: a lock that was merged
//! by hand is noticed here.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;

use rustc_hash::FxHashMap;
use wharf_core::{Digest, Ecosystem, PackageName, Source, WebUrl};
use wharf_ecosystem::npm::{Edge, EdgeKind, Graph, Importer, Package, To};

use super::reader::{Cursor, Entry, Item, Section, Value};
use super::{LockedNode, LockedNodeFile, NpmInputs, NpmLock, NpmRoot};
use crate::error::Invalid;
use crate::suggest::nearest;
use crate::table::list;
use crate::text::SourceText;

type Parsed<T> = Result<T, Invalid>;

/// Where npm's part of a lock begins: at the first line with one of its headers. No line before it can look so, since the
/// part before holds no string of several lines.
pub(in crate::lock) fn split(text: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = text[from..].find("[npm") {
        let at = from + found;
        let start = if text[..at].ends_with('[') { at - 1 } else { at };
        if start == 0 || text.as_bytes()[start - 1] == b'\n' {
            return Some(start);
        }
        from = at + 1;
    }
    None
}

/// Reads npm's part, which runs from a byte of the text to its end.
pub(in crate::lock) fn parse(source: &SourceText, start: usize) -> Parsed<NpmLock> {
    let mut cursor = Cursor::new(source, start);
    let mut reader = Reader {
        source,
        urls: RefCell::default(),
        lock: NpmLock::default(),
        registry: None,
        facts: None,
        importer_edges: Vec::new(),
        package_edges: Vec::new(),
    };
    let mut seen: Vec<&str> = Vec::new();
    while let Some(section) = cursor.section()? {
        if seen.is_empty() && section.name != "npm" {
            return Err(reader.error(section.span, "`[npm]` is missing before this table"));
        }
        if !section.repeated && seen.contains(&section.name) {
            return Err(reader.error(section.span, format!("`[{}]` stands here twice", section.name)));
        }
        if seen.last() != Some(&section.name) {
            seen.push(section.name);
        }
        reader.section(section)?;
    }
    reader.finish()
}

/// An edge as it is written: what answers it is looked up when every entry is known.
struct RawEdge<'t> {
    edge: Edge,
    name: Option<&'t str>,
    version: Option<String>,
    peers: Option<Vec<(String, String)>>,
    entry: Option<u64>,
    answer: Answer,
    span: Range<usize>,
}

/// What an edge says of its answer, besides a package of the graph.
enum Answer {
    Package,
    Importer(String),
    Link(String),
    Nothing,
}

struct Reader<'t> {
    source: &'t SourceText,
    urls: RefCell<FxHashMap<String, WebUrl>>,
    lock: NpmLock,
    registry: Option<WebUrl>,
    /// The facts that the instances below a package share with it.
    facts: Option<Package>,
    importer_edges: Vec<Vec<RawEdge<'t>>>,
    package_edges: Vec<Vec<RawEdge<'t>>>,
}

impl<'t> Reader<'t> {
    fn section(&mut self, section: Section<'t>) -> Parsed<()> {
        match (section.name, section.repeated) {
            ("npm", false) => self.head(section),
            ("npm.inputs", false) => self.inputs(section),
            ("npm.node", false) => self.node(section),
            ("npm.importer", true) => self.importer(section),
            ("npm.package", true) => self.package(section),
            ("npm.package.instance", true) => self.instance(section),
            (name, _) => {
                let message = if name.starts_with("npm") {
                    format!("there is no table `{name}` in a lockfile")
                } else {
                    format!("the table `{name}` must stand before `[npm]`")
                };
                Err(self.error(section.span, message))
            }
        }
    }

    fn head(&mut self, section: Section<'t>) -> Parsed<()> {
        for entry in section.entries {
            match entry.key.as_ref() {
                "registry" => self.registry = Some(self.url(&entry)?),
                _ => return Err(self.unknown(&entry, "`[npm]`", &["registry"])),
            }
        }
        Ok(())
    }

    fn inputs(&mut self, section: Section<'t>) -> Parsed<()> {
        const KEYS: &[&str] = &[
            "requirements",
            "overrides",
            "extensions",
            "peer-rules",
            "registries",
            "node",
            "local",
            "install-peers",
            "strict-peers",
            "cooldown",
            "exclude-newer",
        ];
        let mut inputs = NpmInputs::default();
        for entry in section.entries {
            match entry.key.as_ref() {
                "requirements" => {
                    for item in self.list(&entry)? {
                        let root = self.root(item)?;
                        self.lock.inputs.requirements.push(root);
                    }
                }
                "overrides" => inputs.overrides = self.texts(&entry)?,
                "extensions" => inputs.extensions = self.texts(&entry)?,
                "peer-rules" => inputs.peer_rules = self.texts(&entry)?,
                "registries" => inputs.registries = self.texts(&entry)?,
                "node" => inputs.node = Some(self.text(&entry)?),
                "local" => inputs.local = self.texts(&entry)?,
                "install-peers" => inputs.install_peers = self.flag(&entry)?,
                "strict-peers" => inputs.strict_peers = self.flag(&entry)?,
                "cooldown" => inputs.cooldown = self.formed(&entry)?,
                "exclude-newer" => inputs.exclude_newer = Some(self.formed(&entry)?),
                _ => return Err(self.unknown(&entry, "`[npm.inputs]`", KEYS)),
            }
        }
        inputs.requirements = std::mem::take(&mut self.lock.inputs.requirements);
        self.lock.inputs = inputs;
        Ok(())
    }

    fn root(&self, item: &Item<'t>) -> Parsed<NpmRoot> {
        let (mut importer, mut alias, mut spec, mut kind) = (None, None, String::new(), EdgeKind::Prod);
        for entry in self.table(item, "a requirement")? {
            match entry.key.as_ref() {
                "importer" => importer = Some(self.text(entry)?),
                "name" => alias = Some(self.text(entry)?),
                "range" => spec = self.text(entry)?,
                "kind" => kind = self.kind(entry)?,
                _ => {
                    return Err(self.unknown(entry, "a requirement", &["importer", "name", "range", "kind"]));
                }
            }
        }
        Ok(NpmRoot {
            importer: importer.unwrap_or_else(|| ".".to_owned()),
            alias: alias.ok_or_else(|| self.missing("name", item.span.clone()))?,
            kind,
            spec,
        })
    }

    fn node(&mut self, section: Section<'t>) -> Parsed<()> {
        let (mut version, mut files) = (None, Vec::new());
        for entry in section.entries {
            match entry.key.as_ref() {
                "version" => version = Some(self.text(&entry)?),
                "files" => {
                    let items = self.list(&entry)?.iter();
                    files = items.map(|item| self.node_file(item)).collect::<Parsed<_>>()?;
                }
                _ => return Err(self.unknown(&entry, "`[npm.node]`", &["version", "files"])),
            }
        }
        let version = version.ok_or_else(|| self.missing("version", section.span))?;
        self.lock.node = Some(LockedNode { version, files });
        Ok(())
    }

    fn node_file(&self, item: &Item<'t>) -> Parsed<LockedNodeFile> {
        let (mut name, mut url, mut integrity) = (None, None, Vec::new());
        for entry in self.table(item, "a file")? {
            match entry.key.as_ref() {
                "name" => name = Some(self.name(entry)?),
                "url" => url = Some(self.text(entry)?),
                "integrity" => integrity = self.integrity(entry)?,
                _ => return Err(self.unknown(entry, "a file", &["name", "url", "integrity"])),
            }
        }
        Ok(LockedNodeFile {
            package: name.ok_or_else(|| self.missing("name", item.span.clone()))?,
            url: url.ok_or_else(|| self.missing("url", item.span.clone()))?,
            integrity,
        })
    }

    fn importer(&mut self, section: Section<'t>) -> Parsed<()> {
        const KEYS: &[&str] = &["path", "name", "version", "bin", "dependencies"];
        let mut importer = Importer::default();
        let mut edges = None;
        let mut has_path = false;
        for entry in section.entries {
            match entry.key.as_ref() {
                "path" => {
                    importer.path = self.text(&entry)?;
                    has_path = true;
                }
                "name" => importer.name = Some(self.text(&entry)?),
                "version" => importer.version = Some(self.text(&entry)?),
                "bin" => importer.bin = self.bin(&entry)?,
                "dependencies" => edges = Some(entry),
                _ => return Err(self.unknown(&entry, "`[[npm.importer]]`", KEYS)),
            }
        }
        if !has_path {
            return Err(self.missing("path", section.span));
        }
        if self
            .lock
            .graph
            .importers
            .iter()
            .any(|known| known.path == importer.path)
        {
            let message = format!("the importer `{}` stands here twice", importer.path);
            return Err(self.error(section.span, message));
        }
        let edges = self.edges(edges, Some(&importer.path))?;
        self.importer_edges.push(edges);
        self.lock.graph.importers.push(importer);
        Ok(())
    }

    fn package(&mut self, section: Section<'t>) -> Parsed<()> {
        const KEYS: &[&str] = &[
            "name",
            "version",
            "source",
            "tarball",
            "integrity",
            "os",
            "cpu",
            "libc",
            "node",
            "bin",
            "scripts",
            "bundled",
            "deprecated",
            "peers",
            "dependencies",
        ];
        let (mut name, mut version, mut source, mut edges) = (None, None, None, None);
        let mut package = empty_package();
        for entry in section.entries {
            match entry.key.as_ref() {
                "name" => name = Some(self.name(&entry)?),
                "version" => version = Some(self.text(&entry)?),
                "source" => source = Some(self.source(&entry.item)?),
                "tarball" => package.tarball = Some(self.text(&entry)?),
                "integrity" => package.integrity = self.integrity(&entry)?,
                "os" => package.os = self.texts(&entry)?,
                "cpu" => package.cpu = self.texts(&entry)?,
                "libc" => package.libc = self.texts(&entry)?,
                "node" => package.engines_node = Some(self.text(&entry)?),
                "bin" => package.bin = self.bin(&entry)?,
                "scripts" => package.has_scripts = self.flag(&entry)?,
                "bundled" => package.bundled = self.texts(&entry)?,
                "deprecated" => package.deprecated = Some(self.text(&entry)?),
                "peers" => package.peers = self.peers(&entry)?,
                "dependencies" => edges = Some(entry),
                _ => return Err(self.unknown(&entry, "`[[npm.package]]`", KEYS)),
            }
        }
        package.name = name.ok_or_else(|| self.missing("name", section.span.clone()))?;
        package.version = version.ok_or_else(|| self.missing("version", section.span.clone()))?;
        package.source = match (source, &self.registry) {
            (Some(source), _) => source,
            (None, Some(index)) => Source::Registry { index: index.clone() },
            (None, None) => return Err(self.missing("source", section.span)),
        };
        self.facts = Some(package.clone());
        self.add(package, edges)
    }

    /// One more entry of the package before: the same version among other peers.
    fn instance(&mut self, section: Section<'t>) -> Parsed<()> {
        let Some(mut package) = self.facts.clone() else {
            return Err(self.error(section.span, "`[[npm.package]]` is missing before this table"));
        };
        let (mut edges, mut peers) = (None, Vec::new());
        for entry in section.entries {
            match entry.key.as_ref() {
                "peers" => peers = self.peers(&entry)?,
                "dependencies" => edges = Some(entry),
                _ => {
                    let keys = &["peers", "dependencies"];
                    return Err(self.unknown(&entry, "`[[npm.package.instance]]`", keys));
                }
            }
        }
        package.peers = peers;
        self.add(package, edges)
    }

    fn add(&mut self, package: Package, edges: Option<Entry<'t>>) -> Parsed<()> {
        let edges = self.edges(edges, None)?;
        self.package_edges.push(edges);
        self.lock.graph.packages.push(package);
        Ok(())
    }

    /// The edges of a package, or those of an importer, which say what its manifest asks for as well.
    fn edges(&mut self, entry: Option<Entry<'t>>, importer: Option<&str>) -> Parsed<Vec<RawEdge<'t>>> {
        let Some(entry) = entry else {
            return Ok(Vec::new());
        };
        let Value::List(items) = entry.item.value else {
            return Err(self.wrong_type(&entry.item, "dependencies", "an array"));
        };
        items.into_iter().map(|item| self.edge(item, importer)).collect()
    }

    fn edge(&mut self, item: Item<'t>, importer: Option<&str>) -> Parsed<RawEdge<'t>> {
        const KEYS: &[&str] = &[
            "name", "range", "kind", "package", "version", "peers", "entry", "importer", "link", "missing",
            "asked", "added",
        ];
        let mut raw = RawEdge {
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
        };
        let (mut named, mut asked, mut added) = (false, None, false);
        for entry in self.table(&item, "a dependency")? {
            match entry.key.as_ref() {
                "name" => {
                    raw.edge.alias = self.text(entry)?;
                    named = true;
                }
                "range" => raw.edge.range = self.text(entry)?,
                "kind" => raw.edge.kind = self.kind(entry)?,
                "package" => raw.name = Some(self.plain_text(entry)?),
                "version" => raw.version = Some(self.text(entry)?),
                "peers" => raw.peers = Some(self.peers(entry)?),
                "entry" => raw.entry = Some(self.whole(entry)?),
                "importer" => raw.answer = Answer::Importer(self.text(entry)?),
                "link" => raw.answer = Answer::Link(self.text(entry)?),
                "missing" if self.flag(entry)? => raw.answer = Answer::Nothing,
                "missing" => {}
                "asked" if importer.is_some() => asked = Some(self.text(entry)?),
                "added" if importer.is_some() => added = self.flag(entry)?,
                _ => return Err(self.unknown(entry, "a dependency", KEYS)),
            }
        }
        if !named {
            return Err(self.missing("name", item.span));
        }
        if let Some(importer) = importer {
            let implied = (!added && !raw.edge.range.is_empty()).then(|| raw.edge.range.clone());
            let root = asked.or(implied).map(|spec| NpmRoot {
                importer: importer.to_owned(),
                alias: raw.edge.alias.clone(),
                kind: raw.edge.kind,
                spec,
            });
            self.lock.inputs.requirements.extend(root);
        }
        Ok(raw)
    }

    fn source(&self, item: &Item<'t>) -> Parsed<Source> {
        let entries = self.table(item, "`source`")?;
        let get = |key: &str| entries.iter().find(|entry| entry.key == key);
        let optional = |key: &str| get(key).map(|entry| self.text(entry)).transpose();
        let (keys, source): (&[&str], Source) = if let Some(entry) = get("registry") {
            let index = self.url(entry)?;
            (&["registry"], Source::Registry { index })
        } else if let Some(entry) = get("url") {
            let subdirectory = optional("subdirectory")?;
            let url = self.url(entry)?;
            (&["url", "subdirectory"], Source::Url { url, subdirectory })
        } else if let Some(entry) = get("git") {
            let commit = optional("commit")?.ok_or_else(|| self.missing("commit", item.span.clone()))?;
            let (reference, subdirectory) = (optional("reference")?, optional("subdirectory")?);
            let source = Source::Git {
                url: self.url(entry)?,
                reference,
                commit,
                subdirectory,
            };
            (&["git", "reference", "commit", "subdirectory"], source)
        } else if let Some(entry) = get("file") {
            let path = self.text(entry)?;
            (&["file"], Source::File { path })
        } else if let Some(entry) = get("directory") {
            let path = self.text(entry)?;
            let editable = get("editable").map_or(Ok(false), |entry| self.flag(entry))?;
            (&["directory", "editable"], Source::Directory { path, editable })
        } else if let Some(entry) = get("find-links") {
            let location = self.text(entry)?;
            (&["find-links"], Source::FindLinks { location })
        } else {
            let message = "this source is none of `registry`, `url`, `git`, `file`, `directory`";
            return Err(self.error(item.span.clone(), message));
        };
        match entries.iter().find(|entry| !keys.contains(&entry.key.as_ref())) {
            Some(entry) => Err(self.unknown(entry, "this source", keys)),
            None => Ok(source),
        }
    }

    /// A URL; each text is read once, since most packages of a lock share one registry.
    fn url(&self, entry: &Entry<'t>) -> Parsed<WebUrl> {
        let text = self.string(entry)?;
        if let Some(known) = self.urls.borrow().get(text) {
            return Ok(known.clone());
        }
        let url =
            WebUrl::parse(text).map_err(|error| self.error(entry.item.span.clone(), error.to_string()))?;
        self.urls.borrow_mut().insert(text.to_owned(), url.clone());
        Ok(url)
    }

    fn name(&self, entry: &Entry<'t>) -> Parsed<PackageName> {
        PackageName::new(Ecosystem::Npm, self.string(entry)?)
            .map_err(|error| self.error(entry.item.span.clone(), error.to_string()))
    }

    fn kind(&self, entry: &Entry<'t>) -> Parsed<EdgeKind> {
        let word = self.string(entry)?;
        let all = [
            EdgeKind::Prod,
            EdgeKind::Dev,
            EdgeKind::Optional,
            EdgeKind::Peer,
            EdgeKind::OptionalPeer,
        ];
        let kind = all.into_iter().find(|kind| kind.as_str() == word);
        kind.ok_or_else(|| {
            self.error(
                entry.item.span.clone(),
                format!("`{word}` is no kind of dependency"),
            )
        })
    }

    /// Digests as Subresource Integrity writes them, with blanks between.
    fn integrity(&self, entry: &Entry<'t>) -> Parsed<Vec<Digest>> {
        let read = |text: &str| {
            Digest::parse(text).map_err(|error| self.error(entry.item.span.clone(), error.to_string()))
        };
        self.string(entry)?.split_ascii_whitespace().map(read).collect()
    }

    /// `name@version` of each peer; a name may begin with `@`, a version may have any character.
    fn peers(&self, entry: &Entry<'t>) -> Parsed<Vec<(String, String)>> {
        let read = |item: &Item<'t>| {
            let Value::Text(text) = &item.value else {
                return Err(self.wrong_type(item, "a peer", "a string"));
            };
            let cut = text.get(1..).and_then(|rest| rest.find('@'));
            let cut =
                cut.ok_or_else(|| self.error(item.span.clone(), format!("`{text}` is not `name@version`")))?;
            Ok((text[..=cut].to_owned(), text[cut + 2..].to_owned()))
        };
        self.list(entry)?.iter().map(read).collect()
    }

    fn bin(&self, entry: &Entry<'t>) -> Parsed<Vec<(String, String)>> {
        let entries = self.table(&entry.item, "`bin`")?;
        entries
            .iter()
            .map(|entry| Ok((entry.key.clone().into_owned(), self.text(entry)?)))
            .collect()
    }

    fn string<'e>(&self, entry: &'e Entry<'t>) -> Parsed<&'e str> {
        match &entry.item.value {
            Value::Text(text) => Ok(text),
            _ => Err(self.wrong_type(&entry.item, &entry.key, "a string")),
        }
    }

    fn text(&self, entry: &Entry<'t>) -> Parsed<String> {
        self.string(entry).map(str::to_owned)
    }

    /// A text that must have a certain form.
    fn formed<T: FromStr<Err: Display>>(&self, entry: &Entry<'t>) -> Parsed<T> {
        let read = self.string(entry)?.parse();
        read.map_err(|error: T::Err| self.error(entry.item.span.clone(), error.to_string()))
    }

    /// A text without escapes, as names are.
    fn plain_text(&self, entry: &Entry<'t>) -> Parsed<&'t str> {
        match entry.item.value {
            Value::Text(Cow::Borrowed(text)) => Ok(text),
            _ => Err(self.wrong_type(&entry.item, &entry.key, "a string without escapes")),
        }
    }

    fn flag(&self, entry: &Entry<'t>) -> Parsed<bool> {
        match entry.item.value {
            Value::Flag(flag) => Ok(flag),
            _ => Err(self.wrong_type(&entry.item, &entry.key, "true or false")),
        }
    }

    fn whole(&self, entry: &Entry<'t>) -> Parsed<u64> {
        match entry.item.value {
            Value::Whole(number) => Ok(number),
            _ => Err(self.wrong_type(&entry.item, &entry.key, "a whole number")),
        }
    }

    fn list<'e>(&self, entry: &'e Entry<'t>) -> Parsed<&'e [Item<'t>]> {
        match &entry.item.value {
            Value::List(items) => Ok(items),
            _ => Err(self.wrong_type(&entry.item, &entry.key, "an array")),
        }
    }

    fn table<'e>(&self, item: &'e Item<'t>, what: &str) -> Parsed<&'e [Entry<'t>]> {
        match &item.value {
            Value::Table(entries) => Ok(entries),
            _ => Err(self.wrong_type(item, what, "a table")),
        }
    }

    fn texts(&self, entry: &Entry<'t>) -> Parsed<Vec<String>> {
        let read = |item: &Item<'t>| match &item.value {
            Value::Text(text) => Ok(text.clone().into_owned()),
            _ => Err(self.wrong_type(item, &format!("each entry of {}", entry.key), "a string")),
        };
        self.list(entry)?.iter().map(read).collect()
    }

    fn wrong_type(&self, item: &Item<'t>, what: &str, wanted: &str) -> Invalid {
        let found = item.value.kind();
        self.error(
            item.span.clone(),
            format!("{what} must be {wanted}, and this is {found}"),
        )
    }

    fn unknown(&self, entry: &Entry<'t>, place: &str, known: &[&str]) -> Invalid {
        let span = entry.at..entry.at + entry.key.len();
        let error = self.error(span, format!("there is no key `{}` in {place}", entry.key));
        match nearest(&entry.key, known.iter().copied()) {
            Some(word) => error.hint(format!("did you mean `{word}`?")),
            None => error.hint(format!("the keys here are {}", list(known))),
        }
    }

    fn missing(&self, key: &str, span: Range<usize>) -> Invalid {
        self.error(span, format!("`{key}` is missing here"))
    }

    fn error(&self, span: Range<usize>, message: impl Into<String>) -> Invalid {
        Invalid::new(self.source, span, "lock/malformed", message)
    }

    /// Leads every edge to its entry.
    fn finish(mut self) -> Parsed<NpmLock> {
        let mut graph = std::mem::take(&mut self.lock.graph);
        let importer_edges = std::mem::take(&mut self.importer_edges);
        let package_edges = std::mem::take(&mut self.package_edges);
        let entries = Entries::of(&graph);
        let all = importer_edges.into_iter().chain(package_edges);
        let led: Vec<Vec<Edge>> = all
            .map(|edges| edges.into_iter().map(|raw| entries.lead(&self, raw)).collect())
            .collect::<Parsed<_>>()?;
        let mut led = led.into_iter();
        for (importer, edges) in graph.importers.iter_mut().zip(&mut led) {
            importer.dependencies = edges;
        }
        for (package, edges) in graph.packages.iter_mut().zip(led) {
            package.dependencies = edges;
        }
        self.lock.graph = graph;
        self.lock.inputs.requirements.sort();
        self.lock.inputs.requirements.dedup();
        Ok(self.lock)
    }
}

/// The entries of a graph by name.
struct Entries<'g> {
    graph: &'g Graph,
    by_name: FxHashMap<&'g str, Vec<usize>>,
}

impl<'g> Entries<'g> {
    fn of(graph: &'g Graph) -> Self {
        let mut by_name: FxHashMap<&str, Vec<usize>> = FxHashMap::default();
        for (index, package) in graph.packages.iter().enumerate() {
            by_name.entry(package.name.as_str()).or_default().push(index);
        }
        Self { graph, by_name }
    }

    fn lead(&self, reader: &Reader<'_>, raw: RawEdge<'_>) -> Parsed<Edge> {
        let to = match &raw.answer {
            Answer::Package => Some(To::Package(self.package(reader, &raw)?)),
            Answer::Importer(path) => {
                let index = self.graph.importers.iter().position(|known| known.path == *path);
                let message = || format!("the lock has no importer `{path}`");
                Some(To::Importer(
                    index.ok_or_else(|| reader.error(raw.span.clone(), message()))?,
                ))
            }
            Answer::Link(path) => Some(To::Link(path.clone())),
            Answer::Nothing => None,
        };
        Ok(Edge { to, ..raw.edge })
    }

    fn package(&self, reader: &Reader<'_>, raw: &RawEdge<'_>) -> Parsed<usize> {
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
                    return Err(reader.error(raw.span.clone(), message));
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
            reader.error(raw.span.clone(), message)
        })
    }
}

fn empty_package() -> Package {
    Package {
        name: PackageName::new(Ecosystem::Npm, "x").expect("`x` is a name"),
        version: String::new(),
        peers: Vec::new(),
        source: Source::File { path: String::new() },
        tarball: None,
        integrity: Vec::new(),
        dependencies: Vec::new(),
        os: Vec::new(),
        cpu: Vec::new(),
        libc: Vec::new(),
        engines_node: None,
        bin: Vec::new(),
        has_scripts: false,
        bundled: Vec::new(),
        deprecated: None,
    }
}
