//! Debian's rules behind the seam that all ecosystems share.

use wharf_core::Ecosystem;

use super::constraint::Constraint;
use super::version::{InvalidDebVersion, Version as DebVersion};
use crate::rules::{Coexistence, IndexShape, InvalidVersion, Rules, Version};

/// Debian's rules.
#[derive(Debug)]
pub struct DebRules;

impl Rules for DebRules {
    fn ecosystem(&self) -> Ecosystem {
        Ecosystem::Deb
    }

    fn parse_version(&self, text: &str) -> Result<Version, InvalidVersion> {
        let parsed = read(text)?;
        Ok(Version::new(parsed.as_str(), parsed.key()))
    }

    /// A requirement is a condition such as `(>= 1.2)`; an empty one takes every version.
    fn satisfies(&self, requirement: &str, version: &str) -> Result<bool, InvalidVersion> {
        let version = read(version)?;
        if requirement.trim().is_empty() {
            return Ok(true);
        }
        let constraint: Constraint = requirement.parse().map_err(|error| invalid(&error))?;
        Ok(constraint.holds(&version))
    }

    fn coexistence(&self) -> Coexistence {
        Coexistence::One
    }

    fn provides(&self) -> bool {
        true
    }

    fn index_shape(&self) -> IndexShape {
        IndexShape::WholeRepository
    }
}

fn read(text: &str) -> Result<DebVersion, InvalidVersion> {
    DebVersion::parse(text).map_err(|error: InvalidDebVersion| invalid(&error))
}

fn invalid(error: &dyn std::error::Error) -> InvalidVersion {
    InvalidVersion {
        ecosystem: Ecosystem::Deb,
        reason: error.to_string(),
    }
}
