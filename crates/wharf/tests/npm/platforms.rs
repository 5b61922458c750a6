//! Packages for other machines that a project wants (`supportedArchitectures`), and optional ones that it does not
//! (`ignoredOptionalDependencies`).

use serde_json::{Value, json};
use wharf_testkit::{Fixture, NpmRegistry};

use crate::{installed, project, release, says, state, tells};

/// `tool` comes with a part for each of two systems that nobody runs these tests on, and one for all.
fn case(pnpm: &Value) -> (NpmRegistry, Fixture) {
    let registry = NpmRegistry::start();
    release("tool", "1.0.0")
        .optional_dep("tool-sunos", "1.0.0")
        .optional_dep("tool-aix", "1.0.0")
        .optional_dep("tool-any", "1.0.0")
        .publish(&registry);
    for os in ["sunos", "aix"] {
        let part = release(&format!("tool-{os}"), "1.0.0");
        part.os(os).dep("helper", "1").publish(&registry);
    }
    release("tool-any", "1.0.0").publish(&registry);
    release("helper", "1.0.0").publish(&registry);
    let fixture = project(&registry, &asking(pnpm));
    (registry, fixture)
}

fn asking(pnpm: &Value) -> Value {
    json!({ "dependencies": { "tool": "1.0.0" }, "pnpm": pnpm })
}

#[test]
fn packages_of_machines_that_the_project_states_are_installed() {
    let (registry, fixture) = case(&json!({}));
    fixture.run(&["sync"]).success();
    assert_eq!(installed(&fixture), ["tool 1.0.0", "tool-any 1.0.0"]);
    let lock = fixture.read("wharf.lock");
    state(
        &fixture,
        &asking(&json!({ "supportedArchitectures": { "os": ["current", "sunos"] } })),
    );
    let finished = fixture.run(&["sync", "--locked"]).success();
    tells(&finished, &["+ npm:tool-sunos 1.0.0", "+ npm:helper 1.0.0"]);
    let all = ["helper 1.0.0", "tool 1.0.0", "tool-any 1.0.0", "tool-sunos 1.0.0"];
    assert_eq!(installed(&fixture), all);
    assert_eq!(
        fixture.read("wharf.lock"),
        lock,
        "the lock is for all machines anyway"
    );
    let tree = fixture.run(&["tree", "--ecosystem", "npm"]).success().stdout;
    assert!(
        tree.contains("tool-sunos 1.0.0") && !tree.contains("tool-aix"),
        "{tree}"
    );
    registry.clear_log();
    tells(&fixture.run(&["sync"]).success(), &["Nothing to do"]);
    // And no longer.
    state(&fixture, &asking(&json!({})));
    tells(&fixture.run(&["sync"]).success(), &["- npm:tool-sunos 1.0.0"]);
    assert_eq!(installed(&fixture), ["tool 1.0.0", "tool-any 1.0.0"]);
    assert_eq!(registry.log(), []);
}

#[test]
fn what_a_variable_says_is_no_nothing_to_do() {
    let (_registry, mut fixture) = case(&json!({}));
    fixture.run(&["sync"]).success();
    fixture.set("npm_config_os", "sunos");
    tells(&fixture.run(&["sync"]).success(), &["+ npm:tool-sunos 1.0.0"]);
    tells(&fixture.run(&["sync"]).success(), &["Nothing to do"]);
    fixture.set("npm_config_omit", "optional");
    fixture.run(&["sync"]).success();
    assert_eq!(installed(&fixture), ["tool 1.0.0"]);
}

#[test]
fn a_required_package_may_be_for_a_machine_that_the_project_states() {
    let (_registry, fixture) = case(&json!({}));
    let asking = |os: &str| {
        let architectures = json!({ "os": [os] });
        json!({ "dependencies": { "tool-sunos": "1.0.0" }, "pnpm": { "supportedArchitectures": architectures } })
    };
    state(&fixture, &asking("current"));
    says(
        &fixture.run(&["sync"]),
        3,
        &[
            "requires tool-sunos@1.0.0, which asks for os: sunos",
            "supportedArchitectures",
        ],
    );
    state(&fixture, &asking("sunos"));
    fixture.run(&["sync"]).success();
    assert_eq!(installed(&fixture), ["helper 1.0.0", "tool-sunos 1.0.0"]);
}

#[test]
fn install_scripts_for_other_machines_do_not_run() {
    let (registry, fixture) = case(&json!({}));
    release("built", "1.0.0")
        .os("sunos")
        .script("install", "echo it ran > out")
        .publish(&registry);
    let manifest = json!({
        "optionalDependencies": { "built": "1" },
        "pnpm": { "supportedArchitectures": { "os": ["sunos"] } },
        "wharf": { "policy": { "scripts": ["npm:built"] } },
    });
    state(&fixture, &manifest);
    fixture.run(&["sync"]).success();
    assert_eq!(installed(&fixture), ["built 1.0.0"]);
    assert!(!fixture.has("node_modules/built/out"));
    let mut unapproved = manifest;
    unapproved["wharf"] = json!({});
    state(&fixture, &unapproved);
    let finished = fixture.run(&["sync"]).success();
    assert!(!finished.stderr.contains("install scripts"), "{finished}");
}

