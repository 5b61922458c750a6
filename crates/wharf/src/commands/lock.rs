//! `wharf lock`.

use wharf_ops::lock::{self, LockRequest, Mode};
use wharf_ops::session::Session;

use super::{Failure, Outcome, value_error, words};
use crate::args::Lock;
use crate::output::Printer;

pub(super) async fn lock(arguments: &Lock, session: &Session, printer: Printer) -> Result<Outcome, Failure> {
    let targets = arguments
        .target
        .iter()
        .map(|text| text.parse())
        .collect::<Result<_, wharf_core::InvalidTarget>>();
    let request = LockRequest {
        mode: match (arguments.check, arguments.dry_run) {
            (true, _) => Mode::Check,
            (_, true) => Mode::DryRun,
            (false, false) => Mode::Write,
        },
        upgrade: arguments.upgrading.request()?,
        solving: arguments.solving.request()?,
        targets: targets.map_err(|error| value_error("--target", &error))?,
        files: arguments.files.request(),
    };
    let report = lock::lock(session, &request).await?;
    printer.finish("lock", &report, words::lock);
    Ok(Outcome::SUCCESS)
}
