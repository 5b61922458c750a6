//! Which packages of a system a root brings along, and the other way round: why a package is there.

use std::collections::VecDeque;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{DebEdgeKind, DebId, LockedDeb, LockedDebRoot, LockedSystem};

/// Why a package is there: a root, and the packages from what answers it to the one that is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DebChain<'l> {
    /// Who asks.
    pub root: &'l LockedDebRoot,
    /// From the package that answers the root to the one in question, both included.
    pub packages: Vec<&'l LockedDeb>,
}

impl LockedSystem {
    /// The packages that the wanted roots bring along, in the order of the lock.
    pub fn selected(&self, wants: impl Fn(&LockedDebRoot) -> bool) -> Vec<&LockedDeb> {
        let places = self.places();
        let roots = self.roots.iter().filter(|root| wants(root));
        let mut open: Vec<&DebId> = roots.map(|root| &root.package).collect();
        let mut reached = FxHashSet::default();
        while let Some(id) = open.pop() {
            if let Some(&place) = places.get(id)
                && reached.insert(place)
            {
                let edges = &self.packages[place].dependencies;
                open.extend(edges.iter().map(|edge| &edge.package));
            }
        }
        let numbered = self.packages.iter().enumerate();
        numbered
            .filter(|(place, _)| reached.contains(place))
            .map(|(_, package)| package)
            .collect()
    }

    /// The packages that need one directly, and how much.
    pub fn dependents(&self, of: &DebId) -> Vec<(&LockedDeb, DebEdgeKind)> {
        let uses = self.packages.iter().flat_map(|package| {
            let edges = package.dependencies.iter().filter(|edge| edge.package == *of);
            edges.map(move |edge| (package, edge.kind))
        });
        uses.collect()
    }

    /// Why a package is there: for each root that brings it along the shortest way, the shortest of all first.
    pub fn chains(&self, to: &DebId) -> Vec<DebChain<'_>> {
        let places = self.places();
        let Some(&target) = places.get(to) else {
            return Vec::new();
        };
        let next = self.ways_to(target, &places);
        let chain = |root| -> Option<DebChain<'_>> {
            let root: &LockedDebRoot = root;
            let mut place = *places.get(&root.package)?;
            let mut packages = vec![&self.packages[place]];
            while place != target {
                place = *next.get(&place)?;
                packages.push(&self.packages[place]);
            }
            Some(DebChain { root, packages })
        };
        let mut chains: Vec<DebChain<'_>> = self.roots.iter().filter_map(chain).collect();
        chains.sort_by_key(|chain| chain.packages.len());
        chains
    }

    fn places(&self) -> FxHashMap<&DebId, usize> {
        let numbered = self.packages.iter().enumerate();
        numbered.map(|(place, package)| (&package.id, place)).collect()
    }

    /// For every package from which a way leads to `target`, the next one on its shortest way.
    fn ways_to(&self, target: usize, places: &FxHashMap<&DebId, usize>) -> FxHashMap<usize, usize> {
        let mut users: FxHashMap<usize, Vec<usize>> = FxHashMap::default();
        for (user, package) in self.packages.iter().enumerate() {
            let used = package
                .dependencies
                .iter()
                .filter_map(|edge| places.get(&edge.package));
            for used in used {
                users.entry(*used).or_default().push(user);
            }
        }
        let mut next = FxHashMap::default();
        let mut open = VecDeque::from([target]);
        while let Some(place) = open.pop_front() {
            for &user in users.get(&place).into_iter().flatten() {
                if user != target && !next.contains_key(&user) {
                    next.insert(user, place);
                    open.push_back(user);
                }
            }
        }
        next
    }
}
