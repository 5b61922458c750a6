//! Registries and archives that go wrong: each failure names the package, the reason and a next step; nothing of it stays.

use std::time::Duration;

use serde_json::json;
use wharf_testkit::{Access, Fault, Fixture, NpmRegistry, Times};

use crate::{installed, project, release, says, state, tells};

const ARCHIVE: &str = "/a/-/a-1.0.0.tgz";

/// `a` of a registry, asked for.
fn case() -> (NpmRegistry, Fixture) {
    let registry = NpmRegistry::start();
    release("a", "1.0.0").publish(&registry);
    let fixture = project(&registry, &json!({ "dependencies": { "a": "*" } }));
    (registry, fixture)
}

#[test]
fn what_passes_is_tried_again() {
    for fault in [
        Fault::Status(500),
        Fault::Status(503),
        Fault::RetryAfter(429, "0".to_owned()),
        Fault::Truncate(40),
    ] {
        for path in ["/a", ARCHIVE] {
            let (registry, fixture) = case();
            registry.fault(path, fault.clone(), Times::Count(1));
            let finished = fixture.run(&["sync"]);
            assert!(finished.status.success(), "{fault:?} of {path}: {finished}");
            assert_eq!(installed(&fixture), ["a 1.0.0"]);
        }
    }
}

/// Documents are written behind the command: one that fails waits for them all the same.
#[test]
fn what_a_failing_command_learnt_is_not_asked_again() {
    let registry = NpmRegistry::start();
    let names: Vec<String> = (0..30).map(|number| format!("a{number}")).collect();
    for name in &names {
        release(name, "1.0.0").publish(&registry);
    }
    let mut wanted: serde_json::Map<_, _> = names.iter().map(|name| (name.clone(), json!("1"))).collect();
    wanted.insert("a0".to_owned(), json!("2"));
    let fixture = project(&registry, &json!({ "dependencies": wanted }));
    says(&fixture.run(&["lock"]), 3, &["a0", "1.0.0"]);
    registry.clear_log();
    says(&fixture.run(&["lock"]), 3, &["a0", "1.0.0"]);
    // Whether there is a newer `a0` is asked before it is said that there is none.
    let asked: Vec<_> = registry.log().into_iter().map(|request| request.path).collect();
    assert!(asked.iter().all(|path| path == "/a0"), "{asked:?}");
}

#[test]
fn what_lasts_is_told_and_leaves_nothing() {
    for (path, fault, code, words) in [
        (
            "/a",
            Fault::Status(404),
            3,
            &["`a`", "[NPM]", "does not have it", "hint:"][..],
        ),
        ("/a", Fault::Status(500), 4, &["[NPM]/a", "500", "hint:"]),
        (
            "/a",
            Fault::Garbage,
            4,
            &["[NPM]/a", "no package document", "hint:"],
        ),
        ("/a", Fault::Truncate(40), 4, &["[NPM]/a", "hint:"]),
        (ARCHIVE, Fault::Status(404), 4, &["a@1.0.0", "404", "hint:"]),
        (ARCHIVE, Fault::Status(500), 4, &["a-1.0.0.tgz", "500", "hint:"]),
        (ARCHIVE, Fault::Truncate(0), 4, &["a-1.0.0.tgz", "hint:"]),
        (ARCHIVE, Fault::Corrupt, 5, &["a@1.0.0", "sha512", "hint:"]),
        (ARCHIVE, Fault::Garbage, 5, &["a@1.0.0", "sha512", "hint:"]),
    ] {
        let (registry, fixture) = case();
        registry.fault(path, fault.clone(), Times::Always);
        let finished = fixture.run(&["sync"]);
        assert_eq!(finished.code(), Some(code), "{fault:?} of {path}: {finished}");
        says(&finished, code, words);
        assert!(!fixture.has("node_modules"), "{fault:?} of {path}");
    }
}

#[test]
fn a_registry_that_is_not_there() {
    let (registry, fixture) = case();
    fixture.run(&["lock"]).success();
    let dead = registry.base_url();
    drop(registry);
    let finished = fixture.run(&["sync", "--frozen"]);
    says(&finished, 4, &["a-1.0.0.tgz", "hint:"]);
    let finished = fixture.run(&["lock", "--upgrade", "--cache", "fresh"]);
    says(
        &finished,
        4,
        &[&dead.replace("http://", ""), "hint:"].map(|word| match word.starts_with("127") {
            true => "[NPM]",
            false => word,
        }),
    );
    // What was answered lately needs nobody.
    fixture.run(&["lock"]).success();
}

