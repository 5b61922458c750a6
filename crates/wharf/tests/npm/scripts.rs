//! Scripts: the project's own by name, and those of packages only where they were approved.

use serde_json::{Value, json};
use wharf_testkit::{Fixture, NpmPackage, NpmRegistry};

use crate::{installed, project, release, says, state, tells, write_json};

#[test]
fn scripts_run_by_name_with_their_hooks() {
    let registry = NpmRegistry::start();
    release("tool", "1.0.0")
        .executable("t.js", "#!/bin/sh\necho tool \"$@\"\n")
        .bin("tool", "t.js")
        .publish(&registry);
    let fixture = project(
        &registry,
        &json!({
            "name": "demo", "version": "1.2.3",
            "dependencies": { "tool": "*" },
            "scripts": {
                "prebuild": "echo before", "build": "tool built", "postbuild": "echo after $npm_lifecycle_event",
                "show": "echo $npm_package_name $npm_package_version $npm_lifecycle_event",
                "bad": "exit 7", "postbad": "echo never",
                "preworse": "exit 3", "worse": "echo never",
                "where": "pwd; echo $INIT_CWD"
            }
        }),
    );
    let finished = fixture.run(&["run", "build", "a b", "--flag", "$HOME"]).success();
    assert_eq!(
        finished.stdout,
        "before\ntool built a b --flag $HOME\nafter postbuild\n"
    );
    tells(&finished, &["$ echo before", "$ tool built 'a b' --flag '$HOME'"]);
    // As with npm, a `--` may stand before the script's own arguments; what is no script gets its `--`.
    for (arguments, expected) in [
        (
            &["run", "build", "--", "--watch", "--"][..],
            "before\ntool built --watch --\nafter postbuild\n",
        ),
        (&["run", "tool", "--", "x"], "tool -- x\n"),
    ] {
        assert_eq!(fixture.run(arguments).success().stdout, expected);
    }
    assert_eq!(
        fixture.run(&["run", "show"]).success().stdout,
        "demo 1.2.3 show\n"
    );
    let finished = fixture.run(&["run", "bad"]);
    assert_eq!(
        (finished.code(), finished.stdout.as_str()),
        (Some(7), ""),
        "{finished}"
    );
    let finished = fixture.run(&["run", "worse"]);
    assert_eq!(
        (finished.code(), finished.stdout.as_str()),
        (Some(3), ""),
        "{finished}"
    );
    // A script runs in its package's folder, wherever it was called from.
    fixture.write("deep/down/x", "");
    let finished = fixture.run(&["-C", "deep/down", "run", "where"]).success();
    assert_eq!(finished.stdout, "[PROJECT]\n[PROJECT]/deep/down\n");
    // Quiet is quiet, and what is no script is a command.
    let finished = fixture.run(&["-q", "run", "show"]).success();
    assert_eq!(finished.stderr, "");
    assert_eq!(fixture.run(&["run", "tool", "x"]).success().stdout, "tool x\n");
    says(&fixture.run(&["run", "biuld"]), 2, &["`biuld`", "hint:", "build"]);
    let finished = fixture.run(&["run", "worse"]);
    assert!(
        !finished.stderr.contains("echo never"),
        "what does not begin is not told of: {finished}"
    );
}

