//! What people ask for, as demands on items. Invariant: after this nothing changes any more in what may be chosen of a package.

use std::collections::VecDeque;

use wharf_solve::agenda::{Demand, Item, Strength, Tag};

use super::encode::{alternatives, favour, offered};
use super::{Essential, Problem, Recommends, Why};
use crate::index::Kind;
use crate::relation::{self, InvalidRelation, Relation, Relations};
use crate::universe::shelf::{Hold, Name, PackageId, Preference, Shelf, Wanted};
use crate::version::{Operator, compare};

/// One thing that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What.
    pub what: What,
    /// As it was written.
    pub text: String,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// One of the alternatives of a relation; of the packages of a release where one is named.
    Install {
        /// The relation. Conditions on architectures and profiles are not looked at: see [`Relations::reduced`].
        relation: Relation,
        /// The release by suite or codename.
        release: Option<String>,
    },
    /// No version of the package that the relation is about: what is to be removed, or a Build-Conflicts.
    Remove {
        /// The package; for the native architecture where none is named.
        relation: relation::Alternative,
    },
    /// The candidate rather than the version that is installed or locked.
    Upgrade {
        /// The package.
        relation: relation::Alternative,
    },
    /// The same of everything that is installed.
    UpgradeAll,
}

/// A text that asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` asks for nothing that there can be: {source}")]
pub struct InvalidAsked {
    /// The text.
    pub text: String,
    /// Why.
    #[source]
    pub source: InvalidRelation,
}

impl Asked {
    /// Reads what apt's command line and relation fields say: `nginx`, `nginx:i386`, `nginx (>= 1.22)`, `a | b`, `nginx=1.22-3`,
    /// `nginx/bookworm-backports`, `nginx-` for its removal.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn parse(text: &str) -> Result<Self, InvalidAsked> {
        let text = text.trim();
        let asked = |what| Self {
            what,
            text: text.to_owned(),
        };
        let invalid = |source| InvalidAsked {
            text: text.to_owned(),
            source,
        };
        if let Some(name) = text.strip_suffix('-') {
            let relation = relation::Alternative::parse(name).map_err(invalid)?;
            return Ok(asked(What::Remove { relation }));
        }
        let is_relation = text.contains(['(', '|']);
        if let (false, Some((name, version))) = (is_relation, text.split_once('=')) {
            return Self::install(&format!("{name} (= {version})"), None)
                .map(|exact| asked(exact.what))
                .map_err(invalid);
        }
        let (relation, release) = match text.split_once('/') {
            Some((name, release)) if !is_relation => (name, Some(release)),
            _ => (text, None),
        };
        Self::install(relation, release)
            .map(|wanted| asked(wanted.what))
            .map_err(invalid)
    }

    /// Asks for one of the alternatives of a relation.
    pub fn relation(relation: Relation) -> Self {
        Self {
            text: relation.to_string(),
            what: What::Install {
                relation,
                release: None,
            },
        }
    }

    fn install(text: &str, release: Option<&str>) -> Result<Self, InvalidRelation> {
        let mut relations = Relations::parse(text)?.0;
        let alone = relations.len() == 1;
        let relation = relations.pop().filter(|_| alone);
        let relation = match relation {
            Some(relation) => relation,
            // Says what is wrong with it.
            None => Relation {
                alternatives: vec![relation::Alternative::parse(text)?],
            },
        };
        Ok(Self {
            text: text.to_owned(),
            what: What::Install {
                relation,
                release: release.map(str::to_owned),
            },
        })
    }
}

/// All demands of a problem.
pub(crate) struct Questions {
    /// Their tags are positions in `sources`.
    pub(crate) demands: Vec<Demand>,
    sources: Vec<Why>,
}

impl Questions {
    /// Where a demand is from.
    pub(crate) fn why(&self, tag: Tag) -> Why {
        self.sources[tag.0 as usize]
    }

    fn tag(&mut self, why: Why) -> Tag {
        self.sources.push(why);
        Tag(self.sources.len() as u32 - 1)
    }

    fn one_of(&mut self, strength: Strength, alternatives: Vec<Item>, why: Why) {
        let tag = self.tag(why);
        self.demands.push(Demand::OneOf {
            strength,
            alternatives,
            tag,
        });
    }
}

/// Turns a problem into demands.
pub(super) fn questions<'u>(shelf: &mut Shelf<'u>, problem: &'u Problem) -> Questions {
    for locked in &problem.locked {
        let architecture = &locked.package.architecture;
        if let Some(position) = shelf.architecture_position(architecture.as_str()) {
            shelf.lock(&locked.package.name, position, &locked.version);
        }
    }
    prefer_upgrades(shelf, problem);
    choose_by_hand(shelf, problem);
    follow_holds(shelf, problem);
    again(shelf, problem)
}

