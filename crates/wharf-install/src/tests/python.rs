//! Interpreters are found where people keep them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use wharf_ecosystem::pypi::parse_specifiers;

use super::any_python;
use crate::python::{PythonError, Refusal, Search, Surroundings, Verdict};

/// A machine made up of directories, in which a "Python" is a script that prints facts.
struct Machine {
    directory: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn python(&self, place: &str, version: &str) -> PathBuf {
        self.interpreter(place, version, "cpython", "CPython", false)
    }

    fn interpreter(
        &self,
        place: &str,
        version: &str,
        implementation: &str,
        title: &str,
        threads: bool,
    ) -> PathBuf {
        let path = self.path(place);
        let minor: Vec<&str> = version.split('.').take(2).collect();
        let minor = minor.join(".");
        let facts = serde_json::json!({
            "implementation": implementation, "base_executable": path, "prefix": "/p", "base_prefix": "/p",
            "scheme": {"purelib": format!("lib/python{minor}/site-packages"), "platlib": format!("lib/python{minor}/site-packages"), "scripts": "bin", "data": "."},
            "markers": {"implementation_name": implementation, "implementation_version": version, "os_name": "posix",
                "platform_machine": "x86_64", "platform_python_implementation": title, "platform_release": "6",
                "platform_system": "Linux", "platform_version": "1", "python_full_version": version,
                "python_version": minor, "sys_platform": "linux"},
            "platform": "linux-x86_64", "libc": null, "pointer_bits": 64, "gil_disabled": threads, "debug": false,
            "extension_suffix": null, "cache_tag": "x", "magic": "00",
        });
        self.script(
            place,
            &format!("echo 'a start-up hook talks'; cat <<'END'\nwharf-facts:{facts}\nEND"),
        )
    }

    fn script(&self, place: &str, body: &str) -> PathBuf {
        let path = self.path(place);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn surroundings(&self) -> Surroundings {
        let path = ["pyenv/shims", "venv/bin", "bin", "other"]
            .map(|name| self.path(name))
            .to_vec();
        Surroundings {
            path,
            pyenv_roots: vec![self.path("pyenv")],
            pyenv_version: None,
            system: vec![self.path("system")],
        }
    }

    fn search(&self) -> Search<'_> {
        Search::new(self.surroundings())
    }

    /// Where the chosen one lies, relative to the machine, and its version.
    fn chosen(&self, search: &Search<'_>) -> String {
        let interpreter = search.find().unwrap().interpreter;
        let place = interpreter
            .path
            .strip_prefix(self.directory.path())
            .unwrap()
            .display()
            .to_string();
        format!("{place} {}", interpreter.version)
    }
}

#[test]
fn the_first_on_path_that_satisfies_is_taken() {
    let machine = Machine::new();
    machine.python("bin/python3", "3.9.2");
    machine.python("bin/python3.12", "3.12.0");
    machine.python("other/python3", "3.11.4");
    machine.python("system/python3", "3.13.0");
    assert_eq!(machine.chosen(&machine.search()), "bin/python3 3.9.2");
    let range = parse_specifiers(">=3.10").unwrap();
    assert_eq!(
        machine.chosen(&machine.search().requires(Some(&range))),
        "bin/python3.12 3.12.0"
    );
    let range = parse_specifiers(">=3.13").unwrap();
    assert_eq!(
        machine.chosen(&machine.search().requires(Some(&range))),
        "system/python3 3.13.0"
    );
}

