//! Environments as users and tools see them.

use std::fs;
use std::process::Command;

use wharf_core::Explain;

use super::{Fixture, program, said, snapshot};
use crate::{Compile, Environment, Fingerprint, Foreign, Freshness, InstallError, SystemSite};

#[test]
fn an_environment_runs_its_packages_and_commands() {
    let Some(fixture) = Fixture::new() else { return };
    let package = fixture.package(
        "tool",
        "1.0",
        &[
            ("tool/__init__.py", "import sys\ndef main():\n    print('hello', sys.argv[1:])\n    return 4\n"),
            ("@info/entry_points.txt", "[console_scripts]\ntool = tool:main\n[gui_scripts]\ntool-gui = tool:main\n[other]\nx = y:z\n"),
            ("tool-1.0.data/scripts/hello.py", "#!python -E\nimport tool\nprint(tool.__name__)\n"),
            ("tool-1.0.data/scripts/hello.sh", "#!/bin/sh\necho shell\n"),
            ("tool-1.0.data/data/share/tool/a.txt", "data"),
            ("tool-1.0.data/headers/tool.h", "int x;"),
            ("tool-1.0.data/platlib/tool_plat.py", "x = 1"),
        ],
    );
    let applied = fixture.install(&[package]);
    assert_eq!(
        (applied.generation, applied.changed, applied.plan.add.len()),
        (1, true, 1)
    );
    let output = Command::new(fixture.bin("tool")).arg("a b").output().unwrap();
    assert_eq!(
        (output.status.code(), output.stdout.as_slice()),
        (Some(4), b"hello ['a b']\n".as_slice())
    );
    assert!(fixture.bin("tool-gui").is_file());
    assert_eq!(said(&mut Command::new(fixture.bin("hello.py"))), "tool");
    assert_eq!(said(&mut Command::new(fixture.bin("hello.sh"))), "shell");
    assert_eq!(
        fixture.run("import tool_plat, sys; print(tool_plat.x, sys.prefix)"),
        format!("1 {}", fixture.root().display())
    );
    assert!(fixture.root().join("share/tool/a.txt").is_file());
    assert!(
        fixture
            .root()
            .join("include/site")
            .join(fixture.python.versioned_name())
            .join("tool/tool.h")
            .is_file()
    );
}

#[test]
fn record_lists_every_file_with_its_digest() {
    let Some(fixture) = Fixture::new() else { return };
    let mut package = fixture.package(
        "tool",
        "1.0",
        &[
            ("tool/a,b.py", "x"),
            ("@info/entry_points.txt", "[console_scripts]\ntool = tool:main\n"),
            ("tool-1.0.data/scripts/run", "#!python\n"),
            ("@info/RECORD.jws", "signature"),
            ("@info/INSTALLER", "somebody else"),
        ],
    );
    package.direct_url = Some(serde_json::json!({"url": "https://example.org/tool.zip", "archive_info": {}}));
    fixture.install(&[package]);
    // Python's own reader of installed projects is the judge.
    let code = r#"
import base64, hashlib, sys
try:
    from importlib.metadata import distribution
except ImportError:
    sys.exit()
dist = distribution("tool")
for file in sorted(dist.files, key=str):
    data = file.locate().read_bytes()
    if file.hash is None:
        print(file, "-")
        continue
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    print(file, "ok" if (digest, len(data)) == (file.hash.value, file.size) else "WRONG")
print(dist.read_text("INSTALLER").strip(), dist.read_text("direct_url.json"))
"#;
    assert_eq!(
        fixture.run(code),
        "../../../bin/run ok\n../../../bin/tool ok\ntool-1.0.dist-info/INSTALLER ok\n\
         tool-1.0.dist-info/METADATA ok\ntool-1.0.dist-info/RECORD -\ntool-1.0.dist-info/REQUESTED ok\n\
         tool-1.0.dist-info/WHEEL ok\ntool-1.0.dist-info/direct_url.json ok\n\
         tool-1.0.dist-info/entry_points.txt ok\ntool/a,b.py ok\n\
         wharf {\"archive_info\":{},\"url\":\"https://example.org/tool.zip\"}"
    );
}

