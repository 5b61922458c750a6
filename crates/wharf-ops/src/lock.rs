//! `wharf lock`: from the manifest and the index to `wharf.lock`, and for crates of a workspace to `Cargo.lock`.
//! Invariant: the file is written only when its content changes, and then as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use wharf_core::{Digest, Ecosystem, Event, PackageName, Target, Timestamp};
use wharf_ecosystem::npm::Graph;
use wharf_ecosystem::pypi::Version;
use wharf_project::{DebInputs, Group, Lock, LockInputs, Project, ProjectError, RootRequirement};

use crate::cargo;
use crate::deb;
use crate::error::{OpsError, left_out};
use crate::index_source::IndexSource;
use crate::names;
use crate::npm::describe::not_locked;
use crate::npm::{self, Early};
use crate::report::{Change, LockReport, Meant};
use crate::request::{Files, Solving, Upgrade};
use crate::resolve::{self, Asked, Cutoff, Demanded, Problem, Resolution, TargetEnvironment};
use crate::runtime::Runtime;
use crate::session::Session;
use crate::sync;
use crate::to_lock;
use crate::write;

/// Whether the lockfile may change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It is written where it has to be.
    #[default]
    Write,
    /// A stale one is an error.
    Check,
    /// What would change is reported.
    DryRun,
}

/// How many packages are asked for before the interpreter is known.
const ASKED_AHEAD: usize = 16;

/// What a lock is asked.
#[derive(Clone, Debug, Default)]
pub struct LockRequest {
    /// Whether the file may change.
    pub mode: Mode,
    /// Which versions may move.
    pub upgrade: Upgrade,
    /// How the solve is steered.
    pub solving: Solving,
    /// Targets in place of the manifest's.
    pub targets: Vec<Target>,
    /// Requirements files in place of a manifest.
    pub files: Files,
}

/// Makes the lockfile answer the manifest.
///
/// # Errors
/// Malformed files, no solution, a dead registry; with [`Mode::Check`], a stale lock.
pub async fn lock(session: &Session, request: &LockRequest) -> Result<LockReport, OpsError> {
    let mut project = session.project_to_solve(&request.files, &request.solving)?;
    if !request.targets.is_empty() {
        project.targets = request.targets.clone();
    }
    let old = read(&project)?;
    if request.mode == Mode::Check {
        return check(session, &project, old).await;
    }
    let updating = Updating {
        upgrade: &request.upgrade,
        solving: &request.solving,
        mode: request.mode,
        installing: false,
        early: None,
    };
    Ok(update(session, &project, old, updating).await?.report)
}

/// The lockfile of a project; `None` where there is none.
pub(crate) fn read(project: &Project) -> Result<Option<Lock>, OpsError> {
    let path = project.lock_path();
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(Lock::parse(&text).map_err(ProjectError::Invalid)?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(OpsError::io("read", path)(error)),
    }
}

/// The lockfile of a project that has to have one. A workspace of crates alone has another, and an empty one of these.
///
/// # Errors
/// Where there is none, or it is malformed.
pub(crate) fn standing(project: &Project) -> Result<Lock, OpsError> {
    if cargo::workspace::is_alone(project) {
        return Ok(Lock::default());
    }
    read(project)?.ok_or_else(|| OpsError::NoLock {
        path: project.lock_path(),
    })
}

async fn check(session: &Session, project: &Project, old: Option<Lock>) -> Result<LockReport, OpsError> {
    let started = Instant::now();
    let lock = answering(project, old)?;
    let crates = cargo::workspace::update(session, project, &Upgrade::None, Mode::Check).await?;
    Ok(report(project, &lock, None, crates.as_ref(), started, Solved::No))
}

/// The lock, which may not change.
///
/// # Errors
/// There is none, or it does not answer the project.
pub(crate) fn answering(project: &Project, old: Option<Lock>) -> Result<Lock, OpsError> {
    if cargo::workspace::is_alone(project) {
        return Ok(Lock::default());
    }
    let path = project.lock_path();
    let lock = old.ok_or_else(|| OpsError::NoLock { path: path.clone() })?;
    match lock.stale(project) {
        Some(stale) => Err(OpsError::StaleLock {
            path,
            reasons: stale.to_string(),
        }),
        None => Ok(lock),
    }
}

