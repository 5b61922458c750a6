//! Package URLs, the canonical name of a package everywhere, and their short form for people.
//! Invariant: parse∘print is the identity on what `parse` gives.
//! Source: ECMA-427 (package-url specification) with its type definitions.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::{Ecosystem, PackageName};

/// Everything but what the specification leaves bare.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':');

/// `pkg:pypi/requests@2.32.3`, `pkg:deb/debian/nginx@1.22.1-9?arch=amd64`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageUrl {
    ecosystem: Ecosystem,
    namespace: Vec<String>,
    name: String,
    version: Option<String>,
    qualifiers: BTreeMap<String, String>,
    subpath: Vec<String>,
}

/// A text that is not a package URL of an ecosystem that Wharf knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a package URL: {reason}")]
pub struct InvalidPackageUrl {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl PackageUrl {
    /// The package URL of one version of a package. An npm scope becomes the namespace.
    pub fn of(name: &PackageName, version: Option<&str>) -> Self {
        let (namespace, bare) = match name.as_str().rsplit_once('/') {
            Some((scope, bare)) => (vec![scope.to_owned()], bare),
            None => (Vec::new(), name.as_str()),
        };
        Self {
            ecosystem: name.ecosystem(),
            namespace,
            name: bare.to_owned(),
            version: version.map(str::to_owned),
            qualifiers: BTreeMap::new(),
            subpath: Vec::new(),
        }
    }

    /// The same with a qualifier: `arch`, `distro`.
    #[must_use]
    pub fn with_qualifier(mut self, key: &str, value: &str) -> Self {
        self.qualifiers.insert(key.to_owned(), value.to_owned());
        self
    }

    /// The ecosystem: the URL's type.
    pub fn ecosystem(&self) -> Ecosystem {
        self.ecosystem
    }

    /// The namespace, parts joined by `/`: an npm scope, a distribution.
    pub fn namespace(&self) -> Option<String> {
        (!self.namespace.is_empty()).then(|| self.namespace.join("/"))
    }

    /// The bare name, without namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version, where one is named.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The value of a qualifier.
    pub fn qualifier(&self, key: &str) -> Option<&str> {
        self.qualifiers.get(key).map(String::as_str)
    }

    /// The name for people: `pypi:requests@2.32.3`.
    pub fn short(&self) -> String {
        let scope = match self.ecosystem {
            Ecosystem::Npm => self
                .namespace()
                .map(|scope| format!("{scope}/"))
                .unwrap_or_default(),
            Ecosystem::Pypi
            | Ecosystem::Cargo
            | Ecosystem::Deb
            | Ecosystem::Apk
            | Ecosystem::Rpm
            | Ecosystem::Alpm => String::new(),
        };
        let version = self
            .version
            .as_ref()
            .map(|version| format!("@{version}"))
            .unwrap_or_default();
        format!("{}:{scope}{}{version}", self.ecosystem, self.name)
    }
}

impl fmt::Display for PackageUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pkg:{}", self.ecosystem)?;
        for part in self.namespace.iter().chain([&self.name]) {
            write!(f, "/{}", utf8_percent_encode(part, ESCAPED))?;
        }
        if let Some(version) = &self.version {
            write!(f, "@{}", utf8_percent_encode(version, ESCAPED))?;
        }
        for (index, (key, value)) in self.qualifiers.iter().enumerate() {
            write!(
                f,
                "{}{key}={}",
                if index == 0 { '?' } else { '&' },
                utf8_percent_encode(value, ESCAPED)
            )?;
        }
        for (index, part) in self.subpath.iter().enumerate() {
            write!(
                f,
                "{}{}",
                if index == 0 { '#' } else { '/' },
                utf8_percent_encode(part, ESCAPED)
            )?;
        }
        Ok(())
    }
}

impl FromStr for PackageUrl {
    type Err = InvalidPackageUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map_err(|reason| InvalidPackageUrl {
            text: text.to_owned(),
            reason,
        })
    }
}

