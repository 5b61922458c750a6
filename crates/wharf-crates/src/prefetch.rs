//! Which crates a resolution will most likely ask for, found without searching: every need is followed into its best candidate.
//!
//! The resolver asks for what is missing on the way that it takes, round after round. A driver that walks ahead with this has nearly
//! everything by the first round. Invariant: what it names decides nothing but the time.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use wharf_ecosystem::cargo::{
    CrateName, CrateVersions, Dependency, DependencyKind, Req, SourceId, Summary, Version,
};

use crate::problem::{DevDependencies, Lookup, Needs, Problem, RustVersions, Universe};
use crate::resolve::{On, Request, by_request, of_root};

/// A walk ahead of the resolver.
#[derive(Default)]
pub struct Prefetch {
    seen: FxHashSet<(SourceId, CrateName, Req, Request)>,
    opened: FxHashSet<(SourceId, CrateName, Version, Request)>,
    waiting: FxHashMap<(SourceId, CrateName), Vec<(Req, Request)>>,
    asked: Needs,
    ready: Vec<(SourceId, CrateName, Req, Request)>,
    held: FxHashMap<CrateName, Vec<Version>>,
}

impl Prefetch {
    /// Starts at the roots.
    pub fn new(problem: &Problem) -> Self {
        let mut walk = Self::default();
        if let Some(previous) = &problem.previous {
            for package in previous
                .lock
                .packages
                .iter()
                .filter(|package| !previous.freed.contains(&package.id()))
            {
                walk.held
                    .entry(package.name.clone())
                    .or_default()
                    .push(package.version.clone());
            }
        }
        for root in &problem.roots {
            if let Ok(on) = of_root(&root.summary, &root.features) {
                walk.open(&root.summary, &on, root.dev);
            }
        }
        for patch in &problem.patches {
            walk.need(&patch.dependency, BTreeSet::new());
        }
        walk
    }

    /// Walks on as far as the universe reaches, and names what to fetch next: each only once.
    pub fn advance(&mut self, problem: &Problem, universe: &dyn Universe) -> Needs {
        let waiting = std::mem::take(&mut self.waiting);
        for ((source, name), needs) in waiting {
            let of = |(req, request)| (source.clone(), name.clone(), req, request);
            self.ready.extend(needs.into_iter().map(of));
        }
        let mut fresh = Needs::default();
        while let Some((source, name, req, request)) = self.ready.pop() {
            match self.best(problem, universe, &source, &name, &req) {
                Lookup::Known(None) | Lookup::Failed(_) => {}
                Lookup::Known(Some(summary)) => self.follow(&summary, &request),
                Lookup::Unknown => {
                    let new = match source.is_registry() {
                        true => {
                            let key = (source.clone(), name.clone());
                            self.asked.crates.insert(key.clone()) && fresh.crates.insert(key)
                        }
                        false => {
                            self.asked.sources.insert(source.clone()) && fresh.sources.insert(source.clone())
                        }
                    };
                    debug_assert!(new || !self.asked.is_empty(), "what waits was asked for");
                    self.waiting
                        .entry((source, name))
                        .or_default()
                        .push((req, request));
                }
            }
        }
        fresh
    }

    fn follow(&mut self, summary: &Arc<Summary>, request: &Request) {
        let key = (
            summary.source.clone(),
            summary.name.clone(),
            summary.version.clone(),
            request.clone(),
        );
        if self.opened.insert(key)
            && let Ok(on) = by_request(summary, request)
        {
            self.open(summary, &on, DevDependencies::Leave);
        }
    }

    fn open(&mut self, summary: &Summary, on: &On, dev: DevDependencies) {
        for dependency in &summary.dependencies {
            let counts = dev == DevDependencies::Include || dependency.kind != DependencyKind::Dev;
            let asked = on.dependencies.get(&*dependency.alias);
            if counts && (!dependency.optional || asked.is_some()) {
                self.need(dependency, asked.cloned().unwrap_or_default());
            }
        }
    }

    fn need(&mut self, dependency: &Dependency, mut features: BTreeSet<Arc<str>>) {
        features.extend(dependency.features.iter().cloned());
        let request = Request {
            features: features.into_iter().collect(),
            default: dependency.default_features,
        };
        let need = (
            dependency.source.clone(),
            dependency.package.clone(),
            dependency.req.clone(),
            request,
        );
        if self.seen.insert(need.clone()) {
            self.ready.push(need);
        }
    }

    fn best(
        &self,
        problem: &Problem,
        universe: &dyn Universe,
        source: &SourceId,
        name: &CrateName,
        req: &Req,
    ) -> Lookup<Option<Arc<Summary>>> {
        if source.is_registry() {
            match universe.versions(source, name) {
                Lookup::Known(versions) => Lookup::Known(self.best_row(problem, &versions, req)),
                Lookup::Unknown => Lookup::Unknown,
                Lookup::Failed(reason) => Lookup::Failed(reason),
            }
        } else {
            match universe.packages(source) {
                Lookup::Known(packages) => {
                    let fitting = packages
                        .iter()
                        .filter(|summary| summary.name == *name && req.matches(&summary.version));
                    Lookup::Known(fitting.max_by(|a, b| a.version.cmp(&b.version)).cloned())
                }
                Lookup::Unknown => Lookup::Unknown,
                Lookup::Failed(reason) => Lookup::Failed(reason),
            }
        }
    }

    fn best_row(&self, problem: &Problem, versions: &CrateVersions, req: &Req) -> Option<Arc<Summary>> {
        let held = self
            .held
            .get(versions.name())
            .map(Vec::as_slice)
            .unwrap_or_default();
        let rows = versions.rows().iter().enumerate().rev();
        let rank = |row: &wharf_ecosystem::cargo::VersionRow| {
            let builders = match (&problem.rust_versions, row.rust_version) {
                (RustVersions::Prefer(compilers), Some(asked)) => {
                    compilers.iter().filter(|compiler| asked.fits(**compiler)).count()
                }
                (RustVersions::Require(compiler), Some(asked)) => usize::from(asked.fits(*compiler)),
                _ => usize::MAX,
            };
            (held.contains(&row.version), builders)
        };
        let fitting = rows.filter(|(_, row)| {
            let open = !row.yanked && problem.cooldown.allows(versions.name(), row.published);
            req.matches(&row.version) && (open || held.contains(&row.version))
        });
        // Of equals, `max_by_key` takes the last: turned around, the newest.
        let (at, _) = fitting.rev().max_by_key(|(_, row)| rank(row))?;
        versions.summary(at).ok()
    }
}