/// Whether a solve was needed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Solved {
    No,
    Yes,
}

/// A lock that answers the project.
pub(crate) struct Updated {
    pub(crate) lock: Lock,
    /// The `Cargo.lock` of its workspace.
    pub(crate) crates: Option<cargo::workspace::Locked>,
    pub(crate) report: LockReport,
    /// Archives of npm packages whose unpacking began while versions were still being chosen.
    pub(crate) early: Option<Early>,
}

/// How a lock is brought up to date.
pub(crate) struct Updating<'a> {
    pub(crate) upgrade: &'a Upgrade,
    pub(crate) solving: &'a Solving,
    pub(crate) mode: Mode,
    /// Whether what is locked is installed next.
    pub(crate) installing: bool,
    /// Whether archives of npm packages are wanted as soon as their versions are known.
    pub(crate) early: Option<Early>,
}

/// Solves the parts of the old lock that do not answer the project, or whose upgrade is wanted, and writes what changed.
pub(crate) async fn update(
    session: &Session,
    project: &Project,
    old: Option<Lock>,
    updating: Updating<'_>,
) -> Result<Updated, OpsError> {
    let started = Instant::now();
    let Updating {
        upgrade,
        solving,
        mode,
        installing,
        early,
    } = updating;
    let known = names_of(project, old.as_ref())?;
    let graph = old
        .as_ref()
        .and_then(|lock| lock.npm.as_ref())
        .map(|npm| &npm.graph);
    let (upgrade, meant) = meant(upgrade, project, known.as_deref(), graph);
    let upgrade = &upgrade;
    warn_of_strangers(session, project, known.as_deref(), upgrade);
    let system = deb::lock::before(session, project, old.as_ref(), upgrade).await?;
    if installing {
        deb::root::fetch_ahead(session, project);
    }
    let python = python_part(session, project, old.as_ref(), upgrade, solving);
    let node = npm::lock::update(session, project, old.as_ref(), upgrade, early);
    let tools = cargo::tools::update(session, project, old.as_ref(), upgrade);
    // Nothing is written before all of it is solved.
    let crates = cargo::workspace::solve_for(session, project, upgrade);
    let (python, node, tools, crates) = futures::future::try_join4(python, node, tools, crates).await?;
    let crates = crates.map(|crates| crates.write(mode)).transpose()?;
    let old = match old {
        Some(lock) if python.is_none() && answers(&lock, project, &node, &tools, &system) => {
            return Ok(Updated {
                report: LockReport {
                    meant,
                    ..report(project, &lock, None, crates.as_ref(), started, Solved::No)
                },
                lock,
                crates,
                early: None,
            });
        }
        other => other,
    };
    let (npm, early) = match node {
        npm::lock::Part::Nothing => (None, None),
        npm::lock::Part::Kept => (old.as_ref().and_then(|old| old.npm.clone()), None),
        npm::lock::Part::Solved(lock, early) => (Some(*lock), early),
    };
    let tools = match tools {
        cargo::tools::Part::Nothing => None,
        cargo::tools::Part::Kept => old.as_ref().and_then(|old| old.cargo.clone()),
        cargo::tools::Part::Solved(lock) => Some(lock),
    };
    let system = match system {
        deb::lock::Part::Nothing => None,
        deb::lock::Part::Kept => old.as_ref().and_then(|old| old.deb.clone()),
        deb::lock::Part::Solved(lock) => Some(lock),
    };
    let kept = old.as_ref().filter(|_| project.uses_python());
    let mut lock = Lock {
        npm,
        cargo: tools,
        deb: system,
        ..python.or_else(|| kept.cloned()).unwrap_or_default()
    };
    if !project.uses_python() {
        lock.inputs = inputs_of_tools(project);
    }
    deb::lock::after(session, project, &mut lock).await?;
    let solved = match old {
        None if lock == Lock::default() => Solved::No,
        _ => Solved::Yes,
    };
    let mut report = report(project, &lock, old.as_ref(), crates.as_ref(), started, solved);
    report.meant = meant;
    let path = project.lock_path();
    // A project that needs nothing has a lock that says so; one of crates alone has another lock.
    if mode == Mode::Write && (old.is_some() || !cargo::workspace::is_alone(project)) {
        let text = lock.print();
        if std::fs::read_to_string(&path).ok().as_deref() != Some(&text) {
            write::file(&path, &text)?;
            report.written = true;
        }
    }
    Ok(Updated {
        lock,
        crates,
        report,
        early,
    })
}

