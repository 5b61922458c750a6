//! `wharf search`, and `wharf info` of a Debian package: packages of the project's repositories, else of the machine's.

use wharf_core::{Ecosystem, PackageName, PackageUrl};
use wharf_deb::index::Index;
use wharf_index::Refresh;
use wharf_project::{DebProject, Project, ProjectError};

use super::Where;
use super::look::{self, bare, description, found, known};
use super::report::{DebInfo, ShownVersion, SystemSearch, SystemShow};
use crate::deb;
use crate::deb::error::DebError;
use crate::error::OpsError;
use crate::lock;
use crate::session::Session;

/// Packages that have all of these words: of the repositories of the project where it asks anything of Debian, else of those that
/// the machine's apt has asked.
///
/// # Errors
/// Where the project is malformed, or a repository cannot be reached or must not be trusted; without a project where the machine
/// has no lists.
pub async fn search(session: &Session, words: &[String]) -> Result<SystemSearch, OpsError> {
    let project = project(session)?;
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

fn project(session: &Session) -> Result<Option<Project>, OpsError> {
    match session.project(&Vec::new()) {
        Err(OpsError::Project(ProjectError::NoProject { .. })) => Ok(None),
        project => Ok(Some(project?)),
    }
}

/// What is known of `name` or `name=version`, with `name` as `libc6` or `libc6:i386`, from the same places.
///
/// # Errors
/// As [`search`], and where nothing has the name or the version.
pub(crate) async fn info(session: &Session, text: &str) -> Result<DebInfo, OpsError> {
    let (asked, version) = match text.split_once('=') {
        Some((name, version)) => (name.trim(), Some(version.trim_start_matches('=').trim())),
        None => (text.trim(), None),
    };
    let name = PackageName::new(Ecosystem::Deb, bare(asked))?;
    let asked = asked.replacen(bare(asked), name.as_str(), 1);
    let project = project(session)?;
    let stated = project
        .as_ref()
        .and_then(|project| Some((project, project.deb.as_ref()?)));
    let (shown, locked) = match stated {
        Some((project, deb)) => of_project(session, project, deb, &asked, version).await?,
        None => (look::show(session, &Where::default(), &asked, version)?, None),
    };
    let wanted = |found: &&ShownVersion| version.is_none_or(|version| version == found.version);
    let told = shown.versions.iter().find(wanted);
    let mut purl = PackageUrl::of(&name, told.map(|told| told.version.as_str()));
    if let Some(told) = told {
        purl = purl.with_qualifier("arch", &told.architecture);
    }
    Ok(DebInfo {
        purl: purl.to_string(),
        version: told.map(|told| told.version.clone()),
        locked,
        known: shown,
    })
}

/// What the project's repositories say of a package, and the version that is locked.
async fn of_project(
    session: &Session,
    project: &Project,
    deb: &DebProject,
    asked: &str,
    version: Option<&str>,
) -> Result<(SystemShow, Option<String>), OpsError> {
    let lock = lock::read(project)?.and_then(|lock| lock.deb);
    let suite = deb::lock::suite(deb, lock.as_deref())?;
    let native = deb::architecture()?;
    let refresh = Refresh::Nothing;
    let offered = deb::repositories::offered(session, project, deb, &suite, &native, refresh).await?;
    let known = known(offered.universe.layers(), None, &native, asked, version)?;
    let mut shown = known.ok_or_else(|| DebError::Unknown {
        name: asked.to_owned(),
        suite,
    })?;
    if shown.description.is_empty() && !shown.versions.is_empty() {
        let described = deb::repositories::descriptions(session, project, &offered).await?;
        let described: Vec<&Index> = described.iter().map(|index| &**index).collect();
        shown.description = description(&described, bare(asked));
    }
    let system = lock.as_ref().and_then(|lock| lock.system(native.as_str()));
    let packages = system.into_iter().flat_map(|system| &system.packages);
    let mut locked = packages.filter(|package| package.id.name.as_str() == bare(asked));
    Ok((shown, locked.next().map(|package| package.version.clone())))
}
