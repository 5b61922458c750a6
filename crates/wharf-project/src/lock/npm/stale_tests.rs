//! Tests of staleness: what changed is told in words, and what does not matter is not noticed.

use std::collections::BTreeMap;

use wharf_ecosystem::npm::{Edge, Graph, Importer, To};

use super::tests::{sample, whole};
use super::*;
use crate::lock::Lock;
use crate::project::{Options, Project};

fn root(importer: &str, alias: &str, spec: &str, kind: EdgeKind) -> NpmRoot {
    NpmRoot {
        importer: importer.to_owned(),
        alias: alias.to_owned(),
        kind,
        spec: spec.to_owned(),
    }
}

#[test]
fn differences_are_told_in_words() {
    let lock = sample();
    assert_eq!(lock.differences(&lock.inputs), [""; 0]);
    let check = |change: &dyn Fn(&mut NpmInputs), expected: &[&str]| {
        let mut now = lock.inputs.clone();
        change(&mut now);
        now.sort();
        assert_eq!(lock.differences(&now), expected);
    };
    let spec = |now: &mut NpmInputs, alias: &str, spec: &str| {
        let found = now.requirements.iter_mut().find(|root| root.alias == alias);
        found.unwrap().spec = spec.to_owned();
    };
    check(
        &|now| spec(now, "react", "^18"),
        &["the requirement `npm:react@^19.0.0` became `npm:react@^18`"],
    );
    check(
        &|now| {
            now.requirements
                .push(root("packages/ui", "d", "1", EdgeKind::Dev));
        },
        &["the requirement `npm:d@1 (dev, in packages/ui)` is new"],
    );
    check(
        &|now| now.requirements.retain(|root| root.alias != "vite"),
        &["the requirement `npm:vite@^7 (dev)` is gone"],
    );
    check(
        &|now| now.overrides = vec!["a > b = ^2".to_owned()],
        &["the override `a > b = ^2` is new"],
    );
    check(
        &|now| now.registries = vec!["@s=https://npm.example.org/".to_owned()],
        &["the npm registries changed from nothing to `@s=https://npm.example.org/`"],
    );
    check(
        &|now| now.node = Some(">=22".to_owned()),
        &["the Node versions changed from nothing to `>=22`"],
    );
    check(
        &|now| now.install_peers = false,
        &["`install-peers` changed from `true` to `false`"],
    );
    check(
        &|now| now.cooldown = Span::from_seconds(86_400),
        &["npm's cooldown changed from `0d` to `1d`"],
    );
}

#[test]
fn rules_in_another_order_are_noticed() {
    let mut lock = sample();
    lock.inputs.overrides = vec!["a = 1".to_owned(), "b = 2".to_owned()];
    let mut now = lock.inputs.clone();
    now.overrides.reverse();
    assert_eq!(lock.differences(&now), ["the order of the overrides changed"]);
}

#[test]
fn a_requirement_without_an_edge_comes_from_a_bad_merge() {
    let mut lock = sample();
    lock.graph.importers[0]
        .dependencies
        .retain(|edge| edge.alias != "react");
    assert_eq!(
        lock.differences(&lock.inputs),
        ["`npm:react@^19.0.0` has no package in the lock"]
    );
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        files.iter().for_each(|(path, text)| folder.write(path, text));
        folder
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn project(&self) -> Project {
        let options = Options {
            environment: BTreeMap::from([("HOME".to_owned(), self.0.path().display().to_string())]),
            system_root: self.0.path().join("nowhere"),
            ..Options::default()
        };
        Project::discover(self.0.path(), &options).unwrap()
    }

    fn inputs(&self) -> NpmInputs {
        NpmInputs::of(&self.project()).unwrap()
    }
}

const MANIFEST: &str = r#"{
  "name": "app", "version": "1.0.0",
  "workspaces": ["packages/*"],
  "dependencies": {"local": "file:./local", "archive": "file:a.tgz", "react": "^19"},
  "devDependencies": {"vite": "npm:other@^7"},
  "optionalDependencies": {"fsevents": "*"},
  "overrides": {"a": {"b": "^2"}}
}"#;

#[test]
fn inputs_are_what_the_files_say() {
    let folder = Folder::new(&[
        ("package.json", MANIFEST),
        (
            "packages/ui/package.json",
            r#"{"name": "ui", "peerDependencies": {"react": ">=18"}}"#,
        ),
        (
            "local/package.json",
            r#"{"name": "local", "dependencies": {"c": "1"}}"#,
        ),
        ("a.tgz", "bytes"),
    ]);
    let inputs = folder.inputs();
    assert_eq!(
        inputs.requirements,
        [
            root(".", "archive", "file:a.tgz", EdgeKind::Prod),
            root(".", "fsevents", "*", EdgeKind::Optional),
            root(".", "local", "file:./local", EdgeKind::Prod),
            root(".", "react", "^19", EdgeKind::Prod),
            root(".", "vite", "npm:other@^7", EdgeKind::Dev),
            root("packages/ui", "react", ">=18", EdgeKind::Peer),
        ]
    );
    assert_eq!(inputs.overrides, ["a > b = ^2"]);
    let paths: Vec<&str> = inputs
        .local
        .iter()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(paths, ["a.tgz", "local"]);
}

