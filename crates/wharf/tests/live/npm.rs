//! Real npm projects from the real registry: installed, built or run, and read by the machine's own npm.
//!
//! `npm ls --all` takes what lies in Wharf's layouts for installed packages from npm 11.19 on; with an older one it is not asked.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::project::{Project, finish};

/// A project of the folder `npm` beside this file.
fn sample(name: &'static str) -> Project {
    Project::copied(name, &samples().join(name))
}

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live/npm")
}

/// The problems that npm sees in what is installed, one a line.
fn npm_ls(project: &Project) -> Vec<String> {
    let version = finish(Command::new("npm").arg("--version"));
    let mut numbers = version.trim().split('.').map(|part| part.parse::<u32>().ok());
    if (numbers.next().flatten(), numbers.next().flatten()) < (Some(11), Some(19)) {
        return Vec::new();
    }
    let mut command = Command::new("npm");
    let output = command
        .args(["ls", "--all"])
        .current_dir(project.path("."))
        .output()
        .expect("npm starts");
    let problems = String::from_utf8_lossy(&output.stderr).into_owned();
    let problems = problems
        .lines()
        .filter_map(|line| line.strip_prefix("npm error "));
    let words = ["missing:", "invalid:", "extraneous:"];
    problems
        .filter(|line| words.iter().any(|word| line.starts_with(word)))
        .map(str::to_owned)
        .collect()
}

/// Installs a sample, has npm look at it, and runs these scripts.
fn proven(name: &'static str, scripts: &[&[&str]]) -> Project {
    let project = sample(name);
    project.run(&["sync"]);
    assert_eq!(npm_ls(&project), <[String; 0]>::default(), "{name}");
    for script in scripts {
        project.run(&[&["run"], *script].concat());
    }
    assert!(project.run(&["sync"]).contains("Nothing to do"), "{name}");
    project
}

#[test]
#[ignore = "needs the registry and Node"]
fn next_builds_with_turbopack_and_webpack() {
    proven("next", &[&["build"], &["--", "next", "build", "--webpack"]]);
}

#[test]
#[ignore = "needs the registry and Node"]
fn vite_builds_and_vitest_passes() {
    proven("vite", &[&["build"], &["test"]]);
}

#[test]
#[ignore = "needs the registry and Node"]
fn angular_builds() {
    proven("angular", &[&["build"]]);
}

#[test]
#[ignore = "needs the registry and Node"]
fn storybook_builds_beside_eslint_and_typescript() {
    proven("storybook", &[&["lint"], &["check"], &["build"]]);
}

#[test]
#[ignore = "needs the registry and Node"]
fn jest_passes_with_typescript_and_a_document() {
    proven("jest", &[&["test"]]);
}

#[test]
#[ignore = "needs the registry and Node"]
fn webpack_builds_with_babel_and_styles() {
    proven("webpack", &[&["build"]]);
}

#[test]
#[ignore = "needs the registry and Node"]
fn ten_members_with_catalogs_build_and_see_their_own_versions() {
    let project = sample("mono");
    project.run(&["sync"]);
    project.run(&["run", "build"]);
    let said = |path: &str| finish(Command::new("node").arg(project.path(path)));
    assert_eq!(said("apps/web/dist/index.js"), "19 18\n");
    assert!(said("apps/cli/dist/index.js").starts_with("cli+api+core+util"));
}

#[test]
#[ignore = "needs the registry and Node"]
fn gatsby_with_its_1400_packages_builds() {
    let project = sample("gatsby");
    project.run(&["sync"]);
    // Gatsby pins an experimental package whose peer is one very React; npm sees the same after its own installation.
    let problems = npm_ls(&project);
    assert!(
        problems.iter().all(|line| line.starts_with("invalid: react@")),
        "{problems:?}"
    );
    project.run(&["run", "build"]);
}

#[test]
#[ignore = "needs the index, the registry, Python and Node"]
fn the_polyglot_example_checks_itself() {
    Project::example("polyglot").run(&["run", "check"]);
}
