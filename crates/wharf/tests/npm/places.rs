//! Packages that come from elsewhere than a registry, under other names, or by other rules: folders, links, archives,
//! repositories, aliases, overrides, members of a workspace.

use serde_json::json;
use wharf_testkit::{Fixture, Modules, NpmRegistry};

use crate::{installed, project, release, says, state, tells, write_json};

fn edges(fixture: &Fixture, members: &[&str]) -> Vec<String> {
    let modules = Modules::read(&fixture.project(), members).expect("what is installed can be read");
    assert!(modules.unanswered().is_empty(), "{:?}", modules.unanswered());
    modules.edges().into_iter().collect()
}

fn write_bytes(fixture: &Fixture, path: &str, content: &[u8]) {
    std::fs::write(fixture.project().join(path), content).expect("the project can be written");
}

#[test]
fn folders_links_and_archives() {
    let registry = NpmRegistry::start();
    release("b", "1.0.0").publish(&registry);
    release("far", "1.0.0").publish(&registry);
    let far = registry.url(&registry.tarball_path("far", "1.0.0"));
    let manifest = json!({ "dependencies": {
        "folder": "file:./folder", "linked": "link:./linked", "packed": "file:packed-1.0.0.tgz", "far": far
    } });
    let fixture = project(&registry, &manifest);
    write_json(
        &fixture,
        "folder/package.json",
        &json!({ "name": "folder", "version": "1.0.0", "dependencies": { "b": "^1" } }),
    );
    fixture.write("folder/index.js", "one");
    write_json(
        &fixture,
        "linked/package.json",
        &json!({ "name": "linked", "version": "3.0.0" }),
    );
    write_bytes(
        &fixture,
        "packed-1.0.0.tgz",
        &release("packed", "1.0.0").dep("b", "*").build(),
    );
    fixture.run(&["sync"]).success();
    assert_eq!(
        installed(&fixture),
        [
            "b 1.0.0",
            "far 1.0.0",
            "folder 1.0.0",
            "linked 3.0.0",
            "packed 1.0.0"
        ]
    );
    // A link is the folder itself; what is edited there is there at once.
    fixture.write("linked/new.js", "");
    assert!(fixture.has("node_modules/linked/new.js"));
    tells(&fixture.run(&["sync"]).success(), &["Nothing to do"]);
    // The lock says where things are without saying where the project is.
    let lock = fixture.read("wharf.lock");
    assert!(!fixture.filtered(&lock).contains("[PROJECT]"), "{lock}");
    // What a folder asks for counts when it changes.
    write_json(
        &fixture,
        "folder/package.json",
        &json!({ "name": "folder", "version": "1.1.0" }),
    );
    fixture.run(&["sync"]).success();
    let found = installed(&fixture);
    assert!(found.contains(&"folder 1.1.0".to_owned()), "{found:?}");
}

#[test]
fn places_that_are_not_there() {
    let registry = NpmRegistry::start();
    let fixture = project(&registry, &json!({}));
    fixture.write("empty/readme.txt", "");
    fixture.write("broken.tgz", "no archive");
    fixture.write("nothing.tgz", "");
    fixture.write("empty.tgz/x", "");
    // What it says of itself is whole, and what it holds is not.
    let half = release("half", "1.0.0").file("z.txt", &"z".repeat(3000)).build();
    write_bytes(&fixture, "half.tgz", &half[..half.len() - 12]);
    for (text, code, words) in [
        ("file:./gone", 2, &["gone", "package.json:3", "hint:"][..]),
        ("file:./empty", 2, &["empty", "package.json"]),
        (
            "file:broken.tgz",
            2,
            &[
                "`broken.tgz` is no archive of a package",
                "package.json:3",
                "neither a tar archive nor a gzip",
                "hint: put the whole archive there again",
                "`tar -tf broken.tgz`",
            ],
        ),
        ("file:nothing.tgz", 2, &["`nothing.tgz`", "the file is empty"]),
        ("file:half.tgz", 2, &["`half.tgz`", "it ends in the middle"]),
        ("file:empty.tgz", 2, &["`empty.tgz`", "it is a folder"]),
        ("file:gone.tgz", 2, &["gone.tgz", "hint:"]),
        (
            "http://127.0.0.1:1/x.tgz",
            4,
            &["http://127.0.0.1:1/x.tgz", "hint:"],
        ),
        ("git+file:///nowhere/at/all", 4, &["/nowhere/at/all", "hint:"]),
        (
            "workspace:*",
            2,
            &["workspace:*", "package.json:3", "not in the workspace", "hint:"],
        ),
        ("catalog:", 2, &["catalog", "package.json:3"]),
        ("exec:./x.js", 2, &["exec:", "package.json:3"]),
    ] {
        state(&fixture, &json!({ "dependencies": { "x": text } }));
        says(&fixture.run(&["lock"]), code, words);
        assert!(!fixture.has("wharf.lock"), "{text}");
    }
}

