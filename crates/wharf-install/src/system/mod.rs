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
//! | [`report`] | what was done, and what was not |
//!
//! Invariants: no code of a package runs here; a caller may hand in a [`Runner`], which runs the known finishing programs and those
//! scripts that were approved, over private copies. The id of a root says which packages and which decisions it was made from; the
//! same id is never made twice.

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
mod loader;
mod merge;
mod packages;
mod questions;
pub mod report;
mod shell;
mod shell_syntax;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use wharf_store::{DebPackage, LinkMode, RootPath, Store, SystemDraft, SystemId};

pub use self::error::SystemError;
pub use self::report::{
    ActionReport, AlternativeReport, Note, PackageLine, Report, RuntimeFolder, ScriptClass, ScriptKind,
    ScriptReport,
};

use self::packages::Loaded;
use self::shell::Outcome;

/// The version of how roots are put together: part of every id.
const VERSION: &str = "wharf-system 1";

/// How a root is put together.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How files come out of the store.
    pub link: LinkMode,
    /// The digests ([`ScriptReport::digest`]) of maintainer scripts that may run.
    pub approved: BTreeSet<String>,
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
    /// The folders, from the root, that it may write; all of the root where there are none. Everything else is read-only.
    pub writes: Vec<RootPath>,
}

/// Runs programs inside a root: in a sandbox without network, as builds run.
pub trait Runner {
    /// Runs a job with `root` as its `/`.
    ///
    /// # Errors
    /// What went wrong, for people: that it could not be started, or its status and the end of what it said.
    fn run(&mut self, job: &Job, root: &Path) -> Result<(), String>;
}

/// A maintainer script, for whoever approves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Whose, with its architecture.
    pub package: String,
    /// Which.
    pub kind: ScriptKind,
    /// BLAKE3 of its text.
    pub digest: String,
    /// Where its text lies, in the store.
    pub text: PathBuf,
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
    text.extend(options.approved.iter().map(|digest| format!("script {digest}\n")));
    SystemId::of(text.as_bytes())
}

/// Puts packages together to a root, unless it stands in the store already.
///
/// # Errors
/// Where packages are in each other's way, one is damaged, an approved script fails, or the store cannot take it.
pub fn compose(
    store: &Store,
    packages: &[DebPackage],
    options: &Options,
    runner: Option<&mut dyn Runner>,
) -> Result<System, SystemError> {
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
    let outcome = configure(store, &loaded, &scripts, &diversions, &mut files, &mut report)?;
    let jobs = actions::of(&files);
    let mut draft = store.draft_system(files.into_tree(store)?, options.link)?;
    finish(
        store,
        &mut draft,
        &loaded,
        outcome,
        jobs,
        options,
        runner,
        &mut report,
    )?;
    let notes = serde_json::to_vec(&report).expect("a report has only texts and numbers");
    store.place_system(&id, draft, &notes)?;
    Ok(System {
        root: store.system_root(&id),
        id,
        report,
        made: true,
    })
}

/// The maintainer scripts of these packages that a fresh install would run.
///
/// # Errors
/// Where a package is damaged.
pub fn scripts(store: &Store, packages: &[DebPackage]) -> Result<Vec<Script>, SystemError> {
    let mut found = Vec::new();
    for package in packages::load(store, packages)? {
        for kind in [ScriptKind::Preinst, ScriptKind::Postinst] {
            if let Some(extra) = package.extras.get(kind.as_str()) {
                found.push(Script {
                    package: package.label(),
                    kind,
                    digest: extra.object.to_string(),
                    text: store.object_path(&extra.object, extra.executable),
                });
            }
        }
    }
    Ok(found)
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
) -> Result<Vec<Outcome>, SystemError> {
    let mut effects = effects::Effects::new(store, packages);
    declared::base(store, files)?;
    accounts::base(store, files, &mut effects.accounts)?;
    declared::users(store, files, &mut effects.accounts)?;
    let outcome = scripts.follow(packages, files, &mut effects)?;
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
    Ok(outcome)
}

/// Runs what has to run, if somebody is there to run it, and reports on every script.
#[expect(
    clippy::too_many_arguments,
    reason = "the last step uses what all steps before it made"
)]
fn finish(
    store: &Store,
    draft: &mut SystemDraft,
    packages: &[Loaded],
    outcome: Vec<Outcome>,
    jobs: Vec<Job>,
    options: &Options,
    mut runner: Option<&mut dyn Runner>,
    report: &mut Report,
) -> Result<(), SystemError> {
    for one in outcome {
        let mut line = one.report;
        if options.approved.contains(&line.digest)
            && let Some(runner) = runner.as_deref_mut()
        {
            let package = packages.iter().find(|package| package.label() == line.package);
            let job = actions::script(package.expect("a report is of a package"), line.kind);
            run(store, draft, &job, runner)?.map_err(|problem| SystemError::Script {
                package: line.package.clone(),
                script: line.kind.as_str(),
                problem,
            })?;
            line.ran = true;
        }
        if line.class != ScriptClass::Covered || line.ran {
            report.scripts.push(line);
        }
    }
    for job in jobs {
        let result = match runner.as_deref_mut() {
            Some(runner) => run(store, draft, &job, runner)?,
            None => Err("nothing runs while this root is made".to_owned()),
        };
        report.actions.push(ActionReport {
            name: job.name,
            argv: job.argv,
            changed: result.as_ref().ok().copied(),
            problem: result.err(),
        });
    }
    Ok(())
}

/// Runs one job over private copies and takes in what it wrote; the number of paths that changed.
fn run(
    store: &Store,
    draft: &mut SystemDraft,
    job: &Job,
    runner: &mut dyn Runner,
) -> Result<Result<u64, String>, SystemError> {
    draft.unshare(&job.writes)?;
    let result = runner.run(job, &draft.root());
    let changed = draft.absorb(store, &job.writes)?;
    Ok(result.map(|()| changed.len() as u64))
}
