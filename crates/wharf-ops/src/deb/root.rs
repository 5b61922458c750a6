//! System roots: locked packages fetched, and put together to what programs have as their `/usr`, `/etc` and `/var`.

use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};

use futures::stream::{StreamExt, TryStreamExt};
use rustix::io::Errno;
use wharf_core::{Event, PackageName};
use wharf_index::deb::Wanted;
use wharf_install::system::{self, ActionReport, Job, JobError, Report, Runner, Workplace};
use wharf_install::waiting::{self, LOOK};
use wharf_install::{Environment, InstalledDeb, SystemWanted};
use wharf_project::lock::deb::{DebLock, LockedDeb, LockedDebRoot};
use wharf_project::{Lock, Project};
use wharf_store::{DebPackage, Extent};
use wharf_sys::sandbox::{Construction, Instead, Lack, Strength, support, told};

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
    session.debian().keep_lock(locked);
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
        deb: session.debian().lock(),
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
    let cancel = session.cancel().flag();
    let composed = wharf_sys::run_blocking(move || {
        let finisher = Finisher {
            strength: online,
            cancel: Arc::clone(&cancel),
        };
        let runner: Option<&dyn Runner> = match online {
            Strength::Isolated { .. } => Some(&finisher),
            Strength::None | Strength::Offline | Strength::Filtered => None,
        };
        system::compose(&store, &unpacked, &options, runner, &cancel)
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
    let door = repositories::door_of_packages(session, project)?;
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
    for message in unfinished(&report.actions) {
        session.emit(Event::warning("deb/unfinished", message));
    }
}

/// What did not finish a root, each reason once: where a machine gives no namespaces it is the same for all.
fn unfinished(actions: &[ActionReport]) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for action in actions {
        let Some(problem) = &action.problem else { continue };
        let known = reasons.iter().position(|(reason, _)| reason == problem);
        let at = known.unwrap_or_else(|| {
            reasons.push((problem, Vec::new()));
            reasons.len() - 1
        });
        let names = &mut reasons[at].1;
        // Work that is shared out among processors has one name.
        if !names.contains(&action.name.as_str()) {
            names.push(&action.name);
        }
    }
    let words = |(problem, names): (&str, Vec<&str>)| {
        let names = match names.as_slice() {
            [others @ .., before, last] => [others, &[&format!("{before} and {last}")]].concat().join(", "),
            names => names.concat(),
        };
        format!("{names} did not finish the system root: {problem}")
    };
    reasons.into_iter().map(words).collect()
}

/// Runs the programs that finish a root, in a sandbox that has nothing but the root.
struct Finisher {
    strength: Strength,
    /// Set where somebody asks to stop.
    cancel: Arc<AtomicBool>,
}

/// How much of what a failed program said is told.
const TAIL: usize = 800;
/// How much of it is kept.
const KEPT: usize = 64 << 10;

/// What programs say where the machine lacked something, in the C library's words and Python's.
const LACKS: [&str; 9] = [
    "No space left on device",
    "Disk quota exceeded",
    "File too large",
    "Cannot allocate memory",
    "MemoryError",
    "Resource temporarily unavailable",
    "Too many open files",
    "Input/output error",
    "Out of memory",
];

impl Runner for Finisher {
    fn run(&self, job: &Job, place: Workplace<'_>) -> Result<(), JobError> {
        let nameless = || JobError::Failed("it names no program".to_owned());
        let (program, arguments) = job.argv.split_first().ok_or_else(nameless)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir("/")
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", "/root")
            .env("LC_ALL", "C.UTF-8")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .envs(job.environment.iter().map(|(name, value)| (name, value)))
            // Its own group: what a terminal sends reaches it through Wharf alone, which ends all that it started.
            .process_group(0);
        construction(place)
            .and_then(|construction| construction.confine(&mut command, self.strength))
            .map_err(unstarted)?;
        let (status, said) = self.output(&mut command, job.input.as_deref())?;
        judge(status, &said)
    }
}

/// Why a program could not be started. What is no program of this machine, or wants an interpreter that the root does not have, will be
/// so another time.
fn unstarted(error: std::io::Error) -> JobError {
    let no_program = [Errno::NOENT, Errno::NOEXEC, Errno::ACCESS];
    let is_its_own = Lack::of(&error).is_none()
        && Errno::from_io_error(&error).is_some_and(|number| no_program.contains(&number));
    let problem = format!("could not be started: {}", told(error));
    match is_its_own {
        true => JobError::Failed(problem),
        false => JobError::Broken(problem),
    }
}

