//! The commands that a package builds: those of `[[bin]]`, and the files that Cargo finds by their place.
//! Source: the Cargo book, "Cargo Targets", "Target auto-discovery".

use std::collections::BTreeSet;
use std::path::Path;

use wharf_ecosystem::cargo::CrateManifest;
use wharf_ecosystem::cargo::manifest::Edition;

/// The names of the commands, sorted.
pub(super) fn bins(folder: &Path, manifest: &CrateManifest) -> Vec<String> {
    let mut names: BTreeSet<String> = manifest.bins.iter().map(|bin| bin.name.clone()).collect();
    // In the first edition a list of commands is the whole list.
    let is_whole = manifest.edition == Edition::E2015 && !names.is_empty();
    if manifest.autobins && !is_whole {
        let stated_main = manifest
            .bins
            .iter()
            .any(|bin| bin.path.as_deref() == Some("src/main.rs"));
        if folder.join("src/main.rs").is_file() && !stated_main {
            names.insert(manifest.name.to_string());
        }
        names.extend(in_folder(&folder.join("src/bin")));
    }
    names.into_iter().collect()
}

/// `NAME.rs` and `NAME/main.rs`.
fn in_folder(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    entries
        .filter_map(|entry| {
            let name = entry
                .file_name()
                .into_string()
                .ok()
                .filter(|name| !name.starts_with('.'))?;
            match name.strip_suffix(".rs") {
                Some(stem) if entry.path().is_file() => Some(stem.to_owned()),
                _ => entry.path().join("main.rs").is_file().then_some(name),
            }
        })
        .collect()
}
