//! What is measured: the same work for every tool, in directories of its own, with caches of its own.
//!
//! Invariants: all tools use the same interpreter, the same pinned wheels and no bytecode compilation. No tool is ever pointed
//! at an interpreter outside of `target/bench`: every installation names its environment.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::measure::{Sample, measure};
use super::mirror::Mirror;
use super::peers::Peers;
use super::report::SetResult;
use super::rounds::{Case, Kind, Way, Work, measure_all};
use super::sets::Set;
use super::{Options, remove};
use crate::shell::{self, Failure, about};

/// A way to do the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    /// `uv pip compile`, `uv sync --frozen`.
    Uv,
    /// `uv pip sync` into an environment that exists.
    UvPip,
    /// `pip install`, with `--dry-run` for resolving.
    Pip,
    /// `wharf lock`, `wharf sync --frozen`.
    Wharf,
}

impl Tool {
    const ALL: [Self; 4] = [Self::Uv, Self::UvPip, Self::Pip, Self::Wharf];

    fn name(self) -> &'static str {
        match self {
            Self::Uv => "uv",
            Self::UvPip => "uv-pip",
            Self::Pip => "pip",
            Self::Wharf => "wharf",
        }
    }

    fn does(self, case: Case) -> bool {
        match self {
            Self::Uv | Self::Wharf => true,
            Self::UvPip => !case.resolves(),
            Self::Pip => case != Case::Nothing,
        }
    }
}

/// A set made ready: every answer recorded, every lockfile written.
pub(super) struct Bench<'run> {
    directory: PathBuf,
    set: Set,
    peers: &'run Peers,
    wharf: Option<&'run Path>,
    mirror: &'run Mirror,
    pinned: Vec<String>,
}

impl<'run> Bench<'run> {
    /// Resolves and installs once with every tool, so that all answers are recorded, and checks that the tools did the
    /// same.
    pub(super) fn prepare(
        directory: &Path,
        set: Set,
        peers: &'run Peers,
        wharf: Option<&'run Path>,
        mirror: &'run Mirror,
    ) -> Result<Self, Failure> {
        remove(directory)?;
        let mut bench = Self {
            directory: directory.to_owned(),
            set,
            peers,
            wharf,
            mirror,
            pinned: Vec::new(),
        };
        bench.write("resolve/uv/requirements.in", &bench.requirements())?;
        bench.write("resolve/pip/requirements.in", &bench.requirements())?;
        bench.write("resolve/wharf/requirements.txt", &bench.requirements())?;
        bench.once(Case::ResolveCold, Tool::Uv)?;
        bench.pin()?;
        if wharf.is_some() {
            bench.once(Case::ResolveCold, Tool::Wharf)?;
            shell::output(bench.tool(Tool::Wharf, "install/wharf").args(["lock", "--quiet"]))?;
        }
        for tool in bench.but_pip() {
            bench.clear_for(Case::InstallCold, tool)?;
            bench.once(Case::InstallCold, tool)?;
        }
        bench.check_same_wheels()?;
        Ok(bench)
    }

    /// Measures every case.
    pub(super) fn measure(&self, options: &Options) -> Result<SetResult, Failure> {
        let cases = measure_all(self, options)?;
        let mut facts = vec![format!("{} wheels", self.pinned.len())];
        match self.resolved_otherwise()?.as_slice() {
            [] => {}
            otherwise => facts.push(format!("resolved otherwise than uv: {}", otherwise.join("; "))),
        }
        Ok(SetResult {
            set: self.set.name.to_owned(),
            facts,
            cases,
        })
    }

    /// Makes what must be there before the work, the environments of those that make none themselves included.
    fn make_ready(&self, case: Case, tool: Tool) -> Result<(), Failure> {
        let install = self.install_folder(tool);
        let needs_environment = matches!(tool, Tool::UvPip | Tool::Pip) && !case.resolves();
        if needs_environment && !install.join(".venv").exists() {
            let python = wharf_testkit::host_python();
            shell::output(
                self.tool(Tool::Uv, "install/uv")
                    .args(["venv", "--quiet", "--python"])
                    .arg(python)
                    .arg(install.join(".venv")),
            )?;
        }
        for folder in [self.home(tool), self.resolve_folder(tool), install] {
            std::fs::create_dir_all(&folder).map_err(about(folder.display()))?;
        }
        // What the last run wrote is not written back during this one.
        rustix::fs::sync();
        Ok(())
    }

    fn resolve_folder(&self, tool: Tool) -> PathBuf {
        self.directory.join("resolve").join(tool.name())
    }

