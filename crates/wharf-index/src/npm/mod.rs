//! npm registries: from a name to its versions, from a version to what it needs, from there to files in the store.
//!
//! | module | job |
//! |---|---|
//! | [`NpmIndex`] | the one door |
//! | `packument` | packuments: cache, registry, parsed once, versions read by their spans |
//! | `table` | the file that a packument is kept in |
//! | `recall` | what the last solve of a project read out of such files |
//! | [`archive`] | [`Wanted`]: archives, verified while they arrive, unpacked into the store |
//! | `direct`, `outside` | git repositories, archives and folders in the place of versions |
//! | `pack_list` | which files of a folder belong to its package |
//! | [`about`] | [`About`]: what people ask about a package |
//! | [`error`] | [`NpmError`] |
//!
//! Invariants: a warm pick reads a table and one span, never a document; a document is parsed once. Everything is asked
//! for once per run, however many tasks want it. A malformed version costs that version. No login goes to a host, or
//! above a path, that it was not meant for (`wharf-net` sees to that), whatever host a packument names.

mod direct;
mod looked_up;
mod outside;
mod pack_list;
mod packument;
mod recall;
mod table;

pub mod about;
pub mod archive;
pub mod error;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;
use wharf_core::{Ecosystem, PackageName, Sinks, Timestamp};
use wharf_ecosystem::npm::{Direct, PackageManifest, Registries, Version, Versions};
use wharf_net::Client;
use wharf_store::Store;
use wharf_sys::Governor;

pub use about::{About, AboutVersion, Shown};
pub use archive::Wanted;
pub use error::NpmError;

use crate::arrive::waiting_room;
use crate::cache::{Cache, short_hash};
use crate::error::IndexError;
use crate::git::Repositories;
use crate::index::Refresh;
use crate::keep::Keeper;
use crate::once::OnceMap;
use looked_up::LookedUp;
use packument::Packument;
use recall::Recall;

/// How many stale packages end reading ahead: the rest will be as stale.
const STALE: usize = 4;
/// What no solve has read or written for so long is of no project any more.
const FORGOTTEN: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How much is asked of a registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// What installing needs: no times, a tenth of the bytes.
    #[default]
    Abbreviated,
    /// Everything, with the time when each version was published.
    Full,
    /// What it takes to tell the versions published up to this time: everything where the package changed since, and
    /// where it did not, the abbreviated form, with the time of its last change in the place of each version's own.
    Until(Timestamp),
}

/// Versions, manifests and files of npm packages. Cheap to clone.
#[derive(Clone)]
pub struct NpmIndex {
    shared: Arc<Shared>,
}

type Answer<T> = Result<T, IndexError>;

/// What all handles share.
struct Shared {
    client: Client,
    store: Arc<Store>,
    governor: Arc<Governor>,
    registries: Registries,
    /// The host of the public registry, whose archives come from the configured registry instead.
    public_host: Option<String>,
    /// Where packuments and archives are kept.
    folder: PathBuf,
    project_root: PathBuf,
    detail: Detail,
    refresh: Refresh,
    repositories: Repositories,
    packuments: OnceMap<PackageName, Answer<Arc<Packument>>>,
    directs: OnceMap<String, Answer<Direct>>,
    recall: Recall,
    looked_up: LookedUp,
    keeper: Keeper,
    waiting: Arc<Semaphore>,
}

