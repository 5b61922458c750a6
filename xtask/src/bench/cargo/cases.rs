//! What is measured of a Rust project: the same work for cargo and Wharf, in folders of their own, with a home of their own.
//!
//! *Warm* means that every answer of the index is fresh or kept and every archive is there. Of cargo's fetching nothing is left to do
//! then but to see that; Wharf lays out the project's directory source each time, as after a checkout.

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
use super::sets::Set;
use crate::shell::{self, Failure, about};

/// What is done with a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    ResolveCold,
    ResolveWarm,
    FetchCold,
    FetchWarm,
    /// A project whose crates are all on this machine gets a directory source.
    Directory,
    Nothing,
}

impl Kind for Case {
    fn name(self) -> &'static str {
        match self {
            Self::ResolveCold => "resolve cold",
            Self::ResolveWarm => "resolve warm",
            Self::FetchCold => "fetch cold",
            Self::FetchWarm => "fetch warm",
            Self::Directory => "directory",
            Self::Nothing => "nothing to do",
        }
    }

    fn cold(self) -> bool {
        matches!(self, Self::ResolveCold | Self::FetchCold)
    }

    fn before(self) -> Vec<Self> {
        vec![Self::FetchWarm, self]
    }

    fn rounds(self) -> usize {
        if self == Self::Nothing { 5 } else { 1 }
    }
}

/// A way to do the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doer {
    /// `cargo generate-lockfile`, `cargo fetch --locked`, `cargo vendor`.
    Cargo,
    /// `wharf lock`, `wharf sync`, which sees that the lock fits the manifest, as cargo does.
    Wharf,
    /// `wharf sync --frozen`, which takes the lock as it is.
    WharfFrozen,
}

impl Doer {
    const ALL: [Self; 3] = [Self::Cargo, Self::Wharf, Self::WharfFrozen];

    fn name(self) -> &'static str {
        match self {
            Self::Cargo => "cargo",
            Self::Wharf => "wharf",
            Self::WharfFrozen => "wharf --frozen",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Cargo => "cargo",
            Self::Wharf => "wharf",
            Self::WharfFrozen => "wharf-frozen",
        }
    }

    fn arguments(self, case: Case) -> &'static [&'static str] {
        match (self, case) {
            (Self::Cargo, Case::ResolveCold | Case::ResolveWarm) => &["generate-lockfile", "--quiet"],
            (Self::Cargo, Case::FetchCold | Case::FetchWarm) => &["fetch", "--quiet", "--locked"],
            // Without `--respect-source-config` it would go to the live registry.
            (Self::Cargo, Case::Directory) => &[
                "vendor",
                "--quiet",
                "--locked",
                "--offline",
                "--respect-source-config",
                "vendor",
            ],
            (Self::Cargo, Case::Nothing) => &["fetch", "--quiet", "--locked", "--offline"],
            (Self::Wharf | Self::WharfFrozen, Case::ResolveCold | Case::ResolveWarm) => &["lock", "--quiet"],
            (Self::Wharf, _) => &["sync", "--quiet"],
            (Self::WharfFrozen, _) => &["sync", "--quiet", "--frozen"],
        }
    }
}

/// A set made ready.
pub(super) struct Bench<'run> {
    folder: PathBuf,
    set: Set,
    toolchain: &'run Toolchain,
    wharf: Option<&'run Path>,
    mirror: &'run CratesMirror,
}

impl<'run> Bench<'run> {
    /// Writes the projects of a set, two for each way.
    pub(super) fn new(
        folder: &Path,
        set: Set,
        toolchain: &'run Toolchain,
        wharf: Option<&'run Path>,
        mirror: &'run CratesMirror,
    ) -> Result<Self, Failure> {
        remove(folder)?;
        let bench = Self {
            folder: folder.to_owned(),
            set,
            toolchain,
            wharf,
            mirror,
        };
        for doer in bench.tools(Case::FetchCold) {
            for project in [bench.project(doer), bench.second(doer)] {
                let sources = project.join("src");
                std::fs::create_dir_all(&sources).map_err(about(sources.display()))?;
                std::fs::write(sources.join("lib.rs"), "")?;
                std::fs::write(project.join("Cargo.toml"), bench.set.manifest())?;
            }
        }
        Ok(bench)
    }

    /// Locks and fetches once in every way, so that all answers are recorded, and checks that all did the same: the same locks, and
    /// a directory source that cargo takes.
    pub(super) fn prepare(&self) -> Result<(), Failure> {
        for doer in self.tools(Case::FetchCold) {
            self.once(Case::ResolveCold, doer)?;
            let path = self.project(doer).join("Cargo.lock");
            let lock = std::fs::read_to_string(&path).map_err(about(path.display()))?;
            if lock != self.lock()? {
                return Err(Failure(format!("{}: another lock than cargo's", doer.name())));
            }
            std::fs::write(self.second(doer).join("Cargo.lock"), lock)?;
            for case in [Case::FetchCold, Case::Directory] {
                self.clear_for(case, doer)?;
                self.once(case, doer)?;
            }
            self.check(doer)?;
        }
        Ok(())
    }

