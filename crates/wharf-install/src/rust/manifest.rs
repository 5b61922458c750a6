//! The manifests that a build reads in place of those that were published: the tool's own without its development
//! dependencies, and one for each crate of the graph that another machine would compile and this one only has to know of.
//!
//! Source: the cargo book, "The Manifest Format". Invariant: what such a manifest says decides the same resolution as the crate
//! itself would; nothing of it is ever compiled.

use std::collections::BTreeSet;

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value, value};
use wharf_ecosystem::cargo::{Dependency, DependencyKind, FeatureValue, Req, SourceId, Summary};

use super::ground::Repository;

const DEVELOPMENT: [&str; 2] = ["dev-dependencies", "dev_dependencies"];
const DEPENDENCIES: [&str; 3] = ["dependencies", "build-dependencies", "build_dependencies"];

/// The manifest without what only the crate's own tests need.
///
/// # Errors
/// It is no TOML.
pub(super) fn without_development(text: &str) -> Result<String, String> {
    let mut manifest: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| error.to_string())?;
    for name in DEVELOPMENT {
        manifest.remove(name);
    }
    if let Some(targets) = manifest.get_mut("target").and_then(Item::as_table_like_mut) {
        for (_, target) in targets.iter_mut() {
            if let Some(target) = target.as_table_like_mut() {
                for name in DEVELOPMENT {
                    target.remove(name);
                }
            }
        }
    }
    let known = dependencies(&manifest);
    let features = manifest.get_mut("features").and_then(Item::as_table_like_mut);
    for (_, values) in features.into_iter().flat_map(|features| features.iter_mut()) {
        if let Some(values) = values.as_array_mut() {
            values.retain(|value| {
                let dependency = value
                    .as_str()
                    .and_then(|text| text.split_once('/'))
                    .map(|(dependency, _)| dependency);
                dependency.is_none_or(|dependency| known.contains(dependency.trim_end_matches('?')))
            });
        }
    }
    Ok(manifest.to_string())
}

/// The manifest of a tool from a repository as it reads away from it: what lies beside it comes from the repository, and the
/// profiles are those of its workspace.
///
/// # Errors
/// It or the workspace's is no TOML.
pub(super) fn outside_of_workspace(text: &str, repository: &Repository) -> Result<String, String> {
    let parse = |text: &str| {
        let parsed = text.parse::<DocumentMut>();
        parsed.map_err(|error: toml_edit::TomlError| error.to_string())
    };
    let (mut manifest, mut workspace) = (parse(text)?, parse(&repository.workspace)?);
    for name in ["workspace", "patch", "replace"] {
        manifest.remove(name);
    }
    if let Some(profiles) = workspace.remove("profile") {
        manifest.insert("profile", profiles);
    }
    let lead = |tables: &mut dyn TableLike| {
        for kind in DEPENDENCIES {
            let entries = tables.get_mut(kind).and_then(Item::as_table_like_mut);
            for (_, entry) in entries.into_iter().flat_map(|entries| entries.iter_mut()) {
                if let Some(entry) = entry
                    .as_table_like_mut()
                    .filter(|entry| entry.contains_key("path"))
                {
                    entry.remove("path");
                    for (key, text) in repository.source.keys() {
                        entry.insert(key, value(text));
                    }
                }
            }
        }
    };
    lead(manifest.as_table_mut());
    let targets = manifest.get_mut("target").and_then(Item::as_table_like_mut);
    for (_, target) in targets.into_iter().flat_map(|targets| targets.iter_mut()) {
        if let Some(target) = target.as_table_like_mut() {
            lead(target);
        }
    }
    Ok(manifest.to_string())
}

/// The names of everything that a manifest needs, wherever it says so.
fn dependencies(manifest: &DocumentMut) -> BTreeSet<String> {
    let of = |table: &dyn TableLike| -> Vec<String> {
        let tables = DEPENDENCIES
            .iter()
            .filter_map(|kind| table.get(kind)?.as_table_like());
        tables
            .flat_map(|table| table.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>())
            .collect()
    };
    let mut found = of(manifest.as_table());
    let targets = manifest.get("target").and_then(Item::as_table_like);
    for (_, target) in targets.into_iter().flat_map(|targets| targets.iter()) {
        found.extend(target.as_table_like().map(of).unwrap_or_default());
    }
    found.into_iter().collect()
}

