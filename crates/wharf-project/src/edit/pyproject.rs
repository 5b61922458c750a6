//! Edits of `pyproject.toml`: PEP 621 lists and PEP 735 groups.

use std::path::Path;

use toml_edit::{Array, DocumentMut, Item, Table, TableLike, Value};
use wharf_core::PackageName;

use super::{Addition, Manifest, Removed, pep508_text};
use crate::error::ProjectError;
use crate::requirement::{Base, Group, Parsed, parse_requirement};

pub(super) fn add(
    manifest: Manifest<'_>,
    addition: &Addition,
    parsed: &Parsed,
) -> Result<String, ProjectError> {
    if addition.editable || addition.index.is_some() {
        let what = if addition.editable {
            "an editable requirement"
        } else {
            "the index of a requirement"
        };
        let hint = "state it in [tool.uv.sources], or use a wharf.toml";
        return Err(manifest.cannot(format!("[project] has no form for {what}"), hint));
    }
    let mut document = manifest.document()?;
    if addition.group == Group::Main || matches!(addition.group, Group::Extra(_)) {
        let dynamic = document
            .get("project")
            .and_then(|project| project.get("dynamic"))
            .and_then(Item::as_array);
        let key = if addition.group == Group::Main {
            "dependencies"
        } else {
            "optional-dependencies"
        };
        if dynamic.is_some_and(|list| list.iter().any(|item| item.as_str() == Some(key))) {
            let hint = "add the requirement where the build backend reads it from";
            return Err(manifest.cannot(format!("`{key}` is dynamic in this project"), hint));
        }
        if !document.contains_key("project") {
            return Err(manifest.cannot("it has no [project] table", "add one with `name` and `version`"));
        }
    }
    let (table, key) = list_place(&addition.group);
    let array = list(&mut document, table, &key)
        .ok_or_else(|| manifest.cannot(format!("`{}.{key}` is not an array", table.join(".")), ""))?;
    let text = pep508_text(parsed);
    match position(array, parsed.requirement.name.as_ref()) {
        Some(at) => {
            array.replace(at, text);
        }
        None => push(array, &text),
    }
    Ok(document.to_string())
}

pub(super) fn remove(
    manifest: Manifest<'_>,
    names: &[PackageName],
    group: Option<&Group>,
) -> Result<(String, Vec<Removed>), ProjectError> {
    let mut document = manifest.document()?;
    let mut removed = Vec::new();
    for candidate in groups(&document) {
        if group.is_some_and(|wanted| *wanted != candidate) {
            continue;
        }
        let (table, key) = list_place(&candidate);
        let Some(array) = list(&mut document, table, &key) else {
            continue;
        };
        for name in names {
            while let Some(at) = position(array, name.as_str()) {
                take(array, at);
                removed.push(Removed {
                    name: name.clone(),
                    group: candidate.clone(),
                });
            }
        }
    }
    Ok((document.to_string(), removed))
}

fn list_place(group: &Group) -> (&'static [&'static str], String) {
    match group {
        Group::Main => (&["project"], "dependencies".to_owned()),
        Group::Extra(name) => (&["project", "optional-dependencies"], name.clone()),
        Group::Dev => (&["dependency-groups"], "dev".to_owned()),
        Group::Named(name) => (&["dependency-groups"], name.clone()),
    }
}

fn groups(document: &DocumentMut) -> Vec<Group> {
    let project = document.get("project").and_then(Item::as_table_like);
    let extras = project.and_then(|table| table.get("optional-dependencies")?.as_table_like());
    let named = document.get("dependency-groups").and_then(Item::as_table_like);
    let mut groups = Vec::new();
    groups.extend(
        project
            .filter(|table| table.contains_key("dependencies"))
            .map(|_| Group::Main),
    );
    let names = |table: Option<&dyn TableLike>| -> Vec<String> {
        table
            .into_iter()
            .flat_map(TableLike::iter)
            .map(|(key, _)| key.to_owned())
            .collect()
    };
    groups.extend(names(extras).into_iter().map(Group::Extra));
    groups.extend(names(named).into_iter().map(|name| {
        if name == "dev" {
            Group::Dev
        } else {
            Group::Named(name)
        }
    }));
    groups
}

