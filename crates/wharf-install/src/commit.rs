//! The commit sequence: journal, stage, flush, prepare, switch.
//!
//! 1. BEGIN, with the list of folders, is on disk.
//! 2. Each folder that changes is made in `stage/<tx>/<i>`, the record in `gen/`.
//! 3. All of it is flushed.
//! 4. PREPARED is on disk: **the commit point**.
//! 5. Each folder changes places with the one that stands there; files of the project are replaced.
//! 6. Caches of tools are moved over, `current` names the generation.
//! 7. COMMIT.
//! 8. What was replaced goes to the trash.
//!
//! A commit that does not wait for the disk ([`Durability::Behind`]) leaves step 3 out, and step 8 to whoever flushes
//! ([`crate::settle`]).
//!
//! Invariant: before step 4 the old environment stands untouched; after it, whoever looks next finishes what is left
//! ([`crate::redo`]). Folders that do not change are not touched.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use wharf_core::{Event, Phase, Sinks};
use wharf_store::journal::{Journal, Reserved};
use wharf_store::{Ahead, LinkReport, Placed, Store, durable};
use wharf_sys::{Governor, Work};

use crate::bytecode::{self, Compiled};
use crate::environment::Applied;
use crate::error::InstallError;
use crate::folder::{self, Folder};
use crate::foreign::{self, Standing};
use crate::generation::{CommandsPart, CratesPart, Generation, Marker, NodePart, RootRecord, SystemPart};
use crate::ground::{Ground, RootName};
use crate::plan::Plan;
use crate::python_root::PythonFolder;
use crate::redo::{self, Action, Before, Redo, Site, Step, Unsettled};
use crate::settle::{self, Behind};
use crate::state::State;
use crate::{Compile, Durability, Wanted, fault, fresh, trash};

/// Records of generations that are kept.
const RECORDS: usize = 20;

/// One change of an environment, under the lock.
pub(crate) struct Task<'a> {
    pub(crate) state: &'a State,
    pub(crate) ground: &'a Ground,
    pub(crate) current: Option<&'a Generation>,
    pub(crate) wanted: &'a Wanted,
    pub(crate) store: &'a Store,
    pub(crate) governor: &'a Governor,
    pub(crate) sinks: &'a Sinks,
    pub(crate) cancel: &'a AtomicBool,
}

/// What is put in place of what, all decided.
struct Change<'a> {
    marker: Marker,
    redo: Redo,
    python: Option<PythonFolder<'a>>,
    folders: Vec<Folder<'a>>,
    generation: Generation,
}

/// What staging did.
#[derive(Default)]
struct Staged {
    linked: LinkReport,
    written: usize,
    compiled: Option<Compiled>,
}

