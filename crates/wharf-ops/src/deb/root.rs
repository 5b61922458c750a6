//! System roots: locked packages fetched, and put together to what programs have as their `/usr`, `/etc` and `/var`.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;

use futures::stream::{StreamExt, TryStreamExt};
use wharf_core::{Event, PackageName};
use wharf_index::deb::Wanted;
use wharf_install::system::{self, Job, Report, Runner, Workplace};
use wharf_install::{Environment, InstalledDeb, SystemWanted};
use wharf_project::lock::deb::{DebLock, LockedDeb, LockedDebRoot};
use wharf_project::{Lock, Project};
use wharf_store::{DebPackage, Extent};
use wharf_sys::sandbox::{Construction, Instead, Strength, support, told};

use super::approvals;
use super::error::DebError;
use super::external;
use super::lock;
use super::repositories;
use crate::error::OpsError;
use crate::request::Selecting;
use crate::session::Session;

/// How many archives are fetched at once.
const AT_ONCE: usize = 32;

/// A system root that stands in the store.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) path: PathBuf,
    pub(crate) packages: Vec<InstalledDeb>,
    /// How many packages were not in the store before.
    pub(crate) missing: usize,
}

impl Root {
    /// For the environment that gets it.
    pub(crate) fn wanted(&self) -> SystemWanted {
        SystemWanted::new(&self.path, self.packages.clone())
    }
}

/// The root of a project's environment; `None` where the project has no Debian packages.
///
/// # Errors
/// A package cannot be had, or the packages cannot be put together.
pub(crate) async fn of_project(
    session: &Session,
    project: &Project,
    lock: &Lock,
    selecting: &Selecting,
) -> Result<Option<Arc<Root>>, OpsError> {
    let (Some(_), Some(locked)) = (&project.deb, &lock.deb) else {
        return Ok(None);
    };
    let packages = selected(locked, |root| {
        super::describe::selects(selecting, root) && external::is_for_running(&root.cause)
    })?;
    let (root, report) = make(session, project, locked, &packages).await?;
    let root = Arc::new(root);
    // Once: neither where it stands already, nor a second time in one command.
    let is_known = |known: &Path| known == root.path;
    let standing = Environment::locate(&project.root).system();
    let told = session.debian().root().is_some_and(|told| is_known(&told.path));
    if !told && !standing.is_some_and(|standing| is_known(&standing)) {
        tell(session, &report);
        approvals::report_skipped(session, &report);
    }
    session.debian().keep_lock(locked.clone());
    session.debian().keep_root(&root);
    Ok(Some(root))
}

/// The root of what is locked so far, where a program of it is needed before the lock is whole.
///
/// # Errors
/// As [`of_project`], and where nothing is locked.
pub(crate) async fn of_locked(session: &Session, project: &Project) -> Result<Arc<Root>, OpsError> {
    if let Some(root) = session.debian().root() {
        return Ok(root);
    }
    let lock = Lock {
        deb: session.debian().lock().as_deref().cloned(),
        ..Lock::default()
    };
    let made = of_project(session, project, &lock, &Selecting::default()).await?;
    Ok(made.ok_or(DebError::NotInstalled)?)
}

/// The root that a package of another ecosystem, whose source is in `tree`, is built in: everything that is locked, and what its build
/// needs besides.
///
/// # Errors
/// As [`of_project`], and where nothing answers what the build needs.
pub(crate) async fn of_build(
    session: &Session,
    project: &Project,
    name: &PackageName,
    tree: &Path,
) -> Result<PathBuf, OpsError> {
    let locked = lock::for_build(session, project, name, tree).await?;
    let packages = selected(&locked, |_| true)?;
    Ok(make(session, project, &locked, &packages).await?.0.path)
}

/// The root that install scripts of the project's npm packages run in, with its suite: everything that is locked. `None` where the
/// project has no Debian packages.
///
/// # Errors
/// As [`of_project`].
pub(crate) async fn of_builds(
    session: &Session,
    project: &Project,
) -> Result<Option<(PathBuf, String)>, OpsError> {
    let Some(locked) = session.debian().lock().filter(|_| super::is_viewed(project)) else {
        return Ok(None);
    };
    let packages = selected(&locked, |_| true)?;
    let (root, _) = make(session, project, &locked, &packages).await?;
    Ok(Some((root.path, locked.suite.clone())))
}

