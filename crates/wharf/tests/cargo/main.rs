//! Workspaces of crates and tools that are built from crates, through the real binary, against a registry on this machine.
//!
//! What is locked and laid out is shown to the cargo of this machine, which has the last word on whether it can be used.

mod bad_input;
mod edits;
mod git;
mod kills;
mod local_registry;
mod mixed;
mod tools;
mod workspaces;

use std::path::{Path, PathBuf};
use std::process::Command;

use wharf_testkit::{CargoRegistry, Crate, Finished, Fixture};

const BINARY: &str = env!("CARGO_BIN_EXE_wharf");

/// A project whose registry in the place of crates.io is this one, and whose PATH has this machine's compiler.
fn project(registry: &CargoRegistry) -> Fixture {
    let fixture = Fixture::new(BINARY);
    use_registry(&fixture, registry);
    fixture
}

/// Makes `registry` stand for crates.io, in the user's own configuration: the project stays as the test writes it.
fn use_registry(fixture: &Fixture, registry: &CargoRegistry) {
    let home = fixture.home().join(".cargo");
    std::fs::create_dir_all(&home).expect("the home can be written");
    std::fs::write(home.join("config.toml"), registry.config_toml()).expect("the home can be written");
    link_compiler(fixture);
}

/// Puts this machine's compiler on the PATH.
fn link_compiler(fixture: &Fixture) {
    let programs = fixture.programs();
    std::fs::create_dir_all(&programs).expect("the scratch folder can be written");
    for name in ["cargo", "rustc"] {
        let link = programs.join(name);
        if !link.exists() {
            std::os::unix::fs::symlink(toolchain().join(name), link)
                .expect("the scratch folder can be written");
        }
    }
}

/// The folder of the compiler that runs these tests.
fn toolchain() -> PathBuf {
    let output = Command::new(option_env!("RUSTC").unwrap_or("rustc"))
        .args(["--print", "sysroot"])
        .output()
        .expect("tests are built by a compiler");
    Path::new(String::from_utf8_lossy(&output.stdout).trim()).join("bin")
}

/// Plain cargo in the project, with a home of its own that knows no registry: it has what Wharf laid out, or nothing.
fn cargo(fixture: &Fixture, arguments: &[&str]) -> Finished {
    let mut command = fixture.isolated(fixture.programs().join("cargo"));
    command
        .args(arguments)
        .env("CARGO_HOME", fixture.home().join("plain-cargo"));
    command.env("CARGO_TARGET_DIR", fixture.home().join("target"));
    fixture.finish(command)
}

/// Forgets what registries said.
fn forget_answers(fixture: &Fixture) {
    std::fs::remove_dir_all(fixture.home().join("cache")).expect("something was asked");
}

/// A crate without dependencies.
fn release(name: &str, version: &str) -> Crate {
    Crate::new(name, version)
}

/// The manifest of a package with a library, and these dependencies.
fn manifest(fixture: &Fixture, dependencies: &str) {
    let package = "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
    fixture.write(
        "Cargo.toml",
        &format!("{package}\n[dependencies]\n{dependencies}"),
    );
    fixture.write("src/lib.rs", "");
}

/// The packages of `Cargo.lock`, as `name version`.
fn locked(fixture: &Fixture) -> Vec<String> {
    let text = fixture.read("Cargo.lock");
    let word = |line: &str, key: &str| Some(line.strip_prefix(key)?.trim_matches('"').to_owned());
    let names = text.lines().filter_map(|line| word(line, "name = "));
    let versions = text.lines().skip(4).filter_map(|line| word(line, "version = "));
    names
        .zip(versions)
        .map(|(name, version)| format!("{name} {version}"))
        .collect()
}

/// A failure: its code, nothing on standard output, and words of its message.
#[track_caller]
fn says(finished: &Finished, code: i32, words: &[&str]) {
    assert_eq!(finished.code(), Some(code), "{finished}");
    assert_eq!(finished.stdout, "", "an error is no data: {finished}");
    tells(finished, words);
}

/// Words on standard error.
#[track_caller]
fn tells(finished: &Finished, words: &[&str]) {
    for word in words {
        assert!(finished.stderr.contains(word), "no word of `{word}`: {finished}");
    }
}

/// The `result` of a command that prints JSON.
#[track_caller]
fn json(fixture: &Fixture, arguments: &[&str]) -> serde_json::Value {
    let finished = fixture
        .run(&[arguments, &["--format", "json"]].concat())
        .success();
    let mut document: serde_json::Value = serde_json::from_str(&finished.stdout).expect("it is JSON");
    document["result"].take()
}
