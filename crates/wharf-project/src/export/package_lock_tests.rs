//! Tests of the export as `package-lock.json`: the folders, what is said of each, and that no version is lost.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};
use wharf_core::{Ecosystem, PackageName, Source, WebUrl};
use wharf_ecosystem::npm::{Edge, EdgeKind, Importer, Package, To, Version};

use super::package_lock;
use crate::NpmLock;
use crate::lock::npm::arbitrary::npm_locks;
use crate::lock::npm::tests::{edge, package, sample};
use crate::preferences::npm::{PeerLock, parse};

fn exported(lock: &NpmLock) -> Value {
    serde_json::from_str(&package_lock(lock)).unwrap()
}

#[test]
fn the_file_is_npms() {
    let lock = sample();
    let document = exported(&lock);
    let packages = document["packages"].as_object().unwrap();
    let folders: Vec<&str> = packages.keys().map(String::as_str).collect();
    assert_eq!(
        folders,
        [
            "",
            "node_modules/@app/ui",
            "node_modules/old-react",
            "node_modules/react",
            "node_modules/use-store",
            "node_modules/vite",
            "packages/ui",
            "packages/ui/node_modules/react",
            "packages/ui/node_modules/use-store",
        ]
    );
    assert_eq!(
        document["packages"][""],
        json!({
            "name": "app", "version": "1.0.0", "workspaces": ["packages/ui"],
            "dependencies": {"@app/ui": "workspace:*", "react": "^19.0.0", "use-store": "^1.2.0"},
            "devDependencies": {"vite": "^7"},
        })
    );
    assert_eq!(
        packages["node_modules/@app/ui"],
        json!({"resolved": "packages/ui", "link": true})
    );
    assert_eq!(
        packages["node_modules/vite"],
        json!({
            "version": "7.1.0", "resolved": "https://registry.example.org/vite/-/vite-7.1.0.tgz",
            "integrity": packages["node_modules/react"]["integrity"], "dev": true,
            "bin": {"vite": "bin/vite.js"}, "engines": {"node": "^20.19.0 || >=22.12.0"},
        }),
        "the optional dependency that nothing answers is not told"
    );
    let alias = &packages["node_modules/old-react"];
    assert_eq!(
        (&alias["name"], &alias["version"]),
        (&json!("react"), &json!("18.3.1"))
    );
    let store = &packages["node_modules/use-store"];
    assert_eq!(store["peerDependencies"], json!({"react": "^18 || ^19"}));
}

#[test]
fn keys_stand_in_npms_order() {
    let text = package_lock(&sample());
    let at = |key: &str| {
        text.find(&format!("\"{key}\""))
            .unwrap_or_else(|| panic!("{key}\n{text}"))
    };
    assert!(at("lockfileVersion") < at("requires") && at("requires") < at("packages"));
    let vite = &text[at("node_modules/vite")..];
    let keys: Vec<&str> = vite
        .lines()
        .skip(1)
        .take_while(|line| *line != "    },")
        .filter(|line| line.starts_with("      \""))
        .filter_map(|line| line.split('"').nth(1))
        .collect();
    assert_eq!(
        keys,
        ["version", "resolved", "integrity", "dev", "bin", "engines"]
    );
    assert!(text.ends_with("}\n"));
}

