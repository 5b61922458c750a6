//! Package names. Invariant: two names are equal exactly when their ecosystem holds them for the same package.
//!
//! Sources: PyPA "Names and normalization" (PEP 503, PEP 508); npm `package.json` "name"; the cargo book, "The `name`
//! field"; Debian Policy 5.6.1. The system ecosystems share Debian's idea of a name with a wider alphabet.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Ecosystem;

/// A package's name in its ecosystem's normal form. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageName {
    ecosystem: Ecosystem,
    text: Arc<str>,
}

/// A text that cannot name a package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid {ecosystem} package name: {reason}")]
pub struct InvalidName {
    /// The ecosystem whose rule was broken.
    pub ecosystem: Ecosystem,
    /// What was given.
    pub text: String,
    /// The rule, in words.
    pub reason: &'static str,
}

impl PackageName {
    /// Checks `text` by the ecosystem's rule and brings it to normal form.
    ///
    /// # Errors
    /// Where the ecosystem allows no such name.
    pub fn new(ecosystem: Ecosystem, text: &str) -> Result<Self, InvalidName> {
        let checked = match ecosystem {
            Ecosystem::Pypi => normal_pypi(text),
            Ecosystem::Npm => normal_npm(text),
            Ecosystem::Cargo => normal_cargo(text),
            Ecosystem::Deb => normal_deb(text),
            Ecosystem::Apk | Ecosystem::Rpm | Ecosystem::Alpm => normal_system(text),
        };
        match checked {
            Ok(normal) => Ok(Self {
                ecosystem,
                text: normal.into(),
            }),
            Err(reason) => Err(InvalidName {
                ecosystem,
                text: text.to_owned(),
                reason,
            }),
        }
    }

    /// A PyPI name: [`PackageName::new`] with [`Ecosystem::Pypi`].
    ///
    /// # Errors
    /// Where PyPI allows no such name.
    pub fn pypi(text: &str) -> Result<Self, InvalidName> {
        Self::new(Ecosystem::Pypi, text)
    }

    /// The ecosystem that the name belongs to.
    pub fn ecosystem(&self) -> Ecosystem {
        self.ecosystem
    }

    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The normal form as it appears in file names of wheels and `.dist-info` folders: `-` becomes `_`.
    pub fn as_dist_info(&self) -> String {
        self.text.replace('-', "_")
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.ecosystem, self.text)
    }
}

impl Serialize for PackageName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}:{}", self.ecosystem, self.text))
    }
}

impl<'de> Deserialize<'de> for PackageName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let text = String::deserialize(deserializer)?;
        let (ecosystem, name) = text
            .split_once(':')
            .ok_or_else(|| D::Error::custom("expected `ecosystem:name`"))?;
        let ecosystem = ecosystem.parse().map_err(D::Error::custom)?;
        Self::new(ecosystem, name).map_err(D::Error::custom)
    }
}

/// PEP 503: lower case, runs of `-`, `_` and `.` become one `-`; letters and digits at both ends.
fn normal_pypi(text: &str) -> Result<String, &'static str> {
    const RULE: &str = "use letters, digits, `-`, `_` and `.`, with a letter or digit at both ends";
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return Err("it is empty");
    };
    if !first.is_ascii_alphanumeric() || !last.is_ascii_alphanumeric() {
        return Err(RULE);
    }
    let mut normal = String::with_capacity(text.len());
    for byte in bytes {
        match byte {
            b'-' | b'_' | b'.' if normal.ends_with('-') => {}
            b'-' | b'_' | b'.' => normal.push('-'),
            _ if byte.is_ascii_alphanumeric() => normal.push(byte.to_ascii_lowercase().into()),
            _ => return Err(RULE),
        }
    }
    Ok(normal)
}

/// npm keeps letters as they are: old packages differ in case only.
fn normal_npm(text: &str) -> Result<String, &'static str> {
    let bare = match text.strip_prefix('@') {
        Some(scoped) => {
            let (scope, name) = scoped.split_once('/').ok_or("a scoped name is `@scope/name`")?;
            npm_part(scope)?;
            name
        }
        None => text,
    };
    if bare.starts_with('.') || bare.starts_with('_') {
        return Err("it starts with `.` or `_`");
    }
    npm_part(bare)?;
    if text.len() > 214 {
        return Err("it is longer than 214 characters");
    }
    Ok(text.to_owned())
}