#[test]
fn digests_that_disagree() {
    let registry = NpmRegistry::start();
    release("a", "1.0.0").wrong_hash().publish(&registry);
    let fixture = project(&registry, &json!({ "dependencies": { "a": "*" } }));
    let finished = fixture.run(&["sync"]);
    says(&finished, 5, &["a@1.0.0", "sha512", "hint:"]);
    assert!(!fixture.has("node_modules"));
    // What was locked counts, whatever the registry says later.
    release("a", "1.0.0").publish(&registry);
    fixture.run(&["sync", "--cache", "second", "--upgrade"]).success();
    release("a", "1.0.0").file("evil.js", "").publish(&registry);
    let finished = fixture.run(&[
        "sync",
        "--frozen",
        "--replace",
        "--store",
        "third",
        "--cache",
        "third",
    ]);
    says(&finished, 5, &["a@1.0.0", "sha512"]);
    assert_eq!(installed(&fixture), ["a 1.0.0"]);
}

#[test]
fn weak_digests_are_told_once() {
    let registry = NpmRegistry::start();
    for name in ["old", "older"] {
        release(name, "1.0.0").sha1_only().publish(&registry);
    }
    release("new", "1.0.0")
        .dep("old", "*")
        .dep("older", "*")
        .publish(&registry);
    let fixture = project(&registry, &json!({ "dependencies": { "new": "*" } }));
    let finished = fixture.run(&["sync"]).success();
    tells(&finished, &["warning:", "SHA-1", "old@1.0.0, older@1.0.0"]);
    assert_eq!(finished.stderr.matches("SHA-1 alone").count(), 1, "{finished}");
    assert!(!finished.stderr.contains("new@1.0.0"), "{finished}");
    assert_eq!(installed(&fixture), ["new 1.0.0", "old 1.0.0", "older 1.0.0"]);
    std::fs::remove_dir_all(fixture.project().join("node_modules")).expect("it is ours");
    let finished = fixture.run(&["sync"]).success();
    assert!(
        !finished.stderr.contains("SHA-1"),
        "what is in the store was told: {finished}"
    );
    // A wrong one is refused all the same.
    release("old", "1.0.0")
        .sha1_only()
        .wrong_hash()
        .publish(&registry);
    let finished = fixture.run(&["sync", "--upgrade", "--store", "other", "--cache", "other"]);
    says(&finished, 5, &["old@1.0.0", "sha1"]);
}

#[test]
fn a_version_that_cannot_be_read_costs_itself_only() {
    let (registry, fixture) = case();
    release("a", "1.1.0")
        .version_object(json!("nonsense"))
        .publish(&registry);
    release("a", "1.2.0").without_dist().publish(&registry);
    release("a", "1.3.0")
        .told("dependencies", json!(["b"]))
        .publish(&registry);
    fixture.run(&["sync"]).success();
    let found = installed(&fixture);
    assert!(found == ["a 1.0.0"] || found == ["a 1.3.0"], "{found:?}");
}

#[test]
fn names_and_versions_that_nobody_has() {
    let (registry, fixture) = case();
    release("react", "19.0.0").publish(&registry);
    for (asked, code, words) in [
        (
            json!({ "raect": "*" }),
            3,
            &["`raect`", "package.json:3", "[NPM]", "hint:"][..],
        ),
        (
            json!({ "a": "^2" }),
            3,
            &["a@^2", "package.json:3", "1.0.0", "`wharf info npm:a`"],
        ),
        (json!({ "a": "beta" }), 3, &["a@beta", "hint:"]),
        (json!({ "a": "npm:b@1" }), 3, &["`b`", "hint:"]),
        (
            json!({ "@s/a": "1" }),
            3,
            &["`@s/a`", "`@s:registry=…`", "_authToken"],
        ),
    ] {
        state(&fixture, &json!({ "dependencies": asked }));
        says(&fixture.run(&["lock"]), code, words);
    }
    // Somebody else's mistake is told with the way to it.
    release("top", "1.0.0").dep("a", "^7").publish(&registry);
    state(&fixture, &json!({ "dependencies": { "top": "*" } }));
    says(
        &fixture.run(&["lock"]),
        3,
        &["the project > top@1.0.0 asks for a@^7", "overrides"],
    );
    release("top", "1.0.0").dep("gone", "^7").publish(&registry);
    says(
        &fixture.run(&["lock", "--cache", "fresh"]),
        3,
        &["`gone`", "top@1.0.0", "[NPM]"],
    );
}

