//! Bringing distributions into the store: wheels as they are, everything else built into a wheel first.
//!
//! Invariant: the digest of an archive is compared before a byte of it is unpacked, and what is in the store is known by
//! that digest. Nothing stays of an archive that was refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use wharf_core::{Algorithm, Digest, Ecosystem, Event};
use wharf_ecosystem::pypi::simple::File;
use wharf_store::{Limits, TreeId, hash_file};
use wharf_sys::Work;

use crate::dist::Dist;
use crate::error::IndexError;
use crate::index::PypiIndex;
use crate::releases::identity;

/// An archive on this disk, verified.
#[derive(Clone, Debug)]
pub(crate) struct Archive {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// Its SHA-256.
    pub(crate) sha256: Digest,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Keeps a temporary one in place.
    _scratch: Option<Arc<TempDir>>,
}

impl PypiIndex {
    /// Brings a distribution into the store and answers its tree: a wheel as it is, anything else built.
    ///
    /// # Errors
    /// Where it cannot be had, is not what was promised, cannot be unpacked or cannot be built.
    pub async fn fetch(&self, dist: &Dist) -> Result<TreeId, IndexError> {
        if let Some(tree) = self.fetched(dist) {
            return Ok(tree);
        }
        let key = dist.key();
        match &dist.file {
            Some(file) if file.dist.as_wheel().is_some() => {
                self.shared
                    .wheels
                    .get_or(&key, || self.fetch_wheel(dist, file))
                    .await
            }
            Some(_) | None => self.built.trees.get_or(&key, || self.fetch_built(dist)).await,
        }
    }

    /// The tree of a wheel that the store has already: no waiting, no network. `None` for what must be built.
    pub fn fetched(&self, dist: &Dist) -> Option<TreeId> {
        if dist.needs_build() {
            return None;
        }
        self.in_store(&dist.digest()?)
    }

    /// The tree of an archive that the store has already.
    pub(crate) fn in_store(&self, digest: &Digest) -> Option<TreeId> {
        self.shared.store.lookup_package(Ecosystem::Pypi, digest)
    }

    async fn fetch_wheel(&self, dist: &Dist, file: &File) -> Result<TreeId, IndexError> {
        let archive = self.archive(dist, file).await?;
        if let Some(tree) = self.in_store(&archive.sha256) {
            return Ok(tree);
        }
        let tree = self.import_wheel(&archive.path, dist).await?;
        self.record(&[archive.sha256], file, &tree);
        Ok(tree)
    }

    /// Unpacks a wheel into the store and checks that it is of this distribution.
    pub(crate) async fn import_wheel(&self, path: &Path, dist: &Dist) -> Result<TreeId, IndexError> {
        let permit = self.shared.governor.permit(Work::Disk).await;
        let (store, path) = (Arc::clone(&self.shared.store), path.to_owned());
        let imported = wharf_sys::run_compute(move || {
            let tree = store.import_zip(&path, &Limits::default());
            drop(permit);
            tree
        });
        let tree = imported.await.map_err(IndexError::unpack(dist.label()))?;
        crate::metadata::wheel::read(dist, &self.metadata_of_tree(dist, &tree)?)?;
        Ok(tree)
    }

    /// Remembers the tree under every strong digest that the file is known by.
    pub(crate) fn record(&self, digests: &[Digest], file: &File, tree: &TreeId) {
        let strong = file
            .digests
            .iter()
            .filter(|digest| digest.algorithm().is_strong());
        for digest in digests.iter().chain(strong) {
            if let Err(error) = self.shared.store.record_package(Ecosystem::Pypi, digest, tree) {
                tracing::debug!(%error, %digest, "a package in the store is not recorded");
            }
        }
    }

    /// The SHA-256 of a distribution's archive where the index gives no strong digest: found by fetching it, so that what
    /// is locked can be verified from then on. `None` for what has no archive.
    ///
    /// # Errors
    /// Where it cannot be had.
    pub async fn digest_by_fetching(&self, dist: &Dist) -> Result<Option<Digest>, IndexError> {
        match &dist.file {
            Some(file) => Ok(Some(self.archive(dist, file).await?.sha256)),
            None => Ok(None),
        }
    }

