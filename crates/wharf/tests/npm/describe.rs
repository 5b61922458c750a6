//! `tree`, `why`, `list`, `outdated`, `info`, `export`: looking at the npm part of a lock.

use serde_json::{Value, json};
use wharf_testkit::{Fixture, NpmRegistry};

use crate::{project, release, says, tells};

/// A project with a dependency of each kind; `a` needs `shared` 1, `dev` needs `shared` 2.
fn case() -> (NpmRegistry, Fixture) {
    let registry = NpmRegistry::start();
    release("a", "1.0.0").dep("shared", "^1").publish(&registry);
    release("dev", "1.0.0").dep("shared", "^2").publish(&registry);
    release("@s/extra", "1.0.0").publish(&registry);
    for version in ["1.0.0", "2.0.0"] {
        release("shared", version).publish(&registry);
    }
    let fixture = project(
        &registry,
        &json!({
            "name": "shown", "version": "1.0.0",
            "dependencies": { "a": "^1.0.0" },
            "devDependencies": { "dev": "^1.0.0" },
            "optionalDependencies": { "@s/extra": "*" }
        }),
    );
    fixture.run(&["lock"]).success();
    (registry, fixture)
}

#[test]
fn trees_grow_from_requirements_and_from_packages() {
    let (_registry, fixture) = case();
    insta::assert_snapshot!(fixture.run(&["tree"]).success().stdout, @r"
    npm:@s/extra 1.0.0
    npm:a 1.0.0
    └── npm:shared 1.0.0
    npm:dev 1.0.0
    └── npm:shared 2.0.0
    ");
    assert_eq!(
        fixture.run(&["tree", "--ecosystem", "npm"]).success().stdout,
        fixture.run(&["tree"]).success().stdout
    );
    assert_eq!(fixture.run(&["tree", "--ecosystem", "pypi"]).success().stdout, "");
    insta::assert_snapshot!(fixture.run(&["tree", "--depth", "0", "--no-dev"]).success().stdout, @r"
    npm:@s/extra 1.0.0
    npm:a 1.0.0
    ");
    insta::assert_snapshot!(
        fixture.run(&["tree", "--package", "npm:shared", "--invert"]).success().stdout, @r"
    npm:shared 1.0.0
    └── npm:a 1.0.0
        └── npm:shown workspace:.
    npm:shared 2.0.0
    └── npm:dev 1.0.0
        └── npm:shown workspace:.
    ");
}

#[test]
fn why_gives_every_way_with_its_place() {
    let (_registry, fixture) = case();
    insta::assert_snapshot!(fixture.run(&["why", "npm:shared"]).success().stdout, @r"
    npm:shared 1.0.0, 2.0.0
      a@^1.0.0, from package.json:3
      └── npm:a 1.0.0
          └── npm:shared 1.0.0
      dev@^1.0.0 [dev], from package.json:6
      └── npm:dev 1.0.0
          └── npm:shared 2.0.0
    ");
    // A bare name is the project's where no other ecosystem has it.
    assert_eq!(
        fixture.run(&["why", "shared"]).success().stdout,
        fixture.run(&["why", "npm:shared"]).success().stdout
    );
    says(
        &fixture.run(&["why", "npm:sharde"]),
        2,
        &["npm:sharde is not in the lockfile", "did you mean npm:shared?"],
    );
}

#[test]
fn why_knows_what_the_project_calls_a_package() {
    let registry = NpmRegistry::start();
    release("own", "1.0.0").publish(&registry);
    let fixture = project(
        &registry,
        &json!({ "private": true, "workspaces": ["packages/*"], "dependencies": { "mine": "npm:own@^1" } }),
    );
    fixture.write("packages/ui/package.json", r#"{"name":"ui","version":"1.0.0"}"#);
    fixture.write(
        "packages/web/package.json",
        r#"{"name":"web","devDependencies":{"ui":"^1"}}"#,
    );
    fixture.run(&["lock"]).success();
    insta::assert_snapshot!(fixture.run(&["why", "npm:mine"]).success().stdout, @r"
    npm:own 1.0.0
      mine@npm:own@^1, from package.json:3
      └── npm:mine@npm:own 1.0.0
    ");
    insta::assert_snapshot!(fixture.run(&["why", "ui"]).success().stdout, @r"
    npm:ui workspace:packages/ui
      ui@^1 [dev], from packages/web/package.json:1
      └── npm:ui workspace:packages/ui
    ");
    insta::assert_snapshot!(fixture.run(&["why", "npm:web"]).success().stdout, @"npm:web workspace:packages/web");
}

#[test]
fn a_name_that_means_several_packages_shows_them_all() {
    let registry = NpmRegistry::start();
    release("holder", "1.0.0")
        .dep("x", "npm:two@^1")
        .publish(&registry);
    release("one", "1.0.0").publish(&registry);
    release("two", "1.0.0").publish(&registry);
    let dependencies = json!({ "holder": "1", "x": "npm:one@^1" });
    let fixture = project(&registry, &json!({ "name": "app", "dependencies": dependencies }));
    fixture.run(&["lock"]).success();
    insta::assert_snapshot!(fixture.run(&["why", "npm:x"]).success().stdout, @r"
    npm:x npm:one@1.0.0, npm:two@1.0.0
      x@npm:one@^1, from package.json:4
      └── npm:x@npm:one 1.0.0
      holder@1, from package.json:3
      └── npm:holder 1.0.0
          └── npm:x@npm:two 1.0.0
    ");
    insta::assert_snapshot!(fixture.run(&["tree", "--package", "x"]).success().stdout, @r"
    npm:one 1.0.0
    npm:two 1.0.0
    ");
}

#[test]
fn packages_under_other_names_are_shown_under_both() {
    let registry = NpmRegistry::start();
    release("own", "1.0.0")
        .dep("deep-alias", "npm:deep@^1")
        .publish(&registry);
    release("own", "2.0.0").dep("deep", "^1").publish(&registry);
    for version in ["1.0.0", "1.1.0"] {
        release("deep", version).publish(&registry);
    }
    let dependencies = json!({ "mine": "npm:own@^1", "also": "npm:own@1.0.0", "own": "2.0.0" });
    let fixture = project(&registry, &json!({ "name": "x", "dependencies": dependencies }));
    fixture.run(&["lock"]).success();
    insta::assert_snapshot!(fixture.run(&["tree"]).success().stdout, @r"
    npm:also@npm:own 1.0.0
    └── npm:deep-alias@npm:deep 1.1.0
    npm:mine@npm:own 1.0.0 (*)
    npm:own 2.0.0
    └── npm:deep 1.1.0
    ");
    let report = |arguments: &[&str]| -> Value {
        let finished = fixture
            .run(&[arguments, &["--format", "json"]].concat())
            .success();
        serde_json::from_str::<Value>(&finished.stdout).expect("it is JSON")["result"].clone()
    };
    let tree = report(&["tree"]);
    let node = |at: usize| (&tree["roots"][at]["package"], &tree["roots"][at]["alias"]);
    assert_eq!(node(0), (&json!("npm:own"), &json!("also")));
    assert_eq!(node(2), (&json!("npm:own"), &Value::Null));
    insta::assert_snapshot!(fixture.run(&["why", "npm:deep"]).success().stdout, @r"
    npm:deep 1.1.0
      also@npm:own@1.0.0, from package.json:3
      └── npm:also@npm:own 1.0.0
          └── npm:deep-alias@npm:deep 1.1.0
      mine@npm:own@^1, from package.json:4
      └── npm:mine@npm:own 1.0.0
          └── npm:deep-alias@npm:deep 1.1.0
      own@2.0.0, from package.json:5
      └── npm:own 2.0.0
          └── npm:deep 1.1.0
    ");
    // Names that packages give are known as well.
    let same = |one: &[&str], other: &[&str]| {
        assert_eq!(
            fixture.run(one).success().stdout,
            fixture.run(other).success().stdout
        );
    };
    same(&["why", "deep-alias"], &["why", "npm:deep"]);
    same(
        &["tree", "--package", "npm:mine"],
        &["tree", "--package", "npm:own"],
    );
    // What needs a package may have a name for it as well.
    insta::assert_snapshot!(fixture.run(&["tree", "--invert", "--package", "deep"]).success().stdout, @r"
    npm:deep 1.1.0
    ├── npm:own 1.0.0 (calls it deep-alias)
    │   └── npm:x workspace:. (calls it also, mine)
    └── npm:own 2.0.0
        └── npm:x workspace:.
    ");
    let inverted = report(&["tree", "--invert", "--package", "deep"]);
    let children = &inverted["roots"][0]["children"];
    assert_eq!(children[0]["calls_it"], json!(["deep-alias"]));
    assert_eq!(children[1]["calls_it"], json!([]));
    assert_eq!(
        fixture.run(&["outdated"]).success().stdout,
        "* npm:also, npm:mine@npm:own  1.0.0 → 2.0.0\n"
    );
    assert_eq!(
        report(&["outdated"])["outdated"][0]["aliases"],
        json!(["also", "mine"])
    );
}

#[test]
fn lists_mark_what_is_asked_for() {
    let (_registry, fixture) = case();
    insta::assert_snapshot!(fixture.run(&["list"]).success().stdout, @r"
    * npm:@s/extra  1.0.0  [NPM]/
    * npm:a         1.0.0  [NPM]/
    * npm:dev       1.0.0  [NPM]/
      npm:shared    1.0.0  [NPM]/
      npm:shared    2.0.0  [NPM]/
    ");
    let listed = fixture
        .run(&["list", "--no-dev", "--no-optional"])
        .success()
        .stdout;
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert_eq!(fixture.run(&["list", "--ecosystem", "pypi"]).success().stdout, "");
    let report: Value = serde_json::from_str(&fixture.run(&["list", "--format", "json"]).success().stdout)
        .expect("it is JSON");
    assert_eq!(report["result"]["packages"][1]["purl"], "pkg:npm/a@1.0.0");
}

#[test]
fn outdated_knows_what_is_newer() {
    let (registry, fixture) = case();
    let finished = fixture.run(&["outdated", "--check"]);
    assert_eq!(finished.code(), Some(1), "{finished}");
    insta::assert_snapshot!(finished.stdout, @"  npm:shared  1.0.0 → 2.0.0");
    release("a", "1.5.0").publish(&registry);
    release("a", "2.0.0-rc.1").publish(&registry);
    let finished = fixture.run(&["outdated", "--cache", "fresh"]).success();
    assert!(
        finished.stdout.contains("* npm:a       1.0.0 → 1.5.0"),
        "{finished}"
    );
}

#[test]
fn info_tells_of_one_package() {
    let (registry, fixture) = case();
    release("a", "1.1.0")
        .field("description", "does a")
        .field("license", "ISC")
        .field("homepage", "https://example.org/a")
        .engines("node", ">=20")
        .published("2024-05-06T07:08:09.000Z")
        .publish(&registry);
    release("a", "0.9.0").deprecated("too old").publish(&registry);
    let finished = fixture.run(&["info", "npm:a", "--cache", "fresh"]).success();
    for words in [
        "npm:a 1.1.0",
        "does a",
        "ISC",
        "locked     1.0.0",
        ">=20",
        "2024-05-06",
        "https://example.org/a",
        "0.9.0 (deprecated)",
    ] {
        assert!(
            finished.stdout.contains(words),
            "no word of `{words}`: {finished}"
        );
    }
    let finished = fixture
        .run(&["info", "npm:a@1.0.0", "--cache", "fresh"])
        .success();
    assert!(finished.stdout.contains("requires   shared@^1"), "{finished}");
    says(
        &fixture.run(&["info", "npm:a@9"]),
        2,
        &["a has no version 9", "`wharf info npm:a --versions`"],
    );
    says(&fixture.run(&["info", "npm:nowhere"]), 2, &["`nowhere`", "[NPM]"]);
    // Outside of any project too.
    std::fs::remove_file(fixture.project().join("package.json")).expect("it is ours");
    fixture.run(&["info", "npm:a"]).success();
}

#[test]
fn the_lock_goes_out_as_package_lock_json() {
    let (_registry, fixture) = case();
    let text = fixture
        .run(&["export", "--format", "package-lock"])
        .success()
        .stdout;
    let lock: Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(lock["lockfileVersion"], 3);
    assert_eq!(lock["packages"][""]["name"], "shown");
    assert_eq!(lock["packages"]["node_modules/a"]["version"], "1.0.0");
    assert_eq!(lock["packages"]["node_modules/dev"]["dev"], true);
    assert!(
        lock["packages"]["node_modules/a"]["integrity"]
            .as_str()
            .is_some_and(|text| text.starts_with("sha512-"))
    );
    // It is what a lock without Python is exported as, and is written where that is asked.
    assert_eq!(fixture.run(&["export"]).success().stdout, text);
    fixture
        .run(&["export", "--output", "package-lock.json"])
        .success();
    assert_eq!(fixture.filtered(&fixture.read("package-lock.json")), text);
    // What was exported is what is preferred.
    std::fs::remove_file(fixture.project().join("wharf.lock")).expect("it is ours");
    fixture.run(&["lock"]).success();
    assert_eq!(fixture.run(&["export"]).success().stdout, text);
}

#[test]
fn questions_without_a_lock_or_without_npm() {
    let registry = NpmRegistry::start();
    let fixture = project(&registry, &json!({ "dependencies": { "a": "1" } }));
    for arguments in [
        &["tree"][..],
        &["why", "npm:a"],
        &["list"],
        &["outdated"],
        &["export"],
        &["approve"],
    ] {
        says(
            &fixture.run(arguments),
            2,
            &["there is no lockfile at [PROJECT]/wharf.lock", "`wharf lock`"],
        );
    }
    fixture.write("package.json", "{}\n");
    fixture.write("wharf.toml", "[project]\nname = \"x\"\n\n[pypi]\n");
    fixture.run(&["lock"]).success();
    says(
        &fixture.run(&["export", "--format", "package-lock"]),
        2,
        &["wharf.lock has no npm packages"],
    );
    says(&fixture.run(&["approve"]), 2, &["wharf.lock has no npm packages"]);
    tells(&fixture.run(&["outdated"]).success(), &["0 packages looked up"]);
}
