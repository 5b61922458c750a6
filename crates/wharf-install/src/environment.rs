//! An environment of a project, and the ways to look at it and to change it.
//!
//! Invariant: whatever happens to a process that changes it, whoever opens the environment next finds the old one or the
//! new one, whole, and the leftovers are cleared away under the lock.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use wharf_core::{Event, Sinks};
use wharf_store::journal::Reserved;
use wharf_store::{Ahead, LinkMode, Store};
use wharf_sys::Governor;

use crate::bytecode::Compiled;
use crate::error::InstallError;
use crate::foreign;
use crate::fresh::{self, Fingerprint, Freshness};
use crate::generation::Generation;
use crate::ground::{Ground, RootKind, RootName};
use crate::layout::Collision;
use crate::plan::Plan;
use crate::redo::{self, Site, Unsettled};
use crate::state::State;
use crate::wanted::SYSTEM_LINK;
use crate::{Durability, Foreign, Wanted, alike, commit, drift, trash};

/// The `.venv`, the `node_modules`, the crates and the commands of a project, and their records.
#[derive(Clone, Debug)]
pub struct Environment {
    ground: Ground,
    state: State,
    /// Room for the journal of the next commit.
    reserved: Arc<Mutex<Option<Reserved>>>,
}

/// What a commit did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Applied {
    /// The generation that stands now.
    pub generation: u64,
    /// Whether anything was done; `false` if the environment was already what is wanted.
    pub changed: bool,
    /// What was changed: the plan that was carried out, which differs from the one given if another process was faster.
    pub plan: Plan,
    /// Files that came out of the store.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How most of them came: `reflink`, `hardlink`, `copy`.
    pub linked_by: &'static str,
    /// Files written for this environment.
    pub written: usize,
    /// Bytecode, if it was wanted.
    pub compiled: Option<Compiled>,
    /// Paths that several packages wanted.
    pub collisions: Vec<Collision>,
}

/// What was found of a process that died.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recovered {
    /// Nothing: no transaction was under way.
    Clean,
    /// Transactions were finished or taken back.
    Repaired {
        /// Those that had passed the commit point: the new environment stands.
        committed: usize,
        /// Those that had not: the old one stands.
        discarded: usize,
    },
    /// Another process is changing the environment now.
    Busy,
}

impl Environment {
    /// The environment of a project: `.venv` and every `node_modules`, with its records in `.wharf`. Repairs what a dead
    /// process left.
    ///
    /// # Errors
    /// Leftovers cannot be cleared away.
    pub fn open(project: &Path) -> Result<Self, InstallError> {
        if project.to_str().is_none() {
            return Err(InstallError::UnwritablePath {
                path: project.to_owned(),
                reason: "is not Unicode",
            });
        }
        let environment = Self::locate(project);
        environment.recover()?;
        Ok(environment)
    }

    /// A free-standing Python environment at `root`, with its records in `.<name>.wharf` beside it. Repairs as [`Self::open`].
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn at(root: &Path) -> Result<Self, InstallError> {
        let mut name = OsString::from(".");
        name.push(root.file_name().unwrap_or_else(|| "environment".as_ref()));
        name.push(".wharf");
        let environment = Self::with_state(root, &root.parent().unwrap_or(root).join(name));
        environment.recover()?;
        Ok(environment)
    }

    /// As [`Self::open`], without looking at anything: for the fast path.
    #[must_use]
    pub fn locate(project: &Path) -> Self {
        Self::with_state(&project.join(".venv"), &project.join(".wharf"))
    }

    /// An environment whose records lie where one says; both must be on one file system. Looks at nothing.
    #[must_use]
    pub fn with_state(root: &Path, state: &Path) -> Self {
        let state = std::path::absolute(state).unwrap_or_else(|_| state.to_owned());
        Self {
            ground: Ground::new(root.parent().unwrap_or(root), root, &state),
            state: State::new(state),
            reserved: Arc::default(),
        }
    }

