//! What goes on behind a command: flushing what it made, and deleting what it replaced.
//!
//! A commit that does not wait for the disk is finished by a process of its own, this same program, which outlives the
//! command. It waits until the command ends, whose locks end with it, then settles what it was told of. If it cannot be
//! started, or dies, the next commit does the same first: nothing depends on it but time.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use wharf_core::NullSink;
use wharf_install::Environment;
use wharf_store::Store;

use crate::error::OpsError;

/// When a commit's files are flushed to the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flush {
    /// Before it: a command that succeeded survives a power cut.
    #[default]
    Before,
    /// After it, behind the command: a power cut until then brings the environment before it back.
    After,
}

impl Flush {
    /// What the word of `WHARF_FLUSH` means; `None` if it is none.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "before" => Some(Self::Before),
            "after" => Some(Self::After),
            _ => None,
        }
    }

    /// What suits this machine: after the commit, unless whatever would do it ends with the command, as in a container.
    #[must_use]
    pub fn for_machine() -> Self {
        match wharf_sys::process::may_outlive() {
            true => Self::After,
            false => Self::Before,
        }
    }
}

/// The projects whose last commit was not flushed.
#[derive(Debug, Default)]
pub(crate) struct Unsettled(Mutex<BTreeSet<PathBuf>>);

impl Unsettled {
    pub(crate) fn note(&self, project: &Path) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(project.to_owned());
    }

    fn take(&self) -> BTreeSet<PathBuf> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Starts the process that settles them, if there are any: `<this program> settle <store> <project>…`.
    pub(crate) fn start(&self, store: &Path) {
        let projects = self.take();
        if projects.is_empty() {
            return;
        }
        if let Err(error) = start(store, &projects) {
            tracing::debug!(%error, "nothing goes on behind this command");
        }
    }
}

fn start(store: &Path, projects: &BTreeSet<PathBuf>) -> io::Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("settle")
        .arg(store)
        .args(projects)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    #[cfg(unix)]
    // Its own group: a Ctrl-C at the terminal is not meant for it.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let child = command.spawn()?;
    // The other end of its standard input closes when this process ends, or becomes another program. Nobody waits for it.
    std::mem::forget(child);
    Ok(())
}

/// Waits until whoever started this has ended, then flushes the store and the last commit of each project.
///
/// # Errors
/// The disk failed to take a write: the commits stay unsettled.
pub fn run(store: &Path, projects: &[PathBuf]) -> Result<(), OpsError> {
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
    let (sinks, cancel) = (NullSink::shared(), AtomicBool::new(false));
    for project in projects {
        let environment = Environment::locate(project);
        // A project that was deleted meanwhile is not made again.
        if environment.state_directory().is_dir() {
            environment.settle(&sinks, &cancel)?;
        }
    }
    if store.join("format").is_file() {
        Store::open(store)?.settle()?;
    }
    Ok(())
}
