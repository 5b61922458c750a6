//! From what is asked for to a set of packages.
//!
//! | module | job |
//! |---|---|
//! | `answers` | which package answers what |
//! | `ask` | what people ask for, as demands; versions that are chosen by hand, and what follows for others |
//! | `encode` | what a record says, as groups and exclusions of items |
//! | `siblings` | what an upgrade brings beside what relations say |
//! | `order` | which package comes before which |
//! | `suggest` | what is suggested and not there |
//!
//! The search itself is [`wharf_solve::agenda`]. What it is told makes it take what apt takes: the candidate of each package,
//! alternatives in order, what is there before what is not, Recommends where nothing speaks against them.
//! Invariant: every solution fulfils every relation of every package in it ([`crate::check`] looks at that in its own way); equal
//! questions have equal answers.

mod answers;
mod ask;
mod encode;
mod order;
mod siblings;
mod suggest;

#[cfg(test)]
mod tests;

use rustc_hash::FxHashMap;
use wharf_solve::Effort;
use wharf_solve::agenda::{self, Failure, Item};

use crate::explain::{self, Unsatisfiable};
use crate::index::Kind;
use crate::universe::shelf::{Preference, Shelf};
use crate::universe::{PackageKey, Place, Universe};

pub use ask::{Asked, InvalidAsked, What};
pub use suggest::Suggested;

pub(crate) use ask::{Questions, wanted};
pub(crate) use encode::{Meaning, alternatives};

use encode::Encoder;

/// What is to be solved.
#[derive(Debug, Clone, Default)]
pub struct Problem {
    /// What is asked for, in the order in which it was written. What comes first is looked at first.
    pub asked: Vec<Asked>,
    /// Whether the packages without which no system works are part of the solution.
    pub essential: Essential,
    /// Whether recommended packages are taken.
    pub recommends: Recommends,
    /// Versions to be kept where nothing speaks against it.
    pub locked: Vec<Locked>,
}

/// Whether packages that are marked as essential are asked for as well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Essential {
    /// They are: what comes out can stand alone.
    #[default]
    Included,
    /// They are not: they are installed already, or nobody cares.
    LeftOut,
}

/// What becomes of `Recommends`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Recommends {
    /// They are taken where nothing speaks against them.
    #[default]
    Taken,
    /// They are not looked at.
    Ignored,
}

/// A version that was chosen before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// The package.
    pub package: PackageKey,
    /// Its version.
    pub version: String,
}

/// A set of packages that fulfils everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Solution {
    /// The packages, those that are asked for first and then depth first in reading order: what brought a package in comes
    /// before it.
    pub packages: Vec<Chosen>,
    /// Recommends that the rest does not admit, or that nothing fulfils.
    pub declined: Vec<Declined>,
    /// Installed packages that have to go.
    pub removed: Vec<Place>,
    /// What the search cost.
    pub effort: Effort,
}

/// One package of a solution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen {
    /// Which record.
    pub place: Place,
    /// What brought it in.
    pub why: Why,
    /// What is done about it, seen from what is installed.
    pub change: Change,
}

/// What brought a package in first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// No system works without it.
    Essential,
    /// It is installed and stays.
    Installed,
    /// It was asked for: the position in [`Problem::asked`].
    Asked(usize),
    /// Another package needs or recommends it.
    Needed {
        /// That package: its position in [`Solution::packages`].
        by: usize,
        /// The field that says so.
        kind: Kind,
        /// Which group of the field.
        group: u32,
    },
    /// It is installed, and another package of the same source gets this version.
    Source {
        /// That package: its position in [`Solution::packages`].
        with: usize,
    },
}

/// What is done about a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is not installed.
    New,
    /// It is installed like this.
    Kept,
    /// Another version of it is installed: this one.
    From(Place),
}

/// A recommendation that is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Declined {
    /// Whose: the position in [`Solution::packages`].
    pub by: usize,
    /// Which group of its Recommends.
    pub group: u32,
}

/// How often a solve of a machine begins anew with further upgrades.
const ROUNDS: usize = 4;

/// More conflicts than this are no package set that anybody means.
const PATIENCE: u64 = 200_000;

/// Solves a problem.
///
/// # Errors
/// When nothing fulfils what is asked for; the error tells why.
pub fn solve(universe: &Universe, problem: &Problem) -> Result<Solution, Box<Unsatisfiable>> {
    let mut shelf = Shelf::new(universe);
    let questions = ask::questions(&mut shelf, problem);
    let mut solution = search(&mut shelf, problem, &questions)?;
    for _ in 0..ROUNDS {
        // What was kept before it turned out that another package of its source is upgraded.
        let late = siblings::kept(&mut shelf, solution.taken.iter().map(|taken| taken.item));
        if late.is_empty() {
            break;
        }
        for package in late {
            shelf.prefer(package, Preference::Upgrade);
        }
        let questions = ask::again(&mut shelf, problem);
        solution = search(&mut shelf, problem, &questions)?;
    }
    Ok(told(&mut shelf, solution, &questions))
}

fn search(
    shelf: &mut Shelf<'_>,
    problem: &Problem,
    questions: &Questions,
) -> Result<agenda::Solution, Box<Unsatisfiable>> {
    let mut encoder = Encoder::new(shelf, problem.recommends, PATIENCE);
    match agenda::solve(&mut encoder, &questions.demands) {
        Ok(solution) => Ok(solution),
        Err(Failure::Stopped(encode::Impatient)) => Err(explain::gave_up(problem)),
        Err(Failure::Unsatisfiable(rules)) => Err(explain::explain(shelf, problem, questions, rules)),
    }
}

fn told(shelf: &mut Shelf<'_>, solution: agenda::Solution, questions: &Questions) -> Solution {
    let positions: FxHashMap<Item, usize> = solution
        .taken
        .iter()
        .enumerate()
        .map(|(position, taken)| (taken.item, position))
        .collect();
    let packages: Vec<Chosen> = solution
        .taken
        .iter()
        .map(|taken| Chosen {
            place: shelf.version(taken.item).place,
            why: match taken.lead.by {
                None => questions.why(taken.lead.tag),
                Some(by) => match Meaning::of(taken.lead.tag).relation() {
                    Some((kind, group)) => Why::Needed {
                        by: positions[&by],
                        kind,
                        group,
                    },
                    None => Why::Source { with: positions[&by] },
                },
            },
            change: change(shelf, taken.item),
        })
        .collect();
    let declined = solution
        .declined
        .iter()
        .filter_map(|declined| {
            Some(Declined {
                group: Meaning::of(declined.tag).relation()?.1,
                by: positions[&declined.by?],
            })
        })
        .collect();
    Solution {
        removed: removed(shelf, &positions),
        packages,
        declined,
        effort: solution.effort,
    }
}

fn change(shelf: &Shelf<'_>, item: Item) -> Change {
    match shelf.package_of(item).installed {
        None => Change::New,
        Some(installed) if installed == item => Change::Kept,
        Some(installed) => Change::From(shelf.installed_place(installed)),
    }
}

/// The installed packages of which no version was chosen.
fn removed(shelf: &mut Shelf<'_>, chosen: &FxHashMap<Item, usize>) -> Vec<Place> {
    let mut removed = Vec::new();
    for package in shelf.installed_packages() {
        let package = shelf.package(package);
        let stays = package
            .versions
            .clone()
            .any(|item| chosen.contains_key(&Item(item)));
        if let (false, Some(installed)) = (stays, package.installed) {
            removed.push(shelf.installed_place(installed));
        }
    }
    removed
}
