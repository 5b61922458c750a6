//! The project's own chores: `cargo xtask <command>`. Nothing here ships.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the chores report to the developer who runs them"
)]

mod agreement;
mod apt_check;
mod bench;
mod cargo_check;
mod ci;
mod crash;
mod npm_check;
mod shell;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::shell::Failure;

/// The project's own chores.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Check what the compiler does not: the ladder of crates, file heads and lengths, host names, licences.
    Tidy,
    /// Everything that a change must pass: format, lints, tests, documentation, tidy.
    Ci(ci::Options),
    /// Measure Wharf against its peers on recorded registry answers.
    Bench(bench::Options),
    /// Compare resolutions with uv's over the live index.
    Agreement(agreement::Options),
    /// Install real npm projects, read them as node does, and count against the peers.
    NpmCheck(npm_check::Options),
    /// Resolve real Rust projects, and compare with what cargo locks.
    CargoCheck(cargo_check::Options),
    /// Solve package sets over Debian's full index, and compare with what apt makes of them.
    AptCheck(apt_check::Options),
    /// Kill `wharf sync` at random points and check that the environment is the old one or the new one.
    Crash(crash::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().chore {
        Chore::Tidy => tidy::run(),
        Chore::Ci(options) => ci::run(&options),
        Chore::Bench(options) => bench::run(&options),
        Chore::Agreement(options) => agreement::run(&options),
        Chore::NpmCheck(options) => npm_check::run(&options),
        Chore::CargoCheck(options) => cargo_check::run(&options),
        Chore::AptCheck(options) => apt_check::run(&options),
        Chore::Crash(options) => crash::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(message)) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
