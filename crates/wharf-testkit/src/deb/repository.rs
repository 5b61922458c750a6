//! A signed repository on a loopback port: what it serves, and what it was asked.
//!
//! Invariant: a repository lives as long as its value; everything is below `/debian/`; indexes that were once served are still
//! found by their hash. Source: the Debian wiki's "DebianRepository/Format".

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use axum::http::HeaderMap;
use axum::http::header::{IF_MODIFIED_SINCE, LAST_MODIFIED};
use bytes::Bytes;

use super::archive::DebCompression;
use super::openpgp::{DebKey, clear_signed, detached_signature};
use super::package::DebPackage;
use super::suite::{DebSignatures, DebSuite};
use crate::archive::hex_digest;
use crate::server::{Answer, Server, Site, Speaks, conditional, locked, names};

const ROOT: &str = "/debian/";

/// What a suite holds.
#[derive(Debug)]
struct Shelf {
    suite: DebSuite,
    published: Vec<Published>,
}

/// One stanza of an index.
#[derive(Debug)]
struct Published {
    component: String,
    architecture: String,
    name: String,
    stanza: String,
    short: String,
    translation: String,
}

#[derive(Debug, Default)]
struct Shelves {
    shelves: Vec<Shelf>,
    archives: BTreeMap<String, Bytes>,
    /// What the suites come to, made when it is asked for: content by path below the root.
    made: Option<BTreeMap<String, Bytes>>,
    /// Everything that was ever found by its hash.
    by_hash: BTreeMap<String, Bytes>,
    latency: Duration,
    /// How often something changed: whoever asks by time must hear of it.
    changes: u32,
}

#[derive(Debug)]
struct Debian {
    shelves: Mutex<Shelves>,
}

/// A running repository: a [`Server`] of suites and packages.
#[derive(Debug)]
pub struct DebRepository {
    server: Server,
    debian: Arc<Debian>,
}

