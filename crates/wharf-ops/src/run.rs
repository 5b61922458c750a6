//! `wharf run`: a script of `package.json` or a command, with the environment's variables around it.
//!
//! | module | job |
//! |---|---|
//! | [`members`] | the same in members of the workspace |
//! | [`mod@own`] | commands of the project as npx finds them |
//! | [`setting`] | what scripts ask npm about itself |
//! | [`error`] | what cannot be run |

pub mod error;
pub mod members;
pub mod own;
pub mod setting;

/// The word that begins what npm's programs of Wharf's hand on: `wharf shim STORE CACHE NAME WORDS…`.
pub use wharf_install::lifecycle::shims::WORD as SHIM;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;
use wharf_core::Event;
use wharf_install::lifecycle::{self, Starter};
use wharf_install::{Environment, RunEnvironment, patched};
use wharf_sys::sandbox::Lack;
use wharf_sys::view::{View, changes, support};

use crate::error::OpsError;
use crate::npm::{scripts, words};
use crate::run::error::RunError;
use crate::session::Session;
use crate::sync;

/// The variable by which a `wharf run` inside of one with `--no-sync` does not sync either.
const NO_SYNC: &str = "WHARF_NO_SYNC";

/// Whether the environment was synced just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synced {
    /// It is what the project needs, be that nothing.
    Yes,
    /// It is what it is.
    No,
}

/// Whether hooks and scripts are told of when they begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// On standard error.
    Aloud,
    /// Nowhere.
    Silent,
}

/// What the first word may name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A script of `package.json`, else a command.
    #[default]
    Any,
    /// Nothing but a script.
    Script,
    /// Nothing but a script, and where there is none of the name, nothing is to be done.
    ScriptIfPresent,
    /// Nothing but a command.
    Command,
}

/// What becomes of a `--` between a script and its arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Separator {
    /// It is taken away, as npm does it.
    #[default]
    Dropped,
    /// It is the script's, as pnpm has it.
    Kept,
}

/// What `wharf run` is asked.
#[derive(Clone, Copy, Debug)]
pub struct RunRequest<'a> {
    /// The script or command and its arguments.
    pub words: &'a [OsString],
    /// What the first of them may name.
    pub kind: Kind,
    /// What becomes of a `--` behind the first of them, if that is a script.
    pub separator: Separator,
    /// Whether the environment was synced just now.
    pub synced: Synced,
    /// Whether hooks and scripts are told of.
    pub telling: Telling,
}

/// What will run.
#[derive(Debug)]
pub struct Running {
    /// The command.
    pub command: Command,
    /// The system root that it runs in.
    pub view: Option<View>,
    /// Where it is a script: the line of its first hook, or its own, for people. The others are told of when they begin.
    pub script: Option<String>,
    /// Where it is none: the scripts that there are.
    pub scripts: Vec<String>,
}

