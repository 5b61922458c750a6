//! A project of four: Python and npm packages, crates, and Debian packages; one `wharf sync` against `uv sync`, `bun install`,
//! `cargo fetch`, and `apt-get install --download-only` with `dpkg-deb --extract` of each archive, in turn.
//!
//! What is comparable, and how:
//!
//! - Python is the release's own on both sides: Wharf takes it from the project's Debian packages, uv is given the machine's, which runs the same
//!   release. apt is asked for it as well, for the libraries that Wharf adds for Node, and for Debian's essential packages.
//! - Node is the one on PATH on both sides, and is not fetched.
//! - cargo only fetches crates; Wharf also lays out the project's directory source.
//! - dpkg would run scripts after what is measured; Wharf makes a system root that programs run in, and links the environment into it.
//!
//! Locks are there on both sides. Invariants are those of the other benchmarks.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::cargo::{CratesMirror, Toolchain, project as crates_project};
use super::super::cases::pyproject_for;
use super::super::deb::sides::{Installed, Sides, apt_version};
use super::super::deb::{DebMirror, empty};
use super::super::isolate::{isolated, make_home};
use super::super::measure::Sample;
use super::super::mirror::Mirror;
use super::super::npm::peers::NpmPeers;
use super::super::npm::tools::{Place, Step, Tool};
use super::super::npm::{self, NpmMirror};
use super::super::peers::Peers;
use super::super::report::SetResult;
use super::super::rounds::{Case, Kind, Way, Work, measure_all};
use super::super::{Options, remove, sets};
use super::{Doer, requirements};
use crate::shell::{self, Failure, about};

/// The name of the set.
pub(super) const NAME: &str = "four";

/// Which set of each other side.
const SIDE: &str = "small";

/// The Python of the machine's release: the one that the project's Debian packages have.
const PYTHON: &str = "/usr/bin/python3";

/// What the Debian side asks for.
const DEBIAN: [&str; 3] = ["nginx", "redis-server", "libpq-dev"];

/// What Wharf adds to the Debian side of a project with Python and npm packages.
const ADDED: [&str; 3] = ["python3", "libatomic1", "libstdc++6"];

/// The other sets, and whether this one is asked for.
pub(super) fn wanted(names: &[String]) -> (Vec<String>, bool) {
    let others: Vec<String> = names.iter().filter(|name| *name != NAME).cloned().collect();
    let four = names.is_empty() || others.len() < names.len();
    (others, four)
}

/// What the peers of the two other sides call themselves.
pub(super) fn versions() -> Result<Vec<String>, Failure> {
    Ok(vec![Toolchain::find()?.version, apt_version()?])
}

/// Measures it.
pub(super) fn run(
    folder: &Path,
    python: &Peers,
    node: &NpmPeers,
    wharf: &Path,
    (index, registry): (&Mirror, &NpmMirror),
    options: &Options,
) -> Result<SetResult, Failure> {
    remove(folder)?;
    let (crates, debian) = (CratesMirror::start(options)?, DebMirror::start(options)?);
    let ask: Vec<&str> = DEBIAN.into_iter().chain(ADDED).collect();
    let four = Four {
        folder: folder.to_owned(),
        debian: Sides::new(&folder.join("debian"), &ask, wharf, &debian)?,
        toolchain: Toolchain::find()?,
        python,
        node,
        wharf,
        index,
        registry,
        crates: &crates,
    };
    four.prepare()?;
    let result = SetResult {
        set: NAME.to_owned(),
        facts: vec![four.debian.difference_to(&four.project(Doer::Wharf))?],
        cases: measure_all(&four, options)?,
    };
    if !options.keep {
        remove(folder)?;
    }
    Ok(result)
}

/// The project, for each of the two.
struct Four<'run> {
    folder: PathBuf,
    debian: Sides<'run>,
    toolchain: Toolchain,
    python: &'run Peers,
    node: &'run NpmPeers,
    wharf: &'run Path,
    index: &'run Mirror,
    registry: &'run NpmMirror,
    crates: &'run CratesMirror,
}