    fn install_folder(&self, tool: Tool) -> PathBuf {
        self.directory.join("install").join(tool.name())
    }

    fn but_pip(&self) -> impl Iterator<Item = Tool> {
        let tools = self.tools(Case::InstallCold).into_iter();
        tools.filter(|tool| *tool != Tool::Pip)
    }

    fn command(&self, case: Case, tool: Tool) -> Command {
        let folder = if case.resolves() { "resolve" } else { "install" };
        let mut command = self.tool(tool, &format!("{folder}/{}", tool.name()));
        let arguments: &[&str] = match (tool, case.resolves()) {
            (Tool::Uv, true) => &[
                "pip",
                "compile",
                "--quiet",
                "requirements.in",
                "--output-file",
                "requirements.txt",
            ],
            (Tool::Uv, false) => &["sync", "--quiet", "--frozen"],
            (Tool::UvPip, _) => &[
                "pip",
                "sync",
                "--quiet",
                "--python",
                ".venv/bin/python",
                "../../pinned.txt",
            ],
            (Tool::Pip, true) => &[
                "install",
                "--quiet",
                "--dry-run",
                "--ignore-installed",
                "-r",
                "requirements.in",
            ],
            (Tool::Pip, false) => &[
                "--python",
                ".venv/bin/python",
                "install",
                "--quiet",
                "--no-deps",
                "--no-compile",
                "-r",
                "../../pinned.txt",
            ],
            (Tool::Wharf, true) => &["lock", "--quiet"],
            (Tool::Wharf, false) => &["sync", "--quiet", "--frozen"],
        };
        command.args(arguments);
        command
    }

    /// A tool with nothing of the developer's settings, in a folder of the set.
    fn tool(&self, tool: Tool, folder: &str) -> Command {
        let binary = match tool {
            Tool::Uv | Tool::UvPip => self.peers.uv.as_path(),
            Tool::Pip => self.peers.pip.as_path(),
            Tool::Wharf => self.wharf.unwrap_or(Path::new("wharf")),
        };
        let mut command = Command::new(binary);
        let folder = self.directory.join(folder);
        shell::isolate(&mut command, &folder, &self.home(tool), shell::python_folder());
        match tool {
            Tool::Uv | Tool::UvPip => {
                command
                    .env("UV_DEFAULT_INDEX", self.mirror.index_url())
                    .env("UV_PYTHON_DOWNLOADS", "never");
                command.env("UV_NO_CONFIG", "1");
                // For `uv pip sync` the variable would name the environment to change: the developer's own interpreter.
                if tool == Tool::Uv {
                    command.env("UV_PYTHON", wharf_testkit::host_python());
                }
            }
            Tool::Pip | Tool::Wharf => {
                command
                    .env("PIP_INDEX_URL", self.mirror.index_url())
                    .env("PIP_REQUIRE_VIRTUALENV", "1")
                    .env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
            }
        }
        command
    }

    fn home(&self, tool: Tool) -> PathBuf {
        self.directory.join("homes").join(tool.name())
    }

    /// The set's requirements; wheels only, so that no build is measured.
    fn requirements(&self) -> String {
        format!("--only-binary :all:\n{}", self.set.requirements)
    }

    /// Pins what uv resolved, for every tool's installation.
    fn pin(&mut self) -> Result<(), Failure> {
        let mut compile = self.tool(Tool::Uv, "resolve/uv");
        compile.args([
            "pip",
            "compile",
            "--quiet",
            "requirements.in",
            "--generate-hashes",
            "--no-annotate",
            "--no-header",
        ]);
        let pinned = shell::output(&mut compile)?;
        self.pinned = pinned
            .lines()
            .filter_map(|line| line.split_once(" \\").map(|(pin, _)| pin.trim().to_owned()))
            .filter(|pin| pin.contains("=="))
            .collect();
        let text = format!("--only-binary :all:\n{pinned}");
        self.write("pinned.txt", &text)?;
        self.write("install/wharf/requirements.txt", &text)?;
        self.write("install/uv/pyproject.toml", &pyproject(&self.pinned)?)?;
        shell::output(
            self.tool(Tool::Uv, "install/uv")
                .args(["lock", "--quiet", "--no-build"]),
        )
        .map(|_| ())
    }

    /// Every tool has installed the same distributions.
    fn check_same_wheels(&self) -> Result<(), Failure> {
        let expected = installed(&self.directory.join("install/uv/.venv"))?;
        for tool in self.but_pip() {
            let found = installed(&self.install_folder(tool).join(".venv"))?;
            if found != expected {
                let differing: Vec<_> = found.symmetric_difference(&expected).cloned().collect();
                return Err(Failure(format!(
                    "{}: installs something else than uv: {}",
                    tool.name(),
                    differing.join(", ")
                )));
            }
        }
        Ok(())
    }

