//! `wharf run --parallel`: this process stays, and prints what the members say behind their names.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, ExitStatus};

use wharf_core::{Explain, Fault};
use wharf_ops::run::members::{Bail, Member};
use wharf_sys::together::{self, End, Failing, News};

use crate::commands::Failure;
use crate::output::{Paint, Printer};

/// What this process runs in members of the workspace, all at once.
#[derive(Debug)]
pub(crate) struct Together {
    labels: Vec<String>,
    commands: Vec<Command>,
    failing: Failing,
}

impl Together {
    /// What there is to run.
    pub(super) fn new(members: Vec<Member>, bail: Bail) -> Self {
        let members = members.into_iter().map(|member| (member.label, member.command));
        let (labels, commands) = members.unzip();
        Self {
            labels,
            commands,
            failing: match bail {
                Bail::AtOnce => Failing::EndsAll,
                Bail::AtTheEnd => Failing::EndsNone,
            },
        }
    }

    /// Runs it to the end; gives the exit code of the first that failed.
    pub(crate) fn run(self, printer: Printer) -> Result<ExitCode, Failure> {
        let labels = self.labels;
        // Where what they print gets nowhere.
        let mut lost = false;
        let end = together::together(self.commands, self.failing, |index, news| {
            let label = labels[index].as_str();
            match news {
                News::Line(stream, line) => {
                    let printed = printer.line_of(label, stream, line);
                    lost |= printed.is_err();
                    printed
                }
                News::Failed(status) => {
                    let label = printer.paint(Paint::Strong, label);
                    printer.remark(&format!("{label}: {}", words(status)));
                    Ok(())
                }
            }
        });
        match end {
            Ok(End::Well) => Ok(ExitCode::SUCCESS),
            Ok(End::Failed(status)) => Ok(code(status)),
            Ok(End::Signalled(signal)) => Ok(code(ExitStatus::from_raw(signal))),
            // As where one of them had printed there itself.
            Err(error) if lost && error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::from(141)),
            Err(source) if lost => Err(Box::new(Broken::Print(source))),
            Err(source) => Err(Box::new(Broken::Start(source))),
        }
    }
}

/// The code by which shells tell of an end, a signal's too.
fn code(status: ExitStatus) -> ExitCode {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

fn words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (code, _) => format!("failed with exit code {}", code.unwrap_or(1)),
    }
}

/// Why members were ended.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("not all members can be started at once")]
    Start(#[source] io::Error),
    #[error("what the members print cannot be written")]
    Print(#[source] io::Error),
}

impl Explain for Broken {
    fn code(&self) -> &'static str {
        match self {
            Self::Start(_) => "run/cannot-start",
            Self::Print(_) => "run/cannot-print",
        }
    }

    fn fault(&self) -> Fault {
        Fault::World
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Start(_) => vec![
                "look at the limits on processes and open files (`ulimit -a`), or leave out `--parallel`: then one runs after the other".to_owned(),
            ],
            Self::Print(_) => Vec::new(),
        }
    }
}
