//! What runs of a root while it is made: scripts that were approved, then the programs of [`super::actions`], side by side.
//!
//! Scripts come first, one after the other, each package after those that it depends on, over a copy of the whole root; then what they
//! triggered. Source: deb-triggers(5), Debian Policy 6.
//! Invariant: nothing of the store is within reach of what runs here. Where a script fails there is no root; nor is there one where a
//! program was killed, could not be started, or somebody asked to stop. What a program did that failed by itself is not taken, but
//! for bytecode: each file of it is whole, and belongs to a source of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use wharf_store::{Changes, Extent, Store, SystemDraft};

use super::actions::{self, Call};
use super::files::Files;
use super::packages::Loaded;
use super::report::{ActionReport, ScriptClass, ScriptKind, ScriptReport};
use super::{Job, JobError, Options, Runner, SystemError, Workplace};

/// What is needed to run anything.
pub(crate) struct Finishing<'a> {
    pub(crate) store: &'a Store,
    pub(crate) packages: &'a [Loaded],
    pub(crate) options: &'a Options,
    pub(crate) runner: Option<&'a dyn Runner>,
    /// Set where somebody asks to stop.
    pub(crate) cancel: &'a AtomicBool,
}

/// How often triggers may trigger others.
const ROUNDS: usize = 4;
/// Where dpkg notes what was triggered and not looked at yet.
const PENDING: &str = "var/lib/dpkg/triggers/Unincorp";

impl Finishing<'_> {
    /// Runs the scripts that were approved. Gives what is worth telling of all.
    pub(crate) fn scripts(
        &self,
        draft: &mut SystemDraft,
        mut scripts: Vec<ScriptReport>,
    ) -> Result<Vec<ScriptReport>, SystemError> {
        let approved = |script: &ScriptReport| self.options.approved.contains(&script.package);
        if let Some(runner) = self.runner
            && scripts.iter().any(approved)
        {
            let work = draft.work(self.store, &[Extent::Everything])?;
            let (_, root) = work.places().first().expect("there is a place for each extent");
            let run = Scripts {
                finishing: self,
                runner,
                root,
            };
            run.all(&mut scripts)?;
            let changes = draft.changes(self.store, work)?;
            draft.apply(self.store, changes)?;
        }
        scripts.retain(|script| script.class != ScriptClass::Covered || script.ran);
        Ok(scripts)
    }

    /// Runs the programs that finish the root.
    pub(crate) fn jobs(
        &self,
        draft: &mut SystemDraft,
        jobs: Vec<Job>,
    ) -> Result<Vec<ActionReport>, SystemError> {
        let done: Vec<Done> = match self.runner {
            Some(runner) => self.side_by_side(draft, &jobs, runner)?,
            None => {
                let why = "nothing runs while this root is made";
                jobs.iter().map(|_| (None, Err(why.to_owned()))).collect()
            }
        };
        let mut actions = Vec::new();
        for (job, (changes, result)) in jobs.into_iter().zip(done) {
            let changed = changes
                .map(|changes| draft.apply(self.store, changes))
                .transpose()?;
            actions.push(ActionReport {
                name: job.name,
                argv: job.argv,
                changed,
                problem: result.err(),
            });
        }
        Ok(actions)
    }

    fn side_by_side(
        &self,
        draft: &SystemDraft,
        jobs: &[Job],
        runner: &dyn Runner,
    ) -> Result<Vec<Done>, SystemError> {
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let done: Mutex<BTreeMap<usize, Result<Done, SystemError>>> = Mutex::default();
        let work = || {
            while let Some((number, job)) = {
                let number = next.fetch_add(1, Ordering::Relaxed);
                jobs.get(number).map(|job| (number, job))
            } {
                let result = match stop.load(Ordering::SeqCst) || self.cancel.load(Ordering::SeqCst) {
                    true => Err(SystemError::Interrupted),
                    false => self.job(draft, job, runner),
                };
                if result.is_err() {
                    stop.store(true, Ordering::SeqCst);
                }
                done.lock().expect("no job panics with it").insert(number, result);
            }
        };
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        std::thread::scope(|scope| {
            for _ in 1..workers.min(jobs.len()) {
                scope.spawn(work);
            }
            work();
        });
        if self.cancel.load(Ordering::SeqCst) {
            return Err(SystemError::Interrupted);
        }
        let done = done.into_inner().expect("no job panics with it");
        let (whole, failed): (Vec<_>, Vec<_>) = done.into_values().partition(Result::is_ok);
        // Those that were left out for another's sake do not say why.
        let mut why = failed.into_iter().filter_map(Result::err);
        let first = why.next();
        let cause = match first {
            Some(SystemError::Interrupted) => why
                .find(|error| !matches!(error, SystemError::Interrupted))
                .or(first),
            other => other,
        };
        cause.map_or_else(|| whole.into_iter().collect(), Err)
    }

    /// Runs one job over copies of what it writes.
    fn job(&self, draft: &SystemDraft, job: &Job, runner: &dyn Runner) -> Result<Done, SystemError> {
        let work = draft.work(self.store, &job.writes)?;
        let place = Workplace::Shared {
            root: &draft.root(),
            copies: work.places(),
        };
        let result = match runner.run(job, place) {
            Ok(()) => Ok(()),
            Err(JobError::Failed(problem)) => Err(problem),
            Err(JobError::Broken(problem)) => {
                return Err(SystemError::Unfinished {
                    program: job.argv.first().cloned().unwrap_or_default(),
                    purpose: job.name.clone(),
                    problem,
                });
            }
            Err(JobError::Interrupted) => return Err(SystemError::Interrupted),
        };
        let is_aside = job.writes.iter().any(is_aside);
        if result.is_err() && !is_aside {
            return Ok((None, result));
        }
        let mut changes = draft.changes(self.store, work)?;
        if is_aside {
            changes.put.retain_mut(|change| {
                let place = actions::beside_source(&change.entry.path);
                place.map(|place| change.entry.path = place).is_some()
            });
        }
        Ok((Some(changes), result))
    }
}

