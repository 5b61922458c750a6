//! Project pages: from the cache where they are fresh, from the index where not, parsed once.
//!
//! Invariant: a page that the cache holds fresh costs one file read; a page that the index sends again unchanged is not
//! parsed again.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use wharf_core::{PackageName, Timestamp, WebUrl};
use wharf_ecosystem::pypi::simple::{self, Page};
use wharf_net::{Freshness, NetError, Request};

use crate::cache;
use crate::codec::checksum;
use crate::error::IndexError;
use crate::index::PypiIndex;
use crate::releases::{Blob, Place, Releases, Stamp, encode};
use crate::settings::IndexLocation;

/// Pages larger than this are parsed away from the async threads.
const LARGE: usize = 64 << 10;

/// The part of the HTTP cache that pages lie in.
const BUCKET: &str = "simple";

impl PypiIndex {
    /// The page of a project on one index; `None` where the index has no such project.
    pub(crate) async fn page(
        &self,
        index: &IndexLocation,
        name: &PackageName,
    ) -> Result<Option<Arc<Releases>>, IndexError> {
        let key = (index.url.clone(), name.clone());
        self.shared
            .pages
            .get_or(&key, || self.load_page(index, name))
            .await
    }

    /// The page where it is at hand and fresh: in memory or in the cache.
    pub(crate) fn fresh_page(&self, index: &IndexLocation, name: &PackageName) -> Option<Arc<Releases>> {
        let key = (index.url.clone(), name.clone());
        if let Some(known) = self.shared.pages.get(&key) {
            return known.ok().flatten();
        }
        let blob = self
            .stored_page(index, name)
            .filter(|blob| self.may_use(blob.stamp(), name))?;
        let releases = Arc::new(releases(index, name, blob));
        self.shared
            .pages
            .put(&key, Ok(Some(Arc::clone(&releases))))
            .ok()
            .flatten()
    }

    fn stored_page(&self, index: &IndexLocation, name: &PackageName) -> Option<Blob> {
        Blob::open(cache::read(&self.shared.cache.page(&index.url, name))?)
    }

    fn may_use(&self, stamp: Stamp, name: &PackageName) -> bool {
        if self.shared.client.is_offline() {
            return true;
        }
        let now = Timestamp::now().as_second();
        // A clock that was set back must not make a page fresh for years.
        (stamp.fetched..stamp.fresh_until).contains(&now) && !self.shared.refresh.covers(name)
    }

    async fn load_page(
        &self,
        index: &IndexLocation,
        name: &PackageName,
    ) -> Result<Option<Arc<Releases>>, IndexError> {
        let stored = self.stored_page(index, name);
        if let Some(blob) = stored.as_ref()
            && self.may_use(blob.stamp(), name)
        {
            return Ok(stored.map(|blob| Arc::new(releases(index, name, blob))));
        }
        let url = index.page(name.as_str()).map_err(|error| IndexError::Location {
            location: index.url.to_string(),
            reason: error.reason,
        })?;
        if url.as_url().scheme() == "file" {
            return local_page(index, name, &url);
        }
        let freshness = if self.shared.refresh.covers(name) {
            Freshness::Revalidate
        } else {
            Freshness::Default
        };
        let request = Request {
            url: &url,
            accept: simple::ACCEPT,
            bucket: BUCKET,
            freshness,
        };
        let answer = match self.shared.client.get_cached(request).await {
            Ok(answer) => answer,
            Err(NetError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(IndexError::net(format!("could not look up `{name}`"))(error)),
        };
        let now = Timestamp::now().as_second();
        let seconds = |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        let mut page = [0; 32];
        page[..16].copy_from_slice(&answer.identity.0);
        page[16..24].copy_from_slice(&checksum(answer.url.to_string().as_bytes()).to_le_bytes());
        let stamp = Stamp {
            fetched: now.saturating_sub(seconds(answer.age)),
            fresh_until: now.saturating_add(seconds(answer.fresh_for)),
            page,
        };
        let path = self.shared.cache.page(&index.url, name);
        if let Some(blob) = stored.filter(|blob| blob.stamp().page == page) {
            if let Err(error) = cache::patch(&path, Blob::STAMP_AT, &Blob::stamp_bytes(stamp)) {
                tracing::debug!(%error, path = %path.display(), "a page's stamp could not be renewed");
            }
            return Ok(Some(Arc::new(releases(index, name, blob.restamped(stamp)))));
        }
        let body = answer
            .body
            .bytes()
            .map_err(IndexError::net(format!("could not look up `{name}`")))?;
        let blob = parse(answer.content_type, body, answer.url.clone(), name.clone(), stamp)
            .await
            .map_err(|error| IndexError::Page {
                url: Box::new(answer.url),
                error,
            })?;
        keep(&path, &blob);
        Ok(Some(Arc::new(releases(index, name, blob))))
    }
}

fn releases(index: &IndexLocation, name: &PackageName, blob: Blob) -> Releases {
    Releases::from_blob(name.clone(), vec![Place::Index(index.url.clone())], blob)
}

async fn parse(
    content_type: Option<String>,
    body: Bytes,
    base: WebUrl,
    name: PackageName,
    stamp: Stamp,
) -> Result<Blob, simple::PageError> {
    let small = body.len() < LARGE;
    let work = move || {
        let page = simple::parse(content_type.as_deref(), &body, &base, &name)?;
        let Page {
            files,
            skipped,
            status,
            ..
        } = page;
        let files: Vec<_> = files.into_iter().map(|file| (file, 0)).collect();
        let bytes = encode(&files, &skipped, status.as_ref(), stamp);
        // Dropping ten thousand parsed files is work too; it belongs here rather than to an async thread.
        drop(files);
        Ok(Blob::open(bytes).expect("what was just encoded can be opened"))
    };
    if small {
        work()
    } else {
        wharf_sys::run_compute(work).await
    }
}

fn keep(path: &Path, blob: &Blob) {
    if let Err(error) = cache::write(path, blob.bytes()) {
        tracing::debug!(%error, "a parsed page is not kept");
    }
}

/// An index that is a folder: `<root>/<name>/index.html`, or the archives themselves in `<root>/<name>/`.
fn local_page(
    index: &IndexLocation,
    name: &PackageName,
    url: &WebUrl,
) -> Result<Option<Arc<Releases>>, IndexError> {
    let unusable = |reason: &str| IndexError::Location {
        location: index.url.to_string(),
        reason: reason.to_owned(),
    };
    let folder = url
        .as_url()
        .to_file_path()
        .map_err(|()| unusable("it is no local path"))?;
    let path = folder.join("index.html");
    let page = match std::fs::read(&path) {
        Ok(bytes) => simple::parse_html(&bytes, url, name).map_err(|error| IndexError::Page {
            url: Box::new(url.clone()),
            error,
        })?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && folder.is_dir() => {
            let names = crate::find_links::list(&folder).map_err(IndexError::disk("read", &folder))?;
            crate::find_links::page_of(&folder, &names, name)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(IndexError::disk("read", &path)(error)),
    };
    Ok(Some(Arc::new(Releases::from_page(page, &index.url))))
}
