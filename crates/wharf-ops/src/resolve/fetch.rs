//! Brings facts to the solver's thread, and runs ahead of it. Invariant: fetching ahead only ever fills the same tables that
//! the solver reads; what it reads, and in which order, depends on the answers alone.
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustc_hash::{FxHashMap, FxHashSet};
use tokio::runtime::Handle;
use wharf_core::PackageName;
use wharf_ecosystem::pypi::{Version, VersionSpecifiers, satisfies};

use super::offer::{Judge, Offer, Unfit};
use wharf_project::ResolutionMode;

use super::scope::{Scope, Spec};
use super::source::{Dist, Needs, PackageSource, Page, SourceError};

/// How many versions are fetched ahead when one package keeps being rejected.
const AHEAD: u32 = 50;

/// The releases of a package in the order in which they are tried.
pub(crate) struct Listing {
    pub(crate) page: Option<Arc<dyn Page>>,
    /// Why there is nothing, if there is nothing.
    pub(crate) missing: Option<String>,
    /// Whether that is because no place knows the package.
    pub(crate) is_unknown: bool,
    /// Positions on the page, best first.
    order: Vec<u32>,
    pub(crate) versions: Vec<Version>,
}

impl Listing {
    fn new(page: Arc<dyn Page>, lowest_first: bool) -> Self {
        let newest_first: Vec<Version> = (0..page.len()).map(|position| page.version(position)).collect();
        let (stable, pre): (Vec<u32>, Vec<u32>) = (0..newest_first.len() as u32)
            .partition(|&position| !newest_first[position as usize].any_prerelease());
        let mut order = stable;
        if lowest_first {
            order.reverse();
            order.extend(pre.into_iter().rev());
        } else {
            order.extend(pre);
        }
        let versions = order
            .iter()
            .map(|&position| newest_first[position as usize].clone())
            .collect();
        Self {
            page: Some(page),
            missing: None,
            is_unknown: false,
            order,
            versions,
        }
    }

    /// The same, without setting prereleases back.
    fn in_plain_order(page: Arc<dyn Page>, lowest_first: bool) -> Self {
        let mut order: Vec<u32> = (0..page.len() as u32).collect();
        if lowest_first {
            order.reverse();
        }
        let versions = order
            .iter()
            .map(|&position| page.version(position as usize))
            .collect();
        Self {
            page: Some(page),
            missing: None,
            is_unknown: false,
            order,
            versions,
        }
    }

    fn absent(error: &SourceError) -> Self {
        Self {
            page: None,
            missing: Some(error.to_string()),
            is_unknown: matches!(error, SourceError::Missing { .. }),
            order: Vec::new(),
            versions: Vec::new(),
        }
    }

    /// The files to use of the candidate at a position in the order of trying.
    pub(crate) fn offer(&self, candidate: u32, judge: &Judge<'_>) -> Result<Offer, Unfit> {
        match &self.page {
            Some(page) => page.offer(self.order[candidate as usize] as usize, judge),
            None => Err(Unfit::NoFiles),
        }
    }
}

#[derive(Clone)]
enum Slot<T> {
    Pending,
    Ready(T),
}

type Known<T> = Result<T, SourceError>;

/// What a distribution needs, or why that costs the version.
type Read = Result<Arc<dyn Needs>, String>;

#[derive(Default)]
struct Tables {
    listings: FxHashMap<PackageName, Slot<Known<Arc<Listing>>>>,
    needs: FxHashMap<String, Slot<Known<Arc<dyn Needs>>>>,
}

/// When to stop, and why.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) cancel: Arc<AtomicBool>,
    pub(crate) deadline: Instant,
}

/// What to do about facts that only a build would bring. Builds take long and run foreign code: they serve a resolution,
/// never an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Builds {
    /// Build.
    Run,
    /// Stop: nothing may be concluded without the fact.
    Stop,
    /// Take it that the version cannot be used: what is found without it holds all the same.
    Skip,
}

