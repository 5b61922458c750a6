//! The switch of several folders as one, and its completion after a crash.
//!
//! A transaction lists its steps when it begins: which folders are put in place and which are taken away. Until PREPARED
//! is on disk nothing of it counts; from then on every step is done, by the process that prepared it or by the next that
//! looks. Each step is one `rename` or one exchange, so each folder is whole at every instant.
//!
//! Invariant: a step is done at most once, however often this is killed and started again: whether it was done shows
//! in the marker of the folder that stands there. A folder that others put there since the crash is left alone.
//! What differs where a commit does not wait for the disk is in [`crate::settle`].

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wharf_store::durable;
use wharf_store::journal;

use crate::environment::Recovered;
use crate::error::InstallError;
use crate::foreign::{self, Standing};
use crate::generation::{Generation, Marker};
use crate::ground::{Ground, RootKind, RootName};
use crate::settle::{self, Behind};
use crate::state::State;
use crate::{Durability, FileChange, caches, commit, fault, text_file, trash};

/// What a transaction does once it is prepared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Redo {
    /// The generation that stands afterwards.
    pub(crate) generation: u64,
    /// In this order; the i-th folder is staged as `<i>`, and what it replaces ends there.
    pub(crate) steps: Vec<Step>,
    /// Files that change after the folders.
    #[serde(default)]
    pub(crate) files: Vec<FileChange>,
    /// Where the commit does not wait for the disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) behind: Option<Behind>,
}

/// One folder that is switched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) root: RootName,
    pub(crate) action: Action,
    /// What stood there when the transaction began.
    pub(crate) before: Before,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Action {
    /// The staged folder is put there.
    Make,
    /// What stands there is taken away.
    Remove,
}

/// What stood at the place of a step before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Before {
    /// Nothing that would be missed.
    Nothing,
    /// The folder of this transaction.
    Ours(String),
    /// Somebody else's folder, which was to be replaced.
    Foreign,
    /// Unknown: the journal is damaged.
    Unknown,
}

/// Where a redo happens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site<'a> {
    pub(crate) state: &'a State,
    pub(crate) ground: &'a Ground,
}

/// How a step was done, to take it back.
enum Done {
    Exchanged,
    Renamed,
    TakenAway,
}

impl Redo {
    /// Carries out every step that is not done yet, then names the generation as the current one.
    ///
    /// # Errors
    /// A folder cannot be moved. What was done stays done; the next attempt goes on from there.
    pub(crate) fn roll_forward(
        &self,
        site: Site<'_>,
        transaction: &str,
        durability: Durability,
    ) -> Result<(), InstallError> {
        for index in 0..self.steps.len() {
            self.perform(site, transaction, index)?;
            fault::point("exchanged");
        }
        for change in &self.files {
            text_file::change(site.ground.project(), change, durability)?;
        }
        fault::point("written");
        self.finish(site, transaction, durability)
    }

    /// As [`Self::roll_forward`]; where a step fails, takes back those before it.
    ///
    /// # Errors
    /// `Ok(Err(_))` if the steps were taken back, `Err(_)` if that failed too and the next command has to go on.
    pub(crate) fn attempt(
        &self,
        site: Site<'_>,
        transaction: &str,
        durability: Durability,
    ) -> Result<Result<(), InstallError>, InstallError> {
        let mut done = Vec::new();
        for index in 0..self.steps.len() {
            match self.perform(site, transaction, index) {
                Ok(how) => done.extend(how.map(|how| (index, how))),
                Err(error) => {
                    for (index, how) in done.into_iter().rev() {
                        self.take_back(site, transaction, index, &how)?;
                    }
                    return Ok(Err(error));
                }
            }
            fault::point("exchanged");
        }
        for (index, change) in self.files.iter().enumerate() {
            if let Err(error) = text_file::change(site.ground.project(), change, durability) {
                for change in self.files[..index].iter().rev() {
                    text_file::change(site.ground.project(), &change.inverted(), durability)?;
                }
                for (index, how) in done.into_iter().rev() {
                    self.take_back(site, transaction, index, &how)?;
                }
                return Ok(Err(error));
            }
        }
        fault::point("written");
        self.finish(site, transaction, durability)?;
        Ok(Ok(()))
    }

