//! The Python of a project with Debian packages: the one that the packages bring, in the view of their system root.

use std::path::Path;

use wharf_install::PythonError;
use wharf_install::python::{Discovered, Search, Surroundings};
use wharf_project::Project;

use super::error::DebError;
use crate::error::OpsError;
use crate::session::Session;

/// The Python of a system root.
///
/// # Errors
/// There is none that the project takes, or it does not answer.
pub(crate) fn interpreter(session: &Session, project: &Project, root: &Path) -> Result<Discovered, OpsError> {
    let explicit = session.settings().python.as_deref();
    let request = explicit.map(str::parse).transpose().map_err(PythonError::from)?;
    let search = Search::new(Surroundings::from_env())
        .requires(project.requires_python.as_ref())
        .request(request)
        .project(Some(&project.root))
        .cache(Some(&session.settings().cache))
        .root(Some(root));
    Ok(search.find().map_err(DebError::Python)?)
}
