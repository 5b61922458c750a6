//! `Cargo.lock`: the lock of a workspace, which Wharf and cargo share.
//!
//! Invariant: what is written is, byte for byte, what cargo would write for the same graph, and a lock that answers the
//! workspace is left as it is.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use wharf_core::{Ecosystem, PackageName};
use wharf_crates::{Cooldown, Outcome, Patch, Previous, Problem, Root, RustVersions, lock_of};
use wharf_ecosystem::cargo::{CargoLock, LockedCrate, RustVersion, SourceId};
use wharf_index::Refresh;
use wharf_install::rust::Surroundings;
use wharf_project::{CargoProject, Project};

use super::error::CargoError;
use super::known::{Known, Packages};
use super::solve::solve;
use crate::error::OpsError;
use crate::lock::{Mode, moved};
use crate::report::Change;
use crate::request::Upgrade;
use crate::session::Session;
use crate::write;

/// A `Cargo.lock` that answers its workspace.
pub(crate) struct Locked {
    /// It.
    pub(crate) lock: CargoLock,
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// What it was before.
    pub(crate) before: Option<CargoLock>,
    /// Whether it was written.
    pub(crate) written: bool,
    /// Whether it differs from what it was.
    pub(crate) changed: bool,
}

impl Locked {
    /// What moved.
    pub(crate) fn changes(&self) -> Vec<Change> {
        changes(self.before.as_ref(), &self.lock)
    }
}

