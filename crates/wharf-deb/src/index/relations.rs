//! What a package says about others, read from the words of an index.
//!
//! Invariant: every step goes forward and ends with the section, so that damaged words end early and never turn in
//! circles. Source: Debian Policy, chapter 7.

use std::ops::Range;

use super::facts::{Kind, operator};
use super::layout::{Section, u32_at, words};
use super::{Index, NameId};
use crate::version::Operator;

/// The groups of one kind, as they stand in the control file: all of them are meant.
#[derive(Clone)]
pub struct Groups<'i> {
    index: &'i Index,
    /// Words that are left.
    words: Range<usize>,
}

impl<'i> Groups<'i> {
    pub(super) fn new(index: &'i Index, start: u32, kinds: u16, wanted: Kind) -> Self {
        Self {
            index,
            words: block(index.section(Section::Relations), start, kinds, wanted),
        }
    }
}

/// The words of one kind: those of the kinds before it are passed over.
fn block(section: &[u8], start: u32, kinds: u16, wanted: Kind) -> Range<usize> {
    if kinds & wanted.bit() == 0 {
        return 0..0;
    }
    let limit = section.len() / 4;
    let mut at = start as usize;
    for _ in 0..(kinds & (wanted.bit() - 1)).count_ones() {
        let length = u32_at(section, at.saturating_mul(4)) as usize;
        at = at.saturating_add(1).saturating_add(length);
    }
    let length = u32_at(section, at.saturating_mul(4)) as usize;
    let first = at.saturating_add(1).min(limit);
    first..first.saturating_add(length).min(limit)
}

impl<'i> Iterator for Groups<'i> {
    type Item = Group<'i>;

    fn next(&mut self) -> Option<Group<'i>> {
        if self.words.is_empty() {
            return None;
        }
        let start = self.words.start;
        let mut rest = Group {
            index: self.index,
            words: self.words.clone(),
        };
        while rest.step()?.is_followed {}
        self.words.start = rest.words.start;
        Some(Group {
            index: self.index,
            words: start..rest.words.start,
        })
    }
}

/// Alternatives, best first: one of them is meant.
#[derive(Clone)]
pub struct Group<'i> {
    index: &'i Index,
    words: Range<usize>,
}

/// An alternative as its words say it.
struct Step {
    name: NameId,
    constraint: Option<u32>,
    qualifier: Option<u32>,
    is_followed: bool,
}

impl Group<'_> {
    fn word(&mut self) -> Option<u32> {
        let at = self.words.next()?;
        Some(u32_at(
            self.index.section(Section::Relations),
            at.saturating_mul(4),
        ))
    }

    fn step(&mut self) -> Option<Step> {
        let word = self.word()?;
        let mut further = |flag| match word & flag != 0 {
            true => self.word().map(Some),
            false => Some(None),
        };
        Some(Step {
            name: NameId(word & words::NAME),
            constraint: further(words::VERSION)?,
            qualifier: further(words::QUALIFIER)?,
            is_followed: word & words::OR != 0,
        })
    }
}

impl<'i> Iterator for Group<'i> {
    type Item = Alternative<'i>;

    fn next(&mut self) -> Option<Alternative<'i>> {
        let step = self.step()?;
        let index = self.index;
        Some(Alternative {
            index,
            name: step.name,
            constraint: step.constraint.map(|word| {
                let operator = operator(word >> words::OPERATOR_SHIFT);
                (operator, index.version(word & words::VERSION_NUMBER))
            }),
            qualifier: step.qualifier.map(|term| index.term(term)),
        })
    }
}

/// One alternative: `name:qualifier (operator version)`.
#[derive(Clone, Copy)]
pub struct Alternative<'i> {
    index: &'i Index,
    name: NameId,
    constraint: Option<(Operator, &'i str)>,
    qualifier: Option<&'i str>,
}

impl<'i> Alternative<'i> {
    /// The number of the name, in the index that the relation is in.
    pub fn name_id(&self) -> NameId {
        self.name
    }

    /// The name.
    pub fn name(&self) -> &'i str {
        self.index.name(self.name)
    }

    /// The versions that are meant; all of them where it is not said.
    pub fn constraint(&self) -> Option<(Operator, &'i str)> {
        self.constraint
    }

    /// The architecture after the colon: `any`, `native`, or the name of one.
    pub fn qualifier(&self) -> Option<&'i str> {
        self.qualifier
    }
}

impl std::fmt::Display for Alternative<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())?;
        if let Some(qualifier) = self.qualifier {
            write!(f, ":{qualifier}")?;
        }
        if let Some((operator, version)) = self.constraint {
            write!(f, " ({operator} {version})")?;
        }
        Ok(())
    }
}

impl std::fmt::Display for Group<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (number, alternative) in self.clone().enumerate() {
            if number > 0 {
                f.write_str(" | ")?;
            }
            write!(f, "{alternative}")?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Alternative<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::fmt::Debug for Group<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}
