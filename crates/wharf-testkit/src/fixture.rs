//! A project directory in which the real binary runs, with nothing of the user's around it.
//!
//! Invariant: a command started here sees no configuration, cache, credentials or proxy of the user's, and no network
//! but the loopback interface. Source of the directory variables: the XDG base directory specification.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::OnceLock;

use crate::archive::hex_digest;
use crate::npm::NpmRegistry;
use crate::registry::Registry;

/// A project directory and a home of its own, both gone when the value is dropped.
#[derive(Debug)]
pub struct Fixture {
    binary: PathBuf,
    scratch: tempfile::TempDir,
    variables: Vec<(String, String)>,
    replacements: Vec<(String, String)>,
}

impl Fixture {
    /// An empty project for `binary`: in the tests of the command line `env!("CARGO_BIN_EXE_wharf")`.
    ///
    /// # Panics
    /// When the temporary directory cannot be used.
    #[must_use]
    pub fn new(binary: impl AsRef<Path>) -> Self {
        let scratch = tempfile::Builder::new()
            .prefix("wharf-test-")
            .tempdir()
            .expect("the temporary directory can be written");
        for folder in ["project", "home"] {
            std::fs::create_dir(scratch.path().join(folder)).expect("a fresh directory can be written");
        }
        Self {
            binary: binary.as_ref().to_owned(),
            scratch,
            variables: Vec::new(),
            replacements: Vec::new(),
        }
    }

    /// An empty project whose index is `registry`.
    #[must_use]
    pub fn with_registry(binary: impl AsRef<Path>, registry: &Registry) -> Self {
        let mut fixture = Self::new(binary);
        fixture.use_registry(registry);
        fixture
    }

    /// Makes `registry` the index, by the variable that installers of this ecosystem share.
    pub fn use_registry(&mut self, registry: &Registry) {
        self.set("PIP_INDEX_URL", &registry.index_url());
        self.replacements
            .push((registry.base_url(), "[REGISTRY]".to_owned()));
    }

    /// An empty project whose npm registry is `registry`.
    #[must_use]
    pub fn with_npm_registry(binary: impl AsRef<Path>, registry: &NpmRegistry) -> Self {
        let mut fixture = Self::new(binary);
        fixture.use_npm_registry(registry);
        fixture
    }

    /// Makes `registry` the npm registry, by an `.npmrc` of the user's: the project stays as the test writes it.
    ///
    /// # Panics
    /// When the home directory cannot be written.
    pub fn use_npm_registry(&mut self, registry: &NpmRegistry) {
        std::fs::write(self.home().join(".npmrc"), registry.npmrc()).expect("the home can be written");
        self.replacements.push((registry.base_url(), "[NPM]".to_owned()));
    }

    /// Puts a program called `node` first on the search path that answers questions about its version as Node would and
    /// runs nothing: tests that only install need no Node.
    ///
    /// # Panics
    /// When the home directory cannot be written.
    pub fn fake_node(&mut self, version: &str) {
        let folder = self.programs();
        std::fs::create_dir_all(&folder).expect("the home can be written");
        let program = folder.join("node");
        std::fs::write(&program, fake_node(&program, version)).expect("the home can be written");
        make_executable(&program);
    }

    /// A folder that comes first on the search path, for programs that a test makes.
    #[must_use]
    pub fn programs(&self) -> PathBuf {
        self.scratch.path().join("programs")
    }

    /// Sets an environment variable for every later command.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// The project directory.
    #[must_use]
    pub fn project(&self) -> PathBuf {
        self.scratch.path().join("project")
    }

