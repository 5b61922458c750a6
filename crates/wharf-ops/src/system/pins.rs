//! A machine's preferences. Source: apt_preferences(5).

use std::fs;
use std::path::{Path, PathBuf};

use wharf_deb::preferences::{self, Pin};
use wharf_deb::settings::Settings;

use super::error::SystemError;
use super::host::text_of;
use super::settings::place;
use crate::error::OpsError;

/// The pins of a machine in the order in which apt reads them.
pub(super) fn of(root: &Path, settings: &Settings) -> Result<Vec<Pin>, OpsError> {
    let mut pins = Vec::new();
    for path in files(root, settings) {
        let Some(text) = text_of(&path)? else { continue };
        for pin in preferences::parse(&text) {
            pins.push(pin.map_err(|error| SystemError::Malformed {
                path: path.clone(),
                reason: error.to_string(),
            })?);
        }
    }
    Ok(pins)
}

/// `preferences`, then what lies in `preferences.d` under names that apt looks at, in their order.
fn files(root: &Path, settings: &Settings) -> Vec<PathBuf> {
    let folder = place(root, settings, "Dir::Etc::preferencesparts");
    let entries = folder.and_then(|folder| fs::read_dir(folder).ok());
    let entries = entries.into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| counts(path))
        .collect();
    paths.sort();
    let first = place(root, settings, "Dir::Etc::preferences");
    first.into_iter().chain(paths).collect()
}

fn counts(path: &Path) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let stem = name.strip_suffix(".pref").unwrap_or(name);
    !stem.is_empty()
        && stem
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_are_read_in_the_order_in_which_apt_reads_them() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("etc/apt/preferences.d");
        fs::create_dir_all(&folder).unwrap();
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
        write(
            "../preferences",
            "Package: *\nPin: release a=stable\nPin-Priority: 900\n",
        );
        write(
            "b.pref",
            "Package: nginx\nPin: version 1.2*\nPin-Priority: 1001\n",
        );
        write(
            "a",
            "Package: x\nPin: origin \"deb.example.org\"\nPin-Priority: -1\n",
        );
        write("c.bak", "no stanza at all");
        let priorities: Vec<i16> = of(root.path(), &Settings::default())
            .unwrap()
            .iter()
            .map(|pin| pin.priority)
            .collect();
        assert_eq!(priorities, [900, -1, 1001]);
    }

    #[test]
    fn what_is_no_pin_is_refused_by_its_file() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("etc/apt/preferences");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "Package: x\nPin: moon\nPin-Priority: 1\n").unwrap();
        let error = of(root.path(), &Settings::default()).unwrap_err();
        assert!(
            error.to_string().contains("etc/apt/preferences cannot be used"),
            "{error}"
        );
    }
}