#[test]
fn every_kind_of_change_reaches_the_environment() {
    let Some(fixture) = Fixture::new() else { return };
    let a1 = fixture.package("a", "1", &[("a.py", "v = 1")]);
    let a2 = fixture.package("a", "2", &[("a.py", "v = 2")]);
    let b = fixture.package("b", "1", &[("b/__init__.py", "")]);
    let c = fixture.package("c", "1", &[("c.py", "")]);
    fixture.install(&[a1.clone(), b.clone()]);
    assert_eq!(fixture.run("import a, b; print(a.v)"), "1");
    let applied = fixture.install(&[a2.clone(), c.clone()]);
    let names = |changes: &[crate::Change]| {
        changes
            .iter()
            .map(|change| change.name.to_string())
            .collect::<Vec<_>>()
    };
    let plan = &applied.plan;
    assert_eq!(
        (
            names(&plan.add),
            names(&plan.change),
            names(&plan.remove),
            plan.keep
        ),
        (vec!["c".into()], vec!["a".into()], vec!["b".into()], 0)
    );
    assert_eq!(fixture.run("import a, c; print(a.v)"), "2");
    assert!(!fixture.site().join("b").exists());
    let again = fixture.install(&[a2, c]);
    assert_eq!((again.generation, again.changed), (2, false));
    let current = fixture.environment().current().unwrap().unwrap();
    assert_eq!(
        (
            current.number,
            current.python.unwrap().packages.len(),
            current.label.as_str()
        ),
        (2, 2, "label")
    );
}

#[test]
fn settings_of_the_environment_are_part_of_what_is_wanted() {
    let Some(fixture) = Fixture::new() else { return };
    let mut wanted = fixture.wanted(&[]);
    fixture.apply(&wanted).unwrap();
    super::python(&mut wanted).prompt = "other".to_owned();
    super::python(&mut wanted).system_site = SystemSite::Visible;
    let applied = fixture.apply(&wanted).unwrap();
    assert_eq!(
        applied.plan.rebuild,
        [
            "the visibility of the system's packages changes",
            "the prompt changes"
        ]
    );
    let config = fs::read_to_string(fixture.root().join("pyvenv.cfg")).unwrap();
    assert!(
        config.contains("include-system-site-packages = true\n") && config.contains("prompt = other\n"),
        "{config}"
    );
}

#[test]
fn another_tools_environment_is_refused_unless_replacing_is_asked_for() {
    let Some(fixture) = Fixture::new() else { return };
    fs::create_dir_all(fixture.root()).unwrap();
    fixture.install(&[]);
    fs::remove_dir_all(fixture.root()).unwrap();
    fs::create_dir_all(fixture.root()).unwrap();
    fs::write(fixture.root().join("pyvenv.cfg"), "home = /usr/bin\n").unwrap();
    fs::write(fixture.root().join("precious"), "mine").unwrap();
    let mut wanted = fixture.wanted(&[]);
    let error = fixture.apply(&wanted).unwrap_err();
    assert_eq!(error.code(), "install/foreign-environment");
    assert_eq!(
        error.to_string(),
        format!(
            "{} was not made by wharf: it is a virtual environment of another tool",
            fixture.root().display()
        )
    );
    assert!(fixture.root().join("precious").is_file());
    wanted.foreign = Foreign::Replace;
    fixture.apply(&wanted).unwrap();
    assert!(!fixture.root().join("precious").exists() && fixture.bin("python").exists());
}

#[test]
fn a_symbolic_link_or_a_file_in_its_place_is_refused() {
    let Some(fixture) = Fixture::new() else { return };
    fs::write(fixture.root(), "x").unwrap();
    assert!(matches!(
        fixture.apply(&fixture.wanted(&[])),
        Err(InstallError::Foreign { .. })
    ));
    fs::remove_file(fixture.root()).unwrap();
    std::os::unix::fs::symlink("/tmp", fixture.root()).unwrap();
    assert!(matches!(
        fixture.apply(&fixture.wanted(&[])),
        Err(InstallError::Foreign { .. })
    ));
}

