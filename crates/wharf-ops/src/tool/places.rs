//! Where tools lie, and who may change them.
//!
//! ```text
//! <tools>/lock                    flock: exclusive while a tool changes
//! <tools>/<ecosystem>/<name>/     one tool: wharf.toml, wharf.lock, its environment, `.wharf`
//! <tools>/.removed/<n>            what is being deleted
//! <bin>/<command>                 the commands
//! <cache>/x/<key>/                one-offs: projects as well
//! ```
//! Invariant: a folder has its name only while it is a tool; the folder of one that is removed is moved away in one step first.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use wharf_core::{Ecosystem, Event, PackageName};
use wharf_store::Lock;
use wharf_store::durable;
use wharf_store::lock::Access;

use crate::error::OpsError;
use crate::session::Session;
use crate::tool::error::ToolError;

/// What stands for the slash of `@scope/name` in the name of a folder: no package's name has it.
const SLASH: &str = "+";
const REMOVED: &str = ".removed";
const LOCK: &str = "lock";

/// The folders of a user's tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// One folder a tool, below one an ecosystem.
    pub tools: PathBuf,
    /// Their commands.
    pub bin: PathBuf,
    /// One-offs.
    pub once: PathBuf,
}

impl Places {
    /// Those that the variables of the session say. Source of the usual folders: the XDG base directory specification.
    ///
    /// # Errors
    /// Where nothing says which folder is the user's.
    pub fn of(session: &Session) -> Result<Self, OpsError> {
        let settings = session.settings();
        let variable = |name: &str| {
            let text = settings.environment.get(name).filter(|text| !text.is_empty());
            text.map(|text| settings.directory.join(text))
        };
        let absolute = |name: &str| variable(name).filter(|_| settings.environment[name].starts_with('/'));
        let home = || variable("HOME").ok_or(ToolError::NoHome);
        let tools = match (variable("WHARF_TOOL_DIR"), absolute("XDG_DATA_HOME")) {
            (Some(own), _) => own,
            (None, Some(data)) => data.join("wharf/tools"),
            (None, None) => home()?.join(".local/share/wharf/tools"),
        };
        let bin = match (variable("WHARF_TOOL_BIN_DIR"), absolute("XDG_BIN_HOME")) {
            (Some(own), _) => own,
            (None, Some(bin)) => bin,
            (None, None) => home()?.join(".local/bin"),
        };
        Ok(Self {
            tools,
            bin,
            once: settings.cache.join("x"),
        })
    }

    /// Keeps other changes away while it is held.
    pub(crate) fn lock(&self, session: &Session) -> Result<Lock, OpsError> {
        fs::create_dir_all(&self.tools).map_err(OpsError::io("make", &self.tools))?;
        let path = self.tools.join(LOCK);
        loop {
            let lock = Lock::acquire(&path, Access::Exclusive, |held| {
                session.emit(Event::Waiting {
                    what: format!("another wharf that holds {}", held.display()),
                });
            })?;
            if is_still_at(&lock, &path) {
                return Ok(lock);
            }
            // Whoever held it removed the last tool, and the lock with it.
            fs::create_dir_all(&self.tools).map_err(OpsError::io("make", &self.tools))?;
        }
    }

    /// The same without waiting; `None` where another process changes something, or there are no tools.
    pub(crate) fn try_lock(&self) -> Result<Option<Lock>, OpsError> {
        if !self.tools.is_dir() {
            return Ok(None);
        }
        let path = self.tools.join(LOCK);
        let lock = Lock::attempt(&path, Access::Exclusive)?;
        Ok(lock.filter(|lock| is_still_at(lock, &path)))
    }

    /// Moves a tool's folder out of the way, in one step.
    pub(crate) fn take_out(&self, tool: &Tool) -> Result<(), OpsError> {
        let removed = self.tools.join(REMOVED);
        fs::create_dir_all(&removed).map_err(OpsError::io("make", &removed))?;
        let free = (0..u32::MAX)
            .map(|number| removed.join(number.to_string()))
            .find(|path| !path.exists())
            .expect("there is always a number that is free");
        fs::rename(&tool.folder, &free).map_err(OpsError::io("move", &tool.folder))?;
        Ok(())
    }

