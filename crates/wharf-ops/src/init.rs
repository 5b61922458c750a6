//! `wharf init`: a new manifest, or the project's own files as they stand.

use std::path::PathBuf;

use wharf_core::Event;
use wharf_project::ManifestKind;
use wharf_project::init::{Init, Start, manifest_text};

use crate::error::OpsError;
use crate::report::InitReport;
use crate::session::Session;

/// What an init is asked.
#[derive(Clone, Debug, Default)]
pub struct InitRequest {
    /// The project's name; the folder's otherwise.
    pub name: Option<String>,
    /// Whether `wharf.toml` is written even where native files would do.
    pub always_write: bool,
}

/// Writes `wharf.toml` where the folder has no manifest.
///
/// # Errors
/// Where a file is malformed or cannot be written.
pub fn init(session: &Session, request: &InitRequest) -> Result<InitReport, OpsError> {
    let folder = &session.settings().directory;
    let path = folder.join("wharf.toml");
    let python = session
        .any_interpreter()
        .ok()
        .map(|interpreter| interpreter.minor.to_string());
    let native = native(session, folder);
    let created = match wharf_project::init::init(folder, python.as_deref()) {
        Init::Adopt(ManifestKind::Wharf) => false,
        Init::Adopt(
            ManifestKind::Pyproject
            | ManifestKind::Requirements
            | ManifestKind::PackageJson
            | ManifestKind::Cargo,
        ) if !request.always_write => false,
        Init::Adopt(_) => {
            let start = Start::beside(folder, python.as_deref());
            write(&path, &manifest_text(&name(folder, request), start))?
        }
        Init::Write(text) => {
            let text = match &request.name {
                Some(name) => manifest_text(name, Start::Python(python.as_deref())),
                None => text,
            };
            write(&path, &text)?
        }
    };
    let project = session.project(&Vec::new())?;
    if let (true, Some(native)) = (created, native) {
        session.emit(Event::warning(
            "init/shadowed",
            format!(
                "{} is not read any more: wharf.toml counts, and asks for nothing yet",
                shown(folder, &native).display()
            ),
        ));
    }
    let preferences = wharf_project::preferences(&project).files;
    let adopted = project
        .inputs
        .iter()
        .filter(|file| file.starts_with(folder) && file.is_file());
    Ok(InitReport {
        manifest: project.manifest_path.clone(),
        created,
        adopted: if created {
            Vec::new()
        } else {
            adopted.map(|file| shown(folder, file)).collect()
        },
        preferences,
    })
}

/// The manifest that a new `wharf.toml` would stand before.
fn native(session: &Session, folder: &std::path::Path) -> Option<PathBuf> {
    let project = session.project(&Vec::new()).ok()?;
    let own = project.manifest_path.parent() == Some(folder) && project.manifest != ManifestKind::Wharf;
    (own && !project.roots.is_empty()).then_some(project.manifest_path)
}

fn name(folder: &std::path::Path, request: &InitRequest) -> String {
    let folder = folder.file_name().map(|name| name.to_string_lossy().into_owned());
    request
        .name
        .clone()
        .or(folder)
        .unwrap_or_else(|| "project".to_owned())
}

fn write(path: &std::path::Path, text: &str) -> Result<bool, OpsError> {
    crate::write::file(path, text)?;
    Ok(true)
}

fn shown(folder: &std::path::Path, file: &std::path::Path) -> PathBuf {
    file.strip_prefix(folder).unwrap_or(file).to_owned()
}
