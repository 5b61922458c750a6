//! The universe as the search sees it: crates, versions, ranges and requests as dense numbers, each looked up once.
//!
//! A *list* is a range of a crate with the versions that answer it, best first. A *request* is a set of features. A *query* is both: what
//! a dependency asks for. An *expansion* is what a version needs under a request.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use semver::Version;
use wharf_ecosystem::cargo::{
    CrateName, CrateVersions, Dependency, DependencyKind, Req, RustVersion, SourceId, Summary,
};

use super::features::{self, Missing};
use super::locks::Locks;
use crate::problem::{Lookup, Needs, Problem, RustVersions, Universe};

/// A crate of a source.
pub(super) type CrateIndex = usize;
/// A version of a crate.
pub(super) type PackageIndex = usize;
/// A range of versions that are compatible with each other, of which one may be taken.
pub(super) type SlotIndex = usize;
/// A range of a crate with its candidates.
pub(super) type ListIndex = usize;
/// A set of features.
pub(super) type RequestIndex = usize;
/// What a dependency asks for.
pub(super) type QueryIndex = usize;
/// A feature's name.
pub(super) type FeatureIndex = u32;

/// A crate of a source, with all its versions.
pub(super) struct Crate {
    pub(super) name: CrateName,
    pub(super) source: SourceId,
    pub(super) known: Known,
    first: PackageIndex,
    slots: Vec<(Compatible, SlotIndex)>,
}

/// What is known of a crate.
#[derive(Clone)]
pub(super) enum Known {
    Unknown,
    Failed(String),
    Rows(Arc<CrateVersions>),
    Packages(Vec<Arc<Summary>>),
}

/// Which versions exclude each other: those with the same first number that is not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compatible {
    Major(u64),
    Minor(u64),
    Patch(u64),
}

/// A version of a crate.
pub(super) struct Package {
    pub(super) of: CrateIndex,
    row: usize,
    pub(super) slot: SlotIndex,
    loaded: Option<Rc<Loaded>>,
}

/// A version that somebody looked at.
pub(super) struct Loaded {
    /// `None` where its line cannot be used.
    pub(super) summary: Option<Arc<Summary>>,
}

/// A range with the versions that answer it.
pub(super) struct List {
    pub(super) of: CrateIndex,
    pub(super) req: Req,
    pub(super) locked: Option<Version>,
    /// Best first; `None` where the crate is not known yet.
    pub(super) candidates: Option<Rc<[PackageIndex]>>,
}

/// A set of features.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Request {
    /// Sorted by name.
    pub(crate) features: Vec<Arc<str>>,
    /// And `default`, if there is one.
    pub(crate) default: bool,
}

/// What a version needs under a request.
pub(super) struct Expansion {
    /// The features that are on.
    pub(super) features: Vec<FeatureIndex>,
    /// What is needed; fewest candidates first.
    pub(super) needs: Rc<[Need]>,
}

/// One dependency that is needed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Need {
    pub(super) query: QueryIndex,
    pub(super) list: ListIndex,
    /// Position in the dependencies of the summary.
    pub(super) dependency: usize,
    pub(super) candidates: usize,
}

/// What comes first among candidates: what stays or is patched, then how many compilers can build it.
type Rank = (bool, usize);

/// How an expansion ends: with needs, or without a feature.
pub(super) type Expanded = Result<Rc<Expansion>, Missing>;

/// A crate that cannot be had.
pub(super) struct Failure {
    pub(super) of: CrateIndex,
    pub(super) reason: String,
    pub(super) asker: Option<PackageIndex>,
}

