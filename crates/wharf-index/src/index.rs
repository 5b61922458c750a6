//! [`PypiIndex`]: the one door to releases, metadata and files of Python packages.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use rustc_hash::FxHashSet;
use wharf_core::{PackageName, Sinks, WebUrl};
use wharf_ecosystem::pypi::CoreMetadata;
use wharf_ecosystem::pypi::simple::{File, ProjectStatus, Skipped};
use wharf_net::{Client, NetError};
use wharf_store::{Store, TreeId};
use wharf_sys::Governor;

use crate::build::Builder;
use crate::cache::Cache;
use crate::dist::Dist;
use crate::error::IndexError;
use crate::find_links::Listing;
use crate::git::Repositories;
use crate::hosts::Hosts;
use crate::metadata::Requirements;
use crate::once::OnceMap;
use crate::releases::{Place, Releases};
use crate::settings::{IndexLocation, Locations, Strategy};

/// Which cached pages are asked for again although they are fresh.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Refresh {
    /// None.
    #[default]
    Nothing,
    /// All.
    Everything,
    /// Those of these packages.
    Packages(FxHashSet<PackageName>),
}

impl Refresh {
    pub(crate) fn covers(&self, name: &PackageName) -> bool {
        match self {
            Refresh::Nothing => false,
            Refresh::Everything => true,
            Refresh::Packages(names) => names.contains(name),
        }
    }
}

/// Releases, metadata and files of Python packages, from the configured places. Cheap to clone.
///
/// Everything is asked for once, however many tasks want it at the same time, and kept for later commands.
#[derive(Clone)]
pub struct PypiIndex {
    pub(crate) shared: Arc<Shared>,
    /// Results that needed a build. Not shared with the builds' own environments: two packages that need each other
    /// would wait for each other for ever, where now the cycle is found and named.
    pub(crate) built: Arc<Built>,
    /// What is being built, outermost first.
    pub(crate) ancestors: Arc<[String]>,
}

type PageKey = (WebUrl, PackageName);
type Answer<T> = Result<T, IndexError>;

/// What all handles share.
pub(crate) struct Shared {
    pub(crate) client: Client,
    pub(crate) store: Arc<Store>,
    pub(crate) governor: Arc<Governor>,
    pub(crate) locations: Locations,
    pub(crate) refresh: Refresh,
    pub(crate) cache: Cache,
    pub(crate) builder: OnceLock<Arc<dyn Builder>>,
    pub(crate) sinks: Sinks,
    pub(crate) hosts: Hosts,
    pub(crate) pages: OnceMap<PageKey, Answer<Option<Arc<Releases>>>>,
    pub(crate) releases: OnceMap<(PackageName, Option<String>), Answer<Arc<Releases>>>,
    pub(crate) listings: OnceMap<String, Listing>,
    pub(crate) wheel_metadata: OnceMap<String, Answer<Arc<Requirements>>>,
    pub(crate) wheels: OnceMap<String, Answer<TreeId>>,
    pub(crate) archives: OnceMap<String, Answer<crate::fetch::Archive>>,
    pub(crate) repositories: Repositories,
}

/// Results that needed a build, or may need one.
#[derive(Default)]
pub(crate) struct Built {
    pub(crate) metadata: OnceMap<String, Answer<Arc<Requirements>>>,
    pub(crate) trees: OnceMap<String, Answer<TreeId>>,
}

impl PypiIndex {
    /// An index over `locations`. `cache_root` is the user's cache folder; without a `builder`, what has no wheel
    /// cannot be used.
    pub fn new(
        client: Client,
        store: Arc<Store>,
        governor: Arc<Governor>,
        locations: Locations,
        cache_root: PathBuf,
        builder: Option<Arc<dyn Builder>>,
        sinks: Sinks,
    ) -> Self {
        for index in &locations.indexes {
            if index.url.has_credentials() {
                client.remember_login(&index.url);
            }
        }
        let cache = Cache::new(&cache_root);
        let repositories = Repositories::new(cache.clone(), client.is_offline());
        let shared = Shared {
            client,
            store,
            governor,
            locations,
            refresh: Refresh::default(),
            hosts: Hosts::new(cache.clone()),
            cache,
            builder: builder.map(OnceLock::from).unwrap_or_default(),
            sinks,
            pages: OnceMap::default(),
            releases: OnceMap::default(),
            listings: OnceMap::default(),
            wheel_metadata: OnceMap::default(),
            wheels: OnceMap::default(),
            archives: OnceMap::default(),
            repositories,
        };
        Self {
            shared: Arc::new(shared),
            built: Arc::default(),
            ancestors: Arc::from([]),
        }
    }