/// Why the solver stopped.
#[derive(Debug, Clone)]
pub(crate) enum Stop {
    Cancelled,
    /// A build would be needed, and none may run.
    WouldBuild,
    OutOfTime {
        doing: String,
    },
    Failed(SourceError),
}

impl Gate {
    pub(crate) fn check(&self, doing: impl fmt::Display) -> Result<(), Stop> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(Stop::Cancelled);
        }
        if Instant::now() >= self.deadline {
            return Err(Stop::OutOfTime {
                doing: doing.to_string(),
            });
        }
        Ok(())
    }
}

/// The tables and those who fill them.
pub(crate) struct Fetcher {
    source: Arc<dyn PackageSource>,
    runtime: Handle,
    tables: Mutex<Tables>,
    arrived: Condvar,
    ahead: Mutex<FxHashSet<(usize, PackageName)>>,
}

impl Fetcher {
    pub(crate) fn new(source: Arc<dyn PackageSource>, runtime: Handle) -> Arc<Self> {
        Arc::new(Self {
            source,
            runtime,
            tables: Mutex::default(),
            arrived: Condvar::new(),
            ahead: Mutex::default(),
        })
    }

    pub(crate) fn source(&self) -> &Arc<dyn PackageSource> {
        &self.source
    }

    /// The releases of a package; waits for them if need be.
    pub(crate) fn listing(
        self: &Arc<Self>,
        scope: &Arc<Scope>,
        name: &PackageName,
        gate: &Gate,
    ) -> Result<Arc<Listing>, Stop> {
        self.start_listing(scope, name, None);
        self.wait(
            gate,
            || format!("waiting for the versions of {name}"),
            |tables| tables.listings.get(name).cloned(),
        )
    }

    /// What a distribution needs. The outer error stops the solver; the inner one costs the version.
    pub(crate) fn needs(
        self: &Arc<Self>,
        scope: &Arc<Scope>,
        dist: &Dist,
        gate: &Gate,
    ) -> Result<Read, Stop> {
        if let Some(answer) = self.without_building(scope, dist) {
            return answer;
        }
        self.start_needs(scope, dist.clone());
        let key = key_of(dist);
        match self.wait(
            gate,
            || format!("waiting for the metadata of {} {}", dist.name, dist.version),
            |tables| tables.needs.get(&key).cloned(),
        ) {
            Ok(needs) => Ok(Ok(needs)),
            Err(Stop::Failed(SourceError::Unusable(why))) => Ok(Err(why)),
            Err(Stop::Failed(error @ SourceError::Missing { .. })) => Ok(Err(error.to_string())),
            Err(stop) => Err(stop),
        }
    }

    /// Whether the versions of a package are there already.
    pub(crate) fn has_listing(&self, name: &PackageName) -> bool {
        matches!(lock(&self.tables).listings.get(name), Some(Slot::Ready(Ok(_))))
    }

    /// Whether it is known already what a distribution needs.
    pub(crate) fn has_needs(&self, dist: &Dist) -> bool {
        matches!(lock(&self.tables).needs.get(&key_of(dist)), Some(Slot::Ready(_)))
    }

    /// What is known without a build, where a build would be needed and none may run.
    fn without_building(&self, scope: &Scope, dist: &Dist) -> Option<Result<Read, Stop>> {
        if scope.builds == Builds::Run || !dist.needs_build() {
            return None;
        }
        if let Some(Slot::Ready(_)) = lock(&self.tables).needs.get(&key_of(dist)) {
            return None;
        }
        if let Some(needs) = self.source.ready_needs(dist) {
            return Some(Ok(Ok(needs)));
        }
        Some(match scope.builds {
            Builds::Stop => Err(Stop::WouldBuild),
            Builds::Skip | Builds::Run => Ok(Err(String::from(
                "what it needs is only known after building it, which was not tried",
            ))),
        })
    }

