//! `wharf tool` and `wharf x`.

use std::ffi::OsString;
use std::process::ExitCode;

use wharf_core::Explain;
use wharf_ops::OpsError;
use wharf_ops::run::own;
use wharf_ops::session::Session;
use wharf_ops::tool::once::{self, OnceRequest};
use wharf_ops::tool::report::{
    InstalledTool, ListedTool, OutdatedTool, ToolList, ToolsChanged, ToolsOutdated, ToolsRemoved,
};
use wharf_ops::tool::{self, Features, InstallRequest, UpgradeRequest};

use super::{CannotBegin, Failure, Outcome, approve, run, words};
use crate::args::{
    CrateFeatures, Once, Tool, ToolApprove, ToolCommand, ToolDir, ToolExec, ToolInstall, ToolOutdated,
    ToolUpgrade,
};
use crate::output::{Paint, Printer};

pub(super) async fn tool(arguments: &Tool, session: &Session, printer: Printer) -> Result<Outcome, Failure> {
    match &arguments.command {
        ToolCommand::Install(arguments) => install(arguments, session, printer).await,
        ToolCommand::List => list(session, printer),
        ToolCommand::Upgrade(arguments) => upgrade(arguments, session, printer).await,
        ToolCommand::Outdated(arguments) => outdated(arguments, session, printer).await,
        ToolCommand::Approve(arguments) => allow(arguments, session, printer).await,
        ToolCommand::Remove(arguments) => {
            let report = tool::remove(session, &arguments.names)?;
            printer.finish("tool", &report, say_removed);
            Ok(Outcome::SUCCESS)
        }
        ToolCommand::Dir(arguments) => directory(arguments, session, printer),
        ToolCommand::Run(arguments) => x(arguments, session).await,
        ToolCommand::Exec(arguments) => exec(arguments),
    }
}

async fn install(arguments: &ToolInstall, session: &Session, printer: Printer) -> Result<Outcome, Failure> {
    let request = InstallRequest {
        tools: arguments.tools.clone(),
        with: arguments.with.clone(),
        features: arguments.features.request(),
        force: arguments.force,
        solving: arguments.solving.request()?,
        installing: arguments.installing.request(),
    };
    let report = tool::install(session, &request).await?;
    Ok(changed(&printer, &report, Verb::Install))
}

async fn upgrade(arguments: &ToolUpgrade, session: &Session, printer: Printer) -> Result<Outcome, Failure> {
    let request = UpgradeRequest {
        names: arguments.names.clone(),
        solving: arguments.solving.request()?,
        installing: arguments.installing.request(),
    };
    let report = tool::upgrade(session, &request).await?;
    Ok(changed(&printer, &report, Verb::Upgrade))
}

/// What was to be done with the tools of a report.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Install,
    Upgrade,
}

/// Tells what became of several tools; those that failed decide the exit code.
fn changed(printer: &Printer, report: &ToolsChanged, verb: Verb) -> Outcome {
    let failed = report.errors.first();
    match failed {
        None => printer.finish("tool", report, |printer, report| {
            say_changed(printer, report, verb);
        }),
        Some(first) => {
            printer.finish_partly("tool", report, first, |printer, report| {
                say_changed(printer, report, verb);
            });
        }
    }
    let code = failed.map_or(0, |error| error.fault().exit_code());
    Outcome::Done(ExitCode::from(code))
}

fn say_changed(printer: &Printer, report: &ToolsChanged, verb: Verb) {
    for tool in &report.tools {
        say_tool(printer, tool, verb);
    }
    explain(printer, &report.errors);
    if report.tools.is_empty() && report.errors.is_empty() {
        printer.remark("No tools are installed");
    }
    let exposed = report.tools.iter().any(|tool| !tool.commands.is_empty());
    if exposed && !report.bin_on_path {
        let folder = report.bin_directory.display().to_string();
        printer.warning(&format!("{folder}, where the commands are, is not on PATH"));
        for line in onto_path(&folder, report.shell.as_deref()) {
            printer.remark(&format!("{} {line}", printer.paint(Paint::Hint, "hint:")));
        }
    }
}

/// Explains what failed; what failed in the same way for several tools once.
fn explain(printer: &Printer, errors: &[OpsError]) {
    let mut said = Vec::new();
    for error in errors {
        let words = error.to_string();
        if !said.contains(&words) {
            printer.explain(error);
            said.push(words);
        }
    }
}

async fn outdated(arguments: &ToolOutdated, session: &Session, printer: Printer) -> Result<Outcome, Failure> {
    let report = tool::outdated::outdated(session, &arguments.names).await?;
    match report.errors.first() {
        None => {
            printer.finish("tool", &report, say_outdated);
            Ok(Outcome::answer(!arguments.check || report.outdated.is_empty()))
        }
        Some(first) => {
            printer.finish_partly("tool", &report, first, say_outdated);
            Ok(Outcome::Done(ExitCode::from(first.fault().exit_code())))
        }
    }
}

