//! Local packages that say where their own dependencies come from.
//!
//! Invariant: what a local package takes from a folder, a repository or a URL never silently comes from an index instead, where
//! anybody could have taken the name. Source: the `[tool.uv.sources]` table, which only the project's own manifest has read here.

use std::path::Path;

use toml::de::DeTable;
use wharf_core::PackageName;
use wharf_ecosystem::pypi;

use crate::error::{Invalid, ProjectError};
use crate::requirement::{PathKind, RequirementSource, RootRequirement};
use crate::table::{self, Reader};
use crate::text::SourceText;

/// Refuses local packages among `roots` whose own sources the project does not repeat.
pub(crate) fn check(root: &Path, roots: &[RootRequirement]) -> Result<(), ProjectError> {
    let sourced: Vec<PackageName> = roots
        .iter()
        .filter(|root| root.source.is_some())
        .map(RootRequirement::name)
        .collect();
    for package in roots {
        let Some(RequirementSource::Path {
            path,
            kind: PathKind::Directory,
        }) = &package.source
        else {
            continue;
        };
        // The project's own sources are read with the manifest.
        if path == "." {
            continue;
        }
        let shown = Path::new(path).join("pyproject.toml");
        // What is missing or malformed is the build's to report.
        let Ok(text) = std::fs::read_to_string(root.join(&shown)) else {
            continue;
        };
        let source = SourceText::new(&shown, &text);
        if let Ok(document) = table::parse(&source) {
            look(&source, &document, &sourced)?;
        }
    }
    Ok(())
}

fn look(source: &SourceText, document: &DeTable<'_>, sourced: &[PackageName]) -> Result<(), Invalid> {
    let reader = Reader {
        source,
        code: "project/source-not-read",
    };
    let below = |keys: &[&str]| {
        keys.iter().try_fold(document, |table, key| {
            table.get(*key).and_then(|value| value.get_ref().as_table())
        })
    };
    let Some(sources) = below(&["tool", "uv", "sources"]) else {
        return Ok(());
    };
    let needed = needed(below(&["project"]));
    for (key, value) in sources {
        let Ok(name) = PackageName::pypi(key.get_ref()) else {
            continue;
        };
        let tables = value.get_ref().as_array().map_or_else(
            || vec![value.get_ref()],
            |all| all.iter().map(|one| one.get_ref()).collect(),
        );
        let elsewhere = ["path", "git", "url", "workspace"];
        let is_elsewhere = tables
            .iter()
            .filter_map(|value| value.as_table())
            .any(|table| elsewhere.iter().any(|key| table.contains_key(*key)));
        if is_elsewhere && needed.contains(&name) && !sourced.contains(&name) {
            let message = format!("this source of {name} is not read: the package would come from an index");
            let error = reader.error(key.span(), message);
            return Err(error.hint(format!(
                "name {name} in the project's own manifest, with its source"
            )));
        }
    }
    Ok(())
}

/// The packages that a `[project]` table asks for, extras and all.
fn needed(project: Option<&DeTable<'_>>) -> Vec<PackageName> {
    let Some(project) = project else {
        return Vec::new();
    };
    let mut lists = vec![project.get("dependencies")];
    let extras = project
        .get("optional-dependencies")
        .and_then(|value| value.get_ref().as_table());
    lists.extend(extras.into_iter().flat_map(|extras| extras.values().map(Some)));
    lists
        .into_iter()
        .flatten()
        .filter_map(|list| list.get_ref().as_array())
        .flatten()
        .filter_map(|text| text.get_ref().as_str())
        .filter_map(|text| pypi::parse_requirement(text).ok())
        .map(|requirement| pypi::package_name(&requirement))
        .collect()
}
