//! Instants and spans. A cooldown is a *span*: a lock that stored the instant would go stale every day.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use jiff::Timestamp;

/// A span of whole seconds, written `90s`, `15m`, `12h`, `7d`, `2w`, or a sum of them (`1d12h`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

/// A text that is not a span.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a span of time (write for example `12h`, `7d` or `2w`)")]
pub struct InvalidSpan(pub String);

const UNITS: [(char, u64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// A span of so many seconds.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Its length in seconds.
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// The instant that lies this span before `now`; the earliest representable one where the span is longer than that.
    pub fn before(self, now: Timestamp) -> Timestamp {
        i64::try_from(self.0)
            .ok()
            .and_then(|seconds| now.checked_sub(jiff::SignedDuration::from_secs(seconds)).ok())
            .unwrap_or(Timestamp::MIN)
    }
}

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidSpan(text.to_owned());
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(invalid());
        }
        let mut total = 0u64;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(invalid)?;
            let count: u64 = rest[..digits].parse().map_err(|_| invalid())?;
            let unit = rest[digits..].chars().next().ok_or_else(invalid)?;
            let (_, seconds) = UNITS
                .into_iter()
                .find(|(letter, _)| *letter == unit)
                .ok_or_else(invalid)?;
            total = count
                .checked_mul(seconds)
                .and_then(|span| total.checked_add(span))
                .ok_or_else(invalid)?;
            rest = &rest[digits + 1..];
        }
        Ok(Self(total))
    }
}

impl fmt::Display for Span {
    /// The shortest sum of units, weeks left out so that `7d` stays `7d`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0d");
        }
        let mut rest = self.0;
        for (letter, seconds) in UNITS.into_iter().skip(1) {
            if rest >= seconds {
                write!(f, "{}{letter}", rest / seconds)?;
                rest %= seconds;
            }
        }
        Ok(())
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_parse_and_print() {
        for (text, seconds, printed) in [
            ("0d", 0, "0d"),
            ("0s", 0, "0d"),
            ("7d", 604_800, "7d"),
            ("2w", 1_209_600, "14d"),
            ("1d12h", 129_600, "1d12h"),
            ("90s", 90, "1m30s"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!(
                (span.seconds(), span.to_string().as_str()),
                (seconds, printed),
                "{text}"
            );
            assert_eq!(span.to_string().parse(), Ok(span));
        }
        for bad in [
            "",
            "7",
            "d",
            "7y",
            "-1d",
            "1.5d",
            "99999999999999999999d",
            "99999999999999w",
        ] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }

    #[test]
    fn long_spans_reach_the_beginning_of_time() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(
            Span::from_seconds(86_400).before(now).to_string(),
            "2025-12-31T00:00:00Z"
        );
        assert_eq!(Span::from_seconds(u64::MAX).before(now), Timestamp::MIN);
    }
}
