//! Peers, engines and platforms that do not fit: both sides are told, and strictness is an error.

use serde_json::json;
use wharf_testkit::{Fixture, NpmRegistry};

use crate::{installed, project, release, says, state, tells};

/// `plugin` wants `host` 1, the project has `host` 2.
fn case() -> (NpmRegistry, Fixture) {
    let registry = NpmRegistry::start();
    release("plugin", "1.0.0")
        .peer("host", "^1.0.0")
        .publish(&registry);
    for version in ["1.0.0", "2.0.0"] {
        release("host", version).publish(&registry);
    }
    let fixture = project(
        &registry,
        &json!({ "dependencies": { "plugin": "*", "host": "^2.0.0" } }),
    );
    (registry, fixture)
}

#[test]
fn a_conflict_is_told_with_both_sides() {
    let (_registry, fixture) = case();
    let finished = fixture.run(&["sync"]).success();
    tells(
        &finished,
        &[
            "warning:",
            "plugin@1.0.0 wants host ^1.0.0",
            "host@2.0.0",
            "^2.0.0",
        ],
    );
    assert_eq!(installed(&fixture), ["host 2.0.0", "plugin 1.0.0"]);
    // Told when it is chosen, not at every sync.
    let finished = fixture.run(&["sync"]).success();
    assert!(!finished.stderr.contains("warning:"), "{finished}");
}

#[test]
fn a_package_among_several_peers_counts_once() {
    let (registry, fixture) = case();
    release("old", "1.0.0")
        .dep("plugin", "*")
        .dep("host", "1.0.0")
        .publish(&registry);
    let manifest = json!({ "dependencies": { "plugin": "*", "host": "^2.0.0", "old": "1" } });
    state(&fixture, &manifest);
    // Both plugins are there: one with each host.
    let words = ["Locked 4 packages", "Installed 4 packages"];
    tells(&fixture.run(&["sync"]).success(), &words);
    assert!(fixture.read("wharf.lock").contains("[[npm.package.instance]]"));
}

#[test]
fn strict_peers_are_refused_wherever_that_is_said() {
    let (_registry, fixture) = case();
    let words = ["plugin@1.0.0 wants host ^1.0.0", "host@2.0.0", "hint:", "strict"];
    fixture.write(".npmrc", "strict-peer-dependencies=true\n");
    says(&fixture.run(&["sync"]), 3, &words);
    assert!(!fixture.has("wharf.lock") && !fixture.has("node_modules"));
    std::fs::remove_file(fixture.project().join(".npmrc")).expect("it is ours");
    state(
        &fixture,
        &json!({ "dependencies": { "plugin": "*", "host": "^2.0.0" }, "wharf": { "options": { "strict-peers": true } } }),
    );
    says(&fixture.run(&["lock"]), 3, &words);
    let finished = fixture.run(&["lock", "--format", "json"]);
    assert!(finished.stdout.contains("npm/peer-conflict"), "{finished}");
    fixture.write(
        "pnpm-workspace.yaml",
        "peerDependencyRules:\n  allowedVersions:\n    host: '2'\n",
    );
    fixture.run(&["lock"]).success();
}

#[test]
fn a_missing_peer_is_added_or_told() {
    let (_registry, fixture) = case();
    state(&fixture, &json!({ "dependencies": { "plugin": "*" } }));
    fixture.run(&["sync"]).success();
    assert_eq!(installed(&fixture), ["host 1.0.0", "plugin 1.0.0"]);
    fixture.write(".npmrc", "auto-install-peers=false\n");
    let finished = fixture.run(&["sync"]).success();
    tells(
        &finished,
        &[
            "warning:",
            "plugin@1.0.0 wants host ^1.0.0 as a peer and nobody provides it",
        ],
    );
    assert!(!fixture.has("node_modules/host"));
}

#[test]
fn engines_are_told_and_strict_ones_are_refused() {
    let registry = NpmRegistry::start();
    release("old", "1.0.0").engines("node", "<=18").publish(&registry);
    release("top", "1.0.0").dep("old", "*").publish(&registry);
    let fixture = project(&registry, &json!({ "dependencies": { "top": "*" } }));
    let finished = fixture.run(&["sync"]).success();
    tells(
        &finished,
        &["warning:", "Node 22.12.0", "old@1.0.0 wants <=18", "top 1.0.0"],
    );
    assert_eq!(installed(&fixture), ["old 1.0.0", "top 1.0.0"]);
    fixture.write(".npmrc", "engine-strict=true\n");
    let words = [
        "Node 22.12.0 does not fit",
        "old@1.0.0 wants <=18",
        "top 1.0.0",
        "hint:",
        "engine-strict",
    ];
    says(&fixture.run(&["lock", "--upgrade"]), 3, &words);
    // A lock that was made before is judged as well.
    says(&fixture.run(&["lock"]), 3, &words);
    says(&fixture.run(&["sync"]), 3, &words);
}

#[test]
fn what_is_optional_does_not_stop_a_strict_project() {
    let registry = NpmRegistry::start();
    release("old", "1.0.0").engines("node", "<=18").publish(&registry);
    let fixture = project(&registry, &json!({ "optionalDependencies": { "old": "*" } }));
    fixture.write(".npmrc", "engine-strict=true\n");
    fixture.run(&["sync"]).success();
}

#[test]
fn packages_of_other_platforms() {
    let registry = NpmRegistry::start();
    release("tool-aix", "1.0.0").os("aix").publish(&registry);
    release("tool-here", "1.0.0")
        .os("linux")
        .os("darwin")
        .publish(&registry);
    release("tool", "1.0.0")
        .optional_dep("tool-aix", "1.0.0")
        .optional_dep("tool-here", "1.0.0")
        .optional_dep("tool-gone", "1.0.0")
        .publish(&registry);
    let fixture = project(&registry, &json!({ "dependencies": { "tool": "*" } }));
    fixture.run(&["sync"]).success();
    assert_eq!(installed(&fixture), ["tool 1.0.0", "tool-here 1.0.0"]);
    // The lock is for every machine.
    assert!(fixture.read("wharf.lock").contains("tool-aix"));
    assert_eq!(
        registry.hits("/tool-aix/-/tool-aix-1.0.0.tgz"),
        0,
        "no use for it here"
    );
    let finished = fixture.run(&["sync", "--no-optional"]).success();
    tells(&finished, &["- npm:tool-here 1.0.0"]);
    assert_eq!(installed(&fixture), ["tool 1.0.0"]);
    state(&fixture, &json!({ "dependencies": { "tool-aix": "*" } }));
    says(
        &fixture.run(&["sync"]),
        3,
        &["tool-aix@1.0.0", "aix", "the project requires", "hint:"],
    );
    assert_eq!(installed_now(&fixture), ["tool 1.0.0"], "the environment stays");
}

/// What stood in `node_modules` whatever the manifest says by now.
fn installed_now(fixture: &Fixture) -> Vec<String> {
    state(fixture, &json!({ "dependencies": { "tool": "*" } }));
    installed(fixture)
}

#[test]
fn words_against_a_package_and_rules_that_match_nothing() {
    let registry = NpmRegistry::start();
    release("a", "1.0.0").deprecated("take b").publish(&registry);
    let fixture = project(
        &registry,
        &json!({ "dependencies": { "a": "*" }, "overrides": { "zzz": "1" } }),
    );
    let finished = fixture.run(&["lock", "-v"]).success();
    tells(&finished, &["a@1.0.0 is deprecated: take b", "the override `zzz"]);
}
