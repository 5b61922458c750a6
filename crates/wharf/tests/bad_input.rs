//! Files, pages and disks that cannot be used: the message points at the place, odd but harmless things cost only
//! themselves, and nothing is lost or half written.

use std::time::{Duration, Instant};

use serde_json::Value;
use wharf_testkit::{Fault, Finished, Fixture, Format, Options, Package, Registry, Times};

const BINARY: &str = env!("CARGO_BIN_EXE_wharf");

#[track_caller]
fn says(finished: &Finished, code: i32, words: &[&str]) {
    assert_eq!(finished.code(), Some(code), "{finished}");
    for word in words {
        assert!(finished.stderr.contains(word), "no word of `{word}`: {finished}");
    }
}

fn simple(options: Options) -> (Registry, Fixture) {
    let registry = Registry::start_with(options);
    Package::new("a", "1.0").publish(&registry);
    let fixture = Fixture::with_registry(BINARY, &registry);
    fixture.write("wharf.toml", "[pypi]\na = \"*\"\n");
    (registry, fixture)
}

#[test]
fn malformed_files_are_shown_with_line_and_column() {
    let (_registry, fixture) = simple(Options::default());
    fixture.run(&["lock"]).success();
    let lock = fixture.read("wharf.lock");
    for (file, text, words) in [
        ("wharf.toml", "[pypi\n", &["wharf.toml:1:6", "not valid TOML"][..]),
        (
            "wharf.toml",
            "[pypi]\na = 1.0\n",
            &["wharf.toml:2:5", "version string"],
        ),
        (
            "wharf.toml",
            "[pypi]\na = \"^1\"\n",
            &["wharf.toml:2:6", "`>=1,<2`"],
        ),
        (
            "wharf.toml",
            "[options]\nresolution = \"newest\"\n",
            &["wharf.toml:2:14", "`highest`"],
        ),
        ("wharf.toml", "[gems]\n", &["wharf.toml:1:2", "gems"]),
        (
            "wharf.toml",
            "[cargo]\nrg = 1\n",
            &["wharf.toml:2:6", "version string"],
        ),
        (
            "wharf.lock",
            &lock.replace("version = 1\n", "version = \"x\"\n"),
            &["wharf.lock:2:11"],
        ),
        ("wharf.lock", "<<<<<<< HEAD\n", &["wharf.lock:1:"]),
        (
            "pyproject.toml",
            "[project]\nname = \"x\"\ndependencies = [\"a=>1\"]\n",
            &["pyproject.toml:3:"],
        ),
        ("requirements.txt", "a\nb ==\n", &["requirements.txt:2:"]),
        (
            "requirements.txt",
            "-r other.txt\n",
            &["other.txt", "line 1 of `requirements.txt`"],
        ),
    ] {
        for name in ["wharf.toml", "pyproject.toml", "requirements.txt", "wharf.lock"] {
            let _ = std::fs::remove_file(fixture.project().join(name));
        }
        if file == "wharf.lock" {
            fixture.write("wharf.toml", "[pypi]\na = \"*\"\n");
        }
        fixture.write(file, text);
        says(&fixture.run(&["lock"]), 2, words);
        let finished = fixture.run(&["lock", "--format", "json"]).failure(2);
        let document: Value = serde_json::from_str(&finished.stdout).expect("one JSON document");
        let message = document["error"]["message"].as_str().expect("a message is text");
        assert!(message.contains(words[0]) || !words[0].contains(':'), "{message}");
        assert_eq!(fixture.read(file), text, "what is malformed is left alone");
    }
}

#[test]
fn odd_entries_of_a_page_cost_only_themselves() {
    for format in [Format::Negotiated, Format::Html] {
        let (registry, fixture) = simple(Options {
            format,
            ..Options::default()
        });
        for name in [
            "a-not.a.version-py3-none-any.whl",
            "a-9.0-py3.whl",
            "a-9.0.exe",
            "b-9.0-py3-none-any.whl",
            "a-9.0-py3-none-any.whl.asc",
            "a.tar.gz",
            "\u{202e}a-9.0.whl",
        ] {
            registry.publish_archive("a", name, "nothing that anyone reads");
        }
        if format == Format::Negotiated {
            // HTML has no names but the last part of a URL, where this is an ordinary one.
            registry.publish_archive("a", "../../a-9.0-py3-none-any.whl", "nothing that anyone reads");
        }
        Package::new("a", "9.1")
            .requires_python("three or so")
            .publish(&registry);
        fixture.run(&["sync"]).success();
        let lock = fixture.read("wharf.lock");
        assert!(lock.contains("a-9.1-py3") || lock.contains("a-1.0-py3"), "{lock}");
        assert!(!lock.contains("9.0"), "{lock}");
        fixture.python("import a").success();
    }
}