/// What the tools of a project without Python were solved from, besides what each of them says itself.
fn inputs_of_tools(project: &Project) -> LockInputs {
    match &project.cargo_tools {
        Some(_) => LockInputs {
            cooldown: project.policy.cooldown,
            exclude_newer: project.policy.exclude_newer,
            ..LockInputs::default()
        },
        None => LockInputs::default(),
    }
}

/// Whether a lock stands as it is where nothing of Python was solved: it has a part for what the project uses, and no other.
fn answers(
    lock: &Lock,
    project: &Project,
    node: &npm::lock::Part,
    tools: &cargo::tools::Part,
    system: &deb::lock::Part,
) -> bool {
    let nothing = Lock::default();
    let python = |lock: &Lock| (lock.version, lock.targets.len(), lock.packages.len());
    let python = project.uses_python()
        || python(lock) == python(&nothing)
            && lock.inputs == inputs_of_tools(project)
            && lock.requires_python.is_none();
    let npm = match node {
        npm::lock::Part::Nothing => lock.npm.is_none(),
        npm::lock::Part::Kept => true,
        npm::lock::Part::Solved(..) => false,
    };
    let tools = match tools {
        cargo::tools::Part::Nothing => lock.cargo.is_none(),
        cargo::tools::Part::Kept => true,
        cargo::tools::Part::Solved(..) => false,
    };
    let system = match system {
        deb::lock::Part::Nothing => lock.deb.is_none(),
        deb::lock::Part::Kept => true,
        deb::lock::Part::Solved(_) => false,
    };
    python && npm && tools && system
}

/// The Python part, solved anew; `None` where the old lock answers the project, or there is nothing of Python in it.
async fn python_part(
    session: &Session,
    project: &Project,
    old: Option<&Lock>,
    upgrade: &Upgrade,
    solving: &Solving,
) -> Result<Option<Lock>, OpsError> {
    if !project.uses_python() {
        return Ok(None);
    }
    let answers = |lock: &&Lock| !upgrade.concerns(Ecosystem::Pypi) && lock.stale_python(project).is_none();
    let answering = old.filter(answers);
    if answering.is_none() {
        ask_ahead(session, project)?;
    }
    let runtime = runtime(session, project, old).await?;
    if let Some(lock) = answering
        && covers_host(project, lock, &runtime)
    {
        return Ok(None);
    }
    say_with_what(session, project, &runtime);
    let problem = problem(session, project, old, upgrade, solving, &runtime)?;
    // Without a permit: a search mostly waits for answers, and must not keep that of another tool from beginning.
    let index = session.index(project, &runtime)?;
    let source = Arc::new(IndexSource::new(index.clone()).with_hashes(direct_hashes(project)));
    let resolution = resolve::resolve(
        Arc::new(problem),
        source,
        Arc::clone(session.sinks()),
        session.cancel().flag(),
    );
    let resolution = session
        .cancel()
        .or(resolution)
        .await
        .ok_or(OpsError::Interrupted)??;
    check_hashes(project, &resolution)?;
    let digests = session
        .cancel()
        .or(to_lock::missing_digests(&index, &resolution))
        .await
        .ok_or(OpsError::Interrupted)??;
    Ok(Some(to_lock::locked(&resolution, project, &digests)))
}

/// Asks for the releases of what every solve needs, while the interpreter is looked for: one that is met for the first time is
/// run, which takes as long as an answer.
fn ask_ahead(session: &Session, project: &Project) -> Result<(), OpsError> {
    let needed = |root: &&RootRequirement| {
        root.source.is_none() && root.group == Group::Main && root.requirement.marker.is_true()
    };
    for root in project.roots.iter().filter(needed).take(ASKED_AHEAD) {
        let (index, name) = (session.index_ahead(project)?, root.name());
        // Whoever wants the same waits for this answer, and is told if there is none.
        tokio::spawn(async move { index.releases(&name).await.map(drop) });
    }
    Ok(())
}

