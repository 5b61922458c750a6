//! Reads a lock. Every malformed place is shown with line and column; unknown keys are refused, because a key that
//! an older program ignores could change what is installed.

use std::path::Path;
use std::sync::Arc;

use toml::de::DeTable;
use wharf_core::{Digest, Ecosystem, PackageName, Source, Span, Target, Timestamp, WebUrl};

use super::reader::start_of;
use super::{FORMAT, Lock, LockInputs, LockedEdge, LockedFile, LockedPackage, LockedRoot, LockedTarget};
use crate::error::Invalid;
use crate::index::{IndexStrategy, Prereleases, ResolutionMode};
use crate::requirement::Group;
use crate::table::{self, Reader, Value};
use crate::text::SourceText;

pub(super) type Parsed<T> = Result<T, Invalid>;

impl Lock {
    /// Reads the text of `wharf.lock`; messages show it under that name.
    ///
    /// # Errors
    /// Where it is malformed or of a newer format, with the place.
    pub fn parse(text: &str) -> Result<Self, Box<Invalid>> {
        Self::parse_file(&SourceText::new(Path::new("wharf.lock"), text))
    }

    /// Reads a lockfile of any name.
    ///
    /// # Errors
    /// Where it is malformed or of a newer format, with the place.
    pub fn parse_file(source: &SourceText) -> Result<Self, Box<Invalid>> {
        read(source).map_err(|error| Box::new(error.hint("take one side of the merge (`git checkout --ours wharf.lock`) or remove the file, then run `wharf lock`")))
    }
}

fn read(source: &SourceText) -> Parsed<Lock> {
    // The large parts come last and have a reader of their own, many times faster than a document tree.
    let end = source.text().len();
    let npm = start_of(source.text(), "npm");
    let deb = start_of(&source.text()[..npm.unwrap_or(end)], "deb");
    let table = table::parse_head(source, deb.or(npm).unwrap_or(end))?;
    let reader = LockReader(Reader {
        source,
        code: "lock/malformed",
    });
    let version = reader.version(&table)?;
    reader.keys(
        &table,
        "the lockfile",
        &[
            "version",
            "requires-python",
            "inputs",
            "target",
            "package",
            "cargo",
        ],
    )?;
    let mut lock = Lock {
        version,
        requires_python: reader.optional_text(&table, "requires-python")?,
        inputs: match table.get("inputs") {
            Some(value) => reader.inputs(reader.0.table(value, "`inputs`")?)?,
            None => LockInputs::default(),
        },
        targets: reader.each(&table, "target", |reader, entry| reader.target(entry))?,
        packages: reader.each(&table, "package", |reader, entry| reader.package(entry))?,
        cargo: match table.get("cargo") {
            Some(value) => Some(super::cargo::read(&reader, value)?).filter(|tools| !tools.tools.is_empty()),
            None => None,
        },
        deb: deb
            .map(|start| super::deb::parse(source, start..npm.unwrap_or(end)).map(Arc::new))
            .transpose()?,
        npm: npm.map(|start| super::npm::parse(source, start)).transpose()?,
    };
    lock.targets.shrink_to_fit();
    Ok(lock)
}

pub(super) struct LockReader<'s>(pub(super) Reader<'s>);

