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
    printer.data(&format!(
        "store  {}  {}\n  {} in {} objects of {}\n  {} in {} files of {} of npm\ncache  {}  {}\n",
        report.path.display(),
        words::size(report.object_bytes + report.home_bytes),
        words::size(report.object_bytes),
        report.objects,
        words::count(
            usize::try_from(report.trees).unwrap_or(usize::MAX),
            "Python package"
        ),
        words::size(report.home_bytes),
        report.home_files,
        words::count(usize::try_from(report.homes).unwrap_or(usize::MAX), "home"),
        report.cache_path.display(),
        words::size(report.cache_bytes),
    ));
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
