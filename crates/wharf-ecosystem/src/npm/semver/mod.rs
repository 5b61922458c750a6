//! Versions and ranges as node has them.
//!
//! | module | job |
//! |---|---|
//! | [`version`] | [`Version`]: parsing, normal form, order |
//! | [`range`] | [`Range`]: what it is made of, and whether a version satisfies it |
//! | `desugar` | from `^1.2 || 2.x` to comparators |
//! | `relate` | whether two ranges meet, and whether one lies in the other |
//! | `grammar` | the pieces of text that all of them read |
//!
//! Source: semver.org 2.0.0, and node-semver, whose behaviour is the standard where it goes beyond (loose forms, prereleases in
//! ranges, what is dropped from a range that is partly nonsense). One departure: numbers in prereleases that a double cannot hold
//! are compared digit by digit, where node takes close ones for equal.

mod desugar;
mod grammar;
pub mod range;
mod relate;
pub mod version;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

pub use range::{Comparator, InvalidRange, Operator, Range};
pub use version::{InvalidVersion, Version};

/// How exactly a text has to keep to the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// As semver.org has it, with a leading `v`.
    Strict,
    /// As npm reads what people wrote: `=1.2.3`, `1.2.3beta`, `01.2.3`; nonsense between the comparators of a range is left out.
    Loose,
}
