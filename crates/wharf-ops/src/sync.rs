//! `wharf sync`: the environment becomes what the lockfile says.
//! Steps: lock if stale, choose the interpreter, fetch what the store lacks, plan, apply.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use wharf_core::{Event, Source};
use wharf_ecosystem::cargo::CargoLock;
use wharf_install::python::{Considered, Interpreter, Request, Search, Surroundings, Verdict};
use wharf_install::{
    Compile, Durability, Environment, Fingerprint, Foreign, Freshness as Known, Plan, PythonWanted, RootKind,
    SystemSite, Wanted,
};
use wharf_project::{Lock, LockedTarget, Project};
use wharf_store::LinkMode;

use crate::cargo;
use crate::deb;
use crate::error::OpsError;
use crate::fetch::{self, Fetched};
use crate::lock::{self, Mode, Updating};
use crate::names;
use crate::npm::{self, Early};
use crate::report::{Change, LockReport, PythonReport, SyncReport};
use crate::request::{Effect, Files, Freshness, Installing, Link, Selecting, Solving, Upgrade};
use crate::run;
use crate::runtime::Runtime;
use crate::select;
use crate::session::Session;
use crate::settle::Flush;

/// How many files of local packages the nothing-to-do check looks at: more would cost what it saves.
pub(crate) const MOST_WATCHED: usize = 4096;

/// What a sync is asked.
#[derive(Clone, Debug, Default)]
pub struct SyncRequest {
    /// What a stale lockfile means.
    pub freshness: Freshness,
    /// Whether anything changes.
    pub effect: Effect,
    /// Which locked versions may move.
    pub upgrade: Upgrade,
    /// Which part of the lock is installed.
    pub selecting: Selecting,
    /// How the environment is made.
    pub installing: Installing,
    /// How a solve is steered, if there is one.
    pub solving: Solving,
    /// Requirements files in place of a manifest.
    pub files: Files,
}

impl SyncRequest {
    /// Everything but files that decides what the environment holds, as text.
    fn key(&self, session: &Session, freshness: Freshness) -> String {
        let Self {
            selecting,
            installing,
            solving,
            files,
            ..
        } = self;
        let python = &session.settings().python;
        let frozen = freshness == Freshness::Frozen;
        let variables = wharf_project::npm_installing_variables(&session.settings().environment);
        format!(
            "{} {frozen} {python:?} {selecting:?} {installing:?} {solving:?} {files:?} {variables:?}",
            env!("CARGO_PKG_VERSION")
        )
    }
}

/// The report of a sync that has nothing to do; `None` where that is not certain. Starts nothing, reads one file.
pub fn nothing_to_do(session: &Session, request: &SyncRequest) -> Option<SyncReport> {
    let started = Instant::now();
    if request.upgrade != Upgrade::None {
        return None;
    }
    let environment = Environment::locate(project_root(&session.settings().directory)?);
    let mut keys = vec![request.key(session, Freshness::Update)];
    if request.freshness == Freshness::Frozen {
        keys.push(request.key(session, Freshness::Frozen));
    }
    let generation = keys.iter().find_map(|key| match environment.is_current(key) {
        Known::Current(generation) => Some(generation),
        Known::Stale(reason) => {
            tracing::debug!(reason, "the environment may be stale");
            None
        }
    })?;
    Some(SyncReport {
        environment: environment.root().to_owned(),
        generation,
        up_to_date: true,
        overtaken: false,
        dry_run: request.effect == Effect::DryRun,
        packages: 0,
        changes: Vec::new(),
        lock: None,
        python: None,
        node: None,
        tools: Vec::new(),
        downloaded: 0,
        fetched: 0,
        seconds: started.elapsed().as_secs_f64(),
    })
}