    /// Where its Python part stands, if it has one.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.ground.python()
    }

    /// The project that it belongs to.
    #[must_use]
    pub fn project(&self) -> &Path {
        self.ground.project()
    }

    /// The directory of its Python part's commands, if that stands.
    ///
    /// # Errors
    /// As [`Self::current`].
    pub fn scripts(&self) -> Result<Option<PathBuf>, InstallError> {
        Ok(self
            .current()?
            .and_then(|generation| generation.python)
            .map(|python| self.root().join(python.scripts)))
    }

    /// The directory of the commands of its tools, whether it stands or not.
    #[must_use]
    pub fn commands(&self) -> PathBuf {
        self.ground.path(&RootName::commands())
    }

    /// The directory of the crates that cargo reads, whether it stands or not.
    #[must_use]
    pub fn crates(&self) -> PathBuf {
        self.ground.path(&RootName::crates())
    }

    /// The system root that its commands run in, if it has one.
    #[must_use]
    pub fn system(&self) -> Option<PathBuf> {
        std::fs::read_link(self.ground.path(&RootName::system()).join(SYSTEM_LINK)).ok()
    }

    /// Where programs that run in the system root keep what they change of `/etc` and `/var`. No commit touches it.
    #[must_use]
    pub fn system_state(&self) -> PathBuf {
        self.state.directory().join("system-state")
    }

    /// Where its records lie.
    #[must_use]
    pub fn state_directory(&self) -> &Path {
        self.state.directory()
    }

    /// The generation that stands now; `None` if there is no environment, or none of Wharf's. Folders that somebody removed
    /// or replaced are not part of it.
    ///
    /// # Errors
    /// The record of the generation is damaged.
    pub fn current(&self) -> Result<Option<Generation>, InstallError> {
        let Some(number) = self.state.current_number() else {
            return Ok(None);
        };
        match Generation::read(&self.state.generation(number)) {
            // An environment whose records were deleted: Wharf's, but nothing is known of it.
            Err(InstallError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
            other => Ok(other?.and_then(|generation| generation.standing(&self.ground))),
        }
    }

    /// The number of the generation that stands, as far as the records say: to be compared with a later one.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        self.state.current_number()
    }

    /// Whether a sync with this key has anything to do. Takes no lock, runs nothing, reads one file.
    #[must_use]
    pub fn is_current(&self, key: &str) -> Freshness {
        fresh::check(&self.state, &self.ground, key)
    }

    /// Records that a sync found or made everything current, for [`Self::is_current`] to find.
    ///
    /// # Errors
    /// As [`Self::current`].
    pub fn note_current(&self, fingerprint: &Fingerprint) -> Result<(), InstallError> {
        if let Some(generation) = self.current()? {
            fresh::note(&self.state, &self.ground, &generation, fingerprint);
        }
        Ok(())
    }

    /// What [`Self::apply`] would change.
    ///
    /// # Errors
    /// As [`Self::current`].
    pub fn plan(&self, wanted: &Wanted) -> Result<Plan, InstallError> {
        let current = self.current()?;
        let drift = current
            .as_ref()
            .map(|generation| drift::look(&self.ground, generation))
            .unwrap_or_default();
        Ok(Plan::new(
            current.as_ref(),
            drift,
            wanted,
            &self.ground.python_name(),
        ))
    }

    /// Refuses a plan that would move folders which are not Wharf's, as [`Environment::apply`] would.
    ///
    /// # Errors
    /// There is such a folder, and it is not to be replaced.
    pub fn permit(&self, plan: &Plan, wanted: &Wanted) -> Result<(), InstallError> {
        for root in plan.roots.make.iter().chain(&plan.roots.remove) {
            foreign::movable(&self.ground.path(root), root.kind, wanted.foreign)?;
        }
        Ok(())
    }

    /// Refuses the project's own folders of these kinds where they are not Wharf's to replace: what can be known before a plan
    /// is, and before anything is fetched for it.
    ///
    /// # Errors
    /// As [`Environment::permit`].
    pub fn permit_kinds(&self, kinds: &[RootKind], foreign: Foreign) -> Result<(), InstallError> {
        for kind in kinds {
            let name = match kind {
                RootKind::Python => self.ground.python_name(),
                RootKind::Node => RootName::node("."),
                RootKind::Crates | RootKind::Commands | RootKind::System => continue, // they lie in Wharf's own folder
            };
            foreign::movable(&self.ground.path(&name), *kind, foreign)?;
        }
        Ok(())
    }

    /// Where packages of npm can be linked before the environment is changed, to be had by [`crate::NodeWanted::ahead`]; `None` where
    /// nothing can be moved from the store into the project, or would be another's, less accessible or labelled otherwise there than what
    /// is made in it.
    #[must_use]
    pub fn ahead(&self, store: &Store, link: LinkMode) -> Option<Ahead> {
        // What is made takes after the folder that it is made in: the stage, or what that will be made in.
        let stage = self.state.stage();
        let place = [stage.as_path(), self.state.directory()]
            .into_iter()
            .find(|place| place.is_dir())
            .unwrap_or(self.ground.project());
        alike::made_alike(place, &store.stage_folder()).then(|| Ahead::new(link))
    }

    /// A commit is likely to come: makes room for its journal, and flushes that while others work. Where it cannot, the commit says why.
    pub fn expect_commit(&self) {
        let reserved = self.state.create().and_then(|()| commit::reserve(&self.state));
        match reserved {
            Ok(reserved) => *self.reserved() = Some(reserved),
            Err(error) => tracing::debug!(%error, "no room was made for a journal"),
        }
    }

    fn reserved(&self) -> std::sync::MutexGuard<'_, Option<Reserved>> {
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the environment what is wanted, in one step that cannot be interrupted half-way. Waits for other processes.
    /// If one of them changed the environment since `plan` was made, plans again.
    ///
    /// # Errors
    /// Whatever went wrong, the environment is as it was.
    pub fn apply(
        &self,
        plan: &Plan,
        wanted: &Wanted,
        store: &Store,
        governor: &Governor,
        sinks: &Sinks,
        cancel: &AtomicBool,
    ) -> Result<Applied, InstallError> {
        self.state.create()?;
        let _held = self.state.lock(sinks, cancel)?;
        crate::fault::point("locked");
        redo::recover(self.site(), Unsettled::Settles)?;
        let current = self.current()?;
        let plan = match current.as_ref().map(|generation| generation.number) == plan.base {
            true => plan.clone(),
            false => self.plan(wanted)?,
        };
        if plan.is_empty() {
            *self.reserved() = None;
            let generation = plan.base.unwrap_or_default();
            return Ok(Applied {
                generation,
                plan,
                ..Applied::default()
            });
        }
        for name in &plan.foreign {
            sinks.emit(Event::warning(
                "install/foreign-package",
                format!("{name} is not in the lockfile and goes"),
            ));
        }
        let task = commit::Task {
            state: &self.state,
            ground: &self.ground,
            current: current.as_ref(),
            wanted,
            store,
            governor,
            sinks,
            cancel,
        };
        let reserved = self.reserved().take();
        let applied = match task.run(plan, reserved) {
            Ok(applied) => applied,
            Err(error) => {
                // What was made so far may be what fills the disk, and nobody would come behind a command that failed. Who stopped
                // it does not want to wait.
                match error {
                    InstallError::Interrupted => trash::sweep_behind(&self.state),
                    _ => trash::sweep(&self.state),
                }
                return Err(error);
            }
        };
        if wanted.durability != Durability::Behind {
            trash::sweep_behind(&self.state);
        }
        Ok(applied)
    }

    /// Finishes or takes back what a dead process left. Called by [`Self::open`]; safe to call at any time.
    ///
    /// # Errors
    /// Leftovers cannot be cleared away.
    pub fn recover(&self) -> Result<Recovered, InstallError> {
        if !redo::needs_recovery(&self.state) {
            return Ok(Recovered::Clean);
        }
        match self.state.try_lock()? {
            None => Ok(Recovered::Busy),
            Some(_held) => redo::recover(self.site(), Unsettled::Stays),
        }
    }

    /// Flushes what the last commit made if it did not wait for the disk, and deletes what it replaced. From then on it
    /// survives a power cut.
    ///
    /// # Errors
    /// The disk failed to take a write, or the lock cannot be taken.
    pub fn settle(&self, sinks: &Sinks, cancel: &AtomicBool) -> Result<(), InstallError> {
        if !redo::needs_recovery(&self.state) && trash::is_empty(&self.state) {
            return Ok(());
        }
        let _held = self.state.lock(sinks, cancel)?;
        redo::recover(self.site(), Unsettled::Settles)?;
        trash::sweep(&self.state);
        Ok(())
    }

    /// Deletes what earlier commits replaced, now. [`Self::apply`] does so in the background.
    ///
    /// # Errors
    /// The lock cannot be taken.
    pub fn sweep(&self) -> Result<(), InstallError> {
        if !trash::is_empty(&self.state)
            && let Some(_held) = self.state.try_lock()?
        {
            trash::sweep(&self.state);
        }
        Ok(())
    }

    fn site(&self) -> Site<'_> {
        Site {
            state: &self.state,
            ground: &self.ground,
        }
    }
}
