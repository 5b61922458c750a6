//! Crates in the store, the directory source that leads to them, and cargo's configuration, which leads to that.
//!
//! Invariant: cargo is told of the directory in the same commit that makes it. What the user wrote into the configuration
//! stays; where it stands in the way, nothing is done and the conflict is told.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use futures::stream::{FuturesUnordered, StreamExt};
use wharf_core::{Event, Phase};
use wharf_ecosystem::cargo::{CargoLock, SourceId};
use wharf_index::Refresh;
use wharf_index::cargo::{CratesIndex, Wanted};
use wharf_install::layout::{Content, Item};
use wharf_install::{CommandsWanted, CratesWanted, Environment, FileChange, InstalledCrate};
use wharf_project::cargo::config::replacement;
use wharf_project::{CargoConfig, CargoProject, Lock, Project};
use wharf_store::CrateId;

use super::error::CargoError;
use super::{build, workspace};
use crate::error::OpsError;
use crate::request::Effect;
use crate::session::Session;

/// The crates and tools of what an environment shall be.
#[derive(Default)]
pub(crate) struct Part {
    /// The directory source.
    pub(crate) crates: Option<CratesWanted>,
    /// The tools.
    pub(crate) commands: Option<CommandsWanted>,
    /// cargo's configuration.
    pub(crate) files: Vec<FileChange>,
    /// How many archives the store did not have.
    pub(crate) missing: usize,
    /// Files besides the manifests on which it depends.
    pub(crate) inputs: Vec<PathBuf>,
}

/// Brings everything into the store, builds the tools, and decides what cargo is told.
///
/// # Errors
/// Whatever cannot be fetched, verified or built; the environment stays as it was.
pub(crate) async fn prepare(
    session: &Session,
    project: &Project,
    environment: &Environment,
    lock: &Lock,
    workspace: Option<&CargoLock>,
    effect: Effect,
) -> Result<Part, OpsError> {
    let mut part = Part::default();
    if let (Some(cargo), Some(locked)) = (&project.cargo, workspace) {
        crates(session, cargo, locked, &mut part).await?;
    }
    configuration(project, environment, workspace, &mut part)?;
    if let Some(tools) = &project.cargo_tools {
        let standing = environment.current()?.and_then(|generation| generation.commands);
        let (commands, missing) =
            build::tools(session, project, tools, lock, standing.as_ref(), effect).await?;
        part.missing += missing;
        part.commands = commands;
    }
    Ok(part)
}

/// The crates of a workspace, in the store and as links.
async fn crates(
    session: &Session,
    cargo: &CargoProject,
    locked: &CargoLock,
    part: &mut Part,
) -> Result<(), OpsError> {
    let index = session.crates_index(&cargo.config, Refresh::Nothing)?;
    let mut homes: BTreeMap<String, (CrateId, &SourceId)> = BTreeMap::new();
    let (mut wanted, mut packages, mut left) = (Vec::new(), Vec::new(), Vec::new());
    for package in locked.packages.iter().filter(workspace::is_foreign) {
        let source = package.source.as_ref().expect("it comes from elsewhere");
        let Some(one) = Wanted::of_locked(package) else {
            left.push(package.label());
            continue;
        };
        let id = one.id();
        wanted.push(one);
        if let Some((_, other)) = homes.insert(id.label(), (id, source)) {
            return Err(CargoError::Twice {
                package: package.label(),
                sources: [other.to_string(), source.to_string()],
            }
            .into());
        }
        packages.push(InstalledCrate {
            name: package.name.clone(),
            version: package.version.to_string(),
        });
    }
    if !left.is_empty() {
        let list = left.join(", ");
        let message =
            format!("cargo fetches what comes from repositories itself, with `cargo fetch`: {list}");
        session.emit(Event::warning("cargo/repository", message));
    }
    part.missing += fetch(session, &index, wanted).await?;
    let store = session.store()?;
    let link = |(label, (id, _)): (&String, &(CrateId, &SourceId))| Item {
        path: label.clone(),
        content: Content::Link(store.crate_folder(id).to_string_lossy().into_owned()),
    };
    if !packages.is_empty() {
        part.crates = Some(CratesWanted {
            items: homes.iter().map(link).collect(),
            packages,
        });
    }
    Ok(())
}

/// Brings crates into the store; how many it lacked.
///
/// # Errors
/// What cannot be had or is not what was locked.
pub(crate) async fn fetch(
    session: &Session,
    index: &CratesIndex,
    wanted: Vec<Wanted>,
) -> Result<usize, OpsError> {
    let store = session.store()?;
    let mut seen = BTreeSet::new();
    let missing = wanted.into_iter().filter(|one| {
        let id = one.id();
        !store.has_crate(&id) && seen.insert(id)
    });
    let mut running: FuturesUnordered<_> = missing
        .map(|one| {
            let index = index.clone();
            async move { index.fetch(&one).await.map(|_| one.label()) }
        })
        .collect();
    let count = running.len();
    if count == 0 {
        return Ok(0);
    }
    let (phase, total) = (Phase::Fetch, Some(count as u64));
    session.emit(Event::PhaseStarted { phase, total });
    let mut done = 0;
    while let Some(label) = session
        .cancel()
        .or(running.next())
        .await
        .ok_or(OpsError::Interrupted)?
    {
        done += 1;
        session.emit(Event::PhaseProgress {
            phase,
            done,
            total,
            detail: Some(label?),
        });
    }
    session.emit(Event::PhaseFinished { phase, done });
    Ok(count)
}

/// What changes in cargo's configuration.
fn configuration(
    project: &Project,
    environment: &Environment,
    workspace: Option<&CargoLock>,
    part: &mut Part,
) -> Result<(), OpsError> {
    let path = replacement::config_path(&project.root);
    let before = match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(OpsError::io("read", path)(error)),
    };
    let after = match (&project.cargo, workspace) {
        (Some(cargo), Some(lock)) if part.crates.is_some() => {
            Some(led(&path, before.as_deref(), &cargo.config, lock)?)
        }
        // What is not there, or never was ours, is not looked into.
        _ if before.is_none()
            || environment
                .current()?
                .is_none_or(|standing| standing.crates.is_none()) =>
        {
            before.clone()
        }
        _ => replacement::remove(&path, before.as_deref().unwrap_or_default())?,
    };
    part.inputs.push(path.clone());
    if before != after {
        part.files.push(FileChange {
            path: relative(&project.root, &path),
            before,
            after,
        });
    }
    Ok(())
}

/// The configuration with every source of the lock led to the directory.
fn led(
    path: &Path,
    before: Option<&str>,
    config: &CargoConfig,
    lock: &CargoLock,
) -> Result<String, OpsError> {
    let sources = lock.packages.iter().filter_map(|package| package.source.as_ref());
    let sources: BTreeSet<&SourceId> = sources.filter(|source| source.is_registry()).collect();
    let sources: Vec<SourceId> = sources.into_iter().cloned().collect();
    Ok(replacement::add(
        path,
        before.unwrap_or_default(),
        config,
        &sources,
    )?)
}

fn relative(root: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(root).unwrap_or(path);
    inside.to_string_lossy().into_owned()
}
