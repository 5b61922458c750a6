//! Keys and values → [`NpmLock`]. Unknown keys are refused, and an edge must lead to exactly one entry: a lock that was merged
//! by hand is noticed here.

use wharf_core::{Ecosystem, PackageName, Source, WebUrl};
use wharf_ecosystem::npm::{Edge, EdgeKind, Importer, Package};

use super::edges::{Entries, Owner, RawEdge};
use super::{LockedNode, LockedNodeFile, NpmInputs, NpmLock, NpmRoot};
use crate::lock::fields::{Fields, Parsed};
use crate::lock::reader::{Cursor, Entry, Item, Section};
use crate::text::SourceText;

/// Reads npm's part, which runs from a byte of the text to its end.
pub(in crate::lock) fn parse(source: &SourceText, start: usize) -> Parsed<NpmLock> {
    let mut cursor = Cursor::new(source, start..source.text().len());
    let mut reader = Reader {
        fields: Fields::new(source),
        lock: NpmLock::default(),
        registry: None,
        facts: None,
        importer_edges: Vec::new(),
        package_edges: Vec::new(),
    };
    let mut seen: Vec<&str> = Vec::new();
    while let Some(section) = cursor.section()? {
        if seen.is_empty() && section.name != "npm" {
            return Err(reader
                .fields
                .error(section.span, "`[npm]` is missing before this table"));
        }
        if !section.repeated && seen.contains(&section.name) {
            return Err(reader
                .fields
                .error(section.span, format!("`[{}]` stands here twice", section.name)));
        }
        if seen.last() != Some(&section.name) {
            seen.push(section.name);
        }
        reader.section(section)?;
    }
    reader.finish()
}