    /// Starts to fetch the releases of a package, and then what its likely pick needs, and so on.
    pub(crate) fn want(self: &Arc<Self>, scope: &Arc<Scope>, name: &PackageName, spec: &Spec) {
        if scope.is_direct(name) {
            return;
        }
        let first = lock(&self.ahead).insert((scope.number, name.clone()));
        if first {
            let specifiers = match spec {
                Spec::Versions(specifiers) => Some(specifiers.clone()),
                Spec::Any | Spec::Only(_) | Spec::Direct(_) => None,
            };
            self.start_listing(scope, name, Some(specifiers));
        }
    }

    /// Starts to fetch what the next candidates need, when a package keeps being rejected.
    pub(crate) fn want_versions(
        self: &Arc<Self>,
        scope: &Arc<Scope>,
        name: &PackageName,
        listing: &Listing,
        (tries, candidate): (u32, u32),
        open: impl Iterator<Item = u32>,
    ) {
        if !(matches!(tries, 5 | 10) || tries >= 20 && tries.is_multiple_of(20)) {
            return;
        }
        let count = tries.min(AHEAD) as usize;
        // What is open now is often one version that another package pins; the next pins are for those that follow it.
        let following = (candidate + 1..listing.versions.len() as u32).take(count);
        for candidate in open.take(count).chain(following) {
            let version = &listing.versions[candidate as usize];
            if let Ok(offer) = scope.offer(name, listing, candidate) {
                // Never build ahead: it is slow, and it runs foreign code.
                if offer.read.dist.as_wheel().is_some() {
                    self.start_needs(scope, scope.dist(name, version, listing, offer.read));
                }
            }
        }
    }

    /// `look`: also fetch what the likely pick among these versions needs.
    fn start_listing(
        self: &Arc<Self>,
        scope: &Arc<Scope>,
        name: &PackageName,
        look: Option<Option<VersionSpecifiers>>,
    ) {
        {
            let mut tables = lock(&self.tables);
            match tables.listings.get(name) {
                Some(Slot::Pending) if look.is_none() => return,
                Some(Slot::Ready(Ok(listing))) => {
                    let listing = Arc::clone(listing);
                    drop(tables);
                    if let Some(specifiers) = look {
                        self.look_ahead(scope, name, &listing, specifiers.as_ref());
                    }
                    return;
                }
                Some(_) => return,
                None => {
                    tables.listings.insert(name.clone(), Slot::Pending);
                }
            }
        }
        let (fetcher, scope, name) = (Arc::clone(self), Arc::clone(scope), name.clone());
        self.runtime.spawn(async move {
            let index = scope.index_of(&name);
            let page = match fetcher.source.ready_releases(&name, index) {
                Some(page) => Ok(page),
                None => fetcher.source.releases(&name, index).await,
            };
            let listing = match page {
                Ok(page) => Ok(Arc::new(match scope.order_of(&name) {
                    (ResolutionMode::Highest, true) => Listing::in_plain_order(page, false),
                    (ResolutionMode::Highest, false) => Listing::new(page, false),
                    (_, true) => Listing::in_plain_order(page, true),
                    (_, false) => Listing::new(page, true),
                })),
                Err(error @ (SourceError::Missing { .. } | SourceError::Unusable(_))) => {
                    Ok(Arc::new(Listing::absent(&error)))
                }
                Err(error) => Err(error),
            };
            lock(&fetcher.tables)
                .listings
                .insert(name.clone(), Slot::Ready(listing.clone()));
            fetcher.arrived.notify_all();
            if let (Ok(listing), Some(specifiers)) = (listing, look) {
                fetcher.look_ahead(&scope, &name, &listing, specifiers.as_ref());
            }
        });
    }

