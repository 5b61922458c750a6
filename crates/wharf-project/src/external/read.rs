//! `[external]` as files write it. A `pyproject.toml` has PEP 725's keys and no others; a manifest of ours and a user's table also say what
//! other packages need, and which Debian packages answer a name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use toml::de::{DeTable, DeValue};
use wharf_core::{Ecosystem, PackageName};
use wharf_deb::relation::Relation;

use super::dependency::ExternalDependency;
use super::table::{Answer, Entry, Table, Versions};
use super::{ExternalNeed, ExternalProject, ExternalRole};
use crate::deb::read::relation;
use crate::error::{Invalid, ProjectError};
use crate::manifest::entry::at_value;
use crate::project::Options;
use crate::requirement::Group;
use crate::stated::Stated;
use crate::table::{self, Key, Reader, Value};
use crate::text::SourceText;

/// The keys of PEP 725 for what is always needed.
const ROLES: [(&str, ExternalRole); 3] = [
    ("build-requires", ExternalRole::Build),
    ("host-requires", ExternalRole::Host),
    ("dependencies", ExternalRole::Run),
];

/// And for what is needed with an extra.
const OPTIONAL: [(&str, ExternalRole); 3] = [
    ("optional-build-requires", ExternalRole::Build),
    ("optional-host-requires", ExternalRole::Host),
    ("optional-dependencies", ExternalRole::Run),
];

const GROUPS: &str = "dependency-groups";

/// What the `pyproject.toml` of a package says about the system. `name` stands in messages and origins: `psycopg2's pyproject.toml`.
///
/// # Errors
/// Where it is malformed, with the place.
pub fn of_pyproject(text: &str, name: &str) -> Result<Vec<ExternalNeed>, Box<Invalid>> {
    let source = SourceText::new(Path::new(name), text);
    let reader = Reader {
        source: &source,
        code: "external/invalid",
    };
    let document = table::parse(&source)?;
    let mut needs = Vec::new();
    if let Some(value) = document.get("external") {
        pep725(&reader, value, &mut needs)?;
    }
    Ok(needs)
}

/// Reads `[external]` of a `pyproject.toml`.
pub(crate) fn pep725(
    reader: &Reader<'_>,
    value: &Value<'_>,
    needs: &mut Vec<ExternalNeed>,
) -> Result<(), Invalid> {
    let table = reader.table(value, "[external]")?;
    let known: Vec<&str> = standard_keys().collect();
    reader.known_keys(table, "[external]", &known)?;
    own_needs(reader, table, "[external]", needs)
}

/// Reads `[external]` of a manifest of ours.
pub(crate) fn manifest(
    reader: &Reader<'_>,
    value: &Value<'_>,
    place: &str,
    external: &mut ExternalProject,
) -> Result<(), Invalid> {
    let table = reader.table(value, place)?;
    own_needs(reader, table, place, &mut external.needs)?;
    statements(reader, table, place, Standard::Besides, &mut external.table)
}

/// Reads a table of the form of the shipped one: statements about packages and names alone.
pub(crate) fn table(source: &SourceText) -> Result<Table, Invalid> {
    let reader = Reader {
        source,
        code: "external/invalid",
    };
    let document = table::parse(source)?;
    let mut read = Table::default();
    statements(&reader, &document, "this table", Standard::Refused, &mut read)?;
    Ok(read)
}

/// The user's own table: the file that `WHARF_EXTERNAL` names, else `wharf/external.toml` in the folder of configuration.
pub(crate) fn user(options: &Options, stated: &mut Stated) -> Result<Table, ProjectError> {
    let variable = |name: &str| options.environment.get(name).filter(|value| !value.is_empty());
    let named = variable("WHARF_EXTERNAL").map(PathBuf::from);
    let usual = || {
        let config = variable("XDG_CONFIG_HOME").map(PathBuf::from);
        let home = || variable("HOME").map(|home| Path::new(home).join(".config"));
        Some(config.or_else(home)?.join("wharf/external.toml"))
    };
    let must_exist = named.is_some();
    let Some(path) = named.or_else(usual) else {
        return Ok(Table::default());
    };
    stated.note_input(path.clone());
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(table(&SourceText::new(&path, &text))?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => Ok(Table::default()),
        Err(error) => Err(ProjectError::reading(&path)(error)),
    }
}

fn standard_keys() -> impl Iterator<Item = &'static str> {
    let roles = ROLES.iter().chain(&OPTIONAL).map(|(key, _)| *key);
    roles.chain([GROUPS])
}

/// What the project itself needs.
fn own_needs(
    reader: &Reader<'_>,
    table: &DeTable<'_>,
    place: &str,
    needs: &mut Vec<ExternalNeed>,
) -> Result<(), Invalid> {
    for (key, role) in ROLES {
        if let Some(value) = table.get(key) {
            needs.extend(list(reader, value, key, role, &Group::Main, place)?);
        }
    }
    for (key, role) in OPTIONAL {
        let Some(value) = table.get(key) else { continue };
        for (extra, value) in reader.table(value, &format!("`{key}`"))? {
            let group = Group::Extra(normal(reader, extra)?);
            needs.extend(list(reader, value, key, role, &group, place)?);
        }
    }
    match table.get(GROUPS) {
        Some(value) => groups(reader, value, place, needs),
        None => Ok(()),
    }
}