/// Everything that was looked up.
pub(super) struct World<'a> {
    pub(super) problem: &'a Problem,
    universe: &'a dyn Universe,
    pub(super) locks: &'a Locks,
    pub(super) crates: Vec<Crate>,
    crate_ids: FxHashMap<(SourceId, CrateName), CrateIndex>,
    pub(super) packages: Vec<Package>,
    pub(super) slots: usize,
    pub(super) lists: Vec<List>,
    list_ids: FxHashMap<(CrateIndex, Req, Option<Version>), ListIndex>,
    pub(super) requests: Vec<Rc<Request>>,
    request_ids: FxHashMap<Rc<Request>, RequestIndex>,
    pub(super) queries: Vec<(ListIndex, RequestIndex)>,
    query_ids: FxHashMap<(ListIndex, RequestIndex), QueryIndex>,
    features: FxHashMap<Arc<str>, FeatureIndex>,
    pub(super) feature_names: Vec<Arc<str>>,
    expansions: FxHashMap<(PackageIndex, RequestIndex), Expanded>,
    pub(super) needs: Needs,
    /// A crate that cannot be had, why, and who asked first.
    pub(super) failure: Option<Failure>,
    pub(super) patches: Vec<(SourceId, PackageIndex)>,
}

impl<'a> World<'a> {
    pub(super) fn new(problem: &'a Problem, universe: &'a dyn Universe, locks: &'a Locks) -> Self {
        Self {
            problem,
            universe,
            locks,
            crates: Vec::new(),
            crate_ids: FxHashMap::default(),
            packages: Vec::new(),
            slots: 0,
            lists: Vec::new(),
            list_ids: FxHashMap::default(),
            requests: Vec::new(),
            request_ids: FxHashMap::default(),
            queries: Vec::new(),
            query_ids: FxHashMap::default(),
            features: FxHashMap::default(),
            feature_names: Vec::new(),
            expansions: FxHashMap::default(),
            needs: Needs::default(),
            failure: None,
            patches: Vec::new(),
        }
    }

    /// A crate, looked up when it is first named.
    pub(super) fn crate_of(&mut self, source: &SourceId, name: &CrateName) -> CrateIndex {
        let key = (source.clone(), name.clone());
        if let Some(index) = self.crate_ids.get(&key) {
            return *index;
        }
        let known = self.look_up(source, name);
        let index = self.crates.len();
        self.crates.push(Crate {
            name: name.clone(),
            source: source.clone(),
            known,
            first: self.packages.len(),
            slots: Vec::new(),
        });
        self.crate_ids.insert(key, index);
        self.number_packages(index);
        index
    }

    /// A root, which is known already.
    pub(super) fn root(&mut self, summary: &Arc<Summary>) -> PackageIndex {
        let index = self.crates.len();
        self.crates.push(Crate {
            name: summary.name.clone(),
            source: summary.source.clone(),
            known: Known::Packages(vec![Arc::clone(summary)]),
            first: self.packages.len(),
            slots: Vec::new(),
        });
        // A tool may need other versions of itself, which its registry has.
        if !summary.source.is_registry() {
            let key = (summary.source.clone(), summary.name.clone());
            self.crate_ids.insert(key, index);
        }
        self.number_packages(index);
        let package = self.crates[index].first;
        self.load(package);
        package
    }

    fn look_up(&mut self, source: &SourceId, name: &CrateName) -> Known {
        if source.is_registry() {
            match self.universe.versions(source, name) {
                Lookup::Known(versions) => Known::Rows(versions),
                Lookup::Failed(reason) => Known::Failed(reason),
                Lookup::Unknown => {
                    self.needs.crates.insert((source.clone(), name.clone()));
                    Known::Unknown
                }
            }
        } else {
            match self.universe.packages(source) {
                Lookup::Known(packages) => {
                    let named = packages.iter().filter(|summary| summary.name == *name);
                    let mut named: Vec<_> = named.cloned().collect();
                    named.sort_by(|a, b| a.version.cmp(&b.version));
                    Known::Packages(named)
                }
                Lookup::Failed(reason) => Known::Failed(reason),
                Lookup::Unknown => {
                    self.needs.sources.insert(source.clone());
                    Known::Unknown
                }
            }
        }
    }

