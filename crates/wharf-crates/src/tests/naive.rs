//! The search without any of its tricks: every state is copied, every combination is tried in order. What it finds first is what has to
//! be found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use wharf_ecosystem::cargo::{Dependency, DependencyKind, Summary, Version};

use super::notation::Index;
use crate::resolve::{On, Request, by_request, of_root};
use crate::*;

/// A crate's name, and the numbers that its versions in one slot have in common.
type Slot = (String, (u64, u64, u64));
/// A dependency and the features that are asked of it.
type Asked = (Dependency, BTreeSet<Arc<str>>);

#[derive(Clone, Default)]
struct State {
    taken: BTreeMap<Slot, Arc<Summary>>,
    links: BTreeMap<String, String>,
    on: BTreeMap<String, BTreeSet<Arc<str>>>,
    frames: Vec<(Vec<Asked>, usize)>,
}

/// How many steps a search may take before the case is given up.
const LIMIT: usize = 20_000;

/// The versions that are found first, `Some(None)` where there are none, `None` where it takes too long.
pub(super) fn search(index: &Index, problem: &Problem) -> Option<Option<BTreeSet<String>>> {
    let mut state = State::default();
    for root in &problem.roots {
        let Ok(on) = of_root(&root.summary, &root.features) else {
            return Some(None);
        };
        state.taken.insert(slot(&root.summary), Arc::clone(&root.summary));
        state.open(index, &root.summary, &on, true);
    }
    let mut steps = 0;
    let found = state.go_on(index, &mut steps);
    if steps > LIMIT {
        return None;
    }
    Some(found.map(|state| state.taken.values().map(|summary| summary.label()).collect()))
}

fn slot(summary: &Summary) -> Slot {
    let Version {
        major, minor, patch, ..
    } = summary.version;
    let compatible = match (major, minor) {
        (0, 0) => (0, 0, patch),
        (0, minor) => (0, minor, 0),
        (major, _) => (major, 0, 0),
    };
    (summary.name.to_string(), compatible)
}

fn candidates(index: &Index, need: &Dependency) -> Vec<Arc<Summary>> {
    let mut found: Vec<Arc<Summary>> = index
        .crates
        .get(&need.package)
        .into_iter()
        .flatten()
        .filter(|summary| !summary.yanked && need.accepts(&summary.version))
        .cloned()
        .map(Arc::new)
        .collect();
    found.sort_by(|a, b| b.version.cmp(&a.version));
    found
}

impl State {
    fn open(&mut self, index: &Index, summary: &Summary, on: &On, dev: bool) {
        self.on
            .entry(summary.label())
            .or_default()
            .extend(on.features.iter().cloned());
        let mut needs = Vec::new();
        for need in &summary.dependencies {
            let asked = on.dependencies.get(&need.alias);
            if (need.kind == DependencyKind::Dev && !dev) || (need.optional && asked.is_none()) {
                continue;
            }
            let mut features: BTreeSet<Arc<str>> = need.features.iter().cloned().collect();
            features.extend(asked.into_iter().flatten().cloned());
            needs.push((need.clone(), features));
        }
        needs.sort_by_key(|(need, _)| candidates(index, need).len());
        self.frames.push((needs, 0));
    }

    fn go_on(mut self, index: &Index, steps: &mut usize) -> Option<State> {
        *steps += 1;
        if *steps > LIMIT {
            return None;
        }
        let waiting = self
            .frames
            .iter()
            .enumerate()
            .filter(|(_, (needs, next))| *next < needs.len());
        let most_constrained =
            waiting.min_by_key(|(at, (needs, next))| (candidates(index, &needs[*next].0).len(), *at));
        let Some((frame, _)) = most_constrained else {
            return Some(self);
        };
        let (needs, next) = &mut self.frames[frame];
        let (need, features) = needs[*next].clone();
        *next += 1;
        for candidate in candidates(index, &need) {
            if let Some(found) = self.clone().with(index, &candidate, &need, &features)
                && let Some(end) = found.go_on(index, steps)
            {
                return Some(end);
            }
        }
        None
    }

    fn with(
        mut self,
        index: &Index,
        candidate: &Arc<Summary>,
        need: &Dependency,
        features: &BTreeSet<Arc<str>>,
    ) -> Option<State> {
        let slot = slot(candidate);
        let label = candidate.label();
        let held = self.taken.get(&slot);
        if held.is_some_and(|held| held.version != candidate.version) {
            return None;
        }
        if held.is_some() {
            let on = self.on.get(&label).cloned().unwrap_or_default();
            let default = need.default_features && candidate.features.contains_key("default");
            if features.is_subset(&on) && (!default || on.contains("default")) {
                return Some(self);
            }
        } else if let Some(links) = &candidate.links
            && self.links.insert(links.to_string(), label).is_some()
        {
            return None;
        }
        let request = Request {
            features: features.iter().cloned().collect(),
            default: need.default_features,
        };
        let on = by_request(candidate, &request).ok()?;
        self.taken.insert(slot, Arc::clone(candidate));
        self.open(index, candidate, &on, false);
        Some(self)
    }
}
