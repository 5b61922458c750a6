//! `cargo xtask ci`: everything that a change must pass, step by step, each with its time.
//!
//! Invariant: needs cargo and a Python on PATH, nothing else; tools that make it faster or stricter are used if present.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::shell::{self, Failure};
use crate::tidy;

/// Options of `cargo xtask ci`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Run only the steps whose name contains this text.
    #[arg(long)]
    only: Option<String>,
}

type Step = (&'static str, fn() -> Result<(), Failure>);

const STEPS: [Step; 7] = [
    ("format", format),
    ("tidy", tidy::run),
    ("lints", lints),
    ("documentation", documentation),
    ("documentation tests", documentation_tests),
    ("tests", tests),
    ("dependencies", dependencies),
];

/// Runs the steps in order, the tests near the end for they take longest, and stops at the first that fails. The last line says how many
/// passed; without one, a step failed.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let mut times: Vec<(&str, Duration)> = Vec::new();
    for (name, step) in STEPS {
        if options
            .only
            .as_ref()
            .is_some_and(|only| !name.contains(only.as_str()))
        {
            continue;
        }
        println!("==> {name}");
        let start = Instant::now();
        step().map_err(|Failure(message)| Failure(format!("{name}: {message}")))?;
        times.push((name, start.elapsed()));
    }
    if times.is_empty() {
        return Err(Failure("no step has such a name".to_owned()));
    }
    let passed = times.len();
    for (name, time) in times {
        println!("{name:<22}{:>8.1} s", time.as_secs_f64());
    }
    println!("{passed} of {} steps passed", STEPS.len());
    Ok(())
}

fn format() -> Result<(), Failure> {
    shell::run(shell::cargo().args(["fmt", "--all", "--check"]))
}

fn lints() -> Result<(), Failure> {
    let arguments = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--locked",
        "--",
        "-D",
        "warnings",
    ];
    shell::run(shell::cargo().args(arguments))
}

fn tests() -> Result<(), Failure> {
    if shell::answers(shell::cargo().args(["nextest", "--version"])) {
        shell::run(shell::cargo().args(["nextest", "run", "--workspace", "--locked", "--profile", "ci"]))
    } else {
        shell::run(shell::cargo().args(["test", "--workspace", "--locked", "--lib", "--bins", "--tests"]))
    }
}

fn documentation_tests() -> Result<(), Failure> {
    shell::run(shell::cargo().args(["test", "--workspace", "--locked", "--doc", "--quiet"]))
}

fn documentation() -> Result<(), Failure> {
    let mut command = shell::cargo();
    command.args([
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
        "--quiet",
        "--locked",
    ]);
    shell::run(command.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links"))
}

fn dependencies() -> Result<(), Failure> {
    if !shell::answers(Command::new("cargo-deny").arg("--version")) {
        println!("cargo deny is not installed: licences were checked by tidy, advisories were not");
        return Ok(());
    }
    shell::run(shell::cargo().args(["deny", "--offline", "check", "licenses", "bans", "sources"]))
}
