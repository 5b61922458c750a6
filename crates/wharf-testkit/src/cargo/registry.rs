//! A sparse registry on a loopback port: what it serves, how it behaves, and what it was asked.
//!
//! Invariant: a registry lives as long as its value. The index is below `/index/`. Source: The Cargo Book, "Registry Index"
//! (paths, sparse protocol, `config.json`) and "Registry Authentication".

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::{IF_MODIFIED_SINCE, LAST_MODIFIED};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::archive::hex_digest;
use crate::server::{Answer, Server, Site, Speaks, conditional, locked, names, refusal};

/// When everything changed, for whoever asks by time.
const MODIFIED: &str = "Mon, 01 Jan 2024 00:00:00 GMT";

/// How a registry behaves. The default is the public one's way: gzip, entity tags, no token, ten minutes of caching.
#[derive(Debug, Clone)]
pub struct CargoOptions {
    /// `dl` of `config.json`, from `/` on: with markers (`/files/{prefix}/{crate}-{version}.crate`), or a folder for
    /// `/{crate}/{version}/download`.
    pub dl: String,
    /// `config.json` says that a token is always wanted.
    pub auth_required: bool,
    /// Answers carry `ETag`, and `If-None-Match` is honoured.
    pub etag: bool,
    /// Answers carry `Last-Modified`, and `If-Modified-Since` is honoured.
    pub last_modified: bool,
    /// Index files go out compressed to whoever accepts it.
    pub gzip: bool,
    /// `Range` is honoured for archives.
    pub ranges: bool,
    /// `Cache-Control` of index files.
    pub cache_control: Option<String>,
    /// How long every answer takes.
    pub latency: Duration,
}

impl Default for CargoOptions {
    fn default() -> Self {
        Self {
            dl: "/api/v1/crates".to_owned(),
            auth_required: false,
            etag: true,
            last_modified: false,
            gzip: true,
            ranges: true,
            cache_control: Some("public,max-age=600".to_owned()),
            latency: Duration::ZERO,
        }
    }
}

/// One version as it is served.
#[derive(Debug, Clone)]
pub(super) struct Published {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) line: String,
    pub(super) archive: Bytes,
}

#[derive(Debug, Default)]
struct Shelf {
    /// The index files by the lower-cased name: versions and their lines, in the order of publishing.
    lines: BTreeMap<String, Vec<(Option<String>, String)>>,
    /// The archives by the path of their download.
    archives: BTreeMap<String, Bytes>,
    token: Option<String>,
}

#[derive(Debug)]
struct Crates {
    shelf: Mutex<Shelf>,
    options: CargoOptions,
    base_url: String,
}

/// A running registry: a [`Server`] of an index and archives.
#[derive(Debug)]
pub struct CargoRegistry {
    server: Server,
    crates: Arc<Crates>,
}

impl CargoRegistry {
    /// Starts a registry with nothing on it.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(CargoOptions::default())
    }

    /// Starts a registry that behaves as `options` say.
    ///
    /// # Panics
    /// When no loopback port can be opened.
    #[must_use]
    pub fn start_with(options: CargoOptions) -> Self {
        let mut kept = None;
        let server = Server::start(|base_url| {
            let crates = Arc::new(Crates {
                shelf: Mutex::default(),
                options,
                base_url,
            });
            kept = Some(Arc::clone(&crates));
            crates
        });
        let crates = kept.expect("a server makes its site when it starts");
        Self { server, crates }
    }

    /// The index as cargo's configuration names it: `sparse+http://127.0.0.1:…/index/`.
    #[must_use]
    pub fn index_url(&self) -> String {
        format!("sparse+{}/index/", self.base_url())
    }

    /// A `config.toml` by which cargo takes this registry in the place of the public one.
    #[must_use]
    pub fn config_toml(&self) -> String {
        format!(
            "[source.crates-io]\nreplace-with = \"testkit\"\n\n[source.testkit]\nregistry = \"{}\"\n",
            self.index_url()
        )
    }

    /// A `config.toml` that names this registry `name`, for `registry = "name"` in a `Cargo.toml`.
    #[must_use]
    pub fn config_toml_named(&self, name: &str) -> String {
        format!("[registries.{name}]\nindex = \"{}\"\n", self.index_url())
    }

    /// The path of a crate's index file.
    #[must_use]
    pub fn index_path(&self, name: &str) -> String {
        format!("/index/{}", below(name))
    }

    /// The path of the registry's `config.json`.
    #[must_use]
    pub fn config_path(&self) -> String {
        "/index/config.json".to_owned()
    }

    /// The path of a version's archive, where `dl` does not ask for its checksum.
    #[must_use]
    pub fn download_path(&self, name: &str, version: &str) -> String {
        self.crates.download(name, version, "")
    }

    /// Everything is for those who send exactly this in `Authorization`: without anything the answer is 401, with something
    /// else 403.
    pub fn require(&self, token: &str) {
        self.lock().token = Some(token.to_owned());
    }

    /// Adds a line to a crate's index file, exactly as given: one that does not parse, an empty one.
    pub fn add_line(&self, name: &str, line: &str) {
        let mut shelf = self.lock();
        let lines = shelf.lines.entry(name.to_lowercase()).or_default();
        lines.push((None, line.to_owned()));
    }

    /// Withdraws a version, or takes that back.
    ///
    /// # Panics
    /// When the version was not published, or with a line that is no JSON.
    pub fn yank(&self, name: &str, version: &str, yanked: bool) {
        let mut shelf = self.lock();
        let lines = shelf.lines.get_mut(&name.to_lowercase());
        let line = lines
            .into_iter()
            .flatten()
            .find(|(known, _)| known.as_deref() == Some(version));
        let (_, line) = line.unwrap_or_else(|| panic!("{name} {version}: publish it first"));
        let mut value: Value = serde_json::from_str(line).expect("the line is JSON");
        value["yanked"] = json!(yanked);
        *line = value.to_string();
    }

    /// Takes a crate off the index; its archives stay.
    pub fn remove(&self, name: &str) {
        self.lock().lines.remove(&name.to_lowercase());
    }

    pub(super) fn put(&self, published: Published) {
        let checksum = hex_digest(&published.archive);
        let path = self
            .crates
            .download(&published.name, &published.version, &checksum);
        let mut shelf = self.lock();
        let lines = shelf.lines.entry(published.name.to_lowercase()).or_default();
        let version = Some(published.version);
        match lines.iter_mut().find(|(known, _)| *known == version) {
            Some(known) => known.1 = published.line,
            None => lines.push((version, published.line)),
        }
        shelf.archives.insert(path, published.archive);
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.crates.lock()
    }
}

