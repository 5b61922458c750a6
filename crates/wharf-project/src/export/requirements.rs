//! The lock as a requirements file that pip and others install.

use std::fmt::Write;

use wharf_core::Source;

use super::{ExportTarget, Hashes, gather, marker_for};
use crate::lock::{InstallItem, Lock, LockError, LockedPackage, Selection};

/// The text of a requirements file with exact pins, markers where targets differ, and hashes.
///
/// pip refuses a file in which only some requirements have hashes, so that hashes are left out as a whole where a
/// source tree or a repository is among the packages.
///
/// # Errors
/// Where the lock contradicts itself or the selection is unknown.
pub fn requirements_txt(
    lock: &Lock,
    selection: &Selection,
    targets: &[ExportTarget],
    hashes: Hashes,
) -> Result<String, LockError> {
    let found = gather(lock, selection, targets)?;
    let all_hashed = found
        .iter()
        .all(|(items, _)| items.iter().all(|item| digest(item).is_some()));
    let with_hashes = hashes == Hashes::Include && all_hashed;
    let mut text = String::from("# Written by `wharf export`. Do not edit.\n");
    for (items, members) in &found {
        let package = items[0].package;
        text.push_str(&requirement(package));
        if let Some(marker) = marker_for(members, targets) {
            write!(text, " ; {marker}").expect("a String takes every write");
        }
        if with_hashes {
            let mut digests: Vec<String> = items.iter().filter_map(digest).collect();
            digests.sort();
            digests.dedup();
            for digest in digests {
                write!(text, " \\\n    --hash={digest}").expect("a String takes every write");
            }
        }
        text.push('\n');
    }
    Ok(text)
}

fn digest(item: &InstallItem<'_>) -> Option<String> {
    item.file
        .and_then(|file| file.digest)
        .map(|digest| digest.to_string())
}

fn requirement(package: &LockedPackage) -> String {
    let LockedPackage {
        name,
        version,
        source,
        ..
    } = package;
    let fragment = |subdirectory: &Option<String>| match subdirectory {
        Some(folder) => format!("#subdirectory={folder}"),
        None => String::new(),
    };
    match source {
        Source::Registry { .. } | Source::FindLinks { .. } => format!("{name}=={version}"),
        Source::Url { url, subdirectory } => format!("{name} @ {url}{}", fragment(subdirectory)),
        Source::Git {
            url,
            commit,
            subdirectory,
            ..
        } => {
            format!("{name} @ git+{url}@{commit}{}", fragment(subdirectory))
        }
        Source::File { path } => dotted(path),
        Source::Directory { path, editable: true } => format!("-e {}", dotted(path)),
        Source::Directory {
            path,
            editable: false,
        } => dotted(path),
    }
}

/// A path that cannot be taken for a name.
fn dotted(path: &str) -> String {
    if path.starts_with(['.', '/']) {
        path.to_owned()
    } else {
        format!("./{path}")
    }
}