fn npm_part(part: &str) -> Result<(), &'static str> {
    if part.is_empty() {
        return Err("it is empty");
    }
    if part == "." || part == ".." {
        return Err("it is a folder's name");
    }
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~!'()*".contains(&byte);
    if part.bytes().all(legal) {
        Ok(())
    } else {
        Err("it has characters that a URL would have to escape")
    }
}

fn normal_cargo(text: &str) -> Result<String, &'static str> {
    let Some(first) = text.bytes().next() else {
        return Err("it is empty");
    };
    if !first.is_ascii_alphabetic() && first != b'_' {
        return Err("it must start with a letter");
    }
    if !text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    {
        return Err("use letters, digits, `-` and `_`");
    }
    if text.len() > 64 {
        return Err("it is longer than 64 characters");
    }
    Ok(text.to_owned())
}

/// Policy 5.6.1 as dpkg has it: it takes underscores too, and upper case for lower case.
fn normal_deb(text: &str) -> Result<String, &'static str> {
    const RULE: &str =
        "use letters, digits, `+`, `-`, `.` and `_`, at least two of them, a letter or digit first";
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte);
    let first_fits = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    if text.len() >= 2 && first_fits && text.bytes().all(legal) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(RULE)
    }
}

fn normal_system(text: &str) -> Result<String, &'static str> {
    const RULE: &str = "use letters, digits, `+`, `-`, `_`, `.` and `@`, not `-` or `.` first";
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"+-_.@".contains(&byte);
    let first_fits = text
        .bytes()
        .next()
        .is_some_and(|byte| byte != b'-' && byte != b'.');
    if first_fits && text.bytes().all(legal) {
        Ok(text.to_owned())
    } else {
        Err(RULE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ecosystem: Ecosystem, text: &str, expected: Option<&str>) {
        let name = PackageName::new(ecosystem, text).ok();
        assert_eq!(
            name.as_ref().map(PackageName::as_str),
            expected,
            "{ecosystem}:{text}"
        );
    }

    #[test]
    fn pypi_names_are_normalised() {
        check(Ecosystem::Pypi, "Friendly-Bard", Some("friendly-bard"));
        check(Ecosystem::Pypi, "FRIENDLY..--__bard", Some("friendly-bard"));
        check(Ecosystem::Pypi, "zope.interface", Some("zope-interface"));
        check(Ecosystem::Pypi, "a", Some("a"));
        for bad in ["", "-a", "a-", "a b", "é", ".", "a/b"] {
            check(Ecosystem::Pypi, bad, None);
        }
    }

    #[test]
    fn npm_names_keep_their_case() {
        check(Ecosystem::Npm, "JSONStream", Some("JSONStream"));
        check(Ecosystem::Npm, "@types/node", Some("@types/node"));
        for bad in ["", "@scope", "@/x", "../x", ".bin", "_x", "a b"] {
            check(Ecosystem::Npm, bad, None);
        }
    }

    #[test]
    fn system_names() {
        check(Ecosystem::Deb, "libstdc++6", Some("libstdc++6"));
        check(Ecosystem::Deb, "g", None);
        check(Ecosystem::Deb, "Nginx", Some("nginx"));
        check(Ecosystem::Deb, "lib_x", Some("lib_x"));
        for bad in ["", "-x", "a/b", "nginx:i386", "..", "a b", "\u{e9}e"] {
            check(Ecosystem::Deb, bad, None);
        }
        check(Ecosystem::Rpm, "NetworkManager", Some("NetworkManager"));
        check(Ecosystem::Cargo, "tokio-util", Some("tokio-util"));
        check(Ecosystem::Cargo, "1st", None);
    }

    #[test]
    fn serde_keeps_the_ecosystem() {
        let name = PackageName::pypi("Django").unwrap();
        let json = serde_json::to_string(&name).unwrap();
        assert_eq!(json, "\"pypi:django\"");
        assert_eq!(serde_json::from_str::<PackageName>(&json).unwrap(), name);
    }
}
