//! What a registry says of all versions of one package, as far as choosing one needs it.
//!
//! Registries list versions by the hundred thousand, and a solve looks at a few of each package. So they are kept packed, and each is
//! read when somebody looks at it. Invariant: the lowest comes first, and each once.

use std::ops::Range;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use wharf_core::{PackageName, Timestamp};

use super::semver::Version;

/// All versions of one package. Versions that are malformed beyond use are not among them, but in `skipped`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The package.
    pub name: PackageName,
    /// What was left out and why, in words.
    pub skipped: Vec<String>,
    tags: Vec<(String, String)>,
    rows: Rows,
    /// Where among the rows the version is that the tag `latest` points to.
    latest: Option<usize>,
}

/// One version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRow {
    /// The version.
    pub version: Version,
    /// Whether the registry says a word against it.
    pub deprecated: bool,
    /// The Node versions that it says it runs on.
    pub engines_node: Option<Arc<str>>,
    /// When it was published, where the registry says so.
    pub published: Option<Timestamp>,
}

/// Versions, packed: lowest first, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// All of them, in normal form.
    texts: Arc<str>,
    /// The Node versions that they run on, each once.
    engines: Box<[Arc<str>]>,
    packed: Vec<Packed>,
    /// When each was published; of none where the registry does not say so.
    published: Vec<Option<Timestamp>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Packed {
    start: u32,
    length: u16,
    deprecated: bool,
    /// One more than the place among `engines`; nothing for 0.
    engines: u32,
}

/// One version, packed, as [`Rows::push`] takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedRow {
    /// Where its text is.
    pub text: Range<usize>,
    /// Whether the registry says a word against it.
    pub deprecated: bool,
    /// The place of the Node versions that it says it runs on.
    pub engines: Option<usize>,
    /// When it was published.
    pub published: Option<Timestamp>,
}

impl Rows {
    /// None yet, of versions whose texts and engines these are. `count` is how many are likely to come, `has_times` whether it is
    /// known when each was published.
    pub fn new(texts: &str, engines: Vec<Arc<str>>, count: usize, has_times: bool) -> Self {
        Self {
            texts: texts.into(),
            engines: engines.into(),
            packed: Vec::with_capacity(count),
            published: Vec::with_capacity(if has_times { count } else { 0 }),
        }
    }

    /// Takes the next version, which is higher than those before; `None` where it lies outside of the texts or the engines.
    pub fn push(&mut self, row: &PackedRow) -> Option<()> {
        self.texts.get(row.text.clone())?;
        let engines = match row.engines {
            Some(place) => self
                .engines
                .get(place)
                .and_then(|_| u32::try_from(place + 1).ok())?,
            None => 0,
        };
        self.packed.push(Packed {
            start: u32::try_from(row.text.start).ok()?,
            length: u16::try_from(row.text.len()).ok()?,
            deprecated: row.deprecated,
            engines,
        });
        if row.published.is_some() || !self.published.is_empty() {
            self.published.resize(self.packed.len() - 1, None);
            self.published.push(row.published);
        }
        Some(())
    }

    fn version(&self, at: usize) -> Option<Version> {
        let row = self.packed.get(at)?;
        let start = row.start as usize;
        Version::parse_part(&self.texts, start..start + usize::from(row.length)).ok()
    }

    fn get(&self, at: usize) -> Option<VersionRow> {
        let row = self.packed.get(at)?;
        let engines = (row.engines as usize).checked_sub(1);
        Some(VersionRow {
            version: self.version(at)?,
            deprecated: row.deprecated,
            engines_node: engines.map(|place| Arc::clone(&self.engines[place])),
            published: self.published.get(at).copied().flatten(),
        })
    }

    /// How many there are from the lowest on for which `holds`.
    fn count_while(&self, holds: impl Fn(&Version) -> bool) -> usize {
        let (mut low, mut high) = (0, self.packed.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.version(middle) {
                Some(version) if holds(&version) => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }

    fn position(&self, version: &Version) -> Option<usize> {
        let at = self.count_while(|other| other < version);
        (self.version(at)? == *version).then_some(at)
    }
}

impl<'r> FromIterator<&'r VersionRow> for Rows {
    /// Packs versions. The lowest has to come first, and each once.
    fn from_iter<I: IntoIterator<Item = &'r VersionRow>>(rows: I) -> Self {
        let mut texts = String::new();
        let (mut engines, mut known) = (Vec::new(), FxHashMap::<&str, usize>::default());
        let mut packed = Vec::new();
        let mut last: Option<&Version> = None;
        for row in rows {
            debug_assert!(last.is_none_or(|last| *last < row.version), "in order, each once");
            last = Some(&row.version);
            let start = texts.len();
            texts.push_str(row.version.as_str());
            let engines = row.engines_node.as_ref().map(|text| {
                *known.entry(text).or_insert_with(|| {
                    engines.push(Arc::clone(text));
                    engines.len() - 1
                })
            });
            packed.push(PackedRow {
                text: start..texts.len(),
                deprecated: row.deprecated,
                engines,
                published: row.published,
            });
        }
        let has_times = packed.iter().any(|row| row.published.is_some());
        let mut rows = Self::new(&texts, engines, packed.len(), has_times);
        for row in &packed {
            rows.push(row)
                .expect("the texts are at most as long as a document");
        }
        rows
    }
}

impl Versions {
    /// All versions of a package.
    pub fn new(name: PackageName, tags: Vec<(String, String)>, rows: Rows, skipped: Vec<String>) -> Self {
        let mut versions = Self {
            name,
            tags,
            skipped,
            rows,
            latest: None,
        };
        versions.latest = versions.position_of_tag("latest");
        versions
    }

