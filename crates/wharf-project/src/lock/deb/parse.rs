//! Keys and values → [`DebLock`]. Unknown keys are refused, and every edge must lead to exactly one package: a lock that was merged by
//! hand is noticed here.

use std::ops::Range;

use rustc_hash::FxHashMap;
use wharf_core::{Algorithm, Digest, Ecosystem, PackageName};

use super::{
    DebCause, DebEdge, DebEdgeKind, DebId, DebLock, DebRoot, LockedDeb, LockedDebRoot, LockedRepository,
    LockedSystem,
};
use crate::deb::DebSources;
use crate::external::ExternalRole;
use crate::lock::fields::{Fields, Parsed};
use crate::lock::reader::{Cursor, Entry, Item, Section};
use crate::requirement::Group;
use crate::table::list;
use crate::text::SourceText;

/// Reads the Debian part, which is this range of the text.
pub(in crate::lock) fn parse(source: &SourceText, part: Range<usize>) -> Parsed<DebLock> {
    let mut cursor = Cursor::new(source, part.clone());
    let mut reader = Reader {
        fields: Fields::new(source),
        lock: DebLock::default(),
        edges: Vec::new(),
        part,
    };
    let mut seen: Vec<&str> = Vec::new();
    while let Some(section) = cursor.section()? {
        if seen.is_empty() && section.name != "deb" {
            let message = "`[deb]` is missing before this table";
            return Err(reader.fields.error(section.span, message));
        }
        if !section.repeated && seen.contains(&section.name) {
            let message = format!("`[{}]` stands here twice", section.name);
            return Err(reader.fields.error(section.span, message));
        }
        if seen.last() != Some(&section.name) {
            seen.push(section.name);
        }
        reader.section(section)?;
    }
    reader.end_system()?;
    Ok(reader.lock)
}

struct Reader<'t> {
    fields: Fields<'t>,
    lock: DebLock,
    /// Roots and edges of the system that is being read, to be looked up when all its packages are known.
    edges: Vec<Raw<'t>>,
    part: Range<usize>,
}

/// An edge or a root as it is written.
struct Raw<'t> {
    text: &'t str,
    span: Range<usize>,
    from: From,
}

enum From {
    Root(Box<LockedDebRoot>),
    Package(usize, DebEdgeKind),
}

impl<'t> Reader<'t> {
    fn section(&mut self, section: Section<'t>) -> Parsed<()> {
        match (section.name, section.repeated) {
            ("deb", false) => self.head(&section),
            ("deb.inputs", false) => self.inputs(&section),
            ("deb.repository", true) => self.repository(&section),
            ("deb.system", true) => self.system(section),
            ("deb.system.package", true) => self.package(&section),
            (name, _) => {
                let message = if name.starts_with("deb") {
                    format!("there is no table `{name}` in a lockfile")
                } else {
                    format!("the table `{name}` must stand before `[deb]`")
                };
                Err(self.fields.error(section.span, message))
            }
        }
    }

    fn head(&mut self, section: &Section<'t>) -> Parsed<()> {
        let mut suite = None;
        for entry in &section.entries {
            match entry.key.as_ref() {
                "suite" => suite = Some(self.fields.text(entry)?),
                _ => return Err(self.fields.unknown(entry, "`[deb]`", &["suite"])),
            }
        }
        self.lock.suite = suite.ok_or_else(|| self.fields.missing("suite", section.span.clone()))?;
        Ok(())
    }

