//! Fewer versions: needs are moved to versions that others take, wherever all ranges of a name can be met by fewer versions
//! than there are. What importers ask for themselves stays as they have it, and nothing sound is given up for what is
//! deprecated or made for another Node.

use std::collections::BTreeMap;
use std::rc::Rc;

use wharf_ecosystem::npm::Version;
use wharf_ecosystem::npm::semver::Range;

use super::names::NameId;
use super::sources::Picked;
use super::tree::{NodeId, PackageId, Scope, Target, Tree, Want};

/// Rounds after which dedupe ends even if more could be moved; each one leaves fewer packages than the one before.
const ROUNDS: usize = 32;

/// Needs with the same range.
struct Unit {
    text: Rc<str>,
    range: Rc<Range>,
    edges: Vec<(Scope, usize)>,
    /// Whether one of them has a version that nothing speaks against.
    sound: bool,
}

/// The needs for one name by their texts, and versions that stay.
type Asked = (BTreeMap<Rc<str>, Unit>, Vec<PackageId>);

/// The needs for one name that has several versions.
struct Shared {
    name: NameId,
    units: Vec<Unit>,
    /// Versions that stay whatever happens.
    fixed: Vec<PackageId>,
    /// How many versions there are.
    versions: usize,
}

impl Tree<'_> {
    /// Moves needs until no name can do with fewer versions. Nodes of `extra` are needed beside what importers need. Says whether any
    /// was moved.
    pub(super) fn dedupe(&mut self, extra: &[NodeId]) -> bool {
        let mut any = false;
        for _ in 0..ROUNDS {
            let before = self.count();
            let mut moved = false;
            for shared in self.shared(extra) {
                moved |= self.move_to_fewer(&shared);
            }
            if moved {
                any = true;
                self.grow();
                self.sweep(extra);
            }
            // What moved may have brought new contexts of overrides, never more packages; stop where it did not pay.
            if !moved || self.count() >= before {
                break;
            }
        }
        any |= self.try_fresh(extra);
        self.deduped = self.nodes.len();
        any
    }

    /// Whether anything came since needs were moved.
    pub(super) fn has_more(&self) -> bool {
        self.nodes.len() > self.deduped
    }

    /// Versions that nobody has yet may meet ranges that no two of the present ones can: taken only where the whole tree shrinks.
    fn try_fresh(&mut self, extra: &[NodeId]) -> bool {
        let mut any = false;
        for shared in self.shared(extra) {
            let mut candidates = self.chosen[shared.name].clone();
            let before = candidates.len();
            for unit in &shared.units {
                if let Picked::Package(package) = self.picked_in(shared.name, &unit.range, &unit.text)
                    && !candidates.contains(&package)
                {
                    candidates.push(package);
                }
            }
            let fewer = |kept: &Vec<PackageId>| kept.len() < shared.versions;
            if candidates.len() == before || !self.cover(&shared, &candidates).as_ref().is_some_and(fewer) {
                continue;
            }
            let mut trial = self.clone();
            trial.assign(&shared, &candidates);
            trial.grow();
            trial.sweep(extra);
            if !trial.needs().is_empty() {
                // The answer must not depend on what is known already: fetch it, and judge again.
                self.need(&trial);
            } else if trial.settle().is_ok() {
                trial.sweep(extra);
                if trial.count() < self.count() {
                    *self = trial;
                    any = true;
                }
            }
        }
        any
    }

    fn shared(&self, extra: &[NodeId]) -> Vec<Shared> {
        let mut found: BTreeMap<NameId, Asked> = BTreeMap::new();
        for &node in extra {
            let pack = self.pack(node);
            if self
                .chosen
                .get(pack.name_id)
                .is_some_and(|versions| versions.len() > 1)
            {
                found
                    .entry(pack.name_id)
                    .or_default()
                    .1
                    .push(self.nodes[node].package);
            }
        }
        for scope in self.scopes() {
            for (position, edge) in self.edges(scope).iter().enumerate() {
                let (Want::Registry { name, range, .. }, Target::Node(node)) = (&edge.want, &edge.to) else {
                    continue;
                };
                if self.chosen.get(*name).is_none_or(|versions| versions.len() < 2) {
                    continue;
                }
                let (units, fixed) = found.entry(*name).or_default();
                match (range, scope) {
                    (Some(range), Scope::Node(_)) if !edge.pinned => {
                        let unit = units.entry(Rc::clone(&edge.text)).or_insert_with(|| Unit {
                            text: Rc::clone(&edge.text),
                            range: Rc::clone(range),
                            edges: Vec::new(),
                            sound: false,
                        });
                        unit.edges.push((scope, position));
                        unit.sound |= self.pack(*node).sound;
                    }
                    _ => fixed.push(self.nodes[*node].package),
                }
            }
        }
        let mut shared: Vec<Shared> = found
            .into_iter()
            .map(|(name, (units, fixed))| Shared {
                name,
                units: units.into_values().collect(),
                fixed,
                versions: self.chosen[name].len(),
            })
            .collect();
        shared.sort_by_key(|shared| Rc::clone(self.names.text(shared.name)));
        shared
    }

    fn move_to_fewer(&mut self, shared: &Shared) -> bool {
        let candidates = self.chosen[shared.name].clone();
        self.assign(shared, &candidates)
    }

    /// Moves needs to as few of `candidates` as the ranges allow, if these are fewer than there are.
    fn assign(&mut self, shared: &Shared, candidates: &[PackageId]) -> bool {
        let Some(kept) = self.cover(shared, candidates) else {
            return false;
        };
        if kept.len() >= shared.versions {
            return false;
        }
        let mut moved = false;
        for unit in &shared.units {
            let best = kept.iter().copied().filter(|&package| self.allows(unit, package));
            let Some(best) = best.max_by(|a, b| self.version(*a).cmp(&self.version(*b))) else {
                continue;
            };
            for &(scope, position) in &unit.edges {
                let Target::Node(node) = self.edges(scope)[position].to else {
                    continue;
                };
                if kept.contains(&self.nodes[node].package) {
                    continue;
                }
                let node = self.ensure(best, scope);
                self.edges_mut(scope)[position].to = Target::Node(node);
                moved = true;
            }
        }
        moved
    }

    fn version(&self, package: PackageId) -> Option<&Version> {
        self.packages[package].version.as_ref()
    }

    fn allows(&self, unit: &Unit, package: PackageId) -> bool {
        let pack = &self.packages[package];
        (pack.sound || !unit.sound)
            && pack
                .version
                .as_ref()
                .is_some_and(|version| unit.range.satisfies(version))
    }

    /// The fixed versions, and as few others as meet what these do not: always the one that meets most, the highest of equals.
    fn cover(&self, shared: &Shared, candidates: &[PackageId]) -> Option<Vec<PackageId>> {
        let mut kept = shared.fixed.clone();
        kept.sort_unstable();
        kept.dedup();
        let mut open: Vec<&Unit> = shared.units.iter().collect();
        open.retain(|unit| !kept.iter().any(|&package| self.allows(unit, package)));
        while !open.is_empty() {
            let meets = |package: PackageId| open.iter().filter(|unit| self.allows(unit, package)).count();
            let best = candidates.iter().copied().max_by(|a, b| {
                meets(*a)
                    .cmp(&meets(*b))
                    .then_with(|| self.version(*a).cmp(&self.version(*b)))
            })?;
            if meets(best) == 0 {
                // A prerelease taken through a tag or `*`: such needs stay as they are.
                return None;
            }
            kept.push(best);
            open.retain(|unit| !self.allows(unit, best));
        }
        Some(kept)
    }
}