impl LockReader<'_> {
    fn version(&self, table: &DeTable<'_>) -> Parsed<u32> {
        let value = table
            .get("version")
            .ok_or_else(|| self.0.error(0..0, "the lockfile has no `version`"))?;
        let number = self.0.integer(value, "`version`")?;
        match u32::try_from(number) {
            Ok(FORMAT) => Ok(FORMAT),
            _ => Err(self
                .0
                .error(
                    value.span(),
                    format!("this lockfile has format {number}, and this Wharf reads {FORMAT}"),
                )
                .hint("use the version of Wharf that wrote it")),
        }
    }

    pub(super) fn keys(&self, table: &DeTable<'_>, place: &str, known: &[&str]) -> Parsed<()> {
        self.0.known_keys(table, place, known).map_err(|mut error| {
            error.code = "lock/malformed";
            error
        })
    }

    pub(super) fn optional_text(&self, table: &DeTable<'_>, key: &str) -> Parsed<Option<String>> {
        table
            .get(key)
            .map(|value| self.0.string(value, key).map(str::to_owned))
            .transpose()
    }

    fn text(&self, table: &DeTable<'_>, key: &str, place: &Value<'_>) -> Parsed<String> {
        self.optional_text(table, key)?
            .ok_or_else(|| self.missing(key, place))
    }

    pub(super) fn missing(&self, key: &str, place: &Value<'_>) -> Invalid {
        self.0.error(place.span(), format!("`{key}` is missing here"))
    }

    fn flag(&self, table: &DeTable<'_>, key: &str) -> Parsed<bool> {
        table
            .get(key)
            .map_or(Ok(false), |value| self.0.boolean(value, key))
    }

    /// Reads a text that must have a certain form.
    pub(super) fn formed<T, E: std::fmt::Display>(
        &self,
        value: &Value<'_>,
        key: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Parsed<T> {
        read(self.0.string(value, key)?).map_err(|error| self.0.error(value.span(), error.to_string()))
    }

    fn optional_formed<T, E: std::fmt::Display>(
        &self,
        table: &DeTable<'_>,
        key: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Parsed<Option<T>> {
        table
            .get(key)
            .map(|value| self.formed(value, key, read))
            .transpose()
    }

    pub(super) fn texts(&self, table: &DeTable<'_>, key: &str) -> Parsed<Vec<String>> {
        self.each(table, key, |reader, value| {
            reader.0.string(value, key).map(str::to_owned)
        })
    }

    fn targets(&self, table: &DeTable<'_>) -> Parsed<Vec<Target>> {
        self.each(table, "targets", |reader, value| {
            reader.formed(value, "targets", str::parse)
        })
    }

    fn digests(&self, table: &DeTable<'_>, key: &str) -> Parsed<Vec<Digest>> {
        self.each(table, key, |reader, value| {
            reader.formed(value, key, Digest::parse)
        })
    }

    pub(super) fn each<T>(
        &self,
        table: &DeTable<'_>,
        key: &str,
        read: impl Fn(&Self, &Value<'_>) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        match table.get(key) {
            Some(value) => self
                .0
                .array(value, key)?
                .iter()
                .map(|item| read(self, item))
                .collect(),
            None => Ok(Vec::new()),
        }
    }

    fn inputs(&self, table: &DeTable<'_>) -> Parsed<LockInputs> {
        const KEYS: &[&str] = &[
            "cooldown",
            "exclude-newer",
            "targets",
            "indexes",
            "find-links",
            "local",
            "no-index",
            "index-strategy",
            "prereleases",
            "resolution",
            "no-binary",
            "only-binary",
            "requirements",
            "constraints",
            "overrides",
        ];
        self.keys(table, "`[inputs]`", KEYS)?;
        let roots = |key| self.each(table, key, |reader, value| reader.root(value));
        Ok(LockInputs {
            roots: roots("requirements")?,
            constraints: roots("constraints")?,
            overrides: roots("overrides")?,
            targets: self.targets(table)?,
            cooldown: self
                .optional_formed(table, "cooldown", str::parse)?
                .unwrap_or(Span::ZERO),
            exclude_newer: self.optional_formed(table, "exclude-newer", str::parse::<Timestamp>)?,
            indexes: self.texts(table, "indexes")?,
            find_links: self.texts(table, "find-links")?,
            local: self.texts(table, "local")?,
            no_index: self.flag(table, "no-index")?,
            index_strategy: self.word(table, "index-strategy", IndexStrategy::from_word)?,
            prereleases: self.word(table, "prereleases", Prereleases::from_word)?,
            resolution: self.word(table, "resolution", ResolutionMode::from_word)?,
            no_binary: self.texts(table, "no-binary")?,
            only_binary: self.texts(table, "only-binary")?,
        })
    }

    fn word<T: Default>(
        &self,
        table: &DeTable<'_>,
        key: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Parsed<T> {
        let read = |word: &str| read(word).ok_or_else(|| format!("`{word}` is no value of `{key}`"));
        Ok(self.optional_formed(table, key, read)?.unwrap_or_default())
    }

    fn root(&self, value: &Value<'_>) -> Parsed<LockedRoot> {
        let table = self.0.table(value, "a requirement")?;
        const KEYS: &[&str] = &[
            "name", "extras", "version", "source", "editable", "marker", "group", "hashes",
        ];
        self.keys(table, "a requirement", KEYS)?;
        Ok(LockedRoot {
            name: self.name(table, value, None)?,
            group: self
                .optional_formed(table, "group", str::parse)?
                .unwrap_or(Group::Main),
            extras: self.texts(table, "extras")?,
            specifiers: self.optional_text(table, "version")?.unwrap_or_default(),
            source: self.optional_text(table, "source")?,
            editable: self.flag(table, "editable")?,
            marker: self.optional_text(table, "marker")?,
            hashes: self.digests(table, "hashes")?,
        })
    }

    fn name(&self, table: &DeTable<'_>, place: &Value<'_>, home: Option<Ecosystem>) -> Parsed<PackageName> {
        let value = table.get("name").ok_or_else(|| self.missing("name", place))?;
        self.formed(value, "name", |text| match (text.split_once(':'), home) {
            (Some((ecosystem, name)), _) => {
                let ecosystem = ecosystem
                    .parse::<Ecosystem>()
                    .map_err(|error| error.to_string())?;
                PackageName::new(ecosystem, name).map_err(|error| error.to_string())
            }
            (None, Some(home)) => PackageName::new(home, text).map_err(|error| error.to_string()),
            (None, None) => Err(format!("`{text}` does not say which ecosystem it is from")),
        })
    }

    fn target(&self, value: &Value<'_>) -> Parsed<LockedTarget> {
        let table = self.0.table(value, "`target`")?;
        self.keys(table, "`[[target]]`", &["target", "python"])?;
        let target = table.get("target").ok_or_else(|| self.missing("target", value))?;
        Ok(LockedTarget {
            target: self.formed(target, "target", str::parse)?,
            python: self.text(table, "python", value)?,
        })
    }

    fn package(&self, value: &Value<'_>) -> Parsed<LockedPackage> {
        let table = self.0.table(value, "`package`")?;
        const KEYS: &[&str] = &[
            "name",
            "version",
            "source",
            "requires-python",
            "targets",
            "dependencies",
            "files",
        ];
        self.keys(table, "`[[package]]`", KEYS)?;
        let name = self.name(table, value, None)?;
        let ecosystem = name.ecosystem();
        let source = table.get("source").ok_or_else(|| self.missing("source", value))?;
        Ok(LockedPackage {
            version: self.text(table, "version", value)?,
            source: self.source(source)?,
            files: self.each(table, "files", |reader, file| reader.file(file))?,
            dependencies: self.each(table, "dependencies", |reader, edge| reader.edge(edge, ecosystem))?,
            targets: self.targets(table)?,
            requires_python: self.optional_text(table, "requires-python")?,
            name,
        })
    }

    fn source(&self, value: &Value<'_>) -> Parsed<Source> {
        let table = self.0.table(value, "`source`")?;
        let (keys, source): (&[&str], Source) = if let Some(index) = table.get("registry") {
            (
                &["registry"],
                Source::Registry {
                    index: self.formed(index, "registry", WebUrl::parse)?,
                },
            )
        } else if let Some(location) = table.get("find-links") {
            (
                &["find-links"],
                Source::FindLinks {
                    location: self.0.string(location, "find-links")?.to_owned(),
                },
            )
        } else if let Some(url) = table.get("url") {
            let url = self.formed(url, "url", WebUrl::parse)?;
            let subdirectory = self.optional_text(table, "subdirectory")?;
            (&["url", "subdirectory"], Source::Url { url, subdirectory })
        } else if let Some(url) = table.get("git") {
            let source = Source::Git {
                url: self.formed(url, "git", WebUrl::parse)?,
                reference: self.optional_text(table, "reference")?,
                commit: self.text(table, "commit", value)?,
                subdirectory: self.optional_text(table, "subdirectory")?,
            };
            (&["git", "reference", "commit", "subdirectory"], source)
        } else if let Some(path) = table.get("file") {
            (
                &["file"],
                Source::File {
                    path: self.0.string(path, "file")?.to_owned(),
                },
            )
        } else if let Some(path) = table.get("directory") {
            let path = self.0.string(path, "directory")?.to_owned();
            (
                &["directory", "editable"],
                Source::Directory {
                    path,
                    editable: self.flag(table, "editable")?,
                },
            )
        } else {
            let message =
                "this source is none of `registry`, `find-links`, `url`, `git`, `file`, `directory`";
            return Err(self.0.error(value.span(), message));
        };
        self.keys(table, "this source", keys)?;
        Ok(source)
    }

    fn file(&self, value: &Value<'_>) -> Parsed<LockedFile> {
        let table = self.0.table(value, "a file")?;
        self.keys(
            table,
            "a file",
            &["name", "url", "hash", "size", "uploaded", "targets"],
        )?;
        let size = table.get("size");
        Ok(LockedFile {
            filename: self.text(table, "name", value)?,
            url: self.optional_text(table, "url")?,
            digest: self.optional_formed(table, "hash", Digest::parse)?,
            size: size.map(|size| self.0.integer(size, "`size`")).transpose()?,
            upload_time: self.optional_formed(table, "uploaded", str::parse::<Timestamp>)?,
            targets: self.targets(table)?,
        })
    }

    fn edge(&self, value: &Value<'_>, home: Ecosystem) -> Parsed<LockedEdge> {
        let table = self.0.table(value, "a dependency")?;
        self.keys(
            table,
            "a dependency",
            &["name", "version", "extras", "when-extra", "marker"],
        )?;
        Ok(LockedEdge {
            name: self.name(table, value, Some(home))?,
            version: self.optional_text(table, "version")?,
            extras: self.texts(table, "extras")?,
            when_extra: self.optional_text(table, "when-extra")?,
            marker: self.optional_text(table, "marker")?,
        })
    }
}
