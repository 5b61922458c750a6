//! Whole environments, made, changed, broken and repaired, with the interpreters of this machine.

mod activation;
mod commit;
mod environment;
mod mixed;
mod python;
mod recovery;
mod scripts;
mod settling;
mod whole;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::AtomicBool;

use wharf_core::{Algorithm, NullSink, PackageName, SafePath};
use wharf_ecosystem::pypi::wheel::Row;
use wharf_store::{Entry, Hasher, Kind, Store, Tree};
use wharf_sys::Governor;

use crate::python::{Interpreter, Search, Surroundings};
use crate::{Applied, Compile, Environment, InstallError, Package, PythonWanted, SystemSite, Wanted};

/// Any interpreter of this machine; tests that need one pass quietly where there is none.
pub(crate) fn any_python() -> Option<Interpreter> {
    Search::new(Surroundings::from_env())
        .find()
        .ok()
        .map(|found| found.interpreter)
}

/// A project in a temporary directory, a store, and an interpreter.
pub(super) struct Fixture {
    _temporary: tempfile::TempDir,
    pub(super) project: PathBuf,
    pub(super) store: Store,
    pub(super) python: Interpreter,
    pub(super) governor: Governor,
}

impl Fixture {
    pub(super) fn new() -> Option<Self> {
        Self::named("project")
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        let python = any_python()?;
        let temporary = tempfile::tempdir().unwrap();
        let project = temporary.path().join(name);
        std::fs::create_dir_all(&project).unwrap();
        let store = Store::open(&temporary.path().join("store")).unwrap();
        Some(Self {
            project,
            store,
            python,
            governor: Governor::for_machine(),
            _temporary: temporary,
        })
    }

    /// A package whose wheel has these files beside METADATA, WHEEL and RECORD. A path that starts with `+` can be run.
    pub(super) fn package(&self, name: &str, version: &str, files: &[(&str, &str)]) -> Package {
        let info = format!("{name}-{version}.dist-info");
        let mut all: Vec<(String, String)> = files
            .iter()
            .map(|(path, text)| (path.replace("@info", &info), (*text).to_owned()))
            .collect();
        if !all.iter().any(|(path, _)| path.ends_with("/WHEEL")) {
            all.push((
                format!("{info}/WHEEL"),
                "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n".to_owned(),
            ));
        }
        all.push((
            format!("{info}/METADATA"),
            format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"),
        ));
        let row = |(path, text): &(String, String)| Row {
            path: path.trim_start_matches('+').to_owned(),
            digest: Some(Hasher::digest(Algorithm::Sha256, text.as_bytes())),
            size: Some(text.len() as u64),
        };
        let mut record: String = all.iter().map(|file| format!("{}\n", row(file))).collect();
        record.push_str(&format!("{info}/RECORD,,\n"));
        all.push((format!("{info}/RECORD"), record));
        Package {
            name: PackageName::pypi(name).unwrap(),
            version: version.to_owned(),
            tree: self.tree(&all),
            direct_url: None,
            requested: true,
        }
    }

    pub(super) fn tree(&self, files: &[(String, String)]) -> wharf_store::TreeId {
        let entries = files.iter().map(|(path, text)| {
            let executable = path.starts_with('+');
            let object = self.store.write_object(text.as_bytes(), executable).unwrap();
            let kind = Kind::File {
                object,
                size: text.len() as u64,
                executable,
            };
            Entry {
                path: SafePath::new(path.trim_start_matches('+')).unwrap(),
                kind,
            }
        });
        self.store.write_tree(&Tree::new(entries.collect())).unwrap()
    }

    pub(super) fn wanted(&self, packages: &[Package]) -> Wanted {
        Wanted::new("label").with_python(PythonWanted {
            python: self.python.clone(),
            packages: packages.to_vec(),
            prompt: "demo".to_owned(),
            compile: Compile::No,
            system_site: SystemSite::Hidden,
        })
    }

    pub(super) fn environment(&self) -> Environment {
        Environment::open(&self.project).unwrap()
    }

    pub(super) fn apply(&self, wanted: &Wanted) -> Result<Applied, InstallError> {
        let environment = Environment::open(&self.project)?;
        let plan = environment.plan(wanted)?;
        environment.apply(
            &plan,
            wanted,
            &self.store,
            &self.governor,
            &NullSink::shared(),
            &AtomicBool::new(false),
        )
    }

    pub(super) fn install(&self, packages: &[Package]) -> Applied {
        self.apply(&self.wanted(packages)).unwrap()
    }

    pub(super) fn root(&self) -> PathBuf {
        self.project.join(".venv")
    }

    pub(super) fn site(&self) -> PathBuf {
        self.root().join(self.python.site_packages())
    }

    pub(super) fn bin(&self, name: &str) -> PathBuf {
        self.root().join("bin").join(name)
    }

    /// Runs Python code in the environment; its output, trimmed.
    pub(super) fn run(&self, code: &str) -> String {
        said(Command::new(self.bin("python")).args(["-c", code]))
    }
}

/// The Python part of a wish, to change it.
pub(super) fn python(wanted: &mut Wanted) -> &mut PythonWanted {
    wanted.python.as_mut().unwrap()
}

/// Runs a command that must succeed; its output, trimmed.
pub(super) fn said(command: &mut Command) -> String {
    let output = output(command);
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub(super) fn output(command: &mut Command) -> Output {
    let output = command
        .env_remove("VIRTUAL_ENV")
        .env_remove("PYTHONPATH")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output();
    output.unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Whether a program is there to be tested with.
pub(super) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
}

/// Every file and link below a directory with its content, to compare whole environments.
pub(super) fn snapshot(root: &Path) -> std::collections::BTreeMap<String, String> {
    let mut found = std::collections::BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            let kind = entry.file_type().unwrap();
            if kind.is_symlink() {
                found.insert(
                    name,
                    format!("-> {}", std::fs::read_link(&path).unwrap().display()),
                );
            } else if kind.is_dir() {
                open.push(path);
            } else {
                found.insert(
                    name,
                    String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned(),
                );
            }
        }
    }
    found
}