/// A manifest that says of a crate what its index line says.
#[must_use]
pub(super) fn listed(summary: &Summary) -> String {
    let mut manifest = DocumentMut::new();
    let package = manifest.entry("package").or_insert(Item::Table(Table::new()));
    package["name"] = value(summary.name.as_str());
    package["version"] = value(summary.version.to_string());
    package["edition"] = value("2021");
    if let Some(links) = &summary.links {
        package["links"] = value(&**links);
        package["build"] = value("build.rs");
    }
    // Development dependencies count only for the workspace's own packages.
    let needed = summary
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind != DependencyKind::Dev);
    for dependency in needed.clone() {
        let table = match dependency.kind {
            DependencyKind::Build => "build-dependencies",
            DependencyKind::Normal | DependencyKind::Dev => "dependencies",
        };
        let tables = match &dependency.target {
            Some(target) => {
                let all = implicit(manifest.as_table_mut(), "target");
                implicit(all, &target.to_string())
            }
            None => manifest.as_table_mut(),
        };
        let entries = tables.entry(table).or_insert(Item::Table(Table::new()));
        entries[&*dependency.alias] = Item::Value(Value::InlineTable(requirement(dependency)));
    }
    // A feature may switch on one of a development dependency's.
    let known: BTreeSet<&str> = needed.map(|dependency| &*dependency.alias).collect();
    let stays = |value: &&FeatureValue| match value {
        FeatureValue::Feature(_) => true,
        FeatureValue::Dep(dep) | FeatureValue::DepFeature { dep, .. } => known.contains(&**dep),
    };
    let mut table = Table::new();
    for (name, values) in &summary.features {
        table[name] = value(
            values
                .iter()
                .filter(stays)
                .map(ToString::to_string)
                .collect::<Array>(),
        );
    }
    if !table.is_empty() {
        manifest["features"] = Item::Table(table);
    }
    manifest.to_string()
}

/// A dependency as manifests and patches write it.
pub(super) fn requirement(dependency: &Dependency) -> InlineTable {
    let mut table = InlineTable::new();
    let version = match &dependency.req {
        Req::Any => "*".to_owned(),
        Req::Range(range) => range.to_string(),
    };
    table.insert("version", version.into());
    if *dependency.alias != *dependency.package.as_str() {
        table.insert("package", dependency.package.as_str().into());
    }
    if let Some(index) = index(&dependency.source) {
        table.insert("registry-index", index.into());
    }
    if let SourceId::Git(_) = dependency.source {
        for (key, text) in dependency.source.keys() {
            table.insert(key, text.into());
        }
    }
    if dependency.optional {
        table.insert("optional", true.into());
    }
    if !dependency.default_features {
        table.insert("default-features", false.into());
    }
    if !dependency.features.is_empty() {
        let features: Array = dependency
            .features
            .iter()
            .map(|feature| feature.to_string())
            .collect();
        table.insert("features", features.into());
    }
    table
}

fn implicit<'a>(table: &'a mut Table, name: &str) -> &'a mut Table {
    let item = table.entry(name).or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    item.as_table_mut()
        .expect("it only holds the tables that are made here")
}