#[test]
fn packages_that_somebody_added_or_removed_are_noticed_and_set_right() {
    let Some(fixture) = Fixture::new() else { return };
    let package = fixture.package("a", "1", &[("a.py", "")]);
    fixture.install(std::slice::from_ref(&package));
    fs::create_dir(fixture.site().join("intruder")).unwrap();
    fs::create_dir(fixture.site().join("__pycache__")).unwrap();
    fs::remove_file(fixture.site().join("a.py")).unwrap();
    let plan = fixture
        .environment()
        .plan(&fixture.wanted(std::slice::from_ref(&package)))
        .unwrap();
    let site = fixture.python.site_packages();
    assert_eq!(
        (plan.foreign.clone(), plan.missing.clone()),
        (vec![format!("{site}/intruder")], vec![format!("{site}/a.py")])
    );
    fixture.install(&[package]);
    assert!(fixture.site().join("a.py").is_file() && !fixture.site().join("intruder").exists());
}

#[test]
fn the_fast_path_believes_nothing_that_changed() {
    let Some(fixture) = Fixture::new() else { return };
    let package = fixture.package("a", "1", &[("a.py", "")]);
    fixture.install(std::slice::from_ref(&package));
    let environment = fixture.environment();
    let (manifest, absent) = (
        fixture.project.join("wharf.toml"),
        fixture.project.join("wharf.lock"),
    );
    fs::write(&manifest, "one").unwrap();
    let note = || {
        let inputs = vec![manifest.clone(), absent.clone()];
        environment
            .note_current(&Fingerprint {
                key: "sync".to_owned(),
                inputs,
            })
            .unwrap();
    };
    let check = || environment.is_current("sync");
    let stale = |part: &str| match check() {
        Freshness::Stale(reason) => assert!(reason.contains(part), "{reason}"),
        Freshness::Current(_) => panic!("taken for current although: {part}"),
    };
    stale("no sync has finished");
    note();
    assert_eq!(check(), Freshness::Current(1));
    assert_eq!(
        environment.is_current("sync --dev"),
        Freshness::Stale("the options differ from the last sync's".to_owned())
    );
    // Same length, within the same tick of the clock.
    fs::write(&manifest, "two").unwrap();
    stale("wharf.toml has changed");
    fs::write(&manifest, "one").unwrap();
    assert_eq!(check(), Freshness::Current(1), "touched, but the same");
    fs::write(&absent, "").unwrap();
    stale("wharf.lock has changed");
    fs::remove_file(&absent).unwrap();
    // Python's own droppings are no change.
    fs::create_dir(fixture.site().join("__pycache__")).unwrap();
    assert_eq!(check(), Freshness::Current(1));
    assert_eq!(check(), Freshness::Current(1));
    for directory in [fixture.site(), fixture.root().join("bin")] {
        fs::write(directory.join("intruder"), "").unwrap();
        stale("somebody changed");
        fs::remove_file(directory.join("intruder")).unwrap();
        assert_eq!(check(), Freshness::Current(1));
    }
    fixture.install(&[]);
    stale("no sync has finished");
    note();
    assert_eq!(check(), Freshness::Current(2));
    fs::remove_file(fixture.bin("python")).unwrap();
    stale("Python behind");
    fs::remove_dir_all(fixture.root()).unwrap();
    stale("was replaced");
}

#[test]
fn a_project_that_moved_is_made_anew() {
    let Some(fixture) = Fixture::new() else { return };
    let package = fixture.package(
        "a",
        "1",
        &[
            ("a.py", "def main(): print('ran')"),
            ("@info/entry_points.txt", "[console_scripts]\na = a:main\n"),
        ],
    );
    fixture.install(std::slice::from_ref(&package));
    let moved = fixture.project.with_file_name("moved");
    fs::rename(&fixture.project, &moved).unwrap();
    let environment = Environment::open(&moved).unwrap();
    let wanted = fixture.wanted(&[package]);
    let plan = environment.plan(&wanted).unwrap();
    assert_eq!(
        plan.rebuild,
        [format!(
            "the environment was made at {}",
            fixture.root().display()
        )]
    );
    environment
        .apply(
            &plan,
            &wanted,
            &fixture.store,
            &fixture.governor,
            &wharf_core::NullSink::shared(),
            &false.into(),
        )
        .unwrap();
    assert_eq!(said(&mut Command::new(moved.join(".venv/bin/a"))), "ran");
}

