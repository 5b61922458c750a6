//! System roots: unpacked Debian packages put together to what a program can have as its `/usr`, `/etc` and `/var`.
//!
//! | module | holds |
//! |---|---|
//! | `packages` | what is known of each package |
//! | `files` | the root while it is put together, in memory |
//! | `merge` | many packages' files into one tree, by dpkg's rules |
//! | `shell_syntax`, `shell` | maintainer scripts, read and followed as data |
//! | `effects` | what the commands of scripts do to a root |
//! | `questions` | commands of scripts that only ask |
//! | `accounts` | users and groups |
//! | `alternatives` | names that several packages provide |
//! | `declared` | what configuration folders declare: tmpfiles.d, sysusers.d |
//! | `certificates` | the bundle of trusted certificates and its links |
//! | `elf`, `loader` | the loader's cache |
//! | `database` | dpkg's own records, so that `dpkg -l` tells the truth |
//! | `actions` | programs of the root that finish it |
//! | `finishing` | these programs and approved scripts, run over copies |
//! | `trial` | one script, tried on a root of its own |
//! | [`report`] | what was done, and what was not |
//!
//! Invariants: no code of a package runs here; a caller may hand in a [`Runner`], which runs the known finishing programs and those
//! scripts that were approved, over private copies. A root is placed when all of them ended, each by itself. The id of a root says which packages and which decisions it was made from; the
//! same id is never made twice.

mod account_words;
mod accounts;
mod actions;
mod alternatives;
mod certificates;
mod database;
mod declared;
mod effects;
mod elf;
mod error;
mod files;
mod finishing;
mod loader;
mod merge;
mod packages;
mod questions;
pub mod report;
mod shell;
mod shell_syntax;
#[cfg(test)]
mod tests;
mod trial;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use wharf_store::{DebPackage, Extent, LinkMode, Store, SystemId};

pub use self::error::SystemError;
pub use self::report::{
    ActionReport, AlternativeReport, Note, PackageLine, Report, RuntimeFolder, ScriptClass, ScriptKind,
    ScriptReport,
};

pub use self::trial::{Trial, try_script};

use self::packages::Loaded;

/// The version of how roots are put together: part of every id.
const VERSION: &str = "wharf-system 4";

/// How a root is put together.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How files come out of the store.
    pub link: LinkMode,
    /// The packages whose maintainer scripts may run ([`with_scripts`]). By package: two may have scripts of the same text.
    pub approved: BTreeSet<String>,
    /// What debconf answers to those, in the lines that `debconf-set-selections` reads.
    pub answers: Vec<String>,
}

/// A root that stands in the store.
#[derive(Clone, Debug)]
pub struct System {
    /// Its id.
    pub id: SystemId,
    /// The merged folder.
    pub root: PathBuf,
    /// What was done when it was made.
    pub report: Report,
    /// Whether it was made now, and did not stand there before.
    pub made: bool,
}

/// A program of the root that finishes it, or a maintainer script that was approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// What it is for.
    pub name: String,
    /// The command, in the root.
    pub argv: Vec<String>,
    /// Variables that it needs beside a plain `PATH`.
    pub environment: Vec<(String, String)>,
    /// What it reads on its standard input.
    pub input: Option<String>,
    /// What it writes. Everything else is read-only.
    pub writes: Vec<Extent>,
}

/// Where a job runs.
#[derive(Clone, Copy, Debug)]
pub enum Workplace<'a> {
    /// In a copy of the root, all of which it may change.
    Own(&'a Path),
    /// In the root, which it can only read, with copies in place of what it writes. An extent below `run` is an empty folder.
    Shared {
        /// The root.
        root: &'a Path,
        /// What it writes, each with its copy.
        copies: &'a [(Extent, PathBuf)],
    },
}

/// Runs programs inside a root: in a sandbox without network, as builds run. Several at a time.
pub trait Runner: Sync {
    /// Runs a job.
    ///
    /// # Errors
    /// What went wrong.
    fn run(&self, job: &Job, place: Workplace<'_>) -> Result<(), JobError>;
}

/// Why a job did not do its work. The texts are for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobError {
    /// It ended by itself with an exit code other than 0, or is no program that runs in the root: it would again.
    Failed(String),
    /// It was killed, could not be started, or lacked room: another time it may end well.
    Broken(String),
    /// Somebody asked to stop.
    Interrupted,
}

/// The id of the root of these packages. `finished` is whether programs finish it.
pub fn id_of(packages: &[DebPackage], options: &Options, finished: bool) -> SystemId {
    let mut text = format!("{VERSION}\nfinished {finished}\n");
    let mut lines: Vec<String> = packages
        .iter()
        .map(|package| format!("package {} {}\n", package.data, package.control))
        .collect();
    lines.sort();
    text.extend(lines);
    // Without anybody who runs them they change nothing.
    if finished && !options.approved.is_empty() {
        text.extend(
            options
                .approved
                .iter()
                .map(|package| format!("approved {package}\n")),
        );
        text.extend(options.answers.iter().map(|answer| format!("answer {answer}\n")));
    }
    SystemId::of(text.as_bytes())
}