#[test]
fn repositories_of_this_machine() {
    let registry = NpmRegistry::start();
    release("b", "1.0.0").publish(&registry);
    let fixture = project(&registry, &json!({}));
    let folder = fixture.project().join("repository");
    write_json(
        &fixture,
        "repository/package.json",
        &json!({ "name": "tool", "version": "1.0.0", "dependencies": { "b": "*" } }),
    );
    fixture.write("repository/index.js", "first\n");
    let git = |arguments: &[&str]| {
        let mut command = fixture.isolated("git");
        command
            .current_dir(&folder)
            .args(["-c", "user.name=T", "-c", "user.email=t@example.org"])
            .args(arguments);
        fixture.finish(command).success().stdout.trim().to_owned()
    };
    git(&["init", "-q", "-b", "main"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "one"]);
    git(&["tag", "v1.0.0"]);
    let first = git(&["rev-parse", "HEAD"]);
    fixture.write("repository/index.js", "second\n");
    git(&["commit", "-q", "-am", "two"]);
    let second = git(&["rev-parse", "HEAD"]);
    let url = format!("git+file://{}", folder.display());
    for (asked, commit, content) in [
        (format!("{url}#v1.0.0"), &first, "first\n"),
        (format!("{url}#semver:^1.0.0"), &first, "first\n"),
        (format!("{url}#main"), &second, "second\n"),
        (url.clone(), &second, "second\n"),
        (format!("{url}#{}", &first[..12]), &first, "first\n"),
    ] {
        state(&fixture, &json!({ "dependencies": { "tool": asked } }));
        fixture.run(&["sync"]).success();
        assert!(fixture.read("wharf.lock").contains(commit.as_str()), "{asked}");
        assert_eq!(fixture.read("node_modules/tool/index.js"), content, "{asked}");
        assert_eq!(installed(&fixture), ["b 1.0.0", "tool 1.0.0"]);
    }
    // The commit is locked: the branch may move.
    state(
        &fixture,
        &json!({ "dependencies": { "tool": format!("{url}#main") } }),
    );
    fixture.run(&["sync"]).success();
    fixture.write("repository/index.js", "third\n");
    git(&["commit", "-q", "-am", "three"]);
    state(
        &fixture,
        &json!({ "dependencies": { "tool": format!("{url}#main"), "b": "*" } }),
    );
    fixture.run(&["sync"]).success();
    assert_eq!(fixture.read("node_modules/tool/index.js"), "second\n");
    fixture.run(&["sync", "--upgrade"]).success();
    assert_eq!(fixture.read("node_modules/tool/index.js"), "third\n");
    // What a repository would have to be made into is told of.
    write_json(
        &fixture,
        "repository/package.json",
        &json!({ "name": "tool", "version": "1.1.0", "scripts": { "prepare": "exit 1", "build": "exit 1" } }),
    );
    git(&["commit", "-q", "-am", "four"]);
    let finished = fixture.run(&["sync", "--upgrade"]).success();
    tells(
        &finished,
        &["tool@1.1.0 comes from a repository and has a script `prepare`, which Wharf does not run"],
    );
    for (end, code, words) in [
        ("#gone", 4, &["gone", "package.json:3", "hint:"][..]),
        ("#semver:^9", 2, &["^9", "1.0.0", "hint:"]),
    ] {
        state(
            &fixture,
            &json!({ "dependencies": { "tool": format!("{url}{end}") } }),
        );
        says(&fixture.run(&["lock"]), code, words);
    }
}

