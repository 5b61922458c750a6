//! The lock as `pylock.toml`. Source: PEP 751.

use std::fmt::Write;

use wharf_core::Source;

use super::{ExportTarget, gather, marker_for};
use crate::lock::{InstallItem, Lock, LockError, LockedFile, Selection, quoted};

/// The text of a `pylock.toml`.
///
/// # Errors
/// Where the lock contradicts itself or the selection is unknown.
pub fn pylock(lock: &Lock, selection: &Selection, targets: &[ExportTarget]) -> Result<String, LockError> {
    let mut text = String::from("# Written by `wharf export`. Do not edit.\nlock-version = \"1.0\"\n");
    let environments: Vec<String> = targets.iter().map(environment).collect();
    if !environments.is_empty() {
        text.push_str("environments = [\n");
        for marker in &environments {
            line(&mut text, &format!("    {},", quoted(marker)));
        }
        text.push_str("]\n");
    }
    if let Some(requires) = lock.requires_python.as_ref().filter(|text| !text.is_empty()) {
        line(&mut text, &format!("requires-python = {}", quoted(requires)));
    }
    text.push_str("created-by = \"wharf\"\n");
    for (items, members) in gather(lock, selection, targets)? {
        package(&mut text, &items, marker_for(&members, targets));
    }
    Ok(text)
}

fn environment(export: &ExportTarget) -> String {
    let markers = &export.markers;
    format!(
        "sys_platform == '{}' and platform_machine == '{}' and python_version == '{}'",
        markers.sys_platform(),
        markers.platform_machine(),
        markers.python_version()
    )
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a String takes every write");
}

fn package(text: &mut String, items: &[InstallItem<'_>], marker: Option<String>) {
    let package = items[0].package;
    text.push_str("\n[[packages]]\n");
    line(text, &format!("name = {}", quoted(package.name.as_str())));
    // PEP 751: the version of a source tree must not be recorded, as it may change.
    if !matches!(package.source, Source::Directory { .. }) {
        line(text, &format!("version = {}", quoted(&package.version)));
    }
    if let Some(marker) = marker {
        line(text, &format!("marker = {}", quoted(&marker)));
    }
    if let Some(requires) = package.requires_python.as_ref().filter(|text| !text.is_empty()) {
        line(text, &format!("requires-python = {}", quoted(requires)));
    }
    let mut files: Vec<&LockedFile> = items.iter().filter_map(|item| item.file).collect();
    files.sort_by(|a, b| a.filename.cmp(&b.filename));
    files.dedup();
    match &package.source {
        Source::Registry { index } => {
            line(text, &format!("index = {}", quoted(&index.to_string())));
            distributions(text, &files);
        }
        Source::FindLinks { .. } => distributions(text, &files),
        Source::Url { url, subdirectory } => {
            let location = format!("url = {}", quoted(&url.to_string()));
            archive(text, &location, files.first().copied(), subdirectory.as_deref());
        }
        Source::File { path } => {
            archive(
                text,
                &format!("path = {}", quoted(path)),
                files.first().copied(),
                None,
            );
        }
        Source::Git {
            url,
            reference,
            commit,
            subdirectory,
        } => {
            text.push_str("\n[packages.vcs]\ntype = \"git\"\n");
            line(text, &format!("url = {}", quoted(&url.to_string())));
            if let Some(reference) = reference {
                line(text, &format!("requested-revision = {}", quoted(reference)));
            }
            line(text, &format!("commit-id = {}", quoted(commit)));
            if let Some(folder) = subdirectory {
                line(text, &format!("subdirectory = {}", quoted(folder)));
            }
        }
        Source::Directory { path, editable } => {
            text.push_str("\n[packages.directory]\n");
            line(text, &format!("path = {}", quoted(path)));
            if *editable {
                line(text, "editable = true");
            }
        }
    }
}

fn archive(text: &mut String, location: &str, file: Option<&LockedFile>, subdirectory: Option<&str>) {
    text.push_str("\n[packages.archive]\n");
    line(text, location);
    if let Some(size) = file.and_then(|file| file.size) {
        line(text, &format!("size = {size}"));
    }
    if let Some(folder) = subdirectory {
        line(text, &format!("subdirectory = {}", quoted(folder)));
    }
    line(text, &format!("hashes = {}", hashes(file)));
}

fn distributions(text: &mut String, files: &[&LockedFile]) {
    let (wheels, sdists): (Vec<&LockedFile>, Vec<&LockedFile>) = files
        .iter()
        .copied()
        .partition(|file| file.filename.ends_with(".whl"));
    if !wheels.is_empty() {
        text.push_str("wheels = [\n");
        for file in wheels {
            line(text, &format!("    {},", distribution(file)));
        }
        text.push_str("]\n");
    }
    if let Some(file) = sdists.first() {
        line(text, &format!("sdist = {}", distribution(file)));
    }
}

fn distribution(file: &LockedFile) -> String {
    let mut parts = vec![format!("name = {}", quoted(&file.filename))];
    if let Some(time) = &file.upload_time {
        parts.push(format!("upload-time = {time}"));
    }
    match &file.url {
        Some(url) if url.contains("://") => parts.push(format!("url = {}", quoted(url))),
        Some(path) => parts.push(format!("path = {}", quoted(path))),
        None => {}
    }
    if let Some(size) = file.size {
        parts.push(format!("size = {size}"));
    }
    parts.push(format!("hashes = {}", hashes(Some(file))));
    format!("{{ {} }}", parts.join(", "))
}

fn hashes(file: Option<&LockedFile>) -> String {
    match file.and_then(|file| file.digest) {
        Some(digest) => format!("{{ {} = {} }}", digest.algorithm(), quoted(&digest.hex())),
        None => "{}".to_owned(),
    }
}