    /// Gives every version of a crate its number, and its slot.
    fn number_packages(&mut self, index: CrateIndex) {
        let versions: Vec<Compatible> = match &self.crates[index].known {
            Known::Rows(versions) => versions
                .rows()
                .iter()
                .map(|row| Compatible::of(&row.version))
                .collect(),
            Known::Packages(packages) => packages
                .iter()
                .map(|summary| Compatible::of(&summary.version))
                .collect(),
            Known::Unknown | Known::Failed(_) => Vec::new(),
        };
        self.packages.reserve(versions.len());
        for (row, compatible) in versions.into_iter().enumerate() {
            let slot = self.slot(index, compatible);
            self.packages.push(Package {
                of: index,
                row,
                slot,
                loaded: None,
            });
        }
    }

    fn slot(&mut self, index: CrateIndex, compatible: Compatible) -> SlotIndex {
        let slots = &mut self.crates[index].slots;
        // Versions come in order, so that the slot is nearly always the last one.
        if let Some((_, slot)) = slots.iter().rev().find(|(known, _)| *known == compatible) {
            return *slot;
        }
        let slot = self.slots;
        self.slots += 1;
        slots.push((compatible, slot));
        slot
    }

    /// The slot that a package takes in the crate that was asked for: another than its own where a patch answered.
    pub(super) fn slot_as(&mut self, package: PackageIndex, asked: CrateIndex) -> SlotIndex {
        if self.packages[package].of == asked {
            return self.packages[package].slot;
        }
        let compatible = Compatible::of(self.version(package));
        self.slot(asked, compatible)
    }

    pub(super) fn version(&self, package: PackageIndex) -> &Version {
        let Package { of, row, .. } = &self.packages[package];
        match &self.crates[*of].known {
            Known::Rows(versions) => &versions.rows()[*row].version,
            Known::Packages(packages) => &packages[*row].version,
            Known::Unknown | Known::Failed(_) => unreachable!("a crate that is not known has no packages"),
        }
    }

    /// `serde@1.0.228`
    pub(super) fn label(&self, package: PackageIndex) -> String {
        format!(
            "{}@{}",
            self.crates[self.packages[package].of].name,
            self.version(package)
        )
    }

    /// A version's summary, read when it is first looked at.
    pub(super) fn load(&mut self, package: PackageIndex) -> Rc<Loaded> {
        if let Some(loaded) = &self.packages[package].loaded {
            return Rc::clone(loaded);
        }
        let Package { of, row, .. } = self.packages[package];
        let summary = match &self.crates[of].known {
            Known::Rows(versions) => versions.summary(row).ok(),
            Known::Packages(packages) => packages.get(row).cloned(),
            Known::Unknown | Known::Failed(_) => None,
        };
        let loaded = Rc::new(Loaded { summary });
        self.packages[package].loaded = Some(Rc::clone(&loaded));
        loaded
    }

    /// A version's summary, if it was looked at.
    pub(super) fn summary(&self, package: PackageIndex) -> Option<Arc<Summary>> {
        self.packages[package].loaded.as_ref()?.summary.clone()
    }

    /// A range with its candidates.
    pub(super) fn list(
        &mut self,
        source: &SourceId,
        name: &CrateName,
        req: &Req,
        locked: Option<&Version>,
    ) -> ListIndex {
        let of = self.crate_of(source, name);
        let key = (of, req.clone(), locked.cloned());
        if let Some(list) = self.list_ids.get(&key) {
            return *list;
        }
        let list = List {
            of,
            req: req.clone(),
            locked: locked.cloned(),
            candidates: self.candidates(of, req, locked),
        };
        let index = self.lists.len();
        self.lists.push(list);
        self.list_ids.insert(key, index);
        index
    }

