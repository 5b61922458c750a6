//! Source trees: unpacked source archives, git checkouts, local directories; their metadata and their wheels.
//!
//! Invariant: what a tree says of itself is believed without a build only where the standards say that a build could not
//! change it (PEP 643 for `PKG-INFO`, PEP 621 for `pyproject.toml`). What a build gave is kept by the source's digest,
//! the kind of wheel and the builder's identity.

use std::fs::DirEntry;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use wharf_core::Source;
use wharf_ecosystem::pypi::simple::File;
use wharf_ecosystem::pypi::{CoreMetadata, DistName, SdistFormat, WheelName};
use wharf_store::extract::{extract_tar, extract_zip};
use wharf_store::{Compression, Limits, TreeId};
use wharf_sys::Work;

use crate::build::session::{Kind, Made, MadeKind};
use crate::cache;
use crate::codec::checksum;
use crate::dist::Dist;
use crate::error::IndexError;
use crate::index::PypiIndex;
use crate::metadata::{self, Requirements};

/// A folder with a project in it.
#[derive(Debug)]
pub(crate) struct SourceTree {
    /// The project's folder.
    pub(crate) root: PathBuf,
    /// What it is known by in the caches: changes when the tree does.
    pub(crate) key: String,
    /// Whether imports are to read the tree itself.
    pub(crate) kind: Kind,
    /// Keeps a temporary one in place.
    pub(crate) _scratch: Option<TempDir>,
}

impl PypiIndex {
    /// The metadata of what has no wheel of its own.
    pub(crate) async fn source_metadata(&self, dist: &Dist) -> Result<Arc<Requirements>, IndexError> {
        let key = dist.key();
        self.built
            .metadata
            .get_or(&key, || self.load_source_metadata(dist))
            .await
    }

    /// The same where it is at hand: in memory or in the cache. Directories change, so they never are.
    pub(crate) fn stored_source_metadata(&self, dist: &Dist) -> Option<Arc<Requirements>> {
        let key = dist.key();
        if let Some(known) = self.built.metadata.get(&key) {
            return known.ok();
        }
        if matches!(dist.source, Source::Directory { .. }) {
            return None;
        }
        let stored = self.stored_metadata(dist, &static_key(&key));
        let stored = stored.or_else(|| self.stored_metadata(dist, &self.built_key(&key, Kind::Wheel)))?;
        self.built.metadata.put(&key, Ok(stored)).ok()
    }

    async fn load_source_metadata(&self, dist: &Dist) -> Result<Arc<Requirements>, IndexError> {
        if let Some(stored) = self.stored_source_metadata(dist) {
            return Ok(stored);
        }
        let tree = self.source_tree(dist).await?;
        let found = self.tree_metadata(&dist.label(), &tree).await?;
        if *found.name() == dist.name && (*found.version() == dist.version || is_mutable(&dist.source)) {
            return Ok(found);
        }
        Err(IndexError::Mismatch {
            what: dist
                .file
                .as_ref()
                .map_or_else(|| dist.label(), |file| file.filename.clone()),
            expected: dist.label(),
            found: format!("{} {}", found.name(), found.version()),
        })
    }

    /// The metadata of a source tree, of whatever project it is.
    pub(crate) async fn tree_metadata(
        &self,
        what: &str,
        tree: &SourceTree,
    ) -> Result<Arc<Requirements>, IndexError> {
        let (static_key, built_key) = (static_key(&tree.key), self.built_key(&tree.key, tree.kind));
        for key in [&static_key, &built_key] {
            let stored = cache::read(&self.shared.cache.metadata(key)).and_then(Requirements::open);
            if let Some(stored) = stored {
                return Ok(Arc::new(stored));
            }
        }
        let (key, found) = match static_metadata(&tree.root) {
            Some(found) => (static_key, found),
            None => {
                let made = self.prepare(what, &tree.root, tree.kind).await?;
                (built_key, self.made_metadata(what, tree, &made).await?)
            }
        };
        self.keep_metadata(&key, &found);
        Ok(Arc::new(found))
    }