    /// The same package with these versions alone.
    #[must_use]
    pub fn with_rows(&self, rows: Rows) -> Self {
        Self::new(self.name.clone(), self.tags.clone(), rows, self.skipped.clone())
    }

    /// The same where each version was published at this time.
    #[must_use]
    pub fn dated(&self, published: Timestamp) -> Self {
        let mut versions = self.clone();
        versions.rows.published = vec![Some(published); versions.len()];
        versions
    }

    /// Tags and the versions that they point to, as the registry writes them.
    pub fn tags(&self) -> &[(String, String)] {
        &self.tags
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.packed.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.packed.is_empty()
    }

    /// The version at a place, from the lowest on.
    pub fn row(&self, at: usize) -> Option<VersionRow> {
        self.rows.get(at)
    }

    /// The versions, lowest first.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = VersionRow> {
        (0..self.len()).filter_map(|at| self.row(at))
    }

    /// The versions from the lowest on for which `holds`, which it does up to one of them and for none after that.
    pub fn rows_while(
        &self,
        holds: impl Fn(&Version) -> bool,
    ) -> impl DoubleEndedIterator<Item = VersionRow> {
        (0..self.rows.count_while(holds)).filter_map(|at| self.row(at))
    }

    /// The place of a version, if it is there.
    pub fn position(&self, version: &Version) -> Option<usize> {
        self.rows.position(version)
    }

    /// The row of a version, if it is there.
    pub fn find(&self, version: &Version) -> Option<VersionRow> {
        self.row(self.position(version)?)
    }

    /// The version that a tag points to, if it is there.
    pub fn tagged(&self, tag: &str) -> Option<VersionRow> {
        self.row(self.position_of_tag(tag)?)
    }

    /// The version that the tag `latest` points to, if it is there.
    pub fn latest(&self) -> Option<VersionRow> {
        self.row(self.latest?)
    }

    fn position_of_tag(&self, tag: &str) -> Option<usize> {
        let (_, text) = self.tags.iter().find(|(name, _)| name == tag)?;
        self.position(&Version::parse_loose(text).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wharf_core::Ecosystem;

    use super::*;

    fn versions(rows: &[VersionRow], tags: &[(&str, &str)]) -> Versions {
        let tags = tags
            .iter()
            .map(|(tag, version)| ((*tag).to_owned(), (*version).to_owned()));
        let name = PackageName::new(Ecosystem::Npm, "a").unwrap();
        Versions::new(name, tags.collect(), rows.iter().collect(), Vec::new())
    }

    fn row(text: &str, engines: Option<&str>, published: Option<i64>) -> VersionRow {
        VersionRow {
            version: Version::parse(text).unwrap(),
            deprecated: engines.is_some(),
            engines_node: engines.map(Arc::from),
            published: published.map(|second| Timestamp::from_second(second).unwrap()),
        }
    }

    #[test]
    fn rows_come_out_as_they_went_in() {
        let rows = [
            row("1.0.0", None, None),
            row("1.10.0", Some(">=4"), Some(7)),
            row("2.0.0-rc.1+build", Some("*"), None),
            row("2.0.0", Some(">=4"), Some(9)),
        ];
        for count in 0..=rows.len() {
            let versions = versions(&rows[..count], &[]);
            assert!(versions.rows().eq(rows[..count].iter().cloned()), "{count}");
            assert_eq!((versions.len(), versions.row(count)), (count, None));
        }
    }

    #[test]
    fn tags_point_to_versions_that_are_there() {
        let rows = [row("1.0.0", None, None), row("2.0.0", None, None)];
        let versions = versions(
            &rows,
            &[("latest", "v1.0.0"), ("next", "2.0.0"), ("gone", "3.0.0")],
        );
        assert_eq!(versions.latest(), Some(rows[0].clone()));
        let tagged = ["latest", "next", "gone", "none"].map(|tag| versions.tagged(tag));
        assert_eq!(tagged, [Some(rows[0].clone()), Some(rows[1].clone()), None, None]);
        assert_eq!(versions.with_rows(rows[1..].iter().collect()).latest(), None);
    }

    #[test]
    fn what_lies_outside_of_the_texts_is_not_taken() {
        let mut rows = Rows::new("1.0.0", vec!["*".into()], 1, false);
        let packed = |text, engines| PackedRow {
            text,
            deprecated: false,
            engines,
            published: None,
        };
        assert_eq!(rows.push(&packed(0..6, None)), None);
        assert_eq!(rows.push(&packed(0..5, Some(1))), None);
        assert_eq!(rows.push(&packed(0..5, Some(0))), Some(()));
        // What is no version is none of the rows.
        assert_eq!(rows.push(&packed(1..5, None)), Some(()));
        assert_eq!((rows.get(0).is_some(), rows.get(1)), (true, None));
    }

    proptest! {
        #[test]
        fn every_version_is_found_and_no_other(numbers in prop::collection::btree_set((0u64..4, 0u64..4), 0..12), wanted in (0u64..4, 0u64..4)) {
            let version = |(major, minor)| Version::new(major, minor, 0);
            let rows: Vec<_> = numbers.iter().map(|of| row(version(*of).as_str(), None, None)).collect();
            let versions = versions(&rows, &[]);
            let place = numbers.iter().position(|of| *of == wanted);
            prop_assert_eq!(versions.position(&version(wanted)), place);
            prop_assert_eq!(versions.find(&version(wanted)), place.map(|at| rows[at].clone()));
            let lower = numbers.iter().filter(|of| **of < wanted).count();
            prop_assert!(versions.rows_while(|other| *other < version(wanted)).eq(rows[..lower].iter().cloned()));
        }
    }
}
