//! What an upgrade of installed packages brings beside what relations say, as apt has it: packages of one source go together, and what
//! was recommended before and not taken is not taken now.
//!
//! Source: apt's `configure-index` on `APT::Get::Upgrade-By-Source-Package`; what apt 2.6 does with Recommends of upgraded packages.

use rustc_hash::{FxHashMap, FxHashSet};
use wharf_solve::agenda::Item;

use crate::index::{Group, Kind};
use crate::universe::shelf::{PackageId, Shelf, Wanted};

/// Installed packages that have a newer candidate, by the source and its version that the candidate is built from.
#[derive(Debug, Default)]
pub(super) struct Siblings<'u> {
    by_source: Option<FxHashMap<(&'u str, &'u str), Vec<PackageId>>>,
}

impl<'u> Siblings<'u> {
    /// The candidates of installed packages that are built from the same source, in the same version, as one that is taken.
    pub(super) fn of(&mut self, shelf: &mut Shelf<'u>, item: Item, found: &mut Vec<Item>) {
        if shelf.universe.installed.is_none() {
            return;
        }
        let by_source = self.by_source.get_or_insert_with(|| upgradable(shelf));
        let record = shelf.record(item);
        let own = shelf.version(item).package;
        let same = by_source.get(&(record.source(), record.source_version()));
        for &package in same.into_iter().flatten().filter(|&&package| package != own) {
            let package = shelf.package(package);
            found.extend(package.candidate.filter(|other| package.offered.contains(other)));
        }
    }
}

fn upgradable<'u>(shelf: &mut Shelf<'u>) -> FxHashMap<(&'u str, &'u str), Vec<PackageId>> {
    let mut by_source: FxHashMap<_, Vec<PackageId>> = FxHashMap::default();
    for id in shelf.installed_packages() {
        let package = shelf.package(id);
        if let Some(candidate) = package
            .candidate
            .filter(|_| package.candidate != package.installed)
        {
            let record = shelf.record(candidate);
            let key = (record.source(), record.source_version());
            by_source.entry(key).or_default().push(id);
        }
    }
    by_source
}

/// Installed packages that were kept although another package of the source of their candidate gets that version. Those for which that was tried
/// are not among them.
pub(super) fn kept(shelf: &mut Shelf<'_>, taken: impl Iterator<Item = Item>) -> Vec<PackageId> {
    let taken: FxHashSet<Item> = taken.collect();
    let (mut siblings, mut found, mut late) = (Siblings::default(), Vec::new(), Vec::new());
    for &item in &taken {
        if shelf.package_of(item).installed != Some(item) {
            siblings.of(shelf, item, &mut found);
        }
    }
    found.retain(|item| !taken.contains(item));
    for item in found {
        let package = shelf.version(item).package;
        if shelf.package(package).offered.first() != Some(&item) && !late.contains(&package) {
            late.push(package);
        }
    }
    late.sort_unstable();
    late
}

/// Whether the version that is installed recommended the same, and nothing of the machine fulfils it.
pub(super) fn was_left_out(shelf: &mut Shelf<'_>, item: Item, mut group: Group<'_>) -> bool {
    let package = shelf.package_of(item);
    let (Some(installed), of) = (package.installed, package.architecture) else {
        return false;
    };
    let Some(first) = group.next() else { return false };
    let target = shelf.name(shelf.version(item).place.layer, first.name_id());
    let place = shelf.installed_place(installed);
    let before = shelf.universe.record(place);
    let mut known = false;
    for old in before.relations(Kind::Recommends) {
        let names: Vec<_> = old
            .clone()
            .map(|one| shelf.name(place.layer, one.name_id()))
            .collect();
        if !names.contains(&target) {
            continue;
        }
        known = true;
        let mut is_there = false;
        for (alternative, name) in old.zip(names) {
            let wanted = Wanted {
                name,
                qualifier: alternative.qualifier(),
                constraint: alternative.constraint(),
                of,
            };
            shelf.fulfilling(&wanted, |shelf, other| {
                is_there |= shelf.package_of(other).installed == Some(other);
            });
        }
        if is_there {
            return false;
        }
    }
    known
}
