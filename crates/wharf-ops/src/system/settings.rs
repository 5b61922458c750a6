//! What a machine's apt is told. Source: apt.conf(5) on which files are read, and in which order.

use std::fs;
use std::path::{Path, PathBuf};

use wharf_deb::settings::Settings;

use super::host::text_of;
use crate::error::OpsError;

/// Files may include each other this deep.
const DEPTH: usize = 8;

/// The settings of a machine, and what of them cannot be read: everything before that counts.
pub(super) fn of(root: &Path) -> Result<(Settings, Vec<String>), OpsError> {
    let mut settings = Settings::default();
    let mut malformed = Vec::new();
    let parts = place(root, &settings, "Dir::Etc::parts");
    for path in parts.iter().flat_map(|folder| files(folder)) {
        read(root, &path, &mut settings, &mut malformed, DEPTH)?;
    }
    // A file of the parts may say where the main one is.
    if let Some(main) = place(root, &settings, "Dir::Etc::main") {
        read(root, &main, &mut settings, &mut malformed, DEPTH)?;
    }
    Ok((settings, malformed))
}

/// Where a machine has what apt knows by a name.
pub(super) fn place(root: &Path, settings: &Settings, name: &str) -> Option<PathBuf> {
    settings.place(name).map(|place| inside(root, &place))
}

fn inside(root: &Path, place: &str) -> PathBuf {
    root.join(place.trim_start_matches('/'))
}

fn read(
    root: &Path,
    path: &Path,
    settings: &mut Settings,
    malformed: &mut Vec<String>,
    depth: usize,
) -> Result<(), OpsError> {
    let Some(text) = text_of(path)? else {
        return Ok(());
    };
    let mut failed = None;
    let mut deeper = Vec::new();
    let outcome = settings.read(&text, |settings, name| {
        let named = inside(root, name);
        let paths = if named.is_dir() {
            files(&named)
        } else {
            vec![named]
        };
        for path in paths.into_iter().filter(|_| depth > 0) {
            let outcome = read(root, &path, settings, &mut deeper, depth - 1);
            failed = failed.take().or(outcome.err());
        }
    });
    malformed.append(&mut deeper);
    if let Err(error) = outcome {
        malformed.push(format!(
            "{}: {error}; the rest of it does not count",
            path.display()
        ));
    }
    failed.map_or(Ok(()), Err)
}

/// The files of a folder under names that apt looks at, in their order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| counts(path))
        .collect();
    paths.sort();
    paths
}

fn counts(path: &Path) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let stem = name.strip_suffix(".conf").unwrap_or(name);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let allowed = |byte: u8| plain(byte) || (byte == b'.' && stem.len() < name.len());
    !stem.is_empty() && stem.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_in_order_and_the_main_file_last() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("etc/apt/apt.conf.d/10one", "A::B \"1\"; A::C \"1\"; A::D \"1\";");
        write(
            "etc/apt/apt.conf.d/20.two.conf",
            "A::C \"2\";\n#include \"/etc/more\";\nA::X \"x",
        );
        write("etc/apt/apt.conf.d/30three.bak", "A::B \"3\";");
        write("etc/more", "A::E \"5\";\n#include \"/etc/more\";\n");
        write("etc/apt/apt.conf", "A::D \"4\";");
        let (settings, malformed) = of(root.path()).unwrap();
        let texts = ["A::B", "A::C", "A::D", "A::E"].map(|name| settings.text(name).unwrap_or_default());
        assert_eq!(texts, ["1", "2", "4", "5"]);
        assert_eq!(malformed.len(), 1, "{malformed:?}");
        assert!(
            malformed[0].contains("20.two.conf: line 3: a text has no end"),
            "{malformed:?}"
        );
    }

    #[test]
    fn a_machine_without_settings_has_none() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(of(root.path()).unwrap(), (Settings::default(), Vec::new()));
        let settings = Settings::default();
        assert_eq!(
            place(root.path(), &settings, "Dir::State::lists"),
            Some(root.path().join("var/lib/apt/lists"))
        );
    }
}
