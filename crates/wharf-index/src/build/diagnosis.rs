//! What a failed build's output says about what is missing on this machine. Invariant: a hint is given only for output
//! that has no other common cause.

/// Hints from the output of a failed build, at most three, the most telling first.
pub fn diagnose(output: &str) -> Vec<String> {
    let mut hints = Vec::new();
    let mut add = |hint: String| {
        if hints.len() < 3 && !hints.contains(&hint) {
            hints.push(hint);
        }
    };
    for line in output.lines() {
        if let Some(hint) = of_line(line) {
            add(hint);
        }
    }
    hints
}

fn of_line(line: &str) -> Option<String> {
    missing_header(line)
        .or_else(|| missing_library(line))
        .or_else(|| missing_module(line))
        .or_else(|| missing_program(line))
}

/// `fatal error: Python.h: No such file or directory`, and what clang says instead.
fn missing_header(line: &str) -> Option<String> {
    let rest = line.split_once("fatal error: ")?.1;
    let header = rest
        .strip_suffix(": No such file or directory")
        .or_else(|| rest.strip_prefix('\'')?.strip_suffix("' file not found"))?
        .trim();
    let package = match header {
        "Python.h" | "pyconfig.h" => {
            return Some(format!(
                "the header {header} is missing: install Python's development files (Debian, Ubuntu: `apt install python3-dev`; Fedora: `dnf install python3-devel`), or choose an interpreter that brings them"
            ));
        }
        "ffi.h" => Some(("libffi-dev", "libffi-devel")),
        "libpq-fe.h" => Some(("libpq-dev", "libpq-devel")),
        "mysql.h" | "mysql/mysql.h" => Some(("default-libmysqlclient-dev", "mysql-devel")),
        "openssl/ssl.h" | "openssl/opensslv.h" | "openssl/err.h" => Some(("libssl-dev", "openssl-devel")),
        "libxml/xmlversion.h" | "libxml/xpath.h" => {
            Some(("libxml2-dev libxslt1-dev", "libxml2-devel libxslt-devel"))
        }
        "zlib.h" => Some(("zlib1g-dev", "zlib-devel")),
        "sqlite3.h" => Some(("libsqlite3-dev", "sqlite-devel")),
        "ldap.h" | "lber.h" => Some(("libldap2-dev libsasl2-dev", "openldap-devel")),
        "sasl/sasl.h" => Some(("libsasl2-dev", "cyrus-sasl-devel")),
        "krb5.h" | "gssapi.h" | "gssapi/gssapi.h" => Some(("libkrb5-dev", "krb5-devel")),
        "jpeglib.h" => Some(("libjpeg-dev", "libjpeg-turbo-devel")),
        "cairo.h" => Some(("libcairo2-dev", "cairo-devel")),
        "yaml.h" => Some(("libyaml-dev", "libyaml-devel")),
        "curl/curl.h" => Some(("libcurl4-openssl-dev", "libcurl-devel")),
        "gmp.h" => Some(("libgmp-dev", "gmp-devel")),
        "portaudio.h" => Some(("portaudio19-dev", "portaudio-devel")),
        "sql.h" | "sqlext.h" => Some(("unixodbc-dev", "unixODBC-devel")),
        "systemd/sd-daemon.h" | "systemd/sd-journal.h" => Some(("libsystemd-dev", "systemd-devel")),
        "linux/input.h" | "linux/types.h" => Some(("linux-libc-dev", "kernel-headers")),
        _ => None,
    };
    Some(match package {
        Some((debian, fedora)) => format!(
            "the header {header} is missing: install its development package (Debian, Ubuntu: `apt install {debian}`; Fedora: `dnf install {fedora}`)"
        ),
        None => format!(
            "the C header {header} is missing: install the development package of the library that it belongs to"
        ),
    })
}

/// `/usr/bin/ld: cannot find -lpq: No such file or directory`
fn missing_library(line: &str) -> Option<String> {
    let rest = line.split_once("cannot find -l")?.1;
    let name: String = rest
        .chars()
        .take_while(|c| !c.is_whitespace() && *c != ':')
        .collect();
    (!name.is_empty()).then(|| format!("the library lib{name} is missing: install its development package"))
}

/// `ModuleNotFoundError: No module named 'numpy'`
fn missing_module(line: &str) -> Option<String> {
    let rest = line
        .trim_start()
        .strip_prefix("ModuleNotFoundError: No module named ")?;
    let module = rest.trim_matches(['\'', '"', ' ']);
    let module = module.split('.').next().filter(|module| !module.is_empty())?;
    Some(match module {
        "distutils" => "it needs `distutils`, which Python 3.12 removed: choose a newer version of the package, or Python 3.11".to_owned(),
        "imp" => "it needs the module `imp`, which Python 3.12 removed: choose a newer version of the package, or Python 3.11".to_owned(),
        "pkg_resources" => "it needs `pkg_resources`, which new versions of setuptools do not bring: constrain setuptools for its build, or choose a newer version of the package".to_owned(),
        module => format!(
            "its build imports `{module}` without saying that it needs it: choose a version with a wheel, or report it to its authors"
        ),
    })
}

