//! What was looked up of a universe so far: names across layers, the versions of each, who provides what.
//!
//! Invariant: a version of a package for an architecture is one [`Item`], in however many layers it is; what may be chosen of
//! a package is settled when its name is first looked at, and stays.

mod hold;
mod lookup;

use std::cmp::{Ordering, Reverse};
use std::ops::Range;

use rustc_hash::FxHashMap;
use wharf_solve::agenda::Item;

use super::{Place, Provenance, Universe};
use crate::architecture::Architecture;
use crate::index::{MultiArch, NameId, Priority, Record};
use crate::version::compare;

pub(crate) use hold::Hold;
pub(crate) use lookup::Wanted;

/// A name, the same in all layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name(pub(crate) u32);

/// A name for one architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PackageId(pub(crate) u32);

/// Nothing was looked up yet.
const UNKNOWN: u32 = u32::MAX;

#[derive(Debug, Default)]
struct NameFacts {
    packages: Option<Range<u32>>,
    providers: Option<Range<u32>>,
}

/// All versions of a name for one architecture.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: Name,
    /// Position among the universe's architectures.
    pub(crate) architecture: u8,
    /// Its items, highest version first.
    pub(crate) versions: Range<u32>,
    /// What apt would call the candidate.
    pub(crate) candidate: Option<Item>,
    /// What is installed, and where dpkg says so.
    pub(crate) installed: Option<Item>,
    installed_at: Option<Place>,
    /// What is locked.
    pub(crate) locked: Option<Item>,
    /// What may be chosen, best first.
    pub(crate) offered: Vec<Item>,
}

/// One version of a package.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) package: PackageId,
    pub(crate) place: Place,
    pub(crate) priority: i32,
    /// Whether somebody states that priority: a pin, `exclude`, or whoever names the repository.
    is_stated: bool,
    pub(crate) multi_arch: MultiArch,
    pub(crate) matters: Matters,
}

/// What makes one provider better than another, smallest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Matters {
    essential: Reverse<bool>,
    protected: Reverse<bool>,
    architecture: u8,
    priority: Priority,
    /// Names that the index mentions later go first, as with apt; so do names of later layers.
    mention: Reverse<u32>,
}

/// Someone who answers to a name.
#[derive(Debug, Clone, Copy)]
struct Provider<'u> {
    item: Item,
    version: Option<&'u str>,
}

/// What a person wants of a package beside what the universe says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preference {
    /// This version and no other.
    Only(Item),
    /// The candidate before what is installed.
    Upgrade,
}

/// The priority of what is excluded.
const NEVER: i32 = -1;

/// A universe and what was looked up of it.
pub(crate) struct Shelf<'u> {
    pub(crate) universe: &'u Universe,
    names: Vec<NameFacts>,
    /// The name's number in every layer, one row a name.
    ids: Vec<u32>,
    /// By layer and number of the name there.
    known: Vec<Vec<u32>>,
    packages: Vec<Package>,
    versions: Vec<Version>,
    /// By layer and record.
    items: Vec<Vec<u32>>,
    providers: Vec<Provider<'u>>,
    /// With whether somebody states it.
    layer_priorities: Vec<(i32, bool)>,
    has_named_pins: bool,
    locked: FxHashMap<(&'u str, u8), &'u str>,
}

impl<'u> Shelf<'u> {
    pub(crate) fn new(universe: &'u Universe) -> Self {
        let layers = &universe.layers;
        Self {
            universe,
            names: Vec::new(),
            ids: Vec::new(),
            known: layers
                .iter()
                .map(|layer| vec![UNKNOWN; layer.index.name_count()])
                .collect(),
            packages: Vec::new(),
            versions: Vec::new(),
            items: layers
                .iter()
                .map(|layer| vec![UNKNOWN; layer.index.len()])
                .collect(),
            providers: Vec::new(),
            layer_priorities: (0..layers.len())
                .map(|number| (universe.layer_priority(number), universe.is_layer_pinned(number)))
                .collect(),
            has_named_pins: !universe.pins.is_empty(),
            locked: FxHashMap::default(),
        }
    }

    /// This version is to be kept if it is still to be had. To be said before the name is looked at.
    pub(crate) fn lock(&mut self, name: &'u str, architecture: u8, version: &'u str) {
        self.locked.insert((name, architecture), version);
    }

    /// A name by its text, if any layer knows it.
    pub(crate) fn find(&mut self, text: &str) -> Option<Name> {
        let universe = self.universe;
        let (layer, id) = universe
            .layers
            .iter()
            .enumerate()
            .find_map(|(layer, known)| Some((layer, known.index.find(text)?)))?;
        Some(self.name(layer as u16, id))
    }