    /// The same index, asking again for pages that are fresh in the cache. To be called before anything is asked.
    #[must_use]
    pub fn with_refresh(self, refresh: Refresh) -> Self {
        match Arc::try_unwrap(self.shared) {
            Ok(shared) => Self {
                shared: Arc::new(Shared { refresh, ..shared }),
                ..self
            },
            Err(shared) => Self { shared, ..self },
        }
    }

    /// Says who builds what has no wheel, where that was not known when asking began. The first that is said stays.
    pub fn build_with(&self, builder: Arc<dyn Builder>) {
        let _ = self.shared.builder.set(builder);
    }

    /// Where it looks.
    pub fn locations(&self) -> &Locations {
        &self.shared.locations
    }

    /// The handle for the environment in which `label` is built.
    pub(crate) fn nested(&self, label: &str) -> Self {
        let ancestors = self.ancestors.iter().cloned().chain([label.to_owned()]).collect();
        Self {
            shared: Arc::clone(&self.shared),
            built: Arc::default(),
            ancestors,
        }
    }

    /// Every release of a package that the configured places offer.
    ///
    /// # Errors
    /// [`IndexError::UnknownPackage`] where none of them has it, and whatever fails on the way.
    pub async fn releases(&self, name: &PackageName) -> Result<Arc<Releases>, IndexError> {
        self.releases_from(name, None).await
    }

    /// Every release of a package; with `index`, of that index alone, by its name or URL.
    ///
    /// # Errors
    /// As [`releases`](Self::releases), and [`IndexError::UnknownIndex`].
    pub async fn releases_from(
        &self,
        name: &PackageName,
        index: Option<&str>,
    ) -> Result<Arc<Releases>, IndexError> {
        let key = (name.clone(), index.map(str::to_owned));
        self.shared
            .releases
            .get_or(&key, || self.find_releases(name, index))
            .await
    }

    /// The releases where they are at hand without the network and without waiting: in memory, or fresh in the cache.
    pub fn cached_releases(&self, name: &PackageName, index: Option<&str>) -> Option<Arc<Releases>> {
        let key = (name.clone(), index.map(str::to_owned));
        if let Some(known) = self.shared.releases.get(&key) {
            return known.ok();
        }
        let locations = &self.shared.locations;
        let only = match index {
            Some(index) => locations.named(index)?,
            // With find-links there is something to merge; with several indexes an earlier one may have learned the
            // name since.
            None if !locations.find_links.is_empty() => return None,
            None => {
                let mut implicit = locations.implicit();
                implicit.next().filter(|_| implicit.next().is_none())?
            }
        };
        let releases = self.fresh_page(only, name)?;
        self.shared.releases.put(&key, Ok(releases)).ok()
    }

    /// What a distribution requires, parsed lazily: what a solver should ask for.
    ///
    /// # Errors
    /// Where it cannot be had or read, or needs a build that fails.
    pub async fn requirements(&self, dist: &Dist) -> Result<Arc<Requirements>, IndexError> {
        match &dist.file {
            Some(file) if file.dist.as_wheel().is_some() => self.wheel_metadata(dist, file).await,
            Some(_) | None => self.source_metadata(dist).await,
        }
    }

    /// What a distribution requires where it is at hand without the network and without waiting.
    pub fn cached_requirements(&self, dist: &Dist) -> Option<Arc<Requirements>> {
        if dist.needs_build() {
            self.stored_source_metadata(dist)
        } else {
            self.stored_wheel_metadata(dist)
        }
    }

    /// Everything that a distribution says of itself.
    ///
    /// # Errors
    /// As [`requirements`](Self::requirements).
    pub async fn metadata(&self, dist: &Dist) -> Result<Arc<CoreMetadata>, IndexError> {
        let requirements = self.requirements(dist).await?;
        let core = requirements.core();
        core.map(Arc::new).map_err(|error| IndexError::Metadata {
            what: dist.label(),
            reason: error.to_string(),
        })
    }

