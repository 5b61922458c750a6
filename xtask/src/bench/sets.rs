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

/// The sets of these names; all where none is named.
pub(super) fn load(names: &[String]) -> Result<Vec<Set>, Failure> {
    named("set", &SETS, names, |set| set.name)
}

/// What is named, in this order; all where nothing is. `kind` says what is named.
pub(super) fn named<S: Clone>(
    kind: &str,
    all: &[S],
    names: &[String],
    name_of: fn(&S) -> &'static str,
) -> Result<Vec<S>, Failure> {
    if names.is_empty() {
        return Ok(all.to_vec());
    }
    let known = names
        .iter()
        .map(|name| all.iter().find(|set| name_of(set) == name).cloned().ok_or(name));
    known.collect::<Result<_, _>>().map_err(|name| {
        let all: Vec<_> = all.iter().map(name_of).collect();
        Failure(format!("no {kind} `{name}`: there are {}", all.join(", ")))
    })
}
