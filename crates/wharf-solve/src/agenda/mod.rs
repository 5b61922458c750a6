//! The third engine: items that are taken or left, requirements with alternatives and wishes, decided in reading order.
//!
//! The [`World`] says what an item brings when it is opened: groups of which one alternative has to be taken ([`Strength::Must`])
//! or should be ([`Strength::Wish`]), and items that it excludes. The search visits items depth first in the order in which a
//! person would read their requirements, and takes the first alternative that is not ruled out. Behind that order stands
//! conflict-driven clause learning, so that a wrong turn is taken back where it was made and never made again.
//! Source of the method: Marques-Silva and Sakallah, "GRASP" (1996), and Een and Sorensson, "An Extensible SAT-solver" (2003);
//! what differs is that clauses arrive when an item is first thought of, and that the order of decisions is an agenda which is
//! put back as it was when a decision is taken back.
//!
//! Invariant: nothing is asked about an item that no path of requirements leads to; the same world gives the same answer.
mod clauses;
mod search;

#[cfg(test)]
mod tests;

pub use search::solve;

/// Something that is taken or left. Dense: the world gives out 0, 1, 2, …
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Item(pub u32);

/// What a group or an exclusion means, in the world's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(pub u32);

/// How much a group matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// Without one of its alternatives there is no solution.
    Must,
    /// One of its alternatives is taken if the rest admits it at the time of its turn.
    Wish,
}

/// What an item brings with it when it is taken.
#[derive(Debug, Default)]
pub struct Brings {
    pub(crate) pool: Vec<Item>,
    pub(crate) groups: Vec<(Strength, u32, u32, Tag)>,
    pub(crate) excludes: Vec<(Item, Tag)>,
}

impl Brings {
    /// One of `alternatives` has to be taken as well, best first. A group without alternatives rules the item out.
    pub fn needs(&mut self, strength: Strength, alternatives: impl IntoIterator<Item = Item>, tag: Tag) {
        let start = self.pool.len() as u32;
        self.pool.extend(alternatives);
        let end = self.pool.len() as u32;
        self.groups.push((strength, start, end, tag));
    }

    /// `other` must not be taken as well. An item that excludes itself can never be taken.
    pub fn excludes(&mut self, other: Item, tag: Tag) {
        self.excludes.push((other, tag));
    }

    pub(crate) fn clear(&mut self) {
        self.pool.clear();
        self.groups.clear();
        self.excludes.clear();
    }
}

/// Gives meaning to items. Answers must not change during a search.
pub trait World {
    /// Why the world wants to stop: out of time, cancelled.
    type Stop;

    /// What `item` brings with it. Asked at most once for each item.
    ///
    /// # Errors
    /// When the search has to stop.
    fn open(&mut self, item: Item, brings: &mut Brings) -> Result<(), Self::Stop>;

    /// Asked at every conflict, with how many there were: whether to stop now.
    ///
    /// # Errors
    /// When the search has to stop.
    fn check(&mut self, conflicts: u64) -> Result<(), Self::Stop>;
}

/// What is asked for at the top, in reading order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand {
    /// One of these, best first.
    OneOf {
        /// How much it matters.
        strength: Strength,
        /// The alternatives.
        alternatives: Vec<Item>,
        /// What it means.
        tag: Tag,
    },
    /// Not this.
    Not {
        /// What is left.
        item: Item,
        /// What it means.
        tag: Tag,
    },
}

/// What led to an item: a group of another item, or a demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lead {
    /// The item whose group it is; nothing for a demand.
    pub by: Option<Item>,
    /// The group or demand.
    pub tag: Tag,
    /// Which alternative of it.
    pub alternative: u32,
}

/// An item that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The item.
    pub item: Item,
    /// The first thing that led to it.
    pub lead: Lead,
}

/// A wish that was not fulfilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Declined {
    /// The item whose wish it is; nothing for a demand.
    pub by: Option<Item>,
    /// The wish.
    pub tag: Tag,
}

/// A consistent choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Solution {
    /// What is taken, in the order of visits: depth first, in reading order.
    pub taken: Vec<Taken>,
    /// Wishes that the rest does not admit.
    pub declined: Vec<Declined>,
    /// What the search cost.
    pub effort: crate::Effort,
}

/// One rule that takes part in a contradiction, as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Of these one has to be taken, if `by` is taken (or always, for a demand).
    Needs {
        /// Whose rule it is.
        by: Option<Item>,
        /// The alternatives, by their numbers.
        alternatives: Vec<Item>,
        /// What it means.
        tag: Tag,
    },
    /// `other` must not be taken, if `by` is taken (or ever, for a demand).
    Excludes {
        /// Whose rule it is.
        by: Option<Item>,
        /// What is excluded.
        other: Item,
        /// What it means.
        tag: Tag,
    },
}

/// Why there is no solution.
#[derive(Debug)]
pub enum Failure<S> {
    /// These rules contradict each other: without a solution even if nothing else is asked for. Not necessarily the fewest.
    Unsatisfiable(Vec<Rule>),
    /// The world asked to stop.
    Stopped(S),
}
