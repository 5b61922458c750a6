//! The folder in which a build runs, made anew for each.
//!
//! ```text
//! <ground>/crates/<name>-<version>/   the directory source: links to homes, manifests of crates that are only listed, the tool with its lock
//! <ground>/config.toml                cargo's configuration: every registry is that source, and nothing is fetched
//! <ground>/target, <ground>/out       what cargo makes
//! <ground>/tmp/                       its temporary files
//! <temporary folder>/                 its home, empty
//! ```
//! Invariant: cargo finds no other configuration. `cargo install` looks for some in its home and in every folder above, so
//! that the home lies among the system's temporary files, not in the store, which is in the user's home mostly.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml_edit::{DocumentMut, Item, Table, value};
use wharf_core::{Algorithm, Digest};
use wharf_ecosystem::cargo::{Dependency, SourceId, Summary, Version};
use wharf_store::Hasher;

use super::{RustError, manifest};

/// A tool that is to be built.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// The index that it comes from, as `cargo install --index` takes it; `None` for crates.io.
    pub index: Option<String>,
    /// The features that are asked of it.
    pub features: Vec<String>,
    /// Whether all its features are.
    pub all_features: bool,
    /// Whether its default features are left out.
    pub no_default_features: bool,
    /// The commands that are wanted; empty for all.
    pub bins: Vec<String>,
    /// Its own home: its files, which are linked to.
    pub home: PathBuf,
    /// The SHA-256 of its archive; of a tool from a repository, one that its files depend on as much.
    pub checksum: Digest,
    /// The repository that it comes from, if it comes from one.
    pub repository: Option<Repository>,
    /// Its `Cargo.lock`.
    pub lock: String,
    /// Everything else of its graph.
    pub crates: Vec<Crate>,
    /// Every registry and repository that its graph names besides crates.io: cargo reads them from the directory source.
    pub sources: Vec<SourceId>,
}

/// The repository of a tool.
#[derive(Clone, Debug)]
pub struct Repository {
    /// It, at a commit: what lies beside the tool comes from there too.
    pub source: SourceId,
    /// The manifest of the tool's workspace, whose profiles count.
    pub workspace: String,
    /// What takes the place of packages of these sources there.
    pub patches: Vec<(SourceId, Dependency)>,
}

/// A crate of the tool's graph.
#[derive(Clone, Debug)]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// What lies in its folder.
    pub content: CrateContent,
}

/// What a build reads of a crate.
#[derive(Clone, Debug)]
pub enum CrateContent {
    /// All of it: it may be compiled.
    Home(PathBuf),
    /// What the index says: it is part of the resolution and not of this machine's build.
    Listed(Arc<Summary>),
}

/// Where everything of a build lies.
pub(super) struct Ground {
    root: PathBuf,
    home: tempfile::TempDir,
}

impl Request {
    /// `ripgrep 14.1.1`.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    /// What the commands depend on besides the compiler: crate, version, checksum, features, the exact graph.
    #[must_use]
    pub fn key(&self) -> Digest {
        let sorted = |words: &[String]| {
            let words: std::collections::BTreeSet<&str> = words.iter().map(String::as_str).collect();
            words.into_iter().collect::<Vec<_>>().join(",")
        };
        let lines = [
            "wharf cargo build 1".to_owned(),
            self.name.clone(),
            self.version.to_string(),
            self.index.clone().unwrap_or_default(),
            self.checksum.to_string(),
            sorted(&self.features),
            self.all_features.to_string(),
            self.no_default_features.to_string(),
            sorted(&self.bins),
            "release".to_owned(),
            self.lock.clone(),
        ];
        Hasher::digest(Algorithm::Sha256, lines.join("\n").as_bytes())
    }
}

impl Ground {
    /// Lays everything out in an empty folder.
    pub(super) fn lay_out(root: &Path, request: &Request) -> Result<Self, RustError> {
        let home = tempfile::Builder::new().prefix("wharf-cargo-").tempdir();
        let home = home.map_err(RustError::io("make a folder in", std::env::temp_dir()))?;
        let ground = Self {
            root: root.to_owned(),
            home,
        };
        for folder in [ground.crates(), ground.target()] {
            fs::create_dir_all(&folder).map_err(RustError::io("create", folder))?;
        }
        write(&ground.settings(), &ground.configuration(request))?;
        for one in &request.crates {
            let folder = ground.crates().join(format!("{}-{}", one.name, one.version));
            match &one.content {
                CrateContent::Home(home) => symlink(home, &folder).map_err(RustError::io("link", folder))?,
                CrateContent::Listed(summary) => write_listed(&folder, summary)?,
            }
        }
        ground.tool(request)?;
        Ok(ground)
    }

