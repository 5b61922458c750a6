//! The one object through which all text passes. Invariant: what was asked for goes to standard output, everything else
//! to standard error; without colour the text still says everything.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use owo_colors::{OwoColorize, Style};
use serde::Serialize;
use serde_json::json;
use wharf_core::{Explain, Fault};
use wharf_sys::together::Stream;

use crate::args::{Color, Format, Global};

/// Decides once how text looks, and prints it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    format: Format,
    quiet: bool,
    verbose: u8,
    /// Whether remarks, which go to standard error, are coloured.
    colour: bool,
    /// Whether data, which goes to standard output, is coloured: a pipe must not get escapes because errors go to a terminal.
    data_colour: bool,
}

/// The roles that text plays.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Paint {
    /// Headings of errors.
    Error,
    /// Headings of warnings.
    Warning,
    /// Headings of hints.
    Hint,
    /// Added things.
    Added,
    /// Removed things.
    Removed,
    /// Changed things.
    Changed,
    /// Names that matter.
    Strong,
    /// Side remarks.
    Faint,
}

impl Printer {
    /// Text without colours, for what is told before the command line is read.
    pub(crate) fn plain() -> Self {
        Self {
            format: Format::Text,
            quiet: false,
            verbose: 0,
            colour: false,
            data_colour: false,
        }
    }

    /// Reads the wishes of the command line and of the terminal.
    pub(crate) fn new(global: &Global) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let colour = |on_terminal: bool| match global.color {
            Color::Auto => wanted && on_terminal,
            Color::Always => true,
            Color::Never => false,
        };
        Self {
            format: global.format,
            quiet: global.quiet,
            verbose: global.verbose,
            colour: colour(std::io::stderr().is_terminal()),
            data_colour: colour(std::io::stdout().is_terminal()),
        }
    }

    /// Whether results are JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// How results are printed.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Whether `-v` was given.
    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose > 0
    }

    /// Whether progress may be shown at all.
    pub(crate) fn may_progress(&self) -> bool {
        !self.quiet && !self.is_json() && self.verbose < 2
    }

    /// A remark's `text` in its role's colour, or plain.
    pub(crate) fn paint(&self, role: Paint, text: &str) -> String {
        if self.colour {
            Self::painted(role, text)
        } else {
            text.to_owned()
        }
    }

    /// The same for what [`Printer::data`] prints.
    pub(crate) fn paint_data(&self, role: Paint, text: &str) -> String {
        if self.data_colour {
            Self::painted(role, text)
        } else {
            text.to_owned()
        }
    }

    fn painted(role: Paint, text: &str) -> String {
        let style = match role {
            Paint::Error | Paint::Removed => Style::new().red().bold(),
            Paint::Warning | Paint::Changed => Style::new().yellow().bold(),
            Paint::Hint => Style::new().cyan().bold(),
            Paint::Added => Style::new().green().bold(),
            Paint::Strong => Style::new().bold(),
            Paint::Faint => Style::new().dimmed(),
        };
        text.style(style).to_string()
    }

    /// Prints what was asked for. A closed pipe ends the program quietly, as other filters do; any other failure, such
    /// as a full disk behind a redirection, is an error, because what was asked for is lost.
    pub(crate) fn data(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(141),
            Err(error) => {
                let head = self.paint(Paint::Error, "error:");
                self.always(&format!("{head} cannot write to standard output: {error}"));
                std::process::exit(Fault::World.exit_code().into());
            }
        }
    }

    /// Whether nothing is printed but what was asked for, and errors.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Prints a line of what somebody else says, behind the name of that one.
    pub(crate) fn line_of(&self, name: &str, stream: Stream, line: &[u8]) -> std::io::Result<()> {
        let name = match stream {
            Stream::Output => self.paint_data(Paint::Strong, name),
            Stream::Errors => self.paint(Paint::Strong, name),
        };
        let text = [name.as_bytes(), b": ", line, b"\n"].concat();
        match stream {
            Stream::Output => {
                let mut out = std::io::stdout().lock();
                out.write_all(&text).and_then(|()| out.flush())
            }
            Stream::Errors => std::io::stderr().lock().write_all(&text),
        }
    }

    /// Prints a remark, unless `--quiet`.
    pub(crate) fn remark(&self, text: &str) {
        if !self.quiet {
            self.always(text);
        }
    }

    /// Prints to standard error whatever the flags say. A closed standard error loses it: there is nowhere else to go.
    fn always(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// Prints a warning, unless `--quiet`.
    pub(crate) fn warning(&self, message: &str) {
        self.remark(&format!("{} {message}", self.paint(Paint::Warning, "warning:")));
    }

    /// Ends a command: its result as JSON, or as `text` renders it.
    pub(crate) fn finish<R: Serialize>(&self, command: &str, result: &R, text: impl FnOnce(&Self, &R)) {
        if self.is_json() {
            self.document(&json!({ "command": command, "ok": true, "result": result }));
        } else {
            text(self, result);
        }
    }

    /// Ends a command with an error; gives the exit code of its fault.
    pub(crate) fn fail(&self, command: &str, error: &(dyn Explain + 'static)) -> ExitCode {
        if self.is_json() {
            self.document(&failure(command, error));
        } else {
            self.explain(error);
        }
        ExitCode::from(error.fault().exit_code())
    }

    /// Ends a command of which a part failed: its result and the first error in one document, or as `text` renders both.
    pub(crate) fn finish_partly<R: Serialize>(
        &self,
        command: &str,
        result: &R,
        error: &(dyn Explain + 'static),
        text: impl FnOnce(&Self, &R),
    ) {
        if self.is_json() {
            let mut document = failure(command, error);
            document["result"] = json!(result);
            self.document(&document);
        } else {
            text(self, result);
        }
    }

    /// Prints an error with its causes and hints.
    pub(crate) fn explain(&self, error: &dyn Explain) {
        self.always(&format!("{} {error}", self.paint(Paint::Error, "error:")));
        for cause in causes(error) {
            self.always(&format!("  {} {cause}", self.paint(Paint::Faint, "cause:")));
        }
        let mut hints = error.hints();
        if error.fault() == Fault::Bug {
            hints.push(
                "this is a defect of Wharf: please report it with the output of the same command and `-vv`"
                    .to_owned(),
            );
        }
        if !hints.is_empty() {
            self.always("");
        }
        for hint in hints {
            self.always(&format!("{} {hint}", self.paint(Paint::Hint, "hint:")));
        }
    }

    fn document(&self, value: &serde_json::Value) {
        let mut text = serde_json::to_string_pretty(value).expect("a JSON value always prints");
        text.push('\n');
        self.data(&text);
    }
}

/// The document of a failure.
fn failure(command: &str, error: &(dyn Explain + 'static)) -> serde_json::Value {
    let mut document = json!({ "command": command, "ok": false, "error": {
        "code": error.code(),
        "fault": error.fault().as_str(),
        "message": error.to_string(),
        "causes": causes(error),
        "hints": error.hints(),
    }});
    if let Some(details) = details(error) {
        document["error"]["details"] = details;
    }
    document
}

/// What a use case's error, here or further down, says beyond its words.
fn details(error: &(dyn Explain + 'static)) -> Option<serde_json::Value> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<wharf_ops::OpsError>() {
            return error.details();
        }
        next = error.source();
    }
    None
}

/// The chain of causes, outermost first, without those that the message above already says.
fn causes(error: &dyn Explain) -> Vec<String> {
    let mut causes = Vec::new();
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !said.contains(&text) {
            causes.push(text.clone());
            said = text;
        }
        next = cause.source();
    }
    causes
}
