//! PyPI's rules behind the seam that all ecosystems share.

use wharf_core::Ecosystem;

use super::version;
use crate::rules::{Coexistence, IndexShape, InvalidVersion, Rules, Version};

/// PyPI's rules.
#[derive(Debug)]
pub struct PypiRules;

impl Rules for PypiRules {
    fn ecosystem(&self) -> Ecosystem {
        Ecosystem::Pypi
    }

    fn parse_version(&self, text: &str) -> Result<Version, InvalidVersion> {
        let parsed = version::parse_version(text).map_err(invalid)?;
        Ok(Version::new(&parsed.to_string(), version::version_key(&parsed)))
    }

    fn satisfies(&self, requirement: &str, version: &str) -> Result<bool, InvalidVersion> {
        let specifiers = version::parse_specifiers(requirement).map_err(invalid)?;
        let parsed = version::parse_version(version).map_err(invalid)?;
        Ok(version::satisfies(&specifiers, &parsed))
    }

    fn coexistence(&self) -> Coexistence {
        Coexistence::One
    }

    fn provides(&self) -> bool {
        // `Provides-Dist` exists on paper; no installer acts on it.
        false
    }

    fn index_shape(&self) -> IndexShape {
        IndexShape::PerPackage
    }
}

fn invalid(error: impl std::fmt::Display) -> InvalidVersion {
    InvalidVersion {
        ecosystem: Ecosystem::Pypi,
        reason: error.to_string(),
    }
}
