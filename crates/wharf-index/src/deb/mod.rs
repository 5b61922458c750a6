//! Repositories of Debian packages: from the suites that are asked for to indexes of what they have, from a package to
//! its files in the store.
//!
//! | module | job |
//! |---|---|
//! | [`Repositories`] | the one door |
//! | [`repository`] | [`Repository`]: a suite, and who may sign it |
//! | `release` | `Release` files: asked for, verified, judged |
//! | `packages` | lists of packages into indexes, while they arrive |
//! | `state` | what the cache keeps of a suite |
//! | [`archive`] | [`Wanted`]: packages, verified while they arrive, into the store |
//! | `arrival` | files on their way to whoever reads them |
//! | [`logins`] | apt's file of logins |
//! | [`error`] | [`DebError`] |
//!
//! Invariants: what is given out was signed, has not expired, and does not go back behind what was given out before; where
//! anything of a suite is refused, the cache keeps what it had of it. A list of packages is fetched and parsed once: its
//! index lies in the cache under the digest that its bytes were verified by, and is mapped from there.

mod arrival;
mod packages;
mod release;
mod state;

pub mod archive;
pub mod error;
pub mod logins;
pub mod repository;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Semaphore;
use wharf_core::{Digest, Event, Sinks};
use wharf_deb::index::{Index, MalformedStanza};
use wharf_deb::release::{Release, ReleaseFile};
use wharf_net::Client;
use wharf_store::{DebPackage, Store};
use wharf_sys::Governor;

pub use archive::Wanted;
pub use error::DebError;
pub use logins::add_logins;
pub use repository::{KeyBlock, Keys, Names, Repository, Trust};

use crate::arrive::waiting_room;
use crate::cache::{Cache, forget_older, short_hash};
use crate::error::IndexError;
use crate::index::Refresh;
use crate::once::OnceMap;
use release::Obtained;
use state::State;

type Answer<T> = Result<T, IndexError>;

/// Suites and files of Debian packages. Cheap to clone.
#[derive(Clone)]
pub struct Repositories {
    shared: Arc<Shared>,
}

/// What all handles share.
struct Shared {
    client: Client,
    store: Arc<Store>,
    governor: Arc<Governor>,
    sinks: Sinks,
    /// Where suites and indexes are kept.
    folder: PathBuf,
    refresh: Refresh,
    waiting: Arc<Semaphore>,
    arriving: Semaphore,
    packages: OnceMap<Digest, Answer<DebPackage>>,
    told_unwritable: AtomicBool,
}

/// What a suite has, at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What was asked for.
    pub repository: Repository,
    /// What the suite says of itself.
    pub release: Arc<Release>,
    /// Its lists of packages, by component and then architecture, in the order in which they were asked for.
    pub parts: Vec<Part>,
}

/// What a component of a suite has for one architecture.
#[derive(Clone, Debug)]
pub struct Part {
    /// The component; empty for a repository without any.
    pub component: String,
    /// The architecture; empty for a repository that does not tell them apart. Packages of `all` are in any.
    pub architecture: String,
    /// What the file that has the list of packages hashes to, as it lies in the repository.
    pub digest: Digest,
    /// The packages.
    pub index: Arc<Index>,
}

impl Repositories {
    /// A door to any repositories. `cache_root` is the user's cache folder.
    pub fn new(
        client: Client,
        store: Arc<Store>,
        governor: Arc<Governor>,
        cache_root: &Path,
        sinks: Sinks,
    ) -> Self {
        let shared = Shared {
            client,
            store,
            governor,
            sinks,
            folder: Cache::deb(cache_root),
            refresh: Refresh::default(),
            waiting: waiting_room(),
            arriving: Semaphore::new(archive::ARRIVING),
            packages: OnceMap::default(),
            told_unwritable: AtomicBool::new(false),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The same, asking again for suites that are fresh in the cache. To be called before anything is asked.
    #[must_use]
    pub fn with_refresh(mut self, refresh: Refresh) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.refresh = refresh;
        }
        self
    }

    /// The store that packages are unpacked into.
    pub fn store(&self) -> &Arc<Store> {
        &self.shared.store
    }

    /// What these suites have now, all of them at the same time.
    ///
    /// # Errors
    /// Where one of them cannot be had or must not be used; the cache then keeps what it had of it.
    pub async fn refresh(&self, repositories: &[Repository]) -> Result<Vec<Snapshot>, IndexError> {
        let snapshots = repositories.iter().map(|repository| self.snapshot(repository));
        futures::future::try_join_all(snapshots).await
    }

