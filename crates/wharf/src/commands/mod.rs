//! The commands, one module each where there is something to say: arguments become a request, the report becomes text.

mod approve;
mod describe;
mod edit;
mod export;
mod lock;
mod python;
pub(crate) mod run;
mod shell;
mod store;
mod sync;
mod system;
mod tool;
mod toolchain;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use wharf_core::{Explain, Fault};
use wharf_ops::request;
use wharf_ops::session::{Session, Settings};
use wharf_ops::settle::Flush;

use crate::args::{
    Command, Files, Format, Global, Installing, LinkMode, Prebuilt, Prerelease, Resolution, Selecting,
    Settle, Solving, Tool, ToolCommand, Upgrading,
};
use crate::output::Printer;

/// How a command ended when it did not fail.
pub(crate) enum Outcome {
    /// With this exit code.
    Done(ExitCode),
    /// By becoming another program.
    Replace(Box<run::Program>),
    /// By running others, all at once.
    Together(Box<run::Together>),
}

impl Outcome {
    const SUCCESS: Outcome = Outcome::Done(ExitCode::SUCCESS);

    /// 0 for yes and 1 for no.
    fn answer(yes: bool) -> Self {
        Outcome::Done(if yes { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }
}

/// Any error that can explain itself.
pub(crate) type Failure = Box<dyn Explain>;

/// What can go wrong before a command begins.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CannotBegin {
    /// No current folder.
    #[error("the current folder cannot be read")]
    NoFolder(#[source] std::io::Error),
    /// The folder named by `--project` is none.
    #[error("{} is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// No home folder, and nothing that says where to put things.
    #[error("neither HOME nor {0} says where Wharf may keep its {1}")]
    NoHome(&'static str, &'static str),
    /// No threads or no event queue.
    #[error("the runtime cannot start")]
    Runtime(#[source] std::io::Error),
    /// A format that only `wharf export` writes.
    #[error("`wharf {name}` cannot print `--format {word}`")]
    Format {
        /// The format.
        word: &'static str,
        /// The command.
        name: &'static str,
    },
    /// A flag's value.
    #[error("{0}")]
    Value(String),
}

impl Explain for CannotBegin {
    fn code(&self) -> &'static str {
        match self {
            CannotBegin::NoFolder(_) | CannotBegin::NotAFolder(_) => "project/folder",
            CannotBegin::NoHome(..) => "store/no-home",
            CannotBegin::Runtime(_) => "system/runtime",
            CannotBegin::Value(_) | CannotBegin::Format { .. } => "arguments/value",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            CannotBegin::NoFolder(_) | CannotBegin::Runtime(_) => Fault::World,
            CannotBegin::NotAFolder(_)
            | CannotBegin::NoHome(..)
            | CannotBegin::Value(_)
            | CannotBegin::Format { .. } => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            CannotBegin::NoFolder(_) => vec!["change to a folder that exists".to_owned()],
            CannotBegin::NotAFolder(_) => {
                vec!["`--project` takes the folder that holds the manifest".to_owned()]
            }
            CannotBegin::NoHome(..) => {
                vec!["set HOME, or name the folders with `--store` and `--cache`".to_owned()]
            }
            CannotBegin::Runtime(_) => {
                vec!["look at the limits on threads and open files (`ulimit -a`)".to_owned()]
            }
            CannotBegin::Format { word, .. } => {
                vec![format!(
                    "write `--format json`, or run `wharf export --format {word}`"
                )]
            }
            CannotBegin::Value(_) => Vec::new(),
        }
    }
}

impl From<CannotBegin> for Failure {
    fn from(error: CannotBegin) -> Self {
        Box::new(error)
    }
}

/// A flag's value that does not parse.
fn value_error(flag: &str, error: &dyn std::fmt::Display) -> Failure {
    CannotBegin::Value(format!("{flag}: {error}")).into()
}

/// The word for a command, in JSON documents.
pub(crate) fn name(command: &Command) -> &'static str {
    match command {
        Command::Init(_) => "init",
        Command::Add(_) => "add",
        Command::Remove(_) => "remove",
        Command::Lock(_) => "lock",
        Command::Sync(_) => "sync",
        Command::Run(_) => "run",
        Command::Tree(_) => "tree",
        Command::Why(_) => "why",
        Command::List(_) => "list",
        Command::Outdated(_) => "outdated",
        Command::Info(_) => "info",
        Command::Search(_) => "search",
        Command::Export(_) => "export",
        Command::Approve(_) => "approve",
        Command::Tool(_) => "tool",
        Command::X(_) => "x",
        Command::Toolchain(_) => "toolchain",
        Command::System(_) => "system",
        Command::Store(_) => "store",
        Command::Python(_) => "python",
        Command::Completions(_) => "completions",
        Command::Settle(_) => "settle",
        Command::Setting(_) => "setting",
        Command::Man(_) => "man",
    }
}

/// Where the session works, from flags, environment and the usual folders.
pub(crate) fn settings(global: &Global) -> Result<Settings, Failure> {
    let current = std::env::current_dir().map_err(CannotBegin::NoFolder)?;
    let directory = match &global.project {
        // Without `.`, which would be seen where the folder is told.
        Some(folder) => current.join(folder).components().collect(),
        None => current.clone(),
    };
    if !directory.is_dir() {
        return Err(CannotBegin::NotAFolder(directory).into());
    }
    let home = std::env::var_os("HOME")
        .filter(|home| !home.is_empty())
        .map(PathBuf::from);
    let usual = |variable: &'static str, below: &str, what: &'static str| {
        std::env::var_os(variable)
            .map(PathBuf::from)
            .filter(|folder| folder.is_absolute())
            .or_else(|| home.as_ref().map(|home| home.join(below)))
            .map(|folder| folder.join("wharf"))
            .ok_or(CannotBegin::NoHome(variable, what))
    };
    let store = match &global.store {
        Some(folder) => current.join(folder),
        None => usual("XDG_DATA_HOME", ".local/share", "store")?,
    };
    let cache = match &global.cache {
        Some(folder) => current.join(folder),
        None => usual("XDG_CACHE_HOME", ".cache", "cache")?,
    };
    Ok(Settings {
        directory,
        store,
        cache,
        python: global.python.clone(),
        offline: global.offline,
        environment: std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        flush: flush()?,
    })
}

/// When commits are flushed: as `WHARF_FLUSH` says, else as suits the machine.
fn flush() -> Result<Flush, Failure> {
    match std::env::var("WHARF_FLUSH") {
        Ok(word) if !word.is_empty() => {
            let wrong = || format!("WHARF_FLUSH is `{word}`; it may be `before` or `after`");
            Flush::from_word(&word).ok_or_else(|| CannotBegin::Value(wrong()).into())
        }
        _ => Ok(Flush::for_machine()),
    }
}

fn settle(arguments: &Settle) -> Result<Outcome, Failure> {
    wharf_ops::settle::run(&arguments.store, &arguments.projects)?;
    Ok(Outcome::SUCCESS)
}

/// Refuses the formats of `wharf export` for every other command, which would print text as if nothing had been asked.
pub(crate) fn check_format(command: &Command, format: Format) -> Result<(), Failure> {
    match format {
        Format::Text | Format::Json => Ok(()),
        _ if matches!(command, Command::Export(_)) => Ok(()),
        Format::RequirementsTxt | Format::Pylock | Format::PackageLock => {
            let word = match format {
                Format::Pylock => "pylock",
                Format::PackageLock => "package-lock",
                _ => "requirements-txt",
            };
            let name = name(command);
            Err(CannotBegin::Format { word, name }.into())
        }
    }
}

/// Commands that need neither project nor store.
pub(crate) fn without_session(command: &Command, printer: Printer) -> Option<Result<Outcome, Failure>> {
    match command {
        Command::Completions(arguments) => Some(shell::completions(arguments, printer)),
        Command::Man(arguments) => Some(shell::man(arguments)),
        Command::Settle(arguments) => Some(settle(arguments)),
        Command::Tool(Tool {
            command: ToolCommand::Exec(arguments),
        }) => Some(tool::exec(arguments)),
        Command::Init(_)
        | Command::Add(_)
        | Command::Remove(_)
        | Command::Lock(_)
        | Command::Sync(_)
        | Command::Run(_)
        | Command::Tree(_)
        | Command::Why(_)
        | Command::List(_)
        | Command::Outdated(_)
        | Command::Info(_)
        | Command::Search(_)
        | Command::Export(_)
        | Command::Approve(_)
        | Command::Tool(_)
        | Command::X(_)
        | Command::Toolchain(_)
        | Command::System(_)
        | Command::Store(_)
        | Command::Setting(_)
        | Command::Python(_) => None,
    }
}

/// Ends `sync` and `run` early when the environment is known to be current, before any thread is started.
pub(crate) fn nothing_to_do(
    command: &Command,
    session: &Session,
    printer: Printer,
) -> Option<Result<Outcome, Failure>> {
    match command {
        Command::Sync(arguments) => sync::nothing_to_do(arguments, session, printer),
        Command::Run(arguments) => run::nothing_to_do(arguments, session, printer),
        Command::X(arguments) => tool::once_ready(arguments, session, printer),
        Command::Tool(Tool {
            command: ToolCommand::Run(arguments),
        }) => tool::once_ready(arguments, session, printer),
        Command::Setting(arguments) => Some(run::setting(arguments, session, printer)),
        _ => None,
    }
}

/// Runs a command.
pub(crate) async fn dispatch(
    command: Command,
    session: &Arc<Session>,
    printer: Printer,
) -> Result<Outcome, Failure> {
    match command {
        Command::Init(arguments) => edit::init(&arguments, session, printer),
        Command::Add(arguments) => edit::add(&arguments, session, printer).await,
        Command::Remove(arguments) => edit::remove(&arguments, session, printer).await,
        Command::Lock(arguments) => lock::lock(&arguments, session, printer).await,
        Command::Sync(arguments) => sync::sync(&arguments, session, printer).await,
        Command::Run(arguments) => run::run(&arguments, session, printer).await,
        Command::Tree(arguments) => describe::tree(&arguments, session, printer),
        Command::Why(arguments) => describe::why(&arguments, session, printer),
        Command::List(arguments) => describe::list(&arguments, session, printer),
        Command::Outdated(arguments) => describe::outdated(&arguments, session, printer).await,
        Command::Info(arguments) => describe::info(&arguments, session, printer).await,
        Command::Search(arguments) => system::search(&arguments, session, printer).await,
        Command::Export(arguments) => export::export(&arguments, session, printer),
        Command::Approve(arguments) => approve::approve(&arguments, session, printer).await,
        Command::Tool(arguments) => tool::tool(&arguments, session, printer).await,
        Command::X(arguments) => tool::x(&arguments, session).await,
        Command::Toolchain(arguments) => toolchain::toolchain(&arguments, session, printer).await,
        Command::System(arguments) => system::system(&arguments, session, printer),
        Command::Store(arguments) => store::store(&arguments, session, printer),
        Command::Python(_) => python::python(session, printer),
        Command::Completions(arguments) => shell::completions(&arguments, printer),
        Command::Settle(arguments) => settle(&arguments),
        Command::Setting(arguments) => run::setting(&arguments, session, printer),
        Command::Man(arguments) => shell::man(&arguments),
    }
}

impl Solving {
    fn request(&self) -> Result<request::Solving, Failure> {
        let newest = self.exclude_newer.as_deref().map(str::parse).transpose();
        Ok(request::Solving {
            newest: newest.map_err(|error| value_error("--exclude-newer", &error))?,
            resolution: self.resolution.map(|resolution| match resolution {
                Resolution::Highest => request::ResolutionMode::Highest,
                Resolution::Lowest => request::ResolutionMode::Lowest,
                Resolution::LowestDirect => request::ResolutionMode::LowestDirect,
            }),
            prereleases: self.prerelease.map(|prerelease| match prerelease {
                Prerelease::IfNecessary => request::Prereleases::IfNecessary,
                Prerelease::Allow => request::Prereleases::Allow,
                Prerelease::Disallow => request::Prereleases::Disallow,
            }),
            time_limit: std::time::Duration::from_secs(self.time_limit),
            no_binary: self.no_binary.clone(),
            only_binary: self.only_binary.clone(),
        })
    }
}

impl Upgrading {
    fn request(&self) -> Result<request::Upgrade, Failure> {
        if self.upgrade {
            return Ok(request::Upgrade::All);
        }
        if self.upgrade_package.is_empty() {
            return Ok(request::Upgrade::None);
        }
        let names = self
            .upgrade_package
            .iter()
            .map(|name| wharf_ops::names::candidates(name))
            .collect::<Result<Vec<_>, _>>();
        names
            .map(|names| request::Upgrade::Packages(names.into_iter().flatten().collect()))
            .map_err(|error| value_error("--upgrade-package", &error))
    }
}

impl Selecting {
    fn request(&self) -> request::Selecting {
        request::Selecting {
            no_dev: self.no_dev,
            groups: self.group.clone(),
            extras: self.extra.clone(),
            all_extras: self.all_extras,
            all_groups: self.all_groups,
            no_project: self.no_project,
            no_optional: self.no_optional,
        }
    }
}

impl Installing {
    fn request(&self) -> request::Installing {
        request::Installing {
            compile: self.compile,
            link: match self.link_mode {
                LinkMode::Auto => request::Link::Auto,
                LinkMode::Reflink => request::Link::Reflink,
                LinkMode::Hardlink => request::Link::Hardlink,
                LinkMode::Copy => request::Link::Copy,
            },
            replace_foreign: self.replace,
            prebuilt: self.prebuilt.map(|prebuilt| match prebuilt {
                Prebuilt::Verified => request::PrebuiltPolicy::Verified,
                Prebuilt::Never => request::PrebuiltPolicy::Never,
            }),
        }
    }
}

impl Files {
    fn request(&self) -> request::Files {
        self.requirements.clone()
    }
}
