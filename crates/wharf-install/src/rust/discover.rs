//! Looks for rustc and cargo where people keep them, and asks the compiler about itself.
//!
//! The order: `RUSTC` and `CARGO`; PATH; `$CARGO_HOME/bin`; `~/.cargo/bin`; the system's directories. What rustup puts on
//! PATH is a stand-in: the compiler that it starts is asked where it lies, and that one is used.
//! Invariant: a [`Toolchain`] only holds what the compiler said of itself.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use wharf_ecosystem::cargo::{Cfg, Platform, RustVersion};

use super::RustError;

/// A compiler with its cargo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// cargo.
    pub cargo: PathBuf,
    /// The compiler.
    pub rustc: PathBuf,
    /// The compiler's version.
    pub version: RustVersion,
    /// The machine that it compiles for: `x86_64-unknown-linux-gnu`.
    pub host: String,
    /// What `rustc -vV` prints: two compilers that print the same make the same.
    pub verbose: String,
}

/// The machine that a compiler compiles for, as requirements for some machines alone ask about it.
#[derive(Clone, Debug)]
pub struct Machine {
    host: String,
    facts: Vec<Cfg>,
}

impl Machine {
    /// Whether a requirement for such machines counts on this one.
    #[must_use]
    pub fn is(&self, platform: &Platform) -> bool {
        platform.matches(&self.host, &self.facts)
    }
}

impl Toolchain {
    /// The machine that it compiles for.
    ///
    /// # Errors
    /// The compiler does not say what that is.
    pub fn machine(&self) -> Result<Machine, RustError> {
        let said = output(&self.rustc, &["--print", "cfg"], Path::new("/"));
        let said = said.map_err(|reason| RustError::NoCompiler {
            package: "a tool".to_owned(),
            looked: format!("{} {reason}", self.rustc.display()),
        })?;
        Ok(Machine {
            host: self.host.clone(),
            // What a newer compiler says in a newer form, no older requirement asks for.
            facts: said.lines().filter_map(|line| line.parse().ok()).collect(),
        })
    }
}

/// What of the process's surroundings the search depends on.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// `RUSTC`.
    pub rustc: Option<PathBuf>,
    /// `CARGO`.
    pub cargo: Option<PathBuf>,
    /// The directories that are looked into, in order.
    pub path: Vec<PathBuf>,
    /// The folder that a `rust-toolchain.toml` counts in, where the user's own choice of compiler gives none.
    pub project: Option<PathBuf>,
}

impl Surroundings {
    /// Those of this process.
    #[must_use]
    pub fn from_env() -> Self {
        let variable = |name: &str| env::var_os(name).filter(|text| !text.is_empty());
        let file = |name: &str| variable(name).map(PathBuf::from);
        let mut path: Vec<PathBuf> =
            variable("PATH").map_or_else(Vec::new, |path: OsString| env::split_paths(&path).collect());
        path.extend(file("CARGO_HOME").map(|home| home.join("bin")));
        path.extend(file("HOME").map(|home| home.join(".cargo/bin")));
        path.extend(["/usr/local/bin", "/usr/bin"].map(PathBuf::from));
        Self {
            rustc: file("RUSTC"),
            cargo: file("CARGO"),
            path,
            project: None,
        }
    }

    /// The compiler and its cargo.
    ///
    /// # Errors
    /// Where it was looked for and why nothing of it could be used, in words.
    pub fn find(&self) -> Result<Toolchain, String> {
        let asked = self.rustc.clone();
        let on_path = self.path.iter().map(|folder| folder.join("rustc"));
        let mut candidates: Vec<PathBuf> = asked
            .into_iter()
            .chain(on_path.filter(|file| file.is_file()))
            .collect();
        candidates.dedup();
        if candidates.is_empty() {
            return Err("there is none on PATH and none in ~/.cargo/bin".to_owned());
        }
        let mut reasons = Vec::new();
        for rustc in candidates {
            match self.ask(&rustc) {
                Ok(toolchain) => return Ok(toolchain),
                Err(reason) => {
                    let line = format!("{} {reason}", rustc.display());
                    if !reasons.contains(&line) {
                        reasons.push(line);
                    }
                }
            }
        }
        Err(reasons.join("; "))
    }

