//! What a package says about others: `libc6 (>= 2.36), python3:any | python (<< 3) [linux-any] <!nocheck>`.
//!
//! | module | job |
//! |---|---|
//! | [`terms`](mod@terms) | one alternative after the other, borrowed: what an index is built from |
//! | this one | [`Relations`], owned, and how they are printed |
//!
//! Invariant: parse∘print is the identity on what `parse` gives.
//! Source: Debian Policy 7.1 and 7.2, deb-control(5), deb-src-control(5).

use std::fmt;
use std::str::FromStr;

use wharf_core::{Ecosystem, PackageName};

use crate::architecture;
use crate::version::{Constraint, Operator, Version};

pub mod terms;

pub use terms::{InvalidRelation, Term, terms};

/// A whole field: all of its relations have to be met.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Relations(pub Vec<Relation>);

/// One relation: one of its alternatives, the first by preference.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Relation {
    /// Never empty.
    pub alternatives: Vec<Alternative>,
}

/// One package, or one of several versions of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Alternative {
    /// The package or what it provides.
    pub name: PackageName,
    /// What follows the name and a colon.
    pub qualifier: Option<Qualifier>,
    /// Which versions.
    pub version: Option<(Operator, Version)>,
    /// On which architectures it counts; all of them where it is empty.
    pub architectures: Vec<ArchitectureTerm>,
    /// In which builds it counts: one of the lists has to hold whole; all builds where it is empty.
    pub profiles: Vec<Vec<ProfileTerm>>,
}

/// What follows a name and a colon.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Qualifier {
    /// `:any`: of any architecture, where the package allows it.
    Any,
    /// `:native`: of the architecture that builds.
    Native,
    /// `:amd64`: of this architecture.
    Architecture(architecture::Architecture),
}

/// One word between brackets: `linux-any`, `!i386`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ArchitectureTerm {
    /// Whether the architectures are left out.
    pub negated: bool,
    /// An architecture or a pattern.
    pub pattern: String,
}

/// One word between angle brackets: `!nocheck`, `cross`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProfileTerm {
    /// Whether the profile must not be active.
    pub negated: bool,
    /// The profile.
    pub profile: String,
}

impl Relations {
    /// Reads a whole field.
    ///
    /// # Errors
    /// Where one of its alternatives is malformed.
    pub fn parse(text: &str) -> Result<Self, InvalidRelation> {
        let mut relations: Vec<Relation> = Vec::new();
        for term in terms(text) {
            let term = term?;
            let alternative = Alternative::of(&term, text)?;
            match relations.last_mut().filter(|_| !term.first) {
                Some(relation) => relation.alternatives.push(alternative),
                None => relations.push(Relation {
                    alternatives: vec![alternative],
                }),
            }
        }
        Ok(Self(relations))
    }

    /// The relations that count on an architecture and in a build with these profiles. Alternatives that do not count go;
    /// a relation of which none is left goes too.
    #[must_use]
    pub fn reduced(&self, architecture: &str, profiles: &[&str]) -> Self {
        let kept = self.0.iter().filter_map(|relation| {
            let alternatives: Vec<Alternative> = relation
                .alternatives
                .iter()
                .filter(|alternative| alternative.counts(architecture, profiles))
                .cloned()
                .collect();
            (!alternatives.is_empty()).then_some(Relation { alternatives })
        });
        Self(kept.collect())
    }
}

impl Alternative {
    /// Reads one alternative such as `nginx (>= 1.22)`.
    ///
    /// # Errors
    /// Where it is malformed, or more than one.
    pub fn parse(text: &str) -> Result<Self, InvalidRelation> {
        let mut all = terms(text);
        let first = all
            .next()
            .ok_or_else(|| InvalidRelation::new(text, text, "it is empty"))??;
        if all.next().is_some() {
            return Err(InvalidRelation::new(text, text, "it is more than one package"));
        }
        Self::of(&first, text)
    }

    fn of(term: &Term<'_>, whole: &str) -> Result<Self, InvalidRelation> {
        let invalid = |at: &str, reason| InvalidRelation::new(whole, at, reason);
        let name =
            PackageName::new(Ecosystem::Deb, term.name).map_err(|error| invalid(term.name, error.reason))?;
        let qualifier = term
            .qualifier
            .map(|text| Qualifier::parse(text).ok_or_else(|| invalid(text, "it is no architecture")))
            .transpose()?;
        let version = term
            .version
            .map(|(operator, text)| match Version::parse(text) {
                Ok(version) => Ok((operator, version)),
                Err(error) => Err(invalid(text, error.reason)),
            })
            .transpose()?;
        Ok(Self {
            name,
            qualifier,
            version,
            architectures: term
                .architectures()
                .map(|(negated, pattern)| ArchitectureTerm {
                    negated,
                    pattern: pattern.to_owned(),
                })
                .collect(),
            profiles: term
                .profiles()
                .map(|list| {
                    list.map(|(negated, profile)| ProfileTerm {
                        negated,
                        profile: profile.to_owned(),
                    })
                    .collect()
                })
                .collect(),
        })
    }

    /// Whether it counts on an architecture and in a build with these profiles.
    pub fn counts(&self, architecture: &str, profiles: &[&str]) -> bool {
        let here = terms::fits_architecture(
            self.architectures
                .iter()
                .map(|term| (term.negated, term.pattern.as_str())),
            architecture,
        );
        let active = |term: &ProfileTerm| profiles.contains(&term.profile.as_str()) != term.negated;
        here && (self.profiles.is_empty() || self.profiles.iter().any(|list| list.iter().all(active)))
    }

    /// Whether a version meets the condition; every version does where there is none.
    pub fn accepts(&self, version: &Version) -> bool {
        self.version
            .as_ref()
            .is_none_or(|(operator, bound)| operator.accepts(version.cmp(bound)))
    }

    /// The condition on versions as a value of its own.
    pub fn constraint(&self) -> Option<Constraint> {
        self.version.as_ref().map(|(operator, version)| Constraint {
            operator: *operator,
            version: version.clone(),
        })
    }
}

impl Qualifier {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "any" => Qualifier::Any,
            "native" => Qualifier::Native,
            other => Qualifier::Architecture(architecture::Architecture::parse(other).ok()?),
        })
    }

    /// As it is written after the colon.
    pub fn as_str(&self) -> &str {
        match self {
            Qualifier::Any => "any",
            Qualifier::Native => "native",
            Qualifier::Architecture(name) => name.as_str(),
        }
    }
}

impl FromStr for Relations {
    type Err = InvalidRelation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl FromStr for Alternative {
    type Err = InvalidRelation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Relations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        separated(f, &self.0, ", ")
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        separated(f, &self.alternatives, " | ")
    }
}

impl fmt::Display for Alternative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        if let Some(qualifier) = &self.qualifier {
            write!(f, ":{}", qualifier.as_str())?;
        }
        if let Some((operator, version)) = &self.version {
            write!(f, " ({operator} {version})")?;
        }
        if !self.architectures.is_empty() {
            f.write_str(" [")?;
            separated(f, &self.architectures, " ")?;
            f.write_str("]")?;
        }
        for list in &self.profiles {
            f.write_str(" <")?;
            separated(f, list, " ")?;
            f.write_str(">")?;
        }
        Ok(())
    }
}

impl fmt::Display for ArchitectureTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", negation(self.negated), self.pattern)
    }
}

impl fmt::Display for ProfileTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", negation(self.negated), self.profile)
    }
}

fn negation(negated: bool) -> &'static str {
    if negated { "!" } else { "" }
}

fn separated<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T], separator: &str) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            f.write_str(separator)?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
