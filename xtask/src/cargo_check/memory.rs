//! The resolver alone, on what cargo has fetched: the answers of the index that lie in cargo's own cache.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use wharf_crates::{Lookup, Patch, Previous, Problem, Root, RustVersions, Stop, Universe, lock_of, resolve};
use wharf_ecosystem::cargo::index::path_in_index;
use wharf_ecosystem::cargo::{CargoLock, CrateName, CrateVersions, RustVersion, SourceId, Summary};
use wharf_project::Options;
use wharf_project::cargo::CargoProject;

use crate::shell::Failure;

/// What the resolver made of a project.
pub(super) struct Resolved {
    /// The text of the `Cargo.lock`.
    pub(super) lock: String,
    /// How long the last run took, with everything in memory.
    pub(super) time: Duration,
    pub(super) decisions: usize,
    pub(super) dead_ends: usize,
}

/// Resolves the project in a folder, with what was published until `cutoff`.
pub(super) fn run(
    folder: &Path,
    cargo_home: &Path,
    compiler: RustVersion,
    cutoff: Option<&str>,
) -> Result<Resolved, Failure> {
    let project = read(folder)?;
    let mut problem = problem(&project, compiler);
    problem.cooldown.cutoff = cutoff.map(str::parse).transpose()?;
    let cache = Cache::new(&project, cargo_home)?;
    // Once to read what is needed, once to see what the search alone takes.
    let _ = resolve(&problem, &cache);
    let start = Instant::now();
    let outcome = resolve(&problem, &cache).map_err(stopped)?;
    let time = start.elapsed();
    let lock = lock_of(&outcome, None, project.rust_version)?;
    Ok(Resolved {
        lock: lock.print(),
        time,
        decisions: outcome.effort.decisions,
        dead_ends: outcome.effort.dead_ends,
    })
}

/// Moves one package of a lock.
pub(super) fn upgrade(
    folder: &Path,
    cargo_home: &Path,
    compiler: RustVersion,
    lock: &str,
    name: &str,
    version: &str,
) -> Result<String, Failure> {
    let project = read(folder)?;
    let lock = Arc::new(CargoLock::parse(lock)?);
    let mut previous = Previous::freeing(Arc::clone(&lock), [name]);
    previous.freed.retain(|id| id.version.to_string() == version);
    let mut problem = problem(&project, compiler);
    problem.previous = Some(previous);
    let outcome = resolve(&problem, &Cache::new(&project, cargo_home)?).map_err(stopped)?;
    Ok(lock_of(&outcome, Some(&lock), project.rust_version)?.print())
}

fn read(folder: &Path) -> Result<CargoProject, Failure> {
    let options = Options {
        system_root: folder.to_owned(),
        ..Options::default()
    };
    let project =
        wharf_project::Project::read(folder, &options).map_err(|error| Failure(error.to_string()))?;
    project
        .and_then(|project| project.cargo)
        .ok_or_else(|| Failure(format!("{}: no Cargo.toml", folder.display())))
}

fn stopped(stop: Stop) -> Failure {
    match stop {
        Stop::Failed(error) => Failure(error.to_string()),
        Stop::Needs(needs) => Failure(format!("cargo has not fetched {needs:?}")),
    }
}

fn problem(project: &CargoProject, compiler: RustVersion) -> Problem {
    let members = project
        .members
        .iter()
        .map(|member| Root::member(Arc::new(member.summary.clone())));
    let mut problem = Problem::new(members.collect());
    let patches = project.patches.iter().map(|patch| Patch {
        of: patch.of.clone(),
        dependency: patch.dependency.clone(),
    });
    problem.patches = patches.collect();
    if project.prefers_supported() {
        let asked: Vec<_> = project
            .members
            .iter()
            .filter_map(|member| member.summary.rust_version)
            .collect();
        problem.rust_versions = RustVersions::Prefer(if asked.is_empty() { vec![compiler] } else { asked });
    }
    problem
}

/// Cargo's cache of the index, and the project's folders.
struct Cache {
    index: PathBuf,
    folders: BTreeMap<SourceId, Arc<Vec<Arc<Summary>>>>,
    read: Mutex<BTreeMap<CrateName, Arc<CrateVersions>>>,
}

impl Cache {
    fn new(project: &CargoProject, cargo_home: &Path) -> Result<Self, Failure> {
        let registries = cargo_home.join("registry/index");
        let mut indexes = Vec::new();
        for entry in std::fs::read_dir(&registries)? {
            indexes.push(entry?.path().join(".cache"));
        }
        let packages = project.packages().map(|package| {
            let summary = Arc::new(package.summary.clone());
            (summary.source.clone(), Arc::new(vec![summary]))
        });
        Ok(Self {
            index: indexes
                .pop()
                .ok_or_else(|| Failure("cargo has no cache of an index".to_owned()))?,
            folders: packages.collect(),
            read: Mutex::default(),
        })
    }
}

impl Universe for Cache {
    fn versions(&self, registry: &SourceId, name: &CrateName) -> Lookup<Arc<CrateVersions>> {
        let mut read = self.read.lock().expect("nothing panics under the lock");
        let versions = read.entry(name.clone()).or_insert_with(|| {
            let document = std::fs::read(self.index.join(path_in_index(name.as_str()))).unwrap_or_default();
            Arc::new(CrateVersions::scan(
                name.clone(),
                registry.clone(),
                Arc::new(lines(&document)),
            ))
        });
        Lookup::Known(Arc::clone(versions))
    }

    fn packages(&self, source: &SourceId) -> Lookup<Arc<Vec<Arc<Summary>>>> {
        match self.folders.get(source) {
            Some(packages) => Lookup::Known(Arc::clone(packages)),
            None => Lookup::Failed("the check has no such folder or repository".to_owned()),
        }
    }
}

/// The lines of a file of cargo's cache: after a head and the answer's tag, versions and lines in turn, with zeros between them.
fn lines(document: &[u8]) -> Vec<u8> {
    let mut parts = document.split(|byte| *byte == 0);
    // The head has zeros of its own: the lines are what looks like an object.
    let mut lines = Vec::with_capacity(document.len());
    for part in parts.by_ref().filter(|part| part.first() == Some(&b'{')) {
        lines.extend_from_slice(part);
        lines.push(b'\n');
    }
    lines
}
