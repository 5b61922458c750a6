//! What all ecosystems have in common, as one set of pure functions each.
//! Invariant: [`rules`] matches [`Ecosystem`] in full, so that a new ecosystem makes the compiler ask here.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use wharf_core::{Ecosystem, InvalidName, PackageName};

/// The rules of one ecosystem.
pub trait Rules: fmt::Debug + Send + Sync {
    /// The ecosystem.
    fn ecosystem(&self) -> Ecosystem;

    /// Reads a version.
    ///
    /// # Errors
    /// Where the ecosystem has no such version.
    fn parse_version(&self, text: &str) -> Result<Version, InvalidVersion>;

    /// Whether `version` satisfies `requirement`, the part of a requirement after the name (`>=1,<2`).
    ///
    /// # Errors
    /// Where one of the two is malformed.
    fn satisfies(&self, requirement: &str, version: &str) -> Result<bool, InvalidVersion>;

    /// How many versions of one name an environment may hold.
    fn coexistence(&self) -> Coexistence;

    /// Whether a package can be provided by one of another name.
    fn provides(&self) -> bool;

    /// What an index answers for.
    fn index_shape(&self) -> IndexShape;

    /// Reads a name and brings it to its normal form.
    ///
    /// # Errors
    /// Where the ecosystem allows no such name.
    fn parse_name(&self, text: &str) -> Result<PackageName, InvalidName> {
        PackageName::new(self.ecosystem(), text)
    }

    /// Orders two versions of this ecosystem.
    fn compare(&self, a: &Version, b: &Version) -> Ordering {
        a.cmp(b)
    }
}

/// The rules of `ecosystem`; `None` for those that Wharf does not handle yet. Today those are the system packages but Debian's.
pub fn rules(ecosystem: Ecosystem) -> Option<&'static dyn Rules> {
    match ecosystem {
        Ecosystem::Pypi => Some(&crate::pypi::rules::PypiRules),
        Ecosystem::Npm => Some(&crate::npm::rules::NpmRules),
        Ecosystem::Cargo => Some(&crate::cargo::rules::CargoRules),
        Ecosystem::Deb => Some(&crate::deb::rules::DebRules),
        Ecosystem::Apk | Ecosystem::Rpm | Ecosystem::Alpm => None,
    }
}

/// How many versions of one name may stand in one environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coexistence {
    /// One (PyPI, system packages).
    One,
    /// One for each range of compatible versions (cargo).
    OnePerCompatibleRange,
    /// As many as are asked for (npm).
    Many,
}

/// What one document of an index describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IndexShape {
    /// One package: documents are fetched as the solver asks for them.
    PerPackage,
    /// A whole repository, fetched at once.
    WholeRepository,
}

/// A version of any ecosystem: its text, and a key whose byte order is the ecosystem's order of versions.
///
/// Versions of different ecosystems have no meaningful order. Equality is that of the key, so that `1.0` equals `1`
/// where the ecosystem says so.
#[derive(Clone)]
pub struct Version {
    text: Arc<str>,
    key: Arc<[u8]>,
}

impl Version {
    /// A version from its text and its key, for implementations of [`Rules`].
    pub fn new(text: &str, key: Vec<u8>) -> Self {
        Self {
            text: text.into(),
            key: key.into(),
        }
    }

    /// The text as the ecosystem writes it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The key: `a.key() < b.key()` exactly when `a` comes before `b`.
    pub fn key(&self) -> &[u8] {
        &self.key
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl Hash for Version {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A version, or a requirement on versions, that its ecosystem cannot read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{ecosystem}: {reason}")]
pub struct InvalidVersion {
    /// The ecosystem whose rule was broken.
    pub ecosystem: Ecosystem,
    /// What was wrong, naming the text.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_have_rules_today() {
        let with_rules: Vec<_> = Ecosystem::ALL
            .into_iter()
            .filter(|ecosystem| rules(*ecosystem).is_some())
            .collect();
        assert_eq!(
            with_rules,
            [Ecosystem::Pypi, Ecosystem::Npm, Ecosystem::Cargo, Ecosystem::Deb]
        );
    }

    #[test]
    fn pypi_through_the_seam() {
        let pypi = rules(Ecosystem::Pypi).unwrap();
        let version = |text| pypi.parse_version(text).unwrap();
        assert_eq!(
            pypi.parse_name("Zope.Interface").unwrap().as_str(),
            "zope-interface"
        );
        assert_eq!(version("1.0"), version("1"));
        assert_eq!(pypi.compare(&version("1.0rc1"), &version("1.0")), Ordering::Less);
        assert_eq!(pypi.satisfies(">=1,<2", "1.5"), Ok(true));
        assert!(pypi.satisfies(">=1,<2", "latest").is_err());
        assert!(pypi.parse_version("latest").is_err());
        assert_eq!(pypi.coexistence(), Coexistence::One);
    }

    #[test]
    fn npm_through_the_seam() {
        let npm = rules(Ecosystem::Npm).unwrap();
        let version = |text| npm.parse_version(text).unwrap();
        assert_eq!(npm.parse_name("@types/node").unwrap().as_str(), "@types/node");
        assert_eq!(version("v1.0.0"), version("1.0.0"));
        assert_eq!(
            npm.compare(&version("1.0.0-rc.1"), &version("1.0.0")),
            Ordering::Less
        );
        assert_eq!(npm.satisfies("^1.2", "1.5.0"), Ok(true));
        assert_eq!(npm.satisfies("^1.2", "1.5.0-rc.1"), Ok(false));
        assert!(npm.satisfies("latest", "1.0.0").is_err());
        assert!(npm.parse_version("1.0").is_err());
        assert_eq!(npm.coexistence(), Coexistence::Many);
    }

    #[test]
    fn cargo_through_the_seam() {
        let cargo = rules(Ecosystem::Cargo).unwrap();
        let version = |text| cargo.parse_version(text).unwrap();
        assert_eq!(cargo.parse_name("tokio-util").unwrap().as_str(), "tokio-util");
        assert_eq!(
            cargo.compare(&version("1.0.0-rc.9"), &version("1.0.0-rc.10")),
            Ordering::Less
        );
        assert_eq!(cargo.satisfies("1.2", "1.5.0"), Ok(true));
        assert_eq!(cargo.satisfies("1.2", "2.0.0"), Ok(false));
        assert!(cargo.satisfies("latest", "1.0.0").is_err());
        assert!(cargo.parse_version("1.0").is_err());
        assert_eq!(cargo.coexistence(), Coexistence::OnePerCompatibleRange);
    }

    #[test]
    fn deb_through_the_seam() {
        let deb = rules(Ecosystem::Deb).unwrap();
        let version = |text| deb.parse_version(text).unwrap();
        assert_eq!(deb.parse_name("libstdc++6").unwrap().as_str(), "libstdc++6");
        assert_eq!(version("1.0"), version("0:1.0-0"));
        assert_eq!(
            deb.compare(&version("1.0~rc1-1"), &version("1.0-1")),
            Ordering::Less
        );
        assert_eq!(deb.satisfies("(>= 1.2)", "1.10-1"), Ok(true));
        assert_eq!(deb.satisfies("<< 1.10", "1.10-1"), Ok(false));
        assert_eq!(deb.satisfies("", "1"), Ok(true));
        assert!(deb.satisfies("latest", "1.0").is_err());
        assert!(deb.parse_version("1.0-").is_err());
        assert_eq!(deb.coexistence(), Coexistence::One);
        assert!(deb.provides());
    }
}