#[test]
fn aliases_let_versions_stand_side_by_side() {
    let registry = NpmRegistry::start();
    for version in ["1.0.0", "2.0.0"] {
        release("@s/lib", version).bin("lib", "cli.js").publish(&registry);
    }
    let fixture = project(
        &registry,
        &json!({ "dependencies": { "old": "npm:@s/lib@^1", "@s/lib": "^2" } }),
    );
    fixture.run(&["sync"]).success();
    assert_eq!(
        edges(&fixture, &[]),
        [". > @s/lib 2.0.0", ". > old = @s/lib 1.0.0"]
    );
}

#[test]
fn rules_replace_what_packages_ask_for() {
    let registry = NpmRegistry::start();
    release("a", "1.0.0")
        .dep("c", "^1")
        .dep("d", "*")
        .publish(&registry);
    release("b", "1.0.0").dep("c", "^1").publish(&registry);
    release("d", "1.0.0").publish(&registry);
    for version in ["1.0.0", "2.0.0"] {
        release("c", version).publish(&registry);
    }
    let asked = json!({ "a": "*", "b": "*" });
    let everywhere = [
        ". > a 1.0.0",
        ". > b 1.0.0",
        "a 1.0.0 > c 2.0.0",
        "a 1.0.0 > d 1.0.0",
        "b 1.0.0 > c 2.0.0",
    ];
    let below_a = [
        ". > a 1.0.0",
        ". > b 1.0.0",
        "a 1.0.0 > c 2.0.0",
        "a 1.0.0 > d 1.0.0",
        "b 1.0.0 > c 1.0.0",
    ];
    for (key, rules, expected) in [
        ("overrides", json!({ "c": "2.0.0" }), everywhere),
        ("overrides", json!({ "a": { "c": "2.0.0" } }), below_a),
        ("resolutions", json!({ "c": "2.0.0" }), everywhere),
        ("resolutions", json!({ "a/c": "2.0.0" }), below_a),
        ("pnpm", json!({ "overrides": { "a>c": "2.0.0" } }), below_a),
    ] {
        let registry_and_rule = format!("{key} {rules}");
        let mut manifest = json!({ "dependencies": asked });
        manifest[key] = rules;
        let fixture = project(&registry, &manifest);
        fixture.run(&["sync"]).success();
        assert_eq!(edges(&fixture, &[]), expected, "{registry_and_rule}");
    }
    // A rule that changes makes the lock stale.
    let fixture = project(&registry, &json!({ "dependencies": asked }));
    fixture.run(&["lock"]).success();
    state(
        &fixture,
        &json!({ "dependencies": asked, "overrides": { "c": "2.0.0" } }),
    );
    says(
        &fixture.run(&["sync", "--locked"]),
        2,
        &["does not match the manifest", "c"],
    );
}

fn workspace(registry: &NpmRegistry) -> Fixture {
    release("c", "1.0.0").publish(registry);
    release("c", "2.0.0").publish(registry);
    let fixture = project(
        registry,
        &json!({ "name": "root", "private": true, "workspaces": ["packages/*", "!packages/none"], "devDependencies": { "c": "^2" } }),
    );
    write_json(
        &fixture,
        "packages/lib/package.json",
        &json!({ "name": "@w/lib", "version": "1.2.0", "bin": "cli.js", "dependencies": { "c": "^1" } }),
    );
    fixture.write("packages/lib/cli.js", "#!/bin/sh\necho lib\n");
    write_json(
        &fixture,
        "packages/app/package.json",
        &json!({ "name": "app", "version": "0.0.0", "dependencies": { "@w/lib": "workspace:^" }, "scripts": { "where": "pwd" } }),
    );
    write_json(
        &fixture,
        "packages/none/package.json",
        &json!({ "name": "none", "dependencies": { "nowhere": "1" } }),
    );
    fixture
}

