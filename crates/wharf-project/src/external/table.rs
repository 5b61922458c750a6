//! Package → what it needs of the system → Debian packages. Invariant: a lookup reads nothing and asks nobody.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use pep440_rs::VersionSpecifiers;
use wharf_core::{Ecosystem, Origin, PackageName};
use wharf_deb::relation::{Alternative, Relation};
use wharf_deb::version::{Operator, Version};
use wharf_ecosystem::npm;
use wharf_ecosystem::pypi::{parse_specifiers, parse_version};

use super::{ExternalDependency, ExternalNeed, ExternalRole};
use crate::requirement::Group;
use crate::text::SourceText;

/// What is known about packages and names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    pub(super) packages: BTreeMap<PackageName, Vec<Entry>>,
    pub(super) names: BTreeMap<String, Answer>,
}

/// What some versions of a package need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) versions: Versions,
    pub(super) needs: Vec<ExternalNeed>,
}

/// The versions that an entry is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Versions {
    All,
    Pypi(VersionSpecifiers),
    Npm(npm::Range),
}

/// The Debian packages that answer a name, by what it is needed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) roles: BTreeMap<ExternalRole, Vec<Relation>>,
    pub(super) origin: Origin,
}

/// A Debian package that something needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeededDeb {
    /// What is to be there: `libpq-dev (>= 15)`, `libssl3t64 | libssl3`.
    pub relation: Relation,
    /// What is needed, as the table states it.
    pub dependency: ExternalDependency,
    /// What for, as the table states it.
    pub role: ExternalRole,
    /// Always, with an extra, or with a group.
    pub group: Group,
    /// Who says that it is needed.
    pub origin: Origin,
    /// Who says that this package answers it.
    pub answered_by: Origin,
}

/// A need that no table answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// What is needed.
    pub dependency: ExternalDependency,
    /// Who says so.
    pub origin: Origin,
}

/// What something needs of the system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// To be built from source: programs that run then, headers and libraries.
    pub build: Vec<NeededDeb>,
    /// To be used.
    pub run: Vec<NeededDeb>,
    /// What no table knows an answer for.
    pub unanswered: Vec<Unanswered>,
}

impl Needs {
    /// Whether nothing at all is needed.
    pub fn is_empty(&self) -> bool {
        self.build.is_empty() && self.run.is_empty() && self.unanswered.is_empty()
    }
}

impl Versions {
    pub(super) fn parse(ecosystem: Ecosystem, text: &str) -> Result<Self, String> {
        match ecosystem {
            Ecosystem::Pypi => {
                let specifiers = parse_specifiers(text).map_err(|error| error.to_string())?;
                Ok(Versions::Pypi(specifiers))
            }
            Ecosystem::Npm => {
                let range = npm::Range::parse(text).map_err(|error| error.to_string())?;
                Ok(Versions::Npm(range))
            }
            Ecosystem::Cargo | Ecosystem::Deb | Ecosystem::Apk | Ecosystem::Rpm | Ecosystem::Alpm => {
                Err(format!("{ecosystem} packages have no `version` here"))
            }
        }
    }

    /// As it stands behind a package's name: nothing, `<3.4`, `@^2`.
    fn words(&self) -> String {
        match self {
            Versions::All => String::new(),
            Versions::Pypi(specifiers) => specifiers.to_string(),
            Versions::Npm(range) => format!("@{range}"),
        }
    }

    /// Whether a version is meant; one that is not known or not readable is.
    fn hold(&self, version: Option<&str>) -> bool {
        let Some(version) = version else { return true };
        match self {
            Versions::All => true,
            Versions::Pypi(specifiers) => {
                parse_version(version).map_or(true, |version| specifiers.contains(&version))
            }
            Versions::Npm(range) => npm::Version::parse_loose(version)
                .map_or(true, |version| range.satisfies_including_prerelease(&version)),
        }
    }
}

impl Table {
    /// The table that comes with Wharf: `data/external.toml`.
    ///
    /// # Panics
    /// Never: a test reads the file.
    pub fn shipped() -> &'static Self {
        static TABLE: OnceLock<Table> = OnceLock::new();
        TABLE.get_or_init(|| {
            let source = SourceText::new(
                Path::new("external.toml"),
                include_str!("../../data/external.toml"),
            );
            let table = super::read::table(&source).expect("the built-in table is valid");
            table.said_by(&Origin::label("the shipped table"))
        })
    }

    /// The same with one origin for everything: lines of a file that nobody has mean nothing to people.
    fn said_by(mut self, origin: &Origin) -> Self {
        for need in self
            .packages
            .values_mut()
            .flatten()
            .flat_map(|entry| &mut entry.needs)
        {
            need.origin = origin.clone();
        }
        for answer in self.names.values_mut() {
            answer.origin = origin.clone();
        }
        self
    }

    /// What a package needs, where the table has it.
    pub fn package(&self, package: &PackageName, version: Option<&str>) -> Option<Vec<&ExternalNeed>> {
        let entries = self.packages.get(package)?;
        let fitting = entries.iter().filter(|entry| entry.versions.hold(version));
        Some(fitting.flat_map(|entry| &entry.needs).collect())
    }

    /// The packages that it has, and how many needs each.
    pub fn packages(&self) -> impl Iterator<Item = (&PackageName, usize)> {
        self.packages
            .iter()
            .map(|(name, entries)| (name, entries.iter().map(|entry| entry.needs.len()).sum()))
    }

    /// The names that it answers, without `dep:`, and the Debian packages that each role gets.
    pub fn names(&self) -> impl Iterator<Item = (&str, ExternalRole, &[Relation])> {
        self.names.iter().flat_map(|(name, answer)| {
            let roles = answer.roles.iter();
            roles.map(move |(role, relations)| (name.as_str(), *role, relations.as_slice()))
        })
    }

    /// Everything that it says, one statement a text.
    pub(crate) fn words(&self) -> Vec<String> {
        let packages = self.packages.iter().flat_map(|(package, entries)| {
            let whose = format!("{}:{package}", package.ecosystem());
            let needs = entries.iter().flat_map(|entry| {
                let versions = entry.versions.words();
                entry.needs.iter().map(move |need| (versions.clone(), need))
            });
            needs.map(move |(versions, need)| need.words(&format!("{whose}{versions}")))
        });
        let names = self.names().map(|(name, role, relations)| {
            let relations: Vec<String> = relations.iter().map(ToString::to_string).collect();
            format!("dep:{name} {role} {}", relations.join(", "))
        });
        packages.chain(names).collect()
    }

    fn answer(&self, dependency: &ExternalDependency) -> Option<&Answer> {
        self.names.get(&dependency.id)
    }
}