/// The `Cargo.lock` as it lies there; `None` where there is none.
///
/// # Errors
/// It cannot be read, or is none.
pub(crate) fn read(cargo: &CargoProject) -> Result<Option<CargoLock>, OpsError> {
    let path = cargo.lock_path();
    match std::fs::read_to_string(&path) {
        Ok(text) => match CargoLock::parse(&text) {
            Ok(lock) => Ok(Some(lock)),
            Err(error) => Err(CargoError::Lock { path, error }.into()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(OpsError::io("read", path)(error)),
    }
}

/// The lock of a project's workspace as it lies there.
///
/// # Errors
/// There is none although there is a workspace, or it cannot be read.
pub(crate) fn standing(project: &Project) -> Result<Option<CargoLock>, OpsError> {
    let Some(cargo) = &project.cargo else {
        return Ok(None);
    };
    let lock = read(cargo)?;
    let missing = || OpsError::NoLock {
        path: cargo.lock_path(),
    };
    lock.ok_or_else(missing).map(Some)
}

/// Solves for the workspace, and writes what changed or refuses it.
///
/// # Errors
/// Nothing answers it; with [`Mode::Check`], the lock does not.
pub(crate) async fn update(
    session: &Session,
    project: &Project,
    upgrade: &Upgrade,
    mode: Mode,
) -> Result<Option<Locked>, OpsError> {
    let missing = project
        .cargo
        .as_ref()
        .map(CargoProject::lock_path)
        .filter(|path| !path.is_file());
    if let (Mode::Check, Some(path)) = (mode, missing) {
        return Err(OpsError::NoLock { path });
    }
    match solve_for(session, project, upgrade).await? {
        Some(locked) => Ok(Some(locked.write(mode)?)),
        None => Ok(None),
    }
}

/// Solves for the workspace, with the lock so far; nothing is written.
///
/// # Errors
/// Nothing answers it.
pub(crate) async fn solve_for(
    session: &Session,
    project: &Project,
    upgrade: &Upgrade,
) -> Result<Option<Locked>, OpsError> {
    let Some(cargo) = &project.cargo else {
        return Ok(None);
    };
    let path = cargo.lock_path();
    let before = read(cargo)?;
    let problem = problem(session, project, cargo, before.as_ref(), upgrade)?;
    let index = session.crates_index(&cargo.config, refresh(upgrade))?;
    let mut known = Known::new(index, &cargo.config, folders(cargo)).pinning(pinned(&problem));
    let outcome = solve(session, &problem, &mut known).await?;
    let lock = lock_of(&outcome, before.as_ref(), cargo.rust_version).map_err(CargoError::Checksum)?;
    warn(session, &problem, &outcome);
    let standing = std::fs::read_to_string(&path).ok();
    // Line ends are the user's business.
    let changed = standing.is_none_or(|standing| standing.replace("\r\n", "\n") != lock.print());
    Ok(Some(Locked {
        lock,
        path,
        before,
        written: false,
        changed,
    }))
}

impl Locked {
    /// Writes what changed, or refuses it.
    ///
    /// # Errors
    /// With [`Mode::Check`], what lies there does not answer the workspace; or the file cannot be written.
    pub(crate) fn write(mut self, mode: Mode) -> Result<Self, OpsError> {
        match mode {
            Mode::Check if self.changed => Err(OpsError::StaleLock {
                reasons: reasons(&self),
                path: self.path,
            }),
            Mode::Write if self.changed => {
                write::file(&self.path, &self.lock.print())?;
                self.written = true;
                Ok(self)
            }
            Mode::Check | Mode::Write | Mode::DryRun => Ok(self),
        }
    }

    /// How many packages it has, without the workspace's own.
    pub(crate) fn packages(&self) -> usize {
        self.lock.packages.iter().filter(is_foreign).count()
    }
}

/// Whose versions are asked for although the cache has them: those of whatever shall move.
pub(crate) fn refresh(upgrade: &Upgrade) -> Refresh {
    match upgrade {
        Upgrade::None => Refresh::Nothing,
        Upgrade::All => Refresh::Everything,
        Upgrade::Packages(names) => Refresh::Packages(names.iter().cloned().collect()),
    }
}

/// What a stale lock lacks, in words.
fn reasons(locked: &Locked) -> String {
    const SHOWN: usize = 5;
    let changes = locked.changes();
    let words = |change: &Change| match (&change.from, &change.to) {
        (None, Some(to)) => format!("{} {to} is missing", change.package),
        (Some(from), None) => format!("{} {from} is not needed", change.package),
        (from, to) => {
            let text = |version: &Option<String>| version.clone().unwrap_or_default();
            format!("{} is {}, and would be {}", change.package, text(from), text(to))
        }
    };
    let mut lines: Vec<String> = changes.iter().take(SHOWN).map(words).collect();
    if changes.len() > SHOWN {
        lines.push(format!("{} more", changes.len() - SHOWN));
    }
    match lines.is_empty() {
        true => "cargo would write it differently".to_owned(),
        false => lines.join(", "),
    }
}

/// Packages that no compiler of the workspace's builds were taken for want of others.
fn warn(session: &Session, problem: &Problem, outcome: &Outcome) {
    let RustVersions::Prefer(versions) = &problem.rust_versions else {
        return;
    };
    let Some(lowest) = versions.iter().min() else {
        return;
    };
    for package in outcome.beyond(*lowest) {
        let summary = &package.summary;
        let asked = summary
            .rust_version
            .as_ref()
            .map_or_else(String::new, ToString::to_string);
        let message = format!(
            "{} {} needs Rust {asked}, and the workspace says {lowest}: no other version fits",
            summary.name, summary.version
        );
        session.emit(wharf_core::Event::warning("cargo/rust-version", message));
    }
}

/// Everything that the solve depends on.
fn problem(
    session: &Session,
    project: &Project,
    cargo: &CargoProject,
    before: Option<&CargoLock>,
    upgrade: &Upgrade,
) -> Result<Problem, OpsError> {
    let members = cargo
        .members
        .iter()
        .map(|member| Root::member(Arc::new(member.summary.clone())));
    let patches = cargo.patches.iter().map(|patch| Patch {
        of: patch.of.clone(),
        dependency: patch.dependency.clone(),
    });
    Ok(Problem {
        patches: patches.collect(),
        previous: before.and_then(|lock| previous(lock, upgrade)),
        rust_versions: match cargo.prefers_supported() {
            true => RustVersions::Prefer(compilers(session, cargo)?),
            false => RustVersions::Ignore,
        },
        cooldown: cooldown(project),
        ..Problem::new(members.collect())
    })
}

/// The lock so far, with what may change.
fn previous(lock: &CargoLock, upgrade: &Upgrade) -> Option<Previous> {
    let lock = Arc::new(lock.clone());
    match upgrade {
        Upgrade::None => Some(Previous::kept(lock)),
        Upgrade::All => None,
        Upgrade::Packages(names) => {
            let crates = names.iter().filter(|name| name.ecosystem() == Ecosystem::Cargo);
            Some(Previous::freeing(lock, crates.map(PackageName::as_str)))
        }
    }
}

/// The locked repositories, which stay at their commits until one of their packages is to move.
pub(crate) fn pinned(problem: &Problem) -> Vec<SourceId> {
    let Some(previous) = &problem.previous else {
        return Vec::new();
    };
    let (mut pinned, mut free) = (Vec::new(), Vec::new());
    for package in &previous.lock.packages {
        let source = package.source.iter().filter(|source| source.commit().is_some());
        match previous.freed.contains(&package.id()) {
            true => free.extend(source),
            false => pinned.extend(source),
        }
    }
    pinned.retain(|source| !free.contains(source));
    pinned.into_iter().cloned().collect()
}

/// The instant after which versions do not exist.
pub(crate) fn cooldown(project: &Project) -> Cooldown {
    Cooldown {
        cutoff: crate::lock::cutoff(project).map(|cutoff| cutoff.at),
        ..Cooldown::default()
    }
}

/// The compilers that the members support; where none says, the one of this machine.
fn compilers(session: &Session, cargo: &CargoProject) -> Result<Vec<RustVersion>, OpsError> {
    let stated: Vec<RustVersion> = cargo
        .members
        .iter()
        .filter_map(|member| member.summary.rust_version)
        .collect();
    if !stated.is_empty() {
        return Ok(stated);
    }
    let surroundings = Surroundings {
        project: Some(cargo.root.clone()),
        ..Surroundings::from_env()
    };
    match surroundings.find() {
        Ok(toolchain) => Ok(vec![toolchain.version]),
        Err(reason) => {
            let words = format!("no compiler has a say in the choice of versions: {reason}");
            session.emit(wharf_core::Event::detail(words));
            Ok(Vec::new())
        }
    }
}

/// The packages of the workspace's folders.
fn folders(cargo: &CargoProject) -> BTreeMap<SourceId, Packages> {
    let packages = cargo
        .packages()
        .filter(|package| package.summary.source.is_path());
    packages
        .map(|package| {
            (
                package.summary.source.clone(),
                Arc::new(vec![Arc::new(package.summary.clone())]),
            )
        })
        .collect()
}

/// What moved between two locks, by name. A name with several versions counts as its list of versions.
pub(crate) fn changes(old: Option<&CargoLock>, new: &CargoLock) -> Vec<Change> {
    let versions = |lock: Option<&CargoLock>| {
        let mut by_name: BTreeMap<PackageName, Vec<String>> = BTreeMap::new();
        for package in lock.iter().flat_map(|lock| &lock.packages).filter(is_foreign) {
            by_name
                .entry(package.name.clone())
                .or_default()
                .push(shown_version(package));
        }
        let listed = by_name
            .into_iter()
            .map(|(name, versions)| (name, versions.join(", ")));
        listed.collect::<BTreeMap<_, _>>()
    };
    moved(&versions(old), &versions(Some(new)))
}

/// A version for people: of a package from a repository with the commit, which moves when the version does not.
pub(crate) fn shown_version(package: &LockedCrate) -> String {
    const DIGITS: usize = 8;
    let commit = package.source.as_ref().and_then(SourceId::commit);
    match commit.map(|commit| commit.get(..DIGITS).unwrap_or(commit)) {
        Some(commit) => format!("{}#{commit}", package.version),
        None => package.version.to_string(),
    }
}

/// Whether a package is somebody else's, not the workspace's own.
pub(crate) fn is_foreign(package: &&LockedCrate) -> bool {
    package.source.is_some()
}

/// A project whose folder is a workspace of crates and nothing else has no `wharf.lock`: its lock is `Cargo.lock`.
pub(crate) fn is_alone(project: &Project) -> bool {
    project.cargo.is_some() && project.cargo_tools.is_none() && !project.uses_npm() && !project.uses_python()
}