    fn inputs(&mut self, section: &Section<'t>) -> Parsed<()> {
        const KEYS: &[&str] = &[
            "suite",
            "snapshot",
            "sources",
            "recommends",
            "components",
            "architectures",
            "foreign",
            "holds",
            "excludes",
            "pins",
            "repositories",
            "external",
            "packages",
        ];
        let fields = &self.fields;
        let inputs = &mut self.lock.inputs;
        for entry in &section.entries {
            match entry.key.as_ref() {
                "suite" => inputs.suite = Some(fields.text(entry)?),
                "snapshot" => inputs.snapshot = Some(fields.text(entry)?),
                "sources" => inputs.sources = word(fields, entry, DebSources::from_word, DebSources::WORDS)?,
                "recommends" => inputs.recommends = fields.flag(entry)?,
                "components" => inputs.components = Some(fields.texts(entry)?),
                "architectures" => inputs.architectures = fields.texts(entry)?,
                "foreign" => inputs.foreign = fields.texts(entry)?,
                "holds" => inputs.holds = fields.texts(entry)?,
                "excludes" => inputs.excludes = fields.texts(entry)?,
                "pins" => inputs.pins = fields.texts(entry)?,
                "repositories" => inputs.repositories = fields.texts(entry)?,
                "external" => inputs.external = fields.texts(entry)?,
                "packages" => {
                    let roots = fields.list(entry)?.iter().map(|item| root(fields, item));
                    inputs.packages = roots.collect::<Parsed<_>>()?;
                }
                _ => return Err(fields.unknown(entry, "`[deb.inputs]`", KEYS)),
            }
        }
        Ok(())
    }

    fn repository(&mut self, section: &Section<'t>) -> Parsed<()> {
        let (mut name, mut uri, mut suite) = (None, None, None);
        for entry in &section.entries {
            match entry.key.as_ref() {
                "name" => name = Some(self.fields.text(entry)?),
                "uri" => uri = Some(self.fields.url(entry)?),
                "suite" => suite = Some(self.fields.text(entry)?),
                _ => {
                    let known = &["name", "uri", "suite"];
                    return Err(self.fields.unknown(entry, "`[[deb.repository]]`", known));
                }
            }
        }
        let missing = |key: &str| self.fields.missing(key, section.span.clone());
        let name = name.ok_or_else(|| missing("name"))?;
        if self.lock.repository(&name).is_some() {
            let message = format!("the repository `{name}` is there twice");
            return Err(self.fields.error(section.span.clone(), message));
        }
        let repository = LockedRepository {
            name,
            uri: uri.ok_or_else(|| missing("uri"))?,
            suite: suite.ok_or_else(|| missing("suite"))?,
        };
        self.lock.repositories.push(repository);
        Ok(())
    }

    fn system(&mut self, section: Section<'t>) -> Parsed<()> {
        self.end_system()?;
        let mut architecture = None;
        for entry in &section.entries {
            match entry.key.as_ref() {
                "architecture" => architecture = Some(self.fields.text(entry)?),
                "roots" => {
                    for item in self.fields.list(entry)? {
                        let raw = answered(&self.fields, item)?;
                        self.edges.push(raw);
                    }
                }
                _ => {
                    let known = &["architecture", "roots"];
                    return Err(self.fields.unknown(entry, "`[[deb.system]]`", known));
                }
            }
        }
        let span = section.span;
        let architecture = architecture.ok_or_else(|| self.fields.missing("architecture", span.clone()))?;
        if self.lock.system(&architecture).is_some() {
            let message = format!("the architecture `{architecture}` is there twice");
            return Err(self.fields.error(span, message));
        }
        self.lock.systems.push(LockedSystem {
            architecture,
            roots: Vec::new(),
            packages: Vec::new(),
        });
        Ok(())
    }

