//! The metadata of a wheel, by the cheapest way that works: the cache, the store, the `.metadata` beside it, a few
//! ranges out of its end, the whole wheel.
//!
//! Invariant: what a way gives is used only if it says that it is of this name and version. A way that fails costs a
//! line in `-v`, never the version, as long as another way works.
//! Sources: PEP 658, PEP 714; RFC 9110, section 14.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use wharf_core::{Digest, Ecosystem, Event, WebUrl};
use wharf_ecosystem::pypi::simple::{File, MetadataFile};
use wharf_net::{NetError, Range, RangeReply};
use wharf_store::{Hasher, Kind, TreeId};

use crate::cache;
use crate::dist::Dist;
use crate::error::IndexError;
use crate::hosts::Attempt;
use crate::index::PypiIndex;
use crate::metadata::Requirements;
use crate::remote_zip::{LARGEST, PartialWheel, Step, ZipError, is_own_metadata};

/// No wheel needs more: end, directory, entry, and one more for a long local header.
const MOST_RANGES: usize = 5;

impl PypiIndex {
    /// The metadata of a wheel.
    pub(crate) async fn wheel_metadata(
        &self,
        dist: &Dist,
        file: &File,
    ) -> Result<Arc<Requirements>, IndexError> {
        let key = dist.key();
        self.shared
            .wheel_metadata
            .get_or(&key, || self.load_wheel_metadata(dist, file, &key))
            .await
    }

    /// The metadata of a wheel where it is at hand: in memory or in the cache.
    pub(crate) fn stored_wheel_metadata(&self, dist: &Dist) -> Option<Arc<Requirements>> {
        let key = dist.key();
        if let Some(known) = self.shared.wheel_metadata.get(&key) {
            return known.ok();
        }
        let stored = self.stored_metadata(dist, &metadata_key(dist))?;
        self.shared.wheel_metadata.put(&key, Ok(stored)).ok()
    }

    pub(crate) fn stored_metadata(&self, dist: &Dist, key: &str) -> Option<Arc<Requirements>> {
        let stored = Requirements::open(cache::read(&self.shared.cache.metadata(key))?)?;
        is_of(&stored, dist).then(|| Arc::new(stored))
    }

    /// Keeps metadata for later commands.
    pub(crate) fn keep_metadata(&self, key: &str, metadata: &Requirements) {
        if let Err(error) = cache::write(&self.shared.cache.metadata(key), metadata.bytes()) {
            tracing::debug!(%error, "metadata is not kept");
        }
    }

    async fn load_wheel_metadata(
        &self,
        dist: &Dist,
        file: &File,
        key: &str,
    ) -> Result<Arc<Requirements>, IndexError> {
        let disk_key = metadata_key(dist);
        if let Some(stored) = self.stored_metadata(dist, &disk_key) {
            return Ok(stored);
        }
        let bytes = match self.metadata_in_store(dist) {
            Some(bytes) => bytes,
            None if file.url.as_url().scheme() == "file" => self.local_wheel_metadata(dist, file)?,
            None => self.remote_wheel_metadata(dist, file).await?,
        };
        let metadata = read(dist, &bytes)?;
        tracing::trace!(key, "metadata parsed");
        self.keep_metadata(&disk_key, &metadata);
        Ok(Arc::new(metadata))
    }

    fn metadata_in_store(&self, dist: &Dist) -> Option<Vec<u8>> {
        let tree = self
            .shared
            .store
            .lookup_package(Ecosystem::Pypi, &dist.digest()?)?;
        self.metadata_of_tree(dist, &tree).ok()
    }

    /// The metadata in an unpacked wheel.
    pub(crate) fn metadata_of_tree(&self, dist: &Dist, tree: &TreeId) -> Result<Vec<u8>, IndexError> {
        let store = &self.shared.store;
        let manifest = store.tree(tree).map_err(IndexError::unpack(dist.label()))?;
        let own = |path: &str| is_own_metadata(path.as_bytes(), &dist.name, &dist.version);
        let entry = manifest.entries.iter().find(|entry| own(entry.path.as_str()));
        let Some(Kind::File {
            object, executable, ..
        }) = entry.map(|entry| &entry.kind)
        else {
            return Err(IndexError::Metadata {
                what: dist.label(),
                reason: ZipError::NoMetadata.to_string(),
            });
        };
        store
            .read_file(tree, object, *executable)
            .map_err(IndexError::unpack(dist.label()))
    }

