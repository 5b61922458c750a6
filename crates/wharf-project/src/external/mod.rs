//! What packages of other ecosystems, and the project itself, need of the system: PEP 725's `[external]` tables and a table that
//! says which Debian packages answer them.
//!
//! | module | job |
//! |---|---|
//! | [`dependency`] | [`ExternalDependency`]: `dep:generic/libpq`, `pkg:deb/debian/libpq-dev` |
//! | [`read`] | `[external]` of manifests, of a `pyproject.toml`, and of tables |
//! | [`table`] | [`Table`]: package → what it needs → Debian packages |
//!
//! Sources: PEP 725 (the tables), PEP 804 (how names are mapped). Invariants: a lookup is pure; of two tables that know a name
//! the one nearer to the user counts; every answer says which table it is from.

pub mod dependency;
pub mod read;
pub mod table;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::Serialize;
use wharf_core::{Origin, PackageName};

use crate::requirement::Group;

pub use dependency::ExternalDependency;
pub use read::of_pyproject;
pub use table::{NeededDeb, Needs, Table, Unanswered};

/// What something is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExternalRole {
    /// It runs while something is built: `build-requires`.
    Build,
    /// Something is built against it: `host-requires`.
    Host,
    /// It is used at run time: `dependencies`.
    Run,
}

crate::index::words!(ExternalRole { Build = "build", Host = "host", Run = "run" });

/// One need that an `[external]` table states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExternalNeed {
    /// What is needed.
    pub dependency: ExternalDependency,
    /// What for.
    pub role: ExternalRole,
    /// Always, with an extra, or with a group.
    pub group: Group,
    /// Where it is written.
    pub origin: Origin,
}

/// What a project's files say about the system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExternalProject {
    /// What the project itself needs.
    pub needs: Vec<ExternalNeed>,
    /// What the project says of other packages and of names.
    pub table: Table,
    /// What the user's own table says; empty where the project has no Debian part.
    pub user: Table,
}

impl ExternalProject {
    /// What a package needs when it is built from source and used. The project's word counts before the package's own (`own`, from
    /// [`of_pyproject`]), that before the user's table, and that before the shipped one.
    pub fn needs_of(
        &self,
        package: &PackageName,
        version: Option<&str>,
        own: Option<&[ExternalNeed]>,
    ) -> Needs {
        let own = own.filter(|needs| !needs.is_empty()).map(|needs| {
            let always = needs.iter().filter(|need| need.group == Group::Main);
            always.collect::<Vec<_>>()
        });
        let stated = self.table.package(package, version);
        let others = [&self.user, Table::shipped()];
        let needs = stated
            .or(own)
            .or_else(|| others.iter().find_map(|table| table.package(package, version)));
        self.answer(needs.unwrap_or_default())
    }

    /// What the project itself needs, of all groups.
    pub fn own_needs(&self) -> Needs {
        self.answer(&self.needs)
    }

    /// The Debian packages that answer needs.
    pub fn answer<'n>(&self, needs: impl IntoIterator<Item = &'n ExternalNeed>) -> Needs {
        table::answer(&[&self.table, &self.user, Table::shipped()], needs)
    }

    /// Everything that it says, one statement a text.
    pub(crate) fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = self.needs.iter().map(|need| need.words("the project")).collect();
        words.extend(self.table.words());
        words
    }
}

impl ExternalNeed {
    /// `pypi:psycopg2 host dep:generic/libpq`
    pub(crate) fn words(&self, whose: &str) -> String {
        let group = match &self.group {
            Group::Main => String::new(),
            group => format!(" ({group})"),
        };
        format!("{whose} {} {}{group}", self.role, self.dependency)
    }
}

impl fmt::Display for ExternalRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
