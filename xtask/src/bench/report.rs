//! The figures of a run: a table of ratios for people, everything as JSON for programs.

use std::path::Path;
use std::process::Command;

use serde::Serialize;

use super::Options;
use super::cases::{Compared, SetResult, Tool};
use super::peers::Peers;
use crate::shell::{self, Failure, about};

/// One whole run.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    machine: Machine,
    versions: Vec<String>,
    latency_ms: u64,
    repeat: usize,
    sets: Vec<SetResult>,
}

/// Where it ran: absolute times mean nothing without it, and little with it.
#[derive(Debug, Serialize)]
pub(super) struct Machine {
    pub(super) cores: usize,
    kernel: String,
}

impl Machine {
    /// The one that this runs on.
    pub(super) fn this() -> Result<Self, Failure> {
        let cores = std::thread::available_parallelism()?.get();
        let kernel = shell::output(Command::new("uname").arg("-r"))?.trim().to_owned();
        Ok(Self { cores, kernel })
    }
}

impl Report {
    pub(super) fn new(
        peers: &Peers,
        wharf: Option<&Path>,
        options: &Options,
        sets: Vec<SetResult>,
    ) -> Result<Self, Failure> {
        let mut versions = vec![peers.uv_version.clone(), peers.pip_version.clone()];
        if let Some(wharf) = wharf {
            versions.push(
                shell::output(Command::new(wharf).arg("--version"))?
                    .trim()
                    .to_owned(),
            );
        }
        Ok(Self {
            machine: Machine::this()?,
            versions,
            latency_ms: options.latency,
            repeat: options.repeat,
            sets,
        })
    }

    /// Writes everything, every sample included.
    pub(super) fn write(&self, path: &Path) -> Result<(), Failure> {
        std::fs::write(path, serde_json::to_vec_pretty(self)?).map_err(about(path.display()))?;
        println!("\n{}", path.display());
        Ok(())
    }

    /// Prints the medians, and Wharf's as ratios of each peer's: below 1 means that Wharf takes less.
    pub(super) fn print(&self) {
        println!(
            "\n{}; {} cores; medians of {}",
            self.versions.join(", "),
            self.machine.cores,
            self.repeat
        );
        for set in &self.sets {
            println!("\n{} ({} wheels)", set.set, set.wheels);
            println!(
                "{:<15}{:<8}{:>10}{:>10}{:>9}   wharf / it: wall    cpu  memory",
                "", "", "wall ms", "cpu ms", "MiB"
            );
            for compared in &set.cases {
                print_case(compared);
            }
            match set.resolved_otherwise.as_slice() {
                [] => {}
                otherwise => println!("resolved otherwise than uv: {}", otherwise.join("; ")),
            }
        }
    }
}

fn print_case(compared: &Compared) {
    let wharf = compared
        .tools
        .iter()
        .find(|measured| measured.tool == Tool::Wharf)
        .map(|measured| measured.median);
    let mut name = compared.case.name();
    for measured in &compared.tools {
        let median = measured.median;
        print!(
            "{name:<15}{:<8}{:>10.1}{:>10.1}{:>9.1}",
            measured.tool.name(),
            median.wall * 1e3,
            median.cpu * 1e3,
            median.memory
        );
        match wharf.filter(|_| measured.tool != Tool::Wharf) {
            Some(wharf) => println!(
                "{:>20.2}{:>7.2}{:>8.2}",
                wharf.wall / median.wall,
                wharf.cpu / median.cpu,
                wharf.memory / median.memory
            ),
            None => println!(),
        }
        name = "";
    }
}
