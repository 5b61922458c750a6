//! Variables that say something else inside a view: those that name folders of the host's system.
//!
//! Invariant: a path that is seen inside as it is outside stays in every variable.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::{PROGRAMS, View};

/// What becomes of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its name.
    pub name: String,
    /// What it says inside; nothing where it must not be there.
    pub value: Option<OsString>,
}

/// Lists of paths whose entries may be of the host's system.
const LISTS: [&str; 18] = [
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "LD_AUDIT",
    "GCONV_PATH",
    "GI_TYPELIB_PATH",
    "GIO_EXTRA_MODULES",
    "GST_PLUGIN_SYSTEM_PATH",
    "GST_PLUGIN_SYSTEM_PATH_1_0",
    "GTK_PATH",
    "MAGIC",
    "MANPATH",
    "PERL5LIB",
    "PKG_CONFIG_PATH",
    "QT_PLUGIN_PATH",
    "QML2_IMPORT_PATH",
    "TERMINFO_DIRS",
    "XDG_CONFIG_DIRS",
    "XDG_DATA_DIRS",
];
/// Variables that name one file or folder.
const SINGLE: [&str; 14] = [
    "FONTCONFIG_FILE",
    "FONTCONFIG_PATH",
    "GDK_PIXBUF_MODULE_FILE",
    "GIT_EXEC_PATH",
    "GTK_IM_MODULE_FILE",
    "JAVA_HOME",
    "LOCALE_ARCHIVE",
    "LOCPATH",
    "PYTHONHOME",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TERMINFO",
    "TZDIR",
    "XKB_CONFIG_ROOT",
];
/// What is said of the locale, and the two that stand for the others.
const LOCALES: [&str; 15] = [
    "LANG",
    "LC_ALL",
    "LC_ADDRESS",
    "LC_COLLATE",
    "LC_CTYPE",
    "LC_IDENTIFICATION",
    "LC_MEASUREMENT",
    "LC_MESSAGES",
    "LC_MONETARY",
    "LC_NAME",
    "LC_NUMERIC",
    "LC_PAPER",
    "LC_TELEPHONE",
    "LC_TIME",
    "LC_COLLATION",
];
/// The locale that a C library has without any file. Source: glibc 2.35's news.
const ALWAYS: &str = "C.UTF-8";

/// The variables that programs in a view need otherwise than they are; `read` says what they are. Of PATH, the system's
/// folders come first: who has programs of its own puts them before.
#[must_use]
pub fn changes(view: &View, read: &dyn Fn(&str) -> Option<OsString>) -> Vec<Change> {
    let set = |name: &str| read(name).filter(|value| !value.is_empty());
    let mut changes = vec![Change {
        name: "PATH".to_owned(),
        value: Some(programs(view, &set("PATH").unwrap_or_default())),
    }];
    let mut change = |name: &str, value: Option<OsString>| {
        let name = name.to_owned();
        changes.push(Change { name, value });
    };
    for name in LISTS {
        let Some(before) = set(name) else { continue };
        let kept = std::env::split_paths(&before).filter(|path| is_seen(view, path));
        let after = std::env::join_paths(kept).unwrap_or_default();
        if after != before {
            change(name, Some(after).filter(|after| !after.is_empty()));
        }
    }
    for name in SINGLE {
        if set(name).is_some_and(|value| !is_seen(view, Path::new(&value))) {
            change(name, None);
        }
    }
    for name in LOCALES {
        let missing = set(name).is_some_and(|value| !has_locale(view.root(), &value));
        if missing {
            let stands = matches!(name, "LANG" | "LC_ALL");
            change(name, stands.then(|| ALWAYS.into()));
        }
    }
    #[cfg(target_os = "linux")]
    if set("SSL_CERT_FILE").is_none() && super::host::lends_certificates(view.root()) {
        change("SSL_CERT_FILE", Some(super::host::CERTIFICATES_INSIDE.into()));
    }
    changes
}

/// PATH, with the system's folders first.
fn programs(view: &View, before: &OsStr) -> OsString {
    let system = PROGRAMS.iter().map(PathBuf::from);
    let games = Some(PathBuf::from("/usr/games")).filter(|games| is_seen(view, games));
    let first: Vec<PathBuf> = system.chain(games).collect();
    let known =
        |path: &PathBuf| first.contains(path) || path == Path::new("/bin") || path == Path::new("/sbin");
    let rest = std::env::split_paths(before)
        .filter(|path| !path.as_os_str().is_empty() && !known(path) && is_seen(view, path));
    std::env::join_paths(first.iter().cloned().chain(rest)).unwrap_or_else(|_| before.to_owned())
}