    /// The name that a layer calls by a number of its own.
    pub(crate) fn name(&mut self, layer: u16, id: NameId) -> Name {
        let layer = usize::from(layer);
        let known = self.known[layer].get(id.0 as usize).copied().unwrap_or(UNKNOWN);
        if known != UNKNOWN {
            return Name(known);
        }
        let name = self.names.len() as u32;
        self.names.push(NameFacts::default());
        let text = self.universe.layers[layer].index.name(id);
        for (other, known) in self.universe.layers.iter().enumerate() {
            let there = if other == layer {
                Some(id)
            } else {
                known.index.find(text)
            };
            let number = there.map_or(UNKNOWN, |there| there.0);
            self.ids.push(number);
            if let Some(slot) = self.known[other].get_mut(number as usize) {
                *slot = name;
            }
        }
        Name(name)
    }

    /// The text of a name.
    pub(crate) fn text(&self, name: Name) -> &'u str {
        self.in_layers(name)
            .next()
            .map_or("", |(layer, id)| self.universe.layers[layer].index.name(id))
    }

    fn in_layers(&self, name: Name) -> impl Iterator<Item = (usize, NameId)> + use<'_, 'u> {
        let stride = self.universe.layers.len();
        let row = name.0 as usize * stride;
        self.ids[row..row + stride]
            .iter()
            .enumerate()
            .filter(|&(_, &id)| id != UNKNOWN)
            .map(|(layer, &id)| (layer, NameId(id)))
    }

    pub(crate) fn package(&self, id: PackageId) -> &Package {
        &self.packages[id.0 as usize]
    }

    pub(crate) fn version(&self, item: Item) -> &Version {
        &self.versions[item.0 as usize]
    }

    pub(crate) fn package_of(&self, item: Item) -> &Package {
        self.package(self.version(item).package)
    }

    pub(crate) fn record(&self, item: Item) -> Record<'u> {
        self.universe.record(self.version(item).place)
    }

    pub(crate) fn provenance(&self, item: Item) -> &'u Provenance {
        self.universe.provenance(self.version(item).place)
    }

    /// Where dpkg says that a package is installed.
    pub(crate) fn installed_place(&self, item: Item) -> Place {
        self.package_of(item)
            .installed_at
            .expect("what is installed is in the layer of what is installed")
    }

    /// Every package that is installed, in the order of the layer.
    pub(crate) fn installed_packages(&mut self) -> Vec<PackageId> {
        let universe = self.universe;
        let Some(layer) = universe.installed else {
            return Vec::new();
        };
        let index = &universe.layers[usize::from(layer)].index;
        let mut packages = Vec::new();
        for record in index.records() {
            if let Some(item) = self.item_at(Place { layer, record }) {
                packages.push(self.version(item).package);
            }
        }
        packages
    }

    /// What would be chosen of every package of the machine's own architecture that calls itself essential.
    pub(crate) fn essentials(&mut self) -> Vec<Item> {
        let universe = self.universe;
        let mut found = Vec::new();
        for (layer, known) in universe.layers.iter().enumerate() {
            for record in known.index.essentials() {
                let name = self.name(layer as u16, known.index.record(record).name_id());
                let best = self
                    .package_for(name, 0)
                    .and_then(|package| self.package(package).offered.first().copied());
                if let Some(item) = best
                    && self.record(item).is_essential()
                    && !found.contains(&item)
                {
                    found.push(item);
                }
            }
        }
        found
    }

    /// The item of a record, unless it is for an architecture that does not count.
    pub(crate) fn item_at(&mut self, place: Place) -> Option<Item> {
        let record = self.universe.record(place);
        let name = self.name(place.layer, record.name_id());
        self.packages(name);
        let item = *self.items[usize::from(place.layer)].get(place.record.0 as usize)?;
        (item != UNKNOWN).then_some(Item(item))
    }

    /// The position of an architecture by its name; packages for `all` are native.
    pub(crate) fn architecture_position(&self, word: &str) -> Option<u8> {
        if word == Architecture::ALL {
            return Some(0);
        }
        let known = &self.universe.architectures;
        let position = known
            .iter()
            .position(|architecture| architecture.as_str() == word)?;
        u8::try_from(position).ok()
    }

    /// The packages of a name, one for each architecture that has any.
    pub(crate) fn packages(&mut self, name: Name) -> Range<u32> {
        if let Some(packages) = &self.names[name.0 as usize].packages {
            return packages.clone();
        }
        let start = self.packages.len() as u32;
        self.load(name);
        let packages = start..self.packages.len() as u32;
        self.names[name.0 as usize].packages = Some(packages.clone());
        packages
    }

    /// The package of a name for one architecture.
    pub(crate) fn package_for(&mut self, name: Name, architecture: u8) -> Option<PackageId> {
        self.packages(name)
            .map(PackageId)
            .find(|&package| self.package(package).architecture == architecture)
    }

    fn load(&mut self, name: Name) {
        let universe = self.universe;
        let mut found: Vec<(u8, Record<'u>, u16)> = Vec::new();
        for (layer, id) in self.in_layers(name).collect::<Vec<_>>() {
            let index = &universe.layers[layer].index;
            for record in index.versions(id).map(|record| index.record(record)) {
                if let Some(architecture) = self.architecture(&record) {
                    found.push((architecture, record, layer as u16));
                }
            }
        }
        if found.len() > 1 {
            found.sort_by(|(architecture, record, layer), (other, against, below)| {
                architecture
                    .cmp(other)
                    .then_with(|| compare(against.version(), record.version()))
                    .then(layer.cmp(below))
            });
        }
        let mut rest = &found[..];
        while let Some(&(architecture, ..)) = rest.first() {
            let count = rest.partition_point(|(other, ..)| *other == architecture);
            self.load_package(name, architecture, &rest[..count]);
            rest = &rest[count..];
        }
    }

    /// The position of the architecture that a record counts as.
    fn architecture(&self, record: &Record<'_>) -> Option<u8> {
        let wanted = self.universe.architecture_of(record)?;
        let position = self
            .universe
            .architectures
            .iter()
            .position(|known| known == wanted)?;
        u8::try_from(position).ok()
    }

    /// `records` are those of one package, highest version first.
    fn load_package(&mut self, name: Name, architecture: u8, records: &[(u8, Record<'u>, u16)]) {
        let id = PackageId(self.packages.len() as u32);
        let first = self.versions.len() as u32;
        let mention = self.mention(name);
        let mut installed = None;
        let mut installed_at = None;
        let mut rest = records;
        while let Some((_, record, layer)) = rest.first() {
            let same = rest
                .iter()
                .take_while(|(_, other, _)| compare(other.version(), record.version()) == Ordering::Equal)
                .count();
            let item = Item(self.versions.len() as u32);
            let layers: Vec<u16> = rest[..same].iter().map(|(_, _, layer)| *layer).collect();
            for (_, twin, layer) in &rest[..same] {
                if let Some(slot) = self.items[usize::from(*layer)].get_mut(twin.id().0 as usize) {
                    *slot = item.0;
                }
            }
            for (_, twin, layer) in &rest[..same] {
                if self.universe.installed == Some(*layer) {
                    installed = Some(item);
                    installed_at = Some(Place {
                        layer: *layer,
                        record: twin.id(),
                    });
                }
            }
            let (priority, is_stated) = self.priority(record, &layers);
            self.versions.push(Version {
                package: id,
                place: Place {
                    layer: *layer,
                    record: record.id(),
                },
                priority,
                is_stated,
                multi_arch: record.multi_arch(),
                matters: Matters {
                    essential: Reverse(record.is_essential()),
                    protected: Reverse(record.is_protected()),
                    architecture,
                    priority: record.priority(),
                    mention: Reverse(mention),
                },
            });
            rest = &rest[same..];
        }
        let versions = first..self.versions.len() as u32;
        let mut package = Package {
            name,
            architecture,
            candidate: self.candidate(versions.clone(), installed),
            installed,
            installed_at,
            locked: self.locked_of(name, architecture, versions.clone()),
            versions,
            offered: Vec::new(),
        };
        package.offered = self.offer(&package, None);
        self.packages.push(package);
    }

    /// Grows with the place where a name is first mentioned.
    fn mention(&self, name: Name) -> u32 {
        self.in_layers(name)
            .next()
            .map_or(0, |(layer, id)| (layer as u32) << 24 | id.0.min(0xff_ffff))
    }

    /// The priority of a version, and whether somebody states it.
    fn priority(&self, record: &Record<'_>, layers: &[u16]) -> (i32, bool) {
        if self.universe.excluded.contains(record.name()) {
            return (NEVER, true);
        }
        if self.has_named_pins
            && let Some(priority) = self.universe.named_priority(record, layers)
        {
            return (priority, true);
        }
        layers
            .iter()
            .map(|&layer| self.layer_priorities[usize::from(layer)])
            .max()
            .unwrap_or_default()
    }

    /// The version with the highest priority, and of those the highest; not below what is installed unless the priority says
    /// so, and never one that is not wanted at all.
    fn candidate(&self, versions: Range<u32>, installed: Option<Item>) -> Option<Item> {
        let mut best: Option<(i32, Item)> = None;
        for item in versions.map(Item) {
            let priority = self.version(item).priority;
            let is_downgrade = installed.is_some_and(|installed| installed < item);
            if priority <= 0 || (is_downgrade && priority < 1000) {
                continue;
            }
            if best.is_none_or(|(known, _)| priority > known) {
                best = Some((priority, item));
            }
        }
        best.map(|(_, item)| item)
    }

    fn locked_of(&self, name: Name, architecture: u8, versions: Range<u32>) -> Option<Item> {
        let wanted = self.locked.get(&(self.text(name), architecture))?;
        versions
            .map(Item)
            .find(|&item| compare(self.record(item).version(), wanted) == Ordering::Equal)
    }

    fn offer(&self, package: &Package, preference: Option<Preference>) -> Vec<Item> {
        if let Some(Preference::Only(item)) = preference {
            return vec![item];
        }
        match self.hold(package) {
            Hold::Free => {}
            Hold::At(item) => return vec![item],
            Hold::Out => return Vec::new(),
        }
        let locked = package.locked.filter(|&locked| self.stays(package, locked));
        let kept = [locked, package.installed, package.candidate];
        let upgraded = [package.candidate, locked, package.installed];
        let order = if preference == Some(Preference::Upgrade) {
            upgraded
        } else {
            kept
        };
        let mut offered = Vec::new();
        for item in order.into_iter().flatten() {
            if !offered.contains(&item) {
                offered.push(item);
            }
        }
        offered
    }

    /// Changes what may be chosen of a package: before anything is solved.
    pub(crate) fn prefer(&mut self, package: PackageId, preference: Preference) {
        let offered = self.offer(self.package(package), Some(preference));
        let package = &mut self.packages[package.0 as usize];
        package.offered = offered;
        if let Preference::Only(item) = preference {
            package.candidate = Some(item);
        }
    }

    /// Lets a version be chosen beside what may be already.
    pub(crate) fn offer_too(&mut self, item: Item) {
        let package = self.version(item).package;
        let offered = &mut self.packages[package.0 as usize].offered;
        if !offered.contains(&item) {
            offered.push(item);
        }
    }

    /// Whether it stands before other alternatives, since its package is there already.
    pub(crate) fn is_favoured(&self, item: Item) -> bool {
        let package = self.package_of(item);
        package.offered.first() == Some(&item) && (package.installed.is_some() || package.locked.is_some())
    }

    /// Whether a release that is called like this has the version.
    pub(crate) fn is_in(&self, item: Item, release: &str) -> bool {
        let record = self.record(item);
        self.in_layers(self.package_of(item).name).any(|(layer, id)| {
            let layer = &self.universe.layers[layer];
            layer.provenance.is_called(release)
                && layer.index.versions(id).any(|twin| {
                    let twin = layer.index.record(twin);
                    twin.architecture() == record.architecture()
                        && compare(twin.version(), record.version()) == Ordering::Equal
                })
        })
    }

    fn providers(&mut self, name: Name) -> Range<u32> {
        if let Some(providers) = &self.names[name.0 as usize].providers {
            return providers.clone();
        }
        let universe = self.universe;
        let mut found = Vec::new();
        for (layer, id) in self.in_layers(name).collect::<Vec<_>>() {
            let index = &universe.layers[layer].index;
            for provider in index.providers(id) {
                let own = self.name(layer as u16, index.record(provider.record).name_id());
                self.packages(own);
                let Some(&item) = self.items[layer].get(provider.record.0 as usize) else {
                    continue;
                };
                let place = Place {
                    layer: layer as u16,
                    record: provider.record,
                };
                // A version that two layers hold is one; what it provides is what the record that stands for it says.
                if item != UNKNOWN && self.version(Item(item)).place == place {
                    found.push(Provider {
                        item: Item(item),
                        version: provider.version,
                    });
                }
            }
        }
        let start = self.providers.len() as u32;
        self.providers.append(&mut found);
        let providers = start..self.providers.len() as u32;
        self.names[name.0 as usize].providers = Some(providers.clone());
        providers
    }
}
