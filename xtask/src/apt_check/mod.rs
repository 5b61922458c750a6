//! `cargo xtask apt-check`: package sets over the full index of the machine's own release, solved by Wharf and by apt.
//!
//! apt runs in folders of its own below `target/apt-check`, with the machine's Debian repositories, so that the machine is
//! not touched. Per set the two answers are the same, or the file of sets names the rule by which they differ; both answers
//! have to pass the checker, which shares nothing with either. A difference that nobody expects makes the command fail, and so
//! does one that is expected and not found.

mod apt;
mod sets;
mod world;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use wharf_deb::check::check_set;
use wharf_deb::solve::{Asked, Essential, Problem, Recommends, Solution, solve};
use wharf_deb::universe::Universe;

use crate::shell::{Failure, about};
pub(crate) use apt::Apt;
pub(crate) use sets::Set;
pub(crate) use world::World;

/// Options of `cargo xtask apt-check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only sets whose name contains this text.
    #[arg(default_value = "")]
    only: String,
    /// Use the indexes that are there already rather than those of today.
    #[arg(long)]
    offline: bool,
    /// Solve with Wharf alone.
    #[arg(long)]
    without_apt: bool,
}

/// Packages by `name:architecture`, with their versions.
pub(crate) type Packages = BTreeMap<String, String>;

/// What one side made of a set.
pub(crate) struct Answer {
    /// The packages that are there in the end; nothing where it is refused.
    pub(crate) packages: Option<Packages>,
    /// What it took, alone.
    pub(crate) time: Duration,
    /// What it said.
    pub(crate) said: String,
}

/// How the two answers of a set compare.
enum Verdict {
    Same,
    /// As the file of sets says, by this rule.
    Explained(String),
    Wrong(String),
}

/// Solves every set twice, and prints one line for each.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let apt = Apt::prepare(options.offline)?;
    let sets = sets::read(&options.only)?;
    let mut counts = [0_usize; 3];
    for set in &sets {
        apt.arrange(set)?;
        let world = World::open(&apt, set)?;
        let ours = wharf(&world.universe, set)?;
        if options.without_apt {
            println!("{:<34} {}", set.name, told(&ours));
            continue;
        }
        let theirs = apt.solve(set)?;
        let verdict = judge(&world, set, &ours, &theirs);
        let (slot, text) = match &verdict {
            Verdict::Same => (0, "the same".to_owned()),
            Verdict::Explained(rule) => (1, format!("differs: {rule}")),
            Verdict::Wrong(what) => (2, format!("WRONG: {what}")),
        };
        counts[slot] += 1;
        let ratio = ours.time.as_secs_f64() / theirs.time.as_secs_f64();
        println!(
            "{:<34} wharf {} | apt {} | {ratio:.4} | {text}",
            set.name,
            told(&ours),
            told(&theirs)
        );
    }
    let [same, explained, wrong] = counts;
    println!(
        "{} sets: {same} the same, {explained} explained, {wrong} wrong",
        sets.len()
    );
    match wrong {
        0 => Ok(()),
        _ => Err(Failure(format!("{wrong} sets are not as they should be"))),
    }
}

fn told(answer: &Answer) -> String {
    match &answer.packages {
        Some(packages) => format!("{:>5} in {:>9.1?}", packages.len(), answer.time),
        None => format!("   no in {:>9.1?}", answer.time),
    }
}

/// What Wharf makes of a set. The time is that of the solve: indexes are mapped, names are looked up from nothing.
pub(crate) fn wharf(universe: &Universe, set: &Set) -> Result<Answer, Failure> {
    let problem = problem(set)?;
    let start = Instant::now();
    let outcome = solve(universe, &problem);
    let time = start.elapsed();
    Ok(match outcome {
        Ok(solution) => Answer {
            packages: Some(packages(universe, &solution)),
            time,
            said: String::new(),
        },
        Err(error) => Answer {
            packages: None,
            time,
            said: error.to_string(),
        },
    })
}

pub(crate) fn problem(set: &Set) -> Result<Problem, Failure> {
    let asked: Result<_, _> = set.ask.iter().map(|text| Asked::parse(text)).collect();
    Ok(Problem {
        asked: asked.map_err(about(&set.name))?,
        essential: Essential::LeftOut,
        recommends: match set.recommends {
            true => Recommends::Taken,
            false => Recommends::Ignored,
        },
        locked: Vec::new(),
    })
}

fn packages(universe: &Universe, solution: &Solution) -> Packages {
    solution
        .packages
        .iter()
        .map(|chosen| {
            let record = universe.record(chosen.place);
            let architecture = universe
                .architecture_of(&record)
                .map_or_else(String::new, ToString::to_string);
            (
                format!("{}:{architecture}", record.name()),
                record.version().to_owned(),
            )
        })
        .collect()
}

fn judge(world: &World, set: &Set, ours: &Answer, theirs: &Answer) -> Verdict {
    for (who, answer) in [("wharf", ours), ("apt", theirs)] {
        let Some(packages) = &answer.packages else {
            continue;
        };
        let violations = match world.places(packages) {
            Ok(places) => check_set(&world.universe, &places),
            Err(missing) => return Verdict::Wrong(format!("{who} has {missing}, which no index has")),
        };
        // What apt leaves as it was may have been broken before.
        if let Some(violation) = violations.first() {
            return Verdict::Wrong(format!("{who}: {violation}"));
        }
    }
    let difference = difference(ours, theirs);
    match (&set.differs, difference) {
        (None, None) => Verdict::Same,
        (None, Some(difference)) => Verdict::Wrong(difference),
        (Some(expected), None) => Verdict::Wrong(format!("nothing differs any more by `{}`", expected.rule)),
        (Some(expected), Some(difference)) => match expected.difference() == difference {
            true => Verdict::Explained(expected.rule.clone()),
            false => Verdict::Wrong(format!(
                "expected `{}`, found {difference}",
                expected.difference()
            )),
        },
    }
}

/// What differs, in the words of the file of sets: what only Wharf has and what only apt has, without versions that follow the
/// index.
fn difference(ours: &Answer, theirs: &Answer) -> Option<String> {
    let only = |one: &Packages, other: &Packages| -> Vec<String> {
        one.iter()
            .filter(|(name, version)| other.get(*name) != Some(version))
            .map(|(name, _)| name.clone())
            .collect()
    };
    match (&ours.packages, &theirs.packages) {
        (None, None) => None,
        (Some(_), None) => Some("wharf alone finds one".to_owned()),
        (None, Some(_)) => Some(format!("apt alone finds one; wharf: {}", ours.said)),
        (Some(one), Some(other)) if one == other => None,
        (Some(one), Some(other)) => Some(sets::in_words(&only(one, other), &only(other, one))),
    }
}