    fn ask(&self, rustc: &Path) -> Result<Toolchain, String> {
        // The user's own choice of compiler first, so that a project's old one does not build machine-wide tools.
        let neutral = output(rustc, &["--print", "sysroot"], Path::new("/"));
        let sysroot = match (neutral, &self.project) {
            (Err(_), Some(project)) => output(rustc, &["--print", "sysroot"], project),
            (other, _) => other,
        }?;
        let sysroot = PathBuf::from(sysroot.trim());
        let own = |name: &str| Some(sysroot.join("bin").join(name)).filter(|file| file.is_file());
        let rustc = own("rustc").unwrap_or_else(|| rustc.to_owned());
        let verbose = output(&rustc, &["-vV"], Path::new("/"))?;
        let said = |key: &str| {
            let mut lines = verbose.lines();
            lines.find_map(|line| line.strip_prefix(key)).map(str::trim)
        };
        let release = said("release:").ok_or_else(|| "does not say its version".to_owned())?;
        // `1.95.0-nightly` is what becomes 1.95.0.
        let plain = release.split_once('-').map_or(release, |(plain, _)| plain);
        let version = plain
            .parse()
            .map_err(|_| format!("has the odd version `{release}`"))?;
        let host = said("host:")
            .ok_or_else(|| "does not say its host".to_owned())?
            .to_owned();
        let beside = rustc.with_file_name("cargo");
        let cargo = self
            .cargo
            .clone()
            .filter(|cargo| cargo.is_file())
            .or_else(|| own("cargo"))
            .or_else(|| Some(beside).filter(|file| file.is_file()))
            .or_else(|| {
                self.path
                    .iter()
                    .map(|folder| folder.join("cargo"))
                    .find(|file| file.is_file())
            })
            .ok_or_else(|| "has no cargo beside it, and PATH has none".to_owned())?;
        Ok(Toolchain {
            cargo,
            rustc,
            version,
            host,
            verbose,
        })
    }
}

/// What a program prints; else what is wrong with it, as a predicate.
fn output(program: &Path, arguments: &[&str], folder: &Path) -> Result<String, String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot be started: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let line = said
            .lines()
            .find(|line| !line.trim().is_empty())
            .unwrap_or("nothing");
        return Err(format!("fails and says `{}`", line.trim()));
    }
    String::from_utf8(output.stdout).map_err(|_| "prints what is no text".to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn program(path: &Path, body: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn compiler(sysroot: &Path, version: &str) {
        let verbose = format!("rustc {version}\\nhost: x86_64-unknown-linux-gnu\\nrelease: {version}");
        let body = format!(
            "case $1 in --print) echo {};; *) printf '{verbose}\\n';; esac",
            sysroot.display()
        );
        program(&sysroot.join("bin/rustc"), &body);
        program(&sysroot.join("bin/cargo"), "");
    }

    #[test]
    fn a_stand_in_leads_to_the_compiler_that_it_starts() {
        let temporary = tempfile::tempdir().unwrap();
        let (shims, real) = (temporary.path().join("shims"), temporary.path().join("real"));
        compiler(&real, "1.90.1-beta.2");
        program(
            &shims.join("rustc"),
            &format!("exec {} \"$@\"", real.join("bin/rustc").display()),
        );
        let surroundings = Surroundings {
            path: vec![temporary.path().join("none"), shims],
            ..Surroundings::default()
        };
        let found = surroundings.find().unwrap();
        assert_eq!(
            (found.rustc, found.cargo),
            (real.join("bin/rustc"), real.join("bin/cargo"))
        );
        assert_eq!(
            (found.version.to_string(), found.host.as_str()),
            ("1.90.1".to_owned(), "x86_64-unknown-linux-gnu")
        );
    }

    #[test]
    fn what_cannot_be_used_says_why_and_the_next_is_taken() {
        let temporary = tempfile::tempdir().unwrap();
        let none = Surroundings::default().find().unwrap_err();
        assert!(none.contains("none on PATH"), "{none}");
        let broken = temporary.path().join("broken/rustc");
        program(&broken, "echo 'no toolchain is set' >&2; exit 1");
        let mut surroundings = Surroundings {
            path: vec![temporary.path().join("broken")],
            ..Surroundings::default()
        };
        let reason = surroundings.find().unwrap_err();
        assert!(
            reason.ends_with("broken/rustc fails and says `no toolchain is set`"),
            "{reason}"
        );
        compiler(&temporary.path().join("good"), "1.85.0");
        surroundings.path.push(temporary.path().join("good/bin"));
        assert_eq!(surroundings.find().unwrap().version.to_string(), "1.85.0");
    }

    #[test]
    fn a_projects_compiler_is_taken_where_the_user_has_chosen_none() {
        let temporary = tempfile::tempdir().unwrap();
        let (shims, real, project) = (
            temporary.path().join("shims"),
            temporary.path().join("real"),
            temporary.path().join("project"),
        );
        fs::create_dir_all(&project).unwrap();
        compiler(&real, "1.86.0");
        let body = format!(
            "[ \"$PWD\" = / ] && {{ echo 'no default' >&2; exit 1; }}; exec {} \"$@\"",
            real.join("bin/rustc").display()
        );
        program(&shims.join("rustc"), &body);
        let mut surroundings = Surroundings {
            path: vec![shims],
            ..Surroundings::default()
        };
        assert!(surroundings.find().unwrap_err().contains("no default"));
        surroundings.project = Some(project);
        assert_eq!(surroundings.find().unwrap().rustc, real.join("bin/rustc"));
    }
}