    /// Guesses the pick as the best fitting version, and starts to fetch what it needs.
    fn look_ahead(
        self: &Arc<Self>,
        scope: &Arc<Scope>,
        name: &PackageName,
        listing: &Listing,
        specifiers: Option<&VersionSpecifiers>,
    ) {
        let fits = |version: &Version| specifiers.is_none_or(|specifiers| satisfies(specifiers, version));
        let favoured = scope
            .favoured(name, &listing.versions)
            .filter(|&candidate| fits(&listing.versions[candidate as usize]));
        let candidates = favoured.into_iter().chain(
            (0..listing.versions.len() as u32)
                .filter(|&candidate| fits(&listing.versions[candidate as usize])),
        );
        // The first few misfits are stepped over; a long row of them is left to the solver.
        for candidate in candidates.take(20) {
            let version = &listing.versions[candidate as usize];
            if let Ok(offer) = scope.offer(name, listing, candidate) {
                if offer.read.dist.as_wheel().is_some() || candidate < 3 {
                    self.start_needs(scope, scope.dist(name, version, listing, offer.read));
                }
                return;
            }
        }
    }

    fn start_needs(self: &Arc<Self>, scope: &Arc<Scope>, dist: Dist) {
        if scope.builds != Builds::Run && dist.needs_build() {
            return;
        }
        let key = key_of(&dist);
        {
            let mut tables = lock(&self.tables);
            if tables.needs.contains_key(&key) {
                return;
            }
            tables.needs.insert(key.clone(), Slot::Pending);
        }
        let (fetcher, scope) = (Arc::clone(self), Arc::clone(scope));
        self.runtime.spawn(async move {
            let needs = match fetcher.source.ready_needs(&dist) {
                Some(needs) => Ok(needs),
                None => fetcher.source.needs(&dist).await,
            };
            lock(&fetcher.tables)
                .needs
                .insert(key, Slot::Ready(needs.clone()));
            fetcher.arrived.notify_all();
            if let Ok(needs) = needs {
                for wanted in scope.wanted_by(&*needs, None) {
                    fetcher.want(&scope, &wanted.name, &wanted.spec);
                }
            }
        });
    }

    fn wait<T>(
        &self,
        gate: &Gate,
        doing: impl Fn() -> String,
        look: impl Fn(&Tables) -> Option<Slot<Known<T>>>,
    ) -> Result<T, Stop> {
        let mut tables = lock(&self.tables);
        loop {
            if let Some(Slot::Ready(known)) = look(&tables) {
                return known.map_err(Stop::Failed);
            }
            if let Err(stop) = gate.check("") {
                drop(tables);
                return Err(match stop {
                    Stop::OutOfTime { .. } => Stop::OutOfTime { doing: doing() },
                    other => other,
                });
            }
            // Woken by every arrival; the time-out only serves cancellation and the deadline.
            tables = self
                .arrived
                .wait_timeout(tables, Duration::from_millis(50))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

/// What tells one distribution's metadata from another's.
pub(crate) fn key_of(dist: &Dist) -> String {
    match &dist.file {
        Some(file) => file.url.expose().to_owned(),
        None => format!("{} {} {:?}", dist.name, dist.version, dist.source),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks at every direct reference that the roots make, and at those that they lead to.
pub(crate) async fn look_at_references(
    source: &Arc<dyn PackageSource>,
    first: Vec<(PackageName, super::source::Reference)>,
    follow: impl Fn(&dyn Needs) -> Vec<(PackageName, super::source::Reference)>,
) -> Result<Vec<(PackageName, super::source::Reference, super::source::Direct)>, (PackageName, SourceError)> {
    let mut seen = FxHashSet::default();
    let mut queue: VecDeque<_> = first.into_iter().filter(|key| seen.insert(key.clone())).collect();
    let mut found = Vec::new();
    while !queue.is_empty() {
        let batch: Vec<_> = queue.drain(..).collect();
        let looked = futures::future::join_all(
            batch
                .iter()
                .map(|(name, reference)| source.direct(name, reference)),
        )
        .await;
        for ((name, reference), direct) in batch.into_iter().zip(looked) {
            let direct = direct.map_err(|error| (name.clone(), error))?;
            queue.extend(
                follow(&*direct.needs)
                    .into_iter()
                    .filter(|key| seen.insert(key.clone())),
            );
            found.push((name, reference, direct));
        }
    }
    Ok(found)
}
