//! apt's pins: which versions of which packages are to be preferred. Invariant: pins come in the order of the file, which
//! decides among equals; a malformed stanza costs itself, and is reported. Source: apt_preferences(5).

mod pattern;

use wharf_core::{Explain, Fault};

use crate::deb822::{self, Stanza};
use crate::version::compare;

pub use pattern::{InvalidPattern, Pattern};

/// A pin.
#[derive(Clone, Debug)]
pub struct Pin {
    /// Which packages; never empty.
    pub packages: Vec<PackagePattern>,
    /// Which of their versions.
    pub target: PinTarget,
    /// How much they are preferred: 500 is usual, 1000 and more downgrades, negative ones are never taken.
    pub priority: i16,
    /// The line of its first field, from 1.
    pub line: usize,
}

/// Packages that a pin is for.
#[derive(Clone, Debug)]
pub struct PackagePattern {
    /// `src:`: those made from a source package that is called so.
    pub source: bool,
    /// What they are called.
    pub name: Pattern,
    /// Those of this architecture only: what stands behind a colon.
    pub architecture: Option<String>,
}

/// Versions that a pin is for.
#[derive(Clone, Debug)]
pub enum PinTarget {
    /// `version 5.10*`
    Version(Pattern),
    /// `release a=stable, o=Debian`: all of the conditions hold.
    Release(Vec<ReleaseCondition>),
    /// `origin "example.org"`: from that host; the empty one stands for files of the machine.
    Origin(Pattern),
}

/// A condition on where a version comes from.
#[derive(Clone, Debug)]
pub struct ReleaseCondition {
    /// Of what.
    pub key: ReleaseKey,
    /// What it has to be.
    pub value: Pattern,
}

/// What a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReleaseKey {
    /// `a=`: the suite.
    Suite,
    /// `n=`: the codename.
    Codename,
    /// A word without `=`: the suite or the codename.
    SuiteOrCodename,
    /// `o=`: who publishes it.
    Origin,
    /// `l=`: the label.
    Label,
    /// `c=`: the component.
    Component,
    /// `v=`, or a number without it: the version of the release.
    Version,
    /// `b=`: the architecture.
    Architecture,
}

/// A stanza that is no pin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct InvalidPin {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

impl Explain for InvalidPin {
    fn code(&self) -> &'static str {
        "deb/preferences"
    }

    fn fault(&self) -> Fault {
        Fault::User
    }

    fn hints(&self) -> Vec<String> {
        vec!["apt_preferences(5) has the syntax: `Package: nginx`, `Pin: release a=stable`, `Pin-Priority: 900`".to_owned()]
    }
}

/// Reads a file of preferences.
pub fn parse(bytes: &[u8]) -> Vec<Result<Pin, InvalidPin>> {
    deb822::stanzas(bytes)
        .map(|stanza| match stanza {
            Ok(stanza) => read(&stanza),
            Err(error) => Err(InvalidPin {
                line: error.line,
                reason: error.reason,
            }),
        })
        .collect()
}

fn read(stanza: &Stanza<'_>) -> Result<Pin, InvalidPin> {
    let invalid = |line: usize, reason: String| InvalidPin { line, reason };
    let required = |name: &str| {
        stanza
            .get(name)
            .filter(|field| !field.value.is_empty())
            .ok_or_else(|| invalid(stanza.line(), format!("there is no field `{name}`")))
    };
    let (packages, pin, priority) = (required("Package")?, required("Pin")?, required("Pin-Priority")?);
    let number = priority.text();
    let number: i16 = number.parse().ok().filter(|number| *number != 0).ok_or_else(|| {
        invalid(
            priority.line,
            format!("`{number}` is not a priority: write a number between -32768 and 32767, but 0"),
        )
    })?;
    if std::str::from_utf8(packages.value).is_err() {
        return Err(invalid(packages.line, "`Package` is not UTF-8".to_owned()));
    }
    let names = packages
        .words()
        .map(PackagePattern::parse)
        .collect::<Result<_, _>>()
        .map_err(|error| invalid(packages.line, error.to_string()))?;
    Ok(Pin {
        packages: names,
        target: PinTarget::parse(&pin.text()).map_err(|reason| invalid(pin.line, reason))?,
        priority: number,
        line: stanza.line(),
    })
}

