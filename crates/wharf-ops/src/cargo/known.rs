//! What registries, repositories and folders said, as the resolver asks for it.
//!
//! Registries' answers lie in the index, which reads a fresh one from the cache when the resolver comes to it: a warm solve
//! fetches nothing and waits for nothing. Invariant: an answer stays the same for as long as this lives.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::{FxHashMap, FxHashSet};
use wharf_crates::{Lookup, Universe};
use wharf_ecosystem::cargo::{CrateName, CrateVersions, SourceId, Summary};
use wharf_index::IndexError;
use wharf_index::cargo::{CargoError, CratesIndex};
use wharf_project::CargoConfig;

use super::repository;

/// Packages of one folder or repository.
pub(crate) type Packages = Arc<Vec<Arc<Summary>>>;

/// What is known so far.
pub(crate) struct Known<'a> {
    index: CratesIndex,
    config: &'a CargoConfig,
    packages: FxHashMap<SourceId, Result<Packages, IndexError>>,
    /// Repositories that stay at the commit that is locked.
    pinned: Vec<SourceId>,
    /// Crates that the cache does not have: looked for once.
    absent: Mutex<FxHashSet<(SourceId, CrateName)>>,
    /// What could not be had, in the order in which the resolver came to it.
    failures: Mutex<Vec<IndexError>>,
}

impl<'a> Known<'a> {
    /// The packages of folders, and whatever the index knows.
    pub(crate) fn new(
        index: CratesIndex,
        config: &'a CargoConfig,
        folders: impl IntoIterator<Item = (SourceId, Packages)>,
    ) -> Self {
        let folders = folders
            .into_iter()
            .map(|(source, packages)| (source, Ok(packages)));
        Self {
            index,
            config,
            packages: folders.collect(),
            pinned: Vec::new(),
            absent: Mutex::default(),
            failures: Mutex::default(),
        }
    }

    /// The registries.
    pub(crate) fn index(&self) -> &CratesIndex {
        &self.index
    }

    /// The same with repositories that stay at the commits of these sources.
    pub(crate) fn pinning(mut self, pinned: Vec<SourceId>) -> Self {
        self.pinned = pinned;
        self
    }

    /// Reads repositories, all at once.
    pub(crate) async fn visit(&mut self, sources: BTreeSet<SourceId>) {
        let each = sources.into_iter().map(|source| {
            // Sources are equal whatever their commits.
            let pinned = self.pinned.iter().find(|pinned| **pinned == source);
            let at = match source.commit() {
                None => pinned.unwrap_or(&source).clone(),
                Some(_) => source.clone(),
            };
            let (index, config) = (&self.index, self.config);
            async move { (source, repository::packages(index, config, &at).await) }
        });
        let visited = futures::future::join_all(each).await;
        self.packages.extend(visited);
    }

    /// The first thing that could not be had, if the resolver came to any.
    pub(crate) fn failure(&self) -> Option<IndexError> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.first().cloned()
    }

    /// Forgets what could not be had: the next attempt comes to it again.
    pub(crate) fn clear_failures(&self) {
        self.failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    fn failed<T>(&self, error: IndexError) -> Lookup<T> {
        let words = words(&error);
        self.failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(error);
        Lookup::Failed(words)
    }
}

impl Universe for Known<'_> {
    fn versions(&self, registry: &SourceId, name: &CrateName) -> Lookup<Arc<CrateVersions>> {
        match self.index.known(registry, name) {
            Some(Ok(versions)) => return Lookup::Known(versions),
            Some(Err(error)) if is_unknown(&error) => return Lookup::Known(none(registry, name)),
            Some(Err(error)) => return self.failed(error),
            None => {}
        }
        let key = (registry.clone(), name.clone());
        let mut absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
        if absent.contains(&key) {
            return Lookup::Unknown;
        }
        match self.index.cached(registry, name) {
            Some(versions) => Lookup::Known(versions),
            None => {
                absent.insert(key);
                Lookup::Unknown
            }
        }
    }

    fn packages(&self, source: &SourceId) -> Lookup<Packages> {
        match self.packages.get(source) {
            Some(Ok(packages)) => Lookup::Known(Arc::clone(packages)),
            Some(Err(error)) => self.failed(error.clone()),
            None => Lookup::Unknown,
        }
    }
}

/// A crate without versions.
fn none(registry: &SourceId, name: &CrateName) -> Arc<CrateVersions> {
    let lines = Arc::new(Vec::<u8>::new());
    let (registry, name) = (registry.clone(), name.clone());
    Arc::new(CrateVersions::from_rows(
        name,
        registry,
        Vec::new(),
        lines,
        Vec::new(),
    ))
}

/// Whether a registry said that it has no such crate.
pub(crate) fn is_unknown(error: &IndexError) -> bool {
    matches!(error, IndexError::Cargo(error) if CargoError::is_unknown(error))
}

/// An error with its causes, in one line.
fn words(error: &IndexError) -> String {
    let mut words = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        next = cause.source();
    }
    words
}