#[test]
fn a_members_command_that_ends_its_lines_as_windows_does_can_be_started() {
    let registry = NpmRegistry::start();
    for layout in ["isolated", "hoisted"] {
        let fixture = workspace(&registry);
        fixture.write(".npmrc", &format!("node-linker={layout}\n"));
        let script = "#!/usr/bin/env sh\r\necho \"lib $1\" #\r\n";
        fixture.write("packages/lib/cli.js", script);
        fixture.run(&["sync"]).success();
        // The name of its package's command, scope left out.
        for folder in [".", "packages/app"] {
            let finished = fixture.run(&["-C", folder, "run", "--", "lib", "a b"]).success();
            assert_eq!(finished.stdout, "lib a b\n", "{layout} {folder}");
        }
        assert_eq!(
            fixture.read("packages/lib/cli.js"),
            script,
            "it is the user's own"
        );
        tells(&fixture.run(&["sync"]).success(), &["Nothing to do"]);
        // One that can be started as it is gets its link again.
        let own = std::fs::read_link(fixture.project().join("node_modules/.bin/lib"));
        assert!(own.is_err(), "a program stands in for the link: {own:?}");
        fixture.write("packages/lib/cli.js", "#!/bin/sh\necho plain\n");
        assert_eq!(fixture.run(&["run", "--", "lib"]).success().stdout, "plain\n");
        std::fs::remove_dir_all(fixture.project().join("node_modules")).expect("it is ours");
        fixture.run(&["sync"]).success();
        assert!(
            std::fs::read_link(fixture.project().join("node_modules/.bin/lib")).is_ok(),
            "{layout}"
        );
    }
}

#[test]
fn members_of_a_workspace_are_linked() {
    let registry = NpmRegistry::start();
    let fixture = workspace(&registry);
    fixture.run(&["sync"]).success();
    assert_eq!(
        edges(&fixture, &["packages/lib", "packages/app"]),
        [". > c 2.0.0", "@w/lib > c 1.0.0", "app > @w/lib 1.2.0"]
    );
    assert!(!fixture.has("packages/none/node_modules"));
    // From a member everything is the same, and the one lock is the root's.
    tells(
        &fixture.run(&["-C", "packages/app", "sync"]).success(),
        &["Nothing to do"],
    );
    fixture.run(&["-C", "packages/app", "lock", "--check"]).success();
    let finished = fixture.run(&["-C", "packages/app", "run", "where"]).success();
    assert_eq!(finished.stdout, "[PROJECT]/packages/app\n");
    let tree = fixture.run(&["tree"]).success().stdout;
    assert!(tree.contains("@w/lib") && tree.contains("npm:c 1.0.0"), "{tree}");
    // A member that goes takes its folder's node_modules along.
    std::fs::remove_dir_all(fixture.project().join("packages/app")).expect("it is ours");
    says(&fixture.run(&["sync", "--locked"]), 2, &["packages/app"]);
    fixture.run(&["sync"]).success();
    write_json(
        &fixture,
        "packages/app/package.json",
        &json!({ "name": "app", "version": "0.0.0", "dependencies": { "@w/lib": "workspace:~2.0.0" } }),
    );
    says(
        &fixture.run(&["lock"]),
        2,
        &["workspace:~2.0.0", "packages/app/package.json:3", "1.2.0"],
    );
}

#[test]
fn commands_of_members_can_be_run() {
    let registry = NpmRegistry::start();
    let fixture = workspace(&registry);
    write_json(
        &fixture,
        "packages/app/package.json",
        &json!({ "name": "app", "dependencies": { "@w/lib": "workspace:*" } }),
    );
    fixture.run(&["sync"]).success();
    let finished = fixture.run(&["-C", "packages/app", "run", "--", "lib"]).success();
    assert_eq!(finished.stdout, "lib\n");
}

#[test]
fn what_packages_forgot_to_say_can_be_said() {
    let registry = NpmRegistry::start();
    release("a", "1.0.0").publish(&registry);
    release("b", "1.0.0").publish(&registry);
    let fixture = project(
        &registry,
        &json!({ "dependencies": { "a": "*" }, "pnpm": { "packageExtensions": { "a@1": { "dependencies": { "b": "*" } } } } }),
    );
    fixture.run(&["sync"]).success();
    let home = fixture
        .project()
        .join("node_modules/a")
        .canonicalize()
        .expect("it is there");
    assert!(
        home.parent()
            .is_some_and(|folder| folder.join("b/index.js").exists()),
        "{}",
        home.display()
    );
}

