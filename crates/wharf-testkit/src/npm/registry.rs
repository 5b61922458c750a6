//! An npm registry on a loopback port: what it serves, how it behaves, and what it was asked.
//!
//! Invariant: a registry lives as long as its value. Paths in faults and in the log are decoded (`/@scope/name`), however
//! the client wrote them (`/@scope%2fname`). Source: the registry's API as docs.npmjs.com and its clients have it.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CACHE_CONTROL, VARY};
use bytes::Bytes;
use serde_json::Value;

use super::package::archive_name;
use super::packument::{self, ABBREVIATED};
use crate::server::{Access, Answer, Server, Site, Speaks, base64, conditional, locked, names, refusal};

/// How a registry behaves. The default is the public one: abbreviated documents, gzip, entity tags, five minutes of caching.
#[derive(Debug, Clone)]
pub struct NpmOptions {
    /// Abbreviated documents for whoever accepts them; else the full one for everybody.
    pub abbreviated: bool,
    /// Documents go out compressed to whoever accepts it.
    pub gzip: bool,
    /// Answers carry `ETag`, and `If-None-Match` is honoured.
    pub etag: bool,
    /// `Range` is honoured for archives.
    pub ranges: bool,
    /// `Cache-Control` of the documents.
    pub cache_control: Option<String>,
}

impl Default for NpmOptions {
    fn default() -> Self {
        Self {
            abbreviated: true,
            gzip: true,
            etag: true,
            ranges: true,
            cache_control: Some("public, max-age=300".to_owned()),
        }
    }
}

/// One version as it is served.
#[derive(Debug, Clone)]
pub(super) struct Release {
    pub(super) version: String,
    pub(super) object: Value,
    pub(super) published: String,
    pub(super) archive: Bytes,
}

#[derive(Debug, Default)]
struct Shelf {
    packages: BTreeMap<String, Shelved>,
    /// What has to be shown for packages whose name begins so; the longest beginning counts.
    guarded: BTreeMap<String, Access>,
}

#[derive(Debug, Default)]
struct Shelved {
    releases: Vec<Release>,
    tags: BTreeMap<String, String>,
    /// The full document, where a test changed it by hand.
    edited: Option<Value>,
}

impl Shelved {
    fn document(&self, name: &str) -> Value {
        match &self.edited {
            Some(document) => document.clone(),
            None => packument::full(name, &self.releases, &self.tags),
        }
    }
}

#[derive(Debug)]
struct Packages {
    shelf: Mutex<Shelf>,
    options: NpmOptions,
}

/// A running registry: a [`Server`] of documents and archives.
#[derive(Debug)]
pub struct NpmRegistry {
    server: Server,
    packages: Arc<Packages>,
}

impl NpmRegistry {
    /// Starts a registry with nothing on it.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(NpmOptions::default())
    }

    /// Starts a registry that behaves as `options` say.
    ///
    /// # Panics
    /// When no loopback port can be opened.
    #[must_use]
    pub fn start_with(options: NpmOptions) -> Self {
        let packages = Arc::new(Packages {
            shelf: Mutex::default(),
            options,
        });
        let served = Arc::clone(&packages);
        let server = Server::start(|_| served);
        Self { server, packages }
    }

    /// The path of a package's document.
    #[must_use]
    pub fn packument_path(&self, name: &str) -> String {
        format!("/{name}")
    }

    /// The path of a version's archive.
    #[must_use]
    pub fn tarball_path(&self, name: &str, version: &str) -> String {
        format!("/{name}/-/{}", archive_name(name, version))
    }

    /// An `.npmrc` that names this registry for everything.
    #[must_use]
    pub fn npmrc(&self) -> String {
        format!("registry={}/\n", self.base_url())
    }

    /// An `.npmrc` line by which the client shows what `access` says to this registry.
    #[must_use]
    pub fn npmrc_access(&self, access: &Access) -> String {
        let place = self.base_url().replace("http:", "");
        match access {
            Access::Bearer(token) => format!("{place}/:_authToken={token}\n"),
            Access::Basic(user, password) => format!(
                "{place}/:username={user}\n{place}/:_password={}\n",
                base64(password.as_bytes())
            ),
        }
    }

    /// Packages whose name begins with `beginning` (`@scope/`; empty for all) are for those who show `access`: without
    /// anything shown the answer is 401, with something else 403.
    pub fn require(&self, beginning: &str, access: Access) {
        self.packages.lock().guarded.insert(beginning.to_owned(), access);
    }

    /// Lets a tag point to a version.
    pub fn tag(&self, name: &str, tag: &str, version: &str) {
        let mut shelf = self.packages.lock();
        let package = shelf.packages.entry(name.to_owned()).or_default();
        package.tags.insert(tag.to_owned(), version.to_owned());
        package.edited = None;
    }

    /// Changes a package's full document by hand; the abbreviated one follows. Publishing to the package ends it.
    ///
    /// # Panics
    /// When nothing was published under this name.
    pub fn edit(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut shelf = self.packages.lock();
        let package = shelf
            .packages
            .get_mut(name)
            .unwrap_or_else(|| panic!("{name}: publish it first"));
        let mut document = package.document(name);
        change(&mut document);
        package.edited = Some(document);
    }

    /// Takes a package off the registry.
    pub fn remove(&self, name: &str) {
        self.packages.lock().packages.remove(name);
    }

    pub(super) fn put(&self, name: &str, release: Release) {
        let mut shelf = self.packages.lock();
        let package = shelf.packages.entry(name.to_owned()).or_default();
        package.releases.retain(|known| known.version != release.version);
        package.releases.push(release);
        package.edited = None;
    }
}

