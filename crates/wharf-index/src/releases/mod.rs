//! The releases of one project, as a view on a compact binary blob: nothing is parsed before somebody asks for it.
//!
//! A large project has five thousand files. A solver looks at the newest few; what it asks of all of them (does the
//! Python fit, do the tags) repeats from file to file. So the blob numbers the *distinct* tag sets and
//! `requires-python` texts, and [`Releases::fit`] judges each of them once.
//!
//! Invariant: releases are sorted newest first, and no two have equal versions.

mod binary;
mod fit;

use std::sync::{Arc, OnceLock};

use wharf_core::{Algorithm, Digest, PackageName, Source, Timestamp, WebUrl};
use wharf_ecosystem::pypi::simple::{File, Page, ProjectStatus, Skipped};
use wharf_ecosystem::pypi::{self, DistName, Version, VersionSpecifiers};

use crate::dist::Dist;

pub(crate) use binary::{Blob, Stamp, encode};
pub use fit::{Fit, Pick, Unfit};

/// Where some of the files of a project were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A package index.
    Index(WebUrl),
    /// A folder or page of archives, as configured.
    FindLinks(String),
}

impl Place {
    /// The source that lockfiles and messages name.
    pub fn source(&self) -> Source {
        match self {
            Place::Index(url) => Source::Registry {
                index: url.without_credentials(),
            },
            Place::FindLinks(location) => Source::FindLinks {
                location: location.clone(),
            },
        }
    }
}

/// Every release of one project that the index offers, newest first.
#[derive(Debug)]
pub struct Releases {
    name: PackageName,
    places: Vec<Place>,
    blob: Blob,
    versions: Box<[OnceLock<Version>]>,
    requires: Box<[OnceLock<Option<VersionSpecifiers>>]>,
}

/// One release.
#[derive(Clone, Copy, Debug)]
pub struct ReleaseRef<'r> {
    releases: &'r Releases,
    position: usize,
}

/// One file of a release.
#[derive(Clone, Copy, Debug)]
pub struct FileRef<'r> {
    releases: &'r Releases,
    row: binary::FileRow,
}

impl Releases {
    /// Takes over a parsed page.
    pub fn from_page(page: Page, index: &WebUrl) -> Self {
        let name = page.name.clone();
        let place = Place::Index(index.clone());
        let files = page.files.into_iter().map(|file| (file, 0)).collect();
        Self::from_files(name, vec![place], files, page.skipped, page.status)
    }

    /// Takes over files of several places; each carries the number of its place.
    pub(crate) fn from_files(
        name: PackageName,
        places: Vec<Place>,
        files: Vec<(File, u8)>,
        skipped: Vec<Skipped>,
        status: Option<ProjectStatus>,
    ) -> Self {
        let bytes = encode(&files, &skipped, status.as_ref(), Stamp::default());
        let blob = Blob::open(bytes).expect("what was just encoded can be opened");
        Self::from_blob(name, places, blob)
    }

    /// Opens a blob from the cache.
    pub(crate) fn from_blob(name: PackageName, places: Vec<Place>, blob: Blob) -> Self {
        let versions = (0..blob.releases()).map(|_| OnceLock::new()).collect();
        let requires = (0..blob.requires()).map(|_| OnceLock::new()).collect();
        Self {
            name,
            places,
            blob,
            versions,
            requires,
        }
    }

    /// The project.
    pub fn name(&self) -> &PackageName {
        &self.name
    }

    /// Where the files were found, in order of precedence.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// When the page was fetched; the epoch for what never was a page.
    pub fn fetched(&self) -> Timestamp {
        Timestamp::from_second(self.blob.stamp().fetched).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// How many releases there are.
    pub fn len(&self) -> usize {
        self.versions.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }

    /// The release at `position`, 0 being the newest.
    pub fn get(&self, position: usize) -> Option<ReleaseRef<'_>> {
        (position < self.len()).then_some(ReleaseRef {
            releases: self,
            position,
        })
    }

    /// All releases, newest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = ReleaseRef<'_>> + DoubleEndedIterator {
        (0..self.len()).map(|position| ReleaseRef {
            releases: self,
            position,
        })
    }

    /// The release of this version: a binary search, so that few versions are parsed.
    pub fn find(&self, version: &Version) -> Option<ReleaseRef<'_>> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match version.cmp(self.version(middle)) {
                std::cmp::Ordering::Equal => return self.get(middle),
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Less => low = middle + 1,
            }
        }
        None
    }

    /// What stands on the page and cannot be used.
    pub fn skipped(&self) -> Vec<Skipped> {
        self.blob.skipped()
    }

    /// What the index says of the project as a whole.
    pub fn status(&self) -> Option<ProjectStatus> {
        self.blob.status()
    }

    /// How many distinct wheel tag sets there are; [`FileRef::tag_set`] is below it.
    pub fn tag_sets(&self) -> usize {
        self.blob.tag_sets()
    }

    /// The text of a tag set, such as `py2.py3-none-any`.
    pub fn tag_text(&self, tag_set: u32) -> &str {
        self.blob.tag_text(tag_set)
    }

    /// How many distinct `requires-python` there are; [`FileRef::requires_python_id`] is below it.
    pub fn requires_sets(&self) -> usize {
        self.requires.len()
    }

    /// The specifiers of a `requires-python`, parsed once.
    pub fn requires_set(&self, id: u32) -> Option<&VersionSpecifiers> {
        let cell = self.requires.get(id as usize)?;
        cell.get_or_init(|| pypi::parse_specifiers_lenient(self.blob.requires_text(id)).ok())
            .as_ref()
    }

    fn version(&self, position: usize) -> &Version {
        self.versions[position].get_or_init(|| {
            // Only versions that parsed are written, and the checksum vouches for the bytes.
            pypi::parse_version(self.blob.version_text(position)).unwrap_or_else(|_| Version::new([0]))
        })
    }

    /// Every file, expanded, with the number of its place: for merging.
    pub(crate) fn expand(&self) -> Vec<(File, Place)> {
        let files = self
            .iter()
            .flat_map(|release| release.files().collect::<Vec<_>>());
        files
            .filter_map(|file| Some((file.to_file()?, file.place().clone())))
            .collect()
    }

    /// How many bytes the view holds.
    pub fn byte_len(&self) -> usize {
        self.blob.byte_len()
    }
}

