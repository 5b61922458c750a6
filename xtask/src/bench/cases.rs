//! What is measured: the same work for every tool, in directories of its own, with caches of its own.
//!
//! Invariants: all tools use the same interpreter, the same pinned wheels and no bytecode compilation; *cold* means an
//! empty cache of the tool's own, *warm* a full one; the operating system's page cache is warm in both. No tool is ever
//! pointed at an interpreter outside of `target/bench`: every installation names its environment.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;

use super::measure::{Sample, measure, median};
use super::mirror::Mirror;
use super::peers::Peers;
use super::sets::Set;
use super::{Options, remove};
use crate::shell::{self, Failure, about};

/// One kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Case {
    ResolveCold,
    ResolveWarm,
    InstallCold,
    InstallWarm,
    Nothing,
}

impl Case {
    const ALL: [Self; 5] = [
        Self::ResolveCold,
        Self::ResolveWarm,
        Self::InstallCold,
        Self::InstallWarm,
        Self::Nothing,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ResolveCold => "resolve cold",
            Self::ResolveWarm => "resolve warm",
            Self::InstallCold => "install cold",
            Self::InstallWarm => "install warm",
            Self::Nothing => "nothing to do",
        }
    }

    fn resolves(self) -> bool {
        matches!(self, Self::ResolveCold | Self::ResolveWarm)
    }

    fn cold(self) -> bool {
        matches!(self, Self::ResolveCold | Self::InstallCold)
    }
}

/// A way to do the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
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

    pub(super) fn name(self) -> &'static str {
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

/// The samples of one tool.
#[derive(Debug, Serialize)]
pub(super) struct Measured {
    pub(super) tool: Tool,
    pub(super) median: Sample,
    samples: Vec<Sample>,
}

/// The tools on one kind of work.
#[derive(Debug, Serialize)]
pub(super) struct Compared {
    pub(super) case: Case,
    pub(super) tools: Vec<Measured>,
}

