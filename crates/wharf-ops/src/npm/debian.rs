//! The Node of a project whose Debian packages have one.
//!
//! `nodejs` among what the project itself asks for, or what that brings along, is the project's Node. Its version is that of
//! the package, so that locking runs nothing and fetches nothing. What only packages of other ecosystems need, or only a build or a group
//! of packages, decides nothing: it is not always there.
//!
//! Invariant: which Node that is follows from the manifest and the lock's Debian part alone, not from the machine.

use wharf_ecosystem::npm::Version;
use wharf_ecosystem::npm::platform::cpu_word;
use wharf_install::nodejs::NodeBinary;
use wharf_project::external::ExternalRole;
use wharf_project::lock::deb::{DebCause, DebLock, LockedDebRoot};
use wharf_project::{Group, NpmProject, Project};

use super::node::{Chosen, fits};
use crate::deb;
use crate::deb::error::DebError;
use crate::error::OpsError;
use crate::session::Session;

/// Debian's name for it.
const PACKAGE: &str = "nodejs";
/// Where programs of a system root see it.
const EXECUTABLE: &str = "/usr/bin/node";

/// Debian's Node in a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DebianNode {
    /// Node's own version.
    pub(crate) version: Version,
    /// Debian's version of the package.
    package_version: String,
    suite: String,
    /// Who asks for it by name.
    asked: Option<String>,
}

/// The Node that the project's Debian packages have, as far as these are known.
pub(crate) fn node(session: &Session, project: &Project) -> Option<DebianNode> {
    let lock = session.debian().lock().filter(|_| project.deb.is_some())?;
    of_lock(&lock, project)
}

/// The Node that locked Debian packages have.
pub(crate) fn of_lock(lock: &DebLock, project: &Project) -> Option<DebianNode> {
    let architecture = deb::architecture().ok()?;
    let system = lock.system(architecture.as_str())?;
    let packages = system.selected(counts);
    let found = packages
        .iter()
        .find(|package| package.id.name.as_str() == PACKAGE)?;
    let mut roots = system.roots.iter().filter(|root| counts(root));
    let root = roots.find(|root| root.package == found.id);
    Some(DebianNode {
        version: version_of(&found.version)?,
        package_version: found.version.clone(),
        suite: lock.suite.clone(),
        asked: root.map(|root| deb::describe::origin(root, project)),
    })
}

/// Whether a root is there wherever the project's programs run, and because the project says so.
fn counts(root: &LockedDebRoot) -> bool {
    let own = match &root.cause {
        DebCause::Manifest => true,
        DebCause::External { package, role, .. } => package.is_none() && *role == ExternalRole::Run,
        DebCause::Essential | DebCause::Part(_) => false,
    };
    own && root.group == Group::Main
}

/// Node's version in one of Debian's: `18.20.4+dfsg-1~deb12u1`, `16.13.2+really14.19.1~dfsg-6`.
fn version_of(text: &str) -> Option<Version> {
    let upstream = text.split_once(':').map_or(text, |(_, upstream)| upstream);
    let upstream = upstream.rsplit_once("+really").map_or(upstream, |(_, real)| real);
    let end = upstream.find(|letter: char| !letter.is_ascii_digit() && letter != '.');
    Version::parse(&upstream[..end.unwrap_or(upstream.len())]).ok()
}

impl DebianNode {
    /// Whether it is the project's Node.
    ///
    /// # Errors
    /// Where it is asked for by name and is not what the project's Node has to be.
    pub(crate) fn serves(&self, npm: &NpmProject) -> Result<bool, OpsError> {
        let Some(request) = npm.node.as_ref().filter(|_| !fits(npm, &self.version)) else {
            return Ok(true);
        };
        let Some(asked) = &self.asked else {
            return Ok(false);
        };
        Err(DebError::Node {
            version: self.version.as_str().to_owned(),
            suite: self.suite.clone(),
            asked: asked.clone(),
            wanted: request.text.clone(),
            origin: request.origin.to_string(),
        }
        .into())
    }
}

/// Debian's Node for the environment that is made, where it is the project's and this machine has a view for it.
///
/// # Errors
/// Where it is asked for by name and is not what the project's Node has to be.
pub(crate) fn chosen(
    session: &Session,
    project: &Project,
    npm: &NpmProject,
) -> Result<Option<Chosen>, OpsError> {
    let Some(node) = node(session, project) else {
        return Ok(None);
    };
    if !node.serves(npm)? || !deb::is_viewed(project) {
        return Ok(None);
    }
    let target = deb::target(session, project)?;
    let binary = NodeBinary {
        path: EXECUTABLE.into(),
        executable: EXECUTABLE.into(),
        version: node.version.clone(),
        platform: "linux".to_owned(),
        arch: cpu_word(&target).to_owned(),
    };
    let reason = format!("Debian's nodejs {}", node.package_version);
    Ok(Some(Chosen::debians(binary, reason)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_debians_packages_are_nodes() {
        let check = |text: &str, expected: Option<&str>| {
            let found = version_of(text);
            assert_eq!(found.as_ref().map(Version::as_str), expected, "{text}");
        };
        check("18.20.4+dfsg-1~deb12u3", Some("18.20.4"));
        check("12.22.9~dfsg-1ubuntu3.6", Some("12.22.9"));
        check("22.22.1+dfsg+~cs22.19.15-1ubuntu1", Some("22.22.1"));
        check("20.20.2-1nodesource1", Some("20.20.2"));
        check("1:20.1.0", Some("20.1.0"));
        check("16.13.2+really14.19.1~dfsg-6", Some("14.19.1"));
        check("20", None);
        check("", None);
    }
}