    /// The home directory, where caches and the store end up.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.scratch.path().join("home")
    }

    /// Empties the home of everything but settings: caches and the store are gone.
    ///
    /// # Errors
    /// When something in it cannot be removed.
    pub fn forget(&self) -> std::io::Result<()> {
        for entry in std::fs::read_dir(self.home())? {
            let path = entry?.path();
            if path.is_dir() {
                std::fs::remove_dir_all(path)?;
            }
        }
        Ok(())
    }

    /// Writes a file of the project and the directories above it.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.project().join(path);
        std::fs::create_dir_all(path.parent().expect("a joined path has a parent"))
            .expect("the project can be written");
        std::fs::write(path, text).expect("the project can be written");
    }

    /// Reads a file of the project.
    ///
    /// # Panics
    /// When it is missing or no text.
    #[must_use]
    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.project().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Whether the project has this file or directory.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.project().join(path).symlink_metadata().is_ok()
    }

    /// The binary, ready to be given arguments and started in the project directory.
    #[must_use]
    pub fn command(&self) -> Command {
        self.isolated(&self.binary)
    }

    /// Any program under the same isolation.
    #[must_use]
    pub fn isolated(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let home = self.home();
        let mut command = Command::new(program);
        command
            .current_dir(self.project())
            .env_clear()
            .env("PATH", search_path(&self.programs()))
            .env("HOME", &home)
            .env("XDG_CACHE_HOME", home.join("cache"))
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_DATA_HOME", home.join("data"))
            .env("XDG_STATE_HOME", home.join("state"))
            .env("NO_COLOR", "1")
            .env("LC_ALL", "C.UTF-8")
            .env("NO_PROXY", "127.0.0.1")
            // What goes on behind a command would be in the way of tests that take folders away.
            .env("WHARF_FLUSH", "before")
            .env("PYTHONDONTWRITEBYTECODE", "1");
        // Coverage and the sanitizers need to know where to write.
        for name in ["LLVM_PROFILE_FILE", "RUST_BACKTRACE", "TMPDIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the binary with these arguments to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        let mut command = self.command();
        command.args(arguments);
        self.finish(command)
    }

    /// Runs a command to its end and keeps its output, filtered.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn finish(&self, mut command: Command) -> Finished {
        let output = command
            .output()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Finished {
            command: self.filtered(&format!("{:?}", command.get_args().collect::<Vec<_>>())),
            status: output.status,
            stdout: self.filtered(&String::from_utf8_lossy(&output.stdout)),
            stderr: self.filtered(&String::from_utf8_lossy(&output.stderr)),
        }
    }

    /// Runs the environment's Python on a line of code.
    pub fn python(&self, code: &str) -> Finished {
        let mut command = self.isolated(self.project().join(".venv/bin/python"));
        command.args(["-c", code]);
        self.finish(command)
    }

    /// Replaces what differs from run to run: directories, the registry's port, durations.
    #[must_use]
    pub fn filtered(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let real =
            std::fs::canonicalize(self.scratch.path()).unwrap_or_else(|_| self.scratch.path().to_owned());
        for root in [real.as_path(), self.scratch.path()] {
            for (folder, name) in [("project", "[PROJECT]"), ("home", "[HOME]")] {
                text = text.replace(&root.join(folder).display().to_string(), name);
            }
        }
        for (from, to) in &self.replacements {
            text = text.replace(from, to);
        }
        without_durations(&text)
    }

    /// A digest of everything below a directory of the project, for comparing whole environments.
    #[must_use]
    pub fn digest(&self, path: &str) -> Digest {
        Digest::of(&self.project().join(path))
    }
}

/// What a command did.
#[derive(Debug)]
pub struct Finished {
    command: String,
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to standard output, filtered.
    pub stdout: String,
    /// What it wrote to standard error, filtered.
    pub stderr: String,
}

impl Finished {
    /// The exit code, or nothing after a signal.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Itself, when the command succeeded.
    ///
    /// # Panics
    /// When it did not; the message has the whole output.
    #[track_caller]
    pub fn success(self) -> Self {
        assert!(self.status.success(), "{self}");
        self
    }