/// What a job changed, and how it ended.
type Done = (Option<Changes>, Result<(), String>);

fn is_aside(extent: &Extent) -> bool {
    matches!(extent, Extent::Below(path) if path.as_bytes() == actions::BYTECODE.as_bytes())
}

/// Approved scripts in a copy of a root.
struct Scripts<'a> {
    finishing: &'a Finishing<'a>,
    runner: &'a dyn Runner,
    root: &'a Path,
}

impl Scripts<'_> {
    fn all(&self, scripts: &mut [ScriptReport]) -> Result<(), SystemError> {
        let Options {
            approved, answers, ..
        } = self.finishing.options;
        if !answers.is_empty() {
            self.answer(answers)?;
        }
        let packages = self.finishing.packages;
        let order = configured_in(packages);
        let mut configured: Vec<usize> = Vec::new();
        for kind in [ScriptKind::Preinst, ScriptKind::Postinst] {
            for number in &order {
                let label = packages[*number].label();
                let own = scripts
                    .iter_mut()
                    .find(|script| script.kind == kind && script.package == label);
                if let Some(script) = own.filter(|_| approved.contains(&label)) {
                    self.run(*number, Call::Install(kind))?;
                    script.ran = true;
                    if kind == ScriptKind::Postinst {
                        configured.push(*number);
                    }
                }
            }
        }
        self.triggers(&configured)
    }

    fn answer(&self, answers: &[String]) -> Result<(), SystemError> {
        let there = self.root.join(actions::ANSWERING).is_file();
        let result = match there {
            true => self
                .runner
                .run(&actions::answers(answers), Workplace::Own(self.root)),
            false => Err(JobError::Failed("no package of the root has debconf".to_owned())),
        };
        result.map_err(|error| match error {
            JobError::Failed(problem) | JobError::Broken(problem) => SystemError::Answers { problem },
            JobError::Interrupted => SystemError::Interrupted,
        })
    }

    fn run(&self, number: usize, call: Call<'_>) -> Result<(), SystemError> {
        if self.finishing.cancel.load(Ordering::SeqCst) {
            return Err(SystemError::Interrupted);
        }
        let package = &self.finishing.packages[number];
        let job = actions::script(package, call);
        let script = match call {
            Call::Install(kind) => kind.as_str(),
            Call::Triggered(_) => ScriptKind::Postinst.as_str(),
        };
        self.runner
            .run(&job, Workplace::Own(self.root))
            .map_err(|error| match error {
                JobError::Failed(problem) | JobError::Broken(problem) => SystemError::Script {
                    package: package.label(),
                    version: package.control.version.to_string(),
                    script,
                    problem,
                },
                JobError::Interrupted => SystemError::Interrupted,
            })
    }

    /// Lets the configured packages hear what they are interested in: files below their paths, what packages activate, and what scripts
    /// that ran triggered.
    fn triggers(&self, configured: &[usize]) -> Result<(), SystemError> {
        let store = self.finishing.store;
        let interests: Vec<(usize, BTreeSet<String>)> = configured
            .iter()
            .map(|number| {
                let text = self.finishing.packages[*number].extra_text(store, "triggers")?;
                Ok((*number, names(&text, "interest")))
            })
            .collect::<Result<_, SystemError>>()?;
        if interests.iter().all(|(_, names)| names.is_empty()) {
            return Ok(());
        }
        let mut active = self.activated(&interests)?;
        for _ in 0..ROUNDS {
            active.extend(self.taken_pending());
            let heard = std::mem::take(&mut active);
            if heard.is_empty() {
                break;
            }
            for (number, interests) in &interests {
                let names: Vec<String> = interests.intersection(&heard).cloned().collect();
                if !names.is_empty() {
                    self.run(*number, Call::Triggered(&names))?;
                }
            }
        }
        self.taken_pending();
        Ok(())
    }

    /// What is active because all packages are there.
    fn activated(&self, interests: &[(usize, BTreeSet<String>)]) -> Result<BTreeSet<String>, SystemError> {
        let mut active = BTreeSet::new();
        let packages = self.finishing.packages;
        for package in packages
            .iter()
            .filter(|package| package.extras.contains_key("triggers"))
        {
            active.extend(names(
                &package.extra_text(self.finishing.store, "triggers")?,
                "activate",
            ));
        }
        let paths: BTreeSet<&String> = interests
            .iter()
            .flat_map(|(_, names)| names)
            .filter(|name| name.starts_with('/'))
            .collect();
        for path in paths {
            let place = super::merge::merged(path);
            let is_below = |entry: &wharf_store::SystemEntry| {
                let own = super::merge::merged(&entry.path.to_lossy());
                let rest = own.strip_prefix(place.as_slice());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
            };
            if packages
                .iter()
                .any(|package| package.data.entries.iter().any(is_below))
            {
                active.insert(path.clone());
            }
        }
        Ok(active)
    }

    /// What scripts triggered by `dpkg-trigger` since it was asked last.
    fn taken_pending(&self) -> BTreeSet<String> {
        let file = self.root.join(PENDING);
        // A link could lead anywhere.
        let is_file = file.symlink_metadata().is_ok_and(|data| data.is_file());
        let text = is_file.then(|| std::fs::read_to_string(&file).ok()).flatten();
        let _ = is_file.then(|| std::fs::remove_file(&file));
        let lines = text.unwrap_or_default();
        lines
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .map(str::to_owned)
            .collect()
    }
}

