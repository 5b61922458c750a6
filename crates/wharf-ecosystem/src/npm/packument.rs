//! Packuments: a registry's document about one package, with an object for every version.
//!
//! A document may have twenty megabytes, of which a choice needs four facts a version. [`scan`] reads just those in one pass and copies
//! what anybody may read later of each version's object; [`super::PackageManifest::parse`] reads one when its version is chosen. Invariant:
//! what is wrong with one version costs that version only, and is told in [`Scanned::skipped`].
//! Source: the registry's documentation, "package metadata" (full and abbreviated form).

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use wharf_core::{PackageName, Timestamp};

use super::semver::Version;
use super::versions::{VersionRow, Versions};

mod objects;
mod scanner;

use objects::Objects;
use scanner::{Malformed, Scanner};

/// What a document says, as far as choosing a version needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// The package, as the document names it.
    pub name: Option<String>,
    /// When the document last changed.
    pub modified: Option<Timestamp>,
    /// Tags and the versions that they point to, as the registry writes them.
    pub tags: Vec<(String, String)>,
    /// The versions, lowest first.
    pub rows: Vec<ScannedRow>,
    /// Whether the document says when versions were published (its full form).
    pub has_times: bool,
    /// What was left out and why, in words.
    pub skipped: Vec<String>,
}

/// One version of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannedRow {
    /// What a choice needs.
    pub row: VersionRow,
    /// Where its object lies among the objects that were copied, in bytes.
    pub span: Range<u32>,
}

/// A text that is no packument.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPackument {
    /// It is not JSON, or ends early.
    #[error("byte {at}: {reason}")]
    Malformed {
        /// Where.
        at: usize,
        /// What was expected there.
        reason: &'static str,
    },
    /// It is JSON, but no object with `versions`.
    #[error("it has no `versions`{}", .said.as_ref().map(|said| format!(": {said}")).unwrap_or_default())]
    NoVersions {
        /// The `error` of the document, if it is one of the registry's answers.
        said: Option<String>,
    },
    /// It has four gigabytes or more.
    #[error("it has {0} bytes")]
    TooLarge(usize),
}

impl Scanned {
    /// The rows alone, for [`super::pick()`].
    pub fn versions(&self, name: &PackageName) -> Versions {
        let rows = self.rows.iter().map(|scanned| &scanned.row).collect();
        Versions::new(name.clone(), self.tags.clone(), rows, self.skipped.clone())
    }

    /// Where the object of a version lies among those that were copied.
    pub fn span(&self, version: &Version) -> Option<Range<u32>> {
        let at = self
            .rows
            .binary_search_by(|scanned| scanned.row.version.cmp(version))
            .ok()?;
        Some(self.rows[at].span.clone())
    }
}

/// Reads a document in one pass, without building it in memory. What anybody may read of the versions' objects is what
/// `objects` holds after that: it is no longer than the document.
///
/// # Errors
/// Where it is cut short or no JSON object with `versions`. What lies inside objects that are passed over is not checked.
pub fn scan(json: &[u8], objects: &mut Vec<u8>) -> Result<Scanned, InvalidPackument> {
    if u32::try_from(json.len()).is_err() {
        return Err(InvalidPackument::TooLarge(json.len()));
    }
    objects.clear();
    let mut reading = Reading::new(Objects(objects));
    reading
        .document(json)
        .map_err(|malformed| InvalidPackument::Malformed {
            at: malformed.at,
            reason: malformed.reason,
        })?;
    reading.finish()
}

/// What is known halfway.
struct Reading<'j, 'o> {
    scanned: Scanned,
    objects: Objects<'o>,
    times: Vec<(Cow<'j, str>, Cow<'j, str>)>,
    has_versions: bool,
    said: Option<String>,
    /// Versions whose text in the document is not their normal form, with that text.
    loose: FxHashMap<Version, String>,
    /// Many versions say the same of their engines.
    engines: FxHashMap<&'j [u8], Arc<str>>,
}

impl<'j, 'o> Reading<'j, 'o> {
    fn new(objects: Objects<'o>) -> Self {
        Self {
            scanned: Scanned::default(),
            objects,
            times: Vec::new(),
            has_versions: false,
            said: None,
            loose: FxHashMap::default(),
            engines: FxHashMap::default(),
        }
    }

    fn document(&mut self, json: &'j [u8]) -> Result<(), Malformed> {
        let mut scanner = Scanner::new(json);
        scanner.object(|scanner, key| {
            match key {
                b"name" => self.scanned.name = scanner.text()?.map(Cow::into_owned),
                b"modified" => self.scanned.modified = scanner.text()?.and_then(|text| text.parse().ok()),
                b"error" => self.said = scanner.text()?.map(Cow::into_owned),
                b"dist-tags" => self.tags(scanner)?,
                b"versions" => self.versions(scanner)?,
                b"time" => self.times(scanner)?,
                _ => scanner.skip()?,
            }
            Ok(())
        })?;
        scanner.end()
    }

    fn tags(&mut self, scanner: &mut Scanner<'j>) -> Result<(), Malformed> {
        scanner.object_or_skip(|scanner, key| {
            let tag = scanner::unescape(key);
            if let (Some(tag), Some(version)) = (tag, scanner.text()?) {
                super::json::insert(&mut self.scanned.tags, tag.into_owned(), version.into_owned());
            }
            Ok(())
        })?;
        Ok(())
    }

    fn times(&mut self, scanner: &mut Scanner<'j>) -> Result<(), Malformed> {
        self.scanned.has_times |= scanner.object_or_skip(|scanner, key| {
            let text = scanner.text()?;
            if let (Some(key), Some(text)) = (scanner::unescape(key), text) {
                self.times.push((key, text));
            }
            Ok(())
        })?;
        Ok(())
    }

