//! What is measured of a command that is built from its crate: the first time, and once more.
//!
//! Cargo builds in a folder for temporary files unless it is told of one, and then again from nothing; told of one, it finds there what
//! it compiled. Its way out, that the command is installed already, is set beside a `wharf sync` that has nothing to do.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::Options;
use super::super::isolate::{isolated, make_home};
use super::super::measure::{Sample, measure};
use super::super::remove;
use super::super::report::SetResult;
use super::super::rounds::{Kind, Way, Work, measure_all};
use super::Toolchain;
use super::mirror::CratesMirror;
use super::sets::{TOOL, Tool, tool};
use crate::shell::{self, Failure, about};

/// What is done with the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    First,
    /// It was built before: for Wharf, another project wants it.
    Again,
    /// It stands where it is wanted.
    Installed,
    /// Whatever is needed so that it stands there; never measured.
    Built,
}

impl Kind for Case {
    fn name(self) -> &'static str {
        match self {
            Self::First => "tool first",
            Self::Again => "tool again",
            Self::Installed => "tool installed",
            Self::Built => "tool built",
        }
    }

    fn cold(self) -> bool {
        self == Self::First
    }

    fn before(self) -> Vec<Self> {
        vec![Self::Built]
    }

    fn rounds(self) -> usize {
        if self == Self::Installed { 5 } else { 1 }
    }
}

/// A way to do the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doer {
    /// `cargo install`, the second time with `--force`.
    Cargo,
    /// The same with a target folder that stays.
    CargoKept,
    /// `cargo install` alone, which sees that nothing is to be done.
    CargoInstalled,
    /// `wharf sync` of a project that has the command under `[cargo]`.
    Wharf,
}

impl Doer {
    const ALL: [Self; 4] = [Self::Cargo, Self::CargoKept, Self::CargoInstalled, Self::Wharf];

    fn name(self) -> &'static str {
        match self {
            Self::Cargo => "install --force",
            Self::CargoKept => "the same, target kept",
            Self::CargoInstalled => "install, installed",
            Self::Wharf => "wharf",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Cargo | Self::CargoInstalled => "cargo",
            Self::CargoKept => "cargo-kept",
            Self::Wharf => "wharf",
        }
    }
}

/// The command, and two projects that want it.
pub(super) struct Bench<'run> {
    folder: PathBuf,
    tool: Tool,
    toolchain: &'run Toolchain,
    wharf: Option<&'run Path>,
    mirror: &'run CratesMirror,
}

impl<'run> Bench<'run> {
    /// Writes the projects.
    pub(super) fn new(
        folder: &Path,
        toolchain: &'run Toolchain,
        wharf: Option<&'run Path>,
        mirror: &'run CratesMirror,
    ) -> Result<Self, Failure> {
        remove(folder)?;
        let bench = Self {
            folder: folder.to_owned(),
            tool: tool(),
            toolchain,
            wharf,
            mirror,
        };
        for project in [bench.first(), bench.second()] {
            std::fs::create_dir_all(&project).map_err(about(project.display()))?;
            let Tool { name, version, .. } = &bench.tool;
            std::fs::write(
                project.join("wharf.toml"),
                format!("[cargo]\n{name} = \"{version}\"\n"),
            )?;
        }
        Ok(bench)
    }

    /// Measures every case, and checks that the commands run that both have made. Nothing is built for the recordings' sake: the
    /// first build is repeated where it asked for something new.
    pub(super) fn measure(&self, options: &Options) -> Result<SetResult, Failure> {
        let cases = measure_all(self, options)?;
        let made = [
            self.first().join(".wharf/bin"),
            self.second().join(".wharf/bin"),
            self.home(Doer::Cargo).join("installed/bin"),
            self.home(Doer::CargoKept).join("installed/bin"),
        ];
        for command in made.map(|folder| folder.join(&self.tool.command)) {
            if command.exists() {
                shell::output(Command::new(command).arg("--version"))?;
            }
        }
        Ok(SetResult {
            set: TOOL.to_owned(),
            facts: vec![format!("{} {}", self.tool.name, self.tool.version)],
            cases,
        })
    }

    fn command(&self, case: Case, doer: Doer) -> Command {
        let home = self.home(doer);
        let path = std::slice::from_ref(&self.toolchain.folder);
        if doer == Doer::Wharf {
            let folder = match case {
                Case::First | Case::Installed | Case::Built => self.first(),
                Case::Again => self.second(),
            };
            let mut command = isolated(self.wharf.unwrap_or(Path::new("wharf")), &folder, &home, path);
            command.args(["sync", "--quiet"]);
            return command;
        }
        let mut command = isolated(&self.toolchain.cargo, &self.folder, &home, path);
        command
            .args([
                "install",
                "--quiet",
                "--locked",
                &self.tool.name,
                "--version",
                &self.tool.version,
                "--root",
            ])
            .arg(home.join("installed"));
        if doer == Doer::CargoKept {
            command.env("CARGO_TARGET_DIR", home.join("target"));
        }
        if matches!(case, Case::Again | Case::Installed) {
            command.arg("--offline");
        }
        if case == Case::Again && doer != Doer::CargoInstalled {
            command.arg("--force");
        }
        command
    }

    fn first(&self) -> PathBuf {
        self.folder.join("first")
    }

    fn second(&self) -> PathBuf {
        self.folder.join("second")
    }

    fn home(&self, doer: Doer) -> PathBuf {
        self.folder.join("homes").join(doer.folder())
    }
}

impl Work for Bench<'_> {
    type Tool = Doer;
    type Case = Case;

    const CASES: &'static [Case] = &[Case::First, Case::Again, Case::Installed];
    const LARGE: bool = false;

    fn tools(&self, case: Case) -> Vec<Doer> {
        let takes_part = |doer: &Doer| match (doer, case) {
            (Doer::Wharf, _) => self.wharf.is_some(),
            (Doer::Cargo, Case::First) | (_, Case::Again) | (Doer::CargoInstalled, Case::Installed) => true,
            (_, Case::First | Case::Installed | Case::Built) => false,
        };
        Doer::ALL.into_iter().filter(takes_part).collect()
    }

    fn way(&self, doer: Doer, case: Case) -> Way {
        Way {
            name: doer.name(),
            class: None,
            wharf: doer == Doer::Wharf,
            slow: case == Case::First || (doer == Doer::Cargo && case == Case::Again),
        }
    }

    fn clear_for(&self, case: Case, doer: Doer) -> Result<(), Failure> {
        if case == Case::First {
            remove(&self.home(doer))?;
        }
        let (folder, made): (_, &[&str]) = match (doer, case) {
            (Doer::Wharf, Case::First) => (self.first(), &["wharf.lock", ".wharf"]),
            (Doer::Wharf, Case::Again) => (self.second(), &[".wharf"]),
            _ => return Ok(()),
        };
        made.iter().try_for_each(|made| remove(&folder.join(made)))
    }

    fn once(&self, case: Case, doer: Doer) -> Result<Sample, Failure> {
        make_home(&self.home(doer), &self.mirror.config())?;
        let lock = self.first().join("wharf.lock");
        if (doer, case) == (Doer::Wharf, Case::Again) && lock.is_file() {
            std::fs::copy(&lock, self.second().join("wharf.lock"))?;
        }
        // What the last run wrote is not written back during this one.
        rustix::fs::sync();
        measure(&mut self.command(case, doer))
    }

    fn asked(&self) -> Result<u64, Failure> {
        self.mirror.asked()
    }
}