/// The script or command as it runs inside the environment of the session's project: the environment's programs come first
/// on PATH. The first word names a script where the nearest `package.json` has one of that name. `None` where nothing is to be done.
///
/// # Errors
/// Where there is no environment, or its record is damaged, or no script of the name.
pub fn command(session: &Session, request: RunRequest<'_>) -> Result<Option<Running>, OpsError> {
    let RunRequest { kind, synced, .. } = request;
    let directory = &session.settings().directory;
    let root = root_to_run(session, request)?;
    let (word, arguments) = request
        .words
        .split_first()
        .expect("the command line demands a command");
    let environment = Environment::locate(&root);
    let script = match kind {
        Kind::Any => scripts::find(directory, &root, word),
        Kind::Script | Kind::ScriptIfPresent => match scripts::find_or_usual(directory, &root, word) {
            None if kind == Kind::ScriptIfPresent => return Ok(None),
            None => {
                let name = word.to_string_lossy().into_owned();
                return Err(RunError::no_script(name, directory, scripts::names(directory, &root)).into());
            }
            found => found,
        },
        Kind::Command => None,
    };
    let folder = script.as_ref().map_or(directory, |script| &script.folder);
    let mut around = match environment.run_environment(folder)? {
        Some(around) => around,
        // A project that needs no packages has scripts and commands all the same.
        None if kind != Kind::Any || script.is_some() || synced == Synced::Yes => RunEnvironment::default(),
        None => {
            return Err(OpsError::NoEnvironment {
                path: expected(&root, &environment),
            });
        }
    };
    let mut view = view(&environment);
    // Whether there are views is tried, so only those ask who have use for one.
    if let Some(wanted) = &view
        && let Some(lack) = &support().lack
    {
        around_copies(session, &environment, wanted.root(), lack, &mut around)?;
        view = None;
    }
    let starter = match &view {
        None => {
            around.last = shims(session).filter(|_| scripts::is_npms(folder, &root));
            starter(&around, &std::env::var_os("PATH").unwrap_or_default())
        }
        // What stands outside of the view is not seen in it.
        Some(_) => Starter::default(),
    };
    let (mut command, script, scripts) = match script {
        Some(script) => {
            // As with npm: what stands behind it is the script's, whatever it looks like.
            let arguments = match (arguments, request.separator) {
                ([first, rest @ ..], Separator::Dropped) if first == "--" => rest,
                (all, Separator::Dropped | Separator::Kept) => all,
            };
            let command = script.command(word, arguments, request.telling, &starter);
            (command, script.first_line(word, arguments), Vec::new())
        }
        None => {
            let program = around.program(word).unwrap_or_else(|| PathBuf::from(word));
            let mut command = Command::new(program);
            command.args(arguments).current_dir(directory);
            command.envs(scripts::around_command(directory, &root, &starter));
            (command, None, scripts::names(directory, &root))
        }
    };
    if let Some(view) = &view {
        settle_variables(view, &mut command);
        // Nor are there the programs that whoever started this one has told it of.
        for name in Starter::VARIABLES {
            command.env_remove(name);
        }
    }
    if synced == Synced::No {
        // Scripts start others through `npm_execpath`.
        command.env(NO_SYNC, "1");
    }
    command.envs(words::to_scripts(session, &root));
    around.surround(&mut command);
    Ok(Some(Running {
        command,
        view,
        script,
        scripts,
    }))
}

/// What programs are told that npm's packages are started by: this program, which runs scripts as npm does, unless PATH has an npm;
/// and the first Node on PATH.
/// No link is followed: version managers have one program for all names, which acts by the name that it is started by.
fn starter(around: &RunEnvironment, path: &OsStr) -> Starter {
    let path = around.path_around(path);
    let nodes = std::env::split_paths(&path).map(|folder| folder.join("node"));
    let mut nodes = nodes.filter_map(|node| std::path::absolute(node).ok());
    let last = around.last.as_deref();
    let runner = || last.map(|shims| shims.join("npm")).or_else(own);
    Starter {
        // Where there is an npm, `npm` in a script is that one, and what programs start where they are told of none.
        runner: (!lifecycle::shims::has_other_npm(&path, last))
            .then(runner)
            .flatten(),
        node: nodes.find(|node| can_start(node)),
    }
}

/// This program, unless its file is gone.
fn own() -> Option<PathBuf> {
    std::env::current_exe().ok().filter(|own| own.is_file())
}

/// The folder of programs called as npm and its like, which start this one.
pub(crate) fn shims(session: &Session) -> Option<PathBuf> {
    let settings = session.settings();
    lifecycle::shims::folder(&own()?, &settings.store, &settings.cache)
}

/// Whether it is a file that this user may execute.
fn can_start(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// The scripts that `wharf run` finds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScriptsReport {
    /// In the order of the manifest, hooks left out.
    pub scripts: Vec<NamedScript>,
}

/// A script of a `package.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamedScript {
    /// What it is called.
    pub name: String,
    /// What it runs.
    pub command: String,
}

/// The scripts of the nearest `package.json`.
///
/// # Errors
/// Where the project cannot be read.
pub fn scripts(session: &Session) -> Result<ScriptsReport, OpsError> {
    let root = root(session)?;
    let all = scripts::all(&session.settings().directory, &root).into_iter();
    let scripts = all.map(|(name, command)| NamedScript { name, command });
    Ok(ScriptsReport {
        scripts: scripts.collect(),
    })
}

