//! Mixed environments that are killed: at every point, in every folder, in their repair, with a damaged journal.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;

use wharf_core::{Ecosystem, Explain, NullSink, PackageName};

use super::mixed::{apply, node};
use super::{Fixture, snapshot};
use crate::fault::{POINTS, RESUMED};
use crate::generation::Marker;
use crate::layout::{Content, Item};
use crate::{
    CommandsWanted, CratesWanted, Durability, Environment, FileChange, InstalledCrate, InstalledTool,
    Recovered, RootName, Wanted,
};

/// What all roots hold, apart from what differs between two makings of one environment.
pub(super) fn state(project: &Path) -> BTreeMap<String, BTreeMap<String, String>> {
    [
        ".venv",
        "node_modules",
        "a/node_modules",
        "b/node_modules",
        "c/node_modules",
        ".wharf/cargo",
        ".wharf/bin",
        ".cargo",
    ]
    .map(|root| {
        let mut found = snapshot(&project.join(root));
        found.remove(Marker::NAME);
        found.retain(|name, _| !name.ends_with(".pyc") && !name.starts_with(".cache"));
        (root.to_owned(), found)
    })
    .into()
}

/// Before: everything but `c`. After: everything but `b`, and other versions.
pub(super) fn side(fixture: &Fixture, new: bool) -> Wanted {
    let (version, other) = if new { ("2.0.0", "c") } else { ("1.0.0", "b") };
    let text = format!("v = '{version}'\n");
    let mut wanted = fixture.wanted(&[fixture.package("p", version, &[("p.py", &text)])]);
    // Whoever is killed waits for the disk or has somebody behind, the others need not care.
    wanted.durability = match std::env::var("WHARF_TEST_DURABILITY").as_deref() {
        Ok("behind") => Durability::Behind,
        Ok(_) => Durability::Power,
        Err(_) => Durability::Process,
    };
    let packages = [("x", version)];
    wanted.node = Some(node(&[(".", &packages), ("a", &packages), (other, &packages)]));
    rust(fixture, version, &mut wanted);
    wanted
}

/// A crate, a tool and a file of the project, all of this version.
fn rust(fixture: &Fixture, version: &str, wanted: &mut Wanted) {
    let name = PackageName::new(Ecosystem::Cargo, "x").unwrap();
    let text = format!("echo {version}\n");
    let tree = fixture.tree(&[("+tool".to_owned(), text.clone())]);
    let object = fixture.store.write_object(text.as_bytes(), true).unwrap();
    wanted.crates = Some(CratesWanted {
        items: vec![Item::link(&format!("x-{version}"), "../../a")],
        packages: vec![InstalledCrate {
            name: name.clone(),
            version: version.to_owned(),
        }],
    });
    wanted.commands = Some(CommandsWanted {
        items: vec![Item {
            path: "tool".to_owned(),
            content: Content::Object {
                tree: None,
                id: object,
                size: text.len() as u64,
                executable: true,
            },
        }],
        tools: vec![InstalledTool {
            name,
            version: version.to_owned(),
            key: "key".to_owned(),
            commands: vec!["tool".to_owned()],
            tree,
        }],
    });
    let path = ".cargo/config.toml".to_owned();
    let before = fs::read_to_string(fixture.project.join(&path)).ok();
    let after = Some(format!("# {version}\n"));
    wanted.files.push(FileChange { path, before, after });
}

pub(super) fn settle(environment: &Environment) {
    let (sinks, cancel) = (NullSink::shared(), AtomicBool::new(false));
    environment.settle(&sinks, &cancel).unwrap();
}

/// The child of [`killed`].
#[test]
#[ignore = "run by other tests, in a process that dies"]
fn child() {
    let Some(project) = std::env::var_os("WHARF_TEST_PROJECT") else {
        return;
    };
    if std::env::var_os("WHARF_TEST_RECOVER").is_some() {
        Environment::open(Path::new(&project)).unwrap();
        return;
    }
    let Some(mut fixture) = Fixture::new() else { return };
    fixture.project = project.into();
    apply(&fixture.project, &fixture.store, &side(&fixture, true)).unwrap();
}

