//! Cargo's rules behind the seam that all ecosystems share.

use semver::VersionReq;
use wharf_core::Ecosystem;

use crate::rules::{Coexistence, IndexShape, InvalidVersion, Rules, Version};

/// Cargo's rules.
#[derive(Debug)]
pub struct CargoRules;

impl Rules for CargoRules {
    fn ecosystem(&self) -> Ecosystem {
        Ecosystem::Cargo
    }

    fn parse_version(&self, text: &str) -> Result<Version, InvalidVersion> {
        let parsed = semver::Version::parse(text).map_err(|error| invalid(text, &error))?;
        Ok(Version::new(text, key(&parsed)))
    }

    fn satisfies(&self, requirement: &str, version: &str) -> Result<bool, InvalidVersion> {
        let range = VersionReq::parse(requirement).map_err(|error| invalid(requirement, &error))?;
        let version = semver::Version::parse(version).map_err(|error| invalid(version, &error))?;
        Ok(range.matches(&version))
    }

    fn coexistence(&self) -> Coexistence {
        Coexistence::OnePerCompatibleRange
    }

    fn provides(&self) -> bool {
        false
    }

    fn index_shape(&self) -> IndexShape {
        IndexShape::PerPackage
    }
}

fn invalid(text: &str, error: &semver::Error) -> InvalidVersion {
    InvalidVersion {
        ecosystem: Ecosystem::Cargo,
        reason: format!("`{text}`: {error}"),
    }
}

/// Bytes whose order is that of the versions, build parts included, as the `semver` crate has it.
fn key(version: &semver::Version) -> Vec<u8> {
    let mut key = Vec::with_capacity(40);
    for number in [version.major, version.minor, version.patch] {
        key.extend(number.to_be_bytes());
    }
    match version.pre.as_str() {
        "" => key.push(1),
        pre => {
            key.push(0);
            identifiers(pre, &mut key);
        }
    }
    // Of numbers in build parts that are equal, the one with more leading zeros comes later.
    identifiers(version.build.as_str(), &mut key);
    key
}

/// Identifiers that are separated by dots: numbers before words, numbers by value, words by their bytes, a prefix first.
fn identifiers(text: &str, key: &mut Vec<u8>) {
    for part in text.split('.').filter(|part| !part.is_empty()) {
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            let digits = part.trim_start_matches('0');
            key.push(1);
            key.extend(u32::try_from(digits.len()).unwrap_or(u32::MAX).to_be_bytes());
            key.extend(digits.bytes());
            key.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        } else {
            key.push(2);
            key.extend(part.bytes());
            key.push(0);
        }
    }
    key.push(0);
}
