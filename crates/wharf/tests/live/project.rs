//! A project folder in which the real binary works with the machine's own index.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

/// Proves an environment: see the file's own words.
const PROVE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/prove.py");
/// Where everything of these tests lies.
const PLACE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/live");

/// One project, made anew for each test.
pub(crate) struct Project {
    name: &'static str,
    folder: PathBuf,
    python: Option<&'static str>,
}

impl Project {
    /// An empty folder. The name is unique among the tests.
    pub(crate) fn new(name: &'static str) -> Self {
        let folder = Path::new(PLACE).join(name).join("project");
        let _ = fs::remove_dir_all(Path::new(PLACE).join(name));
        fs::create_dir_all(&folder).expect("the build folder can be written");
        Self {
            name,
            folder,
            python: None,
        }
    }

    /// A copy of one of the repository's examples.
    pub(crate) fn example(name: &'static str) -> Self {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
        Self::copied(name, &examples.join(name))
    }

    /// A copy of a folder.
    pub(crate) fn copied(name: &'static str, folder: &Path) -> Self {
        let project = Self::new(name);
        copy(folder, &project.folder);
        project
    }

    /// A requirements file with these lines.
    pub(crate) fn requirements(name: &'static str, lines: &[&str]) -> Self {
        let project = Self::new(name);
        project.write("requirements.txt", &(lines.join("\n") + "\n"));
        project
    }

    /// The same with a Python of this version.
    pub(crate) fn python_version(mut self, version: &'static str) -> Self {
        self.python = Some(version);
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("the project can be written");
        fs::write(path, text).expect("the project can be written");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The whole folder at another place.
    pub(crate) fn moved(mut self) -> Self {
        let place = self.folder.with_file_name("moved");
        fs::rename(&self.folder, &place).expect("a folder can be moved");
        self.folder = place;
        self
    }

    /// Runs Wharf, whatever comes out.
    pub(crate) fn wharf(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
        command.current_dir(&self.folder).args(["--no-progress"]);
        command.args([
            "--store",
            &format!("{PLACE}/store"),
            "--cache",
            &format!("{PLACE}/cache"),
        ]);
        if let Some(version) = self.python {
            command.args(["--python", version]);
        }
        let own = Path::new(PLACE).join(self.name);
        command.env("WHARF_TOOL_DIR", own.join("tools"));
        command.env("WHARF_TOOL_BIN_DIR", own.join("bin"));
        // Archives that lie about on this machine would stand in for the index's.
        command.env_remove("PIP_FIND_LINKS").args(arguments);
        command.output().expect("the binary starts")
    }

    /// Runs Wharf and expects success; gives what it printed for people.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let started = Instant::now();
        let output = self.wharf(arguments);
        let said = said(&output);
        assert!(
            output.status.success(),
            "{}: wharf {arguments:?}: {said}",
            self.name
        );
        let line = said
            .lines()
            .rev()
            .find(|line| line.contains(" in ") || line.contains("Nothing to do"));
        eprintln!(
            "{}: wharf {}: {:.2} s: {}",
            self.name,
            arguments.join(" "),
            started.elapsed().as_secs_f64(),
            line.unwrap_or_default()
        );
        said
    }

    /// Runs Wharf and expects this exit code; gives the message.
    pub(crate) fn refused(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.wharf(arguments);
        let said = said(&output);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{}: wharf {arguments:?}: {said}",
            self.name
        );
        said
    }

    /// Runs the command of a tool and gives what it prints.
    pub(crate) fn tool(&self, command: &str, arguments: &[&str]) -> String {
        let mut started = Command::new(Path::new(PLACE).join(self.name).join("bin").join(command));
        finish(started.args(arguments))
    }

    /// What lies in the folders of tools and of their commands.
    pub(crate) fn tools(&self) -> Vec<PathBuf> {
        let own = Path::new(PLACE).join(self.name);
        let mut found = Vec::new();
        let mut folders = vec![own.join("tools"), own.join("bin")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(entry.path());
                }
                found.push(entry.path());
            }
        }
        found
    }

    /// Runs a program of the environment and gives what it prints.
    pub(crate) fn program(&self, name: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(self.path(".venv/bin").join(name));
        finish(command.current_dir(&self.folder).args(arguments))
    }

    /// What the environment's Python prints for an expression.
    pub(crate) fn evaluate(&self, imports: &str, expression: &str) -> String {
        let code = format!("import {imports}; print({expression})");
        self.program("python", &["-c", &code]).trim().to_owned()
    }

    /// Runs the machine's pip on the environment.
    pub(crate) fn pip(&self, arguments: &[&str]) -> String {
        let python = self.path(".venv/bin/python");
        finish(Command::new("pip").arg("--python").arg(python).args(arguments))
    }

    /// Imports every module, starts every script, compares every file; but for what the packages themselves cannot do, by pattern.
    pub(crate) fn prove(&self, excused: &[&str]) {
        let started = Instant::now();
        let mut command = Command::new(self.path(".venv/bin/python"));
        let found = finish(command.args(["-I", PROVE]).args(excused));
        self.pip(&["check"]);
        eprintln!(
            "{}: {}, {:.0} s",
            self.name,
            found.trim(),
            started.elapsed().as_secs_f64()
        );
    }

    /// The locked version of a package.
    pub(crate) fn locked(&self, name: &str) -> Option<String> {
        let lock: toml::Table = self.read("wharf.lock").parse().expect("a lockfile is TOML");
        let packages = lock.get("package").and_then(toml::Value::as_array)?;
        let package = packages.iter().find(|package| {
            package.get("name").and_then(toml::Value::as_str) == Some(&format!("pypi:{name}"))
        })?;
        package.get("version")?.as_str().map(str::to_owned)
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// Runs a command that must succeed; gives its standard output.
pub(crate) fn finish(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the build folder can be written");
    for entry in fs::read_dir(from).expect("an example can be read") {
        let entry = entry.expect("an example can be read");
        let name = entry.file_name();
        let made = [".venv", ".wharf", "wharf.lock", "__pycache__", "node_modules"];
        if made.iter().any(|made| name == *made) {
            continue;
        }
        let (source, target) = (entry.path(), to.join(&name));
        if source.is_dir() {
            copy(&source, &target);
        } else {
            fs::copy(&source, &target).expect("an example can be copied");
        }
    }
}