impl PackagePattern {
    fn parse(word: &str) -> Result<Self, InvalidPattern> {
        let (source, word) = match word.strip_prefix("src:") {
            Some(rest) => (true, rest),
            None => (false, word),
        };
        // A colon may be part of a regular expression.
        let (name, architecture) = match word.rsplit_once(':') {
            Some((name, architecture)) if !word.starts_with('/') => (name, Some(architecture.to_owned())),
            Some(_) | None => (word, None),
        };
        Ok(Self {
            source,
            name: Pattern::parse(name)?,
            architecture: architecture.filter(|name| name != "any"),
        })
    }

    /// Whether it is for a package.
    pub fn matches(&self, name: &str, source: &str, architecture: &str) -> bool {
        let here = self
            .architecture
            .as_deref()
            .is_none_or(|wanted| wanted == architecture);
        here && self.name.matches(if self.source { source } else { name })
    }

    /// Whether it is for every package.
    pub fn is_any(&self) -> bool {
        !self.source && self.architecture.is_none() && self.name.is_any()
    }
}

impl PinTarget {
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (kind, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let pattern = |text: &str| Pattern::parse(text).map_err(|error| error.to_string());
        let rest = rest.trim();
        match kind.to_ascii_lowercase().as_str() {
            "version" if rest.is_empty() => Err("`version` names no version".to_owned()),
            "version" => Ok(PinTarget::Version(pattern(rest)?)),
            "origin" => Ok(PinTarget::Origin(pattern(rest.trim_matches('"'))?)),
            "release" if rest.is_empty() => Err("`release` has no condition".to_owned()),
            "release" => Ok(PinTarget::Release(conditions(rest)?)),
            other => Err(format!("`{other}` is none of version, release, origin")),
        }
    }

    /// Whether it is for a version by its number; `None` where that is not what it asks for.
    pub fn matches_version(&self, version: &str) -> Option<bool> {
        match self {
            PinTarget::Version(pattern) => Some(
                pattern.matches(version)
                    || pattern.exact().is_some_and(|text| compare(text, version).is_eq()),
            ),
            PinTarget::Release(_) | PinTarget::Origin(_) => None,
        }
    }
}

fn conditions(text: &str) -> Result<Vec<ReleaseCondition>, String> {
    let pattern = |text: &str| Pattern::parse(text).map_err(|error| error.to_string());
    if !text.contains('=') {
        let key = if text.starts_with(|letter: char| letter.is_ascii_digit()) {
            ReleaseKey::Version
        } else {
            ReleaseKey::SuiteOrCodename
        };
        let value = pattern(text)?;
        return Ok(vec![ReleaseCondition { key, value }]);
    }
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| format!("the condition `{part}` has no `=`"))?;
            Ok(ReleaseCondition {
                key: ReleaseKey::parse(key.trim())
                    .ok_or_else(|| format!("`{}` is none of a, n, o, l, c, v, b", key.trim()))?,
                value: pattern(value.trim().trim_matches('"'))?,
            })
        })
        .collect()
}

impl ReleaseKey {
    fn parse(key: &str) -> Option<Self> {
        Some(match key {
            "a" | "archive" | "suite" => ReleaseKey::Suite,
            "n" | "codename" => ReleaseKey::Codename,
            "o" | "origin" => ReleaseKey::Origin,
            "l" | "label" => ReleaseKey::Label,
            "c" | "component" => ReleaseKey::Component,
            "v" | "version" => ReleaseKey::Version,
            "b" | "architecture" => ReleaseKey::Architecture,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests;
