//! What lies on this machine: local and editable packages, repositories, folders of archives.

use std::process::Command;

use crate::project::{Project, finish};

#[test]
#[ignore = "needs the package index"]
fn local_and_editable_packages() {
    let project = Project::example("local-packages");
    project.run(&["sync"]);
    project.prove(&[]);
    project.run(&["run", "--", "python", "-m", "pytest"]);
    assert!(project.pip(&["list"]).contains("packages/greeting"));
    let (editable, copied) = (
        "packages/greeting/src/greeting/__init__.py",
        "packages/clock/src/clock/__init__.py",
    );
    for path in [editable, copied] {
        project.write(path, &(project.read(path) + "\nADDED = 1\n"));
    }
    assert_eq!(project.evaluate("greeting", "greeting.ADDED"), "1");
    assert_eq!(project.evaluate("clock", "hasattr(clock, 'ADDED')"), "False");
    project.run(&["sync"]);
    assert_eq!(project.evaluate("clock", "clock.ADDED"), "1");
    assert!(project.run(&["sync"]).contains("Nothing to do"));
}

#[test]
#[ignore = "needs the package index"]
fn a_repository_at_a_tag_a_branch_and_a_commit() {
    let project = Project::new("git");
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.current_dir(project.path("repository"));
        command.args(["-c", "user.name=test", "-c", "user.email=test@example.org"]);
        finish(command.args(arguments))
    };
    let version = |number: u8| {
        let pyproject = format!(
            "[build-system]\nrequires = [\"setuptools\"]\nbuild-backend = \"setuptools.build_meta\"\n\n\
             [project]\nname = \"kept\"\nversion = \"{number}.0\"\ndependencies = [\"six\"]\n"
        );
        project.write("repository/inner/pyproject.toml", &pyproject);
        project.write("repository/inner/kept.py", &format!("NUMBER = {number}\n"));
    };
    version(1);
    git(&["init", "-q", "-b", "main"]);
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "one"]);
    git(&["tag", "v1"]);
    version(2);
    git(&["commit", "-q", "-a", "-m", "two"]);

    let place = format!("file://{}", project.path("repository").display());
    let require = |reference: &str| {
        project.write(
            "requirements.txt",
            &format!("kept @ git+{place}{reference}#subdirectory=inner\n"),
        );
        project.run(&["sync"]);
        project.evaluate("kept", "kept.NUMBER")
    };
    assert_eq!(require("@v1"), "1");
    project.prove(&[]);
    let url = project.read(".venv/lib/python3.11/site-packages/kept-1.0.dist-info/direct_url.json");
    assert!(url.contains("\"requested_revision\":\"v1\""), "{url}");
    assert_eq!(require(""), "2");
    version(3);
    git(&["commit", "-q", "-a", "-m", "three"]);
    // Locked to the commit until an upgrade is asked for.
    project.run(&["sync"]);
    assert_eq!(project.evaluate("kept", "kept.NUMBER"), "2");
    project.run(&["sync", "--upgrade-package", "kept"]);
    assert_eq!(project.evaluate("kept", "kept.NUMBER"), "3");
    let first = git(&["rev-parse", "v1"]);
    assert_eq!(require(&format!("@{}", first.trim())), "1");
    let said = project.refused(4, &["add", &format!("pypi:lost @ git+{place}@no-such-branch")]);
    assert!(said.contains("no-such-branch"), "{said}");
}

#[test]
#[ignore = "needs the package index"]
fn files_that_include_constrain_and_hash() {
    let project = Project::example("requirements-only");
    project.run(&["sync"]);
    project.run(&["run", "--", "python", "-m", "pytest"]);
    project.prove(&[]);
    // What the lock exports, with hashes, is a project of its own with the same versions.
    let exported = project.run(&["export", "--format", "requirements-txt"]);
    assert!(exported.contains("--hash=sha256:"), "{exported}");
    let pinned = Project::requirements("pinned", &[&exported]);
    pinned.run(&["sync"]);
    pinned.prove(&[]);
    let versions = |project: &Project| project.pip(&["freeze"]);
    assert_eq!(versions(&project), versions(&pinned));
    let wrong = exported
        .replace("sha256:", "sha256:00")
        .lines()
        .map(shortened)
        .collect::<String>();
    pinned.write("requirements.txt", &wrong);
    let said = pinned.refused(3, &["lock"]);
    assert!(
        said.contains("no file with a hash that requirements.txt:"),
        "{said}"
    );
}

/// A hash that was made two characters too long, at its right length again.
fn shortened(line: &str) -> String {
    let Some(at) = line.find("sha256:") else {
        return format!("{line}\n");
    };
    let (before, rest) = line.split_at(at + "sha256:".len());
    let (hash, after) = rest.split_at(66.min(rest.len()));
    format!("{before}{}{after}\n", &hash[..64.min(hash.len())])
}
