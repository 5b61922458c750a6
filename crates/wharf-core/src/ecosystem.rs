//! Ecosystems: each a naming scheme, a version order, a requirement syntax, an index and an archive format.
//! Invariant: the set is closed, so that a new ecosystem makes the compiler list every place that has to decide.

use std::fmt;
use std::str::FromStr;

/// Where a package comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ecosystem {
    /// The Python Package Index and indexes like it.
    Pypi,
    /// The npm registry and registries like it.
    Npm,
    /// crates.io and registries like it.
    Cargo,
    /// Debian and Ubuntu packages.
    Deb,
    /// Alpine packages.
    Apk,
    /// RPM packages.
    Rpm,
    /// Arch Linux packages.
    Alpm,
}

impl Ecosystem {
    /// Every ecosystem, in the order in which they are listed to people.
    pub const ALL: [Ecosystem; 7] = [
        Ecosystem::Pypi,
        Ecosystem::Npm,
        Ecosystem::Cargo,
        Ecosystem::Deb,
        Ecosystem::Apk,
        Ecosystem::Rpm,
        Ecosystem::Alpm,
    ];

    /// The word for it, which is also its package-URL type and its table in `wharf.toml`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Ecosystem::Pypi => "pypi",
            Ecosystem::Npm => "npm",
            Ecosystem::Cargo => "cargo",
            Ecosystem::Deb => "deb",
            Ecosystem::Apk => "apk",
            Ecosystem::Rpm => "rpm",
            Ecosystem::Alpm => "alpm",
        }
    }
}

impl fmt::Display for Ecosystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no ecosystem.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an ecosystem (known: pypi, npm, cargo, deb; not yet: apk, rpm, alpm)")]
pub struct UnknownEcosystem(pub String);

impl FromStr for Ecosystem {
    type Err = UnknownEcosystem;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|ecosystem| ecosystem.as_str() == text)
            .ok_or_else(|| UnknownEcosystem(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        for ecosystem in Ecosystem::ALL {
            assert_eq!(ecosystem.as_str().parse(), Ok(ecosystem));
        }
        assert!("PyPI".parse::<Ecosystem>().is_err());
    }
}