    /// Does one step, unless it is done, or somebody changed what it is about.
    fn perform(&self, site: Site<'_>, transaction: &str, index: usize) -> Result<Option<Done>, InstallError> {
        let step = &self.steps[index];
        let root = site.ground.path(&step.root);
        let staged = staged(site.state, transaction, index);
        let found = foreign::standing(&root, step.root.kind)?;
        if !step.expects(&found) {
            tracing::debug!(root = %root.display(), ?found, "left alone");
            return Ok(None);
        }
        match step.action {
            Action::Remove => {
                durable::rename_noreplace(&root, &staged)?;
                Ok(Some(Done::TakenAway))
            }
            Action::Make if !made_by(&staged, transaction) => Ok(None),
            Action::Make if !root.parent().is_some_and(Path::is_dir) => Ok(None),
            Action::Make if durable::rename_noreplace(&staged, &root)? => Ok(Some(Done::Renamed)),
            Action::Make => {
                durable::exchange(&root, &staged)?;
                Ok(Some(Done::Exchanged))
            }
        }
    }

    fn take_back(
        &self,
        site: Site<'_>,
        transaction: &str,
        index: usize,
        how: &Done,
    ) -> Result<(), InstallError> {
        let root = site.ground.path(&self.steps[index].root);
        let staged = staged(site.state, transaction, index);
        match how {
            Done::Exchanged => durable::exchange(&root, &staged)?,
            Done::Renamed => drop(durable::rename_noreplace(&root, &staged)?),
            Done::TakenAway => drop(durable::rename_noreplace(&staged, &root)?),
        }
        Ok(())
    }

    /// What comes after the last step.
    fn finish(&self, site: Site<'_>, transaction: &str, durability: Durability) -> Result<(), InstallError> {
        fault::point("switched");
        for (index, step) in self.steps.iter().enumerate() {
            if (step.action, step.root.kind) == (Action::Make, RootKind::Node) {
                let root = site.ground.path(&step.root);
                if made_by(&root, transaction) {
                    caches::carry(&staged(site.state, transaction, index), &root);
                }
            }
        }
        fault::point("carried");
        if durability == Durability::Power {
            self.sync_folders(site, transaction)?;
        }
        let number = format!("{}\n", self.generation);
        durable::replace(
            &site.state.current(),
            number.as_bytes(),
            durability.of_the_switch(),
        )?;
        fault::point("named");
        Ok(())
    }

    /// Flushes both sides of every step, or a power cut could bring back one half of an exchange after the journal that
    /// would mend it is gone.
    fn sync_folders(&self, site: Site<'_>, transaction: &str) -> Result<(), InstallError> {
        let mut folders: Vec<PathBuf> = vec![site.state.stage().join(transaction)];
        for step in &self.steps {
            let root = site.ground.path(&step.root);
            folders.extend(root.parent().map(Path::to_owned));
        }
        folders.sort();
        folders.dedup();
        // At once, so that the file system can write them to its own journal together.
        folders
            .par_iter()
            .filter(|folder| folder.is_dir())
            .try_for_each(|folder| Ok(durable::fsync_dir(folder)?))
    }

    /// What a transaction was about, from its journal, or from its record where the journal is damaged.
    fn of(state: &State, transaction: &str, data: &Value) -> Option<Self> {
        if let Ok(redo) = Self::deserialize(data) {
            return Some(redo);
        }
        let number = commit::generation_of(transaction)?;
        let record = Generation::read(&state.generation(number)).ok()??;
        let made = record
            .roots
            .into_iter()
            .filter(|root| root.transaction == transaction);
        Some(Self {
            generation: number,
            steps: made
                .map(|root| Step {
                    root: root.name,
                    action: Action::Make,
                    before: Before::Unknown,
                })
                .collect(),
            files: Vec::new(),
            behind: None,
        })
    }

    /// Whether any folder was put in place, which nobody does before PREPARED.
    fn begun(&self, site: Site<'_>, transaction: &str) -> bool {
        let mut made = self.steps.iter().filter(|step| step.action == Action::Make);
        made.any(|step| made_by(&site.ground.path(&step.root), transaction))
    }

    /// On file systems that cannot exchange in one step, a folder may be away under an interim name.
    fn settle(&self, site: Site<'_>, transaction: &str) -> Result<(), InstallError> {
        for (index, step) in self.steps.iter().enumerate() {
            let root = site.ground.path(&step.root);
            durable::undo_swap(&root)?;
            let mut interim = root.clone().into_os_string();
            interim.push(".swap");
            let (interim, staged) = (PathBuf::from(interim), staged(site.state, transaction, index));
            // The new folder stands, and the old one was not yet put where it belongs.
            if made_by(&root, transaction) && interim.is_dir() {
                durable::rename_noreplace(&interim, &staged)?;
            }
        }
        Ok(())
    }
}