#[test]
fn programs_start_scripts_by_what_npm_is_started_by() {
    let registry = NpmRegistry::start();
    release("runs", "1.0.0")
        // What npm-run-all makes of `run-s -s NAME… -- ARGUMENTS`.
        .executable(
            "all",
            "#!/bin/sh\nfor name; do \"$npm_execpath\" run --silent \"$name\" -- more || exit; done\n",
        )
        .bin("run-all", "all")
        .publish(&registry);
    let manifest = json!({
        "name": "demo", "version": "1.0.0",
        "dependencies": { "runs": "1" },
        "scripts": {
            "all": "run-all build:a build:b", "build:a": "echo a", "prebuild:b": "echo before", "build:b": "echo b",
            "node": "\"$npm_node_execpath\" --version; test \"$NODE\" = \"$npm_node_execpath\"",
            "told": "echo ${npm_execpath-nothing}"
        }
    });
    let mut fixture = project(&registry, &manifest);
    fixture.run(&["sync"]).success();
    // Nothing of npm's is on PATH.
    let programs = fixture.programs();
    std::os::unix::fs::symlink("/bin/sh", programs.join("sh")).expect("the test's own folder");
    fixture.set("PATH", &programs.display().to_string());
    let all = "a more\nbefore\nb more\n";
    let finished = fixture.run(&["run", "all"]).success();
    assert_eq!(finished.stdout, all);
    assert!(
        !finished.stderr.contains("echo a"),
        "what is run silently is not told of: {finished}"
    );
    let finished = fixture
        .run(&["run", "--", "run-all", "build:a", "build:b"])
        .success();
    assert_eq!(finished.stdout, all, "commands know it as well");
    assert_eq!(fixture.run(&["run", "node"]).success().stdout, "v22.12.0\n");
    // What is not synced for the whole is not synced for its parts.
    let mut stale = manifest;
    stale["dependencies"]["gone"] = json!("1");
    state(&fixture, &stale);
    says(&fixture.run(&["run", "all"]), 3, &["gone"]);
    assert_eq!(fixture.run(&["run", "--no-sync", "all"]).success().stdout, all);
    // Where there is an npm, they find that one by its name.
    std::os::unix::fs::symlink("/bin/sh", programs.join("npm")).expect("the test's own folder");
    let told = || fixture.run(&["run", "--no-sync", "told"]).success().stdout;
    assert_eq!(told(), "nothing\n");
    std::fs::remove_file(programs.join("npm")).expect("the test's own file");
    assert!(told().ends_with("/npm\n"));
}

#[test]
fn programs_are_told_of_node_as_it_is_found() {
    let registry = NpmRegistry::start();
    let manifest = json!({ "scripts": { "node": "echo $NODE; \"$npm_node_execpath\" --version" } });
    let mut fixture = project(&registry, &manifest);
    // As version managers have it: one program behind all names, which acts by the one that it is started by.
    let programs = fixture.programs();
    let node = programs.join("node");
    std::fs::rename(&node, programs.join("real")).expect("the test's own file");
    let shim = "#!/bin/sh\ncase ${0##*/} in node) exec \"${0%/*}/real\" \"$@\" ;; *) exit 9 ;; esac\n";
    std::fs::write(programs.join("shim"), shim).expect("the test's own folder");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(programs.join("shim"), mode).expect("the test's own file");
    std::os::unix::fs::symlink("shim", &node).expect("the test's own folder");
    // What cannot be executed is passed over, as the shell does it.
    fixture.write("first/node", "no program");
    let first = fixture.project().join("first");
    fixture.set(
        "PATH",
        &format!("{}:{}:/usr/bin:/bin", first.display(), programs.display()),
    );
    let finished = fixture.run(&["run", "node"]).success();
    assert_eq!(
        finished.stdout,
        format!("{}\nv22.12.0\n", fixture.filtered(&node.display().to_string()))
    );
}

#[test]
fn a_variable_keeps_a_run_from_syncing_and_what_is_typed_counts_before_it() {
    let registry = NpmRegistry::start();
    let hi = |dependencies: Value| json!({ "scripts": { "hi": "echo hi" }, "dependencies": dependencies });
    release("a", "1.0.0").publish(&registry);
    let mut fixture = project(&registry, &hi(json!({ "a": "1" })));
    fixture.run(&["sync"]).success();
    state(&fixture, &hi(json!({ "a": "1", "gone": "1" })));
    fixture.set("WHARF_NO_SYNC", "1");
    assert_eq!(fixture.run(&["run", "hi"]).success().stdout, "hi\n");
    says(&fixture.run(&["run", "--locked", "hi"]), 2, &["wharf.lock"]);
    std::fs::remove_dir_all(fixture.project().join("node_modules")).expect("it was made");
    fixture.run(&["run", "--frozen", "hi"]).success();
    assert!(fixture.has("node_modules/a"));
    // Two that are typed both count: nothing is synced.
    let finished = fixture.run(&["run", "--no-sync", "--locked", "hi"]).success();
    assert_eq!(finished.stdout, "hi\n");
    // An empty variable says nothing.
    fixture.set("WHARF_NO_SYNC", "");
    says(&fixture.run(&["run", "hi"]), 3, &["gone"]);
}

