//! What a person types and reads in projects with npm packages: names without an ecosystem, places that only one ecosystem
//! has, and where requirements are written.

use wharf_testkit::{Fixture, NpmPackage, NpmRegistry};

const BINARY: &str = env!("CARGO_BIN_EXE_wharf");

fn registry() -> NpmRegistry {
    let registry = NpmRegistry::start();
    for (name, version) in [("a", "1.0.0"), ("a", "1.1.0"), ("b", "1.0.0")] {
        NpmPackage::new(name, version).publish(&registry);
    }
    registry
}

/// A project with these files.
fn project(registry: &NpmRegistry, files: &[(&str, &str)]) -> Fixture {
    let mut fixture = Fixture::with_npm_registry(BINARY, registry);
    fixture.fake_node("22.12.0");
    for (path, text) in files {
        fixture.write(path, text);
    }
    fixture
}

#[test]
fn a_bare_name_is_upgraded_where_npm_has_it() {
    let registry = registry();
    let fixture = project(
        &registry,
        &[("package.json", r#"{"dependencies":{"a":"1.0.0"}}"#)],
    );
    fixture.run(&["lock"]).success();
    fixture.write("package.json", r#"{"dependencies":{"a":"^1.0.0"}}"#);
    fixture.run(&["lock"]).success();
    assert!(fixture.read("wharf.lock").contains("version = \"1.0.0\""));
    let finished = fixture.run(&["lock", "--upgrade-package", "a"]).success();
    assert!(finished.stderr.contains("~ npm:a 1.0.0 → 1.1.0"), "{finished}");
    let finished = fixture.run(&["lock", "--upgrade-package", "c"]).success();
    assert!(
        finished
            .stderr
            .contains("c is to be upgraded, but is not in the lockfile"),
        "{finished}"
    );
    assert_eq!(
        finished.stderr.matches("is to be upgraded").count(),
        1,
        "{finished}"
    );
}

#[test]
fn places_that_only_the_other_ecosystem_has_are_refused() {
    let registry = registry();
    let before = r#"{"dependencies":{"a":"1"}}"#;
    let fixture = project(&registry, &[("package.json", before)]);
    for (arguments, words) in [
        (
            &["add", "npm:b", "--group", "docs"][..],
            "npm has no groups and extras",
        ),
        (
            &["add", "npm:b", "--extra", "fast"],
            "npm has no groups and extras",
        ),
        (
            &["add", "pypi:six", "--optional"],
            "only npm and cargo have optional dependencies",
        ),
        (
            &["add", "pypi:six", "npm:b", "--peer"],
            "only npm and cargo have optional dependencies",
        ),
    ] {
        let finished = fixture.run(arguments).failure(2);
        assert!(finished.stderr.contains(words), "{finished}");
        assert_eq!(fixture.read("package.json"), before);
    }
}

#[test]
fn requirements_go_where_the_others_stand() {
    let registry = registry();
    let wharf = "[project]\nname = \"x\"\n\n[npm]\na = \"^1\"\n";
    let package = "{\n  \"scripts\": {}\n}\n";
    let fixture = project(&registry, &[("wharf.toml", wharf), ("package.json", package)]);
    fixture.run(&["add", "--no-sync", "npm:b"]).success();
    assert_eq!(fixture.read("wharf.toml"), format!("{wharf}b = \"^1.0.0\"\n"));
    assert_eq!(fixture.read("package.json"), package);
    let finished = fixture.run(&["remove", "--no-sync", "npm:b"]).success();
    assert!(finished.stderr.contains("wharf.toml)\n"), "{finished}");
    assert_eq!(fixture.read("wharf.toml"), wharf);
    // What stands in the other file is taken out there.
    fixture.write(
        "package.json",
        "{\n  \"dependencies\": {\n    \"b\": \"1\"\n  }\n}\n",
    );
    fixture.write("wharf.toml", wharf);
    fixture.run(&["remove", "--no-sync", "npm:a", "npm:b"]).success();
    assert!(
        !fixture.read("wharf.toml").contains("a ="),
        "{}",
        fixture.read("wharf.toml")
    );
    assert!(
        !fixture.read("package.json").contains("\"b\""),
        "{}",
        fixture.read("package.json")
    );
}

#[test]
fn what_cannot_be_run_names_the_scripts_that_can() {
    let registry = registry();
    let package = r#"{"dependencies":{"a":"1"},"scripts":{"prebuild":"true","build":"true","dev":"true"}}"#;
    let fixture = project(&registry, &[("package.json", package)]);
    let finished = fixture.run(&["run", "biuld"]).failure(2);
    assert!(
        finished
            .stderr
            .contains("hint: the scripts of package.json are: build, dev\n"),
        "{finished}"
    );
}

#[test]
fn a_sync_says_which_node_and_the_store_what_npm_takes() {
    let registry = registry();
    let fixture = project(&registry, &[("package.json", r#"{"dependencies":{"a":"1"}}"#)]);
    let finished = fixture.run(&["sync"]).success();
    assert!(finished.stderr.contains(", Node 22.12.0\n"), "{finished}");
    let finished = fixture.run(&["store", "size"]).success();
    assert!(finished.stdout.contains("files of 1 home of npm"), "{finished}");
    let finished = fixture.run(&["store", "size", "--format", "json"]).success();
    assert!(finished.stdout.contains("\"homes\": 1"), "{finished}");
}

#[test]
fn a_bare_name_is_looked_up_where_the_project_has_it() {
    let registry = registry();
    let fixture = project(&registry, &[("package.json", r#"{"dependencies":{"a":"1"}}"#)]);
    fixture.run(&["lock"]).success();
    let finished = fixture.run(&["info", "a"]).success();
    assert!(finished.stdout.contains("npm:a 1.1.0"), "{finished}");
    let finished = fixture.run(&["info", "a@9.9.9"]).failure(2);
    assert!(
        finished
            .stderr
            .contains("`wharf info npm:a --versions` lists them"),
        "{finished}"
    );
}

#[test]
fn folders_of_the_users_own_are_followed() {
    let registry = registry();
    let fixture = project(
        &registry,
        &[
            (
                "package.json",
                r#"{"workspaces":["tool"],"dependencies":{"lib":"file:lib","tool":"*"}}"#,
            ),
            (
                "lib/package.json",
                r#"{"name":"lib","version":"1.0.0","main":"dist/index.js"}"#,
            ),
            ("lib/dist/index.js", "one"),
            (
                "tool/package.json",
                r#"{"name":"tool","version":"1.0.0","bin":"cli.sh"}"#,
            ),
            ("tool/cli.sh", "#!/bin/sh\necho it runs\n"),
        ],
    );
    // A member's command can be run, as npm lets it.
    assert_eq!(fixture.run(&["run", "--", "tool"]).success().stdout, "it runs\n");
    assert_eq!(fixture.read("node_modules/lib/dist/index.js"), "one");
    fixture.write("lib/dist/index.js", "two");
    fixture.run(&["sync"]).success();
    assert_eq!(fixture.read("node_modules/lib/dist/index.js"), "two");
    let finished = fixture.run(&["sync"]).success();
    assert!(finished.stderr.contains("Nothing to do"), "{finished}");
}

#[test]
fn a_copy_that_followed_links_is_mended() {
    let registry = registry();
    let fixture = project(&registry, &[("package.json", r#"{"dependencies":{"a":"1"}}"#)]);
    fixture.run(&["sync"]).success();
    let (project, copy) = (fixture.project(), fixture.project().with_file_name("copy"));
    let copied = std::process::Command::new("cp")
        .arg("-rL")
        .arg(&project)
        .arg(&copy)
        .status();
    assert!(copied.expect("there is a `cp`").success());
    std::fs::remove_dir_all(&project).expect("it is ours");
    std::fs::rename(&copy, &project).expect("it is ours");
    assert!(!project.join("node_modules/a").is_symlink());
    fixture.run(&["sync"]).success();
    assert!(project.join("node_modules/a").is_symlink());
}

#[test]
fn a_warning_is_told_once() {
    let registry = registry();
    let fixture = project(&registry, &[("package.json", r#"{"trustedDependencies":["z"]}"#)]);
    let finished = fixture.run(&["add", "npm:a"]).success();
    assert_eq!(finished.stderr.matches("npm:z").count(), 1, "{finished}");
}