    /// Itself, when the command failed with this exit code.
    ///
    /// # Panics
    /// When it ended otherwise; the message has the whole output.
    #[track_caller]
    pub fn failure(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "{self}");
        self
    }
}

/// Command, status and both outputs: the shape of inline snapshots.
impl fmt::Display for Finished {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "$ {}", self.command)?;
        writeln!(formatter, "{}", self.status)?;
        writeln!(formatter, "--- stdout\n{}", self.stdout)?;
        write!(formatter, "--- stderr\n{}", self.stderr)
    }
}

/// What every path below a directory is: the digest of a file with its mode, or the target of a link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Digest(BTreeMap<String, String>);

impl Digest {
    /// Reads `directory`; bytecode caches are left out, and a missing directory is empty.
    ///
    /// # Panics
    /// When something below it cannot be read.
    #[must_use]
    pub fn of(directory: &Path) -> Self {
        let mut entries = BTreeMap::new();
        walk(directory, directory, &mut entries);
        Self(entries)
    }

    /// Everything but one path.
    #[must_use]
    pub fn without(mut self, path: &str) -> Self {
        self.0.remove(path);
        self
    }

    /// What another has as well, below a directory.
    #[must_use]
    pub fn with(mut self, directory: &str, other: Self) -> Self {
        let entries = other.0.into_iter();
        self.0
            .extend(entries.map(|(path, what)| (format!("{directory}/{path}"), what)));
        self
    }

    /// How many paths there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The paths that only one of the two has, or that differ.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let paths: std::collections::BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        paths
            .into_iter()
            .filter(|path| self.0.get(*path) != other.0.get(*path))
            .cloned()
            .collect()
    }
}

/// Every file below a folder, in order; links are not followed, and a folder that is not there has none.
///
/// # Panics
/// When an entry goes away while the folder is read.
#[must_use]
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let entry = entry.expect("an open directory can be listed");
            let list = match entry.file_type().expect("an entry has a kind").is_dir() {
                true => &mut folders,
                false => &mut files,
            };
            list.push(entry.path());
        }
    }
    files.sort();
    files
}

fn walk(root: &Path, directory: &Path, entries: &mut BTreeMap<String, String>) {
    let Ok(listing) = std::fs::read_dir(directory) else {
        return;
    };
    for entry in listing {
        let path = entry.expect("an open directory can be listed").path();
        if path.file_name().is_some_and(|name| name == "__pycache__") {
            continue;
        }
        let name = path
            .strip_prefix(root)
            .expect("the walk stays below its root")
            .display()
            .to_string();
        let metadata = path
            .symlink_metadata()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        if metadata.is_symlink() {
            let target = path.read_link().unwrap_or_else(|error| panic!("{name}: {error}"));
            entries.insert(name, format!("link {}", target.display()));
        } else if metadata.is_dir() {
            entries.insert(name, "directory".to_owned());
            walk(root, &path, entries);
        } else {
            let mut content = Vec::new();
            std::fs::File::open(&path)
                .and_then(|mut file| file.read_to_end(&mut content))
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            entries.insert(
                name,
                format!(
                    "{} {}",
                    if executable(&metadata) { "x" } else { "-" },
                    hex_digest(&content)
                ),
            );
        }
    }
}

#[cfg(unix)]
fn executable(metadata: &std::fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0
}

#[cfg(not(unix))]
fn executable(_metadata: &std::fs::Metadata) -> bool {
    false
}

/// The real interpreter behind `python3` on the caller's search path: version managers put scripts in its place, which
/// need the user's home.
///
/// # Panics
/// When there is none: the tests of Python environments need one.
pub fn host_python() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        let output = Command::new("python3")
            .args(["-I", "-c", "import sys; print(sys.executable)"])
            .output()
            .unwrap_or_else(|error| panic!("python3, which the tests need: {error}"));
        PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
    })
}