/// The packages of this machine that the wanted roots bring along.
fn selected(locked: &DebLock, wants: impl Fn(&LockedDebRoot) -> bool) -> Result<Vec<&LockedDeb>, OpsError> {
    let architecture = super::architecture()?;
    let system = locked
        .system(architecture.as_str())
        .ok_or_else(|| DebError::NoSystem {
            architecture: architecture.to_string(),
        })?;
    Ok(system.selected(wants))
}

async fn make(
    session: &Session,
    project: &Project,
    locked: &DebLock,
    packages: &[&LockedDeb],
) -> Result<(Root, Report), OpsError> {
    // Two that want one at the same time mostly want the same.
    let _alone = session.debian().one_root_at_a_time().await;
    let store = Arc::clone(session.store()?);
    let Unpacked {
        packages: unpacked,
        missing,
    } = unpacked(session, project, locked, packages).await?;
    let online = wharf_sys::run_blocking(support).await.strength;
    let options = approvals::options(&store, project, packages, &unpacked)?;
    if !options.approved.is_empty() && !matches!(online, Strength::Isolated { .. }) {
        session.emit(Event::warning(
            "deb/scripts-not-run",
            "approved maintainer scripts were not run: they run in namespaces, which this machine does not give",
        ));
    }
    let composed = wharf_sys::run_blocking(move || {
        let finisher = Finisher { strength: online };
        let runner: Option<&dyn Runner> = match online {
            Strength::Isolated { .. } => Some(&finisher),
            Strength::None | Strength::Offline | Strength::Filtered => None,
        };
        system::compose(&store, &unpacked, &options, runner)
    })
    .await?;
    let installed = packages.iter().map(|package| InstalledDeb {
        name: package.id.name.clone(),
        version: package.version.clone(),
        architecture: package.id.architecture.clone(),
    });
    let missing = missing + session.debian().fetched();
    let root = Root {
        path: composed.root,
        packages: installed.collect(),
        missing,
    };
    Ok((root, composed.report))
}

/// Begins to fetch what programs of the project run with, for whoever makes the root: that one also says what goes wrong.
pub(crate) fn fetch_ahead(session: &Session, project: &Project) {
    let Some(locked) = session.debian().lock() else {
        return;
    };
    let (session, project) = (session.again(), project.clone());
    tokio::spawn(async move {
        let _alone = session.debian().one_root_at_a_time().await;
        let packages = selected(&locked, |root| external::is_for_running(&root.cause)).ok()?;
        let fetched = unpacked(&session, &project, &locked, &packages).await.ok()?;
        session.debian().note_fetched(fetched.missing);
        Some(())
    });
}

/// Packages in the store.
pub(crate) struct Unpacked {
    pub(crate) packages: Vec<DebPackage>,
    /// How many it did not have.
    missing: usize,
}

/// Has packages in the store, in their order.
pub(crate) async fn unpacked(
    session: &Session,
    project: &Project,
    locked: &DebLock,
    packages: &[&LockedDeb],
) -> Result<Unpacked, OpsError> {
    let store = Arc::clone(session.store()?);
    let known = packages.iter().map(|package| store.lookup_deb(&package.sha256));
    let mut unpacked: Vec<Option<DebPackage>> = known.collect();
    let missing: Vec<usize> = (0..packages.len()).filter(|at| unpacked[*at].is_none()).collect();
    if !missing.is_empty() {
        let wanted = missing.iter().map(|at| wanted(locked, packages[*at])).collect();
        let fetched = fetch(session, project, wanted).await?;
        for (at, package) in missing.iter().zip(fetched) {
            unpacked[*at] = Some(package);
        }
    }
    Ok(Unpacked {
        packages: unpacked.into_iter().flatten().collect(),
        missing: missing.len(),
    })
}

/// Brings packages into the store.
async fn fetch(
    session: &Session,
    project: &Project,
    wanted: Vec<Wanted>,
) -> Result<Vec<DebPackage>, OpsError> {
    let door = repositories::door(session, project)?;
    let fetches = futures::stream::iter(wanted)
        .map(|wanted| {
            let door = door.clone();
            async move { door.fetch(&wanted).await }
        })
        .buffered(AT_ONCE)
        .try_collect();
    let fetched = session.cancel().or(fetches).await.ok_or(OpsError::Interrupted)?;
    Ok(fetched?)
}