/// The Python to solve for: one of the version that is locked where there is one, so that a lock made for one
/// Python is not solved for another only because that comes first on PATH. Among Debian packages it is known before it is there.
async fn runtime(session: &Session, project: &Project, old: Option<&Lock>) -> Result<Runtime, OpsError> {
    if let Some(foreseen) = deb::python::foreseen(session, project)? {
        return Ok(foreseen);
    }
    if deb::is_viewed(project) {
        deb::root::of_locked(session, project).await?;
    }
    match old.and_then(|lock| sync::find_python(session, project, lock).ok()) {
        Some((_, choice)) => Ok(choice.runtime),
        None => Runtime::of(&session.interpreter(project)?.0),
    }
}

/// What is to be upgraded, and what was asked for by another name than its own. A bare name comes as one of PyPI and one of npm: the one
/// that is locked or stated is meant; if neither is, PyPI's.
fn meant(
    upgrade: &Upgrade,
    project: &Project,
    known: Option<&[PackageName]>,
    graph: Option<&Graph>,
) -> (Upgrade, Vec<Meant>) {
    let (Some(known), Upgrade::Packages(wanted)) = (known, upgrade) else {
        return (upgrade.clone(), Vec::new());
    };
    let called = |name: &PackageName| match (graph, &project.npm) {
        (Some(graph), Some(npm)) if !known.contains(name) => npm::aliases::called_now(npm, graph, name),
        _ => Vec::new(),
    };
    let is_locked = |name: &PackageName| known.contains(name) || !called(name).is_empty();
    let is_better = |name: &PackageName, other: &PackageName| {
        other.ecosystem() != name.ecosystem()
            && other.as_str() == name.as_str()
            && (is_locked(other) || other.ecosystem() == Ecosystem::Pypi)
    };
    let stands = |name: &&PackageName| is_locked(name) || !wanted.iter().any(|other| is_better(name, other));
    let (mut names, mut meant) = (BTreeSet::new(), Vec::new());
    for name in wanted.iter().filter(stands) {
        let packages = called(name);
        if packages.is_empty() {
            names.insert(name.clone());
        }
        let others = packages.iter().filter(|package| *package != name);
        meant.extend(others.map(|package| Meant::new(name, package)));
        names.extend(packages);
    }
    (Upgrade::Packages(names), meant)
}

/// Every name that is locked; `None` where nothing is locked yet.
pub(crate) fn names_of(project: &Project, old: Option<&Lock>) -> Result<Option<Vec<PackageName>>, OpsError> {
    let crates = match &project.cargo {
        Some(cargo) => cargo::workspace::read(cargo)?,
        None => None,
    };
    if old.is_none() && crates.is_none() {
        return Ok(None);
    }
    let python = old
        .iter()
        .flat_map(|lock| &lock.packages)
        .map(|package| &package.name);
    let node = old
        .iter()
        .flat_map(|lock| &lock.npm)
        .flat_map(|npm| &npm.graph.packages);
    let tools = old
        .iter()
        .flat_map(|lock| &lock.cargo)
        .flat_map(|cargo| &cargo.tools);
    let system = old.into_iter().flat_map(deb_names);
    let crates = crates.iter().flat_map(|lock| &lock.packages);
    let crates = crates
        .chain(tools.flat_map(wharf_project::LockedTool::all))
        .map(|package| &package.name);
    let names = python
        .chain(node.map(|package| &package.name))
        .chain(crates)
        .chain(system);
    Ok(Some(names.cloned().collect()))
}

/// Every Debian package that is locked, once for each architecture.
pub(crate) fn deb_names(lock: &Lock) -> impl Iterator<Item = &PackageName> {
    let systems = lock.deb.iter().flat_map(|deb| &deb.systems);
    systems
        .flat_map(|system| &system.packages)
        .map(|package| &package.id.name)
}

