//! Registries that answer badly: the message has the URL, and what can be survived is survived.

use std::time::Duration;

use wharf_testkit::{Fault, Finished, Fixture, Options, Package, Registry, Times};

const BINARY: &str = env!("CARGO_BIN_EXE_wharf");

fn project(options: Options) -> (Registry, Fixture) {
    let registry = Registry::start_with(options);
    Package::new("a", "1.0").dep("b").publish(&registry);
    Package::new("b", "1.0").publish(&registry);
    let fixture = Fixture::with_registry(BINARY, &registry);
    fixture.write(
        "wharf.toml",
        "[project]\nname = \"faults\"\n\n[pypi]\na = \"*\"\n",
    );
    (registry, fixture)
}

fn names(finished: &Finished, word: &str) {
    assert!(finished.stderr.contains(word), "no word of {word}: {finished}");
}

#[test]
fn passing_faults_are_survived() {
    let page = "/simple/b/";
    let wheel = "/files/b/b-1.0-py3-none-any.whl";
    for (path, fault) in [
        (page, Fault::Status(500)),
        (page, Fault::Status(503)),
        (page, Fault::RetryAfter(429, "0".to_owned())),
        (page, Fault::Slow(Duration::from_millis(300))),
        (page, Fault::Truncate(20)),
        (wheel, Fault::Status(502)),
        (wheel, Fault::Truncate(100)),
    ] {
        let (registry, fixture) = project(Options::default());
        registry.fault(path, fault.clone(), Times::Count(1));
        fixture.run(&["sync"]).success();
        fixture.python("import a, b").success();
        assert!(registry.hits(path) >= 1, "{fault:?} was never met");
    }
}

#[test]
fn lasting_faults_are_explained_by_their_url() {
    for fault in [Fault::Status(500), Fault::Garbage, Fault::Status(403)] {
        let (registry, fixture) = project(Options::default());
        registry.fault("/simple/b/", fault, Times::Always);
        let finished = fixture.run(&["lock"]);
        assert!(!finished.status.success(), "{finished}");
        names(&finished, "[REGISTRY]/simple/b/");
        assert!(!fixture.has("wharf.lock"), "a failed lock leaves nothing");
    }
}

#[test]
fn a_wheel_with_other_bytes_than_locked_is_refused_and_leaves_nothing() {
    let (registry, fixture) = project(Options::default());
    fixture.run(&["lock"]).success();
    registry.fault("/files/b/b-1.0-py3-none-any.whl", Fault::Corrupt, Times::Always);
    let finished = fixture.run(&["sync", "--frozen"]);
    assert!(!finished.status.success(), "{finished}");
    names(&finished, "b-1.0-py3-none-any.whl");
    names(&finished, "sha256");
    assert!(!fixture.has(".venv"), "half an environment");
}

#[test]
fn an_old_mirror_and_one_without_ranges_serve_as_well() {
    for options in [
        Options::old_mirror(),
        Options {
            serve_metadata: false,
            announce_metadata: false,
            ..Options::default()
        },
        Options {
            serve_metadata: false,
            announce_metadata: false,
            ranges: false,
            ..Options::default()
        },
    ] {
        let (_registry, fixture) = project(options);
        fixture.run(&["sync"]).success();
        fixture.python("import a, b").success();
    }
}

#[test]
fn with_a_lock_and_a_warm_store_nothing_touches_the_network() {
    let (registry, fixture) = project(Options::default());
    fixture.run(&["sync"]).success();
    std::fs::remove_dir_all(fixture.project().join(".venv")).expect("the environment is there");
    registry.clear_log();
    fixture.run(&["sync", "--frozen", "--offline"]).success();
    fixture.python("import a, b").success();
    assert_eq!(registry.log(), []);
}

#[test]
fn credentials_reach_the_registry_and_no_output() {
    let credentials = Some(("user".to_owned(), "hunter2".to_owned()));
    let (registry, mut fixture) = project(Options {
        credentials,
        ..Options::default()
    });
    let url = registry.index_url().replace("http://", "http://user:hunter2@");
    fixture.set("PIP_INDEX_URL", &url);
    let finished = fixture.run(&["sync", "-vv"]).success();
    let lock = fixture.read("wharf.lock");
    for text in [&finished.stdout, &finished.stderr, &lock] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    fixture.python("import a, b").success();
}

#[test]
fn a_source_distribution_is_built_in_isolation() {
    let registry = Registry::start();
    Package::new("built", "1.0")
        .dep("leaf")
        .dynamic_sdist()
        .build_requires("helper")
        .build_imports("helper")
        .publish(&registry);
    Package::new("helper", "1.0").publish(&registry);
    Package::new("leaf", "1.0").publish(&registry);
    let fixture = Fixture::with_registry(BINARY, &registry);
    fixture.write(
        "wharf.toml",
        "[project]\nname = \"source\"\n\n[pypi]\nbuilt = \"*\"\n",
    );
    fixture.run(&["sync"]).success();
    fixture.python("import built, leaf").success();
    // What the build needed is not what the project gets.
    assert!(!fixture.python("import helper").status.success());
}

#[test]
fn a_build_that_fails_shows_what_it_said() {
    let registry = Registry::start();
    Package::new("built", "1.0")
        .dynamic_sdist()
        .build_fails("the flux capacitor is missing")
        .publish(&registry);
    let fixture = Fixture::with_registry(BINARY, &registry);
    fixture.write(
        "wharf.toml",
        "[project]\nname = \"source\"\n\n[pypi]\nbuilt = \"*\"\n",
    );
    let finished = fixture.run(&["lock"]);
    assert!(!finished.status.success(), "{finished}");
    names(&finished, "built");
    names(&finished, "the flux capacitor is missing");
}

/// What is fetched below one URL comes from another; the lockfile keeps the first, so that it serves everybody.
#[test]
fn mirrors_are_transparent() {
    let (registry, mut fixture) = project(Options::default());
    let dead = "http://127.0.0.1:9";
    fixture.set("PIP_INDEX_URL", &format!("{dead}/simple/"));
    fixture.set("WHARF_MIRRORS", &format!("{dead}={}", registry.base_url()));
    fixture.run(&["lock"]).success();
    let lock = fixture.read("wharf.lock");
    assert!(lock.contains(&format!("{dead}/simple/")), "{lock}");
    fixture.set("WHARF_MIRRORS", "http://127.0.0.1:9/");
    let finished = fixture.run(&["lock"]).failure(2);
    names(&finished, "WHARF_MIRRORS");
}
