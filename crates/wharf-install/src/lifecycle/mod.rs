//! Install scripts of npm packages that were approved: run once for each content, dependencies, Node and machine, in a private
//! copy, and kept in the store like any other package.
//!
//! | module | job |
//! |---|---|
//! | `closure` | what a package reaches, the order of builds, and the key under which a result is kept |
//! | `stage` | the copy in which scripts run: the package, its dependencies, their commands |
//! | `tools` | node-gyp, and the headers of Node |
//! | `script` | which scripts a package has, and one of them run as npm runs it |
//! | [`shims`] | programs called as npm and its like, which start this one |
//!
//! Invariant: a script only runs for a package that the caller names. It sees copies of its package and of what that
//! needs, never the store's own files; nothing of a script that failed is kept.

mod closure;
mod script;
pub mod shims;
mod stage;
mod tools;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;

use wharf_core::{Event, Explain, Fault, Sinks, TaskId};
use wharf_ecosystem::npm::graph::{Graph, PackageIndex};
use wharf_store::{ContentKey, GraphKey, HomeId, Limits, Shape, Store, StoreError};
use wharf_sys::{Governor, Work};

use crate::nodejs::NodeBinary;

pub use script::{Around, NODE_OPTIONS, Starter, config_variable};

/// What scripts are run for.
pub struct Approved<'a> {
    /// The project's packages.
    pub graph: &'a Graph,
    /// For each package a home that holds its files, with or without links; `None` for those that are not installed.
    pub homes: &'a [Option<HomeId>],
    /// The packages whose scripts may run.
    pub packages: &'a BTreeSet<PackageIndex>,
    /// The Node that they are run with.
    pub node: &'a NodeBinary,
    /// The machine that they are run for, in words that tell it from others: `linux-x64-glibc`; with a system root, also which.
    pub target: &'a str,
    /// What configuration says to scripts: `nodedir`, `electron_mirror`.
    pub config: &'a BTreeMap<String, String>,
    /// The project, for `INIT_CWD`.
    pub project: &'a Path,
    /// Where output of scripts is kept.
    pub logs: &'a Path,
    /// The system root in whose view they run; `None` for the machine's own system.
    pub system: Option<&'a Path>,
    /// The folder of [`shims`] that comes last on PATH; programs in a view do not see it.
    pub shims: Option<&'a Path>,
}

impl Approved<'_> {
    fn shims(&self) -> Option<&Path> {
        self.shims.filter(|_| self.system.is_none())
    }

    fn ground(&self) -> tools::Ground<'_> {
        tools::Ground {
            system: self.system,
            node: &self.node.executable,
        }
    }
}

/// What came of the scripts.
#[derive(Debug, Default)]
pub struct Built {
    /// For each package that its scripts changed, the content that takes the place of its archive's; a pristine home of it
    /// is in the store.
    pub contents: BTreeMap<PackageIndex, ContentKey>,
    /// How many were run now, rather than known.
    pub run: usize,
    /// Those that failed, in the order of packages.
    pub failed: Vec<(PackageIndex, ScriptError)>,
}

/// Why a package's scripts did not run to their end.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// A script failed.
    #[error("the `{event}` script of {package} {how}{}", shown(tail))]
    Failed {
        /// The package.
        package: String,
        /// Which script.
        event: &'static str,
        /// How it ended, as a predicate.
        how: Box<str>,
        /// The last lines of its output.
        tail: Box<str>,
        /// All of its output.
        log: PathBuf,
        /// What may help, as steps that can be typed.
        advice: Vec<String>,
    },
    /// A file cannot be read or written.
    #[error("cannot {action} {} for the scripts of {package}", path.display())]
    Io {
        /// The package.
        package: String,
        /// What was attempted, as a verb.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the scripts left cannot be kept.
    #[error("what the scripts of {package} left cannot be kept")]
    Odd {
        /// The package.
        package: String,
        /// Why.
        source: wharf_store::ArchiveError,
    },
    /// The user stopped it.
    #[error("stopped; the environment is as it was")]
    Interrupted,
}

/// Runs the scripts of every approved package of which the store has no result yet, dependencies first.
///
/// # Errors
/// Only if the user stopped it; what fails for one package is in [`Built::failed`].
pub fn run(
    approved: &Approved<'_>,
    store: &Store,
    governor: &Governor,
    sinks: &Sinks,
    cancel: &AtomicBool,
) -> Result<Built, ScriptError> {
    let built = Mutex::new(Built::default());
    let task = Task {
        approved,
        store,
        sinks,
        cancel,
        built: &built,
    };
    for level in closure::levels(approved.graph, approved.homes, approved.packages) {
        std::thread::scope(|scope| {
            for package in level {
                scope.spawn(move || {
                    let _permit = governor.permit_blocking(Work::Build);
                    task.settle(package);
                });
            }
        });
    }
    let mut built = built.into_inner().unwrap_or_else(PoisonError::into_inner);
    built.failed.sort_by_key(|(package, _)| *package);
    match built
        .failed
        .iter()
        .any(|(_, error)| matches!(error, ScriptError::Interrupted))
    {
        true => Err(ScriptError::Interrupted),
        false => Ok(built),
    }
}

