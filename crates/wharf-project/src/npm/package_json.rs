//! One `package.json` as far as a package manager reads it. Keys that it does not know belong to other tools.
//! Source: docs.npmjs.com, "package.json". Invariant: what a requirement says is refused where nobody could obey it, with
//! its place; odd forms of what only describes the package cost that field.

use std::ops::Range;
use std::path::Path;

use wharf_core::{Ecosystem, Origin, PackageName};
use wharf_ecosystem::npm::{EdgeKind, InvalidSpec, Spec};

use crate::error::Invalid;
use crate::json::{self, Dialect};
use crate::npm::NpmRequirement;
use crate::npm::workspace::Catalogs;
use crate::project::Warning;
use crate::suggest::nearest;
use crate::text::SourceText;
use crate::yaml::{Node, Value};

/// The code of what is wrong in a `package.json`.
pub(crate) const CODE: &str = "package-json/invalid";

/// The tables of requirements with what they mean, strongest first: of an alias in several tables the first counts, except
/// that a peer stands beside the others.
pub(crate) const TABLES: &[(&str, EdgeKind)] = &[
    ("optionalDependencies", EdgeKind::Optional),
    ("dependencies", EdgeKind::Prod),
    ("devDependencies", EdgeKind::Dev),
    ("peerDependencies", EdgeKind::Peer),
];

/// What a `package.json` says about its own folder.
#[derive(Clone, Debug, Default)]
pub(crate) struct PackageJson {
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) private: bool,
    pub(crate) bin: Vec<(String, String)>,
    pub(crate) scripts: Vec<(String, String)>,
    pub(crate) requirements: Vec<Stated>,
    pub(crate) bundled: Vec<String>,
    pub(crate) warnings: Vec<Warning>,
}

/// A requirement before catalogs are looked up.
#[derive(Clone, Debug)]
pub(crate) struct Stated {
    pub(crate) alias: String,
    pub(crate) text: String,
    pub(crate) kind: EdgeKind,
    /// Of the value.
    pub(crate) span: Range<usize>,
    /// Of the key.
    pub(crate) origin: Origin,
}

/// Reads the text of a `package.json` in a folder, whose `directories.bin` is listed.
pub(crate) fn parse(source: &SourceText, folder: &Path) -> Result<PackageJson, Invalid> {
    let document = json::document(source, Dialect::Strict)?;
    let root = &document.root;
    if root.map().is_none() {
        return Err(Invalid::new(
            source,
            root.span.clone(),
            CODE,
            "a package.json is an object",
        ));
    }
    let text = |key: &str| root.get(key).and_then(Node::text).map(str::to_owned);
    let name = text("name").filter(|name| !name.is_empty());
    let requirements = requirements(source, root)?;
    let mut read = PackageJson {
        bin: bin(root, name.as_deref(), folder),
        version: text("version"),
        private: root.get("private").and_then(Node::boolean) == Some(true),
        scripts: texts(root.get("scripts")),
        bundled: bundled(root, &requirements),
        requirements,
        warnings: Vec::new(),
        name,
    };
    for (key, span) in document.replaced {
        read.warnings.push(Warning {
            code: "package-json/duplicate",
            message: format!("`{key}` stands twice in one object of this file; the last one counts"),
            origin: Some(source.origin(span.start)),
        });
    }
    choose_tables(source, &mut read);
    Ok(read)
}

/// Whether a `package.json` is one that a person keeps for a project, and not only a note to Node (`{"type": "module"}`).
pub(crate) fn states_something(root: &Node<'_>) -> bool {
    let tables = TABLES.iter().map(|(table, _)| *table);
    let mut keys = tables.chain(["name", "scripts", "workspaces", "packageManager", "wharf"]);
    keys.any(|key| root.get(key).is_some())
}

/// Text pairs of an object; others are left to whoever reads them.
pub(crate) fn texts(node: Option<&Node<'_>>) -> Vec<(String, String)> {
    let entries = node.and_then(Node::map).unwrap_or_default();
    let pair = |(key, value): &(Node<'_>, Node<'_>)| Some((key.text()?.to_owned(), value.text()?.to_owned()));
    entries.iter().filter_map(pair).collect()
}

/// The aliases that its archive brings along: those that it names, or with `true` whatever it needs to run.
fn bundled(root: &Node<'_>, requirements: &[Stated]) -> Vec<String> {
    let stated = ["bundleDependencies", "bundledDependencies"];
    let Some(stated) = stated.iter().find_map(|key| root.get(key)) else {
        return Vec::new();
    };
    let mut names: Vec<String> = match &stated.value {
        Value::Text { .. } if stated.boolean() == Some(true) => requirements
            .iter()
            .filter(|one| one.kind.goes_along())
            .map(|one| one.alias.clone())
            .collect(),
        Value::List(names) => names.iter().filter_map(Node::text).map(str::to_owned).collect(),
        Value::Map(entries) => {
            let names = entries.iter().filter_map(|(name, _)| name.text());
            names.map(str::to_owned).collect()
        }
        Value::Text { .. } | Value::Null => Vec::new(),
    };
    names.sort_unstable();
    names.dedup();
    names
}

