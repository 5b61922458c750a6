//! Commands in the user's folder: a link to the environment's own file, which every generation has at the same path, or a script
//! of two lines where something has to be around the command.
//!
//! Invariant: whose a command is stands in the command itself, in the target of the link or in the second line of the script. No
//! list has to be kept right, and what is not Wharf's is never touched without being asked.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::error::OpsError;
use crate::names;
use crate::npm::scripts::quoted;
use crate::session::Session;
use crate::tool::commands::{Around, Brings, Brought};
use crate::tool::error::ToolError;
use crate::tool::places::{Places, Tool};
use crate::tool::report::Exposed;

/// What the second line of a script begins with; the folder of the tool follows.
const MARK: &str = "# A command of a tool that Wharf installed: ";
/// What a command is called before it has its name.
const DRAFT: &str = ".wharf-draft-";

/// What happens to a command of that name which is not the tool's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taking {
    /// It stays, and the whole tool is refused.
    Refuse,
    /// It stays, and the tool does without.
    Free,
    /// It goes.
    Anything,
}

/// Whose a command is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Owner {
    Nobody,
    Tool(Tool),
    Stranger,
}

/// Puts a tool's commands into the user's folder, and takes away those that it no longer brings.
///
/// # Errors
/// With [`Taking::Refuse`], where one of them is taken; nothing is changed then.
pub(crate) fn expose(
    session: &Session,
    places: &Places,
    tool: &Tool,
    brought: &Brought,
    taking: Taking,
) -> Result<Vec<Exposed>, OpsError> {
    let mut exposed = Vec::with_capacity(brought.commands.len());
    for command in &brought.commands {
        let mut report = Exposed::at(&command.name, &places.bin);
        let owner = owner(places, &report.path);
        let other = other(&owner, tool, &report.path);
        match taking {
            Taking::Anything => report.replaced = other,
            Taking::Free | Taking::Refuse => report.taken_by = other,
        }
        (report.hidden_by, report.hides) = neighbours(session, &places.bin, &command.name);
        exposed.push(report);
    }
    if taking == Taking::Refuse && exposed.iter().any(|one| one.taken_by.is_some()) {
        return Err(refused(places, tool, &exposed));
    }
    fs::create_dir_all(&places.bin).map_err(OpsError::io("make", &places.bin))?;
    for (command, report) in brought.commands.iter().zip(&exposed) {
        if report.taken_by.is_none() {
            place(tool, command, &brought.around, &report.path)?;
        }
    }
    for (path, owner) in owned(places) {
        let stays = exposed.iter().any(|one| one.path == path);
        if owner == *tool && !stays {
            remove(&path)?;
        }
    }
    Ok(exposed)
}