/// What the last sync was asked about the environment. Commands that sync on the way (`run`, `add`, `remove`) keep to it: an
/// extra that was installed yesterday does not vanish because today's command did not name it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// Which part of the lock.
    pub selecting: Selecting,
    /// How it was made.
    pub installing: Installing,
    /// The folders of the workspaces' members: a `package.json` or `Cargo.toml` in one of them is no project of its own.
    #[serde(default)]
    pub members: Vec<PathBuf>,
}

/// What the last sync of the session's project was asked; the defaults where there was none, or it was of another form.
pub fn remembered(session: &Session) -> Remembered {
    project_root(&session.settings().directory)
        .map(remembered_at)
        .unwrap_or_default()
}

fn remembered_at(root: &Path) -> Remembered {
    let file = Environment::locate(root).state_directory().join(REMEMBERED);
    let text = std::fs::read(file).ok();
    text.and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default()
}

const REMEMBERED: &str = "asked.json";

/// Losing this costs a flag, so a failure to write it is not worth an error.
fn remember(environment: &Environment, request: &SyncRequest, project: &Project) {
    let importers = project.npm.iter().flat_map(|npm| &npm.importers);
    let crates = project.cargo.iter().flat_map(|cargo| &cargo.members);
    let asked = Remembered {
        selecting: request.selecting.clone(),
        // Replacing a stranger's environment was meant for that one time.
        installing: Installing {
            replace_foreign: false,
            ..request.installing
        },
        members: importers
            .map(|importer| importer.folder.clone())
            .chain(crates.map(|member| member.folder.clone()))
            .collect(),
    };
    let text = serde_json::to_vec(&asked).unwrap_or_default();
    if let Err(error) = std::fs::write(environment.state_directory().join(REMEMBERED), text) {
        tracing::debug!(%error, "what the sync was asked is not remembered");
    }
}

/// The nearest folder above that has an environment's records, unless a manifest lies nearer. The `package.json` or `Cargo.toml`
/// of a member of a workspace is not nearer: it belongs to the folder with the records.
pub(crate) fn project_root(directory: &Path) -> Option<&Path> {
    let mut passed: Vec<&Path> = Vec::new();
    for folder in directory.ancestors() {
        if folder.join(".wharf").is_dir() {
            if passed.is_empty() {
                return Some(folder);
            }
            let members = remembered_at(folder).members;
            let belong = passed
                .iter()
                .all(|passed| members.iter().any(|member| member == passed));
            return belong.then_some(folder);
        }
        let manifests = ["wharf.toml", "pyproject.toml", "requirements.txt"];
        if manifests.iter().any(|name| folder.join(name).exists()) {
            return None;
        }
        if ["package.json", "Cargo.toml"]
            .iter()
            .any(|name| folder.join(name).exists())
        {
            passed.push(folder);
        }
    }
    None
}

/// Makes the environment equal to the lockfile.
///
/// # Errors
/// Whatever fails, the environment stays as it was.
pub async fn sync(session: &Session, request: &SyncRequest) -> Result<SyncReport, OpsError> {
    let project = session.project_to_solve(&request.files, &request.solving)?;
    sync_project(session, request, &project).await
}

