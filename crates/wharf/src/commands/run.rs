//! `wharf run`: the environment is made current, then this process becomes the command.
//!
//! | module | job |
//! |---|---|
//! | `together` | where there are several commands at once: this process stays |

mod together;

use std::convert::Infallible;
use std::io;
use std::process::Command;

use wharf_core::{Explain, Fault};
use wharf_ops::lacking::{self, Lacking};
use wharf_ops::request::{Effect, Selecting};
use wharf_ops::run::members::{self, Bail, Members};
use wharf_ops::run::setting;
use wharf_ops::run::{self, Kind, NamedScript, RunRequest, Running, Separator, Synced, Telling};
use wharf_ops::session::Session;
use wharf_ops::sync::{self, SyncRequest};
use wharf_sys::view::{Resumed, View, ViewError};

pub(crate) use self::together::Together;

use super::{Failure, Outcome, words};
use crate::args::{Run, Setting, SettingName};
use crate::output::Printer;

/// What this process becomes.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) command: Command,
    /// The system root that it runs in.
    view: Option<View>,
    /// The scripts of package.json that could have been meant instead.
    scripts: Vec<String>,
}

impl Program {
    /// A command that no script was meant instead of.
    pub(crate) fn alone(command: Command) -> Self {
        Self {
            command,
            view: None,
            scripts: Vec::new(),
        }
    }

    /// The same in a view.
    pub(crate) fn inside(mut self, view: Option<View>) -> Self {
        self.view = view;
        self
    }

    /// What this process was started again for.
    pub(crate) fn resumed(resumed: Resumed) -> Self {
        Self::alone(resumed.command).inside(Some(resumed.view))
    }

    /// Replaces this process; returns only where that failed.
    pub(crate) fn replace_process(&mut self) -> Result<Infallible, Failure> {
        let failed = match &self.view {
            None => wharf_sys::replace_process(&mut self.command),
            Some(view) => match view.replace_process(&mut self.command) {
                Err(ViewError::Start(error)) => Err(error),
                Err(error) => return Err(Box::new(error)),
                Ok(never) => match never {},
            },
        };
        failed.map_err(|error| Box::new(CannotStart::new(self, error)) as Failure)
    }
}

/// The command could not be started.
#[derive(Debug, thiserror::Error)]
#[error("`{program}` cannot be started in the environment")]
pub(crate) struct CannotStart {
    program: String,
    scripts: Vec<String>,
    /// What is known about it where it is not there.
    lacking: Option<Lacking>,
    #[source]
    source: io::Error,
}

impl CannotStart {
    /// What failed, for which command.
    pub(crate) fn new(program: &Program, source: io::Error) -> Self {
        Self {
            program: program.command.get_program().to_string_lossy().into_owned(),
            scripts: program.scripts.clone(),
            lacking: None,
            source,
        }
    }
}

impl Explain for CannotStart {
    fn code(&self) -> &'static str {
        "run/cannot-start"
    }

    fn fault(&self) -> Fault {
        Fault::User
    }

    fn hints(&self) -> Vec<String> {
        let mut hints = match (self.source.kind(), &self.lacking) {
            (_, Some(lacking)) => lacking.hints(),
            (io::ErrorKind::NotFound, None) => vec![format!(
                "nothing called `{}` is in the environment or on PATH: add the package that brings it with `wharf add`",
                self.program
            )],
            (io::ErrorKind::PermissionDenied, None) => vec![format!(
                "the file must be one that may be run: `chmod +x \"$(readlink -f '{}')\"`",
                self.program
            )],
            _ => Vec::new(),
        };
        if !self.scripts.is_empty() {
            hints.push(format!(
                "the scripts of package.json are: {}",
                self.scripts.join(", ")
            ));
        }
        hints
    }
}

/// `wharf run` by itself, where there are no scripts to be listed.
#[derive(Debug, thiserror::Error)]
#[error("there is nothing to run: no command was named, and no package.json here has scripts")]
struct NothingToRun;

impl Explain for NothingToRun {
    fn code(&self) -> &'static str {
        "run/nothing"
    }

    fn fault(&self) -> Fault {
        Fault::User
    }

    fn hints(&self) -> Vec<String> {
        vec!["name a command: `wharf run -- python app.py`".to_owned()]
    }
}

fn request(arguments: &Run, session: &Session) -> SyncRequest {
    let remembered = sync::remembered(session);
    let asked = arguments.selecting.request();
    SyncRequest {
        freshness: super::sync::freshness(arguments.locked, arguments.frozen),
        effect: Effect::Apply,
        selecting: if asked == Selecting::default() {
            remembered.selecting
        } else {
            asked
        },
        installing: remembered.installing,
        files: arguments.files.request(),
        ..SyncRequest::default()
    }
}

