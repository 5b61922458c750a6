//! What a build of a package gets to see: the system, and of the user's things only the programs that it may need.
//!
//! Invariant: a list of what is shown, not of what is not. The user's home is hidden as a whole; the lists of secrets below
//! count where somebody shows the home itself, because a project lies right in it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Network, Sandbox};

/// What is secret in a home, also where the home is shown.
const SECRETS: [&str; 28] = [
    ".ssh",
    ".gnupg",
    ".aws",
    ".azure",
    ".kube",
    ".docker",
    ".netrc",
    "_netrc",
    ".git-credentials",
    ".npmrc",
    ".yarnrc.yml",
    ".pypirc",
    ".vault-token",
    ".password-store",
    ".bash_history",
    ".zsh_history",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".config/gh",
    ".config/git/credentials",
    ".config/gcloud",
    ".config/hub",
    ".config/pip",
    ".config/containers",
    ".config/rclone",
    ".local/share/keyrings",
    ".mozilla",
    ".config/google-chrome",
];

/// Files and folders of the system that a build by root could read and has no use for, and sockets of its services.
const OF_THE_SYSTEM: [&str; 8] = [
    "/run",
    "/var/run",
    "/root",
    "/home",
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/ssh",
    "/etc/ssl/private",
];

/// Variables that name secrets which lie elsewhere.
const NAMING: [&str; 10] = [
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "GNUPGHOME",
    "NETRC",
    "KUBECONFIG",
    "DOCKER_CONFIG",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CONFIG_FILE",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "NPM_CONFIG_USERCONFIG",
];

/// Folders of a home that hold a `bin` and much else.
const SHARED: [&str; 3] = [".local", ".cargo", ".config"];
/// What belongs to the programs in a `bin` beside it, in such a folder.
const BESIDE: [&str; 4] = ["lib", "lib64", "libexec", "include"];

impl Sandbox {
    /// The sandbox of a build that a command starts: the command's variables say which programs and libraries it may need.
    #[must_use]
    pub fn for_build(command: &Command) -> Self {
        let seen: Vec<(OsString, OsString)> = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        let own = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let home = own("HOME").map(PathBuf::from);
        let named = NAMING.into_iter().filter_map(own).map(PathBuf::from);
        Self::new()
            .hiding(home.as_deref(), named)
            .showing(home.as_deref(), &seen)
    }

    /// A program that the build runs: it is seen with the installation that it is part of.
    #[must_use]
    pub fn program(mut self, program: &Path) -> Self {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let mut found = Vec::new();
        named(program, home.as_deref(), &mut found);
        self.seen.extend(found);
        self
    }

    /// Hides a home, the system's secrets, and what else is named.
    fn hiding(mut self, home: Option<&Path>, named: impl Iterator<Item = PathBuf>) -> Self {
        // The home of some services is the root of the system.
        let home = home.filter(|home| home.is_absolute() && !Path::new("/usr").starts_with(home));
        if let Some(home) = home {
            self = self.hidden(home);
            for secret in SECRETS {
                self = self.hidden(home.join(secret));
            }
        }
        let system = OF_THE_SYSTEM.into_iter().map(PathBuf::from);
        for path in system.chain(named.filter(|path| path.is_absolute())) {
            self = self.hidden(path);
        }
        self
    }

    /// Shows the programs on the command's PATH, and what its other variables name.
    fn showing(mut self, home: Option<&Path>, seen: &[(OsString, OsString)]) -> Self {
        let mut found = Vec::new();
        for (name, value) in seen {
            match name.to_str() {
                Some("PATH") => {
                    for folder in std::env::split_paths(value) {
                        programs(&folder, home, &mut found);
                    }
                }
                Some("HOME" | "USERPROFILE" | "TMPDIR" | "TEMP" | "TMP") => {}
                Some(_) | None => {
                    for path in paths(value) {
                        named(&path, home, &mut found);
                    }
                }
            }
        }
        // The home itself is never what a tool is.
        self.seen
            .extend(found.into_iter().filter(|path| Some(path.as_path()) != home));
        self
    }
}

/// What the output of a build that failed in a sandbox says of the sandbox's limits, as hints; the most telling first.
/// `package` is how the policy names it: `pypi:NAME`.
#[must_use]
pub fn limits_met(output: &str, package: &str, network: Network) -> Vec<String> {
    let says = |signs: &[&str]| signs.iter().any(|sign| output.contains(sign));
    let mut hints = Vec::new();
    if network == Network::None && says(&NO_NETWORK) {
        hints.push(format!(
            "builds have no network: choose a version that brings what it needs (a wheel, or vendored sources), or allow it this one: `build-network = [\"{package}\"]` under `[policy]`"
        ));
    }
    if says(&["Read-only file system", "os error 30", "Errno 30"]) {
        hints.push(
            "builds write only into their own folders; `sandbox = \"off\"` under `[policy]`, or `WHARF_SANDBOX=off` for one command, lets them write where you can"
                .to_owned(),
        );
    }
    hints
}

