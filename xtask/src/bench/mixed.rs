//! `cargo xtask bench --mixed`: a project with a Python side and an npm side, one `wharf sync` against `uv sync` and then
//! `bun install`.
//!
//! Both read the same `pyproject.toml` and the same `package.json`, made from the sets of either side. What the two peers
//! take is added up, except for memory, of which the larger counts. Invariants are those of the other benchmarks: recorded
//! answers, homes of their own, no scripts, the same interpreter, and no installer is ever pointed at an environment
//! outside of its project.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;

use super::measure::{Sample, measure, median};
use super::mirror::Mirror;
use super::npm::peers::NpmPeers;
use super::npm::tools::{Place, Step, Tool};
use super::npm::{self, NpmMirror};
use super::peers::Peers;
use super::report::Machine;
use super::{Options, directory, peers, remove, sets, settle};
use crate::shell::{self, Failure, about};

/// One kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Case {
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

    fn name(self) -> &'static str {
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

/// Who does the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Doer {
    /// uv, then bun.
    Peers,
    /// Wharf alone.
    Wharf,
}

impl Doer {
    fn name(self) -> &'static str {
        match self {
            Self::Peers => "uv + bun",
            Self::Wharf => "wharf",
        }
    }
}

/// The medians of both on one kind of work.
#[derive(Debug, Serialize)]
struct Compared {
    case: Case,
    peers: Option<Sample>,
    wharf: Option<Sample>,
}

/// Everything about one project.
#[derive(Debug, Serialize)]
struct Outcome {
    set: String,
    cases: Vec<Compared>,
}

/// One whole run.
#[derive(Debug, Serialize)]
struct Report {
    machine: Machine,
    repeat: usize,
    sets: Vec<Outcome>,
}

/// Runs the benchmarks of mixed projects.
pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let python = peers::install(&directory().join("peers"))?;
    let node = npm::peers::install(&directory().join("npm-peers"))?;
    let wharf = if options.without_wharf {
        None
    } else {
        Some(shell::wharf(options.binary.as_deref())?)
    };
    let index = Mirror::start(options.latency)?;
    let registry = NpmMirror::start(options)?;
    let mut outcomes = Vec::new();
    for set in &options.sets {
        println!("==> {set}: preparing");
        let bench = Bench {
            folder: directory().join("mixed-work").join(set),
            python: &python,
            node: &node,
            wharf: wharf.as_deref(),
            index: &index,
            registry: &registry,
        };
        bench.prepare(set)?;
        let mut cases = Vec::new();
        for case in Case::ALL
            .into_iter()
            .filter(|case| case.name().contains(&options.only))
        {
            println!("    {}", case.name());
            cases.push(bench.compare(case, options)?);
        }
        if !options.keep {
            remove(&bench.folder)?;
        }
        outcomes.push(Outcome {
            set: set.clone(),
            cases,
        });
    }
    let report = Report {
        machine: Machine::this()?,
        repeat: options.repeat,
        sets: outcomes,
    };
    print(&report);
    let path = directory().join("mixed-report.json");
    std::fs::write(&path, serde_json::to_vec_pretty(&report)?).map_err(about(path.display()))?;
    println!("\n{}", path.display());
    Ok(())
}

fn print(report: &Report) {
    println!("\n{} cores; medians of {}", report.machine.cores, report.repeat);
    for outcome in &report.sets {
        println!("\n{}", outcome.set);
        println!(
            "{:<16}{:<10}{:>10}{:>10}{:>9}   wharf / it: wall    cpu  memory",
            "", "", "wall ms", "cpu ms", "MiB"
        );
        for compared in &outcome.cases {
            let mut name = compared.case.name();
            for (doer, sample) in [(Doer::Peers, compared.peers), (Doer::Wharf, compared.wharf)] {
                let Some(sample) = sample else { continue };
                print!(
                    "{name:<16}{:<10}{:>10.1}{:>10.1}{:>9.1}",
                    doer.name(),
                    sample.wall * 1e3,
                    sample.cpu * 1e3,
                    sample.memory
                );
                match compared.wharf.filter(|_| doer == Doer::Peers) {
                    Some(wharf) => println!(
                        "{:>20.2}{:>7.2}{:>8.2}",
                        wharf.wall / sample.wall,
                        wharf.cpu / sample.cpu,
                        wharf.memory / sample.memory
                    ),
                    None => println!(),
                }
                name = "";
            }
        }
    }
}