/// A tool's own package is marked, as what a manifest names is in `wharf outdated`.
fn say_outdated(printer: &Printer, report: &ToolsOutdated) {
    let width = |text: fn(&OutdatedTool) -> &str| {
        let widths = report.outdated.iter().map(|entry| text(entry).len());
        widths.max().unwrap_or(0)
    };
    let (names, locked) = (width(|entry| &entry.package), width(|entry| &entry.locked));
    let mut text = String::new();
    for entry in &report.outdated {
        let own = entry.package == entry.tool;
        let mark = if own { "*" } else { " " };
        let note = match own {
            true if entry.requested == entry.tool => String::new(),
            true => format!("  ({})", entry.requested),
            false => format!("  with {}", entry.tool),
        };
        text.push_str(&format!(
            "{mark} {:names$}  {:locked$} → {}{note}\n",
            entry.package, entry.locked, entry.latest
        ));
    }
    printer.data(&text);
    explain(printer, &report.errors);
    if report.outdated.is_empty() && report.errors.is_empty() {
        printer.remark(&format!(
            "{} looked up, none is outdated",
            words::count(report.checked, "package")
        ));
    }
}

async fn allow(arguments: &ToolApprove, session: &Session, printer: Printer) -> Result<Outcome, Failure> {
    let request = approve::request(&arguments.approve);
    let report = tool::approve::approve(session, &arguments.tool, &request).await?;
    printer.finish("tool", &report, approve::say);
    Ok(Outcome::SUCCESS)
}

impl CrateFeatures {
    fn request(&self) -> Features {
        Features {
            on: self.features.clone(),
            without_default: self.no_default_features,
        }
    }
}

fn say_tool(printer: &Printer, tool: &InstalledTool, verb: Verb) {
    let version = tool.version.as_deref().unwrap_or("?");
    let line = match (&tool.previous, verb) {
        (None, _) => format!("Installed {} {version}", tool.package),
        (Some(before), _) if before != version => format!("Upgraded {} {before} → {version}", tool.package),
        (Some(_), Verb::Install) if tool.up_to_date => format!(
            "{} {version} is installed already; `wharf tool upgrade` looks for newer versions",
            tool.package
        ),
        (Some(_), Verb::Upgrade) if tool.up_to_date => {
            format!("{} {version} is the newest that fits", tool.package)
        }
        (Some(_), _) => format!("Changed {} {version}", tool.package),
    };
    printer.remark(&line);
    if tool.previous.is_some() {
        words::changes(printer, &tool.changes);
    }
    let placed: Vec<&str> = tool
        .commands
        .iter()
        .filter(|command| command.taken_by.is_none())
        .map(|command| command.name.as_str())
        .collect();
    if !tool.up_to_date && !placed.is_empty() {
        printer.remark(&format!("  commands: {}", placed.join(", ")));
    }
    if let Some(origin) = tool.origin.as_ref().filter(|_| !tool.up_to_date) {
        printer.remark(&format!("  {origin}"));
    }
    for command in &tool.commands {
        if let Some(owner) = &command.taken_by {
            printer.warning(&format!(
                "the command `{}` stays that of {owner}: `wharf tool install {} --force` replaces it",
                command.name, tool.package
            ));
        }
        if let Some(owner) = &command.replaced {
            printer.warning(&format!("the command `{}` was that of {owner}", command.name));
        }
        if let Some(path) = &command.hidden_by {
            printer.warning(&format!(
                "`{}` starts {}, which comes earlier on PATH",
                command.name,
                path.display()
            ));
        }
        if let Some(path) = &command.hides {
            printer.remark(&format!("  `{}` comes before {}", command.name, path.display()));
        }
    }
}

/// What puts a folder on PATH: for the user's shell, or for each.
fn onto_path(folder: &str, shell: Option<&str>) -> Vec<String> {
    let name = shell
        .and_then(|shell| shell.rsplit('/').next())
        .unwrap_or_default();
    let bash = format!("bash: echo 'export PATH=\"{folder}:$PATH\"' >> ~/.bashrc");
    let zsh = format!("zsh: echo 'export PATH=\"{folder}:$PATH\"' >> ~/.zshrc");
    let fish = format!("fish: fish_add_path \"{folder}\"");
    let nu = format!("nu: $env.PATH = ($env.PATH | prepend \"{folder}\")   (in config.nu)");
    match name {
        "bash" => vec![bash],
        "zsh" => vec![zsh],
        "fish" => vec![fish],
        "nu" => vec![nu],
        _ => vec![bash, zsh, fish, nu],
    }
}

fn list(session: &Session, printer: Printer) -> Result<Outcome, Failure> {
    let report = tool::list(session)?;
    printer.finish("tool", &report, say_list);
    Ok(Outcome::SUCCESS)
}

