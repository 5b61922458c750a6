//! What the lock so far holds: versions that come first, and dependencies that stay where they are.
//!
//! A dependency of a package that stays is narrowed to the version that it has, so that nothing moves that need not. What is freed, and
//! everything that it needs, is not narrowed: there the lock only says what to try first. The same holds for all of a source once a
//! manifest asks it for something that the lock does not have.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};
use semver::Version;
use wharf_ecosystem::cargo::{
    CargoLock, CrateName, Dependency, DependencyKind, LockedCrate, LockedId, SourceId, Summary,
};

use crate::lock::lock_source;
use crate::problem::{Lookup, Previous, Problem, Universe};

/// What the lock so far holds.
#[derive(Default)]
pub(super) struct Locks {
    /// Versions that come first, and that may be taken although they are yanked or young.
    first: FxHashMap<CrateName, Vec<(Option<SourceId>, Version)>>,
    /// Packages that stay, with what they need.
    kept: FxHashMap<CrateName, Vec<(LockedId, Vec<LockedId>)>>,
    patched: Vec<(SourceId, LockedId)>,
}

/// How firmly the lock holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grip {
    /// Dependencies stay where they are.
    Narrow,
    /// What the lock has comes first, and no more.
    Prefer,
}

impl Locks {
    pub(super) fn new(problem: &Problem, universe: &dyn Universe, grip: Grip) -> Self {
        let Some(Previous { lock, freed }) = &problem.previous else {
            return Self::default();
        };
        let mut locks = Self::default();
        for package in lock
            .packages
            .iter()
            .filter(|package| !freed.contains(&package.id()))
        {
            let versions = locks.first.entry(package.name.clone()).or_default();
            versions.push((package.source.clone(), package.version.clone()));
        }
        if grip == Grip::Narrow {
            locks.keep(problem, universe, lock, freed);
        }
        locks
    }

    fn keep(
        &mut self,
        problem: &Problem,
        universe: &dyn Universe,
        lock: &CargoLock,
        freed: &BTreeSet<LockedId>,
    ) {
        let loose = loose(problem, universe, lock, freed);
        for package in lock
            .packages
            .iter()
            .filter(|package| !loose.contains(&package.id()))
        {
            let needs = package.dependencies.iter().filter(|id| !loose.contains(*id));
            let mut needs: Vec<LockedId> = needs.cloned().collect();
            needs.sort();
            let kept = self.kept.entry(package.name.clone()).or_default();
            kept.push((package.id(), needs));
        }
        // Where several versions answer, cargo stays with the lowest.
        self.kept.values_mut().for_each(|kept| kept.sort());
        for patch in &problem.patches {
            let locked = lock.packages.iter().filter(|package| {
                package.name == patch.dependency.package
                    && package.source == lock_source(&patch.dependency.source)
                    && patch.dependency.accepts(&package.version)
            });
            self.patched
                .extend(locked.map(|package| (patch.of.clone(), package.id())));
        }
    }

    /// Whether anything is narrowed.
    pub(super) fn narrows(&self) -> bool {
        !self.kept.is_empty()
    }

    /// The versions of a crate that come first.
    pub(super) fn versions<'a>(&'a self, source: &SourceId, name: &CrateName) -> Vec<&'a Version> {
        let Some(locked) = self.first.get(name) else {
            return Vec::new();
        };
        let of_source = locked.iter().filter(|(of, _)| of.as_ref() == Some(source));
        of_source.map(|(_, version)| version).collect()
    }

    /// The version that a dependency of this package stays at.
    pub(super) fn version_for(
        &self,
        source: &SourceId,
        name: &CrateName,
        version: &Version,
        dependency: &Dependency,
    ) -> Option<&Version> {
        if self.kept.is_empty() || !dependency.source.is_registry() {
            return None;
        }
        let answers = |id: &&LockedId| {
            id.name == dependency.package
                && dependency.accepts(&id.version)
                && (id.source.as_ref() == Some(&dependency.source) || self.is_patch(&dependency.source, id))
        };
        let source = lock_source(source);
        let itself = self.kept.get(name).into_iter().flatten();
        let mut itself = itself.filter(|(id, _)| id.version == *version && id.source == source);
        let before = itself.next().and_then(|(_, needs)| needs.iter().find(answers));
        before
            .or_else(|| {
                let kept = self
                    .kept
                    .get(&dependency.package)
                    .into_iter()
                    .flatten()
                    .map(|(id, _)| id);
                let mut kept = kept.filter(|id| id.source.as_ref() == Some(&dependency.source));
                kept.find(|id| dependency.accepts(&id.version))
            })
            .map(|id| &id.version)
    }

    fn is_patch(&self, of: &SourceId, id: &LockedId) -> bool {
        self.patched
            .iter()
            .any(|(patched, patch)| patched.same_place(of) && patch == id)
    }
}