impl Step {
    /// Whether what stands there is still what the step was made for.
    fn expects(&self, found: &Standing) -> bool {
        match (self.action, &self.before, found) {
            (_, _, Standing::Odd(_)) | (Action::Remove, _, Standing::Nothing | Standing::Foreign(_)) => false,
            (_, Before::Ours(before), Standing::Ours(now)) => before == now,
            (Action::Make, _, Standing::Nothing) => true,
            (_, Before::Foreign, Standing::Foreign(_)) => true,
            // A damaged journal: only what is Wharf's is replaced.
            (_, Before::Unknown, Standing::Ours(_)) => true,
            (_, _, Standing::Ours(_) | Standing::Foreign(_)) => false,
        }
    }
}

/// Where the i-th folder of a transaction is staged.
pub(crate) fn staged(state: &State, transaction: &str, index: usize) -> PathBuf {
    state.stage().join(transaction).join(index.to_string())
}

fn made_by(root: &Path, transaction: &str) -> bool {
    Marker::read(root).is_some_and(|marker| marker.transaction == transaction)
}

/// Whether a process died here, or a commit is not settled, as far as a glance tells.
pub(crate) fn needs_recovery(state: &State) -> bool {
    has_journal(state) || filled(&state.stage())
}

/// Whether any transaction is not closed.
pub(crate) fn has_journal(state: &State) -> bool {
    journal::has_begun(&state.journal())
}

fn filled(directory: &Path) -> bool {
    fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some())
}

/// What becomes of a commit that stands and is not flushed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsettled {
    /// It is left as it is: it stands for everybody who looks.
    Stays,
    /// It is flushed.
    Settles,
}

/// What became of one transaction.
enum Fate {
    /// It had passed the commit point, and is finished.
    Committed,
    /// Nothing of it stands.
    Discarded,
    /// It was finished and not flushed, and is now.
    Settled,
    /// It is finished and not flushed, and stays so.
    Waits,
}

/// Finishes every transaction that is prepared and takes back the others. Under the lock.
///
/// # Errors
/// A folder cannot be moved, or leftovers cannot be cleared away.
pub(crate) fn recover(site: Site<'_>, unsettled: Unsettled) -> Result<Recovered, InstallError> {
    let (mut committed, mut discarded, mut waiting) = (0, 0, Vec::new());
    for found in journal::recover(&site.state.journal())? {
        match resume(site, &found, unsettled)? {
            Fate::Committed => committed += 1,
            Fate::Discarded => discarded += 1,
            Fate::Settled => {}
            Fate::Waits => {
                waiting.push(found.tx);
                continue;
            }
        }
        fault::point("resumed");
        found.close()?;
    }
    clear_stage(site.state, &waiting);
    match committed + discarded {
        0 => Ok(Recovered::Clean),
        _ => Ok(Recovered::Repaired { committed, discarded }),
    }
}

/// Goes on with one transaction.
fn resume(site: Site<'_>, found: &journal::Outcome, unsettled: Unsettled) -> Result<Fate, InstallError> {
    let redo = Redo::of(site.state, &found.tx, &found.data);
    let behind = redo.as_ref().and_then(|redo| redo.behind.as_ref());
    if let (Some(redo), Some(behind)) = (&redo, behind)
        && !behind.is_of_now()
    {
        settle::roll_back(redo, site, &found.tx, behind)?;
        return Ok(Fate::Discarded);
    }
    if found.state == journal::State::Committed {
        return match (behind, unsettled) {
            (None, _) => Ok(Fate::Committed),
            (Some(_), Unsettled::Stays) => Ok(Fate::Waits),
            (Some(behind), Unsettled::Settles) => settle::settle(site, behind).map(|()| Fate::Settled),
        };
    }
    let Some(redo) = &redo else {
        return Ok(Fate::Discarded);
    };
    redo.settle(site, &found.tx)?;
    // A damaged journal may say less than was done; the folders do not.
    if found.state == journal::State::Begun && !redo.begun(site, &found.tx) {
        return Ok(Fate::Discarded);
    }
    // Whoever has to go on for another waits for the disk: then it is done.
    redo.roll_forward(site, &found.tx, Durability::Power)?;
    if let Some(behind) = behind {
        settle::settle(site, behind)?;
    }
    Ok(Fate::Committed)
}