/// Everything about one set.
#[derive(Debug, Serialize)]
pub(super) struct SetResult {
    pub(super) set: &'static str,
    pub(super) wheels: usize,
    /// Versions that Wharf resolves otherwise than uv, as `name: uv's, wharf's`.
    pub(super) resolved_otherwise: Vec<String>,
    pub(super) cases: Vec<Compared>,
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
        for tool in bench.tools(Case::InstallCold).filter(|tool| *tool != Tool::Pip) {
            bench.once(Case::InstallCold, tool)?;
        }
        bench.check_same_wheels()?;
        Ok(bench)
    }

    /// How many wheels are installed.
    pub(super) fn wheels(&self) -> usize {
        self.pinned.len()
    }

    /// Measures every case, the tools taking turns.
    pub(super) fn measure(&self, options: &Options) -> Result<SetResult, Failure> {
        let mut cases = Vec::new();
        for case in Case::ALL
            .into_iter()
            .filter(|case| case.name().contains(&options.only))
        {
            println!("    {}", case.name());
            cases.push(self.compare(case, options)?);
        }
        let resolved_otherwise = self.resolved_otherwise()?;
        Ok(SetResult {
            set: self.set.name,
            wheels: self.wheels(),
            resolved_otherwise,
            cases,
        })
    }

    fn compare(&self, case: Case, options: &Options) -> Result<Compared, Failure> {
        let tools: Vec<Tool> = self.tools(case).collect();
        let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); tools.len()];
        // A run of no work is over in milliseconds: more of them for a steady median.
        let rounds = if case == Case::Nothing {
            options.repeat * 5
        } else {
            options.repeat
        };
        for tool in tools.iter().filter(|_| !case.cold()) {
            if *tool != Tool::Pip || options.repeat_slow > 0 {
                self.once(case, *tool)?;
            }
        }
        for round in 0..rounds {
            for turn in 0..tools.len() {
                // Another tool goes first in every round, so that none always follows the same one.
                let number = (turn + round) % tools.len();
                if tools[number] != Tool::Pip || round < options.repeat_slow {
                    samples[number].push(self.recorded(case, tools[number])?);
                }
            }
        }
        let measured = tools.into_iter().zip(samples).filter_map(|(tool, samples)| {
            median(&samples).map(|median| Measured {
                tool,
                median,
                samples,
            })
        });
        Ok(Compared {
            case,
            tools: measured.collect(),
        })
    }

    /// One measurement during which the live index was not asked.
    fn recorded(&self, case: Case, tool: Tool) -> Result<Sample, Failure> {
        for _ in 0..5 {
            let before = self.mirror.asked()?;
            let sample = self.once(case, tool)?;
            if self.mirror.asked()? == before {
                return Ok(sample);
            }
        }
        Err(Failure(format!(
            "{} ({}): asks for something new every time",
            case.name(),
            tool.name()
        )))
    }

    fn once(&self, case: Case, tool: Tool) -> Result<Sample, Failure> {
        self.reset(case, tool)?;
        measure(&mut self.command(case, tool))
    }

    fn tools(&self, case: Case) -> impl Iterator<Item = Tool> + '_ {
        Tool::ALL
            .into_iter()
            .filter(move |tool| tool.does(case) && (*tool != Tool::Wharf || self.wharf.is_some()))
    }

    /// Brings the directories into the state before the work.
    fn reset(&self, case: Case, tool: Tool) -> Result<(), Failure> {
        let resolve = self.directory.join("resolve").join(tool.name());
        let install = self.directory.join("install").join(tool.name());
        if case.cold() {
            remove(&self.home(tool))?;
        }
        if case.resolves() {
            for lock in ["requirements.txt", "wharf.lock", ".wharf"] {
                if !(tool == Tool::Wharf && lock == "requirements.txt") {
                    remove(&resolve.join(lock))?;
                }
            }
        } else if case != Case::Nothing {
            remove(&install.join(".venv"))?;
            remove(&install.join(".wharf"))?;
        }
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
        for folder in [self.home(tool), resolve, install] {
            std::fs::create_dir_all(&folder).map_err(about(folder.display()))?;
        }
        // What the last run wrote is not written back during this one.
        rustix::fs::sync();
        Ok(())
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
        let home = self.home(tool);
        let python = wharf_testkit::host_python();
        let system = ["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from);
        let path = std::env::join_paths(python.parent().map(Path::to_owned).into_iter().chain(system));
        command.current_dir(self.directory.join(folder)).env_clear();
        command
            .env("PATH", path.unwrap_or_default())
            .env("HOME", &home)
            .env("LC_ALL", "C.UTF-8");
        for (name, folder) in [
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_CONFIG_HOME", "config"),
        ] {
            command.env(name, home.join(folder));
        }
        match tool {
            Tool::Uv | Tool::UvPip => {
                command
                    .env("UV_DEFAULT_INDEX", self.mirror.index_url())
                    .env("UV_PYTHON_DOWNLOADS", "never");
                command.env("UV_NO_CONFIG", "1");
                // For `uv pip sync` the variable would name the environment to change: the developer's own interpreter.
                if tool == Tool::Uv {
                    command.env("UV_PYTHON", python);
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
        // This very interpreter: some wheels ask for a later patch release than the first of its minor version.
        let version = "import sys; v = sys.version_info; print(f'{v[0]}.{v[1]}.{v[2]},<{v[0]}.{v[1] + 1}')";
        let version = shell::output(Command::new(wharf_testkit::host_python()).args(["-I", "-c", version]))?;
        let python = format!(
            "[project]\nname = \"bench\"\nversion = \"0\"\nrequires-python = \">={}\"\ndependencies = ",
            version.trim()
        );
        let settings = "\n[tool.uv]\npackage = false\nenvironments = [\"sys_platform == 'linux' and platform_machine == 'x86_64' and platform_python_implementation == 'CPython'\"]\n";
        self.write(
            "install/uv/pyproject.toml",
            &format!("{python}{:?}\n{settings}", self.pinned),
        )?;
        shell::output(
            self.tool(Tool::Uv, "install/uv")
                .args(["lock", "--quiet", "--no-build"]),
        )
        .map(|_| ())
    }

    /// Every tool has installed the same distributions.
    fn check_same_wheels(&self) -> Result<(), Failure> {
        let expected = installed(&self.directory.join("install/uv/.venv"))?;
        for tool in self.tools(Case::InstallCold).filter(|tool| *tool != Tool::Pip) {
            let found = installed(&self.directory.join("install").join(tool.name()).join(".venv"))?;
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
