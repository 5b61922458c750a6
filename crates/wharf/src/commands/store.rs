//! `wharf store`.

use wharf_ops::report::{StoreSizeReport, StoreVerifyReport};
use wharf_ops::session::Session;
use wharf_ops::store::{self, Depth, Repair};

use super::{Failure, Outcome, words};
use crate::args::{Store, StoreCommand};
use crate::output::{Paint, Printer};

pub(super) fn store(arguments: &Store, session: &Session, printer: Printer) -> Result<Outcome, Failure> {
    match &arguments.command {
        StoreCommand::Path => {
            let path = session.settings().store.clone();
            printer.finish("store", &serde_json::json!({ "path": path }), |printer, _| {
                printer.data(&format!("{}\n", path.display()));
            });
            Ok(Outcome::SUCCESS)
        }
        StoreCommand::Size => {
            let report = store::size(session)?;
            printer.finish("store", &report, say_size);
            Ok(Outcome::SUCCESS)
        }
        StoreCommand::Verify(arguments) => {
            let depth = if arguments.quick {
                Depth::Quick
            } else {
                Depth::Full
            };
            let repair = if arguments.repair {
                Repair::Quarantine
            } else {
                Repair::Report
            };
            let report = store::verify(session, depth, repair)?;
            printer.finish("store", &report, say_verify);
            Ok(Outcome::answer(report.damaged.is_empty() || report.repaired))
        }
    }
}

fn say_size(printer: &Printer, report: &StoreSizeReport) {
    let StoreSizeReport {
        objects,
        object_bytes,
        home_bytes,
        home_files,
        crate_bytes,
        crate_files,
        system_bytes,
        ..
    } = report;
    let count = |number: u64, noun| words::count(usize::try_from(number).unwrap_or(usize::MAX), noun);
    // A Debian package is two trees: its files, and those of its control archive.
    let python = count(report.trees.saturating_sub(2 * report.debs), "Python package");
    let mut text = format!(
        "store  {}  {}\n  {} in {objects} files of {python}",
        report.path.display(),
        words::size(object_bytes + home_bytes + crate_bytes + system_bytes),
        words::size(*object_bytes),
    );
    if report.debs > 0 {
        text.push_str(&format!(" and {}", count(report.debs, "Debian package")));
    }
    text.push_str(&format!(
        "\n  {} in {home_files} files of {} of npm\n",
        words::size(*home_bytes),
        count(report.homes, "home")
    ));
    if report.crates > 0 {
        let crates = count(report.crates, "crate");
        let size = words::size(*crate_bytes);
        text.push_str(&format!("  {size} in {crate_files} files of {crates}\n"));
    }
    if report.systems > 0 {
        let systems = count(report.systems, "system root");
        let size = words::size(*system_bytes);
        text.push_str(&format!("  {size} of {systems}, beside the objects\n"));
    }
    text.push_str(&format!(
        "cache  {}  {}\n",
        report.cache_path.display(),
        words::size(report.cache_bytes)
    ));
    printer.data(&text);
}

fn say_verify(printer: &Printer, report: &StoreVerifyReport) {
    for line in &report.damaged {
        printer.data(&format!(
            "{} {line}\n",
            printer.paint_data(Paint::Removed, "damaged")
        ));
    }
    printer.remark(&format!(
        "{} checked, {} damaged",
        report.checked,
        report.damaged.len()
    ));
    if report.repaired {
        printer.remark("The damaged ones were moved aside: the next sync fetches them again");
    } else if !report.damaged.is_empty() {
        printer
            .remark("`wharf store verify --repair` moves them aside, and the next sync fetches them again");
    }
}