/// The same for a project that was read already.
pub(crate) async fn sync_project(
    session: &Session,
    request: &SyncRequest,
    project: &Project,
) -> Result<SyncReport, OpsError> {
    let started = Instant::now();
    let project = &*steered(project, request.installing);
    let environment = Environment::open(&project.root)?;
    let before = environment.number();
    let mut kinds = Vec::new();
    kinds.extend(project.uses_python().then_some(RootKind::Python));
    kinds.extend(project.uses_npm().then_some(RootKind::Node));
    environment.permit_kinds(&kinds, foreign(request.installing))?;
    let Ready {
        lock,
        crates,
        report: lock_report,
        early,
    } = locked(session, request, project).await?;
    // After a first sync there may be nothing to do; without a store, nothing can be done.
    if request.effect == Effect::Apply && before.is_none() {
        session.store()?;
        environment.expect_commit();
    }
    if let Some(locked) = &lock.deb {
        session.debian().keep_lock(locked);
    }
    let system = system_and_python(session, project, &lock, request);
    let node = npm::sync::prepare(session, project, &environment, &lock, request, early);
    let crates = cargo::sync::prepare(
        session,
        project,
        &environment,
        &lock,
        crates.as_ref(),
        request.effect,
    );
    let ((system, python), node, crates) = futures::future::try_join3(system, node, crates).await?;
    let missing = python.as_ref().map_or(0, |part| part.missing)
        + node.as_ref().map_or(0, |part| part.missing)
        + crates.missing
        + system.as_ref().map_or(0, |system| system.missing);
    let interpreter = python.as_ref().map(|part| part.interpreter.clone());
    let python_report = python.as_ref().map(|part| part.choice.report());
    let node_report = node.as_ref().map(npm::sync::Part::report);
    let mut inputs = inputs(project, &lock, interpreter.as_ref());
    if let Some(part) = &node {
        inputs = inputs
            .zip(part.inputs.clone())
            .map(|(python, node)| [python, node].concat());
    }
    if let Some(inputs) = &mut inputs {
        inputs.extend(crates.inputs.iter().cloned());
    }
    let mut wanted = wanted(&lock, request.installing, python, node, crates, project);
    wanted.system = system.as_ref().map(|system| system.wanted());
    let count = |wanted: &Wanted| {
        let python = wanted.python.as_ref().map_or(0, |part| part.packages.len());
        let crates = wanted.crates.as_ref().map_or(0, |part| part.packages.len());
        let tools = wanted.commands.as_ref().map_or(0, |part| part.tools.len());
        let system = wanted.system.as_ref().map_or(0, |part| part.packages().len());
        // As the lock counts: one package among several peers is one.
        let node = wanted.node.iter().flat_map(|part| &part.packages);
        let node: BTreeSet<_> = node.map(|one| (&one.name, &one.version)).collect();
        system + python + node.len() + crates + tools
    };
    let packages = count(&wanted);
    let standing = environment.current()?.and_then(|generation| generation.commands);
    let plan = environment.plan(&wanted)?;
    environment.permit(&plan, &wanted)?;
    let mut report = SyncReport {
        environment: environment.root().to_owned(),
        generation: plan.base.unwrap_or(0),
        up_to_date: plan.is_empty() && missing == 0,
        overtaken: false,
        dry_run: request.effect == Effect::DryRun,
        packages,
        changes: changes(&plan),
        lock: lock_report,
        python: python_report,
        node: node_report,
        tools: cargo::prebuilt::reports(session.store()?, wanted.commands.as_ref(), standing.as_ref()),
        downloaded: session.downloaded(),
        fetched: missing,
        seconds: 0.0,
    };
    if request.effect == Effect::Apply {
        let applied = apply(session, environment.clone(), plan, wanted).await?;
        if let Some(npm) = &project.npm {
            npm::folders::make_commands_runnable(npm);
        }
        report.generation = applied.generation;
        report.up_to_date = !applied.changed;
        report.overtaken = !applied.changed && environment.number() != before;
        if applied.changed && deb::is_viewed(project) {
            follow(session, &environment).await;
        }
        report.changes = changes(&applied.plan);
        // Where there is too much to watch, the next sync looks again.
        if let Some(inputs) = inputs {
            let key = request.key(session, request.freshness);
            environment.note_current(&Fingerprint { key, inputs })?;
        }
        remember(&environment, request, project);
    }
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

/// Has the project's own `/etc` and `/var` follow the packages, and says what stays otherwise than these have it. Where that fails, the
/// first command that runs in them tries again.
async fn follow(session: &Session, environment: &Environment) {
    let Some(view) = run::view(environment) else {
        return;
    };
    let root = view.root().to_owned();
    match wharf_sys::run_blocking(move || view.follow()).await {
        Ok(followed) => {
            for path in followed.kept {
                let theirs = root.join(path.strip_prefix("/").unwrap_or(&path));
                let message = format!(
                    "{} was changed in this project, and the packages have it otherwise now: it stays as it is; theirs is {}",
                    path.display(),
                    theirs.display()
                );
                session.emit(Event::warning("deb/kept", message));
            }
        }
        Err(error) => session.emit(Event::detail(error.to_string())),
    }
}

/// The project with what the command line says in place of its policy.
fn steered(project: &Project, installing: Installing) -> Cow<'_, Project> {
    match installing.prebuilt {
        Some(prebuilt) if prebuilt != project.policy.prebuilt => {
            let mut project = project.clone();
            project.policy.prebuilt = prebuilt;
            Cow::Owned(project)
        }
        _ => Cow::Borrowed(project),
    }
}

