//! Conditions on versions, as they stand in relations: `>= 1.2`. Source: Debian Policy 7.1.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use super::version::{InvalidDebVersion, Version, compare};

/// How two versions have to lie to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// `<<`
    Less,
    /// `<=`, and the old `<`
    LessEqual,
    /// `=`
    Equal,
    /// `>=`, and the old `>`
    GreaterEqual,
    /// `>>`
    Greater,
}

impl Operator {
    /// As it is written today.
    pub const fn as_str(self) -> &'static str {
        match self {
            Operator::Less => "<<",
            Operator::LessEqual => "<=",
            Operator::Equal => "=",
            Operator::GreaterEqual => ">=",
            Operator::Greater => ">>",
        }
    }

    /// Takes an operator from the start of a text.
    pub fn strip(text: &str) -> Option<(Self, &str)> {
        // The old `<` and `>` mean "or equal", and come last since they begin the others.
        const WRITTEN: [(&str, Operator); 7] = [
            ("<<", Operator::Less),
            ("<=", Operator::LessEqual),
            (">>", Operator::Greater),
            (">=", Operator::GreaterEqual),
            ("=", Operator::Equal),
            ("<", Operator::LessEqual),
            (">", Operator::GreaterEqual),
        ];
        WRITTEN
            .into_iter()
            .find_map(|(written, operator)| text.strip_prefix(written).map(|rest| (operator, rest)))
    }

    /// Whether a version that lies so to the one of the condition meets it.
    pub const fn accepts(self, order: Ordering) -> bool {
        match self {
            Operator::Less => order.is_lt(),
            Operator::LessEqual => order.is_le(),
            Operator::Equal => order.is_eq(),
            Operator::GreaterEqual => order.is_ge(),
            Operator::Greater => order.is_gt(),
        }
    }

    /// Whether `version` meets the condition of this operator with `bound`.
    pub fn holds(self, version: &str, bound: &str) -> bool {
        self.accepts(compare(version, bound))
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A condition on a version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Constraint {
    /// How the version has to lie.
    pub operator: Operator,
    /// To which other.
    pub version: Version,
}

/// A text that is not a condition on versions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConstraint {
    /// No operator stands first.
    #[error("`{0}` is no condition on a version: write for example `>= 1.2`")]
    NoOperator(String),
    /// What follows is not a version.
    #[error(transparent)]
    Version(#[from] InvalidDebVersion),
}

impl Constraint {
    /// Whether a version meets the condition.
    pub fn holds(&self, version: &Version) -> bool {
        self.operator.accepts(version.cmp(&self.version))
    }
}

impl FromStr for Constraint {
    type Err = InvalidConstraint;

    /// Reads `>= 1.2`, in parentheses or not.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let trimmed = text.trim();
        let bare = trimmed
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'))
            .unwrap_or(trimmed)
            .trim();
        let (operator, rest) =
            Operator::strip(bare).ok_or_else(|| InvalidConstraint::NoOperator(trimmed.to_owned()))?;
        Ok(Self {
            operator,
            version: Version::parse(rest.trim())?,
        })
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.operator, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_hold() {
        for (condition, version, expected) in [
            (">= 1.2", "1.2", true),
            (">= 1.2", "1.2~rc1", false),
            ("(<< 2)", "1.9", true),
            ("(<<2)", "2", false),
            ("<= 2", "2-0", true),
            ("= 1.0", "1.0-0", true),
            (">> 1.0", "1.0-1", true),
            ("> 1.0", "1.0", true),
            ("< 1.0", "1.0", true),
            (">=1:1", "2", false),
        ] {
            let constraint: Constraint = condition.parse().unwrap();
            let version = Version::parse(version).unwrap();
            assert_eq!(constraint.holds(&version), expected, "{version} {condition}");
        }
    }

    #[test]
    fn conditions_print_as_they_are_written_today() {
        for (text, printed) in [("(>1)", ">= 1"), ("<1", "<= 1"), (" ( << 1:2-3 ) ", "<< 1:2-3")] {
            assert_eq!(text.parse::<Constraint>().unwrap().to_string(), printed);
        }
        for bad in ["", "1.2", "(>= )", "~ 1", "== 1", "(>= 1"] {
            assert!(bad.parse::<Constraint>().is_err(), "{bad}");
        }
    }
}
