//! `wharf export`: the lock in another tool's format.

use std::path::PathBuf;

use wharf_project::export::ExportTarget;

pub use wharf_project::export::Hashes;

use crate::error::OpsError;
use crate::lock;
use crate::report::ExportReport;
use crate::request::Selecting;
use crate::select;
use crate::session::{Session, host_target};
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
}

/// What an export is asked.
#[derive(Clone, Debug)]
pub struct ExportRequest {
    /// The format.
    pub shape: Shape,
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
    let lock = lock::read(&project)?.ok_or_else(|| OpsError::NoLock {
        path: project.lock_path(),
    })?;
    let choice = sync::choose_python(session, &project, &lock)?;
    let host = host_target(&choice.interpreter)?;
    let selection = select::selection(&request.selecting, &project);
    let targets = lock
        .targets
        .iter()
        .map(|locked| {
            let environment = lock::target_environment(locked.target, &host, &choice.interpreter)?;
            Ok(ExportTarget {
                target: locked.target,
                markers: environment.markers,
            })
        })
        .collect::<Result<Vec<_>, OpsError>>()?;
    let text = match request.shape {
        Shape::RequirementsTxt => {
            wharf_project::export::requirements_txt(&lock, &selection, &targets, request.hashes)?
        }
        Shape::Pylock => wharf_project::export::pylock(&lock, &selection, &targets)?,
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