#[test]
fn odd_project_paths_work() {
    for name in ["with space", "späte-工", "it's $HOME", "x".repeat(180).as_str()] {
        let Some(fixture) = Fixture::named(name) else {
            return;
        };
        let package = fixture.package(
            "a",
            "1",
            &[
                ("a.py", "def main(): print('ran')"),
                ("@info/entry_points.txt", "[console_scripts]\na = a:main\n"),
            ],
        );
        fixture.install(&[package]);
        assert_eq!(said(&mut Command::new(fixture.bin("a"))), "ran", "{name}");
        assert_eq!(
            fixture.run("import sys; print(sys.prefix)"),
            fixture.root().display().to_string()
        );
    }
}

#[test]
fn bytecode_is_compiled_for_the_final_path_and_outlives_a_change() {
    let Some(fixture) = Fixture::new() else { return };
    let a = fixture.package(
        "a",
        "1",
        &[
            ("a.py", "def f(): pass\n"),
            ("pkg/b.py", "x = 1\n"),
            ("pkg/template.py", "{% not python %}\n"),
        ],
    );
    let mut wanted = fixture.wanted(std::slice::from_ref(&a));
    super::python(&mut wanted).compile = Compile::Yes;
    let compiled = fixture.apply(&wanted).unwrap().compiled.unwrap();
    assert_eq!((compiled.files, compiled.failed), (2, 1));
    let cached = |module: &str| {
        fixture.site().join(format!(
            "__pycache__/{module}.{}.pyc",
            fixture.python.cache_tag.as_deref().unwrap()
        ))
    };
    assert!(cached("a").is_file());
    let code = "import importlib.util, marshal; data = open(importlib.util.cache_from_source(importlib.util.find_spec('a').origin), 'rb').read(); print(marshal.loads(data[16:] if data[2:4] == b'\\r\\n' and len(data) else data[12:]).co_filename)";
    if fixture.python.minor.minor >= 7 {
        assert_eq!(
            fixture.run(code),
            fixture.site().join("a.py").display().to_string()
        );
    }
    let before = fs::metadata(cached("a")).unwrap();
    let c = fixture.package("c", "1", &[("c.py", "")]);
    super::python(&mut wanted).packages.push(c);
    super::python(&mut wanted).compile = Compile::No;
    fixture.apply(&wanted).unwrap();
    let after = fs::metadata(cached("a")).unwrap();
    use std::os::unix::fs::MetadataExt;
    assert_eq!(
        before.ino(),
        after.ino(),
        "bytecode of a package that stays is carried over"
    );
    assert!(!cached("c").exists());
}

#[test]
fn bad_wheels_are_refused_by_name_and_change_nothing() {
    let Some(fixture) = Fixture::new() else { return };
    let good = fixture.package("good", "1", &[("good.py", "")]);
    fixture.install(std::slice::from_ref(&good));
    let before = snapshot(&fixture.root());
    let tree = |files: &[(&str, &str)]| {
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect();
        let mut package = good.clone();
        package.name = wharf_core::PackageName::pypi("bad").unwrap();
        package.tree = fixture.tree(&files);
        package
    };
    let wheel = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n";
    let cases = [
        (tree(&[("bad.py", "")]), "no `.dist-info` folder"),
        (tree(&[("bad-1.dist-info/METADATA", "")]), "no WHEEL file"),
        (
            tree(&[(
                "bad-1.dist-info/WHEEL",
                "Wheel-Version: 2.0\nRoot-Is-Purelib: true\n",
            )]),
            "format version 2.0",
        ),
        (
            tree(&[("other-1.dist-info/WHEEL", wheel)]),
            "belongs to another project",
        ),
        (
            tree(&[("bad-1.dist-info/WHEEL", wheel), ("bad-1.data/nowhere/x", "")]),
            "unknown scheme",
        ),
        (
            tree(&[("bad-1.dist-info/WHEEL", wheel), ("good.py/inside.py", "")]),
            "cannot stand together",
        ),
    ];
    for (package, expected) in cases {
        let error = fixture
            .apply(&fixture.wanted(&[good.clone(), package]))
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(snapshot(&fixture.root()), before, "{expected}");
    }
}

