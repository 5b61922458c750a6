//! Workspaces of crates from the real registry, which plain cargo builds without network, and tools built from crates.

use std::process::Command;

use crate::project::{Project, finish};

/// Plain cargo in the project, with nothing of the user's.
fn cargo(project: &Project, arguments: &[&str]) -> String {
    let mut command = Command::new("cargo");
    command
        .args(arguments)
        .current_dir(project.path("."))
        .env("CARGO_HOME", project.path("../cargo-home"))
        .env("CARGO_TARGET_DIR", project.path("../target"));
    finish(&mut command)
}

#[test]
#[ignore = "needs the registry and Rust"]
fn the_workspace_example_is_locked_as_cargo_would_and_built_without_network() {
    let project = Project::example("rust-workspace");
    std::fs::remove_file(project.path("Cargo.lock")).expect("the example has a lock");
    finish(
        Command::new("cargo")
            .args(["generate-lockfile", "--quiet"])
            .current_dir(project.path(".")),
    );
    let cargos = project.read("Cargo.lock");
    std::fs::remove_file(project.path("Cargo.lock")).expect("it was just made");
    project.run(&["sync"]);
    assert_eq!(project.read("Cargo.lock"), cargos);
    cargo(&project, &["test", "--locked", "--offline", "--quiet"]);
    assert_eq!(project.read("Cargo.lock"), cargos);
    assert!(project.run(&["sync"]).contains("Nothing to do"));
}

#[test]
#[ignore = "needs the registry and Rust"]
fn a_tool_is_built_once_for_all_projects() {
    let manifest = "[cargo]\nzopfli = \"0.8\"\n";
    let first = Project::new("tool-first");
    first.write("wharf.toml", manifest);
    first.run(&["sync"]);
    first.write("poem.txt", &"so much depends upon\n".repeat(200));
    first.run(&["run", "--", "zopfli", "poem.txt"]);
    assert!(first.path("poem.txt.gz").exists());
    let second = Project::new("tool-second");
    second.write("wharf.toml", manifest);
    let said = second.run(&["-v", "sync"]);
    assert!(!said.contains("Compiling"), "{said}");
    assert!(second.path(".wharf/bin/zopfli").exists());
}
