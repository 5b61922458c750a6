//! Commits that are killed, refused, interrupted, or done twice at once.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use wharf_core::{Event, Explain, NullSink, Sink, Sinks};

use super::{Fixture, snapshot};
use crate::fault::POINTS;
use crate::{Compile, Environment, InstallError, Recovered};

/// Without what differs between two makings of one environment.
fn comparable(root: &Path) -> BTreeMap<String, String> {
    let mut found = snapshot(root);
    found.remove(crate::generation::Marker::NAME);
    found.retain(|name, _| !name.ends_with(".pyc"));
    found
}

/// The child of [`a_kill_at_any_point_leaves_the_old_or_the_new`]: changes the environment and is killed on the way.
#[test]
#[ignore = "run by another test, in a process that dies"]
fn child() {
    let Some(project) = std::env::var_os("WHARF_TEST_PROJECT") else {
        return;
    };
    let Some(mut fixture) = Fixture::new() else { return };
    fixture.project = project.into();
    let mut wanted = fixture.wanted(&packages(&fixture, Side::New));
    super::python(&mut wanted).compile = Compile::Yes;
    fixture.apply(&wanted).unwrap();
}

#[derive(Clone, Copy)]
enum Side {
    Old,
    New,
}

fn packages(fixture: &Fixture, side: Side) -> Vec<crate::Package> {
    match side {
        Side::Old => vec![fixture.package("a", "1", &[("a.py", "v = 1\n"), ("gone.py", "")])],
        Side::New => vec![
            fixture.package("a", "2", &[("a.py", "v = 2\n")]),
            fixture.package("b", "1", &[("b/__init__.py", "")]),
        ],
    }
}

/// Runs [`child`] in a process that is killed at the point; whether it died.
fn killed(project: &Path, point: &str) -> bool {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::commit::child", "--ignored"])
        .env("WHARF_TEST_PROJECT", project)
        .env("WHARF_FAULT", point)
        .output()
        .unwrap()
        .status;
    !status.success()
}

#[test]
fn a_kill_at_any_point_leaves_the_old_or_the_new() {
    for first_install in [true, false] {
        for (index, point) in POINTS.into_iter().enumerate() {
            let Some(fixture) = Fixture::new() else { return };
            if !first_install {
                fixture.install(&packages(&fixture, Side::Old));
            }
            let old = comparable(&fixture.root());
            assert!(killed(&fixture.project, point), "{point}");
            let at = |name: &str| POINTS.iter().position(|point| *point == name).unwrap();
            let (prepared, switched) = (index >= at("prepared"), index >= at("exchanged"));
            // Before anything is repaired, what stands there is whole already.
            match switched {
                true => assert_eq!(fixture.run("import a, b; print(a.v)"), "2", "{point}"),
                false => assert_eq!(comparable(&fixture.root()), old, "{point}"),
            }
            let environment = Environment::locate(&fixture.project);
            let recovered = environment.recover().unwrap();
            let expected = match point {
                // Before there is a journal, and after it has served.
                "locked" | "committed" | "trashed" => Recovered::Clean,
                _ if prepared => Recovered::Repaired {
                    committed: 1,
                    discarded: 0,
                },
                _ => Recovered::Repaired {
                    committed: 0,
                    discarded: 1,
                },
            };
            assert_eq!(recovered, expected, "{point}");
            match prepared {
                true => assert_eq!(fixture.run("import a, b; print(a.v)"), "2", "{point}"),
                false => assert_eq!(comparable(&fixture.root()), old, "{point}"),
            }
            let standing = snapshot(&fixture.root());
            assert_eq!(
                environment.recover().unwrap(),
                Recovered::Clean,
                "{point}: repair is done once"
            );
            assert_eq!(
                snapshot(&fixture.root()),
                standing,
                "{point}: a second repair does nothing"
            );
            assert!(
                fs::read_dir(environment.state_directory().join("stage")).map_or(0, Iterator::count) == 0,
                "{point}"
            );
            let number = environment
                .current()
                .unwrap()
                .map(|generation| generation.python.unwrap().packages.len());
            assert_eq!(
                number,
                match (prepared, first_install) {
                    (true, _) => Some(2),
                    (false, true) => None,
                    (false, false) => Some(1),
                },
                "{point}"
            );
            // The next command succeeds.
            fixture.install(&packages(&fixture, Side::New));
            assert_eq!(fixture.run("import a, b; print(a.v)"), "2", "{point}");
            environment.sweep().unwrap();
            assert!(
                fs::read_dir(environment.state_directory().join("trash")).map_or(0, Iterator::count) == 0,
                "{point}"
            );
        }
    }
}

