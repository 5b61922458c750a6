//! Lock, sync, nothing to do: what changes what, and what a lockfile that does not fit means.

use serde_json::{Value, json};
use wharf_testkit::{Fixture, NpmRegistry};

use crate::{installed, project, release, says, state, tells};

/// `a` needs `b`, and is asked for.
fn case() -> (NpmRegistry, Fixture) {
    let registry = NpmRegistry::start();
    release("a", "1.0.0").dep("b", "^1").publish(&registry);
    release("b", "1.0.0").publish(&registry);
    release("c", "1.0.0").publish(&registry);
    let fixture = project(&registry, &json!({ "dependencies": { "a": "^1.0.0" } }));
    (registry, fixture)
}

#[test]
fn lock_then_sync_then_nothing_to_do() {
    let (registry, fixture) = case();
    let finished = fixture.run(&["lock"]).success();
    tells(&finished, &["Locked 2 packages"]);
    assert!(!fixture.has("node_modules"), "a lock installs nothing");
    tells(
        &fixture.run(&["lock"]).success(),
        &["The lockfile is current: 2 packages"],
    );
    tells(&fixture.run(&["lock", "--check"]).success(), &[]);
    let finished = fixture.run(&["sync", "--dry-run"]).success();
    tells(&finished, &["Would install 2 packages", "+ npm:a 1.0.0"]);
    assert!(!fixture.has("node_modules"), "a dry run installs nothing");
    let finished = fixture.run(&["sync"]).success();
    tells(
        &finished,
        &["Installed 2 packages", "+ npm:a 1.0.0", "+ npm:b 1.0.0"],
    );
    assert_eq!(installed(&fixture), ["a 1.0.0", "b 1.0.0"]);
    // What nobody asked for cannot be found from the project.
    assert!(!fixture.has("node_modules/b"));
    registry.clear_log();
    let before = fixture.digest("node_modules");
    tells(&fixture.run(&["sync"]).success(), &["Nothing to do"]);
    assert_eq!(registry.log(), [], "nothing to do asks nobody");
    assert_eq!(before, fixture.digest("node_modules"));
    assert!(!fixture.has(".venv"), "no Python, no environment of Python's");
}

#[test]
fn requirements_that_come_and_go() {
    let (_registry, fixture) = case();
    fixture.run(&["sync"]).success();
    state(&fixture, &json!({ "dependencies": { "a": "^1.0.0", "c": "*" } }));
    let finished = fixture.run(&["sync"]).success();
    tells(&finished, &["+ npm:c 1.0.0"]);
    assert_eq!(installed(&fixture), ["a 1.0.0", "b 1.0.0", "c 1.0.0"]);
    state(&fixture, &json!({ "dependencies": { "c": "*" } }));
    let finished = fixture.run(&["sync"]).success();
    tells(&finished, &["- npm:a 1.0.0", "- npm:b 1.0.0"]);
    assert_eq!(installed(&fixture), ["c 1.0.0"]);
    assert!(!fixture.has("node_modules/a"));
    state(&fixture, &json!({ "name": "empty" }));
    fixture.run(&["sync"]).success();
    assert_eq!(installed(&fixture), Vec::<String>::new());
    assert!(!fixture.has("node_modules/c"));
}