#[test]
fn packages_that_share_a_path_are_reported_and_cannot_replace_the_interpreter() {
    let Some(fixture) = Fixture::new() else { return };
    let commands = "[console_scripts]\npython = x:main\nactivate = x:main\n";
    let a = fixture.package(
        "a",
        "1",
        &[
            ("shared.py", "who = 'a'"),
            ("same.py", ""),
            ("@info/entry_points.txt", commands),
        ],
    );
    let b = fixture.package("b", "1", &[("shared.py", "who = 'b'"), ("same.py", "")]);
    let applied = fixture.install(&[b, a]);
    let seen: Vec<_> = applied
        .collisions
        .iter()
        .map(|one| format!("{} {} {}", one.path, one.kept, one.hidden))
        .collect();
    let shared = format!("{}/shared.py b 1 a 1", fixture.python.site_packages());
    assert_eq!(
        seen,
        [
            "bin/python the environment itself a 1".to_owned(),
            "bin/activate the environment itself a 1".to_owned(),
            shared
        ]
    );
    assert_eq!(fixture.run("import shared; print(shared.who)"), "b");
}

#[test]
fn pip_and_venv_find_nothing_to_complain_about() {
    let Some(fixture) = Fixture::new() else { return };
    let a = fixture.package("a", "1.5", &[("a.py", "")]);
    fixture.install(&[a]);
    let outside = &fixture.python.base_executable;
    if !super::output(Command::new(outside).args(["-m", "pip", "--version"]))
        .status
        .success()
        || fixture.python.minor.minor < 8
    {
        return;
    }
    let pip = |arguments: &[&str]| {
        let mut command = Command::new(outside);
        command
            .args(["-m", "pip", "--disable-pip-version-check", "--python"])
            .arg(fixture.bin("python"))
            .args(arguments);
        super::output(&mut command)
    };
    let list = pip(&["list", "--format", "freeze"]);
    if !list.status.success() {
        // Pips before 22.3 know no --python.
        return;
    }
    assert_eq!(String::from_utf8_lossy(&list.stdout).trim(), "a==1.5");
    assert!(pip(&["check"]).status.success());
    assert!(pip(&["uninstall", "-y", "a"]).status.success());
    assert!(!fixture.site().join("a.py").exists());
}

#[test]
fn interpreters_of_every_age_make_environments() {
    let Some(mut fixture) = Fixture::new() else { return };
    let Some(root) = std::env::var_os("PYENV_ROOT").map(std::path::PathBuf::from) else {
        return;
    };
    let package = fixture.package(
        "a",
        "1",
        &[
            ("a.py", "def main(): print('ran')"),
            ("@info/entry_points.txt", "[console_scripts]\na = a:main\n"),
        ],
    );
    for entry in fs::read_dir(root.join("versions"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let Ok(python) = crate::python::probe(&entry.path().join("bin/python")) else {
            continue;
        };
        fixture.python = python;
        let mut wanted = fixture.wanted(std::slice::from_ref(&package));
        super::python(&mut wanted).compile = Compile::Yes;
        let applied = fixture.apply(&wanted).unwrap();
        assert_eq!(applied.compiled.unwrap().failed, 0);
        assert_eq!(
            said(&mut Command::new(fixture.bin("a"))),
            "ran",
            "{}",
            fixture.python.version
        );
        let code = "import sys, site; print(sys.version_info[1], sys.prefix != sys.base_prefix)";
        assert_eq!(fixture.run(code), format!("{} True", fixture.python.minor.minor));
    }
    assert!(program("sh").is_some());
}
