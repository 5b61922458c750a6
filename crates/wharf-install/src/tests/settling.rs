//! Commits that do not wait for the disk: flushed by whoever comes behind, or taken back after the machine stopped.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use serde_json::{Value, json};
use wharf_core::NullSink;
use wharf_store::durable;
use wharf_store::journal::{self, Flushed, Journal, State};

use super::Fixture;
use super::mixed::{apply, apply_to};
use super::recovery::{killed_with, mixed, settle, side, state};
use crate::generation::Marker;
use crate::{Durability, Environment, Fingerprint, Freshness, InstallError, Recovered, Wanted};

fn behind(fixture: &Fixture, new: bool) -> Wanted {
    let mut wanted = side(fixture, new);
    wanted.durability = Durability::Behind;
    wanted
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(folder).into_iter().flatten().flatten();
    found.map(|entry| entry.path()).collect()
}

fn leftovers(project: &Path) -> usize {
    ["journal", "stage", "trash"]
        .map(|name| entries(&project.join(".wharf").join(name)).len())
        .iter()
        .sum()
}

/// What the roots of an environment hold.
type Held = BTreeMap<String, BTreeMap<String, String>>;

/// The old environment, what it holds, and the new one over it, neither waited for.
fn changed() -> Option<(Fixture, Held)> {
    let fixture = mixed()?;
    apply(&fixture.project, &fixture.store, &side(&fixture, false)).unwrap();
    let old = state(&fixture.project);
    fs::create_dir_all(fixture.project.join("a/node_modules/.cache/tool")).unwrap();
    apply(&fixture.project, &fixture.store, &behind(&fixture, true)).unwrap();
    Some((fixture, old))
}

/// The machine stops: of the journal the disk has the first step for certain and the others up to `keep`.
fn stop_machine(project: &Path, keep: State) -> (String, Value) {
    let folder = project.join(".wharf/journal");
    let found = journal::recover(&folder).unwrap().remove(0);
    let (tx, mut data) = (found.tx.clone(), found.data.clone());
    data["behind"]["boot"] = json!("another start of the machine");
    found.close().unwrap();
    let mut journal = Journal::begin(&folder, &tx, data.clone(), Flushed::None).unwrap();
    if keep != State::Begun {
        journal.prepared().unwrap();
    }
    if keep == State::Committed {
        journal.switched().unwrap();
    }
    (tx, data)
}