/// The real Node behind `node` on the caller's search path, or nothing: tests that run JavaScript are left out, visibly,
/// where there is none.
pub fn host_node() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let output = Command::new("node")
            .args(["-p", "process.execPath"])
            .output()
            .ok()?;
        let path = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        (output.status.success() && path.is_file()).then_some(path)
    });
    found.as_deref()
}

/// A shell script that is asked like Node and knows its versions only: it answers the one question that Wharf asks a Node,
/// in the words that it expects.
fn fake_node(program: &Path, version: &str) -> String {
    // The numbers of the binary interface, by major version. Source: nodejs.org, "Node.js releases" (NODE_MODULE_VERSION).
    let abi = match version.split('.').next() {
        Some("18") => "108",
        Some("20") => "115",
        Some("22") => "127",
        Some("24") => "137",
        _ => "0",
    };
    let platform = if cfg!(target_os = "macos") {
        "darwin"
    } else {
        std::env::consts::OS
    };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let facts = format!(
        "{{\"version\":\"{version}\",\"modules\":\"{abi}\",\"platform\":\"{platform}\",\"arch\":\"{arch}\",\"executable\":\"{}\"}}",
        program.display()
    );
    format!(
        "#!/bin/sh\ncase \"$1\" in\n-v|--version) echo v{version};;\n*) echo 'wharf-facts:{facts}';;\nesac\n"
    )
}

#[cfg(unix)]
fn make_executable(path: &Path) {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(path, mode).expect("our own file can be changed");
}

#[cfg(not(unix))]
fn make_executable(_path: &Path) {}

/// The test's own programs first, then the interpreter's directory, then the system's; nothing of a version manager.
fn search_path(programs: &Path) -> std::ffi::OsString {
    let interpreter = host_python()
        .parent()
        .expect("an executable has a directory")
        .to_owned();
    let system = ["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from);
    std::env::join_paths([programs.to_owned(), interpreter].into_iter().chain(system))
        .expect("the paths hold no separator")
}

/// Replaces numbers followed by a unit of time with `[TIME]`.
fn without_durations(text: &str) -> String {
    let mut filtered = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|character: char| character.is_ascii_digit()) {
        let attached = rest[..start]
            .chars()
            .next_back()
            .is_some_and(|before| before.is_alphanumeric() || before == '.');
        let length = rest[start..]
            .find(|character: char| !character.is_ascii_digit() && character != '.')
            .unwrap_or(rest.len() - start);
        let (number, after) = rest[start..].split_at(length);
        let unit = ["ms", "µs", "ns", "s"].into_iter().find(|unit| {
            after
                .strip_prefix(unit)
                .is_some_and(|tail| !tail.starts_with(|next: char| next.is_alphanumeric()))
        });
        filtered.push_str(&rest[..start]);
        match unit.filter(|_| !attached) {
            Some(unit) => {
                filtered.push_str("[TIME]");
                rest = &after[unit.len()..];
            }
            None => {
                filtered.push_str(number);
                rest = after;
            }
        }
    }
    filtered.push_str(rest);
    filtered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_filtered_and_versions_are_not() {
        let check = |text, expected| assert_eq!(without_durations(text), expected);
        check("locked 12 packages in 1.25s", "locked 12 packages in [TIME]");
        check("took 8ms, then 3µs.", "took [TIME], then [TIME].");
        check(
            "requests 2.32.3 and python3.11s",
            "requests 2.32.3 and python3.11s",
        );
        check("7 seconds", "7 seconds");
    }

    #[test]
    fn digests_see_content_links_and_modes() {
        let fixture = Fixture::new("wharf");
        fixture.write("env/a.txt", "one");
        let before = fixture.digest("env");
        fixture.write("env/a.txt", "two");
        fixture.write("env/__pycache__/a.pyc", "ignored");
        let after = fixture.digest("env");
        assert_eq!(before.differences(&after), ["a.txt"]);
        assert_eq!(before.len(), 1);
    }
}
