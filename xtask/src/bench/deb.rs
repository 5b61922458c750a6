//! Debian package sets against apt: the solve with its plan, and the same when there is nothing to do.
//!
//! Both sides start from what is on the disk: apt from its cache of all indexes, Wharf from its own indexes, which are opened,
//! solved over and put into order within the measured time. apt runs as `apt-get -s install`, which solves and prints the plan.
//! Invariant: a set that one side refuses is not measured. Where the counts differ, `cargo xtask apt-check` has the rule.

use std::time::{Duration, Instant};

use wharf_deb::solve::solve;

use crate::apt_check::{Apt, Set, World, problem};
use crate::shell::Failure;

use super::Options;

/// The sets by size, and what they ask for.
const SETS: [(&str, &[&str]); 4] = [
    ("small", &["nginx"]),
    (
        "medium",
        &["build-essential", "postgresql", "redis-server", "git"],
    ),
    ("large", &["gnome-core", "libreoffice"]),
    ("desktop", &["kde-full", "gnome-core", "texlive-full"]),
];

/// Measures every set that is asked for.
pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let apt = Apt::prepare(false)?;
    println!("set      case      packages: wharf, apt; medians: wharf, apt; wharf/apt");
    for (name, ask) in SETS {
        if !options.sets.is_empty() && !options.sets.iter().any(|wanted| wanted == name) {
            continue;
        }
        let fresh = set(name, ask, &[]);
        for (case, set) in [("solve", &fresh), ("nothing", &set(name, ask, ask))] {
            if case.contains(&options.only) {
                measure(&apt, case, set, options)?;
            }
        }
    }
    Ok(())
}

fn set(name: &str, ask: &[&str], installed: &[&str]) -> Set {
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    Set::plain(name, words(ask), words(installed))
}

fn measure(apt: &Apt, case: &str, set: &Set, options: &Options) -> Result<(), Failure> {
    apt.arrange(set)?;
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    let mut counts = (0, 0);
    for round in 0..=options.repeat {
        let (time, packages) = wharf(apt, set)?;
        let answer = apt.solve(set)?;
        let Some(known) = answer.packages else {
            return Err(Failure(format!("{}: apt refuses: {}", set.name, answer.said)));
        };
        counts = (packages, known.len());
        // The first round warms the page cache for both.
        if round > 0 {
            ours.push(time);
            theirs.push(answer.time);
        }
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!(
        "{:<8} {case:<8} {:>6} {:>6} {:>10.1?} {:>10.1?} {:>11.4}",
        set.name,
        counts.0,
        counts.1,
        ours,
        theirs,
        ours.as_secs_f64() / theirs.as_secs_f64()
    );
    Ok(())
}

/// Opens, solves, orders: the whole way from the disk to a plan.
fn wharf(apt: &Apt, set: &Set) -> Result<(Duration, usize), Failure> {
    let problem = problem(set)?;
    let targets = apt.targets()?;
    World::universe(apt, set, &targets)?;
    let start = Instant::now();
    let universe = World::universe(apt, set, &targets)?;
    let solution = solve(&universe, &problem).map_err(|error| Failure(error.to_string()))?;
    let order = solution.order(&universe);
    Ok((start.elapsed(), order.len()))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
