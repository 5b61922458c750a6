//! Becoming a program inside a view.
//!
//! A process with several threads cannot have a new user namespace. It executes itself anew, with a word that asks the new
//! image to go on: that has one thread, and keeps the process's number, its group and its terminal. Nothing is forked, so that signals, job
//! control and the exit code are the program's own.
//!
//! Invariant: what `main` does first is [`resumed`].

use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use super::{Resumed, View, ViewError};

/// The name under which this program is executed to go on entering a view. No file has it.
const WORD: &str = "/wharf: entering a view/";

/// What this process was executed anew for, if it was: then `main` does [`View::replace_process`] with it and nothing else.
#[must_use]
pub fn resumed() -> Option<Resumed> {
    let mut words = std::env::args_os();
    if words.next()? != WORD {
        return None;
    }
    resumed_by(words)
}

fn resumed_by(mut words: impl Iterator<Item = OsString>) -> Option<Resumed> {
    let mut view = View::new(words.next()?, words.next()?);
    let shown: usize = words.next()?.to_str()?.parse().ok()?;
    for _ in 0..shown {
        view.shown.push(PathBuf::from(words.next()?));
    }
    let folder = words.next()?;
    let mut command = Command::new(words.next()?);
    command.current_dir(folder).args(words);
    Some(Resumed { view, command })
}

/// The words that [`resumed`] understands.
fn words(view: &View, folder: PathBuf, command: &Command) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec![view.root.clone().into(), view.state.clone().into()];
    words.push(view.shown.len().to_string().into());
    words.extend(view.shown.iter().map(|folder| folder.clone().into()));
    words.push(folder.into());
    words.push(command.get_program().to_owned());
    words.extend(command.get_args().map(OsStr::to_owned));
    words
}

impl View {
    /// Replaces this process by the command, inside. Returns only if that failed. As [`crate::replace_process`] otherwise.
    ///
    /// The command's variables are set one by one: it does not begin with none of this process's.
    ///
    /// # Errors
    /// Those of [`View::enter`]; the machine gives no view; the program was not found or may not be executed.
    pub fn replace_process(&self, command: &mut Command) -> Result<Infallible, ViewError> {
        if self.is_entered() || is_alone() {
            self.enter(command)?;
            return Err(ViewError::of_start(command.exec()));
        }
        Err(ViewError::Start(self.execute_anew(command)))
    }

    fn execute_anew(&self, command: &Command) -> io::Error {
        let here = || std::env::current_dir().unwrap_or_else(|_| "/".into());
        let folder = command
            .get_current_dir()
            .map_or_else(here, |folder| here().join(folder));
        let mut again = Command::new("/proc/self/exe");
        again.arg0(OsStr::from_bytes(WORD.as_bytes()));
        again.args(words(self, folder, command));
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => again.env(name, value),
                None => again.env_remove(name),
            };
        }
        again.exec()
    }
}

/// Whether this process has one thread.
fn is_alone() -> bool {
    std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.take(2).count() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_run_passes_through_the_words() {
        let view = View::new("/root one", "/state")
            .showing("/var/a")
            .showing("/usr/src/b");
        let mut command = Command::new("nginx");
        command.args(["-g", "daemon off;", ""]);
        let said = resumed_by(words(&view, "/here".into(), &command).into_iter()).unwrap();
        assert_eq!(said.view, view);
        assert_eq!(said.command.get_program(), "nginx");
        let arguments: Vec<_> = said.command.get_args().collect();
        assert_eq!(arguments, ["-g", "daemon off;", ""]);
        assert_eq!(said.command.get_current_dir(), Some("/here".as_ref()));
        assert!(resumed_by(["/root".into()].into_iter()).is_none());
        assert!(resumed().is_none());
    }
}
