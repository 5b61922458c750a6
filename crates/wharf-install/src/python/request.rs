//! What a person can ask for when they name a Python: a version, a range, a command name, a path.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use wharf_ecosystem::pypi::{Version, VersionSpecifiers};

use super::Interpreter;

/// A parsed request for an interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// `3`, `3.12`, `3.12.1`, `3.13t`: the version starts with these numbers.
    Version {
        /// One to three numbers.
        release: Vec<u64>,
        /// A trailing `t`: the free-threaded build.
        free_threaded: bool,
    },
    /// `>=3.10,<3.13`.
    Range(VersionSpecifiers),
    /// A command name: `python3.12`, `pypy3`.
    Name(String),
    /// An executable, or the directory of an installation or environment.
    Path(PathBuf),
}

/// A request that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no Python: {reason}")]
pub struct RequestError {
    /// What was asked.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl FromStr for Request {
    type Err = RequestError;

    fn from_str(text: &str) -> Result<Self, RequestError> {
        let error = |reason: &str| RequestError {
            text: text.to_owned(),
            reason: reason.to_owned(),
        };
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(error("it is empty"));
        }
        if trimmed.contains('\0') {
            return Err(error("it holds a NUL character"));
        }
        if trimmed.contains('/') || trimmed.starts_with('.') || trimmed.contains('\\') {
            return Ok(Self::Path(PathBuf::from(trimmed)));
        }
        let bare = trimmed
            .strip_prefix("cpython-")
            .or_else(|| trimmed.strip_prefix("cpython"))
            .or_else(|| trimmed.strip_prefix("python-"))
            .unwrap_or(trimmed);
        if bare.starts_with(['<', '>', '=', '!', '~']) {
            return VersionSpecifiers::from_str(bare)
                .map(Self::Range)
                .map_err(|source| error(&source.to_string()));
        }
        if bare.starts_with(|first: char| first.is_ascii_digit()) {
            return version(bare).ok_or_else(|| error("it starts like a version and is none"));
        }
        if trimmed
            .chars()
            .all(|each| each.is_ascii_alphanumeric() || "._-+".contains(each))
        {
            return Ok(Self::Name(trimmed.to_owned()));
        }
        Err(error("it is neither a version, nor a command name, nor a path"))
    }
}

/// `3.12`, `3.12.*`, `3.13t`, and full versions such as `3.14.0rc1`, of which only the release counts.
fn version(text: &str) -> Option<Request> {
    let text = text.strip_suffix(".*").unwrap_or(text);
    let (numbers, free_threaded) = match text.strip_suffix('t') {
        Some(numbers) => (numbers, true),
        None => (text, false),
    };
    let version = Version::from_str(numbers).ok()?;
    let release: Vec<u64> = version.release().to_vec();
    // `312` is how some tools write 3.12.
    let release = match release.as_slice() {
        [joined @ 31..=999] if numbers.starts_with('3') => {
            vec![3, numbers[1..].parse().ok().filter(|_| *joined >= 31)?]
        }
        _ => release,
    };
    (!release.is_empty() && release.len() <= 3).then_some(Request::Version {
        release,
        free_threaded,
    })
}

impl Request {
    /// Whether the version of this interpreter is one that was asked for. Names and paths accept any.
    #[must_use]
    pub fn accepts(&self, interpreter: &Interpreter) -> bool {
        match self {
            Self::Version {
                release,
                free_threaded,
            } => {
                *free_threaded == interpreter.gil_disabled
                    && Version::from_str(&interpreter.version).is_ok_and(|found| starts_with(&found, release))
            }
            Self::Range(range) => satisfies(range, &interpreter.version),
            Self::Name(_) | Self::Path(_) => true,
        }
    }

    /// Whether an installation that calls itself by this version could be accepted.
    pub(super) fn could_accept(&self, version: &Version) -> bool {
        match self {
            Self::Version { release, .. } => starts_with(version, release),
            Self::Range(range) => satisfies(range, &version.to_string()),
            Self::Name(_) | Self::Path(_) => true,
        }
    }
}

fn starts_with(version: &Version, release: &[u64]) -> bool {
    let found = version.release().iter().copied().chain(std::iter::repeat(0));
    release
        .iter()
        .copied()
        .zip(found)
        .all(|(wanted, found)| wanted == found)
}

/// Whether a Python version satisfies a range. A prerelease of Python counts as the release it leads to, as it does
/// for `Requires-Python` everywhere.
pub fn satisfies(range: &VersionSpecifiers, version: &str) -> bool {
    let text = version.trim_end_matches('+');
    Version::from_str(text).is_ok_and(|found| range.contains(&found) || range.contains(&found.only_release()))
}

impl fmt::Display for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version {
                release,
                free_threaded,
            } => {
                let numbers: Vec<String> = release.iter().map(u64::to_string).collect();
                write!(
                    formatter,
                    "{}{}",
                    numbers.join("."),
                    if *free_threaded { "t" } else { "" }
                )
            }
            Self::Range(range) => write!(formatter, "{range}"),
            Self::Name(name) => write!(formatter, "{name}"),
            Self::Path(path) => write!(formatter, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_as_people_write_them() {
        let cases = [
            ("3.12", "Version { release: [3, 12], free_threaded: false }"),
            ("3", "Version { release: [3], free_threaded: false }"),
            ("312", "Version { release: [3, 12], free_threaded: false }"),
            ("3.12.1", "Version { release: [3, 12, 1], free_threaded: false }"),
            ("3.12.*", "Version { release: [3, 12], free_threaded: false }"),
            ("3.13t", "Version { release: [3, 13], free_threaded: true }"),
            (
                "cpython-3.11",
                "Version { release: [3, 11], free_threaded: false }",
            ),
            ("python3.12", "Name(\"python3.12\")"),
            ("pypy3.10-7.3.12", "Name(\"pypy3.10-7.3.12\")"),
            ("/usr/bin/python3", "Path(\"/usr/bin/python3\")"),
            ("./env", "Path(\"./env\")"),
        ];
        for (text, expected) in cases {
            assert_eq!(
                format!("{:?}", text.parse::<Request>().unwrap()),
                expected,
                "{text}"
            );
        }
        for text in ["", "  ", "3.12.1.4.5", ">=x", "a b", "3..1", "py\0"] {
            assert!(text.parse::<Request>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_prerelease_python_counts_as_its_release() {
        let range: VersionSpecifiers = ">=3.14".parse().unwrap();
        assert!(satisfies(&range, "3.14.0rc2"));
        assert!(satisfies(&range, "3.14.1+"));
        assert!(!satisfies(&range, "3.13.9"));
    }
}