    /// The metadata that a build gave; where it gave a whole wheel, that is kept for the installation.
    async fn made_metadata(
        &self,
        what: &str,
        tree: &SourceTree,
        made: &Made,
    ) -> Result<Requirements, IndexError> {
        match made.what {
            MadeKind::Metadata => {
                let bytes = std::fs::read(&made.path).map_err(IndexError::disk("read", &made.path))?;
                Requirements::parse(&bytes).map_err(|error| IndexError::Metadata {
                    what: what.to_owned(),
                    reason: error.to_string(),
                })
            }
            MadeKind::Wheel => {
                let dist = dist_of_wheel(what, &made.path)?;
                let id = self.import_wheel(&made.path, &dist).await?;
                self.keep_build(&self.built_key(&tree.key, tree.kind), &id);
                metadata::wheel::read(&dist, &self.metadata_of_tree(&dist, &id)?)
            }
        }
    }

    /// Brings what must be built into the store.
    pub(crate) async fn fetch_built(&self, dist: &Dist) -> Result<TreeId, IndexError> {
        // What was built before needs no archive and no checkout.
        if !is_mutable(&dist.source)
            && let Some(tree) = self.kept_build(&self.built_key(&dist.key(), Kind::Wheel))
        {
            return Ok(tree);
        }
        let tree = self.source_tree(dist).await?;
        let key = self.built_key(&tree.key, tree.kind);
        if let Some(kept) = self.kept_build(&key) {
            return Ok(kept);
        }
        let made = self.build(&dist.label(), &tree.root, tree.kind).await?;
        let built = dist_of_wheel(&dist.label(), &made.path)?;
        if built.name != dist.name || (built.version != dist.version && !is_mutable(&dist.source)) {
            return Err(IndexError::Mismatch {
                what: format!("the wheel built of {}", dist.label()),
                expected: dist.label(),
                found: built.label(),
            });
        }
        let id = self.import_wheel(&made.path, &built).await?;
        self.keep_build(&key, &id);
        Ok(id)
    }

    fn kept_build(&self, key: &str) -> Option<TreeId> {
        let text = String::from_utf8(cache::read(&self.shared.cache.build(key))?).ok()?;
        let tree: TreeId = text.trim().parse().ok()?;
        // The store may have been cleaned since.
        self.shared.store.tree(&tree).ok().map(|_| tree)
    }

    fn keep_build(&self, key: &str, tree: &TreeId) {
        if let Err(error) = cache::write(&self.shared.cache.build(key), tree.to_string().as_bytes()) {
            tracing::debug!(%error, "a build is not kept");
        }
    }

    fn built_key(&self, key: &str, kind: Kind) -> String {
        let identity = self
            .shared
            .builder
            .get()
            .map(|builder| builder.identity())
            .unwrap_or_default();
        format!("built {kind:?} {identity} {key}")
    }

    /// The `pyproject.toml` of what has to be built, as far as it may say what that needs of the system (PEP 725's `[external]`); empty
    /// where it says nothing.
    ///
    /// # Errors
    /// Where the source cannot be had.
    pub async fn external(&self, dist: &Dist) -> Result<String, IndexError> {
        match self.external_at_hand(dist) {
            Some(text) => Ok(text),
            None => Ok(external_text(&self.source_tree(dist).await?.root)),
        }
    }

    /// The same where it is known without fetching anything.
    pub fn external_at_hand(&self, dist: &Dist) -> Option<String> {
        if let Source::Directory { path, .. } = &dist.source {
            return Some(external_text(&self.shared.locations.root.join(path)));
        }
        let kept = cache::read(&self.shared.cache.metadata(&external_key(dist)))?;
        Some(String::from_utf8_lossy(&kept).into_owned())
    }

    /// The source of something; what it says about the system is noted for those who ask later.
    async fn source_tree(&self, dist: &Dist) -> Result<SourceTree, IndexError> {
        let tree = self.fetched_tree(dist).await?;
        if !is_mutable(&dist.source) {
            let noted = cache::write(
                &self.shared.cache.metadata(&external_key(dist)),
                external_text(&tree.root).as_bytes(),
            );
            if let Err(error) = noted {
                tracing::debug!(%error, "what a source needs of the system is not kept");
            }
        }
        Ok(tree)
    }

    async fn fetched_tree(&self, dist: &Dist) -> Result<SourceTree, IndexError> {
        match (&dist.file, &dist.source) {
            (Some(file), source) => {
                let subdirectory = match source {
                    Source::Url { subdirectory, .. } => subdirectory.as_deref(),
                    _ => None,
                };
                self.unpacked(dist, file, subdirectory).await
            }
            (
                None,
                Source::Git {
                    url,
                    commit,
                    subdirectory,
                    ..
                },
            ) => self.checkout(url, commit, subdirectory.as_deref()).await,
            (None, Source::Directory { path, editable }) => self.directory(path, *editable),
            (None, other) => Err(IndexError::Location {
                location: dist.label(),
                reason: format!("no archive is known for it ({other:?})"),
            }),
        }
    }

