//! `cargo xtask crash`: the kill sweep of the testkit against the release build.

use std::path::PathBuf;

use wharf_testkit::Crash;

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
    /// How many packages change.
    #[arg(long, default_value_t = 40)]
    packages: usize,
    /// The binary; without it the release build.
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// Kills with an empty store and then as often with a full one: downloads are hit more in the first, commits in the second.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let binary = shell::wharf(options.binary.as_deref())?;
    for (store, warm) in [("empty", false), ("full", true)] {
        let tally = Crash::new(&binary, options.packages, warm)
            .run(options.kills, options.seed)
            .map_err(Failure)?;
        println!(
            "{} kills, {store} store: {} left the old environment, {} the new one, {} came too late; every next sync succeeded",
            options.kills, tally.old, tally.new, tally.too_late
        );
    }
    Ok(())
}
