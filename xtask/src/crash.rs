//! `cargo xtask crash`: `wharf sync` killed at random points, the environment compared with the two that may be.
//!
//! Invariant under test: after a kill the environment is the old one or the new one, file for file, and the next
//! `wharf sync` succeeds and gives the new one.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use wharf_testkit::{Digest, Fixture, Package, Registry};

use crate::shell::{self, Failure};

/// Options of `cargo xtask crash`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How often to kill.
    #[arg(long, default_value_t = 50)]
    kills: u32,
    /// The seed of the random points.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The binary; without it the release build.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Keep the store between kills: commits are hit more often than downloads.
    #[arg(long)]
    warm: bool,
}

/// How one kill ended.
#[derive(Debug, Default)]
struct Tally {
    old: u32,
    new: u32,
    too_late: u32,
}

/// Kills, compares, repairs, as often as asked.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let binary = match &options.binary {
        Some(binary) => std::path::absolute(binary)?,
        None => shell::wharf()?,
    };
    let registry = Registry::start();
    publish(&registry);
    let fixture = Fixture::with_registry(binary, &registry);
    let [first, second] = ["1.0", "2.0"].map(|version| state(&fixture, version));
    let (first, second) = (first?, second?);
    let mut random = Random(options.seed);
    let mut tally = Tally::default();
    let full = timed_change(&fixture, options)?;
    for kill in 0..options.kills {
        // From one version to the other and back, so that every change is a real one.
        let (version, old, new) = if kill % 2 == 0 {
            ("2.0", &first, &second)
        } else {
            ("1.0", &second, &first)
        };
        sync_to(&fixture, if kill % 2 == 0 { "1.0" } else { "2.0" })?;
        lock(&fixture, version)?;
        if !options.warm {
            forget(&fixture)?;
        }
        let delay = full.mul_f64(random.next());
        let finished = kill_after(&fixture, delay)?;
        let found = fixture.digest(".venv");
        match (found == *old, found == *new) {
            (true, _) => tally.old += 1,
            (_, true) if finished => tally.too_late += 1,
            (_, true) => tally.new += 1,
            _ => {
                let differing = found.differences(new);
                return Err(Failure(format!(
                    "kill {kill} after {delay:?}: a mixture; not as new: {}",
                    differing.join(", ")
                )));
            }
        }
        sync(&fixture)?;
        let found = fixture.digest(".venv");
        if found != *new {
            return Err(Failure(format!(
                "kill {kill}: the next sync leaves {}",
                found.differences(new).join(", ")
            )));
        }
    }
    println!(
        "{} kills within {full:?}: {} left the old environment, {} the new one, {} came too late; every next sync succeeded",
        options.kills, tally.old, tally.new, tally.too_late
    );
    Ok(())
}

/// Forty packages in two versions, with enough files that a kill lands in the middle of something.
fn publish(registry: &Registry) {
    for number in 0..40 {
        for version in ["1.0", "2.0"] {
            let mut package = Package::new(&format!("part{number}"), version);
            for file in 0..20 {
                package = package.file(
                    &format!("part{number}/file{file}.py"),
                    &format!("VALUE = '{number} {file} {version}'\n").repeat(40),
                );
            }
            package
                .entry_point(&format!("part{number}"), &format!("part{number}:main"))
                .publish(registry);
        }
    }
}

fn lock(fixture: &Fixture, version: &str) -> Result<(), Failure> {
    let lines: Vec<_> = (0..40)
        .map(|number| format!("part{number} = \"=={version}\"\n"))
        .collect();
    fixture.write(
        "wharf.toml",
        &format!("[project]\nname = \"crash\"\n\n[pypi]\n{}", lines.concat()),
    );
    command(fixture, &["lock"])
}

fn sync(fixture: &Fixture) -> Result<(), Failure> {
    command(fixture, &["sync", "--frozen"])
}

fn sync_to(fixture: &Fixture, version: &str) -> Result<(), Failure> {
    lock(fixture, version)?;
    sync(fixture)
}

/// The environment as it has to be for one version.
fn state(fixture: &Fixture, version: &str) -> Result<Digest, Failure> {
    sync_to(fixture, version)?;
    let digest = fixture.digest(".venv");
    if digest.len() < 800 {
        return Err(Failure(format!("only {} files were installed", digest.len())));
    }
    Ok(digest)
}

/// How long an undisturbed change takes: the window for the kills.
fn timed_change(fixture: &Fixture, options: &Options) -> Result<Duration, Failure> {
    sync_to(fixture, "1.0")?;
    lock(fixture, "2.0")?;
    if !options.warm {
        forget(fixture)?;
    }
    let start = Instant::now();
    sync(fixture)?;
    Ok(start.elapsed().mul_f64(1.05))
}

/// Removes the store and the caches, so that the next sync downloads again.
fn forget(fixture: &Fixture) -> Result<(), Failure> {
    std::fs::remove_dir_all(fixture.home())?;
    std::fs::create_dir(fixture.home())?;
    Ok(())
}

/// Starts a sync and kills it; says whether it had ended before.
fn kill_after(fixture: &Fixture, delay: Duration) -> Result<bool, Failure> {
    let mut command = fixture.command();
    command
        .args(["sync", "--frozen"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn()?;
    std::thread::sleep(delay);
    let finished = child.try_wait()?.is_some();
    child.kill()?;
    child.wait()?;
    Ok(finished)
}

fn command(fixture: &Fixture, arguments: &[&str]) -> Result<(), Failure> {
    let finished = fixture.run(arguments);
    if finished.status.success() {
        Ok(())
    } else {
        Err(Failure(finished.to_string()))
    }
}

/// A small generator of numbers in 0..1 (splitmix64), so that a seed repeats a run.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // The upper 53 bits: as many as the fraction of the number holds.
        (mixed >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_numbers_and_they_stay_in_range() {
        let draw = |seed| {
            let mut random = Random(seed);
            (0..100).map(|_| random.next()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!(draw(7).iter().all(|number| (0.0..1.0).contains(number)));
    }
}
