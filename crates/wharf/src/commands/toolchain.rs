//! `wharf toolchain`.

use wharf_ops::session::Session;
use wharf_ops::toolchain::{self, Asking, ToolchainAdded, ToolchainList, Wanted};

use super::{Failure, Outcome, words};
use crate::args::{Toolchain, ToolchainCommand};
use crate::output::{Paint, Printer};

pub(super) async fn toolchain(
    arguments: &Toolchain,
    session: &Session,
    printer: Printer,
) -> Result<Outcome, Failure> {
    match &arguments.command {
        ToolchainCommand::List(arguments) => {
            let asking = match arguments.available {
                true => Asking::Registries,
                false => Asking::Nobody,
            };
            let report = toolchain::list(session, asking).await?;
            printer.finish("toolchain", &report, say_list);
        }
        ToolchainCommand::Add(arguments) => {
            let wanted = all(&arguments.toolchains)?;
            let mut added = Vec::with_capacity(wanted.len());
            for wanted in &wanted {
                match toolchain::add(session, wanted).await {
                    Ok(one) => added.push(one),
                    Err(error) => {
                        // What was added before stays: it is told, unless the one document is the error.
                        if !printer.is_json() {
                            added.iter().for_each(|one| say_added(&printer, one));
                        }
                        return Err(error.into());
                    }
                }
            }
            let report = serde_json::json!({ "toolchains": added });
            printer.finish("toolchain", &report, |printer, _| {
                for one in &added {
                    say_added(printer, one);
                }
            });
        }
        ToolchainCommand::Remove(arguments) => {
            let mut removed = Vec::new();
            for wanted in &all(&arguments.toolchains)? {
                removed.extend(toolchain::remove(session, wanted)?.removed);
            }
            let report = serde_json::json!({ "removed": removed });
            printer.finish("toolchain", &report, |printer, _| {
                for one in &removed {
                    printer.remark(&format!("Removed {one}"));
                }
            });
        }
    }
    Ok(Outcome::SUCCESS)
}

fn all(texts: &[String]) -> Result<Vec<Wanted>, Failure> {
    let all: Result<Vec<Wanted>, _> = texts.iter().map(|text| text.parse()).collect();
    all.map_err(|error| Box::new(error) as Failure)
}

fn say_list(printer: &Printer, report: &ToolchainList) {
    let mut text = String::new();
    for found in &report.found {
        let mark = match found.default {
            true => printer.paint_data(Paint::Added, "→"),
            false => " ".to_owned(),
        };
        text.push_str(&format!(
            "{mark} {} {}  {}  ({})\n",
            found.toolchain,
            found.version,
            found.path.display(),
            found.found_in
        ));
    }
    for available in &report.available {
        let versions = match available.versions.is_empty() {
            true => String::new(),
            false => format!("{}  from ", available.versions.join(", ")),
        };
        let can = match available.can_be_added {
            true => "can be added",
            false => "cannot be added",
        };
        text.push_str(&format!(
            "{} {can}: {versions}{}\n",
            available.toolchain, available.note
        ));
    }
    printer.data(&text);
}

fn say_added(printer: &Printer, added: &ToolchainAdded) {
    let path = added.path.display();
    let (kind, version) = (added.toolchain, &added.version);
    match added.was_there {
        true => printer.remark(&format!("{kind} {version} is there already: {path}")),
        false => printer.remark(&format!(
            "Added {kind} {version}: {path} ({} downloaded)",
            words::size(added.downloaded)
        )),
    }
}
