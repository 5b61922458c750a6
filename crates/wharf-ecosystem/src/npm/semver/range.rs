//! Ranges: alternatives, each a list of comparators that all have to hold.
//! Invariant: there is at least one alternative, and each has at least one comparator.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::version::Version;
use super::{Strictness, desugar, relate};

/// A set of versions, as `^1.2 || >=3 <4`. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Range {
    pub(super) alternatives: Alternatives,
    /// The alternatives as they are where prereleases count like other versions, if that makes a difference:
    /// `1.x` then begins at `1.0.0-0`.
    with_prereleases: Option<Alternatives>,
}

pub(super) type Alternatives = Arc<[Box<[Comparator]>]>;

/// One condition on a version.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Comparator {
    /// Every version.
    Any,
    /// The versions on one side of another, or that version itself.
    Bound(Operator, Version),
}

/// How a version has to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// Lower.
    Less,
    /// Lower or the same.
    LessOrEqual,
    /// The same.
    Equal,
    /// Higher or the same.
    GreaterOrEqual,
    /// Higher.
    Greater,
}

/// A text that is not a range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a range of versions")]
pub struct InvalidRange {
    /// What was given, cut where it is very long.
    pub text: String,
}

impl Range {
    /// Reads a range as npm does: loosely. What is no comparator is left out as long as something remains of its alternative;
    /// an alternative of which nothing remains is left out as long as another does.
    ///
    /// # Errors
    /// Where nothing remains (such a text is a tag), or where a number is too great.
    pub fn parse(text: &str) -> Result<Self, InvalidRange> {
        Self::parse_as(text, Strictness::Loose)
    }

    /// Reads a range with the given strictness.
    ///
    /// # Errors
    /// As for [`Range::parse`]; strictly, where anything at all is out of order.
    pub fn parse_as(text: &str, strictness: Strictness) -> Result<Self, InvalidRange> {
        let invalid = || InvalidRange {
            text: text.chars().take(256).collect(),
        };
        let (alternatives, included) = desugar::parse(text, strictness).ok_or_else(invalid)?;
        Ok(Self {
            alternatives: alternatives.into(),
            with_prereleases: included.map(Into::into),
        })
    }

    /// Every version that is not a prerelease: `*`.
    pub fn any() -> Self {
        Self::of(Comparator::Any)
    }

    /// This version and no other.
    pub fn only(version: &Version) -> Self {
        Self::of(Comparator::Bound(Operator::Equal, version.clone()))
    }

    fn of(comparator: Comparator) -> Self {
        Self::of_alternatives(vec![Box::from([comparator])])
    }

    pub(super) fn of_alternatives(alternatives: Vec<Box<[Comparator]>>) -> Self {
        Self {
            alternatives: alternatives.into(),
            with_prereleases: None,
        }
    }

    /// Whether a version lies in the range. A prerelease does only if a comparator of the same alternative names a prerelease of
    /// the same three numbers.
    pub fn satisfies(&self, version: &Version) -> bool {
        self.alternatives.iter().any(|alternative| {
            let within = alternative.iter().all(|comparator| comparator.holds(version));
            within && (!version.is_prerelease() || alternative.iter().any(|one| one.admits(version)))
        })
    }

    /// Whether a version lies in the range, where prereleases count like other versions.
    pub fn satisfies_including_prerelease(&self, version: &Version) -> bool {
        let alternatives = self.with_prereleases.as_ref().unwrap_or(&self.alternatives);
        let holds = |alternative: &[Comparator]| alternative.iter().all(|one| one.holds(version));
        alternatives.iter().any(|alternative| holds(alternative))
    }

    /// Whether this version or a higher one may lie in it. Of versions in order, none lies in it from the first on that is not.
    pub fn reaches(&self, version: &Version) -> bool {
        let reaches = |alternative: &[Comparator]| alternative.iter().all(|one| one.reaches(version));
        self.alternatives().any(reaches)
    }

    /// The range in which prereleases count like other versions, for [`fmt::Display`].
    #[cfg(test)]
    pub(super) fn including_prereleases(self) -> Self {
        Self {
            alternatives: self.with_prereleases.unwrap_or(self.alternatives),
            with_prereleases: None,
        }
    }

