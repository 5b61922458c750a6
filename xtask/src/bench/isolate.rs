//! Programs that see nothing of the developer's own settings.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell;

/// A program in a folder, with a home of its own and these folders before the system's on its search path.
///
/// What it writes into a folder for temporary files goes into the home too: some keep there what they want again.
pub(super) fn isolated(program: &Path, folder: &Path, home: &Path, path: &[PathBuf]) -> Command {
    let mut command = Command::new(program);
    shell::isolate(&mut command, folder, home, path.iter().cloned());
    command
        .env("TMPDIR", home.join("tmp"))
        .env("CARGO_HOME", home.join("cargo"));
    command
}

/// Makes a home with what Cargo is configured by, and the folder for temporary files.
pub(super) fn make_home(home: &Path, cargo_config: &str) -> std::io::Result<()> {
    std::fs::create_dir_all(home.join("tmp"))?;
    std::fs::create_dir_all(home.join("cargo"))?;
    std::fs::write(home.join("cargo/config.toml"), cargo_config)
}