#[test]
fn scripts_are_listed_where_none_is_named() {
    let registry = NpmRegistry::start();
    let fixture = project(
        &registry,
        &json!({ "scripts": { "prebuild": "x", "build": "vite build", "dev": "vite" } }),
    );
    let finished = fixture.run(&["run"]).success();
    assert_eq!(finished.stdout, "build  vite build\ndev    vite\n");
    let finished = fixture.run(&["run", "--format", "json"]).success();
    let report: Value = serde_json::from_str(&finished.stdout).expect("it is JSON");
    let build = json!({ "name": "build", "command": "vite build" });
    assert_eq!(
        (&report["ok"], &report["result"]["scripts"][0]),
        (&json!(true), &build)
    );
    state(&fixture, &json!({}));
    says(&fixture.run(&["run"]), 2, &["nothing to run", "wharf run --"]);
}

#[test]
fn scripts_need_no_packages() {
    let registry = NpmRegistry::start();
    let fixture = project(&registry, &json!({ "scripts": { "hi": "echo hi" } }));
    assert_eq!(fixture.run(&["run", "hi"]).success().stdout, "hi\n");
    assert_eq!(fixture.run(&["run", "--no-sync", "hi"]).success().stdout, "hi\n");
    // Nor do commands, once it is known that nothing is needed.
    assert_eq!(
        fixture.run(&["run", "--", "echo", "plain"]).success().stdout,
        "plain\n"
    );
    fixture.write("package.json", "{ \"scripts\": { \"hi\": \"echo hi\" }");
    says(&fixture.run(&["run", "hi"]), 2, &["package.json:1:"]);
}

#[test]
fn a_command_without_an_environment() {
    let registry = NpmRegistry::start();
    release("a", "1.0.0").publish(&registry);
    let fixture = project(&registry, &json!({ "dependencies": { "a": "*" } }));
    says(
        &fixture.run(&["run", "--no-sync", "--", "echo", "hi"]),
        2,
        &[
            "there is no environment at [PROJECT]/node_modules",
            "`wharf sync`",
        ],
    );
}

#[test]
fn what_npmrc_says_to_scripts_is_told_to_all_that_runs() {
    let registry = NpmRegistry::start();
    let scripts = json!({ "show": "env" });
    let mut fixture = project(&registry, &json!({ "name": "x", "scripts": scripts }));
    fixture.write(
        ".npmrc",
        "electron_mirror=https://mirror.example.org/\nSHARP_binary_host=${HOST}\nsass_binary_site=file\n\
         //npm.example.org/:_authToken=s3cret\nnpm.example.org/:_authToken=s3cret\n//npm.example.org/:_password=czNjcmV0\n\
         _auth=s3cret\nteam_password=s3cret\ngithub_token=s3cret\na_mirror=https://u:s3cret@mirror.example.org/\n",
    );
    fixture.set("HOST", "binaries");
    fixture.set("NPM_CONFIG_SASS_BINARY_SITE", "own");
    let told = |arguments: &[&str]| -> Vec<String> {
        let output = fixture.run(arguments).success().stdout;
        assert!(
            !output.contains("s3cret") && !output.contains("czNjcmV0"),
            "{output}"
        );
        let told = output.lines().filter(|line| line.starts_with("npm_config_"));
        let mut told: Vec<String> = told
            .filter(|line| !line.contains("user_agent") && !line.contains("registry"))
            .map(str::to_owned)
            .collect();
        told.sort();
        told
    };
    let expected = [
        "npm_config_electron_mirror=https://mirror.example.org/",
        "npm_config_sass_binary_site=own",
        "npm_config_sharp_binary_host=binaries",
    ];
    assert_eq!(told(&["run", "show"]), expected);
    assert_eq!(told(&["run", "--no-sync", "show"]), expected);
    assert_eq!(told(&["run", "--", "env"]), expected);
    // What has nothing to do with npm hears nothing of it.
    let python = Fixture::new(env!("CARGO_BIN_EXE_wharf"));
    python.write("wharf.toml", "[pypi]\n");
    python.write(".npmrc", "electron_mirror=x\n");
    let output = python.run(&["run", "--", "env"]).success().stdout;
    assert!(!output.contains("electron_mirror"), "{output}");
}