/// An old release may require nonsense; that release is passed over and the others stand.
#[test]
fn a_release_with_unreadable_requirements_costs_only_itself() {
    let registry = Registry::start();
    Package::new("a", "1.0").publish(&registry);
    Package::new("a", "2.0").dep("b>>>nonsense").publish(&registry);
    Package::new("c", "1.0")
        .metadata("this is no metadata")
        .publish(&registry);
    Package::new("c", "0.9").publish(&registry);
    let fixture = Fixture::with_registry(BINARY, &registry);
    fixture.write("wharf.toml", "[pypi]\na = \"*\"\nc = \"*\"\n");
    fixture.run(&["lock"]).success();
    let lock = fixture.read("wharf.lock");
    assert!(lock.contains("a-1.0-") && lock.contains("c-0.9-"), "{lock}");
    // Where nothing else is left, the reason is told.
    fixture.write("wharf.toml", "[pypi]\na = \">1\"\n");
    says(&fixture.run(&["lock"]), 3, &["2.0", "nonsense"]);
}

#[test]
fn pages_that_never_come_right_give_the_url_and_a_next_step() {
    for (fault, words) in [
        (
            Fault::Status(500),
            &["[REGISTRY]/simple/a/", "500", "tried 2 times"][..],
        ),
        (Fault::Truncate(30), &["[REGISTRY]/simple/a/"]),
        (Fault::Garbage, &["[REGISTRY]/simple/a/"]),
        (Fault::Status(401), &["[REGISTRY]/simple/a/", "401"]),
    ] {
        let (registry, mut fixture) = simple(Options::default());
        fixture.set("WHARF_HTTP_RETRIES", "1");
        registry.fault(&registry.page_path("a"), fault.clone(), Times::Always);
        let finished = fixture.run(&["lock"]);
        says(&finished, 4, words);
        assert!(finished.stderr.contains("hint:"), "{fault:?}: {finished}");
        assert!(!fixture.has("wharf.lock"));
    }
}

#[test]
fn a_page_that_is_not_there_is_a_name_that_is_not_there() {
    let (registry, fixture) = simple(Options::default());
    fixture.write("wharf.toml", "[pypi]\naa = \"*\"\n");
    says(
        &fixture.run(&["lock"]),
        3,
        &["aa", "[REGISTRY]/simple/", "wharf.toml:2"],
    );
    says(
        &fixture.run(&["info", "aa"]),
        2,
        &["aa", "[REGISTRY]/simple/", "spelling"],
    );
    assert!(registry.hits(&registry.page_path("aa")) >= 1);
}

#[test]
fn a_silent_registry_is_given_up_in_time() {
    let (registry, mut fixture) = simple(Options::default());
    fixture.set("WHARF_HTTP_TIMEOUT", "1");
    fixture.set("WHARF_HTTP_RETRIES", "0");
    registry.fault(
        &registry.page_path("a"),
        Fault::Slow(Duration::from_secs(60)),
        Times::Always,
    );
    let started = Instant::now();
    says(
        &fixture.run(&["lock"]),
        4,
        &["[REGISTRY]/simple/a/", "timed out", "hint:"],
    );
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn half_a_wheel_forever_is_told_and_leaves_the_environment() {
    // With ranges it would arrive piece by piece.
    let (registry, mut fixture) = simple(Options {
        ranges: false,
        ..Options::default()
    });
    fixture.run(&["sync"]).success();
    let before = fixture.digest(".venv");
    Package::new("b", "1.0").publish(&registry);
    fixture.write("wharf.toml", "[pypi]\nb = \"*\"\n");
    fixture.set("WHARF_HTTP_RETRIES", "1");
    let path = registry.file_path("b", "b-1.0-py3-none-any.whl");
    registry.fault(&path, Fault::Truncate(50), Times::Always);
    says(&fixture.run(&["sync"]), 4, &["b 1.0", "b-1.0-py3-none-any.whl"]);
    assert!(fixture.digest(".venv").differences(&before).is_empty());
}

/// A wrong proxy or index in the settings is named with its variable.
#[test]
fn settings_that_cannot_be_used_are_named() {
    for (name, value) in [
        ("PIP_INDEX_URL", "not a url"),
        ("WHARF_HTTP_TIMEOUT", "soon"),
        ("UV_INDEX_STRATEGY", "luckiest"),
        ("PIP_NO_INDEX", "perhaps"),
        ("PIP_RETRIES", "many"),
    ] {
        let mut fixture = Fixture::new(BINARY);
        fixture.write("wharf.toml", "[pypi]\n");
        fixture.set(name, value);
        says(&fixture.run(&["lock"]), 2, &[name, value, "change or unset"]);
    }
    let mut fixture = Fixture::new(BINARY);
    fixture.write("wharf.toml", "[pypi]\n");
    fixture.write("pip.conf", "[global]\ntimeout = soon\n");
    fixture.set(
        "PIP_CONFIG_FILE",
        &fixture.project().join("pip.conf").display().to_string(),
    );
    says(&fixture.run(&["lock"]), 2, &["[PROJECT]/pip.conf:2", "`soon`"]);
}

/// Runs the binary under a limit on the size of files, which fails as a full disk does.
fn with_small_files(fixture: &Fixture, blocks: u32, arguments: &str) -> Finished {
    let mut command = fixture.isolated("bash");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" {arguments}");
    command.args(["-c", &script, BINARY]);
    fixture.finish(command)
}