/// A package that is to be upgraded and is not locked is a slip, and no reason to stop.
fn warn_of_strangers(session: &Session, project: &Project, known: Option<&[PackageName]>, upgrade: &Upgrade) {
    let (Some(known), Upgrade::Packages(wanted)) = (known, upgrade) else {
        return;
    };
    let locked = || known.iter();
    for name in wanted.iter().filter(|name| !locked().any(|known| known == *name)) {
        let near = names::nearest(name, locked());
        let error = match &project.npm {
            Some(npm) if name.ecosystem() == Ecosystem::Npm => not_locked(npm, name.clone(), near),
            _ => OpsError::NotLocked {
                name: name.clone(),
                near,
            },
        };
        let rest = match &error {
            OpsError::Ignored { near: None, why, .. } => left_out(*why).to_owned(),
            OpsError::Ignored { near: Some(near), .. } | OpsError::NotLocked { near: Some(near), .. } => {
                format!("; did you mean {}?", names::typed(near))
            }
            _ => String::new(),
        };
        let message = format!(
            "{} is to be upgraded, but is not in the lockfile{rest}",
            names::typed(name)
        );
        session.emit(Event::warning("lock/not-locked", message));
    }
}

/// What `-v` tells about a solve before it begins.
fn say_with_what(session: &Session, project: &Project, runtime: &Runtime) {
    session.emit(Event::detail(format!(
        "solving for Python {} ({})",
        runtime.version(),
        runtime.path().display()
    )));
    let settings = &project.indexes;
    let links = settings.find_links.iter().map(|links| match &links.location {
        wharf_project::FindLinksLocation::Url(url) => (url.to_string(), &links.origin),
        wharf_project::FindLinksLocation::Path(path) => (path.display().to_string(), &links.origin),
    });
    let indexes = settings
        .indexes
        .iter()
        .map(|index| (index.url.to_string(), &index.origin));
    for (place, origin) in links.chain(indexes) {
        session.emit(Event::detail(format!(
            "looking for packages at {place} ({origin})"
        )));
    }
}

/// Records that a lock answers a project whose requirements were only narrowed to what it holds.
///
/// # Errors
/// Where the file cannot be written.
pub(crate) fn restate(project: &Project, mut lock: Lock, report: &mut LockReport) -> Result<(), OpsError> {
    if cargo::workspace::is_alone(project) {
        return Ok(());
    }
    if project.uses_python() {
        lock.inputs = LockInputs::of(project);
    }
    if let (Some(deb), Some(inputs)) = (&mut lock.deb, DebInputs::of(project)) {
        Arc::make_mut(deb).inputs = inputs;
    }
    npm::edit::restate(project, &mut lock);
    cargo::edit::restate(project, &mut lock);
    lock.normalize();
    write::file(&project.lock_path(), &lock.print())?;
    report.written = true;
    Ok(())
}

/// Whether a lock that is made for the machine that locks has a target for this machine and its Python.
fn covers_host(project: &Project, lock: &Lock, runtime: &Runtime) -> bool {
    !project.targets.is_empty() || lock.target_for(&runtime.target()).is_ok()
}

/// Everything that the solve depends on.
fn problem(
    session: &Session,
    project: &Project,
    old: Option<&Lock>,
    upgrade: &Upgrade,
    solving: &Solving,
    runtime: &Runtime,
) -> Result<Problem, OpsError> {
    let asked = |roots: &[RootRequirement]| roots.iter().map(Asked::from).collect::<Vec<_>>();
    Ok(Problem {
        roots: asked(&project.roots),
        constraints: asked(&project.constraints),
        overrides: asked(&project.overrides),
        targets: targets(project, runtime),
        preferences: preferences(session, project, old)?,
        upgrade: upgrade.clone(),
        cutoff: cutoff(project),
        prereleases: project.prereleases,
        resolution: project.resolution,
        no_binary: project.formats.no_binary.clone(),
        only_binary: project.formats.only_binary.clone(),
        hashes: demanded(project),
        time_limit: solving.time_limit,
    })
}

