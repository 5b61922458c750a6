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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version() -> impl Strategy<Value = semver::Version> {
        let number = || prop::sample::select(vec![0_u64, 1, 2, 9, 10, 99, 100, u64::MAX]);
        let pre = prop::sample::select(vec![
            "", "0", "1", "10", "9", "a", "a.1", "a.1.b", "a.b", "rc", "rc.10", "rc.9", "-",
        ]);
        let build = prop::sample::select(vec!["", "0", "00", "1", "01", "001", "10", "a", "a.1", "a.01"]);
        (number(), number(), number(), pre, build).prop_map(|(major, minor, patch, pre, build)| {
            semver::Version {
                major,
                minor,
                patch,
                pre: semver::Prerelease::new(pre).unwrap(),
                build: semver::BuildMetadata::new(build).unwrap(),
            }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn keys_are_in_the_order_of_versions(a in version(), b in version()) {
            prop_assert_eq!(key(&a).cmp(&key(&b)), a.cmp(&b), "{} {}", a, b);
        }
    }
}
