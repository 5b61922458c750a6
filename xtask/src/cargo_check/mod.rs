//! `cargo xtask cargo-check`: the same manifests, the same live index — the same `Cargo.lock` as cargo's?
//!
//! Both tools start without a lock. What Wharf writes is compared with what `cargo generate-lockfile` writes, package by package and
//! byte by byte; then cargo has to take Wharf's lock as it is: `cargo metadata --locked --offline`, after `cargo fetch --locked`.
//! Where cargo would not stay with its own first lock (`cargo update --workspace` changes it), the one that it stays with counts.
//! Then both make the lock of an earlier day, and move packages of it, one at a time. Wharf is the real binary, or the resolver alone.
//! Cargo keeps its answers and archives in a home of the check's own.

mod manifests;
mod memory;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use wharf_ecosystem::cargo::RustVersion;

use crate::shell::{self, Failure, about};
use manifests::Project;

/// Options of `cargo xtask cargo-check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only projects whose name contains this text.
    #[arg(default_value = "")]
    only: String,
    /// The binary; without it the release build.
    #[arg(long, conflicts_with = "resolver_only")]
    binary: Option<PathBuf>,
    /// The resolver alone, on the answers of the index that cargo has fetched.
    #[arg(long)]
    resolver_only: bool,
    /// Do not fetch the archives, and leave out what needs them: whether cargo takes the lock.
    #[arg(long)]
    without_fetch: bool,
}

/// What came of a project.
#[derive(Debug, Serialize)]
struct Outcome {
    project: String,
    packages: usize,
    /// Packages that one lock has and the other has not.
    differences: Vec<String>,
    same_bytes: bool,
    /// What cargo said against the lock; `None` where it takes it, or was not asked.
    refused: Option<String>,
    cargo_seconds: f64,
    wharf_seconds: f64,
    /// What the search took, where the resolver ran alone.
    search: Option<Search>,
    /// How many packages of an old lock were moved.
    upgrades: usize,
    /// What a tool that failed said.
    failed: Option<String>,
}

/// What a search took.
#[derive(Debug, Serialize)]
struct Search {
    milliseconds: f64,
    decisions: usize,
    dead_ends: usize,
}

/// The part of a `Cargo.lock` that is compared. Read by itself: the check shares nothing with what it checks.
#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
}

/// Runs every project and prints one line for each; a difference makes the command fail.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let work = shell::target().join("cargo-check");
    let home = work.join("home");
    std::fs::create_dir_all(&home).map_err(about(home.display()))?;
    let wharf = match options.resolver_only {
        true => None,
        false => Some(shell::wharf(options.binary.as_deref())?),
    };
    let check = Check {
        home,
        wharf,
        fetch: !options.without_fetch,
        compiler: compiler()?,
    };
    // Not below the repository: there cargo would take the projects for members of its workspace.
    let projects = tempfile::tempdir()?;
    let mut outcomes = Vec::new();
    for project in Project::load(&options.only)? {
        let outcome = check.project(&project, projects.path())?;
        print(&outcome);
        outcomes.push(outcome);
    }
    let report = work.join("report.json");
    std::fs::write(&report, serde_json::to_vec_pretty(&outcomes)?).map_err(about(report.display()))?;
    let good = outcomes.iter().filter(|outcome| good(outcome)).count();
    println!(
        "{good} of {} projects are the same; {}",
        outcomes.len(),
        report.display()
    );
    match good == outcomes.len() {
        true => Ok(()),
        false => Err(Failure(format!(
            "{} of {} differ",
            outcomes.len() - good,
            outcomes.len()
        ))),
    }
}

/// The version of the compiler that cargo takes where no member names one.
fn compiler() -> Result<RustVersion, Failure> {
    let said = shell::output(Command::new("rustc").arg("--version"))?;
    let version = said.split_whitespace().nth(1).unwrap_or_default();
    let bare = version.split('-').next().unwrap_or_default();
    bare.parse().map_err(about("rustc --version"))
}

impl Outcome {
    /// Notes the packages that one lock has and the other has not.
    fn compare(&mut self, about: &str, ours: &str, theirs: &str) -> Result<(), Failure> {
        let (ours, theirs) = (packages(ours)?, packages(theirs)?);
        let mut only = |side: &str, these: &BTreeSet<String>, others: &BTreeSet<String>| {
            let only = these.difference(others);
            self.differences
                .extend(only.map(|package| format!("{about}only {side}: {package}")));
        };
        only("cargo", &theirs, &ours);
        only("Wharf", &ours, &theirs);
        if ours == theirs && !about.is_empty() {
            self.differences
                .push(format!("{about}the same packages, but other bytes"));
        }
        Ok(())
    }
}

