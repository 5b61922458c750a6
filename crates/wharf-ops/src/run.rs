//! `wharf run`: a command with the environment's variables around it.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Command;

use wharf_install::Environment;

use crate::error::OpsError;
use crate::session::Session;
use crate::sync;

/// The command as it runs inside the environment of the session's project: the environment's programs come first on PATH.
///
/// # Errors
/// Where there is no environment, or its record is damaged.
pub fn command(session: &Session, words: &[OsString]) -> Result<Command, OpsError> {
    let root = match sync::project_root(&session.settings().directory) {
        Some(root) => root.to_owned(),
        None => session.project(&Vec::new())?.root,
    };
    let environment = Environment::locate(&root);
    let scripts = match environment.scripts()? {
        Some(scripts) => scripts,
        // One whose records are gone, or that another tool made, still has its commands in the usual place.
        None => environment.root().join("bin"),
    };
    if !scripts.is_dir() {
        return Err(OpsError::NoEnvironment {
            path: environment.root().to_owned(),
        });
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(scripts.clone()).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(folders).unwrap_or(path);
    let (program, arguments) = words.split_first().expect("the command line demands a command");
    let mut command = Command::new(in_environment(&scripts, program));
    command
        .args(arguments)
        .current_dir(&session.settings().directory)
        .env("PATH", path)
        .env("VIRTUAL_ENV", environment.root())
        .env_remove("PYTHONHOME");
    Ok(command)
}

/// The environment's own program of this name, if it has one: `exec` looks at the PATH of this process, not the new one.
fn in_environment(scripts: &std::path::Path, program: &OsStr) -> PathBuf {
    let bare = std::path::Path::new(program).components().count() == 1;
    let own = scripts.join(program);
    if bare && own.is_file() {
        own
    } else {
        PathBuf::from(program)
    }
}