fn wanted(locked: &DebLock, package: &LockedDeb) -> Wanted {
    let own = locked.repository(&package.repository);
    Wanted {
        name: package.id.name.to_string(),
        version: package.version.clone(),
        architecture: package.id.architecture.clone(),
        digest: package.sha256,
        size: package.size,
        filename: package.filename.clone(),
        repositories: own.map(|repository| repository.uri.clone()).into_iter().collect(),
    }
}

/// What became of scripts and finishing programs, for those who ask.
fn tell(session: &Session, report: &Report) {
    for script in &report.scripts {
        if !script.skipped.is_empty() && !script.ran {
            session.emit(Event::detail(format!(
                "the {} of {} was not run; it would do: {}",
                script.kind.as_str(),
                script.package,
                script.skipped.join("; ")
            )));
        }
    }
    for action in &report.actions {
        if let Some(problem) = &action.problem {
            let message = format!("{} did not finish the system root: {problem}", action.name);
            session.emit(Event::warning("deb/unfinished", message));
        }
    }
}

/// Runs the programs that finish a root, in a sandbox that has nothing but the root.
struct Finisher {
    strength: Strength,
}

/// How much of what a failed program said is told.
const TAIL: usize = 800;

impl Runner for Finisher {
    fn run(&self, job: &Job, place: Workplace<'_>) -> Result<(), String> {
        let (program, arguments) = job.argv.split_first().ok_or("it names no program")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir("/")
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", "/root")
            .env("LC_ALL", "C.UTF-8")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .envs(job.environment.iter().map(|(name, value)| (name, value)));
        construction(place)
            .and_then(|construction| construction.confine(&mut command, self.strength))
            .map_err(|error| error.to_string())?;
        let (status, said) =
            output(&mut command, job.input.as_deref()).map_err(|error| told(error).to_string())?;
        if status.success() {
            return Ok(());
        }
        let how = match status.code() {
            Some(code) => format!("exit code {code}"),
            None => status.to_string(),
        };
        Err(match tail(&said) {
            "" => format!("{how}, without a word"),
            said => format!("{how}; it said last: {said}"),
        })
    }
}

/// The root as a job sees it.
fn construction(place: Workplace<'_>) -> std::io::Result<Construction> {
    let (root, copies) = match place {
        Workplace::Own(root) => return Ok(Construction::new(root)),
        Workplace::Shared { root, copies } => (root, copies),
    };
    let mut instead = Vec::new();
    for (extent, copy) in copies {
        let (at, showing) = match extent {
            Extent::Everything => return Ok(Construction::new(copy)),
            Extent::Below(at) => (at, Vec::new()),
            Extent::Inside(at) => (at, folders(copy)?),
        };
        instead.push(Instead {
            at: at.as_path().to_owned(),
            with: copy.clone(),
            showing,
        });
    }
    Ok(Construction::new(root).writing_only(instead))
}

/// The names of the folders in a folder.
fn folders(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            folders.push(entry.file_name().into());
        }
    }
    Ok(folders)
}

/// Starts a program, gives it what it reads, and waits for it. Both its outputs are one, as it wrote them.
fn output(command: &mut Command, input: Option<&str>) -> std::io::Result<(ExitStatus, Vec<u8>)> {
    let (mut read, write) = std::io::pipe()?;
    command
        .stdin(input.map_or_else(Stdio::null, |_| Stdio::piped()))
        .stdout(write.try_clone()?)
        .stderr(write);
    let mut child = command.spawn()?;
    // The command holds the other end, until which the end of the pipe does not come.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut said = Vec::new();
    std::thread::scope(|scope| {
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
            // A program that does not read to the end says why by its exit code.
            scope.spawn(move || drop(stdin.write_all(input.as_bytes())));
        }
        read.read_to_end(&mut said)
    })?;
    Ok((child.wait()?, said))
}

/// The end of what a program said.
fn tail(said: &[u8]) -> &str {
    let start = said.len().saturating_sub(TAIL);
    let end = &said[start..];
    // What was cut through is left out.
    let whole = (0..end.len().min(4)).find_map(|at| std::str::from_utf8(&end[at..]).ok());
    whole.unwrap_or_default().trim()
}