/// Stages that no transaction owns any more go to the trash.
fn clear_stage(state: &State, owned: &[String]) {
    for entry in fs::read_dir(state.stage()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !owned.contains(&name) {
            trash::discard(state, &entry.path(), &name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    /// A folder on another file system than the temporary one, where the machine has one.
    fn elsewhere(than: &Path) -> Option<tempfile::TempDir> {
        let other = tempfile::tempdir_in("/dev/shm").ok()?;
        let device = |path: &Path| fs::metadata(path).unwrap().dev();
        (device(other.path()) != device(than)).then_some(other)
    }

    fn folder(path: &Path, transaction: &str) {
        fs::create_dir_all(path).unwrap();
        fs::write(path.join(Marker::NAME), Marker::of(1, transaction).text()).unwrap();
    }

    fn step(path: &str, action: Action, before: Before) -> Step {
        Step {
            root: RootName {
                kind: RootKind::Node,
                path: path.to_owned(),
            },
            action,
            before,
        }
    }

    #[test]
    fn a_step_that_fails_takes_back_those_before_it() {
        let temporary = tempfile::tempdir().unwrap();
        let Some(other) = elsewhere(temporary.path()) else {
            return;
        };
        let project = temporary.path().join("project");
        let state = State::new(project.join(".wharf"));
        fs::create_dir_all(&project).unwrap();
        state.create().unwrap();
        let ground = Ground::new(&project, &project.join(".venv"), &project.join(".wharf"));
        let site = Site {
            state: &state,
            ground: &ground,
        };
        let marked = |path: &str| Marker::read(&project.join(path)).map(|marker| marker.transaction);
        folder(&project.join("a/node_modules"), "1-old");
        folder(&project.join("gone/node_modules"), "1-old");
        fs::create_dir_all(project.join("b")).unwrap();
        for index in [0, 1, 3] {
            folder(&staged(&state, "2-new", index), "2-new");
        }
        let far = format!("{}{}/node_modules", "../".repeat(20), other.path().display());
        let ours = || Before::Ours("1-old".to_owned());
        let redo = Redo {
            generation: 2,
            steps: vec![
                step("a/node_modules", Action::Make, ours()),
                step("b/node_modules", Action::Make, Before::Nothing),
                step("gone/node_modules", Action::Remove, ours()),
                // No rename leads from one file system to another.
                step(&far, Action::Make, Before::Nothing),
            ],
            files: Vec::new(),
            behind: None,
        };
        let outcome = redo.attempt(site, "2-new", Durability::Process).unwrap();
        assert!(outcome.is_err());
        assert_eq!(marked("a/node_modules").as_deref(), Some("1-old"));
        assert_eq!(marked("gone/node_modules").as_deref(), Some("1-old"));
        assert!(!project.join("b/node_modules").exists());
        assert_eq!(state.current_number(), None);
        // Without the step that fails, all of it goes.
        let mut redo = redo;
        redo.steps.pop();
        redo.attempt(site, "2-new", Durability::Process).unwrap().unwrap();
        assert_eq!(marked("a/node_modules").as_deref(), Some("2-new"));
        assert_eq!(marked("b/node_modules").as_deref(), Some("2-new"));
        assert!(!project.join("gone/node_modules").exists());
        assert_eq!(state.current_number(), Some(2));
        // And once more changes nothing.
        redo.roll_forward(site, "2-new", Durability::Process).unwrap();
        assert_eq!(marked("a/node_modules").as_deref(), Some("2-new"));
    }

    #[test]
    fn what_a_step_expects() {
        let ours = || Standing::Ours("1".to_owned());
        let check = |action, before: Before, found: Standing, expected| {
            let one = step("x", action, before.clone());
            assert_eq!(one.expects(&found), expected, "{action:?} {before:?} {found:?}");
        };
        for action in [Action::Make, Action::Remove] {
            let make = action == Action::Make;
            check(action, Before::Ours("1".to_owned()), ours(), true);
            check(action, Before::Ours("2".to_owned()), ours(), false);
            check(action, Before::Ours("1".to_owned()), Standing::Nothing, make);
            check(action, Before::Nothing, Standing::Nothing, make);
            check(action, Before::Nothing, ours(), false);
            check(action, Before::Nothing, Standing::Foreign("x"), false);
            check(action, Before::Foreign, Standing::Foreign("x"), make);
            check(action, Before::Foreign, ours(), false);
            check(action, Before::Unknown, ours(), true);
            check(action, Before::Unknown, Standing::Foreign("x"), false);
            check(action, Before::Foreign, Standing::Odd("x"), false);
        }
    }
}
