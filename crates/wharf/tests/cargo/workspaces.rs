//! `Cargo.lock` and what plain cargo finds after a sync.

use wharf_testkit::{CargoOptions, CargoRegistry, CrateDep, Fixture};

use crate::{
    BINARY, cargo, forget_answers, json, locked, manifest, project, release, says, tells, use_registry,
};

/// `app` needs `front`, which needs `base`; two versions of `old` stand side by side.
fn published() -> CargoRegistry {
    let registry = CargoRegistry::start();
    release("base", "1.0.0").publish(&registry);
    release("base", "1.1.0").publish(&registry);
    release("old", "0.1.5").publish(&registry);
    release("old", "0.2.0").publish(&registry);
    release("windows-only", "1.0.0").publish(&registry);
    release("front", "2.0.0")
        .dep("base", "^1.0")
        .dep("old", "0.1")
        .with(CrateDep::new("windows-only", "1").target("cfg(windows)"))
        .publish(&registry);
    registry
}

const DEPENDENCIES: &str = "front = \"2\"\nold = \"0.2\"\n";

#[test]
fn a_lock_is_one_that_cargo_takes_as_it_is() {
    let registry = published();
    let fixture = project(&registry);
    manifest(&fixture, DEPENDENCIES);
    let finished = fixture.run(&["lock"]).success();
    tells(
        &finished,
        &[
            "Locked 5 packages",
            "+ cargo:front 2.0.0",
            "+ cargo:old 0.1.5, 0.2.0",
        ],
    );
    assert!(
        !fixture.has("wharf.lock") && !fixture.has(".cargo"),
        "one lock, and no more than the lock"
    );
    assert_eq!(
        locked(&fixture),
        [
            "app 0.1.0",
            "base 1.1.0",
            "front 2.0.0",
            "old 0.1.5",
            "old 0.2.0",
            "windows-only 1.0.0"
        ]
    );
    let text = fixture.read("Cargo.lock");
    fixture.run(&["lock", "--check"]).success();
    // cargo with the same registry finds the same, and nothing to change.
    let mut command = fixture.isolated(fixture.programs().join("cargo"));
    command.args(["metadata", "--locked", "--format-version", "1"]);
    fixture.finish(command).success();
    std::fs::remove_file(fixture.project().join("Cargo.lock")).expect("it is there");
    let mut command = fixture.isolated(fixture.programs().join("cargo"));
    command.arg("generate-lockfile");
    fixture.finish(command).success();
    assert_eq!(fixture.read("Cargo.lock"), text);
}

#[test]
fn after_a_sync_plain_cargo_builds_offline() {
    let registry = published();
    let fixture = project(&registry);
    manifest(&fixture, DEPENDENCIES);
    fixture.write("src/lib.rs", "pub const WHO: [&str; 2] = [front::WHO, old::WHO];");
    let finished = fixture.run(&["sync"]).success();
    tells(&finished, &["Installed 5 packages", "+ cargo:windows-only 1.0.0"]);
    cargo(&fixture, &["build", "--locked", "--offline"]).success();
    registry.clear_log();
    tells(&fixture.run(&["sync"]).success(), &["Nothing to do"]);
    assert_eq!(registry.requests(), 0);
    // A second project has it all from the store, without the network.
    fixture.write("other/Cargo.toml", &fixture.read("Cargo.toml"));
    fixture.write("other/src/lib.rs", "");
    let mut command = fixture.command();
    command
        .current_dir(fixture.project().join("other"))
        .args(["sync", "--offline"]);
    fixture.finish(command).success();
    assert_eq!(registry.requests(), 0);
    assert_eq!(fixture.read("other/Cargo.lock"), fixture.read("Cargo.lock"));
}

