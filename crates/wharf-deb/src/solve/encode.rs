//! What a record says, as groups and exclusions of items. Invariant: alternatives are in the order in which apt would try them,
//! and hold only what may be chosen.

use wharf_solve::agenda::{Brings, Item, Strength, Tag, World};

use super::Recommends;
use super::siblings::{Siblings, was_left_out};
use crate::index::{Group, Kind, MultiArch};
use crate::universe::shelf::{PackageId, Shelf, Wanted};
use crate::version::compare;

/// What a tag of an item's rule means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A relation: the field, and which of its groups.
    Relation(Kind, u32),
    /// Two versions of one package for one architecture.
    OneVersion,
    /// One package for two architectures, which it does not allow, or not in different versions.
    OneArchitecture,
    /// An installed package of the same source gets the same version.
    OneSource,
}

const GROUP_BITS: u32 = 24;
const ONE_SOURCE: u32 = 13;
const ONE_VERSION: u32 = 14;
const ONE_ARCHITECTURE: u32 = 15;

impl Meaning {
    pub(crate) fn of(tag: Tag) -> Self {
        match tag.0 >> GROUP_BITS {
            ONE_VERSION => Self::OneVersion,
            ONE_ARCHITECTURE => Self::OneArchitecture,
            ONE_SOURCE => Self::OneSource,
            kind => Self::Relation(Kind::ALL[kind as usize], tag.0 & ((1 << GROUP_BITS) - 1)),
        }
    }

    pub(crate) fn tag(self) -> Tag {
        match self {
            Self::Relation(kind, group) => Tag((kind as u32) << GROUP_BITS | group),
            Self::OneVersion => Tag(ONE_VERSION << GROUP_BITS),
            Self::OneArchitecture => Tag(ONE_ARCHITECTURE << GROUP_BITS),
            Self::OneSource => Tag(ONE_SOURCE << GROUP_BITS),
        }
    }

    /// The relation, where it is one.
    pub(super) fn relation(self) -> Option<(Kind, u32)> {
        match self {
            Self::Relation(kind, group) => Some((kind, group)),
            Self::OneVersion | Self::OneArchitecture | Self::OneSource => None,
        }
    }
}

/// The search met more conflicts than it may.
#[derive(Debug)]
pub(super) struct Impatient;

/// Tells the search what items bring.
pub(super) struct Encoder<'s, 'u> {
    shelf: &'s mut Shelf<'u>,
    recommends: Recommends,
    patience: u64,
    siblings: Siblings<'u>,
    found: Vec<Item>,
}

impl<'s, 'u> Encoder<'s, 'u> {
    pub(super) fn new(shelf: &'s mut Shelf<'u>, recommends: Recommends, patience: u64) -> Self {
        Self {
            shelf,
            recommends,
            patience,
            siblings: Siblings::default(),
            found: Vec::new(),
        }
    }

    fn needs(&mut self, item: Item, kind: Kind, strength: Strength, brings: &mut Brings) {
        let record = self.shelf.record(item);
        for (number, group) in record.relations(kind).enumerate() {
            if kind == Kind::Recommends && was_left_out(self.shelf, item, group.clone()) {
                continue;
            }
            self.found.clear();
            alternatives(self.shelf, item, group, &mut self.found);
            // What an item needs and is itself needs nothing.
            if !self.found.contains(&item) {
                let tag = Meaning::Relation(kind, number as u32).tag();
                brings.needs(strength, self.found.iter().copied(), tag);
            }
        }
    }

    /// apt upgrades them before it looks at what the package needs.
    fn siblings(&mut self, item: Item, brings: &mut Brings) {
        self.found.clear();
        self.siblings.of(self.shelf, item, &mut self.found);
        for &other in &self.found {
            brings.needs(Strength::Wish, [other], Meaning::OneSource.tag());
        }
    }