/// Runs a sync that waits for the disk, or a recovery, in a process that is killed at the point; whether it died.
fn killed(project: &Path, point: &str, recover: bool) -> bool {
    killed_with(project, point, recover, "power")
}

/// As [`killed`], of this durability.
pub(super) fn killed_with(project: &Path, point: &str, recover: bool, durability: &str) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "tests::recovery::child", "--ignored"])
        .env("WHARF_TEST_PROJECT", project)
        .env("WHARF_TEST_DURABILITY", durability)
        .env("WHARF_FAULT", point);
    if recover {
        command.env("WHARF_TEST_RECOVER", "1");
    }
    !command.output().unwrap().status.success()
}

pub(super) fn mixed() -> Option<Fixture> {
    let fixture = Fixture::new()?;
    for member in ["a", "b", "c"] {
        fs::create_dir_all(fixture.project.join(member)).unwrap();
    }
    Some(fixture)
}

/// Every point, and every passage of the one that is passed for each folder: `.venv`, crates, commands, three that are made, one that goes.
fn points() -> Vec<(String, bool)> {
    let prepared = POINTS.iter().position(|point| *point == "prepared").unwrap();
    let mut points: Vec<(String, bool)> = POINTS
        .iter()
        .enumerate()
        .map(|(index, point)| ((*point).to_owned(), index >= prepared))
        .collect();
    points.extend((2..=7).map(|time| (format!("exchanged@{time}"), true)));
    points
}

#[test]
fn a_kill_at_any_point_leaves_all_folders_old_or_all_new() {
    kill_at_every_point("power");
}

#[test]
fn so_it_does_where_the_commit_does_not_wait_for_the_disk() {
    kill_at_every_point("behind");
}

fn kill_at_every_point(durability: &str) {
    let Some(reference) = mixed() else { return };
    apply(&reference.project, &reference.store, &side(&reference, true)).unwrap();
    for first_install in [true, false] {
        for (point, prepared) in points() {
            // Nothing goes in a first install; and one point of each kind is enough there.
            let kinds = ["synced", "prepared", "exchanged", "exchanged@3", "carried"];
            if first_install && !kinds.contains(&point.as_str()) {
                continue;
            }
            let fixture = mixed().unwrap();
            if !first_install {
                apply(&fixture.project, &fixture.store, &side(&fixture, false)).unwrap();
                fs::create_dir_all(fixture.project.join("a/node_modules/.cache/tool")).unwrap();
            }
            let old = state(&fixture.project);
            assert!(
                killed_with(&fixture.project, &point, false, durability),
                "{point}"
            );
            let environment = Environment::open(&fixture.project).unwrap();
            let found = state(&fixture.project);
            match prepared {
                true => {
                    let number = environment.current().unwrap().unwrap().number;
                    assert_eq!(number, if first_install { 1 } else { 2 }, "{point}");
                    let versions = |root: &str| found[root].get("x/version").map(String::as_str);
                    assert_eq!(
                        [
                            "node_modules",
                            "a/node_modules",
                            "b/node_modules",
                            "c/node_modules"
                        ]
                        .map(versions),
                        [Some("2.0.0"), Some("2.0.0"), None, Some("2.0.0")],
                        "{point}"
                    );
                    let names = |root: &str| found[root].keys().cloned().collect::<Vec<_>>();
                    assert_eq!(names(".wharf/cargo"), ["x-2.0.0"], "{point}");
                    let text = |root: &str, name: &str| found[root].get(name).cloned();
                    assert_eq!(
                        text(".wharf/bin", "tool").as_deref(),
                        Some("echo 2.0.0\n"),
                        "{point}"
                    );
                    assert_eq!(
                        text(".cargo", "config.toml").as_deref(),
                        Some("# 2.0.0\n"),
                        "{point}"
                    );
                    assert_eq!(fixture.run("import p; print(p.v)"), "2.0.0", "{point}");
                }
                false => assert_eq!(found, old, "{point}"),
            }
            if !first_install {
                assert!(
                    fixture.project.join("a/node_modules/.cache/tool").exists(),
                    "{point}"
                );
            }
            assert_eq!(environment.recover().unwrap(), Recovered::Clean, "{point}");
            assert_eq!(
                state(&fixture.project),
                found,
                "{point}: a second recovery does nothing"
            );
            settle(&environment);
            let stage = environment.state_directory().join("stage");
            assert_eq!(fs::read_dir(stage).map_or(0, Iterator::count), 0, "{point}");
            apply(&fixture.project, &fixture.store, &side(&fixture, true)).unwrap();
            assert_eq!(fixture.run("import p; print(p.v)"), "2.0.0", "{point}");
            let plan = environment.plan(&side(&fixture, true)).unwrap();
            assert!(plan.is_empty(), "{point}: {plan:?}");
        }
    }
}