    /// The versions that answer a range, best first: patches and locked versions, then those that more compilers can build, then newer
    /// ones.
    fn candidates(&self, of: CrateIndex, req: &Req, locked: Option<&Version>) -> Option<Rc<[PackageIndex]>> {
        let fits = |version: &Version| locked.is_none_or(|locked| locked == version) && req.matches(version);
        let patched: Vec<PackageIndex> = self
            .patches_of(of)
            .filter(|package| fits(self.version(*package)))
            .collect();
        if locked.is_some() && patched.len() == 1 {
            return Some(patched.into());
        }
        let mut found = match &self.crates[of].known {
            Known::Unknown => return None,
            Known::Failed(_) => Vec::new(),
            Known::Packages(packages) => self.newest_first(of, packages.len(), &fits),
            Known::Rows(versions) => self.rows(of, versions, &fits),
        };
        if !patched.is_empty() {
            found.retain(|(_, package)| {
                patched
                    .iter()
                    .all(|patch| self.version(*patch) != self.version(*package))
            });
            for patch in patched {
                let builders = self.builders(self.rust_version(patch)).unwrap_or(0);
                found.push(((true, builders), patch));
            }
            found.sort_by(|(_, a), (_, b)| self.version(*b).cmp(self.version(*a)));
        }
        // The sort is stable: among equals, newer ones stay first.
        if found.iter().any(|(rank, _)| *rank != found[0].0) {
            found.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
        }
        Some(found.into_iter().map(|(_, package)| package).collect())
    }