/// The Python part of what an environment shall be.
struct PythonPart<'l> {
    interpreter: Interpreter,
    choice: Choice<'l>,
    packages: Vec<wharf_install::Package>,
    missing: usize,
}

/// The Debian part, and the Python part, whose interpreter may be one of the Debian packages: that its packages are fetched does
/// not wait for it where it is known beforehand.
async fn system_and_python<'l>(
    session: &Session,
    project: &Project,
    lock: &'l Lock,
    request: &SyncRequest,
) -> Result<(Option<Arc<deb::root::Root>>, Option<PythonPart<'l>>), OpsError> {
    let system = deb::root::of_project(session, project, lock, &request.selecting);
    if !project.uses_python() {
        return Ok((system.await?, None));
    }
    let ahead = async {
        let Some(choice) = foreseen_python(session, project, lock)? else {
            return Ok(None);
        };
        let fetched = packages(session, project, lock, request, &choice).await?;
        Ok(Some((choice.runtime, fetched)))
    };
    let (system, ahead) = futures::future::try_join(system, ahead).await?;
    let (interpreter, choice) = find_python(session, project, lock)?;
    let fetched = match ahead {
        Some((runtime, fetched)) if runtime == choice.runtime => fetched,
        _ => packages(session, project, lock, request, &choice).await?,
    };
    let part = PythonPart {
        interpreter,
        choice,
        packages: fetched.packages,
        missing: fetched.missing,
    };
    Ok((system, Some(part)))
}

/// The Python packages of an environment, in the store.
async fn packages(
    session: &Session,
    project: &Project,
    lock: &Lock,
    request: &SyncRequest,
    choice: &Choice<'_>,
) -> Result<Fetched, OpsError> {
    let items = lock.install_set(
        &choice.target.target,
        &select::selection(&request.selecting, project),
        choice.runtime.markers(),
    )?;
    fetch::all(session, project, &choice.runtime, &items).await
}

/// The locks that are to be installed.
struct Ready {
    lock: Lock,
    /// The `Cargo.lock` of a workspace.
    crates: Option<CargoLock>,
    report: Option<LockReport>,
    /// What is being fetched already.
    early: Option<Early>,
}

/// The locks that are to be installed, brought up to date where that is allowed.
async fn locked(session: &Session, request: &SyncRequest, project: &Project) -> Result<Ready, OpsError> {
    match request.freshness {
        Freshness::Frozen => Ok(Ready {
            lock: lock::standing(project)?,
            crates: cargo::workspace::standing(project)?,
            report: None,
            early: None,
        }),
        Freshness::Locked => {
            let lock = lock::answering(project, lock::read(project)?)?;
            let crates = cargo::workspace::update(session, project, &Upgrade::None, Mode::Check).await?;
            Ok(Ready {
                lock,
                crates: crates.map(|crates| crates.lock),
                report: None,
                early: None,
            })
        }
        Freshness::Update => {
            let applies = request.effect == Effect::Apply;
            let npm = project.npm.as_ref().filter(|_| project.uses_npm() && applies);
            let early = npm.map(|npm| npm::sync::early(session, npm)).transpose()?;
            let updating = Updating {
                upgrade: &request.upgrade,
                solving: &request.solving,
                mode: if applies { Mode::Write } else { Mode::DryRun },
                installing: applies,
                early,
            };
            let updated = lock::update(session, project, lock::read(project)?, updating).await?;
            Ok(Ready {
                lock: updated.lock,
                crates: updated.crates.map(|crates| crates.lock),
                report: Some(updated.report),
                early: updated.early,
            })
        }
    }
}