#[test]
fn a_request_by_version_name_range_or_path_is_honoured() {
    let machine = Machine::new();
    machine.python("bin/python3", "3.9.2");
    let exact = machine.python("other/python3.11", "3.11.4");
    machine.interpreter("bin/python3.13", "3.13.1", "cpython", "CPython", true);
    machine.interpreter("other/pypy3", "3.10.1", "pypy", "PyPy", false);
    let ask = |text: &str| machine.chosen(&machine.search().request(Some(text.parse().unwrap())));
    assert_eq!(ask("3.11"), "other/python3.11 3.11.4");
    assert_eq!(ask(">=3.10,<3.13"), "other/python3.11 3.11.4");
    assert_eq!(ask("pypy3"), "other/pypy3 3.10.1");
    assert_eq!(ask("3.13t"), "bin/python3.13 3.13.1");
    assert_eq!(ask(exact.to_str().unwrap()), "other/python3.11 3.11.4");
    let error = machine
        .search()
        .request(Some("3.8".parse().unwrap()))
        .find()
        .unwrap_err();
    let PythonError::NotFound { considered, .. } = error else {
        panic!("{error}")
    };
    assert!(
        considered
            .iter()
            .any(|one| one.version.as_deref() == Some("3.9.2")),
        "{considered:?}"
    );
}

#[test]
fn what_the_project_requires_beats_what_is_asked_for() {
    let machine = Machine::new();
    let old = machine.python("bin/python3", "3.9.2");
    let range = parse_specifiers(">=3.10").unwrap();
    let search = machine
        .search()
        .requires(Some(&range))
        .request(Some(old.to_str().unwrap().parse().unwrap()));
    let error = search.find().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot use the Python at {}: it is 3.9.2, but the project requires >=3.10",
            old.display()
        )
    );
}

#[test]
fn shims_are_read_and_never_run() {
    let machine = Machine::new();
    machine.script("pyenv/shims/python3", "touch \"$0.ran\"; exit 1");
    machine.python("pyenv/versions/3.11.7/bin/python", "3.11.7");
    machine.python("pyenv/versions/3.11.7/bin/python3", "3.11.7");
    machine.python("pyenv/versions/3.12.1/bin/python", "3.12.1");
    machine.script("pyenv/versions/2.7.18/bin/python", "exit 2");
    fs::write(machine.path("pyenv/version"), "3.11.7\n").unwrap();
    assert_eq!(
        machine.chosen(&machine.search()),
        "pyenv/versions/3.11.7/bin/python3 3.11.7"
    );
    let mut surroundings = machine.surroundings();
    surroundings.pyenv_version = Some("3.12.1".to_owned());
    assert_eq!(
        machine.chosen(&Search::new(surroundings)),
        "pyenv/versions/3.12.1/bin/python 3.12.1"
    );
    let found = machine.search().find().unwrap();
    assert_eq!(
        found.considered[0].verdict,
        Verdict::Refused(Refusal::Shim("pyenv selects 3.11.7".to_owned()))
    );
    let range = parse_specifiers(">=3.12").unwrap();
    assert_eq!(
        machine.chosen(&machine.search().requires(Some(&range))),
        "pyenv/versions/3.12.1/bin/python 3.12.1"
    );
    assert!(!machine.path("pyenv/shims/python3.ran").exists());
}

#[test]
fn python_version_files_are_followed_where_they_fit() {
    let machine = Machine::new();
    machine.python("bin/python3", "3.9.2");
    machine.python("other/python3.11", "3.11.4");
    fs::create_dir_all(machine.path("project/deep")).unwrap();
    fs::write(machine.path("project/.python-version"), "# comment\n3.11\n").unwrap();
    let project = machine.path("project/deep");
    assert_eq!(
        machine.chosen(&machine.search().project(Some(&project))),
        "other/python3.11 3.11.4"
    );
    fs::write(machine.path("project/.python-version"), "3.7\n").unwrap();
    let found = machine.search().project(Some(&project)).find().unwrap();
    assert_eq!(found.interpreter.version, "3.9.2");
    assert!(
        found.considered[0].verdict.to_string().contains("asks for 3.7"),
        "{:?}",
        found.considered[0]
    );
}