    /// The long descriptions of what these suites have, where they keep them apart from the packages: indexes of names with texts, fetched
    /// and made when they are first asked for. Without a network those that are in the cache.
    ///
    /// # Errors
    /// Where a list cannot be had, or is not the one that the suite promises.
    pub async fn descriptions(&self, snapshots: &[Snapshot]) -> Result<Vec<Arc<Index>>, IndexError> {
        let described = snapshots.iter().map(|snapshot| async {
            let made = self.described(&snapshot.repository, &snapshot.release).await;
            match made {
                Err(IndexError::Deb(error)) if matches!(*error, DebError::Offline { .. }) => Ok(Vec::new()),
                made => made,
            }
        });
        let described = futures::future::try_join_all(described).await?;
        Ok(described.into_iter().flatten().collect())
    }

    async fn snapshot(&self, repository: &Repository) -> Answer<Snapshot> {
        let path = self.state_path(repository);
        let known = State::read(&path, &repository.key()).map(Arc::new);
        let obtained = self.obtain(repository, known.clone()).await?;
        let (obtained, parts) = match self.parts(repository, &obtained.release).await {
            Ok(parts) => (obtained, parts),
            Err(error) => {
                self.parts_of_before(repository, known.as_ref(), &obtained, error)
                    .await?
            }
        };
        if known.as_deref() != Some(&*obtained.state) {
            self.keep(repository, &path, known.as_deref(), &obtained);
        }
        Ok(Snapshot {
            repository: repository.clone(),
            release: obtained.release,
            parts,
        })
    }

    /// What the suite had before, where its new lists cannot be had because the network fails meanwhile.
    async fn parts_of_before(
        &self,
        repository: &Repository,
        known: Option<&Arc<State>>,
        obtained: &Obtained,
        error: IndexError,
    ) -> Answer<(Obtained, Vec<Part>)> {
        let usable = known.filter(|state| obtained.is_new && state.trust == obtained.state.trust);
        let (Some(state), IndexError::Net { error: cause, .. }) = (usable, &error) else {
            return Err(error);
        };
        let Ok(before) = release::kept(repository, state) else {
            return Err(error);
        };
        let names = packages::index_names(repository, &before.release);
        let complete = names.iter().all(|name| self.index_path(name).is_file());
        if !complete || !self.stands_in(repository, state, cause) {
            return Err(error);
        }
        let parts = self.parts(repository, &before.release).await?;
        Ok((before, parts))
    }

    /// Keeps what a suite is now, and removes the indexes of what it was.
    fn keep(&self, repository: &Repository, path: &Path, before: Option<&State>, now: &Obtained) {
        if let Err(error) = crate::keep::write(path, &[now.state.encode(&repository.key())]) {
            return self.tell_unwritable(&error);
        }
        if !now.is_new {
            return;
        }
        if let Some(cache_root) = self.shared.folder.parent() {
            forget_older(cache_root);
        }
        let names = |release: &Release| packages::possible_names(repository, release);
        let current = names(&now.release);
        let before = before.and_then(|before| Release::parse(&before.text).ok());
        for name in before.map(|release| names(&release)).unwrap_or_default() {
            if !current.contains(&name) {
                // Who has it mapped keeps it; another suite with the same list makes it again.
                let _ = std::fs::remove_file(self.index_path(&name));
            }
        }
    }

    /// Where the cache has a suite.
    fn state_path(&self, repository: &Repository) -> PathBuf {
        self.shared
            .folder
            .join("suites")
            .join(short_hash(&repository.key()))
    }

    fn index_path(&self, name: &str) -> PathBuf {
        self.shared.folder.join("indexes").join(name)
    }

    fn client(&self) -> &Client {
        &self.shared.client
    }

    fn always_asks(&self) -> bool {
        self.shared.refresh == Refresh::Everything
    }

    /// Whether nothing may be asked of a repository: what is on this machine is always at hand.
    fn is_offline_for(&self, repository: &Repository) -> bool {
        self.client().is_offline() && matches!(repository.uri.as_url().scheme(), "http" | "https")
    }

    fn tell(&self, event: Event) {
        self.shared.sinks.emit(event);
    }

    fn tell_of_skipped(
        &self,
        repository: &Repository,
        file: &ReleaseFile,
        first: &MalformedStanza,
        count: usize,
    ) {
        let more = match count {
            0 | 1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        self.tell(Event::warning(
            "deb/malformed-package",
            format!(
                "{} of the repository {} has a package that cannot be read and is left out: {first}{more}",
                file.path,
                repository.words()
            ),
        ));
    }

    fn tell_unwritable(&self, error: &std::io::Error) {
        if !self.shared.told_unwritable.swap(true, Ordering::Relaxed) {
            self.tell(Event::warning(
                "cache/unwritable",
                format!("lists of Debian packages cannot be kept in the cache ({error}); the next run will fetch them again"),
            ));
        }
    }
}

impl std::fmt::Debug for Repositories {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repositories")
            .field("folder", &self.shared.folder)
            .finish_non_exhaustive()
    }
}