/// The hashes that the project demands, by package: a file must have one of those of every place that lists any.
fn demanded(project: &Project) -> BTreeMap<PackageName, Demanded> {
    let mut demanded: BTreeMap<PackageName, Demanded> = BTreeMap::new();
    for root in project.roots.iter().chain(&project.constraints) {
        if root.hashes.is_empty() || root.source.is_some() {
            continue;
        }
        let known = demanded.entry(root.name()).or_insert_with(|| Demanded {
            digests: root.hashes.clone(),
            origin: root.origin.clone(),
        });
        known.digests.retain(|digest| root.hashes.contains(digest));
    }
    demanded
}

/// The hashes that direct references carry.
fn direct_hashes(project: &Project) -> BTreeMap<PackageName, Vec<Digest>> {
    let direct = project
        .roots
        .iter()
        .filter(|root| root.source.is_some() && !root.hashes.is_empty());
    direct.map(|root| (root.name(), root.hashes.clone())).collect()
}

/// With hashes demanded, a package without any is an error, wherever it comes from: else it would be the hole in the fence.
fn check_hashes(project: &Project, resolution: &Resolution) -> Result<(), OpsError> {
    if !project.require_hashes {
        return Ok(());
    }
    let demanded = demanded(project);
    let indexed = resolution
        .packages
        .iter()
        .filter(|package| package.source.is_indexed());
    match indexed
        .into_iter()
        .find(|package| !demanded.contains_key(&package.name))
    {
        Some(package) => Err(OpsError::NoHash {
            name: package.name.clone(),
            version: package.version.to_string(),
        }),
        None => Ok(()),
    }
}

/// The manifest's targets, or this machine; those without a Python version get the runtime's.
fn targets(project: &Project, runtime: &Runtime) -> Vec<TargetEnvironment> {
    let own = [runtime.target()];
    let wanted = match project.targets.is_empty() {
        true => &own,
        false => project.targets.as_slice(),
    };
    wanted.iter().map(|target| runtime.environment(*target)).collect()
}

/// The versions to keep: the old lock's, or on the first lock those of another tool's.
fn preferences(
    session: &Session,
    project: &Project,
    old: Option<&Lock>,
) -> Result<BTreeMap<PackageName, Vec<Version>>, OpsError> {
    let mut preferences: BTreeMap<PackageName, Vec<Version>> = BTreeMap::new();
    if let Some(lock) = old {
        for package in &lock.packages {
            preferences
                .entry(package.name.clone())
                .or_default()
                .extend(package.version.parse());
        }
        return Ok(preferences);
    }
    let found = wharf_project::preferences(project);
    for warning in found.warnings {
        session.emit(Event::warning(warning.code, warning.message));
    }
    for file in &found.files {
        session.emit(Event::detail(format!(
            "the first lock prefers the versions of {}",
            file.display()
        )));
    }
    Ok(found.versions)
}

/// The instant after which files do not exist, with the rule that says so.
pub(crate) fn cutoff(project: &Project) -> Option<Cutoff> {
    let policy = &project.policy;
    let span = (policy.cooldown != wharf_core::Span::ZERO).then(|| {
        let cooldown = policy.cooldown.to_string();
        let place = stated_at(project, "cooldown", &[&cooldown]);
        Cutoff {
            at: policy.cooldown.before(Timestamp::now()),
            rule: format!("the cooldown of {cooldown}{}", in_brackets(place.as_deref())),
            remedy: format!(
                "{}, or pass `--exclude-newer 0d` once",
                match place {
                    Some(place) => format!("shorten it at {place}"),
                    None => String::from("shorten it"),
                }
            ),
        }
    });
    let instant = policy.exclude_newer.map(|at| {
        // A date means the end of that day.
        let before = Timestamp::from_second(at.as_second() - 1).unwrap_or(at);
        let days = [at, before].map(|at| at.to_string().chars().take(10).collect::<String>());
        let place = stated_at(project, "exclude-newer", &[&days[0], &days[1]]);
        Cutoff {
            at,
            rule: format!("exclude-newer {at}{}", in_brackets(place.as_deref())),
            remedy: match place {
                Some(place) => format!("change it at {place}, or pass `--exclude-newer` with a later date"),
                None => String::from("pass `--exclude-newer` with a later date"),
            },
        }
    });
    match (span, instant) {
        (Some(span), Some(instant)) => Some(if span.at < instant.at { span } else { instant }),
        (one, other) => one.or(other),
    }
}