/// Step `index` did not reach the disk.
fn lose_step(project: &Path, tx: &str, data: &Value, index: usize) {
    let step = &data["steps"][index];
    let folder = match step["root"]["kind"].as_str().unwrap() {
        "crates" | "commands" => project.join(".wharf"),
        _ => project.to_owned(),
    };
    let root = folder.join(step["root"]["path"].as_str().unwrap());
    let staged = project.join(".wharf/stage").join(tx).join(index.to_string());
    match (step["action"].as_str().unwrap(), staged.is_dir()) {
        ("make", true) => durable::exchange(&root, &staged).unwrap(),
        ("make", false) => fs::rename(&root, &staged).unwrap(),
        ("remove", true) => fs::rename(&staged, &root).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_stands_is_settled_by_whoever_comes_behind() {
    let Some((fixture, _)) = changed() else { return };
    let environment = Environment::locate(&fixture.project);
    let new = state(&fixture.project);
    assert!(leftovers(&fixture.project) > 0);
    // Whoever only looks leaves it to others.
    assert_eq!(environment.recover().unwrap(), Recovered::Clean);
    assert!(leftovers(&fixture.project) > 0);
    assert!(state(&fixture.project) == new);
    settle(&environment);
    assert_eq!(leftovers(&fixture.project), 0);
    assert!(state(&fixture.project) == new);
    // Where nothing is left to do, nobody is waited for.
    let busy = File::create(fixture.project.join(".wharf/lock")).unwrap();
    rustix::fs::flock(&busy, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let stopped = || environment.settle(&NullSink::shared(), &AtomicBool::new(true));
    stopped().unwrap();
    fs::write(fixture.project.join(".wharf/trash/old"), "").unwrap();
    assert!(matches!(stopped(), Err(InstallError::Interrupted)));
    drop(busy);
    settle(&environment);
    assert_eq!(leftovers(&fixture.project), 0);
    // The next commit settles the one before it first.
    apply(&fixture.project, &fixture.store, &behind(&fixture, false)).unwrap();
    apply(&fixture.project, &fixture.store, &behind(&fixture, true)).unwrap();
    assert_eq!(entries(&fixture.project.join(".wharf/journal")).len(), 1);
    assert_eq!(entries(&fixture.project.join(".wharf/stage")).len(), 1);
}

#[test]
fn a_machine_that_stops_before_brings_the_old_environment_back() {
    // Which steps of the switch the disk has, and how far the journal on it goes.
    for lost in [vec![], vec![0], vec![1, 3, 5], (0..7).collect()] {
        for keep in [State::Begun, State::Prepared, State::Committed] {
            let Some((fixture, old)) = changed() else { return };
            let (tx, data) = stop_machine(&fixture.project, keep);
            assert_eq!(data["steps"].as_array().unwrap().len(), 7);
            for index in &lost {
                lose_step(&fixture.project, &tx, &data, *index);
            }
            // Content that never reached the disk.
            for root in [".venv", "node_modules"] {
                let marker = fixture.project.join(root).join(Marker::NAME);
                if Marker::read(marker.parent().unwrap()).unwrap().transaction == tx {
                    fs::remove_file(&marker).unwrap();
                    fs::write(&marker, "").unwrap();
                }
            }
            let environment = Environment::open(&fixture.project).unwrap();
            assert!(state(&fixture.project) == old, "{lost:?} {keep:?}");
            assert_eq!(environment.current().unwrap().unwrap().number, 1);
            assert_eq!(fixture.run("import p; print(p.v)"), "1.0.0");
            assert!(fixture.project.join("a/node_modules/.cache/tool").exists() || !lost.is_empty());
            assert_eq!(environment.recover().unwrap(), Recovered::Clean);
            apply(&fixture.project, &fixture.store, &behind(&fixture, true)).unwrap();
            assert_eq!(fixture.run("import p; print(p.v)"), "2.0.0");
        }
    }
}

#[test]
fn a_first_environment_that_did_not_reach_the_disk_goes() {
    let Some(fixture) = mixed() else { return };
    apply(&fixture.project, &fixture.store, &behind(&fixture, true)).unwrap();
    stop_machine(&fixture.project, State::Committed);
    let environment = Environment::locate(&fixture.project);
    assert_eq!(
        environment.recover().unwrap(),
        Recovered::Repaired {
            committed: 0,
            discarded: 1
        }
    );
    assert_eq!(environment.current().unwrap(), None);
    for root in [".venv", "node_modules", "a/node_modules", ".wharf/bin", ".cargo"] {
        assert!(!fixture.project.join(root).exists(), "{root}");
    }
    apply(&fixture.project, &fixture.store, &side(&fixture, true)).unwrap();
    assert_eq!(fixture.run("import p; print(p.v)"), "2.0.0");
}

#[test]
fn what_others_put_there_after_the_start_stays() {
    let Some((fixture, _)) = changed() else { return };
    stop_machine(&fixture.project, State::Committed);
    let root = fixture.project.join("a/node_modules");
    fs::remove_dir_all(&root).unwrap();
    fs::create_dir_all(root.join("precious")).unwrap();
    Environment::open(&fixture.project).unwrap();
    assert!(root.join("precious").exists());
    assert_eq!(
        fixture.run("import p; print(p.v)"),
        "1.0.0",
        "the others are back"
    );
}

#[test]
fn taking_back_may_be_killed_and_started_again() {
    for point in [
        "written",
        "exchanged@1",
        "exchanged@4",
        "exchanged@7",
        "switched",
        "resumed",
    ] {
        let Some((fixture, old)) = changed() else { return };
        stop_machine(&fixture.project, State::Prepared);
        assert!(killed_with(&fixture.project, point, true, "behind"), "{point}");
        let environment = Environment::open(&fixture.project).unwrap();
        assert!(state(&fixture.project) == old, "{point}");
        assert_eq!(environment.current().unwrap().unwrap().number, 1, "{point}");
    }
}

/// The record of the last sync says another start of the machine than now.
fn machine_starts_anew(project: &Path) {
    let path = project.join(".wharf/fresh");
    let mut record: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    record["boot"] = json!("another start of the machine");
    fs::write(&path, record.to_string()).unwrap();
}

#[test]
fn a_record_of_a_sync_that_did_not_reach_the_disk_is_not_believed() {
    let Some((fixture, _)) = changed() else { return };
    let environment = Environment::locate(&fixture.project);
    environment.note_current(&Fingerprint::default()).unwrap();
    assert_eq!(environment.is_current(""), Freshness::Current(2));
    machine_starts_anew(&fixture.project);
    assert!(matches!(environment.is_current(""), Freshness::Stale(_)));
    // Once all of it is on disk, the start does not matter.
    settle(&environment);
    assert_eq!(environment.is_current(""), Freshness::Current(2));
}

/// The bytes that room for a journal takes; a journal of these tests is shorter.
const ROOM: u64 = 8 << 10;

#[test]
fn room_for_a_journal_is_taken_or_given_back() {
    let Some(fixture) = mixed() else { return };
    let journals = || entries(&fixture.project.join(".wharf/journal"));
    let (first, second) = (
        Environment::locate(&fixture.project),
        Environment::locate(&fixture.project),
    );
    first.expect_commit();
    second.expect_commit();
    assert_eq!(journals().len(), 2);
    // Whoever looks leaves what somebody holds.
    assert_eq!(first.recover().unwrap(), Recovered::Clean);
    assert_eq!(journals().len(), 2);
    let room = |environment: &Environment, version| {
        let applied = apply_to(environment, &fixture.store, &behind(&fixture, version)).unwrap();
        let found = journal::recover(&fixture.project.join(".wharf/journal")).unwrap();
        let journal = found.iter().find(|one| one.state == State::Committed).unwrap();
        assert!(
            journal.tx.starts_with(&format!("{}-", applied.generation)),
            "{} is for generation {}",
            journal.tx,
            applied.generation
        );
        fs::metadata(
            fixture
                .project
                .join(format!(".wharf/journal/{}.jsonl", journal.tx)),
        )
        .unwrap()
        .len()
    };
    assert_eq!(room(&first, true), ROOM, "its room is used");
    // The other's was for the generation that came in between.
    assert!(room(&second, false) < ROOM, "it makes another journal");
    settle(&first);
    assert_eq!(leftovers(&fixture.project), 0);
    // Nothing is to be done.
    first.expect_commit();
    apply_to(&first, &fixture.store, &behind(&fixture, false)).unwrap();
    assert_eq!(leftovers(&fixture.project), 0);
    // It fails before the commit.
    first.expect_commit();
    drop(first);
    assert_eq!(leftovers(&fixture.project), 0);
}

#[test]
fn room_that_a_killed_process_left_harms_nobody_and_goes_with_the_next_commit() {
    let Some(fixture) = mixed() else { return };
    apply(&fixture.project, &fixture.store, &side(&fixture, false)).unwrap();
    let environment = Environment::locate(&fixture.project);
    environment.note_current(&Fingerprint::default()).unwrap();
    let left = fixture.project.join(".wharf/journal/2-1-a.jsonl");
    fs::write(&left, [0; ROOM as usize]).unwrap();
    // Nobody needs the lock, nor thinks that the machine stopped.
    let busy = File::create(fixture.project.join(".wharf/lock")).unwrap();
    rustix::fs::flock(&busy, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert_eq!(environment.recover().unwrap(), Recovered::Clean);
    machine_starts_anew(&fixture.project);
    assert_eq!(environment.is_current(""), Freshness::Current(1));
    drop(busy);
    apply(&fixture.project, &fixture.store, &side(&fixture, true)).unwrap();
    assert!(!left.exists());
}
