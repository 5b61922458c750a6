//! A build: cargo started over a ground of its own, watched, and its commands taken into the store.
//!
//! Source: the cargo book, "cargo install", and "External tools" for the messages. Invariants: the process has no input, a
//! group of its own that ends with it, and a lower priority than Wharf itself, so that compiling never starves a download. Where
//! there are sandboxes it runs in one: it reads the system, the compiler and the store, writes into its ground, and reaches nothing.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::AtomicBool;

use rustix::process::Pid;
use serde::Deserialize;
use wharf_core::{Algorithm, Digest, Ecosystem, Event, Phase, Sinks, TaskId};
use wharf_store::{Hasher, Kind, Limits, Store, TreeId};
use wharf_sys::sandbox::{self, Network, Sandbox, Strength};

use super::ground::{CrateContent, Ground, Request};
use super::{RustError, Toolchain, scrub};
use crate::waiting;

/// Lines of output that a message shows.
const TAIL: usize = 24;
/// How much less urgent compiling is than anything else.
const NICE: i32 = 10;

/// A tool that was built, in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// Its files: one a command.
    pub tree: TreeId,
    /// Its commands, sorted.
    pub commands: Vec<String>,
}

/// The digest under which the store knows what a compiler makes of a request.
fn digest(request: &Request, toolchain: &Toolchain) -> Digest {
    let text = format!("{}\n{}", request.key(), toolchain.verbose);
    Hasher::digest(Algorithm::Sha256, text.as_bytes())
}

/// What the store has of a build already.
#[must_use]
pub fn known(request: &Request, toolchain: &Toolchain, store: &Store) -> Option<Built> {
    let tree = store.lookup_package(Ecosystem::Cargo, &digest(request, toolchain))?;
    standing(tree, store)
}

/// A tree of the store as a built tool; `None` where it is gone or damaged.
#[must_use]
pub fn standing(tree: TreeId, store: &Store) -> Option<Built> {
    let entries = store.tree(&tree).ok()?;
    let mut commands = Vec::new();
    for entry in &entries.entries {
        let Kind::File {
            object, executable, ..
        } = &entry.kind
        else {
            return None;
        };
        if store.open_file(&tree, object, *executable).is_err() {
            return None;
        }
        commands.push(entry.path.as_str().to_owned());
    }
    Some(Built { tree, commands })
}

/// How a build is run.
pub struct Running<'a> {
    /// The compiler.
    pub toolchain: &'a Toolchain,
    /// Where what it makes goes.
    pub store: &'a Store,
    /// How many jobs cargo may run at once.
    pub jobs: usize,
    /// How strong a sandbox it runs in.
    pub strength: Strength,
    /// What build scripts reach over the network.
    pub network: Network,
    /// Where the output of a failure is kept.
    pub logs: &'a Path,
    /// Who hears of its progress.
    pub sinks: &'a Sinks,
    /// Set when the user wants it stopped.
    pub cancel: &'a AtomicBool,
}

/// Builds a tool, unless the store has it from this compiler.
///
/// # Errors
/// cargo fails, the tool has no commands, or the disk fails. Nothing is left behind but a log.
pub fn build(request: &Request, running: &Running<'_>) -> Result<Built, RustError> {
    if let Some(built) = known(request, running.toolchain, running.store) {
        return Ok(built);
    }
    let id = TaskId::new();
    let package = request.label();
    running.sinks.emit(Event::BuildStarted { id, package });
    let built = fresh(request, running);
    running.sinks.emit(Event::BuildFinished { id });
    built
}

