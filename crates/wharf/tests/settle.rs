//! What goes on behind a command that committed: flushing, and deleting what was replaced.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use wharf_testkit::{Fixture, Package, Registry};

const BINARY: &str = env!("CARGO_BIN_EXE_wharf");

fn project(registry: &Registry, flush: &str) -> Fixture {
    for version in ["1.0", "2.0"] {
        Package::new("part", version).publish(registry);
    }
    let mut fixture = Fixture::with_registry(BINARY, registry);
    fixture.set("WHARF_FLUSH", flush);
    wants(&fixture, "1.0");
    fixture
}

fn wants(fixture: &Fixture, version: &str) {
    let text = format!("[project]\nname = \"behind\"\n\n[pypi]\npart = \"=={version}\"\n");
    fixture.write("wharf.toml", &text);
}

fn entries(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

/// What a commit leaves to whoever comes behind, in the project; and in the store, whose stage keeps its lock file.
fn left(fixture: &Fixture) -> [usize; 4] {
    let state = fixture.project().join(".wharf");
    let store = fixture.home().join("data/wharf/stage");
    let folders = std::fs::read_dir(store).into_iter().flatten().flatten();
    [
        entries(&state.join("journal")),
        entries(&state.join("stage")),
        entries(&state.join("trash")),
        folders.filter(|entry| entry.path().is_dir()).count(),
    ]
}

#[test]
fn a_commit_is_settled_behind_the_command() {
    let registry = Registry::start();
    let fixture = project(&registry, "after");
    for version in ["1.0", "2.0"] {
        wants(&fixture, version);
        fixture.run(&["sync"]).success();
        fixture
            .python(&format!(
                "from importlib.metadata import version as v; assert v('part') == '{version}'"
            ))
            .success();
        // Nobody waits for it, so it is waited for here.
        let begin = Instant::now();
        while left(&fixture) != [0; 4] {
            let left = left(&fixture);
            assert!(begin.elapsed() < Duration::from_secs(60), "still there: {left:?}");
            thread::sleep(Duration::from_millis(5));
        }
        fixture.run(&["sync"]).success();
        assert_eq!(left(&fixture), [0; 4], "nothing to do leaves nothing");
    }
}

#[test]
fn commands_one_after_another_do_not_wait_for_what_goes_on_behind() {
    let registry = Registry::start();
    let fixture = project(&registry, "after");
    for round in 0..4 {
        let version = ["1.0", "2.0"][round % 2];
        wants(&fixture, version);
        fixture.run(&["sync"]).success();
        let code = format!("from importlib.metadata import version as v; assert v('part') == '{version}'");
        fixture.run(&["run", "python", "-c", &code]).success();
    }
}

#[test]
fn settling_by_hand_finishes_what_is_left_and_makes_nothing() {
    let registry = Registry::start();
    let fixture = project(&registry, "before");
    fixture.run(&["sync"]).success();
    assert_eq!(left(&fixture)[..2], [0, 0], "the commit waited");
    let gone = fixture.home().join("gone");
    let gone = gone.to_str().expect("a temporary folder has a plain name");
    fixture.run(&["settle", gone, gone]).success();
    assert!(!Path::new(gone).exists());
}

#[test]
fn a_word_that_means_nothing_is_refused_before_anything_happens() {
    let registry = Registry::start();
    let fixture = project(&registry, "sometimes");
    let refused = fixture.run(&["sync"]);
    assert_eq!(refused.code(), Some(2));
    assert!(
        refused.stderr.contains("WHARF_FLUSH is `sometimes`"),
        "{}",
        refused.stderr
    );
    assert!(!fixture.has(".venv"));
}