/// The Debian packages that answer needs; of several tables the first that knows a name counts.
pub(super) fn answer<'n>(tables: &[&Table], needs: impl IntoIterator<Item = &'n ExternalNeed>) -> Needs {
    let mut answered = Needs::default();
    for need in needs {
        let own = direct(need);
        let found = own.or_else(|| {
            let answer = tables.iter().find_map(|table| table.answer(&need.dependency))?;
            Some((answer.roles.clone(), answer.origin.clone()))
        });
        let Some((roles, origin)) = found else {
            answered.unanswered.push(Unanswered {
                dependency: need.dependency.clone(),
                origin: need.origin.clone(),
            });
            continue;
        };
        let relations = |role: ExternalRole| roles.get(&role).map_or(&[][..], Vec::as_slice);
        let needed = |relation: &Relation| NeededDeb {
            relation: bounded(relation, need.dependency.version.as_deref()),
            dependency: need.dependency.clone(),
            role: need.role,
            group: need.group.clone(),
            origin: need.origin.clone(),
            answered_by: origin.clone(),
        };
        if need.role != ExternalRole::Run {
            // A name that is no library is needed to build all the same, and the other way round.
            let other = match need.role {
                ExternalRole::Build => ExternalRole::Host,
                ExternalRole::Host | ExternalRole::Run => ExternalRole::Build,
            };
            let asked = if roles.contains_key(&need.role) {
                need.role
            } else {
                other
            };
            push(&mut answered.build, relations(asked).iter().map(needed));
        }
        if need.role != ExternalRole::Build {
            let plain = |relation: &Relation| NeededDeb {
                relation: relation.clone(),
                ..needed(relation)
            };
            push(&mut answered.run, relations(ExternalRole::Run).iter().map(plain));
        }
    }
    answered
}

/// Two needs of one package are one.
fn push(list: &mut Vec<NeededDeb>, needed: impl Iterator<Item = NeededDeb>) {
    for needed in needed {
        if !list
            .iter()
            .any(|known| known.relation == needed.relation && known.group == needed.group)
        {
            list.push(needed);
        }
    }
}

/// `pkg:deb/debian/libpq-dev` answers itself, for what it is needed for.
fn direct(need: &ExternalNeed) -> Option<(BTreeMap<ExternalRole, Vec<Relation>>, Origin)> {
    let name = PackageName::new(Ecosystem::Deb, need.dependency.deb()?).ok()?;
    let relation = Relation {
        alternatives: vec![Alternative {
            name,
            qualifier: None,
            version: None,
            architectures: Vec::new(),
            profiles: Vec::new(),
        }],
    };
    Some((BTreeMap::from([(need.role, vec![relation])]), need.origin.clone()))
}

/// The relation with the lower bound that a name asks for. Upper bounds are left out: a suite has one version, and an epoch would make
/// every one of them too new.
fn bounded(relation: &Relation, version: Option<&str>) -> Relation {
    let lowest = version
        .into_iter()
        .flat_map(|text| text.split([',', '|']))
        .find_map(lower_bound);
    let mut relation = relation.clone();
    if let Some(lowest) = lowest {
        for alternative in relation
            .alternatives
            .iter_mut()
            .filter(|alternative| alternative.version.is_none())
        {
            alternative.version = Some(lowest.clone());
        }
    }
    relation
}

fn lower_bound(text: &str) -> Option<(Operator, Version)> {
    let text = text.trim();
    let signs = [
        (">=", Operator::GreaterEqual),
        ("==", Operator::GreaterEqual),
        ("~=", Operator::GreaterEqual),
        (">", Operator::Greater),
        ("=", Operator::GreaterEqual),
    ];
    let stripped = signs
        .iter()
        .find_map(|(sign, operator)| Some((*operator, text.strip_prefix(sign)?)));
    let (operator, rest) = stripped.unwrap_or((Operator::GreaterEqual, text));
    let version = Version::parse(rest.trim().trim_end_matches(".*")).ok()?;
    Some((operator, version))
}
