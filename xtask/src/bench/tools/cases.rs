//! What is measured of a tool: run without being installed, the first time and again; and installed, the command against the file
//! behind it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::isolate::{isolated, make_home};
use super::super::measure::{Sample, measure};
use super::super::report::SetResult;
use super::super::rounds::{Compared, Kind, Way, Work, measure_all};
use super::super::{Options, remove};
use super::Surroundings;
use super::sets::{Ecosystem, Set};
use crate::shell::{self, Failure, about};

/// What is done with a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    First,
    Again,
    /// It is installed, and its command starts.
    Start,
}

impl Kind for Case {
    fn name(self) -> &'static str {
        match self {
            Self::First => "one-off first",
            Self::Again => "one-off again",
            Self::Start => "command",
        }
    }

    fn cold(self) -> bool {
        self == Self::First
    }

    fn before(self) -> Vec<Self> {
        match self {
            Self::First | Self::Again => vec![Self::First, self],
            Self::Start => vec![self],
        }
    }

    fn rounds(self) -> usize {
        match self {
            Self::First => 1,
            Self::Again => 5,
            // A difference of a fraction of a millisecond is looked for.
            Self::Start => 30,
        }
    }
}

/// A way to run the tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doer {
    /// `uvx`.
    Uvx,
    /// `npx --yes`.
    Npx,
    /// `bunx`.
    Bunx,
    /// The file itself, in the environment of the installed tool.
    File,
    /// `wharf x`; of an installed tool its command.
    Wharf,
}

impl Doer {
    const ALL: [Self; 5] = [Self::Uvx, Self::Npx, Self::Bunx, Self::File, Self::Wharf];

    fn name(self) -> &'static str {
        match self {
            Self::Uvx => "uvx",
            Self::Npx => "npx",
            Self::Bunx => "bunx",
            Self::File => "file",
            Self::Wharf => "wharf",
        }
    }
}

/// An installed tool.
struct Installed {
    command: PathBuf,
    file: PathBuf,
}

/// A tool made ready.
pub(super) struct Bench<'run> {
    folder: PathBuf,
    set: Set,
    around: &'run Surroundings,
    wharf: Option<&'run Path>,
    installed: Option<Installed>,
}

impl<'run> Bench<'run> {
    /// Makes the folder that all stand in.
    pub(super) fn new(
        folder: &Path,
        set: Set,
        around: &'run Surroundings,
        wharf: Option<&'run Path>,
    ) -> Result<Self, Failure> {
        remove(folder)?;
        let bench = Self {
            folder: folder.to_owned(),
            set,
            around,
            wharf,
            installed: None,
        };
        std::fs::create_dir_all(bench.standing()).map_err(about(folder.display()))?;
        Ok(bench)
    }

    /// Runs it once in every way, so that all answers are recorded, and installs it.
    pub(super) fn prepare(&mut self) -> Result<(), Failure> {
        for doer in self.tools(Case::First) {
            self.once(Case::First, doer)?;
        }
        if self.wharf.is_some() {
            self.installed = Some(self.install()?);
        }
        Ok(())
    }

    /// Measures every case.
    pub(super) fn measure(&self, options: &Options) -> Result<SetResult, Failure> {
        let cases = measure_all(self, options)?;
        let mut facts = vec![self.set.package.clone()];
        facts.extend(cases.iter().filter_map(overhead));
        Ok(SetResult {
            set: self.set.name.to_owned(),
            facts,
            cases,
        })
    }

    fn install(&self) -> Result<Installed, Failure> {
        let home = self.home("installed");
        self.make_home(&home)?;
        let wharf = |arguments: &[&str]| {
            let mut command = self.start(self.wharf.unwrap_or(Path::new("wharf")), &home);
            shell::output(command.args(arguments)).map(|said| PathBuf::from(said.trim()))
        };
        wharf(&["tool", "install", "--quiet", &self.set.package])?;
        let command = wharf(&["tool", "dir", "--bin"])?.join(&self.set.command);
        let environment = wharf(&["tool", "dir", self.set.own_name()])?;
        let folder = match self.set.ecosystem() {
            Ecosystem::Python => ".venv/bin",
            Ecosystem::Node => "node_modules/.bin",
            Ecosystem::Rust => ".wharf/bin",
        };
        let file = environment.join(folder).join(&self.set.command);
        let file = file.canonicalize().map_err(about(file.display()))?;
        Ok(Installed { command, file })
    }

