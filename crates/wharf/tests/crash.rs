//! A few kills in every run; `cargo xtask crash` does many.

use std::thread;

use wharf_testkit::{Crash, Fixture, Package, Registry, Sides};

const BINARY: &str = env!("CARGO_BIN_EXE_wharf");

#[test]
fn crash_during_a_sync_leaves_the_old_environment_or_the_new_one() {
    for (sides, warm) in [
        (Sides::Python, false),
        (Sides::Python, true),
        (Sides::Mixed, false),
        (Sides::Mixed, true),
    ] {
        let tally = Crash::new(BINARY, sides, 8, warm)
            .run(6, 3)
            .unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(tally.old + tally.new + tally.too_late, 6);
    }
}

#[test]
fn two_syncs_at_once_are_both_right() {
    let registry = Registry::start();
    for number in 0..12 {
        Package::new(&format!("part{number}"), "1.0").publish(&registry);
    }
    let fixture = Fixture::with_registry(BINARY, &registry);
    let lines: String = (0..12).map(|number| format!("part{number} = \"*\"\n")).collect();
    fixture.write(
        "wharf.toml",
        &format!("[project]\nname = \"two\"\n\n[pypi]\n{lines}"),
    );
    fixture.run(&["lock"]).success();
    thread::scope(|scope| {
        let both: Vec<_> = (0..2)
            .map(|_| scope.spawn(|| fixture.run(&["sync", "--frozen"])))
            .collect();
        for one in both {
            let finished = one.join().expect("a thread that starts a command ends").success();
            // Whoever was slower brought nothing back.
            assert!(!finished.stderr.contains("brought"), "{finished}");
        }
    });
    let imports: Vec<_> = (0..12).map(|number| format!("part{number}")).collect();
    fixture
        .python(&format!("import {}", imports.join(", ")))
        .success();
}

#[test]
fn a_file_that_somebody_changed_in_the_environment_is_put_right() {
    let registry = Registry::start();
    Package::new("a", "1.0").publish(&registry);
    let fixture = Fixture::with_registry(BINARY, &registry);
    fixture.write(
        "wharf.toml",
        "[project]\nname = \"changed\"\n\n[pypi]\na = \"*\"\n",
    );
    fixture.run(&["sync"]).success();
    let before = fixture.digest(".venv").without(".wharf.json");
    let python = fixture
        .python("import a, os; print(os.path.dirname(a.__file__))")
        .success();
    let module = python
        .stdout
        .trim()
        .replace("[PROJECT]", &fixture.project().display().to_string());
    std::fs::remove_dir_all(module).expect("the module is there");
    fixture.run(&["sync"]).success();
    // The marker counts generations: this is a later one.
    let after = fixture.digest(".venv").without(".wharf.json");
    assert_eq!(after.differences(&before), Vec::<String>::new());
}
