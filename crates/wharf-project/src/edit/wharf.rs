//! Edits of `wharf.toml`.

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value};
use wharf_core::PackageName;

use super::{Addition, Manifest, Removed, specifiers_text};
use crate::error::ProjectError;
use crate::manifest::entry::same_name;
use crate::requirement::{Group, Parsed, RequirementSource};

pub(super) fn add(
    manifest: Manifest<'_>,
    addition: &Addition,
    parsed: &Parsed,
) -> Result<String, ProjectError> {
    let mut document = manifest.document()?;
    let head = take_head(&mut document);
    let path = table_path(&addition.group);
    let table = descend(document.as_table_mut(), &path)
        .ok_or_else(|| manifest.cannot(format!("`{}` is not a table", path.join(".")), ""))?;
    let name = parsed.requirement.name.to_string();
    let value = value(addition, parsed);
    let existing = table
        .iter()
        .map(|(key, _)| key.to_owned())
        .find(|key| same_name(key, &name));
    match existing.and_then(|key| table.get_mut(&key)) {
        Some(item) => replace(item, value),
        None => {
            let keys: Vec<String> = table.iter().map(|(key, _)| key.to_owned()).collect();
            table.insert(&name, Item::Value(value));
            // A sorted table stays sorted; any other order is its author's choice.
            if keys.is_sorted() {
                table.sort_values();
            }
        }
    }
    Ok(format!("{head}{document}"))
}

/// The comments of a file that has nothing else: what is added to it comes after them.
pub(super) fn take_head(document: &mut DocumentMut) -> String {
    if !document.is_empty() {
        return String::new();
    }
    let comments = document.trailing().as_str().unwrap_or_default().trim();
    let head = match comments {
        "" => String::new(),
        comments => format!("{comments}\n\n"),
    };
    document.set_trailing("");
    head
}

/// Puts a new value where an old one stands, with the comment beside it.
pub(super) fn replace(item: &mut Item, mut value: Value) {
    if let Some(old) = item.as_value() {
        *value.decor_mut() = old.decor().clone();
    }
    *item = Item::Value(value);
}

pub(super) fn remove(
    manifest: Manifest<'_>,
    names: &[PackageName],
    group: Option<&Group>,
) -> Result<(String, Vec<Removed>), ProjectError> {
    let mut document = manifest.document()?;
    let mut removed = Vec::new();
    for candidate in groups(document.as_table()) {
        if group.is_some_and(|wanted| *wanted != candidate) {
            continue;
        }
        let Some(table) = descend(document.as_table_mut(), &table_path(&candidate)) else {
            continue;
        };
        for name in names {
            let found: Vec<String> = table
                .iter()
                .map(|(key, _)| key.to_owned())
                .filter(|key| same_name(key, name.as_str()))
                .collect();
            for key in found {
                table.remove(&key);
                removed.push(Removed {
                    name: name.clone(),
                    group: candidate.clone(),
                });
            }
        }
    }
    Ok((document.to_string(), removed))
}

/// The groups that the file has.
fn groups(document: &Table) -> Vec<Group> {
    let has = |item: Option<&Item>| item.and_then(|item| item.as_table_like()?.get("pypi")).is_some();
    let mut groups = Vec::new();
    if document.contains_key("pypi") {
        groups.push(Group::Main);
    }
    if has(document.get("dev")) {
        groups.push(Group::Dev);
    }
    for (key, group) in [
        ("groups", Group::Named as fn(String) -> Group),
        ("extras", Group::Extra),
    ] {
        let names = document.get(key).and_then(Item::as_table_like);
        for (name, item) in names.into_iter().flat_map(TableLike::iter) {
            if has(Some(item)) {
                groups.push(group(name.to_owned()));
            }
        }
    }
    groups
}

fn table_path(group: &Group) -> Vec<String> {
    let words: &[&str] = match group {
        Group::Main => &["pypi"],
        Group::Dev => &["dev", "pypi"],
        Group::Named(name) => &["groups", name, "pypi"],
        Group::Extra(name) => &["extras", name, "pypi"],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The table at a path; missing ones are made, outer ones without a header of their own.
pub(super) fn descend<'t>(table: &'t mut dyn TableLike, path: &[String]) -> Option<&'t mut dyn TableLike> {
    let Some((first, rest)) = path.split_first() else {
        return Some(table);
    };
    if !table.contains_key(first) {
        let mut made = Table::new();
        made.set_implicit(!rest.is_empty());
        table.insert(first, Item::Table(made));
    }
    descend(table.get_mut(first)?.as_table_like_mut()?, rest)
}

fn value(addition: &Addition, parsed: &Parsed) -> Value {
    let requirement = &parsed.requirement;
    let marker = requirement.marker.try_to_string();
    let version = match specifiers_text(parsed) {
        text if text.is_empty() => "*".to_owned(),
        text => text,
    };
    let plain = requirement.extras.is_empty() && marker.is_none() && parsed.source.is_none();
    if plain && addition.index.is_none() {
        return Value::from(version);
    }
    let mut table = InlineTable::new();
    match &parsed.source {
        None | Some(RequirementSource::Index { .. }) => _ = table.insert("version", version.into()),
        Some(RequirementSource::Url { url, subdirectory }) => {
            let hash = parsed
                .hashes
                .first()
                .map(|hash| format!("#{}={}", hash.algorithm(), hash.hex()));
            table.insert(
                "url",
                format!("{}{}", url.expose(), hash.unwrap_or_default()).into(),
            );
            optional(&mut table, "subdirectory", subdirectory.as_deref());
        }
        Some(RequirementSource::Git {
            url,
            reference,
            subdirectory,
        }) => {
            table.insert("git", url.expose().into());
            optional(&mut table, "rev", reference.as_deref());
            optional(&mut table, "subdirectory", subdirectory.as_deref());
        }
        Some(RequirementSource::Path { path, .. }) => _ = table.insert("path", path.as_str().into()),
    }
    if addition.editable {
        table.insert("editable", true.into());
    }
    if !requirement.extras.is_empty() {
        let extras: Array = requirement.extras.iter().map(ToString::to_string).collect();
        table.insert("extras", extras.into());
    }
    optional(&mut table, "marker", marker.as_deref());
    optional(&mut table, "index", addition.index.as_deref());
    Value::InlineTable(table)
}

fn optional(table: &mut InlineTable, key: &str, value: Option<&str>) {
    if let Some(value) = value {
        table.insert(key, value.into());
    }
}
