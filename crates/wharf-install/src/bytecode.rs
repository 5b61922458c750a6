//! Bytecode: carried over from the environment that is replaced where it still holds, compiled where it is wanted.
//!
//! Invariant: bytecode is only carried for packages whose files are the very same; Python checks time and size of the source
//! again before it uses any. Compiled files name the source by the path that it will have, not by the stage.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use wharf_core::{Event, Phase, Sinks};
use wharf_sys::{Governor, Work};

use crate::error::InstallError;
use crate::inside::Inside;
use crate::layout::{Content, Layout};
use crate::python::Interpreter;

/// The program of a worker.
const WORKER: &str = include_str!("compile.py");
/// Files that a worker is given at a time: enough to hide the hand-over, few enough to spread the end evenly.
const BATCH: usize = 24;
/// Workers that may die before the interpreter is taken for broken.
const DEATHS: usize = 8;

/// How much was compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Compiled {
    /// Files that have bytecode now.
    pub files: usize,
    /// Files that do not compile, which is common and no error.
    pub failed: usize,
}

/// Links the bytecode of unchanged packages from the environment at `old` into the one being made at `new`.
/// `kept(owner)` says whether a package of the layout is unchanged. Returns how many files were linked.
///
/// Failures are passed over: missing bytecode costs time, never correctness.
pub(crate) fn carry(
    layout: &Layout,
    old: &Path,
    new: &Path,
    kept: &(dyn Fn(usize) -> bool + Sync),
) -> FxHashSet<String> {
    let mut folders: FxHashMap<&str, FxHashSet<&str>> = FxHashMap::default();
    for (item, owner) in layout.owned() {
        if !kept(owner) || !matches!(item.content, Content::Object { .. }) {
            continue;
        }
        if let Some((folder, name)) = item.path.rsplit_once('/')
            && let Some(stem) = name.strip_suffix(".py")
        {
            folders.entry(folder).or_default().insert(stem);
        }
    }
    let folders: Vec<_> = folders.into_iter().collect();
    folders
        .into_par_iter()
        .flat_map_iter(|(folder, stems)| carry_folder(folder, &stems, old, new))
        .collect()
}

fn carry_folder(folder: &str, stems: &FxHashSet<&str>, old: &Path, new: &Path) -> Vec<String> {
    let from = old.join(folder).join("__pycache__");
    let Ok(entries) = fs::read_dir(&from) else {
        return Vec::new();
    };
    let to = new.join(folder).join("__pycache__");
    let mut made = false;
    let mut carried = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(stem) = name
            .to_str()
            .filter(|name| name.ends_with(".pyc"))
            .and_then(|name| name.split('.').next())
        else {
            continue;
        };
        if !stems.contains(stem)
            || (!made
                && fs::create_dir(&to).is_err_and(|error| error.kind() != std::io::ErrorKind::AlreadyExists))
        {
            continue;
        }
        made = true;
        if fs::hard_link(entry.path(), to.join(&name)).is_ok() {
            carried.push(format!("{folder}/{stem}.py"));
        }
    }
    carried
}

/// Compiles every module of the layout that is not in `done`, in the environment being made at `stage` that will stand
/// at `root`, with one Python process a core.
///
/// # Errors
/// The interpreter cannot be started or keeps dying; the user stopped it.
pub(crate) fn compile(
    task: &Task<'_>,
    layout: &Layout,
    done: &FxHashSet<String>,
    governor: &Governor,
    sinks: &Sinks,
    cancel: &AtomicBool,
) -> Result<Compiled, InstallError> {
    let site = task.python.site_packages();
    let files: Vec<[String; 2]> = layout
        .items()
        .iter()
        .filter(|item| {
            item.path.ends_with(".py") && item.path.starts_with(&site) && !done.contains(&item.path)
        })
        .filter(|item| !matches!(item.content, Content::Link(_) | Content::Directory))
        .filter_map(|item| {
            Some([
                task.stage.join(&item.path).to_str()?.to_owned(),
                task.root.join(&item.path).to_str()?.to_owned(),
            ])
        })
        .collect();
    let total = files.len();
    sinks.emit(Event::PhaseStarted {
        phase: Phase::Compile,
        total: Some(total as u64),
    });
    let inside = task.python.root.as_deref().map(Inside::looking);
    let pool = Pool {
        inside: inside.as_ref(),
        task,
        files: &files,
        next: AtomicUsize::new(0),
        deaths: AtomicUsize::new(0),
        failed: AtomicUsize::new(0),
        error: Mutex::new(None),
    };
    let workers = governor.limits().cpu.clamp(1, total.div_ceil(BATCH).max(1));
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let _permit = governor.permit_blocking(Work::Cpu);
                pool.work(sinks, cancel);
            });
        }
    });
    if cancel.load(Ordering::Relaxed) {
        return Err(InstallError::Interrupted);
    }
    if let Some(error) = pool
        .error
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
    {
        return Err(error);
    }
    let failed = pool.failed.into_inner();
    sinks.emit(Event::PhaseFinished {
        phase: Phase::Compile,
        done: total as u64,
    });
    Ok(Compiled {
        files: total - failed + done.len(),
        failed,
    })
}

