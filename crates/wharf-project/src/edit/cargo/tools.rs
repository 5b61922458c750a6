//! Tools in `[cargo]` of a `wharf.toml`, or in `[tool.wharf.cargo]` of a `pyproject.toml`.

use toml_edit::{DocumentMut, Item};
use wharf_ecosystem::cargo::CrateName;

use super::entry::Entry;
use super::{CrateManifestText, CrateOrigin, ToolAddition, existing, prune};
use crate::cargo::tools::normal;
use crate::edit::wharf::{descend, take_head};
use crate::error::ProjectError;
use crate::project::ManifestKind;

/// The text with the tools added. One that is there already is changed in its place.
///
/// # Errors
/// Where the manifest is malformed, or has no place for tools.
pub fn add_tools(
    manifest: CrateManifestText<'_>,
    additions: &[ToolAddition],
) -> Result<String, ProjectError> {
    let path = table_path(manifest)?;
    let mut document = manifest.document()?;
    let head = take_head(&mut document);
    for addition in additions {
        match addition.source {
            CrateOrigin::Usual | CrateOrigin::Registry(_) | CrateOrigin::Git { .. } => {}
            CrateOrigin::Path(_) | CrateOrigin::Workspace => {
                let reason = format!(
                    "the tool `{}` would not come from a registry or a repository",
                    addition.name
                );
                return Err(manifest.cannot(reason));
            }
        }
        let is_new = !document.contains_key(&path[0]);
        let table = descend(document.as_table_mut(), &path)
            .ok_or_else(|| manifest.cannot(format!("`{}` is not a table", path.join("."))))?;
        let written = table.iter().map(|(key, _)| key.to_owned());
        let known = written
            .into_iter()
            .find(|key| normal(key) == normal(addition.name.as_str()));
        entry(addition).put(table, known.as_deref().unwrap_or(addition.name.as_str()));
        if is_new {
            put_last(&mut document, &path[0]);
        }
    }
    Ok(format!("{head}{document}"))
}

/// At the end, not between two tables that belong together.
fn put_last(document: &mut DocumentMut, key: &str) {
    if let Some(table) = document.get_mut(key).and_then(Item::as_table_mut) {
        table.set_position(Some(isize::MAX));
    }
}

fn entry(addition: &ToolAddition) -> Entry<'_> {
    Entry {
        req: addition.req.as_deref(),
        source: &addition.source,
        package: None,
        flags: vec![
            ("default-features", addition.default_features, true),
            ("all-features", addition.all_features, false),
            ("locked", addition.locked, true),
        ],
        lists: vec![("features", &addition.features), ("bins", &addition.bins)],
    }
}

/// The text without the tools, and those that were there.
///
/// # Errors
/// Where the manifest is malformed, or has no place for tools.
pub fn remove_tools(
    manifest: CrateManifestText<'_>,
    names: &[CrateName],
) -> Result<(String, Vec<CrateName>), ProjectError> {
    let path = table_path(manifest)?;
    let mut document = manifest.document()?;
    let mut removed = Vec::new();
    if let Some(table) = existing(&mut document, &path) {
        for name in names {
            let written = table.iter().map(|(key, _)| key.to_owned());
            let known = written
                .into_iter()
                .find(|key| normal(key) == normal(name.as_str()));
            if let Some(key) = known {
                table.remove(&key);
                removed.push(name.clone());
            }
        }
    }
    if !removed.is_empty() {
        prune(&mut document, &path);
    }
    Ok((document.to_string(), removed))
}

fn table_path(manifest: CrateManifestText<'_>) -> Result<Vec<String>, ProjectError> {
    let words: &[&str] = match manifest.kind {
        ManifestKind::Wharf => &["cargo"],
        ManifestKind::Pyproject => &["tool", "wharf", "cargo"],
        ManifestKind::Requirements | ManifestKind::PackageJson | ManifestKind::Cargo => {
            return Err(manifest.cannot("it has no place for tools that are built from crates".to_owned()));
        }
    };
    Ok(words.iter().map(|word| (*word).to_owned()).collect())
}
