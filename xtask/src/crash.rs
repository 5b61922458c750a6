//! `cargo xtask crash`: the kill sweeps of the testkit against the release build.

use std::path::PathBuf;

use clap::ValueEnum;
use wharf_testkit::{Crash, Sides};

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
    /// How many packages change, on each side.
    #[arg(long, default_value_t = 40)]
    packages: usize,
    /// What the environments are made of.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "python,mixed")]
    sides: Vec<Side>,
    /// The binary; without it the release build.
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// What an environment is made of.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Side {
    /// A `.venv`.
    Python,
    /// `node_modules` of a workspace.
    Npm,
    /// Both in one project.
    Mixed,
}

impl Side {
    fn sides(self) -> (Sides, &'static str) {
        match self {
            Self::Python => (Sides::Python, "python"),
            Self::Npm => (Sides::Npm, "npm"),
            Self::Mixed => (Sides::Mixed, "mixed"),
        }
    }
}

/// Kills with an empty store and then as often with a full one: downloads are hit more in the first, commits in the second.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let binary = shell::wharf(options.binary.as_deref())?;
    for side in &options.sides {
        let (sides, name) = side.sides();
        for (store, warm) in [("empty", false), ("full", true)] {
            let tally = Crash::new(&binary, sides, options.packages, warm)
                .run(options.kills, options.seed)
                .map_err(|why| Failure(format!("{name}, {store} store: {why}")))?;
            println!(
                "{name}: {} kills, {store} store: {} left the old environment, {} the new one, {} came too late; every next sync succeeded",
                options.kills, tally.old, tally.new, tally.too_late
            );
        }
    }
    Ok(())
}