    /// A source archive, unpacked into a scratch folder.
    pub(crate) async fn unpacked(
        &self,
        dist: &Dist,
        file: &File,
        subdirectory: Option<&str>,
    ) -> Result<SourceTree, IndexError> {
        let archive = self.archive(dist, file).await?;
        let scratch = self.shared.cache.scratch(dist.name.as_str())?;
        let target = scratch.path().join("tree");
        let permit = self.shared.governor.permit(Work::Disk).await;
        let (path, into) = (archive.path.clone(), target.clone());
        let format = match &file.dist {
            DistName::Sdist(sdist) => sdist.format,
            DistName::Wheel(_) => SdistFormat::Zip,
        };
        let unpacked = wharf_sys::run_compute(move || {
            let limits = Limits::default();
            // Its digest was compared when it was fetched.
            let done = match compression(format) {
                None => extract_zip(&path, &into, &limits),
                Some(compression) => extract_tar(&path, compression, &into, &limits),
            };
            drop(permit);
            done
        });
        unpacked
            .await
            .map_err(IndexError::unpack(file.filename.clone()))?;
        let root = below(&top(&target), subdirectory, &file.filename)?;
        let key = match subdirectory {
            Some(folder) => format!("{} {folder}", archive.sha256),
            None => archive.sha256.to_string(),
        };
        Ok(SourceTree {
            root,
            key,
            kind: Kind::Wheel,
            _scratch: Some(scratch),
        })
    }

    /// A local directory as it is now.
    pub(crate) fn directory(&self, path: &str, editable: bool) -> Result<SourceTree, IndexError> {
        let root = self.shared.locations.root.join(path);
        let root = std::path::absolute(&root).map_err(IndexError::disk("find", &root))?;
        if !root.is_dir() {
            return Err(IndexError::Location {
                location: path.to_owned(),
                reason: "there is no such directory".to_owned(),
            });
        }
        let kind = if editable { Kind::Editable } else { Kind::Wheel };
        let key = format!("directory {} {:016x}", root.display(), fingerprint(&root, kind));
        Ok(SourceTree {
            root,
            key,
            kind,
            _scratch: None,
        })
    }
}

/// How the tar inside a source archive is compressed; `None` for zip.
fn compression(format: SdistFormat) -> Option<Compression> {
    match format {
        SdistFormat::Zip => None,
        SdistFormat::Tar => Some(Compression::None),
        SdistFormat::TarGz => Some(Compression::Gzip),
        SdistFormat::TarBz2 => Some(Compression::Bzip2),
        SdistFormat::TarXz => Some(Compression::Xz),
        SdistFormat::TarZst => Some(Compression::Zstd),
    }
}

fn external_key(dist: &Dist) -> String {
    format!("external {}", dist.key())
}

/// The `pyproject.toml` of a project that may have an `[external]` table; empty where it has none.
fn external_text(root: &Path) -> String {
    let text = std::fs::read_to_string(root.join("pyproject.toml")).unwrap_or_default();
    if text.contains("external") {
        text
    } else {
        String::new()
    }
}

fn static_key(key: &str) -> String {
    format!("static {key}")
}

/// Whether the same source can be another version tomorrow.
fn is_mutable(source: &Source) -> bool {
    matches!(source, Source::Directory { .. })
}

/// The one folder in an unpacked archive, or the archive's root where there are several things in it.
fn top(unpacked: &Path) -> PathBuf {
    let Ok(entries) = std::fs::read_dir(unpacked) else {
        return unpacked.to_owned();
    };
    let mut folders = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => folders.push(path),
            // Tools leave a `pax_global_header` beside the folder; a project file means that there is no folder.
            false if entry.file_name() == "pyproject.toml" || entry.file_name() == "setup.py" => {
                return unpacked.to_owned();
            }
            false => {}
        }
    }
    if folders.len() == 1 {
        folders.remove(0)
    } else {
        unpacked.to_owned()
    }
}