impl Deref for NpmRegistry {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Site for Packages {
    fn answer(&self, path: &str, headers: &HeaderMap) -> Answer {
        let shelf = self.lock();
        let name = package_of(path);
        let Some(package) = shelf.packages.get(name) else {
            return Answer::text(404, "{\"error\":\"Not found\"}");
        };
        match path[1 + name.len()..].trim_start_matches('/') {
            "" => self.document(&package.document(name), headers),
            rest => match rest.strip_prefix("-/") {
                Some(file) => self.archive(name, package, file, headers),
                None => self.version(&package.document(name), rest, headers),
            },
        }
    }

    fn refusal(&self, path: &str, headers: &HeaderMap) -> Option<Answer> {
        let name = package_of(path);
        let shelf = self.lock();
        let guards = shelf
            .guarded
            .iter()
            .filter(|(beginning, _)| name.starts_with(beginning.as_str()));
        let (_, access) = guards.max_by_key(|(beginning, _)| beginning.len())?;
        refusal(&access.header(), "Bearer realm=\"testkit\"", headers)
    }

    fn speaks(&self) -> Speaks {
        Speaks {
            etag: self.options.etag,
            gzip: false,
            ranges: self.options.ranges,
        }
    }

    fn canonical(&self, path: &str) -> String {
        path.replace("%2f", "/").replace("%2F", "/").replace("%40", "@")
    }
}

impl Packages {
    fn lock(&self) -> MutexGuard<'_, Shelf> {
        locked(&self.shelf)
    }

    fn document(&self, full: &Value, headers: &HeaderMap) -> Answer {
        let short = self.options.abbreviated && names(headers, &ACCEPT, ABBREVIATED);
        let (content_type, text) = if short {
            (ABBREVIATED, packument::abbreviated(full).to_string())
        } else {
            ("application/json", full.to_string())
        };
        let speaks = Speaks {
            gzip: self.options.gzip,
            ranges: false,
            ..self.speaks()
        };
        conditional(text.into(), content_type, speaks, headers)
            .header(VARY, "accept-encoding, accept")
            .cached(self.options.cache_control.as_ref())
    }

    fn archive(&self, name: &str, package: &Shelved, file: &str, headers: &HeaderMap) -> Answer {
        let release = package
            .releases
            .iter()
            .find(|release| archive_name(name, &release.version) == file);
        match release {
            Some(release) => conditional(
                release.archive.clone(),
                "application/octet-stream",
                self.speaks(),
                headers,
            )
            .header(CACHE_CONTROL, "public, immutable, max-age=31557600"),
            None => Answer::text(404, "{\"error\":\"Not found\"}"),
        }
    }

    /// The object of one version, by its number or a tag.
    fn version(&self, document: &Value, asked: &str, headers: &HeaderMap) -> Answer {
        let version = document["dist-tags"][asked].as_str().unwrap_or(asked);
        match document["versions"].get(version) {
            Some(object) => {
                let body = object.to_string().into();
                conditional(body, "application/json", self.speaks(), headers)
            }
            None => Answer::text(404, "\"version not found\""),
        }
    }
}

/// The package that a decoded path is about.
fn package_of(path: &str) -> &str {
    let path = path.trim_start_matches('/');
    let slashes = if path.starts_with('@') { 1 } else { 0 };
    let end = path.match_indices('/').nth(slashes).map(|(position, _)| position);
    &path[..end.unwrap_or(path.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_package() {
        for (path, expected) in [
            ("/a", "a"),
            ("/a/-/a-1.0.0.tgz", "a"),
            ("/@s/a", "@s/a"),
            ("/@s/a/1.0.0", "@s/a"),
            ("/@s/a/-/a-1.0.0.tgz", "@s/a"),
            ("/@s", "@s"),
        ] {
            assert_eq!(package_of(path), expected, "{path}");
        }
    }
}
