//! Dependencies of a `Cargo.toml`: added, changed and taken out as `cargo add` and `cargo remove` do it.

use toml_edit::{Array, DocumentMut, Item, Table, TableLike, Value};
use wharf_ecosystem::cargo::{DependencyKind, RustVersion};

use super::entry::Entry;
use super::{CrateAddition, CrateManifestText, CrateRemoved, CrateTable, existing, prune};
use crate::edit::pyproject::take;
use crate::edit::wharf::descend;
use crate::error::ProjectError;

/// The tables of every kind, with the spelling of old editions.
const KINDS: [(DependencyKind, [&str; 2]); 3] = [
    (DependencyKind::Normal, ["dependencies", "dependencies"]),
    (DependencyKind::Dev, ["dev-dependencies", "dev_dependencies"]),
    (
        DependencyKind::Build,
        ["build-dependencies", "build_dependencies"],
    ),
];

/// The text with the dependencies added. One of a name that is in that table already is changed in its place.
///
/// # Errors
/// Where the manifest is malformed, or a development dependency is to be optional.
pub fn add(manifest: CrateManifestText<'_>, additions: &[CrateAddition]) -> Result<String, ProjectError> {
    let mut document = manifest.document()?;
    for addition in additions {
        if addition.optional == Some(true) && addition.table.kind == DependencyKind::Dev {
            let reason = format!(
                "`{}` would be a development dependency that is optional",
                addition.alias
            );
            return Err(manifest.cannot(reason));
        }
        let path = table_path(&mut document, &addition.table);
        let table = descend(document.as_table_mut(), &path)
            .ok_or_else(|| manifest.cannot(format!("`{}` is not a table", path.join("."))))?;
        entry(addition).put(table, &addition.alias);
        if addition.optional == Some(true) {
            add_feature(&mut document, &addition.alias);
        }
    }
    Ok(document.to_string())
}

fn entry(addition: &CrateAddition) -> Entry<'_> {
    Entry {
        req: addition.req.as_deref(),
        source: &addition.source,
        package: addition.package.as_ref().map(|package| package.as_str()),
        flags: vec![
            ("default-features", addition.default_features, true),
            ("optional", addition.optional, false),
        ],
        lists: vec![("features", &addition.features)],
    }
}

/// The text without the dependencies, in one table or in all of them, and what was taken out. What features say of one that is gone
/// goes with it.
///
/// # Errors
/// Where the manifest is malformed.
pub fn remove(
    manifest: CrateManifestText<'_>,
    aliases: &[String],
    only: Option<&CrateTable>,
) -> Result<(String, Vec<CrateRemoved>), ProjectError> {
    let mut document = manifest.document()?;
    let mut removed = Vec::new();
    for (table, path) in tables(&document) {
        if only.is_some_and(|only| *only != table) {
            continue;
        }
        let Some(entries) = existing(&mut document, &path) else {
            continue;
        };
        let before = removed.len();
        for alias in aliases {
            if entries.remove(alias).is_some() {
                removed.push(CrateRemoved {
                    alias: alias.clone(),
                    table: table.clone(),
                });
            }
        }
        if removed.len() > before {
            prune(&mut document, &path);
        }
    }
    for alias in aliases
        .iter()
        .filter(|alias| removed.iter().any(|gone| gone.alias == **alias))
    {
        if !is_there(&mut document, alias) {
            forget(&mut document, alias);
        }
    }
    Ok((document.to_string(), removed))
}

/// The way to a table, in the spelling that the file has.
fn table_path(document: &mut DocumentMut, table: &CrateTable) -> Vec<String> {
    let before: Vec<String> = match &table.target {
        Some(target) => vec!["target".to_owned(), target.clone()],
        None => Vec::new(),
    };
    let (_, spellings) = KINDS
        .iter()
        .find(|(kind, _)| *kind == table.kind)
        .expect("every kind has its table");
    let written = existing(document, &before)
        .and_then(|parent| spellings.iter().find(|name| parent.contains_key(name)).copied());
    let name = written.unwrap_or(spellings[0]).to_owned();
    before.into_iter().chain([name]).collect()
}

/// Every table of dependencies that is there.
fn tables(document: &DocumentMut) -> Vec<(CrateTable, Vec<String>)> {
    let mut found = Vec::new();
    of_parent(document.as_table(), None, &mut found);
    let targets = document.get("target").and_then(Item::as_table_like);
    for (name, item) in targets.into_iter().flat_map(TableLike::iter) {
        if let Some(table) = item.as_table_like() {
            of_parent(table, Some(name), &mut found);
        }
    }
    found
}

fn of_parent(parent: &dyn TableLike, target: Option<&str>, found: &mut Vec<(CrateTable, Vec<String>)>) {
    for (kind, spellings) in KINDS {
        let Some(name) = spellings.into_iter().find(|name| parent.contains_key(name)) else {
            continue;
        };
        let before = target.map(|target| ["target".to_owned(), target.to_owned()]);
        let path = before.into_iter().flatten().chain([name.to_owned()]);
        let table = CrateTable {
            kind,
            target: target.map(str::to_owned),
        };
        found.push((table, path.collect()));
    }
}

fn is_there(document: &mut DocumentMut, alias: &str) -> bool {
    let paths = tables(document);
    paths
        .iter()
        .any(|(_, path)| existing(document, path).is_some_and(|table| table.contains_key(alias)))
}

/// An optional dependency gets a feature of its name, unless features speak of it already or the package's compiler is older than
/// `dep:`.
fn add_feature(document: &mut DocumentMut, alias: &str) {
    /// The first Rust that knows `dep:`.
    const NAMESPACED: RustVersion = RustVersion {
        major: 1,
        minor: Some(60),
        patch: None,
    };
    let stated = document
        .get("package")
        .and_then(|package| package.get("rust-version")?.as_str());
    let compiler: Option<RustVersion> = stated.and_then(|text| text.parse().ok());
    if compiler.is_some_and(|compiler| !NAMESPACED.fits(compiler)) {
        return;
    }
    let activation = format!("dep:{alias}");
    let features = document.get("features").and_then(Item::as_table_like);
    let speaks_of_it = features
        .into_iter()
        .flat_map(TableLike::iter)
        .any(|(name, values)| {
            let mut values = values.as_array().into_iter().flatten();
            name == alias || values.any(|value| value.as_str() == Some(&activation))
        });
    if speaks_of_it {
        return;
    }
    let features = document
        .entry("features")
        .or_insert_with(|| Item::Table(Table::new()));
    if let Some(features) = features.as_table_like_mut() {
        let list: Array = std::iter::once(activation).collect();
        features.insert(alias, Item::Value(Value::Array(list)));
    }
}

/// Takes out of the features what spoke of a dependency that is gone.
fn forget(document: &mut DocumentMut, alias: &str) {
    let Some(features) = document.get_mut("features").and_then(Item::as_table_like_mut) else {
        return;
    };
    let is_feature = features.contains_key(alias);
    let (dep, strong, weak) = (format!("dep:{alias}"), format!("{alias}/"), format!("{alias}?/"));
    let goes = |value: &Value| {
        value.as_str().is_some_and(|text| {
            text == dep
                || text.starts_with(&strong)
                || text.starts_with(&weak)
                || (text == alias && !is_feature)
        })
    };
    for (_, item) in features.iter_mut() {
        let Some(array) = item.as_array_mut() else {
            continue;
        };
        let first = |array: &Array| array.iter().position(goes);
        while let Some(at) = first(array) {
            take(array, at);
        }
    }
}