/// Puts packages together to a root, unless it stands in the store already. `cancel` is looked at on the way.
///
/// # Errors
/// Where packages are in each other's way, one is damaged, an approved script fails, a program that finishes the root is killed or
/// cannot be started, `cancel` is set, or the store cannot take it. Nothing of the root is then placed.
pub fn compose(
    store: &Store,
    packages: &[DebPackage],
    options: &Options,
    runner: Option<&dyn Runner>,
    cancel: &AtomicBool,
) -> Result<System, SystemError> {
    let go_on = || match cancel.load(Ordering::SeqCst) {
        true => Err(SystemError::Interrupted),
        false => Ok(()),
    };
    let id = id_of(packages, options, runner.is_some());
    if let Some(report) = standing(store, &id) {
        return Ok(System {
            root: store.system_root(&id),
            id,
            report,
            made: false,
        });
    }
    let mut loaded = packages::load(store, packages)?;
    let mut report = Report {
        packages: loaded.iter().map(line).collect(),
        ..Report::default()
    };
    let scripts = shell::Scripts::of(store, &loaded)?;
    let diversions = scripts.diversions(store, &loaded);
    let mut files = merge::merge(&mut loaded, &diversions, &mut report.notes)?;
    merge::note_special(&files, &loaded, &mut report.notes);
    let scripts = configure(store, &loaded, &scripts, &diversions, &mut files, &mut report)?;
    let jobs = actions::of(&mut files);
    go_on()?;
    let mut draft = store.draft_system(files.into_tree(store)?, options.link)?;
    let finishing = finishing::Finishing {
        store,
        packages: &loaded,
        options,
        runner,
        cancel,
    };
    report.scripts = finishing.scripts(&mut draft, scripts)?;
    go_on()?;
    report.actions.extend(finishing.jobs(&mut draft, jobs)?);
    // From here on it counts as whole for everybody and for ever.
    go_on()?;
    let notes = serde_json::to_vec(&report).expect("a report has only texts and numbers");
    store.place_system(&id, draft, &notes)?;
    Ok(System {
        root: store.system_root(&id),
        id,
        report,
        made: true,
    })
}

/// Which of these packages have maintainer scripts that a fresh install would run, each as `name:architecture`.
///
/// # Errors
/// Where a package is damaged.
pub fn with_scripts(store: &Store, packages: &[DebPackage]) -> Result<BTreeSet<String>, SystemError> {
    let has_scripts = |package: &Loaded| {
        let mut kinds = [ScriptKind::Preinst, ScriptKind::Postinst].into_iter();
        kinds.any(|kind| package.extras.contains_key(kind.as_str()))
    };
    let loaded = packages::load(store, packages)?;
    let found = loaded.iter().filter(|package| has_scripts(package));
    Ok(found.map(Loaded::label).collect())
}

/// The report of a root that stands; `None` where it does not, or its report is of another version.
fn standing(store: &Store, id: &SystemId) -> Option<Report> {
    let notes = store.system_notes(id).ok()??;
    serde_json::from_slice(&notes).ok()
}

fn line(package: &Loaded) -> PackageLine {
    PackageLine {
        name: package.name().to_owned(),
        version: package.control.version.to_string(),
        architecture: package.architecture().to_owned(),
    }
}

/// Everything that is done as data, in the order in which a fresh install would.
fn configure(
    store: &Store,
    packages: &[Loaded],
    scripts: &shell::Scripts,
    diversions: &[merge::Diversion],
    files: &mut files::Files,
    report: &mut Report,
) -> Result<Vec<ScriptReport>, SystemError> {
    let mut effects = effects::Effects::new(store, packages);
    declared::base(store, files)?;
    accounts::base(store, files, &mut effects.accounts)?;
    declared::users(store, files, &mut effects.accounts)?;
    let mut followed = scripts.follow(packages, files, &mut effects)?;
    declared::folders(store, files, &mut report.runtime)?;
    report.runtime.append(&mut effects.runtime);
    report.runtime.sort();
    report.runtime.dedup_by(|one, other| one.path == other.path);
    report.alternatives = effects.alternatives.settle(files);
    report.accounts = effects.accounts.settle(files);
    report.notes.append(&mut effects.notes);
    certificates::configure(store, files)?;
    report.libraries = loader::configure(store, files)?;
    database::write(store, packages, diversions, &effects.overrides, files)?;
    for script in &mut followed {
        script.matters = finishing::matters(files, packages, &script.skipped);
    }
    Ok(followed)
}

/// What was written down about a root that stands, by its folder; `None` where that cannot be read.
pub fn report_of(root: &Path) -> Option<Report> {
    let notes = std::fs::read(wharf_store::system::notes_beside(root)?).ok()?;
    serde_json::from_slice(&notes).ok()
}