impl Deref for CargoRegistry {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Site for Crates {
    fn answer(&self, path: &str, headers: &HeaderMap) -> Answer {
        let shelf = self.lock();
        if path == "/index/config.json" {
            return self.index_file(self.config().to_string(), headers);
        }
        if let Some(archive) = shelf.archives.get(path) {
            return conditional(archive.clone(), "application/gzip", self.speaks(), headers);
        }
        let found = path.rsplit('/').next().and_then(|name| {
            let lines = shelf.lines.get(name)?;
            (path == format!("/index/{}", below(name))).then_some(lines)
        });
        match found {
            Some(lines) => self.index_file(
                lines.iter().map(|(_, line)| format!("{line}\n")).collect(),
                headers,
            ),
            None => Answer::text(404, "no such crate"),
        }
    }

    fn refusal(&self, _path: &str, headers: &HeaderMap) -> Option<Answer> {
        let token = self.lock().token.clone()?;
        refusal(&token, "Cargo login_url=\"https://example.org/me\"", headers)
    }

    fn speaks(&self) -> Speaks {
        Speaks {
            etag: self.options.etag,
            gzip: false,
            ranges: self.options.ranges,
        }
    }

    fn latency(&self) -> Duration {
        self.options.latency
    }
}

impl Crates {
    fn lock(&self) -> MutexGuard<'_, Shelf> {
        locked(&self.shelf)
    }

    fn config(&self) -> Value {
        let mut config = json!({
            "dl": format!("{}{}", self.base_url, self.options.dl),
            "api": self.base_url,
        });
        if self.options.auth_required {
            config["auth-required"] = json!(true);
        }
        config
    }

    fn download(&self, name: &str, version: &str, checksum: &str) -> String {
        let template = &self.options.dl;
        if !template.contains('{') {
            return format!("{template}/{name}/{version}/download");
        }
        template
            .replace("{crate}", name)
            .replace("{version}", version)
            .replace("{prefix}", &prefix(name))
            .replace("{lowerprefix}", &prefix(&name.to_lowercase()))
            .replace("{sha256-checksum}", checksum)
    }

    fn index_file(&self, content: String, headers: &HeaderMap) -> Answer {
        let speaks = Speaks {
            gzip: self.options.gzip,
            ranges: false,
            ..self.speaks()
        };
        let mut answer = conditional(content.into(), "text/plain", speaks, headers);
        if self.options.last_modified {
            answer = answer.header(LAST_MODIFIED, MODIFIED);
            if names(headers, &IF_MODIFIED_SINCE, MODIFIED) {
                answer = Answer::text(304, "");
            }
        }
        answer.cached(self.options.cache_control.as_ref())
    }
}

/// Where the index has the file of a crate, below its root.
fn below(name: &str) -> String {
    let name = name.to_lowercase();
    match prefix(&name) {
        prefix if prefix.is_empty() => name,
        prefix => format!("{prefix}/{name}"),
    }
}

/// `1`, `2`, `3/a`, `se/rd`.
fn prefix(name: &str) -> String {
    match name.len() {
        0 => String::new(),
        1 | 2 => name.len().to_string(),
        3 => format!("3/{}", &name[..1]),
        _ => format!("{}/{}", &name[..2], &name[2..4]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_paths_are_those_of_the_book() {
        for (name, expected) in [
            ("a", "1/a"),
            ("ab", "2/ab"),
            ("abc", "3/a/abc"),
            ("cargo", "ca/rg/cargo"),
            ("Inflector", "in/fl/inflector"),
        ] {
            assert_eq!(below(name), expected);
        }
        assert_eq!(prefix("MyCrate"), "My/Cr");
    }
}
