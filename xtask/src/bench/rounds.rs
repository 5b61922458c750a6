//! What all benchmarks share: the kinds of work of projects, and the rounds in which several ways to do the same work take turns.
//!
//! Invariants: *cold* means an empty home, *warm* a full one; the operating system's page cache is warm in both. A measurement
//! during which a live registry was asked does not count. All ways start a round from the same state, and another one goes
//! first in each, after others than before.

use serde::Serialize;

use super::measure::{Sample, median};
use super::{Options, settle};
use crate::shell::Failure;

/// A kind of work.
pub(super) trait Kind: Copy + 'static {
    /// What it is called.
    fn name(self) -> &'static str;

    /// Whether it begins with an empty home.
    fn cold(self) -> bool;

    /// What is done before the first round of one that does not begin with an empty home, in this order.
    fn before(self) -> Vec<Self>;

    /// How many rounds there are for each that was asked for. Work that is over in milliseconds needs more of them for a steady
    /// median, and nothing large is removed before it.
    fn rounds(self) -> usize;
}

/// What is done with projects of Python packages and of npm packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    ResolveCold,
    ResolveWarm,
    InstallCold,
    InstallWarm,
    Nothing,
    /// Another project with most of the same packages was installed into an empty home just before, and nothing else.
    Second,
}

impl Case {
    /// The kinds that every project has.
    pub(super) const USUAL: &[Self] = &[
        Self::ResolveCold,
        Self::ResolveWarm,
        Self::InstallCold,
        Self::InstallWarm,
        Self::Nothing,
    ];

    pub(super) fn resolves(self) -> bool {
        matches!(self, Self::ResolveCold | Self::ResolveWarm)
    }
}

impl Kind for Case {
    fn name(self) -> &'static str {
        match self {
            Self::ResolveCold => "resolve cold",
            Self::ResolveWarm => "resolve warm",
            Self::InstallCold => "install cold",
            Self::InstallWarm => "install warm",
            Self::Nothing => "nothing to do",
            Self::Second => "second project",
        }
    }

    fn cold(self) -> bool {
        matches!(self, Self::ResolveCold | Self::InstallCold | Self::Second)
    }

    fn before(self) -> Vec<Self> {
        vec![Self::InstallWarm, self]
    }

    fn rounds(self) -> usize {
        if self == Self::Nothing { 5 } else { 1 }
    }
}

/// Where a way puts the files of packages: reading them through links into a store costs less than having them in the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Class {
    /// In a store outside of the project, which links to them.
    Store,
    /// In the project itself.
    Project,
}

impl Class {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Project => "project",
        }
    }
}

/// A way to do the work, as reports have it.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Way {
    pub(super) name: &'static str,
    pub(super) class: Option<Class>,
    /// Whether it is Wharf's.
    pub(super) wharf: bool,
    /// Whether it takes so long that it is measured less often.
    #[serde(skip)]
    pub(super) slow: bool,
}

/// Projects made ready, and how work on them is done.
pub(super) trait Work {
    /// A way to do the work.
    type Tool: Copy;
    /// What is done.
    type Case: Kind;

    /// The kinds of work.
    const CASES: &'static [Self::Case];
    /// Whether trees are removed that are so large that the file system needs a rest.
    const LARGE: bool;

    /// Who does a kind of work.
    fn tools(&self, case: Self::Case) -> Vec<Self::Tool>;

    /// What a report says of it.
    fn way(&self, tool: Self::Tool, case: Self::Case) -> Way;

    /// Removes what must not be there before the work.
    fn clear_for(&self, case: Self::Case, tool: Self::Tool) -> Result<(), Failure>;

    /// The work itself.
    fn once(&self, case: Self::Case, tool: Self::Tool) -> Result<Sample, Failure>;

    /// How often live registries were asked so far.
    fn asked(&self) -> Result<u64, Failure>;
}

/// The samples of one way.
#[derive(Debug, Serialize)]
pub(super) struct Measured {
    #[serde(flatten)]
    pub(super) way: Way,
    pub(super) median: Sample,
    samples: Vec<Sample>,
}