    /// Whether every version that is not a prerelease lies in it.
    pub fn is_any(&self) -> bool {
        matches!(&*self.alternatives, [only] if matches!(**only, [Comparator::Any]))
    }

    /// Whether a member of a workspace of this version answers it: `*` takes a prerelease, and one that states no version.
    pub fn takes_member(&self, version: Option<&Version>) -> bool {
        self.is_any() || version.is_some_and(|version| self.satisfies(version))
    }

    /// The one version that lies in it, where it names just that.
    pub fn exact(&self) -> Option<&Version> {
        match &*self.alternatives {
            [only] => match &**only {
                [Comparator::Bound(Operator::Equal, version)] => Some(version),
                _ => None,
            },
            _ => None,
        }
    }

    /// The alternatives and their comparators.
    pub fn alternatives(&self) -> impl Iterator<Item = &[Comparator]> {
        self.alternatives.iter().map(|alternative| &**alternative)
    }

    /// Whether some version could lie in both, as node judges it: by pairs of comparators.
    pub fn intersects(&self, other: &Range) -> bool {
        relate::intersects(self, other)
    }

    /// Whether every version of this range lies in `other`, as node judges it.
    pub fn subset(&self, other: &Range) -> bool {
        relate::subset(self, other)
    }

    /// The versions that lie in both; `None` where no version could.
    #[must_use]
    pub fn and(&self, other: &Range) -> Option<Range> {
        relate::and(self, other)
    }
}

impl Comparator {
    /// Whether the condition holds, whatever the version's prerelease.
    pub(super) fn holds(&self, version: &Version) -> bool {
        let Comparator::Bound(operator, bound) = self else {
            return true;
        };
        let order = version.precedence(bound);
        match operator {
            Operator::Less => order == Ordering::Less,
            Operator::LessOrEqual => order != Ordering::Greater,
            Operator::Equal => order == Ordering::Equal,
            Operator::GreaterOrEqual => order != Ordering::Less,
            Operator::Greater => order == Ordering::Greater,
        }
    }

    /// Whether it holds for this version or may hold for a higher one.
    fn reaches(&self, version: &Version) -> bool {
        match self {
            Comparator::Any | Comparator::Bound(Operator::GreaterOrEqual | Operator::Greater, _) => true,
            Comparator::Bound(Operator::Less, bound) => version.precedence(bound) == Ordering::Less,
            Comparator::Bound(Operator::LessOrEqual | Operator::Equal, bound) => {
                version.precedence(bound) != Ordering::Greater
            }
        }
    }

    /// Whether it names a prerelease of the same three numbers.
    fn admits(&self, version: &Version) -> bool {
        match self {
            Comparator::Any => false,
            Comparator::Bound(_, bound) => bound.is_prerelease() && bound.same_release(version),
        }
    }

    /// Whether no version is low enough: `<0.0.0-0`.
    pub(super) fn is_nothing(&self) -> bool {
        match self {
            Comparator::Bound(Operator::Less, bound) => bound.as_str() == "0.0.0-0",
            Comparator::Bound(..) | Comparator::Any => false,
        }
    }
}

impl Operator {
    /// As ranges write it; empty for [`Operator::Equal`].
    pub fn as_str(self) -> &'static str {
        match self {
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Equal => "",
            Operator::GreaterOrEqual => ">=",
            Operator::Greater => ">",
        }
    }
}

impl fmt::Display for Range {
    /// In node's normal form (`>=1.2.0 <2.0.0-0||3.0.0`); `*` for any version.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_any() {
            return f.write_str("*");
        }
        for (position, alternative) in self.alternatives.iter().enumerate() {
            if position > 0 {
                f.write_str("||")?;
            }
            for (position, comparator) in alternative.iter().enumerate() {
                if position > 0 {
                    f.write_str(" ")?;
                }
                write!(f, "{comparator}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Comparator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Comparator::Any => Ok(()),
            Comparator::Bound(operator, version) => {
                write!(f, "{}{}", operator.as_str(), version.without_build())
            }
        }
    }
}

impl fmt::Debug for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Comparator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Range {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}
