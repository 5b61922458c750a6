//! Words of control files that an index keeps as numbers: kinds of relations, operators, Multi-Arch, priorities.
//!
//! Invariant: the number of each is part of the format of the index and never changes its meaning within one version of
//! it. Source: Debian Policy, chapters 2, 5 and 7; the specification of Multi-Arch.

use crate::packages::MultiArch;
use crate::version::Operator;

/// What a relation says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Must be configured before this one is unpacked.
    PreDepends = 0,
    /// Must be there for this one to work.
    Depends = 1,
    /// May not be there at the same time.
    Conflicts = 2,
    /// May not be configured at the same time.
    Breaks = 3,
    /// Is there in all but unusual installations.
    Recommends = 4,
    /// Makes this one more useful.
    Suggests = 5,
    /// Files of these may be overwritten.
    Replaces = 6,
    /// This one makes the others more useful.
    Enhances = 7,
    /// Names that this one answers to as well.
    Provides = 8,
}

impl Kind {
    /// All of them, by their numbers. Names are numbered in the order in which fields are looked at, and that is apt's.
    pub const ALL: [Kind; 9] = [
        Kind::PreDepends,
        Kind::Depends,
        Kind::Conflicts,
        Kind::Breaks,
        Kind::Recommends,
        Kind::Suggests,
        Kind::Replaces,
        Kind::Enhances,
        Kind::Provides,
    ];

    /// The field of a control file.
    pub fn field(self) -> &'static str {
        match self {
            Kind::PreDepends => "Pre-Depends",
            Kind::Depends => "Depends",
            Kind::Recommends => "Recommends",
            Kind::Suggests => "Suggests",
            Kind::Enhances => "Enhances",
            Kind::Conflicts => "Conflicts",
            Kind::Breaks => "Breaks",
            Kind::Replaces => "Replaces",
            Kind::Provides => "Provides",
        }
    }

    pub(super) fn bit(self) -> u16 {
        1 << (self as u8)
    }
}

/// The number of an operator.
pub(super) fn operator_number(operator: Operator) -> u32 {
    match operator {
        Operator::Less => 0,
        Operator::LessEqual => 1,
        Operator::Equal => 2,
        Operator::GreaterEqual => 3,
        Operator::Greater => 4,
    }
}

/// The operator of a number.
pub(super) fn operator(number: u32) -> Operator {
    match number {
        0 => Operator::Less,
        1 => Operator::LessEqual,
        3 => Operator::GreaterEqual,
        4 => Operator::Greater,
        _ => Operator::Equal,
    }
}

/// The number of what stands in `Multi-Arch`.
pub(super) fn multi_arch_number(multi_arch: MultiArch) -> u8 {
    match multi_arch {
        MultiArch::No => 0,
        MultiArch::Same => 1,
        MultiArch::Foreign => 2,
        MultiArch::Allowed => 3,
    }
}

/// What stands in `Multi-Arch`, of its number.
pub(super) fn multi_arch(number: u8) -> MultiArch {
    match number {
        1 => MultiArch::Same,
        2 => MultiArch::Foreign,
        3 => MultiArch::Allowed,
        _ => MultiArch::No,
    }
}

/// How much a package matters, most important first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Priority {
    /// The system does not work without it.
    Required = 0,
    /// Expected on any system.
    Important = 1,
    /// Part of a small system for people.
    Standard = 2,
    /// Everything else.
    #[default]
    Optional = 3,
    /// As `optional`; no longer used by Debian.
    Extra = 4,
}

impl Priority {
    /// As control files write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Priority::Required => "required",
            Priority::Important => "important",
            Priority::Standard => "standard",
            Priority::Optional => "optional",
            Priority::Extra => "extra",
        }
    }

    pub(super) fn parse(text: &str) -> Self {
        match text {
            "required" => Priority::Required,
            "important" => Priority::Important,
            "standard" => Priority::Standard,
            "extra" => Priority::Extra,
            _ => Priority::Optional,
        }
    }

    pub(super) fn of(number: u8) -> Self {
        match number {
            0 => Priority::Required,
            1 => Priority::Important,
            2 => Priority::Standard,
            4 => Priority::Extra,
            _ => Priority::Optional,
        }
    }
}