    fn package(&mut self, section: &Section<'t>) -> Parsed<()> {
        const KEYS: &[&str] = &[
            "name",
            "architecture",
            "version",
            "repository",
            "filename",
            "size",
            "sha256",
            "pre-depends",
            "depends",
            "recommends",
        ];
        let fields = &self.fields;
        let Some(system) = self.lock.systems.last_mut() else {
            let message = "`[[deb.system]]` is missing before this table";
            return Err(fields.error(section.span.clone(), message));
        };
        let (mut name, mut architecture, mut version, mut repository) = (None, None, None, None);
        let (mut filename, mut size, mut sha256) = (None, None, None);
        let number = system.packages.len();
        for entry in &section.entries {
            let key = entry.key.as_ref();
            match key {
                "name" => name = Some(deb_name(fields, fields.string(entry)?, entry.item.span.clone())?),
                "architecture" => architecture = Some(fields.text(entry)?),
                "version" => version = Some(fields.text(entry)?),
                "repository" => {
                    let word = fields.string(entry)?;
                    if !self.lock.repositories.iter().any(|known| known.name == word) {
                        let message = format!("the lock has no repository `{word}`");
                        return Err(fields.error(entry.item.span.clone(), message));
                    }
                    repository = Some(word.to_owned());
                }
                "filename" => filename = Some(fields.text(entry)?),
                "size" => size = Some(fields.whole(entry)?),
                "sha256" => sha256 = Some(checksum(fields, entry)?),
                _ => {
                    let Some(kind) = DebEdgeKind::from_word(key) else {
                        return Err(fields.unknown(entry, "`[[deb.system.package]]`", KEYS));
                    };
                    for item in fields.list(entry)? {
                        self.edges.push(Raw {
                            text: fields.plain_item(item, key)?,
                            span: item.span.clone(),
                            from: From::Package(number, kind),
                        });
                    }
                }
            }
        }
        let missing = |key: &str| fields.missing(key, section.span.clone());
        let id = DebId {
            name: name.ok_or_else(|| missing("name"))?,
            architecture: architecture.unwrap_or_else(|| system.architecture.clone()),
        };
        system.packages.push(LockedDeb {
            id,
            version: version.ok_or_else(|| missing("version"))?,
            repository: repository.ok_or_else(|| missing("repository"))?,
            filename: filename.ok_or_else(|| missing("filename"))?,
            size: size.ok_or_else(|| missing("size"))?,
            sha256: sha256.ok_or_else(|| missing("sha256"))?,
            dependencies: Vec::new(),
        });
        Ok(())
    }

    /// Looks up what the roots and edges of the last system lead to.
    fn end_system(&mut self) -> Parsed<()> {
        let Some(system) = self.lock.systems.last_mut() else {
            return Ok(());
        };
        let mut names: FxHashMap<PackageName, Vec<DebId>> = FxHashMap::default();
        for package in &system.packages {
            let known = names.entry(package.id.name.clone()).or_default();
            if known.contains(&package.id) {
                let message = format!("the package `{}` is there twice", package.id);
                return Err(self.fields.error(self.part.clone(), message));
            }
            known.push(package.id.clone());
        }
        let by_text: FxHashMap<&str, &[DebId]> = names
            .iter()
            .map(|(name, ids)| (name.as_str(), ids.as_slice()))
            .collect();
        for raw in self.edges.drain(..) {
            let package = resolve(&self.fields, &by_text, &raw)?;
            match raw.from {
                From::Root(root) => system.roots.push(LockedDebRoot { package, ..*root }),
                From::Package(number, kind) => {
                    let dependencies = &mut system.packages[number].dependencies;
                    dependencies.push(DebEdge { kind, package });
                }
            }
        }
        Ok(())
    }
}

/// The one package that a text means.
fn resolve(fields: &Fields<'_>, names: &FxHashMap<&str, &[DebId]>, raw: &Raw<'_>) -> Parsed<DebId> {
    let (name, architecture) = match raw.text.rsplit_once(':') {
        Some((name, architecture)) => (name, Some(architecture)),
        None => (raw.text, None),
    };
    let known = names.get(name).copied().unwrap_or_default();
    let mut fitting = known
        .iter()
        .filter(|id| architecture.is_none_or(|architecture| id.architecture == architecture));
    match (fitting.next(), fitting.next()) {
        (Some(id), None) => Ok(id.clone()),
        (None, _) => {
            let message = format!("the lock has no package `{}` for this architecture", raw.text);
            Err(fields.error(raw.span.clone(), message))
        }
        (Some(_), Some(_)) => {
            let message = format!("the lock has `{}` of several architectures", raw.text);
            Err(fields.error(raw.span.clone(), message))
        }
    }
}

fn deb_name(fields: &Fields<'_>, text: &str, span: Range<usize>) -> Parsed<PackageName> {
    PackageName::new(Ecosystem::Deb, text).map_err(|error| fields.error(span, error.to_string()))
}

fn checksum(fields: &Fields<'_>, entry: &Entry<'_>) -> Parsed<Digest> {
    Digest::from_hex(Algorithm::Sha256, fields.string(entry)?)
        .map_err(|error| fields.error(entry.item.span.clone(), error.to_string()))
}