fn list(
    reader: &Reader<'_>,
    value: &Value<'_>,
    key: &str,
    role: ExternalRole,
    group: &Group,
    place: &str,
) -> Result<Vec<ExternalNeed>, Invalid> {
    let items = reader.array(value, &format!("`{key}`"))?.iter();
    items.map(|item| need(reader, item, role, group, place)).collect()
}

fn need(
    reader: &Reader<'_>,
    item: &Value<'_>,
    role: ExternalRole,
    group: &Group,
    place: &str,
) -> Result<ExternalNeed, Invalid> {
    let text = reader.string(item, "each entry")?;
    let dependency = ExternalDependency::from_str(text).map_err(|error| {
        let error = reader.error(item.span(), error.to_string());
        error.hint(
            "write for example `dep:generic/libpq`, `dep:virtual/compiler/c` or `pkg:deb/debian/libpq-dev`",
        )
    })?;
    Ok(ExternalNeed {
        dependency,
        role,
        group: group.clone(),
        origin: reader.source.origin(item.span().start).with_label(place),
    })
}

/// A name of an extra or a group in normal form.
fn normal(reader: &Reader<'_>, key: &Key<'_>) -> Result<String, Invalid> {
    let name = PackageName::pypi(key.get_ref()).map_err(|_| {
        let message = format!("`{}` is not a name for a group or an extra", key.get_ref());
        reader.error(key.span(), message)
    })?;
    Ok(name.as_str().to_owned())
}

/// `dependency-groups`, whose entries may include other groups.
fn groups(
    reader: &Reader<'_>,
    value: &Value<'_>,
    place: &str,
    needs: &mut Vec<ExternalNeed>,
) -> Result<(), Invalid> {
    let mut lists = BTreeMap::new();
    for (key, value) in reader.table(value, "`dependency-groups`")? {
        lists.insert(normal(reader, key)?, value);
    }
    for name in lists.keys() {
        let group = match name.as_str() {
            "dev" => Group::Dev,
            name => Group::Named(name.to_owned()),
        };
        let expansion = Expansion {
            reader,
            lists: &lists,
            group: &group,
            place,
        };
        expansion.expand(name, &mut Vec::new(), needs)?;
    }
    Ok(())
}

/// A group with those that it includes.
struct Expansion<'r, 's, 'v, 'i> {
    reader: &'r Reader<'s>,
    lists: &'r BTreeMap<String, &'v Value<'i>>,
    group: &'r Group,
    place: &'r str,
}

impl Expansion<'_, '_, '_, '_> {
    fn expand(
        &self,
        name: &str,
        path: &mut Vec<String>,
        needs: &mut Vec<ExternalNeed>,
    ) -> Result<(), Invalid> {
        path.push(name.to_owned());
        for item in self.reader.array(self.lists[name], "a group")? {
            let DeValue::Table(table) = item.get_ref() else {
                needs.push(need(
                    self.reader,
                    item,
                    ExternalRole::Run,
                    self.group,
                    self.place,
                )?);
                continue;
            };
            self.reader.known_keys(table, "this entry", &["include-group"])?;
            let included = table
                .get("include-group")
                .ok_or_else(|| self.reader.error(item.span(), "this entry is empty"))?;
            let text = self.reader.string(included, "`include-group`")?;
            let normal =
                PackageName::pypi(text).map_or_else(|_| text.to_owned(), |name| name.as_str().to_owned());
            if !self.lists.contains_key(&normal) {
                let message = format!("there is no group `{text}`");
                return Err(self.reader.error(included.span(), message));
            }
            if path.contains(&normal) {
                let message = format!("the group `{name}` includes itself through `{normal}`");
                return Err(self.reader.error(included.span(), message));
            }
            self.expand(&normal, path, needs)?;
        }
        path.pop();
        Ok(())
    }
}

/// Whether PEP 725's own keys stand beside the statements.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standard {
    Besides,
    Refused,
}

/// What is said of packages (`"pypi:psycopg2" = […]`) and of names (`"dep:generic/libpq" = { deb = … }`).
fn statements(
    reader: &Reader<'_>,
    table: &DeTable<'_>,
    place: &str,
    standard: Standard,
    into: &mut Table,
) -> Result<(), Invalid> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    for (key, value) in entries {
        if standard == Standard::Besides && standard_keys().any(|known| known == key.get_ref()) {
            continue;
        }
        let statement = Statement { reader, key, place };
        match key.get_ref().split_once(':') {
            Some(("dep", _)) => statement.name(value, into)?,
            Some((word, name)) => statement.package(word, name, value, into)?,
            None => return Err(statement.unknown(standard)),
        }
    }
    Ok(())
}

struct Statement<'r, 's, 'i> {
    reader: &'r Reader<'s>,
    key: &'r Key<'i>,
    place: &'r str,
}

