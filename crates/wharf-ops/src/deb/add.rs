//! What `wharf add` writes and says beside the requirement when a project gets its first Debian package.

use std::path::Path;

use wharf_core::Event;
use wharf_project::edit::{self, Manifest};
use wharf_project::lock::deb::DebCause;
use wharf_project::{Declared, Group, Lock, ManifestKind, Project};

use crate::error::OpsError;
use crate::session::Session;

/// Whether a project asks for no Debian package yet.
pub(crate) fn has_none(project: &Project) -> bool {
    project.deb.as_ref().is_none_or(|deb| deb.packages.is_empty())
}

/// The manifest with the suite that its lock was made for, where it names none: another machine would choose its own.
///
/// # Errors
/// The manifest has no place for it.
pub(crate) fn with_suite(
    project: &Project,
    path: &Path,
    text: &str,
    lock: &Lock,
) -> Result<String, OpsError> {
    let stated = project.deb.as_ref().and_then(|deb| deb.suite.as_ref());
    let is_stated = stated.is_some_and(|suite| suite.declared == Declared::Project);
    let Some(locked) = lock.deb.as_ref().filter(|_| !is_stated) else {
        return Ok(text.to_owned());
    };
    let manifest = Manifest {
        kind: project.manifest,
        path,
        text,
        group: &Group::Main,
    };
    Ok(edit::deb::state_suite(manifest, &locked.suite)?)
}

/// Says that the suite's Python comes along for nothing but a table of the manifest that says which one would do.
pub(crate) fn tell_of_python(session: &Session, project: &Project, lock: &Lock) {
    let asks_for_none = project.manifest == ManifestKind::Wharf
        && project.roots.is_empty()
        && project.constraints.is_empty()
        && project.self_package.is_none();
    let systems = lock.deb.iter().flat_map(|locked| &locked.systems);
    let mut roots = systems.flat_map(|system| &system.roots);
    let python = DebCause::Part("python".to_owned());
    if asks_for_none && roots.any(|root| root.cause == python) {
        session.emit(Event::warning(
            "deb/python",
            format!(
                "python3 and what it needs come along, since `[python]` of {} says which Python the project wants: take that table out if it wants none",
                project.shown_path(&project.manifest_path)
            ),
        ));
    }
}
