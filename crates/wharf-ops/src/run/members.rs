//! `wharf run` in members of the workspace: one after the other, those that others need first.
//!
//! Each member is a `wharf run` of its own in the member's folder, so that what holds of one holds of all: variables, hooks,
//! commands. This module only says which members, in which order, and writes the line that starts them.

use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use wharf_ecosystem::npm::glob::NamePatterns;
use wharf_project::NpmImporter;

use crate::error::OpsError;
use crate::npm::scripts::quoted;
use crate::run::error::RunError;
use crate::run::{Kind, RunRequest, Running, Telling};
use crate::session::Session;

/// Which members something runs in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// By name, by pattern of names (`@scope/*`), or by folder; a folder stands for all members below it, `.` for the project itself.
    pub named: Vec<String>,
    /// All of them.
    pub all: bool,
    /// With all of them, the project itself.
    pub root: bool,
}

impl Members {
    /// Whether none is asked for: it runs where the user stands.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.named.is_empty() && !self.all && !self.root
    }
}

/// What becomes of the others where one fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bail {
    /// They do not run.
    #[default]
    AtOnce,
    /// They run; the exit code is that of the first that failed.
    AtTheEnd,
}

/// The line that runs it in each member that has the script, or, where no script is asked for and none of them has one, as a
/// command in each. `None` where nothing is to be done.
///
/// # Errors
/// Where a member is not there, or none has the script.
pub fn command(
    session: &Session,
    request: RunRequest<'_>,
    members: &Members,
    bail: Bail,
) -> Result<Option<Running>, OpsError> {
    let project = session.project(&Vec::new())?;
    let importers = project.npm.as_ref().map_or(&[][..], |npm| &npm.importers);
    let chosen = choose(importers, members, &session.settings().directory)?;
    let name = request
        .words
        .first()
        .and_then(|word| word.to_str())
        .unwrap_or_default();
    let having = |importer: &&NpmImporter| importer.script(name).is_some();
    let scripted: Vec<&NpmImporter> = chosen.iter().copied().filter(having).collect();
    let (kind, running) = match request.kind {
        Kind::Command => (Kind::Command, chosen),
        Kind::Any if scripted.is_empty() => (Kind::Command, chosen),
        Kind::ScriptIfPresent if scripted.is_empty() => return Ok(None),
        Kind::Script if scripted.is_empty() => {
            let (name, members) = (name.to_owned(), labels(&chosen));
            return Err(RunError::NoScriptInMembers { name, members }.into());
        }
        Kind::Any | Kind::Script | Kind::ScriptIfPresent => (Kind::Script, scripted),
    };
    let own = super::own().ok_or(RunError::Gone)?;
    let mut first = vec![OsString::from(own)];
    let settings = session.settings();
    first.extend(["--store".into(), settings.store.clone().into()]);
    first.extend(["--cache".into(), settings.cache.clone().into()]);
    if request.telling == Telling::Silent {
        first.push("--quiet".into());
    }
    let mut command = Command::new("/bin/sh");
    command
        .arg("-c")
        .arg(line(&first, &running, RunRequest { kind, ..request }, bail));
    command.current_dir(&settings.directory);
    Ok(Some(Running {
        command,
        view: None,
        script: None,
        scripts: Vec::new(),
    }))
}

/// The members in the order in which they run: those that others need first, else by their folders.
fn choose<'p>(
    importers: &'p [NpmImporter],
    members: &Members,
    directory: &Path,
) -> Result<Vec<&'p NpmImporter>, RunError> {
    let Some(root) = importers.first() else {
        return Err(no_member(members.named.first(), importers));
    };
    let matching = |name: &str, importer: &NpmImporter| {
        let named = importer.name.as_deref();
        let patterns = NamePatterns::new([name]);
        let places = [&root.folder, directory].map(|base| plain(&base.join(name)));
        let below = places.iter().any(|place| match *place == root.folder {
            true => importer.path == ".",
            false => importer.folder.starts_with(place),
        });
        named.is_some_and(|named| patterns.matches(named)) || below
    };
    for name in &members.named {
        if !importers.iter().any(|importer| matching(name, importer)) {
            return Err(no_member(Some(name), importers));
        }
    }
    let wanted = |importer: &&NpmImporter| {
        let by_name = members.named.iter().any(|name| matching(name, importer));
        let is_root = importer.path == ".";
        by_name || (members.all && !is_root) || (members.root && is_root)
    };
    let chosen: Vec<&NpmImporter> = in_order(importers).into_iter().filter(wanted).collect();
    match chosen.is_empty() {
        true => Err(no_member(None, importers)),
        false => Ok(chosen),
    }
}

