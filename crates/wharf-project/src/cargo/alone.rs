//! A manifest as it reads without the root of its workspace: everything that it inherits is written out. A directory source
//! has each package alone, and cargo would look for the root in the folders above the link.
//!
//! Source: the Cargo book, "Workspaces" (`package`, `dependencies` and `lints` tables) and "Inheriting a dependency from a
//! workspace". Invariant: what it says is what the manifest said together with its root.

use std::path::Path;

use toml::{Table, Value};

use super::folders::relative;

/// Tables of dependencies, under all their names.
const DEPENDENCIES: [&str; 5] = [
    "dependencies",
    "dev-dependencies",
    "dev_dependencies",
    "build-dependencies",
    "build_dependencies",
];
/// Keys of `[package]` that are paths.
const PATHS: [&str; 2] = ["readme", "license-file"];
const FEATURES: &str = "features";
const DEFAULT: [&str; 2] = ["default-features", "default_features"];

/// The manifest `text` of the package in `folder`, with what it inherits of the manifest `root_text` in `root`; `None` where it
/// inherits nothing, and stays as it is.
pub(super) fn manifest(text: &str, folder: &Path, root_text: &str, root: &Path) -> Option<String> {
    let mut manifest: Table = text.parse().ok()?;
    let workspace: Table = root_text.parse().ok()?;
    let alone = Alone {
        workspace: workspace.get("workspace")?.as_table()?,
        folder,
        root,
    };
    if !alone.write_out(&mut manifest) {
        return None;
    }
    if let Some(package) = table(&mut manifest, "package") {
        package.remove("workspace");
    }
    Some(manifest.to_string())
}

struct Alone<'a> {
    workspace: &'a Table,
    folder: &'a Path,
    root: &'a Path,
}

impl Alone<'_> {
    /// Whether anything was inherited.
    fn write_out(&self, manifest: &mut Table) -> bool {
        let mut changed = table(manifest, "package").is_some_and(|package| self.package(package));
        for (key, stated) in [
            (
                "badges",
                self.stated("package").and_then(|package| package.get("badges")),
            ),
            ("lints", self.workspace.get("lints")),
        ] {
            if manifest.get(key).is_some_and(inherits)
                && let Some(stated) = stated
            {
                manifest.insert(key.to_owned(), stated.clone());
                changed = true;
            }
        }
        changed |= self.dependencies(manifest);
        let targets = table(manifest, "target").into_iter().flat_map(Table::iter_mut);
        for (_, target) in targets {
            changed |= target
                .as_table_mut()
                .is_some_and(|target| self.dependencies(target));
        }
        changed
    }

    fn stated(&self, key: &str) -> Option<&Table> {
        self.workspace.get(key)?.as_table()
    }

    fn package(&self, package: &mut Table) -> bool {
        let mut changed = false;
        for (key, value) in package.iter_mut().filter(|(_, value)| inherits(value)) {
            let Some(stated) = self.stated("package").and_then(|stated| stated.get(key)) else {
                continue;
            };
            *value = match stated.as_str().filter(|_| PATHS.contains(&key.as_str())) {
                Some(path) => Value::String(self.path(path)),
                None => stated.clone(),
            };
            changed = true;
        }
        changed
    }

    /// A path of the root, from the package's folder.
    fn path(&self, path: &str) -> String {
        relative(self.folder, &crate::requirement::normalize(&self.root.join(path)))
    }

    fn dependencies(&self, tables: &mut Table) -> bool {
        let mut changed = false;
        for kind in DEPENDENCIES {
            let entries = table(tables, kind).into_iter().flat_map(Table::iter_mut);
            for (name, value) in entries.filter(|(_, value)| inherits(value)) {
                let stated = self.stated("dependencies").and_then(|stated| stated.get(name));
                if let (Some(own), Some(stated)) = (value.as_table(), stated) {
                    *value = Value::Table(self.dependency(own, stated));
                    changed = true;
                }
            }
        }
        changed
    }

    fn dependency(&self, own: &Table, stated: &Value) -> Table {
        let mut joined = match stated {
            Value::Table(stated) => stated.clone(),
            version => Table::from_iter([("version".to_owned(), version.clone())]),
        };
        if let Some(path) = joined.get("path").and_then(Value::as_str) {
            joined.insert("path".to_owned(), Value::String(self.path(path)));
        }
        let words = |table: &Table| {
            table
                .get(FEATURES)
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default()
        };
        let features = [words(&joined), words(own)].concat();
        if !features.is_empty() {
            joined.insert(FEATURES.to_owned(), Value::Array(features));
        }
        // A member can switch default features on, and never off.
        if default_features(own) == Some(true) && default_features(&joined) == Some(false) {
            DEFAULT.iter().for_each(|key| drop(joined.remove(*key)));
        }
        let stays = |key: &str| key != "workspace" && key != FEATURES && !DEFAULT.contains(&key);
        joined.extend(
            own.iter()
                .filter(|(key, _)| stays(key))
                .map(|(key, value)| (key.clone(), value.clone())),
        );
        joined
    }
}