/// One project, for each of the two.
struct Bench<'run> {
    folder: PathBuf,
    python: &'run Peers,
    node: &'run NpmPeers,
    wharf: Option<&'run Path>,
    index: &'run Mirror,
    registry: &'run NpmMirror,
}

impl Bench<'_> {
    /// Writes the projects, and locks and installs them once, so that all answers are recorded.
    fn prepare(&self, set: &str) -> Result<(), Failure> {
        remove(&self.folder)?;
        let pyproject = pyproject(sets::load(set)?.requirements)?;
        let manifest = npm::sets::load(set)?.manifest();
        for doer in self.doers() {
            let project = self.project(doer);
            std::fs::create_dir_all(&project).map_err(about(project.display()))?;
            std::fs::write(project.join("pyproject.toml"), &pyproject)?;
            std::fs::write(project.join("package.json"), &manifest)?;
            Tool::Bun.write_settings(&project, &self.registry.url())?;
            for case in [Case::ResolveCold, Case::InstallCold] {
                self.clear_for(case, doer)?;
                self.once(case, doer)?;
            }
        }
        Ok(())
    }

    fn compare(&self, case: Case, options: &Options) -> Result<Compared, Failure> {
        let doers = self.doers();
        let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); doers.len()];
        let rounds = match case {
            Case::Nothing => options.repeat * 5,
            _ => options.repeat,
        };
        for doer in doers.iter().filter(|_| !case.cold()) {
            for case in [Case::InstallWarm, case] {
                self.clear_for(case, *doer)?;
                self.once(case, *doer)?;
            }
        }
        for round in 0..rounds {
            for doer in &doers {
                self.clear_for(case, *doer)?;
            }
            settle(case != Case::Nothing, options);
            for turn in 0..doers.len() {
                // Another one goes first in every round, so that none always follows the same one.
                let number = (turn + round) % doers.len();
                samples[number].push(self.recorded(case, doers[number], options)?);
            }
        }
        let of = |wanted| {
            let position = doers.iter().position(|doer| *doer == wanted)?;
            median(&samples[position])
        };
        Ok(Compared {
            case,
            peers: of(Doer::Peers),
            wharf: of(Doer::Wharf),
        })
    }

    /// One measurement during which neither live registry was asked.
    fn recorded(&self, case: Case, doer: Doer, options: &Options) -> Result<Sample, Failure> {
        for _ in 0..5 {
            let before = (self.index.asked()?, self.registry.asked()?);
            let sample = self.once(case, doer)?;
            if (self.index.asked()?, self.registry.asked()?) == before {
                return Ok(sample);
            }
            self.clear_for(case, doer)?;
            settle(case != Case::Nothing, options);
        }
        Err(Failure(format!(
            "{} ({}): asks for something new every time",
            case.name(),
            doer.name()
        )))
    }

    fn once(&self, case: Case, doer: Doer) -> Result<Sample, Failure> {
        let homes = self.homes(doer);
        for tool in [Tool::Bun, Tool::Wharf] {
            let home = self.place(&homes).home(tool);
            std::fs::create_dir_all(&home).map_err(about(home.display()))?;
        }
        // What the last run wrote is not written back during this one.
        rustix::fs::sync();
        let mut samples = Vec::new();
        for mut command in self.commands(case, doer) {
            samples.push(measure(&mut command)?);
        }
        Ok(Sample {
            wall: samples.iter().map(|sample| sample.wall).sum(),
            cpu: samples.iter().map(|sample| sample.cpu).sum(),
            memory: samples.iter().map(|sample| sample.memory).fold(0.0, f64::max),
        })
    }

    /// Removes what must not be there before the work.
    fn clear_for(&self, case: Case, doer: Doer) -> Result<(), Failure> {
        let (project, homes) = (self.project(doer), self.homes(doer));
        if case.cold() {
            remove(&homes)?;
        }
        if case != Case::Nothing {
            for made in ["node_modules", ".venv", ".wharf"] {
                remove(&project.join(made))?;
            }
        }
        if case.resolves() {
            for lock in ["uv.lock", "bun.lock", "wharf.lock"] {
                remove(&project.join(lock))?;
            }
        }
        Ok(())
    }

    fn commands(&self, case: Case, doer: Doer) -> Vec<Command> {
        let (project, homes) = (self.project(doer), self.homes(doer));
        let place = self.place(&homes);
        let step = match case {
            Case::ResolveCold | Case::ResolveWarm => Step::Lock,
            Case::InstallCold | Case::InstallWarm => Step::Install,
            Case::Nothing => Step::Again,
        };
        let interpreter = wharf_testkit::host_python();
        match doer {
            Doer::Peers => {
                let mut uv = Command::new(&self.python.uv);
                place.isolate(&mut uv, Tool::Bun, &project);
                uv.args(match step {
                    Step::Lock => ["lock", "--quiet", "--no-build"].as_slice(),
                    Step::Install | Step::Again => ["sync", "--quiet", "--frozen", "--no-build"].as_slice(),
                });
                uv.env("UV_DEFAULT_INDEX", self.index.index_url())
                    .env("UV_PYTHON_DOWNLOADS", "never")
                    .env("UV_PYTHON", interpreter);
                vec![uv, Tool::Bun.command(step, &project, &place)]
            }
            Doer::Wharf => {
                let mut wharf = Tool::Wharf.command(step, &project, &place);
                let system = [place.path()].into_iter();
                let python = interpreter.parent().map(|folder| folder.as_os_str().to_owned());
                let path: Vec<_> = python.into_iter().chain(system).collect();
                wharf
                    .env("PATH", path.join(std::ffi::OsStr::new(":")))
                    .env("PIP_INDEX_URL", self.index.index_url());
                vec![wharf]
            }
        }
    }

    fn doers(&self) -> Vec<Doer> {
        [Doer::Peers, Doer::Wharf]
            .into_iter()
            .filter(|doer| *doer == Doer::Peers || self.wharf.is_some())
            .collect()
    }

    fn place<'place>(&'place self, homes: &'place Path) -> Place<'place> {
        Place {
            peers: self.node,
            wharf: self.wharf,
            homes,
        }
    }

    fn project(&self, doer: Doer) -> PathBuf {
        self.folder.join(match doer {
            Doer::Peers => "peers",
            Doer::Wharf => "wharf",
        })
    }

    fn homes(&self, doer: Doer) -> PathBuf {
        self.folder.join("homes").join(match doer {
            Doer::Peers => "peers",
            Doer::Wharf => "wharf",
        })
    }
}

/// A `pyproject.toml` that asks for a set of requirements on this machine's interpreter.
fn pyproject(requirements: &str) -> Result<String, Failure> {
    // This very interpreter: some wheels ask for a later patch release than the first of its minor version.
    let version = "import sys; v = sys.version_info; print(f'>={v[0]}.{v[1]}.{v[2]},<{v[0]}.{v[1] + 1}')";
    let version = shell::output(Command::new(wharf_testkit::host_python()).args(["-I", "-c", version]))?;
    let dependencies: Vec<&str> = requirements
        .lines()
        .map(|line| line.split(" #").next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty() && !line.starts_with(['#', '-']))
        .collect();
    Ok(format!(
        "[project]\nname = \"mixed\"\nversion = \"0\"\nrequires-python = {:?}\ndependencies = {dependencies:?}\n\n\
         [tool.uv]\npackage = false\nenvironments = [\"sys_platform == 'linux' and platform_machine == 'x86_64' and \
         platform_python_implementation == 'CPython'\"]\n",
        version.trim()
    ))
}
