//! The npm part of `wharf.lock`.

use std::collections::BTreeMap;

use wharf_core::{Ecosystem, Event, PackageName, Phase, Source};
use wharf_ecosystem::npm::Version;
use wharf_index::npm::Detail;
use wharf_project::{Lock, LockedNode, NpmInputs, NpmLock, NpmProject, NpmRequirement, Project};
use wharf_tree::{MissingPeers, Outcome, PeerConflicts, Problem, Requirement, Root, Stop};

use super::closure::Closure;
use super::{Early, asked_by, engines, node};
use crate::error::OpsError;
use crate::request::Upgrade;
use crate::session::Session;

/// The npm part of a lock, brought up to date.
pub(crate) enum Part {
    /// The project has nothing of npm.
    Nothing,
    /// The old lock answers the project.
    Kept,
    /// Solved anew, with what was fetched on the way.
    Solved(Box<NpmLock>, Option<Early>),
}

/// Solves where the old lock does not answer the project, or an upgrade is wanted.
pub(crate) async fn update(
    session: &Session,
    project: &Project,
    old: Option<&Lock>,
    upgrade: &Upgrade,
    early: Option<Early>,
) -> Result<Part, OpsError> {
    let Some(npm) = project.npm.as_ref().filter(|_| project.uses_npm()) else {
        return Ok(Part::Nothing);
    };
    let locked = old.and_then(|lock| lock.npm.as_ref());
    if let (Some(lock), Some(locked)) = (old, locked)
        && !upgrade.concerns(Ecosystem::Npm)
        && lock.stale_npm(project).is_none()
        && node::stands(session, project, npm, locked).await?
    {
        check_engines(npm, locked)?;
        return Ok(Part::Kept);
    }
    let detail = cutoff(project, npm).map_or(Detail::Abbreviated, Detail::Until);
    let index = session.npm_index(project, npm, detail)?;
    index.read_ahead();
    let problem = problem(session, project, npm, locked, upgrade);
    let node = node::to_lock(session, project, npm, &index, locked);
    let pinned = repositories(locked, upgrade);
    let closure = Closure::new(session, index.clone(), problem, node, early, pinned);
    let (outcome, node, early) = solve(session, closure).await?;
    report_issues(session, &outcome);
    let lock = NpmLock {
        inputs: NpmInputs::of(project).unwrap_or_default(),
        graph: outcome.graph,
        node,
    };
    check_engines(npm, &lock)?;
    if let Some(warning) = locked_node(&lock).and_then(|node| engines::warning(&lock.graph, &node)) {
        session.emit(Event::warning("npm/engine", warning));
    }
    index.solved();
    Ok(Part::Solved(Box::new(lock), early))
}

/// The first lines: a dead registry has every package missing.
fn shortened(text: &str) -> String {
    const SHOWN: usize = 5;
    let lines = text.lines().count();
    let mut shown: Vec<&str> = text.lines().take(SHOWN).collect();
    let more = format!("… and {} more", lines.saturating_sub(SHOWN));
    if lines > SHOWN {
        shown.push(&more);
    }
    shown.join("\n")
}

/// The Node that a lock was made for.
pub(crate) fn locked_node(lock: &NpmLock) -> Option<Version> {
    Version::parse(&lock.node.as_ref()?.version).ok()
}

fn check_engines(npm: &NpmProject, lock: &NpmLock) -> Result<(), OpsError> {
    let everything = vec![true; lock.graph.packages.len()];
    match locked_node(lock) {
        Some(node) => engines::check(npm, &lock.graph, &everything, &node),
        None => Ok(()),
    }
}

/// Fetches and solves in turn until the resolver asks for nothing more.
async fn solve(
    session: &Session,
    mut closure: Closure<'_>,
) -> Result<(Outcome, Option<LockedNode>, Option<Early>), OpsError> {
    session.emit(Event::PhaseStarted {
        phase: Phase::Resolve,
        total: None,
    });
    closure.fill().await?;
    loop {
        // On this thread: it takes milliseconds, and there is nothing else to do.
        match wharf_tree::resolve(closure.problem(), closure.known()) {
            Ok(outcome) => {
                if let Some((what, cause)) = closure.known().withheld(&outcome.issues) {
                    return Err(OpsError::Unavailable { what, cause });
                }
                session.emit(Event::PhaseFinished {
                    phase: Phase::Resolve,
                    done: outcome.graph.packages.len() as u64,
                });
                for (package, script) in closure.known().unprepared(&outcome.graph) {
                    session.emit(Event::warning(
                        "npm/unprepared",
                        format!(
                            "{package} comes from a repository and has a script `{script}`, which Wharf does not run: it is installed as the repository has it. Where files are missing, take it from a registry or from the archive that `npm pack` makes"
                        ),
                    ));
                }
                let (node, early) = closure.finish();
                return Ok((outcome, node, early));
            }
            Err(Stop::Needs(needs)) => {
                tracing::debug!(?needs, "the resolver needs more");
                closure.supply(needs).await?;
            }
            Err(Stop::Failed(error)) => {
                let error = asked_by(session, error);
                return Err(match closure.known().cause(&error) {
                    Some(cause) => OpsError::Unavailable {
                        what: shortened(&error.to_string()),
                        cause,
                    },
                    None => OpsError::Tree(error),
                });
            }
        }
    }
}