#[test]
fn what_a_sync_wrote_goes_when_nothing_is_needed_any_more() {
    let registry = published();
    let fixture = project(&registry);
    let own = "# mine\n[build]\njobs = 1\n";
    fixture.write(".cargo/config.toml", own);
    manifest(&fixture, DEPENDENCIES);
    fixture.run(&["sync"]).success();
    let led = fixture.read(".cargo/config.toml");
    assert!(led.starts_with(own) && led.contains("replace-with"), "{led}");
    manifest(&fixture, "");
    fixture.run(&["sync"]).success();
    assert_eq!(fixture.read(".cargo/config.toml"), own);
    assert!(!fixture.has(".wharf/cargo"));
    cargo(&fixture, &["build", "--locked", "--offline"]).success();
}

#[test]
fn a_replacement_of_the_users_is_never_overwritten() {
    let registry = published();
    let fixture = project(&registry);
    let own =
        "[source.crates-io]\nreplace-with = \"vendored\"\n\n[source.vendored]\ndirectory = \"vendor\"\n";
    manifest(&fixture, DEPENDENCIES);
    fixture.run(&["lock"]).success();
    fixture.write(".cargo/config.toml", own);
    let finished = fixture.run(&["sync", "--frozen"]);
    assert_ne!(finished.code(), Some(0), "{finished}");
    tells(&finished, &["config.toml"]);
    assert_eq!(fixture.read(".cargo/config.toml"), own);
    assert!(!fixture.has(".wharf/cargo"));
}

#[test]
fn a_workspace_is_locked_as_one() {
    let registry = published();
    let fixture = project(&registry);
    fixture.write(
        "Cargo.toml",
        "[workspace]\nmembers = [\"crates/*\"]\nresolver = \"2\"\n\n[workspace.package]\nversion = \"0.3.0\"\nedition = \"2021\"\n\n\
         [workspace.dependencies]\nbase = \"1\"\nlib = { path = \"crates/lib\" }\n",
    );
    let member = |name: &str, rest: &str| {
        let text = format!(
            "[package]\nname = \"{name}\"\nversion.workspace = true\nedition.workspace = true\n\n[dependencies]\n{rest}"
        );
        fixture.write(&format!("crates/{name}/Cargo.toml"), &text);
        fixture.write(&format!("crates/{name}/src/lib.rs"), "");
    };
    member("lib", "base.workspace = true\n");
    member(
        "tool",
        "lib.workspace = true\n\n[dev-dependencies]\nold = \"0.2\"\n",
    );
    // From a member's folder too.
    let mut command = fixture.command();
    command
        .current_dir(fixture.project().join("crates/tool"))
        .arg("sync");
    fixture.finish(command).success();
    assert_eq!(
        locked(&fixture),
        ["base 1.1.0", "lib 0.3.0", "old 0.2.0", "tool 0.3.0"]
    );
    cargo(
        &fixture,
        &["test", "--workspace", "--locked", "--offline", "--no-run"],
    )
    .success();
}

#[test]
fn an_upgrade_moves_what_it_names_and_no_more() {
    let registry = published();
    let fixture = project(&registry);
    manifest(&fixture, DEPENDENCIES);
    fixture.run(&["lock"]).success();
    release("base", "1.2.0").publish(&registry);
    release("old", "0.2.9").publish(&registry);
    let before = fixture.read("Cargo.lock");
    fixture.run(&["lock"]).success();
    assert_eq!(fixture.read("Cargo.lock"), before, "what is locked stays");
    fixture
        .run(&["lock", "--upgrade-package", "cargo:base"])
        .success();
    assert!(
        locked(&fixture).contains(&"base 1.2.0".to_owned())
            && locked(&fixture).contains(&"old 0.2.0".to_owned())
    );
    fixture.run(&["lock", "--upgrade", "--dry-run"]).success();
    assert!(
        locked(&fixture).contains(&"old 0.2.0".to_owned()),
        "a dry run writes nothing"
    );
    fixture.run(&["lock", "--upgrade"]).success();
    assert!(locked(&fixture).contains(&"old 0.2.9".to_owned()));
}

