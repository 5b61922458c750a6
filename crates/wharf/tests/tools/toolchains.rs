//! `wharf toolchain`.

use serde_json::json;
use wharf_testkit::{Fault, NpmPackage, Times, node_package, node_runtime};

use crate::{Case, fails, say, tells};

fn case() -> Case {
    let case = Case::new();
    for version in ["96.1.0", "98.0.0", "98.2.0", "99.0.0"] {
        node_runtime(version).publish(&case.npm);
    }
    case
}

#[test]
fn a_node_of_the_registry_is_kept_found_and_let_go() {
    let case = case();
    let before = case.remains();
    let finished = case.run(&["toolchain", "add", "node@98"]).success();
    tells(
        &finished,
        &["Added Node 98.2.0", "toolchains/node/98.2.0/bin/node"],
    );
    let finished = case.run(&["toolchain", "add", "node@98"]).success();
    tells(&finished, &["Node 98.2.0 is there already"]);
    let list = case.json(&["toolchain", "list"]);
    let found = list["found"].as_array().expect("a list");
    let kept: Vec<_> = found.iter().filter(|one| one["managed"] == true).collect();
    assert_eq!(kept.len(), 1, "{list:#}");
    assert_eq!(
        (&kept[0]["toolchain"], &kept[0]["version"]),
        (&json!("node"), &json!("98.2.0"))
    );
    assert!(
        found
            .iter()
            .any(|one| one["toolchain"] == "python" && one["default"] == true),
        "{list:#}"
    );
    // A project that wants it finds it, as it finds one of a version manager.
    say("1.0.1").publish(&case.npm);
    case.fixture.write(
        "package.json",
        &format!(
            "{:#}\n",
            json!({ "engines": { "node": ">=98" }, "dependencies": { "say": "*" } })
        ),
    );
    case.npm.clear_log();
    case.run(&["sync"]).success();
    assert_eq!(
        case.run(&["run", "--", "node", "-v"]).success().stdout,
        "v98.2.0\n"
    );
    assert_eq!(
        case.npm.hits(&format!("/{}", node_package())),
        0,
        "nobody was asked for a Node"
    );
    case.run(&["toolchain", "remove", "node@98"]).success();
    assert_eq!(case.remains().differences(&before), Vec::<String>::new());
    fails(
        &case.run(&["toolchain", "remove", "node@98"]),
        2,
        &["keeps no Node 98"],
    );
}

#[test]
fn what_registries_carry_is_listed_when_asked() {
    let case = case();
    let list = case.json(&["toolchain", "list", "--available"]);
    let of = |toolchain: &str| {
        let all = list["available"].as_array().expect("a list");
        all.iter()
            .find(|one| one["toolchain"] == toolchain)
            .expect("it is there")
            .clone()
    };
    assert_eq!(of("node")["versions"], json!(["99.0.0", "98.2.0", "96.1.0"]));
    assert_eq!(of("node")["can_be_added"], true);
    for toolchain in ["python", "rust"] {
        assert_eq!(of(toolchain)["can_be_added"], false);
    }
    let text = case.run(&["toolchain", "list"]).success().stdout;
    assert!(
        text.contains("Node 22.12.0") && text.contains("Python cannot be added"),
        "{text}"
    );
    // A registry that does not answer spoils nothing.
    case.npm
        .fault(&format!("/{}", node_package()), Fault::Status(500), Times::Always);
    let list = case
        .run(&["toolchain", "list", "--available", "--cache", "fresh"])
        .success();
    assert!(list.stdout.contains("Node cannot be added"), "{list}");
}

