//! Static metadata from `pyproject.toml`. Source: PEP 621 ("pyproject.toml specification" of the PyPA).

use std::collections::BTreeMap;
use std::str::FromStr;

use pep508_rs::ExtraName;
use serde::Deserialize;
use wharf_core::PackageName;

use super::CoreMetadata;
use crate::pypi::requirement::{Requirement, parse_requirement};
use crate::pypi::version::{parse_specifiers, parse_version};

#[derive(Deserialize)]
struct Document {
    project: Option<Project>,
}

/// The fields that the solver needs; those that only inform are read from their built form.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Project {
    name: Option<String>,
    version: Option<String>,
    requires_python: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
    #[serde(default)]
    optional_dependencies: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    dynamic: Vec<String>,
    description: Option<String>,
}

/// The metadata of `[project]`, if all that the solver needs is written there.
pub(super) fn static_metadata(text: &str) -> Option<CoreMetadata> {
    let project = toml::from_str::<Document>(text).ok()?.project?;
    let needed = [
        "version",
        "requires-python",
        "dependencies",
        "optional-dependencies",
    ];
    if project
        .dynamic
        .iter()
        .any(|field| needed.contains(&field.as_str()))
    {
        return None;
    }
    let name = PackageName::pypi(project.name.as_deref()?).ok()?;
    let version = parse_version(project.version.as_deref()?).ok()?;
    let mut metadata = CoreMetadata {
        summary: project.description,
        dynamic: project.dynamic,
        ..CoreMetadata::bare("2.1".to_owned(), name, version)
    };
    if let Some(specifiers) = project.requires_python {
        let specifiers = parse_specifiers(&specifiers).ok()?;
        metadata.requires_python = (!specifiers.is_empty()).then_some(specifiers);
    }
    for requirement in &project.dependencies {
        metadata.requires_dist.push(parse_requirement(requirement).ok()?);
    }
    for (extra, requirements) in &project.optional_dependencies {
        let extra = ExtraName::from_str(extra)
            .ok()
            .filter(|name| !name.as_ref().is_empty())?;
        for requirement in requirements {
            let requirement: Requirement = parse_requirement(requirement).ok()?;
            metadata.requires_dist.push(requirement.with_extra_marker(&extra));
        }
        metadata.provides_extra.push(extra);
    }
    Some(metadata)
}
