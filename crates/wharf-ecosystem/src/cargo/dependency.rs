//! One need of a crate: which package, in which versions, from where, with which features, and when.

use std::fmt;
use std::sync::Arc;

use cargo_platform::Platform;
use semver::{Version, VersionReq};

use super::{CrateName, SourceId};

/// One need of a crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The name under which features and code know it; the package's own unless it is renamed.
    pub alias: Arc<str>,
    /// The package.
    pub package: CrateName,
    /// Which versions answer it.
    pub req: Req,
    /// Where the versions are looked for.
    pub source: SourceId,
    /// When it is needed.
    pub kind: DependencyKind,
    /// Whether a feature has to ask for it.
    pub optional: bool,
    /// Whether it asks for the package's feature `default`.
    pub default_features: bool,
    /// The features that it asks for.
    pub features: Vec<Arc<str>>,
    /// For which targets it is needed; `None` for all.
    pub target: Option<Platform>,
}

/// When a dependency is needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DependencyKind {
    /// To build and use the crate.
    #[default]
    Normal,
    /// For the crate's own tests, examples and benches.
    Dev,
    /// For the crate's build script.
    Build,
}

/// Which versions answer a need.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Req {
    /// Every one, pre-releases too: a path or a repository without `version`.
    #[default]
    Any,
    /// Those of a range.
    Range(VersionReq),
}

/// A text that is no range of versions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no range of versions: {reason}")]
pub struct InvalidReq {
    /// What was given.
    pub text: String,
    /// What was wrong.
    pub reason: String,
}

impl Dependency {
    /// A plain need of the newest compatible version from `source`, with default features.
    pub fn new(package: CrateName, req: Req, source: SourceId) -> Self {
        Self {
            alias: package.as_str().into(),
            package,
            req,
            source,
            kind: DependencyKind::Normal,
            optional: false,
            default_features: true,
            features: Vec::new(),
            target: None,
        }
    }

    /// Whether `version` is in the range.
    pub fn accepts(&self, version: &Version) -> bool {
        self.req.matches(version)
    }
}

impl DependencyKind {
    /// The word for it in index lines and commands.
    pub const fn as_str(self) -> &'static str {
        match self {
            DependencyKind::Normal => "normal",
            DependencyKind::Dev => "dev",
            DependencyKind::Build => "build",
        }
    }
}

impl Req {
    /// Reads a range: `1.2`, `^1`, `~1.2`, `=1.2.3`, `>=1, <3`, `*`.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(text: &str) -> Result<Self, InvalidReq> {
        match VersionReq::parse(text) {
            Ok(range) => Ok(Req::Range(range)),
            Err(error) => Err(InvalidReq {
                text: text.to_owned(),
                reason: error.to_string(),
            }),
        }
    }

    /// Exactly this version.
    pub fn exactly(version: &Version) -> Self {
        Req::Range(VersionReq {
            comparators: vec![semver::Comparator {
                op: semver::Op::Exact,
                major: version.major,
                minor: Some(version.minor),
                patch: Some(version.patch),
                pre: version.pre.clone(),
            }],
        })
    }

    /// Whether `version` is in the range.
    pub fn matches(&self, version: &Version) -> bool {
        match self {
            Req::Any => true,
            Req::Range(range) => range.matches(version),
        }
    }
}

impl fmt::Display for Req {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Req::Any => f.write_str("*"),
            Req::Range(range) => range.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let check = |req: &str, version: &str, expected: bool| {
            let version: Version = version.parse().unwrap();
            assert_eq!(
                Req::parse(req).unwrap().matches(&version),
                expected,
                "{req} {version}"
            );
        };
        check("1.2", "1.9.0", true);
        check("1.2", "2.0.0", false);
        check("0.2.3", "0.2.9", true);
        check("0.2.3", "0.3.0", false);
        check("*", "1.0.0", true);
        check("*", "1.0.0-rc.1", false);
        check("1.0.0-rc.1", "1.0.0-rc.2", true);
        check("=1.2.3", "1.2.3+build", true);
        assert!(Req::parse("latest").is_err());
        assert!(Req::Any.matches(&"1.0.0-dev".parse().unwrap()));
    }

    #[test]
    fn exactly_one_version() {
        let version: Version = "1.2.3-rc.1+meta".parse().unwrap();
        let req = Req::exactly(&version);
        assert_eq!(req.to_string(), "=1.2.3-rc.1");
        assert!(req.matches(&version));
        assert!(!req.matches(&"1.2.3".parse().unwrap()));
    }
}
