//! npm's rules behind the seam that all ecosystems share.

use wharf_core::Ecosystem;

use super::semver;
use crate::rules::{Coexistence, IndexShape, InvalidVersion, Rules, Version};

/// npm's rules.
#[derive(Debug)]
pub struct NpmRules;

impl Rules for NpmRules {
    fn ecosystem(&self) -> Ecosystem {
        Ecosystem::Npm
    }

    fn parse_version(&self, text: &str) -> Result<Version, InvalidVersion> {
        let parsed = semver::Version::parse_loose(text).map_err(invalid)?;
        Ok(Version::new(parsed.as_str(), parsed.key()))
    }

    fn satisfies(&self, requirement: &str, version: &str) -> Result<bool, InvalidVersion> {
        let range = semver::Range::parse(requirement).map_err(invalid)?;
        let version = semver::Version::parse_loose(version).map_err(invalid)?;
        Ok(range.satisfies(&version))
    }

    fn coexistence(&self) -> Coexistence {
        Coexistence::Many
    }

    fn provides(&self) -> bool {
        // `replaces` and the like do not exist; aliases are a matter of who asks.
        false
    }

    fn index_shape(&self) -> IndexShape {
        IndexShape::PerPackage
    }
}

fn invalid(error: impl std::fmt::Display) -> InvalidVersion {
    InvalidVersion {
        ecosystem: Ecosystem::Npm,
        reason: error.to_string(),
    }
}