/// The packages of a lock that may move: those that are freed, those of a source that a manifest asks for something new, and
/// everything that they need.
fn loose(
    problem: &Problem,
    universe: &dyn Universe,
    lock: &CargoLock,
    freed: &BTreeSet<LockedId>,
) -> FxHashSet<LockedId> {
    let by_id: FxHashMap<LockedId, &LockedCrate> = lock
        .packages
        .iter()
        .map(|package| (package.id(), package))
        .collect();
    let mut loose = FxHashSet::default();
    for id in freed {
        loosen(id, &by_id, &mut loose);
    }
    let folders = Folders::of(problem, universe);
    for source in folders.asked_anew(lock) {
        for package in lock
            .packages
            .iter()
            .filter(|package| package.source.as_ref() == Some(&source))
        {
            loosen(&package.id(), &by_id, &mut loose);
        }
    }
    for package in lock.packages.iter().filter(|package| package.source.is_none()) {
        if !folders.has(&package.name, &package.version) {
            loose.insert(package.id());
        }
    }
    loose
}

fn loosen(id: &LockedId, by_id: &FxHashMap<LockedId, &LockedCrate>, loose: &mut FxHashSet<LockedId>) {
    let mut waiting = vec![id.clone()];
    while let Some(id) = waiting.pop() {
        if let Some(package) = by_id.get(&id) {
            waiting.extend(
                package
                    .dependencies
                    .iter()
                    .filter(|need| !loose.contains(*need))
                    .cloned(),
            );
        }
        loose.insert(id);
    }
}

/// The packages in folders: the members and what they reach by paths.
struct Folders<'a> {
    members: Vec<&'a Summary>,
    others: Vec<std::sync::Arc<Summary>>,
}

impl<'a> Folders<'a> {
    fn of(problem: &'a Problem, universe: &dyn Universe) -> Self {
        let mut folders = Self {
            members: problem.roots.iter().map(|root| &*root.summary).collect(),
            others: Vec::new(),
        };
        let mut seen: FxHashSet<SourceId> = folders
            .members
            .iter()
            .map(|member| member.source.clone())
            .collect();
        let of_members = folders.members.iter().flat_map(|member| &member.dependencies);
        let patches = problem.patches.iter().map(|patch| &patch.dependency);
        let mut waiting: Vec<SourceId> = of_members
            .chain(patches)
            .map(|need| need.source.clone())
            .collect();
        while let Some(source) = waiting.pop() {
            if !source.is_path() || !seen.insert(source.clone()) {
                continue;
            }
            if let Lookup::Known(packages) = universe.packages(&source) {
                for package in packages.iter() {
                    waiting.extend(package.dependencies.iter().map(|need| need.source.clone()));
                    folders.others.push(std::sync::Arc::clone(package));
                }
            }
        }
        folders
    }

    fn has(&self, name: &CrateName, version: &Version) -> bool {
        let mut all = self
            .members
            .iter()
            .copied()
            .chain(self.others.iter().map(|other| &**other));
        all.any(|summary| summary.name == *name && summary.version == *version)
    }

    /// Sources that are asked for something that the lock does not have.
    fn asked_anew(&self, lock: &CargoLock) -> BTreeSet<SourceId> {
        let mut versions: FxHashMap<&CrateName, Vec<&Version>> = FxHashMap::default();
        for package in &lock.packages {
            versions.entry(&package.name).or_default().push(&package.version);
        }
        let of_members = self.members.iter().flat_map(|member| &member.dependencies);
        // Of other folders, neither dev-dependencies nor all features are in the lock.
        let of_others = self.others.iter().flat_map(|other| &other.dependencies);
        let of_others = of_others.filter(|need| !need.optional && need.kind != DependencyKind::Dev);
        of_members
            .chain(of_others)
            .filter(|need| !need.source.is_path())
            .filter(|need| {
                let locked = versions.get(&need.package).into_iter().flatten();
                !locked.into_iter().any(|version| need.accepts(version))
            })
            .map(|need| need.source.clone())
            .collect()
    }
}
