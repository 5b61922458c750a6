//! `wharf x`: a command of a package that is not installed.
//!
//! What is asked for (requirements, Python, how the solve is steered) has a project of its own below the cache. It is resolved
//! once a day: within that day a command starts without asking anybody. Invariant: with the network gone, what was resolved
//! before still runs.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use wharf_core::{Algorithm, Ecosystem, Event, Explain, Fault};
use wharf_install::{Environment, patched};
use wharf_store::{Hasher, durable};
use wharf_sys::view::View;

use crate::error::OpsError;
use crate::npm::{node, scripts::quoted};
use crate::request::{Installing, Solving, Upgrade};
use crate::session::Session;
use crate::sync::{self, SyncRequest};
use crate::tool::asked::{self, Asked, Features};
use crate::tool::commands::{self, Around};
use crate::tool::error::ToolError;
use crate::tool::places::{Places, Tool, folders_in};

/// How long a resolution counts.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);
/// What was not resolved again for this long was not used either.
const UNUSED: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Its time is that of the resolution.
const RESOLVED: &str = ".wharf/resolved";

/// What a one-off is asked.
#[derive(Clone, Debug, Default)]
pub struct OnceRequest {
    /// The package in short form, or the bare name of an installed tool; with `from`, the command.
    pub word: String,
    /// The package in short form.
    pub from: Option<String>,
    /// Packages that are put beside it, in short form.
    pub with: Vec<String>,
    /// What the crate is built with.
    pub features: Features,
    /// What the command is given.
    pub arguments: Vec<OsString>,
    /// Whether newer versions are looked for however fresh the resolution is.
    pub refresh: bool,
    /// How the solve is steered.
    pub solving: Solving,
    /// How the environment is made.
    pub installing: Installing,
}

/// A command that is about to be started.
#[derive(Debug)]
pub struct Ready {
    /// The command.
    pub command: Command,
    /// The system root that it runs in.
    pub view: Option<View>,
}

/// A command of an environment, by its path, as the script of an installed command asks for it.
///
/// # Errors
/// Where the folder has no environment, or the record of it is damaged.
pub fn exec(folder: &Path, program: &OsStr, arguments: &[OsString]) -> Result<Ready, OpsError> {
    let environment = Environment::locate(folder);
    if environment.current()?.is_none() {
        return Err(OpsError::NoEnvironment {
            path: folder.to_owned(),
        });
    }
    let around = commands::around_of(&environment)?;
    surrounded(&environment, Path::new(program), arguments, around)
}

/// A command with what it needs around it: in its system root, or as a copy that finds its libraries where the machine gives no views.
fn surrounded(
    environment: &Environment,
    program: &Path,
    arguments: &[OsString],
    mut around: Around,
) -> Result<Ready, OpsError> {
    let copies = match &around.view {
        Some(view) if !wharf_sys::view::support().is_there() => {
            let folder = environment.state_directory().join("patched");
            Some(patched::kept(view.root(), &folder)?)
        }
        _ => None,
    };
    let Some(copies) = copies else {
        let mut command = Command::new(program);
        command.args(arguments);
        around.surround(&mut command);
        return Ok(Ready {
            command,
            view: around.view,
        });
    };
    around.view = None;
    let name = program.file_name().unwrap_or_default();
    let mut copied = copies.path.iter().map(|folder| folder.join(name));
    let mut command = Command::new(copied.find(|path| path.exists()).as_deref().unwrap_or(program));
    command.args(arguments).envs(copies.variables);
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let all = copies.path.into_iter().chain(std::env::split_paths(&rest));
    if let Ok(path) = std::env::join_paths(all) {
        command.env("PATH", path);
    }
    around.surround(&mut command);
    Ok(Ready { command, view: None })
}

