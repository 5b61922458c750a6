//! The commit sequence: journal, stage, flush, switch; and its undoing after a crash.
//!
//! 1. BEGIN is on disk. 2. The new environment is made in `stage/<tx>/root`, its record in `gen/`. 3. All of it is flushed.
//! 4. PREPARED is on disk. 5. `stage/<tx>/root` and `.venv` change places: **the commit point**. 6. COMMIT.
//! 7. What was replaced goes to the trash.
//!
//! Invariant: before step 5 the old environment stands untouched, after it the new one; the marker inside `.venv`, which
//! moves with it, says which. Recovery may itself be killed at any point and started again.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rayon::prelude::*;
use rustc_hash::FxHashSet;
use wharf_core::{Event, Phase, Sinks};
use wharf_store::journal::{self, Journal};
use wharf_store::{LinkReport, Placed, Store, durable};
use wharf_sys::{Governor, Work};

use crate::bytecode::{self, Compiled};
use crate::environment::{Applied, Recovered};
use crate::error::InstallError;
use crate::generation::{Generation, InstalledPackage, Marker};
use crate::layout::{Content, Item, Layout};
use crate::plan::Plan;
use crate::state::State;
use crate::venv::Skeleton;
use crate::wheel::{self, Destination};
use crate::{Compile, Durability, Wanted, fault, fresh, trash};

/// Records of generations that are kept.
const RECORDS: usize = 20;

/// One change of an environment, under the lock.
pub(crate) struct Task<'a> {
    pub(crate) state: &'a State,
    pub(crate) root: &'a Path,
    pub(crate) current: Option<&'a Generation>,
    pub(crate) wanted: &'a Wanted,
    pub(crate) store: &'a Store,
    pub(crate) governor: &'a Governor,
    pub(crate) sinks: &'a Sinks,
    pub(crate) cancel: &'a AtomicBool,
}

/// What staging did.
#[derive(Default)]
struct Staged {
    linked: LinkReport,
    written: usize,
    compiled: Option<Compiled>,
}

