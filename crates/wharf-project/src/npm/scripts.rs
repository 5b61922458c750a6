//! Approved install scripts: `npm:esbuild@0.25.0#sha512-…` in `[policy] scripts`.
//! Invariant: parse∘print is the identity on what `parse` gives.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use wharf_core::{Digest, Ecosystem, PackageName};
use wharf_ecosystem::npm::Version;

/// A package whose install scripts may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptApproval {
    /// The package.
    pub name: PackageName,
    /// The only version, as written; `None` for all.
    pub version: Option<String>,
    /// What its archive must hash to, as written (`sha512-…`); `None` for any.
    pub integrity: Option<String>,
}

/// A text that approves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` approves no package: {reason}")]
pub struct InvalidApproval {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl ScriptApproval {
    /// Whether it speaks for this version of this package, whose archive has these digests.
    pub fn covers(&self, name: &PackageName, version: &str, digests: &[Digest]) -> bool {
        let wanted = self.integrity.as_deref().map(Digest::parse);
        self.name == *name
            && self.version.as_deref().is_none_or(|own| own == version)
            && match wanted {
                None => true,
                Some(Ok(digest)) => digests.contains(&digest),
                Some(Err(_)) => false,
            }
    }
}

impl FromStr for ScriptApproval {
    type Err = InvalidApproval;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |reason: String| InvalidApproval {
            text: text.to_owned(),
            reason,
        };
        let bare = text
            .strip_prefix("npm:")
            .ok_or_else(|| wrong("it must begin with `npm:` or `deb:`".to_owned()))?;
        let (package, integrity) = match bare.split_once('#') {
            Some((package, integrity)) => (package, Some(integrity)),
            None => (bare, None),
        };
        let cut = package.char_indices().skip(1).find(|(_, c)| *c == '@');
        let (name, version) = match cut {
            Some((at, _)) => (&package[..at], Some(&package[at + 1..])),
            None => (package, None),
        };
        let name = PackageName::new(Ecosystem::Npm, name).map_err(|error| wrong(error.to_string()))?;
        if let Some(version) = version {
            Version::parse(version).map_err(|_| wrong(format!("`{version}` is not one version")))?;
        }
        if let Some(integrity) = integrity {
            if version.is_none() {
                return Err(wrong(
                    "a digest belongs to one version: write `npm:NAME@VERSION#sha512-…`".to_owned(),
                ));
            }
            Digest::parse(integrity).map_err(|error| wrong(error.to_string()))?;
        }
        Ok(Self {
            name,
            version: version.map(str::to_owned),
            integrity: integrity.map(str::to_owned),
        })
    }
}

impl fmt::Display for ScriptApproval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "npm:{}", self.name)?;
        if let Some(version) = &self.version {
            write!(f, "@{version}")?;
        }
        match &self.integrity {
            Some(integrity) => write!(f, "#{integrity}"),
            None => Ok(()),
        }
    }
}

impl Serialize for ScriptApproval {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str =
        "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==";

    #[test]
    fn approvals_are_read_and_printed() {
        for text in [
            "npm:esbuild".to_owned(),
            "npm:@swc/core@1.2.3-beta.1".to_owned(),
            format!("npm:@swc/core@1.2.3#{HASH}"),
        ] {
            assert_eq!(text.parse::<ScriptApproval>().unwrap().to_string(), text);
        }
        for (text, reason) in [
            ("esbuild", "it must begin with `npm:`"),
            ("npm:", "it is empty"),
            ("npm:a@^1", "`^1` is not one version"),
            ("npm:a#sha512-xx", "a digest belongs to one version"),
            ("npm:a@1.0.0#sha512-xx", "sha512-xx"),
        ] {
            let error = text.parse::<ScriptApproval>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn what_is_pinned_covers_nothing_else() {
        let name = |text: &str| PackageName::new(Ecosystem::Npm, text).unwrap();
        let digests = [Digest::parse(HASH).unwrap()];
        let check = |text: &str, version: &str, digests: &[Digest], expected: bool| {
            let approval: ScriptApproval = text.parse().unwrap();
            assert_eq!(approval.covers(&name("a"), version, digests), expected, "{text}");
        };
        check("npm:a", "1.0.0", &[], true);
        check("npm:b", "1.0.0", &[], false);
        check("npm:a@1.0.0", "1.0.1", &[], false);
        check(&format!("npm:a@1.0.0#{HASH}"), "1.0.0", &digests, true);
        check(&format!("npm:a@1.0.0#{HASH}"), "1.0.0", &[], false);
    }
}
