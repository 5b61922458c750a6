//! A registry on a loopback port: what it serves, how it behaves, and what it was asked.
//!
//! Invariant: a registry lives as long as its value; when that is dropped, the port is closed and its thread has ended.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, AUTHORIZATION, WWW_AUTHENTICATE};
use bytes::Bytes;

use crate::page;
use crate::server::{Access, Answer, Server, Site, Speaks, conditional, locked, names};

/// Which formats of index page the registry knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON where the request accepts it, else HTML.
    Negotiated,
    /// HTML, whatever the request accepts.
    Html,
}

/// How a registry behaves. The default is a modern one: both formats, metadata announced, ranges and entity tags.
#[derive(Debug, Clone)]
pub struct Options {
    /// Formats of the index pages.
    pub format: Format,
    /// Pages say that a wheel's metadata can be fetched by itself.
    pub announce_metadata: bool,
    /// A wheel's metadata can be fetched by itself, announced or not.
    pub serve_metadata: bool,
    /// `Range` is honoured.
    pub ranges: bool,
    /// Answers carry `ETag`, and `If-None-Match` is honoured.
    pub etag: bool,
    /// `Cache-Control` of the pages.
    pub cache_control: Option<String>,
    /// Pages carry digests of the archives.
    pub hashes: bool,
    /// User and password without which every answer is 401.
    pub credentials: Option<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            format: Format::Negotiated,
            announce_metadata: true,
            serve_metadata: true,
            ranges: true,
            etag: true,
            cache_control: Some("max-age=600, public".to_owned()),
            hashes: true,
            credentials: None,
        }
    }
}

impl Options {
    /// An old mirror: HTML only, metadata served without a word of it, no entity tags, no caching headers.
    #[must_use]
    pub fn old_mirror() -> Self {
        Self {
            format: Format::Html,
            announce_metadata: false,
            etag: false,
            cache_control: None,
            ..Self::default()
        }
    }
}

/// One file on a page.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    pub(crate) project: String,
    pub(crate) filename: String,
    pub(crate) content: Bytes,
    pub(crate) metadata: Option<Bytes>,
    pub(crate) requires_python: Option<String>,
    pub(crate) yanked: Option<String>,
    pub(crate) uploaded: Option<String>,
}

impl Served {
    /// The path of the archive on its registry.
    pub(crate) fn path(&self) -> String {
        format!("/files/{}/{}", self.project, self.filename)
    }
}

/// Everything that is served, by project.
type Shelf = BTreeMap<String, Vec<Served>>;

/// A running registry: a [`Server`] of an index and its archives.
#[derive(Debug)]
pub struct Registry {
    server: Server,
    index: Arc<Index>,
}

/// What the server's thread and the test share.
#[derive(Debug)]
struct Index {
    shelf: Mutex<Shelf>,
    options: Options,
}

impl Registry {
    /// Starts a modern registry with nothing on it.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(Options::default())
    }

    /// Starts a registry that behaves as `options` say.
    ///
    /// # Panics
    /// When no loopback port can be opened.
    #[must_use]
    pub fn start_with(options: Options) -> Self {
        let index = Arc::new(Index {
            shelf: Mutex::default(),
            options,
        });
        let served = Arc::clone(&index);
        let server = Server::start(|_| served);
        Self { server, index }
    }

    /// The URL of the index, as package installers are given it.
    #[must_use]
    pub fn index_url(&self) -> String {
        format!("{}/simple/", self.base_url())
    }

    /// The path of an archive: `file_path("a", "a-1.0-py3-none-any.whl")`.
    #[must_use]
    pub fn file_path(&self, project: &str, filename: &str) -> String {
        format!("/files/{}/{filename}", crate::normalize(project))
    }

    /// The path of a project's page.
    #[must_use]
    pub fn page_path(&self, project: &str) -> String {
        format!("/simple/{}/", crate::normalize(project))
    }

    /// Puts an archive of any content on a project's page: hostile ones, odd file names.
    pub fn publish_archive(&self, project: &str, filename: &str, content: impl Into<Bytes>) {
        self.serve(Served {
            project: crate::normalize(project),
            filename: filename.to_owned(),
            content: content.into(),
            metadata: None,
            requires_python: None,
            yanked: None,
            uploaded: None,
        });
    }

    pub(crate) fn serve(&self, file: Served) {
        let mut shelf = self.index.lock();
        let files = shelf.entry(file.project.clone()).or_default();
        files.retain(|known| known.filename != file.filename);
        files.push(file);
    }
}

impl Deref for Registry {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Site for Index {
    fn answer(&self, path: &str, headers: &HeaderMap) -> Answer {
        let shelf = self.lock();
        if let Some(project) = path
            .strip_prefix("/simple/")
            .and_then(|rest| rest.strip_suffix('/'))
        {
            return self.page(&shelf, project, headers);
        }
        match path.strip_prefix("/files/").and_then(|rest| rest.split_once('/')) {
            Some((project, filename)) => self.archive(&shelf, project, filename, headers),
            None => Answer::text(404, "no such path"),
        }
    }

    fn refusal(&self, _path: &str, headers: &HeaderMap) -> Option<Answer> {
        let (user, password) = self.options.credentials.clone()?;
        let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let refused = shown != Some(&Access::Basic(user, password).header());
        refused.then(|| {
            Answer::text(401, "credentials, please").header(WWW_AUTHENTICATE, "Basic realm=\"testkit\"")
        })
    }

    fn speaks(&self) -> Speaks {
        Speaks {
            etag: self.options.etag,
            gzip: false,
            ranges: self.options.ranges,
        }
    }
}

impl Index {
    fn lock(&self) -> MutexGuard<'_, Shelf> {
        locked(&self.shelf)
    }

    fn page(&self, shelf: &Shelf, project: &str, headers: &HeaderMap) -> Answer {
        let options = &self.options;
        let Some(files) = shelf.get(project) else {
            return Answer::text(404, "no such project");
        };
        let json = options.format == Format::Negotiated && names(headers, &ACCEPT, page::JSON);
        let (content_type, text) = if json {
            (page::JSON, page::json_page(project, files, options))
        } else {
            (page::HTML, page::html_page(project, files, options))
        };
        conditional(text.into(), content_type, self.speaks(), headers).cached(options.cache_control.as_ref())
    }

    fn archive(&self, shelf: &Shelf, project: &str, filename: &str, headers: &HeaderMap) -> Answer {
        let options = &self.options;
        let files = shelf.get(project).map(Vec::as_slice).unwrap_or_default();
        if let Some(file) = files.iter().find(|file| file.filename == filename) {
            return conditional(
                file.content.clone(),
                "application/octet-stream",
                self.speaks(),
                headers,
            );
        }
        let owner = filename
            .strip_suffix(".metadata")
            .filter(|_| options.serve_metadata);
        let metadata = files
            .iter()
            .find(|file| Some(file.filename.as_str()) == owner)
            .and_then(|file| file.metadata.clone());
        match metadata {
            Some(content) => conditional(content, "text/plain", self.speaks(), headers),
            None => Answer::text(404, "no such file"),
        }
    }
}
