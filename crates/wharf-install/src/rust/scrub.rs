//! The variables that a build may see. Invariant: a list of what passes, so that tokens and settings of the user's cargo
//! never reach a build script.

use std::ffi::{OsStr, OsString};

/// Names that pass as they are.
const NAMES: [&str; 38] = [
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TERM",
    "TMPDIR",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "CC",
    "CXX",
    "CPP",
    "LD",
    "AR",
    "NM",
    "RANLIB",
    "STRIP",
    "OBJCOPY",
    "CMAKE",
    "MAKE",
    "PROTOC",
    "PROTOC_INCLUDE",
    "CFLAGS",
    "CXXFLAGS",
    "CPPFLAGS",
    "LDFLAGS",
    "CPATH",
    "C_INCLUDE_PATH",
    "CPLUS_INCLUDE_PATH",
    "LIBRARY_PATH",
    "LD_LIBRARY_PATH",
    "LIBCLANG_PATH",
    "MACOSX_DEPLOYMENT_TARGET",
    "SDKROOT",
    "DEVELOPER_DIR",
    "SOURCE_DATE_EPOCH",
];

/// Beginnings of names that pass.
const FAMILIES: [&str; 4] = ["LC_", "PKG_CONFIG", "OPENSSL_", "NIX_"];

/// What of the variables a build may see; PATH is the caller's business.
pub(super) fn passing(variables: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
    variables.filter(|(name, _)| passes(name)).collect()
}

fn passes(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    NAMES.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_passes_and_the_users_secrets_do_not() {
        let given = [
            "HOME",
            "CC",
            "OPENSSL_DIR",
            "LC_ALL",
            "CARGO_REGISTRY_TOKEN",
            "CARGO_HOME",
            "RUSTFLAGS",
            "RUSTC_WRAPPER",
            "WHARF_TOKEN",
            "AWS_SECRET_ACCESS_KEY",
            "PATH",
        ];
        let given = given
            .into_iter()
            .map(|name| (OsString::from(name), OsString::new()));
        let names: Vec<_> = passing(given).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["HOME", "CC", "OPENSSL_DIR", "LC_ALL"]);
    }
}