/// The Python of an environment and the locked target that it stands for.
pub(crate) struct Choice<'l> {
    pub(crate) runtime: Runtime,
    pub(crate) considered: Vec<Considered>,
    pub(crate) target: &'l LockedTarget,
}

impl Choice<'_> {
    fn report(&self) -> PythonReport {
        let chosen = self
            .considered
            .iter()
            .rev()
            .find(|considered| considered.verdict == Verdict::Chosen);
        PythonReport {
            path: self.runtime.path().to_owned(),
            version: self.runtime.version().to_owned(),
            reason: chosen.map_or_else(String::new, crate::python::words),
        }
    }
}

/// The Python that a lock is for, whether it is there or not.
///
/// # Errors
/// Where none fits.
pub(crate) fn choose_python<'l>(
    session: &Session,
    project: &Project,
    lock: &'l Lock,
) -> Result<Choice<'l>, OpsError> {
    if let Some(locked) = &lock.deb {
        session.debian().keep_lock(locked);
    }
    match foreseen_python(session, project, lock)? {
        Some(choice) => Ok(choice),
        None => Ok(find_python(session, project, lock)?.1),
    }
}

/// The Python that is among the project's Debian packages, as far as it is known before it is there.
fn foreseen_python<'l>(
    session: &Session,
    project: &Project,
    lock: &'l Lock,
) -> Result<Option<Choice<'l>>, OpsError> {
    let Some(runtime) = deb::python::foreseen(session, project)? else {
        return Ok(None);
    };
    let target = lock.target_for(&runtime.target()).ok();
    Ok(target.map(|target| Choice {
        runtime,
        considered: Vec::new(),
        target,
    }))
}

/// Takes the project's interpreter where the lock has a target for it, else one of a Python version that is locked.
///
/// # Errors
/// Where none fits.
pub(crate) fn find_python<'l>(
    session: &Session,
    project: &Project,
    lock: &'l Lock,
) -> Result<(Interpreter, Choice<'l>), OpsError> {
    let (interpreter, considered) = session.interpreter(project)?;
    let runtime = Runtime::of(&interpreter)?;
    let host = runtime.target();
    let missing = match lock.target_for(&host) {
        Ok(target) => {
            let choice = Choice {
                runtime,
                considered,
                target,
            };
            return Ok((interpreter, choice));
        }
        Err(missing) => missing,
    };
    if session.settings().python.is_some() || names_python(&project.root) {
        return Err(missing.into());
    }
    for target in lock
        .targets
        .iter()
        .filter(|locked| locked.target.without_python().includes(&host))
    {
        let Some(minor) = target.target.python else {
            continue;
        };
        let request = Request::Version {
            release: vec![minor.major.into(), minor.minor.into()],
            free_threaded: false,
        };
        let search = Search::new(Surroundings::from_env())
            .requires(project.requires_python.as_ref())
            .request(Some(request))
            .cache(Some(&session.settings().cache));
        if let Ok(found) = search.find() {
            let choice = Choice {
                runtime: Runtime::of(&found.interpreter)?,
                considered: found.considered,
                target,
            };
            return Ok((found.interpreter, choice));
        }
    }
    Err(missing.into())
}

/// Whether a `.python-version` file says which Python is meant, so that no other will do.
pub(crate) fn names_python(root: &Path) -> bool {
    root.ancestors()
        .any(|folder| folder.join(".python-version").is_file())
}