struct Check {
    home: PathBuf,
    wharf: Option<PathBuf>,
    fetch: bool,
    compiler: RustVersion,
}

impl Check {
    fn project(&self, project: &Project, projects: &Path) -> Result<Outcome, Failure> {
        let folder = projects.join(&project.name);
        project.write(&folder)?;
        let mut outcome = Outcome {
            project: project.name.clone(),
            packages: 0,
            differences: Vec::new(),
            same_bytes: false,
            refused: None,
            cargo_seconds: 0.0,
            wharf_seconds: 0.0,
            search: None,
            upgrades: 0,
            failed: None,
        };
        if let Err(Failure(said)) = self.both(&folder, &mut outcome) {
            outcome.failed = Some(said);
        }
        Ok(outcome)
    }

    fn both(&self, folder: &Path, outcome: &mut Outcome) -> Result<(), Failure> {
        let path = folder.join("Cargo.lock");
        let start = Instant::now();
        shell::output(self.cargo(folder).arg("generate-lockfile"))?;
        outcome.cargo_seconds = start.elapsed().as_secs_f64();
        shell::output(self.cargo(folder).args(["update", "--workspace"]))?;
        let theirs = std::fs::read_to_string(&path).map_err(about(path.display()))?;
        std::fs::remove_file(&path).map_err(about(path.display()))?;
        let start = Instant::now();
        let ours = self.ours(folder, outcome)?;
        outcome.wharf_seconds = start.elapsed().as_secs_f64();
        outcome.same_bytes = ours == theirs;
        outcome.packages = packages(&theirs)?.len();
        outcome.compare("", &ours, &theirs)?;
        if self.fetch {
            shell::output(self.cargo(folder).args(["fetch", "--locked"]))?;
            outcome.refused = self.refused(folder);
            if outcome.refused.is_some() {
                // A manifest that cargo refuses with its own lock as well says nothing of ours.
                std::fs::write(&path, &theirs).map_err(about(path.display()))?;
                outcome.refused = outcome.refused.take().filter(|_| self.refused(folder).is_none());
            }
        }
        self.upgrades(folder, outcome)
    }

    /// What cargo says against the lock in a folder.
    fn refused(&self, folder: &Path) -> Option<String> {
        let mut metadata = self.cargo(folder);
        metadata.args(["metadata", "--locked", "--offline", "--format-version", "1"]);
        shell::output(&mut metadata).err().map(|Failure(said)| said)
    }

    /// A lock as it was some months ago, and packages of it that are moved, one at a time.
    fn upgrades(&self, folder: &Path, outcome: &mut Outcome) -> Result<(), Failure> {
        const PACKAGES: usize = 6;
        const DAYS: [&str; 4] = ["2026-06-01", "2026-09-01", "2026-10-15", "2026-11-10"];
        let path = folder.join("Cargo.lock");
        let new = packages(&std::fs::read_to_string(&path).map_err(about(path.display()))?)?;
        // What a manifest asks for may be younger than the first days.
        let Some((cutoff, old)) = DAYS.iter().find_map(|day| self.of_old(folder, day)) else {
            return Ok(());
        };
        let ours = self.ours_of_old(folder, &cutoff)?;
        if ours != old {
            outcome.compare(&format!("until {cutoff}: "), &ours, &old)?;
        }
        let read: Lock = toml::from_str(&old)?;
        // The binary is told a name, which moves every version of it.
        let is_alone = |name: &str| read.package.iter().filter(|other| other.name == name).count() == 1;
        let moving = read.package.iter().filter(|package| {
            let is_older = package.source.is_some() && !new.contains(&line(package));
            is_older && (self.wharf.is_none() || is_alone(&package.name))
        });
        for package in moving.take(PACKAGES) {
            std::fs::write(&path, &old).map_err(about(path.display()))?;
            let spec = format!("{}@{}", package.name, package.version);
            shell::output(self.cargo(folder).args(["update", "-p", &spec]))?;
            shell::output(self.cargo(folder).args(["update", "--workspace"]))?;
            let theirs = std::fs::read_to_string(&path).map_err(about(path.display()))?;
            let ours = self.ours_moved(folder, &old, package)?;
            outcome.upgrades += 1;
            if ours != theirs {
                outcome.compare(&format!("{spec} moved: "), &ours, &theirs)?;
            }
        }
        Ok(())
    }

