//! `[cargo]` of `wharf.toml` and `[tool.wharf.cargo]` of `pyproject.toml`: tools that are built from crates.
//! Versions are Cargo's own text: `"14"` means every 14.

use std::fmt;

use toml::de::{DeTable, DeValue};
use wharf_core::Origin;
use wharf_ecosystem::cargo::{CrateName, GitReference, Req, SourceId, crate_name};

use super::config::{CRATES_IO, CargoConfig};
use crate::error::{Invalid, ProjectError};
use crate::table::{Key, Reader, Value};

/// A tool that a project wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CargoTool {
    /// The crate.
    pub name: CrateName,
    /// The versions that are right.
    pub req: Req,
    /// Where it comes from.
    pub source: ToolSource,
    /// Features that are switched on, as written.
    pub features: Vec<String>,
    /// Whether its default features are switched on.
    pub default_features: bool,
    /// Whether all its features are.
    pub all_features: bool,
    /// The commands that are wanted; empty for all.
    pub bins: Vec<String>,
    /// Whether the lockfile that the crate brings is obeyed, where it brings one.
    pub locked: bool,
    /// Where it is written.
    pub origin: Origin,
}

/// Where a tool comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ToolSource {
    /// The default registry of Cargo's configuration.
    #[default]
    Default,
    /// The registry of this name there.
    Registry(String),
    /// A git repository.
    Git(SourceId),
}

/// The tools of a project with what finds them.
#[derive(Clone, Debug)]
pub struct CargoTools {
    /// The tools, by name.
    pub tools: Vec<CargoTool>,
    /// What Cargo's configuration says.
    pub config: CargoConfig,
}

impl CargoTool {
    /// A tool of the default registry with everything as it is usual.
    pub fn new(name: CrateName, req: Req, origin: Origin) -> Self {
        Self {
            name,
            req,
            source: ToolSource::Default,
            features: Vec::new(),
            default_features: true,
            all_features: false,
            bins: Vec::new(),
            locked: true,
            origin,
        }
    }

    /// Where its versions are found.
    ///
    /// # Errors
    /// Where it names a registry that is not configured.
    pub fn source_id(&self, config: &CargoConfig) -> Result<SourceId, ProjectError> {
        match &self.source {
            ToolSource::Default => Ok(config.default_source()),
            ToolSource::Git(source) => Ok(source.clone()),
            ToolSource::Registry(name) if name == CRATES_IO => Ok(SourceId::crates_io()),
            ToolSource::Registry(name) => match config.registry(name) {
                Some(registry) => Ok(registry.source.clone()),
                None => Err(ProjectError::Setting {
                    name: format!("`registry` of `{}` ({})", self.name, self.origin),
                    value: name.clone(),
                    reason: format!("Cargo's configuration has no [registries.{name}]"),
                }),
            },
        }
    }
}

impl fmt::Display for CargoTool {
    /// `cargo:ripgrep@14`, `cargo:mine@git+https://…`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cargo:{}", self.name)?;
        match (&self.req, &self.source) {
            (req @ Req::Range(_), _) if req.to_string() != "*" => write!(f, "@{req}"),
            (_, ToolSource::Git(source)) => write!(f, "@{source}"),
            (_, ToolSource::Default | ToolSource::Registry(_)) => Ok(()),
        }
    }
}

/// What the manifest says of tools.
#[derive(Clone, Debug, Default)]
pub(crate) struct CargoTables {
    pub(crate) tools: Vec<CargoTool>,
    /// Whether there is a table, even an empty one.
    pub(crate) declared: bool,
}

const KEYS: &[&str] = &[
    "version",
    "features",
    "default-features",
    "all-features",
    "registry",
    "git",
    "branch",
    "tag",
    "rev",
    "bins",
    "locked",
];

/// Reads the table of tools.
pub(crate) fn read(
    reader: &Reader<'_>,
    value: &Value<'_>,
    place: &str,
    tables: &mut CargoTables,
) -> Result<(), Invalid> {
    tables.declared = true;
    for (key, value) in reader.table(value, place)? {
        let entry = Entry { reader, key, place };
        let tool = entry.read(value)?;
        // `_` and `-` are one to a registry.
        let same = |other: &CargoTool| normal(other.name.as_str()) == normal(tool.name.as_str());
        if let Some(twin) = tables.tools.iter().find(|other| same(other)) {
            let message = format!("`{}` and `{}` are the same crate", tool.name, twin.name);
            let hint = format!("remove one of them ({})", twin.origin);
            return Err(reader.error(key.span(), message).hint(hint));
        }
        tables.tools.push(tool);
    }
    tables.tools.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(())
}

/// A name as registries compare it.
pub(crate) fn normal(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

struct Entry<'r, 's, 'i> {
    reader: &'r Reader<'s>,
    key: &'r Key<'i>,
    place: &'r str,
}