/// The commands of a tool that are in the user's folder, by name.
pub(crate) fn names_of(places: &Places, tool: &Tool) -> Vec<String> {
    let own = owned(places).into_iter().filter(|(_, owner)| owner == tool);
    let mut names: Vec<String> = own
        .filter_map(|(path, _)| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

/// Takes away the commands of tools that are gone.
pub(crate) fn remove_orphans(places: &Places) -> Result<(), OpsError> {
    for (path, owner) in owned(places) {
        if !owner.exists() {
            remove(&path)?;
        }
    }
    remove_drafts(places)
}

/// Takes away what a process that died had not named yet.
pub(crate) fn remove_drafts(places: &Places) -> Result<(), OpsError> {
    for path in entries(&places.bin) {
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| name.starts_with(DRAFT)) {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Whether PATH has a folder.
pub(crate) fn is_on_path(session: &Session, folder: &Path) -> bool {
    path_of(session).iter().any(|other| is_same(other, folder))
}

fn path_of(session: &Session) -> Vec<PathBuf> {
    let path = session.settings().environment.get("PATH");
    path.map(|path| std::env::split_paths(path).collect())
        .unwrap_or_default()
}

fn is_same(one: &Path, other: &Path) -> bool {
    one == other
        || matches!((fs::canonicalize(one), fs::canonicalize(other)), (Ok(one), Ok(other)) if one == other)
}

/// The files of that name that come before and after the user's folder on PATH. Without it there, all come before.
fn neighbours(session: &Session, bin: &Path, name: &str) -> (Option<PathBuf>, Option<PathBuf>) {
    let (mut before, mut after, mut passed) = (None, None, false);
    for folder in path_of(session) {
        if is_same(&folder, bin) {
            passed = true;
            continue;
        }
        let file = folder.join(name);
        let found = if passed { &mut after } else { &mut before };
        if found.is_none() && folder.is_absolute() && is_command(&file) {
            *found = Some(file);
        }
    }
    match passed {
        true => (before, after),
        // A folder that is not on PATH is told of by itself.
        false => (None, None),
    }
}

fn is_command(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// Whose a command is, for people, where it is not the tool's.
fn other(owner: &Owner, tool: &Tool, path: &Path) -> Option<String> {
    match owner {
        Owner::Nobody => None,
        Owner::Tool(other) if other == tool || !other.exists() => None,
        Owner::Tool(other) => Some(names::short(&other.package)),
        Owner::Stranger => Some(path.display().to_string()),
    }
}

fn refused(places: &Places, tool: &Tool, exposed: &[Exposed]) -> OpsError {
    let taken = exposed.iter().filter_map(|one| {
        let owner = one.taken_by.as_ref()?;
        let stranger = *owner == one.path.display().to_string();
        Some(match stranger {
            true => format!("{owner} is there and is not Wharf's"),
            false => format!("the command `{}` is that of {owner}", one.name),
        })
    });
    ToolError::Taken {
        package: tool.package.clone(),
        taken: taken.collect(),
        bin: places.bin.clone(),
    }
    .into()
}

/// Every command of the user's folder that is some tool's.
fn owned(places: &Places) -> Vec<(PathBuf, Tool)> {
    let entries = entries(&places.bin).into_iter();
    entries
        .filter_map(|path| match owner(places, &path) {
            Owner::Tool(tool) => Some((path, tool)),
            Owner::Nobody | Owner::Stranger => None,
        })
        .collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

fn owner(places: &Places, path: &Path) -> Owner {
    let Ok(data) = fs::symlink_metadata(path) else {
        return Owner::Nobody;
    };
    let named = match data.is_symlink() {
        true => fs::read_link(path).ok(),
        false if data.is_file() => marked(path),
        false => None,
    };
    let tool = named.and_then(|folder| Tool::at(places, &folder));
    tool.map_or(Owner::Stranger, Owner::Tool)
}

/// The folder that the second line of a script names.
fn marked(path: &Path) -> Option<PathBuf> {
    let mut head = Vec::new();
    let file = fs::File::open(path).ok()?;
    file.take(4096).read_to_end(&mut head).ok()?;
    let text = String::from_utf8_lossy(&head);
    let line = text.lines().nth(1)?;
    line.strip_prefix(MARK).map(PathBuf::from)
}

/// Puts one command in its place, in one step.
fn place(tool: &Tool, command: &Brings, around: &Around, path: &Path) -> Result<(), OpsError> {
    let script = (!around.is_empty()).then(|| script(tool, command, around));
    let is_there = match &script {
        None => fs::read_link(path).is_ok_and(|target| target == command.path),
        Some(text) => {
            fs::symlink_metadata(path).is_ok_and(|data| data.is_file())
                && fs::read_to_string(path).is_ok_and(|found| found == *text)
        }
    };
    if is_there {
        return Ok(());
    }
    let folder = path.parent().expect("a command lies in a folder");
    let draft = folder.join(format!("{DRAFT}{}", std::process::id()));
    remove(&draft)?;
    let made = match &script {
        None => symlink(&command.path, &draft),
        Some(text) => fs::write(&draft, text)
            .and_then(|()| fs::set_permissions(&draft, fs::Permissions::from_mode(0o755))),
    };
    made.and_then(|()| fs::rename(&draft, path))
        .map_err(OpsError::io("write", path))
}

fn script(tool: &Tool, command: &Brings, around: &Around) -> String {
    let word = |path: &Path| quoted(path.as_os_str()).to_string_lossy().into_owned();
    let mut text = format!("#!/bin/sh\n{MARK}{}\n", tool.folder.display());
    if let Some(folder) = &around.path {
        text.push_str(&format!("export PATH={}:\"$PATH\"\n", word(folder)));
    }
    if let Some(folder) = &around.node_path {
        text.push_str(&format!(
            "export NODE_PATH={}\"${{NODE_PATH:+:$NODE_PATH}}\"\n",
            word(folder)
        ));
    }
    if around.view.is_some() {
        // Only a program can enter a view; it finds its way from the folder alone.
        let own = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("wharf"));
        text.push_str(&format!("exec {} tool exec {} ", word(&own), word(&tool.folder)));
    } else {
        text.push_str("exec ");
    }
    text.push_str(&format!("{} \"$@\"\n", word(&command.path)));
    text
}

fn remove(path: &Path) -> Result<(), OpsError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            // What is to be replaced may be a folder: that is never taken for a command.
            Err(OpsError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}
