//! One process, measured: wall clock, processor time and peak memory, of it and of everything that it waited for.

use std::process::{Command, Stdio};
use std::time::Instant;

use serde::Serialize;
use wait4::Wait4;

use crate::shell::{Failure, about};

/// What one run took.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Sample {
    /// Seconds by the clock.
    pub(super) wall: f64,
    /// Seconds of processor time, user and system together.
    pub(super) cpu: f64,
    /// Peak resident memory in MiB.
    pub(super) memory: f64,
}

impl Sample {
    /// Runs commands one after the other: what they took together, and of memory the most that one of them had.
    pub(super) fn in_turn(commands: Vec<Command>) -> Result<Self, Failure> {
        let mut whole = Self {
            wall: 0.0,
            cpu: 0.0,
            memory: 0.0,
        };
        for mut command in commands {
            let sample = measure(&mut command)?;
            whole.wall += sample.wall;
            whole.cpu += sample.cpu;
            whole.memory = whole.memory.max(sample.memory);
        }
        Ok(whole)
    }
}

/// Runs a command with its output thrown away; a failure shows what it said.
///
/// The kernel counts the memory of the process that started the command until it is replaced: an empty command therefore
/// has a floor of a few MiB, the same for every tool.
pub(super) fn measure(command: &mut Command) -> Result<Sample, Failure> {
    let said = tempfile::NamedTempFile::new()?;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said.reopen()?);
    let start = Instant::now();
    let mut child = command.spawn().map_err(about(format!("{command:?}")))?;
    let used = child.wait4()?;
    let wall = start.elapsed().as_secs_f64();
    if !used.status.success() {
        let said = std::fs::read_to_string(said.path())?;
        return Err(Failure(format!(
            "{command:?}: {}\n{}",
            used.status,
            said.trim_end()
        )));
    }
    let cpu = (used.rusage.utime + used.rusage.stime).as_secs_f64();
    Ok(Sample {
        wall,
        cpu,
        memory: used.rusage.maxrss as f64 / (1024.0 * 1024.0),
    })
}

/// The median of every figure by itself.
pub(super) fn median(samples: &[Sample]) -> Option<Sample> {
    let middle = |figure: fn(&Sample) -> f64| {
        let mut figures: Vec<f64> = samples.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        let upper = *figures.get(figures.len() / 2)?;
        let lower = figures[(figures.len() - 1) / 2];
        Some(f64::midpoint(lower, upper))
    };
    Some(Sample {
        wall: middle(|sample| sample.wall)?,
        cpu: middle(|sample| sample.cpu)?,
        memory: middle(|sample| sample.memory)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_count_lies_between_the_middle_two() {
        let samples = [1.0, 4.0, 2.0, 3.0].map(|wall| Sample {
            wall,
            cpu: 0.0,
            memory: 0.0,
        });
        assert_eq!(median(&samples).map(|sample| sample.wall), Some(2.5));
        assert_eq!(median(&samples[..3]).map(|sample| sample.wall), Some(2.0));
        assert!(median(&[]).is_none());
    }

    #[test]
    fn a_command_that_fails_is_no_sample() {
        assert!(
            measure(Command::new("sh").args(["-c", "echo no >&2; exit 3"]))
                .is_err_and(|Failure(said)| said.contains("no"))
        );
        let sample = measure(Command::new("sh").args(["-c", "sleep 0.05"])).expect("a pause succeeds");
        assert!(sample.wall >= 0.05 && sample.cpu < sample.wall);
    }

    #[test]
    fn commands_in_turn_are_one_sample() {
        let commands = |scripts: [&str; 2]| {
            let command = |script| {
                let mut command = Command::new("sh");
                command.args(["-c", script]);
                command
            };
            Sample::in_turn(scripts.map(command).into())
        };
        let sample = commands(["sleep 0.05", "sleep 0.05"]).expect("pauses succeed");
        assert!(sample.wall >= 0.1 && sample.memory > 0.0);
        assert!(commands(["true", "exit 3"]).is_err());
    }
}
