//! A registry on a loopback port: what it serves, how it behaves, and what it was asked.
//!
//! Invariant: a registry lives as long as its value; when that is dropped, the port is closed and its thread has ended.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::fault::{Fault, Pending, Times};
use crate::server;

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

/// One request that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// The method, in upper case.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The status of the answer.
    pub status: u16,
    /// The `Range` header.
    pub range: Option<String>,
    /// The `If-None-Match` header.
    pub if_none_match: Option<String>,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
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

/// What the server's thread and the test share.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    pub(crate) projects: BTreeMap<String, Vec<Served>>,
    pub(crate) raw: BTreeMap<String, (String, Bytes)>,
    pub(crate) faults: Vec<Pending>,
    pub(crate) log: Vec<Logged>,
}

/// A running registry.
#[derive(Debug)]
pub struct Registry {
    address: SocketAddr,
    shelf: Arc<Mutex<Shelf>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
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
        let listener =
            std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port is free");
        listener
            .set_nonblocking(true)
            .expect("a socket can be made non-blocking");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let (stop, stopped) = oneshot::channel();
        let state = server::State {
            shelf: Arc::clone(&shelf),
            options: Arc::new(options),
        };
        let thread = std::thread::spawn(move || server::run(listener, state, stopped));
        Self {
            address,
            shelf,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// The base URL, without a path.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URL of the index, as package installers are given it.
    #[must_use]
    pub fn index_url(&self) -> String {
        format!("{}/simple/", self.base_url())
    }

    /// The URL of a path on this registry.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url())
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

    /// Answers `path` with exactly this.
    pub fn serve_raw(&self, path: &str, content_type: &str, content: impl Into<Bytes>) {
        self.lock()
            .raw
            .insert(path.to_owned(), (content_type.to_owned(), content.into()));
    }

    /// Takes a project off the registry.
    pub fn remove_project(&self, project: &str) {
        self.lock().projects.remove(&crate::normalize(project));
    }

    /// Makes the next requests of `path` meet `fault`.
    pub fn fault(&self, path: &str, fault: Fault, times: Times) {
        self.lock().faults.push(Pending {
            path: path.to_owned(),
            fault,
            times,
        });
    }

    /// Every request so far, in the order of the answers.
    #[must_use]
    pub fn log(&self) -> Vec<Logged> {
        self.lock().log.clone()
    }

    /// How often `path` was asked for.
    #[must_use]
    pub fn hits(&self, path: &str) -> usize {
        self.lock().log.iter().filter(|entry| entry.path == path).count()
    }

    /// Forgets the requests so far.
    pub fn clear_log(&self) {
        self.lock().log.clear();
    }

    pub(crate) fn serve(&self, file: Served) {
        let mut shelf = self.lock();
        let files = shelf.projects.entry(file.project.clone()).or_default();
        files.retain(|known| known.filename != file.filename);
        files.push(file);
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.shelf
            .lock()
            .expect("no handler panics while it holds the shelf")
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The server may have ended already: then nobody listens, and nothing is to be done.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