#[test]
fn versions_stay_until_they_are_to_move() {
    let (registry, fixture) = case();
    fixture.run(&["sync"]).success();
    for name in ["a", "b"] {
        release(name, "1.1.0").dep("c", "*").publish(&registry);
    }
    let fresh = ["--cache", "fresh"];
    tells(
        &fixture.run(&[&["sync"][..], &fresh].concat()).success(),
        &["Nothing to do"],
    );
    // Another requirement moves nothing else.
    state(&fixture, &json!({ "dependencies": { "a": "^1.0.0", "c": "*" } }));
    fixture.run(&[&["sync"][..], &fresh].concat()).success();
    assert_eq!(installed(&fixture), ["a 1.0.0", "b 1.0.0", "c 1.0.0"]);
    let finished = fixture
        .run(&[&["sync", "-P", "npm:b"][..], &fresh].concat())
        .success();
    tells(&finished, &["~ npm:b 1.0.0 → 1.1.0"]);
    assert_eq!(installed(&fixture), ["a 1.0.0", "b 1.1.0", "c 1.0.0"]);
    let finished = fixture
        .run(&[&["lock", "--upgrade", "--dry-run"][..], &fresh].concat())
        .success();
    tells(&finished, &["~ npm:a 1.0.0 → 1.1.0"]);
    assert!(
        fixture.read("wharf.lock").contains("1.0.0"),
        "a dry run writes nothing"
    );
    fixture
        .run(&[&["sync", "--upgrade"][..], &fresh].concat())
        .success();
    assert_eq!(installed(&fixture), ["a 1.1.0", "c 1.0.0"]);
}

#[test]
fn a_package_moves_by_the_name_that_the_project_has_for_it() {
    let registry = NpmRegistry::start();
    release("real", "1.0.0").publish(&registry);
    release("c", "1.0.0").publish(&registry);
    let dependencies = json!({ "lib": "npm:real@^1", "c": "*" });
    let fixture = project(&registry, &json!({ "dependencies": dependencies }));
    fixture.run(&["sync"]).success();
    release("real", "1.1.0").publish(&registry);
    release("c", "1.1.0").publish(&registry);
    let finished = fixture
        .run(&["sync", "-P", "npm:lib", "--cache", "fresh"])
        .success();
    tells(
        &finished,
        &["npm:lib is npm:real here", "~ npm:real 1.0.0 → 1.1.0"],
    );
    assert!(!finished.stderr.contains("not in the lockfile"), "{finished}");
    assert_eq!(installed(&fixture), ["c 1.0.0", "real 1.1.0"]);
    // A bare name is one of npm's where only npm's are called so.
    let finished = fixture.run(&["lock", "-P", "lib", "--format", "json"]).success();
    let report: Value = serde_json::from_str(&finished.stdout).expect("it is JSON");
    assert_eq!(
        report["result"]["meant"],
        json!([{ "asked": "npm:lib", "package": "npm:real" }])
    );
}

#[test]
fn a_name_stands_for_what_the_manifest_calls_so_now() {
    let registry = NpmRegistry::start();
    release("old", "1.0.0").publish(&registry);
    release("new", "1.0.0").publish(&registry);
    let dependencies = json!({ "lib": "npm:old@^1", "also": "npm:old@^1", "next": "npm:new@^1" });
    let fixture = project(&registry, &json!({ "dependencies": dependencies }));
    fixture.run(&["lock"]).success();
    release("old", "1.1.0").publish(&registry);
    release("new", "1.1.0").publish(&registry);
    release("lib", "1.0.0").publish(&registry);
    let dependencies = json!({ "lib": "npm:new@^1", "also": "npm:old@^1", "next": "npm:new@^1" });
    state(&fixture, &json!({ "dependencies": dependencies }));
    let finished = fixture.run(&["lock", "-P", "lib", "--cache", "fresh"]).success();
    tells(&finished, &["npm:lib is npm:new here", "~ npm:new 1.0.0 → 1.1.0"]);
    assert!(!finished.stderr.contains("npm:old"), "{finished}");
    // Nor is it the old one where the name is the package's own by now.
    let dependencies = json!({ "lib": "^1", "also": "npm:old@^1", "next": "npm:new@^1" });
    state(&fixture, &json!({ "dependencies": dependencies }));
    let finished = fixture.run(&["lock", "-P", "lib"]).success();
    tells(&finished, &["+ npm:lib 1.0.0"]);
    assert!(
        !finished.stderr.contains(" is npm:") && !finished.stderr.contains("npm:old"),
        "{finished}"
    );
}

