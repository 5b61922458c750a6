//! The manifests that a build reads in place of those that were published: the tool's own without its development
//! dependencies, and one for each crate of the graph that another machine would compile and this one only has to know of.
//!
//! Source: the cargo book, "The Manifest Format". Invariant: what a stub says decides the same resolution as the crate
//! itself would; nothing of it is ever compiled.

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, Value, value};
use wharf_ecosystem::cargo::{Dependency, DependencyKind, Req, SourceId, Summary};

const DEVELOPMENT: [&str; 2] = ["dev-dependencies", "dev_dependencies"];

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
    Ok(manifest.to_string())
}

/// A manifest that says of a crate what its index line says.
#[must_use]
pub fn stub(summary: &Summary) -> String {
    let mut manifest = DocumentMut::new();
    let package = manifest.entry("package").or_insert(Item::Table(Table::new()));
    package["name"] = value(summary.name.as_str());
    package["version"] = value(summary.version.to_string());
    package["edition"] = value("2021");
    if let Some(links) = &summary.links {
        package["links"] = value(&**links);
        package["build"] = value("build.rs");
    }
    for dependency in &summary.dependencies {
        let table = match dependency.kind {
            DependencyKind::Normal => "dependencies",
            DependencyKind::Build => "build-dependencies",
            // Only those of the workspace's own packages count.
            DependencyKind::Dev => continue,
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
    let mut table = Table::new();
    for (name, values) in &summary.features {
        table[name] = value(values.iter().map(ToString::to_string).collect::<Array>());
    }
    if !table.is_empty() {
        manifest["features"] = Item::Table(table);
    }
    manifest.to_string()
}

fn requirement(dependency: &Dependency) -> InlineTable {
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
        .expect("stubs only hold the tables that are made here")
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
    }

    #[test]
    fn a_stub_says_what_the_index_says() {
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
        summary.features = features::feature_map([("default", vec![])], &summary.dependencies).unwrap();
        assert_eq!(
            stub(&summary),
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
"#
        );
    }
}
