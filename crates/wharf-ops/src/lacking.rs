//! Why a command is not there in a project whose programs run in the view of its Debian packages, and what would bring it.
//!
//! Invariant: nothing is asked of the network.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use wharf_index::Refresh;
use wharf_project::{DebCause, Group, Project};
use wharf_sys::view::{PROGRAMS, View};

use crate::deb;
use crate::error::OpsError;
use crate::lock;
use crate::request::Selecting;
use crate::run::Running;
use crate::session::Session;

/// A command that is not in the view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking {
    /// Its name.
    pub command: String,
    /// The machine's own of that name, which programs in the view do not see.
    pub hidden: Option<PathBuf>,
    /// Whether the project's repositories are known to have a package of that name.
    pub is_package: bool,
    /// Whether development packages were left out, and it is one of them.
    pub left_out: LeftOut,
}

/// What the last sync left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// Nothing.
    Nothing,
    /// Development packages.
    Others,
    /// The package of the command's name.
    This,
}

impl Lacking {
    /// What to do about it.
    pub fn hints(&self) -> Vec<String> {
        let command = &self.command;
        let mut hints = vec![match &self.hidden {
            Some(path) => format!(
                "the machine's own {} is not seen here: programs of a project with `[deb]` see the system of its packages",
                path.display()
            ),
            None => format!("nothing called `{command}` is in the environment or on PATH"),
        }];
        match self.left_out {
            LeftOut::This => hints.push(format!(
                "`deb:{command}` is a development package, and these are left out (`--no-dev`): `wharf sync` takes them in"
            )),
            LeftOut::Others => {
                hints.push("development packages are left out (`--no-dev`): `wharf sync` takes them in".to_owned());
            }
            LeftOut::Nothing => {}
        }
        match (self.left_out, self.is_package) {
            (LeftOut::This, _) => {}
            (_, true) => hints.push(format!("`wharf add deb:{command}` adds the package of that name")),
            (_, false) => hints.push(format!(
                "`wharf search {command}` looks for the package that brings it, `wharf add deb:NAME` adds it"
            )),
        }
        hints
    }
}

/// Whether a command is certain to be lacking in its view.
pub fn is_lacking(running: &Running) -> bool {
    let Some(view) = &running.view else { return false };
    let program = running.command.get_program();
    if Path::new(program).components().count() != 1 || view.program(program).is_some() {
        return false;
    }
    let said = running.command.get_envs().find(|(name, _)| *name == "PATH");
    let path = match said {
        Some((_, value)) => value.map(OsStr::to_owned),
        None => std::env::var_os("PATH"),
    };
    let path = path.unwrap_or_default();
    !std::env::split_paths(&path).any(|folder| has(view, &folder, program))
}

/// Whether a folder, as it is seen in a view, has something of this name.
fn has(view: &View, folder: &Path, name: &OsStr) -> bool {
    let hidden = ["/bin", "/sbin", "/usr/games"].iter().chain(&PROGRAMS);
    let inner = folder.strip_prefix("/").unwrap_or(folder);
    let is_there = |path: PathBuf| path.join(name).symlink_metadata().is_ok();
    let own = is_there(view.root().join(inner));
    own || (!hidden.clone().any(|hidden| folder == Path::new(hidden)) && is_there(folder.to_owned()))
}

/// What is known about a command that is lacking; `selecting` is what its environment was asked.
pub async fn lacking(session: &Session, running: &Running, selecting: &Selecting) -> Lacking {
    let program = running.command.get_program();
    let command = program.to_string_lossy().into_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut hidden = std::env::split_paths(&path).map(|folder| folder.join(program));
    let project = session.project(&Vec::new()).ok();
    let project = project.as_ref();
    let is_package = match project {
        Some(project) => is_package(session, project, &command).await.unwrap_or_default(),
        None => false,
    };
    let left_out = project.filter(|_| selecting.no_dev);
    Lacking {
        hidden: hidden.find(|path| path.is_file()),
        is_package,
        left_out: left_out.map_or(LeftOut::Nothing, |project| left_out_of(project, &command)),
        command,
    }
}

/// Whether repositories have a package, as far as that is in the cache.
async fn is_package(session: &Session, project: &Project, name: &str) -> Result<bool, OpsError> {
    let Some(deb) = &project.deb else {
        return Ok(false);
    };
    let mut project = project.clone();
    project.network.offline = true;
    let lock = lock::read(&project)?;
    let suite = deb::lock::suite(deb, lock.as_ref().and_then(|lock| lock.deb.as_deref()))?;
    let architecture = deb::architecture()?;
    let refresh = Refresh::Nothing;
    let offered = deb::repositories::offered(session, &project, deb, &suite, &architecture, refresh).await?;
    let mut layers = offered.universe.layers().iter();
    Ok(layers.any(|layer| {
        let found = layer.index.find(name);
        found.is_some_and(|found| layer.index.versions(found).next().is_some())
    }))
}

/// Whether the manifest names the package, or any, for development alone.
fn left_out_of(project: &Project, name: &str) -> LeftOut {
    let lock = lock::read(project).ok().flatten().and_then(|lock| lock.deb);
    let architecture = deb::architecture().ok();
    let system = lock
        .as_ref()
        .zip(architecture.as_ref())
        .and_then(|(lock, architecture)| lock.system(architecture.as_str()));
    let roots = system.into_iter().flat_map(|system| &system.roots);
    let mut dev = roots.filter(|root| root.group == Group::Dev && root.cause == DebCause::Manifest);
    let names: Vec<&str> = dev.by_ref().map(|root| root.package.name.as_str()).collect();
    match (names.is_empty(), names.contains(&name)) {
        (true, _) => LeftOut::Nothing,
        (false, true) => LeftOut::This,
        (false, false) => LeftOut::Others,
    }
}