fn wanted(
    lock: &Lock,
    installing: Installing,
    python: Option<PythonPart<'_>>,
    node: Option<npm::sync::Part>,
    crates: cargo::sync::Part,
    project: &Project,
) -> Wanted {
    let mut wanted = Wanted::new(&format!("wharf.lock format {}", lock.version));
    if let Some(part) = python {
        wanted = wanted.with_python(PythonWanted {
            python: part.interpreter,
            packages: part.packages,
            prompt: prompt(project),
            compile: if installing.compile {
                Compile::Yes
            } else {
                Compile::No
            },
            system_site: SystemSite::Hidden,
        });
    }
    if let Some(part) = node {
        wanted = wanted.with_node(part.wanted);
    }
    wanted.crates = crates.crates;
    wanted.commands = crates.commands;
    wanted.files = crates.files;
    wanted.link = link_mode(installing);
    wanted.foreign = foreign(installing);
    wanted
}

/// How files come out of the store.
pub(crate) fn link_mode(installing: Installing) -> LinkMode {
    match installing.link {
        Link::Auto => LinkMode::Auto,
        Link::Reflink => LinkMode::Reflink,
        Link::Hardlink => LinkMode::Hardlink,
        Link::Copy => LinkMode::Copy,
    }
}

fn foreign(installing: Installing) -> Foreign {
    match installing.replace_foreign {
        true => Foreign::Replace,
        false => Foreign::Refuse,
    }
}

/// What shells show: the project's name, else its folder's.
fn prompt(project: &Project) -> String {
    let folder = project.root.file_name();
    let folder = folder.map(|name| name.to_string_lossy().into_owned());
    project
        .name
        .clone()
        .or(folder)
        .unwrap_or_else(|| "wharf".to_owned())
}

async fn apply(
    session: &Session,
    environment: Environment,
    plan: Plan,
    wanted: Wanted,
) -> Result<wharf_install::environment::Applied, OpsError> {
    let store = Arc::clone(session.store()?);
    let governor = Arc::clone(session.governor());
    let sinks = Arc::clone(session.sinks());
    let cancel = session.cancel().flag();
    let project = environment.project().to_owned();
    let mut wanted = wanted;
    wanted.durability = match session.settings().flush {
        Flush::Before => Durability::Power,
        Flush::After => Durability::Behind,
    };
    let work = move || environment.apply(&plan, &wanted, &store, &governor, &sinks, &cancel);
    // Awaited to its end even after an interrupt: it looks at the flag itself and takes back what it staged.
    let applied = wharf_sys::run_blocking(work).await?;
    if applied.changed && session.settings().flush == Flush::After {
        session.unsettled().note(&project);
    }
    Ok(applied)
}

fn changes(plan: &Plan) -> Vec<Change> {
    let all = plan.add.iter().chain(&plan.change).chain(&plan.remove);
    let mut changes: Vec<Change> = all
        .map(|change| Change {
            package: names::short(&change.name),
            from: change.from.clone(),
            to: change.to.clone(),
        })
        .collect();
    changes.sort_by(|a, b| a.package.cmp(&b.package));
    changes
}

/// Every file whose change means that a sync may have something to do; `None` where there are too many.
fn inputs(project: &Project, lock: &Lock, interpreter: Option<&Interpreter>) -> Option<Vec<PathBuf>> {
    let mut inputs = project.inputs.clone();
    inputs.push(project.lock_path());
    inputs.extend(project.cargo.as_ref().map(wharf_project::CargoProject::lock_path));
    inputs.extend(interpreter.map(|interpreter| interpreter.path.clone()));
    for package in &lock.packages {
        match &package.source {
            Source::Directory { path, editable } => {
                let folder = project.root.join(path);
                if !editable {
                    inputs.extend(wharf_index::watched(&folder, MOST_WATCHED)?);
                }
                inputs.extend(["pyproject.toml", "setup.py", "setup.cfg"].map(|name| folder.join(name)));
            }
            Source::File { path } => inputs.push(project.root.join(path)),
            Source::Registry { .. } | Source::FindLinks { .. } | Source::Url { .. } | Source::Git { .. } => {}
        }
    }
    inputs.sort();
    inputs.dedup();
    Some(inputs)
}
