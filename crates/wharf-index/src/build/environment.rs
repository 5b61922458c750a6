//! Which variables a build sees. Invariant: a list of what passes, not of what does not; secrets in variables that nobody
//! thought of stay outside.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Variables that pass as they are.
const PASSED: [&str; 38] = [
    "LANG",
    "LANGUAGE",
    "TZ",
    "TERM",
    "TMPDIR",
    "TEMP",
    "TMP",
    "CC",
    "CXX",
    "CPP",
    "AR",
    "AS",
    "LD",
    "NM",
    "RANLIB",
    "STRIP",
    "FC",
    "F77",
    "CFLAGS",
    "CXXFLAGS",
    "CPPFLAGS",
    "LDFLAGS",
    "FFLAGS",
    "LIBRARY_PATH",
    "C_INCLUDE_PATH",
    "CPLUS_INCLUDE_PATH",
    "CPATH",
    "LD_LIBRARY_PATH",
    "MAKEFLAGS",
    "ARCHFLAGS",
    "MACOSX_DEPLOYMENT_TARGET",
    "SDKROOT",
    "RUSTFLAGS",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "JAVA_HOME",
    "SYSTEMROOT",
    "COMSPEC",
];

/// Variables that pass where they begin so.
const PREFIXES: [&str; 10] = [
    "LC_",
    "PKG_CONFIG",
    "CMAKE_",
    "NPY_",
    "MESON_",
    "NINJA",
    "SETUPTOOLS_",
    "SSL_CERT_",
    "CUDA_",
    "CARGO_BUILD_",
];

/// Variables for the way to the network, in either case.
const NETWORK: [&str; 6] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
];

/// The variables of a build.
///
/// `home` replaces the user's home directory; `path_dirs` stand in front of `PATH`; `prefix` is the environment.
pub(crate) fn variables(
    given: impl IntoIterator<Item = (OsString, OsString)>,
    home: &Path,
    prefix: Option<&Path>,
    path_dirs: &[PathBuf],
) -> Vec<(OsString, OsString)> {
    let mut own_path = OsString::new();
    let mut own_home = None;
    let mut kept = Vec::new();
    for (name, value) in given {
        match name.to_str() {
            Some("PATH") => own_path = value,
            Some("HOME" | "USERPROFILE") => own_home = Some(PathBuf::from(value)),
            Some(text) if passes(text) => kept.push((name, value)),
            Some(_) | None => {}
        }
    }
    let mut set = |name: &str, value: &OsStr| kept.push((OsString::from(name), value.to_owned()));
    let paths = path_dirs.iter().cloned().chain(std::env::split_paths(&own_path));
    // Only a folder with a colon in its name cannot be joined; then the user's PATH is all there is.
    set("PATH", &std::env::join_paths(paths).unwrap_or(own_path.clone()));
    set("HOME", home.as_os_str());
    set("USERPROFILE", home.as_os_str());
    set("PYTHONNOUSERSITE", OsStr::new("1"));
    set("PYTHONDONTWRITEBYTECODE", OsStr::new("1"));
    set("PYTHONIOENCODING", OsStr::new("utf-8"));
    set("PIP_DISABLE_PIP_VERSION_CHECK", OsStr::new("1"));
    if let Some(prefix) = prefix {
        set("VIRTUAL_ENV", prefix.as_os_str());
    }
    let named = |name: &str| kept.iter().any(|(known, _)| known == name);
    // Rust's toolchain lies in the home directory that the build does not see; its credentials lie in `.cargo`, which
    // is therefore not passed on.
    let toolchain = own_home
        .map(|home| home.join(".rustup"))
        .filter(|path| path.is_dir() && !named("RUSTUP_HOME"));
    let fixed_time = (!named("SOURCE_DATE_EPOCH")).then(|| OsString::from("315532800"));
    kept.extend(toolchain.map(|path| ("RUSTUP_HOME".into(), path.into_os_string())));
    kept.extend(fixed_time.map(|time| ("SOURCE_DATE_EPOCH".into(), time)));
    kept
}

fn passes(name: &str) -> bool {
    PASSED.contains(&name)
        || name == "SOURCE_DATE_EPOCH"
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || NETWORK.contains(&name.to_ascii_uppercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_passes() {
        let given = [
            ("PATH", "/usr/bin:/bin"),
            ("HOME", "/home/me"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
            ("WHARF_INDEX_PRIVATE_PASSWORD", "x"),
            ("GITHUB_TOKEN", "x"),
            ("PYTHONPATH", "/home/me/lib"),
            ("CARGO_REGISTRY_TOKEN", "x"),
            ("https_proxy", "http://127.0.0.1:3128"),
            ("CC", "clang"),
            ("LC_ALL", "C.UTF-8"),
        ];
        let given = given.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let dirs = [PathBuf::from("/env/bin")];
        let kept = variables(given, Path::new("/scratch/home"), Some(Path::new("/env")), &dirs);
        let value = |name: &str| {
            let found = kept.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.to_string_lossy().into_owned())
        };
        assert_eq!(value("PATH").unwrap(), "/env/bin:/usr/bin:/bin");
        assert_eq!(value("HOME").unwrap(), "/scratch/home");
        assert_eq!(value("VIRTUAL_ENV").unwrap(), "/env");
        assert_eq!(value("CC").unwrap(), "clang");
        assert_eq!(value("LC_ALL").unwrap(), "C.UTF-8");
        assert_eq!(value("https_proxy").unwrap(), "http://127.0.0.1:3128");
        assert_eq!(value("SOURCE_DATE_EPOCH").unwrap(), "315532800");
        for secret in [
            "AWS_SECRET_ACCESS_KEY",
            "WHARF_INDEX_PRIVATE_PASSWORD",
            "GITHUB_TOKEN",
            "PYTHONPATH",
            "CARGO_REGISTRY_TOKEN",
        ] {
            assert_eq!(value(secret), None, "{secret}");
        }
    }
}
