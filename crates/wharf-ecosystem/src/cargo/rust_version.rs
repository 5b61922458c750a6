//! The compiler that a crate asks for: `1`, `1.85` or `1.85.1`, without pre-release or build parts.
//! Source: the cargo book, "The rust-version field".

use std::fmt;
use std::str::FromStr;

/// A crate's `rust-version`, or the version of a compiler that may build it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RustVersion {
    /// The first number.
    pub major: u64,
    /// The second number, where it is written.
    pub minor: Option<u64>,
    /// The third number, where it is written.
    pub patch: Option<u64>,
}

/// A text that is no `rust-version`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no rust-version: write one to three numbers such as `1.85`")]
pub struct InvalidRustVersion(pub String);

impl RustVersion {
    /// Whether a crate that asks for `self` can be built by `compiler`. Missing numbers of the compiler count as zero.
    pub fn fits(&self, compiler: RustVersion) -> bool {
        self.major == compiler.major
            && (self.minor.unwrap_or(0), self.patch.unwrap_or(0))
                <= (compiler.minor.unwrap_or(0), compiler.patch.unwrap_or(0))
    }
}

impl FromStr for RustVersion {
    type Err = InvalidRustVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidRustVersion(text.to_owned());
        let mut parts = text.splitn(3, '.').map(number);
        let version = RustVersion {
            major: parts.next().flatten().ok_or_else(invalid)?,
            minor: parts.next().map(|part| part.ok_or_else(invalid)).transpose()?,
            patch: parts.next().map(|part| part.ok_or_else(invalid)).transpose()?,
        };
        Ok(version)
    }
}

/// A number without leading zeros or signs.
fn number(text: &str) -> Option<u64> {
    let leading_zero = text.len() > 1 && text.starts_with('0');
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits && !leading_zero).then(|| text.parse().ok())?
}

impl fmt::Display for RustVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.major)?;
        if let Some(minor) = self.minor {
            write!(f, ".{minor}")?;
        }
        if let Some(patch) = self.patch {
            write!(f, ".{patch}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written() {
        for text in ["1", "1.85", "1.85.1", "0.1"] {
            assert_eq!(text.parse::<RustVersion>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "1.",
            "^1.56",
            "1.56-nightly",
            "1.56.0+x",
            "01",
            "1.2.3.4",
            "+1",
        ] {
            assert!(text.parse::<RustVersion>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_fits() {
        let check = |asked: &str, compiler: &str, expected: bool| {
            let asked: RustVersion = asked.parse().unwrap();
            assert_eq!(
                asked.fits(compiler.parse().unwrap()),
                expected,
                "{asked} {compiler}"
            );
        };
        check("1.85", "1.85.0", true);
        check("1.85", "1.85", true);
        check("1.85.1", "1.85", false);
        check("1.85.1", "1.86", true);
        check("1", "1.0.0", true);
        check("1.86", "1.85.9", false);
        check("2.0", "1.85", false);
    }
}