#[test]
fn a_stale_lockfile_is_named_with_what_differs() {
    let (_registry, fixture) = case();
    says(
        &fixture.run(&["sync", "--locked"]),
        2,
        &["there is no lockfile at [PROJECT]/wharf.lock", "`wharf lock`"],
    );
    says(&fixture.run(&["sync", "--frozen"]), 2, &["there is no lockfile"]);
    fixture.run(&["lock"]).success();
    fixture.run(&["sync", "--locked"]).success();
    let lock = fixture.read("wharf.lock");
    state(&fixture, &json!({ "dependencies": { "a": "^1.0.0", "c": "*" } }));
    for arguments in [
        &["sync", "--locked"][..],
        &["lock", "--check"],
        &["run", "--locked", "--", "true"],
    ] {
        says(
            &fixture.run(arguments),
            2,
            &[
                "wharf.lock does not match the manifest",
                "npm:c",
                "`wharf lock` brings it up to date",
            ],
        );
    }
    fixture.run(&["sync", "--frozen"]).success();
    assert_eq!(fixture.read("wharf.lock"), lock);
    assert!(!fixture.has("node_modules/c"), "frozen is what the lockfile says");
    // What does not bear on the packages makes nothing stale.
    state(
        &fixture,
        &json!({ "name": "x", "scripts": { "dev": "true" }, "dependencies": { "a": "^1.0.0" } }),
    );
    fixture.run(&["sync", "--locked"]).success();
}

#[test]
fn a_damaged_lockfile_is_named_with_line_and_column() {
    let (_registry, fixture) = case();
    fixture.run(&["lock"]).success();
    let lock = fixture.read("wharf.lock");
    let line_of = |text: &str, needle: &str| {
        let found = text.lines().position(|line| line.contains(needle));
        found.unwrap_or_else(|| panic!("no line has {needle}:\n{text}")) + 1
    };
    // Cut in the middle, a value of another kind, a version that is none, a key that nobody knows.
    let version = line_of(&lock, "version = \"1.0.0\"");
    for (from, to, line) in [
        ("version = \"1.0.0\"", "version = 1", version),
        ("version = \"1.0.0\"", "version = \"1.0", version),
        ("version = \"1.0.0\"", "version = \"one\"", version),
        ("version = \"1.0.0\"", "verson = \"1.0.0\"", version),
    ] {
        fixture.write("wharf.lock", &lock.replacen(from, to, 1));
        for arguments in [&["sync", "--frozen"][..], &["sync"], &["tree"], &["lock"]] {
            let finished = fixture.run(arguments);
            says(&finished, 2, &[&format!("wharf.lock:{line}:"), "hint:"]);
        }
    }
}

#[test]
fn a_malformed_package_json_is_named_with_line_and_column() {
    let (_registry, fixture) = case();
    for (text, place) in [
        (
            "{\n  \"dependencies\": {\n    \"a\": \"^1\",,\n  }\n}\n",
            "package.json:3:15",
        ),
        ("{\n  \"dependencies\": [\"a\"]\n}\n", "package.json:2:19"),
        ("{\n  \"dependencies\": { \"a\": 1 }\n}\n", "package.json:2:26"),
        (
            "{\n  \"dependencies\": { \"../a\": \"1\" }\n}\n",
            "package.json:2:21",
        ),
        ("", "package.json:1:1"),
        ("[]\n", "package.json:1:1"),
    ] {
        fixture.write("package.json", text);
        says(&fixture.run(&["sync"]), 2, &[place]);
        assert!(!fixture.has("wharf.lock"));
    }
}

