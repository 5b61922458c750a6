//! What packages of other ecosystems, and the project itself, need of the system: PEP 725's `[external]` tables and a table that
//! says which Debian packages answer them.
//!
//! | module | job |
//! |---|---|
//! | [`dependency`] | [`ExternalDependency`]: `dep:generic/libpq`, `pkg:deb/debian/libpq-dev` |
//! | [`table`] | [`Table`]: package → what it needs → Debian packages |
//!
//! Sources: PEP 725 (the tables), PEP 804 (how names are mapped). Invariants: a lookup is pure; of two tables that know a name
//! the one nearer to the user counts; every answer says which table it is from.

pub mod dependency;
pub mod table;

use std::fmt;

use serde::Serialize;
use wharf_core::Origin;

use crate::requirement::Group;

pub use dependency::ExternalDependency;
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
    /// What the project says of other packages and of names, before the user's table and the shipped one.
    pub table: Table,
}

impl ExternalProject {
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
