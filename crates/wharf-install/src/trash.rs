//! What was replaced, on its way out.
//!
//! Invariant: whatever is in the trash is of no use to anybody, so removing it can stop and start again at any point. It
//! happens behind the user's back where it can: a large environment takes longer to delete than to make.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use wharf_store::durable::remove_tree;

use crate::state::State;

/// Whether there is nothing to remove.
pub(crate) fn is_empty(state: &State) -> bool {
    !fs::read_dir(state.trash()).is_ok_and(|mut entries| entries.next().is_some())
}

/// Moves a directory into the trash. Not being able to is no failure of the commit: the next command tries again.
pub(crate) fn discard(state: &State, directory: &Path, name: &str) {
    // A commit that replaced nothing leaves an empty folder: nothing that somebody has to come behind for.
    if fs::remove_dir(directory).is_ok() {
        return;
    }
    let place = state.trash().join(name);
    if let Err(error) = fs::rename(directory, &place)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::debug!(path = %directory.display(), %error, "cannot move to the trash");
    }
}

/// Empties the trash in a process of its own, which outlives this one. What it does not get done, the next sweep does.
pub(crate) fn sweep_behind(state: &State) {
    let Ok(entries) = fs::read_dir(state.trash()) else {
        return;
    };
    let paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    if paths.is_empty() {
        return;
    }
    let mut command = Command::new("rm");
    command
        .arg("-rf")
        .arg("--")
        .args(paths)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // Its own group: a Ctrl-C at the terminal is not meant for it.
    match command.process_group(0).spawn() {
        // Somebody must take note of its end if this process outlives it.
        Ok(mut child) => drop(std::thread::spawn(move || child.wait())),
        Err(error) => {
            tracing::debug!(%error, "cannot start rm");
            sweep(state);
        }
    }
}

/// Empties the trash now.
pub(crate) fn sweep(state: &State) {
    let Ok(entries) = fs::read_dir(state.trash()) else {
        return;
    };
    for entry in entries.flatten() {
        if let Err(error) = remove_tree(&entry.path()) {
            tracing::debug!(path = %entry.path().display(), %error, "cannot empty the trash");
        }
    }
}
