//! `wharf sync` killed at random points, the environment compared with the two that may be.
//!
//! Invariant under test: after a kill the environment is the old one or the new one, file for file, and the next
//! `wharf sync` succeeds and gives the new one. An environment may have several roots (`.venv`, and `node_modules` of the
//! project and of every member of its workspace): a kill must leave all of them old or all of them new, once the next command
//! has looked at them.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::fixture::{Digest, Fixture};
use crate::npm::{NpmPackage, NpmRegistry};
use crate::package::Package;
use crate::registry::Registry;

/// What Wharf writes into a root of an environment to know its generation.
const MARKER: &str = ".wharf.json";
/// Members of the workspace of a mixed project.
const MEMBERS: [&str; 2] = ["web", "packages/kit"];

/// What the environments of a sweep are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sides {
    /// A `.venv`.
    Python,
    /// `node_modules` of a workspace with two members.
    Npm,
    /// Both in one project.
    Mixed,
}

impl Sides {
    fn python(self) -> bool {
        matches!(self, Self::Python | Self::Mixed)
    }

    fn npm(self) -> bool {
        matches!(self, Self::Npm | Self::Mixed)
    }

    /// The roots, relative to the project.
    fn roots(self) -> Vec<String> {
        let python = self.python().then(|| ".venv".to_owned());
        let members = MEMBERS.iter().map(|folder| format!("{folder}/node_modules"));
        let npm = std::iter::once("node_modules".to_owned()).chain(members);
        python.into_iter().chain(npm.filter(|_| self.npm())).collect()
    }
}

/// A change from one version of everything to another, killed again and again.
#[derive(Debug)]
pub struct Crash {
    fixture: Fixture,
    // Held for their ports: a sync that begins anew downloads again.
    _registries: (Registry, NpmRegistry),
    sides: Sides,
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
    /// Prepares a project of so many packages on each side in two versions each, twenty files a package.
    #[must_use]
    pub fn new(binary: impl AsRef<std::path::Path>, sides: Sides, packages: usize, warm: bool) -> Self {
        let (registry, npm) = (Registry::start(), NpmRegistry::start());
        for number in 0..packages {
            for version in ["1.0", "2.0"] {
                publish(number, version, &registry);
                publish_npm(number, packages, version, &npm);
            }
        }
        let mut fixture = Fixture::with_registry(binary, &registry);
        fixture.use_npm_registry(&npm);
        fixture.fake_node("22.12.0");
        if warm {
            // What goes on behind a command is killed as well; a store that is thrown away would be in its way.
            fixture.set("WHARF_FLUSH", "after");
        }
        Self {
            fixture,
            _registries: (registry, npm),
            sides,
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
        // A link into the store stands for twenty files of npm's side.
        let least = self.packages * if self.sides.python() { 20 } else { 1 };
        if first == second || first.len() < least {
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
            self.look()?;
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
        let mut manifest = "[project]\nname = \"crash\"\n".to_owned();
        if self.sides.python() {
            manifest.push_str("\n[pypi]\n");
            for number in 0..self.packages {
                manifest.push_str(&format!("part{number} = \"=={version}\"\n"));
            }
        }
        if self.sides.npm() {
            manifest.push_str(&format!("\n[workspace]\nmembers = {MEMBERS:?}\n\n[npm]\n"));
            self.write_members(version);
            for number in (0..self.packages).step_by(2) {
                manifest.push_str(&format!("piece{number} = \"{version}.0\"\n"));
            }
        }
        self.fixture.write("wharf.toml", &manifest);
        self.command(&["lock"])
    }

    /// The members share packages with the root, and have others of their own.
    fn write_members(&self, version: &str) {
        for (position, folder) in MEMBERS.into_iter().enumerate() {
            let mine = (0..self.packages).filter(|number| number % 3 == position);
            let needs: serde_json::Map<_, _> = mine
                .map(|number| (format!("piece{number}"), format!("{version}.0").into()))
                .collect();
            let manifest = serde_json::json!({ "name": folder.replace('/', "-"), "version": "1.0.0", "dependencies": needs });
            self.fixture
                .write(&format!("{folder}/package.json"), &format!("{manifest:#}\n"));
        }
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

    /// Every root as it is, without the marker that counts its generations: the same content has another number after every
    /// change there and back.
    fn found(&self) -> Digest {
        let roots = self.sides.roots().into_iter();
        roots.fold(Digest::default(), |found, root| {
            let digest = self.fixture.digest(&root).without(MARKER);
            found.with(&root, digest)
        })
    }

    /// Several roots cannot be switched at one moment: whoever opens the environment next finishes a switch that was begun.
    /// One root is switched whole, and needs nobody.
    fn look(&self) -> Result<(), String> {
        match self.sides {
            Sides::Python => Ok(()),
            Sides::Npm | Sides::Mixed => self.command(&["sync", "--frozen", "--dry-run"]),
        }
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
        self.fixture.forget().map_err(|error| error.to_string())
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

/// A wheel of twenty modules and a command.
fn publish(number: usize, version: &str, registry: &Registry) {
    let name = format!("part{number}");
    let mut package = Package::new(&name, version).entry_point(&name, &format!("{name}:main"));
    for file in 0..20 {
        let line = format!("VALUE = '{number} {file} {version}'\n");
        package = package.file(&format!("{name}/file{file}.py"), &line.repeat(40));
    }
    package.publish(registry);
}

/// An npm package of twenty modules and a command that needs the next one, so that every home has neighbours.
fn publish_npm(number: usize, packages: usize, version: &str, registry: &NpmRegistry) {
    let name = format!("piece{number}");
    let mut package = NpmPackage::new(&name, &format!("{version}.0")).bin(&name, "cli.js");
    if number % 4 != 3 && number + 1 < packages {
        package = package.dep(&format!("piece{}", number + 1), &format!("{version}.0"));
    }
    for file in 0..20 {
        let line = format!("exports.value = '{number} {file} {version}';\n");
        package = package.file(&format!("lib/file{file}.js"), &line.repeat(40));
    }
    package.publish(registry);
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