/// The work on all packages; the copies share its state.
#[derive(Clone, Copy)]
struct Task<'a> {
    approved: &'a Approved<'a>,
    store: &'a Store,
    sinks: &'a Sinks,
    cancel: &'a AtomicBool,
    built: &'a Mutex<Built>,
}

/// How a result came to be.
enum Settled {
    Unchanged,
    Known(ContentKey),
    Run(ContentKey),
}

impl Task<'_> {
    fn settle(&self, package: PackageIndex) {
        let outcome = self.build(package);
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(Settled::Unchanged) => {}
            Ok(Settled::Known(key)) => drop(built.contents.insert(package, key)),
            Ok(Settled::Run(key)) => {
                built.run += 1;
                built.contents.insert(package, key);
            }
            Err(error) => built.failed.push((package, error)),
        }
    }

    /// The homes to take files from: those of packages that were built on the way are the built ones.
    fn homes(&self) -> Vec<Option<HomeId>> {
        let built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        let homes = self.approved.homes.iter().enumerate();
        homes
            .map(|(index, home)| {
                let home = home.as_ref()?;
                Some(match built.contents.get(&index) {
                    Some(content) => pristine(home, *content),
                    None => home.clone(),
                })
            })
            .collect()
    }

    fn build(&self, package: PackageIndex) -> Result<Settled, ScriptError> {
        if self.cancel.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(ScriptError::Interrupted);
        }
        let homes = self.homes();
        let Some(home) = homes[package].clone() else {
            return Ok(Settled::Unchanged);
        };
        let about = &self.approved.graph.packages[package];
        let io = |action, path: &Path| {
            let (package, path) = (about.label(), path.to_owned());
            move |source| ScriptError::Io {
                package,
                action,
                path,
                source,
            }
        };
        let manifest = self.store.home_file(&home, "package.json")?;
        let manifest = manifest.unwrap_or_else(|| self.store.home_package(&home).join("package.json"));
        let manifest = fs::read(&manifest).map_err(io("read", &manifest))?;
        let gyp = self.store.home_file(&home, "binding.gyp")?.is_some();
        let scripts = script::of(&manifest, gyp);
        if scripts.is_empty() {
            return Ok(Settled::Unchanged);
        }
        let graph = self.approved.graph;
        let mut reached = closure::reached(graph, &homes, package);
        if let Some(gyp) = tools::named(graph, &homes) {
            reached.append(&mut closure::reached(graph, &homes, gyp));
        }
        let key = closure::key(self.approved, &homes, package, &reached, &scripts);
        let result = pristine(&home, key);
        if self.store.has_home(&result) {
            return Ok(Settled::Known(key));
        }
        let staged = stage::make(self.store, self.approved, &homes, package, &reached)
            .map_err(|error| error.of(about.label()))?;
        let id = TaskId::new();
        self.sinks.emit(Event::BuildStarted {
            id,
            package: about.label(),
        });
        let context = script::Context {
            approved: self.approved,
            package: about,
            manifest: &manifest,
            staged: &staged,
            cancel: self.cancel,
        };
        let outcome = scripts.iter().try_for_each(|script| context.run(script));
        self.sinks.emit(Event::BuildFinished { id });
        outcome?;
        let unpacked = self
            .store
            .unpack_folder(
                &staged.package,
                Shape::Tree(result.name()),
                &Limits::default(),
                &|_| true,
            )
            .map_err(|source| ScriptError::Odd {
                package: about.label(),
                source,
            })?;
        self.store
            .place_home(&result, wharf_store::home::HomeContent::Fresh(unpacked), &[])?;
        Ok(Settled::Run(key))
    }
}

fn pristine(home: &HomeId, content: ContentKey) -> HomeId {
    HomeId {
        label: home.label.clone(),
        content,
        graph: GraphKey::PRISTINE,
    }
}

fn shown(tail: &str) -> String {
    match tail {
        "" => String::new(),
        tail => format!(":\n{tail}"),
    }
}

impl Explain for ScriptError {
    fn code(&self) -> &'static str {
        match self {
            Self::Failed { .. } => "install/script",
            Self::Io { .. } => "install/io",
            Self::Store(error) => error.code(),
            Self::Odd { source, .. } => source.code(),
            Self::Interrupted => "install/interrupted",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Failed { .. } | Self::Io { .. } | Self::Odd { .. } => Fault::World,
            Self::Store(error) => error.fault(),
            Self::Interrupted => Fault::Interrupted,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Failed {
                package, log, advice, ..
            } => {
                let mut hints = advice.clone();
                hints.push(format!("read all of its output in {}", log.display()));
                hints.push(format!(
                    "take {package} out of `[policy] scripts` to install it without its scripts"
                ));
                hints
            }
            Self::Store(error) => error.hints(),
            Self::Io { .. } | Self::Odd { .. } | Self::Interrupted => Vec::new(),
        }
    }
}