impl DebRepository {
    /// Starts a repository with one empty suite `stable`.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[DebSuite::new("stable")])
    }

    /// Starts a repository of these suites.
    ///
    /// # Panics
    /// When no loopback port can be opened.
    #[must_use]
    pub fn start_with(suites: &[DebSuite]) -> Self {
        let shelves = Shelves {
            shelves: suites.iter().cloned().map(Shelf::of).collect(),
            ..Shelves::default()
        };
        let debian = Arc::new(Debian {
            shelves: Mutex::new(shelves),
        });
        let server = Server::start(|_| Arc::clone(&debian));
        Self { server, debian }
    }

    /// The repository's address, as sources name it: `http://127.0.0.1:…/debian`.
    #[must_use]
    pub fn root_url(&self) -> String {
        self.url(ROOT.trim_end_matches('/'))
    }

    /// One line of `sources.list` for a suite with all its components, judged by the keys in a file where one is given.
    #[must_use]
    pub fn source_line(&self, suite: &str, keys: Option<&Path>) -> String {
        let options = keys.map(|path| format!("[signed-by={}] ", path.display()));
        let components = self.components(suite).join(" ");
        let line = format!(
            "deb {}{} {suite} {components}",
            options.unwrap_or_default(),
            self.root_url()
        );
        line.trim_end().to_owned()
    }

    /// The same as a stanza of a `.sources` file.
    #[must_use]
    pub fn source_stanza(&self, suite: &str, keys: Option<&Path>) -> String {
        let mut stanza = format!("Types: deb\nURIs: {}\nSuites: {suite}\n", self.root_url());
        let components = self.components(suite).join(" ");
        if !components.is_empty() {
            let _ = writeln!(stanza, "Components: {components}");
        }
        if let Some(path) = keys {
            let _ = writeln!(stanza, "Signed-By: {}", path.display());
        }
        stanza
    }

    /// Writes the public keys of a suite into a folder, as a `.asc` file, and says where.
    ///
    /// # Panics
    /// When the folder cannot be written.
    #[must_use]
    pub fn write_keys(&self, suite: &str, folder: impl AsRef<Path>) -> PathBuf {
        let folder = folder.as_ref();
        let path = folder.join(format!("{}-testkit.asc", suite.replace('/', "_")));
        let keys = self.with_suite(suite, |shelf| shelf.suite.keys.clone());
        let blocks: String = keys.iter().map(DebKey::armored).collect();
        std::fs::create_dir_all(folder).expect("the folder can be written");
        std::fs::write(&path, blocks).expect("the folder can be written");
        path
    }

    /// Adds a suite.
    pub fn add_suite(&self, suite: DebSuite) {
        let mut shelves = self.lock();
        shelves.changed();
        shelves.shelves.push(Shelf::of(suite));
    }

    /// Changes how a suite presents itself; its packages stay.
    ///
    /// # Panics
    /// When there is no such suite.
    pub fn change(&self, suite: &str, change: impl FnOnce(DebSuite) -> DebSuite) {
        self.change_suite(suite, |shelf| shelf.suite = change(shelf.suite.clone()));
    }

    /// Takes a package off a suite's indexes; its archives stay.
    ///
    /// # Panics
    /// When there is no such suite.
    pub fn withdraw(&self, suite: &str, name: &str) {
        self.change_suite(suite, |shelf| shelf.published.retain(|one| one.name != name));
    }

    /// Adds a stanza exactly as given: one that does not parse, one without an archive.
    ///
    /// # Panics
    /// When there is no such suite.
    pub fn add_stanza(&self, suite: &str, component: &str, architecture: &str, stanza: &str) {
        let published = Published {
            component: component.to_owned(),
            architecture: architecture.to_owned(),
            name: String::new(),
            stanza: stanza.to_owned(),
            short: stanza.to_owned(),
            translation: String::new(),
        };
        self.change_suite(suite, |shelf| shelf.published.push(published));
    }

    /// How long every answer takes from now on.
    pub fn set_latency(&self, latency: Duration) {
        self.lock().latency = latency;
    }

    /// The path of a file of a suite, for faults and counts: `release_path("stable", "InRelease")`.
    #[must_use]
    pub fn release_path(&self, suite: &str, file: &str) -> String {
        self.with_suite(suite, |shelf| format!("{ROOT}{}{file}", shelf.folder()))
    }

    /// The path of an index by its name.
    #[must_use]
    pub fn packages_path(
        &self,
        suite: &str,
        component: &str,
        architecture: &str,
        form: DebCompression,
    ) -> String {
        self.with_suite(suite, |shelf| {
            let below = index_name(&shelf.suite, component, architecture);
            format!("{ROOT}{}{below}{}", shelf.folder(), form.suffix())
        })
    }

    /// The path of an index as it is now by its hash.
    ///
    /// # Panics
    /// When the suite has no such index.
    #[must_use]
    pub fn hashed_packages_path(
        &self,
        suite: &str,
        component: &str,
        architecture: &str,
        form: DebCompression,
    ) -> String {
        let path = self.packages_path(suite, component, architecture, form);
        let content = self
            .content(&path)
            .unwrap_or_else(|| panic!("{path}: no such index"));
        let folder = &path[..=path.rfind('/').expect("the path is absolute")];
        format!("{folder}by-hash/SHA256/{}", hex_digest(&content))
    }

    /// The path of a package's archive.
    ///
    /// # Panics
    /// When nothing of that name and version was published.
    #[must_use]
    pub fn archive_path(&self, name: &str, version: &str) -> String {
        let shelves = self.lock();
        let version = version.split_once(':').map_or(version, |(_, rest)| rest);
        let wanted = format!("/{name}_{version}_");
        let path = shelves.archives.keys().find(|path| path.contains(&wanted));
        let path = path.unwrap_or_else(|| panic!("{name} {version}: publish it first"));
        format!("{ROOT}{path}")
    }

    /// What is served at a path now, without faults.
    #[must_use]
    pub fn content(&self, path: &str) -> Option<Bytes> {
        self.lock().content(path.strip_prefix(ROOT)?)
    }

    /// The text of an index, as it is before it is compressed.
    pub(super) fn plain_packages(&self, suite: &str, component: &str, architecture: &str) -> String {
        self.with_suite(suite, |shelf| {
            let name = index_name(&shelf.suite, component, architecture);
            let found = shelf.indexes().into_iter().find(|(known, _)| *known == name);
            found.unwrap_or_else(|| panic!("{name}: no such index")).1
        })
    }

    /// How often something of this path's beginning was asked for.
    #[must_use]
    pub fn hits_below(&self, beginning: &str) -> usize {
        let log = self.log();
        log.iter()
            .filter(|entry| entry.path.starts_with(beginning))
            .count()
    }

    /// How many archives of packages were asked for.
    #[must_use]
    pub fn downloads(&self) -> usize {
        self.log()
            .iter()
            .filter(|entry| entry.path.ends_with(".deb"))
            .count()
    }

    /// Publishes a package; without a suite or component in the first one.
    pub(super) fn put(&self, suite: Option<&str>, component: Option<&str>, package: DebPackage) {
        let archive = package.build();
        let mut shelves = self.lock();
        shelves.changed();
        let Shelves {
            shelves, archives, ..
        } = &mut *shelves;
        let shelf = match suite {
            Some(name) => find(shelves, name),
            None => shelves.first_mut().expect("a repository has a suite"),
        };
        let first = || shelf.suite.components.first().cloned().unwrap_or_default();
        let component = component.map_or_else(first, str::to_owned);
        let filename = shelf.filename(&component, &package);
        let published = Published {
            architecture: package.for_architecture().to_owned(),
            name: package.name().to_owned(),
            stanza: package.stanza(&filename, &archive),
            short: package.short_stanza(&filename, &archive),
            translation: package.translation(),
            component,
        };
        shelf.published.push(published);
        archives.insert(filename.trim_start_matches("./").to_owned(), archive.into());
    }

    fn components(&self, suite: &str) -> Vec<String> {
        self.with_suite(suite, |shelf| match shelf.suite.flat() {
            true => Vec::new(),
            false => shelf.suite.components.clone(),
        })
    }

    fn with_suite<T>(&self, suite: &str, apply: impl FnOnce(&mut Shelf) -> T) -> T {
        apply(find(&mut self.lock().shelves, suite))
    }

    fn change_suite(&self, suite: &str, apply: impl FnOnce(&mut Shelf)) {
        let mut shelves = self.lock();
        shelves.changed();
        apply(find(&mut shelves.shelves, suite));
    }

    fn lock(&self) -> MutexGuard<'_, Shelves> {
        locked(&self.debian.shelves)
    }
}