/// The locked repositories, which stay at their commits until an upgrade is asked for.
fn repositories(locked: Option<&NpmLock>, upgrade: &Upgrade) -> Vec<Source> {
    let packages = locked.iter().flat_map(|locked| &locked.graph.packages);
    let pinned = packages.filter(|package| !upgrade.includes(&package.name));
    pinned
        .map(|package| &package.source)
        .filter(|source| matches!(source, Source::Git { .. }))
        .cloned()
        .collect()
}

fn problem(
    session: &Session,
    project: &Project,
    npm: &NpmProject,
    locked: Option<&NpmLock>,
    upgrade: &Upgrade,
) -> Problem {
    let ignored = npm.ignored_optional();
    let importers = npm.importers.iter().map(|importer| Root {
        path: importer.path.clone(),
        name: importer.name.clone(),
        version: importer.version.clone(),
        bin: importer.bin.clone(),
        requirements: importer
            .requirements
            .iter()
            .filter(|asked| !asked.is_ignored(&ignored))
            .map(|asked| Requirement {
                alias: asked.alias.clone(),
                spec: asked.spec.clone(),
                text: asked_text(asked),
                kind: asked.kind,
                origin: asked.origin.clone(),
            })
            .collect(),
    });
    let importers = importers.collect();
    Problem {
        overrides: npm.overrides.clone(),
        extensions: npm.extensions.clone().without_optional(ignored),
        peer_rules: npm.peer_rules.clone(),
        preferences: preferences(session, project, locked, upgrade),
        cutoff: cutoff(project, npm),
        missing_peers: match npm.options.install_peers {
            true => MissingPeers::Install,
            false => MissingPeers::Report,
        },
        peer_conflicts: match npm.options.strict_peers {
            true => PeerConflicts::Fail,
            false => PeerConflicts::Report,
        },
        ..Problem::new(importers, npm.registries.clone())
    }
}

/// What an edge of the lock says of a requirement: as written, or as the catalog has it.
pub(crate) fn asked_text(asked: &NpmRequirement) -> String {
    match asked.text.starts_with("catalog:") {
        true => asked.spec.print(),
        false => asked.text.clone(),
    }
}

/// The instant after which versions do not exist: the strictest that the project, the command line and npm's own configuration say.
pub(crate) fn cutoff(project: &Project, npm: &NpmProject) -> Option<wharf_core::Timestamp> {
    let general = crate::lock::cutoff(project).map(|cutoff| cutoff.at);
    let options = &npm.options;
    let span = (options.cooldown != wharf_core::Span::ZERO)
        .then(|| options.cooldown.before(wharf_core::Timestamp::now()));
    [general, span, options.exclude_newer].into_iter().flatten().min()
}

/// The versions to keep: the old lock's, or on the first lock those of another tool's.
fn preferences(
    session: &Session,
    project: &Project,
    locked: Option<&NpmLock>,
    upgrade: &Upgrade,
) -> BTreeMap<PackageName, Vec<Version>> {
    let mut preferences: BTreeMap<PackageName, Vec<Version>> = BTreeMap::new();
    let mut keep = |name: &PackageName, version: &str| {
        if let Ok(version) = Version::parse(version)
            && !upgrade.includes(name)
        {
            let versions = preferences.entry(name.clone()).or_default();
            if !versions.contains(&version) {
                versions.push(version);
            }
        }
    };
    match locked {
        Some(locked) => {
            for package in &locked.graph.packages {
                keep(&package.name, &package.version);
            }
        }
        None => {
            let found = wharf_project::npm_preferences(project);
            for warning in &found.warnings {
                session.emit(Event::warning(warning.code, warning.message.clone()));
            }
            for file in &found.files {
                let words = format!("the first lock prefers the versions of {}", file.display());
                session.emit(Event::detail(words));
            }
            for (name, versions) in &found.versions {
                versions.iter().for_each(|version| keep(name, version.as_str()));
            }
        }
    }
    for versions in preferences.values_mut() {
        versions.sort_by(|a, b| b.cmp(a));
    }
    preferences
}

fn report_issues(session: &Session, outcome: &Outcome) {
    for issue in &outcome.issues {
        session.emit(match issue.breaks_strict_peers() {
            true => Event::warning(issue.code(), issue.to_string()),
            false => Event::detail(issue.to_string()),
        });
    }
}
