//! `cargo xtask bench`: Wharf and its peers on the same work, side by side, in one run.
//!
//! The peers come from the package registry into `target/bench/peers`. A mirror on a loopback port asks the live index
//! once, keeps every answer in `target/bench/recorded`, and answers from there ever after, so nothing that is measured
//! depends on anything outside of this machine. Invariant: a run in which the mirror had to ask the live index is
//! thrown away and repeated.

mod cargo;
mod cases;
mod deb;
mod isolate;
mod measure;
mod mirror;
mod mixed;
pub(crate) mod npm;
mod order;
mod pages;
pub(crate) mod peers;
mod record;
mod reply;
mod report;
mod rounds;
mod sets;
mod tape;
mod tools;

use std::path::{Path, PathBuf};

use crate::shell::{self, Failure};
use cases::Bench;

/// Options of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Measure npm projects against bun, pnpm, npm and aube.
    #[arg(long, group = "kind")]
    npm: bool,
    /// Measure a project with a Python and an npm side: one `wharf sync` against `uv sync` and `bun install` in turn; and one with crates and
    /// Debian packages as well, against cargo and apt besides.
    #[arg(long, group = "kind")]
    mixed: bool,
    /// Measure Rust projects and a command that is built against cargo.
    #[arg(long, group = "kind")]
    cargo: bool,
    /// Measure one-offs against uvx, npx and bunx, and the commands of installed tools against the files behind them.
    #[arg(long, group = "kind")]
    tools: bool,
    /// Measure Debian package sets against apt.
    #[arg(long, group = "kind")]
    deb: bool,
    /// Measure nothing: see which functions of the release binary the usual work runs, and write the file by which it is linked.
    #[arg(long, group = "kind")]
    order: bool,
    /// Which sets: small (20 wheels, 80 npm packages, 30 crates), medium (150, 500, 190), large (400, 1,500, 490); of npm also
    /// server (500), of crates also tool, of Debian packages also lists and desktop, of mixed projects also four; of tools their names; without it all.
    #[arg(long, value_delimiter = ',')]
    sets: Vec<String>,
    /// Of npm projects, which ways to do the work, by their names (`bun`, `wharf-global`); without it all.
    #[arg(long, value_delimiter = ',')]
    ways: Vec<String>,
    /// Of npm projects, the folder in which projects and homes are made, on the file system that is to be measured; what it has of the
    /// sets' names is removed.
    #[arg(long)]
    work: Option<PathBuf>,
    /// Which cases, by a part of their names (`resolve`, `install`, `nothing`).
    #[arg(long, default_value = "")]
    only: String,
    /// Of npm projects, measure nothing: run each set's `build` script over what each way installs.
    #[arg(long, requires = "npm")]
    builds: bool,
    /// How often each measurement is made; the median counts.
    #[arg(long, default_value_t = 7)]
    repeat: usize,
    /// How often pip, npm and builds are measured, which take far longer.
    #[arg(long, alias = "repeat-pip", default_value_t = 1)]
    repeat_slow: usize,
    /// Delay of every answer of the mirror, in milliseconds: a network's round trip.
    #[arg(long, default_value_t = 0)]
    latency: u64,
    /// Measure the peers alone (to prepare the recordings before there is a release build).
    #[arg(long)]
    without_wharf: bool,
    /// The binary; without it the release build. Figures of another build mean nothing.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Serve the mirror in this process until it is killed; the first line is its address.
    #[arg(long)]
    serve: bool,
    /// End the mirror with the process that started it.
    #[arg(long, hide = true)]
    with_parent: bool,
    /// The port of npm's mirror: lockfiles name it, so it stays the same.
    #[arg(long, default_value_t = 41873)]
    port: u16,
    /// How many seconds to wait after removing the trees of a round.
    #[arg(long, default_value_t = 40)]
    settle: u64,
    /// Leave the folders of a set as they are after the last measurement, to look into them.
    #[arg(long)]
    keep: bool,
}

impl Options {
    /// The binary under test, unless the peers are alone.
    fn wharf(&self) -> Result<Option<PathBuf>, Failure> {
        let wanted = (!self.without_wharf).then(|| shell::wharf(self.binary.as_deref()));
        wanted.transpose()
    }
}

/// Where everything of the benchmarks is kept.
fn directory() -> PathBuf {
    shell::target().join("bench")
}

/// Runs the benchmarks, or the mirror that they need.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    if options.serve && options.npm {
        return npm::serve(&directory().join("npm-recorded"), options);
    }
    if options.serve && options.cargo {
        return cargo::serve(&directory().join("cargo-recorded"), options);
    }
    if options.serve && options.deb {
        return deb::serve(options);
    }
    if options.serve {
        return pages::serve(&directory().join("recorded"), options);
    }
    let _alone = alone()?;
    if options.npm {
        return npm::run(options);
    }
    if options.order {
        return order::run(options);
    }
    if options.deb {
        return deb::run(options);
    }
    if options.mixed {
        return mixed::run(options);
    }
    if options.cargo {
        return cargo::run(options);
    }
    if options.tools {
        return tools::run(options);
    }
    let peers = peers::install(&directory().join("peers"))?;
    let wharf = options.wharf()?;
    let mirror = mirror::Mirror::start(options.latency)?;
    let mut results = Vec::new();
    for set in sets::load(&options.sets)? {
        println!("==> {}: preparing", set.name);
        let bench = Bench::prepare(
            &directory().join("work").join(set.name),
            set,
            &peers,
            wharf.as_deref(),
            &mirror,
        )?;
        results.push(bench.measure(options)?);
    }
    let versions = vec![peers.uv_version, peers.pip_version];
    report::Report::new(versions, wharf.as_deref(), options, results)?
        .publish(&directory().join("report.json"))
}

/// Holds the directory for this run: two at once would remove each other's files, and measure each other.
fn alone() -> Result<std::fs::File, Failure> {
    std::fs::create_dir_all(directory())?;
    let lock = std::fs::File::create(directory().join("lock"))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(_) => Err(Failure(format!(
            "another benchmark is running in {}",
            directory().display()
        ))),
    }
}

/// Waits after large trees were removed: ext4 is slow to give out inodes that were freed within the last half minute, which
/// would double what the next tool takes to make files. All tools of a round run after one such wait.
fn settle(removed: bool, options: &Options) {
    if removed {
        rustix::fs::sync();
        std::thread::sleep(std::time::Duration::from_secs(options.settle));
    }
}

/// Removes a file or directory; one that is missing is fine, and so is one in which something goes on behind a command that
/// has ended: that is waited for.
pub(crate) fn remove(path: &Path) -> Result<(), Failure> {
    const TRIES: u32 = 200;
    for left in (0..TRIES).rev() {
        let removed = if path.is_dir() && !path.is_symlink() {
            std::fs::remove_dir_all(path)
        } else {
            std::fs::remove_file(path)
        };
        match removed {
            Err(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty && left > 0 => {
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure(format!("{}: {error}", path.display())));
            }
            _ => break,
        }
    }
    Ok(())
}
