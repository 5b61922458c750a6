//! One change of a tool: what stood before is on record until the change is whole.
//!
//! The environment has its own transaction and generations; what is around it (manifest, lock, commands) follows its word: where
//! the generation moved, the change is finished, where it did not, everything is put back. Invariant: both need only what is on
//! this machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use wharf_install::Environment;
use wharf_store::durable::write_atomic;

use crate::error::OpsError;
use crate::tool::places::{Places, Tool};
use crate::tool::shims;
use crate::write;

/// What says what a tool shall be; the environment follows.
const FILES: [&str; 3] = ["wharf.toml", "wharf.lock", super::asked::PYTHON];
const RECORD: &str = ".wharf/change.json";

/// A change that has begun.
#[derive(Debug)]
pub(crate) struct Change {
    tool: Tool,
    before: Before,
}

/// What stood before.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Before {
    /// The generation of the environment; `None` where there was none.
    generation: Option<u64>,
    /// The texts of the files that were there.
    files: BTreeMap<String, String>,
}

impl Change {
    /// Records what stands; makes the tool's folder where there is none.
    pub(crate) fn begin(tool: &Tool) -> Result<Self, OpsError> {
        let mut before = Before {
            generation: generation(tool)?,
            ..Before::default()
        };
        for name in FILES {
            let path = tool.folder.join(name);
            match fs::read_to_string(&path) {
                Ok(text) => drop(before.files.insert(name.to_owned(), text)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(OpsError::io("read", path)(error)),
            }
        }
        let change = Self {
            tool: tool.clone(),
            before,
        };
        let record = change.record();
        let state = record.parent().expect("the record lies in a folder");
        fs::create_dir_all(state).map_err(OpsError::io("make", state))?;
        let text = serde_json::to_vec(&change.before).expect("a record is plain data");
        write_atomic(&record, &text)?;
        Ok(change)
    }

    /// The change of a tool that was cut off, if one was. A folder without a manifest or a record is the very beginning of one.
    pub(crate) fn left(tool: &Tool) -> Result<Option<Self>, OpsError> {
        let change = |before| {
            Some(Self {
                tool: tool.clone(),
                before,
            })
        };
        let record = tool.folder.join(RECORD);
        match fs::read(&record) {
            // A record that cannot be read was never whole: nothing had been changed yet.
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).map_or(None, change)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let begun = !tool.folder.join(FILES[0]).exists();
                Ok(if begun { change(Before::default()) } else { None })
            }
            Err(error) => Err(OpsError::io("read", record)(error)),
        }
    }

    /// Whether the tool was not there before.
    pub(crate) fn is_first(&self) -> bool {
        self.before.files.is_empty()
    }

    /// Whether what is asked for is what was asked for before.
    pub(crate) fn asks_for_the_same(&self) -> bool {
        [FILES[0], FILES[2]].iter().all(|name| {
            let now = fs::read_to_string(self.tool.folder.join(name)).ok();
            now.as_ref() == self.before.files.get(*name)
        })
    }

    /// Whether the environment is a later one than before.
    pub(crate) fn has_moved(&self) -> Result<bool, OpsError> {
        Ok(generation(&self.tool)? != self.before.generation)
    }

    /// The change is whole.
    pub(crate) fn finish(self) -> Result<(), OpsError> {
        let record = self.record();
        match fs::remove_file(&record) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(OpsError::io("remove", record)(error))
            }
            _ => Ok(()),
        }
    }

    /// Everything is as it was. An environment that moved stays with what made it. The folder of tools stays too: the caller
    /// tidies when nothing else is under way in it.
    pub(crate) fn undo(self, places: &Places) -> Result<(), OpsError> {
        if self.is_first() {
            places.take_out(&self.tool)?;
            shims::remove_orphans(places)?;
            return places.sweep();
        }
        if !self.has_moved()? {
            for name in FILES {
                let path = self.tool.folder.join(name);
                match self.before.files.get(name) {
                    Some(text) => write::file(&path, text)?,
                    None => match fs::remove_file(&path) {
                        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                            return Err(OpsError::io("remove", path)(error));
                        }
                        _ => {}
                    },
                }
            }
        }
        self.finish()
    }

    fn record(&self) -> PathBuf {
        self.tool.folder.join(RECORD)
    }
}

/// The generation that stands, what a dead process left finished first.
fn generation(tool: &Tool) -> Result<Option<u64>, OpsError> {
    let environment = Environment::open(&tool.folder)?;
    Ok(environment.current()?.map(|generation| generation.number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_core::PackageName;

    fn case() -> (tempfile::TempDir, Places, Tool) {
        let folder = tempfile::tempdir().unwrap();
        let places = Places {
            tools: folder.path().join("tools"),
            bin: folder.path().join("bin"),
            once: folder.path().join("x"),
        };
        let tool = Tool::of(&places, &PackageName::pypi("demo").unwrap());
        (folder, places, tool)
    }

    #[test]
    fn the_first_change_leaves_nothing_when_it_is_taken_back() {
        let (_folder, places, tool) = case();
        let change = Change::begin(&tool).unwrap();
        assert!(change.is_first());
        fs::write(tool.folder.join("wharf.toml"), "new").unwrap();
        let left = Change::left(&tool).unwrap().unwrap();
        assert!(!left.has_moved().unwrap());
        left.undo(&places).unwrap();
        places.tidy();
        assert!(!places.tools.exists());
    }

    #[test]
    fn a_later_change_puts_every_file_back() {
        let (_folder, places, tool) = case();
        fs::create_dir_all(&tool.folder).unwrap();
        fs::write(tool.folder.join("wharf.toml"), "old").unwrap();
        fs::write(tool.folder.join("wharf.lock"), "lock").unwrap();
        let change = Change::begin(&tool).unwrap();
        assert!(!change.is_first());
        fs::write(tool.folder.join("wharf.toml"), "new").unwrap();
        fs::remove_file(tool.folder.join("wharf.lock")).unwrap();
        fs::write(tool.folder.join(".python-version"), "3.9").unwrap();
        Change::left(&tool).unwrap().unwrap().undo(&places).unwrap();
        let text = |name: &str| fs::read_to_string(tool.folder.join(name)).ok();
        assert_eq!(text("wharf.toml").as_deref(), Some("old"));
        assert_eq!(text("wharf.lock").as_deref(), Some("lock"));
        assert_eq!(text(".python-version"), None);
        assert!(Change::left(&tool).unwrap().is_none());
    }

    #[test]
    fn a_folder_without_anything_is_the_beginning_of_a_change() {
        let (_folder, places, tool) = case();
        fs::create_dir_all(tool.folder.join(".wharf")).unwrap();
        Change::left(&tool).unwrap().unwrap().undo(&places).unwrap();
        assert!(!tool.folder.exists());
    }
}
