//! `dep:generic/libpq@>=15; sys_platform == 'linux'`: how PEP 725 names what is not on PyPI.
//!
//! A name without a version and a marker is an identity that tables are looked up by; `pkg:deb/…` names a Debian package itself.

use std::fmt;
use std::str::FromStr;

use pep508_rs::{MarkerEnvironment, MarkerTree};
use serde::{Serialize, Serializer};

use crate::requirement::parse_marker;

/// Something that is needed of the system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExternalDependency {
    /// The name that tables are looked up by, without `dep:`: `generic/libpq`, `virtual/compiler/c`, `deb/debian/libpq-dev`.
    pub id: String,
    /// The versions that will do, as they are written: `>=15`, `3.0`.
    pub version: Option<String>,
    /// Where it is needed, in normal form.
    pub marker: Option<String>,
}

/// A text that is not such a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names nothing of the system: {reason}")]
pub struct InvalidDependency {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl ExternalDependency {
    /// Whether it is needed on a machine.
    pub fn applies(&self, environment: &MarkerEnvironment) -> bool {
        let marker = self.marker.as_deref().map(parse_marker);
        marker
            .and_then(Result::ok)
            .unwrap_or(MarkerTree::TRUE)
            .evaluate(environment, &[])
    }

    /// The Debian package that it names itself, where it does.
    pub fn deb(&self) -> Option<&str> {
        let name = self.id.strip_prefix("deb/")?;
        Some(name.rsplit('/').next().unwrap_or(name))
    }
}

impl FromStr for ExternalDependency {
    type Err = InvalidDependency;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read(text.trim()).map_err(|reason| InvalidDependency {
            text: text.to_owned(),
            reason,
        })
    }
}

fn read(text: &str) -> Result<ExternalDependency, String> {
    let rest = text
        .strip_prefix("dep:")
        .or_else(|| text.strip_prefix("pkg:"))
        .ok_or("it begins with neither `dep:` nor `pkg:`")?;
    let (rest, marker) = match rest.split_once(';') {
        Some((rest, marker)) => (rest.trim_end(), Some(marker.trim())),
        None => (rest, None),
    };
    if rest.contains(['?', '#']) {
        return Err("qualifiers (`?…`) and subpaths (`#…`) have no meaning here".to_owned());
    }
    let at = rest.find(['@', '<', '>', '=', '!', '~']);
    let (id, version) = at.map_or((rest, ""), |at| rest.split_at(at));
    let version = version.trim_start().strip_prefix('@').unwrap_or(version).trim();
    let marker = marker.map(|text| match parse_marker(text) {
        Ok(marker) => Ok(marker.try_to_string()),
        Err(problem) => Err(problem.reason),
    });
    Ok(ExternalDependency {
        id: identity(id.trim_end())?,
        version: (!version.is_empty()).then(|| version.to_owned()),
        marker: marker.transpose()?.flatten(),
    })
}

/// A name in normal form: the type in small letters, and the rest as well where its type has no case.
fn identity(text: &str) -> Result<String, String> {
    let text = text.trim_matches('/');
    let (kind, name) = text.split_once('/').ok_or("it has no name after its type")?;
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.+/%".contains(c);
    if let Some(wrong) = text.chars().find(|c| !legal(*c)) {
        return Err(format!("`{}` may not stand in it", wrong.escape_debug()));
    }
    if name.split('/').any(str::is_empty) || kind.is_empty() {
        return Err("a part of it is empty".to_owned());
    }
    let kind = kind.to_ascii_lowercase();
    let name = name.to_ascii_lowercase();
    // PEP 725's text has both names for the one compiler.
    let name = if kind == "virtual" && name == "compiler/cpp" {
        "compiler/c++".to_owned()
    } else {
        name
    };
    Ok(format!("{kind}/{name}"))
}

impl fmt::Display for ExternalDependency {
    /// `dep:generic/libpq@>=15`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dep:{}", self.id)?;
        if let Some(version) = &self.version {
            write!(f, "@{version}")?;
        }
        match &self.marker {
            Some(marker) => write!(f, "; {marker}"),
            None => Ok(()),
        }
    }
}

impl Serialize for ExternalDependency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