#[test]
fn optional_packages_that_the_project_ignores_are_in_no_lock() {
    let (_registry, fixture) = case(&json!({ "ignoredOptionalDependencies": ["tool-*", "!tool-any"] }));
    fixture.run(&["sync"]).success();
    assert_eq!(installed(&fixture), ["tool 1.0.0", "tool-any 1.0.0"]);
    let lock = fixture.read("wharf.lock");
    assert!(
        !lock.contains("name = \"tool-sunos\"") && !lock.contains("name = \"helper\""),
        "{lock}"
    );
    tells(&fixture.run(&["lock", "--check"]).success(), &[]);
    says(
        &fixture.run(&["why", "npm:tool-sunos"]),
        2,
        &["tool-sunos", "ignoredOptionalDependencies"],
    );
    // The list is an input of the lock.
    state(
        &fixture,
        &asking(&json!({ "ignoredOptionalDependencies": ["tool-any"] })),
    );
    says(
        &fixture.run(&["sync", "--locked"]),
        2,
        &["ignored optional dependency", "`tool-any`"],
    );
    fixture.run(&["sync"]).success();
    assert_eq!(installed(&fixture), ["tool 1.0.0"]);
    assert!(fixture.read("wharf.lock").contains("name = \"tool-sunos\""));
}

#[test]
fn what_the_project_itself_would_like_can_be_ignored() {
    let (_registry, fixture) = case(&json!({}));
    let asking = |ignored: &[&str]| {
        json!({
            "dependencies": { "helper": "1" },
            "optionalDependencies": { "tool-any": "1", "gone": "1" },
            "pnpm": { "ignoredOptionalDependencies": ignored },
        })
    };
    state(&fixture, &asking(&["tool-any", "gone", "helper"]));
    fixture.run(&["sync"]).success();
    assert_eq!(
        installed(&fixture),
        ["helper 1.0.0"],
        "what is needed is not optional"
    );
    tells(&fixture.run(&["sync", "--locked"]).success(), &["Nothing to do"]);
    state(&fixture, &asking(&["gone"]));
    fixture.run(&["sync"]).success();
    assert_eq!(installed(&fixture), ["helper 1.0.0", "tool-any 1.0.0"]);
}

#[test]
fn a_variable_that_makes_engines_strict_is_no_nothing_to_do() {
    let (registry, mut fixture) = case(&json!({}));
    release("picky", "1.0.0")
        .engines("node", ">=99")
        .publish(&registry);
    state(&fixture, &json!({ "dependencies": { "picky": "1" } }));
    fixture.run(&["sync"]).success();
    tells(&fixture.run(&["sync"]).success(), &["Nothing to do"]);
    fixture.set("npm_config_engine_strict", "true");
    says(&fixture.run(&["sync"]), 3, &["picky", ">=99"]);
}

#[test]
fn what_is_ignored_cannot_be_added_as_optional() {
    let (_registry, fixture) = case(&json!({ "ignoredOptionalDependencies": ["tool-any"] }));
    fixture.run(&["sync"]).success();
    let (manifest, lock) = (fixture.read("package.json"), fixture.read("wharf.lock"));
    for asked in ["npm:tool-any", "npm:tool-any@^1", "npm:tool-any@npm:helper@1"] {
        says(
            &fixture.run(&["add", "--optional", asked]),
            2,
            &["`npm:tool-any` cannot be added: `ignoredOptionalDependencies` leaves it out"],
        );
        assert_eq!(fixture.read("package.json"), manifest);
        assert_eq!(fixture.read("wharf.lock"), lock);
    }
    fixture.run(&["add", "npm:tool-any"]).success();
    assert_eq!(installed(&fixture), ["tool 1.0.0", "tool-any 1.0.0"]);
}

#[test]
fn a_slip_is_told_as_such_where_all_that_is_optional_is_ignored() {
    let (_registry, fixture) = case(&json!({ "ignoredOptionalDependencies": ["*"] }));
    fixture.run(&["sync"]).success();
    let slips = ["why", "approve"].map(|command| fixture.run(&[command, "npm:toll"]));
    for finished in &slips {
        says(
            finished,
            2,
            &["npm:toll is not in the lockfile", "did you mean npm:tool?"],
        );
        assert!(!finished.stderr.contains("leaves it out"), "{finished}");
    }
    // Whether somebody would like what is called like nothing that is there, no lock tells.
    let perhaps = "npm:fsevents is not in the lockfile; nothing needs it, and if it is optional somewhere, `ignoredOptionalDependencies` leaves it out there";
    for command in ["why", "approve"] {
        says(&fixture.run(&[command, "npm:fsevents"]), 2, &[perhaps]);
    }
    let finished = fixture.run(&["sync", "-P", "npm:fsevents"]).success();
    tells(
        &finished,
        &[
            "npm:fsevents",
            "if it is optional somewhere, `ignoredOptionalDependencies`",
        ],
    );
    // And although another is called alike, where the project itself would like it.
    let mut manifest = asking(&json!({ "ignoredOptionalDependencies": ["*"] }));
    manifest["optionalDependencies"] = json!({ "toolx": "1" });
    state(&fixture, &manifest);
    fixture.run(&["sync"]).success();
    let reason = "npm:toolx is not in the lockfile: `ignoredOptionalDependencies` leaves it out wherever it is optional";
    says(&fixture.run(&["why", "npm:toolx"]), 2, &[reason]);
}
