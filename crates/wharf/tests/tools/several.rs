//! Several tools in one command: side by side, each for itself, told in the order in which they were named.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wharf_testkit::{Fault, NpmPackage, Package, Times};

use crate::{Case, fails, greet, python, say, tells};

const SLOW: Duration = Duration::from_millis(700);

#[test]
fn one_that_fails_harms_no_other_and_the_order_is_that_of_the_command() {
    let case = Case::new();
    python("late", "1.0").publish(&case.pypi);
    NpmPackage::new("lib", "1.0.0").publish(&case.npm);
    let page = case.pypi.page_path("late");
    case.pypi.fault(&page, Fault::Slow(SLOW), Times::Always);
    let named = ["pypi:late", "pypi:missing", "npm:say", "npm:lib", "pypi:greet"];
    let arguments: Vec<&str> = ["tool", "install", "--format", "json"]
        .into_iter()
        .chain(named)
        .collect();
    let finished = case.run(&arguments);
    assert_eq!(
        finished.code(),
        Some(3),
        "that of the first that failed: {finished}"
    );
    let document: Value = serde_json::from_str(&finished.stdout).expect("one document");
    let packages = |list: &str| -> Vec<Value> {
        let entries = document["result"][list].as_array().expect("a list");
        entries.iter().map(|entry| entry["package"].clone()).collect()
    };
    assert_eq!(packages("tools"), ["pypi:late", "npm:say", "pypi:greet"]);
    assert_eq!(packages("failed"), ["pypi:missing", "npm:lib"]);
    assert_eq!(document["error"]["code"], document["result"]["failed"][0]["code"]);
    assert_eq!(case.says("late", &[]), "late 1.0\n");
    assert!(!case.tools().join("pypi/missing").exists() && !case.tools().join("npm/lib").exists());
    let finished = case
        .run(&["tool", "upgrade", "greet", "late", "pypi:greet"])
        .success();
    let lines: Vec<&str> = finished.stderr.lines().collect();
    assert_eq!(
        lines[..2],
        [
            "pypi:greet 1.0 is the newest that fits",
            "pypi:late 1.0 is the newest that fits"
        ],
        "each once: {finished}"
    );
}

#[test]
fn of_two_that_bring_one_command_the_first_that_was_named_has_it() {
    let case = Case::new();
    for name in ["late", "soon"] {
        python(name, "1.0")
            .entry_point("both", &format!("{name}_command:main"))
            .publish(&case.pypi);
    }
    let page = case.pypi.page_path("late");
    case.pypi.fault(&page, Fault::Slow(SLOW), Times::Always);
    let finished = case.run(&["tool", "install", "pypi:late", "pypi:soon"]);
    assert_eq!(finished.code(), Some(2), "{finished}");
    tells(
        &finished,
        &[
            "Installed pypi:late 1.0",
            "the command `both` is that of pypi:late",
        ],
    );
    assert_eq!(case.says("both", &[]), "late 1.0\n");
    assert!(!case.tools().join("pypi/soon").exists());
    assert!(case.bin("soon").symlink_metadata().is_err());
}

#[test]
fn a_tool_that_is_named_twice_is_one_or_a_mistake() {
    let case = Case::new();
    let result = case.json(&["tool", "install", "pypi:greet", "pypi:greet"]);
    assert_eq!(result["tools"].as_array().map(Vec::len), Some(1));
    fails(
        &case.run(&["tool", "install", "pypi:greet", "npm:say", "pypi:greet==1.0"]),
        2,
        &["pypi:greet is named twice", "hint:"],
    );
    assert!(!case.tools().join("npm").exists(), "nothing was begun");
}

#[test]
fn an_interrupt_keeps_what_is_done_and_takes_back_the_rest() {
    let case = Case::new();
    python("stuck", "1.0").publish(&case.pypi);
    let page = case.pypi.page_path("stuck");
    case.pypi
        .fault(&page, Fault::Slow(Duration::from_secs(60)), Times::Always);
    let mut command = case.fixture.command();
    command
        .args(["tool", "install", "pypi:stuck", "pypi:greet", "--format", "json"])
        .stdout(Stdio::piped());
    let child = command.spawn().expect("the binary starts");
    let environment = case.tools().join("pypi/greet/.venv/bin/greet");
    let started = Instant::now();
    while !environment.exists() && started.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut kill = std::process::Command::new("kill");
    let kill = kill.args(["-INT", &child.id().to_string()]).status();
    assert!(kill.is_ok_and(|status| status.success()));
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("one document");
    assert_eq!(document["error"]["fault"], "interrupted");
    assert_eq!(document["result"]["failed"][0]["package"], "pypi:stuck");
    // The one was made while the other waited. Whether its commands came in time or not, what is listed runs.
    assert!(!case.tools().join("pypi/stuck").exists());
    for tool in case.json(&["tool", "list"])["tools"].as_array().expect("a list") {
        assert_eq!(tool["package"], "pypi:greet");
        assert_eq!(case.says("greet", &[]), "greet 1.0\n");
    }
    case.run(&["tool", "install", "pypi:greet"]).success();
}