impl Four<'_> {
    /// Writes the projects, and locks and installs them once, so that all answers are recorded.
    fn prepare(&self) -> Result<(), Failure> {
        self.debian.prepare()?;
        let side = [SIDE.to_owned()];
        let wanted = sets::load(&side)?;
        let wanted: Vec<&str> = wanted
            .iter()
            .flat_map(|set| requirements(set.requirements))
            .collect();
        let pyproject = pyproject_for(Path::new(PYTHON), &wanted)?;
        let debian = DEBIAN.map(str::to_owned);
        let tables = self.debian.tables("tool.wharf.deb", &debian)?;
        for doer in [Doer::Peers, Doer::Wharf] {
            let project = self.project(doer);
            let write = |name: &str, text: &str| {
                let path = project.join(name);
                std::fs::write(&path, text).map_err(about(path.display()))
            };
            std::fs::create_dir_all(project.join("src"))?;
            write("src/lib.rs", "")?;
            write("Cargo.toml", &crates_project(SIDE)?)?;
            for set in npm::sets::load(&side)? {
                write("package.json", &set.manifest())?;
            }
            Tool::Bun.write_settings(&project, &self.registry.url())?;
            let more = if doer == Doer::Wharf { &tables[..] } else { "" };
            write("pyproject.toml", &format!("{pyproject}\n{more}"))?;
            make_home(&self.home(doer), &self.crates.config())?;
            for mut command in self.locks(doer) {
                shell::run(&mut command)?;
            }
            self.clear_for(Case::InstallCold, doer)?;
            self.once(Case::InstallCold, doer)?;
        }
        Ok(())
    }

    /// What makes the locks.
    fn locks(&self, doer: Doer) -> Vec<Command> {
        match doer {
            Doer::Wharf => vec![self.started(self.wharf, doer, &["lock", "--quiet"])],
            Doer::Peers => vec![
                self.uv(&["lock", "--quiet", "--no-build"]),
                self.bun(Step::Lock),
                self.started(&self.toolchain.cargo, doer, &["generate-lockfile", "--quiet"]),
            ],
        }
    }

    fn commands(&self, case: Case, doer: Doer) -> Result<Vec<Command>, Failure> {
        let step = Step::of(case);
        if doer == Doer::Wharf {
            return Ok(vec![self.started(
                self.wharf,
                doer,
                &["sync", "--quiet", "--frozen"],
            )]);
        }
        let cargo: &[&str] = match step {
            Step::Again => &["fetch", "--quiet", "--locked", "--offline"],
            Step::Lock | Step::Install => &["fetch", "--quiet", "--locked"],
        };
        let mut commands = vec![
            self.uv(&["sync", "--quiet", "--frozen", "--no-build"]),
            self.bun(step),
            self.started(&self.toolchain.cargo, doer, cargo),
        ];
        if step == Step::Again {
            commands.push(self.debian.apt_install(&[])?);
        } else {
            commands.push(self.debian.apt_install(&["--download-only"])?);
            commands.push(self.debian.unpack());
        }
        Ok(commands)
    }

    fn uv(&self, arguments: &[&str]) -> Command {
        let mut uv = self.started(&self.python.uv, Doer::Peers, arguments);
        uv.env("UV_DEFAULT_INDEX", self.index.index_url())
            .env("UV_PYTHON_DOWNLOADS", "never")
            .env("UV_PYTHON", PYTHON);
        uv
    }

    fn bun(&self, step: Step) -> Command {
        let homes = self.home(Doer::Peers).join("npm");
        let place = Place {
            peers: self.node,
            wharf: None,
            homes: &homes,
        };
        Tool::Bun.command(step, &self.project(Doer::Peers), &place)
    }

    /// A program in the project of a side, with its home.
    fn started(&self, program: &Path, doer: Doer, arguments: &[&str]) -> Command {
        let node = self.node.node.parent().map(Path::to_owned);
        let path: Vec<PathBuf> = node.into_iter().chain([self.toolchain.folder.clone()]).collect();
        let mut command = isolated(program, &self.project(doer), &self.home(doer), &path);
        command
            .args(arguments)
            .env("PIP_INDEX_URL", self.index.index_url());
        command
    }

    fn project(&self, doer: Doer) -> PathBuf {
        self.folder.join(match doer {
            Doer::Peers => "peers",
            Doer::Wharf => "wharf",
        })
    }

    fn home(&self, doer: Doer) -> PathBuf {
        self.folder.join("homes").join(match doer {
            Doer::Peers => "peers",
            Doer::Wharf => "wharf",
        })
    }
}

impl Work for Four<'_> {
    type Tool = Doer;
    type Case = Case;

    const CASES: &'static [Case] = &[Case::InstallCold, Case::InstallWarm, Case::Nothing];
    const LARGE: bool = true;

    fn tools(&self, _: Case) -> Vec<Doer> {
        vec![Doer::Peers, Doer::Wharf]
    }

    fn way(&self, doer: Doer, _: Case) -> Way {
        Way {
            name: match doer {
                Doer::Peers => "uv + bun + cargo + apt, dpkg-deb",
                Doer::Wharf => "wharf",
            },
            class: None,
            wharf: doer == Doer::Wharf,
            slow: false,
        }
    }

    fn clear_for(&self, case: Case, doer: Doer) -> Result<(), Failure> {
        let project = self.project(doer);
        if case.cold() {
            remove(&self.home(doer))?;
            if doer == Doer::Peers {
                empty(&self.debian.archives(), "partial")?;
            }
        }
        if doer == Doer::Peers {
            self.debian.install(match case {
                Case::Nothing => Installed::Everything,
                _ => Installed::Nothing,
            })?;
        }
        if case != Case::Nothing {
            for made in ["node_modules", ".venv", ".wharf", ".cargo"] {
                remove(&project.join(made))?;
            }
            if doer == Doer::Peers {
                empty(&self.debian.unpacked(), "")?;
            }
        }
        Ok(())
    }

    fn once(&self, case: Case, doer: Doer) -> Result<Sample, Failure> {
        make_home(&self.home(doer), &self.crates.config())?;
        let bun = self.home(doer).join("npm").join(Tool::Bun.name());
        std::fs::create_dir_all(&bun).map_err(about(bun.display()))?;
        // What the last run wrote is not written back during this one.
        rustix::fs::sync();
        Sample::in_turn(self.commands(case, doer)?)
    }

    fn asked(&self) -> Result<u64, Failure> {
        Ok(self.index.asked()? + self.registry.asked()? + self.crates.asked()? + self.debian.asked()?)
    }
}