#[test]
fn private_scopes_want_their_token() {
    let registry = NpmRegistry::start();
    let private = NpmRegistry::start();
    release("@s/a", "1.0.0").dep("b", "*").publish(&private);
    release("b", "1.0.0").publish(&registry);
    let token = Access::Bearer("s3cret".to_owned());
    private.require("@s/", token.clone());
    let fixture = project(&registry, &json!({ "dependencies": { "@s/a": "*" } }));
    let scope = format!("@s:registry={}/\n", private.base_url());
    fixture.write(".npmrc", &scope);
    let finished = fixture.run(&["lock"]);
    says(
        &finished,
        4,
        &["`@s/a`", "401", "no login is known", ":_authToken=…` into .npmrc"],
    );
    // A token that is not theirs.
    let line = private.npmrc_access(&Access::Bearer("wrong".to_owned()));
    fixture.write(".npmrc", &format!("{scope}{line}"));
    let finished = fixture.run(&["lock"]);
    says(&finished, 4, &["`@s/a`", "403", "_authToken"]);
    assert!(
        !finished.stderr.contains("wrong"),
        "a token is never shown: {finished}"
    );
    // The right one, by a variable.
    let mut fixture = fixture;
    fixture.set("SCOPE_TOKEN", "s3cret");
    let line = private.npmrc_access(&Access::Bearer("${SCOPE_TOKEN}".to_owned()));
    fixture.write(".npmrc", &format!("{scope}{line}"));
    let finished = fixture.run(&["sync", "-v"]).success();
    assert!(!finished.stderr.contains("s3cret"), "{finished}");
    assert_eq!(installed(&fixture), ["@s/a 1.0.0", "b 1.0.0"]);
    assert!(!fixture.read("wharf.lock").contains("s3cret"));
    let shown = |log: Vec<wharf_testkit::Logged>| log.into_iter().any(|one| one.authorization.is_some());
    assert!(
        shown(private.log()) && !shown(registry.log()),
        "the token is for its registry alone"
    );
    // Name and password do as well.
    private.require("@s/", Access::Basic("me".to_owned(), "pass:word".to_owned()));
    let line = private.npmrc_access(&Access::Basic("me".to_owned(), "pass:word".to_owned()));
    fixture.write(".npmrc", &format!("{scope}{line}"));
    fixture
        .run(&["sync", "--upgrade", "--store", "other", "--cache", "other"])
        .success();
}

#[test]
fn what_the_network_withholds_is_not_left_out_of_the_lock() {
    let (registry, fixture) = case();
    release("extra", "1.0.0").publish(&registry);
    state(
        &fixture,
        &json!({ "dependencies": { "a": "*" }, "optionalDependencies": { "extra": "*", "gone": "*" } }),
    );
    registry.fault("/extra", Fault::Status(503), Times::Always);
    let finished = fixture.run(&["lock"]);
    says(
        &finished,
        4,
        &["extra", "optional for the project", "503", "hint:"],
    );
    assert!(!fixture.has("wharf.lock"));
    says(&fixture.run(&["lock", "--offline"]), 2, &["--offline"]);
    // What nobody has is left out; what is there is locked.
    let (registry, fixture) = case();
    release("extra", "1.0.0").publish(&registry);
    state(
        &fixture,
        &json!({ "dependencies": { "a": "*" }, "optionalDependencies": { "extra": "*", "gone": "*" } }),
    );
    let finished = fixture.run(&["sync", "-v"]).success();
    tells(&finished, &["gone@*, optional for the project, was left out"]);
    assert_eq!(installed(&fixture), ["a 1.0.0", "extra 1.0.0"]);
}

#[test]
fn a_slow_registry_is_waited_for() {
    let (registry, fixture) = case();
    registry.fault("/a", Fault::Slow(Duration::from_millis(600)), Times::Count(1));
    registry.fault(ARCHIVE, Fault::Slow(Duration::from_millis(600)), Times::Count(1));
    fixture.run(&["sync"]).success();
    assert_eq!(installed(&fixture), ["a 1.0.0"]);
}

#[test]
fn archives_that_reach_out_of_their_folder() {
    let registry = NpmRegistry::start();
    let mut evil = tar::Builder::new(flate2::write::GzEncoder::new(
        Vec::new(),
        flate2::Compression::default(),
    ));
    let mut header = tar::Header::new_gnu();
    let name = b"package/../../../evil.txt";
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_size(4);
    header.set_mode(0o644);
    header.set_cksum();
    evil.append(&header, &b"evil"[..])
        .expect("memory takes every byte");
    let bytes = evil
        .into_inner()
        .and_then(flate2::write::GzEncoder::finish)
        .expect("memory takes every byte");
    release("a", "1.0.0").archive(bytes).publish(&registry);
    let fixture = project(&registry, &json!({ "dependencies": { "a": "*" } }));
    says(&fixture.run(&["sync"]), 5, &["a@1.0.0", "evil.txt", "hint:"]);
    assert!(!fixture.has("node_modules"));
}
