//! `wharf sync` killed at random points, the environment compared with the two that may be.
//!
//! Invariant under test: after a kill the environment is the old one or the new one, file for file, and the next
//! `wharf sync` succeeds and gives the new one.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::fixture::{Digest, Fixture};
use crate::package::Package;
use crate::registry::Registry;

/// What Wharf writes into an environment to know its generation.
const MARKER: &str = ".wharf.json";

/// A change from one version of everything to another, killed again and again.
#[derive(Debug)]
pub struct Crash {
    fixture: Fixture,
    // Held for its port: a sync that begins anew downloads again.
    _registry: Registry,
    packages: usize,
    /// Whether the store survives between kills: then commits are hit more often than downloads.
    warm: bool,
}

/// How the kills of a run ended.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// The old environment was left.
    pub old: u32,
    /// The new one was there already.
    pub new: u32,
    /// The command had ended before the kill.
    pub too_late: u32,
}

impl Crash {
    /// Prepares a project of so many packages in two versions each, twenty files a package.
    #[must_use]
    pub fn new(binary: impl AsRef<std::path::Path>, packages: usize, warm: bool) -> Self {
        let registry = Registry::start();
        for number in 0..packages {
            for version in ["1.0", "2.0"] {
                let name = format!("part{number}");
                let mut package = Package::new(&name, version).entry_point(&name, &format!("{name}:main"));
                for file in 0..20 {
                    let line = format!("VALUE = '{number} {file} {version}'\n");
                    package = package.file(&format!("{name}/file{file}.py"), &line.repeat(40));
                }
                package.publish(&registry);
            }
        }
        let fixture = Fixture::with_registry(binary, &registry);
        Self {
            fixture,
            _registry: registry,
            packages,
            warm,
        }
    }

    /// Kills as often as asked, at points that `seed` fixes (their effect depends on the machine).
    ///
    /// # Errors
    /// With a description, when an environment is a mixture, or a sync after a kill fails or leaves something else.
    pub fn run(&self, kills: u32, seed: u64) -> Result<Tally, String> {
        let first = self.state("1.0")?;
        let second = self.state("2.0")?;
        if first == second || first.len() < self.packages * 20 {
            return Err(format!(
                "the two environments do not differ as they should: {} paths",
                first.len()
            ));
        }
        let window = self.undisturbed()?;
        let mut random = Random(seed);
        let mut tally = Tally::default();
        for kill in 0..kills {
            // From one version to the other and back, so that every change is a real one.
            let there = kill % 2 == 0;
            let (from, to) = if there { ("1.0", "2.0") } else { ("2.0", "1.0") };
            let (old, new) = if there {
                (&first, &second)
            } else {
                (&second, &first)
            };
            self.sync_to(from)?;
            self.lock(to)?;
            self.forget_unless_warm()?;
            let delay = window.mul_f64(random.next());
            let ended = self.kill_after(delay)?;
            let found = self.found();
            match (&found == old, &found == new) {
                (true, _) => tally.old += 1,
                (_, true) if ended => tally.too_late += 1,
                (_, true) => tally.new += 1,
                _ => {
                    let differing = shown(&found.differences(new));
                    return Err(format!(
                        "kill {kill} after {delay:?}: neither old nor new; unlike the new one: {differing}"
                    ));
                }
            }
            self.command(&["sync", "--frozen"])?;
            let found = self.found();
            if &found != new {
                return Err(format!(
                    "kill {kill}: the next sync leaves other than it should: {}",
                    shown(&found.differences(new))
                ));
            }
        }
        Ok(tally)
    }

    fn lock(&self, version: &str) -> Result<(), String> {
        let lines: String = (0..self.packages)
            .map(|number| format!("part{number} = \"=={version}\"\n"))
            .collect();
        self.fixture.write(
            "wharf.toml",
            &format!("[project]\nname = \"crash\"\n\n[pypi]\n{lines}"),
        );
        self.command(&["lock"])
    }

    fn sync_to(&self, version: &str) -> Result<(), String> {
        self.lock(version)?;
        self.command(&["sync", "--frozen"])
    }

    /// The environment as it has to be for one version.
    fn state(&self, version: &str) -> Result<Digest, String> {
        self.sync_to(version)?;
        Ok(self.found())
    }

    /// The environment as it is, without the marker that counts its generations: the same content has another number
    /// after every change there and back.
    fn found(&self) -> Digest {
        self.fixture.digest(".venv").without(MARKER)
    }

    /// How long an undisturbed change takes: the window for the kills.
    fn undisturbed(&self) -> Result<Duration, String> {
        self.sync_to("1.0")?;
        self.lock("2.0")?;
        self.forget_unless_warm()?;
        let start = Instant::now();
        self.command(&["sync", "--frozen"])?;
        Ok(start.elapsed().mul_f64(1.05))
    }

    fn forget_unless_warm(&self) -> Result<(), String> {
        if self.warm {
            return Ok(());
        }
        let home = self.fixture.home();
        std::fs::remove_dir_all(&home)
            .and_then(|()| std::fs::create_dir(&home))
            .map_err(|error| error.to_string())
    }

    /// Starts a sync and kills it; says whether it had ended before.
    fn kill_after(&self, delay: Duration) -> Result<bool, String> {
        let mut command = self.fixture.command();
        command
            .args(["sync", "--frozen"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut kill = || -> std::io::Result<bool> {
            let mut child = command.spawn()?;
            std::thread::sleep(delay);
            let ended = child.try_wait()?.is_some();
            child.kill()?;
            child.wait()?;
            Ok(ended)
        };
        kill().map_err(|error| error.to_string())
    }

    fn command(&self, arguments: &[&str]) -> Result<(), String> {
        let finished = self.fixture.run(arguments);
        if finished.status.success() {
            Ok(())
        } else {
            Err(finished.to_string())
        }
    }
}

/// The first few of many paths.
fn shown(paths: &[String]) -> String {
    let first: Vec<_> = paths.iter().take(10).map(String::as_str).collect();
    format!("{} ({} in all)", first.join(", "), paths.len())
}

/// A small generator of numbers in 0..1. Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators".
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