fn fresh(request: &Request, running: &Running<'_>) -> Result<Built, RustError> {
    let stage = running.store.stage()?;
    let ground = Ground::lay_out(stage.path(), request)?;
    fs::create_dir_all(running.logs).map_err(RustError::io("make", running.logs))?;
    let log = running
        .logs
        .join(format!("{}-{}.log", request.name, request.version));
    let status = run(request, running, &ground, &log)?;
    if !status.success() {
        let text = fs::read(&log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        if nothing_to_install(&text) {
            return Err(no_commands(request));
        }
        return Err(RustError::Failed {
            package: request.label(),
            how: waiting::words(status),
            tail: tail(&text),
            limits: match running.strength {
                Strength::None => Box::default(),
                _ => sandbox::limits_met(&text, &format!("cargo:{}", request.name), running.network).into(),
            },
            log,
        });
    }
    // Only the output of what went wrong is of interest later.
    let _ = fs::remove_file(&log);
    let commands = ground.out().join("bin");
    if !commands.is_dir() {
        return Err(no_commands(request));
    }
    let tree = running.store.import_folder(&commands, &Limits::default())?;
    let built = standing(tree, running.store).ok_or_else(|| no_commands(request))?;
    if built.commands.is_empty() {
        return Err(no_commands(request));
    }
    let digest = digest(request, running.toolchain);
    running.store.record_package(Ecosystem::Cargo, &digest, &tree)?;
    Ok(built)
}

fn no_commands(request: &Request) -> RustError {
    RustError::NoCommands {
        package: request.label(),
        features: request.features.clone(),
    }
}

/// cargo's words for a package without commands.
fn nothing_to_install(text: &str) -> bool {
    text.contains("there is nothing to install in") || text.contains("no binaries are available")
}

fn command(request: &Request, running: &Running<'_>, ground: &Ground) -> Command {
    let toolchain = running.toolchain;
    let mut command = Command::new(&toolchain.cargo);
    command
        .arg("--config")
        .arg(ground.settings())
        .arg("install")
        .arg(&request.name)
        .arg("--version")
        // What follows a `+` belongs to no requirement.
        .arg(exact(request))
        .args(["--locked", "--offline", "--no-track", "--color", "never"])
        .args(["--message-format", "json-render-diagnostics"])
        .arg("--root")
        .arg(ground.out())
        .arg("--target-dir")
        .arg(ground.target())
        .arg("--jobs")
        .arg(running.jobs.max(1).to_string());
    if let Some(index) = &request.index {
        command.arg("--index").arg(index);
    }
    if !request.features.is_empty() {
        command.arg("--features").arg(request.features.join(","));
    }
    if request.all_features {
        command.arg("--all-features");
    }
    for bin in &request.bins {
        command.arg("--bin").arg(bin);
    }
    if request.no_default_features {
        command.arg("--no-default-features");
    }
    // The paths of a build end in messages of panics: those of the stage would differ from build to build.
    let remapped = format!("--remap-path-prefix={}=/crates", ground.crates().display());
    command
        .current_dir("/")
        .env_clear()
        .envs(scrub::passing(std::env::vars_os()))
        .env("PATH", path(toolchain))
        .env("CARGO_HOME", ground.home())
        .env("RUSTC", &toolchain.rustc)
        .env("CARGO_ENCODED_RUSTFLAGS", remapped);
    command
}

fn exact(request: &Request) -> String {
    let version = &request.version;
    let numbers = format!("={}.{}.{}", version.major, version.minor, version.patch);
    match version.pre.is_empty() {
        true => numbers,
        false => format!("{numbers}-{}", version.pre),
    }
}

/// The compiler's own programs first.
fn path(toolchain: &Toolchain) -> OsString {
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let own = [&toolchain.rustc, &toolchain.cargo].map(|file| file.parent().map(Path::to_owned));
    let rest = crate::toolchains::path_with_compilers(&rest);
    let folders = own.into_iter().flatten().chain(std::env::split_paths(&rest));
    std::env::join_paths(folders).unwrap_or(rest)
}

/// Runs cargo to its end.
fn run(
    request: &Request,
    running: &Running<'_>,
    ground: &Ground,
    log: &Path,
) -> Result<ExitStatus, RustError> {
    let errors = File::create(log).map_err(RustError::io("write", log))?;
    let mut command = command(request, running, ground);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(errors)
        // Its own group, so that all it started can be stopped with it.
        .process_group(0);
    let cargo = &running.toolchain.cargo;
    confine(&mut command, request, running, ground).map_err(RustError::io("confine", cargo))?;
    let started = command.spawn().map_err(sandbox::told);
    let mut child = started.map_err(RustError::io("start", cargo))?;
    // Failing to is no reason to stop: the build is only as urgent as everything else then.
    let _ = rustix::process::setpriority_pgrp(Some(Pid::from_child(&child)), NICE);
    let messages = child.stdout.take().expect("it was piped");
    let (sinks, total, label) = (
        running.sinks.clone(),
        request.crates.len() as u64 + 1,
        request.label(),
    );
    // It ends when the last process that holds the pipe does.
    let watcher = std::thread::spawn(move || watch(BufReader::new(messages), &sinks, total, &label));
    let status = waiting::wait(&mut child, running.cancel).map_err(RustError::io("wait for", cargo))?;
    let _ = watcher.join();
    status.ok_or(RustError::Interrupted)
}

/// Puts cargo and what it starts into a sandbox.
fn confine(
    command: &mut Command,
    request: &Request,
    running: &Running<'_>,
    ground: &Ground,
) -> std::io::Result<()> {
    let toolchain = running.toolchain;
    let temporary = ground.temporary();
    fs::create_dir_all(&temporary)?;
    let mut sandbox = Sandbox::for_build(command)
        .program(&toolchain.rustc)
        .program(&toolchain.cargo)
        .readable(running.store.root())
        .readable(&request.home)
        .writable(ground.root())
        .writable(ground.home())
        .temporary(temporary)
        .network(running.network);
    for one in &request.crates {
        if let CrateContent::Home(home) = &one.content {
            sandbox = sandbox.readable(home);
        }
    }
    sandbox.confine(command, running.strength)
}

/// One message of cargo's.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    #[serde(default)]
    kind: Vec<String>,
}

/// Tells how far the build is.
fn watch(messages: impl BufRead, sinks: &Sinks, total: u64, label: &str) {
    let mut done = 0;
    for line in messages.lines().map_while(Result::ok) {
        let Ok(message) = serde_json::from_str::<Message>(&line) else {
            continue;
        };
        let Some(target) = message.target.filter(|_| message.reason == "compiler-artifact") else {
            continue;
        };
        if target.kind.iter().any(|kind| kind == "custom-build") {
            continue;
        }
        done += 1;
        sinks.emit(Event::PhaseProgress {
            phase: Phase::Build,
            done,
            total: Some(total.max(done)),
            detail: Some(format!("{label}: {}", target.name)),
        });
    }
}

/// The last lines of the output, without those that only tell how far it was.
fn tail(text: &str) -> String {
    let progress = ["Compiling ", "Installing ", "Updating ", "Building "];
    let says = |line: &&str| {
        let line = line.trim_start();
        !line.is_empty() && !progress.iter().any(|word| line.starts_with(word))
    };
    let lines: Vec<&str> = text.lines().filter(says).collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_has_what_went_wrong_and_no_progress() {
        let text = "  Installing a v1.0.0\n   Compiling b v1.0.0\nerror: no\n\n   Compiling c v1.0.0\nerror: could not compile `b`\n";
        assert_eq!(tail(text), "error: no\nerror: could not compile `b`");
    }
}