#[test]
fn needs_mark_their_folders() {
    let mut lock = sample();
    let graph = &mut lock.graph;
    let first = graph.packages.len();
    // Below vite (development) an optional package, below react an optional and a common one.
    for name in ["x-either", "x-optional", "x-plain"] {
        graph.packages.push(package(name, "1.0.0"));
    }
    let position = |name: &str, version: &str| {
        let fits = |package: &Package| package.name.as_str() == name && package.version == version;
        graph.packages.iter().position(fits).unwrap()
    };
    let (vite, react) = (position("vite", "7.1.0"), position("react", "19.0.0"));
    for (from, name, kind) in [
        (vite, "x-either", EdgeKind::Prod),
        (react, "x-either", EdgeKind::Optional),
        (react, "x-optional", EdgeKind::Optional),
        (react, "x-plain", EdgeKind::Prod),
    ] {
        let to = first
            + ["x-either", "x-optional", "x-plain"]
                .iter()
                .position(|known| *known == name)
                .unwrap();
        graph.packages[from].dependencies.push(edge(name, "1", kind, to));
    }
    let document = exported(&lock);
    let marks = |folder: &str| {
        let entry = document["packages"][folder].as_object().unwrap();
        let words = ["dev", "optional", "devOptional", "peer"];
        words
            .into_iter()
            .filter(|word| entry.contains_key(*word))
            .collect::<Vec<_>>()
    };
    assert_eq!(marks("node_modules/vite"), ["dev"]);
    assert_eq!(marks("node_modules/react"), [""; 0]);
    assert_eq!(marks("node_modules/x-either"), ["devOptional"]);
    assert_eq!(marks("node_modules/x-optional"), ["optional"]);
    assert_eq!(marks("node_modules/x-plain"), [""; 0]);
}

#[test]
fn every_source_has_npms_form() {
    let url = |text: &str| WebUrl::parse(text).unwrap();
    let check = |source: Source, expected: &[(&str, Value)]| {
        let mut lock = NpmLock::default();
        let mut one = package("x", "1.0.0");
        one.source = source;
        one.integrity.clear();
        one.bundled = vec!["inner".to_owned()];
        one.dependencies = vec![Edge {
            alias: "inner".to_owned(),
            range: "1".to_owned(),
            kind: EdgeKind::Prod,
            to: None,
        }];
        lock.graph.packages.push(one);
        lock.graph.importers.push(Importer {
            path: ".".to_owned(),
            dependencies: vec![edge("x", "*", EdgeKind::Prod, 0)],
            ..Default::default()
        });
        let document = exported(&lock);
        for (folder, entry) in expected {
            assert_eq!(&document["packages"][folder], entry, "{folder}");
        }
    };
    check(
        Source::Git {
            url: url("ssh://git@example.org/x.git"),
            reference: Some("main".to_owned()),
            commit: "ab12".to_owned(),
            subdirectory: None,
        },
        &[(
            "node_modules/x",
            json!({"version": "1.0.0", "resolved": "git+ssh://git@example.org/x.git#ab12"}),
        )],
    );
    check(
        Source::File {
            path: "x.tgz".to_owned(),
        },
        &[(
            "node_modules/x",
            json!({"version": "1.0.0", "resolved": "file:x.tgz"}),
        )],
    );
    check(
        Source::Directory {
            path: "libs/x".to_owned(),
            editable: false,
        },
        &[
            ("node_modules/x", json!({"resolved": "libs/x", "link": true})),
            ("libs/x", json!({"version": "1.0.0"})),
        ],
    );
}

proptest! {
    #[test]
    fn what_importers_ask_for_is_there(lock in npm_locks()) {
        let text = package_lock(&lock);
        let versions = parse(PeerLock::PackageLock, Path::new("package-lock.json"), &text).unwrap();
        for importer in &lock.graph.importers {
            for edge in &importer.dependencies {
                let Some(To::Package(index)) = edge.to else { continue };
                let package = &lock.graph.packages[index];
                let is_only = importer.dependencies.iter().filter(|other| other.alias == edge.alias).count() == 1;
                let is_plain = matches!(package.source, Source::Registry { .. }) && package.tarball.is_none();
                // A name that stands for two things has one folder only, and readers know no versions but node's.
                if is_only && is_plain && is_name(&edge.alias) && Version::parse(&package.version).is_ok() {
                    let found = versions.get(&package.name).into_iter().flatten();
                    prop_assert!(
                        found.map(Version::as_str).any(|known| known == package.version),
                        "{} {}\n{}", package.name, package.version, text
                    );
                }
            }
        }
    }
}

fn is_name(alias: &str) -> bool {
    PackageName::new(Ecosystem::Npm, alias).is_ok()
}