#[test]
fn a_warm_machine_needs_no_network() {
    let (registry, fixture) = case();
    says(&fixture.run(&["sync", "--offline"]), 2, &["a", "--offline"]);
    fixture.run(&["sync"]).success();
    std::fs::remove_dir_all(fixture.project().join("node_modules")).expect("it is ours");
    registry.clear_log();
    fixture.run(&["sync", "--offline"]).success();
    assert_eq!(installed(&fixture), ["a 1.0.0", "b 1.0.0"]);
    // Without a lockfile the answers of registries are enough.
    std::fs::remove_file(fixture.project().join("wharf.lock")).expect("it is ours");
    fixture.run(&["sync", "--offline"]).success();
    // An archive that the store lacks is told by name.
    std::fs::remove_dir_all(fixture.project().join("node_modules")).expect("it is ours");
    says(
        &fixture.run(&[
            "--store",
            "other",
            "--cache",
            "other",
            "sync",
            "--frozen",
            "--offline",
        ]),
        2,
        &["a@1.0.0", "--offline"],
    );
    assert_eq!(registry.log(), []);
}

#[test]
fn the_lockfile_is_the_same_wherever_it_is_made() {
    let (registry, fixture) = case();
    release("d", "1.0.0")
        .dep("b", "*")
        .peer("c", "*")
        .publish(&registry);
    state(&fixture, &json!({ "dependencies": { "d": "*", "a": "*" } }));
    fixture.run(&["lock"]).success();
    let first = fixture.read("wharf.lock");
    for round in 0..3 {
        std::fs::remove_file(fixture.project().join("wharf.lock")).expect("it is ours");
        let place = format!("place-{round}");
        fixture
            .run(&["lock", "--store", &place, "--cache", &place])
            .success();
        assert_eq!(fixture.read("wharf.lock"), first);
    }
}

#[test]
fn what_is_left_out_stays_out_until_it_is_wanted() {
    let (_registry, fixture) = case();
    state(
        &fixture,
        &json!({ "dependencies": { "a": "*" }, "devDependencies": { "c": "*" }, "scripts": { "x": "true" } }),
    );
    fixture.run(&["sync", "--no-dev"]).success();
    assert!(fixture.has("node_modules/a") && !fixture.has("node_modules/c"));
    tells(&fixture.run(&["sync", "--no-dev"]).success(), &["Nothing to do"]);
    // What runs keeps to what the last sync was asked.
    fixture.run(&["run", "x"]).success();
    assert!(!fixture.has("node_modules/c"));
    fixture.run(&["add", "npm:b"]).success();
    assert!(fixture.has("node_modules/b") && !fixture.has("node_modules/c"));
    fixture.run(&["sync"]).success();
    assert!(fixture.has("node_modules/c"));
    fixture.write(".npmrc", "omit[]=dev\n");
    fixture.run(&["sync"]).success();
    assert!(!fixture.has("node_modules/c"));
}

#[test]
fn settings_that_are_malformed_or_unknown_are_named() {
    let (_registry, fixture) = case();
    fixture.write(".npmrc", "node-linker=sideways\n");
    let finished = fixture.run(&["lock"]);
    tells(&finished, &[".npmrc:1", "sideways"]);
    fixture.write(".npmrc", "registry=no url\n");
    says(&fixture.run(&["lock"]), 2, &[".npmrc:1", "no url"]);
    fixture.write(".npmrc", "//example.org/:_authToken=${ABSENT_TOKEN}\n");
    tells(&fixture.run(&["lock"]).success(), &["ABSENT_TOKEN"]);
    std::fs::remove_file(fixture.project().join(".npmrc")).expect("it is ours");
    fixture.write("pnpm-workspace.yaml", "packages: [\n");
    says(&fixture.run(&["lock"]), 2, &["pnpm-workspace.yaml:"]);
    std::fs::remove_file(fixture.project().join("pnpm-workspace.yaml")).expect("it is ours");
    state(
        &fixture,
        &json!({ "wharf": { "options": { "layuot": "hoisted" } } }),
    );
    says(
        &fixture.run(&["lock"]),
        2,
        &["package.json:4", "layuot", "layout"],
    );
    state(&fixture, &json!({ "wharf": { "options": { "layout": "flat" } } }));
    says(
        &fixture.run(&["lock"]),
        2,
        &["package.json:4", "`flat`", "hoisted"],
    );
}

