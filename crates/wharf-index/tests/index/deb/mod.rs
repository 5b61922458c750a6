//! Repositories of Debian packages in a scratch folder over loopback repositories.

mod archives;
mod lists;
mod places;
mod refused;
mod security;

use std::ops::{Deref, DerefMut};
use std::path::Path;

use wharf_core::Explain;
use wharf_deb::index::Index;
use wharf_deb::release::ValidUntil;
use wharf_index::deb::{DebError, KeyBlock, Keys, Names, Repositories, Repository, Snapshot, Trust};
use wharf_index::{IndexError, Refresh};
use wharf_testkit::{DebKey, DebRepository, deb_architecture};

use crate::support::{Machine, url};

/// A machine and the suites that are asked for.
struct World {
    machine: Machine,
    suites: Vec<Repository>,
    refresh: Refresh,
}

impl World {
    /// The suite `stable`, which key 1 may sign; asked again by every command.
    fn new(repository: &DebRepository) -> Self {
        Self {
            machine: Machine::new(),
            suites: vec![stable(repository)],
            refresh: Refresh::Everything,
        }
    }

    fn repositories(&self) -> Repositories {
        let parts = self.parts();
        Repositories::new(
            parts.client,
            parts.store,
            parts.governor,
            &parts.cache,
            parts.sinks,
        )
        .with_refresh(self.refresh.clone())
    }

    /// What a fresh process finds.
    async fn refresh(&self) -> Result<Vec<Snapshot>, IndexError> {
        self.repositories().refresh(&self.suites).await
    }

    async fn names(&self) -> Vec<String> {
        let snapshots = self.refresh().await.unwrap();
        snapshots
            .iter()
            .flat_map(|snapshot| &snapshot.parts)
            .flat_map(|part| names(&part.index))
            .collect()
    }

    async fn refused(&self) -> Refused {
        let before = files(&self.cache());
        let error = self.refresh().await.unwrap_err();
        assert_eq!(files(&self.cache()), before, "what is refused changes nothing");
        Refused {
            code: error.code(),
            text: error.to_string(),
            hints: error.hints(),
        }
    }
}

/// An error as people see it.
#[derive(Debug)]
struct Refused {
    code: &'static str,
    text: String,
    hints: Vec<String>,
}

impl Refused {
    #[track_caller]
    fn says(&self, code: &str, words: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            assert!(self.text.contains(word), "{word} is not in: {}", self.text);
        }
        assert!(!self.hints.is_empty(), "{self:?}");
    }
}

impl Deref for World {
    type Target = Machine;

    fn deref(&self) -> &Machine {
        &self.machine
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Machine {
        &mut self.machine
    }
}

fn stable(repository: &DebRepository) -> Repository {
    suite(repository, "stable", &[DebKey::of(1)])
}

fn suite(repository: &DebRepository, name: &str, keys: &[DebKey]) -> Repository {
    let components = if name.ends_with('/') {
        vec![]
    } else {
        vec!["main".to_owned()]
    };
    Repository {
        uri: url(&repository.root_url()),
        suite: name.to_owned(),
        components,
        architectures: vec![deb_architecture().to_owned()],
        trust: signed(keys),
        valid_until: ValidUntil::Checked,
        names: Names::FirstSeen,
    }
}

fn signed(keys: &[DebKey]) -> Trust {
    let block = |key: &DebKey| KeyBlock {
        place: "a test".to_owned(),
        bytes: key.binary(),
    };
    Trust::Signed(Keys {
        blocks: keys.iter().map(block).collect(),
        fingerprints: Vec::new(),
    })
}

/// `a 1.0`, of the packages of an index.
fn names(index: &Index) -> Vec<String> {
    let words = |id| {
        let record = index.record(id);
        format!("{} {}", record.name(), record.version())
    };
    index.records().map(words).collect()
}

fn deb(error: IndexError) -> DebError {
    match error {
        IndexError::Deb(error) => DebError::clone(&error),
        other => panic!("{other}"),
    }
}

/// Every file below a folder, with its content.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return found;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push((path.display().to_string(), std::fs::read(&path).unwrap())),
        }
    }
    found.sort();
    found
}