impl<'r> ReleaseRef<'r> {
    /// Its place among the releases, 0 being the newest.
    pub fn position(self) -> usize {
        self.position
    }

    /// Its version, parsed once.
    pub fn version(self) -> &'r Version {
        self.releases.version(self.position)
    }

    /// Its version in normal form, without parsing.
    pub fn version_text(self) -> &'r str {
        self.releases.blob.version_text(self.position)
    }

    /// Its files: wheels in the order of the page, then source distributions, the preferred one last.
    pub fn files(self) -> impl ExactSizeIterator<Item = FileRef<'r>> + DoubleEndedIterator {
        let releases = self.releases;
        let range = releases.blob.files_of(self.position);
        range.map(move |number| FileRef {
            releases,
            row: releases.blob.file(number),
        })
    }

    /// Its wheels.
    pub fn wheels(self) -> impl Iterator<Item = FileRef<'r>> {
        self.files().take_while(|file| file.is_wheel())
    }

    /// Its source distribution, in the preferred format where there are several.
    pub fn sdist(self) -> Option<FileRef<'r>> {
        self.files().next_back().filter(|file| !file.is_wheel())
    }
}

impl<'r> FileRef<'r> {
    /// Its name.
    pub fn filename(self) -> &'r str {
        self.releases.blob.text(self.row.name)
    }

    /// Whether it is a wheel; else it is a source distribution.
    pub fn is_wheel(self) -> bool {
        self.row.tags.is_some()
    }

    /// The number of its tag set, where it is a wheel.
    pub fn tag_set(self) -> Option<u32> {
        self.row.tags
    }

    /// The number of its `requires-python`.
    pub fn requires_python_id(self) -> Option<u32> {
        self.row.requires
    }

    /// The Pythons that it is for.
    pub fn requires_python(self) -> Option<&'r VersionSpecifiers> {
        self.releases.requires_set(self.row.requires?)
    }

    /// Whether it was withdrawn, and why; the reason may be empty.
    pub fn yanked(self) -> Option<&'r str> {
        self.row.yanked.map(|reason| self.releases.blob.yank_text(reason))
    }

    /// When it was uploaded.
    pub fn upload_time(self) -> Option<Timestamp> {
        Timestamp::from_microsecond(self.row.uploaded?).ok()
    }

    /// Its size in bytes.
    pub fn size(self) -> Option<u64> {
        self.row.size
    }

    /// Where it was found.
    pub fn place(self) -> &'r Place {
        let places = &self.releases.places;
        places.get(usize::from(self.row.place)).unwrap_or(&places[0])
    }

    /// Its digests, strongest first.
    pub fn digests(self) -> Vec<Digest> {
        self.releases.blob.digests(self.row)
    }

    /// Where it lies, without credentials: the client knows those of the index.
    pub fn url(self) -> Option<WebUrl> {
        WebUrl::parse(&self.releases.blob.url(self.row)).ok()
    }

    /// Everything about it.
    pub fn to_file(self) -> Option<File> {
        Some(File {
            filename: self.filename().to_owned(),
            url: self.url()?,
            digests: self.digests(),
            size: self.size(),
            requires_python: self.requires_python().cloned(),
            yanked: self.yanked().map(str::to_owned),
            upload_time: self.upload_time(),
            metadata: self.releases.blob.metadata(self.row),
            dist: DistName::parse(self.filename(), &self.releases.name).ok()?,
        })
    }

    /// The distribution that it is.
    pub fn dist(self) -> Option<Dist> {
        let file = self.to_file()?;
        Some(Dist {
            name: self.releases.name.clone(),
            version: file.dist.version().clone(),
            source: self.place().source(),
            file: Some(Arc::new(file)),
        })
    }
}

/// The digest to know a file by: its strongest strong one.
pub(crate) fn identity(digests: &[Digest]) -> Option<Digest> {
    let strong = digests
        .iter()
        .copied()
        .filter(|digest| digest.algorithm().is_strong());
    // SHA-256 first: it is the one that the store records, so that files are found again.
    strong.max_by_key(|digest| (digest.algorithm() == Algorithm::Sha256, digest.algorithm()))
}

#[cfg(test)]
mod tests;