/// What a script and a command are told by `NODE_OPTIONS`.
fn node_options(fixture: &Fixture) -> String {
    let all = [&["run", "show"][..], &["run", "--", "env"]].map(|arguments| {
        let output = fixture.run(arguments).success().stdout;
        assert!(!output.contains("npm_config_node_options"), "{output}");
        let mut told = output
            .lines()
            .filter_map(|line| line.strip_prefix("NODE_OPTIONS="));
        told.next().unwrap_or("none").to_owned()
    });
    assert_eq!(all[0], all[1]);
    all[0].clone()
}

#[test]
fn node_is_told_the_options_of_npms_configuration() {
    let registry = NpmRegistry::start();
    let inner = format!("'{}' sync", env!("CARGO_BIN_EXE_wharf"));
    let scripts = json!({ "show": "env", "inner": inner });
    let mut fixture = project(&registry, &json!({ "name": "x", "scripts": scripts }));
    fixture.run(&["sync"]).success();
    assert_eq!(node_options(&fixture), "none");
    fixture.set("SIZE", "111");
    fixture.write(".npmrc", "node-options=--max-old-space-size=${SIZE}\n");
    assert_eq!(node_options(&fixture), "--max-old-space-size=111");
    let finished = fixture.run(&["run", "inner"]).success();
    let finished = [finished, fixture.run(&["sync"]).success()];
    assert!(
        finished.iter().all(|one| one.stderr.contains("Nothing to do")),
        "{finished:?}"
    );
    // As with npm, the file's word comes before the variable of Node's own.
    fixture.set("NODE_OPTIONS", "--no-warnings");
    assert_eq!(node_options(&fixture), "--max-old-space-size=111");
    fixture.write(".npmrc", "node-options=\"\"\n");
    assert_eq!(node_options(&fixture), "--no-warnings");
    fixture.write(".npmrc", "node-options=https://me:s3cret@example.org/\n");
    assert_eq!(node_options(&fixture), "--no-warnings", "logins are held back");
    fixture.write(".npmrc", "node-options=--max-old-space-size=111\n");
    fixture.set("NPM_CONFIG_NODE_OPTIONS", "--max-old-space-size=222");
    assert_eq!(node_options(&fixture), "--max-old-space-size=222");
}