struct Reader<'t> {
    fields: Fields<'t>,
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
                Err(self.fields.error(section.span, message))
            }
        }
    }

    fn head(&mut self, section: Section<'t>) -> Parsed<()> {
        for entry in section.entries {
            match entry.key.as_ref() {
                "registry" => self.registry = Some(self.fields.url(&entry)?),
                _ => return Err(self.fields.unknown(&entry, "`[npm]`", &["registry"])),
            }
        }
        Ok(())
    }

    fn inputs(&mut self, section: Section<'t>) -> Parsed<()> {
        const KEYS: &[&str] = &[
            "requirements",
            "overrides",
            "extensions",
            "ignored-optional",
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
                    for item in self.fields.list(&entry)? {
                        let root = self.root(item)?;
                        self.lock.inputs.requirements.push(root);
                    }
                }
                "overrides" => inputs.overrides = self.fields.texts(&entry)?,
                "extensions" => inputs.extensions = self.fields.texts(&entry)?,
                "ignored-optional" => inputs.ignored_optional = self.fields.texts(&entry)?,
                "peer-rules" => inputs.peer_rules = self.fields.texts(&entry)?,
                "registries" => inputs.registries = self.fields.texts(&entry)?,
                "node" => inputs.node = Some(self.fields.text(&entry)?),
                "local" => inputs.local = self.fields.texts(&entry)?,
                "install-peers" => inputs.install_peers = self.fields.flag(&entry)?,
                "strict-peers" => inputs.strict_peers = self.fields.flag(&entry)?,
                "cooldown" => inputs.cooldown = self.fields.formed(&entry)?,
                "exclude-newer" => inputs.exclude_newer = Some(self.fields.formed(&entry)?),
                _ => return Err(self.fields.unknown(&entry, "`[npm.inputs]`", KEYS)),
            }
        }
        inputs.requirements = std::mem::take(&mut self.lock.inputs.requirements);
        self.lock.inputs = inputs;
        Ok(())
    }

    fn root(&self, item: &Item<'t>) -> Parsed<NpmRoot> {
        let (mut importer, mut alias, mut spec, mut kind) = (None, None, String::new(), EdgeKind::Prod);
        for entry in self.fields.table(item, "a requirement")? {
            match entry.key.as_ref() {
                "importer" => importer = Some(self.fields.text(entry)?),
                "name" => alias = Some(self.fields.text(entry)?),
                "range" => spec = self.fields.text(entry)?,
                "kind" => kind = self.fields.kind(entry)?,
                _ => {
                    return Err(self.fields.unknown(
                        entry,
                        "a requirement",
                        &["importer", "name", "range", "kind"],
                    ));
                }
            }
        }
        Ok(NpmRoot {
            importer: importer.unwrap_or_else(|| ".".to_owned()),
            alias: alias.ok_or_else(|| self.fields.missing("name", item.span.clone()))?,
            kind,
            spec,
        })
    }

    fn node(&mut self, section: Section<'t>) -> Parsed<()> {
        let (mut version, mut files) = (None, Vec::new());
        for entry in section.entries {
            match entry.key.as_ref() {
                "version" => version = Some(self.fields.text(&entry)?),
                "files" => {
                    let items = self.fields.list(&entry)?.iter();
                    files = items.map(|item| self.node_file(item)).collect::<Parsed<_>>()?;
                }
                _ => return Err(self.fields.unknown(&entry, "`[npm.node]`", &["version", "files"])),
            }
        }
        let version = version.ok_or_else(|| self.fields.missing("version", section.span))?;
        self.lock.node = Some(LockedNode { version, files });
        Ok(())
    }

    fn node_file(&self, item: &Item<'t>) -> Parsed<LockedNodeFile> {
        let (mut name, mut url, mut integrity) = (None, None, Vec::new());
        for entry in self.fields.table(item, "a file")? {
            match entry.key.as_ref() {
                "name" => name = Some(self.fields.name(entry)?),
                "url" => url = Some(self.fields.text(entry)?),
                "integrity" => integrity = self.fields.integrity(entry)?,
                _ => {
                    return Err(self
                        .fields
                        .unknown(entry, "a file", &["name", "url", "integrity"]));
                }
            }
        }
        Ok(LockedNodeFile {
            package: name.ok_or_else(|| self.fields.missing("name", item.span.clone()))?,
            url: url.ok_or_else(|| self.fields.missing("url", item.span.clone()))?,
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
                    importer.path = self.fields.text(&entry)?;
                    has_path = true;
                }
                "name" => importer.name = Some(self.fields.text(&entry)?),
                "version" => importer.version = Some(self.fields.text(&entry)?),
                "bin" => importer.bin = self.fields.bin(&entry)?,
                "dependencies" => edges = Some(entry),
                _ => return Err(self.fields.unknown(&entry, "`[[npm.importer]]`", KEYS)),
            }
        }
        if !has_path {
            return Err(self.fields.missing("path", section.span));
        }
        if self
            .lock
            .graph
            .importers
            .iter()
            .any(|known| known.path == importer.path)
        {
            let message = format!("the importer `{}` stands here twice", importer.path);
            return Err(self.fields.error(section.span, message));
        }
        let mut edges = self.edges(edges.as_ref(), Owner::Importer)?;
        for raw in &mut edges {
            let root = raw.asked().map(|spec| NpmRoot {
                importer: importer.path.clone(),
                alias: raw.edge.alias.clone(),
                kind: raw.edge.kind,
                spec,
            });
            self.lock.inputs.requirements.extend(root);
        }
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
                "name" => name = Some(self.fields.name(&entry)?),
                "version" => version = Some((self.fields.text(&entry)?, entry.item.span)),
                "source" => source = Some(self.fields.source(&entry.item)?),
                "tarball" => package.tarball = Some(self.fields.text(&entry)?),
                "integrity" => package.integrity = self.fields.integrity(&entry)?,
                "os" => package.os = self.fields.texts(&entry)?,
                "cpu" => package.cpu = self.fields.texts(&entry)?,
                "libc" => package.libc = self.fields.texts(&entry)?,
                "node" => package.engines_node = Some(self.fields.text(&entry)?),
                "bin" => package.bin = self.fields.bin(&entry)?,
                "scripts" => package.has_scripts = self.fields.flag(&entry)?,
                "bundled" => package.bundled = self.fields.texts(&entry)?,
                "deprecated" => package.deprecated = Some(self.fields.text(&entry)?),
                "peers" => package.peers = self.fields.peers(&entry)?,
                "dependencies" => edges = Some(entry),
                _ => return Err(self.fields.unknown(&entry, "`[[npm.package]]`", KEYS)),
            }
        }
        package.name = name.ok_or_else(|| self.fields.missing("name", section.span.clone()))?;
        let (version, place) = version.ok_or_else(|| self.fields.missing("version", section.span.clone()))?;
        package.source = match (source, &self.registry) {
            (Some(source), _) => source,
            (None, Some(index)) => Source::Registry { index: index.clone() },
            (None, None) => return Err(self.fields.missing("source", section.span)),
        };
        if package.source.is_indexed() {
            self.fields.check_version(&version, place)?;
        }
        package.version = version;
        self.facts = Some(package.clone());
        self.add(package, edges)
    }

    /// One more entry of the package before: the same version among other peers.
    fn instance(&mut self, section: Section<'t>) -> Parsed<()> {
        let Some(mut package) = self.facts.clone() else {
            return Err(self
                .fields
                .error(section.span, "`[[npm.package]]` is missing before this table"));
        };
        let (mut edges, mut peers) = (None, Vec::new());
        for entry in section.entries {
            match entry.key.as_ref() {
                "peers" => peers = self.fields.peers(&entry)?,
                "dependencies" => edges = Some(entry),
                _ => {
                    let keys = &["peers", "dependencies"];
                    return Err(self.fields.unknown(&entry, "`[[npm.package.instance]]`", keys));
                }
            }
        }
        package.peers = peers;
        self.add(package, edges)
    }

    fn add(&mut self, package: Package, edges: Option<Entry<'t>>) -> Parsed<()> {
        let edges = self.edges(edges.as_ref(), Owner::Package)?;
        self.package_edges.push(edges);
        self.lock.graph.packages.push(package);
        Ok(())
    }

    fn edges(&self, entry: Option<&Entry<'t>>, owner: Owner) -> Parsed<Vec<RawEdge<'t>>> {
        let Some(entry) = entry else {
            return Ok(Vec::new());
        };
        let items = self.fields.list(entry)?.iter();
        items
            .map(|item| RawEdge::read(&self.fields, item, owner))
            .collect()
    }

    /// Leads every edge to its entry.
    fn finish(mut self) -> Parsed<NpmLock> {
        let mut graph = std::mem::take(&mut self.lock.graph);
        let importer_edges = std::mem::take(&mut self.importer_edges);
        let package_edges = std::mem::take(&mut self.package_edges);
        let entries = Entries::of(&graph);
        let all = importer_edges.into_iter().chain(package_edges);
        let led: Vec<Vec<Edge>> = all
            .map(|edges| {
                edges
                    .into_iter()
                    .map(|raw| entries.lead(&self.fields, raw))
                    .collect()
            })
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

/// A package that has nothing yet.
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
