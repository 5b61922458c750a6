//! One release, described step by step and built into real archives.
//!
//! Invariant: what [`Package::publish`] serves is consistent (page, metadata and archive agree) unless a step of the
//! description asked for the contrary.

use std::collections::BTreeMap;

use serde_json::json;

use crate::archive::{normalize, sdist_archive, wheel_archive};
use crate::registry::{Registry, Served};

const BACKEND: &str = include_str!("../data/backend.py");

/// A release under construction: `Package::new("a", "1.0.0").dep("b>=1").publish(&registry)`.
#[derive(Debug, Clone)]
pub struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    summary: String,
    requires_dist: Vec<String>,
    extras: Vec<String>,
    pub(crate) requires_python: Option<String>,
    pub(crate) yanked: Option<String>,
    pub(crate) uploaded: Option<String>,
    files: BTreeMap<String, Vec<u8>>,
    console_scripts: Vec<(String, String)>,
    wheels: Vec<String>,
    sdist: Sdist,
    /// What the sdist's `pyproject.toml` says besides.
    pyproject: String,
    build_requires: Vec<String>,
    hook_requires: Vec<String>,
    build_fails: Option<String>,
    build_imports: Vec<String>,
    metadata: Option<String>,
}

/// What the source distribution says of itself before anything is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sdist {
    None,
    /// `PKG-INFO` 2.2 with nothing dynamic: its metadata can be read without a build.
    Static,
    /// `PKG-INFO` 2.1: only a build tells its dependencies.
    Dynamic,
}