#[test]
fn what_pnpms_file_says_to_scripts_is_told_to_all_that_runs() {
    let registry = NpmRegistry::start();
    let mut fixture = project(&registry, &json!({ "name": "x", "scripts": { "show": "env" } }));
    write_json(
        &fixture,
        "web/package.json",
        &json!({ "name": "web", "scripts": { "show": "env" } }),
    );
    fixture.write(".npmrc", "node-options=--file\nelectron_mirror=file\n");
    fixture.write(
        "pnpm-workspace.yaml",
        "packages: [web]\nnodeOptions: --max-old-space-size=333\nelectron_mirror: yaml\ngithub_token: s3cret\n\
         nodedir: /nowhere\nsupportedArchitectures: { os: [current] }\n",
    );
    fixture.run(&["sync"]).success();
    let of = |arguments: &[&str], name: &str| {
        let output = fixture.run(arguments).success().stdout;
        assert!(
            !output.contains("s3cret") && !output.contains("/nowhere"),
            "{output}"
        );
        let mut told = output.lines().filter_map(|line| line.strip_prefix(name));
        told.next().map(str::to_owned)
    };
    for arguments in [
        &["run", "show"][..],
        &["run", "--", "env"],
        &["-C", "web", "run", "show"],
        &["run", "-w", "web", "show"],
    ] {
        let told = ["NODE_OPTIONS=", "npm_config_electron_mirror="].map(|name| of(arguments, name));
        let expected = ["--max-old-space-size=333", "yaml"].map(|word| Some(word.to_owned()));
        assert_eq!(told, expected, "{arguments:?}");
    }
    // What cannot be read is told where the project is.
    fixture.write("pnpm-workspace.yaml", "packages: [web\n");
    assert_eq!(
        of(&["run", "--no-sync", "--script", "show"], "NODE_OPTIONS="),
        Some("--file".to_owned())
    );
    fixture.set("npm_config_node_options", "--own");
    assert_eq!(
        fixture
            .run(&["run", "--no-sync", "--script", "show"])
            .success()
            .stdout
            .matches("=--own")
            .count(),
        2
    );
}

#[test]
fn a_wharf_inside_of_a_run_goes_by_the_same_words() {
    let registry = NpmRegistry::start();
    let inner = format!("'{}' sync", env!("CARGO_BIN_EXE_wharf"));
    let mut fixture = project(
        &registry,
        &json!({ "name": "x", "scripts": { "inner": inner, "show": "env" } }),
    );
    // Keys that are settings as variables, and none as they are written here, among them: no later Wharf may obey them.
    fixture.write(
        ".npmrc",
        "nodedir=/nowhere\npython=/opt/python\ntarget_arch=arm\nnode_linker=hoisted\nsave_prefix=wrong\nfetch_retries=wrong\n",
    );
    fixture.set("NPM_CONFIG_ARCH", "arm64");
    fixture.run(&["sync"]).success();
    let shown = fixture.run(&["run", "show"]).success().stdout;
    let mut told = shown.lines().filter(|line| line.starts_with("npm_config_"));
    let is_about_started = |line: &str| line.contains("user_agent") || line.contains("registry");
    assert!(told.all(is_about_started), "{shown}");
    for arguments in [&["run", "inner"][..], &["sync"], &["run", "--no-sync", "inner"]] {
        let finished = fixture.run(arguments).success();
        assert!(finished.stderr.contains("Nothing to do"), "{finished}");
    }
}

#[test]
fn members_have_scripts_of_their_own() {
    let registry = NpmRegistry::start();
    let fixture = project(
        &registry,
        &json!({ "workspaces": ["web"], "scripts": { "dev": "echo root", "only": "echo only" } }),
    );
    write_json(
        &fixture,
        "web/package.json",
        &json!({ "name": "web", "scripts": { "dev": "echo web" } }),
    );
    fixture.run(&["sync"]).success();
    assert_eq!(fixture.run(&["run", "dev"]).success().stdout, "root\n");
    assert_eq!(
        fixture.run(&["-C", "web", "run", "dev"]).success().stdout,
        "web\n"
    );
    says(&fixture.run(&["-C", "web", "run", "only"]), 2, &["`only`"]);
}

/// A package whose script leaves a trace, and one whose script fails.
fn builds(version: &str) -> NpmPackage {
    release("native", version)
        .script("preinstall", "echo pre >> trace.txt")
        .script(
            "install",
            "echo $npm_package_name $npm_package_version $npm_lifecycle_event >> trace.txt",
        )
        .script("postinstall", "echo post >> trace.txt")
}

