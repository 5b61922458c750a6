//! Commands that are killed: the next one mends.

use std::process::Stdio;
use std::time::{Duration, Instant};

use wharf_testkit::{Digest, Package};

use crate::{Case, greet, say};

/// Starts a command and kills it after a while; how long it was let run.
fn kill_after(case: &Case, arguments: &[&str], delay: Duration) {
    let mut command = case.fixture.command();
    command
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().expect("the binary starts");
    std::thread::sleep(delay);
    let _ = child.kill();
    child.wait().expect("a child ends");
}

/// How long a command takes.
fn duration(case: &Case, arguments: &[&str]) -> Duration {
    let started = Instant::now();
    case.run(arguments).success();
    started.elapsed()
}

/// Points in a span, not evenly: most happens at its end.
fn points(span: Duration) -> impl Iterator<Item = Duration> {
    [0.1, 0.35, 0.55, 0.65, 0.75, 0.82, 0.88, 0.92, 0.96, 0.98, 1.0]
        .into_iter()
        .map(move |part| span.mul_f64(part))
}

fn fat(version: &str) -> Package {
    (0..40).fold(greet(version), |package, number| {
        package.file(&format!("greet_{number}.py"), &format!("VALUE = {number}\n"))
    })
}

#[test]
fn an_install_that_was_killed_is_there_or_not() {
    let case = Case::new();
    fat("2.0").publish(&case.pypi);
    std::fs::create_dir_all(case.bin("")).expect("the home can be written");
    let nothing = case.remains();
    // With the store warm, kills hit what matters.
    let span = duration(&case, &["tool", "install", "pypi:greet"]);
    case.run(&["tool", "remove", "greet"]).success();
    for delay in points(span) {
        kill_after(&case, &["tool", "install", "pypi:greet"], delay);
        let list = case.json(&["tool", "list"]);
        match list["tools"].as_array().map(Vec::len) {
            Some(0) => {
                assert_eq!(
                    case.remains().differences(&nothing),
                    Vec::<String>::new(),
                    "{delay:?}"
                );
            }
            Some(1) => {
                assert_eq!(case.says("greet", &[]), "greet 2.0\n", "{delay:?}");
                assert_eq!(list["tools"][0]["trouble"], serde_json::Value::Null);
            }
            other => panic!("{other:?}"),
        }
        case.run(&["tool", "install", "pypi:greet"]).success();
        assert_eq!(case.says("greet", &[]), "greet 2.0\n");
        case.run(&["tool", "remove", "greet"]).success();
        assert_eq!(case.remains().differences(&nothing), Vec::<String>::new());
    }
}

#[test]
fn an_upgrade_that_was_killed_is_the_old_one_or_the_new_one() {
    let case = Case::new();
    fat("2.0").publish(&case.pypi);
    let old = ["tool", "install", "pypi:greet==1.0"];
    let new = ["tool", "install", "pypi:greet==2.0"];
    case.run(&old).success();
    let span = duration(&case, &new);
    for delay in points(span) {
        case.run(&old).success();
        kill_after(&case, &new, delay);
        let list = case.json(&["tool", "list"]);
        let tool = &list["tools"][0];
        let version = tool["version"].as_str().expect("it is installed");
        // Manifest, lock, environment and command are of one mind.
        assert_eq!(tool["requested"], format!("pypi:greet=={version}"), "{delay:?}");
        assert_eq!(case.says("greet", &[]), format!("greet {version}\n"));
        let lock = std::fs::read_to_string(case.tools().join("pypi/greet/wharf.lock")).expect("it is locked");
        assert!(lock.contains(&format!("\"{version}\"")), "{delay:?}: {lock}");
        assert!(!case.tools().join("pypi/greet/.wharf/change.json").exists());
    }
}

#[test]
fn a_removal_that_was_killed_is_finished() {
    let case = Case::new();
    std::fs::create_dir_all(case.bin("")).expect("the home can be written");
    let nothing = case.remains();
    case.run(&["tool", "install", "npm:say"]).success();
    // As if the process had died right after the folder was moved away.
    let removed = case.tools().join(".removed/0");
    std::fs::create_dir_all(case.tools().join(".removed")).expect("it is ours");
    std::fs::rename(case.tools().join("npm/say"), &removed).expect("it is ours");
    assert!(case.bin("say").symlink_metadata().is_ok());
    let list = case.json(&["tool", "list"]);
    assert_eq!(list["tools"], serde_json::json!([]));
    assert!(case.bin("say").symlink_metadata().is_err());
    assert!(!removed.exists());
    case.run(&["tool", "install", "npm:say"]).success();
    case.run(&["tool", "remove", "say"]).success();
    assert_eq!(case.remains().differences(&nothing), Vec::<String>::new());
}

#[test]
fn a_one_off_that_was_killed_runs_the_next_time() {
    let case = Case::new();
    say("1.1.0").publish(&case.npm);
    let span = duration(&case, &["x", "npm:say"]);
    for delay in points(span) {
        let folder = case.fixture.home().join("cache/wharf/x");
        std::fs::remove_dir_all(&folder).expect("it is ours");
        kill_after(&case, &["x", "npm:say"], delay);
        assert_eq!(
            case.run(&["x", "npm:say"]).success().stdout,
            "say 1.1.0\n",
            "{delay:?}"
        );
    }
    assert!(!Digest::of(&case.fixture.home().join("cache/wharf/x")).is_empty());
}