/// What programs say that miss the network.
const NO_NETWORK: [&str; 12] = [
    "Could not resolve host",
    "Couldn't resolve host",
    "Temporary failure in name resolution",
    "temporary failure in name resolution",
    "Name or service not known",
    "Temporary failure resolving",
    "failed to lookup address information",
    "Network is unreachable",
    "network is unreachable",
    "unable to resolve host address",
    "getaddrinfo",
    "dns error",
];

/// The paths that a variable's value names: lists with colons, flags such as `-L/opt/lib`, words.
fn paths(value: &OsStr) -> Vec<PathBuf> {
    let Some(text) = value.to_str() else {
        return Vec::new();
    };
    // A path with spaces is a whole value or a part of a list.
    let whole = text.split(':').chain([text]);
    let words = whole.chain(text.split([':', ' ', '=', ';', ',']));
    let word = |word: &str| {
        let path = Path::new(&word[word.find('/')?..]).to_owned();
        // `-L/opt/lib` is a path behind a flag, `a/b` is none at all.
        let flag = word.starts_with(['/', '-']);
        (flag && path.exists()).then_some(path)
    };
    let mut paths: Vec<PathBuf> = words.filter_map(word).collect();
    paths.sort();
    paths.dedup();
    paths
}

/// What a variable names is shown: a folder as it is, a program with what belongs to it.
fn named(path: &Path, home: Option<&Path>, found: &mut Vec<PathBuf>) {
    let above = home.is_some_and(|home| home.starts_with(path));
    if above || path.components().count() < 3 {
        return;
    }
    found.push(path.to_owned());
    if let (true, Some(folder)) = (path.is_file(), path.parent())
        && folder.file_name().is_some_and(|name| name == "bin")
    {
        programs(folder, home, found);
    }
}

/// A folder of programs is shown, with the installation that it is part of, and those that its links lead to.
fn programs(folder: &Path, home: Option<&Path>, found: &mut Vec<PathBuf>) {
    if !needs_showing(folder, home) {
        return;
    }
    installation(folder, home, found);
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let linked = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        let Some(real) = linked.then(|| entry.path().canonicalize().ok()).flatten() else {
            continue;
        };
        if let Some(bin) = real.parent().filter(|bin| needs_showing(bin, home)) {
            installation(bin, home, found);
        }
    }
}

/// Folders of the system are to be seen anyway.
fn needs_showing(folder: &Path, home: Option<&Path>) -> bool {
    let hidden = ["/home", "/root", "/run", "/tmp", "/var/tmp"].map(Path::new);
    let hides = |one: &Path| folder.starts_with(one) && folder != one;
    hidden.into_iter().any(hides) || home.is_some_and(hides)
}

