//! `wharf python`: every interpreter, which one is used, and why.

use wharf_install::python::{Considered, Search, Surroundings, Verdict};

use crate::error::OpsError;
use crate::report::{PythonCandidate, PythonListReport};
use crate::session::Session;

/// Looks at every interpreter.
///
/// # Errors
/// Where the project's files are malformed, or the asked-for Python is no request.
pub fn list(session: &Session) -> Result<PythonListReport, OpsError> {
    let project = match session.project(&Vec::new()) {
        Ok(project) => Some(project),
        Err(OpsError::Project(wharf_project::ProjectError::NoProject { .. })) => None,
        Err(error) => return Err(error),
    };
    let requires = project
        .as_ref()
        .and_then(|project| project.requires_python.as_ref());
    let request = session.settings().python.as_deref().map(str::parse).transpose();
    let considered = Search::new(Surroundings::from_env())
        .requires(requires)
        .request(request.map_err(wharf_install::PythonError::from)?)
        .project(project.as_ref().map(|project| project.root.as_path()))
        .cache(Some(&session.settings().cache))
        .survey();
    Ok(PythonListReport {
        requirement: requires.map(ToString::to_string),
        candidates: considered.iter().map(candidate).collect(),
    })
}

/// One interpreter that was weighed, in words.
pub(crate) fn candidate(considered: &Considered) -> PythonCandidate {
    PythonCandidate {
        path: considered.path.clone(),
        verdict: words(considered),
        chosen: considered.verdict == Verdict::Chosen,
    }
}

/// `Python 3.12.1 from PATH: used`.
pub(crate) fn words(considered: &Considered) -> String {
    let python = considered
        .version
        .as_ref()
        .map_or_else(String::new, |version| format!("Python {version} "));
    format!("{python}from {}: {}", considered.found_in, considered.verdict)
}
