//! Find-links: folders and pages that list archives of any project.
//!
//! Invariant: a location is listed once per run; one that cannot be listed is a warning, as users keep such settings for
//! machines that have them not.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use wharf_core::{Event, PackageName, WebUrl};
use wharf_ecosystem::pypi::DistName;
use wharf_ecosystem::pypi::simple::{self, ACCEPT, File, MetadataFile, Page};
use wharf_net::{Freshness, Request};

use crate::index::PypiIndex;

/// What a location lists.
#[derive(Clone, Debug)]
pub(crate) enum Listing {
    /// A folder and the names of the files in it.
    Folder(PathBuf, Arc<[String]>),
    /// A page, and its text in lower case with `_` and `.` as `-`, to see quickly whether it mentions a project.
    Page {
        content_type: Option<String>,
        body: Bytes,
        base: WebUrl,
        haystack: Arc<str>,
    },
    /// Nothing that could be listed.
    Nothing,
}

impl PypiIndex {
    /// The files of a project at every find-links location, with the location's number.
    pub(crate) async fn found_links(&self, name: &PackageName) -> Vec<(usize, Vec<File>)> {
        let locations = self.shared.locations.find_links.iter().enumerate();
        let each = locations.map(|(number, location)| async move {
            let listing = self
                .shared
                .listings
                .get_or(location, || self.list_location(location))
                .await;
            (number, files_of(&listing, name))
        });
        let all = futures::future::join_all(each).await;
        all.into_iter().filter(|(_, files)| !files.is_empty()).collect()
    }

    async fn list_location(&self, location: &str) -> Listing {
        match self.try_list(location).await {
            Ok(listing) => listing,
            Err(reason) => {
                let message = format!("the find-links location `{location}` is left out: {reason}");
                self.shared
                    .sinks
                    .emit(Event::warning("index/find-links", message));
                Listing::Nothing
            }
        }
    }

    async fn try_list(&self, location: &str) -> Result<Listing, String> {
        let url = match WebUrl::parse(location) {
            Ok(url) if matches!(url.as_url().scheme(), "http" | "https") => url,
            Ok(url) if url.as_url().scheme() == "file" => {
                let path = url
                    .as_url()
                    .to_file_path()
                    .map_err(|()| "it is no local path".to_owned())?;
                return local(&path);
            }
            Ok(_) | Err(_) => return local(&self.shared.locations.root.join(location)),
        };
        let request = Request {
            url: &url,
            accept: ACCEPT,
            bucket: "links",
            freshness: Freshness::Default,
        };
        let answer = self
            .shared
            .client
            .get_cached(request)
            .await
            .map_err(|error| error.to_string())?;
        let body = answer.body.bytes().map_err(|error| error.to_string())?;
        Ok(page(answer.content_type, body, answer.url))
    }
}

fn local(path: &Path) -> Result<Listing, String> {
    if path.is_file() {
        let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        let base =
            WebUrl::from(url::Url::from_file_path(path).map_err(|()| "its path is not absolute".to_owned())?);
        return Ok(page(Some("text/html".to_owned()), bytes.into(), base));
    }
    let names = list(path).map_err(|error| error.to_string())?;
    Ok(Listing::Folder(path.to_owned(), names.into()))
}

fn page(content_type: Option<String>, body: Bytes, base: WebUrl) -> Listing {
    let text = String::from_utf8_lossy(&body).to_lowercase();
    let haystack = text.replace(['_', '.'], "-").into();
    Listing::Page {
        content_type,
        body,
        base,
        haystack,
    }
}

/// The names of the files in a folder, sorted.
pub(crate) fn list(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

/// The files of one project in a folder. What names no archive of the project is none of it, so nothing is skipped.
pub(crate) fn page_of(folder: &Path, names: &[String], project: &PackageName) -> Page {
    let files = names.iter().filter_map(|filename| {
        let dist = DistName::parse(filename, project).ok()?;
        local_file(&folder.join(filename), filename, dist)
    });
    Page {
        name: project.clone(),
        files: files.collect(),
        skipped: Vec::new(),
        status: None,
    }
}

/// A local archive as an index would describe it. Its digest is computed when it is fetched.
pub(crate) fn local_file(path: &Path, filename: &str, dist: DistName) -> Option<File> {
    let path = std::path::absolute(path).ok()?;
    let size = std::fs::metadata(&path).ok()?.len();
    Some(File {
        filename: filename.to_owned(),
        url: WebUrl::from(url::Url::from_file_path(&path).ok()?),
        digests: Vec::new(),
        size: Some(size),
        requires_python: None,
        yanked: None,
        upload_time: None,
        metadata: MetadataFile::Absent,
        dist,
    })
}

fn files_of(listing: &Listing, name: &PackageName) -> Vec<File> {
    match listing {
        Listing::Folder(folder, names) => page_of(folder, names, name).files,
        Listing::Page {
            content_type,
            body,
            base,
            haystack,
        } if haystack.contains(name.as_str()) => {
            let page = simple::parse(content_type.as_deref(), body, base, name);
            page.map(|page| page.files).unwrap_or_default()
        }
        Listing::Page { .. } | Listing::Nothing => Vec::new(),
    }
}