fn installation(bin: &Path, home: Option<&Path>, found: &mut Vec<PathBuf>) {
    let mut add = |path: PathBuf| {
        if !found.contains(&path) {
            found.push(path);
        }
    };
    add(bin.to_owned());
    let Some(prefix) = bin.parent() else { return };
    let is_home = Some(prefix) == home || prefix.parent().is_some_and(|above| above == Path::new("/home"));
    let shared = prefix
        .file_name()
        .is_some_and(|name| SHARED.iter().any(|shared| name == *shared));
    match (is_home || prefix.components().count() < 3, shared) {
        (true, _) => {}
        (false, true) => BESIDE.iter().for_each(|name| add(prefix.join(name))),
        (false, false) => add(prefix.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// A home with tools as people have them.
    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        for folder in [
            ".ssh",
            ".cargo/bin",
            ".local/bin",
            ".local/lib",
            ".local/share/keyrings",
            ".local/share/pipx/venvs/cmake/bin",
            ".pyenv/shims",
            "bin",
            "opt/llvm/bin",
            "opt/llvm/lib",
            "work space/lib",
        ] {
            fs::create_dir_all(home.path().join(folder)).unwrap();
        }
        for file in ["opt/llvm/bin/clang", ".local/share/pipx/venvs/cmake/bin/cmake"] {
            fs::write(home.path().join(file), "").unwrap();
        }
        let link = home.path().join(".local/bin/cmake");
        symlink(home.path().join(".local/share/pipx/venvs/cmake/bin/cmake"), link).unwrap();
        home
    }

    fn shown(home: &Path, variables: &[(&str, String)]) -> Vec<String> {
        let seen: Vec<_> = variables
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)))
            .collect();
        let sandbox = Sandbox::new()
            .hiding(Some(home), std::iter::empty())
            .showing(Some(home), &seen);
        let mut names: Vec<String> = sandbox
            .seen
            .iter()
            .filter_map(|path| Some(path.strip_prefix(home).ok()?.to_str()?.to_owned()))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn programs_on_path_are_seen_with_what_belongs_to_them_and_no_more() {
        let home = home();
        let at = |name: &str| home.path().join(name).display().to_string();
        let check = |path: &str, expected: &[&str]| {
            assert_eq!(shown(home.path(), &[("PATH", at(path))]), expected, "{path}");
        };
        check(
            ".cargo/bin",
            &[
                ".cargo/bin",
                ".cargo/include",
                ".cargo/lib",
                ".cargo/lib64",
                ".cargo/libexec",
            ],
        );
        check(".pyenv/shims", &[".pyenv", ".pyenv/shims"]);
        check("bin", &["bin"]);
        check(
            ".local/bin",
            &[
                ".local/bin",
                ".local/include",
                ".local/lib",
                ".local/lib64",
                ".local/libexec",
                ".local/share/pipx/venvs/cmake",
                ".local/share/pipx/venvs/cmake/bin",
            ],
        );
        assert!(shown(home.path(), &[("PATH", "/usr/bin:/bin".to_owned())]).is_empty());
        assert!(shown(home.path(), &[("PATH", at(""))]).is_empty());
    }

    #[test]
    fn what_a_failed_build_missed_is_said() {
        let check = |output: &str, expected: &[&str]| {
            let hints = limits_met(output, "pypi:near", Network::None);
            assert_eq!(hints.len(), expected.len(), "{output}: {hints:?}");
            for (hint, words) in hints.iter().zip(expected) {
                assert!(hint.starts_with(words), "{hint}");
            }
        };
        check(
            "curl: (6) Could not resolve host: example.org",
            &["builds have no network"],
        );
        check(
            "urllib.error.URLError: <urlopen error [Errno -3] Temporary failure in name resolution>",
            &["builds have no network"],
        );
        check(
            "OSError: [Errno 30] Read-only file system: '/usr/x'",
            &["builds write only"],
        );
        let hints = limits_met("Could not resolve host: x", "pypi:near", Network::None);
        assert!(hints[0].contains("build-network = [\"pypi:near\"]"), "{hints:?}");
        assert!(limits_met("Could not resolve host: x", "pypi:near", Network::Host).is_empty());
        check("error[E0425]: cannot find value `x` in this scope", &[]);
    }

    #[test]
    fn what_variables_name_is_seen() {
        let home = home();
        let at = |name: &str| home.path().join(name).display().to_string();
        let check = |name: &str, value: String, expected: &[&str]| {
            assert_eq!(shown(home.path(), &[(name, value)]), expected, "{name}");
        };
        check(
            "CC",
            at("opt/llvm/bin/clang"),
            &["opt/llvm", "opt/llvm/bin", "opt/llvm/bin/clang"],
        );
        check(
            "LDFLAGS",
            format!("-O2 -L{} -lz", at("opt/llvm/lib")),
            &["opt/llvm/lib"],
        );
        check("OPENSSL_LIB_DIR", at("work space/lib"), &["work space/lib"]);
        check("CPATH", format!("{}:/usr/include", at("opt/llvm")), &["opt/llvm"]);
        check("LD_LIBRARY_PATH", at(""), &[]);
        check("HOME", at(""), &[]);
        check("TMPDIR", at("bin"), &[]);
        check("CC", at("missing/cc"), &[]);
        check("NOISE", "opt/llvm".to_owned(), &[]);
    }

    #[test]
    fn a_home_is_hidden_with_its_secrets_and_the_root_of_the_system_is_not() {
        let hidden = |home: &str| {
            let sandbox = Sandbox::new().hiding(Some(Path::new(home)), std::iter::once("/secret/key".into()));
            let paths = sandbox.places.into_iter().map(|place| place.at);
            paths.collect::<Vec<_>>()
        };
        let all = hidden("/home/me");
        for path in [
            "/home/me",
            "/home/me/.ssh",
            "/home/me/.cargo/credentials.toml",
            "/run",
            "/secret/key",
        ] {
            assert!(all.contains(&PathBuf::from(path)), "{path}");
        }
        let all = hidden("/");
        assert!(!all.contains(&PathBuf::from("/")) && !all.contains(&PathBuf::from("/.ssh")));
        assert!(all.contains(&PathBuf::from("/home")));
    }
}
