//! `wharf add` and `wharf remove` with npm packages: what is written where, and that a failure leaves nothing behind.

use serde_json::{Value, json};
use wharf_testkit::{Fixture, NpmRegistry};

use crate::{BINARY, installed, project, release, says, state, tells, write_json};

fn registry() -> NpmRegistry {
    let registry = NpmRegistry::start();
    release("a", "1.2.0").dep("b", "^1").publish(&registry);
    release("b", "1.0.0").publish(&registry);
    release("@s/c", "2.0.0").publish(&registry);
    release("@s/c", "3.0.0-rc.1").tag("next").publish(&registry);
    registry
}

fn stated(fixture: &Fixture, table: &str) -> Value {
    let manifest: Value = serde_json::from_str(&fixture.read("package.json")).expect("it is JSON");
    manifest[table].clone()
}

#[test]
fn every_kind_goes_where_it_belongs() {
    let registry = registry();
    let fixture = project(&registry, &json!({ "name": "x" }));
    for (arguments, table, expected) in [
        (&["npm:a"][..], "dependencies", json!({ "a": "^1.2.0" })),
        (
            &["--exact", "npm:b"],
            "dependencies",
            json!({ "a": "^1.2.0", "b": "1.0.0" }),
        ),
        (
            &["--dev", "npm:@s/c@2"],
            "devDependencies",
            json!({ "@s/c": "2" }),
        ),
        (
            &["--optional", "npm:@s/c"],
            "optionalDependencies",
            json!({ "@s/c": "^2.0.0" }),
        ),
        (
            &["--peer", "npm:a@>=1"],
            "peerDependencies",
            json!({ "a": ">=1" }),
        ),
        (
            &["npm:@s/c@next"],
            "dependencies",
            json!({ "@s/c": "^3.0.0-rc.1" }),
        ),
        (&["npm:d@npm:b@1"], "dependencies", json!({ "d": "npm:b@1" })),
    ] {
        state(
            &fixture,
            &json!({ "name": "x", "dependencies": dependencies(arguments) }),
        );
        let arguments = [&["add"][..], arguments].concat();
        let finished = fixture.run(&arguments).success();
        assert_eq!(stated(&fixture, table), expected, "{finished}");
        fixture.run(&["sync", "--locked"]).success();
    }
}

/// What the project asks for already: an exact pin comes beside another requirement.
fn dependencies(arguments: &[&str]) -> Value {
    match arguments.contains(&"--exact") {
        true => json!({ "a": "^1.2.0" }),
        false => json!({}),
    }
}

#[test]
fn several_at_once_lock_and_install() {
    let registry = registry();
    let fixture = project(&registry, &json!({ "name": "x" }));
    let finished = fixture.run(&["add", "npm:a@^1", "--dev", "npm:@s/c"]).success();
    tells(
        &finished,
        &["npm:a@^1", "npm:@s/c@^2.0.0", "Installed 3 packages"],
    );
    assert_eq!(stated(&fixture, "dependencies"), json!({ "a": "^1" }));
    assert_eq!(stated(&fixture, "devDependencies"), json!({ "@s/c": "^2.0.0" }));
    assert_eq!(installed(&fixture), ["@s/c 2.0.0", "a 1.2.0", "b 1.0.0"]);
    tells(&fixture.run(&["sync"]).success(), &["Nothing to do"]);
    // The same again changes nothing.
    let before = fixture.read("package.json");
    fixture.run(&["add", "npm:a@^1"]).success();
    assert_eq!(fixture.read("package.json"), before);
    let finished = fixture.run(&["add", "--no-sync", "npm:b"]).success();
    assert!(!finished.stderr.contains("Installed"), "{finished}");
    assert!(!fixture.has("node_modules/b"));
}

#[test]
fn the_manifest_keeps_its_form() {
    let registry = registry();
    let fixture = project(&registry, &json!({}));
    fixture.write(
        "package.json",
        "{\n\t\"name\": \"x\",\n\t\"dependencies\": {\n\t\t\"b\": \"*\"\n\t},\n\t\"private\": true\n}",
    );
    fixture.run(&["add", "npm:a"]).success();
    assert_eq!(
        fixture.read("package.json"),
        "{\n\t\"name\": \"x\",\n\t\"dependencies\": {\n\t\t\"a\": \"^1.2.0\",\n\t\t\"b\": \"*\"\n\t},\n\t\"private\": true\n}"
    );
    fixture.run(&["remove", "npm:a"]).success();
    assert_eq!(
        fixture.read("package.json"),
        "{\n\t\"name\": \"x\",\n\t\"dependencies\": {\n\t\t\"b\": \"*\"\n\t},\n\t\"private\": true\n}"
    );
    fixture.write(".npmrc", "save-prefix=~\n");
    fixture.run(&["add", "npm:a"]).success();
    assert_eq!(stated(&fixture, "dependencies")["a"], "~1.2.0");
}