#[test]
fn a_stale_lock_is_told_with_what_it_lacks() {
    let registry = published();
    let fixture = project(&registry);
    manifest(&fixture, "base = \"1\"\n");
    says(
        &fixture.run(&["lock", "--check"]),
        2,
        &["there is no lockfile at"],
    );
    fixture.run(&["lock"]).success();
    manifest(&fixture, DEPENDENCIES);
    says(
        &fixture.run(&["lock", "--check"]),
        2,
        &["Cargo.lock", "cargo:front 2.0.0 is missing"],
    );
    says(
        &fixture.run(&["sync", "--locked"]),
        2,
        &["Cargo.lock", "does not match the manifest"],
    );
    assert_eq!(locked(&fixture), ["app 0.1.0", "base 1.1.0"]);
    fixture.run(&["sync", "--frozen"]).success();
    assert!(fixture.has(".wharf/cargo/base-1.1.0") && !fixture.has(".wharf/cargo/front-2.0.0"));
}

#[test]
fn locks_are_looked_at() {
    let registry = published();
    let fixture = project(&registry);
    manifest(&fixture, DEPENDENCIES);
    fixture.run(&["sync"]).success();
    let listed = fixture.run(&["list"]).success().stdout;
    assert!(
        listed.contains("cargo:front") && listed.contains("cargo:old"),
        "{listed}"
    );
    let entries = json(&fixture, &["list"]);
    let front = entries["packages"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|entry| entry["package"] == "cargo:front");
    let front = front.expect("it is listed");
    assert_eq!(
        (front["version"].as_str(), front["direct"].as_bool()),
        (Some("2.0.0"), Some(true))
    );
    assert_eq!(front["purl"], "pkg:cargo/front@2.0.0");
    let tree = fixture.run(&["tree"]).success().stdout;
    assert!(
        tree.contains("cargo:front 2.0.0") && tree.contains("cargo:base 1.1.0"),
        "{tree}"
    );
    let why = fixture.run(&["why", "cargo:base"]).success().stdout;
    assert!(why.contains("front") && why.contains("Cargo.toml"), "{why}");
    release("base", "1.9.0").publish(&registry);
    forget_answers(&fixture);
    let outdated = json(&fixture, &["outdated"]);
    assert_eq!(outdated["outdated"][0]["package"], "cargo:base");
    assert_eq!(outdated["outdated"][0]["latest"], "1.9.0");
    let info = json(&fixture, &["info", "cargo:front"]);
    assert_eq!(
        (info["version"].as_str(), info["locked"].as_str()),
        (Some("2.0.0"), Some("2.0.0"))
    );
    assert!(
        info["requires"].as_array().is_some_and(|needs| needs.len() == 3),
        "{info}"
    );
}

/// A registry that shows nothing to strangers.
fn private() -> CargoRegistry {
    CargoRegistry::start_with(CargoOptions {
        auth_required: true,
        ..CargoOptions::default()
    })
}

#[test]
fn a_registry_of_ones_own_is_found_by_its_name() {
    let (public, own) = (published(), private());
    release("private", "1.0.0")
        .with(CrateDep::new("base", "1").registry("https://github.com/rust-lang/crates.io-index"))
        .publish(&own);
    own.require("the-token");
    let fixture = Fixture::new(BINARY);
    use_registry(&fixture, &public);
    let config = fixture.home().join(".cargo/config.toml");
    let text =
        std::fs::read_to_string(&config).expect("it was written") + "\n" + &own.config_toml_named("corp");
    std::fs::write(&config, text).expect("the home can be written");
    manifest(&fixture, "private = { version = \"1\", registry = \"corp\" }\n");
    let finished = fixture.run(&["lock"]);
    assert_eq!(finished.code(), Some(4), "{finished}");
    tells(&finished, &["corp"]);
    std::fs::write(
        fixture.home().join(".cargo/credentials.toml"),
        "[registries.corp]\ntoken = \"the-token\"\n",
    )
    .expect("the home can be written");
    let finished = fixture.run(&["sync"]).success();
    assert!(!finished.stderr.contains("the-token"));
    let text = format!("[registries.corp]\nindex = \"{}\"\n", own.index_url());
    let home = fixture.home().join("plain-cargo");
    std::fs::create_dir_all(&home).expect("the home can be written");
    std::fs::write(home.join("config.toml"), text).expect("the home can be written");
    cargo(&fixture, &["build", "--locked", "--offline"]).success();
}
