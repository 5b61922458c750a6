//! Crates in the store, the directory source that leads to them, and cargo's configuration, which leads to that.
//!
//! Invariant: cargo is told of the directory in the same commit that makes it. What the user wrote into the configuration
//! stays; where it stands in the way, nothing is done and the conflict is told.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use futures::stream::{FuturesUnordered, StreamExt};
use wharf_core::{Event, Phase};
use wharf_ecosystem::cargo::{CargoLock, LockedCrate, SourceId};
use wharf_index::Refresh;
use wharf_index::cargo::{CratesIndex, Wanted};
use wharf_install::layout::{Content, Item};
use wharf_install::{CommandsWanted, CratesWanted, Environment, FileChange, InstalledCrate};
use wharf_project::cargo::config::replacement;
use wharf_project::{CargoProject, Lock, Project};

use super::error::CargoError;
use super::repository::{self, Members};
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
    /// Whose crates each directory source has.
    sources: Vec<Vec<SourceId>>,
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
    let foreign = || locked.packages.iter().filter(workspace::is_foreign);
    let wants = |package: &LockedCrate| repository::wanted_by(cargo, &locked.packages, package);
    let repositories = Members::bring(session, &index, &cargo.config, foreign(), wants).await?;
    let store = session.store()?;
    let mut by_source = BTreeMap::new();
    let (mut wanted, mut packages) = (Vec::new(), Vec::new());
    for package in foreign() {
        let source = package.source.as_ref().expect("it comes from elsewhere");
        let folder = match (repositories.of(package), Wanted::of_locked(package)) {
            (Some(member), _) => member.folder.clone(),
            (None, Some(one)) => {
                let folder = store.crate_folder(&one.id());
                wanted.push(one);
                folder
            }
            (None, None) => {
                return Err(CargoError::NoChecksum {
                    package: package.label(),
                    source_id: source.to_string(),
                }
                .into());
            }
        };
        let links: &mut Links = by_source.entry(source).or_default();
        links.insert(package.label(), (entry(package), folder));
        packages.push(InstalledCrate {
            name: package.name.clone(),
            version: workspace::shown_version(package),
        });
    }
    part.missing += repositories.missing + fetch(session, &index, wanted).await?;
    let directories = directories(by_source);
    if !packages.is_empty() {
        part.crates = Some(CratesWanted {
            items: items(&directories),
            packages,
        });
    }
    part.sources = directories
        .into_iter()
        .map(|directory| directory.sources)
        .collect();
    Ok(())
}

/// What a crate is called in a directory source. One from a repository has its commit there: by the version alone cargo would not
/// compile it again when the commit moves.
fn entry(package: &LockedCrate) -> String {
    let version = workspace::shown_version(package).replace('#', "-");
    format!("{}-{version}", package.name)
}

/// A directory source: whose crates it has, and where they lie.
#[derive(Default)]
struct Directory {
    sources: Vec<SourceId>,
    links: Links,
}

/// Crates by name and version: what each is called in a directory source, and its folder.
type Links = BTreeMap<String, (String, PathBuf)>;

/// Which directory source has which crates. cargo knows a crate of one by name and version alone, so that sources that both have
/// one of these need a directory each; mostly there is one.
fn directories(by_source: BTreeMap<&SourceId, Links>) -> Vec<Directory> {
    let mut found: Vec<Directory> = Vec::new();
    for (source, links) in by_source {
        let has_room =
            |directory: &&mut Directory| !links.keys().any(|label| directory.links.contains_key(label));
        match found.iter_mut().find(has_room) {
            Some(directory) => {
                directory.sources.push(source.clone());
                directory.links.extend(links);
            }
            None => found.push(Directory {
                sources: vec![source.clone()],
                links,
            }),
        }
    }
    found
}

/// What lies in the folder of all directory sources.
fn items(directories: &[Directory]) -> Vec<Item> {
    let numbered = directories.iter().enumerate();
    let items = numbered.flat_map(|(number, directory)| {
        let folder = PathBuf::from(replacement::folder_name(number));
        directory.links.values().map(move |(entry, target)| Item {
            path: folder.join(entry).to_string_lossy().into_owned(),
            content: Content::Link(target.to_string_lossy().into_owned()),
        })
    });
    items.collect()
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
        (Some(cargo), Some(_)) if part.crates.is_some() => Some(replacement::add(
            &path,
            before.as_deref().unwrap_or_default(),
            &cargo.config,
            &part.sources,
        )?),
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

fn relative(root: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(root).unwrap_or(path);
    inside.to_string_lossy().into_owned()
}
