//! What steers a solve: targets, dates, the oldest versions, and other tools' lockfiles.

use crate::project::Project;

#[test]
#[ignore = "needs the package index, Python 3.11 and 3.12"]
fn one_lock_for_several_machines() {
    let project = Project::new("targets");
    let manifest = r#"[project]
targets = ["linux-x86_64-py3.11", "linux-x86_64-py3.12", "macos-arm64", "windows-x86_64"]

[pypi]
ipython = "*"
numpy = "*"
uvicorn = { version = "*", extras = ["standard"] }
pywin32 = { version = "*", marker = "sys_platform == 'win32'" }
"#;
    project.write("wharf.toml", manifest);
    project.run(&["lock"]);
    let lock = project.read("wharf.lock");
    for part in [
        "-cp311-cp311-manylinux",
        "-cp312-cp312-manylinux",
        "-macosx_11_0_arm64",
        "-win_amd64",
        "pypi:colorama",
    ] {
        assert!(lock.contains(part), "no {part}");
    }
    project.run(&["sync", "--locked"]);
    // It is for notebooks that have matplotlib, and does not ask for it.
    let excused = ["import matplotlib_inline: *"];
    project.prove(&excused);
    std::fs::remove_dir_all(project.path(".venv")).expect("an environment can be deleted");
    let other = project.python_version("3.12");
    other.run(&["sync", "--locked"]);
    assert_eq!(other.evaluate("sys", "sys.version_info[1]"), "12");
    other.prove(&excused);
    assert_eq!(other.read("wharf.lock"), lock);
    let missing = other.python_version("3.13").refused(2, &["sync", "--locked"]);
    assert!(missing.contains("py3.13"), "{missing}");
}

#[test]
#[ignore = "needs the package index"]
fn dates_and_oldest_versions() {
    let lines = ["flask>=2.3", "requests>=2.28,<2.32"];
    let project = Project::requirements("dated", &lines);
    project.run(&["lock", "--exclude-newer", "2024-03-01"]);
    assert_eq!(project.locked("flask").as_deref(), Some("3.0.2"));
    assert_eq!(project.locked("werkzeug").as_deref(), Some("3.0.1"));
    project.run(&["lock", "--check", "--exclude-newer", "2024-03-01"]);
    project.refused(2, &["lock", "--check"]);
    project.run(&["lock", "--upgrade"]);
    assert_ne!(project.locked("flask").as_deref(), Some("3.0.2"));
    project.run(&["lock", "--upgrade", "--resolution", "lowest-direct"]);
    assert_eq!(project.locked("flask").as_deref(), Some("2.3.0"));
    assert_eq!(project.locked("requests").as_deref(), Some("2.28.0"));
    project.run(&["sync", "--resolution", "lowest-direct"]);
    project.prove(&["import flask: *", "script flask: *"]);
}

#[test]
#[ignore = "needs the package index"]
fn locks_of_other_tools_are_preferred() {
    let package =
        |name: &str, version: &str| format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n");
    let both = package("flask", "3.0.2") + &package("jinja2", "3.1.3");
    for (name, file, text) in [
        ("uv", "uv.lock", format!("version = 1\n{both}")),
        (
            "poetry",
            "poetry.lock",
            format!("{both}\n[metadata]\nlock-version = \"2.0\"\n"),
        ),
    ] {
        let project = Project::new(name);
        project.write(
            "pyproject.toml",
            "[project]\nname = \"p\"\nversion = \"1\"\ndependencies = [\"flask\"]\n",
        );
        project.write(file, &text);
        project.run(&["sync"]);
        assert_eq!(project.locked("flask").as_deref(), Some("3.0.2"), "{file}");
        assert_eq!(project.locked("jinja2").as_deref(), Some("3.1.3"), "{file}");
        project.run(&["lock", "--upgrade-package", "jinja2"]);
        assert_eq!(project.locked("flask").as_deref(), Some("3.0.2"), "{file}");
        assert_ne!(project.locked("jinja2").as_deref(), Some("3.1.3"), "{file}");
        project.prove(&[]);
    }
}