/// The command where nothing has to be done first; `None` where something has. Starts nothing.
///
/// # Errors
/// Where the request is malformed, or the environment has no such command.
pub fn ready(session: &Session, request: &OnceRequest) -> Result<Option<Ready>, OpsError> {
    let places = Places::of(session)?;
    if let Some(installed) = installed(&places, request) {
        return command(session, request, &installed, None).map(Some);
    }
    let once = Once::of(session, &places, request)?;
    let own = session.at(&once.folder);
    let is_ready = !request.refresh
        && is_fresh(&own, &once.folder)
        && sync::nothing_to_do(&own, &once.request(request, Upgrade::None)).is_some();
    match is_ready {
        true => command(session, request, &once.tool(), Some(&once)).map(Some),
        false => Ok(None),
    }
}

/// The command, its environment made or brought up to date first.
///
/// # Errors
/// Where the package cannot be had, or brings no such command.
pub async fn prepare(session: &Session, request: &OnceRequest) -> Result<Ready, OpsError> {
    let places = Places::of(session)?;
    let once = Once::of(session, &places, request)?;
    if once
        .asked
        .iter()
        .any(|asked| asked.package.ecosystem() == Ecosystem::Npm)
    {
        // One that is met for the first time is run, and nothing can be placed before it has answered.
        node::look_ahead(session);
    }
    forget_unused(&places, &once.folder);
    let environment = Environment::open(&once.folder)?;
    let stands = environment.current()?.is_some();
    let own = once.session(session);
    let upgrade = match stands && (request.refresh || !is_fresh(&own, &once.folder)) {
        true => Upgrade::All,
        false => Upgrade::None,
    };
    match make(&own, &once, request, upgrade).await {
        Ok(()) => {}
        Err(error) if stands && !request.refresh && error.fault() == Fault::World => {
            session.emit(Event::warning(
                "tool/not-refreshed",
                format!("{error}; what was resolved before is used"),
            ));
        }
        Err(error) => {
            if !stands {
                // Nothing that could be used again.
                let _ = durable::remove_tree(&once.folder);
            }
            return Err(error);
        }
    }
    command(session, request, &once.tool(), Some(&once))
}

async fn make(own: &Session, once: &Once, request: &OnceRequest, upgrade: Upgrade) -> Result<(), OpsError> {
    let manifest = once.folder.join("wharf.toml");
    if !manifest.exists() {
        fs::create_dir_all(&once.folder).map_err(OpsError::io("make", &once.folder))?;
        let all: Vec<&Asked> = once.asked.iter().collect();
        // The request for a Python is part of the folder's name: it needs no file.
        asked::write_requirements(&manifest, &once.asked[0].package, &all)?;
        asked::name_suite(own, &once.folder)?;
    }
    sync::sync(own, &once.request(request, upgrade)).await?;
    if !own.settings().offline {
        let resolved = once.folder.join(RESOLVED);
        // Losing this costs another resolution, so that it need not wait for the disk.
        fs::write(&resolved, "").map_err(OpsError::io("write", resolved))?;
    }
    Ok(())
}

/// One request, and where it lies.
struct Once {
    /// The package, then what is beside it.
    asked: Vec<Asked>,
    folder: PathBuf,
}

impl Once {
    fn of(session: &Session, places: &Places, request: &OnceRequest) -> Result<Self, OpsError> {
        let spec = request.from.as_ref().unwrap_or(&request.word);
        if !spec.contains(':') {
            return Err(ToolError::NoSuchTool { word: spec.clone() }.into());
        }
        let mut asked = vec![Asked::parse(spec)?.with_features(&request.features)?];
        asked.extend(asked::all(&request.with)?);
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let python = &session.settings().python;
        let texts: Vec<String> = asked.iter().map(Asked::short).collect();
        let solving = &request.solving;
        let (installing, features) = (request.installing, &request.features);
        hasher.update(format!("{texts:?} {python:?} {solving:?} {installing:?} {features:?}").as_bytes());
        let key = &hasher.finish().hex()[..16];
        let name = asked[0].package.as_str().replace('/', "+");
        let ecosystem = asked[0].package.ecosystem();
        Ok(Self {
            folder: places.once.join(format!("{ecosystem}-{name}-{key}")),
            asked,
        })
    }

    fn request(&self, request: &OnceRequest, upgrade: Upgrade) -> SyncRequest {
        SyncRequest {
            upgrade,
            solving: request.solving.clone(),
            installing: request.installing,
            ..SyncRequest::default()
        }
    }