#[test]
fn a_recovery_that_is_killed_at_any_point_is_gone_on_with() {
    let Some(reference) = mixed() else { return };
    drop(reference);
    let switch = [
        "exchanged@1",
        "exchanged@5",
        "exchanged@7",
        "written",
        "switched",
        "carried",
        RESUMED,
    ];
    for first in ["prepared", "exchanged@2"] {
        for second in switch {
            let fixture = mixed().unwrap();
            apply(&fixture.project, &fixture.store, &side(&fixture, false)).unwrap();
            fs::create_dir_all(fixture.project.join("a/node_modules/.cache/tool")).unwrap();
            assert!(killed(&fixture.project, first, false), "{first}");
            assert!(killed(&fixture.project, second, true), "{first} {second}");
            let environment = Environment::open(&fixture.project).unwrap();
            assert!(
                environment.plan(&side(&fixture, true)).unwrap().is_empty(),
                "{first} {second}"
            );
            assert!(
                fixture.project.join("a/node_modules/.cache/tool").exists(),
                "{first} {second}"
            );
            assert!(
                !fixture.project.join("b/node_modules").exists(),
                "{first} {second}"
            );
        }
    }
}

#[test]
fn what_others_put_there_after_the_crash_stays() {
    let Some(fixture) = mixed() else { return };
    apply(&fixture.project, &fixture.store, &side(&fixture, false)).unwrap();
    assert!(killed(&fixture.project, "prepared", false));
    let root = fixture.project.join("a/node_modules");
    fs::remove_dir_all(&root).unwrap();
    fs::create_dir_all(root.join("precious")).unwrap();
    let environment = Environment::open(&fixture.project).unwrap();
    assert!(root.join("precious").exists());
    assert_eq!(
        fixture.run("import p; print(p.v)"),
        "2.0.0",
        "the others are switched"
    );
    let wanted = side(&fixture, true);
    let plan = environment.plan(&wanted).unwrap();
    assert_eq!(plan.roots.make, [RootName::node("a")].into());
    let error = apply(&fixture.project, &fixture.store, &wanted).unwrap_err();
    assert_eq!(error.code(), "install/foreign-environment");
}

#[test]
fn a_damaged_journal_does_not_leave_one_half() {
    let Some(fixture) = mixed() else { return };
    apply(&fixture.project, &fixture.store, &side(&fixture, false)).unwrap();
    assert!(killed(&fixture.project, "exchanged@2", false));
    let journal = fs::read_dir(fixture.project.join(".wharf/journal")).unwrap();
    let journal = journal.flatten().next().unwrap().path();
    let mut bytes = fs::read(&journal).unwrap();
    bytes[20] ^= 1;
    fs::write(&journal, bytes).unwrap();
    let environment = Environment::open(&fixture.project).unwrap();
    for root in ["node_modules", "a/node_modules", "c/node_modules"] {
        assert_eq!(
            fs::read_to_string(fixture.project.join(root).join("x/version")).unwrap(),
            "2.0.0"
        );
    }
    // Only what the journal alone knew, that a folder was to go, is left to the next sync.
    apply(&fixture.project, &fixture.store, &side(&fixture, true)).unwrap();
    assert_eq!(environment.recover().unwrap(), Recovered::Clean);
}
