//! What scripts ask npm about itself: the registry, and where it works.

use std::path::PathBuf;

use crate::error::OpsError;
use crate::session::Session;
use crate::sync;

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The registry of packages whose scope names no other.
    Registry,
    /// The folder of the project.
    Prefix,
    /// Its `node_modules`.
    Root,
    /// The folder of its commands.
    Bin,
}

/// The answer, as npm prints it.
///
/// # Errors
/// Where the registry cannot be told.
pub fn ask(session: &Session, setting: Setting) -> Result<String, OpsError> {
    let prefix = || {
        let directory = &session.settings().directory;
        let is_one = |folder: &std::path::Path| {
            folder.join("package.json").is_file() || folder.join("node_modules").is_dir()
        };
        let found = sync::project_root(directory).or_else(|| super::nearest(directory, is_one));
        found.unwrap_or(directory).to_owned()
    };
    let shown = |path: PathBuf| path.display().to_string();
    Ok(match setting {
        Setting::Registry => session.default_registry()?.to_string(),
        Setting::Prefix => shown(prefix()),
        Setting::Root => shown(prefix().join("node_modules")),
        Setting::Bin => shown(prefix().join("node_modules/.bin")),
    })
}
