//! `wharf export`.

use wharf_ops::export::{self, ExportRequest, Hashes, Shape};
use wharf_ops::session::Session;

use super::{Failure, Outcome};
use crate::args::{Export, Format};
use crate::output::Printer;

pub(super) fn export(arguments: &Export, session: &Session, printer: Printer) -> Result<Outcome, Failure> {
    let request = ExportRequest {
        shape: match printer.format() {
            Format::Pylock => Some(Shape::Pylock),
            Format::PackageLock => Some(Shape::PackageLock),
            Format::RequirementsTxt => Some(Shape::RequirementsTxt),
            Format::Text | Format::Json => None,
        },
        hashes: if arguments.no_hashes {
            Hashes::Omit
        } else {
            Hashes::Include
        },
        output: arguments.output.clone(),
        selecting: arguments.selecting.request(),
    };
    let report = export::export(session, &request)?;
    printer.finish("export", &report, |printer, report| match &report.written {
        Some(path) => printer.remark(&format!("Wrote {}", path.display())),
        None => printer.data(&report.text),
    });
    Ok(Outcome::SUCCESS)
}