#[test]
fn a_folder_that_is_ignored_is_nothing_that_a_lock_is_made_from() {
    let manifest = r#"{
        "dependencies": {"needed": "file:./needed"},
        "optionalDependencies": {"loc": "file:./loc", "liked": "file:./liked"},
        "pnpm": {"ignoredOptionalDependencies": ["loc", "needed"]}
    }"#;
    let folder = Folder::new(&[
        ("package.json", manifest),
        ("loc/package.json", r#"{"name": "loc"}"#),
        ("liked/package.json", r#"{"name": "liked"}"#),
        ("needed/package.json", r#"{"name": "needed"}"#),
    ]);
    let before = folder.inputs();
    let paths: Vec<&str> = before
        .local
        .iter()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(paths, ["liked", "needed"]);
    folder.write(
        "loc/package.json",
        r#"{"name": "loc", "dependencies": {"c": "1"}}"#,
    );
    assert_eq!(folder.inputs(), before);
}

#[test]
fn only_what_decides_about_requirements_counts() {
    let folder = Folder::new(&[
        ("package.json", MANIFEST),
        (
            "local/package.json",
            r#"{"name": "local", "dependencies": {"c": "1", "d": "2"}}"#,
        ),
        ("a.tgz", "bytes"),
    ]);
    let lock = NpmLock {
        inputs: folder.inputs(),
        ..NpmLock::default()
    };
    let told = || {
        let mut told = lock.differences(&folder.inputs());
        told.retain(|reason| !reason.contains("has no package"));
        told
    };
    folder.write(
        "local/package.json",
        r#"{"scripts": {"x": "y"}, "dependencies": {"d": "2", "c": "1"}, "name": "local"}"#,
    );
    folder.write("package.json", &MANIFEST.replace("1.0.0", "1.1.0"));
    assert_eq!(told(), [""; 0]);
    folder.write(
        "local/package.json",
        r#"{"name": "local", "dependencies": {"c": "2"}}"#,
    );
    assert_eq!(told(), ["`local` needs something else than it did"]);
    folder.write("a.tgz", "others");
    assert_eq!(told().len(), 2);
}

#[test]
fn members_answer_by_the_version_that_they_have_now() {
    let member = |version: &str| format!(r#"{{"name": "ui", "version": "{version}"}}"#);
    let folder = Folder::new(&[
        (
            "package.json",
            r#"{"name": "root", "workspaces": ["packages/*"]}"#,
        ),
        ("packages/ui/package.json", &member("1.2.0")),
        ("packages/web/package.json", "{}"),
    ]);
    let told = |range: &str, version: &str, to: To| {
        folder.write(
            "packages/web/package.json",
            &format!(r#"{{"dependencies": {{"ui": "{range}"}}}}"#),
        );
        folder.write("packages/ui/package.json", &member(version));
        let project = folder.project();
        let importer = |path: &str, dependencies| Importer {
            path: path.to_owned(),
            dependencies,
            ..Importer::default()
        };
        let edge = Edge {
            alias: "ui".to_owned(),
            range: range.to_owned(),
            kind: EdgeKind::Prod,
            to: Some(to),
        };
        let lock = NpmLock {
            inputs: NpmInputs::of(&project).unwrap(),
            graph: Graph {
                importers: vec![
                    importer(".", Vec::new()),
                    importer("packages/ui", Vec::new()),
                    importer("packages/web", vec![edge]),
                ],
                ..sample().graph
            },
            ..NpmLock::default()
        };
        let stale = whole(lock).stale(&project);
        stale.map(|stale| stale.to_string())
    };
    let (linked, package) = (|| To::Importer(1), || To::Package(0));
    for (range, version) in [
        ("^1", "1.3.0"),
        ("*", "2.0.0-rc.1"),
        // As the resolution reads it.
        ("^1", "v1.3.0"),
        ("workspace:^1", "=1.3.0"),
        ("workspace:^", "3.0.0"),
        ("workspace:~", "none"),
        ("workspace:^1", "1.9.0"),
        ("npm:ui@^1", "1.9.0"),
    ] {
        assert_eq!(told(range, version, linked()), None, "{range} {version}");
    }
    assert_eq!(told("^1", "2.0.0", package()), None);
    assert_eq!(
        told("latest", "2.0.0", package()),
        None,
        "what a registry tags is never a member"
    );
    assert_eq!(
        told("^1", "2.0.0", linked()).as_deref(),
        Some("packages/ui is 2.0.0 now, which does not answer `npm:ui@^1 (in packages/web)`")
    );
    assert_eq!(
        told("workspace:^1", "2.0.0", linked()).as_deref(),
        Some("packages/ui is 2.0.0 now, which does not answer `npm:ui@workspace:^1 (in packages/web)`")
    );
    assert_eq!(
        told("^2", "2.0.0", package()).as_deref(),
        Some("packages/ui is 2.0.0 now, which answers `npm:ui@^2 (in packages/web)`")
    );
}

#[test]
fn each_part_is_stale_by_itself() {
    let folder = Folder::new(&[("package.json", r#"{"dependencies": {"react": "^19"}}"#)]);
    let project = folder.project();
    let empty = Lock::default();
    assert_eq!(empty.stale_python(&project), None);
    let told = |lock: &Lock, project: &Project| lock.stale(project).map(|stale| stale.to_string());
    assert_eq!(
        told(&empty, &project).as_deref(),
        Some("nothing of npm is locked yet")
    );
    let lock = whole(NpmLock {
        inputs: NpmInputs::of(&project).unwrap(),
        ..sample()
    });
    assert_eq!(told(&lock, &project), None);
    let bare = Folder::new(&[("requirements.txt", "")]).project();
    assert_eq!(
        told(&lock, &bare).as_deref(),
        Some("the project has nothing of npm any more")
    );
    let mut young = project;
    young.policy.cooldown = Span::from_seconds(86_400);
    assert_eq!(
        told(&lock, &young).as_deref(),
        Some("the cooldown changed from `0d` to `1d`"),
        "told once, though it makes both parts stale"
    );
    assert!(lock.stale_npm(&young).is_some() && lock.stale_python(&young).is_some());
}
