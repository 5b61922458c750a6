//! `wharf init`, `wharf add`, `wharf remove`.

use wharf_ops::edit::{
    self, AddRequest, Bounds, DependencyKind, EdgeKind, InitRequest, Place, RemoveRequest,
};
use wharf_ops::init;
use wharf_ops::report::{EditReport, InitReport};
use wharf_ops::session::Session;

use super::{Failure, Outcome, words};
use crate::args::{Add, Init, Remove};
use crate::output::Printer;

pub(super) fn init(arguments: &Init, session: &Session, printer: Printer) -> Result<Outcome, Failure> {
    let request = InitRequest {
        name: arguments.name.clone(),
        always_write: arguments.wharf_toml,
    };
    let report = init::init(session, &request)?;
    printer.finish("init", &report, say_init);
    Ok(Outcome::SUCCESS)
}

fn say_init(printer: &Printer, report: &InitReport) {
    if report.created {
        printer.remark(&format!("Wrote {}", report.manifest.display()));
    } else {
        printer.remark(&format!(
            "{} is the manifest as it stands",
            report.manifest.display()
        ));
    }
    for file in &report.adopted {
        printer.remark(&format!("  reads {}", file.display()));
    }
    for file in &report.preferences {
        printer.remark(&format!(
            "  the first lock prefers the versions of {}",
            file.display()
        ));
    }
}

pub(super) async fn add(arguments: &Add, session: &Session, printer: Printer) -> Result<Outcome, Failure> {
    let place = match (&arguments.group, &arguments.extra) {
        (Some(group), _) => Place::Group(group.clone()),
        (_, Some(extra)) => Place::Extra(extra.clone()),
        (None, None) => Place::Main,
    };
    let request = AddRequest {
        requirements: arguments.requirements.clone(),
        dev: arguments.dev.clone(),
        editable: arguments.editable.clone(),
        place,
        kind: match (arguments.optional, arguments.peer) {
            (true, _) => EdgeKind::Optional,
            (_, true) => EdgeKind::Peer,
            (false, false) => EdgeKind::Prod,
        },
        crate_kind: match arguments.build {
            true => DependencyKind::Build,
            false => DependencyKind::Normal,
        },
        features: arguments.features.clone(),
        bounds: match (arguments.raw, arguments.exact) {
            (true, _) => Bounds::AsWritten,
            (_, true) => Bounds::Exact,
            (false, false) => Bounds::Lower,
        },
        sync: !arguments.no_sync,
        solving: arguments.solving.request()?,
        installing: arguments.installing.request(),
    };
    let report = edit::add(session, &request).await?;
    printer.finish("add", &report, |printer, report| {
        say_edit(printer, report, "Added");
    });
    Ok(Outcome::SUCCESS)
}

pub(super) async fn remove(
    arguments: &Remove,
    session: &Session,
    printer: Printer,
) -> Result<Outcome, Failure> {
    let place = match (&arguments.group, arguments.dev) {
        (Some(group), _) => Some(Place::Group(group.clone())),
        (None, true) => Some(Place::Dev),
        (None, false) => None,
    };
    let request = RemoveRequest {
        names: arguments.names.clone(),
        place,
        sync: !arguments.no_sync,
        solving: arguments.solving.request()?,
        installing: arguments.installing.request(),
    };
    let report = edit::remove(session, &request).await?;
    printer.finish("remove", &report, |printer, report| {
        say_edit(printer, report, "Removed");
    });
    Ok(Outcome::SUCCESS)
}

fn say_edit(printer: &Printer, report: &EditReport, verb: &str) {
    for requirement in &report.requirements {
        printer.remark(&format!("{verb} {requirement} ({})", report.manifest.display()));
    }
    match &report.sync {
        Some(sync) => {
            printer.remark(&format!(
                "Locked {} in {}",
                words::count(report.lock.packages, "package"),
                words::time(report.lock.seconds)
            ));
            words::sync(printer, sync);
        }
        None => words::lock(printer, &report.lock),
    }
}
