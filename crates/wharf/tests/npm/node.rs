//! Which Node a project gets: the machine's where one fits, else the registry's platform package.

use std::time::{Duration, Instant};

use serde_json::json;
use wharf_testkit::{Fixture, NpmRegistry, node_package, node_runtime};

use crate::{BINARY, project, release, says, state, tells};

fn wants(fixture: &Fixture, range: &str) {
    state(
        fixture,
        &json!({ "engines": { "node": range }, "dependencies": { "a": "*" } }),
    );
}

fn case() -> (NpmRegistry, Fixture) {
    let registry = NpmRegistry::start();
    release("a", "1.0.0").publish(&registry);
    for version in ["96.1.0", "98.0.0", "98.2.0", "99.0.0"] {
        node_runtime(version).publish(&registry);
    }
    let fixture = project(&registry, &json!({ "dependencies": { "a": "*" } }));
    (registry, fixture)
}

#[test]
fn the_machines_own_is_taken_where_it_fits() {
    let (registry, fixture) = case();
    wants(&fixture, ">=20");
    fixture.run(&["sync"]).success();
    assert_eq!(
        fixture.run(&["run", "--", "node", "-v"]).success().stdout,
        "v22.12.0\n"
    );
    assert_eq!(registry.hits(&format!("/{}", node_package())), 0);
    assert!(!fixture.has("node_modules/.bin/node"));
}

#[test]
fn where_none_fits_the_registry_has_one() {
    let (registry, fixture) = case();
    wants(&fixture, ">=98");
    let finished = fixture.run(&["sync", "-v"]).success();
    tells(&finished, &["98.2.0"]);
    assert_eq!(
        fixture.run(&["run", "--", "node", "-v"]).success().stdout,
        "v98.2.0\n"
    );
    // A newer one moves nothing until it is asked for.
    node_runtime("98.4.0").publish(&registry);
    fixture.run(&["sync", "--cache", "fresh"]).success();
    assert!(fixture.read("wharf.lock").contains("98.2.0"));
    // Another machine's store gets the same by the lock alone.
    std::fs::remove_dir_all(fixture.project().join("node_modules")).expect("it is ours");
    fixture
        .run(&["sync", "--frozen", "--store", "other", "--cache", "other"])
        .success();
    // Without the network what is in the store is enough.
    std::fs::remove_dir_all(fixture.project().join("node_modules")).expect("it is ours");
    fixture.run(&["sync", "--frozen", "--offline"]).success();
    assert_eq!(
        fixture.run(&["run", "--", "node", "-v"]).success().stdout,
        "v98.2.0\n"
    );
    let finished = fixture.run(&["sync", "--format", "json"]).success();
    drop(finished);
    // A manifest that wants another one gets another one.
    wants(&fixture, "~96.1");
    fixture.run(&["sync"]).success();
    assert_eq!(
        fixture.run(&["run", "--", "node", "-v"]).success().stdout,
        "v96.1.0\n"
    );
    wants(&fixture, ">=20");
    fixture.run(&["sync"]).success();
    assert_eq!(
        fixture.run(&["run", "--", "node", "-v"]).success().stdout,
        "v22.12.0\n"
    );
}

/// A Node that is met for the first time answers only when the archive was asked for.
#[test]
fn archives_come_while_a_node_is_met() {
    let (registry, fixture) = case();
    fixture.run(&["lock"]).success();
    fixture.forget().expect("the home can be cleared");
    registry.clear_log();
    let node = fixture.programs().join("node");
    let answers = std::fs::read_to_string(&node).expect("the project has a Node");
    let gate = fixture.home().join("gate");
    let waits = format!(
        "#!/bin/sh\nwhile [ ! -e '{}' ]; do sleep 0.02; done\n",
        gate.display()
    );
    std::fs::write(&node, answers.replacen("#!/bin/sh\n", &waits, 1)).expect("the home can be written");
    std::thread::scope(|scope| {
        let sync = scope.spawn(|| fixture.run(&["sync", "--frozen"]));
        let start = Instant::now();
        while registry.hits("/a/-/a-1.0.0.tgz") == 0 && start.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let asked = registry.hits("/a/-/a-1.0.0.tgz");
        std::fs::write(&gate, "").expect("the home can be written");
        sync.join().expect("it ran").success();
        assert_eq!(asked, 1, "nothing was fetched before Node had answered");
    });
    assert_eq!(
        registry.hits("/a/-/a-1.0.0.tgz"),
        1,
        "what came ahead is what is installed"
    );
    assert_eq!(crate::installed(&fixture), ["a 1.0.0"]);
}