#[test]
fn locks_of_other_tools_are_preferred_the_first_time() {
    for (file, text) in [
        (
            "package-lock.json",
            "{\"lockfileVersion\": 3, \"packages\": {\"\": {}, \"node_modules/a\": {\"version\": \"1.0.0\"}, \"node_modules/b\": {\"version\": \"1.0.0\"}}}",
        ),
        (
            "yarn.lock",
            "# yarn lockfile v1\n\n\na@^1.0.0:\n  version \"1.0.0\"\n\nb@^1:\n  version \"1.0.0\"\n",
        ),
        (
            "pnpm-lock.yaml",
            "lockfileVersion: '9.0'\npackages:\n  a@1.0.0:\n    resolution: {}\n  b@1.0.0:\n    resolution: {}\n",
        ),
        (
            "bun.lock",
            "{\"lockfileVersion\": 1, \"packages\": {\"a\": [\"a@1.0.0\", \"\", {}, \"\"], \"b\": [\"b@1.0.0\", \"\", {}, \"\"],}}",
        ),
    ] {
        let (registry, fixture) = case();
        for name in ["a", "b"] {
            release(name, "1.9.0").dep("b", "^1").publish(&registry);
        }
        fixture.write(file, text);
        fixture.run(&["sync"]).success();
        assert_eq!(installed(&fixture), ["a 1.0.0", "b 1.0.0"], "{file}");
        // A damaged one is told with its place and costs nothing but the preference.
        std::fs::remove_file(fixture.project().join("wharf.lock")).expect("it is ours");
        fixture.write(file, "{{{ <<<");
        let finished = fixture.run(&["lock"]).success();
        tells(&finished, &["warning:", file]);
    }
}

#[test]
fn a_project_that_needs_nothing_is_locked_too() {
    let (_registry, fixture) = case();
    state(&fixture, &json!({ "name": "empty" }));
    says(&fixture.run(&["sync", "--locked"]), 2, &["there is no lockfile"]);
    fixture.run(&["lock"]).success();
    fixture.run(&["sync", "--locked"]).success();
    assert_eq!(fixture.run(&["list"]).success().stdout, "");
}

#[test]
fn versions_that_are_too_young_do_not_exist() {
    let (registry, fixture) = case();
    release("a", "1.5.0")
        .published("2025-06-01T00:00:00.000Z")
        .dep("b", "^1")
        .publish(&registry);
    release("young", "1.0.0")
        .published("2025-06-01T00:00:00.000Z")
        .publish(&registry);
    fixture.run(&["sync", "--exclude-newer", "2025-01-01"]).success();
    assert_eq!(installed(&fixture), ["a 1.0.0", "b 1.0.0"]);
    state(&fixture, &json!({ "dependencies": { "young": "*" } }));
    says(
        &fixture.run(&["lock", "--exclude-newer", "2025-01-01"]),
        3,
        &["young@*", "2025-01-01", "1.0.0", "hint:"],
    );
    fixture.run(&["lock"]).success();
}

#[test]
fn machines_read_what_people_read() {
    let (_registry, fixture) = case();
    let finished = fixture.run(&["sync", "--format", "json"]).success();
    let report: Value = serde_json::from_str(&finished.stdout).expect("it is JSON");
    assert_eq!(report["result"]["packages"], 2, "{finished}");
    assert_eq!(report["result"]["node"]["version"], "22.12.0", "{finished}");
    let finished = fixture.run(&["why", "npm:zzz", "--format", "json"]);
    assert_eq!(finished.code(), Some(2));
    let report: Value = serde_json::from_str(&finished.stdout).expect("it is JSON");
    assert_eq!(report["error"]["code"], "lock/not-locked", "{finished}");
}