/// The list of a group; made where it is missing. Names compare in normal form.
fn list<'d>(document: &'d mut DocumentMut, path: &[&str], key: &str) -> Option<&'d mut Array> {
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for part in path {
        if !table.contains_key(part) {
            table.insert(part, Item::Table(Table::new()));
        }
        table = table.get_mut(part)?.as_table_like_mut()?;
    }
    let existing = table.iter().map(|(name, _)| name.to_owned());
    let written = existing
        .into_iter()
        .find(|name| crate::manifest::entry::same_name(name, key));
    let written = written.unwrap_or_else(|| key.to_owned());
    if !table.contains_key(&written) {
        table.insert(&written, Item::Value(Value::Array(Array::new())));
    }
    table.get_mut(&written)?.as_array_mut()
}

fn position(array: &Array, name: &str) -> Option<usize> {
    let root = Path::new("/");
    let is_it = |value: &Value| {
        let parsed = parse_requirement(value.as_str()?, Base { root, folder: root }).ok()?;
        (parsed.requirement.name.as_ref() == name).then_some(())
    };
    array.iter().position(|value| is_it(value).is_some())
}

fn raw(text: Option<&toml_edit::RawString>) -> String {
    text.and_then(|raw| raw.as_str()).unwrap_or_default().to_owned()
}

/// Appends in the form that the array has: one entry a line, or all on one.
pub(super) fn push(array: &mut Array, text: &str) {
    let mut value = Value::from(text);
    let Some(last) = array.len().checked_sub(1) else {
        // A comment in an empty list stays above its first entry.
        let inner = raw(Some(array.trailing()));
        let inner = inner.trim_end();
        value.decor_mut().set_prefix(format!("{inner}\n    "));
        array.push_formatted(value);
        array.set_trailing("\n");
        array.set_trailing_comma(true);
        return;
    };
    let first_prefix = raw(array.get(0).and_then(|value| value.decor().prefix()));
    let Some(line) = first_prefix.rfind('\n') else {
        let trailing_comma = array.trailing_comma();
        value.decor_mut().set_prefix(" ");
        array.push_formatted(value);
        array.set_trailing_comma(trailing_comma);
        return;
    };
    let indent = first_prefix[line..].to_owned();
    // What follows the last entry on its line is a comment on that entry: it moves before the new one.
    let comment = if array.trailing_comma() {
        raw(Some(array.trailing()))
    } else {
        let suffix = raw(array.get(last).and_then(|value| value.decor().suffix()));
        if let Some(value) = array.get_mut(last) {
            value.decor_mut().set_suffix("");
        }
        suffix
    };
    value
        .decor_mut()
        .set_prefix(format!("{}{indent}", comment.trim_end()));
    array.push_formatted(value);
    array.set_trailing_comma(true);
    array.set_trailing("\n");
}

/// Takes one entry out with the comment on its own line, and leaves the comment on the line before.
pub(super) fn take(array: &mut Array, at: usize) {
    let prefix = raw(array.get(at).and_then(|value| value.decor().prefix()));
    let kept = prefix.split('\n').next().unwrap_or_default().to_owned();
    let after_first_line = |text: &str| match text.find('\n') {
        Some(line) => format!("{kept}{}", &text[line..]),
        None => text.to_owned(),
    };
    array.remove(at);
    let is_multiline = prefix.contains('\n');
    match array.get_mut(at) {
        Some(next) if is_multiline => {
            let text = raw(next.decor().prefix());
            next.decor_mut().set_prefix(after_first_line(&text));
        }
        Some(next) if at == 0 => next.decor_mut().set_prefix(prefix),
        Some(_) => {}
        None if is_multiline => {
            let text = raw(Some(array.trailing()));
            let trailing = if text.contains('\n') {
                after_first_line(&text)
            } else {
                format!("{kept}\n")
            };
            array.set_trailing(trailing);
        }
        None => {}
    }
}
