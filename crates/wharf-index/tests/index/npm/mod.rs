//! npm's index in a scratch folder over loopback registries.

mod archives;
mod direct;
mod logins;
mod lookup;

use std::ops::{Deref, DerefMut};

use wharf_core::{Ecosystem, PackageName};
use wharf_ecosystem::npm::{Registries, Version, Versions};
use wharf_index::npm::{Detail, NpmIndex};
use wharf_index::{IndexError, NpmError};
use wharf_testkit::NpmRegistry;

use crate::support::{Machine, url};

/// A machine and what is configured for npm.
struct World {
    machine: Machine,
    registries: Registries,
    detail: Detail,
}

impl World {
    fn new(registry: &NpmRegistry) -> Self {
        Self {
            machine: Machine::new(),
            registries: Registries::new(url(&registry.base_url())),
            detail: Detail::Abbreviated,
        }
    }

    fn with(mut self, detail: Detail) -> Self {
        self.detail = detail;
        self
    }

    fn index(&self) -> NpmIndex {
        let parts = self.parts();
        NpmIndex::new(
            parts.client,
            parts.store,
            parts.governor,
            self.registries.clone(),
            parts.cache,
            self.project(),
            self.detail,
            parts.sinks,
        )
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

fn name(text: &str) -> PackageName {
    PackageName::new(Ecosystem::Npm, text).unwrap()
}

fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

fn texts(versions: &Versions) -> Vec<String> {
    versions.rows().map(|row| row.version.to_string()).collect()
}

fn npm(error: IndexError) -> NpmError {
    match error {
        IndexError::Npm(error) => (*error).clone(),
        other => panic!("another error: {other}"),
    }
}