#[test]
fn what_cannot_be_had_says_what_to_do() {
    let case = case();
    fails(
        &case.run(&["toolchain", "add", "python@3.2"]),
        3,
        &[
            "Python 3.2",
            "no registry carries it",
            "apt install python3.2",
            "on this machine are: 3.",
        ],
    );
    fails(
        &case.run(&["toolchain", "add", "rust@1.2"]),
        3,
        &["Rust 1.2", "rustup toolchain install 1.2"],
    );
    fails(
        &case.run(&["toolchain", "add", "node@200"]),
        4,
        &["Node 200", node_package()],
    );
    fails(
        &case.run(&["toolchain", "add", "deno"]),
        2,
        &["`deno` is no toolchain", "node@22"],
    );
    fails(&case.run(&["toolchain", "add", "node@soon"]), 2, &["`soon`"]);
    // What could be had before one that cannot is there, and told.
    let finished = case.run(&["toolchain", "add", "node@96", "rust@1.2"]);
    assert_eq!(finished.code(), Some(3), "{finished}");
    tells(&finished, &["Added Node 96.1.0", "Rust 1.2"]);
    // One that is there will do.
    let finished = case.run(&["toolchain", "add", "python"]).success();
    tells(&finished, &["is there already"]);
}

#[test]
fn compilers_of_rustup_are_found_once() {
    let case = Case::new();
    let toolchains = case.fixture.home().join(".rustup/toolchains");
    let compiler = |name: &str, version: &str| {
        let root = toolchains.join(name);
        let body = format!(
            "case \"$1\" in\n--print) echo {};;\n*) echo 'rustc {version} (abc 2026-01-01)';;\nesac",
            root.display()
        );
        crate::foreign(&root.join("bin/rustc"), &format!("x >/dev/null\n{body}"));
    };
    compiler("stable-x86_64-unknown-linux-gnu", "1.90.0");
    compiler("1.85.1-x86_64-unknown-linux-gnu", "1.85.1");
    // What rustup puts on PATH starts the one that is chosen.
    let stable = toolchains.join("stable-x86_64-unknown-linux-gnu/bin/rustc");
    crate::foreign(
        &case.fixture.programs().join("rustc"),
        &format!("x >/dev/null\nexec {} \"$@\"", stable.display()),
    );
    let list = case.json(&["toolchain", "list"]);
    let found = list["found"].as_array().expect("a list");
    let rust: Vec<_> = found
        .iter()
        .filter(|one| one["toolchain"] == "rust")
        .filter(|one| one["path"].as_str().is_some_and(|path| path.contains(".rustup")))
        .map(|one| {
            (
                one["version"].clone(),
                one["found_in"].clone(),
                one["default"].clone(),
            )
        })
        .collect();
    assert_eq!(
        rust,
        [
            (json!("1.90.0"), json!("PATH"), json!(true)),
            (json!("1.85.1"), json!("rustup"), json!(false))
        ]
    );
    let finished = case.run(&["toolchain", "add", "rust@1.85"]).success();
    tells(&finished, &["Rust 1.85.1 is there already"]);
}

#[test]
fn a_tool_runs_on_the_node_that_came_with_it() {
    let mut case = case();
    node_runtime("22.20.0").publish(&case.npm);
    NpmPackage::new("app", "1.0.0")
        .executable(
            "app.js",
            "#!/usr/bin/env node\nconsole.log(`node ${process.versions.node} runs app`);\n",
        )
        .bin("app", "app.js")
        .publish(&case.npm);
    // A machine without Node.
    std::fs::remove_dir_all(case.fixture.programs()).expect("it is ours");
    let programs = case.fixture.programs();
    std::fs::create_dir_all(&programs).expect("it is ours");
    for program in ["sh", "env"] {
        std::os::unix::fs::symlink(format!("/usr/bin/{program}"), programs.join(program))
            .expect("it is ours");
    }
    case.fixture.set("PATH", &programs.display().to_string());
    case.run(&["tool", "install", "npm:app@1"]).success();
    let said = case.says("app", &[]);
    assert!(
        said.starts_with("node ") && said.ends_with(" runs app\n"),
        "{said}"
    );
    let list = case.json(&["tool", "list"]);
    assert!(list["tools"][0]["node"].is_string(), "{list:#}");
    assert_eq!(case.run(&["x", "npm:app@1"]).success().stdout, said);
    case.run(&["tool", "remove", "app"]).success();
    assert!(case.bin("app").symlink_metadata().is_err());
}