impl Task<'_> {
    /// Carries out a plan.
    pub(crate) fn run(&self, plan: Plan) -> Result<Applied, InstallError> {
        let number = next_number(self.state)?;
        let transaction = format!("{number}-{}-{:x}", std::process::id(), now());
        let layout = self.layout(number, &transaction)?;
        let generation = self.generation(number, &transaction, &layout);
        // Nobody may take the fast path to an environment that is about to change.
        fresh::forget(self.state);
        // The store must not be collected while the stage links to it.
        let _shared = self.store.shared_lock(|lock| {
            self.sinks.emit(Event::Waiting {
                what: format!("another wharf that holds {}", lock.display()),
            });
        })?;
        let outcome = self.transact(&transaction, &layout, &generation);
        let staged = match outcome {
            Ok(staged) => staged,
            Err(error) => {
                // The error at hand is the one to report; what cannot be cleared now is cleared by the next command.
                let _ = recover(self.state, self.root);
                return Err(error);
            }
        };
        forget_old_records(self.state, number);
        Ok(Applied {
            generation: number,
            changed: true,
            plan,
            files: staged.linked.files,
            bytes: staged.linked.bytes,
            linked_by: staged.linked.by.as_str(),
            written: staged.written,
            compiled: staged.compiled,
            collisions: layout.collisions().to_vec(),
        })
    }

    /// Everything that the environment will hold. Writes nothing but objects that the store lacks.
    fn layout(&self, number: u64, transaction: &str) -> Result<Layout, InstallError> {
        let wanted = self.wanted;
        let skeleton = Skeleton {
            python: &wanted.python,
            root: self.root,
            prompt: &wanted.prompt,
            system_site: wanted.system_site,
        };
        let mut items = skeleton.items()?;
        let marker = Marker::of(number, transaction).text();
        items.push(Item {
            path: Marker::NAME.to_owned(),
            content: Content::Bytes {
                bytes: marker,
                executable: false,
            },
        });
        let to = Destination {
            python: &wanted.python,
            root: self.root,
        };
        let mut placed: Vec<_> = wanted
            .packages
            .par_iter()
            .map(|package| wheel::place(self.store, package, to).map(|placed| (package, placed)))
            .collect::<Result<_, _>>()?;
        placed.sort_by(|(left, _), (right, _)| left.name.cmp(&right.name));
        let mut layout = Layout::new(items);
        for (package, placed) in placed {
            for warning in placed.warnings {
                self.sinks.emit(Event::warning("install/odd-wheel", warning));
            }
            layout.add(&format!("{} {}", package.name, package.version), placed.items);
        }
        layout.check()?;
        for one in layout.collisions() {
            let message = format!(
                "`{}` comes with {} and with {}; the former's is installed",
                one.path, one.kept, one.hidden
            );
            self.sinks.emit(Event::warning("install/collision", message));
        }
        Ok(layout)
    }

    fn generation(&self, number: u64, transaction: &str, layout: &Layout) -> Generation {
        let wanted = self.wanted;
        let site_packages = wanted.python.site_packages();
        let scripts = wanted.python.scheme.scripts.clone();
        let mut packages: Vec<_> = wanted
            .packages
            .iter()
            .map(|package| InstalledPackage {
                name: package.name.clone(),
                version: package.version.clone(),
                tree: package.tree,
                requested: package.requested,
                direct_url: package.direct_url.clone(),
            })
            .collect();
        packages.sort_by(|left, right| left.name.cmp(&right.name));
        Generation {
            format: Generation::FORMAT,
            number,
            transaction: transaction.to_owned(),
            root: self.root.to_owned(),
            label: wanted.label.clone(),
            python: wanted.python.clone(),
            prompt: wanted.prompt.clone(),
            system_site: wanted.system_site,
            compile: wanted.compile,
            packages,
            site_names: layout.names_in(&site_packages),
            script_names: layout.names_in(&scripts),
            site_packages,
            scripts,
        }
    }

    /// Steps 1 to 7.
    fn transact(
        &self,
        transaction: &str,
        layout: &Layout,
        generation: &Generation,
    ) -> Result<Staged, InstallError> {
        let about = serde_json::json!({
            "generation": generation.number,
            "replaces": self.current.map(|current| current.number),
            "label": generation.label,
        });
        let mut journal = Journal::begin(&self.state.journal(), transaction, about)?;
        fault::point("begun");
        let place = self.state.stage().join(transaction);
        let new = place.join("root");
        fs::create_dir_all(&new).map_err(InstallError::io("create", &new))?;
        let staged = self.stage(layout, &new)?;
        self.record(generation)?;
        fault::point("recorded");
        self.stop_if_asked()?;
        self.sinks.emit(Event::PhaseStarted {
            phase: Phase::Commit,
            total: None,
        });
        if self.wanted.durability == Durability::Power {
            durable::sync_filesystem(&new)?;
        }
        fault::point("synced");
        self.stop_if_asked()?;
        journal.prepared()?;
        fault::point("prepared");
        switch(&new, self.root)?;
        fault::point("exchanged");
        journal.commit()?;
        fault::point("committed");
        trash::discard(self.state, &place, transaction);
        fault::point("trashed");
        self.sinks.emit(Event::PhaseFinished {
            phase: Phase::Commit,
            done: 1,
        });
        Ok(staged)
    }

    /// Makes the new environment at `new`.
    fn stage(&self, layout: &Layout, new: &Path) -> Result<Staged, InstallError> {
        self.stop_if_asked()?;
        fault::point("staging");
        let total = layout.items().len() as u64;
        self.sinks.emit(Event::PhaseStarted {
            phase: Phase::Stage,
            total: Some(total),
        });
        let linked = {
            let _permit = self.governor.permit_blocking(Work::Disk);
            let placed: Vec<Placed> = layout.items().iter().map(placed).collect();
            self.store.materialise(&placed, new, self.wanted.link)?
        };
        fault::point("staged");
        self.sinks.emit(Event::PhaseFinished {
            phase: Phase::Stage,
            done: total,
        });
        self.stop_if_asked()?;
        let carried = self.carry(layout, new);
        let compiled = match self.wanted.compile {
            Compile::No => None,
            Compile::Yes => {
                let task = bytecode::Task {
                    python: &self.wanted.python,
                    stage: new,
                    root: self.root,
                };
                Some(bytecode::compile(
                    &task,
                    layout,
                    &carried,
                    self.governor,
                    self.sinks,
                    self.cancel,
                )?)
            }
        };
        fault::point("compiled");
        let written = layout
            .items()
            .iter()
            .filter(|item| matches!(item.content, Content::Bytes { .. }))
            .count();
        Ok(Staged {
            linked,
            written,
            compiled,
        })
    }

    /// Bytecode of packages that stay as they are.
    fn carry(&self, layout: &Layout, new: &Path) -> FxHashSet<String> {
        let Some(current) = self.current else {
            return FxHashSet::default();
        };
        if !current.python.same_runtime(&self.wanted.python)
            || current.python.magic != self.wanted.python.magic
        {
            return FxHashSet::default();
        }
        let before: FxHashSet<_> = current
            .packages
            .iter()
            .map(|package| (&package.name, package.tree))
            .collect();
        // Owners in the layout are the skeleton, then the packages by name.
        let mut packages: Vec<_> = self.wanted.packages.iter().collect();
        packages.sort_by(|left, right| left.name.cmp(&right.name));
        let kept: Vec<bool> = packages
            .iter()
            .map(|package| before.contains(&(&package.name, package.tree)))
            .collect();
        bytecode::carry(layout, self.root, new, &|owner| owner > 0 && kept[owner - 1])
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

/// An item in the store's words.
fn placed(item: &Item) -> Placed {
    use wharf_store::Content as Stored;
    let content = match &item.content {
        Content::Directory => Stored::Directory,
        Content::Object { id, size, executable } => Stored::Object {
            object: *id,
            size: *size,
            executable: *executable,
        },
        Content::Bytes { bytes, executable } => Stored::Bytes {
            bytes: bytes.clone(),
            executable: *executable,
        },
        Content::Link(target) => Stored::Link(target.clone()),
    };
    Placed {
        path: item.path.clone().into(),
        content,
    }
}

/// Moves the new environment into its place, and the old one, if any, into the stage. The commit point.
fn switch(new: &Path, root: &Path) -> Result<(), InstallError> {
    if !durable::rename_noreplace(new, root)? {
        durable::exchange(root, new)?;
    }
    // Both directories, or a power cut could bring back one half of the exchange.
    durable::fsync_dir(root.parent().unwrap_or(root))?;
    durable::fsync_dir(new.parent().unwrap_or(new))?;
    Ok(())
}

/// Whether a process died here, as far as a glance tells.
pub(crate) fn needs_recovery(state: &State) -> bool {
    let filled =
        |directory: PathBuf| fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some());
    filled(state.journal()) || filled(state.stage())
}

