//! Approved scripts: `npm:esbuild@0.25.0#sha512-…` and `deb:locales@2.36-9+deb12u13#sha256:…` in `[policy] scripts`.
//! Invariant: parse∘print is the identity on what `parse` gives.

use std::fmt;
use std::str::FromStr;

use wharf_core::{Digest, Ecosystem, PackageName};

use crate::lock::npm::sri;

/// A package whose scripts may run: when it is installed, if it is of npm; while a system root is made, if it is of Debian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptApproval {
    /// The package; one of Debian is meant in any architecture.
    pub name: PackageName,
    /// The only version, as written; `None` for all.
    pub version: Option<String>,
    /// What its archive must hash to; `None` for any.
    pub digest: Option<Digest>,
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
        self.name == *name
            && self.version.as_deref().is_none_or(|own| own == version)
            && self.digest.is_none_or(|own| digests.contains(&own))
    }

    /// Whether a project that has this one needs the older one no more. Several versions of a package of npm stand side by side, of
    /// Debian one.
    pub fn replaces(&self, older: &Self) -> bool {
        let is_alone = self.name.ecosystem() == Ecosystem::Deb;
        self.name == older.name && (is_alone || self.version == older.version)
    }
}

impl FromStr for ScriptApproval {
    type Err = InvalidApproval;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read(text).map_err(|reason| InvalidApproval {
            text: text.to_owned(),
            reason,
        })
    }
}

/// Refuses an entry of `[policy] scripts` that is malformed; one of an ecosystem without approvals is left alone.
///
/// # Errors
/// Where one for npm or Debian, or for no ecosystem at all, is malformed, in words.
pub(crate) fn check(text: &str) -> Result<(), String> {
    let ecosystem = text.split_once(':').and_then(|(word, _)| word.parse().ok());
    match ecosystem {
        None | Some(Ecosystem::Npm | Ecosystem::Deb) => {
            let read = text.parse::<ScriptApproval>();
            read.map(drop).map_err(|error| error.to_string())
        }
        Some(_) => Ok(()),
    }
}

/// Those of one ecosystem among checked entries.
pub(crate) fn of(ecosystem: Ecosystem, entries: &[String]) -> Vec<ScriptApproval> {
    let read = entries
        .iter()
        .filter_map(|text| text.parse::<ScriptApproval>().ok());
    read.filter(|approval| approval.name.ecosystem() == ecosystem)
        .collect()
}

fn read(text: &str) -> Result<ScriptApproval, String> {
    let (ecosystem, bare) = match text.split_once(':') {
        Some(("npm", bare)) => (Ecosystem::Npm, bare),
        Some(("deb", bare)) => (Ecosystem::Deb, bare),
        _ => return Err("it must begin with `npm:` or `deb:`".to_owned()),
    };
    let (package, digest) = match bare.split_once('#') {
        Some((package, digest)) => (package, Some(digest)),
        None => (bare, None),
    };
    // A first `@` belongs to the name: `@swc/core`.
    let cut = package.char_indices().skip(1).find(|(_, c)| *c == '@');
    let (name, version) = match cut {
        Some((at, _)) => (&package[..at], Some(&package[at + 1..])),
        None => (package, None),
    };
    let name = PackageName::new(ecosystem, name).map_err(|error| error.to_string())?;
    if let Some(version) = version.filter(|version| !is_version(ecosystem, version)) {
        return Err(format!("`{version}` is not one version"));
    }
    if digest.is_some() && version.is_none() {
        return Err(format!(
            "a digest belongs to one version: write `{ecosystem}:NAME@VERSION#{}`",
            match ecosystem {
                Ecosystem::Npm => "sha512-…",
                _ => "sha256:…",
            }
        ));
    }
    let digest = digest.map(Digest::parse).transpose();
    Ok(ScriptApproval {
        name,
        version: version.map(str::to_owned),
        digest: digest.map_err(|error| error.to_string())?,
    })
}

