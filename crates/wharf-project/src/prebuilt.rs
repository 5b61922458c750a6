//! Prebuilt commands of crates: whether a project takes them, and what the product knows of where they are.
//!
//! Invariant: the table names packages, never versions, hashes or commands: those are what registries and manifests say.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use wharf_core::{Ecosystem, PackageName};
use wharf_ecosystem::cargo::binstall::CodeHost;

use crate::index::words;

/// Whether commands of crates may come prebuilt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrebuiltPolicy {
    /// Where they are verified; what is not is built.
    #[default]
    Verified,
    /// Never: every command is built on this machine.
    Never,
}

words!(PrebuiltPolicy { Verified = "verified", Never = "never" });

/// The hosts whose releases are known.
#[must_use]
pub fn code_hosts() -> &'static [CodeHost] {
    #[derive(Deserialize)]
    struct Defaults {
        #[serde(rename = "code-host")]
        hosts: Vec<CodeHost>,
    }
    static HOSTS: OnceLock<Vec<CodeHost>> = OnceLock::new();
    HOSTS.get_or_init(|| {
        let defaults: Defaults = toml::from_str(include_str!("../data/defaults.toml"))
            .expect("the built-in defaults are valid TOML with hosts of code");
        defaults.hosts
    })
}

/// The package of another registry in which the same project publishes the commands of a crate.
#[must_use]
pub fn platform_package(name: &str) -> Option<&'static PackageName> {
    platform_packages().get(name)
}

/// All of them, by the crate's name.
fn platform_packages() -> &'static BTreeMap<String, PackageName> {
    #[derive(Deserialize)]
    struct Table {
        package: BTreeMap<String, String>,
    }
    static PACKAGES: OnceLock<BTreeMap<String, PackageName>> = OnceLock::new();
    PACKAGES.get_or_init(|| {
        let table: Table =
            toml::from_str(include_str!("../data/prebuilt.toml")).expect("the built-in table is valid TOML");
        let read = |(name, package): (String, String)| {
            let (ecosystem, package) = package.split_once(':')?;
            let ecosystem: Ecosystem = ecosystem.parse().ok()?;
            Some((name, PackageName::new(ecosystem, package).ok()?))
        };
        let entries = table.package.into_iter().map(read);
        entries
            .collect::<Option<_>>()
            .expect("every entry of the built-in table names a package")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_data_is_sound() {
        assert!(code_hosts().iter().all(|host| !host.paths.is_empty()));
        for (name, package) in platform_packages() {
            assert!(wharf_ecosystem::cargo::crate_name(name).is_ok(), "{name}");
            assert_ne!(
                package.ecosystem(),
                Ecosystem::Cargo,
                "{name} is in its own registry anyway"
            );
        }
        let typos = platform_package("typos-cli").expect("it is in the table");
        assert_eq!((typos.ecosystem(), typos.as_str()), (Ecosystem::Pypi, "typos"));
        assert_eq!(platform_package("just"), None);
    }
}
