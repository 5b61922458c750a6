//! The peers of npm projects, installed from the npm registry into a scratch directory.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;

use crate::shell::{self, Failure, about};

/// What is installed: the programs themselves where a peer comes as a package for each platform, since their scripts, which
/// would fetch them, do not run. npm 11 is the newest that runs on every Node that is still maintained.
const PACKAGES: [&str; 5] = [
    "bun@latest",
    "pnpm@latest",
    "npm@11",
    "@endevco/aube-linux-x64@latest",
    "semver@7",
];

/// Where the peers are, and which they are.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct NpmPeers {
    pub(crate) node: PathBuf,
    pub(crate) bun: PathBuf,
    pub(crate) pnpm: PathBuf,
    pub(crate) npm: PathBuf,
    pub(crate) aube: PathBuf,
    /// The folder whose `node_modules` has them, and the reference implementation of versions beside them.
    pub(crate) folder: PathBuf,
    pub(crate) versions: Vec<String>,
}

/// Installs the newest of each, unless that was done before.
pub(crate) fn install(directory: &Path) -> Result<NpmPeers, Failure> {
    let node = wharf_testkit::host_node()
        .ok_or_else(|| Failure("node, which npm and its projects need, is not on PATH".to_owned()))?;
    let modules = directory.join("node_modules");
    let peers = NpmPeers {
        node: node.to_owned(),
        bun: modules.join("@oven/bun-linux-x64/bin/bun"),
        pnpm: modules.join("@pnpm/exe.linux-x64/pnpm"),
        npm: modules.join("npm/bin/npm-cli.js"),
        aube: modules.join("@endevco/aube-linux-x64/bin/aube"),
        folder: directory.to_owned(),
        versions: Vec::new(),
    };
    let programs = [
        &peers.bun,
        &peers.pnpm,
        &peers.npm,
        &peers.aube,
        &modules.join("semver"),
    ];
    if programs.iter().any(|program| !program.exists()) {
        println!("==> installing the peers into {}", directory.display());
        std::fs::create_dir_all(directory).map_err(about(directory.display()))?;
        std::fs::write(directory.join("package.json"), "{ \"private\": true }\n")?;
        let mut install = Command::new("npm");
        install
            .current_dir(directory)
            .args([
                "install",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--loglevel=error",
                "--cache",
            ])
            .arg(directory.join("cache"))
            .args(PACKAGES);
        shell::run(&mut install)?;
        super::super::remove(&directory.join("cache"))?;
    }
    let version = |name: &str, command: &mut Command| -> Result<String, Failure> {
        let said = shell::output(command.arg("--version"))?;
        let number = said.split_whitespace().next().unwrap_or_default().to_owned();
        Ok(format!("{name} {number}"))
    };
    let versions = vec![
        version("bun", &mut Command::new(&peers.bun))?,
        version("pnpm", &mut Command::new(&peers.pnpm))?,
        version("npm", Command::new(node).arg(&peers.npm))?,
        version("aube", &mut Command::new(&peers.aube))?,
        version("node", &mut Command::new(node))?,
    ];
    Ok(NpmPeers { versions, ..peers })
}