fn say_list(printer: &Printer, report: &ToolList) {
    if report.tools.is_empty() {
        printer.remark("No tools are installed");
    }
    for tool in &report.tools {
        printer.data(&line(printer, tool));
        if let Some(trouble) = &tool.trouble {
            printer.warning(&format!("{}: {trouble}", tool.package));
            if let Some(hint) = &tool.hint {
                printer.remark(&format!("{} `{hint}`", printer.paint(Paint::Hint, "hint:")));
            }
        }
    }
}

fn line(printer: &Printer, tool: &ListedTool) -> String {
    let mut text = printer.paint_data(Paint::Strong, &tool.package);
    text.push_str(&format!(" {}", tool.version.as_deref().unwrap_or("?")));
    if let Some(requested) = tool
        .requested
        .as_ref()
        .filter(|requested| **requested != tool.package)
    {
        text.push_str(&format!("  ({requested})"));
    }
    if !tool.with.is_empty() {
        text.push_str(&format!("  with {}", tool.with.join(", ")));
    }
    let runtimes = [("Python", &tool.python), ("Node", &tool.node)];
    for (name, version) in runtimes
        .iter()
        .filter_map(|(name, version)| Some((name, version.as_ref()?)))
    {
        text.push_str(&format!("  {name} {version}"));
    }
    text.push('\n');
    for command in &tool.commands {
        text.push_str(&format!("  {command}\n"));
    }
    text
}

fn say_removed(printer: &Printer, report: &ToolsRemoved) {
    for tool in &report.removed {
        let commands = match tool.commands.is_empty() {
            true => String::new(),
            false => format!(" ({})", tool.commands.join(", ")),
        };
        printer.remark(&format!("Removed {}{commands}", tool.package));
    }
}

fn directory(arguments: &ToolDir, session: &Session, printer: Printer) -> Result<Outcome, Failure> {
    let path = match arguments.bin {
        true => tool::bin_directory(session)?,
        false => tool::directory(session, arguments.name.as_deref())?,
    };
    printer.finish("tool", &serde_json::json!({ "path": path }), |printer, _| {
        printer.data(&format!("{}\n", path.display()));
    });
    Ok(Outcome::SUCCESS)
}

fn once_request(arguments: &Once) -> Result<OnceRequest, Failure> {
    let mut words = arguments.words.iter();
    let word = words.next().expect("the command line demands a word");
    let word = word
        .to_str()
        .ok_or_else(|| CannotBegin::Value(format!("`{}` is not text", word.display())))?;
    let mut rest: Vec<OsString> = words.cloned().collect();
    if rest.first().is_some_and(|first| first == "--") {
        rest.remove(0);
    }
    Ok(OnceRequest {
        word: word.to_owned(),
        from: arguments.from.clone(),
        with: arguments.with.clone(),
        features: arguments.features.request(),
        arguments: rest,
        refresh: arguments.refresh,
        solving: arguments.solving.request()?,
        installing: arguments.installing.request(),
    })
}

/// Becomes the command at once where nothing has to be done first.
pub(super) fn once_ready(
    arguments: &Once,
    session: &Session,
    printer: Printer,
) -> Option<Result<Outcome, Failure>> {
    let ready = once_request(arguments).and_then(|request| {
        if arguments.prefer_project {
            if let Some(running) = own::command(session, &request)? {
                return Ok(Some(run::replace(Some(running), printer)));
            }
            let asked = request.from.as_ref().unwrap_or(&request.word);
            printer.remark(&format!(
                "The project has no command of {asked}: `wharf x` runs it"
            ));
        }
        Ok(once::ready(session, &request)?.map(replace))
    });
    match ready {
        Ok(Some(outcome)) => Some(Ok(outcome)),
        Ok(None) => None,
        Err(error) => Some(Err(error)),
    }
}

pub(super) async fn x(arguments: &Once, session: &Session) -> Result<Outcome, Failure> {
    Ok(replace(once::prepare(session, &once_request(arguments)?).await?))
}

/// Becomes a command of a tool that runs in a system root.
pub(super) fn exec(arguments: &ToolExec) -> Result<Outcome, Failure> {
    let (program, rest) = arguments
        .command
        .split_first()
        .expect("the command line demands a command");
    Ok(replace(once::exec(&arguments.folder, program, rest)?))
}

fn replace(ready: once::Ready) -> Outcome {
    Outcome::Replace(Box::new(run::Program::alone(ready.command).inside(ready.view)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shell_has_its_own_line() {
        for (shell, beginning) in [
            ("/bin/bash", "bash: "),
            ("/usr/bin/zsh", "zsh: "),
            ("/opt/fish", "fish: "),
            ("nu", "nu: "),
        ] {
            let lines = onto_path("/b", Some(shell));
            assert_eq!(lines.len(), 1, "{shell}");
            assert!(
                lines[0].starts_with(beginning) && lines[0].contains("/b"),
                "{lines:?}"
            );
        }
        assert_eq!(onto_path("/b", None).len(), 4);
        assert_eq!(onto_path("/b", Some("/bin/sh")).len(), 4);
    }
}
