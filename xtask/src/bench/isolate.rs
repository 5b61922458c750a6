//! Programs that see nothing of the developer's own settings.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A program in a folder, with a home of its own and these folders before the system's on its search path.
///
/// What it writes into a folder for temporary files goes into the home too: some keep there what they want again.
pub(super) fn isolated(program: &Path, folder: &Path, home: &Path, path: &[PathBuf]) -> Command {
    let system = ["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from);
    let path = std::env::join_paths(path.iter().cloned().chain(system));
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", path.unwrap_or_default())
        .env("HOME", home)
        .env("LC_ALL", "C.UTF-8")
        .env("TMPDIR", home.join("tmp"));
    for (name, folder) in [
        ("XDG_CACHE_HOME", "cache"),
        ("XDG_DATA_HOME", "data"),
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_STATE_HOME", "state"),
        ("CARGO_HOME", "cargo"),
    ] {
        command.env(name, home.join(folder));
    }
    command
}

/// Makes a home with what Cargo is configured by, and the folder for temporary files.
pub(super) fn make_home(home: &Path, cargo_config: &str) -> std::io::Result<()> {
    std::fs::create_dir_all(home.join("tmp"))?;
    std::fs::create_dir_all(home.join("cargo"))?;
    std::fs::write(home.join("cargo/config.toml"), cargo_config)
}