fn case() -> (NpmRegistry, Fixture) {
    let registry = NpmRegistry::start();
    builds("1.0.0").publish(&registry);
    release("top", "1.0.0").dep("native", "*").publish(&registry);
    let fixture = project(
        &registry,
        &json!({ "name": "x", "dependencies": { "native": "^1.0.0", "top": "*" } }),
    );
    (registry, fixture)
}

const TRACE: &str = "node_modules/native/trace.txt";

#[test]
fn nothing_runs_unless_it_was_approved() {
    let (_registry, fixture) = case();
    let finished = fixture.run(&["sync"]).success();
    tells(
        &finished,
        &["install scripts were not run: native", "`wharf approve npm:NAME`"],
    );
    assert_eq!(
        finished.stderr.matches("install scripts").count(),
        1,
        "{finished}"
    );
    assert!(!fixture.has(TRACE));
    let finished = fixture.run(&["approve"]).success();
    assert_eq!(finished.stdout, "skipped   npm:native  1.0.0\n");
    let finished = fixture.run(&["approve", "npm:native"]).success();
    tells(&finished, &["Approved npm:native@1.0.0#sha512-"]);
    let manifest: Value = serde_json::from_str(&fixture.read("package.json")).expect("it is JSON");
    let entry = manifest["wharf"]["policy"]["scripts"][0]
        .as_str()
        .expect("it is written")
        .to_owned();
    assert!(entry.starts_with("npm:native@1.0.0#sha512-"), "{entry}");
    assert_eq!(fixture.read(TRACE), "pre\nnative 1.0.0 install\npost\n");
    assert_eq!(installed(&fixture), ["native 1.0.0", "top 1.0.0"]);
    // The same package below another one is built as well.
    let below = fixture
        .project()
        .join("node_modules/top")
        .canonicalize()
        .expect("it is there");
    assert!(
        below
            .parent()
            .is_some_and(|folder| folder.join("native/trace.txt").exists()),
        "{}",
        below.display()
    );
    let finished = fixture.run(&["approve"]).success();
    assert_eq!(finished.stdout, "approved  npm:native  1.0.0\n");
    tells(&fixture.run(&["sync"]).success(), &["Nothing to do"]);
    // The store's own copy is untouched, and what was built once is not built again.
    fixture.run(&["store", "verify"]).success();
    std::fs::remove_dir_all(fixture.project().join("node_modules")).expect("it is ours");
    fixture.run(&["sync"]).success();
    assert_eq!(fixture.read(TRACE), "pre\nnative 1.0.0 install\npost\n");
    // An approval that is taken back.
    state(
        &fixture,
        &json!({ "name": "x", "dependencies": { "native": "^1.0.0", "top": "*" } }),
    );
    let finished = fixture.run(&["sync"]).success();
    tells(&finished, &["install scripts were not run: native"]);
    assert!(!fixture.has(TRACE));
}

#[test]
fn an_approval_is_for_one_version_and_one_archive() {
    let (registry, fixture) = case();
    fixture.run(&["lock"]).success();
    let finished = fixture.run(&["approve", "native", "--no-sync"]).success();
    assert!(!finished.stderr.contains("Installed"), "{finished}");
    fixture.run(&["sync"]).success();
    assert!(fixture.has(TRACE));
    builds("1.1.0").publish(&registry);
    let finished = fixture.run(&["sync", "--upgrade", "--cache", "second"]).success();
    tells(&finished, &["install scripts were not run: native"]);
    assert!(!fixture.has(TRACE), "1.1.0 was not approved");
    // The same version with another archive.
    let (registry, fixture) = case();
    fixture.run(&["lock"]).success();
    fixture.run(&["approve", "npm:native"]).success();
    builds("1.0.0").file("other.txt", "").publish(&registry);
    std::fs::remove_file(fixture.project().join("wharf.lock")).expect("it is ours");
    let finished = fixture.run(&["sync", "--cache", "third"]).success();
    tells(&finished, &["install scripts were not run: native"]);
    assert!(fixture.has("node_modules/native/other.txt") && !fixture.has(TRACE));
    // A name alone is for whatever comes.
    state(
        &fixture,
        &json!({ "dependencies": { "native": "*" }, "wharf": { "policy": { "scripts": ["npm:native"] } } }),
    );
    fixture.run(&["sync"]).success();
    assert!(fixture.has(TRACE));
}