fn parse(text: &str) -> Result<PackageUrl, String> {
    let rest = text.strip_prefix("pkg:").ok_or("it does not start with `pkg:`")?;
    let (rest, subpath) = rest
        .rsplit_once('#')
        .map_or((rest, ""), |(rest, subpath)| (rest, subpath));
    let (rest, query) = rest
        .rsplit_once('?')
        .map_or((rest, ""), |(rest, query)| (rest, query));
    let rest = rest.trim_matches('/');
    let (kind, path) = rest.split_once('/').ok_or("it has no name")?;
    let ecosystem: Ecosystem = kind
        .to_ascii_lowercase()
        .parse()
        .map_err(|error: crate::UnknownEcosystem| error.to_string())?;
    // An `@` that starts the path belongs to an npm scope written without escaping.
    let (path, version) = match path.rfind('@') {
        Some(at) if at > 0 && !path[..at].ends_with('/') => (&path[..at], Some(decode(&path[at + 1..])?)),
        Some(_) | None => (path, None),
    };
    let mut parts = path
        .split('/')
        .filter(|part| !part.is_empty())
        .map(decode)
        .collect::<Result<Vec<_>, _>>()?;
    let name = parts.pop().ok_or("it has no name")?;
    if name.is_empty() {
        return Err("it has no name".to_owned());
    }
    let mut qualifiers = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| format!("the qualifier `{pair}` has no value"))?;
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if key.is_empty() || key.as_bytes()[0].is_ascii_digit() || !key.bytes().all(legal) {
            return Err(format!("`{key}` is no qualifier"));
        }
        let value = decode(value)?;
        if !value.is_empty() && qualifiers.insert(key.to_ascii_lowercase(), value).is_some() {
            return Err(format!("the qualifier `{key}` stands twice"));
        }
    }
    let subpath = subpath
        .split('/')
        .filter(|part| !matches!(*part, "" | "." | ".."))
        .map(decode)
        .collect::<Result<Vec<_>, _>>()?;
    let name = match ecosystem {
        Ecosystem::Pypi => PackageName::pypi(&name)
            .map_err(|error| error.to_string())?
            .as_str()
            .to_owned(),
        Ecosystem::Deb => PackageName::new(ecosystem, &name)
            .map_err(|error| error.to_string())?
            .as_str()
            .to_owned(),
        Ecosystem::Apk | Ecosystem::Alpm => name.to_lowercase(),
        Ecosystem::Npm | Ecosystem::Cargo | Ecosystem::Rpm => name,
    };
    let version = version.filter(|version| !version.is_empty());
    let namespace = match ecosystem {
        // The distribution: `debian`, `ubuntu`.
        Ecosystem::Deb | Ecosystem::Apk | Ecosystem::Alpm | Ecosystem::Rpm => {
            parts.iter().map(|part| part.to_lowercase()).collect()
        }
        Ecosystem::Pypi | Ecosystem::Npm | Ecosystem::Cargo => parts,
    };
    Ok(PackageUrl {
        ecosystem,
        namespace,
        name,
        version,
        qualifiers,
        subpath,
    })
}

fn decode(part: &str) -> Result<String, String> {
    percent_decode_str(part)
        .decode_utf8()
        .map(|text| text.into_owned())
        .map_err(|_| format!("`{part}` is not UTF-8"))
}

/// A requirement as people type it: `pypi:uvicorn[standard]>=0.30`, `npm:@types/node@^22`, `deb:nginx (>= 1.22)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortRequirement {
    /// Which ecosystem.
    pub ecosystem: Ecosystem,
    /// The name, checked and normalised.
    pub name: PackageName,
    /// The whole requirement in the ecosystem's own syntax, as it stood after the colon.
    pub text: String,
}