impl Task<'_> {
    /// Carries out a plan, with its journal where room was made for it.
    pub(crate) fn run(&self, plan: Plan, reserved: Option<Reserved>) -> Result<Applied, InstallError> {
        let number = next_number(self.state)?;
        let reserved = reserved.filter(|reserved| generation_of(reserved.tx()) == Some(number));
        let transaction = reserved
            .as_ref()
            .map_or_else(|| name(number), |reserved| reserved.tx().to_owned());
        let work = self.prepare(&plan, Marker::of(number, &transaction))?;
        // Nobody may take the fast path to an environment that is about to change.
        fresh::forget(self.state);
        // The store must not be collected while the stage links to it.
        let _shared = self.store.shared_lock(|lock| {
            self.sinks.emit(Event::Waiting {
                what: format!("another wharf that holds {}", lock.display()),
            });
        })?;
        let staged = match self.transact(&work, reserved) {
            Ok(staged) => staged,
            Err(error) => {
                // The error at hand is the one to report; what cannot be cleared now is cleared by the next command.
                let _ = redo::recover(self.site(), Unsettled::Stays);
                return Err(error);
            }
        };
        forget_old_records(self.state, number);
        let collisions = work.python.map(|python| python.layout.collisions().to_vec());
        Ok(Applied {
            generation: number,
            changed: true,
            plan,
            files: staged.linked.files,
            bytes: staged.linked.bytes,
            linked_by: staged.linked.by.as_str(),
            written: staged.written,
            compiled: staged.compiled,
            collisions: collisions.unwrap_or_default(),
        })
    }

    fn site(&self) -> Site<'_> {
        Site {
            state: self.state,
            ground: self.ground,
        }
    }

    /// Decides everything: which folder is made of what, and what the record will say.
    fn prepare(&self, plan: &Plan, marker: Marker) -> Result<Change<'_>, InstallError> {
        let redo = Redo {
            generation: marker.generation,
            steps: self.steps(plan)?,
            files: self.wanted.files.clone(),
            behind: self.behind(),
        };
        let python =
            match &self.wanted.python {
                Some(wanted) if plan.roots.make.contains(&self.ground.python_name()) => Some(
                    PythonFolder::new(wanted, self.ground.python(), &marker, self.store, self.sinks)?,
                ),
                _ => None,
            };
        let mut folders = folder::all(self.wanted);
        folders.retain(|folder| plan.roots.make.contains(&folder.name));
        let generation = self.generation(&marker, plan, python.as_ref(), &folders);
        Ok(Change {
            marker,
            redo,
            python,
            folders,
            generation,
        })
    }

    /// What is wanted, as far as the system lets it be: where starts of the machine cannot be told apart, the commit waits.
    fn durability(&self) -> Durability {
        match self.wanted.durability {
            Durability::Behind if durable::boot().is_empty() => Durability::Power,
            wanted => wanted,
        }
    }

    /// What a later start of the machine has to know of this commit.
    fn behind(&self) -> Option<Behind> {
        (self.durability() == Durability::Behind).then(|| Behind {
            boot: durable::boot(),
            store: self.store.root().to_owned(),
            before: self.state.current_number(),
        })
    }

    /// What happens to each folder, refusing what is not ours to move.
    fn steps(&self, plan: &Plan) -> Result<Vec<Step>, InstallError> {
        let make = plan.roots.make.iter().map(|root| (root, Action::Make));
        let remove = plan.roots.remove.iter().map(|root| (root, Action::Remove));
        let steps = make.chain(remove).map(|(root, action)| {
            let path = self.ground.path(root);
            let before = match foreign::movable(&path, root.kind, self.wanted.foreign)? {
                Standing::Nothing => Before::Nothing,
                Standing::Ours(transaction) => Before::Ours(transaction),
                Standing::Foreign(_) | Standing::Odd(_) => Before::Foreign,
            };
            foreign::refuse_apart(&path, self.state.directory())?;
            Ok(Step {
                root: root.clone(),
                action,
                before,
            })
        });
        steps.collect()
    }

    fn generation(
        &self,
        marker: &Marker,
        plan: &Plan,
        python: Option<&PythonFolder<'_>>,
        folders: &[Folder<'_>],
    ) -> Generation {
        let made = |name: RootName, digest: String, places, link| RootRecord {
            name,
            generation: marker.generation,
            transaction: marker.transaction.clone(),
            digest,
            places,
            link,
        };
        let kept = self.current.iter().flat_map(|current| &current.roots);
        let kept = kept.filter(|root| plan.roots.keep.contains(&root.name)).cloned();
        let mut roots: Vec<RootRecord> = kept.collect();
        roots.extend(
            python.map(|folder| made(self.ground.python_name(), String::new(), folder.places(), None)),
        );
        let linked = |folder: &Folder<'_>| {
            let (digest, places) = (folder.digest(), folder.places());
            made(folder.name.clone(), digest, places, folder.link())
        };
        roots.extend(folders.iter().map(linked));
        roots.sort_by(|left, right| left.name.cmp(&right.name));
        let standing = self.current.and_then(|current| current.python.clone());
        let node = self.wanted.node.as_ref().map(|wanted| NodePart {
            packages: wanted.packages.clone(),
            runtime: wanted.runtime.clone(),
            store: self.store.root().to_owned(),
        });
        let crates = self.wanted.crates.as_ref().map(|wanted| CratesPart {
            packages: wanted.packages.clone(),
            store: self.store.root().to_owned(),
        });
        let commands = self.wanted.commands.as_ref().map(|wanted| CommandsPart {
            tools: wanted.tools.clone(),
        });
        let system = self.wanted.system.as_ref().map(|wanted| SystemPart {
            root: wanted.root.clone(),
            packages: wanted.packages.clone(),
            store: self.store.root().to_owned(),
        });
        Generation {
            format: Generation::FORMAT,
            number: marker.generation,
            transaction: marker.transaction.clone(),
            project: self.ground.project().to_owned(),
            label: self.wanted.label.clone(),
            roots,
            python: match (&self.wanted.python, python) {
                (None, _) => None,
                (Some(_), Some(folder)) => Some(folder.part()),
                (Some(_), None) => standing,
            },
            node,
            crates,
            commands,
            system,
        }
    }

    /// Steps 1 to 8.
    fn transact(&self, work: &Change<'_>, reserved: Option<Reserved>) -> Result<Staged, InstallError> {
        let transaction = &work.marker.transaction;
        let about = serde_json::to_value(&work.redo).expect("a redo is plain data");
        let durability = self.durability();
        let flushed = durability.of_the_journal();
        let mut journal = match reserved {
            Some(reserved) => Journal::begin_in(reserved, about, flushed)?,
            None => Journal::begin(&self.state.journal(), transaction, about, flushed)?,
        };
        fault::point("begun");
        let place = self.state.stage().join(transaction);
        fs::create_dir_all(&place).map_err(InstallError::io("create", &place))?;
        let staged = self.stage(work)?;
        self.record(&work.generation)?;
        fault::point("recorded");
        self.stop_if_asked()?;
        self.sinks.emit(Event::PhaseStarted {
            phase: Phase::Commit,
            total: None,
        });
        self.sync(&place)?;
        fault::point("synced");
        self.stop_if_asked()?;
        journal.prepared()?;
        fault::point("prepared");
        if let Err(error) = work.redo.attempt(self.site(), transaction, durability)? {
            journal.abort()?;
            return Err(error);
        }
        if durability == Durability::Behind {
            journal.switched()?;
            fault::point("committed");
        } else {
            journal.commit()?;
            fault::point("committed");
            trash::discard(self.state, &place, transaction);
        }
        fault::point("trashed");
        self.sinks.emit(Event::PhaseFinished {
            phase: Phase::Commit,
            done: 1,
        });
        Ok(staged)
    }

    /// Makes every folder that changes.
    fn stage(&self, work: &Change<'_>) -> Result<Staged, InstallError> {
        self.stop_if_asked()?;
        fault::point("staging");
        let mut folders: Vec<(usize, Vec<Placed>)> = Vec::new();
        for (index, step) in work.redo.steps.iter().enumerate() {
            let python = work
                .python
                .as_ref()
                .filter(|_| step.root == self.ground.python_name());
            let linked = work.folders.iter().find(|folder| folder.name == step.root);
            match (step.action, python, linked) {
                (Action::Remove, _, _) | (Action::Make, None, None) => {}
                (Action::Make, Some(python), _) => folders.push((index, python.placed())),
                (Action::Make, None, Some(linked)) => {
                    folders.push((index, linked.placed(work.marker.text())));
                }
            }
        }
        let total = folders.iter().map(|(_, items)| items.len() as u64).sum();
        self.sinks.emit(Event::PhaseStarted {
            phase: Phase::Stage,
            total: Some(total),
        });
        let mut staged = Staged::default();
        let ahead = self.wanted.node.as_ref().and_then(|node| node.ahead.as_deref());
        let none = Ahead::new(self.wanted.link);
        let ahead = ahead.unwrap_or(&none);
        {
            let _permit = self.governor.permit_blocking(Work::Disk);
            for (index, items) in folders {
                let new = redo::staged(self.state, &work.marker.transaction, index);
                let linked = self.store.materialise_with(&items, &new, ahead)?;
                staged.linked = sum(staged.linked, linked);
                self.stop_if_asked()?;
            }
        }
        fault::point("staged");
        self.sinks.emit(Event::PhaseFinished {
            phase: Phase::Stage,
            done: total,
        });
        // Only here everything is known: another device is met when the first folder is moved.
        if let Some(reason) = ahead.why_not() {
            self.sinks.emit(Event::detail(format!(
                "npm packages are linked when all are there: {reason}"
            )));
        }
        if let Some(python) = &work.python {
            staged.written = python.written();
            let steps = &work.redo.steps;
            let index = steps
                .iter()
                .position(|step| step.root == self.ground.python_name());
            let index = index.expect("what is made is a step");
            let new = redo::staged(self.state, &work.marker.transaction, index);
            staged.compiled = self.compile(python, &new)?;
        }
        fault::point("compiled");
        Ok(staged)
    }

    /// Bytecode of the Python part that is staged at `new`: carried over, and compiled where that is wanted.
    fn compile(&self, python: &PythonFolder<'_>, new: &Path) -> Result<Option<Compiled>, InstallError> {
        let before = self.current.and_then(|current| current.python.as_ref());
        let carried = python.carry(before, new);
        if python.wanted.compile == Compile::No {
            return Ok(None);
        }
        let task = bytecode::Task {
            python: &python.wanted.python,
            stage: new,
            root: python.root,
        };
        let (governor, sinks, cancel) = (self.governor, self.sinks, self.cancel);
        bytecode::compile(&task, &python.layout, &carried, governor, sinks, cancel).map(Some)
    }

    /// Brings what is staged to the disk, and what it links to, if the commit waits for that.
    fn sync(&self, place: &Path) -> Result<(), InstallError> {
        if self.durability() != Durability::Power {
            return Ok(());
        }
        // Homes of npm packages are linked as they stand: one that is only half on disk would be half in the project.
        self.store.sync()?;
        match settle::on_one_file_system(place, self.store.root()) {
            true => Ok(()),
            false => Ok(durable::sync_filesystem(place)?),
        }
    }

    fn record(&self, generation: &Generation) -> Result<(), InstallError> {
        let text = serde_json::to_vec(generation).expect("a generation is plain data");
        let file = self.state.generation(generation.number);
        Ok(durable::replace(&file, &text, durable::Durability::Process)?)
    }

    fn stop_if_asked(&self) -> Result<(), InstallError> {
        match self.cancel.load(Ordering::Relaxed) {
            true => Err(InstallError::Interrupted),
            false => Ok(()),
        }
    }
}

