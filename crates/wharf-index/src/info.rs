//! What people ask about a package: which versions there are, which is the latest for a target, what it says of itself.

use wharf_core::{PackageName, Timestamp};
use wharf_ecosystem::pypi::{CoreMetadata, Tags, Version};

use crate::error::IndexError;
use crate::index::PypiIndex;
use crate::releases::{FileRef, Pick, Releases};

/// A target to judge versions by.
#[derive(Clone, Copy, Debug)]
pub struct Suits<'a> {
    /// The wheels it can use.
    pub tags: &'a Tags,
    /// Its Python, in full.
    pub python: &'a Version,
    /// Files uploaded after this are not considered; those without a time are.
    pub cutoff: Option<Timestamp>,
    /// Whether prereleases are considered where there are final releases.
    pub prereleases: Prereleases,
}

/// Which prereleases are considered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prereleases {
    /// Only where there is no final release.
    #[default]
    WhereNothingElse,
    /// All.
    All,
}

/// The answer to "what is there of this package?".
#[derive(Debug)]
pub struct Info {
    /// The package.
    pub name: PackageName,
    /// Every version, newest first, with what decides about it.
    pub versions: Vec<VersionInfo>,
    /// The newest version that suits the target.
    pub latest: Option<Version>,
    /// What the asked or latest version says of itself.
    pub metadata: Option<CoreMetadata>,
}

/// One version in brief.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionInfo {
    /// Which.
    pub version: Version,
    /// When its first file was uploaded.
    pub uploaded: Option<Timestamp>,
    /// Whether it was withdrawn, and why.
    pub yanked: Option<String>,
    /// Whether something of it can be used on the target.
    pub usable: bool,
}

impl Releases {
    /// The newest version that suits a target: not withdrawn, not too new, with a usable file.
    pub fn latest(&self, suits: Suits<'_>) -> Option<&Version> {
        let fit = self.fit(suits.tags, suits.python);
        let usable = |position: usize| {
            let release = self.get(position)?;
            let pick = fit.best(release, |file| {
                file.yanked().is_none() && in_time(file, suits.cutoff)
            });
            matches!(pick, Pick::Wheel(_) | Pick::Sdist(_)).then(|| release.version())
        };
        let mut prerelease = None;
        for position in 0..self.len() {
            let Some(version) = usable(position) else { continue };
            if suits.prereleases == Prereleases::All || !version.any_prerelease() {
                return Some(version);
            }
            prerelease = prerelease.or(Some(version));
        }
        prerelease
    }
}

fn in_time(file: FileRef<'_>, cutoff: Option<Timestamp>) -> bool {
    match (file.upload_time(), cutoff) {
        (Some(uploaded), Some(cutoff)) => uploaded <= cutoff,
        (None, _) | (_, None) => true,
    }
}

impl PypiIndex {
    /// All that is known of a package, with the metadata of `version` or of the latest one that suits.
    ///
    /// # Errors
    /// Where the package is unknown or its page cannot be had. Metadata that cannot be had is left out.
    pub async fn info(
        &self,
        name: &PackageName,
        version: Option<&Version>,
        suits: Suits<'_>,
    ) -> Result<Info, IndexError> {
        let releases = self.releases(name).await?;
        let fit = releases.fit(suits.tags, suits.python);
        let latest = releases.latest(suits).cloned();
        let brief = |release: crate::releases::ReleaseRef<'_>| {
            let yanked = release.files().all(|file| file.yanked().is_some());
            VersionInfo {
                version: release.version().clone(),
                uploaded: release.files().filter_map(FileRef::upload_time).min(),
                yanked: if yanked {
                    release.files().find_map(FileRef::yanked).map(str::to_owned)
                } else {
                    None
                },
                usable: matches!(fit.best(release, |_| true), Pick::Wheel(_) | Pick::Sdist(_)),
            }
        };
        let shown = version
            .or(latest.as_ref())
            .and_then(|version| releases.find(version));
        // A wheel even where it is for another platform: it says the same and needs no build.
        let file = shown.and_then(|release| release.wheels().next().or_else(|| release.sdist()));
        let metadata = match file.and_then(FileRef::dist) {
            Some(dist) => match self.metadata(&dist).await {
                Ok(metadata) => Some((*metadata).clone()),
                Err(error) => {
                    self.detail(format!("{} has no readable metadata: {error}", dist.label()));
                    None
                }
            },
            None => None,
        };
        Ok(Info {
            name: name.clone(),
            versions: releases.iter().map(brief).collect(),
            latest,
            metadata,
        })
    }
}
