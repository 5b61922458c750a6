//! `cargo xtask tidy`: the rules of this repository that no compiler checks.
//!
//! Invariant: every finding names a file and what to do; all findings are reported, not only the first.

mod files;
mod ladder;
mod licences;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::shell::{self, Failure, about};

/// What cargo tells about the workspace and its dependencies.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<PackageEntry>,
    workspace_members: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct PackageEntry {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

/// Runs every check.
pub(crate) fn run() -> Result<(), Failure> {
    let text = shell::output(shell::cargo().args(["metadata", "--format-version", "1", "--locked"]))?;
    let metadata: Metadata = serde_json::from_str(&text)?;
    let sources = files::tracked()?;
    let mut findings = ladder::check(&metadata);
    findings.extend(licences::check(&metadata));
    findings.extend(files::check(&sources));
    findings.extend(house(&sources));
    if findings.is_empty() {
        println!(
            "tidy: {} files, {} crates, no findings",
            sources.len(),
            metadata.workspace_members.len()
        );
        return Ok(());
    }
    for finding in &findings {
        eprintln!("{finding}");
    }
    Err(Failure(format!("{} findings", findings.len())))
}

/// The files that the repository must have, and what they must say.
fn house(sources: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<String> {
    let mut findings = Vec::new();
    for path in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
    ] {
        if !sources.contains_key(&PathBuf::from(path)) {
            findings.push(format!("{path}: missing"));
        }
    }
    let changelog = sources
        .get(&PathBuf::from("CHANGELOG.md"))
        .map(|text| String::from_utf8_lossy(text).into_owned());
    if changelog.is_some_and(|text| !text.lines().any(|line| line.starts_with("## "))) {
        findings.push("CHANGELOG.md: no section for a release or for what is unreleased".to_owned());
    }
    findings
}

/// Reads a file of the repository, for messages that name it.
fn read(path: &std::path::Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(shell::root().join(path)).map_err(about(path.display()))
}