/// The same demands, where what is preferred has changed since.
pub(super) fn again(shelf: &mut Shelf<'_>, problem: &Problem) -> Questions {
    let mut questions = Questions {
        demands: Vec::new(),
        sources: Vec::new(),
    };
    if problem.essential == Essential::Included {
        for item in shelf.essentials() {
            questions.one_of(Strength::Must, vec![item], Why::Essential);
        }
    }
    for (position, asked) in problem.asked.iter().enumerate() {
        let why = Why::Asked(position);
        match &asked.what {
            What::Install { relation, release } => {
                let mut found = asked_items(shelf, relation);
                if let Some(release) = release {
                    found.retain(|&item| shelf.is_in(item, release));
                }
                questions.one_of(Strength::Must, found, why);
            }
            What::Remove { relation } => {
                let tag = questions.tag(why);
                let offered = named(shelf, relation).map(|package| shelf.package(package).offered.clone());
                for item in offered.into_iter().flatten() {
                    let version = shelf.record(item).version();
                    let is_meant = relation
                        .version
                        .as_ref()
                        .is_none_or(|(operator, bound)| operator.accepts(compare(version, bound.as_str())));
                    if is_meant {
                        questions.demands.push(Demand::Not { item, tag });
                    }
                }
            }
            What::Upgrade { .. } | What::UpgradeAll => {}
        }
    }
    for package in shelf.installed_packages() {
        let offered = shelf.package(package).offered.clone();
        questions.one_of(Strength::Wish, offered, Why::Installed);
    }
    questions
}

/// The package that a name with an architecture means.
fn named(shelf: &mut Shelf<'_>, relation: &relation::Alternative) -> Option<PackageId> {
    let name = shelf.find(relation.name.as_str())?;
    let of = match &relation.qualifier {
        Some(relation::Qualifier::Architecture(word)) => shelf.architecture_position(word.as_str())?,
        Some(relation::Qualifier::Any | relation::Qualifier::Native) | None => 0,
    };
    shelf.package_for(name, of)
}

fn prefer_upgrades(shelf: &mut Shelf<'_>, problem: &Problem) {
    for asked in &problem.asked {
        match &asked.what {
            What::Upgrade { relation } => {
                if let Some(package) = named(shelf, relation) {
                    shelf.prefer(package, Preference::Upgrade);
                }
            }
            What::UpgradeAll => {
                for package in shelf.installed_packages() {
                    shelf.prefer(package, Preference::Upgrade);
                }
            }
            // Who asks for an installed package by name wants its candidate, as with apt.
            What::Install { relation, .. } => {
                if let [alone] = &relation.alternatives[..]
                    && let Some(package) = named(shelf, alone)
                    && shelf.package(package).installed.is_some()
                {
                    shelf.prefer(package, Preference::Upgrade);
                }
            }
            What::Remove { .. } => {}
        }
    }
}

/// What may be chosen for a relation that is asked for.
pub(super) fn asked_items(shelf: &mut Shelf<'_>, relation: &Relation) -> Vec<Item> {
    let mut found = Vec::new();
    for alternative in &relation.alternatives {
        for wanted in wanted(shelf, alternative) {
            offered(shelf, &wanted, &mut found);
        }
    }
    favour(shelf, &mut found);
    found
}

/// One alternative as lookups: where no architecture is named and the machine's own has no such package, any other will do.
pub(crate) fn wanted<'a>(shelf: &mut Shelf<'_>, alternative: &'a relation::Alternative) -> Vec<Wanted<'a>> {
    let Some(name) = shelf.find(alternative.name.as_str()) else {
        return Vec::new();
    };
    let wanted = |of| Wanted {
        name,
        qualifier: alternative.qualifier.as_ref().map(relation::Qualifier::as_str),
        constraint: alternative
            .version
            .as_ref()
            .map(|(operator, version)| (*operator, version.as_str())),
        of,
    };
    let elsewhere = alternative.qualifier.is_none()
        && shelf.package_for(name, 0).is_none()
        && !shelf.packages(name).is_empty();
    if elsewhere {
        (0..shelf.universe.architectures().len() as u8)
            .map(wanted)
            .collect()
    } else {
        vec![wanted(0)]
    }
}