    fn command(&self, case: Case, doer: Doer) -> Command {
        let own_name = self.set.own_name();
        if let (Case::Start, Some(installed)) = (case, &self.installed) {
            let program = match doer {
                Doer::Wharf => &installed.command,
                _ => &installed.file,
            };
            let mut command = self.start(program, &self.home("installed"));
            command.args(&self.set.arguments);
            return command;
        }
        let home = self.home(doer.name());
        let mut command = match doer {
            Doer::Uvx => {
                let mut command = self.start(&self.around.python.uv.with_file_name("uvx"), &home);
                command.args(["--quiet", own_name]);
                command
            }
            Doer::Npx => {
                let mut command = self.start(&self.around.node.node, &home);
                command
                    .arg(self.around.node.npm.with_file_name("npx-cli.js"))
                    .args(["--yes", own_name]);
                command
            }
            Doer::Bunx => {
                let mut command = self.start(&self.around.node.bun, &home);
                command.args(["x", own_name]);
                command
            }
            Doer::Wharf | Doer::File => {
                let mut command = self.start(self.wharf.unwrap_or(Path::new("wharf")), &home);
                command.args(["x", "--quiet", &self.set.package, "--"]);
                command
            }
        };
        command.args(&self.set.arguments);
        command
    }

    /// A program with nothing of the developer's settings, but led to the mirrors.
    fn start(&self, program: &Path, home: &Path) -> Command {
        let python = wharf_testkit::host_python();
        let folders = [python, &self.around.node.node]
            .map(Path::parent)
            .into_iter()
            .flatten();
        let mut path: Vec<PathBuf> = folders.map(Path::to_owned).collect();
        path.push(self.around.rust.folder.clone());
        let mut command = isolated(program, &self.standing(), home, &path);
        command
            .env("PIP_INDEX_URL", self.around.index.index_url())
            .env("UV_DEFAULT_INDEX", self.around.index.index_url())
            .env("UV_PYTHON", python)
            .env("UV_PYTHON_DOWNLOADS", "never")
            .env("UV_NO_CONFIG", "1")
            .env("NO_UPDATE_NOTIFIER", "1")
            .env("npm_config_registry", self.around.registry.url())
            .env("NPM_CONFIG_REGISTRY", self.around.registry.url());
        command
    }

    fn make_home(&self, home: &Path) -> Result<(), Failure> {
        make_home(home, &self.around.crates.config()).map_err(about(home.display()))?;
        let registry = self.around.registry.url();
        Ok(std::fs::write(
            home.join(".npmrc"),
            format!("registry={registry}\n"),
        )?)
    }

    /// An empty folder: no project's settings count.
    fn standing(&self) -> PathBuf {
        self.folder.join("standing")
    }

    fn home(&self, name: &str) -> PathBuf {
        self.folder.join("homes").join(name)
    }
}

impl Work for Bench<'_> {
    type Tool = Doer;
    type Case = Case;

    const CASES: &'static [Case] = &[Case::First, Case::Again, Case::Start];
    const LARGE: bool = false;

    fn tools(&self, case: Case) -> Vec<Doer> {
        let ecosystem = self.set.ecosystem();
        let takes_part = |doer: &Doer| match (doer, case) {
            (Doer::Wharf | Doer::File, Case::Start) => self.installed.is_some(),
            (_, Case::Start) | (Doer::File, _) => false,
            (Doer::Uvx, _) => ecosystem == Ecosystem::Python,
            (Doer::Npx | Doer::Bunx, _) => ecosystem == Ecosystem::Node,
            // Nobody else runs crates without installing them.
            (Doer::Wharf, _) => self.wharf.is_some() && ecosystem != Ecosystem::Rust,
        };
        Doer::ALL.into_iter().filter(takes_part).collect()
    }

    fn way(&self, doer: Doer, _case: Case) -> Way {
        Way {
            name: doer.name(),
            class: None,
            wharf: doer == Doer::Wharf,
            slow: false,
        }
    }

    fn clear_for(&self, case: Case, doer: Doer) -> Result<(), Failure> {
        match case {
            Case::First => remove(&self.home(doer.name())),
            Case::Again | Case::Start => Ok(()),
        }
    }

    fn once(&self, case: Case, doer: Doer) -> Result<Sample, Failure> {
        if case != Case::Start {
            self.make_home(&self.home(doer.name()))?;
            // What the last run wrote is not written back during this one.
            rustix::fs::sync();
        }
        measure(&mut self.command(case, doer))
    }

    fn asked(&self) -> Result<u64, Failure> {
        self.around.asked()
    }
}

/// What a command takes more than the file behind it.
fn overhead(compared: &Compared) -> Option<String> {
    let median = |name: &str| {
        let measured = compared.ways.iter().find(|measured| measured.way.name == name)?;
        Some(measured.median.wall * 1e3)
    };
    let (file, wharf) = (median(Doer::File.name())?, median(Doer::Wharf.name())?);
    Some(format!(
        "the command takes {:+.3} ms over the {file:.3} ms of the file behind it",
        wharf - file
    ))
}
