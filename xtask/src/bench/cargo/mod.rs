//! `cargo xtask bench --cargo`: Rust projects and a command that is built, Wharf against cargo.
//!
//! Cargo is that of this machine's toolchain, started without a proxy in front of it. A mirror on a loopback port asks the live
//! registry once, keeps every answer in `target/bench/cargo-recorded`, and answers from there ever after; both tools are led to it
//! by the same `config.toml` of a `CARGO_HOME`. Invariants: a run in which the mirror had to ask the live registry is thrown away
//! and repeated; every way has a home and a project of its own; nothing is installed outside of these.
//!
//! The mirror speaks plain HTTP/1.1. That is the same for both as long as its answers come at once; were they delayed, cargo, which opens
//! two connections to a host because it counts on HTTP/2, would be measured on something that no registry does to it.

mod builds;
mod cases;
mod mirror;
mod sets;

use std::path::PathBuf;
use std::process::Command;

use super::report::Report;
use super::{Options, directory, remove};
use crate::shell::{self, Failure};

pub(super) use mirror::{CratesMirror, serve};
pub(super) use sets::{project, tool};

/// The toolchain: cargo itself and its folder.
#[derive(Debug)]
pub(super) struct Toolchain {
    pub(super) cargo: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) version: String,
}

impl Toolchain {
    /// The one that this machine's `rustc` belongs to.
    pub(super) fn find() -> Result<Self, Failure> {
        let root = shell::output(Command::new("rustc").args(["--print", "sysroot"]))?;
        let folder = PathBuf::from(root.trim()).join("bin");
        let cargo = folder.join("cargo");
        let version = shell::output(Command::new(&cargo).arg("--version"))?;
        Ok(Self {
            version: version.trim().to_owned(),
            cargo,
            folder,
        })
    }
}

/// Runs the benchmarks of crates.
pub(super) fn run(options: &Options) -> Result<(), Failure> {
    if options.latency > 0 {
        return Err(Failure(
            "--latency: cargo reads many files at once over HTTP/2 alone, which the mirror does not speak"
                .to_owned(),
        ));
    }
    let toolchain = Toolchain::find()?;
    let wharf = options.wharf()?;
    let mirror = CratesMirror::start(options)?;
    let folder = directory().join("cargo-work");
    let (sets, tool) = sets::load(&options.sets)?;
    let mut results = Vec::new();
    for set in sets {
        println!("==> {}: preparing", set.name);
        let folder = folder.join(set.name);
        let bench = cases::Bench::new(&folder, set, &toolchain, wharf.as_deref(), &mirror)?;
        bench.prepare()?;
        results.push(bench.measure(options)?);
        if !options.keep {
            remove(&folder)?;
        }
    }
    if tool {
        println!("==> {}", sets::TOOL);
        let folder = folder.join(sets::TOOL);
        let bench = builds::Bench::new(&folder, &toolchain, wharf.as_deref(), &mirror)?;
        results.push(bench.measure(options)?);
        if !options.keep {
            remove(&folder)?;
        }
    }
    Report::new(vec![toolchain.version], wharf.as_deref(), options, results)?
        .publish(&directory().join("cargo-report.json"))
}