/// The index of a registry as manifests write it; `None` for crates.io, which needs no word.
pub(super) fn index(source: &SourceId) -> Option<String> {
    match source {
        source if source.is_crates_io() => None,
        SourceId::Registry(url) => Some(url.to_string()),
        SourceId::Sparse(url) => Some(format!("sparse+{url}")),
        SourceId::Path(_) | SourceId::Git(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use wharf_ecosystem::cargo::GitReference;
    use wharf_ecosystem::cargo::{Version, crate_name, features};

    use super::*;

    #[test]
    fn development_dependencies_go_wherever_they_stand() {
        let text = "[package]\nname = \"a\" # kept\n\n[dependencies.b]\nversion = \"1\"\n\n[dev-dependencies.c]\nversion = \"1\"\n\n\
             [target.'cfg(unix)'.dev-dependencies]\nd = \"1\"\n\n[target.'cfg(unix)'.dependencies]\ne = \"1\"\n";
        let left = without_development(text).unwrap();
        for (word, stays) in [
            ("# kept", true),
            ("dependencies.b", true),
            ("e = ", true),
            ("d = ", false),
            (".c]", false),
        ] {
            assert_eq!(left.contains(word), stays, "{word}: {left}");
        }
        assert!(without_development("[").is_err());
        let text = "[dependencies]\na = \"1\"\n[dev-dependencies]\nb = \"1\"\n[features]\nx = [\"y\", \"a/z\", \"b/z\", \"b?/z\"]\ny = []\n";
        let left = without_development(text).unwrap();
        assert!(left.contains("x = [\"y\", \"a/z\"]"), "{left}");
    }

    #[test]
    fn what_lies_beside_a_tool_comes_from_its_repository() {
        let source = SourceId::git("https://example.org/r", GitReference::Tag("v1".to_owned())).unwrap();
        let repository = Repository {
            source: source.at_commit(Some("5f5f")),
            patches: Vec::new(),
            workspace: "[workspace]\nmembers = [\"a\"]\n[profile.release]\nlto = true\n".to_owned(),
        };
        let text = "[package]\nname = \"a\"\n\n[workspace]\n\n[patch.crates-io]\nz = { path = \"z\" }\n\n[dependencies]\n\
             b = { path = \"../b\", version = \"1\" }\nc = \"1\"\n\n[target.'cfg(unix)'.dependencies.d]\npath = \"../d\"\n";
        let left = outside_of_workspace(text, &repository).unwrap();
        for (word, stays) in [
            (", git = \"https://example.org/r\", tag = \"v1\" }", true),
            ("c = \"1\"", true),
            ("git = \"https://example.org/r\"\ntag = \"v1\"", true),
            ("lto = true", true),
            ("path", false),
            ("[workspace]", false),
            ("patch", false),
        ] {
            assert_eq!(left.contains(word), stays, "{word}: {left}");
        }
        assert!(outside_of_workspace("[", &repository).is_err());
    }

    #[test]
    fn a_listed_crate_says_what_the_index_says() {
        let source = SourceId::crates_io();
        let mut summary = Summary::new(crate_name("a").unwrap(), Version::new(1, 2, 3), source.clone());
        summary.links = Some("z".into());
        let mut renamed = Dependency::new(
            crate_name("b-real").unwrap(),
            Req::parse("^1.1").unwrap(),
            source.clone(),
        );
        renamed.alias = "b".into();
        renamed.optional = true;
        renamed.default_features = false;
        renamed.features = vec!["x".into()];
        let mut windows = Dependency::new(crate_name("w").unwrap(), Req::parse("0.5").unwrap(), source);
        windows.target = Some("cfg(windows)".parse().unwrap());
        windows.kind = DependencyKind::Build;
        summary.dependencies = vec![renamed, windows];
        let mut bench = Dependency::new(
            crate_name("bench").unwrap(),
            Req::parse("1").unwrap(),
            SourceId::crates_io(),
        );
        bench.kind = DependencyKind::Dev;
        summary.dependencies.push(bench);
        let values = ["b", "bench/fast"].map(FeatureValue::parse).to_vec();
        summary.features =
            features::feature_map([("default", vec![]), ("measured", values)], &summary.dependencies)
                .unwrap();
        assert_eq!(
            listed(&summary),
            r#"[package]
name = "a"
version = "1.2.3"
edition = "2021"
links = "z"
build = "build.rs"

[dependencies]
b = { version = "^1.1", package = "b-real", optional = true, default-features = false, features = ["x"] }

[target."cfg(windows)".build-dependencies]
w = { version = "^0.5" }

[features]
b = ["dep:b"]
default = []
measured = ["b"]
"#
        );
    }
}
