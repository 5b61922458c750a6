//! The projects of the check: each a text in `xtask/data/cargo-check` with one `Cargo.toml`, or several after lines `#@ path`.

use std::path::Path;

use crate::shell::{self, Failure, about};

/// A project to resolve.
#[derive(Debug)]
pub(super) struct Project {
    /// The text's name.
    pub(super) name: String,
    /// Paths and contents.
    files: Vec<(String, String)>,
}

impl Project {
    /// Every project whose name contains `only`, by name.
    pub(super) fn load(only: &str) -> Result<Vec<Self>, Failure> {
        let texts = shell::texts("cargo-check", "toml", only)?.into_iter();
        let projects = texts.map(|(name, text)| Self {
            name,
            files: files(&text),
        });
        Ok(projects.collect())
    }

    /// Writes the manifests into an empty folder, and as much of a library for each package that cargo takes it for one.
    pub(super) fn write(&self, folder: &Path) -> Result<(), Failure> {
        for (path, text) in &self.files {
            let manifest = folder.join(path);
            let package = manifest.parent().unwrap_or(folder);
            let sources = package.join("src");
            std::fs::create_dir_all(&sources).map_err(about(sources.display()))?;
            std::fs::write(&manifest, text).map_err(about(manifest.display()))?;
            std::fs::write(sources.join("lib.rs"), "").map_err(about(sources.display()))?;
        }
        Ok(())
    }
}

fn files(text: &str) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("#@ ") {
            Some(path) => files.push((path.trim().to_owned(), String::new())),
            // What stands before the first path is about the whole.
            None => match files.last_mut() {
                Some((_, content)) => content.extend([line, "\n"]),
                None => continue,
            },
        }
    }
    if files.is_empty() {
        files.push(("Cargo.toml".to_owned(), text.to_owned()));
    }
    files
}
