//! What registries say and archives hold that cannot be used: refused by name, the rest unharmed.

use wharf_testkit::{CargoRegistry, Fixture};

use crate::{cargo, forget_answers, locked, manifest, project, release, says, tells};

/// A project with one good crate that is installed already.
fn standing(registry: &CargoRegistry) -> Fixture {
    release("good", "1.0.0").publish(registry);
    let fixture = project(registry);
    manifest(&fixture, "good = \"1\"\n");
    fixture.run(&["sync"]).success();
    fixture
}

/// Asks for one crate more, which cannot be had; what stands there stays and works.
#[track_caller]
fn refused(registry: &CargoRegistry, fixture: &Fixture, more: &str, code: i32, words: &[&str]) {
    let (lock, config) = (fixture.read("Cargo.lock"), fixture.read(".cargo/config.toml"));
    let before = fixture.read("Cargo.toml");
    manifest(fixture, &format!("good = \"1\"\n{more}"));
    says(&fixture.run(&["sync"]), code, words);
    fixture.write("Cargo.toml", &before);
    fixture.write("Cargo.lock", &lock);
    assert_eq!(fixture.read(".cargo/config.toml"), config);
    assert!(fixture.has(".wharf/cargo/good-1.0.0/Cargo.toml"));
    cargo(fixture, &["build", "--locked", "--offline"]).success();
    registry.clear_log();
    fixture.run(&["sync"]).success();
}

/// Index files are written behind the command: one that fails waits for them all the same.
#[test]
fn what_a_failing_command_learnt_is_not_asked_again() {
    let registry = CargoRegistry::start();
    let fixture = project(&registry);
    let mut wanted = String::from("a0 = \"2\"\n");
    for number in 0..30 {
        release(&format!("a{number}"), "1.0.0").publish(&registry);
        if number > 0 {
            wanted.push_str(&format!("a{number} = \"1\"\n"));
        }
    }
    manifest(&fixture, &wanted);
    says(&fixture.run(&["lock"]), 3, &["a0"]);
    registry.clear_log();
    says(&fixture.run(&["lock"]), 3, &["a0"]);
    // Whether there is a newer `a0` is asked before it is said that there is none.
    let a0 = registry.index_path("a0");
    let asked: Vec<_> = registry.log().into_iter().map(|request| request.path).collect();
    assert!(asked.iter().all(|path| *path == a0), "{asked:?}");
}

#[test]
fn a_wrong_checksum() {
    let registry = CargoRegistry::start();
    let fixture = standing(&registry);
    release("forged", "1.0.0").wrong_checksum().publish(&registry);
    refused(
        &registry,
        &fixture,
        "forged = \"1\"\n",
        5,
        &["forged", "1.0.0", "checksum"],
    );
}

#[test]
fn a_path_that_climbs_out() {
    let registry = CargoRegistry::start();
    let fixture = standing(&registry);
    release("climber", "1.0.0")
        .entry("climber-1.0.0/../../escaped", b"x")
        .publish(&registry);
    refused(&registry, &fixture, "climber = \"1\"\n", 5, &["climber"]);
    let found = std::process::Command::new("find")
        .arg(fixture.home())
        .args(["-name", "escaped"])
        .output();
    assert!(found.expect("find is there").stdout.is_empty());
}

#[test]
fn nothing_but_yanked_versions() {
    let registry = CargoRegistry::start();
    let fixture = standing(&registry);
    release("gone", "1.0.0").yanked().publish(&registry);
    refused(&registry, &fixture, "gone = \"1\"\n", 3, &["gone", "yanked"]);
    // One that is locked already stays.
    release("going", "1.0.0").publish(&registry);
    manifest(&fixture, "good = \"1\"\ngoing = \"1\"\n");
    fixture.run(&["sync"]).success();
    registry.yank("going", "1.0.0", true);
    forget_answers(&fixture);
    fixture.run(&["lock"]).success();
    assert!(locked(&fixture).contains(&"going 1.0.0".to_owned()));
}

#[test]
fn a_crate_that_nobody_has() {
    let registry = CargoRegistry::start();
    let fixture = standing(&registry);
    refused(&registry, &fixture, "nowhere = \"1\"\n", 3, &["nowhere", "app"]);
    refused(
        &registry,
        &fixture,
        "base = { package = \"good\", version = \"9\" }\n",
        3,
        &["good", "1.0.0"],
    );
}

#[test]
fn a_line_of_the_index_that_does_not_parse() {
    let registry = CargoRegistry::start();
    let fixture = standing(&registry);
    release("partly", "1.0.0").publish(&registry);
    registry.add_line(
        "partly",
        "{\"name\": \"partly\", \"vers\": \"1.5.0\", \"deps\": [",
    );
    manifest(&fixture, "good = \"1\"\npartly = \"1\"\n");
    let finished = fixture.run(&["sync"]).success();
    tells(&finished, &["partly", "1.0.0"]);
    assert!(locked(&fixture).contains(&"partly 1.0.0".to_owned()));
    // Where nothing else is there, it is no version.
    registry.add_line("never", "no json at all");
    let finished = {
        manifest(&fixture, "good = \"1\"\nnever = \"1\"\n");
        fixture.run(&["sync"])
    };
    assert_ne!(finished.code(), Some(0), "{finished}");
    tells(&finished, &["never"]);
}

#[test]
fn a_compiler_that_is_too_old() {
    let registry = CargoRegistry::start();
    let fixture = standing(&registry);
    release("modern", "1.0.0").rust_version("1.60").publish(&registry);
    release("modern", "1.1.0")
        .rust_version("1.9999")
        .publish(&registry);
    release("futuristic", "1.0.0")
        .rust_version("1.9999")
        .publish(&registry);
    let package =
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\nrust-version = \"1.85\"\n";
    fixture.write(
        "Cargo.toml",
        &format!("{package}\n[dependencies]\nmodern = \"1\"\n"),
    );
    fixture.run(&["lock"]).success();
    assert!(locked(&fixture).contains(&"modern 1.0.0".to_owned()));
    // Where nothing else is there it is taken, as cargo does, and told.
    fixture.write(
        "Cargo.toml",
        &format!("{package}\n[dependencies]\nfuturistic = \"1\"\n"),
    );
    tells(
        &fixture.run(&["lock"]).success(),
        &["futuristic 1.0.0 needs Rust 1.9999", "1.85"],
    );
    // A tool is refused before anything of it is compiled.
    release("gadget", "1.0.0")
        .bin("gadget")
        .rust_version("1.9999")
        .publish(&registry);
    let other = project(&registry);
    other.write("wharf.toml", "[cargo]\ngadget = \"1\"\n");
    says(&other.run(&["sync"]), 3, &["gadget 1.0.0 needs Rust 1.9999"]);
    assert!(!other.has(".wharf/bin"));
}

#[test]
fn a_registry_that_changes_what_it_published() {
    let registry = CargoRegistry::start();
    let fixture = standing(&registry);
    release("shifting", "1.0.0").publish(&registry);
    manifest(&fixture, "good = \"1\"\nshifting = \"1\"\n");
    fixture.run(&["lock"]).success();
    registry.remove("shifting");
    release("shifting", "1.0.0")
        .file("src/more.rs", "")
        .publish(&registry);
    forget_answers(&fixture);
    says(&fixture.run(&["lock"]), 5, &["shifting", "checksum"]);
}

#[test]
fn a_lock_that_is_none() {
    let registry = CargoRegistry::start();
    let fixture = standing(&registry);
    fixture.write("Cargo.lock", "version = 99\n");
    says(&fixture.run(&["sync"]), 2, &["Cargo.lock"]);
}