/// A folder of a tree.
pub(crate) fn below(root: &Path, subdirectory: Option<&str>, what: &str) -> Result<PathBuf, IndexError> {
    let Some(subdirectory) = subdirectory else {
        return Ok(root.to_owned());
    };
    let unusable = |reason: String| IndexError::Location {
        location: format!("{what}#subdirectory={subdirectory}"),
        reason,
    };
    let path = wharf_core::SafePath::new(subdirectory)
        .map_err(|error| unusable(error.to_string()))?
        .below(root);
    // A link in the archive must not lead elsewhere.
    let real = path
        .canonicalize()
        .map_err(|_| unusable("it has no such folder".to_owned()))?;
    let inside = root.canonicalize().is_ok_and(|root| real.starts_with(root)) && real.is_dir();
    if inside {
        Ok(real)
    } else {
        Err(unusable("it has no such folder".to_owned()))
    }
}

/// What a tree says of itself so that no build could change it.
fn static_metadata(root: &Path) -> Option<Requirements> {
    if let Some(bytes) = cache::read(&root.join("PKG-INFO"))
        && let Some(found) = CoreMetadata::from_pkg_info(&bytes)
    {
        return Some(Requirements::new(&found, &bytes));
    }
    let text = std::fs::read_to_string(root.join("pyproject.toml")).ok()?;
    let found = CoreMetadata::from_pyproject(&text)?;
    let headers = metadata::to_headers(&found);
    Some(Requirements::new(&found, headers.as_bytes()))
}

fn dist_of_wheel(what: &str, path: &Path) -> Result<Dist, IndexError> {
    let filename = path.file_name().unwrap_or_default().to_string_lossy();
    let name = WheelName::parse(&filename).map_err(|error| IndexError::Metadata {
        what: what.to_owned(),
        reason: format!("`{filename}` {error}"),
    })?;
    let source = Source::File {
        path: filename.into_owned(),
    };
    Ok(Dist::tree(name.name, name.version, source))
}

/// Folders that no build reads.
const IGNORED: [&str; 12] = [
    ".git",
    ".hg",
    ".svn",
    ".venv",
    "venv",
    ".wharf",
    "__pycache__",
    "node_modules",
    ".tox",
    ".nox",
    ".mypy_cache",
    ".pytest_cache",
];

/// Changes when a build of the tree could give something else. For a wheel: every file's path, size and time. For an
/// editable wheel, which points at the files: what describes the project, and which folders there are.
fn fingerprint(root: &Path, kind: Kind) -> u64 {
    let mut facts: Vec<String> = Vec::new();
    for name in ["pyproject.toml", "setup.py", "setup.cfg"] {
        let text = cache::read(&root.join(name)).unwrap_or_default();
        facts.push(format!("{name} {:x}", checksum(&text)));
    }
    let deepest = if kind == Kind::Editable { 3 } else { 40 };
    walk(root, deepest, &mut |entry, is_folder| {
        let path = entry.path();
        let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        if is_folder {
            facts.push(shown);
        } else if kind == Kind::Wheel
            && let Ok(meta) = entry.metadata()
        {
            let changed = meta
                .modified()
                .ok()
                .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
            facts.push(format!("{shown} {} {changed:?}", meta.len()));
        }
    });
    facts.sort_unstable();
    checksum(facts.join("\n").as_bytes())
}

/// Every file and folder of a local directory whose change could give another wheel; `None` where there are more than `most`.
pub fn watched(root: &Path, most: usize) -> Option<Vec<PathBuf>> {
    let mut paths = vec![root.to_owned()];
    walk(root, 40, &mut |entry, _| {
        if paths.len() <= most {
            paths.push(entry.path());
        }
    });
    (paths.len() <= most).then_some(paths)
}

/// Shows every entry below a folder that a build could read, and whether it is a folder.
fn walk(folder: &Path, deepest: usize, see: &mut dyn FnMut(&DirEntry, bool)) {
    walk_at(folder, 0, deepest, see);
}

fn walk_at(folder: &Path, depth: usize, deepest: usize, see: &mut dyn FnMut(&DirEntry, bool)) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let Ok(file_type) = entry.file_type() else {
            continue;
        };
        // What builds leave behind must not make the next build look different.
        let is_product = name.ends_with(".egg-info")
            || name.ends_with(".pyc")
            || (depth == 0 && (name == "build" || name == "dist"));
        if IGNORED.contains(&&*name) || is_product {
            continue;
        }
        see(&entry, file_type.is_dir());
        if file_type.is_dir() && depth < deepest {
            walk_at(&entry.path(), depth + 1, deepest, see);
        }
    }
}