/// Finishes or takes back every transaction that is still in the journal. Under the lock.
pub(crate) fn recover(state: &State, root: &Path) -> Result<Recovered, InstallError> {
    if !needs_recovery(state) {
        return Ok(Recovered::Clean);
    }
    let (mut committed, mut discarded) = (0, 0);
    for found in journal::recover(&state.journal())? {
        let done = match found.state {
            journal::State::Committed => true,
            // A damaged journal may say less than was done; the marker does not.
            journal::State::Begun | journal::State::Prepared => finish_switch(state, root, &found.tx)?,
        };
        match done {
            true => committed += 1,
            false => discarded += 1,
        }
        found.close()?;
    }
    clear_stage(state)?;
    match committed + discarded {
        0 => Ok(Recovered::Clean),
        _ => Ok(Recovered::Repaired { committed, discarded }),
    }
}

/// Looks which side of the commit point a transaction reached; whether the new environment stands.
fn finish_switch(state: &State, root: &Path, transaction: &str) -> Result<bool, InstallError> {
    // On file systems that cannot exchange in one step, the old environment may be away under an interim name.
    durable::undo_swap(root)?;
    let interim = root.with_file_name(format!(
        "{}.swap",
        root.file_name().unwrap_or_default().to_string_lossy()
    ));
    let done = Marker::read(root).is_some_and(|marker| marker.transaction == transaction);
    if done && interim.is_dir() {
        trash::discard(state, &interim, &format!("{transaction}.swap"));
    }
    Ok(done)
}

/// Stages that no transaction owns any more go to the trash.
fn clear_stage(state: &State) -> Result<(), InstallError> {
    let Ok(entries) = fs::read_dir(state.stage()) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        trash::discard(state, &entry.path(), &entry.file_name().to_string_lossy());
    }
    Ok(())
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