fn is_version(ecosystem: Ecosystem, text: &str) -> bool {
    match ecosystem {
        Ecosystem::Npm => wharf_ecosystem::npm::Version::parse(text).is_ok(),
        _ => wharf_deb::version::Version::parse(text).is_ok(),
    }
}

impl fmt::Display for ScriptApproval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ecosystem = self.name.ecosystem();
        write!(f, "{ecosystem}:{}", self.name)?;
        if let Some(version) = &self.version {
            write!(f, "@{version}")?;
        }
        match &self.digest {
            None => Ok(()),
            Some(digest) if ecosystem == Ecosystem::Npm => write!(f, "#{}", sri(digest)),
            Some(digest) => write!(f, "#{digest}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA512: &str =
        "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==";
    const SHA256: &str = "sha256:0707070707070707070707070707070707070707070707070707070707070707";

    #[test]
    fn approvals_are_read_and_printed() {
        for text in [
            "npm:esbuild".to_owned(),
            "npm:@swc/core@1.2.3-beta.1".to_owned(),
            format!("npm:@swc/core@1.2.3#{SHA512}"),
            "deb:locales".to_owned(),
            "deb:gcc-12@1:12.2.0-14+deb12u1~x".to_owned(),
            format!("deb:locales@2.36-9#{SHA256}"),
        ] {
            assert_eq!(text.parse::<ScriptApproval>().unwrap().to_string(), text);
        }
        for (text, reason) in [
            ("esbuild", "it must begin with `npm:` or `deb:`"),
            ("pypi:esbuild", "it must begin with `npm:` or `deb:`"),
            ("npm:", "it is empty"),
            ("npm:a@^1", "`^1` is not one version"),
            ("npm:a#sha512-xx", "write `npm:NAME@VERSION#sha512-…`"),
            ("npm:a@1.0.0#sha512-xx", "xx"),
            ("deb:Locales?", "Locales?"),
            ("deb:aa@", "`` is not one version"),
            ("deb:aa#sha256:xx", "write `deb:NAME@VERSION#sha256:…`"),
            ("deb:aa@1#sha256:xx", "sha256"),
        ] {
            let error = text.parse::<ScriptApproval>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn what_is_pinned_covers_nothing_else() {
        let digests = [SHA256, SHA512].map(|text| Digest::parse(text).unwrap());
        let check = |text: &str, version: &str, digests: &[Digest], expected: bool| {
            let approval: ScriptApproval = text.parse().unwrap();
            let name = PackageName::new(Ecosystem::Npm, "aa").unwrap();
            assert_eq!(
                approval.covers(&name, version, digests),
                expected,
                "{text} {version}"
            );
        };
        check("npm:aa", "1.0.0", &[], true);
        check("npm:bb", "1.0.0", &[], false);
        check("deb:aa", "1.0.0", &[], false);
        check("npm:aa@1.0.0", "1.0.0", &digests, true);
        check("npm:aa@1.0.0", "1.0.1", &digests, false);
        check(&format!("npm:aa@1.0.0#{SHA512}"), "1.0.0", &digests, true);
        check(&format!("npm:aa@1.0.0#{SHA512}"), "1.0.0", &digests[..1], false);
        check(&format!("npm:aa@1.0.0#{SHA512}"), "1.0.0", &[], false);
    }

    #[test]
    fn a_new_approval_replaces_what_no_project_needs_beside_it() {
        for (fresh, older, expected) in [
            ("npm:aa@2.0.0", "npm:aa@2.0.0", true),
            ("npm:aa@2.0.0", "npm:aa@1.0.0", false),
            ("npm:aa@2.0.0", "npm:aa", false),
            ("deb:aa@2", "deb:aa@1", true),
            ("deb:aa@2", "deb:aa", true),
            ("deb:aa@2", "deb:bb@2", false),
            ("deb:aa@2", "npm:aa@2.0.0", false),
        ] {
            let [fresh, older]: [ScriptApproval; 2] = [fresh, older].map(|text| text.parse().unwrap());
            assert_eq!(fresh.replaces(&older), expected, "{fresh} {older}");
        }
    }
}
