//! Approved maintainer scripts: `deb:locales@2.36-9+deb12u13#sha256:…` in `[policy] scripts`.
//! Invariant: parse∘print is the identity on what `parse` gives.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use wharf_core::{Digest, Ecosystem, PackageName};
use wharf_deb::version::Version;

use crate::npm::scripts::InvalidApproval;

/// A Debian package whose maintainer scripts may run while a system root is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DebApproval {
    /// The package, of any architecture.
    pub name: PackageName,
    /// The only version, as written; `None` for all.
    pub version: Option<String>,
    /// What its archive must hash to; `None` for any.
    pub digest: Option<Digest>,
}

impl DebApproval {
    /// Whether it speaks for this version of this package, whose archive has this digest.
    pub fn covers(&self, name: &PackageName, version: &str, digest: &Digest) -> bool {
        self.name == *name
            && self.version.as_deref().is_none_or(|own| own == version)
            && self.digest.is_none_or(|own| own == *digest)
    }
}

impl FromStr for DebApproval {
    type Err = InvalidApproval;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |reason: String| InvalidApproval {
            text: text.to_owned(),
            reason,
        };
        let bare = text
            .strip_prefix("deb:")
            .ok_or_else(|| wrong("it must begin with `deb:`".to_owned()))?;
        let (package, digest) = match bare.split_once('#') {
            Some((package, digest)) => (package, Some(digest)),
            None => (bare, None),
        };
        let (name, version) = match package.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (package, None),
        };
        let name = PackageName::new(Ecosystem::Deb, name).map_err(|error| wrong(error.to_string()))?;
        if let Some(version) = version {
            Version::parse(version).map_err(|_| wrong(format!("`{version}` is not one version")))?;
        }
        if digest.is_some() && version.is_none() {
            return Err(wrong(
                "a digest belongs to one version: write `deb:NAME@VERSION#sha256:…`".to_owned(),
            ));
        }
        let digest = digest.map(Digest::parse).transpose();
        Ok(Self {
            name,
            version: version.map(str::to_owned),
            digest: digest.map_err(|error| wrong(error.to_string()))?,
        })
    }
}

impl fmt::Display for DebApproval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "deb:{}", self.name)?;
        if let Some(version) = &self.version {
            write!(f, "@{version}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "#{digest}"),
            None => Ok(()),
        }
    }
}

impl Serialize for DebApproval {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "sha256:0707070707070707070707070707070707070707070707070707070707070707";

    #[test]
    fn approvals_are_read_and_printed() {
        for text in [
            "deb:locales".to_owned(),
            "deb:gcc-12@1:12.2.0-14+deb12u1~x".to_owned(),
            format!("deb:locales@2.36-9#{HASH}"),
        ] {
            assert_eq!(text.parse::<DebApproval>().unwrap().to_string(), text);
        }
        for (text, reason) in [
            ("locales", "it must begin with `deb:`"),
            ("deb:Locales?", "Locales?"),
            ("deb:aa@", "`` is not one version"),
            ("deb:aa#sha256:xx", "a digest belongs to one version"),
            ("deb:aa@1#sha256:xx", "sha256"),
        ] {
            let error = text.parse::<DebApproval>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn what_is_pinned_covers_nothing_else() {
        let (digest, other) = (
            Digest::parse(HASH).unwrap(),
            Digest::parse(&HASH.replace('7', "8")).unwrap(),
        );
        let check = |text: &str, version: &str, digest: &Digest, expected: bool| {
            let approval: DebApproval = text.parse().unwrap();
            let name = PackageName::new(Ecosystem::Deb, "aa").unwrap();
            assert_eq!(
                approval.covers(&name, version, digest),
                expected,
                "{text} {version}"
            );
        };
        check("deb:aa", "1", &digest, true);
        check("deb:bb", "1", &digest, false);
        check("deb:aa@1", "1", &other, true);
        check("deb:aa@1", "2", &digest, false);
        check(&format!("deb:aa@1#{HASH}"), "1", &digest, true);
        check(&format!("deb:aa@1#{HASH}"), "1", &other, false);
    }
}