fn default_features(table: &Table) -> Option<bool> {
    DEFAULT.iter().find_map(|key| table.get(*key)?.as_bool())
}

fn table<'t>(of: &'t mut Table, key: &str) -> Option<&'t mut Table> {
    of.get_mut(key)?.as_table_mut()
}

/// Whether a value says `workspace = true`.
fn inherits(value: &Value) -> bool {
    let word = value.as_table().and_then(|table| table.get("workspace"));
    word.and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use wharf_ecosystem::cargo::Manifest;

    use super::*;

    const ROOT: &str = r#"
[workspace]
members = ["crates/*"]

[workspace.package]
version = "0.3.0"
edition = "2021"
rust-version = "1.70"
readme = "README.md"
license-file = "legal/LICENSE"
authors = ["somebody"]

[workspace.dependencies]
plain = "1.2"
off = { version = "2", default-features = false, features = ["one"] }
near = { path = "crates/near", version = "0.3" }
far = { git = "https://example.org/far", branch = "x", package = "far-away" }

[workspace.lints.rust]
unused = "allow"
"#;

    fn alone(text: &str) -> Option<String> {
        manifest(text, Path::new("/r/crates/a"), ROOT, Path::new("/r"))
    }

    #[test]
    fn a_manifest_that_inherits_nothing_stays() {
        assert_eq!(
            alone("[package]\nname = \"a\"\nworkspace = \"../..\"\n[dependencies]\nx = \"1\"\n"),
            None
        );
        assert_eq!(alone("[package"), None);
    }

    #[test]
    fn everything_inherited_is_written_out() {
        let text = r#"
[package]
name = "a"
version.workspace = true
edition = { workspace = true }
rust-version.workspace = true
readme.workspace = true
license-file.workspace = true
authors.workspace = true
workspace = "../.."

[dependencies]
plain = { workspace = true, optional = true }
off = { workspace = true, features = ["two"] }
own = { version = "3", path = "../own" }

[dependencies.near]
workspace = true

[build-dependencies]
off = { workspace = true, default-features = true }

[target.'cfg(unix)'.dev-dependencies]
far.workspace = true
plain = { workspace = true, default-features = false }

[features]
more = ["dep:plain"]

[lints]
workspace = true
"#;
        let written = alone(text).expect("it inherits");
        assert!(!written.contains("workspace"), "{written}");
        for line in [
            "version = \"0.3.0\"",
            "readme = \"../../README.md\"",
            "license-file = \"../../legal/LICENSE\"",
            "authors = [\"somebody\"]",
            "path = \"../near\"",
            "path = \"../own\"",
            "unused = \"allow\"",
        ] {
            assert!(written.contains(line), "{line}: {written}");
        }
        // What cargo resolves with is the same in both.
        let parse = |text: &str| Manifest::parse(text).expect("it is a manifest");
        let root = parse(ROOT);
        let meant = parse(text).inherit(root.workspace.as_ref()).expect("it inherits");
        let said = parse(&written).inherit(None).expect("it stands alone");
        assert_eq!(
            (&said.name, &said.version, said.edition),
            (&meant.name, &meant.version, meant.edition)
        );
        assert_eq!(
            (said.rust_version, &said.features),
            (meant.rust_version, &meant.features)
        );
        let needs = |manifest: &wharf_ecosystem::cargo::CrateManifest| {
            let words = manifest.requirements.iter().map(|one| {
                let default = one.default_features.unwrap_or(true);
                format!(
                    "{} {:?} {:?} {} {} {default} {:?} {:?}",
                    one.name, one.package, one.kind, one.req, one.optional, one.features, one.target
                )
            });
            words.collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(needs(&said), needs(&meant));
        assert_eq!(needs(&said).len(), 7);
    }
}