/// Makes room for the journal of the next commit.
pub(crate) fn reserve(state: &State) -> Result<Reserved, InstallError> {
    let number = next_number(state)?;
    Ok(Reserved::new(&state.journal(), &name(number))?)
}

/// A name for a transaction that makes this generation, which no other has.
fn name(generation: u64) -> String {
    format!("{generation}-{}-{:x}", std::process::id(), now())
}

/// The generation that a transaction of this name makes.
pub(crate) fn generation_of(transaction: &str) -> Option<u64> {
    transaction.split('-').next()?.parse().ok()
}

fn sum(left: LinkReport, right: LinkReport) -> LinkReport {
    let mut sum = left;
    sum.files += right.files;
    sum.bytes += right.bytes;
    sum.by.reflink += right.by.reflink;
    sum.by.hardlink += right.by.hardlink;
    sum.by.copy += right.by.copy;
    sum
}

/// The number after the highest on record: a number is never used twice, even if its commit failed.
fn next_number(state: &State) -> Result<u64, InstallError> {
    Ok(records(state)?.last().copied().unwrap_or(0) + 1)
}

/// Numbers of the generations on record, sorted.
fn records(state: &State) -> Result<Vec<u64>, InstallError> {
    let directory = state.generations();
    let entries = fs::read_dir(&directory).map_err(InstallError::io("list", &directory))?;
    let number = |name: &str| name.strip_suffix(".json")?.parse().ok();
    let mut numbers: Vec<u64> = entries
        .flatten()
        .filter_map(|entry| number(entry.file_name().to_str()?))
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Deletes the records of generations long gone. Failing to is no failure of the commit.
fn forget_old_records(state: &State, newest: u64) {
    for number in records(state).unwrap_or_default() {
        if number + RECORDS as u64 <= newest {
            let _ = fs::remove_file(state.generation(number));
        }
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).expect("the time since 1970 fits 64 bits of microseconds")
}