    /// The lock that cargo would have made on a day, and the end of that day; `None` where there was none.
    fn of_old(&self, folder: &Path, day: &str) -> Option<(String, String)> {
        let cutoff = format!("{day}T00:00:00Z");
        let path = folder.join("Cargo.lock");
        let _ = std::fs::remove_file(&path);
        let mut command = self.cargo(folder);
        command.args([
            "generate-lockfile",
            "-Zunstable-options",
            "--publish-time",
            &cutoff,
        ]);
        shell::output(command.env("RUSTC_BOOTSTRAP", "1")).ok()?;
        shell::output(self.cargo(folder).args(["update", "--workspace"])).ok()?;
        Some((cutoff, std::fs::read_to_string(&path).ok()?))
    }

    /// The lock that Wharf makes, written into the folder.
    fn ours(&self, folder: &Path, outcome: &mut Outcome) -> Result<String, Failure> {
        let path = folder.join("Cargo.lock");
        match &self.wharf {
            Some(wharf) => drop(shell::output(&mut self.lock(wharf, folder))?),
            None => {
                let resolved = memory::run(folder, &self.home, self.compiler, None)?;
                outcome.search = Some(Search {
                    milliseconds: resolved.time.as_secs_f64() * 1000.0,
                    decisions: resolved.decisions,
                    dead_ends: resolved.dead_ends,
                });
                std::fs::write(&path, resolved.lock).map_err(about(path.display()))?;
            }
        }
        std::fs::read_to_string(&path).map_err(about(path.display()))
    }

    /// The lock that Wharf would have made until an instant.
    fn ours_of_old(&self, folder: &Path, cutoff: &str) -> Result<String, Failure> {
        let Some(wharf) = &self.wharf else {
            return Ok(memory::run(folder, &self.home, self.compiler, Some(cutoff))?.lock);
        };
        let path = folder.join("Cargo.lock");
        std::fs::remove_file(&path).map_err(about(path.display()))?;
        shell::output(self.lock(wharf, folder).args(["--exclude-newer", cutoff]))?;
        std::fs::read_to_string(&path).map_err(about(path.display()))
    }

    /// A lock in which Wharf has moved one package.
    fn ours_moved(&self, folder: &Path, old: &str, package: &Package) -> Result<String, Failure> {
        let Package { name, version, .. } = package;
        let Some(wharf) = &self.wharf else {
            return memory::upgrade(folder, &self.home, self.compiler, old, name, version);
        };
        let path = folder.join("Cargo.lock");
        std::fs::write(&path, old).map_err(about(path.display()))?;
        let spec = format!("cargo:{name}");
        shell::output(self.lock(wharf, folder).args(["--upgrade-package", &spec]))?;
        std::fs::read_to_string(&path).map_err(about(path.display()))
    }

    fn lock(&self, wharf: &Path, folder: &Path) -> Command {
        let mut command = Command::new(wharf);
        command
            .arg("lock")
            .current_dir(folder)
            .env("WHARF_CACHE", self.home.join("wharf"))
            .env("WHARF_STORE", self.home.join("store"));
        command
    }

    fn cargo(&self, folder: &Path) -> Command {
        let mut command = shell::cargo();
        command.current_dir(folder).env("CARGO_HOME", &self.home);
        command
    }
}

fn packages(lock: &str) -> Result<BTreeSet<String>, Failure> {
    let lock: Lock = toml::from_str(lock)?;
    Ok(lock.package.iter().map(line).collect())
}

fn line(package: &Package) -> String {
    match &package.source {
        Some(source) => format!("{} {} ({source})", package.name, package.version),
        None => format!("{} {}", package.name, package.version),
    }
}

fn good(outcome: &Outcome) -> bool {
    outcome.failed.is_none()
        && outcome.differences.is_empty()
        && outcome.same_bytes
        && outcome.refused.is_none()
}

fn print(outcome: &Outcome) {
    let verdict = match (&outcome.failed, good(outcome)) {
        (Some(_), _) => "fails",
        (None, true) => "same",
        (None, false) => "differs",
    };
    let search = outcome.search.as_ref().map_or_else(String::new, |search| {
        let Search {
            milliseconds,
            decisions,
            dead_ends,
        } = search;
        format!(", search {milliseconds:.1} ms ({decisions} decisions, {dead_ends} dead ends)")
    });
    println!(
        "{:<26}{verdict:<9}{:>5} packages, cargo {:>5.1} s, wharf {:>5.1} s{search}, {} upgrades",
        outcome.project, outcome.packages, outcome.cargo_seconds, outcome.wharf_seconds, outcome.upgrades
    );
    for difference in &outcome.differences {
        println!("    {difference}");
    }
    if outcome.differences.is_empty() && !outcome.same_bytes && outcome.failed.is_none() {
        println!("    the same packages, but other bytes");
    }
    for said in outcome.failed.iter().chain(&outcome.refused) {
        println!("    {}", said.trim_end().replace('\n', "\n    "));
    }
}
