//! Whether a set of packages is right, by a way of its own.
//!
//! Nothing of the solver is used here: who answers to a name is read from the records of the set itself, and every relation of
//! every record is looked at. Invariant: a set without violations is one that dpkg could configure whole.
//! Source: Debian Policy, chapter 7; the specification of Multi-Arch.

use std::collections::BTreeMap;
use std::fmt;

use crate::index::{Alternative, Kind, MultiArch, Record};
use crate::solve::Solution;
use crate::universe::{Place, Universe};
use crate::version::compare;

#[cfg(test)]
mod tests;

/// Something that is wrong with a set of packages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Violation {
    /// A Depends or Pre-Depends that nothing in the set fulfils.
    Unfulfilled {
        /// Whose.
        package: String,
        /// The field.
        field: &'static str,
        /// The group as it is written.
        relation: String,
    },
    /// A Conflicts or Breaks that something in the set is meant by.
    Opposed {
        /// Whose.
        package: String,
        /// The field.
        field: &'static str,
        /// The relation as it is written.
        relation: String,
        /// What is meant by it.
        other: String,
    },
    /// A package is there twice for one architecture.
    Twice {
        /// Once.
        package: String,
        /// And again.
        other: String,
    },
    /// A package is there for two architectures, and does not allow that, or not in different versions.
    Apart {
        /// For one.
        package: String,
        /// For the other.
        other: String,
    },
    /// A package is for an architecture that is not among those of the universe.
    Foreign {
        /// The package.
        package: String,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfulfilled {
                package,
                field,
                relation,
            } => write!(f, "{package}: nothing fulfils {field}: {relation}"),
            Self::Opposed {
                package,
                field,
                relation,
                other,
            } => write!(f, "{package}: {other} is meant by {field}: {relation}"),
            Self::Twice { package, other } => write!(f, "{package} and {other} are one package"),
            Self::Apart { package, other } => write!(f, "{package} and {other} may not stand together"),
            Self::Foreign { package } => write!(f, "{package} is for an architecture that does not count"),
        }
    }
}

/// Everything that is wrong with a solution, in order and each once.
pub fn check(universe: &Universe, solution: &Solution) -> Vec<Violation> {
    let places: Vec<Place> = solution.packages.iter().map(|chosen| chosen.place).collect();
    check_set(universe, &places)
}

/// Everything that is wrong with a set of records.
pub fn check_set(universe: &Universe, places: &[Place]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let set = Set::new(universe, places, &mut violations);
    for member in &set.members {
        set.check_needs(member, &mut violations);
        set.check_opposition(member, &mut violations);
    }
    set.check_alone(&mut violations);
    violations.sort();
    violations.dedup();
    violations
}

/// One package of the set.
struct Member<'u> {
    record: Record<'u>,
    architecture: &'u str,
}

impl Member<'_> {
    fn title(&self) -> String {
        format!(
            "{}:{} {}",
            self.record.name(),
            self.architecture,
            self.record.version()
        )
    }
}

/// The set, by the names that its members answer to: each with the member's position, and the version if there is one.
struct Set<'u> {
    members: Vec<Member<'u>>,
    names: BTreeMap<&'u str, Vec<(usize, Option<&'u str>)>>,
    native: &'u str,
}

impl<'u> Set<'u> {
    fn new(universe: &'u Universe, places: &[Place], violations: &mut Vec<Violation>) -> Self {
        let mut set = Self {
            members: Vec::with_capacity(places.len()),
            names: BTreeMap::new(),
            native: universe.native().as_str(),
        };
        for &place in places {
            let record = universe.record(place);
            let architecture = match record.architecture() {
                "all" => set.native,
                word => word,
            };
            let member = Member { record, architecture };
            if !universe
                .architectures()
                .iter()
                .any(|known| known.as_str() == architecture)
            {
                violations.push(Violation::Foreign {
                    package: member.title(),
                });
            }
            let position = set.members.len();
            set.names
                .entry(record.name())
                .or_default()
                .push((position, Some(record.version())));
            for group in record.relations(Kind::Provides) {
                for provided in group {
                    let version = provided.constraint().map(|(_, version)| version);
                    set.names
                        .entry(provided.name())
                        .or_default()
                        .push((position, version));
                }
            }
            set.members.push(member);
        }
        set
    }