    fn versions(&mut self, scanner: &mut Scanner<'j>) -> Result<(), Malformed> {
        self.has_versions |= scanner.object_or_skip(|scanner, key| self.version(scanner, key))?;
        Ok(())
    }

    fn version(&mut self, scanner: &mut Scanner<'j>, key: &'j [u8]) -> Result<(), Malformed> {
        let mut facts = Facts::default();
        let objects = &mut self.objects;
        let start = objects.len();
        objects.begin();
        let is_object = scanner.object_or_skip(|scanner, key| facts.field(scanner, key, objects))?;
        objects.end();
        let span = span(start, objects.len());
        let text = scanner::unescape(key);
        let text = text.as_deref().unwrap_or("�");
        let version = Version::parse(text).or_else(|_| Version::parse_loose(text));
        match version {
            Err(error) => self.skip(start, error.to_string()),
            Ok(version) if !is_object => {
                self.skip(start, format!("{version}: what is said of it is no object"));
            }
            Ok(version) if !facts.has_archive => {
                self.skip(start, format!("{version}: it has no archive (`dist.tarball`)"));
            }
            Ok(version) => {
                if version.as_str() != text {
                    self.loose.insert(version.clone(), text.to_owned());
                }
                let engines_node = facts.engines_node.and_then(|raw| self.engines_text(raw));
                self.scanned.rows.push(ScannedRow {
                    row: VersionRow {
                        version,
                        deprecated: facts.deprecated,
                        engines_node,
                        published: None,
                    },
                    span,
                });
            }
        }
        Ok(())
    }

    /// Leaves a version out whose object begins at `start`.
    fn skip(&mut self, start: usize, why: String) {
        self.objects.truncate(start);
        self.scanned.skipped.push(why);
    }

    fn engines_text(&mut self, raw: &'j [u8]) -> Option<Arc<str>> {
        if let Some(known) = self.engines.get(raw) {
            return Some(known.clone());
        }
        let text: Arc<str> = scanner::unescape(raw)?.into();
        self.engines.insert(raw, text.clone());
        Some(text)
    }

    fn finish(mut self) -> Result<Scanned, InvalidPackument> {
        if !self.has_versions {
            return Err(InvalidPackument::NoVersions { said: self.said });
        }
        self.apply_times();
        // The sort keeps the document's order among equals, and the last of equal keys counts.
        let rows = &mut self.scanned.rows;
        rows.sort_by(|a, b| a.row.version.cmp(&b.row.version));
        rows.reverse();
        rows.dedup_by(|later, earlier| later.row.version == earlier.row.version);
        rows.reverse();
        Ok(self.scanned)
    }

    /// Dates come by the versions' texts as the document has them.
    fn apply_times(&mut self) {
        if self.times.is_empty() {
            return;
        }
        let mut by_text: FxHashMap<&str, &str> = FxHashMap::default();
        for (text, time) in &self.times {
            by_text.insert(text, time);
        }
        if let Some(modified) = by_text.get("modified").and_then(|time| time.parse().ok()) {
            self.scanned.modified = Some(modified);
        }
        for scanned in &mut self.scanned.rows {
            let version = &scanned.row.version;
            let text = self.loose.get(version).map_or(version.as_str(), String::as_str);
            let time = by_text.get(text);
            scanned.row.published = time.and_then(|time| time.parse().ok());
        }
    }
}

/// What the scan takes from one version's object.
#[derive(Default)]
struct Facts<'j> {
    deprecated: bool,
    has_archive: bool,
    engines_node: Option<&'j [u8]>,
}

impl<'j> Facts<'j> {
    fn field(
        &mut self,
        scanner: &mut Scanner<'j>,
        key: &'j [u8],
        objects: &mut Objects<'_>,
    ) -> Result<(), Malformed> {
        let start = scanner.at();
        match key {
            b"deprecated" => self.deprecated = scanner.truth()?,
            b"dist" => return self.dist(scanner, key, objects),
            b"engines" => {
                scanner.object_or_skip(|scanner, key| {
                    let raw = scanner.raw_text()?;
                    if key == b"node" {
                        self.engines_node = raw;
                    }
                    Ok(())
                })?;
            }
            _ => scanner.skip()?,
        }
        if objects::is_read(key) {
            objects.member(key, scanner.since(start));
        }
        Ok(())
    }

    fn dist(
        &mut self,
        scanner: &mut Scanner<'j>,
        key: &'j [u8],
        objects: &mut Objects<'_>,
    ) -> Result<(), Malformed> {
        let (start, length) = (scanner.at(), objects.len());
        let mut has_sha512 = false;
        let mut shasum = None;
        objects.begin_member(key);
        let is_object = scanner.object_or_skip(|scanner, key| {
            let start = scanner.at();
            let text = scanner.raw_text()?;
            let value = scanner.since(start);
            match key {
                b"tarball" => self.has_archive |= text.is_some_and(|text| !text.is_empty()),
                b"integrity" => has_sha512 = objects::is_sha512(value),
                b"shasum" => {
                    shasum = Some(value);
                    return Ok(());
                }
                _ => {}
            }
            if objects::is_read_of_dist(key) {
                objects.member(key, value);
            }
            Ok(())
        })?;
        if let Some(shasum) = shasum.filter(|_| !has_sha512) {
            objects.member(b"shasum", shasum);
        }
        objects.end_member();
        if !is_object {
            objects.truncate(length);
            objects.member(key, scanner.since(start));
        }
        Ok(())
    }
}

fn span(start: usize, end: usize) -> Range<u32> {
    let short = |at: usize| u32::try_from(at).expect("documents of four gigabytes are refused");
    short(start)..short(end)
}

#[cfg(test)]
mod tests;