    /// Measures every case.
    pub(super) fn measure(&self, options: &Options) -> Result<SetResult, Failure> {
        let crates = self.lock()?.matches("[[package]]").count() - 1;
        Ok(SetResult {
            set: self.set.name.to_owned(),
            facts: vec![format!("{crates} crates; the same lock from both, byte by byte")],
            cases: measure_all(self, options)?,
        })
    }

    /// What cargo locked.
    fn lock(&self) -> Result<String, Failure> {
        let path = self.project(Doer::Cargo).join("Cargo.lock");
        std::fs::read_to_string(&path).map_err(about(path.display()))
    }

    /// Cargo finds everything that is locked in the directory source of the second project.
    fn check(&self, doer: Doer) -> Result<(), Failure> {
        let folder = self.second(doer);
        let mut metadata = self.start(&self.toolchain.cargo, doer, &folder);
        metadata.args([
            "metadata",
            "--quiet",
            "--locked",
            "--offline",
            "--format-version",
            "1",
        ]);
        if doer == Doer::Cargo {
            metadata.args([
                "--config",
                "source.crates-io.replace-with = 'vendored'",
                "--config",
                "source.vendored.directory = 'vendor'",
            ]);
        }
        shell::output(&mut metadata).map(|_| ())
    }

    fn command(&self, case: Case, doer: Doer) -> Command {
        let program = match doer {
            Doer::Cargo => self.toolchain.cargo.as_path(),
            Doer::Wharf | Doer::WharfFrozen => self.wharf.unwrap_or(Path::new("wharf")),
        };
        let folder = match case {
            Case::Directory => self.second(doer),
            _ => self.project(doer),
        };
        let mut command = self.start(program, doer, &folder);
        command.args(doer.arguments(case));
        command
    }

    /// A program in a folder, with the home of a way.
    fn start(&self, program: &Path, doer: Doer, folder: &Path) -> Command {
        let path = std::slice::from_ref(&self.toolchain.folder);
        isolated(program, folder, &self.home(doer), path)
    }

    fn project(&self, doer: Doer) -> PathBuf {
        self.folder.join("projects").join(doer.folder())
    }

    fn second(&self, doer: Doer) -> PathBuf {
        self.folder.join("second").join(doer.folder())
    }

    fn home(&self, doer: Doer) -> PathBuf {
        self.folder.join("homes").join(doer.folder())
    }
}

impl Work for Bench<'_> {
    type Tool = Doer;
    type Case = Case;

    const CASES: &'static [Case] = &[
        Case::ResolveCold,
        Case::ResolveWarm,
        Case::FetchCold,
        Case::FetchWarm,
        Case::Directory,
        Case::Nothing,
    ];
    const LARGE: bool = true;

    fn tools(&self, case: Case) -> Vec<Doer> {
        let resolves = matches!(case, Case::ResolveCold | Case::ResolveWarm);
        Doer::ALL
            .into_iter()
            .filter(|doer| *doer == Doer::Cargo || self.wharf.is_some())
            .filter(|doer| *doer != Doer::WharfFrozen || !resolves)
            .collect()
    }

    fn way(&self, doer: Doer, _case: Case) -> Way {
        Way {
            name: doer.name(),
            class: None,
            wharf: doer != Doer::Cargo,
            slow: false,
        }
    }

    fn clear_for(&self, case: Case, doer: Doer) -> Result<(), Failure> {
        if case.cold() {
            remove(&self.home(doer))?;
        }
        let (folder, made): (_, &[&str]) = match case {
            Case::Nothing => return Ok(()),
            Case::ResolveCold | Case::ResolveWarm => {
                (self.project(doer), &["Cargo.lock", ".wharf", ".cargo"])
            }
            Case::FetchCold | Case::FetchWarm => (self.project(doer), &[".wharf", ".cargo"]),
            Case::Directory => (self.second(doer), &["vendor", ".wharf", ".cargo"]),
        };
        made.iter().try_for_each(|made| remove(&folder.join(made)))
    }

    fn once(&self, case: Case, doer: Doer) -> Result<Sample, Failure> {
        make_home(&self.home(doer), &self.mirror.config())?;
        // What the last run wrote is not written back during this one.
        rustix::fs::sync();
        measure(&mut self.command(case, doer))
    }

    fn asked(&self) -> Result<u64, Failure> {
        self.mirror.asked()
    }
}