/// The ways on one kind of work.
#[derive(Debug, Serialize)]
pub(super) struct Compared {
    pub(super) case: &'static str,
    pub(super) ways: Vec<Measured>,
}

/// Measures every kind of work that was asked for, the ways taking turns.
pub(super) fn measure_all<W: Work>(work: &W, options: &Options) -> Result<Vec<Compared>, Failure> {
    let wanted = W::CASES
        .iter()
        .filter(|case| case.name().contains(&options.only) && !work.tools(**case).is_empty());
    wanted
        .map(|case| {
            println!("    {}", case.name());
            compare(work, *case, options)
        })
        .collect()
}

fn compare<W: Work>(work: &W, case: W::Case, options: &Options) -> Result<Compared, Failure> {
    let mut tools = work.tools(case);
    tools.retain(|tool| !work.way(*tool, case).slow || options.repeat_slow > 0);
    let rounds = options.repeat * case.rounds();
    if !case.cold() {
        for tool in &tools {
            for case in case.before() {
                work.clear_for(case, *tool)?;
                work.once(case, *tool)?;
            }
        }
    }
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); tools.len()];
    for round in 0..rounds {
        let rests = |tool: W::Tool| work.way(tool, case).slow && round >= options.repeat_slow;
        for tool in tools.iter().filter(|tool| !rests(**tool)) {
            work.clear_for(case, *tool)?;
        }
        settle(W::LARGE && case.rounds() == 1, options);
        for turn in 0..tools.len() {
            let number = at_turn(turn, round, tools.len());
            if !rests(tools[number]) {
                samples[number].push(recorded(work, case, tools[number], options)?);
            }
        }
    }
    let measured = tools.into_iter().zip(samples).filter_map(|(tool, samples)| {
        median(&samples).map(|median| Measured {
            way: work.way(tool, case),
            median,
            samples,
        })
    });
    Ok(Compared {
        case: case.name(),
        ways: measured.collect(),
    })
}

/// Which of so many ways has a turn in a round. In as many rounds as there are ways, twice as many where that is odd, each goes first
/// equally often, and right after each other one: what that leaves in the kernel's memory is no more one way's burden than another's
/// (E. J. Williams, Experimental designs balanced for the estimation of residual effects of treatments, 1949).
fn at_turn(turn: usize, round: usize, ways: usize) -> usize {
    let back = ways % 2 == 1 && (round / ways) % 2 == 1;
    let turn = if back { ways - 1 - turn } else { turn };
    let zigzag = match turn % 2 {
        0 => turn / 2,
        _ => ways - turn.div_ceil(2),
    };
    (zigzag + round) % ways
}

/// One measurement during which no live registry was asked.
fn recorded<W: Work>(work: &W, case: W::Case, tool: W::Tool, options: &Options) -> Result<Sample, Failure> {
    for _ in 0..5 {
        let before = work.asked()?;
        let sample = work.once(case, tool)?;
        if work.asked()? == before {
            return Ok(sample);
        }
        work.clear_for(case, tool)?;
        settle(W::LARGE && case.rounds() == 1, options);
    }
    Err(Failure(format!(
        "{} ({}): asks for something new every time",
        case.name(),
        work.way(tool, case).name
    )))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_way_goes_first_and_after_each_other_equally_often() {
        for ways in 1..9 {
            let rounds = if ways % 2 == 1 { 2 * ways } else { ways };
            let (mut first, mut after) = (BTreeMap::new(), BTreeMap::new());
            for round in 0..rounds {
                let order: Vec<usize> = (0..ways).map(|turn| at_turn(turn, round, ways)).collect();
                *first.entry(order[0]).or_insert(0) += 1;
                for two in order.windows(2) {
                    *after.entry((two[0], two[1])).or_insert(0) += 1;
                }
                let mut all = order;
                all.sort_unstable();
                assert_eq!(all, (0..ways).collect::<Vec<_>>(), "everybody has a turn");
            }
            let often = rounds / ways;
            assert_eq!(first.len(), ways);
            assert!(first.values().all(|count| *count == often), "{ways}: {first:?}");
            assert_eq!(after.len(), ways * (ways - 1));
            assert!(after.values().all(|count| *count == often), "{ways}: {after:?}");
        }
    }
}
