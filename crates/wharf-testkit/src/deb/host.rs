//! The files of a machine that runs Debian: what dpkg and apt write down. Invariant: nothing but files in one folder.
//! Source: dpkg's and apt's own; see `man dpkg`, `man apt-mark`, `man apt-get`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::archive::DebCompression;
use super::package::{DebPackage, host_architecture};
use super::repository::DebRepository;

/// A machine in a folder of its own, gone when the value is dropped.
#[derive(Debug)]
pub struct DebMachine {
    root: tempfile::TempDir,
    status: Vec<String>,
    states: String,
}

/// How apt keeps a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DebListForm {
    /// Plain, or as repositories compress.
    As(DebCompression),
    /// As apt does by itself where it is told to keep lists compressed.
    Lz4,
}

impl DebMachine {
    /// A machine of this one's architecture, without packages and lists.
    ///
    /// # Panics
    /// When the temporary directory cannot be written.
    #[must_use]
    pub fn new() -> Self {
        let root = tempfile::tempdir().expect("the temporary directory can be written");
        let machine = Self {
            root,
            status: Vec::new(),
            states: String::new(),
        };
        machine.write("var/lib/dpkg/arch", format!("{}\n", host_architecture()));
        machine.write("var/lib/dpkg/status", "");
        machine
    }

    /// Its root folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// Has a package that somebody asked for.
    #[must_use]
    pub fn installed(self, package: &DebPackage) -> Self {
        self.in_state(package, "install ok installed")
    }

    /// Has a package that came along with others.
    #[must_use]
    pub fn automatic(mut self, package: &DebPackage) -> Self {
        let architecture = match package.for_architecture() {
            "all" => host_architecture(),
            other => other,
        };
        self.states.push_str(&format!(
            "Package: {}\nArchitecture: {architecture}\nAuto-Installed: 1\n\n",
            package.name()
        ));
        self.write("var/lib/apt/extended_states", &self.states);
        self.installed(package)
    }

    /// Has a package in a state of dpkg's: `hold ok installed`, `deinstall ok config-files`.
    #[must_use]
    pub fn in_state(mut self, package: &DebPackage, state: &str) -> Self {
        self.status.push(package.status_stanza(state));
        self.write("var/lib/dpkg/status", self.status.join("\n"));
        self
    }

    /// Has asked a repository for a suite, and kept its lists like this.
    ///
    /// # Panics
    /// When the suite has no such index.
    #[must_use]
    pub fn updated(
        self,
        repository: &DebRepository,
        suite: &str,
        component: &str,
        form: DebListForm,
    ) -> Self {
        let root = repository.root_url();
        let site = root.trim_start_matches("http://").replace('/', "_");
        let prefix = format!("{site}_dists_{suite}");
        let content = |path: String| {
            let content = repository.content(&path);
            content
                .unwrap_or_else(|| panic!("{path}: there is no such file"))
                .to_vec()
        };
        let release = content(repository.release_path(suite, "InRelease"));
        self.write(&format!("var/lib/apt/lists/{prefix}_InRelease"), release);
        let architecture = host_architecture();
        let plain = repository.plain_packages(suite, component, architecture);
        let (ending, bytes) = match form {
            DebListForm::As(compression) => (compression.suffix(), compression.apply(plain.as_bytes())),
            DebListForm::Lz4 => (".lz4", lz4(plain.as_bytes())),
        };
        let name = format!("{prefix}_{component}_binary-{architecture}_Packages{ending}");
        self.write(&format!("var/lib/apt/lists/{name}"), bytes);
        self
    }

    /// Writes any file of it.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.root().join(path);
        let folder = path.parent().expect("a joined path has a parent");
        std::fs::create_dir_all(folder).expect("the machine's folder can be written");
        std::fs::write(path, content).expect("the machine's folder can be written");
    }

    /// Everything that it consists of: whoever only looks leaves it as it is.
    #[must_use]
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let files = crate::fixture::files_below(self.root()).into_iter();
        files
            .map(|path| {
                let content = std::fs::read(&path).expect("the machine's files can be read");
                (path, content)
            })
            .collect()
    }
}

impl Default for DebMachine {
    fn default() -> Self {
        Self::new()
    }
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).expect("memory takes every byte");
    encoder.finish().expect("a stream in memory can be finished")
}