    /// Whether something waits for its deletion.
    pub(crate) fn has_leavings(&self) -> bool {
        self.tools.join(REMOVED).exists()
    }

    /// Deletes what was moved out of the way.
    pub(crate) fn sweep(&self) -> Result<(), OpsError> {
        let removed = self.tools.join(REMOVED);
        if removed.exists() {
            durable::remove_tree(&removed)?;
        }
        for ecosystem in folders_in(&self.tools) {
            // Only an empty one goes.
            let _ = fs::remove_dir(ecosystem);
        }
        Ok(())
    }

    /// Without any tool not even the folder stays. Under the lock, which goes with it.
    pub(crate) fn tidy(&self) {
        if Tool::all(self).is_empty() && !self.has_leavings() {
            let _ = fs::remove_file(self.tools.join(LOCK));
            let _ = fs::remove_dir(&self.tools);
        }
    }
}

/// Whether a lock is that of the file that stands at the path now.
fn is_still_at(lock: &Lock, path: &Path) -> bool {
    let held = lock.file().metadata().map(|data| (data.dev(), data.ino()));
    let there = fs::metadata(path).map(|data| (data.dev(), data.ino()));
    matches!((held, there), (Ok(held), Ok(there)) if held == there)
}

/// One installed tool, or the place of one that is about to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tool {
    /// The package that it is named by.
    pub(crate) package: PackageName,
    /// Its project.
    pub(crate) folder: PathBuf,
}

impl Tool {
    /// The tool of a package.
    pub(crate) fn of(places: &Places, package: &PackageName) -> Self {
        let name = package.as_str().replace('/', SLASH);
        Self {
            folder: places.tools.join(package.ecosystem().as_str()).join(name),
            package: package.clone(),
        }
    }

    /// Every tool, by ecosystem and name.
    pub(crate) fn all(places: &Places) -> Vec<Self> {
        let mut tools: Vec<Self> = folders_in(&places.tools)
            .into_iter()
            .flat_map(|folder| folders_in(&folder))
            .filter_map(|folder| Self::at(places, &folder))
            .collect();
        tools.sort_by(|a, b| a.package.cmp(&b.package));
        tools
    }

    /// The tool whose folder this is, or whose folder it lies in, whether or not that is there.
    pub(crate) fn at(places: &Places, path: &Path) -> Option<Self> {
        let mut parts = path.strip_prefix(&places.tools).ok()?.components();
        let mut part = || parts.next()?.as_os_str().to_str();
        let ecosystem: Ecosystem = part()?.parse().ok()?;
        let package = PackageName::new(ecosystem, &part()?.replace(SLASH, "/")).ok()?;
        Some(Self::of(places, &package))
    }

    /// Whether it is installed.
    pub(crate) fn exists(&self) -> bool {
        self.folder.is_dir()
    }
}

/// The folders in a folder, none where that is not there.
pub(crate) fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_say_which_tool_they_are() {
        let places = Places {
            tools: "/t".into(),
            bin: "/b".into(),
            once: "/x".into(),
        };
        for (ecosystem, name, folder) in [
            (Ecosystem::Pypi, "ruff", "/t/pypi/ruff"),
            (Ecosystem::Npm, "@angular/cli", "/t/npm/@angular+cli"),
            (Ecosystem::Cargo, "cargo-nextest", "/t/cargo/cargo-nextest"),
        ] {
            let package = PackageName::new(ecosystem, name).unwrap();
            let tool = Tool::of(&places, &package);
            assert_eq!(tool.folder, Path::new(folder));
            let inside = tool.folder.join(".venv/bin/x");
            assert_eq!(Tool::at(&places, &inside), Some(tool.clone()));
            assert_eq!(Tool::at(&places, &tool.folder), Some(tool));
        }
        for stranger in [
            "/t",
            "/t/lock",
            "/t/gem/rails",
            "/t/.removed/0",
            "/other/pypi/ruff",
        ] {
            assert_eq!(Tool::at(&places, Path::new(stranger)), None, "{stranger}");
        }
    }
}