fn word<T>(
    fields: &Fields<'_>,
    entry: &Entry<'_>,
    read: impl FnOnce(&str) -> Option<T>,
    words: &[&str],
) -> Parsed<T> {
    let text = fields.string(entry)?;
    read(text).ok_or_else(|| {
        let message = format!("`{text}` is none of {}", list(words));
        fields.error(entry.item.span.clone(), message)
    })
}

fn root(fields: &Fields<'_>, item: &Item<'_>) -> Parsed<DebRoot> {
    let (mut asked, mut group) = (None, Group::Main);
    for entry in fields.table(item, "a requirement")? {
        match entry.key.as_ref() {
            "asked" => asked = Some(fields.text(entry)?),
            "group" => group = fields.formed(entry)?,
            _ => return Err(fields.unknown(entry, "a requirement", &["asked", "group"])),
        }
    }
    let asked = asked.ok_or_else(|| fields.missing("asked", item.span.clone()))?;
    Ok(DebRoot { asked, group })
}

fn answered<'t>(fields: &Fields<'t>, item: &Item<'t>) -> Parsed<Raw<'t>> {
    const KEYS: &[&str] = &[
        "asked",
        "essential",
        "part",
        "for",
        "role",
        "needs",
        "group",
        "package",
    ];
    let (mut asked, mut package, mut part, mut essential) = (None, None, None, false);
    let (mut whose, mut role, mut needs, mut group) = (None, None, None, Group::Main);
    for entry in fields.table(item, "a root")? {
        match entry.key.as_ref() {
            "asked" => asked = Some(fields.text(entry)?),
            "essential" => essential = fields.flag(entry)?,
            "part" => part = Some(fields.text(entry)?),
            "for" => whose = Some(named(fields, entry)?),
            "role" => role = Some(word(fields, entry, ExternalRole::from_word, ExternalRole::WORDS)?),
            "needs" => needs = Some(fields.text(entry)?),
            "group" => group = fields.formed(entry)?,
            "package" => package = Some((fields.plain_text(entry)?, entry.item.span.clone())),
            _ => return Err(fields.unknown(entry, "a root", KEYS)),
        }
    }
    let missing = |key: &str| fields.missing(key, item.span.clone());
    let cause = match (essential, part, role) {
        (true, None, None) => DebCause::Essential,
        (false, Some(part), None) => DebCause::Part(part),
        (false, None, Some(role)) => DebCause::External {
            package: whose.take(),
            role,
            dependency: needs.take().ok_or_else(|| missing("needs"))?,
        },
        (false, None, None) => DebCause::Manifest,
        _ => {
            let message = "only one of `essential`, `part` and `role` can be the cause";
            return Err(fields.error(item.span.clone(), message));
        }
    };
    if whose.is_some() || needs.is_some() {
        return Err(missing("role"));
    }
    let (text, span) = package.ok_or_else(|| missing("package"))?;
    let root = LockedDebRoot {
        asked: asked.ok_or_else(|| missing("asked"))?,
        cause,
        group,
        // Filled in when the packages are known.
        package: DebId {
            name: PackageName::new(Ecosystem::Deb, "unknown").expect("a name"),
            architecture: String::new(),
        },
    };
    Ok(Raw {
        text,
        span,
        from: From::Root(Box::new(root)),
    })
}

/// `pypi:psycopg2`
fn named(fields: &Fields<'_>, entry: &Entry<'_>) -> Parsed<PackageName> {
    let text = fields.string(entry)?;
    let error = |message: String| fields.error(entry.item.span.clone(), message);
    let (ecosystem, name) = text
        .split_once(':')
        .ok_or_else(|| error(format!("`{text}` does not say which ecosystem it is from")))?;
    let ecosystem: Ecosystem = ecosystem
        .parse()
        .map_err(|unknown: wharf_core::UnknownEcosystem| error(unknown.to_string()))?;
    PackageName::new(ecosystem, name).map_err(|invalid| error(invalid.to_string()))
}