/// What the end of a program means. Shells give the signal that ended what they waited for as an exit code above 128.
fn judge(status: ExitStatus, said: &[u8]) -> Result<(), JobError> {
    if status.success() {
        return Ok(());
    }
    let signal = status.signal().or_else(|| {
        let number = status.code()?.checked_sub(128)?;
        (1..=64).contains(&number).then_some(number)
    });
    let how = match (signal, status.code()) {
        (Some(number), None) => format!("was killed by signal {number}"),
        (_, Some(code)) => format!("exit code {code}"),
        (None, None) => status.to_string(),
    };
    let problem = match tail(said) {
        "" => format!("{how}, without a word"),
        said => format!("{how}; it said last: {said}"),
    };
    let text = String::from_utf8_lossy(said);
    Err(
        match signal.is_some() || LACKS.iter().any(|words| text.contains(words)) {
            true => JobError::Broken(problem),
            false => JobError::Failed(problem),
        },
    )
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

impl Finisher {
    /// Starts a program, gives it what it reads, and waits for it, or ends it where somebody asks to stop. Both its outputs are one, as it
    /// wrote them; of a long one the end.
    fn output(&self, command: &mut Command, input: Option<&str>) -> Result<(ExitStatus, Vec<u8>), JobError> {
        let broken = |error: std::io::Error| JobError::Broken(format!("could not be waited for: {error}"));
        let (read, write) = std::io::pipe().map_err(unstarted)?;
        command
            .stdin(input.map_or_else(Stdio::null, |_| Stdio::piped()))
            .stdout(write.try_clone().map_err(unstarted)?)
            .stderr(write);
        let mut child = command.spawn().map_err(unstarted)?;
        // The command holds the other end, until which the end of the pipe does not come.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let (done, ended) = mpsc::channel();
        std::thread::scope(|scope| {
            if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
                // A program that does not read to the end says why by its exit code.
                scope.spawn(move || drop(stdin.write_all(input.as_bytes())));
            }
            scope.spawn(move || done.send(last_of(read)));
            let said = loop {
                match ended.recv_timeout(LOOK) {
                    Ok(said) => break said,
                    Err(RecvTimeoutError::Timeout) if self.is_cancelled() => {
                        waiting::end(&mut child).map_err(broken)?;
                        return Err(JobError::Interrupted);
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break Ok(Vec::new()),
                }
            };
            // It has said all, and mostly ends at once.
            let status = waiting::wait(&mut child, &self.cancel).map_err(broken)?;
            // Also what just ended by itself did so after the same word.
            match status.filter(|_| !self.is_cancelled()) {
                None => Err(JobError::Interrupted),
                Some(status) => Ok((status, said.map_err(broken)?)),
            }
        })
    }

    fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::SeqCst)
    }
}

/// Reads to the end, and keeps the last of it.
fn last_of(mut read: impl Read) -> std::io::Result<Vec<u8>> {
    let (mut said, mut buffer) = (Vec::new(), vec![0; 8 << 10]);
    loop {
        match read.read(&mut buffer) {
            Ok(0) => return Ok(said),
            Ok(count) => said.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if said.len() > 2 * KEPT {
            said.drain(..said.len() - KEPT);
        }
    }
}

/// The end of what a program said.
fn tail(said: &[u8]) -> &str {
    let start = said.len().saturating_sub(TAIL);
    let end = &said[start..];
    // What was cut through is left out.
    let whole = (0..end.len().min(4)).find_map(|at| std::str::from_utf8(&end[at..]).ok());
    whole.unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finisher() -> Finisher {
        Finisher {
            strength: Strength::None,
            cancel: Arc::default(),
        }
    }

    fn ran(text: &str) -> Result<(), JobError> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", text]).process_group(0);
        let (status, said) = finisher().output(&mut command, None)?;
        judge(status, &said)
    }

    #[test]
    fn what_would_end_so_again_is_told_from_what_might_not() {
        for (text, expected) in [
            ("exit 0", Ok(())),
            (
                "echo odd >&2; exit 3",
                Err(JobError::Failed("exit code 3; it said last: odd".to_owned())),
            ),
            (
                "exit 1",
                Err(JobError::Failed("exit code 1, without a word".to_owned())),
            ),
            (
                "kill -9 $$",
                Err(JobError::Broken(
                    "was killed by signal 9, without a word".to_owned(),
                )),
            ),
            // Of a shell that waits for another program.
            (
                "sh -c 'kill -9 $$' >/dev/null 2>&1; exit $?",
                Err(JobError::Broken("exit code 137, without a word".to_owned())),
            ),
            (
                "echo x: No space left on device; exit 1",
                Err(JobError::Broken(
                    "exit code 1; it said last: x: No space left on device".to_owned(),
                )),
            ),
        ] {
            assert_eq!(ran(text), expected, "{text}");
        }
        assert!(
            matches!(unstarted(Errno::NOENT.into()), JobError::Failed(_)),
            "no interpreter"
        );
        assert!(matches!(unstarted(Errno::NOMEM.into()), JobError::Broken(_)));
    }

    #[test]
    fn what_did_not_finish_a_root_is_told_once_for_each_reason() {
        let action = |name: &str, problem: Option<&str>| ActionReport {
            name: name.to_owned(),
            argv: Vec::new(),
            changed: None,
            problem: problem.map(str::to_owned),
        };
        let why = Some("nothing runs");
        let told = unfinished(&[
            action("Python bytecode", why),
            action("Python bytecode", why),
            action("fonts", Some("exit code 1")),
            action("icons", why),
            action("done", None),
            action("MIME types", why),
        ]);
        assert_eq!(
            told,
            [
                "Python bytecode, icons and MIME types did not finish the system root: nothing runs",
                "fonts did not finish the system root: exit code 1",
            ]
        );
        assert_eq!(unfinished(&[action("done", None)]), [""; 0]);
    }

    #[test]
    fn what_runs_ends_where_somebody_asks_to_stop() {
        let finisher = finisher();
        let start = std::time::Instant::now();
        let result = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(LOOK * 2);
                finisher.cancel.store(true, Ordering::SeqCst);
            });
            let mut command = Command::new("/bin/sh");
            // What it started holds the pipe as well.
            command.args(["-c", "sleep 60 & sleep 60"]).process_group(0);
            finisher.output(&mut command, None)
        });
        assert_eq!(result.map(|(status, _)| status), Err(JobError::Interrupted));
        assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
    }

    #[test]
    fn of_a_long_output_the_end_is_kept() {
        let text = "0123456789".repeat(100_000) + "end";
        let kept = last_of(text.as_bytes()).unwrap();
        assert!(
            kept.len() <= 2 * KEPT && kept.ends_with(b"9end"),
            "{}",
            kept.len()
        );
    }
}