impl Package {
    /// A release with one module named after it. Without [`wheel`](Self::wheel) or [`sdist`](Self::sdist) it is
    /// published as one `py3-none-any` wheel.
    #[must_use]
    pub fn new(name: &str, version: &str) -> Self {
        let module = normalize(name).replace('-', "_");
        let source = format!(
            "\"\"\"{name}\"\"\"\n__version__ = \"{version}\"\n\n\ndef main():\n    print(\"{name} {version}\")\n"
        );
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            summary: format!("{name}, made by the testkit"),
            requires_dist: Vec::new(),
            extras: Vec::new(),
            requires_python: None,
            yanked: None,
            uploaded: None,
            files: BTreeMap::from([(format!("{module}/__init__.py"), source.into_bytes())]),
            console_scripts: Vec::new(),
            wheels: Vec::new(),
            sdist: Sdist::None,
            pyproject: String::new(),
            build_requires: Vec::new(),
            hook_requires: Vec::new(),
            build_fails: None,
            build_imports: Vec::new(),
            metadata: None,
        }
    }

    /// Adds a `Requires-Dist`, with marker or extras if the text has them.
    #[must_use]
    pub fn dep(mut self, requirement: &str) -> Self {
        self.requires_dist.push(requirement.to_owned());
        self
    }

    /// Declares an extra and what it requires.
    #[must_use]
    pub fn extra(mut self, extra: &str, requirements: &[&str]) -> Self {
        self.extras.push(extra.to_owned());
        for requirement in requirements {
            self.requires_dist.push(match requirement.split_once(';') {
                Some((base, marker)) => {
                    format!("{} ; ({}) and extra == '{extra}'", base.trim(), marker.trim())
                }
                None => format!("{requirement} ; extra == '{extra}'"),
            });
        }
        self
    }

    /// Sets `Requires-Python`.
    #[must_use]
    pub fn requires_python(mut self, specifiers: &str) -> Self {
        self.requires_python = Some(specifiers.to_owned());
        self
    }

    /// Sets the one-line summary.
    #[must_use]
    pub fn summary(mut self, summary: &str) -> Self {
        self.summary = summary.to_owned();
        self
    }

    /// Withdraws the release, with a reason that may be empty.
    #[must_use]
    pub fn yanked(mut self, reason: &str) -> Self {
        self.yanked = Some(reason.to_owned());
        self
    }

    /// Sets the upload time of its files, in RFC 3339.
    #[must_use]
    pub fn uploaded(mut self, time: &str) -> Self {
        self.uploaded = Some(time.to_owned());
        self
    }

    /// Publishes a `py3-none-any` wheel.
    #[must_use]
    pub fn wheel(self) -> Self {
        self.wheel_for("py3-none-any")
    }

    /// Publishes a wheel with this tag triple (`cp311-cp311-manylinux_2_17_x86_64`); may be repeated.
    #[must_use]
    pub fn wheel_for(mut self, tags: &str) -> Self {
        self.wheels.push(tags.to_owned());
        self
    }

    /// Publishes a source distribution whose metadata can be read without building.
    #[must_use]
    pub fn sdist(mut self) -> Self {
        self.sdist = Sdist::Static;
        self
    }

    /// Publishes a source distribution whose dependencies only a build tells.
    #[must_use]
    pub fn dynamic_sdist(mut self) -> Self {
        self.sdist = Sdist::Dynamic;
        self
    }

    /// More lines for the `pyproject.toml` of the source distribution, from its fifth on.
    #[must_use]
    pub fn pyproject(mut self, text: &str) -> Self {
        text.clone_into(&mut self.pyproject);
        self
    }

    /// Adds or replaces a file, by its path in the wheel (`a/__init__.py`, `a-1.0.data/scripts/tool`).
    #[must_use]
    pub fn file(mut self, path: &str, content: &str) -> Self {
        self.files.insert(path.to_owned(), content.as_bytes().to_vec());
        self
    }

    /// The same with bytes that are no text.
    #[must_use]
    pub fn bytes(mut self, path: &str, content: &[u8]) -> Self {
        self.files.insert(path.to_owned(), content.to_vec());
        self
    }

    /// Adds a console script: `entry_point("a", "a:main")`.
    #[must_use]
    pub fn entry_point(mut self, script: &str, target: &str) -> Self {
        self.console_scripts.push((script.to_owned(), target.to_owned()));
        self
    }

    /// Lists a requirement of the source distribution's `[build-system]`.
    #[must_use]
    pub fn build_requires(mut self, requirement: &str) -> Self {
        self.build_requires.push(requirement.to_owned());
        self
    }

    /// Lists a requirement that only the backend's hook tells.
    #[must_use]
    pub fn hook_requires(mut self, requirement: &str) -> Self {
        self.hook_requires.push(requirement.to_owned());
        self
    }

    /// Makes the build import this module, which proves that the build requirements were installed.
    #[must_use]
    pub fn build_imports(mut self, module: &str) -> Self {
        self.build_imports.push(module.to_owned());
        self
    }

    /// Makes every build fail with this message.
    #[must_use]
    pub fn build_fails(mut self, message: &str) -> Self {
        self.build_fails = Some(message.to_owned());
        self
    }

    /// Replaces the whole `METADATA` text, right or wrong.
    #[must_use]
    pub fn metadata(mut self, text: &str) -> Self {
        self.metadata = Some(text.to_owned());
        self
    }

    /// Builds the archives and puts them on the registry's page of this project.
    pub fn publish(self, registry: &Registry) {
        for (filename, content) in self.build() {
            let metadata = filename
                .ends_with(".whl")
                .then(|| self.metadata_text("2.2").into_bytes());
            registry.serve(Served {
                project: normalize(&self.name),
                filename,
                content: content.into(),
                metadata: metadata.map(Into::into),
                requires_python: self.requires_python.clone(),
                yanked: self.yanked.clone(),
                uploaded: self.uploaded.clone(),
            });
        }
    }

    /// The archives of this release: file name and bytes.
    #[must_use]
    pub fn build(&self) -> Vec<(String, Vec<u8>)> {
        let mut archives: Vec<_> = self.wheels.iter().map(|tags| self.build_wheel(tags)).collect();
        if self.wheels.is_empty() && self.sdist == Sdist::None {
            archives.push(self.build_wheel("py3-none-any"));
        }
        if self.sdist != Sdist::None {
            archives.push(self.build_sdist());
        }
        archives
    }

    /// Writes the release as an unpacked source tree (the content of its source distribution) into `directory`.
    ///
    /// # Errors
    /// When a file or directory cannot be written.
    pub fn write_source_tree(&self, directory: &std::path::Path) -> std::io::Result<()> {
        for (path, content) in self.source_files() {
            let path = directory.join(path);
            std::fs::create_dir_all(path.parent().expect("a joined path has a parent"))?;
            std::fs::write(path, content)?;
        }
        Ok(())
    }

    fn wheel_name(&self) -> String {
        normalize(&self.name).replace('-', "_")
    }

    fn build_wheel(&self, tags: &str) -> (String, Vec<u8>) {
        let stem = format!("{}-{}", self.wheel_name(), self.version);
        let dist_info = format!("{stem}.dist-info");
        let purelib = tags.ends_with("-any");
        let mut files = self.files.clone();
        files.insert(
            format!("{dist_info}/METADATA"),
            self.metadata_text("2.2").into_bytes(),
        );
        let wheel =
            format!("Wheel-Version: 1.0\nGenerator: testkit\nRoot-Is-Purelib: {purelib}\nTag: {tags}\n");
        files.insert(format!("{dist_info}/WHEEL"), wheel.into_bytes());
        let entry_points = self.entry_points_text();
        if !entry_points.is_empty() {
            files.insert(format!("{dist_info}/entry_points.txt"), entry_points.into_bytes());
        }
        (format!("{stem}-{tags}.whl"), wheel_archive(&files, &dist_info))
    }

    fn build_sdist(&self) -> (String, Vec<u8>) {
        let top = format!("{}-{}", self.wheel_name(), self.version);
        (format!("{top}.tar.gz"), sdist_archive(&self.source_files(), &top))
    }

    fn source_files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for (path, content) in &self.files {
            files.insert(format!("src/{path}"), content.clone());
        }
        let settings = json!({
            "wheel_name": self.wheel_name(),
            "version": self.version,
            "metadata": self.metadata_text("2.2"),
            "entry_points": self.entry_points_text(),
            "hook_requires": self.hook_requires,
            "imports": self.build_imports,
            "fails": self.build_fails,
        });
        files.insert("backend.json".to_owned(), settings.to_string().into_bytes());
        files.insert("testkit_backend.py".to_owned(), BACKEND.as_bytes().to_vec());
        files.insert("pyproject.toml".to_owned(), self.pyproject_text().into_bytes());
        let version = if self.sdist == Sdist::Dynamic {
            "2.1"
        } else {
            "2.2"
        };
        let mut info = self.metadata_text(version);
        if self.sdist == Sdist::Dynamic {
            info = info
                .lines()
                .filter(|line| !line.starts_with("Requires-Dist"))
                .map(|line| format!("{line}\n"))
                .collect();
        }
        files.insert("PKG-INFO".to_owned(), info.into_bytes());
        files
    }

    fn pyproject_text(&self) -> String {
        let requires: Vec<_> = self
            .build_requires
            .iter()
            .map(|requirement| format!("{requirement:?}"))
            .collect();
        format!(
            "[build-system]\nrequires = [{}]\nbuild-backend = \"testkit_backend\"\nbackend-path = [\".\"]\n{}",
            requires.join(", "),
            self.pyproject
        )
    }

    fn entry_points_text(&self) -> String {
        if self.console_scripts.is_empty() {
            return String::new();
        }
        let lines = self
            .console_scripts
            .iter()
            .map(|(script, target)| format!("{script} = {target}\n"));
        format!("[console_scripts]\n{}", lines.collect::<String>())
    }

    fn metadata_text(&self, metadata_version: &str) -> String {
        if let Some(text) = &self.metadata {
            return text.clone();
        }
        let mut text = format!(
            "Metadata-Version: {metadata_version}\nName: {}\nVersion: {}\nSummary: {}\n",
            self.name, self.version, self.summary
        );
        if let Some(specifiers) = &self.requires_python {
            text.push_str(&format!("Requires-Python: {specifiers}\n"));
        }
        for extra in &self.extras {
            text.push_str(&format!("Provides-Extra: {extra}\n"));
        }
        for requirement in &self.requires_dist {
            text.push_str(&format!("Requires-Dist: {requirement}\n"));
        }
        text
    }
}