/// The root of the project that something runs in. Where nothing is synced, no more of it is needed than its `package.json`.
fn root_to_run(session: &Session, request: RunRequest<'_>) -> Result<PathBuf, OpsError> {
    match (request.synced, request.kind) {
        (Synced::Yes, _) | (Synced::No, Kind::Any) => root(session),
        (Synced::No, Kind::Script | Kind::ScriptIfPresent | Kind::Command) => {
            let directory = &session.settings().directory;
            let nearest = || nearest(directory, |folder| folder.join("package.json").is_file());
            match sync::project_root(directory).or_else(nearest) {
                Some(folder) => Ok(folder.to_owned()),
                None => root(session),
            }
        }
    }
}

/// The nearest folder that is of a kind, from `directory` upward.
fn nearest(directory: &Path, is_it: impl Fn(&Path) -> bool) -> Option<&Path> {
    directory.ancestors().find(|folder| is_it(folder))
}

/// The root of the project that the session works in.
fn root(session: &Session) -> Result<PathBuf, OpsError> {
    match sync::project_root(&session.settings().directory) {
        Some(root) => Ok(root.to_owned()),
        None => Ok(session.project(&Vec::new())?.root),
    }
}

/// The view of the environment's system root, if it has one. What the project leads to is seen in it, and what is the user's.
pub(crate) fn view(environment: &Environment) -> Option<View> {
    let root = environment.system()?;
    // Links of a project lead into the store, which the root is a folder of.
    let store = root.ancestors().nth(2).map(Path::to_owned);
    let view = View::new(root, environment.system_state()).showing(environment.project());
    let view = store.into_iter().fold(view, View::showing);
    Some(view.showing_home())
}

/// Where the machine gives no views: copies of the system root's programs that find their libraries there.
fn around_copies(
    session: &Session,
    environment: &Environment,
    root: &Path,
    lack: &Lack,
    around: &mut RunEnvironment,
) -> Result<(), OpsError> {
    let id = root.file_name().unwrap_or_default();
    let tree = environment.state_directory().join("patched").join(id);
    let copies = match patched::standing(&tree) {
        Some(copies) => copies,
        None => patched::make(root, &tree)?,
    };
    let hint = lack.hint().map_or_else(String::new, |hint| format!("; {hint}"));
    session.emit(Event::warning(
        "view/copies",
        format!(
            "programs of the project's Debian packages run as copies, which serves command-line tools and little else: {lack}{hint}"
        ),
    ));
    around.path.extend(copies.path);
    around.variables.extend(copies.variables);
    Ok(())
}

/// Gives a command the values of variables that mean something else inside. Folders that come first on PATH come after this.
pub(crate) fn settle_variables(view: &View, command: &mut Command) {
    for change in changes(view, &|name| std::env::var_os(name)) {
        match change.value {
            Some(value) => command.env(change.name, value),
            None => command.env_remove(change.name),
        };
    }
}

/// Where people look for what is not there.
fn expected(root: &Path, environment: &Environment) -> PathBuf {
    let python = ["wharf.toml", "pyproject.toml", "requirements.txt"];
    let only_node =
        root.join("package.json").is_file() && !python.iter().any(|name| root.join(name).is_file());
    match only_node {
        true => root.join("node_modules"),
        false => environment.root().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn programs_are_told_of_an_npm_of_wharfs_where_there_is_no_other() {
        let world = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let folder = world.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join("npm"), "#!/bin/sh\n").unwrap();
            folder
        };
        let (shims, real) = (folder("shims"), folder("real"));
        let execute = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(shims.join("npm"), execute.clone()).unwrap();
        let mut around = RunEnvironment {
            last: Some(shims.clone()),
            ..RunEnvironment::default()
        };
        let runner = |around: &RunEnvironment, path: &Path| starter(around, path.as_os_str()).runner;
        // Nor where a `wharf run` around this one has put its own there already.
        for path in [world.path(), &shims, &real] {
            assert_eq!(
                runner(&around, path),
                Some(shims.join("npm")),
                "{}",
                path.display()
            );
        }
        std::fs::set_permissions(real.join("npm"), execute).unwrap();
        assert_eq!(runner(&around, &real), None);
        around.path.push(real);
        assert_eq!(runner(&around, world.path()), None, "one of the project's own");
    }
}
