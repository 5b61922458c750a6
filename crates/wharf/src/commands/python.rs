//! `wharf python`: which interpreters there are, which one is used, and why.

use wharf_ops::python;
use wharf_ops::report::PythonCandidate;
use wharf_ops::session::Session;

use super::{Failure, Outcome};
use crate::output::{Paint, Printer};

pub(super) fn python(session: &Session, printer: Printer) -> Result<Outcome, Failure> {
    let report = python::list(session)?;
    printer.finish("python", &report, |printer, report| {
        if let Some(requirement) = &report.requirement {
            printer.remark(&format!("The project asks for Python {requirement}"));
        }
        printer.data(&candidates(printer, &report.candidates));
    });
    Ok(Outcome::answer(
        report.candidates.iter().any(|candidate| candidate.chosen),
    ))
}

/// One line an interpreter.
pub(super) fn candidates(printer: &Printer, candidates: &[PythonCandidate]) -> String {
    let mut text = String::new();
    for candidate in candidates {
        let mark = if candidate.chosen {
            printer.paint_data(Paint::Added, "→")
        } else {
            " ".to_owned()
        };
        text.push_str(&format!(
            "{mark} {}  {}\n",
            candidate.path.display(),
            candidate.verdict
        ));
    }
    text
}