/// Whether a path leads to something inside, as far as that is known: the host's folders are seen, of the system's those that
/// the system root has.
fn is_seen(view: &View, path: &Path) -> bool {
    let host = ["/usr/local", "/run"].iter().any(|host| path.starts_with(host));
    if host || view.shown.iter().any(|shown| path.starts_with(shown)) || !of_the_system(path) {
        return true;
    }
    let inner = path.strip_prefix("/").unwrap_or(path);
    [view.root().join(inner), view.root().join("usr").join(inner)]
        .iter()
        .any(|path| path.exists())
}

#[cfg(target_os = "linux")]
fn of_the_system(path: &Path) -> bool {
    super::layout::covered(path)
}

#[cfg(not(target_os = "linux"))]
fn of_the_system(_: &Path) -> bool {
    false
}

/// Whether a system root has a locale. In an archive of them it is taken to be.
fn has_locale(root: &Path, name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let (language, codeset) = name.split_once('.').unwrap_or((name, ""));
    let codeset: String = codeset.chars().filter(char::is_ascii_alphanumeric).collect();
    let codeset = codeset.to_ascii_lowercase();
    if matches!(language, "C" | "POSIX") && matches!(codeset.as_str(), "" | "utf8") {
        return true;
    }
    let folder = root.join("usr/lib/locale");
    let written = match codeset.as_str() {
        "" => language.to_owned(),
        codeset => format!("{language}.{codeset}"),
    };
    folder.join(written).is_dir() || folder.join(name).is_dir() || folder.join("locale-archive").is_file()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    /// A system root with a library folder and one locale.
    fn root() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for folder in [
            "usr/bin",
            "usr/lib/x",
            "usr/lib/locale/de_DE.utf8",
            "usr/share",
            "etc/ssl/certs",
        ] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        std::fs::write(root.path().join("etc/ssl/certs/ca-certificates.crt"), "x").unwrap();
        root
    }

    fn check(before: &[(&str, &str)], expected: &[(&str, Option<&str>)]) {
        let root = root();
        let view = View::new(root.path(), "/state").showing("/usr/src/app");
        let read = |name: &str| {
            let found = before.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let all = changes(&view, &read);
        let found: Vec<(&str, Option<&str>)> = all
            .iter()
            .map(|change| {
                (
                    change.name.as_str(),
                    change.value.as_ref().and_then(|value| value.to_str()),
                )
            })
            .filter(|change| *change != ("PATH", Some("/usr/bin:/usr/sbin")))
            .collect();
        assert_eq!(found, expected, "{before:?}");
    }

    #[test]
    fn what_names_the_hosts_system_is_changed_and_nothing_else() {
        check(&[], &[]);
        check(
            &[(
                "PATH",
                "/home/me/bin:/usr/local/bin:/bin:/usr/bin:/usr/lib/jvm/bin:/usr/src/app/bin:/opt/x",
            )],
            &[(
                "PATH",
                Some("/usr/bin:/usr/sbin:/home/me/bin:/usr/local/bin:/usr/src/app/bin:/opt/x"),
            )],
        );
        check(
            &[
                ("LD_LIBRARY_PATH", "/usr/lib/cuda:/opt/cuda:/lib/x"),
                ("LD_PRELOAD", "/usr/lib/liba.so"),
            ],
            &[
                ("LD_LIBRARY_PATH", Some("/opt/cuda:/lib/x")),
                ("LD_PRELOAD", None),
            ],
        );
        check(&[("XDG_DATA_DIRS", "/usr/local/share:/usr/share")], &[]);
        check(
            &[
                ("TZDIR", "/usr/share/zoneinfo"),
                ("JAVA_HOME", "/opt/java"),
                ("LOCPATH", ""),
            ],
            &[("TZDIR", None)],
        );
    }

    #[test]
    fn a_locale_that_is_not_there_becomes_one_that_is() {
        check(
            &[("LANG", "de_DE.UTF-8"), ("LC_ALL", "C.UTF-8"), ("LC_TIME", "C")],
            &[],
        );
        check(
            &[
                ("LANG", "en_US.UTF-8"),
                ("LC_TIME", "en_GB.UTF-8"),
                ("LC_CTYPE", "de_DE.utf8"),
            ],
            &[("LANG", Some("C.UTF-8")), ("LC_TIME", None)],
        );
        check(&[("LC_ALL", "de_AT")], &[("LC_ALL", Some("C.UTF-8"))]);
    }
}