/// Ends where the environment is current; a command that is lacking is left to [`run()`], which says more about it.
pub(super) fn nothing_to_do(
    arguments: &Run,
    session: &Session,
    printer: Printer,
) -> Option<Result<Outcome, Failure>> {
    if arguments.command.is_empty() {
        return Some(list(session, printer));
    }
    let current = arguments.no_sync || sync::nothing_to_do(session, &request(arguments, session)).is_some();
    if !current {
        return None;
    }
    if arguments.members.parallel {
        return Some(together(arguments, session, printer));
    }
    match running(arguments, session, printer) {
        Ok(Some(running)) if lacking::is_lacking(&running) => None,
        running => Some(running.map(|running| replace(running, printer))),
    }
}

pub(super) async fn run(arguments: &Run, session: &Session, printer: Printer) -> Result<Outcome, Failure> {
    let request = request(arguments, session);
    if !arguments.no_sync {
        let report = sync::sync(session, &request).await?;
        if !report.up_to_date {
            words::sync(&printer, &report);
        }
    }
    if arguments.members.parallel {
        return together(arguments, session, printer);
    }
    let running = running(arguments, session, printer)?;
    if let Some(running) = &running
        && lacking::is_lacking(running)
    {
        let known = lacking::lacking(session, running, &request.selecting).await;
        return Err(Box::new(CannotStart {
            program: known.command.clone(),
            scripts: running.scripts.clone(),
            lacking: Some(known),
            source: io::ErrorKind::NotFound.into(),
        }));
    }
    Ok(replace(running, printer))
}

/// Prints the scripts that there are: what `wharf run` by itself asks for.
fn list(session: &Session, printer: Printer) -> Result<Outcome, Failure> {
    let report = run::scripts(session)?;
    if report.scripts.is_empty() {
        return Err(Box::new(NothingToRun));
    }
    printer.finish("run", &report, |printer, report| {
        let lengths = report.scripts.iter().map(|script| script.name.chars().count());
        let width = lengths.max().unwrap_or_default();
        for NamedScript { name, command } in &report.scripts {
            printer.data(&format!("{name:width$}  {command}\n"));
        }
    });
    Ok(Outcome::Done(std::process::ExitCode::SUCCESS))
}

/// Prints what a script asked npm about itself.
pub(super) fn setting(arguments: &Setting, session: &Session, printer: Printer) -> Result<Outcome, Failure> {
    let setting = match arguments.name {
        SettingName::Registry => setting::Setting::Registry,
        SettingName::Prefix => setting::Setting::Prefix,
        SettingName::Root => setting::Setting::Root,
        SettingName::Bin => setting::Setting::Bin,
    };
    let answer = setting::ask(session, setting)?;
    printer.finish("setting", &answer, |printer, answer| {
        printer.data(&format!("{answer}\n"));
    });
    Ok(Outcome::SUCCESS)
}

fn running(arguments: &Run, session: &Session, printer: Printer) -> Result<Option<Running>, Failure> {
    let request = run_request(arguments, printer);
    let members = members(arguments);
    Ok(match members.is_empty() {
        true => run::command(session, request)?,
        false => members::command(session, request, &members, bail(arguments))?,
    })
}

fn together(arguments: &Run, session: &Session, printer: Printer) -> Result<Outcome, Failure> {
    let request = run_request(arguments, printer);
    let members = members::together(session, request, &members(arguments))?;
    Ok(match members.is_empty() {
        true => Outcome::SUCCESS,
        false => Outcome::Together(Box::new(Together::new(members, bail(arguments)))),
    })
}

fn bail(arguments: &Run) -> Bail {
    match arguments.members.no_bail {
        true => Bail::AtTheEnd,
        false => Bail::AtOnce,
    }
}

fn run_request(arguments: &Run, printer: Printer) -> RunRequest<'_> {
    RunRequest {
        words: &arguments.command,
        kind: match (arguments.if_present, arguments.script, arguments.no_script) {
            (true, _, _) => Kind::ScriptIfPresent,
            (_, true, _) => Kind::Script,
            (_, _, true) => Kind::Command,
            (false, false, false) => Kind::Any,
        },
        separator: match arguments.verbatim {
            true => Separator::Kept,
            false => Separator::Dropped,
        },
        synced: match arguments.no_sync {
            true => Synced::No,
            false => Synced::Yes,
        },
        telling: match printer.is_quiet() {
            true => Telling::Silent,
            false => Telling::Aloud,
        },
    }
}

fn members(arguments: &Run) -> Members {
    Members {
        named: arguments.members.workspace.clone(),
        all: arguments.members.workspaces,
        root: arguments.members.include_workspace_root,
    }
}

/// Becomes what is to run; without anything, all is done.
pub(super) fn replace(running: Option<Running>, printer: Printer) -> Outcome {
    let Some(running) = running else {
        return Outcome::SUCCESS;
    };
    if let Some(line) = &running.script {
        printer.remark(&format!("$ {line}"));
    }
    Outcome::Replace(Box::new(Program {
        command: running.command,
        view: running.view,
        scripts: running.scripts,
    }))
}
