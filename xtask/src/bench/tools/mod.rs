//! `cargo xtask bench --tools`: one-offs against uvx, npx and bunx; commands of installed tools against the files behind them.
//!
//! The mirrors and the peers are those of the other benchmarks. Invariants: every way has a home of its own, in which its folder for
//! temporary files lies too, since some peers keep there what they want again; nothing is installed outside of these homes.

mod cases;
mod sets;

use super::cargo::{CratesMirror, Toolchain};
use super::mirror::Mirror;
use super::npm::peers::NpmPeers;
use super::npm::{self, NpmMirror};
use super::peers::{self, Peers};
use super::report::Report;
use super::{Options, directory, remove};
use crate::shell::Failure;

/// What all ways are made of.
struct Surroundings {
    python: Peers,
    node: NpmPeers,
    rust: Toolchain,
    index: Mirror,
    registry: NpmMirror,
    crates: CratesMirror,
}

impl Surroundings {
    /// How often live registries were asked so far.
    fn asked(&self) -> Result<u64, Failure> {
        Ok(self.index.asked()? + self.registry.asked()? + self.crates.asked()?)
    }
}

/// Runs the benchmarks of tools.
pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let surroundings = Surroundings {
        python: peers::install(&directory().join("peers"))?,
        node: npm::peers::install(&directory().join("npm-peers"))?,
        rust: Toolchain::find()?,
        index: Mirror::start(options.latency)?,
        registry: NpmMirror::start(options)?,
        crates: CratesMirror::start(options)?,
    };
    let wharf = options.wharf()?;
    let mut results = Vec::new();
    for set in sets::load(&options.sets)? {
        println!("==> {}: preparing", set.name);
        let folder = directory().join("tools-work").join(set.name);
        let mut bench = cases::Bench::new(&folder, set, &surroundings, wharf.as_deref())?;
        bench.prepare()?;
        results.push(bench.measure(options)?);
        if !options.keep {
            remove(&folder)?;
        }
    }
    let mut versions = vec![surroundings.python.uv_version.clone()];
    let named = surroundings.node.versions.iter();
    versions.extend(
        named
            .filter(|version| !version.starts_with("pnpm") && !version.starts_with("aube"))
            .cloned(),
    );
    Report::new(versions, wharf.as_deref(), options, results)?.publish(&directory().join("tools-report.json"))
}
