//! The tables of `wharf.toml` that are about npm: `[npm]`, `[dev.npm]`, `[optional.npm]`, `[overrides.npm]`, `[options.npm]`,
//! `[node]` and `[workspace]`. Versions are npm's own text.

use std::ops::Range;

use toml::de::{DeTable, DeValue};
use wharf_ecosystem::npm::semver::Strictness;
use wharf_ecosystem::npm::{EdgeKind, Range as Versions};

use crate::error::Invalid;
use crate::npm::NodeRequest;
use crate::npm::own::{self, Form};
use crate::npm::package_json::{Stated, is_folder_name};
use crate::npm::settings::Settings;
use crate::npm::workspace::Pattern;
use crate::table::{Key, Reader, Value};
use crate::text::SourceText;

/// What `wharf.toml` says about npm.
#[derive(Clone, Debug, Default)]
pub(crate) struct NpmTables {
    /// The file, where it says anything.
    pub(crate) source: Option<SourceText>,
    pub(crate) requirements: Vec<Stated>,
    /// Key, value, and the value's place.
    pub(crate) overrides: Vec<(String, String, Range<usize>)>,
    pub(crate) node: Option<NodeRequest>,
    pub(crate) members: Vec<Pattern>,
    pub(crate) settings: Settings,
    /// Whether a table of requirements is there, even an empty one.
    pub(crate) declared: bool,
}

impl NpmTables {
    /// Whether the project has an npm part without a `package.json`.
    pub(crate) fn asks(&self) -> bool {
        self.declared || !self.members.is_empty()
    }
}

/// The keys of a requirement's table.
const KEYS: &[&str] = &[
    "version",
    "package",
    "workspace",
    "path",
    "link",
    "url",
    "git",
    "rev",
    "tag",
    "branch",
    "subdirectory",
];

/// Reads a table of requirements.
pub(crate) fn requirements(
    reader: &Reader<'_>,
    value: &Value<'_>,
    kind: EdgeKind,
    place: &str,
    tables: &mut NpmTables,
) -> Result<(), Invalid> {
    note(reader, tables);
    tables.declared = true;
    for (key, value) in sorted(reader.table(value, place)?) {
        let alias = name(reader, key)?;
        if let Some(twin) = tables.requirements.iter().find(|other| other.alias == alias) {
            let message = format!("`{alias}` stands in {} as well", twin.origin.label);
            return Err(reader
                .error(key.span(), message)
                .hint(format!("remove one of them ({})", twin.origin)));
        }
        tables.requirements.push(Stated {
            text: text(reader, alias, value)?,
            alias: alias.to_owned(),
            kind,
            span: value.span(),
            origin: reader.source.origin(key.span().start).with_label(place),
        });
    }
    Ok(())
}

fn note(reader: &Reader<'_>, tables: &mut NpmTables) {
    tables.source.get_or_insert_with(|| reader.source.clone());
}

/// Entries in the order of the file.
fn sorted<'t, 'i>(table: &'t DeTable<'i>) -> Vec<(&'t Key<'i>, &'t Value<'i>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

fn name<'k>(reader: &Reader<'_>, key: &'k Key<'_>) -> Result<&'k str, Invalid> {
    if is_folder_name(key.get_ref()) {
        return Ok(key.get_ref());
    }
    let message = format!("`{}` cannot be a folder in `node_modules`", key.get_ref());
    Err(reader
        .error(key.span(), message)
        .hint("write `NAME` or `\"@SCOPE/NAME\"`"))
}

/// The specifier of a requirement: its string, or what its table comes to.
fn text(reader: &Reader<'_>, alias: &str, value: &Value<'_>) -> Result<String, Invalid> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.clone().into_owned()),
        DeValue::Table(table) => of_table(reader, alias, value, table),
        other => {
            let message = format!(
                "`{alias}` must be a version string or a table, and this is of type {}",
                other.type_str()
            );
            let hint = format!("write `{alias} = \"*\"` for any version");
            Err(reader.error(value.span(), message).hint(hint))
        }
    }
}

fn of_table(
    reader: &Reader<'_>,
    alias: &str,
    value: &Value<'_>,
    table: &DeTable<'_>,
) -> Result<String, Invalid> {
    reader.known_keys(table, &format!("the requirement `{alias}`"), KEYS)?;
    let text = |key: &str| match table.get(key) {
        Some(value) => reader.string(value, &format!("`{key}`")).map(Some),
        None => Ok(None),
    };
    let flag = |key: &str| match table.get(key) {
        Some(value) => reader.boolean(value, &format!("`{key}`")),
        None => Ok(false),
    };
    let mut kinds = ["workspace", "path", "url", "git"]
        .into_iter()
        .filter_map(|kind| table.get_key_value(kind));
    let kind = kinds.next();
    if let (Some((kind, _)), Some((other, _))) = (kind, kinds.next()) {
        let message = format!(
            "`{}` and `{}` exclude each other",
            kind.get_ref(),
            other.get_ref()
        );
        return Err(reader.error(other.span(), message).hint("keep one of them"));
    }
    let kind = kind.map_or("version", |(kind, _)| kind.get_ref().as_ref());
    fitting(reader, table, kind)?;
    Ok(match kind {
        "workspace" if flag("workspace")? => format!("workspace:{}", text("version")?.unwrap_or("*")),
        "path" if flag("link")? => format!("link:{}", text("path")?.unwrap_or_default()),
        "path" => format!("file:{}", text("path")?.unwrap_or_default()),
        "url" => text("url")?.unwrap_or_default().to_owned(),
        "git" => git(reader, table)?,
        _ => match (text("package")?, text("version")?) {
            (Some(package), version) => format!("npm:{package}@{}", version.unwrap_or("*")),
            (None, Some(version)) => version.to_owned(),
            (None, None) => {
                let message = format!("`{alias}` says neither a version nor where it comes from");
                return Err(reader.error(value.span(), message).hint("add `version = \"*\"`"));
            }
        },
    })
}