fn requirements(source: &SourceText, root: &Node<'_>) -> Result<Vec<Stated>, Invalid> {
    let mut stated = Vec::new();
    for (table, kind) in TABLES {
        let Some(node) = root.get(table) else { continue };
        let entries = match &node.value {
            Value::Map(entries) => entries.as_slice(),
            Value::Null => &[],
            // What some generators write for an empty object.
            Value::List(nodes) if nodes.is_empty() => &[],
            Value::List(_) | Value::Text { .. } => {
                let message = format!("`{table}` must be an object of names and versions");
                return Err(Invalid::new(source, node.span.clone(), CODE, message)
                    .hint(format!("write `\"{table}\": {{ \"name\": \"^1.0.0\" }}`")));
            }
        };
        for (key, value) in entries {
            let mut one = requirement(source, table, *kind, key, value)?;
            if *kind == EdgeKind::Peer && is_optional_peer(root, &one.alias) {
                one.kind = EdgeKind::OptionalPeer;
            }
            stated.push(one);
        }
    }
    Ok(stated)
}

fn requirement(
    source: &SourceText,
    table: &str,
    kind: EdgeKind,
    key: &Node<'_>,
    value: &Node<'_>,
) -> Result<Stated, Invalid> {
    let alias = key.text().unwrap_or_default();
    let wrong = |span: &Range<usize>, message: String| Invalid::new(source, span.clone(), CODE, message);
    if !is_folder_name(alias) {
        let message = format!("`{alias}` cannot be a folder in `node_modules`");
        return Err(wrong(&key.span, message).hint("write `NAME` or `@SCOPE/NAME`"));
    }
    let text = match &value.value {
        Value::Text { text, plain: false } => text.clone().into_owned(),
        Value::Text { .. } | Value::Null | Value::List(_) | Value::Map(_) => {
            let message = format!("the version of `{alias}` must be a string");
            return Err(
                wrong(&value.span, message).hint("write for example `\"^1.0.0\"`, or `\"*\"` for any")
            );
        }
    };
    Ok(Stated {
        alias: alias.to_owned(),
        text,
        kind,
        span: value.span.clone(),
        origin: source.origin(key.span.start).with_label(table),
    })
}

/// Whether an alias is safe as a folder in `node_modules`. What a registry answers for must be a package's name as well.
pub(crate) fn is_folder_name(alias: &str) -> bool {
    let bare = match alias.strip_prefix('@') {
        Some(scoped) => match scoped.split_once('/') {
            Some((scope, bare)) if is_part(scope) => bare,
            _ => return false,
        },
        None => alias,
    };
    is_part(bare) && alias.len() <= 214 && !matches!(bare, "node_modules" | "favicon.ico")
}

fn is_part(part: &str) -> bool {
    !part.is_empty()
        && !part.starts_with('.')
        && !part.contains(|c: char| c.is_control() || matches!(c, '/' | '\\' | ':'))
}

fn is_optional_peer(root: &Node<'_>, alias: &str) -> bool {
    let meta = root.get("peerDependenciesMeta").and_then(|meta| meta.get(alias));
    meta.and_then(|meta| meta.get("optional")).and_then(Node::boolean) == Some(true)
}

/// Keeps the table that counts for each alias; a difference that is lost thereby is told.
fn choose_tables(source: &SourceText, read: &mut PackageJson) {
    let is_peer = |kind: EdgeKind| matches!(kind, EdgeKind::Peer | EdgeKind::OptionalPeer);
    let mut chosen: Vec<Stated> = Vec::new();
    for stated in read.requirements.drain(..) {
        let first = chosen
            .iter()
            .find(|other| other.alias == stated.alias && !is_peer(stated.kind));
        match first {
            None => chosen.push(stated),
            // npm writes what is optional into both tables.
            Some(first) if first.text == stated.text || first.kind == EdgeKind::Optional => {}
            Some(first) => read.warnings.push(Warning {
                code: "package-json/two-tables",
                message: format!(
                    "`{}` stands in `{}` (`{}`) and in `{}` (`{}`); the first counts",
                    stated.alias, first.origin.label, first.text, stated.origin.label, stated.text
                ),
                origin: Some(source.origin(stated.span.start)),
            }),
        }
    }
    read.requirements = chosen;
}

