//! All versions of one crate: a row for each, and the lines of the index, which are read as they are needed.
//! Invariant: the rows are in order, lowest first, each version once.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use semver::Version;
use wharf_core::Timestamp;

use super::index::{self, InvalidLine};
use super::{CrateName, RustVersion, SourceId, Summary};

/// All versions of one crate of a registry.
#[derive(Clone)]
pub struct CrateVersions {
    name: CrateName,
    source: SourceId,
    rows: Vec<VersionRow>,
    lines: Lines,
    skipped: Vec<String>,
    read: Vec<OnceLock<Arc<Summary>>>,
}

/// What the rows' spans point into.
pub trait LineSource: Send + Sync {
    /// The bytes of a span; empty where they cannot be had any more.
    fn bytes(&self, span: Range<u32>) -> Cow<'_, [u8]>;
}

/// Text in memory.
impl<T: AsRef<[u8]> + Send + Sync> LineSource for T {
    fn bytes(&self, span: Range<u32>) -> Cow<'_, [u8]> {
        let span = span.start as usize..span.end as usize;
        self.as_ref().get(span).unwrap_or_default().into()
    }
}

/// Lines, shared.
pub type Lines = Arc<dyn LineSource>;

/// What choosing needs of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRow {
    /// The version.
    pub version: Version,
    /// Whether the registry advises against it.
    pub yanked: bool,
    /// The compiler that it asks for.
    pub rust_version: Option<RustVersion>,
    /// When it was published, where the registry says so.
    pub published: Option<Timestamp>,
    /// Where its line lies, in bytes.
    pub span: Range<u32>,
}

impl CrateVersions {
    /// Reads a document of an index: a line for each version. Lines that cannot be used are told in [`CrateVersions::skipped`].
    pub fn scan<T>(name: CrateName, source: SourceId, document: Arc<T>) -> Self
    where
        T: AsRef<[u8]> + Send + Sync + 'static,
    {
        let mut rows = Vec::new();
        let mut skipped = Vec::new();
        let bytes = (*document).as_ref();
        let mut start = 0;
        while start < bytes.len() {
            let end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |length| start + length);
            let line = &bytes[start..end];
            if !line.trim_ascii().is_empty() {
                match (index::scan_line(line), u32::try_from(start), u32::try_from(end)) {
                    (Ok(row), Ok(from), Ok(to)) => rows.push(VersionRow {
                        span: from..to,
                        ..row
                    }),
                    (Err(error), _, _) => skipped.push(format!("line at byte {start}: {error}")),
                    (Ok(_), _, _) => skipped.push(format!("line at byte {start}: beyond 4 GiB")),
                }
            }
            start = end + 1;
        }
        Self::from_rows(name, source, rows, document, skipped)
    }

    /// Versions from rows that were read before. The rows may be in any order; of two with one version the later counts.
    pub fn from_rows(
        name: CrateName,
        source: SourceId,
        mut rows: Vec<VersionRow>,
        lines: Lines,
        skipped: Vec<String>,
    ) -> Self {
        if !rows.is_sorted_by(|a, b| a.version < b.version) {
            rows.sort_by(|a, b| a.version.cmp(&b.version));
            rows.dedup_by(|later, earlier| {
                let same = later.version == earlier.version;
                if same {
                    std::mem::swap(later, earlier);
                }
                same
            });
        }
        Self {
            name,
            source,
            read: rows.iter().map(|_| OnceLock::new()).collect(),
            rows,
            lines,
            skipped,
        }
    }

    /// The crate.
    pub fn name(&self) -> &CrateName {
        &self.name
    }

    /// The registry.
    pub fn source(&self) -> &SourceId {
        &self.source
    }

    /// The versions, lowest first, yanked ones too.
    pub fn rows(&self) -> &[VersionRow] {
        &self.rows
    }

    /// What was left out and why, in words.
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// Where the row of a version is, if it is there.
    pub fn find(&self, version: &Version) -> Option<usize> {
        self.rows.binary_search_by(|row| row.version.cmp(version)).ok()
    }

    /// The line of a row; empty where there is no such row, or its bytes are gone.
    pub fn line(&self, at: usize) -> Cow<'_, [u8]> {
        match self.rows.get(at) {
            Some(row) => self.lines.bytes(row.span.clone()),
            None => Cow::Borrowed(&[]),
        }
    }

    /// Reads the line of a row, once.
    ///
    /// # Errors
    /// Where it describes no version that can be used.
    pub fn summary(&self, at: usize) -> Result<Arc<Summary>, InvalidLine> {
        let slot = self.read.get(at);
        if let Some(read) = slot.and_then(OnceLock::get) {
            return Ok(Arc::clone(read));
        }
        let summary = Arc::new(index::parse_line(&self.line(at), &self.source)?);
        Ok(match slot {
            Some(slot) => Arc::clone(slot.get_or_init(|| summary)),
            None => summary,
        })
    }
}

impl PartialEq for CrateVersions {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.source, &self.rows) == (&other.name, &other.source, &other.rows)
            && (0..self.rows.len()).all(|at| self.line(at) == other.line(at))
    }
}

impl Eq for CrateVersions {}

impl fmt::Debug for CrateVersions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrateVersions")
            .field("name", &self.name)
            .field("source", &self.source)
            .field("rows", &self.rows)
            .field("skipped", &self.skipped)
            .finish_non_exhaustive()
    }
}