    /// The archive of a distribution on this disk, downloaded where it is elsewhere, with its digest compared.
    pub(crate) async fn archive(&self, dist: &Dist, file: &File) -> Result<Archive, IndexError> {
        let key = dist.key();
        // Wheels are unpacked and gone; only source archives are asked for twice, for metadata and for the build.
        if file.dist.as_wheel().is_some() {
            return self.obtain(dist, file).await;
        }
        self.shared
            .archives
            .get_or(&key, || self.obtain(dist, file))
            .await
    }

    async fn obtain(&self, dist: &Dist, file: &File) -> Result<Archive, IndexError> {
        if let Ok(path) = file.url.as_url().to_file_path() {
            return self.local_archive(&path, file).await;
        }
        if !file.digests.iter().any(|digest| digest.algorithm().is_strong()) {
            let given = if file.digests.is_empty() {
                "no hash"
            } else {
                "only a weak hash"
            };
            self.shared.sinks.emit(Event::warning(
                "index/unverified",
                format!("{} comes with {given}: what arrives is taken as it is", file.url),
            ));
        }
        if file.dist.as_wheel().is_some() {
            let scratch = self.shared.cache.scratch(dist.name.as_str())?;
            // By its own name: a refusal names the archive by its path.
            let path = scratch.path().join(&file.filename);
            return self.download(dist, file, path, Some(Arc::new(scratch))).await;
        }
        let folder = self.shared.cache.sdist(&dist.key());
        let path = folder.join(&file.filename);
        if let Some(kept) = self.kept_archive(&path, file).await {
            return Ok(kept);
        }
        std::fs::create_dir_all(&folder).map_err(IndexError::disk("create", &folder))?;
        // Beside its place and renamed, so that two commands at once do not write into one file.
        let scratch = self.shared.cache.scratch(dist.name.as_str())?;
        let archive = self
            .download(dist, file, scratch.path().join("archive"), None)
            .await?;
        std::fs::rename(&archive.path, &path).map_err(IndexError::disk("write", &path))?;
        Ok(Archive { path, ..archive })
    }

    async fn download(
        &self,
        dist: &Dist,
        file: &File,
        to: PathBuf,
        scratch: Option<Arc<TempDir>>,
    ) -> Result<Archive, IndexError> {
        let label = format!("{} {}", dist.name, dist.version);
        let done = self
            .shared
            .client
            .download(&file.url, &to, &file.digests, file.size, &label)
            .await;
        let done = done.map_err(IndexError::net(format!("{} could not be fetched", dist.label())))?;
        Ok(Archive {
            path: to,
            sha256: done.sha256,
            size: done.bytes,
            _scratch: scratch,
        })
    }

    /// A source archive that an earlier command kept, where it is still what it was.
    async fn kept_archive(&self, path: &Path, file: &File) -> Option<Archive> {
        let expected = identity(&file.digests)?;
        let facts = std::fs::metadata(path).ok()?;
        let digests = digests_of(path, &[Algorithm::Sha256, expected.algorithm()])
            .await
            .ok()?;
        digests.contains(&expected).then(|| Archive {
            path: path.to_owned(),
            sha256: digests[0],
            size: facts.len(),
            _scratch: None,
        })
    }

    async fn local_archive(&self, path: &Path, file: &File) -> Result<Archive, IndexError> {
        let facts = std::fs::metadata(path).map_err(IndexError::disk("read", path))?;
        let strongest = file
            .digests
            .iter()
            .max_by_key(|digest| digest.algorithm())
            .copied();
        let mut wanted = vec![Algorithm::Sha256];
        wanted.extend(strongest.map(|digest| digest.algorithm()));
        let digests = digests_of(path, &wanted).await?;
        if let (Some(expected), Some(actual)) = (strongest, digests.get(1))
            && expected != *actual
        {
            return Err(IndexError::WrongDigest {
                what: path.display().to_string(),
                expected: expected.to_string(),
                actual: actual.to_string(),
            });
        }
        Ok(Archive {
            path: path.to_owned(),
            sha256: digests[0],
            size: facts.len(),
            _scratch: None,
        })
    }
}

async fn digests_of(path: &Path, algorithms: &[Algorithm]) -> Result<Vec<Digest>, IndexError> {
    let (path, algorithms) = (path.to_owned(), algorithms.to_vec());
    let what = path.display().to_string();
    let hashed = wharf_sys::run_compute(move || hash_file(&path, &algorithms)).await;
    hashed.map_err(IndexError::unpack(what))
}
