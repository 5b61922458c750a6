//! `cargo xtask bench --npm`: npm projects, Wharf against bun, pnpm, npm and aube.
//!
//! The peers come from the npm registry into `target/bench/npm-peers`. A mirror on a fixed loopback port asks the live
//! registry once, keeps every answer in `target/bench/npm-recorded`, and answers from there ever after, with the headers of
//! the public registry: every tool sees the same bytes. Invariants: a run in which the mirror had to ask the live registry
//! is thrown away and repeated; every tool has a home and caches of its own; no tool runs a script; no tool holds young
//! versions back (some peers do by default, which costs them larger documents).

mod builds;
mod cases;
mod documents;
mod mirror;
pub(crate) mod peers;
pub(crate) mod sets;
pub(crate) mod tools;

use std::path::Path;

use super::report::{Report, SetResult};
use super::{Options, directory};
use crate::shell::Failure;
use cases::Bench;

pub(super) use documents::DAY;
pub(crate) use mirror::NpmMirror;
pub(super) use mirror::serve;

/// Runs the benchmarks of npm.
pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let peers = peers::install(&directory().join("npm-peers"))?;
    let wharf = options.wharf()?;
    let mirror = NpmMirror::start(options)?;
    let tools = super::sets::named("way", &tools::Tool::ALL, &options.ways, |tool| tool.name())?;
    let work = options.work.clone().unwrap_or(directory().join("npm-work"));
    // Homes are named to programs that run elsewhere.
    let work = std::path::absolute(work)?;
    let (mut results, mut outcome) = (Vec::new(), Ok(()));
    for set in sets::load(&options.sets)? {
        println!("==> {}: preparing", set.name);
        let bench = Bench::new(
            &work.join(set.name),
            set,
            &tools,
            &peers,
            wharf.as_deref(),
            &mirror,
        );
        outcome = bench.and_then(|bench| work_on(bench, options, &mut results));
        if outcome.is_err() {
            break;
        }
    }
    // What was measured before something failed took its time as well.
    if !results.is_empty() {
        Report::new(peers.versions, wharf.as_deref(), options, results)?
            .publish(&directory().join("npm-report.json"))?;
    }
    outcome
}

/// Builds a set, or adds what its measurements gave, also where its folders cannot be removed behind them.
fn work_on(mut bench: Bench<'_>, options: &Options, results: &mut Vec<SetResult>) -> Result<(), Failure> {
    bench.prepare()?;
    match options.builds {
        true => bench.build_all()?,
        false => results.push(bench.measure(options)?),
    }
    if options.keep { Ok(()) } else { bench.clear() }
}

/// The folder in which a tool works on a set, for those who want to look or to profile.
pub(crate) fn project_folder(folder: &Path, tool: tools::Tool) -> std::path::PathBuf {
    folder.join("projects").join(tool.name())
}
