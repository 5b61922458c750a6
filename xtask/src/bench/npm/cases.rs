//! What is measured of an npm project: the same work for every tool, in folders of its own, with a home of its own.
//!
//! *Cold* means an empty home, *warm* a full one with every document fresh; `node_modules` is gone before each installation.
//! The operating system's page cache is warm in both. *Second project* means that another project with most of the same
//! packages was installed into an empty home just before, and nothing else.

use std::path::{Path, PathBuf};

use serde::Serialize;
use wharf_testkit::Modules;

use super::super::measure::{Sample, measure, median};
use super::super::{Options, remove, settle};
use super::mirror::NpmMirror;
use super::peers::NpmPeers;
use super::sets::Set;
use super::tools::{Place, Step, Tool};
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
    Second,
}

impl Case {
    const ALL: [Self; 6] = [
        Self::ResolveCold,
        Self::ResolveWarm,
        Self::InstallCold,
        Self::InstallWarm,
        Self::Nothing,
        Self::Second,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ResolveCold => "resolve cold",
            Self::ResolveWarm => "resolve warm",
            Self::InstallCold => "install cold",
            Self::InstallWarm => "install warm",
            Self::Nothing => "nothing to do",
            Self::Second => "second project",
        }
    }

    fn step(self) -> Step {
        match self {
            Self::ResolveCold | Self::ResolveWarm => Step::Lock,
            Self::InstallCold | Self::InstallWarm | Self::Second => Step::Install,
            Self::Nothing => Step::Again,
        }
    }

    /// Whether the state before the work has to be made by doing it once.
    fn follows_itself(self) -> bool {
        matches!(self, Self::ResolveWarm | Self::InstallWarm | Self::Nothing)
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

/// How many packages a tool installs: names with versions, as node finds them from the project.
#[derive(Debug, Serialize)]
pub(super) struct Count {
    pub(super) tool: Tool,
    pub(super) packages: usize,
}

/// Everything about one set.
#[derive(Debug, Serialize)]
pub(super) struct SetResult {
    pub(super) set: &'static str,
    pub(super) counts: Vec<Count>,
    pub(super) cases: Vec<Compared>,
}

/// A set made ready.
pub(super) struct Bench<'run> {
    folder: PathBuf,
    homes: PathBuf,
    set: Set,
    peers: &'run NpmPeers,
    wharf: Option<&'run Path>,
    mirror: &'run NpmMirror,
    counts: Vec<Count>,
}

impl<'run> Bench<'run> {
    /// Writes the projects of a set, one for each tool.
    pub(super) fn new(
        folder: &Path,
        set: Set,
        peers: &'run NpmPeers,
        wharf: Option<&'run Path>,
        mirror: &'run NpmMirror,
    ) -> Result<Self, Failure> {
        remove(folder)?;
        let bench = Self {
            folder: folder.to_owned(),
            homes: folder.join("homes"),
            set,
            peers,
            wharf,
            mirror,
            counts: Vec::new(),
        };
        for tool in bench.tools() {
            for (project, manifest) in [
                (bench.project(tool), bench.set.manifest()),
                (bench.second(tool), bench.set.second_manifest()),
            ] {
                std::fs::create_dir_all(&project).map_err(about(project.display()))?;
                std::fs::write(project.join("package.json"), manifest)?;
                tool.write_settings(&project, &mirror.url())?;
            }
        }
        Ok(bench)
    }

    /// Locks both projects with every tool and installs one, so that all answers are recorded, and counts. What the second
    /// one has beyond the first is recorded when it is measured: that run is repeated.
    pub(super) fn prepare(&mut self) -> Result<(), Failure> {
        for tool in self.tools() {
            for project in [self.second(tool), self.project(tool)] {
                self.run(tool, Step::Lock, &project)?;
                if !project.join(tool.lockfile()).is_file() {
                    return Err(Failure(format!("{}: wrote no {}", tool.name(), tool.lockfile())));
                }
            }
            self.run(tool, Step::Install, &self.project(tool))?;
            let modules = Modules::read(&self.project(tool), &[]).map_err(Failure)?;
            let packages = modules.packages().len();
            println!("    {:<12}{packages:>6} packages", tool.name());
            self.counts.push(Count { tool, packages });
        }
        Ok(())
    }

    /// Measures every case, the tools taking turns.
    pub(super) fn measure(&mut self, options: &Options) -> Result<SetResult, Failure> {
        let mut cases = Vec::new();
        for case in Case::ALL
            .into_iter()
            .filter(|case| case.name().contains(&options.only))
        {
            println!("    {}", case.name());
            cases.push(self.compare(case, options)?);
        }
        Ok(SetResult {
            set: self.set.name,
            counts: std::mem::take(&mut self.counts),
            cases,
        })
    }