    /// The tool's own files, with our lock and without what only its tests need.
    fn tool(&self, request: &Request) -> Result<(), RustError> {
        let folder = self
            .crates()
            .join(format!("{}-{}", request.name, request.version));
        fs::create_dir_all(&folder).map_err(RustError::io("create", &folder))?;
        let entries = fs::read_dir(&request.home).map_err(RustError::io("list", &request.home))?;
        for entry in entries {
            let entry = entry.map_err(RustError::io("list", &request.home))?;
            let name = entry.file_name();
            if name == "Cargo.toml" || name == "Cargo.lock" || name == ".cargo-checksum.json" {
                continue;
            }
            let link = folder.join(name);
            symlink(entry.path(), &link).map_err(RustError::io("link", link))?;
        }
        let published = request.home.join("Cargo.toml");
        let text = fs::read_to_string(&published).map_err(RustError::io("read", &published))?;
        let unreadable = |reason| RustError::Manifest {
            package: request.label(),
            reason,
        };
        let text = match &request.repository {
            Some(repository) => manifest::outside_of_workspace(&text, repository).map_err(unreadable)?,
            None => text,
        };
        let text = manifest::without_development(&text).map_err(unreadable)?;
        write(&folder.join("Cargo.toml"), &text)?;
        write(&folder.join("Cargo.lock"), &request.lock)?;
        write(&folder.join(".cargo-checksum.json"), &checksum(&request.checksum))
    }

    /// cargo's configuration.
    fn configuration(&self, request: &Request) -> String {
        const OURS: &str = "wharf";
        let mut file = DocumentMut::new();
        let mut sources = Table::new();
        sources.set_implicit(true);
        let replaced = |source: Option<&SourceId>| {
            let mut table = Table::new();
            for (key, text) in source.into_iter().flat_map(SourceId::keys) {
                table[key] = value(text);
            }
            table["replace-with"] = value(OURS);
            Item::Table(table)
        };
        sources["crates-io"] = replaced(None);
        for (number, source) in request.sources.iter().enumerate() {
            sources[&format!("source-{number}")] = replaced(Some(source));
        }
        let mut directory = Table::new();
        directory["directory"] = value(self.crates().to_string_lossy().into_owned());
        sources[OURS] = Item::Table(directory);
        file["source"] = Item::Table(sources);
        let patches = request
            .repository
            .iter()
            .flat_map(|repository| &repository.patches);
        for (of, dependency) in patches {
            let patched = match of {
                of if of.is_crates_io() => "crates-io".to_owned(),
                of => of
                    .keys()
                    .into_iter()
                    .next()
                    .map(|(_, url)| url)
                    .unwrap_or_default(),
            };
            let entry = &mut file["patch"][&patched][&*dependency.alias];
            *entry = value(manifest::requirement(dependency));
        }
        let mut net = Table::new();
        net["offline"] = value(true);
        file["net"] = Item::Table(net);
        file.to_string()
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Where everything that cargo starts puts its temporary files.
    pub(super) fn temporary(&self) -> PathBuf {
        self.root.join("tmp")
    }

    pub(super) fn crates(&self) -> PathBuf {
        self.root.join("crates")
    }

    pub(super) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(super) fn settings(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    pub(super) fn target(&self) -> PathBuf {
        self.root.join("target")
    }

    pub(super) fn out(&self) -> PathBuf {
        self.root.join("out")
    }
}

/// What a directory source needs beside a crate's files. cargo compares the archive's digest with the lock; the files were
/// compared when they came into the store.
fn checksum(digest: &Digest) -> String {
    format!("{{\"files\":{{}},\"package\":\"{}\"}}", digest.hex())
}

fn write_listed(folder: &Path, summary: &Summary) -> Result<(), RustError> {
    let source = folder.join("src");
    fs::create_dir_all(&source).map_err(RustError::io("create", &source))?;
    write(&source.join("lib.rs"), "")?;
    write(&folder.join("Cargo.toml"), &manifest::listed(summary))?;
    if summary.links.is_some() {
        write(&folder.join("build.rs"), "fn main() {}\n")?;
    }
    let digest = summary.checksum.as_ref();
    let text = digest.map_or_else(|| "{\"files\":{}}".to_owned(), checksum);
    write(&folder.join(".cargo-checksum.json"), &text)
}

fn write(path: &Path, text: &str) -> Result<(), RustError> {
    fs::write(path, text).map_err(RustError::io("write", path))
}