#[test]
fn a_full_disk_loses_nothing() {
    let (registry, fixture) = simple(Options::default());
    fixture.run(&["sync"]).success();
    let lock = fixture.read("wharf.lock");
    let manifest = "[pypi]\na = \">=1\"\n";
    fixture.write("wharf.toml", manifest);
    says(
        &with_small_files(&fixture, 0, "lock"),
        4,
        &["[PROJECT]/wharf.lock", "free"],
    );
    assert_eq!(fixture.read("wharf.lock"), lock);
    says(
        &with_small_files(&fixture, 0, "add 'pypi:a>=0.5'"),
        4,
        &["[PROJECT]/wharf.toml", "free"],
    );
    assert_eq!(fixture.read("wharf.toml"), manifest);

    let before = fixture.digest(".venv");
    let long = "x = 1\n".repeat(20_000);
    Package::new("large", "1.0")
        .file("large/big.py", &long)
        .publish(&registry);
    fixture.write("wharf.toml", "[pypi]\na = \"*\"\nlarge = \"*\"\n");
    fixture.run(&["lock"]).success();
    says(&with_small_files(&fixture, 20, "sync"), 4, &["large", "free"]);
    assert!(fixture.digest(".venv").differences(&before).is_empty());
    fixture.run(&["sync"]).success();
    fixture.python("import large.big").success();
    fixture.run(&["store", "verify"]).success();
}

/// A file stands where a folder has to be: the same for every user, root included.
#[test]
fn folders_that_cannot_be_made_are_named() {
    let (_registry, fixture) = simple(Options::default());
    fixture.run(&["lock"]).success();
    fixture.write("file", "");
    says(
        &fixture.run(&["sync", "--store", "file/store"]),
        4,
        &["[PROJECT]/file/store", "Not a directory"],
    );
    assert!(!fixture.has(".venv"));
    // A cache that cannot be written costs time, not the command.
    let finished = fixture.run(&["lock", "-U", "--cache", "file/cache"]).success();
    assert!(
        finished.stderr.contains("warning:") && finished.stderr.contains("cache"),
        "{finished}"
    );
    fixture.write(".wharf", "");
    says(&fixture.run(&["sync"]), 4, &["[PROJECT]/.wharf"]);
    std::fs::remove_file(fixture.project().join(".wharf")).expect("it is ours");
    fixture.write(".venv/keep.txt", "mine");
    says(&fixture.run(&["sync"]), 2, &["[PROJECT]/.venv", "--replace"]);
    assert_eq!(fixture.read(".venv/keep.txt"), "mine");
    fixture.run(&["sync", "--replace"]).success();
    assert!(!fixture.has(".venv/keep.txt"));
}

/// The first interrupt ends a command cleanly, whatever it waits for.
#[test]
fn an_interrupt_leaves_nothing_half_done() {
    let (registry, fixture) = simple(Options::default());
    let interrupted = |arguments: &[&str]| {
        let mut command = fixture.command();
        command
            .args(arguments)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        let child = command.spawn().expect("the binary starts");
        let started = Instant::now();
        // Interrupted while it waits for an answer, not before it listens for signals.
        while registry.log().is_empty() && started.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(100));
        let kill = std::process::Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status();
        assert!(kill.is_ok_and(|status| status.success()));
        child.wait_with_output().expect("it ends")
    };
    let slow = Fault::Slow(Duration::from_secs(30));
    registry.fault(&registry.page_path("a"), slow.clone(), Times::Count(1));
    let output = interrupted(&["lock"]);
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("interrupted"));
    assert!(!fixture.has("wharf.lock"));

    let manifest = fixture.read("wharf.toml");
    registry.clear_log();
    registry.fault(&registry.page_path("b"), slow.clone(), Times::Count(1));
    let output = interrupted(&["add", "pypi:b", "--format", "json"]);
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!(document["error"]["fault"], "interrupted");
    assert_eq!(fixture.read("wharf.toml"), manifest);

    fixture.run(&["lock"]).success();
    registry.clear_log();
    registry.fault(
        &registry.file_path("a", "a-1.0-py3-none-any.whl"),
        slow,
        Times::Count(1),
    );
    let output = interrupted(&["sync"]);
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(!fixture.has(".venv"));
    fixture.run(&["sync"]).success();
    fixture.python("import a").success();
}

#[test]
fn a_path_that_is_not_there_is_told_with_the_line_that_names_it() {
    let registry = Registry::start();
    let fixture = Fixture::with_registry(BINARY, &registry);
    fixture.write(
        "wharf.toml",
        "[project]\nname = \"p\"\n\n[pypi]\nx = { path = \"nope\" }\n",
    );
    let finished = fixture.run(&["lock"]);
    assert!(!finished.status.success(), "{finished}");
    assert!(
        finished
            .stderr
            .contains("x (wharf.toml:5) could not be looked up"),
        "{finished}"
    );
    assert!(finished.stderr.contains("nope"), "{finished}");
}