    /// Where the two resolutions differ.
    fn resolved_otherwise(&self) -> Result<Vec<String>, Failure> {
        let lock = self.directory.join("resolve/wharf/wharf.lock");
        if self.wharf.is_none() || !lock.exists() {
            return Ok(Vec::new());
        }
        let theirs = crate::agreement::pinned_versions(&self.directory.join("resolve/uv/requirements.txt"))?;
        let ours = crate::agreement::locked_versions(&lock)?;
        Ok(crate::agreement::differences(&theirs, &ours))
    }

    fn write(&self, path: &str, text: &str) -> Result<(), Failure> {
        let path = self.directory.join(path);
        std::fs::create_dir_all(path.parent().expect("a joined path has a parent"))?;
        std::fs::write(&path, text).map_err(about(path.display()))
    }
}

impl Work for Bench<'_> {
    type Tool = Tool;
    type Case = Case;

    const CASES: &'static [Case] = Case::USUAL;
    const LARGE: bool = false;

    fn tools(&self, case: Case) -> Vec<Tool> {
        let does = |tool: &Tool| tool.does(case) && (*tool != Tool::Wharf || self.wharf.is_some());
        Tool::ALL.into_iter().filter(does).collect()
    }

    fn way(&self, tool: Tool, _case: Case) -> Way {
        Way {
            name: tool.name(),
            class: None,
            wharf: tool == Tool::Wharf,
            slow: tool == Tool::Pip,
        }
    }

    fn clear_for(&self, case: Case, tool: Tool) -> Result<(), Failure> {
        if case.cold() {
            remove(&self.home(tool))?;
        }
        let (folder, made): (_, &[&str]) = match case {
            Case::Nothing => return Ok(()),
            // Wharf's requirements have the name of uv's lock.
            _ if case.resolves() && tool == Tool::Wharf => {
                (self.resolve_folder(tool), &["wharf.lock", ".wharf"])
            }
            _ if case.resolves() => (self.resolve_folder(tool), &["requirements.txt"]),
            _ => (self.install_folder(tool), &[".venv", ".wharf"]),
        };
        made.iter().try_for_each(|made| remove(&folder.join(made)))
    }

    fn once(&self, case: Case, tool: Tool) -> Result<Sample, Failure> {
        self.make_ready(case, tool)?;
        measure(&mut self.command(case, tool))
    }

    fn asked(&self) -> Result<u64, Failure> {
        self.mirror.asked()
    }
}

/// A `pyproject.toml` that asks for these requirements on this machine's interpreter, as wheels: no build is measured.
pub(super) fn pyproject<S: AsRef<str>>(requirements: &[S]) -> Result<String, Failure> {
    pyproject_for(wharf_testkit::host_python(), requirements)
}

/// The same for another interpreter.
pub(super) fn pyproject_for<S: AsRef<str>>(
    interpreter: &Path,
    requirements: &[S],
) -> Result<String, Failure> {
    // This very interpreter: some wheels ask for a later patch release than the first of its minor version.
    let version = "import sys; v = sys.version_info; print(f'>={v[0]}.{v[1]}.{v[2]},<{v[0]}.{v[1] + 1}')";
    let version = shell::output(Command::new(interpreter).args(["-I", "-c", version]))?;
    let requirements: Vec<&str> = requirements.iter().map(AsRef::as_ref).collect();
    Ok(format!(
        "[project]\nname = \"bench\"\nversion = \"0\"\nrequires-python = {:?}\ndependencies = {requirements:?}\n\n\
         [tool.uv]\npackage = false\nno-build = true\nenvironments = [\"sys_platform == 'linux' and platform_machine == 'x86_64' and \
         platform_python_implementation == 'CPython'\"]\n",
        version.trim()
    ))
}

/// Names of the `.dist-info` directories of an environment.
fn installed(environment: &Path) -> Result<BTreeSet<String>, Failure> {
    let mut names = BTreeSet::new();
    let library = environment.join("lib");
    for python in std::fs::read_dir(&library).map_err(about(library.display()))? {
        for entry in std::fs::read_dir(python?.path().join("site-packages"))? {
            let name = entry?.file_name().to_string_lossy().to_lowercase();
            if name.ends_with(".dist-info") {
                names.insert(name);
            }
        }
    }
    Ok(names)
}