#[test]
fn a_machine_without_node_gets_one() {
    let registry = NpmRegistry::start();
    release("a", "1.0.0").publish(&registry);
    node_runtime("22.20.0").publish(&registry);
    let mut fixture = Fixture::with_npm_registry(BINARY, &registry);
    fixture.write("tools/readme.txt", "");
    fixture.set("PATH", &fixture.project().join("tools").display().to_string());
    state(
        &fixture,
        &json!({ "dependencies": { "a": "*" }, "engines": { "node": "22.20" }, "scripts": { "v": "node -v" } }),
    );
    fixture.run(&["sync"]).success();
    assert_eq!(
        fixture.run(&["run", "--", "node", "-v"]).success().stdout,
        "v22.20.0\n"
    );
    assert_eq!(fixture.run(&["run", "v"]).success().stdout, "v22.20.0\n");
}

#[test]
fn where_there_is_none_at_all_it_is_told() {
    let (registry, fixture) = case();
    wants(&fixture, ">=200");
    let words = ["Node", ">=200", "package.json:6", node_package(), "hint:", "PATH"];
    says(&fixture.run(&["lock"]), 4, &words);
    assert!(!fixture.has("wharf.lock"));
    registry.fault(
        &format!("/{}", node_package()),
        wharf_testkit::Fault::Status(500),
        wharf_testkit::Times::Always,
    );
    says(
        &fixture.run(&["lock", "--cache", "second"]),
        4,
        &["no Node of this machine fits", node_package(), "500", "hint:"],
    );
    registry.remove(node_package());
    registry.fault(
        &format!("/{}", node_package()),
        wharf_testkit::Fault::Status(404),
        wharf_testkit::Times::Always,
    );
    says(
        &fixture.run(&["lock", "--cache", "fresh"]),
        4,
        &["Node", ">=200", "hint:"],
    );
    // A lock that was made where one was there.
    wants(&fixture, ">=60");
    let mut fixture = fixture;
    fixture.fake_node("60.0.0");
    fixture.run(&["lock"]).success();
    fixture.fake_node("18.0.0");
    says(
        &fixture.run(&["sync", "--frozen"]),
        4,
        &["Node", ">=60", "the lockfile has none for", "hint:"],
    );
}

#[test]
fn what_a_version_says_wrongly_is_named() {
    let (_registry, fixture) = case();
    fixture.write(".nvmrc", "lts/nonsense-of-mine\n");
    let finished = fixture.run(&["lock"]);
    assert!(matches!(finished.code(), Some(0 | 2)), "{finished}");
    tells(&finished, &[".nvmrc"]);
    std::fs::remove_file(fixture.project().join(".nvmrc")).expect("it is ours");
    fixture.write("wharf.toml", "[node]\nversion = \"about 20\"\n");
    says(&fixture.run(&["lock"]), 2, &["wharf.toml:2:", "about 20"]);
}

#[test]
fn the_nearest_word_about_node_counts() {
    let (_registry, fixture) = case();
    wants(&fixture, ">=20");
    fixture.write(".nvmrc", "v98.0.0\n");
    fixture.run(&["sync"]).success();
    assert_eq!(
        fixture.run(&["run", "--", "node", "-v"]).success().stdout,
        "v98.0.0\n"
    );
}

#[test]
fn optional_packages_made_for_another_node_come_with_that_node() {
    let registry = NpmRegistry::start();
    release("a", "1.0.0").optional_dep("fast", "*").publish(&registry);
    release("fast", "1.0.0")
        .engines("node", ">=24")
        .publish(&registry);
    let mut fixture = project(
        &registry,
        &json!({ "dependencies": { "a": "*" }, "optionalDependencies": { "fast": "*" } }),
    );
    let finished = fixture.run(&["sync", "-v"]).success();
    tells(&finished, &["fast@1.0.0 is left out", "Node >=24"]);
    assert!(fixture.has("node_modules/a") && !fixture.has("node_modules/fast"));
    fixture.fake_node("24.1.0");
    fixture.run(&["sync"]).success();
    assert!(fixture.has("node_modules/fast"));
}
