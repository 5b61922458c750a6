//! Whether what a way installs does its work: the `build` script of each set, over a small program of its kind.
//!
//! A figure of a tree in which the set's own build fails is one of less work. Each way's own `run` starts the script, and of the
//! developer's programs it finds none but Node.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use super::cases::Bench;
use super::tools::{Place, Tool};
use crate::shell::{self, Failure, about};

/// How many lines of what a failed build said are shown.
const LINES: usize = 6;

impl Bench<'_> {
    /// Builds with every way, one after the other. That a peer's build fails is a finding, and that Wharf's does a failure.
    pub(super) fn build_all(&self) -> Result<(), Failure> {
        let sources = shell::root().join("xtask/data/npm-apps").join(self.set_name());
        let mut failed = Vec::new();
        for tool in self.installed_tools() {
            let project = self.project(tool);
            copy(&sources, &project)?;
            match build(tool, &project, &self.place())? {
                None => println!("    {:<16} builds", tool.name()),
                Some(said) => {
                    println!("    {:<16} fails to build", tool.name());
                    said.iter().for_each(|line| println!("        {line}"));
                    failed.extend(tool.is_wharf().then_some(tool.name()));
                }
            }
        }
        match failed.is_empty() {
            true => Ok(()),
            false => Err(Failure(format!("{}: the build failed", failed.join(", ")))),
        }
    }
}

/// The last lines that it said, where it failed.
fn build(tool: Tool, project: &Path, place: &Place<'_>) -> Result<Option<Vec<String>>, Failure> {
    let mut command = tool.build_command(project, place);
    for name in ["GATSBY_TELEMETRY_DISABLED", "NEXT_TELEMETRY_DISABLED", "CI"] {
        command.env(name, "1");
    }
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(about(format!("{command:?}")))?;
    if output.status.success() {
        return Ok(None);
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines[lines.len().saturating_sub(LINES)..].iter();
    Ok(Some(last.map(|line| (*line).to_owned()).collect()))
}

/// Copies a folder's files into another one.
fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::create_dir_all(to).map_err(about(to.display()))?;
    for entry in fs::read_dir(from).map_err(about(from.display()))? {
        let entry = entry?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type()?.is_dir() {
            true => copy(&path, &to)?,
            false => _ = fs::copy(&path, &to).map_err(about(path.display()))?,
        }
    }
    Ok(())
}
