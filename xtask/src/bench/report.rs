//! The figures of a run: a table of ratios for people, everything as JSON for programs.

use std::path::Path;
use std::process::Command;

use serde::Serialize;

use super::Options;
use super::measure::Sample;
use super::rounds::{Class, Compared, Measured};
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
struct Machine {
    cores: usize,
    kernel: String,
}

/// Everything about one set.
#[derive(Debug, Serialize)]
pub(super) struct SetResult {
    pub(super) set: String,
    /// What else is to be said of it: counts, differences.
    pub(super) facts: Vec<String>,
    pub(super) cases: Vec<Compared>,
}

impl Report {
    /// What was measured of these programs.
    pub(super) fn new(
        mut versions: Vec<String>,
        wharf: Option<&Path>,
        options: &Options,
        sets: Vec<SetResult>,
    ) -> Result<Self, Failure> {
        if let Some(wharf) = wharf {
            let said = shell::output(Command::new(wharf).arg("--version"))?;
            versions.push(said.trim().to_owned());
        }
        let cores = std::thread::available_parallelism()?.get();
        let kernel = shell::output(Command::new("uname").arg("-r"))?.trim().to_owned();
        Ok(Self {
            machine: Machine { cores, kernel },
            versions,
            latency_ms: options.latency,
            repeat: options.repeat,
            sets,
        })
    }

    /// Prints the medians and ratios, and writes everything, every sample included.
    pub(super) fn publish(&self, path: &Path) -> Result<(), Failure> {
        println!(
            "\n{}; {} cores; medians of {}",
            self.versions.join(", "),
            self.machine.cores,
            self.repeat
        );
        for set in &self.sets {
            println!("\n{}", set.set);
            set.facts.iter().for_each(|fact| println!("{fact}"));
            println!(
                "{:<15} {:<36}{:>10}{:>10}{:>9}   wharf / it: wall    cpu  memory",
                "", "", "wall ms", "cpu ms", "MiB"
            );
            set.cases.iter().for_each(print_case);
        }
        std::fs::write(path, serde_json::to_vec_pretty(self)?).map_err(about(path.display()))?;
        println!("\n{}", path.display());
        Ok(())
    }
}

/// Prints Wharf's own way as a ratio of each peer (below 1 means that Wharf takes less), then each of Wharf's ways as ratios of
/// the best peer, and of the best that puts the files where this way puts them.
fn print_case(compared: &Compared) {
    let wharfs = || compared.ways.iter().filter(|measured| measured.way.wharf);
    let several = compared.ways.len() > 2;
    let first = wharfs().next().map(|measured| measured.median);
    let mut name = compared.case;
    for measured in &compared.ways {
        let class = measured.way.class.map(Class::name).unwrap_or_default();
        print_row(
            name,
            &format!("{:<20}{class}", measured.way.name),
            measured.median,
        );
        match first.filter(|_| !measured.way.wharf) {
            Some(wharf) => print_ratios(wharf, measured.median),
            None => println!(),
        }
        name = "";
    }
    for measured in wharfs().filter(|_| several) {
        let own = measured.way.name;
        if let Some(best) = best(compared, |_| true) {
            print_row("", &format!("best, for {own}"), best);
            print_ratios(measured.median, best);
        }
        let Some(class) = measured.way.class else { continue };
        if let Some(best) = best(compared, |peer| peer.way.class == Some(class)) {
            print_row("", &format!("best in {}, for {own}", class.name()), best);
            print_ratios(measured.median, best);
        }
    }
}

fn print_row(case: &str, name: &str, median: Sample) {
    print!(
        "{case:<15} {name:<36}{:>10.1}{:>10.1}{:>9.1}",
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

/// The least of every figure among several peers, whoever has it.
fn best(compared: &Compared, keep: impl Fn(&Measured) -> bool) -> Option<Sample> {
    let peers = compared.ways.iter().filter(|measured| !measured.way.wharf);
    let peers: Vec<Sample> = peers
        .filter(|measured| keep(measured))
        .map(|measured| measured.median)
        .collect();
    let least = |figure: fn(&Sample) -> f64| peers.iter().map(figure).min_by(f64::total_cmp);
    Some(Sample {
        wall: least(|sample| sample.wall)?,
        cpu: least(|sample| sample.cpu)?,
        memory: least(|sample| sample.memory)?,
    })
}
