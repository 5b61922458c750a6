//! `wharf tool`: commands of any ecosystem for one user, each in an environment of its own.
//!
//! | module | job |
//! |---|---|
//! | [`places`] | where tools, their commands and one-offs lie; the lock around changes |
//! | [`asked`] | what the command line asks for; the manifest that says it |
//! | [`commands`] | the commands that a package brings, and what has to be around them |
//! | [`shims`] | commands in the user's folder: placed, owned, in each other's way |
//! | [`side_by_side`] | changes of several tools at once |
//! | [`phases`] | what several tools tell of their progress, as one |
//! | [`change`] | what a change was before, so that one which was cut off is taken back or finished |
//! | [`approve`] | install scripts of one tool's packages |
//! | [`outdated`] | tools that have newer versions |
//! | [`once`] | `wharf x`: a command of a package that is not installed |
//! | [`error`], [`report`] | what can go wrong, what is told |
//!
//! A tool is a project that Wharf writes: a `wharf.toml`, its lock, its environment with generations. Installing is writing the
//! manifest and syncing, upgrading is syncing with newer versions; nothing here knows how packages are had.
//!
//! Invariant: a tool is the old one or the new one. What was cut off is put right by the next `wharf tool`, without the network.

pub mod approve;
mod asked;
mod change;
mod commands;
pub mod error;
pub mod once;
pub mod outdated;
mod phases;
mod places;
pub mod report;
mod shims;
mod side_by_side;

use std::path::PathBuf;

use wharf_core::Event;
use wharf_install::Environment;

use crate::cargo::prebuilt;
use crate::error::OpsError;
use crate::names;
use crate::request::{Installing, Solving, Upgrade};
use crate::session::Session;

use change::Change;
use error::ToolError;
use places::Tool;
use report::{InstalledTool, ListedTool, RemovedTool, ToolList, ToolsChanged, ToolsRemoved};
use shims::Taking;
use side_by_side::Wanted;

pub use asked::Features;
pub(crate) use asked::name_suite;
pub use places::Places;
pub(crate) use places::folders_in;

/// What an installation is asked.
#[derive(Clone, Debug, Default)]
pub struct InstallRequest {
    /// The tools, in short form.
    pub tools: Vec<String>,
    /// Packages that are put into the environment of the tool, in short form.
    pub with: Vec<String>,
    /// What the crates among the tools are built with.
    pub features: Features,
    /// Whether commands of others may be replaced.
    pub force: bool,
    /// How the solve is steered.
    pub solving: Solving,
    /// How the environment is made.
    pub installing: Installing,
}

/// What an upgrade is asked.
#[derive(Clone, Debug, Default)]
pub struct UpgradeRequest {
    /// The tools; empty for all.
    pub names: Vec<String>,
    /// How the solve is steered.
    pub solving: Solving,
    /// How the environments are made.
    pub installing: Installing,
}

/// Installs tools side by side: each wholly or not at all.
///
/// # Errors
/// Where a request is malformed, before anything is done; where the only tool cannot be had. Of several, those that cannot be
/// had are in the report.
pub async fn install(session: &Session, request: &InstallRequest) -> Result<ToolsChanged, OpsError> {
    let places = Places::of(session)?;
    let with = asked::all(&request.with)?;
    let mut tools = Vec::new();
    for asked in asked::all(&request.tools)? {
        let asked = asked.with_features(&request.features)?;
        match tools
            .iter()
            .find(|other: &&asked::Asked| other.package == asked.package)
        {
            None => tools.push(asked),
            Some(other) if *other == asked => {}
            Some(_) => {
                return Err(ToolError::Twice {
                    package: asked.package,
                }
                .into());
            }
        }
    }
    if tools.len() > 1 && !with.is_empty() {
        return Err(ToolError::WithForSeveral.into());
    }
    let _held = places.lock(session)?;
    mend(session, &places)?;
    let wanted = tools.into_iter().map(|asked| Wanted {
        tool: Tool::of(&places, &asked.package),
        asked: std::iter::once(asked).chain(with.clone()).collect(),
        upgrade: Upgrade::None,
        taking: if request.force {
            Taking::Anything
        } else {
            Taking::Free
        },
        solving: request.solving.clone(),
        installing: request.installing,
    });
    side_by_side::carry_out(session, &places, wanted.collect()).await
}