/// A text that is not a requirement's short form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidShortRequirement {
    /// No ecosystem stands before the colon.
    #[error("`{0}` does not say which ecosystem it is from")]
    NoEcosystem(String),
    /// The word before the colon is no ecosystem.
    #[error(transparent)]
    UnknownEcosystem(#[from] crate::UnknownEcosystem),
    /// The name breaks the ecosystem's rule.
    #[error(transparent)]
    InvalidName(#[from] crate::InvalidName),
}

impl ShortRequirement {
    /// Reads `ecosystem:requirement`.
    ///
    /// # Errors
    /// Where the ecosystem is missing or unknown, or the name is malformed.
    pub fn parse(text: &str) -> Result<Self, InvalidShortRequirement> {
        let text = text.trim();
        let (ecosystem, rest) = text
            .split_once(':')
            .ok_or_else(|| InvalidShortRequirement::NoEcosystem(text.to_owned()))?;
        let ecosystem: Ecosystem = ecosystem.parse()?;
        let rest = rest.trim();
        let name = PackageName::new(ecosystem, name_part(ecosystem, rest))?;
        Ok(Self {
            ecosystem,
            name,
            text: rest.to_owned(),
        })
    }
}

/// The leading name in an ecosystem's requirement.
fn name_part(ecosystem: Ecosystem, requirement: &str) -> &str {
    let end = match ecosystem {
        Ecosystem::Pypi => requirement.find(|c: char| " \t[(<>=!~;@,".contains(c)),
        Ecosystem::Npm => requirement
            .char_indices()
            .skip(1)
            .find(|(_, c)| *c == '@')
            .map(|(at, _)| at),
        Ecosystem::Cargo => requirement.find(['@', ' ']),
        // What may follow: a condition, an architecture, apt's `=version` and `/suite`, our `@version`, an alternative.
        Ecosystem::Deb => requirement.find([' ', '\t', '(', '[', ':', '=', '@', '/', '<', '>', '|']),
        Ecosystem::Apk | Ecosystem::Rpm | Ecosystem::Alpm => requirement.find([' ', '<', '>', '=', '~']),
    };
    end.map_or(requirement, |end| &requirement[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_urls_parse_and_print() {
        for text in [
            "pkg:pypi/requests@2.32.3",
            "pkg:npm/%40types/node@22.1.0",
            "pkg:cargo/ripgrep@14.1.1",
            "pkg:deb/debian/nginx@1.22.1-9?arch=amd64",
            "pkg:rpm/fedora/curl@7.50.3-1.fc25?arch=i386&distro=fedora-25",
            "pkg:pypi/torch@2.0.0%2Bcpu",
            "pkg:deb/debian/libstdc%2B%2B6@1:2.3",
            "pkg:pypi/django#docs/intro",
        ] {
            assert_eq!(text.parse::<PackageUrl>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn package_urls_are_normalised() {
        for (text, printed) in [
            ("pkg:PYPI/Django_allauth@12.23", "pkg:pypi/django-allauth@12.23"),
            ("pkg://pypi/six", "pkg:pypi/six"),
            (
                "pkg:deb/Debian/Nginx?arch=&distro=bookworm",
                "pkg:deb/debian/nginx?distro=bookworm",
            ),
            ("pkg:npm/@types/node", "pkg:npm/%40types/node"),
        ] {
            assert_eq!(text.parse::<PackageUrl>().unwrap().to_string(), printed, "{text}");
        }
        for bad in [
            "",
            "pypi/six",
            "pkg:pypi",
            "pkg:pypi/",
            "pkg:golang/x",
            "pkg:pypi/six?=1",
            "pkg:deb/debian/..",
            "pkg:deb/debian/a%20b",
            "pkg:pypi/six?a=1&a=2",
        ] {
            assert!(bad.parse::<PackageUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn short_forms() {
        for (text, name, rest) in [
            ("pypi:fastapi", "fastapi", "fastapi"),
            (
                "pypi:uvicorn[standard]>=0.30",
                "uvicorn",
                "uvicorn[standard]>=0.30",
            ),
            (
                "pypi:Foo_Bar @ https://example.org/x.whl",
                "foo-bar",
                "Foo_Bar @ https://example.org/x.whl",
            ),
            ("npm:@types/node@^22", "@types/node", "@types/node@^22"),
            ("npm:vite@^7", "vite", "vite@^7"),
            ("cargo:ripgrep@14", "ripgrep", "ripgrep@14"),
            ("deb:libpq-dev (>= 15)", "libpq-dev", "libpq-dev (>= 15)"),
            ("deb:libstdc++6:i386", "libstdc++6", "libstdc++6:i386"),
            ("deb:nginx=1.22.1-9", "nginx", "nginx=1.22.1-9"),
            ("deb:nginx@1.22.1-9", "nginx", "nginx@1.22.1-9"),
            (
                "deb:Nginx/bookworm-backports",
                "nginx",
                "Nginx/bookworm-backports",
            ),
            ("deb:nginx>=1.22", "nginx", "nginx>=1.22"),
            ("deb:exim4|postfix", "exim4", "exim4|postfix"),
        ] {
            let short = ShortRequirement::parse(text).unwrap();
            assert_eq!((short.name.as_str(), short.text.as_str()), (name, rest));
        }
        assert!(matches!(
            ShortRequirement::parse("fastapi"),
            Err(InvalidShortRequirement::NoEcosystem(_))
        ));
        assert!(matches!(
            ShortRequirement::parse("gem:rails"),
            Err(InvalidShortRequirement::UnknownEcosystem(_))
        ));
        let name = PackageName::new(Ecosystem::Npm, "@types/node").unwrap();
        assert_eq!(
            PackageUrl::of(&name, Some("22.1.0")).short(),
            "npm:@types/node@22.1.0"
        );
    }
}