/// The commands of a package: `bin` as a path or as an object, else the files of `directories.bin`.
fn bin(root: &Node<'_>, name: Option<&str>, folder: &Path) -> Vec<(String, String)> {
    let bare = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
    let mut pairs: Vec<(String, String)> = match root.get("bin").map(|bin| &bin.value) {
        Some(Value::Text { text, .. }) => name
            .map(|name| (bare(name), text.clone().into_owned()))
            .into_iter()
            .collect(),
        Some(Value::Map(_)) => texts(root.get("bin")),
        Some(Value::Null | Value::List(_)) | None => {
            let listed = root
                .get("directories")
                .and_then(|directories| directories.get("bin"));
            listed
                .and_then(Node::text)
                .map_or_else(Vec::new, |path| files_of(folder, path))
        }
    };
    pairs.retain_mut(|(name, path)| match inside(path) {
        Some(safe) if is_command(name) => {
            *path = safe;
            *name = bare(name);
            true
        }
        _ => false,
    });
    pairs
}

fn is_command(name: &str) -> bool {
    let bare = name.rsplit('/').next().unwrap_or(name);
    !bare.is_empty() && !bare.contains('\\') && !bare.starts_with('.')
}

fn files_of(folder: &Path, path: &str) -> Vec<(String, String)> {
    let Some(path) = inside(path) else {
        return Vec::new();
    };
    let entries = std::fs::read_dir(folder.join(&path)).into_iter().flatten();
    let mut files: Vec<(String, String)> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .map(|name| (name.clone(), format!("{path}/{name}")))
        .collect();
    files.sort();
    files
}

/// A path inside the folder, in normal form; `None` where it climbs out.
fn inside(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in path.trim_start_matches('/').split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop()?,
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// Gives a requirement its specifier: catalogs are looked up, and what nobody can read is refused at its place.
pub(crate) fn resolve(
    source: &SourceText,
    stated: Stated,
    catalogs: &Catalogs,
) -> Result<NpmRequirement, Invalid> {
    let wrong = |error: InvalidSpec| invalid_spec(source, &stated, &error);
    let spec = match Spec::parse_under(&stated.alias, &stated.text).map_err(wrong)? {
        Spec::Catalog(name) => {
            let text = catalogs
                .look_up(name.as_deref(), &stated.alias)
                .map_err(|missing| no_entry(source, &stated, catalogs, name.as_deref(), missing))?;
            Spec::parse_under(&stated.alias, text).map_err(wrong)?
        }
        spec => spec,
    };
    if matches!(spec, Spec::Range(_) | Spec::Tag(_)) {
        PackageName::new(Ecosystem::Npm, &stated.alias)
            .map_err(|error| Invalid::new(source, stated.span.clone(), CODE, error.to_string()))?;
    }
    Ok(NpmRequirement {
        alias: stated.alias,
        text: stated.text,
        spec,
        kind: stated.kind,
        origin: stated.origin,
    })
}

/// What a catalog lacks.
pub(crate) enum Missing {
    /// There is no such catalog.
    Catalog,
    /// It has no such entry.
    Entry,
}

fn no_entry(
    source: &SourceText,
    stated: &Stated,
    catalogs: &Catalogs,
    name: Option<&str>,
    missing: Missing,
) -> Invalid {
    let called = name.map_or("the default catalog".to_owned(), |name| {
        format!("the catalog `{name}`")
    });
    let error = |message: String| Invalid::new(source, stated.span.clone(), "npm/catalog", message);
    match missing {
        Missing::Entry => {
            let error = error(format!("{called} has no entry for `{}`", stated.alias));
            match nearest(&stated.alias, catalogs.entries(name)) {
                Some(word) => error.hint(format!("did you mean `{word}`?")),
                None => {
                    error.hint("add it to the catalog at the root of the workspace, or write a version here")
                }
            }
        }
        Missing::Catalog => {
            let error = error(format!("the workspace has no such catalog: {called}"));
            match name.and_then(|name| nearest(name, catalogs.names())) {
                Some(word) => error.hint(format!("did you mean `catalog:{word}`?")),
                None => error.hint(
                    "state it under `catalog` or `catalogs` in pnpm-workspace.yaml, or under `workspaces` in the root's package.json",
                ),
            }
        }
    }
}

fn invalid_spec(source: &SourceText, stated: &Stated, error: &InvalidSpec) -> Invalid {
    let message = format!("`{}`: {error}", stated.alias);
    let invalid = Invalid::new(source, stated.span.clone(), CODE, message);
    match error {
        InvalidSpec::Nothing { .. } => {
            invalid.hint("write for example `^1.2.0`, `latest`, `npm:other@^1`, `file:../folder` or `workspace:*`")
        }
        InvalidSpec::Protocol { .. } => invalid.hint(
            "write a range of versions, or take the package from a folder (`file:…`) or a repository (`git+https:…`)",
        ),
        InvalidSpec::Alias { .. } => invalid.hint("write `npm:NAME@RANGE`"),
        InvalidSpec::Url { .. } | InvalidSpec::Fragment { .. } => invalid,
    }
}