#[test]
fn a_recovery_that_is_killed_too_can_start_again() {
    let Some(fixture) = Fixture::new() else { return };
    fixture.install(&packages(&fixture, Side::Old));
    let old = comparable(&fixture.root());
    assert!(killed(&fixture.project, "synced"));
    // A recovery that died after it moved the stage, before it closed the journal.
    let state = fixture.project.join(".wharf");
    for entry in fs::read_dir(state.join("stage")).unwrap().flatten() {
        fs::rename(entry.path(), state.join("trash").join(entry.file_name())).unwrap();
    }
    assert_eq!(
        Environment::locate(&fixture.project).recover().unwrap(),
        Recovered::Repaired {
            committed: 0,
            discarded: 1
        }
    );
    assert_eq!(comparable(&fixture.root()), old);
}

#[test]
fn an_exchange_in_several_steps_is_gone_on_with() {
    let Some(fixture) = Fixture::new() else { return };
    fixture.install(&packages(&fixture, Side::Old));
    assert!(killed(&fixture.project, "prepared"));
    // As on a file system without an atomic exchange: the old environment is away, the new one not there yet.
    let interim = fixture.project.join(".venv.swap");
    fs::rename(fixture.root(), &interim).unwrap();
    let environment = Environment::open(&fixture.project).unwrap();
    assert_eq!(fixture.run("import a, b; print(a.v)"), "2");
    assert!(!interim.exists());
    assert_eq!(environment.recover().unwrap(), Recovered::Clean);
    // And with the new one there, the old one not yet put aside.
    assert!(killed(&fixture.project, "locked"));
    fixture.install(&packages(&fixture, Side::Old));
    assert!(killed(&fixture.project, "exchanged"));
    let stage = fs::read_dir(fixture.project.join(".wharf/stage")).unwrap();
    let stage = stage.flatten().next().unwrap().path();
    fs::rename(stage.join("0"), &interim).unwrap();
    Environment::open(&fixture.project).unwrap();
    assert_eq!(fixture.run("import a, b; print(a.v)"), "2");
    assert!(!interim.exists());
}

/// Collects what is emitted, and calls a function at each event.
struct Spy<F: Fn(&Event) + Send + Sync> {
    seen: Mutex<Vec<String>>,
    each: F,
}

impl<F: Fn(&Event) + Send + Sync> Sink for Spy<F> {
    fn emit(&self, event: Event) {
        (self.each)(&event);
        self.seen.lock().unwrap().push(format!("{event:?}"));
    }
}

