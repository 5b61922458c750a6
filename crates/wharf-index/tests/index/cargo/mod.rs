//! The index of crates in a scratch folder over loopback registries.

mod archives;
mod logins;
mod lookup;
mod plain_cargo;

use std::ops::{Deref, DerefMut};

use wharf_core::Explain;
use wharf_ecosystem::cargo::{CrateName, CrateVersions, SourceId, crate_name};
use wharf_index::cargo::{CargoError, CratesIndex, Registry, Wanted};
use wharf_index::{IndexError, Refresh};
use wharf_testkit::CargoRegistry;

use crate::support::{Machine, url};

/// A machine and what is configured for crates.
struct World {
    machine: Machine,
    registries: Vec<Registry>,
    refresh: Refresh,
}

impl World {
    /// A registry in the place of crates.io.
    fn new(registry: &CargoRegistry) -> Self {
        Self {
            machine: Machine::new(),
            registries: vec![configured(registry, None)],
            refresh: Refresh::Nothing,
        }
    }

    fn with_token(mut self, token: &str) -> Self {
        self.registries[0].token = Some(token.to_owned());
        self
    }

    fn index(&self) -> CratesIndex {
        let parts = self.parts();
        let registries = self.registries.clone();
        CratesIndex::new(
            parts.client,
            parts.store,
            parts.governor,
            registries,
            &parts.cache,
            parts.sinks,
        )
        .with_refresh(self.refresh.clone())
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

fn configured(registry: &CargoRegistry, token: Option<&str>) -> Registry {
    Registry {
        source: SourceId::crates_io(),
        name: "crates-io".to_owned(),
        index: url(&registry.url("/index/")),
        token: token.map(str::to_owned),
    }
}

fn io() -> SourceId {
    SourceId::crates_io()
}

fn name(text: &str) -> CrateName {
    crate_name(text).unwrap()
}

fn texts(versions: &CrateVersions) -> Vec<String> {
    versions
        .rows()
        .iter()
        .map(|row| row.version.to_string())
        .collect()
}

fn cargo(error: IndexError) -> CargoError {
    match error {
        IndexError::Cargo(error) => (*error).clone(),
        other => panic!("another error: {other}"),
    }
}

/// What the index says of the newest version of a crate.
async fn wanted(index: &CratesIndex, name: &str) -> Wanted {
    let versions = index.versions(&io(), &self::name(name)).await.unwrap();
    let newest = versions.rows().len() - 1;
    Wanted::of(&versions.summary(newest).unwrap()).unwrap()
}

fn hint(error: &IndexError) -> String {
    error.hints().join("; ")
}
