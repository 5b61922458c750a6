//! `wharf sync`.

use wharf_ops::request::{Effect, Freshness};
use wharf_ops::session::Session;
use wharf_ops::sync::{self, SyncRequest};

use super::{Failure, Outcome, words};
use crate::args::Sync;
use crate::output::Printer;

pub(super) fn request(arguments: &Sync) -> Result<SyncRequest, Failure> {
    Ok(SyncRequest {
        freshness: freshness(arguments.locked, arguments.frozen),
        effect: if arguments.dry_run {
            Effect::DryRun
        } else {
            Effect::Apply
        },
        upgrade: arguments.upgrading.request()?,
        selecting: arguments.selecting.request(),
        installing: arguments.installing.request(),
        solving: arguments.solving.request()?,
        files: arguments.files.request(),
    })
}

pub(super) fn freshness(locked: bool, frozen: bool) -> Freshness {
    match (locked, frozen) {
        (true, _) => Freshness::Locked,
        (_, true) => Freshness::Frozen,
        (false, false) => Freshness::Update,
    }
}

pub(super) fn nothing_to_do(
    arguments: &Sync,
    session: &Session,
    printer: Printer,
) -> Option<Result<Outcome, Failure>> {
    let report = sync::nothing_to_do(session, &request(arguments).ok()?)?;
    printer.finish("sync", &report, words::sync);
    Some(Ok(Outcome::SUCCESS))
}

pub(super) async fn sync(arguments: &Sync, session: &Session, printer: Printer) -> Result<Outcome, Failure> {
    let report = sync::sync(session, &request(arguments)?).await?;
    printer.finish("sync", &report, words::sync);
    Ok(Outcome::SUCCESS)
}