    /// Reads a wheel on this disk.
    fn local_wheel_metadata(&self, dist: &Dist, file: &File) -> Result<Vec<u8>, IndexError> {
        let path = file
            .url
            .as_url()
            .to_file_path()
            .map_err(|()| IndexError::Location {
                location: file.url.to_string(),
                reason: "it is no local path".to_owned(),
            })?;
        read_wheel(dist, &path)
    }

    async fn remote_wheel_metadata(&self, dist: &Dist, file: &File) -> Result<Vec<u8>, IndexError> {
        if let Some(bytes) = self.metadata_beside(dist, file).await? {
            return Ok(bytes);
        }
        if let Some(bytes) = self.metadata_by_ranges(dist, file).await? {
            return Ok(bytes);
        }
        let tree = self.fetch(dist).await?;
        self.metadata_of_tree(dist, &tree)
    }

    /// The file beside the wheel, announced or not; `None` where there is none or it is no good.
    async fn metadata_beside(&self, dist: &Dist, file: &File) -> Result<Option<Vec<u8>>, IndexError> {
        let mut url = file.url.as_url().clone();
        url.set_path(&format!("{}.metadata", url.path()));
        let url = WebUrl::from(url);
        let host = self.shared.hosts.of(&url);
        match file.metadata {
            MetadataFile::Absent => Ok(None),
            MetadataFile::Present(digest) => self.get_beside(dist, &url, digest).await,
            MetadataFile::Unknown => match host.metadata.attempt().await {
                Attempt::Skip => Ok(None),
                Attempt::Ask => self.get_beside(dist, &url, None).await,
                Attempt::Try(_guard) => {
                    let found = self.get_beside(dist, &url, None).await?;
                    host.learned_metadata(found.is_some());
                    Ok(found)
                }
            },
        }
    }

    async fn get_beside(
        &self,
        dist: &Dist,
        url: &WebUrl,
        digest: Option<Digest>,
    ) -> Result<Option<Vec<u8>>, IndexError> {
        let bytes = match self.shared.client.get_bytes(url, LARGEST).await {
            Ok(bytes) => bytes,
            Err(error) if Self::is_refusal(&error) => return Ok(None),
            Err(error @ NetError::Offline { .. }) => return Err(no_metadata(dist)(error)),
            Err(error) => {
                self.detail(format!(
                    "{url} could not be had ({error}); trying the wheel itself"
                ));
                return Ok(None);
            }
        };
        if let Some(expected) = digest {
            let actual = Hasher::digest(expected.algorithm(), &bytes);
            if actual != expected {
                self.detail(format!(
                    "{url} has the hash {actual} instead of {expected}; reading the wheel itself"
                ));
                return Ok(None);
            }
        }
        match read(dist, &bytes) {
            Ok(_) => Ok(Some(bytes.to_vec())),
            Err(error) => {
                self.detail(format!("{url} is not used ({error}); reading the wheel itself"));
                Ok(None)
            }
        }
    }

