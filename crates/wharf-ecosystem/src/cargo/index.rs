//! The lines of a registry's index: one JSON object for each version of a crate.
//!
//! Most versions are looked at and never taken, so [`scan_line`] reads just what choosing needs and [`parse_line`] the whole.
//! Invariant: what is wrong with one line costs that version only; fields that are not known are passed over.
//! Source: the cargo book, "Index Format".

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use semver::Version;
use serde::Deserialize;
use wharf_core::{Algorithm, Digest, InvalidName, Timestamp};

use super::dependency::InvalidReq;
use super::features::{FeatureValue, feature_map};
use super::rust_version::InvalidRustVersion;
use super::source::InvalidSource;
use super::versions::VersionRow;
use super::{Dependency, DependencyKind, InvalidFeatures, Req, SourceId, Summary, crate_name};

/// The newest form of lines that is understood.
const NEWEST_FORM: u32 = 2;

/// A line that describes no version that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLine {
    /// It is not JSON, or a field is missing or of the wrong type.
    #[error("{0}")]
    Malformed(String),
    /// It is written for newer tools.
    #[error("it has the form {0}, and the newest that is understood is {NEWEST_FORM}")]
    Newer(u32),
    /// A name is none.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// A range is none.
    #[error("{dependency}: {reason}")]
    Req {
        /// The dependency.
        dependency: String,
        /// Why.
        reason: InvalidReq,
    },
    /// A target is none.
    #[error("{dependency}: `{target}` is no target")]
    Target {
        /// The dependency.
        dependency: String,
        /// As written.
        target: String,
    },
    /// A registry is no URL.
    #[error(transparent)]
    Source(#[from] InvalidSource),
    /// The checksum is no SHA-256.
    #[error("`{0}` is no checksum")]
    Checksum(String),
    /// The compiler's version is none.
    #[error(transparent)]
    RustVersion(#[from] InvalidRustVersion),
    /// The time is none.
    #[error("`{0}` is no time of publication")]
    Published(String),
    /// The features contradict each other.
    #[error(transparent)]
    Features(#[from] InvalidFeatures),
}

/// Reads a line of the index of `source`.
///
/// # Errors
/// Where it describes no version that can be used.
pub fn parse_line(line: &[u8], source: &SourceId) -> Result<Summary, InvalidLine> {
    let line: Line<'_> = serde_json::from_slice(line).map_err(malformed)?;
    understood(line.v)?;
    let dependencies = line
        .deps
        .into_iter()
        .map(|dependency| dependency.read(source))
        .collect::<Result<Vec<_>, _>>()?;
    let tables = line.features.iter().chain(line.features2.iter().flatten());
    let table = tables.map(|(name, values)| {
        let values = values.iter().map(|value| FeatureValue::parse(value));
        (&**name, values.collect())
    });
    Ok(Summary {
        name: crate_name(&line.name)?,
        version: line.vers,
        source: source.clone(),
        features: feature_map(table, &dependencies)?,
        dependencies,
        checksum: Some(checksum(&line.cksum)?),
        links: line.links.as_deref().map(Into::into),
        rust_version: line.rust_version.as_deref().map(str::parse).transpose()?,
        yanked: line.yanked.unwrap_or(false),
        published: line.pubtime.as_deref().map(time).transpose()?,
    })
}

/// Reads of a line just what choosing a version needs. What it passes over may still make [`parse_line`] refuse the line.
///
/// # Errors
/// Where the line is not JSON, or for newer tools.
pub fn scan_line(line: &[u8]) -> Result<VersionRow, InvalidLine> {
    let line: Glance<'_> = serde_json::from_slice(line).map_err(malformed)?;
    understood(line.v)?;
    Ok(VersionRow {
        version: line.vers,
        yanked: line.yanked.unwrap_or(false),
        rust_version: line.rust_version.as_deref().map(str::parse).transpose()?,
        published: line.pubtime.as_deref().map(time).transpose()?,
        span: 0..0,
    })
}

/// Where an index keeps the lines of a crate, relative to its root: `1/a`, `2/ab`, `3/a/abc`, `se/rd/serde`; in lower case.
pub fn path_in_index(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    match name.len() {
        0..=2 => format!("{}/{name}", name.len()),
        3 => format!("3/{}/{name}", &name[..1]),
        _ => format!("{}/{}/{name}", &name[..2], &name[2..4]),
    }
}

fn malformed(error: serde_json::Error) -> InvalidLine {
    InvalidLine::Malformed(error.to_string())
}

fn understood(form: Option<u32>) -> Result<(), InvalidLine> {
    match form {
        Some(form) if form > NEWEST_FORM => Err(InvalidLine::Newer(form)),
        _ => Ok(()),
    }
}

fn checksum(text: &str) -> Result<Digest, InvalidLine> {
    Digest::from_hex(Algorithm::Sha256, text).map_err(|_| InvalidLine::Checksum(text.to_owned()))
}

fn time(text: &str) -> Result<Timestamp, InvalidLine> {
    text.parse().map_err(|_| InvalidLine::Published(text.to_owned()))
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    vers: Version,
    #[serde(borrow)]
    deps: Vec<LineDependency<'a>>,
    #[serde(borrow, default)]
    features: Table<'a>,
    #[serde(borrow)]
    features2: Option<Table<'a>>,
    #[serde(borrow)]
    cksum: Cow<'a, str>,
    yanked: Option<bool>,
    #[serde(borrow)]
    links: Option<Cow<'a, str>>,
    #[serde(borrow)]
    rust_version: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pubtime: Option<Cow<'a, str>>,
    v: Option<u32>,
}

type Table<'a> = BTreeMap<Cow<'a, str>, Vec<Cow<'a, str>>>;

#[derive(Deserialize)]
struct LineDependency<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    req: Cow<'a, str>,
    #[serde(borrow, default)]
    features: Vec<Cow<'a, str>>,
    #[serde(default)]
    optional: bool,
    #[serde(default = "yes")]
    default_features: bool,
    #[serde(borrow)]
    target: Option<Cow<'a, str>>,
    #[serde(borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    registry: Option<Cow<'a, str>>,
    #[serde(borrow)]
    package: Option<Cow<'a, str>>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct Glance<'a> {
    vers: Version,
    yanked: Option<bool>,
    #[serde(borrow)]
    rust_version: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pubtime: Option<Cow<'a, str>>,
    v: Option<u32>,
}

impl LineDependency<'_> {
    fn read(self, index: &SourceId) -> Result<Dependency, InvalidLine> {
        let req = Req::parse(&self.req).map_err(|reason| InvalidLine::Req {
            dependency: self.name.clone().into_owned(),
            reason,
        })?;
        let target = match &self.target {
            Some(target) => Some(target.parse().map_err(|_| InvalidLine::Target {
                dependency: self.name.clone().into_owned(),
                target: target.clone().into_owned(),
            })?),
            None => None,
        };
        // Old entries ask for the feature "", which means nothing.
        let features = self.features.iter().filter(|feature| !feature.is_empty());
        Ok(Dependency {
            package: crate_name(self.package.as_deref().unwrap_or(&self.name))?,
            features: features.map(|feature| Arc::from(&**feature)).collect(),
            alias: Arc::from(&*self.name),
            req,
            source: match &self.registry {
                Some(url) => SourceId::registry(url)?,
                None => index.clone(),
            },
            kind: match self.kind.as_deref() {
                Some("dev") => DependencyKind::Dev,
                Some("build") => DependencyKind::Build,
                _ => DependencyKind::Normal,
            },
            optional: self.optional,
            default_features: self.default_features,
            target,
        })
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
