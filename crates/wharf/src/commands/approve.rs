//! `wharf approve`: which packages of npm and Debian may run scripts when they are installed.

use wharf_ops::approve::{self, ApproveRequest};
use wharf_ops::report::ApproveReport;
use wharf_ops::session::Session;

use super::{Failure, Outcome, words};
use crate::args::Approve;
use crate::output::Printer;

pub(super) async fn approve(
    arguments: &Approve,
    session: &Session,
    printer: Printer,
) -> Result<Outcome, Failure> {
    let report = approve::approve(session, &request(arguments)).await?;
    printer.finish("approve", &report, say);
    Ok(Outcome::SUCCESS)
}

pub(super) fn request(arguments: &Approve) -> ApproveRequest {
    ApproveRequest {
        packages: arguments.packages.clone(),
        sync: !arguments.no_sync,
        installing: arguments.installing.request(),
    }
}

pub(super) fn say(printer: &Printer, report: &ApproveReport) {
    words::meant(printer, &report.meant);
    for entry in &report.approved {
        printer.remark(&format!("Approved {entry} ({})", report.manifest.display()));
    }
    if let Some(sync) = &report.sync {
        words::sync(printer, sync);
    }
    let mut text = String::new();
    for package in &report.packages {
        let mark = if package.approved { "approved" } else { "skipped" };
        text.push_str(&format!("{mark:8}  {}  {}\n", package.package, package.version));
        for skipped in &package.skipped {
            let line = skipped.lines().next().unwrap_or_default();
            text.push_str(&format!("          {line}\n"));
        }
    }
    if report.packages.is_empty() {
        printer.remark("No locked package has scripts that wait for an approval");
    }
    printer.data(&text);
}