#[test]
fn a_failure_leaves_everything_as_it_was() {
    let registry = registry();
    let fixture = project(&registry, &json!({ "dependencies": { "b": "*" } }));
    fixture.run(&["sync"]).success();
    let state = || {
        (
            fixture.read("package.json"),
            fixture.read("wharf.lock"),
            fixture.digest("node_modules"),
        )
    };
    let before = state();
    for (arguments, code, words) in [
        (&["npm:nowhere"][..], 3, &["`nowhere`", "[NPM]", "hint:"][..]),
        (&["npm:a@^9"], 3, &["a@^9", "1.2.0", "hint:"]),
        (&["npm:a", "npm:nowhere"], 3, &["`nowhere`"]),
        (&["npm:a@^^"], 2, &["a@^^"]),
        (&["npm:"], 2, &["npm:"]),
        (&["npm:../x"], 2, &["../x"]),
        (&["npm:A B"], 2, &["A B"]),
        (&["a"], 2, &["`pypi:a`", "`npm:a`", "`deb:a`"]),
        (&["npm:a@workspace:*"], 2, &["workspace:*", "hint:"]),
        (&["npm:a@file:./gone"], 2, &["./gone", "hint:"]),
    ] {
        let finished = fixture.run(&[&["add"][..], arguments].concat());
        says(&finished, code, words);
        assert_eq!(state(), before, "{finished}");
    }
    let finished = fixture.run(&["add", "--optional", "--peer", "npm:a"]);
    says(&finished, 2, &["--optional", "--peer"]);
}

#[test]
fn removing_takes_what_is_named() {
    let registry = registry();
    let manifest = json!({
        "dependencies": { "a": "*", "b": "*" },
        "devDependencies": { "@s/c": "*" }
    });
    let fixture = project(&registry, &manifest);
    fixture.run(&["sync"]).success();
    says(
        &fixture.run(&["remove", "npm:zzz"]),
        2,
        &["package.json does not ask for npm:zzz", "`wharf list`"],
    );
    says(
        &fixture.run(&["remove", "npm:@s/d"]),
        2,
        &["does not ask for npm:@s/d", "did you mean"],
    );
    says(
        &fixture.run(&["remove", "--dev", "npm:a"]),
        2,
        &["does not ask for npm:a"],
    );
    assert_eq!(stated(&fixture, "dependencies"), json!({ "a": "*", "b": "*" }));
    fixture.run(&["remove", "npm:b"]).success();
    says(
        &fixture.run(&["remove", "npm:b"]),
        2,
        &["does not ask for npm:b", "`wharf why npm:b`"],
    );
    // A bare name is npm's where only npm asks for it.
    let finished = fixture.run(&["remove", "a", "@s/c"]).success();
    tells(&finished, &["- npm:a 1.2.0", "- npm:b 1.0.0", "- npm:@s/c 2.0.0"]);
    assert!(!fixture.has("node_modules/a"));
}

#[test]
fn wharf_toml_and_bare_folders_take_npm_packages() {
    let registry = registry();
    let mut fixture = Fixture::with_npm_registry(BINARY, &registry);
    fixture.fake_node("22.12.0");
    fixture.write("wharf.toml", "# mine\n[project]\nname = \"x\"\n");
    fixture.run(&["add", "npm:a", "--dev", "npm:@s/c"]).success();
    let manifest = fixture.read("wharf.toml");
    assert!(manifest.starts_with("# mine\n"), "{manifest}");
    assert!(manifest.contains("[npm]\na = \"^1.2.0\""), "{manifest}");
    assert!(
        manifest.contains("[dev.npm]\n\"@s/c\" = \"^2.0.0\""),
        "{manifest}"
    );
    assert_eq!(installed_modules(&fixture), ["@s", "a"]);
    fixture.run(&["remove", "npm:a"]).success();
    assert!(
        !fixture.read("wharf.toml").contains("\na ="),
        "{}",
        fixture.read("wharf.toml")
    );
    assert_eq!(installed_modules(&fixture), ["@s"]);
    // A project of Python's takes a package.json beside it.
    std::fs::remove_file(fixture.project().join("wharf.toml")).expect("it is ours");
    fixture.write("requirements.txt", "");
    fixture.run(&["add", "npm:b", "--no-sync"]).success();
    assert_eq!(stated(&fixture, "dependencies"), json!({ "b": "^1.0.0" }));
}