fn no_member(name: Option<&String>, importers: &[NpmImporter]) -> RunError {
    RunError::NoMember {
        name: name.map_or_else(|| "*".to_owned(), Clone::clone),
        members: labels(&importers.iter().skip(1).collect::<Vec<_>>()),
    }
}

fn labels(importers: &[&NpmImporter]) -> Vec<String> {
    importers.iter().map(|one| label(one).to_owned()).collect()
}

fn label(importer: &NpmImporter) -> &str {
    importer.name.as_deref().unwrap_or(&importer.path)
}

/// A path without `.` and `..`, links not looked at.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

/// Each behind those of the others that it needs; in a cycle, and where nothing is said, in the given order.
fn in_order(importers: &[NpmImporter]) -> Vec<&NpmImporter> {
    let mut open: Vec<&NpmImporter> = importers.iter().collect();
    let needs = |one: &NpmImporter, other: &NpmImporter| {
        let mut requirements = one.requirements.iter();
        one.path != other.path
            && requirements.any(|need| Some(need.spec.package_name(&need.alias)) == other.name.as_deref())
    };
    let mut ordered = Vec::with_capacity(open.len());
    while !open.is_empty() {
        let is_ready = |one: &&NpmImporter| !open.iter().any(|other| needs(one, other));
        let next = open.iter().position(is_ready).unwrap_or(0);
        ordered.push(open.remove(next));
    }
    ordered
}

/// The line of the shell. The last member takes the shell's place, so that signals reach it.
fn line(first: &[OsString], members: &[&NpmImporter], request: RunRequest<'_>, bail: Bail) -> OsString {
    let kind = match request.kind {
        Kind::Command => "--no-script",
        Kind::Any | Kind::Script | Kind::ScriptIfPresent => "--script",
    };
    let mut text = OsString::from(match bail {
        Bail::AtTheEnd if members.len() > 1 => "code=; ",
        Bail::AtTheEnd | Bail::AtOnce => "",
    });
    for (index, member) in members.iter().enumerate() {
        let is_last = index + 1 == members.len();
        text.push(match (index, bail) {
            (0, _) => "",
            (_, Bail::AtOnce) => " && ",
            (_, Bail::AtTheEnd) => "; ",
        });
        if request.telling == Telling::Aloud {
            text.push("{ printf '%s:\\n' ");
            text.push(quoted(OsStr::new(label(member))));
            text.push(match bail {
                Bail::AtOnce => " >&2 || :; } && ",
                Bail::AtTheEnd => " >&2; }; ",
            });
        }
        if is_last && (bail == Bail::AtOnce || index == 0) {
            text.push("exec ");
        }
        let tail = [OsStr::new("-C"), member.folder.as_os_str(), OsStr::new("run")];
        let flags = ["--no-sync", kind].map(OsStr::new);
        let words = request.words.iter().map(OsString::as_os_str);
        let all = first.iter().map(OsString::as_os_str).chain(tail).chain(flags);
        let all = all.chain([OsStr::new("--")]).chain(words);
        let all: Vec<OsString> = all.map(quoted).collect();
        text.push(all.join(OsStr::new(" ")));
        if bail == Bail::AtTheEnd && members.len() > 1 {
            text.push(" || code=${code:-$?}");
        }
    }
    if bail == Bail::AtTheEnd && members.len() > 1 {
        text.push("; exit ${code:-0}");
    }
    text
}
