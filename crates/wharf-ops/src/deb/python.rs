//! The Python of a project with Debian packages: the one that the packages bring, in the view of their system root.

use std::path::{Path, PathBuf};

use wharf_core::PythonMinor;
use wharf_deb::version::Version;
use wharf_ecosystem::pypi;
use wharf_install::PythonError;
use wharf_install::python::{Discovered, Search, Surroundings, satisfies};
use wharf_project::{DebLock, Project};

use super::error::DebError;
use crate::error::OpsError;
use crate::runtime::Runtime;
use crate::session::Session;
use crate::sync::names_python;

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

/// What the locked packages say of the Python that they bring, so that nothing needs to be fetched to solve for it. `None` where
/// they leave a choice, where another is asked for, and where the project would not take it: then it is looked for among them.
///
/// # Errors
/// The machine is none that Wharf knows.
pub(crate) fn foreseen(session: &Session, project: &Project) -> Result<Option<Runtime>, OpsError> {
    if !super::is_viewed(project) || session.settings().python.is_some() || names_python(&project.root) {
        return Ok(None);
    }
    let Some(lock) = session.debian().lock() else {
        return Ok(None);
    };
    let target = super::target(session, project)?;
    let Some((minor, version)) = brought(&lock, super::architecture()?.as_str()) else {
        return Ok(None);
    };
    let readable = version.parse::<pypi::Version>().is_ok();
    let wanted = project.requires_python.as_ref();
    if !readable || wanted.is_some_and(|range| !satisfies(range, &version)) {
        return Ok(None);
    }
    let path = PathBuf::from(format!("/usr/bin/python{minor}"));
    Ok(Some(Runtime::foreseen(&version, target.with_python(minor), path)))
}

/// The one Python among the packages for an architecture: its minor version, and the full one as it calls itself.
fn brought(lock: &DebLock, architecture: &str) -> Option<(PythonMinor, String)> {
    let system = lock.system(architecture)?;
    let mut found = system.packages.iter().filter_map(|package| {
        let minor = package.id.name.as_str().strip_prefix("python")?;
        let minor: PythonMinor = minor.parse().ok()?;
        Some((minor, package.version.as_str()))
    });
    let (minor, version) = found.next()?;
    if found.next().is_some() {
        return None;
    }
    Some((minor, of_package(version)?))
}

/// What Python calls itself in a package of some version: `3.13.0~rc2-1` has 3.13.0rc2.
fn of_package(version: &str) -> Option<String> {
    let version = Version::parse(version).ok()?;
    let upstream = version.upstream().replace('~', "");
    // `+dfsg` and its like say what was left out of the sources.
    let upstream = upstream.split('+').next().unwrap_or_default();
    Some(upstream.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_package_says_that_of_its_python() {
        let cases = [
            ("3.11.2-6+deb12u6", "3.11.2"),
            ("3.13.0~rc2-1", "3.13.0rc2"),
            ("3.10.12-1~22.04.11", "3.10.12"),
            ("3.12.3-1ubuntu0.8", "3.12.3"),
            ("3.9.2+dfsg-1", "3.9.2"),
        ];
        for (package, python) in cases {
            assert_eq!(of_package(package).as_deref(), Some(python), "{package}");
        }
        assert_eq!(of_package(""), None);
    }
}