    /// What patches put in the place of versions of a crate.
    fn patches_of(&self, of: CrateIndex) -> impl Iterator<Item = PackageIndex> + '_ {
        let Crate { source, name, .. } = &self.crates[of];
        let of_source = self
            .patches
            .iter()
            .filter(move |(patched, _)| patched.same_place(source));
        of_source
            .map(|(_, package)| *package)
            .filter(move |package| self.crates[self.packages[*package].of].name == *name)
    }

    fn newest_first(
        &self,
        of: CrateIndex,
        packages: usize,
        fits: &dyn Fn(&Version) -> bool,
    ) -> Vec<(Rank, PackageIndex)> {
        let first = self.crates[of].first;
        (0..packages)
            .rev()
            .map(|row| first + row)
            .filter(|package| fits(self.version(*package)))
            .map(|package| ((false, 0), package))
            .collect()
    }

    fn rows(
        &self,
        of: CrateIndex,
        versions: &CrateVersions,
        fits: &dyn Fn(&Version) -> bool,
    ) -> Vec<(Rank, PackageIndex)> {
        let Crate {
            name, source, first, ..
        } = &self.crates[of];
        let kept = self.locks.versions(source, name);
        let mut found = Vec::new();
        for (row, facts) in versions.rows().iter().enumerate().rev() {
            if !fits(&facts.version) {
                continue;
            }
            let kept = kept.contains(&&facts.version);
            let young = !self.problem.cooldown.allows(name, facts.published);
            if !kept && (facts.yanked || young) {
                continue;
            }
            if let Some(builders) = self.builders(facts.rust_version) {
                found.push(((kept, builders), first + row));
            }
        }
        found
    }

    /// How many of the compilers that have a say can build a version; `None` where it may not be taken for that.
    fn builders(&self, asked: Option<RustVersion>) -> Option<usize> {
        match &self.problem.rust_versions {
            RustVersions::Ignore => Some(0),
            RustVersions::Prefer(compilers) => Some(asked.map_or(compilers.len(), |asked| {
                compilers.iter().filter(|compiler| asked.fits(**compiler)).count()
            })),
            RustVersions::Require(compiler) => asked.is_none_or(|asked| asked.fits(*compiler)).then_some(0),
        }
    }

    fn rust_version(&self, package: PackageIndex) -> Option<RustVersion> {
        let Package { of, row, .. } = &self.packages[package];
        match &self.crates[*of].known {
            Known::Rows(versions) => versions.rows().get(*row)?.rust_version,
            Known::Packages(packages) => packages.get(*row)?.rust_version,
            Known::Unknown | Known::Failed(_) => None,
        }
    }

    pub(super) fn request(&mut self, request: Request) -> RequestIndex {
        if let Some(index) = self.request_ids.get(&request) {
            return *index;
        }
        let request = Rc::new(request);
        let index = self.requests.len();
        self.requests.push(Rc::clone(&request));
        self.request_ids.insert(request, index);
        index
    }

    fn query(&mut self, list: ListIndex, request: RequestIndex) -> QueryIndex {
        let next = self.queries.len();
        let index = *self.query_ids.entry((list, request)).or_insert(next);
        if index == next {
            self.queries.push((list, request));
        }
        index
    }

    pub(super) fn feature(&mut self, name: &Arc<str>) -> FeatureIndex {
        if let Some(index) = self.features.get(name) {
            return *index;
        }
        let index =
            FeatureIndex::try_from(self.feature_names.len()).expect("fewer than four billion features");
        self.feature_names.push(Arc::clone(name));
        self.features.insert(Arc::clone(name), index);
        index
    }

    /// What a version needs under a request.
    pub(super) fn expand(&mut self, package: PackageIndex, request: RequestIndex) -> Expanded {
        if let Some(expanded) = self.expansions.get(&(package, request)) {
            return expanded.clone();
        }
        let loaded = self.load(package);
        let summary = loaded
            .summary
            .as_ref()
            .expect("only versions that can be used are expanded");
        let wanted = Rc::clone(&self.requests[request]);
        let expanded = match features::by_request(summary, &wanted) {
            Ok(on) => Ok(Rc::new(self.expansion(package, summary, &on, DevNeeds::Leave))),
            Err(missing) => Err(missing),
        };
        self.expansions.insert((package, request), expanded.clone());
        expanded
    }

    /// What a version needs with these features on.
    pub(super) fn expansion(
        &mut self,
        package: PackageIndex,
        summary: &Summary,
        on: &features::On,
        dev: DevNeeds,
    ) -> Expansion {
        let mut needs = Vec::new();
        for (at, dependency) in summary.dependencies.iter().enumerate() {
            let counts = dev == DevNeeds::Include || dependency.kind != DependencyKind::Dev;
            let asked = on.dependencies.get(&*dependency.alias);
            if !counts || (dependency.optional && asked.is_none()) {
                continue;
            }
            let list = self.list_for(package, dependency);
            let Some(candidates) = self.lists[list]
                .candidates
                .as_ref()
                .map(|candidates| candidates.len())
            else {
                continue;
            };
            let mut features: BTreeSet<Arc<str>> = dependency.features.iter().cloned().collect();
            features.extend(asked.into_iter().flatten().cloned());
            let request = self.request(Request {
                features: features.into_iter().collect(),
                default: dependency.default_features,
            });
            needs.push(Need {
                query: self.query(list, request),
                list,
                dependency: at,
                candidates,
            });
        }
        needs.sort_by_key(|need| need.candidates);
        Expansion {
            features: on.features.iter().map(|name| self.feature(name)).collect(),
            needs: needs.into(),
        }
    }

    /// The list of a dependency, narrowed to the version that the lock has for it.
    fn list_for(&mut self, package: PackageIndex, dependency: &Dependency) -> ListIndex {
        let of = &self.crates[self.packages[package].of];
        let locked = self
            .locks
            .version_for(&of.source, &of.name, self.version(package), dependency)
            .cloned();
        let list = self.list(
            &dependency.source,
            &dependency.package,
            &dependency.req,
            locked.as_ref(),
        );
        let of = self.lists[list].of;
        if let Known::Failed(reason) = &self.crates[of].known
            && self.failure.is_none()
        {
            self.failure = Some(Failure {
                of,
                reason: reason.clone(),
                asker: Some(package),
            });
        }
        list
    }
}

/// Whether dev-dependencies are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DevNeeds {
    Include,
    Leave,
}

impl Compatible {
    fn of(version: &Version) -> Self {
        match (version.major, version.minor) {
            (0, 0) => Compatible::Patch(version.patch),
            (0, minor) => Compatible::Minor(minor),
            (major, _) => Compatible::Major(major),
        }
    }
}
