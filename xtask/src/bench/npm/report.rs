//! The figures of a run over npm projects: a table for people, everything as JSON for programs.

use std::path::Path;
use std::process::Command;

use serde::Serialize;

use super::super::Options;
use super::super::measure::Sample;
use super::super::report::Machine;
use super::cases::{Compared, SetResult};
use super::peers::NpmPeers;
use super::tools::Tool;
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

impl Report {
    pub(super) fn new(
        peers: &NpmPeers,
        wharf: Option<&Path>,
        options: &Options,
        sets: Vec<SetResult>,
    ) -> Result<Self, Failure> {
        let mut versions = peers.versions.clone();
        if let Some(wharf) = wharf {
            let said = shell::output(Command::new(wharf).arg("--version"))?;
            versions.push(said.trim().to_owned());
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

    /// Prints the medians, Wharf's as ratios of each peer's (below 1 means that Wharf takes less), and for every case the
    /// best peer by each figure.
    pub(super) fn print(&self) {
        println!(
            "\n{}; {} cores; medians of {}",
            self.versions.join(", "),
            self.machine.cores,
            self.repeat
        );
        for set in &self.sets {
            let counts: Vec<_> = set
                .counts
                .iter()
                .map(|count| format!("{} {}", count.tool.name(), count.packages))
                .collect();
            println!("\n{} (packages: {})", set.set, counts.join(", "));
            println!(
                "{:<16}{:<13}{:>10}{:>10}{:>9}   wharf / it: wall    cpu  memory",
                "", "", "wall ms", "cpu ms", "MiB"
            );
            for compared in &set.cases {
                print_case(compared);
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
        print!("{name:<16}");
        print_row(measured.tool.name(), measured.median);
        match wharf.filter(|_| measured.tool != Tool::Wharf) {
            Some(wharf) => print_ratios(wharf, measured.median),
            None => println!(),
        }
        name = "";
    }
    if let Some(best) = best_peer(compared) {
        print!("{:<16}", "");
        print_row("best peer", best);
        match wharf {
            Some(wharf) => print_ratios(wharf, best),
            None => println!(),
        }
    }
}

fn print_row(name: &str, median: Sample) {
    print!(
        "{name:<13}{:>10.1}{:>10.1}{:>9.1}",
        median.wall * 1e3,
        median.cpu * 1e3,
        median.memory
    );
}

fn print_ratios(wharf: Sample, other: Sample) {
    println!(
        "{:>20.2}{:>7.2}{:>8.2}",
        wharf.wall / other.wall,
        wharf.cpu / other.cpu,
        wharf.memory / other.memory
    );
}

/// The least of every figure, whoever has it.
fn best_peer(compared: &Compared) -> Option<Sample> {
    let peers = || {
        let peers = compared
            .tools
            .iter()
            .filter(|measured| measured.tool != Tool::Wharf);
        peers.map(|measured| measured.median)
    };
    let least = |figure: fn(Sample) -> f64| peers().map(figure).min_by(f64::total_cmp);
    Some(Sample {
        wall: least(|sample| sample.wall)?,
        cpu: least(|sample| sample.cpu)?,
        memory: least(|sample| sample.memory)?,
    })
}