#[test]
fn an_environment_on_path_stands_for_the_interpreter_behind_it() {
    let machine = Machine::new();
    let base = machine.python("base/python3", "3.12.3");
    fs::create_dir_all(machine.path("venv/bin")).unwrap();
    fs::write(
        machine.path("venv/pyvenv.cfg"),
        format!("home = {}\n", base.parent().unwrap().display()),
    )
    .unwrap();
    symlink(&base, machine.path("venv/bin/python3")).unwrap();
    machine.python("bin/python3", "3.9.2");
    let found = machine.search().find().unwrap();
    assert_eq!(found.interpreter.path, base);
    assert!(
        matches!(&found.considered[0].verdict, Verdict::Refused(Refusal::InsideEnvironment(root)) if *root == machine.path("venv"))
    );
}

#[test]
fn broken_and_odd_interpreters_are_passed_over_with_reasons() {
    let machine = Machine::new();
    machine.script("bin/python3", "echo 'no such version' >&2; exit 127");
    machine.interpreter("bin/python", "3.13.0", "cpython", "CPython", true);
    machine.interpreter("other/python3", "3.10.1", "pypy", "PyPy", false);
    machine.python("system/python3", "3.12.0");
    let found = machine.search().find().unwrap();
    let verdicts: Vec<String> = found
        .considered
        .iter()
        .map(|one| one.verdict.to_string())
        .collect();
    assert_eq!(
        verdicts,
        [
            "it does not work: it says `no such version`",
            "it is a free-threaded build, which must be asked for (`3.13t`)",
            "it is PyPy, which must be asked for by name or path",
            "used"
        ]
    );
    assert_eq!(machine.search().survey().last().unwrap().verdict, Verdict::Chosen);
}

#[test]
fn a_real_interpreter_is_asked_once() {
    let Some(python) = any_python() else { return };
    let cache = tempfile::tempdir().unwrap();
    let first = crate::python::probe_cached(&python.base_executable, Some(cache.path())).unwrap();
    let file = fs::read_dir(cache.path().join("python"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    // What is remembered is believed: a changed answer shows that nothing was run.
    let text = fs::read_to_string(&file)
        .unwrap()
        .replace("\"CPython\"", "\"Remembered\"");
    fs::write(&file, text).unwrap();
    let second = crate::python::probe_cached(&python.base_executable, Some(cache.path())).unwrap();
    assert_eq!(second.markers.platform_python_implementation, "Remembered");
    fs::write(&file, "{").unwrap();
    let third = crate::python::probe_cached(&python.base_executable, Some(cache.path())).unwrap();
    assert_eq!(third, first);
    assert!(first.marker_environment().is_ok());
}

#[test]
fn every_pyenv_version_of_this_machine_is_understood() {
    let Some(root) = std::env::var_os("PYENV_ROOT").map(PathBuf::from) else {
        return;
    };
    for entry in fs::read_dir(root.join("versions"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        let result = crate::python::probe(&entry.path().join("bin/python"));
        match name.strip_prefix("2.") {
            Some(_) => assert_eq!(result.unwrap_err(), Refusal::NotPython3, "{name}"),
            None => {
                let found = result.unwrap();
                assert_eq!(found.version, name);
                assert_eq!(found.prefix, found.base_prefix, "not a virtual environment");
                assert!(Path::new(&found.base_executable).is_file(), "{name}");
            }
        }
    }
}

#[test]
fn the_target_is_what_the_interpreter_reports() {
    let machine = Machine::new();
    let path = machine.python("bin/python3", "3.12.1");
    let mut python = crate::python::probe(&path).unwrap();
    let host = "linux-x86_64-glibc2.40".parse().unwrap();
    assert_eq!(python.target(&host).to_string(), "linux-x86_64-glibc2.40-py3.12");
    python.libc = Some(crate::python::Libc {
        name: "glibc".to_owned(),
        version: "2.36".to_owned(),
    });
    python.pointer_bits = 32;
    assert_eq!(python.target(&host).to_string(), "linux-i686-glibc2.36-py3.12");
}