/// Moves tools to the newest versions that what was asked of them allows.
///
/// # Errors
/// As [`install`]; a tool that cannot be upgraded stays what it was.
pub async fn upgrade(session: &Session, request: &UpgradeRequest) -> Result<ToolsChanged, OpsError> {
    let places = Places::of(session)?;
    let _held = places.lock(session)?;
    mend(session, &places)?;
    let wanted = all_or_named(&places, &request.names)?
        .into_iter()
        .map(|tool| Wanted {
            tool,
            asked: Vec::new(),
            upgrade: Upgrade::All,
            taking: Taking::Free,
            solving: request.solving.clone(),
            installing: request.installing,
        });
    side_by_side::carry_out(session, &places, wanted.collect()).await
}

/// Takes tools away: commands, environment, records. The store keeps what it has.
///
/// # Errors
/// Where one of them is not installed; nothing is removed then.
pub fn remove(session: &Session, wanted: &[String]) -> Result<ToolsRemoved, OpsError> {
    let places = Places::of(session)?;
    let _held = places.lock(session)?;
    mend(session, &places)?;
    let mut removed = Vec::new();
    for tool in named(&places, wanted)? {
        let commands = shims::names_of(&places, &tool);
        places.take_out(&tool)?;
        shims::remove_orphans(&places)?;
        places.sweep()?;
        removed.push(RemovedTool {
            package: names::short(&tool.package),
            commands,
        });
    }
    places.tidy();
    Ok(ToolsRemoved { removed })
}

/// What is installed.
///
/// # Errors
/// Where what was cut off cannot be put right.
pub fn list(session: &Session) -> Result<ToolList, OpsError> {
    let places = Places::of(session)?;
    mend_where_nobody_works(session, &places)?;
    let tools = Tool::all(&places);
    Ok(ToolList {
        directory: places.tools.clone(),
        bin_directory: places.bin.clone(),
        tools: tools.iter().map(|tool| listed(session, &places, tool)).collect(),
    })
}

/// Where tools lie, or one of them.
///
/// # Errors
/// Where that one is not installed.
pub fn directory(session: &Session, name: Option<&str>) -> Result<PathBuf, OpsError> {
    let places = Places::of(session)?;
    match name {
        None => Ok(places.tools),
        Some(name) => Ok(one_named(&places, name)?.folder),
    }
}

/// Where the commands of tools lie.
///
/// # Errors
/// Where nothing says which folder is the user's.
pub fn bin_directory(session: &Session) -> Result<PathBuf, OpsError> {
    Ok(Places::of(session)?.bin)
}

/// Puts right what was cut off, unless another process changes something: what it has begun is none of it.
fn mend_where_nobody_works(session: &Session, places: &Places) -> Result<(), OpsError> {
    if let Some(_held) = places.try_lock()? {
        mend(session, places)?;
        places.tidy();
    }
    Ok(())
}

/// Puts right what was cut off. Under the lock.
fn mend(session: &Session, places: &Places) -> Result<(), OpsError> {
    if places.has_leavings() {
        shims::remove_orphans(places)?;
        places.sweep()?;
    }
    for tool in Tool::all(places) {
        let Some(change) = Change::left(&tool)? else {
            continue;
        };
        shims::remove_drafts(places)?;
        let moved = change.has_moved()?;
        session.emit(Event::detail(format!(
            "a change of {} was cut off: it is {}",
            names::short(&tool.package),
            if moved { "finished" } else { "taken back" }
        )));
        if moved {
            let brought = commands::of_tool(&tool)?;
            shims::expose(session, places, &tool, &brought, Taking::Free)?;
            change.finish()?;
        } else {
            change.undo(places)?;
        }
    }
    Ok(())
}