/// What lies in `node_modules` by name, hidden entries left out.
fn installed_modules(fixture: &Fixture) -> Vec<String> {
    let folder = std::fs::read_dir(fixture.project().join("node_modules")).expect("it is there");
    let names = folder.map(|entry| {
        entry
            .expect("it can be listed")
            .file_name()
            .to_string_lossy()
            .into_owned()
    });
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

#[test]
fn members_of_a_workspace_have_requirements_of_their_own() {
    let registry = registry();
    let fixture = project(
        &registry,
        &json!({ "private": true, "workspaces": ["packages/*"] }),
    );
    write_json(
        &fixture,
        "packages/one/package.json",
        &json!({ "name": "one", "version": "1.0.0" }),
    );
    write_json(
        &fixture,
        "packages/two/package.json",
        &json!({ "name": "two", "version": "1.0.0" }),
    );
    fixture.run(&["-C", "packages/one", "add", "npm:a"]).success();
    assert!(
        fixture
            .read("packages/one/package.json")
            .contains("\"a\": \"^1.2.0\"")
    );
    assert!(!fixture.read("package.json").contains("\"a\""));
    assert!(fixture.has("packages/one/node_modules/a") && !fixture.has("node_modules/a"));
    assert!(fixture.has("wharf.lock") && !fixture.has("packages/one/wharf.lock"));
    fixture
        .run(&["-C", "packages/two", "add", "npm:one@workspace:*"])
        .success();
    assert!(fixture.has("packages/two/node_modules/one/package.json"));
    fixture.run(&["-C", "packages/one", "remove", "npm:a"]).success();
    assert!(!fixture.has("packages/one/node_modules/a"));
}

#[test]
fn what_only_names_a_place_is_asked_for_its_name() {
    let registry = registry();
    let fixture = project(&registry, &json!({}));
    write_json(
        &fixture,
        "lib/package.json",
        &json!({ "name": "@me/lib", "version": "0.1.0" }),
    );
    fixture.run(&["add", "npm:./lib"]).success();
    assert_eq!(stated(&fixture, "dependencies")["@me/lib"], "file:./lib");
    assert!(fixture.has("node_modules/@me/lib/package.json"));
    let archive = registry.url(&registry.tarball_path("b", "1.0.0"));
    fixture.run(&["add", &format!("npm:{archive}")]).success();
    assert_eq!(stated(&fixture, "dependencies")["b"], archive);
    fixture.run(&["sync", "--locked"]).success();
}

#[test]
fn a_member_of_the_workspace_is_what_its_bare_name_means() {
    let registry = registry();
    release("two", "9.0.0").publish(&registry);
    let fixture = project(
        &registry,
        &json!({ "private": true, "workspaces": ["packages/*"] }),
    );
    let one = "packages/one/package.json";
    let needs = |fixture: &Fixture| -> Value {
        let manifest: Value = serde_json::from_str(&fixture.read(one)).expect("it is JSON");
        manifest["dependencies"]["two"].clone()
    };
    let reset = || write_json(&fixture, one, &json!({ "name": "one", "version": "1.0.0" }));
    reset();
    write_json(
        &fixture,
        "packages/two/package.json",
        &json!({ "name": "two", "version": "1.4.0" }),
    );
    let add = |text: &str| fixture.run(&["-C", "packages/one", "add", text]);
    add("npm:two").success();
    assert_eq!(needs(&fixture), "^1.4.0", "npm reads no `workspace:`");
    assert!(fixture.has("packages/one/node_modules/two/package.json"));
    add("npm:two@latest").success();
    assert_eq!(needs(&fixture), "^9.0.0", "what a registry tags was asked for");
    reset();
    fixture.write("pnpm-workspace.yaml", "packages: ['packages/*']\n");
    add("npm:two").success();
    assert_eq!(needs(&fixture), "workspace:^");
    // The member itself is called so: there the name means what the registry has.
    fixture.run(&["-C", "packages/two", "add", "npm:two"]).success();
    assert!(fixture.read("packages/two/package.json").contains("^9.0.0"));
    // A version that the member does not have is told of with the one that it has.
    says(
        &add("npm:two@^3"),
        3,
        &[
            "no version of two satisfies `^3`",
            "packages/two of the workspace is 1.4.0",
        ],
    );
}

#[test]
fn what_is_added_anew_is_the_best_that_there_is() {
    let registry = registry();
    let fixture = project(&registry, &json!({ "dependencies": { "a": "^1", "b": "^1" } }));
    fixture.run(&["sync"]).success();
    release("b", "1.1.0").publish(&registry);
    release("a", "1.3.0").publish(&registry);
    let add = |text: &str| fixture.run(&["add", text, "--cache", "fresh"]).success();
    add("npm:b@latest");
    assert_eq!(
        stated(&fixture, "dependencies"),
        json!({ "a": "^1", "b": "^1.1.0" })
    );
    assert_eq!(
        installed(&fixture),
        ["a 1.2.0", "b 1.1.0"],
        "what was not asked for stays"
    );
    add("npm:a");
    assert_eq!(stated(&fixture, "dependencies")["a"], "^1.3.0");
    fixture.run(&["sync", "--locked"]).success();
}