    /// The members that answer to a name, in a version that the relation is about.
    fn answering(&self, alternative: &Alternative<'_>) -> impl Iterator<Item = (usize, &Member<'u>)> {
        let constraint = alternative.constraint();
        let answering = self
            .names
            .get(alternative.name())
            .map(Vec::as_slice)
            .unwrap_or_default();
        answering
            .iter()
            .filter(move |(_, version)| match (constraint, version) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some((operator, bound)), Some(version)) => operator.accepts(compare(version, bound)),
            })
            .map(|&(position, _)| (position, &self.members[position]))
    }

    fn check_needs(&self, member: &Member<'_>, violations: &mut Vec<Violation>) {
        for kind in [Kind::PreDepends, Kind::Depends] {
            for group in member.record.relations(kind) {
                let is_fulfilled = group.clone().any(|alternative| {
                    self.answering(&alternative)
                        .any(|(_, other)| self.serves(other, member, &alternative))
                });
                if !is_fulfilled {
                    violations.push(Violation::Unfulfilled {
                        package: member.title(),
                        field: kind.field(),
                        relation: group.to_string(),
                    });
                }
            }
        }
    }

    /// Whether a member's architecture and its Multi-Arch let it fulfil what another one asks for.
    fn serves(&self, other: &Member<'_>, member: &Member<'_>, alternative: &Alternative<'_>) -> bool {
        let multi_arch = other.record.multi_arch();
        match alternative.qualifier() {
            None => multi_arch == MultiArch::Foreign || other.architecture == member.architecture,
            Some("any") => multi_arch == MultiArch::Allowed,
            Some("native") => other.architecture == self.native,
            Some(named) => other.architecture == named,
        }
    }

    fn check_opposition(&self, member: &Member<'_>, violations: &mut Vec<Violation>) {
        for kind in [Kind::Conflicts, Kind::Breaks] {
            for alternative in member.record.relations(kind).flatten() {
                for (_, other) in self.answering(&alternative) {
                    let is_meant = match alternative.qualifier() {
                        None | Some("any") => true,
                        Some("native") => other.architecture == self.native,
                        Some(named) => other.architecture == named,
                    };
                    // Nothing opposes itself, nor its own instance for another architecture.
                    if is_meant && other.record.name() != member.record.name() {
                        violations.push(Violation::Opposed {
                            package: member.title(),
                            field: kind.field(),
                            relation: alternative.to_string(),
                            other: other.title(),
                        });
                    }
                }
            }
        }
    }

    fn check_alone(&self, violations: &mut Vec<Violation>) {
        for (name, answering) in &self.names {
            let real: Vec<&Member<'_>> = answering
                .iter()
                .map(|&(position, _)| &self.members[position])
                .filter(|member| member.record.name() == *name)
                .collect();
            for (position, member) in real.iter().enumerate() {
                for other in &real[position + 1..] {
                    if std::ptr::eq(*member, *other) {
                        continue;
                    }
                    let titles = (member.title(), other.title());
                    if member.architecture == other.architecture {
                        violations.push(Violation::Twice {
                            package: titles.0,
                            other: titles.1,
                        });
                    } else if !stand_together(&member.record, &other.record) {
                        violations.push(Violation::Apart {
                            package: titles.0,
                            other: titles.1,
                        });
                    }
                }
            }
        }
    }
}

fn stand_together(one: &Record<'_>, other: &Record<'_>) -> bool {
    let same = MultiArch::Same;
    one.multi_arch() == same && other.multi_arch() == same && compare(one.version(), other.version()).is_eq()
}