/// The names behind a directive of a `triggers` file and its variants (`interest-noawait`).
fn names(text: &str, directive: &str) -> BTreeSet<String> {
    let lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default());
    let named = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        let first = words.next()?;
        let own = first == directive
            || first
                .strip_prefix(directive)
                .is_some_and(|rest| matches!(rest, "-await" | "-noawait"));
        own.then(|| words.next()).flatten().map(str::to_owned)
    });
    named.collect()
}

/// The order in which packages are configured: each after those that it depends on, as far as that goes in circles not.
fn configured_in(packages: &[Loaded]) -> Vec<usize> {
    let numbers: BTreeMap<&str, usize> = packages
        .iter()
        .enumerate()
        .map(|(number, package)| (package.name(), number))
        .collect();
    let mut order = Vec::with_capacity(packages.len());
    let mut seen = vec![false; packages.len()];
    for number in 0..packages.len() {
        visit(packages, &numbers, number, &mut seen, &mut order);
    }
    order
}

fn visit(
    packages: &[Loaded],
    numbers: &BTreeMap<&str, usize>,
    number: usize,
    seen: &mut [bool],
    order: &mut Vec<usize>,
) {
    if std::mem::replace(&mut seen[number], true) {
        return;
    }
    let relations = &packages[number].control.relations;
    let needed = relations.pre_depends.0.iter().chain(&relations.depends.0);
    for alternative in needed.flat_map(|relation| &relation.alternatives) {
        if let Some(needed) = numbers.get(alternative.name.as_str()) {
            visit(packages, numbers, *needed, seen, order);
        }
    }
    order.push(number);
}

/// Programs that ask, or that make what a root cannot have.
const OF_NO_MATTER: [&str; 4] = ["getcap", "setcap", "dbus-uuidgen", "deb-systemd-helper"];

/// Whether something that was not done calls a program of a package that is not part of every system.
pub(crate) fn matters(files: &Files, packages: &[Loaded], skipped: &[String]) -> bool {
    let lines = skipped.iter().flat_map(|text| text.lines());
    let words = lines.filter_map(|line| line.split_whitespace().next());
    let mut names = words
        .map(|word| word.rsplit('/').next().unwrap_or_default())
        .filter(|name| !OF_NO_MATTER.contains(name));
    names.any(|name| {
        let found = ["usr/bin", "usr/sbin"].iter().find_map(|folder| {
            let node = files.look(format!("{folder}/{name}").as_bytes())?;
            node.kind.is_file().then_some(node.package)?
        });
        found.is_some_and(|number| {
            let control = &packages[number as usize].control;
            let usual = matches!(control.priority.as_deref(), Some("required" | "important"));
            !control.essential && !usual
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_of_triggers_are_read_with_their_variants() {
        let text = "# made by hand\ninterest-noawait /usr/share/man\ninterest update-x # why\nactivate y\ninteresting z\n";
        let set =
            |names: &[&str]| -> BTreeSet<String> { names.iter().map(|&name| name.to_owned()).collect() };
        assert_eq!(names(text, "interest"), set(&["/usr/share/man", "update-x"]));
        assert_eq!(names(text, "activate"), set(&["y"]));
    }
}
