//! Where toolchains lie that Wharf was told to keep: `<folder>/<toolchain>/<version>`, each a link to a package in the store.
//!
//! Invariant: what lies there is found like what a version manager installed; nothing else knows of it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The folder of toolchains, as variables of the environment say; `None` where nothing says which folder is the user's.
/// Source of the usual folder: the XDG base directory specification.
#[must_use]
pub fn directory(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name: &str| variable(name).filter(|text| !text.is_empty()).map(PathBuf::from);
    let data = || folder("XDG_DATA_HOME").filter(|folder| folder.is_absolute());
    let home = || folder("HOME").map(|home| home.join(".local/share"));
    folder("WHARF_TOOLCHAIN_DIR").or_else(|| data().or_else(home).map(|data| data.join("wharf/toolchains")))
}

/// Where a version of a toolchain lies, or would.
#[must_use]
pub fn place(directory: &Path, toolchain: &str, version: &str) -> PathBuf {
    directory.join(toolchain).join(version)
}

/// A PATH with the commands of kept C compilers at its end: what the machine itself has comes before them.
#[must_use]
pub fn path_with_compilers(path: &OsStr) -> OsString {
    let folders =
        directory(|name| std::env::var_os(name)).map_or_else(Vec::new, |directory| compilers(&directory));
    if folders.is_empty() {
        return path.to_owned();
    }
    let all = std::env::split_paths(path).chain(folders);
    std::env::join_paths(all).unwrap_or_else(|_| path.to_owned())
}

/// The folders of kept C compilers' commands, where PATH has none; and the folder that everything they need of their own lies in.
#[must_use]
pub fn compilers_in_need() -> Option<(Vec<PathBuf>, PathBuf)> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|folder| folder.join("cc").is_file()) {
        return None;
    }
    let directory = directory(|name| std::env::var_os(name))?;
    let folders = compilers(&directory);
    (!folders.is_empty()).then_some((folders, directory))
}

/// The folders of their commands: GCC first, without a version first.
fn compilers(directory: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for name in COMPILERS {
        let kept = std::fs::read_dir(directory.join(name))
            .into_iter()
            .flatten()
            .flatten();
        let mut kept: Vec<PathBuf> = kept
            .map(|entry| entry.path().join("bin"))
            .filter(|folder| folder.is_dir())
            .collect();
        // `default` comes after every number in the order of names.
        kept.sort();
        folders.extend(kept.into_iter().rev());
    }
    folders
}

/// The C compilers that can be kept.
const COMPILERS: [&str; 2] = ["gcc", "clang"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_compilers_come_in_a_fixed_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "gcc/12/bin",
            "gcc/default/bin",
            "gcc/13",
            "clang/16/bin",
            "node/22/bin",
        ] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let found = compilers(folder.path());
        let names: Vec<_> = found
            .iter()
            .map(|path| path.strip_prefix(folder.path()).unwrap())
            .collect();
        assert_eq!(
            names,
            ["gcc/default/bin", "gcc/12/bin", "clang/16/bin"].map(Path::new)
        );
    }

    #[test]
    fn the_folder_of_toolchains() {
        for (variables, expected) in [
            (&[("HOME", "/h")][..], Some("/h/.local/share/wharf/toolchains")),
            (
                &[("HOME", "/h"), ("XDG_DATA_HOME", "/d")],
                Some("/d/wharf/toolchains"),
            ),
            (
                &[("HOME", "/h"), ("XDG_DATA_HOME", "relative")],
                Some("/h/.local/share/wharf/toolchains"),
            ),
            (&[("HOME", "/h"), ("WHARF_TOOLCHAIN_DIR", "/t")], Some("/t")),
            (&[("HOME", "")], None),
        ] {
            let found = directory(|name| {
                let found = variables.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| OsString::from(value))
            });
            assert_eq!(found.as_deref(), expected.map(Path::new));
        }
    }
}