#[test]
fn two_at_once_take_turns_and_both_are_right() {
    let Some(fixture) = Fixture::new() else { return };
    let (old, new) = (packages(&fixture, Side::Old), packages(&fixture, Side::New));
    let environment = fixture.environment();
    let (first, second) = (fixture.wanted(&old), fixture.wanted(&new));
    // Both are planned against nothing; whoever comes second must notice that something stands there now.
    let plans = [
        environment.plan(&first).unwrap(),
        environment.plan(&second).unwrap(),
    ];
    let sink: Sinks = NullSink::shared();
    let numbers: Vec<u64> = std::thread::scope(|scope| {
        let wanted = [&first, &second];
        let threads: Vec<_> = (0..2)
            .map(|index| {
                let (environment, plan, sink, fixture, wanted) =
                    (&environment, &plans[index], &sink, &fixture, wanted[index]);
                scope.spawn(move || {
                    environment
                        .apply(
                            plan,
                            wanted,
                            &fixture.store,
                            &fixture.governor,
                            sink,
                            &AtomicBool::new(false),
                        )
                        .unwrap()
                        .generation
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut sorted = numbers.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [1, 2]);
    let last = if numbers[0] == 2 { "1" } else { "2" };
    assert_eq!(fixture.run("import a; print(a.v)"), last);
}

#[test]
fn whoever_waits_says_so_and_can_be_stopped() {
    let Some(fixture) = Fixture::new() else { return };
    fixture.install(&[]);
    let lock = fs::File::options()
        .write(true)
        .open(fixture.project.join(".wharf/lock"))
        .unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let cancel = std::sync::Arc::new(AtomicBool::new(false));
    let spy = {
        let cancel = cancel.clone();
        std::sync::Arc::new(Spy {
            seen: Mutex::default(),
            each: move |_: &Event| cancel.store(true, Ordering::Relaxed),
        })
    };
    let sinks: Sinks = spy.clone();
    let environment = Environment::locate(&fixture.project);
    fs::create_dir(fixture.project.join(".wharf/stage/left")).unwrap();
    assert_eq!(environment.recover().unwrap(), Recovered::Busy);
    let wanted = fixture.wanted(&packages(&fixture, Side::New));
    let plan = environment.plan(&wanted).unwrap();
    let error = environment
        .apply(&plan, &wanted, &fixture.store, &fixture.governor, &sinks, &cancel)
        .unwrap_err();
    assert!(matches!(error, InstallError::Interrupted));
    assert!(spy.seen.lock().unwrap()[0].contains("Waiting"));
}

#[test]
fn an_interruption_while_staging_leaves_everything_as_it_was() {
    let Some(fixture) = Fixture::new() else { return };
    fixture.install(&packages(&fixture, Side::Old));
    let old = snapshot(&fixture.root());
    let cancel = std::sync::Arc::new(AtomicBool::new(false));
    let sinks: Sinks = {
        let cancel = cancel.clone();
        std::sync::Arc::new(Spy {
            seen: Mutex::default(),
            each: move |_: &Event| cancel.store(true, Ordering::Relaxed),
        })
    };
    let environment = fixture.environment();
    let wanted = fixture.wanted(&packages(&fixture, Side::New));
    let plan = environment.plan(&wanted).unwrap();
    let error = environment
        .apply(&plan, &wanted, &fixture.store, &fixture.governor, &sinks, &cancel)
        .unwrap_err();
    assert_eq!(
        (error.code(), error.fault().exit_code()),
        ("install/interrupted", 130)
    );
    assert_eq!(snapshot(&fixture.root()), old);
    assert_eq!(
        environment.recover().unwrap(),
        Recovered::Clean,
        "nothing is left to repair"
    );
}

#[test]
fn a_package_that_is_not_in_the_store_changes_nothing() {
    let Some(fixture) = Fixture::new() else { return };
    fixture.install(&packages(&fixture, Side::Old));
    let old = snapshot(&fixture.root());
    let mut package = fixture.package("a", "3", &[]);
    package.tree = wharf_store::TreeId::of(b"nowhere");
    let error = fixture.apply(&fixture.wanted(&[package])).unwrap_err();
    assert!(matches!(error, InstallError::Store(_)), "{error}");
    assert_eq!(snapshot(&fixture.root()), old);
}

#[test]
fn an_object_that_vanished_from_the_store_stops_the_stage_and_nothing_else() {
    let Some(fixture) = Fixture::new() else { return };
    fixture.install(&packages(&fixture, Side::Old));
    let old = snapshot(&fixture.root());
    let package = fixture.package("z", "1", &[("z.py", "unlike any other\n")]);
    let object = wharf_store::ObjectId::of(b"unlike any other\n");
    fs::remove_file(fixture.store.object_path(&object, false)).unwrap();
    assert!(fixture.apply(&fixture.wanted(&[package])).is_err());
    assert_eq!(snapshot(&fixture.root()), old);
    assert_eq!(fixture.environment().recover().unwrap(), Recovered::Clean);
    for folder in ["stage", "trash"] {
        let left = fs::read_dir(fixture.project.join(".wharf").join(folder)).unwrap();
        assert_eq!(
            left.count(),
            0,
            "{folder}: what was made may be what fills the disk"
        );
    }
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let Some(fixture) = Fixture::new() else { return };
    fs::set_permissions(&fixture.project, fs::Permissions::from_mode(0o555)).unwrap();
    // Root may write everywhere: nothing to test then.
    if fs::write(fixture.project.join("probe"), "").is_ok() {
        return;
    }
    let error = fixture.apply(&fixture.wanted(&[])).unwrap_err();
    assert!(error.to_string().contains(".wharf"), "{error}");
    assert!(
        error.hints()[0].starts_with("check who may write"),
        "{:?}",
        error.hints()
    );
}

#[test]
fn a_state_that_cannot_be_made_is_named() {
    let Some(fixture) = Fixture::new() else { return };
    fs::write(fixture.project.join(".wharf"), "a file").unwrap();
    let error = fixture.apply(&fixture.wanted(&[])).unwrap_err();
    assert_eq!(error.code(), "install/io");
    assert!(error.to_string().contains(".wharf"), "{error}");
}

#[test]
fn damaged_records_are_named_and_not_believed() {
    let Some(fixture) = Fixture::new() else { return };
    fixture.install(&packages(&fixture, Side::Old));
    let record = fixture.project.join(".wharf/gen/1.json");
    fs::write(&record, "{").unwrap();
    let error = fixture.environment().current().unwrap_err();
    assert_eq!(error.code(), "install/damaged");
    assert!(error.hints()[0].contains("1.json"), "{:?}", error.hints());
    fs::remove_file(&record).unwrap();
    // Following the hint works.
    fixture.install(&packages(&fixture, Side::New));
    assert_eq!(fixture.run("import a; print(a.v)"), "2");
}

#[test]
fn what_a_commit_flushed_is_not_flushed_again_by_the_next_command() {
    let Some(fixture) = Fixture::new() else { return };
    fixture.install(&[fixture.package("one", "1", &[("one.py", "")])]);
    let notes = fs::read_dir(fixture.store.root().join("stage"))
        .unwrap()
        .flatten()
        .filter(|process| process.path().join("unsynced").exists());
    assert_eq!(notes.count(), 0);
}