    /// A session in its folder.
    fn session(&self, session: &Session) -> Session {
        let folder = quoted(self.folder.as_os_str());
        let approving = format!("wharf -C {} approve", folder.to_string_lossy());
        session
            .at(&self.folder)
            .approving_by(approving)
            .asking_for("the command line")
    }

    fn tool(&self) -> Tool {
        Tool {
            package: self.asked[0].package.clone(),
            folder: self.folder.clone(),
        }
    }
}

/// The installed tool that a bare name means.
fn installed(places: &Places, request: &OnceRequest) -> Option<Tool> {
    let spec = request.from.as_ref().unwrap_or(&request.word);
    if spec.contains(':') || !request.with.is_empty() || request.features != Features::default() {
        return None;
    }
    super::one_named(places, spec).ok()
}

/// Whether the resolution still counts. Offline there is none that is better.
fn is_fresh(own: &Session, folder: &Path) -> bool {
    let resolved = fs::metadata(folder.join(RESOLVED)).and_then(|data| data.modified());
    let age = resolved
        .ok()
        .and_then(|at| SystemTime::now().duration_since(at).ok());
    own.settings().offline || age.is_some_and(|age| age < FRESH)
}

/// Deletes the environments that nobody has used for long.
fn forget_unused(places: &Places, except: &Path) {
    for folder in folders_in(&places.once) {
        let resolved = fs::metadata(folder.join(RESOLVED)).and_then(|data| data.modified());
        let age = resolved
            .ok()
            .and_then(|at| SystemTime::now().duration_since(at).ok());
        if folder != except && age.is_some_and(|age| age > UNUSED) {
            tracing::debug!(folder = %folder.display(), "unused for a month");
            let _ = durable::remove_tree(&folder);
        }
    }
}

/// The command of an environment, as it runs where the user stands.
fn command(
    session: &Session,
    request: &OnceRequest,
    tool: &Tool,
    once: Option<&Once>,
) -> Result<Ready, OpsError> {
    let (program, around) = match &request.from {
        Some(_) => named(tool, &request.word)?,
        None => chosen(tool, once)?,
    };
    let environment = Environment::locate(&tool.folder);
    let mut ready = surrounded(&environment, &program, &request.arguments, around)?;
    ready.command.current_dir(&session.settings().directory);
    Ok(ready)
}

/// The command of the package's own name, or its only one.
fn chosen(tool: &Tool, once: Option<&Once>) -> Result<(PathBuf, Around), OpsError> {
    let brought = commands::of_tool(tool)?;
    if brought.version.is_none() {
        return Err(ToolError::Gone {
            package: tool.package.clone(),
        }
        .into());
    }
    if let Some(main) = commands::main(&brought, &tool.package) {
        return Ok((main.path.clone(), brought.around));
    }
    Err(match brought.commands.is_empty() {
        true => ToolError::NoCommands {
            package: tool.package.clone(),
            others: commands::others(tool, &brought)?,
        },
        false => ToolError::ManyCommands {
            package: tool.package.clone(),
            spec: once.map_or_else(|| tool.package.to_string(), |once| once.asked[0].short()),
            commands: brought.commands.into_iter().map(|one| one.name).collect(),
        },
    }
    .into())
}

/// The command that was named: the package's own, or one that something in its environment brings.
fn named(tool: &Tool, word: &str) -> Result<(PathBuf, Around), OpsError> {
    let brought = commands::of_tool(tool)?;
    if let Some(own) = brought.commands.iter().find(|one| one.name == word) {
        return Ok((own.path.clone(), brought.around));
    }
    let all = Environment::locate(&tool.folder).run_environment(&tool.folder)?;
    let view = brought.around.view.as_ref();
    let inside = view.and_then(|view| view.program(word.as_ref()));
    let other = all.and_then(|all| all.program(word.as_ref()));
    match other.or(inside) {
        Some(program) => Ok((program, brought.around)),
        None => Err(ToolError::NoSuchCommand {
            package: tool.package.clone(),
            command: word.to_owned(),
            commands: brought.commands.into_iter().map(|one| one.name).collect(),
        }
        .into()),
    }
}