    /// A few parts of the wheel; `None` where the host has no parts or the wheel is odd.
    async fn metadata_by_ranges(&self, dist: &Dist, file: &File) -> Result<Option<Vec<u8>>, IndexError> {
        let host = self.shared.hosts.of(&file.url);
        let guard = match host.ranges.attempt().await {
            Attempt::Skip => return Ok(None),
            Attempt::Ask => None,
            Attempt::Try(guard) => Some(guard),
        };
        let first = self
            .shared
            .client
            .range(&file.url, Range::Suffix(crate::remote_zip::TAIL))
            .await;
        let mut wheel = match first {
            Ok(RangeReply::Partial(bytes, total)) => {
                host.learned_ranges(true);
                let mut wheel = PartialWheel::new(total);
                wheel.add(total.saturating_sub(bytes.len() as u64), bytes);
                wheel
            }
            Ok(RangeReply::Whole(bytes)) => whole(bytes),
            Ok(RangeReply::Unsupported) => {
                host.learned_ranges(false);
                return Ok(None);
            }
            Err(error) => return Err(no_metadata(dist)(error)),
        };
        drop(guard);
        for _ in 0..MOST_RANGES {
            let range = match wheel.metadata(&dist.name, &dist.version) {
                Ok(Step::Done(bytes)) => return Ok(Some(bytes)),
                Ok(Step::Need(range)) => range,
                Err(error) => {
                    self.detail(format!("parts of {} do not tell its metadata: {error}", file.url));
                    return Ok(None);
                }
            };
            match self
                .shared
                .client
                .range(&file.url, Range::Bytes(range.start, range.end))
                .await
            {
                Ok(RangeReply::Partial(bytes, _)) => wheel.add(range.start, bytes),
                Ok(RangeReply::Whole(bytes)) => wheel = whole(bytes),
                Ok(RangeReply::Unsupported) => return Ok(None),
                Err(error) => return Err(no_metadata(dist)(error)),
            }
        }
        Ok(None)
    }

    pub(crate) fn detail(&self, message: String) {
        self.shared.sinks.emit(Event::detail(message));
    }
}

fn whole(bytes: Bytes) -> PartialWheel {
    let mut wheel = PartialWheel::new(bytes.len() as u64);
    wheel.add(0, bytes);
    wheel
}

fn no_metadata(dist: &Dist) -> impl FnOnce(NetError) -> IndexError {
    IndexError::net(format!("the metadata of {} could not be fetched", dist.label()))
}

/// The key of the metadata on the disk. A local file without a digest is known by its time of change too.
fn metadata_key(dist: &Dist) -> String {
    let key = dist.key();
    if dist.digest().is_some() {
        return key;
    }
    let path = dist
        .file
        .as_ref()
        .and_then(|file| file.url.as_url().to_file_path().ok());
    match path.and_then(|path| std::fs::metadata(path).ok()) {
        Some(facts) => {
            let changed = facts
                .modified()
                .ok()
                .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
            format!("{key} {} {:?}", facts.len(), changed)
        }
        None => key,
    }
}

/// Reads metadata that has to be of this distribution.
pub(crate) fn read(dist: &Dist, bytes: &[u8]) -> Result<Requirements, IndexError> {
    let metadata = Requirements::parse(bytes).map_err(|error| IndexError::Metadata {
        what: dist.label(),
        reason: error.to_string(),
    })?;
    if is_of(&metadata, dist) {
        return Ok(metadata);
    }
    Err(IndexError::Mismatch {
        what: dist
            .file
            .as_ref()
            .map_or_else(|| dist.label(), |file| file.filename.clone()),
        expected: dist.label(),
        found: format!("{} {}", metadata.name(), metadata.version()),
    })
}

fn is_of(metadata: &Requirements, dist: &Dist) -> bool {
    *metadata.name() == dist.name && *metadata.version() == dist.version
}

/// Reads the metadata out of a wheel on this disk.
pub(crate) fn read_wheel(dist: &Dist, path: &Path) -> Result<Vec<u8>, IndexError> {
    use std::io::{Read, Seek, SeekFrom};
    let disk = |error| IndexError::disk("read", path)(error);
    let mut file = std::fs::File::open(path).map_err(disk)?;
    let total = file.metadata().map_err(disk)?.len();
    let mut wheel = PartialWheel::new(total);
    for _ in 0..=MOST_RANGES {
        let unusable = |error: ZipError| IndexError::Metadata {
            what: dist.label(),
            reason: error.to_string(),
        };
        match wheel.metadata(&dist.name, &dist.version).map_err(unusable)? {
            Step::Done(bytes) => return Ok(bytes),
            Step::Need(range) => {
                let mut part = Vec::new();
                file.seek(SeekFrom::Start(range.start)).map_err(disk)?;
                let length = range.end - range.start;
                file.by_ref().take(length).read_to_end(&mut part).map_err(disk)?;
                wheel.add(range.start, part.into());
            }
        }
    }
    Err(IndexError::Metadata {
        what: dist.label(),
        reason: "it changes while it is read".to_owned(),
    })
}
