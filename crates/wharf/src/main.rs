//! The `wharf` program: arguments in, one use case of `wharf-ops`, text or JSON out.
//! Invariant: no logic of the domain lives here.

mod args;
mod commands;
mod output;
mod progress;

use std::process::ExitCode;
use std::sync::Arc;

use wharf_ops::cancel::Cancel;
use wharf_ops::session::Session;

use crate::args::{Arguments, Parsed};
use crate::commands::run::Program;
use crate::commands::{Failure, Outcome};
use crate::output::Printer;

/// A resolution makes a million small things: the system's allocator took a third of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if let Some(resumed) = wharf_sys::view::resumed() {
        let program = Program::resumed(resumed);
        return become_program(program, Printer::plain(), "run");
    }
    let arguments = match args::parse() {
        Ok(Parsed::Arguments(arguments)) => *arguments,
        Ok(Parsed::Answer(line)) => {
            Printer::plain().data(&format!("{line}\n"));
            return ExitCode::SUCCESS;
        }
        Err(refused) => return Printer::plain().fail("run", &refused),
    };
    let printer = Printer::new(&arguments.global);
    start_tracing(arguments.global.verbose);
    let name = commands::name(&arguments.command);
    match run(arguments, printer) {
        Ok(Outcome::Done(code)) => code,
        Ok(Outcome::Replace(program)) => become_program(*program, printer, name),
        Ok(Outcome::Together(programs)) => match programs.run(printer) {
            Ok(code) => code,
            Err(error) => printer.fail(name, &*error),
        },
        Err(error) => printer.fail(name, &*error),
    }
}

/// This process is the program from here on; returns only where that failed.
fn become_program(mut program: Program, printer: Printer, name: &str) -> ExitCode {
    match program.replace_process() {
        Ok(never) => match never {},
        Err(error) => printer.fail(name, &*error),
    }
}

/// Runs one command, in a runtime only if it needs one.
fn run(arguments: Arguments, printer: Printer) -> Result<Outcome, Failure> {
    commands::check_format(&arguments.command, arguments.global.format)?;
    if let Some(outcome) = commands::without_session(&arguments.command, printer) {
        return outcome;
    }
    let sink = progress::sink(printer, arguments.global.no_progress);
    let cancel = Cancel::new();
    let session = Arc::new(Session::new(
        commands::settings(&arguments.global)?,
        sink,
        cancel.clone(),
    ));
    if let Some(outcome) = commands::nothing_to_do(&arguments.command, &session, printer) {
        return outcome;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(commands::CannotBegin::Runtime)?;
    let outcome = runtime.block_on(async {
        stop_on_signal(cancel);
        let outcome = commands::dispatch(arguments.command, &session, printer).await;
        session.flush().await;
        outcome
    });
    session.settle_behind();
    // What it knows ends with the process: giving a million small things back one by one takes longer than ending.
    std::mem::forget(session);
    // Blocking work that was cancelled ends by itself; waiting for it here could hang on a dead disk.
    runtime.shutdown_background();
    outcome
}

/// The first interrupt asks the command to stop cleanly, the second ends the process; the journal covers that too.
fn stop_on_signal(cancel: Cancel) {
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_err() {
            return;
        }
        cancel.cancel();
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(130);
        }
    });
}

/// `-vv`, or WHARF_LOG with a filter, traces every step to standard error.
fn start_tracing(verbose: u8) {
    let filter = match (std::env::var("WHARF_LOG"), verbose) {
        (Ok(filter), _) if !filter.is_empty() => filter,
        (_, 0 | 1) => return,
        (_, 2) => "warn,wharf=debug,wharf_ops=debug,wharf_index=debug,wharf_net=debug,wharf_install=debug,wharf_store=debug,wharf_solve=debug,wharf_project=debug".to_owned(),
        (_, _) => "trace".to_owned(),
    };
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
}
