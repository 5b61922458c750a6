//! `add` and `remove` where the manifest is another tool's, groups and extras, and what else touches an environment.

use crate::project::Project;

const PYPROJECT: &str = r#"[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "service"   # a name
version = "0.1.0"
requires-python = ">=3.10"
dependencies = [
    "httpx>=0.27",  # kept
]

[project.optional-dependencies]
terminal = ["rich>=13", "service[colours]"]
colours = ["click"]

[project.scripts]
service = "service:main"

[dependency-groups]
test = ["pytest"]
dev = [{include-group = "test"}]
docs = ["sphinx<9"]
"#;

#[test]
#[ignore = "needs the package index"]
fn pyproject_with_groups_and_extras() {
    let project = Project::new("pyproject");
    project.write("pyproject.toml", PYPROJECT);
    project.write("src/service/__init__.py", "def main():\n    print(\"served\")\n");
    let has = |name: &str| project.path(".venv/bin").join(name).exists();
    project.run(&["sync"]);
    assert_eq!(project.program("service", &[]), "served\n");
    assert!(has("pytest") && !has("sphinx-build"));
    project.run(&["sync", "--no-dev", "--extra", "terminal"]);
    assert!(!has("pytest"));
    project.evaluate("click, rich", "1");
    project.run(&["sync", "--all-groups", "--all-extras"]);
    assert!(has("pytest") && has("sphinx-build"));
    project.prove(&["script httpx: *"]);

    project.run(&["add", "pypi:attrs>=23", "--dev", "pypi:pytest-xdist"]);
    project.run(&["add", "pypi:furo", "--group", "docs"]);
    let text = project.read("pyproject.toml");
    for part in [
        "\"attrs>=23\"",
        "\"pytest-xdist>=",
        "\"furo>=",
        "# a name",
        "# kept",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    project.evaluate("attr, xdist", "1");
    for name in ["attrs", "pytest-xdist", "furo"] {
        project.run(&["remove", name]);
    }
    assert_eq!(project.read("pyproject.toml"), PYPROJECT);
    project.refused(2, &["remove", "never-asked-for"]);
    assert_eq!(project.locked("attrs"), None);
}

#[test]
#[ignore = "needs the package index"]
fn requirements_files_are_edited_in_place() {
    let text = "# what it needs\nflask>=3  # the web\n";
    let project = Project::new("edited");
    project.write("requirements.txt", text);
    project.run(&["add", "pypi:six", "pypi:idna>=3"]);
    let added = project.read("requirements.txt");
    assert!(
        added.starts_with(text) && added.contains("six>=") && added.contains("idna>=3"),
        "{added}"
    );
    project.evaluate("six, idna, flask", "1");
    project.run(&["remove", "six", "idna"]);
    assert_eq!(project.read("requirements.txt"), text);
    project.prove(&[]);
}

#[test]
#[ignore = "needs the package index"]
fn an_environment_that_others_touched() {
    let project = Project::requirements("touched", &["flask", "requests"]);
    project.refused(2, &["sync", "--frozen"]);
    project.run(&["sync"]);
    for mode in ["--locked", "--frozen", "--offline"] {
        assert!(project.run(&["sync", mode]).contains("Nothing to do"));
    }
    project.pip(&["install", "--quiet", "docopt", "markupsafe<3"]);
    let said = project.run(&["sync"]);
    assert!(said.contains("docopt"), "{said}");
    project.prove(&[]);
    project.pip(&["uninstall", "--quiet", "--yes", "jinja2"]);
    project.run(&["sync"]);
    project.prove(&[]);
    std::fs::remove_dir_all(project.path(".venv")).expect("an environment can be deleted");
    project.run(&["sync", "--offline", "--locked"]);
    let project = project.moved();
    project.run(&["sync", "--offline", "--locked"]);
    assert!(project.program("flask", &["--version"]).contains("Flask"));
    project.prove(&[]);
    project.write("requirements.txt", "flask\nrequests\nidna<3\n");
    let said = project.refused(2, &["sync", "--locked"]);
    assert!(said.contains("idna"), "{said}");
    assert!(project.run(&["sync", "--frozen"]).contains("Nothing to do"));
}