#[test]
fn tools_that_have_newer_versions_are_listed() {
    let case = Case::new();
    python("plugin", "1.0").publish(&case.pypi);
    Package::new("needed", "1.0").publish(&case.pypi);
    greet("1.1").dep("needed").publish(&case.pypi);
    case.run(&["tool", "install", "pypi:greet<2", "--with", "pypi:plugin"])
        .success();
    case.run(&["tool", "install", "npm:say"]).success();
    let finished = case.run(&["tool", "outdated", "--check"]).success();
    assert_eq!(finished.stdout, "");
    tells(&finished, &["3 packages looked up, none is outdated"]);
    greet("2.0").publish(&case.pypi);
    python("plugin", "1.5").publish(&case.pypi);
    Package::new("needed", "3.0").publish(&case.pypi);
    say("1.1.0").publish(&case.npm);
    let finished = case.anew(&["tool", "outdated"]).success();
    assert_eq!(
        finished.stdout,
        "* pypi:greet   1.1   → 2.0  (pypi:greet<2)\n  \
           pypi:plugin  1.0   → 1.5  with pypi:greet\n\
         * npm:say      1.0.0 → 1.1.0\n"
    );
    let finished = case.run(&["tool", "outdated", "say", "--check"]);
    assert_eq!(finished.code(), Some(1), "{finished}");
    assert_eq!(finished.stdout, "* npm:say  1.0.0 → 1.1.0\n");
    let result = case.json(&["tool", "outdated", "say"]);
    assert_eq!(
        result,
        json!({ "checked": 1, "failed": [], "outdated": [{
            "tool": "npm:say", "package": "npm:say", "requested": "npm:say", "locked": "1.0.0", "latest": "1.1.0"
        }] })
    );
    fails(
        &case.run(&["tool", "outdated", "nothing"]),
        2,
        &["no tool `nothing`"],
    );
    // One that its registry does not know any more leaves the others'.
    let page = case.pypi.page_path("greet");
    case.pypi.fault(&page, Fault::Status(404), Times::Always);
    let finished = case.anew(&["tool", "outdated"]);
    assert_eq!(finished.code(), Some(2), "{finished}");
    assert_eq!(finished.stdout, "* npm:say  1.0.0 → 1.1.0\n");
    tells(&finished, &["error:", "greet"]);
    fails(&case.anew(&["tool", "outdated", "greet"]), 2, &["greet"]);
}

#[test]
fn scripts_that_a_tool_needs_are_approved_where_it_lies() {
    let case = Case::new();
    NpmPackage::new("native", "1.0.0")
        .script("install", "echo built > built.txt")
        .publish(&case.npm);
    say("2.0.0").dep("native", "1").publish(&case.npm);
    let finished = case.run(&["tool", "install", "npm:say"]).success();
    tells(
        &finished,
        &[
            "scripts were not run: native",
            "`wharf tool approve npm:say npm:NAME`",
        ],
    );
    let listed = case.run(&["tool", "approve", "say"]).success();
    assert_eq!(listed.stdout, "skipped   npm:native  1.0.0\n");
    fails(
        &case.run(&["tool", "approve", "say", "npm:other"]),
        2,
        &["npm:other"],
    );
    fails(
        &case.run(&["tool", "approve", "say", "npm:say"]),
        2,
        &[
            "npm:say has no install scripts",
            "`wharf tool approve npm:say` alone lists",
        ],
    );
    let finished = case.run(&["tool", "approve", "say", "npm:native"]).success();
    tells(&finished, &["Approved npm:native@1.0.0#sha512-"]);
    assert_eq!(finished.stdout, "approved  npm:native  1.0.0\n");
    let built = |folder: std::path::PathBuf| {
        let say = folder
            .join("node_modules/say")
            .canonicalize()
            .expect("it is there");
        say.parent()
            .is_some_and(|beside| beside.join("native/built.txt").exists())
    };
    assert!(built(case.tools().join("npm/say")));
    assert_eq!(case.says("say", &[]), "say 2.0.0\n");
    let finished = case.run(&["tool", "upgrade", "say"]).success();
    assert!(
        !finished.stderr.contains("scripts"),
        "it stays approved: {finished}"
    );
    fails(
        &case.run(&["tool", "approve", "nothing"]),
        2,
        &["no tool `nothing`"],
    );
    // A one-off is a project in the cache, and its warning names it.
    let finished = case.run(&["x", "npm:say"]).success();
    let words = finished.stderr.split('`').nth(1).expect("a command is named");
    let folder = words
        .strip_prefix("wharf -C ")
        .and_then(|words| words.strip_suffix(" approve npm:NAME"))
        .expect("it is `wharf -C FOLDER approve npm:NAME`");
    let folder = folder.replace("[HOME]", &case.fixture.home().display().to_string());
    case.run(&["-C", &folder, "approve", "npm:native"]).success();
    assert!(built(folder.into()));
    let finished = case.run(&["x", "npm:say"]).success();
    assert_eq!(
        (finished.stdout.as_str(), finished.stderr.as_str()),
        ("say 2.0.0\n", "")
    );
}
