//! `wharf search`: packages of the project's repositories, else of the machine's.

use wharf_deb::index::Index;
use wharf_index::Refresh;
use wharf_project::ProjectError;

use super::Where;
use super::look::{self, found};
use super::report::SystemSearch;
use crate::deb;
use crate::error::OpsError;
use crate::session::Session;

/// Packages that have all of these words: of the repositories of the project where it asks anything of Debian, else of those that
/// the machine's apt has asked.
///
/// # Errors
/// Where the project is malformed, or a repository cannot be reached or must not be trusted; without a project where the machine
/// has no lists.
pub async fn search(session: &Session, words: &[String]) -> Result<SystemSearch, OpsError> {
    let project = match session.project(&Vec::new()) {
        Err(OpsError::Project(ProjectError::NoProject { .. })) => None,
        project => Some(project?),
    };
    let Some((project, deb)) = project
        .as_ref()
        .and_then(|project| Some((project, project.deb.as_ref()?)))
    else {
        return look::search(session, &Where::default(), words);
    };
    let suite = deb::lock::suite(deb, None)?;
    let architecture = deb::architecture()?;
    let offered =
        deb::repositories::offered(session, project, deb, &suite, &architecture, Refresh::Nothing).await?;
    let described = deb::repositories::descriptions(session, project, &offered).await?;
    let described: Vec<&Index> = described.iter().map(|index| &**index).collect();
    Ok(SystemSearch {
        packages: found(offered.universe.layers(), &described, words, |_| None),
    })
}