#[test]
fn an_approval_syncs_as_it_is_told() {
    let (_registry, fixture) = case();
    fixture.run(&["lock"]).success();
    fixture.write("node_modules/stranger/package.json", "{}");
    fixture
        .run(&["approve", "npm:native", "--replace", "--link-mode", "copy"])
        .success();
    assert_eq!(fixture.read(TRACE), "pre\nnative 1.0.0 install\npost\n");
    assert!(!fixture.has("node_modules/stranger"));
    // Commands that sync on the way keep to it, but for the replacing.
    let asked: Value = serde_json::from_str(&fixture.read(".wharf/asked.json")).expect("it is JSON");
    assert_eq!(asked["installing"]["link"], json!("copy"));
    assert_eq!(asked["installing"]["replace_foreign"], json!(false));
}

#[test]
fn what_has_no_hash_is_not_approved() {
    let registry = NpmRegistry::start();
    let fixture = project(&registry, &json!({ "dependencies": { "own": "file:./own" } }));
    write_json(
        &fixture,
        "own/package.json",
        &json!({ "name": "own", "version": "1.0.0", "scripts": { "install": "echo built > trace.txt" } }),
    );
    fixture.run(&["lock"]).success();
    let before = fixture.read("package.json");
    let words = [
        "own@1.0.0 is locked without a hash",
        "hint:",
        "\"npm:own\"",
        "`[policy] scripts`",
    ];
    says(&fixture.run(&["approve", "npm:own"]), 2, &words);
    assert_eq!(fixture.read("package.json"), before);
    state(
        &fixture,
        &json!({
            "dependencies": { "own": "file:./own" }, "wharf": { "policy": { "scripts": ["npm:own"] } }
        }),
    );
    fixture.run(&["sync"]).success();
    assert_eq!(fixture.read("node_modules/own/trace.txt"), "built\n");
}

#[test]
fn a_package_is_approved_by_the_name_that_the_project_has_for_it() {
    let registry = NpmRegistry::start();
    builds("1.0.0").publish(&registry);
    release("other", "1.0.0")
        .script("install", "true")
        .dep("mine", "npm:native@1")
        .dep("deep", "npm:native@1")
        .publish(&registry);
    let stated = json!({ "dependencies": { "mine": "npm:native@^1", "other": "*" } });
    let fixture = project(&registry, &stated);
    fixture.run(&["lock"]).success();
    let finished = fixture.run(&["approve", "npm:mine"]).success();
    tells(
        &finished,
        &["npm:mine is npm:native here", "Approved npm:native@1.0.0#sha512-"],
    );
    assert_eq!(
        fixture.read("node_modules/mine/trace.txt"),
        "pre\nnative 1.0.0 install\npost\n"
    );
    // What a package calls it does as well, and a package's own name needs no words.
    let finished = fixture.run(&["approve", "deep", "--format", "json"]).success();
    let report: Value = serde_json::from_str(&finished.stdout).expect("it is JSON");
    assert_eq!(
        report["result"]["meant"],
        json!([{ "asked": "npm:deep", "package": "npm:native" }])
    );
    assert!(
        !fixture
            .run(&["approve", "npm:native"])
            .success()
            .stderr
            .contains("here")
    );
    // Members may call different packages alike: none is approved because another was meant.
    write_json(
        &fixture,
        "web/package.json",
        &json!({ "name": "web", "dependencies": { "mine": "npm:other@1" } }),
    );
    let mut stated = stated;
    stated["workspaces"] = json!(["web"]);
    state(&fixture, &stated);
    fixture.run(&["lock"]).success();
    says(
        &fixture.run(&["approve", "npm:mine"]),
        2,
        &[
            "npm:mine is a name for several packages here: npm:native, npm:other",
            "hint: `wharf approve npm:native`",
        ],
    );
}

