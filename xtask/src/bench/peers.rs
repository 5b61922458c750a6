//! The peers, installed from the package registry into a scratch directory.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{self, Failure};

/// Where the peers are, and which they are.
#[derive(Debug)]
pub(crate) struct Peers {
    pub(crate) uv: PathBuf,
    pub(crate) pip: PathBuf,
    pub(crate) uv_version: String,
    pub(crate) pip_version: String,
}

/// Installs the newest uv and pip, unless that was done before.
pub(crate) fn install(directory: &Path) -> Result<Peers, Failure> {
    let python = directory.join("bin/python");
    let uv = directory.join("bin/uv");
    if !uv.is_file() {
        println!("==> installing the peers into {}", directory.display());
        shell::run(
            Command::new(wharf_testkit::host_python())
                .args(["-m", "venv"])
                .arg(directory),
        )?;
        shell::run(Command::new(&python).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--upgrade",
            "uv",
            "pip",
        ]))?;
    }
    let pip = directory.join("bin/pip");
    let uv_version = shell::output(Command::new(&uv).arg("--version"))?
        .trim()
        .to_owned();
    let pip_version = shell::output(Command::new(&pip).arg("--version"))?;
    let pip_version = pip_version
        .split(" from ")
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned();
    Ok(Peers {
        uv,
        pip,
        uv_version,
        pip_version,
    })
}
