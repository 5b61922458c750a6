//! Syncs that are killed: crates and cargo's configuration are there together, or not at all.

use std::process::Stdio;
use std::time::Instant;

use wharf_testkit::CargoRegistry;

use crate::{cargo, manifest, project, release};

const CRATES: usize = 30;
const KILLS: u32 = 8;

#[test]
fn a_kill_leaves_crates_and_configuration_together() {
    let registry = CargoRegistry::start();
    let names: Vec<String> = (0..CRATES).map(|number| format!("part{number}")).collect();
    for name in &names {
        release(name, "1.0.0").publish(&registry);
    }
    let fixture = project(&registry);
    let lines: String = names.iter().map(|name| format!("{name} = \"1\"\n")).collect();
    let state = |dependencies: &str| {
        manifest(&fixture, dependencies);
        fixture.run(&["lock"]).success();
    };
    state(&lines);
    let begun = Instant::now();
    fixture.run(&["sync", "--frozen"]).success();
    let whole = begun.elapsed();
    let (mut old, mut new) = (0, 0);
    for attempt in 0..KILLS {
        state("");
        fixture.run(&["sync", "--frozen"]).success();
        assert!(
            !fixture.has(".wharf/cargo") && !fixture.has(".cargo"),
            "{attempt}"
        );
        state(&lines);
        let mut command = fixture.command();
        command
            .args(["sync", "--frozen"])
            .stderr(Stdio::null())
            .stdout(Stdio::null());
        let mut child = command.spawn().expect("it was built");
        std::thread::sleep(whole * attempt / KILLS);
        child.kill().expect("it is ours");
        child.wait().expect("it is ours");
        // Whoever looks next puts right what was cut off; there may be no environment to run in.
        fixture.run(&["run", "--no-sync", "--", "true"]);
        let laid = fixture.has(".wharf/cargo");
        assert_eq!(fixture.has(".cargo/config.toml"), laid, "{attempt}");
        match laid {
            true => {
                let entries = std::fs::read_dir(fixture.project().join(".wharf/cargo")).expect("it is there");
                assert_eq!(
                    entries.count(),
                    CRATES + 1,
                    "the crates and the marker: {attempt}"
                );
                new += 1;
            }
            false => old += 1,
        }
    }
    assert_eq!(old + new, KILLS);
    fixture.run(&["sync"]).success();
    cargo(
        &fixture,
        &["metadata", "--locked", "--offline", "--format-version", "1"],
    )
    .success();
}