    fn excludes(&mut self, item: Item, kind: Kind, brings: &mut Brings) {
        let shelf = &mut *self.shelf;
        let record = shelf.record(item);
        let layer = shelf.version(item).place.layer;
        let of = shelf.package_of(item).architecture;
        let own = shelf.package_of(item).name;
        for (number, group) in record.relations(kind).enumerate() {
            let tag = Meaning::Relation(kind, number as u32).tag();
            for alternative in group {
                let wanted = Wanted {
                    name: shelf.name(layer, alternative.name_id()),
                    qualifier: alternative.qualifier(),
                    constraint: alternative.constraint(),
                    of,
                };
                shelf.opposed(&wanted, |shelf, other| {
                    // A package never stands against itself, by its name or by what it provides.
                    let package = shelf.package_of(other);
                    if package.name != own && package.offered.contains(&other) {
                        brings.excludes(other, tag);
                    }
                });
            }
        }
    }

    /// One version of a package, and of several architectures only what may stand beside each other.
    fn stands_alone(&mut self, item: Item, brings: &mut Brings) {
        let name = self.shelf.package_of(item).name;
        let own = self.shelf.version(item).package;
        for package in self.shelf.packages(name).map(PackageId) {
            for at in 0..self.shelf.package(package).offered.len() {
                let other = self.shelf.package(package).offered[at];
                if other == item {
                    continue;
                }
                if package == own {
                    brings.excludes(other, Meaning::OneVersion.tag());
                } else if !self.may_stand_together(item, other) {
                    brings.excludes(other, Meaning::OneArchitecture.tag());
                }
            }
        }
    }

    fn may_stand_together(&self, item: Item, other: Item) -> bool {
        let is_same = |item| self.shelf.version(item).multi_arch == MultiArch::Same;
        is_same(item)
            && is_same(other)
            && compare(
                self.shelf.record(item).version(),
                self.shelf.record(other).version(),
            )
            .is_eq()
    }
}

impl World for Encoder<'_, '_> {
    type Stop = Impatient;

    fn open(&mut self, item: Item, brings: &mut Brings) -> Result<(), Impatient> {
        let is_installed = self.shelf.package_of(item).installed == Some(item);
        if !is_installed {
            self.siblings(item, brings);
        }
        self.needs(item, Kind::PreDepends, Strength::Must, brings);
        self.needs(item, Kind::Depends, Strength::Must, brings);
        self.excludes(item, Kind::Conflicts, brings);
        self.excludes(item, Kind::Breaks, brings);
        self.stands_alone(item, brings);
        // What is installed was recommended to its owner before: what is not there was not wanted.
        if self.recommends == Recommends::Taken && !is_installed {
            self.needs(item, Kind::Recommends, Strength::Wish, brings);
        }
        Ok(())
    }

    fn check(&mut self, conflicts: u64) -> Result<(), Impatient> {
        if conflicts > self.patience {
            Err(Impatient)
        } else {
            Ok(())
        }
    }
}

/// What may be chosen to fulfil a group of an item's record, best first: what is there already, then alternatives in the order
/// in which they are written, of each the package of that name before those that provide it.
pub(crate) fn alternatives(shelf: &mut Shelf<'_>, item: Item, group: Group<'_>, found: &mut Vec<Item>) {
    let layer = shelf.version(item).place.layer;
    let of = shelf.package_of(item).architecture;
    for alternative in group {
        let wanted = Wanted {
            name: shelf.name(layer, alternative.name_id()),
            qualifier: alternative.qualifier(),
            constraint: alternative.constraint(),
            of,
        };
        offered(shelf, &wanted, found);
    }
    favour(shelf, found);
}

/// Adds what may be chosen for one alternative.
pub(super) fn offered(shelf: &mut Shelf<'_>, wanted: &Wanted<'_>, found: &mut Vec<Item>) {
    let start = found.len();
    shelf.fulfilling(wanted, |shelf, item| {
        if !found.contains(&item) && shelf.package_of(item).offered.contains(&item) {
            found.push(item);
        }
    });
    if found.len() - start > 1 {
        found[start..].sort_by_key(|&item| {
            let package = shelf.package_of(item);
            let position = package.offered.iter().position(|&other| other == item);
            let best = shelf.version(package.offered[0]).matters;
            (
                package.name != wanted.name,
                best,
                shelf.version(item).package,
                position,
            )
        });
    }
}

/// Puts what is installed or locked before what is not.
pub(super) fn favour(shelf: &Shelf<'_>, found: &mut [Item]) {
    if found.iter().any(|&item| shelf.is_favoured(item)) {
        found.sort_by_key(|&item| !shelf.is_favoured(item));
    }
}
