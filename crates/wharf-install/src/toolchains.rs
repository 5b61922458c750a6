//! Where toolchains lie that Wharf was told to keep: `<folder>/<toolchain>/<version>`, each a link to a package in the store.
//!
//! Invariant: what lies there is found like what a version manager installed; nothing else knows of it.

use std::ffi::OsString;
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

#[cfg(test)]
mod tests {
    use super::*;

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