/// Refuses keys that mean nothing beside the kind of source.
fn fitting(reader: &Reader<'_>, table: &DeTable<'_>, kind: &str) -> Result<(), Invalid> {
    let fits = |key: &str| match key {
        "version" => matches!(kind, "version" | "workspace"),
        "package" => kind == "version",
        "link" => kind == "path",
        "rev" | "tag" | "branch" | "subdirectory" => kind == "git",
        _ => true,
    };
    match table.keys().find(|key| !fits(key.get_ref())) {
        Some(key) => {
            let message = format!("`{}` has no meaning beside `{kind}`", key.get_ref());
            Err(reader.error(key.span(), message))
        }
        None => Ok(()),
    }
}

fn git(reader: &Reader<'_>, table: &DeTable<'_>) -> Result<String, Invalid> {
    let text = |key: &str| match table.get(key) {
        Some(value) => reader.string(value, &format!("`{key}`")).map(Some),
        None => Ok(None),
    };
    let url = text("git")?.unwrap_or_default();
    let mut parts = Vec::new();
    for key in ["rev", "tag", "branch"] {
        if let Some(reference) = text(key)? {
            if !parts.is_empty() {
                let span = table.get(key).map_or(0..0, Value::span);
                let message = format!("`{key}` and another of `rev`, `tag` and `branch` exclude each other");
                return Err(reader.error(span, message).hint("keep one of them"));
            }
            parts.push(reference.to_owned());
        }
    }
    if let Some(folder) = text("subdirectory")? {
        parts.push(format!("path:{folder}"));
    }
    let scheme = if url.starts_with("git+") || url.starts_with("git:") {
        ""
    } else {
        "git+"
    };
    let fragment = if parts.is_empty() {
        String::new()
    } else {
        format!("#{}", parts.join("::"))
    };
    Ok(format!("{scheme}{url}{fragment}"))
}

/// Reads `[overrides.npm]`: keys as pnpm writes them (`name`, `name@range`, `parent>name`), values as requirements.
pub(crate) fn overrides(
    reader: &Reader<'_>,
    value: &Value<'_>,
    tables: &mut NpmTables,
) -> Result<(), Invalid> {
    note(reader, tables);
    for (key, value) in sorted(reader.table(value, "[overrides.npm]")?) {
        let text = reader.string(value, "an override").map_err(|error| {
            error.hint("write for example `\"parent>name\" = \"^1.2.0\"`, or `\"-\"` to leave it out")
        })?;
        tables
            .overrides
            .push((key.get_ref().clone().into_owned(), text.to_owned(), value.span()));
    }
    Ok(())
}

/// Reads `[options.npm]`.
pub(crate) fn options(reader: &Reader<'_>, value: &Value<'_>, tables: &mut NpmTables) -> Result<(), Invalid> {
    note(reader, tables);
    let table = reader.table(value, "[options.npm]")?;
    reader.known_keys(table, "[options.npm]", own::OPTIONS)?;
    for (key, value) in table {
        let what = format!("`{}`", key.get_ref());
        let values = match own::form(key.get_ref()) {
            Form::Word => vec![reader.string(value, &what)?.to_owned()],
            Form::Flag => vec![reader.boolean(value, &what)?.to_string()],
            Form::List => {
                let texts = reader.strings(value, &what)?;
                texts.into_iter().map(|(text, _)| text.to_owned()).collect()
            }
        };
        own::option(&mut tables.settings, key.get_ref(), values)
            .map_err(|reason| reader.error(value.span(), reason))?;
    }
    Ok(())
}

/// Reads `[node]`.
pub(crate) fn node(reader: &Reader<'_>, value: &Value<'_>, tables: &mut NpmTables) -> Result<(), Invalid> {
    let table = reader.table(value, "`node`")?;
    reader.known_keys(table, "[node]", &["version"])?;
    let Some(version) = table.get("version") else {
        return Ok(());
    };
    let text = reader.string(version, "`version`")?;
    // Strictly: what npm would pass over in a range is a mistake here.
    let range = Versions::parse_as(text, Strictness::Strict).map_err(|error| {
        reader
            .error(version.span(), error.to_string())
            .hint("write for example `>=20`, `^22.4` or `24`")
    })?;
    tables.node = Some(NodeRequest {
        range,
        text: text.to_owned(),
        origin: reader.source.origin(version.span().start).with_label("[node]"),
    });
    Ok(())
}

/// Reads `[workspace]`.
pub(crate) fn workspace(
    reader: &Reader<'_>,
    value: &Value<'_>,
    tables: &mut NpmTables,
) -> Result<(), Invalid> {
    note(reader, tables);
    let table = reader.table(value, "`workspace`")?;
    reader.known_keys(table, "[workspace]", &["members"])?;
    if let Some(members) = table.get("members") {
        for (text, span) in reader.strings(members, "`members`")? {
            tables.members.push(Pattern {
                text: text.to_owned(),
                span,
            });
        }
    }
    Ok(())
}