/// Versions that are asked for although policy would not take them, and what they need from where they are.
fn choose_by_hand(shelf: &mut Shelf<'_>, problem: &Problem) {
    let mut chosen = VecDeque::new();
    let mut named = Vec::new();
    for asked in &problem.asked {
        let What::Install { relation, release } = &asked.what else {
            continue;
        };
        let usual = asked_items(shelf, relation);
        if release.is_none() && !usual.is_empty() {
            if relation
                .alternatives
                .iter()
                .any(|alternative| alternative.version.is_some())
            {
                named.extend(usual.iter().map(|&item| shelf.version(item).package));
            }
            continue;
        }
        if let Some(item) = best_by_hand(shelf, relation, release.as_deref()) {
            let package = shelf.version(item).package;
            // Two wishes about one package stand beside each other: that they cannot be had together is for the solve to find.
            if named.contains(&package) {
                shelf.offer_too(item);
            } else {
                shelf.prefer(package, Preference::Only(item));
            }
            named.push(package);
            chosen.push_back(item);
        }
    }
    while let Some(item) = chosen.pop_front() {
        for other in follow(shelf, item, problem.recommends) {
            let package = shelf.version(other).package;
            if shelf.hold(shelf.package(package)) != Hold::Free {
                continue;
            }
            if named.contains(&package) {
                shelf.offer_too(other);
            } else {
                shelf.prefer(package, Preference::Only(other));
                named.push(package);
                chosen.push_back(other);
            }
        }
    }
}

/// Lets what held versions need, and policy does not offer any more, be chosen too: from the same release.
fn follow_holds(shelf: &mut Shelf<'_>, problem: &Problem) {
    let mut held: VecDeque<Item> = shelf.held().into();
    while let Some(item) = held.pop_front() {
        for other in follow(shelf, item, problem.recommends) {
            let package = shelf.package_of(other);
            if shelf.hold(package) == Hold::Free && shelf.version(other).priority >= 0 {
                shelf.offer_too(other);
                held.push_back(other);
            }
        }
    }
}

/// The best version that fulfils a relation, whatever policy says of it; of a release where one is named.
fn best_by_hand(shelf: &mut Shelf<'_>, relation: &Relation, release: Option<&str>) -> Option<Item> {
    for alternative in &relation.alternatives {
        let mut best: Option<((bool, i32, bool), Item)> = None;
        for wanted in wanted(shelf, alternative) {
            let exact = matches!(wanted.constraint, Some((Operator::Equal, _)));
            shelf.fulfilling(&wanted, |shelf, item| {
                let version = shelf.version(item);
                let package = shelf.package_of(item);
                let there = release.is_none_or(|word| shelf.is_in(item, word));
                // What is pinned away is had by its exact version or release alone, what is excluded by nothing.
                let by_hand = (exact || release.is_some()) && !shelf.is_excluded(package);
                let is_free = match shelf.hold(package) {
                    Hold::Free => true,
                    Hold::At(held) => held == item,
                    Hold::Out => false,
                };
                if !there || !is_free || (version.priority < 0 && !by_hand) {
                    return;
                }
                let is_locked = package.locked == Some(item);
                let rank = (package.name == wanted.name, version.priority, is_locked);
                if best.is_none_or(|(known, _)| rank > known) {
                    best = Some((rank, item));
                }
            });
        }
        if let Some((_, item)) = best {
            return Some(item);
        }
    }
    None
}

/// What a version that was chosen by hand needs and policy does not offer, from the same release.
fn follow(shelf: &mut Shelf<'_>, item: Item, recommends: Recommends) -> Vec<Item> {
    let kinds: &[Kind] = match recommends {
        Recommends::Taken => &[Kind::PreDepends, Kind::Depends, Kind::Recommends],
        Recommends::Ignored => &[Kind::PreDepends, Kind::Depends],
    };
    let record = shelf.record(item);
    let layer = shelf.version(item).place.layer;
    let of = shelf.package_of(item).architecture;
    let mut found = Vec::new();
    let mut needed = Vec::new();
    for group in kinds.iter().flat_map(|&kind| record.relations(kind)) {
        found.clear();
        alternatives(shelf, item, group.clone(), &mut found);
        if !found.is_empty() {
            continue;
        }
        needed.extend(group.into_iter().find_map(|alternative| {
            let name = shelf.name(layer, alternative.name_id());
            let wanted = Wanted {
                name,
                qualifier: alternative.qualifier(),
                constraint: alternative.constraint(),
                of,
            };
            from_same_release(shelf, &wanted, name, item)
        }));
    }
    needed
}

fn from_same_release(shelf: &mut Shelf<'_>, wanted: &Wanted<'_>, name: Name, item: Item) -> Option<Item> {
    let mut found = None;
    let release = shelf.provenance(item);
    shelf.fulfilling(wanted, |shelf, other| {
        let there = shelf.provenance(other);
        let same = there.codename == release.codename && there.suite == release.suite;
        let package = shelf.package_of(other);
        let is_better = found.is_none() || package.locked == Some(other);
        if is_better && same && package.name == name && !shelf.is_excluded(package) {
            found = Some(other);
        }
    });
    found
}