fn in_brackets(place: Option<&str>) -> String {
    place.map(|place| format!(" ({place})")).unwrap_or_default()
}

/// The line of the manifest that gives a policy one of these values; nothing where the command line does.
fn stated_at(project: &Project, key: &str, values: &[&str]) -> Option<String> {
    let manifest = &project.manifest_path;
    let text = std::fs::read_to_string(manifest).ok()?;
    let states = |line: &str| {
        line.trim_start().strip_prefix(key).is_some_and(|rest| {
            rest.trim_start().starts_with('=') && values.iter().any(|value| rest.contains(value))
        })
    };
    let line = text.lines().position(states)? + 1;
    Some(format!("{}:{line}", project.shown_path(manifest)))
}

fn report(
    project: &Project,
    lock: &Lock,
    old: Option<&Lock>,
    crates: Option<&cargo::workspace::Locked>,
    started: Instant,
    solved: Solved,
) -> LockReport {
    let tools = lock.cargo.iter().flat_map(|cargo| &cargo.tools);
    let tools: usize = tools.map(|tool| tool.all().count()).sum();
    let node = lock.npm.as_ref().map_or(0, |npm| npm::distinct(&npm.graph));
    let system: BTreeSet<_> = deb_names(lock).collect();
    let mut moved = if solved == Solved::Yes {
        changes(old, lock)
    } else {
        Vec::new()
    };
    moved.extend(crates.iter().flat_map(|crates| crates.changes()));
    LockReport {
        path: match crates {
            Some(crates) if cargo::workspace::is_alone(project) => crates.path.clone(),
            _ => project.lock_path(),
        },
        cargo_lock: crates.map(|crates| crates.path.clone()),
        packages: lock.packages.len()
            + node
            + tools
            + system.len()
            + crates.map_or(0, cargo::workspace::Locked::packages),
        targets: lock
            .targets
            .iter()
            .map(|locked| locked.target.to_string())
            .collect(),
        meant: Vec::new(),
        changes: moved,
        written: crates.is_some_and(|crates| crates.written),
        solved: solved == Solved::Yes || crates.is_some_and(|crates| crates.changed),
        seconds: started.elapsed().as_secs_f64(),
    }
}

/// What moved between two locks, by name. A name with several versions counts as its list of versions.
fn changes(old: Option<&Lock>, new: &Lock) -> Vec<Change> {
    let versions = |lock: Option<&Lock>| {
        let mut by_name: BTreeMap<PackageName, Vec<String>> = BTreeMap::new();
        let mut note = |name: &PackageName, version: &String| {
            let versions = by_name.entry(name.clone()).or_default();
            if !versions.contains(version) {
                versions.push(version.clone());
            }
        };
        for package in lock.iter().flat_map(|lock| &lock.packages) {
            note(&package.name, &package.version);
        }
        let node = lock.and_then(|lock| lock.npm.as_ref());
        for package in node.iter().flat_map(|npm| &npm.graph.packages) {
            note(&package.name, &package.version);
        }
        let tools = lock.and_then(|lock| lock.cargo.as_ref());
        let systems = lock
            .and_then(|lock| lock.deb.as_ref())
            .into_iter()
            .flat_map(|deb| &deb.systems);
        for package in systems.flat_map(|system| &system.packages) {
            note(&package.id.name, &package.version);
        }
        // What a tool is built from is its own business.
        for tool in tools.iter().flat_map(|cargo| &cargo.tools) {
            note(&tool.root.name, &tool.root.version.to_string());
        }
        by_name
            .into_iter()
            .map(|(name, versions)| (name, versions.join(", ")))
            .collect::<BTreeMap<_, _>>()
    };
    moved(&versions(old), &versions(Some(new)))
}

/// What differs between the versions of each package before and after.
pub(crate) fn moved(
    before: &BTreeMap<PackageName, String>,
    after: &BTreeMap<PackageName, String>,
) -> Vec<Change> {
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    names
        .into_iter()
        .filter(|name| before.get(name) != after.get(name))
        .map(|name| Change {
            package: names::short(name),
            from: before.get(name).cloned(),
            to: after.get(name).cloned(),
        })
        .collect()
}
