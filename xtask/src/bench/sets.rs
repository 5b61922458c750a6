//! The requirement sets that are measured.

use crate::shell::Failure;

/// A named set of requirements.
#[derive(Debug, Clone)]
pub(super) struct Set {
    pub(super) name: &'static str,
    pub(super) requirements: &'static str,
}

const SETS: [Set; 3] = [
    Set {
        name: "small",
        requirements: include_str!("../../data/bench/small.in"),
    },
    Set {
        name: "medium",
        requirements: include_str!("../../data/bench/medium.in"),
    },
    Set {
        name: "large",
        requirements: include_str!("../../data/bench/large.in"),
    },
];

/// The set of this name.
pub(super) fn load(name: &str) -> Result<Set, Failure> {
    SETS.iter().find(|set| set.name == name).cloned().ok_or_else(|| {
        let names: Vec<_> = SETS.iter().map(|set| set.name).collect();
        Failure(format!("no set `{name}`: there are {}", names.join(", ")))
    })
}