    async fn find_releases(
        &self,
        name: &PackageName,
        index: Option<&str>,
    ) -> Result<Arc<Releases>, IndexError> {
        if let Some(index) = index {
            let unknown = || IndexError::UnknownIndex {
                name: name.clone(),
                index: index.to_owned(),
            };
            let location = self.shared.locations.named(index).ok_or_else(unknown)?;
            let page = self.page(location, name).await?;
            return page.ok_or_else(|| self.unknown(name, vec![location]));
        }
        // Both at once: a folder is listed while the index answers.
        let (links, pages) = futures::future::join(self.found_links(name), self.pages_in_order(name)).await;
        let (pages, asked) = pages?;
        match (links.is_empty(), pages.len()) {
            (true, 0) => Err(self.unknown(name, asked)),
            (true, 1) => Ok(Arc::clone(&pages[0])),
            _ => Ok(Arc::new(self.merge(name, links, &pages))),
        }
    }

    /// The pages to use, and the indexes that were asked.
    async fn pages_in_order(
        &self,
        name: &PackageName,
    ) -> Result<(Vec<Arc<Releases>>, Vec<&IndexLocation>), IndexError> {
        let indexes: Vec<_> = self.shared.locations.implicit().collect();
        if self.shared.locations.strategy == Strategy::BestMatch {
            let pages = indexes.iter().map(|index| self.page(index, name));
            let pages = futures::future::try_join_all(pages).await?;
            return Ok((pages.into_iter().flatten().collect(), indexes));
        }
        for index in &indexes {
            // One after the other on purpose: the names of private packages are nobody else's business, and an index
            // that fails must not be passed over.
            if let Some(page) = self.page(index, name).await? {
                return Ok((vec![page], indexes));
            }
        }
        Ok((Vec::new(), indexes))
    }

    fn merge(&self, name: &PackageName, links: Vec<(usize, Vec<File>)>, pages: &[Arc<Releases>]) -> Releases {
        let mut places: Vec<Place> = Vec::new();
        let mut files: Vec<(File, u8)> = Vec::new();
        let mut known = FxHashSet::default();
        let mut skipped: Vec<Skipped> = Vec::new();
        let mut status: Option<ProjectStatus> = None;
        let mut add = |place: Place, file: File| {
            let number = places
                .iter()
                .position(|known| *known == place)
                .unwrap_or_else(|| {
                    places.push(place);
                    places.len() - 1
                });
            // The first place wins a file name: find-links before indexes, earlier ones before later ones.
            if let (Ok(number), true) = (u8::try_from(number), known.insert(file.filename.clone())) {
                files.push((file, number));
            }
        };
        for (number, found) in links {
            let location = &self.shared.locations.find_links[number];
            for file in found {
                add(Place::FindLinks(location.clone()), file);
            }
        }
        for page in pages {
            for (file, place) in page.expand() {
                add(place, file);
            }
            skipped.extend(page.skipped());
            status = status.or_else(|| page.status());
        }
        Releases::from_files(name.clone(), places, files, skipped, status)
    }

    fn unknown(&self, name: &PackageName, asked: Vec<&IndexLocation>) -> IndexError {
        let mut tried: Vec<String> = asked
            .into_iter()
            .map(|index| format!("{} does not have it", index.label()))
            .collect();
        let links = self.shared.locations.find_links.iter();
        tried.extend(links.map(|location| format!("`{location}` lists no archive of it")));
        if tried.is_empty() {
            tried.push("no index is configured".to_owned());
        }
        IndexError::UnknownPackage {
            name: name.clone(),
            tried,
        }
    }

    /// Whether an error says that a file is not there, rather than that it could not be had.
    pub(crate) fn is_refusal(error: &NetError) -> bool {
        match error {
            NetError::NotFound { .. } | NetError::Unauthorized { .. } => true,
            NetError::Status { status, .. } => {
                (400..500).contains(status) && !matches!(status, 408 | 425 | 429)
            }
            _ => false,
        }
    }
}

impl std::fmt::Debug for PypiIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PypiIndex")
            .field("locations", &self.shared.locations)
            .finish_non_exhaustive()
    }
}