/// The installed tools that words mean, each once.
fn named(places: &Places, words: &[String]) -> Result<Vec<Tool>, OpsError> {
    let mut tools = Vec::new();
    for word in words {
        let tool = one_named(places, word)?;
        if !tools.contains(&tool) {
            tools.push(tool);
        }
    }
    Ok(tools)
}

/// The same; without words every tool.
fn all_or_named(places: &Places, words: &[String]) -> Result<Vec<Tool>, OpsError> {
    match words {
        [] => Ok(Tool::all(places)),
        words => named(places, words),
    }
}

/// The installed tool that a word means: `npm:prettier`, or a bare name that only one ecosystem's tool has.
fn one_named(places: &Places, word: &str) -> Result<Tool, OpsError> {
    let candidates = names::candidates(word)?;
    let installed = Tool::all(places);
    let mut meant: Vec<&Tool> = installed
        .iter()
        .filter(|tool| names::means(word, &tool.package))
        .collect();
    match (meant.pop(), meant.is_empty()) {
        (Some(tool), true) => Ok(tool.clone()),
        (Some(tool), false) => Err(ToolError::Ambiguous {
            word: word.to_owned(),
            packages: meant
                .into_iter()
                .chain([tool])
                .map(|tool| names::short(&tool.package))
                .collect(),
        }
        .into()),
        (None, _) => {
            let wanted = candidates
                .first()
                .cloned()
                .expect("a word means at least one package");
            let near = names::nearest(&wanted, installed.iter().map(|tool| &tool.package));
            Err(ToolError::NotInstalled {
                word: word.to_owned(),
                near,
            }
            .into())
        }
    }
}

/// The version that stands.
fn current_version(tool: &Tool) -> Option<String> {
    commands::of_tool(tool).ok()?.version
}

/// A tool as it stands.
fn described(
    session: &Session,
    places: &Places,
    tool: &Tool,
    commands: Vec<report::Exposed>,
) -> Result<InstalledTool, OpsError> {
    let stated = asked::stated(session, &tool.folder, &tool.package)?;
    let environment = Environment::locate(&tool.folder);
    let generation = environment.current()?;
    let runtimes = commands::runtimes(generation.as_ref());
    Ok(InstalledTool {
        package: names::short(&tool.package),
        version: current_version(tool),
        previous: None,
        requested: stated.requested,
        with: stated.with,
        directory: tool.folder.clone(),
        bin_directory: places.bin.clone(),
        commands,
        python: runtimes.python,
        node: runtimes.node,
        origin: prebuilt::origin_of(session, generation.as_ref(), &tool.package)?,
        generation: generation.map_or(0, |generation| generation.number),
        up_to_date: true,
        changes: Vec::new(),
    })
}

/// A tool for the list; one that cannot be read says why instead of spoiling the list.
fn listed(session: &Session, places: &Places, tool: &Tool) -> ListedTool {
    let commands = shims::names_of(places, tool);
    let exposed = commands
        .iter()
        .map(|name| report::Exposed::at(name, &places.bin))
        .collect();
    let (installed, trouble) = match described(session, places, tool, exposed) {
        Ok(installed) => {
            let trouble = match &installed.version {
                None => Some("its environment is gone".to_owned()),
                Some(_) => None,
            };
            (Some(installed), trouble)
        }
        Err(error) => (None, Some(error.to_string())),
    };
    let package = names::short(&tool.package);
    let hint = trouble.is_some().then(|| format!("wharf tool upgrade {package}"));
    ListedTool {
        package,
        version: installed.as_ref().and_then(|tool| tool.version.clone()),
        requested: installed.as_ref().map(|tool| tool.requested.clone()),
        with: installed
            .as_ref()
            .map(|tool| tool.with.clone())
            .unwrap_or_default(),
        directory: tool.folder.clone(),
        commands,
        python: installed.as_ref().and_then(|tool| tool.python.clone()),
        node: installed.as_ref().and_then(|tool| tool.node.clone()),
        origin: installed.as_ref().and_then(|tool| tool.origin.clone()),
        generation: installed.as_ref().map_or(0, |tool| tool.generation),
        trouble,
        hint,
    }
}