#[test]
fn an_archive_at_a_url_is_known_by_its_hash() {
    let registry = NpmRegistry::start();
    release("far", "1.0.0").publish(&registry);
    let url = registry.url(&registry.tarball_path("far", "1.0.0"));
    let fixture = project(&registry, &json!({ "dependencies": { "far": url } }));
    fixture.run(&["lock"]).success();
    assert!(
        fixture.read("wharf.lock").contains("sha512-"),
        "{}",
        fixture.read("wharf.lock")
    );
    release("far", "1.0.0").file("evil.js", "").publish(&registry);
    let finished = fixture.run(&["sync", "--frozen", "--store", "fresh", "--cache", "fresh"]);
    says(&finished, 5, &["far@1.0.0", "sha512", "hint:"]);
    assert!(!fixture.has("node_modules"));
}

#[test]
fn catalogs_state_a_range_once() {
    let registry = NpmRegistry::start();
    let fixture = workspace(&registry);
    fixture.write(
        "pnpm-workspace.yaml",
        "packages:\n  - packages/*\ncatalog:\n  c: ^1.0.0\ncatalogs:\n  next:\n    c: ^2.0.0\n",
    );
    write_json(
        &fixture,
        "packages/none/package.json",
        &json!({ "name": "none", "dependencies": { "c": "catalog:next" } }),
    );
    write_json(
        &fixture,
        "packages/app/package.json",
        &json!({ "name": "app", "dependencies": { "c": "catalog:" } }),
    );
    fixture.run(&["sync"]).success();
    assert_eq!(
        edges(&fixture, &["packages/lib", "packages/app", "packages/none"]),
        [
            ". > c 2.0.0",
            "@w/lib > c 1.0.0",
            "app > c 1.0.0",
            "none > c 2.0.0"
        ]
    );
    fixture.run(&["sync", "--locked"]).success();
    fixture.write(
        "pnpm-workspace.yaml",
        "packages:\n  - packages/*\ncatalog:\n  c: ^2.0.0\n",
    );
    says(
        &fixture.run(&["lock"]),
        2,
        &["packages/none/package.json:3", "catalog:next"],
    );
    write_json(&fixture, "packages/none/package.json", &json!({ "name": "none" }));
    says(
        &fixture.run(&["sync", "--locked"]),
        2,
        &["does not match", "npm:c"],
    );
}

#[test]
fn commands_are_linked_and_run() {
    let registry = NpmRegistry::start();
    release("tool", "1.0.0")
        .dep("inner", "*")
        .executable("cli.js", "#!/bin/sh\necho tool \"$@\"\n")
        .bin("tool", "cli.js")
        .publish(&registry);
    release("inner", "1.0.0")
        .executable("x.js", "#!/bin/sh\necho inner\n")
        .bin("inner", "x.js")
        .publish(&registry);
    release("@s/one", "1.0.0")
        .field("bin", "./one.js")
        .executable("one.js", "#!/bin/sh\necho one\n")
        .publish(&registry);
    // Written on another system: line ends of its own, and no mode.
    release("crlf", "1.0.0")
        .file("c.js", "#!/bin/sh\r\necho crlf\n")
        .bin("crlf", "c.js")
        .publish(&registry);
    release("evil", "1.0.0")
        .field(
            "bin",
            json!({ "../../evil": "index.js", "evil": "../../../evil.js" }),
        )
        .publish(&registry);
    let fixture = project(
        &registry,
        &json!({ "dependencies": { "tool": "*", "@s/one": "*", "crlf": "*", "evil": "*" } }),
    );
    fixture.run(&["sync"]).success();
    for (words, said) in [
        (&["tool", "a b", "--flag"][..], "tool a b --flag\n"),
        (&["one"], "one\n"),
        (&["crlf"], "crlf\n"),
    ] {
        let finished = fixture.run(&[&["run", "--"][..], words].concat()).success();
        assert_eq!(finished.stdout, said);
    }
    says(
        &fixture.run(&["run", "--", "inner"]),
        2,
        &["`inner`", "`wharf add`"],
    );
    // What the evil one names lies in its own folder, or is not there.
    let commands = std::fs::read_dir(fixture.project().join("node_modules/.bin")).expect("it is there");
    for command in commands {
        let path = command.expect("it can be listed").path();
        let target = path.read_link().expect("a command is a link");
        let target = target.to_string_lossy();
        assert_eq!(
            target.matches("..").count(),
            usize::from(target.starts_with("../")),
            "{target}"
        );
    }
    assert!(!fixture.has("node_modules/evil.js") && !fixture.project().with_file_name("evil").exists());
}
