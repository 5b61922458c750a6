//! `cargo xtask bench --mixed`: a project with a Python side and an npm side, one `wharf sync` against `uv sync` and then
//! `bun install`.
//!
//! Both read the same `pyproject.toml` and the same `package.json`, made from the sets of either side. What the two peers
//! take is added up, except for memory, of which the larger counts. Invariants are those of the other benchmarks: recorded
//! answers, homes of their own, no scripts, the same interpreter, and no installer is ever pointed at an environment
//! outside of its project.
//!
//! The set `four` has four sides, and is measured in [`four`].

mod four;

use std::path::{Path, PathBuf};
use std::process::Command;

use super::cases::pyproject;
use super::measure::Sample;
use super::mirror::Mirror;
use super::npm::peers::NpmPeers;
use super::npm::tools::{Place, Step, Tool};
use super::npm::{self, NpmMirror};
use super::peers::Peers;
use super::report::{Report, SetResult};
use super::rounds::{Case, Kind, Way, Work, measure_all};
use super::{Options, directory, peers, remove, sets};
use crate::shell::{self, Failure, about};

/// Who does the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doer {
    /// uv, then bun.
    Peers,
    /// Wharf alone.
    Wharf,
}

/// Runs the benchmarks of mixed projects.
pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let python = peers::install(&directory().join("peers"))?;
    let node = npm::peers::install(&directory().join("npm-peers"))?;
    let wharf = options.wharf()?;
    let index = Mirror::start(options.latency)?;
    let registry = NpmMirror::start(options)?;
    let mut outcomes = Vec::new();
    let (wanted, all_four) = four::wanted(&options.sets);
    let sides = if wanted.is_empty() && all_four && !options.sets.is_empty() {
        Vec::new()
    } else {
        sets::load(&wanted)?
    };
    let names: Vec<String> = sides.iter().map(|set| set.name.to_owned()).collect();
    for (python_side, node_side) in sides.into_iter().zip(if names.is_empty() {
        Vec::new()
    } else {
        npm::sets::load(&names)?
    }) {
        let name = python_side.name;
        println!("==> {name}: preparing");
        let bench = Bench {
            folder: directory().join("mixed-work").join(name),
            python: &python,
            node: &node,
            wharf: wharf.as_deref(),
            index: &index,
            registry: &registry,
        };
        bench.prepare(python_side.requirements, &node_side.manifest())?;
        outcomes.push(SetResult {
            set: name.to_owned(),
            facts: Vec::new(),
            cases: measure_all(&bench, options)?,
        });
        if !options.keep {
            remove(&bench.folder)?;
        }
    }
    let mut versions = vec![python.uv_version.clone(), node.versions[0].clone()];
    if let (true, Some(wharf)) = (all_four, wharf.as_deref()) {
        println!("==> {}: preparing", four::NAME);
        let folder = directory().join("mixed-work").join(four::NAME);
        outcomes.push(four::run(
            &folder,
            &python,
            &node,
            wharf,
            (&index, &registry),
            options,
        )?);
        versions.extend(four::versions()?);
    }
    Report::new(versions, wharf.as_deref(), options, outcomes)?
        .publish(&directory().join("mixed-report.json"))
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
    fn prepare(&self, wanted: &str, manifest: &str) -> Result<(), Failure> {
        remove(&self.folder)?;
        let pyproject = pyproject(&requirements(wanted))?;
        for doer in self.tools(Case::ResolveCold) {
            let project = self.project(doer);
            std::fs::create_dir_all(&project).map_err(about(project.display()))?;
            std::fs::write(project.join("pyproject.toml"), &pyproject)?;
            std::fs::write(project.join("package.json"), manifest)?;
            Tool::Bun.write_settings(&project, &self.registry.url())?;
            for case in [Case::ResolveCold, Case::InstallCold] {
                self.clear_for(case, doer)?;
                self.once(case, doer)?;
            }
        }
        Ok(())
    }

    fn commands(&self, case: Case, doer: Doer) -> Vec<Command> {
        let (project, homes) = (self.project(doer), self.homes(doer));
        let place = self.place(&homes);
        let step = Step::of(case);
        let interpreter = wharf_testkit::host_python();
        match doer {
            Doer::Peers => {
                let mut uv = Command::new(&self.python.uv);
                place.isolate(&mut uv, Tool::Bun, &project, None);
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
                place.isolate(&mut wharf, Tool::Wharf, &project, shell::python_folder());
                wharf.env("PIP_INDEX_URL", self.index.index_url());
                vec![wharf]
            }
        }
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

impl Work for Bench<'_> {
    type Tool = Doer;
    type Case = Case;

    const CASES: &'static [Case] = Case::USUAL;
    const LARGE: bool = true;

    fn tools(&self, _case: Case) -> Vec<Doer> {
        match self.wharf {
            Some(_) => vec![Doer::Peers, Doer::Wharf],
            None => vec![Doer::Peers],
        }
    }

    fn way(&self, doer: Doer, _case: Case) -> Way {
        Way {
            name: match doer {
                Doer::Peers => "uv + bun",
                Doer::Wharf => "wharf",
            },
            class: None,
            wharf: doer == Doer::Wharf,
            slow: false,
        }
    }

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

    fn once(&self, case: Case, doer: Doer) -> Result<Sample, Failure> {
        let homes = self.homes(doer);
        for tool in [Tool::Bun, Tool::Wharf] {
            let home = self.place(&homes).home(tool);
            std::fs::create_dir_all(&home).map_err(about(home.display()))?;
        }
        // What the last run wrote is not written back during this one.
        rustix::fs::sync();
        Sample::in_turn(self.commands(case, doer))
    }

    fn asked(&self) -> Result<u64, Failure> {
        Ok(self.index.asked()? + self.registry.asked()?)
    }
}

/// What a set's file asks for, without options and comments.
pub(super) fn requirements(text: &str) -> Vec<&str> {
    text.lines()
        .map(|line| line.split(" #").next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty() && !line.starts_with(['#', '-']))
        .collect()
}