impl NpmIndex {
    /// An index over `registries`. `cache_root` is the user's cache folder; paths of dependencies are relative to
    /// folders below `project_root`.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of its own that only the caller has"
    )]
    pub fn new(
        client: Client,
        store: Arc<Store>,
        governor: Arc<Governor>,
        registries: Registries,
        cache_root: PathBuf,
        project_root: PathBuf,
        detail: Detail,
        sinks: Sinks,
    ) -> Self {
        for registry in registries.scopes.values().chain([&registries.default]) {
            if registry.has_credentials() {
                client.remember_login(registry);
            }
        }
        let cache = Cache::new(&cache_root);
        let folder = Cache::npm(&cache_root);
        let solve = format!("{}.bin", short_hash(&project_root.to_string_lossy()));
        let shared = Shared {
            recall: Recall::new(folder.join("solves").join(solve)),
            repositories: Repositories::new(cache, client.is_offline()),
            client,
            store,
            governor,
            registries,
            public_host: None,
            folder,
            project_root,
            detail,
            refresh: Refresh::default(),
            packuments: OnceMap::default(),
            directs: OnceMap::default(),
            looked_up: LookedUp::default(),
            keeper: Keeper::new(sinks),
            waiting: waiting_room(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The same index, asking again for packuments that are fresh in the cache. To be called before anything is asked.
    #[must_use]
    pub fn with_refresh(mut self, refresh: Refresh) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.refresh = refresh;
        }
        self
    }

    /// The same index, fetching archives that are said to lie on `host` (the public registry's) from the configured
    /// registry, as npm does: lockfiles and mirrors carry the public URLs. To be called before anything is asked.
    #[must_use]
    pub fn replacing_host(mut self, host: &str) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.public_host = Some(host.to_owned());
        }
        self
    }

    /// Where it looks.
    pub fn registries(&self) -> &Registries {
        &self.shared.registries
    }

    /// How much it asks for.
    pub fn detail(&self) -> Detail {
        self.shared.detail
    }

    /// Every version of a package.
    ///
    /// # Errors
    /// [`NpmError::Unknown`] where the registry does not have it, and whatever fails on the way.
    pub async fn versions(&self, name: &PackageName) -> Result<Arc<Versions>, IndexError> {
        self.packument(name)
            .await
            .map(|packument| Arc::clone(packument.versions()))
    }

    /// What [`versions`](Self::versions) answered, where it was asked already.
    pub fn known(&self, name: &PackageName) -> Option<Result<Arc<Versions>, IndexError>> {
        let known = self.shared.packuments.get(name)?;
        Some(known.map(|packument| Arc::clone(packument.versions())))
    }

    /// The versions where they are at hand without the network and without waiting: in memory, or fresh in the cache.
    pub fn cached(&self, name: &PackageName) -> Option<Arc<Versions>> {
        let kept = match self.shared.packuments.get(name) {
            Some(known) => known,
            None => self.shared.packuments.put(name, Ok(self.fresh(name)?)),
        };
        kept.ok().map(|packument| Arc::clone(packument.versions()))
    }

    /// What one version says of itself, after [`versions`](Self::versions) answered for the package: from memory, or by
    /// reading its few bytes.
    ///
    /// # Errors
    /// Where the package was not asked for, has no such version, or its description is malformed.
    pub fn manifest(
        &self,
        name: &PackageName,
        version: &Version,
    ) -> Result<Arc<PackageManifest>, IndexError> {
        let known = self.shared.packuments.get(name);
        known
            .unwrap_or_else(|| Err(NpmError::no_version(name, version.as_str())))?
            .manifest(version, &self.shared.recall)
    }

    /// The same for whoever can wait: asks for the package where that did not happen, and again where the cache lost it.
    ///
    /// # Errors
    /// As [`versions`](Self::versions) and [`manifest`](Self::manifest).
    pub async fn manifest_of(
        &self,
        name: &PackageName,
        version: &Version,
    ) -> Result<Arc<PackageManifest>, IndexError> {
        let packument = self.packument(name).await?;
        match packument.manifest(version, &self.shared.recall) {
            Err(IndexError::Disk { .. }) => {
                let again = self.load(name, packument::Cached::Ignored).await?;
                let found = again.manifest(version, &self.shared.recall)?;
                packument.remember(version, &found);
                Ok(found)
            }
            other => other,
        }
    }

    /// Reads what the last solve of the project asked for, in another thread and from its end: whoever solves now asks from
    /// the front. Ends where the cache is stale.
    pub fn read_ahead(&self) {
        let index = self.clone();
        tokio::task::spawn_blocking(move || {
            let names = index.shared.recall.names().rev();
            let names = names.filter_map(|name| PackageName::new(Ecosystem::Npm, name).ok());
            let mut stale = 0;
            for name in names {
                stale += usize::from(index.cached(&name).is_none());
                if stale > STALE {
                    break;
                }
            }
        });
    }

    /// A solve is over: keeps what it read out of documents for the next one of the project.
    pub fn solved(&self) {
        if let Some(news) = self.shared.recall.news() {
            let path = self.shared.recall.path();
            let folder = path.parent().map(Path::to_owned).filter(|_| !path.exists());
            // One file a folder: what is left of projects that are gone goes where a new one comes.
            let forget = move || drop(folder.map(|folder| wharf_net::cache::prune(&folder, FORGOTTEN)));
            self.shared
                .keeper
                .marked_file_then(path, vec![news.into()], forget);
        }
    }

    /// Waits until the cache has everything that was fetched. To be called where a command ends; dropping the last
    /// handle does the same.
    pub async fn flush(&self) {
        self.shared.keeper.flush().await;
    }

    /// Where a kind of thing is kept.
    fn folder(&self, kind: &str) -> PathBuf {
        self.shared.folder.join(kind)
    }

    fn keep_file(&self, path: PathBuf, bytes: Bytes) {
        self.shared.keeper.file(path, bytes);
    }

    /// The project's folder.
    fn root(&self) -> &Path {
        &self.shared.project_root
    }
}

impl std::fmt::Debug for NpmIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NpmIndex")
            .field("registries", &self.shared.registries)
            .field("detail", &self.shared.detail)
            .finish_non_exhaustive()
    }
}