fn find<'a>(shelves: &'a mut [Shelf], suite: &str) -> &'a mut Shelf {
    let found = shelves.iter_mut().find(|shelf| shelf.suite.name == suite);
    found.unwrap_or_else(|| panic!("{suite}: no such suite"))
}

impl Deref for DebRepository {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Site for Debian {
    fn answer(&self, path: &str, headers: &HeaderMap) -> Answer {
        let mut shelves = locked(&self.shelves);
        let plain = percent_decoded(path);
        let content = plain.strip_prefix(ROOT).and_then(|below| shelves.content(below));
        let Some(content) = content else {
            return Answer::text(404, "no such file");
        };
        let modified = http_date(shelves.modified());
        if names(headers, &IF_MODIFIED_SINCE, &modified) {
            return Answer::text(304, "");
        }
        conditional(content, "application/octet-stream", self.speaks(), headers)
            .header(LAST_MODIFIED, modified)
    }

    fn speaks(&self) -> Speaks {
        Speaks {
            etag: true,
            gzip: false,
            ranges: true,
        }
    }

    fn latency(&self) -> Duration {
        locked(&self.shelves).latency
    }
}

impl Shelves {
    fn changed(&mut self) {
        self.made = None;
        self.changes += 1;
    }

    /// When something changed last, in seconds since 1970.
    fn modified(&self) -> u32 {
        let dates = self.shelves.iter().map(|shelf| shelf.suite.date);
        dates.max().unwrap_or_default() + self.changes
    }

    fn content(&mut self, below: &str) -> Option<Bytes> {
        if self.made.is_none() {
            let mut made = BTreeMap::new();
            for shelf in &self.shelves {
                shelf.make(&mut made, &mut self.by_hash);
            }
            self.made = Some(made);
        }
        let made = self.made.as_ref().and_then(|made| made.get(below));
        let other = || self.by_hash.get(below).or_else(|| self.archives.get(below));
        made.or_else(other).cloned()
    }
}

impl Shelf {
    fn of(suite: DebSuite) -> Self {
        Self {
            suite,
            published: Vec::new(),
        }
    }

    /// Where its `Release` lies, below the root.
    fn folder(&self) -> String {
        match self.suite.flat() {
            true => self.suite.name.trim_start_matches("./").to_owned(),
            false => format!("dists/{}/", self.suite.name),
        }
    }

    fn filename(&self, component: &str, package: &DebPackage) -> String {
        let file = package.file_name();
        if self.suite.flat() {
            return format!("{}{file}", self.suite.name);
        }
        let name = package.name();
        let shelf = if name.starts_with("lib") { 4 } else { 1 };
        format!(
            "pool/{component}/{}/{name}/{file}",
            &name[..shelf.min(name.len())]
        )
    }

    /// Everything of its folder.
    fn make(&self, made: &mut BTreeMap<String, Bytes>, by_hash: &mut BTreeMap<String, Bytes>) {
        let folder = self.folder();
        let mut listed = Vec::new();
        for (name, plain) in self.indexes() {
            let served = |form: &DebCompression| self.suite.compressions.contains(form);
            for form in DebCompression::ALL {
                if form != DebCompression::None && !served(&form) {
                    continue;
                }
                let content: Bytes = form.apply(plain.as_bytes()).into();
                let (name, digest) = (format!("{name}{}", form.suffix()), hex_digest(&content));
                listed.push((name.clone(), digest.clone(), content.len()));
                if !served(&form) {
                    continue;
                }
                if self.suite.by_hash {
                    let above = name.rfind('/').map_or("", |end| &name[..=end]);
                    by_hash.insert(format!("{folder}{above}by-hash/SHA256/{digest}"), content.clone());
                }
                made.insert(format!("{folder}{name}"), content);
            }
        }
        self.sign(&self.release(&listed), |name, text| {
            made.insert(format!("{folder}{name}"), text.into());
        });
    }

