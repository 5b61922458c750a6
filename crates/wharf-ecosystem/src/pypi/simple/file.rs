//! Turns what either format says of one file into a [`File`], remembering what repeats from file to file.

use std::borrow::Cow;

use jiff::Timestamp;
use pep440_rs::{Version, VersionSpecifiers};
use rustc_hash::FxHashMap;
use wharf_core::{Digest, PackageName, WebUrl};

use super::{File, MetadataFile, Skipped};
use crate::pypi::filename::{DistName, FilenameError, SdistName, WheelName};
use crate::pypi::text::excerpt;
use crate::pypi::version::{InvalidSpecifiers, InvalidVersion, parse_specifiers_lenient, parse_version};

/// What a page says of one file, as text.
#[derive(Debug, Default)]
pub(super) struct RawFile<'a> {
    pub(super) filename: Cow<'a, str>,
    pub(super) url: Cow<'a, str>,
    pub(super) digests: Vec<Digest>,
    pub(super) size: Option<u64>,
    pub(super) requires_python: Option<Cow<'a, str>>,
    pub(super) yanked: Option<Cow<'a, str>>,
    pub(super) upload_time: Option<Cow<'a, str>>,
    pub(super) metadata: MetadataFile,
}

/// Reads the files of one page. A page repeats few versions and few specifiers many times, so both are read once.
pub(super) struct Reader<'p> {
    base: &'p WebUrl,
    project: &'p PackageName,
    versions: FxHashMap<String, Version>,
    last_version: Option<(String, Version)>,
    specifiers: FxHashMap<String, Result<Option<VersionSpecifiers>, InvalidSpecifiers>>,
    pub(super) files: Vec<File>,
    pub(super) skipped: Vec<Skipped>,
}

impl<'p> Reader<'p> {
    pub(super) fn new(base: &'p WebUrl, project: &'p PackageName) -> Self {
        Self {
            base,
            project,
            versions: FxHashMap::default(),
            last_version: None,
            specifiers: FxHashMap::default(),
            files: Vec::new(),
            skipped: Vec::new(),
        }
    }

    /// Adds the file to those that can be used or to those that cannot.
    pub(super) fn add(&mut self, raw: RawFile<'_>) {
        match self.read(&raw) {
            Ok(file) => self.files.push(file),
            Err(reason) => self.skip(&raw.filename, reason),
        }
    }

    /// Records that a file cannot be used.
    pub(super) fn skip(&mut self, filename: &str, reason: impl ToString) {
        self.skipped.push(Skipped {
            filename: excerpt(filename),
            reason: reason.to_string(),
        });
    }

    fn read(&mut self, raw: &RawFile<'_>) -> Result<File, String> {
        let dist = self.dist(&raw.filename).map_err(|error| error.to_string())?;
        let requires_python = match &raw.requires_python {
            Some(text) => self
                .specifiers(text)
                .map_err(|error| format!("its Requires-Python {error}"))?,
            None => None,
        };
        let upload_time = match &raw.upload_time {
            Some(text) => Some(
                parse_time(text).ok_or_else(|| format!("its upload time `{}` is no time", excerpt(text)))?,
            ),
            None => None,
        };
        let mut digests = raw.digests.clone();
        digests.sort_unstable_by_key(|digest| std::cmp::Reverse(digest.algorithm()));
        Ok(File {
            filename: raw.filename.clone().into_owned(),
            url: self.url(&raw.url)?,
            digests,
            size: raw.size,
            requires_python,
            yanked: raw.yanked.as_deref().map(str::to_owned),
            upload_time,
            metadata: raw.metadata,
            dist,
        })
    }

    fn dist(&mut self, filename: &str) -> Result<DistName, FilenameError> {
        let project = self.project;
        if filename.ends_with(".whl") {
            WheelName::parse_with(filename, project, |text| self.version(text)).map(DistName::Wheel)
        } else {
            SdistName::parse_with(filename, project, |text| self.version(text)).map(DistName::Sdist)
        }
    }

    /// Files of one version mostly stand together, so the last one is tried before the map.
    fn version(&mut self, text: &str) -> Result<Version, InvalidVersion> {
        if let Some((last, version)) = &self.last_version
            && last == text
        {
            return Ok(version.clone());
        }
        let version = match self.versions.get(text) {
            Some(version) => version.clone(),
            None => {
                let version = parse_version(text)?;
                self.versions.insert(text.to_owned(), version.clone());
                version
            }
        };
        self.last_version = Some((text.to_owned(), version.clone()));
        Ok(version)
    }

    fn specifiers(&mut self, text: &str) -> Result<Option<VersionSpecifiers>, InvalidSpecifiers> {
        if let Some(known) = self.specifiers.get(text) {
            return known.clone();
        }
        let specifiers =
            parse_specifiers_lenient(text).map(|specifiers| (!specifiers.is_empty()).then_some(specifiers));
        self.specifiers.insert(text.to_owned(), specifiers.clone());
        specifiers
    }

    /// Absolute URLs, the common case, need no base.
    fn url(&self, text: &str) -> Result<WebUrl, String> {
        let text = text.split_once('#').map_or(text, |(before, _)| before);
        let url = if text.starts_with("https://") || text.starts_with("http://") {
            WebUrl::parse(text)
        } else {
            self.base.join(text)
        };
        let url = url.map_err(|error| format!("its link {error}"))?;
        match url.as_url().scheme() {
            "https" | "http" => Ok(url),
            // Only a page that itself lies on this machine may point to files of it.
            "file" if self.base.as_url().scheme() == "file" => Ok(url),
            scheme => Err(format!("its link has the scheme `{}`", excerpt(scheme))),
        }
    }
}

/// An upload time: RFC 3339, with or without a zone; without one it is UTC.
fn parse_time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let zoneless: jiff::civil::DateTime = text.parse().ok()?;
        jiff::tz::TimeZone::UTC.to_timestamp(zoneless).ok()
    })
}