fn missing_program(line: &str) -> Option<String> {
    let lower = line.to_ascii_lowercase();
    let missing = [
        "not found",
        "no such file or directory",
        "is not installed",
        "cannot find",
        "could not find",
    ];
    let fails = |text: &str| lower.contains(text);
    if !missing.iter().any(|words| fails(words)) && !fails("unable to find") {
        return None;
    }
    let programs: [(&[&str], &str); 6] = [
        (
            &[
                "command 'gcc' failed",
                "command 'cc' failed",
                "command 'x86_64-linux-gnu-gcc'",
                "gcc: not found",
                "unable to find a compiler",
                "'gcc': no such file",
                "'cc': no such file",
                "no such file or directory: 'gcc'",
                "no such file or directory: 'cc'",
            ],
            "no C compiler was found: install one (Debian, Ubuntu: `apt install build-essential`; Fedora: `dnf install gcc gcc-c++ make`)",
        ),
        (
            &[
                "command 'g++' failed",
                "command 'c++' failed",
                "'g++': no such file",
                "g++: not found",
                "no such file or directory: 'g++'",
            ],
            "no C++ compiler was found: install one (Debian, Ubuntu: `apt install build-essential`; Fedora: `dnf install gcc-c++`)",
        ),
        (
            &[
                "cargo, the rust package manager, is not installed",
                "can't find rust compiler",
                "'cargo': no such file",
                "no such file or directory: 'cargo'",
                "rustc: not found",
            ],
            "no Rust compiler was found: install Rust (`apt install cargo`, `dnf install cargo`, or rustup)",
        ),
        (
            &[
                "cmake: not found",
                "'cmake': no such file",
                "no such file or directory: 'cmake'",
                "cmake is not installed",
                "could not find cmake",
                "unable to find cmake",
            ],
            "cmake was not found: install it (Debian, Ubuntu: `apt install cmake`; Fedora: `dnf install cmake`)",
        ),
        (
            &[
                "pkg-config: not found",
                "no such file or directory: 'pkg-config'",
                "pkg-config is not installed",
                "could not find pkg-config",
            ],
            "pkg-config was not found: install it (Debian, Ubuntu: `apt install pkg-config`; Fedora: `dnf install pkgconf-pkg-config`)",
        ),
        (
            &["pg_config executable not found", "pg_config: not found"],
            "pg_config was not found: install PostgreSQL's client library (Debian, Ubuntu: `apt install libpq-dev`; Fedora: `dnf install libpq-devel`), or use a package that ships it as a wheel",
        ),
    ];
    let found = programs
        .iter()
        .find(|(marks, _)| marks.iter().any(|mark| fails(mark)));
    found.map(|(_, hint)| (*hint).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_and_what_they_mean() {
        for (output, expected) in [
            (
                "src/x.c:1:10: fatal error: Python.h: No such file or directory",
                "python3-dev",
            ),
            ("_a.c:2:10: fatal error: 'ffi.h' file not found", "libffi-dev"),
            (
                "x.c:3:10: fatal error: strange/thing.h: No such file or directory",
                "strange/thing.h",
            ),
            (
                "/usr/bin/ld: cannot find -lpq: No such file or directory",
                "libpq",
            ),
            ("ModuleNotFoundError: No module named 'numpy'", "`numpy`"),
            (
                "ModuleNotFoundError: No module named 'distutils.core'",
                "Python 3.12 removed",
            ),
            (
                "error: command 'gcc' failed: No such file or directory",
                "C compiler",
            ),
            ("error: [Errno 2] No such file or directory: 'cc'", "C compiler"),
            (
                "Cargo, the Rust package manager, is not installed or is not on PATH.",
                "Rust",
            ),
            ("Error: pg_config executable not found.", "libpq-dev"),
        ] {
            let hints = diagnose(&format!("running build_ext\n{output}\nerror\n"));
            assert!(
                hints.first().is_some_and(|hint| hint.contains(expected)),
                "{output}: {hints:?}"
            );
        }
    }

    #[test]
    fn other_outputs_mean_nothing() {
        for output in [
            "",
            "gcc -O2 -c x.c",
            "error: expected ';' before '}' token",
            "SyntaxError: invalid syntax",
        ] {
            assert_eq!(diagnose(output), Vec::<String>::new(), "{output}");
        }
        let many = "fatal error: a.h: No such file or directory\n".repeat(9);
        assert_eq!(diagnose(&many).len(), 1);
    }
}