impl Entry<'_, '_, '_> {
    fn read(&self, value: &Value<'_>) -> Result<CargoTool, Invalid> {
        let name = crate_name(self.key.get_ref())
            .map_err(|error| self.reader.error(self.key.span(), error.to_string()))?;
        let origin = self
            .reader
            .source
            .origin(self.key.span().start)
            .with_label(self.place);
        let tool = CargoTool::new(name, Req::Any, origin);
        match value.get_ref() {
            DeValue::String(_) => Ok(CargoTool {
                req: self.req(value)?,
                ..tool
            }),
            DeValue::Table(table) => self.table(value, table, tool),
            other => {
                let message = format!(
                    "`{}` must be a version string or a table, and this is of type {}",
                    self.key.get_ref(),
                    other.type_str()
                );
                let hint = format!("write `{} = \"*\"` for any version", self.key.get_ref());
                Err(self.reader.error(value.span(), message).hint(hint))
            }
        }
    }

    fn req(&self, value: &Value<'_>) -> Result<Req, Invalid> {
        let text = self.reader.string(value, "`version`")?;
        Req::parse(text).map_err(|error| {
            let hint = "write for example `14`, `~1.2.3`, `=1.2.3` or `*`";
            self.reader.error(value.span(), error.to_string()).hint(hint)
        })
    }

    fn table(&self, value: &Value<'_>, table: &DeTable<'_>, tool: CargoTool) -> Result<CargoTool, Invalid> {
        self.refuse_path(table)?;
        self.reader
            .known_keys(table, &format!("the tool `{}`", self.key.get_ref()), KEYS)?;
        let req = match table.get("version") {
            Some(version) => self.req(version)?,
            None if table.contains_key("git") => Req::Any,
            None => {
                let message = format!("`{}` has no `version`", self.key.get_ref());
                return Err(self
                    .reader
                    .error(value.span(), message)
                    .hint("write `version = \"*\"` for any version"));
            }
        };
        let all_features = self.flag(table, "all-features")?.unwrap_or(false);
        let features = self.words(table, "features")?;
        if all_features && !features.is_empty() {
            let span = table.get("features").map_or(0..0, Value::span);
            let error = self
                .reader
                .error(span, "`features` has no meaning beside `all-features = true`");
            return Err(error.hint("keep one of them"));
        }
        Ok(CargoTool {
            req,
            source: self.source(table)?,
            default_features: self.flag(table, "default-features")?.unwrap_or(true),
            bins: self.words(table, "bins")?,
            locked: self.flag(table, "locked")?.unwrap_or(true),
            features,
            all_features,
            ..tool
        })
    }

    /// A tool in a folder belongs to the workspace of that folder.
    fn refuse_path(&self, table: &DeTable<'_>) -> Result<(), Invalid> {
        match table.get_key_value("path") {
            Some((key, _)) => {
                let error = self.reader.error(
                    key.span(),
                    "a tool comes from a registry or a repository, not from a folder",
                );
                Err(error.hint("run it with `cargo run` in its own folder"))
            }
            None => Ok(()),
        }
    }

    fn flag(&self, table: &DeTable<'_>, key: &str) -> Result<Option<bool>, Invalid> {
        let value = table.get(key);
        value
            .map(|value| self.reader.boolean(value, &format!("`{key}`")))
            .transpose()
    }

    fn words(&self, table: &DeTable<'_>, key: &str) -> Result<Vec<String>, Invalid> {
        let Some(value) = table.get(key) else {
            return Ok(Vec::new());
        };
        let mut words: Vec<String> = Vec::new();
        for (word, span) in self.reader.strings(value, &format!("`{key}`"))? {
            if word.is_empty() || word.contains(char::is_whitespace) {
                return Err(self.reader.error(span, format!("`{word}` is no name")));
            }
            words.push(word.to_owned());
        }
        words.sort();
        words.dedup();
        Ok(words)
    }

    fn source(&self, table: &DeTable<'_>) -> Result<ToolSource, Invalid> {
        let reference = self.reference(table)?;
        match (table.get("git"), table.get_key_value("registry")) {
            (Some(_), Some((key, _))) => {
                let error = self
                    .reader
                    .error(key.span(), "`git` and `registry` exclude each other");
                Err(error.hint("keep one of them"))
            }
            (Some(git), None) => {
                let text = self.reader.string(git, "`git`")?;
                let source = SourceId::git(text, reference);
                let source = source.map_err(|error| self.reader.error(git.span(), error.to_string()))?;
                Ok(ToolSource::Git(source))
            }
            (None, Some((_, registry))) => {
                let name = self.reader.string(registry, "`registry`")?;
                Ok(ToolSource::Registry(name.to_owned()))
            }
            (None, None) => Ok(ToolSource::Default),
        }
    }

    fn reference(&self, table: &DeTable<'_>) -> Result<GitReference, Invalid> {
        let mut found = None;
        for (key, make) in GitReference::KEYS {
            let Some((written, value)) = table.get_key_value(key) else {
                continue;
            };
            if !table.contains_key("git") {
                let message = format!("`{key}` has no meaning without `git`");
                return Err(self.reader.error(written.span(), message));
            }
            let text = self.reader.string(value, &format!("`{key}`"))?;
            if found.replace(make(text.to_owned())).is_some() {
                let error = self
                    .reader
                    .error(written.span(), "`branch`, `tag` and `rev` exclude each other");
                return Err(error.hint("keep one of them"));
            }
        }
        Ok(found.unwrap_or(GitReference::DefaultBranch))
    }
}
