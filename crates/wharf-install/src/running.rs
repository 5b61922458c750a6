//! The variables around a command that runs inside an environment.
//!
//! Invariant: the environment's own commands come first: those of its tools, which were asked for by name, then in the order
//! that both worlds expect `.venv/bin` and the
//! `node_modules/.bin` of the folder and of each folder above it up to the project's, then whatever was there.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::error::InstallError;
use crate::node;

/// What a command finds around it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunEnvironment {
    /// Directories that come before those of PATH, first ones first. Each exists.
    pub path: Vec<PathBuf>,
    /// A directory that comes after all those of PATH.
    pub last: Option<PathBuf>,
    /// Variables that are set.
    pub variables: Vec<(String, OsString)>,
    /// Variables that must not be there.
    pub remove: Vec<String>,
}

impl Environment {
    /// What a command that runs in `folder` finds around it; `None` if no part of the environment stands there. Finishes
    /// what a process that died has left, so that no command sees one half of an old environment and one of a new.
    ///
    /// # Errors
    /// As [`Environment::open`] and [`Environment::current`].
    pub fn run_environment(&self, folder: &Path) -> Result<Option<RunEnvironment>, InstallError> {
        self.recover()?;
        let mut found = RunEnvironment::default();
        found
            .path
            .extend(Some(self.commands()).filter(|commands| commands.is_dir()));
        let scripts = match self.scripts()? {
            Some(scripts) => scripts,
            // One whose records are gone, or that another tool made, still has its commands in the usual place.
            None => self.root().join("bin"),
        };
        if scripts.is_dir() {
            found.path.push(scripts);
            let root = self.root().as_os_str().to_owned();
            found.variables.push(("VIRTUAL_ENV".to_owned(), root));
            found.remove.push("PYTHONHOME".to_owned());
        }
        found.path.extend(self.node_commands(folder));
        let hoisted = self.project().join(node::HIDDEN);
        if hoisted.is_dir() {
            let before = std::env::var_os("NODE_PATH");
            let value = with_first(&hoisted, before.as_deref());
            found.variables.push(("NODE_PATH".to_owned(), value));
        }
        let stands = !found.path.is_empty() || !found.variables.is_empty() || self.system().is_some();
        Ok(stands.then_some(found))
    }

    /// The commands of npm packages that count in `folder`, nearest first.
    fn node_commands(&self, folder: &Path) -> Vec<PathBuf> {
        let inside = folder.starts_with(self.project());
        let folders = folder
            .ancestors()
            .take_while(|above| above.starts_with(self.project()));
        let alone = (!inside).then_some(self.project());
        folders
            .chain(alone)
            .map(|folder| folder.join("node_modules/.bin"))
            .filter(|commands| commands.is_dir())
            .collect()
    }
}

impl RunEnvironment {
    /// The value of PATH: the environment's directories around those of `path`.
    #[must_use]
    pub fn path_around(&self, path: &OsStr) -> OsString {
        let last = self.last.as_ref();
        let given = std::env::split_paths(path).filter(|folder| Some(folder) != last);
        let folders = self.path.iter().cloned().chain(given).chain(last.cloned());
        joined(folders)
    }

    /// Puts all of it around a command: around the PATH that this was given, else before this process's.
    pub fn surround(&self, command: &mut std::process::Command) {
        let own = command.get_envs().find(|(name, _)| *name == "PATH");
        let path = match own.and_then(|(_, value)| value) {
            Some(path) => path.to_owned(),
            None => std::env::var_os("PATH").unwrap_or_default(),
        };
        command.env("PATH", self.path_around(&path));
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        for name in &self.remove {
            command.env_remove(name);
        }
    }

    /// The environment's own program of this name, if it has one and the name is no path: `exec` looks at the PATH of the
    /// process that calls it, not at the new one.
    #[must_use]
    pub fn program(&self, name: &OsStr) -> Option<PathBuf> {
        if Path::new(name).components().count() != 1 {
            return None;
        }
        let mut places = self.path.iter().map(|folder| folder.join(name));
        places.find(|file| file.is_file())
    }
}

/// A list of directories with one more in front, unless it is there already.
fn with_first(first: &Path, list: Option<&OsStr>) -> OsString {
    let rest = list.into_iter().flat_map(std::env::split_paths);
    let rest = rest.filter(|path| path != first && !path.as_os_str().is_empty());
    joined(std::iter::once(first.to_owned()).chain(rest))
}

/// A list of directories, as PATH is one. Those that cannot stand in one are left out, since a colon ends each.
pub(crate) fn joined(folders: impl Iterator<Item = PathBuf>) -> OsString {
    let able = folders.filter(|folder| std::env::join_paths([folder]).is_ok());
    std::env::join_paths(able).expect("each can stand in a list by itself")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_stand_in_a_path_takes_no_other_with_it() {
        let around = RunEnvironment {
            path: vec!["/own/bin".into(), "/a:b/bin".into(), "/own/other".into()],
            last: Some("/cache:d/shims".into()),
            ..RunEnvironment::default()
        };
        assert_eq!(
            around.path_around("/one:/two".as_ref()),
            "/own/bin:/own/other:/one:/two"
        );
        assert_eq!(with_first(Path::new("/a:b"), Some("/one".as_ref())), "/one");
    }
}
