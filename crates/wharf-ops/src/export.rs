//! `wharf export`: the lock in another tool's format.

use std::path::PathBuf;

use wharf_project::export::ExportTarget;
use wharf_project::{Lock, Project};

pub use wharf_project::export::Hashes;

use crate::cargo;
use crate::cargo::error::CargoError;
use crate::error::OpsError;
use crate::lock;
use crate::npm;
use crate::report::ExportReport;
use crate::request::Selecting;
use crate::select;
use crate::session::Session;
use crate::sync;
use crate::write;

/// Formats of other tools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// A requirements file with pinned versions.
    #[default]
    RequirementsTxt,
    /// PEP 751's `pylock.toml`.
    Pylock,
    /// npm's `package-lock.json`.
    PackageLock,
}

/// What an export is asked.
#[derive(Clone, Debug)]
pub struct ExportRequest {
    /// The format; where none is named, a requirements file, or `package-lock.json` for a lock without Python.
    pub shape: Option<Shape>,
    /// Whether hashes are written.
    pub hashes: Hashes,
    /// Where to; standard output otherwise.
    pub output: Option<PathBuf>,
    /// Which part of the lock.
    pub selecting: Selecting,
}

/// Writes the lock in another format.
///
/// # Errors
/// Where there is no lock, it has no target for this machine, or the file cannot be written.
pub fn export(session: &Session, request: &ExportRequest) -> Result<ExportReport, OpsError> {
    let project = session.project(&Vec::new())?;
    if cargo::workspace::is_alone(&project) {
        return Err(CargoError::NothingToExport {
            manifest: project.manifest_path,
        }
        .into());
    }
    let lock = lock::standing(&project)?;
    let usual = match lock.npm.is_some() && !project.uses_python() {
        true => Shape::PackageLock,
        false => Shape::RequirementsTxt,
    };
    let text = match request.shape.unwrap_or(usual) {
        Shape::PackageLock => npm::export::package_lock(&project, &lock)?,
        shape @ (Shape::RequirementsTxt | Shape::Pylock) => python(session, &project, &lock, request, shape)?,
    };
    if let Some(path) = &request.output {
        let path = session.settings().directory.join(path);
        write::file(&path, &text)?;
    }
    Ok(ExportReport {
        text,
        written: request.output.clone(),
    })
}

/// The Python part in a format of Python's tools.
fn python(
    session: &Session,
    project: &Project,
    lock: &Lock,
    request: &ExportRequest,
    shape: Shape,
) -> Result<String, OpsError> {
    if !project.uses_python() {
        return Err(OpsError::NothingOfPython {
            path: project.lock_path(),
            has_debs: lock.deb.is_some(),
        });
    }
    let choice = sync::choose_python(session, project, lock)?;
    let selection = select::selection(&request.selecting, project);
    let targets = lock
        .targets
        .iter()
        .map(|locked| {
            let environment = choice.runtime.environment(locked.target);
            ExportTarget {
                target: locked.target,
                markers: environment.markers,
            }
        })
        .collect::<Vec<_>>();
    Ok(match shape {
        Shape::Pylock => wharf_project::export::pylock(lock, &selection, &targets)?,
        Shape::RequirementsTxt | Shape::PackageLock => {
            wharf_project::export::requirements_txt(lock, &selection, &targets, request.hashes)?
        }
    })
}