#[test]
fn approvals_that_make_no_sense() {
    let (registry, fixture) = case();
    fixture.run(&["lock"]).success();
    let before = fixture.read("package.json");
    for (name, words) in [
        (
            "npm:nativ",
            &["nativ is not in the lockfile", "did you mean npm:native?"][..],
        ),
        (
            "npm:top",
            &["top has no install scripts", "`wharf approve` alone"],
        ),
        ("pypi:native", &["pypi:native", "npm"]),
        ("npm:A B", &["A B"]),
    ] {
        says(&fixture.run(&["approve", name]), 2, words);
        assert_eq!(fixture.read("package.json"), before);
    }
    for entry in [
        "npm:native@",
        "npm:native@1.0.0#md5-x",
        "npm:",
        "npm:native@1.0.0#sha512-??",
    ] {
        state(
            &fixture,
            &json!({ "wharf": { "policy": { "scripts": [entry] } } }),
        );
        says(&fixture.run(&["lock"]), 2, &["package.json:", entry]);
    }
    drop(registry);
}

#[test]
fn a_script_that_fails_is_told_with_what_it_said() {
    let registry = NpmRegistry::start();
    release("bad", "1.0.0")
        .script("postinstall", "echo the compiler is missing; exit 9")
        .publish(&registry);
    let fixture = project(
        &registry,
        &json!({ "dependencies": { "bad": "*" }, "wharf": { "policy": { "scripts": ["npm:bad"] } } }),
    );
    let finished = fixture.run(&["sync"]);
    says(
        &finished,
        4,
        &[
            "bad@1.0.0",
            "postinstall",
            "the compiler is missing",
            ".wharf/log",
            "hint:",
        ],
    );
    assert!(!fixture.has("node_modules"));
    // What is optional is left out instead.
    state(
        &fixture,
        &json!({ "optionalDependencies": { "bad": "*" }, "wharf": { "policy": { "scripts": ["npm:bad"] } } }),
    );
    let finished = fixture.run(&["sync"]).success();
    tells(&finished, &["warning:", "bad@1.0.0"]);
}

#[test]
fn prepare_and_test_scripts_of_packages_never_run() {
    let registry = NpmRegistry::start();
    release("lib", "1.0.0")
        .script("prepare", "echo x > trace.txt")
        .script("test", "exit 1")
        .publish(&registry);
    let fixture = project(
        &registry,
        &json!({ "dependencies": { "lib": "*" }, "wharf": { "policy": { "scripts": ["npm:lib"] } } }),
    );
    let finished = fixture.run(&["sync"]).success();
    assert!(!finished.stderr.contains("install scripts"), "{finished}");
    assert!(!fixture.has("node_modules/lib/trace.txt"));
}

#[test]
fn a_binding_that_the_registry_does_not_tell_of_is_told_of() {
    let registry = NpmRegistry::start();
    release("bindings", "1.0.0").publish(&registry);
    let needs = |name: &str| release(name, "1.0.0").dep("bindings", "*");
    needs("quiet").file("binding.gyp", "{}").publish(&registry);
    needs("plain").publish(&registry);
    let fixture = project(
        &registry,
        &json!({ "name": "x", "dependencies": { "quiet": "*", "plain": "*" } }),
    );
    let finished = fixture.run(&["sync"]).success();
    tells(&finished, &["install scripts were not run: quiet ("]);
    let finished = fixture.run(&["approve"]).success();
    assert_eq!(finished.stdout, "skipped   npm:quiet  1.0.0\n");
    says(&fixture.run(&["approve", "npm:plain"]), 2, &["npm:plain"]);
    fixture.run(&["approve", "npm:quiet", "--no-sync"]).success();
    let finished = fixture.run(&["approve"]).success();
    assert_eq!(finished.stdout, "approved  npm:quiet  1.0.0\n");
}