    /// Removes what a set leaves: some gigabytes.
    pub(super) fn clear(&self) -> Result<(), Failure> {
        remove(&self.folder)
    }

    fn compare(&self, case: Case, options: &Options) -> Result<Compared, Failure> {
        let tools: Vec<Tool> = self
            .tools()
            .into_iter()
            .filter(|tool| case.step() != Step::Lock || !tool.resolves_as_another())
            .filter(|tool| *tool != Tool::Npm || options.repeat_slow > 0)
            .collect();
        let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); tools.len()];
        // A run of no work is over in milliseconds: more of them for a steady median.
        let rounds = match case {
            Case::Nothing => options.repeat * 5,
            _ => options.repeat,
        };
        if case.follows_itself() {
            for tool in &tools {
                self.run(*tool, Step::Install, &self.project(*tool))?;
                self.clear_for(case, *tool)?;
                self.once(case, *tool)?;
            }
        }
        for round in 0..rounds {
            let slow = |tool: Tool| tool == Tool::Npm && round >= options.repeat_slow;
            for tool in tools.iter().filter(|tool| !slow(**tool)) {
                self.clear_for(case, *tool)?;
            }
            settle(case != Case::Nothing, options);
            for turn in 0..tools.len() {
                // Another tool goes first in every round, so that none always follows the same one.
                let number = (turn + round) % tools.len();
                if !slow(tools[number]) {
                    samples[number].push(self.recorded(case, tools[number], options)?);
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

    /// One measurement during which the live registry was not asked.
    fn recorded(&self, case: Case, tool: Tool, options: &Options) -> Result<Sample, Failure> {
        for _ in 0..5 {
            let before = self.mirror.asked()?;
            let sample = self.once(case, tool)?;
            if self.mirror.asked()? == before {
                return Ok(sample);
            }
            self.clear_for(case, tool)?;
            settle(case != Case::Nothing, options);
        }
        Err(Failure(format!(
            "{} ({}): asks for something new every time",
            case.name(),
            tool.name()
        )))
    }

    /// The work itself; what must not be there was removed before.
    fn once(&self, case: Case, tool: Tool) -> Result<Sample, Failure> {
        let project = match case {
            Case::Second => {
                self.run(tool, Step::Install, &self.project(tool))?;
                self.second(tool)
            }
            _ => self.project(tool),
        };
        let home = self.place().home(tool);
        std::fs::create_dir_all(&home).map_err(about(home.display()))?;
        // What the last run wrote is not written back during this one.
        rustix::fs::sync();
        measure(&mut tool.command(case.step(), &project, &self.place()))
    }

    /// Removes what must not be there before the work.
    fn clear_for(&self, case: Case, tool: Tool) -> Result<(), Failure> {
        match case {
            Case::ResolveCold | Case::InstallCold | Case::Second => remove(&self.place().home(tool))?,
            Case::ResolveWarm | Case::InstallWarm | Case::Nothing => {}
        }
        let projects = match case {
            Case::Nothing => Vec::new(),
            Case::Second => vec![self.project(tool), self.second(tool)],
            _ => vec![self.project(tool)],
        };
        for project in projects {
            remove(&project.join("node_modules"))?;
            remove(&project.join(".wharf"))?;
            if case.step() == Step::Lock {
                remove(&project.join(tool.lockfile()))?;
            }
        }
        Ok(())
    }

    /// Does a step without measuring it.
    fn run(&self, tool: Tool, step: Step, project: &Path) -> Result<(), Failure> {
        let home = self.place().home(tool);
        std::fs::create_dir_all(&home).map_err(about(home.display()))?;
        shell::output(&mut tool.command(step, project, &self.place())).map(|_| ())
    }

    fn tools(&self) -> Vec<Tool> {
        Tool::ALL
            .into_iter()
            .filter(|tool| *tool != Tool::Wharf || self.wharf.is_some())
            .collect()
    }

    fn place(&self) -> Place<'_> {
        Place {
            peers: self.peers,
            wharf: self.wharf,
            homes: &self.homes,
        }
    }

    fn project(&self, tool: Tool) -> PathBuf {
        super::project_folder(&self.folder, tool)
    }

    fn second(&self, tool: Tool) -> PathBuf {
        self.folder.join("second").join(tool.name())
    }
}
