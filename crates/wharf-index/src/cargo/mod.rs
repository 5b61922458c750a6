//! Registries of crates: from a name to its versions, from a version to files in the store.
//!
//! | module | job |
//! |---|---|
//! | [`CratesIndex`] | the one door |
//! | [`registry`] | [`Registry`]: where an index is, and what it says of itself |
//! | `versions` | index files: cache, registry, read once, lines parsed as they are needed |
//! | `local` | local registries: folders of archives |
//! | `table` | the file that an index file is kept in |
//! | [`archive`] | [`Wanted`]: archives, verified while they arrive, unpacked into the store |
//! | [`about`] | [`About`]: what people ask about a crate |
//! | [`git`] | [`CrateRepository`]: repositories that crates come from |
//! | [`error`] | [`CargoError`] |
//!
//! Invariants: a warm look-up reads one small file and parses none of its lines. Everything is asked for once per run,
//! however many tasks want it. A line that cannot be used costs that version. A token goes to its own registry alone, and
//! to the host of its archives where the registry says that everything wants one. Source: The Cargo Book, "Registry Index".

mod local;
mod table;
mod versions;

pub mod about;
pub mod archive;
pub mod error;
pub mod git;
pub mod registry;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Semaphore;
use wharf_core::Sinks;
use wharf_ecosystem::cargo::{CrateName, CrateVersions, RegistryConfig, SourceId};
use wharf_net::Client;
use wharf_store::Store;
use wharf_sys::Governor;

pub use about::{About, Shown};
pub use archive::Wanted;
pub use error::CargoError;
pub use git::CrateRepository;
pub use registry::Registry;

use crate::arrive::waiting_room;
use crate::cache::Cache;
use crate::error::IndexError;
use crate::git::Repositories;
use crate::index::Refresh;
use crate::keep::Keeper;
use crate::once::OnceMap;

type Answer<T> = Result<T, IndexError>;

/// Versions and files of crates. Cheap to clone.
#[derive(Clone)]
pub struct CratesIndex {
    shared: Arc<Shared>,
}

/// What all handles share.
struct Shared {
    client: Client,
    store: Arc<Store>,
    governor: Arc<Governor>,
    registries: Vec<Registry>,
    /// Where index files are kept.
    folder: PathBuf,
    refresh: Refresh,
    configs: OnceMap<SourceId, Answer<Arc<RegistryConfig>>>,
    crates: OnceMap<(SourceId, CrateName), Answer<Arc<CrateVersions>>>,
    keeper: Keeper,
    waiting: Arc<Semaphore>,
    repositories: Repositories,
    /// Repositories whose homes were made, by the names of these.
    placed: OnceMap<String, Answer<()>>,
}

impl CratesIndex {
    /// An index over `registries`; a registry that a crate names and the configuration does not is asked without a token.
    /// `cache_root` is the user's cache folder.
    pub fn new(
        client: Client,
        store: Arc<Store>,
        governor: Arc<Governor>,
        registries: Vec<Registry>,
        cache_root: &std::path::Path,
        sinks: Sinks,
    ) -> Self {
        let shared = Shared {
            repositories: Repositories::new(Cache::new(cache_root), client.is_offline()),
            client,
            store,
            governor,
            registries,
            folder: Cache::cargo(cache_root),
            refresh: Refresh::default(),
            placed: OnceMap::default(),
            configs: OnceMap::default(),
            crates: OnceMap::default(),
            keeper: Keeper::new(sinks),
            waiting: waiting_room(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The same index, asking again for index files that are fresh in the cache. To be called before anything is asked.
    #[must_use]
    pub fn with_refresh(mut self, refresh: Refresh) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.refresh = refresh;
        }
        self
    }

    /// The configured registries.
    pub fn registries(&self) -> &[Registry] {
        &self.shared.registries
    }

    /// The store that crates are unpacked into.
    pub fn store(&self) -> &Arc<Store> {
        &self.shared.store
    }

    /// Every version of a crate.
    ///
    /// # Errors
    /// [`CargoError::Unknown`] where the registry does not have it, and whatever fails on the way.
    pub async fn versions(
        &self,
        source: &SourceId,
        name: &CrateName,
    ) -> Result<Arc<CrateVersions>, IndexError> {
        let key = (source.clone(), name.clone());
        self.shared.crates.get_or(&key, || self.load(source, name)).await
    }

    /// What [`versions`](Self::versions) answered, where it was asked already.
    pub fn known(
        &self,
        source: &SourceId,
        name: &CrateName,
    ) -> Option<Result<Arc<CrateVersions>, IndexError>> {
        self.shared.crates.get(&(source.clone(), name.clone()))
    }

    /// The versions where they are at hand without the network and without waiting: in memory, or fresh in the cache.
    pub fn cached(&self, source: &SourceId, name: &CrateName) -> Option<Arc<CrateVersions>> {
        let key = (source.clone(), name.clone());
        let kept = match self.shared.crates.get(&key) {
            Some(known) => known,
            None => self.shared.crates.put(&key, Ok(self.fresh(source, name)?)),
        };
        kept.ok()
    }

    /// What a registry says of itself.
    ///
    /// # Errors
    /// Where it cannot be had, or wants a token that is not known.
    pub async fn config(&self, source: &SourceId) -> Result<Arc<RegistryConfig>, IndexError> {
        self.shared
            .configs
            .get_or(source, || self.load_config(source))
            .await
    }

    /// Waits until the cache has everything that was fetched. To be called where a command ends; dropping the last
    /// handle does the same.
    pub async fn flush(&self) {
        self.shared.keeper.flush().await;
    }
}

impl std::fmt::Debug for CratesIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CratesIndex")
            .field("registries", &self.shared.registries)
            .finish_non_exhaustive()
    }
}