/// What is compiled, with what, and where it will stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task<'a> {
    pub(crate) python: &'a Interpreter,
    pub(crate) stage: &'a Path,
    pub(crate) root: &'a Path,
}

/// The workers' common state.
struct Pool<'a> {
    task: &'a Task<'a>,
    files: &'a [[String; 2]],
    next: AtomicUsize,
    deaths: AtomicUsize,
    failed: AtomicUsize,
    error: Mutex<Option<InstallError>>,
    /// The view that the Python runs in.
    inside: Option<&'a Inside>,
}

impl Pool<'_> {
    /// Feeds one Python process until no file is left.
    fn work(&self, sinks: &Sinks, cancel: &AtomicBool) {
        let mut worker = None;
        while !cancel.load(Ordering::Relaxed) && !self.stopped() {
            let start = self.next.fetch_add(BATCH, Ordering::Relaxed);
            let Some(batch) = self
                .files
                .get(start..(start + BATCH).min(self.files.len()))
                .filter(|batch| !batch.is_empty())
            else {
                break;
            };
            let answer = match &mut worker {
                Some(running) => Worker::compile(running, batch),
                none => Worker::start(&self.task.python.base_executable, self.inside)
                    .and_then(|started| none.insert(started).compile(batch)),
            };
            match answer {
                Ok(failed) => {
                    self.failed.fetch_add(failed, Ordering::Relaxed);
                    let done = (start + batch.len()) as u64;
                    sinks.emit(Event::PhaseProgress {
                        phase: Phase::Compile,
                        done,
                        total: Some(self.files.len() as u64),
                        detail: None,
                    });
                }
                // A compiler that crashes on one file costs that batch; the next one gets a new process.
                Err(error) => {
                    worker = None;
                    self.failed.fetch_add(batch.len(), Ordering::Relaxed);
                    if self.deaths.fetch_add(1, Ordering::Relaxed) >= DEATHS
                        || error.kind() == std::io::ErrorKind::NotFound
                    {
                        let python = self.task.python.base_executable.clone();
                        let failure = InstallError::Compile {
                            python,
                            reason: error.to_string(),
                        };
                        *self
                            .error
                            .lock()
                            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(failure);
                    }
                }
            }
        }
    }

    fn stopped(&self) -> bool {
        self.error
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .is_some()
    }
}

/// A Python process that compiles.
struct Worker {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Worker {
    fn start(python: &Path, inside: Option<&Inside>) -> std::io::Result<Self> {
        let mut command = Command::new(python);
        command
            .args([
                OsStr::new("-I"),
                OsStr::new("-S"),
                OsStr::new("-c"),
                OsStr::new(WORKER),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // It would turn time stamps into hashes, which every import checks.
            .env_remove("SOURCE_DATE_EPOCH")
            .env_remove("PYTHONHOME");
        if let Some(inside) = inside {
            inside.enter(&mut command)?;
        }
        let mut child = command.spawn()?;
        let output = BufReader::new(child.stdout.take().expect("the worker's output is piped"));
        Ok(Self {
            input: child.stdin.take(),
            output,
            child,
        })
    }

    /// Compiles a batch; the answer is how many files do not compile.
    fn compile(&mut self, batch: &[[String; 2]]) -> std::io::Result<usize> {
        let mut line = serde_json::to_vec(batch)?;
        line.push(b'\n');
        let input = self
            .input
            .as_mut()
            .expect("the worker's input is open while it lives");
        input.write_all(&line)?;
        let mut answer = String::new();
        self.output.read_line(&mut answer)?;
        answer
            .trim()
            .parse()
            .map_err(|_| std::io::Error::other("a worker ended without an answer"))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Its input ends, so it ends; a worker that died is only reaped.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