impl Statement<'_, '_, '_> {
    fn unknown(&self, standard: Standard) -> Invalid {
        let known: Vec<&str> = match standard {
            Standard::Besides => standard_keys().collect(),
            Standard::Refused => Vec::new(),
        };
        let mut error = self.reader.unknown_key(self.key, self.place, &known);
        error.hints.retain(|hint| hint.starts_with("did you mean"));
        error.hint("a package is written `\"pypi:NAME\"` or `\"npm:NAME\"`, a name of the system `\"dep:generic/NAME\"`")
    }

    fn refuse(&self, message: impl Into<String>) -> Invalid {
        self.reader.error(self.key.span(), message)
    }

    fn package(&self, word: &str, name: &str, value: &Value<'_>, into: &mut Table) -> Result<(), Invalid> {
        let ecosystem: Ecosystem = word
            .parse()
            .map_err(|error: wharf_core::UnknownEcosystem| self.refuse(error.to_string()))?;
        let name = PackageName::new(ecosystem, name).map_err(|error| self.refuse(error.to_string()))?;
        let entries = match value.get_ref() {
            DeValue::Table(table) => vec![self.entry(ecosystem, table)?],
            DeValue::Array(items) if items.iter().any(|item| item.get_ref().is_table()) => items
                .iter()
                .map(|item| self.entry(ecosystem, self.reader.table(item, "each of several entries")?))
                .collect::<Result<_, _>>()?,
            _ => vec![Entry {
                versions: Versions::All,
                needs: list(
                    self.reader,
                    value,
                    self.key.get_ref(),
                    ExternalRole::Host,
                    &Group::Main,
                    self.place,
                )?,
            }],
        };
        match into.packages.insert(name, entries) {
            None => Ok(()),
            Some(_) => Err(self.refuse(format!("`{}` stands here twice", self.key.get_ref()))),
        }
    }

    /// `{ version = "<2", build-requires = […], host-requires = […], dependencies = […] }`
    fn entry(&self, ecosystem: Ecosystem, table: &DeTable<'_>) -> Result<Entry, Invalid> {
        let known: Vec<&str> = ROLES.iter().map(|(key, _)| *key).chain(["version"]).collect();
        let place = format!("`{}`", self.key.get_ref());
        self.reader.known_keys(table, &place, &known)?;
        let versions = match table.get("version") {
            Some(value) => {
                let text = self.reader.string(value, "`version`")?;
                Versions::parse(ecosystem, text).map_err(|reason| self.reader.error(value.span(), reason))?
            }
            None => Versions::All,
        };
        let mut needs = Vec::new();
        for (key, role) in ROLES {
            if let Some(value) = table.get(key) {
                needs.extend(list(self.reader, value, key, role, &Group::Main, self.place)?);
            }
        }
        Ok(Entry { versions, needs })
    }

    fn name(&self, value: &Value<'_>, into: &mut Table) -> Result<(), Invalid> {
        let dependency = ExternalDependency::from_str(self.key.get_ref())
            .map_err(|error| self.refuse(error.to_string()))?;
        if dependency.version.is_some() || dependency.marker.is_some() {
            return Err(self.refuse("a name stands here without a version and without a marker"));
        }
        let table = self.reader.table(value, &format!("`{}`", self.key.get_ref()))?;
        self.reader
            .known_keys(table, &format!("`{}`", self.key.get_ref()), &["deb"])?;
        let deb = table.get("deb").ok_or_else(|| {
            let error = self
                .reader
                .error(value.span(), "this says nothing about Debian packages");
            error.hint("write for example `{ deb = { host = \"libpq-dev\", run = \"libpq5\" } }`")
        })?;
        let answer = Answer {
            roles: self.roles(deb)?,
            origin: self
                .reader
                .source
                .origin(self.key.span().start)
                .with_label(self.place),
        };
        match into.names.insert(dependency.id, answer) {
            None => Ok(()),
            Some(_) => Err(self.refuse(format!("`{}` stands here twice", self.key.get_ref()))),
        }
    }

    /// PEP 804's forms: for all roles at once, or for each its own.
    fn roles(&self, value: &Value<'_>) -> Result<BTreeMap<ExternalRole, Vec<Relation>>, Invalid> {
        let all = [ExternalRole::Build, ExternalRole::Host, ExternalRole::Run];
        let DeValue::Table(table) = value.get_ref() else {
            let relations = self.relations(value)?;
            return Ok(all.into_iter().map(|role| (role, relations.clone())).collect());
        };
        self.reader.known_keys(table, "`deb`", ExternalRole::WORDS)?;
        let mut roles = BTreeMap::new();
        for role in all {
            if let Some(value) = table.get(role.as_str()) {
                roles.insert(role, self.relations(value)?);
            }
        }
        Ok(roles)
    }

    fn relations(&self, value: &Value<'_>) -> Result<Vec<Relation>, Invalid> {
        let items: Vec<&Value<'_>> = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![value],
        };
        let read = |item: &&Value<'_>| {
            let text = self.reader.string(item, "a Debian package")?;
            relation(text).map_err(|problem| at_value(self.reader, item, text, problem))
        };
        items.iter().map(read).collect()
    }
}