    /// The names and texts of its indexes.
    fn indexes(&self) -> Vec<(String, String)> {
        let suite = &self.suite;
        let mut indexes = Vec::new();
        if suite.flat() {
            indexes.push(("Packages".to_owned(), self.packages(|_| true)));
            return indexes;
        }
        for component in &suite.components {
            for architecture in &suite.architectures {
                let text = self.packages(|one| {
                    one.component == *component
                        && (one.architecture == *architecture || one.architecture == "all")
                });
                indexes.push((index_name(suite, component, architecture), text));
            }
            if suite.translations {
                let of = self.published.iter().filter(|one| one.component == *component);
                let texts: Vec<_> = of.map(|one| &one.translation[..]).collect();
                indexes.push((format!("{component}/i18n/Translation-en"), texts.join("\n")));
            }
        }
        indexes
    }

    fn packages(&self, wanted: impl Fn(&Published) -> bool) -> String {
        let mut text = String::new();
        for one in self.published.iter().filter(|one| wanted(one)) {
            let stanza = if self.suite.translations {
                &one.short
            } else {
                &one.stanza
            };
            let _ = writeln!(text, "{stanza}");
        }
        text
    }

    fn release(&self, listed: &[(String, String, usize)]) -> String {
        let suite = &self.suite;
        let mut text = format!(
            "Origin: {}\nLabel: {}\nSuite: {}\n",
            suite.origin,
            suite.label,
            suite
                .called
                .as_deref()
                .unwrap_or_else(|| suite.name.trim_matches(['.', '/']))
        );
        let mut field = |name: &str, value: &str| {
            let _ = writeln!(text, "{name}: {value}");
        };
        if let Some(version) = &suite.version {
            field("Version", version);
        }
        field("Codename", &suite.codename);
        field("Date", &release_date(suite.date));
        if let Some(until) = suite.valid_until {
            field("Valid-Until", &release_date(until));
        }
        if suite.by_hash {
            field("Acquire-By-Hash", "yes");
        }
        field("Architectures", &suite.architectures.join(" "));
        if !suite.flat() {
            field("Components", &suite.components.join(" "));
        }
        for (name, value) in &suite.fields {
            field(name, value);
        }
        text.push_str("SHA256:\n");
        for (name, digest, length) in listed {
            let _ = writeln!(text, " {digest} {length:>8} {name}");
        }
        text
    }

    fn sign(&self, release: &str, mut put: impl FnMut(&str, String)) {
        let (keys, at) = (&self.suite.keys[..], self.suite.date);
        let signatures = self.suite.signatures;
        if matches!(signatures, DebSignatures::Inline | DebSignatures::Both) {
            put("InRelease", clear_signed(release, keys, at));
        }
        if matches!(signatures, DebSignatures::Detached | DebSignatures::Both) {
            put("Release.gpg", detached_signature(release.as_bytes(), keys, at));
        }
        if signatures != DebSignatures::Inline {
            put("Release", release.to_owned());
        }
    }
}

/// The name of an index below its suite's folder.
fn index_name(suite: &DebSuite, component: &str, architecture: &str) -> String {
    match suite.flat() {
        true => "Packages".to_owned(),
        false => format!("{component}/binary-{architecture}/Packages"),
    }
}

/// A moment as HTTP has it.
fn http_date(seconds: u32) -> String {
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.into()))
}

/// A moment as `Release` has it.
fn release_date(seconds: u32) -> String {
    http_date(seconds).replace("GMT", "UTC")
}

/// A path without its escapes: clients escape `+` and `~` or do not, and both are right.
fn percent_decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        let byte = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        match (first, byte) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            (first, _) => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_escapes_are_as_expected() {
        assert_eq!(release_date(1_704_067_200), "Mon, 01 Jan 2024 00:00:00 UTC");
        assert_eq!(percent_decoded("/a%2bb%7E1%zz%"), "/a+b~1%zz%");
    }

    #[test]
    fn a_changed_index_is_still_found_by_its_old_hash() {
        let repository = DebRepository::start();
        let arch = super::super::package::host_architecture();
        let path = || repository.hashed_packages_path("stable", "main", arch, DebCompression::Xz);
        DebPackage::new("a", "1").publish(&repository);
        let old = path();
        DebPackage::new("b", "1").publish(&repository);
        assert_ne!(path(), old);
        assert!(repository.content(&old).is_some());
    }
}
